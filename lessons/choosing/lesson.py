# ---
# jupyter:
#   course:
#     promise: You will choose a way to int8 from counts, prices and audits, and ship a model whose outputs you have checked.
#     minutes: 45
#     seconds: 45
#     needs: [energy, roofline, dynamic, audit, static, depthwise, qat_cnn]
#     goals:
#       - Count how often a network uses each number, and derive from it which method fits.
#       - Report a speed-up against two baselines and for one processor, and say what a "5×" becomes.
#       - Find out by an audit of the graph what holds an int8 model back.
#       - Export a model, check its outputs and its accuracy in another runtime, and choose the route for a device.
#     terms: [best fp32, ONNX, round trip, runtime, "U8S8, S8S8"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Dynamic, static, quantization-aware: which one, in which runtime, and how much does it bring?*
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
# *For the lecturer, 1 min.* Ask: "You read that int8 makes a network five times faster. Which two questions do you ask?" Collect them without comment: over which baseline, and
# on which machine. If nobody says so, section 1 will.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import tempfile
import warnings
from pathlib import Path

import torch
import torch.ao.quantization as tq
import torchvision
from torch import nn

from course_utils import data, legacy_int8, models, runtime
from course_utils.data import checkpoints
from course_utils.int8_routes import compare, drawings, networks, onnx_graph, packed, torch_eager, ways
from course_utils.int8_routes import record as int8_record
from course_utils.measure import energy, ranking, timing
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.choosing import checks as check

legacy_int8.ignore_deprecations(remarks=True)  # [[dynamic]] says what follows
card = claims.Scorecard("choosing")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
torch.set_grad_enabled(False)
engine = torch.backends.quantized.engine = legacy_int8.best()
records = int8_record.records()  # what the bench wrote, one a processor
here = int8_record.processor(runtime.provenance())
print(f"int8 engine: {engine}; this processor: {here}; records: {'; '.join(records)}")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One speed-up, two answers
#
# MobileNet-v2, one image, static int8 as in [[static]] or traced, the faster. Compared with fp32 twice: as usual (*eager*), and with the **best fp32**, the *same* network
# with batch norms folded and weights arranged beforehand.
#
# **Predict.** int8 makes the network faster by a factor. What is left of the factor over the better fp32?
#
# **A** all of it **B** more than half **C** less than half

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote, run. The percentage in the last line answers: above 50 it is B, near 100 A. Ask who would have noticed. The factor over eager is the one that is easy to report. Ask: "Which of the two is wrong?" None.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
mobile = networks.mobilenet_v2()
first = compare.measure(mobile, torch_eager.routes(mobile, live=True), rounds=5)
best = max((row for row in first if row.variant.startswith("int8")), key=lambda row: row.speedup_over_eager)
print(f"int8 over eager fp32:      {best.speedup_over_eager:.1f} times")
left = best.speedup_over_best_fp32 / best.speedup_over_eager
print(f"int8 over the better fp32: {best.speedup_over_best_fp32:.1f} times, {left:.0%} of that")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. Two factors, and both are true.** The first mixes two things: what int8 brings, and what eager fp32 wastes. The second part was to be had without quantizing anything.
#
# If your two are close, eager fp32 is good on your machine. If both are near 1 or below, look at the engine: `qnnpack`, made for ARM, is slow on x86. (The large networks
# have random weights here: bytes do not depend on them, time hardly.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. How often is a number used?
#
# A layer fetches a weight or an input at least once, and multiplies with it some number of times. If that is seldom, fetching decides. If it is often, arithmetic does.
# In *dynamic* int8 each input of a layer is also converted, at each call.
#
# **Predict.** An LSTM with 1,024 units, the BERT shape with 128 tokens, ResNet-50, MobileNet-v2, one input at a time. Which uses each *weight* least? Which each *input*?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two votes, left panel and right panel. Help: a depthwise convolution with 3 by 3 uses an input at most nine times. After the figure ask for the row of a
# Transformer that writes one token at a time: its weights are used once, like the LSTM's; its inputs as often as before.


# %% slideshow={"slide_type": "skip"}
def traffic(model, x):
    """(MACs, weights, inputs, outputs) of each linear layer and convolution, in numbers, for the input `x`."""
    rows = []

    def note(layer, given, out):
        uses = out[0, 0].numel() if isinstance(layer, nn.Conv2d) else out.numel() // layer.out_features
        rows.append((uses * layer.weight.numel(), layer.weight.numel(), given[0].numel(), out.numel()))

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(note)
    model.eval()(x)  # and the model is thrown away
    return rows


step = (4 * 1024 * (28 + 1024), 4 * 1024 * (28 + 1024), 28 + 1024, 4 * 1024)  # of an LSTM that reads 28 rows
layers = {"LSTM": [step] * 28}  # its weights are read again at each step
with torch.device("meta"):  # shapes without numbers: counting needs no memory
    image = torch.zeros(1, 3, 224, 224)
    layers["BERT shape"] = traffic(models.Encoder(), torch.zeros(1, 128, dtype=torch.long))
    layers["ResNet-50"] = traffic(torchvision.models.resnet50(), image)
    layers["MobileNet-v2"] = traffic(torchvision.models.mobilenet_v2(), image)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
total = {name: [sum(column) for column in zip(*rows, strict=True)] for name, rows in layers.items()}
uses = {name: (macs / weights, macs / inputs) for name, (macs, weights, inputs, _) in total.items()}
fig, axes = plots.figure(columns=2, size=(12, 3.7))
names = list(layers)[::-1]
for ax, what, column in ((axes[0], "weight", 1), (axes[1], "input", 2)):
    for place, name in enumerate(names):
        each = [row[0] / row[column] for row in layers[name]]
        shift = [place + 0.22 * ((i * 0.618) % 1 - 0.5) for i in range(len(each))]
        ax.plot(each, shift, "o", ms=7, alpha=0.45, color=plots.COLOURS["sky"])
        ax.plot(uses[name][column - 1], place, "D", ms=13, color=plots.COLOURS["blue"], mec="white")
    ax.set(xscale="log", xlim=(0.6, 30_000), xlabel=f"MACs for each {what}", ylim=(-0.6, 3.6))
    ax.set_yticks(range(len(names)), names if column == 1 else [""] * len(names))
