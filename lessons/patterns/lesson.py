# ---
# jupyter:
#   course:
#     promise: You will judge a pruning pattern by what it costs and by what a machine can use of it.
#     seconds: 55
#     needs: [measuring, baseline, prune_module, prune_traps, zero_worth, structured]
#     goals:
#       - Say what 2:4 stores, count its bytes in fp16 and int8, and say why a machine can use it.
#       - Say which machines and libraries can use it, and what others have gained by it.
#       - Hold a mask while a network trains on.
#       - Find out by an experiment what lost points paid for, a pattern, stale statistics, or missing training.
#       - Build a 2:4 mask, by hand and in code.
#     terms: ["2:4 sparsity", head]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Between single weights and whole channels: what a pattern costs, and who can use it.*
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
# *For the lecturer, 1 min.* Ask who has read "twice the throughput with sparsity" in a data sheet, and who has seen it on a clock. Write both counts on the board, and leave them for the slide *How much faster?*. Then the story: "A mail-order company sorts photographs on a rented card. The data sheet promises a factor of two for sparse matrices. Half of their weights are zero, and nothing became faster. The data sheet has a footnote: 2:4 sparsity."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import warnings
from statistics import mean

import torch
from torch import nn
from torch.nn.functional import linear

from course_utils import data, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import timing
from course_utils.scorecard import claims
from lessons.patterns import checks as check
from lessons.patterns import show

warnings.filterwarnings("ignore", "The PyTorch API of SparseSemiStructuredTensor")  # a prototype: section 3
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
images, labels = data.load("fashion_mnist")
test_set = [half[:4000] for half in data.load("fashion_mnist", "test")]
one_image = test_set[0][:1].to(device)
dense = checkpoints.load("small_resnet").to(device)
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "skip"}
# A mail-order company sorts the photographs of its catalogue on a rented graphics card. The data sheet of the card promises twice the throughput for "sparse" matrices. Somebody has pruned the company's network, half of its weights are zero, and nothing became faster. The data sheet has a footnote: *2:4 sparsity*.
#
# You have met two ways to remove weights. [[prune_module]] set single weights to zero, wherever they stood, and many could be removed at little cost; but [[zero_worth]] showed that hardly any kernel gains by such zeros. [[structured]] removed whole channels: the network became smaller and faster with ordinary code, and points of accuracy were lost. A **pattern** lies between the two. It prescribes for each small group of neighbours how many of them may stay, and leaves open which ones. This lesson asks what such a pattern stores, who can use it, and what it costs. The last question will turn out to be an experiment, and it will be yours. (No processor of this course has a kernel for such a pattern. So the speed-ups of section 3 are other people's and are cited; the bytes and the accuracies are ours.)
#
# *On your way through the whole course you may leave this lesson out. Later ones use it in one example of [[own_method]], which explains it again, and under Deeper in [[scores]].*

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 1. Four ways to remove a half
#
# **Anywhere**: the larger half of a layer stays. **2:4**: of every four neighbouring inputs the two largest stay. **1:2**: of every two the larger one stays.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Three ways stand on this slide; the fourth, whole channels, comes with the next one. Before each click let the room say which four of the eight stay. After the third row ask: "Which weight did 2:4 lose that *anywhere* kept, and what did it get for it?" (0.6, and -0.3.) If somebody drops the negative ones: the size counts, without the sign. After the last: "Why is 1:2 stricter, although it keeps as many?" (A group can be filled in four ways, in 2:4 in six; 0.9 and -0.7 stand in one pair, so 1:2 may not keep both.) Write the removed squares beside the rows: 0.14, 0.41, 0.54. Somebody will ask why the groups lie along a row. A row is one output; four neighbours are four products of one sum, and with 2:4 every output keeps exactly half of its products.

# %% [markdown] slideshow={"slide_type": "skip"}
# Decide with a pencil, before you go through the drawing below: which four weights does each way keep? The eight weights are 0.9, −0.7, 0.6, 0.1 and 0.4, 0.2, −0.3, 0.05. They stand in one row of a matrix.
#
# Why do the groups lie along a row? A row of the matrix belongs to one output: each of its weights is multiplied with an input, and the products are added up. So a group of four neighbours in a row is four products of *one* sum, and 2:4 leaves two of the four. Every output is then a sum of exactly half of its products, which makes the work the same for all outputs. If the groups stood in a column instead, each *input* would be used by half of the outputs; one output could keep all of its products, and another one none. In a convolution the neighbours are four input channels at the same place of the same filter, and `keep_n_of_m` below groups them so.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws eight weights, and what each of three ways keeps of them.
show.eight_weights()

# %% [markdown] slideshow={"slide_type": "skip"}
# *Anywhere* keeps 0.9, −0.7, 0.6 and 0.4. In 2:4 the first group of four may keep only two, so the 0.6 is removed; the second group must fill its two places, so the −0.3 is kept. In 1:2 each *pair* may keep one, so the −0.7 is removed, because its neighbour 0.9 is larger.
#
# Whatever fits 1:2 fits 2:4 as well, because two pairs with one weight each make a group with two. But 0.9 and −0.7, which stand in one pair, fit 2:4 alone. So 1:2 leaves less choice: there are four ways to fill a group, where 2:4 has six. The stricter the pattern, the more often a small weight is kept in place of a large one. The sum of the squares that are removed shows how much, and with less choice it cannot become smaller:
#
# | | removed | sum of their squares |
# |---|---|---|
# | anywhere | 0.1, 0.2, −0.3, 0.05 | 0.01 + 0.04 + 0.09 + 0.0025 = 0.14 |
# | 2:4 | 0.6, 0.1, 0.2, 0.05 | 0.36 + 0.01 + 0.04 + 0.0025 = 0.41 |
# | 1:2 | −0.7, 0.1, 0.2, 0.05 | 0.49 + 0.01 + 0.04 + 0.0025 = 0.54 |


# %% slideshow={"slide_type": "skip"}
def keep_n_of_m(weight, n, m):
    """Zeros and ones: the n largest magnitudes stay in each group of m neighbouring inputs."""
    sizes = weight.detach().abs().movedim(1, -1)  # the inputs are the second axis, of a convolution too
    groups = sizes.reshape(-1, m)
    mask = torch.zeros_like(groups).scatter_(1, groups.topk(n, dim=1).indices, 1)
    return mask.reshape(sizes.shape).movedim(-1, 1)


