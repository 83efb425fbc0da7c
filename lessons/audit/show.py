"""The two drawings of the lesson audit."""

import torch

from course_utils import runtime
from course_utils.show import diagrams, plots

LINEAR, ATTENTION, REST = "linear layers", "attention", "all the rest"
LOOKS = {
    (LINEAR, "fp32"): ("linear layers in fp32", "yellow"),
    (LINEAR, "int8"): ("linear layers in int8", "blue"),
    ATTENTION: ("attention, float", "orange"),
    REST: ("all the rest, float", "grey"),
}
SHORT = {  # the operators that multiply -> what their boxes say
    "quantized::linear_dynamic": "linear_\ndynamic",
    "aten::addmm": "addmm",
    "aten::scaled_dot_product_attention": "scaled_dot_\nproduct",
}
PARTS = ("queries, keys,\nvalues", "attention", "output", "first linear\nlayer", "second linear\nlayer")


def products(called):
    """Draw the operators that multiply in encoder layers in the order of their calls, int8 blue and float orange.

    Args:
        called: name of a layer -> the operators of one run.
    """
    canvas, told, places = diagrams.Canvas(height=330), [], [235 + 195 * n for n in range(5)]
    for left, words in zip(places, PARTS, strict=True):
        canvas.text(left + 85, 40, words, size=22)
    for top, (name, calls) in zip((85, 215), called.items(), strict=True):
        canvas.text(15, top + 45, name, align="left", size=22)
        found = [operator for operator in calls if operator in SHORT]
        before = (205, top + 45)
        for left, operator in zip(places, found, strict=False):
            kind, short = "int8" if operator.startswith("quantized") else "fp32", SHORT[operator]
            box = canvas.box(left, top, short, width=170, height=90, fill=kind, size=22)
            canvas.wire(before, box.left, meaning="fp32", arrow=False)
            before = box.right
            told.append(f"{name}, {short}: {'int8' if kind == 'int8' else 'float'}".replace("\n", ""))
    plots.show(
        canvas.figure(),
        alt=f"Two rows of boxes, one box for each operator that multiplies, in an encoder layer after the line. {'; '.join(told)}.",
        caption="Each box is an operator that multiplies. Blue: int8. Orange: float.",
    )


def _times(milliseconds, layer, x):
    """Milliseconds of each part of a layer, the least of some runs of each operator."""
    layer(x)
    runs = [milliseconds(layer, x) for _ in range(1 if runtime.quick() else 9 if x.shape[1] < 500 else 3)]
    parts = {LINEAR: 0.0, ATTENTION: 0.0, REST: 0.0}
    for operator in set.intersection(*map(set, runs)):
        linear = any(word in operator for word in ("linear", "addmm", "copy_"))  # fp32 copies the bias, then adds
        part = LINEAR if linear else ATTENTION if "scaled_dot" in operator else REST
        parts[part] += min(run[operator] for run in runs)
    return parts


def parts(milliseconds, fp32, int8, lengths):
    """Draw the time of an encoder layer by parts, before and after the line; print the limit of the gain.

    Args:
        milliseconds: (model, input) -> operator -> milliseconds.
        fp32, int8: the layer, 768 wide.
        lengths: tokens of the texts.
    Returns:
        dict of (tokens, "fp32" or "int8") -> part -> milliseconds.
    """
    spent = {
        (n, kind): _times(milliseconds, layer, torch.randn(1, n, 768))
        for n in lengths
        for kind, layer in (("fp32", fp32), ("int8", int8))
    }
    fig, ax = plots.figure(size=(11, 4))
    told, named = [], set()
    for row, ((n, kind), times) in enumerate(spent.items()):
        whole, start, at = sum(spent[n, "fp32"].values()), 0.0, row + row // 2 * 0.4
        for part, ms in times.items():
            words, colour = LOOKS[part, kind] if part == LINEAR else LOOKS[part]
            label = None if words in named else words
            named.add(words)
            ax.barh(at, 100 * ms / whole, left=start, color=plots.COLOURS[colour], label=label)
            start += 100 * ms / whole
        told.append(f"{n:,} tokens, {kind}: " + ", ".join(f"{p} {100 * t / whole:.0f}" for p, t in times.items()))
    ax.set_yticks([0, 1, 2.4, 3.4], [f"{n:,} tokens, {kind}" for n, kind in spent])
    ax.invert_yaxis()
    ax.set(xlabel="time, % of the same layer in fp32")
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=2, frameon=False)
    ax.grid(False)
    plots.show(
        fig,
        alt=f"Four bars, the time of an encoder layer by parts, in percent of fp32. {'; '.join(told)}.",
        caption="One encoder layer, one thread, by PyTorch's profiler. Attention is float in all four.",
    )
    for n in lengths:
        whole = sum(spent[n, "fp32"].values())
        print(f"{n:5,} tokens: at most {whole / (whole - spent[n, 'fp32'][LINEAR]):.1f} times as fast")
    return spent
