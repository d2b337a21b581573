"""A tiny recipe on drawn people, for tests of training."""

from pathlib import Path
from typing import Any

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.crops_cache import RenderedPeople
from occlusion_toolkit.training.data import RunData
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.sample import HeldOut, Mix, MixedSamples, RowsFrom, Stage
from support.drawn_people import draw_cache

OPEN_TEST = Path(__file__).parents[2] / "examples" / "open-test"
BACKBONE = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 8, "input_pooling": 2}
PARE = {"kind": "pare", "backbone": BACKBONE, "branch": "upsample", "filters": [8], "corrects_mean": True}
HMR = {"kind": "hmr", "backbone": BACKBONE, "hidden": 16, "dropout": 0.3}


def recipe_content(network: dict[str, Any] = PARE, **train: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "network": network,
        "body": OPEN_BODY_TOPOLOGY,
        "train": {
            "seed": 3,
            "steps": 6,
            "batch_size": 4,
            "optimisation": {"learning_rate": 1e-3, "average_decay": 0.5},
            "supervision": {"by": "parts", "until_step": 4} if network["kind"] == "pare" else None,
            "data": [{"shares": {"synthetic": 1.0}}],
            "augmentation": {"resolution": 112, "label_stride": 4, "occlusion": None},
            "held_out": 4,
            "validate_every": 3,
            "pictures_every": 1000,
        }
        | train,
    }


def tiny_recipe(network: dict[str, Any] = PARE, **train: Any) -> Recipe:
    return Recipe.model_validate(recipe_content(network, **train))


def tiny_data(recipe: Recipe, folder: Path) -> RunData:
    cache = draw_cache(load_open_body(), folder)
    train = recipe.train
    source = RenderedPeople("synthetic", cache, train.augmentation, [], train.seed, train.batch_size)
    rows = RowsFrom(source, train.held_out)
    sizes = {"synthetic": len(rows)}
    stages = [Stage(stage.shares) for stage in train.data]
    samples = MixedSamples([rows], Mix(stages, sizes, train.seed))
    return RunData(samples, HeldOut(source, train.held_out), sizes, TrainingBodies(Bodies(), recipe.body))


def link_people(folder: Path) -> Path:
    """Two sequences of the shipped test set, ten people, as if they were to be trained on."""
    names = sorted(path.stem for path in (OPEN_TEST / "sequenceFiles" / "test").glob("*.pkl"))[:2]
    (folder / "sequenceFiles" / "train").mkdir(parents=True)
    for name in ("dataset.json", "imageFiles", "partFiles"):
        (folder / name).symlink_to(OPEN_TEST / name)
    for name in names:
        file = OPEN_TEST / "sequenceFiles" / "test" / f"{name}.pkl"
        (folder / "sequenceFiles" / "train" / file.name).symlink_to(file)
    return folder
