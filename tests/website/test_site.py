"""The site: its pages are the published notebooks and the documents, and everybody can use them, from the disk too."""

import nbformat
import pytest
from _course import expect_none

from course_utils.files import ROOT
from tools import site
from tools.environment import curriculum
from tools.publishing import boxes
from tools.website import site_check, source

LESSONS = list(curriculum.lessons().values())


def text(words, *tags):
    return nbformat.v4.new_markdown_cell(boxes.put(words, tags), metadata={"tags": [*tags]})


def code(words, said=None, *tags):
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=said)] if said else []
    return nbformat.v4.new_code_cell(words, outputs=outputs, metadata={"tags": [*tags]})


def test_a_page_has_its_slides_its_notebook_readable_hints_folded_setup_and_alt_texts():
    picture = {"image/png": "aGk=", "text/plain": "Figure"}
    about = {"image/png": {"alt": 'Two "bars"', "width": 840}}
    drawn = nbformat.v4.new_output("display_data", picture, metadata=about)
    cells = [
        text("# Title"),
        code("# Sets.\nimport torch", None, "setup"),
        text("words\n\n<details><summary>Hint</summary>\nLook.\n</details>"),
        nbformat.v4.new_code_cell("draw()", outputs=[drawn]),
    ]
    nb = nbformat.v4.new_notebook(cells=cells, metadata={"course": {"name": "energy"}})
    title, ways, setup, hint, figure = source.page(nb, "3_energy.ipynb", {"energy": "slides/1.3_energy.html"}).cells
    assert title.source == "# Title" and "hide-input" in setup.metadata["tags"]
    assert setup.metadata["mystnb"] == {"code_prompt_show": "Sets."}
    assert '<a href="../../slides/1.3_energy.html">Slides</a> · <a href="3_energy.ipynb" download>' in ways.source
    assert hint.source.endswith("<details><summary>Hint</summary>\n\nLook.\n\n</details>")
    assert '<img alt="Two &quot;bars&quot;" style="width: 840px" src="data:' in figure.outputs[0].data["text/html"]
    alone = nbformat.v4.new_notebook(cells=[text("# Title")], metadata={"course": {"name": "energy"}})
    assert "Slides" not in source.page(alone, "3_energy.ipynb", {}).cells[1].source, "a lesson without a deck"


ASKED, ANSWER, ANOTHER = text("**Predict.** How many?"), text("**Two.**", "answer"), text("**Four.**", "answer")


@pytest.mark.parametrize(
    ("cells", "closed"),
    [
        ([code("a", "1"), ASKED, code("b", "2"), text("So."), code("c", "3"), ANSWER, code("d", "4")], ["2", "3"]),
        ([ASKED, code("a"), ANSWER, text("### A race"), code("b", "2"), code("c", "3")], ["2"]),
        ([ASKED, ANSWER, text("## 4. Next"), code("b", "2")], []),
        ([ASKED, code("b", "2"), ANSWER, text("### Next"), code("c", "3"), ANOTHER, code("d", "4")], ["2"]),
    ],
)
def test_an_output_that_shows_the_answer_is_closed_and_no_other(cells, closed):
    made = source.page(nbformat.v4.new_notebook(cells=cells), "", {})
    hidden = [cell.outputs[0].text for cell in made.cells if "hide-output" in cell.metadata["tags"]]
    assert hidden == closed


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site of this course without its decks, which have tests of their own; a warning of Sphinx fails here."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "make_slides", lambda lessons, site: {})
        assert site.make(LESSONS, folder / "source", folder / "site") == 0
    return folder / "site"


@pytest.mark.slow
def test_every_lesson_has_a_page_and_no_page_has_a_fault(built, page):
    for lesson in LESSONS:
        made = built / "notebooks" / lesson.place
        assert made.with_suffix(".html").exists() and made.read_bytes() == lesson.notebook.read_bytes()
    expect_none(site_check.check(page, built))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("zero point", "notebooks/3_quantization/1_integers.html"),
        ("Expected more than 1 value per channel when training", "docs/symptoms.html"),
    ],
)
def test_the_search_works_from_the_disk(built, page, words, found):
    page.goto((built / "search.html").as_uri() + f"?q={words}")
    page.wait_for_selector("#search-results li a")
    links = [link.get_attribute("href") for link in page.locator("#search-results li a").all()]
    assert any(found in link for link in links), links


def lesson_page(built):
    """The address of the first essential lesson; the first page marks it."""
    lesson = curriculum.lessons()["energy"]
    assert f"• {lesson.number} · {lesson.title}" in (built / "index.html").read_text(encoding="utf-8")
    return (built / "notebooks" / lesson.place).with_suffix(".html").as_uri()


@pytest.mark.slow
def test_answers_are_closed_open_by_a_click_without_a_script_and_on_paper(built, page):
    with page.context.browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(lesson_page(built))
        box = plain.locator(".course-compare").first
        assert not box.locator("p").last.is_visible()
        box.locator("summary").click()
        assert box.locator("p").last.is_visible()
    page.goto(lesson_page(built), wait_until="load")
    for event, open_then in (("beforeprint", True), ("afterprint", False)):
        page.evaluate(f"window.dispatchEvent(new Event('{event}'))")
        assert page.locator(".course-compare p").last.is_visible() is open_then


@pytest.mark.slow
def test_a_table_with_sentences_can_be_read_on_a_phone(built, page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto((built / "index.html").as_uri(), wait_until="load")
    cells = page.locator("main table.course-rows td").all()
    boxes = [cell.bounding_box() for cell in cells if len(cell.inner_text()) > 40]
    assert boxes and not [box for box in boxes if box["width"] < 200 or box["x"] + box["width"] > 390]
    page.set_viewport_size({"width": 1280, "height": 720})


def test_each_letter_of_the_glossary_leads_to_its_first_entry():
    made = source.lettered((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    assert '<a href="#a-a-test">A</a> · <a href="#' in made and '<span id="a-a-test"></span>**A/A test**' in made
