"""A small language model: the text that it learns, the network, how well it predicts, and the trained one.

The text is the source of Python's own standard library, as it is installed on this machine: nothing is downloaded, and
nothing of it lies in the course. Another version of Python has other text, so perplexities differ a little.
"""

from __future__ import annotations

import math
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_utils import checkpoints, training
from course_utils.runtime import quick, threads, training_threads

ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
"""The 96 characters that the model knows: the line end and printable ASCII."""

TRAINING = tuple(
    """
    argparse ast base64 bdb code configparser contextlib copy csv dataclasses datetime difflib doctest enum filecmp
    fileinput fractions ftplib functools getopt getpass gettext glob gzip hashlib hmac imaplib inspect ipaddress locale
    mailbox mimetypes numbers optparse pdb pickle pkgutil platform plistlib poplib pprint profile pstats queue quopri
    random selectors shelve shutil smtplib socket socketserver statistics string subprocess tarfile threading timeit
    tokenize trace traceback types typing uuid weakref webbrowser zipapp zipfile
    """.split()
)
"""Modules whose source the model learns; they are there from Python 3.11 to 3.14."""

HELD_OUT = ("bisect", "calendar", "cmd", "fnmatch", "heapq", "sched", "shlex", "tempfile", "textwrap")
"""Modules that it never sees, for the perplexity."""

QUICK_CHARACTERS = 20_000


def source(modules: Sequence[str] = TRAINING, *, folder: Path | None = None) -> tuple[str, list[str]]:
    """The source of modules of the standard library, one after the other, and the names of those that are missing.

    Args:
        modules: names without a dot.
        folder: where the standard library lies; None = that of this Python.
    Returns:
        (text, missing): every character of the text is in `ALPHABET`; a tab became four spaces, any other character
        that the alphabet lacks a question mark. A quick run (`runtime.quick`) gets 20,000 characters at most.
    Raises:
        FileNotFoundError: none of the modules has its source here (some installations have none).
    """
    folder = Path(sysconfig.get_paths()["stdlib"]) if folder is None else Path(folder)
    parts, missing = [], []
    for name in modules:
        path = folder / f"{name}.py"
        if not path.is_file():
            path = folder / name / "__init__.py"  # a package in newer versions of Python
        if path.is_file():
            parts.append(path.read_text(encoding="utf-8", errors="replace"))
        else:
            missing.append(name)
    if not parts:
        raise FileNotFoundError(
            f"none of {', '.join(modules)} has its source in {folder}: this Python comes without the text of its "
            "standard library. Take one from python.org, from conda, or from your system."
        )
    text = "\n".join(parts).expandtabs(4)
    text = "".join(c if c in _POSITION else "?" for c in text)
    return (text[:QUICK_CHARACTERS] if quick() else text), missing


_POSITION = {character: position for position, character in enumerate(ALPHABET)}


def encode(text: str) -> Tensor:
    """Positions in `ALPHABET`, int64 (len(text),).

    Raises:
        ValueError: a character that the model never saw; names it.
    """
    unknown = sorted(set(text) - set(_POSITION))
    if unknown:
        raise ValueError(
            f"the model never saw {', '.join(map(repr, unknown[:5]))}: it knows the line end and printable ASCII"
        )
    return torch.tensor([_POSITION[character] for character in text], dtype=torch.int64)


def decode(ids: Tensor) -> str:
    """The text of positions in `ALPHABET`; ids: int64 (n,)."""
    return "".join(ALPHABET[i] for i in ids.tolist())


def rotate(x: Tensor, first: int = 0) -> Tensor:
    """Rotary positions: turn each pair of neighbouring features by an angle that grows with the step.

    A product of two vectors so turned depends on how far their steps lie apart, not on where they are.

    Args:
        x: float (batch, heads, steps, features of a head), an even number of features.
        first: the step of ``x[:, :, 0]``; a cache needs it.
    Returns:
        The same shape.

    Source: J. Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021, arXiv:2104.09864,
    equation 34.
    """
    steps, features = x.shape[-2:]
    speeds = 10_000 ** (-torch.arange(0, features, 2, device=x.device) / features)
    angles = torch.arange(first, first + steps, device=x.device)[:, None] * speeds
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack(
        [even * angles.cos() - odd * angles.sin(), even * angles.sin() + odd * angles.cos()], dim=-1
    ).flatten(-2)


