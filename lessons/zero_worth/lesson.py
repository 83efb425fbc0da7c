# ---
# jupyter:
#   course:
#     promise: You will say from how many zeros on a file gets smaller and a layer gets faster, and measure it for your own layer.
#     seconds: 40
#     needs: [prune_module]
#     goals:
#       - store a matrix in CSR by hand, and multiply with it;
#       - work out how many zeros each kind of file needs before it's smaller;
#       - say when a sparse kernel wins, and measure it.
#     terms: [bit mask, CSR, kernel]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How many zeros does a layer need before it gets faster?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, hides three notices about sparse tensors, and imports the drawings, the check and the scorecard.
import warnings

import torch

from course_utils import claims
from lessons.zero_worth import show
from lessons.zero_worth import tasks as check

for notice in ("Sparse CSR tensor support", "Sparse invariant checks", "Validating sparse tensor invariants"):
    warnings.filterwarnings("ignore", notice)
torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Half of the work
#
# A linear layer has 1,024 inputs and 1,024 outputs. We prune the smaller half of its weights. The zeros cost as much as before, because PyTorch multiplies by them as well. The routine that computes a layer is called a **kernel**, and the usual one is *dense*: it goes through all the numbers.
#
# PyTorch also has a *sparse* kernel, which skips the zeros. A layer uses it when its weight is stored in the form that `to_csr` makes; section 2 explains it. Then half of the multiplications are left. `race` calls both in turn, on one thread, and keeps the fastest of several turns, because other programs can only make a call slower.
#
# **Predict.** For 64 images, how long does the sparse kernel take, compared with the dense one: **A** half as long, **B** about as long, or **C** more than twice as long?

# %%
import torch
from torch import nn
from torch.nn.functional import linear

from lessons.zero_worth.experiment import pruned, race

torch.set_grad_enabled(False)  # we only multiply here


def to_csr(matrix):
    csr = matrix.to_sparse_csr()
    starts, columns = csr.crow_indices().int(), csr.col_indices().int()  # 4 bytes each, as the kernel wants them
    return torch.sparse_csr_tensor(starts, columns, csr.values(), size=matrix.shape)


# %% half_of_the_work
images = torch.rand(64, 1024)
half = pruned(0.5)
seconds = race(images, linear, dense=half, sparse=to_csr(half))
times_as_long = seconds["sparse, linear"] / seconds["dense, linear"]
print(f"the sparse kernel takes {times_as_long:.1f} times as long")

# %% [markdown] tags=["answer"]
# **More than twice as long (C), because each multiplication takes the sparse kernel far longer.** Section 4 has a simple model of it, and under *Deeper* a part turns out to be the library's choice.

# %% [markdown]
# How many zeros does it take before the sparse kernel wins? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. CSR: three lists in place of a matrix
#
# If we leave the zeros out, we have to say where the other numbers belong. Take the rows (0, 5, 0, 3) and (0, 0, 0, −2). **CSR**, *compressed sparse row*, keeps three lists:
#
# - the *values* that are left, row by row: 5, 3, −2;
# - the *column* of each value, counted from 0: the 5 is in column 1, the 3 and the −2 are in column 3;
# - the *starts*: for each row, how many values come before it.
#
# No value comes before row 0, so its start is 0. Two values come before row 1, so its start is 2. A last entry, 3, counts all values, so that we know where row 1 ends.

# %% three_lists tags=["hide-input"]
# Draws a matrix of two rows and its three lists.
show.three_lists()

# %% [markdown]
# PyTorch calls the starts `crow_indices`:

# %% lists tags=["nbval-check-output"]
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
# Values and columns. The starts are still three numbers, 0, 2, 2, because row 1 starts where it ends.
#
# </details>
#
# How does a kernel multiply with these lists? Let the inputs be $x = (1, 2, 3, 4)$. For each value, it reads the column, fetches the input with that number, and multiplies. The starts tell it when to go on to the next output.
#
# - Row 0: $5 \cdot x_1 + 3 \cdot x_3 = 5 \cdot 2 + 3 \cdot 4 = 22$
# - Row 1: $-2 \cdot x_3 = -2 \cdot 4 = -8$
#
# That's three multiplications in place of eight, and no zero was touched.
#
# **Predict.** A matrix with four columns has the values 4, 6, 1, the columns 2, 0, 3 and the starts 0, 1, 1, 3. Write the matrix down. What does it give for the inputs (1, 1, 1, 1)?

