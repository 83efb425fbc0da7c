# ---
# jupyter:
#   course:
#     promise: You will find out what really ran in int8, repair a case, and predict what the rest costs.
#     seconds: 25
#     needs: [dynamic]
#     goals:
#       - say which layers `quantize_dynamic` finds, and why it passes over others;
#       - use the names of operators to list what ran in int8 and what in float;
#       - repair one case, and predict how much of the gain the float part leaves.
#     terms: [audit, operator]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Did it run in int8?*

# %% tags=["setup", "hide-input"]
# Sets a seed, one thread and the int8 engine, switches gradients off, and hides the warnings of the older interface.
import warnings

import torch

from course_utils import claims, legacy_int8, runtime
from lessons.audit import show
from lessons.audit import tasks as check
from lessons.audit.experiment import attend, counted

runtime.seed_all(0)
torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations()
warnings.filterwarnings("ignore", "TF32")  # said where another library is switched off
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. One call, four models
#
# In [[dynamic]], `quantize_dynamic` returned a copy of a model with int8 layers. If you name no types, the function takes its own list, and linear layers and LSTMs are on it.
#
# An int8 weight takes one byte and an fp32 weight four, so the file should become nearly four times smaller. Let's try a linear layer, an LSTM, PyTorch's attention, and our small CNN.

# %%
import copy

import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

from course_utils.models import SmallCNN

# %% one_line_four_models
four = {"linear": nn.Linear(256, 256), "LSTM": nn.LSTM(256, 256)}
four |= {"attention": nn.Sequential(nn.MultiheadAttention(256, 4)), "CNN": SmallCNN()}

# %% one_line_four_models_2 tags=["legacy"]
for name, model in four.items():
    print(f"{name:9} {show.times_smaller(model, quantize_dynamic(model)):.2f} times smaller")

# %% [markdown]
# Hardly anything happened, and there was no error. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Which layers `quantize_dynamic` finds
#
# How does the function look for layers? A model is a tree, with the model itself as its root: a module keeps other modules as attributes, its *children*, and they can have children of their own. `quantize_dynamic` walks through this tree, and asks of each child: is its type on my list? If so, it puts an int8 layer into the parent's attribute, in place of the child. If not, it looks at the child's own children. On the list are linear layers, LSTMs, GRUs and the cells of recurrent networks. Convolutions aren't, because PyTorch's developers found them too inaccurate in this form.
#
# Let's walk by hand through `Sequential(Linear, MultiheadAttention)`:
#
# | child | its type | what happens |
# |---|---|---|
# | `0` | `Linear` | replaced |
# | `1` | `MultiheadAttention` | look inside |
# | `1.out_proj` | `NonDynamicallyQuantizableLinear` | nothing, no children |
#
# Our first model in section 1, `nn.Linear(256, 256)`, stayed float, although its type is on the list.
#
# **Predict.** What is the cause: **A** the layer has no parent, **B** it's too small, **C** its weight isn't a module?

# %% [markdown] tags=["answer"]
# **It has no parent (A), because the layer is the root of the tree, and only children are replaced.** The LSTM stayed float for the same reason.

# %% [markdown]
# In the CNN, only the last layer is linear, and it holds about one in a hundred of the weights.
#
# **Try it.** Where the four models are made, wrap the linear layer and the LSTM in an `nn.Sequential(…)` each, and run that cell and the next one again.
#
# <details><summary>What others found</summary>
#
# Both files become nearly four times smaller, because the layers are children now.
#
# </details>
#
# The attention stayed float for two other reasons. It multiplies its inputs by three matrices, and keeps them in one *parameter*. A parameter isn't a module, so the function never meets it.
#
# The attention's last layer, `out_proj`, is a child. But its type is derived from `Linear`, and the function asks whether a type *is* on the list, not whether it's derived from one that is. So any class that you derive from `nn.Linear` stays float, too. That's cautious, because an int8 layer would drop whatever your class adds.

# %% [markdown]
# ## 3. Which operators ran
#
# The file showed us what had *not* been converted. But a small file would only tell us that integers are stored. Are they multiplied, too?
#
# In the end, every module calls **operators**, compiled functions that do the arithmetic. PyTorch's int8 layers use a dedicated operator, `quantized::linear_dynamic` for example, so the names of the operators tell us which arithmetic ran. PyTorch's *profiler* watches a run, and notes how often each operator was called, and how long it took by itself, without the operators that it calls. We print the five that took longest. It's a single run, so the times will vary. The names stay the same on one machine.

