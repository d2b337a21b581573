import dataclasses
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file
from support.training_fixtures import HMR, PARE, tiny_recipe
from support.weak_cameras import fit_camera
from torch import Tensor
from torch.utils.data import default_collate

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import BLAZEPOSE33, SMPL24
from occlusion_toolkit.body.joints49 import J24
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.models.architecture import Architecture
from occlusion_toolkit.models.base import MeanParameters, RegressorOutput
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.data import RunData
from occlusion_toolkit.training.evaluation import mean_iou, part_overlaps
from occlusion_toolkit.training.heatmap_losses import attention_loss
from occlusion_toolkit.training.losses import project
from occlusion_toolkit.training.module import RegressorTraining, rate_share
from occlusion_toolkit.training.network import build_network, mean_person, starting_weights, take_over
from occlusion_toolkit.training.recipe import Optimisation
from occlusion_toolkit.training.sample import TrainingSample


@pytest.fixture(scope="module")
def batch(data: RunData) -> TrainingSample:
    return default_collate([data.held_out[row] for row in range(4)])


def module(data: RunData, supervised_by: str = "parts") -> RegressorTraining:
    recipe = tiny_recipe(PARE, supervision={"by": supervised_by, "until_step": 4})
    return RegressorTraining(recipe, data.bodies, MeanParameters.standing(), data.people)


def the_truth(data: RunData, batch: TrainingSample) -> RegressorOutput:
    """What a perfect network says."""
    joints = data.bodies.joints("neutral")
    bodies = BodyParameters(batch.rotmats, batch.betas, torch.zeros(len(batch.crop), 3))
    logits = 40 * torch.nn.functional.one_hot(batch.labels.long(), 25).permute(0, 3, 1, 2).float()
    return RegressorOutput(batch.rotmats, batch.betas, fit_camera(joints(bodies), batch.keypoints), logits)


def test_truth_costs_nothing(data: RunData, batch: TrainingSample) -> None:
    terms = module(data).objective(the_truth(data, batch), batch)
    for name, value in vars(terms).items():
        assert value.item() == pytest.approx(0, abs=1e-5), name


def test_every_term_notices_what_it_is_for(data: RunData, batch: TrainingSample) -> None:
    objective, truth = module(data).objective, the_truth(data, batch)
    shift = torch.tensor([0.0, 0.2, 0.0])
    moved = RegressorOutput(truth.rotmats, truth.betas, truth.camera + shift, truth.part_logits)
    assert objective(moved, batch).joints_2d > 1e-3
    assert objective(moved, batch).joints_3d < 1e-9
    bent = truth.rotmats.roll(1, dims=0)
    assert objective(RegressorOutput(bent, truth.betas, truth.camera), batch).pose > 1e-3
    assert objective(RegressorOutput(bent, truth.betas, truth.camera), batch).joints_3d > 1e-4
    grown = RegressorOutput(truth.rotmats, truth.betas + 1, truth.camera)
    assert objective(grown, batch).betas.item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("flag", "blind"), [("has_smpl", ("pose", "betas", "parts")), ("has_pose_3d", ("joints_3d",))]
)
def test_people_without_annotation_do_not_count(
    data: RunData, batch: TrainingSample, flag: str, blind: tuple[str, ...]
) -> None:
    torch.manual_seed(0)
    objective = module(data).objective
    output = RegressorOutput(
        batch.rotmats.roll(1, 0), torch.randn(4, 10), torch.randn(4, 3), torch.randn(4, 25, 8, 8)
    )
    known = torch.tensor([True, True, False, False])
    some = objective(output, batch._replace(**{flag: known}))
    halves = RegressorOutput(output.rotmats[:2], output.betas[:2], output.camera[:2], output.part_logits[:2])
    alone = objective(halves, TrainingSample(*(value[:2] for value in batch)))
    nobody = objective(output, batch._replace(**{flag: torch.zeros(4, dtype=torch.bool)}))
    for name in blind:
        assert getattr(some, name).item() == pytest.approx(getattr(alone, name).item(), rel=1e-5)
        assert getattr(nobody, name).item() == 0
    assert some.joints_2d.item() == objective(output, batch).joints_2d.item()


