"""What stands beside the lesson deep_compression: drawings, tables, and a reader of the file, apart from its writer."""

import hashlib
import lzma
import struct
from pathlib import Path

import torch
from torch import nn

from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

HUES = {
    "floats": "grey",
    "values": "orange",
    "places": "blue",
    "biases": "green",
    "codebooks": "purple",
    "word lengths": "sky",
    "shapes": "black",
}


def packed(files, right):
    """A table of one file as it is and under two compressors.

    Args:
        files: name -> bytes; the first one is the file itself.
        right: percent of the test digits that the network of the file gets right.
    """
    whole = len(next(iter(files.values())))
    rows = [[name, f"{len(file):,}", f"{whole / len(file):.2f}×"] for name, file in files.items()]
    return Table(["dense.pt", "bytes", "smaller"], rows, caption=f"{right:.2f} % of the test digits are right")


def byte_by_byte(kept):
    """A table of what xz leaves of the first, second, third and fourth bytes of all weights.

    Args:
        kept: four shares.
    """
    names = ("1st: low digits", "2nd: middle digits", "3rd: high digits", "4th: sign, size")
    rows = [[name, f"{100 * share:.0f} %"] for name, share in zip(names, kept, strict=True)]
    return Table(["bytes of all weights", "left by xz"], rows, caption="fc1, each kind of bytes on its own")


def rounds(history):
    """A table of the two rounds of pruning.

    Args:
        history: (what was done, percent of the weights left, percent right).
    """
    return Table(
        ["", "weights left, %", "right, %"],
        [[name, f"{left:.0f}", f"{right:.2f}"] for name, left, right in history],
        caption="One network; all 10,000 test digits",
    )


def gaps(line, gap_symbols):
    """Pages of one drawing: 44 neighbours of a pruned layer, and the symbols of their gaps, one more on each page.

    Args:
        line: the weights of the layer, one after another.
        gap_symbols: gives the symbols of a tensor.
    """
    spots = line.nonzero().flatten().tolist()
    fours = zip(spots, spots[1:], spots[2:], spots[3:], strict=False)  # a long gap between two short ones
    begin = next((a for a, b, c, d in fours if 2 < b - a < 6 and 33 < c - b < 37 and d - a < 43), spots[0]) + 1
    piece = line[begin : begin + 44].view(2, 22)
    symbols, drawings = gap_symbols(piece), []
    steps = sorted({0, 1, len(symbols) - 1, len(symbols)})
    for written in steps:
        canvas = diagrams.Canvas(height=240)
        diagrams.grid(canvas, piece, 40, 40, cell=50, mask=(piece != 0).float(), text="")
        said = "  ".join(map(str, symbols[:written]))
        canvas.text(40, 195, f"symbols: {said}", align="left", size=30, colour="int8")
        drawings.append(canvas.figure())
    plots.show(
        drawings,
        alt=[f"Two rows of 22 weights, most of them crossed out, and {n} symbols below." for n in steps],
        caption="44 neighbours of the pruned fc1, the second row after the first; crossed out: 0.",
    )


def symbols_of_places(symbols, weights):
    """A bar for each symbol of the places of a layer.

    Args:
        symbols: of all gaps; 31 is the escape.
        weights: how many weights are left.
    """
    often = torch.bincount(torch.tensor(symbols), minlength=32).tolist()
    fig, ax = plots.figure(size=(7, 4))
    ax.bar(range(31), often[:31], color=plots.COLOURS["blue"])
    ax.bar(31, often[31], color=plots.COLOURS["orange"])
    ax.set(xlabel="symbol: zeros before the weight; 31: escape", ylabel="how often in fc1")
    plots.show(
        fig,
        alt=f"A bar for each symbol from 0 to 31. Symbol 0 comes {often[0]:,} times; those from 1 to 30 come "
        f"{max(often[1:31]):,} times or less. The escape comes {often[31]:,} times.",
        caption=f"{len(symbols):,} symbols for {weights:,} weights: {5 * len(symbols) / weights:.2f} bits a weight.",
    )


def by_bits(errors, right, pruned):
    """A table of the network with few values: error and accuracy, evenly spaced and by k-means.

    Args:
        errors: (how, bits) -> mean squared error, in percent of the mean square of the weights that are left.
        right: (how, bits) -> percent right.
        pruned: percent right before the sharing.
    """
    rows = [
        [
            bits,
            2**bits,
            *(f"{errors[how, bits]:.2f}" for how in ("even", "k-means")),
            *(f"{right[how, bits]:.2f}" for how in ("even", "k-means")),
        ]
        for bits in sorted({bits for _, bits in right}, reverse=True)
    ]
    return Table(
        ["bits", "values", "error, even", "error, k-means", "right, even", "right, k-means"],
        rows,
        caption=f"Error in % of the weights' square. Pruned, before the sharing: {pruned:.2f} % right. One network",
    )


