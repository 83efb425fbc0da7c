# ---
# jupyter:
#   course:
#     promise: You will choose a way to int8 from measured bytes and times, and ship a model whose outputs you have checked.
#     minutes: 70
#     seconds: 65
#     needs: [energy, dynamic, audit, static, depthwise, qat_cnn]
#     goals:
#       - Count what a network moves, and derive from it which method fits.
#       - Report a speed-up against two baselines, and say what a "5×" becomes.
#       - Find out by audit and by profile what holds an int8 model back.
#       - Export a model, check its outputs and its accuracy in another runtime, and choose the route for a device.
#     terms: [best fp32, ONNX, round trip, runtime, "U8S8, S8S8"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Dynamic, static, quantization-aware: which one, in which runtime, and how much does it really bring?*
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
# *For the lecturer.* Ask: "You read that int8 makes a network five times faster. Which two questions do you ask?" Over which baseline,
# and on which machine. If nobody says so, section 1 will.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import tempfile
import warnings
from pathlib import Path

import torch
import torch.ao.quantization as tq
import torchvision
from IPython.display import display
from torch import nn

from course_utils import data, legacy_int8, models, runtime
from course_utils.data import checkpoints
from course_utils.int8_routes import compare, networks, other_runtimes, packed, profile, torch_eager
from course_utils.int8_routes import record as int8_record
from course_utils.measure import energy, int8_audit, ranking, timing
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.choosing import checks as check

legacy_int8.ignore_deprecations()  # [[dynamic]] says what follows
card = claims.Scorecard("choosing")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
engine = torch.backends.quantized.engine = legacy_int8.best()
record, recorded_rows = int8_record.recorded()
print(f"int8 engine: {engine}; fast int8 instructions: {'yes' if runtime.has_fast_int8() else 'no'}")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. One speed-up, two answers
#
# MobileNet-v2, one image, int8 as in [[static]]. We compare with fp32 twice: as everybody runs it (eager), and in a better
# version of the *same* fp32. There TorchScript has folded the batch norms and arranged the weights beforehand.
#
# **Predict.** int8 makes the network faster by a factor. What is left of the factor over the better fp32?
# **A** all of it **B** about half **C** nothing


# %% slideshow={"slide_type": "skip"}
def live(network, rounds=5):
    """Rows measured here: fp32 and int8 in PyTorch, by the routes that need no compiler."""
    return compare.measure(network, torch_eager.routes(network, live=True), rounds=rounds)


def fastest(rows, kind):
    """The fastest row of a kind ("fp32", "bf16", "int8") in PyTorch."""
    built = [row for row in rows if row.runtime == "torch" and row.variant.startswith(kind) and row.why is None]
    return min(built, key=lambda row: row.median_ms, default=None)


mobile = networks.mobilenet_v2()
mobile_rows = live(mobile)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
best = fastest(mobile_rows, "int8")
print(f"int8 over eager fp32: {best.speedup_over_eager:.1f} times")
print(f"int8 over better fp32: {best.speedup_over_best_fp32:.1f} times")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** Both factors are true. The first one mixes two things: what int8 brings, and what eager fp32 wastes.
# You could have had the second part without quantizing anything.

# %% [markdown] slideshow={"slide_type": "skip"}
# If your two factors are close, eager fp32 is good on your machine. If both are near or below 1, your processor has no fast int8
# instructions, or PyTorch has no engine that uses them. The line under the setup cell says which.
#
# A word on the networks of this lesson. Their weights are random: neither time nor bytes depend on them. Their batch norms have
# seen images (of noise), so that activations have the range of a trained network's. Section 4 says why that matters.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Vote, run, then ask who would have noticed. The factor over eager is the one that blog posts report.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. What a network moves
#
# You know the table by heart: *dynamic for LSTMs and Transformers, static for CNNs, QAT where a CNN loses accuracy*. Where does it
# come from? Count what each layer moves: its weights, its inputs and its outputs.
#
# **Predict.** Four networks: an LSTM with 1,024 units, the BERT shape with 128 tokens, ResNet-50, MobileNet-v2. For which are
# most of the moved numbers *weights*?


# %% slideshow={"slide_type": "skip"}
def traffic(model, x):
    """(MACs, weights, inputs, outputs) of each linear layer and convolution, in numbers, for the input `x`."""
    rows, hooks = [], []

    def note(layer, given, out):
        uses = out[0, 0].numel() if isinstance(layer, nn.Conv2d) else out.numel() // layer.out_features
        rows.append((uses * layer.weight.numel(), layer.weight.numel(), given[0].numel(), out.numel()))

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            hooks.append(layer.register_forward_hook(note))
    with torch.no_grad():
        model.eval()(x)
    for hook in hooks:
        hook.remove()
    return rows


# %% slideshow={"slide_type": "skip"}
with torch.device("meta"):  # shapes without numbers: counting needs no memory
    image, text = torch.zeros(1, 3, 224, 224), torch.zeros(1, 128, dtype=torch.long)
    layers = {
        "BERT shape": traffic(models.Encoder(), text),
        "ResNet-50": traffic(torchvision.models.resnet50(), image),
        "MobileNet-v2": traffic(torchvision.models.mobilenet_v2(), image),
    }
