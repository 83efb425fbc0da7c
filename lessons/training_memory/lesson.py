# ---
# jupyter:
#   course:
#     promise: You will count what a training step keeps in memory, tensor by tensor, and know three ways to keep less of it.
#     minutes: 45
#     seconds: 15
#     needs: [baseline]
#     goals:
#       - Count weights, gradients, optimizer states and saved activations of a live network.
#       - Find the peak of a chain of activations, with a shortcut and without one.
#       - Place checkpoints, and count what they save and what they cost.
#       - Say what accumulation and optimizer states of few bits change, and what they leave alone.
#     terms: [activation checkpointing, gradient accumulation, liveness, master weights, optimizer state, saved tensor]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The weights take about one megabyte. And the training?*
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
# *For the lecturer, 1 min.* "Who has seen *out of memory*? What did you change first?" Collect three answers on the board: the batch, the model, the number format. At the end look for them in a table.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import contextlib
import copy
import logging

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, models, runtime
from course_utils.measure import timing
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.training_memory import checks as check

logging.disable(logging.WARNING)  # torchao says on import what it did not load
from torchao import optim as low_bit  # noqa: E402

logging.disable(logging.NOTSET)
card = claims.Scorecard("training_memory")
runtime.seed_all(0)
torch.set_num_threads(1)
MIB = 2**20
images, labels = data.load("fashion_mnist", n=64)
print("Everything here is counted on the CPU: bytes, operations and differences of gradients, no seconds.")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One step
#
# A small Transformer reads an image of Fashion-MNIST row by row: 28 steps, six layers, 64 features wide. Its weights take about one
# megabyte.
#
# It trains with AdamW on batches of 64 images.
#
# **Predict.** How much does one step keep in all, in units of the weights: **A** 2, **B** 4, **C** 10, **D** 40?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands, counts on the board; expect B from those who know Adam, C from the careful. After the number: "Four of these forty we can name at once. Which?"
# (Weights, gradients, two states.) "Who are the others?"


# %% slideshow={"slide_type": "skip"}
class RowReader(nn.Module):
    def __init__(self, n_layers=6, width=64):
        super().__init__()
        self.embed = nn.Linear(28, width)
        self.position = nn.Parameter(torch.randn(28, width) * 0.02)
        self.blocks = nn.Sequential(*(models.EncoderLayer(width, 4, 4 * width) for _ in range(n_layers)))
        self.head = nn.Linear(width, 10)

    def forward(self, x):  # (batch, 1, 28, 28)
        x = self.embed(x.squeeze(1)) + self.position
        return self.head(self.blocks(x).mean(1))


reader = RowReader()


# %% slideshow={"slide_type": "skip"}
# Two counters. The first asks autograd for each tensor that it saves, and counts each piece of memory once.
def saved_bytes(forward, known=(), only=None):
    """Bytes that autograd keeps for the backward pass of `forward()`, of the type `only`, without the tensors `known`."""
    kept, seen = [], {}

    def pack(tensor):
        kept.append(tensor)  # alive, so that no address is used twice
        if only in (None, tensor.dtype):
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()
    own = {tensor.untyped_storage().data_ptr() for tensor in known}
    return sum(n for address, n in seen.items() if address not in own), result


