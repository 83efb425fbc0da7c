# ---
# jupyter:
#   course:
#     promise: You will store the weights of a language model in four bits or fewer, count every byte, and win back part of the loss.
#     minutes: 45
#     seconds: 45
#     needs: [integers, torchao, scores, decoding]
#     goals:
#       - Round weights in groups, and count the bits of a weight with its scales.
#       - Pack codes of 2, 3 and 4 bits into bytes, and weigh the file that was loaded again.
#       - Let weights that are not rounded yet make up for those that are (GPTQ), or scale channels first (AWQ).
#       - Say when outliers hurt, and when a rotation helps.
#     terms: [AWQ, GPTQ, group of weights, outlier, round-to-nearest]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A model that writes reads its weights for each character. How small can they be?*
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
# *For the lecturer, 1 min.* Say: "In [[decoding]] the weights were most of what had to be moved for each character. Today they shrink, and only they: the states between the layers stay float." Ask what could go wrong
# when a weight has four values to choose from, and keep the answers.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import functools
import importlib
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from course_utils import language, runtime
from course_utils.measure import int8_audit
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range, si
from lessons.weight_only import checks as check

card = claims.Scorecard("weight_only")
torch.set_num_threads(1)
runtime.seed_all(0)

net = language.trained().requires_grad_(False)
WEIGHTS = {name: m.weight for name, m in net.named_modules() if isinstance(m, nn.Linear) and name != "head"}
read, _ = language.source()
read = language.encode(read)  # what the model learned from: calibration looks here
held = language.encode(language.source(language.HELD_OUT)[0])  # modules that it never saw
held = held[: len(held) // 513 * 513].view(-1, 513)
exam = held[::17].flatten()  # every 17th piece: all perplexities of this lesson, but where it says otherwise


def perplexity(model, text=exam):
    return language.perplexity(model, text, pieces=len(text) // 513)


def with_weights(weights, base=net):
    """A copy of the model with other weights in some layers, {name: weight}."""
    model = copy.deepcopy(base)
    for name, weight in weights.items():
        model.get_submodule(name).weight.copy_(weight)
    return model


runtime.describe(torch.device("cpu"))

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. One language model, fewer and fewer bits
#
# The trained model of this part reads Python that it never saw. Each of its five blocks, the *layers* of [[decoding]], has four linear layers: `qkv`, `out`, `up`, `down`. The weights of these 20 go onto evenly spaced levels, $2^b$ for each row; embedding, head (here the last layer) and norms, a fortieth of the weights, stay float, and so does all arithmetic.
#
# Quality is the **perplexity** ([[decoding]], there on other pieces of text): among how many characters the model hesitates.
#
# **Predict.** At which $b$ does it first grow by more than a tenth: **A** 8, **B** 4, **C** 3, **D** 2?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Say: "Nothing is trained again, and one scale and one zero point for each row." The exam is 17 pieces of 512 characters here. Show of hands for A to D. The answer is D; 4 bits cost one hundredth, 3 bits a few. Ask
# what a row has in common that its weights should share a scale: nothing but its output. Transition: "Then let fewer weights share one."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
def by_row(weight, bits):  # each row on 2**bits even levels, from its smallest to its largest weight, 0 among them
    low, high = weight.amin(1, keepdim=True).clamp(max=0), weight.amax(1, keepdim=True).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).half().float()  # 16 bits, as it will be stored
    zero = torch.round(-low / scale).clamp(0, 2**bits - 1)
    codes = (torch.round(weight / scale) + zero).clamp(0, 2**bits - 1)
    return (codes - zero) * scale


float_perplexity = perplexity(net)
by_width = {b: perplexity(with_weights({k: by_row(w, b) for k, w in WEIGHTS.items()})) for b in (8, 4, 3, 2)}
card.record("int8-rows", 100 * (by_width[8] / float_perplexity - 1))
by_bits = [[b, f"{p:.2f}", f"{100 * (p / float_perplexity - 1):.1f}"] for b, p in by_width.items()]
Table(["bits", "perplexity", "more than float, %"], [["float", f"{float_perplexity:.2f}", "–"], *by_bits])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. D.** 8 bits cost nothing that these pieces show, 4 about a hundredth, 3 a few hundredths. 2 bits, four levels for a whole row, cost more than a third. One model, one exam; the lesson goes on with what its bits could do better.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. A scale for each group
#
# Cut each row into **groups** of neighbours; each group gets a scale and a zero point of its own. Weights go to the nearest level: **round-to-nearest**.
#
# `part` has the groups in its last dimension. A scale is kept in 16 bits, a zero point in as many as a weight.


# %% slideshow={"slide_type": "-"}
def grid_of(part, bits):
    low, high = part.amin(-1).clamp(max=0), part.amax(-1).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).clamp(min=1e-6).half().float()
    return scale, torch.round(-low / scale).clamp(0, 2**bits - 1)


def codes_of(part, scale, zero, bits):
    whole = torch.round(part / scale[..., None]) + zero[..., None]
    return whole.clamp(0, 2**bits - 1)


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say: "The affine map of [[integers]]. First function: smallest and largest of each group, the step between levels, and the code on which 0 lands. Second: divide, round, add that code, clamp." Ask: "What happens with groups of 48 in a row of 128?" They do not fit: the function in the notebook refuses, in one sentence.


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One grid or two
#
# A row of 128 weights, of which 64 are shown; 2 bits are four levels.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: 64 weights of one row, one grid for the whole row, 2 bits: four lines to choose from. Ask the room where the levels waste most: the top line, none of these 64 goes there; it is for larger weights in the other half. Second frame: two groups, two grids. Say: "A group has a range of its own, and pays for it
# with a scale." A point above its top line goes to that line: 0 must stay a level. Ask what that costs at 2 bits: 16 for the scale, 2 for the zero point; the next slide shares them out.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
strip = WEIGHTS["blocks.2.up"][0]


def levels_of(values):  # of 2 bits
    scale, zero = (part.item() for part in grid_of(values, 2))
    return [(code - zero) * scale for code in range(4)]


