"""A model on few levels, for the lesson adapters: its layers, and what is done with a whole model."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import language
from course_utils.runtime import quick


class LowBits(nn.Module):
    """A linear layer on levels: packed codes, and for each row a lowest value and a step in 16 bits."""

    def __init__(self, layer, bits):
        super().__init__()
        weight, self.bits = layer.weight.detach(), bits
        low, high = weight.aminmax(dim=1, keepdim=True)
        self.register_buffer("low", low.half())
        self.register_buffer("step", ((high - low) / (2**bits - 1)).clamp(min=1e-6).half())
        self.register_buffer("packed", None)
        self.register_buffer("weight", None, persistent=False)  # the numbers that the codes stand for; not in the file
        self.write(weight)

    def write(self, weight):
        """Put each weight on the nearest level of its row."""
        codes = ((weight - self.low.float()) / self.step.float()).round().clamp(0, 2**self.bits - 1)
        digits = np.unpackbits(codes.byte().numpy()[..., None], axis=-1)[..., -self.bits :]
        self.packed = torch.from_numpy(np.packbits(digits))
        self.weight = codes * self.step.float() + self.low.float()

    def forward(self, x):
        return F.linear(x, self.weight)


class LoRA(nn.Module):
    """The class that section 2 explains."""

    def __init__(self, layer, rank=4, alpha=8):
        super().__init__()
        rows, columns = layer.weight.shape
        self.layer, self.scale = layer, alpha / rank
        self.a = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)


def matrices(model):
    """The names of the linear layers in the blocks: blocks.0.qkv, …"""
    return [f"blocks.{n}.{name}" for n in range(len(model.blocks)) for name in ("qkv", "out", "up", "down")]


def _changed(model, change):
    model = copy.deepcopy(model).requires_grad_(False)
    for name in matrices(model):
        model.set_submodule(name, change(model.get_submodule(name)))
    return model


def on_levels(model, bits):
    """A frozen copy whose matrices in the blocks stand on 2^bits levels a row."""
    return _changed(model, lambda layer: LowBits(layer, bits))


def attach(model, adapter=LoRA, seed=0):
    """A frozen copy with an adapter beside each matrix in the blocks."""
    torch.manual_seed(seed)
    return _changed(model, adapter)


def train(model, text, rate=0.003, seed=0, steps=32):
    """Train what asks for a gradient, in steps on two pieces of 128 characters each."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate)
    for piece in language.batches(text, steps=2 if quick() else steps, length=128, seed=seed):
        logits = model(piece[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def delta(lora):
    """What an adapter adds to the weights of its layer."""
    return (lora.scale * lora.b @ lora.a).detach()


def into_codes(model):
    """A copy in which each adapter is added to its weights, and each sum goes to the nearest level of its row."""

    def merge(lora):
        layer = copy.deepcopy(lora.layer)
        layer.write(lora.layer.weight + delta(lora))
        return layer

    return _changed(model, merge)


def in_float(model):
    """A copy in which each adapter is added to its weights, and the sums stay floats."""

    def merge(lora):
        layer = nn.Linear(*lora.layer.weight.shape[::-1], bias=False)
        layer.weight = nn.Parameter(lora.layer.weight + delta(lora), requires_grad=False)
        return layer

    return _changed(model, merge)


def shuffled(model, seed=0):
    """A copy in which each adapter became a float change of the weights, the same numbers at random places."""
    torch.manual_seed(seed)

    def merge(lora):
        layer, change = copy.deepcopy(lora.layer), delta(lora)
        layer.weight = lora.layer.weight + change.flatten()[torch.randperm(change.numel())].view_as(change)
        return layer

    return _changed(model, merge)


def moved(new, old):
    """How many weights in the blocks have another level than before, and of how many."""
    pairs = [(new.get_submodule(name).weight, old.get_submodule(name).weight) for name in matrices(old)]
    return sum((a != b).sum().item() for a, b in pairs), sum(b.numel() for _, b in pairs)


def pieces(ids, first=0, n=16, length=512):
    """n pieces of a text from the first one on, each of `length` characters and the one after; fewer in a short text."""
    n = min(2, n) if quick() else n
    held = ids[: len(ids) // (length + 1) * (length + 1)].view(-1, length + 1)
    return held[first : first + n] if len(held) >= first + n else held[-n:]


@torch.no_grad()
def logits(model, held):
    """What a model expects in each place of these pieces, and what came: (n, length, 96) and (n, length)."""
    return model(held[:, :-1]), held[:, 1:]
