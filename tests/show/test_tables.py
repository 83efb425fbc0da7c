"""Tables and quantities as a reader sees them."""

import pytest

from course_utils.tables import Table, mean_and_range, number, si


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999_960, "1.00 MB"), (2.5e-13, "0.25 pB"), (-1500, "-1.50 kB")]
)
def test_si(value, text):
    assert si(value, "B") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (266_610.0, "266,610"),
        (0, "0"),
        (736.566, "737"),
        (-0.0399991, "-0.0400"),
        (7.64858e-08, "7.65×10⁻⁸"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_has_three_digits_and_a_whole_one_all_of_them(value, text):
    assert number(value) == text


def test_a_table_lines_up_in_a_terminal():
    table = Table(["name", "n"], [["a", 1], ["longer", 1000]], caption="what it is")
    assert repr(table).splitlines() == ["what it is", "name       n", "------  ----", "a          1", "longer  1000"]


def test_a_table_escapes_its_cells():
    html = Table(["<a>"], [["<script>"]], caption="x & y")._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and "x &amp; y" in html


def test_words_stand_left_and_numbers_right():
    table = Table(["name", "source", "value"], [["a", "one book", "≥ 3×"], ["b", "another", "–"], ["c", "x", "-1"]])
    assert repr(table).splitlines()[2:] == ["a     one book   ≥ 3×", "b     another       –", "c     x            -1"]
    assert table._repr_html_().count("text-align:right") == 4


def test_some_runs_have_a_range_and_one_has_none():
    assert mean_and_range([1.0, 2.0, 6.0]) == "3.0 (1.0 to 6.0)"
    assert mean_and_range([2.5, 2.5], "{:.2f}") == "2.50 (2.50 to 2.50)"
    assert mean_and_range([97.25], "{:.2f} %") == "97.25 %"
    with pytest.raises(ValueError, match="no mean of no values"):
        mean_and_range([])