# %% operators
from torch.profiler import ProfilerActivity, profile


def operators(model, x):
    model(x)  # the first call prepares things, and takes longer
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        model(x)
    events = sorted(seen.key_averages(), key=lambda event: -event.self_cpu_time_total)
    for event in events[:5]:
        print(f"{event.self_cpu_time_total / 1e3:7.3f} ms  {event.count} × {event.key}")


# %% ask_the_operators
layer, rows = nn.Sequential(nn.Linear(256, 256)), torch.randn(64, 256)
operators(layer, rows)

# %% ask_the_operators_2 tags=["legacy"]
operators(quantize_dynamic(layer), rows)

# %% [markdown]
# In float, `aten::addmm` is at the top, a matrix multiplication (*mm*) that adds the bias. In int8, `quantized::linear_dynamic` is at the top.
#
# ### Only the weights in int8
#
# torchao, the successor of `quantize_dynamic`, can also store *only* the weights in int8. The inputs stay float.
#
# **Predict.** What does such a layer multiply: **A** integers by integers, **B** integers by floats, **C** floats by floats?

# %% stored_or_computed
from torchao.quantization import Int8WeightOnlyConfig, quantize_

stored = copy.deepcopy(layer)
quantize_(stored, Int8WeightOnlyConfig())
operators(stored, rows)

# %% [markdown] tags=["answer"]
# **Floats by floats (C), because `aten::mm` multiplies two matrices of one type, and the inputs are floats.** So in each call the layer has to turn its integers into floats first. This layer *stores* int8, which makes the file small, and *computes* float.

# %% [markdown]
# ## 4. Repair an attention
#
# Now let's check a real model. A Vision Transformer ([Dosovitskiy et al., 2020](https://arxiv.org/abs/2010.11929)) cuts a picture into patches, and describes each by a row of numbers, 768 in the base model. We'll use one of torchvision's blocks, with random weights, and a picture of 256 patches. In its *attention* ([[attention]]), each patch asks, and all patches answer. Each patch gets a mean of the answers, in which well-matching patches weigh most. Then two linear layers work on each patch by itself.

# %% audit_of_a_block tags=["legacy"]
from torchvision.models.vision_transformer import EncoderBlock

block, x = EncoderBlock(12, 768, 3072, dropout=0.0, attention_dropout=0.0).eval(), torch.randn(1, 256, 768)
operators(quantize_dynamic(block), x)

# %% [markdown]
# Only the two layers behind the attention are int8. What multiplies floats? `aten::mm` makes for each patch a *query* (what it asks), a *key* (what it's compared by) and a *value* (its answer), and `aten::addmm` is `out_proj`. Between them, `aten::bmm`, a batch of matrix multiplications, runs twice: the first multiplies queries by keys, which tells how well each pair of patches matches, and the second takes the weighted means. Such a list of what ran in int8 and what in float is an **audit**.
#
# The function finds modules, so let's write the attention with modules. `qkv` takes over the parameter, and `out` is a plain linear layer with the weights of `out_proj`. What happens between them needs no weights: our function `attend` splits the output of `qkv` into queries, keys and values of 12 *heads*, attentions side by side, and hands them to PyTorch's `scaled_dot_product_attention`.


# %% the_repair
class Attention(nn.Module):
    def __init__(self, old):
        super().__init__()
        self.qkv, self.out = nn.Linear(768, 3 * 768), nn.Linear(768, 768)
        self.qkv.weight, self.qkv.bias = old.in_proj_weight, old.in_proj_bias
        self.out.weight, self.out.bias = old.out_proj.weight, old.out_proj.bias

    def forward(self, x, *others, **options):
        return self.out(attend(self.qkv(x), heads=12)), None  # the block expects a pair


# %%
ours = copy.deepcopy(block)
ours.self_attention = Attention(block.self_attention)
ours_int8 = quantize_dynamic(ours)

# %% [markdown]
# Is the repair right? First, in *float*, both blocks have to give the same, up to a difference far below 0.0001. Otherwise a weight in the wrong place could later be mistaken for a rounding error. Second, the operators have to be those of int8. Third, the int8 outputs have to be close to those in float. This check comes last, because a copy that was never quantized would pass it best.

# %% the_checks tags=["hide-input", "legacy"]
# Makes the three checks.
print(f"1. in float, the largest difference is {(ours(x) - block(x)).abs().max():.6f}")
print("2. in int8, the operators are")
operators(ours_int8, x)
print(f"3. in int8, the largest difference is {(ours_int8(x) - block(x)).abs().max():.2f}")
print(f"   and the largest output is {block(x).abs().max():.2f}")

