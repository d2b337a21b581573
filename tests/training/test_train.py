"""`train`: what a user of the package calls."""

from pathlib import Path
from typing import Any

import pytest
import torch
from support.training_fixtures import tiny_recipe

from occlusion_toolkit.errors import DatasetError, TrainingError, UsageError
from occlusion_toolkit.training.train import train


def test_time_to_prepare_the_data_counts_and_the_run_goes_on(rendered: Path, tmp_path: Path) -> None:
    recipe, lines = tiny_recipe(steps=2, validate_every=2), list[str]()
    prepared: list[tuple[int, int]] = []
    stopped = train(
        recipe,
        data=rendered,
        out=tmp_path,
        workers=0,
        max_minutes=1e-9,
        progress=lambda done, count: prepared.append((done, count)),
    )
    assert (stopped.steps, stopped.all_steps, stopped.card) == (1, 2, None)
    assert prepared == [(number, 5) for number in range(1, 6)]  # sequences
    run = train(
        recipe, data={"synthetic": rendered}, out=tmp_path, workers=0, resume=True, report=lines.append
    )
    assert (run.steps, run.people) == (2, {"synthetic": 6})  # four of the ten are held out
    assert run.card is not None
    assert run.card.is_file()
    assert lines[0] == "6 people of synthetic"
    assert lines[-1].startswith("step 2 of 2; ")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"data": "nowhere"}, UsageError, "no folder 'nowhere'"),
        ({"data": {"h36m": Path()}}, UsageError, "no data set 'h36m'; it has synthetic"),
        ({"recipe": "pare-opn"}, UsageError, "no recipe 'pare-opn'"),
        ({"accumulate": 3}, TrainingError, "cannot be divided"),
        ({"device": "cpu", "precision": "fp16"}, TrainingError, "needs a GPU"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        train(**{"recipe": tiny_recipe(), "out": tmp_path / "run"} | options)
    assert not (tmp_path / "run").exists()


def test_arithmetic_that_the_processor_lacks_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    lines = list[str]()
    with pytest.raises(DatasetError):
        train(tiny_recipe(), out=tmp_path, data=tmp_path, device="cpu", precision="bf16", report=lines.append)
    assert [line.partition(";")[0] for line in lines] == [
        "bf16: this processor lacks such arithmetic and PyTorch emulates it"
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no GPU"):
        train(tiny_recipe(), out=tmp_path, device="gpu")
