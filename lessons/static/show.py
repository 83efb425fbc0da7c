"""What stands beside the lesson static: it runs a recipe and prints what PyTorch says, compares networks, and draws."""

import copy
import textwrap
import warnings

import torch
from torch import nn

from course_utils import legacy_int8, training
from course_utils.measure import int8_audit
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

STAGES = ("trained, in float", "fused, with stubs", "with observers, calibrated", "converted")


def sqnr_db(exact, approximate):
    """Signal over error in decibels."""
    return 10 * torch.log10(exact.square().sum() / (exact - approximate).square().sum()).item()


def outcome(recipe, model, images, labels):
    """What a recipe gives for a copy of a model: its warnings, and its error or what the result can do.

    Args:
        recipe: takes a float model, and gives the int8 one.
        model: stays as it is.
        images, labels: what the result is tried on.
    Returns:
        (warnings, last): sentences, each once; the error's first sentence, or how many layers are int8 and how many
        images are classified correctly; None where the recipe gave nothing.
    """
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        legacy_int8.ignore_deprecations()
        try:
            made = recipe(copy.deepcopy(model))
            last = None if made is None else _what_it_can(made, images, labels)
        except Exception as error:
            last = f"{type(error).__name__}: {str(error).split('. ')[0].split(' (of')[0]}"
    return sorted({str(w.message).split(". ")[0].strip() for w in noted}), last


def _what_it_can(made, images, labels):
    right = 100 * training.evaluate(made, images, labels)
    layers = int8_layers(made, images[:1])
    return f"it runs: {layers} layers in int8, {right:.1f} % of {len(images):,} test images correct"


def tried(recipe, model, images, labels, so_far=None):
    """Runs a recipe, and prints what PyTorch says.

    Args:
        so_far: what runs in place of a recipe in which nothing is written yet.
    """
    said, last = outcome(recipe, model, images, labels)
    if last is None and so_far is not None:
        print("nothing is written here yet; the recipe so far says:")
        said, last = outcome(so_far, model, images, labels)
    for line in (*(f"UserWarning: {text}" for text in said), last or "The function returned nothing."):
        print(textwrap.fill(line, 84, subsequent_indent="  ", break_on_hyphens=False))


def holes(uncalibrated, calibrated):
    """The recipe as a row of parts, and what PyTorch says where one is missing.

    Args:
        uncalibrated, calibrated: accuracy without and with calibration, in percent.
    """
    canvas = diagrams.Canvas(height=330)
    parts = {
        "get_default_qconfig\nits real name": ("AttributeError", "in the first line"),
        "stubs\nwhere int8 begins": ("NotImplementedError", "when it first runs"),
        "calibration\nreal images": (f"a warning, and {uncalibrated:.0f} %", f"in place of {calibrated:.0f} %"),
    }
    end = None
    for place, (words, (said, when)) in enumerate(parts.items()):
        silent = place == 2
        box = canvas.box(20 + 400 * place, 30, words, width=340, height=100, size=26)
        if end:
            canvas.wire(end, box.left, meaning="plain")
        end = box.right
        canvas.text(190 + 400 * place, 175, "left out:", size=22, colour="plain")
        canvas.text(190 + 400 * place, 215, said, size=26, bold=True, colour="fp32" if silent else "black")
        canvas.text(190 + 400 * place, 255, when, size=24)
        canvas.text(190 + 400 * place, 300, "it runs" if silent else "it stops", size=24, colour="plain")
    plots.show(
        canvas.figure(),
        alt="Three parts of the recipe in a row: the real name of get_default_qconfig, the stubs, and calibration with real images. Without the "
        "name an AttributeError comes in the first line, without stubs a NotImplementedError when the model first runs; without "
        f"calibration it runs, with a warning and an accuracy of {uncalibrated:.0f} % in place of {calibrated:.0f} %.",
        caption="What was left out, and how one notices. Two faults stop the program. The third does not.",
    )


