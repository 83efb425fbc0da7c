"""Every guard is shown a planted fault and must see it; the fixture lesson, which has none, passes all."""

import copy
import os
import re
import subprocess
import sys
from functools import partial

import _check_rules
import _course
import _lesson_rules as rules
import _links
import _names
import _quick
import nbformat
import pytest
import test_claims_lessons
import test_lessons_static
from _course import expect_none

from course_utils import claims
from course_utils.checks import _core
from tools import _lessons

FIXTURE = _lessons.ROOT / "tests" / "fixtures" / "98_fixture.py"
CLAIM = {
    "id": "area",
    "statement": "A square of side root two has area 2",
    "source": "Euclid",
    "published": 2.0,
    "holds": {"near": 2.0, "tol": 0.1},
    "kind": "structure",
    "why": "exact",
    "if_not": "The root is wrong.",
}
SYMBOLS = [{"symbol": "math.sqrt", "reason": "for this test only", "lessons": []}]
front_matter = partial(rules.front_matter, number="98", known=["97", "98", "99"])
deprecated = partial(rules.deprecated, symbols=SYMBOLS, number="98")
claim_records = partial(rules.claim_records, claims=[CLAIM])


def filters(nb):
    return [fault for _, text in rules.code_text(nb) for fault in rules.wholesale_filters(text)]


