"""Model cards: the schema refuses what could mislead, names are found, weights are verified."""

import hashlib
import logging
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from occlusion_toolkit.errors import CheckpointError, ModelCardError
from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.models import PARE
from occlusion_toolkit.models.architecture import HMRArchitecture, PAREArchitecture, ResNetBackbone
from occlusion_toolkit.models.cards import ModelCard, read_card, write_card
from occlusion_toolkit.models.hmr import shift_then_scale
from occlusion_toolkit.models.registry import (
    list_cards,
    load_card,
    load_regressor,
)

BACKBONE = ResNetBackbone(kind="resnet", block="basic", layers=(1, 1, 1, 1), width=4)
CARD_NAMES = [path.stem for path in sorted(shipped("models").glob("*.yaml"))]


def example_card() -> str:
    """The YAML example of models/README.md."""
    text = (shipped("models") / "README.md").read_text(encoding="utf-8")
    return text.split("```yaml\n")[1].split("```")[0]


def make_card(folder: Path, **changes: object) -> Path:
    """A card in a folder, beside real weights of a tiny PARE."""
    network = PAREArchitecture(
        kind="pare", backbone=BACKBONE, filters=(4,), shape_features=2, corrects_mean=True
    )
    weights = folder / "weights" / "my-pare.safetensors"
    weights.parent.mkdir(exist_ok=True)
    torch.manual_seed(0)
    write_state_dict(weights, network.build().state_dict(), {})
    contents = yaml.safe_load(example_card())
    contents["network"] = network.model_dump(mode="json")
    contents["weights"]["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    card = folder / "my-pare.yaml"
    card.write_text(yaml.safe_dump(contents | changes), encoding="utf-8")
    return card


@pytest.mark.parametrize("name", CARD_NAMES)
def test_every_card_is_valid_and_named_like_its_file(name: str):
    assert load_card(name).name == name


@pytest.mark.parametrize("name", CARD_NAMES)
def test_every_card_is_in_the_table_of_the_readme(name: str):
    assert f"`{name}`" in (shipped("models") / "README.md").read_text(encoding="utf-8")


def test_shipped_weights_load_and_the_rest_say_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path))
    for card in list_cards():
        if card.weights.shipped:
            assert load_regressor(card.name).card == card
        else:
            with pytest.raises(CheckpointError) as caught:
                load_regressor(card.name)
            for part in (card.weights.licence, str(tmp_path / "weights" / card.weights.file), "https://"):
                assert part in str(caught.value)


def test_example_of_the_readme_is_a_valid_card(tmp_path: Path):
    (tmp_path / "card.yaml").write_text(example_card(), encoding="utf-8")
    card = read_card(tmp_path / "card.yaml")
    assert card.network.kind == "pare"
    assert isinstance(card.network.build(), PARE)


def test_card_survives_the_round_trip(tmp_path: Path):
    card = read_card(make_card(tmp_path))
    write_card(card, tmp_path / "copy.yaml")
    assert read_card(tmp_path / "copy.yaml") == card


def test_architectures_survive_the_round_trip():
    for architecture in (
        HMRArchitecture(kind="hmr", backbone=BACKBONE, hidden=8),
        PAREArchitecture(
            kind="pare", backbone=BACKBONE, branch="upsample", filters=(4, 4), corrects_mean=True
        ),
    ):
        copy = type(architecture).model_validate(
            yaml.safe_load(yaml.safe_dump(architecture.model_dump(mode="json")))
        )
        assert copy == architecture
        shapes = [{name: t.shape for name, t in a.build().state_dict().items()} for a in (architecture, copy)]
        assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "My PARE"}, "name"),
        ({"colour": "red"}, "colour"),
        ({"network": {"kind": "os.system"}}, "network"),
        ({"network": {"kind": "published", "name": "pare_r101"}}, "network"),
        ({"preprocessing": {"resolution": 0}}, "preprocessing.resolution"),
        ({"training": None}, "training section"),
        ({"body": ""}, "body"),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, changes: dict[str, object], complaint: str):
    with pytest.raises(ModelCardError, match=complaint):
        read_card(make_card(tmp_path, **changes))


@pytest.mark.parametrize(
    ("entry", "value", "complaint"),
    [
        ("sha256", None, "need a sha256"),
        ("sha256", "12ab", "sha256"),
        ("shipped", False, "how_to_get"),
        ("file", "../elsewhere.safetensors", "file"),
        ("file", "weights.exe", "file"),
    ],
)
def test_wrong_weights_entries_are_named(tmp_path: Path, entry: str, value: object, complaint: str):
    weights = yaml.safe_load(example_card())["weights"] | {entry: value}
    with pytest.raises(ModelCardError, match=complaint):
        read_card(make_card(tmp_path, weights=weights))


