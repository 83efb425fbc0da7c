# ---
# jupyter:
#   course:
#     promise: You will prune, share and code a network into one file that is forty times smaller, and run it from that file.
#     minutes: 45
#     seconds: 40
#     needs: [prune_model, zero_worth, students, lightning_pruning]
#     goals:
#       - Prune a network with retraining, and store where the weights are that stay.
#       - Share a few trained values among all weights of a layer.
#       - Give frequent symbols short code words, as Huffman does.
#       - Write one file, read it in a fresh process, and account for each of its bytes.
#     terms: [centroid, codebook, Huffman coding, prefix code, relative index, weight sharing]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A network takes a megabyte. How small a file can do the same work?*
#
# **Agenda**
#
# [[agenda]]
#
# [[promise]]
#
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Say: "In 2015 three people put a network of a megabyte into 27 kilobytes. Today we do the same, and we count every byte." Ask: "What would you leave out first?" Write the answers on the board: weights, digits, repetition.
# These are the three stages of today.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import gzip
import hashlib
import heapq
import inspect
import lzma
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, models, runtime, training
from course_utils.files import ROOT
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.deep_compression import checks as check

card = claims.Scorecard("deep_compression")
torch.set_num_threads(1)
images, labels = data.load("mnist")
test_set = data.load("mnist", "test")
folder = tempfile.TemporaryDirectory()  # for the files that this lesson writes


def train(net, *, epochs, **options):
    """Adam on batches of 100 digits, on the CPU; the learning rate falls to nearly 0 along a half cosine."""
    adam = torch.optim.Adam(net.parameters(), lr=2e-3, fused=True)
    falling = {"schedule": lambda done: 0.01 + 0.5 * (1 + math.cos(math.pi * done))}
    training.fit(
        net,
        images,
        labels,
        epochs=epochs,
        batch_size=100,
        optimizer=adam,
        device="cpu",
        progress=False,
        **falling,
        **options,
    )
    return net


def percent_right(net):
    return 100 * training.evaluate(net, *test_set)


def linear_layers(net):
    return [m for m in net.modules() if isinstance(m, nn.Linear)]


runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. What does a compressor make of it?
#
# LeNet-300-100 learns MNIST's 60,000 digits in six passes. Its file goes through two common compressors, *gzip* and *xz*. Nothing is lost.
#
# **Predict.** How much smaller does the file become: **A** about a tenth or less, **B** about half, **C** nine tenths?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Vote. Those who have zipped text may say B. The answer is A, for both. Ask what a compressor looks for: things that come again. Then: "So we have to *make* things come again." Collect one vote: which of the three stages saves least? The answer comes in section 6, from real files: coding.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
torch.manual_seed(0)
dense = train(models.LeNet300100(), epochs=6)
dense_file = Path(folder.name) / "dense.pt"
torch.save(dense.state_dict(), dense_file)
dense_read = models.LeNet300100()
dense_read.load_state_dict(torch.load(dense_file, weights_only=True))
plain = dense_file.read_bytes()
squeezed = {"as it is": plain, "gzip": gzip.compress(plain), "xz": lzma.compress(plain)}
card.record("dense-accuracy", percent_right(dense_read))
card.record("packed-alone", len(plain) / len(squeezed["xz"]))
rows = [[name, f"{len(file):,}", f"{len(plain) / len(file):.2f}×"] for name, file in squeezed.items()]
Table(["dense.pt", "bytes", "smaller"], rows, caption=f"{percent_right(dense_read):.2f} % of the test digits right")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. A.** A compressor lives on what comes again; in the bytes of trained floats little does. (Section 7 has the control.)
#
# In 2015 a network of this shape went from 1,070 KB to **27 KB, 40×**, with error 1.64 % before and 1.58 % after ([Han, Mao and Dally](https://arxiv.org/abs/1510.00149), table 1). Three stages: *prune, share, code*.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Prune, and train again
#
# In each layer the smallest weights go. The paper keeps 8, 9 and 26 % of the three layers; so do we, in two rounds: first to the square root of these shares, one pass of training, then to the shares themselves, three passes. After each step what was cut is set to 0 again.
#
# **Predict.** Dense it is about 98 % right. What is it just after the second cut: **A** 98, **B** 70 to 95, **C** below 50? And after the three passes?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes. The answers: B, and after the passes about 98 again. Just after the cut the spread between networks is wide: 75 to 89 in our trials. Ask: "Where in the histogram are the missing ones?" They are exactly 0 now, and the picture leaves those out; the few in the valley have come back there in training.


# %% slideshow={"slide_type": "skip"}
KEEP = [0.08, 0.09, 0.26]  # shares of fc1, fc2, fc3: Han et al., table 2


def cut(net, shares):
    """Set the smallest weights of each layer to 0; the masks say which stay."""
    masks = []
    for layer, share in zip(linear_layers(net), shares, strict=True):
        sizes = layer.weight.detach().abs()
        masks.append(sizes >= sizes.flatten().topk(round(share * sizes.numel())).values[-1])
        layer.weight.data[~masks[-1]] = 0.0
    return masks


def retrain(net, masks, epochs):
    """Train, and set what was cut to 0 again after each step."""

    def freeze(step):
        for layer, mask in zip(linear_layers(net), masks, strict=True):
            layer.weight.data[~mask] = 0.0

    return train(net, epochs=epochs, on_step=freeze)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
