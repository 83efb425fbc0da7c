"""What stands beside the lesson deep_compression: the training, drawings and tables."""

import gzip
import io
from pathlib import Path
from tempfile import mkdtemp

import torch

from course_utils import data, plots, training
from course_utils.tables import Table
from lessons.deep_compression.values import share
from lessons.deep_compression.words import file_parts, fixed, gap_symbols, huffman, in_words, often

HUES = {"values": "orange", "places": "blue", "the rest": "black"}


def train(net, passes, rate=4e-3):
    """Adam on batches of 200 digits; the learning rate falls to 0. The last twelfth of the images is held out."""
    images, labels = data.load("mnist")
    n = len(images) * 11 // 12
    adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    options = {"epochs": passes, "batch_size": 200, "schedule": lambda done: 1 - done, "device": "cpu"}
    training.fit(net, images[:n], labels[:n], optimizer=adam, progress=False, **options)


def line(net):
    """The weights of all layers, one after another."""
    return torch.cat([layer.weight.detach().flatten() for layer in net.children()])


def percent_right(net, held_out=False):
    """Percent of the test images, or of those that were held out from the training."""
    images, labels = data.load("mnist", "train" if held_out else "test")
    n = len(images) * 11 // 12 if held_out else 0
    return 100 * training.evaluate(net, images[n:], labels[n:])


def saved(net):
    """The bytes of torch.save."""
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    return file.getvalue()


def four_bytes(net):
    """Print what gzip leaves of each of the four bytes of the first layer's weights, zipped alone."""
    columns = net.fc1.weight.detach().numpy().view("uint8").reshape(-1, 4)
    for n in range(4):
        column = columns[:, n].tobytes()
        print(f"byte {n + 1}: {100 * len(gzip.compress(column)) / len(column):.0f} % left")


def written(parts):
    """The path of a new file that holds the parts, one after another."""
    path = Path(mkdtemp()) / "small.bin"
    path.write_bytes(b"".join(parts.values()))
    return path


def few_values(net):
    """A table: how many values, bits for a weight, and what a network with them gets right of held-out images."""
    rows = [["each its own", 32, f"{percent_right(net, held_out=True):.2f}"]]
    for bits in (6, 5, 4, 3, 2):
        rows.append([2**bits, bits, f"{percent_right(share(net, 2**bits), held_out=True):.2f}"])
    return Table(["values", "bits for a weight", "held-out images right, %"], rows)


def uneven(gaps, codes):
    """Draw how often each gap and each value comes, and say how long words of one length and Huffman's are."""
    fig, axes = plots.figure(columns=2, size=(12, 4))
    told, means = [], []
    for ax, symbols, many, what in (
        (axes[0], gaps, 32, "gap (31: escape)"),
        (axes[1], codes, 16, "number of the value"),
    ):
        counts = often(symbols, many)
        means += [f"{8 * len(in_words(symbols, kind(counts))) / len(symbols):.2f}" for kind in (fixed, huffman)]
        shares = [100 * count / len(symbols) for count in counts]
        ax.bar(range(many), shares, color=plots.COLOURS["blue" if many == 32 else "orange"])
        ax.axhline(100 / many, color=plots.COLOURS["grey"], ls="--")
        ax.set(xlabel=what, ylabel="share, %", xticks=range(0, many, 5))
        told.append(f"{what}: the largest share is {max(shares):.0f} %, equal shares would be {100 / many:.0f} %")
    plots.show(
        fig,
        alt="Two panels of bars. " + "; ".join(told) + ".",
        caption="Dashed: equal shares. Mean bits of a word, of one length and Huffman's: "
        "gaps {} and {}, values {} and {}.".format(*means),
    )


def stages(twin, pruned):
    """The parts of the eight files: (pruned, shared, coded) -> name -> bytes.

    Args:
        twin: the network with all its weights.
        pruned: the one without most of them.
    """
    files = {}
    for cut_down, net in ((False, twin), (True, pruned)):
        gaps = gap_symbols(line(net)) if cut_down else None
        for shared, now in ((False, net), (True, share(net, 16))):
            for coded, lengths_of in ((False, fixed), (True, huffman)):
                parts = file_parts(now, gaps, lengths_of, shared)
                sizes = {"values": len(parts.pop("codes")), "places": len(parts.pop("places"))}
                files[cut_down, shared, coded] = sizes | {"the rest": sum(map(len, parts.values()))}
    return files


def eight_files(files):
    """Draw the eight files as bars, with their parts."""
    fig, ax = plots.figure(size=(12, 5))
    sizes = {which: sum(parts.values()) for which, parts in files.items()}
    whole, told = sizes[False, False, False], []
    order = sorted(sizes, key=sizes.get, reverse=True)
    names = [
        " + ".join(w for w, on in zip(("prune", "share", "code"), which, strict=True) if on) or "none"
        for which in order
    ]
    for row, which in enumerate(order):
        left = 0
        for part, hue in HUES.items():
            size = files[which][part] / 1000
            ax.barh(row, size, left=left, color=plots.COLOURS[hue], label=None if row else part)
            left += size
        said = f"{sizes[which] / 1000:,.0f} kB, {whole / sizes[which]:.1f}×"
        ax.text(left + whole / 1e5, row, said, va="center")
        told.append(f"{names[row]} {said}")
    ax.set(yticks=range(len(order)), yticklabels=names, xlabel="kB", xlim=(0, 1.35 * whole / 1000))
    ax.invert_yaxis()
    ax.legend(loc="lower right")
    plots.show(
        fig,
        alt="Eight bars, from the largest file to the smallest: " + "; ".join(told) + ".",
        caption="Files by the stages that made them: size, and how many times smaller than without any.",
    )
