# ---
# jupyter:
#   course:
#     promise: You will ask three questions of any config of torchao, quantize the layers that you choose, and load the file elsewhere.
#     seconds: 25
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
from torch import nn

from course_utils import claims, runtime
from course_utils.sizes import size_report
from lessons.torchao import show
from lessons.torchao import tasks as check

runtime.seed_all(0)
torch.set_grad_enabled(False)  # the lesson only runs networks
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Two bits a weight
#
# Somebody tells you that a model "is in int4", or even "in 2 bits". Let's make such a file. In LeNet, the small CNN of [[integers]], 48,000 of about 60,000 weights are in one layer, `fc1`. We round it with **torchao**, PyTorch's package for quantization: once to 8 bits, once to 4, once to 2. Its function `quantize_` is the successor of `quantize_dynamic` ([[dynamic]]). It changes the network it gets, so we hand it a copy.

# %%
import copy

from torchao.quantization import IntxWeightOnlyConfig, PerGroup, quantize_

from course_utils import checkpoints

net = checkpoints.load("lenet_fashion_0")  # comes with the course, already trained
networks = {"float": net}
for dtype in (torch.int8, torch.int4, torch.int2):
    config = IntxWeightOnlyConfig(dtype, PerGroup(40))
    networks[dtype] = copy.deepcopy(net)
    quantize_(networks[dtype], config, filter_fn=lambda module, name: name == "fc1")

# %% [markdown]
# **Predict.** With 8 bits, each weight of `fc1` becomes an integer of one byte. How large is the file with 2 bits, compared with the one with 8: **A** the same, **B** a little smaller, **C** about two thirds?

# %% four_files tags=["hide-input"]
# Saves each network, and prints the bytes of its file.
files = {name: size_report(network).file_bytes for name, network in networks.items()}
for name, size in files.items():
    print(f"{str(name).removeprefix('torch.'):5} {size:,} bytes")

# %% [markdown] tags=["answer"]
# **The same (A), because this config rounds each weight to one of four integers, and then stores the integer in a whole byte.** So "2 bits" told us about the *values* of the weights, and nothing about the *bytes* in the file.

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A config and a filter
#
# `quantize_(model, config, filter_fn)` goes through all modules of a network. The *filter* gets each module with its name, and answers yes or no. Where it says yes, the **config** decides what happens to the weights, and perhaps to the inputs.
#
# Our config rounds only weights. `PerGroup(40)` cuts each row of `fc1`, 400 weights, into ten **groups of weights**: 40 neighbours that share a scale, so one large weight harms only 39 others ([[integers]]).
#
# Print the network, and look at `fc1`:

# %% one_call
print(networks[torch.int2])

# %% [markdown]
# `fc1` is still a `Linear`. Only its *weight* has another class, one of torchao's, and PyTorch asks this class how to multiply, so your code can stay as it is. `target_dtype` is the int2 that we asked for. But the name of the class says *unpacked to int8*, and that's what the file showed.
#
# Always look at the types of the weights, by printing the network or by `type(layer.weight)`, because `quantize_` can leave a layer in float without telling you, as a config in section 3 would with `fc1`. A weight in float is a plain `Parameter`.
#
# Without a filter, `quantize_` takes the linear layers, but neither convolutions nor the last layer of PyTorch's own attention ([[audit]]). Your own filter replaces this rule and is asked about every module. If it doesn't ask for a name, as ours did, begin it with `isinstance(module, nn.Linear)`.

# %% [markdown]
# ## 3. Values and bytes
#
# ### Four weights by hand
#
# Let's quantize a layer with only four weights, the largest of them 0.75. With 4 bits there are 16 integers, −8 to 7, and 15 steps between them. Our config spreads the 15 steps over the range from −0.75 to 0.75, so the scale is 1.5 / 15 = 0.1.
#
# | weight | 0.75 | −0.30 | 0.10 | −0.42 |
# |---|---|---|---|---|
# | divided by the scale | 7.5 | −3 | 1 | −4.2 |
# | integer | 7 | −3 | 1 | −4 |
# | comes back as | 0.70 | −0.30 | 0.10 | −0.40 |
#
# There's no integer 8. So 7.5 becomes 7, and the largest weight loses half a step. Does torchao do the same?

