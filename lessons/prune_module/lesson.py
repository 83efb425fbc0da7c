# ---
# jupyter:
#   course:
#     promise: You will prune one layer with PyTorch, know every tensor that this adds, and not fall into its traps.
#     minutes: 70
#     seconds: 40
#     needs: [measuring, energy]
#     goals:
#       - Choose a method, a tensor and an amount, and predict what the module holds before and after.
#       - Write the forward pass and the gradient of a masked layer as formulas, and check them to the last digit.
#       - Say what a norm assumes about a weight, and measure where that assumption fails.
#       - Copy, train, save and load a pruned module without losing its masks or its zeros.
#     terms: ["density, sparsity", hook, magnitude pruning, mask, "norm (L1, L2)", over-parametrised, pruning,
#       "unstructured, structured"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *How many weights of a trained layer can you set to zero before anybody notices?*
#
# **Agenda**
#
# [[agenda]]
#
# [[promise]]

# %% [markdown] slideshow={"slide_type": "skip"}
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask for one number before anything runs: "A layer has 48,000 trained weights. How many may go, without any further
# training?" Write the answers on the board. Section 1 answers within a minute.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import io

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, prune_request, runtime, training
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table
from lessons.prune_module import checks as check

card = claims.Scorecard("prune_module")
runtime.seed_all(0)
torch.set_num_threads(1)  # training takes more
device = runtime.best_device()
print("LeNet is trained on the device below. Everything else is small and runs on its CPU.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. A first cut
#
# LeNet learns to read digits from 12,000 images of MNIST. Its layer `fc1` holds 48,000 weights, four fifths of the network. We set a
# part of them to zero, in two ways: those of **least magnitude** $|w|$, or a **random** part. Nothing is trained
# afterwards.
#
# **Predict.** From which part on does the network lose more than one point of accuracy, if the smallest weights go: **A** 10 %, **B** 50 %,
# **C** 80 %, **D** more than 80 %? And if random ones go?

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("mnist", n=12_000)
test_images, test_labels = data.load("mnist", "test")
lenet = models.LeNet()
training.fit(lenet, images, labels, epochs=4, lr=2e-3)
lenet = lenet.cpu().eval()


def trained():
    """A copy to cut; `lenet` itself stays whole."""
    return copy.deepcopy(lenet)


def accuracy_of(model):
    return 100 * training.evaluate(model, test_images, test_labels)


# %% slideshow={"slide_type": "skip"}
AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
METHODS = {"least magnitude": prune.l1_unstructured, "random": prune.random_unstructured}
after_cut = {name: [] for name in METHODS}
for name, method in METHODS.items():
    for amount in AMOUNTS:
        runtime.seed_all(0)
        net = trained()
        method(net.fc1, name="weight", amount=amount)
        after_cut[name].append(accuracy_of(net))
dense, at = after_cut["random"][0], AMOUNTS.index
card.record("free-half", dense - after_cut["least magnitude"][at(0.5)])
card.record("magnitude-over-random", after_cut["least magnitude"][at(0.9)] - after_cut["random"][at(0.9)])
Table(
    ["part of fc1 cut", *(f"{a:.0%}" for a in AMOUNTS)],
    [[name, *(f"{a:.1f}" for a in row)] for name, row in after_cut.items()],
    caption="accuracy, %, on the 10,000 test images; no training after the cut",
)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Most weights of this layer are not missed

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(12, 4.4))
for (name, row), style in zip(after_cut.items(), ("o-", "s--"), strict=True):
    ax.plot([100 * a for a in AMOUNTS], row, style, label=name)
