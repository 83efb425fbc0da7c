# ---
# jupyter:
#   course:
#     promise: You will take somebody else's CNN to int8 without touching its code, and find out whether anything computes in int8.
#     seconds: 60
#     needs: [static]
#     goals:
#       - export a network and read its graph;
#       - calibrate the graph and convert it with a quantizer;
#       - run it where int8 is really computed, and show that it answers alike.
#     terms: [AOTInductor, exported graph, freezing, PT2E, quantizer]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How do you take a CNN to int8 when you cannot touch its code?*

# %% tags=["setup", "hide-input"]
# Sets one thread, hides what the compiler says of itself, and imports the drawing of this lesson, its check and the scorecard.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import warnings

import torch

from course_utils.scorecard import claims
from lessons.pt2e import checks as check
from lessons.pt2e import show

torch.set_num_threads(1)
warnings.filterwarnings("ignore")

# %% [markdown]
# ## 1. Seven lines, and no stubs
#
# EfficientNet-Lite0 is somebody else's network. We take it to int8 with **PT2E**, *PyTorch 2 export quantization*.
#
# In [[static]] you changed a network before it could be quantized: stubs at both ends, lists of what to fuse, a module in place of a `+`. EfficientNet-Lite0 was made for phones and trained on the photos of ImageNet. It has 49 convolutions, a linear layer, and nine shortcuts with a plain `+`. For int8 we touch none of its lines.
#
# The first cell asks whether it may fetch the network, 17 MB. Without it, the cells run on a copy with random weights.

# %%
import torch
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86
from torchao.utils import should_reduce_range

from course_utils import real_models
from course_utils.measure import timing

torch.set_grad_enabled(False)  # with gradients on, the compiler of section 4 freezes nothing
older = should_reduce_range(torch.device("cpu"))  # see section 3
net = real_models.efficientnet_lite0()
photos, photo = real_models.crops(12), real_models.crops(1)  # parts of three photos
test = real_models.crops(16, sure=True)  # others, of which float is sure

# %% seven_lines_and_no_stubs
for_x86 = x86.get_default_x86_inductor_quantization_config(reduce_range=older)
quantizer = x86.X86InductorQuantizer().set_global(for_x86)
program = torch.export.export(net, (photo,))
observed = prepare_pt2e(program.module(), quantizer)
for batch in photos.split(1):
    observed(batch)
int8 = convert_pt2e(observed)


# %%
def agreement(model):
    alike = [(model(x).argmax() == net(x).argmax()).item() for x in test.split(1)]
    return sum(alike) / len(alike)


same = agreement(int8)
both = {"float": lambda: net(photo), "int8": lambda: int8(photo)}
race = timing.compare(both, rounds=5, device="cpu")

# %% seven_lines_and_no_stubs_2
print(f"the same answer as float: {same:.0%} of {len(test)} parts of photos")
print(f"speed: {race.ratio('int8'):.2f} times that of float")

# %% [markdown]
# Where float is sure, int8 gives nearly all of its answers, and nobody has told PyTorch what to fuse. But int8, which should save time, takes *more* of it. Why? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A network becomes a list
#
# `torch.export` runs the network once, with an input that has a shape and no numbers. It writes down each operation, and what it takes.
#
# A small network does `x = x + torch.relu(self.conv(x))`, twice:
#
# How can PyTorch find out by itself what to fuse? It would have to read the network. The code is a difficult text: it has loops, branches, and functions that call functions. The list that a run leaves has neither loops nor branches. It is called the **exported graph**.
#
# Here is the small network. Write down its list on paper before you run the second cell.

# %%
from torch import nn


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)

    def forward(self, x):
        for _ in range(2):
            x = x + torch.relu(self.conv(x))
        return x


# %% a_network_becomes_a_list tags=["nbval-check-output"]
for node in torch.export.export(Small(), (photo,)).graph.nodes:
    if node.op == "call_function":
        print(f"{node.name:9} takes {node.all_input_nodes}")

