# ---
# jupyter:
#   course:
#     promise: You will train, copy, save and share a pruned module without losing its masks or its zeros.
#     minutes: 45
#     seconds: 20
#     needs: [measuring, prune_module]
#     goals:
#       - Count what is left after several rounds of pruning.
#       - Say at which moments a pruned module can be copied, and which tensors of it are out of date.
#       - Load a checkpoint of a pruned model with its masks active, also where the model has masks of its own.
#       - Find what a shared tensor, a container or a refused call keeps or loses.
#     terms: ["density, sparsity", tied weights]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A pruned layer looks like any other, until you train it on, copy it or load it.*
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
# *For the lecturer, 1 min.* Ask who has pruned a model and trained it further, and who has counted the zeros afterwards. Say: "Most of what you will see today raises no
# error. That is why it is a lesson."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import io

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, prune_request, runtime, training
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.prune_traps import checks as check

card = claims.Scorecard("prune_traps")
runtime.seed_all(0)
torch.set_num_threads(1)  # training takes more
print("LeNet is trained on the device below. Everything else is small and runs on its CPU.")
runtime.describe(runtime.best_device())

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. "Permanent"
#
# `prune.remove` takes mask and hook away and leaves the zeros; its [documentation](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.prune.remove.html) calls
# the tensor *permanently pruned*. Half of `fc1` of a trained LeNet is cut by magnitude: 24,000 zeros. Then comes **one** step of training.
#
# **Predict.** After `remove` and that step, how many of the 24,000 zeros are left: **A** all, **B** a part, **C** none? And without `remove`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; the word "permanently" makes many say A, and those who think of gradients say C. The answer is B: after `remove` the zeros are ordinary weights, and those with
# a gradient move. Without `remove` all stay. Ask why some stay after `remove`, too: their gradient is exactly 0. That of a weight is a sum over the batch of its input
# times the gradient of its neuron, and it is 0 where in no image both were there.
# Transition: "So call `remove` last."

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("mnist", n=12_000)
test_images, test_labels = data.load("mnist", "test")
lenet = models.LeNet()
training.fit(lenet, images, labels, epochs=4, lr=2e-3)
lenet = lenet.cpu().eval()


def half_cut():
    """A copy of the trained network in which half of fc1 is masked."""
    net = copy.deepcopy(lenet)
    prune.l1_unstructured(net.fc1, name="weight", amount=0.5)
    return net


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def zeros(net):
    return int((net.fc1.weight == 0).sum())


