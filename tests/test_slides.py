"""Slides: what is on them, what is not, and that every one can be read from the back row, offline."""

import base64
import dataclasses
import io
import re

import nbformat
import pytest
from matplotlib.figure import Figure

from course import command
from tools import _deck, _lessons, slides

ALT = 'Two bars, the second "thirty" times as high & wider'
pytestmark = pytest.mark.slow
REAL = [lesson for lesson in _lessons.select([]) if lesson.notebook.exists()]


def png(width=9.6, height=4.6):
    file = io.BytesIO()
    Figure(figsize=(width, height), dpi=100).savefig(file, format="png")
    return base64.b64encode(file.getvalue()).decode()


def figure(alt=ALT, **size):
    metadata = {"image/png": {"alt": alt}} if alt else {}
    return nbformat.v4.new_output(
        "display_data", data={"image/png": png(**size), "text/plain": "Figure"}, metadata=metadata
    )


def markdown(source, kind="slide", tags=()):
    metadata = {"slideshow": {"slide_type": kind}, "tags": list(tags)}
    return nbformat.v4.new_markdown_cell(source, metadata=metadata)


def code(source, *outputs, kind="slide", tags=(), **metadata):
    metadata |= {"slideshow": {"slide_type": kind}, "tags": list(tags)}
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def printed(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def result(data):
    return nbformat.v4.new_output("execute_result", data=data)


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells), metadata={"course": {"number": "3.7", "title": "Bits & pieces"}})


GOOD = notebook(
    markdown("# 3.7 · Bits & pieces"),
    markdown("Ask the room: how many bits?", "notes", ["remove-cell"]),
    code("import skipped_module", kind="skip", tags=["setup"]),
    markdown(
        "## A formula\n\nThe energy is $E = \\tfrac{1}{2} C V^2$.\n\n"
        "$$\\sum_{i=1}^{n} \\frac{b_i}{8}$$\n\n| bits | pJ |\n|---|---:|\n| 8 | 0.03 |\n\n"
        "This `x` costs \\$3, `$HOME` nothing."
    ),
    markdown("A **fragment**", "fragment"),
    code(
        "x = 1\nshow(x)",
        printed("100%|####| 30/30\n", "stderr"),
        figure(),
        nbformat.v4.new_output("display_data", data={"text/markdown": "*A caption to read.*"}),
    ),
    markdown("## Exercise\n\n<details><summary>Hint</summary>Look twice.</details>"),
    code("def double(x):\n    raise NotImplementedError", kind="-", tags=["exercise"]),
    code("check.double(double)", result({"text/plain": "Not done yet"}), kind="-", tags=["check"]),
    code("def double_solution(x):\n    return x + x", kind="-", tags=["solution", "hide-cell"]),
    code("plot(hidden_source)", printed("only the output\n"), jupyter={"source_hidden": True}),
    code("long_code\n" * 4 + "show(x)", figure("A picture without its code")),
    code("table", result({"text/html": "<table><tr><td>cell of html</td></tr></table>", "text/plain": "plain table"})),
)


@pytest.fixture(scope="module")
def page():
    if _deck.find_browser() is None:
        pytest.skip("not run: no browser (Chromium, Chrome or Edge) on this machine")
    with _deck.browser() as page:
        yield page


def text_of(html):
    return re.sub(r"<[^>]+>", "", html)


def test_a_deck_holds_what_belongs_on_slides():
    html = slides.render(GOOD)
    assert "<title>3.7 · Bits &amp; pieces</title>" in html
    assert re.search(r'<aside class="notes">.*Ask the room.*?</aside>', html, re.DOTALL)
    assert re.findall(r"<img alt=(.*?) src=", html) == [
        f"'{ALT.replace('&', '&amp;')}'",
        '"A picture without its code"',
    ]
    for shown in (
        "A caption to read.",
        "Not done yet",
        "def double(x)",
        "only the output",
        "cell of html",
        "A fragment",
    ):
        assert shown in text_of(html)
    assert len(re.findall('<div class="page">', html)) == 7


def test_a_deck_leaves_out_solutions_skipped_cells_bars_and_folded_code():
    html = slides.render(GOOD)
    for hidden in ("double_solution", "x + x", "skipped_module", "30/30", "hidden_source", "plain table", "long_code"):
        assert hidden not in text_of(html)


