# ---
# jupyter:
#   course:
#     promise: You will ask three questions of any config of torchao, quantize the layers that you choose, and load the file elsewhere.
#     seconds: 22
#     needs: [dynamic]
#     goals:
#       - ask of any config which values it allows, how many bytes it stores, and what is multiplied;
#       - quantize the layers that you choose, with `quantize_`, a config and a filter;
#       - save a quantized network, and load the file into a new one.
#     terms: [config, "fp8, e4m3", group of weights, MXFP4, NVFP4, weight-only quantization]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *"The model is in int4." Does that change its values, its bytes, or its arithmetic?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings of this lesson, its check and the scorecard.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.torchao import checks as check
from lessons.torchao import show

runtime.seed_all(0)
torch.set_grad_enabled(False)  # the lesson only runs networks
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Two bits a weight
#
# Most weights of a trained LeNet lie in one layer, `fc1`. One call of **torchao**, PyTorch's package for quantization, rounds them to 8, to 4 or to 2 bits. Each network is saved.
#
# `quantize_` changes the network that it is given, so we hand it a copy. Section 2 explains the config and the filter.

# %%
import copy

import torch
from torchao.quantization import IntxWeightOnlyConfig, PerGroup, quantize_

from course_utils import data
from course_utils.data import checkpoints

images, labels = data.load("fashion_mnist", "test")
net = checkpoints.load("lenet_fashion_0")


def only_fc1(module, name):
    return name == "fc1"


networks = {"float": net}
for dtype in (torch.int8, torch.int4, torch.int2):
    config = IntxWeightOnlyConfig(weight_dtype=dtype, granularity=PerGroup(40))
    small = copy.deepcopy(net)
    quantize_(small, config, filter_fn=only_fc1)
    networks[dtype] = small

# %% [markdown]
# **Predict.** `fc1` has 48,000 weights, and with 8 bits each of them takes a byte. Beside the file with 8 bits, how large is the one with 2: **A** about two thirds, **B** a little smaller, **C** the same?

# %% first_table tags=["hide-input"]
# Saves each network, and shows its bytes, how far its outputs have moved, and what it gets right.
files = {name: show.saved(network) for name, network in networks.items()}
show.first_table(networks, images, labels)

# %% [markdown] tags=["answer"]
# **The same (C), because this config rounds each weight to one of four integers and then stores it in a whole byte.**

# %% [markdown]
# The outputs show that something happened: with fewer bits they move further. The file shows nothing of it. So "2 bits" was an answer about *values*, and we had asked about *bytes*. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. One call, one config
#
# - A **config** is an object that says what becomes of a layer's weights, and perhaps of its inputs.
# - A *filter* is asked about each module and its name, and answers yes or no.
#
# `quantize_(model, config, filter_fn)` walks through the modules, and where the filter says yes it quantizes the layer. It is the successor of `quantize_dynamic`, the deprecated line of [[dynamic]]. Without a filter `quantize_` takes the linear layers. Your own filter replaces this rule, and is asked about every module, so most filters begin with `isinstance(module, nn.Linear)`. Leave out small layers: they save few bytes, and each call costs extra.
#
# We call it without a filter, and with a config that rounds the weights once and the inputs at each call, to int8:

# %% one_call_one_config
from torchao.quantization import Int8DynamicActivationInt8WeightConfig

int8 = copy.deepcopy(net)
quantize_(int8, Int8DynamicActivationInt8WeightConfig())
print(int8)

# %% [markdown]
# The convolutions are left alone, and nothing says so. The other layers are still called `Linear`: only their *weight* has another class, `Int8Tensor`. PyTorch asks this class how to multiply, so neither the layer nor your code needs to know.
#
# ### What the weight holds
#
# We ask the 2-bit weight of section 1 which integers occur, and what is stored beside them:

# %% tags=["nbval-check-output"]
weight = networks[torch.int2].fc1.weight
print(weight.qdata.unique())
for part in (weight.qdata, weight.scale, weight.zero_point):
    print(part.dtype, tuple(part.shape))