# %% [markdown]
# All four linear layers are int8. The int8 outputs differ by about a hundredth of the largest output. That alone proves little, because a block adds to its input what the attention gives, and with random weights that's little. Had the attention given only zeros, the difference would only be about three hundredths. Check 1 would have found it.
#
# One operator still multiplies matrices of floats. PyTorch's own attention called `aten::bmm` twice. Our `scaled_dot_product_attention` does both products, and the softmax between them, in one operator. `quantize_dynamic` can't convert it, because no factor of these products is a weight: queries, keys and values are new for each picture, so no module holds them.

# %% [markdown]
# ## 5. What the float part costs
#
# Take round numbers. Sixteen small pictures of 64 patches take 32 ms in the linear layers, and 1 ms in the float part, let's say all of it in the attention. Int8 makes the linear layers twice as fast. Then 16 + 1 = 17 ms are left of 33, so the block is 1.9 times as fast.
#
# Now take *one* large picture with as many patches as those sixteen together, 1,024. The linear layers work on each patch by itself, so they take 32 ms as before. But the attention compares each patch with all patches of its picture, so now with 1,024 instead of 64. So the float part takes sixteen times as long, 16 ms.
#
# **Predict.** How many times as fast does int8 make the block now: **A** 1.5, **B** 1.7, **C** 1.9?

# %% [markdown] tags=["answer"]
# **1.5 times (A), because 16 + 16 = 32 ms are left of 32 + 16 = 48.** The float part doesn't get faster when the rest is int8, and now it's half of what is left.

# %% [markdown]
# What is the largest possible speed-up? Even if the linear layers took no time, the float part would remain. So the limit is **the whole time, divided by the time of the float part**: 33 / 1 = 33 for the small pictures, and 48 / 16 = 3 for the large one. This is *Amdahl's law*.
#
# How close does our block come to its limit? We time its parts, for both kinds of input.

# %% small_and_large tags=["hide-input"]
# Times the parts of the block, in float and in int8, and draws them; then prints the limit and the gain.
large = torch.randn(1, 1024, 768)
spent = show.parts(ours, ours_int8, {"16 small pictures": torch.randn(16, 64, 768), "1 large picture": large})

# %% [markdown]
# For each input, the two float parts, the attention and the grey rest, together take about as long beside int8 as beside float, because they do the same work in both. In the large picture the attention takes several times as long, so the limit falls. If int8 makes the linear layers faster on your processor, the gain falls as well.
#
# Why are the gains so far below the limits? The limit lets the linear layers take no time at all, but blue still takes time.
#
# So before you quantize, work out the limit from the float model's profile, with the inputs that you'll have. In the exercise you'll do it for `hers`, a colleague's copy of our block. Here's its profile for the large picture, in float. The linear layers are the rows `aten::addmm` and `aten::copy_`, because each of the four first copies its bias to where its result will be. The other rows will stay float.

# %% hers tags=["hide-input"]
# Makes the colleague's block, and prints its operators in float.
hers = counted(ours)
operators(hers, large)

# %% [markdown]
# ## Exercise · A class of her own
# ★★ · 10 minutes
#
# In `hers`, the linear layers count their calls. They are of the colleague's class `Counted`, derived from `nn.Linear`, so `quantize_dynamic` passes over them.
#
# Write `to_int8(model, kind)`: an int8 copy in which layers of the derived class `kind` are int8, too. The copy doesn't have to count. The model itself may be such a layer.
#
# Then use the profile above to work out the largest possible speed-up for the large picture. Try `show.race(hers, to_int8, large)`.
#
# <details><summary>Hint</summary>
#
# Put a copy of the model into an `nn.Sequential`, the `root`. For each `parent` in `list(root.modules())`, a list made before the tree changes, and each `name, child` in `parent.named_children()`, ask for `type(child)`. With `setattr`, put a plain `nn.Linear` with the same weight and bias in its place. Then quantize the root.
#
# </details>
#
# <details><summary>What others found</summary>
#
# Divide the sum of all rows by the sum of those that stay float. Limit and gain are roughly those in section 5, because only the class has changed.
#
# </details>


# %% tags=["exercise"]
def to_int8(model, kind):
    """An int8 copy of the model; its layers of the class `kind`, derived from nn.Linear, are int8, too."""
    raise NotImplementedError


