# ---
# jupyter:
#   course:
#     promise: You will train a small bypass on a frozen low-bit model, and know what to ship and what not to merge.
#     minutes: 45
#     seconds: 40
#     needs: [weight_only, scores, training_memory]
#     goals:
#       - Put a low-rank bypass on a frozen layer, and merge it.
#       - Count what is trained, and what the optimizer keeps for it.
#       - Say what a merge into the codes leaves of an adapter.
#       - Tell a repair from more training, with a twin.
#     terms: [adapter, LoRA, merging, QLoRA]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Two bits a weight have broken something. Must we train every weight to mend it?*
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
# *For the lecturer, 1 min.* Say: "[[weight_only]] went down to two bits, and the model paid for it. Today the low-bit weights stay as they are, and something small beside them learns." Ask: "How many numbers
# would you train: all, a tenth, a hundredth?" Collect, and do not answer.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import language
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range
from lessons.adapters import checks as check

card = claims.Scorecard("adapters")
torch.set_num_threads(1)
learned = language.encode(language.source()[0])  # the text that the model has learned from
unseen = language.encode(language.source(language.HELD_OUT)[0])  # modules that it never saw
short = len(learned) // 20_000  # a short text, as in a smoke run, gets few steps and pieces
STEPS, PIECES, CALIBRATION = min(40, short), min(8, short), min(8, short)
LINEAR = ("qkv", "out", "up", "down")  # of each block; embedding, head and norms stay in float


def places(model):
    """(block, name) of each linear layer in the blocks."""
    return [(block, name) for block in model.blocks for name in LINEAR]


def perplexity(model):
    return language.perplexity(model, unseen, pieces=PIECES)


# A grid for each row, round-to-nearest as in the unit before, with the codes packed as bits. In place of a zero point
# it keeps the lowest value of the row, in fp16: the same idea, but 0 need not be a level.
class LowBits(nn.Module):
    """A linear layer without bias on a grid of `bits` bits; each row has a scale and a lowest value, both fp16."""

    def __init__(self, layer, bits=2):
        super().__init__()
        weight, self.bits = layer.weight.detach(), bits
        self.shape = weight.shape
        low, high = weight.aminmax(dim=1, keepdim=True)
        self.register_buffer("low", low.half())
        self.register_buffer("scale", ((high - low) / (2**bits - 1)).clamp(min=1e-6).half())
        codes = ((weight - self.low.float()) / self.scale.float()).round().clamp(0, 2**bits - 1).byte()
        digits = np.unpackbits(codes.numpy()[..., None], axis=-1)[..., -bits:]
        self.register_buffer("packed", torch.from_numpy(np.packbits(digits)))
        self.register_buffer("weight", self.unpacked(), persistent=False)  # for speed here; not in the file

    def codes(self):
        digits = np.unpackbits(self.packed.numpy())[: self.bits * self.shape.numel()].reshape(-1, self.bits)
        return torch.from_numpy(digits @ 2 ** np.arange(self.bits)[::-1]).view(self.shape).float()

    def unpacked(self):
        return self.codes() * self.scale.float() + self.low.float()

    def forward(self, x):
        return F.linear(x, self.weight)


def on_grid(model, bits=2):
    """A frozen copy whose linear layers in the blocks have few bits."""
    model = copy.deepcopy(model).requires_grad_(False)
    for block, name in places(model):
        setattr(block, name, LowBits(getattr(block, name), bits))
    return model


def checked(layer, rank):
    """The shape of a layer's weight; refuses a rank that it has no room for."""
    if not 0 < rank <= min(layer.weight.shape):
        rows, columns = layer.weight.shape
        raise ValueError(f"a weight of {rows} × {columns} takes a rank from 1 to {min(rows, columns)}, got {rank}")
    return layer.weight.shape


class LoRA(nn.Module):
    def __init__(self, layer, rank=4, alpha=8):
        super().__init__()
        rows, columns = checked(layer, rank)
        self.layer, self.scale = layer, alpha / rank
        self.a = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)


def adapted(model, rank=4, seed=0):
    """A frozen copy with a bypass beside each linear layer of the blocks."""
    torch.manual_seed(seed)
    model = copy.deepcopy(model).requires_grad_(False)
    for block, name in places(model):
        setattr(block, name, LoRA(getattr(block, name), rank, alpha=2 * rank))
    return model


