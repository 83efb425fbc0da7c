"""Time and peak memory, measured so that the numbers can be compared.

`Timer` measures one block. `compare` measures several functions against each other and is what a
claim about speed must rest on. Both synchronise the device. The lesson `measuring` explains each step.

How the peak is measured. It is the peak of *tensor memory*, counted above what was allocated when the
measurement began: on CUDA by the counters of PyTorch's caching allocator, on a CPU by summing the
allocations and releases that PyTorch's profiler reports. Python objects and the code of libraries are
in neither, and on a CPU the release of a block that is older than the measurement does not lower the peak.
Tracing a CPU costs a few microseconds an operation, so it is off unless asked for.
"""

from __future__ import annotations

import gc
import inspect
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import accumulate
from statistics import median, quantiles

import torch
from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile
from torch.utils import benchmark

from course_utils.runtime import best_device, judge_speed, quick, strict, threads
from course_utils.tables import Table, Tabled, si

# From here on a sample is one call: it leaves no cache as it found it, what it loads anew is a small part of it, and
# calls to warm up would take two thirds of a learner's minute.
LONG_S = 0.05
FEWER_FROM_S = 0.25  # a call that takes as long gets `rounds_if_long`
LONG_SEARCH_S = 0.01
STEADY = 1.3  # third quartile over first, from which on a timing is too noisy to judge by
ATTEMPTS = 3
# Its own generator, for measuring must not change what a lesson draws; one for all comparisons, for with the same turns
# again and again what they favour by chance would look like a result.
TURNS = random.Random(0)


class Unsteady(RuntimeError):
    """A timing that is to be judged was too noisy, however often it was repeated; says which one, and what to do.

    Attributes:
        comparison: the last attempt, whole.
        noisy: names of the candidates whose times were too far apart in it.
    """

    def __init__(self, comparison: Comparison, noisy: list[str]):
        super().__init__(_too_noisy(comparison, noisy[0]))
        self.comparison, self.noisy = comparison, noisy


def synchronise(device: torch.device | str | None = None) -> None:
    """Wait until `device` has done all its queued work (nothing to wait for on a CPU).

    Args:
        device: "cpu", or the kind of accelerator that PyTorch finds here (CUDA, or Apple's, Intel's, …); None =
            whichever there is.
    Raises:
        ValueError: another device: a clock that cannot wait for it would show the time of the launch.
    """
    here = torch.accelerator.current_accelerator(check_available=True)
    device = torch.device(device) if device else here or torch.device("cpu")
    if device.type == "cpu":
        return
    if here is None or device.type != here.type:
        raise ValueError(
            f"no clock can wait for the device {str(device)!r}: PyTorch finds {here or 'no accelerator'} here. "
            "Pass device='cpu', or run where that device is"
        )
    torch.accelerator.synchronize(device)


def _collect_garbage() -> None:
    # A search is long because of loaded modules, which stay. Frozen, they are searched no more: 10 ms in place of 300.
    start = time.perf_counter()
    gc.collect()
    if time.perf_counter() - start > LONG_SEARCH_S:
        gc.freeze()


class Timer:
    """Seconds and peak bytes of one block.

    After ``with Timer() as t: ...`` there is ``t.seconds`` (float), and ``t.peak_bytes`` (int) where it was measured,
    else None. ``t.levels`` (list of int, CPU only) has the bytes above the start, first 0, then after each allocation
    and each release.

    Args:
        device: what to synchronise; None = the best device, and whatever accelerator there is.
        memory: measure the peak too. On CUDA this is free. On a CPU it slows the block down, so take the
            seconds from a second run without it.
    Raises:
        ValueError: a device that cannot be waited for here (see `synchronise`), or the memory of another device than
            CUDA or a CPU.
        RuntimeError: on entering, the memory of a CPU while another profiler runs, `Timer`'s own or yours: PyTorch has
            one at a time, and this one would take its events.
    """

    def __init__(self, *, device: torch.device | str | None = None, memory: bool = False):
        self._wait_for, self.device = device, torch.device(device) if device else best_device()
        synchronise(device)
        if memory and self.device.type not in ("cpu", "cuda"):
            raise ValueError(f"the peak of the memory is not measured on {self.device.type!r}: leave memory=True out")
        self.memory = memory
        self.seconds: float | None = None
        self.peak_bytes: int | None = None
        self.levels: list[int] | None = None
        self._profile: profile | None = None

    def __enter__(self) -> Timer:
        """Collect garbage, empty the device's queue, reset the peak, start the clock."""
        _collect_garbage()
        synchronise(self._wait_for)
        if self.memory and self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        elif self.memory:
            if torch._C._autograd._profiler_enabled():
                raise RuntimeError(
                    "another profiler is running (torch.profiler, a Timer with memory=True, or a Trainer's), and "
                    "this one would take its events: measure the memory before it begins or after it has ended"
                )
            self._profile = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
            self._profile.__enter__()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        """Wait for the device, stop the clock, read the peak."""
        synchronise(self._wait_for)
        self.seconds = time.perf_counter() - self._started
        if self._profile is not None:
            self._profile.__exit__(None, None, None)
            self.levels = _levels_of(self._profile)
            self.peak_bytes = max(self.levels)
            self._profile = None
        elif self.memory:
            self.peak_bytes = torch.cuda.max_memory_allocated(self.device) - self._before

    def __repr__(self) -> str:
        if self.seconds is None:
            return "Timer (not stopped yet)"
        peak = "" if self.peak_bytes is None else f", peak {si(self.peak_bytes, 'B')}"
        return f"{si(self.seconds, 's')}{peak} on {self.device.type}"