# %% and_back tags=["nbval-check-output"]
back = torch.sparse_csr_tensor([0, 1, 1, 3], [2, 0, 3], [4.0, 6.0, 1.0], size=(3, 4))
print(back.to_dense())
print("times ones:", (back @ torch.ones(4, 1)).flatten().tolist())

# %% [markdown] tags=["answer"]
# **The rows are (0, 0, 4, 0), (0, 0, 0, 0) and (6, 0, 0, 1), and the outputs are 4, 0 and 7.** Four starts make three rows, and row 1 is empty, because it starts at 1 and ends at 1.

# %% [markdown]
# ## 3. How many zeros make a file smaller?
#
# The columns and the starts take bytes, too. With 4 bytes for each value and each index, our 2 × 4 matrix takes
#
# | form | what it holds | bytes |
# |---|---|---:|
# | dense | 8 numbers | 8 · 4 = 32 |
# | CSR | 3 values, 3 columns, 3 starts | 9 · 4 = 36 |
# | bit mask | 3 values, 8 bits | 3 · 4 + 1 = 13 |
#
# The **bit mask** is the form from [[prune_module]]: one bit for each position says whether a weight is left there.
#
# For a large matrix we count bytes *for each weight, zeros included*. Let $d$ be the share of the weights that is left.
#
# - **Dense** takes 4 bytes, whatever $d$ is. So plain zeros save none.
# - **CSR** takes a value and an index for each weight that is left: $d \cdot (4 + 4)$ bytes. The starts hardly count now, because there's only one for each row of 1,024 weights.
# - **A bit mask** takes the value of each weight that is left, and a bit for every weight. A bit is an eighth of a byte: $4\,d + \tfrac{1}{8}$.
#
# CSR is smaller than dense when $8\,d$ is less than 4, so when less than half of the weights is left. And the bit mask is smaller when $4\,d + \tfrac{1}{8}$ is less than 4, so $4\,d$ less than $31/8$, and $d$ less than $31/32$: it's enough that more than one weight in 32 is zero.
#
# **Predict.** PyTorch's own `to_sparse_csr()` uses indices of 8 bytes. What share of *zeros* does this CSR need to become smaller than dense: more than **A** 2/3, **B** 1/2, or **C** 1/3?

# %% [markdown] tags=["answer"]
# **More than 2/3 (A), because each weight that is left takes 4 + 8 = 12 bytes, and $12\,d = 4$ gives $d = 1/3$.** A third is *left*, so two thirds are zeros.

# %% [markdown]
# Do real files agree? We save the matrix in each form, with six shares left:

# %% files_over_left tags=["hide-input"]
# Saves matrices in four forms, and draws the bytes for each weight: the formulas as lines, the files as dots.
files = show.files({left: pruned(left) for left in (0.05, 0.2, 0.35, 0.5, 0.75, 1.0)}, to_csr)
show.files_over_left(files, 1024 * 1024)

# %% [markdown]
# They do. But why was the layer slower?

# %% [markdown]
# ## 4. Why the sparse kernel is slow, and when it wins
#
# In a dense matrix, a row's weights and their inputs lie side by side in memory. So a processor can take several of each at a time: let's say, **one instruction for eight weights**, fetching included. The sparse kernel can't: it has to look up the input of each value before it can multiply, even where the values happen to be neighbours. Let's say **two instructions for one weight**.
#
# Take a row of 800 weights. The dense kernel needs 800 / 8 = 100 instructions. Without any zeros, the sparse one needs 2 · 800 = 1,600, which is 16 times as many. With a sixteenth of the weights left, 50, it needs 2 · 50 = 100, as many as the dense one.
#
# 16 times as slow without zeros, level at a sixteenth: that's a rule. Call **k** the sparse kernel's time divided by the dense kernel's, on a matrix *without zeros*. If its time shrinks in proportion to the weights that are left, **it wins when less than 1/k of the weights is left**. The 8 and the 2 are made up, but k can be measured, for one image and for 64:


