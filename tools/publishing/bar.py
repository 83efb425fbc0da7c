"""A bar for cells that run: how many are done, and how long the present one has taken. It makes no forecast.

One cell takes a thousand times as long as another: what tqdm says of the time left would be off by as much.
"""

import sys
import threading
import time
from contextlib import contextmanager

from tqdm import tqdm

TICK_S, CLOCK = 1, "moves the bar"


@contextmanager
def cells(total, title=""):
    """A bar over `total` cells on stdout; call its `update()` after each. In a terminal it moves every second."""
    ended = threading.Event()
    with _Cells(total=total, desc=title and f"{title}: ", file=sys.stdout, bar_format=_Cells.FORMAT) as bar:
        clock = threading.Thread(target=_tick, args=(bar, ended), name=CLOCK, daemon=True)
        if sys.stdout.isatty():
            clock.start()
        try:
            yield bar
        finally:
            ended.set()
            if clock.is_alive():
                clock.join()


def _tick(bar, ended):
    while not ended.wait(TICK_S):
        bar.refresh()


class _Cells(tqdm):
    FORMAT = "{desc}{n_fmt} of {total_fmt} cells |{bar}| {elapsed}{present}"

    def __init__(self, *args, **options):
        self.began = time.monotonic()  # of the cell that runs
        super().__init__(*args, **options)

    def update(self, n=1):
        self.began = time.monotonic()
        return super().update(n)

    @property
    def format_dict(self):
        seconds = time.monotonic() - self.began
        running = self.n < self.total and seconds >= TICK_S
        return {**super().format_dict, "present": f", this cell {seconds:.0f} s" if running else ""}
