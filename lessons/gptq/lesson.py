# ---
# jupyter:
#   course:
#     promise: You will be able to round a language model's weights so that their errors cancel, and show by a control why that works.
#     seconds: 30
#     needs: [weight_only]
#     goals:
#       - work out how far one weight has to move to make up for another;
#       - write GPTQ, which does this for a whole layer, and calibrate it;
#       - run a control that shows why it works.
#     terms: [AWQ, GPTQ, outlier]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *When rounding spoils one weight, can the next weight make up for it?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.gptq import show
from lessons.gptq import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Two weights, rounded by hand
#
# In [[weight_only]] you quantized a language model by round-to-nearest: every weight went to the level closest to it. Can anyone do better with the same levels? It doesn't look like it, since every weight already moves as little as it can.
#
# Our layer has two weights, both 0.4, so it computes $y = 0.4\,x_1 + 0.4\,x_2$. Suppose that both inputs are always equal, and that the weights must become whole numbers.
#
# **Predict.** Which whole numbers keep the output closest to the right one: **A** 0 and 0, **B** 0 and 1, **C** 1 and 1? A pencil is enough: write $x$ for both inputs, so that the right output is $0.8\,x$.

# %% [markdown] tags=["answer"]
# **B, 0 and 1.** The output is only $0.2\,x$ too large, because $-0.4\,x$ and $+0.6\,x$ nearly cancel. With 0 and 0, the nearest whole numbers, it's $0.8\,x$ too small.

# %% [markdown]
# The next layer sees only the output, and the output is a sum. In a sum, errors of the same sign pile up, and errors of opposite sign cancel.

# %% two_weights tags=["hide-input"]
# Draws the errors of the two weights as arrows, end to end.
show.two_weights()

# %% [markdown]
# **The weights don't have to be close. The output does.**
#
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# ## 2. How far should the second weight move?
#
# Inputs that are always equal are a lucky case. In a real layer, two inputs may be alike or opposite, and most have little in common.
#
# The **error** of a weight is its new value minus its original one. The first weight goes from 0.4 to 0, so its error is $e_1 = -0.4$, and that's final. The second weight isn't rounded yet, so we may give it any error $e_2$ we like. The output then differs from the right one by $e_1 x_1 + e_2 x_2$. This differs from one pair of inputs to the next, so we square it and take the mean over all of them. This is the **mean squared error** of the output, its **MSE**:
#
# $$\text{MSE} = e_1^2\,\text{mean}(x_1^2) + e_2^2\,\text{mean}(x_2^2) + 2\,e_1 e_2\,\text{mean}(x_1 x_2)$$
#
# Let both inputs have mean square 1, and call the mean of their product **ρ**. Then it's short:
#
# $$\text{MSE} = e_1^2 + e_2^2 + 2\rho\,e_1 e_2$$
#
# ρ measures how alike the two inputs are. It's 1 if they are always equal, 0 if their products average out to nothing, and negative if they mostly have opposite signs.
#
# We want the $e_2$ that makes the MSE smallest. There, the gradient with respect to $e_2$ is zero:
#
# $$2 e_2 + 2\rho\,e_1 = 0, \qquad\text{so}\qquad e_2 = -\rho\,e_1$$
#
# If ρ is 0.75, this gives $e_2 = 0.75 \cdot 0.4 = 0.3$: the second weight moves up from 0.4 to 0.7, to repair the error of the first. If ρ is 0, it stays where it is, and if ρ is negative, it moves down.
#
# Then the second weight is rounded as well, and 0.7 becomes 1, an error of +0.6. Was that better than 0? With ρ = 0.75 and 2ρ = 1.5, the formula says:
#
# - round-to-nearest, errors −0.4 and −0.4: 0.16 + 0.16 + 1.5 · 0.16 = 0.56;
# - with the repair, errors −0.4 and +0.6: 0.16 + 0.36 − 1.5 · 0.24 = **0.16**.
#
# ## 3. From two weights to a whole layer
#
# A row of a real layer has many weights. Most ρ are small, but many small repairs add up. When the first weight is rounded, how should the others share the repair?
#
# ### Three weights by hand
#
# Let's add a third weight of 0.4, and let ρ be 0.75 for any two of the three inputs. The first weight goes to 0 again. Should each of the other two move by +0.3, as before? That would be too much. Since $x_2$ and $x_3$ are alike as well, the two weights would repair the same error twice.
#
# So each free weight has to take the other one into account. The output is now off by $e_1 x_1 + e_2 x_2 + e_3 x_3$. For the second weight, $e_1$ and $e_3$ are both errors of its neighbours, whether they come from rounding or from a repair, and it makes up for both as in section 2. The third weight does the same for $e_1$ and $e_2$:
#
# $$e_2 = -0.75\,(e_1 + e_3) \qquad\qquad e_3 = -0.75\,(e_1 + e_2)$$
#
# The two equations treat $e_2$ and $e_3$ alike, so both errors are equal. With $e_1 = -0.4$, the first equation becomes $e_2 = 0.3 - 0.75\,e_2$, so $1.75\,e_2 = 0.3$. Each moves by only 0.17, to 0.57.
#
# Next, the second weight is rounded from 0.57 to 1. Its error isn't 1 − 0.57, because the right output is that of the original weights. It's 1 − 0.4 = +0.6, and final. Only the third weight is still free, and it makes up for both: $e_3 = -0.75\,(-0.4 + 0.6) = -0.15$. It goes from 0.4 to 0.25, and is rounded to 0. Nothing repairs its error, because no weight is free. Still, the MSE is 0.20, where round-to-nearest would leave 1.20: add the three squares, and 1.5 times each product of two errors.

