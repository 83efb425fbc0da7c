"""Comparing and showing what a learner's function takes and returns, whatever that is: neither ever raises."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Mapping, Set
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch

MAX_ELEMENTS = 64  # an array with more is told by dtype, shape and range
MAX_LETTERS = 500
MAX_TOLD = 4  # weights of a model that are told one by one
SIZES = ("in_features", "out_features", "in_channels", "out_channels", "num_embeddings", "embedding_dim")
NAMED = {"kernel_size": (), "stride": (1, 1), "groups": 1}  # of a convolution: told where it is something else
ARRAYS = (torch.Tensor, np.ndarray)
SEQUENCES = (list, tuple, range, deque)
OF_LARGEST = 0.1  # times rtol: how far any number of an array may be off, as a share of the largest of them
NUMBER_SHAPES = ((), (1,))  # of an array that passes for one number


class Said(str):
    """A text that is told as it is, without quotation marks."""


def is_number(value: object) -> bool:
    """True for one real number: int, float, Fraction, Decimal, numpy's, an array of shape () or (1,); for no bool."""
    try:
        return _is_number(value)
    except Exception:  # an object that raises when it is asked for its class
        return False


def _is_number(value: object) -> bool:
    if isinstance(value, ARRAYS):
        return tuple(value.shape) in NUMBER_SHAPES and str(value.dtype) not in ("torch.bool", "bool")
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, int | float | Fraction | Decimal | np.integer | np.floating)


def same(expected: object, got: object, *, rtol: float = 0.0, atol: float = 0.0) -> bool:
    """True when two values agree: numbers and arrays within ``atol + rtol * |expected|``, the rest exactly.

    In an array with a tolerance `rtol` a number may also be off by a tenth of `rtol` times the largest one: where
    positive and negative terms cancel, rounding in another order of the sum leaves more than `rtol` of what is left.

    What holds a number does not matter (int, Fraction, numpy, an array of shape () or (1,)), nor what holds several: a
    list is like a tuple, a range or an array of the same elements. Where an array with dimensions is expected, the
    shapes must agree: [[1.0]] is not [1.0]. NaN is like NaN. A value that cannot be compared differs.
    """
    try:
        return _same(expected, got, rtol, atol)
    except Exception:  # an object that raises when it is looked at is not the value that was wanted
        return False


def _same(expected: object, got: object, rtol: float, atol: float) -> bool:
    if isinstance(expected, bool | np.bool_):
        truth = isinstance(got, bool | np.bool_) or (isinstance(got, ARRAYS) and got.dtype in (torch.bool, np.bool_))
        return truth and bool(got) == bool(expected)
    if not _has_dimensions(expected) and is_number(expected) and is_number(got):
        return _close(_scalar(expected), _scalar(got), rtol, atol)
    if isinstance(expected, ARRAYS):
        return isinstance(got, (*ARRAYS, *SEQUENCES)) and _same_arrays(expected, got, rtol, atol)
    if isinstance(expected, list | tuple):
        if isinstance(got, ARRAYS):
            got = got.tolist()
        return (
            isinstance(got, SEQUENCES)
            and len(expected) == len(got)
            and all(_same(e, g, rtol, atol) for e, g in zip(expected, got, strict=True))
        )
    if isinstance(expected, Mapping):
        return (
            isinstance(got, Mapping)
            and set(expected) == set(got)
            and all(_same(expected[key], got[key], rtol, atol) for key in expected)
        )
    if isinstance(expected, Set):
        return isinstance(got, Set) and set(expected) == set(got)
    if isinstance(expected, torch.nn.Module):
        return isinstance(got, torch.nn.Module) and _same(
            dict(expected.state_dict()), dict(got.state_dict()), rtol, atol
        )
    if expected is None:
        return got is None
    if isinstance(expected, str):
        return isinstance(got, str) and str.__eq__(expected, got)
    if callable(expected):
        return callable(got)
    return type(expected) is type(got) and bool(expected == got)


def _has_dimensions(value: object) -> bool:
    return isinstance(value, ARRAYS) and len(value.shape) > 0


def _scalar(value: object) -> object:
    return value.item() if isinstance(value, (*ARRAYS, np.generic)) else value


def _close(expected: object, got: object, rtol: float, atol: float) -> bool:
    if isinstance(expected, int) and isinstance(got, int) and not (rtol or atol):
        return expected == got
    expected, got = float(expected), float(got)
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    return expected == got or abs(expected - got) <= atol + rtol * abs(expected) < math.inf


def as_plain(value: object) -> torch.Tensor:
    """An array, a number or a list of them as a dense float64 tensor on the CPU; what is none raises."""
    tensor = torch.as_tensor(list(value) if isinstance(value, range | deque) else value).detach()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
    return tensor.cpu().to(torch.float64)


