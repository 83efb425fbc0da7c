"""Answer three questions of lessons that you have passed, which come back after days."""

import argparse
import datetime

from course import say
from course_utils import progress, review
from tools.environment import curriculum
from tools.workspace import start

WORKSPACE = progress.workspace()
NONE = "Nothing is due. The questions of a lesson come back 1, 3, 7 and 21 days after you passed its exercise."


def main(argv):
    """Ask what is due; gives 0, or 1 when an answer could not be kept."""
    parser = argparse.ArgumentParser(prog="course.py review", description=__doc__)
    parser.add_argument("--all", action="store_true", help="all that are due, not three")
    options = parser.parse_args(argv)
    path, now = WORKSPACE / progress.NAME, datetime.datetime.now().astimezone()
    questions = review.due(progress.read(path), now)
    asked = questions if options.all else questions[: review.AT_ONCE]
    if not asked:
        say(NONE)
        return 0
    try:
        for number, question in enumerate(asked, start=1):
            say(f"\n{number} of {len(asked)} · {question.ask}")
            lesson = curriculum.lessons()[question.lesson]
            input("Answer from memory, then press Enter. ")
            say(f"{question.answer}  (lesson {lesson.number}, {lesson.title})")
            had = input("Did you have it? y or n: ").strip().lower().startswith("y")
            now = datetime.datetime.now().astimezone()  # typing takes time
            review.note(question, had, path, now)
            say(review.when_next(question, progress.read(path), now))
        start.write(WORKSPACE)
    except (EOFError, KeyboardInterrupt):
        say("\nWhat you answered is kept.")
    except OSError as error:
        say(f"{WORKSPACE} cannot be written: {error.strerror}. See to it that it can, and that the disk is not full.")
        return 1
    return 0
