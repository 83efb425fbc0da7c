# ---
# jupyter:
#   course:
#     promise: You will turn a trained CNN into one that computes in int8 from end to end, and know each step's reason.
#     minutes: 70
#     seconds: 90
#     needs: [measuring, energy, integers, observers]
#     goals:
#       - Mend the well-known three-line recipe step by step, reading each error.
#       - Say what observers, calibration, conversion, stubs and fusion do, and why fusion also helps accuracy.
#       - Choose the scales of weights and the engine, and measure accuracy, file, speed and error of each layer.
#       - Convert networks with shortcuts, mix float and int8, and compare the eager route with the graph route.
#     terms: [batch norm, depthwise convolution, "fold, fuse", PT2E, qconfig, static quantization, stub, TorchScript]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A trained CNN that computes in int8 from its first layer to its last.*
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
# *For the lecturer.* Ask who has copied the three lines from the web, and what happened then. Most will say: an error about a
# backend. Keep that; section 1 explains it.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy
import io
import sys

import torch
import torchvision
from torch import nn
from torch.ao import quantization as tq
from torch.ao.nn.quantized import FloatFunctional
from tqdm import tqdm

from course_utils import data, legacy_int8, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, int8_audit, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.static import checks as check

legacy_int8.ignore_deprecations(remarks=True)  # the box in section 1 says what is deprecated, and what is not
card = claims.Scorecard("static")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = torch.device("cpu")  # torch.ao's int8 kernels exist for the CPU only
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe(device)

# %% tags=["setup"] slideshow={"slide_type": "skip"}
cnn = checkpoints.load("small_cnn").requires_grad_(False)
depthwise = checkpoints.load("depthwise_cnn").requires_grad_(False)
images, labels = data.load("fashion_mnist", n=2000)  # training images: calibration must not see the test set
test_set = data.load("fashion_mnist", "test")
batches = images[:512].split(32)  # what we calibrate on
some = test_set[0][:1000]
right = {(type(net).__name__, "fp32"): 100 * training.evaluate(net, *test_set) for net in (cnn, depthwise)}
Table(
    ["trained network", "layers with weights", "parameters", "test images right, %"],
    [
        [
            type(net).__name__,
            sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()),
            f"{sum(p.numel() for p in net.parameters()):,}",
            f"{right[type(net).__name__, 'fp32']:.2f}",
        ]
        for net in (cnn, depthwise)
    ],
)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## 1. Three famous lines, and what they leave out
#
# Two CNNs come with the course, trained on Fashion-MNIST. Both are chains of blocks: convolution, **batch norm** (which
# scales and shifts each channel), ReLU. This recipe for int8 has been copied many times:
#
# ```python
# model.qconfig = torch.quantization.get_default_config("fbgemm")
# torch.quantization.prepare(model, inplace=True)
# torch.quantization.convert(model, inplace=True)
# ```
#
# **Predict.** What happens? **A** It works. **B** The first line fails. **C** It runs, and the accuracy is lost.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer.* Vote. In a way B and C are both right: B now, and C two repairs later. Let the room read each error aloud
# before you go on.


# %% slideshow={"slide_type": "skip"}
def attempt(what):
    """Run `what`; give its result, or the first sentence of its error."""
    try:
        return what()
    except (AttributeError, AssertionError, NotImplementedError, RuntimeError) as error:
        return f"{type(error).__name__}: {str(error).split('. ')[0].split(' (of')[0]}"


# %% slideshow={"slide_type": "fragment"} tags=["legacy", "lecture"]
steps = {"as copied": attempt(lambda: torch.quantization.get_default_config("fbgemm"))}
steps["as copied"]

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Repair 1: the function has another name
#
# `get_default_config` never existed. It is `get_default_qconfig`, and its argument is an **engine**: the library that
# runs the int8 kernels. `torch.quantization` is the old name of `torch.ao.quantization`, here `tq`. Now it runs through. Then one image:


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def recipe(model, calibrate=lambda observed: None):
    """The three lines on a copy of `model`, with room for calibration after the second."""
    model = copy.deepcopy(model)
    model.qconfig = tq.get_default_qconfig(engine)
    tq.prepare(model, inplace=True)
    calibrate(model)
    return tq.convert(model, inplace=True)


steps["right name"] = attempt(lambda: recipe(cnn)(some[:1]))
steps["right name"]

