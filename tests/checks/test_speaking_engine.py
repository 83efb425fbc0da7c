"""What a learner and an author see of checks whose reference speaks."""

import copy
import time

import _legacy
import pytest
import torch
from _inputs import numbers
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization import quantize_dynamic

from course_utils.checks import core, effects, exercise, isolation

pytestmark = _legacy.KNOWN


# ---- variables, lines, attempts -----------------------------------------------------------------------


@exercise("Scaled", why="because")
def scaled(x, low):
    span = x - low  #: the span
    scale = span / 4  #: the scale
    return scale * scale + 1


scaled.tries(x=numbers(4, 9), low=numbers(-3, 3), also=[(5.0, 1.0)])


@pytest.fixture
def check():
    """The exercise as nobody has tried it."""
    fresh = copy.copy(scaled)
    fresh.refused = 0
    return fresh


def halved(x, low):
    width = x - low
    scale = width / 8
    return scale * scale + width * 3


def test_variables_of_ones_own_are_told_by_what_they_hold_and_a_namesake_with_an_if(check):
    hint = check(halved).hint
    assert hint.startswith("Your `width` is right: the span. If your `scale` is meant to be")


def test_parts_are_told_from_the_second_attempt_on_whether_the_answer_was_changed_or_not(check):
    assert "the span" not in dict(check(halved).facts)
    assert "✓ your `width`" in dict(check(halved).facts)["the span"]


def test_the_line_is_the_innermost_of_the_learners_own_code(check):
    def divides(x, low):
        def hook(number):
            return number / 0

        return list(map(lambda number: hook(number), [x]))

    assert check(divides).hint == "It happened in this line of yours: return number / 0"


def test_exception_line_and_variables_are_those_of_one_call():
    from lessons.integers import checks

    def save_int8(model, file):
        small = {}
        for name, weight in model.state_dict().items():
            scale = (weight.max().item() - weight.min().item()) / 255
            zero_point = round(-weight.min().item() / scale)  # fails where all weights are equal
            small[name] = weight / scale + zero_point, scale, zero_point
        torch.save(smal, file)  # noqa: F821  (fails on all others)

    said = checks.save_int8(save_int8)
    line = {"ZeroDivisionError": "/ scale", "NameError": "torch.save(smal"}
    (error,) = [error for error in line if error in said.message]
    assert line[error] in said.hint
    own = dict(said.facts)["your variables"]
    assert ("small = {}" in own) == (error == "ZeroDivisionError")
    assert error != "ZeroDivisionError" or "scale = 0.0" in own, "what the line failed with"


@pytest.mark.parametrize("right_at_first", [True, False])
def test_a_result_that_changes_from_call_to_call_is_told_before_all_else(check, right_at_first):
    kept = []

    def right(x, low):
        return ((x - low) / 4) ** 2 + 1

    def answer(x, low):
        kept.append(x)
        return right(x, low) + max(0, len(kept) - len(check.given) * right_at_first)

    assert check(right).status == core.PASSED

    verdict = check(answer)
    assert verdict.message == "Your function returns something else when it is called again on the same input."
    assert verdict.hint.startswith("`kept` is made outside of your function")
    facts = dict(verdict.facts)
    assert float(facts["one call"]) < float(facts["a later one"])


def test_the_same_answer_gets_the_same_verdict_on_a_machine_that_is_busy(check, monkeypatch):
    check(halved)  # from the second attempt on the parts are shown
    quiet = str(check(halved))
    thread_time = time.thread_time
    monkeypatch.setattr(time, "thread_time", lambda: 20 * thread_time())
    assert str(check(halved)) == quiet


def test_a_look_that_never_ends_is_stopped_like_an_answer(monkeypatch):
    class Endless(nn.Linear):
        def forward(self, x):
            while True:
                pass

    @exercise("A layer")
    def layer(n):
        return nn.Linear(n, n)

    layer.tries(n=st.integers(1, 3))
    layer.looks({"the outputs": effects.outputs(lambda n: torch.ones(1, n))})
    monkeypatch.setattr(isolation, "CALL_SECONDS", 0.3)
    assert "was stopped" in layer(lambda n: Endless(n, n)).message


def test_a_grader_and_the_learners_progress_see_the_lessons_exercise():
    assert scaled.why == "because"
    assert (scaled.__name__, scaled.__module__) == ("scaled", __name__)


# ---- effects: the smallest model that shows a fault ---------------------------------------------------


