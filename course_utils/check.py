"""The checks of the three kinds of task: a function, numbers worked out by hand, a decision.

A lesson's ``tasks.py`` says what is asked; its page calls ``check.NAME(answer)``:

    page = check.page(globals())  # lesson.py beside it: NAME_solution is the reference of the task NAME

    attend = page.write("attend", "Attention of your own", cases=[...], wrong={"A sentence.": "old text -> new text"})
    layer = page.work_out("layer", "A layer by hand", right={"scale": 2}, slips={"A sentence.": {"scale": 1.4}})
    digits = page.decide("digits", "A colleague's digits", choices={"advice": ["more", "redo"]}, judge=what_it_costs)

The answer of a task is a `Verdict`: a sentence, then at most five rows. Nothing is raised, whatever the answer does.
``faults()`` of a task lists what is wrong with the task itself; ``tests/test_tasks.py`` asks all of them.
"""

import ast
import contextlib
import copy
import ctypes
import difflib
import functools
import inspect
import io
import linecache
import queue
import re
import sys
import threading
import time
import traceback
import warnings
from dataclasses import dataclass
from html import escape
from numbers import Number
from pathlib import Path

import numpy as np
import torch
from torch import nn

from course_utils import progress

CALL_SECONDS = 20  # of the processor, for one call of the answer; and six times as long by the clock on the wall
MAX_PRINTED = 100_000  # letters kept of what an answer prints
ROWS = 5
PASSED, NOT_YET, NOT_DONE, BROKEN = "passed", "not yet", "not done yet", "check failed"
MARKS = {PASSED: "✓ Passed: ", NOT_YET: "✗ ", NOT_DONE: "○ Not done yet. ", BROKEN: "! The check failed. "}
COLOURS = {PASSED: "#009E73", NOT_YET: "#D55E00", NOT_DONE: "#767676", BROKEN: "#CC79A7"}
IMPORTS = {name: f"import {name}" for name in ("copy", "itertools", "json", "math", "os", "random", "time", "torch")}
IMPORTS |= {"np": "import numpy as np", "nn": "from torch import nn", "F": "from torch.nn import functional as F"}
IMPORTS |= {"prune": "from torch.nn.utils import prune", "Path": "from pathlib import Path"}


class Mistake(Exception):
    """What a task's `run` raises where it sees a mistake by itself; its text is the verdict's sentence."""


@dataclass(frozen=True)
class Verdict:
    """What a check says.

    Attributes:
        status: "passed", "not yet", "not done yet"; "check failed" where the check itself is at fault.
        sentence: the mistake.
        rows: (label, text) pairs: the case, the answer's result, the right one.
    """

    status: str
    sentence: str
    rows: tuple[tuple[str, str], ...] = ()

    @property
    def passed(self):
        return self.status == PASSED

    def __repr__(self):
        width = max((len(label) for label, _ in self.rows), default=0)
        rows = (f"  {label:<{width}}  {text}" for label, text in self.rows)
        return "\n".join([MARKS[self.status] + self.sentence, *rows])

    def _repr_html_(self):
        cell = '<td style="text-align:left;vertical-align:top;padding:0.1em 1em 0.1em 0">'
        code = '<code style="white-space:pre-wrap">'
        rows = (f"<tr>{cell}{escape(la)}</td>{cell}{code}{escape(text)}</code></td></tr>" for la, text in self.rows)
        table = f'<table style="margin:0.3em 0">{"".join(rows)}</table>' if self.rows else ""
        style = f"border-left:6px solid {COLOURS[self.status]};padding:0.3em 0.8em"
        return f'<div style="{style}"><b>{escape(MARKS[self.status] + self.sentence)}</b>{table}</div>'


# --- Values: are two the same, how is one told, how do two differ ---


