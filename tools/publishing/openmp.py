"""How long a thread of PyTorch stays awake while it waits for the others: what a learner's kernel is told."""

import os

# PyTorch's packages for Linux have GNU's OpenMP, which counts turns of a loop (300,000 unless told); those for Windows
# and macOS have Intel's and LLVM's, which count time (200 ms). None minds the other's variable: a kernel gets both.
# Beside a busy program the thread that waits awake holds the core on which the other one could finish: with two threads
# an epoch of LeNet took up to 50 s, and alone 1 s. Without any spinning it is no steadier, and half as fast alone.
BRIEFLY = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "50us"}
OTHERS = ("OMP_WAIT_POLICY", "KMP_LIBRARY")  # say the same in other words


def environment():
    """What to tell a kernel: `BRIEFLY`; {} where this process's environment says something else of it."""
    said = {name: os.environ[name] for name in (*BRIEFLY, *OTHERS) if name in os.environ}
    return dict(BRIEFLY) if said.items() <= BRIEFLY.items() else {}
