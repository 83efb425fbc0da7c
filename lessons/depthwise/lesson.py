# ---
# jupyter:
#   course:
#     promise: You will find where an int8 network loses its signal, keep that part in float, and choose scales and engine by measuring.
#     minutes: 45
#     seconds: 30
#     needs: [measuring, energy, integers, observers, static]
#     goals:
#       - Show that one scale for a tensor can destroy a network that one for a channel keeps, and by an ablation why.
#       - Find where the signal is lost, and leave that part in float.
#       - Compare the engines of your machine.
#       - Convert networks with shortcuts, judge published int8 models, and say what can be traced and exported.
#     terms: [depthwise convolution, TorchScript]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Another network, one scale a layer: over 20 points of accuracy are gone. Where did it go?*
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
# *For the lecturer, 1 min.* Remind the room of [[static]]: an ordinary CNN lost less than a point. Ask which networks run on phones: many with depthwise convolutions.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy

import torch
import torchvision
from torch import nn
from torch.ao import quantization as tq
from torch.ao.nn.quantized import FloatFunctional

from course_utils import data, legacy_int8, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, int8_audit, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.depthwise import checks as check

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
card = claims.Scorecard("depthwise")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = torch.device("cpu")  # torch.ao's int8 kernels are CPU code
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe(device)

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
cnn = checkpoints.load("small_cnn").requires_grad_(False)
depthwise = checkpoints.load("depthwise_cnn").requires_grad_(False)
images, labels = data.load("fashion_mnist", n=2000)  # training images, to calibrate on
test_set = data.load("fashion_mnist", "test")
batches = images[:512].split(32)
some, some_labels = (part[:1000] for part in test_set)
batch_of_64 = some[:64]


def percent_right(model, x=some, y=some_labels):
    """Right answers in percent; the first 1,000 test images unless told."""
    return 100 * training.evaluate(model, x, y)


def attempt(what):
    """Run `what`; give its result, or the beginning of its error."""
    try:
        return what()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).split('. ')[0].split(' (of')[0][:110]}"


def sqnr_db(exact, approximate):
    """Signal-to-quantization-noise ratio in decibels."""
    return 10 * torch.log10(exact.square().sum() / (exact - approximate).square().sum()).item()


default = tq.get_default_qconfig(engine)
per_tensor = tq.QConfig(activation=default.activation, weight=tq.default_weight_observer)
per_channel = tq.QConfig(activation=default.activation, weight=tq.default_per_channel_weight_observer)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def fused_copy(net):
    # a float copy with stubs, its batch norms folded, as in [[static]]
    blocks = [[f"module.features.{block}.{part}" for part in range(3)] for block in range(len(net.features))]
    return tq.fuse_modules(tq.QuantWrapper(copy.deepcopy(net)).eval(), blocks)


def converted(ready, qconfig, data=batches):
    ready = copy.deepcopy(ready).eval()
    ready.qconfig = qconfig
    observed = tq.prepare(ready)
    for batch in data:
        observed(batch)
    return tq.convert(observed)


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. One scale for a layer, or one for a channel
#
# A **depthwise** convolution filters each channel on its own, here with nine weights. MobileNet alternates them with 1×1 convolutions. DepthwiseCNN is a small one, SmallCNN an ordinary CNN; both
# are trained on Fashion-MNIST; DepthwiseCNN's recipe was chosen so that the effect shows.
#
# **Per tensor**: one scale for all weights of a layer. **Per channel**: one for each output channel. Eight bits in both cases.
#
# **Predict.** What does one scale for all do to DepthwiseCNN: **A** less than a point of accuracy lost, **B** 1 to 10, **C** more than 10?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2 min.* Vote; expect A and B: "eight bits were enough last time". After the table ask what differs between the two networks. Take all guesses; sections 1 and 2 test them.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "lecture", "hide-input"]
int8, fused, right = {}, {}, {}
for net in (cnn, depthwise):
    name = type(net).__name__
    fused[name] = fused_copy(net)
    int8[name, "fp32"] = net
    int8[name, "per tensor"] = converted(fused[name], per_tensor)
    int8[name, "per channel"] = converted(fused[name], per_channel)
for (name, how), model in int8.items():
    right[name, how] = percent_right(model, *(test_set if name == "DepthwiseCNN" else (some, some_labels)))
