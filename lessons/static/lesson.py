# ---
# jupyter:
#   course:
#     promise: You will turn a trained CNN into one that computes in int8 from end to end.
#     seconds: 25
#     needs: [integers, dynamic]
#     goals:
#       - take a trained CNN to int8 in PyTorch, with stubs, fusion and calibration;
#       - compute an int8 layer by hand, from integers to an integer;
#       - choose the images of a calibration, and notice the wrong ones.
#     terms: [batch norm, calibration, engine, "fold, fuse", observer, qconfig, requantize, static quantization, stub]
#     values:
#       float_right: f"{right['fp32, fused']:.1f}"
#       uncalibrated_right: f"{accuracy(model):.1f}"
#       int8_right: f"{right['int8, fused']:.1f}"
#       smaller: f"{kilobytes['fp32, fused'] / kilobytes['int8, fused']:.1f}"
#       faster: f"{speed.ratio('int8, fused'):.1f}"
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How does a CNN compute in int8 from its first layer to its last?*

# %% tags=["setup", "hide-input"]
# Sets one thread and the int8 engine, switches gradients off, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import claims, legacy_int8
from lessons.static import show
from lessons.static import tasks as check

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. Four lines from a recipe
#
# In [[dynamic]], each layer multiplied integers, but it handed floats on to the next layer. A CNN produces a lot of these floats: the first block of SmallCNN, which classifies clothes, turns an image of 784 pixels into 31,360 numbers. We'd like to store each of them in one byte instead of four.
#
# Here's a recipe of four lines.

# %% tags=["legacy"]
import copy

from torch.ao.quantization import QuantWrapper, convert, fuse_modules, get_default_qconfig, prepare

from course_utils import checkpoints
from course_utils.data import load

images, _ = load("fashion_mnist", n=256)  # training images, without their labels
test_images, labels = (part[:2000] for part in load("fashion_mnist", "test"))
cnn = checkpoints.load("small_cnn").eval()


def accuracy(model):
    answers = torch.cat([model(batch).argmax(1) for batch in test_images.split(250)])
    return 100 * (answers == labels).float().mean().item()


# %% uncalibrated tags=["legacy"]
model = QuantWrapper(copy.deepcopy(cnn))
# PyTorch's settings for x86; they work on other processors, too.
model.qconfig = qconfig = get_default_qconfig("x86")
model = prepare(model)
model = convert(model)

# %% [markdown]
# **Predict.** What happens: **A** it works, **B** an error stops it, **C** it runs, but the accuracy is gone?

# %% uncalibrated_result tags=["legacy"]
print(model.module.fc, model.quant, sep="\n")  # the last layer, and what rounds the pixels
print(f"float: {accuracy(cnn):.1f} % right, int8: {accuracy(model):.1f} %")

# %% [markdown] tags=["answer"]
# **It runs, but the accuracy is gone (C).** The last layer is a `QuantizedLinear` now, which multiplies integers, and the pixels become 8-bit integers (`quint8`). But the network is hardly better than guessing, and PyTorch gave only a warning, which our first cell hides.

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ### A look at the two scales
#
# Both printed modules have a scale of 1. A number is stored as round(number / scale), so a pixel of 0.4 becomes 0, and a pixel of 0.8 becomes 1. An image keeps only two shades of grey.
#
# Not one image has gone through the network since the recipe began. So PyTorch can't know how large its numbers get, and falls back on a scale of 1, in each layer. With a scale of 1 for the pixels alone, and fitting ones elsewhere, about 60 % were right.

# %% [markdown]
# ## 2. Calibration: example images fix the scales
#
# A dynamic layer finds the smallest and the largest of its inputs, and chooses a scale that fits. Could a convolution do the same with its *outputs*? It would have to store all 31,360 of them as floats first, which we want to avoid. So each output has to be rounded as soon as it's computed, when most of the others don't exist yet.
#
# **The scale must be known before the numbers exist.**
#
# **Static quantization** therefore fixes all scales beforehand. You send typical images through the network while it still computes in float, and note the range of the numbers at each place. This is called **calibration**. It needs no labels and trains nothing.
#
# Take the pixels. Their range is 0 to 1, and PyTorch divides it into 127 steps, as in [[dynamic]]. So the scale is 1 / 127 = 0.0079. Now a pixel of 0.8 is stored as 0.8 · 127 = 101.6, rounded to 102, and 102 stands for 0.803.
#
# In PyTorch this takes four steps.
#
# 1. *Wrap.* `QuantWrapper` adds two **stubs**. The one in front of the model will turn floats into integers, and the one behind it will turn them back.
# 2. *Prepare.* `prepare` adds **observers**, small modules that watch the numbers passing through, and choose a range. The recipe's second line chose their settings, the **qconfig**.
# 3. *Calibrate.* You run the images. Our recipe left this out.
# 4. *Convert.* `convert` turns each range into a scale and a zero point, and each layer into an int8 layer.