# %% tags=["check"]
check.to_int8(to_int8)


# %% tags=["solution", "hide-cell"]
def to_int8_solution(model, kind):
    model = nn.Sequential(copy.deepcopy(model))
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is kind:
                plain = nn.Linear(child.in_features, child.out_features)
                plain.weight, plain.bias = child.weight, child.bias
                setattr(parent, name, plain)
    return quantize_dynamic(model, {nn.Linear})


# %% [markdown]
# ## Remember
#
# - `quantize_dynamic` replaces children whose type is exactly one of its list, and says nothing about the rest.
# - A file only tells what is stored. To see what was computed, look at the operators of a run.
# - What stays float limits the gain to the whole time, divided by the time of the float part.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("audit")

# %% [markdown]
# ## Deeper
#
# ### Why is a narrow LSTM slower in int8?
#
# An LSTM of 128 units can become slower in int8, although its matrices are multiplied in int8. Is it the search for a range in each of its 28 steps? Look at its opponent first. On many processors PyTorch computes an fp32 LSTM in *one* operator, which takes all the steps, and the int8 LSTM is a loop of small operators. So there's a second difference. As a **control**, we force fp32 into such a loop.

# %% tags=["legacy"]
from course_utils import timing
from course_utils.models import LSTMClassifier

lstm, image = LSTMClassifier().eval(), torch.randn(1, 1, 28, 28)
lstm_int8 = quantize_dynamic(lstm)


def in_a_loop():
    with torch.backends.mkldnn.flags(enabled=False):  # without the library that has the one operator
        return lstm(image)


ways = {"fp32": lambda: lstm(image), "fp32, in a loop": in_a_loop, "int8": lambda: lstm_int8(image)}
lstm_race = timing.compare(ways, rounds=9, device="cpu")
for way in ways:
    print(f"{way:16} {1000 * min(lstm_race.samples[way]):.2f} ms, the fastest of nine")

# %% [markdown]
# The second row over the first is the price of giving up the one operator. The third over the second is what int8 changes. Where int8 is faster than the loop, the searches aren't to blame, because even with them its steps take less time than fp32's. It's fp32's one operator that wins.
#
# ### PyTorch's own Transformer layer stops with an error
#
# Quantize an `nn.TransformerEncoderLayer` that was made with `batch_first=True`, run it, and you get `'function' object has no attribute 'device'`. In evaluation mode such a layer takes a *fast path*: it hands all its weights to one operator, without calling its linear layers. Before it does, it looks at the device of each weight. But in an int8 layer `weight` is a method, which has no device. Switch the fast path off with `torch.backends.mha.set_fastpath_enabled(False)`, and the layer calls its linear layers again. Its attention stays float, as in our block. It also reads the weight of `out_proj` without calling that layer, which is [why that layer has a type of its own](https://github.com/pytorch/pytorch/issues/58969).
#
# ### Other types, other devices, and 16 bits in the file
#
# You may name other types than those on the list. But for each type the function needs to know an int8 class to put in its place, and for `nn.Conv2d` it knows none. If you ask for it, nothing happens, without a warning. Convolutions need another method ([[static]]).
#
# The int8 layers of `quantize_dynamic` are in the package `torch.ao.nn.quantized.dynamic`, which older code calls `torch.nn.quantized`, and run on the CPU only. Those of torchao run on a GPU as well ([[torchao]]).
#
# If all you want is a smaller file, first try `{name: w.half() if w.is_floating_point() else w for name, w in model.state_dict().items()}`. It stores 16 bits for each float, half of the bytes, and it misses no layer. But a weight that two layers share is stored twice, because each `half()` makes a copy. After loading, `load_state_dict` makes floats of 32 bits again.

# %% [markdown]
# **Sources.** PyTorch's [list of types](https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/quantize.py) and its [int8 classes](https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/quantization_mappings.py). A. Dosovitskiy et al., *An image is worth 16x16 words*, 2020, [arXiv:2010.11929](https://arxiv.org/abs/2010.11929).
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** T. Dettmers et al., *LLM.int8()*, 2022, [arXiv:2208.07339](https://arxiv.org/abs/2208.07339). Projects: audit a model that you did not write; repair a whole Vision Transformer, and see whether it still gives the same answers.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## Integers from one layer to the next
#
# All but the last layer of our CNN stayed float. In [[static]] four lines from a recipe make all of it int8, pixels included. They run without an error, and the network is left guessing. What did the recipe forget?
