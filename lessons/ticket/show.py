"""Repeated trainings and drawings of the lesson ticket, and what its record says."""

import copy
import json
from statistics import mean

import torch

from course_utils import diagrams, plots, training
from course_utils.files import ROOT
from course_utils.tables import mean_and_range
from lessons.ticket.digits import make, put_on, test_set, train

RECORD = ROOT / "records" / "ticket" / "rates.json"
WAYS = ("random", "moved most", "grew most", "largest in\nthe copy")
SHARES = (0.2, 0.2, 0.6)  # of each layer's weights that are kept
ROWS, COLUMNS = slice(53, 57), slice(107, 112)  # among them weights that training shrinks, and others that it grows
SEEDS = range(1, 7)  # of the networks beside the one in open code


def _largest(scores):
    """Masks with a 1 at the highest scores, as many as the layer's share."""
    masks = [torch.zeros_like(score) for score in scores]
    for mask, score, share in zip(masks, scores, SHARES, strict=True):
        mask.view(-1)[score.flatten().topk(round(share * score.numel())).indices] = 1
    return masks


def _right(net):
    return 100 * training.evaluate(net, *test_set, batch_size=10_000)


def what_is_kept():
    """Draws how many test digits six untrained networks get right, by the weights that they keep; returns these."""
    right = {way: [] for way in WAYS}
    for _ in SEEDS:
        first = make()
        trained = copy.deepcopy(first)
        train(trained)
        before, after = ([layer.weight.detach() for layer in net.children()] for net in (first, trained))
        pairs = list(zip(before, after, strict=True))
        masks = (
            _largest([torch.rand_like(a) for a in before]),
            _largest([(b - a).abs() for a, b in pairs]),
            _largest([b.abs() - a.abs() for a, b in pairs]),
            _largest([b.abs() for b in after]),
        )
        for way, kept in zip(WAYS, masks, strict=True):
            right[way].append(_right(put_on(copy.deepcopy(first), kept)))
    fig, ax = plots.figure(size=(7.6, 3.9))
    values = [mean(right[way]) for way in WAYS]
    ax.barh(range(4), values, color=[plots.COLOURS[c] for c in ("green", "orange", "sky", "blue")], height=0.7)
    for place, (value, way) in enumerate(zip(values, WAYS, strict=True)):
        ax.text(value + 1.5, place, mean_and_range(right[way], "{:.0f}"), va="center", fontsize=17)
    ax.set_yticks(range(4), WAYS)
    ax.invert_yaxis()
    ax.set(xlabel="test digits right, %", xlim=(0, 100))
    ax.set_xticks([0, 20, 40, 60, 80, 100])
    ax.grid(axis="y", visible=False)
    told = ", ".join(f"{' '.join(way.split())} {value:.0f}" for way, value in zip(WAYS, values, strict=True))
    plots.show(
        fig,
        alt=f"Percent of the test digits that untrained networks get right, by the weights that they keep: {told}.",
        caption="Untrained networks that keep a fifth of each hidden layer. Mean of six (lowest to highest).",
    )
    return right


def five_steps(before, after):
    """Draws the first round of the search, with twenty weights of a layer, first and trained, after each step."""
    stays = after.abs() > after.abs().quantile(0.6)
    before, after, stays = (tensor.detach()[ROWS, COLUMNS] for tensor in (before, after, stays))

    def way_round(active, words, values, mask):
        canvas = diagrams.Canvas(height=400)
        start = canvas.box(
            20, 20, "keep a copy", width=180, height=60, fill="int8" if active is None else "white", size=28
        )
        places = {"train": (270, 75), "prune": (420, 300), "rewind": (120, 300)}
        steps = [
            canvas.box(*at, step, width=160, height=70, fill="int8" if active == number else "white", size=28)
            for number, (step, at) in enumerate(places.items())
        ]
        train, prune, rewind = steps
        canvas.wire(start.right, (train.x, train.y + 10))
        canvas.wire(train.right, prune.top)
        canvas.wire(prune.left, rewind.right)
        canvas.wire(rewind.top, train.left)
        canvas.text(350, 240, "repeat", size=28)
        canvas.text(900, 30, words, size=28)
        diagrams.grid(canvas, values, 700, 60, cell=80, mask=mask, text="{:.2f}", size=26)
        return canvas.figure()

    plots.show(
        [
            way_round(None, "as they were drawn", before, None),
            way_round(0, "after the training", after, None),
            way_round(1, f"two fifths stay; here {int(stays.sum())} of 20", after, stays),
            way_round(2, "back to their first values", before, stays),
        ],
        alt=[
            f"A ring of train, prune and rewind, with keep a copy before it; {words}"
            for words in (
                "keep a copy is marked, and twenty weights show random numbers.",
                "train is marked, and the numbers have changed.",
                "prune is marked, and cells of small magnitude are crossed out.",
                "rewind is marked, and the cells that are left show the random numbers of the first picture.",
            )
        ],
        caption="The first round: twenty weights of the second layer of section 1's network. Crossed out: zero.",
    )


def six_networks(search, controls):
    """Draws what six networks get right after a training, whole and in parts; returns arm -> these numbers."""
    everything, untrained = {}, {}
    for seed in SEEDS:
        first, ticket = search(seed)
        nets = {"all weights": copy.deepcopy(first), "ticket": ticket}
        for arm, net in (nets | controls(first, [layer.weight_mask for layer in ticket.children()])).items():
            untrained.setdefault(arm, []).append(_right(net))
            train(net)
            everything.setdefault(arm, []).append(_right(net))
    fig, ax = plots.figure(size=(7.6, 3.6))
    for place, (arm, colour) in enumerate(zip(everything, ("black", "blue", "orange", "green"), strict=True)):
        values = everything[arm]
        ax.plot(values, [place] * len(values), "o", markersize=13, alpha=0.6, color=plots.COLOURS[colour])
        ax.plot([mean(values)] * 2, [place - 0.35, place + 0.35], "-", linewidth=3, color=plots.COLOURS[colour])
        began = f"began at {mean(untrained[arm]):.0f} %"
        ax.text(1.03, place, began, transform=ax.get_yaxis_transform(), va="center", fontsize=15)
    ax.set_yticks(range(4), [arm if arm == "all weights" else f"{arm}, 16 %" for arm in everything])
    ax.set(xlabel="test digits right, %", ylim=(3.5, -0.5))
    told = ", ".join(f"{arm} {mean(values):.1f} from {mean(untrained[arm]):.0f}" for arm, values in everything.items())
    plots.show(
        fig,
        alt=f"Percent of the test digits right after 200 steps, and before the first one, mean of six networks: {told}.",
        caption="After 200 steps. A dot is a network, a line the mean of the six. On the right: the mean before the first step.",
    )
    return everything


def at_its_best(arm):
    """The rate at which an arm of the record is best on held-out images, and what its networks get right of the test, %."""
    runs = [run for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"] if run["arm"] == arm]
    rates = {run["rate"] for run in runs}
    best = max(rates, key=lambda rate: mean(run["held_out"] for run in runs if run["rate"] == rate))
    return best, [run["test"] for run in runs if run["rate"] == best]


def lead(arm):
    """By how many points the ticket is ahead of another arm of the record, each at its best rate; mean of the networks."""
    return mean(at_its_best("ticket")[1]) - mean(at_its_best(arm)[1])