def two_groups(parts, words):
    fig, ax = plots.figure(size=(12, 4.4))
    ax.plot(strip[:64], "o", color=plots.COLOURS["orange"], markersize=7)
    for start, stop, whole in parts:
        for level in levels_of(whole):
            ax.plot([start - 0.5, stop - 0.5], [level, level], color=plots.COLOURS["blue"], linewidth=3, alpha=0.7)
        ax.axvline(stop - 0.5, color=plots.COLOURS["grey"], linewidth=2)
    ax.set(xlabel="weights of one row", ylabel="value", title=words, xlim=(-1, 64), ylim=(-0.28, 0.44))
    return fig


plots.show(
    [
        two_groups([(0, 64, strip)], "one grid for the row of 128, of which 64 are shown"),
        two_groups([(0, 32, strip[:32]), (32, 64, strip[32:64])], "a grid for each group of 32"),
    ],
    alt=[
        "64 weights of a row as points, and four level lines over the whole width.",
        "The same points, cut in the middle; each half has four level lines of its own; 0 is in both.",
    ],
    caption="The first row of a layer `up`: weights (orange) and the levels of 2 bits (blue). 0 is always a level.",
)


# %% slideshow={"slide_type": "skip"}
def quantize(weight, bits, group):
    """(codes, scale, zero) of a weight (rows, columns): a scale and a zero point for each `group` neighbours in a row."""
    if weight.shape[-1] % group:
        raise ValueError(f"groups of {group} do not fit: a row has {weight.shape[-1]} weights; take a divisor of that")
    part = weight.unflatten(-1, (-1, group))
    scale, zero = grid_of(part, bits)
    return codes_of(part, scale, zero, bits).flatten(-2), scale, zero


def to_floats(codes, scale, zero):
    part = codes.unflatten(-1, (scale.shape[-1], -1))
    return ((part - zero[..., None]) * scale[..., None]).flatten(-2)


def group_in(weight, group):
    """None stands for one group a row."""
    return group or weight.shape[1]


def rounded(bits, group, weights=WEIGHTS):
    """Round-to-nearest for all layers."""
    return {name: to_floats(*quantize(w, bits, group_in(w, group))) for name, w in weights.items()}


