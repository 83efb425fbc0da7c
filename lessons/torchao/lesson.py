# ---
# jupyter:
#   course:
#     promise: You will quantize with today's interface, and say of each config how it rounds a group of weights, what it stores and what runs then.
#     seconds: 35
#     needs: [integers, dynamic, static]
#     goals:
#       - Choose layers with a filter, quantize them with a config, and say what the file holds and what it takes to load it.
#       - Round a group of weights by hand in the three ways of torchao's configs, and find out by an experiment which difference between two configs made an error smaller.
#       - Find out which layers compute in int8 and which only store it, and when storing alone saves time.
#       - Export a network as a graph, quantize it there, and say what is still missing until it computes in int8.
#     terms: [AOTInductor, config, "fp8, e4m3", group of weights, MXFP4, NVFP4, PT2E, weight-only quantization]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *One call, one config. What did it round, what did it store, and what runs?*
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
# *For the lecturer, 1 min.* Say: "The ideas of the last lessons stay. The interface has changed, and it promises more than this machine can do. Today we check each promise." The boxes under the title are a graph that section 5 explains; say nothing about them yet. Go straight on to the vote.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import collections
import copy
import io
from statistics import fmean

import torch
from torch import nn

from course_utils import data, runtime, training
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.torchao import checks as check
from lessons.torchao import show

torch.set_num_threads(1)
runtime.describe(torch.device("cpu"))

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Two bits a weight
#
# A small CNN for Fashion-MNIST. Nearly all of its weights are in one linear layer, `fc1`. One call of **torchao** rounds them to 8, to 4 or to 2 bits, with a scale for each group of 32. Each network is saved.
#
# **Predict.** How large is the file with 2 bits, beside the file with 8 bits: **A** about a quarter, **B** about half, **C** the same? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Before the vote, draw what a group is: one row of `fc1` as a long bar of 1,568 weights, cut after every 32, and under each piece its own scale s. Write "49 pieces, 128 rows, 6,272 scales". Give the reason with one number: if one weight of a row is 1.5 and all others are below 0.06, one scale for the whole row has the step 0.2 and makes all others 0; with groups only the 31 neighbours suffer.
#
# Show of hands; expect A, and B from those who think of the scales. To both say that they answered another question well: with packing, the weights would take 50,176 bytes in place of 200,704, and with the scales and the rest of the network the file would have about two fifths of its size. Let the surprise stand, and ask: "How would you have noticed without looking at the file?" The accuracy tells nobody. The type of what is stored does: `weight.qdata.dtype` is int8 with 2 bits, too. If somebody asks how 2 bits can cost no accuracy: in a trial half of the error was one factor for all ten outputs, and such a factor does not change which of them is the largest. Transition: "Which interface is this?"

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[integers]] you replaced each weight by an integer $q$ and stored one scale $s$ for a whole layer; the integer stands for $s \cdot q$. In [[static]] each channel (each row of a weight matrix) got a scale of its own, so that one large weight no longer makes the levels of *all* rows coarse. **torchao**, PyTorch's current package for quantization, can go one step further. It cuts each row into **groups** of neighbouring weights, and each group has a scale of its own.
#
# What is that good for? **By hand, with 4 bits.** One weight of a row is 1.5, and all its others are at most 0.06 in size. With one scale for the row, the rule of [[integers]] ($s = 2m / (2^b - 1)$, where $m$ is the largest magnitude) makes a step of 2 · 1.5 / 15 = 0.2. Then 0.06 is 0.3 steps, and all weights but one become 0. With groups of 32 only the group of the large weight has this step. In a group whose largest weight is 0.06, a step is 2 · 0.06 / 15 = 0.008: a weight of 0.04 is 5 steps, and comes back exactly. So one large weight spoils the 31 neighbours in its group, and no longer the whole row. The price is one scale for every 32 weights. In fp32 a scale has 32 bits, so each weight costs one bit more. That is little beside 8 bits, and half as much again beside 2.
#
# **Count the numbers of `fc1`.** The layer has 1,568 inputs and 128 outputs. Its weight is a matrix of 128 rows with 1,568 weights each: 200,704 weights. With groups of 32 a row has $1568 / 32 = 49$ groups, so there are $128 \cdot 49 = 6{,}272$ scales. At 8 bits the weights take 200,704 bytes. At 2 bits they could be stored in a quarter of that, 50,176 bytes. A scale in fp32 takes 4 bytes, so all scales take 25,088 bytes, however many bits a weight has.
#
# The next cells train the network on 6,000 images, and hold the call. `quantize_` changes the model that it is given, so `quantized` works on a copy. Its last argument chooses the layers: only `fc1`.


# %% slideshow={"slide_type": "skip"}
images, labels = data.load("fashion_mnist", n=6000)
test_images, test_labels = data.load("fashion_mnist", "test")


def new_network():
    layers = {"conv1": nn.Conv2d(1, 16, 3, 2, 1), "bn1": nn.BatchNorm2d(16), "relu1": nn.ReLU()}
    layers |= {"conv2": nn.Conv2d(16, 32, 3, 2, 1), "relu2": nn.ReLU(), "flat": nn.Flatten()}
    layers |= {"fc1": nn.Linear(1568, 128), "relu3": nn.ReLU(), "fc2": nn.Linear(128, 10)}
    return nn.Sequential(collections.OrderedDict(layers))


def trained(seed, epochs=2):
    runtime.seed_all(seed)
    net = new_network()
    training.fit(net, images, labels, epochs=epochs, lr=2e-3, device="cpu", progress=False)
    return net.eval().requires_grad_(False)


# %% slideshow={"slide_type": "skip"}
net = trained(seed=0)


def right(model):
    return 100 * training.evaluate(model, test_images, test_labels)


# %% slideshow={"slide_type": "skip"}
import torchao.quantization as ao
from torchao.quantization import quantize_
from torchao.quantization.granularity import PerAxis, PerGroup
from torchao.quantization.quant_primitives import MappingType


def quantized(model, config, chosen=lambda module, name: name == "fc1"):
    model = copy.deepcopy(model)
    quantize_(model, config, filter_fn=chosen)
    return model


def few_bits(bits, mapping=MappingType.SYMMETRIC):
    dtype = getattr(torch, f"int{bits}")
    return ao.IntxWeightOnlyConfig(weight_dtype=dtype, granularity=PerGroup(32), mapping_type=mapping)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds fc1 to 8, 4 and 2 bits, saves each network, and counts bytes and accuracy.
