# ---
# jupyter:
#   course:
#     promise: You will prune, share and code a network into one file that is about forty times smaller, and prove that a stranger can read it.
#     seconds: 50
#     needs: [prune_module, integers]
#     goals:
#       - write the weights of a pruned network as gaps, shared values and short words;
#       - count every byte of the file;
#       - prove that a process which knows only format and class reads the same network.
#     terms: [centroid, codebook, Huffman coding, prefix code, relative index, weight sharing]
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

from course_utils.scorecard import claims
from lessons.deep_compression import checks as check
from lessons.deep_compression import show
from lessons.deep_compression.words import fixed

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Zip it?
#
# LeNet-300-100 has learned to read digits. Its file takes a megabyte.
#
# **Predict.** We give the file to *gzip*. Does it shrink **A** by a tenth or less, **B** by half, **C** by nine tenths?

# %%
import gzip

import torch

from course_utils import models
from lessons.deep_compression.show import percent_right, saved, train

# %% zip_it
torch.manual_seed(0)
dense = models.LeNet300100()
train(dense, passes=5)
plain = saved(dense)  # the bytes that torch.save writes
print(f"{percent_right(dense):.1f} % right")
print(f"{len(plain):,} bytes, under gzip {len(gzip.compress(plain)):,}")

# %% [markdown] tags=["answer"]
# **By a tenth or less (A), because a compressor needs something that comes again.** The digits of a trained weight such as 0.0317459 are as good as random.

# %% [markdown]
# So we have to *make* values come again, without losing accuracy. In 2015 a network of this shape went from 1,070 kB to 27 kB, forty times smaller, with no more errors than before ([Han, Mao and Dally](https://arxiv.org/abs/1510.00149)). We follow its three stages: *prune, share, code*. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Prune, and say where
#
# Han, Mao and Dally (2015) keep 8, 9 and 26 % of the weights of the three layers. We cut the smallest, as in [[prune_module]], and train the rest once more under the mask.
#
# `train` goes through the digits of MNIST in batches of 200, with Adam. It leaves 5,000 of the 60,000 out; they are *held out*, so that we can choose with them later.

# %% prune_and_say_where
import copy

from torch.nn.utils import prune

pruned = copy.deepcopy(dense)
for layer, left in zip(pruned.children(), (0.08, 0.09, 0.26), strict=True):
    prune.l1_unstructured(layer, "weight", amount=1 - left)
cut = percent_right(pruned)
train(pruned, passes=3)
for layer in pruned.children():
    prune.remove(layer, "weight")
print(f"cut: {cut:.1f} % right, trained again: {percent_right(pruned):.1f} %")

# %% [markdown]
# Of 266,200 weights a twelfth is left, and the file is as large as ever, because a zero takes four bytes like any other float. If we leave the zeros out, the file must say *where* each weight stands. One way is its address. `fc1` has 235,200 places, so an address takes 18 bits, more than half of the 32 bits of the weight.
#
# Here is a better way. Whoever explains the road to a friend does not give coordinates. He says: "pass two houses, ring at the next one." So we store only how many zeros lie between a weight and the one before. This gap is called the **relative index**.

# %% [markdown]
# ### Ten weights
#
# Tell the way, not the address.

# %% ten_weights tags=["hide-input"]
# Draws ten weights and their gaps.
show.ten_weights()

# %% [markdown]
# The gaps are 2, 1, 0 and 3. Two bits are enough for each, so the four places take 8 bits.
#
# In our network most gaps are short and a few are very long. We take 5 bits, that is 32 symbols. 0 to 30 mean a gap. The last symbol, 31, is an *escape*: "31 zeros, and no weight yet". A gap of 70 is written as 31, 31, 8, and a gap of exactly 31 as 31, 0. All layers stand one after another in one line.


# %%
def line(net):
    return torch.cat([layer.weight.detach().flatten() for layer in net.children()])