HOW = ("fp32", "per tensor", "per channel")
Table(
    ["right, %", *HOW],
    [[name, *(f"{right[name, how]:.2f}" for how in HOW)] for name in ("SmallCNN", "DepthwiseCNN")],
    caption="SmallCNN: the first 1,000 test images; DepthwiseCNN: all 10,000.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **DepthwiseCNN loses more than ten points (C), and one scale for a channel wins them back.** The ordinary CNN loses far less.
#
# <!-- page -->
#
# Do not conclude that every depthwise network breaks like this one. The two checkpoints differ in two things, architecture *and* training, and this one was trained with SGD at a large rate and a weight decay of 0.001 on every weight, because that makes the effect large enough to study. In separate runs, which are not on this page (30,000 training images, five passes, 2,000 test images, fp32 / one scale a tensor / one scale a channel), the same architecture gave
#
# | trained with | seed | right, % |
# |---|---|---|
# | Adam, no weight decay | 0 | 89.9 / 89.8 / 90.0 |
# | Adam, no weight decay | 1 | 90.6 / 90.7 / 90.8 |
# | SGD, no weight decay | 0 | 90.2 / 90.1 / 90.5 |
# | SGD, weight decay of 0.001 | 0 | 90.4 / 87.3 / 90.7 |
# | SGD, weight decay of 0.001 | 1 | 89.5 / 85.3 / 89.5 |
# | SmallCNN: SGD, weight decay of 0.001 | 0 | 88.6 / 88.6 / 87.9 |
#
# So it takes both: the depthwise architecture *and* the weight decay. This checkpoint, trained longer, shows the most of it. It does happen to real networks: the papers under *Going further* report it of MobileNets as they were published. (MobileNet's authors say that they put very little or no weight decay on the depthwise filters, [Howard et al., 2017](https://arxiv.org/abs/1704.04861), section 3.2.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The channels of one layer on one grid
#
# The first depthwise layer, batch norm folded in. Each bar is a channel: its largest weight, counted in steps of the shared scale.
#
# A channel n steps high has about 2n + 1 of the 256 levels to choose from.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask how many levels a bar at 1 has: three. The dashed line is half a step: what stays below it becomes all zeros. Folding multiplied each channel by its own factor.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
weight = fused["DepthwiseCNN"].module.features[1][0][0].weight
ranges = weight.abs().flatten(1).amax(1)
steps = (ranges.sort().values * 127.5 / ranges.max()).tolist()
fig, ax = plots.figure(size=(12, 4))
ax.bar(range(1, len(steps) + 1), steps, color=plots.COLOURS["blue"])
ax.axhline(0.5, color=plots.COLOURS["orange"], linestyle="--", label="half a step: below it all weights become 0")
ax.set(yscale="log", xlabel="channel, sorted", ylabel="largest |weight|, in steps", ylim=(0.01, 200))
ax.legend(loc="upper left")
median = sorted(steps)[len(steps) // 2]
plots.show(
    fig,
    alt=f"Bars on a logarithmic axis, one for each of {len(steps)} channels: from {steps[0]:.2g} steps over {median:.2g} in the middle to {steps[-1]:.3g}. "
    f"{sum(s < 0.5 for s in steps)} lie below a dashed line at half a step.",
    caption=f"A channel {median:.1f} steps high has about {2 * round(median) + 1} levels to choose from, the largest one 256.",
)

# %% slideshow={"slide_type": "skip"}
files = {how: size_report(int8["DepthwiseCNN", how]) for how in HOW}  # saved, loaded again, compared
channels = sum(m.out_channels for m in depthwise.modules() if isinstance(m, nn.Conv2d)) + depthwise.fc.out_features
more = files["per channel"].file_bytes - files["per tensor"].file_bytes
audit = int8_audit.audit(int8["DepthwiseCNN", "per channel"], some[:1])
card.record("depthwise-layers", audit.count("int8"))
card.record("depthwise-floor", right["DepthwiseCNN", "fp32"])
card.record("depthwise-drop", right["DepthwiseCNN", "fp32"] - right["DepthwiseCNN", "per channel"])
card.record("per-tensor-loses-more", right["DepthwiseCNN", "per channel"] - right["DepthwiseCNN", "per tensor"])
Table(
    ["DepthwiseCNN", "file", "smaller"],
    [[how, si(f.file_bytes, "B"), f"{files['fp32'].file_bytes / f.file_bytes:.2f}×"] for how, f in files.items()],
    caption=f"{more / channels:.0f} bytes more a channel, mean of {channels}.",
)

# %% slideshow={"slide_type": "skip"}
calls = {how: lambda model=int8["DepthwiseCNN", how]: model(some[:1]) for how in HOW}
speed = timing.compare(calls, rounds=7, device=device)
techniques = {
    "fp32": ("fp32", "fp32", 32),
    "per tensor": ("static int8, per tensor", "int8, int32 sum", 8),
    "per channel": ("static int8, per channel", "int8, int32 sum", 8),
}
written = [
    ledger.record(
        lesson="depthwise",
        task="fashion_mnist",
        model="DepthwiseCNN",
        technique=technique,
        accuracy=right["DepthwiseCNN", how] / 100,
        file_bytes=files[how].file_bytes,
        load_ms=files[how].load_ms,
        speedup=speed.ratio(how),
        energy_nj=energy.estimate(depthwise, some[:1], mac=mac, bits=bits).total_nj,
    )
    for how, (technique, mac, bits) in techniques.items()
]
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Why is the ordinary CNN safer?
#
# Two guesses. **A** Its filters sum over many inputs, so errors average out. **B** Its channels have alike ranges.
#
# The test: round one layer of SmallCNN as if its channels had the ranges of the depthwise layer. Each channel is multiplied up or down, all are rounded with *one* scale, and the factor is taken
# out again. Its filters still sum over as many inputs.
#
# **Predict.** What will the accuracy be if A is right, and what if B is?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Make the room say both predictions before the table: A says nothing happens, B says it falls. That is what makes it a test. The last column checks the code: with a scale each the factor cancels.


# %% slideshow={"slide_type": "skip"}
def rounded(w, per_channel):
    """8-bit weights as floats, with one scale or one for each channel."""
    top = w.abs().amax((1, 2, 3), keepdim=True) if per_channel else w.abs().amax()
    step = 2 * top / 255
    return torch.round(w / step).clamp(-128, 127) * step


def spread_right(layer, per_channel, order=None):
    """SmallCNN with one layer rounded, its channels given the depthwise layer's ranges in some order."""
    net = copy.deepcopy(fused["SmallCNN"].module)
    w = net.features[layer][0][0].weight
    factor = torch.ones(len(w), 1, 1, 1)
    if order is not None:
        given = ranges.log().quantile(torch.linspace(0, 1, len(w))).exp()
        given = given[torch.randperm(len(w), generator=torch.Generator().manual_seed(order))]
        factor = (given / w.abs().flatten(1).amax(1)).view(-1, 1, 1, 1)
    w.copy_(rounded(w * factor, per_channel) / factor)
    return percent_right(net, fewer, fewer_labels)


fewer, fewer_labels = some[:500], some_labels[:500]
spread = {}
for layer in range(3):
    orders = [spread_right(layer, False, order) for order in range(5)]
    spread[layer] = [spread_right(layer, False), orders, spread_right(layer, True, 0)]
unrounded = percent_right(cnn, fewer, fewer_labels)
card.record("spread-breaks-ordinary", unrounded - sum(spread[1][1]) / 5)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["layer", "inputs", "own ranges", "depthwise ranges", "… a scale each"],
    [
        [layer, cnn.features[layer][0].weight[0].numel(), f"{own:.1f}", f"{min(o):.1f} to {max(o):.1f}", f"{each:.1f}"]
        for layer, (own, o, each) in spread.items()
    ],
    caption=f"Right, %, of {len(fewer)} images; unrounded {unrounded:.1f}. Five orders of the ranges.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Guess A is not enough: given such ranges, layers 1 and 2 of the ordinary CNN fall as well, though they sum over hundreds of inputs.** With a scale for each channel they do not.
#
# <!-- page -->
#
# Whether A has a share too, the test does not say. How bad it gets is partly luck: [[qat_cnn]] looks at single channels.
#
# Where do the unequal ranges come from? Not from the trained filters themselves. In the depthwise blocks 1, 3 and 5 the largest |weight| of a channel is 2.5, 1.9 and 2.0 times that of the median channel. After batch norm has been folded in, it is 16.8, 15.4 and 20.9 times (SmallCNN, folded: 4.4, 2.0, 1.5). Folding multiplies each channel by its own factor $\gamma / \sqrt{\sigma^2 + \epsilon}$: a channel whose outputs vary little gets a large one. So the fusion of [[static]], which spares a rounding of the activations, is also what
# spreads the weights. Weight decay, section 1 says, makes the factors more unequal.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Where is the signal lost?
#
# Run DepthwiseCNN in float and in int8 side by side, and compare after each block.
#
# **Predict.** Blocks 1, 3, 5 are depthwise. With one scale a *tensor* the error jumps at block 1. With one scale a *channel*: **A** no jump, **B** a jump at the same block?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect A, for section 1 has just blamed the weights. Do not explain after the figure: the next slide asks why.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def outputs(net, x, change=lambda y, layer: y, layers=(None,) * 9):
    """What each block and the linear layer give, each result passed through `change` on its way."""
    seen = {}
    for number, block in enumerate(net.features):
        seen[str(number)] = x = change(block(x), layers[number])
    seen["linear"] = change(net.fc(x.mean((2, 3))), layers[-1])
    return seen


levels = default.activation()  # an observer: it knows the levels of this engine


def as_stored(y, layer):
    """Round to the grid that an int8 layer has for its result."""
    grid = layer.scale, layer.zero_point
    return torch.fake_quantize_per_tensor_affine(y, *grid, levels.quant_min, levels.quant_max)


def int8_weights(net, other):
    """The fused float network with the weights of an int8 one."""
    net = copy.deepcopy(net)
    for block, rounded_block in zip(net.features, other.features, strict=True):
        block[0][0].weight.copy_(rounded_block[0].weight().dequantize())
    net.fc.weight.copy_(other.fc.weight().dequantize())
    return net


# %% slideshow={"slide_type": "skip"}
exact, floating = outputs(fused["DepthwiseCNN"].module, fewer), fused["DepthwiseCNN"].module
errors = {}
for how in ("per tensor", "per channel"):
    model = int8["DepthwiseCNN", how]
    inside = model.module
    layers = [*(block[0] for block in inside.features), inside.fc]
    seen = {
        "int8": {n: y.dequantize() for n, y in outputs(inside, model.quant(fewer)).items()},
        "weights only": outputs(int8_weights(floating, inside), fewer),
        "activations only": outputs(floating, as_stored(fewer, model.quant), as_stored, layers),
    }
    errors |= {(how, what): {n: sqnr_db(exact[n], y) for n, y in found.items()} for what, found in seen.items()}
made = {what: errors["per channel", what]["linear"] for what in ("weights only", "activations only")}
card.record("activations-cost-more", made["weights only"] - made["activations only"])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.4, 4.2))
for how, style in (("per channel", "o-"), ("per tensor", "s-")):
    ax.plot(list(exact), list(errors[how, "int8"].values()), style, label=how)
