"""The claims of every lesson: complete, readable by the scorecard, and able to fail."""

import json

import _course
import _lesson_rules as rules
import pytest
import torch
from _course import expect_none

from course_utils import claims, energy, models

each_lesson = pytest.mark.parametrize(
    "number", [n for n in _course.NUMBERS if _course.claims_file(n).exists()]
)


def good_value(claim):
    """A value that meets the bound of a claim."""
    holds = claim["holds"]
    return (
        sum(holds["between"]) / 2
        if "between" in holds
        else holds.get("near", holds.get("min", holds.get("max")))
    )


def write_toml(folder, number, tables):
    """Write tables of claims as NN.toml."""

    def value(item):
        if isinstance(item, dict):
            return "{" + ", ".join(f"{k} = {value(v)}" for k, v in item.items()) + "}"
        return json.dumps(item, ensure_ascii=False)

    text = "\n".join(
        "[[claim]]\n" + "\n".join(f"{k} = {value(v)}" for k, v in table.items()) for table in tables
    )
    (folder / f"{number}.toml").write_text(text, encoding="utf-8", newline="\n")


def shown(number, folder, values):
    """Record `values`, show the scorecard; gives the failure's text, or '' when there was none."""
    card = claims.Scorecard(number, folder)
    for name, value in values.items():
        card.record(name, value)
    try:
        card.show()
    except claims.ClaimFailed as failed:
        return str(failed)
    return ""


def judged_here(number):
    """The claims of structure and accuracy that apply to this machine, as tables."""
    applies = {name for name, claim in claims.read(number).items() if claim.applies()}
    return [c for c in _course.claims(number) if c["kind"] != "speed" and c["id"] in applies]


@each_lesson
def test_tables_are_complete(number):
    expect_none(rules.claim_tables(_course.claims(number)))


@each_lesson
def test_good_values_pass_in_strict_mode(number, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert shown(number, claims.FOLDER, {c["id"]: good_value(c) for c in _course.claims(number)}) == ""


@each_lesson
def test_a_changed_figure_raises_in_strict_mode(number, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_STRICT", "1")
    tables = _course.claims(number)
    values = {c["id"]: good_value(c) for c in tables}
    for claim in judged_here(number):
        beyond = {"min": values[claim["id"]] + abs(values[claim["id"]]) + 1.0}
        changed = [{**c, "holds": beyond} if c["id"] == claim["id"] else c for c in tables]
        write_toml(tmp_path, number, changed)
        assert claim["id"] in shown(number, tmp_path, values), f"claim {claim['id']} cannot fail"


@each_lesson
def test_a_claim_that_nothing_recorded_raises_in_strict_mode(number, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    tables = _course.claims(number)
    for left_out in tables:
        said = shown(number, claims.FOLDER, {c["id"]: good_value(c) for c in tables if c is not left_out})
        assert left_out["id"] in said


@each_lesson
def test_claims_of_speed_raise_only_where_speed_is_judged(number, monkeypatch, tmp_path):
    tables = _course.claims(number)
    applies = {name for name, claim in claims.read(number).items() if claim.applies()}
    fast = [c for c in tables if c["kind"] == "speed" and c["id"] in applies]
    values = {c["id"]: good_value(c) for c in tables}
    write_toml(
        tmp_path,
        number,
        [
            {**c, "holds": {"min": values[c["id"]] + abs(values[c["id"]]) + 1.0}} if c in fast else c
            for c in tables
        ],
    )
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert shown(number, tmp_path, values) == ""
    monkeypatch.setenv("COURSE_JUDGE_SPEED", "1")
    said = shown(number, tmp_path, values)
    assert all(c["id"] in said for c in fast)


@each_lesson
def test_a_quick_run_judges_nothing(number, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert shown(number, claims.FOLDER, {c["id"]: float("nan") for c in _course.claims(number)}) == ""


@each_lesson
def test_published_scorecard_has_every_claim(number):
    path = _course.LESSONS[_course.NUMBERS.index(number)]
    published = _course.published(path)
    assert published is not None, f"{path.stem} was never built"
    cell = rules.numbered(published, kind="code", tag="scorecard")[-1][1]
    text = " ".join(" ".join(rules.output_text(output) for output in cell.outputs).split())
    assert "not recorded" not in text
    missing = [c["id"] for c in _course.claims(number) if " ".join(c["statement"].split()) not in text]
    assert not missing, f"the published scorecard does not show {missing}"


def test_no_claims_without_a_lesson():
    assert {path.stem for path in claims.FOLDER.glob("*.toml")} <= set(_course.NUMBERS)


def test_a_changed_measurement_fails_its_claims(monkeypatch):
    """What a lesson records is computed: where the price of an operation changes, the claims notice."""
    monkeypatch.setitem(energy.MAC_PJ, "fp32", energy.MAC_PJ["fp32"] * 1.01)
    monkeypatch.setitem(energy.READ_32_BIT_PJ, "DRAM", 641)
    bill = energy.estimate(models.LeNet300100(), torch.zeros(1, 784))
    of_lesson = claims.read("01")
    assert not of_lesson["lenet-fp32"].met_by(bill.compute_nj)
    assert not of_lesson["lenet-dram"].met_by(bill.fetch_nj)
    assert not of_lesson["lenet-dram-share"].met_by(bill.fetch_nj / bill.compute_nj)