# %% four_weights tags=["nbval-check-output"]
tiny = nn.Sequential(nn.Linear(4, 1, bias=False))
tiny[0].weight.copy_(torch.tensor([[0.75, -0.30, 0.10, -0.42]]))
quantize_(tiny, IntxWeightOnlyConfig(torch.int4, PerGroup(4)))
print(tiny[0].weight.qdata, tiny[0].weight.dequantize(), sep="\n")

# %% [markdown]
# It does. So that's how you ask **which values** are left: `qdata` holds the integers, and `dequantize()` gives the numbers that they stand for.
#
# ### How many bits are stored for each weight?
#
# The integers fit into 4 bits, but their type is `int8`. A byte is the smallest piece of memory that has an address. Smaller integers have to be *packed*, several into one byte, and unpacked again before each use. This config doesn't pack.
#
# Let's count for `fc1`. The 40 integers of a group take 40 bytes. A scale of 4 bytes is stored with them, and a zero point of 1 byte (always 0 here). That's 45 bytes, or 360 bits, for 40 weights: 9 bits a weight. **The 2 appears nowhere in this sum.** In code, we add up all tensors inside the weight:


# %% nine_bits
def bits(weight):  # of a quantized weight, with its part of the scales and the like
    parts = [part for part in vars(weight).values() if isinstance(part, torch.Tensor)]
    return 8 * sum(part.nbytes for part in parts) / weight.numel()


print([bits(networks[dtype].fc1.weight) for dtype in (torch.int8, torch.int4, torch.int2)])

# %% [markdown]
# **Try it.** How many bits does a weight take with one group for each row? Work it out. Then change `PerGroup(40)` in section 1 to `PerGroup(400)`, run that cell and the last one. Change it back, and run both again.
#
# <details><summary>What others found</summary>
#
# 400 integers, a scale and a zero point take 405 bytes: 8.1 bits a weight. Larger groups are cheaper, and coarser.
#
# </details>
#
# ### Where 6 bits hide in "int4"
#
# `PrototypeInt4WeightOnlyConfig` does pack. Its groups have 32, 64 or 128 weights, and 400 isn't a multiple of 32, so it would leave our `fc1` in float. Until the end of section 4 we take a wider layer, and four configs.

# %%
from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

configs = {
    "int8 weights": Int8WeightOnlyConfig(),
    "int4 weights": IntxWeightOnlyConfig(torch.int4, PerGroup(32)),
    "int4, packed": PrototypeInt4WeightOnlyConfig(group_size=32),
    "int8 × int8": Int8DynamicActivationInt8WeightConfig(),
}
wide, x = nn.Sequential(nn.Linear(4096, 4096)), torch.randn(1, 4096)
layers = {"float": wide}
for name, config in configs.items():
    layers[name] = copy.deepcopy(wide)
    quantize_(layers[name], config)

# %% a_group_in_bytes tags=["hide-input"]
# Draws the bytes of 32 weights, counted in the layers.
show.a_group_in_bytes(layers, bits)

# %% [markdown]
# Packed, two integers share a byte, so 32 of them take 16 bytes. But each group has two more numbers, both floats: the scale, and a zero point, here the value of the middle one of the 16 integers. In this float32 layer each takes 4 bytes. Together that's 24 bytes for 32 weights: **6 bits a weight. The name says 4.** In a bfloat16 network each takes 2 bytes, and a weight 5 bits.

# %% [markdown]
# ## 4. Arithmetic
#
# ### What is multiplied?
#
# Take the first of our four weights again, stored as 7 with the scale 0.1. Let its input be 0.6. There are two ways to multiply:
#
# - *The weight becomes a float again.* 7 · 0.1 = 0.7, and 0.7 · 0.6 = **0.42**, a product of floats. This is **weight-only quantization**: the weights are *stored* in few bits, but the layer *computes* in float.
# - *The input becomes an integer, too.* Suppose that the largest input of its row makes the scale 0.005. Then 0.6 is stored as 120. Now 7 · 120 = 840 is a product of integers, and 840 · 0.1 · 0.005 = **0.42**. This is dynamic quantization ([[dynamic]]), but torchao gives each row of inputs a scale of its own, so one bright picture no longer harms the others. Only a product of integers can use a processor's instructions for int8.
#
# In a real layer the second way also rounds the input, but the outputs stay close, so they don't tell what was multiplied. The names tell only half: `WeightOnly` means the first way, but `DynamicActivation` says only that inputs are rounded. PyTorch's profiler lists every routine that runs, and those that multiply matrices usually have `mm` in their names (*matrix multiplication*):

