# ---
# jupyter:
#   course:
#     promise: You will be able to round the weights of a language model so that their errors cancel in the output, and show by a control why that works.
#     seconds: 45
#     needs: [weight_only]
#     goals:
#       - round two weights so that their errors cancel in the output;
#       - round a row, and a layer, with the mean products of its inputs (GPTQ);
#       - run a control that shows why it works.
#     terms: [AWQ, GPTQ, outlier, rotation]
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

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.gptq import checks as check
from lessons.gptq import show

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Two weights, rounded by hand
#
# In [[weight_only]] you quantized a language model by round-to-nearest: every weight went to the level closest to it. Can anyone do better with the same levels? It doesn't look like it, since every weight already moves as little as it can. Let's test that on the smallest layer there is.
#
# Our layer has two weights, both 0.4, so it computes $y = 0.4\,x_1 + 0.4\,x_2$. Suppose that both inputs are always equal, and that the weights must become whole numbers.
#
# **Predict.** Which whole numbers keep the output closest to the right one: **A** 0 and 0, **B** 0 and 1, **C** 1 and 1? A pencil is enough: write $x$ for both inputs, so that the right output is $0.8\,x$.

# %% two_weights
for first, second in ((0, 0), (0, 1), (1, 1)):
    error = (first - 0.4) + (second - 0.4)
    print(f"{first} and {second}: the output is wrong by {error:+.1f} x")

# %% two_arrows tags=["hide-input"]
# Draws the errors of the two weights as arrows, one behind the other.
show.two_arrows()

# %% [markdown] tags=["answer"]
# **B, 0 and 1.** With 0 and 0, the nearest whole numbers, the output is $0.8\,x$ too small. With 0 and 1 it's only $0.2\,x$ too large: the first weight is 0.4 too small and the second 0.6 too large, and as both meet the same $x$, the two errors nearly cancel.

# %% [markdown]
# ### What matters is the sum
#
# Round-to-nearest lost, although it kept each weight as close as possible. Nothing in the network ever looks at a single weight. The next layer sees only the output, and the output is a sum. Here both weights meet the same input, so in the sum errors of the same sign pile up, and errors of opposite sign cancel.
#
# We've been chasing the wrong goal. **The weights don't have to be close. The output does.**
#
# When one weight has been rounded down, another that isn't rounded yet can move up to make up for it. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# ## 2. How far should the second weight move?
#
# Inputs that are always equal are a lucky case. In a real layer, two inputs are only more or less alike. How far should the second weight move then?
#
# The **error** of a weight is its new value minus its original one. The first weight goes from 0.4 to 0, so its error is $e_1 = -0.4$, and that's final. The second weight isn't rounded yet, so we may give it any error $e_2$ we like. The output is then wrong by $e_1 x_1 + e_2 x_2$. That's another number for every input, so we square it and take the mean:
#
# $$\text{mean}\big((e_1 x_1 + e_2 x_2)^2\big) = e_1^2\,\text{mean}(x_1^2) + e_2^2\,\text{mean}(x_2^2) + 2\,e_1 e_2\,\text{mean}(x_1 x_2)$$
#
# Let both inputs have mean square 1, and call the mean of their product **ρ**. Then the formula is short:
#
# $$\text{output error} = e_1^2 + e_2^2 + 2\rho\,e_1 e_2$$
#
# ρ says how strongly the two inputs are **correlated** (around 0, since no mean is taken off). It's 1 if they are always equal, 0 if their products average out to nothing, and −1 if one is always the negative of the other.
#
# We want the $e_2$ that makes this smallest. There, the gradient with respect to $e_2$ is zero:
#
# $$2 e_2 + 2\rho\,e_1 = 0, \qquad\text{so}\qquad e_2 = -\rho\,e_1 = 0.4\,\rho$$
#
# If ρ is 0.75, the second weight moves up by 0.3, and if ρ is negative, it moves down. If ρ is 0, it stays, because then any $e_2$ would only add its own square.
#
# Then the second weight is rounded as well:
#
# | ρ | second weight moves to | rounded to | output error of round-to-nearest (0, 0) | with the repair |
# |---|---|---|---|---|
# | 0 | 0.4 | 0 | 0.32 | 0.32 |
# | 0.75 | 0.4 + 0.3 = 0.7 | 1 | 0.56 | **0.16** |
# | 1 | 0.4 + 0.4 = 0.8 | 1 | 0.64 | **0.04** |
#
# Check the middle row. Round-to-nearest makes the errors −0.4 and −0.4, so it gets 0.16 + 0.16 + 2 · 0.75 · 0.16 = 0.56. With the repair they're −0.4 and +0.6, their product is negative, and we get 0.16 + 0.36 − 2 · 0.75 · 0.24 = 0.16.
#
# What if we're mistaken about ρ? Say we believe in 0.75 and choose 0 and 1, while in truth ρ is 0. Then nothing cancels, and we get 0.16 + 0.36 = 0.52, against 0.32 for round-to-nearest. **A repair is only as good as our knowledge of ρ.**
#
# ## 3. From two weights to a whole layer
#
# A row of a real layer has a hundred weights or more. When the first one is rounded, how should the others share the repair?
#
# ### Three weights by hand
#
# Let's add a third weight of 0.4, and let ρ be 0.75 for any two of the three inputs. The first weight goes to 0 again. Should each of the other two move by +0.3, as before? That would be too much. Since $x_2$ and $x_3$ are alike as well, the two weights would repair the same error twice.
#
# Now there are three squares, and a product for each pair of weights:
#
# $$\text{output error} = e_1^2 + e_2^2 + e_3^2 + 2\rho\,(e_1 e_2 + e_1 e_3 + e_2 e_3)$$
#
# The gradient must be zero for both free weights. With ρ = 0.75 and $e_1 = -0.4$, and divided by 2, this gives two equations:
#
# $$e_2 + 0.75\,e_3 = 0.3 \qquad\qquad 0.75\,e_2 + e_3 = 0.3$$
#
# The equations treat $e_2$ and $e_3$ alike, so the two must be equal. That leaves $1.75\,e_2 = 0.3$, so each moves by only 0.17.
#
# Next, the second weight, now 0.57, is rounded to 1. So its final error is 1 − 0.4 = +0.6. Two errors are final, −0.4 and +0.6, and one weight is still free. For it the gradient says $e_3 + 0.75 \cdot (-0.4 + 0.6) = 0$, so $e_3 = -0.15$. The third weight goes to 0.25, and is rounded to 0.

