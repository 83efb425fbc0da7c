# ---
# jupyter:
#   course:
#     promise: You will say from how many zeros on a file gets smaller and a layer gets faster, and measure it for your own layer.
#     seconds: 40
#     needs: [prune_module]
#     goals:
#       - store a matrix in CSR by hand, and multiply with it;
#       - compute from which share of zeros each kind of file is smaller;
#       - say when a sparse kernel wins, and measure it.
#     terms: [bit mask, CSR, kernel]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *From how many zeros on does a layer get faster?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, hides three notices about sparse tensors, and imports the drawings, the check and the scorecard.
import warnings

import torch

from course_utils.scorecard import claims
from lessons.zero_worth import checks as check
from lessons.zero_worth import show

for notice in ("Sparse CSR tensor support", "Sparse invariant checks", "Validating sparse tensor invariants"):
    warnings.filterwarnings("ignore", notice)
torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Half of the work
#
# A layer has 1,024 inputs and 1,024 outputs. We prune half of its weights, the smallest, and remove the mask.
#
# The zeros cost as much as before: PyTorch multiplies by 0 as it does by any number. The routine that computes a layer is called a **kernel**, and the usual one is *dense*: it goes through all the numbers.
#
# PyTorch also has a *sparse* kernel, which skips the zeros. The call `to_sparse_csr()` brings the matrix into the form that this kernel reads, and a linear layer takes it as its weight. Then half of the multiplications are left.

# %% [markdown]
# **Predict.** PyTorch's *sparse* kernel skips the zeros. For 64 images, how long does it take, compared with the usual *dense* one: **A** half as long, **B** about as long, **C** more than twice as long?

# %%
import torch
from torch import nn
from torch.nn.functional import linear
from torch.nn.utils import prune

from course_utils.measure import timing

torch.set_grad_enabled(False)  # we only multiply here


def pruned(left, width=1024):
    layer = nn.Linear(width, width, bias=False)
    prune.l1_unstructured(layer, "weight", amount=1 - left)
    prune.remove(layer, "weight")
    return layer.weight.detach()


def race(dense, sparse, images):
    """How many times as long the layer takes with the sparse weight, each at its fastest; a row is an image."""
    jobs = {"dense": lambda: linear(images, dense), "sparse": lambda: linear(images, sparse)}
    seconds = timing.compare(jobs, device="cpu").samples
    return min(seconds["sparse"]) / min(seconds["dense"])


# %% half_of_the_work
images = torch.rand(64, 1024)
half = pruned(0.5)
times_as_long = race(half, half.to_sparse_csr(), images)
print(f"the sparse kernel takes {times_as_long:.1f} times as long")

# %% [markdown] tags=["answer"]
# **More than twice as long (C), although the sparse kernel makes only half of the multiplications.**

# %% [markdown]
# So a multiplication costs more in the sparse kernel than in the dense one. How much more, and how many zeros make up for it? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Where does each number belong?
#
# Whoever leaves the zeros out must say where the other numbers belong. **CSR**, *compressed sparse row*, keeps three lists:
#
# - the *values* that are left, row by row;
# - the *column* of each value, counted from 0;
# - the *starts*: for each row the place of its first value in the two other lists, and at the end how many values there are.

# %% three_lists tags=["hide-input"]
# Draws a matrix of two rows and its three lists.
show.three_lists()

# %% [markdown]
# Row 0 starts at value number 0, row 1 at value number 2. The last entry, 3, says where row 1 ends, so there is always one start more than there are rows. PyTorch calls the starts `crow_indices`, *compressed row indices*.

# %% tags=["nbval-check-output"]
matrix = torch.tensor([[0.0, 5, 0, 3], [0, 0, 0, -2]])
csr = matrix.to_sparse_csr()
print("values: ", csr.values().tolist())
print("columns:", csr.col_indices().tolist())
print("starts: ", csr.crow_indices().tolist())

# %% [markdown]
# **Try it.** Change `-2` to `0`, so that row 1 is empty, and run the cell again. Which lists get shorter? Then change it back.
#
# <details><summary>What others found</summary>
#
# There is one value less and one column less. The third list still has three numbers: 0, 2, 2. Row 1 starts where it ends.
#
# </details>

# %% [markdown]
# ### Multiply without touching a zero
#
# The matrix has the rows (0, 5, 0, 3) and (0, 0, 0, −2). The inputs are $x = (1, 2, 3, 4)$, counted from 0.

# %% [markdown]
# - row 0: $5 \cdot x_1 + 3 \cdot x_3 = 10 + 12 = 22$
# - row 1: $-2 \cdot x_3 = -8$
#
# Three multiplications in place of eight.
#
# The kernel takes a value, reads its column, fetches the input with that number, and multiplies. The starts tell it when to go on to the next output.