# %% what_is_multiplied
from torch.profiler import profile

for name, layer in layers.items():
    with profile() as seen:
        layer(x)
    print(f"{name:13}", *[e.key for e in seen.key_averages() if "mm" in e.key])

# %% [markdown]
# `_int_mm` multiplies integers. `mm` and `addmm` get floats here, as in the float layer: the inputs are floats, and a product needs two factors of one type. `addmm` also adds the bias. With int8 weights that has to wait, because torchao turns the 7 into 7.0 and applies the scale to the product, 7.0 · 0.6 · 0.1 = 0.42. And `_weight_int4pack_mm_for_cpu` gets packed weights and float inputs: it unpacks a few weights, multiplies them as floats, and goes on to the next few.
#
# ### Does it save time?
#
# Int8 weights take a quarter of the bytes, so they arrive from memory sooner.
#
# **Predict.** For one row of inputs, is the layer with int8 weights **A** faster than the float layer, **B** about as fast, or **C** slower?

# %% times tags=["hide-input"]
# Times the layer for one row of inputs, on one thread.
race = show.race(wide, layers, configs, x)
show.times(race)

# %% [markdown] tags=["answer"]
# **Slower (C), because at each call it first makes floats of all 16.8 million weights, in new memory.** The third row is the time for that alone: most of the second.

# %% [markdown]
# In the fourth row the same floats go into memory that is already there, so most of the time in the third row goes into getting 67 MB of new memory.
#
# The packed layer's routine unpacks *while* it multiplies, so it needs no float matrix. It's made for bfloat16: compare it with the row above it. With one row of inputs, a layer as wide as ours mostly waits for its weights, so fewer bytes can save time. A small layer's weights wait in the processor's cache already: at 1,568 × 128, packed int4 took as long as bfloat16 in our record, and about twice as long as float. Int8 × int8 with one row was fast only when compiled (*Deeper*).
#
# ### The three answers

# %% three_answers tags=["hide-input"]
# Shows how each config answers the three questions, counted on the wide layer.
ran = show.routines(layers, x)
show.three_answers(layers, bits, ran)

# %% [markdown]
# ## 5. Into a new network
#
# A colleague gets our file. She makes a new LeNet, in float, and calls `load_state_dict`.

# %%
from course_utils import models

torch.save(networks[torch.int4].state_dict(), "lenet_int4.pt")
fresh = models.LeNet().eval()

# %% [markdown]
# **Predict.** What does she get: **A** an error, **B** a quantized network, **C** a float network with rounded weights?

# %% without_assign tags=["hide-input"]
# Loads the file as one usually does, and prints the beginning of the error.
try:
    fresh.load_state_dict(torch.load("lenet_int4.pt"))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[1].split(",")[0].strip(), "… an exception occurred")

# %% [markdown] tags=["answer"]
# **An error (A), because `load_state_dict` copies numbers into the tensors that are there, and torchao's tensor can't be copied into a float tensor.**

# %% [markdown]
# With `assign=True`, it replaces the network's tensors by those from the file:

# %% into_a_new_network
fresh.load_state_dict(torch.load("lenet_int4.pt"), assign=True)
image = torch.rand(1, 1, 28, 28)
print("the same outputs:", torch.equal(fresh(image), networks[torch.int4](image)))

# %% [markdown]
# The file holds integers, scales and the names of torchao's classes, but no code. So your colleague needs the code of the float network, and `import torchao` before `torch.load`, which otherwise refuses the unknown class: *Unsupported global*.

# %% [markdown]
# ## Exercise · Ship the wide layers
# ★★ · 10 minutes
#
# Write `ship(model, make, least)`:
#
# 1. In a copy of `model`, quantize the linear layers that have `least` inputs or more, with `Int8WeightOnlyConfig()`. Everything else stays in float.
# 2. Save its state as `"int8.pt"`.
# 3. Load the file into a new network from `make()`, and return it in evaluation mode.
#
# Then ship a small Transformer ([[dynamic]]), with `make = lambda: models.Encoder(n_layers=2, width=192)` and `least = 512`. Print `type(layer.weight)` for each `nn.Linear`. Which are in int8? How many bits a weight?
#
# <details><summary>Hint</summary>
#
# A norm has no `in_features`, so ask first whether a module is an `nn.Linear`.
#
# </details>
#
# <details><summary>What others found</summary>
#
# Only the two layers called `down`, one in each block, have an `Int8Tensor`. Each of their rows has 768 inputs, a scale and a zero point, together 773 bytes: 8.05 bits a weight.
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
    quantize_(quantized, Int8WeightOnlyConfig(), filter_fn=is_wide)
    torch.save(quantized.state_dict(), "int8.pt")
    loaded = make().eval()
    loaded.load_state_dict(torch.load("int8.pt"), assign=True)
    return loaded


