"""One call of a learner's function: on copies, watched, with whatever goes wrong as a `Mistake`."""

from __future__ import annotations

import collections
import contextlib
import copy
import functools
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Sequence

import torch

from course_utils.checks import isolation
from course_utils.checks.mistake import Mistake
from course_utils.checks.models import call
from course_utils.checks.values import Said, same, show

SAID_BY_TORCH = {  # what its exceptions say -> what they mean
    "Could not run 'quantized::": "An int8 layer got floats: a stub is missing, or has no qconfig.",
    "Could not run 'aten::int_repr'": "This tensor holds plain integers: leave `int_repr()` out.",
    "support the deepcopy protocol": "A pruned layer computes its `weight`, and cannot be copied: copy it first.",
    "is not an nn.Parameter": "A pruned layer has no parameter `weight`, but `weight_orig`: was it copied before?",
    "being called after step()": "`scaler.update()` must end each step, after `scaler.step`.",
    "'ExportedProgram' object has no attribute": "A program is no model yet: `.module()` makes one of it.",
    "Embedding quantization is only": "This call reaches an embedding, which takes `quint8`, in a call of its own.",
}
FILLED = (list, dict, set, collections.Counter, collections.defaultdict, collections.deque)


def run(answer: Callable, args: Sequence[object], names: Sequence[str] = ()) -> object:
    """Call the learner's function on copies of `args`; a model must keep its mode, its hooks and what is trained, too.

    Args:
        answer: the function.
        args: its positional arguments.
        names: their names; what has none may be changed.
    Returns:
        what it returned; never None.
    Raises:
        Mistake: it raised, or changed its input, or returned a model that it was given, or None.
        NotImplementedError: it is still the stub.
    """
    given = copy.deepcopy(list(args))
    try:
        with (
            isolation.printed() as output,
            isolation.kept_in_thread(),
            isolation.call_under_way(lambda: call(args, names)),
        ):
            got = answer(*given)
    except Mistake:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, NotImplementedError) and not error.args:  # with a text it comes from torch
            raise
        hint = f"Call it yourself{' on that input' if given else ''} to see the line."
        message = f"Your function raised {type(error).__name__}: {show(_said(error), 300)}"
        if type(error) is NameError:  # as after a restart, when this cell alone has run again
            message += ". If a cell above defines it, run that cell first: menu Run, then Run All Above Selected Cell"
        raise Mistake(message, hint) from error
    if got is None:
        hint = (
            "It printed something; what is asked for must stand behind `return`."
            if output.text().strip()
            else "It reached no return statement, or one that returns None."
        )
        raise Mistake("Your function returned None.", hint)
    for name, before, after in zip(names, args, given, strict=False):
        if what := _changed(before, after):
            hint = "Work on a copy: the caller still needs the original."
            if ": the hooks" in what:
                hint = "Leave the hooks as they were: call `.remove()` on the handle of each of yours."
            elif isinstance(before, torch.nn.Module):
                hint = "Work on a deep copy, `copy.deepcopy`: the caller still needs the original."
            raise Mistake("Your function changed its input.", hint, (("changed", f"{name}{what}"),))
        if got is after and isinstance(got, torch.nn.Module):
            raise Mistake(f"Your function returned `{name}` itself.", "Return a copy, always.")
    return got


def _changed(before: object, after: object) -> str:
    """What of an argument a call has changed: behind a colon, the first such thing of a model; "" for nothing."""
    what = "" if same(before, after) else ": what it holds"
    if not issubclass(type(before), torch.nn.Module):
        return what
    try:
        old, new = _state(before), _state(after)
        return next((f": {key}" for key in {**old, **new} if not _alike(old.get(key), new.get(key))), what)
    except Exception:  # modules of the answer's own may raise when they are looked at
        return ": its modules"


def _alike(one: object, other: object) -> bool:
    return same(one, other) if isinstance(one, torch.Tensor) else type(one) is type(other) and one == other


def _state(model: torch.nn.Module) -> dict[str, object]:
    """All that a call may change in a model, by what it is called."""
    of = {name: f" of `{name}`" if name else "" for name, _ in model.named_modules()}
    found = {f"the type{of[name]}": type(module) for name, module in model.named_modules()}
    found |= {f"`{name}`": value for name, value in (*model.named_parameters(), *model.named_buffers())}
    found |= {f"requires_grad of `{name}`": value.requires_grad for name, value in model.named_parameters()}
    for name, module in model.named_modules():
        hooks = [len(value) for key, value in vars(module).items() if key.endswith("_hooks")]
        found |= {f"the hooks{of[name]}": hooks, f"the training mode{of[name]}": module.training}
        found |= {f"the qconfig{of[name]}": getattr(module, "qconfig", None) is not None}
    return found


