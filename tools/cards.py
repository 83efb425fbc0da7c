"""Write all questions for later as a text file that Anki imports."""

import argparse
from pathlib import Path

from course import say
from course_utils import review
from course_utils.files import write_whole
from tools.environment import curriculum

HEAD = ("#separator:tab", "#html:false", "#tags column:3", "#deck:Resource-efficient deep learning")


def main(argv):
    """Write a line for each question: what is asked, the answer, the lesson as a tag; gives 0."""
    parser = argparse.ArgumentParser(prog="course.py cards", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path("cards.txt"), help="where to (default: cards.txt)")
    options = parser.parse_args(argv)
    questions = [question for name in curriculum.lessons() for question in review.questions(name)]
    cards = ["\t".join([" ".join(q.ask.split()), " ".join(q.answer.split()), q.lesson]) for q in questions]
    write_whole(options.file, "\n".join([*HEAD, *cards]) + "\n")
    say(f"{len(cards)} cards in {options.file}. In Anki: File, Import.")
    return 0
