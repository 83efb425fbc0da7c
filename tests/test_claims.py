"""The scorecard: bounds, verdicts, and what raises under which switch."""

import pytest

from course_utils import claims, runtime

TOML = """
[[claim]]
id = "size"
statement = "The model has 10 parameters"
source = "by hand"
published = 10
holds = {{ {holds} }}
kind = "{kind}"
where = "{where}"
why = "exact"
if_not = "The model was changed."
"""


@pytest.fixture
def scorecard(tmp_path, monkeypatch):
    for name in ("COURSE_STRICT", "COURSE_QUICK", "COURSE_JUDGE_SPEED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(claims, "display", print)

    def make(holds="near = 10, tol = 0.5", kind="structure", where="any"):
        (tmp_path / "77.toml").write_text(TOML.format(holds=holds, kind=kind, where=where), encoding="utf-8")
        return claims.Scorecard("77", tmp_path)
    return make


@pytest.mark.parametrize(("holds", "good", "bad", "text"), [
    ("near = 10, tol = 0.5", [9.5, 10, 10.5], [9.4, 10.6], "10 ± 0.5"),
    ("min = 3", [3, 1e9], [2.99], "≥ 3"), ("max = 3", [3, -1e9], [3.01], "≤ 3"),
    ("between = [1, 2]", [1, 2], [0.9, 2.1], "1 to 2")])
def test_bounds(scorecard, holds, good, bad, text):
    claim = scorecard(holds).claims["size"]
    assert all(claim.met_by(value) for value in good)
    assert not any(claim.met_by(value) for value in [*bad, float("nan")])
    assert claim.bound() == text


def test_a_claim_that_holds(scorecard, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", "1")
    card = scorecard()
    card.record("size", 10.2)
    card.show()
    assert "✓ holds: The model has 10 parameters" in capsys.readouterr().out
    assert "10.2" in card._repr_html_()


def test_a_failing_claim_is_shown_with_its_reason_and_raises_only_in_a_strict_run(scorecard, monkeypatch, capsys):
    card = scorecard()
    card.record("size", 12)
    card.show()
    assert "✗ does not hold" in (out := capsys.readouterr().out) and "The model was changed." in out
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(claims.ClaimFailed, match="size: measured 12, expected 10 ± 0.5. The model was changed."):
        card.show()
    assert "✗ does not hold" in capsys.readouterr().out  # shown before it raises


def test_a_claim_that_was_not_recorded_raises_in_a_strict_run(scorecard, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(claims.ClaimFailed, match="nothing was recorded"):
        scorecard().show()


def test_speed_is_judged_by_the_bench_only(scorecard, monkeypatch):
    card = scorecard(kind="speed")
    card.record("size", 99)
    monkeypatch.setenv("COURSE_STRICT", "1")
    card.show()
    monkeypatch.setenv("COURSE_JUDGE_SPEED", "1")
    with pytest.raises(claims.ClaimFailed):
        card.show()


def test_a_quick_run_judges_nothing(scorecard, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setenv("COURSE_QUICK", "1")
    card = scorecard()
    card.record("size", 99)
    card.show()
    assert "not judged" in capsys.readouterr().out


@pytest.mark.parametrize(("fast", "raises"), [(True, True), (False, False)])
def test_a_claim_about_other_machines_is_not_made_here(scorecard, monkeypatch, fast, raises):
    monkeypatch.setattr(runtime, "has_fast_bf16", lambda device: fast)
    monkeypatch.setenv("COURSE_STRICT", "1")
    card = scorecard(where="bf16")
    card.record("size", 99)
    if raises:
        with pytest.raises(claims.ClaimFailed):
            card.show()
    else:
        card.show()
        assert "not claimed here (needs bf16)" in repr(card)


def test_an_unknown_claim_is_refused(scorecard):
    with pytest.raises(KeyError, match="it has size"):
        scorecard().record("sise", 1)


@pytest.mark.parametrize(("options", "message"), [
    ({"holds": "near = 10"}, "holds must be"), ({"holds": "min = 1, max = 2"}, "holds must be"),
    ({"kind": "taste"}, "kind must be"), ({"where": "moon"}, "where one of")])
def test_a_malformed_claim_is_named(scorecard, options, message):
    with pytest.raises(ValueError, match=f"claim size.*{message}"):
        scorecard(**options)


def test_an_id_may_stand_once_only(scorecard, tmp_path):
    scorecard()
    path = tmp_path / "77.toml"
    path.write_text(path.read_text(encoding="utf-8") * 2, encoding="utf-8")
    with pytest.raises(ValueError, match="two claims"):
        claims.read("77", tmp_path)
