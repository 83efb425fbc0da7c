# ---
# jupyter:
#   course:
#     promise: You will quantize a Transformer with one line, and measure where that pays.
#     seconds: 40
#     needs: [integers]
#     values:
#       bert: f"{bert_race.ratio('int8'):.1f}"
#       lenet: f"{lenet_race.ratio('int8'):.1f}"
#     goals:
#       - say what an int8 layer does at each call, and compute it by hand;
#       - choose by measurement the layers for which int8 pays;
#       - foresee the size of the file, and find out whether the model still gives the same answers.
#     terms: [dynamic quantization, eager, packed weights, trace]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *One line of code makes a model int8. When does it pay?*

# %% tags=["setup", "hide-input"]
# Sets a seed, one thread and the int8 engine, switches gradients off, and hides the warnings of the older interface.
import torch

from course_utils import claims, legacy_int8, runtime
from lessons.dynamic import show
from lessons.dynamic import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)
torch.set_grad_enabled(False)  # the lesson only runs networks
legacy_int8.ignore_deprecations()
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. One network becomes faster, the other slower
#
# You have a trained model that is too slow, and no training data at hand. In [[integers]] we stored weights as 8-bit integers. The file became nearly four times smaller, but the network didn't become faster, because it turned the integers back into floats before it multiplied.
#
# PyTorch can also *multiply* the integers. You name a type of layer and a type of integer, and `quantize_dynamic` returns a copy of your model in which these layers are int8 layers. PyTorch has *deprecated* this interface: it still works, but it will be removed. Its successor ([[torchao]]) rests on the same idea. We try it on two networks. One is a *Transformer* with the shape of BERT-base ([Devlin et al., 2019](https://arxiv.org/abs/1810.04805)). That's a network of blocks, which reads a row of *tokens*, pieces of text, here 128. Its linear layers work on each token by itself. Random weights will do, since neither time nor bytes depend on them. The other is the trained LeNet of [[integers]], which gets one picture.

# %% tags=["legacy"]
import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

from course_utils import checkpoints, data, timing
from course_utils.int8_routes import networks
from course_utils.sizes import size_report

bert, text = networks.bert().model, torch.randint(100, (1, 128))  # a text of 128 tokens
lenet, images = checkpoints.load("lenet_fashion_0"), data.load("fashion_mnist", "test")[0]

# %% one_line_two_networks tags=["legacy"]
bert_int8 = quantize_dynamic(bert, {nn.Linear}, dtype=torch.qint8)
lenet_int8 = quantize_dynamic(lenet, {nn.Linear}, dtype=torch.qint8)


# %%
def race(fp32, int8, x):  # its ratio("int8") is the time of fp32 over that of int8
    return timing.compare({"fp32": lambda: fp32(x), "int8": lambda: int8(x)}, rounds=9, device="cpu")


# %% bert_speed
bert_race = race(bert, bert_int8, text)
print(f"Transformer: {bert_race.ratio('int8'):.1f} times as fast as in fp32")

# %% lenet_speed
lenet_race = race(lenet, lenet_int8, images[:1])
print(f"LeNet: {lenet_race.ratio('int8'):.1f} times as fast as in fp32")

# %% [markdown]
# On one thread of an Intel or AMD processor, the same line of code makes the Transformer faster, and LeNet slower. Why? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What an int8 layer does at each call
#
# A layer can multiply integers only if its weights *and* its inputs are integers. To turn a float into an integer it needs a scale, and the scale comes from a range. The weights are known, so they're rounded once, when the copy is made. But the inputs are new at each call. Where does *their* range come from?
#
# You could run some examples beforehand, and keep the range that fits them. That's *static* quantization ([[static]]), and it needs data. Or the layer waits for its inputs, looks for the lowest and the highest, and chooses a scale for this one call. That's **dynamic quantization**, and it needs no data. So at each call the layer takes four steps:

# %% way_of_a_call tags=["hide-input"]
# Draws the four steps of one call.
show.way_of_a_call()

# %% [markdown]
# ### Three numbers by hand
#
# A layer has one output. Its weights 0.4, −0.2 and 0.5 are stored as the integers 4, −2 and 5, with the scale 0.1. Now the inputs −1, 0.3 and 2 arrive. To keep the numbers small, let them become integers from 0 to 3.
#
# 1. *Search the range.* It goes from −1 to 2. The integers 0 to 3 cut it into three intervals, so the scale is 3 / 3 = 1. The lowest input, −1, gets the integer 0, so the number 0 gets the next one, 1. This is the **zero point**.
# 2. *Round.* Divided by the scale and rounded, the inputs are −1, 0 and 2. With the zero point added, they're stored as 0, 1 and 3.
# 3. *Multiply.* A 0 has to count as 0, so the layer subtracts the zero point again: −1 · 4 + 0 · (−2) + 2 · 5 = 6. (So the sum is the same as without a zero point. It's there because the stored integers can't be negative.)
# 4. *Back to float.* Each input counts in units of 1 and each weight in units of 0.1, so every product, and with them the sum, counts in units of 1 · 0.1. The output is 6 · 0.1 = **0.6**.
#
# In floats it would be −0.4 − 0.06 + 1 = **0.54**. The 0.06 was lost when 0.3 became 0.

