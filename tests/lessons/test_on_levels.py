"""What the drawing of static counts: which levels hold a value, and which values above 0 become 0."""

import pytest
import torch

from lessons.static import show


def test_on_levels_by_hand():
    """Levels 0, 2, 4, 6: of five values above 0 two lie below 1, and 9 is clipped to 6."""
    used, lost = show.on_levels(torch.tensor([0.0, 0.0, 0.4, 0.9, 2.1, 3.8, 9.0]), 2.0, 3)
    assert (used, lost) == (4, 40.0)


@pytest.mark.parametrize("scale", [0.01, 0.3, 5.0])
def test_on_levels_against_the_slow_way(scale):
    """Counted one by one, in plain Python."""
    values = torch.relu(torch.randn(500, generator=torch.Generator().manual_seed(0)))
    stored = [min(round(v), 7) for v in (values / scale).tolist()]
    above = [q for q, v in zip(stored, values.tolist(), strict=True) if v > 0]
    used, lost = show.on_levels(values, scale, 7)
    assert used == len(set(stored))
    assert lost == pytest.approx(100 * above.count(0) / len(above))