def gap_symbols(weights, bits=5):
    escape = 2**bits - 1
    symbols, places = [], weights.nonzero().flatten()
    for gap in (places.diff(prepend=torch.tensor([-1])) - 1).tolist():
        symbols += [escape] * (gap // escape) + [gap % escape]
    return symbols


print(gap_symbols(torch.tensor([0, 0, 0.5, 0, -0.3, 0.2, 0, 0, 0, 0.4])))

# %% [markdown]
# ### What does a place cost?
#
# A symbol takes 5 bits. A twelfth of the weights is left.
#
# **Predict.** How many bits does a weight need for its place, on average: **A** exactly 5, **B** between 5 and 7, **C** about 10?

# %% what_does_a_place_cost
weights = line(pruned)
bits = 5
cost = bits * len(gap_symbols(weights, bits)) / weights.count_nonzero()
print(f"{cost:.2f} bits for each place")

# %% [markdown] tags=["answer"]
# **Between 5 and 7 (B), because most gaps take one symbol, and a few need escapes.** At random places a gap would reach 31 zeros with a probability of $0.92^{31}$, 7 to 8 %.

# %% [markdown]
# **Try it.** In the last cell change `bits = 5` to 3, then to 8, and run it again. Which number of bits is cheapest? Then change it back.
#
# <details><summary>What others found</summary>
#
# With words of equal length 5 bits were cheapest, with 4 and 6 close behind. With 3 bits many weights need several escapes, and with 8 bits every short gap pays for bits that only long ones need.
#
# </details>

# %% [markdown]
# ## 3. Share values
#
# Five weights in two groups, each with its mean as value: −1.0, −0.9, 0.2, 0.3, 1.5
#
# | border | first group | second group | their means |
# |---|---|---|---|
# | 0.25 | −1.0, −0.9, 0.2 | 0.3, 1.5 | −0.57, 0.9 |
# | 0.17 | −1.0, −0.9 | 0.2, 0.3, 1.5 | −0.95, 0.67 |
# | −0.14 | −1.0, −0.9 | 0.2, 0.3, 1.5 | the same |

# %% [markdown]
# A place now costs about 6 bits, and the weight that stands there still 32. Most of these bits are digits that no other weight has.
#
# Suppose that all weights agree on 16 values. Then a weight stores only the *number* of its value, from 0 to 15, in 4 bits. The list of the values, the **codebook**, is stored once. This is **weight sharing**. The integers of [[integers]] share values as well, at equal distances. Here a value may lie anywhere, so that many values lie where many weights are.
#
# Which values? **k-means** finds them. The table shows it for five weights and two values. We begin with the least and the largest weight, −1.0 and 1.5. The border lies half-way, at 0.25. Each weight belongs to the value on its side, and each value moves to the mean of its group, so it is called a **centroid**. Then the border has moved, too, and 0.2 changes sides. In the next round nobody does. The five weights are stored as 0, 0, 1, 1, 1 and the two values −0.95 and 0.67. `k_means` makes 30 such rounds, and `nearest` gives each weight the number of its value.


# %%
from lessons.deep_compression.values import k_means, nearest


def share(net, many):
    net, values = copy.deepcopy(net), line(net)
    centroids = k_means(values[values != 0], many)
    for layer in net.children():
        old = layer.weight.data
        shared = centroids[nearest(old, centroids)]
        layer.weight.data = torch.where(old == 0, 0.0, shared)
    return net


# %% [markdown]
# Only the weights that are left share values; the gaps tell where the zeros are. How many values do they need?

# %% [markdown]
# ### How few values?

# %% few_values tags=["hide-input"]
# Shares 64 to 4 values, and puts what is right of the held-out digits into a table.
show.few_values(pruned, share)

# %% [markdown]
# We take 16 values: 4 bits in place of 32.

# %% [markdown]
# Down to 16 values hardly anything is lost.

# %%
small = share(pruned, 16)

# %% [markdown]
# ## 4. Short words for frequent symbols
#
# Join the two rarest, again and again.

# %% tree tags=["hide-input"]
# Draws the tree of five symbols.
show.tree()

# %% [markdown]
# Now every gap takes 5 bits and every value 4, whether it comes often or hardly ever. Morse did better: the frequent letter E is a single dot.
#
# But Morse needs a pause after each letter. Our words stand end to end, so the reader must see where each one ends. He does if no word begins with another word. This is a **prefix code**, and it can be drawn as a tree with the symbols at its ends. Read 0011110: from the top go left, left: a. Begin at the top again: right, right, right: e. Then c.
#
# **Huffman coding** finds a best such tree. Five symbols come 8, 8, 5, 4 and 3 times. The rarest should stand deepest. So join the two rarest, d and e, to a group with the sum 7. Now 5 and 7 are the two rarest, so c joins this group: 12. Then a and b make 16, and both make 28. Every joining puts all symbols in it one step deeper.
#
# Count the bits: $(8 + 8 + 5) \cdot 2 + (4 + 3) \cdot 3 = 63$. Words of equal length need 3 bits for five symbols, and so 84 in all.
#
# Can another code be shorter? No prefix code that gives each symbol one word comes below the *entropy*, the mean of $\log_2 (1/p)$, where $p$ is the share of a symbol. Here it is 2.22 bits a symbol, and $63 / 28 = 2.25$.

# %% [markdown]
# ### The symbols of our file

# %% uneven tags=["hide-input"]
# Draws how often each gap and each value comes, and says how long their words are.
gaps = gap_symbols(line(small))
codes = line(small)[line(small) != 0].unique(return_inverse=True)[1].tolist()
show.uneven(gaps, codes)

# %% [markdown]
# Huffman coding saves more with the gaps, because their shares are far less even. A gap of 0 alone, nearly always a weight right behind another, makes up about a third of them.
#
# What must the file say about the words? Only their *lengths*: writer and reader make the same words from them by one rule.

# %% [markdown]
# ## 5. One file, byte by byte
#
# | what the file holds | bytes |
# |---|---:|
# | how many gap symbols, how many values | 8 |
# | the length of each word: 32 gap symbols, 16 values | 48 |
# | the codebook: 16 floats | 64 |
# | the biases: 410 floats | 1,640 |
# | the words of the gaps | half of the file |
# | the words of the values | two fifths |

# %% [markdown]
# That is the whole format. Only the shapes of the layers are missing: the reader knows the class. `file_parts` writes the six parts. It counts the symbols, and `huffman` makes the lengths of their words from the counts; you will write it yourself in the exercise.

# %%
from lessons.deep_compression.words import file_parts, huffman

parts = file_parts(small, gap_symbols(line(small)), huffman)
print({name: len(part) for name, part in parts.items()})

# %% [markdown]
# ### The four files
#
# **Predict.** Which stage removes the smallest share of what it finds: **A** prune, **B** share, **C** code?

# %% four_files tags=["hide-input"]
# Draws the four files.
files = show.files_of(plain, dense, pruned, small, weights, gaps, parts, file_parts(small, gaps, fixed))
show.four_files(files)

# %% [markdown] tags=["answer"]
# **Coding (C), because it can only use that some symbols come more often than others.** It takes about a sixth of the file. Pruning took nine tenths, and sharing more than two thirds of the rest.

# %% [markdown]
# We have passed forty, with 4 bits a value where the paper has 6, and with some tenths of a point lost where the paper loses none. Half of the file now says *where* the weights are. Sharing made a weight eight times cheaper and its place not at all.
#
# Two prices belong to this success. The file is small on the disk and on the line; to compute, it is unpacked into dense floats, and the network is as large and as slow as before. And forty times smaller than *what*? A small dense network of some 16 kB, with shared and coded values, is about a point behind (*Deeper*).

# %% [markdown]
# ### Can a stranger read it?
#
# The script `reader.py` knows the format. It shares no code with the writer, and it runs in a process of its own.

# %%
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from course_utils.files import ROOT
from lessons.deep_compression.reader import report

# %% can_a_stranger_read_it
path = Path(mkdtemp()) / "small.bin"
path.write_bytes(b"".join(parts.values()))
command = [sys.executable, "-m", "lessons.deep_compression.reader", path]
there = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
print(f"here:  {report(small)}\nthere: {there}")

# %% [markdown]
# The *digest* is a fingerprint of all weights and biases: if a single bit differs, it is another one. Both are equal, so the stranger has exactly our network. Everything that was lost went in the cut and in the sharing.

# %% [markdown]
# ## Exercise · How long is each word?
# ★★ · 10 minutes
#
# `word_lengths(counts)` returns a list: for each symbol the length of its word in a Huffman code. `counts` says how often each symbol comes. At least two symbols come; a symbol that never comes gets 0. Where equal counts leave a choice, every choice is right.
#
# On paper: the counts 8, 8, 5, 4, 3. What comes back?
#
# <details><summary>Hint</summary>
#
# On paper: `[2, 2, 2, 3, 3]`. Keep a list of groups, each with its sum and the symbols in it: `(7, [3, 4])`. `groups.sort()` puts the two rarest first.
#
# </details>


# %% tags=["exercise"]
def word_lengths(counts):
    """The length of each symbol's word; 0 for a symbol that never comes."""
    raise NotImplementedError


# %% tags=["check"]
check.word_lengths(word_lengths)


# %% tags=["solution", "hide-cell"]
def word_lengths_solution(counts):
    lengths = [0] * len(counts)
    groups = [(count, [symbol]) for symbol, count in enumerate(counts) if count > 0]
    while len(groups) > 1:
        groups.sort()
        joined = groups[0][1] + groups[1][1]
        for symbol in joined:
            lengths[symbol] += 1
        groups = [(groups[0][0] + groups[1][0], joined)] + groups[2:]
    return lengths


# %% [markdown]
# Now write the file with *your* words. In section 5 put `word_lengths` in place of `huffman` where `parts` is made. Run that cell again, and then the one with the stranger.
#
# <details><summary>What others found</summary>
#
# The file has as many bytes as before, and the digests are equal. Your words may differ from ours, since equal counts leave a choice. The reader does not mind: he has the lengths from the file.
#
# </details>

# %% [markdown]
# ## Remember
#
# - gzip finds little in trained float32 weights. First make values come again: prune, share, and then code.
# - Store the gap before a weight, the number of its value, and give frequent symbols short words.
# - Count all bytes of one file that a fresh process reads, and say how small a dense rival is.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"]
claims.show("deep_compression")

# %% [markdown]
# ## Deeper
#
# ### The paper's six bits
#
# The paper has 64 values in each layer of this network, and arrives at 27 kB. Our network with 64, 32 and 16 values:


# %%
def in_file(net):
    parts = file_parts(net, gap_symbols(line(net)), huffman)
    n_bytes = sum(len(part) for part in parts.values())
    smaller = f"{n_bytes:,} bytes, {len(plain) / n_bytes:.1f} times smaller"
    return f"{smaller}, {percent_right(net):.2f} % right"


for many in (64, 32, 16):
    print(f"{many} values: {in_file(share(pruned, many))}")

# %% [markdown]
# With 64 values we stay below forty.
#
# ### The dense rival
#
# A ratio compares a file with a large one. The fair opponent is another small file. Take narrower layers, 784–40–30–10, without a cut. This network gets as many passes as ours had in all, at a higher learning rate. Then it shares 16 or 32 values and gets Huffman's words. All its gaps are 0, and a symbol that is alone takes no bits.

# %%
from torch import nn

torch.manual_seed(0)
narrow = models.LeNet300100()
narrow.fc1, narrow.fc2 = nn.Linear(784, 40), nn.Linear(40, 30)
narrow.fc3 = nn.Linear(30, 10)
train(narrow, passes=8, rate=0.01)
for many in (16, 32):
    print(f"narrow, {many} values: {in_file(share(narrow, many))}")

# %% [markdown]
# The rival stores a value for each weight and no place at all, so its 33,000 weights take less room than the 22,000 of ours. By the ratio alone it would win clearly. It pays with about a point. Who is better at equal bytes? Widen the rival until its file is as large as ours, train several, and compare.
#
# ### What multiplies?
#
# Pruning alone makes the file about ten times smaller. Sharing alone, 4 bits for each of the 266,200 weights, makes it nearly eight times smaller. Does that make eighty times together?

# %% tags=["hide-input"]
# Prints how many times smaller the files are.
show.multiplied(files, file_parts(share(dense, 16), gap_symbols(line(dense)), fixed))

# %% [markdown]
# Less than half of that, because sharing shrinks only the values, and pruning has added places.

# %% [markdown]
# **Sources.** S. Han, H. Mao and W. J. Dally, *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149), tables 1 and 2; D. Huffman, *A method for the construction of minimum-redundancy codes*, 1952, [doi:10.1109/JRPROC.1952.273898](https://doi.org/10.1109/JRPROC.1952.273898); C. Shannon, 1948, [doi:10.1002/j.1538-7305.1948.tb01338.x](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x), on the entropy.
#
# **Going further.** S. Han et al., *EIE*, 2016, [arXiv:1602.01528](https://arxiv.org/abs/1602.01528), a processor that computes with pruned and shared weights. Projects: find out whether 16 values at equal distances would do as well; train the shared values, which have the sum of their weights' gradients; biases in 8 bits; a rival of equal bytes. Next here: [[bit_budget]].
#
# **Credits.** The recipe is that of Han, Mao and Dally; format and code are written for this course. Text CC BY 4.0, code MIT.