ax.set(xlabel="after block", ylabel="signal over error, dB", ylim=(0, 45))
ax.legend(loc="upper right")
plots.show(
    fig,
    alt="Signal over error after each block: "
    + "; ".join(
        f"{how} {', '.join(f'{db:.0f}' for db in errors[how, 'int8'].values())} dB"
        for how in ("per channel", "per tensor")
    ),
    caption="Higher is better. Each point holds all errors before it.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B: per channel falls at block 1 as well**, by less. Still the weights?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Weights, or activations?
#
# Round only the weights, then only what is stored between the layers.
#
# **Predict.** With one scale a channel, which of the two makes the fall at block 1?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Show of hands. After the table: block 1 looks at each channel of block 0's output alone, and that output is stored with one scale for all channels. So it is the story of section 1 again, in
# the activations. The last row is the control: a scale for each channel of that one tensor.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
stored = exact["0"]
tops = stored.amax((0, 2, 3)).view(1, -1, 1, 1).clamp(min=1e-9)
step = tops / (levels.quant_max - levels.quant_min)
each = torch.round(stored / step) * step  # block 0's output with a scale for each channel
one = as_stored(stored, int8["DepthwiseCNN", "per channel"].module.features[0][0])
after = {name: sqnr_db(exact["1"], floating.features[1](y)) for name, y in (("one", one), ("each", each))}
rows = [
    [what, *(f"{errors[how, what]['1']:.1f}" for how in ("per tensor", "per channel"))]
    for what in ("int8", "weights only", "activations only")
]
rows += [["only block 0's output", "", f"{after['one']:.1f}"], ["… a scale each channel", "", f"{after['each']:.1f}"]]
Table(
    ["rounded", "weights per tensor", "per channel"],
    rows,
    caption=f"dB after block 1. Largest channel of block 0's output over the median one: {tops.max() / tops.median():.0f}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. With one scale a channel the activations do it.** Block 0's output has one scale for channels of very unequal range, and block 1 looks at each of them alone. With a scale for each, that loss is gone. PyTorch's kernels have none for
# activations: in an ordinary convolution the scale would change *inside* the sum over channels.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Float where the signal is lost
#
# The entrance stub moves: the first blocks stay in float, the rest is int8.
#
# **Predict.** The first, or the first two in float: which wins more? And what happens to the speed-up?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask what block 1 needs: its input in float, so block 0's output must not be stored in int8. Hence one block in float is not enough. Let the room see it in the table.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def float_first(net, n):
    """`net` with its first n blocks in float and the rest in int8, per channel."""
    first, rest = copy.deepcopy(net.features[:n]), copy.deepcopy(net)
    rest.features = nn.Sequential(*rest.features[n:])  # numbered from 0
    return nn.Sequential(first, converted(fused_copy(rest), per_channel, [first(batch) for batch in batches[:8]]))


mixed = {n: float_first(depthwise, n) for n in range(4)}
output = depthwise(fewer)
gained = {n: sqnr_db(output, model(fewer)) for n, model in mixed.items()}
jobs = {"fp32": lambda: depthwise(batch_of_64)} | {
    str(n): lambda model=model: model(batch_of_64) for n, model in mixed.items()
}
mixed_speed = timing.compare(jobs, rounds=7, device=device)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["blocks in float", "dB", "right, %", "times fp32"],
    [
        [n, f"{gained[n]:.1f}", f"{percent_right(model):.1f}", f"{mixed_speed.ratio(str(n)):.1f}×"]
        for n, model in mixed.items()
    ],
    caption="Output of DepthwiseCNN; 1,000 images right; speed over eager fp32, 64 images.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** One block in float wins nothing: its output is still stored in int8, for block 1. The *second* brings nearly all of the decibels gained; each takes speed here. Scales by channel had lost little (section 1), so
# there is little accuracy to win back: decibels tell where, not whether it pays.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Engines choose, too
#
# `x86`, `fbgemm` and `onednn` are mainly for Intel and AMD, `qnnpack` for ARM. `get_default_qconfig` has a setting for each; `x86` and `fbgemm` share theirs.
#
# **Predict.** Does the engine change **A** the speed alone, **B** the accuracy as well?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands. Let the room explain the accuracies from the columns before them: weights per tensor or channel; the levels do not show. Who has Windows should read on in the notebook.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def on_engine(name, work):
    """Run `work` with another engine; the one of this lesson comes back."""
    with legacy_int8.use(name):
        return work()


of_engine, jobs = {}, {"fp32": lambda: depthwise(batch_of_64)}
for name in legacy_int8.available():
    qconfig = tq.get_default_qconfig(name)
    model = on_engine(name, lambda qconfig=qconfig: converted(fused["DepthwiseCNN"], qconfig, batches[:8]))
    acts, weights = qconfig.activation(), qconfig.weight()
    of_engine[name] = [
        name,
        acts.quant_max - acts.quant_min + 1,
        "channel" if "channel" in str(weights.qscheme) else "tensor",
        f"{on_engine(name, lambda model=model: percent_right(model)):.1f}",
    ]
    jobs[name] = lambda name=name, model=model: on_engine(name, lambda: model(batch_of_64))
engine_speed = timing.compare(jobs, rounds=7, device=device)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["engine", "levels", "weights per", "right, %", "times fp32"],
    [[*row, f"{engine_speed.ratio(name):.1f}×"] for name, row in of_engine.items()],
    caption="DepthwiseCNN, each engine with its own defaults; eager fp32 is 1×.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The engine changes the accuracy as well (B), through its settings.** `qnnpack` (not on Windows) defaults to one scale a tensor, like section 1. 128 or 256 levels do not show. The engine itself is in the speed.

# %% [markdown] slideshow={"slide_type": "skip"}
# `x86` and `fbgemm` use 128 of the 256 levels by default (`reduce_range`): the instruction that older processors have adds two products in 16 bits, where two of full range could overflow. `onednn` uses all levels.
#
# `x86` does not measure which is faster. It follows a fixed rule: `fbgemm` for linear layers; `onednn` for convolutions ([source](https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/quantized/cpu/OnednnUtils.h)), on
# **Linux** with an AVX-512 VNNI processor, at most 100 groups and symmetric weights. **On Windows and macOS `x86` is `fbgemm`**: try `onednn` by name there, if your list has it. With `qnnpack` alone int8 may be slower than float.
#
# A name that does not exist is refused at once, and so is a tensor of another type than float. The remedies: a name from `supported_engines`; `.float()` before the stub, for bytes `/ 255` too.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
small = int8["SmallCNN", "per channel"]
Table(
    ["asked for", "answer"],
    [
        ["engine 'avx'", attempt(lambda: tq.get_default_qconfig("avx"))],
        ["a float64 image", attempt(lambda: small(some[:1].double()))],
        ["a byte image", attempt(lambda: small((255 * some[:1]).to(torch.uint8)))],
    ],
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. Shortcuts
#
# A residual block adds its input to its result. A sum of two int8 tensors needs a scale of its own.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Point at the two places where a scale sits, and at the one where none can: `+` is no module, so no observer can sit in it.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
canvas = diagrams.Canvas(height=230)
start, after_sum = (60, 160), (880, 160)
conv_box = canvas.box(330, 115, "conv", width=170, height=90)
plus = canvas.box(690, 115, "+", width=90, height=90, size=40)
canvas.wire(start, conv_box.left, meaning="int8")
canvas.wire(conv_box.right, plus.left, meaning="int8")
canvas.wire((200, 160), (200, 40), meaning="int8", arrow=False)
canvas.wire((200, 40), (735, 40), meaning="int8", arrow=False)
canvas.wire((735, 40), plus.top, meaning="int8")
canvas.wire(plus.right, (1140, 160), meaning="int8", dashed=True)
canvas.text(110, 120, "scale of x", size=22)
canvas.text(595, 120, "scale of conv", size=22)
canvas.text(960, 120, "scale of the sum: ?", size=22)
plots.show(
    canvas.figure(),
    alt="A wire x enters a convolution, and a second one goes round it to a plus sign. x has a scale, the convolution's result has one, and behind the plus stands a question mark.",
    caption="Three results, three scales; a plain + has no place for the third.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The same block, with and without a module for the sum
#
# Both are converted, then called.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room read the error. Then: why one FloatFunctional for each sum, and not one for all? They would share a range.


# %% slideshow={"slide_type": "-"} tags=["legacy"]
class Shortcut(nn.Module):
    def __init__(self, functional):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
        self.sum = FloatFunctional() if functional else None

    def forward(self, x):
        y = self.conv(x)
        return self.sum.add(x, y) if self.sum else x + y


# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
blocks = {functional: converted(tq.QuantWrapper(Shortcut(functional)), default) for functional in (False, True)}
added = blocks[True].module.sum
failed = attempt(lambda: blocks[False](some[:1]))
print("x + y:", failed.replace(" with arguments", "\n  with arguments"))
print(f"FloatFunctional: {type(attempt(lambda: blocks[True](some[:1]))).__name__}, with scale {added.scale:.3g}")

# %% [markdown] slideshow={"slide_type": "-"}
# The plain `+` fails. `FloatFunctional` is a module: an observer can sit in it, and `convert` replaces it. It has `add`, `mul`, `cat` and `add_relu`; take one for each operation.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Models that others have quantized
#
# torchvision publishes int8 weights, with accuracies on ImageNet. The table is read from its own metadata.
#
# **Predict.** How many points does int8 cost there: **A** less than 1 everywhere, **B** more for some? For which?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Then point at the row whose file did not shrink, and ask what may be in that file.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
zoo, published = torchvision.models.quantization, []
NAMES = (
    "ResNet18",
    "ResNet50",
    "ResNeXt101_32X8D",
    "GoogLeNet",
    "MobileNet_V2",
    "MobileNet_V3_Large",
    "ShuffleNet_V2_X0_5",
)
for name in NAMES:
    now = next(iter(getattr(zoo, f"{name}_QuantizedWeights"))).meta
    before = now["unquantized"].meta
    top1 = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in (before, now)]
    change = f"{top1[1] - top1[0]:+.2f}"
    published.append([name, f"{top1[0]:.2f}", change, *(f"{meta['_file_size']:.1f}" for meta in (before, now))])
Table(
    ["published", "fp32, %", "int8, points", "fp32, MiB", "int8, MiB"],
    published,
    caption="Published by torchvision, not measured here.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. B: two of the small efficient networks lose most.** The two MobileNets were trained for it ([[qat]]). MobileNet-v3's file is no smaller because it is no int8 file: torchvision ships the float state of that training and
# converts after loading.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### ResNet-18, built here without its weights
#
# Its int8 class in torchvision has stubs, `FloatFunctional` and `fuse_model()` in place. With random weights the accuracy means nothing; speed and size can be measured.
#
# **Predict.** How many times faster than eager fp32 is int8 here? Is fused *fp32* a fairer baseline?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Collect numbers from the room. PyTorch published 214 against 103 ms for ResNet-50 in 2020, 2.08 times. Ask what fusion alone brings, and which baseline they would name in a paper.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
float_resnet = torchvision.models.resnet18(weights=None).eval().requires_grad_(False)
resnet = zoo.resnet18(weights=None, quantize=False).eval().requires_grad_(False)
resnet.load_state_dict(float_resnet.state_dict())
resnet.fuse_model()  # still float: what fusion alone brings
picture = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
int8_resnet = converted(resnet, default, [picture])
candidates = {"fp32, eager": float_resnet, "fp32, fused": resnet, "int8": int8_resnet}
jobs = {name: lambda net=net: net(picture) for name, net in candidates.items()}
resnet_speed = timing.compare(jobs, rounds=5, device=device)
resnet_bytes = {name: size_report(net, loads=1).file_bytes for name, net in candidates.items()}
resnet_audit = int8_audit.audit(int8_resnet, picture)
card.record("resnet-file", resnet_bytes["fp32, eager"] / resnet_bytes["int8"])
card.record("resnet-speed", resnet_speed.ratio("int8"), resnet_speed.ratio_quartiles("int8"))
card.record("resnet-layers", resnet_audit.count("int8", "Conv") + resnet_audit.count("int8", "Linear"))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fused_ms = resnet_speed.median_ms("fp32, fused")
Table(
    ["ResNet-18", "ms", "over eager", "over fused", "file"],
    [
        [
            name,
            f"{resnet_speed.median_ms(name):.3g}",
            f"{resnet_speed.ratio(name):.2f}×",
            f"{fused_ms / resnet_speed.median_ms(name):.2f}×",
            si(resnet_bytes[name], "B"),
        ]
        for name in candidates
    ],
    caption=f"One picture of 224×224, one thread. Run in int8, by the audit: {resnet_audit.count('int8')} modules.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Convolutions on large images use each weight many times, so arithmetic probably is the limit ([[roofline]]). The second row shows what fusion alone brings: the faster of the two
# fp32 rows is the fairer baseline. (`resnet18(quantize=True)` does much the same, but sets the engine of the whole process to `fbgemm`.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 7. To ship it: traced, scripted, exported
#
# **TorchScript** (`torch.jit`) writes a model that runs without its Python code. It is deprecated, and from Python 3.14 on not supported; `torch.export` is the successor.
#
# **Predict.** Which of the three take our int8 model: tracing, scripting, exporting?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Three shows of hands. Say in one sentence that there is another route: export the *float* model first, and quantize the graph.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
with legacy_int8.quiet():
    routes = {
        "traced": attempt(lambda: torch.jit.trace(small, some[:1])),
        "traced, frozen": attempt(lambda: torch.jit.freeze(torch.jit.trace(small, some[:1]))),
        "scripted": attempt(lambda: torch.jit.script(small)),
        "exported": attempt(lambda: torch.export.export(small, (some[:1],)).module()),
    }
running = {"eager int8": small, **{name: model for name, model in routes.items() if not isinstance(model, str)}}
single_calls = {name: lambda model=model: model(some[:1]) for name, model in running.items()}
taken = timing.compare(single_calls, rounds=25, device=device)
Table(
    ["route", "same numbers", "speed over eager"],
    [
        [
            name,
            ("yes" if torch.equal(running[name](fewer), small(fewer)) else "no") if name in running else "refused",
            f"{taken.ratio(name):.2f}×" if name in running else "–",
        ]
        for name in routes
    ],
    caption="One image. Refused: " + "; ".join(said[:60] for said in routes.values() if isinstance(said, str)) + " …",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** TorchScript takes it; `torch.export` refuses the packed weights of the eager route. To ship an exported graph, one exports the float model first and quantizes the graph, with
# torchao: [[torchao]].

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Dropout in an exported graph
#
# A graph is a picture of the model at the moment of its export. Take a network with dropout, exported in training mode, and once more in evaluation mode.
#
# **Predict.** Call each graph twice with the same input. Which agrees with itself? Can `eval()` mend the other one?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two shows of hands. The graph route finds stubs, fusion and sums by itself; evaluation mode stays yours.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
rows = []
for mode in ("training", "evaluation"):
    dropping = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Dropout(0.5)).train(mode == "training")
    graph = torch.export.export(dropping.requires_grad_(False), (some[:1],)).module()
    agree = torch.equal(graph(some[:1]), graph(some[:1]))
    rows.append([mode, "yes" if agree else "no", "refused" if isinstance(attempt(graph.eval), str) else "taken"])
Table(["exported in", "two calls agree", "eval() of the graph"], rows)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** Exported in training mode, dropout stays random in the graph, and the graph refuses `eval()`. Call `eval()` on the model *before* you export.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · A residual block that survives
# ★★★ · 15 minutes
#
# Write `residual_block`: it gets a convolution and returns a module that computes relu(x + conv(x)) for a float `x`, in float as it is,
# and in int8 after prepare, calibration and convert. Convolution and sum must then be computed in int8. The check does all of that:
# `conv` keeps the shape, with any number of channels.
#
# `residual_block(conv)` → an `nn.Module`
#
# <details><summary>Hint</summary>
# Define a class inside your function. It needs two stubs and one FloatFunctional, all made in __init__: convert looks for modules.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 8 min.* In pairs. Mistakes to wait for: a plain plus, a sum after the exit stub, a FloatFunctional made in forward, where convert cannot find it.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def residual_block(conv):
    """A module that computes relu(x + conv(x)) and can be prepared and converted; float in, float out.

    >>> isinstance(residual_block(nn.Conv2d(1, 1, 3, padding=1)), nn.Module)
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.residual_block(residual_block)


# %% tags=["solution", "hide-cell", "legacy"] slideshow={"slide_type": "skip"}
def residual_block_solution(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
            self.conv, self.sum = conv, FloatFunctional()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.conv(x)))

    return Block()


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Speed depends on the machine: with `qnnpack` alone that claim may fail on yours.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - One scale is shared by a layer's weights, or by its activations: where channels have very unequal ranges, the small ones are lost.
# - Round one part at a time to find where the signal goes; then give it scales of its own, or float.
# - Engines, and published files, differ: measure, and look inside.
#
# **Going further**: R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018,
# [arXiv:1806.08342](https://arxiv.org/abs/1806.08342), per tensor and per channel, on MobileNets; M. Nagel et al., *Data-free quantization through weight equalization and bias
# correction*, 2019, [arXiv:1906.04721](https://arxiv.org/abs/1906.04721), how to save per-tensor weights without training. [[qat_cnn]] trains the network to live with one scale.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Project ideas**: equalise the channels of DepthwiseCNN and repeat sections 1 and 3; find the one block whose float form wins most.
#
# **Credits**: after *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman; part of the course's idea by Tal
# Daniel (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each: what was lost in the weights, what in the activations. Then: which of the two can training repair?
