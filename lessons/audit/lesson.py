# ---
# jupyter:
#   course:
#     promise: You will find out what of a quantized model really ran in int8, repair a case, and foresee what the rest costs.
#     seconds: 18
#     needs: [dynamic]
#     goals:
#       - say which layers the line finds, and why it passes over others;
#       - list by operators what ran in int8 and what in float;
#       - foresee what the float part leaves of the gain, and repair one case.
#     terms: [audit, operator]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Did it run in int8?*

# %% tags=["setup", "hide-input"]
# Sets a seed, one thread and PyTorch's library of int8 operators, switches gradients off, and hides the warnings of the older interface.
import warnings

import torch

from course_utils import legacy_int8, runtime
from course_utils.scorecard import claims
from lessons.audit import checks as check
from lessons.audit import show

runtime.seed_all(0)
torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations()
warnings.filterwarnings("ignore", "TF32")  # said where another library is switched off
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. One line, four models
#
# The line of [[dynamic]] meets a linear layer, an LSTM, PyTorch's attention, and a CNN.
#
# `quantize_dynamic(model)` returned a copy with int8 weights. The file became smaller, and so you knew that it had worked. If you name no types, the line takes its own list, on which linear layers and LSTMs stand.
#
# An int8 weight takes one byte, and an fp32 weight four. How many times smaller does each file get?

# %% tags=["legacy"]
import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

from course_utils.measure.sizes import size_report
from course_utils.models import EncoderLayer, LSTMClassifier, SmallCNN

# %% one_line_four_models tags=["legacy"]
four = {"linear": nn.Linear(256, 256), "LSTM": nn.LSTM(256, 256)}
four |= {"attention": nn.Sequential(nn.MultiheadAttention(256, 4)), "CNN": SmallCNN()}

# %% one_line_four_models_2 tags=["legacy"]
smaller = {}
for name, model in four.items():
    int8 = quantize_dynamic(model)
    smaller[name] = size_report(model).file_bytes / size_report(int8).file_bytes
    print(f"{name:9} {smaller[name]:.2f} times smaller")

# %% [markdown]
# **Hardly anything happened, and nothing complained.**

# %% [markdown]
# A linear layer is on the list, and stayed as it was. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. How the line looks for layers
#
# A model is a tree: a module holds others, its *children*. The line asks each child: is your type on the list? If so, it is replaced; if not, the line looks inside.
#
# Take `Sequential(Linear, Sequential(ReLU, MultiheadAttention))`:

# %% [markdown]
# | child | its type | what happens |
# |---|---|---|
# | `0` | `Linear` | replaced |
# | `1` | `Sequential` | look inside |
# | `1.0` | `ReLU` | no children: nothing |
# | `1.1` | `MultiheadAttention` | look inside |
# | `1.1.out_proj` | `NonDynamicallyQuantizableLinear` | no children: nothing |
#
# To replace a layer means to put another module into the attribute of its parent, and this is why the line asks children.
#
# Two things in the last two rows explain the attention. Its three large matrices, for queries, keys and values ([[attention]]), are one *parameter* of `MultiheadAttention`. A parameter is no child, so the line never meets it. And the output layer `out_proj` has a class of its own. It is derived from `Linear`, but the line asks whether the type *is* on the list, and not whether it is derived from one. So a class of your own that extends `nn.Linear`, perhaps only to log something, stays float as well.

# %% tags=["legacy", "nbval-check-output"]
tree = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.MultiheadAttention(8, 2)))
print(quantize_dynamic(tree))

# %% [markdown]
# ### A layer alone
#
# **Predict.** The model is `nn.Linear(256, 256)`, and nothing else. Whom does the line ask: **A** the layer, **B** its weight and its bias, **C** nobody?

# %% [markdown] tags=["answer"]
# **Nobody (C), because a linear layer has no children.** It is the root, and nobody's child.

# %% [markdown]
# The same holds for the LSTM. And in the CNN the line did replace something: the last layer, which holds about one in a hundred of the weights. Convolutions are not on the list.
#
# **Try it.** In the cell that makes the four models put the linear layer and the LSTM into an `nn.Sequential(…)` each, and run it and the next one again.
#
# <details><summary>What others found</summary>
#
# Both files become nearly four times smaller. The layers are now children, and the line finds them.
#
# </details>

# %% [markdown]
# ## 3. Ask the operators
#
# Whatever a module does, in the end it calls **operators**: compiled functions with a name. The arithmetic happens there, so the name is the evidence.
#
# The cheapest test needs no operators: `torch.equal(model(x), int8(x))`, both in evaluation mode. Rounding changes nearly every output a little. If all are equal to the last bit, almost surely nothing was rounded. But if they differ, you know only that *something* happened, as with the file.
#
# PyTorch's *profiler* watches a run, and notes each operator that was called.

