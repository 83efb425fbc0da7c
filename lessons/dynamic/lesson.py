# ---
# jupyter:
#   course:
#     promise: You will quantize a Transformer with one line of code, and say by measurement where this line pays.
#     seconds: 45
#     needs: [integers]
#     values:
#       bert: f"{bert_race.ratio('int8'):.1f}"
#     goals:
#       - say what an int8 layer does at each call, and compute it by hand;
#       - choose by measurement the layers for which the line pays;
#       - foresee the size of the file, and find out whether the model still gives the same answers.
#     terms: [dynamic quantization, eager, packed weights, trace]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *One line of code. When does it pay?*

# %% tags=["setup", "hide-input"]
# Sets a seed, one thread and the int8 engine, switches gradients off, and hides the warnings of the older interface.
import torch

from course_utils import legacy_int8, runtime
from course_utils.scorecard import claims
from lessons.dynamic import checks as check
from lessons.dynamic import show

runtime.seed_all(0)
torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations()
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. One line, two networks
#
# You have a trained model that is too large and too slow, no training data at hand, and one afternoon.
#
# In [[integers]] you rounded the weights of a network to 8 bits, and the file became nearly four times smaller. The network did not become faster: it turned the integers back into floats before it computed. PyTorch has one line that also *computes* with the integers. You name the type of layer to replace, and it returns a copy. This is lever 3 of [[energy]].
#
# We try it on a Transformer with the shape of BERT-base ([Devlin et al., 2019](https://arxiv.org/abs/1810.04805)): 12 layers, 768 wide, and it reads 128 tokens, which are words or their parts. Its weights are random, which changes neither the bytes nor the time.

# %% tags=["legacy"]
import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

from course_utils.int8_routes import networks

# %% one_line_two_networks tags=["legacy"]
bert, ids = networks.bert().model, torch.randint(100, (1, 128))  # a text of 128 tokens
bert_int8 = quantize_dynamic(bert, {nn.Linear}, dtype=torch.qint8)  # the line

# %%
from course_utils.measure import timing


def race(fp32, int8, x):
    """Time two models in turn; ratio("int8") is the time of fp32 over that of int8."""
    return timing.compare({"fp32": lambda: fp32(x), "int8": lambda: int8(x)}, rounds=9, device="cpu")


# %% one_line_two_networks_2
bert_race = race(bert, bert_int8, ids)
print(f"{bert_race.ratio('int8'):.1f} times as fast as plain fp32, one thread")

# %% [markdown]
# On the x86 processors that we tried it is two to six times as fast. Always say what a speed-up is compared with.

# %% [markdown]
# ### The same line, an old friend
#
# Now the line meets the trained LeNet of [[integers]]. What int8 makes faster is the product of weights and inputs alone, and nothing around it. The linear layers of BERT have 85 million weights, those of LeNet 59 thousand.
#
# **Predict.** One picture, the same line. With int8 LeNet is **A** several times as fast, too, **B** faster, but by less, **C** slower?

# %% tags=["legacy"]
from course_utils import data
from course_utils.data import checkpoints

images, _ = data.load("fashion_mnist", "test")
lenet = checkpoints.load("lenet_fashion_0")
lenet_int8 = quantize_dynamic(lenet, {nn.Linear}, dtype=torch.qint8)
lenet_race = race(lenet, lenet_int8, images[:1])

# %% the_same_line_an_old
print(f"LeNet: {lenet_race.ratio('int8'):.1f} times as fast")

# %% [markdown] tags=["answer"]
# **C: LeNet becomes slower, because each call of an int8 layer has a price of its own.**

# %% [markdown]
# One network wins, and the other loses. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# > PyTorch calls `torch.ao.quantization` and `torch.jit` *deprecated*: they work, and they will go one day. [[torchao]] shows the successor, which rests on the same idea.

