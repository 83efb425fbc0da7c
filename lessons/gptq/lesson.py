# ---
# jupyter:
#   course:
#     promise: You will be able to round the weights of a language model so that their errors cancel in the output, and say by a control why that works.
#     seconds: 25
#     needs: [weight_only]
#     goals:
#       - round two weights so that their errors cancel;
#       - round a row, and a layer, with the mean products of its inputs (GPTQ);
#       - say by a control why it works.
#     terms: [AWQ, GPTQ, outlier, rotation]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Can a later weight repair what an earlier one broke?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "In [[weight_only]] every weight went to the nearest level. Who can do better, with the same levels?" Nobody, it seems. Go straight on to the vote.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.gptq import checks as check
from lessons.gptq import show

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. Two weights
#
# A layer computes $y = 0.4\,x_1 + 0.4\,x_2$. Its two inputs are always equal. Both weights must become whole numbers.
#
# **Predict.** With which pair is the output least wrong: **A** 0 and 0, **B** 0 and 1, **C** 1 and 1?
#
# <!-- page -->
#
# In [[weight_only]] each weight moved to the level nearest to it. That makes every single error as small as it can be. Try it here with paper and pencil: write $x$ for both inputs, and compare each pair with $0.8\,x$.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; many will say A, since 0.4 is nearer to 0. Write 0.8 x on the board, and under it 0, x and 2x. Click. To those who said A: "Each of your errors is as small as it can be. Which signs do they have?"

# %% slideshow={"slide_type": "fragment"}
import torch

w = torch.tensor([0.4, 0.4])
for pair in ([0, 0], [0, 1], [1, 1]):
    errors = torch.tensor(pair) - w
    print(f"{pair}: the output is wrong by {errors.sum():+.1f} x")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **0 and 1 (B), because the two errors have opposite signs.** In the sum −0.4 and +0.6 leave +0.2, while −0.4 and −0.4 leave −0.8.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Errors meet in a sum
#
# One weight got worse, and the output got better.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Follow the arrows: in the upper row the second goes on where the first ended, in the lower row it comes back. "Who in the network ever sees a single weight?" Nobody.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the errors of the two weights as arrows, one behind the other.
show.two_arrows()

# %% [markdown] slideshow={"slide_type": "skip"}
# The next layer never sees a single weight. It sees the output, which is a sum, and in a sum errors can pile up or cancel. So the nearest level of each weight need not give the best output, as in [[qat]].
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. How much can it take over?
#
# The first weight, 0.4, becomes 0. By how much should the second change before it is rounded?
#
# If the weights are off by $e_1$ and $e_2$, the output is off by $e_1 x_1 + e_2 x_2$. Let both inputs have mean square 1, and their product the mean **ρ**. Then the output is off in the mean square by $e_1^2 + e_2^2 + 2\rho\,e_1 e_2$.
#
# With $e_1 = -0.4$ this is smallest at **$e_2 = 0.4\,\rho$**.
#
# <!-- page -->
#
# The slope in $e_2$ is $2 e_2 - 0.8\,\rho$, and it is 0 there. If ρ is 1, the inputs are equal, and the second weight takes over the whole error. If ρ is 0, each change of the second weight would only add an error of its own. In between it takes over the part ρ.

# %% [markdown] slideshow={"slide_type": "fragment"}
# Then it is rounded, too:
#
# | ρ | the second weight becomes | rounded | error, each to the nearest | error, one after the other |
# |---|---|---|---|---|
# | 0 | 0.4 | 0 | 0.32 | 0.32 |
# | 0.75 | 0.4 + 0.3 = 0.7 | 1 | 0.56 | **0.16** |
# | 1 | 0.4 + 0.4 = 0.8 | 1 | 0.64 | **0.04** |
#
# <!-- page -->
#
# Check the middle row: to the nearest it is 0.16 + 0.16 + 0.24 = 0.56, and one after the other 0.16 + 0.36 − 0.36 = 0.16.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Before the click let the room do ρ = 0.75: 0.4 + 0.75 · 0.4 = 0.7, rounded 1. Errors −0.4 and 0.6. Then the last two columns, 0.56 and 0.16. "And what if we had rounded to 0 and 1 where ρ is 0?" Click; section 4 needs this number.