# %% ask_the_operators
from torch.profiler import ProfilerActivity, profile


def operators(model, x):
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        model(x)
    return [event.name for event in seen.events()]


# %% ask_the_operators_2 tags=["legacy"]
tiny, row = nn.Sequential(nn.Linear(64, 64), nn.ReLU()), torch.randn(1, 64)
tiny_int8 = quantize_dynamic(tiny, {nn.Linear}, dtype=torch.qint8)
print("fp32:", *operators(tiny, row))
print("int8:", *operators(tiny_int8, row))

# %% [markdown]
# `aten` is PyTorch's own library. Operators call others, so the lists are long: look for the one that multiplies. In float it is `aten::addmm`, which multiplies two float matrices and adds the bias. In int8 `quantized::linear_dynamic` does all of it: it searches the range, rounds, multiplies integers, and goes back to float.
#
# **Try it.** Change `torch.qint8` to `torch.float16`, run the cell again, and read the names to their end. Then change it back.
#
# <details><summary>What others found</summary>
#
# With the engines x86 and fbgemm the name becomes `quantized::linear_dynamic_fp16`; others refuse. It begins with `quantized`, and yet this operator multiplies floats: in memory the weights take 16 bits, and in the file still 32. PyTorch prints the module as `DynamicQuantizedLinear`, and only its `dtype` differs.
#
# </details>

# %% [markdown]
# ### Stored, or computed?
#
# torchao, the successor of the line, can also store int8 weights alone. The inputs stay float.
#
# **Predict.** With which operator does such a layer multiply: **A** integers with integers, **B** integers with floats, **C** floats with floats?

# %% stored_or_computed
from torchao.quantization import Int8WeightOnlyConfig, quantize_

stored = nn.Sequential(nn.Linear(64, 64))
quantize_(stored, Int8WeightOnlyConfig())
print(*operators(stored, row))

# %% [markdown] tags=["answer"]
# **Floats with floats (C), because `aten::mm` multiplies two matrices of one type.** `aten::_to_copy` has turned the integers into floats before.

# %% [markdown]
# This layer *stores* int8 and *computes* float. Three signs that need no run can mislead:
#
# - The **file** tells what is stored. It shrinks here as with the line.
# - The **class** is printed as `Linear`, with an `Int8Tensor`, here, and as `DynamicQuantizedLinear` where the weights in memory are 16-bit floats: only its `dtype` tells.
# - The **parameters**: torchao's int8 weights call themselves `float32`. The line's layers have none at all, so they count as 0 parameters.

# %% [markdown]
# ## 4. Why did it stay float?
#
# PyTorch's own Transformer layer: attention, and two linear layers.
#
# It is 768 wide, as in BERT. We run it on a text of 128 tokens.

# %% why_did_it_stay_float tags=["legacy"]
theirs = nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True)
theirs_int8 = quantize_dynamic(theirs.eval(), {nn.Linear})
text = torch.randn(1, 128, 768)

# %% why_did_it_stay_float_2 tags=["legacy", "nbval-check-output"]
try:
    theirs_int8(text)
except AttributeError as error:
    print("AttributeError:", error)

# %% [markdown]
# In evaluation mode this layer takes a *fast path*. It does not call its linear layers. It reads their weights, and hands them to one operator for everything. In an int8 layer `weight` is no tensor, but a method, and the test for the fast path fails. With one switch the layer calls its linear layers again.

# %% [markdown]
# ### The audit
#
# The course's library has an `audit`. It knows by name which operators multiply in int8, and which module called them.

# %% the_audit tags=["legacy"]
from course_utils.measure.int8_audit import audit

torch.backends.mha.set_fastpath_enabled(False)  # no fast path
for line in audit(theirs_int8, text).rows:
    print(f"{line.name:18}  {line.runs_in:7}  {line.weight_bits} bits")

# %% [markdown]
# An **audit** has a row for each module that holds weights. An int8 layer of which it saw no operator, because it did not run, would be `unknown`. Here two rows say int8, and the whole attention is float. The row of `out_proj` is read off the module: the attention does not call it, but reads its weights.
#
# ### The repair
#
# The line finds modules. So write the attention with modules. The course's `EncoderLayer` does, and its `forward` contains
#
# ```python
# qkv = self.qkv(x)  # nn.Linear(768, 3 * 768): one call for queries, keys and values
# ...
# attended = F.scaled_dot_product_attention(q, k, v)
# x = self.norm1(x + self.out(attended))
# ```
#
# The trained weights move in under their new names. Then come three checks, in this order: in float both compute the same, the audit sees int8, and the int8 output is close to float. Without the first, a weight in the wrong place looks like rounding. A copy that was never quantized passes the third check best.

