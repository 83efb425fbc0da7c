"""Comparing and showing values: what holds a number does not matter, and nothing raises."""

import math
from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch

from course_utils.checks.values import same, show


def test_what_counts_as_the_same():
    assert same(2, 2.0) and same(2, torch.tensor([2])) and same(torch.tensor(2.0), np.float32(2))
    assert same(0.5, Fraction(1, 2)) and same(0.5, Decimal("0.5")) and same(True, np.bool_(True))
    assert same([1, (2, 3)], (1, [2, 3])) and same({"a": 1}, {"a": 1.0}) and same([1, 2], np.array([1, 2]))
    assert same([0, 1], range(2)) and same([0, 1], deque([0, 1])) and same({1, 2}, {1: 0, 2: 0}.keys())
    assert same(100.0, 100.0001, rtol=1e-5) and not same(100.0, 100.1, rtol=1e-5)
    assert same(torch.tensor([1.0, math.nan]), [1.0, math.nan]) and same(math.inf, math.inf)
    assert same(10**400, 10**400) and not same(10**400, 10**400 + 1) and not same(1.0, 10**400)
    assert same(torch.tensor([4.0, 1e-7]), torch.tensor([4.0, 3e-7]), rtol=1e-5)  # what is left of terms that cancel
    assert not same(torch.tensor([4.0, 1e-7]), torch.tensor([4.0, 1e-5]), rtol=1e-5)
    assert not same(torch.tensor([4.0, 1e-7]), torch.tensor([4.0, 3e-7])) and not same(1e-7, 3e-7, rtol=1e-5)
    assert not same(torch.zeros(2, 1), torch.zeros(1, 2))
    assert same(2.0, torch.tensor([2.0])) and not same(2.0, torch.tensor([[2.0]]))
    assert not same(torch.zeros(1), torch.zeros(1, 1, 1, 1)) and not same(torch.zeros(1, 1), 0.0)
    assert not same({"a": 1}, {"b": 1}) and not same([1], [1, 2]) and not same("a", 1)
    assert not same(1, "1") and not same(True, "yes") and not same(1, True) and not same(True, 1)


def test_an_object_that_equals_everything_is_not_the_same():
    class Liar(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            return True

    assert not same("a", Liar("b")) and not same({1}, [1]) and not same(None, Liar("a"))


def test_small_values_are_shown_whole_and_large_ones_by_shape():
    assert show(torch.tensor([[0.5, -1.0]])) == "tensor([[0.5, -1.0]])"
    assert show(torch.tensor([1, 2], dtype=torch.int8)) == "tensor([1, 2], dtype=int8)"
    assert show(torch.tensor([[0.33], [1.73219]])) == "tensor([[0.33], [1.73219]])" and show(np.float32(0.5)) == "0.5"
    assert show(torch.empty(0, 3)) == "tensor([], dtype=float32, shape=(0, 3))"
    assert show(torch.arange(100.0)) == "a float32 tensor of shape (100,), from 0 to 99"
    assert show((1,)) == "(1,)" and show({"a": [0.1]}) == "{'a': [0.1]}" and show(2.0) == "2.0"
    assert len(show("x" * 10_000)) == 500