ax.set(xlabel="weights of fc1 set to zero, %", ylabel="accuracy, %")
ax.legend(loc="lower left")
plots.show(
    fig,
    alt="Accuracy over the part of fc1's weights that is set to zero. The curve of least magnitude stays flat to about 80 % "
    "and then falls. The curve of random weights falls sooner and lies below it everywhere past the start.",
    caption="LeNet on MNIST, layer fc1 cut after training, nothing trained afterwards; one training run, one random draw.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** In our run D for the smallest, B for random ones. Half of the weights go for nothing, past a point it breaks, and *which* weights go
# matters. Han et al. ([2015, section 5](https://arxiv.org/abs/1506.02626)) call that half a "free lunch"; with training after the cut they
# reached a ninth for AlexNet. [[prune_model]] does that, over several seeds.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Why prune?
#
# **Pruning** removes weights, or whole neurons, from a trained network. By [[energy]] a weight that is gone need neither be read nor
# multiplied, *if* the format and the code can skip it.
#
# The word comes from **decision trees**. *Cost-complexity pruning* (Breiman et al., 1984) first grows the tree too large, then cuts
# back the branches that pay least: it minimises $R(T) + \alpha |T|$, error plus a price for each leaf.
#
# **Predict.** Why grow it too large first? Why not stop early?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Grow first, cut afterwards
#
# - In a **tree**, a split that looks useless may be needed for a good one below it. Whoever stops early never finds out.
# - A **network** with more weights than it needs is *over-parametrised*. Such networks are easier to train: there are many good
#   solutions, and gradient descent finds one. Section 1 shows how much of a trained layer is redundant.
# - So: train large, cut, ship small. LeCun et al. did it in 1990 (*Optimal brain damage*).
#
# Would the small network have learned as well on its own, had one known it? Some can, if they start from the *same initial weights*:
# the **lottery ticket hypothesis** ([Frankle and Carbin, 2018](https://arxiv.org/abs/1803.03635), ICLR 2019). An open question for
# large networks, and our [[ticket]].

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let the room answer for trees; somebody knows XOR: no single split helps, two do. Then ask whether a network can be
# stopped early in the same sense. The ticket paper is of 2018 (arXiv) and 2019 (ICLR); slides that say 2008 are wrong.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Three decisions
#
# `torch.nn.utils.prune` asks for
#
# 1. a **method**: which weights go;
# 2. a **module** and the **name** of one of its parameters;
# 3. an **amount**: a float is a *fraction*, an int is a *count*.
#
# | function | takes | by |
# |---|---|---|
# | `random_unstructured` | single weights | chance |
# | `l1_unstructured` | single weights | least magnitude |
# | `random_structured`, `ln_structured` | whole slices: rows, filters, channels | chance, least norm |
# | `custom_from_mask` | what your mask says | you |
# | `identity` | nothing, but prepares the module | – |

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Before the cut
#
# LeNet's `conv1` has 6 filters of 3 × 3, so 54 weights, and 6 biases. Values do not matter in this section, names do. So the network is a
# new one with a fixed seed, and your output must be the one printed here, digit for digit.


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
def new_conv1():
    torch.manual_seed(0)
    return models.LeNet().conv1


conv = new_conv1()
print("parameters:", [(name, tuple(p.shape)) for name, p in conv.named_parameters()])
print("buffers:   ", list(conv.named_buffers()))
print("weight is a", type(conv.weight).__name__)
print("hooks:     ", list(conv._forward_pre_hooks.values()))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The cut
#
# We prune a random 30 % of `conv1.weight`.
#
# **Predict.** 30 % of 54 is 16.2. How many weights go? And which of the four lines of the last output change?


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
def step_1():
    """Each step of this walk starts from a new layer, so that its cell may run twice."""
    conv = new_conv1()
    prune.random_unstructured(conv, name="weight", amount=0.3)
    return conv


conv = step_1()
print("zeros:     ", int((conv.weight == 0).sum()), "of", conv.weight.numel())
print("parameters:", [(name, tuple(p.shape)) for name, p in conv.named_parameters()])
print("buffers:   ", [(name, tuple(b.shape)) for name, b in conv.named_buffers()])
print("weight is a", type(conv.weight).__name__)
print("hooks:     ", [type(hook).__name__ for hook in conv._forward_pre_hooks.values()])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One tensor became three
#
# 16 weights went, `round(16.2)`, and all four lines changed.
#
# | name | is | holds |
# |---|---|---|
# | `weight_orig` | parameter | all 54 weights, untouched; the optimizer trains it |
# | `weight_mask` | buffer | 1 for what stays, 0 for what goes |
# | `weight` | plain attribute | `weight_orig * weight_mask` |
#
# A **hook** (here a *forward pre-hook*) is a function that PyTorch calls before each forward pass. This one computes `weight` again. So the layer's own code
# still reads `self.weight`, and knows of nothing.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The mask, and a filter under it
#
# `-0.0000` is a negative weight times 0. It counts as a zero: `-0.0 == 0`.

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
conv = step_1()
print("mask, a row for each filter")
print(conv.weight_mask.flatten(1).int())
print("first filter before and after")
print(torch.cat([conv.weight_orig[0, 0], conv.weight[0, 0]], dim=1).detach())

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The hook is the method
#
# The object in `_forward_pre_hooks` is an instance of a class of `torch.nn.utils.prune`. [[own_method]] writes such classes. `weight` is no *leaf* of autograd any more:
# a leaf is a tensor that was not computed from others, and `weight` is a product. Two traps of section 8 come from that. The printed module looks
# as before: ask `prune.is_pruned`.

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
conv = step_1()
hook = next(iter(conv._forward_pre_hooks.values()))
Table(
    ["ask", "answer"],
    [
        ["type(hook).__name__", type(hook).__name__],
        ["hook._tensor_name", hook._tensor_name],
        ["hook.amount", hook.amount],
        ["hook.PRUNING_TYPE", hook.PRUNING_TYPE],
        ["conv.weight.is_leaf", conv.weight.is_leaf],
        ["prune.is_pruned(conv)", prune.is_pruned(conv)],
        ["repr(conv)", repr(conv)],
    ],
)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let somebody name the three tensors without looking. Ask: which of the three does the optimizer see? Which of them is in the
# file? (Parameter and buffer.) Some published outputs of this walk come from cells that ran twice, and show two methods after one call.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Two tensors, two methods, and the way out
#
# Step 2 prunes the 3 biases of least magnitude: an int is a count. The **L1 norm** of a single number is $|b|$.
#
# **Predict.** How many hooks are there afterwards: **A** one, **B** two? How many parameters, how many buffers?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One hook for each pruned tensor
#
# `prune.l1_unstructured(conv, name="bias", amount=3)`


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
def step_2():
    conv = step_1()
    prune.l1_unstructured(conv, name="bias", amount=3)
    return conv


def look(conv):
    """One row of everything that pruning changes."""
    hooks = [f"{h._tensor_name}: {type(h).__name__}" for h in conv._forward_pre_hooks.values()]
    return [
        ", ".join(name for name, _ in conv.named_parameters()),
        ", ".join(name for name, _ in conv.named_buffers()) or "–",
        ", ".join(hooks) or "–",
        f"{int((conv.weight == 0).sum())} and {int((conv.bias == 0).sum())}",
    ]


COLUMNS = ["after step", "parameters", "buffers", "hooks", "zeros in weight and bias"]
print("bias:", *(f"{b:.3f}" for b in step_2().bias.tolist()))
Table(COLUMNS, [["0", *look(new_conv1())], ["1", *look(step_1())], ["2", *look(step_2())]])

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** B: one hook, one mask and one `_orig` for each pruned tensor. Under the old names no parameter is left.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Iterative, along a dimension
#
# Step 3 prunes `weight` a second time, and in another way: half of the filters, those of least L2 norm (the root of the sum of squares). A filter is one slice along dimension 0.
#
# `prune.ln_structured(conv, name="weight", amount=0.5, n=2, dim=0)`
#
# **Predict.** 16 single weights are gone already. How many zeros are there after 3 of 6 filters are gone too: **A** 27,
# **B** 43, **C** something between? How many hooks?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Rows of zeros: whole filters


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
def step_3():
    conv = step_2()
    prune.ln_structured(conv, name="weight", amount=0.5, n=2, dim=0)
    return conv


conv = step_3()
print(conv.weight_mask.flatten(1).int())
print("zeros:", int((conv.weight == 0).sum()), "of", conv.weight.numel())
print("hooks:", look(conv)[2])
container = next(h for h in conv._forward_pre_hooks.values() if h._tensor_name == "weight")
print("in the container:", [type(method).__name__ for method in container])

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** C: old zeros in the empty filters count once. Still two hooks, one for each tensor: that of `weight` became a
# `PruningContainer`, which lists the methods in order. It has *one* mask, the product of both.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### `remove` makes it permanent
#
# Step 4 calls `prune.remove(conv, "weight")`, then `prune.remove(conv, "bias")`.
#
# **Predict.** What does it remove: **A** the pruned weights' zeros, **B** the mask and the hook, **C** the filters, so that the tensor gets smaller?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The mask is gone, the zeros stay


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
def step_4(*names):
    conv = step_3()
    for name in names:
        prune.remove(conv, name)
    return conv


Table(
    COLUMNS,
    [["3", *look(step_3())], ["4, weight", *look(step_4("weight"))], ["4, both", *look(step_4("weight", "bias"))]],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** B. Mask, hook and `weight_orig` are gone, the zeros stay, and the old values under them are lost. `remove` undoes nothing and shrinks nothing.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* The word "remove" misleads many: let the room vote. Then ask which smaller shape would make the layer cheaper, and what else would have
# to change (conv2's inputs). That is [[structured]].

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. The algebra of a mask
#
# $$W = M \odot W_{orig} \qquad\qquad \frac{\partial L}{\partial W_{orig}} = M \odot \frac{\partial L}{\partial W}$$
#
# $\odot$ multiplies element by element, $M$ is the mask of zeros and ones, $L$ the loss. The right side is the chain rule: $M$ is a constant.
#
# **Predict.** A masked weight gets which gradient: **A** that of the dense layer, **B** none (`None`), **C** exactly 0?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Both formulas hold to the last digit

# %% slideshow={"slide_type": "-"} tags=["hide-input", "nbval-check-output"]
layer = step_1()
by_torch = layer(test_images[:64])
effective = (layer.weight_orig * layer.weight_mask).detach().requires_grad_()
by_hand = F.conv2d(test_images[:64], effective, layer.bias)

by_torch.square().mean().backward()
by_hand.square().mean().backward()
forward_gap = (by_torch - by_hand).abs().max().item()
gradient_gap = (layer.weight_orig.grad - layer.weight_mask * effective.grad).abs().max().item()
masked = layer.weight_mask == 0
card.record("mask-forward", forward_gap)
card.record("mask-gradient", gradient_gap)
Table(
    ["quantity", "value"],
    [
        ["largest difference of the outputs", f"{forward_gap:g}"],
        ["largest difference of the gradients", f"{gradient_gap:g}"],
        ["masked weights", int(masked.sum())],
        ["… whose gradient of weight_orig is 0", int((layer.weight_orig.grad[masked] == 0).sum())],
        ["… whose gradient without the mask is not 0", int((effective.grad[masked] != 0).sum())],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** C. Masked weights get a gradient of exactly 0. The loss *would* like to move them: the gradient without the mask is not 0. So the zeros
# of `weight` survive training, as long as the mask is there.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### What a file holds
#
# **Predict.** `fc1` has four fifths of LeNet's weights. With 90 % of them masked, the saved model is: **A** about a fifth of its size,
# **B** as large as before, **C** larger?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "lecture"]
masked_lenet = trained()
prune.l1_unstructured(masked_lenet.fc1, name="weight", amount=0.9)
print([key for key in masked_lenet.state_dict() if "fc1" in key])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
removed = trained()
prune.remove(prune.l1_unstructured(removed.fc1, name="weight", amount=0.9), "weight")
stages = {"fp32, 12,000 images": lenet, "fc1 cut by 90 %, masked": masked_lenet, "fc1 cut by 90 %, removed": removed}
sizes = {name: size_report(model) for name, model in stages.items()}
rows = [
    ledger.record(
        lesson="prune_module",
        task="mnist",
        model="LeNet",
        technique=name,
        accuracy=accuracy_of(model) / 100,
        file_bytes=sizes[name].file_bytes,
        load_ms=sizes[name].load_ms,
        energy_nj=energy.estimate(model, test_images[:1]).total_nj,
    )
    for name, model in stages.items()
]
base = sizes["fp32, 12,000 images"].file_bytes
Table(
    ["LeNet", "accuracy, %", "file, over dense", "energy, µJ"],
    [[r.technique, f"{100 * r.accuracy:.1f}", f"{r.file_bytes / base:.2f}", f"{r.energy_nj / 1000:.1f}"] for r in rows],
    caption="energy: the estimate of [[energy]], for one image",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** C: the mask is a second fp32 tensor of the same size. After `remove` a zero takes 4 bytes and a multiplication, like any number. "Pruning makes the model smaller"
# needs a format that skips zeros ([[prune_model]]) or tensors that are really cut ([[structured]]).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer.* The derivation fits on one line of the board. Then the file: most of the room votes A. Ask who has read "pruning reduces model size",
# and what has to be true for it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. Which weights?
#
# The usual answer is *the small ones*, by a **norm**:
#
# $$\lVert w \rVert_n = \Big(\sum_i |w_i|^n\Big)^{1/n}$$
#
# - $n = 1$, **L1**: the sum of magnitudes. For a single weight it is $|w|$: *magnitude pruning*
# - $n = 2$, **L2**: large entries count more; $n = \infty$: the largest entry alone
#
# **Predict.** Three filters, flattened: $(3, 0, 0, 0)$, $(1, 1, 1, 1)$ and $(2, 1.5, 0, 0)$. One has to go. Which one, by L1, by L2, by $L_\infty$?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
filters = {"(3, 0, 0, 0)": [3.0, 0, 0, 0], "(1, 1, 1, 1)": [1.0, 1, 1, 1], "(2, 1.5, 0, 0)": [2.0, 1.5, 0, 0]}


def first_to_go(n):
    layer = nn.Linear(4, 3, bias=False)
    layer.weight.data = torch.tensor(list(filters.values()))
    prune.ln_structured(layer, "weight", amount=1, n=n, dim=0)
    return list(filters)[int(layer.weight_mask.sum(1).argmin())]


Table(
    ["", *filters, "goes first"],
    [
        [label, *(f"{torch.tensor(f).norm(n):.2f}" for f in filters.values()), first_to_go(n)]
        for label, n in (("L1", 1), ("L2", 2), ("L∞", float("inf")))
    ],
    caption="L1 adds up what is there; the higher n, the more the largest entry counts",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Magnitude pruning at 50 %

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
net = trained()
prune.l1_unstructured(net.conv2, name="weight", amount=0.5)
whole, mask = net.conv2.weight_orig.detach(), net.conv2.weight_mask
bins = torch.linspace(-float(whole.abs().max()), float(whole.abs().max()), 61).numpy()
fig, (left, right) = plots.figure(columns=2, size=(12, 4.5))
left.hist(whole.flatten().numpy(), bins, color=plots.COLOURS["grey"], alpha=0.4, label="before")
left.hist(whole[mask == 1].numpy(), bins, color=plots.COLOURS["blue"], label="kept")
left.set(xlabel="weight of conv2", ylabel="how many")
left.legend()
right.imshow(mask.flatten(1), cmap="gray", aspect="auto", interpolation="nearest")
right.set(xlabel="weight of the filter", ylabel="filter")
right.grid(False)
plots.show(
    fig,
    alt="Left: a bell-shaped histogram of conv2's weights; of it, the blue part that is kept has a gap around 0. "
    "Right: the mask as a picture of 16 rows with 54 columns, white kept and black cut; every row has both, and dark bands of columns stand out.",
    caption="The smaller half of 864 trained weights goes. Right: the mask, a row for each filter, white is kept.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# The cut is a band around 0. No filter is empty: that is **unstructured** sparsity. Where nine neighbouring columns are dark, nearly all filters make little use of one input map.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What a norm assumes
#
# A weight acts through a product: it adds $w \cdot x$ to its neuron. A norm looks at $w$ alone. You may read that
#
# - "small weights see small inputs", and
# - "the norm of a matrix describes the information in a neuron".
#
# A counter-example needs two inputs: $y = 0.1 \cdot x_1 + 1 \cdot x_2$, with $x_1$ around 100 and $x_2$ around 0.1.
#
# **Predict.** Which of the two weights goes by magnitude? And by how much does $y$ change with each choice?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
w, x = torch.tensor([0.1, 1.0]), torch.tensor([100.0, 0.1])
Table(
    ["weight", "magnitude", "w · x", "y without it"],
    [[f"w{i + 1}", f"{w[i]:g}", f"{w[i] * x[i]:.1f}", f"{(w * x).sum() - w[i] * x[i]:.1f}"] for i in (0, 1)],
    caption=f"y = {(w * x).sum():.1f}; w1 has the smaller magnitude and makes {w[0] * x[0] / (w * x).sum():.0%} of it",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is that so in a trained network?
#
# Take real activations: what `fc1` of our LeNet gets from 2,000 images.
#
# - For each of its 400 inputs: the root mean square of the input, and the norm of the 120 weights that read it.
# - For each of its 120 neurons: the norm of its 400 weights, and how much the loss rises when that neuron alone is cut.
#
# **Predict.** If both sentences were true, what would the two clouds of points look like?


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def inputs_of_fc1(model, images):
    """What the convolutions hand to fc1, of shape (images, 400)."""
    x = torch.max_pool2d(torch.relu(model.conv1(images)), 2)
    return torch.max_pool2d(torch.relu(model.conv2(x)), 2).flatten(1)


@torch.no_grad()
def loss_without(model, inputs, labels, neuron=None):
    hidden = torch.relu(model.fc1(inputs))
    if neuron is not None:
        hidden[:, neuron] = 0
    return F.cross_entropy(model.fc3(torch.relu(model.fc2(hidden))), labels).item()


inputs, weight = inputs_of_fc1(lenet, images[:2000]), lenet.fc1.weight.detach()
rms = inputs.square().mean(0).sqrt()
whole_loss = loss_without(lenet, inputs, labels[:2000])
rise = torch.tensor([loss_without(lenet, inputs, labels[:2000], j) - whole_loss for j in range(len(weight))])


# %% slideshow={"slide_type": "skip"}
def rank_correlation(a, b):
    """Spearman's: 1 where both grow together, 0 where one says nothing about the other."""
    ranks = torch.stack([v.argsort().argsort().float() for v in (a, b)])
    return torch.corrcoef(ranks)[0, 1].item()


norm = weight.norm(dim=1)
fires = (lenet.fc1(inputs) > 0).any(0)  # the others are silent: 0 for all of these images
by_input = rank_correlation(rms, weight.norm(dim=0))
by_neuron = rank_correlation(norm[fires], rise[fires])
small_half = weight.abs() <= weight.abs().median()
of_silent = (small_half[~fires].sum() / small_half.sum()).item()
card.record("small-weights-small-inputs", abs(by_input))
card.record("norm-and-loss", by_neuron)
print(
    f"mean norm of a neuron: silent {norm[~fires].mean():.2f}, firing {norm[fires].mean():.2f}, "
    f"in a new layer {models.LeNet().fc1.weight.norm(dim=1).mean():.2f}"
)
print(
    f"silent neurons: {int((~fires).sum())} of {len(weight)}; "
    f"of the smaller half of all weights, {of_silent:.0%} are theirs"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two clouds, hardly a line

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, (left, right) = plots.figure(columns=2, size=(12, 4.3))
left.plot(rms, weight.norm(dim=0), "o", markersize=5, alpha=0.6)
left.set(
    xlabel="root mean square of the input",
    ylabel="norm of its weights",
    title=f"400 inputs: rank correlation {by_input:.2f}",
    ylim=(0, None),
)
right.plot(norm[~fires], 1000 * rise[~fires], "x", color=plots.COLOURS["grey"], label="silent")
right.plot(norm[fires], 1000 * rise[fires], "o", markersize=6, alpha=0.6, color=plots.COLOURS["orange"], label="fires")
right.set(
    xlabel="norm of the neuron's weights",
    ylabel="rise of the loss, thousandths",
    title=f"neurons that fire: rank correlation {by_neuron:.2f}",
)
right.legend(loc="upper left")
plots.show(
    fig,
    alt="Left: norm of the weights over the size of their input for 400 inputs, a flat cloud. Right: rise of the loss over the "
    "norm of a neuron's weights. Silent neurons lie at zero rise and mostly small norms; those that fire scatter widely, "
    "some below zero.",
    caption="fc1 of the trained LeNet on 2,000 images. Rank correlation: 1 where both grow together, 0 where one says nothing.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Neither is the rising line that the sentences promise. Small weights read large inputs as well as small ones. The norm does find the *silent* neurons, which never fire. Among those that fire it tells only roughly how much they matter.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why are silent neurons small? A neuron that gives 0 for every image gets no gradient, so training leaves it early: its norm is still near that of a new layer, while the
# others grew. That is the better reason why magnitude works here, and a good part of the free half of section 1. Cutting some neurons even lowers the loss.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A score that looks at the input
#
# $|w| \cdot \mathrm{rms}(x)$ measures what a weight adds ([Sun et al., 2023](https://arxiv.org/abs/2306.11695), who rank it row by row, in language models). Any
# score can be handed over: `l1_unstructured(…, importance_scores=score)` prunes where the *score* is small.
#
# **Predict.** Of the half that magnitude throws away, which share adds more than the median weight? And does the new score keep more accuracy?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
signal = weight.abs() * rms
loud_but_thrown = (signal > signal.median())[small_half].float().mean().item()
by_score = {"magnitude": [], "magnitude × input": []}
for name, score in zip(by_score, (weight.abs(), signal), strict=True):
    for amount in AMOUNTS:
        net = trained()
        prune.l1_unstructured(net.fc1, name="weight", amount=amount, importance_scores=score)
        by_score[name].append(accuracy_of(net))
card.record("loud-but-thrown", loud_but_thrown)

print(f"thrown away by magnitude, although above the median in |w| · rms(x): {loud_but_thrown:.0%}")
Table(
    ["part of fc1 cut", *(f"{a:.0%}" for a in AMOUNTS[2:])],
    [[name, *(f"{a:.1f}" for a in row[2:])] for name, row in by_score.items()],
    caption="accuracy, %",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The scores throw away different weights, and at half of the layer both are free. Beyond that, another seed may turn the order round.
# So the usual reason for magnitude is wrong, and as a rule of thumb it still works *here*. A norm is a **heuristic**. Measure it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Draw the rising line on the board before showing the clouds. Then the honest end: the reason is wrong, the method still works, and silent neurons are a part of why.
# Ask when it would fail badly: inputs of very different scale, for example without normalisation.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Amounts compound
#
# While the mask is there, a second call counts the weights that are *left*. After fractions $a_1, \dots, a_k$ there remain
#
# $$\text{density} = \prod_{i=1}^{k} (1 - a_i) \qquad \text{sparsity} = 1 - \text{density}$$
#
# **Density** is the share that is not zero, **sparsity** the share that is.
#
# **Predict.** You may read that "the sum of all amounts must be below 1". Prune 0.6, then 0.6 again. **A** an error, **B** everything
# is gone, **C** 84 % is gone, **D** 60 % is gone?


# %% slideshow={"slide_type": "skip"}
def sparsity_after(amounts):
    """Share of zeros in a new layer of 48,000 weights, pruned once for each amount."""
    torch.manual_seed(0)
    fc1 = models.LeNet().fc1
    for amount in amounts:
        if amount == "remove":
            prune.remove(fc1, "weight")
        else:
            prune.l1_unstructured(fc1, name="weight", amount=amount)
    return (fc1.weight == 0).float().mean().item()


def total(amounts):
    """The sum of the amounts, counts as shares of the 48,000."""
    return sum(a if isinstance(a, float) else a / 48_000 for a in amounts if a != "remove")


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Fractions multiply, counts add


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
schedules = {
    "0.6": [0.6],
    "0.6, 0.6": [0.6] * 2,
    "0.6, 0.6, 0.6": [0.6] * 3,
    "0.5, 0.25, 23 × 0.01": [0.5, 0.25] + [0.01] * 23,
    "9,600, 9,600 (counts)": [9600] * 2,
    "0.6, remove, 0.6": [0.6, "remove", 0.6],
}
gone = {name: sparsity_after(amounts) for name, amounts in schedules.items()}
card.record("compound", gone["0.6, 0.6"])
card.record("schedule", gone["0.5, 0.25, 23 × 0.01"])
Table(
    ["amounts", "their sum", "sparsity"],
    [[name, f"{total(amounts):.2f}", f"{gone[name]:.3f}"] for name, amounts in schedules.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** C. Each fraction counts what is left, so the sum of fractions means nothing, and may exceed 1. Counts are of whole weights: they do add up. After `remove`
# nothing remembers the first cut: its zeros are the smallest weights, and go again.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### With slices, too
#
# `ln_structured` counts the slices that are not empty yet. We cut half of `conv2`'s 16 filters, three times. Then, in another layer, half of the single weights and half of the filters.
#
# **Predict.** How many filters are empty after each call? Does the mixture reach a sparsity of 0.75?


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def empty_filters(calls):
    torch.manual_seed(0)
    conv2 = models.LeNet().conv2
    for _ in range(calls):
        prune.ln_structured(conv2, name="weight", amount=0.5, n=2, dim=0)
    return int((conv2.weight_mask.sum((1, 2, 3)) == 0).sum())


torch.manual_seed(0)
mixed = models.LeNet().conv2
prune.l1_unstructured(mixed, name="weight", amount=0.5)
prune.ln_structured(mixed, name="weight", amount=0.5, n=2, dim=0)
card.record("iterative-filters", empty_filters(2))
print("empty filters of 16, after each call:", [empty_filters(calls) for calls in (1, 2, 3)])
print(f"single weights, then filters: sparsity {(mixed.weight_mask == 0).float().mean():.3f}")

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** 8, then 4 of the 8 left, then 2 of 4. The mixture stays below 0.75: filters of least norm had lost more weights already.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask for a schedule that reaches 90 % in five equal steps: 1 - 0.1 ** (1 / 5), about 0.37 each, and not 0.18. Exercise 2 counts it
# in whole weights.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. Six traps
#
# | | you do | what you think |
# |---|---|---|
# | 1 | `copy.deepcopy(model)` | gives a copy |
# | 2 | make the optimizer before pruning | it trains the wrong tensor |
# | 3 | train on after `remove` | the zeros are permanent |
# | 4 | read `module.weight` after a step | it is the weight |
# | 5 | save, and load into a new model | it fits |
# | 6 | remove one of two methods | the other one stays |
#
# **Predict.** Which of the six thoughts are right? Mark them. Each trap is shown, then solved.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Trap 1: `deepcopy`
#
# Right after pruning, `weight` is the result of a product that autograd remembers. Such a tensor cannot be copied. Whatever copies a model inside fails, too: `quantize_dynamic` and
# `prepare_qat` of [[dynamic]] and [[qat_cnn]], averaging of weights, early stopping that keeps the best model.


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
def says(call):
    """What PyTorch answers, in one line."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return "no error"


conv = step_1()
print(says(lambda: copy.deepcopy(conv)).partition(" at the moment")[0])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Trap 1, solved: refresh first
#
# Let the hooks compute `weight` once without autograd. After each forward pass *with* gradients, do it again. If the
# masks are not needed any more, `remove` before copying works, too.


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
def refresh(model):
    """Compute every pruned tensor again, outside of autograd."""
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                if isinstance(hook, prune.BasePruningMethod):
                    hook(module, None)
    return model


conv = step_1()
twin = copy.deepcopy(refresh(conv))
print("copied:", torch.equal(twin.weight, conv.weight), "| still pruned:", prune.is_pruned(twin))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Trap 2: the optimizer was made before
#
# It holds `weight`, which is no parameter any more. We take a step on the dense layer, prune half of it, and take another step.
#
# **Predict.** Does the optimizer now train a tensor that nobody reads? And do the masked entries of `weight_orig`, whose gradient is 0, stay where they are?


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def second_step(make):
    """Prune between two steps: does the optimizer hold weight_orig, masked entries that moved, zeros in weight."""
    conv, x = new_conv1(), test_images[:64]
    optimizer = make(conv.parameters())
    conv(x).square().mean().backward()
    optimizer.step()
    prune.l1_unstructured(conv, name="weight", amount=0.5)
    held = any(p is conv.weight_orig for p in optimizer.param_groups[0]["params"])
    before = conv.weight_orig.detach().clone()
    optimizer.zero_grad()
    conv(x).square().mean().backward()
    optimizer.step()
    moved = (conv.weight_orig != before) & (conv.weight_mask == 0)
    return "yes" if held else "no", f"{int(moved.sum())} of 27", int((refresh(conv).weight == 0).sum())


makers = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD, momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "SGD, weight decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.01),
    "Adam": torch.optim.Adam,
}
Table(
    ["optimizer made before", "holds weight_orig", "masked entries that moved", "zeros in weight"],
    [[name, *second_step(make)] for name, make in makers.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** `weight_orig` *is* the old parameter under a new name, and `remove` gives the same one back: every optimizer goes on working. Momentum remembers older gradients, and
# weight decay needs none: so `weight_orig` drifts under the mask, while `weight` keeps its zeros. That matters to whoever takes the mask off again, or rewinds to
# old values ([[ticket]]). Solved: keep your own copy of those values.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Trap 3: "permanent"
#
# `remove` makes pruning permanent, says its documentation. We cut half of `fc1`, call `remove`, and take *one* step of training.
#
# **Predict.** How many of the 24,000 zeros are left: **A** all, **B** a part, **C** none?


# %% slideshow={"slide_type": "skip"}
def one_step(model, lr=1e-3):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    F.cross_entropy(model(images[:256]), labels[:256]).backward()
    optimizer.step()
    return refresh(model)


def zeros(model):
    return int((model.fc1.weight == 0).sum())


def half_removed():
    net = trained()
    prune.l1_unstructured(net.fc1, name="weight", amount=0.5)
    prune.remove(net.fc1, "weight")
    return net


start = half_removed()
revived = one_step(half_removed())
card.record("revived", 1 - zeros(revived) / zeros(start))

# %% slideshow={"slide_type": "fragment"}
again = half_removed()
prune.custom_from_mask(again.fc1, name="weight", mask=again.fc1.weight != 0)  # masked again
again = one_step(again)
Table(
    ["zeros in fc1", "before the step", "after it"],
    [
        ["removed, then trained", f"{zeros(start):,}", f"{zeros(revived):,}"],
        ["masked again from its zeros, then trained", f"{zeros(start):,}", f"{zeros(again):,}"],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** B. The zeros are ordinary weights now. Most that stay belong to silent neurons or inputs. Solved: **call `remove` last**, or mask again.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Trap 4: a stale `weight`
#
# The hook computes `weight` *before a forward pass*. Between an optimizer's step and the next forward pass it is the old one. And `.to()` and `.double()` move
# parameters and buffers, not a plain attribute.

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
conv = step_1()
conv(test_images[:64]).square().mean().backward()
torch.optim.SGD(conv.parameters(), lr=0.1).step()


def fresh(conv):
    return torch.equal(conv.weight, conv.weight_orig * conv.weight_mask)


rows = [["after optimizer.step()", fresh(conv)], ["after refresh(conv)", fresh(refresh(conv))]]
conv.double()
rows += [
    ["after .double()", f"{conv.weight_orig.dtype} and {conv.weight.dtype}"],
    ["after refresh(conv)", f"{conv.weight_orig.dtype} and {refresh(conv).weight.dtype}"],
]
Table(["moment", "weight is weight_orig · weight_mask; or the types of both"], rows)

# %% [markdown] slideshow={"slide_type": "-"}
# Who reads `module.weight` directly is affected: a report, a norm penalty, a layer that shares the tensor. Solved: `refresh`, or read `weight_orig * weight_mask`.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Trap 5: a checkpoint of a pruned model
#
# The file has `fc1.weight_orig` and `fc1.weight_mask`. A new model has `fc1.weight`.
#
# **Predict.** What does `load_state_dict(state)` do? And with `strict=False`, which is often advised?


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def saved_and_read(model):
    """The state_dict as it comes back from a file."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


saved = trained()
prune.l1_unstructured(saved.fc1, name="weight", amount=0.5)
state = saved_and_read(saved)
message = says(lambda: models.LeNet().load_state_dict(state))

runtime.seed_all(0)
not_strict = models.LeNet()
not_strict.load_state_dict(state, strict=False)

prepared = models.LeNet()
prune.identity(prepared.fc1, name="weight")  # a mask of ones: the names are right, then the file fills them
prepared.load_state_dict(state)
loaded = {"strict=False": not_strict, "identity, then load": prepared}

print(message.replace(" Missing", "\nMissing").replace(" Unexpected", "\nUnexpected"))
rows = [["saved", f"{accuracy_of(saved):.1f}", f"{zeros(saved):,}", prune.is_pruned(saved)]]
rows += [
    [name, f"{accuracy_of(model):.1f}", f"{zeros(model):,}", prune.is_pruned(model)] for name, model in loaded.items()
]
Table(["model", "accuracy, %", "zeros in fc1", "still pruned"], rows)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The error is the good case. `strict=False` says nothing and leaves `fc1.weight` at random. Solved: **to go on training**, prepare the same tensors with `prune.identity`,
# then load. **To ship**, call `remove` before saving: then any model of the class takes the file.

# %% [markdown] slideshow={"slide_type": "skip"}
# The optimizer's own state is stored by *position*, and the tables of section 4 show that pruning moves `weight_orig` behind `bias`. So it counts whether the optimizer was made before or after
# pruning, in the run that saved and in the run that resumes. In a convolution the sizes do not match, and the step fails. Weight and bias of a batch norm have the same shape: the
# wrong order raises nothing. Solved: build the resumed run in the order of the first one (model, pruning, optimizer), then load both states.


# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
def run_with(make, optimizer_first, resume_from=None):
    """Prune, make Adam before or after that, take a step; returns Adam's state."""
    layer = make()
    optimizer = torch.optim.Adam(layer.parameters()) if optimizer_first else None
    prune.l1_unstructured(layer, name="weight", amount=0.5)
    optimizer = optimizer or torch.optim.Adam(layer.parameters())
    if resume_from:
        optimizer.load_state_dict(resume_from)
    layer(test_images[:8]).square().mean().backward()
    optimizer.step()
    return optimizer.state_dict()


ORDER = {"optimizer before pruning": True, "pruning before optimizer": False}
LAYERS = {"conv1": new_conv1, "batch norm": lambda: nn.BatchNorm2d(1)}
Table(
    ["layer", "saved with, resumed with", *ORDER],
    [
        [
            layer,
            name,
            *(says(lambda m=m, a=a, b=b: run_with(m, b, run_with(m, a))).partition(":")[0] for b in ORDER.values()),
        ]
        for layer, m in LAYERS.items()
        for name, a in ORDER.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Trap 6: two methods, one to be removed
#
# After step 3 `weight` was pruned by two methods, `bias` by one. You want the single zeros of step 1 back, without the empty filters.
#
# **Predict.** What does `prune.remove(conv, "weight")` take away: the last method, or both?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### `remove` takes both; an old mask can be put back

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
twice = step_2()
first_mask = twice.weight_mask.clone()  # the solution: keep the mask that you may want back
prune.ln_structured(twice, name="weight", amount=0.5, n=2, dim=0)

undone = copy.deepcopy(refresh(twice))
undone.weight_mask.copy_(first_mask)
prune.remove(twice, "weight")

Table(COLUMNS, [["3", *look(step_3())], ["remove", *look(twice)], ["first mask put back", *look(refresh(undone))]])

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Both. `remove` knows a tensor, not a method, and the zeros of both stay. A container has no mask for each method. Solved: keep the earlier mask and copy it back *before*
# `remove`: `conv.weight_mask.copy_(first_mask)`. `weight_orig` still has every value; the container's list is only history. So none of the six thoughts was right.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Of the six thoughts none is right. In a short lecture take 3 and 5: they cost people whole trainings, and raise no error. Ask who uses
# strict=False.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9. Bad input
#
# **Predict.** `amount=1` and `amount=1.0`: what is the difference? And which of these does PyTorch refuse: an amount of 1.5, a name with a typing error, pruning *all* weights, a
# weight that is NaN?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What PyTorch refuses: amounts and names


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
def refused():
    """What the caller did, what PyTorch says, what it means."""
    l1, ln = prune.l1_unstructured, prune.ln_structured
    conv, bare, model = new_conv1, nn.Linear(3, 2, bias=False), nn.Sequential(new_conv1())
    calls = [
        ("amount=1.5", lambda: l1(conv(), "weight", amount=1.5), "a fraction above 1"),
        ("amount=-1", lambda: l1(conv(), "weight", amount=-1), "a negative count"),
        ("amount=100", lambda: l1(conv(), "weight", amount=100), "54 weights are there: at most 54"),
        ("amount='half'", lambda: l1(conv(), "weight", amount="half"), "neither float nor int"),
        ("name='wieght'", lambda: l1(conv(), "wieght", amount=0.3), "no parameter of that name"),
        ("name='bias', no bias", lambda: l1(bare, "bias", amount=1), "the layer was made without one"),
        ("model, '0.weight'", lambda: l1(model, "0.weight", amount=1), "take model[0] and 'weight'"),
        ("dim=4", lambda: ln(conv(), "weight", amount=1, n=2, dim=4), "dimensions are 0 to 3"),
        ("dim=-5", lambda: ln(conv(), "weight", amount=1, n=2, dim=-5), "or -1 to -4"),
        ("slices of a bias", lambda: ln(conv(), "bias", amount=1, n=2, dim=0), "one dimension has no slices"),
        ("remove, not pruned", lambda: prune.remove(conv(), "weight"), "never pruned, or removed before"),
    ]
    answers = [(what, says(call).replace("torch.Size", ""), meaning) for what, call, meaning in calls]
    return [[what, text if len(text) < 84 else text[:81] + "…", meaning] for what, text, meaning in answers]


Table(["you give", "PyTorch says", "it means"], refused()[:6])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What PyTorch refuses: places

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
Table(["you give", "PyTorch says", "it means"], refused()[6:])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What PyTorch accepts


# %% slideshow={"slide_type": "-"} tags=["nbval-check-output", "hide-input"]
def accepted():
    """What goes through without a word: zeros, values that are NaN, out of 54."""

    def after(amount, spoil=0, method=prune.l1_unstructured, **how):
        conv = new_conv1()
        conv.weight.data[:1].view(-1)[:spoil] = float("nan")
        method(conv, "weight", amount=amount, **how)
        return int((conv.weight_mask == 0).sum()), int(conv.weight.isnan().sum())

    return [
        ["amount=1", *after(1), "an int: one weight"],
        ["amount=1.0", *after(1.0), "a float: all of them"],
        ["amount=0.0", *after(0.0), "nothing, but mask and hook are there"],
        ["one NaN, amount=0.5", *after(0.5, 1), "NaN counts as the largest: it is kept"],
        ["one NaN, amount=1.0", *after(1.0, 1), "0 · NaN is NaN: a mask cannot cut it"],
        ["NaN filter, half of the filters", *after(0.5, 9, prune.ln_structured, n=2, dim=0), "its norm is NaN: kept"],
    ]


cut = models.LeNet()
prune.l1_unstructured(cut.fc1, name="weight", amount=1.0)
print("different answers for 256 images, all of fc1 cut:", len(cut(test_images[:256]).argmax(1).unique()))
Table(["you give", "zeros in the mask", "NaN in weight", "it means"], accepted())

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A refused call breaks the module
#
# **Predict.** A second call has a bad amount and raises. You catch the error and train on. What state is `conv` in?

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
conv = step_1()
rows = [["before", *look(conv)[:3]]]
says(lambda: prune.l1_unstructured(conv, name="weight", amount=1.5))
rows.append(["after", *look(conv)[:3]])
conv.weight_orig.data.mul_(2)  # what training does
conv(test_images[:1])
print("weight follows weight_orig:", fresh(conv))
bare = nn.Linear(3, 2, bias=False)
says(lambda: prune.l1_unstructured(bare, name="bias", amount=1))
print("a layer without a bias, after a refused call:", says(lambda: bare(torch.ones(1, 3))))
Table(["a refused call", "parameters", "buffers", "hooks"], rows)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Only the hook is gone: `weight` never changes any more. PyTorch takes it off *before* it looks at the amount. A `None` bias even loses its name.
# Solved: ask first. Or repair as in trap 5: the `state_dict` still has everything.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Ask first
#
# `course_utils.prune_request.validate_request` looks before anything is cut, and answers in a sentence with the parameter and the remedy.


# %% slideshow={"slide_type": "skip"}
def prune_checked(module, name, amount, dim=None):
    """l1_unstructured, or ln_structured along `dim`; nothing is touched unless the request makes sense."""
    prune_request.validate_request([(module, name)], amount, dim=dim)
    if dim is None:
        return prune.l1_unstructured(module, name, amount=amount)
    return prune.ln_structured(module, name, amount=amount, n=2, dim=dim)


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
spoiled = new_conv1()
spoiled.weight.data[0, 0, 0, 0] = float("nan")
requests = [
    ("amount=1.5", step_1(), "weight", 1.5),
    ("amount=1.0", step_1(), "weight", 1.0),
    ("name='wieght'", step_1(), "wieght", 0.3),
    ("dim=4", step_1(), "weight", 0.5, 4),
    ("one NaN", spoiled, "weight", 0.5),
    ("3 filters left, cut 2", step_3(), "weight", 2, 0),
]
Table(
    ["you give", "answer", "hooks left"],
    [
        [what, says(lambda m=module, how=how: prune_checked(m, *how)), len(module._forward_pre_hooks)]
        for what, module, *how in requests
    ],
)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* 1 against 1.0 is the question to vote on. Then NaN: what is 0 times NaN? A mask multiplies, it does not erase.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · A mask by magnitude
# ★★ · 15 minutes
#
# Write `magnitude_mask`: the new mask after magnitude pruning on top of an old one. Of the weights that the old mask *keeps*, the fraction `amount` goes (count rounded with
# `round`), those of least magnitude. `weight` is the unmasked tensor (`weight_orig`). Exactly that many go, also where magnitudes are equal: which of the equal ones is free.
#
# `magnitude_mask(weight, mask, amount)` → a tensor of zeros and ones in the shape of `weight`. That shape has any number of dimensions, `amount` is a float from 0 to 1.
#
# <details><summary>Hint</summary>
# Give the weights that are gone a magnitude of infinity, so that they come last in the order. Then take the first k indices of a sort: a threshold cannot tell equal values apart.
# Do not forget that what was 0 in the old mask stays 0.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def magnitude_mask(weight, mask, amount):
    """The mask after `amount` of the weights that `mask` keeps are pruned by least magnitude.

    >>> magnitude_mask(torch.tensor([1.0, 2.0]), torch.ones(2), 0.5).tolist()
    [0.0, 1.0]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.magnitude_mask(magnitude_mask)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def magnitude_mask_solution(weight, mask, amount):
    goes = round(amount * int(mask.sum()))
    magnitude = torch.where(mask == 1, weight.abs(), float("inf")).flatten()
    new = mask.clone().flatten()
    new[magnitude.argsort()[:goes]] = 0
    return new.reshape(weight.shape)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · What is left after k rounds
# ★ · 10 minutes
#
# Write `weights_left`: how many of `n` weights are left after one call of `prune` for each of `amounts`. A float is a fraction of what is left, its count rounded with `round`; an int is a
# count, never more than what is left.
#
# `weights_left(n, amounts)` → a whole number
#
# <details><summary>Hint</summary>
# Walk through the amounts, and subtract from what is left. isinstance(amount, int) tells a count from a fraction: 1 is one weight, 1.0 is all.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def weights_left(n, amounts):
    """Weights that are not zero after pruning `n` weights by each of `amounts`, one after the other.

    >>> weights_left(100, [0.5])
    50
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.weights_left(weights_left)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def weights_left_solution(n, amounts):
    left = n
    for amount in amounts:
        left -= amount if isinstance(amount, int) else round(amount * left)
    return left


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · Load a pruned checkpoint
# ★★★ · 15 minutes
#
# Write `load_pruned`: the model that a checkpoint of a pruned model describes, with its masks *active*, so that training can go on. You get a function that makes a new, unpruned model, and the
# state_dict. Any tensor of any module may be pruned, or none.
#
# `load_pruned(make_model, state)` → a model whose `state_dict()` is `state` again
#
# <details><summary>Hint</summary>
# A pruned tensor has two keys, one that ends in _orig and one that ends in _mask. "features.0.weight_mask" belongs to model.get_submodule("features.0") and its parameter "weight"; the model itself is
# get_submodule(""). Trap 5 shows what to do with each of them before load_state_dict.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def load_pruned(make_model, state):
    """A new model with the weights and the active masks of `state`.

    >>> state = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
    >>> load_pruned(lambda: torch.nn.Linear(1, 1), state)(torch.ones(1, 1)).item()  # nothing is pruned here
    3.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.load_pruned(load_pruned)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def load_pruned_solution(make_model, state):
    model = make_model()
    for key in state:
        if key.endswith("_mask"):
            path, _, name = key.removesuffix("_mask").rpartition(".")
            prune.identity(model.get_submodule(path), name)
    model.load_state_dict(state)
    return model


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# Every figure that this lesson takes from a source, beside what your run computed.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Pruning in PyTorch is a product: `weight = weight_orig * weight_mask`, computed before each forward pass, in a file that gets larger.
# - Amounts compound on what is left, masks keep zeros through training, and `remove` comes last.
# - A norm is a heuristic: it looks at the weight and not at its input, so measure what a cut costs.
#
# And your prediction of section 1? Hold it against your own curve.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Read out the numbers on the board and compare them with the curve. Ask what the lesson did *not* show: nothing got faster or smaller. That is for [[prune_model]] and [[structured]].

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recommended videos
#
# They help, and do not replace the lesson.
#
# - Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
#   [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54). Why prune, and what it teaches about networks.
# - Michela Paganini, *PyTorch Pruning: How it's Made*,
#   [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw). The module of this lesson, by its author.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015,
#   [arXiv:1506.02626](https://arxiv.org/abs/1506.02626). Train, cut, train again.
# - D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033). Why results of
#   many papers cannot be compared.
# - M. Sun et al., *A simple and effective pruning approach for large language models*, 2023,
#   [arXiv:2306.11695](https://arxiv.org/abs/2306.11695). Magnitude times input.
# - PyTorch, *Pruning tutorial*, [docs.pytorch.org](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html), and the
#   [source of the module](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py), which is worth reading.
#
# **Project ideas**: repeat section 6 for every layer and with batch norm; find a network where magnitude fails badly; rewrite the masks with
# `torch.nn.utils.parametrize` and see which traps are gone.
#
# ## Credits
#
# The walk of sections 3 and 4 follows Michela Paganini's PyTorch pruning tutorial. The idea of this lesson in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