class Places:
    """The places at which the converted network stores numbers: the entrance and the results inside."""

    def __init__(self, uncalibrated, calibrated):
        self.models = {"neither": uncalibrated, "both": calibrated}
        entrance = calibrated.quant.scale, calibrated.quant.zero_point
        default = uncalibrated.quant.scale, uncalibrated.quant.zero_point
        self.models["the entrance"] = _with_entrance(uncalibrated, *entrance)
        self.models["the inside"] = _with_entrance(calibrated, *default)

    def table(self, percent_right, control):
        """A table of the accuracy by which places have calibrated scales.

        Args:
            percent_right: of a model.
            control: accuracy of the float network on pixels that are rounded to 0 or 1.
        """
        return Table(
            ["calibrated scales at", "accuracy, %"],
            [
                [place, f"{percent_right(self.models[place]):.1f}"]
                for place in ("neither", "the entrance", "the inside", "both")
            ],
            caption=f"SmallCNN, not fused. Float network on pixels rounded to 0 or 1: {control:.1f} %",
        )


def _with_entrance(model, scale, zero_point):
    model = copy.deepcopy(model)
    model.quant.scale, model.quant.zero_point = scale.clone(), zero_point.clone()
    return model


def _numbers_on_wires(cnn, image):
    """How many numbers of one image pass on the wire into each place."""
    flow, x = [image.numel()] * 2, image
    for block in cnn.features:
        x = block(x)
        flow.append(x.numel())
    return [*flow, 10]


def stages(cnn, observed, converted, image):
    """The network in float, fused with stubs, with observers, and in int8: four frames.

    Args:
        cnn: the float network.
        observed, converted: its fused copy after calibration, and after conversion.
        image: one image, (1, 1, 28, 28).
    """

    def modules(model):
        return model.quant, *(block[0] for block in model.module.features), model.module.fc

    ranges = [m.activation_post_process for m in modules(observed)]
    scales, flow = [float(m.scale) for m in modules(converted)], _numbers_on_wires(cnn, image)

    def stage(number):
        canvas, end, block = diagrams.Canvas(height=250), (8, 110), "conv\nReLU" if number else "conv\nnorm\nReLU"
        ends = ("quant", "dequant") if number else ("", "")
        for place, word in enumerate((ends[0], block, block, block, "linear", ends[1])):
            here, kind = 75 + 195 * place, "int8" if number == 3 and place else "fp32"
            n_bytes = flow[place] * (1 if kind == "int8" else 4)
            thick = diagrams.thickness(n_bytes, 4 * max(flow))
            canvas.wire(end, (here, 110), meaning=kind, thick=thick, arrow=False)
            if place:
                canvas.text(here - 46, 178, si(n_bytes, "B"), size=22)
            if number == 2 and place:
                for size, colour in ((20, "white"), (8, "black")):
                    canvas.axes.plot(here - 46, 110, "o", ms=size, color=colour, mec="black", zorder=5)
                low, high = ranges[place - 1].min_val, ranges[place - 1].max_val
                canvas.text(here - 46, 36, f"{low:.1f} to\n{high:.1f}", size=22)
            if kind == "int8":
                canvas.text(here - 46, 36, f"scale\n{scales[place - 1]:.2g}", size=22)
            if word:
                canvas.box(here, 60, word, width=102, height=100, size=22)
            end = (here + (102 if word else 0), 110)
        canvas.wire(end, (1195, 110), meaning="fp32", thick=3, arrow=False)
        return canvas.figure()

    plots.show(
        [stage(number) for number in range(4)],
        alt=[
            f"The network as a chain of boxes, {what}: wires between boxes are as thick as the bytes that pass for one image, the thinnest all alike. {more}"
            for what, more in zip(
                STAGES,
                (
                    "Three boxes of convolution, batch norm and ReLU, then linear; all wires are float.",
                    "Three boxes of convolution and ReLU; stubs, quant and dequant, stand at both ends and do nothing yet.",
                    "On each wire between the stubs sits an observer with the range that it saw.",
                    f"Wires between the stubs are int8, at a quarter of the bytes, each with a scale from {min(scales):.2g} to {max(scales):.2g}.",
                ),
                strict=True,
            )
        ],
        caption="Orange: float. Blue: int8. Circles: observers. Under each wire the bytes of one image. The mean over the pixels is inside *linear*.",
    )


def types_of(model, x):
    """A table of what each module of a converted model takes and gives, as hooks see it, and the count of the audit."""
    seen, hooks = [], []

    def note(name):
        def hook(module, given, out):
            seen.append([name, *(str(t.dtype).removeprefix("torch.") for t in (given[0], out))])

        return hook

    for name, module in model.named_modules():
        if not isinstance(module, nn.Identity) and (not list(module.children()) or hasattr(module, "in_features")):
            hooks.append(module.register_forward_hook(note(name.removeprefix("module."))))
    model(x)
    for hook in hooks:
        hook.remove()
    return Table(
        ["module", "takes", "gives"],
        seen,
        caption=f"{int8_layers(model, x)} layers called an int8 kernel, by the audit",
    )


