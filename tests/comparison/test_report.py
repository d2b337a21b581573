"""The page of a comparison in a real browser: no network, no errors, menus that redraw, true numbers."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from occlusion_toolkit.meshes.pooling.pool import pool
from occlusion_toolkit.sweep.results import read_heatmap
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import display_surface
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.comparison.comparison import compare_surveys
from occlusion_toolkit.comparison.record import record
from occlusion_toolkit.comparison.report.page import write_report

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *(
        "--disable-component-update",
        "--disable-sync",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
    ),
)
HOSTILE = "</script><script>document.body.dataset.hacked='yes'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """A page of two models, one of them with a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    surveys = [
        make_survey(folder / str(seed), model_card=name, seed=seed, images=12, sequences=6)
        for seed, name in enumerate(("pare-open", HOSTILE))
    ]
    stored = record(compare_surveys(surveys), surveys, folder)
    meshes = {
        model.name: pool(survey, Bodies()) for model, survey in zip(stored.models, surveys, strict=True)
    }
    examples = {model.name: read_heatmap(swept(folder)) for model in stored.models}
    surface = display_surface(load_open_body())
    write_report(folder / "report.html", stored, meshes, surface, examples, Bodies())
    return folder / "report.html"


def swept(folder: Path) -> Path:
    """The stored result of a coarse sweep of the shipped example."""
    from occlusion_toolkit.cli.main import main

    out = folder / "example"
    if not out.exists():
        example = Path(__file__).parents[2] / "examples" / "rendered-person"
        words = ["heatmap", f"{example}.jpg", "--ground-truth", f"{example}.npz", "--stride", "56"]
        with pytest.raises(SystemExit) as exit_code:
            main([*words, "--device", "cpu", "--out", str(out)])
        assert not exit_code.value.code
    return out / "result.h5"


def contents(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="contents">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def unpacked(packed: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["data"]), "<f4").reshape(packed["shape"])


@pytest.mark.slow
def test_the_page_refers_to_nothing_outside_itself(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", text)
    assert "default-src 'none'" in text
    assert page.stat().st_size < 15e6


@pytest.mark.slow
def test_hostile_names_stay_text(page):
    assert HOSTILE not in page.read_text(encoding="utf-8")
    assert HOSTILE in json.dumps(contents(page)["comparison"]["models"][1]["name"])[1:-1].replace("\\/", "/")


@pytest.mark.slow
def test_maps_of_the_page_are_those_of_the_result(page):
    result = read_heatmap(page.parent / "example" / "result.h5")
    packed = contents(page)["example"]["models"]["pare-open"]
    maps = next(maps for maps in result.maps if maps.joint_set == "lsp14")
    np.testing.assert_allclose(unpacked(packed["maps"])[:-1], maps.error_mm.reshape(14, -1))
    skeletons = unpacked(packed["skeletons"])
    assert skeletons.shape == (17, 24, 2)
    assert ((skeletons > -50) & (skeletons < 274)).all()


@pytest.mark.slow
def test_the_page_works_in_a_browser_without_a_network(page):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM} (Debian: chromium)")
    shown = contents(page)
    packed = shown["example"]["models"]["pare-open"]
    maps = unpacked(packed["maps"])
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        tab = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
        problems: list[str] = []
        tab.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("request", lambda request: problems.extend(u for u in [request.url] if u.startswith("http")))
        tab.goto(page.as_uri())
        tab.wait_for_selector("body[data-ready=yes]", timeout=180_000)
        assert tab.evaluate("document.body.dataset.hacked") is None
        assert tab.locator("#models th").nth(2).text_content() == HOSTILE

        # Another joint changes the tables.
        tab.select_option("#column", index=4)
        clean = shown["comparison"]["models"][0]["quantities"]["clean"]
        cell = tab.locator("#models td").nth(1).text_content()
        assert cell.startswith(f"{clean['mean'][4]:.1f}")
        assert f"[{clean['low'][4]:.1f}, {clean['high'][4]:.1f}]" in cell
        assert tab.evaluate("document.getElementById('failures').data.length") == 6  # lines and their bands

        # Another joint redraws heatmaps and meshes.
        z = "document.querySelector('#maps .map').data[0].z.flat()"
        np.testing.assert_allclose(tab.evaluate(z), maps[-1], rtol=1e-6)
        tab.select_option("#joint", index=3)
        np.testing.assert_allclose(tab.evaluate(z), maps[3], rtol=1e-6)
        colours = "document.querySelector('#meshes .mesh').data[0].vertexcolor.join()"
        before = tab.evaluate(colours)
        tab.select_option("#row", index=3)
        assert tab.evaluate(colours) != before
        tab.select_option("#what", "differences")
        assert tab.locator("#meshes figure").count() == 1
        tab.select_option("#what", "models")
        views = "[...document.querySelectorAll('#meshes .mesh')]"
        eye = "{ 'scene.camera': { eye: { x: 1.5, y: 1.5, z: 0 } } }"
        tab.evaluate(f"Plotly.relayout({views}[0], {eye}).then(() => null)")
        tab.wait_for_function(f"{views}.every((view) => view.layout.scene.camera.eye.x === 1.5)")

        # Pointing at a cell shows its window, its prediction and its number.
        plot = tab.locator("#maps .map .nsewdrag").first
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        for row, col in ((0, 0), (2, 1)):
            tab.mouse.move(
                box["x"] + (col + 0.5) / 4 * box["width"], box["y"] + (row + 0.5) / 4 * box["height"]
            )
            tab.wait_for_timeout(400)
            says = tab.locator("#maps figure p").first.text_content()
            window = row * 4 + col
            assert says.endswith(f"{maps[3][window]:.1f} mm")
            y0, _, x0, _ = shown["example"]["windows"][window]
            square = tab.locator("#maps svg.crop rect").first
            assert (square.get_attribute("y"), square.get_attribute("x")) == (str(y0), str(x0))
        assert problems == []
        browser.close()
