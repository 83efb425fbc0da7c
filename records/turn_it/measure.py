"""SmolLM2 rotated, smoothed or as it is, then rounded: its layers' inputs, or its weights: lesson `turn_it`."""

import inspect
import sys
import textwrap
from contextlib import contextmanager
from importlib import metadata

import torch
from tqdm import tqdm

from course_utils import runtime
from course_utils.files import ROOT
from lessons.turn_it import rotating
from records import writing
from records.the_same_model.measure import rounded

PIECES, LENGTH = 2, 128  # of each text; every piece is read alone
SEEDS = 3
ROUNDED = ("inputs, 8 bits", "inputs, 5 bits", "inputs of down_proj, 8 bits")
ROUNDED += ("inputs by token, 8 bits", "inputs of down_proj by token, 8 bits")
ROUNDED += ("weights, 4 bits", "weights but for feature 507, 4 bits")
OUTLIER = 507  # the feature of the largest numbers once the gains are folded


@torch.no_grad()
def main(arguments):
    """Round each way on three texts, and write the record: nine minutes on one thread."""
    path = ROOT / "records" / "turn_it" / "ways.json"
    args = writing.options("turn_it", __doc__, path).parse_args(arguments)
    with runtime.threads(1):
        model, tokenizer = writing.smollm2()
        if runtime.quick():
            model.model.layers = model.model.layers[:1]
        runs = measured(model, tokenizer)
    writing.write_runs(args.to, "python3 course.py bench turn_it", runs)
    return 0


def texts(tokenizer):
    """Name -> ids (pieces, 1, tokens); "calibration" is another chapter of the manual, and judges nothing."""
    from pydoc_data.topics import topics

    pieces, length = (1, 16) if runtime.quick() else (PIECES, LENGTH)
    licence = next(file for file in metadata.files("transformers") if file.name == "LICENSE").read_text()
    chosen = {"calibration": topics["specialnames"], "manual": topics["execmodel"]}
    if not runtime.quick():
        chosen |= {"code": inspect.getsource(textwrap), "licence": licence}
    cut = {
        name: tokenizer(text, return_tensors="pt")["input_ids"][0, : pieces * length] for name, text in chosen.items()
    }
    return {name: ids.view(pieces, 1, length) for name, ids in cut.items()}


def arms(model, calibration):
    """Name -> what is done to the model as it was downloaded, with its head untied."""
    width = model.config.hidden_size

    def rotated(q):
        rotating.fold(model)
        rotating.rotate(model, q)

    found = {
        "as it is": lambda: None,
        "SmoothQuant 0.5": lambda: rotating.smooth(model, largest(model, calibration), 0.5),
        "SmoothQuant 0.8": lambda: rotating.smooth(model, largest(model, calibration), 0.8),
        "folded": lambda: rotating.fold(model),
        "permuted": lambda: rotated(rotating.permutation(width, 0)),
    }
    for seed in range(1 if runtime.quick() else SEEDS):
        found[f"random, seed {seed}"] = lambda seed=seed: rotated(rotating.random_rotation(width, seed))
        if not runtime.quick():
            found[f"Hadamard, seed {seed}"] = lambda seed=seed: rotated(rotating.hadamard_576(seed))
    return found


def largest(model, pieces):
    """Layer -> the largest size of each feature of its inputs."""
    found = {}

    def see(layer, x):
        size = x.abs().flatten(0, -2).amax(0)
        found[layer] = torch.maximum(found.get(layer, size), size)

    with rotating.watched(rotating.all_readers(model), see):
        for piece in pieces:
            model(piece, use_cache=False)
    return found


def measured(model, tokenizer):
    """One run for each arm, what is rounded, and text."""
    rotating.untie(model)
    read = texts(tokenizer)
    calibration = read.pop("calibration")
    stored = {name: weight.clone() for name, weight in model.state_dict().items()}
    original = {name: logits(model, pieces) for name, pieces in read.items()}
    runs, plain = [], {}
    for arm, prepare in tqdm(arms(model, calibration).items(), desc="arms", file=sys.stdout):
        model.load_state_dict(stored)
        prepare()
        moved = (logits(model, read["manual"]) - original["manual"]).abs().max().item()
        for what in ROUNDED:
            with rounding(model, what):
                changed = {text: logits(model, pieces) for text, pieces in read.items()}
            for text, q in changed.items():
                kl, same = places(original[text], q)
                more = kl - plain.setdefault((what, text), kl)  # the first arm is "as it is"
                run = {"arm": arm, "rounded": what, "text": text, "kl": mean(kl), "same": mean(same)}
                runs.append(run | {"more_than_as_it_is": mean(more), "before_rounding": float(f"{moved:.1e}")})
    return runs


@contextmanager
def rounding(model, what):
    """In its block, something of the model is rounded.

    Args:
        what: one of ROUNDED. "inputs" are those of the layers that read the residual stream; those of a layer share
            a scale in a piece, or "by token" in a token. Weights are rounded in groups of 32; "but for" a feature,
            those that read it from the residual stream stay float.
    """
    blocks = model.model.layers
    bits = int(what.split()[-2])
    readers = rotating.all_readers(model)
    writers = [layer for block in blocks for layer in rotating.writers(block)]

    def see(layer, x):
        if "by token" not in what:
            return (rotating.to_levels(x, bits),)
        step = x.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
        return (step * torch.round(x / step),)

    if what.startswith("weights"):
        stored = {layer: layer.weight.clone() for layer in readers + writers}
        for layer, weight in stored.items():
            layer.weight.copy_(rounded(weight, bits, 32))
            if "but for" in what and layer in readers:
                layer.weight[:, OUTLIER:][:, :1] = weight[:, OUTLIER:][:, :1]  # none in the narrower stand-in
        yield
        for layer, weight in stored.items():
            layer.weight.copy_(weight)
    else:
        with rotating.watched(writers[1::2] if "down" in what else readers, see):
            yield


def logits(model, pieces):
    """(places, vocabulary): of all pieces, one after the other."""
    return torch.cat([model(piece, use_cache=False).logits[0] for piece in pieces])


def places(original, changed):
    """At each place the KL divergence in nats, and 1 for the same first choice."""
    p, q = original.log_softmax(-1), changed.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1), (p.argmax(-1) == q.argmax(-1)).float()


def mean(x):
    """Of a number at each place: its mean and its standard error."""
    return [round(x.mean().item(), 5), round((x.std() / len(x) ** 0.5).item(), 5)]