def won_back(right, before):
    """A table of what 200 steps win back, by what is trained and at which rate.

    Args:
        right: parts -> rate -> percents, one for each training.
        before: percent without any step.
    """
    rates = list(next(iter(right.values())))
    rows = [["neither", *[f"{before:.2f}"] * len(rates)]]
    for parts, by_rate in right.items():
        rows.append([" and ".join(parts), *(f"{sum(own) / len(own):.2f}" for own in by_rate.values())])
    return Table(
        ["trained", *(f"rate {rate:g}" for rate in rates)],
        rows,
        caption="% right with four values a layer, 200 steps; one network, one training in each cell",
    )


def values_and_weights(line, before, after):
    """A histogram of the weights that are left, and the values that stand for them, before and after their training.

    Args:
        line: weights of the pruned layer, one after another.
        before, after: the values, 0 among them.
    """
    fig, ax = plots.figure(size=(12, 4))
    ax.hist(line[line != 0].numpy(), bins=120, color=plots.COLOURS["grey"], alpha=0.6)
    high = ax.get_ylim()[1]
    for book, colour, level, name in ((before, "orange", 1.05, "k-means"), (after, "blue", 1.15, "trained")):
        own = book[book != 0]
        ax.plot(own, [level * high] * len(own), "o", color=plots.COLOURS[colour], label=name)
        if name == "k-means":
            ax.vlines(own, 0, level * high, color=plots.COLOURS[colour], linewidth=1)
    ax.set(xlabel="weight of fc1", ylabel="how many", ylim=(0, 1.5 * high))
    ax.legend(loc="upper right", ncols=2)
    moved = (after - before).abs().max().item() if len(before) == len(after) else float("nan")
    plots.show(
        fig,
        alt=f"Histogram of the weights of fc1 that are left, in two humps, with {len(before) - 1} values from k-means above "
        "it, denser where there are more weights, and the values after their training, which have moved a little.",
        caption=f"The largest move of a value is {moved:.3f}; neighbours (0 too) lie up to {before.diff().max():.2f} apart.",
    )


def _leaves(tree, depth=0):
    """Symbol -> how deep it stands."""
    if not isinstance(tree, tuple):
        return {tree: depth}
    return {symbol: own for branch in tree for symbol, own in _leaves(branch, depth + 1).items()}


def _forks(tree):
    return [*_forks(tree[0]), *_forks(tree[1]), tree] if isinstance(tree, tuple) else []


def tree_by_tree(counts, tree):
    """Pages of one drawing: the symbols with their counts, and the pairs above them, one more on each page.

    Args:
        counts: of the five symbols.
        tree: the whole tree, of pairs of their numbers.
    """
    leaves = _leaves(tree)
    foot = 35 + 95 * max(leaves.values())

    def drawn(canvas, part, joined):
        """Draw a part of the tree; gives its middle, its height and its count."""
        if not isinstance(part, tuple):
            at = 120 + 235 * list(leaves).index(part)
            canvas.box(at - 95, foot, f"{'abcde'[part]}: {counts[part]}×", width=190, height=56)
            return at, 0, counts[part]
        ends = [drawn(canvas, branch, joined) for branch in part]
        at, high = (ends[0][0] + ends[1][0]) / 2, 1 + max(ends[0][1], ends[1][1])
        count = ends[0][2] + ends[1][2]
        if part in joined:
            canvas.box(at - 45, foot - 95 * high, str(count), width=90, height=46, fill="int8")
            for (x, level, _), bit, side in zip(ends, "01", (-1, 1), strict=True):
                top, low = (at, foot + 46 - 95 * high), (x, foot - 95 * level)
                canvas.wire(top, low, arrow=False)
                canvas.text((top[0] + low[0]) / 2 + 24 * side, (top[1] + low[1]) / 2 - 8, bit)
        return at, high, count

    order = sorted(_forks(tree), key=lambda fork: sum(counts[symbol] for symbol in _leaves(fork)))
    pages = []
    for pairs in range(len(order) + 1):
        canvas = diagrams.Canvas(height=foot + 80)
        drawn(canvas, tree, order[:pairs])
        pages.append(canvas.figure())
    plots.show(
        pages,
        alt=[f"A box for each symbol, with its count; {n} pairs are joined above them." for n in range(len(pages))],
        caption="Five symbols with their counts. A step to the left is a 0, to the right a 1.",
    )