def as_tensor(value):
    """Numbers, arrays and lists of numbers as a tensor on the processor; None for anything else."""
    if isinstance(value, torch.Tensor):
        value = value.dequantize() if value.is_quantized else value.detach()
        return value.to_dense().cpu()
    if isinstance(value, (Number, np.ndarray, np.generic, list, tuple)) and not isinstance(value, complex):
        with contextlib.suppress(Exception):
            return torch.as_tensor(np.array(value))
    return None


def same(one, other, rtol=1e-4, atol=1e-6):
    """Whether two values agree: numbers and tensors nearly, all else exactly. What holds the numbers doesn't matter.

    In a tensor a number may also be off by a tenth of `rtol` times the largest: what is left where terms cancel is
    rounded otherwise on another processor. In a list each number stands for itself.
    """
    try:
        if isinstance(one, nn.Module) and isinstance(other, nn.Module):
            one, other = dict(one.state_dict()), dict(other.state_dict())
        if isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(same(one[key], other[key], rtol, atol) for key in one)
        if isinstance(one, list | tuple) and isinstance(other, list | tuple):
            return len(one) == len(other) and all(same(x, y, rtol, atol) for x, y in zip(one, other, strict=True))
        a, b = as_tensor(one), as_tensor(other)
        if a is None or b is None:
            return bool(type(one) is type(other) and one == other)
        if a.numel() == b.numel() == 1 and max(a.ndim, b.ndim) < 2:
            a, b = a.reshape(()), b.reshape(())
        largest = b.double().nan_to_num(0.0, 0.0, 0.0).abs().max().item() if b.numel() else 0.0
        near = functools.partial(torch.allclose, rtol=rtol, atol=atol + 0.1 * rtol * largest, equal_nan=True)
        return a.shape == b.shape and near(a.double(), b.double())
    except Exception:  # a value that can't be compared
        return False


def tell(value):
    """A value in a line: numbers with four digits, what is large by its shape, a small model by its weights."""
    if isinstance(value, nn.Module):
        state = value.state_dict()
        small = sum(tensor.numel() for tensor in state.values()) <= 12
        return ", ".join(f"{name} = {tell(w)}" for name, w in state.items()) if small else type(value).__name__
    if isinstance(value, dict):
        return ", ".join(f"{key}: {tell(one)}" for key, one in value.items())
    if isinstance(value, (str, bool)) or value is None:
        return str(value)
    tensor = as_tensor(value)
    if tensor is not None:
        small = tensor.numel() <= 16
        return _numbers(tensor.tolist()) if small else f"{tensor.numel():,} numbers of the shape {tuple(tensor.shape)}"
    if isinstance(value, (list, tuple)) and len(value) <= 16:
        return "[" + ", ".join(map(tell, value)) + "]"
    return " ".join(f"{type(value).__name__} {value}".split())[:80]


def _numbers(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(_numbers, value)) + "]"
    return str(value) if isinstance(value, bool) else f"{value:,}" if isinstance(value, int) else f"{value + 0.0:.4g}"


def differ(got, right, what="your result"):
    """How a result differs from the right one, in a sentence."""
    what = what[:1].upper() + what[1:]
    a, b = as_tensor(got), as_tensor(right)
    if b is None or got is None:
        return f"{what} is {tell(got)} where {tell(right)} is expected."
    if a is None:
        wanted = "a number" if b.ndim == 0 else "a tensor"
        return f"{what} is {tell(got)} where {wanted} is expected."
    if a.shape != b.shape:
        return f"{what} has the shape {tuple(a.shape)} where {tuple(b.shape)} is expected."
    if b.numel() <= 4 and tell(got) != tell(right):
        return f"{what} is {tell(got)} where {tell(right)} is expected."
    far = (a.double() - b.double()).abs().nan_to_num(nan=torch.inf)
    at = tuple(int(n) for n in np.unravel_index(int(far.argmax()), far.shape))
    one, other = float(a[at]), float(b[at])
    digits = next((n for n in (4, 6, 9) if f"{one:.{n}g}" != f"{other:.{n}g}"), 17)
    place = f" at {list(at)}" if at else ""
    return f"{what} is {one:.{digits}g}{place} where {other:.{digits}g} is expected."


