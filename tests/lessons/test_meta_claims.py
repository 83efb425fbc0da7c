"""A wrong figure, a bad claim and a failing scorecard are seen."""

import pytest
import test_claims_lessons
from _planted import CLAIM

from course_utils.scorecard import claims


def test_a_wrong_figure_in_the_claims_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    test_claims_lessons.write_toml(tmp_path, "fixture", [CLAIM])
    assert test_claims_lessons.shown("fixture", tmp_path, {"area": 2.0}) == ""
    test_claims_lessons.write_toml(tmp_path, "fixture", [{**CLAIM, "holds": {"near": 3.0, "tol": 0.1}}])
    assert "area" in test_claims_lessons.shown("fixture", tmp_path, {"area": 2.0})


def test_a_scorecard_that_fails_stops_a_strict_run_and_no_other(tmp_path, monkeypatch):
    test_claims_lessons.write_toml(tmp_path, "fixture", [CLAIM])
    card = claims.Scorecard("fixture", tmp_path)
    card.record("area", 7.0)
    card.show()
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(claims.ClaimFailed):
        card.show()
