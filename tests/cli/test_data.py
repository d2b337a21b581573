import json
from pathlib import Path

import pytest
from support import training_files as files
from support.screens import rows_on_a_screen

from occlusion_toolkit.body.joints49 import Joints49
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body

RECIPE = f"""
name: pare-small
network: {{kind: pare, backbone: {{kind: resnet, block: basic, layers: [1, 1, 1, 1], width: 8}},
  branch: upsample, filters: [8], shape_features: 8}}
body: {OPEN_BODY_TOPOLOGY}
train:
  steps: 20
  data:
    - {{shares: {{coco-eft: 1.0}}, steps: 10}}
    - {{shares: {{h36m: 0.5, coco-eft: 0.5}}}}
  augmentation: {{occlusion: {{objects: voc}}}}
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def _put(home: Path) -> None:
    body = load_open_body()
    truth = files.make_people(body, Joints49(body.arrays), 2)
    files.write_eft(home / "data" / "coco-eft", truth)
    files.write_h36m(home / "data" / "h36m", truth)


def test_missing_data_end_with_1_and_addresses(cli, recipe: Path) -> None:
    short = cli("data", "check", recipe)
    assert rows_on_a_screen(short.out) <= 24
    assert "coco-eft is not in " in short.out
    assert "--verbose" in short.out
    result = cli("data", "check", recipe, "--verbose")
    assert result.code == short.code == 1
    for words in ("coco-eft", "MISSING", "https://cocodataset.org", "registration", "VOCdevkit", "home/data"):
        assert words in result.out


def test_table_is_readable_in_80_columns(
    cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _put(tmp_path / "home")
    output = cli("data", "check", recipe, "--verbose").out
    table = output.split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in output
    (head,) = (line for line in table if "people" in line)
    assert head.split() == ["name", "people", "bodies", "3D", "joints", "found"]
    rows = {line.split()[0]: line.split() for line in table if line.split()}
    assert rows["coco-eft"] == ["coco-eft", "ready", "2", "2", "2", "COCO2014-All-ver01.json"]
    assert rows["h36m"] == ["h36m", "ready", "2", "0", "2", "h36m_train.npz"]
    assert rows["voc"] == ["voc", "(occluding", "MISSING"]  # the rest of the name is below it


def test_complete_data_end_with_0(cli, recipe: Path, tmp_path: Path) -> None:
    _put(tmp_path / "home")
    voc = files.write_voc(tmp_path / "elsewhere")
    result = cli("data", "check", recipe, "--data", f"voc={voc}", "--json")
    assert result.code == 0
    content = json.loads(result.out)
    assert content["ready"]
    assert {need["name"]: need["people"] for need in content["needs"]} == {
        "coco-eft": 2,
        "h36m": 2,
        "voc": None,
        OPEN_BODY_TOPOLOGY: None,
    }
    assert cli("data", "check", recipe, "--data", f"voc={voc}").code == 0


def test_wrong_words_are_usage_errors(cli, recipe: Path, tmp_path: Path) -> None:
    for words in (["--data", "coco-eft=/nowhere"], ["--data", "lsp=/"], ["--smpl"]):
        result = cli("data", "check", recipe, *words)
        assert result.code == 2
    assert cli("data", "check", tmp_path / "none.yaml").code == 2


def test_a_recipe_is_named_as_for_train(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCLUSION_TOOLKIT_HOME", str(tmp_path / "home"))
    result = cli("data", "check", "table2-pare-r50", "--json")
    assert result.code == 1
    names = [need["name"] for need in json.loads(result.out)["needs"]]
    assert names[:3] == ["coco-eft", "h36m", "3doh-train"]
    assert "smpl_partSegmentation_mapping.pkl" in names
    assert cli("data", "check", "table2").code == 2
