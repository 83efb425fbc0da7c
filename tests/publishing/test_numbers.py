"""What a text says of the run on its page is compared with what that run shows."""

import copy

import nbformat
import pytest
import rules
from _course import expect_none

from course_utils.scorecard import claims
from tools.publishing import numbers

text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
TABLE = """<table><caption>Right, of 10,000</caption><thead><tr><th>bits</th><th>right, %</th></tr></thead><tbody>
<tr><td>32</td><td>91.37</td></tr><tr><td>3</td><td>78.71</td></tr></tbody></table>"""
FIGURE = "<svg xmlns='http://www.w3.org/2000/svg'><text x='1'>0.628</text><path d='M5.55 7.77'/></svg>"


def shows(*outputs):
    return code("rate = 0.003", outputs=list(outputs), execution_count=1)


def page(said, tags=()):
    """A page with one sentence below a table, a figure and a line of print; another section shows 55.5."""
    printed = nbformat.v4.new_output("stream", name="stdout", text="took 1.8e+02 ms, file 23,858 bytes, 1.21 of it")
    table = nbformat.v4.new_output("execute_result", {"text/html": TABLE}, execution_count=1)
    figure = nbformat.v4.new_output("display_data", {"image/svg+xml": FIGURE})
    told = nbformat.v4.new_output("execute_result", {}, execution_count=1)
    told.metadata[claims.KEY] = {"one": ["4.44×", "holds"]}
    other = nbformat.v4.new_output("stream", name="stdout", text="55.5 and 66 digits")
    cells = [
        text("# A page"),
        text("## 1. The first\n\n**Predict.** Below 17.5, or more?"),
        shows(printed, table, figure),
        text(said, metadata={"tags": list(tags)}),
        text("### Another heading"),
        shows(other),
        text("## 2. The second"),
        shows(nbformat.v4.new_output("stream", name="stdout", text="12.34")),
        text("## Scorecard"),
        shows(told),
    ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize(
    "said",
    [
        "In the run on this page 78.7 % are right.",
        "In the run on this page 79 % are right, about 180 ms long, 0.63 of it, in some 24 kB.",
        "In the run on this page 63 % remain, which is 21 % above.",
        "In this run it is more than 90 %, nearly 80 %.",
        "In the run on this page nearly thirteen points are lost, at the rate 0.003.",
        "In the run on this page 91.4 − 78.7 = 12.7 are lost.",
        "It has 98.36 % of 10,000 right. In the run on this page it failed on 164 of them.",
        "In the run on this page it lies below 17.5 (A), and the claim has 4.4.",
        "As section 2 says, it is 12.3 in the run on this page.",
        "In the run on this page 66 lie elsewhere in this section, and 55.5 too.",
        "In the run on this page `torch.half(99)` and [lesson 9.9, Other](9.ipynb) come after section 7, 8-bit.",
        "In a trial, not on this page, it was 99.9 %.",
        "Outside this page it was 99.9 %.",
        "Elsewhere it was 99.9 %. In the run on this page it is 78.7 %.",
    ],
)
def test_what_a_run_shows_may_be_said(said):
    expect_none(rules.numbers_of_the_run(page(said)))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("In the run on this page 78.6 % are right.", "78.6 %"),
        ("In the run on this page 78.713 % are right.", "78.713 %"),
        ("**In this run it is 81 % (B).** Because.", "81 %"),
        ("In the run on this page about 300 ms.", "300"),
        ("In the run on this page some fifteen points are lost.", "15 points"),
        ("In the run on this page it is 5.55, as no figure writes.", "5.55"),
        ("In the run on this page it is 55.5, as another heading shows.", "55.5"),
        ("In the run on this page it is 12.3, as another section shows.", "12.3"),
        ("In the run on this page more than 50 % are right.", "50 %"),
        ("In the run on this page 91.4 − 78.7 = 13.7 are lost.", "13.7"),
    ],
)
@pytest.mark.parametrize("tags", [(), ("answer",), ("remove-cell",)], ids=["page", "answer", "note"])
def test_a_planted_number_is_seen(said, number, tags):
    found = rules.numbers_of_the_run(page(said, tags))
    assert len(found) == 1 and f"cell 4: {number} in" in found[0], found


RECORD = {"rows": [{"engine": "eager", "tokens": {"median": 2.33}, "floor": 2.72}, {"tokens": 9.0}]}


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("In the record eager has 2.3 of 2.72 tokens, 0.86 of its floor.", []),
        ("In the record eager reaches 86 % of its floor, where 78.7 % are right.", []),
        ("The record has 9.1 tokens.", ["9.1"]),
        ("In the record of [lesson 7.6](6_real_model.ipynb) it is 5.5.", []),
        ("In the record it is 5.5.", ["5.5"]),
        ("In the record it is 3.86 times.", ["3.86 times"]),  # 9 / 2.33, but of two rows
        ("It has 99.9 tokens.", []),
    ],
)
def test_what_is_said_of_a_record(said, lost):
    records = {"": [RECORD], "6_real_model": [{"value": 5.5}]}
    assert [one.number for one in numbers.lost_of_records(page(said), records)] == lost


def test_a_newer_run_leaves_the_old_number_behind():
    old = page("We call it twice. It loses 12.7 points, and 78.7 % are right. In a trial it was 99.9 %, with 32 bits.")
    assert numbers.left_behind(old, old) == []
    new = copy.deepcopy(old)
    output = new.cells[2].outputs[1]
    output.data["text/html"] = output.data["text/html"].replace("78.71", "80.02")
    left = numbers.left_behind(old, new)
    assert [said.number for said in left] == ["12.7 points", "78.7 %"] and left[0].cell == 4
    new.cells[3].source = "It loses 11.4 points, and 80.0 % are right."
    assert numbers.left_behind(old, new) == []


def test_a_cell_that_moved_is_compared_with_itself():
    old = page("It loses 12.7 points.")
    new = copy.deepcopy(old)
    new.cells.insert(1, shows())
    assert numbers.left_behind(old, new) == []
