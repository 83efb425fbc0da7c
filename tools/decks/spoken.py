"""What is wrong with a talk before a browser is asked: words of a notebook, walls of text, minutes, votes, numbers."""

import re

from tools.decks import talk as _talk

MOST_WORDS = 60  # of prose before the first click
MINUTES_A_VOTE = 6  # more votes than that leave no time to talk
PREDICT = "**Predict.**"
OF_A_NOTEBOOK = re.compile(
    r"\b(?:sections? \d+|lessons? \d+\.\d+|exercises? \d+"
    r"|(?:this|last|next|that|previous|earlier|first) (?:lesson|section|page|notebook)"
    r"|(?:this|next|last) cells?|the notebook|on (?:this|the) page|of the page|Deeper|your guess"
    r"|(?:table|figure|drawing|code|line|picture|cell)s? (?:above|below)|stands? (?:above|below)"
    r"|(?:run|execute) (?:it|this|the cell)|once more|the stub|the card|two slides ago|(?:last|next) slide)\b",
    re.I,
)
YEAR = re.compile(r"(?:19|20)\d\d")
UNIT = re.compile(r"\s*(?:%|per cent|points?\b|times\b|×|bytes|MB|kB|pJ|ms)")
BLOCK = re.compile(r"```python\n(.*?)```", re.S)
PLAIN = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|<[^>]+>|\]\([^)]*\)|^\|.*$", re.S | re.M)


def faults(talk):
    """List what would trouble a lecturer or the room; each names its slide."""
    found = []
    for number, (slide, row) in enumerate(zip(talk.slides, talk.rows, strict=True), start=1):
        name = slide.heading.source.removeprefix("## ") if slide.heading else "?"
        lacking = [
            *_notebook_words(slide),
            *_wall(slide),
            *_note(slide),
            *_typed(row, talk, number - 1),
            *_code(row, talk, number - 1),
        ]
        found += [f"slide {number}, {name}: {what}" for what in lacking]
    minutes = sum(slide.seconds for slide in talk.slides) / 60
    if abs(minutes - talk.minutes) > 0.01:
        found.append(f"the slides take {minutes:g} minutes, and the talk {talk.minutes:g}")
    if votes(talk) > talk.minutes / MINUTES_A_VOTE:
        found.append(f"{votes(talk)} votes, at most {talk.minutes / MINUTES_A_VOTE:g} in so many minutes")
    return found


def votes(talk):
    """How often the room is asked to predict."""
    return sum(any(PREDICT in cell.source for cell in slide.head) for slide in talk.slides)


def _texts(slide):
    """What the room reads, apart from code and the words of pictures."""
    yield slide.heading.source if slide.heading else ""
    for cell in slide.cells:
        if cell.cell_type == "markdown":
            yield cell.source
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            yield output.get("text", "")
            yield data.get("text/markdown", "")
            if "<table" in data.get("text/html", ""):
                yield _talk.plain(data["text/html"])


def _notebook_words(slide):
    seen = [(text, "shows") for text in _texts(slide)] + [(cell.source, "has in its note") for cell in slide.notes]
    found = [(how, match[0]) for text, how in seen for match in OF_A_NOTEBOOK.finditer(text)]
    return [f'it {how} words of a notebook: "{words}"' for how, words in found]


def _wall(slide):
    text = " ".join(PLAIN.sub(" ", cell.source) for cell in slide.head if cell.cell_type == "markdown")
    words = len(re.findall(r"[A-Za-z0-9][\w'.,-]*", text))
    return [f"{words} words before the first click, at most {MOST_WORDS}"] if words > MOST_WORDS else []


def _note(slide):
    return [] if len(_talk.bare(slide.notes[0]).split()) > 10 else ["its note says too little"]


def _typed(row, talk, at):
    """Numbers that the script types, and that no lesson of the slide says: those of the talk are a {{name}}."""
    words = " ".join(talk.words[name] for name in talk.lessons[at])
    known = {*_talk.NUMBER.findall(words), *row.get("given", [])}
    new = [row.get(key, "") for key in ("heading", "text", "answer", "note", "lead")]
    new += [passage for _, passage in row.get("change", [])]
    found = []
    for text in new:
        text = re.sub(r"<[^>]+>|(?<=\])\([^)]*\)", " ", _talk.PLACE.sub(" ", text))
        for match in _talk.NUMBER.finditer(text):
            number, bare = match[0], match[0].lstrip("−-")
            plain = not UNIT.match(text[match.end() :]) and bare.isdigit() and len(bare) < 3
            if not plain and not YEAR.fullmatch(bare) and not {number, bare} & known:
                found.append(f"no lesson of it says {number}")
    return found


def _code(row, talk, at):
    """Lines of code that no lesson of the slide has, and that nobody has run."""
    known = {line.strip() for name in talk.lessons[at] for line in talk.code[name].splitlines()}
    blocks = [block for key in ("text", "answer") for block in BLOCK.findall(row.get(key, ""))]
    lines = [line.strip() for block in blocks for line in block.splitlines() if line.strip()]
    return [f"no lesson of it has this line of code: {line}" for line in lines if line not in known]