def train(model, lr, seed=0):
    """AdamW on two pieces of the learned text a step, for all that asks for a gradient; the rate rises, then falls to 0."""
    numbers = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(numbers, lr=lr, betas=(0.9, 0.95), weight_decay=0)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 5, 1 - step / STEPS))
    for piece in language.batches(learned, steps=STEPS, length=256, seed=seed):
        loss = F.cross_entropy(model(piece[:, :-1]).flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(numbers, 1.0)
        optimizer.step()
        rate.step()
    optimizer.zero_grad()
    return model


# %% tags=["setup"] slideshow={"slide_type": "skip"}
# What later sections call, in their order: drawings, other ways to train, merging, files, pruning.
def bypass_drawn(lora, count):
    """The layer qkv of the first block: alone, with the bypass, with the counts."""
    rows, columns = lora.layer.shape
    canvas = diagrams.Canvas(height=325)
    x, y = canvas.box(30, 50, "x", width=90, height=80), canvas.box(1080, 50, "y", width=90, height=80)
    frozen = canvas.box(390, 40, f"W: {rows} × {columns}\n2 bits, frozen", width=280, height=100, fill="int8")
    canvas.wire(x.right, frozen.left, meaning="activations", thick=8)
    if not count:
        canvas.wire(frozen.right, y.left, meaning="activations", thick=8)
        return canvas.figure()
    plus = canvas.box(880, 55, "+", width=70, height=70, size=34)
    canvas.wire(frozen.right, plus.left, meaning="activations", thick=8)
    canvas.wire(plus.right, y.left, meaning="activations", thick=8)
    down = canvas.box(230, 190, f"A: {len(lora.a)} × {columns}", width=230, height=80, fill="fp32")
    up = canvas.box(600, 190, f"B: {rows} × {len(lora.a)}", width=230, height=80, fill="fp32")
    canvas.wire((75, 130), (75, 230), meaning="activations", thick=8, arrow=False)
    canvas.wire((75, 230), down.left, meaning="activations", thick=8)
    canvas.wire(down.right, up.left, meaning="activations", thick=3)
    canvas.wire(up.right, (915, 230), meaning="activations", thick=8, arrow=False)
    canvas.wire((915, 230), plus.bottom, meaning="activations", thick=8)
    if count == 2:
        canvas.text(530, 18, f"{rows * columns:,} weights", colour="int8", bold=True)
        numbers = [lora.a.numel(), lora.b.numel()]
        canvas.text(530, 300, f"{numbers[0]:,} + {numbers[1]:,} = {sum(numbers):,} numbers", colour="fp32", bold=True)
    return canvas.figure()


class Scales(nn.Module):
    """A layer on a grid whose codes are fixed, and whose scales are trained: they stand in the file anyway."""

    def __init__(self, layer):
        super().__init__()
        self.register_buffer("codes", layer.codes())
        self.low, self.scale = layer.low.float(), nn.Parameter(layer.scale.float())

    def forward(self, x):
        return F.linear(x, self.codes * self.scale + self.low)


def with_scales(model):
    model = copy.deepcopy(model).requires_grad_(False)
    for block, name in places(model):
        setattr(block, name, Scales(getattr(block, name)))
    return model


def with_norms(model):
    model = copy.deepcopy(model)
    for name, numbers in model.named_parameters():
        numbers.requires_grad_("norm" in name)
    return model


def as_floats(model):
    """The linear layers of the blocks as float layers that can be trained, which begin on the grid."""
    model = copy.deepcopy(model)
    for block, name in places(model):
        weight = getattr(block, name).weight
        float_layer = nn.Linear(*reversed(weight.shape), bias=False)
        float_layer.weight = nn.Parameter(weight.clone())
        setattr(block, name, float_layer)
    return model.requires_grad_(True)


@torch.no_grad()
def best_for_error(base, whole, rank=4):
    """The base with the bypass that comes nearest to what the rounding took away; and the share of it that is left."""
    model, missed, left = adapted(base, rank), 0.0, 0.0
    for (block, name), (origin, _) in zip(places(model), places(whole), strict=True):
        lora = getattr(block, name)
        error = getattr(origin, name).weight - lora.layer.weight
        u, s, v = torch.linalg.svd(error, full_matrices=False)
        lora.a.copy_(v[:rank])
        lora.b.copy_(u[:, :rank] * s[:rank] / lora.scale)
        missed, left = missed + s.square().sum().item(), left + s[rank:].square().sum().item()
    return model, 100 * left / missed


@torch.no_grad()
def merged(layer):
    """The float layer that does what a layer and its bypass do."""
    if not isinstance(layer, LoRA):
        raise ValueError(f"a {type(layer).__name__} has no bypass to merge; was it merged before?")
    single = nn.Linear(*reversed(layer.layer.weight.shape), bias=False)
    single.weight.copy_(layer.layer.weight + layer.scale * layer.b @ layer.a)
    return single


@torch.no_grad()
def into_codes(layer):
    """A layer on the same grid: base and bypass, each weight on the nearest level."""
    target, new = merged(layer).weight, copy.deepcopy(layer.layer)
    codes = ((target - new.low.float()) / new.scale.float()).round().clamp(0, 2**new.bits - 1)
    new.weight = codes * new.scale.float() + new.low.float()
    return new


def all_layers(model, change):
    model = copy.deepcopy(model)
    for block, name in places(model):
        setattr(block, name, change(getattr(block, name)))
    return model


def row_drawn(lora, stage, told):
    """Some weights of one row on their four levels: as they are, with the bypass, rounded again."""
    grid = lora.layer
    low, step = grid.low[0].item(), grid.scale[0].item()
    levels = [low + step * n for n in range(4)]
    old = grid.weight[0, :9].tolist()
    new = merged(lora).weight[0, :9].tolist()
    canvas = diagrams.Canvas(height=360)
    line = diagrams.number_line(
        canvas, low - 0.45 * step, levels[3] + 0.45 * step, y=250, ticks={v: str(n) for n, v in enumerate(levels)}
    )
    for n in range(3):
        canvas.axes.plot(
            [line.place(low + (n + 0.5) * step)] * 2, [60, 250], ":", color=plots.COLOURS["grey"], linewidth=2
        )
    for row, (start, end) in enumerate(zip(old, new, strict=True)):
        high = 70 + 18 * row
        end = min(levels, key=lambda level: abs(level - end)) if stage == 2 else end
        canvas.axes.plot(line.place(start), high, "o", color=plots.COLOURS["blue"], markersize=9, zorder=5)
        if stage:
            canvas.axes.plot(
                [line.place(start), line.place(end)], [high] * 2, color=plots.COLOURS["orange"], linewidth=4
            )
            canvas.axes.plot(line.place(end), high, "D", color=plots.COLOURS["orange"], markersize=6, zorder=6)
    canvas.text(
        600, 25, ("nine weights on their levels", "base + bypass", "rounded to the codes again")[stage], size=26
    )
    canvas.text(600, 335, "dotted: half-way between two codes" if stage < 2 else told)
    return canvas.figure()


def load_adapter(model, numbers):
    """Copy the numbers of an adapter's file into the bypasses of a model; refuses other names or shapes."""
    own = {name: p for name, p in model.named_parameters() if name.endswith((".a", ".b"))}
    if own.keys() != numbers.keys():
        raise ValueError("this adapter belongs to other layers than those that have a bypass here")
    for name, p in own.items():
        if p.shape != numbers[name].shape:
            there, here = (" × ".join(map(str, shape)) for shape in (numbers[name].shape, p.shape))
            raise ValueError(
                f"{name} is {there} in this adapter, and {here} in the model: another layer or another rank"
            )
    for name, p in own.items():  # nothing is copied before all fit
        p.data.copy_(numbers[name])


def load_base(path, bits):
    """A low-bit model from its file: packed codes, scales, and what stayed in float."""
    model = on_grid(language.CharTransformer(), bits)
    model.load_state_dict(torch.load(path, weights_only=True))
    for block, name in places(model):
        layer = getattr(block, name)
        layer.weight = layer.unpacked()
    return model


def half(scores):
    """A mask of the larger half of all scores."""
    order = scores.flatten().argsort(descending=True)
    return torch.zeros(scores.numel()).index_fill(0, order[: scores.numel() // 2], 1).view_as(scores)


def half_of_rows(scores):
    order = scores.argsort(dim=1, descending=True)
    return torch.zeros_like(scores).scatter(1, order[:, : scores.shape[1] // 2], 1)


def two_of_four(scores):
    """A mask of the two largest of each four neighbours in a row."""
    fours = scores.reshape(-1, 4)
    return torch.zeros_like(fours).scatter(1, fours.topk(2).indices, 1).view_as(scores)


def sparse_gpt(weight, inputs, choose, block):
    """Shown in the unit on scores: each `block` of columns chooses what goes; what lies behind makes up for it."""
    new, hessian = weight.clone(), inputs.T @ inputs / len(inputs)
    hessian.diagonal().add_(0.01 * hessian.diagonal().mean())
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    diagonal = factor.diagonal()
    rows = factor / diagonal[:, None]  # 1 in column j of row j: what goes becomes exactly 0
    for start in range(0, new.shape[1], block):
        columns = slice(start, start + block)
        goes = 1 - choose((new[:, columns] / diagonal[columns]) ** 2)
        for j, gone in enumerate(goes.T, start):
            new[:, j:].addr_(new[:, j] * gone, rows[j, j:], alpha=-1)
    return new


METHODS = {
    "magnitude, each row": (lambda w, x: w * half_of_rows(w.abs()), lambda w, x: w * two_of_four(w.abs())),
    "Wanda, each row": (
        lambda w, x: w * half_of_rows(w.abs() * x.norm(dim=0)),
        lambda w, x: w * two_of_four(w.abs() * x.norm(dim=0)),
    ),
    "SparseGPT": (lambda w, x: sparse_gpt(w, x, half, 128), lambda w, x: sparse_gpt(w, x, two_of_four, 4)),
}


def inputs_of(block, x):
    """{layer: what it sees, (n, columns)} when the block gets the states x."""
    seen = {}
    hooks = [
        getattr(block, name).register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0]}))
        for name in LINEAR
    ]
    block(x)
    for hook in hooks:
        hook.remove()
    return {name: given.flatten(0, 1) for name, given in seen.items()}


@torch.no_grad()
def pruned(whole, method):
    """The float model with its blocks cut one after the other, each on what the cut ones before it give."""
    model = copy.deepcopy(whole).requires_grad_(False)
    x = model.tokens(language.batches(learned, steps=1, batch_size=CALIBRATION)[0, :, 1:])
    for block in model.blocks:
        for name, inputs in inputs_of(block, x).items():
            weight = getattr(block, name).weight
            weight.copy_(method(weight, inputs))
        x = block(x)
    return model


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Mend it without touching it
#
# The language model of this part: **perplexity** says among how many equally likely characters it hesitates, here on other pieces of text than in [[weight_only]]. Its blocks' 20 linear layers go down to **2 bits**, one grid a row, and are *frozen*: nothing changes.
#
# Beside each layer we train a few new numbers, together 4 % of the weights, for 40 steps on the text that the model knows.
#
# **Predict.** How much of the loss do they win back: **A** next to nothing, **B** about a third, **C** all of it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say: "Each weight has four values left, one grid a row: a scale and a lowest value, which does the work of a zero point. [[weight_only]] showed that groups would do better; here we want something to mend." Vote for A, B or C; A is tempting, for the damage sits in a million weights. The answer is B, a third or somewhat more.
# The share is taken in nats, the logarithms of the perplexities; taken in perplexity it would be a little more. Forty steps are few; nobody has tried here how far it goes. Transition: "What are these few numbers?"

# %% slideshow={"slide_type": "skip"}
SEEDS = range(3)
LORA_RATE = 3e-3
whole = language.trained()
base = on_grid(whole)
mended = [train(adapted(base, seed=seed), LORA_RATE, seed) for seed in SEEDS]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
before, broken = perplexity(whole), perplexity(base)
after = [perplexity(model) for model in mended]


def won_back(value):
    """Percent of the loss, in nats a character, that is won back: 0 for the base, 100 for the float model."""
    return 100 * math.log(broken / value) / math.log(broken / before)


won = [won_back(value) for value in after]
card.record("two-bits-lose", 100 * (broken / before - 1))
card.record("adapter-wins-back", min(won))
Table(
    ["", "perplexity", "won back, %"],
    [
        ["float", f"{before:.2f}", ""],
        ["2 bits, frozen", f"{broken:.2f}", "0"],
        ["2 bits, with the bypass", mean_and_range(after, "{:.2f}"), mean_and_range(won, "{:.0f}")],
    ],
    caption=f"{PIECES} unseen pieces of 512 characters; mean (least to most) of three seeds. Won back: of the nats lost.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** A third of the loss or more comes back here, with each of three seeds, and no frozen weight has moved. The rest stays lost after these 40 steps; whether more steps would win more was not tried here.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. The bypass
#
# **LoRA** ([Hu et al., 2021](https://arxiv.org/abs/2106.09685)): the layer stays, and a *bypass* is added, first down to $r$ numbers (its *rank*), then up again:
#
# $$y = W x + \frac{\alpha}{r}\, B A\, x$$
#
# **Predict.** $W$ has 384 × 128 weights, $r = 4$. How many numbers have $A$ and $B$ together?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First frame: a layer as we know it, in two bits. Second: the detour. Let the room count before the last frame: A is 4 by 128, B is 384 by 4, together 2,048. Say: "Down to four numbers, and up again: whatever it adds has rank 4 at most." With a low-bit base
# below it, that is the idea of QLoRA (4 bits there). Ask: "Why alpha over r?" The paper (section 4.1): it helps to reduce the need to tune again for another rank. Here alpha is 2 r, so the factor is 2 always.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
plots.show(
    [bypass_drawn(mended[0].blocks[0].qkv, count) for count in range(3)],
    alt=[
        "The input x goes through a box with the frozen weight W in two bits, to the output y.",
        "The input x goes two ways: through the frozen W, and below it through a box A, then a box B; both ways meet at a plus before y.",
        "The same drawing with the counts: W has 49,152 weights, A and B together 2,048 numbers.",
    ],
    caption="One of the 20 layers; α/r is not drawn. Blue boxes: frozen; orange: trained.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** $A$ and $B$ together have $r \cdot (rows + columns)$ numbers, a twenty-fourth of this $W$. On a low-bit base it is the idea of **QLoRA** ([Dettmers et al., 2023](https://arxiv.org/abs/2305.14314), with 4 bits).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### One layer, in code
#
# `LoRA` (setup) takes a linear layer of *any* bits. $A$ begins at random, $B$ as zeros.
#
# **Predict.** By how much does the bypass change the output before training? Which of $A$ and $B$ gets a gradient?

# %% slideshow={"slide_type": "-"}
frozen = base.blocks[0].qkv
with_bypass = LoRA(frozen, rank=4, alpha=8)
x = torch.randn(5, frozen.weight.shape[1])
plain, y = frozen(x), with_bypass(x)
trained = mended[0].blocks[0].qkv  # its base is `frozen`, its alpha 8
by_hand = plain + 8 / 4 * (x @ trained.a.T) @ trained.b.T
y.square().mean().backward()
gradient = {name: p.grad.norm().item() for name, p in with_bypass.named_parameters()}

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The class stands in the setup of the notebook; its last line is `by_hand`. Read that from left to right: "First A, then B; nobody builds the matrix B A." It uses a trained bypass, for with B = 0 any line would be right; the last row of the table, 0, says that it is what the class does. The other lines ask a new bypass. Two votes. The answer: the output does not change at all, and only B gets a gradient in the first step, for A is multiplied by B, which is zero. Ask:
# "And if both began as zeros?" Then neither would get a gradient. "And if neither did?" Then the first output would be another one than the base's.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
changed = (y - plain).abs().max().item()
card.record("starts-as-the-base", changed)
Table(
    ["", ""],
    [
        ["at the start, change of the output", f"{changed:g}"],
        ["at the start, gradient of A", f"{gradient['a']:g}"],
        ["at the start, gradient of B", f"{gradient['b']:.2g}"],
        ["trained, difference to by_hand", f"{(trained(x) - by_hand).abs().max():.0g}"],
    ],
    caption="The first layer of the base, random inputs.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** The first output is *exactly* that of the base: $B = 0$. $A$ is multiplied by that $B$, so its gradient is 0 in the first step; from the second one on it learns, too.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What is kept for training
#
# [[training_memory]] counted four tenants: weights, **gradients**, **optimizer states**, **saved activations**.
#
# **Predict.** All weights of the float model are trained, or the bypasses alone. Which of the last three become small?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote tenant by tenant. Gradients and states shrink to a twenty-fifth: AdamW keeps two means for each number that it trains, and no number that is frozen has any. The answer that surprises: the activations hardly shrink. Gradients still travel down
# through the frozen layers, and A needs the input of its layer. Together the three shrink by about a third only. Say: "LoRA saves what belongs to the weights. What belongs to the batch stays." Point at the batch: two short pieces; with more, the activations grow alone.


# %% slideshow={"slide_type": "skip"}
def kept(model):
    """Bytes of gradients, optimizer states and saved activations of one training step, counted tensor by tensor."""
    model = copy.deepcopy(model)
    numbers = [p for p in model.parameters() if p.requires_grad]
    optimizer, piece = torch.optim.AdamW(numbers), language.batches(learned, steps=1, length=256)[0]
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers(), piece]}
    alive, sizes = [], {}

    def pack(tensor):
        alive.append(tensor)  # so that no address is used twice
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = F.cross_entropy(model(piece[:, :-1]).flatten(0, 1), piece[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    states = [t for state in optimizer.state.values() for t in state.values()]
    return {
        "trained": sum(p.numel() for p in numbers),
        "gradients": sum(p.grad.nbytes for p in numbers),
        "states": sum(t.nbytes for t in states),
        "activations": sum(n for address, n in sizes.items() if address not in own),
    }


bills = {"all weights": kept(copy.deepcopy(whole).requires_grad_(True)), "bypasses": kept(adapted(base))}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
every, few = bills.values()
card.record("trained-share", 100 * few["trained"] / every["trained"])
card.record("states-shrink", every["states"] / few["states"])
card.record("activations-stay", few["activations"] / every["activations"])
MIB = 2**20
canvas = diagrams.Canvas(height=330)
MEANINGS = {"gradients": "gradient", "states": "plain", "activations": "activations"}
for row, (name, parts) in enumerate(bills.items()):
    canvas.text(60, 22 + 120 * row, f"{name}: {parts['trained']:,} numbers trained", align="left", bold=True)
    left = 60
    for part, meaning in MEANINGS.items():
        width = 1040 * parts[part] / max(sum(p[k] for k in MEANINGS) for p in bills.values())
        canvas.box(left, 46 + 120 * row, width=width, height=48, fill=meaning)
        left += width
for column, (part, meaning) in enumerate(MEANINGS.items()):
    canvas.box(60 + 370 * column, 276, width=30, height=30, fill=meaning)
    two = " and ".join(f"{parts[part] / MIB:.2f}" for parts in bills.values())
    canvas.text(102 + 370 * column, 291, f"{part}: {two}", align="left")
plots.show(
    canvas.figure(),
    alt="Two bars to one scale, each of gradients, states and activations. "
    + " ".join(f"{n}: {', '.join(f'{k} {p[k] / MIB:.2f} MiB' for k in MEANINGS)}." for n, p in bills.items()),
    caption="One step of AdamW on two pieces of 256 characters, MiB, counted tensor by tensor; weights not drawn.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Gradients and states shrink with the trained numbers; the saved **activations** hardly. Gradients still pass through the frozen layers, and $A$ needs its layer's input.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Is it the rank? Is it the bypass?
#
# Other numbers could have learned in these 40 steps: the norms; the **scales** of the rows, with all codes fixed; all the weights, as floats. And one bypass needs no training: the best one of rank 4 for the *error* $W - \hat W$, by its singular value decomposition.
#
# **Predict.** Order them: norms, scales, rank 1, rank 4, rank 16, all weights, best for the error.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Let each table write an order. The answers, from the least: the best bypass for the error wins least; norms, scales and rank 1 come next; then rank 4; rank 16 and all weights hardly more, within its three dots. Two lessons. First: the best rank-4 matrix for the rounding error takes
# away less than a tenth of its square, for that error is no low-rank matrix. The trained bypass of the same size wins more, so it is another matrix; probably it moves the outputs that count. Second: 1,408 numbers in the norms do much. Say: "Before you praise the bypass, train something simpler." Say: "The dot beside *three seeds* is only the legend. Rank 4 has three dots, two of them nearly on each other; all else has one seed, and all ranks train at the rate of rank 4. A gap as small as that between the dots tells nothing."


# %% slideshow={"slide_type": "skip"}
by_svd, error_left = best_for_error(base, whole)
WAYS = {  # what is trained, and its rate: near the best of a few tried; ranks: that of rank 4
    "norms": (with_norms(base), 1e-2),
    "scales of the rows": (with_scales(base), 1e-3),
    "rank 1": (adapted(base, 1), LORA_RATE),
    "rank 16": (adapted(base, 16), LORA_RATE),
    "all weights, as floats": (as_floats(base), 3e-4),
}
n_trained = {name: sum(p.numel() for p in model.parameters() if p.requires_grad) for name, (model, _) in WAYS.items()}
raced = {name: perplexity(train(model, rate)) for name, (model, rate) in WAYS.items()}
raced["best for the error"], raced["rank 4"] = perplexity(by_svd), after[0]
n_trained |= {"best for the error": few["trained"], "rank 4": few["trained"]}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
ORDER = ["best for the error", "norms", "scales of the rows", "rank 1", "rank 4", "rank 16", "all weights, as floats"]
fig, ax = plots.figure(size=(10.2, 3.7))
ax.barh(range(len(ORDER)), [won_back(raced[name]) for name in ORDER], color=plots.COLOURS["blue"])
ax.plot(won, [ORDER.index("rank 4")] * len(won), "o", color=plots.COLOURS["orange"])
for row, name in enumerate(ORDER):
    end = max(won) if name == "rank 4" else max(won_back(raced[name]), 0)
    dots = "  (dots: three seeds)" if name == "rank 4" else ""
    ax.text(end + 2, row, f"{n_trained[name]:,}{dots}", va="center", fontsize=17)
ax.set(yticks=range(len(ORDER)), yticklabels=ORDER, xlabel="loss won back, %")
ax.axvline(100, color=plots.COLOURS["grey"], linestyle=":")
ax.invert_yaxis()
plots.show(
    fig,
    alt="A bar for each way, percent of the lost loss that is won back: "
    + "; ".join(f"{name} {won_back(raced[name]):.0f}" for name in ORDER)
    + ".",
    caption=f"Behind each bar the numbers that it spends. Dotted: the float model. Best for the error: {error_left:.0f} % of the squared error is left.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Rank 4 wins more than rank 1, at one rate; rank 16 and even *all* weights hardly more in these 40 steps. Simpler ways do much of it: 1,408 numbers in the norms, or the scales, which stand in the file anyway (cf. PEQA, [Kim et al., 2023](https://arxiv.org/abs/2305.14152)). The best bypass for the *error* itself wins least, and leaves most of it (caption). The trained one is another matrix.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Repaired, or merely trained on?
#
# The bypass has seen 80 pieces more of the text. The float model might have gained as much from them.
#
# A **twin** tells: the *same* bypass, rate, seed and pieces, on the *float* model.
#
# **Predict.** Does the twin gain as much as the low-bit model, less, or nothing?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote: as much, less, nothing? The answer: nothing; here it even lost a little. So the gain above is not what the same 40 steps give anyway. Be fair: this model had 2,400 steps on that text; a base that has not finished learning would gain on both sides, and then the difference is
# what counts. Transition: "The bypass works. Must it stay a bypass?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
twin = train(adapted(whole), LORA_RATE)
twins = {"on 2 bits": (broken, after[0]), "on float": (before, perplexity(twin))}
gains = {name: math.log(old / new) for name, (old, new) in twins.items()}
card.record("twin-gains-less", gains["on 2 bits"] - gains["on float"])
Table(
    ["bypass", "before", "after", "gain, nats"],
    [[name, f"{old:.3f}", f"{new:.3f}", f"{gains[name]:+.3f}"] for name, (old, new) in twins.items()],
    caption="Perplexity before and after 40 steps; one seed.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** The twin gains nothing here. So the gain on 2 bits is a repair of the rounding: the same steps do not give it anyway (one seed, one rate).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Merge, or ship two files?
#
# $W x + \frac{\alpha}{r} B A x$ is one matrix times $x$. **Merging** builds it, $W + \frac{\alpha}{r} B A$, and the bypass is gone: nothing more to compute.
#
# **Predict.** Merged in *float*: does the model change? Merged *into the codes*, each weight back to the nearest of its four levels: what is left of what was won?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes; for the second offer all, half, next to nothing. The answers. Merged in float: nothing changes but the last digits, and the file is as large as before the quantization. Into the codes of the same grid: next to nothing is left of the win, the model is the base again but for a few codes. A new grid for each row, fitted to base and bypass, does not help either; here it even loses a little, the minus 4; why was not taken apart.
# Say: "Training tools warn of this: PEFT says that merging into a 4-bit layer may change what the model generates, due to rounding." Let the room guess why before the next slide.


# %% slideshow={"slide_type": "skip"}
adapter = mended[0]
one_matrix, same_grid = all_layers(adapter, merged), all_layers(adapter, into_codes)
new_grid = all_layers(one_matrix, LowBits)
with torch.no_grad():
    logits, drift = adapter(unseen[None, :512]), one_matrix(unseen[None, :512])
float_error = ((logits - drift).abs().max() / logits.abs().max()).item()
steps_moved, moved = [], []
for block, name in places(adapter):
    lora = getattr(block, name)
    change = (lora.scale * lora.b @ lora.a).detach()
    steps_moved.append((change / lora.layer.scale.float()).flatten().abs())
for (block, name), (old, _) in zip(places(same_grid), places(base), strict=True):
    moved.append((getattr(block, name).weight != getattr(old, name).weight).flatten())
steps_moved, moved = torch.cat(steps_moved), torch.cat(moved)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
MERGES = {"base + bypass": adapter, "merged, float": one_matrix, "merged, same grid": same_grid}
MERGES["merged, new grid"] = new_grid
left_of = {name: perplexity(model) for name, model in MERGES.items()}
card.record("merge-is-exact", float_error)
card.record("codes-lose", won_back(left_of["merged, same grid"]) / won_back(left_of["base + bypass"]))
Table(
    ["", "perplexity", "won back, %"],
    [[name, f"{value:.2f}", round(won_back(value))] for name, value in left_of.items()],
    caption=f"Float: logits differ by {float_error:.0e} of the largest. Codes that move: {moved.sum():,} of {len(moved):,}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** In float the merge is exact up to rounding in the last digits, but the result needs float weights. Into the codes of the same grid next to *nothing* of the win is left, and a new grid does not bring it back. PEFT, at 4 bits: *may get different generations due to rounding errors* ([issue 2321](https://github.com/huggingface/peft/issues/2321)).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where does it go?
#
# A weight on a grid gets another code only if it moves by more than *half a step*.
#
# **Predict.** Over all weights, how large is the typical (median) change by the bypass: **A** one or two hundredths of a step, **B** one or two tenths, **C** nearly half a step?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The first frame is there: all points stand on levels; to change its code a point must pass a dotted line. Vote for A, B or C before you click. Second frame: the orange points are moved. Ask: "Who sees it from the back?" Hardly anybody, and that is the point. Third: all are back. The answer is A, read it off this frame.
# Say: "A million changes, nearly all too small for the grid; together they were a third of the loss."


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
told = f"change of a weight, all layers: median {steps_moved.median():.3f} of a step, largest {steps_moved.max():.2f}"
plots.show(
    [row_drawn(adapter.blocks[0].qkv, stage, told) for stage in range(3)],
    alt=[
        "Nine weights of one row, each exactly on one of four levels of a number line.",
        "The same nine weights, each with a short line to where the bypass moves it.",
        f"The same nine weights after rounding, each back on a level; {told}.",
    ],
    caption="The first nine weights of one row; blue: the base, orange: with the bypass.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. A.** The typical change is one or two hundredths of a step, and hardly any is half a step. So rounding to the codes takes nearly all of them back, though together they had won back a third of the loss.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Two files
#
# So the base ships in codes, and beside it the **adapter**, the numbers of all bypasses. One base can serve many adapters: a task more costs one small file.
#
# **Predict.** The adapter is written in fp16. Which part of both files together is it: a fiftieth, a fifth, a half? And would *3 bits* a weight, without an adapter, be a better use of these bytes?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for the share, then for the third bit. The answers: a fifth; and yes, the third bit is far better here, for 6 % more than both files. Say it plainly: "In a model as small as this one a bypass of rank 4 is expensive: in a square layer of 128 it costs a whole bit a weight." (The adapter: 40,960 numbers of 2 bytes, and what the file says of them.) Its cost in bits a weight falls with the width; the caption has it for a layer of 4,096 by 4,096.
# And the adapter has a use that a third bit has not: one base, many adapters.


# %% slideshow={"slide_type": "skip"}
numbers = {name: p.detach().half() for name, p in adapter.named_parameters() if name.endswith((".a", ".b"))}
three_bits = on_grid(whole, 3)
contents = {"float": whole.state_dict(), "2 bits": base.state_dict(), "adapter": numbers}
contents["3 bits"] = three_bits.state_dict()
with tempfile.TemporaryDirectory() as folder:
    paths = {name: Path(folder) / f"{name}.pt" for name in contents}
    for name, content in contents.items():
        torch.save(content, paths[name])
    n_bytes = {name: path.stat().st_size for name, path in paths.items()}
    shipped = adapted(load_base(paths["2 bits"], 2))
    load_adapter(shipped, torch.load(paths["adapter"], weights_only=True))
    reloaded = {"2 bits + adapter": perplexity(shipped), "3 bits": perplexity(load_base(paths["3 bits"], 3))}
    reloaded["2 bits"] = perplexity(load_base(paths["2 bits"], 2))
n_bytes["2 bits + adapter"] = n_bytes["2 bits"] + n_bytes["adapter"]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
card.record("adapter-reloads", abs(math.log(reloaded["2 bits + adapter"] / after[0])))
wide = {width: 16 * 4 * (width + width) / width**2 for width in (128, 4096)}  # fp16, rank 4
card.record("files-smaller", n_bytes["float"] / n_bytes["2 bits + adapter"])
Table(
    ["file", "bytes", "perplexity"],
    [
        ["float, or merged in float", f"{n_bytes['float']:,}", f"{before:.2f}, or {after[0]:.2f}"],
        *([name, f"{n_bytes[name]:,}", f"{reloaded[name]:.2f}"] for name in ("2 bits", "2 bits + adapter", "3 bits")),
    ],
    caption=f"Few bits: saved, loaded, measured. The adapter alone: {n_bytes['adapter']:,} bytes, {wide[128]:.2f} bits "
    f"a weight of a square layer of 128; of 4,096: {wide[4096]:.3f}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** The adapter is about a fifth of the two files, and survives fp16. For this small model a *third bit* is the better buy: 6 % more bytes, and far nearer to float. In wide layers rank 4 is cheap (caption), its win unmeasured. One base can serve many.


# %% slideshow={"slide_type": "skip"}
# Requests that cannot be met, and what the functions above say to them.
def refused(request):
    try:
        request()
    except ValueError as error:
        return str(error)


other = {name: p[:, :-1] if name.endswith(".a") else p for name, p in numbers.items()}
REQUESTS = {
    "rank 0": lambda: LoRA(frozen, rank=0),
    "rank 200": lambda: LoRA(frozen, rank=200),
    "an adapter for narrower layers": lambda: load_adapter(shipped, other),
    "a model without bypasses": lambda: load_adapter(base, numbers),
    "merging twice": lambda: merged(merged(adapter.blocks[0].qkv)),
}
Table(["request", "what is said"], [[name, refused(request)] for name, request in REQUESTS.items()])

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. And pruning this model?
#
# [[scores]] cut a network for digits. The same three methods on the float language model, without a training step; **half** of the weights in the blocks stay, with or without the pattern **2:4** ([[patterns]]). All but magnitude see 4,096 characters of the learned text.
#
# **Predict.** Which is best here: magnitude, Wanda, or SparseGPT's choice with its repair? Does 2:4 cost more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes. The answers: SparseGPT's choice with its repair is best in both columns, by far in the pattern; magnitude and Wanda lie close together and here even change places; one model does not order them. 2:4 costs more under each rule, least under SparseGPT. Say: "With the digits 2:4
# cost about a point, and the race left 5 % of the weights, and trained after. Here half stays, and nothing is trained." Most models of the papers are thousands of times larger: which of Wanda and magnitude comes first need not be so there.


# %% slideshow={"slide_type": "skip"}
cut = {name: [perplexity(pruned(whole, method)) for method in pair] for name, pair in METHODS.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
card.record("repair-beats-magnitude", math.log(cut["magnitude, each row"][1] / cut["SparseGPT"][1]))
card.record("pattern-costs", min(pair[1] / pair[0] for pair in cut.values()))
Table(
    ["rule", "half, no pattern", "2:4"],
    [
        ["nothing cut", f"{before:.2f}", ""],
        *([name, *(f"{value:.2f}" for value in pair)] for name, pair in cut.items()),
    ],
    caption="Perplexity, no training step; one model.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** SparseGPT's choice, repaired, loses least, by far in the pattern. Magnitude and Wanda lie close; one model does not order them. 2:4 costs more under each rule. For the digits of [[scores]] 2:4 cost about a point; but networks, tasks and measures differ at once.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What this lesson left out
#
# - **Activations in 8 bits.** In large models a few features of the activations are far larger than the rest: LLM.int8() ([Dettmers et al., 2022](https://arxiv.org/abs/2208.07339)) keeps these in 16 bits; SmoothQuant ([Xiao et al., 2022](https://arxiv.org/abs/2211.10438)) moves the trouble into the weights.
# - **A start that knows the error.** LoftQ ([Li et al., 2023](https://arxiv.org/abs/2310.08659)) begins with a bypass like *best for the error*, and trains from there.
# - **DoRA** ([Liu et al., 2024](https://arxiv.org/abs/2402.09353)) trains the size of the weights apart from their direction.
# - **Preference tuning**, for example DPO ([Rafailov et al., 2023](https://arxiv.org/abs/2305.18290)): often with adapters, too; it needs a model that can answer.
#
# **Predict.** What did our 40 steps *not* show, that people use LoRA for?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask the question first, then go to the list. Let the room find it: a *new* task. We trained on the text that the model knows, to mend a rounding error. Say: "Nothing here tells how well an adapter learns something new, or what the model forgets." Show the answer, name one of the four, and whom to read. If somebody asks why LoftQ starts from what won least: it is only the start, and is trained then.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Answer.** A *new* task. Here the text was the old one, and the bypass mended a rounding error.


# %% slideshow={"slide_type": "skip"}
# Into the ledger. Its accuracy is the share of characters that are foretold right, on the same unseen text.
@torch.no_grad()
def foretold(model):
    """Share of the unseen characters to which the model gives the largest logit."""
    pieces = unseen[: PIECES * 513].view(-1, 513)
    hits = [(model(piece[:, :-1]).argmax(-1) == piece[:, 1:]).float().mean() for piece in pieces.split(1)]
    return torch.stack(hits).mean().item()


ROWS = {"fp32, before its adapter": (whole, "float"), "2 bits, one grid a row, before its adapter": (base, "2 bits")}
ROWS["2 bits, one grid a row, with LoRA of rank 4"] = (shipped, "2 bits + adapter")
ledger.table(
    [
        ledger.record(
            lesson="adapters",
            task="python_source",
            model="CharTransformer",
            technique=technique,
            accuracy=foretold(model),
            file_bytes=n_bytes[name],
        )
        for technique, (model, name) in ROWS.items()
    ]
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Merge a bypass
# ★ · 5 minutes
#
# Write `merged_weight`: the one weight that does what `weight` and its bypass do together, $W + \frac{\alpha}{r} B A$, in float. The rank $r$ is the number of rows of `a`. Leave `weight` as it is.
#
# `merged_weight(weight, a, b, alpha)` → the new weight; `weight` is (rows, columns), `a` (rank, columns), `b` (rows, rank)
#
# <details><summary>Hint</summary>
# Only one order of the two matrices gives the shape of the weight, where it is not square.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; the hint stays closed for the first two minutes. The answer: `weight + alpha / len(a) * (b @ a)`. Expect `weight +=`, which changes the argument, and B A without its scale: on a bypass with alpha equal to the rank nobody would notice. Ask: "Which test would have found it?" Any alpha that is not the rank. The other two cards are homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def merged_weight(weight, a, b, alpha):
    """One weight for a layer and its bypass.

    >>> merged_weight(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 1), 2)
    tensor([[0., 0.]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.merged_weight(merged_weight)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def merged_weight_solution(weight, a, b, alpha):
    return weight + alpha / len(a) * (b @ a)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · What is trained
# ★ · 6 minutes
#
# Linear layers with weights of the given shapes, (rows, columns), are frozen; each gets a bypass of the given rank. Write `adapter_bill`: how many numbers are trained, and how many bytes the two moments of AdamW take for them, in float32. (AdamW also keeps a step counter for each tensor: leave these out.)
#
# `adapter_bill(shapes, rank)` → (numbers trained, bytes of both moments)
#
# <details><summary>Hint</summary>
# A has <code>rank</code> rows and as many columns as the weight; B has <code>rank</code> columns and as many rows as the weight.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def adapter_bill(shapes, rank):
    """Numbers trained, and bytes of AdamW's two moments.

    >>> adapter_bill([], 4)
    (0, 0)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.adapter_bill(adapter_bill)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def adapter_bill_solution(shapes, rank):
    trained = sum(rank * (rows + columns) for rows, columns in shapes)
    return trained, 2 * 4 * trained


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Merge into the codes
# ★★ · 8 minutes
#
# A weight is *lowest value + scale × code* (the lowest value does the work of a zero point), with whole codes from 0 to $2^{bits} - 1$. Write `merged_codes`: the codes of the levels nearest to *weight + change*, on the same grid. The tests have no change that ends half-way between two codes.
#
# `merged_codes(codes, scale, change, bits)` → the new codes; `codes` and `change` are tensors of one shape, of one or two dimensions, and stay as they are; `scale` is one positive number
#
# <details><summary>Hint</summary>
# Count the change in steps of the scale. Then two things can happen to code + steps: rounding, and the end of the grid.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def merged_codes(codes, scale, change, bits):
    """The codes nearest to weight + change, on the same grid.

    >>> merged_codes(torch.tensor([0, 1]), 1.0, torch.zeros(2), 2).tolist() == [0, 1]
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.merged_codes(merged_codes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def merged_codes_solution(codes, scale, change, bits):
    return (codes + change / scale).round().clamp(0, 2**bits - 1)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A bypass of low rank beside a frozen layer begins as nothing ($B = 0$), and needs gradients and optimizer states for its own numbers alone. The activations hardly shrank.
# - It can win back a part of what few bits lost. Say against what: a twin on float, the norms, the scales, one bit more.
# - In float a merge is exact up to rounding; codes rounded it away here: then ship it apart.
#
# **Going further**: E. Hu et al., *LoRA*, 2021, [arXiv:2106.09685](https://arxiv.org/abs/2106.09685); T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314); J. Kim et al., *Memory-efficient fine-tuning of compressed large language models via sub-4-bit integer quantization* (PEQA: the scales alone),
# 2023, [arXiv:2305.14152](https://arxiv.org/abs/2305.14152); for section 6 M. Sun et al., *Wanda*, 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695), and E. Frantar and D. Alistarh, *SparseGPT*, 2023, [arXiv:2301.00774](https://arxiv.org/abs/2301.00774).
#
# **Project ideas**: start from *best for the error* and train; train an adapter on your own code, and see what the model forgets; give each layer another rank.
#
# **Credits**: LoRA and its start from $B = 0$ after Hu et al. The repair of section 6 follows the published code of SparseGPT ([github.com/IST-DASLab/sparsegpt](https://github.com/IST-DASLab/sparsegpt)), written anew. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the first question: all, a tenth, a hundredth? Let somebody give the number of this unit, four in a hundred, and what it does not say: a new task. Ask which file they would ship. The answer: for this one model and task, the 3 bits of section 5; for many tasks one base and its adapters; wide layers were not measured.
