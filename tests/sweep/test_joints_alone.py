"""Networks that give joints and no body are swept, measured, evaluated and checked like others."""

import numpy as np
import pytest
import torch
import xarray as xr
from support.fakes import PointNetwork, TinyNetwork
from support.people_in_crops import random_crop, random_truth

from occlusion_toolkit.body.camera import project_to_crop
from occlusion_toolkit.body.joint_output import JointsAlone
from occlusion_toolkit.body.joints import BLAZEPOSE33, LSP14, SMPL24
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.scene import read_scene
from occlusion_toolkit.errors import BodyModelError, ModelCardError, ResultError, TopologyError
from occlusion_toolkit.evaluation.run import evaluate
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.conformance import check_regressor
from occlusion_toolkit.models.probe import open_probe
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.report.example import example_part
from occlusion_toolkit.surveys import shards
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.shards import true_camera
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

NETWORK = PointNetwork().eval()
TINY = TinyNetwork().eval()


def points(**settings) -> OcclusionSweep:
    model = load_regressor(NETWORK, name="points", body="joints")
    return OcclusionSweep(model, **{"stride": 112, "size": 112, "device": "cpu"} | settings)


def test_maps_hold_the_networks_own_joints_confidence_and_places(tmp_path):
    crop = random_crop()
    maps = points(joints="blazepose33")(crop)
    from occlusion_toolkit.data.crops import normalise

    clean = NETWORK(normalise(crop.pixels)[None])
    assert maps.joint_names == BLAZEPOSE33.joint_names
    torch.testing.assert_close(
        torch.tensor(maps.dataset["clean_confidence"].values), clean.confidence.detach()
    )
    torch.testing.assert_close(torch.tensor(maps.dataset["clean_joints_px"].values), clean.points_px.detach())
    assert maps.dataset["confidence"].dims == ("image", "joint", "row", "col")
    maps.save(tmp_path / "maps.h5")
    xr.testing.assert_equal(OcclusionMaps.open(tmp_path / "maps.h5").dataset, maps.dataset)


@pytest.mark.parametrize("engine", ["dense", "fused", "incremental"])
def test_displacement_is_the_distance_of_mapped_joints_and_confidence_that_of_the_window(engine):
    sweep = WindowSweep(
        NETWORK, JointsAlone(), Grid(size=56, stride=56), parse_occluder("grey", 56), engine=engine
    )
    crop = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(1))
    maps = sweep.run(crop)
    hidden = crop.clone()
    hidden[..., 56:112, 112:168] = 0
    with torch.no_grad():
        apart = NETWORK(hidden).centred(LSP14) - NETWORK(crop).centred(LSP14)
    expected = 1000 * apart.norm(dim=-1)[0]
    found = torch.tensor(maps["displacement"].values[0, :, 1, 2])
    torch.testing.assert_close(found, expected, atol=0.01, rtol=1e-4)
    sure = torch.tensor(maps["confidence"].values[0, :, 1, 2])
    torch.testing.assert_close(
        sure, NETWORK(hidden).in_set(LSP14).confidence[0].detach(), atol=1e-4, rtol=1e-4
    )


def test_a_truth_is_measured_on_its_own_body_and_needs_one():
    crop = random_crop(truth=random_truth(topology=OPEN_BODY_TOPOLOGY))
    maps = points()(crop)
    assert maps.card.ground_truth_body == OPEN_BODY_TOPOLOGY
    assert maps.card.body == "joints"
    assert float(maps.clean("error").mean()) > 0
    with pytest.raises(TopologyError, match="does not say its body"):
        points()(random_crop(truth=random_truth(topology=None)))


def test_there_is_no_body_to_show():
    with pytest.raises(BodyModelError, match="points gives joints alone"):
        _ = points()(random_crop()).body


def test_cards_and_answers_must_agree():
    crops = torch.zeros(1, 3, 224, 224)
    with pytest.raises(ModelCardError, match=r"answers with joints alone.*body='joints'"):
        load_regressor(NETWORK)(crops)
    with pytest.raises(ModelCardError, match="RegressorOutput instead of a JointOutput"):
        load_regressor(TinyNetwork().eval(), body="joints")(crops)


def test_evaluation_has_joint_errors_and_no_vertices():
    people = open_dataset("open", limit=4)
    [result] = evaluate(load_regressor(NETWORK, name="points", body="joints"), people).results
    assert result["clean_error"].shape == (4, 14)
    assert "clean_pve" not in result


def test_checks_find_points_that_stand_on_their_heads():
    def failed(network: PointNetwork) -> dict[str, str]:
        findings = check_regressor(load_regressor(network, body="joints"), open_probe())
        return {finding.check: finding.message for finding in findings if not finding.passed}

    assert "units" not in failed(NETWORK)
    assert "y points down" in failed(PointNetwork(upright=False).eval())["units"]


def test_maps_of_a_data_set_are_carried_to_the_true_body_where_it_stands(tmp_path):
    people = open_dataset("open", limit=2)
    mesh = survey(points(), people, out=tmp_path / "survey").mesh()
    assert mesh.card.body == OPEN_BODY_TOPOLOGY
    assert np.isfinite(mesh.sel(joint="mean")).sum() > 1000  # vertices that a camera sees
    body = load_open_body()
    for sample in people:
        camera = torch.from_numpy(true_camera(sample, body, 224))[None]
        truth = BodyParameters(torch.tensor(sample.rotmats)[None], torch.tensor(sample.betas)[None], camera)
        places = project_to_crop(body.joints(truth, SMPL24), camera, 224)[0, :, :2].numpy()
        scene = read_scene(sample, SMPL24.joint_names)
        known = np.isfinite(scene.joints_px).all(axis=1)
        assert known.sum() >= 6
        assert (
            np.linalg.norm(places - scene.joints_px, axis=1)[known].mean() < 12
        )  # weak perspective, and key points are no SMPL joints


def test_without_a_camera_there_is_no_mesh_and_the_reason_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "true_camera", lambda *_: np.full(3, np.nan, np.float32))
    found = survey(points(), open_dataset("open", limit=1), out=tmp_path / "survey")
    with pytest.raises(ResultError, match="does not say where the true body stands"):
        found.mesh()


def test_the_report_draws_its_joints_as_sticks_and_the_truth_as_a_body():
    crop = random_crop(truth=random_truth(has_camera=True))
    part = example_part(
        "a person", {"points": points()(crop), "body": OcclusionSweep(TINY, stride=112, size=112)(crop)}
    )
    ends = {end for one, other, _ in part["models"]["points"]["bones"] for end in (one, other)}
    assert max(ends) < len(LSP14)
    assert len(part["models"]["body"]["bones"]) == len(SMPL24) - 1 == len(part["true_bones"])
