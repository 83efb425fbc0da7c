"""The three drawings of the lesson qat, and its opponent in int8."""

import copy

import torch
from torch.ao import quantization as tq

from course_utils.show import plots

BEST, ALIKE = (0.30, 0.45), 0.9  # the best weights of section 3, and the correlation of their inputs


def staircase():
    """Left a staircase of eight levels beside the line y = x, right its slope beside that of the estimator."""
    x = torch.linspace(-3, 3, 1201)
    stairs = (x / 0.5).round().clamp(-4, 3) * 0.5
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
    left.plot(x, x, color=plots.COLOURS["grey"], linestyle=":", label="y = x")
    left.plot(x, stairs, color=plots.COLOURS["blue"], label="rounded, clipped")
    left.set(xlabel="x", ylabel="y")
    left.legend(loc="upper left")
    right.plot(x, torch.zeros_like(x), color=plots.COLOURS["blue"], linestyle="--", label="true slope")
    inside = ((x >= -2.25) & (x <= 1.75)).float()
    right.plot(x, inside, color=plots.COLOURS["orange"], label="straight-through")
    right.set(xlabel="x", xlim=left.get_xlim(), ylabel="slope", ylim=(-0.1, 1.8), yticks=[0, 1])
    right.legend(loc="upper left", ncols=2)
    plots.show(
        fig,
        alt="Left: a staircase of eight levels follows the line y = x from -2 to 1.5, and is flat outside. Right: its true "
        "slope is 0 everywhere but at the jumps; that of the estimator is 1 from -2.25 to 1.75, and 0 outside.",
        caption="Three bits and the step 0.5: eight levels, from −2 to 1.5.",
    )


def _loss(rounded):
    a, b = (at - best for at, best in zip(rounded, BEST, strict=True))
    return a * a + b * b + 2 * ALIKE * a * b


def _descent(rounding):
    """The float weights before and after each of thirty steps down the slope that the estimator gives."""
    w = torch.tensor(BEST, requires_grad=True)
    optimizer, path = torch.optim.SGD([w], lr=0.02), [w.detach().clone()]
    for _ in range(30):
        optimizer.zero_grad()
        _loss(rounding(w, 1.0, 3)).backward()
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)


def walk(rounding):
    """The way of two float weights at the border between two choices of the rounded ones.

    Args:
        rounding: ``(x, step, bits)`` -> the rounded values, with a gradient.
    """
    path = _descent(rounding)
    crossings = int((path[1:].round() != path[:-1].round()).any(1).sum())
    fig, ax = plots.figure(size=(6.6, 4.8))
    low, high = path.min(0).values.numpy() - 0.012, path.max(0).values.numpy() + 0.012
    ax.axhspan(0.5, high[1], color=plots.COLOURS["green"], alpha=0.35)
    ax.axhspan(low[1], 0.5, color=plots.COLOURS["grey"], alpha=0.15)
    ax.axhline(0.5, color=plots.COLOURS["blue"], linestyle=":")
    ax.plot(*path.T, ".-", color=plots.COLOURS["orange"], linewidth=1.5, markersize=10)
    ax.annotate("start", path[0], (10, -2), textcoords="offset points")
    place = {"ha": "right", "x": high[0] - 0.004}
    ax.text(y=high[1] - 0.002, s=f"rounded to (0, 1): loss {_loss((0, 1)):.2f}", va="top", **place)
    ax.text(y=low[1] + 0.002, s=f"rounded to (0, 0): loss {_loss((0, 0)):.2f}", va="bottom", **place)
    ax.grid(visible=False)
    ax.set(xlabel="first weight", ylabel="second weight", xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set(xticks=[0.3, 0.35, 0.4], yticks=[0.46, 0.48, 0.5, 0.52])
    plots.show(
        fig,
        alt="A path of dots. It begins at (0.30, 0.45) in the grey area, where the weights are rounded to (0, 0) with a loss "
        f"of 0.54, and crosses the border at 0.5 to the green area, (0, 1) with a loss of 0.10, {crossings} times in "
        f"{len(path) - 1} steps, in a zigzag.",
        caption=f"The float weights: {crossings} crossings in {len(path) - 1} steps.",
    )


def over_steps(right, in_float):
    """The accuracy at 2 bits over the step; what lies far below is written at the lower edge.

    Args:
        right: name of the arm -> step -> accuracy in per cent.
        in_float: accuracy of the opponent before it is rounded.
    """
    fig, ax = plots.figure(size=(6.6, 4.8))
    low, names = 89, list(next(iter(right.values())))
    ax.axhline(in_float, color=plots.COLOURS["grey"], linestyle="--", label="in float")
    for (arm, by_step), colour, marker in zip(right.items(), ("blue", "orange"), ("o", "^"), strict=True):
        kept = {at: by_step[name] for at, name in enumerate(names) if by_step[name] >= low}
        ax.plot(kept.keys(), kept.values(), f"{marker}-", color=plots.COLOURS[colour], label=arm)
        for at, name in enumerate(names):
            if at not in kept:
                ax.plot([at], [low + 0.35], "v", color=plots.COLOURS[colour], markersize=10)
                ax.text(at, low + 0.8, f"{by_step[name]:.0f}", color=plots.COLOURS[colour], ha="center")
    ax.set(xlabel="step", ylabel="accuracy, %", ylim=(low, 100.5), xlim=(-0.3, len(names) - 0.5))
    ax.set_yticks([90, 92, 94, 96, 98])
    ax.set_xticks(range(len(names)), [name.replace(" w", "\nw") for name in names])
    ax.legend(loc="upper center", ncols=3, columnspacing=1, handlelength=1.4)
    told = "; ".join(f"{arm} " + ", ".join(f"{p:.1f} with {n}" for n, p in by.items()) for arm, by in right.items())
    plots.show(
        fig,
        alt=f"Accuracy in per cent over the step: {told}. In float: {in_float:.1f}.",
        caption="2 bits, test images. A triangle that points down: far below.",
    )


def static_int8(net, images):
    """A static int8 copy of a network, calibrated on these images."""
    ready = tq.QuantWrapper(copy.deepcopy(net)).eval()
    ready.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    observed = tq.prepare(ready)
    observed(images)
    return tq.convert(observed)
