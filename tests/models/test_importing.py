"""Import: published files of every layout become models with the very same bytes, or nothing is written."""

import datetime
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from support.checkpoint_layouts import DROPPED, LAYOUTS
from support.golden_networks import GOLDEN, made_up_weights, read_manifest
from torch import Tensor

from occlusion_toolkit.errors import CheckpointError, ModelCardError, ResultError, UnsafeFileError
from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.torch_files import ForeignObject
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models import importing
from occlusion_toolkit.models.importing import NETWORKS, ImportedModel, Kind, import_checkpoint
from occlusion_toolkit.models.networks import unread_tensors
from occlusion_toolkit.models.published_config import DECIDING
from occlusion_toolkit.models.registry import find_model, load_regressor

KIND_OF: dict[str, Kind] = {
    "spin_hmr": "spin",
    "pare_hmr_r50": "hmr-eft",
    "pare_hmr_hrnet_w32_conv": "hmr-eft",
    "pare_hrnet_w32_conv": "pare",
    "pare_r50": "pare",
    "pare_r50_upsample": "pare",
}


PUBLISHED_FILES = [
    ("spin_hmr", "data-parallel trainer"),
    ("pare_hmr_r50", "Lightning"),
    ("pare_hmr_hrnet_w32_conv", "mmhuman3d"),
    ("pare_hrnet_w32_conv", "Lightning"),
    ("pare_r50", "mmhuman3d"),
    ("pare_r50_upsample", "Lightning"),
]
"""Every network, in one of the layouts that it is published in; small networks go through all of them."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(folder))
    return folder


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Makes every published network a few kilobytes small; gives weights of the small SPIN."""
    from occlusion_toolkit.models import HMR, HMR2, PARE, CameraHMR, SpinHMR, networks
    from occlusion_toolkit.models.backbones import BasicBlock, ResNet
    from occlusion_toolkit.models.backbones.vit import ViT

    def backbone() -> ResNet:
        return ResNet(BasicBlock, (1, 1, 1, 1), 4)

    torch.manual_seed(0)
    small = {
        "spin_hmr": lambda: SpinHMR(backbone()),
        "pare_hmr_hrnet_w32_conv": lambda: HMR(backbone(), hidden=8),
        "pare_hrnet_w32_conv": lambda: PARE(backbone(), filters=(4,)),
        "pare_r50": lambda: PARE(backbone(), filters=(8,)),
        "pare_r50_upsample": lambda: PARE(backbone(), filters=(8, 8)),
        "hmr2": lambda: HMR2(ViT(16, 1, 2), width=8, depth=1, heads=2, head_width=4, hidden=8),
        "camerahmr": lambda: CameraHMR(ViT(16, 1, 2), width=8, depth=1, heads=2, head_width=4, hidden=8),
    }
    monkeypatch.setattr(networks, "PUBLISHED_NETWORKS", small)
    return dict(small["spin_hmr"]().state_dict())


