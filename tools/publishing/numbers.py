"""Numbers that a text says of the run on its page, and whether the published notebook shows them.

A sentence with "on this page" or "this run" speaks of what its notebook shows, which is another thing after each run.
Its numbers, in digits or in words before a unit, are looked for where a reader looks:

- what the cells under the same heading show: printed, in tables, captions and figures, rounded to the digits that are
  said; all of a section that the paragraph names ("this section", "section 4", "*Deeper*"), and of the own one for a
  whole number without a unit, which is mostly a setting; and the values that the scorecard judged
- the code of the section: a number of images, a rate; and what its question offers: "between 1 and 20 (B)"
- the difference or quotient of two values in one column of a table, for a lead "in points" and a gain "in times"
- the sum, difference, product or quotient of two other numbers of the paragraph, or how many so many per cent are

`lost` lists what is found nowhere, and a test wants that list empty. `left_behind` compares two runs, for all
sentences: what the old one showed under the heading of a text and the new one does not. A build prints it.

A sentence with "in the record" speaks of a file under records/. `lost_of_records` looks on the page in the same way,
and then in the files: any value, or how many times (how many per cent of) one number of a row another one is.
"""

import base64
import copy
import html
import itertools
import re
from dataclasses import dataclass, field

from course_utils.scorecard import claims
from tools.publishing import boxes
from tools.publishing.words import words_of

OF_THE_RUN = re.compile(r"\bon this page\b|\bthis run\b", re.I)
OF_A_RECORD = re.compile(r"\b(?:in|of) the records?\b|\bthe records? (?:has|have)\b", re.I)
LINKED = re.compile(r"\]\((?:[\w.]+/)*(\w+)\.ipynb\)")
NOT_OF_IT = re.compile(r"\bnot (?:on this page|this run)\b|\boutside (?:of )?this page\b", re.I)
SECTION, HEADING = re.compile(r"## (?:(\d+)\.)?"), re.compile(r"###? ")
THIS_SECTION, SECTIONS = re.compile(r"\bthis section\b", re.I), re.compile(r"\bsections? [\d, and]*\d", re.I)
DEEPER, ASKED = "## Deeper", "**Predict.**"
SENTENCES = re.compile(r"(?<=[.?!])[\"”)*]*\s+(?=[\"“(*]*[A-Z\[$`])")
LEFT_OUT = re.compile(
    r"`[^`]*`|\[lessons? [^\]]*\](?:\([^)]*\))?|\]\([^)]*\)|<[^>]+>|\*For the lecturer.*?\bmin\b"  # code, links, boxes
    r"|\b(?:lessons?|sections?|exercises?|seeds?|frames?|torch|PyTorch|Python|version)\s+\d[\d.]*"
    r"(?:(?:, | and | to | or )\d[\d.]*)*",
    re.I,
)
DIGITS = r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<power>e[+-]?\d+)?"
SHOWN = re.compile(rf"(?<![\w.]){DIGITS}(?!\d)(?P<percent>\s?%)?")
SAID = re.compile(
    rf"(?<![\w^_\\./#]){DIGITS}(?![\w/]|[.,:]\d|-bit|-\d)(?P<scale> (?:thousand|million|billion|kB|MB|GB)\b)?"
    r"(?P<percent>\s?(?:\\?%|per ?cent))?(?P<unit>\s(?:points?|times|dB|decibels|nats|errors|bytes)\b)?"
)
SCALES = {"": 1, "thousand": 1e3, "million": 1e6, "billion": 1e9, "kB": 1e3, "MB": 1e6, "GB": 1e9}
NUMERALS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety"
).split()
WORDS = dict(zip(NUMERALS, [*range(2, 21), *range(30, 100, 10)], strict=True))
WORD = re.compile(rf"\b({'|'.join(WORDS)})(?=\s(?:points|times|per ?cent|dB|decibels|nats|errors|bytes|kB|MB)\b)", re.I)
ABOVE = r"more than|over|above|at least|beyond"
BELOW = r"less than|fewer than|under|below|at most|nearly|almost|not even|hardly|up to|not quite"
ROUND = re.compile(rf"\b(?:about|roughly|some|around|near|close to|{ABOVE}|{BELOW})\W*$", re.I)
SIDES = {1: re.compile(rf"\b(?:{ABOVE})\W*$", re.I), -1: re.compile(rf"\b(?:{BELOW})\W*$", re.I)}
BEYOND = 1.25  # how far a value may lie from what it is said to be more, or less, than
PICTURES = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Number:
    """A number as it is written: its value, half of its last digit, what follows; side: 1, -1 after "more", "less"."""

    text: str
    value: float
    half: float
    percent: bool = False
    unit: str = ""
    side: int = 0
    scale: float = 1  # of "million" or "kB": outputs may have it in either way