# %% [markdown]
# The loop is gone: its two rounds stand one after the other. The `+` is an operation like any other, so it can get a range of its own. And a ReLU that was called as a function stands there like one that is a module.

# %% [markdown]
# ### What cannot be exported
#
# **Predict.** One of these lines in a `forward` stops the export. Which one, if x is the input?
#
# **A** `for layer in self.layers:`
#
# **B** `if x.shape[0] > 1:`
#
# **C** `if x.max() > 1:`

# %% [markdown] tags=["answer"]
# **C, because it asks for a number.** The shape is known during the export, and so are the layers. The largest value is not, so nobody can say which branch to write down.

# %% [markdown]
# **Try it.** In the cell of `Small`, change `range(2)` to `range(2 if x.max() > 1 else 1)`, and run it and the next cell again. Then change it back.
#
# <details><summary>What others found</summary>
#
# The export stops with *Could not guard on data-dependent expression*. With `x.shape[0]` in place of `x.max()` it works, and the list has one round: it holds for the shape of the example. Where the branch only chooses between two tensors, `torch.where` can take its place.
#
# </details>
#
# The shape of the example is fixed, too: our graph takes one photo at a time. The argument `dynamic_shapes` leaves the size of the batch open.
#
# Now the list of EfficientNet-Lite0, counted:

# %% tags=["nbval-check-output"]
from collections import Counter


def operations(graph):
    calls = [node for node in graph.nodes if node.op == "call_function"]
    return Counter(node.target.name() for node in calls)


operations(program.graph).most_common(5)

# %% [markdown]
# `hardtanh` clips to a range. Here it is the ReLU6, which clips to the range from 0 to 6.

# %% [markdown]
# ## 3. The graph describes int8
#
# 1. A **quantizer** knows one target: which operations run there in int8.
# 2. `prepare_pt2e` folds the batch norms, and puts observers where the quantizer wants ranges.
# 3. Calibration: photos like those of its later work pass through.
# 4. `convert_pt2e` makes `quantize` and `dequantize` of the observers: the first rounds to 8 bits, the second brings back to float.
#
# Observers and calibration are those of [[static]]. What is new is that the list says where they belong: in front of each layer. So nobody has to write stubs. Our quantizer is that for x86 processors and PyTorch's compiler. On those without AVX-512 VNNI, the int8 instructions, sums of products may overflow, so `reduce_range` makes the integers smaller. The converted list:

# %% tags=["nbval-check-output"]
operations(int8.graph).most_common()

# %% [markdown]
# The batch norms are gone, and each of the 50 layers has a `quantize` in front of it; so have the pooling and the flattening. `per_channel` are the weights: a scale for each channel.

# %% [markdown]
# ### In which type?
#
# For the input of a layer the list has `quantize` → `dequantize` → `conv2d`. The weight goes through a `dequantize`, too.
#
# **Predict.** The list runs as it stands. What does `conv2d` multiply: **A** integers, **B** floats?

# %% [markdown] tags=["answer"]
# **Floats (B), because `dequantize` gives floats.** They are rounded floats, so the answers are those of an int8 network. The arithmetic is not.

# %% [markdown]
# ### One value by hand
#
# The input 0.75 has the scale 0.02. The weight is stored as 50, with the scale 0.01.

# %% [markdown]
# 1. `quantize`: 0.75 / 0.02 = 37.5, rounded 38.
# 2. `dequantize`: 38 · 0.02 = 0.76, and for the weight 50 · 0.01 = 0.50.
# 3. `conv2d`: 0.76 · 0.50 = **0.38**, a product of floats.

# %% [markdown]
# An *int8 kernel* multiplies integers: 38 · 50 = 1,900. With both scales it is 1,900 · 0.02 · 0.01 = **0.38**.
#
# Both ways give the same number. So the converted graph *describes* an int8 network: whoever runs it as it stands learns about how int8 would answer. It saves no time. Every convolution still multiplies floats, and some 160 operations have been added that round and bring back.
#
# ### A layer that nobody noticed
#
# A description can also leave something out. Our quantizer recognizes a convolution by the class of its module. A class of one's own, such as `class MyConv(nn.Conv2d): pass`, it does not know. Our small network, where one convolution is called twice, it refuses.