# %% [markdown]
# ### PyTorch's layer takes the same four steps
#
# PyTorch's integers for the inputs go from 0 to 127, where ours ended at 3, so its layer comes much closer. With `qnnpack`, the int8 engine for Apple's chips, they go to 255: there, change 127 in the code. Let's take the four steps ourselves, with LeNet's first linear layer and five rows of random inputs. Like PyTorch, we widen a range until it holds 0, because the zero point has to be one of the integers. We sum in 32 bits (`.int()`), because one product alone can come near 127 · 127, about 16,000.

# %% by_hand tags=["legacy"]
layer, x = lenet_int8.fc1, torch.randn(5, 400)
weight = layer.weight()  # its integers are int_repr(), and their scale is q_scale()

low, high = x.min().clamp(max=0), x.max().clamp(min=0)  # 1. search the range
scale = (high - low) / 127
zero_point = torch.round(-low / scale).int()
integers = torch.round(x / scale).int() + zero_point  # 2. round
sums = (integers - zero_point) @ weight.int_repr().int().T  # 3. multiply
by_hand = sums * scale * weight.q_scale() + layer.bias()  # 4. back to float
print(f"largest difference from PyTorch: {(by_hand - layer(x)).abs().max():.7f}")

# %% [markdown]
# Only the last digits of a float differ. So the four steps, and the bias, which stays a float, are all that an int8 layer does.
#
# **Try it.** A byte could count to 255. Change 127 to 255 (or 255 to 127), and run the cell again.
#
# <details><summary>What others found</summary>
#
# The difference is now about 0.1, because PyTorch leaves one of the eight bits free on Intel and AMD. [[static]] says why.
#
# </details>

# %% [markdown]
# ## 3. Where int8 gains time, and where it loses
#
# **The gain is in step 3.** An int8 weight takes a quarter of the bytes, so it arrives from memory sooner, if it has to come from there: LeNet's largest layer, with 192 kB, fits into the cache of most processors. And an instruction that multiplies 8 floats has room for 32 numbers of 8 bits.
#
# **Everything else is overhead.** Python needs longer to reach the compiled routine of an int8 layer than that of an fp32 layer. Then the routine has to find the range and round. With one row, most of it is Python's.
#
# So a layer has to be large enough to make up for the overhead. How large? We time square layers of growing width, each with one row of inputs.


# %% race_layer tags=["legacy"]
def race_layer(layer, rows):
    alone, x = nn.Sequential(layer), torch.randn(rows, layer.in_features)
    return race(alone, quantize_dynamic(alone, {nn.Linear}, dtype=torch.qint8), x)


# %% price_curves tags=["hide-input"]
# Times square layers, and draws the time of a call over the width of the layer.
races = {width: race_layer(nn.Linear(width, width), rows=1) for width in (8, 32, 128, 256, 512, 1024)}
show.price_curves(races)

# %% [markdown]
# From width 32 to 256 the number of weights grows 64-fold, and yet the int8 call takes hardly any longer: nearly all of its time is overhead. Where the curves cross, the gain makes up for the overhead. LeNet's largest layer, 400 → 120, has as many weights as a square one of width 219. That's left of the crossing, so it loses.

# %% [markdown]
# ### Measure your layers, with your rows
#
# So far each layer got one row, on one thread. Your model may get more of both, so measure *its* linear layers, with the rows and the threads (`torch.set_num_threads`) that they will get.
#
# **Predict.** With one picture, int8 loses on all three layers of LeNet. With 256 pictures at once, how does it do: **A** better, **B** just as badly, or **C** worse on the largest layer, because it rounds 256 times as many inputs?

# %%
gains = {}
for rows in (1, 256):
    for name in ("fc1", "fc2", "fc3"):
        gains[rows, name] = race_layer(getattr(lenet, name), rows).ratio("int8")

# %% your_layers_your_rows tags=["hide-input"]
# Prints the gain of each layer.
for (rows, name), gain in gains.items():
    print(f"batch of {rows:3}, {name}: {gain:.1f} times as fast")

# %% [markdown] tags=["answer"]
# **Better (A), because most of the overhead is paid once for all 256 rows, while each row brings its gain.** Rounding isn't paid once, but each rounded input of `fc1` is multiplied 120 times. But a small layer may still lose: the last one, `fc3`, has only 840 weights, and 256 rows don't make up for its overhead.

