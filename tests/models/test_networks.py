"""What holds for every network of any width: outputs, sizes, attention, starting points."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from occlusion_toolkit.errors import CropError, ModelCardError
from occlusion_toolkit.models import HMR, PARE, MeanParameters, build_network, part_attention
from occlusion_toolkit.models.backbones import (
    BasicBlock,
    Bottleneck,
    HRNet,
    ResNet,
    conv_steps,
    deconv_steps,
    upsample_steps,
)
from occlusion_toolkit.models.nbf import NBF
from occlusion_toolkit.models.pare import JointwiseLinear, attend

LAYERS = (1, 1, 1, 1)


def resnet(width: int = 8) -> ResNet:
    return ResNet(BasicBlock, LAYERS, width)


def small_hrnet(fusion: str) -> HRNet:
    return HRNet(4, fusion, modules=(1, 1, 1), blocks=1, stem_width=8)  # type: ignore[arg-type]


NETWORKS = {
    "hmr-resnet": lambda: HMR(resnet(), hidden=16),
    "hmr-bottleneck": lambda: HMR(ResNet(Bottleneck, LAYERS, 4), hidden=16),
    "hmr-hrnet": lambda: HMR(small_hrnet("downsample"), hidden=16),
    "pare-deconv": lambda: PARE(resnet(), branch=deconv_steps, filters=(8, 8, 8)),
    "pare-upsample": lambda: PARE(resnet(), branch=upsample_steps, filters=(8, 8)),
    "pare-hrnet": lambda: PARE(small_hrnet("upsample"), branch=conv_steps, filters=(8,)),
    "nbf": lambda: NBF(resnet(), branch=upsample_steps, filters=(8, 8), regression=HMR(resnet(), hidden=16)),
    "pare-mean": lambda: PARE(resnet(), filters=(8, 8), mean=MeanParameters.standing()),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> HMR | PARE | NBF:
    torch.manual_seed(0)
    return NETWORKS[request.param]().eval()


def random_crops(count: int, height: int = 64, width: int = 64) -> torch.Tensor:
    crops = np.random.default_rng(count).standard_normal((count, 3, height, width), dtype=np.float32)
    return torch.from_numpy(crops)


@torch.no_grad()
def test_output_has_rotations_betas_and_camera_for_any_crop_size(network: HMR | PARE | NBF):
    for height, width in ((64, 64), (128, 96), (224, 224)):
        output = network(random_crops(2, height, width))
        assert output.rotmats.shape == (2, 24, 3, 3)
        assert output.betas.shape == (2, 10)
        assert output.camera.shape == (2, 3)
        torch.testing.assert_close(torch.linalg.det(output.rotmats), torch.ones(2, 24))


@torch.no_grad()
def test_a_person_does_not_depend_on_its_batch(network: HMR | PARE | NBF):
    network.double()
    crops = random_crops(5).double()
    together = network(crops)
    for index in range(5):
        alone = network(crops[index : index + 1])
        torch.testing.assert_close(alone.rotmats[0], together.rotmats[index], atol=1e-10, rtol=1e-10)
        torch.testing.assert_close(alone.camera[0], together.camera[index], atol=1e-10, rtol=1e-10)


def test_every_parameter_gets_a_gradient(network: HMR | PARE | NBF):
    network.train()
    output = network(random_crops(2))
    targets = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 24, 3, 3), dtype=np.float32))
    loss = (output.rotmats * targets).sum() + output.betas.sum() + output.camera.sum()
    if output.part_logits is not None:
        loss = loss + output.part_logits.square().sum()
    loss.backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_segmentation_of_the_two_stage_baseline_learns_from_part_labels_only():
    network = NETWORKS["nbf"]()
    output = network(random_crops(2))
    assert output.attention is None
    output.rotmats.square().mean().backward()
    learning = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert learning == {"palette", "encoder", "head"}


def test_dropout_is_active_in_training_only():
    network = HMR(resnet(), hidden=64)
    for module in network.backbone.modules():
        module.eval()
    crops = random_crops(1)
    network.head.train()
    assert not torch.equal(network(crops).betas, network(crops).betas)
    network.eval()
    assert torch.equal(network(crops).betas, network(crops).betas)


def test_hrnet_refuses_sizes_that_do_not_halve_five_times():
    with pytest.raises(CropError, match="multiples of 32"):
        NETWORKS["pare-hrnet"]()(random_crops(1, 64, 80))


def test_input_pooling_is_the_network_on_averaged_crops():
    torch.manual_seed(0)
    plain = resnet().eval()
    pooled = ResNet(BasicBlock, LAYERS, 8, input_pooling=2).eval()
    pooled.load_state_dict(plain.state_dict())
    crops = random_crops(1, 128, 128)
    torch.testing.assert_close(pooled(crops), plain(functional.avg_pool2d(crops, 2)))


def test_width_scales_every_channel():
    narrow, wide = resnet(8).state_dict(), resnet(16).state_dict()
    for name, tensor in narrow.items():
        doubled = [n if n == 3 and name == "conv1.weight" else 2 * n for n in tensor.shape[:2]]
        assert list(wide[name].shape[:2]) == doubled, name


def test_hmr_with_silent_decoders_returns_its_mean():
    mean = MeanParameters.standing()
    mean.betas[:] = torch.arange(10.0)
    network = HMR(resnet(), hidden=16, mean=mean).eval()
    for decoder in (network.head.decpose, network.head.decshape, network.head.deccam):
        torch.nn.init.zeros_(decoder.weight)
        torch.nn.init.zeros_(decoder.bias)
    output = network(random_crops(2))
    torch.testing.assert_close(output.rotmats, mean.rotmats.expand(2, 24, 3, 3))
    torch.testing.assert_close(output.betas, mean.betas.expand(2, 10))
    assert output.part_logits is None
    assert output.attention is None


def test_networks_do_not_share_their_mean():
    mean = MeanParameters.standing()
    one, other = (HMR(resnet(), hidden=16, mean=mean) for _ in range(2))
    one.load_state_dict({name: torch.zeros_like(tensor) for name, tensor in one.state_dict().items()})
    assert torch.equal(other.head.init_cam[0], mean.camera)
    assert mean.camera[0] == torch.tensor(0.9)


def test_pare_with_silent_decoders_returns_its_mean():
    mean = MeanParameters.standing()
    network = PARE(resnet(), filters=(8, 8), mean=mean).eval()
    for decoder in (network.head.pose_mlp, network.head.shape_mlp, network.head.cam_mlp):
        torch.nn.init.zeros_(decoder.weight)
    output = network(random_crops(2))
    torch.testing.assert_close(output.rotmats, mean.rotmats.expand(2, 24, 3, 3))
    torch.testing.assert_close(output.camera, mean.camera.expand(2, 3))


def test_attention_is_a_distribution_over_pixels_without_background():
    logits = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 25, 5, 7), dtype=np.float32))
    attention = part_attention(logits)
    torch.testing.assert_close(attention.sum(dim=(2, 3)), torch.ones(2, 24))
    with_background = logits.clone()
    with_background[:, 0] += 100.0
    assert torch.equal(part_attention(with_background), attention)
    raised_part = logits.clone()
    raised_part[:, 1] += 100.0  # a constant over all pixels moves nothing, and parts do not compete
    torch.testing.assert_close(part_attention(raised_part), attention, atol=1e-5, rtol=1e-4)


def test_output_attention_is_that_of_its_part_logits():
    output = NETWORKS["pare-deconv"]().eval()(random_crops(2))
    assert output.part_logits is not None
    assert output.attention is not None
    torch.testing.assert_close(
        output.attention, output.part_logits[:, 1:].flatten(2).softmax(-1).view(2, 24, 16, 16)
    )


def test_attention_on_one_pixel_reads_that_pixel():
    features = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 6, 4, 4), dtype=np.float32))
    attention = torch.zeros(1, 24, 4, 4)
    attention[:, :, 2, 3] = 1.0
    torch.testing.assert_close(attend(attention, features), features[:, :, 2, 3, None].expand(1, 6, 24))


def test_each_joint_has_its_own_linear_map():
    layer = JointwiseLinear(5, 6)
    features = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 5, 24), dtype=np.float32))
    mapped = layer(features)
    for joint in range(24):
        weight = layer.weight[0, :, :, joint, 0, 0]
        torch.testing.assert_close(mapped[:, joint], features[:, :, joint] @ weight.T)


def test_slices_and_moves_keep_part_logits():
    output = NETWORKS["pare-deconv"]().eval()(random_crops(3))
    assert output.part_logits is not None
    part = output[1:2].to("cpu", torch.float64)
    assert len(part) == 1
    assert part.part_logits is not None
    assert part.part_logits.dtype == part.betas.dtype == torch.float64
    assert torch.equal(part.part_logits, output.part_logits[1:2].double())


def test_unknown_published_network_lists_the_known_ones():
    with pytest.raises(ModelCardError, match="pare_r50_upsample"):
        build_network("pare_r101")