# %% tags=["hide-input", "nbval-check-output"]
# Converts one convolution of each class, and counts what is rounded to int8.
class MyConv(nn.Conv2d):
    pass


for conv in (nn.Conv2d(3, 8, 3), MyConv(3, 8, 3)):
    ready = prepare_pt2e(torch.export.export(nn.Sequential(conv), (photo,)).module(), quantizer)
    ready(photo)
    rounded = operations(convert_pt2e(ready).graph)["quantized_decomposed::quantize_per_tensor"]
    print(f"{type(conv).__name__}: {rounded} in int8")

# %% [markdown]
# No error, no warning, and the second layer stays float. This happens to real networks. In the package `efficientnet-lite-pytorch` ours is written with such a class, so the course wrote it anew, with `nn.Conv2d`. A layer that stays float answers as float does. **Equal answers do not show that int8 is there. Count.**

# %% [markdown]
# ## 4. Who computes it?
#
# A compiler looks for chains such as `dq`, `conv2d`, `relu6`, `q`, and puts one int8 kernel in its place. Here `q` is `quantize`, and `dq` is `dequantize`.

# %% chain tags=["hide-input"]
# Draws one layer: as exported, as converted, and what the compiler makes of it.
show.chain()

# %% [markdown]
# Why the detour by a description? It says what to compute, and leaves open how. So others can run the description, too, and each makes of it what its processor can do. PyTorch's own compiler is called *inductor*, and you reach it by `torch.compile`.

# %% [markdown]
# **Freezing**: you promise the compiler that the weights never change again.
#
# An int8 kernel wants its weights rearranged beforehand. Without the promise the compiler may not do that: to PyTorch a weight is a tensor that may change. Then no int8 kernel is called, although the graph is compiled, and no error says so.
#
# `torch.compile` needs a C++ compiler. Where none is found, as on most Windows laptops, the cell leaves the compiled network out, and what the course has measured stands below. Where there is one, it works for half a minute or more: start the cell, and read on.

# %%
from torch._inductor import config
from torch.profiler import ProfilerActivity, profile

config.freezing = True  # the weights will not change any more
models = {"float": net, "int8 graph": int8}
if show.has_cpp_compiler():
    models["int8, compiled"] = torch.compile(int8)


def int8_kernels(model):
    model(photo)  # the first call compiles
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        model(photo)
    events = [each for each in seen.key_averages() if each.key.startswith("onednn::q")]
    return sum(event.count for event in events)


kernels = {name: int8_kernels(model) for name, model in models.items()}
calls = {name: lambda model=model: model(photo) for name, model in models.items()}
speeds = timing.compare(calls, rounds=9, device="cpu")

# %% [markdown]
# ### Count, then time

# %% count_then_time tags=["hide-input"]
# Prints the int8 kernels of each network, its speed, and how many of its answers are those of float.
print(f"{'':15} int8 kernels  speed  alike")
for name, model in models.items():
    print(f"{name:15} {kernels[name]:12} {speeds.ratio(name):6.2f} {agreement(model):6.0%}")

# %% [markdown]
# Compiled, the int8 network answers alike, and on an x86 processor it calls 50 int8 kernels, one for each layer. They are those of oneDNN, the library that computes for PyTorch on x86 processors; their names begin with `q`. On a processor with instructions for int8 products it is faster than float at last.
#
# Is all of the gain int8's? No: the compiler makes float faster, too. The fair opponent is float that was compiled as well. The course has timed both on two processors, for MobileNet-v2, a network of the same kind:

# %% recorded tags=["hide-input", "nbval-check-output"]
# Prints the speeds in the course's records of MobileNet-v2; 1 is the speed of float.
show.recorded()

# %% [markdown]
# Divide the last row by the one above it: that is the gain of int8.