@dataclass(frozen=True)
class Said:
    """A number of a sentence: the number of its cell from 1, the sentence, the number as it is written there."""

    cell: int
    sentence: str
    number: str

    def __str__(self):
        return f"cell {self.cell}: {self.number} in {self.sentence!r}"


@dataclass
class _Place:
    """What is found in one place: numbers shown, columns of tables, numbers of its code and of its questions."""

    shown: set = field(default_factory=set)
    columns: list = field(default_factory=list)
    coded: set = field(default_factory=set)


def of_the_run(sentence):
    """Whether a sentence speaks of the run on its page."""
    return bool(OF_THE_RUN.search(NOT_OF_IT.sub("", sentence)))


def lost(nb):
    """List the numbers that sentences say of the run on their page, and that it does not show.

    Args:
        nb: a published notebook, with its lecturer's cells.
    Returns:
        list of `Said`.
    """
    return [said for said, how in judged(nb) if how is None]


def lost_of_records(nb, records):
    """List the numbers that sentences say of a record, and that neither the page nor the record shows.

    Args:
        nb: a published notebook, with its lecturer's cells.
        records: name of a notebook without ".ipynb" -> the records that it read, as JSON gives them; "" for this one.
            Those of another notebook count in sentences that link to it.
    Returns:
        list of `Said`.
    """
    found = []
    for said, how in judged(nb, lambda sentence: bool(OF_A_RECORD.search(sentence))):
        of = [record for name in ["", *LINKED.findall(said.sentence)] for record in records.get(name, [])]
        number = next(one for one in _said(said.sentence) if one.text == said.number)
        if how is None and not any(_fits(number, one) for record in of for one in _recorded(record)):
            found.append(said)
    return found


def _recorded(record):
    """The numbers of a record, and of each of its rows how many times one number is another."""
    rows = [row for value in record.values() if isinstance(value, list) for row in value if isinstance(row, dict)]
    yield from (Number(str(value), value, 0.0) for value in _leaves(record))
    yield from (Number("", a / b, 0.0) for row in rows for a, b in itertools.permutations(_leaves(row), 2) if b)