# %% calibrated tags=["legacy"]
def calibrated(model, batches):
    model = copy.deepcopy(model)
    model.qconfig = qconfig
    observed = prepare(model)
    for batch in batches:
        observed(batch)  # still in float; the observers watch
    return convert(observed)


# %% calibrated_result tags=["legacy"]
int8 = calibrated(QuantWrapper(cnn), images.split(32))
print(f"float: {accuracy(cnn):.1f} % right, int8: {accuracy(int8):.1f} %")

# %% [markdown]
# **Try it.** How many images does it take? Change `images` in the last cell to `images[:1]`, and run it. Then change it back, and run it again.
#
# <details><summary>What others found</summary>
#
# With the first image alone, about 90 % are right. But nobody knows beforehand which image is typical, so take a few dozen different ones.
#
# </details>
#
# The figure follows one image through the first block, before and after `convert`.

# %% before_and_after tags=["hide-input", "legacy"]
# Draws the first block with observers that have seen the images, and converted.
watched = show.watched(QuantWrapper(cnn), images, qconfig)
show.first_block(
    {"Calibrated: floats, and observers watch": watched, "Converted: integers from stub to stub": int8}, images
)

# %% [markdown]
# Now every layer knows its output's scale. How does it compute?

# %% [markdown]
# ## 3. An int8 layer by hand
#
# Take a small layer, which computes 0.25p − 0.10q + 0.03 for two pixels p and q. Let p be 0.80 and q 0.20. In float, the output is 0.20 − 0.02 + 0.03 = **0.21**.
#
# In int8, let the scale be 0.01 for the pixels, 0.005 for the weights, and 0.05 for the output.
#
# 1. *Round.* Divided by their scale, the pixels become 80 and 20. The weights become 50 and −20.
# 2. *Multiply and add.* 80 · 50 + 20 · (−20) = 3,600. What is one unit of this number worth? A pixel counts in units of 0.01 and a weight in units of 0.005, so a product counts in units of 0.01 · 0.005 = 0.00005.
# 3. *Add the bias in the same unit.* The bias is 0.03 / 0.00005 = 600 of these units, and 3,600 + 600 = 4,200. With many inputs, such a sum outgrows 16 bits, so layers add in 32.
# 4. *Go back to 8 bits.* The next layer expects steps of 0.05. One of our units is 0.00005 / 0.05 = 0.001 of such a step, so 4,200 units are 4.2 steps, rounded to **4**. It stands for 4 · 0.05 = 0.20.
#
# Step 4 is called **requantizing**, and its factor is
#
# $$M = \frac{\text{pixel scale} \cdot \text{weight scale}}{\text{output scale}} = \frac{0.01 \cdot 0.005}{0.05} = 0.001$$
#
# The weights fix one of these scales and calibration the other two, so M is known before an image arrives.
#
# ### The zero point, when outputs are negative
#
# Suppose calibration saw outputs down to −0.10, two steps below 0. Then −0.10 is stored as the integer 0, and the number 0 as the integer 2. This 2 is the output's **zero point**. The layer adds it at the end, so our 4 is stored as 4 + 2 = **6**, and 6 stands for (6 − 2) · 0.05 = 0.20.

