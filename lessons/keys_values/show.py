"""The drawings and tables of the lesson keys_values, an answer of the model, and how far off rounded values are."""

import json
from statistics import mean

from course_utils import plots
from course_utils.files import ROOT
from course_utils.tables import Table

RECORD = json.loads((ROOT / "records" / "keys_values" / "ways.json").read_text(encoding="utf-8"))
WAYS = {found["way"]: found["texts"] for found in RECORD["ways"]}


def errors(model, text, ways):
    """Way -> norm of the errors of the values over their norm, in the mean over the blocks.

    Args:
        text: ids (1, tokens).
        ways: name -> function that rounds values (1, tokens, features); the model itself goes on with floats.
    """
    found = {way: [] for way in ways}

    def look(_, __, x):
        for way, function in ways.items():
            found[way].append(((function(x) - x).norm() / x.norm()).item())

    hooks = [block.self_attn.v_proj.register_forward_hook(look) for block in model.model.layers]
    model(text)
    for hook in hooks:
        hook.remove()
    return {way: mean(of) for way, of in found.items()}


def stripes():
    """Keys and values of 32 tokens in one head, a row for each token; from the record."""
    sample = RECORD["sample"]
    numbers = {name: [list(map(float, row.split())) for row in sample[name]] for name in ("keys", "values")}
    fig, axes = plots.figure(columns=2, size=(12, 4.6))
    for ax, (name, rows) in zip(axes, numbers.items(), strict=True):
        end = max(abs(v) for row in rows for v in row)
        drawn = ax.imshow(rows, cmap="RdBu_r", vmin=-end, vmax=end, aspect="auto")
        ax.set(title=name, xlabel="feature", yticks=[])
        fig.colorbar(drawn, ax=ax)
    axes[0].set_ylabel("32 tokens")
    means = [mean(column) for column in zip(*numbers["keys"], strict=True)]
    first, second = sorted(range(len(means)), key=lambda j: -abs(means[j]))[:2]
    large = [m for of in RECORD["keys"]["largest_feature"]["mean"] for m in of]
    plots.show(
        fig,
        alt=f"Two maps of 32 tokens by 64 features. Keys: one column is dark from top to bottom, feature {first} with a mean of "
        f"{means[first]:.1f}; a few others are tinted from top to bottom, the strongest is feature {second} with "
        f"{means[second]:.1f}. Values: spots of both colours, no column that is dark from top to bottom.",
        caption=f"Block {sample['block'] + 1}, one head; each side has a scale of its own. The typical size of a key's number is "
        f"{RECORD['keys']['typical']:.1f}, and the largest feature of a head has a mean of {min(large):.1f} to {max(large):.1f}, "
        f"{sorted(large)[len(large) // 2]:.1f} in the median head.",
    )


def table(what, rows, error=None):
    """A table of the record: KL divergence on each text, a row for each way.

    Args:
        what: name of the first column.
        rows: name of a row -> way of the record.
        error: "error_values" for a column of the mean error, or None.
    """
    texts = list(RECORD["texts"])
    found = []
    for name, way in rows.items():
        told = [f"{WAYS[way][text]['kl']:.2f}" for text in texts]
        off = [f"{mean(WAYS[way][text][error] for text in texts):.0%}"] if error else []
        found.append([name, *off, *told])
    columns = [what, *(["off by"] if error else []), *(f"KL, {text}" for text in texts)]
    return Table(columns, found)


def of_bits():
    """A table of the record: keys by feature and values by token in 4, 3 and 2 bits."""
    rows = []
    for bits in (4, 3, 2):
        texts = WAYS[f"K{bits} by feature, V{bits} by token"].values()
        kl, other = [t["kl"] for t in texts], [100 - t["same"] for t in texts]
        size = (bits + 1 + bits + 0.5) / 2
        rows.append([bits, size, f"{min(kl):.3f} to {max(kl):.3f}", f"{min(other):.0f} to {max(other):.0f}"])
    return Table(["bits", "bits a number, all counted", "KL, three texts", "other first choices, %"], rows)


def ratio(way, over):
    """The least ratio of the KL divergences of two ways, over the texts of the record."""
    return min(WAYS[way][text]["kl"] / WAYS[over][text]["kl"] for text in WAYS[way])
