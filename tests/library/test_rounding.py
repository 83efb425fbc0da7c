"""Rounding of the lesson gptq, for all rows at once: to the nearest level, and looking ahead."""

import pytest
import torch

from lessons.gptq import rounding


@pytest.fixture
def layer():
    """A weight, and mean products of inputs that are alike, of which one is large."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(400, 64, generator=draw) + torch.randn(400, 1, generator=draw)
    x[:, 3] *= 8
    return torch.randn(6, 64, generator=draw), x.T @ x / 400


def error(change, H):
    return ((change @ H) * change).sum().item()


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_every_weight_is_on_a_level_of_its_group(layer, bits):
    weight, H = layer
    low, step = rounding.grid(weight, bits, group=32)
    assert step.shape == weight.shape and all(len(row.unique()) == 2 for row in step)
    for new in (rounding.nearest(weight, low, step, bits), rounding.gptq(weight, H, low, step, bits)):
        codes = (new - low) / step
        assert torch.allclose(codes, codes.round(), atol=1e-4)
        assert codes.round().min() == 0 and codes.round().max() == 2**bits - 1


def test_the_fast_one_does_what_the_loop_of_the_lesson_does(layer):
    weight, H = (part.double() for part in layer)
    grid = rounding.grid(weight, 3)
    loop = weight.clone()
    for j in range(len(H)):
        loop[:, j] = rounding.nearest(loop[:, j], *(part[:, j] for part in grid), 3)
        done, free = slice(0, j + 1), slice(j + 1, None)
        errors = (loop - weight)[:, done]
        loop[:, free] = weight[:, free] + torch.linalg.solve(H[free, free], -H[free, done] @ errors.T).T
    assert torch.allclose(rounding.gptq(weight, H, *grid, 3), loop, atol=1e-9)


def test_without_pairs_it_is_round_to_nearest_and_with_wrong_ones_it_is_worse(layer):
    weight, H = layer
    grid = rounding.grid(weight, 3)
    nearest, ahead = rounding.nearest(weight, *grid, 3), rounding.gptq(weight, H, *grid, 3)
    assert torch.equal(rounding.gptq(weight, H.diagonal().diag(), *grid, 3), nearest)
    assert error(ahead - weight, H) < 0.7 * error(nearest - weight, H)
    assert (ahead - weight).norm() > (nearest - weight).norm()
