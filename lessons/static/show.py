"""The drawings and the table of the lesson static."""

import copy
import io

import torch
from torch.ao.quantization import prepare

from course_utils import diagrams, plots, timing
from course_utils.tables import Table, si

NAMES = {"Conv": "conv", "BatchNorm": "batch\nnorm", "ReLU": "ReLU"}
MAX_NUMBERS = 40 * 28 * 28  # leave the first convolution for one image
EDGE, GAP = 22, 92  # pixels beside the first and the last box; between two boxes


def watched(model, images, qconfig):
    """A copy of the model with observers that have seen the images: what `convert` takes."""
    model = copy.deepcopy(model)
    model.qconfig = qconfig
    model = prepare(model)
    for batch in images.split(32):
        model(batch)
    return model


def first_block(models, images):
    """Draw the path of one image through the first block, a row for each model, by the words above its row.

    Args:
        models: words -> SmallCNN in a `QuantWrapper`: with observers that have seen images, or converted.
        images: float (n, 1, 28, 28), of which the first goes through.
    """
    canvas, told, rows = diagrams.Canvas(height=540), [], [_places(model, images[:1]) for model in models.values()]
    width = (canvas.width - 2 * EDGE - 5 * GAP) / 6  # of each of six boxes
    for row, (words, places) in enumerate(zip(models, rows, strict=True)):
        y = 130 + 290 * row
        left, end = EDGE, (8, y)
        canvas.text(10, y - 107 - 24 * row, words, size=24, bold=True, align="left")
        kind, thick = "fp32", 3
        for name, numbers, bytes_each, above in [*places, ("last\nstub", 0, 0, "")]:
            canvas.wire(end, (left, y), meaning=kind, thick=thick, arrow=False)
            canvas.box(left, y - 50, name, width=width, height=100, size=22)
            left, end = left + width + GAP, (left + width, y)
            if numbers:
                kind = "int8" if bytes_each == 1 else "fp32"
                thick = diagrams.thickness(numbers * bytes_each, 4 * MAX_NUMBERS)
                canvas.text(left - GAP / 2, y - 52 - 12 * above.count("zero"), above, size=22)
                canvas.text(left - GAP / 2, y + 58, si(numbers * bytes_each, "B"), size=22)
        canvas.wire(end, (canvas.width - 8, y), meaning="fp32", arrow=False)
        flat = [f"{name}, {si(n * each, 'B')} {above}" for name, n, each, above in places]
        told.append(" ".join(f"{words}: {'; '.join(flat)}.".split()))
    plots.show(
        canvas.figure(),
        alt=f"One image's path through the network, with the output of each box, in {len(models)} rows. {' '.join(told)}",
        caption="Orange: float. Blue: int8. Above a wire: the range that an observer found, or the scale and the zero point. "
        "Below: the bytes of one image. The ReLU has no observer, because it keeps the scale and the zero point of its input.",
    )


@torch.no_grad()
def _places(model, image):
    """(name, how many numbers leave it, bytes of each, words above its wire): the first stub, the parts of block 1, the rest."""
    parts = model.module.features[0]
    kinds = [type(m).__name__.rstrip("d").rstrip("2") for m in parts]
    names = ["first\nstub", *(NAMES[kind] for kind in kinds), "blocks\n2 and 3,\nlinear"]
    left = {}  # module -> what left it
    places = [model.quant, *parts, model.module.fc]
    hooks = [m.register_forward_hook(lambda m, _, out: left.__setitem__(m, out)) for m in places]
    model(image)
    for hook in hooks:
        hook.remove()
    return [
        (name, left[m].numel(), left[m].element_size(), _above(m, left[m]))
        for name, m in zip(names, places, strict=True)
    ]


def _above(module, out):
    """What is written above a wire: the range that an observer has found, or the scale and zero point of the integers."""
    if out.is_quantized:
        return f"scale\n{out.q_scale():.2g}\nzero {out.q_zero_point()}"
    watch = getattr(module, "activation_post_process", None)
    if watch is None:
        return "no\nrange"
    scale, zero = (x.item() for x in watch.calculate_qparams())
    low, high = ((end - zero) * scale for end in (watch.quant_min, watch.quant_max))
    return f"{low:.1f}\nto {high:.1f}".replace("-", "−")


def as_linear_layer(convolution, *images):
    """A 3×3 convolution with padding 1 as a linear layer on patches: its weight (out, 9 in), its bias, rows for each images."""
    unfolded = [torch.nn.functional.unfold(x, 3, padding=1).transpose(1, 2).flatten(0, 1) for x in images]
    return convolution.weight.detach().flatten(1), convolution.bias.detach(), *unfolded


def kilobytes(model):
    """The size of the file of a model."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.tell() / 1000


def speed(models, x):
    """Time fresh copies of the models on x, in turn: an int8 layer keeps the kernel of its first shape."""
    fresh = copy.deepcopy(models)
    jobs = {name: lambda net=net: net(x) for name, net in fresh.items()}
    return timing.compare(jobs, rounds=9, device="cpu")


def price_and_gain(right, kilobytes, speed):
    """A table of accuracy, file and speed, a row for each network."""
    rows = [[name, f"{right[name]:.1f}", f"{kilobytes[name]:.0f}", f"{speed.ratio(name):.1f}"] for name in right]
    return Table(
        ["SmallCNN", "right, %", "file, kB", "times as fast as fp32"],
        rows,
        caption="Speed: 64 images at once, one thread.",
    )


def as_stored(models, image, right):
    """Draw an image as the first stub of each int8 model stores it, and say what becomes of a pixel of 0.8.

    Args:
        models: words -> a converted model.
        image: float (1, 1, 28, 28).
        right: words -> per cent of the test images that it gets right.
    """
    fig, axes = plots.figure(columns=len(models), size=(12, 6))
    told = []
    for ax, (words, model) in zip(axes, models.items(), strict=True):
        stored = model.quant(image)
        pixel = model.quant(torch.full((1, 1, 1, 1), 0.8))
        lines = [
            f"scale {model.quant.scale.item():.3g}",
            f"0.8 → {pixel.int_repr().item()} → {pixel.dequantize().item():.2f}",
            f"{right[words]:.1f} % right",
        ]
        ax.imshow(stored.dequantize()[0, 0], cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], xlabel="\n".join(lines))
        ax.xaxis.label.set_size(20)
        ax.set_title(words, fontweight="bold", fontsize=20)
        ax.grid(False)
        told.append(f"{words}: {stored.int_repr().unique().numel()} different integers, {', '.join(lines)}")
    plots.show(
        fig,
        alt=f"A pullover of the test images as it is stored after {len(models)} calibrations. {'; '.join(told)}.",
        caption="A test image as the network gets it, from 0 (black) to 1 and above (white). Below: the scale of the pixels; "
        "a pixel of 0.8, the integer it is stored as, and what this stands for.",
    )
