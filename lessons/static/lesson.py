# ---
# jupyter:
#   course:
#     promise: You will turn a trained CNN into one that computes in int8 from end to end, and notice when its calibration was wrong.
#     seconds: 30
#     needs: [integers, dynamic]
#     goals:
#       - prepare, calibrate and convert a CNN, with stubs and fusion;
#       - follow one number through an int8 layer by hand;
#       - choose the images of a calibration, and notice when its ranges are wrong.
#     terms: [batch norm, calibration, engine, "fold, fuse", observer, qconfig, requantize, static quantization, stub]
#     values:
#       float_right: f"{right['fp32']:.1f}"
#       uncalibrated_right: f"{accuracy(model):.1f}"
#       int8_right: f"{right['int8, fused']:.1f}"
#       smaller: f"{kilobytes['fp32'] / kilobytes['int8, fused']:.1f}"
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

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.static import checks as check
from lessons.static import show

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. A conversion that fails without an error
#
# In [[dynamic]], each layer multiplied integers, but it handed floats on to the next layer. A CNN produces a lot of these floats: the first block of our SmallCNN turns 784 pixels into 31,360 numbers. We'd like to store each in one byte instead of four.
#
# SmallCNN has three blocks of convolution, batch norm and ReLU. Then it averages each channel, and ends in a linear layer. PyTorch's recipe looks short: wrap the model, choose the settings, `prepare`, `convert`.

# %% tags=["legacy"]
import copy

from torch.ao.quantization import QuantWrapper, convert, fuse_modules, get_default_qconfig, prepare

from course_utils.data import checkpoints, load

images, _ = load("fashion_mnist", n=256)  # training images, without their labels
test_images, labels = (part[:2000] for part in load("fashion_mnist", "test"))
cnn = checkpoints.load("small_cnn")


def accuracy(model):
    answers = torch.cat([model(batch).argmax(1) for batch in test_images.split(250)])
    return 100 * (answers == labels).float().mean().item()


# %% uncalibrated tags=["legacy"]
model = QuantWrapper(copy.deepcopy(cnn))
# PyTorch's settings for x86; they work on other processors, too.
model.qconfig = qconfig = get_default_qconfig("x86")
model = prepare(model)
model = convert(model)

# %% uncalibrated_result tags=["legacy"]
print(model.module.fc, model.quant, sep="\n")
print(f"float: {accuracy(cnn):.1f} % right, int8: {accuracy(model):.1f} %")

# %% [markdown]
# There's no error, and the layers are int8 layers now. Yet the network is hardly better than guessing. PyTorch has only given a warning, one of many that our first cell hides: *must run observer before calling calculate_qparams. Returning default scale and zero point.* What does that mean?
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ### The clue: every scale is 1, and every zero point is 0
#
# The output shows them for the last layer and for the pixels. The scale is the length of one step: a number is stored as round(number / scale). With the scale 1, a pixel of 0.4 becomes 0 and a pixel of 0.8 becomes 1, so an image keeps only two shades of grey. The zero point is the integer that stands for 0.0. Layers store their outputs as integers from 0 to 255, so with the zero point 0 there's none for a negative number: all negative results become 0.
#
# These are the defaults that PyTorch takes when it has seen no data, and we never showed this network an image. So its layers don't know how large their numbers are.

# %% [markdown]
# ## 2. Calibration: example images fix the scales
#
# A dynamic layer waits until its whole input is there, and then searches it for the lowest and the highest number. Could a convolution do the same with its *output*? It would have to write all 31,360 results in four bytes each, search them, and read them again to round them. But four bytes per number is exactly what we want to avoid. So each result has to be rounded as soon as it's computed, when most of the others don't exist yet.
#
# **The scale must be known before the numbers exist.**
#
# **Static quantization** fixes all scales beforehand. You send typical images through the network while it still computes in float, and note the range of the numbers at each place. This is called **calibration**. It needs no labels and trains nothing.
#
# Take the pixels. PyTorch divides their range, 0 to 1, into 127 steps, so the scale is 1 / 127 = 0.0079. Now a pixel of 0.8 is stored as 0.8 · 127 = 101.6, rounded to 102, and 102 stands for 0.803. A byte counts up to 255, so the integers above 127 are left over, as a reserve (*Deeper* says why PyTorch does that).
#
# In PyTorch, you do four things.
#
# 1. *Mark where int8 begins and ends.* A **stub** in front of the model will turn floats into integers, and one behind it will turn integers into floats. `QuantWrapper` adds both. Without the first one, the first int8 layer would get floats, and stop with an error.
# 2. *Watch.* An **observer** is a small module that watches the numbers that pass, and chooses a range. `prepare` puts observers in, of the kind that the **qconfig**, our settings, names.
# 3. *Run the images.* This is your part.
# 4. *Convert.* `convert` turns ranges into scales, and layers into int8 layers.


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
# Here, one image brings nearly all of the accuracy back. But nobody knows beforehand which image is typical, so take a few dozen different ones.
#
# </details>
#
# The figure follows one image through the first block.

