# ---
# jupyter:
#   course:
#     promise: You will take somebody else's CNN to int8 without touching its code, and check that it really computes in int8.
#     seconds: 40
#     needs: [static]
#     goals:
#       - export a network and read its graph;
#       - calibrate the graph and convert it with a quantizer;
#       - run it where int8 is really computed, and show that it answers alike.
#     terms: [exported graph, freezing, PT2E, quantizer]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How do you take a CNN to int8 when you can't touch its code?*

# %% tags=["setup", "hide-input"]
# Sets one thread, switches gradients off, hides the warnings of the tools, and imports what this lesson draws and checks.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import warnings

import torch

from course_utils import claims
from lessons.pt2e import show
from lessons.pt2e import tasks as check

torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks, and section 4 needs it
warnings.filterwarnings("ignore")

# %% [markdown]
# ## 1. Seven lines, and no stubs
#
# In [[static]] you changed a network before you could quantize it: it needed stubs, and a list of what to fuse. But what if somebody else wrote the network, and its code lies in a package?
#
# Our example of such a network is SmallResNet, trained on Fashion-MNIST. It has two shortcuts with a plain `+`, and it calls `torch.relu` as a function, which `fuse_modules` can't see. We'll take it to int8 with **PT2E**, short for *PyTorch 2 export quantization*, without touching a line of it.

# %%
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

from course_utils import checkpoints
from course_utils.data import load

batches = load("fashion_mnist", n=250)[0].split(50)  # training images, without their labels
test_images, labels = (part[:2000] for part in load("fashion_mnist", "test"))
resnet = checkpoints.load("small_resnet").eval()

# %% seven_lines
config = x86.get_default_x86_inductor_quantization_config(reduce_range=True)
quantizer = x86.X86InductorQuantizer().set_global(config)
program = torch.export.export(resnet, (batches[0],))
observed = prepare_pt2e(program.module(), quantizer)
for batch in batches:
    observed(batch)
int8 = convert_pt2e(observed)

# %% first_result tags=["hide-input"]
# Counts the right answers of both networks on 2,000 test images, and times them.
logits = {name: show.logits(net, test_images) for name, net in {"float": resnet, "int8": int8}.items()}
first_race = show.race({"float": resnet, "int8": int8}, batches[0])
print(f"float: {show.percent_right(logits['float'], labels):.1f} % right")
print(f"int8:  {show.percent_right(logits['int8'], labels):.1f} % right")
print(f"int8 has {first_race.ratio('int8'):.2f} times the speed of float")

# %% [markdown]
# The accuracy has hardly changed, and a handful of images can be chance. But int8 should save time, and here it takes *more*. Why? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A network becomes a list
#
# How can PyTorch find out by itself what to fuse? Code is hard to analyse, with its loops, branches and calls.
#
# So `torch.export` *runs* the network once, for the example that you give it, and writes down every operation. The run uses stand-ins for the tensors, which have a shape and a type but no numbers. What comes out is the **exported graph**: a list of operations.
#
# Here's a toy network. Its *dropout* zeroes numbers at random in training. Write down its list of operations on paper before you run the second cell, which skips the graph's inputs and its output.


# %%
class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.dropout = torch.nn.Conv2d(1, 1, 1, bias=False), torch.nn.Dropout(0.5)

    def forward(self, x):
        for _ in range(2):
            x = x + torch.relu(self.conv(x))
        return self.dropout(x)


# %% toy_list tags=["nbval-check-output"]
for node in torch.export.export(Toy(), (batches[0],)).graph.nodes:
    if node.op == "call_function":
        print(node.name, node.args)

# %% [markdown]
# Each line has the name of a result, and in brackets what the operation takes; `p_` marks a parameter of the network.
#
# The loop is gone. Its two passes now stand one after the other, and both read the same weight. The `+` is an operation like all others, and so is the ReLU, whether the author wrote it as a function or as a module. So a program can find by itself what to fuse: a `conv2d` whose result goes into a `relu`.
#
# ### Call `eval()` before you export
#
# Look at the last line. Its `True` means training mode, in which every new network starts. The mode has been written down, too, so the graph would go on dropping values when you use it. **Call `eval()` on the network, before you export it.**
#
# **Try it.** Change `Toy()` in the last cell to `Toy().eval()`, and run it again.
#
# <details><summary>What others found</summary>
#
# The last line now ends with `False`.
#
# </details>
#
# ### What can't be exported
#
# **Predict.** One of these lines in a `forward` stops the export. Which one, if `x` is the input: **A** `for layer in self.layers:`, **B** `if x.shape[0] > 1:`, **C** `if x.max() > 1:`?

