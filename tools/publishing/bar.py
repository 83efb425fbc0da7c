"""A bar for cells that run: how many are done, and for how long. It makes no forecast.

One cell takes a thousand times as long as another: what tqdm says of the time left would be off by as much.
"""

import sys

from tqdm import tqdm

FORMAT = "{desc}{n_fmt} of {total_fmt} cells |{bar}| {elapsed}"


def cells(total, title=""):
    """A bar over `total` cells on stdout; call its `update()` after each."""
    return tqdm(total=total, desc=title and f"{title}: ", file=sys.stdout, bar_format=FORMAT)