# --- Calling what somebody wrote ---


class TimeUp(BaseException):
    """Raised in the answer's code from outside; no `except Exception` holds it."""


def within(seconds, work):
    """Give what `work()` gives; raise TimeUp inside of it when it takes longer, in seconds of the processor.

    The answer stays in the notebook's own thread, because gradients, autocast and torch's threads are switched for each
    thread by itself. A watching thread raises the exception in it: once, and after a second so often that a loop with
    a bare `except:` ends as well, since one comes between two of its rounds. A signal would do on Linux and macOS
    alone; another process can't be given a function of a notebook.

    Not stopped: one call of C before it returns (a sleep, a huge product), and two loops with a bare `except:` inside
    of each other. Then the kernel has to be restarted.
    """
    here, over = ctypes.c_ulong(threading.get_ident()), queue.SimpleQueue()
    spent, wall = _processor_clock(), time.monotonic()
    work_before, usual = spent(), sys.getswitchinterval()

    def throw(times_for):
        until = time.monotonic() + times_for
        while over.empty():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(here, ctypes.py_object(TimeUp))
            if time.monotonic() >= until:
                return
            time.sleep(0)

    def watch():
        while spent() - work_before <= seconds and time.monotonic() - wall <= 6 * seconds:
            with contextlib.suppress(queue.Empty):
                return over.get(timeout=0.2)
        throw(0)
        while True:
            with contextlib.suppress(queue.Empty):
                return over.get(timeout=1)
            sys.setswitchinterval(1e-6)
            throw(1)
            sys.setswitchinterval(usual)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        return work()
    finally:  # After `put` at most two more arrive, wherever Python looks for them: one here, and one in the handler.
        try:
            try:
                over.put(None)
                watching.join()
            except TimeUp:
                watching.join()
        except TimeUp:
            watching.join()


def _processor_clock():
    """What reads the processor time of this thread, from another one. Windows and macOS tell that of all threads."""
    if hasattr(time, "pthread_getcpuclockid"):
        return functools.partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))
    threads = torch.get_num_threads()
    return lambda: time.process_time() / threads


class _Printed(io.StringIO):
    def write(self, text):
        return super().write(text) if self.tell() < MAX_PRINTED else len(text)


@dataclass
class Outcome:
    """What came of one call."""

    value: object = None
    error: BaseException = None
    printed: str = ""
    changed: str = ""  # the arguments that are no longer what they were


def play(run, answer, args, names, gradients=True, seconds=None):
    """Call ``run(answer, *copies of args)``, within some seconds; never raises but for an interrupt."""
    copies, printed = copy.deepcopy(args), _Printed()
    try:
        with (
            contextlib.redirect_stdout(printed),
            warnings.catch_warnings(action="ignore"),
            torch.set_grad_enabled(gradients),
            torch.random.fork_rng(devices=[]),
        ):
            torch.manual_seed(0)
            value = within(seconds, lambda: run(answer, *copies)) if seconds else run(answer, *copies)
    except (Exception, SystemExit, TimeUp) as error:
        return Outcome(error=error, printed=printed.getvalue())
    others = zip(names, args, copies, strict=False)  # the last ones may be left out
    changed = [n for n, old, new in others if not same(old, new, 0, 0) and same(old, copy.deepcopy(old), 0, 0)]
    return Outcome(value, None, printed.getvalue(), ", ".join(changed))


