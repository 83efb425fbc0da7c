# ---
# jupyter:
#   course:
#     promise: You will turn a trained CNN into one that computes in int8 from end to end, and know each step's reason.
#     minutes: 45
#     seconds: 25
#     needs: [measuring, energy, integers, observers]
#     goals:
#       - Mend the well-known three-line recipe step by step, reading each error and each warning.
#       - Say what observers, calibration, conversion and stubs do.
#       - Find out by an ablation why fusion makes int8 more exact.
#       - Measure accuracy, file, speed and the error after each layer.
#     terms: [batch norm, "fold, fuse", qconfig, static quantization, stub]
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
#
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask who has copied three lines of quantization from the web, and what happened then. Keep the answers for section 1.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy
import io
import warnings

import torch
from torch import nn
from torch.ao import quantization as tq

from course_utils import data, legacy_int8, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, int8_audit, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.static import checks as check

legacy_int8.ignore_deprecations()  # the end of section 1 says what is deprecated, and what is not
card = claims.Scorecard("static")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = torch.device("cpu")  # torch.ao's int8 kernels are CPU code
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe(device)

# %% tags=["setup"] slideshow={"slide_type": "skip"}
cnn = checkpoints.load("small_cnn").requires_grad_(False)
images, labels = data.load("fashion_mnist", n=2000)  # training images: calibration must not see the test set
test_set = data.load("fashion_mnist", "test")
batches = images[:256].split(32)  # what we calibrate on
some, some_labels = (part[:1000] for part in test_set)


def percent_right(model, x=some, y=some_labels):
    """Right answers in percent; the first 1,000 test images unless told."""
    return 100 * training.evaluate(model, x, y)


def attempt(what):
    """Run `what`; give its result, or the first sentence of its error."""
    try:
        return what()
    except (AttributeError, AssertionError, NotImplementedError, RuntimeError) as error:
        return f"{type(error).__name__}: {str(error).split('. ')[0].split(' (of')[0]}"


fp32_right = percent_right(cnn, *test_set)
print(f"SmallCNN: {sum(p.numel() for p in cnn.parameters()):,} parameters, {fp32_right:.2f} % of the test images right")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. Three famous lines, and what they leave out
#
# A CNN comes with the course, trained on Fashion-MNIST: convolution, **batch norm** (which scales and shifts each channel), ReLU, three times. This recipe for
# int8 has been copied many times (in the post of 2020 named under Credits, calibration is a comment):
#
# ```python
# model.qconfig = torch.quantization.get_default_config("fbgemm")
# torch.quantization.prepare(model, inplace=True)
# torch.quantization.convert(model, inplace=True)
# ```
#
# **Predict.** What happens? **A** It works. **B** The first line fails. **C** It runs, and the accuracy is lost.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Expect A and C. In a way B and C are both right: B now, and C two repairs later. Let the room read each error aloud
# before you go on.


# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
steps = {"as copied": attempt(lambda: torch.quantization.get_default_config("fbgemm"))}
print(steps["as copied"])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The first line fails (B), because no function of that name exists.**
#
# C is right as well, two repairs later: once the names are right and the tensors are converted, the recipe runs and the accuracy is lost, because nothing has been calibrated. So the recipe never did what it promises, and only the first of its faults says so with an error.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Repair 1: the function has another name
#
# B: that function does not exist. Its name is `get_default_qconfig`. A **qconfig** says which observers a module gets; its argument names the **engine** to choose them for, the library that runs the int8 kernels.
# `torch.quantization` is the old name of `torch.ao.quantization`, here `tq`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read both lines of the output aloud. Ask what "from the 'CPU' backend" may mean. Do not explain the warning yet: ask who would have
# read on after it.


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def recipe(model, calibrate=lambda observed: None):
    """The three lines on a copy of `model`, with room for calibration."""
    model = copy.deepcopy(model)
    model.qconfig = tq.get_default_qconfig(engine)
    tq.prepare(model, inplace=True)
    calibrate(model)
    return tq.convert(model, inplace=True)


