"""SmolLM2 without one, three or six blocks, healed by a linear map or not, and with fewer bits: lesson `blocks`."""

import sys
from contextlib import contextmanager
from pydoc_data.topics import topics

import torch
from torch import nn
from tqdm import tqdm

from course_utils import runtime
from course_utils.files import ROOT
from lessons.blocks import cutting
from records import writing
from records.the_same_model.measure import rounded
from records.turn_it.measure import mean, places, texts

TOKENS, LENGTH = 4096, 128  # to fit the maps; every piece is read alone
RIDGES = (0.001, 0.01, 0.1, 1.0)
LENGTHS = (3, 6)  # of the gaps
BY_TOKEN = (2, 12, 29)  # blocks that also work on some tokens alone
PUZZLE = 12  # the block that also gets a vector
BITS = (8, 6, 5, 4, 3)
GROUP = 32


@torch.no_grad()
def main(arguments):
    """Cut, heal and round, and write the record: eight minutes on one thread."""
    path = ROOT / "records" / "blocks" / "cuts.json"
    args = writing.options("blocks", __doc__, path).parse_args(arguments)
    with runtime.threads(1):
        runs = measured(*writing.smollm2())
    writing.write_runs(args.to, "python3 course.py bench blocks", runs)
    return 0


def measured(model, tokenizer):
    """One run for each way to cut and each text."""
    read = {name: Read(model, pieces.flatten(0, 1)) for name, pieces in texts(tokenizer).items()}
    calibration = read.pop("calibration")
    n, lengths = (2, (1,)) if runtime.quick() else (len(model.model.layers), (1, *LENGTHS))
    gaps = [(first, length) for length in lengths for first in range(n - length + 1)]
    fits = Fits(model, tokenizer, gaps)
    runs = []

    def put(gap, arm, stand_in, **more):
        for text, judge in read.items():
            found = {"kl": mean(judge.kl(gap, stand_in))}
            runs.append({"gap": named(gap), "arm": arm, "text": text, **found, **more})

    for first in tqdm(range(n), desc="one block", file=sys.stdout):
        gap, block = (first, 1), model.model.layers[first]
        put(gap, "left out", [])
        for text, judge in read.items():
            runs.append({"gap": named(gap), "arm": "as it is", "text": text, "influence": judge.influence[first]})
        if first + 1 in BY_TOKEN:
            put(gap, "on the first token alone", [cutting.Part(block, on_first=True)])
            put(gap, "on all others alone", [cutting.Part(block, on_first=False)])
        ridge = fits.best_ridge(gap, calibration)
        a, vector = fits.map(gap, ridge), fits.vector[gap]
        put(gap, "by a map", [cutting.Map(a)], ridge=ridge)
        if first + 1 == PUZZLE:
            put(gap, "by a vector for the first token", [cutting.Map(vector=vector)])
            put(gap, "by a map, and a vector for the first token", [cutting.Map(a, vector)], ridge=ridge)
    chosen = [((0, 0), None)]
    for length in lengths[1:]:
        of = [gap for gap in gaps if gap[1] == length]
        losses = {}
        for gap in tqdm(of, desc=f"{length} blocks", file=sys.stdout):
            losses[gap] = calibration.kl(gap, []).mean().item()
        gap = min(losses, key=losses.get)
        ridge = fits.best_ridge(gap, calibration)
        put(gap, "left out", [])
        put(gap, "by a map, and a vector for the first token", fits.stand_in(gap, ridge), ridge=ridge)
        chosen.append((gap, ridge))
    for bits in BITS[:1] if runtime.quick() else BITS:
        for gap, ridge in chosen:
            stand_in = fits.stand_in(gap, ridge) if ridge else []
            with rounding(model, stand_in, bits):
                size = round(per_weight(model, stand_in, gap[1], bits), 3)
                put(gap, f"{bits} bits", stand_in, ridge=ridge, bits_per_weight=size)
    return runs


def named(gap):
    """Such as "12", or "17 to 19"; blocks are counted from 1. "" where all are there."""
    first, length = gap
    return "" if not length else str(first + 1) if length == 1 else f"{first + 1} to {first + length}"


class Read:
    """A text that judges, and what the model as it was downloaded says of it."""

    def __init__(self, model, ids):
        self.model, self.ids = model, ids
        self.original = model(ids, use_cache=False).logits.flatten(0, 1)
        h = cutting.streams(model, ids)
        self.influence = [round(cutting.influence(*pair), 4) for pair in zip(h, h[1:], strict=False)]

    def kl(self, gap, stand_in):
        """At each place, the KL divergence with these modules in the place of a gap, (first block, how many)."""
        first, length = gap
        blocks = list(self.model.model.layers)
        kept = [*blocks[:first], *stand_in, *blocks[first + length :]]
        return places(self.original, cutting.logits_of(self.model, kept, self.ids).flatten(0, 1))[0]


class Fits:
    """What a closed form needs of the calibration text: sums over its tokens, for each gap."""

    def __init__(self, model, tokenizer, gaps):
        text = "\n".join(topics[name] for name in sorted(topics) if name not in ("execmodel", "specialnames"))
        tokens, length = (64, 16) if runtime.quick() else (TOKENS, LENGTH)
        ids = tokenizer(text, return_tensors="pt")["input_ids"][0, :tokens].view(-1, length)
        self.gram, self.cross, self.vector = {}, dict.fromkeys(gaps, 0), dict.fromkeys(gaps, 0)
        for some in tqdm(ids.split(8), desc="calibration", file=sys.stdout):
            h = cutting.streams(model, some)
            rows = [x[:, 1:].flatten(0, 1) for x in h]
            for i, x in enumerate(rows):
                self.gram[i] = self.gram.get(i, 0) + (x.T @ x).double()
            for first, n in gaps:
                self.cross[first, n] += (rows[first].T @ (rows[first + n] - rows[first])).double()
                self.vector[first, n] += (h[first + n] - h[first])[:, 0].sum(0) / len(ids)

    def map(self, gap, ridge):
        """As `cutting.fit` has it, from the sums."""
        gram = self.gram[gap[0]]
        more = ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
        return torch.linalg.solve(gram + more, self.cross[gap]).float()

    def stand_in(self, gap, ridge):
        """What stands in the place of a gap."""
        return [cutting.Map(self.map(gap, ridge), self.vector[gap])]

    def best_ridge(self, gap, calibration):
        """The one with the smallest KL divergence on a chapter that neither fits nor judges."""
        ridges = RIDGES[:1] if runtime.quick() else RIDGES
        return min(ridges, key=lambda ridge: calibration.kl(gap, self.stand_in(gap, ridge)).mean().item())


@contextmanager
def rounding(model, stand_in, bits):
    """In its block, the matrices of all blocks are rounded, in groups of 32; those of the stand-in stay so."""
    stored = {layer: layer.weight.clone() for layer in model.model.modules() if isinstance(layer, nn.Linear)}
    for one in stand_in:
        one.a = rounded(one.a.T.contiguous(), bits, GROUP).T
    for layer, weight in stored.items():
        layer.weight.copy_(rounded(weight, bits, GROUP))
    yield
    for layer, weight in stored.items():
        layer.weight.copy_(weight)


def per_weight(model, stand_in, length, bits):
    """Bits of all matrices that are left, the steps of 16 bits included, over the weights of the blocks' matrices."""
    blocks = model.model.layers
    of_one = sum(m.weight.numel() for m in blocks[0].modules() if isinstance(m, nn.Linear))
    left = of_one * (len(blocks) - length) + sum(one.a.numel() for one in stand_in)
    return (bits + 16 / GROUP) * left / (of_one * len(blocks))