# %% before_and_after tags=["hide-input", "legacy"]
# Draws the first block with observers that have seen the images, and converted.
watched = show.watched(QuantWrapper(cnn), images, qconfig)
show.first_block(
    {"Calibrated: floats, and observers watch": watched, "Converted: integers from stub to stub": int8}, images
)

# %% [markdown]
# After the batch norm, the range from −9.2 to 8.3 is 17.5 wide, so the scale is 17.5 / 127 = 0.14. And 125 kB have become 31.
#
# Now every layer has a scale for its output. How does it compute with that?

# %% [markdown]
# ## 3. A layer by hand: integers in, an integer out
#
# Take one channel of a layer with only two weights, 0.25 and −0.10, and the bias 0.03. It meets the pixels 0.80 and 0.20. In float the result is 0.25 · 0.80 − 0.10 · 0.20 + 0.03 = **0.21**.
#
# We choose easy scales: 0.01 for the pixels, 0.005 for the weights, 0.05 for the output. Four stages lead to the result.
#
# 1. *Round.* The pixels become 0.80 / 0.01 = 80 and 0.20 / 0.01 = 20. The weights become 50 and −20.
# 2. *Bring the bias to the unit of the products.* One pixel step times one weight step is worth 0.01 · 0.005 = 0.00005. The bias is added to products, so we count it in this unit: 0.03 / 0.00005 = 600.
# 3. *Multiply and add.* 50 · 80 + (−20) · 20 + 600 = 4,200. A real layer adds hundreds of products, and they don't fit into 16 bits, so it adds in 32.
# 4. *Go back to 8 bits.* The next layer expects steps of 0.05. One unit of our sum is 0.00005 / 0.05 = 0.001 of such a step, so 4,200 · 0.001 = 4.2, rounded to **4**. It stands for 4 · 0.05 = 0.20. A result below 0 or above 255 would be clipped to the nearest integer that a byte has.
#
# Stage 4 is called **requantizing**, and its factor is
#
# $$M = \frac{\text{input scale} \cdot \text{weight scale}}{\text{output scale}} = 0.001$$
#
# The weights have their scale, and calibration has fixed the other two, so M is a constant.
#
# ### PyTorch's last layer does the same
#
# Let's send an image through `int8` up to the last layer, and do the four stages there ourselves. The layer has 80 inputs and 10 outputs, a zero point for the inputs and one for the outputs, and for the weights of each output a scale of their own ([[depthwise]] shows why). Where the zero point isn't 0, it's subtracted from the stored inputs, and that of the output is added at the end. `int_repr` gives the stored integers.

# %% tags=["legacy"]
layer, weight = int8.module.fc, int8.module.fc.weight()
# What the layer gets: the average of each channel, in integers.
x = int8.module.features(int8.quant(test_images[:1])).mean((2, 3))

# %% last_layer tags=["legacy"]
# 1. It's rounded already, so we only take the zero point off.
inputs = x.int_repr().int() - x.q_zero_point()
# 2. The bias, in the unit of the products. Each output has a unit of its own.
unit = x.q_scale() * weight.q_per_channel_scales()
bias = torch.round(layer.bias() / unit).int()
# 3. Multiply and add.
sums = inputs @ weight.int_repr().int().T + bias
# 4. Go back to 8 bits.
by_hand = (torch.round(sums * unit / layer.scale) + layer.zero_point).clamp(0, 255)

print("by hand", by_hand.int().tolist()[0])
print("PyTorch", layer(x).int_repr().tolist()[0])

# %% [markdown]
# All ten agree. But SmallCNN's convolutions don't look like our channel yet. They have no bias, and after each come a batch norm and a ReLU.

