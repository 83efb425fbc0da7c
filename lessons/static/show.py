"""The drawings and the table of the lesson static."""

import copy
import io

import torch
from torch.ao.quantization import convert, fuse_modules, prepare

from course_utils.measure import timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si


def before_and_after(wrapped, images, qconfig):
    """Draw SmallCNN, each block fused, in two rows: with observers that have seen images, and converted."""
    blocks = range(len(wrapped.module.features))
    model = fuse_modules(wrapped, [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in blocks])
    model.qconfig = qconfig
    prepare(model, inplace=True)
    flow = []  # numbers of one image that leave the entrance, each block, and the linear layer
    places = [model.quant, *model.module.features, model.module.fc]
    hooks = [m.register_forward_hook(lambda m, given, out: flow.append(out[0].numel())) for m in places]
    model(images[:1])
    for hook in hooks:
        hook.remove()
    for batch in images.split(32):
        model(batch)
    watching = [model.quant, *(block[0] for block in model.module.features), model.module.fc]
    found = [[x.item() for x in m.activation_post_process.calculate_qparams()] for m in watching]
    top = watching[0].activation_post_process.quant_max
    ranges = [(-zero * scale, (top - zero) * scale) for scale, zero in found]
    int8 = convert(model)
    scales = [float(m.scale) for m in (int8.quant, *(block[0] for block in int8.module.features), int8.module.fc)]

    canvas = diagrams.Canvas(height=500)
    for row, words in enumerate(("prepared: float, observers watch", "converted: integers from stub to stub")):
        y, end = 120 + 250 * row, (8, 120 + 250 * row)
        canvas.text(10, y - 97, words, size=24, bold=True, align="left")
        for place, name in enumerate(("quant", "block 1", "block 2", "block 3", "mean,\nlinear", "dequant")):
            here, kind = 75 + 195 * place, "int8" if row and place else "fp32"
            n_bytes = flow[max(place - 1, 0)] * (1 if kind == "int8" else 4)
            canvas.wire(end, (here, y), meaning=kind, thick=diagrams.thickness(n_bytes, 4 * max(flow)), arrow=False)
            if place:
                canvas.text(here - 46, y + 58, si(n_bytes, "B"), size=22)
                low, high = ranges[place - 1]
                said = f"scale\n{scales[place - 1]:.2g}" if row else f"{low:.1f}\nto {high:.1f}".replace("-", "−")
                if not row:
                    canvas.axes.plot(here - 46, y, "o", ms=16, color="white", mec="black", zorder=5)
                canvas.text(here - 46, y - 52, said, size=22)
            canvas.box(here, y - 45, name, width=102, height=90, size=22)
            end = (here + 102, y)
        canvas.wire(end, (1195, y), meaning="fp32", thick=3, arrow=False)
    told = [f"{low:.1f} to {high:.1f}, scale {s:.2g}" for (low, high), s in zip(ranges, scales, strict=True)]
    plots.show(
        canvas.figure(),
        alt="The network twice as a chain of boxes: quant, three blocks, linear, dequant. Above, with observers, all wires are "
        "orange floats. Below, converted, the wires between the stubs are blue integers. "
        f"Ranges: {'; '.join(told)}.",
        caption="Orange: float. Blue: int8. Circles: observers, with their ranges above. Below each wire: bytes of one image.",
    )


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
    rows = [
        [name, f"{right[name]:.1f}", f"{kilobytes[name]:.0f}", *(f"{took.ratio(name):.1f}" for took in speed.values())]
        for name in right
    ]
    last = rows[-1][0]
    said = "; ".join(f"{n} at once {took.ratio(last):.2f}×" for n, took in speed.items())
    return Table(
        ["SmallCNN", "right, %", "file, kB", *(f"{n} image{'s' * (n > 1)}, ×" for n in speed)],
        rows,
        caption=f"Speed over fp32, one thread. {last}: {said}.",
    )


def led_astray(x, observers):
    """Draw the upper end of the range of the pixels after each of ten batches, for observers by their name."""
    fig, ax = plots.figure(size=(9, 4.4))
    told = []
    for (name, observer), style, colour in zip(
        observers.items(), ("o-", "s-", "^--"), ("orange", "blue", "green"), strict=True
    ):
        watch, ends = observer(), []
        for batch in x.split(10):
            watch(batch)
            scale, zero = watch.calculate_qparams()
            ends.append(((watch.quant_max - zero) * scale).item())
        ax.plot(range(1, 11), ends, style, color=plots.COLOURS[colour], label=name)
        told.append(f"{name} {ends[-1]:.1f}")
    ax.set(yscale="log", ylim=(0.7, 400), xlabel="batch of ten pictures", ylabel="upper end of the range")
    ax.set_xticks(range(1, 11))
    ax.set_yticks([1, 10, 100], ["1", "10", "100"])
    ax.minorticks_off()
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt="The upper end of the range of the pixels over ten batches, on a logarithmic axis. All three observers are at "
        f"1 until the broken picture comes. In the end: {', '.join(told)}.",
        caption="One of 100 pictures is 255 times too bright. The pixels of the others end at 1.",
    )
