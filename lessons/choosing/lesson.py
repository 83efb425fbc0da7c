# ---
# jupyter:
#   course:
#     promise: You will choose a way to int8 for any network by a count and three questions, and say what int8 itself has brought.
#     seconds: 30
#     needs: [audit, static, qat]
#     values:
#       bert_fp32: show.PUBLISHED['BERT-base shape'].split()[0]
#       bert_int8: show.PUBLISHED['BERT-base shape'].split()[2]
#       resnet_fp32: show.PUBLISHED['ResNet-50'].split()[0]
#       resnet_int8: show.PUBLISHED['ResNet-50'].split()[2]
#       mobile_fp32: show.PUBLISHED['MobileNet-v2'].split()[0]
#       mobile_int8: show.PUBLISHED['MobileNet-v2'].split()[2]
#     goals:
#       - count how often a network uses a number that it converts;
#       - choose between float, dynamic, static and quantization-aware training by three questions;
#       - say over which float a speed-up was measured, and which part of it is int8's.
#     terms: [best fp32, ONNX, runtime]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Dynamic, static, with training, or not at all: which way to int8 suits your network?*

# %% tags=["setup", "hide-input", "legacy"]
# Sets one thread and the int8 engine, switches gradients off, and hides the warnings of PyTorch's older int8.
import torch

from course_utils import legacy_int8
from course_utils.scorecard import claims
from lessons.choosing import checks as check
from lessons.choosing import show

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. The same work, another price
#
# A layer of *dynamic* int8 takes floats and gives floats: it converts its inputs at every call. In *static* int8 a network can convert at its two ends alone. What do the conversions cost?
#
# We run two networks in int8 with and without conversions at each layer. The int8 products are the same. One is a Transformer of BERT's shape, which reads a text of 128 tokens ([[dynamic]]). We time its linear layers. The other is MobileNet-v2, a CNN for phones, which looks at one image. So that each of its layers converts, we put a `QuantWrapper` around every one ([[static]]). Both have random weights.

# %%
from course_utils.int8_routes import networks

mobile = networks.mobilenet_v2()  # the model, and an image as its example

# %% the_same_work_another_price tags=["hide-input", "legacy"]
# Times both networks in int8, converted once and converted at each layer.
shown, longer = show.converted_at_each_layer(mobile)
shown

# %% [markdown]
# BERT converts more numbers, and loses little time; MobileNet-v2 takes much longer. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. How often is a number used?
#
# A linear layer has 3 inputs and 2 outputs, so 6 weights. It gets 4 rows. A multiplication with its addition is a *MAC*.
#
# - It makes 4 · 6 = 24 MACs.
# - It converts 4 · 3 = 12 inputs.
# - So each input is used 24 / 12 = **2 times**: once for each output.
#
# A conversion is like a ticket for a museum, dear for one visit and cheap for a hundred: it is paid once for a number, and afterwards the number takes part in one product after the other. So what counts is how often an input is used.

# %% [markdown]
# **Predict.** BERT reads 256 tokens in place of 128, and each token is a row. How often does a linear layer now use an input: **A** twice as often, **B** as often as before, **C** half as often?

# %% [markdown] tags=["answer"]
# **As often as before (B), because an input is used once for each output, and the outputs of a row stay the same.** There are twice as many MACs, and twice as many inputs.

# %% [markdown]
# In a convolution an input lies under several places of the window, and is used at each of them for every output channel. With 3 × 3 places and 64 output channels that makes up to 9 · 64 = 576 times. A *depthwise* convolution filters each channel on its own, so there it is at most 9 times. In an ordinary 1 × 1 convolution with 16 output channels it is 16 times.
#
# ### The price of a ticket
#
# How many MACs could have been made while one number is converted? We time a search for the range and a rounding, and beside them a large int8 layer.

# %% tags=["hide-input", "legacy"]
# Times a search for the range and a rounding on a million bytes of floats, and a large int8 layer.
price = show.price_in_macs()
print(f"one conversion takes as long as {price:.0f} MACs in int8")

# %% [markdown]
# A conversion has to read a float, compare, divide, round and pack. In this time our processor could make a hundred MACs or more with this engine.
#
# Take 100. If an input is used 1,000 times, its conversion adds 100 / 1,000, a tenth of the layer's work. **At 400 uses it adds about 100 / 400, a quarter.** This division is a first guess. How much longer your network takes, the clock must say.
#
# Now we count. A hook is called with a layer, its inputs and its output. Each number of the output is a sum with one product for each weight of its row or filter.


