"""The one room that knows torch.ao: its warnings have one list, and a PyTorch without it says what to do."""

import sys
import warnings

import pytest
import torch
from torch import nn

from course_utils import legacy_int8


def old_int8():
    """Quantize and trace a network in a way that gives warnings of both lists."""
    model = nn.Sequential(legacy_int8.tq.QuantStub(), nn.Linear(4, 4), legacy_int8.tq.DeQuantStub()).eval()
    model.qconfig = legacy_int8.tq.get_default_qconfig(legacy_int8.best())
    return legacy_int8.tq.convert(legacy_int8.tq.prepare(model))  # no observer has seen anything


def test_quiet_holds_back_what_is_known_and_puts_the_filters_back():
    before = list(warnings.filters)
    with legacy_int8.quiet():
        old_int8()
    assert warnings.filters == before


def test_a_pytorch_without_it_says_which_one_has_it(monkeypatch):
    monkeypatch.delattr(torch.ao, "quantization")
    monkeypatch.setitem(sys.modules, "torch.ao.quantization", None)
    with pytest.raises(ImportError, match="has no torch.ao.quantization any more.*constraints.txt"):
        legacy_int8.tq  # noqa: B018 - it is the look-up that raises
    with pytest.raises(AttributeError, match="no attribute 'tqq'"):
        legacy_int8.tqq  # noqa: B018