# %% row_by_hand tags=["hide-input"]
# Draws the row after each rounding, and the errors of the weights that are final.
show.row_by_hand()

# %% [markdown]
# What have we gained? The squares of the three final errors add up to 0.68, and the pairs give 2 · 0.75 · (−0.24 + 0.16 − 0.24) = −0.48. So the output error is 0.20. Round-to-nearest, with −0.4 three times, gets 0.48 + 0.72 = 1.20, six times as much.
#
# ### Any number of weights
#
# To let a computer do this, we collect the mean products of all pairs of inputs in one matrix $H$, with $H_{ik} = \text{mean}(x_i\,x_k)$. Then the output error is the sum of $H_{ik}\,e_i\,e_k$ over all $i$ and $k$, or in short $e^\top H e$. Each pair comes twice: hence the 2 in front of ρ. The numbers in our two equations are parts of $H$, too:
#
# $$\underbrace{\begin{pmatrix} 1 & 0.75 \\ 0.75 & 1 \end{pmatrix}}_{\text{free with free}} \begin{pmatrix} e_2 \\ e_3 \end{pmatrix} = - \underbrace{\begin{pmatrix} 0.75 \\ 0.75 \end{pmatrix}}_{\text{free with rounded}} \cdot (-0.4)$$
#
# However many weights are rounded and free, the best errors of the free ones solve
#
# $$H_{\text{free, free}}\;e_{\text{free}} = -H_{\text{free, rounded}}\;e_{\text{rounded}}$$
#
# **GPTQ** ([Frantar et al., 2022](https://arxiv.org/abs/2210.17323)) goes through the layer's columns, one for each input. It rounds one column, and lets all columns that are still free repair the errors so far. Each repair starts again from the original weights and covers all errors so far; it isn't put on top of the last repair. And GPTQ never goes back: a rounded column stays as it is, even where another choice would have been better.
#
# All rows have the same inputs and share one $H$, so one call of `torch.linalg.solve` serves all rows. It gets a column of errors for each row of the weights, hence the two transposes (`.T`). In the last round no column is free, and there's nothing to solve.


# %% nearest
def nearest(w, low, step):  # 2 bits: four levels, low + 0, 1, 2 or 3 steps
    return low + step * ((w - low) / step).round().clamp(0, 3)


# %% gptq
def gptq(weight, H, low, step):
    w = weight.clone()
    for j in range(w.shape[1]):
        w[:, j] = nearest(w[:, j], low[:, j], step[:, j])
        rounded, free = slice(0, j + 1), slice(j + 1, None)  # up to j, and after j
        errors = (w - weight)[:, rounded]
        repair = torch.linalg.solve(H[free, free], -H[free, rounded] @ errors.T)
        w[:, free] = weight[:, free] + repair.T
    return w


# %% [markdown]
# As in [[weight_only]], `low` and `step` say where the levels of each weight lie. They're fixed before we begin, so both methods choose among the same levels. `clamp` is new: a repair may push a weight past its last level, and then it gets the last one. Now our three weights:

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
# 0, 0, 0, as with round-to-nearest: if the products average out to 0, no weight can repair another one's error.
#
# </details>

