"""SmolLM2 rounded to 8, 6, 5 and 4 bits, told by perplexity and by the KL divergence: lesson `the_same_model`."""

import inspect
import sys
import textwrap
from pathlib import Path
from pydoc_data.topics import topics

import torch
from torch import nn
from tqdm import tqdm

from course_utils import language, real_models, runtime
from course_utils.files import ROOT
from records import writing

BITS = (8, 6, 5, 4)
GROUP = 32
PIECES, LENGTH = 8, 256  # of each text; every piece is read alone
LICENCE = Path("/usr/share/common-licenses/GPL-3")  # where Debian and Ubuntu have it


@torch.no_grad()
def main(arguments):
    """Round the model, let it read three texts, and write the record: five minutes on one thread."""
    path = ROOT / "records" / "the_same_model" / "pieces.json"
    args = writing.options("the_same_model", __doc__, path).parse_args(arguments)
    if not runtime.quick() and not (real_models.available("smollm2") and LICENCE.is_file()):
        print(f"The record needs {LICENCE}, and the real model. Fetch it first: python3 course.py fetch")
        return 1
    with runtime.threads(1):
        runs = measured(*writing.smollm2())
    writing.write_runs(args.to, "python3 course.py bench the_same_model", runs)
    return 0


def texts():
    """Name -> text; the last one only where it is."""
    found = {"manual": topics["execmodel"], "code": inspect.getsource(textwrap)}
    if LICENCE.is_file():
        found["licence"] = LICENCE.read_text(encoding="utf-8")
    return dict(list(found.items())[:1]) if runtime.quick() else found


def rounded(weight, bits, group=GROUP):
    """To the nearest of the levels that lie evenly on both sides of 0, up to the largest weight of each group."""
    part = weight.reshape(-1, group)
    step = (part.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)).clamp(min=1e-12)
    return (step * torch.round(part / step)).reshape(weight.shape)


def measured(model, tokenizer):
    """One run for each piece of each text and each number of bits."""
    pieces, length = (2, 64) if runtime.quick() else (PIECES, LENGTH)
    layers = [layer for layer in model.model.modules() if isinstance(layer, nn.Linear)]
    stored, runs = [layer.weight.clone() for layer in layers], []
    for name, text in texts().items():
        ids = tokenizer(text, return_tensors="pt")["input_ids"][0, : pieces * length].view(pieces, 1, length)
        original = [model(piece, use_cache=False).logits for piece in ids]
        for bits in BITS:
            for layer, weight in zip(layers, stored, strict=True):
                layer.weight.copy_(rounded(weight, bits))
            for i, piece in enumerate(tqdm(ids, desc=f"{name}, {bits} bits", file=sys.stdout)):
                logits = original[i][:, :-1]
                found = language.change(logits, model(piece, use_cache=False).logits[:, :-1], piece[:, 1:])
                loss = nn.functional.cross_entropy(logits[0], piece[0, 1:]).item()
                told = {key: [round(x, 5) for x in mean] for key, mean in found._asdict().items()}
                runs.append({"text": name, "piece": i, "bits": bits, "original": round(loss, 5), **told})
        for layer, weight in zip(layers, stored, strict=True):
            layer.weight.copy_(weight)
    return runs
