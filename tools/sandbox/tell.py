"""Values as JSON, for `tools.sandbox.values` to read. It runs beside a submission, and nobody needs to trust it."""

import base64
import json
import math
from fractions import Fraction

import numpy as np
import torch

from tools.sandbox.values import ARRAYS, DTYPES, INLINE, KINDS, MOST_DEPTH


def encode(value, given=(), depth=0):
    """A value as what JSON knows.

    Args:
        value: anything.
        given: the arguments of the call: one that can be changed is told by its number where it comes back.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if abs(value) < INLINE else {"t": "int", "v": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"t": "float", "v": str(value)}
    if depth > MOST_DEPTH - 10:
        return {"t": "foreign", "v": "something too deep"}
    for number, argument in enumerate(given):
        if value is argument and isinstance(value, list | dict | set | torch.Tensor):
            return {"t": "given", "v": number}
    if isinstance(value, torch.Tensor):
        return _encode_tensor(value)
    if isinstance(value, (np.ndarray, np.generic)) and str(value.dtype) in ARRAYS:
        tag = "array" if isinstance(value, np.ndarray) else "scalar"
        raw = np.ascontiguousarray(value).tobytes()
        return {"t": tag, "d": str(value.dtype), "s": list(value.shape), "v": _text(raw)}
    return _encode_other(value, lambda part: encode(part, given, depth + 1))


def _encode_other(value, inner):
    for tag, base in KINDS.items():
        if isinstance(value, base):
            return {"t": tag, "v": [inner(part) for part in base.__iter__(value)]}
    if isinstance(value, dict):
        return {"t": "dict", "v": [[inner(key), inner(part)] for key, part in dict.items(value)]}
    if isinstance(value, range):
        return {"t": "range", "v": [value.start, value.stop, value.step]}
    if isinstance(value, torch.dtype):
        return {"t": "dtype", "v": str(value)}
    if isinstance(value, Fraction):
        return {"t": "fraction", "v": [inner(value.numerator), inner(value.denominator)]}
    for base, plain in ((int, int.__int__), (float, float.__float__), (str, str.__str__)):
        if isinstance(value, base):  # a subclass, for what it is at heart
            return inner(plain(value))
    return {"t": "foreign", "v": type(value).__name__}


def _encode_tensor(value):
    plain = value.detach()
    plain = plain.dequantize() if plain.is_quantized else plain
    plain = plain.to_dense() if plain.layout != torch.strided else plain
    plain = plain.as_subclass(torch.Tensor).cpu().resolve_conj().resolve_neg().contiguous()
    if str(plain.dtype) not in DTYPES:
        return {"t": "foreign", "v": f"tensor of {plain.dtype}"}
    raw = plain.flatten().view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    return {"t": "tensor", "d": str(plain.dtype), "s": list(plain.shape), "v": _text(raw)}


def _text(raw):
    return base64.b64encode(raw).decode("ascii")


def to_bytes(told):
    """The bytes of what `encode` made."""
    return json.dumps(told, separators=(",", ":"), allow_nan=False).encode("ascii")
