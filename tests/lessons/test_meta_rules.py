"""Every rule of a lesson is shown a planted fault and must see it; the fixture lesson, which has none, keeps all."""

from functools import partial

import nbformat
import pytest
import rules
import test_lessons_static
from _course import FIXTURE, deprecated_symbols, expect_none
from _planted import CLAIM, NAMES, planted

from tools.publishing import lessons

SYMBOLS = [{"symbol": "math.sqrt", "reason": "for this test only", "lessons": []}]
front_matter = partial(rules.front_matter, known=NAMES)
old_parts = partial(rules.parts, old_form=True)
deprecated = partial(rules.deprecated, symbols=SYMBOLS, name="fixture")
claim_records = partial(rules.claim_records, claims=[CLAIM["id"]])


def filters(nb):
    return [fault for _, text in rules.code_text(nb) for fault in rules.wholesale_filters(text)]


SIDE = "side = math.sqrt(2)\n"
# rule, text of the fixture lesson, what is planted in its place, a part of what the rule must say
PLANTED = [
    (front_matter, "promise: It keeps", "praise: It keeps", "no promise"),
    (front_matter, "minutes: 1", "minutes: soon", "minutes is 'soon'"),
    (front_matter, "needs: []", 'needs: ["later"]', "no earlier lesson"),
    (front_matter, 'goals: ["See a rule kept", "See a rule broken"]', "goals: []", "goals is empty"),
    (old_parts, "**Agenda**", "**Plan**", "'agenda'"),
    (old_parts, "**Predict** the area", "Here is the area", "'predict'"),
    (old_parts, "## Remember", "## Summary", "'remember'"),
    (old_parts, "## Credits", "## Thanks", "'credits'"),
    (old_parts, 'tags=["scorecard"] ', "", "the scorecard must be one cell"),
    (old_parts, '"-"}\ncard\n', '"-"}\ncard\n\n# %%\n1 + 1\n', "the last with code"),
    (rules.slides, '{"slide_type": "notes"}', '{"slide_type": "skip"}', "no speaker notes"),
    (rules.slides, "*For the lecturer, 1 min.* Ask", "Ask", "must begin with"),
    (rules.slides, ' tags=["remove-cell"]', "", "without the tag remove-cell"),
    (rules.slides, '"slide_type": "fragment"', '"slide_type": "slidee"', "no slide type"),
    (rules.tags_known, '"hide-cell"', '"hide_cell"', "unknown tag 'hide_cell'"),
    (rules.rhythm, SIDE, SIDE + "side += 0\n" * 25, "lines of code"),
    (rules.rhythm, SIDE, SIDE + "\n# %%\n" + "side += 0\n" * 20 * 5, "words a line"),
    (rules.runs_anywhere, SIDE, SIDE + "open('/home/me/data.csv')\n", "absolute path"),
    (rules.runs_anywhere, SIDE, SIDE + "open('C:\\\\data.csv')\n", "absolute path"),
    (rules.runs_anywhere, SIDE, SIDE + "for epoch in range(0):\n    pass\n", "does not run"),
    (rules.runs_anywhere, SIDE, SIDE + "steps = 2 if runtime.quick() else 200\n", "switch of the tests"),
    (rules.runs_anywhere, SIDE, SIDE + "if False:\n    pass\n", "does not run"),
    (rules.runs_anywhere, "# The area is two", "# ![two](https://a.org/two)", "picture from the network"),
    (rules.runs_anywhere, SIDE, "# NBVAL_SKIP\n" + SIDE, "nbval obeys"),
    (rules.names, SIDE, "side = length * 1.0\n", "Undefined name `length`"),
    (rules.names, SIDE, SIDE + "sides = [s * scale for s in (1, 2)]\n", "Undefined name `scale`"),
    (rules.names, SIDE, SIDE + "def grow(s):\n    return s * factor\n", "a function reads factor"),
    (rules.names, SIDE, SIDE + "side += more\nmore = 1\n", "Undefined name `more`"),
    (rules.names, SIDE, SIDE + "from math import *\n", "`from math import *` used"),
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
    (rules.exercise_parts, 'tags=["exercise"]', 'tags=["lecture"]', "2 exercises but 3 cells"),
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
    (rules.one_sitting, "seconds: 1", "seconds: 65", "65 seconds, at most 60"),
    (rules.cells_with_company, "# ## A square\n", "# ## A square\n\n# %% [markdown]\n", "a heading alone"),
    (
        rules.cells_with_company,
        'card.record("area", area)',
        '\n# %%\ncard.record("area", area)\n\n# %%',
        "only records",
    ),
    (rules.timed_notes, "*For the lecturer, 1 min.*", "*For the lecturer.*", "begins with its minutes"),
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
    (partial(claim_records, expressions=[("area", "area")]), "nothing", "nothing", "2 times"),
    (partial(claim_records, expressions=[("area", "2.0")]), 'card.record("area", area)', "pass", "a literal"),
    (partial(claim_records, expressions=[("area", "volume")]), 'card.record("area", area)', "pass", "no cell makes"),
    (claim_records, 'record("area", area)', 'record("volume", area)', "no claim"),
    (claim_records, 'record("area", area)', 'record("area", area); card.record("area", side)', "2 times"),
]


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
        *test_lessons_static.UNIT_RULES,
        front_matter,
        claim_records,
        filters,
        partial(rules.deprecated, symbols=[], name="fixture"),
    ],
)
def test_the_fixture_lesson_keeps_every_rule(rule):
    expect_none(rule(lessons.read(FIXTURE)))


def test_every_rule_has_a_planted_fault():
    known = {*test_lessons_static.RULES, *test_lessons_static.UNIT_RULES}
    assert known <= {rule for rule, *_ in PLANTED}


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
            "display(1)\nsquares = {w: w for w in rows}\nf'{total:{size}}'\ndel squares",
        ),
    ]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for _, source in cells])
    expect_none(rules.names(nb))


def test_a_deprecated_symbol_must_be_used_and_tagged_where_it_is_allowed(tmp_path):
    allowed = [{**SYMBOLS[0], "lessons": ["fixture"]}]
    nb = planted(tmp_path, "nothing", "nothing")
    assert any("needs the tag legacy" in f for f in rules.deprecated(nb, symbols=allowed, name="fixture"))
    unused = [{**allowed[0], "symbol": "math.tau"}]
    assert any("does not use" in f for f in rules.deprecated(nb, symbols=unused, name="fixture"))
    tagged = planted(
        tmp_path,
        '# %% slideshow={"slide_type": "-"}\nside',
        '# %% tags=["legacy"] slideshow={"slide_type": "-"}\nside',
    )
    expect_none(rules.deprecated(tagged, symbols=allowed, name="fixture"))


def test_deprecated_symbols_are_read():
    assert deprecated_symbols()