# %% measure_k
full, k = pruned(1.0), {}
full_csr = to_csr(full)
for x in (images[:1], images):
    seconds = race(x, linear, dense=full, sparse=full_csr)
    for call, s in seconds.items():
        print(f"batch of {len(x):2}, {call:14} {1e6 * s / len(x):7.1f} µs for each image")
    k[len(x)] = seconds["sparse, linear"] / seconds["dense, linear"]
    print(f"k = {k[len(x)]:.1f}, so sparse should win below {1 / k[len(x)]:.0%} left")

# %% [markdown]
# Why is k larger for 64 images? Look at the time for *each image*. In a batch of 64, the dense kernel needs clearly less time for each image than for a single one. Probably that's because 64 images share the fetch of each weight ([[roofline]]). The sparse kernel gains far less from the batch, almost as if it started anew for each image.

# %% [markdown]
# ## 5. One column for 64 images
#
# Take three images A, B and C, of four pixels each. The kernel comes to the value 5, in column 1. It needs pixel 1 of *each* image: A1, B1 and C1. With `linear`, an image is a row, and memory holds A, then B, then C. The three pixels lie apart, and each is fetched by itself.
#
# If an image is a *column*, memory holds all the pixels 0, then all the pixels 1:

# %% rows_or_columns tags=["hide-input"]
# Draws three images in memory, stored by rows and by columns.
show.rows_or_columns()

# %% [markdown]
# Now A1, B1 and C1 lie side by side. So the kernel can read the value and its column *once*, and multiply several images with one instruction. `in_columns` takes the same images as `linear`, turns them into columns first, and gives the same outputs. To be fair, the dense kernel may try columns too:


# %% in_columns
def in_columns(x, weight):
    return (weight @ x.T.contiguous()).T  # contiguous() moves the numbers in memory


seconds = race(images, linear, in_columns, dense=full, sparse=full_csr)
for call, s in seconds.items():
    print(f"{call:18} {1e3 * s:6.2f} ms")
best = min(s for call, s in seconds.items() if "dense" in call)
k_columns = seconds["sparse, in_columns"] / best
print(f"k = {k_columns:.1f} for in_columns, against the faster dense call")

# %% [markdown]
# Weights, lists and products are the same. The order of the images in memory has changed, so the library (Intel's MKL, on x86 processors) takes another routine, and k is several times smaller, probably because this one shares the look-ups.
#
# So measure k for your batch, your *order*, your processor and the size of your layer.
#
# Does the rule hold? Let's measure with fewer and fewer weights left. Each curve is the time of a sparse call, divided by that of the faster dense call. Below the grey line, sparse wins. The dashed lines show the rule.

# %% times_over_left tags=["hide-input"]
# Times the sparse calls with six shares of weights left, and draws them beside the rule.
races = show.crossings({left: pruned(left) for left in (0.01, 0.03, 0.1, 0.2, 0.5, 1.0)}, to_csr, images, in_columns)
show.times_over_left(races)

# %% [markdown]
# Start on the right, where no sparse call wins, and follow each curve to the grey line, which it meets near its 1/k. On our processor that's at about 4 % for 64 images with `linear`, at 8 % for one image, and at 25 % in columns. Where the dots lie above their dashed line, a part of the time doesn't shrink with the weights. So take 1/k for a first guess, and then time the pruned layer. The guess is for layers at least as large as ours. In a small layer, most of the time goes into the call itself, and no zero lowers that: at 64 × 64, PyTorch's sparse call loses for one image even with 1 % left (*Deeper*).

# %% [markdown]
# ## Exercise · Only where it pays
# ★★ · 10 minutes
#
# Write `sparser(model, k)`. It returns a copy of `model` in which some `nn.Linear` layers, also inside blocks, have their weight in CSR, made with `to_csr`: those that get **faster** by the rule **and smaller** in memory, not counting the starts. Assume that one `k`, any number above 1, holds for all layers. All else stays as it is. Masks have been removed.
#
# Then time a layer of your own, with `race(x, linear, dense=weight, sparse=to_csr(weight))`.
#
# <details><summary>Hint</summary>
#
# There are two shares, one from section 3 and one from section 4, and less than both must be left. `weight.count_nonzero()` counts. Assign `nn.Parameter(to_csr(weight), requires_grad=False)`.
#
# </details>