# %% [markdown]
# ### And back
#
# **Predict.** A matrix with four columns has the values 4, 6, 1, the columns 2, 0, 3 and the starts 0, 1, 1, 3. Write it down. What does it give for the inputs (1, 1, 1, 1)?

# %% and_back tags=["nbval-check-output"]
back = torch.sparse_csr_tensor([0, 1, 1, 3], [2, 0, 3], [4.0, 6.0, 1.0], size=(3, 4))
print(back.to_dense())
print("times ones:", (back @ torch.ones(4, 1)).flatten().tolist())

# %% [markdown] tags=["answer"]
# **The rows are (0, 0, 4, 0), (0, 0, 0, 0) and (6, 0, 0, 1), and the outputs are 4, 0 and 7.** Row 1 is empty, because it starts and ends at 1.

# %% [markdown]
# ## 3. From how many zeros on is a file smaller?
#
# Our 2 × 4 matrix, with 4 bytes for each value and each index:
#
# | form | what it holds | bytes |
# |---|---|---:|
# | dense | 8 numbers | 32 |
# | CSR | 3 values, 3 columns, 3 starts | 36 |
# | bit mask | 3 values, 8 bits | 13 |
#
# The **bit mask** was used in [[prune_module]], without a name: one bit for each position says whether a weight is left there. It is far smaller than CSR here. But it is harder to compute with: to find out which bit belongs to the third value, one must count the bits before it. So it is mostly a form for files, and is unpacked before use.

# %% [markdown]
# ### Bytes for each weight
#
# Let the share $d$ of the weights be left. A large matrix then takes for each weight, zeros included:
#
# - dense: $4$ bytes
# - CSR with $i$ bytes an index: $d\,(4 + i)$
# - bit mask: $4\,d + \tfrac{1}{8}$
#
# The starts are left out, since a large matrix has few rows for its many weights. CSR pays only for the weights that are left. The bit mask pays an eighth of a byte for every weight, and 4 bytes for those that are left.

# %% [markdown]
# **Predict.** PyTorch's own indices take 8 bytes. From which share of *zeros* on is CSR smaller than dense: **A** 1/3, **B** 1/2, **C** 2/3? And with 4 bytes an index?

# %% [markdown] tags=["answer"]
# **From 2/3 on (C), and with 4 bytes from 1/2 on (B), because $d\,(4 + i) = 4$ gives $d = 1/3$ and $d = 1/2$.** These shares are left, so the rest are zeros.

# %% [markdown]
# In the same way $4\,d + 1/8 = 4$ gives $d = 31/32$. So the bit mask pays as soon as more than one weight in 32 is zero.
#
# CSR with 4 bytes and the bit mask meet where $8\,d = 4\,d + 1/8$, at $d = 1/32$. With more than about 3 % of the weights left, the bit mask is the smaller file. With fewer, CSR is.
#
# Let us see whether real files agree. `to_csr` makes indices of 4 bytes:

# %%
import io

import numpy as np


def to_csr(matrix, index=torch.int32):
    csr = matrix.to_sparse_csr()
    starts = csr.crow_indices().to(index, copy=True)
    columns = csr.col_indices().to(index, copy=True)
    return torch.sparse_csr_tensor(starts, columns, csr.values(), size=matrix.shape)


def to_bits(matrix):  # packbits puts 8 bits into a byte
    return {"values": matrix[matrix != 0], "bits": torch.from_numpy(np.packbits(matrix != 0))}


def saved(form):
    file = io.BytesIO()
    torch.save(form, file)
    return file


# %%
files = {}
for left in (0.05, 0.2, 0.35, 0.5, 0.75, 1.0):
    w = pruned(left)
    forms = {"dense": w, "CSR, 8 bytes": to_csr(w, torch.int64), "CSR, 4 bytes": to_csr(w), "bit mask": to_bits(w)}
    files[left] = {name: saved(form).tell() for name, form in forms.items()}

file = saved(to_csr(half))
file.seek(0)
print("the same weights again:", torch.equal(torch.load(file).to_dense(), half))

# %% [markdown]
# Why the copies in `to_csr`? PyTorch cuts the list of columns out of a longer one, and without a copy the file would hold all of it.

# %% [markdown]
# ### Real files
#
# Four lines from three formulas, and real files.

# %% files_over_left tags=["hide-input"]
# Draws the bytes for each weight over the weights left: the formulas as lines, the files as dots.
show.files_over_left(files, 1024 * 1024)

