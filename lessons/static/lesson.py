# ---
# jupyter:
#   course:
#     promise: You will turn a trained CNN into one that computes in int8 from end to end, and know each step's reason.
#     seconds: 55
#     needs: [measuring, energy, integers, observers]
#     goals:
#       - Repair the well-known three-line recipe, reading each error and each warning.
#       - Say what stubs, observers, calibration and conversion do, and follow one number through an int8 layer.
#       - Fold a batch norm by hand, and say from four networks what fusion is worth, and where.
#       - Find out by an experiment whether images, calibration or rounding lost the points.
#       - Measure the accuracy, file and speed of an int8 CNN.
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
from statistics import fmean

import torch
from torch.ao import quantization as tq

from course_utils import data, legacy_int8, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.static import checks as check
from lessons.static import show

legacy_int8.ignore_deprecations()  # "Deeper" says what is deprecated, and what is not
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
batches = images[:256].split(32)  # eight batches to calibrate on
some, some_labels = (part[:2000] for part in test_set)


def percent_right(model, x=some, y=some_labels):
    """Accuracy in percent, on the first 2,000 test images unless told."""
    return 100 * training.evaluate(model, x, y)


print(f"SmallCNN: {sum(p.numel() for p in cnn.parameters()):,} parameters, accuracy {percent_right(cnn):.1f} %")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. Three famous lines
#
# A CNN comes with the course, trained on Fashion-MNIST. This recipe for int8 has been copied many times.
#
# **Predict.** We run the three lines, then ask the network about test images. **A** It works. **B** An error stops it. **C** It runs, and the accuracy is lost. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Expect A and C. In a way B and C are both right: B now, and C two repairs later. Let the room read each message aloud before you go on.

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[observers]] we chose a range for the output of one layer by showing some images to an observer, and computed a linear layer in integers by hand. Now a whole network shall compute in this way: an int8 layer hands its integers to the next int8 layer, and no float lies between them. The network is SmallCNN. It has three blocks and one linear layer, and each block consists of a convolution, a **batch norm** (which scales and shifts each channel) and a ReLU.
#
# The recipe in the next cell stands on many pages, in nearly these words. `show.tried` runs a recipe on a copy of the network, and prints what PyTorch says: warnings, an error, or what the result can do.


# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
def recipe(model):
    """Three lines for static quantization, as they are copied."""
    model.qconfig = torch.quantization.get_default_config("fbgemm")
    torch.quantization.prepare(model, inplace=True)
    torch.quantization.convert(model, inplace=True)
    return model


show.tried(recipe, cnn, some, some_labels)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The first line stops with an error (B), because PyTorch has no function of that name.** C comes two repairs later.
#
# <!-- page -->
#
# This error is the friendly kind, because it stops you. Of the recipe's two other faults one stops you as well, and the other leaves a network that runs and is useless.

# %% [markdown] slideshow={"slide_type": "skip"}
# **From here on you do the repairs.** The next three code cells are empty. As long as a cell is empty, it runs the recipe with the repairs made so far, and prints PyTorch's message. This message is your only clue. Read it, write the recipe into the cell with one more repair, and run the cell again: then it prints what *your* recipe says. Each closed answer has the repair and the reason. You need two words: `tq` is short for `torch.ao.quantization` (`torch.quantization` is its old name), and `engine` is the name of the library on your machine that runs int8 kernels, for example `"x86"`.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The first message
#
# The recipe asks for `get_default_config("fbgemm")`.
#
# **Predict.** What would you write in its place, and why?


# %% slideshow={"slide_type": "-"}
def mended_once(model):
    """Write the three lines here, the first one mended."""


show.tried(mended_once, cnn, some, some_labels, so_far=recipe)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The cell is empty on purpose: the learner writes there, and until then it prints what the recipe so far says. `tq` is `torch.ao.quantization`, `engine` the library that runs int8 here. Let the room guess the name; completion in the editor finds it. Open the answer and write the line on the board.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The name is `get_default_qconfig`: `model.qconfig = tq.get_default_qconfig(engine)`.** A **qconfig** says which observers a module gets.
#
# <!-- page -->
#
# It holds two things: a maker of observers for the activations, and one for the weights. Every module inside `model` inherits it. The argument is there because the defaults of the engines differ (*Deeper* names two). So a recipe with a fixed `"fbgemm"` may not fit the machine on which it runs.

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Writes the recipe with its first repair.


def with_the_right_name(model):
    model.qconfig = tq.get_default_qconfig(engine)
    tq.prepare(model, inplace=True)
    tq.convert(model, inplace=True)
    return model


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The second message
#
# The recipe now says: *Could not run 'quantized::conv2d.new' with arguments from the 'CPU' backend.*
#
# **Predict.** What kind of tensor had the convolution expected, and why did it not get one?


# %% slideshow={"slide_type": "-"}
def mended_twice(model):
    """Write the recipe here: the right name, and a place where int8 begins."""


show.tried(mended_twice, cnn, some, some_labels, so_far=with_the_right_name)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read both lines of the output aloud. Ask what "from the 'CPU' backend" may mean. (An ordinary float tensor; one of integers is "QuantizedCPU".) Do not explain the warning yet: ask who would have read on after it. Then the answer: `QuantWrapper` puts a stub at each end, which marks where int8 begins and ends.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The int8 convolution met the image, an ordinary float tensor: nobody had turned it into integers.** The repair is a first line, `model = tq.QuantWrapper(model)`.
#
# <!-- page -->
#
# In these messages "CPU" stands for ordinary tensors and "QuantizedCPU" for tensors that hold integers with a scale and a zero point. The convolution was converted and takes only the second kind.
#
# PyTorch cannot know where in your code the integers shall begin and end, so you mark the two places. A **stub** is such a mark: a module that does nothing until the model is converted. Then `QuantStub` becomes "float to int8" and `DeQuantStub` becomes "int8 to float". `QuantWrapper` puts one at each end of a model. In a model of your own you can write `self.quant = tq.QuantStub()` in `__init__`, and call it in `forward` where int8 begins.

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Writes the recipe with two repairs.


def with_stubs(model):
    return with_the_right_name(tq.QuantWrapper(model))


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### No error any more
#
# The recipe runs, and has lost the accuracy. Pixels lie between 0 and 1.
#
# **Predict.** With which scale are the pixels rounded, and why?


