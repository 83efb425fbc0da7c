"""Slides: what is on them, what is not, and that every one can be read from the back row, offline."""

import dataclasses
import re

import nbformat
import pytest
from _decks import ALT, code, figure, markdown, note, notebook, printed, result

from course import command
from tools import slides
from tools.decks import deck as _deck
from tools.publishing import lessons

pytestmark = pytest.mark.slow
REAL = [lesson for lesson in lessons.select([]) if lesson.notebook.exists()]


GOOD = notebook(
    markdown("# 3.7 · Bits & pieces"),
    note(),
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
    assert len(re.findall('<div class="page ', html)) == 7


def test_a_deck_leaves_out_solutions_skipped_cells_bars_and_folded_code():
    html = slides.render(GOOD)
    for hidden in ("double_solution", "x + x", "skipped_module", "30/30", "hidden_source", "plain table", "long_code"):
        assert hidden not in text_of(html)


def test_hidden_input_shows_its_output_only():
    html = slides.render(notebook(code("make_a_table()", printed("the table\n"), tags=["hide-input"])))
    assert "the table" in text_of(html) and "make_a_table" not in text_of(html)


def test_making_a_deck_leaves_the_notebook_as_it_was():
    before = nbformat.writes(GOOD)
    slides.render(GOOD)
    assert nbformat.writes(GOOD) == before


def test_a_deck_loads_only_files_that_lie_beside_it(tmp_path):
    deck = slides.write(GOOD, tmp_path / "3.7_bits.html")
    loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:src|href)="([^"]*)"', deck.read_text(encoding="utf-8"))
    files = [name for name in loaded if not name.startswith("data:")]
    assert len(files) == 14
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
    lesson = dataclasses.replace(lessons.select(["energy"])[0], root=tmp_path)
    monkeypatch.setattr(lessons, "select", lambda names: [lesson])
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
    monkeypatch.setattr(lessons, "select", lambda names: [])
    assert slides.main(["--check"]) == 1
    assert "Not run: no browser" in capsys.readouterr().out


def test_a_sound_deck_has_no_fault(page, tmp_path):
    deck = slides.write(GOOD, tmp_path / "3.7_bits.html")
    assert _deck.look(page, deck, shots=tmp_path / "shots").faults == []
    assert len(list((tmp_path / "shots").glob("*.png"))) == 7


@pytest.mark.parametrize("lesson", REAL, ids=lambda lesson: lesson.name)
def test_every_slide_of_every_lesson_is_sound(page, tmp_path, lesson):
    nb = lessons.read_published(lesson.notebook)
    seen = _deck.look(page, slides.write(nb, tmp_path / f"{lesson.name}.html"))
    assert seen.faults == [] and seen.form == []


@pytest.mark.parametrize("lesson", lessons.select([]), ids=lambda lesson: lesson.name)
def test_the_first_slide_of_a_lesson_fits(page, tmp_path, lesson):
    """It is made from the front matter, before anything was run."""
    nb = lessons.read(lesson)
    nb.cells = nb.cells[:1]
    seen = _deck.look(page, slides.write(nb, tmp_path / f"{lesson.name}.html"))
    assert [fault for fault in [*seen.faults, *seen.form] if fault.startswith("slide")] == []


@pytest.mark.parametrize("lesson", REAL, ids=lambda lesson: lesson.name)
def test_no_solution_is_on_a_slide_and_no_note_is_lost(lesson):
    nb = lessons.read_published(lesson.notebook)
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
