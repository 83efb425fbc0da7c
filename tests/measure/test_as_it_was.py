"""Whatever measures a model leaves it as it was: modes, statistics, ranges, gradients, hooks, and the random state."""

import random

import pytest
import torch
from _legacy import KNOWN
from torch import nn

from course_utils import energy, training
from course_utils.audit import audit
from course_utils.legacy_int8 import tq
from course_utils.sizes import size_report
from course_utils.sparsity import sparsity_report
from course_utils.tensors import as_it_was

pytestmark = KNOWN
IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0])
MEASUREMENTS = {
    "evaluate": lambda net: training.evaluate(net, IMAGES, LABELS),
    "audit": lambda net: audit(net, IMAGES),
    "macs": lambda net: energy.count_macs(net, IMAGES),
    "energy": lambda net: energy.estimate(net, IMAGES[:1]),
    "size": lambda net: size_report(net),
    "sparsity": sparsity_report,
}


def half_frozen():
    """A network that trains, with gradients, its batch norm frozen, as somebody has it who tunes one of torchvision."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten())
    net.append(nn.utils.parametrizations.spectral_norm(nn.Linear(144, 3)))
    net[1].eval()
    net(IMAGES).sum().backward()
    return net


def fake_quantized():
    """One whose observers see what passes, in evaluation mode too."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    net.qconfig = tq.get_default_qat_qconfig(torch.backends.quantized.engine)
    return tq.prepare_qat(net)


def seen(net):
    hooks = [(list(m._forward_hooks), list(m._forward_pre_hooks), m.training) for m in net.modules()]
    gradients = [None if p.grad is None else p.grad.clone() for p in net.parameters()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    return state, gradients, hooks, torch.get_rng_state(), random.getstate()


@pytest.mark.parametrize("make", [half_frozen, fake_quantized])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measuring_changes_nothing(make, name):
    net = make()
    before = seen(net)
    MEASUREMENTS[name](net)
    for old, new in zip(before[:2], seen(net)[:2], strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0, equal_nan=True)
    assert seen(net)[2] == before[2] and seen(net)[4] == before[4] and torch.equal(seen(net)[3], before[3])


def test_what_a_run_writes_is_written_back():
    net = nn.Sequential(nn.Embedding(5, 4, max_norm=0.1), tq.HistogramObserver(), tq.PerChannelMinMaxObserver())
    before = seen(net)[0]
    with pytest.raises(KeyError), as_it_was(net):
        net(torch.tensor([1, 2]))
        raise KeyError
    torch.testing.assert_close(seen(net)[0], before, rtol=0, atol=0, equal_nan=True)
    net(torch.tensor([1, 2]))  # and the observers, which had been resized, see again
    assert len(net[2].min_val) == 2


@pytest.mark.parametrize("name", MEASUREMENTS)
@pytest.mark.parametrize(("net", "remedy"), [(nn.LazyConv2d(3, 3), "model.x."), (nn.Conv2d(1, 3, 3), "assign=True")])
def test_a_tensor_without_values_is_named(name, net, remedy):
    net = nn.Sequential(net if "Lazy" in repr(net) else net.to("meta"))
    with pytest.raises(ValueError, match=f"'0.weight' .*values.*{remedy}"):
        MEASUREMENTS[name](net)