# %% slideshow={"slide_type": "-"}
def mended_thrice(model):
    """Write the whole recipe here; `batches` is a list of eight batches of images."""


show.tried(mended_thrice, cnn, some, some_labels, so_far=with_stubs)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room read the warning again: "must run observer". Ask which scale would be right for pixels from 0 to 1: 1/127, and here it is 1, so 0.4 becomes 0 and 0.6 becomes 1. After the answer: "Which test of yours would have caught this one?" (A measured accuracy, or a look at the scales.)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Every scale was 1, the default of an observer that has seen no data. Images must pass between `prepare` and `convert`: `for batch in batches: model(batch)`.**
#
# <!-- page -->
#
# With the scale 1 and the zero point 0 a pixel of 0.4 becomes 0 and one of 0.6 becomes 1. Inside the network it is the same, and worse: the integers begin at 0, so an activation of −2.3 is clipped to 0, and 2.3 becomes 2. PyTorch said so in a warning, which was there since the first repair: "must run observer before calling calculate_qparams". In [[observers]] this step was called calibration. It needs only images.
#
# This fault is the dangerous one, since nothing stops. (How much of it is the pixels and how much the inside, *Deeper* measures.) What catches it is a measured accuracy, and a look at the scales: `model.quant.scale` is 1.

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Writes the recipe with all three repairs, and tries it.


def with_data(model):
    model = tq.QuantWrapper(model)
    model.qconfig = tq.get_default_qconfig(engine)
    tq.prepare(model, inplace=True)
    for batch in batches:
        model(batch)
    return tq.convert(model, inplace=True)


show.tried(with_data, cnn, some, some_labels)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What was left out
#
# There were three faults. How would you have noticed each?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The figure stands there at once, so ask before you come to this slide: three faults, and the message of each, from memory. Then compare. Only the third does not stop the program.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the parts of the recipe, and what PyTorch says where one is missing.
with legacy_int8.quiet():
    uncalibrated, calibrated = with_stubs(copy.deepcopy(cnn)), with_data(copy.deepcopy(cnn))
show.holes(percent_right(uncalibrated), percent_right(calibrated))

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. Observe, calibrate, convert
#
# *Dynamic* quantization finds the range of each input while the model runs. **Static quantization** fixes all ranges beforehand.
#
# **prepare** inserts observers, **calibration** shows them data, **convert** turns each range into a scale and a zero point.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Step through the four pictures. At the third ask what the two numbers above each observer are (lowest and highest value), at the fourth what became of them (a scale). Work out the first: pixels from 0 to 1 in 127 steps, 1/127 = 0.0079. Then: what can go wrong when ranges are fixed beforehand? Values outside are clipped.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why must the ranges be known beforehand? Follow one number through one layer.
#
# **By hand.** A pixel is 0.60, and a weight is 0.25. The scale of the pixels is 1/127 = 0.007874, and that of the weights 0.002. So the pixel becomes the integer 76 and the weight becomes 125. Their product is 9,500, and it stands for 9,500 · 0.007874 · 0.002 = 0.1496. (Exactly it would be 0.15.) An output is a sum of many such products, which the layer adds up in 32 bits. Suppose that the sum stands for 0.1496, too. The layer must hand on 8 bits. With which scale? If it is known that the results lie between 0 and 1.6, the scale is 1.6/127 = 0.0126, and 0.1496 / 0.0126 = 11.9 becomes 12, which stands for 0.1512. If it is *not* known, the layer has to compute all its results and search for the largest, and can only then round. That is dynamic quantization, and between its layers the numbers are floats ([[dynamic]]). Static quantization searches once, in advance, so the integers can pass from layer to layer.
#
# The layer does not go through the float 0.1496. All three scales are known, so their quotient is one number, $M = 0.007874 \cdot 0.002 / 0.0126 = 0.00125$, and 9,500 · 0.00125 gives the 11.9 at once, as in [[observers]]. A bias is added to the 9,500 before that, in the unit of the sum: 0.05 is 0.05 / (0.007874 · 0.002) = 3,175. If the pixels had a zero point, it would be subtracted from the 76 first.
#
# In PyTorch this takes three calls.
#
# - `prepare` puts an observer behind each module that has a qconfig.
# - During the calibration the model still computes in float, and the observers take notes.
# - `convert` replaces each module by its int8 version. It rounds the weights, and it stores the scale and the zero point of the result.
#
# Weights become `qint8`: signed integers, with the zero point 0. Activations become `quint8`: unsigned integers. With the default of `x86` these end at 127; [[observers]] says why. If an activation can be negative, its zero point lies above 0. Kernels for x86 multiply unsigned by signed bytes. (Section 3 says why batch norm disappears in the figure.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
per_channel = tq.QConfig(
    activation=tq.get_default_qconfig(engine).activation, weight=tq.default_per_channel_weight_observer
)


def to_int8(net, data=batches, fuse=(), qconfig=per_channel):
    """The mended recipe; `fuse` lists the names of modules that become one (section 3)."""
    ready = tq.QuantWrapper(copy.deepcopy(net)).eval()
    ready = tq.fuse_modules(ready, list(fuse)) if fuse else ready
    ready.qconfig = qconfig
    observed = tq.prepare(ready)
    for batch in data:
        observed(batch)
    return tq.convert(observed)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def names_to_fuse(net, parts=(0, 1, 2), blocks=None):
    """Convolution (0), batch norm (1), ReLU (2): a list of names for each block."""
    chosen = range(len(net.features)) if blocks is None else blocks
    return [[f"module.features.{block}.{part}" for part in parts] for block in chosen]


fused = tq.fuse_modules(tq.QuantWrapper(copy.deepcopy(cnn)).eval(), names_to_fuse(cnn))
observed = copy.deepcopy(fused)
observed.qconfig = per_channel
tq.prepare(observed, inplace=True)
for batch in batches:
    observed(batch)
