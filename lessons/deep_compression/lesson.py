# ---
# jupyter:
#   course:
#     promise: You will prune, share and code a network into one file that is about forty times smaller, and prove that another process can read it.
#     seconds: 50
#     needs: [prune_module, integers]
#     goals:
#       - write a row of pruned weights by hand as gaps, shared values and short words;
#       - count every byte of the file, and say what each stage brings alone and on top of the others;
#       - prove that a process which knows only the format reads the same network.
#     terms: [centroid, codebook, Huffman coding, prefix code, weight sharing]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How small can the file of one network get?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims
from lessons.deep_compression import show
from lessons.deep_compression import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. What does gzip find?
#
# LeNet-300-100 reads handwritten digits. Its file takes a megabyte, and you have to send it over a slow line. So you zip it.
#
# We train it on MNIST with `train`, and keep 5,000 of the training images back, the *held-out* ones, for choices. All other results are on the test images.
#
# **Predict.** Under *gzip*, does the file shrink **A** by nine tenths, **B** by half, **C** by less than a tenth?

# %%
import gzip

import torch

from course_utils import models
from lessons.deep_compression.show import line, percent_right, saved, share, train

# %% zip_it
torch.manual_seed(0)
dense = models.LeNet300100()
train(dense, passes=3)
plain = saved(dense)  # the bytes that torch.save writes
print(f"{percent_right(dense):.1f} % right, {len(plain):,} bytes, under gzip {len(gzip.compress(plain)):,}")

# %% [markdown] tags=["answer"]
# **By less than a tenth (C), because gzip needs strings that repeat, or bytes that are more frequent than others.** The digits of a trained weight such as 0.0317459 hardly ever come twice, and all digits are about equally frequent. So only the byte with a weight's rough size, often the same, should compress.

# %% [markdown]
# Of the four bytes of a float, the last holds its sign and its rough size, and the first two only its least significant digits. We zip each alone:

# %% four_bytes tags=["hide-input"]
# Zips each of the four bytes of the first layer's weights alone, and prints how much is left.
show.four_bytes(dense)

# %% [markdown]
# So the digits are to blame. Zipped alone, the last byte would save a sixth of the file, but gzip uses one code for all four. Let's *make* values repeat, at little cost in accuracy. In 2015, Han, Mao and Dally did this in three stages, *prune, share, code*, and took a network of this shape from 1,070 kB to 27 kB ([*Deep compression*](https://arxiv.org/abs/1510.00149)). In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Prune, and say where the weights are
#
# A weight that's gone needs no digits. So we cut the smallest ones, as in [[prune_module]], and keep 8, 9 and 26 % of the three layers' weights, like the paper. They train for two more passes. A `twin` with all its weights trains on as well, to show what the cut costs. For each we tried two learning rates, and kept the better on held-out images.

# %% prune_and_train
import copy

from torch.nn.utils import prune

twin, pruned = copy.deepcopy(dense), copy.deepcopy(dense)
train(twin, passes=2, rate=0.004)
for layer, left in zip(pruned.children(), (0.08, 0.09, 0.26), strict=True):
    prune.l1_unstructured(layer, "weight", amount=1 - left)
train(pruned, passes=2, rate=0.008)
for layer in pruned.children():
    prune.remove(layer, "weight")
print(f"pruned {percent_right(pruned):.1f} %, twin {percent_right(twin):.1f} % right")

# %% [markdown]
# A twelfth of the weights is left, but the file is as large as ever, because a zero takes four bytes, too. If we leave the zeros out, the file must say *where* the other weights are.
#
# Take a row of 13 weights, of which six are left:
#
# `0  0  0.7  0  −1.0  0.6  0  0  0  1.4  0  0.7  −0.3`
#
# In [[prune_module]] we stored one bit for each position. With a twelfth of the weights left, that's about 12 bits for each of them. It's cheaper to store the *gaps*, the numbers of zeros between a weight and the one before: 2, 1, 0, 3, 1, 0.
#
# Most gaps are short, but some are very long. With 5 bits we have 32 symbols: 0 to 30 are gaps, and the last one, 31, is an *escape*. It means "31 zeros, and no weight yet". So a gap of 70 is written as 31, 31, 8, and a gap of 31 as 31, 0.