units, rows_read = 1024, 28  # an LSTM reads all its weights again at each of the 28 steps
step = (4 * units * (28 + units), 4 * units * (28 + units), 28 + units, 4 * units)
layers = {"LSTM, 1,024 units": [step] * rows_read, **layers}
total = {name: [sum(column) for column in zip(*rows, strict=True)] for name, rows in layers.items()}
share = {name: weights / (weights + inputs + outputs) for name, (_, weights, inputs, outputs) in total.items()}
card.record("bert-weights-share", share["BERT shape"])
card.record("mobilenet-weights-share", share["MobileNet-v2"])

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### From all weights to mostly activations

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(12, 3.9))
names = list(total)[::-1]
left = [0.0] * len(names)
for part, colour in (("weights", "blue"), ("inputs", "sky"), ("outputs", "yellow")):
    index = ("MACs", "weights", "inputs", "outputs").index(part)
    width = [100 * total[name][index] / sum(total[name][1:]) for name in names]
    ax.barh(names, width, left=left, color=plots.COLOURS[colour], label=part)
    left = [a + b for a, b in zip(left, width, strict=True)]
ax.set(xlabel="share of the numbers moved, %", xlim=(0, 100))
ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
plots.show(
    fig,
    alt="Stacked bars, one a network: the LSTM moves almost only weights, the BERT shape about four fifths weights, ResNet-50 "
    "about half, MobileNet-v2 about a fifth; the rest are inputs and outputs of layers.",
    caption="Batch 1. Weights dark blue, inputs of layers light blue, outputs yellow.",
)

