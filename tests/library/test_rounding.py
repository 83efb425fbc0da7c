"""Rounding to a few bits: to nearest, looking ahead, scaled first, and the rotation."""

import pytest
import torch

from lessons.gptq import rounding


@pytest.fixture
def layer():
    """A weight, and products of inputs of which neighbours are alike and one is large."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(6, 16, generator=draw)
    x = torch.randn(300, 16, generator=draw) + 1.5 * torch.randn(300, 1, generator=draw)
    x[:, 3] *= 8
    return weight, x.T @ x / 300, x.abs().mean(0)


def by_the_letter(w, hessian, step):
    """GPTQ of one row as the lesson shows it."""
    w, inverse = w.clone(), torch.linalg.inv(hessian)
    for j in range(len(w)):
        error = w[j] - step * torch.round(w[j] / step)
        w[j:] -= error * inverse[j, j:] / inverse[j, j]
        inverse = inverse - torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    return w


def test_every_weight_is_on_a_level_of_its_group(layer):
    weight, hessian, size = layer
    for new in (
        rounding.to_nearest(weight, 2, 8),
        rounding.to_nearest(weight, 2, 8, rounding.CLIPS),
        rounding.gptq(weight, hessian, 2, 8),
    ):
        assert all(len(part.unique()) <= 4 for part in new.view(-1, 8))


def test_the_fast_one_does_what_the_one_for_a_row_does(layer):
    weight, hessian, _ = layer
    step = torch.full((6, 1), 0.25)
    zero = torch.full((6, 1), 128.0)
    fast = rounding.gptq(weight.double(), hessian.double(), 8, 16, damp=0, grids=(step.double(), zero.double()))
    for row, expected in zip(weight.double(), fast, strict=True):
        assert torch.allclose(by_the_letter(row, hessian.double(), 0.25), expected, atol=1e-9)


def test_a_diagonal_hessian_gives_round_to_nearest(layer):
    weight, hessian, _ = layer
    for diagonal in (torch.eye(16), torch.diag(hessian.diagonal())):
        assert torch.equal(rounding.gptq(weight, diagonal, 2, 8), rounding.to_nearest(weight, 2, 8))


def test_the_error_of_the_outputs_falls_and_that_of_the_weights_need_not(layer):
    weight, hessian, size = layer
    nearest, ahead = rounding.to_nearest(weight, 3, 8), rounding.gptq(weight, hessian, 3, 8)
    assert rounding.output_error(ahead - weight, hessian) < rounding.output_error(nearest - weight, hessian)
    scaled, power = rounding.scaled_first(weight, hessian, size, 3, 8)
    assert rounding.output_error(scaled - weight, hessian) <= rounding.output_error(nearest - weight, hessian)
    assert power in rounding.POWERS


def test_a_hadamard_matrix_is_a_rotation():
    for n in (1, 2, 8, 128):
        matrix = rounding.hadamard(n)
        assert torch.allclose(matrix @ matrix.T, torch.eye(n), atol=1e-5)
        assert torch.allclose(matrix.abs(), torch.full((n, n), n**-0.5))
    with pytest.raises(ValueError, match="n = 12 is no power of two"):
        rounding.hadamard(12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_weight_keeps_its_type_whatever_that_of_the_hessian(layer, dtype):
    weight, hessian, size = layer
    near = rounding.to_nearest(weight.to(dtype), 3, 8)
    ahead = rounding.gptq(weight.to(dtype), hessian, 3, 8)
    scaled, _ = rounding.scaled_first(weight.to(dtype), hessian, size, 3, 8)
    assert near.dtype == ahead.dtype == scaled.dtype == dtype
    assert rounding.gptq(weight, hessian.to(dtype), 3, 8).dtype == torch.float32
    error = [rounding.output_error(new - weight.to(dtype), hessian) for new in (ahead, near)]
    assert error[0] < error[1] and all(len(part.unique()) <= 8 for part in ahead.view(-1, 8))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda h: h * 0, "no calibration input reached this layer"),
        (lambda h: h * float("nan"), "no calibration input reached this layer"),
        (lambda h: -h, "damp=0.1"),
        (lambda h: h[:8, :8], r"\(16, 16\), got \(8, 8\)"),
    ],
)
def test_a_hessian_that_says_nothing_is_refused(layer, damage, words):
    weight, hessian, _ = layer
    with pytest.raises(ValueError, match=words):
        rounding.gptq(weight, damage(hessian), 3, 8)


def test_few_inputs_dead_ones_and_large_ones_are_rounded(layer):
    weight, hessian, _ = layer
    for x in (torch.randn(2, 16), torch.randn(50, 16).index_fill(1, torch.tensor(3), 0), 1e4 * torch.randn(50, 16)):
        assert torch.isfinite(rounding.gptq(weight, x.T @ x / len(x), 3, 8)).all()


def test_groups_that_do_not_fit_are_refused(layer):
    weight, hessian, _ = layer
    for way in (lambda: rounding.to_nearest(weight, 2, 5), lambda: rounding.gptq(weight, hessian, 2, 5)):
        with pytest.raises(ValueError, match="groups of 5 do not fit: a row has 16 weights"):
            way()
