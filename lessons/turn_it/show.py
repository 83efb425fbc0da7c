"""The drawings and tables of the lesson turn_it, and what its models answer."""

import json

from course_utils.files import ROOT
from course_utils.show import plots
from course_utils.show.tables import Table
from lessons.the_same_model.show import ask
from lessons.turn_it import rotating

__all__ = ["ask"]  # of another lesson, and given on

RECORD = ROOT / "records" / "turn_it" / "ways.json"
SMOOTH = {"SmoothQuant, α = 0.5": "SmoothQuant 0.5", "SmoothQuant, α = 0.8": "SmoothQuant 0.8"}
SEEDS = {"random rotation, three seeds": "random", "Hadamard, three seeds": "Hadamard"}


def same_weights(model, other):
    """The share of the weights of embedding and blocks that are equal in both models."""
    pairs = [(layer.weight, new.weight) for layer, new in zip(_turned(model), _turned(other), strict=True)]
    return sum((a == b).sum().item() for a, b in pairs) / sum(a.numel() for a, _ in pairs)


def _turned(model):
    writers = [layer for block in model.model.layers for layer in rotating.writers(block)]
    return [model.model.embed_tokens, *rotating.all_readers(model), *writers]


def features(models, text):
    """For the inputs of the middle block's q_proj: the largest size of each feature, a row for each model.

    Args:
        models: name -> model.
        text: ids (1, tokens).
    """
    fig, axes = plots.figure(rows=len(models), size=(11, 5.6))
    told = []
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        blocks, sizes = model.model.layers, []
        layer = blocks[2 * len(blocks) // 5].self_attn.q_proj
        with rotating.watched([layer], lambda _, x, sizes=sizes: sizes.append(x[0].abs())):
            model(text, use_cache=False)
        size, median = sizes[0].amax(0), sizes[0].median().item()
        ax.stairs(size.tolist(), fill=True, color=plots.COLOURS["blue"])
        ax.axhline(median, color=plots.COLOURS["orange"], linewidth=3)
        ax.set(ylabel=name, ylim=(0, None), xlim=(0, len(size)))
        times = size.max().item() / median
        told.append(f"{name}: largest {size.max():.1f}, {times:.0f} times the median of {median:.2f}")
    axes[-1].set_xlabel("feature")
    plots.show(
        fig,
        alt="Two rows of bars, one for each feature. In the original one bar is four times as high as any other; in the rotated "
        f"model all bars are about equally high. {'; '.join(told)}.",
        caption=f"Largest size of each feature over all tokens; orange: the median of all sizes. {'; '.join(told)}.",
    )


def runs(arm, rounded):
    """Text -> KL divergences of the arms of the record whose names begin so."""
    found = {}
    for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"]:
        if run["rounded"] == rounded and run["arm"].startswith(arm):
            found.setdefault(run["text"], []).append(run["kl"][0])
    return found


def _cell(arm, rounded, digits):
    """The range of the KL divergence over the texts and seeds of the record; "–" where it has none."""
    values = [kl for of_text in runs(arm, rounded).values() for kl in of_text]
    if not values:
        return "–"
    low, high = (f"{f(values):.{digits}f}" for f in (min, max))
    return low if low == high else f"{low} to {high}"


def _table(ways, columns):
    """A row for each way; `columns`: heading -> (what is rounded, digits)."""
    rows = [[name, *(_cell(arm, *of) for of in columns.values())] for name, arm in ways.items()]
    return Table(["the model", *columns], rows, caption="Smallest and largest of three texts.")


def of_inputs():
    """A table of the record: inputs of 8 and of 5 bits, the range over three texts, a row for each way."""
    ways = {
        "as it is": "as it is",
        "gains folded": "folded",
        "folded and permuted": "permuted",
        "as it is, first token in float": "first token float",
        **SMOOTH,
        **SEEDS,
    }
    return _table(ways, {"KL, inputs of 8 bits": ("inputs, 8 bits", 3), "of 5 bits": ("inputs, 5 bits", 2)})


def where_not():
    """A table of the record: inputs of down_proj in 8 bits, and weights in 4, the range over three texts."""
    ways = {
        "as it is": "as it is",
        "as it is, first token in float": "first token float",
        "SmoothQuant, α = 0.8": "SmoothQuant 0.8",
        "gains folded": "folded",
        **SEEDS,
    }
    columns = {
        "KL, inputs of down_proj, 8 bits": ("inputs of down_proj, 8 bits", 2),
        "KL, weights of 4 bits": ("weights, 4 bits", 2),
    }
    return _table(ways, columns)


def ratio(arm, over, rounded):
    """The least ratio of the KL divergences of two ways, over the texts of the record and all seeds."""
    one, other = runs(arm, rounded), runs(over, rounded)
    return min(min(one[text]) / max(other[text]) for text in one)
