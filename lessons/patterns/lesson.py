# ---
# jupyter:
#   course:
#     promise: You will judge a pruning pattern by what it costs and by what a machine can use of it.
#     minutes: 45
#     seconds: 40
#     needs: [measuring, prune_module, structured]
#     goals:
#       - Tell what a pattern costs from what stale statistics cost.
#       - Build a 2:4 mask, pack it, and count its bytes in fp16 and int8.
#       - Say what PyTorch's public 2:4 call takes and refuses, and where 2:4 stands in 2026.
#       - Compare ways to choose channels, before and after fine-tuning, over three seeds.
#       - Cut attention heads and whole blocks.
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
# *For the lecturer, 1 min.* Say: "[[structured]] cut whole channels. Single weights are gentler, but few machines gain by their holes. Is there something in
# between?" Ask who has heard of two out of four.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import statistics
import warnings

import torch
import torch_pruning as tp
from torch import nn
from torch.nn.functional import linear

from course_utils import data, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range
from lessons.patterns import checks as check

card = claims.Scorecard("patterns")
warnings.filterwarnings("ignore", "The PyTorch API of SparseSemiStructuredTensor")  # a prototype: section 4
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
images, labels = data.load("fashion_mnist")
test_set = [half[:4000] for half in data.load("fashion_mnist", "test")]
one_image = test_set[0][:1].to(device)
dense = checkpoints.load("small_resnet").to(device)
runtime.describe(device)

# %% tags=["setup"] slideshow={"slide_type": "skip"}
BY_NORM, AT_RANDOM = tp.importance.GroupMagnitudeImportance(p=2), tp.importance.RandomImportance()


def percent_right(net, images_and_labels=test_set):
    return 100 * training.evaluate(net, *images_and_labels, batch_size=64)


def cut(net, ratio, importance=BY_NORM):
    """A copy of `net` in which a share `ratio` of the channels is gone, as in the lesson before."""
    small = copy.deepcopy(net).to(device)
    last = [module for module in small.modules() if isinstance(module, nn.Linear)][-1]
    tp.pruner.BasePruner(small, one_image, importance=importance, pruning_ratio=ratio, ignored_layers=[last]).step()
    return small.eval()


def keep_n_of_m(weight, n, m):
    """Mask of the n largest magnitudes in each group of m neighbouring inputs (for a convolution: input channels)."""
    inputs_last = weight.detach().abs().movedim(1, -1)
    groups = inputs_last.reshape(-1, m)
    mask = torch.zeros_like(groups).scatter_(1, groups.topk(n, dim=1).indices, 1)
    return mask.reshape(inputs_last.shape).movedim(-1, 1)