def int8_layers(model, x):
    """How many layers call an int8 kernel, by the audit."""
    return int8_audit.audit(model, x).count("int8")


def folding(apart):
    """Convolution, batch norm and ReLU become one box.

    Args:
        apart: the largest difference between the lesson's folded weights and torch's.
    """
    canvas, at = diagrams.Canvas(height=170), 40
    for name in ("convolution\nw", "batch norm\nμ, σ², γ, β", "ReLU"):
        box = canvas.box(at, 40, name, width=170, height=90)
        if at > 40:
            canvas.wire((at - 50, 85), box.left, meaning="activations")
        at += 220
    canvas.text(735, 85, "becomes", size=24)
    canvas.box(840, 40, "convolution w', b'\nwhose result is clamped", width=320, height=90)
    plots.show(
        canvas.figure(),
        alt="Three boxes in a row, convolution, batch norm and ReLU, with arrows between them, become one box: a convolution with new weights and a clamp.",
        caption=f"μ, σ²: running mean and variance; γ, β: trained scale and shift. Our w' against torch's: at most {apart:.0e} apart.",
    )


def spread(values, digits=1):
    """The smallest and the largest of some values, or the one there is."""
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def four_cells(right):
    """A table of accuracy by calibration and fusion, for each network.

    Args:
        right: (network, calibrated, fused) -> percents; (network, "float") -> percent.
    """
    networks = dict.fromkeys(key[0] for key in right)
    return Table(
        ["network", "calibrated", "not fused, %", "fused, %"],
        [
            [net, "yes" if calibrated else "no", *(spread(right[net, calibrated, fused]) for fused in (False, True))]
            for net in networks
            for calibrated in (False, True)
        ],
        caption="Accuracy on 2,000 test images; three draws of calibration images. In float: "
        + ", ".join(f"{net} {right[net, 'float']:.1f} %" for net in networks),
    )


def ranges_of_channels(block, x):
    """The range of each channel, before and after the batch norm of a block.

    Args:
        block: convolution, batch norm, ReLU.
        x: what goes into it.
    Returns:
        (raw, normed): each the lowest and the highest value of every channel.
    """
    raw = block[0](x)
    return tuple(y.transpose(0, 1).flatten(1).aminmax(dim=1) for y in (raw, block[1](raw)))


def widths(block, x):
    """A drawing of the range of each channel of a block, of the convolution's result and of the batch norm's."""
    fig, axes = plots.figure(columns=2, size=(12, 4.2))
    told = []
    for ax, (low, high), name in zip(
        axes, ranges_of_channels(block, x), ("convolution, raw", "after batch norm"), strict=True
    ):
        order = (high - low).argsort()
        wide = (high - low)[order]
        ax.bar(range(len(wide)), wide.tolist(), bottom=low[order].tolist(), width=0.8, color=plots.COLOURS["blue"])
        ax.set(title=name, xlabel="channel, by width", ylabel="range")
        told.append(f"{name}: the widest is {(wide.max() / wide.median()).item():.0f} times the median one")
    plots.show(
        fig,
        alt="Two panels of bars from the lowest to the highest value of each channel. " + "; ".join(told) + ".",
        caption="DepthwiseCNN, block 1. Widest channel over median channel: "
        + "; ".join(told).replace("the widest is ", "")
        + ".",
    )


def store(block, part, x, steps, *, each):
    """Runs a block in float, the result of one part stored with so many steps, with one scale or one for each channel.

    Args:
        part: 0 for the convolution's result, 1 for the batch norm's.
        steps: between the integers, 127 for 128 levels.
        each: a scale for each channel.
    """
    y = block[0](x) if part == 0 else block[1](block[0](x))
    dims = (0, 2, 3) if each else (0, 1, 2, 3)
    low, high = y.amin(dims, keepdim=True).clamp(max=0), y.amax(dims, keepdim=True).clamp(min=0)
    scale = ((high - low) / steps).clamp(min=1e-12)
    zero = torch.round(-low / scale)
    stored = ((torch.round(y / scale) + zero).clamp(0, steps) - zero) * scale
    return block[2](block[1](stored)) if part == 0 else block[2](stored)