# %% [markdown]
# But more rows aren't always more gain. A layer thousands wide gains with a single row already, probably because it waits for a quarter of the bytes, and many rows share this wait.
#
# Measure your layers twice, and convert only those that gain both times. To do so, put *names* of layers into the set in place of a type. A name that matches nothing is skipped without a warning, so print the copy.

# %% by_name tags=["legacy", "nbval-check-output"]
print(quantize_dynamic(lenet, {"fc1"}, dtype=torch.qint8))

# %% [markdown]
# Convolutions, pooling, norms and the products of *attention* ([[attention]]) stay in fp32, and take their time as before. In LeNet that's most of the time, so a faster `fc1` hardly shows. Finally, `race` the whole model as it will run.

# %% [markdown]
# ## 4. How small the file gets
#
# An int8 weight takes one byte where an fp32 weight takes four, and what isn't converted keeps its four.
#
# **Predict.** The linear layers of our Transformer have 85 million weights. Another 24 million are in its embeddings, the tables with a row for each token and position. How many times smaller does the file get: **A** 4.0, **B** 3.5, or **C** 2.4?

# %% how_small_does_the_file
sizes = [size_report(model).file_bytes / 1e6 for model in (bert, bert_int8)]
print(f"fp32 {sizes[0]:.0f} MB, int8 {sizes[1]:.0f} MB")

# %% [markdown] tags=["answer"]
# **2.4 times (C), because the embeddings stay in fp32.** In fp32 the file has 4 · 85 + 4 · 24 = 436 MB, and in int8 85 + 4 · 24 = 181 MB.

# %% [markdown]
# ## 5. Does it still give the same answers?
#
# Without labels you can't measure the accuracy. But you can run both models on the same inputs, and count how often they give the same answer. If 3 answers in 1,000 differ, the accuracy on these inputs can't have fallen by more than 0.3 points, because all the others are as right or as wrong as before.
#
# Say that LeNet will be used in batches of 64 pictures, so we run it in such batches.
#
# **Predict.** Somebody forgets to divide the first picture of each batch by 255, so its pixels are 255 times too large. How many of the *other* 63 still get fp32's answer: **A** more than nine in ten, **B** seven to nine in ten, or **C** fewer?


# %%
def answers(model, factor=1):
    # of all pictures but the first of each batch, which is multiplied by the factor
    batches = [torch.cat([factor * batch[:1], batch[1:]]) for batch in images.split(64)]
    return torch.cat([model(batch).argmax(1)[1:] for batch in batches])


before = answers(lenet)
same = {factor: (answers(lenet_int8, factor) == before).float().mean() for factor in (1, 255)}

# %% same_answers tags=["hide-input"]
# Prints how many of the other answers stay the same, in fp32, too.
for factor, part in same.items():
    print(f"int8, × {factor:3}: {part:6.1%} the same")
print(f"fp32, × 255: {(answers(lenet, 255) == before).float().mean():6.1%} the same")

# %% [markdown] tags=["answer"]
# **Fewer (C), because each call has one range. The bright picture widens it for all 64, and so the others are rounded coarsely.**

# %% [markdown]
# How coarsely? Say that an ordinary picture gives `fc1` inputs between 0 and 1. Beside the bright one the range reaches 255, so the scale is 255 / 127 = 2, and everything up to 1 becomes 0.
#
# The first line answers our question: a few answers in a thousand have changed. The second is a warning. With one range for the whole call, an int8 answer can depend on the rest of its batch. In fp32, LeNet's don't, as the third line shows. So check the inputs first, and test with batches like those that you'll serve.

# %% [markdown]
# ## Exercise · A scale for each picture
# ★★ · 10 minutes
#
# Repair LeNet: write a dynamic int8 layer in which each row of `x` has a range of its own. It gets the weights as integers (`torch.int8`, a row for each output), their scale, and the bias. It returns floats. As in section 2, a range has 127 intervals and holds 0. A row of zeros gives the bias.
#
# Then put it into LeNet with `show.repaired`, and count: `(answers(show.repaired(lenet_int8, own_scales), 255) == before).float().mean()`
#
# <details><summary>Hint</summary>
#
# `x.amin(dim=1, keepdim=True)` is a column with the lowest number of each row.
#
# </details>
#
# <details><summary>What others found on LeNet</summary>
#
# All but two or three answers in a thousand are the same.
#
# </details>


# %% tags=["exercise"]
def own_scales(x, weight, weight_scale, bias):
    """A dynamic int8 layer whose inputs have a scale for each row: floats (rows, outputs)."""
    raise NotImplementedError


# %% tags=["check"]
check.own_scales(own_scales)


