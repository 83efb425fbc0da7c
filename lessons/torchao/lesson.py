# ---
# jupyter:
#   course:
#     promise: You will quantize with today's interface, read what a call really stored and ran, and say what it needs from a machine.
#     minutes: 45
#     seconds: 20
#     needs: [integers, observers, dynamic, static, qat]
#     goals:
#       - Choose layers with a filter, quantize them with a config, and count the bytes that it stores.
#       - Train for a config with fake quantization, and convert.
#       - Export a network as a graph, quantize it there, and count what runs in int8.
#       - Say which formats of 2026 a machine computes with, and which it only stores.
#     terms: [AOTInductor, config, "fp8, e4m3", MXFP4, NVFP4, PT2E, weight-only quantization]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *One call, one config. What did it store, and what ran?*
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
# *For the lecturer, 1 min.* Say: "The ideas of the last lessons stay. The interface has changed, and it promises more than this machine can do. Today we
# check each promise." Go straight on to the vote.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import collections
import copy
import importlib
import io
import math

import torch
from torch import nn

from course_utils import data, runtime, training
from course_utils.measure import int8_audit
from course_utils.scorecard import claims
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.torchao import checks as check

card = claims.Scorecard("torchao")
runtime.seed_all(0)
torch.set_num_threads(1)
runtime.describe(torch.device("cpu"))


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. Two bits a weight
#
# A small CNN for Fashion-MNIST. Nearly all of its weights are in one linear layer, `fc1`. One call of **torchao** rounds them to 8, to 4
# or to 2 bits, with a scale for each group of 32.
#
# Each network is saved.
#
# **Predict.** The file with 2 bits, against the one with 8: **A** about a quarter, **B** about half, **C** the same?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Show of hands; expect A, and B from those who think of the scales. Let the surprise stand, and ask: "How would you have noticed
# without looking at the file?" The accuracy would not tell. Transition: which interface is this?


# %% slideshow={"slide_type": "skip"}
def new_network():
    layers = {"conv1": nn.Conv2d(1, 16, 3, 2, 1), "bn1": nn.BatchNorm2d(16), "relu1": nn.ReLU()}
    layers |= {"conv2": nn.Conv2d(16, 32, 3, 2, 1), "relu2": nn.ReLU(), "flat": nn.Flatten()}
    layers |= {"fc1": nn.Linear(1568, 128), "relu3": nn.ReLU(), "fc2": nn.Linear(128, 10)}
    return nn.Sequential(collections.OrderedDict(layers))


images, labels = data.load("fashion_mnist", n=6000)
test_images, test_labels = data.load("fashion_mnist", "test")
net = new_network()
training.fit(net, images, labels, epochs=2, lr=2e-3, device="cpu")
net = net.eval().requires_grad_(False)


# %% slideshow={"slide_type": "skip"}
import torchao.quantization as ao
from torchao.quantization import quantize_
from torchao.quantization.granularity import PerAxis, PerGroup


def saved(model):
    """Bytes of the model's state in a file."""
    torch.save(model.state_dict(), file := io.BytesIO())
    return file.tell()


def quantized(model, config, chosen=lambda module, name: name == "fc1"):
    """A copy of the model with the chosen layers quantized: quantize_ itself works in place."""
    model = copy.deepcopy(model)
    quantize_(model, config, filter_fn=chosen)
    return model


