"""Timer and compare: what they measure, what they refuse, and that the peak is that of known allocations."""

import pytest
import torch

from course_utils import timing


def test_peak_counts_what_lives_at_the_same_time():
    def one_after_the_other():
        for _ in range(3):
            torch.zeros(250_000)

    def together():
        return [torch.zeros(250_000) for _ in range(3)]

    assert timing.peak_bytes(one_after_the_other, device="cpu") == 1_000_000
    assert timing.peak_bytes(together, device="cpu") == 3_000_000


def test_peak_starts_from_zero_and_does_not_see_older_blocks():
    before = [torch.zeros(1_000_000)]

    def free_then_allocate():
        before.clear()
        return torch.zeros(250_000)

    assert timing.peak_bytes(free_then_allocate, device="cpu") == 1_000_000
    assert timing.peak_bytes(lambda: None, device="cpu") == 0


def test_an_address_that_an_earlier_measurement_saw_does_not_lower_the_peak():
    """The profiler keeps the addresses of blocks that outlive a measurement, and the allocator hands them out again."""
    sizes = range(10_000, 20_000, 500)
    seen = []
    timing.peak_bytes(lambda: seen.extend([torch.zeros(n) for n in sizes]) or 0, device="cpu")
    seen.clear()
    older = [torch.zeros(n) for n in sizes]

    def free_then_allocate():
        older.clear()
        return torch.zeros(2_500)

    assert timing.peak_bytes(free_then_allocate, device="cpu") == 10_000


def test_timer_gives_the_level_after_each_change():
    with timing.Timer(device="cpu", memory=True) as timer:
        first = torch.zeros(250_000)
        second = torch.zeros(500_000)
        del second
        third = torch.zeros(250_000)
    assert timer.levels == [0, 1_000_000, 3_000_000, 1_000_000, 2_000_000]
    assert timer.peak_bytes == max(timer.levels) and first is not third
    with timer, timing.Timer(device="cpu") as plain:  # it can be used again
        pass
    assert plain.levels is None


def test_timer_stops_when_the_block_raises():
    timer = timing.Timer(device="cpu", memory=True)
    with pytest.raises(KeyError), timer:
        raise KeyError("inside")
    assert timer.seconds > 0 and timer.peak_bytes is not None


def test_comparison_is_paired_by_round():
    # A machine that slows down threefold in the middle: medians of each side alone would mix the halves.
    comparison = timing.Comparison({"slow": [2.0, 2.0, 6.0, 6.0], "fast": [1.0, 1.0, 3.0, 3.0]}, 1, "cpu")
    assert comparison.baseline == "slow"
    assert comparison.ratio("fast") == 2.0
    assert comparison.ratio_quartiles("fast") == (2.0, 2.0)
    assert comparison.ratio("slow", over="fast") == 0.5
    assert comparison.median_ms("slow") == 4000.0
    assert comparison.iqr_ms("slow") == 4000.0
    assert "2.00×" in repr(comparison) and "4 interleaved rounds" in repr(comparison)


class Scripted:
    """Stands for torch's timer: a candidate's times come one by one from what its function gives."""

    def __init__(self, stmt, globals, num_threads):
        self.following = globals["fn"]()

    def timeit(self, n):
        return type("Sample", (), {"median": self.following()})()


def planted(monkeypatch, *attempts):
    """A comparison of a steady candidate and one with these times, four rounds an attempt."""
    monkeypatch.setattr(timing.benchmark, "Timer", Scripted)
    warm_up = [1.0]
    noisy = iter([*warm_up, *(t for times in attempts for t in times)])
    steady = iter([1.0] * 100)
    return timing.compare({"steady": lambda: steady.__next__, "noisy": lambda: noisy.__next__}, rounds=4, device="cpu")


NOISE, CALM = [1.0, 1.0, 1.5, 1.5], [1.0, 1.0, 1.1, 1.1]


def test_a_noisy_timing_is_repeated_where_speed_is_judged(monkeypatch):
    monkeypatch.setenv("COURSE_JUDGE_SPEED", "1")
    comparison = planted(monkeypatch, NOISE, CALM)
    assert comparison.samples["noisy"] == CALM and len(comparison.samples["steady"]) == 4


def test_a_timing_that_stays_noisy_is_refused_where_speed_is_judged(monkeypatch):
    monkeypatch.setenv("COURSE_JUDGE_SPEED", "1")
    said = "'noisy': the quartiles of its times are 1e.03 and 1.5e.03 ms, a factor of 1.50 .*close them"
    with pytest.raises(timing.Unsteady, match=said):
        planted(monkeypatch, NOISE, NOISE, NOISE)


def test_a_quick_run_takes_one_round(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    comparison = timing.compare({"a": lambda: None}, rounds=9, device="cpu")
    assert len(comparison.samples["a"]) == 1
    assert comparison.iqr_ms("a") == 0


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 5), (0.001, 22)])
def test_what_takes_long_is_called_few_times(monkeypatch, seconds, calls):
    """Without 16-bit units a step takes seconds; a learner should not wait for minutes."""
    made = []
    monkeypatch.setattr(timing, "_seconds", lambda fn, device: (seconds, fn()))
    candidates = {"short": lambda: None, "other": lambda: made.append(0)}
    found = timing.compare(candidates, rounds=7, rounds_if_long=3, sample_seconds=0.0, device="cpu")
    assert len(made) == calls if seconds > timing.LONG_S else len(made) >= calls
    assert len(found.samples["other"]) == (3 if seconds > timing.LONG_S else 7)


def test_a_function_whose_first_call_alone_is_long_is_warmed_up(monkeypatch):
    """A compiler works in the first call; what comes after it is short, and is measured like what is short."""
    made = []
    monkeypatch.setattr(timing, "_seconds", lambda fn, device: (fn(), (1.0 if len(made) == 1 else 0.001, None))[1])
    timing.compare({"compiled": lambda: made.append(0)}, rounds=5, sample_seconds=0.0, device="cpu")
    assert len(made) >= 2 + 3 * 5


@pytest.mark.parametrize("device", ["mps", "xpu", "meta"])
def test_a_device_that_cannot_be_waited_for_is_refused(device):
    if torch.accelerator.is_available() and torch.accelerator.current_accelerator().type == device:
        pytest.skip("it is here")
    for use in (timing.Timer, timing.synchronise, lambda device: timing.compare({"a": list}, device=device)):
        with pytest.raises(ValueError, match=f"{device}.*device='cpu'"):
            use(device=device)
