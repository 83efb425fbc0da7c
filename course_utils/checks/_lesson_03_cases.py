"""Inputs on which lesson 03's checks run an answer; each list has cases that separate the known mistakes."""

from __future__ import annotations

import torch


def rows() -> list[tuple]:
    """(x, scale, zero_point, qmin, qmax): values outside the range, half-way ones, a square matrix."""
    scale = torch.tensor([0.03, 0.017])
    half_way = torch.tensor([[-56.5, -58.5, 4.5], [-3.5, -5.5, -89.5]]) * scale[:, None]  # exact in fp32 only
    return [(torch.tensor([[0.9, -1.6], [0.334, 2.48]]), torch.tensor([0.5, 0.02]), torch.tensor([0, 5]), -128, 127),
            (torch.tensor([[-3.0, 0.14, 20.0]]), torch.tensor([0.05]), torch.tensor([10]), 0, 255),
            (half_way, scale, torch.tensor([0, 3]), -128, 127),
            (torch.tensor([[-9.0, 9.0, 6.6]]), torch.tensor([1.0]), torch.tensor([-2]), -8, 7),
            (torch.zeros(1, 2), torch.ones(1), torch.tensor([0]), -128, 127)]


def _int8(rows: int, columns: int, seed: int, *, low: int = -128, high: int = 128) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (rows, columns), generator=generator).to(torch.int8)


def products() -> list[tuple]:
    """(xq, x_zero, wq, w_zero): small sums, sums that overflow 8 and 16 bits, differences that overflow 8."""
    return [(_int8(2, 3, 0, low=-3, high=4), 0, _int8(4, 3, 1, low=-3, high=4), 0),
            (_int8(3, 64, 2), 5, _int8(2, 64, 3), 0), (_int8(2, 50, 4), -7, _int8(3, 50, 5), 11),
            (_int8(2, 784, 6, low=100), -100, _int8(3, 784, 7, low=90), 3), (_int8(1, 9, 8), 0, _int8(5, 9, 9), -2),
            (torch.zeros(1, 3, dtype=torch.int8), 0, torch.zeros(1, 3, dtype=torch.int8), 0)]


def ranges() -> list[list[torch.Tensor]]:
    """Batches that an observer sees in a row: with outliers, of one sign, narrower than the one before."""
    generator = torch.Generator().manual_seed(4)

    def noise(*shape, shift=0.0):
        return torch.randn(shape, generator=generator) + shift
    outlier = noise(200)
    outlier[17] = 60.0
    low_outlier = noise(8, 25, shift=-2.0)
    low_outlier[3, 3] = -80.0
    negative = noise(64, shift=-9.0)
    return [[outlier], [noise(300), noise(10, 10), noise(40) * 0.1], [noise(50) * 3, outlier, noise(30)],
            [low_outlier, noise(60, shift=1.0)], [negative, negative * 0.5], [torch.zeros(4)]]


def clips() -> list[tuple]:
    """(values, candidates, bits); the largest |value| is always the last candidate."""
    generator = torch.Generator().manual_seed(5)

    def case(values, bits, n=20):
        top = values.abs().max().item()
        return values, [top * (i + 1) / n for i in range(n)], bits
    normal, mixed = (torch.randn(2000, generator=generator) for _ in range(2))
    mixed[::100] *= 4
    outlier = normal.clone()
    outlier[0] = 30.0
    even = torch.empty(2000).uniform_(-1, 1, generator=generator)
    return [case(normal, 4), case(mixed, 3), case(mixed, 6), case(normal * 0.02, 2), case(even, 8),
            case(outlier, 8, n=100), case(mixed.pow(3), 4), (torch.tensor([-1.0, 0.5, 1.0]), [1.0], 4)]