# %% [markdown]
# ### The bytes by hand
#
# `fc1` has 120 rows of 400 weights. `PerGroup(40)` cuts each row into 10 **groups of weights**: neighbours that share a scale.
#
# | in the file | numbers | bytes each | bytes |
# |---|---|---|---|
# | integers of `fc1` | 48,000 | 1 | 48,000 |
# | scales | 1,200 | 4 | 4,800 |
# | zero points, all zero here | 1,200 | 1 | 1,200 |
# | the rest of LeNet | 12,074 | 4 | 48,296 |
# | together | | | **102,296** |
#
# What the file has beyond that are names and structure. **The 2 appears nowhere in this sum.** A byte is the smallest piece of memory that has an address. Smaller numbers must be packed, several into one byte, and somebody must unpack them before each use. This config does not pack, and so needs no routine of its own.
#
# Why groups? One large weight makes the steps long for all that share its scale: it broke this layer in [[integers]]. In a group only its 39 neighbours suffer, and not the whole row. The price is a scale for each group.
#
# **Try it.** By how many bytes would the files shrink with one group for each row? Work it out. Then change `PerGroup(40)` in section 1 to `PerGroup(400)`, and run that cell and the next again. Change it back, and run both again.
#
# <details><summary>What others found</summary>
#
# Now each row is one group: 120 scales and zero points in place of 1,200. That is 1,080 · 5 = 5,400 bytes less, give or take some padding of the file. With `PerGroup(32)` the call stops, because 400 is no multiple of 32. `Int4WeightOnlyConfig` leaves such a layer in float, without an error or a warning.
#
# </details>

# %% [markdown]
# ## 3. Values: which numbers are left?
#
# A group of weights, 4 bits: the integers go from −8 to 7, in 15 steps. The scale is the largest magnitude over half of them, 0.75 / 7.5 = 0.1.
#
# | weight | 0.75 | −0.30 | 0.10 | −0.42 |
# |---|---|---|---|---|
# | in steps of 0.1 | 7.5 | −3 | 1 | −4.2 |
#
# **Predict.** As which number does 0.75 come back: **A** 0.80, **B** 0.75, **C** 0.70?

# %% ruler tags=["hide-input"]
# Sends the group through torchao, and draws the sixteen values and where the four weights fall.
back = show.comes_back(torch.int4)
show.ruler(back)

# %% [markdown] tags=["answer"]
# **0.70 (C), because 7.5 would be rounded to 8, and the last integer is 7.** The largest weight loses half a step. The others go to the nearest mark.

# %% [markdown]
# The same group in 2 bits: the integers are −2, −1, 0 and 1, and the scale is 0.75 / 1.5 = 0.5. The four weights are 1.5, −0.6, 0.2 and −0.84 steps, and come back as 0.5, −0.5, 0 and −0.5. Now −0.30 and −0.42 are the same number.
#
# A name such as "4 bits" tells how many marks a ruler has. It does not tell where they lie.

# %% [markdown]
# ## 4. Bytes: what stands in the file?
#
# Five configs, on a layer of 2,048 inputs and outputs: int8 × int8 from section 2; int8 weights; int4 weights; int2 weights; int4, packed.
#
# The last of them is a *prototype*: its name may change with the next version. It packs two integers into a byte, in groups of 32.

# %%
from torch import nn
from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig
from torchao.quantization import Int8WeightOnlyConfig

configs = {
    "int8 × int8": Int8DynamicActivationInt8WeightConfig(),
    "int8 weights": Int8WeightOnlyConfig(),
    "int4 weights": IntxWeightOnlyConfig(torch.int4, PerGroup(32)),
    "int2 weights": IntxWeightOnlyConfig(torch.int2, PerGroup(32)),
    "int4, packed": PrototypeInt4WeightOnlyConfig(group_size=32),
}
wide, x = nn.Sequential(nn.Linear(2048, 2048)), torch.randn(1, 2048)
layers = {"float": wide}
for name, config in configs.items():
    layers[name] = copy.deepcopy(wide)
    quantize_(layers[name], config)

# %% stored tags=["hide-input"]
# Counts the bytes of a weight, and of the file.
show.stored(layers)

# %% [markdown]
# Only the packed one has less than a byte for a weight. By hand, for a group of 32: the integers take 32 / 2 = 16 bytes. A scale and the value in the middle of the range, in 4 bytes each, make 8 more. 24 bytes for 32 weights are 0.75 bytes each, or 6 bits. The name says 4.

# %% [markdown]
# ### Into a new network
#
# **Predict.** A colleague makes LeNet anew, in float, and calls `load_state_dict` with our file of int4 weights. **A** The network is quantized. **B** It is in float, with rounded weights. **C** An error stops the call.

# %%
from course_utils import models

torch.save(networks[torch.int4].state_dict(), "lenet_int4.pt")
fresh = models.LeNet().eval()

# %% into_a_new_network
try:
    fresh.load_state_dict(torch.load("lenet_int4.pt"))
except RuntimeError as error:
    print("stopped:", str(error).splitlines()[1].split(",")[0].strip())

fresh.load_state_dict(torch.load("lenet_int4.pt"), assign=True)
same = torch.equal(fresh(images), networks[torch.int4](images))
print("with assign=True the same outputs:", same)

# %% [markdown] tags=["answer"]
# **An error (C), because `load_state_dict` copies numbers into the tensors that are there, and a tensor of torchao cannot be copied into a float tensor.** `assign=True` puts the tensors of the file in their place.