# %%
import torch
from torch import nn


def count(model, x):
    """(layer, MACs, inputs) for each linear layer and convolution."""
    rows = []

    def note(layer, given, out):
        rows.append((layer, out.numel() * layer.weight[0].numel(), given[0].numel()))

    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()
    return rows


print(count(nn.Linear(3, 2), torch.zeros(4, 3)))  # the layer by hand

# %% [markdown]
# **Try it.** Change the last line to `count(nn.Conv2d(64, 64, 3, padding=1, groups=64), torch.zeros(1, 64, 8, 8))`, run the cell again, and divide the MACs by the inputs. Then leave out `groups=64`.
#
# <details><summary>What others found</summary>
#
# The depthwise convolution uses each input 9 times, the other one 576 times: for each of 64 output channels. At the border it is less, but here the zeros of the padding are counted as well.
#
# </details>
#
# For counting, shapes are enough. On the device `meta` a tensor has no numbers.

# %%
import torchvision

from course_utils.models import Encoder

with torch.device("meta"):
    pixels, tokens = torch.zeros(1, 3, 224, 224), torch.zeros(1, 128, dtype=torch.long)
    counted = {
        "BERT shape": count(Encoder(), tokens),
        "ResNet-50": count(torchvision.models.resnet50(), pixels),
        "MobileNet-v2": count(torchvision.models.mobilenet_v2(), pixels),
    }

# %% [markdown]
# ### Three networks
#
# Let a conversion cost 100 MACs. How often is each input used?

# %% three_networks tags=["hide-input"]
# Draws how often each layer uses an input.
uses = show.uses_figure(counted)

# %% [markdown]
# That fits the first table. BERT's linear layers have 768 outputs or more, so every ticket is used often. MobileNet-v2 saves MACs wherever it can. Its inputs are used some forty times on average, and in the depthwise layers nine times, or with stride 2 about twice. ResNet-50, a CNN that saves less, lies in between.

# %% [markdown]
# ## 3. The decision
#
# Three questions, from the way that needs least to the one that needs most.
#
# You know four ways: float needs nothing, dynamic int8 one line, static int8 examples of the inputs, and quantization-aware training, QAT, a training ([[qat]]).

# %% chain tags=["hide-input"]
# Draws three questions and the four ways that they lead to.
show.chain()

# %% [markdown]
# **1. Is int8 faster than the best fp32 on your device?** Best means the fastest that your device has (section 4). For int8, time a quick conversion; its speed does not need good ranges. Some processors lack fast int8 products. If int8 is not faster, stay in float.
#
# **2. Is dynamic int8 cheap, and does it lose at most a point?** PyTorch's line, `quantize_dynamic`, takes linear layers, LSTMs and GRUs, and leaves convolutions in float ([[audit]]). As a rule of thumb, it is cheap if the layers that it takes do most of the MACs, and use an input at least 400 times on average. By our first guess they then take about a quarter longer than in a network that is int8 throughout. We pay that for not having to calibrate. A Transformer converts at each linear layer in static int8, too, so there try dynamic at any width. You may set another limit.
#
# **3. Does static int8 lose more than a point, with all remedies that need no training?** If not, take static. Such remedies are a scale for each channel, other ranges, and a layer left in float. Only what is lost with all of them is a case for QAT.
#
# - *BERT:* int8 is faster, an input is used some 1,300 times, at most a point is lost: dynamic.
# - *MobileNet-v2:* int8 is faster, but convolutions do the work: static, or QAT if that loses more than a point.

# %% [markdown]
# ### Who has to be trained?
#
# Take DepthwiseCNN, trained. In static int8 it loses some 25 points with one scale for each layer, and less than a point with a scale for each channel ([[depthwise]]).
#
# **Predict.** Int8 is faster than the best fp32. Where do the questions lead: **A** to dynamic, **B** to static, **C** to QAT?

# %% [markdown] tags=["answer"]
# **To static (B), because the third question counts what is lost with all remedies, and a scale for each channel needs no training.** Dynamic falls out, since the line skips convolutions.