def test_hidden_input_shows_its_output_only():
    html = slides.render(notebook(code("make_a_table()", printed("the table\n"), tags=["hide-input"])))
    assert "the table" in text_of(html) and "make_a_table" not in text_of(html)


def test_the_tour_holds_the_cells_that_are_tagged_for_it():
    nb = notebook(markdown("# For one lecture", tags=["tour"]), markdown("## For the whole lesson"))
    html = slides.render(slides._tour(nb))
    assert "For one lecture" in text_of(html) and "For the whole lesson" not in text_of(html)
    assert len(nb.cells) == 2


def test_making_a_deck_leaves_the_notebook_as_it_was():
    before = nbformat.writes(GOOD)
    slides.render(GOOD)
    assert nbformat.writes(GOOD) == before


def test_a_deck_loads_only_files_that_lie_beside_it(tmp_path):
    deck = slides.write(GOOD, tmp_path / "3.7_bits.html")
    loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:src|href)="([^"]*)"', deck.read_text(encoding="utf-8"))
    files = [name for name in loaded if not name.startswith("data:")]
    assert len(files) == 8
    for name in files:
        assert (tmp_path / name).is_file()
    for sheet in (tmp_path / "assets").rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8"))
    assert not list((tmp_path / "assets").rglob("*.j2"))


def test_two_decks_of_a_notebook_are_the_same_bytes(tmp_path):
    first = slides.write(GOOD, tmp_path / "a" / "3.7_bits.html").read_bytes()
    assert slides.write(GOOD, tmp_path / "b" / "3.7_bits.html").read_bytes() == first
    assert b"\r" not in first


def test_a_lesson_without_a_notebook_is_named(tmp_path, monkeypatch, capsys):
    lesson = dataclasses.replace(_lessons.select(["energy"])[0], root=tmp_path)
    monkeypatch.setattr(_lessons, "select", lambda names: [lesson])
    assert slides.main(["energy"]) == 1
    assert command("build", "energy") in capsys.readouterr().out


def test_a_link_to_another_file_is_plain_text_on_a_slide():
    """A deck travels alone, and the notebook that a lesson links to does not travel with it."""
    nb = notebook(
        markdown(
            "See [lesson 3.2, Dynamic](../3_quantization/2_dynamic.ipynb), [all](../overview.ipynb), "
            "[the paper](https://arxiv.org/abs/1803.03635) and ![a figure](data:image/gif;base64,R0lGODlhAQABAAAAACw=)."
        ),
        markdown("Ask about [lesson 1.1](1_measuring.ipynb).", "notes"),
    )
    html = slides.render(nb)
    assert "See lesson 3.2, Dynamic, all," in text_of(html) and "Ask about lesson 1.1." in text_of(html)
    assert re.findall(r'<a href="([^"]*)"', html) == ["https://arxiv.org/abs/1803.03635"]
    assert "<img" in html


def test_a_check_without_a_browser_is_said_to_be_not_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_BROWSER", str(tmp_path / "none"))
    monkeypatch.setattr(_lessons, "select", lambda names: [])
    assert slides.main(["--check"]) == 1
    assert "Not run: no browser" in capsys.readouterr().out


def test_a_sound_deck_has_no_fault(page, tmp_path):
    deck = slides.write(GOOD, tmp_path / "3.7_bits.html")
    assert _deck.check(page, deck, shots=tmp_path / "shots") == []
    assert len(list((tmp_path / "shots").glob("*.png"))) == 7


def test_speaker_notes_open_with_the_key_s(page, tmp_path):
    page.goto(slides.write(GOOD, tmp_path / "3.7_bits.html").as_uri())
    page.wait_for_function("window.deckReady === true")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    popup.value.get_by_text("Ask the room: how many bits?").first.wait_for(timeout=15_000)
    popup.value.close()


WIDE_TABLE = "|" + " measured_latency |" * 9 + "\n|" + "---|" * 9 + "\n|" + " 1 |" * 9
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def test_long_lines_of_code_and_output_are_wrapped(page, tmp_path):
    long = notebook(code("x = '" + "y" * 130 + "'", printed("word " * 40 + "\n")))
    assert _deck.check(page, slides.write(long, tmp_path / "long.html")) == []


