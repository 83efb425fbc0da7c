# ---
# jupyter:
#   course:
#     promise: You will quantize a Transformer and an LSTM in one line each, and say what the line saves, and from which width on.
#     minutes: 45
#     seconds: 40
#     needs: [measuring, energy, integers]
#     goals:
#       - Quantize a model dynamically in one line, and compute such a layer by hand.
#       - Measure accuracy, file and speed, against the usual fp32 and against a better one.
#       - Quantize embeddings too, and say what is left in float.
#       - Say what an int8 call from Python costs whatever its width, and from which width on it wins.
#     terms: [cosine, dynamic quantization, eager, packed weights]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *One line of code, a smaller model. Also a faster one?*
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
# *For the lecturer, 1 min.* Ask: "Who has quantized a model with one line? How did you know that it worked?" Keep the answers for the last slide.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy
import pathlib
import statistics
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.int8_routes import networks, packed
from course_utils.int8_routes.record import recorded
from course_utils.measure import energy, ranking, timing
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.dynamic import checks as check

legacy_int8.ignore_deprecations()  # this interface will go, see the box of section 2
card = claims.Scorecard("dynamic")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement
device = runtime.best_device()  # for training; these int8 modules run on the CPU
cpu = torch.device("cpu")
print(f"int8 engine: {torch.backends.quantized.engine}; training on {device.type}, measurements on:")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"} tags=["lecture"]
# ## 1. One line, one large model
#
# The model has the shape of BERT-base ([Devlin et al., 2019](https://arxiv.org/abs/1810.04805)): 12 Transformer layers, 768 wide. Its weights are
# random: its size does not depend on them. It reads a text of 128 tokens.
#
# One line makes its linear layers int8. **Eager** means: operation by operation, as PyTorch runs by default.
#
# **Predict.** How much faster than eager fp32 does it answer? **A** not at all, **B** up to 2 times, **C** more than 2 times.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Vote, then run. If nobody asks "compared with what?", ask it yourself, and promise section 3.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "lecture"]
from torch.ao.quantization import quantize_dynamic

network = networks.bert()
bert, ids = network.model, network.example  # ids: (1, 128)

bert_int8 = quantize_dynamic(bert, {nn.Linear})  # the line

jobs = {"fp32": lambda: bert(ids), "int8": lambda: bert_int8(ids)}
first = timing.compare(jobs, rounds=3, device=cpu)
print(f"{first.ratio('int8'):.1f} times as fast as eager fp32")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: the factor of this processor**, for one line, without training or data. PyTorch's blog post about the line
# calls its own 1.8 ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. One dynamic call
#
# **Dynamic quantization** treats the two factors of a linear layer differently.
#
# | | when | how |
# |---|---|---|
# | weights | once | rounded to int8 with a fixed scale, and **packed**: arranged for the fast kernel |
# | activations | at every call | the range of *this* call gives scale and zero point of a uint8 grid ([[integers]]) |
# | product | at every call | uint8 × int8; the sums go on in 32 bits |
# | result | at every call | converted back, *stored in float* for the next module |
#
# > **Marked box.** `torch.ao.quantization` is *deprecated*: it still works here, and it will go. Its successor is the package torchao ([[torchao]]).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say the line of the first slide again, and read the table from top to bottom. Ask which rows cost time at every call: three. "The range of *this* call": that is the word dynamic.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The scale of one call
#
# The range of a call gives scale and zero point. It always contains 0.
#
# **Predict.** A layer gets an input, then ten times that input. Which changes, the scale or the zero point? And when 2 is added?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room answer in pairs. After the table ask for the last row: all inputs are positive, so the range begins at 0, and so does the grid.


# %% slideshow={"slide_type": "skip"}
def on_the_fly(x, levels=255):
    """Scale and zero point for the range of one call; the range always contains 0."""
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / levels
    return scale, torch.round(-low / scale)


