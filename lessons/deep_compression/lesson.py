# ---
# jupyter:
#   course:
#     promise: You will prune, share and code a network into one file that is forty times smaller, run it from that file, and say where each of its bytes goes.
#     seconds: 45
#     needs: [prune_model, zero_worth, students, lightning_pruning]
#     goals:
#       - Store where the remaining weights of a pruned network stand, in a few bits each, and say why a gap needs an escape.
#       - Share a few values among all weights of a layer by k-means, and train these values.
#       - Find out by an experiment what wins the lost accuracy back.
#       - Give frequent symbols short words, as Huffman does, and compare their length with the entropy.
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
# *For the lecturer, 1 min.* Ask: "A megabyte of weights has to fit into a tenth, or less. What would you leave out first?" Write the answers on the board, and keep them: weights, digits, repetition.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import gzip
import heapq
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
from course_utils.scorecard import claims
from lessons.deep_compression import checks as check
from lessons.deep_compression import show

torch.set_num_threads(1)
images, labels = data.load("mnist")
test_set = data.load("mnist", "test")
folder = tempfile.TemporaryDirectory()  # for the files that this lesson writes


def train(net, *, epochs, rate=4e-3, **options):
    """Adam on batches of 200 digits, on the CPU; the learning rate falls to nearly 0 along a half cosine."""
    adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    options |= {"schedule": lambda done: 0.01 + 0.5 * (1 + math.cos(math.pi * done))}
    training.fit(net, images, labels, epochs=epochs, batch_size=200, optimizer=adam, device="cpu", **options)
    return net


def percent_right(net):
    return 100 * training.evaluate(net, *test_set)


def linear_layers(net):
    return [m for m in net.modules() if isinstance(m, nn.Linear)]


runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. What does a compressor make of it?
#
# LeNet-300-100 learns MNIST's 60,000 digits in five passes. Its file goes through two common compressors, *gzip* and *xz*, which lose nothing.
#
# **Predict.** How much smaller does the file become: **A** by a tenth or less, **B** by about half, **C** by nine tenths? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Those who have zipped text may say B. Before you click ask what a compressor looks for: what it has seen before, and bytes that are frequent. Write 0.0317459 on the board: "Which of these digits will come again?" Hardly any, so the answer is A. "Is the compressor bad?" No: of the exponents alone xz saves a lot, of the digits nothing (the page has the table). So digits have to go, or whole weights.

# %% slideshow={"slide_type": "skip"}
torch.manual_seed(0)
dense = train(models.LeNet300100(), epochs=5)
dense_file = Path(folder.name) / "dense.pt"
torch.save(dense.state_dict(), dense_file)
plain = dense_file.read_bytes()
files = {"as it is": plain, "gzip": gzip.compress(plain), "xz": lzma.compress(plain)}
dense_right = percent_right(dense)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the sizes of the three files into a table.
show.packed(files, dense_right)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Both compressors make the file smaller by a tenth or less (A), because most bytes of floats are as good as random.**
#
# <!-- page -->
#
# A compressor saves bytes in two ways. It refers back to what it has seen before, and it gives short words to bytes that are frequent. A trained weight such as 0.0317459 offers neither, because its last digits are as good as random, and hardly any other weight has the same value. The next cell tests this reason. It gives the first bytes of all weights of fc1 to xz, then their second bytes, and so on.
#
# Where it stops being true: as soon as weights are equal to each other, above all equal to 0. So the plan of this lesson is to *make* values repeat, and to lose as little accuracy as possible.

# %% slideshow={"slide_type": "skip"}
of_fc1 = linear_layers(dense)[0].weight.detach().numpy().astype("<f4").tobytes()
kept = [len(lzma.compress(of_fc1[place::4])) / len(of_fc1[place::4]) for place in range(4)]

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts what xz leaves of each kind of bytes into a table.
show.byte_by_byte(kept)

# %% [markdown] slideshow={"slide_type": "skip"}
# So the digits are to blame. A float of 32 bits has a sign, an exponent of 8 bits, which says how large the number is, and 23 bits of digits. The fourth byte holds the sign and most of the exponent, and xz finds a lot there, because most weights are of a similar size. In the first two bytes, which are digits alone, it finds nothing at all. So whoever wants a small file has to throw digits away, or whole weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "number"}
# ### The goal
#
# **40** times smaller
#
# In 2015 a network of this shape went from 1,070 KB to 27 KB in three stages: *prune, share, code* ([Han, Mao and Dally](https://arxiv.org/abs/1510.00149), table 1).
#
# <!-- page -->
#
# Its error was 1.64 % before and 1.58 % after.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Let the number stand for a moment. "This is what we want to reach today, in these three stages, and their error was no higher afterwards." Write *prune, share, code* on the board with one word each (fewer weights, few values, short words), and tick off each as it is done. Then one vote, which you keep for section 5: which of the three will save least?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Where are the weights that stay?
#
# The first stage is known from [[prune_model]]: set the smallest weights to 0, and train the rest again. The paper keeps 8, 9 and 26 % of the three layers. So do we.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Recall the prune-and-train loop. Read the table from top to bottom: the cut costs, the training repairs. Then ask: "How large is the file now?" Somebody will say a twelfth, since 8 % are left. Let the room find out why it is not: what is written for a 0? Four bytes, like for any float. "So write only those that are left, each with its address." fc1 has 235,200 places, so an address takes 18 bits, more than half of the 32 bits of the weight. Draw: ten boxes, 0, 0, **0.5**, 0, **−0.3**, **0.2**, 0, 0, 0, **0.4**, and let the room count the zeros before each weight: 2, 1, 0, 3. Two bits each are enough.


# %% slideshow={"slide_type": "skip"}
def cut(net, shares):
    """Set the smallest weights of each layer to 0; the masks say which stay."""
    masks = []
    for layer, share in zip(linear_layers(net), shares, strict=True):
        sizes = layer.weight.detach().abs()
        masks.append(sizes >= sizes.flatten().topk(round(share * sizes.numel())).values[-1])
        layer.weight.data[~masks[-1]] = 0.0
    return masks


# %% slideshow={"slide_type": "skip"}
def retrain(net, masks, epochs):
    """Train, and set what was cut to 0 again after each step."""

    def freeze(step):
        for layer, mask in zip(linear_layers(net), masks, strict=True):
            layer.weight.data.masked_fill_(~mask, 0.0)

    return train(net, epochs=epochs, on_step=freeze)


# %% slideshow={"slide_type": "skip"}
KEEP = [0.08, 0.09, 0.26]  # shares of fc1, fc2, fc3: Han et al., table 2
torch.manual_seed(0)
pruned, history = copy.deepcopy(dense), [("dense", 100.0, dense_right)]
for power, passes in [(0.5, 1), (1, 2)]:
    stays = cut(pruned, [share**power for share in KEEP])
    left = 100 * sum(m.sum().item() for m in stays) / sum(m.numel() for m in stays)
    history.append((f"cut, round {len(history) // 2 + 1}", left, percent_right(pruned)))
    retrain(pruned, stays, passes)
    history.append(("trained again", left, percent_right(pruned)))

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Puts the two rounds of pruning into a table.
show.rounds(history)

