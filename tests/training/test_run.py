import csv
import io
import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.training_fixtures import HMR, PARE, SMALL, tiny_data, tiny_recipe
from torch.utils.data import Dataset

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.models.cards import read_card
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.training.callbacks import BAD_BATCH
from occlusion_toolkit.training.checkpoints import CHECKPOINT
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.data import RunData
from occlusion_toolkit.training.pictures import HEADING_PX, TILE_PX
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.run import RunOptions, check_run, fit
from occlusion_toolkit.training.sample import TrainingSample


def run(recipe: Recipe, data: RunData, out: Path, **options: Any) -> int:
    chosen = RunOptions(out, **options)
    check_run(recipe, chosen)
    return fit(recipe, data, chosen).steps


def weights(out: Path) -> dict[str, torch.Tensor]:
    """Weights, averaged weights and the moments of the optimiser."""
    stored = torch.load(out / CHECKPOINT, weights_only=True)
    tensors = {f"average.{name}": value for name, value in stored["state_dict"].items()}
    for number, state in stored["optimizer_states"][0]["state"].items():
        tensors |= {f"moments.{number}.{name}": value for name, value in state.items()}
    return tensors | stored["current_model_state"]


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Watched(Dataset[TrainingSample]):
    """The same samples; something happens when one of them is drawn."""

    def __init__(self, data: RunData) -> None:
        self.data, self.happens_at, self.drawn = data, -1, list[int]()

    def __getitem__(self, position: int) -> TrainingSample:
        sample = self.data.samples[position]
        self.drawn.append(position)
        return self.changed(sample) if position == self.happens_at else sample

    def changed(self, sample: TrainingSample) -> TrainingSample:
        return sample

    def as_data(self) -> RunData:
        return RunData(self, self.data.held_out, self.data.people, self.data.bodies)


class Interrupted(Watched):
    signal = signal.SIGINT

    def changed(self, sample: TrainingSample) -> TrainingSample:
        os.kill(os.getpid(), self.signal)
        return sample


class Spoilt(Watched):
    def changed(self, sample: TrainingSample) -> TrainingSample:
        return sample._replace(betas=sample.betas * float("nan"))


@pytest.mark.slow
@pytest.mark.parametrize("network", [PARE, HMR], ids=["pare", "hmr"])
def test_run_stopped_after_every_step_equals_an_uninterrupted_one(
    data: RunData, tmp_path: Path, network: dict[str, Any]
) -> None:
    recipe = tiny_recipe(network, steps=3, validate_every=1)
    assert run(recipe, data, tmp_path / "whole") == 3
    done = [run(recipe, data, tmp_path / "parts", end=0.0, resume=True) for _ in range(3)]
    assert done == [1, 2, 3]
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


@pytest.mark.slow
def test_processes_that_load_samples_change_nothing(data: RunData, tmp_path: Path) -> None:
    recipe = tiny_recipe(steps=2)
    with threads(2):  # loader processes have one
        samples = [data.samples[position] for position in range(24)]
    for position, sample in enumerate(samples):
        assert all(torch.equal(a, b) for a, b in zip(sample, data.samples[position], strict=True)), position
    run(recipe, data, tmp_path / "alone")
    run(recipe, data, tmp_path / "helped", workers=2)
    alone, helped = weights(tmp_path / "alone"), weights(tmp_path / "helped")
    assert all(torch.equal(value, helped[name]) for name, value in alone.items())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_and_saves(
    data: RunData, tmp_path: Path, number: signal.Signals
) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    watched = Interrupted(data)
    watched.signal = number
    watched.happens_at = 68  # later than the samples that the mean person is taken of
    recipe = tiny_recipe(steps=30, validate_every=30)
    assert run(recipe, watched.as_data(), tmp_path) == 18  # of 4 samples each, 68 is in the 18th step
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["global_step"] == 18
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_infinite_loss_stops_before_the_weights_and_saves_the_batch(data: RunData, tmp_path: Path) -> None:
    spoilt = Spoilt(data)
    spoilt.happens_at = 68
    with pytest.raises(TrainingError, match=f"nan at step 17.*{BAD_BATCH}"):
        run(tiny_recipe(HMR, steps=30, validate_every=15), spoilt.as_data(), tmp_path)
    batch = torch.load(tmp_path / BAD_BATCH, weights_only=True)
    assert batch["position"].tolist() == [68, 69, 70, 71]
    assert batch["betas"][0].isnan().all()
    assert all(value.isfinite().all() for value in weights(tmp_path).values())