def rest_of(net, x, after):
    """What a network gives from the result of block `after` on."""
    for block in net.features[after + 1 :]:
        x = block(x)
    return net.fc(x.mean((2, 3)))


TOP, GROUND, RULER = 1e8, 0.5, 1e-2  # counts: the upper end of the drawing, the foot of the hill, the ruler under it


def on_levels(values, scale, highest):
    """What becomes of numbers, none of them negative, on the levels 0, scale, 2 · scale, ...

    Args:
        values: a flat tensor.
        scale: the distance of two levels.
        highest: number of the last level; what lies above is clipped to it.
    Returns:
        (used, lost): how many levels hold a value; the percentage of the values above 0 that become 0.
    """
    stored = torch.round(values / scale).clamp(0, highest).int()
    held, true_zeros = stored.bincount(minlength=highest + 1), int((values == 0).sum())
    return int((held > 0).sum()), 100 * (int(held[0]) - true_zeros) / (len(values) - true_zeros)


def _over_ruler(hill, scale, highest, case, told):
    """A hill of values on a logarithmic axis of counts, over the levels of one scale.

    Args:
        hill: (counts, edges), from 0 to the right end of the drawing.
        scale, highest: the distance of two levels, and the number of the last.
        case, told: what is written over the hill: a heading, and lines.
    """
    fig, ax = plots.figure(size=(11, 4.6))
    (counts, edges), end = hill, highest * scale
    right, first_half = edges[-1].item(), edges.clamp(max=scale / 2)
    for places, colour in ((edges, "sky"), (first_half, "grey")):
        heights = counts.clamp(min=GROUND).tolist()
        ax.stairs(heights, places.tolist(), baseline=GROUND, fill=True, color=plots.COLOURS[colour])
    marks = [n * scale for n in range(highest + 1) if n * scale <= right]
    beyond = highest + 1 - len(marks)
    ax.plot([0, right if beyond else end], [RULER, RULER], color="black", linewidth=2)
    ax.plot(  # one line with gaps: a line for each mark would make a large file
        [x for mark in marks for x in (mark, mark, None)],
        [RULER / 4, RULER * 4, None] * len(marks),
        color=plots.COLOURS["blue"],
        linewidth=1.5 if len(marks) > highest / 4 else 3,
    )
    where = f"{beyond} more levels, up to {end:.0f} →" if beyond else f"the last of {highest + 1} levels: {end:.1f}"
    ax.text(
        right if beyond else end, RULER * 15, where, ha="right", va="center", fontsize=17, color=plots.COLOURS["blue"]
    )
    ax.text(right, TOP, case, ha="right", va="top", fontsize=18, fontweight="bold")
    ax.text(right, TOP / 9, "\n".join(told), ha="right", va="top", fontsize=17, linespacing=1.4)
    ax.set(yscale="log", xlim=(-0.01 * right, right), ylim=(RULER / 10, TOP))
    ax.set(xlabel="result of the first block", ylabel="how many (log)")
    ax.set_yticks([1, 1e3, 1e6], ["1", "1,000", "1 million"])
    ax.minorticks_off()
    return fig


def ruler_of_levels(values, converted, highest, accuracy):
    """The results of the first block over the levels that calibrations give it, a frame for each.

    Args:
        values: results of the block in float, behind its ReLU, (images, channels, height, width).
        converted: (calibration data, observer) -> the int8 network, its blocks fused.
        highest: number of the last level; the first is 0.
        accuracy: (calibration data, observer) -> percent.
    """
    flat, drawn, alts = values.flatten(), [], []
    scales = {case: float(net.module.features[0][0].scale) for case, net in converted.items()}
    largest = flat.max().item()
    right = 1.03 * max(largest, *(end for scale in scales.values() if (end := highest * scale) < 2 * largest))
    hill = torch.histc(flat, 120, 0, right), torch.linspace(0, right, 121)
    for case, scale in scales.items():
        used, lost = on_levels(flat, scale, highest)
        told = [f"{used} of {highest + 1} levels hold a value", f"{lost:.0f} % of the values above 0 become 0"]
        told.append(f"accuracy of the network {accuracy[case]:.0f} %")
        drawn.append(_over_ruler(hill, scale, highest, ", ".join(case), told))
        alts.append(
            f"Calibrated on {', '.join(case)}: a hill of values that falls from 0 to {largest:.0f}, with its counts on a logarithmic axis, "
            f"over a ruler of levels {scale:.2g} apart, the last at {highest * scale:.3g}. {'; '.join(told)}."
        )
    plots.show(
        drawn,
        alt=alts,
        caption=f"Results of the first block for {len(values)} ordinary test images. Each blue mark is a level. What is grey becomes 0.",
    )


