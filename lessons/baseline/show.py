"""Drawings of the lesson baseline: each function shows one figure, made from what the lesson has computed."""

import math

from torch.nn.functional import cross_entropy

from course_utils.measure import timing
from course_utils.show import diagrams, plots


def levels(water):
    """The level of memory after each change, one frame for each way of running the same lines.

    Args:
        water: title -> levels in MiB, in their order.
    """
    plots.show(
        [_level(title, [*own, own[-1]]) for title, own in water.items()],
        alt=[
            f"The level of memory {title} as water in steps: {', '.join(f'{level:g}' for level in own)} MiB. A dashed line marks the "
            f"peak, {max(own):g}, a dotted one what is left, {own[-1]:g}."
            for title, own in water.items()
        ],
        caption="The level after each allocation and each release, as the timer saw them.",
    )


def _level(title, own):
    fig, ax = plots.figure(size=(9.4, 2.8))
    ax.fill_between(range(len(own)), own, step="post", color=plots.COLOURS["sky"], alpha=0.6)
    ax.axhline(max(own), color=plots.COLOURS["orange"], linestyle="--", label=f"peak: {max(own):g} MiB")
    ax.axhline(own[-1], color="black", linestyle=":", label=f"left at the end: {own[-1]:g} MiB")
    ax.set(title=title, xlabel="changes, in their order", ylabel="MiB", ylim=(0, 28), xticks=[])
    ax.set_xlim(right=len(own) - 1)  # the last level goes on to the edge
    ax.tick_params(labelsize=18)
    ax.legend(loc="upper left", fontsize=18, ncols=2)
    return fig


