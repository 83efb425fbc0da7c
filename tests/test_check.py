"""The engine of the checks: what a verdict says of right, wrong and broken answers."""

import json
import linecache
import textwrap
import time
from functools import cache

import nbformat
import pytest
import torch
from torch import nn

from course_utils import check, progress
from tools.publishing import execute

LESSON = """
import math
import torch
from torch import nn

# %% [markdown]
# The mean of what is above a threshold.


def above(values, least):
    return values[values > least]


def mean_above_solution(values, least):
    chosen = above(values, least)
    if not len(chosen):
        return math.inf
    return chosen.sum() / len(chosen)
"""
TOO_FEW = "A number that is as large as the threshold doesn't count."
ALL = "The mean is taken of all numbers."


@pytest.fixture
def page(tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    return check.page({"__file__": str(tmp_path / "tasks.py"), "__name__": "lessons.integers.tasks"})


@pytest.fixture
def mean_above(page):
    return page.write(
        "mean_above",
        "A mean",
        cases={
            "3 and 5, above 1": (torch.tensor([3.0, 5.0]), 1.0),
            "1, 2 and 5, above 1": (torch.tensor([1.0, 2.0, 5.0]), 1.0),
            "0, 2 and 5, above 1": (torch.tensor([0.0, 2.0, 5.0]), 1.0),
            "1, above 1": (torch.tensor([1.0]), 1.0),
        },
        wrong={
            TOO_FEW: lambda values, least: values[values >= least].mean(),
            ALL: "chosen = above(values, least) -> chosen = values",
            "": "chosen.sum() / len(chosen) -> chosen.sum()",
        },
        right=[lambda values, least: values[values > least].mean().item() if (values > least).any() else float("inf")],
        steps={"chosen": "the chosen numbers"},
        passed="All that is larger counts.",
    )


def written(source, **space):
    """A function as a learner types it, whose lines Python knows."""
    source = textwrap.dedent(source)
    linecache.cache["<cell>"] = len(source), None, source.splitlines(keepends=True), "<cell>"
    exec(compile(source, "<cell>", "exec"), space)
    return space["answer"]


def said(verdict):
    assert verdict.status == "not yet" and not verdict.passed and len(verdict.rows) <= 5, verdict
    return verdict.sentence


def test_a_right_answer_passes_and_the_task_has_no_faults(mean_above):
    verdict = mean_above(lambda values, least: sum(v for v in values if v > least) / max(sum(values > least), 1e-30))
    assert verdict.status == "not yet", "0 / 1e-30 is not infinite"
    assert mean_above.faults() == []
    assert repr(mean_above(mean_above.solution)) == "✓ Passed: A mean. All that is larger counts."


def test_a_sentence_is_said_where_a_wrong_version_agrees_in_every_case_and_never_else(mean_above):
    assert said(mean_above(lambda values, least: values.sum() / len(values))) == ALL
    almost = mean_above(lambda values, least: values.mean() if len(values) > 1 else torch.tensor(9.0))
    assert said(almost) == "Your result is 2.667 where 3.5 is expected."
    assert dict(almost.rows) == {"the case": "1, 2 and 5, above 1", "on the way": "the chosen numbers [2, 5]"}


def test_a_task_says_what_is_wrong_with_itself(page):
    faulty = page.write(
        "mean_above",
        "A mean",
        cases=[(torch.tensor([3.0, 5.0]), 1.0)],  # nothing here is as large as the threshold
        wrong={
            TOO_FEW: lambda values, least: values[values >= least].mean(),
            "No end": "chosen.sum() / len -> chosen.sum() * len",
            "The same again.": "chosen.sum() / len -> chosen.sum() * len",
            "": "chosen.sum() / len -> chosen.sum() * len",
        },
        right=[lambda values, least: values.sum()],
    )
    lines = "\n".join(faulty.faults())
    for line in ("is right, and refused", f"wrong version 0 ({TOO_FEW!r})", "wrong version 2", "wrong version 3 ('')"):
        assert line in lines
    assert "not a plain sentence" in lines and "wrong version 1" not in lines
    with pytest.raises(ValueError, match="'values' stands 2 times in mean_above_solution"):
        page.take("mean_above_solution", "values -> numbers")


MISTAKES = {  # what is typed -> the first sentence, the line that is shown
    "return math.fsum(values)": ("math isn't imported: write import math above your function.", True),
    "return F.relu(values)": (
        "F isn't imported: write from torch.nn import functional as F above your function.",
        True,
    ),
    "return valuse.mean()": ("Nothing is called valuse here. Did you mean values?", True),
    "return values @ least": ("Your function stops with TypeError: ", True),
    "return 1 / 0": ("Your function stops with ZeroDivisionError: division by zero.", True),
    "print(values)": ("Your function prints its result. It must give it back: write return before it.", False),
    "values.mean()": ("Your function gives nothing back. What it makes must stand behind return.", False),
    "return values": ("Your result has the shape (2,) where () is expected.", False),
    "return 'four'": ("Your result is four where a number is expected.", False),
    "return values.mean() + 1e-3": ("Your result is 4.001 where 4 is expected.", False),
    "values.zero_(); return 4.0": ("Your result is 0 where ", False),
    "exit()": ("Your function stops with SystemExit: ", True),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_each_usual_mistake_has_its_sentence(mean_above, line):
    sentence, shown = MISTAKES[line]
    if "zero_" in line:
        line, sentence = (
            "r = values[values > least].mean(); values.zero_(); return r if r == r else torch.inf",
            "The result ",
        )
        sentence += "is right, but your function changes values, which belongs to the caller: work on a copy."
    verdict = mean_above(written(f"def answer(values, least):\n    {line}\n", torch=torch, exit=exit))
    assert said(verdict).startswith(sentence), verdict
    assert verdict.rows[0] == ("the case", "3 and 5, above 1")
    assert ("your line" in dict(verdict.rows)) is shown
    assert "`" not in repr(verdict) and repr(verdict).startswith("✗ ")


def test_too_few_arguments_a_stub_and_a_value_in_place_of_the_function(mean_above):
    assert "can't be called with the arguments of the task" in said(mean_above(lambda values: 3))
    assert said(mean_above(3.5)) == "mean_above is 3.5 now, and no function: hand it to the check without calling it."
    verdict = mean_above(written('def answer(values, least):\n    """Text."""\n    raise NotImplementedError'))
    assert verdict.status == "not done yet" and repr(verdict).startswith("○ Not done yet. ")
    of_torch = written("def answer(values, least):\n    raise NotImplementedError('no such kernel')")
    assert said(mean_above(of_torch)) == "Your function stops with NotImplementedError: no such kernel."


HANGS = {
    "plain": "while True: pass",
    "holds exceptions": "while True:\n        try: sum(range(1000))\n        except Exception: pass",
    "holds everything": "while True:\n        try: sum(range(1000))\n        except: pass",
}


@pytest.mark.parametrize("hang", HANGS)
def test_a_function_that_never_ends_is_stopped_and_what_comes_next_is_untouched(mean_above, monkeypatch, hang):
    monkeypatch.setattr(check, "CALL_SECONDS", 0.2)
    verdict = mean_above(written(f"def answer(values, least):\n    {HANGS[hang]}\n"))
    assert said(verdict) == "Your function was still running after 0.2 seconds, and was stopped. Does a loop ever end?"
    monkeypatch.undo()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:  # nothing is thrown in here any more
        sum(range(100))
    assert mean_above(mean_above.solution).passed


def test_chance_gradients_and_warnings_are_the_notebooks_again(page, tmp_path):
    def draws(values, least):
        torch.set_grad_enabled(False)
        print("not shown")
        return torch.rand(())

    cases = [(torch.zeros(1), 0.0)] * 2
    task = page.write("mean_above", "x", cases=cases, run=lambda answer, *case: answer(*case))
    torch.manual_seed(3)
    expected = torch.rand(2)[1]
    torch.manual_seed(3)
    torch.rand(1)
    first, second = (task.play(draws, n).value for n in (0, 1))
    assert first == second and torch.rand(()) == expected and torch.is_grad_enabled()
    (tmp_path / "lesson.py").write_text(LESSON + "torch.set_grad_enabled(False)\n", encoding="utf-8")
    off = check.page(page.space).write("mean_above", "x", cases=cases)
    assert off.play(lambda values, least: torch.is_grad_enabled(), 0).value is False


def test_what_a_run_observes_is_told_by_its_name_and_a_run_may_see_a_mistake_itself(page):
    def run(answer, values, least):
        if answer(values, least) is None:
            raise check.Mistake("Nothing was written to the file.")
        return {"the sign": 1, "the mean of the numbers": answer(values, least)}

    task = page.write("mean_above", "x", cases=[(torch.tensor([2.0]), 1.0)], run=run, wrong={"It is doubled.": [
        lambda values, least: values * 2
    ]})  # fmt: skip
    assert said(task(lambda values, least: 3)) == "The mean of the numbers is 3 where 2 is expected."
    known = task(lambda values, least: 4)
    assert said(known) == "It is doubled." and known.rows[1:] == (
        ("compared", "the mean of the numbers"),
        ("yours", "4"),
        ("right", "2"),
    )
    assert dict(known.rows)["the case"] == "values = [2]; least = 1"
    assert said(task(lambda values, least: None)) == "Nothing was written to the file."


def test_values_are_the_same_whatever_holds_them_and_each_in_its_own_size():
    for one, other in [
        (3, torch.tensor([3.0])),
        ([1, 2], torch.tensor([1, 2])),
        ((4e6, 3), [4e6 + 1, 3]),
        ({"a": [1.0]}, {"a": torch.ones(1)}),
        (float("nan"), torch.tensor(torch.nan)),
        (check.linear([[1, 2]], [3]), check.linear([[1, 2]], [3])),
    ]:
        assert check.same(one, other)
    for one, other in [((4e6, 3), (4e6, 2)), ([1], [1, 1]), ("1", 1), (None, 0), (nn.ReLU(), 1), ({}, {"a": 1})]:
        assert not check.same(one, other)
    assert check.tell(check.linear([[0.5, -0.0]])) == "weight = [[0.5, 0]]"
    assert check.tell(torch.zeros(5, 5)) == "25 numbers of the shape (5, 5)"


# Numbers by hand, and decisions


@pytest.fixture
def second_call(page):
    return page.work_out(
        "second_call",
        "The same layer, another call, another scale: 2 instead of 1",
        right={"scale": 2, "zero_point": 3, "stored": [0, 2, 1], "output": -4.0},
        slips={
            "Step 1. Your range goes from -6 to -1.8, so zero would be stored as 4. There are only 0 to 3.": {
                "scale": 1.4
            },
            "Step 2. Rounded, yes, but the zero point is still to be added.": {"stored": [-3, -1, -2]},
            "Step 4. It counts in units of both scales, and you used only the weights' 0.1.": {"output": -2.0},
        },
        passed="In floats the output is -4.24.",
    )


def test_numbers_by_hand_are_judged_step_by_step(second_call):
    assert second_call.faults() == []
    assert second_call(2, 3, [0, 2, 1], -4).passed
    assert said(second_call(1.4, 4, [0, 3, 1], -3)).startswith("Step 1.")
    assert said(second_call(2, 3, [0, 2, 2], -4)) == "stored isn't [0, 2, 2]. scale and zero_point are right."
    assert said(second_call(2, 3, 7, -4)) == "stored is 7, and a list of 3 numbers is asked for."
    assert second_call(2, 3, [0, ..., 1], ...).sentence == "To be filled in: stored, output."
    assert second_call(2, 3, [0, 2, 1], ...).status == "not done yet"
    assert said(second_call(2)) == "The check takes 4 values, in this order: scale, zero_point, stored, output."


@pytest.fixture
def digits(page):
    @cache
    def share(advice):
        scale = {"more": 255, "redo": 1}[advice]
        return float((torch.linspace(0, 1, 11) * scale <= 1).float().mean())

    def judge(advice, factor):
        told = f"That gives {share(advice):.0%} of the digits."
        if advice != "redo":
            return False, f"{told} More digits from the same loader are as dark.", ("float", "100%")
        return factor == 255, f"{told} How many times too large is the largest pixel?" if factor != 255 else told

    examples = {("redo", 255): True, ("redo", 65025): False, ("more", 255): False}
    choices = {"advice": ["more", "redo"], "factor": int}
    return page.decide("digits", "A colleague's digits", choices=choices, judge=judge, examples=examples)


def test_a_decision_is_told_what_it_costs(digits):
    assert digits.faults() == []
    verdict = digits("more", 255)
    assert said(verdict).startswith("That gives 9% of the digits.") and verdict.rows == (("float", "100%"),)
    assert repr(digits("redo", 255)) == "✓ Passed: A colleague's digits. That gives 100% of the digits."
    assert said(digits("rescale", 1)) == "advice is rescale. It can be more or redo."
    assert said(digits("redo", "255")) == "factor is 255. It should be a whole number."
    assert said(digits("redo", True)) == "factor is True. It should be a whole number."
    assert digits(..., 255).status == "not done yet"
    digits.examples[("more", 1)] = True
    assert len(digits.faults()) == 1


# What is kept, and what a course's own fault looks like


def test_progress_is_kept_for_each_verdict_of_a_lesson_but_none_where_the_check_fails(
    mean_above, tmp_path, monkeypatch
):
    kept = tmp_path / "kept.jsonl"
    monkeypatch.setenv("COURSE_PROGRESS", str(kept))
    mean_above(lambda values, least: 0)
    mean_above(mean_above.solution)
    mean_above.same = lambda one, other: 1 / 0
    broken = mean_above(mean_above.solution)
    assert broken.status == "check failed" and "a fault of the course, not of yours" in broken.sentence
    records = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    assert [(r["lesson"], r["exercise"], r["status"]) for r in records] == [
        ("integers", "mean_above", "not yet"),
        ("integers", "mean_above", "passed"),
    ]
    assert progress.read(kept) == records


@pytest.mark.slow
def test_in_a_kernel_a_hang_is_stopped_and_the_next_cell_runs(tmp_path):
    source = (
        "from lessons.energy import tasks as check\nfrom course_utils import check as engine\nengine.CALL_SECONDS = 1"
    )
    hang = "def f(model, x, mac_pj, fetch_pj):\n    while True:\n        try: sum(range(1000))\n        except: pass"
    sources = [source, f"{hang}\ncheck.batch_needed(f)", "sum(range(10**6))"]
    cells = [nbformat.v4.new_code_cell(text) for text in sources]
    done = execute.execute(nbformat.v4.new_notebook(cells=cells), folder=tmp_path)
    assert "was still running after 1 seconds" in done.cells[1].outputs[0].data["text/plain"]
    assert done.cells[2].outputs[0].data["text/plain"] == "499999500000"