SIDE = "side = math.sqrt(2)\n"
# rule, text of the fixture lesson, what is planted in its place, a part of what the rule must say
PLANTED = [
    (front_matter, "promise: It keeps", "praise: It keeps", "no promise"),
    (front_matter, "minutes: 1", "minutes: soon", "minutes is 'soon'"),
    (front_matter, "needs: []", 'needs: ["99"]', "no earlier lesson"),
    (front_matter, 'goals: ["See a rule kept", "See a rule broken"]', "goals: []", "goals is empty"),
    (rules.parts, "**Agenda**", "**Plan**", "'agenda'"),
    (rules.parts, "**Predict** the area", "Here is the area", "'predict'"),
    (rules.parts, "## Remember", "## Summary", "'remember'"),
    (rules.parts, "## Credits", "## Thanks", "'credits'"),
    (rules.parts, 'tags=["scorecard"] ', "", "the scorecard must be one cell"),
    (rules.parts, '"-"}\ncard\n', '"-"}\ncard\n\n# %%\n1 + 1\n', "the last with code"),
    (rules.slides, '{"slide_type": "notes"}', '{"slide_type": "skip"}', "no speaker notes"),
    (rules.slides, "*For the lecturer.* Ask", "Ask", "must begin with"),
    (rules.slides, ' tags=["remove-cell"]', "", "without the tag remove-cell"),
    (rules.slides, '"slide_type": "fragment"', '"slide_type": "slidee"', "no slide type"),
    (rules.tags_known, '"hide-cell"', '"hide_cell"', "unknown tag 'hide_cell'"),
    (rules.rhythm, SIDE, SIDE + "side += 0\n" * 25, "lines of code"),
    (rules.rhythm, "# *For the lecturer.* Ask: what is it?", "# Ask." + " Why?" * 2000, "words a line"),
    (rules.runs_anywhere, SIDE, SIDE + "open('/home/me/data.csv')\n", "absolute path"),
    (rules.runs_anywhere, SIDE, SIDE + "open('C:\\\\data.csv')\n", "absolute path"),
    (rules.runs_anywhere, SIDE, SIDE + "for epoch in range(0):\n    pass\n", "does not run"),
    (rules.runs_anywhere, SIDE, SIDE + "if False:\n    pass\n", "does not run"),
    (rules.runs_anywhere, "# The area is two", "# ![two](https://a.org/two)", "picture from the network"),
    (rules.runs_anywhere, SIDE, "# NBVAL_SKIP\n" + SIDE, "nbval obeys"),
    (rules.names, SIDE, "side = length * 1.0\n", "length is read before"),
    (rules.names, SIDE, SIDE + "sides = [s * scale for s in (1, 2)]\n", "scale is read before"),
    (rules.names, SIDE, SIDE + "def grow(s):\n    return s * factor\n", "a function reads factor"),
    (rules.names, SIDE, SIDE + "side += more\nmore = 1\n", "more is read before"),
    (rules.names, SIDE, SIDE + "from math import *\n", "import *"),
    (rules.exercise_parts, "(★★, 2 min)", "(2 min)", "no difficulty"),
    (rules.exercise_parts, "(★★, 2 min)", "(★★)", "no minutes"),
    (
        rules.exercise_parts,
        "<details><summary>Hint</summary>Multiply twice.</details>",
        "Multiply.",
        "no folded",
    ),
    (rules.exercise_parts, "check.cube(cube)", "check.cube(half)", "exercise cube: needs a cell"),
    (rules.exercise_parts, "def cube_solution", "def solution_of_cube", "exercise cube: needs a cell"),
    (rules.exercise_parts, '["solution", "hide-cell"]', '["solution"]', "tags solution and hide-cell"),
    (rules.exercise_parts, 'tags=["exercise"]', 'tags=["tour"]', "2 exercises, expected 3 to 5"),
    (
        rules.exercise_code,
        "def cube_solution(x):",
        "cube = None\n\ndef cube_solution(x):",
        "the learner's cube",
    ),
    (
        rules.exercise_code,
        "def cube_solution(x):",
        "def cube(x):\n    return x\n\ndef cube_solution(x):",
        "the learner's cube",
    ),
    (
        rules.exercise_code,
        "def cube_solution(x):",
        "k = 3\n\ndef cube_solution(x):",
        "to define cube_solution alone",
    ),
    (
        rules.exercise_code,
        "    return x / 2",
        "    return square(x) / x / 2",
        "reads square, which only its check",
    ),
    (rules.exercise_code, "    return x / 2", "    return square_solution(x) / 2", "nothing may depend"),
    (rules.exercise_code, '    """Return half of x, a float."""\n    raise', "    raise", "no docstring"),
    (
        rules.exercise_code,
        '    """Return half of x, a float."""\n    raise NotImplementedError',
        '    """Return half of x, a float."""\n    return 0.0',
        "must raise NotImplementedError",
    ),
    (
        rules.exercise_code,
        '    """Return half of x, a float."""\n    raise NotImplementedError',
        '    """Return half of x, a float."""\n    y = x\n    raise NotImplementedError',
        "do nothing else",
    ),
    (rules.figures, 'alt="A single grey pixel that stands for a figure", ', "", "without alt="),
    (rules.figures, '"A single grey pixel that stands for a figure"', '"a figure"', "says too little"),
    (rules.figures, '"A single grey pixel that stands for a figure"', '"a b c d e f g"', "shorter than"),
    (
        rules.figures,
        'caption="One pixel"',
        'caption="A single grey pixel that stands for a figure"',
        "caption again",
    ),
    (deprecated, "nothing", "nothing", "math.sqrt is deprecated"),
    (deprecated, SIDE, "from math import sqrt as root\nside = root(2)\n", "math.sqrt is deprecated"),
    (filters, SIDE, SIDE + "import warnings\nwarnings.filterwarnings('ignore')\n", "which message"),
    (filters, SIDE, SIDE + "import warnings\nwarnings.simplefilter('ignore')\n", "which message"),
    (
        filters,
        SIDE,
        SIDE + "import warnings\nwarnings.filterwarnings('ignore', category=UserWarning)\n",
        "which mess",
    ),
    (
        filters,
        SIDE,
        SIDE + "import warnings\nwarnings.filterwarnings('ignore', message='.*')\n",
        "which message",
    ),
    (claim_records, 'record("area", area)', 'record("area", 2.0)', "a literal"),
    (claim_records, 'record("area", area)', 'record("area", value=-2 * 1.0)', "a literal"),
    (claim_records, SIDE + "area = side * side", "side = 2\narea = round(side ** 0.5, 3)", "a literal"),
    (
        claim_records,
        SIDE + "area = side * side",
        "def measure():\n    return 2.0\narea = measure()",
        "a literal",
    ),
    (claim_records, 'card.record("area", area)', "pass", "recorded nowhere"),
    (claim_records, 'record("area", area)', 'record("volume", area)', "no claim"),
    (claim_records, 'record("area", area)', 'record("area", area); card.record("area", side)', "2 times"),
]


