"""The slides of `present` in a browser: the first one shows, notes do not, code is folded, a cell is run live."""

import subprocess
from types import SimpleNamespace

import nbformat
import pytest
from _decks import NOTE, code, deck, figure
from playwright.sync_api import sync_playwright

from tools import present
from tools.decks.browser import find_browser
from tools.workspace import lab

pytest.importorskip("jupyterlab_rise", reason="not run: the extra `live` is not installed")
pytestmark = pytest.mark.slow
FRAMES = """from course_utils import plots
from course_utils.diagrams import Canvas
made = [Canvas(600, 200) for _ in range(2)]
for number, canvas in enumerate(made):
    canvas.text(300, 100, f"frame {number}")
plots.show([canvas.figure() for canvas in made], alt="A number that grows by one.", caption="Two frames.")"""
SLIDE = "document.querySelector('section.present > section.present')"
SHOWN = f"{SLIDE}?.innerText"


CELLS = [code("before = 40"), code(FRAMES, figure(), name="frames"), code("before + 2", name="sum")]
TEXT = (
    f"*First*\n\n{NOTE}## Second, with $x^2$\n\n{{output}}`frames`\n\n{NOTE}"
    f"### Third\n\n+++\n\n{{code}}`sum`\n\n{NOTE}## Fourth\n\n"
    + "\n".join(f"- item {number}" for number in range(16))
    + f"\n\n{NOTE}"
)


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """A lesson as the task shows it, its cells run: file and address."""
    folder = tmp_path_factory.mktemp("present")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))  # nothing of the user's, and nothing left behind
        patch.setattr(present, "FOLDER", folder / "shown")
        shown = present.for_a_room(deck(folder, TEXT, *CELLS), nbformat.v4.new_notebook(cells=CELLS))
        file = present.write(shown, folder / "shown" / "topic.ipynb")
        with (folder / "log").open("w", encoding="utf-8") as log:
            words = lab.command(file.parent, f"/rise/{file.name}")
            process = subprocess.Popen(words, env=lab.environment(file.parent), stdout=log, stderr=subprocess.STDOUT)
            try:
                server = present.wait_for(process)
                assert server, (folder / "log").read_text(encoding="utf-8")
                present.run(file, server)
                address = f"{server['url']}rise/{file.name}?token={server['token']}"
                yield SimpleNamespace(file=file, address=address, server=server)
            finally:
                process.kill()
                process.wait()


@pytest.fixture
def page(slides):
    if find_browser() is None:
        pytest.skip("not run: no browser (Chromium, Chrome or Edge) on this machine")
    with sync_playwright() as play:
        program = play.chromium.launch(executable_path=find_browser())
        shown = program.new_page(viewport={"width": 1366, "height": 768})
        shown.asked = []
        shown.on("request", lambda request: shown.asked.append(request.url))
        shown.goto(slides.address)
        shown.wait_for_function(f"({SHOWN} || '').includes('First')", timeout=60_000)
        yield shown
        program.close()


def test_a_lecturer_goes_through_the_slides_and_runs_cells(page, slides):
    outside = [url for url in page.asked if not url.startswith((slides.server["url"], "data:", "blob:"))]
    assert outside == [] and page.locator("aside.notes").first.is_hidden() and "lecturer" not in page.evaluate(SHOWN)
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.reveal h1')).fontSize)")
    assert size > 40, "the style of the course: the heading of a page has 24 px in JupyterLab"

    page.keyboard.press("Space")
    page.wait_for_function(f"{SHOWN}.includes('Second')")
    slide = page.locator("section.present > section.present")
    assert (
        slide.locator(".jp-InputPlaceholder").is_visible() and slide.locator(".cm-editor >> visible=true").count() == 0
    )
    assert slide.locator("img").count() == 1, "the published figure"
    page.wait_for_selector("section.present mjx-container", timeout=20_000)

    slide.locator(".jp-OutputArea-output").first.click()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("section.present .course-frames svg", timeout=30_000)
    slide.get_by_role("button", name="next frame").click()
    assert slide.locator("output").inner_text() == "2 of 2"

    page.mouse.click(1300, 700)  # on the empty slide: keys are the slides' again
    page.keyboard.press("Space")
    page.wait_for_function(f"{SHOWN}.includes('Third')")
    page.keyboard.press("Space")  # the fragment: the cell with the bar
    page.wait_for_selector("section.present .fragment.visible .jp-CodeCell.jp-mod-active", timeout=10_000)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(f"{SHOWN}.includes('42')", timeout=30_000)  # cells above have been run

    page.mouse.click(1300, 700)
    page.keyboard.press("Space")
    page.wait_for_function(f"{SHOWN}.includes('Fourth')")
    page.wait_for_function(f"{SLIDE}.scrollHeight <= 768 + 3 && {SLIDE}.clientHeight == 768", timeout=10_000)
    last = page.locator("section.present > section.present li").last.bounding_box()
    assert last["y"] + last["height"] < 768, "a slide that would be cut is made to fit"
    assert page.locator(".jp-Notebook-footer").first.is_hidden(), "Click to add a cell."


def test_a_cell_that_fails_is_told(slides, capsys):
    wrong = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in ("1 + 1", "# here\n1 / 0", "2")])
    file = slides.file.with_name("wrong.ipynb")
    nbformat.write(wrong, file)
    present.run(file, slides.server)
    said = capsys.readouterr().out
    assert "The cell that begins '# here' fails, and those below were not run. ZeroDivisionError" in said