# %% [markdown] slideshow={"slide_type": "fragment"}
# What if we had chosen 0 and 1 although ρ is 0? Then the error would be 0.16 + 0.36 = 0.52, and not 0.32.
#
# <!-- page -->
#
# So *this* repair helps where inputs move together, and does harm where they do not.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Many weights
#
# Rounding weight *j* changes it by *c*, and so the output by $c\,x_j$. The weights behind it are still free: by changing them we can take away any mixture of their inputs. **We choose the mixture that comes nearest to $x_j$, and take it away *c* times.**
#
# How much of each input? That is the linear regression of $x_j$ on the free inputs. It needs only mean products of two inputs:
#
# $$H = X^\top X / n, \qquad \text{here } \begin{pmatrix} 1 & \rho \\ \rho & 1 \end{pmatrix}$$
#
# The shares $s$ solve $H_{\text{free, free}}\; s = H_{\text{free}, j}$. For our two inputs $1 \cdot s = \rho$, so −0.4 brings +0.4 ρ.
#
# <!-- page -->
#
# $X$ has a row for each of $n$ tokens. To get it, run the model on some text and look at what enters the layer. This is **calibration**, and it needs no labels and no training. A layer with 576 inputs has an $H$ of 576 × 576 numbers, which all rows of its weight share.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say it as regression: "Guess x₁, and you may use only x₂. What do you multiply it by?" By ρ. With many free inputs the computer solves for all shares at once. "What do we need of the text?" Only H; no labels.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. A row, and a layer
#
# **GPTQ** ([Frantar et al., 2022](https://arxiv.org/abs/2210.17323)): from left to right, round one weight, and let those that are still free repair its error.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Only the lines in the loop. Which weights are free? Those behind j. How far is weight j from its level? It goes there. And the last line is our regression: the free ones take their shares. "Who moves weight j again?" Nobody, it is final.


# %% slideshow={"slide_type": "-"}
def nearest(w, low, step):  # 3 bits: the levels are low + 0, 1, … 7 steps
    return low + step * ((w - low) / step).round().clamp(0, 7)


def round_row(w, H, low, step):
    w = w.clone()
    for j in range(len(w)):
        free = slice(j + 1, None)  # all weights behind it
        change = nearest(w[j], low[j], step[j]) - w[j]
        w[j] += change
        w[free] -= change * torch.linalg.solve(H[free, free], H[free, j])
    return w


# %% [markdown] slideshow={"slide_type": "skip"}
# `nearest` is the round-to-nearest of [[weight_only]]: a group of weights has a lowest level and a step. They are given for each weight, and they stay as they are. `torch.linalg.solve(A, b)` finds the $s$ with $A s = b$.

# %% slideshow={"slide_type": "skip"}
rho = 0.75
H = torch.tensor([[1.0, rho], [rho, 1.0]])
print(round_row(w, H, low=torch.zeros(2), step=torch.ones(2)))

# %% [markdown] slideshow={"slide_type": "skip"}
# **Try it.** Change `rho = 0.75` to smaller numbers, and run the cell again. From which ρ on does the second weight become 1? Work it out first.
#
# <details><summary>What others found</summary>
#
# It becomes 0.4 + 0.4 ρ, and this is more than one half when ρ is more than 0.25.
#
# </details>

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Column by column
#
# Four weights, whole numbers, ρ = 0.75 between all inputs. Blue is final, orange is free.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go down the rows: which squares moved, and why up? The first weight fell, so all others rise. They share the repair: 0.4 · 0.75 / (1 + 2 · 0.75) = 0.12. At the end: "Who repairs the last error?" Nobody.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws a row of four weights after each rounding, and the error that each way leaves in the output.
show.column_by_column()

# %% [markdown] slideshow={"slide_type": "skip"}
# Each rounding moves all the weights to its right. Nothing repairs the error of the last one, since no weight stands behind it.
#
# Now a layer of SmolLM2. It comes with codes of 4 bits, and we round it again, to 3. While the model reads two chapters of Python's manual, a hook keeps what enters the layer: a row for each token. `gptq` does what `round_row` does, for all rows of the weight at once.

# %% slideshow={"slide_type": "skip"}
from lessons.gptq.rounding import gptq, grid, layer_of_smollm2

layer, X, X_other = layer_of_smollm2()  # and its inputs in either chapter
H = X.T @ X / len(X)
H += 0.01 * H.diagonal().mean() * torch.eye(len(H))  # damping
low, step = grid(layer.weight, bits=3, group=32)  # of each weight's group
rounded = {"to the nearest": nearest(layer.weight, low, step)}
rounded["GPTQ"] = gptq(layer.weight, H, low, step, bits=3)