torch.manual_seed(0)
pruned, history = copy.deepcopy(dense), [["dense", 100.0, percent_right(dense)]]
for power, passes in [(0.5, 1), (1, 3)]:
    stays = cut(pruned, [share**power for share in KEEP])
    left = 100 * sum(m.sum().item() for m in stays) / sum(m.numel() for m in stays)
    history.append([f"round {len(history) // 2 + 1}: just cut", left, percent_right(pruned)])
    retrain(pruned, stays, passes)
    history.append(["… trained again", left, percent_right(pruned)])
fig, ax = plots.figure(size=(7, 2.9))
for net, name, colour in [(dense, "dense", "grey"), (pruned, "pruned", "blue")]:
    drawn = linear_layers(net)[0].weight.detach().flatten()
    ax.hist(drawn[drawn != 0].numpy(), bins=80, range=(-0.4, 0.4), label=name, color=plots.COLOURS[colour])
ax.set(yscale="log", xlabel="weight of fc1", ylabel="how many")
ax.legend(loc="upper right")
plots.show(
    fig,
    alt="Two histograms of the weights of fc1, dense and after pruning and training again. The dense one has its peak at 0. The other has two humps, and a valley around 0.",
    caption="; ".join(f"{name}: {share:.0f} % left, {right:.1f} % right" for name, share, right in history),
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B, and then about as good as before.** A twelfth of the weights is left. The file is as large as ever: a 0 takes four bytes ([[zero_worth]]).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Where are the weights that stay?
#
# Store how many zeros stand *between* each weight and the one before it: its **relative index**. With 5 bits that is 0 to 30; the symbol 31 means: 31 zeros, and no weight yet.


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Before each click let the room say the next symbols. A long gap is 31 and then the rest. Ask: "What is written for a gap of exactly 31?" 31, then 0. Say: "The paper stores a filler, a weight of 0, in such a place. Our symbol needs no weight."

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
ESCAPE = 31


def gap_symbols(weight):
    """Zeros before each weight that is left; 31 stands for 31 zeros that no weight follows yet."""
    symbols, places = [], weight.flatten().nonzero().flatten()
    for gap in (torch.diff(places, prepend=torch.tensor([-1])) - 1).tolist():
        symbols += [ESCAPE] * (gap // ESCAPE) + [gap % ESCAPE]
    return symbols


fc1_line = linear_layers(pruned)[0].weight.detach().flatten()
spots = fc1_line.nonzero().flatten().tolist()
fours = zip(spots, spots[1:], spots[2:], spots[3:], strict=False)  # a long gap between two short ones, if there is one
begin = next((a for a, b, c, d in fours if 2 < b - a < 6 and 33 < c - b < 37 and d - a < 43), spots[0]) + 1
piece = fc1_line[begin : begin + 44].view(2, 22)
few, drawings = gap_symbols(piece), []
steps = sorted({0, 1, len(few) - 1, len(few)})  # how many symbols are written yet
for written_yet in steps:
    canvas = diagrams.Canvas(height=240)
    diagrams.grid(canvas, piece, 40, 40, cell=50, mask=(piece != 0).float(), text="")
    canvas.text(40, 195, f"symbols: {'  '.join(map(str, few[:written_yet]))}", align="left", size=30, colour="int8")
    drawings.append(canvas.figure())
plots.show(
    drawings,
    alt=[f"Two rows of 22 weights, most crossed out; {n} symbols below them." for n in steps],
    caption="44 neighbours of the pruned fc1, the second row after the first; crossed out: 0.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does a place cost?
#
# fc1 has 235,200 places. An absolute index of them takes 18 bits; a symbol takes 5, and some weights need more than one.
#
# **Predict.** How many bits does a weight of fc1 take for its place, on average: **A** 5.0, **B** about 6, **C** about 10? And which symbol is the most frequent?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes. The answers: B, and 0, by far: the neighbour stays, too. Then comes the escape. Say: "Look at the shape. One symbol has more than a third of all, and 5 bits are paid for each. Keep that for section 5."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fc1_gaps = gap_symbols(linear_layers(pruned)[0].weight)
n_left = int((linear_layers(pruned)[0].weight != 0).sum())
place_bits = 5 * len(fc1_gaps) / n_left
how_many = torch.bincount(torch.tensor(fc1_gaps), minlength=32).tolist()
fig, ax = plots.figure(size=(7, 4))
ax.bar(range(31), how_many[:31], color=plots.COLOURS["blue"])
ax.bar(31, how_many[31], color=plots.COLOURS["orange"])
ax.set(xlabel="symbol: zeros before the weight; 31: escape", ylabel="how often in fc1")
plots.show(
    fig,
    alt=f"A bar for each symbol from 0 to 31. Symbol 0 comes {how_many[0]:,} times; those from 1 to 30 come {max(how_many[1:31]):,} times or less. The escape comes {how_many[31]:,} times.",
    caption=f"{len(fc1_gaps):,} symbols for {n_left:,} weights: {place_bits:.2f} bits a weight.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B**: nearly 6 bits. The most frequent symbol is 0, by far; then comes the escape.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. A few values for all weights
#
# **Weight sharing**: each layer has $2^b$ values, its **codebook**; a weight stores $b$ bits, the number of its value. Which values? Those of *k-means*: each weight goes to the nearest **centroid**, each centroid to the mean of its weights, again and again.


# %% slideshow={"slide_type": "-"}
def k_means(values, bits, rounds=30):
    centroids = torch.linspace(values.min().item(), values.max().item(), 2**bits)
    for _ in range(rounds):
        members = torch.bucketize(values, (centroids[1:] + centroids[:-1]) / 2)
        count = torch.bincount(members, minlength=len(centroids))
        total = torch.zeros_like(centroids).index_add_(0, members, values)
        centroids = torch.where(count > 0, total / count.clamp(min=1), centroids)
    return centroids[torch.bucketize(values, (centroids[1:] + centroids[:-1]) / 2)]


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask where the borders are: half way between two neighbours, which is what `bucketize` gets. Ask what happens to a centroid with no weights: it stays where it is. Say: "They begin evenly spaced from the least to the largest weight. The paper tried three beginnings and kept this one (section 3.2): few weights are large, and those matter." The zeros are not among the values, so they stay.


# %% slideshow={"slide_type": "skip"}
def shared(net, bits):
    net = copy.deepcopy(net)
    for layer in linear_layers(net):
        left = layer.weight.data != 0
        layer.weight.data[left] = k_means(layer.weight.data[left], bits)
    return net


def fine_tuned(net, steps=300):
    """Train the values and the biases. The zeros are one more value, which does not move."""
    net = copy.deepcopy(net)
    layers = linear_layers(net)
    books, codes = zip(*(m.weight.detach().unique(return_inverse=True) for m in layers), strict=True)
    adam = torch.optim.Adam([*books, *(m.bias for m in layers)], lr=3e-4)
    for picked in training.batches(len(images), 100, steps=steps, seed=1):
        net.zero_grad()
        F.cross_entropy(net(images[picked]), labels[picked]).backward()
        for book, code, m in zip(books, codes, layers, strict=True):
            book.grad = torch.zeros_like(book).index_add_(0, code.flatten(), m.weight.grad.flatten())
            book.grad[book == 0] = 0
        adam.step()
        for book, code, m in zip(books, codes, layers, strict=True):
            m.weight.data = book[code]
    return net


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How few values?
#
# The pruned network, its weights shared with 6 bits (64 values a layer) down to 2 bits (4 values). Then 300 steps for the values.
#
# **Predict.** *Without* the steps: which bit less costs most: from 6 to 5, 5 to 4, 4 to 3, or 3 to 2? And do the steps bring that back?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* One vote on the four. The answer: from 3 to 2, in all six networks that we tried; the steps bring back half or more of it. A tenth of a point is ten digits: do not read the order of the upper rows. Say: "Four values for two hundred thousand weights, most of which are 0. We go on with 4 bits."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
BITS = 4  # what the rest of the lesson uses
just_shared = {bits: shared(pruned, bits) for bits in (6, 5, 4, 3, 2)}
tuned = {bits: fine_tuned(net) for bits, net in just_shared.items()}
by_bits = {bits: (percent_right(just_shared[bits]), percent_right(tuned[bits])) for bits in tuned}
card.record("two-bits-tuned", by_bits[2][1] - by_bits[2][0])
Table(
    ["bits", "values", "shared, % right", "fine-tuned, % right"],
    [[bits, 2**bits, *(f"{right:.2f}" for right in both)] for bits, both in by_bits.items()],
    caption=f"Pruned: {history[-1][2]:.2f}; dense: {history[0][2]:.2f}. One network.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. From 3 to 2.** The steps bring a good part of it back. At 3 bits or more no row is more than a few dozen digits of 10,000 away from another.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What learns in these steps?
#
# The values and the biases. A value $c_k$ stands in many places, so its gradient is the sum over the weights that use it: $\partial L/\partial c_k = \sum_{i\,\text{uses}\,k} \partial L/\partial w_i$.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask: "Which number of the network can still change?" The values of the three codebooks and the biases; neither which weight is 0 nor which value a weight uses. The sum is the line with `index_add_` in the notebook. Point at the two humps: in the valley the cut has been. Ask how many weights use the outermost value: few, and each pays 4 bits like the others. That leads to the next section.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(12, 4))
ax.hist(fc1_line[fc1_line != 0].numpy(), bins=120, color=plots.COLOURS["grey"], alpha=0.6)
high = ax.get_ylim()[1]
books = [linear_layers(nets[BITS])[0].weight.detach().unique() for nets in (just_shared, tuned)]
for book, colour, level, name in zip(books, ("orange", "blue"), (1.05, 1.15), ("k-means", "fine-tuned"), strict=True):
    book = book[book != 0]
    ax.plot(book, [level * high] * len(book), "o", color=plots.COLOURS[colour], label=name)
    if name == "k-means":
        ax.vlines(book, 0, level * high, color=plots.COLOURS[colour], linewidth=1)
ax.set(xlabel="weight of fc1", ylabel="how many", ylim=(0, 1.5 * high))
ax.legend(loc="upper right", ncols=2)
moved = (books[1] - books[0]).abs().max().item() if len(books[0]) == len(books[1]) else float("nan")
plots.show(
    fig,
    alt=f"Histogram of the weights of fc1 that are left, in two humps, with {len(books[0]) - 1} values from k-means above it, denser where there are more weights, and the values after fine-tuning, which have moved a little.",
    caption=f"The largest move of a value is {moved:.3f}; neighbours (0 too) lie up to {books[0].diff().max():.2f} apart.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. Short words for frequent symbols
#
# A **prefix code**: bits for each symbol, and no word begins with another one, so that nothing need stand between them. **Huffman coding** ([1952](https://doi.org/10.1109/JRPROC.1952.273898)): join the two rarest, until one tree is left. A step to the left is a 0, to the right a 1.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The gaps of fc3, those of 0 to 4. Before each click ask: "Which two are the rarest now?" A joined pair counts with its sum. At the end read the word of each symbol from the top down. The rarest two have words of the same length. Ask why no word is the beginning of another one: symbols stand at leaves.


# %% slideshow={"slide_type": "skip"}
def huffman_tree(counts):
    """The two rarest become a pair, until one is left: a tree of pairs, with symbols as leaves."""
    heap = [(count, symbol, symbol) for symbol, count in enumerate(counts) if count]
    heapq.heapify(heap)
    while len(heap) > 1:
        (few, order, left), (more, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (few + more, order, (left, right)))
    return heap[0][2] if heap else ()


def depths(tree, depth=0):
    """How deep each symbol stands: the length of its word. A symbol that is alone needs one bit, too."""
    if not isinstance(tree, tuple):
        return {tree: max(depth, 1)}
    return {symbol: d for branch in tree for symbol, d in depths(branch, depth + 1).items()}


def lengths_of(counts):
    found = depths(huffman_tree(counts))
    return [found.get(symbol, 0) for symbol in range(len(counts))]


def code_words(lengths):
    """The word of each symbol, from the lengths alone: short words first, then in the order of the symbols."""
    words, number, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
        number <<= length - before
        words[symbol], before = f"{number:0{length}b}", length
        number += 1
    return words


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fc3_gaps = gap_symbols(linear_layers(pruned)[2].weight)
fc3_counts = torch.bincount(torch.tensor(fc3_gaps), minlength=32).tolist()[:5]
whole = huffman_tree(fc3_counts)
foot = 35 + 95 * max(depths(whole).values())  # pixels, where the leaves begin


def forks(tree):
    return [*forks(tree[0]), *forks(tree[1]), tree] if isinstance(tree, tuple) else []


def drawn_tree(canvas, tree, joined):
    """The leaves below, and the forks that are in `joined`. Gives the middle, the height and the count."""
    if not isinstance(tree, tuple):
        at = 120 + 235 * list(depths(whole)).index(tree)
        canvas.box(at - 95, foot, f"gap {tree}: {fc3_counts[tree]}×", width=190, height=56)
        return at, 0, fc3_counts[tree]
    ends = [drawn_tree(canvas, branch, joined) for branch in tree]
    at, high, count = (ends[0][0] + ends[1][0]) / 2, 1 + max(ends[0][1], ends[1][1]), ends[0][2] + ends[1][2]
    if tree in joined:
        canvas.box(at - 45, foot - 95 * high, str(count), width=90, height=46, fill="int8")
        for (x, level, _), bit, side in zip(ends, "01", (-1, 1), strict=True):
            top, low = (at, foot + 46 - 95 * high), (x, foot - 95 * level)
            canvas.wire(top, low, arrow=False)
            canvas.text((top[0] + low[0]) / 2 + 24 * side, (top[1] + low[1]) / 2 - 8, bit)
    return at, high, count


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
by_count = sorted(forks(whole), key=lambda fork: sum(fc3_counts[symbol] for symbol in depths(fork)))
trees = []
for pairs in range(len(by_count) + 1):
    canvas = diagrams.Canvas(height=foot + 80)
    drawn_tree(canvas, whole, by_count[:pairs])
    trees.append(canvas.figure())
plots.show(
    trees,
    alt=[f"A box for each gap, with its count; {pairs} pairs are joined above them." for pairs in range(len(trees))],
    caption=f"The gaps 0 to 4 of the pruned fc3. Lengths of the words: {lengths_of(fc3_counts)}.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How short can the words be?
#
# From the lengths the words follow, in order of length, then of symbol (a *canonical* code): a file needs the lengths alone. A floor for the mean length, for symbols drawn one by one with shares $p$, is the *entropy* $-\sum p \log_2 p$ ([Shannon, 1948](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x)).
#
# **Predict.** Fixed words take 5 bits for a gap and 4 for a value. Where does Huffman save more: **A** with the places, **B** with the values?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. The answer is A. Ask for the reason before the table, and point back to the two histograms: the bars of the gaps are very uneven. Then: "How far is Huffman from the floor?" Less than a tenth of a bit in all six rows. The floor holds for a code that looks at one symbol at a time.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def entropy(counts):
    return -sum(n / sum(counts) * math.log2(n / sum(counts)) for n in counts if n)


def mean_length(counts):
    return sum(n * length for n, length in zip(counts, lengths_of(counts), strict=True)) / sum(counts)


streams = {}
for m, name in zip(linear_layers(tuned[BITS]), ("fc1", "fc2", "fc3"), strict=True):
    streams[f"{name}, places"] = 5, torch.bincount(torch.tensor(gap_symbols(m.weight)), minlength=32).tolist()
    streams[f"{name}, values"] = BITS, m.weight[m.weight != 0].unique(return_counts=True)[1].tolist()
rows = [[name, fixed, mean_length(counts), entropy(counts)] for name, (fixed, counts) in streams.items()]
card.record("over-entropy", max(huffman - floor for _, _, huffman, floor in rows))
Table(
    ["bits a symbol", "fixed", "Huffman", "entropy"],
    [[name, fixed, f"{huffman:.2f}", f"{floor:.2f}"] for name, fixed, huffman, floor in rows],
    caption=f"The network with {2**BITS} values a layer.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A.** Of the 5 bits of a place in fc1 more than one goes; of the 4 bits of its values less than half a one. Huffman ends close above the entropy.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. One file
#
# For each layer: shape, biases, places, codebook, values. A list of symbols is stored as their number, the length of each word (a byte each), and the words end to end.
#
# A *fresh process* gets the path of the file, the functions that read it, and the test digits: no variable of this notebook. It sends back how many digits are right, and a SHA-256 digest of all weights and biases.
#
# **Predict.** Are all weights the same, to the last bit? And how many bytes has the file: **A** about 50,000, **B** about 25,000, **C** about 10,000?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes. The answers: yes, to the last bit, and B. Say: "The losses were in the cut and in the sharing. Coding loses nothing." Ask why a fresh process and not this one: a variable that the file lacks would not be missed here.


# %% tags=["setup"] slideshow={"slide_type": "skip"}
def stream(symbols, n, huffman):
    """Symbols below n, as two parts: how many, and the length of each word; then the words end to end."""
    counts = torch.bincount(torch.tensor(symbols, dtype=torch.int64), minlength=n).tolist()
    fixed = [max(1, (n - 1).bit_length())] * n
    lengths = lengths_of(counts) if huffman else fixed
    words = code_words(lengths)
    bits = "".join(words[symbol] for symbol in symbols)
    bits += "0" * (-len(bits) % 8)
    table = struct.pack("<I", len(symbols)) + bytes(lengths)
    return table, int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def floats(tensor):
    return tensor.detach().numpy().astype("<f4").tobytes()


def file_parts(net, *, few_values=True, huffman=True):
    """All of a file, as (what it is, bytes). A layer without zeros has no places; without `few_values` floats."""
    layers = linear_layers(net)
    parts = [("shapes", struct.pack("<B", len(layers)))]
    for m in layers:
        values = m.weight.detach()[m.weight != 0]
        book, codes = values.unique(return_inverse=True)
        gaps = gap_symbols(m.weight) if len(values) < m.weight.numel() else []
        parts.append(("shapes", struct.pack("<HHH", *m.weight.shape, len(book) if few_values else 0)))
        parts.append(("biases", floats(m.bias)))
        parts += zip(("word lengths", "places"), stream(gaps, 32, huffman), strict=True)
        if few_values:
            parts.append(("codebooks", floats(book)))
            parts += zip(("word lengths", "values"), stream(codes.tolist(), len(book), huffman), strict=True)
        else:
            parts.append(("values", floats(values)))
    return parts


# %% slideshow={"slide_type": "skip"}
def read_stream(data, at, n):
    """The stream of an alphabet of n that begins at a byte: its symbols, and the byte behind it."""
    (count,) = struct.unpack_from("<I", data, at)
    symbol_of = {word: symbol for symbol, word in code_words(data[at + 4 : at + 4 + n]).items()}
    symbols, word, at = [], "", at + 4 + n
    while len(symbols) < count:
        for bit in f"{data[at]:08b}":
            word += bit
            if word in symbol_of and len(symbols) < count:
                symbols.append(symbol_of[word])
                word = ""
        at += 1
    return torch.tensor(symbols, dtype=torch.int64), at


def read_floats(data, at, n):
    """n floats from a byte on, and the byte behind them; on any machine the first byte is the least."""
    return torch.tensor(struct.unpack_from(f"<{n}f", data, at)), at + 4 * n


def digest(net):
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)]
    numbers = b"".join(p.detach().numpy().tobytes() for m in layers for p in (m.weight, m.bias))
    return hashlib.sha256(numbers).hexdigest()


# %% slideshow={"slide_type": "skip"}
def read_network(path):
    """The network of a file; ReLUs go between layers."""
    data, at, layers = Path(path).read_bytes(), 1, [nn.Flatten()]
    for _ in range(data[0]):
        rows, columns, size = struct.unpack_from("<HHH", data, at)
        m = nn.Linear(columns, rows)
        m.bias.data, at = read_floats(data, at + 6, rows)
        gaps, at = read_stream(data, at, 32)
        if len(gaps):  # 31 is the escape
            places = (torch.cumsum(gaps + (gaps != 31), 0) - 1)[gaps != 31]
        else:
            places = torch.arange(rows * columns)
        if size:
            book, at = read_floats(data, at, size)
            codes, at = read_stream(data, at, size)
            values = book[codes]
        else:
            values, at = read_floats(data, at, len(places))
        m.weight.data = torch.zeros(rows * columns).index_copy(0, places, values).view(rows, columns)
        layers += [m, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


# %% slideshow={"slide_type": "skip"}
def written(name, net, **how):
    """Write a file of the network: its bytes, and the percent right of what is read from it."""
    path = Path(folder.name) / f"{name}.bin"
    path.write_bytes(b"".join(part for _, part in file_parts(net, **how)))
    return path.stat().st_size, percent_right(read_network(path))


FUNCTIONS = [code_words, read_stream, read_floats, read_network, digest]
SCRIPT = f"""
import hashlib, struct, sys
from pathlib import Path
import torch
from torch import nn
from course_utils import data as sets, training
{"".join(inspect.getsource(function) for function in FUNCTIONS)}
torch.set_num_threads(1)
net = read_network(sys.argv[1])
print(training.evaluate(net, *sets.load("mnist", "test")), digest(net))
"""
small_file = Path(folder.name) / "small.bin"
small_file.write_bytes(b"".join(part for _, part in file_parts(tuned[BITS])))
run = [sys.executable, "-c", SCRIPT, str(small_file)]
answer = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
share_there, digest_there = answer.stdout.split()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
small_bytes, times = small_file.stat().st_size, len(plain) / small_file.stat().st_size
card.record("times-smaller", times)
card.record("points-lost", percent_right(dense) - 100 * float(share_there))
again = read_network(small_file)
differ = sum(
    int((there.data.view(torch.int32) != here.data.view(torch.int32)).sum())
    for m, n in zip(linear_layers(again), linear_layers(tuned[BITS]), strict=True)
    for there, here in ((m.weight, n.weight), (m.bias, n.bias))
)
card.record("bits-differ", differ + (digest_there != digest(tuned[BITS])))
Table(
    ["", "here", "from the file"],
    [
        ["test digits right, %", f"{percent_right(tuned[BITS]):.2f}", f"{100 * float(share_there):.2f}"],
        ["digest", digest(tuned[BITS])[:12], digest_there[:12]],
    ],
    caption=f"{small_bytes:,} bytes: {times:.1f} times smaller than dense.pt. Numbers that differ: {differ}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The same to the last bit, and B.** All of it counts: shapes, biases, codebooks, word lengths.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Stage by stage
#
# Each stage is a file of its own, written, read again and then judged.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go back to the votes of section 1: coding saves least. Walk along the wires: thinner is smaller. The paper's figures under the boxes are totals of its own run with 6 bits. Then the table below in the notebook: with 6 bits this network stays under forty times, with 5 it is about there, with 4 it has room. The paper's table 2 does not say how long its words for 6-bit values are: 4.3 or 4.4 bits in each layer, and 5.1 in the total. Ours have a little over 5. Why 6 bits make a larger file here was not looked into.

# %% slideshow={"slide_type": "skip"}
STAGES = {
    "pruned": (pruned, {"few_values": False, "huffman": False}),
    "shared": (tuned[BITS], {"huffman": False}),
    "coded": (tuned[BITS], {}),
}
stage_files = {"dense": (len(plain), percent_right(dense_read))}
stage_files |= {name: written(name, net, **how) for name, (net, how) in STAGES.items()}
for name, (size, right) in stage_files.items():
    ledger.record(
        lesson="deep_compression",
        task="mnist",
        model="LeNet-300-100",
        technique="fp32, six passes" if name == "dense" else f"deep compression: {name}",
        accuracy=right / 100,
        file_bytes=size,
    )
other_bits = {bits: written(f"bits{bits}", net) for bits, net in tuned.items()}
card.record("six-bits-times", len(plain) / other_bits[6][0])
card.record("huffman-saves", 100 * (1 - stage_files["coded"][0] / stage_files["shared"][0]))
Table(
    ["bits a value", "file, bytes", "smaller", "right, %"],
    [[bits, f"{size:,}", f"{len(plain) / size:.1f}×", f"{right:.2f}"] for bits, (size, right) in other_bits.items()],
    caption="All three stages, by bits; the paper has 6, 27 KB and 40×",
)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
PAPER = {"dense": "1,070 KB, 98.36 %", "pruned": "12× fewer weights", "shared": "32× (6 bits)", "coded": "40×, 98.42 %"}
canvas = diagrams.Canvas(height=330)
for step, (name, (size, right)) in enumerate(stage_files.items()):
    x = 60 + 295 * step
    hue = "int8" if step > 1 else "fp32"  # pruned: the values that are left are floats
    box = canvas.box(x, 60, name, width=130, height=90, fill=hue)
    canvas.text(x + 65, 195, f"{size:,} B", bold=True)
    canvas.text(x + 65, 232, f"{len(plain) / size:.1f}×, {right:.2f} %")
    canvas.text(x + 65, 290, PAPER[name], size=22, colour="plain")
    if step < 3:
        thick = diagrams.thickness(size, len(plain), most=60)
        canvas.wire(box.right, (x + 293, 105), thick=thick, arrow=False, meaning=hue)
plots.show(
    canvas.figure(),
    alt="Four boxes with wires between them, thinner where the file is smaller: "
    + "; ".join(f"{name} {size:,} bytes, {right:.2f} % right" for name, (size, right) in stage_files.items())
    + ".",
    caption=f"Black: this run, one network, 4 bits a value; with 6 bits {len(plain) / other_bits[6][0]:.1f}×. Grey: the paper, 6 bits.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Pruning saves most, coding least.** Forty times holds here with 4 bits a value; with the paper's 6 bits it does not.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 7. Where do the bytes go?
#
# The parts of the last two files, in bytes.
#
# **Predict.** What takes most of the file in the end: the values, or the places? And how much goes to what is left: biases, codebooks, lengths, shapes: 1, 10 or 25 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes. The answers: the places, with about half, and about a tenth for the rest, most of it the biases, which stay floats of four bytes. Ask: "What would you do next?" Expect: fewer bits for biases, another order of the weights, whole rows in place of single weights, which need no places ([[structured]]).

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
by_part = {}
for name in ("shared", "coded"):
    net, how = STAGES[name]
    for what, part in file_parts(net, **how):
        by_part.setdefault(what, {}).setdefault(name, 0)
        by_part[what][name] += len(part)
fig, ax = plots.figure(size=(7, 4.2))
heights = {"shared": 0, "coded": 0}
hues = {"places": "blue", "values": "orange", "biases": "green", "codebooks": "purple", "word lengths": "sky"}
for what, hue in (hues | {"shapes": "black"}).items():
    for name, size in by_part[what].items():
        label = what if name == "shared" else None
        ax.bar(name, size, bottom=heights[name], color=plots.COLOURS[hue], label=label)
        heights[name] += size
ax.set(ylabel="bytes", xlim=(-0.5, 3.1))
ax.legend(loc="right", reverse=True)
plots.show(
    fig,
    alt="Two stacked bars, the file before and after Huffman coding. "
    + "; ".join(f"{what}: {sizes['shared']:,} and {sizes['coded']:,} bytes" for what, sizes in by_part.items())
    + ".",
    caption="; ".join(f"{what} {100 * sizes['coded'] / heights['coded']:.1f} %" for what, sizes in by_part.items())
    + " of the coded file.",
)
card.record("places-share", 100 * by_part["places"]["coded"] / heights["coded"])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The places: about half of the file. What is left takes about a tenth**, most of it biases, which are still floats.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Is our own coding worth the trouble?
#
# A control: the compressors of section 1 get the *same* shared network: as `torch.save` writes it, as one byte a symbol, and in fixed words.
#
# **Predict.** Of the best of these, how far is our Huffman file ahead: **A** 2 times smaller, **B** a quarter smaller, **C** within a few percent?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. The answer is C: xz on one byte a symbol is about level, and a line of Python. Ask what made the difference between the first row and section 1: floats again, but pruned and shared, so that bytes come again. Say: "The work was in the pruning and the sharing. Then try the compressor that you have."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
saved = Path(folder.name) / "shared.pt"
torch.save(tuned[BITS].state_dict(), saved)
symbols, words_alone, coded_streams = [], b"", b""
for m in linear_layers(tuned[BITS]):
    for line_of, n in (
        (gap_symbols(m.weight), 32),
        (m.weight.detach()[m.weight != 0].unique(return_inverse=True)[1].tolist(), 2**BITS),
    ):
        symbols += line_of
        words_alone += stream(line_of, n, False)[1]
        coded_streams += b"".join(stream(line_of, n, True))
forms = {"state_dict, floats": saved.read_bytes(), "one byte a symbol": bytes(symbols), "fixed words": words_alone}
forms["Huffman, with lengths"] = coded_streams
xz = {name: lzma.compress(form, preset=9) for name, form in forms.items()}
assert all(lzma.decompress(xz[name]) == form for name, form in forms.items())
card.record("xz-over-huffman", len(xz["one byte a symbol"]) / len(coded_streams))
card.record("floats-under-xz", len(xz["state_dict, floats"]) / small_bytes)
rows = [
    [name, f"{len(form):,}", f"{len(gzip.compress(form, 9)):,}", f"{len(xz[name]):,}"] for name, form in forms.items()
]
Table(["bytes of", "as it is", "gzip", "xz"], rows, caption="The first row has the biases, too.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** On one byte a symbol xz is about level with our words. And the floats of section 1, once pruned and shared, come down to less than twice our bytes: now bytes come again.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 8. What multiplies, and what does not?
#
# Pruning alone makes the file about 10 times smaller; sharing alone (4 bits for all 266,200 weights, no places) about 8 times. Both together, before Huffman coding, made it 37 times smaller, and not 80.
#
# **Predict.** What stands in the way most: **A** the places, **B** biases and codebooks, **C** that what pruning leaves is harder to share?
#
# From other lessons: a smaller student (10 times), and int8 (nearly 4). Do these multiply?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two votes. The answers: A, and nearly. Go back to the bars of section 7: a place is needed for each weight that is left, and sharing makes no place smaller. The caption is the control: without the bytes of the places the two nearly multiply; what is missing then is B, for the values themselves go from 32 bits to 4. Student and int8: the product of the two would be about 40, the file has 33. Rows with a star come from [[lightning_pruning]] and [[students]], from other training: compare bytes there, not accuracy.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
alone = {
    "pruned alone": stage_files["pruned"],
    "shared alone": written("alone", shared(dense, BITS), huffman=False),
    "both": stage_files["shared"],
}
ratio = {name: len(plain) / size for name, (size, _) in alone.items()}
card.record("product-kept", ratio["both"] / (ratio["pruned alone"] * ratio["shared alone"]))
no_places = {name: len(plain) / (alone[name][0] - by_part["places"]["shared"]) for name in ("pruned alone", "both")}
card.record("kept-without-places", no_places["both"] / (no_places["pruned alone"] * ratio["shared alone"]))
elsewhere = {(row.model, row.technique): row for row in ledger.rows(["lightning_pruning", "students"])}
rows = [[name, f"{size:,}", f"{ratio[name]:.1f}×", f"{right:.2f}"] for name, (size, right) in alone.items()]
for name, model, how in [
    ("int8 alone", "LeNet-300-100", "int8, Lightning"),
    ("student 2×30", "MLP 2×30", "fp32, 1,000 images, distilled"),
    ("student, int8", "MLP 2×30", "static int8, 1,000 images, distilled"),
]:
    row = elsewhere[model, how]
    rows.append([name, f"{row.file_bytes:,}", f"{len(plain) / row.file_bytes:.1f}×", f"{100 * row.accuracy:.2f} *"])
Table(
    ["LeNet-300-100 and a student", "bytes", "smaller", "right, %"],
    rows,
    caption=f"Without the bytes of the places: pruned alone {no_places['pruned alone']:.1f}×, both {no_places['both']:.1f}×. "
    "* Other training: compare bytes alone.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A.** Each weight that stays needs a place, and sharing makes no place smaller. Leave the places out (caption), and both come to most of the product. So do student and int8: 33 times, and the product is about 40.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · How long is each word?
# ★★ · 8 minutes
#
# Write `code_lengths`: from how often each symbol comes, the length of its word in a Huffman code. A symbol that never comes gets length 0; a symbol that is alone gets 1. Several answers can be right: what counts is that a prefix code of these lengths exists, and that the text takes as few bits as possible.
#
# `code_lengths(counts)` → a list of whole numbers, one for each of `counts`, which is a list of 0 to 8 whole numbers, 0 or more
#
# <details><summary>Hint</summary>
# Keep with each tree its count and the symbols in it. When two are joined, each symbol in them is one bit deeper.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 8. Work one out on the board first: counts 1, 1, 2, 4 give lengths 3, 3, 2, 1. Ask for the sum of 2 to the minus length: 1, so the tree is full. Two mistakes to expect: a length for a symbol that never comes, and length 0 for one that is alone. The other card is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def code_lengths(counts):
    """Lengths of the words of a Huffman code, 0 for a symbol that never comes.

    >>> code_lengths([1, 1])
    [1, 1]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.code_lengths(code_lengths)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def code_lengths_solution(counts):
    lengths = [0] * len(counts)
    trees = [(count, [symbol]) for symbol, count in enumerate(counts) if count > 0]
    if len(trees) == 1:
        lengths[trees[0][1][0]] = 1
    while len(trees) > 1:
        trees.sort()
        (few, left), (more, right), *others = trees
        for symbol in left + right:
            lengths[symbol] += 1
        trees = [*others, (few + more, left + right)]
    return lengths


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · One step of sharing
# ★★ · 8 minutes
#
# Write `share_step`: one step of k-means on a pruned weight. Each weight that is not 0 goes to the nearest centroid; each centroid becomes the mean of its weights, and stays where it is when it has none; then each weight takes the *new* value of its centroid. Zeros are no members of any centroid, and stay 0.
#
# `share_step(weight, centroids)` → `(new weight, new centroids)`, in the shapes and the order of what you got; `weight` has 1 to 3 dimensions and one number or more; `centroids` is a tensor of one value or more, all different, in any order. No weight but a zero is as near to one centroid as to another.
#
# <details><summary>Hint</summary>
# Distances of all weights to all centroids are one subtraction with broadcasting. A mask tells the members that are not 0.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def share_step(weight, centroids):
    """One step of k-means on the weights that are not 0.

    >>> share_step(torch.tensor([1.0]), torch.tensor([1.0]))
    (tensor([1.]), tensor([1.]))
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.share_step(share_step)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def share_step_solution(weight, centroids):
    nearest = (weight[..., None] - centroids).abs().argmin(-1)
    new_weight, new_centroids = weight.clone(), centroids.clone()
    for number in range(len(centroids)):
        members = (nearest == number) & (weight != 0)
        if members.any():
            new_centroids[number] = weight[members].mean()
            new_weight[members] = new_centroids[number]
    return new_weight, new_centroids


# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()  # what this lesson takes from a source or says of its own runs, beside what this run gave

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Prune, share, code: forty times smaller here, and one file that a fresh process reads to the last bit.
# - A ratio holds for the bytes that a method shrinks. Sharing shrinks values and not places, and about half of the file says *where* the weights are.
# - Pruning and sharing do the work. With the symbols one byte each, xz did about as well here as our own words.
#
# **Going further**: S. Han, H. Mao, W. Dally, *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149); S. Han et al., *Learning both weights and connections*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626);
# D. Huffman, *A method for the construction of minimum-redundancy codes*, 1952, [doi:10.1109/JRPROC.1952.273898](https://doi.org/10.1109/JRPROC.1952.273898); S. Han et al., *EIE*, 2016, [arXiv:1602.01528](https://arxiv.org/abs/1602.01528) (a processor that computes with pruned and shared weights).
#
# **Project ideas**: order the columns of fc1 so that gaps get shorter; biases in 8 bits; another beginning for k-means, at 2 bits; the same for the student.
#
# **Credits**: the recipe is that of Han, Mao and Dally; format and code are written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the list on the board, and let somebody put a factor to each word. Say: "You now have a file. Next: which of all the files of this course would you ship?" ([[shipping]])