# %% [markdown]
# The file holds integers, scales, zero points, the name of their class, and whether inputs are rounded. Whoever loads it needs three things:
#
# 1. the code that builds the network;
# 2. `import torchao`, and for a prototype its module, before `torch.load`. Otherwise it refuses the unknown class: *Unsupported global*;
# 3. `assign=True`.
#
# The float weights are gone, from the file and from the network. Keep the float file: `quantize_` refuses a layer that is quantized already.

# %% [markdown]
# ## 5. Arithmetic: what is multiplied?
#
# A weight is stored as 7, with the scale 0.1. The input is 0.6.
#
# - *Int8 weights:* 7 becomes the float 7.0; then 7.0 · 0.6 = 4.2, a product of floats; and 4.2 · 0.1 = **0.42**.
# - *int8 × int8:* the input is rounded as well. With the scale 0.005 it is 120; then 7 · 120 = 840, a product of integers; and 840 · 0.1 · 0.005 = **0.42**.
#
# The first is called **weight-only quantization**: the weights are *stored* in few bits, and the layer computes in float. Only the second way can use the int8 units of a processor.
#
# Which of the two does a config take? PyTorch's profiler notes the routines that run, and `event.key` is the name of one. On most processors those that multiply have `mm` in their names, for matrix times matrix:

# %% arithmetic_what_is_multiplied
from torch.profiler import profile

ran = {}
for name, layer in layers.items():
    with profile() as seen:
        layer(x)
    ran[name] = [event.key for event in seen.key_averages() if "mm" in event.key]
    print(f"{name:13}", *ran[name])

# %% [markdown]
# `_int_mm` multiplies integers. `mm` and `addmm` are the products of floats that an unquantized layer uses, too. The routine of the last row takes float inputs and unpacks the weights while it multiplies.

# %% [markdown]
# ### Does it save time?
#
# Int8 weights take a quarter of the bytes.
#
# **Predict.** For one row of input: is the layer with int8 weights **A** faster than float, **B** about as fast, **C** slower?

# %% times tags=["hide-input"]
# Times the layer in four ways, and shows how many times as fast as float each is.
races = show.race(wide, configs)
show.times(races)

# %% [markdown] tags=["answer"]
# **Slower (C), because it makes floats of all weights anew at each call.**

# %% [markdown]
# Fewer bytes save time when two things come together. A routine unpacks the weights *while* it multiplies, so that no float matrix is written. And the layer mostly waits for its weights, as with one row of input. The packed int4 has such a routine, for inputs in bfloat16.
#
# int8 × int8 multiplies integers, but it also has to round the inputs at each call, and on some processors adds up all the weights. With many rows the product can make up for that. `torch.compile` can merge or spare such steps, where there is a C++ compiler: *Deeper* has a record.

# %% [markdown]
# ### Three questions
#
# Blue: no more values or bytes than the name promises, and a product of integers. Orange: the rest.

# %% three_questions tags=["hide-input"]
# Draws the three answers of each config, counted on the wide layer.
show.three_questions(layers, ran)

# %% [markdown]
# Which config is right depends on what you want:
#
# - *a smaller file, on any machine:* int8 weights. Expect no gain of time in float32;
# - *a much smaller file:* a config that packs, with inputs in bfloat16, on a machine that has its routine;
# - *time:* int8 × int8, compiled; or packed weights in bfloat16, where few rows meet a wide layer;
# - *to know how few bits a network bears:* int4 or int2 weights. They need no routine of their own, and save no more than int8.
#
# On x86 processors without VNNI int8 × int8 needs `reduce_range=True`, compiled or not, or its sums overflow.

# %% [markdown]
# ## Exercise · Ship the wide layers
# ★★ · 10 minutes
#
# Write `ship(model, make, least)`.
#
# 1. In a copy of `model`, quantize the linear layers with at least `least` inputs by `Int8DynamicActivationInt8WeightConfig`. All else stays float.
# 2. Save its state as `"int8.pt"`.
# 3. Load this file into a new network from `make()`, and return that one, in evaluation mode.
#
# Then try it. Only layers with 512 inputs or more should show `Int8Tensor`:
#
# ```python
# make = lambda: models.Encoder(n_layers=2, width=192)
# print(ship(make(), make, 512))
# ```
#
# <details><summary>Hint</summary>
#
# The filter gets every module, so ask for `nn.Linear` before you ask for `in_features`. The other lines stand in sections 2 and 4.
#
# </details>


# %% tags=["exercise"]
def ship(model, make, least):
    """A network from make(), its wide linear layers in int8, loaded from "int8.pt"."""
    raise NotImplementedError


# %% tags=["check"]
check.ship(ship)


