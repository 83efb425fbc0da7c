"""What the form of a unit asks of a deck: it is found where it is lacking."""

import re
from contextlib import nullcontext

import pytest
from _decks import code, drawing, figure, markdown, note, notebook, printed, table

from tools import slides
from tools.decks import deck as _deck

pytestmark = pytest.mark.slow
LIST = "\n\n" + "\n".join(f"- A point that is long enough to be read by everybody in the room, {n}" for n in range(5))
QUESTION = "## How long?\n\nOne input, then sixteen at once.\n\n**Predict.** How many times longer? **A** 16, **B** 4."
ANSWER = "**What you saw.** Four times: the processor was waiting for its memory."
NOTE = "*For the lecturer, 3 min.* Vote, then click."


def unit(*cells):
    """A deck of 12 slides with 36 minutes of notes that has the form, and these cells at its end."""
    good = [
        markdown("# Bits" + LIST, "slide"),
        note(NOTE),
        markdown(QUESTION, layout="split"),
        note(NOTE),
        code("hidden", printed("4 times\n"), kind="fragment", tags=["hide-input"]),
        markdown(ANSWER, "-"),
        markdown("## A number\n\n139 times", layout="big"),
        note(NOTE),
        markdown("## A drawing\n\nIts message in a line.", layout="figure"),
        code("hidden", drawing(), kind="-", tags=["hide-input"]),
        note(NOTE),
    ]
    for n in range(8):
        good += [markdown(f"## Point {n}" + LIST, "slide"), note(NOTE)]
    return notebook(*good, *cells)


def look(page, folder, nb):
    return _deck.look(page, slides.write(nb, folder / "3.7_bits.html"))


def test_a_unit_in_the_right_form_has_no_fault_and_is_counted(page, tmp_path):
    seen = look(page, tmp_path, unit())
    assert seen.faults == [] and seen.form == []
    assert seen.line().startswith("12 slides: split 1, big 1, figure 1, code 0, text 9; 8% with a picture; smallest ")
    assert seen.line().endswith("notes 36 min")
    assert 22 <= min(slide["smallest"] for slide in seen.slides) < 28
    assert all(0 < slide["full"] <= 1.01 for slide in seen.slides)


SMALL = '<p style="font-size: 20px">twenty pixels</p>'
VOTE = "## A vote\n\n**Predict.** Which?"
FAULTS = {
    "small text": ([markdown(f"## Small{LIST}\n\n{SMALL}")], r"text of 20 px, at least 22: \"twenty pixels\""),
    "small words in a drawing": ([code("x", drawing(size=13), tags=["hide-input"])], r'1\d px.*"batch size"'),
    "many lines": ([code("value = 1\n" * 12 + "value", layout="code")], "13 lines of code, at most 12"),
    "two blocks": ([code("a = 1\n" * 7), code("b = 1\n" * 7, kind="-")], "14 lines of code"),
    "wide code": ([code("x = '" + "y" * 90 + "'\n" * 9)], "9[56] columns, at most 88"),
    "large table": ([code("x", table(8, 6), tags=["hide-input"])], "a table of 48 cells, at most 42"),
    "little on the page": ([markdown("## Units\n\nOne short line.")], r"\d % of the page is used"),
    "vote": ([markdown(VOTE + LIST), markdown(ANSWER)], r"slide 13: a vote \(Predict\) without an answer"),
    "open answer": (
        [markdown(VOTE + LIST), code("x", figure(), kind="-"), markdown(ANSWER, "-"), markdown("more", "fragment")],
        "an answer lies open beside its vote",
    ),
    "answer to nothing": ([markdown("## So\n\n" + ANSWER + LIST)], r"\(What you saw\) without an output"),
    "late note": (
        [markdown(VOTE + LIST), code("x", printed("1\n" * 4), kind="fragment"), note(NOTE)],
        "a note stands behind the answer",
    ),
    "under the foot": (
        [markdown("## Low" + LIST + '\n\n<p style="position: absolute; bottom: 5px; left: 20px">low words</p>')],
        "low words.* runs under the foot",
    ),
    "many slides": ([markdown(f"## {n}{LIST}") for n in range(9)], "21 slides, expected 12 to 20"),
    "many minutes": (
        [markdown("## Long" + LIST), note("*For the lecturer, 10 min.* Talk.")],
        "46 minutes in the notes",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(page, tmp_path, fault):
    cells, said = FAULTS[fault]
    found = look(page, tmp_path, unit(*cells)).form
    assert any(re.search(said, line) for line in found), found
    assert not any(re.match(r"slide (\d+)", line) and int(line.split(":")[0][6:]) < 13 for line in found), found


def test_few_slides_and_few_minutes_are_found(page, tmp_path):
    seen = look(page, tmp_path, notebook(markdown("# Title" + LIST)))
    assert seen.faults == []
    assert seen.form == ["1 slides, expected 12 to 20", "0 minutes in the notes, expected 30 to 45"]


def test_a_small_exponent_in_a_drawing_is_no_fault(page, tmp_path):
    power = drawing()
    power.data["image/svg+xml"] = power.data["image/svg+xml"].replace(
        "batch size", '10<tspan dy="-5" font-size="11">6</tspan>'
    )
    seen = look(page, tmp_path, unit(code("x", power, tags=["hide-input"])))
    assert seen.faults == [] and seen.form == []


def test_the_counts_and_every_fault_of_a_deck_are_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_deck, "browser", nullcontext)
    monkeypatch.setattr(_deck, "look", lambda page, deck, shots: _deck.Look(["slide 1: wrong"], ["2 slides"]))
    assert slides._report([tmp_path / "3.7_bits.html"], None, []) == 1
    assert capsys.readouterr().out.splitlines() == [
        "3.7_bits: no slide was seen",
        "3.7_bits: slide 1: wrong",
        "3.7_bits: 2 slides",
        "1 decks, 2 faults",
    ]
