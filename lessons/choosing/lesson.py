# ---
# jupyter:
#   course:
#     promise: You will choose a way to int8 by a count and three questions, and say what int8 itself has gained.
#     seconds: 25
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
#       - say over which fp32 a speed-up was measured, and which part of it comes from int8.
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
from torch import nn

from course_utils import claims, legacy_int8
from lessons.choosing import show
from lessons.choosing import tasks as check

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations(remarks=True)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. Two networks with about the same number of conversions
#
# You'd like to run a trained network in int8. *Dynamic* quantization takes one line, and no data to calibrate with ([[dynamic]]). But then each layer converts its inputs at every call: it searches for their range, and rounds them. *Static* quantization finds the ranges beforehand, so numbers can stay int8 from layer to layer ([[static]]).
#
# What do conversions cost? Let's try two networks with random weights: a Transformer with the shape of BERT, which reads 128 tokens, and MobileNet-v2, a CNN for phones, which looks at one image. For each linear layer and convolution we time the conversion of its inputs, and the int8 layer itself, whose inputs are int8 already. PyTorch's one line leaves convolutions in float, so for MobileNet-v2 this is what dynamic quantization *would* cost.

# %% conversions tags=["legacy"]
timed = show.time_layers()
show.conversions_table(timed)

# %% [markdown]
# Both convert millions of inputs, and converting one takes about as long in both. Yet conversions add little to BERT's time, and several times as much to MobileNet-v2's. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. How often is an input used?
#
# The table's last column divides the conversions' time by that of the int8 layers, so these must differ: BERT's do far more work with each number. Can we see that from the shape of a layer?
#
# A layer's work is counted in **MACs**: multiply an input by a weight, and add the product to a sum. Take a linear layer with 3 inputs and 2 outputs, so 6 weights. It gets 4 rows.
#
# - In each row, each weight makes one MAC. That's 4 · 6 = 24 MACs.
# - The layer converts 4 · 3 = 12 inputs.
# - So each input is used in 24 / 12 = **2 MACs**, one for each output.
#
# A conversion is paid once for an input, so the more MACs share it, the less it matters.

# %% [markdown]
# **Predict.** BERT reads 256 tokens in place of 128, and each token is a row. How often does a linear layer now use an input: **A** half as often, **B** twice as often, **C** as often as before?

# %% [markdown] tags=["answer"]
# **As often as before (C), because an input is used once for each output of its row.** There are twice as many MACs, but twice as many inputs, too.

# %% [markdown]
# In a **convolution**, a window slides over the image, and each of its 3 × 3 positions passes over an input once. So one output channel uses the input 9 times, and 64 of them up to 9 · 64 = 576 times. A *depthwise* convolution filters each channel on its own, so there it's 9 at most, and less if the window moves by two pixels.
#
# To count a whole network, we put a hook on each layer. PyTorch calls it with the layer, its inputs and its output. Each output takes a MAC for each weight of its row or filter, say `weight[0]`.


# %% count
def count(model, x):
    """(layer, MACs, inputs) for each linear layer and convolution."""
    rows = []

    def note(layer, given, out):
        rows.append((layer, out.numel() * layer.weight[0].numel(), given[0].numel()))

    layers = (nn.Linear, nn.Conv2d)
    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, layers)]
    model(x)
    for hook in hooks:
        hook.remove()
    return rows


print(count(nn.Linear(3, 2), torch.zeros(4, 3)))  # the layer by hand

# %% [markdown]
# **Try it.** Change the last line to `count(nn.Conv2d(64, 64, 3, padding=1, groups=64), torch.zeros(1, 64, 8, 8))`, and divide the MACs by the inputs. Then leave out `groups=64`.
#
# <details><summary>What others found</summary>
#
# The depthwise convolution uses each input 9 times, and the other one 576 times.
#
# </details>
#
# Counting needs only shapes, and tensors on PyTorch's `meta` device have nothing else:

# %% uses
from torchvision.models import mobilenet_v2

from course_utils.models import Encoder

with torch.device("meta"):
    counted = {
        "BERT shape": count(Encoder(), torch.zeros(1, 128, dtype=torch.long)),
        "MobileNet-v2": count(mobilenet_v2(), torch.zeros(1, 3, 224, 224)),
    }