def bits_a_weight(bits, group):
    """With scales of 16 bits and zero points of `bits`, over all layers."""
    n_groups = sum(w.numel() // group_in(w, group) for w in WEIGHTS.values())
    return bits + n_groups * (16 + bits) / sum(w.numel() for w in WEIGHTS.values())


try:
    quantize(WEIGHTS["blocks.0.qkv"], 4, 48)
except ValueError as error:
    print(error)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does a group cost, and what does it buy?
#
# In groups of 32 a weight of 2 bits takes $2 + (16 + 2)/32 = 2.56$ bits.
#
# **Predict.** Spend bits on *more levels* or on *smaller groups*? 3 bits and one scale a row, against 2 bits in groups of 16: both take about 3.1 bits.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let somebody count the bits of 4 bits in groups of 32 first: 4 + 20/32 = 4.63. Then vote for the two. The answer: 3 bits a row, clearly. Smaller groups pay at 2 bits, most of all the first cut; at 4 bits there is little left to win. Say: "Whoever quotes a model as 4-bit should be asked for the group."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
GROUPS = {None: "one a row", 64: "64", 32: "32", 16: "16"}
plain = {
    (bits, group): perplexity(with_weights(rounded(bits, group)))
    for bits in (4, 3, 2)
    for group in tqdm(GROUPS, desc=f"{bits} bits", file=sys.stdout, leave=False)
}
card.record("four-bits-groups", 100 * (plain[4, 32] / float_perplexity - 1))
card.record("two-bits-rows", plain[2, None] / plain[2, 32])
fig, ax = plots.figure(size=(7, 4.2))
for group, marker in zip(GROUPS, "osD^", strict=True):
    spent = [bits_a_weight(bits, group) for bits in (4, 3, 2)]
    ax.plot(spent, [plain[bits, group] for bits in (4, 3, 2)], marker + "-", label=GROUPS[group])
ax.axhline(float_perplexity, color=plots.COLOURS["grey"], linestyle="--")
ax.set(xlabel="bits a weight, all counted", ylabel="perplexity")
ax.legend(title="group")
told = [f"{b} bits, group {GROUPS[g]}: {bits_a_weight(b, g):.3f} and {p:.2f}" for (b, g), p in plain.items()]
plots.show(
    fig,
    alt="Perplexity over counted bits a weight, a line for each group size. " + "; ".join(told) + ".",
    caption=f"Round-to-nearest at 4, 3 and 2 bits; dashed: float, {float_perplexity:.2f}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The third bit wins:** 3 bits, one grid a row, beat 2 bits in groups of 16. Groups win much at 2 bits, little at 4, which in groups of 32 are within two hundredths of float.

# %% slideshow={"slide_type": "skip"}
# How much of that is luck of the text? Three more sets of pieces of the same modules: perplexities differ, ratios less.
others = [held[first::17].flatten() for first in (4, 8, 12)]
floats = [float_perplexity, *(perplexity(net, text) for text in others)]
by_text = {}
for bits, group in ((4, 32), (2, 32), (2, None)):
    model = with_weights(rounded(bits, group))
    found = [plain[bits, group], *(perplexity(model, text) for text in others)]
    by_text[bits, group] = [one / of_float for one, of_float in zip(found, floats, strict=True)]
Table(
    ["round-to-nearest", "mean (least to most)"],
    [["float: perplexity itself", mean_and_range(floats, "{:.2f}")]]
    + [[f"{b} bits, group {GROUPS[g]}: times float", mean_and_range(r, "{:.3f}")] for (b, g), r in by_text.items()],
    caption="Four sets of 16 pieces or so.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Packed into bytes
#
# Memory and files are counted in bytes. So codes of a few bits are **packed**: their bits stand one after the other, eight of them in a byte.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Read the first byte aloud, lowest bit first: 7 is 1 1 1, 6 is 0 1 1, then 0 0, the first two bits of a 4. Ask which codes lie in two bytes: the third and the sixth. And who unpacks? The kernel, after the bytes have left the memory; here, torch does it once while loading.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
some = quantize(strip[None], 3, 32)[0][0, :8].int()
three = some[:, None] >> torch.arange(3) & 1
canvas = diagrams.Canvas(height=330)
for place, code in enumerate(some.tolist()):
    canvas.text(130 + 132 * place, 30, str(code), colour="int8", size=30, bold=True)
    diagrams.grid(canvas, three[place], 70 + 132 * place, 60, cell=40, meaning="int8")
    canvas.wire((130 + 132 * place, 105), (150 + 114 * place + 57, 195), meaning="plain", thick=2)
packed_bytes = (three.reshape(3, 8) << torch.arange(8)).sum(1).tolist()
for number, value in enumerate(packed_bytes):
    diagrams.grid(canvas, three.reshape(3, 8)[number], 100 + 345 * number, 205, cell=40, meaning="int8")
    canvas.text(260 + 345 * number, 290, f"byte {number}: {value}", size=26)
plots.show(
    canvas.figure(),
    alt=f"Eight codes of three bits, {some.tolist()}, lowest bit first, and below them the same 24 bits as three bytes, {packed_bytes}.",
    caption="The first eight codes of the row above at 3 bits, lowest bit first, and the three bytes that hold them.",
)


# %% slideshow={"slide_type": "skip"}
def pack(codes, bits):
    """Bytes: the bits of all codes, lowest first, one after the other; their number must be a multiple of 8."""
    ones = codes.flatten().to(torch.uint8)[:, None] >> torch.arange(bits) & 1
    return (ones.view(-1, 8) << torch.arange(8)).sum(1).to(torch.uint8)


def unpack(packed, bits):
    ones = packed[:, None] >> torch.arange(8) & 1
    return (ones.view(-1, bits) << torch.arange(bits)).sum(1).float()


def save(quantized, bits, path):
    """A file with one tensor of bytes for each layer, codes, scales and zero points, and the rest in float."""
    state = {name: value for name, value in net.state_dict().items() if name.removesuffix(".weight") not in WEIGHTS}
    for name, (codes, scale, zero) in quantized.items():
        state[name] = torch.cat([pack(codes, bits), scale.half().view(torch.uint8).flatten(), pack(zero, bits)])
    torch.save(state, path)


def load(path, bits, group):
    """The model of such a file; groups of `group` in every row."""
    model, state = copy.deepcopy(net), torch.load(path, weights_only=True)
    for name, weight in WEIGHTS.items():
        n, n_groups = weight.numel(), weight.numel() // group
        codes, scale, zero = state.pop(name).split([n * bits // 8, 2 * n_groups, n_groups * bits // 8])
        scale = scale.clone().view(torch.float16).float().view(len(weight), -1)
        codes, zero = unpack(codes, bits).view(weight.shape), unpack(zero, bits).view(scale.shape)
        state[f"{name}.weight"] = to_floats(codes, scale, zero)
    model.load_state_dict(state)
    return model


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The file
#
# Groups of 32, packed, saved, loaded again, and asked.
#
# **Predict.** The file with 2 bits, against the float file: **A** a sixteenth, **B** about a twelfth, **C** about a tenth? What else is in it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them compute: 2.56 bits of 32 would be a twelfth; then the embedding and the head, still in float. The answer is C. Say: "In a model of this size what you leave alone soon counts." Remind them of [[torchao]], where 2 bits took the file of 8.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
rest_bytes = sum(v.nbytes for k, v in net.state_dict().items() if k.removesuffix(".weight") not in WEIGHTS)
n_rounded = sum(w.numel() for w in WEIGHTS.values())
folder = tempfile.TemporaryDirectory()
files = {}
torch.save(net.state_dict(), Path(folder.name) / "float.pt")
files["float"] = (Path(folder.name) / "float.pt").stat().st_size, 4 * n_rounded + rest_bytes, net, float_perplexity
for bits in (8, 4, 3, 2):
    path = Path(folder.name) / f"{bits}.pt"
    save({name: quantize(w, bits, 32) for name, w in WEIGHTS.items()}, bits, path)
    again = load(path, bits, 32)
    for name, weight in rounded(bits, 32).items():
        assert torch.equal(again.get_submodule(name).weight, weight)
    computed = round(n_rounded * bits_a_weight(bits, 32) / 8) + rest_bytes
    files[f"{bits} bits"] = path.stat().st_size, computed, again, perplexity(again)
folder.cleanup()
card.record("file-as-computed", max(size / computed for size, computed, *_ in files.values()))
card.record("four-bit-file", files["float"][0] / files["4 bits"][0])
Table(
    ["groups of 32", "file", "computed", "× smaller", "perplexity"],
    [
        [name, si(size, "B"), si(computed, "B"), f"{files['float'][0] / size:.1f}", f"{p:.2f}"]
        for name, (size, computed, _, p) in files.items()
    ],
    caption="All but float: loaded again. Computed: with scales, rest. Float: 32 bits; 16 would do.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** The files are as large as computed, up to some kilobytes for names and padding. The loaded weights equal the rounded ones. Embedding, head and norms stay in float here: a fortieth of the weights, and about a quarter of the file at 2 bits.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Rounded weights, and those that make up for them
#
# **GPTQ** ([Frantar et al., 2022](https://arxiv.org/abs/2210.17323)) rounds column by column. What a column loses by it, the columns *behind* it make up for, as far as their inputs go together. It is the repair of [[scores]], with rounding in place of pruning.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Before each click ask: "Which numbers change now?" Blue is rounded and stays; orange is still float and took over; below, in green, what the last step added to it. So: the next column, and all to its right. The last two clicks round two columns each; green is the later one's. Say: "No label, no gradient: it needs the inputs of the layer, on some text." The matrix is that of the inputs' products, H = XᵀX, as in [[scores]].
# Ask for the two ends: what if the products of any two inputs cancel? Then H is diagonal, nothing moves, and it is round-to-nearest. A cell tests that with the identity. And if two inputs are always equal? Then the later column takes over nearly all of the error.


# %% slideshow={"slide_type": "skip"}
def gptq(weight, hessian, bits, group, damp=0.01, watch=id):
    """(codes, scale, zero) like `quantize`; columns to the right make up for the rounding of each column.

    Args:
        weight: (..., rows, columns): several layers of one shape can go through together.
        hessian: (..., columns, columns), products of each layer's inputs on calibration text.
        damp: added to its diagonal, as a share of the mean, so that it can be inverted.
        watch: called after each column with the weights as they are now, transposed, not a copy.
    """
    ridge = damp * hessian.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] * torch.eye(hessian.shape[-1])
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian + ridge))
    factor = torch.linalg.cholesky(inverse, upper=True)  # row j: of the inverse without the columns before j
    left, codes, grids = weight.mT.clone(), [], []  # one column of the weight is one row here
    for start in range(0, weight.shape[-1], group):
        stop, errors = start + group, []
        scale, zero = grid_of(left[..., start:stop, :].mT, bits)  # from weights that took over already
        for j in range(start, stop):
            codes.append(codes_of(left[..., j, :, None], scale, zero, bits)[..., 0])
            now = (codes[-1] - zero) * scale
            errors.append((left[..., j, :] - now) / factor[..., j, j, None])
            left[..., j + 1 : stop, :] -= factor[..., j, j + 1 : stop, None] * errors[-1][..., None, :]
            left[..., j, :] = now
            watch(left)
        left[..., stop:, :] -= factor[..., start:stop, stop:].mT @ torch.stack(errors, -2)  # later groups, all at once
        grids.append((scale, zero))
    return torch.stack(codes, -1), *(torch.stack(part, -1) for part in zip(*grids, strict=True))


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
small = torch.Generator().manual_seed(3)
alike = torch.randn(200, 6, generator=small) + 1.5 * torch.randn(200, 1, generator=small)
states = [torch.randn(3, 6, generator=small)]
gptq(states[0], alike.T @ alike / 200, 2, 6, watch=lambda left: states.append(left.T.clone()))


def after_columns(count):
    """The small layer when the first `count` columns are rounded, and what the last step added."""
    canvas, now, cells = diagrams.Canvas(height=400), states[count], {"cell": 72, "text": "{:.2f}", "size": 24}
    canvas.text(800, 60, f"{count} of 6 columns rounded", align="left", size=26)
    if count:
        diagrams.grid(canvas, now[:, :count], 240, 10, **cells, meaning="int8")
    if count < 6:
        diagrams.grid(canvas, now[:, count:], 250 + 72 * count, 10, **cells)
    if count in range(1, 6):
        added, x = (now - states[count - 1])[:, count:], 250 + 72 * count
        canvas.text(60, 320, "added last", align="left", colour="gradient", size=26)
        diagrams.grid(canvas, added, x, 245, cell=50, text="", meaning="gradient")
        canvas.text(700, 320, f"up to {added.abs().max():.2f}", align="left", colour="gradient", size=26)
    return canvas.figure()


plots.show(
    [after_columns(count) for count in (0, 1, 2, 4, 6)],
    alt=[
        f"3 rows of six weights, {n} of six columns rounded (blue), the others float (orange)." for n in (0, 1, 2, 4, 6)
    ],
    caption="A small layer whose inputs are alike, at 2 bits with one grid a row. Blue is rounded and final.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does it pay?
#
# Calibration: 8 pieces of modules that the model *learned*, three draws. The exam stays the held-out modules. Groups of 32, the same bits for all.
#
# **Predict.** At which width does GPTQ win most over round-to-nearest? And what if it is calibrated on characters drawn at random?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for a width, then for random characters: as good, a part, nothing? The answers: at 2 bits by far, at 4 there is little to win; and a part: the text counts. The control without data, a Hessian that is the identity, gave round-to-nearest to the last bit on one layer, so all that is won comes from the inputs' products. Transition: "GPTQ changes the
# weights after rounding. Can one prepare them before?"


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def seen_by(model, text):
    """For each layer H = XᵀX / n and the mean size of each input channel, on pieces of text (pieces, steps)."""
    found = {}

    def look(name, module, inputs):
        x = inputs[0].flatten(0, -2)
        found[name] = x.T @ x / len(x), x.abs().mean(0)

    hooks = [model.get_submodule(n).register_forward_pre_hook(functools.partial(look, n)) for n in WEIGHTS]
    model(text)
    for hook in hooks:
        hook.remove()
    return found


def compensated(bits, seen, weights=WEIGHTS, group=32):
    new = {}  # the layers of one shape go together
    for kind in {name.split(".")[-1]: None for name in weights}:
        names = [name for name in weights if name.endswith(kind)]
        stack = torch.stack([weights[name] for name in names])
        found = gptq(stack, torch.stack([seen[name][0] for name in names]), bits, group)
        new.update(zip(names, to_floats(*found), strict=True))
    return new


draws = [seen_by(net, language.batches(read, steps=1, batch_size=8, seed=seed)[0, :, :-1]) for seed in range(3)]
by_gptq = {
    bits: [perplexity(with_weights(compensated(bits, seen))) for seen in draws]
    for bits in tqdm((4, 3, 2), desc="GPTQ", file=sys.stdout, leave=False)
}


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def times_float(values):
    return mean_and_range([value / float_perplexity for value in values], "{:.3f}")


babble = torch.randint(96, (8, 512), generator=torch.Generator().manual_seed(0))
by_babble = perplexity(with_weights(compensated(2, seen_by(net, babble))))
name, weight = next(iter(WEIGHTS.items()))
no_data = to_floats(*gptq(weight, torch.eye(weight.shape[1]), 2, 32))
card.record("gptq-without-data", (no_data != rounded(2, 32, {name: weight})[name]).sum().item())
card.record("gptq-never-worse", max(max(by_gptq[bits]) / plain[bits, 32] for bits in by_gptq))
card.record("gptq-two-bits", max(by_gptq[2]) / plain[2, 32])
Table(
    ["groups of 32", *(f"{bits} bits" for bits in by_gptq)],
    [
        ["round-to-nearest", *(times_float([plain[bits, 32]]) for bits in by_gptq)],
        ["GPTQ, three draws", *(times_float(values) for values in by_gptq.values())],
        ["GPTQ, random characters", "–", "–", times_float([by_babble])],
    ],
    caption="Perplexity, times float; mean (least to most).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. At 2 bits:** there GPTQ takes away more than half of what rounding to nearest costs, in all three draws; at 3 bits, too, and at 4 there was little to lose. Random characters win less (one draw): the text counts. Without data (the identity in place of $H$) it was round-to-nearest, weight by weight, on the layer that was tried.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Scale the channels first
#
# A *channel* of a linear layer is one of its inputs, a column of $W$. Where the input is large, rounding its column does more harm. **AWQ** ([Lin et al., 2023](https://arxiv.org/abs/2306.00978)) multiplies such columns by $s$ before the rounding, and the inputs by $1/s$:
#
# $$W x = (W \cdot s)\,(x / s), \qquad s_j = \overline{|x_j|}^{\,\alpha}$$
#
# α is searched, layer by layer, for the least error of the output. The norm before `qkv` and `up` takes $1/s$ for free. The others are only rounded; AWQ's clipping is left out.
#
# **Predict.** On this model: better than round-to-nearest? Than GPTQ?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say: "Float arithmetic does not notice; the rounding does: a column that was multiplied by 2 has about half the error, if it does not set the scale of its group. The 1/s is multiplied into the norm's weight. With α = 0, s is 1: round-to-nearest." Two votes. The answer: a little better than round-to-nearest at best, and behind GPTQ at 3 and 2 bits. Ask what kind of model AWQ is made for: one where a few input channels are far larger than the others. Next section makes one.


# %% slideshow={"slide_type": "skip"}
SHARES = (0, 0.25, 0.5, 0.75, 1)


def awq(weight, hessian, size, bits, group):
    """(weight, α): columns scaled by a power of their input's mean size, rounded, and scaled back."""
    trials = []
    for share in SHARES:
        s = size.clamp(min=1e-4) ** share
        s = s / (s.max() * s.min()).sqrt()
        new = to_floats(*quantize(weight * s, bits, group)) / s
        error = (((new - weight) @ hessian) * (new - weight)).sum().item()
        trials.append((error, share, new))
    _, best, found = min(trials, key=lambda trial: trial[0])
    return found, best


def scaled(bits, seen, weights=WEIGHTS, group=32):
    """AWQ where a norm comes before the layer, the others to nearest; and the α of each."""
    new, chosen = rounded(bits, group, weights), {}
    for name in weights:
        if name.endswith(("qkv", "up")):
            new[name], chosen[name] = awq(weights[name], *seen[name], bits, group)
    return new, chosen


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
by_awq, shares = {}, {}
for bits in (4, 3, 2):
    tries = [scaled(bits, seen) for seen in draws]
    by_awq[bits] = [perplexity(with_weights(new)) for new, _ in tries]
    shares[bits] = [share for _, chosen in tries for share in chosen.values()]
fair = {}  # GPTQ where AWQ works, and nowhere else
for bits in by_awq:
    where_awq = {name: w for name, w in WEIGHTS.items() if name.endswith(("qkv", "up"))}
    new = rounded(bits, 32) | compensated(bits, draws[0], where_awq)
    fair[bits] = perplexity(with_weights(new))
Table(
    ["", *(f"{bits} bits" for bits in by_awq)],
    [
        ["round-to-nearest", *(times_float([plain[bits, 32]]) for bits in by_awq)],
        ["AWQ", *(times_float(values) for values in by_awq.values())],
        ["GPTQ, the same layers", *(times_float([value]) for value in fair.values())],
        ["GPTQ, all layers", *(times_float(values) for values in by_gptq.values())],
        ["AWQ: α, mean", *(f"{sum(some) / len(some):.2f}" for some in shares.values())],
    ],
    caption="Perplexity, times float; groups of 32, three draws (GPTQ, the same layers: one).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Little, on this model.** At 4 bits there is little to win; at 3 and 2 bits AWQ hardly differs from round-to-nearest, and GPTQ is ahead, in the same layers, too. Probably no channel here is large enough to be worth it; section 6 makes such channels.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. Outliers
#
# In large language models a few channels of the activations are far larger than the rest: **outliers** ([Dettmers et al., 2022](https://arxiv.org/abs/2208.07339)). We *plant* four before each `qkv` and `up`: the norm divided by 16, the columns behind it times 16 (*large weights*), or reversed (*large inputs*, as there). Float stays the same.
#
# A **rotation** mixes all channels: $(WQ)(Q^\top x)$, $QQ^\top = 1$; $WQ$ is rounded ([Ashkboos et al., 2024](https://arxiv.org/abs/2404.00456)).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First frame: the largest weight of each input channel as trained. Second: four planted, as large *weights*. Ask what they do to the scale of a group of 32: it grows several times, and the others share few levels. Third: rotated; ask where the four went: into all channels, a little each. Say: "A Hadamard matrix has
# plus and minus ones, so each new channel is a sum and difference of all old ones." The rotation here is one. In QuaRot much of the rotation is folded into the layers around, and one of its aims is to round activations too, which is not done here.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def planted(model, factor=16, n=4, seed=0):
    model, places = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for block in model.blocks:
        for norm, linear in ((block.norm1, block.qkv), (block.norm2, block.up)):
            channels = torch.randperm(len(norm.weight), generator=places)[:n]
            norm.weight[channels] /= factor
            linear.weight[:, channels] *= factor
    return model


def hadamard(n):  # orthogonal, ±1/√n in each entry; n is a power of two
    matrix = torch.ones(1, 1)
    while len(matrix) < n:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix / n**0.5


def turned(bits, weights, group=32):
    """Rotated, rounded to nearest and, to be measured in the same model, turned back in float."""
    new = {}
    for name, w in weights.items():
        q = hadamard(w.shape[1])
        new[name] = to_floats(*quantize(w @ q, bits, group)) @ q.T
    return new


wild = planted(net)
same = [perplexity(planted(net, factor)) / float_perplexity - 1 for factor in (16, 1 / 16)]
card.record("planted-same", max(map(abs, same)))
wild_weights = {name: wild.get_submodule(name).weight for name in WEIGHTS}

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
where = "blocks.2.up"
PANELS = {
    "as trained": WEIGHTS[where],
    "four channels planted": wild_weights[where],
    "planted, then rotated": wild_weights[where] @ hadamard(128),
}
top = 1.1 * wild_weights[where].abs().max().item()
frames = []
for words, w in PANELS.items():
    fig, ax = plots.figure(size=(12, 3.3))
    ax.vlines(range(128), 0, w.abs().amax(0), color=plots.COLOURS["orange"], linewidth=4)
    ax.set(xlabel="input channel", ylabel="largest |weight|", title=words, ylim=(0, top))
    frames.append(fig)
plots.show(
    frames,
    alt=[
        f"128 bars, the largest weight of each input channel, {words}; the largest is {w.abs().max():.2f}."
        for words, w in PANELS.items()
    ],
    caption="The layer `up` of the third block; all three frames have one scale.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Who copes with them?
#
# 4 bits, groups of 32: the model as trained, with four large columns of *weights*, and with four large channels of *inputs*. Perplexity in float: the same for all three.
#
# **Predict.** Round-to-nearest, GPTQ, AWQ, rotated: which suffers most in each planted model? Does a rotation harm the first?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for the worst, then for the best. The answers: worst is round-to-nearest with the large weights; with the large inputs the rotation, closely before round-to-nearest; best is AWQ in both; and no, as trained the rotation does no harm. QuaRot rotates to round the inputs, too; here they stay float. Say: "What we planted is a factor for each channel, and AWQ's scales are such factors: it can take it out again. Real outliers need not have that form."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
CASES = [(net, WEIGHTS, draws[0])]
for model in (wild, planted(net, 1 / 16)):
    weights = {name: model.get_submodule(name).weight for name in WEIGHTS}
    CASES.append((model, weights, seen_by(model, language.batches(read, steps=1, batch_size=8, seed=0)[0, :, :-1])))
WAYS = {
    "round-to-nearest": lambda weights, seen: rounded(4, 32, weights),
    "GPTQ": lambda weights, seen: compensated(4, seen, weights),
    "AWQ": lambda weights, seen: scaled(4, seen, weights)[0],
    "rotated": lambda weights, seen: turned(4, weights),
}
coped = {
    name: [perplexity(with_weights(way(weights, seen), model)) / float_perplexity for model, weights, seen in CASES]
    for name, way in tqdm(WAYS.items(), desc="outliers", file=sys.stdout, leave=False)
}
card.record("outliers-hurt", 100 * (coped["round-to-nearest"][1] - 1))
card.record("rotation-helps", (coped["round-to-nearest"][1] - 1) / (coped["rotated"][1] - 1))
Table(
    ["4 bits, groups of 32", "as trained", "large weights", "large inputs"],
    [[name, *(f"{ratio:.3f}" for ratio in ratios)] for name, ratios in coped.items()],
    caption="Perplexity, times float; one draw of calibration text, one planting.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Large *weights* hurt round-to-nearest most. The rotation, which sees no data, takes more than half of that away, and does no harm to the model as trained. Against large *inputs* it comes last here. AWQ is the best of the four in both planted models; what was planted has the form of its own scales.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 7. Four bits as floats
#
# A code need not stand for evenly spaced levels. E2M1, the element of MXFP4 and NVFP4 ([[torchao]]), is a float of 4 bits; each block has a scale. Which ruler suits these weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* The points are one block of the model's own weights, the same above both lines. Say: "As many bits, other places." Ask where the floats are denser: near 0, where the weights are, too. And what they pay: wide gaps far out. Click: the same in 8 bits, three or two of them for the fraction. MXFP4's scale is a power of two, so the largest weight falls between 4 and 8, and what is above 6 goes to 6. Which ruler suits? Keep the guesses; the next slide measures.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
E2M1 = torch.tensor([-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6])
INT4 = torch.arange(-8.0, 8)
FOUR = [("int4", INT4, 7.5), ("E2M1", E2M1, 6)]
FP8 = {t: torch.arange(256).to(torch.uint8).view(t).float() for t in (torch.float8_e4m3fn, torch.float8_e5m2)}
EIGHT = [(f"fp8, {str(t)[13:17].upper()}", levels, torch.finfo(t).max) for t, levels in FP8.items()]


def over_levels(kinds):
    """The same 32 weights over the levels of two kinds of codes."""
    canvas, block32 = diagrams.Canvas(height=330), WEIGHTS["blocks.2.up"][0, :32]
    for row, (words, levels, outer) in enumerate(kinds):
        marks = (levels[levels.isfinite()].unique() / outer).tolist()
        line = diagrams.number_line(canvas, -1.1, 1.1, y=110 + 160 * row, ticks=dict.fromkeys(marks, "") | {0.0: "0"})
        canvas.text(60, 30 + 160 * row, f"{words}: {len(marks)} levels", align="left")
        for value in (block32 / block32.abs().max()).tolist():
            line.point(value, above=45, meaning="plain")
    return canvas.figure()


plots.show(
    [over_levels(FOUR), over_levels(EIGHT)],
    alt=[
        "Two number lines with 32 weights above each: int4 with evenly spaced marks, E2M1 with marks that are closer around 0.",
        "The same weights over two kinds of fp8: the marks of E4M3 crowd towards 0, those of E5M2 more so, with few far out.",
    ],
    caption="32 neighbouring weights (points), divided by the largest, over the levels of two kinds of codes.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### At equal bits
#
# No zero points, round-to-nearest, scales counted: 4.25, 4.5, or over 8 bits a weight.
#
# **Predict.** At 4.25 bits MXFP4 has blocks of 32 with a scale of 8 bits; int4 with 16-bit scales can afford groups of 64. Who wins? And at 4.5 bits, NVFP4 (blocks of 16) against int4 in groups of 32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two votes. The answer to both: hardly a difference in perplexity. Measured apart, on three other sets of pieces: MXFP4 and int4 at 4.25 bits changed places, and NVFP4 stayed a little ahead of int4 in groups of 32. The third row is int4 with 8-bit scales like NVFP4's: so groups of 32 fit into 4.25 bits. The weights of MXFP4 err most, though. At 8 bits E5M2 errs twice as much as E4M3, with one bit of fraction less, and int8 least. Say: "Simulated: the numbers are rounded here and multiplied in float. What a GPU gains in speed from fp4 is another question, and nothing here measures it."


# %% slideshow={"slide_type": "skip"}
def on_marks(weight, block, marks, scale_of):
    """Each weight on the nearest of the marks times the scale of its block."""
    part = weight.unflatten(1, (-1, block or weight.shape[1]))
    scale = scale_of(part.abs().amax(-1, keepdim=True).clamp(min=1e-12))
    between = (marks[1:] + marks[:-1]) / 2
    return (marks[torch.bucketize(part / scale, between)] * scale).flatten(1)


def power_of_two(top):  # 8 bits; the largest E2M1, 6, is 1.5 · 2²
    return 2 ** (top.log2().floor() - 2)


def in_e4m3(largest):  # 8 bits, and one fp32 a tensor
    def scale_of(top):
        tensor_scale = top.max() / (largest * 448)
        return (top / largest / tensor_scale).to(torch.float8_e4m3fn).float() * tensor_scale

    return scale_of


def in_fp16(largest):
    return lambda top: (top / largest).half().float()


def in_fp8(weight, dtype):
    scale = (weight.abs().amax(1, keepdim=True) / torch.finfo(dtype).max).half().float()
    return (weight / scale).clamp(-torch.finfo(dtype).max, torch.finfo(dtype).max).to(dtype).float() * scale


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
FORMATS = {
    "MXFP4: E2M1, blocks of 32, power of two": (4.25, lambda w: on_marks(w, 32, E2M1, power_of_two)),
    "int4, groups of 64, fp16": (4.25, lambda w: on_marks(w, 64, INT4, in_fp16(7.5))),
    "int4, groups of 32, E4M3": (4.25, lambda w: on_marks(w, 32, INT4, in_e4m3(7.5))),
    "NVFP4: E2M1, blocks of 16, E4M3": (4.5, lambda w: on_marks(w, 16, E2M1, in_e4m3(6))),
    "int4, groups of 32, fp16": (4.5, lambda w: on_marks(w, 32, INT4, in_fp16(7.5))),
    "fp8, E4M3, a scale a row": (8, lambda w: in_fp8(w, torch.float8_e4m3fn)),
    "fp8, E5M2, a scale a row": (8, lambda w: in_fp8(w, torch.float8_e5m2)),
    "int8, a scale a row": (8, lambda w: on_marks(w, None, torch.arange(-128.0, 128), in_fp16(127.5))),
}
formats = {}
for name, (_, grid) in tqdm(FORMATS.items(), desc="formats", file=sys.stdout, leave=False):
    new = {layer: grid(w) for layer, w in WEIGHTS.items()}
    lost = sum((new[k] - w).square().sum() for k, w in WEIGHTS.items()) / sum(
        w.square().sum() for w in WEIGHTS.values()
    )
    formats[name] = 100 * lost.sqrt().item(), perplexity(with_weights(new)) / float_perplexity
card.record("e5m2-over-e4m3", formats["fp8, E5M2, a scale a row"][0] / formats["fp8, E4M3, a scale a row"][0])
Table(
    ["format", "bits", "error, %", "× float"],
    [[name, FORMATS[name][0], f"{error:.2f}", f"{ratio:.4f}"] for name, (error, ratio) in formats.items()],
    caption="Error of the weights (root of the mean square) and perplexity, times float.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. At four bits, hardly a difference:** at equal bits the perplexities are a few thousandths apart. By the error of the weights MXFP4 is last. At 8 bits int8 errs least, and E5M2, with one bit of fraction less, twice as much as E4M3.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 8. What torchao does with it here
#
# torchao ([[torchao]]) has configs for weights alone: int8, 4 bits unpacked, int4 stable, int4 prototype. The audit ([[audit]]) says what each layer computes in.
#
# **Predict.** Which of them run here? In which does a layer multiply in int8? Whose file is as small as ours?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Hands for each of the four, then show. The column "× float" is one piece: rank nobody by it. Two of the four run in float by the audit, the prototype in a kernel that the audit does not know, and the stable int4 ends in an ImportError on this machine; in int8 none that the audit knows. No file is as small as ours. Say: "Weight-only means that products are float: what shrinks is what is read, and a library must have a kernel that reads it packed, or probably nothing is won in time; we measured no time."

# %% slideshow={"slide_type": "skip"}
import torchao.quantization as ao
from torchao.quantization import quantize_
from torchao.quantization.granularity import PerGroup


def prototype_int4():  # imported late: names of prototypes change
    return importlib.import_module("torchao.prototype.quantization.int4").PrototypeInt4WeightOnlyConfig(group_size=32)


CONFIGS = {
    "int8": ao.Int8WeightOnlyConfig,
    "4 bits, unpacked": lambda: ao.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32)),
    "int4, stable": lambda: ao.Int4WeightOnlyConfig(group_size=32),
    "int4, prototype": prototype_int4,
}


few = exam[:513]  # one of these kernels takes its time


def by_torchao(make):
    """(file, perplexity times float, what computes) of a config, or the name of its error."""
    model = copy.deepcopy(net)
    try:
        quantize_(model, make(), filter_fn=lambda module, name: name in WEIGHTS)
        rows = int8_audit.audit(model, exam[None, :64]).rows
        found = perplexity(model, few) / perplexity(net, few)
    except (ImportError, AttributeError, AssertionError, RuntimeError, ValueError, NotImplementedError) as error:
        return type(error).__name__
    with tempfile.TemporaryDirectory() as place:
        torch.save(model.state_dict(), Path(place) / "model.pt")
        size = (Path(place) / "model.pt").stat().st_size
    return size, found, ", ".join(sorted({row.runs_in for row in rows if row.name in WEIGHTS}))


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
theirs = {name: by_torchao(make) for name, make in CONFIGS.items()}
lines = []
for name, found in theirs.items():
    if isinstance(found, str):
        lines.append([name, "–", "–", found])
    else:
        lines.append([name, si(found[0], "B"), f"{found[1]:.3f}", found[2]])
card.record("torchao-int8", 100 * (theirs["int8"][1] - 1))
size, _, ours, _ = files["4 bits"]
Table(
    ["", "file", "× float", "computes in"],
    [*lines, ["ours, 4 bits, 32", si(size, "B"), f"{perplexity(ours, few) / perplexity(net, few):.3f}", "float32"]],
    caption="torchao, the 20 layers; perplexity, times float, of one piece only.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** By the audit int8 and the unpacked 4 bits compute in float; the packed prototype runs a kernel that the audit does not know, and the stable int4 ends in an ImportError here. Unpacked, four bits take the file of eight, or more. Ours is the smallest. Another machine may fill this table otherwise.

# %% slideshow={"slide_type": "skip"}
# Into the ledger: the files of section 3. Its quality is a share of right answers; here of characters foretold first.


@torch.no_grad()
def foretold(model):
    pieces = exam.view(-1, 513)
    return (model(pieces[:, :-1]).argmax(-1) == pieces[:, 1:]).float().mean().item()


rows = [
    ledger.record(
        lesson="weight_only",
        task="python_source",
        model="CharTransformer",
        technique="fp32" if name == "float" else f"weights in {name}, groups of 32, packed",
        accuracy=foretold(model),
        file_bytes=size,
    )
    for name, (size, _, model, _) in files.items()
]
ledger.table(rows)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Groups, symmetric
# ★★ · 8 minutes
#
# Write `in_groups`: the weights after rounding in groups of `group` neighbours *within a row*, without zero points. In each group the scale is $s = \max|w| / 2^{b-1}$ (smaller than that of [[integers]]), the integer of a weight is $w/s$, rounded and clamped to $-2^{b-1} \ldots 2^{b-1} - 1$, and what you return is integer times scale. A group of zeros stays zero, and `weight` as it is. `bits` goes from 2 to 4; `group` divides the row; no $w/s$ lies half-way.
#
# `in_groups(weight, bits, group)` → a float tensor in the shape of `weight`, (rows, columns)
#
# <details><summary>Hint</summary>
# Give the groups a dimension of their own: reshape(-1, group). amax with keepdim=True keeps a place for the scale.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 8. Two mistakes to expect: groups that run down the columns, and a clamp to both 2^(b-1). Ask: "Which weight is clipped?" A positive one within half a step of the largest size; its negative twin is not. The other card is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def in_groups(weight, bits, group):
    """The weights on symmetric grids, one for each `group` neighbours in a row.

    >>> in_groups(torch.zeros(1, 2), 2, 2).abs()
    tensor([[0., 0.]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.in_groups(in_groups)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def in_groups_solution(weight, bits, group):
    part, half = weight.reshape(-1, group), 2 ** (bits - 1)
    scale = part.abs().amax(1, keepdim=True) / half
    whole = torch.round(part / scale).nan_to_num().clamp(-half, half - 1)  # 0 / 0 is no number
    return (whole * scale).reshape(weight.shape)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Every bit counted
# ★ · 6 minutes
#
# Write `stored_bits`: how many bits a weight takes, on average, in a matrix of `rows` × `columns`. Each weight has a code of `bits` bits. Each group of `group` neighbours in a row has a scale of 16 bits and a zero point of `bits` bits; where `group` does not divide the row, the last group of each row is shorter, and pays as much.
#
# `stored_bits(rows, columns, bits, group)` → a number; all are whole numbers, at least 1
#
# <details><summary>Hint</summary>
# Count the groups of one row first, rounded up. All bits of a row, over its columns.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def stored_bits(rows, columns, bits, group):
    """Bits a weight, with scales and zero points.

    >>> stored_bits(128, 128, 4, 32) >= 4
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.stored_bits(stored_bits)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def stored_bits_solution(rows, columns, bits, group):
    n_groups = -(-columns // group)
    return bits + n_groups * (16 + bits) / columns


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Weight-only: what is stored shrinks, the arithmetic stays float. Count scales, zero points and what is left in float before you quote a width.
# - In groups of 32 this model lost little with 4 bits and much with 2; GPTQ, with 8 pieces of text, won back more than half at 2.
# - A few large channels change the order of the methods: try more than one on your model, on text of the kind that it will meet.
#
# **Going further.** E. Frantar et al., *GPTQ*, 2022, [arXiv:2210.17323](https://arxiv.org/abs/2210.17323); J. Lin et al., *AWQ*, 2023, [arXiv:2306.00978](https://arxiv.org/abs/2306.00978); S. Ashkboos et al., *QuaRot*, 2024, [arXiv:2404.00456](https://arxiv.org/abs/2404.00456); T. Dettmers et al., *LLM.int8()*, 2022, [arXiv:2208.07339](https://arxiv.org/abs/2208.07339); OCP, *Microscaling formats specification* 1.0, 2023.
#
# **Project ideas**: round embedding and head too; take the inputs for GPTQ from the layers that are rounded already; find the best bits and group at 3.5 bits in all.
#
# **Credits**: GPTQ, AWQ and QuaRot are by their authors, written anew here. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the first question: what goes wrong with four values to choose from? One large weight widens the steps for all that share its grid. Collect two cures: groups, compensation; for large columns at 4 bits also scales or a rotation. Transition: "And if the loss is still too much: train a little beside the rounded weights. That is the next lesson, [[adapters]]."