def mean_words(streams):
    """A table of six lists of symbols: fixed words, Huffman's, the entropy.

    Args:
        streams: name -> (bits of a fixed word, mean bits of Huffman's, entropy).
    """
    rows = [[name, fixed, f"{huffman:.2f}", f"{floor:.2f}"] for name, (fixed, huffman, floor) in streams.items()]
    return Table(["bits a symbol", "fixed", "Huffman", "entropy"], rows, caption="The network with 16 values a layer")


# ---- the file ----------------------------------------------------------------------------------------


def _symbols(data, at, alphabet):
    """The symbols of a list that begins at a byte, and the byte behind it. Words are known by their number, as canonical codes are."""
    (left,) = struct.unpack_from("<I", data, at)
    lengths, at = data[at + 4 : at + 4 + alphabet], at + 4 + alphabet
    of_length = [[symbol for symbol, own in enumerate(lengths) if own == length] for length in range(256)]
    found, number, first, length = [], 0, 0, 0
    while left:
        for place in range(7, -1, -1):
            number, first, length = 2 * number + (data[at] >> place & 1), 2 * first, length + 1
            same = of_length[length]
            if number - first < len(same):
                found.append(same[number - first])
                number, first, length, left = 0, 0, 0, left - 1
                if not left:
                    break
            else:
                first += len(same)
        at += 1
    return torch.tensor(found, dtype=torch.int64), at


def _floats(data, at, many):
    """Floats from a byte on, and the byte behind them; on any machine the first byte is the least."""
    return torch.tensor(struct.unpack_from(f"<{many}f", data, at)), at + 4 * many


def read_network(path):
    """The network of a file, with ReLUs between its layers. It knows the format and nothing else."""
    data = Path(path).read_bytes()
    at, modules = 1, [nn.Flatten()]
    for _ in range(data[0]):
        rows, columns, size = struct.unpack_from("<HHH", data, at)
        linear = nn.Linear(columns, rows).requires_grad_(False)
        bias, at = _floats(data, at + 6, rows)
        symbols, at = _symbols(data, at, 32)
        places = torch.arange(rows * columns)
        if len(symbols):  # 31 is the escape: zeros without a weight
            places = (torch.cumsum(symbols + (symbols != 31), 0) - 1)[symbols != 31]
        book, at = _floats(data, at, size or len(places))
        codes, at = _symbols(data, at, size) if size else (torch.arange(len(places)), at)
        linear.bias.copy_(bias)
        linear.weight.copy_(torch.zeros(rows * columns).index_copy(0, places, book[codes]).view(rows, columns))
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def _numbers(net):
    linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
    return [numbers.detach() for linear in linears for numbers in (linear.weight, linear.bias)]


def digest(net):
    """SHA-256 of all weights and biases, bit by bit."""
    return hashlib.sha256(b"".join(numbers.numpy().tobytes() for numbers in _numbers(net))).hexdigest()


def differing(net, other):
    """How many weights and biases of two networks differ in any bit."""
    pairs = zip(_numbers(net), _numbers(other), strict=True)
    return sum(int((a.view(torch.int32) != b.view(torch.int32)).sum()) for a, b in pairs)


def here_and_there(right, digests, size, whole):
    """A table of the network in this kernel, and in the fresh process that read the file.

    Args:
        right: percents, here and there.
        digests: here and there.
        size, whole: bytes of the file and of dense.pt.
    """
    return Table(
        ["", "here", "from the file"],
        [["test digits right, %", *(f"{own:.2f}" for own in right)], ["digest", *(own[:12] for own in digests)]],
        caption=f"{size:,} bytes: {whole / size:.1f} times smaller than dense.pt",
    )


def by_part(parts):
    """What it is -> bytes.

    Args:
        parts: (what it is, bytes) of one file.
    """
    found = {}
    for what, part in parts:
        found[what] = found.get(what, 0) + len(part)
    return found