# %% [markdown]
# ## 4. Faster than which fp32?
#
# The first question says *best* fp32. Why not simply fp32?
#
# In *eager* fp32 Python calls each layer. A *trace* runs the recorded calls without Python, and PyTorch can fold the batch norms, and arrange the rest for the processor.
#
# **Predict.** Traced int8 is 3.6 times as fast as eager fp32. Traced fp32 is 1.6 times as fast. What have the 8 bits brought: **A** 3.6 times, **B** 2.25 times, **C** 2 times?

# %% [markdown] tags=["answer"]
# **2.25 times (B), because 3.6 / 1.6 = 2.25, and the 1.6 came without a single integer.** Factors are divided, not subtracted.

# %% [markdown]
# So a speed-up has two baselines. Over eager fp32, which many people run, it says what they will notice. Over the **best fp32**, the fastest way to run the same network in fp32, it says what int8 is worth. We measure both within PyTorch, for MobileNet-v2 in static int8 throughout.

# %% tags=["legacy"]
from course_utils.int8_routes import torch_eager
from course_utils.measure import timing

net, image = mobile.model, mobile.example
int8 = torch_eager.int8_model(mobile)  # static int8: fused, calibrated, converted


def traced(model):
    return torch.jit.freeze(torch.jit.trace(model, image))


routes = {
    "fp32, eager": net,
    "fp32, traced": torch.jit.optimize_for_inference(traced(net)),
    "int8, eager": int8,
    "int8, traced": traced(int8),
}
calls = {name: lambda m=m: m(image) for name, m in routes.items()}
race = timing.compare(calls, rounds=9, device="cpu")

# %% routes_table tags=["hide-input"]
# Puts the four routes into a table, over both baselines.
show.routes_table(race)

# %% [markdown]
# Nothing was quantized in the second row, and it is ahead of the first. So the first step to a faster network is often a better program in float: a trace, a compiler ([[pt2e]]), or another **runtime**, which is the program that runs a network. It needs no data and loses no accuracy. Where a speed-up is reported, ask for four facts: over which baseline, on which processor, with how many threads, in which runtime.

# %% [markdown]
# ## 5. Before you ship
#
# 1. *In float*, before anything is rounded: the changed network gives the old outputs, but for the last digits.
# 2. Count the layers that **run in int8**.
# 3. Compare the **accuracy**, on examples that you did not calibrate with.
# 4. Time it on the device, against the best fp32.
#
# Folding and exporting must not change an output, so in the first check a difference of a hundredth is a mistake, such as pixels that are scaled twice. A layer that stayed float gives right answers and no speed; the count shows it ([[audit]]).
#
# For a network of your own, the worksheet [Your network](../8_capstone/your_network.ipynb) tries the ways that fit, makes these checks, and says what to ship.

# %% [markdown]
# ## Exercise · Which way?
# ★★ · 10 minutes
#
# Write `choose(rows, fp32_ms, int8_ms, lost)`. Ask the three questions, and return `"float"`, `"dynamic"`, `"static"` or `"qat"`.
#
# - `rows`: what `count` gives for a network.
# - `fp32_ms`: a list with the times of several ways to run it in fp32. `int8_ms`: the time in int8.
# - `lost`: points that `"dynamic"` and `"static"` lose, with all remedies.
# - Here the line takes only `nn.Linear`. These layers must do more than half of all MACs, and use an input at least 400 times on average.
#
# <details><summary>Hint</summary>
#
# The average is the MACs of all linear layers over the inputs of all linear layers. "At most a point" includes 1. Try it on ResNet-50, with times that the course recorded:
#
# ```python
# choose(counted["ResNet-50"], [99, 66], 17, {"dynamic": 0, "static": 0.2})
# ```
#
# </details>


# %% tags=["exercise"]
def choose(rows, fp32_ms, int8_ms, lost):
    """One of "float", "dynamic", "static" and "qat" for the network of these rows."""
    raise NotImplementedError


# %% tags=["check"]
check.choose(choose)


# %% tags=["solution", "hide-cell"]
def choose_solution(rows, fp32_ms, int8_ms, lost):
    if int8_ms >= min(fp32_ms):
        return "float"
    linear = [row for row in rows if isinstance(row[0], nn.Linear)]
    all_macs = sum(macs for _, macs, _ in rows)
    macs = sum(macs for _, macs, _ in linear)
    inputs = sum(inputs for _, _, inputs in linear)
    if 2 * macs > all_macs and macs >= 400 * inputs and lost["dynamic"] <= 1:
        return "dynamic"
    if lost["static"] > 1:
        return "qat"
    return "static"