# %% slideshow={"slide_type": "-"} tags=["legacy", "hide-input"]
def with_warnings(what):
    """Run `what`, and print the first sentence of what PyTorch warns of, each once."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        legacy_int8.ignore_deprecations()
        result = what()
    for text in sorted({str(w.message).split(". ")[0].strip() for w in noted}):
        print(f"UserWarning: {text}")
    return result


steps["right name"] = with_warnings(lambda: attempt(lambda: recipe(cnn)(some[:1])))
print(steps["right name"].replace(" with arguments", "\n  with arguments"))

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Repair 2: stubs say where int8 begins and ends
#
# There was a warning, to which we come back, and an error: an int8 convolution met a tensor of the `CPU` backend, an ordinary float tensor. Nobody converts the image.
#
# A **stub** marks a place. When the model is converted, `QuantStub` becomes "float to int8", `DeQuantStub` "int8 to float". Until then both change nothing.
# `QuantWrapper` puts one at each end.
#
# **Predict.** Now it runs. How many test images are right: **A** about 90 %, **B** about 70 %, **C** fewer than 50 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect A and B. After the answer ask which scale would be right for pixels from 0 to 1.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
stubbed = with_warnings(lambda: recipe(tq.QuantWrapper(cnn)))
steps["with stubs"] = f"runs, {percent_right(stubbed, *test_set):.2f} % of the test images right"
print(f"{steps['with stubs']}; the input's scale is {stubbed.quant.scale.item():.3g}")
print(f"control, float network on pixels rounded to 0 or 1: {percent_right(cnn, some.round()):.1f} % of 1,000")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, and a warning had said so.** The scale is 1, the default of an observer that has seen no data: all pixels become 0 or 1. That alone costs far less (last line):
# inside, too, scales are 1, zero points 0. The warning means: run data through the observers first.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Repair 3: fuse, in evaluation mode
#
# Convolution, batch norm and ReLU can become one int8 operation (section 3). Batch norm must be frozen for it. What if it is not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask what batch norm does in training mode (statistics of the batch): there is no fixed factor to fold. The error says it in four words.


# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
def fuse_names(net, parts=(0, 1, 2)):
    """Of convolution (0), batch norm (1), ReLU (2): a list for each block."""
    blocks = range(len(net.features))
    return [[f"module.features.{b}.{part}" for part in parts] for b in blocks]


wrapped, names = tq.QuantWrapper(copy.deepcopy(cnn)), fuse_names(cnn)
too_early = attempt(lambda: tq.fuse_modules(wrapped.train(), names))
steps["fused in training mode"] = too_early
fused = tq.fuse_modules(wrapped.eval(), names)
print(too_early)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Repair 4: calibrate on real data, still in evaluation mode
#
# Between `prepare` and `convert` some training images go through the model, so that the observers see real ranges. No labels are needed.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask why training images and not test images: the ranges are learned from them. Section 4 asks how many.


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def show_data(observed):
    for batch in batches:
        observed(batch)


mended = with_warnings(lambda: recipe(fused, show_data))
mended_right = percent_right(mended, *test_set)
steps["fused, calibrated"] = f"runs, {mended_right:.2f} % of the test images right"
print(steps["fused, calibrated"])

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What was left out
#
# The name, the stubs, evaluation mode with fusion, and calibration on real data. Some of them, left out, raise an error.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room name the repairs and their errors from memory, then click. Which test of yours would have caught the third row?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["the recipe", "what came out"],
    [[step, result] for step, result in steps.items()],
    caption="With neither fusion nor calibration it runs: a warning and a measured accuracy tell. Section 3 leaves out fusion alone.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# **What is deprecated here.** PyTorch announces the end of `torch.ao.quantization` (older code also says `torch.quantization` and
# `torch.nn.quantized`); the successor is the package `torchao` ([[torchao]]). Code in eager mode
# (module by module, as you write it) still uses it. Cells with it carry the tag `legacy`. Its warning "will be removed in 2.10" is itself out of
# date: you are running a later version. Which operations have an int8 version: [list in PyTorch's
# documentation](https://docs.pytorch.org/docs/stable/quantization-support.html).
#
# The mended recipe as one function, which the rest of the lesson uses:


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def to_int8(net, qconfig, data=batches, parts=(0, 1, 2)):
    ready = tq.QuantWrapper(copy.deepcopy(net)).eval()
    if parts:
        ready = tq.fuse_modules(ready, fuse_names(net, parts))
    ready.qconfig = qconfig
    observed = tq.prepare(ready)
    for batch in data:
        observed(batch)
    return tq.convert(observed)


def sqnr_db(exact, approximate):
    return 10 * torch.log10(exact.square().sum() / (exact - approximate).square().sum()).item()


# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"} tags=["lecture"]
# ## 2. Observe, calibrate, convert
#
# *Dynamic* quantization finds the range of each input while the model runs. **Static quantization** fixes all ranges beforehand.
#
# **prepare** puts the eyes in, **calibration** fills them, **convert** makes each range a scale and a zero point. Weights become `qint8`, signed. Activations become
# `quint8`, unsigned, logits too: kernels for x86 multiply unsigned by signed bytes. What can be negative gets a zero point above 0.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Step through the four pictures. At the third ask what the two numbers above each eye are, at the fourth what became of them. Then:
# what can go wrong when ranges are fixed beforehand? Values outside are clipped.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
observed = copy.deepcopy(fused)
observed.qconfig = tq.get_default_qconfig(engine)
tq.prepare(observed, inplace=True)
show_data(observed)
eyes = [
    m.activation_post_process for m in (observed.quant, *(b[0] for b in observed.module.features), observed.module.fc)
]
scales = [float(m.scale) for m in (mended.quant, *(b[0] for b in mended.module.features), mended.module.fc)]
flow, x = [some[:1].numel()] * 2, some[:1]  # numbers on the wire into each place, for one image
for block in cnn.features:
    x = block(x)
    flow.append(x.numel())
flow += [10]


# %% slideshow={"slide_type": "skip"}
def stage(number):
    """The CNN in float (0), fused (1), with observers (2), in int8 (3)."""
    canvas, end, block = diagrams.Canvas(height=250), (8, 110), "conv\nReLU" if number else "conv\nnorm\nReLU"
    ends = ("quant", "dequant") if number else ("", "")
    for place, word in enumerate((ends[0], block, block, block, "linear", ends[1])):
        here, kind = 75 + 195 * place, "int8" if number == 3 and place else "fp32"
        n_bytes = flow[place] * (1 if kind == "int8" else 4)
        thick = diagrams.thickness(n_bytes, 4 * max(flow))
        canvas.wire(end, (here, 110), meaning=kind, thick=thick, arrow=False)
        if place:
            canvas.text(here - 46, 178, si(n_bytes, "B"), size=22)
        if number == 2 and place:
            for size, colour in ((20, "white"), (8, "black")):
                canvas.axes.plot(here - 46, 110, "o", ms=size, color=colour, mec="black", zorder=5)
            low, high = eyes[place - 1].min_val, eyes[place - 1].max_val
            canvas.text(here - 46, 36, f"{low:.1f} to\n{high:.1f}", size=22)
        if kind == "int8":
            canvas.text(here - 46, 36, f"scale\n{scales[place - 1]:.2g}", size=22)
        if word:
            canvas.box(here, 60, word, width=102, height=100, size=22)
        end = (here + (102 if word else 0), 110)
    canvas.wire(end, (1195, 110), meaning="fp32", thick=3, arrow=False)
    return canvas.figure()


# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
STAGES = ("trained, in float", "fused, with stubs", "with observers, calibrated", "converted")
plots.show(
    [stage(number) for number in range(4)],
    alt=[
        f"The network as a chain of boxes, {what}: wires between boxes are as thick as the bytes that pass for one image, the thinnest all alike. {more}"
        for what, more in zip(
            STAGES,
            (
                "Three boxes of convolution, batch norm and ReLU, then linear; all wires are float.",
                "Three boxes of convolution and ReLU; stubs, quant and dequant, stand at both ends and do nothing yet.",
                "On each wire between the stubs sits an eye with the range that it saw.",
                f"Wires between the stubs are int8, at a quarter of the bytes, each with a scale from {min(scales):.2g} to {max(scales):.2g}.",
            ),
            strict=True,
        )
    ],
    caption="Orange: float. Blue: int8. Under each wire the bytes of one image. The mean over the pixels is inside *linear*.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Between the layers: float or int8?
#
# The network has three convolutions and one linear layer. Ask each module of the *converted* network what it takes and gives.
#
# **Predict.** How many modules take one type and give another: **A** all, **B** two, **C** none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A minute in pairs. Compare with dynamic quantization, which keeps float between its layers.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def dtypes(model, x):
    seen, hooks = [], []

    def note(name):
        def hook(module, given, out):
            seen.append([name, type(module).__name__, *(str(t.dtype).removeprefix("torch.") for t in (given[0], out))])

        return hook

    for name, module in model.named_modules():
        if not isinstance(module, nn.Identity) and (not list(module.children()) or hasattr(module, "in_features")):
            hooks.append(module.register_forward_hook(note(name)))
    model(x)
    for hook in hooks:
        hook.remove()
    return seen


audit = int8_audit.audit(mended, some[:1])  # asks each module which kernel it called
card.record("int8-layers", audit.count("int8"))
found = dtypes(mended, some[:1])
Table(
    ["module", "takes", "gives"],
    [[name.removeprefix("module."), *types] for name, _, *types in found],
    caption=f"{audit.count('int8')} layers called an int8 kernel, by the audit.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B: the stubs.** Between layers only bytes move, a quarter of the traffic.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Fusion: three operations become one
#
# In evaluation mode batch norm is a fixed scale and shift of each channel. It can be folded into the convolution before it (here one without a bias):
#
# $$w' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}\, w, \qquad b' = \beta - \frac{\gamma\, \mu}{\sqrt{\sigma^2 + \epsilon}}$$
#
# ReLU: behind it the observed range begins at 0, so the zero point is 0, and the clamp at 0 *is* the ReLU.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Write the two lines of batch norm on the board and collect the factors. Ask for b' when the convolution has a bias b: γ (b - μ) / sqrt(σ² + ε) + β.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
conv, norm = cnn.features[1][0], cnn.features[1][1]
factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
folded = factor.view(-1, 1, 1, 1) * conv.weight
apart = (folded - fused.module.features[1][0][0].weight).abs().max()
canvas, at = diagrams.Canvas(height=170), 40
for name in ("convolution\nw", "batch norm\nμ, σ², γ, β", "ReLU"):
    box = canvas.box(at, 40, name, width=170, height=90)
    if at > 40:
        canvas.wire((at - 50, 85), box.left, meaning="activations")
    at += 220
canvas.text(735, 85, "becomes", size=24)
canvas.box(840, 40, "convolution w', b'\nwhose result is clamped", width=320, height=90)
plots.show(
    canvas.figure(),
    alt="Three boxes in a row, convolution, batch norm and ReLU, with arrows between them, become one box: a convolution with new weights and a clamp.",
    caption=f"μ, σ²: running mean and variance; γ, β: trained scale and shift. Our w' against torch's: at most {apart:.0e} apart.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Which part of the fusion makes it more exact?
#
# In float, fused and unfused compute the same but for rounding. In int8 each stored result has a scale of its own.
#
# We fuse nothing, one pair, the other pair, or all three. SmallCNN is ordinary; DepthwiseCNN filters each channel on its own ([[depthwise]]).
#
# **Predict.** In DepthwiseCNN, which pair brings most of the gain: **A** convolution with batch norm, **B** batch norm with ReLU, **C** both alike?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask first what is stored between the operations in each case. Vote; expect B and C. The pairs are an ablation: each avoids one stored result, the raw convolution or the half below 0 that
# ReLU throws away. Point at the spans: one draw of images would have told another story for SmallCNN.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
default = tq.get_default_qconfig(engine)
per_channel = tq.QConfig(activation=default.activation, weight=tq.default_per_channel_weight_observer)
FUSED = {"nothing": (), "conv + norm": (0, 1), "norm + ReLU": (1, 2), "all three": (0, 1, 2)}
fewer = some[:300]
fusion, models = {}, {}
for net in (checkpoints.load("depthwise_cnn").requires_grad_(False), cnn):
    for what, parts in FUSED.items():
        for start in (0, 500, 1000):  # three draws of images to calibrate on
            models[what] = to_int8(net, per_channel, images[start : start + 64].split(32), parts)
            db = sqnr_db(net(fewer), models[what](fewer))
            fusion.setdefault((type(net).__name__, what), []).append(db)
batch_of_64 = some[:64]
jobs = {what: lambda what=what: models[what](batch_of_64) for what in ("nothing", "all three")}
speed_of_fusion = timing.compare(jobs, rounds=9, device=device)
means = {key: sum(draws) / len(draws) for key, draws in fusion.items()}
card.record("fusion-accuracy", means["DepthwiseCNN", "all three"] - means["DepthwiseCNN", "nothing"])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
low, high = speed_of_fusion.ratio_quartiles("all three")
Table(
    ["fused", "SmallCNN", "DepthwiseCNN"],
    [
        [
            what,
            *(
                f"{min(fusion[name, what]):.1f} to {max(fusion[name, what]):.1f}"
                for name in ("SmallCNN", "DepthwiseCNN")
            ),
        ]
        for what in FUSED
    ],
    caption="Signal over error of the output, dB, over three draws of calibration images. SmallCNN, all three: "
    f"{speed_of_fusion.ratio('all three'):.2f}× as fast as nothing ({low:.2f} to {high:.2f}).",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A.** There the raw convolution of a depthwise layer, whose channels probably have very unequal ranges, is not stored any more. In SmallCNN the shares of the two pairs change with the images of
# calibration; the span of all three lies highest.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. How many images, and which observer?
#
# *Min–max* keeps the extremes, the *moving average* smooths them over batches, the *histogram* looks for the range with the least squared error ([[observers]]).
#
# **Predict.** Which step brings most: **A** from 1 image to 4, **B** from 4 to 16, **C** from 16 to 64? Does one observer win clearly?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. After the figure: is 64 enough? In decibels the histogram still gains; whether that matters depends on the accuracy you need. The next slide tries rare large values.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
narrow = default.activation.p.keywords  # the levels of this engine, as its own default has them
OBSERVERS = {
    "min–max": tq.MinMaxObserver,
    "moving average": tq.MovingAverageMinMaxObserver,
    "histogram": tq.HistogramObserver,
}
exact = cnn(fewer)


def with_observer(observer, data):
    """SmallCNN per channel, its activations watched by `observer` on `data`; SQNR of the output in dB."""
    qconfig = tq.QConfig(activation=observer.with_args(**narrow), weight=per_channel.weight)
    return sqnr_db(exact, to_int8(cnn, qconfig, data)(fewer))


COUNTS, starts = (1, 4, 16, 64), (0, 500, 1000)
calibrated = {
    (name, n): [with_observer(observer, images[start : start + n].split(8)) for start in starts]
    for name, observer in OBSERVERS.items()
    for n in COUNTS
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.2, 3.8))
for (name, marker), colour in zip(
    {"min–max": "o", "moving average": "s", "histogram": "^"}.items(), ("blue", "green", "orange"), strict=True
):
    found = [calibrated[name, n] for n in COUNTS]
    ax.plot(COUNTS, [sum(draws) / len(draws) for draws in found], f"{marker}-", label=name, color=plots.COLOURS[colour])
    ax.fill_between(COUNTS, [min(d) for d in found], [max(d) for d in found], alpha=0.2, color=plots.COLOURS[colour])
ax.set(xscale="log", xlabel="images for calibration", ylabel="signal over error, dB")
ax.set_xticks(COUNTS, [str(n) for n in COUNTS])
ax.minorticks_off()
ax.legend(loc="lower right")
plots.show(
    fig,
    alt="Signal over error of the output over the number of calibration images, for three observers: "
    + "; ".join(f"{name} {', '.join(f'{sum(calibrated[name, n]) / 3:.1f}' for n in COUNTS)} dB" for name in OBSERVERS)
    + f" with {', '.join(map(str, COUNTS))} images.",
    caption="Mean and span of three draws of images.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A, on average.** But the histogram still gains at 64: is that worth it? Spans overlap: no observer wins clearly.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Which data, then?
#
# 64 images in 8 batches: mixed, of one class, of noise, or with one *broken*, 30 times too bright, first or last.
#
# **Predict.** Which rows do harm? And does the place of the broken image matter?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask which row the room would bet on. After the table ask why only the moving average cares where the broken image stands: the first batch *is* its range, later ones move it by a hundredth.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
good, noise = images[:64], torch.Generator().manual_seed(0)
kinds = {
    "64 images": good,
    "one class": images[labels == 5][:64],
    "uniform noise, 0 to 1": torch.rand(64, 1, 28, 28, generator=noise),
    "first image broken": torch.cat([30 * good[:1], good[1:]]),
    "last image broken": torch.cat([good[:-1], 30 * good[-1:]]),
}
harm = {(kind, name): with_observer(o, x.split(8)) for kind, x in kinds.items() for name, o in OBSERVERS.items()}
Table(
    ["calibrated on", *OBSERVERS],
    [[kind, *(f"{harm[kind, name]:.1f}" for name in OBSERVERS)] for kind in kinds],
    caption="Signal over error of the output, dB.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A broken image ruins the ranges, and its place matters to one observer.** The moving average mostly forgives it at the end: by default it moves a hundredth of the way to each batch (in [[observers]] we set a tenth). At the start, the first batch *is* its range.
# One class, or noise in the range of the pixels, costs far less here than a broken first image.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. What it costs and what it brings
#
# fp32 has 4 bytes a weight, int8 has 1.
#
# **Predict.** Is the file of the int8 network **A** less than a quarter, **B** a quarter, **C** more than a quarter of the other? How many points of accuracy are lost: less than 1, or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for A to C; expect B. Then ask what else is in a file. Speed is over *eager* fp32 and on this machine: a ratio near 1 or below is
# a result, too.

# %% slideshow={"slide_type": "skip"}
int8_net = to_int8(cnn, per_channel)
both = {"fp32": cnn, "int8": int8_net}
right = {"fp32": fp32_right, "int8": percent_right(int8_net, *test_set)}
files = {name: size_report(net) for name, net in both.items()}  # saved, loaded again, compared
speed = {
    n: timing.compare({name: lambda net=net, n=n: net(some[:n]) for name, net in both.items()}, rounds=9, device=device)
    for n in (1, 64)
}
smaller = files["fp32"].file_bytes / files["int8"].file_bytes
card.record("small-floor", right["fp32"])
card.record("small-drop", right["fp32"] - right["int8"])
card.record("small-file", smaller)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
rows = [["right, %", *(f"{value:.2f}" for value in right.values())]]
rows += [["file", *(si(report.file_bytes, "B") for report in files.values())]]
rows += [[f"{n} image{'s' * (n > 1)}, ms", *(f"{speed[n].median_ms(name):.3g}" for name in both)] for n in speed]
ratios = {n: (speed[n].ratio("int8"), speed[n].ratio_quartiles("int8")) for n in speed}
said = "; ".join(f"{n} at once {ratio:.2f}× ({low:.2f} to {high:.2f})" for n, (ratio, (low, high)) in ratios.items())
Table(
    ["SmallCNN", *both],
    rows,
    caption=f"File {smaller:.2f}× smaller. Over eager fp32, with quartiles: {said}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, and less than a point.** The weights shrink fourfold, the file less: biases and the names of the entries stay, scales and zero points come on top. If the ratio for 64
# images is near 1 or less, see the engine: `qnnpack` may be slower than float ([[depthwise]] compares them). [[choosing]] adds the best fp32 to be had.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
# To use the file later: prepare and convert the model without calibration, then load the state.
file = io.BytesIO()
torch.save(int8_net.state_dict(), file)
file.seek(0)
with legacy_int8.quiet():  # no data here on purpose: the scales come from the file
    again = to_int8(checkpoints.load("small_cnn"), per_channel, data=[])
again.load_state_dict(torch.load(file, weights_only=True))
print("the reloaded model gives the same numbers:", torch.equal(again(some), int8_net(some)))
bills = {"fp32": energy.estimate(cnn, some[:1]), "int8": energy.estimate(cnn, some[:1], mac="int8, int32 sum", bits=8)}
ledger.table(
    [
        ledger.record(
            lesson="static",
            task="fashion_mnist",
            model="SmallCNN",
            technique={"fp32": "fp32", "int8": "static int8, per channel"}[name],
            accuracy=right[name] / 100,
            file_bytes=files[name].file_bytes,
            load_ms=files[name].load_ms,
            speedup=speed[1].ratio(name),
            energy_nj=bills[name].total_nj,
        )
        for name in both
    ]
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The error after each layer
#
# Run the float and the int8 network side by side, and compare after each layer. Do the same with the int8 network in which nothing was fused.
#
# **Predict.** Along the network, does the signal over error fall with each layer, or can it rise?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Show of hands; expect "it falls". Say that a point holds all errors before it. To learn which layer to leave in float, one would quantize one layer at a time.


# %% slideshow={"slide_type": "skip"}
def outputs(net, x):
    """What each block and the linear layer give."""
    seen = {}
    for number, block in enumerate(net.features):
        seen[str(number)] = x = block(x)
    return seen | {"linear": net.fc(x.mean((2, 3)))}


of_float, errors = outputs(cnn, fewer), {}
for how, model in {"all three fused": int8_net, "nothing fused": to_int8(cnn, per_channel, parts=())}.items():
    found = outputs(model.module, model.quant(fewer))
    errors[how] = {n: sqnr_db(of_float[n], y.dequantize()) for n, y in found.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.2, 3.8))
for (how, line), style in zip(errors.items(), ("o-", "s--"), strict=True):
    ax.plot(list(line), list(line.values()), style, label=how)
ax.set(xlabel="after block", ylabel="signal over error, dB", ylim=(10, 40))
ax.legend(loc="upper right")
plots.show(
    fig,
    alt="Signal over error after each block and the linear layer: "
    + "; ".join(f"{how} {', '.join(f'{db:.0f}' for db in line.values())} dB" for how, line in errors.items())
    + ".",
    caption="Higher is better. Each point holds all errors before it.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. It can rise.** Errors do not simply add up: a later layer that mixes many inputs probably averages part of them away. Unfused, the network is farther from float.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
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

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, on paper: the list for a residual block whose sum reads the first convolution, too. The mistake to wait for is fusing across that branch. The other card
# is homework in a lecture.


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


# %% [markdown] slideshow={"slide_type": "skip"}
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Static quantization fixes every range beforehand, so that int8 passes from layer to layer; it needs stubs, evaluation mode and real data, and is better with fusion.
# - Fusion helps int8 by what it does *not* store: in DepthwiseCNN mostly the raw convolution.
# - Read the warnings, and measure accuracy: an uncalibrated model runs.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
# [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), where the scheme comes from; next here: [[depthwise]].
#
# **Project ideas**: write the fuse list of a network from its `torch.fx` graph; quantize one layer at a time and find the one that costs most.
#
# **Credits**: the order in which the method is told follows *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what the lesson did not show: a network that int8 breaks, a shortcut, another engine. They come next.
