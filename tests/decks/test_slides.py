"""Slides: what is on them and what is not, what stands where, and what a deck loads. A browser is not needed."""

import re
from types import SimpleNamespace

import nbformat
import pytest
from _decks import ALT, code, figure, markdown, note, notebook, printed, result, table

from tools import slides
from tools.decks import arrange

QUESTION = "## A surprise\n\n**Predict.** How many times longer? **A** 16, **B** 4."
ANSWER = "**The processor was waiting.** It took four times as long."
SKIPPED = markdown("## Deeper\n\nFor experts."), markdown("### experts", "-"), markdown("## Next\n\nText.")
GOOD = notebook(
    markdown("# 3.7 · Bits & pieces"),
    note(),
    code("import skipped_module", kind="skip", tags=["setup"]),
    markdown("## A formula\n\nSee [the paper](https://arxiv.org/abs/1803.03635) and [3.2](../2_dynamic.ipynb)."),
    markdown("A **fragment**", "fragment"),
    code(
        "x = 1\nshow(x)",
        printed("100%|####| 30/30\n", "stderr"),
        figure(),
        nbformat.v4.new_output("display_data", data={"text/markdown": "*A caption to read.*"}),
    ),
    code("def double(x):\n    raise NotImplementedError", kind="-", tags=["exercise"]),
    code("check.double(double)", result({"text/plain": "Not done yet"}), kind="-", tags=["check"]),
    code("def double_solution(x):\n    return x + x", kind="-", tags=["solution", "hide-cell"]),
    code("plot(hidden_source)", printed("only the output\n"), tags=["hide-input"]),
    code("long_code\n" * 4 + "show(x)", figure("A picture without its code")),
    code("table", result({"text/html": "<table><tr><td>cell of html</td></tr></table>", "text/plain": "plain table"})),
    *SKIPPED,
)


def text_of(html):
    return re.sub(r"<[^>]+>", "", html)


def test_a_deck_holds_what_belongs_on_slides_and_nothing_else():
    before = nbformat.writes(GOOD)
    html = slides.render(GOOD)
    assert nbformat.writes(GOOD) == before
    assert "<title>3.7 · Bits &amp; pieces</title>" in html and 'data-seconds="120"' in html
    assert re.search(r'<aside class="notes">.*Ask the room.*?</aside>', html, re.DOTALL)
    alts = re.findall(r"<img alt=(.*?) src=", html)
    assert alts == [f"'{ALT.replace('&', '&amp;')}'", '"A picture without its code"']
    said = ("A caption to read.", "Not done yet", "def double(x)", "only the output", "cell of html", "A fragment")
    assert [words for words in (*said, "and 3.2.") if words not in text_of(html)] == []
    hidden = ("_solution", "x + x", "skipped_module", "30/30", "hidden_source", "plain table", "long_code", "experts")
    assert [words for words in hidden if words in text_of(html)] == []
    assert re.findall(r'<a href="([^"]*)"', html) == ["https://arxiv.org/abs/1803.03635"]
    assert html.count('<div class="page ') == 7 and html.count("</section>\n<section>") == 6


def test_a_deck_loads_only_files_that_lie_beside_it(tmp_path):
    made = slides.write(GOOD, tmp_path / "3.7_bits.html")
    loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:src|href)="([^"]*)"', made.read_text(encoding="utf-8"))
    files = [name for name in loaded if not name.startswith("data:")]
    assert len(files) == 12 and [name for name in files if not (tmp_path / name).is_file()] == []
    for sheet in (tmp_path / "assets").rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8"))


def test_lessons_in_one_deck_stand_one_after_the_other_each_with_its_own_foot(tmp_path, monkeypatch):
    monkeypatch.setattr(slides, "SLIDES", tmp_path)
    monkeypatch.setattr(
        slides, "_published", lambda lesson: notebook(markdown(f"# {lesson.title}"), markdown("## Why"))
    )
    lessons = [SimpleNamespace(name=name, number=f"3.{i}", title=name) for i, name in enumerate(("bits", "bytes"))]
    html = slides._joined(lessons).read_text(encoding="utf-8")
    assert html.count('<div class="page ') == 4 and "3.0 · bits" in html and "3.1 · bytes" in html


def layouts(*cells):
    return [slide.layout for slide in arrange.slides(notebook(*cells))]


def test_the_layout_is_the_one_that_the_first_cell_asks_for_else_that_of_what_stands_on_the_slide():
    assert layouts(*(markdown("## 139 times", layout=layout) for layout in arrange.LAYOUTS)) == list(arrange.LAYOUTS)
    found = layouts(
        markdown("## Text"),
        code("x = 1", figure()),
        code("long\n" * 4, figure()),
        code("hidden", printed("1"), tags=["hide-input"]),
        code("hidden", table(2, 2), tags=["hide-input"]),
        markdown("| a | b |\n|---|---|\n| 1 | 2 |"),
        markdown(QUESTION),
        markdown(ANSWER, "fragment"),
        code("hidden", figure(), kind="-", tags=["hide-input"]),
        markdown(QUESTION),
        markdown(ANSWER, "fragment"),
    )
    assert found == ["text", "code", "figure", "text", "figure", "figure", "figure", "split"]
    with pytest.raises(ValueError, match="'splitt'.*## 139 times"):
        layouts(markdown("## 139 times", layout="splitt"))


def test_notes_belong_to_their_slide_wherever_they_stand_and_say_its_minutes():
    first, second = arrange.slides(
        notebook(
            note(),
            markdown("# Title"),
            markdown(QUESTION, layout="split"),
            note("*For the lecturer, 1.5 min.* Vote."),
            code("x = 1", printed("4 times"), kind="fragment"),
            markdown(ANSWER, "-"),
            note("*For the lecturer.* Go on."),
        )
    )
    assert len(first.notes) == 1 and first.seconds == 120
    assert second.heading.source == "## A surprise" and "Predict" in second.head[0].source
    assert [[cell.source for cell in fragment] for fragment in second.fragments] == [["x = 1", ANSWER]]
    assert len(second.notes) == 2 and second.seconds == 90
    assert arrange.minutes(note("Ask for 2 min.")) is None
