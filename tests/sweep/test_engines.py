"""The incremental engine gives what the dense one gives, whatever network, window, occluder and batch."""

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.fakes import StickBody, TinyNetwork, random_crops, random_people
from torch import Tensor, nn

import occlusion_toolkit as ot
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.data.crops import normalise
from occlusion_toolkit.models import build_network
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.networks import PUBLISHED_NETWORKS
from occlusion_toolkit.models.pare import PAREHead
from occlusion_toolkit.sweep.batching import WindowBatcher
from occlusion_toolkit.sweep.engines.dense import DenseEstimator
from occlusion_toolkit.sweep.engines.incremental import IncrementalEstimator
from occlusion_toolkit.sweep.engines.regions import Regions
from occlusion_toolkit.sweep.engines.traced import Traced, trace
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import NetworkRunner, optimised_copy
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

SIDE = 64
GRID_224 = Grid(size=40, stride=56)
OWN_CROPS = ("hmr2", "camerahmr")
PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"
CPU = torch.device("cpu")


class Answering(nn.Module):
    """A trunk of convolutions with a head that reads every pixel of its last map."""

    def __init__(self, trunk: nn.Module, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.trunk = trunk
        with torch.no_grad():
            size = trunk(torch.zeros(1, 3, SIDE, SIDE))[0].numel()
        self.head = nn.Linear(size, 24 * 9 + 10 + 3)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.3 if parameter.dim() > 1 else 0.1)
        nn.init.normal_(self.head.weight, std=size**-0.5)
        self.eval()

    def forward(self, crops: Tensor) -> RegressorOutput:
        values = self.head(self.trunk(crops).flatten(1))
        return RegressorOutput(values[:, :216].view(-1, 24, 3, 3), values[:, 216:226], values[:, 226:])


