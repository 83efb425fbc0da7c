"""The claims of every lesson: complete, readable by the scorecard, and able to fail."""

import json
import shutil
import tomllib

import _course
import pytest
import rules
import torch

from course_utils import models
from course_utils.files import ROOT
from course_utils.measure import energy
from course_utils.scorecard import claims

COURSES = {**dict.fromkeys(_course.IDS, ROOT), "fixture": _course.FIXTURES}  # whose list of lessons has a name
each_lesson = pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)


def good_value(claim):
    """A value that meets the bound of a claim."""
    holds = claim["holds"]
    return sum(holds["between"]) / 2 if "between" in holds else holds.get("near", holds.get("min", holds.get("max")))


def write_toml(root, name, tables):
    """Write tables of claims where a lesson of that name has them, beside the course's own list of lessons."""

    def value(item):
        if isinstance(item, dict):
            return "{" + ", ".join(f"{k} = {value(v)}" for k, v in item.items()) + "}"
        return json.dumps(item, ensure_ascii=False)

    text = "\n".join("[[claim]]\n" + "\n".join(f"{k} = {value(v)}" for k, v in table.items()) for table in tables)
    folder = root / "lessons" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "claims.toml").write_text(text, encoding="utf-8", newline="\n")
    shutil.copyfile(COURSES[name] / "lessons" / "course.toml", root / "lessons" / "course.toml")


def shown(name, root, values):
    """Record `values`, show the scorecard; gives the failure's text, or '' when there was none."""
    card = claims.Scorecard(name, root)
    for name, value in values.items():
        card.record(name, value)
    try:
        card.show()
    except claims.ClaimFailed as failed:
        return str(failed)
    return ""


def tables_of(lesson):
    """The claims of a lesson as tables, without those that are only cited."""
    text = (ROOT / "lessons" / lesson.name / "claims.toml").read_text(encoding="utf-8")
    return [claim for claim in tomllib.loads(text)["claim"] if claim.get("evidence") != "cited"]


def judged_here(lesson):
    """The claims of structure and accuracy that apply to this machine, as tables."""
    applies = {name for name, claim in claims.read(lesson.name).items() if claim.applies()}
    return [c for c in tables_of(lesson) if c["kind"] != "speed" and c["id"] in applies]


@each_lesson
def test_claims_are_complete(lesson):
    assert 0 < len(tables_of(lesson)) <= len(claims.read(lesson.name))


@each_lesson
def test_good_values_pass_in_strict_mode(lesson, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert shown(lesson.name, ROOT, {c["id"]: good_value(c) for c in tables_of(lesson)}) == ""


@each_lesson
def test_a_changed_figure_raises_in_strict_mode(lesson, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_STRICT", "1")
    tables = tables_of(lesson)
    values = {c["id"]: good_value(c) for c in tables}
    for claim in judged_here(lesson):
        beyond = {"min": values[claim["id"]] + abs(values[claim["id"]]) + 1.0}
        changed = [{**c, "holds": beyond} if c["id"] == claim["id"] else c for c in tables]
        write_toml(tmp_path, lesson.name, changed)
        assert claim["id"] in shown(lesson.name, tmp_path, values), f"claim {claim['id']} cannot fail"


@each_lesson
def test_a_claim_that_nothing_recorded_raises_in_strict_mode(lesson, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    tables = tables_of(lesson)
    for left_out in tables:
        said = shown(lesson.name, ROOT, {c["id"]: good_value(c) for c in tables if c is not left_out})
        assert left_out["id"] in said


@each_lesson
def test_claims_of_speed_raise_only_where_speed_is_judged(lesson, monkeypatch, tmp_path):
    tables = tables_of(lesson)
    applies = {name for name, claim in claims.read(lesson.name).items() if claim.applies()}
    fast = [c for c in tables if c["kind"] == "speed" and c["id"] in applies]
    values = {c["id"]: good_value(c) for c in tables}
    write_toml(
        tmp_path,
        lesson.name,
        [{**c, "holds": {"min": values[c["id"]] + abs(values[c["id"]]) + 1.0}} if c in fast else c for c in tables],
    )
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert shown(lesson.name, tmp_path, values) == ""
    monkeypatch.setenv("COURSE_JUDGE_SPEED", "1")
    said = shown(lesson.name, tmp_path, values)
    assert all(c["id"] in said for c in fast)


@each_lesson
def test_a_quick_run_judges_nothing(lesson, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert shown(lesson.name, ROOT, {c["id"]: float("nan") for c in tables_of(lesson)}) == ""


@each_lesson
def test_published_scorecard_has_every_claim(lesson):
    published = _course.published(lesson)
    assert published is not None, f"{lesson.name} was never built"
    cell = rules.numbered(published, kind="code", tag="scorecard")[-1][1]
    text = " ".join(" ".join(rules.output_text(output) for output in cell.outputs).split())
    assert "not recorded" not in text
    missing = [c.id for c in claims.read(lesson.name).values() if " ".join(c.statement.split()) not in text]
    assert not missing, f"the published scorecard does not show {missing}"


def test_a_changed_measurement_fails_its_claims(monkeypatch):
    """What a lesson records is computed: where the price of an operation changes, the claims notice."""
    monkeypatch.setitem(energy.MAC_PJ, "fp32", energy.MAC_PJ["fp32"] * 1.01)
    monkeypatch.setitem(energy.READ_32_BIT_PJ, "DRAM", 641)
    bill = energy.estimate(models.LeNet300100(), torch.zeros(1, 784))
    of_lesson = claims.read("energy")
    assert not of_lesson["lenet-dram-share"].met_by(bill.fetch_nj / bill.compute_nj)