def _leaves(value):
    """All numbers in what JSON gave."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _leaves(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def left_behind(old, new):
    """List the numbers of a text that an older run showed under the same heading, and a newer one shows no more.

    Args:
        old, new: notebooks with outputs; the text is that of the new one. All of its sentences are read, for numbers
            that are no mere setting.
    Returns:
        list of `Said`.
    """
    found = [said for said, how in judged(new, _every) if how is None]
    was = dict(judged(_with_outputs_of(old, new), _every)) if found else {}
    return [said for said in dict.fromkeys(found) if was[said] in ("shown", "of a column")]


def _every(sentence):
    return True


def _with_outputs_of(old, new):
    """A copy of a notebook in which each code cell shows what the same cell, or the one in its place, showed before."""
    ran = [cell for cell in old.cells if cell.cell_type == "code"]
    by_id = {cell.get("id"): cell for cell in ran}
    copied = copy.deepcopy(new)
    code = [cell for cell in copied.cells if cell.cell_type == "code"]
    for cell, same_place in itertools.zip_longest(code, ran[: len(code)], fillvalue={}):
        cell.outputs = by_id.get(cell.id, same_place).get("outputs", [])
    return copied


def judged(nb, speaks=of_the_run):
    """List (`Said`, how it was found or None) for the numbers of all sentences that speak of the run.

    Args:
        nb: a published notebook.
        speaks: tells of a sentence whether it does.
    """
    places = _places(nb)
    return [
        (Said(count, sentence, number.text), how)
        for count, at, paragraph in _paragraphs(nb)
        for sentence, number, how in _in_paragraph(paragraph, at, places, speaks)
    ]


def _paragraphs(nb):
    """(number of the cell, (section, heading), one paragraph) of all text; code comes as a paragraph of None."""
    section = heading = ""
    for count, cell in enumerate(nb.cells, start=1):
        if cell.cell_type != "markdown":
            yield count, (section, heading), None
            continue
        for paragraph in re.split(r"\n\s*\n", boxes.take_off(cell.source)):
            if HEADING.match(paragraph):
                heading = f"{count} {paragraph}"
            if found := SECTION.match(paragraph):
                section = found[1] or paragraph
            yield count, (section, heading), " ".join(paragraph.split())


def _places(nb):
    """What is found under each heading, named (section, heading), and in each section, named by itself."""
    found = {}
    for count, (section, heading), paragraph in _paragraphs(nb):
        if paragraph is not None:
            if ASKED in paragraph:
                found.setdefault(section, _Place()).coded.update(_said(paragraph))
            continue
        cell = nb.cells[count - 1]
        for name in (section, (section, heading)):
            place = found.setdefault(name, _Place())
            for output in cell.get("outputs", []):
                place.shown.update(number for text in texts(output) for number in _shown(text))
                place.columns += _columns(output.get("data", {}).get("text/html", ""))
            place.coded.update(_shown(cell.source.replace("_", "")))
        card = found.setdefault("the scorecard", _Place())
        card.shown.update(n for output in cell.get("outputs", []) for text in _values(output) for n in _shown(text))
    return found


def _in_paragraph(paragraph, at, places, speaks):
    """(sentence, number, how it was found or None) of the sentences that speak of the run."""
    if not paragraph or not any(map(speaks, SENTENCES.split(paragraph))):
        return
    section = at[0]
    named = {number for found in SECTIONS.finditer(paragraph) for number in re.findall(r"\d+", found[0])}
    named |= {section} if THIS_SECTION.search(paragraph) else set()
    named |= {DEEPER} if "Deeper" in paragraph else set()
    near = [places[name] for name in (at, "the scorecard", *named) if name in places]
    all_of_it = [places[name] for name in (section, "") if name in places]
    before = []
    for sentence in SENTENCES.split(paragraph):
        for number in _said(sentence):
            how = _how(number, near, all_of_it, before)
            if speaks(sentence):
                yield sentence, number, how
            before.append(number)


def _how(number, near, all_of_it, before):
    """Where a number comes from, or None."""
    is_setting = number.half >= 0.5 and not number.percent and not number.unit
    if any(_fits(number, one) for place in [*near, *(all_of_it if is_setting else [])] for one in place.shown):
        return "shown"
    if any(number.value == one.value for place in all_of_it for one in place.coded):
        return "coded"
    if any(_apart(number, *pair) for place in near for column in place.columns for pair in _pairs(column)):
        return "of a column"
    return "worked out" if any(_worked_out(number, *pair) for pair in _pairs(before)) else None


def _pairs(numbers):
    return itertools.permutations(numbers, 2)


def _said(text):
    """The numbers of a sentence, without those of names, links and places."""
    text = LEFT_OUT.sub(lambda found: " " * len(found[0]), text.replace("{,}", ",")).replace("−", "-")
    text = WORD.sub(lambda found: str(WORDS[found[1].lower()]), text)
    found = []
    for match in SAID.finditer(text):
        before = text[: match.start()].rstrip("$")
        side = next((side for side, words in SIDES.items() if words.search(before)), 0)
        scale = SCALES[(match["scale"] or "").strip()]
        unit = (match["unit"] or match["scale"] or "").strip()
        found.append(_number(match, bool(ROUND.search(before)), unit=unit, side=side, scale=scale))
    return found


def _shown(text):
    return [_number(match) for match in SHOWN.finditer(text)]


def _number(match, rounded=False, **more):
    digits = match["digits"].replace(",", "")
    power = float("1" + match["power"]) if match["power"] else 1
    half = 0.5 * 10 ** -len(digits.partition(".")[2])
    if rounded and digits.isdigit() and digits.strip("0"):  # "about 4,500" is rounded to hundreds
        half *= 10 ** (len(digits) - len(digits.rstrip("0")))
    return Number(match[0].strip(), float(digits) * power, half * power, bool(match["percent"]), **more)


def _fits(said, shown):
    """Whether what is shown, rounded to the digits that are said, is what is said.

    A share may be said in per cent, and 1.21 times as 21 % above.
    """
    if said.percent and not shown.percent and shown.value <= 1.5:
        shares = (shown.value, abs(shown.value - 1))
        if any(_near(said, 100 * share, 100 * shown.half) for share in shares):
            return True
    if shown.percent and not said.percent and said.value <= 1.5 and _near(said, shown.value / 100, shown.half / 100):
        return True
    return any(_near(said, shown.value / scale, shown.half / scale) for scale in {1, said.scale})


def _near(said, value, half=0.0):
    if half > said.half * 1.001 and value != said.value:  # it is said more exactly than it is shown
        return False
    if abs(value - said.value) <= said.half + 1e-9 * max(1, abs(value)):
        return True
    low, high = sorted((said.value, said.value * BEYOND**said.side))
    return bool(said.side) and low <= value <= high


def _apart(said, a, b):
    """Whether a number is what two values of a column are apart, or how many times one is the other."""
    return _near(said, a.value - b.value) or bool(b.value and _near(said, a.value / b.value))


def _worked_out(said, a, b):
    """Whether a number is the sum, difference, product or quotient of two others, as exactly as those are said."""
    results = [(a.value * b.value, a.half * b.value + b.half * a.value)]
    if min(a.value, b.value) > 0.1 * said.value:  # 22 is no news beside 21 and a 1
        results += [(a.value + b.value, a.half + b.half), (a.value - b.value, a.half + b.half)]
    if b.value:
        part = a.value / b.value
        scale = 100 if said.percent else 1
        results.append((scale * part, scale * (a.half + b.half * part) / b.value))
    if a.percent and b.half >= 0.5:  # how many of them
        results += [(b.value * share / 100, b.value * a.half / 100) for share in (a.value, 100 - a.value)]
    return any(abs(value - said.value) <= said.half + min(half, said.half) for value, half in results)


def texts(output):
    """All that one output says: printed, in tables, captions, figures and their alt texts."""
    data = output.get("data", {})
    page = data.get("text/html", "")
    yield from (output.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", ""))
    yield from (_labels(base64.b64decode(drawn).decode()) for drawn in PICTURES.findall(page))
    yield _labels(data.get("image/svg+xml", ""))
    yield words_of(page)


def _labels(svg):
    return html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)", svg)))


def _columns(page):
    """The columns of the tables of an output: the first number of each cell."""
    found = []
    for table in re.findall(r"<table.*?</table>", page, re.S):
        rows = [re.findall(r"<td.*?</td>", row, re.S) for row in re.findall(r"<tr>.*?</tr>", table, re.S)]
        numbers = [[_shown(words_of(cell))[:1] for cell in row] for row in rows]
        found += [[n for cell in column for n in cell] for column in itertools.zip_longest(*numbers, fillvalue=[])]
    return found


def _values(output):
    """The values that a scorecard judged in its run."""
    return [value for value, _ in output.get("metadata", {}).get(claims.KEY, {}).values()]