uses = {name: sum(row[1] for row in rows) / sum(row[2] for row in rows) for name, rows in counted.items()}
print({name: round(number) for name, number in uses.items()})

# %% [markdown]
# BERT uses an input about thirty times as often, because its linear layers have 768 outputs or more, while MobileNet-v2 saves MACs by depthwise and narrow convolutions.

# %% [markdown]
# ## 3. From a count to a time
#
# Can we now foresee *how much* time conversions add? We also need the **price** of one: how many MACs take as long? BERT's own times tell us. If the price were 20 MACs, and an input were used 40 times, its conversion should add 20 / 40, a half. So our guess is price / uses.

# %% guess_and_measurement
bert = timed["BERT shape"]
price = bert.ns_to_convert / bert.ns_of_a_mac
print(f"One conversion takes as long as {price:.0f} MACs of BERT.")
for name, net in timed.items():
    print(f"{name}: guess {price / uses[name]:.0%}, measured {net.added:.0%}")

# %% [markdown]
# For BERT they agree by construction, since we took the price from its own times. For MobileNet-v2 the guess is several times too high. It assumes that a MAC takes equally long in every layer. Does it? Let's look, in picoseconds (ps), thousandths of a nanosecond:

# %% mac_by_mac tags=["hide-input"]
# Prints how often an input is used, and how long a MAC takes, for three kinds of layers.
for name, often, ps in show.kinds(timed):
    print(f"{name:24} {often:7,.1f} uses, {ps:4.0f} ps for a MAC")

# %% [markdown]
# It doesn't. In the ordinary convolutions a MAC takes three to four times as long as in BERT. In the depthwise layers it takes so many times as long that they account for nearly half of the time, although only one MAC in fourteen is done there. So MobileNet-v2's layers take several times as long as their MACs say, and because the guess divided by too short a time, it came out too high.
#
# **The count shows where conversions are cheap, and only the clock shows how much they add.** As a rule of thumb we take 100 MACs as the price, more than BERT's layers gave above, to be on the safe side. Then from 400 uses on, conversions should add no more than about 100 / 400, a quarter. With fewer uses they may still be cheap, as MobileNet-v2 shows.

# %% [markdown]
# ## 4. Three questions
#
# The four options are ordered by how much they ask of you. QAT is quantization-aware training ([[qat]]). We stop at the first way that will do: an arrow leads down to it.

# %% chain tags=["hide-input"]
# Draws three questions and the four ways that they lead to.
show.chain()

# %% [markdown]
# **1. Is int8 faster than the best fp32 (section 5) on your device?** Time whichever int8 version is quickest to build: dynamic int8 for a Transformer, and for a CNN static int8, calibrated with a single batch, since the time doesn't depend on the ranges. For a small network, or without fast int8 instructions, the answer may be no. Then stay in float, unless all you want is a smaller file.
#
# **2. Is dynamic int8 cheap, and does it lose at most a point of accuracy?** `quantize_dynamic` converts linear layers, LSTMs and GRUs, and leaves convolutions in float ([[audit]]). Without a clock, we call it cheap if these layers account for more than half of the MACs that we counted, and use an input at least 400 times on average. A network of *BERT's shape* uses an input more than 1,000 times, and for BERT PyTorch [reported](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) a drop of 0.7 points of F1, so we stop here. In a Transformer a quarter as wide it would be about 330 times. Below 400 the clock of section 1 decides, and cheap means that conversions add at most a quarter. *MobileNet-v2* makes nearly all its MACs in convolutions, so we go on, whatever its conversions cost.
#
# **3. Does static int8 lose more than a point, with all remedies that need no training?** If they help, take static. If not, it's a case for QAT, which needs the training data and code. If that fails too, stay in float. Measure accuracy on examples that you didn't calibrate with. Both limits, a quarter and a point, are our choice.

# %% [markdown]
# **Predict.** Suppose that DepthwiseCNN, a small CNN, is faster in int8. Static int8 costs it some 25 points with one scale for each layer, and less than a point with a scale for each channel ([[depthwise]]). Where do the questions lead: **A** to dynamic, **B** to QAT, **C** to static?

