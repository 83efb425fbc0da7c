"""The drawings and tables of the lesson depthwise, and its look at EfficientNet-Lite0."""

import copy
import io

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_utils import real_models
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

KINDS = ("ordinary", "depthwise", "1×1", "depthwise", "1×1", "depthwise", "1×1", "linear")
SUSPECT = 28  # the channel of block 1 that is the widest when it is folded


def two_convolutions():
    """Draw a depthwise convolution, which keeps channels apart, and the 1×1 convolution behind it, which mixes them."""
    canvas = diagrams.Canvas(height=330)
    rows = (15, 105, 195)
    columns = [
        [canvas.box(x, y, f"channel {n}", width=130, height=60, size=22) for n, y in enumerate(rows)]
        for x in (80, 535, 990)
    ]
    for left, right in zip(columns[0], columns[1], strict=True):
        canvas.wire(left.right, right.left, meaning="activations", thick=5)
    for left in columns[1]:
        for right in columns[2]:
            canvas.wire(left.right, right.left, meaning="activations", arrow=False)
    canvas.text(372, 300, "depthwise: a 3×3 filter for each channel", size=22)
    canvas.text(842, 300, "1×1: sums over all channels", size=22)
    plots.show(
        canvas.figure(),
        alt="Three channels on the left are each joined with one channel in the middle, by a wire of its own: the depthwise "
        "convolution. Each of the three in the middle is joined with all three on the right: the 1×1 convolution.",
        caption="Three channels of many. The two convolutions together take the place of an ordinary one.",
    )


def by_layer(reference, alone, all_but):
    """A table of the accuracy with one layer rounded, and with all but that one; above it with none, and with all."""
    rows = []
    for number, kind in enumerate(KINDS):
        name = f"block {number}" if number < 7 else "fc"
        rows.append([name, kind, f"{alone[number]:.1f}", f"{all_but[number]:.1f}"])
    return Table(
        ["rounded", "kind", "this one alone", "all but this one"],
        rows,
        caption="Float network with these weights rounded: right, %, of 2,000 images. "
        f"Nothing rounded: {reference[0]:.1f}. All eight layers: {reference[1]:.1f}",
    )


def trained_and_folded(trained, folded):
    """Draw the largest weight of each channel in steps, as it was trained and folded, each panel sorted by height."""
    fig, axes = plots.figure(columns=2, size=(12, 4.6))
    told = []
    for ax, largest, name in zip(axes, (trained, folded), ("as trained", "folded"), strict=True):
        steps, order = 127.5 * largest / largest.max(), largest.argsort().tolist()
        colours = [plots.COLOURS["orange" if channel == SUSPECT else "blue"] for channel in order]
        ax.bar(range(len(order)), steps[order].tolist(), color=colours)
        ax.set(title=name, ylim=(0, 140), xticks=[], xlabel="32 channels, narrow to wide")
        place, height = order.index(SUSPECT), steps[SUSPECT].item()
        ax.annotate(
            f"channel {SUSPECT}",
            (place, height),
            (max(place - 13, 1), height + 25 if height < 100 else height - 8),
            color=plots.COLOURS["orange"],
            arrowprops={"arrowstyle": "-", "color": plots.COLOURS["orange"]},
        )
        told.append(f"{name}: {steps.median():.0f} steps")
    axes[0].set_ylabel("largest weight, in steps")
    plots.show(
        fig,
        alt="Two panels with a bar for each of 32 channels, sorted by height. As trained, the bars rise slowly, and channel 28 is "
        "one of many. Folded, channel 28 stands far above all others, and most bars are very low. The median channel, "
        + "; ".join(told),
        caption=f"Block 1, in steps of its one scale; the widest channel has 127.5. The median channel, {'; '.join(told)}.",
    )


def kilobytes(model):
    """The size of the file of a model."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.tell() / 1000


def remedies(right, kilobytes):
    """A table of the accuracy and the file of each repaired network."""
    return Table(
        ["int8 network", "right, %", "file, kB"],
        [[name, f"{right[name]:.1f}", f"{kilobytes[name]:.1f}"] for name in right],
        caption="DepthwiseCNN, 2,000 test images",
    )


def in_the_world():
    """Round the folded weights of EfficientNet-Lite0, and count the answers that stay, and the dead filters."""
    net, photos, more = real_models.efficientnet_lite0(), real_models.crops(16, sure=True), real_models.crops(16)
    pairs = [
        (block, place, parts[place], parts[place + 1])
        for block in net.modules()
        if isinstance(block, nn.Sequential)
        for parts in [list(block)]
        for place in range(len(parts) - 1)
        if isinstance(parts[place + 1], nn.BatchNorm2d)
    ]
    given = {}
    hooks = [
        conv.register_forward_pre_hook(lambda conv, x: given.update({conv: x[0].abs().amax((0, 2, 3))}))
        for _, _, conv, _ in pairs
    ]
    answers = net(torch.cat([photos, more])).argmax(1)[: len(photos)]
    for hook in hooks:
        hook.remove()
    dead = {conv: given[conv] == 0 for _, _, conv, _ in pairs if conv.groups > 1}

    def alike(each, empty=False):
        """The answers that stay with one scale per layer, or one each per channel."""
        other = copy.deepcopy(net)
        twins = dict(zip(net.modules(), other.modules(), strict=True))
        for block, place, conv, norm in pairs:
            own = twins[conv]
            if empty and conv in dead:
                own.weight[dead[conv]] = 0
            fused = fuse_conv_bn_eval(own, twins[norm])
            largest = fused.weight.abs().amax((1, 2, 3), keepdim=True)
            scale = (largest if each else largest.max()).clamp(min=1e-9) / 127.5
            fused.weight.copy_((fused.weight / scale).round().clamp(-128, 127) * scale)
            twins[block][place], twins[block][place + 1] = fused, nn.Identity()
        return f"{(other(photos).argmax(1) == answers).sum()} of {len(photos)}"

    widest = 0
    for _, _, conv, norm in pairs:
        if conv in dead:
            wide = conv.weight.abs().amax((1, 2, 3)) * norm.weight.abs() / (norm.running_var + norm.eps).sqrt()
            widest += dead[conv][wide.argmax()].item()
    return Table(
        ["weights of EfficientNet-Lite0", "answers as in float"],
        [
            ["one scale per layer", alike(False)],
            ["dead filters emptied", alike(False, empty=True)],
            ["a scale per channel", alike(True)],
        ],
        caption=f"{sum(int(channels.sum()) for channels in dead.values())} depthwise filters are given 0 by all of "
        f"{len(photos) + len(more)} parts of photos, and {widest} of them are the widest of their layer. Answers: of the "
        f"{len(photos)} parts of which float is sure",
    )
