"""The site: its pages come from the published notebooks, lead to each other, and can be used by everybody, offline."""

import json
import posixpath
import re
import shutil
import zipfile
from urllib.parse import unquote
from xml.etree import ElementTree

import nbformat
import pytest
from _course import expect_none

from course_utils.files import ROOT, write_whole
from tools import site
from tools.environment import curriculum
from tools.publishing import boxes, lessons
from tools.website import site_check, site_lessons

LESSONS = list(curriculum.lessons().values())
TARGETS = site_lessons.pages(ROOT)


def test_a_lesson_has_its_slides_its_notebook_and_readable_hints_and_folded_setup():
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell("# Sets.\nimport torch", metadata={"tags": ["setup"]}),
        nbformat.v4.new_markdown_cell("words\n\n<details><summary>Hint</summary>\nLook.\n</details>"),
        nbformat.v4.new_markdown_cell("Next: another"),
    ]
    made = site_lessons.page(nbformat.v4.new_notebook(cells=cells), curriculum.lessons()["energy"], TARGETS)
    title, ways, setup, hint, leads_on = made.cells
    assert title.source == "# Title" and "hide-input" in setup.metadata["tags"]
    assert setup.metadata["mystnb"] == {"code_prompt_show": "Sets."}
    assert 'href="../slides/1.3_energy.html"' in ways.source and 'href="../notebooks/1.3_energy.ipynb"' in ways.source
    assert hint.source.endswith("<details><summary>Hint</summary>\n\nLook.\n\n</details>")
    assert leads_on.source == "Next: another"


def test_what_shows_the_answer_is_closed_with_it_and_code_and_words_stay_in_sight():
    def text(source, *tags):
        return nbformat.v4.new_markdown_cell(boxes.put(source, tags), metadata={"tags": [*tags]})

    def code(source, said=None):
        outputs = [nbformat.v4.new_output("stream", name="stdout", text=said)] if said else []
        return nbformat.v4.new_code_cell(source, outputs=outputs)

    def arranged(*cells):
        depth, open_, closed = 0, [], []
        for cell in site_lessons.folded(cells):
            depth += cell.source.count("<details")
            code = "" if "remove-input" in cell.metadata.get("tags", []) else cell.source
            (closed if depth else open_).append((code, *(output.text for output in cell.get("outputs", []))))
            depth -= cell.source.count("</details>")
        assert depth == 0
        return [words for said in open_ for words in said if words], " ".join(
            words for said in closed for words in said
        )

    asked = text("**Predict.** How many?")
    answer, words, table = text("**Two.**", "answer"), text("`x` counts."), text("| a |\n|---|\n| 2 |")
    seen, hidden = arranged(code("x = 0", "before"), asked, words, code("x = 1", "one"), table, answer, text("So."))
    assert seen == ["x = 0", "before", asked.source, "`x` counts.", "x = 1", "So."]
    assert "one" in hidden and "| 2 |" in hidden and hidden.index("one") < hidden.index("**Two.**")
    # the answer is written before the cell that shows it
    for lead in ([], [text("### A race")], [text("### A race\n\nOf three.")]):
        seen, hidden = arranged(asked, code("x = 1"), answer, *lead, code("x = 2", "two"), text("So."))
        assert seen == [asked.source, "x = 1", *(cell.source for cell in lead), "x = 2", "So."]
        assert hidden.index("**Two.**") < hidden.index("two")
    # another matter, and a box without a question
    for lead in ("## 4. Next", "A sentence.", "### A layer\n\nWords.\n\nMore words."):
        seen, hidden = arranged(asked, answer, text(lead), code("x = 2", "two"))
        assert seen == [asked.source, lead, "x = 2", "two"]
    seen, hidden = arranged(asked, code("x = 1", "one"), answer, text("### Next"), code("x = 2", "two"), answer)
    assert seen == [asked.source, "x = 1", "### Next", "x = 2", "two"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:  # decks are looked at elsewhere
        patch.setattr(site.slides, "of", lambda lesson: lesson.name)
        patch.setattr(site.slides, "write_beside", lambda deck, path, back: write_whole(path, deck))
        assert site.make(LESSONS, folder / "source", folder / "site") == 0
    return folder / "site"


IN_SIGHT = """() => [...document.querySelectorAll(".course-predict")].flatMap((asked, i, all) => {
    const after = e => asked.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING;
    const box = [...document.querySelectorAll(".course-compare")].find(after);
    if (!box || all[i + 1] && !(all[i + 1].compareDocumentPosition(box) & Node.DOCUMENT_POSITION_PRECEDING))
        return [asked.textContent + ": no answer"];
    const next = box.nextElementSibling;  // where the answer was written above the cell that shows it
    return [...document.querySelectorAll("main .cell_output, main table, main img, main svg")]
        .filter(e => after(e) && (box.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_PRECEDING
                                  || next?.matches(".cell") && next.contains(e)))
        .filter(e => e.checkVisibility({contentVisibilityAuto: true}) && !e.closest("mjx-container"))
        .map(e => asked.textContent.trim() + ": " + e.textContent.trim().slice(0, 60));
})"""


@pytest.fixture(scope="module")
def opened(built, page):
    """Every page is opened once: its faults, and by address what its questions leave in sight, and its outputs."""
    evaluate, seen = page.evaluate, {}

    def look(script):
        seen[page.url] = evaluate(IN_SIGHT), page.locator("main .cell_output").count()
        return evaluate(script)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "evaluate", look)
        return site_check.check(page, built), seen


