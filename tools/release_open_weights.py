"""Ships the open networks from their finished runs, with what was measured of them on their cards.

    python tools/release_open_weights.py --runs out/runs --hardware "..." --training-data "..." --data-seed 3

`out/runs` holds the folders of `occlusion-toolkit train`, one for each card (docs/training.md). What is
shipped is what each run ended with, not its best, so that all have seen the same number of crops.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.cards import ErrorFigure, read_card, write_card
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.training.evaluation import PoseErrors, errors_mm, ground_truth, load_crops

GRID = Grid("centred", size=40, stride=56)
OCCLUDED = f"grey square of {GRID.size} px, centred grid of stride {GRID.stride} px"
AT_ONCE = 16
NETWORKS = ("pare-open", "hmr-synthocc-open", "hmr-open")


def figures(errors: PoseErrors, condition: str) -> list[ErrorFigure]:
    """The two lines of a card for one condition."""
    values = (("MPJPE", errors.mpjpe_mm), ("PA-MPJPE", errors.pa_mpjpe_mm))
    return [
        ErrorFigure(
            dataset="examples/open-test-2, 72 sequences, 144 frames",
            condition=condition,
            metric=metric,
            joints="lsp14",
            value_mm=round(value, 1),
            origin="measured",
            reference="tools/release_open_weights.py",
        )
        for metric, value in values
    ]


def ship(name: str, arguments: argparse.Namespace) -> Path:
    """Ship one network and describe how it was made; returns its card, which has no errors yet."""
    trained = arguments.runs / name / f"{name}-last.yaml"
    made, path = read_card(trained), arguments.models / f"{name}.yaml"
    file = arguments.models / "weights" / f"{name}.safetensors"
    write_state_dict(file, load_regressor(trained).network.state_dict(), {"recipe": name}, half=True)
    if made.training is None:
        raise SystemExit(f"{trained} does not say how its weights were made")
    facts = {
        "data": arguments.training_data,
        "data_seed": arguments.data_seed,
        "hardware": arguments.hardware,
        "started_from": arguments.started_from or made.training.started_from,
    }
    old = read_card(path)
    steps, seed = made.training.steps, made.training.seed
    source = f"occlusion-toolkit train models/{name}.yaml --steps {steps} --seed {seed}"
    card = old.model_copy(
        update={
            "network": made.network,
            "training": made.training.model_copy(update=facts),
            "weights": old.weights.model_copy(update={"sha256": sha256_file(file), "source": source}),
            "errors": (),
        }
    )
    write_card(card, path)
    return path


@torch.no_grad()
def measure(cards: Sequence[Path], body: BodyModel, people: ThreeDPW) -> Float[np.ndarray, "w cards 2 p"]:
    """MPJPE and PA-MPJPE of everybody, clean and under every window, mm; the backbone looks once for all."""
    crops, truth = load_crops(people), ground_truth(people)
    networks = [load_regressor(card).network for card in cards]
    trunk, occluder = networks[0].backbone, parse_occluder("grey", GRID.size)
    if len({network.backbone.checksum() for network in networks}) > 1:
        raise SystemExit("these networks do not share a trunk; release them one after the other (--only)")
    windows = (window.expand(len(crops), 4) for window in torch.from_numpy(GRID.windows()))
    found = []
    for pictures in (crops, *(occluder.apply(crops, window) for window in windows)):
        sight = torch.cat([trunk.see(part) for part in pictures.split(AT_ONCE)])
        found.append([errors_mm(net.head(net.backbone.neck(sight)), truth, body).numpy() for net in networks])
    return np.array(found)


def main() -> None:
    """Release all that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--hardware", required=True)
    parser.add_argument("--training-data", required=True, help="one line about the training images")
    parser.add_argument("--data-seed", type=int, required=True)
    parser.add_argument("--started-from", help="what the runs started from, where the recipe does not say it")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("examples/open-test-2"))
    parser.add_argument("--only", choices=NETWORKS, action="append")
    arguments = parser.parse_args()
    names = arguments.only or NETWORKS
    cards = [ship(name, arguments) for name in names]
    found = measure(cards, load_open_body(), ThreeDPW(arguments.data, "test")).swapaxes(0, 1)
    for name, path, errors in zip(names, cards, found, strict=True):
        clean, mean, worst = (
            PoseErrors(*values.mean(axis=-1).tolist())
            for values in (errors[0], errors[1:].mean(axis=0), errors[1:].max(axis=0))
        )
        lines = (
            *figures(clean, "clean"),
            *figures(mean, f"{OCCLUDED}, mean over the {len(GRID)} windows"),
            *figures(worst, f"{OCCLUDED}, worst window of each person"),
        )
        write_card(read_card(path).model_copy(update={"errors": lines}), path)
        print(f"{name}\n  clean {clean}\n  mean  {mean}\n  worst {worst}", flush=True)


if __name__ == "__main__":
    main()
