"""The drawings and tables of the lesson the_same_model, and what its model answers."""

import json

from torch.nn.functional import cross_entropy

from course_utils import plots
from course_utils.files import ROOT
from course_utils.tables import Table

RECORD = ROOT / "records" / "the_same_model" / "pieces.json"
LOOKS = {8: ("green", "^"), 6: ("blue", "s"), 5: ("orange", "o"), 4: ("purple", "D")}  # bits: colour, marker


def some_places(tokenizer, ids, original, copy, n=5):
    """A table of the first places where the first choices differ.

    Args:
        ids: int64 (tokens,), the text.
        original: logits (tokens - 1, vocabulary) of one model.
        copy: those of the other.
    """
    rows = []
    for i in (original.argmax(-1) != copy.argmax(-1)).nonzero().flatten()[:n].tolist():
        row = ["… " + " ".join(tokenizer.decode(ids[max(0, i - 7) : i + 1]).split())]
        for logits in (original[i], copy[i]):
            token = logits.argmax(-1)
            row.append(f"{tokenizer.decode(token)!r}, {original[i].softmax(-1)[token]:.0%}")
        rows.append(row)
    return Table(
        ["the text so far", "first choice: original", "6 bits"], rows, caption="The probabilities are the original's."
    )


def place_by_place(original, copy, came):
    """The rise of the loss at each place, and below it the KL divergence, on one scale.

    Args:
        original: logits (places, vocabulary) of one model.
        copy: those of the other.
        came: int64 (places,), the tokens that came.
    """
    log_p, log_q = original.log_softmax(-1), copy.log_softmax(-1)
    rise = cross_entropy(copy, came, reduction="none") - cross_entropy(original, came, reduction="none")
    kl = (log_p.exp() * (log_p - log_q)).sum(-1)
    low, high = rise.min().item(), max(rise.max().item(), kl.max().item())
    fig, axes = plots.figure(rows=2, size=(11, 5.6))
    for ax, values, name, colour in zip(
        axes, (rise, kl), ("rise of the loss", "KL divergence"), ("orange", "blue"), strict=True
    ):
        ax.bar(range(len(values)), values.tolist(), width=1, color=plots.COLOURS[colour])
        ax.axhline(0, color="black", linewidth=1)
        ax.set(ylabel=name, ylim=(1.1 * min(0, low), 1.1 * high))
    axes[1].set_xlabel("place in the text")
    told = ", ".join(f"{name} from {x.min():.2f} to {x.max():.2f}" for name, x in (("loss", rise), ("KL", kl)))
    plots.show(
        fig,
        alt="Two rows of bars over the places of the text, on one scale. The bars of the loss go up and down, those of "
        f"the KL divergence only up, and they are far shorter: {told}.",
        caption="Each bar is one place. In nats, both on the same scale.",
    )


def pieces():
    """The runs of the record: a text's piece with a number of bits each."""
    return json.loads(RECORD.read_text(encoding="utf-8"))["runs"]


def in_order():
    """Measure -> the number of pieces in which it is larger with each bit less."""
    runs, found = pieces(), {}
    for measure in ("kl", "loss"):
        of = {}  # from many bits to few, as the record has them
        for run in runs:
            of.setdefault((run["text"], run["piece"]), []).append(run[measure][0])
        found[measure] = sum(values == sorted(values) for values in of.values())
    return found


def by_bits():
    """A table of the record: how the pieces of text look to the loss and to the first choices, a row for each copy."""
    rows = []
    for bits in LOOKS:
        runs = [run for run in pieces() if run["bits"] == bits]
        fell = sum(run["loss"][0] < 0 for run in runs)
        unsure = sum(abs(run["loss"][0]) <= 2 * run["loss"][1] for run in runs)
        others = [1 - run["same"][0] for run in runs]
        rows.append([bits, fell, unsure, f"{min(others):.0%} to {max(others):.0%}"])
    return Table(
        ["bits", "loss fell", "change within two errors", "other first choices"],
        rows,
        caption=f"Of {len(runs)} pieces, those in which the loss fell, and those in which its change may be luck.",
    )


def many_pieces():
    """All pieces of the record: the rise of the loss over the KL divergence, a colour for each number of bits."""
    runs = pieces()
    fig, ax = plots.figure(size=(11, 5.6))
    told = []
    for bits, (colour, marker) in LOOKS.items():
        x, y = zip(*[(run["kl"][0], run["loss"][0]) for run in runs if run["bits"] == bits], strict=True)
        ax.plot(x, y, marker, color=plots.COLOURS[colour], label=f"{bits} bits", markersize=9, alpha=0.8)
        told.append(f"{bits} bits: KL {min(x):.4f} to {max(x):.4f}, loss {min(y):+.3f} to {max(y):+.3f}")
    ax.axhline(0, color="black", linewidth=1)
    ax.set(xscale="log", xlabel="KL divergence (logarithmic)", ylabel="rise of the loss")
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt=f"A dot for each of {len(runs) // len(LOOKS)} pieces of text and each number of bits, the rise of the loss over "
        f"the KL divergence. {'; '.join(told)}.",
        caption="From the record: each dot is a piece of 256 tokens, read by one copy.",
    )