# %% [markdown]
# ## 2. What happens at a call
#
# To multiply integers, a layer needs them on both sides. The weights are known beforehand, and are rounded once. The inputs are new at every call. Where does *their* scale come from?
#
# You can try some examples and keep the scale that fits them. That is *static* quantization ([[static]]). Or you wait until the numbers arrive, look for the lowest and the highest, and choose the scale for this one call. That is **dynamic quantization**.

# %% way_of_a_call tags=["hide-input"]
# Draws the way of one call.
show.way_of_a_call()

# %% [markdown]
# ### Three numbers by hand
#
# A layer has one output and the weights 0.4, −0.2 and 0.5. They are stored as the integers 4, −2 and 5 with the scale 0.1. Now the inputs −1, 0.3 and 2 arrive.
#
# To keep the numbers small we allow only three steps, so that the integers of the input go from 0 to 3.

# %% [markdown]
# 1. *Search the range:* −1 to 2 in three steps: the scale is 3 / 3 = 1. Zero lies one step above −1: the zero point is 1.
# 2. *Round:* −1, 0.3, 2 become 0, 1, 3.
# 3. *Take the zero point off, and multiply*: −1 · 4 + 0 · (−2) + 2 · 5 = 6.
# 4. *Back to float:* 6 · 1 · 0.1 = **0.6**. In floats −0.4 − 0.06 + 1 = **0.54**.
#
# Without their zero point the inputs are 0 − 1 = −1, 1 − 1 = 0 and 3 − 1 = 2. The weights have none. A step of the input is worth 1, and a step of a weight 0.1. PyTorch has 127 or 255 steps where we had three, so it comes much closer.

# %% [markdown]
# Is this really all that PyTorch does? We take the int8 weights out of a layer and go through the four steps ourselves. The line replaces layers *inside* a model, so our layer stands in a `Sequential`.

# %% tags=["legacy"]
layer = nn.Sequential(nn.Linear(64, 32))
layer_int8 = quantize_dynamic(layer, {nn.Linear}, dtype=torch.qint8)[0]
weight = layer_int8.weight()  # integers, int_repr(), and their scale, q_scale()
x = torch.randn(5, 64) + 0.5

for steps in (127, 255):
    scale = (x.max() - x.min()) / steps  # 1. search the range
    zero = torch.round(-x.min() / scale).int()
    integers = torch.round(x / scale).int() + zero  # 2. round
    sums = (integers - zero) @ weight.int_repr().int().T  # 3. multiply
    by_hand = sums * scale * weight.q_scale() + layer_int8.bias()  # 4. back to float
    print(f"{steps} steps: largest difference {(by_hand - layer_int8(x)).abs().max():.7f}")

# %% [markdown]
# One of the two printed results agrees down to the last digits of a float. So the four steps and the bias give PyTorch's result. The choice between 127 and 255 is up to the *engine*, the library that multiplies.
#
# **Try it.** Change `+ 0.5` to `+ 10` and run the cell again. Does one of the two lines still fit?
#
# <details><summary>What others found</summary>
#
# Neither does. Now all inputs lie far above 0, and we let the range begin at the lowest of them. PyTorch's range always reaches to 0, so that 0 has an integer of its own. Write `x.min().clamp(max=0)` in both places, and one line fits again.
#
# </details>
#
# Dynamic quantization has this strength: if an input is ten times as large, so is its scale, where a fixed scale would cut most of it off.

# %% [markdown]
# ## 3. For which layers does it pay?
#
# Suppose that an fp32 call takes 1 µs, and 4 µs more for each 250,000 weights. An int8 call takes 4 µs before it multiplies anything, but then only 1 µs more for the same weights.
#
# | layer | weights | fp32 | int8 |
# |---|---|---|---|
# | LeNet, 400 → 120 | 48,000 | 1 + 0.8 = **1.8 µs** | 4 + 0.2 = **4.2 µs** |
# | 500 → 500 | 250,000 | 1 + 4 = **5 µs** | 4 + 1 = **5 µs** |
# | BERT, 768 → 3,072 | 2,359,296 | 1 + 37.7 = **38.7 µs** | 4 + 9.4 = **13.4 µs** |