# %% [markdown] tags=["answer"]
# **C, because it asks for a number that the export doesn't have.** The layers are known, and so is the shape, because the example has one: our graph takes only batches of 50. But the largest value depends on the image, so nobody can say which branch belongs in the list.

# %% [markdown]
# ## 3. The list describes int8
#
# So far, the list works in floats. This is how it becomes int8:
#
# - **The quantizer** knows which operations one target can do in int8, and which scales it wants. Our target is PyTorch's compiler on an x86 processor. It wants one scale for a layer's input, and one for each output channel of the weight.
# - **`prepare_pt2e`** gets the list as `program.module()`, a network that can be called. It asks the quantizer where a range is needed, and puts an observer there. So nobody has to write stubs. It also folds each batch norm into its convolution.
# - **`convert_pt2e`** comes after the calibration, in which images pass and the observers note ranges, as in [[static]]. It replaces each observer by two operations: `quantize` turns a float into an integer, and `dequantize` turns the integer back into a float. A weight is now stored as integers, so it only needs the second.
#
# Here's the first layer in the converted list. The `dequantize` of its weight isn't shown, and the one that belongs to `quantize_1` opens the next layer:

# %% first_layer tags=["hide-input"]
# Prints the operations of the first layer in the converted graph.
show.first_layer(int8)

# %% [markdown]
# Pixels go up to 1 and the integers to 127, so the scale is about 1/127 = 0.0079. No value here is negative, so the zero point is 0, and isn't printed. The integers are bytes without a sign, which could go up to 255. `reduce_range=True` stops at 127, because sums of products may overflow on older processors.
#
# Now look at what `conv2d` takes: the output of `dequantize`. So it multiplies floats, and the rounding comes on top. That's why the graph is slower than the network we started from. An int8 **kernel** is a routine that multiplies the integers themselves.
#
# **Predict.** A pixel is 0.753, a weight is stored as the integer 40, and both scales are 0.01. The list multiplies floats, a kernel integers. Whose product is closer to 0.753 · 0.40: **A** the list's, **B** the kernel's, **C** neither's?

# %% [markdown] tags=["answer"]
# **Neither's (C), because `dequantize` can't bring back what `quantize` has rounded.** The pixel becomes 0.753 / 0.01 = 75.3, rounded to **75**.
#
# - *The list* multiplies 75 · 0.01 = 0.75 by 40 · 0.01 = 0.40, and gets **0.30**.
# - *The kernel* multiplies 75 · 40 = 3,000. Both scales turn this into 3,000 · 0.01 · 0.01 = **0.30**.

# %% [markdown]
# **So the converted graph *describes* an int8 network.** It says where to round, and with which scale, and leaves open how the products are computed.

# %% [markdown]
# ## 4. A compiler reads the list
#
# Who can put an int8 kernel where the list says `conv2d`? A compiler. PyTorch's own, *inductor*, is called by `torch.compile`. It looks for chains such as `dequantize` (dq), `conv2d`, `relu`, `quantize` (q), and replaces each of them by one int8 kernel.

# %% chain tags=["hide-input"]
# Draws one layer: as exported, as converted, and what the compiler makes of it.
show.chain()

# %% [markdown]
# There's one condition. An int8 kernel wants its weights rearranged in memory beforehand, and the compiler may do that only if they never change again. This promise is called **freezing**: you set `freezing = True`, and switch gradients off (our first cell did).
#
# How will we know that int8 is running? Correct answers don't prove it, because float gives them, too. And a layer can stay in float unnoticed, which is the main danger of foreign code. The list may say `conv2d`, but our quantizer knows a convolution by the class of its module, which the graph remembers, too. If the author made a class of their own, `class MyConv(nn.Conv2d): pass`, or called `F.conv2d` as a function, the quantizer skips it, and no error tells you. *Deeper* shows such a layer.
#
# So we count. PyTorch's profiler writes down what was called. On x86 processors the int8 kernels come from the library oneDNN, and their names begin with `onednn::q`.

# %% compile_it
from torch._inductor import config as inductor

inductor.freezing = True
torch._dynamo.reset()  # forgets what was compiled before
nets = {"float": resnet, "int8 graph": int8}
if show.has_cpp_compiler():
    nets["float, compiled"], nets["int8, compiled"] = torch.compile(resnet), torch.compile(int8)