def error_sentence(error, answer):
    """What an exception means, and the line of the answer in which it happened, as a row."""
    if isinstance(error, Mistake):
        return str(error), []
    code = getattr(answer, "__code__", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if code and f.filename == code.co_filename]
    line = (frames[-1].line or linecache.getline(code.co_filename, frames[-1].lineno)).strip() if frames else ""
    rows = [("your line", line)] if line else []
    name, said = type(error).__name__, " ".join(str(error).split())[:160].replace("`", "'").rstrip(".")
    if isinstance(error, TimeUp):
        told = f"Your function was still running after {CALL_SECONDS} seconds"
        return f"{told}, and was stopped. Does a loop ever end?", rows
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        if error.name in IMPORTS:
            return f"{error.name} isn't imported: write {IMPORTS[error.name]} above your function.", rows
        known = {*code.co_varnames, *getattr(answer, "__globals__", ())} - {error.name} if code else ()
        near = difflib.get_close_matches(str(error.name), known, 1)
        ask = f"Did you mean {near[0]}?" if near else "Is it misspelled, or was the cell that defines it not run?"
        return f"Nothing is called {error.name} here. {ask}", rows
    if isinstance(error, TypeError) and "positional argument" in said and not frames:
        return f"Your function can't be called with the arguments of the task: {said}.", rows
    if frames:
        return f"Your function stops with {name}: {said or 'no further text'}.", rows
    return f"What your function makes can't be used: {name}: {said or 'no further text'}.", rows


# --- The page, and what all tasks share ---


