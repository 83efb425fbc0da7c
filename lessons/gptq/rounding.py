"""Weights of a layer on few levels, a grid for each group: each to the nearest level, or looking ahead (GPTQ)."""

import torch

from course_utils import language


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

    It gives what the lesson's loop gives. The loop repairs all errors so far anew for each column. Here only the newest
    error is repaired, on top of the repairs before it: row j of the Cholesky factor of the inverse holds, up to a
    factor, how far each free column moves for it. Columns further right are changed later, many at once.

    Args:
        weight, low, step: float (rows, columns).
        H: mean products of the inputs, float (columns, columns).
        damp: added to the diagonal, as a fraction of its mean, so that H has an inverse.
    """
    H = H + damp * H.diagonal().mean() * torch.eye(len(H))
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(H)), upper=True)
    left, low, step = weight.T.clone(), low.T, step.T  # a column of the weight is a row here
    for start in range(0, len(left), 32):
        stop, scaled_errors = min(start + 32, len(left)), []
        for j in range(start, stop):
            level = nearest(left[j], low[j], step[j], bits)
            scaled_errors.append((level - left[j]) / factor[j, j])
            left[j:stop] += torch.outer(factor[j, j:stop], scaled_errors[-1])
            left[j] = level
        left[stop:] += factor[start:stop, stop:].T @ torch.stack(scaled_errors)
    return left.T.contiguous()


@torch.no_grad()
def inputs_of(net, layer, ids):
    """What enters a layer while the small Transformer reads eight pieces of a text, a row for each character.

    Args:
        net: a `language.CharTransformer`.
        layer: one of its linear layers.
        ids: int64 (N,), of `language.encode`.
    Returns:
        float (characters, columns of the layer's weight).
    """
    seen = []
    hook = layer.register_forward_pre_hook(lambda layer, args: seen.append(args[0].flatten(0, -2)))
    net(language.batches(ids, steps=1, batch_size=8)[0, :, :-1])
    hook.remove()
    return seen[0]