# %% row_by_hand tags=["hide-input"]
# Draws the row after each rounding, and the errors of the weights that are final.
show.row_by_hand()

# %% [markdown]
# ### Any number of weights
#
# To find the general rule, we go back to our two equations, where only one weight was rounded. We multiply out, and move both free errors to the left. The first equation becomes $e_2 + 0.75\,e_3 = -0.75\,e_1$, and the second $0.75\,e_2 + e_3 = -0.75\,e_1$. Together:
#
# $$\underbrace{\begin{pmatrix} 1 & 0.75 \\ 0.75 & 1 \end{pmatrix}}_{\text{free with free}} \begin{pmatrix} e_2 \\ e_3 \end{pmatrix} = - \underbrace{\begin{pmatrix} 0.75 \\ 0.75 \end{pmatrix}}_{\text{free with rounded}} e_1$$
#
# Each number in these matrices is the mean product of two inputs, and each 1 on the diagonal is an input's mean square. So we collect the mean products of all pairs of inputs in a matrix $H$, with $H_{ik} = \text{mean}(x_i\,x_k)$. Once more weights are rounded, the matrix on the right has a column for each of them. However many weights are rounded and free, the best errors of the free ones solve
#
# $$H_{\text{free, free}}\;e_{\text{free}} = -H_{\text{free, rounded}}\;e_{\text{rounded}}$$
#
# **GPTQ** ([Frantar et al., 2022](https://arxiv.org/abs/2210.17323)) goes through the layer's columns, one for each input. It rounds a column, and that column never moves again. Then all columns that are still free make up for all errors so far.
#
# All rows have the same inputs. So they share one $H$, and one call of `torch.linalg.solve` finds $e_{\text{free}}$ for all of them. It works on columns, so we turn rows into columns and back, with `.T`.


# %% nearest
def nearest(w, low, step):  # 2 bits: only the levels low + 0, 1, 2 or 3 steps
    return low + step * ((w - low) / step).round().clamp(0, 3)


# %% gptq
def gptq(weight, H, low, step):
    w = weight.clone()
    for j in range(w.shape[1]):
        w[:, j] = nearest(w[:, j], low[:, j], step[:, j])
        rounded, free = slice(0, j + 1), slice(j + 1, None)  # up to j, and after j
        e_rounded = (w - weight)[:, rounded].T
        e_free = torch.linalg.solve(H[free, free], -H[free, rounded] @ e_rounded)
        w[:, free] = weight[:, free] + e_free.T  # from the original
    return w


# %% [markdown]
# As in [[weight_only]], `low` is the lowest level for each weight and `step` the distance to the next one. Now our three weights:

# %% three_weights
rho = 0.75
H = torch.full((3, 3), float(rho)).fill_diagonal_(1)
print(gptq(torch.tensor([[0.4, 0.4, 0.4]]), H, low=torch.zeros(1, 3), step=torch.ones(1, 3)))

# %% [markdown]
# That's our result by hand.
#
# **Try it.** Set `rho = 0`, and run the cell again. Which method do you get?
#
# <details><summary>What others found</summary>
#
# 0, 0, 0: that's round-to-nearest, because no weight can make up for another.
#
# </details>