# %% [markdown]
# ## Remember
#
# - A conversion costs as much as many MACs, and pays if the number is used often; a linear layer uses it once for each output.
# - Ask in the order of what the ways need: float if int8 is not faster than the best fp32, dynamic if it takes the layers and they are wide, static, and training only where all remedies fail.
# - A speed-up is a better program times fewer bits: compare with the best fp32, and name the device.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("choosing")

# %% [markdown]
# ## Deeper
#
# ### The headline table
#
# PyTorch published this in [2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/):
#
# | published | fp32, ms | int8, ms | quotient | score | measured on |
# |---|---|---|---|---|---|
# | BERT, dynamic | 581 | 313 | 1.9 | F1 .902 → .895 | Xeon-D2191, one thread |
# | ResNet-50, static | 214 | 103 | 2.1 | 76.1 → 75.9 % right | the same |
# | MobileNet-v2, static; accuracy by QAT | 97 | 17 | 5.7 | 71.9 → 71.6 % right | Samsung S9, a phone |
#
# MobileNet-v2 seems to gain most. But its row comes from another device, and the post says of its float that it ran in Caffe2, "not optimized". So a part of the 5.7 may be a better program. The course has measured all three on two processors:

# %% tags=["hide-input"]
# Writes what was published beside the course's records of two processors.
show.recorded_table()

# %% [markdown]
# Over PyTorch's best fp32 it is ResNet-50 that gains most, on both processors.
#
# The post's advice goes by names: Transformers and RNNs dynamic, CNNs static, and QAT where static loses too much. The post also says that CNNs wait for their activations to be moved, while by our questions a CNN goes static because PyTorch's line skips its convolutions.
#
# ### Other runtimes
#
# **ONNX** is a file format for networks, which other runtimes read ([onnx.ai](https://onnx.ai)). You export the *float* network, and quantize it there, with the tools of that runtime. The exporter does not take PyTorch's older int8 layers. Install `onnx`, `onnxscript` and `onnxruntime` first.
#
# ```python
# batch = torch.export.Dim("batch")  # else the file accepts the example's size only
# torch.onnx.export(net, (image,), "net.onnx", dynamo=True, dynamic_shapes=({0: batch},))
# session = onnxruntime.InferenceSession("net.onnx")
# output = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
# ```
#
# The file holds the graph and the weights. It does not hold your code: scaling the pixels and choosing the largest output stay your business. The course's records split the factors of two runtimes:

# %% tags=["hide-input"]
# Writes the records of ONNX Runtime and OpenVINO.
show.runtimes_table()

# %% [markdown]
# For MobileNet-v2 the runtime in float brings as much as its 8 bits, or more. In int8 neither runtime is the faster one for all three networks on the Intel processor, so try two.
#
# ### Other devices
#
# | device | ways to int8 |
# |---|---|
# | x86, a server or a laptop | PyTorch, compiled or not; ONNX Runtime, with `activation_type=QuantType.QUInt8`; OpenVINO |
# | ARM, a phone | PyTorch by `qnnpack`; ExecuTorch by [XNNPACK](https://docs.pytorch.org/executorch/stable/backends-xnnpack.html); ONNX Runtime |
# | NVIDIA's GPUs | torchao ([[torchao]]); [TensorRT](https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/work-quantized-types.html), by post-training quantization (PTQ) or with a network that was trained for it |
#
# An engine is made for one kind of processor. In the records `qnnpack`, which is made for ARM, runs ResNet-50 in int8 *slower* than eager float on both x86 processors. Question 1 would have caught that.
#
# **Sources.** R. Krishnamoorthi, J. Reed, M. Ni, C. Gottbrath, S. Weidman, [Introduction to quantization on PyTorch](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/), 2020: the table and the advice.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** H. Wu et al., *Integer quantization for deep learning inference*, 2020, [arXiv:2004.09602](https://arxiv.org/abs/2004.09602). D. Bailey, *Twelve ways to fool the masses when giving performance results on parallel computers*, 1991. Project: add a record of your own processor, with `python3 course.py bench quantization --peers`.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