# %% tags=["solution", "hide-cell"]
def own_scales_solution(x, weight, weight_scale, bias):
    low, high = x.amin(dim=1, keepdim=True).clamp(max=0), x.amax(dim=1, keepdim=True).clamp(min=0)
    scale = torch.where(low == high, 1, (high - low) / 127)
    sums = torch.round(x / scale).int() @ weight.int().T
    return sums * scale * weight_scale + bias


# %% [markdown]
# ## Remember
#
# - Dynamic quantization rounds the weights once and the inputs at each call, by the range of that call, so it needs no data.
# - Each call has an overhead and each product a gain. So time your layers with your rows, convert those that gain, and time the whole model.
# - What stays in fp32 keeps its bytes. Without labels you can still count changed answers, on batches like yours.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("dynamic")

# %% [markdown]
# ## Deeper
#
# ### Faster than which fp32?
#
# We compared with **eager** fp32, PyTorch's usual way, which runs one operation after the other. But `quantize_dynamic` changes more than the type of the numbers. It hands the layers to another library, which arranges the weights beforehand in the order in which it will read them: they are **packed**. fp32 can be packed as well, or compiled with its weights as constants (*frozen*), and bfloat16 ([[formats]]) needs no scales at all. So here is the Transformer with better opponents, on one thread of two processors (`records/quantization`). Both have newer instructions for int8, called VNNI, but only the EPYC has some for bfloat16.
#
# | times as fast as eager fp32 | Intel Xeon | AMD EPYC |
# |---|---|---|
# | fp32, packed | 1.05 | 1.21 |
# | fp32, compiled and frozen | 1.19 | 1.08 |
# | bfloat16, compiled and frozen | 0.26 | 2.31 |
# | int8, dynamic | 2.49 | 3.56 |
#
# ### What is the overhead made of?
#
# Is it the search and the rounding? Here's a control. A **trace** (`torch.jit.trace`) is a recorded run of a model, which is replayed without Python between the layers. It searches and rounds just the same. We run 100 layers, 64 → 64, in both ways.

# %% tags=["legacy"]
deep, row = nn.Sequential(*(nn.Linear(64, 64) for _ in range(100))), torch.randn(1, 64)
deep_int8 = quantize_dynamic(deep, {nn.Linear}, dtype=torch.qint8)
traced, traced_int8 = torch.jit.trace(deep, row), torch.jit.trace(deep_int8, row)
for way, timed in {"from Python": race(deep, deep_int8, row), "in a trace": race(traced, traced_int8, row)}.items():
    fp32, int8 = (1e3 * min(timed.samples[kind]) for kind in ("fp32", "int8"))
    print(f"{way:11}  fp32 {fp32:.2f} ms, int8 {int8:.2f} ms, the fastest of nine")

# %% [markdown]
# In the trace int8 is far faster than before, though it still searches and rounds. So most of the overhead was Python, and the way from it into the int8 engine. Called from Python, these layers lost to fp32, and in the trace they don't. So the crossing of section 3 holds for calls from Python. `quantize_dynamic` converts LSTMs as well, and they have an opponent of another kind ([[audit]]).
#
# ### Embeddings in 8 bits, and the way back from a file
#
# An embedding isn't multiplied, only read. So its rows can be *stored* in 8 bits, each with a scale of its own. A second call does it, with `quint8`, whose integers begin at 0.
#
# The file of an int8 model fits only into a model with the same int8 layers. So build the model, convert it with its random weights, and then load.

# %% tags=["legacy"]
from course_utils import models

bert_small = quantize_dynamic(bert_int8, {nn.Embedding}, dtype=torch.quint8)
print(f"embeddings, too: {size_report(bert_small).file_bytes / 1e6:.0f} MB")

torch.save(lenet_int8.state_dict(), "lenet_int8.pt")
fresh = quantize_dynamic(models.LeNet(), {nn.Linear}, dtype=torch.qint8)
print(fresh.load_state_dict(torch.load("lenet_int8.pt")))

# %% [markdown]
# **Sources.** The example with BERT follows *Introduction to Quantization on PyTorch* ([2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) by Raghuraman Krishnamoorthi et al. The interface is [`quantize_dynamic`](https://docs.pytorch.org/docs/stable/generated/torch.ao.quantization.quantize_dynamic.html).
#
# **Recommended video.** Chris Gottbrath, *Deep Dive on PyTorch Quantization*, [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further.** O. Zafrir et al., *Q8BERT*, 2019, [arXiv:1910.06188](https://arxiv.org/abs/1910.06188); D. Khudia et al., *FBGEMM*, 2021, [arXiv:2101.05615](https://arxiv.org/abs/2101.05615).
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown]
# ## Did it run in int8?
#
# In [[audit]], `quantize_dynamic` gets four models. Nothing complains, and hardly a byte is saved. Why? And what becomes possible if you do have some data, and know each range before the call ([[static]])?
