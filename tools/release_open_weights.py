"""Exports the three open networks from their finished runs and writes what was measured on their cards.

    python tools/release_open_weights.py --runs runs --cache crops --hardware "..." --training-data "..."

`runs` holds the folders that docs/training-open-weights.md makes: shared, pare-open, hmr-synthocc-open and
hmr-open.
"""

import argparse
from pathlib import Path

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.datasets.threedpw import ThreeDPW
from occlusion_toolkit.occlusion.grid import Grid
from occlusion_toolkit.regressors.cards import ErrorFigure, write_card
from occlusion_toolkit.regressors.registry import load_regressor
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.evaluation import PoseErrors, constant_predictor, mean_person
from occlusion_toolkit.training.export import Release, export
from occlusion_toolkit.training.loop import CHECKPOINT
from occlusion_toolkit.training.report import clean_errors, ground_truth, load_crops, mean_and_occluded

GRID = Grid("centred", size=40, stride=28)
OCCLUDED = f"grey square of {GRID.size} px, centred grid of stride {GRID.stride} px"
TITLES = {
    "pare-open": (
        "PARE, open, compact",
        "PARE on a ResNet-18 of half the width, trained with synthetic occlusion on rendered people. "
        "The network to start with: free weights on a free body.",
    ),
    "hmr-synthocc-open": (
        "HMR with synthetic occlusion, open, compact",
        "HMR on the trunk of pare-open with the same data, samples and augmentation: the baseline that the "
        "paper calls HMR-EFT.",
    ),
    "hmr-open": (
        "HMR without synthetic occlusion, open, compact",
        "HMR on the trunk of pare-open with the same data and samples but never an occluded crop: the "
        "stand-in for SPIN.",
    ),
}
LIMITATIONS = (
    "Small, trained for minutes on rendered people only; poses of photographs are rough. Shape (betas) is "
    "hardly better than the mean. For accuracy on photographs fetch published weights."
)


def figures(errors: PoseErrors, condition: str) -> list[ErrorFigure]:
    """The two lines of a card for one condition."""
    values = (("MPJPE", errors.mpjpe_mm), ("PA-MPJPE", errors.pa_mpjpe_mm))
    return [
        ErrorFigure(
            dataset="examples/open-test, 24 sequences, 120 frames",
            condition=condition,
            metric=metric,
            joints="lsp14",
            value_mm=round(value, 1),
            origin="measured",
            reference="tools/release_open_weights.py",
        )
        for metric, value in values
    ]


def release(name: str, arguments: argparse.Namespace, body: BodyModel, frames: ThreeDPW) -> None:
    """Export, load, measure and write one network."""
    title, description = TITLES[name]
    facts = Release(
        title=title,
        description=description,
        data=arguments.training_data,
        data_seed=arguments.data_seed,
        hardware=arguments.hardware,
        body=body.topology,
        limitations=LIMITATIONS,
    )
    card = export(
        arguments.runs / name / CHECKPOINT,
        arguments.models,
        facts,
        started_from=arguments.runs / "shared" / CHECKPOINT,
    )
    path = arguments.models / f"{name}.yaml"
    people = list(frames)
    clean, mean, worst = mean_and_occluded(
        load_regressor(path), body, load_crops(people), ground_truth(people), GRID
    )
    errors = (
        *figures(clean, "clean"),
        *figures(mean, f"{OCCLUDED}, mean over the {len(GRID)} windows"),
        *figures(worst, f"{OCCLUDED}, worst window of each person"),
    )
    write_card(card.model_copy(update={"errors": errors}), path)
    print(f"{name}\n  clean {clean}\n  mean  {mean}\n  worst {worst}", flush=True)


def main() -> None:
    """Release all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--hardware", required=True)
    parser.add_argument("--training-data", required=True, help="one line about the training images")
    parser.add_argument("--data-seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="crops cache, to state the error of the mean person")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("examples/open-test"))
    parser.add_argument("--only", choices=tuple(TITLES), action="append")
    arguments = parser.parse_args()
    body = load_open_body()
    frames = ThreeDPW(arguments.data, "test")
    if arguments.cache is not None:
        people = list(frames)
        nobody = constant_predictor(mean_person(CropsCache(arguments.cache)))
        position, aligned = clean_errors(nobody, body, load_crops(people), ground_truth(people)).mean(dim=1)
        print(
            f"mean person of the training set\n  MPJPE {position:.1f} mm, PA-MPJPE {aligned:.1f} mm",
            flush=True,
        )
    for name in arguments.only or TITLES:
        release(name, arguments, body, frames)


if __name__ == "__main__":
    main()
