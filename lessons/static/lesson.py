# ---
# jupyter:
#   course:
#     promise: You will turn a trained CNN into one that computes in int8 from end to end, and notice when its ranges were set on the wrong images.
#     seconds: 30
#     needs: [integers, dynamic]
#     goals:
#       - prepare, calibrate and convert a CNN, with stubs and fusion;
#       - follow one number through an int8 layer by hand;
#       - choose images and range for the calibration, and notice when they were wrong.
#     terms: [batch norm, calibration, cross term, engine, "fold, fuse", observer, qconfig, requantize, static quantization, stub]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *How does a CNN compute in int8 from its first layer to its last?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Who has copied three lines of quantization from the web? What happened then? Keep the answers for the next slide.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets one thread and the int8 engine, switches gradients off, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.static import checks as check
from lessons.static import show

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. Three famous lines
#
# Three lines for int8 have been copied many times: choose a configuration, `prepare`, `convert`. We run them on a trained CNN.
#
# <!-- page -->
#
# In [[dynamic]] a layer searched the range of its inputs at every call, and gave floats back. Now a whole CNN shall stay in integers. It is SmallCNN, trained on Fashion-MNIST: three blocks, and a linear layer.
#
# As they are copied, the lines do not run. They ask for `get_default_config`, and PyTorch has no function of this name; it is `get_default_qconfig`. And nothing says where in the network the integers begin. `QuantWrapper` marks that. We have mended both.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the lines aloud: `QuantWrapper` puts the stubs in, and the three famous ones follow. Does it work? Click: no error, the layers are int8, and the accuracy is gone. "Which of your tests would have caught this?" A measured accuracy would.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
import copy

import torch
from torch.ao.quantization import QuantWrapper, convert, fuse_modules, get_default_qconfig, prepare

from course_utils import data
from course_utils.data import checkpoints

images, _ = data.load("fashion_mnist", n=256)  # training images, without their labels
test_images, labels = (part[:2000] for part in data.load("fashion_mnist", "test"))
cnn = checkpoints.load("small_cnn")
engine = torch.backends.quantized.engine  # the library that computes int8 on this machine


def accuracy(model, x=test_images):
    answers = torch.cat([model(batch).argmax(1) for batch in x.split(250)])
    return 100 * (answers == labels).float().mean().item()


