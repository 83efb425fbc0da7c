# ---
# jupyter:
#   course:
#     promise: You will store the weights of a language model in four bits or fewer, and count every byte.
#     minutes: 45
#     seconds: 45
#     needs: [integers, torchao, decoding]
#     goals:
#       - Round weights in groups, and count the bits of a weight with its scales.
#       - Pack codes of 2, 3 and 4 bits into bytes, and weigh the file that was loaded again.
#       - Say what levels that are not evenly spaced can change, and what they cannot.
#     terms: [group of weights, round-to-nearest]
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
# ## 4. Four bits as floats
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
# ## 5. What torchao does with it here
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
# - In groups of 32 this model lost little with 4 bits and much with 2.
# - How to round with less loss, by looking at the inputs of a layer, is the subject of the next lesson.
#
# **Going further.** OCP, *Microscaling formats specification* 1.0, 2023.
#
# **Project ideas**: round embedding and head too; find the best bits and group at 3.5 bits in all.
#
# **Credits**: text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the first question: what goes wrong with four values to choose from? One large weight widens the steps for all that share its grid. The cure of today: groups. Transition: "In the next lesson the rounding looks ahead."