# %% tags=["solution", "hide-cell"]
def ship_solution(model, make, least):
    def is_wide(module, name):
        return isinstance(module, nn.Linear) and module.in_features >= least

    quantized = copy.deepcopy(model)
    quantize_(quantized, Int8DynamicActivationInt8WeightConfig(), filter_fn=is_wide)
    torch.save(quantized.state_dict(), "int8.pt")
    loaded = make().eval()
    loaded.load_state_dict(torch.load("int8.pt"), assign=True)
    return loaded


# %% [markdown]
# ## Remember
#
# - A config answers three questions: which values are left, in how many bytes they are stored, and what is multiplied. A name such as "int4" answers the first.
# - `quantize_` exchanges the weights of the layers that a filter chooses; the layers keep their class. The file loads into a new network with `import torchao` and `assign=True`.
# - The name of the routine that ran tells what was multiplied, and few bits save time only with a routine made for them.

# %% [markdown]
# ## Scorecard
#
# What your run counted and measured, beside its source.

# %% tags=["scorecard"]
claims.show("torchao")

# %% [markdown]
# ## Deeper
#
# ### Training for a config
#
# Has int4 or int2 cost too much? As in [[qat]], the network can be trained with the rounding in place. Two calls of `quantize_` stand around your own loop. The first makes the chosen layers round in floats, and the second puts the real config in their place:
#
# ```python
# from torchao.quantization.qat import QATConfig
#
# config = IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(40))
# quantize_(model, QATConfig(config, step="prepare"), filter_fn=only_fc1)
# ...  # train as ever, with gradients on
# quantize_(model, QATConfig(config, step="convert"), filter_fn=only_fc1)
# ```
#
# `config` is the one that you will ship, so the levels of the training are those of the file. In torchao 0.18 `Int8WeightOnlyConfig` and `Int8DynamicActivationInt8WeightConfig` are refused with *Unexpected base config*.
#
# ### Floats of 8 and 4 bits
#
# The marks of an integer ruler are evenly spaced. Those of a small float crowd around zero: with each step of the exponent their distance doubles ([[formats]]). **fp8** in the form **e4m3** has 4 bits of exponent and 3 of mantissa. With 4 bits alone, 2 of them for the exponent, neighbours share a scale, as in a group:
#
# | format | a number | neighbours that share a scale | their scale | bits a weight |
# |---|---|---|---|---|
# | fp8, e4m3 | 8 bits | a row, for example | 32 bits | a little over 8 |
# | **MXFP4** | 4 bits | 32 | a power of two, 8 bits | 4 + 8/32 = 4.25 |
# | **NVFP4** | 4 bits | 16 | fp8, 8 bits | 4 + 8/16 = 4.5 |
#
# MXFP4 is an open standard, NVFP4 is NVIDIA's; it has one float for the whole tensor besides. With a power of two the largest weight of a block can lie far from the last mark; with a scale in fp8 it lies near.
#
# ### What runs where
#
# "Quantized models only run on the CPU" is true of what PyTorch's older interface converts. torchao is made for GPUs as well, and most of its fast routines are for them. Its own [table](https://docs.pytorch.org/ao/stable/workflows/index.html) names, among others:
#
# | weights × inputs | hardware | state |
# |---|---|---|
# | int8 × int8 | A100, Intel BMG | stable |
# | int4 × bfloat16 | A100, Intel BMG | stable |
# | fp8 × fp8 | H100, B200, Intel BMG | stable |
# | MXFP4, NVFP4 | B200; MXFP4 on MI350X, too | prototype |
#
# The configs of this lesson ran on a CPU. So ask the three questions again where your model will run. On one CPU the course timed single layers with and without `torch.compile`:

# %% tags=["hide-input"]
# Shows the record of compiled layers.
show.recorded()

# %% [markdown]
# Compare int8 × int8, compiled, with its best rival, and not with eager float alone. With 64 rows bfloat16, for which this processor has units, is ahead on the narrow layer, and comes near on the wide one.
#
# **Sources.** torchao's [documentation](https://docs.pytorch.org/ao/stable/index.html); PyTorch on [the end of `torch.ao.quantization`](https://docs.pytorch.org/docs/2.13/quantization.html). B. D. Rouhani et al., *Microscaling data formats for deep learning*, 2023, [arXiv:2310.10537](https://arxiv.org/abs/2310.10537); the [MX specification 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf), 2023; [NVIDIA on NVFP4](https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/), 2025.
#
# **Going further.** Convolutions, too, with an exported graph: [[pt2e]]. Packing by hand, and the file of a language model: [[weight_only]]. Project: ask the three questions of `Float8WeightOnlyConfig`.
#
# **Credits.** After the documentation of torchao, PyTorch team. Text CC BY 4.0, code MIT.