card.record("bert-input-uses", uses["BERT shape"][1])
card.record("mobilenet-input-uses", uses["MobileNet-v2"][1])
told = "; ".join(f"{name} {w:,.0f} and {x:,.0f}" for name, (w, x) in uses.items())
plots.show(
    fig,
    alt=f"Two panels with a dot a layer and a diamond a network, on logarithmic axes. MACs for each weight and for each input: {told}.",
    caption=f"A dot a layer, a diamond the whole network. For each weight and for each input: {told}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The LSTM uses each weight once a step; MobileNet-v2 uses an input some forty times.** BERT's and the LSTM's: a thousand times and more, on average.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. What is a conversion worth?
#
# What does a dynamic layer do that a static one need not? Each input is read for its range, then rounded to int8. (Both kinds turn the int32 sums into their result inside
# the kernel; dynamic writes it as 4 bytes, static as 1.)
#
# **Predict.** In the time that one number takes to be converted, how many int8 MACs could run?
#
# **A** about 1 **B** about 10 **C** more like 100

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. Then say how the price is taken, twice: as two operators, and as the difference of a dynamic and a static layer with few outputs, where conversions
# weigh most. They need not agree exactly. Ask: "Why is the int8 peak taken from static layers?" A dynamic layer would hide the price in the peak.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def static(layer, x):
    """A run of the layer in static int8, on inputs that are int8 already."""
    model = tq.QuantWrapper(nn.Sequential(layer)).eval()
    model.qconfig = tq.get_default_qconfig(engine)
    tq.prepare(model, inplace=True)(x)
    tq.convert(model, inplace=True)
    x_int8 = model.quant(x)
    return lambda: model.module(x_int8)


side, wide = 1024, nn.Linear(1024, 1024)
square, picture, some = torch.randn(side, side), torch.randn(1, 256, 28, 28), torch.randn(256, side)
narrow = nn.Sequential(nn.Linear(side, 16))
narrow_dynamic, long = tq.quantize_dynamic(narrow), torch.rand(2**26)  # 256 MiB: no cache holds it
jobs = {
    "fp32, eager": lambda: wide(square),
    "int8, product": static(nn.Linear(side, side), square),
    "int8, convolution": static(nn.Conv2d(256, 256, 3, padding=1), picture),
    "narrow, static": static(narrow[0], some),
    "narrow, dynamic": lambda: narrow_dynamic(some),
    "range": lambda: torch.aminmax(some),  # 1 MB that was just read, so it lies in a cache
    "to int8": lambda: torch.quantize_per_tensor(some, 0.05, 64, torch.quint8),
    "read": lambda: torch.dot(long, long),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
if packed.can_pack():
    wide_packed = packed.pack(wide, side)
    jobs["fp32, packed"] = lambda: wide_packed(square)
else:
    print(packed.NOT_HERE)
probes = timing.compare(jobs, rounds=11, device="cpu")
seconds = {name: probes.median_ms(name) / 1e3 for name in probes.samples}
peak = {"fp32": 2 * side**3 / min(s for name, s in seconds.items() if name.startswith("fp32"))}
peak["int8"] = max(2 * side**3 / seconds["int8, product"], 2 * 9 * 256**2 * 28**2 / seconds["int8, convolution"])
bandwidth = 4 * len(long) / seconds["read"]
price = (seconds["range"] + seconds["to int8"]) / some.numel()  # seconds to convert one number
price_layers = (seconds["narrow, dynamic"] - seconds["narrow, static"]) / some.numel()
in_macs = price * peak["int8"] / 2
card.record("conversion-in-macs", in_macs)
card.record("two-prices", price_layers / price)
Table(
    ["measured here, one thread", ""],
    [
        ["peak found in fp32", si(peak["fp32"], "FLOP/s")],
        ["peak found in int8, static layers", si(peak["int8"], "OP/s")],
        ["convert one number", si(price, "s")],
        ["convert one number, in int8 MACs", f"{in_macs:.0f}"],
    ],
    caption=f"A peak found: the fastest layer tried, no limit of the chip. Memory is read at {si(bandwidth, 'B/s')}. A dynamic less a static layer: {si(price_layers, 's')} a number.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw, here C. Tens of MACs, hundreds, or more where int8 is very fast.** So the counts of section 2 matter: what is little beside a thousand uses is much beside forty.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Arithmetic, bytes, conversions
#
# By the roofline ([[roofline]]) a layer takes the longer of its arithmetic and its bytes. To it dynamic int8 adds inputs × price.
#
# **Predict.** In how many of the four does *arithmetic* take longer than bytes? And in which do conversions take longer than the layers themselves?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The published guideline says "compute/memory bandwidth for weights" for Transformers, "memory bandwidth for activations" for CNNs. Let the room bet on that first. Then *arithmetic* against *bytes*, row by row: the first vote (equal: open); the last column answers the second. Write its four shares on the board: the next slide needs them. Say that
# it is an estimate: bytes at the speed of memory, though a cache may hold them.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def arithmetic_s(rows, kind):
    return [2 * macs / peak[kind] for macs, *_ in rows]


def bytes_s(rows, kind):
    return [{"fp32": 4, "int8": 1}[kind] * sum(numbers) / bandwidth for _, *numbers in rows]


def layers_s(rows, kind):
    return sum(map(max, arithmetic_s(rows, kind), bytes_s(rows, kind)))


converts = {name: inputs * price / layers_s(layers[name], "int8") for name, (_, _, inputs, _) in total.items()}
estimate = {name: layers_s(rows, "fp32") / layers_s(rows, "int8") for name, rows in layers.items()}
bound = {n: sum(map(float.__gt__, arithmetic_s(r, "int8"), bytes_s(r, "int8"))) for n, r in layers.items()}
card.record("bert-converts", converts["BERT shape"])
card.record("mobilenet-converts", converts["MobileNet-v2"])
Table(
    ["in int8, ms", "arithmetic", "bytes", "arithmetic is longer in", "conversions", "conversions / layers"],
    [
        [name, *(f"{1e3 * sum(part(rows, 'int8')):.3g}" for part in (arithmetic_s, bytes_s))]
        + [f"{bound[name]} of {len(rows)}", f"{1e3 * total[name][2] * price:.3g}", f"{converts[name]:.0%}"]
        for name, rows in layers.items()
    ],
    caption="Estimates from counts and the prices above; last column: conversions over layers, each layer the longer of its two.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Bytes weigh most in the LSTM, which has least arithmetic for them, then in MobileNet-v2. What parts the networks is the last column: it grows from the LSTM over BERT and ResNet-50 to
# MobileNet-v2. Above 100 % conversions would take longer than the layers, *by this estimate*: its layers are a lower bound (each runs at the best peak that was found), so the shares come out too high. Section 4 compares one of them with a measurement. [Published](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) for CNNs: "limited by memory bandwidth for activations"; in the estimate, only where bytes take longer.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### The decision
#
# Three questions, in this order. The second is of times: conversions, int8 layers.
#
# **Predict.** Where does each network go? SmallCNN and DepthwiseCNN ([[static]], [[depthwise]]): the last question alone.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* First frame: let two students derive a row each, aloud. Second frame: the names. A CNN with random weights that gets past the second question waits at the last: nobody knows
# its accuracy. ResNet-50 may fall on either side of the line, by machine: ask what moves it to the left. Cheap conversions, or slow int8. And what to try before QAT? A scale a channel.


# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
right = {(row.model, row.technique): 100 * row.accuracy for row in ledger.rows(["static", "depthwise"])}
drops = {"SmallCNN": right["SmallCNN", "fp32"] - right["SmallCNN", "static int8, per channel"]}
for scale in ("channel", "tensor"):
    drop = right["DepthwiseCNN", "fp32"] - right["DepthwiseCNN", f"static int8, per {scale}"]
    drops[f"DepthwiseCNN,\na scale a {scale}"] = drop
leaves = {"float": [], "dynamic": [name for name, share in converts.items() if share <= 0.25]}
leaves["static"] = [f"{name}:\n{-drop:+.1f} points".replace("-", "−") for name, drop in drops.items() if drop <= 1]
leaves["QAT"] = [f"{name}:\n−{drop:.1f} points" for name, drop in drops.items() if drop > 1]
waiting = [name for name in converts if name not in leaves["dynamic"]]
told = "; ".join(f"{method}: {', '.join(names) or 'nobody'}" for method, names in leaves.items())
plots.show(
    [drawings.decision(dict.fromkeys(leaves, ())), drawings.decision(leaves, waiting)],
    alt=[
        "Three questions in a chain: are there int8 kernels on the device, do conversions take at most a quarter of the "
        "layers, does static int8 lose more than a point. The ways out lead to float, dynamic, static and QAT.",
        f"The same with names. {told}. At the last question: {', '.join(waiting) or 'nobody'}.".replace("\n", " "),
    ],
    caption="By the shares; SmallCNN, DepthwiseCNN: last question alone, by the ledger. *Unknown*: random weights.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The LSTM and the BERT shape leave at the second question, for dynamic int8, in the run on this page. SmallCNN and DepthwiseCNN with a scale a channel leave at the last one for static int8; DepthwiseCNN with one scale a tensor is sent to quantization-aware training.**
#
# The two networks with large matrices leave early because their conversions take less than a quarter of what their int8 layers take. SmallCNN loses about a tenth of a point in static int8, and DepthwiseCNN with a scale for each channel about as little, so for both static int8 is enough. With one scale for a whole tensor DepthwiseCNN loses some 26 points (lesson 3.6), and a loss of more than a point leads to training.
#
# Nothing leaves at the first question, because this device has int8 kernels. ResNet-50 and MobileNet-v2 get past the second question and wait at the last: their weights here are random, so nobody knows an accuracy to lose. The rule stops being true where the conversions are cheaper or the int8 layers slower than on this machine, for then the shares move across the line.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The table in words
#
# | network | what speaks for it | method | lesson |
# |---|---|---|---|
# | LSTM, GRU and other RNNs that have int8 kernels | each weight is used once a step; a wide one uses an input thousands of times | dynamic | [[dynamic]] |
# | Transformer | an input of a linear layer is used about a thousand times, in one as wide as BERT | dynamic | [[dynamic]] |
# | CNN | an input is used tens to hundreds of times; conversions weigh; section 4 | static | [[static]] |
# | CNN that loses accuracy that way | the same | quantization-aware training | [[qat_cnn]] |
#
# Others publish the same table; ONNX Runtime's [guide](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html) recommends dynamic for RNNs and Transformers, static
# for CNNs. A rule of thumb: the estimate may send ResNet-50 to dynamic. But see section 4.
# Nor need dynamic be the fastest: OpenVINO's int8 BERT (section 5) is static; it needs calibration. `nn.RNN` is not on PyTorch's default list ([[audit]]).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what the table leaves out: no data for calibration (dynamic, or weights only), no int8 kernels (float), a larger batch (weights are used more often, inputs as
# often as before), and outliers: activations of trained Transformers have them, our random BERT has not, so its recorded cosine says nothing about them.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. The way through MobileNet-v2
#
# A test of the rule. MobileNet-v2 in static int8 once as usual, and once with a wrapper around *each* layer: float in, int8 inside, float out. Such a **round trip** is like a dynamic
# layer, but its ranges are fixed, so nobody searches, and its result is rounded to int8 on the way.
#
# **Predict.** How many conversions between float and int8 are on each way?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* 52 convolutions and one linear layer: let the room compute. Then show the picture: a tunnel and a saw. Ask which of the two a Transformer's
# dynamic int8 looks like: the saw; only its teeth are cheap.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
nets = {
    "fp32": mobile.model,
    "int8 throughout": torch_eager.int8_model(mobile),
    "int8, round trips": ways.round_trips(mobile),
    "dynamic convolutions": ways.dynamic_convolutions(mobile),
}
steps = {name: ways.way(nets[name], mobile.example) for name in ("int8 throughout", "int8, round trips")}
conversions = {name: len(called) - called.count("layer") for name, called in steps.items()}
card.record("round-trip-conversions", conversions["int8, round trips"])
plots.show(
    drawings.paths(steps),
    alt="Two lines from left to right. int8 throughout goes down to int8 once and up once. The other is a saw with a tooth for each layer. "
    + "; ".join(f"{name}: {n} conversions" for name, n in conversions.items()),
    caption="Upper level, orange: float. Lower level, blue: int8. Grey: a conversion. Read from the operators that ran.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **In int8 throughout there are 2 conversions, with round trips 106.**
#
# Int8 throughout quantizes the image once and dequantizes the result once. With round trips each of the 53 layers (52 convolutions and one linear layer) quantizes its own input and dequantizes its own output, and 2 · 53 = 106. The count is one of operators that ran. What it costs is another question, because a conversion of a small tensor takes little; the next cells measure it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does the way cost?
#
# Three ways to int8: throughout; round trips; and PyTorch's own *dynamic convolution*, which is off its default list and warns of "poor numerical accuracy" ([[audit]]).
#
# All are traced, fp32 too, so that Python's part, which grows with the number of modules, is out of all of them.
#
# **Predict.** Is int8 with round trips still faster than fp32? And the dynamic convolution?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes. Then let them read the cosine and its control: "Which row would you not ship?" The next slide asks why. If asked: "ReLU apart" means that the dynamic convolution has none in it, so there ReLU is a layer of its own. The estimate in the caption knows nothing of sums, of caches and of
# the calls between kernels.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
runs = {}
for name, net in nets.items():
    traced = torch.jit.trace(net, mobile.example, check_trace=False)
    traced = torch.jit.optimize_for_inference(traced) if name == "fp32" else torch.jit.freeze(traced.eval())
    runs[name] = lambda traced=traced: traced(mobile.example)
pace = timing.compare(runs, rounds=7, device="cpu")
cosines = {name: compare.cosine(run(), runs["fp32"]()) for name, run in runs.items()}
other_image = compare.control_cosine(mobile)
card.record("round-trips-cost", pace.ratio("int8 throughout", over="int8, round trips"))
card.record("dynamic-conv-speed", pace.ratio("dynamic convolutions"))
card.record("dynamic-conv-cosine", cosines["dynamic convolutions"])
card.record("live-cosine", min(cosines["int8 throughout"], cosines["int8, round trips"]))
Table(
    ["MobileNet-v2, traced", "times fp32, traced", "quartiles", "cosine with fp32"],
    [[n, f"{pace.ratio(n):.2f}", "{:.2f}–{:.2f}".format(*pace.ratio_quartiles(n)), f"{cosines[n]:.3f}"] for n in nets],
    caption=f"Medians over rounds. Control: fp32 outputs of two different images have a cosine of {other_image:.3f}. "
    f"The roofline's estimate for int8 throughout is {estimate['MobileNet-v2']:.1f} times.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Int8 with round trips is still faster than fp32, by less; the dynamic convolution is slower than fp32**, and its output is farther from fp32 than that of *another image*. The round trips have the same kernels
# and weights as *throughout*: what lies between the layers, conversions and float sums, makes the difference. The dynamic one, by its [source](https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/quantized/cpu/qconv_dynamic.cpp), calls the engine's static kernel after a search, between two conversions; ReLU apart.
#
# <!-- page -->
#
# Now compare the estimate of section 3 with this measurement. By the estimate the conversions of MobileNet-v2 take 175 % of its int8 layers, so one conversion for each layer should make the network 2.75 times as slow. Measured, the round trips make it about 1.6 times as slow, although each layer converts twice and the sums are in float. So the conversions, and whatever else lies between the layers, take about 60 % of the rest, and not 175 %. Why? The divisor of the estimate is too small: it lets every layer run at the best peak that was found,
# and depthwise layers are far from that. (It also promised 3.6 times the speed of fp32, and 2.2 came.) Use the shares of section 3 to put networks in order, then, and not as per cent of a time. And the line at a quarter is a rule of thumb of this course, drawn where these four networks part; no theory gives it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Why is the dynamic convolution so far off?
#
# A convolution of 1 by 1 is a linear layer at each pixel. So one set of weights goes into both, dynamic, and both see the same inputs, from 0 to 1.
#
# **Predict.** The weights become 20 times as large. What becomes of the largest output of each?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Before the output: "Which grid should the result of a convolution be rounded to?" Its own. Then let the room find what the numbers of the convolution have in common: none below
# zero, none above the top of the input's grid.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
def span(outputs):
    return f"{outputs.min():.2f} to {outputs.max():.2f}"


runtime.seed_all(0)
pixels, weight, found = torch.rand(64, 8), torch.randn(8, 8) / 3, []
for factor in (1, 20):
    linear, conv = nn.Linear(8, 8, bias=False), nn.Conv2d(8, 8, 1, bias=False)
    linear.weight.copy_(factor * weight)
    conv.weight.copy_(factor * weight[:, :, None, None])
    by_linear = ways.dynamic(nn.Sequential(linear))(pixels)
    by_conv = ways.dynamic(nn.Sequential(conv))(pixels[:, :, None, None])
    found.append([f"weights × {factor}", span(linear(pixels)), span(by_linear), span(by_conv)])
top = (by_conv.max() / pixels.max()).item()
card.record("dynamic-conv-top", top)
Table(
    ["", "float", "dynamic linear", "dynamic convolution"], found, caption=f"Inputs: {span(pixels)}. Engine: {engine}."
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. The linear layer follows; the convolution's outputs stay on the grid of its *inputs*.** Negative ones become 0, and large ones stop where that grid ends. (With
# the engines for x86 it has 256 levels, 1/127 of the largest input apart, so it ends near 2.) So PyTorch has a dynamic convolution and it cannot be recommended, for a reason that no roofline shows.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. The headline table
#
# What was published ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)), none of it measured here. The quotients are ours; the post says 1.8×, 2× and 5.7×:
#
# | published | fp32, ms | int8, ms | quotient | accuracy | measured on |
# |---|---|---|---|---|---|
# | BERT, dynamic | 581 | 313 | 1.86 | F1 .902 → .895 | Xeon-D2191, 1.6 GHz, one thread |
# | ResNet-50, static | 214 | 103 | 2.08 | top-1 76.1 → 75.9 | the same |
# | MobileNet-v2, static; accuracy by QAT | 97 | 17 | 5.7 | top-1 71.9 → 71.6 | Samsung S9, a phone |
#
# Why does the *smallest* network gain most? The source names its baseline: "Floating point numbers are based on Caffe2 run-time and are not optimized". What the phone and
# what int8 itself add, it does not say.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the last lines aloud, then ask: "How much of the 5.7 is int8?" Nobody can say. Say that this Xeon, a Skylake-D, has AVX-512 without VNNI, and int8 gained there. F1 is of MRPC: are
# two sentences paraphrases?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same three, by the bench
#
# Compiled routes take minutes and a C++ compiler, other runtimes take packages. So these rows were *recorded*, by `python course.py bench quantization --peers`: the routes of a network in one run,
# one input, one thread. A processor's name ends with the strongest of its instructions that matter for int8 (a cloud may hide the model). Yours is missing? The same command makes its record.
#
# **Predict.** Does MobileNet-v2 gain most here, too? What is left over the best fp32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* One vote for each question. After the table read the answer off the fourth and fifth columns, for one processor at a time. Then: "Which of these numbers would you put into a headline, and which words with it?" Then the last column: the best fp32 need not be the
# same route everywhere. An older record knows fewer routes of int8.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
PUBLISHED = {"BERT-base shape": 581 / 313, "ResNet-50": 214 / 103, "MobileNet-v2": 97 / 17}
SHORT = {"BERT-base shape": "BERT shape", "ResNet-50": "ResNet-50", "MobileNet-v2": "MobileNet-v2"}
fastest = {(net, at): row for net in PUBLISHED for at, one in records.items() if (row := one.best(net, "torch"))}
gains = {net: [row.speedup_over_eager for (of, _), row in fastest.items() if of == net] for net in PUBLISHED}
card.record("bert-over-eager", min(gains["BERT-base shape"]))
card.record("resnet-over-eager", min(gains["ResNet-50"]))
card.record("mobilenet-over-eager", min(gains["MobileNet-v2"]))
card.record("least-over-best", min(row.speedup_over_best_fp32 for row in fastest.values()))
for known in [records[here].rows] if here in records else []:  # what section 1 measured must not contradict it
    of_record = {
        row.variant: row.speedup_over_eager
        for row in known
        if (row.model, row.runtime, row.why) == (mobile.name, "torch", None)
    }
    ranking.reversed_pairs({row.variant: row.speedup_over_eager for row in first}, of_record)
lines = [
    [f"{SHORT[net]}, {row.variant.removeprefix('int8 ')}", f"{PUBLISHED[net]:.2f}", name]
    + [f"{row.speedup_over_eager:.1f}", f"{row.speedup_over_best_fp32:.1f}", row.best_fp32.removeprefix("fp32, ")]
    for (net, name), row in fastest.items()
]
Table(
    ["PyTorch's fastest int8", "published", "recorded on", "× eager fp32", "× best fp32", "best fp32"],
    lines,
    caption="Published: each over its own baseline, on the machines above. Best fp32: PyTorch's. Medians over rounds.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No: ResNet-50 gains most here, 4.9 times eager fp32; MobileNet-v2 gains 4.3, and 2.5 over the best fp32.** Compare the networks within a column. Neither column is wrong; a number without its column and its processor says little.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"} tags=["lecture"]
# ### The answer by processor and by runtime
#
# The fastest route of each kind in the records, over PyTorch's eager fp32 there.
#
# **Predict.** Is the fp32 of the other runtimes nearer to eager fp32 (1), or to int8? Whose int8 is fastest?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* One vote for each question. Read out the answer panel by panel: is the grey mark nearer to the line at 1 than to the dark one, and which dark mark is farthest right? Then: compare a dark mark with the grey one of its own runtime, never with a grey one of another, or of another processor. If only one processor is recorded, ask
# who will record the second one tonight.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
GROUPS = {"torch": ("fp32", "bf16", "int8"), "ONNX Runtime": ("fp32", "int8"), "OpenVINO": ("fp32", "int8")}
GROUPS = [(runtime_name, kind) for runtime_name, kinds in GROUPS.items() for kind in kinds]
COLOUR, told = {"fp32": "grey", "bf16": "sky", "int8": "blue"}, []
fig, axes = plots.figure(columns=3, size=(12, 4.3))
for ax, name in zip(axes, networks.NETWORKS, strict=True):
    for (processor, one), marker in zip(records.items(), "osD^v<>*" * 4, strict=False):
        for y, (runtime_name, kind) in enumerate(GROUPS):
            row = one.best(name, runtime_name, kind)
            if row:
                shown_at = (row.speedup_over_eager, y)
                ax.plot(*shown_at, marker, ms=11, alpha=0.85, color=plots.COLOURS[COLOUR[kind]])
                told.append(f"{processor}, {name}, {runtime_name} {kind} {row.speedup_over_eager:.1f}")
    ax.set(title=SHORT[name], xlim=(0, None), ylim=(len(GROUPS) - 0.5, -0.5))
    ax.set_yticks(range(len(GROUPS)), [" ".join(group) for group in GROUPS] if ax is axes[0] else [""] * len(GROUPS))
    ax.axvline(1, color=plots.COLOURS["black"], lw=1)
axes[1].set_xlabel("times eager fp32 of PyTorch, on the same processor")
plots.show(
    fig,
    alt="Three panels of dots, the fastest recorded route of each kind over eager fp32: " + "; ".join(told) + ".",
    caption="The fastest of its kind. "
    + "; ".join(f"{mark}: {name}" for mark, name in zip("●■◆▲▼◀▶★", records, strict=False))
    + f". Recorded {', '.join(sorted({one.head['date'] for one in records.values()}))}, one thread.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **The other runtimes' fp32 is nearer to eager fp32 (1), and OpenVINO has the fastest int8 twice.** A grey mark right of 1 is speed that int8 did not bring: compare dark with grey of one runtime and one processor.
#
# <!-- page -->
#
# For MobileNet-v2 ONNX Runtime's int8 is the fastest. A speed-up has a baseline, a runtime, a processor and a number of threads.

# %% slideshow={"slide_type": "skip"}
every = [row for one in records.values() for row in one.rows if row.why is None]
floats = {row.model: row.file_bytes for row in every if row.variant == int8_record.EAGER}
kept = [row for row in every if row.runtime == "torch" and row.variant.startswith(("int8 dynamic", "int8 static"))]
smaller = [(row.model, floats[row.model] / row.file_bytes) for row in kept if "traced" not in row.variant]
card.record("bert-file", min(ratio for net, ratio in smaller if net == "BERT-base shape"))
card.record("recorded-cnn-files", min(ratio for net, ratio in smaller if net != "BERT-base shape"))
card.record("recorded-rows", len(every))
card.record("recorded-cosine", min(row.cosine for row in every))
controls = [one.head["control_cosine"] for one in records.values()]
card.record("control-cosine", max(other_image, *(value for one in controls for value in one.values())))
# Into the ledger: no accuracy, as the weights are random; energy by [[energy]]; speed where this processor has a record.
source = here if here in records else next(iter(records))
for net, short in SHORT.items():
    dynamic = short == "BERT shape" and "static" not in fastest[net, source].variant
    (macs, weights), technique = total[short][:2], "dynamic int8" if dynamic else "static int8"
    eager = next(row for row in records[source].rows if (row.model, row.variant) == (net, int8_record.EAGER))
    cases = ((eager, "fp32", "fp32", 32), (fastest[net, source], technique, "int8, int32 sum", 8))
    for row, name, mac, bits in cases:
        nj = (macs * energy.MAC_PJ[mac] + weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3
        speedup = row.speedup_over_eager if source == here else None
        values = {"file_bytes": row.file_bytes, "speedup": speedup, "energy_nj": nj}
        ledger.record(lesson="choosing", task="none, random weights", model=short, technique=name, **values)
int8_record.gap_table(records)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. Ship it
#
# Many a phone and many a service runs without PyTorch. **ONNX** is a file format for networks ([onnx.ai](https://onnx.ai)); a **runtime** such as ONNX Runtime or OpenVINO runs it. To ship means: export, *check the outputs*,
# quantize there, *check the accuracy*, and time it. (The packages are the extra `deploy`. Without them, recorded rows stand in.)
#
# **Predict.** The trained SmallCNN goes that way. How large is the difference after the export? How many points are lost at the end?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask why there are two checks. If the exported file is wrong already, no accuracy of int8 tells where. And check on more than one batch size, with real inputs: an
# export records one path through the code.


# %% slideshow={"slide_type": "skip"}
def export(model, x, path):
    """Write `model` as an ONNX file for any batch size."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.")  # PyTorch's own business
        names = {"input_names": ["x"], "dynamic_shapes": ({0: torch.export.Dim("batch")},)}
        torch.onnx.export(model, (x,), path, dynamo=True, external_data=False, verbose=False, **names)


def ort_int8(source, path, x, activations="QUInt8"):
    """Quantize an ONNX file statically; weights are signed and have a scale a channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Batches(CalibrationDataReader):
        left = iter(x.split(32))

        def get_next(self):
            return next(({"x": batch.numpy()} for batch in self.left), None)

    folded, kinds = source.with_suffix(".folded"), {"weight_type": QuantType.QInt8, "per_channel": True}
    if not folded.exists():
        quant_pre_process(source, folded)
    quantize_static(folded, path, Batches(), activation_type=QuantType[activations], **kinds)


# %% slideshow={"slide_type": "skip"}
cnn = checkpoints.load("small_cnn").requires_grad_(False)
images, labels = data.load("fashion_mnist", "test")
folder, shipped, gap = Path(tempfile.mkdtemp()), {}, None
stations = {row.technique: row for row in ledger.rows(["static", "choosing"]) if row.model == "SmallCNN"}
try:
    export(cnn, images[:2], folder / "fp32.onnx")
    ort_int8(folder / "fp32.onnx", folder / "int8.onnx", data.load("fashion_mnist", n=256)[0])
    shipped = {"torch": cnn} | {kind: onnx_graph.session(folder / f"{kind}.onnx") for kind in ("fp32", "int8")}
except ImportError as error:
    print(f'{error.name} is not installed (pip install -e ".[deploy]"): recorded rows stand in.')
if shipped:
    logits = {name: torch.cat([run(batch) for batch in images.split(500)]) for name, run in shipped.items()}
    gap = (logits["fp32"] - logits["torch"]).abs().max().item()
    calls = {name: lambda run=run: run(images[:1]) for name, run in shipped.items()}
    pace_cnn = timing.compare(calls, rounds=9, device="cpu")
    right = {name: (out.argmax(1) == labels).double().mean().item() for name, out in logits.items()}
    card.record("deployed-same", 100 * abs(right["fp32"] - right["torch"]))
    card.record("deployed-drop", 100 * (right["fp32"] - right["int8"]))
    for kind, technique in (("fp32", "fp32, ONNX Runtime"), ("int8", "static int8, ONNX Runtime")):
        values = {"accuracy": right[kind], "technique": technique}
        values |= {"file_bytes": (folder / f"{kind}.onnx").stat().st_size, "speedup": pace_cnn.ratio(kind)}
        stations[technique] = ledger.record(lesson="choosing", task="fashion_mnist", model="SmallCNN", **values)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
rows = [stations[name] for name in ("fp32", "fp32, ONNX Runtime", "static int8, ONNX Runtime")]
speeds = ("the baseline", *(f"{row.speedup:.1f}× eager fp32" for row in rows[1:]))
under = [(f"{row.accuracy:.2%} right", f"{si(row.file_bytes, 'B')}") for row in rows]
names = ("PyTorch\nfp32", "ONNX Runtime\nfp32", "ONNX Runtime\nint8")
differs = "" if gap is None else f"\n{gap:.0e} apart"
plots.show(
    drawings.line(
        {name: (kind, *two) for name, kind, two in zip(names, ("fp32", "fp32", "int8"), under, strict=True)},
        (f"export{differs}", "quantize"),
    ),
    alt="Three boxes from left to right, PyTorch fp32, ONNX Runtime fp32, ONNX Runtime int8: "
    + "; ".join(", ".join(words) for words in under),
    caption=f"SmallCNN, 10,000 test images. One image at a time: {'; '.join(speeds)}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The export gives the same numbers up to rounding, the int8 file gets about as many images right.** The first is the check of the *export*, the second that of the *quantization*. How much of the
# speed is the runtime's own, the caption says: its first factor.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Activations with a sign
#
# An activation is stored without a sign (**U8**, its zero point makes room for negative values) or with one (**S8**), ONNX Runtime's static default: "S8S8 with QDQ is the default setting and balances performance and accuracy. It should be the first choice."
# ([guide](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)) Weights are signed in both.
#
# MobileNet-v2 once as U8S8, once as S8S8, and S8S8 with its ten sums cut out, as a control.
#
# **Predict.** How many of the 52 convolutions compute in int8, on x86? In each of the three.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Vote: all, most, none? After the table, the chain of reasons: (1) the kernels for x86 want U8, so the runtime rewrites S8 to U8; (2) it does so only where a tensor
# has one reader; (3) at a sum, two read. The control cuts the second reader, and all are int8 again. Closing question: "Who of you has an S8S8 model in production?" It may pass every test of accuracy.


# %% slideshow={"slide_type": "skip"}
variants = {"U8S8": ("full", "QUInt8"), "S8S8": ("full", "QInt8"), "S8S8, no sums": ("cut", "QInt8")}
graphs, peers = {}, None
if shipped:
    export(mobile.model, mobile.calibration[:2], folder / "full.onnx")
    onnx_graph.without_sums(folder / "full.onnx", folder / "cut.onnx")
    sessions = {"fp32": onnx_graph.session(folder / "full.onnx")}
    for name, (source, activations) in variants.items():
        path = folder / f"{name}.onnx"
        ort_int8(folder / f"{source}.onnx", path, mobile.calibration, activations)
        sessions[name], graphs[name] = onnx_graph.session(path), onnx_graph.as_run(path)
    calls = {name: lambda run=run: run(mobile.example) for name, run in sessions.items()}
    peers = timing.compare(calls, rounds=7, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
COLUMNS = ("convolutions in int8", "convolutions in float", "sums in float", "conversions")
lines, live = [], {name: peers.ratio(name) for name in graphs}
for name, graph in graphs.items():
    low, high = peers.ratio_quartiles(name)
    lines.append([f"{name}, here", *(graph[kind] for kind in COLUMNS), f"{live[name]:.2f} ({low:.2f}–{high:.2f})"])
for processor, one in records.items():
    found = {name: one.best("MobileNet-v2", "ONNX Runtime", f"int8 static, {name}") for name in ("U8S8", "S8S8")}
    known = {name: row.speedup_over_best_fp32 for name, row in found.items() if row}
    lines += [[f"{name}, {processor}", *"––––", f"{ratio:.2f}"] for name, ratio in known.items()]
    ranking.reversed_pairs(live if processor == here else {}, known)  # a published run must agree with its record
if peers:
    card.record("signed-in-float", graphs["S8S8"]["convolutions in float"])
    card.record("signed-without-sums", graphs["S8S8, no sums"]["convolutions in float"])
    card.record("signed-unsigned", graphs["S8S8"]["unsigned"] / graphs["S8S8"]["convolutions in int8"])
    card.record("signed-costs", peers.ratio("U8S8", over="S8S8"))
heads = ("conv int8", "conv float", "sums float", "conversions", "× its fp32 (quartiles)")
Table(
    ["MobileNet-v2", *heads],
    lines,
    caption="ONNX Runtime: the graph as run, here; recorded rows below. Over fp32 with all sums, the control too.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw, on x86. All, most, all.** The runtime rewrites S8 to U8, but, by its [source](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/optimizer/qdq_transformer/qdq_s8_to_u8.cc), only where a quantized tensor has *one* reader. At a shortcut there are two; convolutions that read
# or write such a tensor, and the sums, run in float. Without the sums all are int8 again. Outputs cannot tell, as float computes them too; the count does.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Routes and devices
#
# A method is worth nothing where its operators do not exist. You may read that quantized
# models "only run on CPU": most that `torch.ao.quantization` converts do.
#
# | route | runs on | quantizes | try it |
# |---|---|---|---|
# | `torch.ao`, eager | x86; ARM by `qnnpack` | linear, LSTM, GRU, embedding, convolution | where it works already: deprecated |
# | torchao `quantize_` | x86, ARM and GPUs, by format ([[torchao]]) | linear by default, more by a filter | for Transformers and GPUs |
# | PT2E, compiled | x86, ARM, Intel's GPUs | linear, convolution | on a server with Python, or packaged |
# | PT2E, ExecuTorch | phones, ARM: XNNPACK | linear, convolution | on a phone |
# | ONNX Runtime | x86, ARM; NVIDIA by TensorRT, S8S8 | linear, convolution, LSTM, Gather | without PyTorch; on x86 U8S8 |
# | OpenVINO | x86, ARM, Intel's GPUs | linear, convolution, embedding | without PyTorch |
# | fp32 there; bf16 where it has kernels | all of these | – | first: no calibration, part of the gain |
#
# From the projects' documentation; we measured x86 only. A processor without VNNI is no reason against int8: the published 1.86 and 2.08 come from one.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask for the row of the room's own device; nothing in this table was measured for ARM or a GPU. Then: "Is fp32 in a better runtime enough?" Look at the grey marks of
# section 5 again. Which engine of the first row is fast: [[depthwise]].

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Choose, and say why
# ★★ · 6 minutes
#
# Write `choose(case)`. A case has `kind`, `int8_kernels` (has the device any?), `int8_ms` (its int8 layers), `convert_ms` (conversions if each layer takes
# float), `drop_pp` (accuracy that static int8 costs, in points). Return method and reason, the first line that fits:
#
# | if | method | reason |
# |---|---|---|
# | no int8 kernels | `"float"` | `"no kernels"` |
# | conversions at most a quarter of the int8 layers | `"dynamic"` | `"conversions are cheap"` |
# | static costs more than 1 point | `"qat"` | `"static loses accuracy"` |
# | else | `"static"` | `"conversions are expensive"` |
#
# The check begins with six cases: `check.CASES` shows them.
#
# <details><summary>Hint</summary>
# Do not look at kind: a name decides nothing. "At most" includes equal, "more than" does not.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper, with the six cases of `check.CASES` on the board. The mistake to wait for: deciding by the name of the network. The other cards are
# homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def choose(case):
    """Method and reason for a case.

    >>> choose({"kind": "CNN", "int8_kernels": True, "int8_ms": 9.0, "convert_ms": 20.0, "drop_pp": 0.0})
    ('static', 'conversions are expensive')
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.choose(choose)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def choose_solution(case):
    if not case["int8_kernels"]:
        return "float", "no kernels"
    if case["convert_ms"] <= case["int8_ms"] / 4:
        return "dynamic", "conversions are cheap"
    if case["drop_pp"] > 1:
        return "qat", "static loses accuracy"
    return "static", "conversions are expensive"


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Predict the gain
# ★★★ · 12 minutes
#
# Write `predicted_gain`: by the roofline, how many times faster is a network in static int8 than in fp32? `layers` lists
# (MACs, weights, values) of each layer; *values* are its inputs and outputs together. A MAC is two operations. In fp32 every number takes 4 bytes, in int8
# one. A layer takes the longer of its arithmetic and its bytes; layers run one after the other.
#
# `predicted_gain(layers, peak_fp32, peak_int8, bandwidth)` → a number; peaks in operations a second, bandwidth in bytes a second
#
# <details><summary>Hint</summary>
# Write a helper for the seconds of all layers, given a peak and the bytes of a number. Take the maximum for each layer, then the sum.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def predicted_gain(layers, peak_fp32, peak_int8, bandwidth):
    """How many times faster static int8 can be, by the roofline.

    >>> predicted_gain([(0, 100, 0)], 1.0, 4.0, 1.0)  # no arithmetic: a quarter of the bytes
    4.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.predicted_gain(predicted_gain)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def predicted_gain_solution(layers, peak_fp32, peak_int8, bandwidth):
    def seconds(peak, bytes_each):
        return sum(
            max(2 * macs / peak, bytes_each * (weights + values) / bandwidth) for macs, weights, values in layers
        )

    return seconds(peak_fp32, 4) / seconds(peak_int8, 1)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Read an audit, find the bottleneck
# ★★ · 8 minutes
#
# Write `bottleneck(rows, ms)`. `rows` are the rows of an audit, each with `.name` and `.runs_in` ("int8", "float32", "bfloat16", "unknown"); `ms`
# maps every name to its milliseconds, in any order. Find the module that does *not* run in int8 and takes the most time; of equal ones take either.
# Return its name and the *limit*: how many times faster the whole model would be if that module took no time at all. If all run in int8, return
# `("", 1.0)`. A module that does not is never the only one.
#
# <details><summary>Hint</summary>
# The limit is the total time over the total without that module (Amdahl's law). "unknown" is not int8.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def bottleneck(rows, ms):
    """(name, limit) of the slowest module that does not run in int8.

    >>> bottleneck(check.rows_of({"conv": "int8"}), {"conv": 2.0})
    ('', 1.0)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.bottleneck(bottleneck)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def bottleneck_solution(rows, ms):
    others = [row.name for row in rows if row.runs_in != "int8"]
    if not others:
        return "", 1.0
    slowest = max(others, key=lambda name: ms[name])
    total = sum(ms.values())
    return slowest, total / (total - ms[slowest])


# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Count how often a number is used, and price a conversion: the more uses, the less it weighs. Where it weighs little: dynamic. Else static, with a scale a channel; where that loses accuracy, train for it.
# - A speed-up has two baselines, eager and the best fp32, and belongs to one processor, one runtime and one number of threads.
# - Ship a file that you have checked: the outputs after the export, the accuracy after the quantization, the graph as it runs, the time on the device.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: H. Wu et al., *Integer quantization for deep learning inference: principles and empirical evaluation*, 2020,
# [arXiv:2004.09602](https://arxiv.org/abs/2004.09602); S. Williams, A. Waterman, D. Patterson, *Roofline*, 2009, [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785);
# D. Bailey, *Twelve ways to fool the masses when giving performance results on parallel computers*, 1991.
#
# **Project ideas**: run the bench on your own processor and add its record; add a row for TensorRT or ExecuTorch; redo section 3 at batch 32 and see which networks change their place.
#
# **Credits**: the published table is from *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* A last question: "A colleague reports 5 times. What do you ask?" Baseline, runtime, processor, and how many layers run in int8.