# %% [markdown] slideshow={"slide_type": "skip"}
# The cut is made in two rounds, first to the square root of these fractions (28, 30 and 51 %), and then to the fractions themselves. (In [[prune_model]] three cuts gained much with 1 % left and little with 5 %.) The second cut costs many points, and two more passes of training bring back all but a few tenths of one.
#
# Of 266,200 weights 21,776 are left, a twelfth. And the file? It is as large as ever, since a 0 takes four bytes like any other float ([[zero_worth]]). To store only the weights that are left we must say *where each of them stands*. fc1 has 235,200 places, and the number of a place takes 18 bits, because 17 bits count only to 131,072. That is more than half of the 32 bits of the weight itself.
#
# **The idea.** Tell the reader the way, and not the address: "skip two zeros, here is a weight; skip one, here is the next". Such a gap is small where an address is large. The number of zeros between a weight and the one before it is called its **relative index**. (The paper counts the step from one weight to the next, which is one more.)
#
# **By hand.** Ten weights: 0, 0, **0.5**, 0, **−0.3**, **0.2**, 0, 0, 0, **0.4**. The gaps are 2, 1, 0 and 3. To read them, begin before the first place and go on by gap + 1 each time. You land on the places 2, 4, 5 and 9 (counted from 0). Each gap fits into two bits, so the four places take 8 bits.
#
# How many bits should a gap have? Few bits make most gaps cheap, but some gaps are long. With 5 bits there are 32 symbols. Let 0 to 30 mean gaps, and let the last symbol, 31, be an **escape**: it means "31 zeros, and no weight yet". A gap of 70 is then written as 31, 31, 8, since 31 + 31 + 8 = 70. A gap of exactly 31 is written as 31, 0.

# %% slideshow={"slide_type": "skip"}
ESCAPE = 31