# %% [markdown]
# ## 4. Fusion: three modules become one
#
# In SmallCNN, a batch norm and a ReLU come after each convolution, and each of the three writes its result. So the first block writes 31,360 numbers three times, along the three thick wires of our figure. One layer that does the work of all three would write them once.
#
# **Batch norm** first. After training, its mean and its standard deviation are fixed, so in each channel it multiplies by one number and adds another. Say a convolution computes c = 0.50p − 0.20q, and its batch norm 0.5c + 0.03. Put c in, and you get one layer, 0.25p − 0.10q + 0.03. It's the layer of section 3. Batch norm has been **folded** into the convolution.
#
# Now the **ReLU**, which sets negative outputs to 0. Let the next pixels be p = 0 and q = 0.80. The sum is 0 · 50 + 80 · (−20) + 600 = −1,000, and times M that's −1. If the observer stands *after* the ReLU, it sees no negative number, so the zero point is 0. Then there's no integer for −1, and the layer stores the nearest one, 0. That's what the ReLU would have done: **the clipping is the ReLU**.
#
# Making one module of the three is called **fusing**. Fuse before `prepare`, so that the observer comes after the ReLU. In our figure it stood before the ReLU, so about half of the 127 steps went to negative numbers, and the scale was 0.14. Fused, it's less than half of that. And fuse in evaluation mode (`.eval()`), because in training batch norm's numbers still change. Each name in the code begins with `module`, because `QuantWrapper` keeps our network under that name.

# %% fuse tags=["legacy"]
# `print(cnn)` shows these names: features.0.1 is the second module of the first block, its batch norm.
names = [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in (0, 1, 2)]
fused = fuse_modules(QuantWrapper(cnn), names)
int8_fused = calibrated(fused, images.split(32))

# %% [markdown]
# With fusing, the recipe has five steps: wrap, **fuse**, prepare, **calibrate**, convert.
#
# What do we gain over a fused float network?

# %% price_and_gain tags=["hide-input", "legacy"]
# Measures the accuracy, the file and the speed of three networks.
three = {"fp32, fused": fused, "int8": int8, "int8, fused": int8_fused}
right = {name: accuracy(net) for name, net in three.items()}
kilobytes = {name: show.kilobytes(net) for name, net in three.items()}
speed = show.speed(three, test_images[:64])
show.price_and_gain(right, kilobytes, speed)

# %% [markdown]
# Int8 costs less than a point of accuracy. On 2,000 images, half a point can be chance, so we can't see here whether fusion helps the accuracy. It helps the file and the speed. How much faster int8 is depends on the processor and on fp32, so measure.

# %% [markdown]
# ## 5. What one bad calibration image does
#
# Every scale rests on a few images. What if one of them isn't like the others? Suppose that somebody forgot to divide one of our 256 images by 255.

# %% spoiled tags=["legacy"]
one_bright = images.clone()
one_bright[50] *= 255
spoiled = calibrated(fused, one_bright.split(32))

# %% [markdown]
# **Predict.** The range of the pixels now ends near 255, and it still has 127 steps. With good images, a pixel of 0.8 was stored as 102. What is it stored as now: **A** 102, **B** 1, **C** 0?

# %% as_stored tags=["hide-input", "legacy"]
# Shows a test image as the first stub stores it after both calibrations.
calibrations = {"256 good images": int8_fused, "one × 255": spoiled}
show.as_stored(calibrations, test_images[1:2], {name: accuracy(net) for name, net in calibrations.items()})

# %% [markdown] tags=["answer"]
# **0 (C), because each step is now almost 2 wide, and 0.8 is less than half a step.** Only the brightest pixels become 1, and the network is reduced to guessing.

# %% [markdown]
# Images that are far too dark do harm as well: their range is too narrow, so the bright pixels at work are clipped.
#
# **So calibrate on images like those that the network will see at work.** Preprocess them with the same code, and take some of every kind that occurs there. Take them from the training images, so that the test images stay new.
#
# A missing calibration at least warns. A bad one doesn't, so you have to look.
#
# 1. *Compare with float on new images.* How often do the two networks agree? That needs no labels. Ours agrees with float in about 98 of 100 images, the spoiled one in about 10. If more than a few in a hundred differ, look at the scales.
# 2. *Print the scales* with `print(spoiled)`. For pixels, 127 · scale should be 1, and here it's 127 · 1.92 = 244. For the other layers, calibrate again with other images: the scales should stay about the same.

# %% [markdown]
# ## Exercise · A static int8 layer of your own
# ★★ · 12 minutes
#
# Write `static_layer(weight, bias, examples, x)`, a linear layer with ReLU, whose inputs are never negative. It stores inputs and outputs as integers from 0 to 127, and returns the outputs for `x` as integers, and their scale.
#
# Each of the three scales maps one number to 127: the largest input in `examples`, the largest absolute weight, the largest float output for `examples`. What goes beyond is clipped.
#
# <details><summary>Hint</summary>
#
# The float outputs are `torch.relu(examples @ weight.T + bias)`, and `.clamp(0, 127)` clips. The weights of section 3 become 127 and −51, because their scale is finer here.
#
# </details>