def planted(tmp_path, old, new):
    """Read the fixture lesson with the first `old` replaced; "nothing" is replaced by itself."""
    text = FIXTURE.read_text(encoding="utf-8")
    assert old in text or old == "nothing", f"the fixture lesson has no {old!r}"
    (tmp_path / FIXTURE.name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return _lessons.read(tmp_path / FIXTURE.name)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The fixture lesson with outputs. Copy it before planting."""
    folder = tmp_path_factory.mktemp("fixture")
    return _lessons.execute(_lessons.read(FIXTURE), folder=folder, env=_quick.environment(folder))


@pytest.mark.parametrize(
    ("rule", "old", "new", "words"),
    PLANTED,
    ids=[f"{getattr(p[0], 'func', p[0]).__name__}-{p[3]}" for p in PLANTED],
)
def test_rules_of_a_lesson_see_a_planted_fault(tmp_path, rule, old, new, words):
    found = rule(planted(tmp_path, old, new))
    assert any(words in fault for fault in found), found


@pytest.mark.parametrize(
    "rule",
    [
        *test_lessons_static.RULES,
        front_matter,
        claim_records,
        filters,
        partial(rules.deprecated, symbols=[], number="98"),
    ],
)
def test_the_fixture_lesson_keeps_every_rule(rule):
    expect_none(rule(_lessons.read(FIXTURE)))


def test_every_rule_has_a_planted_fault():
    assert set(test_lessons_static.RULES) <= {rule for rule, *_ in PLANTED}


def test_names_that_are_defined_are_not_complained_about():
    cells = [
        (1, "import os.path as p, sys\nfrom a import b as c\n%matplotlib inline"),
        (
            2,
            "with open(p) as f, c() as (g, h):\n    rows = [(i, j) for i in f for j in i if j]\n"
            "total = sum(k.size for k in rows)",
        ),
        (
            3,
            "class A:\n    n = 1\n    m = n + 1\n    def get(self):\n        return A, self.n, rows\n"
            "def later():\n    return helper()\n"
            "def helper(x=total, *a, y: int = 1, **k):\n    return x, a, k",
        ),
        (
            4,
            "try:\n    pass\nexcept ValueError as error:\n    print(error)\n"
            "if (size := len(rows)) > 1:\n    big = size\nlambda q: q + size\nfor t in rows: t\nt",
        ),
        (
            5,
            "match rows:\n    case [first, *rest]: print(first, rest)\n"
            "    case {'a': one, **more}: one, more\n"
            "display(_)\nsquares = {w: w for w in rows}\nf'{total:{size}}'\ndel squares",
        ),
    ]
    expect_none(_names.read_too_early(cells))


# ---- the published notebook --------------------------------------------------------------------------


def first_output(nb, kind):
    """The first output of a notebook with some kind of data."""
    return next(o for c in nb.cells if c.cell_type == "code" for o in c.outputs if kind in o.get("data", {}))


def test_a_good_notebook_has_no_faults(executed):
    expect_none(rules.in_step(_lessons.read(FIXTURE), executed))
    expect_none([*rules.executed_in_order(executed), *rules.outputs(executed)])


@pytest.mark.parametrize(
    "change",
    [
        lambda nb: setattr(nb.cells[4], "source", nb.cells[4].source + "  # changed"),
        lambda nb: setattr(nb.cells[0], "source", "# Another title"),
        lambda nb: nb.cells[2].metadata.update(tags=["setup", "tour"]),
        lambda nb: nb.cells.pop(),
        lambda nb: nb.metadata["course"].update(minutes=99),
    ],
)
def test_a_stale_notebook_is_seen(executed, change):
    nb = copy.deepcopy(executed)
    change(nb)
    assert rules.in_step(_lessons.read(FIXTURE), nb)


def test_cells_run_out_of_order_are_seen(executed):
    nb = copy.deepcopy(executed)
    nb.cells[-2].execution_count = 99
    assert rules.executed_in_order(nb)


OUTPUT_FAULTS = {
    "alt": lambda nb: first_output(nb, "image/png").metadata.clear(),
    "writes to stderr": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("stream", name="stderr", text="UserWarning: careful")
    ),
    "is an error": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    ),
    "a machine's path": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("stream", name="stdout", text="saved to /home/me/model.pt")
    ),
    "bytes of text": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("stream", name="stdout", text="x" * 30_000)
    ),
    "a picture whose alt": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("display_data", {"text/html": "<img src='data:image/png;base64,AA'>"})
    ),
}


@pytest.mark.parametrize("words", OUTPUT_FAULTS)
def test_bad_outputs_are_seen(executed, words):
    nb = copy.deepcopy(executed)
    OUTPUT_FAULTS[words](nb)
    assert any(words in fault for fault in rules.outputs(nb))


def test_a_progress_bar_is_no_noise(executed):
    nb = copy.deepcopy(executed)
    bar = nbformat.v4.new_output("stream", name="stderr", text="epoch 1: 100%|██████████| 10/10")
    nb.cells[4].outputs.append(bar)
    expect_none(rules.outputs(nb))


def test_a_large_notebook_is_seen(tmp_path):
    (tmp_path / "big.ipynb").write_bytes(b" " * (3 * 1024 * 1024))
    assert rules.small_enough(tmp_path / "big.ipynb")


# ---- checks ------------------------------------------------------------------------------------------


def exercise(check, solution=lambda x: x * x):
    """The exercise `square`, with a check of the test's choice."""

    def square(x):
        """Return x squared.

        >>> square(2.0)
        4.0
        """
        raise NotImplementedError

    return _check_rules.Exercise("square", check, square, solution)


@_core.check("square")
def good_check(answer):
    wrong = {
        "You doubled.": lambda x: 2 * x,
        "You cubed and halved.": lambda x: x**3 / 2,
        "You lost the sign of x.": lambda x: x * abs(x),
    }
    _core.try_cases(answer, right=lambda x: x * x, cases=[(3.0,), (-1.0,), (0.0,)], wrong=wrong, names=("x",))


def check_of(verdict):
    """A check that gives the same verdict to everything except the stub."""

    def judged(answer):
        try:
            answer(1.0)
        except NotImplementedError:
            return _core.Verdict("square", _core.NOT_DONE)
        except Exception:
            return verdict
        return verdict

    return judged


WRONG = [lambda x: 2 * x, lambda x: x**3 / 2, lambda x: x * abs(x)]
ODD = [lambda x: x**2, lambda x: sum([x * x])]
PASSED = _core.Verdict("square", _core.PASSED)
SAME_HINT = _core.Verdict("square", _core.NOT_YET, "Wrong.", "Think again.")


def test_a_good_check_has_no_faults():
    good = exercise(good_check)
    faults = [
        _check_rules.stub_is_not_done(good),
        _check_rules.accepts(good, ODD),
        _check_rules.rejects(good, WRONG),
    ]
    expect_none([*sum(faults, []), *_check_rules.survives(good)])


def test_a_check_that_accepts_a_wrong_answer_is_seen():
    found = _check_rules.rejects(exercise(check_of(PASSED)), WRONG)
    assert sum("is wrong, but the check says" in fault for fault in found) == 3


def test_a_check_that_refuses_a_right_answer_is_seen():
    found = _check_rules.accepts(exercise(check_of(SAME_HINT)), ODD)
    assert sum("is right, but the check says" in fault for fault in found) == 3


def test_a_check_that_gives_two_mistakes_one_hint_is_seen():
    assert any("gets the hint of" in f for f in _check_rules.rejects(exercise(check_of(SAME_HINT)), WRONG))


def test_a_check_that_takes_the_stub_for_an_answer_is_seen():
    assert _check_rules.stub_is_not_done(exercise(lambda answer: PASSED))


def test_a_check_that_raises_is_seen():
    def judged(answer):
        return _core.Verdict("square", _core.PASSED if answer(3) == 9 else _core.NOT_YET, "Wrong.")

    assert any("the check raised ValueError" in fault for fault in _check_rules.survives(exercise(judged)))


def test_a_check_that_lets_an_edited_input_pass_is_seen():
    def judged(answer):
        with_list = [1.0]
        return _core.Verdict("square", _core.PASSED if answer(with_list) else _core.NOT_YET, "Wrong.")

    found = _check_rules.survives(exercise(judged, solution=lambda x: [v * v for v in x]))
    assert any("edits its input" in fault for fault in found)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: 1 / 0, "raises ZeroDivisionError"),
        (lambda x: [x, x], "returns a list where the solution returns a number"),
        (lambda x: x + 1, "does not pass the stub's example"),
        (lambda x: x * x, "is wrong, but the check says"),
    ],
)
def test_a_wrong_answer_that_does_not_count_is_seen(wrong, words):
    assert any(words in fault for fault in _check_rules.rejects(exercise(good_check), [wrong, *WRONG]))


