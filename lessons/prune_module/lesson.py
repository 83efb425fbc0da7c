# ---
# jupyter:
#   course:
#     promise: You will prune one layer with PyTorch, know every tensor that this adds, and measure what a cut costs.
#     minutes: 45
#     seconds: 20
#     needs: [measuring, energy]
#     goals:
#       - Choose a method, a tensor and an amount, and predict what the module holds before and after.
#       - Write the forward pass and the gradient of a masked layer as formulas, and check them to the last digit.
#       - Say what a norm does not look at, and find out with a control which part of its success is whose.
#       - Write the mask of magnitude pruning on top of an older one.
#     terms: [hook, magnitude pruning, mask, "norm (L1, L2)", over-parametrised, pruning, silent neuron, "unstructured, structured"]
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
#
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Say: "A layer has 48,000 trained weights. How many may I set to zero, without any further training, before you see it in the
# accuracy?" Write three answers on the board; they are needed again at the end. Most people say a few hundred. Then: "Let us cut."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, runtime, training
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.prune_module import checks as check

card = claims.Scorecard("prune_module")
runtime.seed_all(0)
torch.set_num_threads(1)  # training takes more
device = runtime.best_device()
print("LeNet is trained on the device below. Everything else is small and runs on its CPU.")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. A first cut
#
# LeNet learns to read digits from 12,000 images of MNIST. Its layer `fc1` holds 48,000 weights, four fifths of the network.
#
# We set a part of them to zero: those of **least magnitude** $|w|$, or **random** ones. Nothing is trained afterwards.
#
# **Predict.** How far can you cut the smallest weights before more than one point of accuracy is lost? That comes at: **A** 30 % or less, **B** 50 %,
# **C** 70 %, **D** 80 % or more. And with random ones?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Two shows of hands, first for the smallest, then for random ones; write both on the board. Most say A or B for both. In five
# trainings the answer was D for the smallest, and B or C for random ones: read it off the line under the figure. Say: "So this layer can lose half of its weights.
# And it matters *which* half." Transition: "Why would anybody want that?"

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("mnist", n=12_000)
test_images, test_labels = data.load("mnist", "test")
lenet = models.LeNet()
training.fit(lenet, images, labels, epochs=4, lr=2e-3)
lenet = lenet.cpu().eval()


def trained():
    """A copy to cut; `lenet` itself stays whole."""
    return copy.deepcopy(lenet)


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def inputs_of_fc1(x):
    """What the trained convolutions hand to fc1, of shape (images, 400)."""
    x = torch.max_pool2d(torch.relu(lenet.conv1(x)), 2)
    return torch.max_pool2d(torch.relu(lenet.conv2(x)), 2).flatten(1)


@torch.no_grad()
def from_fc1_on(net, inputs):
    return net.fc3(torch.relu(net.fc2(torch.relu(net.fc1(inputs)))))


test_inputs = torch.cat([inputs_of_fc1(part) for part in test_images.split(1000)])


def accuracy_of(net):
    """Percent of the test images right. Only fc1 is cut in this lesson, so the convolutions ran once for all."""
    return 100 * (from_fc1_on(net, test_inputs).argmax(1) == test_labels).float().mean().item()


# %% slideshow={"slide_type": "skip"}
AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
DRAWS = 5


def after_cuts(cut, draws=1):
    """Accuracy after `cut(fc1, amount)` for each of AMOUNTS, a row for each draw."""
    rows = []
    for draw in range(draws):
        torch.manual_seed(draw)
        nets = [trained() for _ in AMOUNTS]
        for net, amount in zip(nets, AMOUNTS, strict=True):
            cut(net.fc1, amount)
        rows.append([accuracy_of(net) for net in nets])
    return torch.tensor(rows)


kept = {
    "least magnitude": after_cuts(lambda fc1, part: prune.l1_unstructured(fc1, "weight", amount=part)),
    "random": after_cuts(lambda fc1, part: prune.random_unstructured(fc1, "weight", amount=part), DRAWS),
}
lost = {name: rows[:, :1] - rows for name, rows in kept.items()}  # points, against the whole network
at = AMOUNTS.index
card.record("free-half", lost["least magnitude"].mean(0)[at(0.5)].item())
card.record("magnitude-over-random", (lost["random"] - lost["least magnitude"]).mean(0)[at(0.9)].item())

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(6.4, 3.5))
for (name, rows), style in zip(kept.items(), ("o-", "s--"), strict=True):
    ax.plot([100 * a for a in AMOUNTS], rows.mean(0), style, label=name)
    ax.fill_between([100 * a for a in AMOUNTS], rows.amin(0), rows.amax(0), alpha=0.2)
