"""Whether a published notebook is in step with its lesson and with all that its run used."""

import copy

import nbformat

from course_utils import claims
from tools.publishing import inputs, lessons

READS_ITSELF = ("getsource", "__doc__", "doctest", "help(")


def is_published(lesson):
    """True when the notebook that is there was built with --publish."""
    return lessons.read_published(lesson.notebook).metadata.get(inputs.KEY, {}).get("published") is True


def faults(lesson):
    """Say how a published notebook differs from what its lesson would give.

    Args:
        lesson: a `curriculum.Lesson`.
    Returns:
        list of str, empty when the two are in step: the same cells and front matter, every code cell
        run, from the first to the last in order, none with an error, and all that the run used unchanged.
    """
    path = lesson.notebook
    if not path.exists():
        return [f"notebooks/{lesson.place} is missing"]
    nb, wanted = lessons.read_published(path), lessons.read(lesson)
    known = nb.metadata.pop(inputs.KEY, {})
    changed = [*inputs.stale(known, lesson), *_values(known, wanted)]
    found = [*_not_run(nb), *changed]
    if lessons.sources(nb) != lessons.sources(wanted):
        found.append(_first_difference(lessons.sources(nb), lessons.sources(wanted)))
    elif nbformat.writes(lessons.strip(nb)) != nbformat.writes(wanted):
        found.append("tags, names, ids or front matter differ from the lesson")
    if not changed and _with_todays_words(nb, lesson) != nb:
        found.append(f"the scorecard has other words than lessons/{lesson.name}/claims.toml")
    return found


def _values(known, wanted):
    """What a deck calls a value is worked out by a run."""
    worked_out = {name: value["of"] for name, value in known.get("values", {}).items()}
    asked = wanted.metadata["course"].get("values", {})
    return ["the values of the front matter are not those of the run"] * (worked_out != asked)


def _with_todays_words(nb, lesson):
    """A copy of a notebook whose scorecard says what its run measured in the words that the claims have now."""
    nb = copy.deepcopy(nb)
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            told = output.get("metadata", {}).get(claims.KEY)
            if told is not None:
                card = claims.Scorecard(lesson.name, lesson.root, told)
                output.data |= {"text/plain": repr(card), "text/html": card._repr_html_()}
    return nb


def _not_run(nb):
    code = [(number, cell) for number, cell in enumerate(nb.cells, start=1) if cell.cell_type == "code"]
    found = [
        f"cell {number} is not number {nth} in the order of execution"
        for nth, (number, cell) in enumerate(code, start=1)
        if cell.execution_count != nth
    ]
    return found[:1] + [
        f"cell {number} ended with an error"
        for number, cell in code
        if any(output.output_type == "error" for output in cell.outputs)
    ]


def _first_difference(old, new):
    for number, (was, now) in enumerate(zip(old, new, strict=False), start=1):
        if was != now:
            return f"cell {number} differs from the lesson"
    return f"the notebook has {len(old)} cells, the lesson {len(new)}"


def refresh(lesson):
    """Bring a notebook into step without a run, when nothing differs that a run could show.

    That is text, tags, front matter, the words of claims; in code comments and docstrings, where no cell reads them.

    Returns:
        True when it is in step now.
    """
    path = lesson.notebook
    found = faults(lesson)
    if not found:
        return True
    if not path.exists() or _not_run(nb := lessons.read_published(path)):
        return False
    known, wanted = nb.metadata.get(inputs.KEY, {}), lessons.read(lesson)
    old, new = ([cell for cell in book.cells if cell.cell_type == "code"] for book in (nb, wanted))
    if inputs.stale(known, lesson) or _values(known, wanted) or _programs(old) != _programs(new):
        return False
    for cell, ran in zip(new, old, strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    wanted.metadata[inputs.KEY] = known
    lessons.write(_with_todays_words(wanted, lesson), path)
    print(f"{lesson.name}: text, tags, front matter or claims' words brought up to date; not run again")
    return True


def _programs(cells):
    """What code cells do, in order: without their comments and docstrings, but where a cell may show those."""
    sources = [cell.source for cell in cells]
    if any(word in source for source in sources for word in READS_ITSELF):
        return sources
    return [_program(source) for source in sources]


def _program(source):
    if source.rstrip().endswith(("'", '"')):  # a text at the end is shown
        return source
    try:
        return inputs.code_text(source.encode())
    except SyntaxError:  # a magic
        return source
