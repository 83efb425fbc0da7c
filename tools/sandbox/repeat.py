"""What a contained process says that its function did, made true here: an exception, a change of its arguments."""

import builtins
import inspect

import torch

from tools.sandbox import values

KINDS = list(inspect._ParameterKind)


def error(name, text, bare):
    """An exception of that name, if it is one of Python's or else a new one, that shows as `text`."""
    if name == "NotImplementedError" and bare:
        return NotImplementedError()
    kind = getattr(builtins, name, None)
    usable = isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ExceptionGroup)
    name = name if name.isidentifier() else "Exception"
    parts = {"__str__": lambda self: text, "__init__": lambda self, *_: None}
    made = type(name[:60], (kind if usable else Exception,), parts)
    return made.__new__(made, text)


def text(value, most=2000):
    """A text of at most so many letters, from what should be one."""
    return values.plain_text(value[:most]) if isinstance(value, str) else ""


def texts(told):
    """Up to 20 texts, from what should be a list of them."""
    return [text(line) for line in told[:20]] if isinstance(told, list) else []


def signature(told):
    """A signature from [name, kind, has a default], or None."""
    try:
        parts = [
            inspect.Parameter(name, KINDS[kind], default=None if default else inspect.Parameter.empty)
            for name, kind, default in told
        ]
        return inspect.Signature(parts)
    except Exception:
        return None


def write(old, new):
    """Make `old` what `new` is, in place."""
    if isinstance(old, torch.nn.Module):
        old.load_state_dict(new)
    elif isinstance(old, torch.Tensor):
        with torch.no_grad():
            old.copy_(new) if old.shape == new.shape else old.set_(new)
    elif isinstance(old, list):
        old[:] = list(map(_written, old, new)) if len(old) == len(new) else new
    elif isinstance(old, dict):
        now = {key: _written(old.get(key), part) for key, part in new.items()}
        old.clear()
        old.update(now)
    elif hasattr(old, "shape"):
        old[...] = new


def _written(old, new):
    """A part of a list or dict: a tensor stays the same one, with new values."""
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        write(old, new)
        return old
    return new