# %%
def gap_symbols(weights, bits=5):
    escape = 2**bits - 1
    symbols, places = [], weights.nonzero().flatten()
    for gap in (places.diff(prepend=torch.tensor([-1])) - 1).tolist():  # as if a weight stood at -1
        symbols += [escape] * (gap // escape) + [gap % escape]
    return symbols


print(gap_symbols(torch.tensor([0, 0, 0.7, 0, -1.0, 0.6, 0, 0, 0, 1.4, 0, 0.7, -0.3])))

# %% [markdown]
# What does a place cost on average, escapes included?

# %% cost_of_a_place
bits = 5
symbols = gap_symbols(line(pruned), bits)  # of all layers, one after another
print(f"{bits * len(symbols) / int(line(pruned).count_nonzero()):.2f} bits for each place")

# %% [markdown]
# **Try it.** Is 5 a good choice? In the last cell change `bits = 5` to 3, then to 8, and then back.
#
# <details><summary>What others found</summary>
#
# As long as all symbols have the same length, 5 bits are close to the cheapest. With 3, many weights need several escapes, and with 8, short gaps pay for bits that only long ones need.
#
# </details>

# %% [markdown]
# ## 3. Share a few values
#
# A place now costs about 6 bits, but the weight itself still costs 32. What if all weights had to share 16 values? Then each would only store the *number* of its value, from 0 to 15, in 4 bits. The list of values, the **codebook**, is stored once. This is **weight sharing**.
#
# Let the weights of our row, −1.0, −0.3, 0.6, 0.7, 0.7 and 1.4, share three values. We begin with three that are evenly spaced from the smallest weight to the largest: −1.0, 0.2 and 1.4. Then we repeat two steps.
#
# 1. *Each weight joins the nearest value.* −1.0 is alone, 1.4 is alone, and the other four join 0.2.
# 2. *Each value moves to the mean of its weights.* The middle one moves to (−0.3 + 0.6 + 0.7 + 0.7) / 4 = 0.43.
#
# Now step 1 again: −0.3 is 0.73 away from the middle value, but only 0.7 from −1.0. So it changes sides, and in step 2 the values move to −0.65, 0.67 and 1.4. After that, no weight changes. Such a mean is a **centroid**, and the method is **k-means**.
#
# We store the three centroids, and for each weight of the row the number of its own: 1, 0, 1, 2, 1, 0.
#
# `share(net, many)` does this for the whole network, with one codebook for all layers. Zeros stay out of it, since the gaps tell where they are. How many values do we need?

# %% few_values tags=["hide-input"]
# Shares 64 to 4 values, and tabulates the accuracy on the held-out images.
show.few_values(pruned)

# %% [markdown]
# Down to 8 values, the differences are fewer than ten images, which may be chance. We take 16, the cautious choice.

# %%
small = share(pruned, 16)

# %% [markdown]
# ## 4. Short words for frequent symbols
#
# So far every gap symbol takes 5 bits and every number of a value 4. Shorter words for frequent symbols, and longer ones for rare symbols, would be cheaper. But how does a reader know where a word ends? We let no word be the beginning of another. Then a word ends as soon as the bits read so far match one. Such words form a **prefix code**.
#
# How long should the words be? To keep our row's numbers apart from bits, let's write A, B and C for 0, 1 and 2: B, A, B, C, B, A. That's B three times, A twice and C once. **Huffman coding** joins the two rarest symbols into a group, which then counts as one symbol, and so on. Each time, all words in the new group get one bit longer. That costs one bit for each occurrence, so it's cheapest with the rarest:
#
# - We join C and A, the rarest, and both words get one bit.
# - That leaves this group and B. We join them, too, and all three words get one bit more.
#
# So B has a word of one bit, and A and C have two bits: 3 · 1 + 2 · 2 + 1 · 2 = **9 bits**. Words of equal length would need 12.
#
# With the words 0 for B, 10 for A and 11 for C, that's `0 10 0 11 0 10`, which can be read without the spaces. The file stores only the *lengths* of the words, from which the reader can make them (*Deeper*).

# %% uneven tags=["hide-input"]
# Draws how often each gap and each value occurs in the network, and says how long their words are.
gaps = gap_symbols(line(small))
codes = line(small)[line(small) != 0].unique(return_inverse=True)[1].tolist()
show.uneven(gaps, codes)

# %% [markdown]
# If all symbols were equally frequent (dashed), nothing could be saved. The gaps are far less even than the values, so Huffman coding saves more on them.

# %% [markdown]
# ## 5. One file, to the last byte
#
# Now we write the file, and count its six parts:

# %% parts
from lessons.deep_compression.words import file_parts, huffman

parts = file_parts(small, gap_symbols(line(small)), huffman)
print({name: len(part) for name, part in parts.items()})

# %% [markdown]
# *How many* says how many gap symbols there are, and how many values the codebook has. Each *length of a word* takes a byte. The *codebook* and the *biases* are floats. *Places* are the words of all gaps, and *codes* the words of the weights' numbers. **About half of the file now says where the weights are.**
#
# Did we forget something? The script `reader.py` knows only the format, which includes the layers' shapes and the 5 bits. It shares no code with our writer, so the two won't make the same slip, and a fresh process lacks our variables.

# %%
import subprocess
import sys

from course_utils.files import ROOT
from lessons.deep_compression.reader import report

# %% a_fresh_process
path = show.written(parts)  # a new file with all six parts
command = [sys.executable, "-m", "lessons.deep_compression.reader", path]
there = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
print(f"here:  {report(small)}\nthere: {there}", end="")
print(f"{len(plain) / path.stat().st_size:.1f} times smaller than at first")

# %% [markdown]
# The *digest* is a fingerprint of all weights and biases: one changed bit would give another. So the reader has exactly our network, and coding loses nothing. Pruning and sharing together did lose accuracy: in this one network, after these two passes, the file makes about a third more errors than the twin.
#
# Now that values repeat, gzip alone comes to about twice our file's size, without any format of ours: `len(gzip.compress(saved(small)))`.
#
# But only the *file* is small. The reader unpacks it into an ordinary network, which needs as much memory and time as before.
#
# ### Which stage did the work?
#
# We write all eight files in our format, with each stage or without it. Without sharing, we code the single bytes of the floats, with one prefix code for all four bytes of a float, as gzip does. For the files without pruning, we take the twin.
#
# **Predict.** Pruning alone makes the file about ten times smaller. Now take the twin's file, already shared and coded, and prune as well. Does that make it **A** ten times smaller again, **B** about five times, **C** hardly smaller?

# %% eight_files tags=["hide-input"]
# Writes the eight files, and draws their bytes.
files = show.stages(twin, pruned)
show.eight_files(files)

# %% [markdown] tags=["answer"]
# **About five times (B), because the place of a weight costs little beside 32 bits, but a lot beside 4.**

# %% [markdown]
# Pruning keeps one weight in twelve, and adds its place. With floats, that's 32 + 6 bits instead of 12 · 32, about a tenth. With shared values, it's 4 + 6 instead of 12 · 4, about a fifth. Coding then shortens both files by about a fifth, so this hardly changes. Sharing can't shrink the 6 bits of a place, so on top of pruning it brings four times, not eight.

# %% [markdown]
# ## Exercise · How should a layer say where its weights are?
# ★★ · 10 minutes
#
# Write `gap_bits(weight)`: how many bits, 1 to 8, should a gap symbol have, so that this layer's gaps and values take the fewest bits? Each remaining weight adds 4 bits for its value. Ignore Huffman coding. Without gaps, *every* weight takes 4 bits, with zero as one of the 16 values. Return 0 where that's cheaper. If there's a tie, return the smaller number.
#
# First on paper: what would a symbol of 1 bit say in our row?
#
# <details><summary>Hint</summary>
#
# With 1 bit, 0 says "a weight", and 1, the escape, says "a zero". So each position up to the last weight takes one bit. The gaps run through all rows, so flatten the weight first.
#
# </details>


# %% tags=["exercise"]
def gap_bits(weight):
    """The number of bits of a gap symbol, 1 to 8, with which a layer is cheapest; 0 if it is cheaper without gaps."""
    raise NotImplementedError


# %% tags=["check"]
check.gap_bits(gap_bits)


# %% tags=["solution", "hide-cell"]
def gap_bits_solution(weight):
    places = weight.flatten().nonzero().flatten()
    gaps = places.diff(prepend=torch.tensor([-1])) - 1
    costs = {0: 4 * weight.numel()}
    for bits in range(1, 9):
        escape = 2**bits - 1
        symbols = int((gaps // escape + 1).sum())
        costs[bits] = bits * symbols + 4 * len(gaps)
    return min(costs, key=costs.get)


# %% [markdown]
# ## Remember
#
# - gzip finds little in float32 weights, because their digits hardly repeat. So first make values repeat: prune, share, and then code.
# - Store the gap before a weight, the number of its value, and give frequent symbols short words.
# - Count all bytes of a file that a fresh process has read. A stage's gain depends on what the others have left.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("deep_compression")

# %% [markdown]
# ## Deeper
#
# ### How short can words get?
#
# Ideally, a symbol with probability $p$ takes $\log_2 (1/p)$ bits: one bit for a half, two for a quarter. No prefix code that gives each symbol one word has a smaller mean length than the mean of these, the *entropy*. Our three symbols have the probabilities 3/6, 2/6 and 1/6. Ideally, they take 1, 1.58 and 2.58 bits, and the mean is 1.46. Huffman's words have 9 / 6 = 1.5, so hardly anything is left to gain.
#
# ### From lengths to words
#
# Go through the symbols from short words to long ones, and in a fixed order, here the alphabet, where the words are equally long. The first word is all zeros. Each next one is the one before plus 1, with zeros appended if it must be longer. For B, A and C of section 4:
#
# | symbol | length | word |
# |---|---|---|
# | B | 1 | 0 |
# | A | 2 | 0 + 1 = 1, with a zero: 10 |
# | C | 2 | 10 + 1 = 11 |
#
# ### What the paper does differently
#
# The paper gives each layer a codebook of its own, and trains on after sharing. All weights with the same value move together, so the gradient of a centroid is the *sum* of its weights' gradients. The file doesn't grow, since it has the centroids anyway. The paper reports no loss of accuracy. Its file is 40 times smaller than at first, and ours a bit more than that, probably because its values take 6 bits and ours 4.

# %% [markdown]
# **Sources.** S. Han, H. Mao and W. J. Dally, *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149), tables 1 and 2; D. Huffman, *A method for the construction of minimum-redundancy codes*, 1952, [doi:10.1109/JRPROC.1952.273898](https://doi.org/10.1109/JRPROC.1952.273898); C. Shannon, 1948, [doi:10.1002/j.1538-7305.1948.tb01338.x](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x), on the entropy.
#
# **Going further.** S. Han et al., *EIE*, 2016, [arXiv:1602.01528](https://arxiv.org/abs/1602.01528), a processor that computes with pruned and shared weights. Projects: biases in 8 bits; a small dense network with shared values whose file is as large as ours; one byte for each position under xz.
#
# **Credits.** The recipe is that of Han, Mao and Dally; format and code are written for this course. Text CC BY 4.0, code MIT.
#
# **What's still open.** All three layers got 4 bits here, though one of them may need more than another. How do you find out which one, and who pays for its bits?