def int8_kernels(net):
    net(batches[0])  # the first call compiles
    with torch.profiler.profile() as seen:
        net(batches[0])
    return sum(each.count for each in seen.key_averages() if each.key.startswith("onednn::q"))


kernels = {name: int8_kernels(net) for name, net in nets.items()}

# %% [markdown]
# The cell compiles for about half a minute. Without a C++ compiler, or on a Mac with an Apple chip, use the published results.

# %% count_then_time tags=["hide-input"]
# Times the networks, counts their right answers, and shows both beside the number of int8 kernels.
logits = {name: show.logits(net, test_images) for name, net in nets.items()}
right = {name: show.percent_right(values, labels) for name, values in logits.items()}
speeds = show.race(nets, batches[0])
show.kernels_and_speed(kernels, speeds, right)

# %% [markdown]
# The int8 graph calls no int8 kernel. Compiled, it calls seven. Is that every layer? The exported graph can tell: `print(program.graph)` shows six lines that call `conv2d` and one that calls `linear`. So no layer has stayed in float, and now int8 is faster.
#
# How much of that comes from int8? The compiler makes float faster, too. So a fair opponent is *compiled* float: divide the last speed by the one above it. On a processor with instructions for bfloat16 there's a stronger one: SmallResNet in bfloat16 was more than twice as fast as in float, without any calibration. Int8 was faster still, but only for batches: with a single image, it was about as fast as compiled float.

# %% [markdown]
# ## 5. Does it still answer alike?
#
# We compare in two steps, the first two rows of the table: float with the graph, then the graph with compiled int8. We count the images that get the same class from both, and those for which all ten outputs are equal, up to 0.001. The last digits don't count, because they depend on the order of the additions.
#
# **Predict.** Which pair has more equal outputs: **A** the graph and compiled int8, which both round, **B** float and the graph, which both multiply floats?

# %% three_compared tags=["hide-input"]
# Compares the outputs of the networks for 2,000 test images, and those of a graph that clips at 255.
wide = show.logits(show.clipped_at_255(int8), test_images)
show.compared(logits, wide)

# %% [markdown] tags=["answer"]
# **The graph and compiled int8 (A), because the compiler takes its scales from the graph, and rounds where the graph rounds.** So most images keep all ten outputs.

# %% [markdown]
# **From float to the graph** you see what rounding and clipping cost. No image keeps its outputs, but fewer than one in 100 changes its class, and you need no labels to measure that.
#
# **From the graph to compiled int8** nothing should change, but for about a quarter of the images something does. So what does the kernel do that isn't in the graph? Our observers, like the *histogram* observer of [[static]], leave a few large values outside the range, because all the others then get finer steps. Say the scale is 0.01, and a value is 1.40. That's the integer 140. The graph clips it at 127. The kernel stores it in a byte, which ends at 255, so it keeps 140.
#
# As a control, the graph of the third row clips at 255, as the kernel does. Nearly all of the differences vanish, so that was the cause.
#
# ### A graph that nobody calibrated
#
# What if somebody leaves out the loop over `batches`?

# %% uncalibrated
uncalibrated = convert_pt2e(prepare_pt2e(program.module(), quantizer))

# %% uncalibrated_result tags=["hide-input"]
# Prints the first layer of the graph that nobody calibrated, and how often it answers as float does.
show.first_layer(uncalibrated)
alike_uncalibrated = show.percent_alike(logits["float"], show.logits(uncalibrated, test_images))
print(f"\n{alike_uncalibrated:.0f} % of the answers are those of float")

# %% [markdown]
# The observers have seen nothing, so each scale is 1, and a pixel becomes 0 or 1. Comparing float with the graph shows this at once. Comparing the graph with compiled int8 wouldn't, because both have the same wrong scales.

# %% [markdown]
# ## Exercise · Convert and compare
# ★★ · 10 minutes
#
# Write `to_int8(model, batches, test)`. It takes a CNN to int8, and returns two things: the converted graph, calibrated on `batches`, and the number of images in `test` for which the graph and the CNN choose different classes.
#
# Both `batches` and `test` hold batches of one shape. The CNN may have dropout and be in training mode; compare with its evaluation mode. `model` itself stays as it was.
#
# <details><summary>Hint</summary>
#
# Import `copy`, work with `copy.deepcopy(model)`, and use the `quantizer` of section 1.
#
# </details>


# %% tags=["exercise"]
def to_int8(model, batches, test):
    """The int8 graph of a CNN, and for how many images in test its answer isn't that of the CNN."""
    raise NotImplementedError


# %% tags=["check"]
check.to_int8(to_int8)