LAYERS = effects.models(lambda: nn.Linear(2, 2), nn.ReLU)
EFFECTS = {  # name -> reference, look, wrong answer, what is told
    "kinds": (
        lambda model: quantize_dynamic(model, {nn.Linear}),
        effects.kinds,
        lambda model: copy.deepcopy(model),
        ("asked: layer `0`.", "float32 Linear", "qint8 Linear"),
    ),
    "a function of one's own": (
        lambda model: copy.deepcopy(model),
        lambda model, *_: {f"{name}.": type(part).__name__ for name, part in model.named_children()},
        lambda model: nn.Sequential(nn.Sequential(), *model),
        ("the answer, `0.`", "Sequential", ""),
    ),
    "outputs": (
        lambda model: nn.Sequential(*model, nn.Identity()),
        effects.outputs(torch.ones(1, 2)),
        lambda model: nn.Sequential(*model, nn.Tanh()),
        ("the answer", "tensor", "tensor"),
    ),
    "file": (
        lambda model: effects.Reloaded(model.state_dict(), 2000),
        effects.file(lambda model: 3000),
        lambda model: effects.Reloaded(model.state_dict(), 4000),
        ("the answer", "bytes", "at most 3,000 bytes"),
    ),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_is_told_on_the_smallest_model_that_shows_it(name):
    right, look, wrong, said = EFFECTS[name]

    @exercise("An effect")
    def effect(model):
        return right(model)

    effect.references[0].space = {"right": right}
    effect.tries(model=LAYERS, examples=12)
    effect.looks({"the answer": look})
    assert effect(right).status == core.PASSED, effect(right)
    verdict = effect(wrong)
    facts = dict(verdict.facts)
    assert all(
        text in part for text, part in zip(said, (verdict.message, facts["yours"], facts["expected"]), strict=True)
    )
    assert facts["your call"].startswith(("model=Sequential(Linear(2, 2))", "model=Sequential(ReLU())"))


# ---- calls, order, and what a model is besides its numbers ---------------------------------------------


def _played(right, inputs, **looks):
    """An exercise whose reference is this function."""
    made = exercise("Played")(right)
    made.tries(inputs, examples=12)
    made.looks(looks)
    return made


def _shrunk(model, pays):
    chosen = {name for name, layer in model.named_modules() if pays(layer)}
    return quantize_dynamic(model, chosen, dtype=torch.qint8)


ANY = st.sampled_from([effects.rule("lambda layer: type(layer) is nn.Linear")])


def test_a_call_that_the_learner_makes_is_not_missed_and_one_that_is_missing_is():
    def other_names(model, pays):
        names = {"no " + name for name, layer in model.named_modules() if pays(layer)}
        return quantize_dynamic(model, names, dtype=torch.qint8)

    def none(model, pays):
        [pays(layer) for layer in model.modules()]
        return copy.deepcopy(model)

    check = _played(_shrunk, st.tuples(LAYERS, ANY), kinds=effects.kinds)
    assert "left out" not in check(other_names).hint
    assert "left out" in check(none).hint


@pytest.mark.parametrize("looks", [{}, {"sum": lambda both, *_: both[0], "rest": lambda both, *_: both[1]["product"]}])
def test_a_pair_in_the_other_order_is_told(looks):
    def pair(x, low):
        return x + low, {"product": x * low}

    def turned(x, low):
        return {"product": x * low}, x + low

    verdict = _played(pair, st.tuples(numbers(1, 3), numbers(4, 9)), **looks)(turned)
    assert verdict.hint == "Both are right, in the other order."
    assert dict(verdict.facts)["returned"].startswith("({'product'")


def _size(model):
    return sum(value.numel() for value in model.parameters())


@pytest.mark.parametrize(
    ("how", "what"),
    [
        (lambda model: model[0].requires_grad_(False), "model: requires_grad of `0.weight`"),
        (lambda model: model.register_forward_hook(print), "model: the hooks"),
        (lambda model: model[0].weight.data.zero_(), "model: `0.weight`"),
    ],
)
def test_what_a_call_changes_in_a_model_is_seen(how, what):
    verdict = _played(_size, st.tuples(effects.models(lambda: nn.Linear(2, 2))))(
        lambda model: (how(model), _size(model))[1]
    )
    assert verdict.message == "Your function changed its input." and dict(verdict.facts)["changed"] == what


def test_what_is_left_behind_on_a_model_is_seen_at_a_second_call():
    def answer(model):
        model[0].counted = getattr(model[0], "counted", 0) + 1
        return model[0].counted * _size(model)

    check = _played(_size, st.tuples(effects.models(lambda: nn.Linear(2, 2))))
    assert check(lambda model: _size(model)).status == core.PASSED
    assert "when it is called again on the same input: something outside of it is changed" in check(answer).message


def test_what_all_wrong_inputs_share_is_told_and_a_bare_input_is_not_shown():
    def changed(x, double):
        return x * 2 if double else x

    check = _played(changed, st.tuples(st.integers(0, 9), st.booleans()))
    verdict = check(lambda x, double: x * x + 7 if double else x)
    assert verdict.hint == "Of the inputs that were tried, only those with `double=True` go wrong."
    assert dict(verdict.facts)["your call"] == "x=1, double=True"


def test_an_idea_is_told_where_it_explains_what_is_wrong_first():
    def pair(x, low):
        small = x - low  #: the difference
        return small, x * low

    check = _played(pair, st.tuples(numbers(5, 9), numbers(1, 3)))
    check.ideas({"small = low - x": "The other way round."})
    assert check(lambda x, low: (low - x, x + 100)).hint == "The other way round."


def test_neither_a_tick_nor_an_edit_is_told_by_chance_on_few_inputs():
    def energy(count, price):
        sums = count * price  #: the sums
        extra = count + price  #: the rest
        return sums + extra

    def answer(count, price):
        same = count * price
        return same + 1

    few = exercise("Few")(energy)
    few.tries(also=[(2, 2), (2, 2)])
    verdict = few(answer)
    assert "left out" not in verdict.hint and "right" not in verdict.hint
    two = exercise("Two parts")(energy)
    two.tries(also=[(2, 2), (3, 1.5), (5, 1.25)])  # both parts are alike
    assert two(lambda count, price: 1.0).status == core.NOT_YET
    assert "✓ your `same`" not in str([two(answer), two(answer)][-1])
