# ---
# jupyter:
#   course:
#     promise: You will quantize a Transformer and an LSTM in one line each, and say what the line saves, what a call of it costs, and from which width on it pays.
#     seconds: 60
#     needs: [measuring, energy, integers]
#     goals:
#       - Quantize a model dynamically in one line, and compute such a layer by hand.
#       - Measure accuracy, file and speed, against the usual fp32 and against a better one.
#       - Quantize embeddings too, and test with a control what a scale for each row is worth.
#       - Take the price of an int8 call from Python apart, and say which part Python has in it.
#       - Find out by an experiment why a wide LSTM gains more than four times.
#     terms: [cosine, dynamic quantization, eager, packed weights]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *One line of code, a smaller model. Also a faster one?*
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
# *For the lecturer, 1 min.* Ask: "Who has quantized a model with one line? How did you know that it worked?" Keep the answers for the last slide.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.int8_routes import networks
from course_utils.measure import timing
from course_utils.scorecard import claims
from lessons.dynamic import checks as check
from lessons.dynamic import show

legacy_int8.ignore_deprecations()  # this interface will go, see the box of section 2
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement
device = runtime.best_device()  # for training; these int8 modules run on the CPU
cpu = torch.device("cpu")
print(f"int8 engine: {torch.backends.quantized.engine}; training on {device.type}, measurements on:")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. One line, one large model
#
# The model has the shape of BERT-base, with random weights. One line makes its linear layers int8. **Eager** means operation by operation, the default.
#
# **Predict.** How much faster than eager fp32 is int8: **A** not at all, **B** up to 2 times, **C** more than 2 times? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say that the model is 12 layers, 768 wide, and reads 128 tokens. Vote, then click. If nobody asks "compared with what?", ask it yourself, and promise section 3.

# %% [markdown] slideshow={"slide_type": "skip"}
# Suppose you have a trained model that is too slow or too large, no training data at hand, and an afternoon. What can you do? [[integers]] rounded the weights of a network to 8 bits and saved a small file. But before it computed anything, it turned the integers back into floats. So it saved bytes on disk, and no time. This lesson also *computes* with the integers, and PyTorch has one line for that. You tell it which kind of layer to replace, here all linear layers, and with which type of integer. It needs no data and no training, and it leaves the original model as it is.
#
# Our model is as large as BERT-base, a language model ([Devlin et al., 2019](https://arxiv.org/abs/1810.04805)), with 12 Transformer layers, 768 wide, and it reads a text of 128 tokens (words or their parts). But its weights are random. For bytes and time that makes no difference: a product takes as long whatever the numbers in it are. It does make a difference for the quality of the answers, and section 4 comes back to that.

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
from torch.ao.quantization import quantize_dynamic

network = networks.bert()
bert, ids = network.model, network.example  # ids: (1, 128)

bert_int8 = quantize_dynamic(bert, {nn.Linear}, dtype=torch.qint8)  # the line

jobs = {"fp32": lambda: bert(ids), "int8": lambda: bert_int8(ids)}
first = timing.compare(jobs, rounds=3, device=cpu)
print(f"{first.ratio('int8'):.1f} times as fast as eager fp32")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The int8 model is two to six times as fast as eager fp32 on the processors that we tried (C), without training or data.**
#
# <!-- page -->
#
# A processor with instructions for 8-bit integers multiplies some four times as many of them as fp32 numbers in one instruction, and it reads a quarter of the bytes. So a factor of that kind is plausible. But a factor is a quotient of two times, and so far we know neither how int8 comes to its time nor whether that of fp32 is a good one. PyTorch's own post about this line calls its speed-up 1.8 ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)) for BERT-base on a Xeon of that time. On a processor without fast instructions for 8-bit integers the line can be slower than fp32.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. One dynamic call
#
# **Dynamic quantization** treats the two factors of a linear layer differently.
#
# | | when | how |
# |---|---|---|
# | weights | once | rounded to int8 with a fixed scale, and **packed**: arranged for the fast routine |
# | activations | at every call | the range of *this* call gives scale and zero point of a uint8 grid ([[integers]]) |
# | product | at every call | uint8 × int8; the sums go on in 32 bits |
# | result | at every call | converted back, *stored in float* for the next module |
#
# > **Marked box.** `torch.ao.quantization` is *deprecated*: it still works here, and it will go. Its successor is the package torchao ([[torchao]]).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Say the line of section 1 again, and read the table from top to bottom. Ask which rows cost time at every call: three. "The range of *this* call": that is the word dynamic. Then three numbers on the board: the weights 4, −2, 5 with the scale 0.1; the input −1, 0.3, 2 on a grid from 0 to 3. Scale 1, zero point 1, so the codes are 0, 1, 3. Take the zero point off: −1 · 4 + 0 · (−2) + 2 · 5 = 6, times 1 · 0.1 is 0.6. In floats it is 0.54: 0.3 was rounded to 0.

# %% [markdown] slideshow={"slide_type": "skip"}
# To multiply integers with integers, both factors have to be integers. For the weights that is easy: they are known beforehand, so their scale can be chosen once. The activations, the numbers that come *into* the layer, are not, since each text gives others. Where does their scale come from?
#
# One can guess it from examples and keep it (that is *static* quantization, [[static]]). If a later input is larger than every example, it is cut off. Or one looks at the numbers of each call when they arrive, finds the lowest and the highest, and chooses the scale for this one call. That is what *dynamic* means.
#
# **Three numbers by hand.** The layer has one output with the weights 0.4, −0.2 and 0.5. They are stored as the integers 4, −2 and 5 with the scale 0.1. The input is −1, 0.3 and 2. To keep the numbers small we allow it only three steps, so its integers go from 0 to 3.
#
# 1. *Range.* The lowest number is −1, the highest 2. The scale is one step, (2 − (−1)) / 3 = 1. The zero point is the integer that stands for 0: one step above the lowest, so 1.
# 2. *Round.* Divide by the scale, round, add the zero point: −1 becomes 0, 0.3 becomes 0 + 1 = 1, and 2 becomes 3.
# 3. *Multiply.* Take the zero point off again and multiply integers: (0 − 1) · 4 + (1 − 1) · (−2) + (3 − 1) · 5 = −4 + 0 + 10 = 6.
# 4. *Convert back.* Each step of the input is worth 1 and each step of a weight 0.1, so the result is 6 · 1 · 0.1 = 0.6.
#
# In floats it is −0.4 − 0.06 + 1 = 0.54. The difference comes from 0.3, which was rounded to 0. PyTorch has 127 or 255 steps where we had three, so its differences are much smaller.
#
# In general, with the integers $q_i$ of the input and $w_i$ of the weights, the zero point $z$ of the input and the two scales:
#
# $$y = s_x \, s_w \sum_i (q_i - z) \, w_i + b, \qquad s_x = \frac{\text{high} - \text{low}}{\text{steps}}, \qquad z = \text{round}(-\text{low} / s_x).$$
#
# The range always contains 0, so that 0 has an integer of its own: *low* is never above 0 and *high* never below.
#
# Why has the input a zero point, and the weights have none? Weights lie on both sides of 0, about equally far, so a grid with 0 in its middle fits them. Inputs often do not. Behind a ReLU, for example, none is negative, and a grid with 0 in its middle would waste half of its steps. The zero point costs little. Multiply the bracket out: $\sum (q_i - z)\,w_i = \sum q_i w_i - z \sum w_i$. The second sum contains only weights. So it can be computed once, and a call only multiplies it by its $z$.