# %% [markdown]
# Here size decides. These numbers are made up. Now we measure.


# %% tags=["legacy"]
def race_layer(layer, rows=1):
    alone, x = nn.Sequential(layer), torch.randn(rows, layer.in_features)
    return race(alone, quantize_dynamic(alone, {nn.Linear}, dtype=torch.qint8), x)


races = {width: race_layer(nn.Linear(width, width)) for width in (8, 32, 128, 256, 512, 1024)}

# %% [markdown]
# ### Do the lines cross?
#
# A square layer, one row of input, called from Python.

# %% price_curves tags=["hide-input"]
# Draws the time of a call over the width of the layer.
show.price_curves(races)

# %% [markdown]
# From width 8 to 128 the weights grow 256-fold, and the int8 call takes hardly any longer: nearly all of its time is the fixed price. The orange line begins far lower and climbs. Here it crosses the blue one further to the right.

# %% [markdown]
# ### What is this price?
#
# Is it the searching and rounding? A *trace*, a recorded program, searches and rounds too, but without Python between the layers. We call 100 layers, 64 → 64, in both ways.

# %% tags=["legacy"]
deep, row = nn.Sequential(*(nn.Linear(64, 64) for _ in range(100))), torch.randn(1, 64)
deep_int8 = quantize_dynamic(deep, {nn.Linear}, dtype=torch.qint8)
traced, traced_int8 = torch.jit.trace(deep, row), torch.jit.trace(deep_int8, row)
ways = {"from Python": race(deep, deep_int8, row), "in a trace": race(traced, traced_int8, row)}

# %% what_is_this_price tags=["hide-input"]
# Prints the times of both ways.
for way, timed in ways.items():
    print(f"{way:11}  fp32 {timed.median_ms('fp32'):.2f} ms, int8 {timed.median_ms('int8'):.2f} ms")

# %% [markdown]
# In this trace int8 is far faster than before. So here most of the price is Python, and the way from it into the int8 routine. **Decide first how your model will run, and measure it in that form.**

# %% [markdown]
# ### Your layers, your rows
#
# Product and rounding grow with the rows. So measure *your* layers with *your* rows:

# %%
gains = {}
for rows in (1, 256):
    for name, layer in lenet.named_modules():
        if isinstance(layer, nn.Linear):
            gains[rows, name] = race_layer(layer, rows).ratio("int8")

# %% your_layers_your_rows tags=["hide-input"]
# Prints the gain of each layer.
for (rows, name), gain in gains.items():
    print(f"{rows:3} rows, {name}: {gain:.1f} times as fast")

# %% [markdown]
# For one picture no layer pays. With 256 at once the largest one comes off best here. To choose layers, put their *names* into the set. A name that matches nothing is skipped without a word:

# %% your_layers_your_rows_2 tags=["legacy"]
only_fc1 = quantize_dynamic(lenet, {"fc1"}, dtype=torch.qint8)

# %% [markdown]
# A layer that loses time still saves bytes, so know which of the two you need.
#
# The line replaces what the set names, and nothing else. Convolutions, embeddings, norms, the softmax and the products inside attention stay float. The int8 layers run on the CPU alone.
#
# What stays float bounds the gain. Suppose that the linear layers of a model take 80 of its 100 ms, and that they become four times as fast. Then 20 + 20 = 40 ms remain, and the model is only 2.5 times as fast.

# %% [markdown]
# ## 4. How small does the file get?
#
# An int8 weight takes one byte, an fp32 weight takes four. A model with 8 MB of linear layers and 2 MB of embeddings shrinks to 2 + 2 = 4 MB, which is 2.5 times smaller.
#
# **Predict.** Beside the 85 million weights in linear layers, our Transformer has 24 million in embeddings, the tables of vectors for all known tokens and positions. How many times smaller does its file get: **A** 4.0, **B** 3.5, **C** 2.4?