# %% [markdown] slideshow={"slide_type": "skip"}
# Two inputs may be nearly the same in all of the text. Then the regression may give them huge shares that cancel. **Damping** adds one per cent of its mean to the diagonal of $H$, and keeps the shares small.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Which error falls?
#
# A layer of SmolLM2, 576 × 576 weights, at 3 bits: to the nearest level, and by GPTQ, on the same levels. We measure the error of the *weights*, and, on another text, that of the *outputs*.
#
# **Predict.** GPTQ in place of round-to-nearest: **A** both errors fall, **B** only that of the outputs, **C** only that of the weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote, click: B. "Can any way have a smaller error of the weights than to the nearest?" No. The outputs are judged on another chapter than the one that H came from; on its own chapter GPTQ may look better than it is.


# %% slideshow={"slide_type": "skip"}
def relative(error, whole):
    return 100 * (error.norm() / whole.norm()).item()


off = {}
for way, new in rounded.items():
    error = new - layer.weight
    of_outputs = relative(error @ X_other.T, layer.weight @ X_other.T)  # on the other chapter
    off[way] = relative(error, layer.weight), of_outputs

# %% slideshow={"slide_type": "fragment"}
for way, (of_weights, of_outputs) in off.items():
    print(f"{way:14} weights off by {of_weights:.0f} %, outputs by {of_outputs:.0f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only that of the outputs (B): on given levels no way can be nearer to the weights than the nearest.** GPTQ gives up some of that, and gains in the output.

# %% [markdown] slideshow={"slide_type": "skip"}
# The repairs were made for the tokens of one chapter, and on these the gain may look larger than it is. So judge on another text than you calibrate on, and calibrate on text of the kind that the model will meet.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Does it pay, and why?
#
# All blocks of a model at 2 bits: the small Transformer of [[decoding]], four levels, groups of 32. Both ways get the same levels.
#
# Then a **control**: GPTQ gets an $H$ with the right sizes of the inputs, but each ρ belongs to another pair.
#
# **Predict.** With the wrong pairs the perplexity rises **A** about as little as with GPTQ, **B** about as much as to the nearest, **C** more?
#
# <!-- page -->
#
# Why a control? Perhaps any change of the later weights would have helped. Wrong pairs keep everything, the levels, the sizes of inputs, the amount of ρ, and take away one thing alone: *which* inputs move together.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote, and remind them of 0.52 against 0.32. Click: C. "What would you conclude from A?" That any change helps, and our story is wrong. The row "no pairs" has zeros in H beside the diagonal: then nothing is repaired.

# %% slideshow={"slide_type": "fragment"}
rises = show.rises_at_two_bits()  # of the perplexity in float, on code held out
show.table_of(rises)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More (C), because a repair for inputs that do not move together is only a second error:** as in section 2, 0.52 against 0.32.

# %% [markdown] slideshow={"slide_type": "skip"}
# GPTQ takes away about half of the rise. With the wrong pairs the same method, with the same levels, does great harm. So it is the pairs that matter. The row *no pairs* keeps only the diagonal of $H$. Then every ρ is 0, nothing is repaired, and the weights are those of round-to-nearest.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### SmolLM2 at 3 bits
#
# All 30 blocks, 106 million weights, groups of 32. *What is the capital of France?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the three answers aloud. The last two have the same levels, bytes and speed. "Where does the difference come from?" From 8,192 tokens of text and some minutes. Be honest: the answer is still wrong, and with other calibrations GPTQ took away less, and once nothing.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Shows the record of SmolLM2, as downloaded and at 3 bits in two ways.
record = show.record()
show.record_table(record)

# %% [markdown] slideshow={"slide_type": "skip"}
# It takes minutes, so this is a record; `records/gptq/measure.py` makes it. The perplexity is measured on 256 tokens of one chapter of Python's manual. The calibration text comes from the other chapters.
#
# How much of the rise GPTQ takes away depends on the calibration: in our other tries, which are not kept, it was less, and once nothing.

# %% [markdown] slideshow={"slide_type": "fragment"}
# It does not work wonders, and the answer is still wrong: 3 bits are few.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercise · A whole layer
# ★★ · 10 minutes
#
# Write `round_layer(weight, H, low, step)`: GPTQ at 3 bits for all rows at once, from the left column to the right. `weight`, `low` and `step` have the shape (rows, columns), and the levels are those of `nearest`. Do not damp `H` (columns, columns). Return the rounded weights, and leave `weight` as it is.
#
# <details><summary>Hint</summary>
#
# Start from `round_row`, and write `w[:, j]` for `w[j]`: a column in place of one weight. So `change` is a vector, and `torch.outer(change, …)` spreads it over the columns that are free.
#
# </details>
#
# <!-- page -->
#
# <details><summary>What others found</summary>
#
# `round_layer(layer.weight, H, low, step)` rounds the layer of section 3 in seconds, and its outputs are off as little as with `gptq`.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* In the room ask only: what becomes a vector, what stays a number? The change is a vector, one entry for each row; the shares are the same for all rows.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def round_layer(weight, H, low, step):
    """The weights of a layer at 3 bits by GPTQ, float (rows, columns)."""
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.round_layer(round_layer)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def round_layer_solution(weight, H, low, step):
    w = weight.clone()
    for j in range(w.shape[1]):
        free = slice(j + 1, None)
        code = ((w[:, j] - low[:, j]) / step[:, j]).round().clamp(0, 7)
        change = low[:, j] + code * step[:, j] - w[:, j]
        w[:, j] += change
        w[:, free] -= torch.outer(change, torch.linalg.solve(H[free, free], H[free, j]))
    return w


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The next layer sees sums, not weights: errors of two weights can cancel where their inputs move together, so the nearest level need not be the best.
# - GPTQ rounds column by column, and lets the columns that are still free repair each error; all that it needs of the inputs is H, their mean products on some text.
# - A control says why it works: with the pairs of H exchanged the same method does harm, and without pairs it is round-to-nearest.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* One sentence each: what does GPTQ need to know? And which control would you ask for, when somebody shows you the next method?

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("gptq")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### AWQ: scale before you round
#
# A weight of 0.4 has an input of 8. In its group stands one more weight, 0.9, with an input of 1, and the levels go from 0 to the largest weight in three steps: a step is 0.3. Multiply the first weight by $s$, and divide its input by $s$. In float nothing changes. Rounded, a weight is off by at most half a step, and this error meets a smaller input.
#
# | $s$ | weights | step | worst error from the first | from the second |
# |---|---|---|---|---|
# | 1 | 0.4, 0.9 | 0.30 | 0.15 · 8 = 1.2 | 0.15 |
# | 2 | 0.8, 0.9 | 0.30 | 0.15 · 4 = 0.6 | 0.15 |
# | 4 | 1.6, 0.9 | 0.53 | 0.27 · 2 = 0.53 | 0.27 |
#
# With $s = 2$ the first gains and nobody loses. With $s = 4$ it is the largest of the group, and its neighbour pays. **AWQ** ([Lin et al., 2023](https://arxiv.org/abs/2306.00978)) takes for $s$ a power of each input's mean size, and searches the power for each layer. Who divides the inputs? Often the norm in front of the layer, whose factors are divided once, so it costs nothing when the model runs.
#
# ### A rotation
#
# A number far larger than those that share its scale is an **outlier**: it makes the step wide, and its neighbours are lost. Take the weights 8, 0, 0, 0, and replace them by four sums with the signs + + + +, + − + −, + + − −, + − − +, each divided by 2. This gives 4, 4, 4, 4. The outlier is spread over all, and the largest number has become half as large.
#
# Such a change of coordinates is a **rotation** $Q$. It keeps lengths and can be undone, so in float $W x = (W Q)(Q^\top x)$. Then errors are as large after turning back as they were. It does not help where nothing stands out: 4, 4, 4, 4 becomes 8, 0, 0, 0. QuaRot ([Ashkboos et al., 2024](https://arxiv.org/abs/2404.00456)) rotates language models so that weights, activations and cache fit into 4 bits.
#
# ### Which column first, and one inverse for all
#
# The columns at the end have few others, or none, to repair their errors. So tools offer to take the columns with the largest inputs first (`act_order`, `desc_act`). Then the weights of a group no longer stand side by side, unless the levels were fixed before.
#
# Our loop solves a system for each column. Real programs invert $H$ once: the shares of column $j$ stand, up to a factor, in row $j$ of the upper Cholesky factor of $H^{-1}$. They change later columns block by block, as `rounding.gptq` does. They often call $H$ the *Hessian*. When one says that it is *not positive-definite*, there was often too little calibration text, or an input is always 0: damp more.
#
# In large models the blocks are rounded one after the other. Each is calibrated with the inputs that it really gets, from the blocks before it, which are rounded already. Our record was made in this way.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Sources.** E. Frantar et al., *GPTQ*, 2022, [arXiv:2210.17323](https://arxiv.org/abs/2210.17323). SmolLM2: L. B. Allal et al., 2025, [arXiv:2502.02737](https://arxiv.org/abs/2502.02737).
#
# **Going further.** T. Dettmers et al., *LLM.int8()*, 2022, [arXiv:2208.07339](https://arxiv.org/abs/2208.07339), on outliers. Projects: round the columns with the largest inputs first; find out which layers gain most.
#
# **Credits.** GPTQ, AWQ and QuaRot are by their authors; the code was written anew for this course. Text CC BY 4.0, code MIT.
