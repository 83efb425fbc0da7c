"""Reasons that only a lecturer's note gives: a list for the author to read, and no verdict."""

import re

from tools.publishing import boxes

REASON = re.compile(r"\b(because|since|therefore|so that|the reason|that is why|which is why|due to)\b", re.I)
SENTENCES = re.compile(r"(?<=[.?!])[\"”)]?\s+")
WORDS = re.compile(r"[A-Za-z][A-Za-z-]{3,}|\d[\d,.]*\d")
COMMON = frozenset(
    "that this they them then than there their these those with what when where which while from into have does "
    "because since therefore reason more most much many only also both each every other same some such very will would "
    "could should about above after before again your lecturer room slide slides show asks answer vote".split()
)
ENOUGH = 0.6  # of a sentence's telling words in one paragraph of the page: then that probably says it, too


def only_in_notes(nb):
    """List the sentences of notes that give a reason of which no paragraph of the page has most words.

    Args:
        nb: a lesson with its lecturer's cells.
    """
    texts = [(cell.source, "remove-cell" in cell.metadata.get("tags", [])) for cell in nb.cells]
    page = [
        _telling(paragraph)
        for source, is_note in texts
        if not is_note
        for paragraph in re.split(r"\n\s*\n", boxes.take_off(source))
    ]
    found = []
    for source, is_note in texts:
        for sentence in SENTENCES.split(" ".join(source.split())) if is_note else ():
            telling = _telling(sentence)
            most = max((len(telling & words) for words in page), default=0)
            if REASON.search(sentence) and telling and most < ENOUGH * len(telling):
                found.append(sentence)
    return found


def _telling(text):
    """The words of a text that tell what it is about, without their endings."""
    return {re.sub(r"(?:ing|ed|es|s)$", "", word.lower()) for word in WORDS.findall(text) if word.lower() not in COMMON}