# %% tags=["solution", "hide-cell"]
def to_int8_solution(model, batches, test):
    import copy

    config = x86.get_default_x86_inductor_quantization_config(reduce_range=True)
    quantizer = x86.X86InductorQuantizer().set_global(config)
    net = copy.deepcopy(model).eval()
    program = torch.export.export(net, (batches[0],))
    observed = prepare_pt2e(program.module(), quantizer)
    for batch in batches:
        observed(batch)
    graph = convert_pt2e(observed)
    different = sum((graph(batch).argmax(1) != net(batch).argmax(1)).sum().item() for batch in test)
    return graph, different


# %% [markdown]
# ## Remember
#
# - `torch.export` runs a network once, and writes down its operations and its mode; in this list, a quantizer finds what to fuse and where ranges are needed.
# - The converted graph describes int8, but computes in float; a compiler that knows such chains makes it compute in int8, if the weights are frozen.
# - Count the int8 kernels and the layers of the exported graph; compare float with the graph, and the graph with the compiled network.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("pt2e")

# %% [markdown]
# ## Deeper
#
# ### A file for the graph
#
# Two things that no operation reads make the graph's file larger than that of the network in float. The first is the float weights, which `convert_pt2e` leaves where they are, beside the int8 ones. The second is the example, which `torch.export` keeps: here it's a slice of one large tensor, so all 250 images would be saved with it, and whoever gets the file could look at them. So take out both before you save:
#
# ```python
# read = {node.target for node in int8.graph.nodes}
# for name in [name for name, _ in int8.named_parameters() if name not in read]:
#     del int8.get_submodule(name.removesuffix(".weight")).weight
# to_save = torch.export.export(int8, (batches[0],))
# to_save.example_inputs = None
# torch.export.save(to_save, "resnet.pt2")
# ```
#
# Now the file is smaller than the float one, though not a quarter of it, because the list of operations takes room as well. Another x86 machine needs PyTorch, torchao, a C++ compiler and this file, but not the code of the network:
#
# ```python
# import torch
# import torch._inductor.config as inductor
# import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer
#
# inductor.freezing = True
# with torch.no_grad():
#     fast = torch.compile(torch.export.load("resnet.pt2").module())
#     answers = fast(images)
# ```
#
# The last import looks unused, but it defines `quantize` and `dequantize`, and teaches the compiler the int8 kernels. The graph takes batches of 50 images only, because it was exported with one; the export's argument `dynamic_shapes` can leave this open.
#
# ### A layer that stays float, and nobody notices
#
# In section 4 you read that the quantizer skips a convolution whose class it doesn't know. Here's one convolution of each class:

# %% own_class tags=["hide-input", "nbval-check-output"]
# Converts one convolution of each class, and counts the roundings to int8.
show.own_class(quantizer)

# %% [markdown]
# The layer answers as well as ever, since it's float. Only the counts show it: the exported graph has one more `conv2d` than there are int8 kernels.
#
# The toy of section 2 doesn't become int8 as it stands either, but there you notice. `prepare_pt2e` stops with *conv partition has more than one output node*, because it finds two calls of one module. You have to touch the code after all, and give each call a convolution of its own.
#
# ### Networks that are int8 already
#
# torchvision publishes int8 weights for GoogLeNet, InceptionV3, MobileNetV2 and V3, ResNet, ResNeXt and ShuffleNetV2. These networks use the older tools with stubs, which came with PyTorch 1.3, and the first of the networks came with torchvision 0.5. Float and int8 layers can be mixed in them. To save one with `torch.jit`, it must be *traceable* or scriptable.
#
# **Sources.** [PT2E quantization](https://docs.pytorch.org/ao/stable/pt2e_quantization/index.html), torchao. J. Ansel et al., *PyTorch 2: faster machine learning through dynamic Python bytecode transformation and graph compilation*, 2024, [doi:10.1145/3620665.3640366](https://doi.org/10.1145/3620665.3640366).
#
# **Going further.** EfficientNet-Lite0 is a phone-sized network with 49 convolutions, trained on ImageNet: `course_utils.real_models.efficientnet_lite0()`, with photos from `crops(16)` ([R. Liu, 2020](https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html); [M. Tan and Q. V. Le, 2019](https://arxiv.org/abs/1905.11946)). Take it to int8, one photo at a time, and count its kernels.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## Dynamic, static, or trained with the rounding?
#
# In [[choosing]] you'll look at a network and tell, by a count and three questions, which way to int8 suits it. And sometimes the answer is: none.