def half_anywhere(weight):
    return keep_n_of_m(weight.reshape(1, -1), weight.numel() // 2, weight.numel()).reshape(weight.shape)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### On a trained network
#
# SmallResNet, trained on Fashion-MNIST; all convolutions but the first, which reads one channel. The fourth way cuts out half of the **channels** ([[structured]]), and with them three quarters of the weights. Nothing is trained.
#
# **Predict.** By how many points is 2:4 behind *anywhere*, and why: **A** less than one, **B** one to ten, **C** more than ten?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for A, B, C; ask one person of each for the reason. Show the table: C, 88.5 against 74.6. Write the difference, 13.9, large on the board and leave it there. Point at the third column: it orders the masks as the last one does. Two questions usually come. "Why 49 % and not 50?" (All weights are counted, and the first convolution, the last layer and the scales of the norms stay whole.) "Is the last row fair?" (No: half of the channels are three quarters of the weights. It is the other end, what every machine can use.) Say: "So it seems. Section 4 asks what the 13.9 are made of. First: what would somebody get for them?"


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def thinned(net, mask_for):
    """A copy of `net` with masked convolutions."""
    net = copy.deepcopy(net)
    for conv in show.convolutions(net):
        conv.weight.mul_(mask_for(conv.weight))
    return net


def percent_right(net):
    net = copy.deepcopy(net).to(memory_format=torch.channels_last)  # a faster order in memory
    return 100 * training.evaluate(net, *test_set)


# %% slideshow={"slide_type": "skip"}
networks = {
    "nothing": dense,
    "half, anywhere": thinned(dense, half_anywhere),
    "2:4": thinned(dense, lambda w: keep_n_of_m(w, 2, 4)),
    "1:2": thinned(dense, lambda w: keep_n_of_m(w, 1, 2)),
    "half of the channels": show.without_channels(dense, one_image),
}
stored = {name: [percent_right(net)] for name, net in networks.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes zeros, removed squares and accuracy of each network.
show.four_ways(networks, stored)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **2:4 is more than ten points behind *anywhere* (C), with exactly as many zeros; and the stricter the pattern, the more points are lost. So it seems.**
#
# <!-- page -->
#
# The third column says what the masks have removed, as we did by hand: 2:4 removes about twice the squares that *anywhere* removes, because it must keep two weights in a group of small ones and may keep only two in a group of large ones. The second column says 49 % and not 50 %, because it counts every weight of the network, and the first convolution, the last layer and the scales of the batch norms stay whole.
#
# The last row is no pattern, and no fair comparison: half of the channels are three quarters of the weights, and 70 % of the squares. (For a half of the weights about 29 % of the channels would have to be cut: with 71 % of its inputs and 71 % of its outputs a layer keeps $0.71 \cdot 0.71$ of its weights, about a half.) The row shows the other end, what every machine can use. It is by far the dearest, and the only one that already does less work.
#
# "So it seems", because the table says what the networks get right *now*, straight after the removal. It does not say what they are worth. We come back to that in section 4. (Whether 2:4 can lose less and still be 2:4 is asked in D5, under *Deeper*.) First: what would somebody get for these points?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. What 2:4 stores
#
# A packed row holds the kept values, and for each of them its *place* in its group of four: 0, 1, 2 or 3, which takes two bits.
#
# **Predict.** The values are in fp16. What share of the dense matrix's bytes is left, and why: **A** 50 %, **B** 56 %, **C** 75 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame: "Which two of each four stay?" (0.12 and 0.11; -0.14 and 0.22. The -0.00 is a small negative number, rounded.) Second frame: check. Third frame: read the places aloud, 1, 3, 0, 2, counted from 0; then vote. Draw one group before the click: two boxes of 16 bits, two small ones of 2 bits, together 36, and below it four boxes of 16, together 64. B. Who says A has forgotten the places; who says C gives each place a byte, 48 of 64. Then ask: "A bit mask, one bit a weight, takes as many bytes. So what is the pattern good for?" (Fixed work. Draw a row pruned anywhere, with groups of 0, 4, 1, 3 weights: where does the hundredth group begin? Somebody must count all ones before it. In 2:4 it begins behind 99 times 2 = 198 values, and each group needs two multipliers.) Say which machines have such units: NVIDIA GPUs from Ampere on, 2020.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why not store *anywhere* instead? [[zero_worth]] compared two formats for it. CSR writes down the column of each kept value, with four bytes each. That pays if few values are left; with one half left the column numbers alone, four bytes for every second weight, take as much as a dense matrix in fp16. A bit mask takes one bit for each weight, kept or not, and is small.
#
# But a *machine* reads neither of them well. Imagine a unit that multiplies four pairs of numbers at a time. In a row that is pruned anywhere, one group of four has no weight left, and the next one has four. Where does the data of the hundredth group begin? To know that, somebody has to count all ones before it. And how many multipliers will the group need? Between none and four. In 2:4 the answers are fixed: the values of group $k$, counted from 0, begin after the first $2k$ values, and each group needs two multipliers. The hundredth group has $k = 99$, so 198 values stand before its own. Two places of two bits tell the unit which two of the four inputs to fetch. This is what the pattern buys: not fewer zeros to store, but a fixed amount of work in each group. NVIDIA GPUs from Ampere on (2020) have such units ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)).

# %% slideshow={"slide_type": "skip"}
eight = dense.block1.conv1.weight[0, :8, 1, 1].detach().cpu()[None]
row_mask = keep_n_of_m(eight, 2, 4)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws eight trained weights, the mask on them, and what is stored.
show.what_is_stored(eight, row_mask)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **56 % of the bytes are left (B), because a group of four takes two values of 16 bits and two places of 2 bits: 36 bits in place of 64.**
#
# <!-- page -->
#
# $36/64 = 0.5625$. A would be right if the places were free. C would be right if each place took a byte, as in a careless format: $2 \cdot 16 + 2 \cdot 8 = 48$ of 64 bits. Four bits a group are one bit a weight, so a bit mask would take exactly as many bytes. Three bits a group would do, because there are only six ways to keep two of four, and three bits can tell eight apart. With two bits a place the unit can read each place by itself.
#
# This holds for 16 bits. What happens with smaller values is the next question.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Packed, and counted
#
# `pack` stores the kept values, and the places, four to a byte.
#
# **Predict.** In int8 a value takes 8 bits, and a place still takes 2. Is the share of the dense bytes smaller than in fp16, the same, or larger, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room vote (most say "the same": a half stays a half), then count one group: two values of 8 bits and two places of 2 bits, 20 of 32. Click. Read `pack` from the line with `groups` on: it cuts the rows into groups of four; `values` are the weights at which the mask is one; `places` takes, of the numbers 0, 1, 2, 3 in each group, those at which the mask is one; the shift moves four of them side by side into one byte. Draw the byte of the slide before: places 1, 3, 0, 2 become 1 + 12 + 0 + 128 = 141, in bits 10 00 11 01, read in pairs from the right. The last column of the table is the control: `unpack` gave every value back, so nothing is lost by packing. If somebody asks for 4 bits: 12 of 16, 75 %; the smaller a value, the more its place weighs.

# %% slideshow={"slide_type": "-"}
SHIFTS = torch.tensor([0, 2, 4, 6])


def pack(weight, mask):
    """Its kept values, and their places: 2 bits for each, four places to a byte."""
    groups, kept = weight.reshape(-1, 4), mask.reshape(-1, 4).bool()
    values = groups[kept].reshape(len(weight), -1)
    places = torch.arange(4).expand(len(groups), 4)[kept].reshape(-1, 4)
    return values, (places << SHIFTS).sum(1).to(torch.uint8)


# %% [markdown] slideshow={"slide_type": "skip"}
# How do four places get into one byte? Take the drawing above: the places are 1, 3, 0 and 2. `SHIFTS` moves them to the left by 0, 2, 4 and 6 bits, which multiplies them by 1, 4, 16 and 64: $1 \cdot 1 + 3 \cdot 4 + 0 \cdot 16 + 2 \cdot 64 = 141$. In bits the byte 141 is 10 00 11 01, and read in pairs from the right it says 1, 3, 0, 2 again. The line with `places` takes for each group those of the numbers 0, 1, 2, 3 at which the mask is one.
#
# To be sure that nothing is lost, we unpack as well and compare every value.


# %% slideshow={"slide_type": "skip"}
def unpack(values, places):
    places = (places.long()[:, None] >> SHIFTS & 3).reshape(-1, 2)
    groups = torch.zeros(len(places), 4, dtype=values.dtype)
    return groups.scatter_(1, places, values.reshape(-1, 2)).reshape(len(values), -1)


packed = {}  # dtype -> (share of the dense bytes, whether all values come back)
for dtype in (torch.float16, torch.bfloat16, torch.int8):
    weight = 20 * torch.randn(128, 256, generator=torch.Generator().manual_seed(0))
    mask = keep_n_of_m(weight, 2, 4)
    weight = (weight * mask).to(dtype)
    parts = pack(weight, mask)
    share = sum(t.numel() * t.element_size() for t in parts) / (weight.numel() * weight.element_size())
    packed[dtype] = share, torch.equal(unpack(*parts), weight)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the bytes left, and whether every value came back.
show.bytes_left(packed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The share is larger in int8, 62.5 %, because the places keep their size while the values shrink.** A group takes 20 bits in place of 32.
#
# <!-- page -->
#
# A group has two values of 8 bits and two places of 2 bits, which is $16 + 4 = 20$ of 32 bits. The smaller a value is, the more the places weigh: with values of 4 bits it would be $8 + 4 = 12$ of 16 bits, 75 %. (That is arithmetic; the hardware's own pattern for 4 bits is another one.) So 2:4 and quantization do not simply multiply their savings: a half of 56.25 % would be 28 % of the bytes of a dense matrix in fp16, and int8 in 2:4 takes 20 of its 64 bits, 31 %. Every value came back, so nothing is lost by the packing itself.
#
# These are the bytes of the weights as the hardware wants them. Whether they are also fetched faster, and multiplied faster, depends on a kernel.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. Who can use it?
#
# `torch.sparse.to_sparse_semi_structured(weight)` packs a weight into values and places, and `nn.functional.linear` with the result calls a kernel for it.
#
# **Predict.** You hand it a matrix in 2:4 *on a CPU*. What happens, and why: **A** it is faster than dense, **B** it works, slowly, **C** it refuses?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; most expect B. On a CPU the answer is C, and PyTorch's own sentence says so. In the code three lines matter: one makes the weight 2:4, the next packs it, `timing.compare` would have raced the two; the call stopped at the packing. Then say it plainly: "This course has measured no speed of 2:4, not one. All that follows on the next slide was measured by others, and each row says by whom." If you present on a machine with an NVIDIA GPU of compute capability 8.0 or more, a comparison of two times should appear in its place; that was not tried for this course.


# %% slideshow={"slide_type": "fragment"}
def speed_24(side):
    x, weight = torch.randn(2, side, side, device=device)
    weight = (weight * keep_n_of_m(weight, 2, 4)).half()
    x, packed = x.half(), torch.sparse.to_sparse_semi_structured(weight)
    jobs = {"dense": lambda: linear(x, weight), "2:4": lambda: linear(x, packed)}
    return timing.compare(jobs, device=device)


said = show.attempt(lambda: speed_24(64 if device.type == "cpu" else 4096))
print(str(said).replace("! ", "!\n"))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It refuses (C), because PyTorch has no kernel for 2:4 on a CPU.** Without a kernel a 2:4 mask saves no time.
#
# <!-- page -->
#
# On an NVIDIA GPU the call packs the weight for one of NVIDIA's libraries, cuSPARSELt, and `linear` calls the kernel of that library.
#
# **What this course has not measured.** No speed of 2:4 was measured for it, not one. The pages of the course are made on a CPU, and there is nothing on a CPU to be measured. We could have written a small loop that fetches two of four inputs, but its time would be a property of our loop and not of the units in a GPU. So all speeds in this section are cited, and each row says from where. If you have an NVIDIA GPU from Ampere on, the cell above should measure one layer on it; that branch was not run for this course.
#
# Why teach a format that the page cannot run? Because data sheets count with it, and because the question behind it is one that you will meet again: what does a promise about *places* cost, and is there a kernel that makes use of it?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How much faster?
#
# The units do twice as many multiplications a second ([Mishra et al.](https://arxiv.org/abs/2104.08378), abstract).
#
# **Predict.** A network spends half of its time in layers that get 2:4. By what factor can the *whole network* become faster at most, and why: **A** 2, **B** 1.5, **C** 1.33?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Give them a minute with a pencil: draw a bar of length one and halve its right half. It is 0.75 long, so C; who says B has halved the gain, not the time. Then read the cited rows one by one. 1 is PyTorch's tutorial, 2 torchao's README, 3 an author of the kernel's interface in an issue of PyTorch; rows 1 to 4 are from an A100. "Why 1.38 and not 2 in one large layer?" (Not its memory: fetching takes about 0.07 of 0.63 ms. The dense kernel reached 71 % of its peak, the one for 2:4 49 %; two times cannot say more.) BERT: the rest of the network stays. Llama: another kernel, made for few rows, and what counts there is bytes. ViT: only its MLP layers, and they are a part. Stop at the last row: nine times *slower*, since the matrix is too small and one row is filled up to 32. Go back to the counts of the first slide. Advice to take home: time one layer of your own shape on your own card before you prune for a speed; it takes ten minutes.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **By 1.33 at most (C), because the other half of the time stays: 0.5 + 0.5/2 = 0.75, and 1/0.75 = 1.33.**
#
# | 2:4 against dense, measured by others | times as fast |
# |---|---|
# | one large layer, fp16 ¹ | 1.38 |
# | BERT, whole network ¹ | 1.3 |
# | Llama-3-8B, 4-bit weights, with 2:4 and without ² | 1.25 |
# | ViT-h of Segment Anything, MLP layers in 2:4 ² | 1.09 |
# | one layer, one row at a time ³ | 0.11 |
#
# <!-- page -->
#
# Sources, looked up and not measured by us: ¹ PyTorch's tutorial [*Accelerating BERT with semi-structured sparsity*](https://github.com/pytorch/tutorials/blob/065c9d23d25d18f003d986a5fbb1c7fd25270f1e/advanced_source/semi_structured_sparse.py), for a layer from 10,240 to 3,072 with 3,072 rows at a time (0.870 ms against 0.630 ms, with the kernels of CUTLASS, the second path of D2 under *Deeper*), and for its overview's 1.3. ² torchao's [README on sparsity](https://github.com/pytorch/ao/blob/0021c2f043aada339f3cad62535941b01f196bdc/torchao/sparsity/README.md): 180.80 and 226.02 tokens a second; 22.75 and 24.81 images a second. ³ An author of the kernel's interface answers in [pytorch/pytorch #111339](https://github.com/pytorch/pytorch/issues/111339), for 4,096 × 4,096: "too small a matrix size to show speedups".
#
# Read the table from the top. Why does a large layer gain 1.38 and not 2? One suspect can be cleared by arithmetic: that the layer waits for the card's memory. [[roofline]] compared the time that it takes to fetch the bytes of a layer with the time that it takes to compute with them. This layer does $2 \cdot 3072 \cdot 10240 \cdot 3072$ operations, $1.93 \cdot 10^{11}$, and its weights, inputs and outputs in fp16 are 145 MB. By the card's data sheet ([summed up here](https://glennklockwood.com/garden/processors/A100)) the memory of an A100 with 80 GB delivers 2.0 TB/s, so fetching each byte once takes about 0.07 ms. That is far less than the 0.87 and 0.63 ms that were measured, so the layer probably waits little for the card's memory.
#
# How well were the multipliers used? By the data sheet they can do 312 trillion operations a second, and 624 trillion with 2:4. The dense kernel reached $1.93 \cdot 10^{11}$ in 0.87 ms, which is 222 trillion a second, 71 % of its peak. The kernel for 2:4 reached 307 trillion (zeros counted), 49 % of its own. So the doubled units did only half of what they can. The two measured times do not say why: the path between memory and multipliers may be too slow, the kernel may be less well tuned than the dense one, or the card may slow down at its limit of power. Nor is 1.38 a constant. On an RTX 3060, a far slower card, [a user measured](https://github.com/pytorch/ao/issues/174) 7.26 ms dense and 3.75 ms in 2:4 for a layer of this shape, a factor of 1.94.
#
# What is left of 1.38 in a network? If layers with half of the network's time become 1.38 times as fast, the whole network becomes $1 / (0.5 + 0.5/1.38) = 1.16$ times as fast. The ViT gained 1.09, and 1.07 when its attention layers were in 2:4 as well: their matrices are smaller, and the README names that as one of two likely reasons. (The other: `torch.compile` cannot fuse other operations into the sparse product.)
#
# The last row is a warning. For one row at a time the packed layer was *nine times slower*, and the answer there gives two reasons: the matrix is too small, and the single row is filled up to as many rows as the kernel takes, which was 32 in fp16 at that time (October 2023; PyTorch 2.14 fills up to 8). (A third reason came up later, see D2.) In [another thread](https://github.com/pytorch/ao/issues/1460) a user reports a layer of 10,240 × 3,720 that was slower in 2:4 with 64 rows and with 512, and faster with 1,280.
#
# Does that contradict the row of Llama-3-8B? A model that writes one text also multiplies one row at a time. By the bytes alone 2:4 in fp16 could gain $1 / 0.5625 = 1.78$. But a saved byte is worth something only to a kernel that is made for few rows, and the one behind the call of this section is not. Llama's row used another one, Sparse-Marlin, for 4-bit weights; in the second thread an author of the interface recommends it for language models. In the README's table the model shrinks from 4.22 to 3.05 GB. By the bytes that is a factor of 1.38 at most (the same number as above by chance), and 1.25 was measured.
#
# The first four rows were measured on an A100, a card of 2020; the last one names no card. The [tutorial's newer version](https://github.com/pytorch/tutorials/pull/3599) adds that you may not see similar speedups on newer GPUs. So before you prune for a speed, time one layer of your own shape on your own card, with random 2:4 weights. That takes ten minutes and needs no training.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Where 2:4 stands in 2026
#
# | who | what | source |
# |---|---|---|
# | PyTorch 2.14 | the call is there, and warns that it is a prototype | its source, `torch/sparse/semi_structured.py` |
# | torchao 0.18 | `sparsify_(model, SemiSparseWeightConfig())` does it for the linear layers | its source, `torchao/sparsity/sparse_api.py` |
# | torchao, August 2026 | main branch: `torchao.sparsity` deleted, "due to lack of widespread usage of this feature" | [pytorch/ao #4728](https://github.com/pytorch/ao/pull/4728) |
# | vLLM (serves language models), March 2026 | kernels and loading removed: such models "are not widely used" | [vllm #36799](https://github.com/vllm-project/vllm/pull/36799) |
#
# **Predict.** The hardware is there, the kernel is there. Why is it little used? Name one reason that you could check by arithmetic.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the last two rows aloud: two projects took it out. Let the room collect reasons on the board: accuracy, a training on top, small gains, few layers that are large enough, 4-bit weights that save more bytes. Ask of each: "Can you check that with a pencil?" Only the bytes can. Say plainly: "Nobody has proved the reason; a survey of users would, and we have none. What we can give is the arithmetic." Then the fragment. Who objects that Llama gained 1.25 is right: the two can be combined, and it was added to 4 bits. Strike out "accuracy" last: "This one we can measure. What does the mask cost?"

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Probably because of the bytes: 2:4 in fp16 leaves 56 % of them and 4-bit weights about 25 %, and where a model waits for its weights, bytes decide.**
#
# <!-- page -->
#
# [[roofline]] showed that a layer which multiplies each weight only once or twice waits for the memory and not for the multipliers. A language model that writes one text is such a case. There faster multipliers are no help, and at best, with a kernel made for few rows, the 56 % count; 4 bits (with their scales a little more than 25 %) leave less than half as much, and need no training. The two can be combined: in the row of Llama-3-8B, 2:4 was added to 4 bits, and gained a factor of 1.25.
#
# What 2:4 competes with can be read in torchao's [README](https://github.com/pytorch/ao/blob/0021c2f043aada339f3cad62535941b01f196bdc/torchao/sparsity/README.md), the source of two rows above. On the same ViT dynamic int8 (attention and MLP layers) reached 24.91 images a second, no fewer than the 24.81 of 2:4. Its mIoU, the measure of quality there, was 0.582, against 0.581 dense and 0.567 in 2:4. On the same Llama-3-8B 4-bit weights raised 95.64 tokens a second to 180.80, a factor of 1.89, before 2:4 added its 1.25; for these rows the README gives no quality. Neither int8 nor 4 bits needs a mask, or a training to make up for one.
#
# Three more reasons are plausible: the mask costs accuracy, it needs a training, and few layers are large enough. A survey of users would tell them apart; we have none, so this is *probably*. What we can find out is the first of them: what the mask costs.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Is that the price of the pattern?
#
# 2:4 seemed to cost more than ten points. But batch norm still uses the means and deviations of the dense network ([[structured]]). We **estimate them anew** for each network: 2,000 images, no label, no gradient, no weight changed.
#
# **Predict.** By how many points is 2:4 behind *anywhere* now, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Draw one channel before the vote: four terms of about 1, the sum is 4, the norm subtracts 4. Cross out two: the sum is 2, the norm still subtracts 4, and the ReLU behind it makes zero of nearly everything. With the new mean, 2, all is as before. Let the room write a number for 2:4. Then the figure: hollow is before, filled after. 2:4 is now one or two points behind *anywhere*. Say: "Most of what we blamed on the pattern was a mean and a variance that nobody had measured again." Write under the 13.9: 1.8. The order stays. The top row is the control: the dense network moves by less than a point, so the step is no training in disguise. The bottom row is the other end: of the channels most of the loss stays. "Why does the strictest mask gain most?" (Probably it removes larger weights, the third column of the table, and the sums behind it change more.) Ask what that means for papers that report a "one-shot" loss (pruned once, nothing trained): ask first whether the statistics were estimated anew. "And without batch norm?" No such step is needed.

# %% [markdown] slideshow={"slide_type": "skip"}
# [[structured]] worked out with one channel that a batch norm still subtracts the old mean when terms of the sum before it are gone, so that a ReLU turns nearly everything into 0. The same happens with masked weights. Take the eight weights of section 1, and let each input be 1 on average. (Behind a ReLU no input is negative.) Dense, the sum is $0.9 - 0.7 + 0.6 + 0.1 + 0.4 + 0.2 - 0.3 + 0.05 = 1.25$ on average. The norm has stored that as the mean, and a deviation of, say, 0.5; so it gives 0 on average. (We leave its own scale and shift aside.) With the weights of each mask:
#
# | | sum of the weights that are left | the norm with the old mean |
# |---|---|---|
# | anywhere | 0.9 − 0.7 + 0.6 + 0.4 = 1.2 | (1.2 − 1.25)/0.5 = −0.1 |
# | 2:4 | 0.9 − 0.7 + 0.4 − 0.3 = 0.3 | (0.3 − 1.25)/0.5 = −1.9 |
# | 1:2 | 0.9 + 0.6 + 0.4 − 0.3 = 1.6 | (1.6 − 1.25)/0.5 = +0.7 |
#
# *Anywhere* hardly shifts this channel; with 2:4 a ReLU makes zero of nearly everything. With inputs that are all alike the mean moves by the sum of the removed weights, *with their signs*. So in one channel the shift may be small or large, to either side; over many channels it is probably larger where larger weights are removed. With the mean estimated anew each of the three is 0 again.
#
# The stored *deviation* goes stale in the same way: with half of its terms a sum varies less, and the norm still divides by the old deviation. In the table of section 1 two things were mixed: what the removed weights carried, and how wrong the stored means and deviations had become. Estimating the statistics anew separates them, because it changes the second alone.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def estimated_anew(net, seen=images[:2000]):
    """A copy of `net` whose batch norms have measured their statistics on `seen`; the weights stay."""
    net = copy.deepcopy(net).to(memory_format=torch.channels_last).train()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    for batch in seen.split(500):
        net(batch.to(device))
    for norm in norms:
        norm.momentum = 0.1  # as before, for training
    return net.eval()


# %% slideshow={"slide_type": "skip"}
fresh = {name: estimated_anew(net) for name, net in networks.items()}
anew = {name: [percent_right(net)] for name, net in fresh.items()}
found = {"stored": stored, "anew": anew}
gap = {when: mean(right["half, anywhere"]) - mean(right["2:4"]) for when, right in found.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws what each network gets right, before the step and after it.
show.by_moment(
    show.some(found, *networks),
    caption=f"2:4 is behind anywhere by {gap['stored']:.1f} points with stored statistics, by {gap['anew']:.1f} anew.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One or two points: most of the "price" of 2:4 was stale statistics. The order of the four stays, and of what cutting the channels cost, most is left.**
#
# <!-- page -->
#
# The dense network is the control. Its statistics were its own, and new ones move it by less than a point, so estimating anew is no training in disguise. *Anywhere* gains a little, 2:4 much, and 1:2 most: each of the three wins back most of what it had lost. (The stale deviations did at least as much of the harm as the stale means, and most channels move less than the one of our example; D1 has the trial.) Why does the stricter pattern suffer more from old statistics? Probably because it removes larger weights, as the third column of section 1 says, so that the sums behind it change more. A mask *anywhere* that removes as many squares as 2:4 loses as much (D1).
#
# So this number must never be read without the question whether the statistics were fresh. That holds for networks with batch norm; one without it needs no such step, and [[scores]] measures 2:4 on such a network.
#
# Is what is left, then, the price of the pattern? Not yet. Nobody uses a network straight after it was pruned.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 5. Trained on, with the mask held
#
# The makers of 2:4 prune once, *hold* the pattern, and repeat the training ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378), introduction). We hold it for 150 steps.
#
# **Predict.** Of the removed weights, how many are still zero after *one* step of Adam if nobody holds them: all, half, none? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* On the board a group after the mask: 0.9, -0.7, 0, 0. The third has the gradient -0.2; a step of plain gradient descent with the rate 0.1 makes it 0 - 0.1 times (-0.2) = 0.02. Three weights, and the packed format has room for two. Vote: how many of the removed weights have a gradient? Then the code: which line holds the mask? (`conv.weight.data *= mask`, after each step; `masks` is what was not zero when the training began.) Ask what would happen if the line stood before the step. (The step itself would move the zeros, and after the last one the network would be tested with them.) After the output: "None. So a network that was trained on without that line is dense again, whatever its name says." "Why has a removed weight a gradient?" (It is made of the input and of what comes back from the output, and neither is 0 when the weight is.) The training also measures the statistics as it goes: it does two things at once. Hence three suspects; write them up: pattern, statistics, missing training.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** A group of four is (0.9, −0.7, 0, 0) after the mask. Suppose that a larger third weight would lower the loss, so that its gradient is, say, −0.2. A step of plain gradient descent with the rate 0.1 makes it $0 - 0.1 \cdot (-0.2) = 0.02$. The group has three weights now, and the packed format has room for two. Multiply the group by its mask (1, 1, 0, 0) after the step, and the third is 0 again. That is all that *holding* means. How many of the removed weights have a gradient is the question.


# %% slideshow={"slide_type": "-"}
def tuned(net, seed=0, rate=1e-3, steps=150, hold=True):
    net = copy.deepcopy(net).to(memory_format=torch.channels_last)
    masks = {conv: conv.weight.detach() != 0 for conv in show.convolutions(net)}

    def after_each_step(step):
        for conv, mask in masks.items():
            conv.weight.data *= mask if hold else 1

    options = {"lr": rate, "schedule": lambda done: 1 - done, "seed": seed}
    options |= {"on_step": after_each_step, "device": device}
    training.fit(net, images, labels, steps=steps, batch_size=32, **options)
    return net.to(memory_format=torch.contiguous_format).eval()


# %% [markdown] slideshow={"slide_type": "skip"}
# 150 steps of 32 images are 4,800 images, less than a twelfth of one pass through the 60,000. `masks` is read from the network itself: what is not zero when the training begins may move. For the dense network that is every weight, so the same function serves for the control.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Takes one step of Adam, with the mask held and without, and counts the zeros.
held, let_go = (show.zeros_of(tuned(fresh["2:4"], steps=1, hold=hold)) for hold in (True, False))
show.zeros_left(show.zeros_of(fresh["2:4"]), held, let_go)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **None: one step of Adam makes the network dense again, because every removed weight has a gradient of its own.** Held, all stay zero.
#
# <!-- page -->
#
# Why does a removed weight have a gradient? The gradient of a weight is made of its inputs and of what comes back from its outputs, and neither of the two is 0 because the weight is. [[prune_traps]] showed the same for `remove`: what is only zero, and not masked, comes back.
#
# With Adam it is plainer than by hand: its first step divides each gradient by its own size. So it moves every weight by about the learning rate, however small its gradient is. (A weight with a gradient of exactly 0 would stay; of the 37,888 removed ones none did.) We multiply by the mask after each step. Before the step would not do: the step itself would move the zeros, and after the last one the network would be evaluated with them. A mask of PyTorch's `prune` multiplies the gradient instead ([[prune_module]]). With an optimizer that starts afresh both come to the same for the weights. (Momentum from before the cut would still move a zero whose gradient is masked; the product after the step would undo that.)
#
# During the training batch norm also measures its statistics as it goes. Remember that: the training does *two* things at once.

# %% [markdown] slideshow={"slide_type": "skip"}
# So there are three suspects for the points that 2:4 was behind. *The pattern*: two places in each group are not enough. *The statistics*: they were stale. *The missing training*: the weights that are left can make up for those that are gone, if they are allowed to move. A report that prunes and measures has all three mixed in one number. And if you look at 2:4 alone, and see it gain by one of the remedies, you do not know whether *anywhere* would have gained as much. The experiment that tells the three apart is the exercise.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · What did the points pay for?
# ★★ · 12 minutes · an investigation
#
# A report says: half of the weights removed anywhere, 88 % right; in 2:4, 76 %. The *gap* is the mean of anywhere − 2:4 over five networks or more; it counts if it is more than one point.
#
# - `"pattern"` if the gap counts with fresh statistics and 150 steps
# - if not, `"training"` if it counts with fresh statistics alone
# - if not, `"statistics"` if it counts as in the report; else `"nothing"`
#
# <!-- page -->
#
# `right(removed, anew, steps, seed)` repeats the report: it prunes a trained network (`"anywhere"` or `"2:4"`), estimates the statistics anew if `anew` is 1, trains on for `steps` steps with the mask held (0 or 150), and returns per cent right. `seed` picks one of many trained networks.
#
# `what_it_cost(right)` → one of these four words
#
# <details><summary>Hint</summary>
# There are three moments, and at each of them two networks that differ in the mask alone. What does <code>right</code> do if you do not say <code>anew</code> and <code>steps</code>? Which gap must you know first, and which do you need only if that one is small?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# If you leave `anew` and `steps` out, they are 0, as in the report. The check makes up many networks. It looks at how you make your experiment, both kinds of mask with the same settings and the same networks, at least five at each moment that the rule needs. Then it looks at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: draw a table of two rows (anywhere, 2:4) and three columns (as reported, fresh, trained), and write in numbers that lead to each of the four conclusions. A table that will do, as gaps in the order of the columns: pattern 12, 5, 3; training 12, 2, 0.5; statistics 12, 0.5, 0.5; nothing 0.5, 0.5, 0.5. Who judges the columns from left to right says "statistics" each time: the rule begins with the last one. Then ask: "2:4 gains twelve points by fresh statistics. What else must you know?" (What *anywhere* gains.) "Why is the dense network not the opponent?" (It has no zeros: it would be compared in two things at once.)


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_it_cost(right):
    """Say what the points paid for: "pattern", "training", "statistics" or "nothing".

    Args:
        right: the instrument; `right("2:4", anew=1, steps=150, seed=3)` gives
            the per cent of the test images that this network gets right.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_it_cost(what_it_cost)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_it_cost_solution(right):
    def gap(**moment):
        pairs = [(right("anywhere", seed=seed, **moment), right("2:4", seed=seed, **moment)) for seed in range(10)]
        return sum(anywhere - pattern for anywhere, pattern in pairs) / len(pairs)

    if gap(anew=1, steps=150) > 1:
        return "pattern"
    if gap(anew=1, steps=0) > 1:
        return "training"
    return "statistics" if gap(anew=0, steps=0) > 1 else "nothing"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What the experiment says of our SmallResNet
#
# Fresh statistics, then 150 steps with the mask held, the same for every network. *Anywhere* and 2:4 get them twice, with the images in two orders. The dense network is the control.
#
# **Predict.** By how many points is 2:4 behind *anywhere* now, and what did the points of section 1 pay for?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Two people defend two conclusions of the exercise. Then the figure: hollow, blue, green. Read the row of 2:4 from left to right: the long way is the statistics, the short one the training. Write the three gaps from the line under the figure below each other: 13.9, 1.8, 0.4. Then the control, the top row: the training does the dense network no good, so it is not the training itself that lifts everything. Ask which conclusion follows by the rule ("training": 0.4 does not count, 1.8 does), and whether they would report it in that one word. (No: report all three gaps. Each answers another question: prune and ship; measure the statistics too; train for a few seconds.) "Is 0.4 nothing?" Probably not quite: on all test images, with three orders, it was 0.2, 0.2 and 0.4, each give or take 0.15. "Is that a law?" No, one network with weights to spare.

# %% slideshow={"slide_type": "skip"}
trained = {name: [percent_right(tuned(fresh[name]))] for name in ("nothing", "half, anywhere")}

# %% slideshow={"slide_type": "skip"}
trained |= {name: [percent_right(tuned(fresh[name]))] for name in ("2:4", "1:2")}

# %% slideshow={"slide_type": "skip"}
for name in ("half, anywhere", "2:4"):
    trained[name].append(percent_right(tuned(fresh[name], seed=1)))
found["trained"] = trained
gap["trained"] = mean(trained["half, anywhere"]) - mean(trained["2:4"])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws what the masked networks get right at the three moments.
steps = (
    f"2:4 is behind anywhere by {gap['stored']:.1f}, then by {gap['anew']:.1f}, then by {gap['trained']:.1f} points."
)
show.by_moment(show.some(found, *trained), low=60, caption=steps)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Less than one point: of the fourteen points of section 1 about twelve were stale statistics, more than one was missing training, and a few tenths are left.**
#
# <!-- page -->
#
# By the rule of the card the one word is "training": after 150 steps the gap no longer counts, and with fresh statistics alone, at 1.8 points, it still did. (The card asks for five networks, because networks differ. We have one here, and a second one under *Deeper*.) The word hides the sizes. Whoever reports a result should give all three gaps, because each of them answers another question: what happens if I prune and ship; if I also measure the statistics; if I can train for a few seconds.
#
# Why is it the *training* that closes the last gap, and not only something that lifts every network? Look at the other rows. The dense network, with the same steps, gets no better. *Anywhere* gains little, 2:4 more than a point and a half, and 1:2, the strictest pattern, nearly three. So the training gives most to the network that had lost most. The weights that are left can make up for those that are gone, as long as there are enough of them, and in the end the three masks lie within about half a point of each other.
#
# What are a few tenths worth? Four tenths of a point are sixteen of 4,000 images, and [[baseline]] showed how to find out what that is worth: count the images on which only one of the two networks is right. We did so outside this page, after 150 steps of 64 images and on all 10,000 test images: the gap was 0.2, 0.2 and 0.4 points in three orders, each with a standard error of about 0.15. So the pattern probably does cost something here, about a quarter of a point. A price of more than one point is excluded, for this network and this training. [Mishra et al.](https://arxiv.org/abs/2104.08378) repeated the whole training, with many networks, and found hardly any: in the table that [PyTorch's tutorial](https://github.com/pytorch/tutorials/blob/065c9d23d25d18f003d986a5fbb1c7fd25270f1e/advanced_source/semi_structured_sparse.py) takes from them, ResNet-50 gets 76.1 % on ImageNet dense and 76.2 % in 2:4. But they also paid for a second training. And it is not a law: in the tutorial's own BERT 0.44 points of F1 are missing after fine-tuning, and in [torchao's ViT](https://github.com/pytorch/ao/blob/0021c2f043aada339f3cad62535941b01f196bdc/torchao/sparsity/README.md), where the README names no training after the removal, mIoU fell from 0.581 to 0.567, and to 0.531 with the attention layers in 2:4.
#
# Where it stops being true: this is one network, which has weights to spare at a half. *Deeper* has a smaller one, other rates and more steps.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And the order of two cuts?
#
# *Block 1* of SmallResNet can be replaced by its input, because its shortcut is that input. Another copy loses *half of its channels*. Fresh statistics, then 150 steps for both, at a higher rate.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to the paragraph above "Deeper". The next two minutes, about two cuts and their order, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** With stored statistics the copy without block 1 is ahead. After the training, is it **A** still ahead, **B** level within a point, **C** behind? Which column would have told you, stored or fresh, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw block 1 as a box with an arrow around it: take the box away, and the arrow is left. Vote on A, B, C, and then on the column: stored or fresh, which the table calls *anew*. Click: C, and fresh. Ask: "Which of the two would you have thrown away by the column *stored*?" Half of the channels, 13.9 against 20.3: the one that is better in the end, 86.2 against 79.4, and does less work, 0.25 against 0.44. "Why does it turn round?" Probably the cut of channels changes the sums behind every convolution, and the step repairs them all; we did not isolate it. "Why a higher rate?" A network that has lost much wants one; at three rates the channels were ahead. "Is that a law?" No: two cuts of one network. Say: "Here the fresh column named the winner, and the stored one did not."

# %% slideshow={"slide_type": "skip"}
cuts = {"half of the channels": networks["half of the channels"], "block 1": show.without_block_1(dense)}
stored["block 1"] = [percent_right(cuts["block 1"])]
for name, net in cuts.items():
    fresh[name] = estimated_anew(net)
    anew[name] = [percent_right(fresh[name])]
    trained[name] = [percent_right(tuned(fresh[name], rate=3e-3))]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes work and accuracy of the two cuts at the three moments.
show.which_is_milder(found, cuts, dense, one_image)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It is behind (C): the copy with half of its channels is ahead with fresh statistics, and further ahead after the training. Only the stored statistics name the other one.** So estimate anew before you *rank*: here it named the later winner.
#
# <!-- page -->
#
# With the stored statistics the copy without block 1 gets about twenty images in a hundred right and the other one fourteen: both are broken, and the order of two broken networks says little. Why does the order turn round? The cut of half of the channels changes the sums of *every* convolution but the first, so stale statistics hurt it in nearly every layer, and new ones repair them all. Without block 1 only the layers behind the gap receive something unusual. (That is a likely reason. We did not isolate it.)
#
# The training confirms the fresh order, with a larger distance and with less than two thirds of the work: the copy with half of the channels needs a quarter of the dense network's multiply-adds, and the one without block 1 more than two fifths. We also ran both at three rates, outside this page (*Deeper*); channels were ahead at each. But it is one pair of cuts in one network, and the numbers in the fresh column are far from those in the last one. [B. Li et al., 2020](https://arxiv.org/abs/2007.02491), tested on many cut networks that fresh statistics predict the order after training better than stored ones do. That is a statement about orders, and not about how much will be left.

# %% [markdown] slideshow={"slide_type": "skip"}
# What should the mail-order company do? First it should time one layer of its own shape on its own card, with random weights in 2:4 and the number of images that it sends at a time. If that layer does not gain, the question of accuracy need not be asked. (SmallResNet would not gain as it stands: the public call takes matrices of 16 bits or less, and this network has convolutions, in fp32. We used it to ask what a pattern *costs*, and for that no fast kernel is needed.) If the layer gains, prune, estimate the statistics anew, train on with the mask held, and do the same with *anywhere*. Then report three gaps.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### D1. Other rates, more steps, another network
#
# How far does the answer of the experiment depend on the rate, on the 150 steps, and on this network? These are separate runs, not on this page, of 64 images a step: percent of the same 4,000 test images right, one order of the images, or two. The second network is SmallResNet at half the width, trained by the same recipe.
#
# | SmallResNet | moment | anywhere | 2:4 | gap |
# |---|---|---|---|---|
# | full width | stored statistics | 88.5 | 74.6 | 13.9 |
# | | fresh | 91.2 | 89.4 | 1.8 |
# | | 150 steps, rate 0.0003 | 91.5 | 90.9 | 0.6 |
# | | 150 steps, rate 0.001 | 91.4, 91.5 | 91.1, 91.1 | 0.4, 0.4 |
# | | 150 steps, rate 0.003 | 91.3 | 91.1 | 0.3 |
# | | 600 steps, rate 0.001 | 92.0 | 91.7 | 0.3 |
# | half the width | stored statistics | 73.2 | 51.9 | 21.3 |
# | | fresh | 88.9 | 87.6 | 1.3 |
# | | 150 steps, rate 0.0003 | 90.0 | 89.3 | 0.7 |
# | | 150 steps, rate 0.001 | 90.5, 90.4 | 89.5, 89.6 | 1.0, 0.8 |
#
# Both masks were given the same rates, and each is at or near its best at the rate of the page. In the network of half the width the gap after 150 steps is about twice as large as in the wide one, close to the point that counts on the card. With fresh statistics it was the other way round, 1.3 against 1.8. So the training closes about three quarters of the gap in the wide network, and about a third in the narrow one (at the rate of the page). Probably a narrow network has fewer weights to spare, so that it matters more which ones are left; other widths would test that. In both networks most of the gap that a report would have shown was stale statistics.
#
# The two cuts of *And the order of two cuts?*, after 150 steps of 64 images:
#
# | rate | half of the channels | without block 1 |
# |---|---|---|
# | 0.001 | 85.1 | 75.0 |
# | 0.003 | 87.2 | 81.3 |
# | 0.01 | 87.5 | 83.5, 83.6 |
#
# At 0.02, in a later run, it was 86.9 and 83.1, so 0.01 is near the best for both. A network that has lost much wants a higher rate than one that has lost little. With each cut at its own best rate the channels are about four points ahead.
#
# **Mean or deviation?** Section 4 worked out by hand how a stale *mean* shifts a channel. The stored deviation is stale as well. In another run outside this page we renewed one of the two, and left the other as it was stored:
#
# | | stored | new means alone | new deviations alone | both new |
# |---|---|---|---|---|
# | half, anywhere | 88.5 | 89.4 | 90.2 | 91.2 |
# | 2:4 | 74.6 | 82.6 | 83.8 | 89.4 |
# | 1:2 | 66.0 | 74.2 | 80.9 | 88.1 |
# | half of the channels | 13.9 | 26.1 | 18.2 | 31.4 |
#
# For the three masks the deviations do at least as much of the harm as the means, and in the strictest one more. Where whole channels are cut it is the other way round. How far did they move? In 2:4, with the statistics renewed layer by layer, the mean of the median channel moves by 0.06 to 0.12 of its old deviation, depending on the masked convolution (in the example of section 4 it was 1.9), and its deviation shrinks to 0.86 to 0.90 of the old one. Each shift is small; there are many channels, and five such layers, one after the other.
#
# **Pattern or squares?** 2:4 removes 12.7 % of the squares, *anywhere* 6.5 %. Does 2:4 suffer more from stale statistics because of its pattern, or because it removes larger weights? The control is a mask without a pattern that removes as much. *Anywhere* with 40 % of the weights left removes 11.9 % of the squares and gets 77.8 % right with stored statistics; with 38 % left it removes 13.2 % and gets 68.4 %. The 74.6 % of 2:4 lie between the two, so its loss needs no pattern. With fresh statistics these two masks get 90.2 and 89.7 %, and 2:4 gets 89.4 %. (1:2 removes 17.6 % and loses *less* than such a mask, which gets some 59 % there; with fresh statistics both are near 88 %.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### D2. Which weights the public call takes
#
# The call of section 3 checks the device, the number of dimensions, the layout in memory, the dtype and the shape, in this order. The table below is the one that the call itself looks into.
#
# **Predict.** Which of these weights does it refuse *on a GPU*, and why: one in fp32; one in fp16 of 100 × 64; one in bf16 of 64 × 64; that of a convolution, with four dimensions?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Shows the types and the shapes that the call takes.
show.accepted_types()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **By default it refuses fp32, 100 × 64 and four dimensions; bf16 of 64 × 64 passes.** fp32 is not among the types, 100 is no multiple of 16, and a convolution's weight must be made a matrix first, for example by writing the convolution as a product with unfolded images. (float8_e4m3fn is an 8-bit float with 4 bits of exponent and 3 of mantissa; the card must know it, which Ampere does not.)
#
# A call can also be slow for a reason that has nothing to do with the multipliers. In [a pull request of 2026](https://github.com/pytorch/pytorch/pull/177866), which answers a report from an H100, the layer of the first row of section 3 takes 0.25 ms dense and 0.60 ms in 2:4, and some 0.46 ms pass between two launches of kernels, because each call prepared its description of the matrices anew. With the preparation kept from the call before, 2:4 takes 0.22 ms. And [a user of an A100](https://github.com/pytorch/tutorials/pull/3608) saw the tutorial's gain only with CUTLASS, which is not the default.
#
# None of these checks looks at the pattern. That the weight *is* 2:4 is up to you. There is a second path to the hardware, CUTLASS (`_FORCE_CUTLASS`); it takes fp32 as well, and its conversion drops what does not fit, without a word. That is the next question.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### D3. In fp32 the pattern is another one
#
# For fp32 the hardware's pattern is 1:2 ([cuSPARSELt's table of types](https://docs.nvidia.com/cuda/archive/12.0.0/cusparselt/types.html)), and the products are then computed in TF32. (For 4-bit integers it is again another one: two of four *pairs* stay.)
#
# **Predict.** You bring a mask in 2:4. For what share of the kept values has 1:2 no room, and why?

# %% slideshow={"slide_type": "skip"}
both = [(keep_n_of_m(conv.weight, 2, 4).bool(), conv.weight.detach()) for conv in show.convolutions(dense)]
homeless = sum((mask & (keep_n_of_m(w * mask, 1, 2) == 0)).sum().item() for mask, w in both)
misfit = homeless / sum(mask.sum().item() for mask, _ in both)
print(f"of the values that 2:4 keeps in SmallResNet, 1:2 has no room for {misfit:.1%}")

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "title-figure"]
# Draws the six ways to keep two of four.
show.six_ways()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **For about a sixth, because in two of the six ways to keep two of four both stand in one pair, and one of the two has no room there.** If all six ways are equally frequent, a third of the groups lose one of their two values, which is a sixth of the values. The trained network comes close to it, so its large weights do not stand side by side more often than chance would have it. So a format is not a share of zeros. It is a promise about places, and a mask keeps the promise of one format only.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### D4. Heads of an attention layer
#
# (For those who have met attention, which [[attention]] works by hand; the others lose nothing by skipping this.) There is another piece that can be removed from a network. Attention runs several times side by side, and each of these times is a **head**. A head has its own rows in the projections to queries, keys and values, and its own columns in the output projection. [Michel et al., 2019](https://arxiv.org/abs/1905.10650), removed many heads with little loss.
#
# **Predict.** Six of twelve heads are removed. What share of the layer's weights is left, and why? And does the layer give the same as one in which the outputs of these heads are set to 0?


# %% slideshow={"slide_type": "skip"}
class Attention(nn.Module):
    """Self-attention for (batch, steps, width); the width of a head is kept apart, so that heads can be removed."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads, self.head_width = n_heads, width // n_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        qkv = self.qkv(x).unflatten(2, (3, self.n_heads, self.head_width))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, steps, width of a head)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def cut_heads(attention, keep):
    small = copy.deepcopy(attention)
    by_head = (3, attention.n_heads, attention.head_width)
    small.qkv.weight = nn.Parameter(attention.qkv.weight.unflatten(0, by_head)[:, keep].flatten(0, 2))
    small.qkv.bias = nn.Parameter(attention.qkv.bias.unflatten(0, by_head)[:, keep].flatten(0, 2))
    small.out.weight = nn.Parameter(attention.out.weight.unflatten(1, by_head[1:])[:, keep].flatten(1))
    small.n_heads = len(keep)
    return small


# %% slideshow={"slide_type": "skip"}
runtime.seed_all(0)
whole_layer, tokens = Attention(768, 12).to(device).eval(), torch.randn(1, 128, 768, device=device)
stay = [0, 2, 4, 6, 8, 10]
fewer, silenced = cut_heads(whole_layer, stay), copy.deepcopy(whole_layer)
with torch.no_grad():
    silenced.out.weight.unflatten(1, (12, 64))[:, [head for head in range(12) if head not in stay]] = 0
    heads_exact = (fewer(tokens) - silenced(tokens)).abs().max().item()
    jobs = {"12 heads": lambda: whole_layer(tokens), "6 heads": lambda: fewer(tokens)}
    heads_speed = timing.compare(jobs, rounds=9, device=device)
heads_left = sum(p.numel() for p in fewer.parameters()) / sum(p.numel() for p in whole_layer.parameters())

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws what belongs to the heads, and writes what is left.
show.heads_in_squares()
show.heads_table(heads_left, heads_speed.ratio("6 heads"), heads_exact)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **A half of the weights is left, because each projection loses one side only, and the result is the same up to rounding.** Three projections lose half of their rows and the fourth half of its columns. In small: with a width of 4 and two heads, four matrices of 4 × 4 are 64 weights; with one head three of 2 × 4 and one of 4 × 2 are 32. With channels of a chain it was a quarter ([[structured]]), because there a layer loses inputs *and* outputs. The layer is untrained, so this shows the algebra and the time, and no accuracy. The multiplications are halved as well, because each head has its own. The layer was about twice as fast in the run on this page; an earlier run of the same cell gave 1.7, so read this ratio as a rough one. (torch-pruning cuts heads with `num_heads=`, `prune_num_heads=True`, `prune_head_dims=False` and `head_pruning_ratio=0.5`; the number of heads in your own code must follow.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### D5. Less lost within the pattern
#
# In section 1, 2:4 removed the 0.6 because its neighbours are large. Could the weight have other neighbours? The eight weights of the row are 0.9, −0.7, 0.6, 0.1 and 0.4, 0.2, −0.3, 0.05, one for each input, and the order of the inputs is ours to choose.
#
# **Predict.** Which two inputs would you swap, so that 2:4 loses as little as *anywhere*? And what must be changed elsewhere, so that the network computes the same as before, and why?

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **It is enough to swap the third input and the sixth, because each group then holds two of the four largest weights; and the layer before must give its outputs in the new order.** The groups are then (0.9, −0.7, 0.2, 0.1) and (0.4, 0.6, −0.3, 0.05), and 2:4 keeps 0.9, −0.7, 0.6 and 0.4, as *anywhere* does. (Nine swaps would do: any of the three large weights of the first group against any of the three small ones of the second.) The rows of the layer before are put into the new order once, before the network is used, so nothing is paid while it runs.
#
# Where it stops being so easy: the order is one for *all* rows of the matrix, and what suits one row may hurt another. With a shortcut, several layers must agree on one order, as they must agree on the channels that are cut ([[structured]]). [Pool and Yu, 2021](https://proceedings.neurips.cc/paper/2021/hash/6e8404c3b93a9527c8db241a1846599a-Abstract.html), search for good orders, and report that accuracy is won back, for small networks too, and that the time of a run does not change. We did not try it here.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A 2:4 mask
# ★★ · 15 minutes
#
# Write your answer into the stub, run it, then the check below it. Write `mask_2_4`: for a matrix, a mask of the same shape that keeps the two largest magnitudes in each group of four neighbours *along a row*, neither more
# nor fewer, even if they are 0. A row whose length is no multiple of four ends in a shorter group: it keeps its two largest as well, or the only one that it
# has. Among equal magnitudes any choice is right. (When your function passes: make the mask of a matrix, and that of its transpose, transposed back. Which of the two leaves every output half of its products, and why? Section 1 has the reason.)
#
# `mask_2_4(weight)` → a tensor of zeros and ones
#
# <details><summary>Hint</summary>
# For each group: the positions of its two largest, by topk on the absolute values. A loop over rows and groups is fine. A threshold ("keep what is at least
# the second largest") goes wrong where values are equal.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def mask_2_4(weight):
    """Zeros and ones of the shape of `weight` (rows, columns): two kept in each group of four along a row.

    >>> mask_2_4(torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)))  # keeps the ones
    tensor([[1., 1., 0., 0.],
            [1., 1., 0., 0.],
            [0., 0., 1., 1.],
            [0., 0., 1., 1.]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.mask_2_4(mask_2_4)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def mask_2_4_solution(weight):
    mask = torch.zeros_like(weight)
    for row in range(weight.shape[0]):
        for start in range(0, weight.shape[1], 4):
            group = weight[row, start : start + 4].abs()
            mask[row, start + group.topk(min(2, len(group))).indices] = 1
    return mask


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · What batch norm stores
# ★★ · 12 minutes
#
# Write `fresh_statistics`: what a batch norm with `momentum=None` has stored after it saw `batches`, a list of one or more tensors of the shape (images,
# channels, height, width), each with two images or more. For each batch and each channel: the mean over images and pixels, and the variance, which divides by
# one less than the number of values. Then the plain mean of these over the batches, however large each is.
#
# `fresh_statistics(batches)` → (mean, variance), each of the shape (channels,)
#
# <details><summary>Hint</summary>
# tensor.mean and tensor.var take a tuple of dimensions, all but that of the channels. torch.var divides by one less by itself. Then add up over the batches,
# and divide by their number.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def fresh_statistics(batches):
    """(mean, variance) for each channel, as a batch norm with momentum=None stores them.

    >>> len(fresh_statistics([torch.ones(2, 3, 1, 1)]))
    2
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.fresh_statistics(fresh_statistics)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def fresh_statistics_solution(batches):
    means = [batch.mean((0, 2, 3)) for batch in batches]
    variances = [batch.var((0, 2, 3)) for batch in batches]
    return sum(means) / len(means), sum(variances) / len(variances)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("patterns")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A pattern is a promise about places: two of every four. It stores 56.25 % of the bytes in fp16 and 62.5 % in int8, no fewer than a bit mask; what it buys is a fixed amount of work for each group.
# - It saves time only where a kernel exists. Others gained 1.1 to 1.4 times on an A100, and lost for small inputs; this course measured no time.
# - Half of the weights anywhere, with the same statistics and the same training, is the opponent of 2:4. Here fourteen points became two with fresh statistics, and less than one after 150 steps.
# - Hold the mask: one step of Adam without it makes the network dense again. And estimate the statistics anew before you rank cuts (*And the order of two cuts?*).
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: A. Mishra et al., *Accelerating sparse deep neural networks*, 2021, [arXiv:2104.08378](https://arxiv.org/abs/2104.08378); B. Li et al.,
# *EagleEye: fast sub-net evaluation for efficient neural network pruning*, 2020, [arXiv:2007.02491](https://arxiv.org/abs/2007.02491), which ranks cut
# networks by statistics estimated anew; P. Michel et al., *Are sixteen heads really better than one?*, 2019,
# [arXiv:1905.10650](https://arxiv.org/abs/1905.10650). Next here: [[own_method]].
#
# **Project ideas**: permute input channels so that 2:4 removes fewer squares (D5); hold the mask and repeat the whole training; time one layer of your own shape on an NVIDIA GPU, and find the shape from which on 2:4 pays.
#
# **Credits**: the distinction of structured and unstructured pruning follows Michela Paganini's PyTorch pruning tutorial; torch-pruning is by Gongfan Fang
# and contributors (MIT); the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each. "What does 2:4 cost?" (Here less than one point against *anywhere*, after 150 steps with the mask held.) "Who can use it?" (An NVIDIA GPU from Ampere on, with a kernel, in large layers and with many rows.) "Which three numbers must a report give before you believe its price?" (The gap to *anywhere* with stored statistics, with fresh ones, and after the same training.) And for the company: time one layer first.
