"""The page of a comparison in a real browser: no network, no errors, menus that redraw, true numbers."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.survey_fixtures import make_survey

from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.find.crop import read_crop
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep

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
    comparison = compare(*surveys, meshes=True)
    maps = dict.fromkeys((model.name for model in comparison.models), swept())
    shown = comparison.with_results(surveys=comparison.surveys, maps=maps, meshes=comparison.meshes())
    shown.report(folder / "report.html")
    maps["pare-open"].save(folder / "example.h5")
    return folder / "report.html"


def swept() -> OcclusionMaps:
    """A coarse sweep of the shipped example."""
    example = Path(__file__).parents[2] / "examples" / "rendered-person"
    crop = read_crop(f"{example}.jpg", ground_truth=f"{example}.npz")
    return OcclusionSweep("pare-open", stride=56, device="cpu")(crop)


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
    maps = OcclusionMaps.open(page.parent / "example.h5")
    packed = contents(page)["example"]["models"]["pare-open"]
    np.testing.assert_allclose(unpacked(packed["maps"])[:-1], maps["error"].values.reshape(14, -1))
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