# %% [markdown]
# ## 5. Ship it
#
# The numbers of the float network take about 19 MB, 4 bytes each. `convert_pt2e` adds int8 weights to the graph, and takes nothing out.
#
# **Predict.** What do the numbers in the graph take together: **A** a quarter of that, **B** about as much, **C** a quarter more?


# %%
def megabytes(model):
    return sum(x.numel() * x.element_size() for x in model.state_dict().values()) / 1e6


size = {"float": megabytes(net), "converted": megabytes(int8)}
# What an operation reads is named in the graph. The float weights are not.
read = {node.target for node in int8.graph.nodes}
unread = [name for name, _ in int8.named_parameters() if name not in read]
for name in unread:
    del int8.get_submodule(name.removesuffix(".weight")).weight
size["without what nobody reads"] = megabytes(int8)

# %% ship_it tags=["hide-input"]
# Prints the size of the numbers: in float, converted, and without the weights that nobody reads.
print(", ".join(f"{name}: {number:.1f} MB" for name, number in size.items()))

# %% [markdown] tags=["answer"]
# **A quarter more (C), because each weight is there twice:** in 4 bytes that no operation reads any more, and in 1.

# %% [markdown]
# The cell collects the names that the list reads, and deletes every other parameter. The int8 weights are left, with scales and biases. We save the graph. `export` once more makes a program of it, which `torch.export.save` can write.

# %% ship_it_2
from pathlib import Path