# %% [markdown]
# The dots lie on the lines. With 4-byte indices CSR takes as many bytes in memory as in its file. PyTorch may copy longer ones to 4 bytes before each call. The bit mask saves memory only until it is unpacked, and plain zeros save none.

# %% [markdown]
# ## 4. From how many zeros on is a layer faster?
#
# Suppose that one instruction of the dense kernel multiplies **8 weights** at once, since they and their inputs lie side by side.
#
# For each value the sparse kernel reads a column, fetches that input, and multiplies: suppose that this takes **2 instructions for one weight**.
#
# The 8 and the 2 are made up. Let us see what follows from such a difference.

# %% [markdown]
# **Predict.** A row has 800 weights. How many of them may be left, at most, so that the sparse kernel needs no more instructions than the dense one: **A** 400, **B** 200, **C** 50?

# %% [markdown] tags=["answer"]
# **50 (C), because the dense kernel needs 800 / 8 = 100 instructions for the row, and 100 are enough for 50 weights of two each.**

# %% [markdown]
# So 94 % of the weights must be zero. There is a rule in this. For a row *without* zeros the sparse kernel would need 1,600 instructions, 16 times as many as the dense one, and it breaks even when a sixteenth is left. In general: if it takes $k$ times as long without zeros, and its time shrinks in proportion to the weights that are left, it wins when less than $1/k$ of them is left. And $k$ can be measured, with indices of 4 bytes, which spare PyTorch a copy in each call, for 64 images and for one:

# %%
image = torch.rand(1, 1024)
races = {}
for left in (0.01, 0.03, 0.1, 0.2, 0.5, 1.0):
    w = pruned(left)
    races[left] = {len(x): race(w, to_csr(w), x) for x in (image, images)}

for count, k in races[1.0].items():
    print(f"images: {count}, k = {k:.1f}, so the sparse kernel should win below {1 / k:.0%} left")

# %% [markdown]
# With another number of images $k$ is another one. Does the rule hold? The cell has also measured with fewer weights.

# %% [markdown]
# ### The crossing
#
# A layer of 1,024 × 1,024. Below the grey line the sparse kernel wins.

# %% times_over_left tags=["hide-input"]
# Draws the time of the sparse kernel over the weights left, for 1 and 64 images, beside the rule.
show.times_over_left(races)

# %% [markdown]
# With 64 images the dots on the right follow the dashed line: with half of the weights, the sparse kernel takes about half of its time. So there the rule finds the crossing roughly, and most of the weights have to go. Where dots lie above their dashed line, the rule promises too much: time the pruned layer, too.
#
# Where the crossing lies depends on the processor. PyTorch's sparse kernel comes from Intel's library MKL. Where that is missing, another one runs. We used one thread. With more threads, or on a GPU, measure $k$ again.
#
# It also depends on the layer. Where the dots on the far left lie above the dashed lines, a part of the time does not depend on the weights. Does it matter? In a layer of 64 × 64 with 1 % left, the sparse kernel has 41 multiplications to make, and the dense one 4,096:

# %%
small = pruned(0.01, width=64)
slower = race(small, to_csr(small), torch.rand(1, 64))
print(f"64 × 64, 1 % left: the sparse kernel takes {slower:.1f} times as long")

# %% [markdown]
# So few multiplications take hardly any time. Nearly all that is left is the price of the call itself, and no zero lowers that.

# %% [markdown]
# ## 5. Whom does a zero help?
#
# | to save | take | from how many zeros on |
# |---|---|---|
# | bytes of a file | a bit mask | more than one in 32 |
# | memory while computing | CSR, 4 bytes an index | a half |
# | time, with scattered zeros | a sparse kernel | more than 1 − 1/k: measure |
# | time, with the dense kernel | whole rows and columns | measure |
#
# The last row needs neither a form nor a kernel: a column full of zeros can be cut out, and the matrix is smaller ([[structured]]).
#
# And a crossing is of use only if the network still answers well there. In [[prune_model]] a network with a twentieth of its weights read most digits after fine-tuning. A larger layer with a twentieth left may well gain from CSR. How much, depends on the call as well. The same product can be written the other way round, with an image in each column. PyTorch then keeps the numbers in another order, and that may be faster, so $k$ belongs to a call:

# %%
w, columns = pruned(0.05), images.T.contiguous()
sparse = to_csr(w)
calls = {
    "dense layer": lambda: linear(images, w),
    "sparse layer": lambda: linear(images, sparse),
    "sparse @ columns": lambda: sparse @ columns,
}
for name, seconds in timing.compare(calls, device="cpu").samples.items():
    print(f"{name}: {1e3 * min(seconds):.2f} ms")