def test_a_slide_that_is_a_little_too_full_takes_smaller_text(page, tmp_path):
    full = notebook(markdown("\n".join(f"- point {n}" for n in range(16))))
    assert _deck.check(page, slides.write(full, tmp_path / "full.html")) == []
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.page li')).fontSize)")
    assert 22 <= size < 28


FAULTS = {
    "wide table": (markdown(WIDE_TABLE), r"<t\w+> .* too wide"),
    "hidden in a scroll box": (
        code(
            "1", result({"text/html": "<div style='overflow:auto;width:300px'><p style='width:900px'>wide</p></div>"})
        ),
        r"too wide .*scroll box",
    ),
    "long word": (markdown("y" * 200), r"<p> .* too wide"),
    "tall list": (markdown("\n".join(f"- point {n}" for n in range(25))), r"point 24.* too tall"),
    "tall fragment": (markdown("\n\n".join("paragraph" for n in range(25)), "fragment"), r"too tall"),
    "tall hint": (markdown("<details>" + "<p>step</p>" * 9 + "</details>" + "<p>below</p>" * 9), "too tall"),
    "tall output": (code("1", printed("line\n" * 40)), r"too tall"),
    "figure under too much code": (code("x = 1\n" * 3, figure(height=9)), r"figure shrunk to \d\d %"),
    "remote image": (markdown("![a picture](https://example.org/a.png)"), "network for https://example.org/a.png"),
    "remote script": (markdown("<script src='https://example.org/a.js'></script>x"), "network for https://example.org"),
    "missing file": (markdown("![a picture](nowhere.png)"), "file is missing: nowhere.png"),
    "no alt": (code("1", figure(alt=None)), "image without alt text"),
    "blank alt": (markdown(f'<img src="{PIXEL}" alt=" ">'), "image without alt"),
    "no alt in text": (markdown(f'<img src="{PIXEL}">'), "image without alt"),
    "broken formula": (markdown(r"It is $\frac{1$."), "formula not rendered"),
    "unknown macro": (markdown(r"It is $\nosuchmacro$."), "formula not rendered: .*nosuchmacro"),
    "formula left as text": (markdown('<p class="mathjax_ignore">It is $x^2$.</p>'), "not rendered: It is"),
    "small text": (markdown('<p style="font-size: 11px">fine print</p>'), "11px is too small"),
    "empty slide": (code("", kind="slide", jupyter={"source_hidden": True}), "nothing is on it"),
    "script error": (markdown("<script>nosuchfunction()</script>x"), "error of a script"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_on_its_slide(page, tmp_path, fault):
    cell, said = FAULTS[fault]
    deck = slides.write(notebook(markdown("# Title"), cell), tmp_path / "3.7_bits.html")
    found = _deck.check(page, deck)
    assert any(re.search(said, line) for line in found), found
    number = 1 if fault == "tall fragment" else 2
    assert not any(re.match(r"slide (\d+)", line) and f"slide {number}:" not in line for line in found), found


@pytest.mark.parametrize("lesson", REAL, ids=lambda lesson: lesson.name)
def test_every_slide_of_every_lesson_is_sound(page, tmp_path, lesson):
    nb = _lessons.read_published(lesson.notebook)
    deck = slides.write(nb, tmp_path / f"{lesson.name}.html")
    assert _deck.check(page, deck) == []


@pytest.mark.parametrize("lesson", _lessons.select([]), ids=lambda lesson: lesson.name)
def test_the_first_slide_of_a_lesson_fits(page, tmp_path, lesson):
    """It is made from the front matter, before anything was run."""
    nb = _lessons.read(lesson)
    nb.cells = nb.cells[:1]
    assert _deck.check(page, slides.write(nb, tmp_path / f"{lesson.name}.html")) == []


@pytest.mark.parametrize("lesson", REAL, ids=lambda lesson: lesson.name)
def test_no_solution_is_on_a_slide_and_no_note_is_lost(lesson):
    nb = _lessons.read_published(lesson.notebook)
    html = text_of(slides.render(nb))
    notes = 0
    for cell in nb.cells:
        if "solution" in cell.metadata.get("tags", []):
            names = re.findall(r"def (\w+_solution)\b", cell.source)
            assert names and not any(name in html for name in names)
        if cell.metadata.get("slideshow", {}).get("slide_type") == "notes":
            notes += 1
            assert re.search(r"\w{4,}", cell.source)
    assert slides.render(nb).count('<aside class="notes">') == notes > 0