torch.export.save(torch.export.export(int8, (photo,)), "lite0.pt2")
print(f"the file: {Path('lite0.pt2').stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# The list of operations and the example take room as well.
#
# ### In a fresh process
#
# Does the file work where nobody knows the network? Three lines open it:
#
# ```python
# import torch
# import torchao.quantization.pt2e.quantize_pt2e  # brings the operations quantize and dequantize
# shipped = torch.export.load("lite0.pt2").module()
# ```
#
# Without the second line the loading fails, and a warning above the error says: *failed to resolve torch.ops.quantized_decomposed*. We let a fresh process answer.

# %% tags=["hide-input"]
# Lets a fresh process load the file and answer, and compares the answers with those of float.
shipped = show.in_a_fresh_process("lite0.pt2", test)
print(f"{(shipped == net(test).argmax(1)).sum()} of {len(test)} answers as in float")

# %% [markdown]
# On our photos float is *sure*: its answer is at least four times as likely as the next one. Where float itself hesitates, a little rounding is enough to change its answer. So when you report agreement, say which photos you took.

# %% tags=["hide-input"]
# Loads images for SmallResNet.
from course_utils import data
from course_utils.data import checkpoints  # noqa: F401  for the learner

images, _ = data.load("fashion_mnist", n=256)

# %% [markdown]
# ## Exercise · Ready to ship
# ★★ · 10 minutes
#
# Write `to_int8(model, batches)`. `model` is a CNN in evaluation mode; all `batches` have one shape.
#
# Return its int8 graph for x86, with the default configuration and no `reduce_range`: exported for this shape, calibrated on all batches, converted, without the parameters that no operation reads. `model` stays as it is.
#
# Then try it on SmallResNet:
#
# ```python
# resnet = checkpoints.load("small_resnet")
# print(operations(to_int8(resnet, images.split(64)).graph))
# ```
#
# <details><summary>Hint</summary>
#
# All lines stand in sections 1 and 5; leave `reduce_range` out. The first batch is an example of the shape. Deleting while you iterate over parameters fails, so make a list of the names first.
#
# </details>


# %% tags=["exercise"]
def to_int8(model, batches):
    """The int8 graph of a CNN, calibrated on all batches, without the parameters that nothing reads."""
    raise NotImplementedError


# %% tags=["check"]
check.to_int8(to_int8)


# %% tags=["solution", "hide-cell"]
def to_int8_solution(model, batches):
    config = x86.get_default_x86_inductor_quantization_config()
    quantizer = x86.X86InductorQuantizer().set_global(config)
    observed = prepare_pt2e(torch.export.export(model, (batches[0],)).module(), quantizer)
    for batch in batches:
        observed(batch)
    graph = convert_pt2e(observed)
    read = {node.target for node in graph.graph.nodes}
    unread = [name for name, _ in graph.named_parameters() if name not in read]
    for name in unread:
        del graph.get_submodule(name.removesuffix(".weight")).weight
    return graph


# %% [markdown]
# ## Remember
#
# - `torch.export` turns a network into a list of operations. In the list a quantizer finds what to fuse and where ranges are needed, so the code often stays as it is.
# - The converted graph describes int8 and computes in float. To compute in int8 it needs a compiler that knows these chains and may freeze the weights, or another runtime.
# - Equal answers prove nothing about int8: count the kernels, compare with float that was compiled as well, and weigh the file.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("pt2e")

# %% [markdown]
# ## Deeper
#
# ### Other ways to run it
#
# *Without a C++ compiler.* ONNX Runtime reads the same description. In the file `quantize` and `dequantize` become `QuantizeLinear` and `DequantizeLinear`, and the runtime merges those chains that end in a `quantize` when it opens the file. It needs the packages `onnx`, `onnxscript` and `onnxruntime`:
#
# ```python
# torch.onnx.export(torch.export.load("lite0.pt2"), (photo,), "lite0.onnx", dynamo=True)
# session = onnxruntime.InferenceSession("lite0.onnx")
# session.run(None, {session.get_inputs()[0].name: photo.numpy()})
# ```
#
# *Without compiling at every start.* **AOTInductor** compiles an exported program into one file, a *package*, which C++ or Python loads without the code of the network. It belongs to the kind of processor on which it was made. The names of the kernels stand in the code that lies in the package.
#
# ```python
# with config.patch(freezing=True):
#     torch._inductor.aoti_compile_and_package(torch.export.load("lite0.pt2"), package_path="package.pt2")
# fast = torch._inductor.aoti_load_package("package.pt2")
# ```
#
# The underscore says that the interface may change.
#
# ### Training in the graph
#
# Has int8 lost points? As in [[qat]], the network can be trained with the rounding in place. The quantizer's configuration then gets `is_qat=True`, and `prepare_qat_pt2e` stands in place of `prepare_pt2e`. An exported graph refuses `model.train()` and `model.eval()`; `move_exported_model_to_train` and `move_exported_model_to_eval` do that. After the training, `convert_pt2e` as before.
#
# ### Networks that are int8 already
#
# Before you quantize a network that is not yours, see whether somebody has. torchvision publishes int8 weights for GoogLeNet, InceptionV3, MobileNetV2 and V3, ResNet, ResNeXt and ShuffleNetV2. InceptionV3 in int8 gets 77.2 % of ImageNet's photos right, and 77.3 % in float.
#
# ```python
# from torchvision.models import quantization
# inception = quantization.inception_v3(weights="DEFAULT", quantize=True).eval()
# ```
#
# PyTorch 1.3 brought the older kind of quantization, with stubs, and torchvision 0.5 the first of these networks. A model like these must be *traceable* or scriptable to be shipped, and float and int8 can be mixed in it. In the graph of this lesson they are mixed as well: what the quantizer leaves alone stays float.
#
# **Sources.** [PT2E quantization](https://docs.pytorch.org/ao/stable/pt2e_quantization/index.html), torchao. R. Liu, [Higher accuracy on vision models with EfficientNet-Lite](https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html), 2020. M. Tan and Q. V. Le, *EfficientNet: rethinking model scaling for convolutional neural networks*, 2019, [arXiv:1905.11946](https://arxiv.org/abs/1905.11946).
#
# **Going further.** J. Ansel et al., *PyTorch 2: faster machine learning through dynamic Python bytecode transformation and graph compilation*, 2024, [doi:10.1145/3620665.3640366](https://doi.org/10.1145/3620665.3640366). Project: take a network of your own this way, and find out for each layer whether it was converted.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
