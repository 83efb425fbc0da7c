"""What a learner and an author see of checks whose reference speaks: played on six checks of different kinds."""

import copy
import functools
import time

import _check_rules
import _legacy
import numpy as np
import proof_checks
import pytest
import torch
from _course import expect_none
from _inputs import numbers
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization import quantize_dynamic

from course_utils.checks import effects, exercise
from course_utils.exercises import core, isolation

pytestmark = _legacy.KNOWN
SIX = ("linear_energy_pj", "dynamic_linear", "magnitude_mask", "dynamic_scale", "rewound", "int8_file")
each = pytest.mark.parametrize("check", [getattr(proof_checks, name) for name in SIX], ids=SIX)
EQUIVALENT = {
    "linear_energy_pj": {"* without its sign": "a count, a price and an energy are never negative"},
    "dynamic_linear": {
        "q = (torch.round(x / scale) + zero_point).clamp(0, 255): 0 -> -1": "both are rounded alike",
        "-1 in place of 0 in the stored integers": "as above",
        **{f"{name} without its sign": "it is never negative" for name in ("high", "scale", "zero_point", "q")},
        **{f"{name} rounded to 2 digits": "it is a whole number" for name in ("zero_point", "q")},
    },
    "magnitude_mask": {
        "`mask` in place of `weight`, in the result": "they have the same shape",
        "* without its sign": "a count, a magnitude, an index and a mask are never negative",
        "sizes doubled": "their order is the same",
        "the result rounded to 2 digits": "it is 0 or 1",
    },
    "dynamic_scale": {"* without its sign": "a count and a scale are never negative"},
    "rewound": {},
    "int8_file": {
        "step = largest / 127 or 1.0: 1.0 -> ": "it is the step of a tensor of zeros, which any step gives back",
        "0 in place of 1 in the step": "as above",
        "1 doubled in the step": "as above",
        "`item` left out of the largest size": "a tensor of one number divides as a number does",
        "* without its sign": "it is never negative",
    },
}


@each
def test_each_slip_of_the_reference_is_refused(check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expect_none(_check_rules.mutants_are_refused(check, EQUIVALENT[check.__name__]))
    assert list(tmp_path.iterdir()) == []


@each
def test_ideas_hostile_values_endless_answers_and_changes(check):
    expect_none(
        _check_rules.ideas_are_reached(check) + _check_rules.stops_an_endless_one(check) + _check_rules.puts_back(check)
    )


# ---- right ones, however odd; and what people write ---------------------------------------------------


def energy(a, b, c, d, e):  # other names than the card's
    return np.float64(c * b * (a * (d + e) + e))


class Mask:
    def __call__(self, weight, mask, amount):
        left = [at for at, stays in enumerate(mask.flatten().tolist()) if stays]
        goes = sorted(left, key=lambda at: abs(weight.flatten()[at].item()))[: round(amount * len(left))]
        return np.array([float(at in left and at not in goes) for at in range(weight.numel())]).reshape(weight.shape)


def as_parameters(trained, first, masks):
    return {name: nn.Parameter(value * masks.get(name, 1)) for name, value in first.items()}


def save_in_halves(model, file):
    file.write_bytes(b"".join(_packed(weight) for weight in model.state_dict().values()))


def _packed(weight):
    top = weight.abs().max().item() or 1.0
    return np.float32(top).tobytes() + (weight / top * 127).round().to(torch.int8).numpy().tobytes()


def load_from_bytes(model, file):
    data = file.read_bytes()
    for weight in model.state_dict().values():
        top, codes, data = data[:4], data[4 : 4 + weight.numel()], data[4 + weight.numel() :]
        values = np.frombuffer(codes, np.int8).astype(np.float32) * (np.frombuffer(top, np.float32)[0] / 127)
        weight.copy_(torch.from_numpy(values).view_as(weight))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("linear_energy_pj", (energy,)),
        ("linear_energy_pj", (functools.partial(energy),)),
        ("magnitude_mask", (Mask(),)),
        ("rewound", (as_parameters,)),
        ("int8_file", (save_in_halves, load_from_bytes)),
    ],
)
def test_a_right_answer_passes_however_odd(name, answer):
    verdict = getattr(proof_checks, name)(*answer)
    assert verdict.status == core.PASSED, verdict


def in_place(weight, mask, amount):
    mask.flatten()[weight.abs().flatten().argsort()[: round(amount * mask.numel())]] = 0
    return mask


def floats_for_integers(model, file):
    torch.save(
        {n: ((w / (s := w.abs().max() or 1.0) * 127).round(), s / 127) for n, w in model.state_dict().items()}, file
    )


def load(model, file):
    model.load_state_dict({name: q * step for name, (q, step) in torch.load(file).items()})


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("linear_energy_pj", lambda a, b, c, d, e: a * b * c * d + b * c * e, "A MAC is two operations"),
        (
            "linear_energy_pj",
            lambda a, b, c, d, e: a * b * c * (d + e) + 2 * b * c * e,
            "larger by the additions of the b",
        ),
        ("linear_energy_pj", lambda a, b, c, d, e: a * b * c * (d + e) + b * e, "`batch` left out of the additions"),
        ("linear_energy_pj", lambda a, b, c, d, e: {1}, "Your result is a set; expected is one number."),
        (
            "dynamic_linear",
            lambda x, w, s, b: proof_checks.dynamic_linear.references[0].made()(x, w, s, b).T,
            "transposed",
        ),
        ("magnitude_mask", in_place, "changed its input"),
        ("magnitude_mask", lambda weight, mask, amount: mask, "the magnitudes of the weights that stay"),
        ("rewound", lambda trained, first, masks: [1], "What your function makes cannot be used: AttributeError"),
        ("rewound", lambda trained, first, masks: dict(first), "what the caller holds when yours are trained"),
        (
            "int8_file",
            (floats_for_integers, load),
            "4.1 for each weight; an integer takes one byte only in a tensor of",
        ),
        ("int8_file", (floats_for_integers,), "The check needs your function, got None."),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, said):
    verdict = getattr(proof_checks, name)(*(answer if isinstance(answer, tuple) else (answer,)))
    assert verdict.status == core.NOT_YET and said in str(verdict), verdict