@pytest.mark.slow
def test_the_book_is_xml_throughout_and_has_its_figures_formulas_and_no_way_out(built):
    with zipfile.ZipFile(built / site.BOOK) as book:
        pages = {name: book.read(name).decode("utf-8") for name in book.namelist() if name.endswith(".xhtml")}
        files = set(book.namelist())
    for name, text in pages.items():
        ElementTree.fromstring(text)  # raises where it is not well-formed
        assert "<script" not in text, name
        for link in re.findall(r'(?:href|src)="(?!https?:|data:|mailto:|#)([^"#]+)', text):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(link))) in files, (name, link)
    for lesson in LESSONS:
        text = pages[f"lessons/{lesson.name}.xhtml"]
        assert "<svg" in text or "<img" in text
        assert f'href="lessons/{lesson.name}.xhtml"' in pages["nav.xhtml"], "the table of contents"
        assert all('alt="' in picture for picture in re.findall(r"<img[^>]*>", text))
    assert "<math" in pages["lessons/energy.xhtml"] + pages["lessons/integers.xhtml"]


@pytest.mark.slow
def test_the_site_is_made_without_a_warning_has_no_fault_and_gives_nothing_away(built, page, opened):
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
    faults, _ = opened
    expect_none(faults)
    page.goto((built / "search.html").as_uri() + "?q=ValueError: Expected more than 1 value per channel when training")
    page.wait_for_selector("#search-results li a")
    first = page.locator("#search-results li a").first.get_attribute("href")
    assert first.startswith("symptoms.html#expected-more-than")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "narrow"), [(390, True), (1366, False)])
def test_the_menus_open_and_close(built, page, width, narrow):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto((built / "lessons" / "integers.html").as_uri(), wait_until="load")
    lessons_list, contents = page.locator(".bd-sidebar-primary .bd-links"), page.locator(".page-toc")
    menu = page.locator(".primary-toggle").locator("visible=true")
    assert lessons_list.is_visible() is not narrow
    menu.click()
    lessons_list.wait_for(state="visible" if narrow else "hidden")
    if narrow:
        page.keyboard.press("Escape")
        lessons_list.wait_for(state="hidden")
        page.locator(".secondary-toggle").locator("visible=true").click()
        contents.get_by_text("Remember").click()
        page.wait_for_url("**/integers.html#remember")
        page.wait_for_function("!document.querySelector('dialog[open]')")  # it would cover what was chosen
        page.reload()
    menu.click()
    page.locator(".bd-links a[href='symptoms.html'], .bd-links a[href$='/symptoms.html']").click()
    page.wait_for_url("**/symptoms.html")