def test_points_of_a_tuned_blazepose_are_taught_where_the_joints_are(
    data: RunData, batch: TrainingSample
) -> None:
    objective, truth = module(data).objective, the_truth(data, batch)
    places, metres = torch.full((4, 39, 2), 9.0), torch.full((4, 39, 3), 9.0)
    for point, name in enumerate(BLAZEPOSE33.joint_names):
        if name in J24.joint_names:
            places[:, point] = batch.keypoints[:, 25 + J24.index(name), :2]
            metres[:, point] = batch.joints_3d[:, J24.index(name), :3] + 5.0
    right = objective(truth, batch, points=(places, metres))
    assert right.points_2d.item() == pytest.approx(0, abs=1e-9)
    assert right.points_3d.item() == pytest.approx(0, abs=1e-9)
    assert objective(truth, batch).points_2d.item() == 0
    wrist = BLAZEPOSE33.index("left_wrist")
    places[:, wrist], metres[:, wrist] = places[:, wrist] + 0.1, metres[:, wrist] + 0.1
    wrong = objective(truth, batch, points=(places, metres))
    seen = batch.keypoints[:, 25 + J24.index("left_wrist"), 2].mean().item()
    assert wrong.points_2d.item() == pytest.approx(seen * 0.01 / 17, rel=1e-4)
    assert wrong.points_3d.item() == pytest.approx(0.01 / 17, rel=1e-4)
    nobody = batch._replace(has_pose_3d=torch.zeros(4, dtype=torch.bool))
    assert objective(truth, nobody, points=(places, metres)).points_3d.item() == 0


def test_openpose_keypoints_and_unseen_joints_have_no_weight(data: RunData, batch: TrainingSample) -> None:
    objective, truth = module(data).objective, the_truth(data, batch)
    keypoints = batch.keypoints.clone()
    keypoints[:, :25, :2] += 1
    keypoints[:, 30, :2] += 1
    keypoints[:, 30, 2] = 0
    assert objective(truth, batch._replace(keypoints=keypoints)).joints_2d < 1e-5


def test_supervision_ends_by_step_count(data: RunData, batch: TrainingSample) -> None:
    trained = module(data)
    assert [trained.supervised(step) for step in (0, 3, 4, 100)] == [True, True, False, False]
    output = RegressorOutput(batch.rotmats, batch.betas, torch.ones(4, 3), torch.randn(4, 25, 8, 8))
    for by in ("parts", "heatmaps and joints"):
        objective = module(data, by).objective
        terms = [objective(output, batch, supervised=supervised) for supervised in (True, False)]
        branch = [term.parts + term.heatmaps + term.heatmap_joints for term in terms]
        assert branch[0] > 0
        assert branch[1] == 0