class Residual(nn.Module):
    """Two branches of different reach, added and joined, as in ResNet and HRNet."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.two = nn.Conv2d(4, 4, 1)
        self.down = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([torch.relu(self.one(x) + x), self.two(x)], dim=1)
        return (
            joined[:, :4] * 0.5 + self.up(self.down(x))
            if joined.shape[1] < 8
            else torch.cat([joined, self.up(self.down(x))], dim=1)
        )


class Shown(nn.Module):
    """Crops brought to another scale and a smaller size by constants made on the way, as for BlazePose."""

    def __init__(self, mode: str, antialias: bool) -> None:
        super().__init__()
        self.mode, self.antialias = mode, antialias
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = x * x.new_tensor([0.2, 0.3, 0.4]).view(1, 3, 1, 1) + 0.5
        x = nn.functional.interpolate(x, size=(54, 47), mode=self.mode, antialias=self.antialias)
        return self.conv(nn.functional.pad(x, (3, 4, 1, 2)))


OPERATIONS = {
    "plain": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)),
    "strided": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 7, stride=2, padding=3), nn.ReLU6(), nn.MaxPool2d(3, 2, 1)
    ),
    "maximum of signed values": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2, 1)),
    "dilated": lambda: nn.Conv2d(3, 4, 3, padding=4, dilation=4),
    "grouped": lambda: nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 5, padding=2, groups=6), nn.SiLU()),
    "uneven": lambda: nn.Conv2d(3, 4, (3, 5), stride=(1, 2), padding=(1, 2)),
    "tensorflow padding": lambda: nn.Sequential(
        nn.ConstantPad2d((0, 1, 0, 1), 0.0), nn.Conv2d(3, 4, 3, stride=2)
    ),
    "padded channels": lambda: nn.Sequential(nn.ConstantPad3d((0, 0, 0, 0, 0, 2), 0.5), nn.Conv2d(5, 4, 1)),
    "transposed": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 4, 2, 1), nn.GELU()
    ),
    "mean pooling": lambda: nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 4, 3, padding=1), nn.Hardswish()),
    "nearest": lambda: nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 4, 3, 1, 1), nn.Upsample(scale_factor=2)),
    "bilinear": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    ),
    "half-pixel bilinear": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, 4, 1), nn.Upsample(size=(40, 40), mode="bilinear"), nn.Conv2d(4, 4, 3, 1, 1)
    ),
    "anti-aliased": lambda: Shown("bilinear", antialias=True),
    "anti-aliased cubic": lambda: Shown("bicubic", antialias=True),
    "smaller bilinear": lambda: Shown("bilinear", antialias=False),
    "cubic": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, 4, 1), nn.Upsample(scale_factor=2.5, mode="bicubic"), nn.PReLU(4)
    ),
    "nearest exact": lambda: nn.Upsample(size=(50, 90), mode="nearest-exact"),
    "adaptive pooling": lambda: nn.Sequential(nn.AdaptiveAvgPool2d((17, 11)), nn.Conv2d(3, 4, 3, 1, 1)),
    "same padding": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 5, padding="same", dilation=2), nn.ReLU6(inplace=True), nn.Softmax(dim=1)
    ),
    "residual": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Residual()),
}


def engines(network: nn.Module, grid: Grid, occluder: str = "grey", batch: int = 5):
    """Both engines, the incremental one with every part computed as a part."""
    ready = optimised_copy(network, CPU, SIDE)
    paint, windows = parse_occluder(occluder, grid.size), torch.from_numpy(grid.windows())
    traced = trace(ready, torch.randn(batch, 3, SIDE, SIDE), torch.float32)
    incremental = IncrementalEstimator(traced, Regions(traced, windows), paint, share=2.0)
    return DenseEstimator(NetworkRunner(ready, CPU), paint), incremental


def assert_agree(dense, incremental, grid: Grid, crops: Tensor, size: int = 5) -> None:
    for batch in WindowBatcher(torch.from_numpy(grid.windows()), size).batches(crops):
        expected, found = dense(batch), incremental(batch)
        assert torch.equal(expected.unchanged, found.unchanged)
        for name in ("rotmats", "betas", "camera"):
            one, other = (getattr(answer.parameters, name) for answer in (expected, found))
            assert (other - one).abs().max() <= 2e-5 * max(1.0, float(one.abs().max()))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_with_a_rule_is_computed_in_parts_and_exactly(name):
    grid = Grid(size=16, stride=16, resolution=SIDE)  # touches all four borders, clipped
    dense, incremental = engines(Answering(OPERATIONS[name]()), grid)
    (last,) = incremental._handed_on  # the head reads it; everything before is computed in parts
    assert [str(user.target) for user in last.users] == ["aten.flatten.using_ints"]
    assert_agree(dense, incremental, grid, random_crops(2, SIDE))


@pytest.mark.parametrize("kind", ["centred", "inside", "script"])
@pytest.mark.parametrize(("size", "stride"), [(8, 8), (40, 16), (64, 32), (21, 4)])
def test_grids_sizes_and_strides_agree(kind, size, stride):
    grid = Grid(kind, size=size, stride=stride, resolution=SIDE)
    dense, incremental = engines(Answering(OPERATIONS["strided"]()), grid, batch=16)
    assert_agree(dense, incremental, grid, random_crops(1, SIDE), size=16)


def test_occluders_agree(tmp_path):
    Image.fromarray(np.full((64, 64, 4), 120, np.uint8)).save(tmp_path / "mug.png")
    grid = Grid(size=24, stride=16, resolution=SIDE)
    for occluder in ("grey", "mean", "noise:3", "blur", f"image:{tmp_path / 'mug.png'}"):
        dense, incremental = engines(Answering(OPERATIONS["strided"]()), grid, occluder)
        assert_agree(dense, incremental, grid, random_crops(1, SIDE))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_batches_of_any_size_and_of_several_crops_agree(size):
    grid = Grid(size=16, stride=16, resolution=SIDE)
    dense, incremental = engines(Answering(OPERATIONS["residual"]()), grid, batch=size)
    assert_agree(dense, incremental, grid, random_crops(3, SIDE), size)


@functools.cache
def traced_once(kind: str) -> Traced:
    first = OPERATIONS["strided"]() if kind == "nearest" else Shown("bilinear", antialias=True)
    network = Answering(nn.Sequential(first, nn.Conv2d(4, 4, 3, 1, 1), nn.Upsample(scale_factor=2)))
    return trace(network, torch.randn(2, 3, SIDE, SIDE), torch.float32)


@pytest.mark.parametrize("kind", ["nearest", "anti-aliased"])
@given(top=st.integers(0, 60), left=st.integers(0, 60), height=st.integers(1, 40), width=st.integers(1, 40))
def test_parts_contain_everything_that_a_window_changes(kind, top, left, height, width):
    window = torch.tensor([[top, min(SIDE, top + height), left, min(SIDE, left + width)]])
    traced = traced_once(kind)
    regions = Regions(traced, window)
    clean, painted = random_crops(2, SIDE)[:1], random_crops(2, SIDE)[:1].clone()
    y0, y1, x0, x1 = window[0].tolist()
    painted[:, :, y0:y1, x0:x1] += 1.0
    maps = [_maps(traced.graph, crop.expand(2, -1, -1, -1)) for crop in (clean, painted)]
    rows, cols = regions.places(window)
    for node, part in regions.parts.items():
        changed = (maps[0][node][0] != maps[1][node][0]).any(dim=0)
        inside = torch.zeros_like(changed)
        first_row, first_col = int(part.top[rows]), int(part.left[cols])
        inside[first_row : first_row + part.height, first_col : first_col + part.width] = True
        assert not (changed & ~inside).any(), node.name


def _maps(graph: torch.fx.GraphModule, crops: Tensor) -> dict[torch.fx.Node, Tensor]:
    interpreter = torch.fx.Interpreter(graph, garbage_collect_values=False)
    with torch.no_grad():
        interpreter.run(crops)
    return interpreter.env


@pytest.mark.parametrize("batch", [1, 4])
def test_clean_maps_are_never_written_to(batch):
    grid = Grid(size=16, stride=16, resolution=SIDE)
    _, incremental = engines(Answering(OPERATIONS["residual"]()), grid, batch=batch)
    batches = list(WindowBatcher(torch.from_numpy(grid.windows()), batch).batches(random_crops(1, SIDE)))
    incremental(batches[0])
    (clean,) = incremental._clean.values()
    before = {node: value.clone() for node, value in clean.values.items()}
    for one in batches:
        incremental(one)
    assert all(torch.equal(value, before[node]) for node, value in clean.values.items())


@pytest.mark.parametrize("engine", ["fused", "incremental"])
def test_all_engines_give_the_same_maps(engine):
    grid = Grid(size=16, stride=8, resolution=SIDE)
    crops, truth = random_crops(2, SIDE), random_people(2)
    dense, other = (
        WindowSweep(TinyNetwork(), StickBody(), grid, parse_occluder("grey", 16), engine=each).run(
            crops, truth
        )
        for each in ("dense", engine)
    )
    for name in ("error", "pa_error", "displacement"):
        np.testing.assert_allclose(other[name], dense[name], atol=0.01)


def assert_same_maps(network, crop: Tensor, atol: float) -> None:
    """In one batch: of networks that amplify rounding one engine alone says other things in other batches."""
    maps = []
    at_once = len(GRID_224) + 1
    for engine in ("dense", "fused", "incremental@0.55"):
        sweep = WindowSweep(
            network,
            load_open_body(),
            GRID_224,
            parse_occluder("grey", 40),
            engine=engine,
            batch_size=at_once,
        )
        maps.append(sweep.run(crop, random_people(1)))
    dense, *others = maps
    for other in others:
        for name in ("error", "pa_error", "displacement", "pa_displacement"):
            np.testing.assert_allclose(other[name], dense[name], atol=0.01, err_msg=name)
        for name in ("rotmats", "betas", "camera"):
            np.testing.assert_allclose(other[name], dense[name], atol=atol, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pare-open", "hmr-open", "hmr-synthocc-open"])
def test_open_networks_say_the_same_of_a_photograph(name):
    """On noise they amplify rounding: there both engines are some 1e-5 from double precision."""
    crop = ot.read_crop(PHOTO, bbox=(258, 107, 382, 707))
    assert_same_maps(ot.load_regressor(name).network, normalise(crop.pixels)[None], atol=1e-5)


def calm(network):
    """A network as training begins it, with statistics of its own maps: else bodies are kilometres large."""
    if isinstance(network.head, PAREHead):
        network.head.start_as_published()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(random_crops(4))
    return network.eval()


@pytest.mark.full
@pytest.mark.parametrize(
    "name",
    [name for name in PUBLISHED_NETWORKS if name not in OWN_CROPS and not name.startswith("blazepose")],
)
def test_published_networks_say_the_same(name):
    torch.manual_seed(0)
    assert_same_maps(calm(build_network(name)), random_crops(1), atol=1e-5)
