"""What the lesson on pruning methods hands out: a call that leaves no trace when it is refused."""

import _course
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import syllabus


@pytest.fixture(scope="module")
def prune_or_restore():
    """The function, as the lesson defines it."""
    nb = _course.text(syllabus.lessons()["own_method"])
    [cell] = [cell for cell in nb.cells if cell.source.startswith("def prune_or_restore(")]
    space = {"prune": prune}
    exec(cell.source, space)
    return space["prune_or_restore"]


def pruned(*amounts):
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
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


@pytest.mark.parametrize("earlier", [(), (0.25,), (0.25, 0.25)], ids=len)
@pytest.mark.parametrize(("method", "amount"), [(prune.L1Unstructured, 1.5), (FailsLate, 0.5)])
def test_a_refused_call_leaves_the_layer_as_it_was(prune_or_restore, earlier, method, amount):
    layer = pruned(*earlier)
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