# ---- variables, lines, attempts -----------------------------------------------------------------------


@exercise("Scaled", why="because", trust="it shows")
def scaled(x, low):
    span = x - low  #: the span
    scale = span / 4  #: the scale
    return scale * scale + 1


scaled.tries(x=numbers(4, 9), low=numbers(-3, 3), also=[(5.0, 1.0)])


@pytest.fixture
def check():
    """The exercise as nobody has tried it."""
    fresh = copy.copy(scaled)
    fresh._verdict = core.check("Scaled", why="because")(fresh._judge)
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


def test_the_line_is_told_in_which_an_answer_raised(check):
    def divides(x, low):
        return x / (low - low)

    assert check(divides).hint == "It happened in this line of yours: return x / (low - low)"


def test_the_line_is_the_innermost_of_the_learners_own_code(check):
    def divides(x, low):
        def hook(number):
            return number / 0

        return list(map(lambda number: hook(number), [x]))

    assert check(divides).hint == "It happened in this line of yours: return number / 0"


def test_variables_are_told_at_once_without_arguments_and_models_only_alone(check):
    def answer(x, low):
        names, few, model = {"b", "a"}, torch.ones(2), nn.Linear(1, 1)
        low = -low
        return model.in_features * len(names) * len(few) / 7

    told = dict(check(answer).facts)["your variables"]
    assert told.startswith("low = ") and told.endswith("names = {'a', 'b'}, few = tensor([1.0, 1.0])")

    def only_a_model(x, low):
        model = nn.Linear(1, 1, bias=False)
        return model.in_features * 0.5

    assert dict(check(only_a_model).facts)["your variables"].startswith("model = Linear(1, 1)")


def test_how_many_arguments_it_takes_is_told(check):
    assert check(lambda x: 1.0).hint == "`scaled` takes x and low; yours takes 1: (x)."


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


def test_a_part_that_is_named_as_its_variable_is_not_explained_by_its_name(check):
    def answer(x, low):
        span = x - low
        return span / 3 + x**3

    assert check(answer).hint.startswith("Your `span` is right. Next, on this input: the scale, ")


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
    assert scaled.trust == "it shows" and scaled.why == "because"
    assert (scaled.__name__, scaled.__module__) == ("scaled", __name__)
    assert core._version(scaled._verdict) == core._version(load) != ""


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
        lambda model: copy.deepcopy(model),
        effects.file(lambda model: 3000),
        lambda model: nn.Linear(100, 100),
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
    hint = check(other_names).hint
    assert hint.startswith("Without this call of `quantize_dynamic` your result is the same: return quantize_dynamic(")
    assert "left out" in check(none).hint


def test_a_function_that_is_never_called_is_told():
    check = _played(_shrunk, st.tuples(LAYERS, ANY), kinds=effects.kinds)
    assert check(lambda model, pays: copy.deepcopy(model)).hint == "`pays` was never called."


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
        (lambda model: model[0].eval(), "model: the training mode of `0`"),
        (lambda model: model[0].requires_grad_(False), "model: requires_grad of `0.weight`"),
        (lambda model: model.register_forward_hook(print), "model: the hooks"),
        (lambda model: model[0].register_buffer("more", torch.ones(1), persistent=False), "model: `0.more`"),
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


def test_a_variable_that_holds_a_part_where_the_answer_is_right_is_told():
    def cut(count, budget):
        fitting = budget // 4  #: how many fit
        return max(0, count - fitting), "cut"

    def answer(count, budget):
        keep = budget // 4 + (budget % 5 == 0) * count
        return max(0, count - keep), "cut"

    hint = _played(cut, st.tuples(st.integers(8, 40), st.integers(1, 30)))(answer).hint
    assert hint.startswith("Where your result is right, your `keep` is how many fit. It should be ")


def test_an_idea_is_told_where_it_explains_what_is_wrong_first():
    def pair(x, low):
        small = x - low  #: the difference
        return small, x * low

    check = _played(pair, st.tuples(numbers(5, 9), numbers(1, 3)))
    check.ideas({"small = low - x": "The other way round."})
    assert check(lambda x, low: (low - x, x + 100)).hint == "The other way round."


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda model: model, "Return a copy, always."),
        (lambda model: (model[0].eval(), copy.deepcopy(model))[1], "Work on a deep copy, `copy.deepcopy`"),
        (lambda model: (model[0].register_forward_hook(print), copy.deepcopy(model))[1], "call `.remove()` on the"),
    ],
)
def test_a_model_that_is_not_left_alone_is_told_how(how, said):
    def copied(model):
        return copy.deepcopy(model)

    assert said in _played(copied, st.tuples(effects.models(lambda: nn.Linear(2, 2))))(how).hint


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