# %% [markdown]
# ## Remember
#
# - "Int4" says only which values are left: ask also how many bits a weight takes, scales included, and what is multiplied.
# - `quantize_` replaces the weights of the layers that a filter chooses, and the file goes into a new float network with `import torchao` and `assign=True`.
# - For few rows, a layer that makes floats of all its weights at each call is slower than float, while a routine that unpacks as it multiplies can save time in a wide layer.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("torchao")

# %% [markdown]
# ## Deeper
#
# ### Training for a config
#
# Did accuracy drop too far with int4 or int2? As in [[qat]], you can train with the rounding in place. One `quantize_` before your training loop makes the layers round in float, and another after it puts in the real config:
#
# ```python
# from torchao.quantization.qat import QATConfig
#
# config = IntxWeightOnlyConfig(torch.int4, PerGroup(40))
# quantize_(model, QATConfig(config, step="prepare"))
# ...  # train as usual, with gradients on
# quantize_(model, QATConfig(config, step="convert"))
# ```
#
# Both get the config that you'll ship, so the training sees the levels of the file. torchao 0.18 takes neither our two int8 configs nor the packed int4: *Unexpected base config*.
#
# ### Floats of 8 and 4 bits
#
# The levels of an integer are evenly spaced. Those of a small float are dense around zero, and their distance doubles with each step of the exponent ([[formats]]). **fp8** in the form **e4m3** has 4 bits of exponent and 3 of mantissa. Floats of 4 bits, 2 of them exponent, share a scale as in a group:
#
# | format | a number | share a scale | the scale | bits a weight |
# |---|---|---|---|---|
# | fp8, e4m3 | 8 bits | for example a row | 32 bits | a little over 8 |
# | **MXFP4** | 4 bits | 32 | a power of two, 8 bits | 4 + 8/32 = 4.25 |
# | **NVFP4** | 4 bits | 16 | fp8, 8 bits | 4 + 8/16 = 4.5 |
#
# MXFP4 is an open standard. NVFP4 is NVIDIA's, and has one more float for the whole tensor.
#
# ### What runs where
#
# "Quantized models only run on the CPU" is true of what PyTorch's older interface converts. torchao runs on GPUs as well, and most of its fast routines are for them. Its [table](https://docs.pytorch.org/ao/stable/workflows/index.html) names int8 × int8 and int4 × bfloat16 on an A100, fp8 × fp8 on an H100, and MXFP4 and NVFP4, as prototypes, on a B200. On one CPU we timed our wide layer compiled, too:

# %% tags=["hide-input"]
# Shows the record of a layer as wide as ours, eager and compiled.
show.recorded()

# %% [markdown]
# With one row, packed int4 takes less than half as long as bfloat16. With 64 rows compiled int8 × int8 is the fastest, and bfloat16, for which this processor has instructions too, comes close. For x86 processors without instructions for int8 (VNNI), where sums of int8 × int8 may overflow, torchao's documentation advises `reduce_range=should_reduce_range(torch.device("cpu"))`, from `torchao.utils`. To load a file of packed int4, import `torchao.prototype.quantization.int4` as well, and keep the float file, because rounding can't be undone.
#
# **Sources.** torchao's [documentation](https://docs.pytorch.org/ao/stable/index.html); PyTorch on [the end of `torch.ao.quantization`](https://docs.pytorch.org/docs/2.13/quantization.html). B. D. Rouhani et al., *Microscaling data formats for deep learning*, 2023, [arXiv:2310.10537](https://arxiv.org/abs/2310.10537); the [MX specification 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf), 2023; [NVIDIA on NVFP4](https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/), 2025.
#
# **Going further.** Packing by hand, and the file of a language model: [[weight_only]]. Project: ask the three questions of `Float8WeightOnlyConfig`.
#
# **Credits.** After the documentation of torchao, PyTorch team. Text CC BY 4.0, code MIT.
#
# LeNet's convolutions stayed in float. In [[pt2e]] you take a whole CNN to int8 that somebody else wrote, without touching a line of its code. But does anything in it compute in int8?
