"""The figures and tables of the lesson depthwise, and its look at EfficientNet-Lite0."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_utils import plots, real_models
from course_utils.tables import Table
from lessons.depthwise.experiment import accuracy, images, net

KINDS = ("ordinary", "depthwise", "1×1", "depthwise", "1×1", "depthwise", "1×1", "linear")


def by_layer(reference, alone, all_but):
    """A table of the accuracy with one layer rounded, and with all but that one; above it with none, and with all."""
    return Table(
        ["layer", "kind", "this one alone", "all but this one"],
        [[number, kind, f"{alone[number]:.1f}", f"{all_but[number]:.1f}"] for number, kind in enumerate(KINDS)],
        caption="Right, %, of 2,000 images, with these layers rounded. "
        f"No layer rounded: {reference[0]:.1f}. All eight: {reference[1]:.1f}",
    )


def widths(steps):
    """Draw the largest weight of each channel in steps, from the narrowest to the widest; 4 and 28 are named."""
    fig, ax = plots.figure(size=(12, 4.6))
    order = steps.argsort().tolist()
    colours = [plots.COLOURS["orange" if channel in (4, 28) else "blue"] for channel in order]
    ax.bar(range(len(order)), steps[order].tolist(), color=colours)
    ax.set(yscale="log", ylim=(0.02, 400), xticks=[], xlabel="32 channels, from narrow to wide")
    ax.set(ylabel="largest weight, in steps", yticks=[0.1, 1, 10, 100], yticklabels=["0.1", "1", "10", "100"])
    ax.minorticks_off()
    ax.margins(x=0.02)
    for channel in (4, 28):
        right = order.index(channel) + 0.4
        ax.text(right, 1.2 * steps[channel].item(), f"channel {channel}", ha="right", color=plots.COLOURS["orange"])
    median, below = steps.median().item(), int((steps < 1).sum())
    plots.show(
        fig,
        alt=f"Bars for 32 channels on a logarithmic axis. Channel 28 is the widest with {steps[28]:.1f} steps, the median "
        f"has {median:.0f}. {below} channels are shorter than one step, and channel 4 is one of them: {steps[4]:.2f} steps.",
        caption=f"Layer 1, in steps of its one scale. {below} channels are shorter than one step.",
    )


def which_filter(steps, given, folded, rounded):
    """Print which filters of layer 1 are shorter than one step, and the accuracy with those rounded that are given more than 0."""
    weight = folded.module.features[1][0][0].weight
    whole = weight.clone()

    def right_with(channels):
        weight.copy_(whole)
        weight[channels] = rounded[channels]
        return f"{accuracy(folded):.1f} % right"

    short = (steps < 1).nonzero().flatten().tolist()
    living = [channel for channel in short if given[channel] > 0]
    print(f"shorter than one step: channels {short}; of these, {living} are alive, the others read only zeros")
    for channel in living:
        print(f"channel {channel} alone: {right_with([channel])}")
    print(f"all but channel 4: {right_with([channel for channel in range(len(steps)) if channel != 4])}")
    wide = folded.module.features[5][0][0].weight.abs().amax((1, 2, 3))
    reads = net.features[:5](images).amax((0, 2, 3))
    short = ((127.5 * wide / wide.max() < 1) & (reads > 0)).sum()
    print(
        f"layer 5: the widest channel reads at most {reads[wide.argmax()]:.1f}; alive and shorter than one step: {short}"
    )


def filter_4(steps, integers):
    """Draw the nine weights of channel 4 in float and in int8, and say what the channel reads on black."""
    fig, axes = plots.figure(columns=2, size=(12, 4.6))
    panels = {"in float, in steps": steps, "in int8": integers.float()}
    for ax, (name, weights) in zip(axes, panels.items(), strict=True):
        ax.set(xlim=(0, 3), ylim=(3, 0), xticks=[], yticks=[], aspect="equal")
        ax.set_title(f"{name}: the sum is {weights.sum():.2f}".replace(".00", "").replace("-", "−"))
        ax.grid(visible=False)
        for number, value in enumerate(weights.flatten().tolist()):
            row, column = divmod(number, 3)
            far = abs(steps.flatten()[number].item()) > 0.5  # not rounded to 0
            text = (f"{value:.0f}" if ax is axes[1] else f"{value:.3f}").replace("-", "−")
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", size=24, color=_ink(far))
        for line in (1, 2):
            ax.axhline(line, color=plots.COLOURS["grey"], linewidth=1)
            ax.axvline(line, color=plots.COLOURS["grey"], linewidth=1)
        for side in ax.spines.values():
            side.set(visible=True, color=plots.COLOURS["grey"])
    black = net.features[0](torch.zeros(1, 1, 28, 28))[0, :, 7, 7]  # far from the border
    others = black[torch.arange(len(black)) != 4].max()
    plots.show(
        fig,
        alt="Two grids of three by three numbers. In float: "
        + ", ".join(f"{value:.3f}" for value in steps.flatten().tolist())
        + ". In int8: "
        + ", ".join(str(value) for value in integers.flatten().tolist())
        + ".",
        caption=f"The filter of channel 4. On black, layer 0 gives it {black[4]:.1f}, and the other channels at most {others:.1f}.",
    )


def _ink(far):
    return plots.COLOURS["orange" if far else "black"]


def remedies(right, file_kb):
    """A table of the accuracy and the file of each repaired network."""
    return Table(
        ["int8 network", "right, %", "file, kB"],
        [[name, f"{right[name]:.1f}", f"{file_kb[name]:.1f}"] for name in right],
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