# %% [markdown]
# ## 4. Which error falls in a real layer?
#
# We take a layer from the middle of the small Transformer of [[decoding]], with 512 rows of 128 weights.
#
# First we need $H$. We let the model read 4,096 characters of the Python code that it was trained on, and a forward hook records what enters the layer. This is **calibration**, and it needs no labels. With the $n$ recorded inputs as the rows of a matrix $X$, all mean products are in $X^\top X / n$.
#
# To the diagonal we add 1 % of its mean (**damping**). Otherwise `solve` may fail, because an input that is always 0 leaves a row of zeros in $H$. Or, with a small $n$, it returns huge repairs without an error message, and the outputs get worse than with round-to-nearest.

# %% calibration
from course_utils import language
from lessons.gptq.rounding import grid, inputs_of

net = language.trained()
learned, unseen = (language.encode(language.source(m)[0]) for m in (language.TRAINING, language.HELD_OUT))


def calibrate(layer, text):
    X = inputs_of(net, layer, text)  # a row for each character
    H = X.T @ X / len(X)
    return H + 0.01 * H.diagonal().mean() * torch.eye(len(H))


# %% [markdown]
# Then we round the layer to 2 bits in groups of 32, in both ways. How far off are the weights, and how far the outputs? We divide the norm of the error by the norm of the original. And we look at code that the model has never seen, because a repair may look better on the text that it was made for.
#
# **Predict.** Which error is smaller with GPTQ than with round-to-nearest: **A** both, **B** only that of the outputs, **C** only that of the weights?

# %% which_error
layer = net.blocks[2].up
H = calibrate(layer, learned)
low, step = grid(layer.weight, bits=2, group=32)  # of each weight's group
X = inputs_of(net, layer, unseen)
off = {}  # the error of the outputs


def report(way, new):
    error = new - layer.weight
    off[way] = ((X @ error.T).norm() / (X @ layer.weight.T).norm()).item()
    print(f"{way:17} weights off by {error.norm() / layer.weight.norm():.0%}, outputs by {off[way]:.0%}")


report("round-to-nearest", nearest(layer.weight, low, step))
report("GPTQ", gptq(layer.weight, H, low, step))

# %% [markdown] tags=["answer"]
# **B, only the error of the outputs.** Nothing is closer than the nearest level, and GPTQ's weights are in fact much farther from the originals. And yet its outputs are only about half as far off, because its weight errors are arranged so that they cancel.

# %% [markdown]
# Worse weights can make a better layer.
#
# ## 5. Is it really the mean products?
#
# The outputs got better. But why? Perhaps it simply helps to move the remaining weights about a little, whatever $H$ says.
#
# A **control** can settle this: we repeat the experiment and change only the one thing that should make it work. If we set the mean products of all pairs to 0, no weight would move at all, as you've just tried. So we give them to the wrong pairs instead: every input keeps its mean square, and the values of ρ are the same as before, but shuffled. (For inputs of any size, ρ is $H_{ik}$ divided by both sizes, $\sqrt{H_{ii}}$ and $\sqrt{H_{kk}}$, which were 1 in our examples. So the code divides $H$ by the sizes, shuffles, and multiplies by them again.)
#
# **Predict.** With shuffled values of ρ, how far off will the outputs be: **A** about as little as with GPTQ, **B** about as much as with round-to-nearest, **C** more?

# %% shuffled
sizes = torch.outer(H.diagonal().sqrt(), H.diagonal().sqrt())
for n in range(1, 7):
    order = torch.randperm(len(H))
    shuffled = (H / sizes)[order][:, order] * sizes  # rows and columns in one new order, sizes stay
    report(f"shuffled, {n}", gptq(layer.weight, shuffled, low, step))

# %% [markdown] tags=["answer"]
# **C, more.** In each of the six shuffles, the same code on the same levels makes the outputs clearly worse than round-to-nearest. You know the reason from section 2: a repair that relies on a wrong ρ is just a second error.

# %% [markdown]
# So moving weights helps only with the right mean products, and they come from the calibration text. What if that text is of another kind? And does the whole model notice? We round all 20 layers in its blocks to 2 bits, calibrated on Python code or on random characters, and measure the perplexity on unseen code.

# %% whole_model tags=["hide-input"]
# Rounds all 20 layers in three ways, and shows by how much the perplexity rises.
noise = torch.randint(96, (20_000,))  # any of the 96 characters
rises = show.rises(
    net,
    unseen,
    {
        "round-to-nearest": lambda layer: nearest(layer.weight, *grid(layer.weight, bits=2)),
        "GPTQ, calibrated on code": lambda layer: gptq(
            layer.weight, calibrate(layer, learned), *grid(layer.weight, bits=2)
        ),
        "GPTQ, on random characters": lambda layer: gptq(
            layer.weight, calibrate(layer, noise), *grid(layer.weight, bits=2)
        ),
    },
)
show.table_of(rises)

