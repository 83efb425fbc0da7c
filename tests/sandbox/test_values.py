"""What a contained process says is read with care: values come back as they were, other bytes are refused."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.exercises.values import same
from tools.sandbox import tell, values

VALUES = [
    *(None, True, 0, -1, 2**53, -(10**300), 1.5, -0.0, math.inf, math.nan, "é"),
    *([1, [2.0, "x"]], (1,), {1: "a", (2, 3): {4}}, {1, 2}, range(2, 9, 3)),
    *(Fraction(1, 3), torch.bfloat16, np.float32(1.5), np.int8(-3), np.bool_(True)),
    *(np.arange(6).reshape(2, 3), np.array(2.5), np.zeros((0, 3)), np.array([True, False])),
    *(torch.arange(6).reshape(2, 3), torch.tensor(2.5), torch.zeros(0, 3), torch.tensor([True, False])),
    *(torch.ones(2, dtype=torch.bfloat16), torch.tensor([1, -2], dtype=torch.int8), torch.ones(2, dtype=torch.float16)),
    *(torch.ones(4, 4).t()[1:], torch.ones(3).expand(2, 3), torch.tensor([math.nan, 1.0])),
]


def there_and_back(value):
    return values.decode(values.from_bytes(tell.to_bytes(tell.encode(value))))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value):
    back = there_and_back(value)
    assert type(back) is type(value) and repr(back) == repr(value)
    if isinstance(value, torch.Tensor):
        assert back.dtype == value.dtype and back.shape == value.shape


def test_an_object_becomes_a_name_without_behaviour():
    class Liar:
        __eq__ = __float__ = __bool__ = lambda *_: True

    back = there_and_back([Liar(), object])
    assert [type(part) for part in back] == [values.Foreign] * 2
    assert repr(back[0]) == "an object of type Liar" and not same(1.0, back[0]) and not callable(back[0])


TENSOR = {"t": "tensor", "d": "torch.float32", "s": [1], "g": False, "v": "AACAPw=="}


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"NaN", b"[Infinity]", b'{"t":"tensor"}', b'"\xff"', b"{", b"[1,]", b"\x80\x04K\x01."),
        *(b"[" * 100_000, b'{"a":' * 100_000, b"[" + b"1," * 300_000 + b"1]", b"9" * 10_000),
        *(json.dumps(TENSOR | change).encode() for change in ({"s": [2]}, {"s": [-1]}, {"s": [1] * 40}, {"s": "x"})),
        *(json.dumps(TENSOR | change).encode() for change in ({"v": "?"}, {"v": 3}, {"d": "torch.device"}, {"d": []})),
        json.dumps(TENSOR | {"d": "torch.bool", "v": "Bw=="}).encode(),
        json.dumps({"t": "pickle", "v": "x"}).encode(),
        json.dumps({"t": "set", "v": [{"t": "list", "v": []}]}).encode(),
        json.dumps({"t": "float", "v": "1e5"}).encode(),
        json.dumps({"t": "int", "v": "0x" + "f" * 100_000}).encode(),
        json.dumps({"t": "fraction", "v": [1, 0]}).encode(),
        json.dumps({"t": "given", "v": 0}).encode(),
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_bytes_that_are_no_value_are_refused(raw):
    with pytest.raises(values.Garbage):
        values.decode(values.from_bytes(raw))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["t", "v", "d", "s", "g"]), inner, max_size=5)
        | st.tuples(
            st.sampled_from([*values.KINDS, *values.SIMPLE, "dict", "tensor", "array", "scalar", "given"]), inner
        ).map(lambda pair: {"t": pair[0], "v": pair[1], "d": "torch.float32", "s": pair[1]})
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None, database=None)
@given(JSON)
def test_any_json_is_a_value_or_refused(told):
    try:
        values.decode(values.from_bytes(json.dumps(told).encode()))
    except values.Garbage:
        pass


def test_what_would_grow_when_it_is_used_is_not_taken():
    assert type(there_and_back(range(10**15))) is values.Foreign
    for empty in (torch.zeros(10**9, 0), np.zeros((3, 10**8, 0)), torch.zeros(300_000, 1, 1)):  # as a list of lists
        with pytest.raises(values.Garbage, match="rows"):
            there_and_back(empty)
    assert there_and_back(torch.zeros(0, 10**9)).tolist() == []