models = {"fp32": net} | {f"{bits} bits": quantized(net, few_bits(bits)) for bits in (8, 4, 2)}
files = {name: show.saved(model) for name, model in models.items()}
show.bytes_and_accuracy(models, right)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file with 2 bits is as large as the file with 8 bits (C), because this config rounds each weight to one of four values and then stores it in a whole byte.**
#
# <!-- page -->
#
# Check it with the numbers above. The weights take a byte each, 200,704 bytes, and the groups take 6,272 scales of 4 bytes and as many zero points of 1 byte: together 232,064. The rest of the network has 6,282 floats of 4 bytes. That makes 257,192 bytes. The 5,326 bytes that the table has more are names and structure of the file. The 2 appears nowhere in this sum.
#
# So a config answers two questions that are easily taken for one: *to which values* a weight is rounded, and *in how many bytes* it is stored. (Section 4 adds a third question: what is multiplied?) Configs that pack (section 3) do make smaller files.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why would anybody store 2 bits in a byte? A byte is the smallest piece of memory that has an address. Smaller numbers must be **packed**, several into one byte, and somebody must unpack them before each use. Pack two weights of 4 bits by hand: the integers 5 and −3. Add 8, so that neither is negative: 13 and 5. Then $16 \cdot 13 + 5 = 213$ is one byte that holds both. To unpack it, divide: 213 / 16 is 13 with the remainder 5; subtract 8, and you have 5 and −3 again. A format without packing needs none of that, and no kernel of its own, so it runs on every machine. torchao has it for export, for runtimes that pack by themselves (its documentation names ExecuTorch). It saves space against fp32, but at 2 bits three quarters of each byte carry nothing.
#
# The accuracy says nothing about storage, either: in the run on this page the four rows differ by no more than a tenth of a point. How can even 2 bits cost nothing? In a trial half of the error was one and the same factor: all ten outputs were 8 % smaller, and which of them is the largest does not depend on that. Groups are not the reason: in *Deeper* one scale for a whole row costs about as little. The outputs do change, by some 9 % of their size (section 4), and few decisions change with them. (Two standard errors of one such share of 10,000 images are 0.7 points, so small differences in this lesson's accuracies mean little.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. One call, one config
#
# | | `torch.ao.quantization`, eager mode | torchao `quantize_` | torchao PT2E |
# |---|---|---|---|
# | you give | a copy of the model with stubs, fuse lists | a **config**, and a filter | an exported graph, and a *quantizer* |
# | it goes through | the modules of your model | the modules of your model | the operations of the graph |
# | fast by | its own kernels | a kernel that fits, or `torch.compile`, or the GPU | a compiler |
# | state | deprecated | developed | developed |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the table by columns, one sentence for each: in the first you change your model, in the second you name a config and a filter, in the third you hand over a graph. Say what the two words mean: a *config* says what the weights of the chosen layers become, and a *filter* is a function that is asked about each module and answers yes or no.
#
# Ask which column is in the room's code (first: `convert`; second: `quantize_`; third: `convert_pt2e`), and who has `prepare_fx`: that is the older FX graph mode, and PyTorch sends it to the third column. Say what a plan is worth: the removal of the first column was planned for version 2.10, "if there are no blockers"; that version has passed, and the code still runs. Then: "What does the new call touch?"

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[static]] you had to change the model before it could be quantized: stubs where integers begin and end, lists of modules to fuse, a module in place of `+`. That is the first column. PyTorch announces its end: the [documentation of PyTorch 2.13](https://docs.pytorch.org/docs/2.13/quantization.html) sends eager mode to `quantize_`, and the older FX graph mode to PT2E. It plans the removal for 2.10 "if there are no blockers", or for "the earliest PyTorch version until all the blockers are cleared"; the steps are tracked in [pytorch/ao, issue 2259](https://github.com/pytorch/ao/issues/2259). Version 2.10 has passed, and as you saw in [[static]], the code still runs.
#
# This section and the next two are about the second column. A **config** is an object that says what the weights of the chosen layers become, and in some configs what happens to their inputs. The call is
#
# `quantize_(model, config, filter_fn)`
#
# It goes through all modules, asks `filter_fn(module, name)` of each, and where the answer is true it quantizes that layer, in place. Without a filter it has one of its own. The configs of this lesson need no calibration, because the range of a weight can be read from the weight; and where one rounds inputs as well, it does so as in [[dynamic]], with scales that are found at each call: there one for all inputs, here one for each *row* of them. (Configs with *Static* in their name want a calibrated scale.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What `quantize_` changes
#
# The network has two convolutions and two linear layers. We call `quantize_` with a config for int8, `Int8DynamicActivationInt8WeightConfig`, and with no filter.
#
# **Predict.** How many of the four layers have another *class* afterwards: **A** all four, **B** two, **C** none? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B. After the table say how an unchanged `nn.Linear` can compute in int8: it calls `F.linear(x, weight)` as always, and PyTorch first asks the class of the *weight* whether it has a way of its own. `Int8Tensor` has one. To those who said A: without a filter of yours, `quantize_` takes linear layers. Ask what a search for modules with "Quantized" in their name would find: nothing, though two layers compute in int8. Ask what the convolutions said when they were passed over: nothing. The column *runs in* comes from the kernels that ran, and that is the column to trust.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Quantizes all that the default filter takes, and asks each layer what it is now and which kernel it runs.
everywhere = copy.deepcopy(net)
quantize_(everywhere, ao.Int8DynamicActivationInt8WeightConfig())
in_int8 = sum(row.runs_in == "int8" for row in show.rows_of(everywhere, test_images[:32]))
show.layers_after(everywhere, test_images[:32])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No layer has another class (C): the linear layers are still `nn.Linear`, and only their weights are tensors of another class.** The convolutions stayed as they were, without a word.
#
# <!-- page -->
#
# How can an ordinary `nn.Linear` compute in int8? It calls `F.linear(x, weight)`, as always. Before PyTorch computes anything, it asks the class of the weight whether it has a way of its own to do that. `Int8Tensor` has one. So the layer need not know that anything has changed, and neither does your model's code. (Such a class is called a *tensor subclass*.)
#
# The default filter takes linear layers and passes over the convolutions. So do not search a model for modules with "Quantized" in their name. The last column comes from the audit of [[audit]], which looks at the kernels that run.

# %% [markdown] slideshow={"slide_type": "skip"}
# What does such a weight hold? The next cell asks the weight of 4 bits of section 1. Check the last line with a pencil: (integer − zero point) · scale, the map of [[integers]].

# %% slideshow={"slide_type": "skip"}
weight = models["4 bits"].fc1.weight
for part in ("qdata", "scale", "zero_point"):
    tensor = getattr(weight, part)
    print(f"{part:10} {str(tensor.dtype)[6:]:8} {' × '.join(map(str, tensor.shape))}")
q, s, z = weight.qdata[0, 0].item(), weight.scale[0, 0].item(), weight.zero_point[0, 0].item()
print(f"first weight: float {net.fc1.weight[0, 0]:.5f}; ({q} − {z}) · {s:.5f} = {(q - z) * s:.5f}")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The file, and how it is loaded
#
# **Predict.** A colleague makes the network new, in float, and loads the file of 4 bits with `load_state_dict`. **A** The network is quantized. **B** It is in float again, with rounded weights. **C** An error stops it. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Then ask what `load_state_dict` does with the numbers of a file: it copies them into the tensors that are there, and those are floats. First click: do not read the code, read its two lines of output. `{}` is the plain call, and it stops; with `assign=True` the outputs are the same. To those who said B: somebody would have to multiply integers by scales on the way, and nobody does. Second click: the answer. Then ask where the float weights are now: in no file, and `quantize_` has replaced them in the model, too, so keep a copy. What the colleague needs is the code of the network and `import torchao`; the config is not needed.

# %% slideshow={"slide_type": "fragment"}
small, some = models["4 bits"], test_images[:99]
torch.save(small.state_dict(), file := io.BytesIO())
for how in ({}, {"assign": True}):
    fresh, _ = new_network().eval(), file.seek(0)
    try:
        fresh.load_state_dict(torch.load(file, weights_only=True), **how)
        print(how, "same outputs:", torch.equal(fresh(some), small(some)))
    except RuntimeError as error:
        print(how, str(error).splitlines()[1].strip()[:62], "…")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **An error stops it (C), because `load_state_dict` copies numbers into the tensors that are there, and a float weight cannot take a quantized one. `assign=True` puts the tensors of the file in their place.**
#
# <!-- page -->
#
# The file holds integers, scales, zero points, and the name of their class. It does not hold the config, and loading needs none. It needs the code that builds the network, and `import torchao` before `torch.load`: without the import the class is unknown, and `torch.load` with `weights_only=True` refuses the file.
#
# The float weights are in no file any more, and `quantize_` has replaced them in the model, too. So keep a copy if you want to try a second config. Calling `quantize_` a second time on the same layer does not help: in this version it stops with a `NotImplementedError`, because a quantized weight cannot be quantized again.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. How a config maps a group
#
# Two configs of torchao round `fc1` to 4 bits, in groups of 32. With one of them the error of the network's output is about twice that of the other.
#
# A group holds 0.75, −0.30, 0.10, −0.42 and 28 zeros. The integers go from −8 to 7. torchao's default for few bits is the scale $0.75 / 7.5 = 0.1$.
#
# **Predict.** As which number does 0.75 come back, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The first two sentences on the slide are the riddle of the lesson. Say that you will solve it with Exercise 1, and go on. Write the four weights on the board, let the room divide each by 0.1 (7.5, −3, 1, −4.2) and round: 7, −3, 1, −4. Expect 0.8 and 0.75 for the largest. To 0.8 say: that is the integer 8, and there is none. To 0.75: it lies in the middle between 7 and 8. If somebody asks why the scale divides by 7.5: there is one negative integer more, and with the middle of 7 and 8 the levels reach as far down as up, give or take half a step. After the answer ask for a scale that has no such error: 0.75 / 7 = 0.107. What does it cost? The steps become wider, by 7 %, and −0.30 comes back as −0.321.


# %% slideshow={"slide_type": "skip"}
def comes_back(config):
    """What torchao makes of the group, as floats again."""
    layer = nn.Sequential(nn.Linear(32, 32, bias=False)).requires_grad_(False)
    layer[0].weight.copy_(torch.tensor([0.75, -0.30, 0.10, -0.42] + 28 * [0.0]))
    quantize_(layer, config)
    return layer[0].weight.dequantize()[0, :5].tolist()


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Sends the group through torchao's default for 4 bits.
show.by_the_default(comes_back(few_bits(4)))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **0.75 comes back as 0.70, half a step too low, because it is 7.5 steps and the last integer is 7.**
#
# <!-- page -->
#
# torchao made the table above, through `comes_back`. Check the other three: −0.30 is 3 steps below 0 and 0.10 is 1 step above it, so these two lie on a level. −0.42 is 4.2 steps below 0 and becomes −0.40. Why 7.5 and not 7? There is one negative integer more than there are positive ones. If the scale is the largest magnitude divided by 7.5, the middle between 7 and 8, then the levels reach as far below 0 as above it, give or take half a step. It is the rule of [[integers]], $s = 2m / (2^b - 1)$. Its price is what you see: if the largest weight of a group is positive, it is clipped by half a step, in every group. With many bits half a step is small, and the price can hardly be seen.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Three maps
#
# The integers are −8 to 7 each time. Only scale and zero point differ.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The rulers carry no numbers, so say them. The orange dots are −0.42, −0.30, 0.10 and 0.75 from left to right, and each arrow ends at the level that is taken. Ask for each ruler: where does it end on the right, and is 0 a mark? The ends are 0.70, 0.75 and 0.78. 0 is a mark on all three: the integer 0 on the first two, and −3 on the last. Let somebody work out the scale of the last one: 1.17 / 15 = 0.078, so 0.75 is 9.6 steps from 0, and 10 steps are 0.78. "Which is the best?" For these four weights the second: its squared errors add up to 0.0006, those of the first to 0.0029 and of the third to 0.0024. One group says nothing about a layer.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the sixteen levels of each of the three maps, and where the four weights fall.
show.rulers(comes_back)

# %% [markdown] slideshow={"slide_type": "skip"}
# torchao's config for few bits takes a `mapping_type`, and there are three. Work them out for our group; the levels in the figure above are torchao's own.
#
# **Clipped** (`SYMMETRIC`, the default). The scale is 0.1, and no zero point is needed. The weights come back as 0.70, −0.30, 0.10, −0.40.
#
# **Symmetric, not clipped** (`SYMMETRIC_NO_CLIPPING_ERR`). The scale is the smallest with which both ends fit: 0.75 / 7 = 0.107 for the positive end, 0.42 / 8 = 0.0525 for the negative one, and the larger of the two is taken. Now 0.75 is 7 steps and comes back as 0.75. The steps are wider, by 7 %, so the others can be a little worse: −0.30 is 2.8 steps and comes back as −3 · 0.107 = −0.321.
#
# **With a zero point** (`ASYMMETRIC`). The sixteen levels are spread over the interval from −0.42 to 0.75 that the group really uses. It is 1.17 long and has 15 steps, so the scale is 1.17 / 15 = 0.078. From −0.42 to 0 it is 0.42 / 0.078 = 5.4 steps, rounded to 5; so 0 is the integer −8 + 5 = −3, and this is the zero point. 0.75 is 9.6 steps, rounded to 10, and −3 + 10 = 7 is the last integer: it comes back as 10 · 0.078 = 0.78. The steps are the smallest of the three. But a zero point has to be stored for each group (this format has a place for it in any case, with a 0 in it for the other two maps), and a kernel that multiplies the integers has to subtract it.
#
# Which one is best? In this group the second: the squared errors of the four weights add up to 0.0029 with the first map, to 0.0006 with the second and to 0.0024 with the third. One group says nothing about a layer, so you will let an experiment decide, in Exercise 1.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Ask each config
#
# The same group through the configs that run on this machine.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Go down the second column. Who clips 0.75? The first two rows; in int8 it is the same half step, and with 255 steps half a step is small. Who goes beyond it? The zero point, with 0.780. Who has lost the zero? *int4, packed*: its levels begin at the lowest weight of the group, and none of them lies at 0. Ask what that does to a pruned network: each of its zeros comes back as −0.03, and nothing is pruned any more. Then the last column: who packs? The three rows where it says 4: *int4, packed*, *NVFP4* and *MXFP4*. Close with a question: "A colleague says 4 bits. Which of these six rows is meant?" Nobody can say, for they differ in scale, in zero point and in storage. The marks of a float are explained in *Deeper*.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Sends the group through each config, and reads its map off what comes back.
show.mapped()

# %% [markdown] slideshow={"slide_type": "skip"}
# From the two numbers that come back one can read which map was used, and from the last column whether the config packs.
#
# - **int8** is clipped, too, with a scale for each *row* of the matrix. With 255 steps the half step is small: 0.747. Both int8 configs, that of section 2 and the one for weights alone in section 4, store the same weights.
# - **4 bits** in a byte each: the three maps of the figure.
# - **int4, packed** spreads its levels from the lowest weight of a group to the highest. Instead of a zero point, which is an integer, it stores a float: the value of its middle level. So 0 need not be one of its levels. Work it out: the scale is 0.078 again, the levels are −0.42, −0.342, … 0.75, and the level nearest to 0 is −0.42 + 5 · 0.078 = −0.03. Both ends are exact, and all the zeros of the group come back as −0.03. In a pruned network ([[prune_module]]) the zeros would be gone.
# - **fp8**, **NVFP4** and **MXFP4** have the marks of a small float in place of evenly spaced integers. *Deeper* builds them from their bits. The two with 4 bits are packed.
#
# So "4 bits" is not one thing. The rows with 4 bits in their name differ in scale, in zero point and in storage. When somebody reports that one of them is better, ask which of the differences it was.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Stored in few bits, or computed in few bits?
#
# A row of `fc1` has 1,568 weights, which is 16 · 96 + 32: groups of 96 do not fit. We ask two configs for groups of 96 all the same.
#
# **Predict.** What does a config do: **A** it stops with an error, **B** it makes the last group shorter, **C** it leaves the layer as it is, without an error or a warning? And why would it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody divide: 16 groups of 96 are 1,536 weights, and 32 are left. Vote. After the table: "Which of the two would you rather use?" The one that stops, for then you know. "How would you have noticed the second one?" By the last column, 0 bytes saved, or by an audit; the line that it writes into a log is hidden by default. "And why would it?" Its code gives no reason, so do not guess one. The cure is a filter of your own, which asks for linear layers with `module.in_features % 96 == 0`.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Asks two configs for groups that do not fit, and says what they answer and how many bytes they save.
show.do_not_fit(net)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One config stops with an error (A), and the other leaves the layer in float without an error or a warning (C).** Neither makes a shorter group.
#
# <!-- page -->
#
# The second one writes a line into a log, at a level that is hidden by default. (It asks whether the groups fit before it does anything else. With groups of 32, which fit, the same config gets further, and then misses a package: see the next table.) Its code gives no reason. The result is a model that somebody believes to be quantized. The message of the first names the rule, and the rule is simple: groups must divide the inputs of a layer. So write the filter that asks just this: `lambda module, name: isinstance(module, nn.Linear) and module.in_features % 96 == 0`. (In *Deeper* Exercise 2 is a filter that can also leave out chosen parts of a model.) Even then, look at the bytes of the file or run an audit before you say that a model is quantized.
#
# Which layers would you leave out on purpose? Layers where there is little to win are candidates: `fc2` has 1,280 weights, 5 kB of the 832 kB of the fp32 file. So are layers whose rounding costs too much accuracy. You find them by rounding one layer at a time, as in [[depthwise]].

# %% [markdown] slideshow={"slide_type": "skip"}
# A config can also fail because the machine lacks something. The next cell tries twelve of them on `fc1`, with 500 images, and keeps the message of each that fails. Those that run are in the figure after that.

# %% slideshow={"slide_type": "skip"}
works, refused = show.tried(net, test_images[:500])
print(f"{len(works)} of {len(works) + len(refused)} configs ran on this machine:", "; ".join(works), sep="\n  ")
show.refusals(refused)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page four of the twelve did not run. Three want something that this machine does not have, a package of kernels or a GPU of a certain generation, and say so. The fourth says "Invalid scaling configuration", from which nobody learns what to do. Another machine will give another number. (Three of those that run are *prototypes*: their names change from release to release.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which of them compute in int8?
#
# The bars: *4 bits* and *2 bits*, in a byte each; *int8*, *fp8* and *NVFP4* weights; *int4, packed*; *int8 × int8* and *MXFP4 × MXFP4* (weights × inputs: both are rounded).
#
# **Predict.** In how many of these bars does `fc1` *multiply integers*? And why not in the others?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read out the list of the eight bars. Hands for the number: none, one, two, or more. After the click: the length of a bar is the file, the per cent behind its name are the error of the output, and the colour is the answer. Orange means that weights become floats first. Grey is a kernel that the audit does not know, `_weight_int4pack_mm_for_cpu`: it takes float inputs. Write both ways on the board: "7 · 0.1 = 0.7, and 0.7 · 0.6 = 0.42", a product of floats, and "7 · 127 = 889, and 889 · 0.1 · 0.0047 = 0.418", a product of integers. The first is called *weight-only quantization*: stored in few bits, computed in float.
#
# Three questions come. Why are *4 bits* and *2 bits* equally long? That was section 1. Why has *int4, packed* no half of that? Each group of 32 brings two floats of 32 bits, so a weight takes 6 bits. And *MXFP4 × MXFP4* rounds its inputs, too: why no integers? Its marks are those of a small float, and torchao emulates the product in float here.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the files, the errors, and what fc1 multiplied.
show.stored_and_computed(files["fp32"], works)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In one bar: int8 × int8. In the others `fc1` multiplies floats, mostly because the inputs stay floats, and a float can only be multiplied by a float.**
#
# <!-- page -->
#
# (In MXFP4 × MXFP4 the inputs are rounded, too, but a CPU has no units for such numbers, so torchao emulates the product in float. The grey bar is a kernel that the audit does not know. It is called `_weight_int4pack_mm_for_cpu`, and it takes float inputs.)
#
# The lengths of the bars come from storage alone: a byte for each weight or half of one, and what goes with the weights. They do not tell you what was multiplied.

# %% [markdown] slideshow={"slide_type": "skip"}
# Can each bar be counted, as in section 1? The next cell adds up the tensors in each file.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts the bytes in each file: the weights of fc1, what goes with them, the floats of the rest, names and structure.
show.counted(works)

# %% [markdown] slideshow={"slide_type": "skip"}
# With *int8* and *fp8* each of the 128 rows has one scale of 4 bytes, and with int8 a zero point of 1 byte. *int4, packed* has 6,272 groups, with a scale and a middle value in fp32 for each: 8 bytes for 32 weights, so 2 bits a weight. A weight takes 6 bits there, and not 4. The scales of *NVFP4* and *MXFP4* have a byte each. A row has 98 groups of 16 or 49 of 32, filled up to a multiple of 4: 128 · 100 and 128 · 52 bytes. (NVFP4 has one fp32 number for the whole tensor as well.)
#
# Is the *error* of the last bar that of the weights? No, it is larger, because *MXFP4 × MXFP4* rounds the inputs of `fc1` to 4 bits, too. The caption of the figure has the error with the weights alone. (torchao's MXFP4 takes bf16 only, so `fc1` has its bias, inputs and outputs in bf16 here. The other layers are in fp32, as in all bars.)

# %% [markdown] slideshow={"slide_type": "skip"}
# Storing weights in few bits and computing in float is called **weight-only quantization**. Take one weight by hand: the integer 7 with the scale 0.1, and an input of 0.6. *Weight only*: the weight becomes 7 · 0.1 = 0.7, and 0.7 · 0.6 = 0.42 is a product of floats. *int8 × int8*: the input is rounded, too. If 0.6 is the largest of its row, the scale of the row is 0.6 / 127.5 = 0.0047. Then 0.6 is 127.5 steps, and the last integer is 127. So 7 · 127 = 889 is a product of integers, and 889 · 0.1 · 0.0047 = 0.418 brings it back. Only this way can int8 units of a processor be used.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does it save time?
#
# A weight in int8 is a quarter of the bytes of one in fp32. We time `fc1` alone, as torchao leaves it: *eager*, which means that nothing is compiled.
#
# **Predict.** For a single row of inputs, is the layer with int8 weights **A** faster than fp32, **B** about as fast, **C** slower? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect A: fewer bytes are read. After the table the row *int8 weights*: below 1 is slower. Then *int8 × int8*, the only one that multiplies integers, and on `fc1` slower still: for each call it also finds ranges, rounds and brings back. Ask which single cell is clearly faster than fp32: packed int4, one row, wide, 3.54 in the run on this page, and its own control, bf16, has 1.08 there. Ask why it needs both: with one row the layer waits for its weights, and with a wide matrix they fit into no cache; the kernel unpacks while it multiplies, and few bytes travel. "Why does bf16 take several times as long as fp32 in the second column?" The processor of this run has no units for bf16 ([[amp]]); so packed int4, with 0.43, is ahead of bf16 there and still slower than fp32. The numbers are ratios of this machine, eager; *Deeper* has the table with `torch.compile`.

# %% slideshow={"slide_type": "skip"}
races = show.race(net.fc1)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the times into a table, as ratios to fp32.
show.times_faster(races)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The layer with int8 weights is slower than fp32 (C), because in eager mode it makes the float weights anew at each call, and then multiplies them as ever.**
#
# <!-- page -->
#
# It reads fewer bytes of int8, but it *writes* a matrix of floats and reads it again. int8 × int8 does multiply integers. On `fc1` with one row it is probably slowed down by the steps around the product (find the range of each row, round, bring the result back): dozens of operators, each with a fixed price ([[dynamic]]). On the wide layer a profile of ours names another reason: torchao adds up all 16.8 million weights anew at each call (*Deeper* says why).

# %% [markdown] slideshow={"slide_type": "skip"}
# So when does storing in few bits save time? Two conditions must hold. A kernel unpacks the weights *while* it multiplies, so that few bytes travel and no float matrix is ever written. And the layer mostly waits for its weights, as with few rows of inputs and a matrix too large for the cache ([[roofline]]). The last row of the table has such a kernel. Compare it with its own control, the row of bf16, since it takes inputs in bf16, too. In the run on this page it is about three times as fast where both conditions hold, with one row and the wide layer. That layer's 16.8 million weights are 33.6 MB in bf16 and 8.4 MB with 4 bits, before scales. On `fc1`, whose weights fit into a cache, it takes about twice as long as fp32, with one row and with 64, probably because there the layer does not wait for its weights, and unpacking them is extra work. (With 64 rows it is ahead of its control all the same, because the processor of this run has no units for products of bf16, [[amp]].)
#
# The kernel of the last row is fast for inputs in bf16. With fp32 inputs the same call runs, and in trials with 64 rows took 40 to 350 times as long as fp32. And these are ratios of one machine; another processor has other kernels.
#
# The usual remedy for the other rows is `torch.compile`. It takes a C++ compiler, so we ran it once, for a record: *Deeper* has the table. On GPUs torchao has kernels of its own for most of these formats, which were not measured here.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. PT2E: quantize the graph
#
# Export, prepare, show some images, convert. The *quantizer* knows the processor and decides where scales go.
#
# **Predict.** In which type does a convolution of the converted graph compute, when the graph is run as it is: **A** int8, **B** float? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame, the graph as exported: nine operations, which `torch.export` wrote down while the model ran once without numbers. Say the four steps: export makes this list, prepare puts observers into it, some images run through it, and convert replaces each observer by `q` (round to int8) and `dq` (back to float). Vote here. Second frame: count the dark blue boxes, `q`, aloud: five. Four layers, and why five? One stands before `flatten`, which could pass int8 on. The first four orange boxes belong to the weights, which are stored as integers. Which box is gone? `batch_norm`, folded into the convolution. Then ask: "What does conv2d read from?" From the `dq` on its left, and so it gets floats. Third click: the answer. To those who said A: the levels, and so the accuracy, are those of int8; the arithmetic is not.

# %% [markdown] slideshow={"slide_type": "skip"}
# `quantize_` left the convolutions in float: its default filter does not take them. And since it looks at one layer at a time, it cannot give int8 *from layer to layer*: for that somebody has to know what comes before and after each layer. In [[static]] you told PyTorch, with stubs and lists. Can it find out by itself?
#
# The idea: run the model once, with a tensor that has a shape and no numbers, and write down each operation and what it takes. What you get is a list, the **graph**. In the graph nothing is hidden: a `+` in `forward` stands there like a layer, and so does a ReLU that was called as a function. Now observers can be put wherever they are needed, without a change of your code. (There is a condition: the model must be the same list for every input. If `forward` asks for the *value* of a tensor and goes one way or another, `export` stops with an error.) This is **PT2E**, *PyTorch 2 export quantization*, in four steps:
#
# 1. `torch.export.export` makes the graph.
# 2. `prepare_pt2e` inserts observers. *Where* they go, and with how many bits and levels, is decided by a **quantizer**, an object that knows what a certain target can do. Ours is that for x86 processors and PyTorch's compiler.
# 3. You show the graph some images: calibration, as in [[static]].
# 4. `convert_pt2e` replaces each observer by a pair of operations: `q` (quantize) rounds to int8, and `dq` (dequantize) brings it back to float.
#
# The next cell is the whole recipe. The example of 4 images sets the shape; `any_batch` says that the first dimension may vary.

# %% slideshow={"slide_type": "skip"}
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

any_batch = ({0: torch.export.Dim("batch")},)
for_x86 = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())

exported = torch.export.export(net, (images[:4],), dynamic_shapes=any_batch).module()
as_exported = copy.deepcopy(exported)
watching = prepare_pt2e(exported, for_x86)
for batch in images[:640].split(64):
    watching(batch)
graph_int8 = convert_pt2e(watching)

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the operations of the graph, as exported and as converted.
counts = show.count(graph_int8)
show.graphs(as_exported, graph_int8)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **It computes in float (B), because each convolution reads from `dq`. The converted graph *describes* an int8 network, and does not run as one.**
#
# <!-- page -->
#
# Follow the chain of one layer: a float is rounded by `q`, brought back by `dq`, multiplied in float, and rounded by the next `q`. This is fake quantization ([[integers]]): the numbers are those of an int8 network, and so is the accuracy, but the arithmetic is float. Five `q` stand in the graph: one for the input of each of the four layers, and one for `flatten`, which could pass int8 on. The four `dq` in front are those of the weights, which are stored as integers. And batch norm is gone: `prepare_pt2e` saw in the graph that it follows a convolution and folded it, without a list.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### From the description to int8
#
# A compiler looks for the chain dq, conv2d, relu, q and puts one int8 kernel in its place.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Point along the upper chain: integers come in, the orange arrows are floats, integers go out. Below, one kernel does all of it. "Why the detour?" One description serves every target, and each compiler makes of it what its processor offers. Ask what the compiler must know about the weights to rearrange them beforehand: that they do not change. To PyTorch a weight is a parameter, and parameters may change; the option `freezing` tells the compiler to take them for constants. AOTInductor does all this ahead of time, into one file, the *package*. Then the vote about the packages.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the chain that the graph describes, and what the compiler makes of it.
show.chain()

# %% [markdown] slideshow={"slide_type": "skip"}
# The description is the same for every target, and each compiler can make of it what its processor offers. PyTorch's compiler is called *inductor*. It searches the graph for patterns, and the chain above is one that it knows.
#
# The int8 kernel wants its weights rearranged beforehand, for speed. The compiler may do so only if the weights never change again. To PyTorch, though, a weight is a parameter, and parameters may change. The option `freezing` tells the compiler to take them for constants.
#
# **AOTInductor** does all this ahead of time: it compiles an exported program into one file, a *package*, which C++ or Python can load without the model's code. It takes a C++ compiler, so we did it for a record. The int8 graph was compiled with and without freezing, and fp32 as well, for comparison.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A package to ship
#
# The converted graph was compiled to a package, with freezing and without it. fp32 is the control.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to "Which route". The next two minutes, about packages with and without freezing, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** The package without freezing: is it smaller than the fp32 package, and does it compute in int8? **A** both, **B** smaller only, **C** neither? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. After the table: "The first two files have nearly one size and one accuracy. How would you find out which is which?" By the names of the kernels in the generated code, or by the clock. Then ask what the fp32 rows are for: they say that compiling alone is not the reason for the speed, and the second row says that int8 storage is not. If somebody asks why a package is larger than the 832 kB of section 1: most of a package of so small a network is code, made for the processor that compiled it. The table is a record, since a package takes a C++ compiler and a minute or two.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Shows the record of the packages.
recorded = show.Recorded()
recorded.table()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Smaller only (B): without freezing the package stores int8 and computes in float. With freezing four int8 kernels are called, one for each layer.**
#
# <!-- page -->
#
# It is the lesson of section 4 once more: bytes do not tell what is computed. The sizes of both int8 packages differ by half a percent, and their accuracies agree to a tenth of a point. Only the clock and the kernels' names in the generated code tell them apart. In the record only the frozen int8 package is clearly faster than the eager fp32 network. The fp32 packages say that compiling alone is not the reason, and the package without freezing says that int8 storage is not.
#
# Most of a package of so small a network is code, made for the processor that compiled it. *Deeper* shows how a package is made.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Which route
#
# | you have | take | what it costs |
# |---|---|---|
# | linear layers, Transformers; a GPU, or a compiler | `quantize_` | nothing to calibrate; without a kernel that fits it saves bytes and costs time |
# | convolutions on an x86 server with a C++ compiler | PT2E, frozen, compiled or packaged | the model must be exportable; calibration images; a package for each kind of processor |
# | a loss of accuracy after either | the same route with training (*Deeper*) | a training loop and data |
# | convolutions, and no compiler | eager mode of [[static]], or another runtime ([[choosing]]) | stubs and lists; deprecated |
#
# When is none of them right? If your only reason is time, and the network is small or runs eagerly: in the table of section 4 both int8 rows are slower than fp32. Then a better fp32 comes first ([[choosing]]). If the reason is the file, a weight-only config for int8 does it on any processor; below 8 bits ask first whether the config packs, and whether it runs on your machine.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · What made it better?
# ★★ · 12 minutes · an investigation
#
# "The packed 4-bit format errs less than the usual one, so packing is good." The two differ in several things. You get an instrument, `error(how, layer=n)`: the error of the output, in percent, when layer `n` is rounded. `how` goes in three steps: `"clipped"`, `"symmetric"`, `"zero point"`, `"packed"`. Which step brings more than half of the *drop*?
#
# `what_helped(error)` → `"clip"`, `"zero point"`, `"packing"`, `"several"` or `"nothing"`
#
# <!-- page -->
#
# Take means over at least 8 layers, the same for all four. The drop is that from `"clipped"` to `"packed"`.

# %% [markdown] slideshow={"slide_type": "skip"}
# The rule in full, on the four means:
#
# 1. The *drop* is `"clipped"` minus `"packed"`. If it is not more than a tenth of `"clipped"`, the answer is `"nothing"`.
# 2. There are three steps. `"clip"` is `"clipped"` minus `"symmetric"`; `"zero point"` is `"symmetric"` minus `"zero point"`; `"packing"` is `"zero point"` minus `"packed"` (packed, and with the kernel that reads it). A step that makes the error *larger* has a negative part of the drop.
# 3. Take the step with the largest part. If it is more than half of the drop, it is the answer. If it is not, the answer is `"several"`.
#
# The check hands your function the instruments of several made-up networks, each with many layers. It looks first at how you make your experiment, and then at what you conclude.
#
# <details><summary>Hint</summary>
# Four means, three differences of neighbours, one comparison with the whole drop.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. The code is for home. Draw four bars from left to right, *clipped*, *symmetric*, *zero point*, *packed*, each lower than the one before, and write over the gaps "clip", "zero point", "packing": each step changes one thing. First question: "Which four runs do you need, and why is a comparison of the first with the last not enough?" All four ways on the same 8 layers or more; from first to last three things change at once, and nobody could say which of them helped. Second: "Invent four errors for which packing really is the reason." For example 2.0, 1.9, 1.8 and 1.0: the drop is 1.0, and 0.8 of it is the last step. And 2.0, 1.6, 1.3, 1.0 is "several": no step has more than half of that drop. If a pair divides by the first error in place of the drop, ask what the three parts should add up to.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_helped(error):
    """Say what made the error smaller.

    Args:
        error: the instrument; `error("clipped", layer=3)` rounds layer 3 and gives the
            error of the network's output in percent.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_helped(what_helped)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_helped_solution(error):
    ways = ("clipped", "symmetric", "zero point", "packed")
    mean = [fmean(error(how, layer=n) for n in range(8)) for how in ways]
    drop = mean[0] - mean[3]
    if drop <= mean[0] / 10:
        return "nothing"
    steps = {"clip": mean[0] - mean[1], "zero point": mean[1] - mean[2], "packing": mean[2] - mean[3]}
    largest = max(steps, key=steps.get)
    return largest if steps[largest] > drop / 2 else "several"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on `fc1`
#
# The four configs of torchao, 4 bits, groups of 32, on `fc1` of three networks, each trained with another seed.
#
# **Predict.** What does the rule of Exercise 1 say here, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Repeat the rule: the step that has more than half of the drop. Vote: clip, zero point, packing. Expect packing, which the claim of the exercise names. After the table divide on the board, with the means of the run on this page: the drop is 1.34 − 0.58 = 0.76, the first step 1.34 − 0.70 = 0.64, so about 85 %. Point back to the riddle of section 3: about half of the error came from the half step that took 0.75 to 0.70. If somebody asks about 2 bits: in a trial with one network the rule says "zero point" there.

# %% slideshow={"slide_type": "skip"}
networks = [net, trained(seed=1, epochs=1), trained(seed=2, epochs=1)]
rounded = [show.Controls(one, test_images[:500]) for one in networks]
errors = {how: [one.of(how)[1] for one in rounded] for how in show.available()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the four errors of each network into a table, and the part of each step.
clip_part = fmean(errors["clipped"]) - fmean(errors["symmetric"])
drop = fmean(errors["clipped"]) - fmean(list(errors.values())[-1])
show.ladder(errors)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It says "clip": most of the drop comes from the half step by which the default clips the largest weight of a group. Neither the zero point nor packing is the reason.**
#
# <!-- page -->
#
# From *zero point* to *packed* two things change, the packing and the exact zero (section 3). Together they make the smallest step. (The same levels in floats, not packed, give the same error.)
#
# It is the result for one layer at 4 bits. At 2 bits the order is another one: in a trial with the first network the three maps gave 9.2, 8.5 and 3.6 %, and the rule would say "zero point". But at 2 bits the symmetric map hardly uses its fourth level, so this step does not show what the clip costs. Turning the groups round (next section) does: in the trial it gave 5.6 %, about two thirds of the way.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Why does so little clipping do so much harm?
#
# The clip moves one weight in 32 by half a step. Without it the *weights* are about as wrong, and the *output* is better.
#
# Two controls: each group is *turned round* at random (times −1), rounded, and turned back; or its largest weight stays in float.
#
# **Predict.** What does the harm: the size of the error of the largest weight, or its direction? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask what happens to errors in a sum when all have the same sign, and when the signs are mixed. Write both sums on the board, with all inputs 1: 49 groups with half a step each in one direction are 24.5 steps; 1,568 ordinary errors of about 0.29 steps with random signs are 0.29 times the root of 1,568, about 11 steps. One weight in 32 does more than the other 31. "Why one direction?" 7.5 becomes 7, and −7.5 mostly becomes −8: both are half a step lower. And the inputs come from a ReLU, none is negative, so nothing turns the sign round. Then ask what turning a group round changes (the direction of the error) and what it keeps (its size). Vote. In the table compare the first two rows: the errors of the weights are equal, those of the output are not. "When does it stop?" With inputs of either sign the errors would partly cancel; that was not measured.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds fc1 with the clip, without it, and in two controls, and measures weights and output.
ways = show.controls(rounded)
one_way, either_way = (fmean(run[2] for run in ways[name]) for name in ("clipped", "clipped, groups turned round"))
show.table_of_controls(ways)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Its direction does most of the harm: with the clip the largest weight of about nine groups in ten becomes too *low*, and errors of one direction add up.**
#
# <!-- page -->
#
# Turned round at random, the weights are as wrong as before, and the output is much less wrong.
#
# If the largest weight is positive, 7.5 steps become 7. If it is negative, −7.5 steps mostly become −8. (The quotient is computed in floats. Where it comes out a little nearer to 0 than −7.5, it becomes −7.) Either way it is half a step lower. The third column of the table says so: an average of −0.39 steps means that 89 of 100 are half a step lower, and 11 half a step higher. The inputs of `fc1` come from a ReLU, so none is negative: nine in ten of these errors pull the output down, and one in ten pulls it up.
#
# Both controls agree. Turning round keeps the sizes and mixes the directions: in the run on this page it takes the output most of the way from *clipped* to *symmetric*. So does keeping the largest weight in float, which takes away its error and leaves all others as they were. The accuracy of this small network notices none of it; an error of one per cent is small for ten classes.

# %% [markdown] slideshow={"slide_type": "skip"}
# By hand, with all inputs equal to 1: 49 groups, half a step each, are 24.5 steps in one direction. An ordinary rounding error lies anywhere between −½ and ½, about 0.29 steps on average (root of the mean square), and 1,568 of them with random signs add up to $0.29 \sqrt{1568} \approx 11$ steps. So one weight in 32 does more harm than the other 31.
#
# The error of the *weights* was the wrong ruler. Its column hardly moves from the first row of the table to the last, and the output's error nearly halves. What counts is what the layer gives out for the inputs that it gets ([[weight_only]] builds methods on that).
#
# With inputs of either sign, as behind a layer norm, the errors of one direction would partly cancel in the sum. That was not measured here.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# What follows is for whoever wants to train for a config, to know the formats of 2026 bit by bit, or to make a package.
#
# ### Training for a config
#
# Quantization-aware training ([[qat]]: the network computes with rounded weights while it learns, and float weights stand behind them) takes two calls of `quantize_` around your own loop:
#
# `QATConfig(base, step="prepare")`, train, `QATConfig(base, step="convert")`.
#
# The first makes the chosen layers round in floats, the second puts the real config in their place. `base` is the config that you will ship.
#
# **Predict.** Which of these does `QATConfig` take as a base: 2-bit weights, int8 weights from two different configs, int8 × int8? And why might it refuse one?

# %% slideshow={"slide_type": "skip"}
from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig


def prepared_for(base):
    try:
        quantized(net, QATConfig(base, step="prepare"))
    except (ValueError, NotImplementedError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0].split('Config(')[0][:60]}"
    return "taken"


# %% slideshow={"slide_type": "skip"}
by_row = ao.IntxWeightOnlyConfig(weight_dtype=torch.int2, granularity=PerAxis(0))
dynamic = ao.Int8DynamicActivationInt8WeightConfig()
bases = {
    "2-bit weights": by_row,
    "int8 weights": ao.Int8WeightOnlyConfig(),
    "int8 weights, as Intx": ao.IntxWeightOnlyConfig(weight_dtype=torch.int8, granularity=PerAxis(0)),
    "int8 × int8, dynamic": dynamic,
}
Table(["base", "prepare"], [[name, prepared_for(base)] for name, base in bases.items()])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **It takes the two Intx configs and refuses the other two. It goes by the class of the config, and not by the format: int8 weights are taken from one class and refused from the other.**
#
# For each class of configs that it takes, somebody has written down which fake quantization belongs to it. For the two others nobody has, in this version. There is a long form, in which you name the fake quantization of weights and inputs yourself.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The long form: say what to fake
#
# We train for int8 × int8 by naming both fake quantizations, and convert to the int8 config.
#
# **Predict.** Do the trained network and the converted one give the same outputs? What would have to be equal for that?


# %% slideshow={"slide_type": "skip"}
def apart(one, other):
    """The largest difference of two models' outputs, and the largest output."""
    outputs = other(test_images[:500])
    return f"{(one(test_images[:500]) - outputs).abs().max():.6f} of {outputs.abs().max():.1f}"


def symmetric(x):  # 8 bits, a scale a row, no zero point
    step = x.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127.5
    return (x / step).round().clamp(-128, 127) * step


# %% slideshow={"slide_type": "skip"}
of_inputs = IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False)
of_weights = IntxFakeQuantizeConfig(torch.int8, "per_channel")
fake = QATConfig(activation_config=of_inputs, weight_config=of_weights, step="prepare")
learning = quantized(net, fake).train().requires_grad_(True)
training.fit(learning, images, labels, steps=40, device="cpu", progress=False)
faked = copy.deepcopy(learning.eval())
quantize_(learning, QATConfig(dynamic, step="convert"))
as_trained = apart(faked, learning)
faked.fc1.activation_fake_quantizer.forward = symmetric  # the control
print(f"largest difference {as_trained}; control {apart(faked, learning)}")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The outputs are near, and not equal, because the network trained with a zero point for its inputs, and the int8 config that it was converted to has none.**
#
# For equal outputs the levels must be equal. torchao refuses to fake a symmetric map of the inputs ("Symmetric per token is not supported yet"), so `is_symmetric=False` is what one can write. In the control the symmetric map is put in by hand, and what is left is the rounding of floats. A mismatch between training and shipping is visible only to those who compare the two.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Did the training help?
#
# Back to the short form: `fc1` with 2 bits and one scale a row.
#
# **Predict.** *Rounded at once*; *trained on in float and then rounded*; *trained with `QATConfig`*: which is best? Is one of them better than fp32? And what would that mean?

