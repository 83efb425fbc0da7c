"""Values from JSON: what a contained process may say, and nothing that could do anything by itself.

It takes any bytes: what is no value of the list raises `Garbage`, and what cannot be carried becomes `Foreign`, a name
without behaviour. `tools.sandbox.tell` is the other direction.
"""

import base64
import json
import math
import re
from collections import Counter
from fractions import Fraction

import numpy as np
import torch

MOST_BYTES = 8 << 20  # of one frame
MOST_PARTS = 200_000  # brackets and commas: what a frame may cost in memory
MOST_DEPTH = 60
MOST_DIGITS = 25_000  # of an int, in base 16
MOST_ALIKE = 100  # parts of a set or a dict with one hash: each is compared with all the others
INLINE = 2**53
DTYPES = {
    str(dtype): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8),
        *(torch.int16, torch.int32, torch.int64, torch.complex64, torch.complex128),
    )
}
ALL_DTYPES = {str(found): found for found in vars(torch).values() if isinstance(found, torch.dtype)}
ARRAYS = {str(np.dtype(name)): np.dtype(name) for name in "? u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8 c8 c16".split()}
KINDS = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
FLOATS = {name: float(name) for name in ("nan", "inf", "-inf")}
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"')


class Garbage(ValueError):
    """A frame that holds no value: too long, too deep, not JSON, or of a kind that there is not."""


class Foreign:
    """Stands for a value that cannot be carried. It equals nothing but itself and has no behaviour.

    Args:
        name: of its type, as the other process says.
    """

    def __init__(self, name):
        self.name = re.sub(r"\W", "_", str(name))[:40]

    def __repr__(self):
        return f"an object of type {self.name}"


def plain_text(text):
    """A text without halves of characters, which no file could hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def from_bytes(raw):
    """JSON from bytes that may be anything.

    Raises:
        Garbage: it is not JSON, or would cost too much to read.
    """
    if len(raw) > MOST_BYTES:
        raise Garbage(f"a frame of more than {MOST_BYTES} bytes")
    depth = parts = 0
    for sign in re.findall(rb"[\[\]{},]", STRINGS.sub(b"", raw)):
        parts += 1
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(sign, 0)
        if depth > MOST_DEPTH * 3 or parts > MOST_PARTS:
            raise Garbage("a frame that is nested too deep or has too many parts")

    def refuse(word):
        raise Garbage(f"{word} is not JSON")

    try:
        return json.loads(raw.decode("ascii"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Garbage(f"not JSON ({type(error).__name__})") from None


def decode(told, given=()):
    """The value that `encode` told.

    Args:
        told: what `from_bytes` gave.
        given: objects that a value may be, by number.
    Raises:
        Garbage: it tells no value.
    """
    try:
        return _decode(told, given)
    except Garbage:
        raise
    except Exception as error:  # every way in which what was told can be no value
        raise Garbage(f"no value ({type(error).__name__})") from None


def _decode(told, given):
    if told is None or isinstance(told, bool | int | float):
        return told
    if isinstance(told, str):
        return plain_text(told)
    tag, value = told["t"], told["v"]
    if tag in ("tensor", "array", "scalar"):
        return _decode_array(told, tag)
    if tag in KINDS:
        parts = [_decode(part, given) for part in _checked(value, list)]
        return KINDS[tag](_unlike(parts) if tag in ("set", "frozenset") else parts)
    if tag == "dict":
        parts = [(_decode(key, given), _decode(part, given)) for key, part in _checked(value, list)]
        _unlike([key for key, _ in parts])
        return dict(parts)
    if tag == "given":
        return given[_count(value)]
    if tag == "fraction":
        return Fraction(*(_checked(_decode(part, ()), int) for part in value[:2]))
    return SIMPLE[tag](value)


def _checked(value, kind):
    if type(value) is not kind:
        raise Garbage(f"a {type(value).__name__} in place of a {kind.__name__}")
    return value


def _count(value):
    if _checked(value, int) < 0:
        raise Garbage("a negative number")
    return value


def _unlike(keys):
    """The keys of a set or a dict; numbers can be chosen so that to put them into one takes minutes."""
    if max(Counter(map(hash, keys)).values(), default=0) > MOST_ALIKE:
        raise Garbage("keys of one hash")
    return keys


def _int(text):
    if len(_checked(text, str)) > MOST_DIGITS:
        raise Garbage("an int of too many digits")
    return int(text, 16)


def _range(ends):
    value = range(*(_checked(end, int) for end in ends))
    return value if len(value) <= MOST_PARTS else Foreign("range")  # a check may well make a list of it


SIMPLE = {
    "int": _int,
    "float": FLOATS.__getitem__,
    "dtype": ALL_DTYPES.__getitem__,
    "range": _range,
    "foreign": Foreign,
}


def _decode_array(told, tag):
    shape = [_count(extent) for extent in _checked(told["s"], list)]
    if len(shape) > 16:
        raise Garbage("an array of too many dimensions")
    if sum(math.prod(shape[:depth]) for depth in range(len(shape))) > MOST_PARTS:  # also where it has no element
        raise Garbage("an array of too many rows")
    dtype = DTYPES[told["d"]] if tag == "tensor" else ARRAYS[told["d"]]
    raw = base64.b64decode(_checked(told["v"], str), validate=True)
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise Garbage("an array whose bytes do not fit its shape")
    if tag == "tensor":
        if dtype == torch.bool and raw.translate(None, b"\0\1"):
            raise Garbage("truth values other than 0 and 1")
        value = torch.frombuffer(bytearray(raw), dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        return value.reshape(shape)
    value = np.frombuffer(bytearray(raw), dtype=dtype).reshape(shape)
    return value if tag == "array" else value[()]