def stages(files):
    """Bars of the four files to one scale, and of the last two with their parts.

    Args:
        files: stage -> (what it is -> bytes, percent right).
    """
    sizes = {name: sum(parts.values()) for name, (parts, _) in files.items()}
    first = next(iter(sizes.values()))
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.7))
    drawn = set()
    for ax, names in ((left, list(files)), (right, list(files)[2:])):
        for name in names:
            height = 0
            for what, hue in HUES.items():
                size = files[name][0].get(what, 0) / 1000
                label = what if ax is right and what not in drawn and size else None
                drawn |= {what} if label else set()
                ax.bar(name, size, bottom=height, color=plots.COLOURS[hue], label=label)
                height += size
            said = f"{first / sizes[name]:.0f}×\n{files[name][1]:.1f} %" if ax is left else f"{sizes[name]:,} B"
            ax.text(name, height, said, ha="center", va="bottom")
    left.set(ylabel="kB", title="all four files", ylim=(0, 1.4 * first / 1000))
    right.set(title="the last two, enlarged", xlim=(-0.5, 3.2), ylim=(0, 1.15 * max(list(sizes.values())[2:]) / 1000))
    right.legend(loc="right", reverse=True, handlelength=1, borderaxespad=0)
    told = "; ".join(f"{name} {size:,} bytes, {files[name][1]:.2f} % right" for name, size in sizes.items())
    last = files["coded"][0]
    shares = "; ".join(f"{what} {100 * size / sizes['coded']:.1f} %" for what, size in last.items())
    plots.show(
        fig,
        alt=f"Four bars, lower where the file is smaller: {told}. Beside them the last two enlarged, with their parts.",
        caption=f"Of the coded file: {shares}. One network, 4 bits a value.",
    )


def into_the_ledger(files):
    """A row of the ledger for each stage.

    Args:
        files: stage -> (what it is -> bytes, percent right).
    """
    for name, (parts, right) in files.items():
        ledger.record(
            lesson="deep_compression",
            task="mnist",
            model="LeNet-300-100",
            technique="fp32, five passes" if name == "dense" else f"deep compression: {name}",
            accuracy=right / 100,
            file_bytes=sum(parts.values()),
        )


# ---- Deeper ------------------------------------------------------------------------------------------


def more_or_fewer_bits(files, whole):
    """A table of the file by bits a value.

    Args:
        files: bits -> (bytes, percent right).
        whole: bytes of dense.pt.
    """
    return Table(
        ["bits a value", "file, bytes", "smaller", "right, %"],
        [[bits, f"{size:,}", f"{whole / size:.1f}×", f"{right:.2f}"] for bits, (size, right) in files.items()],
        caption="All three stages, by bits a value",
    )


def under_compressors(forms, squeezed):
    """A table of the same network in several forms, and of what gzip and xz leave of each.

    Args:
        forms: name -> bytes.
        squeezed: (compressor, name) -> bytes.
    """
    rows = [
        [name, f"{len(form):,}", *(f"{len(squeezed[how, name]):,}" for how in ("gzip", "xz"))]
        for name, form in forms.items()
    ]
    return Table(["bytes of", "as it is", "gzip", "xz"], rows, caption="The first row has the biases, too.")


def unpacked(form):
    """The bytes that xz packed."""
    return lzma.decompress(form)


def multiplied(alone, whole, without_places):
    """A table of what each stage saves alone and together, and of three networks from other lessons.

    Args:
        alone: name -> (bytes, percent right).
        whole: bytes of dense.pt.
        without_places: name -> times smaller, the places left out.
    """
    rows = [[name, f"{size:,}", f"{whole / size:.1f}×", f"{right:.2f}"] for name, (size, right) in alone.items()]
    elsewhere = {(row.model, row.technique): row for row in ledger.rows(["lightning_pruning", "students"])}
    for name, model, how in (
        ("int8 alone", "LeNet-300-100", "int8, Lightning"),
        ("student 2×30", "MLP 2×30", "fp32, 1,000 images, distilled"),
        ("student, int8", "MLP 2×30", "static int8, 1,000 images, distilled"),
    ):
        row = elsewhere[model, how]
        rows.append([name, f"{row.file_bytes:,}", f"{whole / row.file_bytes:.1f}×", f"{100 * row.accuracy:.2f} *"])
    told = ", ".join(f"{name} {times:.1f}×" for name, times in without_places.items())
    return Table(
        ["LeNet-300-100 and a student", "bytes", "smaller", "right, %"],
        rows,
        caption=f"Without the bytes of the places: {told}. * Other training: compare bytes alone.",
    )


def rivals(rows):
    """A table of small dense networks beside the compressed one.

    Args:
        rows: name -> (bytes, percent right).
    """
    return Table(
        ["network", "file, bytes", "right, %"],
        [[name, f"{size:,}", f"{right:.2f}"] for name, (size, right) in rows.items()],
        caption="All with 16 values a layer, values and biases trained for 200 steps, Huffman-coded; one network each",
    )
