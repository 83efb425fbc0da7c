"""How fast a model writes, how fast memory delivers, and how well a text is foretold."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.runtime import judge_speed, quick, strict, threads


def bandwidth(*, n_threads: int = 1, n_bytes: int = 2**28, rounds: int = 7) -> float:
    """Bytes a second that are read from memory: the best of some rounds of two ways to read, a dot product and a sum.

    A quick run (`runtime.quick`), and a test that does not judge speed, reads less.

    Args:
        n_threads: torch threads.
        n_bytes: that are read in a round; more than the caches hold.
        rounds: of each way.
    Raises:
        ValueError: a count below 1.
    """
    if n_threads < 1 or n_bytes < 4 or rounds < 1:
        raise ValueError(f"counts must be 1 or more, got {n_threads} threads, {n_bytes} bytes, {rounds} rounds")
    if quick() or (strict() and not judge_speed()):
        n_bytes, rounds = min(n_bytes, 2**24 if quick() else 2**27), min(rounds, 2)
    numbers = torch.ones(n_bytes // 4)
    least = math.inf
    with threads(n_threads):
        for _ in range(rounds):
            for read in (lambda: torch.dot(numbers, numbers), numbers.sum):
                start = time.perf_counter()
                read()
                least = min(least, time.perf_counter() - start)
    return numbers.nbytes / least


class Writer:
    """Writes a text token by token, with a KV cache; a call writes one.

    Args:
        model: a causal model of transformers.
        prompt: ids (1, n), read in one pass when the writer is made.
    Attributes:
        written: ids so far, without the prompt.
    """

    def __init__(self, model: nn.Module, prompt: Tensor):
        self.model, self.written = model, []
        with torch.no_grad():
            self._keep(model(prompt, use_cache=True))

    def __call__(self) -> Tensor:
        """The logits after one more token, (vocabulary,)."""
        with torch.no_grad():
            out = self.model(self._next, cache=self._cache, use_cache=True)
        return self._keep(out)

    def _keep(self, out: object) -> Tensor:
        self._cache, logits = out.cache, out.logits[0, -1]
        self._next = logits.argmax().view(1, 1)
        self.written.append(int(self._next))
        return logits


@torch.no_grad()
def perplexity(model: nn.Module, ids: Tensor, *, length: int = 128) -> float:
    """e to the mean loss in nats a token, over pieces of a text.

    Args:
        model: a causal model of transformers.
        ids: int64 (n,), of its tokenizer.
        length: tokens that are foretold in a piece, all but its first; what is left over at the end is left out,
            unless the text is shorter than one piece.
    Raises:
        ValueError: fewer than two tokens.
    """
    if len(ids) < 2:
        raise ValueError(f"a text of {len(ids)} tokens has nothing to foretell: take a longer one")
    length = min(length, len(ids) - 1)
    pieces = ids[: len(ids) // (length + 1) * (length + 1)].view(-1, length + 1)
    total = 0.0
    for piece in pieces[: 1 if quick() else None].split(1):
        logits = model(piece[:, :-1], use_cache=False).logits.float()
        total += F.cross_entropy(logits[0], piece[0, 1:]).item()
    return math.exp(total / (1 if quick() else len(pieces)))