ax.set(xlabel="weights of fc1 set to zero, %", ylabel="accuracy, %")
ax.legend(loc="lower left")
first = {name: AMOUNTS[int((rows.mean(0) > 1).int().argmax())] for name, rows in lost.items()}
plots.show(
    fig,
    alt="Accuracy over the part of fc1's weights that is set to zero, least magnitude and random: "
    + "; ".join(f"{name} {', '.join(f'{value:.1f}' for value in rows.mean(0))} %" for name, rows in kept.items())
    + f" with {', '.join(f'{a:.0%}' for a in AMOUNTS)} cut.",
    caption=f"One training; of random cuts the mean and the span of {DRAWS} draws. First part of those tried that costs more than one point: "
    + ", ".join(f"{name} {a:.0%}" for name, a in first.items())
    + ".",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. D for the smallest; B or C for random (see the line above): *which* ones go matters.** The smaller half goes for next to nothing. Han et al. ([2015, section
# 5](https://arxiv.org/abs/1506.02626)) call such a half a "free lunch". With rounds of cutting and training they kept a ninth of AlexNet; training after the cut is in
# [[prune_model]].

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Why prune?
#
# **Pruning** removes weights, or whole neurons, from a network. A weight that is gone need neither be read nor multiplied ([[energy]]), *if* the
# format and the code can skip it.
#
# **Decision trees** are pruned, too: *cost-complexity pruning* (Breiman et al., 1984) grows a tree too large, then cuts back the branches that pay least.
#
# **Predict.** Why not stop early? Think of XOR: two inputs, and the class is 1 where they differ: (0,0) → 0, (0,1) → 1, (1,0) → 1, (1,1) → 0. How many of the four points can a tree with *one* question get right?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let somebody draw XOR on the board, and try a first question. It gets two of four right, as many as no question at all, so whoever stops
# when a question brings nothing never asks the second one. Then ask whether a network can be stopped early in the same sense: nobody knows beforehand which weights it will
# need. Say: "Whether a small part could have learned alone was asked in 2018: the ticket paper."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "nbval-check-output"]
def right_of_xor(asked):
    """Of the four points, how many a tree gets right that knows these inputs and answers with the majority."""
    groups = {}
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        groups.setdefault(tuple((a, b)[i] for i in asked), []).append(a ^ b)
    return sum(max(answers.count(0), answers.count(1)) for answers in groups.values())


Table(
    ["the tree asks for", "points right, of 4"],
    [
        ["nothing", right_of_xor(())],
        ["one input", max(right_of_xor((i,)) for i in (0, 1))],
        ["both", right_of_xor((0, 1))],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Two, as with none: a first question may pay only with the next.** So: grow first, cut afterwards.
#
# A network with more weights than it needs is *over-parametrised*. LeCun et al. trained such ones and cut them in 1990 (*Optimal brain damage*). Could a small part of
# one have learned as well on its own? So asks the **lottery ticket hypothesis** ([Frankle and Carbin, 2018](https://arxiv.org/abs/1803.03635)), and [[ticket]].

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Three decisions
#
# `torch.nn.utils.prune` asks for a **method** (which weights go), a **module** with the **name** of one of its parameters, and an **amount**: a float is a *fraction*,
# an int is a *count*.
#
# | function | cuts | by |
# |---|---|---|
# | `random_unstructured` | single weights | chance |
# | `l1_unstructured` | single weights | least magnitude |
# | `random_structured`, `ln_structured` | whole slices: rows, filters, channels | chance, least norm |
# | `custom_from_mask` | what your mask says | you |
# | `identity` | nothing, but prepares the module | – |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Say: "Which one did section 1 use?" (The second and the first.) Explain *unstructured* and *structured* with a hand: single fingers, or the whole
# hand. Ask what `amount=1` and `amount=1.0` might mean, and leave it open until the last section of the next lesson. (For you: one weight, and all of them.)


# %% slideshow={"slide_type": "skip"}
def new_conv1():
    """A layer with a fixed seed: values do not matter in this section, names do."""
    torch.manual_seed(0)
    return models.LeNet().conv1


def step_1():
    """Each step of this walk starts from a new layer, so that its cell may run twice."""
    conv = new_conv1()
    prune.random_unstructured(conv, name="weight", amount=0.3)
    return conv


def look(conv):
    """Everything that pruning changes, question by question."""
    hooks = [f"{h._tensor_name}: {type(h).__name__}" for h in conv._forward_pre_hooks.values()]
    return {
        "parameters": ", ".join(name for name, _ in conv.named_parameters()),
        "buffers": ", ".join(name for name, _ in conv.named_buffers()) or "–",
        "weight is a": type(conv.weight).__name__,
        "hooks": ", ".join(hooks) or "–",
        "zeros": f"weight {int((conv.weight == 0).sum())}, bias {int((conv.bias == 0).sum())}",
    }


def compared(steps):
    """A table: what to ask, and a column for each of these layers."""
    answers = [look(conv) for conv in steps.values()]
    return Table(["", *steps], [[question, *(a[question] for a in answers)] for question in answers[0]])


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The cut
#
# `conv1` of a new LeNet has 6 filters of 3 × 3, so 54 weights, and 6 biases. It is a `Conv2d`: `weight` and `bias` are parameters; it has no buffers, and no **hooks**: functions that PyTorch calls before or after a pass.
#
# ```python
# prune.random_unstructured(
#     conv, "weight", amount=0.3)
# ```
#
# **Predict.** 30 % of 54 is 16.2. How many weights go? And which change: **A** the parameters, **B** the buffers, **C** what `weight` is, **D** the hooks?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room vote letter by letter; most expect that only the values of `weight` change. All four letters are right, and 16 weights go: the count is
# rounded. Say: "`weight` is no parameter any more."

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
compared({"before": new_conv1(), "after the cut": step_1()})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. 16 weights went, `round(16.2)`, and A, B, C and D changed.** The hook here is a *forward pre-hook*: PyTorch calls it before each forward pass of the module.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One tensor became three
#
# The **mask** has 1 for what stays and 0 for what goes. The hook computes `weight` anew before each forward pass; the layer's own code still reads `self.weight`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First frame: point at a cell that is crossed out on the right, and find it in the other two. Its old value is still there on the left. Before the second
# frame ask: "Which of the three does the optimizer see? Which of them are in the file?" The optimizer trains `weight_orig`; parameter and buffer are in the file; the
# plain attribute is in neither.


# %% slideshow={"slide_type": "skip"}
def three_grids(parts, height=310):
    """Three tensors of the shape of conv1's weight: one times another is the third.

    `parts`: name -> (what it is, values, mask of the cells that are not crossed out or None, key of the colour)
    """
    canvas = diagrams.Canvas(height=height)
    for column, (name, (kind, values, mask, meaning)) in enumerate(parts.items()):
        left = 40 + 400 * column
        shown = None if mask is None else mask.flatten(1)
        diagrams.grid(canvas, values.detach().flatten(1), left, 84, cell=34, mask=shown, meaning=meaning, text="")
        canvas.text(left + 153, 22, name, size=26, bold=True)
        canvas.text(left + 153, 58, kind)
    canvas.text(393, 186, "×", size=34)
    canvas.text(793, 186, "=", size=34)
    return canvas


# %% slideshow={"slide_type": "skip"}
def reparametrized(conv, readers):
    parts = {
        "weight_orig": ("parameter", conv.weight_orig, None, "fp32"),
        "weight_mask": ("buffer", conv.weight_mask, None, "mask"),
        "weight": ("plain attribute", conv.weight, conv.weight_mask, "fp32"),
    }
    canvas = three_grids(parts, height=430)
    if readers:
        canvas.text(793, 236, "hook", size=22)
        boxes = {
            "optimizer": (60, ((140, 292),)),
            "file": (390, ((280, 292), (560, 292))),
            "forward": (893, ((993, 292),)),
        }
        for words, (left, sources) in boxes.items():
            box = canvas.box(left, 360, words, width=200 if words != "optimizer" else 160, height=56)
            for source in sources:
                canvas.wire(source, box.top, meaning="activations")
    return canvas.figure()


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
shown = step_1()
told = (
    "Three grids of 6 by 9 cells. weight_orig, a parameter, times weight_mask, a buffer, is weight, a plain attribute, in which "
    f"{int((shown.weight_mask == 0).sum())} cells are crossed out, those in which the mask is white."
)
plots.show(
    [reparametrized(shown, readers) for readers in (False, True)],
    alt=[
        told,
        told
        + " Arrows below: the optimizer reads weight_orig, the file weight_orig and weight_mask, the forward pass weight; the hook computes the product.",
    ],
    caption="conv1 after the cut, a row for each filter; darker is larger in magnitude, and in the mask dark is 1.",
)

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
conv = step_1()
hook = next(iter(conv._forward_pre_hooks.values()))
print("the hook is the method:", type(hook).__name__, "of", hook._tensor_name, "by", hook.amount)
print("is_pruned:", prune.is_pruned(conv), "| printed as before:", conv)
print("weight is a leaf of autograd, not computed from other tensors:", conv.weight.is_leaf)
print("first filter before and after (-0.0000 is a negative weight times 0, and counts as zero)")
print(torch.cat([conv.weight_orig[0, 0], conv.weight[0, 0]], dim=1).detach())

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Two tensors, two methods, and the way out
#
# Step 1 was the cut. Step 2 prunes the 3 biases of least magnitude: an int is a count.
#
# ```python
# prune.l1_unstructured(
#     conv, "bias", amount=3)
# ```
#
# The **L1 norm** of a single number is $|b|$.
#
# **Predict.** How many hooks are there afterwards: **A** one, **B** two? How many parameters and buffers?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Show of hands; most say B, and they are right: one hook, one mask and one `_orig` for each pruned *tensor*. Let the room count two parameters and
# two buffers before you show them. Transition: "And two methods on the *same* tensor?"


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def step_2():
    conv = step_1()
    prune.l1_unstructured(conv, name="bias", amount=3)
    return conv


compared({"after step 1": step_1(), "after step 2": step_2()})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B: one hook, one mask and one `_orig` for each pruned tensor.** Under the old names no parameter is left.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same tensor once more, along a dimension
#
# Step 3 prunes `weight` again: half of the filters, those of least L2 norm (the root of the sum of squares). A filter is one slice along dimension 0.
#
# `prune.ln_structured(conv, name="weight", amount=0.5, n=2, dim=0)`
#
# **Predict.** 16 single weights are gone. How many zeros are there after 3 of 6 filters went too: **A** 27, **B** 43, **C** something between? How many hooks?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Most add 16 and 27 to B. The answer is C: zeros that lie in a filter that goes count once. Ask for the second question before you click: still two hooks, one
# for each tensor; that of `weight` is now a container with both methods in order. Point at the picture: the right mask is the product.


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def step_3():
    conv = step_2()
    prune.ln_structured(conv, name="weight", amount=0.5, n=2, dim=0)
    return conv


conv = step_3()
filters = conv.weight_mask.amax((1, 2, 3), keepdim=True).expand_as(conv.weight_mask)  # 0 where a whole filter went
grids = {
    "step 1": ("random weights", step_1().weight_mask, None, "mask"),
    "step 3": ("whole filters", filters, None, "mask"),
    "weight_mask": ("of both", conv.weight_mask, None, "mask"),
}
container = next(h for h in conv._forward_pre_hooks.values() if h._tensor_name == "weight")
plots.show(
    three_grids(grids).figure(),
    alt=f"Three masks of 6 by 9 cells. That of step 1 has {int((step_1().weight_mask == 0).sum())} zeros, that of step 3 {int((filters == 0).sum())} in "
    f"whole rows, and their product, weight_mask, {int((conv.weight_mask == 0).sum())}.",
    caption=f"Dark stays. {int((conv.weight == 0).sum())} zeros of 54; hooks: {look(conv)['hooks']}; in the container: {', '.join(type(m).__name__ for m in container)}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C: old zeros in the empty filters count once.** Still two hooks. That of `weight` became a `PruningContainer`, which lists the methods in order; the tensor has
# *one* mask, the product.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### `remove`
#
# Step 4 calls `prune.remove(conv, "weight")`, then the same for `"bias"`.
#
# **Predict.** What does it remove: **A** the zeros, so that the old weights are back, **B** the mask and the hook, **C** the filters, so that the tensor gets smaller?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The word misleads: let the room vote, expect A and C. It is B. The zeros stay, as ordinary numbers, and the old values under them are lost. Ask which smaller
# shape would make the layer cheaper, (3, 1, 3, 3), and what else would have to change with it: the inputs of conv2. That is [[structured]].


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def step_4(*names):
    conv = step_3()
    for name in names:
        prune.remove(conv, name)
    return conv


print("shape of weight:", tuple(step_4("weight").weight.shape))
compared({"step 3": step_3(), "weight removed": step_4("weight"), "both removed": step_4("weight", "bias")})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** Mask, hook and `weight_orig` are gone, the zeros stay, and the old values under them are lost. The cut is not undone, and the shape stays.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. The algebra of a mask
#
# $$W = M \odot W_{orig}$$
#
# $\odot$ multiplies element by element, the mask $M$ is a constant. $L$ is the loss, here the mean square of the output.
#
# **Predict.** A masked entry of `weight_orig` gets which gradient: **A** that of the dense layer, **B** none (`None`), **C** exactly 0?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote first: does PyTorch hand on 0, or nothing? Most vote B. It is C. Derive it in one line before you click: W = M ⊙ W_orig, M is constant, so the chain rule multiplies by M. The difference matters: an optimizer skips `None`, and it does not skip 0.
# Say: "The loss would like to move them. The left grid shows it. The mask says no." Transition: "So much for training. What is in the file?"

# %% slideshow={"slide_type": "skip"}
layer = step_1()
by_torch = layer(test_images[:64])
effective = (layer.weight_orig * layer.weight_mask).detach().requires_grad_()
by_hand = F.conv2d(test_images[:64], effective, layer.bias)

by_torch.square().mean().backward()
by_hand.square().mean().backward()
forward_gap = (by_torch - by_hand).abs().max().item()
gradient_gap = (layer.weight_orig.grad - layer.weight_mask * effective.grad).abs().max().item()
masked = layer.weight_mask == 0
wanted = int((effective.grad[masked] != 0).sum())
card.record("mask-forward", forward_gap)
card.record("mask-gradient", gradient_gap)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
grids = {
    "∂L/∂W": ("before the mask", effective.grad, None, "gradient"),
    "M": ("the mask", layer.weight_mask, None, "mask"),
    "∂L/∂W_orig": ("what PyTorch computed", layer.weight_orig.grad, layer.weight_mask, "gradient"),
}
plots.show(
    three_grids(grids).figure(),
    alt=f"Three grids of 6 by 9 cells: the gradient of W times the mask is the gradient of W_orig, in which the {int(masked.sum())} "
    "masked cells are crossed out and empty.",
    caption=f"conv1 on 64 images. Largest difference between hand and PyTorch: output {forward_gap:g}, gradient {gradient_gap:g}. Of {int(masked.sum())} masked "
    f"entries {int((layer.weight_orig.grad[masked] == 0).sum())} get 0; in ∂L/∂W {wanted} are not 0.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C: exactly 0**, by the chain rule: $\frac{\partial L}{\partial W_{orig}} = M \odot \frac{\partial L}{\partial W}$. Both formulas hold here to the last digit. By the first `weight` keeps its zeros while `weight_orig` is finite: tried in [[prune_traps]].

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What a file holds
#
# `fc1` has four fifths of LeNet's weights. 90 % of them are masked, then the model is saved.
#
# **Predict.** The file is: **A** about 0.3 of its size, **B** as large as before, **C** larger? And after `remove`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; most say A. Then ask what the two arrows into the file in section 3 meant. The answer is C for the masked network: the mask is a second tensor of the same size, in fp32. After `remove` it is B. Point at the energy: a zero is fetched and multiplied like any number. Ask what it takes
# before pruning makes a file smaller: a format that leaves zeros out, or tensors that are really cut.

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
masked_lenet, removed = trained(), trained()
prune.l1_unstructured(masked_lenet.fc1, name="weight", amount=0.9)
prune.remove(prune.l1_unstructured(removed.fc1, name="weight", amount=0.9), "weight")
print([key for key in masked_lenet.state_dict() if "fc1" in key])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
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
    ["LeNet", "right, %", "file, over dense", "energy, µJ"],
    [
        [name, f"{100 * r.accuracy:.1f}", f"{r.file_bytes / base:.2f}", f"{r.energy_nj / 1000:.1f}"]
        for name, r in zip(("dense", "fc1 masked", "fc1 removed"), rows, strict=True)
    ],
    caption="90 % of fc1 cut. Energy for one image, estimated: a zero counts like any number; the mask is left out.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, and after `remove` B.** A zero takes 4 bytes, like any number. Files shrink by a format that skips zeros ([[zero_worth]]), or by tensors really
# cut ([[structured]]).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Which weights?
#
# The usual answer is *the small ones*, by a **norm**:
#
# $$\lVert w \rVert_n = \Big(\sum_i |w_i|^n\Big)^{1/n}$$
#
# $n = 1$, **L1**, adds magnitudes; of a single weight it is $|w|$: *magnitude pruning*. $n = 2$ is **L2**; $n = \infty$ is the largest magnitude alone.
#
# **Predict.** Three filters, flattened: $(3, 0, 0, 0)$, $(1, 1, 1, 1)$ and $(2, 1.5, 0, 0)$. Which one goes first by L1, by L2, by $L_\infty$?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A minute in pairs, with pen and paper. By L1 the first filter goes, with the norm 3; by L2 and L∞ the second one. Say: "The higher n, the more the largest entry
# counts. So the norm is a choice, and a choice can be wrong." Transition: "What does no norm of the weights look at?"

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
flat = {"(3, 0, 0, 0)": [3.0, 0, 0, 0], "(1, 1, 1, 1)": [1.0, 1, 1, 1], "(2, 1.5, 0, 0)": [2.0, 1.5, 0, 0]}


def first_to_go(n):
    layer = nn.Linear(4, 3, bias=False)
    layer.weight.data = torch.tensor(list(flat.values()))
    prune.ln_structured(layer, "weight", amount=1, n=n, dim=0)
    return list(flat)[int(layer.weight_mask.sum(1).argmin())]


Table(
    ["norm", *flat, "goes first"],
    [
        [label, *(f"{torch.tensor(f).norm(n):.2f}" for f in flat.values()), first_to_go(n)]
        for label, n in (("L1", 1), ("L2", 2), ("L∞", float("inf")))
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. By L1 the first, by L2 and L∞ the second.** One large weight is less than four small ones by L1, and more by the others.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What a norm does not look at
#
# A weight adds $w \cdot x$ to its neuron. Where $y = 0.1 \cdot x_1 + 1 \cdot x_2$ with $x_1 = 100$ and $x_2 = 0.1$, the weight of least magnitude makes 99 % of $y$. And in
# `fc1`, on 2,000 images? Left, its 400 inputs; right, its 120 neurons, each cut alone.
#
# **Predict.** A rising line: the norm grows with input or loss. Which cloud is near one: **A** the left, **B** the right, **C** neither?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw a rising line on the board, then vote; most expect B. It is C: on the left weights of about the same norm read inputs of very different size; on the right the neurons that
# fire rise a little and scatter (1: a larger norm always has a larger rise; the number leaves the crosses out). The grey crosses are neurons that never fire on these images: cutting one changes nothing, and most of them have a small norm. Over nine trainings the rank correlations were 0.05 to
# 0.4 on the left and 0.1 to 0.5 on the right. Transition: "Are the silent ones all there is to it?"


# %% slideshow={"slide_type": "skip"}
def loss_without(neuron, inputs):
    """The loss on the first 2,000 images when one neuron of fc1 gives 0."""
    hidden = torch.relu(lenet.fc1(inputs))
    if neuron is not None:
        hidden[:, neuron] = 0
    return F.cross_entropy(lenet.fc3(torch.relu(lenet.fc2(hidden))), labels[:2000]).item()


def rank_correlation(a, b):
    """Spearman's: 1 where both grow together, 0 where there is no trend."""
    ranks = torch.stack([v.argsort().argsort().float() for v in (a, b)])
    return torch.corrcoef(ranks)[0, 1].item()


inputs, weight = inputs_of_fc1(images[:2000]), lenet.fc1.weight.detach()
with torch.no_grad():
    rise = torch.tensor([loss_without(j, inputs) for j in range(len(weight))]) - loss_without(None, inputs)
    fires = (lenet.fc1(inputs) > 0).any(0)  # the others are silent: 0 for all of these images
rms, norm = inputs.square().mean(0).sqrt(), weight.norm(dim=1)

# %% slideshow={"slide_type": "skip"}
by_input = rank_correlation(rms, weight.norm(dim=0))
by_neuron = rank_correlation(norm[fires], rise[fires])
small_half = weight.abs() <= weight.abs().median()
signal = weight.abs() * rms
loud_but_thrown = (signal > signal.median())[small_half].float().mean().item()
card.record("small-weights-small-inputs", abs(by_input))
card.record("norm-and-loss", by_neuron)
card.record("loud-but-thrown", loud_but_thrown)
print(f"of the half that magnitude throws away, above the median in |w| · rms(x): {loud_but_thrown:.0%}")
print(
    f"inputs: the largest rms is {rms.max() / rms.median():.1f} times the median; {int((rms == 0).sum())} of 400 are 0 on all images"
)
print(
    f"neurons: {int((~fires).sum())} of {len(weight)} are silent, and cutting one changes the loss by at most {rise[~fires].abs().max() if (~fires).any() else 0:g}"
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
left.plot(rms, weight.norm(dim=0), "o", markersize=5, alpha=0.6)
left.set(xlabel="root mean square of the input", ylabel="norm of its weights", ylim=(0, None))
left.set_title(f"400 inputs: rank correlation {by_input:.2f}")
right.plot(norm[~fires], 1000 * rise[~fires], "x", color=plots.COLOURS["grey"], label="silent")
right.plot(norm[fires], 1000 * rise[fires], "o", markersize=6, alpha=0.6, color=plots.COLOURS["orange"], label="fires")
right.set(xlabel="norm of the neuron's weights", ylabel="rise of the loss, × 10⁻³")
right.set_title(f"neurons that fire: rank correlation {by_neuron:.2f}")
right.legend(loc="upper left")
plots.show(
    fig,
    alt=f"Left: norm of the weights over the size of their input for 400 inputs, rank correlation {by_input:.2f}. Right: rise of the loss, in thousandths, over the norm of a "
    f"neuron's weights: {int((~fires).sum())} silent neurons lie at zero rise, those that fire scatter, rank correlation {by_neuron:.2f}.",
    caption="fc1 of the trained LeNet; norm: L2. Silent: gives 0 for all 2,000 images. Rank correlation: 1 where both grow together, 0 where there is no trend.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, neither comes near 1.** A norm is a **heuristic**: it does not see the input. A score that does, $|w| \cdot \mathrm{rms}(x)$ ([Sun et al.,
# 2023](https://arxiv.org/abs/2306.11695)), can be given as `importance_scores=` to `l1_unstructured`.
#
# <!-- page -->
#
# Is such a score the cure? Not by itself. On the training of this lesson, ranked over the whole tensor, it was in a separate run a little *worse* than magnitude at 50 to 80 % (by 0.1 to 0.3 points) and better at 95 % (by 1.4; one training). Its authors compare weights within each output row. Ranked so, it beats magnitude within rows, and is still 4 points behind plain `l1_unstructured` at 90 %. Which weights compete with each other matters as much as the score. [[scores]] compares them on another network.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Then why does magnitude work here?
#
# A **silent neuron** gave 0 for each of the 2,000 images. Its weights get no gradient from them and are smaller on average, so magnitude cuts a larger part of them. Is that the whole
# lead over random cuts? A **control** cuts *the same* weights of the silent neurons as magnitude does, and *as many, by chance*, of the firing ones.
#
# **Predict.** At 90 %: does the control lose **A** as little as magnitude, **B** as much as random, **C** something between?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Make sure that the control is clear: the same weights of silent neurons go as with magnitude; only the choice among the firing neurons is by chance.  Vote; after the last slide
# many expect A. Click. First the left figure: silent and firing are stacked; the blue band is the smaller half of all weights, and a larger part of the grey ones lies in it. Then the right one at 90 %: the green line lies between, so C, on average over the draws. A is wrong: the control loses more than magnitude, so the ranking
# *inside* the firing neurons counts. B is wrong: it loses less than random, so the silent ones count too. Their share is (random − control) over (random − magnitude). In other
# trainings and draws the silent neurons' share at 90 % was a quarter to 0.7. At 50 % do not read the order of the draws: random loses about a point there, and in three of four
# other trainings five draws put the control level with it; thirty draws gave a share of 0.3 to 0.45. Say: "Without the control we would have told you a nice story that explains a part."


# %% slideshow={"slide_type": "skip"}
def random_among_firing(fc1, amount):
    """Cut the same weights of silent neurons as magnitude does; as many as are left to cut, at random, from the others."""
    goes = round(amount * fc1.weight.numel())
    by_magnitude = torch.ones(fc1.weight.numel())
    by_magnitude[fc1.weight.detach().abs().flatten().argsort()[:goes]] = 0
    mask = by_magnitude.view_as(fc1.weight)
    firing = int((mask[fires] == 0).sum())
    order = torch.randperm(mask[fires].numel())
    mask[fires] = (order >= firing).float().view(-1, fc1.weight.shape[1])
    prune.custom_from_mask(fc1, "weight", mask)


control = after_cuts(random_among_firing, DRAWS)
arms = lost | {"control": control[:, :1] - control}
lead = {name: (arms[name] - arms["least magnitude"]).mean(0) for name in ("random", "control")}
card.record("control-over-magnitude", lead["control"][at(0.9)].item())
card.record("random-over-control", (lead["random"] - lead["control"])[at(0.9)].item())

# %% slideshow={"slide_type": "skip"}
F.cross_entropy(lenet(images[:2000]), labels[:2000]).backward()
moved = lenet.fc1.weight.grad.abs().amax(1)
lenet.zero_grad()
print(f"largest gradient of a silent neuron's weight: {moved[~fires].max() if (~fires).any() else 0:g}")
new_norm = models.LeNet().fc1.weight.norm(dim=1).mean()
print(
    f"mean norm of a neuron: silent {norm[~fires].mean():.2f}, firing {norm[fires].mean():.2f}, in a new layer {new_norm:.2f}"
)
part = {name: f"{small_half[rows].float().mean():.0%}" for name, rows in (("silent", ~fires), ("firing", fires))}
print("of their weights the smaller half has:", part)


def show_weights(axes):
    """A histogram of fc1's weights, those of silent neurons apart, and the smaller half of all."""
    edge, median = float(weight.abs().max()), float(weight.abs().median())
    parts = {"silent": weight[~fires], "firing": weight[fires]}
    axes.hist(
        [part.flatten().numpy() for part in parts.values()],
        torch.linspace(-edge, edge, 101).numpy(),
        stacked=True,
        color=[plots.COLOURS["grey"], plots.COLOURS["orange"]],
        label=list(parts),
    )
    axes.axvspan(-median, median, color=plots.COLOURS["sky"], alpha=0.3, zorder=0, label="smaller half")
    axes.set(xlabel="weight of fc1", ylabel="how many", xlim=(-edge, edge), ylim=(0, 1.8 * axes.get_ylim()[1]))
    axes.legend(loc="upper left")


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
show_weights(left)
for (name, rows), style in zip(arms.items(), ("o-", "s--", "^:"), strict=True):
    right.plot([100 * a for a in AMOUNTS], rows.mean(0), style, label=name)
    right.fill_between([100 * a for a in AMOUNTS], rows.amin(0), rows.amax(0), alpha=0.2)
right.set(xlabel="weights of fc1 set to zero, %", ylabel="points lost", xlim=(45, 92), ylim=(-0.5, 25))
right.legend(loc="upper left")
share = float(1 - lead["control"][at(0.9)] / lead["random"][at(0.9)])
plots.show(
    fig,
    alt="Left: histogram of fc1's weights, those of silent neurons in grey, most of them near 0. Right: points of accuracy lost over the part that is cut: "
    + "; ".join(f"{name} {', '.join(f'{value:.1f}' for value in rows.mean(0)[2:6])}" for name, rows in arms.items())
    + f" at {', '.join(f'{a:.0%}' for a in AMOUNTS[2:6])}.",
    caption=f"One training, {DRAWS} draws. The silent neurons' share of the lead over random at 90 %: {share:.0%}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C: on average the control lies between.** Silent neurons are a part of the reason, and the ranking among the firing ones is another. How the two share the lead
# differs between trainings and draws. At 50 %, where little is lost, five draws are too few to tell.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · A mask by magnitude
# ★★ · 15 minutes
#
# Write `magnitude_mask`: the new mask after magnitude pruning on top of an old one. Of the weights that the old mask *keeps*, the fraction `amount` goes, those of
# least magnitude; the count is rounded with `round`. `weight` is the unmasked tensor (`weight_orig`). Exactly that many go, also where magnitudes are equal: which of
# the equal ones is free.
#
# `magnitude_mask(weight, mask, amount)` → a tensor of zeros and ones in the shape of `weight`, which has 1 to 4 dimensions; `amount` is a float from 0 to 1.
#
# <details><summary>Hint</summary>
# Give the weights that are gone a magnitude of infinity, so that they come last in the order. Then take the first k indices of a sort: a threshold cannot tell equal values apart.
# Do not forget that what was 0 in the old mask stays 0.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs; alone it takes 15. Two mistakes to expect: the fraction of *all* weights, and a threshold, which cuts too many where magnitudes are equal. Ask: "The weights are 0, 1 and
# 2, the old mask keeps all of them. Is the 0 already gone?" No: the mask says what is gone, not the value.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def magnitude_mask(weight, mask, amount):
    """The mask after `amount` of the weights that `mask` keeps are pruned by magnitude.

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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Pruning in PyTorch is a product: `weight = weight_orig * weight_mask`, computed before each forward pass. The file holds both factors, so it gets larger.
# - A masked entry gets a gradient of exactly 0; `remove` takes mask and hook away, and keeps the zeros.
# - A norm is a heuristic: it looks at the weight and not at its input. Measure what a cut costs, with a control.
#
# **Recommended videos** (they help, and do not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54); and *PyTorch Pruning: How it's Made*,
# [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw), by the author of the module.
#
# **Going further**: D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033), on why results of many
# papers cannot be compared. Next here: [[prune_traps]].
#
# **Project ideas**: repeat section 6 for every layer; find a network where magnitude fails badly; rewrite the masks with `torch.nn.utils.parametrize`.
#
# **Credits**: the walk of sections 3 and 4 follows Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html); the idea of this course
# in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Hold the three numbers on the board against the first figure: half is 24,000 weights, 80 % is 38,400. Ask what the lesson did *not* show: nothing got faster or smaller, and nothing was trained
# after the cut. Transition: "Next: what goes wrong when you do train with masks."