int8_net = tq.convert(observed)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the network four times: in float, with stubs, with observers, and converted.
show.stages(cnn, observed, int8_net, some[:1])

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Between the layers: float or int8?
#
# The network has three convolutions and one linear layer. We ask each module of the *converted* network what it takes and what it gives.
#
# **Predict.** How many modules take one type and give another: **A** all, **B** two, **C** none? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A minute in pairs. Then down the table: only `quant` and `dequant` have two types. Compare with dynamic quantization, which keeps float between its layers.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Notes the type of what goes into each module and of what comes out.
show.types_of(int8_net, some[:1])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Two modules change the type (B): the stubs.** Between the layers only bytes move, a quarter of the traffic.
#
# <!-- page -->
#
# The first stub takes the float image and gives integers, the last one takes the integers of the ten outputs and gives floats. All four layers with weights take and give `quint8`. That a module is *called* quantized proves little, so the caption counts the layers in which an int8 kernel was seen to run ([[audit]] shows how).
#
# All this holds as long as every operation between the stubs has an int8 version. One that has none stops with the second message of section 1, with the backends exchanged: it names the "QuantizedCPU" backend. So does a model whose `DeQuantStub` is missing, at the first float operation behind it. The commonest case is the `+` of a *skip connection*, a path around layers: two integers with different scales cannot simply be added ([[depthwise]], *Deeper*, tries it by hand). Write it as a module, `self.add = torch.ao.nn.quantized.FloatFunctional()`, and call `self.add.add(a, b)`. Then it gets an observer and an int8 version.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Fusion: three operations become one
#
# In evaluation mode batch norm is a fixed scale and shift of each channel. It can be folded into the convolution before it:
#
# $$w' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}\, w, \qquad b' = \beta - \frac{\gamma\, \mu}{\sqrt{\sigma^2 + \epsilon}}$$

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Write the two lines of batch norm on the board with the numbers of the page (w 2, μ 1, σ 2, γ 3, β 0.5) and let the room collect the factors: 3x − 1. Ask for b' when the convolution has a bias b of its own. (Write μ − b for μ.) The ReLU is the clamp of the result at the zero point.

# %% [markdown] slideshow={"slide_type": "skip"}
# Our network works, and each of its blocks still does three things one after the other. The convolution computes a result, rounds it and stores it. Batch norm reads it, scales and shifts it, rounds it once more and stores it. ReLU reads it again. That is slow, since each step moves all numbers, and it rounds more often than needed. Can the three become one?
#
# **By hand.** Take one channel of a convolution with a single weight, $w = 2$, so its result is $2x$. Batch norm subtracts the mean $\mu = 1$, divides by the standard deviation $\sigma = 2$, multiplies by $\gamma = 3$ and adds $\beta = 0.5$. Together that is
#
# $$3 \cdot \frac{2x - 1}{2} + 0.5 = 3x - 1.$$
#
# So a convolution with the weight 3 and the bias −1 gives the same at once. This is **folding**: the batch norm disappears into the weights and the bias of the convolution. The formula says the same with letters, where $\epsilon$ is a small number that keeps the root away from 0. It is for a convolution without a bias, as ours are. (If the convolution has a bias $b$, write $\mu - b$ for $\mu$.)
#
# ReLU can disappear as well. It replaces everything below 0 by 0. If the observer sits *behind* the ReLU, its range begins at 0, so the zero point is 0. The layer clamps its result to that range anyway, and a clamp at the integer 0 *is* the ReLU. To make one module of several is called to **fuse** them.

# %% slideshow={"slide_type": "skip"}
conv, norm = cnn.features[1][0], cnn.features[1][1]
factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
folded = factor.view(-1, 1, 1, 1) * conv.weight
apart = (folded - fused.module.features[1][0][0].weight).abs().max()

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the three operations and the one that they become.
show.folding(apart)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### One more message
#
# `fuse_modules` folds the modules that you name, in our network the convolution, the norm and the ReLU of each block.
#
# **Predict.** What should it do with a model that is in *training* mode? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask what batch norm does in training mode (statistics of the batch): there is no fixed factor to fold. The error says it in four words.


# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
def fused_too_early(model):
    model = tq.QuantWrapper(model).train()
    return tq.fuse_modules(model, names_to_fuse(cnn))


show.tried(fused_too_early, cnn, some, some_labels)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It refuses with an error: in training mode there are no fixed numbers that it could fold.**
#
# <!-- page -->
#
# While a network is trained, batch norm takes the mean and the deviation of the batch that is just passing. They change from batch to batch. Only in evaluation mode does it use the running averages, which are fixed. So call `model.eval()` first. Evaluation mode is right for calibration as well: in training mode the calibration batches would move the running averages, and you would change the model while you only meant to look at it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Which of the two was the repair?
#
# Copied recipes often add fusion and calibration at once. We make all four networks, for SmallCNN and for DepthwiseCNN.
#
# **Predict.** Of the accuracy that SmallCNN has lost, how much does *fusion without calibration* bring back: **A** none, **B** less than half, **C** nearly all? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw the two-by-two table on the board before you show it, and let the room fill in the two cells that copied recipes leave out. In SmallCNN 78 points were lost, and fusion alone brings 20 back. Ask what could not be concluded without the two cells: whether fusion or calibration was the repair. DepthwiseCNN filters each channel on its own; there fusion adds three points, and the next slide looks where.

# %% slideshow={"slide_type": "skip"}
depthwise = checkpoints.load("depthwise_cnn").requires_grad_(False)
networks = {"SmallCNN": cnn, "DepthwiseCNN": depthwise}
draws = [part[:256].split(32) for part in images.chunk(3)]
made = {}  # (network, calibrated, fused) -> int8 networks
with legacy_int8.quiet():  # two of the four networks see no data, on purpose
    for name, net in networks.items():
        for fused_too in (False, True):
            names = names_to_fuse(net) if fused_too else ()
            made[name, False, fused_too] = [to_int8(net, [], names)]
            made[name, True, fused_too] = [to_int8(net, draw, names) for draw in draws]

# %% slideshow={"slide_type": "skip"}
right = {(name, "float"): percent_right(net) for name, net in networks.items()}
for which, models in made.items():
    right[which] = [percent_right(model) for model in models]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the accuracy of the four networks into a table.
