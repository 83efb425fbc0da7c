"""Decks on paper: as many pages as slides, all that clicks would show, notes or lines beside small slides."""

import re
from contextlib import nullcontext

import pytest
from _decks import code, figure, markdown, note, notebook, printed

from tools import slides
from tools.decks import deck as _deck
from tools.decks import paper
from tools.publishing import lessons

pytestmark = pytest.mark.slow
CELLS = (
    markdown("# Title"),
    note(),
    markdown("## How long?\n\n**Predict.** How many times longer?", layout="split"),
    code("x", figure(), kind="fragment", tags=["hide-input"]),
    markdown("**What you saw.** Four times.", "-"),
    markdown("## Exercise\n\n<details><summary>Hint</summary>Look twice.</details>"),
    code("x = 1", printed("1\n"), kind="-"),
)


def pages(path):
    """Number of pages of a PDF."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", path.read_bytes()))


def laid(page, folder, kind):
    """Open the deck as it is printed."""
    deck = slides.write(notebook(*CELLS), folder / "3.7_bits.html")
    page.goto(f"{deck.as_uri()}?paper={kind}")
    page.wait_for_function("window.deckReady === true")
    return page


def test_a_pdf_has_a_page_for_each_slide_and_no_other(page, tmp_path):
    path = paper.write(page, slides.write(notebook(*CELLS), tmp_path / "3.7_bits.html"), "pdf")
    assert path == tmp_path / "3.7_bits.pdf" and pages(path) == 3


def test_what_clicks_would_show_is_on_the_page_and_so_is_the_foot(page, tmp_path):
    laid(page, tmp_path, "pdf")
    for words in ("What you saw.", "Look twice."):
        assert page.get_by_text(words).is_visible()
    assert page.locator(".foot").all_inner_texts()[2].split("\n") == ["3 / 3", "3.7 · Bits & pieces"]
    assert page.locator("aside.notes").count() == 0


def test_a_page_looks_as_its_slide(page, tmp_path):
    laid(page, tmp_path, "pdf")
    sizes = "[...document.querySelectorAll('.page p')].map(e => getComputedStyle(e).fontSize)"
    page.emulate_media(media="print")
    on_paper = page.evaluate(sizes)
    page.emulate_media(media="screen")
    page.goto((tmp_path / "3.7_bits.html").as_uri())
    page.wait_for_function("window.deckReady === true")
    assert page.evaluate(sizes) == on_paper


def test_a_handout_has_notes_or_lines_to_write_on_beside_each_slide(page, tmp_path):
    laid(page, tmp_path, "handout")
    rows = page.locator(".row").all()
    assert len(rows) == 3
    assert "how many bits?" in rows[0].locator(".said").inner_text() and not rows[0].locator(".line").count()
    assert rows[1].locator(".line").count() >= 4
    small, said = (rows[0].locator(name).bounding_box() for name in (".small", ".said"))
    assert small["width"] < 420 and said["x"] > small["x"] + small["width"]
    path = paper.write(page, tmp_path / "3.7_bits.html", "handout")
    assert path == tmp_path / "3.7_bits_handout.pdf" and pages(path) == 1


def test_the_task_writes_both_and_says_where(page, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    monkeypatch.setattr(_deck, "browser", lambda: nullcontext(page))
    slides._print([slides.write(notebook(*CELLS), tmp_path / "3.7_bits.html")], ["pdf", "handout"])
    assert capsys.readouterr().out == "3.7_bits.pdf\n3.7_bits_handout.pdf\n"


def test_without_a_browser_no_pdf_is_written_and_that_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_BROWSER", str(tmp_path / "none"))
    monkeypatch.setattr(lessons, "select", lambda names: [])
    assert slides.main(["--pdf"]) == 1
    assert "Not run: no browser" in capsys.readouterr().out
