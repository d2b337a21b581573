"""The pages in a real browser: no network, no errors, true numbers, for narrow screens, keys and assistive
technology, light and dark."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.survey_fixtures import make_survey

from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.find.crop import read_crop
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.plotting.painting import detail_of

AXE = Path(__file__).parents[1] / "support" / "axe.min.js"
"""axe-core 4.14.1, from npm (MPL-2.0): the rules of accessibility."""

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
    maps = {"pare-open": swept()}
    worse = {name: 1.2 * maps["pare-open"].dataset[name] for name in ("error", "clean_error")}
    maps[HOSTILE] = OcclusionMaps(maps["pare-open"].dataset.assign(worse))
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
    assert skeletons.shape == (17, 24, 3)
    assert ((skeletons > -150) & (skeletons < 274)).all()


@pytest.fixture(scope="module")
def pages(page, tmp_path_factory) -> dict[str, Path]:
    """A page of every kind."""
    folder = tmp_path_factory.mktemp("pages")
    OcclusionMaps.open(page.parent / "example.h5").report(folder / "heatmap.html")
    SensitivityMesh.open(page.parent / "0" / "mesh.h5").report(folder / "mesh.html")
    return {"comparison": page, "heatmap": folder / "heatmap.html", "mesh": folder / "mesh.html"}


@pytest.fixture(scope="module")
def browser():
    """A browser without a network."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM} (Debian: chromium)")
    with playwright.sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def show(browser):
    """A function that opens a page and makes sure, in the end, that nothing went wrong in it."""
    problems, contexts = [], []

    def opened(path: Path, *, width: int = 1280, scheme: str = "light", foreign_script: bool = False):
        size = {"width": width, "height": 900}
        context = browser.new_context(
            offline=True, viewport=size, color_scheme=scheme, bypass_csp=foreign_script
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("request", lambda request: problems.extend(u for u in [request.url] if u.startswith("http")))
        tab.goto(path.as_uri(), timeout=180_000)
        tab.wait_for_selector("body[data-ready=yes]", timeout=180_000)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def shown_map(tab, model: int = 0) -> np.ndarray:
    """The values that a map of the page is drawn from."""
    return np.array(tab.locator("#maps .map").nth(model).get_attribute("data-values").split(","), float)


def see_meshes(tab) -> None:
    """Scrolls to the bodies, which are drawn when they are first seen."""
    assert tab.evaluate("document.querySelector('#meshes .mesh').data") is None
    tab.locator("#body").scroll_into_view_if_needed()
    tab.wait_for_selector("#meshbar svg", state="attached", timeout=180_000)


@pytest.mark.slow
def test_menus_redraw_with_the_numbers_of_the_result(page, show):
    tab, held = show(page), contents(page)
    maps = unpacked(held["example"]["models"]["pare-open"]["maps"])
    assert tab.evaluate("document.body.dataset.hacked") is None
    assert tab.locator("#models th").nth(1).text_content() == HOSTILE

    tab.select_option("#column", "4")
    clean = held["comparison"]["models"][0]["quantities"]["clean"]
    cell = tab.locator("#models td:has(.interval)").first.text_content()
    assert cell.startswith(f"{clean['mean'][4]:.1f}")
    assert f"[{clean['low'][4]:.1f}, {clean['high'][4]:.1f}]" in cell
    assert tab.evaluate("document.getElementById('failures').data.length") == 6  # lines and their bands

    np.testing.assert_allclose(shown_map(tab), maps[-1], atol=0.006)
    tab.select_option("#joint", "3")
    np.testing.assert_allclose(shown_map(tab), maps[3], atol=0.006)
    see_meshes(tab)
    colours = "document.querySelector('#meshes .mesh').data[0].vertexcolor.join()"
    before = tab.evaluate(colours)
    tab.select_option("#row", "3")
    assert tab.evaluate(colours) != before
    tab.select_option("#what", "differences")
    assert tab.locator("#meshes figure").count() == 1


@pytest.mark.slow
def test_the_scale_ends_at_the_worst_window_unless_another_is_chosen_and_then_arrows_say_so(page, show):
    tab = show(page)
    bar = tab.locator("#bar svg")
    worst = max(unpacked(model["maps"])[-1].max() for model in contents(page)["example"]["models"].values())
    assert bar.get_attribute("aria-label").endswith(f"to {worst:.0f} mm")
    assert bar.locator(".beyond").count() == 0
    tab.select_option("#scale", "robust")
    assert not bar.get_attribute("aria-label").endswith(f"to {worst:.0f} mm")
    assert bar.locator(".beyond").count() > 0


@pytest.mark.slow
def test_colours_are_opaque_under_the_same_shades_as_in_figures(page, show):
    tab, held = show(page), contents(page)
    pixel = "document.querySelector('#maps canvas').getContext('2d').getImageData(100, 100, 1, 1).data"
    colour = list(tab.evaluate(f"Array.from({pixel})"))
    assert colour[3] == 255
    assert "#" + bytes(colour[:3]).hex() in held["sequential"]
    with Image.open(io.BytesIO(base64.b64decode(held["example"]["detail"].partition(",")[2]))) as layer:
        grey, alpha = np.asarray(layer.convert("LA"), float).transpose(2, 0, 1)
    detail = detail_of(OcclusionMaps.open(page.parent / "example.h5").detail("crop"), 448)
    np.testing.assert_allclose(np.where(grey > 0, 1, -1) * alpha / 255, detail, atol=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["comparison", "heatmap"])
def test_windows_are_chosen_by_arrow_keys_and_by_pointing(kind, pages, show):
    tab, held = show(pages[kind]), contents(pages[kind])["example"]
    maps = unpacked(held["models"]["pare-open"]["maps"])
    says, square = tab.locator("#says"), tab.locator("#maps .map svg rect").first
    assert int(says.get_attribute("data-window")) == maps[-1].argmax()  # the worst one, at first

    def at(window: int) -> bool:
        y0, _, x0, _ = held["windows"][window]
        placed = (square.get_attribute("y"), square.get_attribute("x")) == (str(y0), str(x0))
        return placed and f"{maps[-1][window]:.1f} mm" in says.text_content()

    tab.locator("#maps .map").first.focus()
    for _ in range(4):
        tab.keyboard.press("ArrowUp")
        tab.keyboard.press("ArrowLeft")
    assert at(0)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    assert at(5)
    tab.keyboard.press("Home")
    assert at(maps[-1].argmax())

    plot = tab.locator("#maps .map").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    for row, col in ((0, 0), (2, 1)):
        x, y = (
            box[side] + (at + 0.5) / 4 * box[length]
            for side, at, length in (("x", col, "width"), ("y", row, "height"))
        )
        tab.mouse.move(x, y)
        assert at(row * 4 + col)


@pytest.mark.slow
def test_the_prediction_is_shown_from_the_side_too_and_beside_the_truth(pages, show):
    tab = show(pages["heatmap"])
    lines = tab.locator("#maps svg.side line")
    drawn = lines.count()
    assert drawn == tab.locator("#maps svg.crop line").count() == 2 * 2 * 23
    colours = {lines.nth(at).get_attribute("stroke") for at in range(drawn)}
    limbs = contents(pages["heatmap"])["example"]["limbs"]
    assert {limbs["left"], limbs["right"]} < colours
    before = lines.nth(0).get_attribute("x1")
    tab.select_option("#reference", "truth")
    assert lines.nth(0).get_attribute("x1") != before
    tab.select_option("#reference", "none")
    assert lines.count() == 2 * 23


@pytest.mark.slow
def test_meshes_turn_together_by_keys_buttons_and_pointer(page, show):
    tab = show(page)
    see_meshes(tab)
    views = "[...document.querySelectorAll('#meshes .mesh')]"

    def turned(x: float, y: float) -> None:
        eye = "view.layout.scene.camera.eye"
        near = f"{views}.every((view) => Math.hypot({eye}.x - {x}, {eye}.y - {y}) < 0.05)"
        for _ in range(600):  # the page lets nobody evaluate texts, so the browser cannot wait by itself
            if tab.evaluate(near):
                return
            tab.wait_for_timeout(100)
        pytest.fail(f"the bodies did not turn to {x}, {y}")

    tab.get_by_role("button", name="Left", exact=True).press("Enter")
    turned(2.3, 0)
    tab.locator("#meshes .mesh").last.focus()
    for _ in range(6):
        tab.keyboard.press("ArrowRight")
    turned(0, 2.3)
    eye = "{ 'scene.camera': { eye: { x: 1.5, y: 1.5, z: 0 } } }"
    tab.evaluate(f"Plotly.relayout({views}[0], {eye}).then(() => null)")
    turned(1.5, 1.5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["comparison", "heatmap", "mesh"])
def test_every_tab_stop_is_seen_named_and_there_are_few(kind, pages, show):
    tab = show(pages[kind])
    seen = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        stop = tab.evaluate(
            "(() => { const at = document.activeElement, box = at.getBoundingClientRect();"
            " const name = at.id || at.textContent.slice(0, 20) + at.ariaLabel;"
            " return [at.tagName, name, box.width * box.height,"
            " getComputedStyle(at).visibility, Number(getComputedStyle(at).opacity)]; })()"
        )
        if stop[0] == "BODY":
            break
        assert stop[2] > 50, stop
        assert stop[3] == "visible", stop
        assert stop[4] > 0, stop
        seen.append(stop[1])
    assert len(seen) == len(set(seen)) < 50
    labels = tab.locator("label").all_text_contents()
    assert len(labels) == len(set(labels)) == tab.locator("select").count()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["comparison", "heatmap", "mesh"])