mean_right = {key: fmean(found) for key, found in right.items() if len(key) == 3}
calibration_alone = mean_right["SmallCNN", True, False] - mean_right["SmallCNN", False, False]
fusion_depthwise = mean_right["DepthwiseCNN", True, True] - mean_right["DepthwiseCNN", True, False]
show.four_cells(right)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Fusion alone brings back less than half (B): in SmallCNN a quarter. Calibration alone is the repair: without fusion it comes within about a point of float.**
#
# <!-- page -->
#
# So SmallCNN does not need fusion for its accuracy. Both together are less than a point above calibration alone, which is fewer than twenty of 2,000 images.
#
# In DepthwiseCNN, whose convolutions filter each channel on its own ([[depthwise]]), it is different: there fusion adds about three points on top of calibration. And fusion without calibration is no repair in either network. It gains something over nothing, probably because fewer results are rounded with the useless scale 1.
#
# Had we compared only "neither" with "both", we would have credited fusion with what calibration did. What fusion certainly gives SmallCNN is time, which section 5 measures.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Where does DepthwiseCNN need the fusion?
#
# It has seven blocks, from 0 to 6; blocks 1, 3 and 5 are depthwise. We calibrate, and fuse nothing, one block, all the others, or all.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 4. The next four minutes, about where fusion makes int8 more exact, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Is the gain spread over the blocks, or does one block make it? And why could that be?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote: spread, or one block. Say what SQNR is: the output over its error, and 10 dB more is a tenth of the squared error. After the table ask what is stored without fusion and not with it: the raw result of the convolution. The next picture shows it.

# %% [markdown] slideshow={"slide_type": "skip"}
# Fusion changes nothing in float. In int8 it leaves out two results that would be rounded and stored: the raw result of the convolution, and that of the batch norm. When can rounding the raw result hurt?
#
# **By hand.** Two channels share one scale. The raw values of channel A lie between −10 and 10, those of channel B between −0.1 and 0.1. With 128 levels the scale is 20/127 = 0.157. The values of channel B are less than one step away from 0, so each becomes −1, 0 or 1 step. Batch norm then divides channel B by its small deviation, say 0.05, so that both channels are about equally large. It enlarges the rounding error of channel B twentyfold, too: from up to 0.08 to up to 1.6. With fusion the enlarging happens *before* the rounding, inside the sum of the convolution, and the error stays below half a step of what is stored.
#
# The measure here is the SQNR: how large the output of the network is against its error, in **decibels**. The ratio of the mean squares is 10 at 10 dB, 100 at 20 dB, and so on ([[observers]], *Deeper*). 10 dB more means a tenth of the squared error.

# %% slideshow={"slide_type": "skip"}
few = some[:300]
by_blocks = {"nothing": made["DepthwiseCNN", True, False]}  # from the last table, like the last line here
for what, blocks in {"block 1 alone": [1], "all but block 1": [0, 2, 3, 4, 5, 6]}.items():
    names = names_to_fuse(depthwise, blocks=blocks)
    by_blocks[what] = [to_int8(depthwise, draw, names) for draw in draws]
by_blocks["all"] = made["DepthwiseCNN", True, True]

# %% slideshow={"slide_type": "skip"}
in_float, fusion = depthwise(few), {}
known = {"nothing": right["DepthwiseCNN", True, False], "all": right["DepthwiseCNN", True, True]}
for what, models in by_blocks.items():
    db = [show.sqnr_db(in_float, model(few)) for model in models]
    fusion[what] = db, known[what] if what in known else [percent_right(model) for model in models]
fusion_gain = fmean(fusion["all"][0]) - fmean(fusion["nothing"][0])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts signal over error and accuracy into a table, by what was fused.
Table(
    ["fused", "SQNR, dB", "accuracy, %"],
    [[what, *(show.spread(found) for found in both)] for what, both in fusion.items()],
    caption="DepthwiseCNN, calibrated; three draws of calibration images",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One block makes the gain: with block 1 alone fused, the output is about as exact as with all. Without it the others gain next to nothing.**
#
# <!-- page -->
#
# The next cells tell which stored result does the harm.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The tensor that should not be stored
#
# Each bar reaches from the lowest to the highest value of a channel.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room draw one scale for all channels into the left panel. Read the caption aloud. Then the control, which the page prints: in a float network only this tensor is rounded. With one scale the output has about 12 dB, with a scale for each channel about 39, and behind the batch norm about 33.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the range of each channel of block 1.
before = depthwise.features[0](few)
show.widths(depthwise.features[1], before)

# %% slideshow={"slide_type": "skip"}
for part, each in ((0, False), (0, True), (1, False)):
    stored = show.store(depthwise.features[1], part, before, steps=127, each=each)
    db = show.sqnr_db(in_float, show.rest_of(depthwise, stored, after=1))
    print(f"{('raw', 'after batch norm')[part]}, {'a scale each' if each else 'one scale'}: {db:.1f} dB")

# %% [markdown] slideshow={"slide_type": "skip"}
# The raw channels differ in width by far more than the normed ones: one of them is some 30 times as wide as the median channel. (Channels without a bar always give 0.) The three printed lines isolate the cause: the network computes in float, and only one tensor is rounded to 128 levels. If that tensor is the raw result of block 1, with one scale for all channels, this alone brings the output nearly as low as the whole unfused int8 network. With a scale for each channel, or behind the batch norm, the same 128 levels do far less harm.
#
# Why does PyTorch not give activations a scale for each channel, as weights have? An ordinary convolution adds up products from all its input channels. With a scale for each of them each product would have to be converted before the sum. (The batch norm behind *our* tensor adds up nothing, so there it would be possible.) A scale for each *output* channel of the weights stands outside the sum and costs nothing. So PyTorch stores activations with one scale for a tensor, and the remedy is fusion, which does not store this tensor at all.
#
# Where the wide channels come from, and what folding does to the *weights* of such a layer, is the subject of [[depthwise]].

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Calibrated on what?
#
# The fused SmallCNN is calibrated on 64 images in seven ways: ordinary; one class; noise; a quarter as bright; pixels from 0 to 255; the first or last image 30 times too bright. The test images are ordinary.
#
# **Predict.** Which of the seven lose more than five points, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the seven variants aloud; the class are sandals. Ask which row the room would bet on, then click. Let somebody work out the row of 255: 128 levels, so the scale is 2, and a pixel of at most 1 becomes 0. The network sees black pictures. Then the exception: the moving average goes 1 % of the way to each new batch.

# %% [markdown] slideshow={"slide_type": "skip"}
# Static quantization fixes the ranges once, so a fault in the calibration data stays for good. [[observers]] followed such a fault through one layer; here is what it does to the accuracy.
#
# The one class are sandals, and the noise is spread evenly between 0 and 1. The other four are faults: somebody divided the pixels by four, or forgot the division by 255, or one image is broken. The three observers are those of PyTorch. *Min–max* keeps the extremes. The *moving average* goes 1 % of the way from its range to that of each batch. The *histogram* looks for the range with the least squared error.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
levels = tq.get_default_qconfig(engine).activation.p.keywords  # so many levels has this engine's own default
highest = tq.MinMaxObserver(**levels).quant_max  # the last of them; the first is 0
OBSERVERS = {
    "min–max": tq.MinMaxObserver,
    "moving average": tq.MovingAverageMinMaxObserver,
    "histogram": tq.HistogramObserver,
}


def with_observer(name, data):
    """SmallCNN fused, calibrated by one kind of observer, in batches of eight."""
    qconfig = tq.QConfig(activation=OBSERVERS[name].with_args(**levels), weight=per_channel.weight)
    return to_int8(cnn, data.split(8), names_to_fuse(cnn), qconfig)


# %% slideshow={"slide_type": "skip"}
good = images[:64]
kinds = {
    "64 ordinary images": good,
    "one class": images[labels == 5][:64],
    "noise, 0 to 1": torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(0)),
    "a quarter as bright": good / 4,
    "pixels 0 to 255": 255 * good,
    "first image broken": torch.cat([30 * good[:1], good[1:]]),
    "last image broken": torch.cat([good[:-1], 30 * good[-1:]]),
}
with legacy_int8.quiet():
    by_calibration = {(kind, name): with_observer(name, x) for kind, x in kinds.items() for name in OBSERVERS}

