"""The int8 engines of this PyTorch: the one taken is there, and the one before comes back."""

import pytest
import torch

from course_utils import legacy_int8


def test_the_best_engine_is_one_that_torch_has():
    assert legacy_int8.best() in torch.backends.quantized.supported_engines
    assert legacy_int8.best() == legacy_int8.available()[0]


def test_without_any_engine_the_error_says_so(monkeypatch):
    monkeypatch.setattr(legacy_int8, "available", lambda: [])
    with pytest.raises(LookupError, match="without any int8 engine"):
        legacy_int8.best()


def test_none_is_no_engine():
    with (
        pytest.raises(LookupError, match=f"'none' is not in this PyTorch; it has {legacy_int8.best()}"),
        legacy_int8.use("none"),
    ):
        pass