def test_too_few_answers_are_seen():
    assert any(
        "expected 3 or more" in fault for fault in _check_rules.rejects(exercise(good_check), WRONG[:2])
    )
    assert any("expected 2 or more" in fault for fault in _check_rules.accepts(exercise(good_check), ODD[:1]))


# ---- claims ------------------------------------------------------------------------------------------


def test_a_wrong_figure_in_the_claims_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    test_claims_lessons.write_toml(tmp_path, "98", [CLAIM])
    assert test_claims_lessons.shown("98", tmp_path, {"area": 2.0}) == ""
    test_claims_lessons.write_toml(tmp_path, "98", [{**CLAIM, "holds": {"near": 3.0, "tol": 0.1}}])
    assert "area" in test_claims_lessons.shown("98", tmp_path, {"area": 2.0})


def test_a_scorecard_that_fails_stops_a_strict_run_and_no_other(tmp_path, monkeypatch):
    test_claims_lessons.write_toml(tmp_path, "98", [CLAIM])
    card = claims.Scorecard("98", tmp_path)
    card.record("area", 7.0)
    card.show()
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(claims.ClaimFailed):
        card.show()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"why": ""}, "no why"),
        ({"source": " "}, "no source"),
        ({"kind": "guess"}, "kind is 'guess'"),
        ({"where": "moon"}, "where is 'moon'"),
        ({"holds": {"near": 2.0}}, "expected near with tol"),
        ({"holds": {"between": [3, 1]}}, "[low, high]"),
        ({"holds": {"min": "two"}}, "must be numbers"),
        ({"published": "two"}, "published must be a number"),
        ({"reason": "?"}, "reason is no field"),
    ],
)
def test_a_bad_claim_is_seen(change, words):
    expect_none(rules.claim_tables([CLAIM]))
    assert any(words in fault for fault in rules.claim_tables([{**CLAIM, **change}]))