# %% [markdown]
# GPTQ avoids about half of the damage, on the same levels, so the file is as small and the model as fast. Calibrated on random characters, it loses about half of this gain. **So calibrate on text of the kind that the model will meet.**

# %% [markdown]
# ## Exercise · Remove an input
# ★★ · 10 minutes
#
# You remove an input from a layer (this is *pruning*): its column of weights becomes 0. All other columns, left and right, may move to repair the outputs. Nothing is rounded.
#
# Write `without_input(weight, H, j)`. It returns the repaired weights: column `j` is 0, and the output error is as small as it can be. Leave `weight` as it is. First by hand: two weights of 0.4, ρ = 0.75, the first input removed.
#
# <details><summary>Hint</summary>
#
# By hand, the second weight becomes 0.7. In your code, treat column `j` as already rounded, to 0. What's its error in each row? `others = [k for k in range(len(H)) if k != j]` lists the free columns, and `H[others][:, others]` is their part of `H`.
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
# - The next layer sees sums, not weights. So the output has to be close, and the weights needn't be.
# - GPTQ rounds column by column, and the columns that are still free repair the errors so far. All it needs beside the weights is $H$, the mean products of the inputs on a calibration text.
# - A control shows that the mean products are the reason: given to the wrong pairs of inputs, they make GPTQ worse than round-to-nearest.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what must hold.

# %% tags=["scorecard"]
claims.show("gptq")

# %% [markdown]
# ## Deeper
#
# ### GPTQ on large models
#
# The authors quantized models of 175 billion weights to 3 and 4 bits, in about four GPU hours and with hardly any loss. Don't expect this everywhere. We took SmolLM2 of [[weight_only]], whose weights are already stored in 4 bits, and rounded them once more, to 3 (`records/gptq`). On 256 tokens of one chapter of Python's manual, its perplexity was 17 as downloaded, 72 with round-to-nearest, and 33 with GPTQ, calibrated on the other chapters. That's the best of several calibrations that we tried.
#
# Real programs differ from our loop. They repair only the newest error, on top of earlier repairs, which gives the same weights: one Cholesky factorization of $H^{-1}$ holds the solutions for all columns. They go block by block, and calibrate each block with what the blocks before it, already rounded, really pass on. Many set the levels of a group only when they come to it, from the weights as moved by then. And they can take the columns with the largest inputs first (`act_order`, `desc_act`), because the last columns have few others left to repair their errors. If a program says that the *Hessian* (its name for $H$, or twice $H$) is *not positive-definite*, it often helps to damp more, or to use more calibration text.
#
# ### AWQ: scale before you round
#
# Say a weight of 0.4 has a large input, 8. The largest weight of its group is 0.9, and the levels go from 0 to 0.9 in three steps of 0.3. Rounding moves a weight by at most half a step, so this weight spoils the output by at most 0.15 · 8 = 1.2.
#
# Now double this weight, and let the layer before halve its input. In float nothing changes. The largest weight is still 0.9, so the steps stay 0.3, and the weight spoils the output by at most 0.15 · 4 = 0.6. With a factor of 4 it would be 1.6 itself, the largest, and all its neighbours would get steps of 0.53. **AWQ** ([Lin et al., 2023](https://arxiv.org/abs/2306.00978)) therefore searches the factors for each layer.
#
# ### A rotation spreads outliers
#
# A number far larger than those that share its scale is an **outlier**: it makes the steps long, and small neighbours of it are rounded to 0. Take the weights 8, 0, 0, 0, and replace them by four sums with the signs + + + +, + − + −, + + − −, + − − +, each divided by 2. This gives 4, 4, 4, 4.
#
# Such a change of coordinates is a **rotation** $Q$. It can be undone: in float, $W x = (W Q)(Q^\top x)$. QuaRot ([Ashkboos et al., 2024](https://arxiv.org/abs/2404.00456)) rotates language models so that weights, activations and cache fit into 4 bits.

# %% [markdown]
# **Sources.** E. Frantar et al., *GPTQ*, 2022, [arXiv:2210.17323](https://arxiv.org/abs/2210.17323).
#
# **Credits.** GPTQ, AWQ and QuaRot are by their authors; the code was written anew for this course. Text CC BY 4.0, code MIT.
#
# GPTQ repairs what it can by moving weights from one level to another, and half of the damage stays. Could a few new weights, trained beside the rounded ones, repair the rest? That's [[adapters]].