def _levels_of(trace: profile) -> list[int]:
    # The raw events: the profiler's public ones give each operator its balance, not single allocations in their order.
    # This is the only place that reads them.
    waiting, events = trace.profiler.kineto_results.experimental_event_tree(), []
    while waiting:
        event = waiting.pop()
        waiting += event.children
        if event.tag == _EventType.Allocation:
            events.append(event)
    alive, changes = set(), []
    for event in sorted(events, key=lambda e: e.start_time_ns):
        block = event.extra_fields
        if block.alloc_size > 0:
            alive.add(block.ptr)
        elif block.ptr in alive:
            alive.remove(block.ptr)
        else:  # older than the measurement: the profiler knows its address from an earlier one, with that one's size
            continue
        changes.append(block.alloc_size)
    return list(accumulate(changes, initial=0))


def peak_bytes(fn: Callable[[], object], *, device: torch.device | str | None = None) -> int:
    """Peak of tensor memory while `fn` runs, in bytes above the level at its start; raises as `Timer` and `compare`."""
    with Timer(device=device, memory=True) as timer:
        result = fn()
    _need_done("the function", result)
    return timer.peak_bytes


@dataclass(frozen=True, repr=False)
class Comparison(Tabled):
    """Samples of several candidates, taken in turn. The first candidate is the baseline.

    Attributes:
        samples: seconds a call, one list a candidate, all of the same length; the i-th of each belong to
            the same round.
        threads: torch threads during the measurement.
        device: its kind, for example "cpu" or "cuda".
    """

    samples: Mapping[str, list[float]]
    threads: int
    device: str

    @property
    def baseline(self) -> str:
        return next(iter(self.samples))

    def median_ms(self, name: str) -> float:
        """Median of a candidate's samples, in milliseconds a call."""
        return 1e3 * median(self._of(name))

    def iqr_ms(self, name: str) -> float:
        """Interquartile range of a candidate's samples, in milliseconds."""
        low, high = _quartiles(self._of(name))
        return 1e3 * (high - low)

    def ratio(self, name: str, *, over: str | None = None) -> float:
        """Speed-up over another candidate (None = the baseline): the median over rounds of its time / this one's."""
        return median(self._ratios(name, over))

    def ratio_quartiles(self, name: str) -> tuple[float, float]:
        """First and third quartile of the speed-up over rounds."""
        return _quartiles(self._ratios(name))

    def _of(self, name: str) -> list[float]:
        if name not in self.samples:
            raise KeyError(f"no candidate {name!r}; there are {', '.join(self.samples)}")
        return self.samples[name]

    def _ratios(self, name: str, over: str | None = None) -> list[float]:
        return [base / own for base, own in zip(self._of(over or self.baseline), self._of(name), strict=True)]

    def table(self) -> Table:
        """What it shows itself as."""
        rows = []
        for name in self.samples:
            low, high = self.ratio_quartiles(name)
            rows.append(
                [
                    name,
                    f"{self.median_ms(name):.3g}",
                    f"{self.iqr_ms(name):.2g}",
                    f"{self.ratio(name):.2f}×",
                    f"{low:.2f} to {high:.2f}",
                ]
            )
        count = len(self.samples[self.baseline])
        caption = (
            f"{self.device}, {self.threads} thread{'s' * (self.threads > 1)}, "
            f"{count} interleaved round{'s' * (count > 1)}"
        )
        return Table(["candidate", "median, ms", "IQR, ms", "speed-up", "quartiles"], rows, caption=caption)


