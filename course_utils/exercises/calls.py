"""One call of a learner's function: on copies, watched, with whatever goes wrong as a `Mistake`."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import sys
from collections.abc import Callable, Sequence

import torch

from course_utils.exercises import isolation
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.values import ARRAYS, SEQUENCES, is_number, same, show


def run(answer: Callable, args: Sequence[object], names: Sequence[str] = ()) -> object:
    """Call the learner's function on copies of `args`.

    Args:
        answer: the function.
        args: its positional arguments.
        names: their names, for the message.
    Returns:
        what it returned; never None.
    Raises:
        Mistake: it raised, or changed its input, or returned None.
        NotImplementedError: it is still the stub.
    """
    given = copy.deepcopy(list(args))
    facts = (("your call", described(args, names)),)
    try:
        with (
            isolation.printed() as output,
            isolation.kept_in_thread(),
            isolation.call_under_way(lambda: described(args, names)),
        ):
            got = answer(*given)
    except Mistake:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, NotImplementedError) and not error.args:  # with a text it comes from torch
            raise
        raise Mistake(
            f"Your function raised {type(error).__name__}: {show(_said(error), 300)}",
            _mismatch(answer, given, names, error) or _where_to_see(given, error),
            facts,
        ) from error
    if got is None:
        hint = (
            "It printed something: return the value instead of printing it."
            if output.text().strip()
            else "It reached no return statement, or one that returns None."
        )
        raise Mistake("Your function returned None.", hint, facts)
    if not all(same(a, b) and _types(a) == _types(b) for a, b in zip(args, given, strict=True)):
        raise Mistake("Your function changed its input.", "Work on a copy: the caller still needs the original.", facts)
    return got


def _types(value: object) -> list[tuple[str, type]]:
    """What each module of a model is; [] for anything else."""
    modules = value.named_modules() if issubclass(type(value), torch.nn.Module) else ()
    return [(name, type(module)) for name, module in modules]


def two_numbers(value: object, wanted: str) -> tuple[float, float]:
    """The two numbers that an answer gave back.

    Args:
        value: what came back: two real numbers in a sequence or an array.
        wanted: what the card asks for, for the message.
    Raises:
        Mistake: it is something else.
    """
    with contextlib.suppress(Exception):  # whatever it is, it is told below
        first, second = value if isinstance(value, (*ARRAYS, *SEQUENCES)) else ()
        if is_number(first) and is_number(second):
            return float(first), float(second)
    raise Mistake("Your function did not return two numbers.", f"Return {wanted}.")


def attempt(
    what: str, work: Callable, facts: tuple, why: Callable[[str], str] = lambda said: "Try that step yourself."
) -> object:
    """Do a step with what a learner made, a model say, and give its result.

    Args:
        what: names the step, as the start of a sentence: "tq.convert on your block".
        work: the step, without arguments.
        facts: (label, text) pairs for the message.
        why: gives the hint for what the exception said.
    Raises:
        Mistake: the step raised, whatever it was; or it is a `Mistake` of the step itself.
    """
    try:
        return work()
    except Mistake:
        raise
    except Exception as error:
        said = str(_said(error)).split(". ")[0][:200]
        raise Mistake(f"{what} raised {type(error).__name__}: {said}", why(said), facts) from error


def _mismatch(answer: Callable, given: Sequence[object], names: Sequence[str], error: BaseException) -> str:
    """A hint where the function does not take what it is called with; else "": the exception came from within it."""
    if not isinstance(error, TypeError):
        return ""
    try:
        signature = inspect.signature(answer)
    except Exception:  # some callables do not tell
        return ""
    try:
        signature.bind(*given)
    except TypeError:
        if not given:
            return "The check calls it without arguments: it must need none."
        said = f": {', '.join(names)}" if len(names) == len(given) else ""
        many = "one argument" if len(given) == 1 else f"{len(given)} arguments"
        return f"The check calls it with {many}{said}. Your function does not take that many."
    except Exception:
        return ""
    return ""


def _where_to_see(given: Sequence[object], error: BaseException) -> str:
    """How a learner finds the line that raised: a call on the same input, where the learner can make that input."""
    if getattr(error, "says_all", False):  # by the instrument, which says what it takes
        return ""
    for value in given:
        if getattr(value, "is_instrument", False):  # the check alone has it
            return (
                f"To see the line, call it with an instrument of your own: def {value.__name__}(*_, **__): return 1.0"
            )
    return f"Call it yourself{' on that input' if given else ''} to see the line."


def _said(error: BaseException) -> object:
    try:
        return _Plain(str(error))
    except Exception:
        return _Plain("(its text cannot be shown)")


class _Plain(str):
    """A text that `show` gives without quotation marks."""

    def __repr__(self) -> str:
        return str(self)


def described(args: Sequence[object], names: Sequence[str] = ()) -> str:
    """The arguments as a learner would type them; a call may leave out the last ones."""
    shown = [f"{name}={show(arg)}" for name, arg in zip(names, args, strict=False)]
    return ", ".join([*shown, *map(show, args[len(shown) :])]) or "without arguments"


def code_of(function: object) -> object:
    """The code of a function, of a partial one, or of an object that can be called; None where there is none."""
    with contextlib.suppress(Exception):
        function = getattr(function, "func", inspect.unwrap(function))
        if type(function).__module__ != "tools.sandbox.proxy":  # which calls a function that runs elsewhere
            return getattr(function, "__code__", None) or type(function).__call__.__code__
    return None


def heard(play: functools.partial, args: tuple) -> dict[str, object]:
    """What the functions of a scene had in their variables when they returned, the first time.

    Python has room for one profiler: where somebody else's is at work, nothing is heard.
    """
    codes, held = {code_of(one) for one in play.args} - {None}, {}

    def note(frame, event: str, _: object) -> None:
        if event == "return" and frame.f_code in codes:
            code, own = frame.f_code, dict(frame.f_locals)
            given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            held.update({name: _copied(own[name]) for name in own if name not in (*given, *held)})

    def watched(*own: object) -> object:
        sys.setprofile(note)
        try:
            return play(*own)
        finally:
            sys.setprofile(None)

    if codes and not sys.getprofile():
        with contextlib.suppress(Mistake, NotImplementedError):
            run(watched, args)
    return held


def _copied(value: object) -> object:
    """A copy, as the function that left the variable may be followed by one that changes what is in it."""
    with contextlib.suppress(Exception):
        return copy.deepcopy(value)
    return value
