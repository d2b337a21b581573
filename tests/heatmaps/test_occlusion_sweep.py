"""`OcclusionSweep`: any regressor, occluder and metric; settings that travel; crops that belong together."""

import inspect
import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image
from support.fakes import TinyNetwork, bent_elbow
from support.people_in_crops import random_crop, random_truth
from support.tiny_card import write_tiny_card

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.data.crops import normalise
from occlusion_toolkit.errors import (
    GridError,
    GroundTruthError,
    OccluderError,
    TopologyError,
    UsageError,
)
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.sweep.measure import METRICS
from occlusion_toolkit.sweep.occluders import Occluder, parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

BODIES = Bodies()
NETWORK = TinyNetwork().eval()


def sweep_of(model=NETWORK, **settings) -> OcclusionSweep:
    return OcclusionSweep(model, **{"stride": 112, "device": "cpu", "bodies": BODIES} | settings)


def a_function(crops: torch.Tensor):
    return NETWORK(crops)


@pytest.mark.parametrize(("model", "name"), [(NETWORK, "tiny-network"), (a_function, "a-function")])
def test_a_module_and_a_function_are_regressors_of_the_open_body(model, name):
    crop, sweep = random_crop(), sweep_of(model)
    maps = sweep(crop)
    grey = parse_occluder("grey", 40)
    expected = WindowSweep(NETWORK, sweep.body, sweep.grid, grey).run(normalise(crop.pixels)[None])
    np.testing.assert_allclose(maps["displacement"], expected["displacement"], atol=1e-2)
    assert maps.dataset["displacement"].max() > 1
    assert (maps.card.model_card, maps.card.body) == (name, sweep.body.topology)
    assert (maps.metric, maps.metrics) == ("displacement", ("displacement", "pa_displacement"))


def test_many_crops_in_one_call_are_the_crops_one_by_one():
    crops, done = [random_crop(seed, random_truth(seed)) for seed in range(3)], []
    maps = sweep_of(batch_size=7)(iter(crops), lambda *counts: done.append(counts))
    assert done[-1] == (15, 15)
    assert list(maps.dataset["image"].values) == [0, 1, 2]
    assert list(maps.dataset["file"].values) == ["photo 0.jpg", "photo 1.jpg", "photo 2.jpg"]
    for position, crop in enumerate(crops):
        alone = sweep_of()(crop)
        for metric in alone.metrics:
            np.testing.assert_allclose(
                maps.sel(metric=metric, image=position), alone.sel(metric=metric), atol=1e-2
            )
        np.testing.assert_array_equal(maps.detail("crop", position), crop.pixels)
        assert maps.table(position).image == crop.file


def test_a_truth_is_measured_and_kept_and_an_unknown_camera_stays_unknown():
    truth = random_truth(dataset="3dpw", split="test", gender="female")
    maps = sweep_of()(random_crop(truth=truth))
    assert (maps.metric, maps.card.has_truth) == ("error", True)
    assert (maps.card.dataset, maps.card.split) == ("3dpw", "test")
    np.testing.assert_array_equal(maps.detail("true_rotmats"), truth.parameters.rotmats[0])
    assert np.isnan(maps.detail("true_camera")).all()
    increase = maps["error"] - maps.clean("error")
    xr.testing.assert_allclose(maps.sel(metric="increase"), increase.squeeze("image"))


@pytest.mark.parametrize(
    ("truths", "error", "words"),
    [
        ([], UsageError, "no crops"),
        ([random_truth(), None], GroundTruthError, "only some"),
        ([random_truth(dataset="a"), random_truth(dataset="b")], GroundTruthError, "several data sets"),
        ([random_truth(), random_truth(topology=None)], GroundTruthError, "several data sets or bodies"),
        ([random_truth(topology="smpl")], TopologyError, "'smpl'"),
        ([random_truth(gender="x")], GroundTruthError, "gender 'x'"),
    ],
    ids=["none", "some", "data sets", "bodies", "another body", "gender"],
)
def test_crops_that_do_not_belong_together_are_refused(truths, error, words):
    with pytest.raises(error, match=words):
        sweep_of()([random_crop(truth=truth) for truth in truths])


def test_a_metric_of_ones_own_has_its_name_everywhere(tmp_path):
    def furthest(predicted, target):
        """The same for every joint: the distance of the joint that is furthest off."""
        return METRICS["mpjpe"](predicted, target).amax(dim=1, keepdim=True).expand(predicted.shape[:2])

    maps = sweep_of(metrics=METRICS | {"furthest": furthest})(random_crop(truth=random_truth()))
    assert maps.metrics[-3:] == ("furthest_displacement", "furthest_error", "furthest_increase")
    np.testing.assert_allclose(
        maps.sel(metric="furthest_error", joint="neck"), maps.sel(metric="error").max("joint")
    )
    maps.focused("furthest_error").save(tmp_path / "result.h5")
    stored = OcclusionMaps.open(tmp_path / "result.h5", BODIES)
    assert stored.card.metrics == ("mpjpe", "pa_mpjpe", "furthest")
    assert stored.table().metric == "furthest_error"
    assert stored.table().overall.clean_mm == pytest.approx(float(maps.clean("error").max()))
    assert "error by furthest [mm]" in [text.get_text() for text in stored.plot().texts]
    assert sweep_of(metrics={"furthest": furthest})(random_crop()).metric == "furthest_displacement"