def gap_symbols(weight, escape=ESCAPE):
    """Zeros before each weight that is left; the escape stands for so many zeros, and no weight yet."""
    symbols, places = [], weight.flatten().nonzero().flatten()
    for gap in (torch.diff(places, prepend=torch.tensor([-1])) - 1).tolist():
        symbols += [escape] * (gap // escape) + [gap % escape]
    return symbols


gap_symbols(torch.tensor([0, 0, 0.5, 0, -0.3, 0.2, 0, 0, 0, 0.4]))

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Gaps of fc1
#
# The **relative index** of a weight: how many zeros stand between it and the weight before. With 5 bits a gap is 0 to 30; the symbol 31 means: 31 zeros, and no weight yet.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Before each click let the room say the next symbols: 2; then 31 and 4, since 19 zeros of the first row and 16 of the second are 35; then 0, for the neighbour. Who says 35: "How many numbers have 5 bits?" 32, so a long gap is 31 and then the rest. Ask: "What is written for a gap of exactly 31?" 31, then 0. A gap of 70? 31, 31, 8.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws a piece of fc1 and the symbols of its gaps.
fc1_line = linear_layers(pruned)[0].weight.detach().flatten()
show.gaps(fc1_line, gap_symbols)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does a place cost?
#
# A symbol has 5 bits. Some weights need more than one symbol.
#
# **Predict.** How many bits does a weight of fc1 take for its place, on average: **A** 5.0, **B** about 6, **C** about 10? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Then: "Which symbol is the most frequent?" and click. It is 0, the neighbour that stays; the orange bar is the escape, one for about every sixth weight, so the answer is B. By hand, for weights at random places: 0.92³¹ = 0.075 of them need an escape, and again of those, together 0.082, which makes 5 · 1.082 = 5.4 bits. "Why does ours cost more?" The weights that stay are clumped, and between the clumps are long gaps; shuffled, they cost what the calculation says. Keep the shape of the bars for section 4: one symbol has more than a third of all, and 5 bits are paid for each.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws how often each symbol comes in fc1.
fc1_gaps = gap_symbols(fc1_line)
n_left = int((fc1_line != 0).sum())
show.symbols_of_places(fc1_gaps, n_left)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A place costs nearly 6 bits (B), because there is an escape for about every sixth weight, on top of the symbol that each weight needs. The most frequent symbol by far is 0, a weight right behind another.**
#
# <!-- page -->
#
# Could one have known? **By hand**, for weights at random places: with 8 % of the weights left a gap of 31 or more needs 31 zeros in a row, with a probability of $0.92^{31} = 0.075$. After an escape the same question comes again, so a weight needs $0.075 + 0.075^2 + … = 0.082$ escapes on average, and 5 · 1.082 = 5.4 bits. The measured number is larger. The next cell tests why. It shuffles fc1, so that the same weights stand at random places.

# %% slideshow={"slide_type": "skip"}
torch.manual_seed(1)
shuffled = fc1_line[torch.randperm(len(fc1_line))]
place_bits = {
    name: 5 * len(gap_symbols(line)) / n_left for name, line in (("as trained", fc1_line), ("shuffled", shuffled))
}
place_bits |= {f"{b} bits": b * len(gap_symbols(fc1_line, 2**b - 1)) / n_left for b in (3, 4, 5, 6, 7, 8)}
{name: round(bits, 2) for name, bits in place_bits.items()}

# %% [markdown] slideshow={"slide_type": "skip"}
# The places of the shuffled weights cost what the calculation said. So the rest is the price of the arrangement, because the weights that stay are clumped. Where one stays, its neighbour often stays as well, and the long gaps between the clumps cost escapes. (*Deeper* says where the clumps come from.) The clumps have a good side: they make the symbols uneven, and section 4 turns this into bytes.
#
# The other entries of this output answer how many bits a gap should have: $b\,(1 + \text{escapes per weight})$ is smallest near 5 bits here. Fewer bits need too many escapes, and more bits are wasted on short gaps. At another density another width is best.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. A few values for all weights
#
# **Weight sharing**: each layer has $2^b$ values, its **codebook**, and a weight stores $b$ bits, the number of its value. Which values? *k-means*: each weight goes to the nearest **centroid**, each centroid to the mean of its weights, again and again.


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
# *For the lecturer, 3.5 min.* Draw a line with five dots: −1.0, −0.9, 0.2, 0.3, 1.5. Two centroids begin at the ends, −1.0 and 1.5. Let the room find the border each time, and who changes sides. Round 1: the border is 0.25, three dots are left of it and two right, the new centroids are −0.567 and 0.9. Round 2: the border is 0.167, so 0.2 changes sides, and the centroids are −0.95 and 0.667. Round 3: the border is −0.142, nobody moves, done. Stored are the numbers 0, 0, 1, 1, 1 and two floats. "Can the error rise?" No: a weight changes only to a nearer centroid, and a mean has the least squared error to its members. Then point at `bucketize` in the code: it counts the borders below a weight. `linspace` is the beginning, `where` keeps a centroid without members.

# %% [markdown] slideshow={"slide_type": "skip"}
# A place costs 6 bits now, and the weight that stands there still costs 32. Section 1 has said where these bits go: into digits that no other weight has.
#
# **The idea.** Let the weights of a layer agree on a few values. With 16 values a weight needs no digits, only the number of its value, from 0 to 15, in 4 bits. The 16 values themselves are stored once for the layer. The int8 weights of [[integers]] share values as well, but at even distances. Here the values may stand anywhere, so they can be dense where many weights are.
#
# **By hand.** Five weights are to share two values: −1.0, −0.9, 0.2, 0.3, 1.5. Begin with two centroids, at the least and at the largest weight: −1.0 and 1.5.
#
# | round | border (half-way) | members of the first | members of the second | new centroids |
# |---|---|---|---|---|
# | 1 | 0.25 | −1.0, −0.9, 0.2 | 0.3, 1.5 | −0.567 and 0.9 |
# | 2 | 0.167 | −1.0, −0.9 | 0.2, 0.3, 1.5 | −0.95 and 0.667 |
# | 3 | −0.142 | −1.0, −0.9 | 0.2, 0.3, 1.5 | the same: done |
#
# In round 2 the weight 0.2 changes sides, because the border has moved below it. The squared error falls from 1.61 after round 1 to 1.05 after round 2. It can never rise, because a weight changes only to a centroid that is nearer, and the mean is the point with the least squared error to its members. The five weights are stored as the numbers 0, 0, 1, 1, 1 and two floats: 5 + 64 bits in place of 160. With five weights the codebook takes most of this, and with the 18,816 of fc1 next to nothing: $16 \cdot 32 = 512$ bits beside 75,264.
#
# In formulas, for weights $w_i$, where weight $i$ belongs to centroid $a(i)$: k-means makes $\sum_i (w_i - c_{a(i)})^2$ small by two alternating steps, $a(i) = \arg\min_k |w_i - c_k|$ and $c_k = \text{mean of the } w_i \text{ with } a(i) = k$. It ends where neither step changes anything. Such an end need not be the best of all, and it depends on the beginning. The code begins with `linspace`, evenly spaced from the least to the largest weight, and stops after 30 rounds, which with many values is before the end. A centroid without members stays where it is.
#
# The zeros take no part: they are stored by the gaps, so only the weights that are left share values.


# %% slideshow={"slide_type": "skip"}
def shared(net, bits, rounds=30):
    net = copy.deepcopy(net)
    for layer in linear_layers(net):
        left = layer.weight.data != 0
        layer.weight.data[left] = k_means(layer.weight.data[left], bits, rounds)
    return net


def squared_error(net):
    """Of the weights of fc1 against those of the pruned network, in % of their square."""
    own, of_pruned = (linear_layers(n)[0].weight.detach() for n in (net, pruned))
    return 100 * ((own - of_pruned).square().sum() / of_pruned.square().sum()).item()


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How few values?
#
# The pruned network shares its values with 6 bits (64 values a layer) down to 2 bits (4 values). Nothing is trained afterwards. *Even*: evenly spaced values, without k-means.
#
# **Predict.** Which bit less costs most accuracy with k-means: from 6 to 5, 5 to 4, 4 to 3, or 3 to 2? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* One vote on the four, then click: from 3 to 2. Read the column of the error of k-means first: which factor lies between two rows? About 3 (with even values about 4, since a step twice as wide has four times the square). "And the accuracy?" It does not follow in proportion: small errors hardly change an answer, large ones move digits across a border. A tenth of a point is ten digits, so do not read an order into the upper rows. If somebody concludes "k-means beats integers": an even grid that leaves out the few largest weights does better than this one.

# %% slideshow={"slide_type": "skip"}
just_shared, errors, right = {}, {}, {}
for bits in (6, 5, 4, 3, 2):
    for how, rounds in (("even", 0), ("k-means", 30)):
        just_shared[how, bits] = shared(pruned, bits, rounds)
        errors[how, bits] = squared_error(just_shared[how, bits])
        right[how, bits] = percent_right(just_shared[how, bits])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts errors and accuracies into a table.
show.by_bits(errors, right, history[-1][2])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The step from 3 to 2 bits costs most, because the error grows about threefold with each bit less, and accuracy does not follow in proportion. Small errors hardly change an answer, and large ones move digits across the border between two classes.**
#
# <!-- page -->
#
# The columns of the error show the first half of the reason. With half as many even values the distance between neighbours is about twice as large, and the square of an error about four times. (With k-means it is about three times.) The accuracy shows the second half. With k-means the accuracies from 6 bits to 3 differ by fourteen digits of 10,000 at most, so no order can be read from them. The step to 2 bits costs 74 digits.
#
# Is k-means worth its rounds? The columns *even* come from the same code with `rounds=0`, which leaves the centroids evenly spaced. At the same number of bits k-means makes the error smaller in each row. In accuracy that counts where the error is large. Do not read the columns as "k-means against integers", because an even grid that leaves out the few largest weights does better than this one (*Deeper* has figures).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The values can learn
#
# A value $c_k$ stands in many places. Its gradient is the sum over the weights that use it: $\partial L/\partial c_k = \sum_{i\,\text{uses}\,k} \partial L/\partial w_i$.


# %% slideshow={"slide_type": "-"}
def gradient_of_values(book, code, gradient):
    """The sum over all weights that use a value; the zeros stay zeros."""
    total = torch.zeros_like(book).index_add_(0, code.flatten(), gradient.flatten())
    return total.where(book != 0, 0.0)


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask: "Which numbers of the network can still change?" Three codebooks and 410 biases. Neither which weight is 0, nor which value a weight uses. On the board: three weights use the value 0.5, and their gradients are 0.2, −0.1 and 0.4. If the value grows by ε, all three grow by ε, so its gradient is the sum, 0.5; a step with a rate of 0.1 moves it to 0.45, in all three places. "What does it cost in bytes?" Nothing: the numbers of the values stay, and the codebook has as many floats as before. In the code, `index_add_` is the sum.

# %% [markdown] slideshow={"slide_type": "skip"}
# After the sharing one can train again, as after the cut. Which numbers are free to move? If each weight moved on its own, the weights of a group would soon differ, and the codebook would be lost. So a group moves together: what is trained is its *value*.
#
# **By hand.** Three weights use the value 0.5. For one batch the gradients of the loss by these three weights are 0.2, −0.1 and 0.4. If the value grows by a little $\epsilon$, all three weights grow by $\epsilon$, and the loss changes by $0.2\,\epsilon - 0.1\,\epsilon + 0.4\,\epsilon = 0.5\,\epsilon$. So the gradient of the value is the sum, 0.5. A step of plain gradient descent with a rate of 0.1 moves the value to 0.45, in all three places. Nothing new is stored: the numbers of the values stay, and the codebook has as many floats as before.
#
# The biases, 410 floats, can be trained in the same steps. They cost no byte either, because they are in the file anyway.


# %% slideshow={"slide_type": "skip"}
def codebooks(net):
    """Of each layer: where the weights stand that are not 0, the values, and which of them each of these weights uses."""
    found = []
    for layer in linear_layers(net):
        book, code = layer.weight.detach().unique(return_inverse=True)
        places = layer.weight.detach().flatten().nonzero().flatten()
        found.append((layer, places, book, code.flatten()[places]))
    return found


# %% slideshow={"slide_type": "skip"}
def fine_tuned(net, parts=("values", "biases"), rate=1e-3, order=1):
    net = copy.deepcopy(net)
    shares = codebooks(net)
    free = {"values": [book for _, _, book, _ in shares], "biases": [layer.bias for layer, *_ in shares]}
    adam = torch.optim.Adam([numbers for part in parts for numbers in free[part]], lr=rate, fused=True)
    for picked in training.batches(len(images), 100, steps=200, seed=order):
        net.zero_grad()
        F.cross_entropy(net(images[picked]), labels[picked]).backward()
        for layer, places, book, code in shares:
            book.grad = gradient_of_values(book, code, layer.weight.grad.flatten()[places])
        adam.step()
        for layer, places, book, code in shares:
            layer.weight.data.view(-1)[places] = book[code]
    return net


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 1 · What wins it back?
# ★★ · 12 minutes · an investigation
#
# Training values *and* biases wins points back. Is it the values? You get an instrument, `right(trained, rate=0.001, seed=0)`: the percent right after 200 steps in which `"neither"`, the `"biases"` alone or `"both"` were trained, at a learning rate, with the digits in order number `seed`.
#
# `what_won(right)` → `"nothing"` if both is less than 1 point above neither. Else, by the share of the biases, (biases − neither) / (both − neither): `"biases"` if it is above 0.8, `"values"` if it is below 0.2, `"part"` between
#
# <!-- page -->
#
# Run all three with the same five seeds or more, each at the rates 0.001, 0.003 and 0.01. Take the *mean* over the seeds at each rate. What counts is the highest mean, at each one's *own* best rate.
#
# <details><summary>Hint</summary>
# Two loops, over the three arms and over the three rates, collect nine means. Three numbers are left, one for each arm. First look at both − neither, then divide.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop; alone it takes 12. Say what the slide leaves out: three rates, 0.001, 0.003 and 0.01, five seeds each, and the mean over the seeds. "Draw a table of three rows and three rates. Which cells may be compared with each other?" The best of each row, and not one column. The row of "neither" has the same number three times; it is the floor. Then the share by numbers: neither 96, biases 98, both 98.4 at their best; 2 / 2.4 = 0.83, so "biases". "And what would you conclude if the biases had been trained at the smallest rate alone?" Less than they can do: perhaps "part", and the values would get the credit. Why should their rates differ? A value stands in thousands of places, a bias in one neuron.

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several networks, in which different things are true. It looks at how you make your experiment, and then at what you conclude. `"neither"` is not trained, so its rate changes nothing. Run it like the others all the same.
#
# Why three rates? A bias and a value are different kinds of numbers. A value stands in thousands of places, so a small step of it changes much. A bias adds to one neuron. If both kinds get one rate, one of them may look useless only because its steps were too small.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_won(right):
    """Say what wins the accuracy back: "nothing", "biases", "values" or "part".

    Args:
        right: the instrument, for example right("biases", rate=0.003, seed=4).
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_won(what_won)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_won_solution(right):
    best = {}
    for trained in ("neither", "biases", "both"):
        means = [sum(right(trained, rate=rate, seed=n) for n in range(5)) / 5 for rate in (0.001, 0.003, 0.01)]
        best[trained] = max(means)
    gain = best["both"] - best["neither"]
    if gain < 1:
        return "nothing"
    share = (best["biases"] - best["neither"]) / gain
    if share > 0.8:
        return "biases"
    return "values" if share < 0.2 else "part"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And in our network?
#
# Four values a layer, 200 steps, three rates. One row more than in the exercise: the values alone.
#
# **Predict.** Each at its own best rate, what fraction of the gain do the *biases alone* win: **A** hardly any, **B** about half, **C** nearly all? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; most say A or B. Click; the answer is C. Read the table by rows, each at its best, against 97.04: the biases gain 0.61, the values 0.55, both 0.70. Only after that by columns: what would each column alone have said? The first: the biases win three quarters (0.52 of 0.70). The last: the biases win a little more than both together (0.61 against 0.59). So one rate for all would have told a story, and each column another one. All three gains are below the one point of the exercise's rule; say why the lesson still reads them: the same network, the same order of the digits, and no claim about others. 61 and 70 digits of 10,000 cannot be told apart; what stays is that a gain does not show that the values had to move. (In an earlier run, with longer training, the best rate of the biases was three times the smallest; here it is ten times.)

# %% slideshow={"slide_type": "skip"}
RATES = (0.001, 0.003, 0.01)


def at_each_rate(*parts):
    return {rate: [percent_right(fine_tuned(just_shared["k-means", 2], parts, rate))] for rate in RATES}


won = {("biases",): at_each_rate("biases"), ("values",): at_each_rate("values")}

# %% slideshow={"slide_type": "skip"}
won["values", "biases"] = at_each_rate("values", "biases")
before = right["k-means", 2]
at_best = {parts: max(sum(found) / len(found) for found in by_rate.values()) for parts, by_rate in won.items()}
gain = at_best["values", "biases"] - before
share_of_biases = (at_best["biases",] - before) / gain

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the accuracies into a table.
show.won_back(won, before)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The biases alone win as much as both (C), as far as 10,000 digits can tell: the whole gain is small, and 410 numbers that are free to move are enough for it.**
#
# <!-- page -->
#
# In the run on this page 97.04 % were right before, 97.74 % after training both, 97.65 % with the biases alone and 97.59 % with the values alone, each at the best of three rates. Of 10,000 digits these gains are 70, 61 and 55, too close to be told apart. But the table does show that a gain in accuracy is no evidence that the *values* had to move. (*Deeper* works out what a bias can repair.) Now read the first column alone. There, at a rate of 0.001, the biases seem to win only three quarters of what both win. But the best rate of the biases is 0.01, ten times as large.
#
# The rule of the exercise would even say "nothing", since the gain is below a point. Where it stops being true: this is one network and one order of the digits, and the best rates were read off the test images, for all arms alike. A network that loses more in the sharing may need its values. We go on with 4 bits, where there is hardly anything to win back, and train both at the smallest rate.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Short words for frequent symbols
#
# A **prefix code** has a word of bits for each symbol, and no word begins with another one, so that nothing need stand between them. **Huffman coding** ([1952](https://doi.org/10.1109/JRPROC.1952.273898)) joins the two rarest, until one tree is left.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Before each click ask: "Which two are the rarest now?" e and d, to 7; then c and b, to 11, since a joined pair counts with its sum, and the pair of 7 has to wait; then 7 and a, to 17; then both. At the end read the word of each symbol from the top down: c 00, b 01, e 100, d 101, a 11. Let the room count the text: 2 bits for a, b and c, 3 for d and e, so 20 + 12 + 10 + 12 + 9 = 63, where fixed words need 3 · 28 = 84. The sum of the blue boxes is 63 as well, because each joining lengthens the words in it by one bit. Then let the room read 0011101 aloud. By the tree of the drawing it is "c a d"; by the canonical words of the page it is "a e b".


# %% slideshow={"slide_type": "skip"}
def huffman_tree(counts):
    """Join the two rarest into a pair, until one is left: a tree of pairs, with symbols as leaves."""
    heap = [(count, symbol, symbol) for symbol, count in enumerate(counts) if count]
    heapq.heapify(heap)
    while len(heap) > 1:
        (few, order, left), (more, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (few + more, order, (left, right)))
    return heap[0][2] if heap else ()


# %% slideshow={"slide_type": "skip"}
def depths(tree, depth=0):
    """How deep each symbol stands: the length of its word. A symbol that is alone needs one bit, too."""
    if not isinstance(tree, tuple):
        return {tree: max(depth, 1)}
    return {symbol: d for branch in tree for symbol, d in depths(branch, depth + 1).items()}


# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the tree of five symbols, pair by pair.
five = [10, 6, 5, 4, 3]
show.tree_by_tree(five, huffman_tree(five))

# %% [markdown] slideshow={"slide_type": "skip"}
# Look again at the bars of section 2. The symbol 0 came most often and 30 hardly ever, yet each takes 5 bits.
#
# **The idea.** Frequent symbols get short words, rare ones get long words. But the words stand end to end, so the reader must know where each ends. That is certain if no word is the beginning of another one. Such a code is a tree: from the top a 0 leads to the left and a 1 to the right, and the symbols stand at the ends of the branches. Then reading cannot go wrong: follow the bits down, write the symbol that you arrive at, begin at the top again.
#
# **By hand.** Five symbols come 10, 6, 5, 4 and 3 times, 28 in all. Which tree is best? The two rarest should stand deepest, because exchanging a deep frequent symbol with a rarer one above it would shorten the text. So Huffman's algorithm begins with them.
#
# | step | what is there | joined |
# |---|---|---|
# | 1 | a 10, b 6, c 5, d 4, e 3 | d and e, to 7 |
# | 2 | a 10, (d e) 7, b 6, c 5 | b and c, to 11 |
# | 3 | (b c) 11, a 10, (d e) 7 | a and (d e), to 17 |
# | 4 | (a (d e)) 17, (b c) 11 | both, to 28 |
#
# In step 2 the new pair has to wait, since b and c are rarer than it. At the end a, b and c have words of 2 bits, and d and e have words of 3. The text takes 10 · 2 + 6 · 2 + 5 · 2 + 4 · 3 + 3 · 3 = 63 bits. Fixed words for five symbols need 3 bits each, which makes 84. Why is joining the rarest right? Each joining lengthens the words of all symbols in it by one bit, so it costs its sum in bits: 7 + 11 + 17 + 28 = 63. Huffman's algorithm takes the cheapest joining each time, and his paper proves that this greed ends at the best tree.
#
# What must the file say about the code? Only the *lengths*. From them writer and reader make the same words, by one rule: short words first, then in the order of the symbols, and always count on by one (a **canonical** code). With the lengths 2, 2, 2, 3, 3 the words are a 00, b 01, c 10, d 110, e 111. (The drawing has other words of the same lengths.) The bits 0011101 are read as 00, 111, 01, which is "a e b".


# %% slideshow={"slide_type": "skip"}
def huffman_lengths(counts):
    found = depths(huffman_tree(counts))
    return [found.get(symbol, 0) for symbol in range(len(counts))]


# %% slideshow={"slide_type": "skip"}
def code_words(lengths):
    """The word of each symbol, from the lengths alone: short words first, then in the order of the symbols."""
    words, number, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
        number <<= length - before
        words[symbol], before = f"{number:0{length}b}", length
        number += 1
    return words


code_words(huffman_lengths(five))

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How short can the words be?
#
# A floor for the mean length, for symbols drawn one by one with frequencies $p$, is the *entropy* $-\sum p \log_2 p$ ([Shannon, 1948](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x)).

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 5. The next three minutes, about how short such words can be, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Fixed words take 5 bits for a gap and 4 for a value. Where does Huffman save more: **A** with the places, **B** with the values? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The entropy in words: a symbol with a frequency of one half deserves 1 bit, one with a quarter 2 bits, one with p deserves log₂ 1/p; the entropy is the mean. For the five symbols of the tree it is 2.20 bits, and Huffman has 63 / 28 = 2.25, since nobody can write half a bit. Vote, and ask for the reason before the table; point back to the bars of section 2. Click; the answer is A. The values are rather even, because k-means puts many centroids where many weights are. Then: "How far is Huffman from the floor?" Less than a tenth of a bit in all six rows. Let the room name a list of symbols where it is far: one symbol that comes 99 times of 100 has an entropy of 0.08 bits, and takes a whole one.

# %% [markdown] slideshow={"slide_type": "skip"}
# Is there an even shorter code? Words compete for room. Once 01 is a word, no other word may begin with 01, so it takes a quarter of the room, and a word of $l$ bits takes $2^{-l}$. The whole room is 1, and it is best to give each symbol its part $p$ of it. Then $2^{-l} = p$, so a symbol deserves $\log_2 1/p$ bits: 1 bit for a frequency of one half, 2 bits for a quarter. The mean of this is the entropy, and no code that gives each symbol a word of its own, and whose text can be read in one way only, can have shorter words on average. **By hand**, for the five symbols: the frequencies are 0.357, 0.214, 0.179, 0.143 and 0.107, they deserve 1.49, 2.22, 2.49, 2.81 and 3.22 bits, and the mean is 2.20. Huffman's words have 63 / 28 = 2.25. The difference comes from whole bits. Rounding up adds less than one bit to each word, and longer words need less room, so they still fit. The best code for two or more symbols stays less than one bit above the entropy.


# %% slideshow={"slide_type": "skip"}
def entropy(counts):
    return -sum(n / sum(counts) * math.log2(n / sum(counts)) for n in counts if n)


def mean_length(counts):
    return sum(n * length for n, length in zip(counts, huffman_lengths(counts), strict=True)) / sum(counts)


BITS = 4  # a value, from here on
tuned, streams = fine_tuned(just_shared["k-means", BITS]), {}
for m, name in zip(linear_layers(tuned), ("fc1", "fc2", "fc3"), strict=True):
    places = torch.bincount(torch.tensor(gap_symbols(m.weight))).tolist()
    values = m.weight[m.weight != 0].unique(return_counts=True)[1].tolist()
    for what, fixed, counts in (("places", 5, places), ("values", BITS, values)):
        streams[f"{name}, {what}"] = fixed, mean_length(counts), entropy(counts)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the mean lengths into a table.
show.mean_words(streams)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Huffman saves more with the places (A), because their symbols are far less even: of the 5 bits of a gap symbol in fc1 more than one is saved, and of the 4 bits of a value there less than half a bit.**
#
# <!-- page -->
#
# The entropy of 16 equally frequent values is 4 bits, and the less even they are, the lower it is. The values come out rather even, because k-means puts many centroids where many weights are. A trial with the evenly spaced values of section 3 shows it: their entropy in fc1 is 2.9 bits, and that of the k-means values 3.6. The gaps have one symbol with more than a third of all.
#
# In all six rows Huffman ends less than a tenth of a bit above the entropy. Where does this stop being true? A word has at least one bit. If one of two symbols comes 99 times of 100, the entropy is 0.08 bits, and Huffman needs a whole one. And the floor itself holds for codes that look at one symbol at a time. A code that also looks at the symbol before can fall below it, because clumps follow each other (*Deeper*).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "big"}
# ## 5. One file, byte by byte
#
# For each layer: shape, biases, places, codebook, values. A *fresh process*, which has no variable of this notebook, reads the file and says how many digits are right.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Ask why a fresh process and not this one: a variable that the file lacks would not be missed here. Let the room count the file before Huffman, with 21,776 weights: 4 bits for each value are 10,888 bytes, nearly 6 bits for each place some 15,600, 410 biases 1,640; with the codebooks and the rest 28.5 kB, against 1,069 kB. Fetch the votes on the stage that saves least, and do not answer: the next slide does.

# %% [markdown] slideshow={"slide_type": "skip"}
# It is easy to quote a ratio such as "forty times" for a part alone: for weights without places, or values without a codebook. What is not in a file cannot be read from it.
#
# So here is a format. The first byte is the number of layers. Each layer then has its shape and the number of its values (2 bytes each), its biases (4 bytes each), its places, its codebook (4 bytes a value) and its values. A list of symbols is stored as the number of symbols (4 bytes), the length of each word (1 byte for each symbol of the alphabet), and the words, filled up with zeros to a whole byte.


# %% slideshow={"slide_type": "skip"}
def fixed_lengths(counts):
    return [max(1, (len(counts) - 1).bit_length())] * len(counts)


def coded(symbols, alphabet, lengths_of):
    """Two parts: how many symbols, and the length of each word; then the words end to end."""
    lengths = lengths_of(torch.bincount(torch.tensor(symbols, dtype=torch.int64), minlength=alphabet).tolist())
    words = code_words(lengths)
    bits = "".join(words[symbol] for symbol in symbols)
    bits += "0" * (-len(bits) % 8)
    return struct.pack("<I", len(symbols)) + bytes(lengths), int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def floats(tensor):
    return tensor.detach().numpy().astype("<f4").tobytes()


# %% slideshow={"slide_type": "skip"}
def layer_parts(layer, lengths_of=huffman_lengths, few_values=True):
    values = layer.weight.detach()[layer.weight != 0]
    book, codes = values.unique(return_inverse=True)
    gaps = gap_symbols(layer.weight) if len(values) < layer.weight.numel() else []  # without zeros no places
    parts = [("shapes", struct.pack("<HHH", *layer.weight.shape, len(book) if few_values else 0))]
    parts.append(("biases", floats(layer.bias)))
    parts += zip(("word lengths", "places"), coded(gaps, 32, lengths_of), strict=True)
    if not few_values:
        return [*parts, ("floats", floats(values))]
    parts.append(("codebooks", floats(book)))
    return parts + [*zip(("word lengths", "values"), coded(codes.tolist(), len(book), lengths_of), strict=True)]


# %% slideshow={"slide_type": "skip"}
def file_parts(net, **how):
    layers = linear_layers(net)
    return [("shapes", bytes([len(layers)])), *(part for layer in layers for part in layer_parts(layer, **how))]


def written(name, net, **how):
    """Write a file of the network: its bytes by part, and the percent right of what is read from it."""
    path, parts = Path(folder.name) / f"{name}.bin", file_parts(net, **how)
    path.write_bytes(b"".join(part for _, part in parts))
    return show.by_part(parts), percent_right(show.read_network(path))


# %% slideshow={"slide_type": "skip"}
stages = {
    "dense": ({"floats": len(plain)}, dense_right),
    "pruned": written("pruned", pruned, lengths_of=fixed_lengths, few_values=False),
    "shared": written("shared", tuned, lengths_of=fixed_lengths),
    "coded": written("coded", tuned),
}
size = {name: sum(parts.values()) for name, (parts, _) in stages.items()}

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The four files
#
# Each stage is a file of its own, written, read again and then judged.
#
# **Predict.** What takes most of the coded file: **A** the values, **B** the places, **C** all the rest (biases, codebooks, lengths of words, shapes)? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote, then click; the answer is B. Walk from bar to bar on the left, and let the room say what each step left out. Pruned, 10 times: the zeros, and not 12 times, since the places came in. Shared, 37 times: the digits of the weights. Coded, 44 times: the long words of frequent symbols. So the last step saves least, a sixth of what was left: count the votes. Then the right: blue are the places, orange the values, green the biases. "Forty-four times of what?" Of floats of 32 bits, on the disk; in memory the network is unpacked, and as large as before.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the four files, and writes their rows of the ledger.
show.into_the_ledger(stages)
show.stages(stages)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The places take most, about half of the coded file (B), because sharing does nothing for them.** It cut a value from 32 bits to 4, and a place still took nearly 6. Coding made both shorter.
#
# <!-- page -->
#
# **By hand**, for the file before Huffman coding. 21,776 weights are left. Their values take 4 bits each: 10,888 bytes. A place takes nearly 6 bits on average, which makes some 15,600 bytes. The 410 biases take 1,640 bytes, the three codebooks 3 · 16 · 4 = 192, the lengths of words 3 · (4 + 32 + 4 + 16) = 168, and the shapes 3 · 6 + 1 = 19. Together these are about 28,500 bytes. Dense, the network has 266,610 numbers of 4 bytes, 1,066,440 bytes, and `torch.save` adds a little. So this file is about 37 times smaller, and Huffman coding has to bring the rest.
#
# Pruning saves by far the most bytes. Sharing removes nearly three quarters of what is left, and coding a sixth of the rest, so in this order Huffman saves least.
#
# **Forty times, of what?** Of `dense.pt`, in floats of 32 bits, with 4 bits a value. With the paper's 6 bits this network stays below forty (*Deeper* has the table). And the file is small only on disk and on the way to the user. `read_network` unpacks it into dense floats, so in memory and in time the network is as large and as slow as before. Whoever wants to save memory or time as well must *compute* with shared and pruned weights, and needs kernels or hardware made for them, such as the EIE of the paper's authors (*Going further*).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Read by somebody else
#
# The script knows the format of the file, and nothing of this notebook. It sends back the fraction of right digits and a digest (SHA-256) of all weights and biases.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask before you click: "Which of the three stages lost anything?" The cut and the sharing. Coding loses nothing, because a prefix code can be read in one way only; so the digests must be equal to the last bit. Click: they are, and the accuracy too. "What would this test miss?" An error that writer and reader share; so the reader was written separately.

# %% slideshow={"slide_type": "-"}
SCRIPT = """
import sys, torch
from course_utils import data, training
from lessons.deep_compression import show
torch.set_num_threads(1)
net = show.read_network(sys.argv[1])
print(training.evaluate(net, *data.load("mnist", "test")), show.digest(net))
"""
run = [sys.executable, "-c", SCRIPT, str(Path(folder.name) / "coded.bin")]
answer = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
share_there, digest_there = answer.stdout.split()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts both sides into a table.
digest_here = show.digest(tuned)
differ = show.differing(show.read_network(Path(folder.name) / "coded.bin"), tuned) + (digest_here != digest_there)
both_right = percent_right(tuned), 100 * float(share_there)
show.here_and_there(both_right, (digest_here, digest_there), size["coded"], len(plain))

# %% [markdown] slideshow={"slide_type": "skip"}
# Both digests are the same, so every weight and every bias came back to the last bit. A prefix code can be read in one way only, so the coding lost nothing. All losses of this lesson come from the cut and the sharing. The reader in `show.py` was written separately from the writer above, so that an error in one of them alone would show.
#
# *Deeper* compares the file with that of a smaller dense network.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# ### Exercise 2 · How long is each word?
# ★★ · 8 minutes
#
# Write `code_lengths`: from how often each symbol comes, the length of its word in a Huffman code. A symbol that never comes gets length 0; a symbol that is alone gets 1. Several answers can be right: what counts is that a prefix code of these lengths exists, and that the text takes as few bits as possible.
#
# `code_lengths(counts)` → a list of whole numbers, one for each of `counts`, which is a list of 0 to 8 whole numbers, 0 or more
#
# <details><summary>Hint</summary>
# Keep with each tree its count and the symbols in it. When two are joined, each symbol in them is one bit deeper.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
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
# ## Deeper
#
# What follows is for whoever wants to know whether a small dense network would do as well, whether a code of one's own is worth the trouble, why savings do not multiply, what the paper's 6 bits give here, where the values stand, what a bias can repair, and what some trials and counts say of masks, clumps and even grids. An exercise about k-means is at the end.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Would a small dense network do as well?
#
# "Forty times smaller" compares a file with a large one. The fair rival is another small file. Take a network with narrower layers (784, 40, 30, 10), dense, without a cut. It learns for as many passes as the compressed one had in all (eight), then it shares 16 values a layer, trains them for 200 steps, and is coded by the same code. It stores a value for each of its weights and no places at all. A bad learning rate would be unfair to it, so it is trained at two rates, and both are shown.
#
# **Predict.** Is the rival, at its better rate: **A** level with the compressed network or ahead, **B** less than a point behind, **C** more than that? And why?

# %% slideshow={"slide_type": "skip"}
rival_rows = {"compressed": (size["coded"], stages["coded"][1])}


def add_rival(rate):
    torch.manual_seed(0)
    rival = nn.Sequential(nn.Flatten(), nn.Linear(784, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 10))
    small = fine_tuned(shared(train(rival, epochs=8, rate=rate), BITS))
    parts, found = written("rival", small)
    rival_rows[f"dense 40-30, rate {rate:g}"] = sum(parts.values()), found


add_rival(4e-3)

# %% slideshow={"slide_type": "skip"}
add_rival(1e-2)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the rivals into a table.
best_rival = max(found for name, (_, found) in rival_rows.items() if name != "compressed")
rival_behind = rival_rows["compressed"][1] - best_rival
show.rivals(rival_rows)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The rival is less than a point behind (B): in the run on this page its better rate gave 97.44 %, and the compressed network has 97.87 %.** Its file is little more than half as large, which may be the whole reason: this table does not decide who is better at equal bytes.
#
# The rival stores nothing but values. That is its advantage, because half of the compressed file consists of places. So 33,000 weights fit into 13.7 kB, while the compressed network needs 24.0 kB for 22,000. Measured by its ratio alone the rival would win with 78 times against 44, and the 43 digits of 10,000 that it gets wrong in addition would not be mentioned. A ratio without an accuracy says little. A rival of the same 24 kB has layers of about 70 and 30 units. In a trial with longer training, ten passes for both, a rival with 71 and 30 had files of 24.4 and 23.3 kB at two rates, with 97.50 and 97.55 % right. The compressed network had 98.11 % then, so at equal bytes it was more than half a point ahead. Whoever wants to repeat this changes the widths of the rival in the cell above; over several seeds it is a project idea, because this is one network for each row.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Is our own coding worth the trouble?
#
# A control: the compressors of section 1 get the *same* shared network: as `torch.save` writes it, as one byte for each symbol, and in words of fixed length.
#
# **Predict.** Of the best of these, how far is our Huffman file ahead: **A** it is 2 times smaller, **B** a quarter smaller, **C** within a few percent? And why?

# %% slideshow={"slide_type": "skip"}
saved = Path(folder.name) / "shared.pt"
torch.save(tuned.state_dict(), saved)
symbols, fixed_words, huffman_words = [], b"", b""
for m in linear_layers(tuned):
    codes = m.weight.detach()[m.weight != 0].unique(return_inverse=True)[1].tolist()
    for own, alphabet in ((gap_symbols(m.weight), 32), (codes, 2**BITS)):
        symbols += own
        fixed_words += coded(own, alphabet, fixed_lengths)[1]
        huffman_words += b"".join(coded(own, alphabet, huffman_lengths))
forms = {"state_dict, floats": saved.read_bytes(), "one byte a symbol": bytes(symbols), "fixed words": fixed_words}
forms["Huffman, with lengths"] = huffman_words
squeezed = {("gzip", name): gzip.compress(form, 9) for name, form in forms.items()}
squeezed |= {("xz", name): lzma.compress(form, preset=9) for name, form in forms.items()}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the bytes into a table.
show.under_compressors(forms, squeezed)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Our file is within a few percent of the best rival (C), xz on one byte a symbol, probably because xz finds the same uneven frequencies.**
#
# So the work was in the pruning and in the sharing, and not in the code. The first row shows it from another side: these are floats again, of 4 bytes each, as in section 1. But now most of them are 0 and the others have one of 16 values, so bytes come again, and xz brings the file down to less than twice ours. Fixed words are already little more than half as long as one byte a symbol, and a compressor finds less in them, probably because symbols of 4 and 5 bits do not end where bytes end. From the fixed words xz makes a slightly longer file than from one byte a symbol, and gzip a slightly shorter one.
#
# Of Huffman's words themselves a compressor removes about 1 %, as the last row shows. In practice: prune and share, write one byte for each symbol, and let xz do the coding. With gzip, which many systems have, the same symbols take about a ninth more than ours.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What multiplies, and what does not?
#
# Pruning alone (no sharing) makes the file about 10 times smaller, and sharing alone (4 bits for all 266,200 weights, no places) about 8 times. Yet both together, before Huffman coding, came to less than half of 10 · 8.
#
# **Predict.** What stands in the way most: **A** the places, **B** biases and codebooks, **C** that what pruning leaves is harder to share? And why?

# %% slideshow={"slide_type": "skip"}
sharing_alone, its_right = written("alone", shared(dense, BITS), lengths_of=fixed_lengths)
alone = {
    "pruned alone": (size["pruned"], stages["pruned"][1]),
    "shared alone": (sum(sharing_alone.values()), its_right),
    "both": (size["shared"], stages["shared"][1]),
}
ratio = {name: len(plain) / own for name, (own, _) in alone.items()}
without_places = {
    name: len(plain) / (alone[name][0] - stages["shared"][0]["places"]) for name in ("pruned alone", "both")
}
product_kept = ratio["both"] / (ratio["pruned alone"] * ratio["shared alone"])
kept_without_places = without_places["both"] / (without_places["pruned alone"] * ratio["shared alone"])

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts savings alone and together into a table.
show.multiplied(alone, len(plain), without_places)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The places stand in the way most (A), because each weight that stays needs one, and sharing makes no place smaller.**
#
# The caption has the control: leave the bytes of the places out of both files, and the two savings together come to most of their product. What is missing then are biases and codebooks (B). C cannot be the reason, because these files store the same number of bits for a value, whether it is easy to share or not.
#
# So a ratio holds for the bytes that a method shrinks, and savings multiply only where two methods shrink the same bytes. The savings of a student ([[students]]) and of int8 nearly multiply, because the student has fewer weights, without places, and int8 makes each of them smaller. Their file is 33 times smaller, and the product is about 40. Rows with a star come from [[lightning_pruning]] and [[students]], from other training: compare bytes there, and not accuracy.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Six bits, as in the paper
#
# The paper has 64 values for each of these layers and arrives at 27 KB. Here are the files of the same pruned network by bits a value (as shared, without the training of the values, which changes a file by a few bytes).

# %% slideshow={"slide_type": "skip"}
other_bits = {}
for bits in (6, 5, 4):
    parts, found = written(f"bits{bits}", just_shared["k-means", bits])
    other_bits[bits] = sum(parts.values()), found

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the files into a table.
show.more_or_fewer_bits(other_bits, len(plain))

# %% [markdown] slideshow={"slide_type": "skip"}
# With 6 bits this network stays under forty times, with 5 it is just above, and with 4 it has room. In accuracy the rows differ by ten digits of 10,000 at most, which is too little to speak for 6 bits here. The difference from the paper lies in the lengths of the words: its table 2 gives 4.3 or 4.4 bits for a coded value of each layer (and 5.1 in the row of the total), and ours have a little over 5 with 6 bits. Perhaps its values are used less evenly. Its published figures do not say so, and we have not looked into it. Its coding saves a fifth of the file (from 3.1 to 2.49 % of the dense network; its table 2), and ours a sixth.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Where do the values stand?
#
# The weights of fc1 that are left, with the 16 values that k-means gives them, before and after their training.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the histogram, and the values above it.
books = [linear_layers(net)[0].weight.detach().unique() for net in (just_shared["k-means", BITS], tuned)]
show.values_and_weights(fc1_line, *books)

# %% [markdown] slideshow={"slide_type": "skip"}
# The weights stand in two humps, because the cut removed those near 0, and the few in the valley have moved there in the training after it. The values are denser where more weights are, and the outermost ones serve few weights. So some of the 16 values are used often and others seldom, and with fixed words each use costs 4 bits. That is the unevenness from which Huffman coding makes its 0.4 bits.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What can a bias repair?
#
# Section 3 found that 410 biases alone win back nearly as much as values and biases together. How can a bias repair an error that was made in the weights? **By hand**: a neuron has the weights 0.5 and 0.3, and both now share the value 0.4. Its sum is then wrong by $-0.1\,x_1 + 0.1\,x_2$. An image with the inputs 1 and 0.8 is wrong by −0.02, and one with 0.9 and 0.8 by −0.01. The mean error is −0.015. A bias that is larger by 0.015 leaves −0.005 and +0.005.
#
# So the error of a neuron has two parts: one that is the same for all images, and one that changes from image to image. A bias can remove the first part and never the second. A value can work on both, but it stands in many places, so a move that helps one neuron may harm others. How large the two parts are in this network was not measured. [[bit_budget]] measures them for the rounded weights of a convolution, where a batch norm can remove the first part.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What trials say of sections 1 to 4
#
# These figures come from trials with the network of an earlier run of this page, trained longer, whose figures differ somewhat from those above, and from counts by hand. No cell here computes them.
#
# **Values.** 99.7 % of the weights of the dense fc1 have a value of their own. Their last two bytes alone have to repeat, because two bytes have only 65,536 values and fc1 has 235,200 weights.
#
# **Escapes.** The paper does nearly the same as our escape. After a gap that is too long it writes a *filler*, a weight of 0. An escape is cheaper, because no value is stored with it. With 4 bits for a value fc1 needs 2,971 escapes of 5 bits each; by the same count it would need 2,852 fillers of 9 bits each.
#
# **A bit for each place.** The bit mask of [[zero_worth]] takes 235,200 bits for fc1, which is 12.5 bits for each of the 18,816 weights that stay. The gaps need 5.79, so they are better here. A mask is nothing else than gaps of one bit: the escape, 1, stands for one zero and no weight yet, and 0 for a weight. It is the better choice where many weights stay. By hand, with half of the weights at random places: a mask takes 2 bits a weight. Symbols of 2 bits have the escape 3, three zeros in a row have a probability of $0.5^3 = 0.125$, so a weight needs $0.125 + 0.125^2 + … = 0.143$ escapes, and $2 \cdot 1.143 = 2.3$ bits.
#
# **Density.** By the calculation of section 2, with 26 % of the weights left at random places, symbols of 3 bits would take 3.4 bits a place ($0.74^7 = 0.12$), and symbols of 5 bits just over 5.
#
# **Clumps.** Is it the rim of the images, which is nearly always black? No. When each *pixel* keeps its number of weights, and they are shuffled among the 300 neurons, a place costs 5.43 bits, hardly more than at random (5.40). When each *neuron* keeps its number of weights, which is from 0 to 176, and they are shuffled among the pixels, it costs 5.58. As trained it costs 5.79. So about half of the surplus comes from neurons with many weights and others with few. The rest is the arrangement within a neuron.
#
# **Clumps that follow each other.** The entropy of a gap of fc1, given the gap before, is 3.47 bits in place of 3.73. With the gaps in random order it is 3.69.
#
# **More rounds.** With 1,000 rounds in place of 30 the error of 32 values falls by another quarter, and that of 4 or 8 values hardly or not at all. The error still grows 2.8 to 3.4 times with each bit less. So stopping early is not the reason why this factor is about three. (The paper tried three beginnings for k-means, and the even one was best; its section 3.2. The reason that it gives: a layer has few large weights, but they matter more than small ones, and the two other beginnings put hardly any centroid near them, because they begin where many weights are. By hand: of 100 weights 98 lie between −0.1 and 0.1, one is −1 and one is 1. Four centroids that begin at four weights drawn at random all begin among the 98 in most draws, with a probability of $0.98 \cdot 0.98 \cdot 0.98 \cdot 0.98 = 0.92$. An even beginning has one at −1 and one at 1.)
#
# **An even grid with a shorter range.** With 2 bits, a grid over half of the range gives 97.2 % right, where the whole range has 92.4 and k-means 97.6. Two of the four values of the whole range stand at the least and at the largest weight, where hardly any weight is. The ranges were tried on the test images.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · One step of sharing
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("deep_compression")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Throw digits away first, then code: a compressor finds little in trained floats, and a lot in a few values.
# - Store the gap before a weight and not its address. The places are about half of this file, because sharing cannot shrink them.
# - k-means gives a layer a few values, which are trained like weights. Before you say what won accuracy back, train the parts alone, each at its best rate.
# - Count all bytes of one file that a fresh process reads. It is small on disk, and in memory as large as before.
#
# <!-- page -->
#
# **Going further**: S. Han, H. Mao, W. Dally, *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149); S. Han et al., *Learning both weights and connections*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626);
# D. Huffman, *A method for the construction of minimum-redundancy codes*, 1952, [doi:10.1109/JRPROC.1952.273898](https://doi.org/10.1109/JRPROC.1952.273898); S. Han et al., *EIE*, 2016, [arXiv:1602.01528](https://arxiv.org/abs/1602.01528) (a processor that computes with pruned and shared weights). Next here: [[bit_budget]] gives each layer bits of its own, and [[shipping]] asks which of all the files of this course you would ship.
#
# **Project ideas**: a dense rival of the same bytes (*Deeper*), over several seeds; order the columns of fc1 so that gaps get shorter; biases in 8 bits; another beginning for k-means, at 2 bits; the same for the student.
#
# **Credits**: the recipe is that of Han, Mao and Dally; format and code are written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the list on the board, and let somebody put a factor to each word, from the bars under the list: prune 10, share nearly 4, code 1.2. Say: "You now have a file. Next: which bits does which layer deserve?" ([[bit_budget]])
