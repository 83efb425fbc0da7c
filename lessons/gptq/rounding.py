"""Weights of a layer on few levels, a grid for each group: each to the nearest level, or looking ahead (GPTQ)."""

from pydoc_data.topics import topics  # chapters of Python's manual, as help() prints them

import torch

from course_utils import real_models


def grid(weight, bits, group=32):
    """(low, step) of each weight's group, in the shape of `weight` (rows, columns): a group is neighbours in a row.

    Its levels go from its lowest weight to its highest: low + 0, 1, … 2**bits - 1 steps, as in the lesson weight_only.
    """
    low, high = weight.unflatten(1, (-1, group)).aminmax(dim=2)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-8)
    return low.repeat_interleave(group, 1), step.repeat_interleave(group, 1)


def nearest(weight, low, step, bits):
    """Each weight on the level that is nearest to it; `low` and `step` have its shape."""
    return low + step * ((weight - low) / step).round().clamp(0, 2**bits - 1)


def gptq(weight, H, low, step, bits, damp=0.0):
    """Column after column; those that are still free make up for its error (Frantar et al., 2022, arXiv:2210.17323).

    It does what the lesson's loop does, for all rows at once. Row j of the Cholesky factor of the inverse holds, up to a
    factor, the shares that the loop solves for when column j comes. Columns further right are changed later, many at
    once.

    Args:
        weight, low, step: float (rows, columns).
        H: mean products of the inputs, float (columns, columns).
        damp: added to the diagonal, as a share of its mean, so that H has an inverse.
    """
    H = H + damp * H.diagonal().mean() * torch.eye(len(H))
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(H)), upper=True)
    left, low, step = weight.T.clone(), low.T, step.T  # a column of the weight is a row here
    for start in range(0, len(left), 32):
        stop, shares = min(start + 32, len(left)), []
        for j in range(start, stop):
            level = nearest(left[j], low[j], step[j], bits)
            shares.append((level - left[j]) / factor[j, j])
            left[j:stop] += torch.outer(factor[j, j:stop], shares[-1])
            left[j] = level
        left[stop:] += factor[start:stop, stop:].T @ torch.stack(shares)
    return left.T.contiguous()


def wrong_pairs(H, seed=0):
    """The same mean squares of the inputs and the same correlations, but between other pairs of inputs."""
    size = H.diagonal().sqrt()
    order = torch.randperm(len(size), generator=torch.Generator().manual_seed(seed))
    return (H / size[:, None] / size)[order][:, order] * size[:, None] * size


@torch.no_grad()
def layer_of_smollm2():
    """A layer of SmolLM2's fourth block, and what enters it in two chapters of Python's manual, a row for each token."""
    model, tokenizer = real_models.smollm2()
    model.model.layers = model.model.layers[:4]  # none behind it is needed
    layer, inputs = model.model.layers[-1].self_attn.q_proj, []
    hook = layer.register_forward_pre_hook(lambda layer, args: inputs.append(args[0][0]))
    for chapter in ("specialnames", "execmodel"):
        model.model(tokenizer(topics[chapter], return_tensors="pt")["input_ids"][:, :2048])
    hook.remove()
    return layer, *inputs