@pytest.mark.slow
def test_no_output_stands_in_sight_between_a_question_and_its_answer_and_none_is_lost(built, opened):
    faults = []
    for lesson in LESSONS:
        in_sight, there = opened[1][(built / "lessons" / f"{lesson.name}.html").as_uri()]
        faults += [f"{lesson.name}: {fault}" for fault in in_sight]
        shows = sum(bool(cell.get("outputs")) for cell in lessons.read_published(lesson.notebook).cells)
        if there != shows:
            faults.append(f"{lesson.name}: {shows} cells have outputs, {there} on the page")
    expect_none(faults)


@pytest.mark.slow
def test_a_prediction_opens_without_a_script_and_on_paper(built, page):
    address = (built / "lessons" / "integers.html").as_uri()
    with page.context.browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(address)
        box = plain.locator(".course-compare").first
        assert not box.locator(".cell_output").first.is_visible()
        box.locator("summary").click()
        assert box.locator(".cell_output").first.is_visible() and box.get_by_text("At 2 bits (D)").is_visible()
    page.goto(address, wait_until="load")
    for event, open_then in (("beforeprint", True), ("afterprint", False)):
        page.evaluate(f"window.dispatchEvent(new Event('{event}'))")
        assert page.locator(".course-compare .cell_output").first.is_visible() is open_then


TABLES = """() => [...document.querySelectorAll("main table")].map(table => {
    const cells = [...table.querySelectorAll("tbody td")];
    return {
        sentences: cells.some(cell => cell.cellIndex && cell.textContent.length > 40),
        right: Math.max(...cells.map(cell => cell.getBoundingClientRect().right)),
        narrow: cells.filter(cell => cell.textContent.length > 40 && cell.clientWidth < 200).length,
    };
})"""


@pytest.mark.slow
def test_a_table_with_sentences_can_be_read_on_a_phone(built, page):
    page.set_viewport_size({"width": 390, "height": 800})
    for name in ("index", "lessons/integers"):
        page.goto((built / f"{name}.html").as_uri(), wait_until="load")
        tables = [table for table in page.evaluate(TABLES) if table["sentences"]]
        assert tables and not [table for table in tables if table["narrow"] or table["right"] > 390], name
    verdict = page.locator("#scorecard tbody tr").first.locator("td").last
    assert "verdict" in verdict.evaluate("cell => getComputedStyle(cell, '::before').content")
    page.set_viewport_size({"width": 1366, "height": 800})
    # In one call: the page may still move while it settles.
    tops = page.evaluate(
        "() => [...document.querySelector('#scorecard tbody tr').cells].map(cell => cell.getBoundingClientRect().top)"
    )
    assert abs(tops[0] - tops[-1]) < 2


LIGHT = """element => {
    for (; element; element = element.parentElement) {
        const [r, g, b, alpha = 1] = getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number);
        if (alpha) return (r + g + b) / 3;
    }
    return 255;
}"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_scorecard_has_the_colours_of_its_page(built, page, scheme):
    page.emulate_media(color_scheme=scheme)
    try:
        page.goto((built / "lessons" / "integers.html").as_uri(), wait_until="load")
        table = page.locator("#scorecard table")
        for part in (table.locator("td").first, table.locator("caption")):
            ink = part.evaluate("e => getComputedStyle(e).color.match(/[\\d.]+/g).slice(0, 3).map(Number)")
            ground = part.evaluate(LIGHT)
            assert (ground > 200) is (scheme == "light") and abs(ground - sum(ink) / 3) > 100
    finally:
        page.emulate_media(color_scheme=None)


@pytest.mark.slow
def test_the_first_page_has_a_list_of_ways_in_and_its_times_stand_on_one_line(built, page):
    page.set_viewport_size({"width": 1366, "height": 800})
    page.goto((built / "index.html").as_uri(), wait_until="load")
    assert page.locator("main ul.course-doors > li a").count() == 7
    times = page.locator("main td > p", has_text=re.compile(r"^(\d+\sh\s)?\d+\smin$")).all()
    lines = "e => Math.round(e.clientHeight / parseFloat(getComputedStyle(e).lineHeight))"
    assert len(times) > 13 and not [time.inner_text() for time in times if time.evaluate(lines) > 1]


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
