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
    base = kind if usable else Exception
    name = name if name.isidentifier() else "Exception"
    made = type(name[:60], (base,), {"__str__": lambda self: text, "__init__": lambda self, *_: None})
    return made.__new__(made, text)


def text(value, most=2000):
    """A text of at most so many letters, from what should be one."""
    return values.plain_text(value[:most]) if isinstance(value, str) else ""


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


def tensors(value):
    """The tensors in what was given, in the order in which the other side numbers them."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple | dict):
        return [t for part in (value.values() if isinstance(value, dict) else value) for t in tensors(part)]
    return []


def write(old, new):
    """Make `old` what `new` is, in place."""
    if isinstance(old, torch.nn.Module):
        old.load_state_dict(new)
    elif isinstance(old, torch.Tensor):
        with torch.no_grad():
            old.copy_(new) if old.shape == new.shape else old.set_(new)
    elif isinstance(old, list):
        same = len(old) == len(new)
        for at in range(len(old)) if same else ():
            if isinstance(old[at], torch.Tensor) and isinstance(new[at], torch.Tensor):
                write(old[at], new[at])
            else:
                old[at] = new[at]
        if not same:
            old[:] = new
    elif isinstance(old, dict):
        for key in [key for key in old if key not in new]:
            del old[key]
        for key, part in new.items():
            if isinstance(old.get(key), torch.Tensor) and isinstance(part, torch.Tensor):
                write(old[key], part)
            else:
                old[key] = part
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    elif hasattr(old, "shape"):
        old[...] = new