class Block(nn.Module):
    """One layer of a decoder: attention to what came before, then a feed-forward network, with a norm before each.

    Takes and returns states (batch, steps, width), float.
    """

    def __init__(self, width: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, steps, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, steps, width))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class CharTransformer(nn.Module):
    """A decoder over characters with rotary positions, the norm first and no bias; 1,009,024 weights.

    Takes ids (batch, steps), int64; returns logits (batch, steps, 96), float: after each character, of the next one.

    Args:
        width: of the states; a multiple of `n_heads`.
        n_layers: number of `blocks`.
        n_heads: of the attention.
        context: most steps.
    Raises:
        ValueError: width is no multiple of n_heads; in `forward`, no step, or more than `context`.
    """

    def __init__(self, width: int = 128, n_layers: int = 5, n_heads: int = 4, context: int = 512):
        super().__init__()
        if width % n_heads:
            raise ValueError(f"width must be a multiple of n_heads, got {width} and {n_heads}")
        self.context = context
        self.tokens = nn.Embedding(len(ALPHABET), width)
        self.blocks = nn.ModuleList(Block(width, n_heads) for _ in range(n_layers))
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, len(ALPHABET), bias=False)
        for block in self.blocks:  # each half of a layer begins as nothing: such networks learned fastest here
            nn.init.zeros_(block.out.weight)
            nn.init.zeros_(block.down.weight)

    def forward(self, ids: Tensor) -> Tensor:
        if not 0 < ids.shape[1] <= self.context:
            raise ValueError(f"this model takes from 1 to {self.context} characters, got {ids.shape[1]}")
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def batches(ids: Tensor, *, steps: int, batch_size: int = 2, length: int = 512, seed: int = 0) -> Tensor:
    """Pieces of a text, taken at random places.

    Args:
        ids: int64 (N,), of `encode`.
        steps: how many batches.
        batch_size: pieces in each.
        length: characters of a piece to learn from; one more follows each, the last to be foretold.
        seed: of the places; torch's global generator is not touched.
    Returns:
        int64 (steps, batch_size, length + 1).
    Raises:
        ValueError: the text is not longer than a piece.
    """
    if len(ids) <= length + 1:
        raise ValueError(f"a text of {len(ids)} characters has no room for pieces of {length + 1}: take a longer one")
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(len(ids) - length - 1, (steps, batch_size, 1), generator=generator)
    return ids[first + torch.arange(length + 1)]