def one_step(net):
    """A step of SGD; then a forward pass, which brings a masked `weight` up to date. Gives zeros before and after."""
    before = zeros(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    F.cross_entropy(net(images[:256]), labels[:256]).backward()
    optimizer.step()
    net(images[:1])
    return before, zeros(net)


masked, removed, again = half_cut(), half_cut(), half_cut()
for net in (removed, again):
    prune.remove(net.fc1, "weight")
prune.custom_from_mask(again.fc1, name="weight", mask=again.fc1.weight != 0)  # masked again from its zeros
was_zero = removed.fc1.weight.detach() == 0
steps = {"masked": one_step(masked), "removed": one_step(removed), "removed, masked again": one_step(again)}
card.record("revived", 1 - steps["removed"][1] / steps["removed"][0])
stayed = was_zero & (removed.fc1.weight == 0)
without = (removed.fc1.weight.grad[stayed] == 0).sum() / max(1, stayed.sum())
Table(
    ["fc1", "zeros before the step", "after it"],
    [[name, f"{before:,}", f"{after:,}"] for name, (before, after) in steps.items()],
    caption=f"Of the zeros that stay after remove, {without:.0%} had a gradient of exactly 0.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B: the zeros are ordinary weights now.** Those that stay had a gradient of exactly 0. With a mask all stay. **So call `remove` last**, or mask again from the zeros.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Pruned twice
#
# A pruned tensor is pruned again, its mask still there. **Density** is the share that is not zero, **sparsity** is 1 − density.
#
# **Predict.** Prune 0.6, then 0.6 again. **A** an error, **B** everything is gone, **C** 84 % is gone, **D** 60 % is gone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. The answer is C: 0.6, and 0.6 of the 0.4 that are left. Let somebody explain the last two rows: counts of whole weights do add up, and after `remove` nothing
# remembers the first cut, so its zeros are the smallest weights and go again. Then ask for five equal steps to 90 %: 1 − 0.1^(1/5), about 0.37 each, and not 0.18.


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def pruned_by(amounts, layer="fc1", method=prune.l1_unstructured, **how):
    """A layer of a new LeNet, pruned once for each amount; "remove" among the amounts takes mask and hook away."""
    torch.manual_seed(0)
    module = getattr(models.LeNet(), layer)
    for amount in amounts:
        prune.remove(module, "weight") if amount == "remove" else method(module, "weight", amount=amount, **how)
    return module


schedules = {
    "0.6": [0.6],
    "0.6, 0.6": [0.6] * 2,
    "0.6, 0.6, 0.6": [0.6] * 3,
    "0.5, 0.25, 23 × 0.01": [0.5, 0.25] + [0.01] * 23,
    "9,600, 9,600": [9600] * 2,
    "0.6, remove, 0.6": [0.6, "remove", 0.6],
}
gone = {name: (pruned_by(amounts).weight == 0).float().mean().item() for name, amounts in schedules.items()}
card.record("compound", gone["0.6, 0.6"])
card.record("schedule", gone["0.5, 0.25, 23 × 0.01"])
Table(["amounts, of 48,000", "sparsity"], [[name, f"{share:.3f}"] for name, share in gone.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C: a call counts the weights that are *left*.** Fractions $a_1, \dots, a_k$ leave a density of $\prod_i (1 - a_i)$, up to rounding; counts add. A sum over 1 is no error. After `remove` the first cut is forgotten.

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
# With slices it is the same: ln_structured counts the filters that are not empty yet.
by_filters = {"layer": "conv2", "method": prune.ln_structured, "n": 2, "dim": 0}
empty = [int((pruned_by([0.5] * calls, **by_filters).weight_mask.sum((1, 2, 3)) == 0).sum()) for calls in (1, 2, 3)]
card.record("iterative-filters", empty[1])
print("half of the filters, three times; empty of 16 after each call:", empty)
mixed = pruned_by([0.5], "conv2")
single = mixed.weight_mask.clone()
prune.ln_structured(mixed, "weight", amount=0.5, n=2, dim=0)
went = mixed.weight_mask.sum((1, 2, 3)) == 0
print(f"half of the single weights, then half of the filters: sparsity {(mixed.weight_mask == 0).float().mean():.3f}")
print(
    f"by the first cut the filters that went had lost {(single[went] == 0).float().mean():.0%}, the others {(single[~went] == 0).float().mean():.0%}"
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. A copy, and a stale weight
#
# `weight` of a pruned module is the result of a product. While autograd remembers the product, PyTorch refuses to copy the tensor, and with it the module
# ([issue 37322](https://github.com/pytorch/pytorch/issues/37322)).
#
# **Predict.** At which moments does `copy.deepcopy(module)` work: right after pruning, in the middle of a training step, after a validation without gradients?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask for each moment in turn. In the table, "forward, backward", "optimizer.step()" and "forward, gradients" are the training step, "forward, no_grad" the validation; AveragedModel, a running mean of weights, copies the module when it is made. Right after pruning and in the middle of a training step it fails; after a validation without gradients it works, and the copy is
# whole. So early stopping that copies the best model after such a validation works by luck, and breaks when somebody moves the line. A copy of the `state_dict` works at every moment
# in the table. Then say what `refresh` of the notebook does: it calls
# every hook once without gradients, so `weight` is a plain tensor again.


# %% slideshow={"slide_type": "skip"}
def step_1():
    """conv1 of a new LeNet with a fixed seed, a random 30 % of its weight pruned."""
    torch.manual_seed(0)
    conv = models.LeNet().conv1
    prune.random_unstructured(conv, name="weight", amount=0.3)
    return conv


def says(call):
    """What PyTorch answers, in one line."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return "no error"


def refresh(model):
    """Compute every pruned tensor anew, outside of autograd."""
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                if isinstance(hook, prune.BasePruningMethod):
                    hook(module, None)
    return model


# %% slideshow={"slide_type": "skip"}
def moments():
    """A pruned layer at moments of a training, one after the other."""
    layer, x = step_1(), test_images[:64]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    yield "right after pruning", layer
    refresh(layer)
    yield "after refresh(layer)", layer
    layer(x).square().mean().backward()
    yield "forward, backward", layer
    optimizer.step()
    yield "optimizer.step()", layer
    with torch.no_grad():
        layer(x)
    yield "forward, no_grad", layer
    layer(x)
    yield "forward, gradients", layer
    with torch.inference_mode():
        layer(x)
    yield "forward, inference_mode", layer


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def works(call):
    return "works" if says(call) == "no error" else "fails"


rows = []
for moment, layer in moments():
    copies = [copy.deepcopy, torch.optim.swa_utils.AveragedModel, lambda m: copy.deepcopy(m.state_dict())]
    rows.append([moment, *(works(lambda make=make, m=layer: make(m)) for make in copies)])
layer, x = step_1(), test_images[:64]
with torch.no_grad():
    layer(x)  # a validation without gradients
twin = copy.deepcopy(layer)
shared = sum(
    getattr(twin, n).data_ptr() == getattr(layer, n).data_ptr() for n in ("weight", "weight_orig", "weight_mask")
)
same = torch.equal(twin(x), layer(x))
Table(
    ["moment", "deepcopy", "AveragedModel", "state_dict copied"],
    rows,
    caption=f"The copy after a validation gives {'the same' if same else 'another'} output, is {'' if prune.is_pruned(twin) else 'not '}pruned, "
    f"and shares memory in {shared} of 3 tensors.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Of the three, after the validation alone.** Computed without gradients, `weight` is a plain tensor. Averaging of weights copies, too. Cure: `refresh` (calls the
# hooks without gradients), or copy the `state_dict`.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Who reads `module.weight`?
#
# The hook computes `weight` *before a forward pass*; `.double()` and `.to()` convert or move parameters and buffers.
#
# **Predict.** A report, or a penalty on a norm, reads `weight` directly. After which of these events is it out of date: pruning, a forward pass, an optimizer's step, `.double()`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room name the events; most find the step, few find `.double()`. The answer is both: `weight` is a plain attribute, and neither the optimizer nor `.double()` knows of it.
# Each next forward pass mends it. Say: "So read `weight_orig * weight_mask`, or call refresh."


# %% slideshow={"slide_type": "skip"}
def fresh(layer):
    product = layer.weight_orig * layer.weight_mask
    return product.dtype == layer.weight.dtype and torch.equal(product, layer.weight)


def followed():
    """(event, is weight up to date) for one pruned layer."""
    layer, x = step_1(), test_images[:64]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    yield "pruned", fresh(layer)
    layer(x).square().mean().backward()
    yield "forward,\nbackward", fresh(layer)
    optimizer.step()
    yield "optimizer's\nstep", fresh(layer)
    layer(x)
    yield "forward", fresh(layer)
    layer.double()
    yield ".double()", fresh(layer)
    layer(x.double())
    yield "forward", fresh(layer)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
events = list(followed())
canvas = diagrams.Canvas(height=200)
spans = [
    (n, n + 1, "up to date" if good else "out of date", "gradient" if good else "fp32")
    for n, (_, good) in enumerate(events)
]
diagrams.time_line(canvas, {"weight": spans}, x=130, y=110, width=1050, height=64)
for n, (event, _) in enumerate(events):
    canvas.text(130 + 175 * (n + 0.5), 62, event)
plots.show(
    canvas.figure(),
    alt="A time line of six events: "
    + "; ".join(
        f"after {e.replace(chr(10), ' ')} weight is {span[2]}" for (e, _), span in zip(events, spans, strict=True)
    )
    + ".",
    caption="Is `weight` equal to `weight_orig * weight_mask`, values and type? Asked after each event.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. After the step and after `.double()`.** The next forward pass mends it. Whoever reads in between reads `weight_orig * weight_mask`, or calls `refresh` first. One reader is easily forgotten: `prune` itself. A second cut ranks what the hook computed last, so after an optimizer's step it is one step behind.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. The optimizer was made before
#
# The optimizer was given `weight`, no parameter any more. We take a step on the dense layer, prune half of it, and take another step with the *same* optimizer.
#
# **Predict.** Does it now train a tensor that nobody reads? And do the masked entries of `weight_orig`, whose gradient is 0, stay where they are?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two votes. The optimizer goes on working: `weight_orig` *is* the old parameter under a new name. Here the masked entries stay with plain SGD alone; with momentum, weight decay
# or Adam they move. Ask why: momentum and Adam remember older gradients, and weight decay needs none. `weight` keeps its zeros all the same. Ask who would care: whoever takes the mask off again.


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def second_step(make):
    """Prune between two steps: does the optimizer hold weight_orig, masked entries that moved, zeros in weight."""
    torch.manual_seed(0)
    conv, x = models.LeNet().conv1, test_images[:64]
    optimizer = make(conv.parameters())
    for step in (1, 2):
        if step == 2:
            prune.l1_unstructured(conv, name="weight", amount=0.5)
            before = conv.weight_orig.detach().clone()
        optimizer.zero_grad()
        conv(x).square().mean().backward()
        optimizer.step()
    held = any(p is conv.weight_orig for p in optimizer.param_groups[0]["params"])
    moved = (conv.weight_orig != before) & (conv.weight_mask == 0)
    return "yes" if held else "no", f"{int(moved.sum())} of 27", int((refresh(conv).weight == 0).sum())


SGD = torch.optim.SGD
makers = {"SGD": lambda p: SGD(p, lr=0.1), "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9)}
makers |= {"weight decay": lambda p: SGD(p, lr=0.1, weight_decay=0.01), "Adam": torch.optim.Adam}
rows = [[name, *second_step(make)] for name, make in makers.items()]
Table(["optimizer", "holds weight_orig", "masked entries moved", "zeros in weight"], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. It goes on working, and three of four move masked entries.** `weight_orig` *is* the old parameter. Masked, it may drift; `weight` keeps its zeros. That matters to
# whoever takes the mask off, or rewinds to old values ([[ticket]]): keep your own copy of them.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Names in a file
#
# The file of a pruned LeNet has `fc1.weight_orig` and `fc1.weight_mask`. A new model has `fc1.weight`. `load_state_dict(state)` raises an error. Suppose you try `strict=False`.
#
# **Predict.** With `strict=False`: **A** it loads all but the mask, **B** `fc1.weight` stays as it was made, at random, **C** another error?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask who has written strict=False, then vote. The answer is B, no error: names that do not fit are left out. Read the accuracy of that row aloud. The row below is the
# cure for training on: `prune.identity` gives a mask of ones, so that the names are right, and the file fills them. To ship, call `remove` before saving.


# %% slideshow={"slide_type": "skip"}
def saved_and_read(model):
    """The state_dict as it comes back from a file."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


saved = half_cut()
state = saved_and_read(saved)
message = says(lambda: models.LeNet().load_state_dict(state))
print(message.replace(" Missing", "\nMissing").replace(" Unexpected", "\nUnexpected"))

runtime.seed_all(0)
not_strict = models.LeNet()
not_strict.load_state_dict(state, strict=False)
prepared = models.LeNet()
prune.identity(prepared.fc1, name="weight")
prepared.load_state_dict(state)
to_ship, shipped = half_cut(), models.LeNet()
prune.remove(to_ship.fc1, "weight")
shipped.load_state_dict(saved_and_read(to_ship))
loaded = {"saved": saved, "strict=False": not_strict, "identity, then load": prepared, "remove, save, load": shipped}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
right = {name: 100 * training.evaluate(model, test_images, test_labels) for name, model in loaded.items()}
card.record("not-strict", right["saved"] - right["strict=False"])
card.record("identity-then-load", abs(right["saved"] - right["identity, then load"]))
Table(
    ["model", "right, %", "zeros in fc1", "pruned"],
    [[name, f"{right[name]:.1f}", f"{zeros(model):,}", prune.is_pruned(model)] for name, model in loaded.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **`fc1.weight` stays random (B), and there is no error.** **To go on training**, prepare the same tensors with `prune.identity`, load, and call `refresh`. **To ship**, `remove` before saving: then any model of the class takes the file.
#
# <!-- page -->
#
# Why `refresh`? Loading fills `weight_orig` and `weight_mask`. The attribute `weight` is still the product that the hook computed before, from the random values, until the next forward pass computes it anew. `prune` itself reads that attribute: whoever loads and then prunes *again*, before a forward pass, ranks the new model's random weights. For a half-pruned `nn.Linear(20, 20)` the second mask then differs from the right one in about a quarter of the 400 places, without an error. In the table above the evaluation ran a forward pass before the zeros were
# counted, and so did not meet this trap.


# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
# The optimizer's own state is stored by position, and pruning moves weight_orig behind bias. So build the resumed run in
# the order of the first one (model, pruning, optimizer), then load both states. Another order may raise nothing:
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


ORDER = {"optimizer, then pruning": True, "pruning, then optimizer": False}
rows = []
for layer, make in {"convolution": lambda: nn.Conv2d(1, 6, 3), "batch norm": lambda: nn.BatchNorm2d(1)}.items():
    for name, a in ORDER.items():
        runs = [says(lambda m=make, a=a, b=b: run_with(m, b, run_with(m, a))) for b in ORDER.values()]
        rows.append([layer, name, *(run.partition(":")[0] for run in runs)])
Table(["layer", "saved with; resumed with:", *ORDER], rows)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A mask of the model's own
#
# Some models have masks: in an autoregressive layer, output $i$ may look at the inputs before it and at no other (MADE, [Germain et al., 2015](https://arxiv.org/abs/1502.03509)). Here
# the triangle is a buffer, and its name is `weight_mask`.
#
# ```python
# m = self.weight_mask
# w = self.weight * m
# return F.linear(x, w)
# ```
#
# **Predict.** After `prune.l1_unstructured(layer, "weight", 0.5)`, `weight_mask` is **A** the triangle, **B** the product of both, **C** pruning's mask alone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; most hope for B. It is C: a buffer of that name is replaced without a word, and the layer looks into the future. Point at a dark cell above the diagonal on the right. After `remove`
# the buffer is gone and the layer cannot run. Ask how a program could tell its own masks from pruning's: pruning's mask has an `_orig` beside it.


# %% slideshow={"slide_type": "skip"}
class Ordered(nn.Linear):
    """Output i looks at the inputs before it: `weight_mask` is the layer's own buffer."""

    def __init__(self, n):
        super().__init__(n, n, bias=False)
        self.register_buffer("weight_mask", torch.ones(n, n).tril(-1))

    def forward(self, x):
        return F.linear(x, self.weight * self.weight_mask)


def ahead(layer):
    """How many outputs change when the last input does; in order, none would."""
    with torch.no_grad():
        x = torch.ones(1, layer.in_features)
        other = x.clone()
        other[0, -1] = 2
        return int((layer(x) != layer(other)).sum())


torch.manual_seed(0)
ordered = Ordered(5)
triangle, sees_before = ordered.weight_mask.clone(), ahead(ordered)
prune.l1_unstructured(ordered, "weight", amount=0.5)
replaced, sees_after = ordered.weight_mask.clone(), ahead(ordered)
card.record("own-mask-replaced", sees_after - sees_before)
after_remove = says(lambda: prune.remove(ordered, "weight")(torch.ones(1, 5)))

# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
canvas = diagrams.Canvas(width=620, height=412)
for column, (words, mask, sees) in enumerate(
    (("its own", triangle, sees_before), ("after pruning", replaced, sees_after))
):
    left = 20 + 310 * column
    diagrams.grid(canvas, mask, left, 60, cell=52, meaning="mask", text="")
    canvas.text(left + 130, 28, words, size=30, bold=True)
    canvas.text(left + 130, 364, f"the last input\nchanges {sees} of 5", size=28)
plots.show(
    canvas.figure(),
    alt=f"weight_mask as two grids of 5 by 5 cells. Its own: dark below the diagonal. After pruning: {int(replaced.sum())} dark cells, "
    f"{int(replaced.triu().sum())} of them on or above the diagonal.",
    caption=f"Dark: 1. Row: output, column: input. Forward after remove: {after_remove.partition(':')[0]}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, without a word.** Ask `hasattr(module, name + "_mask")` before the first pruning, or name your masks otherwise. A loader that takes each key ending in `_mask` for pruning's meets the same
# trap: exercise 2.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. What is shared, and what is kept
#
# **Tied weights**: two layers share one parameter, as in language models whose embedding, `tokens`, is also the last layer, `readout` ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)): `readout.weight = tokens.weight`.
#
# **Predict.** Half of `tokens.weight` is pruned, 16 of 32. How many zeros has `readout.weight`: **A** 16, **B** 8, **C** none? And after `remove`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; most say A, since there is one tensor. The answer is C, then A: the readout holds the old parameter, which is now `weight_orig`, and knows of no mask: frame 1, 16 zeros and none. In training it even gives the masked entries a gradient.
# Frame 2, removed: 16 and 16. The zeros are written into the parameter, and the readout changes under your hands. So the accuracy that you measured before `remove` was that of another network. B never comes: the two share all entries or no zeros. Before frame 3 ask for a
# cure. Frame 3: both names pruned with one mask, 16 and 16 from the start. The other cure: the second layer computes from the first, right after that one ran. The notebook counts masked entries that get a gradient: 16 in frame 1, none with either cure.


# %% slideshow={"slide_type": "skip"}
def tied(*pruned):
    """Embedding and readout that share one parameter, of 8 tokens by 4; the layers named in `pruned` get the same mask."""
    torch.manual_seed(0)
    net = nn.ModuleDict({"tokens": nn.Embedding(8, 4), "readout": nn.Linear(4, 8, bias=False)})
    net["readout"].weight = net["tokens"].weight
    for name in pruned:
        prune.l1_unstructured(net[name], "weight", amount=0.5)
    return net


def logits(net, by_function=False):
    states = net["tokens"](torch.arange(8))
    return F.linear(states, net["tokens"].weight) if by_function else net["readout"](states)


def zeros_of(net):
    return [int((net[name].weight == 0).sum()) for name in ("tokens", "readout")]


half, both = tied("tokens"), tied("tokens", "readout")
trained_under_mask = {}
cases = {"tokens pruned": (half, False), "both pruned": (both, False), "by a function": (tied("tokens"), True)}
for words, (net, by_function) in cases.items():
    F.cross_entropy(logits(net, by_function), torch.arange(8).roll(1)).backward()
    masked = net["tokens"].weight_mask == 0
    trained_under_mask[words] = int((net["tokens"].weight_orig.grad[masked] != 0).sum())
is_orig = half["readout"].weight is half["tokens"].weight_orig

# %% slideshow={"slide_type": "skip"}
final = tied("tokens")
answer_before = logits(final).detach()
prune.remove(final["tokens"], "weight")
change = (logits(final).detach() - answer_before).abs().max().item()
card.record("tied-zeros", zeros_of(half)[1])
card.record("tied-after-remove", change)
print("readout.weight is tokens.weight_orig:", is_orig)
print("masked entries with a gradient:", trained_under_mask)
print(f"largest change of the output at remove: {change:.2f}; largest output before: {answer_before.abs().max():.2f}")


def drawn(net, words, left_link, right_link):
    """The one parameter, and what either layer multiplies with."""
    canvas = diagrams.Canvas(height=360)
    orig = getattr(net["tokens"], "weight_orig", net["tokens"].weight)
    parts = {"tokens.weight": net["tokens"].weight, "the parameter": orig, "readout.weight": net["readout"].weight}
    for left, (name, values) in zip((120, 520, 920), parts.items(), strict=True):
        diagrams.grid(canvas, values.detach(), left, 60, cell=30, mask=values.detach() != 0, text="")
        canvas.text(left + 60, 28, name, bold=True)
    canvas.wire((515, 180), (248, 180), meaning="fp32")
    canvas.wire((645, 180), (912, 180), meaning="fp32")
    canvas.text(382, 150, left_link)
    canvas.text(778, 150, right_link)
    canvas.text(580, 335, words)
    return canvas.figure()


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
stages = {
    "tokens pruned": (half, "× mask", "as it is"),
    "then removed": (final, "as it is", "as it is"),
    "instead, both pruned": (both, "× mask", "× mask"),
}
counts = {words: "{} zeros in tokens, {} in readout".format(*zeros_of(net)) for words, (net, *_) in stages.items()}
plots.show(
    [drawn(net, f"{words}: {counts[words]}", *links) for words, (net, *links) in stages.items()],
    alt=[
        f"Three grids of 8 by 4 cells: tokens.weight, the parameter that both layers share, readout.weight; {words}, {counts[words]}."
        for words in stages
    ],
    caption="8 tokens, 4 features; crossed cells are 0.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. C, then A.** The readout holds the old parameter, without a mask, and at `remove` its output changes. **Cure**: prune both names with one mask; or tie by a function: `F.linear(x, tokens.weight)`.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What a container remembers
#
# After several calls a `PruningContainer` lists the methods in order, and the tensor has one mask.
#
# LeNet's five weight tensors are pruned in five rounds of 20 %: layer by layer with `l1_unstructured`, or all together with `global_unstructured`.
#
# **Predict.** How many bytes do all masks take in memory then, over the bytes of the weights: **A** 1, **B** 2, **C** 6? In both ways?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say first what is new: `global_unstructured` ranks the weights of all layers in one row; the next lesson uses it. Vote for each way. Layer by layer it is A, one mask. With `global_unstructured` it is C: each round goes in as a ready mask, and its entry in the container keeps it, five, and the buffer is
# the sixth. The file holds one. Ask what that is good for: the mask of round 1 can be had back.


# %% slideshow={"slide_type": "skip"}
def masks_held(net):
    """Bytes of the masks in buffers and hooks, each memory once, over the bytes of the weights that are pruned."""
    held = [b for name, b in net.named_buffers() if name.endswith("weight_mask")]
    for hook in (h for module in net.modules() for h in module._forward_pre_hooks.values()):
        methods = hook if isinstance(hook, prune.PruningContainer) else [hook]
        held += [method.mask for method in methods if hasattr(method, "mask")]
    memory = {m.untyped_storage().data_ptr(): m.untyped_storage().nbytes() for m in held}
    return sum(memory.values()) / sum(m.weight.nbytes for m in net.children())


def layer_by_layer(net):
    for module in net.children():
        prune.l1_unstructured(module, "weight", amount=0.2)


def all_together(net):
    prune.global_unstructured([(m, "weight") for m in net.children()], pruning_method=prune.L1Unstructured, amount=0.2)


held, in_file, at_end = {}, {}, {}
for name, method in {"layer by layer": layer_by_layer, "all together": all_together}.items():
    net, held[name] = copy.deepcopy(lenet), []
    for _ in range(5):
        method(net)
        held[name].append(masks_held(net))
    saved_masks = sum(t.nbytes for key, t in net.state_dict().items() if key.endswith("_mask"))
    in_file[name] = saved_masks / sum(m.weight.nbytes for m in net.children())
    for module in net.children():
        prune.remove(module, "weight")
    at_end[name] = masks_held(net)
card.record("container-masks", held["all together"][-1])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.4, 3.2))
for (name, values), style in zip(held.items(), ("o-", "s--"), strict=True):
    ax.plot(range(1, 6), values, style, label=name)
ax.set(xlabel="rounds of pruning", ylabel="masks, over weights", ylim=(0, 6.5))
ax.legend(loc="upper left")
plots.show(
    fig,
    alt="Bytes of all masks over those of the weights after 1 to 5 rounds: "
    + "; ".join(f"{name} {', '.join(f'{v:.1f}' for v in values)}" for name, values in held.items())
    + ".",
    caption=f"Each piece of memory counted once. In the file: {max(in_file.values()):.1f}; after remove: {max(at_end.values()):.1f}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A layer by layer, C all together.** `global_unstructured` hands each layer a ready mask, and the container keeps it. The file has one, and `remove` frees all.

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
# Two methods, one to be taken back: `remove` knows a tensor and not a method, and leaves the zeros of both. Before it,
# weight_orig has every value: copy back a mask that you kept, or that of a container's entry, where it has one.
twice = step_1()
first_mask = twice.weight_mask.clone()
prune.ln_structured(twice, name="weight", amount=0.5, n=2, dim=0)
undone = copy.deepcopy(refresh(twice))
undone.weight_mask.copy_(first_mask)
walk = {"both methods": refresh(copy.deepcopy(twice)), "first mask copied back": refresh(undone)}
walk["remove"] = prune.remove(twice, "weight")
Table(
    ["after", "zeros of 54", "still pruned"],
    [[name, int((conv.weight == 0).sum()), prune.is_pruned(conv)] for name, conv in walk.items()],
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 7. Bad input
#
# **Predict.** `amount=1` and `amount=1.0`: what is the difference? And which of these does PyTorch refuse: an amount of 1.5, a name with a typing error, pruning *all* weights, a weight that is NaN?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote on 1 against 1.0: one weight, and all of them. Vote on the four, one by one: PyTorch refuses 1.5 and the typing error, and takes the other two without a word. Then ask what 0 times NaN is: NaN. Say: "A mask
# multiplies, it does not erase."


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def conv_with(spoil=0):
    """conv1 of a new LeNet; of its first filter, so many weights are NaN."""
    torch.manual_seed(0)
    conv = models.LeNet().conv1
    conv.weight.data[:1].view(-1)[:spoil] = float("nan")
    return conv


def accepted(amount, spoil=0, method=prune.l1_unstructured, **how):
    conv = method(conv_with(spoil), "weight", amount=amount, **how)
    kept = conv.weight_orig[conv.weight_mask == 1]
    return [int(count.sum()) for count in (conv.weight_mask == 0, kept.isnan(), conv.weight.isnan())]


rows = [
    ["amount=1", *accepted(1)],
    ["amount=1.0", *accepted(1.0)],
    ["amount=0.0", *accepted(0.0)],
    ["one NaN, amount=0.5", *accepted(0.5, 1)],
    ["one NaN, amount=1.0", *accepted(1.0, 1)],
    ["a filter of NaN, 3 of 6 filters", *accepted(0.5, 9, prune.ln_structured, n=2, dim=0)],
]
Table(["of 54 weights", "cut", "NaN kept", "NaN in weight"], rows, caption="What goes through without a word")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. 1 is one weight, 1.0 is all.** Cutting all weights goes through, and so does NaN. It ranks as the largest and is kept; where it is cut, 0 · NaN is NaN. Only 1.5 and the
# typing error are refused.


# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
# What PyTorch refuses, and what the course's own look at a request says before anything is touched.
def answers(make, name, amount, dim=None):
    """What PyTorch says to a call, and what `validate_request` says."""
    method, more = (prune.l1_unstructured, {}) if dim is None else (prune.ln_structured, {"n": 2, "dim": dim})
    by_torch = says(lambda: method(make(), name, amount=amount, **more))
    ours = says(lambda: prune_request.validate_request([(make(), name)], amount, dim=dim))
    return [text.partition(": ")[2] or text for text in (by_torch, ours)]


rising = torch.arange(12.0).view(3, 4)  # the first six are to go; global_unstructured joins all scores to one list
for words, key, scores in ("right", "weight", rising), ("transposed", "weight", rising.T), ("wrong key", "w", rising):
    torch.manual_seed(0)
    pair = nn.Linear(4, 3), "weight"
    prune.global_unstructured([pair], prune.L1Unstructured, {(pair[0], key): scores.contiguous()}, amount=0.5)
    print(f"global_unstructured, scores {words}: no error, mask {pair[0].weight_mask.int().tolist()}")
calls = {f"amount={a!r}": (conv_with, "weight", a) for a in (1.5, -1, 100, "half", 1.0)}
calls |= {
    "one NaN": (lambda: conv_with(1), "weight", 0.5),
    "name='wieght'": (conv_with, "wieght", 0.3),
    "'bias' of a layer without one": (lambda: nn.Linear(3, 2, bias=False), "bias", 1),
    "a model, '0.weight'": (lambda: nn.Sequential(conv_with()), "0.weight", 1),
    "dim=4": (conv_with, "weight", 1, 4),
    "slices of a bias": (conv_with, "bias", 1, 0),
}
Table(["you give", "PyTorch", "validate_request"], [[what, *answers(*call)] for what, call in calls.items()])

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### After a refused call
#
# A pruned layer gets a second call with `amount=1.5`, which raises. The program catches the error and goes on.
#
# **Predict.** What state is the layer in: **A** as before the call, **B** not pruned any more, with its old weights, **C** something else?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; most trust in A. It is C: only the hook is gone. Parameter and mask are there, `weight` stands still, and a later backward pass may raise. PyTorch takes the hook off *before* it looks at the
# amount. The line over the table: a layer whose bias is `None` has lost the name, and cannot run. So ask first, or repair: the `state_dict` still has everything, and a new layer
# takes it. On the old one `prune.identity`, `prune.remove` and a new cut all raise. [[own_method]] comes back to it.


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output", "hide-input"]
def state_of(conv):
    conv.weight_orig.data.mul_(2)  # what training does
    conv(test_images[:1])
    kind = [type(hook).__name__ for hook in conv._forward_pre_hooks.values()]
    return [
        "yes" if "weight_mask" in conv.state_dict() else "no",
        ", ".join(kind) or "–",
        "yes" if fresh(conv) else "no",
    ]


spoiled = step_1()
answer = says(lambda: prune.l1_unstructured(spoiled, name="weight", amount=1.5))
rows = [state_of(step_1()), state_of(spoiled)]
bare = nn.Linear(3, 2, bias=False)
says(lambda: prune.l1_unstructured(bare, name="bias", amount=1))
bias_lost = says(lambda: bare(torch.ones(1, 3))).partition(":")[0]
Table(
    ["", "before", "after"],
    [
        [what, *values]
        for what, *values in zip(("mask in the file", "hook", "weight follows weight_orig"), *rows, strict=True)
    ],
    caption=f"Not in the table: a layer whose bias is None raises {bias_lost} in forward after a refused call for it",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C: the hook is gone, and nothing else.** PyTorch takes it off *before* it looks at the amount. A bias that is `None` even loses its name. Ask first, with
# `course_utils.prune_request.validate_request`. To repair, load its `state_dict` into a *new* layer, as in section 5, `refresh` included.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · What is left after k rounds
# ★ · 10 minutes
#
# Write `weights_left`: how many of `n` weights are left after one call of `prune` for each of `amounts`. A float is a fraction of what is left, its count rounded with `round`; an int is a
# count. No count here is larger than what is left: PyTorch refuses such a call.
#
# `weights_left(n, amounts)` → a whole number
#
# <details><summary>Hint</summary>
# Walk through the amounts, and subtract from what is left. isinstance(amount, int) tells a count from a fraction: 1 is one weight, 1.0 is all.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 10. Two mistakes to expect: the fractions are added, or the rounding is left to the end. Ask: "10 weights, twice 0.25. How many are left?" round(2.5) is 2, so 8; then
# 2 again, so 6. The other card is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def weights_left(n, amounts):
    """How many of `n` weights are left after pruning by each of `amounts`, in order.

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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Load a pruned checkpoint
# ★★★ · 15 minutes
#
# Write `load_pruned`: the model that a checkpoint of a pruned model describes, with its masks *active*, so that training can go on. You get a function that makes a new, unpruned model, and the
# state_dict. Any tensor of any module may be pruned, or none; a module may be called `pre_mask_orig`. The model may have buffers of its own whose names end in `_mask` or in `_orig`;
# `check.Gate`, which some inputs use, has one of each, `keep_mask` and `start_orig`. A name that has *both* endings is pruned.
#
# `load_pruned(make_model, state)` → a model whose `state_dict()` is `state` again
#
# <details><summary>Hint</summary>
# A pruned tensor has two keys, one that ends in _orig and one that ends in _mask. "features.0.weight_mask" belongs to model.get_submodule("features.0") and its parameter "weight"; the model itself is
# get_submodule(""). Section 5 shows what to do with each of them before load_state_dict.
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
        pruned = key.removesuffix("_mask")
        if key.endswith("_mask") and f"{pruned}_orig" in state:
            path, _, name = pruned.rpartition(".")
            prune.identity(model.get_submodule(path), name)
    model.load_state_dict(state)
    return model


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Fractions compound on what is left, masks keep zeros in training, and `remove` comes last.
# - `weight` is what the hook computed last, no parameter: read, copy and save what lies under it, `weight_orig` and `weight_mask`.
# - A shared parameter, a buffer of the same name, a refused call that somebody caught: a mask or its hook no longer acts. Test that.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *PyTorch Pruning: How it's Made*,
# [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw), by the author of the module.
#
# **Going further**: the [source of the module](https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/prune.py), which is worth reading. Next here: [[prune_model]].
#
# **Project ideas**: rewrite the masks with `torch.nn.utils.parametrize` and see which traps are gone; write a function that finds every trap of this lesson in a given model.
#
# **Credits**: the first steps follow Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html); the idea of this course in one
# lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask which of the traps raised an error at the moment it was made: the copy, the strict load and the refused call. Most others were silent. Transition: "Next: a whole model, and what it costs
# when it may train again."