# %% [markdown] slideshow={"slide_type": "-"}
# An int8 convolution was called with a tensor from the `CPU` backend: an ordinary float tensor. Nobody converts the image to int8.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Repair 2: stubs say where int8 begins and ends
#
# A `QuantStub` at the entrance becomes "float to int8" when the model is converted, a `DeQuantStub` at the exit "int8 to float". Until then
# both do nothing. `QuantWrapper` puts one at each end.
#
# **Predict.** Now it runs. How many test images are right: **A** about 90 %, **B** about 70 %, **C** about 10 %?

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
stubbed = recipe(tq.QuantWrapper(cnn))
steps["with stubs"] = f"{training.evaluate(stubbed, *test_set):.2%} of the test images right"
print(f"{steps['with stubs']}; the input is quantized with scale {stubbed.quant.scale.item():.3g}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** With ten classes, that is little better than guessing. The scale is 1, but pixels lie between 0 and 1: all become 0 or 1.
# The scale is the default of an observer that has seen no data. PyTorch only warns: "must run observer before calling calculate_qparams".

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Repair 3: fuse, in evaluation mode
#
# Convolution, batch norm and ReLU can become one int8 operation. Section 3 says why it matters. Batch norm must be frozen for
# it. Ask in training mode:


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def fuse_names(net):
    """Names of convolution, batch norm and ReLU, a list for each block of the wrapped CNN."""
    blocks = range(len(net.features))
    return [[f"module.features.{block}.{part}" for part in range(3)] for block in blocks]


wrapped = tq.QuantWrapper(copy.deepcopy(cnn))
training_mode = attempt(lambda: tq.fuse_modules(wrapped.train(), fuse_names(cnn)))
steps["fused in training mode"] = training_mode
fused = tq.fuse_modules(wrapped.eval(), fuse_names(cnn))
training_mode

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Repair 4: calibrate on real data, still in evaluation mode
#
# Between `prepare` and `convert`, some hundred training images go through the model, so that the observers see real ranges. No labels are needed.


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def show_data(observed):
    for batch in batches:
        observed(batch)


mended = recipe(fused, show_data)
steps["fused, calibrated"] = f"{training.evaluate(mended, *test_set):.2%} of the test images right"
steps["fused, calibrated"]

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Four omissions, and two of them gave no error

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
Table(["the recipe", "what came out"], [[step, result] for step, result in steps.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# Left out were the name, the stubs, fusion in evaluation mode, and calibration on real data. Without the last two the recipe runs, and nothing
# but a measured accuracy tells.

# %% [markdown] slideshow={"slide_type": "skip"}
# **What is deprecated here.** PyTorch announces the end of `torch.ao.quantization`; the successor is the package `torchao`. For
# convolutions in eager mode (module by module, as you write it) it is still the fastest int8 that PyTorch has, so
# you will meet it for years. Cells with it carry the tag `legacy`. Section 9 shows the successor. The old warning
# "will be removed in 2.10" is itself out of date: you are running a later version.
#
# The mended recipe as one function, which the rest of the lesson uses:


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def to_int8(net, qconfig, data=batches, fuse=True):
    """Static int8 of one of our CNNs: stubs, fusion, observers, calibration, conversion."""
    ready = tq.QuantWrapper(copy.deepcopy(net)).eval()
    if fuse:
        ready = tq.fuse_modules(ready, fuse_names(net))
    ready.qconfig = qconfig
    observed = tq.prepare(ready)
    for batch in data:
        observed(batch)
    return tq.convert(observed)


def sqnr_db(exact, approximate):
    """Signal-to-quantization-noise ratio in decibels: 20 dB is an error of a tenth, 40 dB of a hundredth."""
    return 10 * torch.log10(exact.square().sum() / (exact - approximate).square().sum()).item()


# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Observe, calibrate, convert
#
# *Dynamic* quantization finds the range of each input while the model runs. *Static* quantization fixes all ranges beforehand:
#
# 1. **prepare** puts an observer behind each layer,
# 2. **calibrate**: the observers note the range of what passes,
# 3. **convert** turns each range into a scale and a zero point, and each layer into an int8 layer.
#
# The next slide follows one layer on its way.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The second layer, at four stages

# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
observed = copy.deepcopy(fused)
observed.qconfig = tq.get_default_qconfig(engine)
tq.prepare(observed, inplace=True)
show_data(observed)
layers = [net.features[1][0] for net in (cnn, fused.module, observed.module, mended.module)]
trained, folded, watched, converted = layers
seen = watched.activation_post_process
weights = [trained.weight, folded[0].weight, watched[0].weight, converted.weight()]
notes = {
    "trained": "",
    "fused": "batch norm folded in",
    "prepared, calibrated": f"observed {seen.min_val:.2f} to {seen.max_val:.2f}",
    "converted": f"scale {converted.scale:.4f}, zero point {converted.zero_point}",
}
Table(
    ["second layer", "class", "weights", "output"],
    [
        [stage, type(layer).__name__, str(weight.dtype).removeprefix("torch."), note]
        for (stage, note), layer, weight in zip(notes.items(), layers, weights, strict=True)
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# `qint8` is signed: weights have both signs. Activations are `quint8`, unsigned: after a ReLU there is nothing below zero.

# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### Between the layers: float or int8?
#
# The network has three convolutions and one linear layer.
#
# **Predict.** How often does a value change between float and int8 on its way through: **A** 8 times, once into and once out of each layer,
# **B** twice, **C** never?


# %% slideshow={"slide_type": "skip"}
def dtypes(model, x):
    """(name, class, type of the input, type of the output) of every module that does something."""
    seen, hooks = [], []
    for name, module in model.named_modules():
        if not isinstance(module, nn.Identity) and (not list(module.children()) or hasattr(module, "in_features")):
            hooks.append(
                module.register_forward_hook(
                    lambda m, given, out, name=name: seen.append(
                        [name, type(m).__name__, *(str(t.dtype).removeprefix("torch.") for t in (given[0], out))]
                    )
                )
            )
    model(x)
    for hook in hooks:
        hook.remove()
    return seen


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
Table(["module", "class", "takes", "gives"], dtypes(mended, some[:1]))

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["lecture"]
# **What you saw.** Twice: at the stubs. Between layers only bytes move, a quarter of the traffic. Dynamic quantization keeps
# float between its layers.

# %% [markdown] slideshow={"slide_type": "skip"}
# The audit of `course_utils.measure.int8_audit` asks each module which kernel it called. If a layer had stayed float, it would say so.

# %% slideshow={"slide_type": "skip"}
audits = {"SmallCNN": int8_audit.audit(mended, some[:1])}
audits["SmallCNN"]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer.* Ask: what can go wrong when ranges are fixed beforehand? Values outside are clipped. And what is saved? No search for the
# range at each call, and no float between the layers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Fusion: faster, and more accurate
#
# In evaluation mode batch norm is a fixed scale and shift of each channel, so it can be folded into the convolution
# before it:
#
# $$w' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}\, w, \qquad b' = \beta - \frac{\gamma\, \mu}{\sqrt{\sigma^2 + \epsilon}}$$
#
# $\mu, \sigma^2$ are the running mean and variance, $\gamma, \beta$ the trained scale and shift. The ReLU comes for free: an unsigned integer cannot go below
# its zero point, so clamping does it.
#
# **Predict.** Fused and unfused compute the same in float. In int8, which one is more accurate?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Fused, the output is closer to float

# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
conv, norm = cnn.features[1][0], cnn.features[1][1]
factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
folded = factor.view(-1, 1, 1, 1) * conv.weight
print(f"our w' against torch's: largest difference {(folded - fused.module.features[1][0][0].weight).abs().max():.1e}")
default = tq.get_default_qconfig(engine)
per_channel = tq.QConfig(activation=default.activation, weight=tq.default_per_channel_weight_observer)
fusion = {}
for net in (cnn, depthwise):
    for fuse in (False, True):
        model = to_int8(net, per_channel, fuse=fuse)
        fusion[type(net).__name__, fuse] = (sqnr_db(net(some), model(some)), training.evaluate(model, *test_set), model)
Table(
    ["network", "fused", "signal over error, dB", "right"],
    [[name, "yes" if fuse else "no", f"{db:.1f}", f"{right:.2%}"] for (name, fuse), (db, right, _) in fusion.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** More decibels are better. Unfused, the result is rounded three times in a block: after the convolution, after batch norm, after
# ReLU. Fused, once. And the range of the convolution's output holds negative values that ReLU throws away: the
# integers for them are wasted.

# %% slideshow={"slide_type": "skip"}
batch_of_64 = test_set[0][:64]
speed_of_fusion = timing.compare(
    {
        "unfused": lambda: fusion["SmallCNN", False][2](batch_of_64),
        "fused": lambda: fusion["SmallCNN", True][2](batch_of_64),
    },
    rounds=9,
    device=device,
)
card.record("fusion-accuracy", fusion["DepthwiseCNN", True][0] - fusion["DepthwiseCNN", False][0])
speed_of_fusion

# %% [markdown] slideshow={"slide_type": "skip"}
# One operation instead of three also saves two passes over memory, so the ratio should lie above 1. If yours is close to 1,
# the convolution dominates on your machine.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. One scale for a tensor, or one for a channel
#
# A **depthwise** convolution filters each channel on its own, with nine weights. MobileNet is built from them. After folding, each
# channel's weights carry its own factor $\gamma / \sqrt{\sigma^2 + \epsilon}$, and these factors differ a lot.
#
# **Per tensor**: one scale for all weights of a layer. **Per channel**: one scale for each output channel.
#
# **Predict.** Eight bits give 255 levels. What does one scale for all do to DepthwiseCNN: **A** less than one point of accuracy lost,
# **B** a few points, **C** a quarter or more of the right answers?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Some channels fit into one step of the shared scale

# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
depthwise_fused = tq.fuse_modules(tq.QuantWrapper(copy.deepcopy(depthwise)), fuse_names(depthwise))
first_depthwise = depthwise_fused.module.features[1][0][0].weight
ranges = first_depthwise.abs().flatten(1).amax(1).sort().values
step = ranges.max() / 127
fig, ax = plots.figure(size=(12, 4.4))
ax.bar(range(1, len(ranges) + 1), ranges, color=plots.COLOURS["blue"])
ax.axhline(step, color=plots.COLOURS["orange"], label="one step of the scale for the whole tensor")
ax.set(yscale="log", xlabel="channel, sorted", ylabel="largest |weight|")
ax.legend(loc="upper left")
plots.show(
    fig,
    alt="Bars on a logarithmic axis: the largest weight of each channel of the first depthwise layer, sorted, spans "
    "several powers of ten. A line shows the step of the shared scale; several channels lie near it or below.",
    caption="First depthwise layer after folding. A channel below half a step becomes all zeros; one as high as two steps "
    "has five levels.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One scale for a channel wins the accuracy back

# %% slideshow={"slide_type": "-"} tags=["legacy"]
per_tensor = tq.QConfig(activation=default.activation, weight=tq.default_weight_observer)
int8 = {}
for net in (cnn, depthwise):
    name = type(net).__name__
    int8[name, "fp32"] = net
    int8[name, "per tensor"], int8[name, "per channel"] = to_int8(net, per_tensor), to_int8(net, per_channel)
right |= {key: 100 * training.evaluate(model, *test_set) for key, model in int8.items() if key not in right}
Table(
    ["right, %", "fp32", "per tensor", "per channel"],
    [
        [name, *(f"{right[name, how]:.2f}" for how in ("fp32", "per tensor", "per channel"))]
        for name in ("SmallCNN", "DepthwiseCNN")
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The same bits, the same data: DepthwiseCNN collapses with one scale for a tensor, and one scale for a channel wins it back. The ordinary
# CNN loses little.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why is the ordinary CNN safe? Each of its filters sums over many inputs, and the errors of small channels drown in the sum. In a
# depthwise layer a channel has nothing but its own nine weights. Per-channel scales cost four bytes a channel and no time:
# they are applied when the int32 sum becomes int8 again. Activations stay per tensor: their scale would have to change *inside* the sum.
#
# Luck plays a large part in how bad it gets. Weight decay during training shrinks channels, and which of them depends on the seed: a second network
# from the same recipe, trained while this lesson was written, lost far less with one scale for a tensor. You cannot know without measuring. That
# is the reason to take one scale for a channel always. [[qat]] follows the damage in this network to its source, which is a handful of weights.

# %% slideshow={"slide_type": "skip"}
card.record("small-floor", right["SmallCNN", "fp32"])
card.record("depthwise-floor", right["DepthwiseCNN", "fp32"])
card.record("small-drop", right["SmallCNN", "fp32"] - right["SmallCNN", "per channel"])
card.record("depthwise-drop", right["DepthwiseCNN", "fp32"] - right["DepthwiseCNN", "per channel"])
card.record("per-tensor-loses-more", right["DepthwiseCNN", "per channel"] - right["DepthwiseCNN", "per tensor"])

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Show the figure before the table and let the room predict again. Question: would 16 bits have saved per-tensor? Yes, and
# they would have cost twice the bytes. [[qat]] trains the network to live with one scale.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. The engine of this machine
#
# `torch.backends.quantized.supported_engines` lists what your PyTorch has: `x86`, `fbgemm`, `onednn` on Intel and AMD; `qnnpack` on
# phones and ARM. Each has its own `get_default_qconfig`. A model must be converted and run on the same one.
#
# **Predict.** Does the engine change the accuracy, or the speed alone?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Accuracy and speed depend on the engine


# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
def on_engine(name, work):
    """Run `work` with another engine; the one of this lesson comes back."""
    with legacy_int8.use(name):
        return work()


rows, jobs = {}, {"fp32": lambda: depthwise(batch_of_64)}
for name in torch.backends.quantized.supported_engines:
    qconfig = tq.get_default_qconfig(name)
    model = on_engine(name, lambda qconfig=qconfig: to_int8(depthwise, qconfig))
    levels, weights = qconfig.activation(), qconfig.weight()
    rows[name] = [
        name,
        levels.quant_max - levels.quant_min + 1,
        "channel" if "channel" in str(weights.qscheme) else "tensor",
        f"{on_engine(name, lambda model=model: training.evaluate(model, *test_set)):.2%}",
    ]
    jobs[name] = lambda name=name, model=model: on_engine(name, lambda: model(batch_of_64))
engine_speed = timing.compare(jobs, rounds=7, device=device)
Table(
    ["engine", "levels of activations", "weights per", "right, DepthwiseCNN", "times eager fp32"],
    [[*row, f"{engine_speed.ratio(name):.1f}×"] for name, row in rows.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Both. Engines differ in kernels, in levels and in how weights are scaled.

# %% [markdown] slideshow={"slide_type": "skip"}
# `x86` and `fbgemm` use 128 of the 256 levels by default, seven bits (`reduce_range`): the instruction that older processors use adds two
# products in 16 bits, and two products of full range could overflow there. Newer processors (VNNI) do not have that trouble, and
# `onednn` uses all levels. `qnnpack` takes one scale a tensor, which section 4 explained. `x86` picks the faster of
# the other two for each layer. If your table has one row only, your PyTorch was built with one engine; on a machine with nothing but
# `qnnpack`, int8 may be slower than float, and the scorecard will say so.
#
# A name that does not exist is refused at once, and so is a tensor of another type than float:

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
Table(
    ["asked for", "answer"],
    [
        ["engine 'avx'", attempt(lambda: tq.get_default_qconfig("avx"))],
        ["a float64 image", attempt(lambda: mended(some[:1].double()))],
        ["a byte image", attempt(lambda: mended((255 * some[:1]).to(torch.uint8)))],
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The remedies: a name from `supported_engines`, and `.float()` before the stub (with pixels scaled as in training).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. What it costs and what it brings
#
# **Predict.** fp32 has 4 bytes a weight, int8 has 1. Is the file of SmallCNN a quarter? And DepthwiseCNN, with fewer weights in
# more and smaller layers: more than a quarter, or less?


# %% slideshow={"slide_type": "skip"}
def speedups(name, x):
    """Times faster than eager fp32 of the two int8 versions, measured in turn."""
    jobs = {how: lambda how=how: int8[name, how](x) for how in ("fp32", "per tensor", "per channel")}
    return timing.compare(jobs, rounds=7, device=device)


files = {key: size_report(model) for key, model in int8.items()}  # saved, loaded again, compared
one_image = {name: speedups(name, some[:1]) for name in ("SmallCNN", "DepthwiseCNN")}
many_images = {name: speedups(name, batch_of_64) for name in ("SmallCNN", "DepthwiseCNN")}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Smaller, and with enough work faster

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["network", "weights", "right, %", "file", "smaller", "1 image", "64 images"],
    [
        [
            name,
            how,
            f"{right[name, how]:.2f}",
            si(files[name, how].file_bytes, "B"),
            f"{files[name, 'fp32'].file_bytes / files[name, how].file_bytes:.2f}×",
            f"{one_image[name].ratio(how):.1f}×",
            f"{many_images[name].ratio(how):.1f}×",
        ]
        for name, how in int8
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The weights shrink fourfold, the file less: biases, scales and the names of the entries stay. The smaller the
# layers, the more they weigh. The speed-up is over *eager* fp32, as everybody runs it. [[choosing]] adds the best fp32 to be had.

# %% [markdown] slideshow={"slide_type": "skip"}
# If a ratio is near 1 or below, look at the engine first. With one small image a large part of the time is Python calling layers, which no number
# format makes faster. To use the file later, build the model, prepare and convert it *without* calibration, then load
# the state: it brings the scales with it. The cell does that, and compares.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
file = io.BytesIO()
torch.save(int8["SmallCNN", "per channel"].state_dict(), file)
file.seek(0)
again = to_int8(checkpoints.load("small_cnn"), per_channel, data=[])  # the right shape, no scales yet
again.load_state_dict(torch.load(file, weights_only=True))
print("the reloaded model gives the same numbers:", torch.equal(again(some), int8["SmallCNN", "per channel"](some)))
card.record("small-file", files["SmallCNN", "fp32"].file_bytes / files["SmallCNN", "per channel"].file_bytes)
audits["DepthwiseCNN"] = int8_audit.audit(int8["DepthwiseCNN", "per channel"], some[:1])
card.record("int8-layers", sum(audit.count("int8") for audit in audits.values()))

# %% slideshow={"slide_type": "skip"}
techniques = {
    "fp32": ("fp32", "fp32", 32),
    "per tensor": ("static int8, per tensor", "int8, int32 sum", 8),
    "per channel": ("static int8, per channel", "int8, int32 sum", 8),
}
written = []
for name, how in int8:
    if (name, how) == ("SmallCNN", "per tensor"):
        continue  # the ledger takes the better one of the ordinary CNN
    technique, mac, bits = techniques[how]
    bill = energy.estimate(int8[name, "fp32"], some[:1], mac=mac, bits=bits)
    written.append(
        ledger.record(
            lesson="static",
            task="fashion_mnist",
            model=name,
            technique=technique,
            accuracy=right[name, how] / 100,
            file_bytes=files[name, how].file_bytes,
            load_ms=files[name, how].load_ms,
            speedup=one_image[name].ratio(how),
            energy_nj=bill.total_nj,
        )
    )
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Where in the network does the error arise?
#
# Run the float and the int8 network side by side, and compare after each layer.
#
# **Predict.** Along the network, does the error grow with each layer, shrink, or jump at some of them?


# %% slideshow={"slide_type": "skip"}
def layer_outputs(model, x):
    """What each block and the last linear layer give, as float, in order."""
    inside, seen, hooks = getattr(model, "module", model), {}, []
    for name, layer in [*inside.features.named_children(), ("linear", inside.fc)]:
        hooks.append(
            layer.register_forward_hook(
                lambda m, given, out, name=name: seen.update({name: out.dequantize() if out.is_quantized else out})
            )
        )
    model(x)
    for hook in hooks:
        hook.remove()
    return seen


def layer_errors(net, model, x=some):
    """SQNR in dB after each layer."""
    exact, rounded = layer_outputs(net, x), layer_outputs(model, x)
    return {name: sqnr_db(exact[name], rounded[name]) for name in exact}


errors = {(name, how): layer_errors(int8[name, "fp32"], model) for (name, how), model in int8.items() if how != "fp32"}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The error jumps where per-tensor scales meet depthwise layers

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(12, 4.1))
for ax, name in zip(axes, ("SmallCNN", "DepthwiseCNN"), strict=True):
    for how, colour in (("per channel", "blue"), ("per tensor", "orange")):
        ax.plot(list(errors[name, how]), list(errors[name, how].values()), "o-", color=plots.COLOURS[colour], label=how)
    ax.set(title=name, xlabel="block", ylabel="signal over error, dB", ylim=(0, 45))
    ax.tick_params(axis="x", labelsize=13)
axes[0].legend(loc="lower left")
plots.show(
    fig,
    alt="Two panels of signal over error after each layer. In SmallCNN per-tensor weights lie a few decibels "
    "below per-channel weights. In DepthwiseCNN they lie far below, with the drop at depthwise blocks.",
    caption="Higher is better. Odd blocks of DepthwiseCNN are depthwise, even ones from 2 on are 1×1 convolutions.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The error does not simply add up: it jumps at some layers, and mixing channels can average part of it away. Such a figure tells which
# layer to leave in float.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How many images, and which observer?
#
# The *min–max* observer keeps the extremes, the *moving average* smooths them over batches, the *histogram* looks for the
# clipping range that loses least.
#
# **Predict.** How many images does calibration need: 1, 16, 256, or 1,000? And which observer wins?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
levels = default.activation.p.keywords  # the levels of this engine, as its own default has them
OBSERVERS = {
    "min–max": tq.MinMaxObserver,
    "moving average": tq.MovingAverageMinMaxObserver,
    "histogram": tq.HistogramObserver,
}


def with_observer(observer, data):
    """DepthwiseCNN per channel, its activations watched by `observer` on `data`; SQNR of the output in dB."""
    qconfig = tq.QConfig(activation=observer.with_args(**levels), weight=per_channel.weight)
    return sqnr_db(exact, to_int8(depthwise, qconfig, data)(some))


exact = depthwise(some)
counts = (1, 4, 16, 64, 256)
sweep = [
    (name, n, images[start : start + n].split(16))
    for name in OBSERVERS
    for n in counts
    for start in (0, len(images) // 2)
]
calibrated = {}
for name, n, chosen in tqdm(sweep, desc="calibrations", file=sys.stdout, leave=False):
    calibrated.setdefault((name, n), []).append(with_observer(OBSERVERS[name], chosen))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A few images are enough here

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(12, 4))
for name, colour in zip(OBSERVERS, ("blue", "green", "orange"), strict=True):
    ax.plot(counts, [sum(calibrated[name, n]) / 2 for n in counts], "o-", label=name, color=plots.COLOURS[colour])
    ax.fill_between(
        counts, *([f(calibrated[name, n]) for n in counts] for f in (min, max)), alpha=0.2, color=plots.COLOURS[colour]
    )
ax.set(xscale="log", xlabel="images for calibration", ylabel="signal over error, dB")
ax.set_xticks(counts, [str(n) for n in counts])
ax.legend(loc="lower right")
plots.show(
    fig,
    alt="Signal over error of the output against the number of calibration images, for three observers. All rise steeply from one "
    "image to sixteen and are flat and close together from there.",
    caption="Mean and span of two draws of images. From a few images on, the lines are as close as the draws.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Here a few images are enough, and the observer hardly matters. Folklore says hundreds. That holds for data with rare large
# values; ours lie between 0 and 1.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Which data, then?
#
# **Predict.** Calibrate on 64 images of one class, on uniform noise from 0 to 1, on normal noise, and on images of which one is broken (30 times too
# bright). Which of them do harm?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
good = images[:64]
noise = torch.Generator().manual_seed(0)
broken = torch.cat([good[:-1], 30 * good[-1:]])
kinds = {
    "64 images": good,
    "64 images of one class": images[labels == 5][:64],
    "uniform noise, 0 to 1": torch.rand(64, 1, 28, 28, generator=noise),
    "normal noise": torch.randn(64, 1, 28, 28, generator=noise),
    "one broken image": broken,
}
Table(
    ["calibrated on", *(f"{name}, dB" for name in OBSERVERS)],
    [
        [what, *(f"{with_observer(observer, data.split(16)):.1f}" for observer in OBSERVERS.values())]
        for what, data in kinds.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** What counts is the range in every layer. Noise in the range of the pixels may do or not: nothing ties its ranges deeper inside to those of
# images. One broken image ruins min–max. The histogram is no cure: it wants the least squared error, and one huge value outweighs the rest. The moving
# average trusts a later batch only a little.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* The hour is short: skip the sweep, show the last table. Ask which row a learner would have bet on.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Shortcuts, and float where it is needed
#
# A residual block adds its input to its result: `x + conv(x)`. Adding two int8 tensors needs a scale for the *sum*, and a
# plain `+` has no place to keep one.
#
# **Predict.** What happens at the `+` after conversion: an error, or a wrong sum?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The same block, with and without a module for the sum


# %% slideshow={"slide_type": "-"} tags=["legacy"]
class Shortcut(nn.Module):
    def __init__(self, functional):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
        self.sum = FloatFunctional() if functional else None

    def forward(self, x):
        y = self.conv(x)
        return self.sum.add(x, y) if self.sum else x + y


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The plus sign fails, the module adds

# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
blocks = {functional: recipe(tq.QuantWrapper(Shortcut(functional)).eval(), show_data) for functional in (False, True)}
ran = {functional: attempt(lambda model=model: model(some[:1])) for functional, model in blocks.items()}
added = blocks[True].module.sum
Table(
    ["the sum is", "after conversion"],
    [
        ["x + y", ran[False]],
        [
            "FloatFunctional().add(x, y)",
            f"runs, as {type(added).__name__} with scale {added.scale:.3g} and zero point {added.zero_point}",
        ],
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# `FloatFunctional` is a module: an observer can sit in it, and `convert` replaces it. Use one for each operation, or they
# share a range. `add`, `mul`, `cat` and `add_relu` are there.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Float and int8 in one model
#
# A layer without a qconfig stays float. Then somebody must convert in front of it: the exit stub moves forward.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
class MixedCNN(nn.Module):
    """SmallCNN with int8 convolutions and a float linear layer."""

    def __init__(self, net):
        super().__init__()
        self.features, self.fc = tq.QuantWrapper(copy.deepcopy(net.features)), copy.deepcopy(net.fc)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))  # float again when it leaves the wrapper


# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
mixed = MixedCNN(cnn).eval()
tq.fuse_modules(
    mixed.features, [[n.replace("features.", "") for n in names] for names in fuse_names(cnn)], inplace=True
)
mixed.features.qconfig = default  # and none for fc
tq.prepare(mixed, inplace=True)
show_data(mixed)
tq.convert(mixed, inplace=True)
print(f"{training.evaluate(mixed, *test_set):.2%} of the test images right")
Table(["module", "takes", "gives"], [[name, takes, gives] for name, _, takes, gives in dtypes(mixed, some[:1])])

# %% [markdown] slideshow={"slide_type": "skip"}
# The linear layer is a small part of this network, so leaving it float costs little. The figure of errors by layer says where it would
# pay. Each change between float and int8 is a pass over memory: mix in large pieces.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Draw the block on the board and ask where the scales sit: input, convolution, sum. Three scales, and the `+` has no place
# for the third.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. Models that others have quantized
#
# torchvision publishes int8 weights for some networks, with accuracies on ImageNet. The table is read from its own metadata.
#
# **Predict.** How many points of accuracy does int8 cost there: less than 1 everywhere, or several for some?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Large networks lose little, small ones more

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
zoo, published = torchvision.models.quantization, []
for name in (
    "ResNet18",
    "ResNet50",
    "Inception_V3",
    "GoogLeNet",
    "MobileNet_V2",
    "MobileNet_V3_Large",
    "ShuffleNet_V2_X0_5",
):
    weights = list(getattr(zoo, f"{name}_QuantizedWeights"))[0]
    now, before = weights.meta, weights.meta["unquantized"].meta
    top1 = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in (before, now)]
    published.append(
        [
            name,
            now["backend"],
            *(f"{t:.2f}" for t in top1),
            f"{top1[1] - top1[0]:+.2f}",
            *(f"{meta['_file_size']:.1f}" for meta in (before, now)),
        ]
    )
Table(["published, not measured here", "engine", "fp32, %", "int8, %", "change", "fp32, MiB", "int8, MiB"], published)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Large networks lose little, small efficient ones more. The MobileNets were trained for it ([[qat]]). One int8 file is no
# smaller.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### ResNet-18, built here without its weights
#
# Its int8 class in torchvision has stubs and `FloatFunctional` in place, and `fuse_model()`. With random weights the accuracy means nothing, speed and size are the same.
#
# **Predict.** How many times faster than eager fp32 is int8 here? And is fused *fp32* a fairer baseline?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
float_resnet = torchvision.models.resnet18(weights=None).eval().requires_grad_(False)
resnet = zoo.resnet18(weights=None, quantize=False).eval().requires_grad_(False)
resnet.load_state_dict(float_resnet.state_dict())
resnet.fuse_model()  # still float: what fusion alone brings
picture = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
int8_resnet = recipe(resnet, lambda observed: observed(picture))
candidates = {"fp32, eager": float_resnet, "fp32, fused": resnet, "int8": int8_resnet}
resnet_speed = timing.compare(
    {name: lambda net=net: net(picture) for name, net in candidates.items()}, rounds=5, device=device
)
resnet_bytes = {name: size_report(net, loads=1).file_bytes for name, net in candidates.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
resnet_audit = int8_audit.audit(int8_resnet, picture)
print(f"int8 modules by the audit: {resnet_audit.count('int8')}")
Table(
    ["ResNet-18", "median, ms", "over eager fp32", "over fused fp32", "file"],
    [
        [
            name,
            f"{resnet_speed.median_ms(name):.3g}",
            f"{resnet_speed.ratio(name):.2f}×",
            f"{resnet_speed.median_ms('fp32, fused') / resnet_speed.median_ms(name):.2f}×",
            si(resnet_bytes[name], "B"),
        ]
        for name in candidates
    ],
)

# %% slideshow={"slide_type": "skip"}
card.record("resnet-file", resnet_bytes["fp32, eager"] / resnet_bytes["int8"])
card.record("resnet-speed", resnet_speed.ratio("int8"), resnet_speed.ratio_quartiles("int8"))
card.record("resnet-layers", resnet_audit.count("int8", "Conv") + resnet_audit.count("int8", "Linear"))

# %% [markdown] slideshow={"slide_type": "skip"}
# **What you saw.** Convolutions on large images use each weight many times, so arithmetic is the limit ([[roofline]]), and int8 arithmetic is
# where this pays. If your ratio is near 1 or below, your engine has no fast int8 instructions. `resnet18(quantize=True)` would do the same in one call, but it
# switches the engine to `fbgemm` for the whole process, and fails where there is none.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### To ship it: traced, scripted, exported
#
# TorchScript (`torch.jit`) writes a model that runs without its Python code. It is deprecated, and from Python 3.14 on not supported;
# `torch.export` is the successor.
#
# **Predict.** Which of the three take our int8 model: tracing, scripting, exporting?

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
small = int8["SmallCNN", "per channel"]
routes = {
    "traced": attempt(lambda: torch.jit.trace(small, some[:1])),
    "traced and frozen": attempt(lambda: torch.jit.freeze(torch.jit.trace(small, some[:1]))),
    "scripted": attempt(lambda: torch.jit.script(small)),
    "exported": attempt(lambda: torch.export.export(small, (some[:1],)).module()),
}
running = {"eager int8": small, **{name: model for name, model in routes.items() if not isinstance(model, str)}}
single_calls = {name: lambda model=model: model(some[:1]) for name, model in running.items()}
taken = timing.compare(single_calls, rounds=25, device=device)
Table(
    ["route", "same numbers", "times eager int8, one image"],
    [
        [
            name,
            torch.equal(running[name](some), small(some)) if name in running else routes[name][:60] + " …",
            f"{taken.ratio(name):.2f}×" if name in running else "–",
        ]
        for name in routes
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** TorchScript takes it and saves some of the time that Python spends between layers. `torch.export` refuses: the packed weights of the eager route are objects that it
# cannot look into. It wants the graph route.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9. The graph route
#
# **PT2E** (PyTorch 2 export quantization, in `torchao`) first exports the model as a graph of operations. A *quantizer* that knows a
# processor then decides where scales go.
#
# **Predict.** The eager route asked you for: a copy with stubs, a fuse list, evaluation mode, `FloatFunctional`, a qconfig, data. Which of
# these can a program read off from the graph?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The whole graph route

# %% slideshow={"slide_type": "-"}
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86


def graph_int8(net, data):
    """PT2E with the quantizer for x86: no stubs, no fuse list, no change of the model."""
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    any_batch = ({0: torch.export.Dim("batch")},)
    graph = torch.export.export(net, (data[0],), dynamic_shapes=any_batch).module()
    prepared = prepare_pt2e(graph, quantizer)
    for x in data:
        prepared(x)
    return convert_pt2e(prepared)


by_graph = graph_int8(cnn, batches)
plus = graph_int8(Shortcut(functional=False).eval(), batches)  # the plain + of section 7
print(f"a plain + in the graph route: runs, result {tuple(plus(some[:1]).shape)}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Only data and the choice of quantizer are left to you. Batch norm is folded, `+` gets its scale.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What does it give here?
#
# **Predict.** The same accuracy? The same speed? A smaller file?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
both = {"fp32": cnn, "eager int8": small, "graph int8, not compiled": by_graph}
graph_speed = timing.compare(
    {name: lambda model=model: model(batch_of_64) for name, model in both.items()}, rounds=7, device=device
)
some_labels = test_set[1][: len(some)]
Table(
    ["SmallCNN", "right, first images", "signal over error, dB", "times fp32, 64 images", "state, bytes"],
    [
        [
            name,
            f"{(model(some).argmax(1) == some_labels).float().mean():.2%}",
            "–" if model is cnn else f"{sqnr_db(cnn(some), model(some)):.1f}",
            f"{graph_speed.ratio(name):.2f}×",
            si(size_report(model).file_bytes, "B"),
        ]
        for name, model in both.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The same accuracy within a few images. But it is *slower* than float, and its state is *larger* than before.

# %% [markdown] slideshow={"slide_type": "skip"}
# The converted graph is a description: int8 weights, then "dequantize, convolve in float, quantize". A compiler reads that
# pattern and puts an int8 kernel in its place (`torch.compile`, with freezing). It takes a C++ compiler and a good part of a minute, so it is
# not done here. [[choosing]] shows recorded runs, in which this route is about as fast as the eager one. Until then the state holds the float weights
# beside the int8 ones, as nothing has thrown them away. The audit says the same in one line for each operation:

# %% slideshow={"slide_type": "skip"}
graph_audit = int8_audit.audit(by_graph)
Table(
    ["operation", "runs in", "weight bits", "why"],
    [[r.kind, r.runs_in, r.weight_bits, r.why] for r in graph_audit.rows],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# One trap: a network that uses the *same* ReLU module in several places (as torchvision's ResNets do) is refused with "more
# than one output node". Give each use its own module.
#
# | | eager route | graph route |
# |---|---|---|
# | stubs, fuse list, `FloatFunctional` | you | found in the graph |
# | model code with branches on data | works | must be exportable |
# | fast without a compiler | yes | no |
# | future | deprecated | developed further |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* The table of speed surprises everybody. Let the room explain it from the graph: print `by_graph.graph` if there is time, and
# find "dequantize" before each convolution.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · What may be fused
# ★★ · 15 minutes
#
# Write `fuse_list`: the lists of names to hand to `fuse_modules`. `kinds` says what each module is ("conv", "bn", "relu", "add", "fc"),
# `reads` whose results it takes ("x" is the input). Chains begin at a convolution: conv-bn-relu, conv-bn or conv-relu, each as
# long as possible. A result inside a chain must have *one* reader; at its end any number may read. The order in which the modules are
# listed says nothing. In training mode nothing may be fused: return an empty list.
#
# `fuse_list(kinds, reads, training)` → a list of lists of names
#
# <details><summary>Hint</summary>
# Start a chain at each convolution. Collect all readers of its last name. If there is exactly one and it is of the next kind you look
# for ("bn", then "relu"), append it.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def fuse_list(kinds, reads, training):
    """Chains of names that start at a convolution and may be fused, each in the order in which it runs.

    >>> fuse_list({"fc": "fc"}, {"fc": ["x"]}, False)  # no convolution, nothing to fuse
    []
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.fuse_list(fuse_list)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def fuse_list_solution(kinds, reads, training):
    chains = []
    for name, kind in kinds.items():
        if kind == "conv" and not training:
            chain = [name]
            for wanted in ("bn", "relu"):
                readers = [reader for reader, sources in reads.items() if chain[-1] in sources]
                if len(readers) == 1 and kinds[readers[0]] == wanted:
                    chain.append(readers[0])
            if len(chain) > 1:
                chains.append(chain)
    return chains


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · Calibration
# ★★ · 12 minutes
#
# Write `static_int8`: the converted model. `model` has its stubs, and no two neighbours in it that could be fused; it may arrive in
# training mode. Its weights and statistics stay as they are: no `inplace=True`, unless on a copy. `batches` is a list of one tensor or
# more. The check looks at the effect: the scales, the statistics of the batch norm, the result.
#
# `static_int8(model, batches, qconfig)` → the int8 model
#
# <details><summary>Hint</summary>
# Five steps: evaluation mode, qconfig, prepare, every batch, convert. Without inplace=True, prepare and convert return a new model.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def static_int8(model, batches, qconfig):
    """The int8 model, with ranges observed on all of `batches`; `model` keeps its weights and statistics.

    >>> static_int8(check.small_net(), check.batches(), check.QCONFIG).dequant  # converted, with its exit
    DeQuantize()
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.static_int8(static_int8)


# %% tags=["solution", "hide-cell", "legacy"] slideshow={"slide_type": "skip"}
def static_int8_solution(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    observed = tq.prepare(model)
    with torch.no_grad():
        for batch in batches:
            observed(batch)
    return tq.convert(observed)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · A residual block that survives
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
# What this lesson claims, beside what your run measured. Speed depends on the machine: with `qnnpack` alone, or without int8
# instructions, that claim may fail on yours, and the table says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Static quantization fixes every range beforehand, so that int8 passes from layer to layer; it needs stubs, fusion, evaluation mode and real data.
# - Weights get one scale a channel, because folded batch norm makes channels of very unequal range.
# - Nothing warns you when a scale is wrong: measure accuracy, and look at the error of each layer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
#   [arXiv:1712.05877](https://arxiv.org/abs/1712.05877). Where the scheme comes from.
# - R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, 2018,
#   [arXiv:1806.08342](https://arxiv.org/abs/1806.08342). Per tensor and per channel, on MobileNets.
# - M. Nagel et al., *Data-free quantization through weight equalization and bias correction*, 2019,
#   [arXiv:1906.04721](https://arxiv.org/abs/1906.04721). How to save per-tensor weights without training.
# - Recommended video: Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
#   [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w). It helps, and does not replace the lesson.
#
# **Project ideas**: equalise the channels of DepthwiseCNN and repeat section 4; leave the worst layer in float; write the fuse list of a network from its
# `torch.fx` graph.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Credits
#
# The three methods and the order in which they are told follow *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
