"""Whether this machine has time to measure: which other programs are busy."""

import psutil

SECONDS = 2.0
BUSY_PERCENT = 25  # of one core; a desktop at rest stays below it


class NotAlone(Exception):
    """Other programs are busy, so nothing was measured; the text names them."""


def ask(seconds=SECONDS):
    """Watch the machine for some seconds.

    Raises:
        NotAlone: another process took more than a quarter of a core; this one and those that started it do not count.
    """
    busy = _busy(seconds)
    if busy:
        raise NotAlone(
            f"This machine is not at rest: {'; '.join(busy)}. Timings taken now would not hold. Close what can "
            "be closed, wait for the rest, and start again."
        )


def _busy(seconds):
    me = psutil.Process()
    own = {me.pid, *(parent.pid for parent in me.parents())}
    before = {process: _used(process) for process in psutil.process_iter() if process.pid not in own}
    psutil.cpu_percent(interval=seconds)  # sleeps; what it gives also counts this process
    shares = [(100 * (_used(process) - then) / seconds, process) for process, then in before.items()]
    return [
        f"{_name(process)} (process {process.pid}) takes {share:.0f} % of a core"
        for share, process in sorted(shares, key=lambda pair: -pair[0])
        if share > BUSY_PERCENT
    ][:5]


def _used(process):
    """Seconds of processor time that a process has taken; 0 for one that is gone or that may not be asked."""
    try:
        times = process.cpu_times()
        return times.user + times.system
    except psutil.Error:
        return 0.0


def _name(process):
    try:
        return process.name()
    except psutil.Error:
        return "a program"