# %% tags=["legacy"]
new_names = {"self_attn.in_proj_": "qkv.", "self_attn.out_proj": "out", "linear1": "up", "linear2": "down"}
state = theirs.state_dict()
for old, new in new_names.items():
    state = {name.replace(old, new): weight for name, weight in state.items()}
ours = EncoderLayer(768, 12, 3072).eval()
ours.load_state_dict(state)
ours_int8 = quantize_dynamic(ours, {nn.Linear})

print(f"1. in float the largest difference is {(ours(text) - theirs(text)).abs().max():.7f}")
print(f"2. layers in int8: {audit(ours_int8, text).count('int8')} of 4")
print(f"3. in int8 the largest difference is {(ours_int8(text) - theirs(text)).abs().max():.3f}")

# %% [markdown]
# ### Is anything left?
#
# In attention each token compares its query with the keys of all tokens, and adds up their values.
#
# **Predict.** All four linear layers are int8 now. Which product is still float: **A** none, **B** those inside the attention, **C** one in each linear layer?

# %% products tags=["hide-input"]
# Draws the products of both layers after the line, in the order of their calls.
show.products({"PyTorch's layer": operators(theirs_int8, text), "repaired": operators(ours_int8, text)})

# %% [markdown] tags=["answer"]
# **Those inside the attention (B), because neither factor is a weight.** Queries, keys and values differ with each text, so no module holds this product.

# %% [markdown]
# The audit has no row for this product: only the operators show it. Three reasons explain most of what stays float:
#
# | reason | examples | remedy |
# |---|---|---|
# | it is nobody's child | a layer alone; a parameter that `forward` multiplies with | a `Sequential`; an `nn.Linear` for it |
# | its type is not on the list | a convolution; a class derived from `Linear` | another method ([[static]]); the plain class |
# | it has no weights | queries times keys | none by the line |

# %% [markdown]
# ## 5. What does the float part cost?
#
# A layer takes 10 ms: 8 in linear layers, 2 in the attention. Let the line make the linear layers four times as fast: 2 + 2 = 4 ms. So the layer is 10 / 4 = 2.5 times as fast.
#
# The linear layers do the same work for each token. The attention compares each token with all others, so it does more for each if there are more of them.
#
# **Predict.** In a text four times as long each part takes 32 ms. How many times as fast does the same line make the layer now: **A** 4, **B** 2.5, **C** 1.6?

# %% [markdown] tags=["answer"]
# **1.6 times (C), because 64 ms become 8 + 32 = 40 ms.** The float part has not changed, and it is now most of the time.

# %% [markdown]
# Even linear layers that take no time at all would leave the 32 ms. So 64 / 32 = 2 is the most that *any* int8 linear layer can bring here: **the whole time over the float part**. This is *Amdahl's law*, and you can work it out before you quantize anything. The profiler gives the time of each operator, too:


# %%
def milliseconds(model, x):
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        model(x)
    return {event.key: event.self_cpu_time_total / 1000 for event in seen.key_averages()}


# %% [markdown]
# ### The same layer, two texts

# %% the_same_layer_two_texts tags=["hide-input"]
# Draws the time of the parts for 128 and 1,024 tokens, before and after the line, and prints the limit of the gain.
spent = show.parts(milliseconds, ours, ours_int8, (128, 1024))

# %% [markdown]
# Norms and GELU stay float as well: the grey part. With the longer text more is orange, and the limit is lower. **Count what stayed float, then weigh it with the inputs that you will have.**
#
# Sometimes float is what one wants. LLM.int8() keeps a few columns of its products in 16 bits on purpose, because single numbers in them are far larger than all others ([Dettmers et al., 2022](https://arxiv.org/abs/2208.07339)). An audit does not ask for int8 everywhere. It asks whether you know what ran.

# %% [markdown]
# ## Exercise · What ran in int8?
# ★★ · 10 minutes
#
# Write `verdicts`. It runs `model` on `x` and returns a dictionary: for each module that the audit lists with weights, its name and one of four texts. `"int8"` and `"unknown"` are what the audit says. All else is `"stores int8, computes float"` if its weights take 8 bits, and `"float"` if not.
#
# <details><summary>Hint</summary>
#
# `audit(model, x).rows` has a row for each module, with `row.name`, `row.runs_in` and `row.weight_bits`. In a static model it also lists what only converts, and has no weights: there `weight_bits` is `None`. Without `x` the audit only reads the model, and believes it.
#
# </details>


# %% tags=["exercise"]
def verdicts(model, x):
    """{name of a module with weights: "int8", "float", "stores int8, computes float" or "unknown"}"""
    raise NotImplementedError


