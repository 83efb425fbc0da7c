"""Boxes on the page: a question to predict, its answer (closed until it is clicked), and what to remember.

A lesson's text has none of this: a question begins with "**Predict.**", an answer is a cell with the tag `answer`, and
what to remember is the list under "## Remember". `put` adds what Jupyter, VS Code, GitHub and the site show as boxes.
"""

import re

ANSWER = "answer"  # the tag
SUMMARY = "Compare with your prediction"
# The colours that decks give them, which show on either theme of JupyterLab; its sanitizer lets these styles through.
STYLE = "border-left: 6px solid {}; padding: 0.1em 0.9em; margin: 0.4em 0"
PREDICT, COMPARE, REMEMBER = (STYLE.format(colour) for colour in ("#D55E00", "#009E73", "#0072B2"))
DIV = '<div class="course-{name}" style="{style}">\n\n{text}\n\n</div>'
DETAILS = '<details class="course-compare" style="{style}">\n<summary>{summary}</summary>\n\n{text}\n\n</details>'
ASKED = re.compile(r"^\*\*Predict\.\*\*.*?(?=\n+#{1,6} |\s*\Z)", re.M | re.S)
LIST = re.compile(r"(?<=^## Remember\n\n)- .*?(?=\n\n\*\*|\s*\Z)", re.M | re.S)


def put(source, tags=()):
    """Markdown of a lesson with its boxes.

    Args:
        source: of one cell.
        tags: of that cell; with `answer` all of it is closed.
    """
    if ANSWER in tags:
        return DETAILS.format(style=COMPARE, summary=SUMMARY, text=source.strip())
    source = ASKED.sub(lambda match: DIV.format(name="predict", style=PREDICT, text=match[0]), source)
    return LIST.sub(lambda match: DIV.format(name="remember", style=REMEMBER, text=match[0]), source)