def fit(
    model: CharTransformer, ids: Tensor, *, steps: int, lr: float = 4e-3, seed: int = 0, **pieces: int
) -> list[float]:
    """Train a model with AdamW: the rate rises over 40 steps, stays, and falls to zero from two fifths on.

    A quick run (`runtime.quick`) takes 5 steps at most.

    Args:
        ids: int64 (N,), of `encode`.
        steps: batches to learn from.
        lr: highest learning rate.
        seed: of the places in the text.
        pieces: batch_size and length, as `batches` takes them.
    Returns:
        The loss of each step, in nats a character.
    """
    steps = min(steps, training.QUICK_STEPS) if quick() else steps
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.1)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 40, 1, max(0.02, (steps - step) / (0.6 * steps)))
    )
    losses = []
    model.train()
    with threads(training_threads()):
        for piece in tqdm(
            batches(ids, steps=steps, seed=seed, **pieces), desc="training", unit="step", file=sys.stdout, leave=False
        ):
            logits = model(piece[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
            losses.append(loss.item())
    optimizer.zero_grad()
    model.eval()
    return losses


@torch.no_grad()
def perplexity(model: nn.Module, ids: Tensor, *, length: int = 512, pieces: int = 32) -> float:
    """e to the mean loss in nats a character: among how many equally likely characters the model hesitates.

    Args:
        model: logits (batch, steps, 96) from ids (batch, steps).
        ids: int64 (N,), of `encode`; its first `pieces` × (`length` + 1) characters are used.
        length: characters of a piece; the model sees nothing of the piece before.
        pieces: how many; fewer where the text is shorter, and one in a quick run (`runtime.quick`).
    Returns:
        1 (each character foretold for sure) or more; 96 for a model that knows nothing.
    Raises:
        ValueError: the text is shorter than one piece.
    """
    pieces = min(1 if quick() else pieces, len(ids) // (length + 1))
    if pieces < 1:
        raise ValueError(f"a text of {len(ids)} characters is shorter than one piece of {length + 1}")
    total = 0.0
    for piece in ids[: pieces * (length + 1)].view(pieces, length + 1).split(8):
        logits = model(piece[:, :-1])
        total += nn.functional.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten(), reduction="sum").item()
    return math.exp(total / (pieces * length))


class Mean(NamedTuple):
    """The mean of one number a token, and its standard error.

    Attributes:
        value: the mean.
        error: the standard deviation over the root of the number of tokens, as if tokens were independent.
    """

    value: float
    error: float


class Change(NamedTuple):
    """What `change` found; the loss and the divergence are in nats a token.

    Attributes:
        kl: the KL divergence of the changed model from the original, 0 or more.
        same: the share of places where both find the same token likeliest, from 0 to 1.
        loss: by how much the loss rose. The perplexity is ``exp(loss.value)`` times the original's.
    """

    kl: Mean
    same: Mean
    loss: Mean


@torch.no_grad()
def change(original: Tensor, changed: Tensor, targets: Tensor) -> Change:
    """How far a model's predictions moved, at each token of a text and on average.

    Both models have read the same text, so each token gives one difference, and what makes a place hard for both is in
    neither of the three errors.

    Args:
        original: logits of the model as it was, float (..., vocabulary).
        changed: those of the other model, for the same places.
        targets: which token came there, int64 (...).
    Raises:
        ValueError: the shapes differ, or there are fewer than two tokens.

        logits = model(ids).logits  # ids: (1, tokens)
        language.change(logits[:, :-1], rounded(ids).logits[:, :-1], ids[:, 1:])
    """
    if not (original.shape == changed.shape and original.shape[:-1] == targets.shape):
        raise ValueError(
            f"logits {tuple(original.shape)} and {tuple(changed.shape)} with targets {tuple(targets.shape)}: expected "
            "(..., vocabulary) twice, and (...). The last logits of a text have no target: leave them out"
        )
    if targets.numel() < 2:
        raise ValueError(f"a standard error needs two tokens or more, got {targets.numel()}")
    found = []
    for p, q, target in zip(  # some at a time: a vocabulary may have a hundred thousand tokens
        *(logits.flatten(0, -2).split(64) for logits in (original, changed)), targets.flatten().split(64), strict=True
    ):
        log_p, log_q = p.float().log_softmax(-1), q.float().log_softmax(-1)
        kl = (log_p.exp() * (log_p - log_q)).sum(-1)
        same = (p.argmax(-1) == q.argmax(-1)).float()
        loss = (log_p - log_q).gather(-1, target[:, None])[:, 0]
        found.append(torch.stack([kl, same, loss]))
    return Change(*(Mean(x.mean().item(), x.std().item() / math.sqrt(len(x))) for x in torch.cat(found, 1).double()))


def trained() -> CharTransformer:
    """The model that comes with the course, in evaluation mode; every call returns a new one.

    Raises:
        checkpoints.CheckpointError: its file is missing, damaged or of another network.
    """
    return checkpoints.load("char_transformer", networks=sys.modules[__name__])