def half_anywhere(weight):
    flat = weight.detach().abs().flatten()
    return torch.zeros_like(flat).index_fill_(0, flat.topk(flat.numel() // 2).indices, 1).view_as(weight)


@torch.no_grad()
def thinned(net, mask_for):
    """A copy of `net` with masked convolutions; the first one stays: it has one input channel."""
    net = copy.deepcopy(net)
    for conv in [module for module in net.modules() if isinstance(module, nn.Conv2d)][1:]:
        conv.weight.mul_(mask_for(conv.weight))
    return net


def attempt(what):
    """Run `what`; give its result, or the first two sentences of its error."""
    try:
        with torch.no_grad():
            return what()
    except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {'. '.join(' '.join(str(error).split()).split('. ')[:2])}"


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Four ways to cut a half
#
# In each convolution of SmallResNet but the first, half of the weights go: **anywhere** in the layer; **2:4**, two of every four neighbouring inputs (1 1 0 0 may stay);
# **1:2**, one of every two. Or half of the **channels** are cut out, and with them about three quarters of the weights. What is largest stays. Nothing is
# trained.
#
# **Predict.** How many points does 2:4 lose against "anywhere": **A** less than one, **B** a few, **C** more than ten?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw two groups of four boxes: in 2:4 both of a pair may stay, in 1:2 one of each pair must: stricter. Show of hands for A, B, C; most say B, for the three masks have the same number of zeros. Show the table: C. Say: "Keep the
# number for 2:4 in mind. The next slide asks what it is made of."

# %% slideshow={"slide_type": "skip"}
patterns = {
    "nothing": dense,
    "half, anywhere": thinned(dense, half_anywhere),
    "2:4": thinned(dense, lambda w: keep_n_of_m(w, 2, 4)),
    "1:2": thinned(dense, lambda w: keep_n_of_m(w, 1, 2)),
    "half of the channels": cut(dense, 0.5),
}
just_cut = {name: percent_right(net) for name, net in patterns.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
zeros = {name: f"{sparsity_report(net).weights.sparsity:.0%}" for name, net in patterns.items()}
zeros["half of the channels"] = "cut out"
Table(
    ["what goes", "zero weights", "right, %"],
    [[name, zeros[name], f"{just_cut[name]:.1f}"] for name in patterns],
    caption="4,000 test images, nothing trained.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** The three masks have the same number of zeros, and the stricter the pattern, the more is lost. So it seems.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 2. Is that the price of the pattern?
#
# In the masks half of SmallResNet's weights went, and 2:4 seemed to cost more than ten points against "anywhere". But batch norm still uses the statistics of
# the dense network ([[structured]]). We estimate them anew for each network: 2,000 images, no label, no gradient, no weight changed.
#
# **Predict.** How many points does 2:4 cost *now*? Does the order of the four change?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 4 min.* Let the room write a number for 2:4. Then the figure: hollow is before, filled after. 2:4 now costs one or two points against
# "anywhere". Say: "Most of what we blamed on the pattern was a mean and a variance that nobody had measured again." The order stays. The top row is the
# control: the dense network hardly moves. The bottom row is the other end: of the channels most of the loss stays. Ask what that means for papers that report
# a "one-shot" loss (pruned once, nothing trained): ask first whether the statistics were estimated anew.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def estimated_anew(net, seen=images[:2000]):
    """A copy of `net` whose batch norms have measured their statistics on `seen`; the weights stay."""
    net = copy.deepcopy(net).train()
    for norm in [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    for batch in seen.split(500):
        net(batch.to(device))
    return net.eval()


anew = {name: percent_right(estimated_anew(net)) for name, net in patterns.items()}
few = percent_right(estimated_anew(patterns["2:4"], images[:200]))
price = {when: found["half, anywhere"] - found["2:4"] for when, found in (("stored", just_cut), ("anew", anew))}
card.record("pattern-24", price["anew"])
card.record("pattern-stale", price["stored"] - price["anew"])
card.record("anew-dense", abs(anew["nothing"] - just_cut["nothing"]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(6.4, 4.2))
for row, name in enumerate(patterns):
    ends = just_cut[name], anew[name]
    ax.plot(ends, [row, row], color=plots.COLOURS["grey"], zorder=1)
    ax.plot(ends[0], row, "o", color=plots.COLOURS["orange"], mfc="white", label="stored" if not row else None)
    ax.plot(ends[1], row, "o", color=plots.COLOURS["blue"], label="anew" if not row else None)
ax.set(xlabel="test images right, %", yticks=range(len(patterns)), yticklabels=list(patterns), xlim=(0, 100))
ax.invert_yaxis()
ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=2)
plots.show(
    fig,
    alt="A row for each pattern with two points, images right with stored statistics and with those estimated anew: "
    + "; ".join(f"{name} {just_cut[name]:.1f} and {anew[name]:.1f} %" for name in patterns)
    + ".",
    caption=f"2:4 against anywhere: {price['stored']:.1f} points with stored statistics, {price['anew']:.1f} anew "
    f"(2:4: {anew['2:4']:.1f} % right, with 200 images {few:.1f} %: a few will do).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw.** Most of the "price" of 2:4 was old statistics; the order stays. Of what cutting the channels cost, most is left. (A network *without* batch
# norm needs no such step: [[scores]] measures 2:4 on one.)

# %% [markdown] slideshow={"slide_type": "skip"}
# The makers of 2:4 do not stop at the mask: they prune once, hold the pattern and *repeat the training* with the same hyper-parameters, and report that
# accuracy is kept ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378), introduction). That is the price of a second training, and not measured here.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What 2:4 stores
#
# NVIDIA GPUs from Ampere on (2020) have units that skip the zeros of 2:4 ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)). Stored are the kept
# values, and for each its place in the group.
#
# **Predict.** Bytes for each dense byte in fp16: **A** 50 %, **B** 56 %, **C** 75 %? And is the share in int8 larger or smaller?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame: "Which two of each four stay?" Second frame: check. Third frame: vote, then count the bits of one group with the room: two
# values of 16 bits and two places of 2 bits are 36 of 64. So B. Then int8: 16 + 4 of 32, a larger share. The table after it counts the bytes of real tensors.

# %% slideshow={"slide_type": "skip"}
eight = dense.block1.conv1.weight[0, :8, 1, 1].detach().cpu()[None]
row_mask = keep_n_of_m(eight, 2, 4)
kept = row_mask[0].nonzero().flatten()


def packing(stage):
    """Eight weights (0), the mask on them (1), what is stored (2)."""
    canvas = diagrams.Canvas(height=330)
    canvas.text(180, 75, "eight weights", align="right")
    for group in range(2):
        part = slice(4 * group, 4 * group + 4)
        mask = row_mask[:, part] if stage else None
        diagrams.grid(canvas, eight[:, part], 200 + 500 * group, 25, cell=110, mask=mask, text="{:.2f}", size=26)
    if stage == 2:
        canvas.text(180, 235, "stored", align="right")
        for name, left, values, text, meaning in (
            ("four values", 200, eight[0, kept], "{:.2f}", "fp32"),
            ("four places of 2 bits", 700, kept % 4, "{:.0f}", "int8"),
        ):
            diagrams.grid(canvas, values, left, 190, cell=90, text=text, meaning=meaning, size=26)
            canvas.text(left + 180, 305, name)
    return canvas.figure()


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
whole = [f"{v:.2f}" for v in eight[0].tolist()]
plots.show(
    [packing(stage) for stage in range(3)],
    alt=[
        f"Eight weights in two groups of four: {', '.join(whole)}.",
        f"The same; in each group two are crossed out, and {', '.join(whole[i] for i in kept)} stay.",
        f"Below them what is stored: those four values, and their places in the groups, {', '.join(str(int(i) % 4) for i in kept)}.",
    ],
    caption="The centre of a filter of block1.conv1: eight neighbouring inputs. Shades: within a grid only.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Answer. B**: in each group two values of 16 bits and two places of 2 bits are 36 bits in place of 64. In int8 20 in place of 32: a *larger* share, for the places weigh
# more beside smaller values.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Packed, and counted
#
# We pack a matrix as drawn: the kept values, and the places, four to a byte. Unpacked, is every value back?
#
# In **fp32** the hardware's pattern is another one, 1:2 ([cuSPARSELt](https://docs.nvidia.com/cuda/archive/12.0.0/cusparselt/types.html)).
#
# **Predict.** If you bring a 2:4 mask, what share of the kept values does 1:2 have no room for?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room write a share. Then draw the six ways to keep two of four: in two of the six both stand in one pair, and one of the two has no room. So a third of
# the groups lose one of two: a sixth. After the table: "A format is not a share of zeros. It is a promise about places." If asked: "fp32" is computed as TF32
# there (cuSPARSELt's notes); and for int4 the pattern is again another one: pairs, two of four pairs (PTX documentation, sparse mma).


# %% slideshow={"slide_type": "skip"}
SHIFTS = torch.tensor([0, 2, 4, 6])


def pack(weight, mask):
    """(values, places) of a matrix: its kept values, and for each 2 bits, four to a byte."""
    groups, kept = weight.reshape(-1, 4), mask.reshape(-1, 4).bool()
    places = torch.arange(4).expand(len(groups), 4)[kept].reshape(-1, 4)
    return groups[kept].reshape(len(weight), -1), (places << SHIFTS).sum(1).to(torch.uint8)


def unpack(values, places):
    places = (places.long()[:, None] >> SHIFTS & 3).reshape(-1, 2)
    groups = torch.zeros(len(places), 4, dtype=values.dtype)
    return groups.scatter_(1, places, values.reshape(-1, 2)).reshape(len(values), -1)


def packed_row(dtype):
    """Name, bytes for a dense byte, and whether all comes back, for a random matrix in 2:4."""
    weight = 20 * torch.randn(128, 256, generator=torch.Generator().manual_seed(0))
    mask = keep_n_of_m(weight, 2, 4)
    weight = (weight * mask).to(dtype)
    parts = pack(weight, mask)
    share = sum(t.numel() * t.element_size() for t in parts) / (weight.numel() * weight.element_size())
    return str(dtype).removeprefix("torch."), share, torch.equal(unpack(*parts), weight)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
packs = [packed_row(dtype) for dtype in (torch.float16, torch.bfloat16, torch.int8)]
weights = [m.weight.detach() for m in dense.modules() if isinstance(m, nn.Conv2d)][1:]
both = [(keep_n_of_m(w, 2, 4).bool(), w) for w in weights]
homeless = sum((mask & (keep_n_of_m(w * mask, 1, 2) == 0)).sum().item() for mask, w in both)
misfit = homeless / sum(mask.sum().item() for mask, _ in both)
card.record("bytes-fp16", 100 * packs[0][1])
card.record("bytes-int8", 100 * packs[2][1])
card.record("fp32-misfit", misfit)
Table(
    ["dtype", "pattern", "bytes left", "values back"],
    [
        *[[name, "2:4", f"{share:.2%}", "all" if back else "not all"] for name, share, back in packs],
        ["float32", "1:2", "–", f"no room for {misfit:.1%}"],
    ],
    caption="The last row: the 2:4 masks of SmallResNet's convolutions, against 1:2.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Every value comes back from 56.25 or 62.5 % of the bytes. In fp32 about one kept value in six does not fit 1:2: in two of the six ways to
# keep two of four, both stand in one pair.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. The public path
#
# `torch.sparse.to_sparse_semi_structured(weight)` packs a weight, and `nn.functional.linear` with it calls the kernel. By default that is cuSPARSELt, which
# keeps values and places in one tensor (`torch/sparse/semi_structured.py`).
#
# **Predict.** You hand it a matrix in 2:4 *on a CPU*. **A** It is faster than dense. **B** It works, slowly. **C** It refuses.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect A and B. On a CPU the answer is C, and PyTorch's own sentence says so. On an NVIDIA GPU of
# compute capability 8.0 or more two times should appear in its place; that was not tried for this course. Say: "There is no emulation. Without the kernel a
# 2:4 mask is a mask."


# %% slideshow={"slide_type": "fragment"}
def speed_24(side):
    x, weight = torch.randn(2, side, side, device=device)
    weight = (weight * keep_n_of_m(weight, 2, 4)).half()
    x, packed = x.half(), torch.sparse.to_sparse_semi_structured(weight)
    jobs = {"dense": lambda: linear(x, weight), "2:4": lambda: linear(x, packed)}
    return timing.compare(jobs, device=device)


said = attempt(lambda: speed_24(64 if device.type == "cpu" else 4096))
print(str(said).replace("! ", "!\n"))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Answer.** C, and in plain words. Where there is no kernel, a 2:4 mask saves no time. No speed of 2:4 was measured for this course; "twice the math
# throughput" ([Mishra et al.](https://arxiv.org/abs/2104.08378), abstract) is the bound, for the products alone.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does it take on a GPU?
#
# The call checks device, dimensions, memory layout, dtype and shape, in this order.
#
# **Predict.** Which of these weights does it refuse *on a GPU*: fp32; fp16, 100 × 64; bf16, 64 × 64; a convolution's, with four dimensions?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room say yes or no to the four. Then the table, which is the call's own (float8_e4m3fn: 8-bit floats with 4 bits of exponent and 3 of mantissa): fp32 is not in it, 100 is no multiple of 16,
# bf16 with 64 by 64 passes, a convolution's weight must be made a matrix first. Say: "It refuses. So no value of an fp32 weight is lost
# in silence on this path." On the other path it is: CUTLASS (`_FORCE_CUTLASS`) takes fp32, and its conversion drops what 1:2 has no room for, without a word.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# The table that the call looks into, with a name that may change.
constraints = torch.sparse.SparseSemiStructuredTensorCUSPARSELT._DTYPE_SHAPE_CONSTRAINTS
Table(
    ["dtype", "rows: multiple of", "columns: multiple of"],
    [[str(dtype).removeprefix("torch."), c.sparse_min_rows, c.sparse_min_cols] for dtype, c in constraints.items()],
    caption="A matrix, contiguous, on a device that PyTorch calls cuda, in one of these types; by default all others are refused.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** By default it refuses fp32, 100 × 64 and four dimensions; bf16 passes. None of these checks looks at the pattern: that the weight *is* 2:4 is up
# to you.

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
# **Predict.** The hardware is there, the kernel is there. Why is it little used?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the last two rows aloud: two projects took it out. Let the room collect reasons before you show ours: accuracy, a second training, 4-bit weights that save more bytes. Say plainly:
# "Nobody has proved the reason. What we can give is the arithmetic." Then the fragment.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Answer.** Probably the bytes: 2:4 in fp16 leaves 56 % of them, 4-bit weights about 25 %; and where a model waits for its
# weights ([[roofline]]), bytes decide. A survey of users would test that; we have none.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. How far can you go?
#
# Back to channels. Three LeNets (three seeds; no batch norm), 10,000 digits. Half or three quarters of the channels *and* of the neurons go; then one pass of training on the same digits.
#
# **Predict.** Where does choosing by norm beat choosing at random: **A** before and after that pass, **B** only before, **C** only after?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Show of hands; expect A and B. Then the figure, left panel first: "By norm is far ahead at a half; at three quarters both are
# near chance." Right panel: at a half a pass shrinks the lead to a few points; so A. So a half goes for about a point; that is how far. At three quarters the bands overlap: more random draws would be needed; in
# trials some of them did not recover at all. Ask:
# "Where would a new score look best in a paper?" Before fine-tuning. "And what must a report say so that two scores can be compared?" Passes, data, seeds.

# %% slideshow={"slide_type": "skip"}
SEEDS, RATIOS = (0, 1, 2), (0.5, 0.75)
digits = data.load("mnist", n=10_000)
test_digits = [half[:4000] for half in data.load("mnist", "test")]
lenets = []
for seed in SEEDS:
    runtime.seed_all(seed)
    lenets.append(models.LeNet().to(device))
    training.fit(lenets[-1], *digits, epochs=3, lr=3e-3, seed=seed, device=device)
    lenets[-1].eval()


def one_pass(net, seed):
    net = copy.deepcopy(net)
    training.fit(net, *digits, seed=100 + seed, device=device)
    return percent_right(net.eval(), test_digits)


uncut = {"before": [percent_right(net, test_digits) for net in lenets]}
uncut["after"] = [one_pass(net, seed) for seed, net in zip(SEEDS, lenets, strict=True)]

# %% slideshow={"slide_type": "skip"}
curves = {}  # (choice, share cut, "before" or "after") -> percent right, one a seed
for choice, importance in {"by norm": BY_NORM, "at random": AT_RANDOM}.items():
    for when in ("before", "after"):
        curves[choice, 0, when] = uncut[when]
    for ratio in RATIOS:
        for seed, net in zip(SEEDS, lenets, strict=True):
            runtime.seed_all(seed)
            smaller = cut(net, ratio, importance)
            curves.setdefault((choice, ratio, "before"), []).append(percent_right(smaller, test_digits))
            curves.setdefault((choice, ratio, "after"), []).append(one_pass(smaller, seed))
mean = {key: statistics.mean(values) for key, values in curves.items()}
halved = cut(lenets[0], 0.5)
work, file = (
    [count(net) for net in (lenets[0], halved)]
    for count in (lambda net: energy.count_macs(net, one_image), lambda net: size_report(net).file_bytes)
)
card.record("lenet-flops", work[1] / work[0])
card.record("lenet-file", file[1] / file[0])
card.record("lenet-drop", mean["by norm", 0, "after"] - mean["by norm", 0.5, "after"])
lead = {when: mean["by norm", 0.5, when] - mean["at random", 0.5, when] for when in ("before", "after")}
card.record("norm-lead-before", lead["before"])
card.record("norm-lead-after", lead["after"])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(12, 3.9))
shares = (0, *RATIOS)
for ax, when in zip(axes, ("before", "after"), strict=True):
    for choice, style, name in (("by norm", "o-", "blue"), ("at random", "s-", "orange")):
        found, colour = [curves[choice, share, when] for share in shares], plots.COLOURS[name]
        means = [mean[choice, share, when] for share in shares]
        ax.plot(shares, means, style, color=colour, label=choice)
        ax.fill_between(shares, [min(v) for v in found], [max(v) for v in found], alpha=0.2, color=colour)
    ax.set(title=f"{when} the pass", xlabel="share of channels and neurons cut", ylim=(0, 100))
    ax.set_xticks(shares, shares)
axes[0].set(ylabel="test images right, %")
axes[0].legend(loc="lower left")
plots.show(
    fig,
    alt="Two panels, accuracy over the share cut. "
    + " ".join(
        f"{choice}, {when} the pass: {', '.join(f'{mean[choice, share, when]:.0f}' for share in shares)} %."
        for choice in ("by norm", "at random")
        for when in ("before", "after")
    ),
    caption="Means and spans of three seeds. The pass is the same for every point, the uncut networks too.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A, at a half.** Before the pass the norm is far ahead, after it by a few points. At three quarters both break down before it; after it one
# random draw a network is too few to name a winner.

# %% slideshow={"slide_type": "skip"}
Table(
    ["LeNet", "FLOPs", "file", "right, %: mean of 3 (least to largest)"],
    [
        ["dense", "1", "1", mean_and_range(uncut["before"])],
        ["dense, one more pass", "1", "1", mean_and_range(uncut["after"])],
        [
            "half cut by norm, one more pass",
            f"{work[1] / work[0]:.3f}",
            f"{file[1] / file[0]:.3f}",
            mean_and_range(curves["by norm", 0.5, "after"]),
        ],
    ],
    caption="The middle row is the fair baseline. torch-pruning cuts in steps with iterative_steps=3: make a new optimizer after each.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Heads and blocks
#
# **Heads.** Attention runs several times side by side; each time is a **head**. Each has its own rows in the projections to queries, keys and values, and its own columns in the output projection ([Michel
# et al., 2019](https://arxiv.org/abs/1905.10650), removed many with little loss).
#
# **Predict.** Six of twelve heads go. What share of the layer's weights is left? Is the result the same as with these heads' outputs set to 0?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First a number from the room, and a yes or no. Then draw four squares on the board: hatch half of the rows in q, k and v, and half of the columns in the output projection. Each loses one side only, so a half is left,
# not a quarter as with channels of a chain. The last row says that the cut is exact: the difference is rounding.


# %% slideshow={"slide_type": "skip"}
class Attention(nn.Module):
    """Self-attention for (batch, steps, width); the width of a head is kept apart, so that heads can go."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads, self.head_width = n_heads, width // n_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        qkv = self.qkv(x).unflatten(2, (3, self.n_heads, self.head_width))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, steps, width of a head)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))


@torch.no_grad()
def cut_heads(attention, keep):
    small = copy.deepcopy(attention)
    by_head = (3, attention.n_heads, attention.head_width)
    small.qkv.weight = nn.Parameter(attention.qkv.weight.unflatten(0, by_head)[:, keep].flatten(0, 2))
    small.qkv.bias = nn.Parameter(attention.qkv.bias.unflatten(0, by_head)[:, keep].flatten(0, 2))
    small.out.weight = nn.Parameter(attention.out.weight.unflatten(1, by_head[1:])[:, keep].flatten(1))
    small.n_heads = len(keep)
    return small


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
runtime.seed_all(0)
whole_layer, tokens = Attention(768, 12).to(device).eval(), torch.randn(1, 128, 768, device=device)
stay = [0, 2, 3, 6, 7, 11]
fewer, silenced = cut_heads(whole_layer, stay), copy.deepcopy(whole_layer)
with torch.no_grad():
    silenced.out.weight.unflatten(1, (12, 64))[:, [head for head in range(12) if head not in stay]] = 0
    heads_exact = (fewer(tokens) - silenced(tokens)).abs().max().item()
    jobs = {"12 heads": lambda: whole_layer(tokens), "6 heads": lambda: fewer(tokens)}
    heads_speed = timing.compare(jobs, rounds=9, device=device)
left = sum(p.numel() for p in fewer.parameters()) / sum(p.numel() for p in whole_layer.parameters())
card.record("heads-exact", heads_exact)
card.record("heads-weights", left)
Table(
    ["6 of 12 heads", ""],
    [
        ["weights left", f"{left:.1%}"],
        ["times as fast", f"{heads_speed.ratio('6 heads'):.2f}"],
        ["largest difference to heads set to 0", f"{heads_exact:.1g}"],
    ],
    caption="768 wide, 128 tokens, untrained: the algebra and the time, not an accuracy.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A half, and the same result.** Each projection loses one side only. (torch-pruning cuts heads with `num_heads=`,
# `prune_num_heads=True`, `prune_head_dims=False` and `head_pruning_ratio=0.5`; the number of heads in your own code must follow.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A whole block
#
# A block whose shortcut is its input can be replaced by that input: block 1 of SmallResNet goes.
#
# **Predict.** Without training: harmless or fatal? And with the statistics estimated anew?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands: harmless or fatal. Click: the table. Fatal. Ask: "Which of the two cuts is the milder one?" Wait for two
# answers: by the third column block 1, by the last one the channels. Click. Say: "Which network you keep depends on the column. A report must say which it was."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
shallow = copy.deepcopy(dense)
shallow.block1 = nn.Identity()
compared = {name: (patterns[name], just_cut[name], anew[name]) for name in ("nothing", "half of the channels")}
compared["block 1"] = shallow, percent_right(shallow), percent_right(estimated_anew(shallow))
all_macs = energy.count_macs(dense, one_image)
Table(
    ["what goes", "FLOPs left", "stored, %", "anew, %"],
    [
        [name, f"{energy.count_macs(net, one_image) / all_macs:.2f}", f"{stored:.1f}", f"{fresh:.1f}"]
        for name, (net, stored, fresh) in compared.items()
    ],
    caption="Right, of 4,000 test images; nothing trained.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** Fatal, both times. And the two cuts change places: with stored statistics block 1 is the milder cut, anew it is the channels, with
# fewer FLOPs besides. So estimate anew before you *rank*.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · A 2:4 mask
# ★★ · 15 minutes
#
# Write `mask_2_4`: for a matrix, a mask of the same shape that keeps the two largest magnitudes in each group of four neighbours *along a row*, neither more
# nor fewer, even if they are 0. A row whose length is no multiple of four ends in a shorter group: it keeps its two largest as well, or the only one that it
# has. Among equal magnitudes any choice is right.
#
# `mask_2_4(weight)` → a tensor of zeros and ones
#
# <details><summary>Hint</summary>
# For each group: the positions of its two largest, by topk on the absolute values. A loop over rows and groups is fine. A threshold ("keep what is at least
# the second largest") goes wrong where values are equal.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper: the mask of the row 2, 2, 2, 2, and of the row 0, 0, 0, 3. Expect "four", from a threshold, and "one", from leaving out zeros: two stay in both.
# The second card is homework in a lecture.


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
# ### Exercise 2 · What batch norm stores
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
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Before you name the price of a pattern, estimate the batch norm's statistics anew: here most of the price of 2:4 was not the pattern's.
# - 2:4 stores 56.25 % of the bytes in fp16 and 62.5 % in int8, and can save time only where a kernel exists. PyTorch's public call
#   refuses other devices, dtypes and shapes.
# - Here most of the norm's lead at half cut went in one pass of fine-tuning: say the budget and the seeds.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: A. Mishra et al., *Accelerating sparse deep neural networks*, 2021, [arXiv:2104.08378](https://arxiv.org/abs/2104.08378); B. Li et al.,
# *EagleEye: fast sub-net evaluation for efficient neural network pruning*, 2020, [arXiv:2007.02491](https://arxiv.org/abs/2007.02491), which ranks cut
# networks by statistics estimated anew; P. Michel et al., *Are sixteen heads really better than one?*, 2019,
# [arXiv:1905.10650](https://arxiv.org/abs/1905.10650). Next here: [[own_method]].
#
# **Project ideas**: train the 2:4 network on with its mask held; permute input channels so that 2:4 keeps more; remove block 1 and fine-tune.
#
# **Credits**: the distinction of structured and unstructured pruning follows Michela Paganini's PyTorch pruning tutorial; torch-pruning is by Gongfan Fang
# and contributors (MIT); the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each: what is the price of 2:4, and who can use it? Here one or two points; NVIDIA GPUs from Ampere on, in the dtypes of the table (float8 on later ones only). Then: "The next lesson writes methods of its own."