def test_a_claim_that_is_there_twice_is_seen():
    assert rules.claim_tables([CLAIM, CLAIM])


# ---- links and symbols -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "[a](none.md)",
        "[a](page.md#none)",
        "[a](#none)",
        "![a](none.png)",
        "[a]()",
        "[a](/etc/hosts)",
        "[a](../../x)",
        "[a]: none.md",
        '<img src="none.png">',
    ],
)
def test_a_broken_link_is_seen(tmp_path, link):
    (tmp_path / "page.md").write_text("# The page\n", encoding="utf-8")
    assert _links.broken(f"# Here\n\n{link}\n", tmp_path, root=tmp_path)


def test_good_links_are_not_complained_about(tmp_path):
    (tmp_path / "a page.md").write_text(
        "# The `first` page: *one*\n(mark)=\n## Again\n## Again\n", encoding="utf-8"
    )
    text = (
        "# Here\n[a](a%20page.md#the-first-page-one) [b](<a page.md>) [c](#here) [d](https://x.org/none.md) "
        "[e](a%20page.md#mark) [f](a%20page.md#again-1) `[g](none.md)`\n```\n[h](none.md)\n```\n"
    )
    assert [t for t in _links.targets(text) if "none.md" in t] == ["https://x.org/none.md"]
    expect_none(_links.broken(text.replace("<a page.md>", "a%20page.md"), tmp_path, root=tmp_path))


def test_a_deprecated_symbol_must_be_used_and_tagged_where_it_is_allowed(tmp_path):
    allowed = [{**SYMBOLS[0], "lessons": ["98"]}]
    nb = planted(tmp_path, "nothing", "nothing")
    assert any("needs the tag legacy" in f for f in rules.deprecated(nb, symbols=allowed, number="98"))
    unused = [{**allowed[0], "symbol": "math.tau"}]
    assert any("does not use" in f for f in rules.deprecated(nb, symbols=unused, number="98"))
    tagged = planted(
        tmp_path,
        '# %% slideshow={"slide_type": "-"}\nside',
        '# %% tags=["legacy"] slideshow={"slide_type": "-"}\nside',
    )
    expect_none(rules.deprecated(tagged, symbols=allowed, number="98"))


# ---- runs --------------------------------------------------------------------------------------------