def training_step(timer, network, images, labels):
    """The level of memory during one step with Adam, in bytes of the network.

    Args:
        timer: `timing.Timer` of the whole step.
        network: an untrained network of the same kind; a forward and a backward pass through it tell where Adam begins.
        images, labels: the batch of the step.
    """
    network_bytes = sum(p.nbytes for p in network.parameters())
    water = [level / network_bytes for level in timer.levels]
    shown = [*water, *[water[-1]] * (len(water) // 10)]  # what is left goes on after the step
    with timing.Timer(device="cpu", memory=True) as without_adam:
        cross_entropy(network(images), labels).backward()
    begins = len(without_adam.levels) - 1
    fig, ax = plots.figure(size=(11, 3.1))
    ax.fill_between(range(len(shown)), shown, step="post", color=plots.COLOURS["sky"], alpha=0.6)
    ax.axhline(max(water), color=plots.COLOURS["orange"], linestyle="--", label=f"peak: {max(water):.2f}")
    ax.axhline(water[-1], color="black", linestyle=":", label=f"left after the step: {water[-1]:.2f}")
    ax.axvline(begins, color="black")
    for at, align, words in ((begins - 2, "right", "forward, backward"), (begins + 2, "left", "Adam's step")):
        ax.text(at, 1.3 * max(water), words, ha=align, va="center", fontsize=18)
    ax.tick_params(labelsize=18)
    ax.set(xlabel="changes, in their order", ylabel="bytes / network", ylim=(0, 1.5 * max(water)), xticks=[])
    ax.set_xlim(-0.1 * len(water), len(shown) - 1)  # room for the words on the left, where the level is still 0
    ax.legend(loc="upper right", fontsize=18)
    plots.show(
        fig,
        alt=f"The level of memory during one step of training, in bytes of the network, as water in steps: it rises to {max(water):.2f} and falls "
        f"to {water[-1]:.2f}. A line marks where Adam begins; the level there is {water[begins]:.2f}.",
        caption=f"One step with Adam on {len(images)} images: {len(water) - 1} changes of the level, above the network itself.",
    )


def elements_of(network):
    """Bars to one scale: the elements of each parameter."""
    canvas = diagrams.Canvas(height=370)
    elements = {f"{name}, {'×'.join(map(str, p.shape))}": p.numel() for name, p in network.named_parameters()}
    diagrams.bars(canvas, elements, x=300, y=20, width=740, height=36, gap=22, meaning="fp32", text="{:,}")
    plots.show(
        canvas.figure(),
        alt="Bars to one scale, the elements of each parameter. "
        + "; ".join(f"{k}: {n:,}" for k, n in elements.items()),
        caption="The elements of each parameter, to one scale.",
    )


def digits(images, labels, n_test):
    """The first twenty training images, each under its label.

    Args:
        images: (N, 1, 28, 28). labels: (N,). n_test: how many test images there are.
    """
    fig, axes = plots.figure(columns=10, rows=2, size=(9.6, 2.6))
    for ax, picture, label in zip(axes.flat, images, labels.tolist(), strict=False):
        ax.imshow(picture[0], cmap="gray_r")
        ax.set(title=label)
        ax.set_axis_off()
    plots.show(
        fig,
        alt="The first twenty training images of MNIST, handwritten digits in black on white, each under its label.",
        caption=f"{len(images):,} images to train on, {n_test:,} to test, 28 × 28 pixels each, straight from the files in `data/`.",
    )


def coins(duels, sign_test):
    """How often as many fair coins as there are disagreements show so many heads; the duels that were seen are marked.

    Args:
        duels: name of the opponent -> (won, lost), images.
        sign_test: (won, lost) -> p.
    """
    fig, axes = plots.figure(columns=len(duels), size=(11, 3.8))
    for ax, (name, (won, lost)) in zip(axes, duels.items(), strict=True):
        n, lead = won + lost, abs(won - lost)
        share = [100 * math.comb(n, heads) / 2**n for heads in range(n + 1)]
        as_clear = [abs(2 * heads - n) >= lead for heads in range(n + 1)]
        colours = [plots.COLOURS["orange" if clear else "sky"] for clear in as_clear]
        drawn = [heads for heads in range(n + 1) if share[heads] > 0.005]
        ax.bar(drawn, [share[heads] for heads in drawn], width=1.0, color=[colours[heads] for heads in drawn])
        ax.axvline(won, color="black", linestyle="--")
        ends = min([won, *drawn]), max([won, *drawn])
        margin = 1 + 0.05 * (ends[1] - ends[0])
        title = f"{name}: won {won} of {n}\n{_p_value(sign_test(won, lost))}"
        ax.set(title=title, xlabel="heads", xlim=(ends[0] - margin, ends[1] + margin))
        ax.tick_params(labelsize=16)
    axes[0].set_ylabel("% of trials")
    told = "; ".join(
        f"{name}: won {won} of {won + lost}, {_p_value(sign_test(won, lost))}" for name, (won, lost) in duels.items()
    )
    plots.show(
        fig,
        alt="For each opponent the distribution of heads of as many fair coins as there are disagreements, highest around half of them. "
        f"A dashed line marks the images that the opponent won. {told}.",
        caption="Fair coins, one for each disagreement. Dashed: the images won. Orange: trials at least as one-sided as that.",
    )


def _p_value(p):
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"


def seeds(results):
    """For each learning rate a panel: the accuracies of both recipes, those of one seed joined by a line.

    Args:
        results: (recipe, rate) -> accuracies in %, one for each seed, in the same order.
    """
    recipes, rates = (list(dict.fromkeys(part)) for part in zip(*results, strict=True))
    fig, axes = plots.figure(columns=len(rates), size=(11, 3.6))
    every = [accuracy for own in results.values() for accuracy in own]
    for ax, rate in zip(axes, rates, strict=True):
        pairs = list(zip(*(results[recipe, rate] for recipe in recipes), strict=True))
        for pair in pairs:
            colour = plots.COLOURS["blue" if pair[1] > pair[0] else "orange"]
            ax.plot([0, 1], pair, "o-", color=colour)
        ax.set(title=f"rate {rate:g}", xlim=(-0.3, 1.3), ylim=(min(every) - 0.3, max(every) + 0.3))
        ax.set_xticks([0, 1], recipes)
        ax.tick_params(labelsize=18)
    axes[0].set_ylabel("accuracy, %")
    told = "; ".join(
        f"rate {rate:g}: higher with {recipes[1]} in "
        f"{sum(new > old for old, new in zip(*(results[recipe, rate] for recipe in recipes), strict=True))} of "
        f"{len(results[recipes[0], rate])} seeds"
        for rate in rates
    )
    plots.show(
        fig,
        alt=f"Accuracies of {recipes[0]} and {recipes[1]} as points, those of one seed joined by a line. {told}.",
        caption=f"A line for each seed. Blue: *{recipes[1]}* is better with this seed; orange: it is not.",
    )


def speed_of(raced):
    """Bars: how many times as fast as the first way each way is.

    Args:
        raced: `timing.Comparison`.
    """
    canvas = diagrams.Canvas(height=230)
    gains = {name: raced.ratio(name) for name in raced.samples}
    diagrams.bars(canvas, gains, x=330, y=20, width=700, meaning="fp32", text="{:.2f}×")
    plots.show(
        canvas.figure(),
        alt="Bars, how many times as fast each way is: "
        + "; ".join(f"{name} {gain:.2f}" for name, gain in gains.items()),
        caption="Medians over rounds, in turn, one thread. All three give the same answer.",
    )