def outputs_of(model, x):
    """Numbers in the input, and in the output of each convolution and linear layer, in the order of the calls."""
    sizes, chosen = [x.numel()], [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [m.register_forward_hook(lambda _m, _i, out: sizes.append(out.numel())) for m in chosen]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return sizes


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def state_bytes(optimizer):
    """Bytes of all tensors of an optimizer's state; a quantized one is made of several."""
    total = 0
    for tensor in (t for state in optimizer.state.values() for t in state.values()):
        parts = tensor.__tensor_flatten__()[0] if hasattr(tensor, "__tensor_flatten__") else []
        total += sum(getattr(tensor, part).nbytes for part in parts) if parts else tensor.nbytes
    return total


def tenants(model, optimizer, x, y):
    """Bytes of what one training step keeps, by kind."""
    known = [*model.parameters(), x, y]
    saved, loss = saved_bytes(lambda: F.cross_entropy(model(x), y), known)
    loss.backward()
    optimizer.step()
    weights = sum(p.nbytes for p in model.parameters())
    gradients = sum(p.grad.nbytes for p in model.parameters())
    return {"weights": weights, "gradients": gradients, "states": state_bytes(optimizer), "activations": saved}


found = tenants(reader, torch.optim.AdamW(reader.parameters()), images, labels)
print(f"weights: {found['weights'] / MIB:.2f} MiB")
print(f"in all: {sum(found.values()) / found['weights']:.1f} times that")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: D.** The weights are a fortieth.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"} tags=["lecture"]
# ## 2. Four tenants
#
# **Weights**; a **gradient** for each; the **states** of the optimizer, for AdamW two means for each weight; and **activations**, what the
# forward pass saves for the backward pass.
#
# **Predict.** A batch of 8 in place of 64: which tenants shrink? SGD in place of AdamW: which?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Two votes by name: "Whoever thinks that the gradients shrink with the batch, hand up." A frequent slip: gradients have the size of the weights, whatever
# the batch. Then show the stacks. Say that each number was read from the live network, the activations by hooks that see each saved tensor. Ask: "For which network would the picture be the other way round?" (Many weights, each used once or few times, and a small batch: LeNet-300-100 with one image.)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
settings = {}
for kind, batch in [("AdamW", 64), ("AdamW", 8), ("SGD", 64)]:
    fresh = RowReader()
    optimizer = getattr(torch.optim, kind)(fresh.parameters(), lr=1e-3)
    settings[f"{kind}, batch {batch}"] = tenants(fresh, optimizer, images[:batch].clone(), labels[:batch])
canvas = diagrams.Canvas(height=312)
MEANINGS = {"weights": "fp32", "gradients": "gradient", "states": "plain", "activations": "activations"}
for row, (name, parts) in enumerate(settings.items()):
    canvas.text(40, 18 + 88 * row, f"{name}: {sum(parts.values()) / MIB:.1f} MiB", align="left", bold=True)
    left = 40
    for part, n_bytes in parts.items():
        width = n_bytes / MIB * 23.5
        if width:
            canvas.box(left, 36 + 88 * row, width=width, height=38, fill=MEANINGS[part])
        left += width
for column, (part, meaning) in enumerate(MEANINGS.items()):
    canvas.box(60 + 280 * column, 274, width=30, height=30, fill=meaning)
    canvas.text(102 + 280 * column, 289, part, align="left")
plots.show(
    canvas.figure(),
    alt="Three bars to one scale, each of weights, gradients, states and activations. "
    + " ".join(f"{n}: {', '.join(f'{k} {v / MIB:.2f}' for k, v in p.items())} MiB." for n, p in settings.items()),
    caption="What one step keeps, counted tensor by tensor; to one scale.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: the batch moves the activations, the optimizer its states.**

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does a layer save?
#
# `saved_tensors_hooks` shows what autograd's operations save. A linear layer keeps its input: the gradient of its weight is made of it.
#
# **Predict.** One of these keeps nothing, and one keeps half as much again as its input: linear, ReLU, layer norm, max pooling, addition. Which?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask for the derivative of each: what does it need? Addition: nothing, its derivative is a constant. ReLU needs the sign of its output. Max pooling needs to know where each
# maximum was. A bonus: two layers that keep the same tensor (a ReLU's output is the next layer's input) pay once; the hooks count storages, not references.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
sample = torch.randn(16, 8, 28, 28)
layers = {
    "linear": nn.Linear(28, 28),
    "ReLU": nn.ReLU(),
    "layer norm": nn.LayerNorm(28),
    "max pooling": nn.MaxPool2d(2),
    "addition": lambda v: v + v,
}
rows = []
for name, layer in layers.items():
    x = sample.clone().requires_grad_()
    own = layer.parameters() if isinstance(layer, nn.Module) else []
    rows.append([name, f"{saved_bytes(lambda f=layer, v=x: f(v), own)[0] / x.nbytes:.2f}"])
Table(["layer", "bytes kept / bytes of the input"], rows, caption="fp32, on the CPU")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: addition; max pooling.** The derivative of a sum is a constant. Max pooling also keeps a place, 64 bits, for each output; layer norm a mean and a deviation for each row.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And in 16 bits?
#
# Mixed precision ([[amp]]) computes in bf16, 2 bytes a number. Small updates would be rounded away there, so the optimizer works on **master weights** in fp32.
#
# - *autocast*: weights stay fp32, matrix products cast what they get
# - *bf16*: weights and gradients in bf16; the optimizer holds master weights and two states
#
# **Predict.** Bytes a parameter, without activations: fp32 has 16. The two others?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* On paper: 2 + 2 + 4 + 4 + 4. Expect "8" from the room. After the bars: "So who gains?" The activations, right of each bar. The number 16 is the one of the ZeRO paper, section 3.1; it
# explains why a model of 1.5 billion parameters, 3 GB of fp16 weights, needs 24 GB before the first activation.


# %% slideshow={"slide_type": "skip"}
def step_in(kind):
    """Bytes after one step of AdamW, by tenant; of fp32 copies of gradients; of what was saved, in all and in fp32."""
    model, x = (m.bfloat16() if kind == "bf16" else m for m in (copy.deepcopy(reader), images.clone()))
    model.zero_grad()

    def forward():
        with torch.autocast("cpu", torch.bfloat16) if kind == "autocast" else contextlib.nullcontext():
            return F.cross_entropy(model(x), labels)

    saved, in_fp32 = (saved_bytes(forward, [*model.parameters(), x, labels], only)[0] for only in (None, torch.float32))
    forward().backward()
    masters = list(model.parameters())
    if kind == "bf16":
        masters = [p.detach().float().requires_grad_() for p in model.parameters()]
        for master, p in zip(masters, model.parameters(), strict=True):
            master.grad = p.grad.float()
    optimizer = torch.optim.AdamW(masters)
    optimizer.step()
    held = {"weights": list(model.parameters()), "gradients": [p.grad for p in model.parameters()]}
    held["master weights"] = masters if kind == "bf16" else []
    n_bytes = {name: sum(t.nbytes for t in tensors) for name, tensors in held.items()}
    copies = sum(master.grad.nbytes for master in masters) if kind == "bf16" else 0
    return n_bytes | {"states": state_bytes(optimizer)}, copies, saved, in_fp32


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
n_weights = sum(p.numel() for p in reader.parameters())
counts = {kind: step_in(kind) for kind in ("fp32", "autocast", "bf16")}
each = {kind: {name: n / n_weights for name, n in found[0].items()} for kind, found in counts.items()}
card.record("bytes-a-parameter", sum(each["bf16"].values()))
fig, ax = plots.figure(size=(6.2, 4.1))
left = [0.0] * 3
for name, colour in zip(each["fp32"], ("orange", "green", "yellow", "grey"), strict=True):
    widths = [each[kind][name] for kind in each]
    ax.barh(list(each), widths, left=left, color=plots.COLOURS[colour], edgecolor="white", label=name)
    left = [a + b for a, b in zip(left, widths, strict=True)]
for row, found_in in enumerate(counts.values()):
    ax.text(16.4, row, f"and {found_in[2] / MIB:.1f} MiB\nof activations", va="center")
ax.invert_yaxis()
ax.set(xlabel="bytes a parameter", xlim=(0, 24), xticks=range(0, 17, 4))
fig.legend(loc="outside upper center", ncols=2)
plots.show(
    fig,
    alt="Stacked bars of bytes a parameter. "
    + " ".join(
        f"{k}: {', '.join(f'{n} {v:.0f}' for n, v in e.items())}, and {counts[k][2] / MIB:.1f} MiB of activations."
        for k, e in each.items()
    ),
    caption=f"Of autocast's activations {counts['autocast'][3] / MIB:.1f} MiB are fp32. Not drawn: "
    f"PyTorch's AdamW wants the gradients in fp32 too, {counts['bf16'][1] / n_weights:.0f} bytes more while it steps.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: 16, 16 and 16.** Half the bits, and what shrinks is the activations.

# %% [markdown] slideshow={"slide_type": "skip"}
# ReLU keeps its output, whose sign is enough; a linear layer behind it keeps the same tensor, at no more cost.
#
# Adam keeps two running means for each weight ([Kingma and Ba, 2015](https://arxiv.org/abs/1412.6980), algorithm 1). The last bar is the account of [Rajbhandari et al., 2019](https://arxiv.org/abs/1910.02054), section 3.1: 2 + 2 bytes, and 12 for the
# optimizer; GPT-2 with 1.5 billion parameters needs at least 24 GB of it, where its fp16 weights take 3. It keeps no fp32 copy of the gradients.
#
# With autocast the activations do not halve. Each of the twelve layer norms saves its input in fp32, 64 · 28 · 64 numbers: nearly all of the fp32 in the caption. The bf16 copies of the weights are kept as well.
#
# The sums are no peak: gradients come as activations go. Not in them: what an operation needs while it runs (section 5 measures it), the batch itself, the allocator's reserve ([[baseline]]).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Inference keeps less
#
# A step keeps so much because a backward pass follows. When none can come (`torch.no_grad()`, or a runtime for inference), an activation can be freed after its last use. While a layer runs, its input and its output are there: the peak of a chain is the largest *pair*.
#
# **Predict.** SmallCNN in int8, batch norm and ReLU fused into the convolutions, one image: at which layer is the peak?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Write the shapes on the board: 28 × 28 × 1, 28 × 28 × 32, 14 × 14 × 64, 7 × 7 × 64. Let them add neighbours. Expect "the first layer": it has the largest output, but a small input. The second
# has the largest input and a large output. Without fusion batch norm and ReLU of the first block would run alone, with the largest output as input and, unless in place, as output: the peak would be there. Microcontrollers have two to three orders of magnitude less memory than phones (Lin et al., 2020, abstract).


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
cnn = models.SmallCNN().eval()
sizes = outputs_of(cnn, images[:1])  # in int8 a number is a byte
sizes.insert(4, cnn.fc.in_features)  # the mean over each map
steps = ["conv 1", "conv 2", "conv 3", "mean", "linear"]
kib = [n / 1024 for n in sizes]
pairs = [a + b for a, b in zip(kib[:-1], kib[1:], strict=True)]
fig, ax = plots.figure(size=(6.1, 4.0))
ax.barh(steps, kib[:-1], color=plots.COLOURS["sky"], label="input")
ax.barh(steps, kib[1:], left=kib[:-1], color=plots.COLOURS["blue"], label="output")
for row, pair in enumerate(pairs):
    ax.text(pair + 0.6, row, f"{pair:.1f}", va="center")
ax.invert_yaxis()
ax.set(xlabel="alive while it runs, KiB", xlim=(0, 44))
ax.legend(loc="lower right")
plots.show(
    fig,
    alt="Bars of input plus output of each step. "
    + ", ".join(f"{step}: {pair:.1f} KiB" for step, pair in zip(steps, pairs, strict=True))
    + ".",
    caption=f"Peak {max(pairs):.1f} KiB; all of these together {sum(kib):.1f} KiB. "
    f"Unfused, batch norm 1 alone: {2 * kib[1]:.1f} KiB.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the second.** The largest output comes with a small input.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A shortcut
#
# In SmallResNet's first block a shortcut adds the block's input $x$ to its result. The chain is $x$ → convolution → $y$ → convolution → $z$, and then $z + x$, written over $z$.
#
# **Predict.** All three have the same size. How many times one of them is the peak, without the shortcut and with it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody draw the three bars of life on the board before the frames open. First frame without, second with the shortcut. "The addition costs hardly an operation. What does it cost?"
# Ask where the same happens in training. In this block nothing more is kept: the convolution keeps $x$ anyway. Where the layer before the addition keeps its output and the next layer the sum, it is two tensors for one.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
one = outputs_of(models.SmallResNet().eval(), images[:1])[1]  # the first convolution makes the block's input


def lives(shortcut):
    canvas = diagrams.Canvas(height=262)
    spans = {"x": (0, 3 if shortcut else 1), "y": (0, 2), "z": (1, 3)}
    lanes = {name: [(start, end, name, "activations")] for name, (start, end) in spans.items()}
    for column, words in enumerate(("convolution", "convolution", "+ x" if shortcut else "(no addition)")):
        canvas.text(110 + 340 * (column + 0.5), 20, words)
    diagrams.time_line(canvas, lanes, x=110, y=42, width=1020, height=46, gap=14)
    peak = 3 if shortcut else 2
    said = f"{'with' if shortcut else 'without'} the shortcut: {peak} alive, {peak * one / 1024:.1f} KiB"
    canvas.text(620, 240, said, bold=True)
    return canvas.figure()


plots.show(
    [lives(False), lives(True)],
    alt=[
        "Time line of a block without a shortcut: x lives during the first convolution, y during both, z from the second on.",
        "The same with a shortcut: x lives to the end, beside y and z during the second convolution.",
    ],
    caption="Who is alive while each step runs, without the shortcut and with it; int8, one image.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw: two without it, three with it.** The shortcut keeps one more alive: half as much again.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. The batch in parts
#
# Back to training. **Gradient accumulation** feeds a batch of 64 in eight equal parts, adds up the gradients, and then takes one step.
#
# ```python
# for x, y in parts:
#     loss = mean_loss(model, x, y)
#     loss = loss / len(parts)
#     loss.backward()
# optimizer.step()
# ```
#
# **Predict.** For which of the two networks is it the same gradient: the row reader (layer norm), SmallCNN (batch norm), both, none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote: reader, CNN, both, none. Ask what a mean over 64 images has to do with means over 8. After the table: the error of the reader is rounding, sums in another order; batch
# norm takes its mean and variance from the part, so it is another function. Ask for the cost in seconds: the same arithmetic, in smaller passes. Parts of unequal size: weight each by its share, `len(x) / len(batch)`.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def accumulated(model, n_parts):
    """The gradient of the batch in `n_parts` parts, as one row, and the most bytes saved at once."""
    model.zero_grad()
    most = 0
    for x, y in zip(images.chunk(n_parts), labels.chunk(n_parts), strict=True):
        known = [*model.parameters(), images, labels]
        saved, loss = saved_bytes(lambda v=x, t=y: F.cross_entropy(model(v), t), known)
        (loss / n_parts).backward()
        most = max(most, saved)
    return torch.cat([p.grad.flatten() for p in model.parameters()]), most


cnn.train()
nets = {"row reader": reader, "SmallCNN": cnn, "SmallCNN, eval": copy.deepcopy(cnn).eval()}
whole = {name: accumulated(model, 1) for name, model in nets.items()}
in_parts = {name: accumulated(model, 8) for name, model in nets.items()}
apart = {name: ((g - in_parts[name][0]).norm() / g.norm()).item() for name, (g, _) in whole.items()}
card.record("accumulated-reader", apart["row reader"])
card.record("accumulated-smallcnn", apart["SmallCNN"])
rows = [[n, f"{whole[n][1] / MIB:.1f}", f"{in_parts[n][1] / MIB:.1f}", f"{apart[n]:.1g}"] for n in nets]
Table(["", "1 part", "8 parts", "apart"], rows, caption="saved, MiB; gradients apart, relative")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the row reader**, within rounding. Not SmallCNN: batch norm takes mean and variance of the part. In eval mode it uses fixed ones, and the difference is gone. Kept at once: an eighth of the activations.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. Forget, and compute again
#
# **Activation checkpointing** keeps the *input* of a block and forgets what is inside. The backward pass runs the block forward again, and then
# backward.
#
# **Predict.** Three blocks: the insides of how many live at once, without it and with it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame: "Read upward from the end of the forward pass: three." Second frame: grey is the input, small; blue the inside, large. "How many blue ones in one column?"
# One. "And how many steps more?" Three short ones: one forward pass. Say that the word *checkpoint* also means a file in this course.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def block_lives(again):
    canvas, lanes = diagrams.Canvas(height=272), {}
    steps = "F1 F2 F3 F3 B3 F2 B2 F1 B1".split() if again else "F1 F2 F3 B3 B2 B1".split()
    for block in (1, 2, 3):
        start, end = (9 - 2 * block, 11 - 2 * block) if again else (block - 1, 7 - block)  # of the inside
        lanes[f"block {block}"] = [(start, end, "inside", "activations")]
        left, width = 150 + 110 * (block - 1), 110 * (end - block + 1)
        canvas.box(left, 14 + 66 * block, width=width, height=14, fill="plain")
    for column, words in enumerate(steps):
        canvas.text(150 + 110 * (column + 0.5), 20, words)
    diagrams.time_line(canvas, lanes, x=150, y=38, width=110 * len(steps), height=38, gap=28)
    words = "with checkpoints: one inside at a time" if again else "without: all insides at the end of F3"
    canvas.text(640, 250, words, bold=True)
    return canvas.figure()


plots.show(
    [block_lives(False), block_lives(True)],
    alt=[
        "Time line of F1 F2 F3 B3 B2 B1: input and inside of each block live from its forward to its backward pass; all three overlap in the middle.",
        "With checkpoints the steps are F1 F2 F3, then F3 B3, F2 B2, F1 B1. A block's input lives from its first forward pass to the end of its backward pass, its inside during the last two steps only. The insides do not overlap.",
    ],
    caption="F: forward, B: backward. Blue: what is saved inside a block. Grey: its input.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw: three without, one with it.**

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One call for each block
#
# ```python
# for block in blocks:
#     x = checkpoint(
#         block, x,
#         use_reentrant=False)
# ```
#
# **Predict.** For the row reader: how many times fewer saved bytes at the end of the forward pass? How many more operations a step? And the gradients: equal within rounding, or in every bit?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Three votes. A forward pass is about a third of a step (each product has two of its size in the backward pass), so one more forward pass is a third more. Bits: the same operations on the same
# numbers in the same order. With dropout the state of the random generator must be restored: `checkpoint` does so by default. With batch norm the second forward pass updates the running means again.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
class Checkpointed(nn.Module):
    """A module that keeps its input only, and runs a second time in the backward pass."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return checkpoint(self.module, x, use_reentrant=False)


plain, light = copy.deepcopy(reader), copy.deepcopy(reader)
light.blocks = nn.Sequential(*map(Checkpointed, light.blocks))
flops, gradients, rows = {}, {}, []
for name, model in {"plain": plain, "checkpoint": light}.items():
    model.zero_grad()
    with FlopCounterMode(display=False) as counter:
        known = [*model.parameters(), images, labels]
        saved, loss = saved_bytes(lambda m=model: F.cross_entropy(m(images), labels), known)
        loss.backward()
    light_saved = saved
    flops[name], gradients[name] = counter.get_total_flops(), [p.grad.clone() for p in model.parameters()]
    peak = timing.peak_bytes(lambda m=model: F.cross_entropy(m(images), labels).backward(), device="cpu")
    rows.append([name, f"{saved / MIB:.1f}", f"{peak / MIB:.1f}", f"{flops[name] / 1e9:.2f}"])
same = all(torch.equal(a, b) for a, b in zip(gradients["plain"], gradients["checkpoint"], strict=True))
card.record("checkpoint-flops", flops["checkpoint"] / flops["plain"])
card.record("checkpoint-bits", same)
caption = f"one step; GFLOP of the linear layers; gradients equal in every bit: {same}"
Table(["", "saved, MiB", "peak, MiB", "GFLOP"], rows, caption=caption)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a sixteenth of the saved bytes, a third more operations, the same gradients.** The peak falls less: one inside comes back.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How many segments?
#
# A chain of 36 equal layers, cut into $k$ segments of $36/k$ layers, a checkpoint for each. Kept: $k$ inputs, and the inside of one segment.
#
# **Predict.** Which $k$ has the lowest peak: 1, 6, 18 or 36? And for 64 *encoder* layers, where one layer saves many times its input: 8, 32 or 64?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* On the board: $k + 36/k$, least where the two are equal, $k = 6$. Then the second: the inside of an encoder layer is about 16 inputs (a sixteenth, one slide ago): $k + 16 \cdot 64/k$ is least at 32, two layers a segment.
# For the six layers of the reader it would be 10, more than there are: one checkpoint a layer. "What would you do if one layer were still too much?" (Checkpoints inside it; fewer images.)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def peak_of(layers, x, k):
    """Peak of one step with `k` segments, over the bytes of `x`."""
    length = len(layers) // k
    segments = [layers[i : i + length] for i in range(0, len(layers), length)]

    def step():
        h = x
        for segment in segments:
            h = checkpoint(segment, h, use_reentrant=False)
        h.square().mean().backward()

    step()  # now the gradients exist
    return timing.peak_bytes(step, device="cpu") / x.nbytes


chain = nn.Sequential(*(nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(36)))
encoder = nn.Sequential(*(models.EncoderLayer(64, 4, 256) for _ in range(64)))
x_chain, x_encoder = torch.randn(512, 64), torch.randn(8, 28, 64)
curves = {"36 layers": {k: peak_of(chain, x_chain, k) for k in (1, 2, 4, 6, 9, 18, 36)}}
curves["64 encoder layers"] = {k: peak_of(encoder, x_encoder, k) for k in (8, 16, 32, 64)}
best = {name: min(curve, key=curve.get) for name, curve in curves.items()}
card.record("best-segments", best["36 layers"])

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.0, 3.9))
for (name, curve), style in zip(curves.items(), ("-o", "-s"), strict=True):
    ax.plot(list(curve), list(curve.values()), style, label=name)
    ax.plot(best[name], curve[best[name]], "o", color="black", markersize=15, fillstyle="none")
ax.set(xscale="log", yscale="log", xlabel="segments", ylabel="peak / one input")
ax.set_xticks([1, 2, 6, 16, 32, 64], ["1", "2", "6", "16", "32", "64"])
ax.set_yticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
ax.minorticks_off()
ax.legend()
plots.show(
    fig,
    alt="Peak over the number of segments, both axes logarithmic. "
    + " ".join(f"{n}: {', '.join(f'{k}: {v:.0f}' for k, v in c.items())}." for n, c in curves.items()),
    caption="Counted. A ring marks the lowest.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: √36 for the chain, 32 for the encoder.** With an inside of $r$ inputs, $k + rn/k$ is least at $\sqrt{rn}$: $r$ is about 1 for the chain, 16 for the encoder.

# %% [markdown] slideshow={"slide_type": "skip"}
# Where the numbers of this section come from:
#
# - *A third.* The backward pass of a linear layer has two matrix products for the one of the forward pass. Three passes' worth become four.
# - *The same gradients, not the same run.* The block runs forward twice, so batch norm updates its running means twice, as the table of section 7 counts; evaluation then uses other ones. Gradients do not change.
# - *16.* One checkpoint a layer left a sixteenth of the saved bytes. With the six layers of the row reader $\sqrt{16 \cdot 6}$ is more than there are: there one checkpoint a layer is best.
# - [Chen et al., 2016](https://arxiv.org/abs/1604.06174) give the order $\sqrt n$ for the memory (abstract). The sum $k + n/k$ takes the inside of a layer to be as large as its input.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. States of few bits
#
# `torchao.optim.AdamW8bit` keeps both states in 8 bits, with one scale for a block of numbers ([Dettmers et al., 2021](https://arxiv.org/abs/2110.02861)), here 256. `AdamW4bit`: 4 bits, blocks of 128. A tensor is quantized
# if it has 4,096 numbers or more and blocks divide it.
#
# **Predict.** What is left of AdamW's states, for the row reader? For LeNet-300-100, with 784 · 300, 300 · 100 and 100 · 10 weights? With hidden layers of 256 and 128?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First on paper: 1 byte and a scale of 4 bytes for 256 numbers, a bit more than a quarter. Then the trap: 235,200 is not a multiple of 256, nor of 128. Let somebody divide. "What did the optimizer say?" Nothing. The last row is the control: 256 and 128 give sizes that blocks divide, and in 8 bits about a quarter is left. Always count.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
KINDS = {"AdamW": torch.optim.AdamW, "8 bits": low_bit.AdamW8bit, "4 bits": low_bit.AdamW4bit}
eager = torch.compiler.set_stance(
    "force_eager"
)  # torchao compiles its step; this runs the same code without a compiler


def round_net():
    """LeNet-300-100 with hidden layers of 256 and 128."""
    layers = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(nn.Flatten(), *layers)


share = {}
for name, make in {"row reader": RowReader, "LeNet-300-100": models.LeNet300100, "LeNet-256-128": round_net}.items():
    for kind, optimizer_of in KINDS.items():
        model = make()
        optimizer = optimizer_of(model.parameters(), lr=1e-3)
        F.cross_entropy(model(images), labels).backward()
        with eager:
            optimizer.step()
        share[name, kind] = state_bytes(optimizer)
card.record("states-8-bit", share["row reader", "8 bits"] / share["row reader", "AdamW"])
rows = [[n, *(f"{share[n, kind] / MIB:.2f}" for kind in KINDS)] for n in dict.fromkeys(n for n, _ in share)]
Table(["", *KINDS], rows, caption="MiB of optimizer state")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: less than a third; for LeNet-300-100 nothing is saved.** Neither 235,200 nor 30,000 is a multiple of 256 or 128. Small tensors stay in fp32 as well, and no warning says so.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 7. What to try first
#
# Count first who is the largest tenant.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Go back to the answers of the first minute on the board, and look for each of them in the table: which tenant, at which price? A smaller model has no row; it shrinks all four. Frozen *first* layers need no backward pass, and keep nothing for it. Then the exercises.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
frozen = copy.deepcopy(reader)
for tensor in (frozen.position, *frozen.embed.parameters(), *frozen.blocks[:3].parameters()):
    tensor.requires_grad_(False)
left, _ = saved_bytes(lambda: F.cross_entropy(frozen(images), labels), [*frozen.parameters(), images, labels])
was, states = f"{found['activations'] / MIB:.1f} → ", [f"{share['row reader', kind] / MIB:.2f}" for kind in KINDS]
norm = nn.BatchNorm1d(64)
checkpoint(norm, torch.randn(8, 64, requires_grad=True), use_reentrant=False).sum().backward()
in_eight, light_mib = f"{in_parts['row reader'][1] / MIB:.1f}", f"{light_saved / MIB:.1f}"
rows = [
    ["batch of 8", "activations", f"{was}{settings['AdamW, batch 8']['activations'] / MIB:.1f}", "noisier gradients"],
    ["8 parts", "activations", was + in_eight, "smaller passes; batch norm sees the parts"],
    [
        "checkpoints",
        "activations",
        was + light_mib,
        f"a third more work; {norm.num_batches_tracked} updates of batch norm",
    ],
    ["8 bits, 4 bits", "states", f"{states[0]} → {states[1]}, {states[2]}", "rounding; some tensors are left out"],
    ["autocast", "activations", f"{was}{counts['autocast'][2] / MIB:.1f}", "rounding; fp16: small numbers are lost"],
    ["first half frozen", "all but weights", f"{was}{left / MIB:.1f}", "that half does not learn"],
]
Table(["method", "makes smaller", "here, MiB", "price"], rows, caption="the row reader; last row: MiB of activations")

# %% [markdown] slideshow={"slide_type": "skip"}
# Frozen *first* layers need no backward pass, and keep nothing for it: in the last row embedding and first three blocks, half of the activations. Frozen last layers must still pass the gradient on.
#
# Where several GPUs train together, each can hold a part of states, gradients and weights: that is what ZeRO does ([Rajbhandari et al., 2019](https://arxiv.org/abs/1910.02054)). It is not shown here.
#
# Parts of a batch that are not of one size are weighted by their share: each mean loss times `len(x) / len(batch)` in place of one over the number of parts.
#
# Whether states of few bits learn as well was not measured here. For 8 bits [Dettmers et al., 2021](https://arxiv.org/abs/2110.02861) report the performance of 32 (abstract). For 4 bits, compare the loss on a network of yours, over several seeds.
#
# ## Exercises
#
# Three cards; the third is for home. Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 1 · Bytes of a training
# ★ · 6 minutes
#
# Write `training_bytes`: weights, gradients and optimizer states of a model, all in fp32. `tensors` lists (name, how many numbers, is it trained?). A tensor that is
# *shared* by two layers stands there twice under its name, and exists once. A tensor that is not trained has no gradient and no state. The optimizer keeps `n_states` states of the tensor's size.
#
# `training_bytes(tensors, n_states)` → a whole number
#
# <details><summary>Hint</summary>
# Go through the names that you have not seen before. A trained number is kept 2 + n_states times, another one once.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Together, in words: `[("w", 5, True), ("b", 3, False)]` with two states? 4 · (5 · 4 + 3) = 92 bytes. The code is for the lab or for home, 6 minutes. Shared tensors are no oddity: many language models use one matrix for the first and the last layer.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def training_bytes(tensors, n_states):
    """Bytes of weights, gradients and states.

    >>> training_bytes([], 2)  # no tensor, no bytes
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.training_bytes(training_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def training_bytes_solution(tensors, n_states):
    total = 0
    for n_numbers, trained in {name: rest for name, *rest in tensors}.values():
        total += 4 * n_numbers * (2 + n_states if trained else 1)
    return total


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · The peak of a chain
# ★★ · 8 minutes
#
# Write `peak_bytes`: the most that is alive while a chain of layers runs without a backward pass. Layer $i$ makes activation $i + 1$ from activation $i$; `sizes` has the bytes of all. With `skip=(start, end)` activation `start` is
# added to activation `end` (of the same size), in place, as soon as that is made: so it lives on until then. There is at least one layer, and `start < end`.
#
# `peak_bytes(sizes, skip=None)` → a whole number
#
# <details><summary>Hint</summary>
# For each layer add its input and its output; add sizes[start] where that is neither and is still needed.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The code is for the lab or for home, 8 minutes. Draw the bars of life for four activations and a shortcut from 1 to 3 on the board: that is the whole exercise.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def peak_bytes(sizes, skip=None):
    """The most bytes of activations that are alive at once.

    >>> peak_bytes([0, 0])  # nothing in, nothing out
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.peak_bytes(peak_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def peak_bytes_solution(sizes, skip=None):
    live = [sizes[layer] + sizes[layer + 1] for layer in range(len(sizes) - 1)]
    if skip:
        start, end = skip
        for layer in range(start + 1, end):
            live[layer] += sizes[start]
    return max(live)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 3 · Where to cut
# ★★★ · 10 minutes
#
# Write `checkpointed_peak`. Layer $i$ has an input of `inputs[i]` bytes and saves `inside[i]` bytes for its backward pass (its output included, its input not). `starts` lists the first layer of each segment, in order, from 0. A segment's input is kept from the forward pass until its backward
# pass is done. The backward pass takes the segments from the last to the first, and computes the inside of the whole segment again. What was the most that was kept?
#
# `checkpointed_peak(inputs, inside, starts)` → a whole number
#
# <details><summary>Hint</summary>
# When it is a segment's turn, its own input and those of all segments before it are there, and the insides of its layers.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* For home, 10 minutes. Show the time line with checkpoints again: a column through it, grey and blue, is what the card asks for.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def checkpointed_peak(inputs, inside, starts):
    """The most bytes kept in a backward pass with checkpoints.

    >>> checkpointed_peak([0], [0], [0])  # one layer that keeps nothing
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.checkpointed_peak(checkpointed_peak)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def checkpointed_peak_solution(inputs, inside, starts):
    ends = [*starts[1:], len(inputs)]
    kept = [sum(inputs[start] for start in starts[: turn + 1]) for turn in range(len(starts))]
    return max(kept[turn] + sum(inside[starts[turn] : ends[turn]]) for turn in range(len(starts)))


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# Counts, beside their sources. Cited numbers were not measured here.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Four tenants: weights, gradients, states, activations. Count first which is the largest.
# - With Adam 16 bytes a parameter, in fp32 and in mixed precision. Activations grow with the batch.
# - Checkpoints save memory at the price of one more forward pass; here the gradients were the same bit for bit. Accumulation saves it at the price of smaller passes. Batch norm notices both.
# - Inference needs the largest pair of a chain; a shortcut keeps one more alive.
#
# **Going further**
#
# - T. Chen et al., [*Training deep nets with sublinear memory cost*](https://arxiv.org/abs/1604.06174), 2016. 1,000 layers in 7 GB in place of 48, for
#   30 % more time (abstract).
# - S. Rajbhandari et al., [*ZeRO*](https://arxiv.org/abs/1910.02054), 2019. The account of 16 bytes, and how to share them out.
# - T. Dettmers et al., [*8-bit optimizers via block-wise quantization*](https://arxiv.org/abs/2110.02861), 2021. Blocks, and how it learns.
# - J. Lin et al., [*MCUNet*](https://arxiv.org/abs/2007.10319), 2020. Microcontrollers have two to three orders of magnitude less memory than phones (abstract).
#
# **Project ideas**: checkpoint only the attention, and count; find the batch at which the activations of a network of yours pass its states.
#
# **Credits**: text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* A last question for the way home: "A model of 7 billion parameters, Adam, mixed precision: how many GB before the first activation?" 112.
