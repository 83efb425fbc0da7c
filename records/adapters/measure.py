"""Adapters on the small Transformer, on 2 bits and in float, for code and for capitals: lesson `adapters`."""

import sys
from itertools import product

from torch.nn.functional import cross_entropy
from tqdm import tqdm

from course_utils import language, runtime
from course_utils.files import ROOT
from lessons.adapters import levels
from records import writing

SEEDS = range(6)  # of the adapters' first numbers and of the places in the text
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
ARMS = {"code": ("2 bits", "code"), "capitals": ("2 bits", "capitals"), "twin": ("float", "code")}


def main(arguments):
    """Train each arm at each rate with each seed, and write the record: some minutes on one thread."""
    path = ROOT / "records" / "adapters" / "arms.json"
    args = writing.options("adapters", __doc__, path).parse_args(arguments)
    with runtime.threads(1):
        runs = list(tqdm(measured(), desc="runs", file=sys.stdout))
    writing.write_runs(args.to, "python3 course.py bench adapters", runs)


def measured():
    """One run for each model without adapters, and for each arm one for each seed at the best rate."""
    learn, held = {}, {}
    for name, change in {"code": str, "capitals": str.upper}.items():
        learn[name], held[name] = (
            language.encode(change(language.source(modules)[0])) for modules in (language.TRAINING, language.HELD_OUT)
        )
    starts = {"float": language.trained()}
    starts |= {f"{bits} bits": levels.on_levels(starts["float"], bits) for bits in (2, 3)}
    report = {name: levels.pieces(ids) for name, ids in held.items()}
    choose = {name: levels.pieces(ids, first=32, n=8) for name, ids in held.items()}  # these choose the rate
    original = levels.logits(starts["float"], report["code"])[0]

    def told(model, text):
        expected, came = levels.logits(model, report[text])
        if text == "code":
            change = language.change(original, expected, came)
            return {key: round(mean.value, 5) for key, mean in change._asdict().items()}
        return {"right": round((expected.argmax(-1) == came).float().mean().item(), 5)}

    def loss(model, text):
        expected, came = levels.logits(model, choose[text])
        return cross_entropy(expected.flatten(0, 1), came.flatten()).item()

    for arm, model in starts.items():
        yield {"arm": arm, **told(model, "code"), **told(model, "capitals")}
    rates, seeds = (RATES[:1], SEEDS[:1]) if runtime.quick() else (RATES, SEEDS)
    for arm, (start, text) in ARMS.items():
        trained, losses = {}, dict.fromkeys(rates, 0.0)
        for rate, seed in tqdm(list(product(rates, seeds)), desc=arm, file=sys.stdout, leave=False):
            model = levels.train(levels.attach(starts[start], seed=seed), learn[text], rate=rate, seed=seed)
            trained[rate, seed] = model
            losses[rate] += loss(model, text) / len(seeds)
        best = min(losses, key=losses.get)
        chosen = {"arm": arm, "rate": best, "losses": [round(x, 5) for x in losses.values()]}
        for seed in seeds:
            model = trained[best, seed]
            run = {**chosen, "seed": seed, **told(model, text)}
            if arm != "twin":
                merged = levels.into_codes(model)
                run["moved"], run["merged"] = levels.moved(merged, starts[start])[0], told(merged, text)
                run["shuffled"] = told(levels.shuffled(model, seed), text)
            yield run
