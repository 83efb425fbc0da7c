"""The scorecard: bounds, verdicts, and what raises under which switch."""

import pytest
from _course import make_root

from course_utils import claims, runtime

TOML = """
[[claim]]
id = "size"
statement = "The model has 10 parameters"
source = "by hand"
published = 10
holds = {{ {holds} }}
value = "n"
kind = "{kind}"
where = "{where}"
why = "exact"
if_not = "The model was changed."
"""


@pytest.fixture
def scorecard(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "display", print)
    (lesson,) = make_root(tmp_path, sizes="")

    def make(holds="near = 10, tol = 0.5", kind="structure", where="", more=""):
        text = TOML.format(holds=holds, kind=kind, where=where) + more
        lesson.source.with_name("claims.toml").write_text(text, encoding="utf-8")
        return claims.Scorecard("sizes", tmp_path)

    return make


@pytest.mark.parametrize(
    ("holds", "good", "bad", "text"),
    [
        ("near = 10, tol = 0.5", [9.5, 10, 10.5], [9.4, 10.6], "10 ± 0.5"),
        ("near = 10, tol = 0", [10], [9.999, 10.001], "exactly 10"),
        ("min = 3", [3, 1e9], [2.99], "≥\u00a03"),
        ("max = 3", [3, -1e9], [3.01], "≤\u00a03"),
        ("between = [1, 2]", [1, 2], [0.9, 2.1], "1 to 2"),
    ],
)
def test_bounds(scorecard, holds, good, bad, text):
    claim = scorecard(holds).claims["size"]
    assert all(claim.met_by(value) for value in good)
    assert not any(claim.met_by(value) for value in [*bad, float("nan")])
    assert claim.bound() == text


def test_a_failing_claim_is_shown_with_its_reason_and_raises_only_in_a_strict_run(scorecard, monkeypatch, capsys):
    card = scorecard()
    card.take({"n": 12})
    card.show()
    assert "✗ does not hold" in (out := capsys.readouterr().out) and "The model was changed." in out
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(claims.ClaimFailed, match="size: measured 12, expected 10 ± 0.5. The model was changed."):
        card.show()
    assert "✗ does not hold" in capsys.readouterr().out  # shown before it raises


def test_a_quick_run_judges_nothing(scorecard, monkeypatch, capsys):
    card = scorecard()
    card.take({"n": 12})
    monkeypatch.setenv("COURSE_QUICK", "1")
    card.show()
    assert "not judged (quick run)" in (out := capsys.readouterr().out) and "does not hold" not in out


def test_speed_is_judged_by_the_bench_only(scorecard, monkeypatch):
    card = scorecard(kind="speed")
    card.take({"n": 99})
    monkeypatch.setenv("COURSE_STRICT", "1")
    card.show()
    monkeypatch.setenv("COURSE_JUDGE_SPEED", "1")
    with pytest.raises(claims.ClaimFailed):
        card.show()


@pytest.mark.parametrize(("fast", "raises"), [(True, True), (False, False)])
def test_a_claim_about_other_machines_is_not_made_here(scorecard, monkeypatch, fast, raises):
    monkeypatch.setattr(runtime, "has_fast_bf16", lambda device: fast)
    monkeypatch.setenv("COURSE_STRICT", "1")
    card = scorecard(where="bf16")
    card.take({"n": 99})
    if raises:
        with pytest.raises(claims.ClaimFailed):
            card.show()
    else:
        card.show()
        assert "not claimed here (needs 16-bit units)" in repr(card)


@pytest.mark.parametrize(
    ("bound", "value", "shown"),
    [
        ("min = 2", 736.566, "737×"),
        ("max = 1e6", 266_610, "266,610×"),
        ("max = 1", 1.0004, "1.0004×"),
        ("min = 1", 1.0004, "1.00×"),
    ],
)
def test_a_measured_value_has_three_digits_unless_more_decide_the_verdict(scorecard, bound, value, shown):
    card = scorecard(bound, more='unit = "×"')
    card.take({"n": value})
    assert f"this run {shown}, must be" in repr(card)
    assert f">{shown}<" in card._repr_html_()


def test_the_firmest_evidence_comes_first_and_what_is_only_cited_is_not_judged(scorecard, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    more = """
[[claim]]
id = "chip"
evidence = "cited"
statement = "A chip of 2014"
source = "a paper"
published = 3.7

[[claim]]
id = "count"
evidence = "counted"
statement = "It has ten layers"
source = "by hand"
value = "n"
holds = { min = 10 }
kind = "structure"
why = "exact"
if_not = "?"
"""
    card = scorecard(more=more)
    card.take({"n": 10})
    card.show()
    text = card._repr_html_()
    assert text.index("ten layers") < text.index("10 parameters") < text.index("A chip of 2014")
    assert "cited only" in text and text.count("✓ holds") == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"holds": "min = 1, max = 2"}, "claim size: holds is .*, expected near with tol"),
        ({"kind": "guess"}, "kind is 'guess', expected one of structure, accuracy, speed"),
        ({"more": "boound = 1"}, "'boound' is no field"),
        ({"more": '\n[[claim]]\nid = "size"\nstatement = "s"\nsource = "p"'}, "'size' is no field, or is there twice"),
        ({"more": '\n[[claim]]\nid = "b"\nstatement = "s"\nsource = "p"'}, "claim b: no value; no holds; no kind"),
        ({"more": 'evidence = "felt"'}, "evidence is 'felt', expected one of counted, measured, cited"),
        ({"more": 'evidence = "cited"'}, "holds is of a claim that is judged"),
    ],
)
def test_what_is_no_claim_is_named(scorecard, change, words):
    with pytest.raises(ValueError, match=words):
        scorecard(**change)


def test_a_claim_reads_its_value_from_the_notebook_when_the_scorecard_is_shown(scorecard, monkeypatch, tmp_path):
    card = scorecard(more='quartiles = "(n - 1, n + 1)"')
    card.take({"n": 10.1})
    assert card.measured == {"size": (10.1, (9.1, 11.1))} and "10.1 (9.10 to 11.1)" in repr(card)
    card.take({"n": 10.0})  # the cell was run again
    assert card.measured["size"][0] == 10.0
    assert claims.Scorecard("sizes", tmp_path, card.told())._repr_html_() == card._repr_html_()
    fresh = scorecard()
    fresh.take({})
    assert "not run yet (no cell has made `n`)" in repr(fresh)
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(claims.ClaimFailed, match="size: not run yet"):
        fresh.show()