# %% slideshow={"slide_type": "skip"}
def on_the_fly(x, steps=255):
    """Scale and zero point for the range of one call; the range always contains 0."""
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / steps
    return scale, torch.round(-low / scale)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The scale of one call
#
# The range of a call gives scale and zero point. It always contains 0.
#
# **Predict.** A layer gets an input $x$, and in the next call ten times that input. Which of the two changes: the scale, the zero point, or both? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room answer in pairs. Before you click, ask for two more inputs, because the table shows all four rows at once: 2 added to all numbers (the zero point moves, the scale stays); all numbers positive (the range begins at 0, and the zero point is 0).

# %% slideshow={"slide_type": "skip"}
x = torch.randn(5, 64) + 0.5
calls = {"x": x, "10 x": 10 * x, "x + 2": x + 2, "|x|": x.abs()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the range, the scale and the zero point of four inputs.
show.scales_of_calls(calls, on_the_fly)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Ten times the input has ten times the scale and the same zero point.**
#
# <!-- page -->
#
# Lowest and highest number grow by the same factor, so the step grows with them. The zero point is the number of steps from the lowest number up to 0, and both this distance and the step became ten times as long. A static scale could not do that: with the scale of the first call, everything beyond the first call's range would be cut off in the second.
#
# The other rows: adding 2 to all numbers moves the zero point and leaves the scale, as long as the range still contains 0 (from about −0.2 to 5.75 here). In the last row all inputs are positive. The range begins at 0, because it has to contain it, and so does the grid: the zero point is 0.

# %% [markdown] slideshow={"slide_type": "skip"}
# **A layer with PyTorch's own integers.** Is that really all that PyTorch does? We take the int8 weights out of a quantized layer, compute steps 1 to 4 ourselves, and compare.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
layer = nn.Sequential(nn.Linear(64, 32)).requires_grad_(False)
layer_int8 = quantize_dynamic(layer)[0]
weight, bias = layer_int8.weight(), layer_int8.bias()  # int8 with one scale, and float


def layer_by_hand(x, steps):
    """The layer's result in integers, with so many steps for the range of `x`."""
    scale, zero_point = on_the_fly(x, steps)
    q = (torch.round(x / scale) + zero_point).clamp(0, steps)
    sums = (q - zero_point).int() @ weight.int_repr().int().T  # int32
    return sums * (scale * weight.q_scale()) + bias


gaps = {steps: (layer_by_hand(x, steps) - layer_int8(x)).abs().max().item() for steps in (127, 255)}
print({steps: f"{gap:.1e}" for steps, gap in gaps.items()})

# %% [markdown] slideshow={"slide_type": "skip"}
# One of the two numbers of steps gives PyTorch's result up to the rounding of floats, and the other does not. On x86 it is 127: PyTorch uses only 7 of the 8 bits for the input there. (Why, is in *Deeper*.) So the four steps are all that happens. They also say which work int8 adds to each call: searching the range, rounding the input, and converting the result back.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where does the time of a call go?
#
# One layer of BERT: 128 rows of 768 numbers come in, 128 rows of 3,072 come out.
#
# **Predict.** What takes the longest: the search for the range, the rounding, or the rest? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Hands for the three parts. The first click shows the wires: walk along them, 4 bytes a number, 1, and 4 again. The second shows the shares. (Search and rounding touch each number once; the product uses each of them 3,072 times.) Ask: "What if the layer were 64 wide?" Section 5 answers.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
wide = quantize_dynamic(nn.Sequential(nn.Linear(768, 3072)).requires_grad_(False))[0]
v = torch.randn(128, 768)
wide_call = show.microseconds(  # the fastest of 30 samples of each
    {
        "whole": lambda: wide(v),
        "range": lambda: torch.aminmax(v),
        "rounding": lambda: torch.quantize_per_tensor(v, 0.05, 64, torch.quint8),
    }
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws the way of a call, and the shares of its time.
show.way_of_a_call(128, 768, 3072, wide_call)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The rest takes the longest by far: in this wide layer the search and the rounding together are a few per cent of the call.**
#
# <!-- page -->
#
# Search and rounding touch each of the 128 · 768 = 98,304 inputs once. The product uses each of them 3,072 times, for 302 million multiplications, which is far more work. So looking at the range at every call, which sounds expensive, costs next to nothing *where the layer is wide*. The parts were timed alone; inside the routine they may share work, so take the bar as a rough one. In a narrow layer the proportion is another one, and section 5 looks there.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Faster than what?
#
# Eager fp32 need not be the fastest: PyTorch has a second library, oneDNN, which takes **packed** weights, as int8 does. Let fp32 have both.
#
# **Predict.** How much of the speed-up of section 1 is left over the better fp32: all, most, or nothing? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say what packed means: the weights are arranged once, in the order in which the inner loop reads them. Vote. After the table read the last row in both columns: the difference has nothing to do with 8 bits. Two questions to put to any published speed-up: over which baseline, and with how many threads? "Say both whenever you publish one." (The three ways in fp32 lie within a tenth of each other in our run, and three rounds do not tell which of them is the fastest.)

# %% [markdown] slideshow={"slide_type": "skip"}
# The line of section 1 changed more than the type of the numbers. It also moved the layers to another library, and it arranged their weights beforehand in the order in which that library's inner loop reads them. This arranging is called **packing**, and it has nothing to do with 8 bits: one can pack fp32 weights as well. So two things differ between our two models, and the factor of section 1 is the gain of both together.
#
# A fair opponent gets what it can get without fewer bits. We build it in two steps. First the linear layers of the fp32 model call the other library with their weights as they are, which shows what the library gains. Then the weights are packed as well, which shows what packing gains.

# %% slideshow={"slide_type": "skip"}
baselines = show.against_better_fp32(bert, bert_int8, ids)
best_name = max((n for n in baselines.samples if n.startswith("fp32")), key=baselines.ratio)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the speed of each way over eager fp32 and over the best fp32.
show.baselines_table(baselines, best_name)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Nearly all of the speed-up is left on the processor of this page, and less on others: over the best fp32, int8 was 1.8 to 3.1 times as fast on those that we tried.**
#
# <!-- page -->
#
# The second column is the honest one, because the gap between the two columns is what has nothing to do with 8 bits. In the run on this page the gap is small, 2.75 against 2.61 times: the eager fp32 of PyTorch is already nearly as good as the other library, with or without packing. On an AMD processor int8 was 5.7 times as fast as eager fp32, but packed fp32 was already twice as fast. There a factor of two could be had without any rounding, so int8 itself brought 5.7 / 2 = 2.9. So name the baseline whenever you name a speed-up.
#
# Where the table has a row *bfloat16*, your processor multiplies 16-bit floats ([[formats]]). That needs no quantization at all, and is a third opponent. (The processor of this page shows no instructions for it, so the row is missing.) *Deeper* adds a fourth, compiled fp32, from a record.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. The large model: bytes
#
# An int8 weight takes one byte where fp32 takes four. The line quantized the linear layers. The *embeddings*, a table with a row of 768 numbers for each of 30,522 tokens, stayed float. The fp32 file has 436 MB.
#
# **Predict.** By which factor does the whole file shrink: **A** 4.0, **B** 3.5, **C** 2.4? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them estimate: 30,522 rows of 768 numbers of 4 bytes are 94 MB, which do not shrink. What is not touched bounds the gain.

# %% slideshow={"slide_type": "skip"}
rest = show.saved_bytes(show.not_linear(bert))
whole = {"fp32": show.saved_bytes(bert.state_dict()), "int8": show.saved_bytes(bert_int8.state_dict())}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the bytes of the linear layers, of the rest, and of the whole file.
show.bytes_table(whole, rest)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The whole file gets 2.4 times smaller (C), although its linear layers get nearly four times smaller.**
#
# <!-- page -->
#
# The embedding table has 30,522 · 768 · 4 bytes = 94 MB, and with positions and norms 95.5 MB stay as they are. The other 340 MB become 85. So 436 MB become 181 MB, of which the embeddings are now more than half. It is the same arithmetic as for time: what is not touched bounds the gain. Even with linear layers of zero bytes the file could not be more than 436 / 95.5 = 4.6 times smaller. A model with a larger vocabulary or narrower layers gains less.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The embeddings too
#
# A table is read, not multiplied: each row is stored in 8 bits *with a scale of its own*, and comes back as floats. One more line does it.
#
# **Predict.** How many times smaller than the fp32 file is the file now: **A** 2.7, **B** 3.3, **C** nearly 4? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote for the size. By hand: a row had 3,072 bytes and now has 768 and 8 more, 3.96 times less. The other dtype, `quint8`, is there because the older interface stores tables unsigned. The cosine compares the output with that of fp32: 1 is the same direction.

# %% slideshow={"slide_type": "-"} tags=["legacy"]
bert_small = quantize_dynamic(bert_int8, {nn.Embedding}, dtype=torch.quint8)

# %% [markdown] slideshow={"slide_type": "skip"}
# (The type is `quint8` this time, because the older interface stores tables unsigned.)
#
# Does the output change? We compare it with that of fp32 by the **cosine**: take both outputs as long rows of numbers, multiply them place by place, add up, and divide by the lengths of both. If they point in the same direction it is 1; if they have nothing to do with each other it is near 0.


# %% slideshow={"slide_type": "skip"}
expected = bert(ids).flatten()


def agreement(model):
    """Cosine of its output with that of fp32."""
    return F.cosine_similarity(expected, model(ids).flatten(), dim=0).item()


sizes = whole | {"embeddings too": show.saved_bytes(bert_small.state_dict())}
cosines = {"fp32": 1.0, "int8": agreement(bert_int8), "embeddings too": agreement(bert_small)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the three files with their embeddings.
show.three_files(sizes, rest, cosines)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file is now 3.98 times smaller than in fp32 (C).** The cosine hardly moves; the next question is what that is worth.
#
# <!-- page -->
#
# A row of 768 floats had 3,072 bytes. It now has 768, and 8 more for its scale and its zero point, both stored as floats: 3.96 times less. What is missing to a factor of four are these, the biases, the norms, and the headers of the file.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What is a scale for each row worth?
#
# Now each table of the BERT shape gets *one scale for all its rows*. A trained table follows.
#
# **Predict.** The cosine was above 0.999. Will it show the difference? And why, or why not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Hands for yes and no; ask for the reason before the figure. Say that the cosine again stays above 0.999, and that the figure shows the rounding itself: the error of a row over its own length. Left panel: all rows reach equally far. Right panel: the table of a small network that reads four words of Python source code and predicts the fifth. "Where did the range of these rows come from?" From training: frequent words were moved often.

# %% [markdown] slideshow={"slide_type": "skip"}
# (Before you answer: how were the weights of this network made?)
#
# It is tempting to read the last figure as a success of the scales for each row. But a result counts for a method only if it would have come out otherwise without it. So we take the method away.
#
# When should a scale of its own help? **Two rows by hand.** Let a table have the rows (10, 2, −5) and (0.3, 0.2, −0.1), and let us store 4 bits, which are 15 steps. One scale for the table covers −5 to 10, so a step is 1. In these steps 0.3, 0.2 and −0.1 are all rounded to 0, and *the second row has disappeared*. A scale for the row alone covers −0.1 to 0.3, and a step is 0.4 / 15 = 0.027. Now −0.1 and 0.3 are the ends and stay, and 0.2 becomes 11 steps above −0.1, which is 0.193. For the first row nothing has changed.
#
# So a scale for each row helps the rows that are small beside the largest. If all rows reach equally far, there are no such rows.


# %% slideshow={"slide_type": "skip"}
def round_table(table, bits, by_row):
    """A table rounded to `bits`, with a scale for each row or one for all; back as floats."""
    dim = 1 if by_row else (0, 1)
    low, high = table.amin(dim, keepdim=True), table.amax(dim, keepdim=True)
    step = (high - low) / (2**bits - 1)
    return torch.round((table - low) / step) * step + low


one_scale = copy.deepcopy(bert_int8)  # int8 linear layers as before: only the tables differ
for module in one_scale.modules():
    if isinstance(module, nn.Embedding):
        module.weight.copy_(round_table(module.weight, 8, by_row=False))
cosines["one scale a table"] = agreement(one_scale)
print(f"a scale a row {cosines['embeddings too']:.5f}, one scale a table {cosines['one scale a table']:.5f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# We also need a table that was *trained*. We cannot download BERT here, so we train a small one: a network reads four words of Python source code and predicts the fifth. Its table has a row of 32 numbers for each of the 4,000 most frequent words, and begins with random numbers.
#
# The figure measures the rounding itself, so that no network can hide it: the length of a row's error, as a share of the length of the row.

# %% slideshow={"slide_type": "skip"}
words, held_out = show.train_word_model()
tables = {"BERT shape, random": bert.tokens.weight, "4,000 words, trained": words.table.weight}
ways = {"one scale": False, "a scale a row": True}
rounded = {name: {kind: round_table(t, 8, way) for kind, way in ways.items()} for name, t in tables.items()}
share = {
    name: {kind: show.table_errors(tables[name], after).median().item() for kind, after in kinds.items()}
    for name, kinds in rounded.items()
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the error of the rows of both tables over their largest number.
show.row_errors(tables, rounded)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No, the cosine does not show the difference, because the rows of a random table all reach about equally far.** In the trained table one scale makes the error of a middle row 5 to 9 times as large.
#
# <!-- page -->
#
# In the random table one scale makes errors of 1.2 % in place of 0.7, and a cosine hardly reacts to that. So the experiment could not have noticed forgotten scales. It confirms the *bytes*, and nothing about the *scales*.
#
# In the trained table the rows differ: training moved the rows of frequent words about twice as far as those of rare ones, and single rows farther still. The widest row sets the single scale, and all others have only a part of the 255 steps for themselves. Follow the orange dots: a row that reaches half as far has twice the error. The blue dots lie on one level, because there every row has all the steps.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does the network notice?
#
# The small word network now reads with the rounded table.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 5. The next two minutes, about the loss that such errors cause, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** At 8 bits and one scale every row has an error of a few per cent. Does the loss on unseen source code show it? And why, or why not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Expect yes, after the figure. The table is in thousandths: of 4.095 nats, 8 bits with one scale add 0.0002. Ask from which row of the table on a scale a row is worth its 8 bytes: from 4 bits on, where the two columns differ more than tenfold. (At 8 bits they differ, too, by a little more than their standard errors.)

# %% slideshow={"slide_type": "skip"}
by_scale = {kind: lambda table, bits, way=way: round_table(table, bits, way) for kind, way in ways.items()}
words_shown, added = show.words_table(words, held_out, by_scale)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes by how much the loss grows with a rounded table.
words_shown

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Hardly: in the run on this page one scale with 8 bits adds less than a thousandth of a nat to the loss (the *nat* is the unit of a loss with natural logarithms). The network notices it at 4 and at 3 bits.**
#
# <!-- page -->
#
# This is not what the figure suggests. An error of three per cent in every row *is* about seven times as large as with a scale for each row, and still too small to matter to this network, probably because it adds up 128 numbers and does not depend on any single one. With every bit less the step doubles, and so does the error. At 4 bits it is half of the row, and at 3 bits as long as the row itself. There one scale adds more than ten times as much loss as a scale for each row does. (± is how far chance typically moves a number.)
#
# So a scale for each row buys precision, a factor of seven here, which is between two and three bits. Whether you need it depends on how many bits you have. It costs 8 bytes a row.
#
# What this does not show: one small network and one training. A real BERT has other tables, and a single row that is much wider than all others would do more damage.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The price of a call
#
# One linear layer, square, with a single input row, called from Python. The width grows from 8 to 1,024.
#
# **Predict.** From width 8 to 128 the weights grow 256-fold. How does the time of an int8 call grow: **A** hardly, **B** about 16-fold, **C** about 256-fold? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say: "The search for the range grows with the width, the product with its square." Then vote; expect B. Ask where the lines cross, and what that means for a model of many narrow layers. (At about 512. Left of the crossing each of them is slower in int8.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
widths = [8, 32, 128, 256, 512, 1024]
prices = show.prices_by_width(widths, quantize_dynamic)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the time of a call from Python over the width.
show.price_curves(widths, prices)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The time hardly grows from width 8 to 128 (A): an int8 call from Python has a fixed price, three to four times that of fp32.**
#
# <!-- page -->
#
# At width 8 there are 64 products, which a processor makes in some nanoseconds. The call takes microseconds. So nearly all of its time is something that does not depend on the width. Only when the product itself takes as long as that does the width count, and from there int8's faster product pays back its higher price. In the run on this page the lines cross at about 512. A model of many narrow layers can therefore become *slower* through the line of section 1, each layer by a little.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What is the price made of?
#
# Width 64, one row. We call the *layer* from Python; then its *operator* alone; then 100 layers as one *trace*, a recorded program without Python between the calls.
#
# **Predict.** In the trace, which is faster: fp32 or int8? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; most expect fp32, as in the figure before. After the table let the room subtract row from row: what is in the layer and not in the operator (its Python: 0 in fp32, 27 in int8); what is in the operator and not in the trace (the way into it: 17 and 62)? Both columns are called from the same Python. So why is the way longer for int8? It hands over packed weights, which are no tensor; the page has the control.

# %% [markdown] slideshow={"slide_type": "skip"}
# What could the price be? There are three suspects. One is the *arithmetic* that int8 adds: search the range, round, convert back. Another is *Python*: a layer is a Python object, and its code runs before anything is computed. The third is the *way into the operator*. Between Python and the compiled function stands a piece of code that looks at each argument and translates it.
#
# To tell them apart we leave them out, one after the other. `torch.ops` is PyTorch's door to all its operators: `torch.ops.aten.linear` for fp32 and `torch.ops.quantized.linear_dynamic` for int8. Called there, the code of the layer is left out. In a trace the door is left out as well, and only the operator's own work remains. (Traces are made by `torch.jit`, which is deprecated too; it serves here as an instrument.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
square = nn.Sequential(nn.Linear(64, 64)).requires_grad_(False)
price = show.parts_of_the_price(square[0], quantize_dynamic(square)[0], torch.randn(1, 64))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the price of the layer, of its operator, and of its operator without Python.
show.price_table(price)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the trace the int8 layer is at least as fast as the fp32 layer: about nine tenths of its price from Python are not the operator's work.**
#
# <!-- page -->
#
# So the first suspect is innocent. Search, rounding, product and conversion together are the last row, about a tenth of the call.
#
# Is it Python, then? The fp32 column says that this is too short an answer. The fp32 layer is called from the same Python, by the same kind of object, and its operator through the same door; yet the way through the door costs it much less. (To see it, subtract the last row from the one above it, in both columns. In ordinary use the fp32 layer takes a shorter way than this door. That is why its operator, called through the door, can take as long as the whole layer.) Something in the *int8* call makes the door expensive.

# %% [markdown] slideshow={"slide_type": "skip"}
# **What does the int8 operator get that the fp32 operator does not get?** The fp32 operator is handed three tensors. The int8 operator is handed the *packed weights*, which are no tensor but an object of another kind. Perhaps it is this object for which the door is slow. A control can isolate that: two operators which do next to nothing. One is handed two tensors and says whether they have the same size. The other is handed a packed object (of a convolution) and returns one number that is stored in it.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes what it costs to hand something to an operator that is idle.
show.door_table(price)

# %% [markdown] slideshow={"slide_type": "skip"}
# Handing over the packed object takes about half of the whole call, and handing over two tensors takes a small part of that. So this is the largest part of int8's fixed price. The Python code of the layer is about a quarter (in the table above, 100 % less the operator), and the work itself about a tenth.
#
# And the remedy? The object need not be handed over at each call if it stays inside the program. In the last two rows each trace holds a single call, and we call the *trace* from Python. The int8 layer gets more than twice as fast in this way. The fp32 layer gets slower, because calling a trace has a price of its own. So a traced model does not pay int8's fixed price for each layer, and int8 begins to pay at much smaller widths. *Deeper* draws it.
#
# **When should you leave the line out?**
#
# - For narrow layers that are called from Python, as above.
# - For a network of convolutions, in which it changes the linear layers alone ([[audit]] says why), and for a model on a GPU, since its int8 modules run on a CPU.
# - Where single inputs are far larger than the rest. If one of the numbers of a call is 100 and all others lie between −1 and 1, a scale of 127 steps is 101 / 127 = 0.8, and all others become −1, 0 or 1 step. And because a call has *one* scale, the answer to a text can change a little with the other texts in its batch.
# - On a processor without fast int8 instructions, above all for calls with many rows, where the arithmetic counts more than the reading of weights.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. An LSTM, trained here
#
# An LSTM of 128 units reads an image of Fashion-MNIST in 28 steps, row by row. A rival stores the same weights in float16.
#
# **Predict.** In int8 all 28 steps are one call. Is it faster or slower than fp32 for one image? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* After section 5 many will say faster: one call from Python, whose price is shared by 28 steps. Show the table, and stop at the last column. Ask for a reason, and write down what comes; the next lesson tests a guess.

# %% slideshow={"slide_type": "skip"}
MEAN, STD = 0.286, 0.353  # of the training images' pixels
images, labels = data.load("fashion_mnist", n=48_000)
test_images, test_labels = data.load("fashion_mnist", "test")
for pixels in (images, test_images):
    pixels.sub_(MEAN).div_(STD)
runtime.seed_all(0)
lstm, half = models.LSTMClassifier(), len(images) // 2
training.fit(lstm, images[:half], labels[:half], lr=4e-3, device=device)

# %% slideshow={"slide_type": "skip"}
training.fit(lstm.requires_grad_(True), images[half:], labels[half:], lr=1e-3, device=device)
lstm = lstm.cpu().eval().requires_grad_(False)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
lstm_int8 = quantize_dynamic(lstm)  # without a set: linear layers, LSTMs, GRUs, and the cells of RNNs
in_half = {name: value.half() for name, value in lstm.state_dict().items()}
fresh = {  # other random weights, until the file is loaded
    "fp32": (lstm.state_dict(), models.LSTMClassifier().requires_grad_(False)),
    "float16 file": (in_half, models.LSTMClassifier().requires_grad_(False)),  # fp32 again once it is loaded
    "int8 dynamic": (lstm_int8.state_dict(), quantize_dynamic(models.LSTMClassifier())),
}
files = {kind: show.reload(*pair) for kind, pair in fresh.items()}
accuracy = {kind: training.evaluate(net, test_images, test_labels, device=cpu) for kind, (_, net) in fresh.items()}

# %% slideshow={"slide_type": "skip"}
one = test_images[:1]
speed = timing.compare({"fp32": lambda: lstm(one), "int8 dynamic": lambda: lstm_int8(one)}, rounds=9, device=cpu)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes accuracy, file and speed of the three.
show.lstm_table(files, accuracy, speed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The narrow int8 LSTM is slower: in the run on this page fp32 takes only a half to two thirds of its time. The file is 3.7 times smaller.**
#
# <!-- page -->
#
# The accuracy stays. (The LSTM, of [Hochreiter and Schmidhuber, 1997](https://doi.org/10.1162/neco.1997.9.8.1735), was trained for one pass over 48,000 images; each step passes a state on to the next.)
#
# The price of the call is paid once for 28 steps, so it is not the reason. This table cannot say what is. Its fp32 rival is not a loop of simple products: `nn.LSTM` may run by a routine that was written for LSTMs. [[audit]] counts what both of them run, and builds the control.
#
# The float16 file is a modest rival and a good one: half the bytes, no accuracy lost, no other routine. It saves no time, because it is fp32 again once it is loaded.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A file of your own
#
# The three files of the table were deleted as soon as they had been read. Now make one that stays. In a new cell, save the states of `lstm` and `lstm_int8` to two files, and compare their sizes. Then open a new notebook beside this one (*File*, *New*, *Notebook*), where nothing has been trained, load the small file, and count how many of the 10,000 test images it classifies correctly. Two things must be as they were here. The model that takes the state must be quantized first, because a state in int8 fits only into a model with int8 modules. And the pixels must be normalized in the same way, because the weights were trained for such inputs.
#
# <details><summary>The code for both notebooks</summary>
#
# In this notebook:
#
# ```python
# import os
#
# torch.save(lstm.state_dict(), "lstm.pt")
# torch.save(lstm_int8.state_dict(), "lstm_int8.pt")
# print(os.path.getsize("lstm.pt"), "bytes become", os.path.getsize("lstm_int8.pt"))
# ```
#
# In the new one:
#
# ```python
# import torch
# from torch.ao.quantization import quantize_dynamic
#
# from course_utils import data, models, training
#
# images, labels = data.load("fashion_mnist", "test")
# model = quantize_dynamic(models.LSTMClassifier())  # random weights, until the file is loaded
# model.load_state_dict(torch.load("lstm_int8.pt", weights_only=False))
# print(f"{training.evaluate(model, (images - 0.286) / 0.353, labels, device='cpu'):.2%} correct")
# ```
#
# `weights_only=False` lets a file bring objects other than tensors, here the packed weights, and such a file can also run code. So load in this way only what you wrote yourself.
#
# </details>
#
# The new notebook should print the accuracy of the table, although it knows nothing but the file. (It also warns that the interface is deprecated. The two sizes can differ from those of the table by some hundred bytes.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How wide must an LSTM be?
#
# Language models with LSTMs had a thousand units and more. Our LSTMs have random weights.
#
# **Predict.** int8 weights are a quarter of the bytes. How large does the speed-up for one image get, up to 1,024 units: **A** below 4, **B** about 4, **C** above 4? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; expect A or B, with the argument "a quarter of the bytes". In our run it is 5.5 at 512 units, and 3.9 at 1,024. Leave the room with the riddle: the investigation of Exercise 1 solves it.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
lstm_widths = [128, 256, 512, 1024, 2048]
lstm_times = show.lstm_times(lstm_widths, one, quantize_dynamic)
up_to_1024 = {at: seconds for at, seconds in lstm_times.items() if at[1] <= 1024}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the speed-up of int8 over the width.
show.widths_table(up_to_1024)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **At 512 units int8 is 5.5 times as fast in the run on this page (C), which a quarter of the bytes alone cannot explain.**
#
# <!-- page -->
#
# The weights are random, because only the time is asked. All LSTMs of all widths took turns in this timing, so that a slow spell of the machine hits them all ([[measuring]]).
#
# Why bytes at all? An LSTM with $n$ units multiplies its state by a matrix of $4n \times n$ weights in each step. For one image each weight is used once a step, so the processor has hardly anything to do but fetch weights. At 512 units they are 4.2 MB in fp32 and 1.05 MB in int8, and they are read again in each of the 28 steps. With a quarter of the bytes one expects a factor of 4, if nothing else limits the time, and less than 4 where something does. At 1,024 units the gain is 3.9, as expected. But five and a half?
#
# There are two possible reasons. Perhaps *the large matrix is read more slowly*, because it lies further away from the arithmetic than the small one. Then fp32 has more bytes to read, and each of them takes longer. Or perhaps *the fp32 routine is worse*, and would lose to int8 even if both had the same number of bytes to read. The two can be told apart, and this is your investigation in Exercise 1.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Why more than four?
# ★★★ · 12 minutes · an investigation
#
# An LSTM has 512 or 1,024 units, in fp32 or int8. Twice the units have four times the weights, so *int8 at 1,024 has as many bytes as fp32 at 512*.
#
# Two factors are possible; each counts if above 1.15. `larger` says by how much more than fourfold the time of fp32 grows from 512 to 1,024; `routine` is the time of fp32 over that of int8 for equal bytes.
#
# <!-- page -->
#
# You get an instrument, `ms(kind, width=n, seed=k)`: the milliseconds of an LSTM of 512 or 1,024 units, `"fp32"` or `"int8"`. Run both kinds at both widths, with at least five seeds. Other programs can only make a run slower, so what counts is the *least* time of each kind at each width.
#
# `why_more(ms)` → `"larger"` or `"routine"` if only this one counts, `"both"`, or `"neither"`
#
# <details><summary>Hint</summary>
# First get the four least times. Each factor is a quotient of two of them; one has a 4 in it. The product of 4 and both factors is the speed-up at 1,024 units: use that to test yours.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# Why does a comparison at equal bytes isolate the routine? The speed-up at 1,024 units compares two things that differ in two ways: in the routine, and in the number of bytes. fp32 at 512 and int8 at 1,024 read equally many bytes. What still differs is the routine, with everything that it does beside reading (int8 has four times the multiplications). And fp32 at 512 and at 1,024 use the same routine, so what differs there is the number of bytes.
#
# The check makes up several machines. In some one of the two factors is at work, in some both or neither, and on one of them they cancel in part. The made-up machines answer at once (up to 2,000 runs are allowed).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. Draw a table of two kinds and two widths on the board, write the bytes into its cells, and ask: "Which two cells tell about `larger`, and which two about `routine`?" The row of fp32 (only the bytes differ), and the diagonal of 4.2 MB (only the routine differs). Then try four times: fp32 1 and 6, int8 0.5 and 1 ms. `larger` is 6 / 4 = 1.5, `routine` 1 / 1 = 1, so the answer is "larger".


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def why_more(ms):
    """Say what makes the gain: "larger", "routine", "both" or "neither".

    Args:
        ms: the instrument; `ms("int8", width=512, seed=3)` gives milliseconds.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.why_more(why_more)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def why_more_solution(ms):
    least = {}
    for kind in ("fp32", "int8"):
        for width in (512, 1024):
            least[kind, width] = min(ms(kind, width=width, seed=seed) for seed in range(5))
    larger = least["fp32", 1024] / (4 * least["fp32", 512]) > 1.15
    routine = least["fp32", 512] / least["int8", 1024] > 1.15
    if larger and routine:
        return "both"
    return "larger" if larger else "routine" if routine else "neither"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on this machine
#
# How many gigabytes of weights does each LSTM read in a second?
#
# **Predict.** At equal bytes, int8 with 1,024 units and fp32 with 512 (4.2 MB): does one of them read its weights clearly faster? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room find the two points that lie above each other at 4.2 MB, then follow the orange line from 256 units to the right: it falls by nearly half to 512, stays level to 1,024, and falls again to 2,048. "Where is your matrix while it is read?" (Probably in a cache as long as it fits; no counter here proves it.) So the factor above 4, at 512 units, is `larger` here: fewer bytes, and each of them is read faster. At 1,024 the rule says `neither`: 3.9 is what a quarter of the bytes gives.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the weights that are read in a second over the bytes of a step.
show.rates(lstm_times)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No: at 4.2 MB fp32 and int8 take about equally long in the run on this page. But the same fp32 routine reads 1 MB nearly twice as fast as 4.2 MB.**
#
# <!-- page -->
#
# (Further to the right in the figure are more bytes in a step.)
#
# If int8 were faster at equal bytes too, its merit would be a better routine, and the remedy a better fp32 library (section 3). But the two points lie close together. Then follow the orange line: from 1 MB (256 units) to 4.2 MB (512) the speed of the fp32 LSTM falls by nearly half, from 42 to 23 GB/s. The int8 LSTM of 512 units has only 1 MB and is still left of this fall. So it has fewer bytes to read, *and* each of them is read faster (31 against 23 GB/s). That is the factor above 4. From 4.2 to 16.8 MB the orange line is level, so at 1,024 units only the number of bytes counts, and the gain is about 4.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Takes the gain apart into four and two factors, beside what plain reading loses.
show.three_factors(lstm_times)

# %% [markdown] slideshow={"slide_type": "skip"}
# Read each row from left to right. The gain is a product of three numbers. The first is 4, for the bytes. The second says how much *more* than four times as long fp32 takes when its weights become four times as many. The third is the time of fp32 over that of int8 at equal bytes. In the run on this page:
#
# - From 256 to 512 units the time of fp32 grows 1.86 times as much as its bytes. The ratio at equal bytes is below 1, probably because int8 has other work (section 5). Both together make a gain of 5.5, and the rule of Exercise 1, asked about these widths, would say "larger".
# - At 1,024 units both factors are near 1, so the rule says "neither". A quarter of the bytes explains the gain of 3.9.
# - At 2,048 units the gain is 6.6. Most of what is above 4 is again the growth of fp32 (1.48). At equal bytes fp32 takes about a tenth longer, which is below the bound of 1.15: "larger".
#
# Why should more data be read more slowly? A processor keeps what it has used lately in small, fast memories close to the arithmetic, the *caches*: the nearer a cache, the faster and the smaller it is. What does not fit comes from further away, in each of the 28 steps again. The last column is a control without any LSTM: it adds up as many floats as the matrix has weights. This plain reading gets slower at 512 units, by more than fp32, and at 1,024 neither does. So at 512 the fp32 routine need not have a fault: larger data cost that much on this processor. At 2,048 plain reading explains half of the growth in this run, and all of it in another. The processor is an Intel Xeon with a cache of 2 MB for each core: 1 MB of weights fits into it, and 4.2 MB do not. So the caches are *probably* the main reason. (Counters in the processor, which our machines do not show us, could prove it.) Other caches move the falls to other widths; *Deeper* has an example.
#
# What this does not show: with several images at once each weight is used several times, the reading counts less, and the factor shrinks ([[audit]] has the batch).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Why 127 steps?
#
# Older x86 processors add two neighbouring products in a register of 16 bits, which ends at 32,767. Two products of an 8-bit input and a weight can reach $2 \cdot 255 \cdot 128 = 65{,}280$, too much. With 127 steps they reach at most $2 \cdot 127 \cdot 128 = 32{,}512$, which fits. PyTorch calls this `reduce_range`. Its x86 engines keep it on newer processors too, which would not need it. The engine `qnnpack`, made for ARM, uses all 255 steps. The setting is `torch.backends.quantized.engine` ([[observers]]).

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · A dynamic int8 linear layer
# ★★ · 8 minutes
#
# Write `dynamic_linear`. Quantize the input `x` (batch, n_in), float32, to whole numbers from 0 to 255, with *one* scale and *one* zero
# point for the call, from its lowest and highest value. The range always contains 0. A number is `torch.round(x / scale)` plus the
# zero point, clamped to 0 and 255. Multiply with the int8 weights `w_q` (n_out, n_in), which have the one scale `w_scale` and no zero point. Convert
# back and add `bias` (n_out). No input is all zeros.
#
# `dynamic_linear(x, w_q, w_scale, bias)` → float tensor (batch, n_out)
#
# <details><summary>Hint</summary>
# low = min(0, lowest), high = max(0, highest), scale = (high − low) / 255, zero point = round(−low / scale). A stored number q stands for
# (q − zero point) · scale. int8 times a number up to 255 does not fit into int8: convert both to int32 first.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def dynamic_linear(x, w_q, w_scale, bias):
    """Linear layer with int8 weights `w_q * w_scale` and an input quantized on the fly.

    >>> x, w_q = torch.tensor([[0.0, 1.0]]), torch.tensor([[2, 3]], dtype=torch.int8)
    >>> dynamic_linear(x, w_q, 0.5, torch.tensor([1.0]))
    tensor([[2.5000]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.dynamic_linear(dynamic_linear)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def dynamic_linear_solution(x, w_q, w_scale, bias):
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    q = (torch.round(x / scale) + zero_point).clamp(0, 255)
    sums = (q - zero_point).int() @ w_q.int().T
    return sums * (scale * w_scale) + bias


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Recorded, and published
#
# Compiled fp32 is one more baseline. It takes a C++ compiler, so the course shows a record, with oneDNN's packed weights in the first row. Read the date and the processor first. Then look which of the fp32 rows is the fastest one there. (The processor of this record shows no instructions for bf16, and there bf16 is slower than fp32. On an AMD processor that has them, bfloat16 was twice as fast as eager fp32, and int8 3.5 times.)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the recorded speeds of the BERT shape.
show.recorded_table(baselines)

# %% [markdown] slideshow={"slide_type": "skip"}
# Beside it what was published for BERT-base ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/), a Xeon-D2191 at 1.6 GHz): 581 ms in fp32, 313 ms in int8. F1 on GLUE MRPC (do two sentences say the same?): .902 in fp32, .895 in int8. The accuracy is cited: random weights have none. The post promises up to a quarter of the file and of the memory traffic, and two to four times the speed. Section 6 measured the part about the traffic: at 4.2 MB both need about equal time, and int8 has four times as many weights in them, which are twice the units.
#
# ### What int8 dynamic modules can and cannot do
#
# - They run on a CPU. Those parts of a model that stay float can run elsewhere, but then every result has to travel. PyTorch has had this interface since version 1.3, first as `torch.quantization`; older texts use that name, and `torch.nn.quantized.dynamic` for what is now `torch.ao.nn.quantized.dynamic`.
# - `quantize_dynamic(model)` without a set replaces linear layers, LSTMs, GRUs and the cells of RNNs. It leaves convolutions, and says nothing about it: [[audit]].
# - The weights of a linear layer get one scale for the whole layer, where a scale for each output would be possible ([[observers]]); the argument `qconfig_spec` also takes a dictionary from a type to `per_channel_dynamic_qconfig`. Torchao chooses scales for each row of the input as well.
# - A table of embeddings can also have 4 bits: `float_qparams_weight_only_qconfig_4bit`. After section 4 you know why its scales belong to rows.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### From which width on, without Python?
#
# The figure of section 5 once more, with the calls in a trace beside it.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the time of a call over the width, from Python and in a trace.
show.price_curves(widths, prices, traces=True)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the trace (dotted) the int8 layer is not slower than the fp32 layer at any of these widths, in the run on this page. So "from which width on does int8 pay?" has no answer by itself. It depends on how the layer is called. From Python the answer was about five hundred; inside one program there is no such width, at least not from 8 on.
#
# ### Is the search for the range what a static operator saves?
#
# A *static* int8 operator ([[static]]) gets its input as integers, so it searches no range and rounds no input. One might expect it to be cheaper to call.

# %% slideshow={"slide_type": "skip"}
static_share = price["static"] / price["operator, int8"]
print(
    f"static operator: {static_share:.2f} times the dynamic one; the search alone {price['range'] / price['operator, int8']:.2f}"
)

# %% [markdown] slideshow={"slide_type": "skip"}
# From Python it is not cheaper, in the run on this page even a little dearer. It is no clean control for the search, because it differs in more than that: it is handed two more arguments and makes a quantized tensor for its result. The search timed alone is the cleaner number, and it is small. Where both operators are called from Python, the hand-over of the packed object hides the difference between them.
#
# ### Was the fp32 LSTM at its best?
#
# Section 3 asked for the best fp32, so section 6 has to be asked as well. The next table runs the *same* LSTM in fp32 in three ways: as `nn.LSTM`; as a loop in Python with one product a step; and as such a loop with packed weights.

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Times int8 against three ways to run the same LSTM in fp32.
others_shown, others = show.other_fp32_lstms([256, 1024], one, quantize_dynamic)
others_shown

# %% [markdown] slideshow={"slide_type": "skip"}
# At 256 units int8 is a fifth faster or more than three times as fast, depending on which fp32 it is compared with; the fused routine of `nn.LSTM` is the best fp32 there by far. At 1,024 units the three differ little, probably because all of them wait for the same bytes. int8 is 3.5 to 3.9 times as fast as each of them in this table, and 3.9 times as fast as `nn.LSTM` in that of section 6, which took more samples: about a quarter of the time for a quarter of the bytes. In a trial on an AMD EPYC, where `nn.LSTM` gave "larger" at 1,024 units, the rule of Exercise 1 gave another answer for the loop: it was slower at equal bytes (1.6 to 1.7) and hardly slower for more of them, "routine". So an answer of this rule holds for one routine on one processor. (At 2,048 units, where the matrix left the largest cache of that processor, it was the same for every routine that we tried.)
#
# ### Other caches, other widths
#
# On an AMD EPYC whose largest cache has 32 MB, the lesson found a gain of 2.4 at 512 units, of 5.4 at 1,024 ("larger"), and of 13 at 2,048, where the 67 MB of fp32 did not fit into that cache and the 17 MB of int8 did. There plain reading explained about half of the growth at 1,024 units, although 16.8 MB would still fit; something in the fp32 routine probably had a part in it. On the Xeon of this page 67 MB are read more slowly than 16.8 MB, although the cache after that of 2 MB is said to have 260 MB. But a virtual machine such as ours probably shares it with others.
#
# ### Into the ledger
#
# Energy is an estimate ([[energy]]). An LSTM multiplies each weight of its steps 28 times for an image; we price one fetch of the weights (these can stay in a cache between the steps). A file in 16 bits that is computed in fp32 saves bytes on disk, not energy.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the three rows into the ledger and shows them.
show.into_the_ledger(lstm, files, accuracy, speed)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source. Speed depends on the machine: a claim about speed may fail on yours; the table then names what may be the cause.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("dynamic")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Dynamic quantization rounds the weights once and the activations at every call; it needs no data and no training.
# - Name the baseline whenever you name the speed-up.
# - What is not quantized bounds the gain: embeddings take a line of their own. A scale for each row is worth two to three bits where rows differ (section 4); a random table cannot show it.
# - From Python, an int8 call has a fixed price, mostly for handing over the packed weights. Wide layers pay it back, and one program for the whole model avoids it.
# - A wide LSTM can gain more than the bytes say, clearly so where the fp32 matrix no longer fits into the cache and the int8 one does.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: O. Zafrir et al., *Q8BERT*, 2019, [arXiv:1910.06188](https://arxiv.org/abs/1910.06188), BERT in int8 with its accuracy on many tasks;
# D. Khudia et al., *FBGEMM*, 2021, [arXiv:2101.05615](https://arxiv.org/abs/2101.05615), a library under the x86 engine.
#
# **Project ideas**: a word-level language model with an LSTM, quantized (it needs a text to train on); a *pre-trained* BERT, its embeddings in 8 bits and in 4, on a task of GLUE (it needs a download);
# the figure of section 5 on a phone or a small ARM board.
#
# **Credits**: the LSTM and the BERT example follow *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Come back to the answers on the board: a smaller file, a shorter time. "Would you have noticed a layer that the line left alone?" That is the next lesson.