# %% [markdown] tags=["answer"]
# **To static (C), because a scale for each channel is a remedy that needs no training.** So are other ranges, or one layer left in float. Dynamic would leave its convolutions in float.

# %% [markdown]
# ## 5. Faster than which fp32?
#
# The same network can run in fp32 in several ways. In *eager* mode Python calls layer after layer. A *trace* records the calls once, and then runs without Python. PyTorch can then also fold the batch norms into the convolutions, and arrange the weights to suit the processor.
#
# **Predict.** Suppose that, compared with eager fp32, traced int8 is 3.6 times as fast, and traced fp32 1.6 times. How much has int8 brought: **A** 2 times, **B** 3.6 times, **C** 2.25 times?

# %% [markdown] tags=["answer"]
# **2.25 times (C), because 3.6 / 1.6 = 2.25, and the factor 1.6 came from the trace alone, before anything was quantized.**

# %% [markdown]
# So a speed-up has two baselines: eager fp32, and the **best fp32**, the fastest way that we find to run the network in fp32. For MobileNet-v2 we measure both: three routes take turns, and we compare medians.

# %% routes tags=["legacy"]
from course_utils.int8_routes import networks, torch_eager

mobile = networks.mobilenet_v2()  # the model, and an image as its example
net, image, int8 = mobile.model, mobile.example, torch_eager.int8_model(mobile)  # static, throughout
routes = {
    "fp32, eager": net,
    "fp32, traced": torch.jit.optimize_for_inference(torch.jit.trace(net, image)),
    "int8, traced": torch.jit.freeze(torch.jit.trace(int8, image)),
}
race = show.race(routes, image)

# %% routes_table tags=["hide-input"]
# Puts the three routes into a table, over both baselines.
show.routes_table(race)

# %% [markdown]
# The last row has both factors. The one over eager fp32 makes the headline, and the one over the best fp32 is int8's own part. But the best is only the best that we've tried. Another **runtime**, a program that runs networks, may be faster: in our records OpenVINO takes 55 to 70 % of the trace's time in fp32, and over that, PyTorch's traced int8 is only 1.2 to 1.7 times as fast. So first try a better program in float: a trace, a compiler ([[pt2e]]), or another runtime.
#
# When somebody reports a speed-up, ask for four facts: over which fp32, on which processor, with how many threads, and in which runtime.

# %% [markdown]
# ## Exercise · Which way?
# ★★ · 10 minutes
#
# Write `choose(rows, fp32_ms, int8_ms, lost)`. Ask the three questions of section 4, the second without a clock, and return a pair: the way (`"float"`, `"dynamic"`, `"static"` or `"qat"`), and how many times as fast int8 is as the best fp32.
#
# - `rows`: what `count` gives. `quantize_dynamic` will convert its `nn.Linear` layers.
# - `fp32_ms`: a list, the times of several ways to run it in fp32. `int8_ms`: its time in int8.
# - `lost`: points that `"dynamic"` and `"static"` lose, with all remedies.
#
# <details><summary>Hint</summary>
#
# For the average of question 2, divide the MACs of all linear layers by their inputs. A network may have no linear layer. This should give `"static"` and about 1.5:
#
# ```python
# choose(counted["MobileNet-v2"], [24, 14], 9.5, {"dynamic": 0, "static": 0.2})
# ```
#
# </details>


# %% choose tags=["exercise"]
def choose(rows, fp32_ms, int8_ms, lost):
    """The way for the network of these rows, and what int8 itself gains."""
    raise NotImplementedError


# %% tags=["check"]
check.choose(choose)


# %% tags=["solution", "hide-cell"]
def choose_solution(rows, fp32_ms, int8_ms, lost):
    linear = [row for row in rows if isinstance(row[0], nn.Linear)]
    gain = min(fp32_ms) / int8_ms
    if gain <= 1:
        return "float", gain
    all_macs = sum(macs for _, macs, _ in rows)
    macs = sum(macs for _, macs, _ in linear)
    inputs = sum(inputs for _, _, inputs in linear)
    if 2 * macs > all_macs and macs >= 400 * inputs and lost["dynamic"] <= 1:
        return "dynamic", gain
    if lost["static"] > 1:
        return "qat", gain
    return "static", gain


