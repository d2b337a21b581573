import torch
from hypothesis import given
from hypothesis import strategies as st

from occlusion_toolkit.models.architecture import PAREArchitecture, ResNetBackbone
from occlusion_toolkit.models.pare import attend, sample_at_parts


@given(row=st.integers(0, 5), column=st.integers(0, 8))
def test_attention_on_one_pixel_reads_that_pixel(row: int, column: int) -> None:
    torch.manual_seed(0)
    features, attention = torch.randn(2, 3, 6, 9), torch.zeros(2, 24, 6, 9)
    attention[:, :, row, column] = 1
    expected = features[:, :, row, column, None].expand(-1, -1, 24)
    assert torch.allclose(sample_at_parts(attention, features), expected, atol=1e-5)
    assert torch.allclose(attend(attention, features), expected, atol=1e-5)


def test_attention_on_two_pixels_reads_the_one_between() -> None:
    features, attention = torch.zeros(1, 1, 3, 3), torch.zeros(1, 24, 3, 3)
    features[0, 0, 1, 1] = 7
    attention[:, :, 1, [0, 2]] = 0.5
    assert torch.allclose(sample_at_parts(attention, features), torch.full((1, 1, 24), 7.0), atol=1e-5)
    assert not attend(attention, features).any()


def test_pooling_network_has_the_same_tensors_and_another_answer() -> None:
    torch.manual_seed(0)
    backbone = ResNetBackbone(kind="resnet", block="basic", layers=(1, 1, 1, 1), width=8)
    attending = (
        PAREArchitecture(kind="pare", backbone=backbone, branch="upsample", filters=(8,)).build().eval()
    )
    pooling = PAREArchitecture(
        kind="pare", backbone=backbone, branch="upsample", filters=(8,), sampling="pooling"
    )
    network = pooling.build().eval()
    network.load_state_dict(attending.state_dict())
    crops = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(network(crops).rotmats, attending(crops).rotmats)
    assert torch.equal(network(crops).part_logits, attending(crops).part_logits)