# %% slideshow={"slide_type": "-"} tags=["legacy"]
model = QuantWrapper(copy.deepcopy(cnn))
model.qconfig = get_default_qconfig(engine)
model = prepare(model)
model = convert(model)

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
print(model.module.fc)
print(model.quant)
print(f"float: {accuracy(cnn):.1f} % right, int8: {accuracy(model):.1f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# No error. Every layer is an int8 layer now, and the network is about as good as chance. PyTorch only warns, *must run observer*, and even this we had switched off.
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The clue
#
# The output shows two scales, and both are 1. The second one is that of the pixels.
#
# **Predict.** A pixel lies between 0 and 1. With the scale 1, how many different greys are left of a picture: **A** 128, **B** 2, **C** 1?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room round 0.4 and 0.6. Then the inside: the same scale for every layer, and integers that begin at 0. What becomes of −2.3?

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Two (B), because a step is as long as the whole range of the pixels.** 0.4 becomes 0, and 0.6 becomes 1.

# %% [markdown] slideshow={"slide_type": "skip"}
# Inside the network it is the same. Each layer rounds its results to whole numbers, and these integers begin at 0. So 2.3 becomes 2, and −2.3 is clipped to 0. The scale 1 is what PyTorch takes when it has seen no data. Nobody had shown it an image.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. Observe, calibrate, convert
#
# *Dynamic* quantization looks for a range at every call. **Static quantization** fixes all ranges beforehand, by looking at examples.
#
# <!-- page -->
#
# For this PyTorch needs three things from you.
#
# 1. **Where?** A **stub** is a module that does nothing until it is converted. Then the first one turns floats into integers, and the last one turns them back. `QuantWrapper` puts one at each end of a model.
# 2. **How?** A **qconfig** names two *observers*, one for weights and one for what flows through the network. An **observer** is a module that watches numbers pass, and names a range in the end.
# 3. **On what?** `prepare` puts the observers in. Then you send some typical images through. This is **calibration**. It needs no labels, and trains nothing. `convert` makes a scale and a zero point of each range, and replaces each layer by its int8 version.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
default = get_default_qconfig(engine)


def calibrated(model, batches, qconfig=default):
    model = copy.deepcopy(model)
    model.qconfig = qconfig
    observed = prepare(model)
    for batch in batches:
        observed(batch)  # still in float; the observers watch
    return convert(observed)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
int8 = calibrated(QuantWrapper(cnn), images.split(32))
print(f"float: {accuracy(cnn):.1f} % right, int8: {accuracy(int8):.1f} %")

# %% [markdown] slideshow={"slide_type": "skip"}
# Int8 is within about a point of float again. The images were all that was missing.
#
# **Try it.** How many images does it take? In the last cell, change `images` to `images[:1]`, and run it again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# A single image already brings nearly all of the accuracy back: all but a point with the engine x86, which has a spare bit, all but some points with qnnpack. Do not rely on it. A few dozen varied images are a good start.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Upper row: the model still computes in float, and the observers look on. Lower row: each range has become a scale. The first one is 1 / 127. Only bytes move between the blocks. How many images does it take here? With x86 one nearly suffices.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure", "legacy"]
# Draws the network twice: with observers, calibrated, and converted.
show.before_and_after(QuantWrapper(cnn), images, default)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the lower row every wire between the stubs carries integers. They take a quarter of the bytes.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One number by hand
#
# An input is 0.60, a weight is 0.25. Calibration has found the ranges 0 to 1.27 for the input and 0 to 5.08 for the output, each in 127 steps: scales 0.01 and 0.04. The scale of the weight is 0.005. All zero points are 0; *Deeper* has others.
#
# 1. *Round:* 0.60 / 0.01 = 60, and 0.25 / 0.005 = 50.
# 2. *Multiply:* 60 · 50 = 3,000. It stands for 3,000 · 0.01 · 0.005 = 0.15.
# 3. *Back to 8 bits:* 0.15 / 0.04 = 3.75, rounded **4**. It stands for 0.16.
#
# <!-- page -->
#
# An output is a sum of many such products. The layer adds them up in 32 bits. The next layer wants 8 bits. Their scale is known, so the layer rounds each sum at once. All three scales are fixed, so their quotient is one number, 0.01 · 0.005 / 0.04 = 0.00125, and 3,000 · 0.00125 gives the 3.75 directly.
#
# If it were *not* known, the layer would hand on floats, and the next one would search their range: that is dynamic quantization.
#
# Why 127 steps, and not 255? With the engine x86 PyTorch leaves one bit free; many x86 processors add two products in 16 bits first, and with 255 steps that sum would not fit. With onednn and qnnpack there are 255. What lies beyond the range may still use the spare bit.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Do the three lines on the board. The engine x86 leaves one bit free, hence 127 steps. Ask: where did 0.04 come from? From the calibration. Without it, the layer would hand on floats, and the next one would search their range: that is dynamic.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Fusion: three operations become one
#
# Each block does three things, one after the other: convolution, batch norm, ReLU. Can they be one?
#
# *By hand:* a convolution gives 2x. Batch norm subtracts 1, divides by 2, multiplies by 3, adds 0.5:
#
# $$3 \cdot \frac{2x - 1}{2} + 0.5 = 3x - 1$$
#
# <!-- page -->
#
# **Batch norm** shifts and scales each channel. While a network is trained, it takes mean and deviation from the batch. In evaluation mode it uses fixed averages, here the mean 1 and the deviation 2; the 3 and the 0.5 were learned. As a step of its own it costs twice: the result of the convolution is rounded and stored, read again, shifted and scaled, and rounded and stored once more.
#
# A convolution with the weight 3 and the bias −1 gives the same at once. The batch norm is **folded** into it. To make one module of several is to **fuse** them.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Now the ReLU. Our layer of section 2 gets −3.75 in place of 3.75. Its range begins at 0, and so do its integers. Which integer does it store without any ReLU: **A** −4, **B** 0, **C** 4?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Follow the factors to 3x − 1. Then the ReLU: −3.75 is rounded to −4, and there is no −4. So the clamp is the ReLU.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **0 (B), because −4 is clipped to the lowest integer. The clipping *is* the ReLU.**

# %% [markdown] slideshow={"slide_type": "skip"}
# So the observer must stand *behind* the ReLU, where nothing is negative. `fuse_modules` folds, and makes one module of each three that you name. The two empty places keep an `Identity`.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
names = [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in (0, 1, 2)]
fused = fuse_modules(QuantWrapper(cnn), names)
print(fused.module.features[0])
print(f"largest difference in float: {(fused(test_images) - cnn(test_images)).abs().max():.6f}")

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
int8_fused = calibrated(fused, images.split(32))

# %% [markdown] slideshow={"slide_type": "skip"}
# The model must be in evaluation mode, as ours is. In training mode there are no fixed numbers to fold, and `fuse_modules` refuses: *Fusion only for eval!*

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What it costs and what it brings
#
# Four networks, with and without fusion, in float and in int8.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First the accuracy: calibration was the repair, fusion hardly matters for it here. Then the last column: where int8 is fast, fusion pays in it. Ask why the file is not a quarter: names, biases, and a scale for each channel.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "legacy"]
# Measures the accuracy, the file and the speed of four networks.
four = {"fp32": cnn, "fp32, fused": fused, "int8": int8, "int8, fused": int8_fused}
right = {name: accuracy(net) for name, net in four.items()}
kilobytes = {name: show.kilobytes(net) for name, net in four.items()}
speed = {n: show.speed(four, test_images[:n]) for n in (1, 64)}
show.price_and_gain(right, kilobytes, speed)

# %% [markdown] slideshow={"slide_type": "skip"}
# Int8 costs about a point of accuracy. The file is between three and four times smaller: it also holds names, scales, and biases in fp32. With 64 images at once the fused int8 network is the fastest where the engine uses fast instructions for int8. There fusion helps int8 more than fp32. Without such instructions int8 can be slower than float.
#
# The speed is that over plain fp32, and a better fp32 leaves less to gain ([[choosing]]).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. Calibrated on what?
#
# | observer | its range |
# |---|---|
# | min–max | the lowest and the highest value that it saw |
# | moving average | moves 1 % towards the range of each new batch |
# | histogram | one with a small squared error |
#
# <!-- page -->
#
# A range is set once, so a fault in the calibration stays for good. The simplest observer divides the span of all values that it saw into levels: *min–max*. One strange value is enough to stretch it. Two other observers work differently.
#
# The *moving average* starts at the range of the first batch. Let that end at 1. Now comes a batch that reaches to 255. The end goes 1 % of the way, to 1 + 0.01 · 254 = 3.54, and each later batch brings it 1 % of the way back.
#
# The *histogram* counts how often each value occurs, and compares ranges: a wide one rounds everything coarsely, a narrow one clips a few values. It looks for a range with a small sum of squared errors. It is the default of PyTorch's engines.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Min–max: one strange value stretches it. Moving average: it begins at the range of the first batch. Histogram: a wide range rounds all, a narrow one clips a few.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torch.ao.quantization import HistogramObserver, MinMaxObserver, MovingAverageMinMaxObserver, QConfig

good = images[:100]
broken = good.clone()
broken[50] *= 255  # somebody forgot to divide this picture by 255


def with_observer(observer, x):
    """Calibrate the fused network by one observer, in ten batches."""
    watch = observer.with_args(reduce_range=True)  # 127 steps
    return calibrated(fused, x.split(10), QConfig(activation=watch, weight=default.weight))


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### One picture in a hundred
#
# One of 100 pictures was not divided by 255. If its pixels are clipped to 1, they are off by up to 254. If they are not, the step is 2, and all other pixels are off by up to 1.
#
# **Predict.** Which observers still give a network that works: **A** moving average and histogram, **B** the moving average alone, **C** none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Min–max: 255 / 127 is 2, all good pixels become 0. Moving average: 3.5. Histogram: let the room compare 254 for one picture with 1 for 99, and then the squares. Click. In the column `all / 4` every picture was a quarter as bright: bright pixels are clipped. What if the broken picture comes first?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
observers = {
    "min–max": MinMaxObserver,
    "moving average": MovingAverageMinMaxObserver,
    "histogram": HistogramObserver,
}
kinds = {"good": good, "one × 255": broken, "all / 4": good / 4}
found = {
    (name, kind): accuracy(with_observer(observer, x))
    for name, observer in observers.items()
    for kind, x in kinds.items()
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Prints the accuracy on good test pictures, by observer and by what it was calibrated on.
print(f"{'calibrated on':14}{''.join(f'{kind:>10}' for kind in kinds)}")
for name in observers:
    print(f"{name:14}{''.join(f'{found[name, kind]:10.1f}' for kind in kinds)}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The moving average alone (B), because the histogram adds up errors:** up to 254 for the pixels of one picture outweighs 1 or less for those of 99, and squared still more.

# %% [markdown] slideshow={"slide_type": "skip"}
# So one picture can ruin a network. In 127 steps the range 0 to 255 gives the scale 2. Every pixel of an ordinary picture is at most half a step, and becomes 0. The network sees black pictures, whatever you show it.
#
# **Try it.** The moving average was lucky. Change `broken[50]` to `broken[0]`, and run the cells from there to the output again. Then change it back.
#
# <details><summary>What others found</summary>
#
# Now none of the three works. The moving average *begins* at the range of its first batch. After nine more, 0.99⁹ = 91 % of what was too much is still there.
#
# </details>

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How far the range was led astray
#
# The upper end of the range of the pixels, after each batch.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* The broken picture is in the sixth batch. The moving average ends near 3.5: 36 of 127 steps are left. "And if it is in the first batch?" Then it begins at 255, and forgets 1 % a batch.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "legacy"]
# Draws the upper end of the range of the pixels after each batch.
show.led_astray(broken, observers)

# %% [markdown] slideshow={"slide_type": "skip"}
# No observer is right in all cases. Clean the images first. Then the choice matters little for this network, as the column `good` shows.
#
# And the column `all / 4`? There all the pictures were a quarter as bright, and no observer can know that. Their range ends at 0.25, and bright pixels are clipped. **Calibrate on images like those of the work.**

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Who lost the points?
#
# At work the light is half as bright, and int8 loses points.
#
# **Predict.** The range of the pixels ends at 1, and now they end at 0.5. Would calibrating anew on such pictures bring the points back? **A** Yes, **B** no.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Half of the levels stand empty, so 64 are left: is that few? Ask what one must measure before one blames int8. The float network, on the same pictures. Click.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
dark = test_images / 2
anew = calibrated(fused, (images / 2).split(32))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
# Prints the accuracy in half the light: float, int8, and int8 calibrated anew.
print(f"float      {accuracy(cnn, dark):.1f} % right")
print(f"int8       {accuracy(int8_fused, dark):.1f} %")
print(f"int8, anew {accuracy(anew, dark):.1f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No (B), because the float network loses as much on these pictures.** No pixel is clipped, and half of the levels are still enough.

# %% [markdown] slideshow={"slide_type": "skip"}
# So before you blame int8, **ask the float network about the same images**. If int8 answers much worse, look at the ranges. What float loses, too, no calibration brings back.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise · From end to end
# ★★ · 10 minutes
#
# Write `to_int8(model, batches, qconfig)`. `model` is built like SmallCNN: `model.features` holds one or more blocks of convolution, batch norm and ReLU. It may be in training mode.
#
# Return a static int8 copy: every block fused, calibrated on all `batches` by the observers of `qconfig`. Set `qconfig` on the whole wrapper. `model` stays as it is.
#
# Then try it: `accuracy(to_int8(cnn, images.split(32), default))`.
#
# <!-- page -->
#
# <details><summary>Hint</summary>
#
# Copy, wrap, `eval()`, fuse; the rest is as in `calibrated`. How many blocks are there? `len(model.features)`.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* In the room ask only for the order: copy, stubs, evaluation mode, fusion, observers, images, convert. What happens if the copy comes last?


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def to_int8(model, batches, qconfig):
    """A static int8 copy of a model like SmallCNN: fused, and calibrated on all the batches."""
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.to_int8(to_int8)


# %% tags=["solution", "hide-cell", "legacy"] slideshow={"slide_type": "skip"}
def to_int8_solution(model, batches, qconfig):
    ready = QuantWrapper(copy.deepcopy(model)).eval()
    names = [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in range(len(model.features))]
    ready = fuse_modules(ready, names)
    ready.qconfig = qconfig
    observed = prepare(ready)
    for batch in batches:
        observed(batch)
    return convert(observed)


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Static quantization fixes all ranges beforehand: stubs say where int8 begins, observers watch some typical images, `convert` makes scales of the ranges. Then integers travel from layer to layer.
# - Fuse convolution, batch norm and ReLU, in evaluation mode. The clipping at 0 is the ReLU, and int8 becomes faster.
# - No error tells you that a calibration was missing or wrong. Measure the accuracy, look at the scales, and ask the float network about the same images.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Back to the first answers: which of the three lines had they forgotten? None: what they forgot was the images. Next: networks for which good images are not enough.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("static")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### A layer without any float
#
# The inputs of section 2 had the zero point 0. What if they have another? Two weights, 0.5 and −0.3 with the scale 0.1, are stored as 5 and −3. The inputs 0.6 and −0.4 have the scale 0.2 and the zero point 5, so they are stored as 8 and 3. Now the layer multiplies what is stored: 5 · 8 + (−3) · 3 = 31. In floats the output is 0.5 · 0.6 + 0.3 · 0.4 = 0.42. But 31 · 0.1 · 0.2 = 0.62.
#
# Each stored input is 5 too large, and so the sum is too large by 5 · (5 − 3) = 10. This is the **cross term**. It depends on the weights alone, so it is computed once. 31 − 10 = 21, and 21 · 0.1 · 0.2 = 0.42.
#
# The bias is added in the unit of the sum, which is 0.1 · 0.2 = 0.02: a bias of 0.1 is 5. The sum is 26. To bring it back to 8 bits is to **requantize** it. If the output has the scale 0.05, the factor is M = 0.02 / 0.05 = 0.4, and 26 · 0.4 = 10.4 becomes 10. It stands for 0.50, where 0.52 would be exact.
#
# M is still a float. A chip that has none multiplies by an integer and shifts: 0.4 is nearly 13,107 / 2¹⁵, and 26 · 13,107 / 32,768 = 10.4 ([Jacob et al., 2018](https://arxiv.org/abs/1712.05877)).
#
# How wide must the sum be? The largest product is 127 · 128 = 16,256. In 16 bits, which end at 32,767, there is room for two of them. So sums have 32 bits. Many x86 processors add *two* products in 16 bits first. Two products of 255 · 128 would not fit, and two of 127 · 128 do. That is why PyTorch's `reduce_range` leaves activations 127 steps.
#
# ### Stubs in a model of your own
#
# In place of `QuantWrapper` you can write `self.quant = QuantStub()` and `self.dequant = DeQuantStub()` into your model, and call them in `forward` where int8 shall begin and end. So one model can mix float and int8. A layer stays float if its `qconfig` is `None`, and it then needs floats as its input.
#
# Two messages tell you that something is missing. *Could not run 'quantized::conv2d.new' with arguments from the 'CPU' backend:* an int8 layer got floats. *Could not run 'aten::add.out' with arguments from the 'QuantizedCPU' backend:* an operation without an int8 version got integers.
#
# The second one comes from the `+` of a *skip connection*, a path around layers. Integers with two scales cannot simply be added. Write it as a module, and it gets an observer and a scale:
#
# ```python
# self.add = torch.ao.nn.quantized.FloatFunctional()  # in __init__
# y = self.add.add(a, b)  # in forward, in place of a + b
# ```
#
# PyTorch has a [list of the operations with an int8 version](https://docs.pytorch.org/docs/stable/quantization-support.html). The converted model can be traced. Its file fits into a model that was prepared and converted in the same way. Calibrate that one on nothing. The scales come from the file.
#
# ### Other observers
#
# An observer is a module with a `dtype` and two functions: `forward` looks at a tensor and gives it back unchanged, and `calculate_qparams` returns a scale and a zero point. So you can write one of your own, such as one that leaves out the most extreme 0.01 % at either end, and put it into a `QConfig`. For weights the default of x86 keeps one range for each channel; [[depthwise]] shows a network that needs this.
#
# **Sources.** The order of the steps follows *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. PyTorch calls `torch.ao.quantization` *deprecated*: it works, and it will go one day ([[torchao]]).
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877). Projects: quantize a ResNet of your own, with its skip connections; convert one layer at a time, and find the one that costs most.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
