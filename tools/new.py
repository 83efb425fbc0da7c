"""Start a lesson: make its folder from a small skeleton that runs, and give it its line in lessons/course.toml."""

import argparse
import difflib
import json
import keyword
import re
import tomllib

from course import command
from course_utils.files import ROOT, write_whole
from tools.environment import curriculum

TEMPLATE = ROOT / "tools" / "publishing" / "lesson_template"  # texts: modules would import a lesson that is not there
FILES = ("lesson.py", "tasks.py")
PLACEHOLDER = "new_lesson"
NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")
MEANT = ("title", "abilities", "builds_on")  # [[title]] and the like mean something else in a lesson's text
SAID = """\
Lesson {number}, {title}: lessons/{name}/ with lesson.py, the page, and tasks.py, its checks.

Next:
  {build}
  and write, where lesson.py says TO WRITE. docs/writing.md shows the rest: drawings, a deck, claims, questions."""


def main(argv):
    """Make the skeleton of a lesson; gives 0, or ends with a sentence that says what was wrong with the call."""
    parts = ", ".join(dict.fromkeys(lesson.part for lesson in curriculum.lessons().values()))
    parser = argparse.ArgumentParser(prog="course.py new", description=__doc__, epilog=f"The parts: {parts}.")
    parser.add_argument("name", metavar="NAME", help="short name of the lesson, for example sparse_attention")
    parser.add_argument("title", metavar="TITLE", help='as readers see it, for example "Sparse attention"')
    parser.add_argument("--part", required=True, help="name of the part of the course; they are listed below")
    args = parser.parse_args(argv)
    made = make(args.name, args.title, part=args.part)
    print(SAID.format(number=made.number, title=made.title, name=made.name, build=command("build", made.name)))
    return 0


def make(name, title, *, part, root=ROOT):
    """Make the folder ``lessons/NAME`` and put the lesson last in its part.

    Args:
        name: of the folder and the module: small letters, digits and "_", 2 to 30 of them, a letter first.
        title: as readers see it, one line.
        part: name of a part in ``lessons/course.toml``.
        root: the repository, or a folder with the same layout.
    Returns:
        `curriculum.Lesson`.
    Raises:
        SystemExit: the name does not serve or is taken, the title is empty or has more than one line, there is no
            such part; the message says what to do.
    """
    course = root / "lessons" / "course.toml"
    before = course.read_text(encoding="utf-8")
    _refuse(name, title, part, tomllib.loads(before)["part"], root)
    after = _with_line(before, part, name, title.strip())
    for file in FILES:
        text = (TEMPLATE / f"{file}.txt").read_text(encoding="utf-8")
        write_whole(root / "lessons" / name / file, text.replace(PLACEHOLDER, name))
    write_whole(course, after)
    curriculum.lessons.cache_clear()
    return curriculum.lessons(root)[name]


def _refuse(name, title, part, parts, root):
    """End with a sentence when a lesson cannot be made of this."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in (*MEANT, PLACEHOLDER):
        raise SystemExit(
            f"{name!r} cannot be the name of a lesson: it is that of a folder, of a Python module, and of a reference "
            "[[name]]. Take small letters, digits and _, 2 to 30 of them, a letter first, for example sparse_attention."
        )
    if not title.strip() or not title.isprintable() or "|" in title:
        raise SystemExit(f'{title!r} cannot be a title: expected one line of text without "|".')
    names = [known["name"] for known in parts]
    if part not in names:
        near = difflib.get_close_matches(part, names, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise SystemExit(f"There is no part {part!r}.{meant} There are: {', '.join(names)} (lessons/course.toml).")
    taken = next((known["name"] for known in parts if name in known["lessons"]), None)
    if taken or (root / "lessons" / name).exists():
        where = f"a lesson of the part {taken} has it" if taken else f"the folder lessons/{name} is there"
        raise SystemExit(f"The name {name!r} is taken: {where}. Choose another one.")


def _with_line(text, part, name, title):
    """The text of course.toml with one more line, the last in the part's table of lessons."""
    line = f"{name} = {json.dumps(title, ensure_ascii=False)}\n"
    table = rf'(\[\[part\]\]\nname = "{part}"\n(?:(?!\[).*\n)*\[part\.lessons\]\n(?:\w+ = .*\n)*)'
    after, count = re.subn(table, lambda match: match[1] + line, text, count=1)
    if not count:
        raise SystemExit(
            f"lessons/course.toml is not laid out as expected: the part {part} needs a line name = ... and after it a "
            f"table [part.lessons]. Nothing was made; mend it, or add the line yourself: {line}"
        )
    return after