# %% [markdown]
# ## 4. Fusion: convolution, batch norm and ReLU become one int8 layer
#
# In our figure, the first block writes its 31,360 numbers three times. Once would do.
#
# **Batch norm** first. In evaluation mode it uses averages that were collected in training and don't change any more. Then all it does is multiply and add, and a convolution can do that itself. Take a convolution without a bias, c = 0.50p − 0.20q for the pixels p and q. Its batch norm subtracts the mean 0.1, divides by the deviation 0.4, multiplies by the learned factor 0.2, and adds the learned shift 0.08:
#
# $$0.2 \cdot \frac{c - 0.1}{0.4} + 0.08 = 0.5\,c + 0.03 = 0.25\,p - 0.10\,q + 0.03$$
#
# That's the channel of section 3. Batch norm has been **folded** into the weights and the bias of the convolution.
#
# Now the ReLU. Let the next two pixels be 0 and 0.80. The sum is 50 · 0 + (−20) · 80 + 600 = −1,000, and multiplying by M gives −1. If the range of the output begins at 0, so do its integers. There is no −1, and the layer clips to 0. That's exactly what the ReLU would have done, so **the clipping is the ReLU**.
#
# For that, the observer has to come *after* the ReLU, where no number is negative. In the first figure it came before the ReLU. There the range was −9.2 to 8.3, so half of the 127 steps were spent on numbers that the ReLU sets to 0.
#
# Making one module of the three is called **fusing**. Fuse before `prepare`, so that the observer comes after the ReLU, and in evaluation mode (`.eval()`; our checkpoint comes in it), because in training the averages still change.

# %% fuse tags=["legacy"]
names = [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in (0, 1, 2)]
fused = fuse_modules(QuantWrapper(cnn), names)
print(f"largest difference in float: {(fused(test_images) - cnn(test_images)).abs().max():.6f}")

# %% [markdown]
# In float it's still the same network.

# %% tags=["legacy"]
int8_fused = calibrated(fused, images.split(32))

# %% fused_block tags=["hide-input", "legacy"]
# Draws the first block of both int8 networks.
show.first_block({"Converted, not fused": int8, "Fused, then calibrated and converted": int8_fused}, images)

# %% [markdown]
# Now the block writes its numbers once. And since all 127 steps lie above 0, each step is less than half as long as before (the observer has also cut off the few largest numbers).

# %% price_and_gain tags=["hide-input", "legacy"]
# Measures the accuracy, the file and the speed of three networks.
three = {"fp32": cnn, "int8": int8, "int8, fused": int8_fused}
right = {name: accuracy(net) for name, net in three.items()}
kilobytes = {name: show.kilobytes(net) for name, net in three.items()}
speed = show.speed(three, test_images[:64])
show.price_and_gain(right, kilobytes, speed)

# %% [markdown]
# The fused int8 network loses less than half a point. Its file is between three and four times smaller, because the weights shrink to a quarter, and the biases and scales don't. How much faster it is depends on the processor's instructions for int8. On those that we tried, the speed-up ranged from under 2 to 6 times, with or without fusing.

# %% [markdown]
# ## 5. Bad calibration images give bad scales
#
# All scales rest on a few images. Let's spoil these images in two ways. First, somebody forgot to divide one of the 256 by 255. Then, all of them are a quarter as bright as the images at work.

# %% spoiled tags=["legacy"]
one_bright = images.clone()
one_bright[50] *= 255
on_bright = calibrated(fused, one_bright.split(32))
on_dark = calibrated(fused, (images / 4).split(32))

# %% [markdown]
# **Predict.** After the dark images, the 127 steps of the pixels cover only the range from 0 to 0.25. A pixel of 0.8 was stored as 102. What will it be stored as now: **A** 102, **B** 255, **C** 406?

# %% as_stored tags=["hide-input", "legacy"]
# Shows a test image as the first stub stores it after three calibrations.
calibrations = {"good images": int8_fused, "one × 255": on_bright, "all / 4": on_dark}
show.as_stored(calibrations, test_images[1:2], {name: accuracy(net) for name, net in calibrations.items()})

# %% [markdown] tags=["answer"]
# **255 (B).** In the new, short steps, 0.8 would be 406, but a byte ends at 255. So the pixel is clipped, and 255 stands for only 0.50.

# %% [markdown]
# On the right, the range is too narrow. Even with the reserve the integers end at 0.50, and every brighter pixel is clipped to that.
#
# In the middle, one bright image made the range too wide. It ends at 244, so a step is 244 / 127 = 1.9 long. Our pixel of 0.8 is less than half a step, and becomes 0, as nearly all pixels do. The network guesses.
#
# **A range that is too wide makes long steps, and a range that is too narrow clips. So calibrate on images like those that the network will see at work.**
#
# ### How to notice a bad calibration
#
# A missing calibration gives a warning. For a bad one there's nothing, so you have to look.
#
# 1. *Compare with float on the same images.* If int8 loses much more than a point, look at the scales. If float is bad as well, no calibration will help.
# 2. *Print the scales.* With our settings, 127 · scale should be the width of the range that you expect.
# 3. *Count the pixels in the reserve.* After a good calibration hardly any is stored above 127. If many are, the range is too narrow.