# %% [markdown]
# ## Exercise · The smallest form
# ★★ · 10 minutes
#
# `cheapest(model)` returns a dict. For each `nn.Linear` in `model`, also inside blocks, it has the layer's name and a pair: the form of its weight with the fewest bytes, and these bytes.
#
# The forms are `"dense"`, `"bit mask"` and `"CSR"`; if two are equal, the earlier one. Values and indices take 4 bytes, and bits fill whole bytes. Masks have been removed.
#
# On paper: one layer, `"0"`, with our 2 × 4 matrix. What comes back?
#
# <details><summary>Hint</summary>
#
# On paper: `{"0": ("bit mask", 13)}`. `model.named_modules()` gives names and layers, `weight.count_nonzero()` what is left. CSR has its starts, too. `-(-n // 8)` rounds up.
#
# </details>
#
# <details><summary>What others found in LeNet</summary>
#
# With 95 % of the weights of `checkpoints.load("lenet_mnist")` cut globally, the bit mask is smallest in each of its linear layers. With 97 % cut, CSR is smallest in `fc1` alone. In `fc2`, too, less than 1/32 is left, but there the starts decide.
#
# </details>


# %% tags=["exercise"]
def cheapest(model):
    """For each linear layer, by its name: the form with the fewest bytes, and these bytes."""
    raise NotImplementedError


# %% tags=["check"]
check.cheapest(cheapest)


# %% tags=["solution", "hide-cell"]
def cheapest_solution(model):
    chosen = {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            size, left = layer.weight.numel(), int(layer.weight.count_nonzero())
            rows = layer.out_features
            n_bytes = {"dense": 4 * size, "bit mask": 4 * left + -(-size // 8), "CSR": 8 * left + 4 * (rows + 1)}
            form = min(n_bytes, key=n_bytes.get)
            chosen[name] = form, n_bytes[form]
    return chosen


# %% [markdown]
# ## Remember
#
# - CSR keeps values, columns and the start of each row, and a kernel multiplies with it without touching a zero.
# - A file of 4-byte weights is smaller with a bit mask as soon as more than one weight in 32 is zero, with CSR from one half on, or from two thirds with PyTorch's 8-byte indices.
# - A sparse kernel that takes $k$ times as long without zeros wins when less than about $1/k$ of a large layer is left: measure $k$, and then the pruned layer, with the call that your network makes.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your computer measured.

# %% tags=["scorecard"]
claims.show("zero_worth")

# %% [markdown]
# ## Deeper
#
# ### gzip knows nothing of networks
#
# A general compressor finds whatever repeats, and zeros repeat. So compress the files of a matrix with a tenth of its weights left.

# %%
import gzip

tenth = pruned(0.1)
for name, form in {"dense": tenth, "CSR": to_csr(tenth), "bit mask": to_bits(tenth)}.items():
    content = saved(form).getvalue()
    print(f"{name:9} {len(content) / 1e3:6,.0f} kB, under gzip {len(gzip.compress(content)) / 1e3:4,.0f} kB")

# %% [markdown]
# The plain zeros, compressed, take fewer bytes than CSR without gzip. Yet the bit mask is smaller even without gzip. A compressor finds the runs of zero bytes, and can do little for the weights that are left, because their digits look like chance. Remove the masks before: `weight_orig` still holds all the old numbers. And gzip helps only the file, because the file is unpacked before use.
#
# ### The energy of a zero
#
# By the estimate of [[energy]], fetching the weights takes most of the energy where each weight is fetched for a single image. Dense, a weight takes 4 bytes. In CSR with a tenth left it takes $0.1 \cdot 8 = 0.8$ bytes, a fifth, so the estimate promises a fifth of the energy. It counts products and fetches, and not the instructions that read a column and look for an input. It also takes every fetch as one from DRAM, though a small layer may lie in a cache. It is an estimate for a machine made for CSR, and not a measurement of your laptop.
#
# ### Kernels that read bit masks
#
# Counting bits while multiplying is hard, but not impossible: SpInfer does so on GPUs, for language models with about half of their weights left ([Fan et al., 2025](https://doi.org/10.1145/3689031.3717481)).

# %% [markdown]
# **Sources.** R. Fan et al., *SpInfer*, 2025, [doi:10.1145/3689031.3717481](https://doi.org/10.1145/3689031.3717481); PyTorch's documentation of [sparse tensors](https://docs.pytorch.org/docs/stable/sparse.html).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), on large and sparse against small and dense; S. Han et al., *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149), on distances in place of columns. A project: find the crossing for every layer of a network of yours, with one thread and with all. Next here: [[structured]].
#
# **Credits.** The course grew from a lecture of Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