# %% slideshow={"slide_type": "skip"}
with legacy_int8.quiet():
    harm = {case: percent_right(net) for case, net in by_calibration.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the accuracy by calibration data and observer into a table.
Table(
    ["calibrated on", *OBSERVERS],
    [[kind, *(f"{harm[kind, name]:.1f}" for name in OBSERVERS)] for kind in kinds],
    caption=f"Accuracy on 2,000 ordinary test images, %; float {right['SmallCNN', 'float']:.1f}. One draw of images.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The four variants with a fault lose more than five points. One exception: the moving average hardly notices a broken image that comes last.**
#
# <!-- page -->
#
# One class and noise lose next to nothing.
#
# *Pixels 0 to 255* can be worked out. The range is 0 to 255 and there are 128 levels, so the scale is 2. Every pixel of an ordinary image is at most 1, half a step, and becomes 0. The network sees black pictures and gives one answer, which is right in a tenth of the cases. *A quarter as bright*: the range of the pixels ends at 0.25, and everything brighter is clipped. *First image broken*: the range of the pixels ends at 30, and min–max leaves five levels for them. That alone would cost three points (in a trial float had 88 % on such pixels). The damage is done inside, where the broken image makes every range far too wide; the next figure shows it. The moving average begins at the first batch and hardly leaves it in seven more. The histogram sees one image in 64, and does not ignore it either.
#
# Why does one class do no harm? A range is two numbers, and a sandal has black and white pixels as well. Do not rely on it: another class may have values of its own inside the network. How many images does it take? In this network the step from one image to four brings the most (*Deeper*). A few dozen varied images are a start, and what counts is that they are like those of the work.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### How many levels are left?
#
# Three calibrations: on ordinary images, and twice with one image that is 30 times too bright.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame, calibrated on ordinary images: the hill is what the first block gives for ordinary images, each blue mark is a level. The counts are logarithmic: most values lie at the very left. Before the first click: "Now one calibration image is 30 times too bright. What moves, the hill or the marks?" (The marks: the test images are the same.) Second frame: let the room count the marks under the hill. "Where are the others?" (Far out, where no ordinary image has a value.) What is grey becomes 0. Before the last click: "The broken image comes last, and the observer is the moving average. Which of the two rulers will it look like?" The first, because the range goes only 1 % of the way.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the results of the first block over the levels that three of the calibrations give it.
shown = [("64 ordinary images", "min–max"), ("first image broken", "min–max"), ("last image broken", "moving average")]
nets = {case: by_calibration[case] for case in shown}
show.ruler_of_levels(fused.module.features[0](few), nets, highest, harm)

# %% [markdown] slideshow={"slide_type": "skip"}
# All frames show the same test images, so the hill of their values stays and only the levels move. (Mind the axis of counts: from one label to the next the number grows a thousandfold, so nearly all values lie at the very left.) In the run on this page the broken image widens the range of the first block from 11.4 to 294. In 127 steps that is first 11.4 / 127 = 0.09 between two levels, then 294 / 127 = 2.3. Ordinary images give values up to 12. Six of 128 levels are left for them, and what is smaller than half a step, 1.16, becomes 0: nine of ten values above 0. With the moving average the range went 1 % of the way to that of its broken batch, and ended a third wider.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. What it costs and what it brings
#
# fp32 has 4 bytes for each weight, int8 has 1.
#
# **Predict.** Is the file of the int8 network **A** less than a quarter, **B** a quarter, **C** more than a quarter of the other? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for A to C; expect B. Then ask what else is in a file: biases, names, a scale and a zero point for each channel. The accuracy here is that of all 10,000 test images, on the slide before that of 2,000. Speed is over *eager* fp32 and on this machine: a ratio near 1 or below is a result, too.

# %% slideshow={"slide_type": "skip"}
both = {"fp32": cnn, "int8": int8_net}
of_all = {name: percent_right(net, *test_set) for name, net in both.items()}  # all 10,000 test images
files = {name: size_report(net) for name, net in both.items()}  # saved, loaded again, compared

# %% slideshow={"slide_type": "skip"}
speed = {}
for n in (1, 64):
    fresh, x = copy.deepcopy(both), some[:n]  # an int8 layer keeps the kernel of its first shape (see depthwise)
    jobs = {name: lambda net=net, x=x: net(x) for name, net in fresh.items()}
    speed[n] = timing.compare(jobs, rounds=9, device=device)
small_file = files["fp32"].file_bytes / files["int8"].file_bytes

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts accuracy, file and time into a table.
show.price_and_gain(of_all, files, speed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file is more than a quarter (C), because only the weights shrink fourfold. The accuracy falls by less than a point.**
#
# <!-- page -->
#
# Biases stay in fp32, and so do the names of the entries. A scale and a zero point for each channel come on top. In a small network they count: the file is about 3.6 times smaller, and torchvision's ResNet-18 comes to 3.97.
#
# The speed is a ratio over *eager* fp32, on one thread of the machine of this page. Why is the gain larger for 64 images than for one? Divide within a column of times: in our runs 64 images took int8 10 to 15 times as long as one, and not 64 times. So most of the time of one image is a fixed price, probably that of the calls ([[dynamic]]).
#
# When does static int8 not pay? If the inputs have a range that nobody knows beforehand, or if large linear layers see few rows, dynamic quantization is simpler, because it needs no calibration. On a processor without fast int8 instructions, or with an engine for another one (`qnnpack` is made for ARM), int8 may be slower than float ([[depthwise]] compares the engines). And eager fp32 is not the best fp32 there is, so [[choosing]] divides by a better one.

# %% slideshow={"slide_type": "skip"}
unfused = to_int8(cnn)
four = {"fp32": cnn, "fp32, fused": fused, "int8, not fused": unfused, "int8, fused": copy.deepcopy(int8_net)}
race = {name: lambda net=net: net(some[:64]) for name, net in four.items()}
speed_of_fusion = timing.compare(race, rounds=9, device=device)
for name in four:
    print(f"{name:16} {speed_of_fusion.ratio(name):.2f} times as fast as fp32")

# %% [markdown] slideshow={"slide_type": "skip"}
# The fused network makes one pass over the numbers in place of three, and for SmallCNN that is the reason to fuse. It also means that two things differ in the table above, whose fp32 network is not fused. The second line tells how much of the gain that is: divide the last ratio by it, and you have int8 over the *fused* fp32 network. The next cell writes both networks into the course's ledger, its table of results (the energy is estimated, [[energy]]).

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes both networks into the ledger.
bills = {"fp32": energy.estimate(cnn, some[:1]), "int8": energy.estimate(cnn, some[:1], mac="int8, int32 sum", bits=8)}
show.rows_of_the_ledger(of_all, files, speed, bills)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Calibration
# ★★ · 8 minutes
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


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Who lost the points?
# ★★ · 12 minutes · an investigation
#
# Somebody complains: "The int8 network is bad at work." We measure three models in the lab and at work: `"float"`, `"int8"`, and `"anew"`, int8 calibrated again on images from work. A difference counts above 2 points.
#
# 1. How far is int8 below float at work?
# 2. If this counts: is `"anew"` also more than 2 points below float?
# 3. If it does not: has float lost more than 2 points between lab and work?
#
# <!-- page -->
#
# You get an instrument, `right(model, at_work=0, seed=n)`: the accuracy of a model in percent on draw `n` of images, in the lab (`at_work=0`) or at work (1). `"anew"` is the same network as `"int8"`, with other ranges. Ask question 1 first. Take the mean of at least 5 draws, the same ones for each of the three in both places.
#
# `who_lost(right)` → `"calibration"`, `"rounding"`, `"images"` or `"nothing"`
#
# <details><summary>Hint</summary>
# Six means: three models in two places. Compare models in the same place, and float with itself.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop; alone it takes 12. The answers are calibration, rounding, images or nothing: let the pairs say which way through the three questions leads to each. (Yes and no: calibration. Yes and yes: rounding. No and yes: images. No and no: nothing.) "Which of the six means does the rule need?" Somebody will leave out float at work: "Then what is the loss compared with?" The code is for home, and so is exercise 1.

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up networks. Each verdict has its meaning:
#
# - `"calibration"`: int8 loses at work, and calibrating anew cures it. The old ranges were to blame.
# - `"rounding"`: int8 loses at work, and calibrating anew does not cure it. Rounding itself costs the points, whatever the ranges.
# - `"images"`: int8 loses nothing against float at work, but float has lost between the lab and work. The images are harder.
# - `"nothing"`: none of these.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def who_lost(right):
    """Say who lost the points: "calibration", "rounding", "images" or "nothing".

    Args:
        right: the instrument; `right("int8", at_work=1, seed=3)` gives the accuracy
            of the int8 network on draw 3 of images from work, in percent.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.who_lost(who_lost)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def who_lost_solution(right):
    mean = {}
    for model in ("float", "int8", "anew"):
        for place in (0, 1):
            mean[model, place] = fmean(right(model, at_work=place, seed=n) for n in range(5))
    at_work = mean["float", 1]
    if at_work - mean["int8", 1] > 2:
        return "rounding" if at_work - mean["anew", 1] > 2 else "calibration"
    return "images" if mean["float", 0] - at_work > 2 else "nothing"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on real networks
#
# - SmallCNN, fused: everything as usual
# - SmallCNN: at work the light is half as bright
# - SmallCNN: calibrated by mistake on images a quarter as bright
# - DepthwiseCNN: nothing fused
#
# **Predict.** What does the rule of exercise 2 say in each case, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Four votes before the table; *anew* is a calibration on 256 images from work. Read each row with the rule. Then point at row 2: "Whoever looks at int8 alone would have calibrated anew, for nothing."


# %% slideshow={"slide_type": "skip"}
def dark(share):
    return lambda x: share * x


def usual(x):
    return x


cases = {  # name -> network, names to fuse, calibrated on, images at work
    "as usual": (cnn, names_to_fuse(cnn), usual, usual),
    "half the light": (cnn, names_to_fuse(cnn), usual, dark(1 / 2)),
    "dark calibration": (cnn, names_to_fuse(cnn), dark(1 / 4), usual),
    "depthwise, not fused": (depthwise, (), usual, usual),
}

# %% slideshow={"slide_type": "skip"}
old_and_anew = {}
for case, (net, names, calibrated_on, at_work) in cases.items():
    old = to_int8(net, [calibrated_on(batch) for batch in batches], names)
    old_and_anew[case] = old, to_int8(net, [at_work(batch) for batch in draws[1]], names)  # 256 other images

# %% slideshow={"slide_type": "skip"}
found = {}
for case, (net, _, _, at_work) in cases.items():
    in_lab = right["DepthwiseCNN" if net is depthwise else "SmallCNN", "float"]  # from section 3
    seen = at_work(some)
    at_work_in_float = in_lab if at_work is usual else percent_right(net, seen)
    found[case] = [in_lab, at_work_in_float, *(percent_right(model, seen) for model in old_and_anew[case])]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the four accuracies of each case into a table.
Table(
    ["case", "float, lab", "float", "int8", "anew"],
    [[case, *(f"{value:.1f}" for value in four)] for case, four in found.items()],
    caption="Accuracy on 2,000 test images, %; the last three columns at work. One calibration each.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **As usual: nothing. Half the light: the images. Dark calibration: the calibration. DepthwiseCNN, not fused: the rounding.**
#
# <!-- page -->
#
# (*Anew* is a calibration on 256 other images. In the first and the last case they are like those of the lab.) With half the light int8 loses about eight points, and an engineer who has only that number would calibrate anew, without success. The float network on the same images loses as much. In the third case float is as good as ever, int8 loses ten points or more, and calibrating anew brings them back: old ranges, which clipped the bright pixels. In the last case the tensor of section 3 costs the points, and the remedy is fusion. "As usual" is the control for the experiment itself: it must find nothing where nothing is.
#
# Each case is one network with one calibration, so read the verdicts and not the tenths.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# What follows is for whoever wants to know what the ranges do beyond the calibration, how the error travels, how a file is used later, and what came of these tools.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Was it the pixels?
#
# The network of section 1 that was never calibrated rounds all pixels to 0 or 1. But it also rounds every result *inside* with the scale 1.
#
# "The pixels are black and white, so the accuracy is gone" sounds convincing. It is a guess, as long as nobody has repaired one place and left the other. An int8 model stores a scale and a zero point for each place, so this is easy to do: we copy the entrance's scale from the calibrated network into the other one, and the other way round.
#
# **Predict.** We calibrate only the entrance, or only the inside. Which of the two alone brings back more of the accuracy? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Gives the entrance, or all places inside, their calibrated scales, and measures.
places = show.Places(uncalibrated, calibrated)
black_and_white = percent_right(cnn, some.round())
places.table(percent_right, black_and_white)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The inside brings back far more: in the run on this page to about 60 %, with pixels that are still black and white. A calibrated entrance alone leaves the network at chance.**
#
# The control in the caption tells the same story: the *float* network also gets about 60 % on black-and-white pixels. So the rounded pixels alone cost about 30 points, and the default scales inside alone cost everything that there was to lose. Without calibration the results of the convolutions are clipped at 0 and rounded to whole numbers, and the batch norm and the ReLU behind them cannot bring that back. (Fused as in section 3 the network stores fewer results inside. There, in a trial, each of the two faults alone left about 60 %.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### When clipping helps
#
# **Predict.** At work every pixel is 0.2 lower than it should be, so the background is −0.2. The float network was never trained for that. Is the int8 network **A** as bad as float, **B** worse, **C** better? And why?

# %% slideshow={"slide_type": "skip"}
lower = some - 0.2
anew = to_int8(cnn, [batch - 0.2 for batch in batches], names_to_fuse(cnn))
for name, model in {"float": cnn, "int8": int8_net, "calibrated anew": anew}.items():
    print(f"{name:16} {percent_right(model, lower):.1f} %")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The int8 network is far better than float (C), and calibrating it anew takes the advantage away.**
#
# Its range was found on ordinary images and begins at 0. So the entrance clips the background from −0.2 back to 0, where it belongs, and the shapes come out a little darker. The float network takes the −0.2 as it is. Calibrated anew, the entrance admits it, too. A fixed range is a filter: here by luck a good one, and for a dark calibration a bad one. So "int8 is float with a little noise" holds only for inputs inside the calibrated range.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Which step of the fusion makes int8 more exact?
#
# Section 3 fused whole blocks. One can also fuse in part. Convolution with batch norm leaves out the raw result. Batch norm with ReLU leaves out the half below 0 that ReLU would throw away.
#
# **Predict.** Which of the two brings nearly all of the gain in DepthwiseCNN? And why?

# %% slideshow={"slide_type": "skip"}
PARTS = {"nothing": (), "conv + norm": (0, 1), "norm + ReLU": (1, 2), "all three": (0, 1, 2)}


def db_by_part(net):
    exact, found = net(few), {}
    for what, parts in PARTS.items():
        chosen = names_to_fuse(net, parts) if parts else ()
        found[what] = [show.sqnr_db(exact, to_int8(net, draw[:2], chosen)(few)) for draw in draws]
    return found


by_part = {"SmallCNN": db_by_part(cnn)}

# %% slideshow={"slide_type": "skip"}
by_part["DepthwiseCNN"] = db_by_part(depthwise)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts signal over error into a table, by what was fused.
Table(
    ["fused", *networks],
    [[what, *(show.spread(by_part[name][what]) for name in networks)] for what in PARTS],
    caption="SQNR of the output, dB; three draws of 64 calibration images",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The fusion of convolution and batch norm brings nearly all of it in DepthwiseCNN, because it is the one that does not store the raw result.**
#
# Norm with ReLU alone still stores the raw result of block 1, and this tensor sets the error. In SmallCNN the spans of the two steps overlap, so the table does not say which of them helps more there; the span of all three lies highest. With 256 images for each draw, in a trial, the rows lay closer together, and on all 10,000 test images SmallCNN had 89.8 to 90.1 % without fusion and 90.2 to 90.3 % with it.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How many images, and which observer?
#
# **Predict.** Which step brings most: **A** from 1 image to 4, **B** from 4 to 16, **C** from 16 to 64? And why?

# %% slideshow={"slide_type": "skip"}
COUNTS = (1, 4, 16, 64)
exact = cnn(few)
by_count = {}
for name in OBSERVERS:
    for n in COUNTS:
        by_count[name, n] = [show.sqnr_db(exact, with_observer(name, part[:n])(few)) for part in images.chunk(3)]

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the signal over error against the number of images.
show.curve_of_images(by_count, COUNTS)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The step from 1 image to 4 brings most (A). With 64 images the histogram is ahead, by more than five decibels in the run on this page.**
#
# One image shows only a part of what can occur, and a few more show nearly all. Min–max and the moving average hardly gain after that, since their ranges are already about as wide as they will become. The histogram goes on gaining. It chooses the range with the least squared error, and for that it has to know how often each value occurs.
#
# In a trial with six draws of 64 images the histogram had 29.4 dB on average, the other two 25.0 and 25.4, and it was ahead in five of the six. Single draws differ by up to eight decibels, so one draw proves nothing. And the ruler matters: the first row of the table in section 4 shows that the accuracy of this network does not notice the difference.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The error after each layer
#
# Run the float and the int8 network side by side, and compare after each layer. Do the same with the int8 network in which nothing was fused.
#
# **Predict.** Along the network, does the signal over error fall with each layer, or can it rise? And why?

# %% slideshow={"slide_type": "skip"}
of_float, after = show.outputs(cnn, few), {}
for how, model in {"all three fused": int8_net, "nothing fused": unfused}.items():
    given = show.outputs(model.module, model.quant(few))
    after[how] = {n: show.sqnr_db(of_float[n], y.dequantize()) for n, y in given.items()}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the signal over error after each layer.
show.error_after_each(after)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **It can rise: errors do not simply add up along the network.**
#
# A later layer sums over many inputs whose errors have either sign, so it probably averages a part of them away, while the signal adds up. The unfused network is farther from float. A point holds all errors before it, so the curve does not say which layer one should leave in float. For that one would quantize one layer at a time, and leave out one at a time ([[depthwise]]).

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How many times as fast can it be?
#
# Where a layer waits for its bytes, a quarter of them allows four times the speed ([[roofline]]). Where it waits for its arithmetic, the instructions count. On a processor with VNNI, like that of this page, one instruction multiplies and adds four times as many numbers of 8 bits as one for fp32 does; without VNNI the factor is smaller. In the last comparison of section 5, which has the fused networks, 64 images gain 4.78 times over eager fp32. Part of that is the fusion, which fp32 can have as well: over fused fp32 it is 4.78 / 1.22, about 3.9. (That is about the factor of the instruction, but it does not show that the instruction is the reason: our fp32 is eager, and a better one leaves less to gain, [[choosing]].)
#
# With one image the gain is 2.15, because some steps do not become cheaper: the call of each module costs the same, and int8 has work that float does not have, to round the image at the first stub and each result behind its sum.
#
# **By hand.** Suppose that a float network takes 40 ms, that int8 shortens three quarters of this time to a fourth, and that the rest stays. Then 30 / 4 + 10 = 17.5 ms are left, and the gain is only 40 / 17.5 = 2.3. A part that does not depend on the number of images can be found from two timings. Let one image take 0.4 ms and 64 images 3.5 ms. The 63 images more take 3.1 ms, which is 0.05 ms for each. So about 0.35 of the 0.4 ms of one image do not depend on how many there are. Which of these steps takes how much in this network was not measured.
#
# ### To use the file later
#
# An int8 state fits only into a model with the same int8 modules. So the model is prepared and converted without calibration, which gives every place the scale 1, and then the scales come from the file.

# %% slideshow={"slide_type": "skip"}
file = io.BytesIO()
torch.save(int8_net.state_dict(), file)
file.seek(0)
with legacy_int8.quiet():  # no data here on purpose: the scales come from the file
    again = to_int8(checkpoints.load("small_cnn"), data=[], fuse=names_to_fuse(cnn))
again.load_state_dict(torch.load(file, weights_only=True))
print("the reloaded model gives the same numbers:", torch.equal(again(some), int8_net(some)))

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Where these tools come from, and what came of them
#
# - **History.** Quantization came with PyTorch 1.3 (2019). torchvision 0.5 (2020) brought networks that are already in int8: ResNet, ResNeXt, MobileNet-v2, GoogLeNet, Inception-v3 and ShuffleNet-v2 ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)). [[depthwise]] judges those of today by their published accuracy.
# - **Names.** `torch.quantization` is the first name of `torch.ao.quantization`; `torch.nn.quantized` is that of `torch.ao.nn.quantized`, where the int8 modules live.
# - **What the engines' defaults are.** In PyTorch 2.14, for example, the default for `"x86"` is a histogram observer with 128 levels for activations and one scale for each channel of the weights, and the default for `"qnnpack"` has 256 levels and one scale for a whole tensor of weights.
# - **Fusion for training.** For training *with* rounding there is `fuse_modules_qat` ([[qat_cnn]]).
# - **In place or not.** The recipe of section 1 changes the model that it is given. `tq.convert(model.eval(), inplace=False)`, which many pages have, gives a new model and leaves the old one as it was.
# - **What is deprecated.** PyTorch announces the end of `torch.ao.quantization`. The successor is the package `torchao` ([[torchao]]). Code in eager mode (module by module, as you write it) still uses the old one, and its warning "will be removed in 2.10" is itself out of date: you are running a later version.
# - **What has an int8 version.** There is a [list of operations in PyTorch's documentation](https://docs.pytorch.org/docs/stable/quantization-support.html).
# - **Where it runs.** The kernels of this lesson are for CPUs, x86 and ARM. Modules outside the stubs are ordinary ones and may run on a GPU, if you move their inputs there. For int8 on GPUs of NVIDIA one calibrates with other tools, for example [TensorRT](https://docs.nvidia.com/deeplearning/tensorrt/), which takes the same idea: observe, fix the ranges, convert. We ran neither.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · What may be fused
# ★★ · 15 minutes
#
# Write `fuse_list`: the lists of names to hand to `fuse_modules`. `kinds` says what each module is ("conv", "bn", "relu", "add", "fc"),
# `reads` whose results it takes ("x" is the input). Chains begin at a convolution: conv-bn-relu, conv-bn or conv-relu, each as
# long as possible. A result inside a chain must have *one* reader; at its end any number may read. The order in which the modules are
# listed says nothing. In training mode nothing may be fused: return an empty list.
#
# `fuse_list(kinds, reads, training)` → a list of lists of names, the lists in any order
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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("static")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Static quantization fixes every range beforehand, so that int8 passes from layer to layer. It needs stubs, evaluation mode, and calibration with data like those of the work.
# - A network that was never calibrated runs. A warning, a measured accuracy and the scales (all 1) give it away; no error does.
# - Change one thing at a time: calibration was the repair. Fusion saves time, and accuracy where a raw result has channels of very unequal range (section 3).
# - Before you blame int8, ask the float network about the same images.
#
# <!-- page -->
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
# *For the lecturer, 1 min.* Ask what the lesson did not show: a network that int8 breaks, a skip connection, another engine. They come next.
