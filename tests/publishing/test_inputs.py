"""What a published notebook was made with: a change of it puts the notebook out of step, a change of words does not."""

import json

import _course
import pytest
from test_build import LESSON, executed

from tools import build
from tools.publishing import inputs, lessons

USES = """\
# %%
from pathlib import Path

from course_utils import energy

(Path("{root}") / "records" / "kept.json").read_text()
[path.name for path in (Path("{root}") / "records" / "machines").glob("*.json")]
"""


@pytest.fixture
def lesson(tmp_path):
    return _course.make_root(tmp_path, fixture=LESSON)[0]


@pytest.mark.slow
def test_a_built_notebook_knows_what_its_run_used(tmp_path):
    (tmp_path / "records" / "machines").mkdir(parents=True)
    (tmp_path / "records" / "kept.json").write_text("1")
    (tmp_path / "records" / "machines" / "mine.json").write_text("1")
    (tmp_path / "course_utils" / "measure").mkdir(parents=True)
    (tmp_path / "course_utils" / "__init__.py").write_text("")
    (tmp_path / "course_utils" / "measure" / "__init__.py").write_text("")
    (tmp_path / "course_utils" / "measure" / "energy.py").write_text("PRICE = 1\n")
    (tmp_path / "course_utils" / "measure" / "timing.py").write_text("never = 'imported'\n")
    here = f"import sys\n\nsys.path.insert(0, '{tmp_path.as_posix()}')\n"
    text = LESSON.split("# %%")[0] + "# %%\n" + here + "\n" + USES.replace("{root}", tmp_path.as_posix())
    lesson = _course.make_root(tmp_path, fixture=text)[0]
    build.build(lesson)
    known = lessons.read_published(lesson.notebook).metadata[inputs.KEY]
    used = {"course_utils/measure/__init__.py", "course_utils/measure/energy.py"}  # not the package's own
    assert set(known["files"]) == {*used, "records/kept.json", "records/machines/"}
    assert build.faults(lesson) == []
    (tmp_path / "course_utils" / "measure" / "energy.py").write_text('"""Prices."""\n\nPRICE = 1  # a comment\n')
    assert build.faults(lesson) == []
    (tmp_path / "course_utils" / "measure" / "energy.py").write_text("PRICE = 2\n")
    assert build.faults(lesson) == ["built with another course_utils/measure/energy.py"]
    (tmp_path / "course_utils" / "measure" / "energy.py").write_text("PRICE = 1\n")
    (tmp_path / "records" / "machines" / "mine.json").write_text("2")  # it was listed, not read
    assert build.faults(lesson) == []
    (tmp_path / "records" / "machines" / "yours.json").write_text("1")
    assert build.faults(lesson) == ["built when records/machines/ held other files"]
    (tmp_path / "records" / "kept.json").unlink()
    assert "built with records/kept.json, which is gone" in build.faults(lesson)


def test_the_modules_of_lessons_are_watched_and_their_checks_are_not(lesson):
    own, other, checks = (
        lesson.root / "lessons" / n for n in ("fixture/show.py", "other/train.py", "fixture/checks.py")
    )
    for path in (own, other, checks):
        path.parent.mkdir(exist_ok=True)
        path.write_text('"""Drawings."""\n\nWIDTH = 3\n')
    answer = json.dumps({"listed": [], "opened": [str(own), str(other), str(checks)]})
    known = {"torch": inputs.torch_version(), "files": inputs.used(answer, lesson)}
    assert list(known["files"]) == ["lessons/fixture/show.py", "lessons/other/train.py"]
    own.write_text('"""Pictures."""\n\nWIDTH = 3\n')
    assert inputs.stale(known, lesson) == []
    own.write_text('"""Pictures."""\n\nWIDTH = 4\n')
    assert inputs.stale(known, lesson) == ["built with another lessons/fixture/show.py"]


def test_a_run_with_the_library_of_another_tree_is_refused_and_the_tree_is_named(lesson, tmp_path):
    ours, theirs = (root / "course_utils" / "__init__.py" for root in (lesson.root, tmp_path / "other clone"))
    for path in (ours, theirs):
        path.parent.mkdir(parents=True)
        path.write_text("")
    answers = [json.dumps({"listed": [], "opened": [str(path)]}) for path in (ours, theirs)]
    assert inputs.used(answers[0], lesson) == {}
    with pytest.raises(ValueError, match="loaded course_utils from .*other clone") as caught:
        inputs.used(answers[1], lesson)
    assert str(lesson.root) in str(caught.value)


def test_a_notebook_of_another_torch_or_without_a_word_on_its_inputs_is_out_of_step(lesson):
    nb = executed(lessons.read(lesson))
    nb.metadata[inputs.KEY]["torch"] = "1.0"
    lessons.write(nb, lesson.notebook)
    assert "built with torch 1.0" in "\n".join(build.faults(lesson))
    del nb.metadata[inputs.KEY]
    lessons.write(nb, lesson.notebook)
    assert "does not say with which library" in "\n".join(build.faults(lesson))
    assert not build.refresh(lesson)