def _quartiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def compare(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    sample_seconds: float = 0.02,
    rounds_if_long: int | None = None,
    n_threads: int = 1,
    device: torch.device | str | None = None,
) -> Comparison:
    """Time functions against each other, in turn.

    Each candidate is called until it is warm and a sample of it is long enough to time. Then every round
    takes one sample of each, in a new random order, so that a clock that drifts and a neighbour that
    leaves its data in the cache hit all candidates alike. Torch's timer calls a function twice or more, untimed,
    before each sample, so caches are warm; a function that takes a twentieth of a second is called once a sample
    and no more (told by its second call: a first one may compile, or wake the device). A quick run (`runtime.quick`)
    takes one short round, and a test that judges claims but not speed (`runtime.strict`) three at most: nobody reads
    its times.

    Where speed is judged (`runtime.judge_speed`), the whole comparison is repeated while the quartiles of a candidate's
    times are a factor of 1.3 or more apart, up to three times in all.

    Args:
        candidates: name -> function without arguments; the first is the baseline.
        rounds: samples a candidate, 1 or more.
        sample_seconds: least length of one sample; short functions are called several times in it.
        rounds_if_long: samples a candidate where a call of one of them takes a quarter of a second or longer, which it
            does on a processor without the right units; None = rounds.
        n_threads: torch threads while measuring.
        device: where the functions work; None = the best device, and whatever accelerator there is is waited for.
    Raises:
        TypeError: candidates that are no dict of functions, or one that returns before its work is done (a coroutine, a
            generator or another iterator, a future): its time would be that of the promise.
        ValueError: no candidates, rounds below 1, or a device that cannot be waited for here (see `synchronise`).
        Unsteady: speed is judged, and a candidate's times were too far apart each time; the message names it.
    """
    if not isinstance(candidates, Mapping):
        raise TypeError(f"candidates must be a dict of name -> function, got {type(candidates).__name__}")
    if wrong := [name for name, fn in candidates.items() if not callable(fn)]:
        raise TypeError(
            f"{wrong[0]!r} is a {type(candidates[wrong[0]]).__name__}, and a function without arguments was expected: "
            "pass lambda: model(x), not model(x)"
        )
    if not candidates:
        raise ValueError("nothing to compare: pass a dict of name -> function")
    if rounds < 1:
        raise ValueError(f"rounds must be 1 or more, got {rounds}")
    label = torch.device(device or best_device()).type
    if quick() or (strict() and not judge_speed()):
        rounds, sample_seconds = 1 if quick() else min(rounds, 3), 0.0
    names = list(candidates)
    timers = {
        name: benchmark.Timer("fn()", globals={"fn": fn}, num_threads=n_threads) for name, fn in candidates.items()
    }
    with threads(n_threads):
        _collect_garbage()
        took = {name: _seconds_once_warm(name, fn, device) for name, fn in candidates.items()}
        long = {name for name in names if took[name] >= LONG_S}
        if rounds_if_long is not None and max(took.values()) >= FEWER_FROM_S:
            rounds = min(rounds, rounds_if_long)
        calls = {name: _calls_a_sample(timers[name], sample_seconds) for name in names if name not in long}
        for _ in range(ATTEMPTS if judge_speed() else 1):
            samples: dict[str, list[float]] = {name: [] for name in names}
            for _ in range(rounds):
                for name in TURNS.sample(names, len(names)):
                    samples[name].append(
                        _seconds(candidates[name], device)[0]
                        if name in long
                        else timers[name].timeit(calls[name]).median
                    )
            comparison = Comparison(samples, n_threads, label)
            noisy = [name for name in names if _is_noisy(samples[name])]
            if not noisy:
                break
    if noisy and judge_speed():
        raise Unsteady(comparison, noisy)
    return comparison


def _is_noisy(values: list[float]) -> bool:
    low, high = _quartiles(values)
    return high >= STEADY * low


def _too_noisy(comparison: Comparison, name: str) -> str:
    low, high = (1e3 * t for t in _quartiles(comparison.samples[name]))
    return (
        f"{name!r}: the quartiles of its times are {low:.3g} and {high:.3g} ms, a factor of {high / low:.2f} apart "
        f"(below {STEADY} is wanted), in the last of {ATTEMPTS} attempts. Other programs take the processor: close "
        "them, wait until the machine is idle, and measure again."
    )


def _seconds(fn: Callable[[], object], device: torch.device | str | None) -> tuple[float, object]:
    """Seconds of one call, and what it returned."""
    synchronise(device)
    start = time.perf_counter()
    result = fn()
    synchronise(device)
    return time.perf_counter() - start, result


def _seconds_once_warm(name: str, fn: Callable[[], object], device: torch.device | str | None) -> float:
    """Seconds of the first call where it is short, else of the second: a first call may compile."""
    first, result = _seconds(fn, device)
    _need_done(repr(name), result)
    del result
    return first if first < LONG_S else _seconds(fn, device)[0]


def _need_done(name: str, result: object) -> None:
    """Refuse what returned a promise of work: a clock that stops there shows nothing of the work."""
    if inspect.iscoroutine(result):
        result.close()  # else Python warns that nobody awaited it
        mend = "asyncio.run(...) around it"
    elif isinstance(result, Iterator | AsyncIterator):
        mend = "list(...) around it"
    elif inspect.isawaitable(result) or isinstance(result, Future | torch._C.Future):
        mend = "wait for its result inside of the function"
    else:
        return
    raise TypeError(
        f"{name} returns a {type(result).__name__} at once, and its work is done only when somebody asks for the "
        f"results; a clock would show a call without the work. Give a function that does it all: {mend}"
    )


def _calls_a_sample(timer: benchmark.Timer, seconds: float) -> int:
    """How many calls fill `seconds`; warms up on the way."""
    n = 1
    if seconds == 0:
        return n
    while (took := timer.timeit(n).median * n) < seconds:
        n = max(2 * n, int(1.1 * n * seconds / max(took, 1e-9)))
    return n