x = torch.randn(5, 64) + 0.5
calls = {"x": x, "10 x": 10 * x, "x + 2": x + 2, "|x|": x.abs()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["input", "lowest", "highest", "scale", "zero point"],
    [
        [name, f"{v.min():.2f}", f"{v.max():.2f}", f"{s:.4f}", int(z)]
        for name, v in calls.items()
        for s, z in [on_the_fly(v)]
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: each call has a scale of its own.** Ten times the input: ten times the scale, the same zero point. Adding 2 moves the zero point and leaves the scale, as long as the range still holds 0.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### By hand, and the same numbers as PyTorch?
#
# Take the int8 weights out of a quantized layer, quantize the input on the fly, multiply integers, convert back.
#
# **Predict.** The input has 8 bits. Does the result equal PyTorch's when its range is cut into 255 steps?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Expect "yes". After the table, on the board: older x86 processors add two neighbouring products in 16 bits, up to 32,767. Two of 255 · 127 are 64,770 and do not fit; two of 127 · 127 are 32,258 and do.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
layer = nn.Sequential(nn.Linear(64, 32)).requires_grad_(False)
layer_int8 = quantize_dynamic(layer)[0]
weight, bias = layer_int8.weight(), layer_int8.bias()  # int8 with one scale, and float


def layer_by_hand(x, levels):
    """The layer's result in integers, with `levels` steps for the range of `x`."""
    scale, zero_point = on_the_fly(x, levels)
    q = (torch.round(x / scale) + zero_point).clamp(0, levels)
    sums = (q - zero_point).int() @ weight.int_repr().int().T  # int32
    return sums * (scale * weight.q_scale()) + bias


gaps = {levels: (layer_by_hand(x, levels) - layer_int8(x)).abs().max().item() for levels in (127, 255)}
card.record("by-hand", min(gaps.values()) / layer_int8(x).abs().max().item())

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(["steps for the input", "largest difference"], [[n, f"{gap:.1e}"] for n, gap in gaps.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: one of the two agrees up to the rounding of floats.** With the engine `x86` it is 127: PyTorch uses *7 bits* of the input there.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why 7? Older x86 processors add two neighbouring products in 16 bits. $2 \cdot 255 \cdot 127 = 64{,}770$ does not fit below
# $2^{15} = 32{,}768$, but $2 \cdot 127 \cdot 127 = 32{,}258$ does. PyTorch calls it `reduce_range`, and its x86 engines keep it on newer processors too. The engine
# (`torch.backends.quantized.engine`, [[observers]]) decides.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### Where does the time of a call go?
#
# One layer of BERT: 128 rows, 768 → 3,072.
#
# **Predict.** What takes longest: the search for the range, the rounding, the rest?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Walk along the wires: 4 bytes a number, 1, and 4 again. Then hands for the three parts. The parts were timed alone; inside the kernel they may share
# work, so take the bar as a rough one. Ask: "What if the layer were 64 wide?" Section 6 answers.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
runs = {"rounds": 25, "sample_seconds": 0.001, "device": cpu}  # short samples: some are undisturbed


def microseconds(jobs):
    """The fastest of 25 samples of each job, in microseconds a call."""
    return {name: 1e6 * min(times) for name, times in timing.compare(jobs, **runs).samples.items()}


def parts_of_a_call(n_rows, n_in, n_out):
    """The whole int8 call, and two of its parts alone."""
    quantized = quantize_dynamic(nn.Sequential(nn.Linear(n_in, n_out)).requires_grad_(False))[0]
    v = torch.randn(n_rows, n_in)
    return microseconds(
        {
            "whole": lambda: quantized(v),
            "range": lambda: torch.aminmax(v),
            "rounding": lambda: torch.quantize_per_tensor(v, 0.05, 64, torch.quint8),
        }
    )


wide_rows, wide_in, wide_out = 128, 768, 3072
wide_call = parts_of_a_call(wide_rows, wide_in, wide_out)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
def one_call(steps):
    canvas, most = diagrams.Canvas(height=270), 4 * wide_rows * wide_out
    wires = {name: diagrams.thickness(n, most, most=14) for name, n in (("in", 4 * wide_rows * wide_in), ("out", most))}
    wires["uint8"] = diagrams.thickness(wide_rows * wide_in, most, most=14)
    names = ["search\nthe range", "round", "× packed\nint8 weights", "to float"]
    boxes = [canvas.box(165 + 245 * i, 10, name, width=160, height=100) for i, name in enumerate(names)]
    ways = [("fp32", "in"), ("fp32", "in"), ("int8", "uint8"), ("plain", "out"), ("fp32", "out")]
    stops = [(40, 60), *(end for box in boxes for end in (box.left, box.right)), (1190, 60)]
    for (kind, width), start, end in zip(ways, stops[::2], stops[1::2], strict=True):
        canvas.wire(start, end, meaning=kind, thick=wires[width])
    for x_at, words in ((90, "fp32"), (612, "uint8"), (857, "int32"), (1120, "fp32")):
        canvas.text(x_at, 132, words)
    told = "Boxes in a row: search the range, round, multiply with packed int8 weights, to float. Thicker wires, more bytes: fp32, uint8, int32, fp32."
    if steps > 1:
        share = {name: min(1.0, wide_call[name] / wide_call["whole"]) for name in ("range", "rounding")}
        ends = (60, 60 + 1080 * share["range"], 60 + 1080 * min(1.0, sum(share.values())), 1140)
        for start, end, key in zip(ends, ends[1:], ("fp32", "int8", "plain"), strict=False):
            canvas.wire((start, 185), (end, 185), meaning=key, thick=40, arrow=False)
        words = f"of the time: range {share['range']:.1%} (orange), rounding {share['rounding']:.1%} (blue), the rest (grey)"
        canvas.text(60, 240, words, align="left")
        told += f" Below it a bar, {words}."
    return canvas.figure(), told


drawn, told = zip(*map(one_call, (1, 2)), strict=True)
plots.show(drawn, alt=told, caption="Thicker wires: more bytes. Parts timed alone, over the whole call.")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer", "lecture"]
# **What you saw: the rest. In this wide layer search and rounding are a small part.**

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Faster than what?
#
# Eager fp32 is how PyTorch runs a model by default. It need not be the fastest: PyTorch holds a second library, oneDNN, which also takes weights **packed** once, as int8's are.
#
# Let fp32 have both, one after the other.
#
# **Predict.** How much of the speed-up is left over the better fp32: all of it, most, or none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. The two rows of oneDNN are each other's control: one has the library alone, one the packing as well. Two questions to put to any published speed-up: over which baseline, and with how many threads? After the table: "Say both whenever you publish one."


# %% slideshow={"slide_type": "skip"}
def library_alone():
    """The twin that packed.pack makes, its weights as they lie in memory: the control."""
    twin = packed.pack(bert, ids.numel())
    for name, module in twin.named_modules():
        if isinstance(module, packed.PackedLinear):
            module.weight = bert.get_submodule(name).weight.detach()
    return twin


def compare_baselines():
    """fp32 in up to three ways, bfloat16 where the processor multiplies it, and int8, in turn."""
    jobs = {"fp32, eager": bert}
    if packed.can_pack():
        jobs |= {"fp32, oneDNN": library_alone(), "fp32, oneDNN packed": packed.pack(bert, ids.numel())}
    if runtime.has_fast_bf16(cpu):
        jobs["bfloat16, eager"] = copy.deepcopy(bert).bfloat16()
    jobs["int8, dynamic"] = bert_int8
    return timing.compare({name: lambda m=m: m(ids) for name, m in jobs.items()}, rounds=5, device=cpu)


baselines = compare_baselines()
best_name = max((n for n in baselines.samples if n.startswith("fp32")), key=baselines.ratio)
card.record("bert-speed", baselines.ratio("int8, dynamic"), baselines.ratio_quartiles("int8, dynamic"))
card.record("bert-over-best-fp32", baselines.ratio("int8, dynamic", over=best_name))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["BERT shape", "× eager fp32", "× best fp32 here"],
    [
        [name, f"{baselines.ratio(name):.2f}", f"{baselines.ratio(name, over=best_name):.2f}"]
        for name in baselines.samples
    ],
    caption="medians of ratios in a round: they do not divide exactly" if packed.can_pack() else packed.NOT_HERE,
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the second column is what is left, and the honest one.** From *oneDNN* to *packed* is what packing adds, if anything; the rest of the gain is the library's. (Where there is a row *bfloat16*, [[formats]]: that needs no quantization at all.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Recorded, and published
#
# Compiled fp32 is a third baseline. It takes a C++ compiler, so the course shows a record, with oneDNN's packed weights in the first row. Which fp32 is
# the best one there? Compare its rows.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the date and the processor first. Ask which fp32 of the record is the best one, and what int8 is over that. The published F1 is cited: a model with random weights has no
# accuracy.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
record, rows = recorded()
kept = {row.variant: row for row in rows if (row.model, row.runtime, row.why) == ("BERT-base shape", "torch", None)}
same = {"fp32, oneDNN packed": "fp32, packed", "int8, dynamic": "int8 dynamic, x86"}  # here, and in the record
ranking.reversed_pairs(  # stops a build whose timings contradict the record
    {same[name]: baselines.ratio(name) for name in same if name in baselines.samples},
    {variant: row.speedup_over_eager for variant, row in kept.items()},
)
shown = ("fp32, packed", "fp32, compiled and frozen", "bf16, compiled and frozen", "int8 dynamic, x86")
Table(
    ["recorded, BERT shape", "× eager fp32", "× torch's best fp32"],
    [
        [name, f"{kept[name].speedup_over_eager:.2f}", f"{kept[name].speedup_over_best_fp32:.2f}"]
        for name in shown
        if name in kept
    ],
    caption=f"{record['date']}, {record['cpu']}, one thread, torch {record['versions']['torch']}",
)

# %% [markdown] slideshow={"slide_type": "-"}
# Published for BERT-base ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/), Xeon-D2191 at 1.6 GHz): 581 ms in fp32, 313 ms in int8. That is 1.86×; the source
# says 1.8×. F1 on GLUE MRPC (do two sentences say the same?): .902 in fp32, .895 in int8. Cited: random weights have no accuracy.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. The large model: bytes
#
# An int8 weight takes one byte where fp32 takes four. The line quantized the linear layers; the *embeddings*, a table with a row for each of 30,522 tokens, stayed float.
#
# **Predict.** By which factor does the whole file shrink? **A** 4.0, **B** 3.5, **C** 2.4.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them estimate: 30,522 rows of 768 numbers of 4 bytes are 94 MB, which do not shrink. What is not touched bounds the gain.


# %% slideshow={"slide_type": "skip"}
def saved_bytes(state):
    """Size of a saved state_dict."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.pt"
        torch.save(state, path)
        return path.stat().st_size


def agreement(model):
    """Cosine of its output with that of fp32."""
    return F.cosine_similarity(expected, model(ids).flatten(), dim=0).item()


expected = bert(ids).flatten()
linear_names = tuple(f"{name}." for name, module in bert.named_modules() if isinstance(module, nn.Linear))
rest = saved_bytes({key: value for key, value in bert.state_dict().items() if not key.startswith(linear_names)})
whole = {"fp32": saved_bytes(bert.state_dict()), "int8": saved_bytes(bert_int8.state_dict())}
linear_bytes = {kind: size - rest for kind, size in whole.items()}
card.record("bert-file", whole["fp32"] / whole["int8"])
card.record("bert-linear-file", linear_bytes["fp32"] / linear_bytes["int8"])
card.record("bert-cosine", agreement(bert_int8))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["on disk", "fp32", "int8", "smaller"],
    [
        ["embeddings, norms", si(rest, "B"), si(rest, "B"), "1.00×"],
        [
            "linear layers",
            *(si(n, "B") for n in linear_bytes.values()),
            f"{linear_bytes['fp32'] / linear_bytes['int8']:.2f}×",
        ],
        ["whole file", *(si(n, "B") for n in whole.values()), f"{whole['fp32'] / whole['int8']:.2f}×"],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: C.** The linear layers shrink nearly fourfold. The embeddings are now more than half of the file.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The embeddings too
#
# A table is read, not multiplied: each row is stored in 8 bits with a scale of its own, and comes back as floats. One more line does it.
#
# **Predict.** The file of fp32, over this one: **A** 2.7, **B** 3.3, **C** nearly 4? And does the output get much worse?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for the size, then for the output. The **cosine** is a usual measure of agreement: 1 means the same direction. Say that another dtype is needed, `quint8`, for the older
# interface stores tables unsigned. Random weights again: what a trained table loses has to be measured on its task.

# %% slideshow={"slide_type": "-"} tags=["legacy"]
bert_small = quantize_dynamic(bert_int8, {nn.Embedding}, dtype=torch.quint8)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
sizes = whole | {"embeddings too": saved_bytes(bert_small.state_dict())}
cosines = {"fp32": 1.0, "int8": agreement(bert_int8), "embeddings too": agreement(bert_small)}
card.record("embeddings-file", sizes["fp32"] / sizes["embeddings too"])
card.record("embeddings-cosine", cosines["embeddings too"])
tables = {"fp32": rest, "int8": rest, "embeddings too": sizes["embeddings too"] - linear_bytes["int8"]}
fig, ax = plots.figure(size=(12, 2.1))
for row, (name, size) in enumerate(sizes.items()):
    in_linear = linear_bytes.get(name, linear_bytes["int8"])
    colours = plots.COLOURS["orange" if name == "fp32" else "blue"], plots.COLOURS["blue" if row == 2 else "orange"]
    ax.barh(row, in_linear / 1e6, color=colours[0], edgecolor="white")
    ax.barh(row, tables[name] / 1e6, left=in_linear / 1e6, color=colours[1], edgecolor="white", hatch="//")
    words = f"{si(size, 'B')}, {sizes['fp32'] / size:.2f}× smaller, cosine {cosines[name]:.4f}"
    ax.text((size + 0.01 * sizes["fp32"]) / 1e6, row, words, va="center")
ax.grid(visible=False)  # no line behind the words
ax.set(xticks=[], yticks=range(3), yticklabels=list(sizes), xlim=(0, 1.75e-6 * sizes["fp32"]))
ax.invert_yaxis()
plots.show(
    fig,
    alt="Three bars, each of linear layers and embeddings: "
    + "; ".join(
        f"{name} {si(size, 'B')}, of it {si(tables[name], 'B')} embeddings, cosine {cosines[name]:.4f}"
        for name, size in sizes.items()
    ),
    caption="Orange fp32, blue 8 bits; hatched: embeddings and norms.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file is close to four times smaller (C), and the output of this network, which has random weights, hardly changes.** (The *cosine* of two outputs is 1 where both point the same way.) To the factor of four, scales, zero points,
# biases, norms and the file's headers are missing.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. An LSTM, trained here
#
# It reads an image of Fashion-MNIST row by row: 28 steps of 28 pixels (LSTM: [Hochreiter, Schmidhuber, 1997](https://doi.org/10.1162/neco.1997.9.8.1735)). It has 128 units and was
# trained for one pass. Its rival: the same weights stored in float16, computed in fp32.
#
# **Predict.** What do the two do to its accuracy, its file, and its speed for one image?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let them predict three numbers, then show the table. Stop at the last column. Ask for a reason, and write down what comes; the next lesson tests a guess.

# %% slideshow={"slide_type": "skip"}
MEAN, STD = 0.286, 0.353  # of the training images' pixels
images, labels = data.load("fashion_mnist")
test_images, test_labels = data.load("fashion_mnist", "test")
for pixels in (images, test_images):
    pixels.sub_(MEAN).div_(STD)
runtime.seed_all(0)
lstm, half = models.LSTMClassifier(), len(images) // 2
training.fit(lstm, images[:half], labels[:half], lr=4e-3, device=device)
training.fit(lstm, images[half:], labels[half:], lr=1e-3, device=device)
lstm = lstm.cpu().eval().requires_grad_(False)


def reload(state, into, loads=5):
    """Save `state`, load it into the model `into`; (bytes of the file, median ms until it stands there)."""
    with tempfile.TemporaryDirectory() as folder:
        path, taken_ms = pathlib.Path(folder) / "model.pt", []
        torch.save(state, path)
        for _ in range(loads):
            start = time.perf_counter()
            # A packed LSTM is not among the types that weights_only=True admits. We wrote this file ourselves.
            into.load_state_dict(torch.load(path, weights_only=False))
            taken_ms.append(1e3 * (time.perf_counter() - start))
        return path.stat().st_size, statistics.median(taken_ms)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
lstm_int8 = quantize_dynamic(lstm)  # without a set: its default knows linear layers, LSTMs and GRUs
in_half = {name: value.half() for name, value in lstm.state_dict().items()}
fresh = {  # other random weights, until the file is loaded
    "fp32": (lstm.state_dict(), models.LSTMClassifier().requires_grad_(False)),
    "float16 file": (in_half, models.LSTMClassifier().requires_grad_(False)),  # fp32 again once it is loaded
    "int8 dynamic": (lstm_int8.state_dict(), quantize_dynamic(models.LSTMClassifier())),
}
files = {kind: reload(*pair) for kind, pair in fresh.items()}
accuracy = {kind: training.evaluate(net, test_images, test_labels, device=cpu) for kind, (_, net) in fresh.items()}
one = test_images[:1]
speed = timing.compare({"fp32": lambda: lstm(one), "int8 dynamic": lambda: lstm_int8(one)}, device=cpu)
card.record("lstm-accuracy", 100 * accuracy["fp32"])
card.record("lstm-drop", 100 * (accuracy["fp32"] - accuracy["int8 dynamic"]))
card.record("lstm-cosine", F.cosine_similarity(lstm(test_images), lstm_int8(test_images), dim=1).mean().item())
card.record("lstm-file", files["fp32"][0] / files["int8 dynamic"][0])
card.record("half-file", files["fp32"][0] / files["float16 file"][0])
card.record("half-drop", 100 * (accuracy["fp32"] - accuracy["float16 file"]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["LSTM, 128 units", "accuracy", "file", "smaller", "speed-up"],
    [
        [
            kind,
            f"{accuracy[kind]:.2%}",
            si(size, "B"),
            f"{files['fp32'][0] / size:.2f}×",
            f"{speed.ratio(kind):.2f}×" if kind in speed.samples else "as fp32",
        ]
        for kind, (size, _) in files.items()
    ],
    caption="accuracy of the reloaded files; speed for 1 image",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the accuracy stays, the file shrinks.** A speed-up below 1 means that int8 is *slower* than the `nn.LSTM` of PyTorch.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How wide must an LSTM be?
#
# Language models with LSTMs had a thousand units and more. Random weights will do: only the time is asked.
#
# **Predict.** At which width does int8 begin to win for one sequence: 128, 256, 512, 1,024?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. The table does not say *why* the narrow one loses: its fp32 may run by another kind of code. That is the next lesson: "We shall count what both run."

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
widening = []
for width in (128, 256, 512, 1024):
    net = models.LSTMClassifier(n_hidden=width).eval().requires_grad_(False)
    small = quantize_dynamic(net)
    jobs = {"fp32": lambda m=net: m(one), "int8": lambda m=small: m(one)}
    least = {name: min(times) for name, times in timing.compare(jobs, rounds=7, device=cpu).samples.items()}
    widening.append((width, 4 * sum(p.numel() for p in net.parameters()), least["fp32"] / least["int8"]))
first = next((f"{width:,} units" for width, _, factor in widening if factor > 1), "none of these widths")
Table(
    ["hidden units", "fp32 weights", "speed-up of int8"],
    [[f"{width:,}", si(size, "B"), f"{factor:.2f}×"] for width, size, factor in widening],
    caption=f"28 steps, fastest of 7; int8 first wins at {first}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: width decides.** The caption says where int8 first won. A wide LSTM reads more weights in each step, and int8 weights are a quarter of the bytes ([[energy]]). That may be part of the reason. It cannot be all, because four times fewer bytes explain at most a factor of 4, and at 1,024 units the table has more; the fp32 routine must lose time in another way as well. Why the
# narrow one is where it is, this table cannot say; [[audit]] counts what runs.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. The fixed price of a call
#
# One linear layer, square, with a single input row, called from Python. The width grows from 8 to 1,024.
#
# **Predict.** From width 8 to 128 the int8 call takes **A** about the same time, **B** 16 times, **C** 256 times as long?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say: "The search for the range grows with the width, the product with its square." Then vote; expect B. Ask where the lines cross, and what that means for a model of many narrow layers. (Left of the crossing each of them is slower in int8.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
widths = [8, 16, 32, 64, 128, 256, 512, 1024]


def call_times(width):
    """Microseconds of one call of a square layer on one row, in fp32 and in int8."""
    square, v = nn.Sequential(nn.Linear(width, width)).requires_grad_(False), torch.randn(1, width)
    small = quantize_dynamic(square)[0]
    return microseconds({"fp32": lambda: square[0](v), "int8": lambda: small(v)})


by_width = [call_times(width) for width in widths]
prices = {name: [row[name] for row in by_width] for name in ("fp32", "int8")}
card.record("call-price", prices["int8"][4] / prices["int8"][0])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.4, 4.2))
for (name, column), colour, style in zip(prices.items(), ("orange", "blue"), ("s-", "o-"), strict=True):
    ax.plot(widths, [us / prices["fp32"][0] for us in column], style, color=plots.COLOURS[colour], label=name)
ax.set(xscale="log", yscale="log", xlabel="width", ylabel="time of a call\n(fp32 at width 8 = 1)")
ax.set_xticks(widths[::2], [str(width) for width in widths[::2]])
ax.set_yticks([1, 3, 10, 30], ["1", "3", "10", "30"])
ax.minorticks_off()
ax.legend()
plots.show(
    fig,
    alt="Time of one call over the width, for fp32 and int8, both axes logarithmic. From width 8 to 128 fp32 goes from 1 to "
    f"{prices['fp32'][4] / prices['fp32'][0]:.1f} and int8 from {prices['int8'][0] / prices['fp32'][0]:.1f} to {prices['int8'][4] / prices['fp32'][0]:.1f}; at "
    f"1,024 fp32 is at {prices['fp32'][-1] / prices['fp32'][0]:.0f}, int8 at {prices['int8'][-1] / prices['fp32'][0]:.0f}.",
    caption="Batch 1, the fastest of 25 samples.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: near A. Python calls have a fixed price.** int8's is higher; wide products outgrow it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What is the fixed price made of?
#
# A *static* int8 operator ([[static]]) of the same library gets its input as integers: it searches no range, and rounds no input. Width 64, one row.
#
# **Predict.** Beside the dynamic operator it takes **A** a tenth of the time, **B** a half, **C** more than that?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect A or B. After the table compare the static operator with the row above it: the same product without the search, but it rounds its result. *Range alone* shows that the search is small. The last two rows are a second control: they call the layer 100 times in one *trace*, a recorded program that runs without Python between the calls: ask where the rest of int8's price went.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
class Chain(nn.Module):
    """The same layer 100 times, one call after the other."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        for _ in range(100):
            x = self.layer(x)
        return x


def in_a_trace(layer, v):
    """100 calls of the layer as one program, with no Python between them; torch.jit is deprecated, too."""
    traced = torch.jit.trace(Chain(layer), v)
    assert torch.equal(traced(v), Chain(layer)(v))
    return traced


# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
square = nn.Sequential(nn.Linear(64, 64)).requires_grad_(False)
square_int8, v = quantize_dynamic(square)[0], torch.randn(1, 64)
chains = [in_a_trace(m, v) for m in (square[0], square_int8)]
integers, weights = torch.quantize_per_tensor(v, 0.05, 64, torch.quint8), square_int8._packed_params._packed_params
narrow = microseconds(
    {
        "fp32 layer": lambda: square[0](v),
        "int8 layer, dynamic": lambda: square_int8(v),
        "its operator alone": lambda: torch.ops.quantized.linear_dynamic(v, weights, True),
        "static operator": lambda: torch.ops.quantized.linear(integers, weights, 0.05, 64),
        "range alone": lambda: torch.aminmax(v),
        "fp32, in a trace": lambda: chains[0](v),
        "int8, in a trace": lambda: chains[1](v),
    }
)
narrow |= {name: us / 100 for name, us in narrow.items() if "trace" in name}  # a trace holds 100 calls
card.record("static-share", narrow["static operator"] / narrow["its operator alone"])
card.record("traced-share", narrow["int8, in a trace"] / narrow["int8 layer, dynamic"])
Table(
    ["width 64, 1 row", "of the layer's call"],
    [[name, f"{us / narrow['int8 layer, dynamic']:.0%}"] for name, us in narrow.items()],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: C, the search is not the price.** In a *trace*, 100 calls with no Python between them, the int8 call costs a small part: most of the price is the way from Python to the operator.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Into the ledger
#
# Energy is an estimate ([[energy]]). An LSTM multiplies each weight of its steps 28 times for an image; we price one fetch of the weights. A
# file in 16 bits that is computed in fp32 saves bytes on disk, not energy.

# %% slideshow={"slide_type": "skip"}
lstm_weights = sum(p.numel() for p in lstm.parameters() if p.dim() > 1)
lstm_macs = 28 * (lstm_weights - lstm.fc.weight.numel()) + lstm.fc.weight.numel()


def bill_nj(mac, bits):
    """Arithmetic, and one fetch of the weights from DRAM, in nJ."""
    return (lstm_macs * energy.MAC_PJ[mac] + lstm_weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3


ledger.table(
    [
        ledger.record(
            lesson="dynamic",
            task="fashion_mnist",
            model="LSTM",
            technique=kind,
            accuracy=accuracy[kind],
            file_bytes=size,
            load_ms=load_ms,
            speedup=speed.ratio(kind) if kind in speed.samples else 1.0,
            energy_nj=bill_nj("int8, int32 sum", 8) if kind == "int8 dynamic" else bill_nj("fp32", 32),
        )
        for kind, (size, load_ms) in files.items()
    ]
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · A dynamic int8 linear layer
# ★★ · 15 minutes
#
# Write `dynamic_linear`. Quantize the input `x` (batch, n_in), float32, to whole numbers from 0 to 255, with *one* scale and *one* zero
# point for the call, from its lowest and highest value. The range always contains 0. A number is `torch.round(x / scale)` plus the
# zero point, clamped to 0 and 255. Multiply with the int8 weights `w_q` (n_out, n_in), which have the one scale `w_scale` and no zero point. Convert
# back and add `bias` (n_out). No input is all zeros.
#
# `dynamic_linear(x, w_q, w_scale, bias)` → float tensor (batch, n_out)
#
# <details><summary>Hint</summary>
# low = min(0, lowest), high = max(0, highest), scale = (high − low) / 255, zero point = round(−low / scale). A stored number q stands for
# (q − zero point) · scale. int8 times a number up to 255 does not fit into int8: convert both to int32 first.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, on paper: scale, zero point, q, sums, result. To write and run it takes 15. The mistakes to wait for: a range without 0, the zero point not taken off again, a difference of uint8 numbers that wraps round.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def dynamic_linear(x, w_q, w_scale, bias):
    """Linear layer with int8 weights `w_q * w_scale` and an input quantized on the fly.

    >>> x, w_q = torch.tensor([[0.0, 1.0]]), torch.tensor([[2, 3]], dtype=torch.int8)
    >>> dynamic_linear(x, w_q, 0.5, torch.tensor([1.0]))
    tensor([[2.5000]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.dynamic_linear(dynamic_linear)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def dynamic_linear_solution(x, w_q, w_scale, bias):
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    q = (torch.round(x / scale) + zero_point).clamp(0, 255)
    sums = (q - zero_point).int() @ w_q.int().T
    return sums * (scale * w_scale) + bias


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source. Speed depends on the machine: a claim about speed may fail on yours; the table then names what may be the cause.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Dynamic quantization rounds the weights once and the activations at every call; it needs no data and no training.
# - The bytes follow from what was rounded: embeddings take a line of their own.
# - From Python, a call has a fixed price: wide layers pay it back, narrow ones may not. Name the baseline whenever you name the speed-up.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: O. Zafrir et al., *Q8BERT*, 2019, [arXiv:1910.06188](https://arxiv.org/abs/1910.06188), BERT in int8 with its accuracy on many tasks;
# D. Khudia et al., *FBGEMM*, 2021, [arXiv:2101.05615](https://arxiv.org/abs/2101.05615), a library under the x86 engine.
#
# **Project ideas**: a word-level language model with an LSTM, quantized (it needs a text to train on); a *pre-trained* BERT, its embeddings in 8 bits, on a task of GLUE (it needs a download);
# the figure of section 6 on a phone or a small ARM board.
#
# **Credits**: the LSTM and the BERT example follow *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Come back to the answers of the first minute: a smaller file, a shorter time. "Would you have noticed a layer that the line left alone?" That is the next lesson.
