"""What a talk gives to take home: videos, project ideas and credits, as the lessons name them."""

import re

from tools.decks import arrange

VIDEO = re.compile(r"([A-Z][\w.' ]+), \*([^*]+)\*,\s*\[([^\]]+)\]\((https?://[\w.]*youtu[^)\s]+)\)")
IDEAS = re.compile(r"^\**Project ideas\b[.:*]*[.:]?\s*(.+?)(?=\n\s*\n|\Z)", re.M | re.S)
CREDITS = re.compile(r"^(?:#+ Credits\s*|\*\*Credits\b[.:*]*[.:]?\s*)(.+?)(?=\n\s*\n|\n#|\n\*\*|\Z)", re.M | re.S)
LICENCE = "Text CC BY 4.0, code MIT."
ORIGIN = "The idea of this course, in one lecture, is Tal Daniel's (Technion, EE 046211, tutorial 10)."
SHORT_IDEA = 25  # letters; a shorter one says too little by itself
IDEAS_OF_A_PART = 2  # on the slide; the note has all


def collect(what, notebooks):
    """The text of a slide, and what its note adds.

    Args:
        what: of KINDS.
        notebooks: list of (lesson, notebook), those of which the talk has slides.
    """
    texts = [
        (lesson, "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown"))
        for lesson, nb in notebooks
    ]
    return KINDS[what]([(lesson, arrange.LINK.sub(r"\1", text)) for lesson, text in texts])


def _videos(texts):
    films = {}
    for lesson, text in texts:
        for who, what, shown, address in VIDEO.findall(text):
            films.setdefault(what, [who.strip(), shown, address, []])[3].append(lesson.title)
    rows = [f"- {who}, *{what}*, [{shown}]({address})" for what, (who, shown, address, _) in films.items()]
    where = [f"*{what}* goes with {' and '.join(dict.fromkeys(titles))}." for what, (*_, titles) in films.items()]
    return "\n".join(rows), "\n".join(where)


def _ideas(texts):
    ideas, everything = {}, []
    for lesson, text in texts:
        for found in IDEAS.findall(text):
            several = [" ".join(idea.split()).rstrip(".") for idea in found.split(";")]
            shortest = min(several, key=lambda idea: (len(idea) < SHORT_IDEA, len(idea)))
            ideas.setdefault(lesson.part, []).append(f"- {shortest[0].upper()}{shortest[1:]}")
            everything.append(f"**{lesson.title}**: {'; '.join(several)}.")
    few = [idea for part in ideas.values() for idea in sorted(part, key=len)[:IDEAS_OF_A_PART]]
    return "\n".join(few), "\n\n".join(everything)


def _credits(texts):
    thanks = [
        f"**{lesson.title}**: {' '.join(found.replace(LICENCE, '').split())}"
        for lesson, text in texts
        for found in CREDITS.findall(text)
    ]
    return f"{ORIGIN}\n\n{LICENCE}", "\n\n".join(thanks)


KINDS = {"videos": _videos, "ideas": _ideas, "credits": _credits}