# %% slideshow={"slide_type": "skip"}
Table(
    ["batch 1", "MACs, millions", "weights, fp32", "inputs and outputs, fp32", "MACs for each number moved"],
    [
        [
            name,
            f"{macs / 1e6:,.0f}",
            si(4 * weights, "B"),
            si(4 * (inputs + outputs), "B"),
            f"{macs / (weights + inputs + outputs):.1f}",
        ]
        for name, (macs, weights, inputs, outputs) in total.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** Two families. Where weights rule, int8 *weights* are most of the gain, and the activations may stay
# float between layers. Where activations rule, they must become int8 too, *and stay so*.

# %% [markdown] slideshow={"slide_type": "skip"}
# A larger batch moves the bars to the right: it multiplies inputs and outputs, not weights. For the LSTM we count the weights once a step, as they
# do not fit into the caches nearest to the arithmetic. ResNet-50 stands between the families. Bytes alone do not decide about it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer.* Ask for the bar of a Transformer that writes one token at a time. Its inputs and outputs shrink 128-fold: almost only
# weights, like the LSTM. Language models live there.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. What a conversion costs
#
# Dynamic quantization leaves float between layers. So each layer, at each call, searches the range of its input, quantizes
# it, and converts its output back. Static quantization does none of that.
#
# We measure three things: the arithmetic peak in fp32 and in int8, the bandwidth ([[roofline]]), and the price of a conversion for
# one number.
#
# **Predict.** For which of the four networks do the conversions take longer than the int8 layers themselves?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
side = 1024
square = nn.Sequential(nn.Linear(side, side)).requires_grad_(False)
square_int8 = tq.quantize_dynamic(square)
v, long = torch.randn(side, side), torch.rand(2**26)  # 256 MiB: no cache holds it
some = torch.randn(2**18)  # an activation of 1 MB: it was just written, so it lies in a cache
some_int8 = torch.quantize_per_tensor(some, 0.05, 64, torch.quint8)
jobs = {
    "fp32, eager": lambda: square(v),
    "int8": lambda: square_int8(v),
    "read": lambda: torch.dot(long, long),
    "range": lambda: torch.aminmax(some),
    "to int8": lambda: torch.quantize_per_tensor(some, 0.05, 64, torch.quint8),
    "to float": lambda: some_int8.dequantize(),
}
if packed.can_pack():
    square_packed = packed.pack(square, side)
    jobs["fp32, packed"] = lambda: square_packed(v)
else:
    print(packed.NOT_HERE)
probes = timing.compare(jobs, rounds=7, device="cpu")
seconds = {name: probes.median_ms(name) / 1e3 for name in probes.samples}

# %% slideshow={"slide_type": "skip"}
peak = {
    "fp32": 2 * side**3 / min(seconds[name] for name in seconds if name.startswith("fp32")),
    "int8": 2 * side**3 / seconds["int8"],
}
bandwidth = 4 * len(long) / seconds["read"]
price_in = (seconds["range"] + seconds["to int8"]) / len(some)  # seconds for one input of a dynamic layer
price_out = seconds["to float"] / len(some)


def bound(rows, peak, bytes_each):
    """Least seconds of the layers by the roofline: each takes the longer of its arithmetic and its bytes."""
    return sum(
        max(2 * macs / peak, bytes_each * (weights + inputs + outputs) / bandwidth)
        for macs, weights, inputs, outputs in rows
    )


fp32_s = {name: bound(rows, peak["fp32"], 4) for name, rows in layers.items()}
int8_s = {name: bound(rows, peak["int8"], 1) for name, rows in layers.items()}
convert_s = {name: inputs * price_in + outputs * price_out for name, (_, _, inputs, outputs) in total.items()}

# %% slideshow={"slide_type": "skip"}
Table(
    ["measured here, one thread", ""],
    [
        ["peak in fp32, the better of eager and packed", si(peak["fp32"], "FLOP/s")],
        ["peak in int8", si(peak["int8"], "OP/s")],
        ["read bandwidth", si(bandwidth, "B/s")],
        ["range and quantize, one number", si(price_in, "s")],
        ["back to float, one number", si(price_out, "s")],
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The decision table, derived

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["batch 1", "int8 layers, ms", "conversions if dynamic, ms", "static at most", "dynamic at most", "dynamic keeps"],
    [
        [
            name,
            f"{1e3 * int8_s[name]:.3g}",
            f"{1e3 * convert_s[name]:.3g}",
            f"{fp32_s[name] / int8_s[name]:.1f}×",
            f"{fp32_s[name] / (int8_s[name] + convert_s[name]):.1f}×",
            f"{int8_s[name] / (int8_s[name] + convert_s[name]):.0%}",
        ]
        for name in layers
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** *Dynamic keeps* is the share of the gain that is left when every layer converts. High: take dynamic, it needs no
# data and no change of the model. Low: the conversions eat the gain, so take static.

# %% [markdown] slideshow={"slide_type": "skip"}
# "At most" is over the *best* fp32, and it is a bound: the slower of arithmetic and memory, layer by layer, and nothing else. A real
# network does worse. Where the bound of int8 is far above four, a cache or a special unit would have to help.
#
# If *dynamic keeps* is high in all your rows, conversions are cheap on your processor, or its int8 arithmetic is slow.
# The famous table would then not follow on your machine, at least not from time.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A test: MobileNet-v2 with conversions around each layer
#
# PyTorch's dynamic convolution is off its default list, and warns of poor accuracy ([[audit]]). But we can put a wrapper around *each* convolution: float in, int8 inside, float out. The
# kernels are those of static quantization. Ranges are fixed, so the search is left out.
#
# **Predict.** Is it faster than fp32? And how many times slower than int8 throughout?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def with_round_trips(network):
    """The int8 network whose every layer takes and gives float."""

    def wrap(module):
        for name, child in module.named_children():
            if type(child).__name__ in ("Conv2d", "ConvReLU2d", "Linear"):
                wrapped = tq.QuantWrapper(child)
                wrapped.qconfig = tq.get_default_qconfig(engine)
                setattr(module, name, wrapped)
            else:
                wrap(child)

    model = network.quantizable()
    model.fuse_model()
    wrap(model)
    tq.prepare(model, inplace=True)
    model(network.calibration)
    return tq.convert(model, inplace=True)


trip_nets = {
    "fp32, eager": mobile.model,
    "int8 throughout": torch_eager.int8_model(mobile),
    "int8, a round trip for each layer": with_round_trips(mobile),
}
trip_runs = {name: lambda net=net: net(mobile.example) for name, net in trip_nets.items()}
with tempfile.TemporaryDirectory() as scratch:
    trip_runs["fp32, traced"] = torch_eager.fp32_traced(mobile, Path(scratch)).run
trip_speed = timing.compare(trip_runs, rounds=7, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
trip_audits = {name: int8_audit.audit(net, mobile.example) for name, net in trip_nets.items()}
Table(
    ["MobileNet-v2", "int8 layers", "conversions", "times eager fp32", "times fp32, traced"],
    [
        [
            name,
            sum(trip_audits[name].count("int8", kind) for kind in ("Conv", "Linear")),
            sum(row.kind in ("Quantize", "DeQuantize") for row in trip_audits[name].rows),
            f"{trip_speed.ratio(name):.2f}×",
            f"{trip_speed.median_ms('fp32, traced') / trip_speed.median_ms(name):.2f}×",
        ]
        for name in trip_nets
    ],
)

# %% slideshow={"slide_type": "skip"}
card.record(
    "round-trips-cost",
    trip_speed.median_ms("int8, a round trip for each layer") / trip_speed.median_ms("int8 throughout"),
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The same kernels, the same weights, and much of the gain is gone: over the better fp32 little or nothing may be left. A dynamic
# convolution would also have to search its range.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The table in words
#
# | network | what binds it | method | lesson |
# |---|---|---|---|
# | LSTM, RNN | weights, read again at each step | dynamic | [[dynamic]] |
# | Transformer | weights; conversions are a small part | dynamic | [[dynamic]] |
# | CNN | activations; conversions eat the gain | static | [[static]] |
# | CNN that loses accuracy that way | the same | quantization-aware training | [[qat_cnn]] |
#
# What it leaves out: no data for calibration (dynamic, or weights only), no int8 kernels on the device (keep float), a
# large batch (every network moves towards activations).

# %% [markdown] slideshow={"slide_type": "skip"}
# Is the table true of *every* CNN? Look at the row of ResNet-50 again. Its layers have more arithmetic for each number moved, so conversions are a smaller
# part than in MobileNet-v2, and dynamic would keep a good share of the gain. That all CNNs are quantized statically has a second reason, which no roofline
# shows: PyTorch's dynamic int8 convolution is off the default list, and warns of poor accuracy ([[audit]]).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let two students derive a row each from the measured table, aloud. Then show the words.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. The headline table
#
# What was published ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)), all of it cited, none of it
# measured here:
#
# | published | fp32, ms | int8, ms | called | accuracy | measured on |
# |---|---|---|---|---|---|
# | BERT, dynamic | 581 | 313 | 1.8× | F1 .902 → .895 | Xeon-D2191, 1.6 GHz |
# | ResNet-50, static | 214 | 103 | 2× | top-1 76.1 → 75.9 | the same |
# | MobileNet-v2, static; accuracy by QAT | 97 | 17 | 5.7× | top-1 71.9 → 71.6 | Samsung S9, a phone |
#
# **Predict.** Why does the *smallest* network gain most? **A** int8 suits it **B** the phone **C** its fp32 baseline


# %% slideshow={"slide_type": "skip"}
def live_and_audit(name):
    """Rows of one network, its control cosine and its number of int8 linear layers; the network is gone afterwards."""
    network = networks.NETWORKS[name]()
    rows = live(network)
    audit = int8_audit.audit(torch_eager.int8_model(network), network.example)
    return rows, compare.control_cosine(network), audit.count("int8", "Linear")


resnet_rows, resnet_control, _ = live_and_audit("ResNet-50")

# %% slideshow={"slide_type": "skip"}
bert_rows, bert_control, bert_int8_linears = live_and_audit("BERT-base shape")
by_network = {"BERT-base shape": bert_rows, "ResNet-50": resnet_rows, "MobileNet-v2": mobile_rows}
controls = {
    "BERT-base shape": bert_control,
    "ResNet-50": resnet_control,
    "MobileNet-v2": compare.control_cosine(mobile),
}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Measured here

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
quickest = {name: fastest(rows, "int8") for name, rows in by_network.items()}
Table(
    ["one input, one thread", "fastest int8 in PyTorch", "times eager fp32", "times best fp32", "file, MB", "cosine"],
    [
        [
            name,
            row.variant.removeprefix("int8 "),
            f"{row.speedup_over_eager:.2f}",
            f"{row.speedup_over_best_fp32:.2f}",
            f"{by_network[name][0].file_bytes / 1e6:.0f} → {row.file_bytes / 1e6:.1f}",
            f"{row.cosine:.4f}",
        ]
        for name, row in quickest.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** All of A, B and C play a part in the 5.7×, and the source says so: its float figure is another library's (Caffe2), *not
# optimized*, and a phone's int8 engine is another one. On your machine the order may be different.

# %% slideshow={"slide_type": "skip"}
int8_record.table([row for rows in by_network.values() for row in rows])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is a cosine near 1 good?
#
# The outputs of int8 and fp32 point almost the same way. **Predict.** What is the cosine between the fp32 outputs for two *different* inputs?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
worst = {name: min(row.cosine for row in rows) for name, rows in by_network.items()}
runtime.seed_all(0)
fresh, two = torchvision.models.resnet50().eval().requires_grad_(False), torch.randn(2, 3, 224, 224)
untouched = compare.cosine(*fresh(two))
Table(
    ["", "int8 and fp32, same input, at least", "fp32, two different inputs"],
    [[name, f"{worst[name]:.4f}", f"{controls[name]:.4f}"] for name in networks.NETWORKS]
    + [["ResNet-50 whose batch norms have seen nothing", "–", f"{untouched:.4f}"]],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** A cosine means something only beside such a control. Two inputs may agree closely as well.

# %% [markdown] slideshow={"slide_type": "skip"}
# The last row is the trap. A network with random weights and *fresh* batch norms gives nearly the same answer to every image, so a cosine of 0.999
# would prove nothing there. That is why our networks have seen images, and why a trained network's accuracy ([[dynamic]], [[static]] and [[qat]], and section 7) is the
# better proof.

# %% slideshow={"slide_type": "skip"}
smaller = {
    name: rows[0].file_bytes / next(row.file_bytes for row in rows if row.variant.startswith("int8"))
    for name, rows in by_network.items()
}  # of the state; a traced file holds its code too
over_eager = {name: row.speedup_over_eager for name, row in quickest.items()}
over_best = {name: row.speedup_over_best_fp32 for name, row in quickest.items()}
card.record("bert-file", smaller["BERT-base shape"])
card.record("resnet-file", smaller["ResNet-50"])
card.record("mobilenet-file", smaller["MobileNet-v2"])
card.record("live-cosine", min(worst.values()))
card.record("control-cosine", max(controls.values()))
card.record("bert-linear-int8", bert_int8_linears)
card.record("bert-over-eager", over_eager["BERT-base shape"])
card.record("resnet-over-eager", over_eager["ResNet-50"])
card.record("mobilenet-over-eager", over_eager["MobileNet-v2"])
card.record("least-over-best", min(over_best.values()))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Did the roofline predict it?

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
pairs = {"BERT shape": "BERT-base shape", "ResNet-50": "ResNet-50", "MobileNet-v2": "MobileNet-v2"}
bounds = {short: fp32_s[short] / (int8_s[short] + convert_s[short] * (short == "BERT shape")) for short in pairs}
Table(
    ["over the best fp32", "bound", "measured", "measured / bound"],
    [
        [short, f"{bounds[short]:.1f}×", f"{over_best[name]:.1f}×", f"{over_best[name] / bounds[short]:.0%}"]
        for short, name in pairs.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The bound for dynamic (BERT) and static (the others) tells the order of magnitude. What is missing has two
# sources: layers that are not quantized (softmax, norms, sums), and time that is not spent in layers at all. Section 5 looks for it. (Above 100 %: fp32
# falls short of its own roof by more than int8 does.)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* A measured value above its bound is possible: fp32 may fall short of its own roof by more than int8 does. Ask
# which of the two numbers in a ratio the bound is about. Both.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What a "5×" becomes
#
# Compiling takes minutes and a C++ compiler. So the next rows were *recorded*, by `python course.py bench quantization`, which makes the same
# table on your machine, with compilers and other runtimes.
#
# **Predict.** ONNX Runtime and OpenVINO run the *unquantized* network too. Is their fp32 nearer to PyTorch's eager fp32, or to int8?

# %% slideshow={"slide_type": "skip"}
GROUPS = {
    "PyTorch fp32, eager": ("torch", "fp32, eager"),
    "PyTorch fp32, best": ("torch", "fp32"),
    "PyTorch bf16, best": ("torch", "bf16"),
    "PyTorch int8, old interface": ("torch", ("int8 dynamic", "int8 static")),
    "PyTorch int8, PT2E": ("torch", "int8 PT2E"),
    "ONNX Runtime fp32": ("ONNX Runtime", "fp32"),
    "ONNX Runtime int8": ("ONNX Runtime", "int8"),
    "OpenVINO fp32": ("OpenVINO", "fp32"),
    "OpenVINO int8": ("OpenVINO", "int8"),
}


def best_recorded(network, runtime_name, start):
    """The fastest recorded row of a group, or None."""
    rows = [
        row
        for row in recorded_rows
        if (row.model, row.runtime) == (network, runtime_name) and row.why is None and row.variant.startswith(start)
    ]
    return min(rows, key=lambda row: row.median_ms, default=None)


recorded_at = f"Recorded {record['date']} on {record['cpu']} ({', '.join(record['flags'])}), one thread, " + ", ".join(
    f"{name} {version}" for name, version in record["versions"].items() if version
)
print(recorded_at)

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Recorded: three networks, three runtimes

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, axes = plots.figure(columns=3, size=(12, 4.5))
for ax, name in zip(axes, networks.NETWORKS, strict=True):
    found = {label: best_recorded(name, *group) for label, group in GROUPS.items()}
    values = [found[label].speedup_over_eager if found[label] else 0 for label in GROUPS]
    colours = ["grey" if "fp32" in label else "sky" if "bf16" in label else "blue" for label in GROUPS]
    ax.barh(range(len(GROUPS)), values, color=[plots.COLOURS[colour] for colour in colours])
    for y, value in enumerate(values):
        ax.text(value, y, f" {value:.1f}" if value else " –", va="center", fontsize=13)
    ax.set(title=name, xlim=(0, 1.25 * max(values)))
    ax.set_yticks(range(len(GROUPS)), list(GROUPS) if ax is axes[0] else [""] * len(GROUPS), fontsize=13)
    ax.invert_yaxis()
axes[1].set_xlabel("times eager fp32 of PyTorch")
plots.show(
    fig,
    alt="Three panels of horizontal bars, speed over eager fp32 for the BERT shape, ResNet-50 and MobileNet-v2. Grey fp32 bars of better "
    "runtimes are already well above 1; int8 bars are the longest in each runtime.",
    caption="Grey: fp32. Light blue: bf16. Dark blue: int8. " + recorded_at.split(" (")[0] + ", one thread.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** Three runtimes, three fp32 baselines. Compare a dark bar with the grey one *of its own runtime*.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two baselines, two stories

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
recorded_int8 = {name: best_recorded(name, "torch", ("int8 dynamic", "int8 static")) for name in networks.NETWORKS}
Table(
    ["recorded, PyTorch int8", "route", "over eager fp32", "over best fp32", "which is"],
    [
        [name, row.variant, f"{row.speedup_over_eager:.1f}×", f"{row.speedup_over_best_fp32:.1f}×", row.best_fp32]
        for name, row in recorded_int8.items()
        if row
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** State both, name the baseline, the runtime and the processor. A speed-up without them is no measurement.

# %% [markdown] slideshow={"slide_type": "skip"}
# All recorded rows follow. Where the file of OpenVINO's int8 BERT shape is the smallest, its tool has quantized the embeddings too. The best
# fp32 of a row is that of its own runtime. To compare runtimes with each other, take the column over eager fp32: all of them share that baseline.

# %% slideshow={"slide_type": "skip"}
for name in networks.NETWORKS:
    here, there = (
        {r.variant: r.speedup_over_eager for r in rows if (r.model, r.runtime, r.why) == (name, "torch", None)}
        for rows in (by_network[name], recorded_rows)
    )
    ranking.reversed_pairs(here, there)  # stops a build whose timings contradict the record
    display(int8_record.table([row for row in recorded_rows if row.model == name]))

# %% slideshow={"slide_type": "skip"}
measured = [row for row in recorded_rows if row.why is None]
cnn_files = [
    eager.file_bytes / row.file_bytes
    for eager in measured
    for row in measured
    if eager.variant == int8_record.EAGER
    and eager.model == row.model != "BERT-base shape"
    and row.variant.startswith("int8 static")
    and row.runtime == "torch"
    and "traced" not in row.variant
]
card.record("recorded-cosine", min(row.cosine for row in measured))
card.record("recorded-rows", len(measured))
card.record("recorded-cnn-files", min(cnn_files))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. What holds an int8 model back
#
# MobileNet-v2 in int8 gains when it is *traced*: the same kernels, called by TorchScript in place of Python. So the
# kernels are not the whole time.
#
# **Predict.** Of the time of the eager int8 network, how much is spent outside the int8 kernels: 5 %, 30 %, 80 %?

# %% slideshow={"slide_type": "fragment"}
mobile_profile = profile.profile_int8(mobile)
mobile_profile.table()

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The kernels take about the same time in both. What is *between* them is mostly Python: each module call runs through several
# functions before a kernel starts. Tracing removes most of it.

# %% [markdown] slideshow={"slide_type": "skip"}
# The *smaller* the work of a kernel, the more its call weighs: so it shows for MobileNet-v2, with its many small layers and one image, and hardly for
# ResNet-50. A larger batch hides it as well. No number format makes Python faster. If your two rows agree, your kernels are so slow that
# nobody sees the rest.
#
# The recorded profile, from the machine of the record:

# %% slideshow={"slide_type": "skip"}
profile.Profile(**record["profile"][mobile.name]).table()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. What exists where
#
# A method is worth nothing where its operators do not exist. The audit ([[audit]]) says what ran. PyTorch's older engines:

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
WHERE = {"x86": "Intel, AMD", "onednn": "Intel, AMD", "fbgemm": "Intel, AMD", "qnnpack": "ARM, and anywhere slowly"}
per_engine = {
    name: {
        row.model: row
        for row in recorded_rows
        if row.variant in (f"int8 static, {name}", f"int8 dynamic, {name}") and row.why is None
    }
    for name in WHERE
}
Table(
    ["engine", "made for", "in this PyTorch", *(f"recorded: {name}" for name in networks.NETWORKS)],
    [
        [
            name,
            where,
            "yes" if name in torch.backends.quantized.supported_engines else "no",
            *(
                f"{per_engine[name][net].speedup_over_eager:.1f}× eager fp32" if net in per_engine[name] else "–"
                for net in networks.NETWORKS
            ),
        ]
        for name, where in WHERE.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# `x86` takes the faster of `fbgemm` and `onednn` for each layer. **Predict.** Which of PyTorch's ways to int8 runs on a GPU?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### GPUs: no longer "CPU only"
#
# You may read that quantized models "only run on CPU". It holds for what `torch.ao.quantization` converts, and for nothing else.
#
# | route | x86 CPU | ARM CPU, phone | NVIDIA GPU | quantizes |
# |---|---|---|---|---|
# | `torch.ao.quantization`, eager | yes | qnnpack | no | linear, LSTM, convolution, + |
# | torchao `quantize_` | yes | low bits | int8, int4, fp8 ([status](https://docs.pytorch.org/ao/stable/workflows/index.html)) | linear |
# | PT2E + `torch.compile` | yes | yes | no, Intel's GPUs | linear, convolution |
# | PT2E + ExecuTorch | yes | [XNNPACK](https://docs.pytorch.org/executorch/stable/ios-xnnpack.html) | – | linear, convolution |
# | ONNX Runtime | yes | yes | CUDA, TensorRT | linear, convolution |
# | OpenVINO | yes | yes | no, Intel's GPUs and NPUs | linear, convolution |

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

device = runtime.best_device()


def on_device(make):
    """What a quantized linear layer does on the best device of this machine."""
    try:
        model = make(nn.Sequential(nn.Linear(64, 64)).eval().requires_grad_(False)).to(device)
        found = int8_audit.audit(model, torch.randn(32, 64, device=device)).rows[0]
        return f"{found.runs_in}: {found.why}"
    except (RuntimeError, NotImplementedError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"


def with_torchao(model):
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return model


Table(
    [f"a linear layer on {device.type}", ""],
    [["quantize_dynamic", on_device(tq.quantize_dynamic)], ["torchao, int8 dynamic", on_device(with_torchao)]],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# On a machine with a CUDA device the first row shows an error and the second one a kernel of the GPU. Here you see your own device. The words in the
# table above are from the projects' documentation, read for this lesson; support moves quickly, so look again before you plan.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Which layers of the headline networks run in int8
#
# **Predict.** The BERT shape has twelve layers with four linear modules each. How many run in int8? And what else of it does?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print(f"linear modules of the BERT shape in int8, by their kernels: {bert_int8_linears}")
Table(
    ["MobileNet-v2, int8 throughout", ""],
    [
        ["convolutions in int8", trip_audits["int8 throughout"].count("int8", "Conv")],
        ["sums in int8", trip_audits["int8 throughout"].count("int8", "QFunctional")],
        [
            "modules left in float",
            sum(
                row.runs_in == "float32" and row.kind not in ("Quantize", "DeQuantize")
                for row in trip_audits["int8 throughout"].rows
            ),
        ],
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** All linear modules, and nothing else: softmax, layer norm, GELU, the products inside attention and the embeddings stay float. In the CNN
# everything is int8 from the first convolution to the last linear layer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. The deployment step
#
# A service or a phone runs no PyTorch. **ONNX** is a file format for networks ([onnx.ai](https://onnx.ai)), and ONNX Runtime and
# OpenVINO are programs that run it. Ship means: export, *check the outputs*, quantize there, *check the accuracy*.
#
# The packages are the extra `deploy`. Without them this section shows recorded rows.
#
# **Predict.** The trained SmallCNN goes through all that. How many points of accuracy does it lose on the way?

# %% slideshow={"slide_type": "skip"}
cnn = checkpoints.load("small_cnn").requires_grad_(False)
images, labels = data.load("fashion_mnist", "test")
calibration = data.load("fashion_mnist", n=256)[0]
folder = Path(tempfile.mkdtemp())


def export(model, x, path):
    """Write `model` as an ONNX file for any batch size."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.")  # PyTorch's own business
        torch.onnx.export(
            model,
            (x,),
            path,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["x"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )


# %% slideshow={"slide_type": "skip"}
def ort_int8(source, path, x):
    """Quantize an ONNX file statically: unsigned activations, signed weights with one scale a channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Batches(CalibrationDataReader):
        left = iter(x.split(32))

        def get_next(self):
            return next(({"x": batch.numpy()} for batch in self.left), None)

    quant_pre_process(source, folder / "folded.onnx")
    quantize_static(
        folder / "folded.onnx",
        path,
        Batches(),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )


# %% slideshow={"slide_type": "skip"}
def session(path):
    """Load an ONNX file into ONNX Runtime on one thread; a function from images to logits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    loaded = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(loaded.run(None, {"x": x.numpy()})[0])


try:
    export(cnn, images[:2], folder / "fp32.onnx")
    ort_int8(folder / "fp32.onnx", folder / "int8.onnx", calibration)
    onnx_bytes = {kind: (folder / f"{kind}.onnx").stat().st_size for kind in ("fp32", "int8")}
    shipped = {"PyTorch fp32": cnn} | {
        f"ONNX Runtime {kind}": session(folder / f"{kind}.onnx") for kind in ("fp32", "int8")
    }
    print("exported, quantized and loaded")
except ImportError as error:
    shipped = {}
    print(f'{error.name} is not installed. Get it with: pip install -e ".[deploy]". Recorded rows stand in below.')

# %% slideshow={"slide_type": "skip"}
deployed = {row.technique: row for row in ledger.rows(["static", "choosing"]) if row.model == "SmallCNN"}
if shipped:
    logits = {name: torch.cat([run(batch) for batch in images.split(500)]) for name, run in shipped.items()}
    accuracy = {name: (out.argmax(1) == labels).double().mean().item() for name, out in logits.items()}
    speed = timing.compare(
        {name: lambda run=run: run(images[:1]) for name, run in shipped.items()}, rounds=7, device="cpu"
    )
    gap = (logits["ONNX Runtime fp32"] - logits["PyTorch fp32"]).abs().max().item()
    print(f"fp32, largest difference of a logit to PyTorch: {gap:.1e}")
    for kind, technique in (("fp32", "fp32, ONNX Runtime"), ("int8", "static int8, ONNX Runtime")):
        name = f"ONNX Runtime {kind}"
        deployed[technique] = ledger.record(
            lesson="choosing",
            task="fashion_mnist",
            model="SmallCNN",
            technique=technique,
            accuracy=accuracy[name],
            file_bytes=onnx_bytes[kind],
            speedup=speed.ratio(name),
        )

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The shipped files, and their accuracy

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
ledger.table([row for technique, row in deployed.items() if "per tensor" not in technique])

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The exported fp32 network gives the same numbers up to rounding: that is the check of the *export*. The int8 file is
# checked by its *accuracy*, on the whole test set.

# %% slideshow={"slide_type": "skip"}
ort_drop = 100 * (deployed["fp32, ONNX Runtime"].accuracy - deployed["static int8, ONNX Runtime"].accuracy)
card.record("deployed-drop", ort_drop)
card.record("deployed-same", 100 * abs(deployed["fp32, ONNX Runtime"].accuracy - deployed["fp32"].accuracy))

# %% [markdown] slideshow={"slide_type": "skip"}
# Check the outputs *before* you quantize. If the exported file is wrong already, no accuracy of int8 will tell you why. Check on more than one batch
# size, and on real inputs: an export records one path through the code.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The trap of signed activations
#
# After ReLU, activations are never negative, so 8 bits without a sign suffice (U8). ONNX Runtime's tool can also take signed ones
# (S8); its guide calls that the default, "the first choice" ([data type
# selection](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)). Weights are signed in both.
#
# **Predict.** S8S8 against U8S8: **A** the same speed **B** S8S8 a little slower **C** S8S8 loses most of the gain

# %% slideshow={"slide_type": "skip"}
deploy_rows = compare.measure(
    mobile, [torch_eager.routes(mobile, live=True)[0], *other_runtimes.routes(mobile)], rounds=5
)
absent = sorted({row.why for row in deploy_rows if row.why})
print("\n".join(absent) or "all measured here")
peers = [
    row for row in (recorded_rows if absent else deploy_rows) if row.model == mobile.name and row.runtime != "torch"
]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print(recorded_at if absent else "measured here, one thread")
Table(
    ["MobileNet-v2", "variant", "times PyTorch's eager fp32", "times its own fp32", "file", "cosine"],
    [
        [
            row.runtime,
            row.variant,
            f"{row.speedup_over_eager:.2f}",
            f"{row.speedup_over_best_fp32:.2f}",
            si(row.file_bytes, "B"),
            f"{row.cosine:.4f}",
        ]
        for row in peers
        if row.why is None
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The same bits, the same accuracy, another speed. On x86 the int8 instructions multiply *unsigned by signed*. A signed
# activation does not fit, and the runtime takes a slower way.

# %% slideshow={"slide_type": "skip"}
speed_of = {row.variant: row.median_ms for row in peers if row.runtime == "ONNX Runtime" and row.why is None}
card.record("signed-costs", speed_of["int8 static, S8S8"] / speed_of["int8 static, U8S8"])

# %% [markdown] slideshow={"slide_type": "skip"}
# The instruction is `VPDPBUSD` of VNNI. On ARM the dot product is signed by signed, so S8S8 is right there, and GPUs want it too. A
# default is made for all of them. If your two rows are equal, your processor or your version of the runtime treats both alike.
#
# The guide's other warning is about processors *without* VNNI: there U8S8 may overflow in 16 bits ([[dynamic]], `reduce_range`).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* The trap is a good closing question for engineers: "Who of you has an S8S8 model in production?" It passes every test of
# accuracy, and nobody looks at the time again.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. Which route to ship
#
# | you ship to | take | because |
# |---|---|---|
# | x86 server, Python is there | static int8 by PT2E, compiled; or the old interface, traced | near the best int8, no new runtime |
# | x86 server, no Python | ONNX Runtime with U8S8, or OpenVINO | fast fp32 *and* int8, one file |
# | ARM server or phone | ExecuTorch (XNNPACK), or ONNX Runtime with S8S8 | kernels for ARM |
# | NVIDIA GPU | bf16 first, then torchao int8 or fp8; TensorRT for convolutions | 16 bits are fast there already |
# | an x86 processor with bf16, accuracy matters most | bf16, compiled | no calibration, a good part of the gain |
# | no int8 instructions | fp32 in the better runtime | int8 would only save bytes |
#
# TorchScript is deprecated, so for new code the first row means PT2E.

# %% [markdown] slideshow={"slide_type": "skip"}
# Before any of these: is fp32 in a better runtime enough? It costs an afternoon, and no accuracy. The recorded table above shows how far it goes.
# And measure on the device itself: no row of this lesson was measured on yours.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Into the ledger
#
# The headline networks have random weights, so their rows have no accuracy. Energy is the estimate of [[energy]], from counted operations.

# %% slideshow={"slide_type": "skip"}
for short, name in pairs.items():
    for kind, mac, bits in (("fp32", "fp32", 32), ("int8", "int8, int32 sum", 8)):
        row = by_network[name][0] if kind == "fp32" else fastest(by_network[name], "int8")
        macs, weights = total[short][:2]
        bill = (macs * energy.MAC_PJ[mac] + weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3
        technique = {"fp32": "fp32", "int8": "dynamic int8" if short == "BERT shape" else "static int8"}[kind]
        ledger.record(
            lesson="choosing",
            task="none, random weights",
            model=short,
            technique=technique,
            file_bytes=row.file_bytes,
            speedup=row.speedup_over_eager,
            energy_nj=bill,
        )
ledger.table(ledger.rows(["choosing"]))

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means. The first exercise is about these six cases:

# %% slideshow={"slide_type": "skip"}
Table(["the six cases", *list(check.CASES.values())[0]], [[name, *case.values()] for name, case in check.CASES.items()])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Choose, and say why
# ★★ · 15 minutes
#
# Write `choose(case)`. A case has `kind`, `int8_kernels` (has the device any?), `int8_ms` (its int8 layers), `convert_ms` (conversions if each layer takes
# float), `drop_pp` (accuracy that static int8 costs). Return method and reason, the first line that fits:
#
# | if | method | reason |
# |---|---|---|
# | no int8 kernels | `"float"` | `"no kernels"` |
# | conversions at most a quarter of the int8 layers | `"dynamic"` | `"conversions are cheap"` |
# | static costs more than 1 point | `"qat"` | `"static loses accuracy"` |
# | else | `"static"` | `"conversions are expensive"` |
#
# <details><summary>Hint</summary>
# Do not look at kind: a name decides nothing. "At most" includes equal, "more than" does not.
# </details>


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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · Predict the gain
# ★★★ · 15 minutes
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · Read an audit, find the bottleneck
# ★★ · 12 minutes
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from sources, beside what your run measured. The rows about speed are judged by the bench, alone on a machine
# with int8 instructions. On others they may fail, and the table says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Conversions decide: where they are cheap beside the layers, take dynamic; where they are expensive, static; where static loses accuracy, train for it.
# - A speed-up has two baselines, eager and the best fp32, and belongs to one processor, one runtime and one number of threads.
# - Ship a file, not a notebook: check the exported outputs, then the accuracy, then the time on the device.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - H. Wu et al., *Integer quantization for deep learning inference: principles and empirical evaluation*, 2020,
#   [arXiv:2004.09602](https://arxiv.org/abs/2004.09602). Which method for which network, on GPUs.
# - S. Williams, A. Waterman, D. Patterson, *Roofline*, 2009, [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785).
# - D. Bailey, *Twelve ways to fool the masses when giving performance results on parallel computers*, 1991. The baseline is the oldest of them.
# - Recommended video: Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
#   [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w). It helps, and does not replace the lesson.
#
# **Project ideas**: run the bench on a phone-class board; add a row for TensorRT or ExecuTorch; redo section 3 at batch 32 and see which rows
# change their method.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Credits
#
# The published table is from *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