# %%
import io


def megabytes(model):
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.tell() / 1e6


# %% how_small_does_the_file
print(f"fp32 {megabytes(bert):.0f} MB, int8 {megabytes(bert_int8):.0f} MB")

# %% [markdown] tags=["answer"]
# **C: 2.4 times, because the embeddings stay float.** The linear layers shrink to 85 MB, but the embeddings keep their 4 · 24 = 96 MB. They are now the larger half of the file.

# %% [markdown]
# Can embeddings be quantized as well? A table is read, and not multiplied, so there is nothing to compute in integers. But each row can be *stored* in 8 bits, with a scale of its own. We take a second line, with `quint8`; the u says that the integers begin at 0:

# %% tags=["legacy"]
bert_small = quantize_dynamic(bert_int8, {nn.Embedding}, dtype=torch.quint8)
print(f"embeddings too: {megabytes(bert_small):.0f} MB")

# %% [markdown]
# Now the file is four times smaller.
#
# Such a file fits only into a model in which the same layers were quantized. So build the model, run the line over its random weights, and load. An int8 layer cannot be trained any more.

# %% tags=["legacy"]
from course_utils import models

torch.save(lenet_int8.state_dict(), "lenet_int8.pt")
fresh = quantize_dynamic(models.LeNet(), {nn.Linear}, dtype=torch.qint8)
fresh.load_state_dict(torch.load("lenet_int8.pt"))

# %% [markdown]
# ## 5. Does it still answer the same?
#
# You have no labels. But you can ask whether int8 gives the *same* answers as fp32. We run LeNet as it will be used, in batches of 64. One scale serves the whole call.

# %% [markdown]
# **Predict.** Somebody forgets to divide one picture of each batch by 255, so its pixels are 255 times too large. How often do the *other* 63 still get fp32's answer in int8: **A** in more than nine of ten cases, **B** in seven to nine, **C** in fewer than seven?


# %%
def answers(model, factor=1):
    """The answers to all pictures but the first of each batch, which is multiplied by the factor."""
    batches = [torch.cat([factor * batch[:1], batch[1:]]) for batch in images.split(64)]
    return torch.cat([model(batch).argmax(1)[1:] for batch in batches])


before = answers(lenet)
same = {factor: (answers(lenet_int8, factor) == before).float().mean() for factor in (1, 10, 100, 255)}

# %% does_it_still_answer_the tags=["hide-input"]
# Prints how many answers stay the same, and the same for fp32 with the largest factor.
for factor, share in same.items():
    print(f"int8, one picture × {factor:3}: {share:6.1%} the same")
print(f"fp32, one picture × 255: {(answers(lenet, 255) == before).float().mean():6.1%} the same")

# %% [markdown] tags=["answer"]
# **C, because all pictures of a batch share one scale.** The bright picture makes its steps so long that the others are rounded coarsely. In fp32 no picture notices its neighbours.

# %% [markdown]
# By hand: let one number of a call be 100, and let all others lie between −1 and 1. The range is 101 long, so one of 127 steps is 101 / 127 = 0.8 long. All other numbers become −1, 0 or 1 step, and most of their detail is gone.
#
# The first row is the test that you came for: a few answers in a thousand changed, so the accuracy cannot have fallen by more. The row for × 255 is a warning: with one scale for the call an answer can depend on the rest of its batch. Check the inputs before they reach the model, and test it on batches like those that you will serve.

# %% [markdown]
# ## Exercise · Shrink what pays
# ★★ · 10 minutes
#
# Write `shrink`. It returns a copy of `model`. Each `nn.Linear` inside it becomes dynamic int8 (`qint8`) if `pays(layer)` is true, and each `nn.Embedding` gets 8 bits (`quint8`). All else stays float, and `model` itself does not change.
#
# Then let your measurement choose, `small = shrink(lenet, lambda layer: race_layer(layer, 256).ratio("int8") > 1)`, and print the `megabytes` of both.
#
# <details><summary>Hint</summary>
#
# Collect the names first: `model.named_modules()` gives names and modules. With an empty set nothing is replaced. With sets, the two types of integers take two calls.
#
# </details>
#
# <details><summary>What others found on LeNet</summary>
#
# On x86 processors, with 256 rows, the rule takes `fc1`, on some `fc2` as well, and the file gets 2.4 or 3.4 times smaller. With one row it takes nothing.
#
# </details>


