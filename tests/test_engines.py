"""The int8 engines of this PyTorch: the one taken is there, and the one before comes back."""

import pytest
import torch

from course_utils import engines


def test_the_best_engine_is_one_that_torch_has():
    assert engines.best() in torch.backends.quantized.supported_engines
    assert engines.best() == engines.available()[0]


def test_without_any_engine_the_error_says_so(monkeypatch):
    monkeypatch.setattr(engines, "available", lambda: [])
    with pytest.raises(LookupError, match="without any int8 engine"):
        engines.best()


def test_none_is_no_engine():
    with pytest.raises(LookupError, match=f"'none' is not in this PyTorch; it has {engines.best()}"), \
            engines.use("none"):
        pass