@pytest.mark.parametrize("metrics", [{}, {"pa": METRICS["mpjpe"]}, {"my metric": METRICS["mpjpe"]}])
def test_metrics_that_cannot_be_stored_are_refused_before_anything_is_loaded(metrics):
    with pytest.raises(UsageError):
        sweep_of("nowhere.yaml", metrics=metrics)


class Stripes(Occluder):
    """Black and white rows."""

    def __init__(self) -> None:
        self.spec = {"name": "stripes", "rgb": (0, 255)}

    def fill(self, crops: torch.Tensor) -> torch.Tensor:
        return (torch.arange(crops.shape[2]) % 2 * 4.0 - 2.0)[None, None, :, None].expand_as(crops)


def test_an_occluder_of_ones_own_is_pasted_recorded_and_drawn(tmp_path):
    sees_white = lambda crops: bent_elbow(crops.amax(dim=(1, 2, 3)))  # noqa: E731
    crop = random_crop()
    crop.pixels[:] = 128
    maps = sweep_of(sees_white, occluder=Stripes(), joints="smpl24")(crop)
    assert (maps.sel(joint="left_wrist") > 1).all()
    assert maps.card.occluder == {"name": "stripes", "rgb": [0, 255]}
    assert set(np.unique(maps.occluded_crop((0, 0)))) > {128}
    maps.save(tmp_path / "result.h5")
    with pytest.raises(OccluderError, match="unknown occluder 'stripes'"):
        OcclusionMaps.open(tmp_path / "result.h5", BODIES).occluded_crop((0, 0))
    again = OcclusionMaps.open(tmp_path / "result.h5", BODIES, Stripes())
    np.testing.assert_array_equal(again.occluded_crop((0, 0)), maps.occluded_crop((0, 0)))


def test_a_sweep_travels_small_before_and_after_it_was_used(tmp_path):
    sweep = OcclusionSweep(write_tiny_card(tmp_path), stride=112, occluder="noise:7", device="cpu")
    before = pickle.dumps(sweep)
    maps = sweep(random_crop())
    after = pickle.dumps(sweep)
    assert max(len(before), len(after)) < 4096
    for packed in (before, after):
        xr.testing.assert_identical(pickle.loads(packed)(random_crop()).dataset, maps.dataset)


def test_a_changed_sweep_keeps_every_other_setting(tmp_path):
    picture = tmp_path / "cup.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    settings = {
        "model": "tiny.yaml",
        "size": 24,
        "stride": 56,
        "grid": "inside",
        "occluder": f"image:{picture}",
        "metrics": {"mine": METRICS["mpjpe"]},
        "joints": "smpl24",
        "true_gender": "neutral",
        "device": "cpu",
        "batch_size": 3,
        "precision": "bf16",
        "tolerance_mm": (0.5, 5.0),
        "compile": True,
        "engine": "dense",
        "bodies": Bodies(tmp_path),
    }
    assert set(settings) == set(inspect.signature(OcclusionSweep).parameters)  # none is forgotten below
    sweep = OcclusionSweep(**settings)
    picture.unlink()  # it was read
    assert sweep.changed().__dict__ == sweep.__dict__ | {"_occluder_given": sweep.occluder}
    assert (sweep.changed(batch_size=5).batch_size, sweep.batch_size) == (5, 3)
    assert sweep_of(occluder="blur").changed(size=80).occluder.spec["sigma_px"] == 20
    with pytest.raises(TypeError, match="siez"):
        sweep.changed(siez=3)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"stride": 9}, GridError),
        ({"occluder": "purple"}, OccluderError),
        ({"joints": "lsp15"}, UsageError),
        ({"device": "abacus"}, UsageError),
    ],
    ids=str,
)
def test_settings_that_can_never_work_are_refused_before_anything_is_loaded(settings, error):
    with pytest.raises(error):
        sweep_of("nowhere.yaml", **settings)


def test_what_a_faster_arithmetic_changes_is_stored_with_the_maps(tmp_path):
    assert sweep_of()(random_crop()).deviation_mm is None
    maps = sweep_of(precision="bf16", tolerance_mm=(50.0, 500.0))(random_crop())
    assert 0 < maps.deviation_mean_mm < maps.deviation_mm < 50
    maps.save(tmp_path / "result.h5")
    stored = OcclusionMaps.open(tmp_path / "result.h5", BODIES)
    assert stored.table().deviation_mm == pytest.approx(maps.deviation_mm)
    assert stored.table().deviation_mean_mm == pytest.approx(maps.deviation_mean_mm)
    assert stored.card.precision == "bf16"


def test_the_card_says_fp32_where_low_precision_gave_way_to_it():
    maps = sweep_of(precision="bf16", tolerance_mm=(0.0, 0.0))(random_crop())
    assert maps.deviation_mm > 0
    assert maps.card.precision == "fp32"