def _same_arrays(expected: object, got: object, rtol: float, atol: float) -> bool:
    plain = type(expected) is type(got) is torch.Tensor and expected.layout == got.layout == torch.strided
    if plain and expected.dtype == got.dtype and torch.equal(expected, got):
        return True  # most comparisons end here, at a tenth of the price of the rest
    a, b = as_plain(expected), as_plain(got)
    if tuple(a.shape) == () and tuple(b.shape) in NUMBER_SHAPES:
        b = b.reshape(())
    if a.shape != b.shape:
        return False
    if rtol and a.numel() > 1:
        atol += OF_LARGEST * rtol * a.abs().nan_to_num(0.0, posinf=0.0).max().item()
    return torch.allclose(b, a, rtol=rtol, atol=atol, equal_nan=True)


def show(value: object, most: int = MAX_LETTERS) -> str:
    """A value as text of at most `most` letters: small arrays whole, large ones by dtype, shape and range.

    A model is told as ``Sequential(Linear(2, 3))``, with its weights where there are few.
    """
    try:
        text = str.__str__(_text(value))  # a class of somebody's own may lie about its length
    except Exception as error:
        text = f"something of type {type(value).__name__} that cannot be shown ({type(error).__name__})"
    return cut(text, most)


def cut(text: str, most: int) -> str:
    """A text of at most this many letters; one that is cut off ends with a sign for that."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(value: object) -> str:
    if type(value) is Said:
        return str(value)
    if isinstance(value, ARRAYS):
        return _array_text(value)
    if isinstance(value, float | np.floating):
        text = f"{float(value):.8g}"
        return f"{text}.0" if text.lstrip("-").isdigit() else text
    if isinstance(value, np.generic):
        return str(value)
    if isinstance(value, list | tuple) and len(value) <= MAX_ELEMENTS:
        inner = ", ".join(_text(part) for part in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict) and len(value) <= MAX_ELEMENTS:
        return "{" + ", ".join(f"{_text(key)}: {_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, set) and value:
        return f"{{{', '.join(sorted(map(repr, value)))}}}"
    if isinstance(value, torch.nn.Module):
        with contextlib.suppress(Exception):  # an int8 layer, whose own words say more
            small = value.state_dict() if sum(w.numel() for w in value.state_dict().values()) <= MAX_TOLD else {}
            told = (f"{name}={_text(w).removeprefix('tensor(').removesuffix(')')}" for name, w in small.items())
            return " ".join([sizes(value), *told])
        return " ".join(repr(value).split()).replace("( ", "(").replace(" )", ")")
    name = getattr(value, "__name__", None)
    return name if callable(value) and isinstance(name, str) else " ".join(repr(value).split())


def sizes(module: torch.nn.Module) -> str:
    """A model by its layers: ``Sequential(Linear(2, 3), ReLU())``."""
    found = [str(size) for name in SIZES if isinstance(size := getattr(module, name, None), int)]
    if isinstance(module, torch.nn.Conv2d):
        found += [f"{name}={getattr(module, name)}" for name, usual in NAMED.items() if getattr(module, name) != usual]
    return f"{type(module).__name__}({', '.join([*found, *map(sizes, module.children())])})"


def _array_text(value: object) -> str:
    dtype = str(value.dtype).removeprefix("torch.")
    size, kind = math.prod(value.shape), "tensor" if isinstance(value, torch.Tensor) else "array"
    if size > MAX_ELEMENTS:
        plain = as_plain(value)
        return (
            f"{'an' if dtype.startswith('i') else 'a'} {dtype} {kind} of shape {tuple(value.shape)}, "
            f"from {plain.min().item():.4g} to {plain.max().item():.4g}"
        )
    plain = value.detach() if kind == "tensor" else value
    plain = plain.dequantize() if getattr(plain, "is_quantized", False) else plain
    plain = plain.to_dense() if getattr(plain, "layout", torch.strided) != torch.strided else plain
    usual = dtype in ("float32", "int64", "bool") and size
    shape = "" if size else f", shape={tuple(value.shape)}"
    numbers = _shortest(plain.tolist(), dtype) if dtype in ("float32", "float16") else plain.tolist()
    return f"{kind}({_text(numbers)}{'' if usual else f', dtype={dtype}'}{shape})"


def _shortest(value: object, dtype: str) -> object:
    """A number, or nested lists of them, with no more digits than the dtype tells apart: 0.33, not 0.33000001."""
    if isinstance(value, list):
        return [_shortest(part, dtype) for part in value]
    return float(str(np.dtype(dtype).type(value)))
