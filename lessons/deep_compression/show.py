"""What stands beside the lesson deep_compression: the training, drawings and tables."""

import io

import torch

from course_utils import data, training
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.deep_compression.words import fixed, huffman, in_words, often

HUES = {"floats": "grey", "places": "blue", "codes": "orange", "biases": "green", "the rest": "black"}


def train(net, passes, rate=4e-3):
    """Adam on batches of 200 digits; the learning rate falls to 0. The last twelfth of the images is held out."""
    images, labels = data.load("mnist")
    n = len(images) * 11 // 12
    adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    options = {"epochs": passes, "batch_size": 200, "schedule": lambda done: 1 - done, "device": "cpu"}
    training.fit(net, images[:n], labels[:n], optimizer=adam, **options)


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


def ten_weights():
    """Draw ten weights, and the way from one that is left to the next."""
    canvas, values = diagrams.Canvas(height=250), torch.tensor([0, 0, 0.5, 0, -0.3, 0.2, 0, 0, 0, 0.4])
    diagrams.grid(canvas, values, 100, 60, cell=100, mask=(values != 0).float(), size=30)
    for place in range(10):
        canvas.text(150 + 100 * place, 30, str(place), colour="plain")
    for place, gap in ((2, "2 zeros"), (4, "1 zero"), (5, "0"), (9, "3 zeros")):
        canvas.text(150 + 100 * place, 200, gap, colour="int8", size=28, bold=True)
    plots.show(
        canvas.figure(),
        alt="Ten weights; those at the places 0, 1, 3, 6, 7 and 8 are crossed out. Below the four others stands how many zeros "
        "come before: 2 before the weight at place 2, 1 at 4, 0 at 5, and 3 at 9.",
        caption="Grey: the places. Blue: the gaps, which are stored.",
    )


def few_values(pruned, share):
    """A table of the network with few values: bits for a weight, and held-out accuracy."""
    rows = [["all its own", 32, f"{percent_right(pruned, held_out=True):.2f}"]]
    for bits in (6, 5, 4, 3, 2):
        rows.append([2**bits, bits, f"{percent_right(share(pruned, 2**bits), held_out=True):.2f}"])
    return Table(["values", "bits for a weight", "held-out digits right, %"], rows)


def tree():
    """Draw the tree of five symbols, the words at its leaves."""
    canvas = diagrams.Canvas(height=470)
    leaves = {"a": (120, 250, "8×", "00"), "b": (340, 250, "8×", "01"), "c": (580, 250, "5×", "10")}
    leaves |= {"d": (820, 350, "4×", "110"), "e": (1060, 350, "3×", "111")}
    at = {name: (x, y) for name, (x, y, *_) in leaves.items()}
    at |= {"16": (230, 130), "7": (940, 240), "12": (760, 130), "28": (495, 20)}
    for top, low, bit in (
        ("28", "16", "0"), ("28", "12", "1"), ("16", "a", "0"), ("16", "b", "1"),
        ("12", "c", "0"), ("12", "7", "1"), ("7", "d", "0"), ("7", "e", "1"),
    ):  # fmt: skip
        (x, y), (to_x, to_y) = (at[top][0], at[top][1] + 46), at[low]
        canvas.wire((x, y), (to_x, to_y), arrow=False)
        canvas.text((x + to_x) / 2 + (-26 if bit == "0" else 26), (y + to_y) / 2 - 12, bit)
    for name in ("28", "16", "12", "7"):
        canvas.box(at[name][0] - 45, at[name][1], name, width=90, height=46, fill="int8")
    for name, (x, y, count, word) in leaves.items():
        canvas.box(x - 80, y, f"{name}: {count}", width=160, height=52)
        canvas.text(x, y + 82, word, size=30, colour="int8", bold=True)
    plots.show(
        canvas.figure(),
        alt="A tree. From the top, 28, a 0 leads left to 16 and a 1 right to 12. Under 16 stand a and b, under 12 stand c and 7, "
        "under 7 stand d and e. The words are a 00, b 01, c 10, d 110, e 111.",
        caption="Blue boxes: joined groups with their sums. A step to the left is a 0, to the right a 1.",
    )


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
        caption="Dashed: equal shares. Mean bits of a word, fixed and Huffman's: "
        "gaps {} and {}, values {} and {}.".format(*means),
    )


def files_of(plain, dense, pruned, small, weights, gaps, coded, shared):
    """The four files: name -> (what it is -> bytes, percent right).

    Args:
        plain: bytes of dense.pt.
        dense, pruned, small: the networks.
        weights, gaps: of the pruned network, in one line.
        coded, shared: what the files of `small` hold, with Huffman's words and with fixed ones.
    """
    own = {"places": len(in_words(gaps, fixed([0] * 32))), "floats": 4 * int(weights.count_nonzero())}
    own["biases"] = len(coded["biases"])
    files = {"dense": ({"floats": len(plain)}, dense), "pruned": (own, pruned)}
    for name, parts in (("shared", shared), ("coded", coded)):
        sizes = {what if what in HUES else "the rest": 0 for what in parts}
        for what, part in parts.items():
            sizes[what if what in HUES else "the rest"] += len(part)
        files[name] = sizes, small
    return {name: (sizes, percent_right(net)) for name, (sizes, net) in files.items()}


def four_files(files):
    """Draw the four files to one scale, and the last two enlarged, with their parts."""
    total = {name: sum(sizes.values()) for name, (sizes, _) in files.items()}
    fig, (left, right) = plots.figure(columns=2, size=(12, 4.2))
    drawn = set()
    for ax, names in ((left, list(files)), (right, ["shared", "coded"])):
        for name in names:
            height = 0
            for what, hue in HUES.items():
                size = files[name][0].get(what, 0) / 1000
                label = what if ax is right and size and what not in drawn else None
                drawn |= {what} if label else set()
                ax.bar(name, size, bottom=height, color=plots.COLOURS[hue], label=label)
                height += size
            said = f"{total['dense'] / total[name]:.0f}×\n{files[name][1]:.1f} %" if ax is left else f"{height:.1f} kB"
            ax.text(name, height, said, ha="center", va="bottom")
    left.set(ylabel="kB", title="all four", ylim=(0, 1.35 * total["dense"] / 1000))
    right.set(title="the last two, enlarged", xlim=(-0.5, 2.9), ylim=(0, 1.15 * total["shared"] / 1000))
    right.legend(loc="right", reverse=True, handlelength=1, borderaxespad=0)
    told = "; ".join(f"{name} {size:,} bytes, {files[name][1]:.2f} % right" for name, size in total.items())
    shares = ", ".join(f"{what} {100 * size / total['coded']:.0f} %" for what, size in files["coded"][0].items())
    plots.show(
        fig,
        alt=f"Four bars, each lower than the one before: {told}. Beside them the last two enlarged: of the coded file {shares}.",
        caption=f"Times smaller, and test digits right. The last file is {total['dense'] / total['coded']:.1f} times smaller than "
        f"dense.pt; of its bytes: {shares}.",
    )


def multiplied(files, shared_alone):
    """Print how many times smaller the files are: pruned, shared, and both.

    Args:
        files: name -> (what it is -> bytes, percent right).
        shared_alone: what the file of the dense network with 16 values holds; its gaps, which are all 0, do not count.
    """
    sizes = {name: sum(parts.values()) for name, (parts, _) in files.items()}
    alone = sum(len(part) for what, part in shared_alone.items() if what != "places")
    for name, size in (("pruned alone", sizes["pruned"]), ("shared alone", alone), ("both", sizes["shared"])):
        print(f"{name}: {sizes['dense'] / size:.1f} times smaller")