def test_weights_come_with_a_card_that_loads(data: RunData, tmp_path: Path) -> None:
    recipe = tiny_recipe(pictures_every=3, validate_every=3, steps=3)
    run(recipe, data, tmp_path)
    card = read_card(tmp_path / "tiny-best.yaml")
    assert card.training is not None
    assert (card.training.steps, card.training.samples, card.training.part_supervision_steps) == (3, 12, 3)
    assert {error.metric for error in card.errors} == {"MPJPE", "PA-MPJPE"}
    assert card.description == "3 steps of recipe tiny, 12 samples"
    best, last = (load_regressor(tmp_path / f"tiny-{which}.yaml") for which in ("best", "last"))
    crops = torch.randn(1, 3, 224, 224)
    assert torch.equal(best(crops).rotmats, last(crops).rotmats)
    averaged = torch.load(tmp_path / CHECKPOINT, weights_only=True)["state_dict"]
    state = best.network.state_dict()
    assert all(torch.equal(value, averaged[f"network.{name}"]) for name, value in state.items())
    with Image.open(tmp_path / "pictures" / "step-000003.png") as sheet:
        assert sheet.size == (7 * TILE_PX, 4 * TILE_PX + HEADING_PX)
        heading = np.asarray(sheet.crop((0, 0, sheet.width, HEADING_PX)).convert("L"))
    assert all((column < 128).any() for column in np.hsplit(heading, 7))  # every column has a name
    logged = (tmp_path / "logs" / "csv" / "metrics.csv").read_text()
    assert all(name in logged for name in ("loss/total", "validation/part_iou", "speed/samples_per_s"))


def test_folder_of_another_run_is_not_overwritten(data: RunData, tmp_path: Path) -> None:
    run(tiny_recipe(), data, tmp_path, end=0.0)
    with pytest.raises(TrainingError, match="--resume"):
        run(tiny_recipe(), data, tmp_path)


