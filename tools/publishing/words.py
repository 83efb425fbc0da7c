"""The words of what a notebook shows."""

import html
import re

NO_WORDS = re.compile(r"<(svg|script|style)\b.*?</\1>", re.S)


def words_of(page):
    """The words of a piece of HTML, without tags, drawings, scripts and styles."""
    return html.unescape(re.sub(r"<[^>]+>", " ", NO_WORDS.sub(" ", page)))