# %% tags=["exercise"]
def sparser(model, k):
    """A copy of model, with CSR in those linear layers where it's faster and smaller."""
    raise NotImplementedError


# %% tags=["check"]
check.sparser(sparser)


# %% tags=["solution", "hide-cell"]
def sparser_solution(model, k):
    import copy

    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            weight = layer.weight.detach()
            left = int(weight.count_nonzero()) / weight.numel()
            if left < 1 / k and left < 1 / 2:
                csr = weight.to_sparse_csr()  # as in to_csr
                starts, columns = csr.crow_indices().int(), csr.col_indices().int()
                csr = torch.sparse_csr_tensor(starts, columns, csr.values(), size=weight.shape)
                layer.weight = nn.Parameter(csr, requires_grad=False)
    return model


# %% [markdown]
# ## Remember
#
# - CSR keeps the values, their columns and the start of each row, and a kernel multiplies with it without touching a zero.
# - For weights of 4 bytes, a bit mask is smaller than dense as soon as more than one weight in 32 is zero; CSR with 4-byte indices needs more than half of them to be zero.
# - A sparse kernel that takes k times as long without zeros wins in a large layer when less than about 1/k of the weights is left. Measure k, and then the pruned layer.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("zero_worth")

# %% [markdown]
# ## Deeper
#
# ### Which routine ran?
#
# On Linux, `perf record` notes the routine in which a program spends its time. For our sparse calls, that was a routine of MKL, and it was another one under `in_columns` than under `linear`. `nn.Linear` calls `linear`, so to use columns you have to write the layer yourself. On our AMD processor both names ended in `_def`, the version for any processor. We made MKL take its version for AVX2 as well, and then k fell by a third to a half for each of the three calls of the last figure. So a part of k is the library's choice. Scattered columns, on the other hand, aren't what makes a sparse kernel slow: with a tenth of the weights left, all in columns side by side, it took as long as with a scattered tenth, because it looks up each input either way.
#
# ### gzip knows nothing of networks
#
# A compressor finds whatever repeats, and zeros repeat. So is gzip enough? Here are the files of a matrix with a tenth of its weights left:

# %% under_gzip tags=["hide-input"]
# Saves a matrix in three forms, and compresses the files.
show.under_gzip(pruned(0.1), to_csr)

# %% [markdown]
# The plain zeros under gzip take fewer bytes than CSR without it. But the bit mask is smaller still, even without gzip. A compressor can do little for the weights that are left, because their digits look random. And gzip helps only the file, which is unpacked before use.
#
# Is a bit mask always smaller than CSR? No. With very few weights left, CSR wins, because it pays nothing for a zero: it meets the bit mask where $8\,d = 4\,d + \tfrac{1}{8}$, at $d = 1/32$. With 2 % left, its file is a fifth smaller. A bit mask is also hard to compute with: to find out where the third value belongs, you'd have to count bits.
#
# ### A call has a price
#
# A layer of 64 × 64 with 1 % left has only 41 multiplications to make. Yet the sparse call takes *longer* than the dense one, which makes 4,096. Nearly all of this time goes into the call itself, before the first multiplication, and no zero lowers that. So don't make small layers sparse.

# %% small_layer tags=["hide-input"]
# Times a layer of 64 × 64 with 1 % of its weights left, for one image.
small = pruned(0.01, width=64)
seconds = race(images[:1, :64], linear, dense=small, sparse=to_csr(small))
slower = seconds["sparse, linear"] / seconds["dense, linear"]
print(f"64 × 64, 1 % left: the sparse call takes {slower:.1f} times as long")

# %% [markdown]
# **Sources.** PyTorch's documentation of [sparse tensors](https://docs.pytorch.org/docs/stable/sparse.html); R. Fan et al., *SpInfer*, 2025, [doi:10.1145/3689031.3717481](https://doi.org/10.1145/3689031.3717481), a GPU kernel that reads bit masks.
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), on large and sparse against small and dense; S. Han et al., *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149), on distances in place of columns. A project: find the crossing for every layer of a network of yours, with one thread and with all.
#
# **Credits.** The course grew from a lecture of Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** Scattered zeros need a form and a kernel of their own. What if the zeros fill whole rows, so that you can cut them out and keep the fast dense kernel ([[structured]])?
