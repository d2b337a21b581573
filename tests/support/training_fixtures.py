"""A tiny recipe on drawn people, for tests of training."""

from pathlib import Path
from typing import Any

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.crops_cache import CropsCache, RenderedPeople
from occlusion_toolkit.training.curves import METRICS
from occlusion_toolkit.training.data import RunData
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.sample import HeldOut, Mix, MixedSamples

OPEN_TEST = Path(__file__).parents[2] / "examples" / "open-test-2"
BACKBONE = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 8, "input_pooling": 4}
PARE = {"kind": "pare", "backbone": BACKBONE, "branch": "upsample", "filters": [8], "corrects_mean": True}
HMR = {"kind": "hmr", "backbone": BACKBONE, "hidden": 16, "dropout": 0.3}

SMALL = {"resolution": 56, "label_stride": 2, "occlusion": None}


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
            "augmentation": SMALL,
            "held_out": 4,
            "validate_every": 3,
            "pictures_every": 1000,
        }
        | train,
    }


def tiny_recipe(network: dict[str, Any] = PARE, **train: Any) -> Recipe:
    return Recipe.model_validate(recipe_content(network, **train))


def tiny_data(recipe: Recipe, cache: CropsCache) -> RunData:
    """What a recipe learns from, of a cache that is there already."""
    train = recipe.train
    source = RenderedPeople("synthetic", cache, train.augmentation, train.seed, train.batch_size)
    sizes = {"synthetic": len(source) - train.held_out}
    mix = Mix(train.data, train.batch_size, sizes, train.seed)
    samples = MixedSamples([source], mix, train.held_out)
    return RunData(samples, HeldOut(source, train.held_out), sizes, TrainingBodies(Bodies(), recipe.body))


def link_people(folder: Path) -> Path:
    """Five sequences of the shipped test set, ten people, as if they were to be trained on."""
    names = sorted(path.stem for path in (OPEN_TEST / "sequenceFiles" / "test").glob("*.pkl"))[:5]
    (folder / "sequenceFiles" / "train").mkdir(parents=True)
    for name in ("dataset.json", "imageFiles", "partFiles"):
        (folder / name).symlink_to(OPEN_TEST / name)
    for name in names:
        file = OPEN_TEST / "sequenceFiles" / "test" / f"{name}.pkl"
        (folder / "sequenceFiles" / "train" / file.name).symlink_to(file)
    return folder


def write_fake_log(run: Path) -> None:
    """The log of a training of 40 logged steps with a validation in the middle and at the end."""
    path = run / METRICS
    path.parent.mkdir(parents=True)
    lines = ["loss/joints_3d,loss/pose,loss/parts,step,validation/pa_mpjpe_mm"]
    lines += [f"{1 / (9 + n)},{1 / (20 + n)},{max(0, 20 - n) / 10},{50 * n + 49}," for n in range(40)]
    lines[21:21] = [",,,999,90.5"]
    path.write_text("\n".join([*lines, ",,,1999,80.25"]) + "\n")