class page:
    """A lesson's page, which lies as ``lesson.py`` beside its ``tasks.py``; keeps the tasks in `tasks`.

    ``write(name, title, …)`` makes a `Write`, ``work_out(name, title, …)`` a `WorkOut`, ``decide(name, title, …)`` a
    `Decide`.

    Args:
        space: ``globals()`` of the module ``tasks.py``.
    """

    def __init__(self, space):
        self.write, self.work_out, self.decide = (
            functools.partial(self._made, kind) for kind in (Write, WorkOut, Decide)
        )
        self.space, self.tasks, self.defined = space, {}, {}
        self.text = Path(space["__file__"]).with_name("lesson.py").read_text(encoding="utf-8")
        self.gradients = "torch.set_grad_enabled(False)" not in self.text  # as on the page
        for node in ast.parse(self.text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.defined[node.name] = node
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self.defined |= {alias.asname or alias.name.split(".")[0]: node for alias in node.names}

    def take(self, name, edits=(), note=None):
        """A function of the page, with the functions and imports of the page that it needs, and the names of tasks.py.

        Args:
            name: of the function.
            edits: "old text -> new text", or a tuple of these; each old text stands once in the function.
            note: gets the function's variables when it returns.
        """
        text = ast.get_source_segment(self.text, self.defined[name])
        for edit in [edits] if isinstance(edits, str) else edits:
            old, arrow, new = edit.partition(" -> ")
            if not arrow or text.count(old) != 1:
                raise ValueError(f"{edit!r}: {old!r} stands {text.count(old)} times in {name}, and not once")
            text = text.replace(old, new)
        if note:
            text = re.sub(r"^( +)return\b", r"\1_note(locals()); return", text, flags=re.M) + "\n    _note(locals())"
        space = self.space | {"_note": note}
        self._bring(ast.parse(text), space)
        exec(compile(text, f"<{name}>", "exec"), space)
        return space[name]

    def _bring(self, tree, space):
        for name in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & self.defined.keys():
            if name not in space:
                space[name] = None  # on its way: a function may call itself
                self._bring(self.defined[name], space)
                exec(compile(ast.Module([self.defined[name]], []), f"<{name}>", "exec"), space)

    def _made(self, kind, name, title, **options):
        self.tasks[name] = kind(self, name, title, **options)
        return self.tasks[name]


class Task:
    """What the three kinds share: call it with the answer, and it gives a `Verdict`; it never raises."""

    def __init__(self, page, name, title):
        self.page, self.name, self.title = page, name, title

    def __call__(self, *answer):
        try:
            verdict = self.verdict(*answer)
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"
            return Verdict(BROKEN, f"{what}. That is a fault of the course, not of yours. Please report it.")
        if lesson := re.fullmatch(r"lessons\.(\w+)\.tasks", self.page.space["__name__"]):
            progress.keep("check", lesson[1], exercise=self.name, status=verdict.status)
        return verdict

    def passes(self, sentence):
        return Verdict(PASSED, f"{self.title}{'' if self.title[-1] in '?!' else '.'} {sentence}".strip())


def linear(weight, bias=None):
    """A linear layer with these weights, a row for each output."""
    layer = nn.utils.skip_init(nn.Linear, len(weight[0]), len(weight), bias=bias is not None)
    state = {"weight": weight} | ({"bias": bias} if bias is not None else {})
    layer.load_state_dict({name: torch.as_tensor(value, dtype=torch.float32) for name, value in state.items()})
    return layer


def unplain(sentences):
    """A line for each sentence that a learner couldn't read at once."""
    bad = [s for s in sentences if s and ("`" in s or s[-1] not in ".?!)" or len(s) > 250)]
    return [f"not a plain sentence of at most 250 letters: {s!r}" for s in bad]


# --- Write it ---


class Write(Task):
    """A function that somebody writes; the reference is the function NAME_solution of the page.

    Args:
        cases: tuples of arguments, from small to large; or what is said of a case -> its arguments. The first on which
            the answer fails is shown.
        run: ``run(answer, *case)`` gives what is compared; default what the answer gives. A dict is told by its first
            entry that differs; its key begins a sentence, as "the loss of step 2" (is 3 where 2 is expected).
        same: whether two results agree, or two entries of dicts.
        wrong: a sentence -> a wrong version, or a list of them: a function, or an edit of the solution, as
            "old text -> new text", or a tuple of edits. The sentence is said of an answer that does the same in all
            cases. Under "" stand wrong versions of which nothing is said but the case.
        right: unusual but right functions.
        steps: a variable of the solution -> what it is, in words; shown where the mistake isn't known.
        passed: why it works: a sentence, or a function that makes it of the answer.
    """

    def __init__(self, page, name, title, *, cases, run=None, same=same, wrong=(), right=(), steps=(), passed=""):
        super().__init__(page, name, title)
        self.solution, self.same, self.right, self.passed = page.take(f"{name}_solution"), same, right, passed
        self.cases = dict(cases) if isinstance(cases, dict) else dict(enumerate(cases))
        self.run, self.steps = run or (lambda answer, *args: answer(*args)), dict(steps)
        self.names = inspect.getfullargspec(self.run).args[1:] or inspect.getfullargspec(self.solution).args
        self.wrong = []
        for sentence, versions in dict(wrong).items():
            for one in versions if isinstance(versions, list) else [versions]:
                self.wrong.append((sentence, one if callable(one) else page.take(f"{name}_solution", one)))
        self.of_ours = functools.cache(self.play)  # of the solution and the wrong versions

    def play(self, function, case):
        seconds = None if function is self.solution else CALL_SECONDS
        return play(self.run, function, self.cases[case], self.names, self.page.gradients, seconds)

    def expected(self, case):
        one = self.of_ours(self.solution, case)
        if one.error:
            raise one.error
        return one

    def alike(self, one, other):
        if one.error or other.error:
            return type(one.error) is type(other.error) and str(one.error) == str(other.error)
        return self.agree(one.value, other.value) and one.changed == other.changed

    def agree(self, one, other):
        if isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(self.same(one[key], other[key]) for key in one)
        return self.same(one, other)

    def verdict(self, answer):
        if not callable(answer):
            text = f"{self.name} is {tell(answer)} now, and no function: hand it to the check without calling it."
            return Verdict(NOT_YET, text)
        found = {}
        for case in self.cases:
            self.expected(case)  # first: what torch loads at its first use is not loaded on the answer's time
            found[case] = self.play(answer, case)
            if isinstance(found[case].error, TimeUp | NotImplementedError | NameError):
                break
        failed = next((case for case, one in found.items() if not self.alike(one, self.expected(case))), None)
        if failed is None:
            return self.passes(self.passed(answer) if callable(self.passed) else self.passed)
        one = found[failed]
        if isinstance(one.error, NotImplementedError) and not str(one.error):  # torch has some with a text
            return Verdict(NOT_DONE, "Write your function in place of the line that raises, and run both cells again.")
        sentence, rows = self.what_is_wrong(failed, one, answer)
        if mistake := self.mistake(found):
            sentence, rows = mistake, rows if one.error else self.beside(failed, one)
        told = "; ".join(f"{name} = {tell(arg)}" for name, arg in zip(self.names, self.cases[failed], strict=False))
        rows = [("the case", failed if isinstance(failed, str) else told), *rows]
        return Verdict(NOT_YET, sentence, tuple(rows[:ROWS]))

    def mistake(self, found):
        """The sentence of the wrong version that does what the answer does, in every case; else ""."""
        last_first = list(found.items())[::-1]  # in the larger ones more versions differ
        for sentence, version in self.wrong:
            if sentence and all(self.alike(one, self.of_ours(version, case)) for case, one in last_first):
                return sentence
        return ""

    def what_is_wrong(self, case, one, answer):
        """The sentence, and rows, for an answer whose mistake isn't known."""
        right = self.expected(case)
        if one.error:
            return error_sentence(one.error, answer)
        if one.value is None and right.value is not None:
            if one.printed:
                return "Your function prints its result. It must give it back: write return before it.", []
            return "Your function gives nothing back. What it makes must stand behind return.", []
        if self.agree(one.value, right.value):
            if one.changed:
                said = f"your function changes {one.changed}, which belongs to the caller: work on a copy."
                return f"The result is right, but {said}", []
            return f"Your function gives the right result, but should change {right.changed} itself.", []
        what, got, want = self.first_difference(one, right)
        sentence = differ(got, want, what or "your result")
        rows = self.beside(case, one)[bool(what) :]  # the sentence says what was compared
        return sentence, ([] if tell(got) in sentence and tell(want) in sentence else rows) + self.on_the_way(case)

    def beside(self, case, one):
        """The answer's result, and the right one, as rows."""
        if self.agree(one.value, self.expected(case).value):
            return []
        what, got, want = self.first_difference(one, self.expected(case))
        return [("compared", what)] * bool(what) + [("yours", tell(got)), ("right", tell(want))]

    def first_difference(self, one, right):
        """(what it is, the answer's, the right one) of the first entry of a dict that differs; or of the whole."""
        got, want = one.value, right.value
        for key in want if isinstance(got, dict) and isinstance(want, dict) else ():
            if key not in got or not self.same(got[key], want[key]):
                return str(key), got.get(key, "missing"), want[key]
        return "", got, want

    def on_the_way(self, case):
        """A row with the values of the solution's variables that `steps` names."""
        if not self.steps:
            return []
        values = {}
        self.play(self.page.take(f"{self.name}_solution", note=values.update), case)
        told = [f"{words} {tell(values[name])}" for name, words in self.steps.items() if name in values]
        return [("on the way", "; ".join(told))] if told else []

    def faults(self):
        """What is wrong with the task itself, a line each."""
        lines = []
        for function in (self.solution, *self.right):
            verdict = self.verdict(function)
            lines += [] if verdict.passed else [f"{function.__name__} is right, and refused:\n{verdict}"]
        for number, (sentence, version) in enumerate(self.wrong):
            verdict = self.verdict(version)
            said = verdict.sentence if verdict.sentence in dict(self.wrong) else ""
            if verdict.status != NOT_YET or said != sentence:
                lines.append(f"wrong version {number} ({sentence!r}) gets:\n{verdict}")
        return lines + unplain([sentence for sentence, _ in self.wrong])


# --- Work it out, and decide ---


def _filled_in(names, values):
    """None, or the verdict on values that are too few, too many or not there yet."""
    if len(values) != len(names):
        return Verdict(NOT_YET, f"The check takes {len(names)} values, in this order: {', '.join(names)}.")
    lacking = [name for name, value in zip(names, values, strict=True) if _undone(value)]
    return Verdict(NOT_DONE, f"To be filled in: {', '.join(lacking)}.") if lacking else None


def _undone(value):
    return value is None or value is ... or (isinstance(value, list | tuple) and any(map(_undone, value)))


class WorkOut(Task):
    """Numbers that somebody works out by hand, in the order of the steps.

    Args:
        right: name -> value.
        slips: a sentence -> name -> the value that shows this slip.
        passed: a sentence.
        atol: how far a number may be off.
    """

    def __init__(self, page, name, title, *, right, slips=(), passed="", atol=1e-6):
        super().__init__(page, name, title)
        self.right, self.slips, self.passed, self.atol = right, dict(slips), passed, atol

    def verdict(self, *values):
        if lacking := _filled_in(self.right, values):
            return lacking
        given = dict(zip(self.right, values, strict=True))
        good = [same(given[name], value, 1e-6, self.atol) for name, value in self.right.items()]
        if all(good):
            return self.passes(self.passed)
        *before, first = list(self.right)[: good.index(False) + 1]
        for sentence, slip in self.slips.items():
            if first in slip and all(same(given[name], value, 1e-3, self.atol) for name, value in slip.items()):
                return Verdict(NOT_YET, sentence, ((f"your {first}", tell(given[first])),))
        got, want = as_tensor(given[first]), as_tensor(self.right[first])
        if want is not None and (got is None or got.shape != want.shape):
            asked = "one number" if want.ndim == 0 else f"a list of {len(want)} numbers"
            return Verdict(NOT_YET, f"{first} is {tell(given[first])}, and {asked} is asked for.")
        so_far = f" {' and '.join(before)} {'is' if len(before) == 1 else 'are'} right." if before else ""
        return Verdict(NOT_YET, f"{first} isn't {tell(given[first])}.{so_far}")

    def faults(self):
        lines = [] if self.verdict(*self.right.values()).passed else ["the right values are refused"]
        for sentence, slip in self.slips.items():
            said = self.verdict(*{**self.right, **slip}.values()).sentence
            lines += [] if said == sentence else [f"{slip} gets {said!r} and not {sentence!r}"]
        return lines + unplain([*self.slips, self.passed])


class Decide(Task):
    """A choice, and what it costs.

    Args:
        choices: name -> a list of what can be chosen, or bool, int or float.
        judge: ``judge(*values)`` gives (whether the decision holds, a sentence with what it costs, *rows).
        examples: values -> whether they hold; for the tests.
    """

    KINDS = {bool: "True or False", int: "a whole number", float: "a number"}

    def __init__(self, page, name, title, *, choices, judge, examples):
        super().__init__(page, name, title)
        self.choices, self.judge, self.examples = choices, judge, dict(examples)

    def verdict(self, *values):
        if lacking := _filled_in(self.choices, values):
            return lacking
        for (name, allowed), value in zip(self.choices.items(), values, strict=True):
            if isinstance(allowed, list):
                fits, asked = value in allowed, f"It can be {', '.join(map(str, allowed[:-1]))} or {allowed[-1]}."
            else:
                fits = isinstance(value, int | float if allowed is float else allowed)
                fits &= isinstance(value, bool) == (allowed is bool)
                asked = f"It should be {self.KINDS[allowed]}."
            if not fits:
                return Verdict(NOT_YET, f"{name} is {tell(value)}. {asked}")
        holds, sentence, *rows = self.judge(*values)
        return self.passes(sentence) if holds else Verdict(NOT_YET, sentence, tuple(rows[:ROWS]))

    def faults(self):
        found = {values: self.verdict(*values) for values in self.examples}
        lines = [f"{v}: {found[v]}" for v, holds in self.examples.items() if found[v].passed != holds]
        return lines + unplain(verdict.sentence for verdict in found.values())