def test_what_is_no_checkpoint_of_a_run_cannot_be_resumed(data: RunData, tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    run(tiny_recipe(), data, tmp_path, end=0.0)
    whole = path.read_bytes()
    foreign = io.BytesIO()
    torch.save({"state_dict": {}}, foreign)
    contents = [whole[:0], whole[:100], whole[: len(whole) // 2], whole[:-1], b"text", foreign.getvalue()]
    for content in [*contents, pickle.dumps(Path("elsewhere")), pickle.dumps([1])]:
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=r"last\.ckpt cannot be resumed: it is damaged") as refused:
            run(tiny_recipe(), data, tmp_path, resume=True)
        assert "\n" not in str(refused.value)


def test_other_people_than_before_are_refused(data: RunData, tmp_path: Path) -> None:
    run(tiny_recipe(), data, tmp_path, end=0.0)
    others = RunData(data.samples, data.held_out, {"synthetic": 7}, data.bodies)
    with pytest.raises(TrainingError, match="cannot go on"):
        run(tiny_recipe(), others, tmp_path, resume=True)


def test_batches_that_do_not_divide_are_refused(data: RunData, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="batch of 4 cannot be divided among 1 devices and 3"):
        run(tiny_recipe(), data, tmp_path, parts=3)


def test_stop_in_the_middle_of_accumulated_parts_finishes_the_step(data: RunData, tmp_path: Path) -> None:
    done = [run(tiny_recipe(), data, tmp_path, parts=2, end=0.0, resume=True) for _ in range(2)]
    assert done == [1, 2]
    with pytest.raises(TrainingError, match="--accumulate 2"):
        run(tiny_recipe(), data, tmp_path, resume=True)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"start_from": "nowhere.pth"}, {}, r"nowhere\.pth"),
        ({}, {"precision": "fp16"}, "needs a GPU"),
        ({}, {"devices": 8}, "cannot be shared by 8 devices"),
        ({}, {"parts": 3}, "cannot be divided"),
    ],
)
def test_what_cannot_run_is_refused_before_data_are_read(
    tmp_path: Path, changes: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        check_run(tiny_recipe(**changes), RunOptions(out=tmp_path, **options))


def test_another_start_than_before_is_refused(data: RunData, tmp_path: Path) -> None:
    run(tiny_recipe(), data, tmp_path / "first", end=0.0)
    run(tiny_recipe(steps=1, validate_every=1), data, tmp_path / "other")
    weights = tmp_path / "other" / "weights" / "tiny-last.safetensors"
    with pytest.raises(
        TrainingError, match=r"begun from random weights.*tiny-last\.safetensors.*--start-from"
    ):
        run(tiny_recipe(start_from=str(weights)), data, tmp_path / "first", resume=True)


def test_cards_of_a_lost_run_are_not_taken_for_those_of_a_new_one(data: RunData, tmp_path: Path) -> None:
    run(tiny_recipe(steps=1, validate_every=1), data, tmp_path)
    (tmp_path / CHECKPOINT).unlink()
    with pytest.raises(TrainingError, match=r"tiny-best\.yaml is of a run whose last\.ckpt is gone"):
        run(tiny_recipe(), data, tmp_path)


def test_another_seed_or_length_than_before_is_refused(data: RunData, tmp_path: Path) -> None:
    run(tiny_recipe(), data, tmp_path, end=0.0)
    with pytest.raises(TrainingError, match="another seed and another steps"):
        run(tiny_recipe(seed=4, steps=9), data, tmp_path, resume=True)


def test_half_precision_learns_nearly_the_same(data: RunData, tmp_path: Path) -> None:
    recipe = tiny_recipe(steps=2)
    run(recipe, data, tmp_path / "fp32")
    run(recipe, data, tmp_path / "bf16", precision="bf16")
    plain, half = weights(tmp_path / "fp32"), weights(tmp_path / "bf16")
    name = "network.backbone.conv1.weight"
    assert not torch.equal(plain[name], half[name])
    assert torch.allclose(plain[name], half[name], atol=5e-3)  # two steps of at most 1e-3 each, and rounding


@pytest.mark.slow
def test_network_learns_a_few_people_by_heart(cache: CropsCache, tmp_path: Path) -> None:
    still = {"flip_probability": 0.0, "turn_probability": 0.0, "zoom": 0.0, "shift": 0.0}
    plain = {
        "channel_gain": 0.0,
        "contrast": 0.0,
        "grey_probability": 0.0,
        "blur_probability": 0.0,
        "noise": 0.0,
    }
    recipe = tiny_recipe(
        steps=150,
        validate_every=150,
        batch_size=8,
        held_out=72,
        optimisation={"learning_rate": 5e-3, "final_rate": 0.05, "warm_up_steps": 10},
        supervision={"by": "parts"},
        augmentation=SMALL | {"warps": still, "appearance": plain, "motion_blur": 0.0},
    )
    run(recipe, tiny_data(recipe, cache), tmp_path / "run")
    with (tmp_path / "run" / "logs" / "csv" / "metrics.csv").open() as file:
        logged = [row for row in csv.DictReader(file) if row["loss/total"]]
    for name, share in (("joints_3d", 0.1), ("pose", 0.3), ("joints_2d", 0.1), ("parts", 0.4)):
        first, last = (float(logged[index][f"loss/{name}"]) for index in (0, -1))
        assert last < share * first, name