# %% [markdown]
# ## 4. How much can be repaired in a real layer?
#
# Let's take a layer from the middle of the small Transformer of [[decoding]], with 512 rows of 128 weights.
#
# First we need its $H$. We let the model read 4,096 characters of the Python code that it was trained on, and a forward hook records what enters the layer. This is **calibration**, and it needs no labels. If the $n$ recorded inputs are the rows of a matrix $X$, all mean products are in $X^\top X / n$. To the diagonal we add 1 % of the diagonal's mean. This is **damping**. Without it, `solve` fails when an input is always 0, because its row of $H$ is all zeros.

# %% calibration
from course_utils import language
from lessons.gptq.rounding import grid, inputs_of

net = language.trained()
learned, unseen = (language.encode(language.source(m)[0]) for m in (language.TRAINING, language.HELD_OUT))


def calibrate(layer, text):
    X = inputs_of(net, layer, text)  # a row for each character
    H = X.T @ X / len(X)
    return H + 0.01 * H.diagonal().mean() * torch.eye(len(H))  # damping


# %% one_layer
layer = net.blocks[2].up
H = calibrate(layer, learned)
low, step = grid(layer.weight, bits=2, group=32)  # 32 neighbours in a row share their levels

# %% [markdown]
# Now we round the layer to 2 bits both ways. How far off are the weights and the outputs? We divide the norm of the errors by the norm of the right values. We test on code that the model has never seen, because a repair can look too good on the text that it was fitted to.
#
# **Predict.** How far off will the outputs be with GPTQ, compared with round-to-nearest: **A** about a tenth as far, **B** about half as far, **C** nearly as far?

# %% which_error
X = inputs_of(net, layer, unseen)
off = {}  # how far off the outputs are


def report(way, new):
    error = new - layer.weight
    off[way] = ((X @ error.T).norm() / (X @ layer.weight.T).norm()).item()
    print(f"{way:17} weights off by {error.norm() / layer.weight.norm():.0%}, outputs by {off[way]:.0%}")


report("round-to-nearest", nearest(layer.weight, low, step))
report("GPTQ", gptq(layer.weight, H, low, step))

# %% [markdown] tags=["answer"]
# **B, about half as far.** The levels are the same, so the layer is no larger and no slower. The weights that repair are rounded in turn, so something is left. But look at the weights: GPTQ's are much farther from the originals. Its outputs are still closer, because errors times inputs cancel in the sum.

# %% [markdown]
# ## 5. Does it have to be the right $H$?
#
# Weights farther from the originals made a better layer. But why? Perhaps it helps to move the free weights a little, whatever $H$ says.
#
# A **control** can settle this: we run GPTQ twice, and change only the one thing that should make it work. That's $H$. So we calibrate once on code and once on random digits. Each time, we round all 20 layers in the model's blocks to 2 bits, and measure how much the perplexity on unseen code goes up.
#
# **Predict.** If we calibrate GPTQ on digits, how much will the perplexity rise: **A** more than with code or round-to-nearest, **B** about as much as with round-to-nearest, **C** about as much as with code?

# %% texts
digits = language.encode("".join(map(str, torch.randint(10, (9999,)).tolist())))
texts = {"GPTQ, code": learned, "GPTQ, digits": digits}

# %% whole_model tags=["hide-input"]
# Rounds all 20 layers in each way, GPTQ by its faster form (see Deeper), and prints by how much the perplexity rises.
from lessons.gptq import rounding

ways = {"round-to-nearest": lambda layer: nearest(layer.weight, *grid(layer.weight, bits=2))}
for name, text in texts.items():
    ways[name] = lambda layer, text=text: rounding.gptq(
        layer.weight, calibrate(layer, text), *grid(layer.weight, bits=2), bits=2
    )
trained, rounded = show.perplexities(net, unseen, ways)
rises = {way: 100 * (perplexity / trained - 1) for way, perplexity in rounded.items()}
print(f"not rounded       perplexity {trained:.2f}")
for way, rise in rises.items():
    print(f"{way:17} perplexity {rounded[way]:.2f}, up by {rise:.1f} %")

# %% [markdown] tags=["answer"]
# **A, more.** Calibrated on code, GPTQ avoids about half of the damage. Calibrated on digits, it moves the weights of every layer less, and still does more damage than round-to-nearest. So it isn't the moving that helps. The repair needs an $H$ that fits the inputs that the layer will get.

