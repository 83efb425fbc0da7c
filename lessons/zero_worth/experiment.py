"""What the lesson zero_worth measures with: a pruned weight, and a race between calls."""

from torch import nn
from torch.nn.utils import prune

from course_utils import timing


def pruned(left, width=1024):
    """A weight of width × width, random as in a new layer, of which the largest are left: a share of `left`."""
    layer = nn.Linear(width, width, bias=False)
    prune.l1_unstructured(layer, "weight", amount=1 - left)
    prune.remove(layer, "weight")
    return layer.weight.detach()


def race(x, *calls, **weights):
    """The fastest of several turns, in seconds, of each ``call(x, weight)``: "name of the weight, name of the call" -> s."""
    jobs = {
        f"{name}, {call.__name__}": lambda call=call, weight=weight: call(x, weight)
        for call in calls
        for name, weight in weights.items()
    }
    return {name: min(seconds) for name, seconds in timing.compare(jobs, device="cpu").samples.items()}
