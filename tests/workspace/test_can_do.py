"""*What you can do now*: offered when a way is finished, with what was passed and measured, and nothing else."""

import datetime

from course_utils.learner import progress
from course_utils.scorecard import claims
from tools.publishing import course, lessons
from tools.workspace import can_do, start
from tools.workspace import progress as _progress

ESSENTIALS = course.ways()[0]


def passed(workspace, names):
    for lesson in names:
        for name, _ in _progress.exercises_of(lesson):
            what = {"kind": "check", "lesson": lesson.name, "exercise": name, "status": "passed"}
            progress.add(workspace / progress.NAME, what, now=datetime.datetime(2026, 3, 1))
    return _progress.of(workspace)


def test_it_comes_when_the_day_is_finished_and_not_before(tmp_path):
    found = passed(tmp_path, ESSENTIALS.lessons[:-1])
    assert can_do.write(tmp_path, found) is None and can_do.PLACE not in start.text(found)
    found = passed(tmp_path, ESSENTIALS.lessons)
    start.write(tmp_path, found=found)
    page = (tmp_path / can_do.PLACE).read_text(encoding="utf-8")
    assert f"]({can_do.PLACE})" in (tmp_path / "start.md").read_text(encoding="utf-8")
    assert all(f"{lesson.number} · " in page for lesson in ESSENTIALS.lessons) and "2026-03-01" in page
    beside = [lesson for lesson in lessons.select([]) if lesson not in ESSENTIALS.lessons]
    assert not any(f"<h2>{lesson.number} · " in page for lesson in beside)


def test_numbers_are_those_of_the_learners_own_run_that_held(tmp_path):
    lesson = ESSENTIALS.lessons[0]
    copy = tmp_path / lesson.place
    copy.parent.mkdir()
    nb = lessons.read_published(lesson.notebook)
    card = next(cell for cell in nb.cells if "scorecard" in cell.metadata.get("tags", []))
    told = next(out.metadata for out in card.outputs if out.metadata)
    (key,) = told
    first, *_ = told[key]
    told[key][first] = ["123 of mine", claims.HOLDS]
    lessons.write(nb, copy)
    can_do.write(tmp_path, passed(tmp_path, ESSENTIALS.lessons))
    assert "123 of mine" in (tmp_path / can_do.PLACE).read_text(encoding="utf-8")
    told[key][first] = ["123 of mine", claims.FAILS]
    lessons.write(nb, copy)
    can_do.write(tmp_path, _progress.of(tmp_path))
    assert "123 of mine" not in (tmp_path / can_do.PLACE).read_text(encoding="utf-8")
    copy.write_text("no notebook", encoding="utf-8")
    assert can_do.write(tmp_path, _progress.of(tmp_path)) == ESSENTIALS.title


def test_markup_in_an_ability_is_shown_as_text(tmp_path, monkeypatch):
    monkeypatch.setattr(can_do.course, "front_matter", lambda lesson: {"goals": ["use <b> & `x`"]})
    can_do.write(tmp_path, passed(tmp_path, ESSENTIALS.lessons))
    assert "use &lt;b&gt; &amp; <code>x</code>" in (tmp_path / can_do.PLACE).read_text(encoding="utf-8")