# %% [markdown]
# ## Remember
#
# - A conversion costs little where its input is used often: a linear layer uses it once for each output, a depthwise convolution only a few times.
# - Ask in the order of what the ways need: float if int8 isn't faster, then dynamic, then static, and QAT only if all other remedies fail.
# - Compare with the best fp32 to see int8's own part, because a speed-up over eager fp32 also contains a better program.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("choosing")

# %% [markdown]
# ## Deeper
#
# ### A famous table
#
# PyTorch published this in [2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/):
#
# | published | fp32, ms | int8, ms | quotient | score | measured on |
# |---|---|---|---|---|---|
# | BERT, dynamic | 581 | 313 | 1.9 | F1 .902 → .895 | Xeon-D2191, one thread |
# | ResNet-50, static | 214 | 103 | 2.1 | 76.1 → 75.9 % right | the same |
# | MobileNet-v2, static; accuracy by QAT | 97 | 17 | 5.7 | 71.9 → 71.6 % right | Samsung S9, a phone |
#
# MobileNet-v2 seems to gain most. But its fp32 ran in Caffe2, and was "not optimized", says the post. So a part of the 5.7 may come from a better program. Here are our records of the fastest int8 in PyTorch. For BERT's shape that's dynamic int8 in a trace, which is faster than called from Python ([[dynamic]]):

# %% tags=["hide-input"]
# Writes what was published beside the course's records of two processors.
show.recorded_table()

# %% [markdown]
# Here compiled fp32 competed as well, and for MobileNet-v2 it was at most 3% faster than the trace. On our two processors ResNet-50 gains most, over either fp32. But MobileNet-v2's factor shrinks most from one column to the next, because a better program helps its fp32 more than that of the others.
#
# The post's advice goes by names: dynamic for Transformers and RNNs, static for CNNs, and QAT where static loses too much. It says that CNNs wait for their activations to be moved. By our questions, a CNN goes static because PyTorch's line skips its convolutions. And a Transformer should gain little from static int8: PyTorch computes norms and softmax in float, so each linear layer converts anyway.
#
# ### Other runtimes
#
# **ONNX** is a file format for networks that other runtimes read ([onnx.ai](https://onnx.ai)). Export the *float* network, and quantize it with the tools of that runtime, because the exporter doesn't take PyTorch's older int8 layers. Install `onnx`, `onnxscript` and `onnxruntime` first.
#
# ```python
# batch = torch.export.Dim("batch")  # else the file accepts the example's size only
# torch.onnx.export(net, (image,), "net.onnx", dynamo=True, dynamic_shapes=({0: batch},))
# session = onnxruntime.InferenceSession("net.onnx")
# output = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
# ```
#
# ### Other devices
#
# | device | ways to int8 |
# |---|---|
# | x86, a server or a laptop | PyTorch, compiled or not; ONNX Runtime, with `activation_type=QuantType.QUInt8`; OpenVINO |
# | ARM, a phone | PyTorch with `qnnpack`; ExecuTorch with [XNNPACK](https://docs.pytorch.org/executorch/stable/backends-xnnpack.html); ONNX Runtime |
# | NVIDIA's GPUs | torchao ([[torchao]]); [TensorRT](https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/work-quantized-types.html) |
#
# An engine is made for one kind of processor. In our records `qnnpack`, which is made for ARM, runs ResNet-50 in int8 *slower* than eager fp32 on both x86 processors. The first question catches that.
#
# **Sources.** R. Krishnamoorthi, J. Reed, M. Ni, C. Gottbrath, S. Weidman, [Introduction to quantization on PyTorch](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/), 2020: the table and the advice.
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** The worksheet [Your network](../8_capstone/your_network.ipynb) tries the ways that fit a network of your own, and says what to ship. H. Wu et al., *Integer quantization for deep learning inference*, 2020, [arXiv:2004.09602](https://arxiv.org/abs/2004.09602). Project: add a record of your own processor, with `python3 course.py bench quantization --peers`.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## Fewer bits, or fewer weights?
#
# All four ways keep every weight. In [[prune_module]] you leave some out. How many weights of a layer can go before anybody notices, and will the file notice?