def written(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def assert_same_bytes(imported: ImportedModel, state: dict[str, Tensor]) -> None:
    found = read_state_dict(imported.weights_file)
    assert len(found) == len(state)
    by_bytes = {digest(tensor) for tensor in state.values()}
    for name, tensor in found.items():
        # SPIN's and PARE's spellings end alike.
        own = next(state[key] for key in (name, f"backbone.{name}", f"head.{name}") if key in state)
        assert digest(tensor) == digest(own), name
    assert {digest(tensor) for tensor in found.values()} == by_bytes


def digest(tensor: Tensor) -> bytes:
    header = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    return hashlib.sha256(header + tensor.contiguous().numpy().tobytes()).digest()


@pytest.mark.parametrize("layout", [*LAYOUTS, "safetensors"])
def test_every_layout_is_imported_with_the_same_bytes(
    layout: str, tmp_path: Path, small_networks: dict[str, Tensor]
):
    file = tmp_path / ("weights.safetensors" if layout == "safetensors" else "weights.pt")
    if layout == "safetensors":
        save_file(small_networks, file)
    else:
        torch.save(LAYOUTS[layout](small_networks), file)
    imported = import_checkpoint(file, "spin")
    assert_same_bytes(imported, small_networks)
    record = imported.card.imported
    assert record is not None
    assert (record.tensors, len(record.dropped)) == (len(small_networks), DROPPED.get(layout, 0))
    assert record.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert imported.card.weights.sha256 == hashlib.sha256(imported.weights_file.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layout"), PUBLISHED_FILES)
def test_published_networks_are_imported_with_the_same_bytes_and_answers(
    name: str, layout: str, tmp_path: Path
):
    state = made_up_weights(name)
    torch.save(LAYOUTS[layout](state), tmp_path / "weights.ckpt")
    imported = import_checkpoint(tmp_path / "weights.ckpt", KIND_OF[name], name="mine")
    assert_same_bytes(imported, state)
    regressor = load_regressor("mine")
    assert regressor.weights_sha256 == imported.card.weights.sha256
    rng = np.random.default_rng([read_manifest(name)["seed"], 11])
    output = regressor(torch.from_numpy(rng.standard_normal((2, 3, 224, 224), dtype=np.float32)))
    with np.load(GOLDEN / f"{name}.outputs.npz") as golden:
        for key in ("rotmats", "betas", "camera"):
            np.testing.assert_allclose(getattr(output, key).numpy(), golden[key], atol=5e-4, rtol=0)


def test_a_published_file_keeps_its_card_and_any_other_says_so(
    tmp_path: Path, small_networks: dict[str, Tensor]
):
    for file in ("model_checkpoint.pt", "mine.pt"):
        torch.save({"model": small_networks}, tmp_path / file)
    published = import_checkpoint(tmp_path / "model_checkpoint.pt", "spin").card
    assert published.name == "spin-model-checkpoint"
    assert {error.value_mm for error in published.errors} >= {96.9, 59.2}
    other = import_checkpoint(tmp_path / "mine.pt", "spin").card
    assert other.errors == ()
    assert "unknown to the toolkit" in other.weights.licence
    assert other.imported is not None
    assert other.imported.date == datetime.datetime.now(datetime.UTC).date()
    assert find_model("spin-mine").state == "ready"


def test_only_efts_own_files_have_efts_camera(tmp_path: Path, small_networks: dict[str, Tensor]):
    torch.save({"model": small_networks}, tmp_path / "eft.pt")
    nested = {
        ("backbone." if name.startswith(("conv1", "bn1", "layer")) else "head.") + name: tensor
        for name, tensor in small_networks.items()
    }
    torch.save(LAYOUTS["Lightning"](nested), tmp_path / "pare.ckpt")
    assert import_checkpoint(tmp_path / "eft.pt", "hmr-eft").card.camera == "scale-then-shift"
    assert import_checkpoint(tmp_path / "pare.ckpt", "hmr-eft").card.camera == "shift-then-scale"
    assert import_checkpoint(tmp_path / "eft.pt", "spin").card.camera == "shift-then-scale"


@pytest.mark.slow
def test_old_files_may_lack_what_the_network_never_reads(tmp_path: Path, home: Path):
    network = importing.build_network("pare_hrnet_w32_conv")
    unread = unread_tensors(network)
    assert len(unread) == 4
    state = {name: tensor for name, tensor in network.state_dict().items() if name not in unread}
    torch.save(LAYOUTS["Lightning"](state), tmp_path / "old.ckpt")
    assert import_checkpoint(tmp_path / "old.ckpt", "pare").card.imported.tensors == 1901  # type: ignore[union-attr]
    load_regressor("pare-old")


def modern_file(
    folder: Path, kind: str, *, optimiser: bool = False, extra: Mapping[str, object] | None = None
) -> Path:
    """A checkpoint as the trainers of HMR2.0 and CameraHMR leave it, of the small network."""
    from occlusion_toolkit.models import networks

    state = networks.PUBLISHED_NETWORKS[kind]().state_dict()
    beside = json.loads((GOLDEN.parent / "hmr2_lightning_extra_keys.json").read_text())
    moments = {number: {"exp_avg": torch.zeros_like(value)} for number, value in enumerate(state.values())}
    content = {
        "epoch": 35,
        "global_step": 1_000_000,
        "pytorch-lightning_version": "1.8.1",
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 36}}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": None, "dirpath": "logs"}},
        "optimizer_states": [{"state": moments if optimiser else {}, "param_groups": []}],
        "lr_schedulers": [],
        "hparams_name": "cfg",
        "hyper_parameters": {"init_renderer": True},
        "state_dict": state
        | {name: torch.zeros([min(n, 2) for n in shape]) for name, shape in beside.items()},
    } | dict(extra or {})
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / "last.ckpt")
    return folder / "last.ckpt"


