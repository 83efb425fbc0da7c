"""The face of a deck: the title with its question, a colour and a mark for each part, sizes of text, the numeral."""

import base64
import json
import re
from itertools import combinations

import nbformat
import pytest
from _decks import code, drawing, figure, markdown, note, notebook, opened, printed

from course_utils import syllabus
from tools import slides
from tools.decks import arrange, face
from tools.decks import deck as _deck
from tools.publishing import lessons

FIRST = (
    "# 3.7 · Bits & pieces\n\n*How many bits does it need?*\n\n**Agenda**\n\n1. One bit\n\n**Goals**\n\n"
    "- Count bits.\n- See [lesson 3.2](../2_dynamic.ipynb)."
)
CSS = (slides.HERE / "slides_template" / "face.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r'^\[data-part="(\d)"\].*\n  --part: (#\w{6});', CSS, re.M))


def dressed(*cells):
    nb = notebook(*cells)
    return face.dress(arrange.slides(nb), nb)


def test_a_title_has_the_question_and_the_note_has_the_rest():
    (slide,) = dressed(markdown(FIRST), note())
    assert slide.layout == "title" and slide.heading.source == "# Bits & pieces"
    assert [cell.source for cell in slide.head] == ["*How many bits does it need?*"]
    assert len(slide.notes) == 1 and slide.seconds == 120
    said = slide.notes[0].source
    assert said.endswith("- Count bits.\n- See lesson 3.2.") and "how many bits?" in said
    assert ">3.7</b>" in slide.panel and 'data-part="3"' in slide.panel


def test_a_first_slide_without_a_question_stays_as_it_is():
    for source in ("# Title\n\n**Agenda**\n\n1. One", "# Title", "## 1. A section\n\n*Why?*"):
        (slide,) = dressed(markdown(source))
        assert slide.layout != "title" and not slide.panel


def test_a_title_names_number_and_title_once():
    html = slides.render(notebook(markdown(FIRST), note(), markdown("## Next\n\nText.")))
    title = html[html.index('data-layout="title"') : html.index('<aside class="notes">')]
    assert title.count("Bits &amp; pieces") == 1 and title.count("3.7") == 1
    assert html.count('<span class="lesson">3.7 · Bits &amp; pieces</span>') == 1


def test_the_picture_of_a_title_is_the_drawing_with_the_tag_without_its_words():
    picture = code("x", drawing(), kind="skip", tags=[face.FIGURE])
    (slide, *_) = dressed(markdown(FIRST), code("y", figure(), kind="-"), picture)
    shown = [cell for cell in slide.head if "wordless" in cell.metadata.get(arrange.HTML, "")]
    assert len(shown) == 1
    bare = base64.b64decode(re.search(r"base64,([^\"]+)", shown[0].metadata[arrange.HTML])[1]).decode()
    assert bare.startswith("<?xml") and "<text" not in bare and "batch size" not in bare


def test_without_the_tag_or_with_pixels_alone_a_title_has_no_picture():
    assert face.picture(notebook(code("x", drawing()))) == ""
    assert face.picture(notebook(code("x", figure(), tags=[face.FIGURE]))) == ""


@pytest.mark.parametrize("lesson", lessons.select([]), ids=lambda lesson: lesson.name)
def test_every_lesson_has_a_title_with_a_question_and_one_picture(lesson):
    nb = lessons.read_published(lesson.notebook)
    assert face.dress(arrange.slides(nb), nb)[0].layout == "title"
    assert sum(face.FIGURE in cell.metadata.get("tags", []) for cell in nb.cells) == 1
    assert face.picture(nb)


def light(colour):
    """Relative luminance, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_each_part_has_a_colour_for_white_text_and_a_mark_of_its_own():
    parts = {str(lesson.part_number) for lesson in syllabus.lessons().values()}
    assert set(COLOURS) == parts
    for part, colour in COLOURS.items():
        assert 1.05 / (light(colour) + 0.05) >= 5, part
    marks = re.findall(r'--mark: url\("([^"]+)"\)', CSS)
    assert len(set(marks)) == len(parts)
    for one, other in combinations(COLOURS.values(), 2):
        assert sum(abs(int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) for at in (1, 3, 5)) > 80, (one, other)


def test_what_follows_what_to_remember_is_a_slide_of_its_own():
    remember = "## Remember\n\n- One.\n- Two.\n\n**Going further**: a paper.\n\n**Credits**: somebody."
    first, last = dressed(markdown(remember), note())
    assert first.head[0].source == "- One.\n- Two." and first.seconds == 120 and not first.further
    assert last.heading.source == "## Further" and last.head[0].source.startswith("**Going further**") and last.further
    assert last.notes == [] and last.seconds == 0
    assert len(dressed(markdown("## Remember\n\n- One.\n- Two."))) == 1


def test_minutes_for_somebody_alone_are_not_on_a_slide_with_other_minutes():
    task = "## Exercise 1\n\n★★ · 12 minutes · an investigation\n\nFind it."
    assert "★★ · an investigation" in dressed(markdown(task), note())[0].head[0].source
    alone = note("*For the lecturer, 12 min.* In pairs.")
    assert "★★ · 12 minutes · an investigation" in dressed(markdown(task), alone)[0].head[0].source


def test_a_slide_does_not_say_where_to_type():
    said = "Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here."
    said += " Your function must leave what it is given as it is."
    (slide,) = dressed(markdown(f"## Exercises\n\n{said}\n\nFind it."))
    assert slide.head[0].source == "Find it."


SIZE = "selector => parseFloat(getComputedStyle(document.querySelector(`.present ${selector}`)).fontSize)"
POINT = "- A point that is long enough to be read by everybody in the room, and then a little longer than that"


@pytest.mark.slow
@pytest.mark.parametrize(("many", "size"), [(2, 40), (6, 30), (9, 24)])
def test_text_has_one_of_three_sizes(page, tmp_path, many, size):
    opened(page, tmp_path, markdown("## Points\n\n" + "\n".join([POINT] * many)))
    assert page.evaluate(SIZE, ".body li") == size
    assert page.evaluate(SIZE, ".top h2") == 38


@pytest.mark.slow
def test_a_size_between_them_is_a_fault(page, tmp_path):
    deck = slides.write(notebook(markdown('## A\n\n<p style="font-size: 27px">between</p>')), tmp_path / "a.html")
    assert any(re.search(r'slide 1: text of 27 px.*"between"', line) for line in _deck.look(page, deck).form)


@pytest.mark.slow
def test_a_numeral_is_large_and_there_is_one(page, tmp_path):
    opened(page, tmp_path, markdown("## Bill\n\n**139** uses\n\nThe fetch over the **4.6** pJ.", layout="number"))
    assert page.evaluate(SIZE, ".numeral > strong") == 132
    assert page.evaluate(SIZE, ".numeral") == 40 and page.evaluate(SIZE, ".numeral + p") == 30
    deck = slides.write(notebook(markdown("## Bill\n\nNo number.", layout="number")), tmp_path / "none.html")
    assert any("0 numbers at the beginning" in line for line in _deck.look(page, deck).form)


@pytest.mark.slow
def test_a_slide_has_the_colour_of_its_part(page, tmp_path):
    opened(page, tmp_path, markdown("## Text\n\nWords."))
    colour = page.evaluate("getComputedStyle(document.querySelector('.present .foot .number')).backgroundColor")
    assert "#{:02x}{:02x}{:02x}".format(*map(int, re.findall(r"\d+", colour)[:3])) == COLOURS["3"]


@pytest.mark.slow
def test_a_title_with_a_picture_is_sound(page, tmp_path):
    picture = code("x", drawing(), kind="skip", tags=[face.FIGURE])
    deck = slides.write(notebook(markdown(FIRST), note(), picture), tmp_path / "a.html")
    seen = _deck.look(page, deck)
    assert [line for line in [*seen.faults, *seen.form] if line.startswith("slide")] == []
    assert seen.slides[0]["layout"] == "title" and seen.slides[0]["picture"]
    box = page.locator(".wordless").bounding_box()
    assert box["x"] > 427 and box["y"] + box["height"] <= 680


@pytest.mark.slow
def test_a_slide_to_read_afterwards_does_not_count(page, tmp_path):
    cells = [markdown(f"## {n}\n\nText.") for n in range(19)]
    last = markdown("## Remember\n\n- One.\n\n**Going further**: a paper.")
    seen = _deck.look(page, slides.write(notebook(*cells, last), tmp_path / "a.html"))
    assert len(seen.slides) == 21 and not any("slides, expected" in line for line in seen.form)


def test_nothing_of_a_notebook_is_changed_by_its_face():
    nb = notebook(markdown(FIRST), note(), code("x", printed("1"), drawing(), tags=[face.FIGURE]))
    before = nbformat.writes(nb)
    slides.render(nb)
    assert nbformat.writes(nb) == before


def test_a_deck_ends_with_the_ledger_of_its_lesson(tmp_path):
    def row(technique, size, accuracy=None, speedup=None, model="A <b>"):
        return {
            "task": "mnist",
            "model": model,
            "technique": technique,
            "accuracy": accuracy,
            "file_bytes": size,
            "speedup": speedup,
        }

    def shown(*rows):
        (tmp_path / "one.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
        nb = notebook(
            markdown("## Remember\n\n- One.\n\n**Going further**: a paper."),
            note(),
            code("ledger.record()", kind="skip"),
        )
        nb.metadata["course"]["name"] = "one"
        first, last = face.dress(arrange.slides(nb), nb, tmp_path)
        assert last.heading.source == "## Further" and len(last.head) == 1
        return first.head

    kept = shown(
        row("int8", 250, 0.9), row("pruned", 100, 0.8, 2.5), row("fp32 & more", 1000, 0.95, 1.0), row("x", None)
    )
    strip = kept[1].metadata[arrange.HTML]
    assert strip.startswith('<div class="ledger-strip"><b>Ledger: A &lt;b&gt;</b>')
    assert re.findall(r"width: ([\d.]+)%", strip) == ["100.00", "25.00", "10.00"]
    assert re.findall(r"<span>(.*?)</span>", strip) == [
        *("fp32 &amp; more", "1.00 kB · 95.0 % right"),
        *("int8", "250 B · 90.0 % right"),
        *("pruned", "100 B · 80.0 % right · 2.50 × the speed"),
    ]
    assert len(shown(row("fp32", 9))) == 1  # nothing stands beside it
    assert len(shown(row("fp32", 9, model="B"), row("fp32", 8))) == 1  # nor here: another model
    many = shown(row("fp32", 5), *(row(f"kept {n}", n, n / 10) for n in range(1, 9)), row("same size", 1, 0.7))
    techniques = re.findall(r"<span>(.*?)</span>", many[1].metadata[arrange.HTML])[::2]
    assert techniques == ["fp32", "kept 2", "kept 1", "same size"]


def test_a_lesson_without_rows_has_no_strip():
    nb = notebook(markdown("## Remember\n\n- One."))
    nb.metadata["course"]["name"] = "no_such_lesson"
    (slide,) = face.dress(arrange.slides(nb), nb)
    assert len(slide.head) == 1