def notebook(*sources):
    """A notebook of code cells; (source, tag) gives a cell a tag."""
    cells = []
    for item in sources:
        source, tag = item if isinstance(item, tuple) else (item, None)
        cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]} if tag else {}))
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.slow
def test_a_lesson_that_runs_in_every_way_has_no_faults(tmp_path):
    expect_none(_quick.twice_then_shuffled(_lessons.read(FIXTURE), tmp_path, title="98"))
    expect_none(_quick.killed_then_without_solutions(_lessons.read(FIXTURE), tmp_path, title="98"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["x = [1]", "del x"], "cell 2, run twice: NameError"),
        (["x = 1", "assert x == 1", "x = 2"], "in shuffled order: AssertionError"),
        (["import urllib.request as u; u.urlopen('http://example.org')"], "network off"),
        (["import socket; socket.create_connection(('192.0.2.1', 80), 1)"], "network off"),
        (
            [
                "from os import environ as e\nassert e['COURSE_QUICK'] == '1' and 'COURSE_STRICT' not in e\n1 / 0"
            ],
            "ZeroDivisionError",
        ),
    ],
)
def test_a_cell_that_fails_in_a_quick_run_is_seen(tmp_path, monkeypatch, cells, words):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(AssertionError, match=re.escape(words)):
        _quick.twice_then_shuffled(notebook(*cells), tmp_path, title="98")


@pytest.mark.slow
def test_a_warning_and_a_check_that_passes_by_itself_are_seen(tmp_path):
    nb = notebook(
        "import warnings; warnings.warn('careful')",
        ("print('Not done yet')", "check"),
        ("print('Passed')", "check"),
    )
    found = _quick.twice_then_shuffled(nb, tmp_path, title="98")
    assert any("stderr" in fault and "careful" in fault for fault in found)
    assert [fault for fault in found if "expected 'Not done yet'" in fault] == [
        "cell 3, the check at the end: expected 'Not done yet', got 'Passed\\n'"
    ]


@pytest.mark.slow
def test_what_a_killed_kernel_leaves_behind_is_seen(tmp_path):
    nb = notebook("open('lock', 'x').close()", "1", "import os; os.remove('lock')", "2")
    with pytest.raises(AssertionError, match="cell 1, without solutions: FileExistsError"):
        _quick.killed_then_without_solutions(nb, tmp_path, title="98")


@pytest.mark.slow
def test_a_cell_that_leans_on_a_solution_is_seen(tmp_path):
    nb = notebook("1", "2", ("def f_solution():\n    return 1", "solution"), "f_solution()")
    with pytest.raises(AssertionError, match="cell 4, without solutions: NameError"):
        _quick.killed_then_without_solutions(nb, tmp_path, title="98")


@pytest.mark.slow
def test_failing_cells_and_warnings_fail_the_full_run(tmp_path):
    """One pytest run with the course's own settings: what must fail does, and what must pass does."""

    def write(name, *sources):
        nb = notebook(*sources)
        for count, cell in enumerate(nb.cells, start=1):
            cell.execution_count = count
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
        nbformat.write(nb, tmp_path / name)

    write("fine.ipynb", "print(2)", ("print(1)", "nbval-check-output"))
    write("fails.ipynb", "1 / 0")
    write("output.ipynb", ("print(2)", "nbval-check-output"))
    write("network.ipynb", "import urllib.request as u; u.urlopen('http://example.org')")
    (tmp_path / "test_warns.py").write_text(
        "import warnings\n\ndef test_warns():\n    warnings.warn('careful')\n", encoding="utf-8"
    )
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            str(_lessons.ROOT / "pyproject.toml"),
            "--rootdir",
            str(tmp_path),
            "-rA",
            "-p",
            "no:cacheprovider",
            "--nbval-lax",
            "--nbval-current-env",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_quick.OFFLINE)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    ).stdout
    failed = set(re.findall(r"^(?:FAILED|ERROR) ([\w.]+)::", said, re.M))
    assert failed == {"fails.ipynb", "output.ipynb", "network.ipynb", "test_warns.py"}, said
    assert len(re.findall(r"^PASSED fine\.ipynb::", said, re.M)) == 2, said


def test_the_network_is_off_in_this_process():
    import socket

    for call in (
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.create_connection(("192.0.2.1", 80)),
    ):
        with pytest.raises(OSError, match="network off"):
            call()
    assert socket.getaddrinfo("localhost", 80)


def test_the_switches_of_the_course_do_not_reach_the_tests():
    assert not {"COURSE_QUICK", "COURSE_STRICT", "COURSE_JUDGE_SPEED"} & set(os.environ)


def test_deprecated_symbols_are_read():
    assert _course.deprecated_symbols()