def takes(answer: Callable, name: str, wanted: Sequence[str]) -> str:
    """What a function should take, and what it takes, where it cannot be called so; else ""."""
    with contextlib.suppress(ValueError):  # some callables do not tell
        own = inspect.signature(answer)
        try:
            own.bind(*wanted)
        except TypeError:
            listed = " and ".join(filter(None, (", ".join(wanted[:-1]), *wanted[-1:]))) or "nothing"
            return f"`{name}` takes {listed}; yours takes {len(own.parameters)}: {own}."
    return ""


def lines_of(error: BaseException | None, codes: set) -> list[str]:
    """The lines of these codes through which an exception came, the innermost last."""
    steps = traceback.walk_tb(error.__traceback__ if error else None)
    return [linecache.getline(frame.f_code.co_filename, row).strip() for frame, row in steps if frame.f_code in codes]


def meaning(error: BaseException | None) -> str:
    """What an exception of PyTorch means, where its own words do not say so."""
    return "".join(means for text, means in SAID_BY_TORCH.items() if text in _said(error))


def _said(error: BaseException) -> Said:
    try:
        return Said(" ".join(str(error).split()))
    except Exception:
        return Said("(its text cannot be shown)")


def code_of(function: object) -> object:
    """The code of a function, of a partial one, or of an object that can be called; None where there is none."""
    with contextlib.suppress(Exception):
        function = getattr(function, "func", inspect.unwrap(function))
        return getattr(function, "__code__", None) or type(function).__call__.__code__
    return None


def codes_of(function: object) -> set:
    """The code of a function, and that of the functions, lambdas and classes in it."""
    found, new = set(), [code_of(function)]
    while new := [code for code in new if inspect.iscode(code) and code not in found]:
        found |= set(new)
        new = [inner for code in new for inner in code.co_consts]
    return found


def outside(functions: Sequence[object]) -> dict[str, object]:
    """What functions can fill and leave for their next call, by its name: lists and the like that are made outside."""
    found, seen = {}, [getattr(one, "func", one) for one in functions]
    for one in seen:  # which grows by the functions of the same program that are called
        with contextlib.suppress(Exception):
            space, code = one.__globals__, one.__code__
            reached = {name: space[name] for each in codes_of(one) for name in each.co_names if name in space}
            given, kept = code.co_varnames[: code.co_argcount], one.__closure__ or ()
            reached |= dict(zip(given[::-1], (one.__defaults__ or ())[::-1], strict=False))
            reached |= {name: cell.cell_contents for name, cell in zip(code.co_freevars, kept, strict=True)}
            found |= {name: value for name, value in reached.items() if type(value) in FILLED}
            functions = [value for value in reached.values() if getattr(value, "__globals__", None) is space]
            seen += [value for value in functions if all(value is not other for other in seen)]
    return found


def heard(play: functools.partial, args: tuple, *, last: bool = False) -> dict[str, object]:
    """What the functions of a scene had in their variables when they returned; no argument as it came.

    It is told of their first call, or of the `last` one.

    Python has room for one profiler: where somebody else's is at work, nothing is heard.
    """
    codes, held, begun = [code_of(one) for one in play.args], {}, {}
    known = {id(code) for code in codes if code}  # Python hashes a code object by going through all of it

    def note(frame, event: str, _: object) -> None:
        if id(frame.f_code) not in known:
            return
        if event == "call":
            begun[frame] = dict(frame.f_locals)
            held.clear() if last else None
        elif event == "return":
            code, own, came = frame.f_code, dict(frame.f_locals), begun.pop(frame, {})
            given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            asis = {name for name in given if name in own and own[name] is came.get(name, own[name])}
            held.update({name: _copied(own[name]) for name in own if name not in asis and (last or name not in held)})

    def watched(*own: object) -> object:
        sys.setprofile(note)
        try:
            return play(*own)
        finally:
            sys.setprofile(None)

    if known and not sys.getprofile():
        with contextlib.suppress(Mistake, NotImplementedError):
            run(watched, args)
    return held


def _copied(value: object) -> object:
    """A copy, as the function that left the variable may be followed by one that changes what is in it."""
    with contextlib.suppress(Exception):
        return copy.deepcopy(value)
    return value