def test_a_phone_shows_the_page_without_scrolling_sideways(kind, pages, show):
    tab = show(pages[kind], width=390)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    scrolling = ".scroll, pre, details, .plot, .mesh, svg"
    inside = (
        f"[...document.querySelectorAll('body *')].filter((one) => !one.closest('{scrolling}')"
        " && one.getBoundingClientRect().right > 391).map((one) => one.tagName + one.id)"
    )
    assert tab.evaluate(inside) == []


@pytest.mark.slow
def test_a_dark_screen_has_a_dark_page_and_light_words(pages, show):
    for scheme, dark in (("light", False), ("dark", True)):
        tab = show(pages["comparison"], scheme=scheme)
        ground, ink = (
            sum(map(int, re.findall(r"\d+", tab.evaluate(f"getComputedStyle(document.body).{name}"))))
            for name in ("backgroundColor", "color")
        )
        assert (ground < 200 < ink) == dark
        assert tab.evaluate("document.getElementById('bars').layout.font.color") == tab.evaluate(
            "getComputedStyle(document.body).color"
        )


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("kind", ["comparison", "heatmap", "mesh"])
def test_axe_finds_nothing_serious(kind, width, scheme, pages, show):
    tab = show(pages[kind], width=width, scheme=scheme, foreign_script=True)
    tab.add_script_tag(path=AXE)
    found = tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        (one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]][:4])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert len(found["passes"]) > 10
