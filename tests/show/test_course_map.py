"""The map of the course shows what lessons/course.toml says, for any number of parts that the course may grow to."""

from collections import Counter

import pytest

from course_utils import syllabus
from lessons.measuring.course_map import MOST_WHOLE, course_map

COLUMNS = ["accuracy", "file", "speed-up"]


def words(canvas):
    return [text.get_text() for text in canvas.axes.texts]


def test_the_map_names_every_part_and_every_lesson():
    canvas = course_map("measuring", columns=COLUMNS)
    assert canvas.faults() == []
    lessons = syllabus.lessons().values()
    said = words(canvas)
    parts = Counter(lesson.part for lesson in lessons)
    whole = {lesson.part for lesson in lessons if parts[lesson.part] <= MOST_WHOLE}
    assert {lesson.number for lesson in lessons if lesson.part in whole} <= set(said)
    assert {lesson.number.partition(".")[2] for lesson in lessons if lesson.part not in whole} <= set(said)
    assert {f"{lesson.part_number} · {lesson.part_title}" for lesson in lessons} <= set(said)
    assert any("accuracy\nfile\nspeed-up" in text for text in said)


@pytest.mark.parametrize(("parts", "lessons"), [(1, 1), (3, 2), (8, 8), (8, 12)])
def test_the_map_can_be_read_whatever_the_course_grows_to(tmp_path, parts, lessons):
    (tmp_path / "lessons").mkdir()
    text = "".join(
        f'[[part]]\nname = "p{p}"\ntitle = "Tickets and teachers"\nlever = "fewer bits while training"\n'
        + "[part.lessons]\n"
        + "".join(f'l{p}_{n} = "A lesson"\n' for n in range(lessons))
        for p in range(parts)
    )
    (tmp_path / "lessons" / "course.toml").write_text(text, encoding="utf-8")
    assert course_map("l0_0", columns=COLUMNS, root=tmp_path).faults() == []
