"""What the lesson on pruning methods hands out: a call that leaves no trace when it is refused, and an instrument."""

import _course
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import syllabus
from lessons.own_method import checks

SEEDS = range(200)


@pytest.fixture(scope="module")
def prune_or_restore():
    """The function, as the lesson defines it."""
    nb = _course.text(syllabus.lessons()["own_method"])
    [cell] = [cell for cell in nb.cells if cell.source.startswith("def prune_or_restore(")]
    space = {"prune": prune}
    exec(cell.source, space)
    return space["prune_or_restore"]


def pruned(*amounts, bias=False):
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
    if bias:
        prune.l1_unstructured(layer, "bias", amount=0.5)
    for amount in amounts:
        prune.l1_unstructured(layer, "weight", amount=amount)
    return layer


def state(layer):
    """Everything that a call may change: tensors, hooks in their order, and what each lists."""
    hooks = list(layer._forward_pre_hooks.items())
    listed = [list(hook) if isinstance(hook, prune.PruningContainer) else [hook] for _, hook in hooks]
    names = [*layer._parameters, *layer._buffers]
    return hooks, listed, names, [value.tolist() for value in layer.state_dict().values()]


class FailsLate(prune.L1Unstructured):
    def compute_mask(self, t, default_mask):
        raise ValueError("too late")


@pytest.mark.parametrize("earlier", [(), (0.25,), (0.25, 0.25), (0.25, 0.25, 0.25)], ids=len)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("method", "amount"), [(prune.L1Unstructured, 1.5), (FailsLate, 0.5)])
def test_a_refused_call_leaves_the_layer_as_it_was(prune_or_restore, earlier, bias, method, amount):
    layer = pruned(*earlier, bias=bias)
    hooks, listed, names, values = state(layer)
    with pytest.raises(ValueError):
        prune_or_restore(method.apply, layer, "weight", amount=amount)
    after = state(layer)
    assert after[:2] == (hooks, listed)
    assert sorted(after[2]) == sorted(names) and sorted(map(str, after[3])) == sorted(map(str, values))
    layer(torch.ones(1, 6))  # and it still runs


def test_a_call_that_is_taken_prunes(prune_or_restore):
    layer = pruned(0.25, 0.25)
    prune_or_restore(prune.l1_unstructured, layer, "weight", amount=0.5)
    [hook] = layer._forward_pre_hooks.values()
    assert len(hook) == 3 and int(layer.weight_mask.sum()) == 7  # 24 - 6, of these 18 less 4, of these 14 half


def test_five_seeds_in_a_row_show_every_fault():
    tempting = [checks._is_tempting(seed) for seed in SEEDS]
    assert all(any(tempting[first : first + 5]) for first in SEEDS[:-5])
    for step in range(2, 12):
        assert any(tempting[::step][:9]), f"every seed of nine in steps of {step} is harmless"


@pytest.mark.parametrize("seed", SEEDS[:30])
def test_a_situation_is_what_it_says(seed):
    scores, mask = checks._situation(seed)
    left, tempting = scores[mask == 1], checks._is_tempting(seed)
    assert int((left < 0).sum()) == (3 if tempting else 8) and len(left) == (8 if tempting else 12)
    assert (scores[mask == 0] > 0).all() and (mask.sum(1) == 0).sum() == 1
    assert (len(scores.unique()) == 15) is tempting


def test_an_instrument_counts_by_hand():
    """One method that prunes nothing and one that revives all: the numbers follow from the situation."""

    def method(formula):
        parts = {"PRUNING_TYPE": "global", "compute_mask": lambda self, t, default_mask: formula(default_mask)}
        return checks.instrument(type("Method", (prune.BasePruningMethod,), parts), "half")

    seed = next(seed for seed in SEEDS if not checks._is_tempting(seed))  # 12 of 16 are left
    assert [method(lambda old: old)(layer, seed) for layer in checks.LAYERS] == [8, 6, 6]
    assert [method(torch.ones_like)(layer, seed) for layer in checks.LAYERS] == [8, 10, 10]
    assert [method(lambda old: old[0])(layer, seed) for layer in ("fresh", "alone")] == [16, 16]