def few_bits(bits, group=32):
    return ao.IntxWeightOnlyConfig(weight_dtype=getattr(torch, f"int{bits}"), granularity=PerGroup(group))


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
files = {"fp32": saved(net)} | {f"{bits} bits": saved(quantized(net, few_bits(bits))) for bits in (8, 4, 2)}
card.record("two-bits-bytes", files["2 bits"] / files["8 bits"])
Table(["fc1", "file, bytes"], [[name, f"{size:,}"] for name, size in files.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: C.** Here 2 bits take the file of 8. The weights were *rounded* to four values, and stored in a byte each.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Three interfaces
#
# | | `torch.ao.quantization`, eager mode | torchao `quantize_` | torchao PT2E |
# |---|---|---|---|
# | you give | a copy of the model with stubs, fuse lists ([[static]]) | a **config**, and a filter | an exported graph, and a *quantizer* |
# | it replaces | modules | weights, by default of linear layers | places in the graph |
# | fast by | its own kernels | `torch.compile`, or the GPU | `torch.compile`, or another backend |
# | state | deprecated | developed | developed |
#
# The [documentation of PyTorch 2.13](https://docs.pytorch.org/docs/2.13/quantization.html) sends eager mode to `quantize_`, FX graph mode to PT2E,
# and PT2E itself to torchao. It plans the removal for 2.10 "if there are no blockers", or for "the earliest PyTorch version until all the blockers are cleared"; the
# steps are tracked in [pytorch/ao, issue 2259](https://github.com/pytorch/ao/issues/2259). **Vote.** Which of the three is in your code?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask who has code with quantize_dynamic or prepare_fx. Say what a plan is worth: the version named for the removal has passed, and
# the code still runs. Then: "What does the new call touch?"

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. What `quantize_` changes
#
# `quantize_(model, config, filter_fn)` asks `filter_fn(module, name)` of each module. The default takes the linear layers.
#
# **Predict.** Two convolutions, two linear layers, the default filter, and `Int8DynamicActivationInt8WeightConfig`:
#
# 1. How many layers run in int8?
# 2. Of what class is `fc1` then?
# 3. What does a weight of 4 bits hold? (`few_bits(4)` on `fc1`)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Three questions, three votes. The second one matters for those who write audits: the class stays nn.Linear. Ask what a search for
# "quantized modules" would find.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
dynamic = ao.Int8DynamicActivationInt8WeightConfig()
everywhere = copy.deepcopy(net)
quantize_(everywhere, dynamic)  # no filter
rows = int8_audit.audit(everywhere, test_images[:32]).rows
layers = [row for row in rows if row.name in ("conv1", "conv2", "fc1", "fc2")]
card.record("quantize-takes-linear", sum(row.runs_in == "int8" for row in layers))
four = quantized(net, few_bits(4)).fc1.weight
parts = {name: getattr(four, name) for name in four.__tensor_flatten__()[0]}
held = [f"{name}, {str(part.dtype)[6:]}, {' × '.join(map(str, part.shape))}" for name, part in parts.items()]
Table(
    ["layer", "class", "class of its weight", "runs in"],
    [
        [row.name, type(layer).__name__, type(layer.weight).__name__, row.runs_in]
        for row in layers
        for layer in [everywhere.get_submodule(row.name)]
    ],
    caption=f"A weight of 4 bits holds: {'; '.join(held)}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the linear layers, by their weights.** The modules stay; the convolutions were passed over without a word. A weight of 4 bits holds a byte
# each, and a scale and a zero point for each group.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Which configs run here?
#
# Twelve configs, on `fc1`: int8, few bits, two of int4, fp8, MX, NVFP4. To run means: to convert, and to compute an output.
#
# **Predict.** How many of the twelve do *not* run here? And a config that does not fit the layer: does it always say so?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Hands for the number. Read the messages aloud: what does each want? The stable int4 is the config of the README's example, with other
# arguments, and it wants a package. Keep the last row for the end: one config refuses groups of 96, the other leaves the layer as it was.


# %% slideshow={"slide_type": "skip"}
def prototype(module, name, **arguments):
    """A config of torchao's prototypes, imported late: their names change from release to release."""
    return getattr(importlib.import_module(f"torchao.prototype.{module}"), name)(**arguments)


def mxfp4():  # emulated: computed in floats that are rounded as MXFP4 rounds
    how = importlib.import_module("torchao.quantization.quantize_.common").KernelPreference.EMULATED
    four_bits = dict.fromkeys(("activation_dtype", "weight_dtype"), torch.float4_e2m1fn_x2)
    return prototype("mx_formats", "MXDynamicActivationMXWeightConfig", kernel_preference=how, **four_bits)


CONFIGS = {
    "int8 × int8": lambda: dynamic,
    "int8 weights": ao.Int8WeightOnlyConfig,
    "4 bits, unpacked": lambda: few_bits(4),
    "2 bits, unpacked": lambda: few_bits(2),
    "int4, stable": lambda: ao.Int4WeightOnlyConfig(group_size=32),
    "int4, prototype": lambda: prototype("quantization.int4", "PrototypeInt4WeightOnlyConfig", group_size=32),
    "fp8 weights": ao.Float8WeightOnlyConfig,
    "fp8 × fp8": ao.Float8DynamicActivationFloat8WeightConfig,
    "NVFP4 weights": lambda: prototype("mx_formats", "NVFP4WeightOnlyConfig"),
}
IN_BF16 = {  # these take bf16 only
    "MXFP8 × MXFP8": lambda: prototype("mx_formats", "MXDynamicActivationMXWeightConfig"),
    "MXFP4 × MXFP4, emulated": mxfp4,
    "NVFP4 × NVFP4": lambda: prototype("mx_formats", "NVFP4DynamicActivationNVFP4WeightConfig"),
}


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def tried(make, model):
    """(bytes, error of the output, what ran) of a config on fc1, or the message of its refusal."""
    pictures = test_images[:2000].to(model.conv1.weight.dtype)
    try:
        model = quantized(model, make())
        outputs = model(pictures).float()
        ran = next(row for row in int8_audit.audit(model, pictures[:32]).rows if row.name == "fc1").runs_in
    except (ImportError, AttributeError, AssertionError, RuntimeError, ValueError, NotImplementedError) as error:
        words = str(error).splitlines()[0]
        return f"{type(error).__name__}: {words[:75]}{' …' * (len(words) > 75)}"
    return saved(model), ((outputs - expected).norm() / expected.norm()).item(), ran


expected, net_bf16 = net(test_images[:2000]), copy.deepcopy(net).bfloat16()
outcome = {name: tried(make, net) for name, make in CONFIGS.items()}
outcome |= {name: tried(make, net_bf16) for name, make in IN_BF16.items()}
works = {name: found for name, found in outcome.items() if not isinstance(found, str)}
refused = {name: found for name, found in outcome.items() if isinstance(found, str)}
caption = f"{len(refused)} of {len(outcome)} did not run; then groups of 96, which do not divide the 1,568 inputs"
refused["4 bits, groups of 96"] = tried(lambda: few_bits(4, 96), net)
silent = quantized(net, ao.Int4WeightOnlyConfig(group_size=96))  # logged at level INFO, which is hidden by default
refused["int4, stable, groups of 96"] = (
    f"no error, no warning, a line in a hidden log; bytes saved: {files['fp32'] - saved(silent)}"
)
Table(["config", "message"], [[name, words] for name, words in refused.items()], caption=caption)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Four of the twelve do not run in the run on this page, and a config that does not fit the layer does not always say so.**
#
# Three of the four want something that this machine lacks, a package of kernels or a GPU of a certain generation, and say so. The fourth says "Invalid scaling configuration", from which nobody learns what to do. The last two rows are the same request, groups of 96 in a layer with 1,568 inputs, which 96 does not divide. One config refuses with an error. The other leaves the layer in floating point, without an error or a warning: no byte is saved. So look at the file, or run the audit of lesson 3.4, before you say that a model is quantized. On another machine the number of refusals is another one.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What each one stores
#
# **Predict.** Which bar is the shortest? And in how many of them does `fc1` *compute* in int8 here?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask first for the shortest bar. Orange means that weights become floats first. Grey is a kernel that the audit does not
# know, `_weight_int4pack_mm_for_cpu`: it takes float inputs. That packed int4 is a prototype and was renamed between two releases: the lesson imports it late.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
if "int4, prototype" in works:
    card.record("packed-int4-bytes", works["int4, prototype"][0] / works["4 bits, unpacked"][0])
card.record("int8-output-error", 100 * works["int8 × int8"][1])
bars = {"fp32": (files["fp32"], "float32")}
bars |= {f"{name}: {error:.1%}": (size, ran) for name, (size, error, ran) in works.items()}
bars = dict(sorted(bars.items(), key=lambda bar: -bar[1][0]))
colours = {"int8": "int8", "float32": "fp32", "bfloat16": "fp32"}
meaning = {name: colours.get(ran, "plain") for name, (_, ran) in bars.items()}
kilobytes = {name: size / 1000 for name, (size, _) in bars.items()}
canvas = diagrams.Canvas(height=10 + 44 * len(bars))
where = {"x": 580, "y": 8, "width": 470, "height": 33, "gap": 11}
diagrams.bars(canvas, kilobytes, **where, size=31, text="{:.0f} kB", meaning=meaning)
told = [f"{name}: {size:.0f} kB, {bars[name][1]}" for name, size in kilobytes.items()]
plots.show(
    canvas.figure(),
    alt="Bars of the file for each config that ran: " + "; ".join(told),
    caption="Files, and the error of the output. By the audit fc1 computes in float (orange), in int8 (blue), unknown (grey).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: two kinds of files**, a byte for each weight or half of one. By the audit only int8 × int8 computes in int8. The packed int4 errs
# less than the unpacked one. Around MXFP4 the other layers are in bf16, too.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. The formats of 2026
#
# A format with few bits is a ruler with few marks. Three rulers, each scaled so that its outermost mark is at 1 or -1: int4 reaches -8,
# but only 7. Integers are evenly spaced, floats crowd around zero.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask why a float's marks crowd around zero: the distance doubles with each exponent. Ask which ruler suits a layer's weights (a
# hill around 0) and which values spread evenly.


# %% slideshow={"slide_type": "skip"}
def small_floats(exponent_bits, fraction_bits, bias):
    """The values of a small float with these bits: (1 + f / 2^m) · 2^(e - bias), and f / 2^m · 2^(1 - bias) for e = 0."""
    values = set()
    for e in range(2**exponent_bits):
        for f in range(2**fraction_bits):
            fraction = f / 2**fraction_bits + (e > 0)
            values |= {s * fraction * 2.0 ** (max(e, 1) - bias) + 0.0 for s in (-1, 1)}
    return torch.tensor(sorted(values))


e2m1 = small_floats(2, 1, bias=1)
e4m3 = small_floats(4, 3, bias=7)[1:-1]  # the largest code, 480, is "not a number"
torchs = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
card.record("e4m3-as-torch", len(set(torchs[~torchs.isnan()].tolist()) ^ set(e4m3.tolist())))
int4 = torch.arange(-8.0, 8.0)
print("e2m1:", *(f"{value:g}" for value in e2m1.tolist()), "; largest e4m3:", e4m3.max().item())

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
canvas = diagrams.Canvas(height=400)
RULERS = {"int4": int4, "e2m1: 4 bits, the elements of MXFP4 and NVFP4": e2m1, "e4m3: 8 bits, fp8": e4m3}
for row, (name, marks) in enumerate(RULERS.items()):
    ticks = dict.fromkeys((marks / marks.abs().max()).tolist(), "")
    diagrams.number_line(canvas, -1, 1, y=90 + 125 * row, ticks=ticks, meaning="int8" if row == 0 else "fp32")
    canvas.text(60, 48 + 125 * row, name, align="left")
    canvas.text(1140, 48 + 125 * row, f"{len(ticks)} marks", align="right")
plots.show(
    canvas.figure(),
    alt="Three number lines from -1 to 1. int4 has 16 marks at equal distances. e2m1 has 15, their distance doubles twice on the way out. "
    f"e4m3 has {len(e4m3)}, which run together around 0 and have gaps of a fourteenth at the ends.",
    caption="All marks of three formats, computed from their bits.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A scale for each block
#
# Four bits alone are too few; a *block* of neighbours shares a scale.
#
# | | block | scale |
# |---|---|---|
# | MXFP4 | 32 | a power of two, 8 bits |
# | NVFP4 | 16 | e4m3, 8 bits, and one fp32 a tensor |
# | int4, as simulated | 32 | bf16, 16 bits |
#
# **Predict.** How many bits does a weight take in each? Which of the three rounds the weights of `fc1` best?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First the bits, on paper: 4 + 8/32, 4 + 8/16, 4 + 16/32. Then hands for the best. After the table: one layer of one network; say that int4
# and NVFP4 lie within a quarter of a dB here: their order may change with another layer. The two rows between MXFP4 and NVFP4 change one thing each.


# %% slideshow={"slide_type": "skip"}
def to_nearest(x, marks):
    """Each value to the nearest of the sorted marks; beyond the last one, to the last one."""
    between = (marks[1:] + marks[:-1]) / 2
    return marks[torch.bucketize(x, between)]


def in_blocks(weight, block, marks, scale_of):
    blocks = weight.reshape(-1, block)
    scale = scale_of(blocks.abs().amax(1, keepdim=True).clamp(min=1e-12))
    return (to_nearest(blocks / scale, marks) * scale).reshape(weight.shape)


def symmetric(x):  # 8 bits, a scale a row, no zero point
    return in_blocks(x, x.shape[1], torch.arange(-128.0, 128), lambda top: top / 127.5)


def power_of_two(top):  # MX: the largest e2m1, 6, is 1.5 · 2^2; hence the 2
    return 2 ** (top.log2().floor() - 2)


def fp8_scale(top):  # NVFP4: the block's scale in e4m3, itself scaled for the tensor
    tensor_scale = top.max() / (6 * 448)
    return (top / 6 / tensor_scale).to(torch.float8_e4m3fn).float() * tensor_scale


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
w = net.fc1.weight.detach()
SIMULATED = {
    "MXFP4": (4 + 8 / 32, in_blocks(w, 32, e2m1, power_of_two)),
    "MXFP4, but blocks of 16": (4 + 8 / 16, in_blocks(w, 16, e2m1, power_of_two)),
    "MXFP4, but a scale in e4m3": (4 + 8 / 32 + 32 / w.numel(), in_blocks(w, 32, e2m1, fp8_scale)),
    "NVFP4": (4 + 8 / 16 + 32 / w.numel(), in_blocks(w, 16, e2m1, fp8_scale)),
    "int4, groups of 32": (4 + 16 / 32, in_blocks(w, 32, int4, lambda top: (top / 7.5).bfloat16().float())),
    "fp8, a scale a row": (8 + 32 / w.shape[1], in_blocks(w, w.shape[1], e4m3, lambda top: top / 448)),
    "int8, a scale a row": (8 + 32 / w.shape[1], symmetric(w)),
}
decibels = {name: 10 * math.log10(w.square().sum() / (w - q).square().sum()) for name, (_, q) in SIMULATED.items()}
card.record("nvfp4-over-mxfp4", decibels["NVFP4"] - decibels["MXFP4"])
Table(
    ["format", "bits a weight", "signal over error, dB"],
    [[name, f"{bits:.2f}", f"{decibels[name]:.1f}"] for name, (bits, _) in SIMULATED.items()],
    caption="fc1, rounded here in fp32 arithmetic",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Of the three, int4 and NVFP4 are equal within a quarter of a dB, at equal bits; MXFP4 is last, and the smallest. The finer scale
# gains about 1 dB and costs no bits. Smaller blocks alone gain nothing with this power of two, and about half a dB with the finer scale; the quarter of a bit is their price.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Where they run
#
# | format, weights × inputs | torchao names (cited) | this lesson, on a CPU |
# |---|---|---|
# | int8 × int8 | A100, Intel BMG, stable | ran in int8 |
# | int4 × bf16 | A100, Intel BMG, stable | stable: package missing, prototype stored |
# | fp8 × fp8, rows | H100, B200, Intel BMG, stable | refused; weights alone stored |
# | MXFP8, MXFP4 | B200, MI350X, prototype | MXFP8 refused; MXFP4 emulated by torchao, and simulated |
# | NVFP4 × NVFP4 | B200, prototype | refused; weights alone stored, and simulated |
#
# Cited: torchao's [status by dtype and hardware](https://docs.pytorch.org/ao/stable/workflows/index.html), page of February 2026.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask: "Which of these cells were measured?" The middle column is somebody else's page. The right column is of this build of torchao; another machine fills it
# differently, run section 4 there. Ask: "Your phone is in no row. Which row would it be?" The page lists edge devices with 1 to 7 bits.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Training for a config
#
# Quantization-aware training ([[qat]]) is two calls of `quantize_` around your own loop:
#
# `QATConfig(base, step="prepare")`, train, `QATConfig(base, step="convert")`.
#
# **Predict.** `base` is the config that you will ship. Which are taken: 2-bit weights, int8 weights from two
# different configs, int8 × int8?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for each of the four. Expect "all". Then: "Is int8 training impossible?" Another config is taken; for the one that
# computes in int8 there is the long form, on the next slide.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig


def prepared_for(base):
    try:
        quantized(net, QATConfig(base, step="prepare"))
    except (ValueError, NotImplementedError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0].split('Config(')[0][:60]}"
    return "taken"


def apart(one, other):
    """The largest difference of two models' outputs, and the largest output."""
    outputs = other(test_images[:500])
    return f"{(one(test_images[:500]) - outputs).abs().max():.6f} of {outputs.abs().max():.1f}"


by_row = ao.IntxWeightOnlyConfig(weight_dtype=torch.int2, granularity=PerAxis(0))
bases = {
    "2-bit weights": by_row,
    "int8 weights": ao.Int8WeightOnlyConfig(),
    "int8 weights, as Intx": ao.IntxWeightOnlyConfig(weight_dtype=torch.int8, granularity=PerAxis(0)),
    "int8 × int8, dynamic": dynamic,
}
Table(["base", "prepare"], [[name, prepared_for(base)] for name, base in bases.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the short form takes some configs, and not these two.** It goes by the config's class: the Intx config with `torch.int8` is taken.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The long form: say what to fake
#
# Name the fake quantization of inputs and weights, train, then convert to the int8 config.
#
# **Predict.** The trained network and the converted one: the same outputs?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Before the output: "What would have to be equal for equal outputs?" The grids. Point at is_symmetric=False: the converted config rounds its inputs on a
# symmetric grid, and torchao refuses to fake that one. The control puts it in by hand. A small mismatch between training and shipping, visible only to those who compare.

# %% slideshow={"slide_type": "fragment"}
of_inputs = IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False)
of_weights = IntxFakeQuantizeConfig(torch.int8, "per_channel")
fake = QATConfig(activation_config=of_inputs, weight_config=of_weights, step="prepare")
learning = quantized(net, fake).train().requires_grad_(True)
training.fit(learning, images, labels, steps=40, device="cpu", progress=False)
faked = copy.deepcopy(learning.eval())
quantize_(learning, QATConfig(dynamic, step="convert"))
as_trained = apart(faked, learning)
faked.fc1.activation_fake_quantizer.forward = symmetric  # the control
print(f"largest difference {as_trained}; control {apart(faked, learning)}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: near, not equal.** It trained with a zero point for its inputs; the int8 config has none. In the control the inputs' grid is symmetric, put in by hand, and only the rounding of floats is left.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Back to the short form: did the training help?
#
# `fc1` with 2 bits, one scale a row.
#
# **Predict.** Rounded at once; trained on in float and then rounded; trained with `QATConfig`. Which is best? Is one of them better than fp32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Hands for the best. After the table: "Do 2 bits beat fp32?" The second row answers: the same training without rounding gains
# too. The rest, half a point here, is one run.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
arms = {"plain rounding": net}
for name, first in {"trained on, then rounded": None, "QATConfig": QATConfig(by_row, step="prepare")}.items():
    arms[name] = quantized(net, first) if first else copy.deepcopy(net)
    training.fit(arms[name].train().requires_grad_(True), images, labels, lr=5e-4, device="cpu", progress=False)
    arms[name].eval()
fakes = arms["QATConfig"](test_images)
quantize_(arms["QATConfig"], QATConfig(by_row, step="convert"))
card.record("converts-exactly", (arms["QATConfig"](test_images) - fakes).abs().max().item())
floats = {"fp32": net, "trained on, fp32": arms["trained on, then rounded"]}
arms |= {name: quantized(model, by_row) for name, model in arms.items() if name != "QATConfig"}
right = {name: training.evaluate(model, test_images, test_labels) for name, model in {**floats, **arms}.items()}
Table(
    ["fc1", "right, %"],
    [[name, f"{100 * share:.1f}"] for name, share in right.items()],
    caption="One run each, one grid in both steps. Second row: the same training, no rounding. Compare the last row with its two controls.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **`QATConfig` is best in the run on this page, 85.0 % against 83.5 % for rounding at once, and it is also better than the fp32 network with its 83.6 %.**
#
# But two bits did not make the network better. The second row shows it: the same extra training *without* rounding brings fp32 to 84.5 %, so most of the gain over 83.6 % comes from training on. The fair comparison for `QATConfig` is the row "trained on, then rounded", with the same training and the rounding only at its end, 84.1 %. What is left, nearly a point, is one run with one seed, and two standard errors of one such share, 85 % of 10,000 images, are 0.7 points.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 7. PT2E: quantize the graph
#
# Export, prepare, show some images, convert. The *quantizer* knows the processor and decides where scales go.
#
# **Predict.** Which operation of the exported graph will be gone? How often does the converted graph quantize, and in which type are its convolutions?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame: the graph as exported; vote. Second frame: count the dark blue boxes, `q`, aloud; orange ones lead back to float. Then ask: "In which type is conv2d?" It reads from dq, so float. The
# converted graph describes int8; it does not run it.


# %% slideshow={"slide_type": "skip"}
from torchao.quantization.pt2e import move_exported_model_to_eval, move_exported_model_to_train
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e, prepare_qat_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

any_batch = ({0: torch.export.Dim("batch")},)  # the first dimension may vary


def quantizer(**what):
    return x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config(**what))


exported = torch.export.export(net, (images[:4],), dynamic_shapes=any_batch).module()
as_exported = copy.deepcopy(exported)
watching = prepare_pt2e(exported, quantizer())
for batch in images[:640].split(64):
    watching(batch)
graph_int8 = convert_pt2e(watching)


# %% slideshow={"slide_type": "skip"}
def operations(graph):
    """Names of the operations, in order: q and dq for the change of type."""
    names = [str(node.target).split(".") for node in graph.graph.nodes if node.op == "call_function"]
    names = [name[-2] for name in names]
    return ["dq" if n.startswith("dequantize") else "q" if n.startswith("quantize") else n for n in names]


def draw(graph):
    canvas, x, y = diagrams.Canvas(height=300), 20, 20
    for name in operations(graph):
        width = 74 if name in ("q", "dq") else 190
        if x + width > 1180:
            x, y = 20, y + 95
        fill = {"q": "int8", "dq": "fp32"}.get(name, "activations")
        canvas.box(x, y, name, width=width, height=66, fill=fill, size=30)
        x += width + 12
    return canvas.figure()


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
counts = collections.Counter(operations(graph_int8))
card.record("graph-quantizes", counts["q"])
plots.show(
    [draw(as_exported), draw(graph_int8)],
    alt=[
        "Boxes in the order of the exported graph: " + ", ".join(operations(as_exported)) + ".",
        "Boxes in the order of the converted graph, q in blue, dq in orange: "
        + ", ".join(operations(graph_int8))
        + ".",
    ],
    caption="The graph as exported, then as converted; row by row. Blue, q: float to int8. Orange, dq: back to float.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw: batch norm was folded, and each layer reads from `dq`, in float.** Five `q`: one for each layer, and one for `flatten`, which could pass int8 on. The four `dq` in
# front are those of the weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What do we have now?
#
# The graph was converted, not compiled.
#
# **Predict.** How many layers run in int8? Is the file smaller than that of fp32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes. After the table: the float weights are still in the state, and nothing reads them. And the trap of the last row: torch.export.save keeps the
# example inputs, and 64 images that are a view of 6,000 bring all 6,000 along.


# %% slideshow={"slide_type": "skip"}
def exported_bytes(graph, example, keep_inputs=False):
    program = torch.export.export(graph, (example,))
    if not keep_inputs:
        program.example_inputs = None
    file = io.BytesIO()
    torch.export.save(program, file)
    return len(file.getvalue())


def right_of(model):  # an exported graph refuses .eval(), which training.evaluate calls
    with torch.no_grad():
        return (model(test_images).argmax(1) == test_labels).float().mean().item()


def without_unread(graph):
    """A copy without the parameters that no operation reads: the float weights that convert left behind."""
    graph = copy.deepcopy(graph)
    read = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for name in [name for name, _ in graph.named_parameters() if name not in read]:
        owner, _, leaf = name.rpartition(".")
        delattr(graph.get_submodule(owner), leaf)
    return graph


def without_norm(model):  # converting a trained graph that has batch norm takes long: fold it beforehand
    model = copy.deepcopy(model)
    model.conv1, model.bn1 = nn.utils.fuse_conv_bn_eval(model.conv1, model.bn1), nn.Identity()
    return model.train().requires_grad_(True)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
in_int8 = sum(row.runs_in == "int8" for row in int8_audit.audit(graph_int8).rows)
few = images[:64]  # a view: it shares the memory of all 6,000
share_right = {name: right_of(model) for name, model in {"fp32": net, "graph": graph_int8}.items()}
pt2 = {
    "as converted": exported_bytes(graph_int8, few),
    "without unread weights": exported_bytes(without_unread(graph_int8), few),
    "as converted, example inputs kept": exported_bytes(graph_int8, few, keep_inputs=True),
}
card.record("not-compiled-int8", in_int8)
card.record("graph-accuracy", 100 * (share_right["fp32"] - share_right["graph"]))
card.record("graph-file", files["fp32"] / pt2["without unread weights"])
print(f"layers in int8: {in_int8}; right: fp32 {share_right['fp32']:.2%}, graph {share_right['graph']:.2%}")
Table(
    ["file", "bytes"],
    [["fp32, its state", f"{files['fp32']:,}"], *([n, f"{size:,}"] for n, size in pt2.items())],
    caption="fp32: the state alone; then .pt2, with the graph. The example inputs: 64 images, a view of all 6,000",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: no layer, and a larger file**, until the unread weights are taken out. Its accuracy already contains the rounding.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### QAT in the graph
#
# The same route with training. The quantizer gets `is_qat=True`; convolutions learn too. An exported graph refuses
# `model.train()`; hence the two functions `move_…`. Batch norm is folded beforehand, which keeps the conversion short. No gain is claimed: there is no control of as many steps without rounding.

# %% slideshow={"slide_type": "skip"}
graph = torch.export.export(without_norm(net), (images[:4],), dynamic_shapes=any_batch)
learning = prepare_qat_pt2e(graph.module(), quantizer(is_qat=True))
move_exported_model_to_train(learning)
adam = torch.optim.Adam(learning.parameters(), lr=5e-4)
for rows in torch.arange(len(images) // 2).split(100):
    adam.zero_grad()
    nn.functional.cross_entropy(learning(images[rows]), labels[rows]).backward()
    adam.step()
move_exported_model_to_eval(learning)
graph_qat = convert_pt2e(learning)
print(f"right: {right_of(graph_qat):.2%}, operations: {len(operations(graph_qat))}")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 8. A file to ship
#
# **AOTInductor** compiles an exported program into one file, a package. C++ and Python can load it, and no model code is needed. It takes a C++ compiler, so these rows are
# *recorded*.
#
# The converted graph was compiled twice: with inductor's option `freezing`, which makes weights constants, and without; and fp32 for comparison.
#
# **Predict.** How many int8 layers are in each of the three packages? Would its size tell you?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for the two of the graph: 4 and 4, 4 and 0, 0 and 0. After the table: "Both are about as large. How would you find out?" By the
# names of the kernels in the generated code. Say that nothing here was timed.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
RECORDED = {  # torch 2.14.1, torchao 0.18.0, gcc, Linux on x86, one thread
    "int8 graph, freezing": (1_880_525, 4),
    "int8 graph, no freezing": (1_875_671, 0),
    "fp32, freezing": (2_465_485, 0),
}
Table(
    ["package", "bytes", "int8 kernels called"],
    [[name, f"{size:,}", kernels] for name, (size, kernels) in RECORDED.items()],
    caption="Recorded",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: 4 and 0.** Without freezing the package computes in float, in a file of about the same size.

# %% [markdown] slideshow={"slide_type": "skip"}
# With a C++ compiler this makes the first package (a minute or two):
#
# ```python
# from torch._inductor import aoti_compile_and_package, aoti_load_package, config
#
# with config.patch(freezing=True), torch.no_grad():
#     program = torch.export.export(graph_int8, (images[:64].clone(),))
#     path = aoti_compile_and_package(program, package_path="int8.pt2")
# ```
#
# In its generated `wrapper.cpp` (a package is a zip file) count `aoti_torch_cpu__qconv_pointwise_tensor` and `…qlinear…`.
#
# Most of a package of so small a network is not its weights; its code is made for the processor that compiled it. `aoti_load_package(path)` loads it. The underscore in the name says that the
# interface may change.
#
# ### Which route
#
# | you have | take |
# |---|---|
# | linear layers, Transformers; a GPU, or `torch.compile` | `quantize_` |
# | convolutions on an x86 server with a compiler | PT2E, frozen, compiled or packaged |
# | a loss of accuracy after either | the same route's QAT |
# | no compiler on the device | a package, or another runtime ([[choosing]]) |

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it.
#
# ### Exercise 1 · A filter
# ★ · 8 minutes
#
# Write `wanted`, a filter for groups. It is true for a linear layer (`nn.Linear`, or a subclass) whose *inputs* are a multiple of `group`, unless the layer, or a module that it lies in, is
# named in `kept`. Names are paths with dots: `"body.fc1"` lies in `"body"`, not in `"bod"`.
#
# `wanted(module, name, group, kept)` → `True` or `False`; `kept` is a list of names
#
# <details><summary>Hint</summary>
# Try "fc1" against "fc10", and "bod" against "body.fc1": what tells them apart? A layer has in_features.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs; alone it takes 8. The mistake to wait for is a name compared by its beginning: "fc1" and "fc10". Exercise 2 is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def wanted(module, name, group, kept):
    """Shall this module be quantized in groups?

    >>> wanted(nn.ReLU(), "relu", 4, [])
    False
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.wanted(wanted)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def wanted_solution(module, name, group, kept):
    if not isinstance(module, nn.Linear) or module.in_features % group:
        return False
    return not any(name == k or name.startswith(k + ".") for k in kept)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · The bytes of a packed format
# ★★ · 10 minutes
#
# Write `packed_bytes`: the bytes of a weight of `rows` × `cols`, packed. Each row is packed for itself, `bits` for each weight, across the borders of bytes,
# and filled up to whole bytes. Groups of `group` neighbours lie
# within a row; the last one of a row may be shorter. Each group has one scale of `scale_bytes` bytes, the shorter one too.
#
# `packed_bytes(rows, cols, bits, group, scale_bytes)` → a whole number; `rows` may be 0, the others are whole numbers from 1 on
#
# <details><summary>Hint</summary>
# Round up twice: the bytes of a row, and the groups of a row. -(-a // b) rounds a / b up.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def packed_bytes(rows, cols, bits, group, scale_bytes):
    """Bytes of a packed weight with its scales.

    >>> packed_bytes(0, 5, 4, 2, 1)  # no rows, no bytes
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.packed_bytes(packed_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def packed_bytes_solution(rows, cols, bits, group, scale_bytes):
    of_weights = -(-cols * bits // 8)
    groups = -(-cols // group)
    return rows * (of_weights + groups * scale_bytes)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this run counted and measured, beside its source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A config names a format. What is stored, and what runs, you read from the weight, the file and the kernels.
# - A format is its elements, its block and its scale: count the bits of all three.
# - A converted graph describes int8. Inductor makes it, if told to freeze.
#
# **Going further**: B. D. Rouhani et al., *Microscaling data formats for deep learning*, 2023, [arXiv:2310.10537](https://arxiv.org/abs/2310.10537), MX on
# trained networks; torchao's [documentation](https://docs.pytorch.org/ao/stable/index.html), workflows and QAT; the OCP
# [MX specification 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf), 2023;
# [NVIDIA's introduction of NVFP4](https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/), 2025.
#
# **Project ideas**: pack two 4-bit weights into a byte and unpack them again; round the power of two up in section 5, as torchao does by default; compile both packages of section 8, and time them.
#
# **Credits**: after the documentation of torchao, PyTorch team, and the OCP specification. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A last vote: "A colleague says the model is now in 4 bits. Which three things do you ask to see?" The weight's parts, the file, the kernels that ran.