# %% tags=["check"]
check.verdicts(verdicts)


# %% tags=["solution", "hide-cell"]
def verdicts_solution(model, x):
    found = {}
    for row in audit(model, x).rows:
        if row.weight_bits is None:
            continue
        if row.runs_in in ("int8", "unknown"):
            found[row.name] = row.runs_in
        elif row.weight_bits == 8:
            found[row.name] = "stores int8, computes float"
        else:
            found[row.name] = "float"
    return found


# %% [markdown]
# ## Remember
#
# - The line replaces children whose type is on its list, and says nothing about all else.
# - File, class and parameters can mislead; what was computed is told by the operators of a run.
# - What stays float bounds the gain: the whole time over the float part, with the inputs that you will have.

# %% [markdown]
# ## Scorecard
#
# What your run found, beside its bounds.

# %% tags=["scorecard"]
claims.show("audit")

# %% [markdown]
# ## Deeper
#
# ### Why is a narrow LSTM slower?
#
# In [[dynamic]] an LSTM of 128 units became slower in int8, although the audit says that all of it runs in int8. Does it cost so much to search a range in each of its 28 steps? Look at the other side of the comparison first. On many processors PyTorch computes an fp32 LSTM in *one* operator, a routine that takes all steps at once. The int8 LSTM is a loop of small operators. So the two differ in more than their bits. A **control** stands between them: fp32, forced into a loop.

# %% tags=["legacy"]
from course_utils.measure import timing

lstm, image = LSTMClassifier().eval(), torch.randn(1, 1, 28, 28)  # 128 units, 28 steps
lstm_int8 = quantize_dynamic(lstm)


def in_a_loop():
    with torch.backends.mkldnn.flags(enabled=False):  # without the library that has the routine
        return lstm(image)


ways = {"fp32": lambda: lstm(image), "fp32, in a loop": in_a_loop, "int8": lambda: lstm_int8(image)}
lstm_race = timing.compare(ways, rounds=9, device="cpu")
for way in ways:
    print(f"{way:16} {1000 * min(lstm_race.samples[way]):.2f} ms, the fastest of nine")

# %% [markdown]
# From the first row to the second you see what giving up the routine costs, and from the second to the third what int8 changes. Where int8 is faster than the loop in fp32, it has even won something back, searches and all. Then int8 is not to blame: its opponent is good. Where the first row is the fastest, leave such a narrow LSTM in fp32, unless you need the bytes.
#
# ### The rival: 16 bits in the file
#
# If only the download counts, you need no int8 operator, and no audit. Save the weights as 16-bit floats, and let `load_state_dict` bring them back to fp32.

# %%
import io

from course_utils import data
from course_utils.data import checkpoints

lenet, twin = (checkpoints.load("lenet_fashion_0") for _ in range(2))
halves = {name: weight.half() for name, weight in lenet.state_dict().items()}
twin.load_state_dict(halves)
images, labels = data.load("fashion_mnist", "test")
for name, net, state in (("fp32", lenet, lenet.state_dict()), ("16 bits", twin, halves)):
    torch.save(state, file := io.BytesIO())
    right = (net(images).argmax(1) == labels).float().mean()
    print(f"{name:8} {file.tell() / 1000:.0f} kB, {right:.1%} right")

# %% [markdown]
# Half of the bytes, about the same accuracy, and the same operators as before. int8 saves one more byte for each weight that it reaches, and may save time.
#
# ### Which types, which package, which device?
#
# You can name other types in the line's set. But for each type the line needs an int8 class to put in its place, and it looks for one in a dictionary. There is no entry for `nn.Conv2d`. If you ask for it, nothing happens, and the line again says nothing.
#
# The package of a class tells its kind. Modules of `torch.ao.nn.quantized.dynamic` take and give floats. Linear layers and convolutions of `torch.ao.nn.quantized` are static: they take and give integers ([[static]]). Older code says `torch.nn.quantized`; these are the same classes under their first name.
#
# "Quantized models run on the CPU only" is largely true of these two packages, and no longer of int8: torchao's layers run on a GPU as well ([[torchao]]). What the line left in float is ordinary PyTorch, and could be moved to a GPU. But then the numbers cross over at each border between a float and an int8 module, and each time they are copied.

# %% [markdown]
# **Sources.** PyTorch's [list of types](https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/quantize.py) and its [int8 classes](https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/quantization_mappings.py); A. Vaswani et al., *Attention is all you need*, 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762).
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** T. Dettmers et al., *LLM.int8()*, 2022, [arXiv:2208.07339](https://arxiv.org/abs/2208.07339). Projects: audit a model that you did not write; repair a whole `nn.TransformerEncoder`.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