# %% slideshow={"slide_type": "skip"}
arms = {"plain rounding": net}
for name, first in {"trained on, then rounded": None, "QATConfig": QATConfig(by_row, step="prepare")}.items():
    arms[name] = quantized(net, first) if first else copy.deepcopy(net)
    training.fit(arms[name].train().requires_grad_(True), images, labels, lr=5e-4, device="cpu", progress=False)
    arms[name].eval()
fakes = arms["QATConfig"](test_images)
quantize_(arms["QATConfig"], QATConfig(by_row, step="convert"))
converted_apart = (arms["QATConfig"](test_images) - fakes).abs().max().item()

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Rounds the arms that were not trained for it, and counts what each gets right.
floats = {"fp32": net, "trained on, fp32": arms["trained on, then rounded"]}
two_bits = {name: model if name == "QATConfig" else quantized(model, by_row) for name, model in arms.items()}
Table(
    ["fc1", "right, %"],
    [[name, f"{right(model):.1f}"] for name, model in (floats | two_bits).items()],
    caption="One run each, one grid in both steps. Second row: the same training, no rounding. Compare the last row with its two controls.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **`QATConfig` is best of the three in the run on this page, and it is also better than the fp32 network that all began with.**
#
# But two bits did not make the network better. The second row shows it: the same extra training *without* rounding improves fp32, too, so most of the gain over fp32 comes from training on. The fair comparison for `QATConfig` is the row "trained on, then rounded", with the same training and the rounding only at its end. What is left, nearly a point, is one run with one seed, and two standard errors of one such share of 10,000 images are 0.7 points. ([[qat]] also gives each arm its own best step. Here all have the one that the config chooses.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The formats of 2026
#
# A format with few bits is a ruler with few marks. Integers are evenly spaced. Floats crowd around zero: with each step of the exponent the distance of two neighbours doubles ([[formats]]). The next cell makes all values of a small float from its bits. **e2m1** has 2 bits for the exponent, 1 for the fraction and one for the sign. **fp8** in the form **e4m3** has 4 and 3.
#
# By hand: e2m1 with the exponent 2 and the fraction bit 1 is $(1 + \tfrac12) \cdot 2^{2-1} = 3$. With the exponent 0 the leading 1 is missing: the fraction bit alone gives $\tfrac12 \cdot 2^{0} = 0.5$.


# %% slideshow={"slide_type": "skip"}
def small_floats(exponent_bits, fraction_bits, bias):
    """The values of a small float with these bits: (1 + f / 2^m) · 2^(e - bias), and f / 2^m · 2^(1 - bias) for e = 0."""
    values = set()
    for e in range(2**exponent_bits):
        for f in range(2**fraction_bits):
            fraction = f / 2**fraction_bits + (e > 0)
            values |= {s * fraction * 2.0 ** (max(e, 1) - bias) + 0.0 for s in (-1, 1)}
    return torch.tensor(sorted(values))


e2m1 = small_floats(2, 1, bias=1)
e4m3 = small_floats(4, 3, bias=7)[1:-1]  # the largest code, 480, is "not a number"
torchs = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
of_torch_alone = set(torchs[~torchs.isnan()].tolist()) ^ set(e4m3.tolist())
print("e2m1:", *(f"{value:g}" for value in e2m1.tolist()), "; largest e4m3:", e4m3.max().item())

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the marks of int4 and of the two small floats.
int4 = torch.arange(-8.0, 8.0)
show.three_formats({"int4": int4, "e2m1: 4 bits, the elements of MXFP4 and NVFP4": e2m1, "e4m3: 8 bits, fp8": e4m3})

# %% [markdown] slideshow={"slide_type": "skip"}
# Each ruler is scaled so that its outermost mark is at 1 or −1; int4 reaches −8, but only 7.
#
# ### A scale for each block
#
# Four bits alone are too few, so a *block* of neighbours shares a scale, like a group in section 3. The open standard **MXFP4** and NVIDIA's **NVFP4** have the same elements and differ in two things:
#
# | | block | scale |
# |---|---|---|
# | MXFP4 | 32 | a power of two, 8 bits |
# | NVFP4 | 16 | e4m3, 8 bits, and one fp32 a tensor |
# | int4, as simulated | 32 | bf16, 16 bits |
#
# **Predict.** How many bits does a weight take in each, its share of the scale counted? Which of the three rounds the weights of `fc1` best, and what could the reason be?


# %% slideshow={"slide_type": "skip"}
def to_nearest(x, marks):
    """Each value to the nearest of the sorted marks; beyond the last one, to the last one."""
    between = (marks[1:] + marks[:-1]) / 2
    return marks[torch.bucketize(x, between)]


def in_blocks(weight, block, marks, scale_of):
    blocks = weight.reshape(-1, block)
    scale = scale_of(blocks.abs().amax(1, keepdim=True).clamp(min=1e-12))
    return (to_nearest(blocks / scale, marks) * scale).reshape(weight.shape)


# %% slideshow={"slide_type": "skip"}
def power_of_two(top):  # MX: the largest e2m1, 6, is 1.5 · 2^2; hence the 2
    return 2 ** (top.log2().floor() - 2)


def fp8_scale(top):  # NVFP4: the block's scale in e4m3, itself scaled for the tensor
    tensor_scale = top.max() / (6 * 448)
    return (top / 6 / tensor_scale).to(torch.float8_e4m3fn).float() * tensor_scale


# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Rounds fc1 in each format, with two more that change one thing each, and tells the signal over the error.
w = net.fc1.weight.detach()
SIMULATED = {
    "MXFP4": (4 + 8 / 32, in_blocks(w, 32, e2m1, power_of_two)),
    "MXFP4, but blocks of 16": (4 + 8 / 16, in_blocks(w, 16, e2m1, power_of_two)),
    "MXFP4, but a scale in e4m3": (4 + 8 / 32 + 32 / w.numel(), in_blocks(w, 32, e2m1, fp8_scale)),
    "NVFP4": (4 + 8 / 16 + 32 / w.numel(), in_blocks(w, 16, e2m1, fp8_scale)),
    "int4, groups of 32": (4 + 16 / 32, in_blocks(w, 32, int4, lambda top: (top / 7.5).bfloat16().float())),
    "fp8, a scale a row": (8 + 32 / w.shape[1], in_blocks(w, w.shape[1], e4m3, lambda top: top / 448)),
    "int8, a scale a row": (8 + 32 / w.shape[1], symmetric(w)),
}
decibels = {name: show.decibels(w, q) for name, (_, q) in SIMULATED.items()}
Table(
    ["format", "bits a weight", "signal over error, dB"],
    [[name, f"{bits:.2f}", f"{decibels[name]:.1f}"] for name, (bits, _) in SIMULATED.items()],
    caption="fc1, rounded here in fp32 arithmetic",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **A weight takes 4.25 bits in MXFP4 and 4.5 in the other two. int4 and NVFP4 round the *weights* of `fc1` about equally well, and MXFP4 rounds them worst.**
#
# **By hand, the bits.** 4 + 8/32 = 4.25, 4 + 8/16 = 4.5, 4 + 16/32 = 4.5. int4 and NVFP4 lie within a quarter of a decibel, and with another layer their order may change. The two rows between MXFP4 and NVFP4 change one thing each. The finer scale gains about a decibel and costs no bits. Smaller blocks alone gain nothing with this power of two, and about half a decibel with the finer scale; the quarter of a bit is their price.
#
# Why does a power of two lose? **By hand.** The largest mark of e2m1 is 6. A block whose largest weight is 0.95 gets the scale $2^{-1-2} = 0.125$, since 0.95 lies between $2^{-1}$ and $2^0$. Then 0.95 is 7.6 steps, beyond the last mark, and comes back as 6 · 0.125 = 0.75, a fifth too small. A block whose largest weight is 0.52 gets the same scale. There 0.52 is 4.16 steps, so the mark 6 is never used. In e4m3 the scale 0.95 / 6 = 0.158 becomes 0.15625, and the weight comes back as 6 · 0.15625 = 0.9375. (The scale for the tensor is left out here.) A smaller block does not help against this, because its scale is a power of two again.
#
# And why does fp8 round these weights worse than int8, with as many bits? **By hand**, in parts of the largest weight of a row: the levels of int8 are 1/127.5 apart everywhere, so its error is at most half of that, 0.4 %. The marks of e4m3 from 256 to 448, the largest, are 32 apart, so in the upper part of the range the error is up to 16/448 = 3.6 %. With each step of the exponent down it is halved. Only below 32/448, about a fourteenth of the largest weight, is fp8 the finer of the two. So fp8 suits numbers that differ by orders of magnitude, and int8 numbers that do not.
#
# The ruler is the error of the *weights*, and the controls after Exercise 1 have shown that the output may tell another story. The int4 of the table is clipped; decibels do not notice.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Where they run
#
# | format, weights × inputs | torchao names (cited) | this lesson, on a CPU |
# |---|---|---|
# | int8 × int8 | A100, Intel BMG, stable | ran in int8 |
# | int4 × bf16 | A100, Intel BMG, stable | stable: package missing, prototype ran |
# | fp8 × fp8, rows | H100, B200, Intel BMG, stable | refused; weights alone stored |
# | MXFP8, MXFP4 | B200, MI350X, prototype | MXFP8 refused; MXFP4 emulated by torchao, and simulated |
# | NVFP4 × NVFP4 | B200, prototype | refused; weights alone stored, and simulated |
#
# Cited: torchao's [status by dtype and hardware](https://docs.pytorch.org/ao/stable/workflows/index.html), page of February 2026. The middle column is somebody else's page, and was not measured here. The right column is of this version of torchao; another machine fills it differently, so run section 4 there. The page also lists edge devices with 1 to 7 bits.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Compiled
#
# Section 4 timed layers as torchao leaves them. The record has the same layers compiled by `torch.compile` as well. It was made on another processor than the run on this page, so compare its rows with each other.

# %% slideshow={"slide_type": "skip"}
recorded.compiled()

# %% [markdown] slideshow={"slide_type": "skip"}
# What does compiling change? **int8 × int8** gains most. On `fc1` that is probably because the separate steps are merged. On the wide layer it is mostly one sum. To use the unsigned instruction of the record's processor, torchao adds 128 to each input, and to take that out again it needs the sum of each row of the weights. Eager mode adds them up anew at each call, which took nine tenths of the time in a profile of ours. In a trial that kept the sums, still in eager mode, this layer was several times as *fast* as fp32. (A processor with other instructions takes another path.) In eager mode int8 × int8 is behind fp32 in three of the four columns, and compiled it is ahead in three. Compare it with the best of the others, too: with 64 rows of the wide layer compiled int8 × int8 is 8.2 times as fast as eager fp32, but compiled fp32 is already 2.7 times as fast, and bf16, which needs no quantization at all, 6.8 times.
#
# **int8 weights** are slower compiled than eager in all four columns of this record. Their inputs are fp32 there, and nothing is frozen (section 5). In a trial with inputs in bf16 the compiled layer was over twice as fast as fp32 with one row of the wide layer, and frozen int8 × int8 several times as fast: the record shows what the plain call gives, and not the best of each way.
#
# **int4, packed** has its kernel already, and compiling does not make it faster. With a single row of the wide layer it is the fastest of this table. With 64 rows its lead is gone, probably because the layer no longer waits for its weights, and compiled it takes nearly twice as long as eager. And for a single row of `fc1` nothing is faster than the eager fp32 layer.
#
# The record was made beside other programs. It keeps the fastest of 50 calls of each, since another program can only make a call slower. Read which is ahead, and not the digits.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The file of the graph
#
# The graph of section 5 was converted, not compiled.
#
# **Predict.** How many layers run in int8? Is its file smaller than that of fp32? And why?


# %% slideshow={"slide_type": "skip"}
def right_of(model):  # an exported graph refuses .eval(), which training.evaluate calls
    with torch.no_grad():
        found = torch.cat([model(batch).argmax(1) for batch in test_images.split(500)])
    return 100 * (found == test_labels).float().mean().item()


few = images[:64]  # a view: it shares the memory of all 6,000
pt2 = {
    "as converted": show.exported_bytes(graph_int8, few),
    "without unread weights": show.exported_bytes(show.without_unread(graph_int8), few),
    "as converted, example inputs kept": show.exported_bytes(graph_int8, few, keep_inputs=True),
}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts the int8 layers of the graph, compares its accuracy with fp32, and puts the files into a table.
not_compiled = show.int8_layers(graph_int8)
lost_in_the_graph = right_of(net) - right_of(graph_int8)
print(f"layers in int8: {not_compiled}; right: fp32 {right_of(net):.2f} %, graph {right_of(graph_int8):.2f} %")
Table(
    ["file", "bytes"],
    [["fp32, its state", f"{files['fp32']:,}"], *([n, f"{size:,}"] for n, size in pt2.items())],
    caption="fp32: the state alone; then .pt2, with the graph. The example inputs: 64 images, a view of all 6,000",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The file is larger than that of fp32 because the float weights are still in the state, although nothing reads them; and no layer runs in int8.**
#
# When they are taken out, the file is about a third of that of fp32. Its accuracy already contains the rounding. The last row is a trap: `torch.export.save` keeps the example inputs, and 64 images that are a view of 6,000 bring all 6,000 along. Hand it a `.clone()`.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### QAT in the graph
#
# PT2E has training, too. The quantizer gets `is_qat=True`, and convolutions learn with rounding as well. An exported graph refuses `model.train()`; hence the two functions `move_…`. Batch norm is folded beforehand, which keeps the conversion short. No gain is claimed: there is no control of as many steps without rounding.


# %% slideshow={"slide_type": "skip"}
from torchao.quantization.pt2e import move_exported_model_to_eval, move_exported_model_to_train
from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e


def without_norm(model):  # converting a trained graph that has batch norm takes long: fold it beforehand
    model = copy.deepcopy(model)
    model.conv1, model.bn1 = nn.utils.fuse_conv_bn_eval(model.conv1, model.bn1), nn.Identity()
    return model.train().requires_grad_(True)


def prepared_graph():
    how = x86.get_default_x86_inductor_quantization_config(is_qat=True)
    graph = torch.export.export(without_norm(net), (images[:4],), dynamic_shapes=any_batch)
    return prepare_qat_pt2e(graph.module(), x86.X86InductorQuantizer().set_global(how))


# %% slideshow={"slide_type": "skip"}
trainable = prepared_graph()
move_exported_model_to_train(trainable)
adam = torch.optim.Adam(trainable.parameters(), lr=5e-4)
for rows in torch.arange(len(images) // 2).split(100):
    adam.zero_grad()
    nn.functional.cross_entropy(trainable(images[rows]), labels[rows]).backward()
    adam.step()
move_exported_model_to_eval(trainable)
graph_qat = convert_pt2e(trainable)
print(f"right: {right_of(graph_qat):.2f} %, operations: {len(show.operations(graph_qat))}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### How a package is made
#
# With a C++ compiler this makes the first package of section 5, in a minute or two:
#
# ```python
# from torch._inductor import aoti_compile_and_package, aoti_load_package, config
#
# with config.patch(freezing=True), torch.no_grad():
#     program = torch.export.export(graph_int8, (images[:64].clone(),))
#     path = aoti_compile_and_package(program, package_path="int8.pt2")
# ```
#
# `aoti_load_package(path)` loads it, and what it gives back is called like a function. A package is a zip file. In its generated `wrapper.cpp` count the calls of `aoti_torch_cpu__qconv_pointwise_tensor` and `…qlinear…`; that is how the record counts. `python3 course.py bench torchao` makes the whole record anew, on your processor. The underscore in `torch._inductor` says that the interface may change.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A filter
# ★ · 8 minutes
#
# Write `wanted`, a filter for groups. It is true for a linear layer (`nn.Linear`, or a subclass) whose *inputs* are a multiple of `group`, unless the layer, or a module that it lies in, is named in `kept`. Names are paths with dots: `"body.fc1"` lies in `"body"`, not in `"bod"`.
#
# `wanted(module, name, group, kept)` → `True` or `False`; `kept` is a list of names
#
# <details><summary>Hint</summary>
# Try "fc1" against "fc10", and "bod" against "body.fc1": what tells them apart? A layer has in_features.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def wanted(module, name, group, kept):
    """Shall this module be quantized in groups?

    >>> wanted(nn.ReLU(), "relu", 4, [])
    False
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.wanted(wanted)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def wanted_solution(module, name, group, kept):
    if not isinstance(module, nn.Linear) or module.in_features % group:
        return False
    return not any(name == k or name.startswith(k + ".") for k in kept)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The bytes of a packed format
# ★★ · 10 minutes
#
# Write `packed_bytes`: the bytes of a weight of `rows` × `cols`, packed. Each row is packed for itself, `bits` for each weight, across the borders of bytes, and filled up to whole bytes. Groups of `group` neighbours lie within a row; the last one of a row may be shorter. Each group has one scale of `scale_bytes` bytes, the shorter one too.
#
# `packed_bytes(rows, cols, bits, group, scale_bytes)` → a whole number; `rows` may be 0, the others are whole numbers from 1 on
#
# <details><summary>Hint</summary>
# Round up twice: the bytes of a row, and the groups of a row. -(-a // b) rounds a / b up.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def packed_bytes(rows, cols, bits, group, scale_bytes):
    """Bytes of a packed weight with its scales.

    >>> packed_bytes(0, 5, 4, 2, 1)  # no rows, no bytes
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.packed_bytes(packed_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def packed_bytes_solution(rows, cols, bits, group, scale_bytes):
    of_weights = -(-cols * bits // 8)
    groups = -(-cols // group)
    return rows * (of_weights + groups * scale_bytes)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this run counted and measured, beside its source.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("torchao")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A config answers three questions: to which values a group is rounded, in how many bytes it is stored, and what is multiplied. Ask all three; a name such as "int4" answers none.
# - Whether a layer computes in int8 you see from the kernels that run, and not from classes, files or accuracies. What is stored in few bits saves time only with a kernel that fits.
# - Errors of one direction add up: change one thing at a time, and measure the output.
# - A converted graph describes int8. A compiler makes it, if the weights are frozen.
#
# <!-- page -->
#
# **Going further**: B. D. Rouhani et al., *Microscaling data formats for deep learning*, 2023, [arXiv:2310.10537](https://arxiv.org/abs/2310.10537), MX on trained networks; torchao's [documentation](https://docs.pytorch.org/ao/stable/index.html), workflows and QAT; the OCP [MX specification 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf), 2023; [NVIDIA's introduction of NVFP4](https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/), 2025.
#
# **Project ideas**: pack two 4-bit weights into a byte and unpack them again; round the power of two up in *A scale for each block*, as torchao does by default; repeat the experiment on `fc1` with inputs of either sign.
#
# **Credits**: after the documentation of torchao, PyTorch team, and the OCP specification. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the first line of each point. A last question: "A colleague says the model is now in 4 bits. Which three things do you ask to see?" The map of a group, the file, the kernels that ran. The table *Which route*, at the end of section 5 on the page, is what the room takes home: name it.