# %% tags=["exercise"]
def static_layer(weight, bias, examples, x):
    """The output of a linear layer with ReLU for x: integers from 0 to 127, and their scale."""
    # The layer of section 3 (weight [[0.25, -0.10]], bias [0.03]), with the examples
    # [[1.27, 0.0], [0.0, 1.27]], gives 77 for its pixels [[0.80, 0.20]]: these examples
    # give the output a finer scale than 0.05.
    raise NotImplementedError


# %% tags=["check"]
check.static_layer(static_layer)


# %% tags=["solution", "hide-cell"]
def static_layer_solution(weight, bias, examples, x):
    outputs = torch.relu(examples @ weight.T + bias)
    s_x, s_y, s_w = examples.max() / 127, outputs.max() / 127, weight.abs().max() / 127
    q_x = torch.round(x / s_x).clamp(0, 127).int()
    q_w = torch.round(weight / s_w).int()
    q_b = torch.round(bias / (s_x * s_w)).int()
    sums = q_x @ q_w.T + q_b
    return torch.round(sums * (s_x * s_w / s_y)).clamp(0, 127).int(), s_y


# %% [markdown]
# ## Remember
#
# - A layer that hands on integers must know the scale of its output beforehand, so it's calibrated on typical images.
# - An int8 layer adds in 32 bits, multiplies by a constant, rounds and clips. Fuse first: batch norm goes into the convolution, and the clipping is the ReLU.
# - A bad calibration gives no warning: compare with float, and look at the scales.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("static")

# %% [markdown]
# ## Deeper
#
# ### Why 127 steps and not 255
#
# PyTorch has several libraries that compute int8, called *engines*. On many x86 processors some of them use an instruction that adds two products in 16 bits first, and 16 bits end at 32,767. With inputs up to 127 and weights down to −128, a product is at most 127 · 128 = 16,256, and two of them fit. Two products of 255 · 128 would not. That's why the settings for x86 leave one bit free. An input beyond the calibrated range still uses it: integers go up to 255, so a pixel up to 2 isn't clipped, but a sum may overflow.
#
# ### Couldn't an observer cut off the bright image?
#
# It could, but what lies outside is clipped. PyTorch's default, the *histogram* observer, looks for the range with the smallest sum of squared errors. A pixel of 255 that is cut to 1 is off by 254. With the wide range, an ordinary pixel is off by 1 at most. Our image has hundreds of bright pixels, so the range stays wide.
#
# And if it did cut the range? An observer only watches, so the pixel goes on into the later layers and makes their ranges wide. Cut the images themselves, with `images.clamp(max=1)`.
#
# `MovingAverageMinMaxObserver` averages the ranges of the batches, so a single bright image counts less. But it begins with the first batch, and with the bright image there, the range stays wide.
#
# ### Stubs in a model of your own
#
# In place of `QuantWrapper` you can write `self.quant = QuantStub()` and `self.dequant = DeQuantStub()` into your model, and call them in `forward` where int8 begins and ends.
#
# Two messages tell you that a stub is missing. *Could not run 'quantized::conv2d.new' with arguments from the 'CPU' backend* means that an int8 layer got floats. *Could not run 'aten::add.out' with arguments from the 'QuantizedCPU' backend* means that an operation without an int8 version got integers. You meet it in a *shortcut* (also *skip* or *residual connection*), a `+` around layers, because integers with two different scales can't be added. Written as a module, the `+` gets an observer and a scale of its own:
#
# ```python
# self.add = torch.ao.nn.quantized.FloatFunctional()  # in __init__
# y = self.add.add(a, b)  # in forward, in place of a + b
# ```
#
# **Sources.** The order of the steps follows *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. `torch.ao.quantization` is deprecated, and [[pt2e]] has its successor.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), does without floats even in M: it multiplies by an integer and shifts.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## When good images aren't enough
#
# In [[depthwise]], a network gets 8 bits and good images, too, yet loses about 25 points. Which of its weights are to blame? And with only 2 bits, a network has to be trained with the rounding in place ([[qat]]).