@pytest.mark.parametrize("kind", ["hmr2", "camerahmr"])
def test_lightning_checkpoints_of_hmr2_are_imported_with_the_crops_of_their_card(
    kind: Kind, tmp_path: Path, small_networks: dict[str, Tensor]
):
    imported = import_checkpoint(modern_file(tmp_path / "run", kind, optimiser=True), kind)
    record = imported.card.imported
    assert record is not None
    assert (len(record.dropped), record.layout) == (73, "under 'state_dict', HMR2.0's names")
    assert imported.card.preprocessing.columns == (32, 222)
    assert imported.card.preprocessing.camera == ("full" if kind == "camerahmr" else "weak")
    assert find_model(f"{kind}-last").state == "ready"


def test_a_checkpoint_of_one_modern_kind_is_not_taken_for_the_other(
    tmp_path: Path, home: Path, small_networks: dict[str, Tensor]
):
    for kind, other in (("hmr2", "camerahmr"), ("camerahmr", "hmr2"), ("hmr2", "pare")):
        with pytest.raises(CheckpointError, match=f"They are those of --as {kind}"):
            import_checkpoint(modern_file(tmp_path / kind, kind), other)
    assert written(home) == []


def test_hyper_parameters_of_omegaconf_are_skipped(tmp_path: Path, small_networks: dict[str, Tensor]):
    """The file holds a DictConfig as OmegaConf 2.3 pickles it: nested, with an interpolation and a list."""
    contents = read_state_dict(GOLDEN.parent / "omegaconf_2.3.ckpt")
    assert contents["hyper_parameters"] == {"cfg": ForeignObject("omegaconf.dictconfig.DictConfig")}
    assert torch.equal(contents["state_dict"]["a"], torch.ones(2))  # type: ignore[index]


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MODEL: {IMAGE_SIZE: 256, SMPL_HEAD: {TRANSFORMER_DECODER: {depth: 4}}}", "depth to 4; .* has 6"),
        ("MODEL: {BACKBONE: {TYPE: resnet}}", "BACKBONE.TYPE to 'resnet'"),
        ("MODEL: {IMAGE_MEAN: [0.5, 0.5, 0.5]}", "IMAGE_MEAN"),
        ("MODEL: [", "not a readable configuration"),
        ("just words", "holds no settings"),
    ],
)
def test_a_configuration_that_decides_otherwise_is_refused(
    depth: int, text: str, message: str, tmp_path: Path, home: Path, small_networks: dict[str, Tensor]
):
    file = modern_file(tmp_path / "checkpoints", "hmr2")
    (file.parents[depth - 1] / "model_config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        import_checkpoint(file, "hmr2")
    assert written(home) == []


def test_the_published_configuration_is_accepted(tmp_path: Path, small_networks: dict[str, Tensor]):
    file = modern_file(tmp_path / "checkpoints", "hmr2")
    published: dict[str, object] = {"EXTRA": {"FOCAL_LENGTH": 5000, "PELVIS_IND": 39}}
    for name, value in DECIDING["hmr2"].items():
        place: dict[str, object] = published
        *folders, last = name.split(".")
        for folder in folders:
            place = place.setdefault(folder, {})  # type: ignore[assignment]
        place[last] = value
    published["MODEL"]["SMPL_HEAD"]["IN_CHANNELS"] = 2048  # type: ignore[index]
    (tmp_path / "model_config.yaml").write_text(yaml.safe_dump(published))
    import_checkpoint(file, "hmr2")


def test_a_plain_configuration_inside_the_file_is_read_too(tmp_path: Path, small_networks: dict[str, Tensor]):
    cfg = {"MODEL": {"SMPL_HEAD": {"TRANSFORMER_INPUT": "mean_shape"}}}
    file = modern_file(tmp_path / "run", "hmr2", extra={"hyper_parameters": {"cfg": cfg}})
    with pytest.raises(CheckpointError, match=r"hyper_parameters\).*TRANSFORMER_INPUT to 'mean_shape'"):
        import_checkpoint(file, "hmr2")


def test_a_narrow_card_for_full_weights_says_which_shapes_differ(
    tmp_path: Path, home: Path, small_networks: dict[str, Tensor]
):
    card = import_checkpoint(modern_file(tmp_path / "run", "hmr2"), "hmr2", name="full").card_file
    text = yaml.safe_load(card.read_text())
    text["network"] = {"kind": "hmr2", "backbone": {"width": 8, "depth": 1, "heads": 2}}
    card.write_text(yaml.safe_dump(text))
    with pytest.raises(CheckpointError, match=r"of another shape: .*\(.*\) instead of"):
        load_regressor("full")


def misfit(change: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    last = next(reversed(state))
    return {
        "missing": {name: tensor for name, tensor in state.items() if name != last},
        "unexpected": state | {"discriminator.weight": torch.ones(2)},
        "of another shape": state | {last: torch.ones(7)},
        "not finite": state | {last: torch.full_like(state[last], torch.inf)},
    }[change]


@pytest.mark.parametrize("change", ["missing", "unexpected", "of another shape", "not finite"])
def test_what_does_not_fit_is_listed_and_nothing_is_written(
    change: str, tmp_path: Path, home: Path, small_networks: dict[str, Tensor]
):
    torch.save({"model": misfit(change, small_networks)}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=rf"weights\.pt .*closest network, spin_hmr: .*1 {change}: "):
        import_checkpoint(tmp_path / "weights.pt", "spin")
    assert written(home) == []


def test_weights_of_another_family_are_told_to_be_theirs(
    tmp_path: Path, home: Path, small_networks: dict[str, Tensor]
):
    torch.save({"model": small_networks}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match="They are those of --as spin or hmr-eft"):
        import_checkpoint(tmp_path / "weights.pt", "pare")
    assert written(home) == []


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_missing_file_says_where_to_get_it_and_under_which_licence(kind: Kind, tmp_path: Path):
    card = find_model(kind).card
    with pytest.raises(CheckpointError) as caught:
        import_checkpoint(tmp_path / "nowhere.pt", kind)
    for part in ("nowhere.pt", card.weights.licence, "https://github.com"):  # type: ignore[union-attr]
        assert part in str(caught.value)


class Foreign:
    """Stands for a class that a trainer left in its checkpoint."""


def test_a_file_with_foreign_code_needs_trust_and_the_card_remembers(
    tmp_path: Path, home: Path, small_networks: dict[str, Tensor]
):
    file = tmp_path / "weights.pt"
    torch.save({"model": small_networks, "options": Foreign()}, file)
    with pytest.raises(UnsafeFileError, match="Foreign"):
        import_checkpoint(file, "spin")
    assert written(home) == []
    trusted = TrustedFiles([hashlib.sha256(file.read_bytes()).hexdigest()])
    record = import_checkpoint(file, "spin", trusted=trusted).card.imported
    assert record is not None
    assert record.trusted


@pytest.mark.parametrize("name", ["spin", "pare-open", "taken"])
def test_names_that_are_taken_are_refused_and_nothing_is_replaced(
    name: str, tmp_path: Path, home: Path, small_networks: dict[str, Tensor]
):
    torch.save({"model": small_networks}, tmp_path / "weights.pt")
    import_checkpoint(tmp_path / "weights.pt", "spin", name="taken")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(ModelCardError, match=f"already a model {name}.*--name"):
        import_checkpoint(tmp_path / "weights.pt", "spin", name=name)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["../escape", "My Model", "-x", "a/b", ""])
def test_names_are_plain(name: str, tmp_path: Path, home: Path, small_networks: dict[str, Tensor]):
    torch.save({"model": small_networks}, tmp_path / "weights.pt")
    if not name:
        assert import_checkpoint(tmp_path / "weights.pt", "spin", name=name).card.name == "spin-weights"
        return
    with pytest.raises(ModelCardError, match="is no name of a model"):
        import_checkpoint(tmp_path / "weights.pt", "spin", name=name)
    assert written(home) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ResultError("the disk is full")])
def test_an_interrupted_import_leaves_nothing(
    interruption: BaseException,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_networks: dict[str, Tensor],
):
    def fail(*_: object) -> None:
        raise interruption

    torch.save({"model": small_networks}, tmp_path / "weights.pt")
    monkeypatch.setattr(importing, "write_card", fail)
    with pytest.raises((KeyboardInterrupt, ResultError)):
        import_checkpoint(tmp_path / "weights.pt", "spin")
    assert written(home) == []


def test_a_home_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_networks: dict[str, Tensor]
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "file"))
    torch.save({"model": small_networks}, tmp_path / "weights.pt")
    with pytest.raises(ResultError, match=r"file.*could not be written"):
        import_checkpoint(tmp_path / "weights.pt", "spin")