# %% tags=["hide-input"]
# Makes first_block: weight (40, 9) and bias (40) of the fused block, and patches of nine pixels of two sets of images.
first_block = show.as_linear_layer(fused.module.features[0][0][0], images, test_images[:10])

# %% [markdown]
# ## Exercise · A static int8 layer of your own
# ★★ · 10 minutes
#
# Write `static_layer(weight, bias, examples, x)`, a linear layer with ReLU that stores inputs and outputs as integers from 0 to 127. No input is negative.
#
# Calibrate first. Each of the three scales maps one number to 127: the largest input in `examples`, the largest float output for them, the largest absolute weight. Then compute `x` in integers, clipping what you store. Return the output's integers and scale.
#
# Then try `static_layer(*first_block)`: SmallCNN's first block, patch by patch.
#
# <details><summary>Hint</summary>
#
# The float outputs are `torch.relu(examples @ weight.T + bias)`, and `.clamp(0, 127)` clips.
#
# </details>


# %% tags=["exercise"]
def static_layer(weight, bias, examples, x):
    """The output of a linear layer with ReLU for x: integers from 0 to 127, and their scale."""
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
# - To hand on integers, a layer must know the scale of its output beforehand. It comes from typical images: `prepare`, run them, `convert`.
# - An int8 layer adds in 32 bits, multiplies by a constant, rounds and clips. Fuse first: batch norm goes into the weights, and the clipping is the ReLU.
# - A missing calibration gives only a warning, and a bad one nothing: compare with float, and look at the scales.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("static")

# %% [markdown]
# ## Deeper
#
# ### Why 127 steps and not 255
#
# PyTorch has several libraries that compute int8, called *engines*. On many x86 processors some of them use an instruction that adds two products in 16 bits first, and 16 bits end at 32,767. With inputs up to 127 and weights down to −128, a product is at most 127 · 128 = 16,256, and two of them fit. With inputs up to 255, two products of 255 · 128 would not. That's why the settings for x86 leave one bit as a reserve. Numbers in the reserve are stored correctly, but on such a processor two of their products may overflow. Those for the engines `onednn` and `qnnpack` use 255 steps.
#
# ### Couldn't an observer cut off the bright image?
#
# It could, but at a price: what lies outside is clipped. PyTorch's default, the *histogram* observer, weighs the two. It looks for the range with the smallest sum of squared errors. A pixel of 255 that is cut to 1 is off by 254, and 254² = 64,516. With the wide range, an ordinary pixel is off by 1 at most. So one bright pixel weighs as much as 64,516 ordinary ones, and the range stays wide: here it ends at 244.
#
# *Min–max* keeps the highest number, so it fails as well: `QConfig(activation=MinMaxObserver.with_args(reduce_range=True), weight=qconfig.weight)`. For weights, the range may belong to a whole layer or to one output channel ([[depthwise]]).
#
# ### Stubs in a model of your own
#
# In place of `QuantWrapper` you can write `self.quant = QuantStub()` and `self.dequant = DeQuantStub()` into your model, and call them in `forward` where int8 begins and ends. A layer stays float if its `qconfig` is `None`, and it then needs floats as its input.
#
# Two messages tell you that a stub is missing. *Could not run 'quantized::conv2d.new' with arguments from the 'CPU' backend* means that an int8 layer got floats. *Could not run 'aten::add.out' with arguments from the 'QuantizedCPU' backend* means that an operation without an int8 version got integers. You meet it in a *skip connection*, a `+` around layers, because integers with two different scales can't simply be added. Write the `+` as a module, and it gets an observer and a scale of its own:
#
# ```python
# self.add = torch.ao.nn.quantized.FloatFunctional()  # in __init__
# y = self.add.add(a, b)  # in forward, in place of a + b
# ```
#
# **Sources.** The order of the actions follows *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman. `torch.ao.quantization` is deprecated, and [[pt2e]] has its successor; here, each part of the idea is a line of its own.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), does without floats even in M: it multiplies by an integer and shifts.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## When good images aren't enough
#
# The next network gets 8 bits and good images, too, yet loses about 25 points. Which of its weights did it?
