"""What the lesson turn_it does to a Llama: its parts, folded norms, rotations, SmoothQuant by hand, and rounded inputs."""

import copy
from contextlib import contextmanager

import torch
from torch import nn


def readers(block):
    """[(norm, the linear layers that read what it gives out)] of a block."""
    attn, mlp = block.self_attn, block.mlp
    return [
        (block.input_layernorm, [attn.q_proj, attn.k_proj, attn.v_proj]),
        (block.post_attention_layernorm, [mlp.gate_proj, mlp.up_proj]),
    ]


def writers(block):
    """The linear layers of a block whose outputs are added to the residual stream."""
    return [block.self_attn.o_proj, block.mlp.down_proj]


def all_readers(model):
    """The linear layers of all blocks that read the residual stream."""
    return [layer for block in model.model.layers for _, layers in readers(block) for layer in layers]


def norms(model):
    """[(norm, the linear layers that read what it gives out)] of a whole model; the head reads the last norm."""
    return [(model.model.norm, [model.lm_head]), *(pair for block in model.model.layers for pair in readers(block))]


def untie(model):
    """Give the head weights of its own, which begin as those of the embedding."""
    model.lm_head.weight = nn.Parameter(model.lm_head.weight.clone(), requires_grad=False)


def fold(model):
    """Move the gain of each norm into the layers that read it; the head must be untied."""
    for norm, layers in norms(model):
        for layer in layers:
            layer.weight.mul_(norm.weight)
        norm.weight.fill_(1)


def rotate(model, q):
    """Turn the residual stream: a row x becomes x @ q; the gains must be folded."""
    for layer in (model.model.embed_tokens, model.lm_head, *all_readers(model)):
        layer.weight.copy_(layer.weight @ q)
    for block in model.model.layers:
        for layer in writers(block):
            layer.weight.copy_(q.T @ layer.weight)


def rotated_copy(model, q):
    """A copy that computes the same: head untied, gains folded, residual stream turned."""
    new = copy.deepcopy(model)
    untie(new)
    fold(new)
    rotate(new, q)
    return new


def random_rotation(n, seed):
    """A random orthogonal matrix (n, n): the directions of random vectors, each made perpendicular to those before."""
    generator = torch.Generator().manual_seed(seed)
    q, r = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    return (q * r.diagonal().sign()).float()


def permutation(n, seed):
    """An orthogonal matrix that only changes the order of the features."""
    return torch.eye(n)[torch.randperm(n, generator=torch.Generator().manual_seed(seed))]


def hadamard_576(seed):
    """A Hadamard matrix of 576 rows over the root of 576, its rows with random signs: all entries are of one size.

    The one of order 12 is Paley's: it asks which differences are squares modulo 11.
    """
    squares = {i * i % 11 for i in range(1, 11)}
    twelve = torch.ones(12, 12)
    twelve[1:, 0] = -1
    for i in range(11):
        for j in range(11):
            twelve[i + 1, j + 1] = 1 if i == j or (j - i) % 11 in squares else -1
    two = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    h = torch.kron(torch.kron(twelve, twelve), torch.kron(two, two))
    signs = torch.randint(2, (576, 1), generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return signs * h / 24


def smooth(model, largest, alpha):
    """SmoothQuant: divide each feature of a norm's output by its factor, and multiply the weights that read it.

    Args:
        largest: layer -> the largest size of each feature of its inputs on some text, (features,).
        alpha: how much of an outlier goes over to the weights; with 1, all features become equally large on that text.

    Source: G. Xiao et al., "SmoothQuant", 2022, arXiv:2211.10438, equation 4.
    """
    for block in model.model.layers:
        for norm, layers in readers(block):
            weights = torch.stack([layer.weight.abs().amax(0) for layer in layers]).amax(0)
            factors = largest[layers[0]].clamp(min=1e-5) ** alpha / weights.clamp(min=1e-5) ** (1 - alpha)
            norm.weight.div_(factors)
            for layer in layers:
                layer.weight.mul_(factors)


@contextmanager
def watched(layers, see):
    """In its block, `see(layer, inputs)` is called with each layer's inputs; what it returns replaces them."""
    hooks = [layer.register_forward_pre_hook(lambda layer, inputs: see(layer, inputs[0])) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def to_levels(x, bits):
    """x on the levels that lie evenly on both sides of 0, up to its largest number."""
    step = x.abs().max() / (2 ** (bits - 1) - 1)
    return step * torch.round(x / step)


@contextmanager
def rounded_inputs(model, bits):
    """In its block, every layer that reads the residual stream gets its inputs on levels."""
    with watched(all_readers(model), lambda _, x: to_levels(x, bits)):
        yield