@pytest.mark.parametrize("by", ["attention", "heatmaps", "heatmaps and joints"])
def test_joint_supervision_pulls_attention_to_the_joints(
    data: RunData, batch: TrainingSample, by: str
) -> None:
    trained = module(data, by)
    objective = trained.objective
    bodies = BodyParameters(batch.rotmats, batch.betas, torch.zeros(4, 3))
    camera = fit_camera(data.bodies.joints("neutral")(bodies), batch.keypoints)
    places = project(data.bodies.model("neutral").joints(bodies, SMPL24), camera)
    logits = torch.zeros(4, 25, 14, 14, requires_grad=True)
    output = RegressorOutput(batch.rotmats, batch.betas, camera, logits)
    terms = objective(output, batch)
    assert (terms.parts > 0, terms.heatmaps > 0, terms.heatmap_joints > 0) == (
        by == "attention",
        by != "attention",
        by == "heatmaps and joints",
    )
    (gradient,) = torch.autograd.grad(terms.total(trained.recipe.train.losses), logits)
    knee = SMPL24.index("left_knee")
    x, y = (((places[0, knee] + 1) / 2) * 14).long().tolist()
    lowest = gradient[0, knee + 1].argmin().item()
    assert abs(lowest // 14 - y) <= 1
    assert abs(lowest % 14 - x) <= 1
    assert not gradient[:, 0].any()


def test_uniform_attention_costs_the_logarithm_of_the_map() -> None:
    uniform = torch.full((1, 24, 10, 10), 0.01)
    everyone = torch.ones(1, dtype=torch.bool)
    loss = attention_loss(uniform, torch.zeros(1, 24, 2), everyone)
    assert loss.item() == pytest.approx(torch.log(torch.tensor(100.0)).item(), rel=1e-4)
    assert attention_loss(uniform, torch.full((1, 24, 2), 3.0), everyone).item() == 0


def test_part_iou_counts_pixels_over_the_set() -> None:
    labels = torch.zeros(2, 8, 8, dtype=torch.uint8)
    labels[0, :4], labels[1, :, :2], labels[1, 7] = 1, 5, 255
    perfect = torch.nn.functional.one_hot(labels.where(labels < 25, 0).long(), 25)
    assert mean_iou(part_overlaps(perfect.permute(0, 3, 1, 2).float(), labels)) == 1
    blind = torch.zeros(2, 25, 8, 8)
    blind[:, 1] = 1  # part 0 everywhere: 32 of the 64 + 56 known pixels; part 4 nowhere
    assert mean_iou(part_overlaps(blind, labels)) == pytest.approx((32 / 120 + 0) / 2)
    nobody = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    assert mean_iou(part_overlaps(blind[:1], nobody)) == 0


def test_camera_fit_ignores_joints_without_confidence() -> None:
    torch.manual_seed(0)
    joints, camera = torch.randn(2, 9, 3), torch.tensor([[0.8, 0.1, -0.3], [1.2, -0.2, 0.4]])
    seen = torch.cat((project(joints, camera), torch.ones(2, 9, 1)), dim=2)
    seen[:, 3] = torch.tensor([50.0, -50.0, 0.0])
    assert torch.allclose(fit_camera(joints, seen), camera, atol=1e-5)


def test_rate_warms_up_and_ends_at_its_share() -> None:
    settings = Optimisation(warm_up_steps=10, final_rate=0.1)
    rates = [rate_share(settings, step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1, rel=1e-2)
    assert max(rates) == pytest.approx(1, abs=0.03)
    assert rates[-1] == pytest.approx(0.1)
    assert [rate_share(Optimisation(), step, 100) for step in (0, 50, 100)] == [1, 1, 1]


def test_mean_person_is_that_of_people_with_a_body(data: RunData) -> None:
    samples = [data.samples[position] for position in range(6)]
    unknown = samples[0]._replace(has_smpl=torch.tensor(False), betas=torch.full((10,), 100.0))
    mean = mean_person([unknown, *samples])
    assert torch.allclose(mean.betas, torch.stack([sample.betas for sample in samples]).mean(dim=0))
    assert torch.allclose(mean.rotmats @ mean.rotmats.mT, torch.eye(3).expand(24, 3, 3), atol=1e-5)
    nobody = mean_person([unknown])
    assert torch.equal(nobody.betas, torch.zeros(10))


def test_networks_start_from_the_mean_person() -> None:
    recipe = tiny_recipe(HMR)
    mean = MeanParameters(torch.eye(3).repeat(24, 1, 1), torch.arange(10.0), torch.tensor([0.5, 0.1, 0.2]))
    network = build_network(recipe.network, 56, mean)
    assert torch.equal(network.head.init_shape[0], mean.betas)


def test_network_on_small_crops_is_the_one_that_shrinks_large_ones() -> None:
    recipe = tiny_recipe(PARE)
    small = build_network(recipe.network, 56, MeanParameters.standing()).eval()
    large = recipe.network.build().eval()
    large.load_state_dict(small.state_dict())
    crops = torch.randn(1, 3, 224, 224)
    shrunk = torch.nn.functional.avg_pool2d(crops, 4)
    assert torch.allclose(large(crops).rotmats, small(shrunk).rotmats, atol=1e-5)
    with pytest.raises(TrainingError, match="cannot be trained on crops of 100 px"):
        build_network(recipe.network, 100, MeanParameters.standing())


@pytest.mark.parametrize("network", [{"kind": "hmr2"}, {"kind": "published", "name": "camerahmr"}])
def test_networks_with_crops_of_their_own_are_not_trained(network: dict[str, str]) -> None:
    architecture = TypeAdapter[Architecture](Architecture).validate_python(network)
    with pytest.raises(TrainingError, match="cannot be trained here"):
        build_network(architecture, 224, MeanParameters.standing())


def test_weights_of_a_backbone_alone_are_taken_over(tmp_path: Path) -> None:
    recipe = tiny_recipe(PARE)
    donor, network = (build_network(recipe.network, 56, MeanParameters.standing()) for _ in range(2))
    tensors: dict[str, Tensor] = {
        name: value.contiguous() for name, value in donor.backbone.state_dict().items()
    }
    save_file(tensors, tmp_path / "backbone.safetensors")
    taken = take_over(network, tmp_path / "backbone.safetensors")
    assert taken == len(tensors)
    assert torch.equal(network.backbone.conv1.weight, donor.backbone.conv1.weight)
    del tensors["conv1.weight"]
    save_file(tensors, tmp_path / "less.safetensors")
    with pytest.raises(TrainingError, match=r"backbone\.conv1\.weight"):
        take_over(network, tmp_path / "less.safetensors")


def test_both_backbones_of_a_network_start_from_the_same_file(tmp_path: Path) -> None:
    stages = {name: PARE[name] for name in ("backbone", "branch", "filters")}
    donor = build_network(tiny_recipe(HMR).network, 56, MeanParameters.standing())
    network = build_network(tiny_recipe({"kind": "nbf"} | stages).network, 56, MeanParameters.standing())
    tensors = {name: value.contiguous() for name, value in donor.state_dict().items() if "backbone" in name}
    save_file(tensors, tmp_path / "backbone.safetensors")
    assert take_over(network, tmp_path / "backbone.safetensors") == 2 * len(tensors)
    for backbone in (network.backbone, network.encoder):
        assert torch.equal(backbone.layer4[0].conv2.weight, donor.backbone.layer4[0].conv2.weight)


def test_a_tuned_blazepose_starts_from_a_network_that_kept_it(tmp_path: Path) -> None:
    """That file holds nothing of BlazePose: its published weights stay."""
    trunk = {"kind": "blazepose", "join": "vector", "width": 8}
    recipe = tiny_recipe(HMR | {"backbone": trunk})
    donor = build_network(recipe.network, 224, MeanParameters.standing())
    save_file({k: v.contiguous() for k, v in donor.state_dict().items()}, tmp_path / "frozen.safetensors")
    tuned = tiny_recipe(HMR | {"backbone": trunk | {"tuned": True}})
    network = build_network(tuned.network, 224, MeanParameters.standing())
    assert take_over(network, tmp_path / "frozen.safetensors") == len(donor.state_dict())
    for part in ("neck", "network"):
        for name, value in getattr(donor.backbone, part).state_dict().items():
            assert torch.equal(getattr(network.backbone, part).state_dict()[name], value), name


def test_hrnet_starts_from_a_network_for_2d_pose(tmp_path: Path) -> None:
    """Such a file has no joining layers, one map at the end of stage 4, and 17 channels in its last layer."""
    thin = {"kind": "hrnet", "width": 4, "modules": [1, 1, 3], "blocks": 1, "stem_width": 8}
    recipe = tiny_recipe(PARE | {"backbone": thin})
    donor, network = (build_network(recipe.network, 224, MeanParameters.standing()) for _ in range(2))
    state = donor.backbone.state_dict() | {"final_layer.weight": torch.zeros(17, 4, 1, 1)}
    absent = ("upsample_stage_", "downsample_stage_", *(f"stage4.2.fuse_layers.{map}." for map in (1, 2, 3)))
    found = {name: value.contiguous() for name, value in state.items() if not name.startswith(absent)}
    torch.save(found, tmp_path / "pose_hrnet_w32_256x192.pth")
    taken = take_over(network, tmp_path / "pose_hrnet_w32_256x192.pth")
    assert taken >= len(found) - 1
    assert torch.equal(
        network.backbone.stage4[0].branches[3][0].conv1.weight, state["stage4.0.branches.3.0.conv1.weight"]
    )
    torch.save({name: value for name, value in found.items() if "stage3" not in name}, tmp_path / "less.pth")
    with pytest.raises(TrainingError, match="stage3"):
        take_over(network, tmp_path / "less.pth")


def test_body_moves_with_the_network_but_is_none_of_its_modules(data: RunData) -> None:
    own = TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)  # double precision is not for the others
    trained = module(dataclasses.replace(data, bodies=own)).double()
    assert trained.body.rest_joints.dtype == torch.float64
    assert all(
        name.startswith("network.") for name, _ in [*trained.named_buffers(), *trained.named_parameters()]
    )


def test_missing_start_says_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert starting_weights("trunk-open.safetensors").is_file()
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    with pytest.raises(TrainingError, match=r"resnet50-imagenet\.pth.*weights/resnet50-imagenet\.pth"):
        starting_weights("resnet50-imagenet.pth")
