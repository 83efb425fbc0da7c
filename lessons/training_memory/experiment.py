"""What the lesson training_memory measures: the memory and the operations of a training step on 64 images."""

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, timing

MB = 1e6
images, labels = data.load("fashion_mnist", n=64)
_hidden = [nn.Sequential(nn.Linear(1024, 1024), nn.ReLU()) for _ in range(3)]
wide = nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), *_hidden, nn.Linear(1024, 10))


def loss_of(model, n=None):
    """The loss of the first `n` images, or of all."""
    return F.cross_entropy(model(images[:n]), labels[:n])


def _backward(model, parts):
    for some, answers in zip(images.chunk(parts), labels.chunk(parts), strict=True):
        (F.cross_entropy(model(some), answers) / parts).backward()


def trained_once(network, kind=torch.optim.AdamW):
    """A copy of a network and its optimizer after one training step: there are states, and no gradients."""
    model = copy.deepcopy(network)
    optimizer = kind(model.parameters(), lr=1e-3)
    optimizer.zero_grad()
    _backward(model, parts=1)
    optimizer.step()
    optimizer.zero_grad()
    return model, optimizer


def kept_mb(model, optimizer):
    """MB that are in memory between two training steps: (the weights, the states of the optimizer)."""
    states = [t for state in optimizer.state.values() for t in state.values()]
    return [sum(t.nbytes for t in tensors) / MB for tensors in (list(model.parameters()), states)]


def peak_mb(network, kind=torch.optim.AdamW, parts=1):
    """The most memory in use at any moment of the second training step, in MB: weights, states, and what comes on top.

    Args:
        network: it is copied.
        kind: class of the optimizer.
        parts: how many parts the batch of 64 images is fed in.
    """
    model, optimizer = trained_once(network, kind)

    def step():
        _backward(model, parts)
        optimizer.step()
        optimizer.zero_grad()

    return sum(kept_mb(model, optimizer)) + timing.peak_bytes(step, device="cpu") / MB


def levels_mb(network):
    """Name of the phase -> MB in use after each change in it, for the second training step with AdamW."""
    model, optimizer = trained_once(network)
    held, changes, done = {}, [], {}
    phases = {
        "forward": lambda: held.update(loss=loss_of(model)),
        "backward": lambda: held.pop("loss").backward(),
        "AdamW": optimizer.step,
    }
    # The release of what is older than a measurement isn't seen in it. So each one begins with the forward pass, and
    # goes on for one phase more than the one before.
    for n, name in enumerate(phases, 1):
        before = len(changes)
        with timing.Timer(device="cpu", memory=True) as timer:
            for phase in list(phases.values())[:n]:
                phase()
        changes = timer.levels
        held.clear()
        optimizer.zero_grad()
        done[name] = [sum(kept_mb(model, optimizer)) + level / MB for level in changes[max(before - 1, 0) :]]
    return done


def activations_mb(model, n=None):
    """MB that autograd saves in a forward pass of `n` images, each tensor once, without weights and images."""
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = loss_of(model, n)  # alive until the end, so that no address is used twice
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), images, labels, loss)}
    return sum(n_bytes for address, n_bytes in saved.items() if address not in own) / MB


def operations(network):
    """Floating-point operations of the products in a training step."""
    with FlopCounterMode(display=False) as counter:
        gradient(network)
    return counter.get_total_flops()


def gradient(network):
    """The gradient of the loss of all images, a flat tensor; the network itself gets none."""
    model = copy.deepcopy(network)
    model.zero_grad()
    loss_of(model).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])