# %% tags=["exercise"]
def shrink(model, pays):
    """A copy of model: int8 linear layers where pays(layer) is true, embeddings in 8 bits, all else float."""
    raise NotImplementedError


# %% tags=["check"]
check.shrink(shrink)


# %% tags=["solution", "hide-cell", "legacy"]
def shrink_solution(model, pays):
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    chosen = {name for name, layer in linear.items() if pays(layer)}
    small = quantize_dynamic(model, chosen, dtype=torch.qint8)
    return quantize_dynamic(small, {nn.Embedding}, dtype=torch.quint8)


# %% [markdown]
# ## Remember
#
# - Dynamic quantization rounds the weights once and the inputs at every call, in PyTorch's line with one scale for the call; it needs no data and no training.
# - From Python an int8 layer has a fixed price, so measure your layers with your rows, in the form in which they will run. In the end the time of the whole model decides.
# - What stays float bounds the gain, in bytes and in time, and only a test on batches like yours tells whether the answers stay the same.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("dynamic")

# %% [markdown]
# ## Deeper
#
# ### Faster than which fp32?
#
# We compared with **eager** fp32, which computes operation by operation. But the line changes more than the type of the numbers. It may also move the layers to another library, which arranges the weights beforehand in the order in which it reads them: they are **packed**. fp32 can have that, too, it can be compiled, and bfloat16 needs no scales at all. So the course timed the BERT shape against better opponents, with one thread. The Xeon has no instructions for bfloat16, the AMD processor has.
#
# | times as fast as eager fp32 | Intel Xeon | AMD EPYC |
# |---|---|---|
# | fp32, packed | 1.05 | 1.21 |
# | fp32, compiled and frozen | 1.19 | 1.08 |
# | bfloat16, compiled and frozen | 0.26 | 2.31 |
# | int8, dynamic | 2.49 | 3.56 |
#
# On the AMD processor bfloat16 brings more than half of what int8 brings. In bfloat16 each number keeps an exponent of its own, so no picture can spoil its neighbours. Try it first where your processor has it.
#
# ### LSTMs and GRUs
#
# Without a set, `quantize_dynamic(model)` replaces linear layers, LSTMs, GRUs and the cells of RNNs. An LSTM of 128 units reads a picture of Fashion-MNIST row by row. In int8 its file shrank from 331 to 89 kB. It answered more slowly, at 0.6 times the speed. Its 28 steps are one call, so this is not the price of section 3: [[audit]] finds the cause.
#
# Wide LSTMs win: with 1,024 units int8 was several times as fast here.
#
# To load such a file, `torch.load` needs `weights_only=False`. Load in this way only what you wrote yourself ([[baseline]]).
#
# ### A scale for each output
#
# By default all weights of a layer share one scale. With `quantize_dynamic(model, {nn.Linear: per_channel_dynamic_qconfig})` each output gets its own.

# %% [markdown]
# **Sources.** The BERT example follows *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris Gottbrath and Seth Weidman; the interface is documented under [`quantize_dynamic`](https://docs.pytorch.org/docs/stable/generated/torch.ao.quantization.quantize_dynamic.html).
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** O. Zafrir et al., *Q8BERT*, 2019, [arXiv:1910.06188](https://arxiv.org/abs/1910.06188); D. Khudia et al., *FBGEMM*, 2021, [arXiv:2101.05615](https://arxiv.org/abs/2101.05615). Projects: a pre-trained BERT on a task of GLUE, with its embeddings in 8 bits; the figure of section 3 on a small ARM board.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
