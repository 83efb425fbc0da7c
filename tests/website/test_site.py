"""The site: its pages come from the published notebooks, lead to each other, and can be used by everybody, offline."""

import json
import shutil

import nbformat
import pytest

from course_utils import syllabus
from course_utils.files import ROOT, write_whole
from tools import site
from tools.publishing import lessons
from tools.website import site_check, site_lessons

LESSONS = list(syllabus.lessons().values())
TARGETS = site_lessons.pages(ROOT)


def test_a_lesson_has_its_slides_its_notebook_and_readable_hints_and_folded_setup():
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell("# Sets.\nimport torch", metadata={"tags": ["setup"]}),
        nbformat.v4.new_markdown_cell("words\n\n<details><summary>Hint</summary>\nLook.\n</details>"),
        nbformat.v4.new_markdown_cell("Next: another"),
    ]
    made = site_lessons.page(nbformat.v4.new_notebook(cells=cells), syllabus.lessons()["energy"], TARGETS)
    title, ways, setup, hint = made.cells
    assert title.source == "# Title" and "hide-input" in setup.metadata["tags"]
    assert setup.metadata["mystnb"] == {"code_prompt_show": "Sets."}
    assert 'href="../slides/1.3_energy.html"' in ways.source and 'href="../notebooks/1.3_energy.ipynb"' in ways.source
    assert hint.source.endswith("<details><summary>Hint</summary>\n\nLook.\n\n</details>")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:  # decks are looked at elsewhere
        patch.setattr(site.slides, "write", lambda nb, path: write_whole(path, nb.metadata["course"]["name"]))
        assert site.make(LESSONS, folder / "source", folder / "site") == 0
    return folder / "site"


@pytest.mark.slow
def test_the_site_is_made_without_a_warning_has_no_fault_and_gives_nothing_away(built, page):
    text = (built / "_static" / "sections.js").read_text(encoding="utf-8")
    sections = json.loads(text.removeprefix("const SECTIONS = ").rstrip(";\n"))
    for lesson in LESSONS:
        name = f"{lesson.number}_{lesson.name}"
        assert (built / "slides" / f"{name}.html").exists()
        assert (built / "notebooks" / f"{name}.ipynb").read_bytes() == lesson.notebook.read_bytes()
        html = (built / "lessons" / f"{lesson.name}.html").read_text(encoding="utf-8")
        nb = lessons.read_published(lesson.notebook)
        solutions = sum("solution" in cell.metadata.get("tags", []) for cell in nb.cells)
        assert "For the lecturer" not in html and html.count("above-input") >= solutions > 0
        own = [section for section in sections if section["to"].startswith(f"lessons/{lesson.name}.html")]
        said = " ".join(section["text"] for section in own)
        closed = [section["closed"] for section in own if section["closed"]]
        assert closed and not [words[:60] for words in closed if len(words) > 60 and words[:60] in said], lesson.name
    faults = site_check.check(page, built)
    assert not faults, "\n".join(["", *faults])
    page.goto((built / "search.html").as_uri() + "?q=ValueError: Expected more than 1 value per channel when training")
    page.wait_for_selector("#search-results li a")
    first = page.locator("#search-results li a").first.get_attribute("href")
    assert first.startswith("symptoms.html#expected-more-than")


DEEPER = """<!doctype html><html lang="en"><title>t</title><script src="site.js"></script><main>
<a href="#deeper">to it</a><section id="remember"><h2>Remember</h2><p style="height: 3000px">It.</p></section>
<section id="deeper"><h2>Deeper</h2><p>First words.</p>
<section id="chips"><h3>What do chips change?<a class="headerlink" href="#chips">#</a></h3><p>Much.</p></section>
</section><section id="scorecard"><h2>Scorecard</h2><p style="height: 3000px">A table.</p></section></main></html>"""


@pytest.mark.slow
def test_deeper_is_closed_says_what_it_asks_and_opens_for_whoever_is_led_into_it(tmp_path, page):
    shutil.copy(site.TEMPLATE / "static" / "site.js", tmp_path)
    (tmp_path / "lesson.html").write_text(DEEPER, encoding="utf-8")

    def shows(at=None):
        if at is not None:
            page.goto("about:blank")
            page.goto((tmp_path / "lesson.html").as_uri() + at, wait_until="load")
        return page.get_by_text("Much.").is_visible()

    assert not shows("") and not page.get_by_text("First words.").is_visible()
    assert page.get_by_text("A table.").is_visible()
    assert page.locator("details.course-deeper > summary").inner_text() == "What do chips change?"
    page.click("details.course-deeper > summary")
    assert shows() and page.get_by_text("First words.").is_visible()
    assert shows("#chips") and page.get_by_role("heading", name="What do chips change?").bounding_box()["y"] < 400
    assert shows("#deeper") and not shows("#remember")
    for _ in range(2):  # the second click leads where the address is already
        page.click("main > a")
        assert shows()
        page.evaluate("document.querySelector('.course-deeper').open = false")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert shows()
    (tmp_path / "site.js").write_text("", encoding="utf-8")
    assert shows("")