# %% [markdown]
# Digits are only 10 of our model's 96 characters, so their $H$ says little about the others, and a change that hardly matters on digits can spoil the outputs on code. Must the text be code, then? No. With code, the perplexity rose by 4.7 to 8.9 %, depending on the text, and with English by 5.8 to 8.7 %. So what does harm is probably what the text lacks.
#
# **Calibrate on varied text, so that it covers what the model will meet.**

# %% [markdown]
# ## Exercise · Remove an input
# ★★ · 10 minutes
#
# You remove an input from a layer: its column of weights becomes 0. All other columns, left and right, may move to make up for it. Nothing is rounded.
#
# Write `without_input(weight, H, j)`. It returns new weights whose column `j` is 0, and which make the MSE as small as it can be. Leave `weight` as it is. With two weights of 0.4 and ρ = 0.75, removing the first gives 0 and 0.7.
#
# <details><summary>Hint</summary>
#
# Treat column `j` as already rounded, to 0. What's its error in each row? `others = [k for k in range(len(H)) if k != j]` lists the free columns, and `H[others][:, others]` is their part of `H`. The repair has a number for each row and each of the others: `torch.outer` makes such a table from two vectors.
#
# </details>
#


# %% tags=["exercise"]
def without_input(weight, H, j):
    """The weights without input j, the other columns repaired, float (rows, columns)."""
    raise NotImplementedError


# %% tags=["check"]
check.without_input(without_input)


# %% tags=["solution", "hide-cell"]
def without_input_solution(weight, H, j):
    w = weight.clone()
    others = [k for k in range(len(H)) if k != j]
    error = -weight[:, j]  # each row loses its weight of input j
    repair = torch.outer(error, torch.linalg.solve(H[others][:, others], -H[others, j]))
    w[:, others] += repair
    w[:, j] = 0
    return w


# %% [markdown]
# ## Remember
#
# - The next layer sees sums, not weights. The output has to be close, and the weights needn't be.
# - GPTQ rounds column by column, and the free columns make up for the errors so far. It needs the mean products of the inputs on a calibration text.
# - Calibrated on digits alone, GPTQ was worse than round-to-nearest on code. Calibrate on varied text.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("gptq")

# %% [markdown]
# ## Deeper
#
# ### GPTQ on large models
#
# The authors quantized models of 175 billion weights to 3 and 4 bits, in about four GPU hours and with hardly any loss. Don't expect this everywhere. We took SmolLM2 of [[weight_only]], whose weights are already stored in 4 bits, and rounded them once more, to 3 (`records/gptq`). On 256 tokens of one chapter of Python's manual, the model rounded to nearest picked the same next token as the original 44 % of the time, and with GPTQ, calibrated on the other chapters, 61 %. Neither answers a question any more.
#
# For your own models, take a library such as LLM Compressor (`GPTQModifier`). It repairs only the newest error, on top of earlier repairs. On the same levels, that gives the same weights, and it's faster, because one Cholesky factorization of $H^{-1}$ holds the solutions for all columns. (Our cell for the whole model does this as well.) It goes block by block, and calibrates each block with what the blocks before it, already rounded, really pass on.
#
# Where damping is missing or too weak, a library says that the *Hessian* (its name for $H$, or twice $H$) is *not positive-definite*: damp more, or calibrate on more text. With too short a text, some inputs are nearly mixtures of others, and without damping the repairs may become huge, with no message at all.
#
# ### AWQ: scale before you round
#
# Some inputs of a language model are far larger than the others: **outliers**. Say a weight of 0.4 has such an input, 8. The largest weight of its group is 0.9, and the levels go from 0 to 0.9 in three steps of 0.3. Rounding moves a weight by at most half a step, so this weight spoils the output by at most 0.15 · 8 = 1.2.
#
# Now double this weight, and let the layer before halve its input. In float nothing changes. The largest weight is still 0.9, so the steps stay 0.3, and the weight spoils the output by at most 0.15 · 4 = 0.6. With a factor of 4 it would be 1.6 itself, the largest, and all its neighbours would get steps of 0.53. **AWQ** ([Lin et al., 2023](https://arxiv.org/abs/2306.00978)) therefore searches the factors for each layer.

# %% [markdown]
# **Sources.** E. Frantar et al., *GPTQ*, 2022, [arXiv:2210.17323](https://arxiv.org/abs/2210.17323).
#
# **Credits.** GPTQ and AWQ are by their authors; the code was written anew for this course. Text CC BY 4.0, code MIT.
#
# GPTQ repairs what it can, column by column, by moving weights from one level to another, and half of the damage stays. Could a few new weights, trained beside the rounded ones, repair the rest? That's [[adapters]].
