"""Every rule of the form is shown a planted fault in the skeleton of a lesson and must see it."""

import shutil

import pytest
import rules
from _course import expect_none
from test_lessons_static import FORM_RULES

from course_utils.files import ROOT
from tools import new
from tools.publishing import lessons

LONG = "word " * 90
ANSWER = "because a number has 16 bits in place of 32.**"
KEPT = "kept = torch.tensor(3.14159)"
HINT = "# <details><summary>Hint</summary>"
PREDICT = "# **Predict.** How many"
# rule, text of the skeleton, what is planted in its place, a part of what the rule must say
PLANTED = [
    (rules.sizes, "## 2. One idea\n", f"## 2. One idea\n#\n# {LONG * 25}\n", "words before Deeper"),
    (rules.sizes, "## 2. One idea\n", f"## 2. One idea\n#\n# {LONG * 60}\n", "minutes by the clock"),
    (rules.sizes, KEPT, "x = 1\n" * 80 + KEPT, "visible lines of code"),
    (rules.sizes, PREDICT, "# **Predict.** One\n#\n" * 4 + PREDICT, "predictions"),
    (rules.sizes, "practitioner meets next\n", f"practitioner meets next\n#\n# {LONG * 8}\n", "words under Deeper"),
    (rules.order, "answers.*\n", "answers.*\n#\n# **Goals**\n", "title and question alone"),
    (rules.order, '["setup", "hide-input"]', '["setup"]', "folded setup"),
    (rules.order, "you will be able to", "you will know how to", "behind the first thing"),
    (rules.order, "# ## Remember\n", "# ## Summary\n", "in this order"),
    (rules.order, "# ## Exercise ·", "# ## Task ·", "in this order"),
    (rules.boxes_confirm, ANSWER, f"{ANSWER}\n# {LONG}", "an answer of"),
    (rules.try_it, "**Try it.**", "Try it:", "no '**Try it.**'"),
    (rules.card, HINT, f"# {LONG}\n#\n{HINT}", "a card of"),
    (rules.notes, "explained only here.", f"explained only here. {LONG * 7}", "words of notes"),
    (rules.notes, "# ### What a", "# ### A\n#\n# ### B\n#\n# ### C\n#\n# ### What a", "4 items"),
    (rules.holds_on_any_laptop, "what the surprise means", "what the run on this page means", "on any laptop"),
    (rules.holds_on_any_laptop, "what the surprise means", "what we saw in a second trial", "on any laptop"),
    (rules.visible_names, KEPT, "kept = show.numbers() * pi", "pi comes from a folded cell"),
]


def skeleton(folder, old="", new_text=""):
    """The lesson that `course.py new` makes, with a text in place of another."""
    (folder / "lessons").mkdir()
    shutil.copy(ROOT / "lessons" / "course.toml", folder / "lessons")
    lesson = new.make("sparse_attention", "Sparse attention", part="pruning", root=folder)
    text = lesson.source.read_text(encoding="utf-8")
    assert old in text, old
    lesson.source.write_text(text.replace(old, new_text, 1) if old else text, encoding="utf-8")
    return lesson


@pytest.mark.parametrize(("rule", "old", "planted", "said"), PLANTED, ids=[f"{p[0].__name__}-{p[3]}" for p in PLANTED])
def test_a_planted_fault_is_seen(tmp_path, rule, old, planted, said):
    lesson = skeleton(tmp_path, old, planted)
    found = rule(lesson if rule is rules.sizes else lessons.read(lesson))
    assert any(said in fault for fault in found), found


def test_the_skeleton_has_the_form(tmp_path):
    lesson = skeleton(tmp_path)
    expect_none([*rules.sizes(lesson), *rules.parts(lessons.read(lesson))])
    expect_none([fault for rule in FORM_RULES for fault in rule(lessons.read(lesson))])


def test_every_rule_has_a_planted_fault():
    assert {rules.sizes, *FORM_RULES} == {rule for rule, *_ in PLANTED}
