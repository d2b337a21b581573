"""Ships the open networks from their finished runs, with what was measured of them on their cards.

    python tools/release_open_weights.py --runs out/runs --hardware "..." --training-data "..." --data-seed 3

`out/runs` holds the folders of `occlusion-toolkit train`, one for each card (docs/training.md). What is
shipped is what each run ended with, not its best, so that all have seen the same number of crops.
"""

import argparse
from pathlib import Path

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.cards import ErrorFigure, read_card, write_card
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.training.evaluation import PoseErrors, ground_truth, load_crops, swept_errors

GRID = Grid("centred", size=40, stride=56)
OCCLUDED = f"grey square of {GRID.size} px, centred grid of stride {GRID.stride} px"
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


def release(name: str, arguments: argparse.Namespace, body: BodyModel, people: ThreeDPW) -> None:
    """Ship, load, measure and describe one network."""
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
    if arguments.started_from is not None:
        source += " --start-from FILE"
    weights = {"sha256": sha256_file(file), "source": source}
    card = old.model_copy(
        update={
            "network": made.network,
            "training": made.training.model_copy(update=facts),
            "weights": old.weights.model_copy(update=weights),
        }
    )
    write_card(card, path)
    found = swept_errors(load_regressor(path), body, load_crops(people), ground_truth(people), GRID)
    windows = found[["error", "pa_error"]]
    clean, mean, worst = (
        PoseErrors(*(float(values.mean()) for values in condition.values()))
        for condition in (
            found[["clean_error", "clean_pa_error"]],
            windows.mean(["row", "col"]),
            windows.max(["row", "col"]),
        )
    )
    errors = (
        *figures(clean, "clean"),
        *figures(mean, f"{OCCLUDED}, mean over the {len(GRID)} windows"),
        *figures(worst, f"{OCCLUDED}, worst window of each person"),
    )
    write_card(card.model_copy(update={"errors": errors}), path)
    print(f"{name}\n  clean {clean}\n  mean  {mean}\n  worst {worst}", flush=True)


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
    body, people = load_open_body(), ThreeDPW(arguments.data, "test")
    for name in arguments.only or NETWORKS:
        release(name, arguments, body, people)


if __name__ == "__main__":
    main()