def curve_of_images(calibrated, counts):
    """Signal over error against the images for calibration, for three observers.

    Args:
        calibrated: (observer, count) -> decibels of each draw.
        counts: of images.
    """
    fig, ax = plots.figure(size=(10, 4.2))
    names = list(dict.fromkeys(name for name, _ in calibrated))
    for name, marker, colour in zip(names, "os^", ("blue", "green", "orange"), strict=True):
        found = [calibrated[name, n] for n in counts]
        ax.plot(counts, [sum(d) / len(d) for d in found], f"{marker}-", label=name, color=plots.COLOURS[colour])
        ax.fill_between(
            counts, [min(d) for d in found], [max(d) for d in found], alpha=0.2, color=plots.COLOURS[colour]
        )
    ax.set(xscale="log", xlabel="images for calibration", ylabel="signal over error, dB")
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    told = "; ".join(
        f"{name} {', '.join(f'{sum(calibrated[name, n]) / len(calibrated[name, n]):.1f}' for n in counts)} dB"
        for name in names
    )
    plots.show(
        fig,
        alt=f"Signal over error of the output over the number of calibration images, for three observers: {told} with {', '.join(map(str, counts))} images.",
        caption="SmallCNN. Mean and span of three draws of images.",
    )


def outputs(net, x):
    """What each block and the linear layer give."""
    seen = {}
    for number, block in enumerate(net.features):
        seen[str(number)] = x = block(x)
    return seen | {"linear": net.fc(x.mean((2, 3)))}


def error_after_each(errors):
    """Signal over error after each block and the linear layer, a line for each way to fuse."""
    fig, ax = plots.figure(size=(10, 4.2))
    for (how, line), style in zip(errors.items(), ("o-", "s--"), strict=True):
        ax.plot(list(line), list(line.values()), style, label=how)
    ax.set(xlabel="after block", ylabel="signal over error, dB", ylim=(10, 40))
    ax.legend(loc="upper right")
    plots.show(
        fig,
        alt="Signal over error after each block and the linear layer: "
        + "; ".join(f"{how} {', '.join(f'{db:.0f}' for db in line.values())} dB" for how, line in errors.items())
        + ".",
        caption="SmallCNN. Higher is better. Each point holds all errors before it.",
    )


def price_and_gain(right, files, speed):
    """A table of accuracy, file and time of the float and the int8 network."""
    rows = [["accuracy, %", *(f"{value:.2f}" for value in right.values())]]
    rows += [["file", *(si(report.file_bytes, "B") for report in files.values())]]
    rows += [[f"{n} image{'s' * (n > 1)}, ms", *(f"{speed[n].median_ms(name):.3g}" for name in right)] for n in speed]
    ratios = {n: (speed[n].ratio("int8"), speed[n].ratio_quartiles("int8")) for n in speed}
    said = "; ".join(
        f"{n} at once {ratio:.2f}× ({low:.2f} to {high:.2f})" for n, (ratio, (low, high)) in ratios.items()
    )
    smaller = files["fp32"].file_bytes / files["int8"].file_bytes
    return Table(
        ["SmallCNN", *right],
        rows,
        caption=f"File {smaller:.2f}× smaller. Speed over eager fp32, with quartiles: {said}.",
    )


def rows_of_the_ledger(right, files, speed, bills):
    """Writes the rows of SmallCNN, and shows them."""
    return ledger.table(
        [
            ledger.record(
                lesson="static",
                task="fashion_mnist",
                model="SmallCNN",
                technique={"fp32": "fp32", "int8": "static int8, per channel"}[name],
                accuracy=right[name] / 100,
                file_bytes=files[name].file_bytes,
                load_ms=files[name].load_ms,
                speedup=speed[1].ratio(name),
                energy_nj=bills[name].total_nj,
            )
            for name in right
        ]
    )