@pytest.mark.parametrize("text", ["", "- a list", "name: [", "name: !!python/object/apply:os.getcwd []"])
def test_files_that_are_no_cards_are_refused(tmp_path: Path, text: str):
    (tmp_path / "card.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelCardError, match=r"card\.yaml"):
        read_card(tmp_path / "card.yaml")


def test_unknown_name_lists_the_known_ones_and_the_closest():
    with pytest.raises(ModelCardError) as caught:
        load_card("sipn")
    assert "Did you mean spin?" in str(caught.value)
    assert all(name in str(caught.value) for name in CARD_NAMES)


def test_missing_card_file_is_named():
    with pytest.raises(ModelCardError, match=r"nowhere\.yaml"):
        load_card("nowhere.yaml")


def test_regressor_of_a_users_card_predicts_without_gradients(tmp_path: Path):
    regressor = load_regressor(make_card(tmp_path))
    assert not regressor.network.training
    output = regressor(torch.zeros(2, 3, 64, 64))
    assert len(output) == 2
    assert not output.rotmats.requires_grad
    assert regressor.weights_sha256 == regressor.card.weights.sha256


def test_replaced_weights_are_refused(tmp_path: Path):
    card = make_card(tmp_path)
    weights = tmp_path / "weights" / "my-pare.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(ModelCardError, match="sha256"):
        load_regressor(card)


def test_weights_of_another_architecture_are_refused(tmp_path: Path):
    wider = BACKBONE.model_copy(update={"width": 8})
    network = PAREArchitecture(
        kind="pare", backbone=wider, filters=(4,), shape_features=2, corrects_mean=True
    )
    with pytest.raises(CheckpointError, match="of another shape"):
        load_regressor(make_card(tmp_path, network=network.model_dump(mode="json")))


def test_a_network_that_corrects_a_mean_needs_the_mean_in_its_weights(tmp_path: Path):
    card = make_card(tmp_path)
    contents = yaml.safe_load(card.read_text())
    state = read_card(card).network.build().state_dict()
    write_state_dict(
        tmp_path / "weights" / "no-mean.safetensors",
        {name: tensor for name, tensor in state.items() if "init_" not in name},
        {},
    )
    file = tmp_path / "weights" / "no-mean.safetensors"
    contents["weights"] |= {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    card.write_text(yaml.safe_dump(contents))
    with pytest.raises(CheckpointError, match=r"3 missing: head\.init_pose"):
        load_regressor(card)


def test_fetched_weights_without_known_checksum_load_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    weights = yaml.safe_load(example_card())["weights"]
    weights |= {"file": "fetched.ckpt", "sha256": None, "shipped": False, "how_to_get": "Ask."}
    card = make_card(tmp_path, weights=weights)
    with pytest.raises(CheckpointError, match="Ask"):
        load_regressor(card)
    fetched = tmp_path / "home" / "weights" / "fetched.ckpt"
    fetched.parent.mkdir(parents=True)
    torch.save(load_file(tmp_path / "weights" / "my-pare.safetensors"), fetched)
    with caplog.at_level(logging.WARNING):
        regressor = load_regressor(card)
    assert regressor.weights_sha256 in caplog.text


def test_cameras_of_eft_are_delivered_in_spins_convention(tmp_path: Path):
    point = torch.tensor([0.3, -0.2])
    eft = torch.tensor([[0.8, 0.1, -0.4]])
    spin = shift_then_scale(eft)
    torch.testing.assert_close(spin[:, 0] * (point + spin[:, 1:]), eft[:, 0] * point + eft[:, 1:])
    crops = torch.zeros(1, 3, 64, 64)
    as_spin = load_regressor(make_card(tmp_path))(crops).camera
    as_eft = load_regressor(make_card(tmp_path, camera="scale-then-shift"))(crops).camera
    torch.testing.assert_close(as_eft, shift_then_scale(as_spin))


def test_schema_refuses_an_error_without_its_reference():
    with pytest.raises(ValueError, match="reference"):
        ModelCard.model_validate(
            yaml.safe_load(example_card())
            | {"errors": [{"dataset": "3DPW", "metric": "PVE", "value_mm": 1.0, "origin": "measured"}]}
        )
