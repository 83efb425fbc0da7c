"""Slides: what is on them and what is not, and that a deck is one file. A browser is not needed."""

import re

from _decks import ALT, ANSWER, NOTE, TITLE, code, course, deck, figure, printed, result

from tools import slides
from tools.decks import deck_text

CELLS = [
    code("import skipped_module", name="setup", tags=["setup"]),
    code("x = 1\nshow(x)", printed("100%|####| 30/30\n", "stderr"), *figure(), name="shown"),
    code("def double(x):\n    raise NotImplementedError", name="double", tags=["exercise"]),
    code("plot(hidden_source)", printed("only the output\n"), name="folded", tags=["hide-input"]),
    code("table", result("<table><tr><td>cell of html</td></tr></table>"), name="t"),
]
TEXT = (
    f"{TITLE}## A formula\n\nSee [the paper](https://arxiv.org/abs/1803.03635).\n\n+++\n\n"
    f"A **fragment**\n\n{{cell}}`shown`\n\n{NOTE}### Below\n\n{{code}}`double`\n\n{{output}}`folded`\n\n{NOTE}"
    f"## Next\n\n{{output}}`t`\n\n+++\n\n{{output}}`t`\n\n{NOTE}"  # once more
)


def text_of(html):
    return re.sub(r"<[^>]+>", "", html)


def test_a_deck_holds_what_its_text_borrows_and_nothing_else(tmp_path):
    html = slides.to_html(deck(tmp_path, TEXT, *CELLS))
    assert "<title>1.1 · Bits &amp; pieces</title>" in html and 'data-seconds="480"' in html
    assert re.search(r'<aside class="notes">.*Ask the room.*?</aside>', html, re.DOTALL)
    assert f"""<img alt='{ALT.replace("&", "&amp;")}' src=""" in html and 'style="width: 840px"' in html
    said = ("A caption to read.", "def double(x)", "only the output", "cell of html", "A fragment")
    assert [words for words in said if words not in text_of(html)] == []
    hidden = ("skipped_module", "30/30", "hidden_source", "plain")
    assert [words for words in hidden if words in text_of(html)] == []
    assert re.findall(r'<a href="([^"]*)"', html) == ["https://arxiv.org/abs/1803.03635"]
    assert html.count('<div class="page ') == 4 and html.count("</section>\n<section>") == 2


def test_a_deck_is_one_file_with_all_that_it_needs_and_no_note_shows_before_a_style_is_there(tmp_path):
    made = slides.write(deck(tmp_path, TEXT, *CELLS), tmp_path / "alone" / "1.1_bits.html")
    assert [path.name for path in made.parent.iterdir()] == ["1.1_bits.html"]
    html = made.read_text(encoding="utf-8")
    loaded = re.findall(r'<(?:link|script|img)[^>]*?\s(?:src|href)="([^"]*)"', html)
    assert [name for name in loaded if not name.startswith(("data:", "${"))] == []  # a script has a template of its own
    assert html.count("url(data:font/woff;base64,") == 4 and "@import" not in html
    assert "Reveal" in html and "MathJax" in html and "RevealNotes" in html
    assert "<style>aside.notes { display: none; }</style>" in html


def test_lessons_in_one_deck_stand_one_after_the_other_each_with_its_own_foot(tmp_path):
    one, two = (deck(tmp_path, f"{TITLE}## Why\n\n{ANSWER}{NOTE}") for _ in range(2))
    html = slides.to_html(slides.joined([one, two]))
    assert html.count('<div class="page ') == 4 and html.count('<span class="lesson">1.1 · Bits &amp; pieces') == 2


def test_of_a_lesson_without_a_deck_there_is_a_sentence_and_the_others_are_made(tmp_path, monkeypatch, capsys):
    known = course(tmp_path / "course", *CELLS, bytes=[])
    deck_text.source(known["bits"]).write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(slides._lessons, "ROOT", tmp_path)
    monkeypatch.setattr(slides._lessons, "read", lambda lesson: slides._lessons.read_published(lesson.notebook))
    monkeypatch.setattr(slides, "SLIDES", tmp_path / "slides")
    monkeypatch.setattr(slides._lessons, "select", lambda names: [known[name] for name in names])
    assert slides.main(["bits", "bytes"]) == 0
    said = capsys.readouterr().out
    assert "No slides of bytes: a deck is lessons/NAME/deck.md" in said and "slides/1.1_bits.html" in said
    assert slides.main(["bytes"]) == 1


def test_an_old_notebook_is_told_and_what_to_type(tmp_path, monkeypatch, capsys):
    lesson = course(tmp_path, *CELLS)["bits"]
    deck_text.source(lesson).write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(slides._lessons, "read", lambda lesson: slides.nbformat.v4.new_notebook())
    assert slides.of(lesson).slides and capsys.readouterr().out.endswith("build bits\n")
