# ---
# jupyter:
#   course:
#     promise: You will round the weights of a language model so that their errors cancel in the output, and say by controls why that works.
#     seconds: 40
#     needs: [integers, scores, decoding, weight_only]
#     goals:
#       - Round a row of weights one after the other by hand and in code, and let the weights that are still free make up for each error (GPTQ).
#       - Say what the inputs have to do with it, and find out by controls which part of the method brings the gain.
#       - Scale an input channel before rounding, and say what the scale gains and what it costs (AWQ).
#       - Spread outliers with a rotation, and say when this helps and when not.
#     terms: [AWQ, GPTQ, outlier, rotation]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The levels are given. Which weight should be rounded up, and which down?*
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
# *For the lecturer, 1 min.* Say: "In [[weight_only]] every weight went to the nearest level. That sounds like the best one can do. It is not." The picture comes back, with its numbers, as the last frame of *Column by column*. Go straight on to the vote.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
from statistics import fmean

import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.gptq import checks as check
from lessons.gptq import rounding, show

torch.set_num_threads(1)
runtime.seed_all(0)
bench = show.Bench()  # the trained language model of this part, and held-out text
print(f"float: perplexity {bench.float_perplexity:.2f}; {len(bench.weights)} layers are rounded")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "skip"}
# [[weight_only]] stored the weights of a language model in few bits. Each row of a weight matrix was cut into groups of neighbours, each group got evenly spaced levels of its own, and each weight was moved to the level nearest to it. This is called **round-to-nearest**. In this lesson the levels stay as they are. We ask whether each weight should really be moved to the *nearest* one.
#
# Round-to-nearest makes every single error as small as it can be. But the next layer never sees a single weight. It sees the *output* of a layer, which is a sum of weights times inputs. In a sum, errors can pile up, and they can cancel.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Errors meet in a sum
#
# A layer has one output and two inputs: $y = 0.4\,x_1 + 0.3\,x_2$. For each weight there are only two levels, 0 and 1. The two inputs are always equal.
#
# **Predict.** Which pair of rounded weights gives the output with the smallest error: **A** (0, 0), **B** (1, 0) or (0, 1), **C** (1, 1)? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote first; most rooms say A, since both weights lie below 0.5. Then write y = 0.7x on the board, and under it what the pairs give: (0, 0) gives 0, (1, 0) and (0, 1) give x, (1, 1) gives 2x. Let the room say which is nearest to 0.7x, and click: B. To those who said A: "Each of your errors is as small as it can be. What are their signs?" Both are negative, so they add up. If somebody asks whether that always works: only for inputs that move together.

# %% slideshow={"slide_type": "fragment"}
weights_of_y = (0.4, 0.3)
for pair in ((0, 0), (1, 0), (0, 1), (1, 1)):
    error = sum(pair) - sum(weights_of_y)
    print(f"{pair}: the output is {sum(pair)} x, and wrong by {error:+.1f} x")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With one weight rounded up and the other one down (B) the output is wrong by 0.3 x, and with both rounded to nearest (A) by 0.7 x.**
#
# <!-- page -->
#
# Both weights lie below 0.5, so round-to-nearest turns both into 0. Each single error is as small as possible, but both have the same sign, and because the inputs are equal they add up: $0.4x + 0.3x = 0.7x$. If the second weight becomes 1, its own error is larger (0.7 in place of 0.3), but it has the opposite sign, and most of the first error cancels. This needs inputs that move together. If $x_1$ and $x_2$ had nothing to do with each other and were 0 in the mean, nothing would cancel in the mean.

# %% [markdown] slideshow={"slide_type": "skip"}
# So we may give up accuracy of a weight and gain accuracy of the output. With two weights we can try all four pairs. A row of our model has 128 weights or 512, and nobody can try all combinations. We need a rule that decides weight by weight.
#
# **One after the other, by hand.** Round the first weight to the nearest level: 0.4 becomes 0, and the output loses $0.4\,x_1$. The second weight is not rounded yet. It can be changed, so that it makes up for this loss. How much of the loss can it take over? If the inputs are always equal, all of it: $0.3 + 0.4 = 0.7$. Only then is it rounded, to 1.
#
# If the inputs are independent, with a mean of 0, $x_2$ says nothing about $x_1$, and a change of the second weight only adds an error of its own. It should stay at 0.3. In between it takes over a part. Let both inputs have mean square 1, and let $\rho$ be the mean of their product $x_1 x_2$. If the second weight changes by $\delta$, the mean square of the change of the output, $-0.4\,x_1 + \delta\,x_2$, is $0.16 - 2 \cdot 0.4\,\rho\,\delta + \delta^2$. This is smallest at $\delta = 0.4\,\rho$. With $\rho = 0.75$ the second weight becomes $0.3 + 0.3 = 0.6$, and is rounded to 1.
#
# With the final errors $e_1 = -0.4$ and $e_2 = +0.7$ the mean squared error of the output is $e_1^2 + e_2^2 + 2\rho\,e_1 e_2 = 0.16 + 0.49 - 0.42 = 0.23$. Round-to-nearest has $e_2 = -0.3$, and $0.16 + 0.09 + 0.18 = 0.43$.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. A whole row
#
# **GPTQ** ([Frantar et al., 2022](https://arxiv.org/abs/2210.17323)): round the weights from left to right. After each one, those that are *not rounded yet* make up for its error. All that it knows of the inputs is $H$, the mean product of each pair of inputs.


# %% slideshow={"slide_type": "-"}
def round_row(w, H, step):
    """Levels are the multiples of `step`."""
    w, inverse = w.clone(), torch.linalg.inv(H)
    for j in range(len(w)):
        change = step * torch.round(w[j] / step) - w[j]
        w[j:] += change * inverse[j, j:] / inverse[j, j]  # w[j], and those behind
        inverse -= torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]  # j is done
    return w


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Rounds the two weights of section 1, with inputs that are more or less alike.
show.pair_table(round_row, torch.tensor(weights_of_y), (0.0, 0.75, 0.99))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* ρ is the mean product of the two inputs of section 1, each of mean square 1, so H has 1, ρ in its first row and ρ, 1 in its second. Draw: the weights 0.4 and 0.3 side by side, 0.4 → 0 under the first, and an arrow from it to the second, labelled "+ ρ · 0.4". Let the room check the middle row by hand: 0.3 + 0.75 · 0.4 = 0.6, which is rounded to 1. The last two columns are 0.4² + 0.3² + 2 · 0.75 · 0.4 · 0.3 = 0.43 for each to nearest, and 0.4² + 0.7² − 2 · 0.75 · 0.4 · 0.7 = 0.23 for one after the other. Then read the three lines of the loop: round, hand the error on, take column j out of the matrix. "Why the inverse?" Its first row is proportional to 1, −ρ: an error of −0.4 of the first weight changes the second by +0.4 ρ, as by hand.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why is $H$ enough? If the weights of a row have the errors $e_1, e_2, \dots$, the output is wrong by $e_1 x_1 + e_2 x_2 + \dots$. The square of this sum consists of the products $e_i e_j\,x_i x_j$, one for each pair $i, j$. In its mean the inputs therefore appear only as the means of $x_i x_j$, which are the entries of $H$: the mean squared error is $e^\top H\,e$. With two weights this is the $e_1^2 + e_2^2 + 2\rho\,e_1 e_2$ of above.
#
# The rule for two weights is the rule for any number. [[scores]] solved a similar problem: there a weight was set to 0, and the others made up for it. The best change of all the others was a column of the inverse of $H$, scaled so that the removed weight ends at 0. Here the weight does not end at 0 but at its rounded value. So the same column is scaled until the weight's own change is `change`. That is the second line of the loop. For our two weights $H = \begin{pmatrix} 1 & \rho \\ \rho & 1 \end{pmatrix}$, the first row of the inverse is proportional to $(1, -\rho)$, and a change of $-0.4$ of the first weight brings a change of $+0.4\,\rho$ of the second, as by hand.
#
# The third line takes weight $j$ out of the matrix, because it is final and must not move any more. What is left is the inverse for the inputs that are still to come. (The row and the column $j$ become 0, so later corrections cannot reach back.) For our two weights the inverse has $1 / (1 - \rho^2)$ twice on its diagonal and $-\rho / (1 - \rho^2)$ beside it. The third line subtracts $\rho^2 / (1 - \rho^2)$ from the lower entry of the diagonal, and 1 is left: the inverse of what $H$ says of the second input alone.
#
# $H = X^\top X / n$ has the inputs in the rows of $X$, one row for each of $n$ characters. We get it by running the float model on a few pieces of text and looking at what enters each layer. This is **calibration**, as in [[static]]. There are no labels and no gradients. All rows of a weight matrix have the same inputs, so they share one $H$, and the loop can run over the columns for all rows at once. `rounding.gptq` in the course's library does that. It also gives each group of 32 its own levels, and it replaces the third line by a factorization that is computed once (*Deeper* says which). A test of the course compares it with the eight lines above.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Column by column
#
# Three outputs, six inputs that are alike, 2 bits. Orange is free; green was added last.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Before each click ask: "Which numbers change now?" The next column is rounded, and then all columns to its right change; blue stays. Follow the bottom row in the second frame: −0.58 became −0.85, so it is 0.27 too low, and the five weights to its right go up, −0.75 to −0.69 and so on. Say that the fourth and the fifth frame round two columns each. Ask at the end: "And the error of the last column?" Nothing makes up for it, since no column stands behind it.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the layer after 0, 1, 2, 4 and 6 columns.
states = show.left_to_right(rounding.gptq)

# %% [markdown] slideshow={"slide_type": "skip"}
# Follow the bottom row from the first frame to the second. Its first weight was −0.58 and is now −0.85, so it is 0.27 too low. The inputs of this layer are alike, so the five weights to its right are raised a little, to make up for it: −0.75 becomes −0.69, −2.33 becomes −2.28. In the top row the first weight was rounded by less, and the others move less. The last two frames round two columns each. No column stands behind the last one, so nothing makes up for its error.
#
# Is this worth the trouble in a whole model? The next section lets GPTQ race against round-to-nearest. $H$ is computed from 8 pieces of text. One random choice of such pieces is a *draw*, and GPTQ runs once with each of three draws. Round-to-nearest runs twice: as in [[weight_only]], which needs no text, and with levels that reach less far, so that the largest weights of a group are *clipped*, which means cut off to the last level. How far these levels reach is chosen on a text, too.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Does it pay?
#
# Our language model, groups of 32, the same bits for both methods. $H$ comes from 8 pieces of text that the model learned from. Perplexity is measured on modules that the model never saw.
#
# **Predict.** We round to 4, to 3 and to 2 bits. Where does GPTQ save the most points of perplexity over round-to-nearest, and why: **A** at 4 bits, **B** at 3, **C** at 2?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote on the column with the largest gain, in points of the rise. Before you click ask what a fair opponent of GPTQ would be allowed to do: to choose its range, too, that is, to clip; it is the second row. Click; the answer is C. Read the rows from below: the three draws of calibration text differ little; the clip helps at 2 bits, and far less than GPTQ. To those who said A, "there most is right already": so there is little to save, and half a per cent does not rank the two.

# %% slideshow={"slide_type": "skip"}
draws = [bench.calibrate(bench.calibration_text(draw)) for draw in range(3)]


def nearest(bits, clip=1.0):
    return bench.rise(lambda name, w: rounding.to_nearest(w, bits, 32, (clip,)))


def ahead(bits, seen, **how):
    return bench.rise(lambda name, w: rounding.gptq(w, seen[name][0], bits, 32, **how))


rises = {}
for bits in show.progress((4, 3, 2), "bits"):
    rises["round-to-nearest", bits] = nearest(bits)
    rises["round-to-nearest, best clip", bits] = nearest(bits, show.best_clip(bench, bits))

# %% slideshow={"slide_type": "skip"}
for bits in show.progress((4, 3, 2), "bits"):
    rises["GPTQ, three draws", bits] = [ahead(bits, seen) for seen in draws]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise of the perplexity for each way and each number of bits.
show.table_of(rises, (4, 3, 2), "Mean (least to most). The clip was chosen on text that the model learned from.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **GPTQ saves most at 2 bits (C): there it lowers the rise of the perplexity from 17 % to about 7 %, in all three draws.** At 3 bits it takes away as large a share, but of a much smaller rise.
#
# <!-- page -->
#
# With 2 bits a group has four levels, so the errors are large and there is much to cancel. With 4 bits round-to-nearest loses half a per cent, so there is little to save. Differences as small as those in the column of 4 bits depend on the text of the measurement: in a trial at 4 bits on another selection of pieces the perplexity rose by 0.1 % with round-to-nearest and by 0.0 to 0.3 % with GPTQ. On a third selection it rose by 0.8 % and by 0.3 %. So at 4 bits this table does not rank the two. At 3 and 2 bits GPTQ was ahead on all selections that we tried. Nothing was trained, and no label was used.
#
# Is the opponent at its best? Round-to-nearest used the whole range of each group, from its smallest weight to its largest. [[integers]] showed that a smaller range, which *clips* the largest weights, can be better. So the second row lets round-to-nearest choose its clip among four (1, 0.95, 0.9, 0.8 of the range), on text of the training modules. At 2 bits this helps a little, and far less than GPTQ, which did not choose any clip. At 3 and 4 bits it changes next to nothing. Could another clip do much better? In a trial at 2 bits, no other clip between 1 and 0.7 was better on the text of the measurement itself than the one of 0.9; a clip for each group, chosen by the error of the *output*, came to 14.2 %; and GPTQ with a clip of 0.9 came to about 6 %. So the clip does not decide this race. The table comes from one small model, one text for the measurement, and groups of 32. It does not say how the race ends elsewhere.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Another text
#
# $H$ came from the kind of text that the model is used for: Python source. Now GPTQ gets 8 pieces of the same length with characters drawn at random, at 2 bits.
#
# **Predict.** What becomes of the gain, and why: **A** it stays, **B** a part is left, **C** it is gone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote, then click; the answer is B. Ask what random characters still have in common with the text: the inputs of a layer come out of the same earlier layers, with their weights, biases and norms. That this is what keeps a part of the gain is probable, and was not tested. What to take home: calibrate on text of the kind that the model will meet.

# %% slideshow={"slide_type": "skip"}
babble = torch.randint(96, (8, 512), generator=torch.Generator().manual_seed(0))
by_babble = ahead(2, bench.calibrate(babble))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what is left of the gain.
by_text = {"round-to-nearest": rises["round-to-nearest", 2], "GPTQ, random characters": by_babble}
by_text["GPTQ, Python source"] = rises["GPTQ, three draws", 2]
show.list_of(by_text, "Random characters: one draw.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A part of the gain is left (B): calibrated on random characters GPTQ ends at about 12 %, between the two others.** The corrections cancel errors only as far as the inputs still move together as in the calibration text.
#
# <!-- page -->
#
# If real inputs move together in another way, the corrections fit less well. A part of how the inputs move together is common to both texts, probably because the inputs of a layer are outputs of earlier layers with the same weights. (Random characters in a model with random weights in the earlier layers would test that.) So calibrate on text of the kind that the model will meet. (This is one draw of random characters; in a trial two others ended at 11 %. The three draws of Python source lie within one point.)

# %% [markdown] slideshow={"slide_type": "skip"}
# **What is it that helps?** GPTQ differs from round-to-nearest in more than one way. It moves weights that are not rounded yet. And because they have moved, the groups further to the right get other levels: each group's range is taken from the *moved* weights. Perhaps these levels bring the gain. Or perhaps any change of the weights would help, whichever pairs of inputs $H$ names. Exercise 1 lets you find out; it can be done right now.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Scale the channels first
#
# GPTQ repairs *after* each rounding. Can one prepare the weights *before*?
#
# A weight of 0.4 with a step of 0.3 becomes 0.3. Its input is 8.
#
# | | weight · input | weight rounded | output is off by |
# |---|---|---|---|
# | as it is | 0.4 · 8 | 0.3 | 0.1 · 8 = 0.8 |
# | weight times 2, input divided by 2 | 0.8 · 4 | 0.9 | 0.1 · 4 = 0.4 |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Do the two rows on the board. "The step did not grow, the input shrank." Then ask: "So why not times 100?" The weight becomes the largest of its group, and the step of all others grows. Draw: a second weight of 0.9 with an input of 1 in the same group, whose largest weight is three steps. Under it three lines: s = 1, step 0.30; s = 2, step 0.30; s = 4, step 1.6 / 3 = 0.53, for both weights. From 1 to 2 nobody loses; from 2 to 4 the neighbour does.

# %% [markdown] slideshow={"slide_type": "skip"}
# An input of a layer, with its column of weights, is called a *channel*. Some channels have larger inputs than others, and an error of a weight does more harm where its input is large. Here is a trick that costs nothing in float: multiply the weight by $s$ and divide its input by $s$. The product is the same. After rounding it is not the same. The error of the weight is at most half a step, before and after. But it is multiplied by $8/s$ and no longer by 8.
#
# Why not a very large $s$? Say that the group has one more weight, 0.9, with an input of 1, and that the largest weight of a group lies on the third level, so the step is 0.9 / 3 = 0.3. With $s = 2$ the first weight is 0.8, still below 0.9, so the step stays. With $s = 4$ it is 1.6. Now it is the largest, and the step grows to 1.6 / 3 = 0.53 for *both* weights.
#
# | $s$ | step | worst error from the first weight | worst error from the second |
# |---|---|---|---|
# | 1 | 0.30 | 0.15 · 8 = 1.2 | 0.15 |
# | 2 | 0.30 | 0.15 · 4 = 0.6 | 0.15 |
# | 4 | 0.53 | 0.27 · 2 = 0.53 | 0.27 |
#
# From 1 to 2 the first channel gains much and nobody loses. From 2 to 4 it gains hardly anything, and all others in its group lose.
#
# **AWQ** ([Lin et al., 2023](https://arxiv.org/abs/2306.00978)) does this for every input channel: $s_j$ is the mean size of the channel's input to the power of α. With α = 0 every $s_j$ is 1, which is round-to-nearest. With α = 1 the inputs of all channels get the same mean size. In between, the large channels are made smaller, but not equal to the others: of two channels with the mean sizes 8 and 1, α = 1/2 gives the first $s = \sqrt 8 = 2.8$, so that its inputs have a mean size of 8 / 2.8 = 2.8 afterwards, and it leaves the second one as it is. The best α is searched for each layer, among 0, 1/4, 1/2, 3/4 and 1; here it is the one with the smallest error of the layer's output on the calibration text. Who divides the inputs? In front of `qkv` and `up` stands a norm that multiplies each channel by a factor of its own, so the division is done once, in these factors, and costs nothing at run time. `out` and `down` have no norm in front of them, and here they are rounded to nearest. ([The authors' code](https://github.com/mit-han-lab/llm-awq/blob/main/awq/quantize/auto_scale.py) scales such layers, too, with the division in the layer or the activation before them. It also searches a clip for each group. We leave out both.)
#
# What do the two methods need from the calibration text? For a layer with 128 inputs the scales of AWQ come from 128 numbers, one mean size a channel, and from the choice of one α. GPTQ needs the means of all pairs, $128 \cdot 129 / 2 = 8{,}256$ different numbers. The more numbers are estimated from a text, the more they can depend on this one text, and the authors of AWQ claim that their method does not overfit to the calibration text (abstract of the paper). We have not compared the two in this respect; *Another text* in section 3 looked at GPTQ alone.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### AWQ on our model
#
# $$s_j = \overline{|x_j|}^{\,\alpha}, \qquad W x = (W \cdot s)\,(x / s)$$
#
# **AWQ**: α is searched for each layer. Only `qkv` and `up` have a norm in front that can divide the inputs, so GPTQ, too, gets these layers only.
#
# **Predict.** At 2 bits, on our model: is AWQ **A** no better than round-to-nearest (within 2 points of it), **B** in between, **C** as good as GPTQ? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the formula: the mean size of a channel's input, to the power α; α = 0 is round-to-nearest, α = 1 makes all channels alike, and the best of 0, 1/4, 1/2, 3/4, 1 is taken for each layer. Vote, then the table; the answer is A. Ask: "For which model was AWQ made?" One with a few channels that are far larger than the others. "How much larger are ours?" The line above the table says it: up to six times the middle one. "Is that the reason?" Section 5 makes larger channels and tries again.


# %% slideshow={"slide_type": "skip"}
def scaled(name, w, seen, bits):
    """AWQ where a norm stands in front of the layer; elsewhere to nearest."""
    if name.endswith(("qkv", "up")):
        return rounding.scaled_first(w, *seen[name], bits, 32)[0]
    return rounding.to_nearest(w, bits, 32)


def ahead_there(name, w, seen, bits):
    """GPTQ in the same layers, and nowhere else."""
    if name.endswith(("qkv", "up")):
        return rounding.gptq(w, seen[name][0], bits, 32)
    return rounding.to_nearest(w, bits, 32)


fair = {"round-to-nearest": rises["round-to-nearest", 2]}
for way, rounded in {"AWQ": scaled, "GPTQ, the same layers": ahead_there}.items():
    fair[way] = [bench.rise(lambda name, w, f=rounded, s=seen: f(name, w, s, 2)) for seen in draws[:2]]
sizes = [size for name, (_, size) in draws[0].items() if name.endswith(("qkv", "up"))]
apart = [(size.max() / size.median()).item() for size in sizes]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise for each way, and how much larger the largest channel of a layer is than its middle one.
print(f"The largest input of a layer is {min(apart):.1f} to {max(apart):.1f} times the middle one.")
show.list_of(fair, "qkv and up by each way, out and down to nearest. Mean (least to most) of two draws.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **AWQ stays within 2 points of round-to-nearest (A) on our model, while GPTQ in the same layers takes away nearly half of the rise.** In the run on this page no channel is six times as large as the middle one of its layer.
#
# <!-- page -->
#
# If all channels have inputs of about the same size, there is none that deserves to be preferred, and whatever one channel gains its neighbours in the group lose. In our model the largest channel of a layer is two to six times as large as the middle one. Is that the reason? We can test it: make channels that are far larger, and see whether AWQ gains then. The next section does that. (What we left out does not hold AWQ back here: in trials with one draw, a finer search with 21 values of α changed the result by a tenth of a point, and scales for all four kinds of layers by less. With a clip for each group, chosen by the error of the output, AWQ came to 13.8 %; but round-to-nearest with the same kind of clip came to 14.2 %, so that gain is the clip's.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Outliers, and a rotation
#
# In large language models a few channels of the *activations* are far larger than the rest: **outliers** ([Dettmers et al., 2022](https://arxiv.org/abs/2208.07339)). Weights can have outliers, too, and one large weight widens the step of its whole group.
#
# | largest = 4 steps | weights | step | rounded | sum of squared errors |
# |---|---|---|---|---|
# | as they are | 8, 0.9, −0.9, 0.9 | 2 | 8, 0, 0, 0 | 2.43 |
# | **rotated** | 4.45, 2.65, 4.45, 4.45 | 1.11 | 4.45, 2.22, 4.45, 4.45 | 0.18 |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Do the first rotated number: (8 + 0.9 − 0.9 + 0.9) / 2 = 4.45. The other three have the signs + − + −, + + − −, + − − +. Ask where the 8 is now: a half of it in each of the four. Then the rounding: three of the four lie on a level, only 2.65 becomes 2.22, and 0.43² = 0.18. "Is that not cheating, since we need the weights back?" No: a rotation keeps lengths, so rotated back the squared errors still add up to 0.18.

# %% [markdown] slideshow={"slide_type": "skip"}
# In the first row of the table the largest weight, 8, is four steps, so a step is 2, and the three small weights are rounded to 0. So all that they contribute to the output is lost, and the sum of the squared errors is $3 \cdot 0.9^2 = 2.43$.
#
# Now replace the four weights by four sums of them, with the signs $(+,+,+,+)$, $(+,-,+,-)$, $(+,+,-,-)$, $(+,-,-,+)$, each divided by 2. The first is $(8 + 0.9 - 0.9 + 0.9)/2 = 4.45$, the second $(8 - 0.9 - 0.9 - 0.9)/2 = 2.65$. The large weight is now spread over all four, a half of it in each. The largest number is 4.45, the step is a quarter of it, and only 2.65 is not on a level: it becomes 2.22, and the squared error is $0.43^2 = 0.18$.
#
# These signs form a **Hadamard matrix**. Divided by 2 it is called $Q$ here, and such a change of the coordinates is a **rotation**: it keeps the length of every vector (here $8^2 + 3 \cdot 0.9^2 = 66.4$ before and after), and it can be undone, $Q Q^\top = 1$. That it keeps lengths is the point: when the rounded weights are rotated back, the squared errors still add up to 0.18. In float nothing changes if the inputs are rotated along: $W x = (W Q)(Q^\top x)$. With 128 channels a single large weight is divided by $\sqrt{128} \approx 11$. The gain needs an outlier. Among 128 weights of random sign and about equal size the sums have the same mean square as the weights, and some of them are larger, so there is nothing to gain. A rotation can even make an outlier: of four weights of 0.9 the first sum is $3.6 / 2 = 1.8$, and the three others are 0. Why these signs, where any rotation keeps lengths? All numbers in $Q$ have the same size, so each weight enters each sum with an equal share, and a product with $Q$ needs only additions and subtractions, and one division at the end. QuaRot ([Ashkboos et al., 2024](https://arxiv.org/abs/2404.00456)) rotates language models in this way so that weights, activations and cache can all be rounded to 4 bits.
#
# Our model has no such channels, so we make some. In front of each `qkv` and `up` we pick four of the 128 channels. For **large weights** we divide the norm's factor of such a channel by 16 and multiply its column of weights by 16. For **large inputs** we do the reverse, so the inputs are 16 times larger and the weights 16 times smaller. Large inputs are what large language models have; that their weights are smaller in return comes from how we plant them, and is not a finding about such models. Both changes cancel exactly in float, so the perplexity is the same before the weights are rounded, and whatever differs below comes from rounding. We compare five ways to round: round-to-nearest, GPTQ, AWQ, a rotation with round-to-nearest behind it, and a rotation with GPTQ behind it.

# %% slideshow={"slide_type": "skip"}
models = {"large weights": show.planted(bench.net, 16), "large inputs": show.planted(bench.net, 1 / 16)}
unrounded = bench.rise(lambda name, w: w, models["large weights"])
print(f"Planted, not rounded: the perplexity changes by {unrounded:.4f} %.")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where does the outlier go?
#
# The largest weight of each of the 128 input channels of one layer.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: as trained, no channel stands out. So we *plant* outliers: in four of the 128 channels in front of each `qkv` and `up` the weights are multiplied by 16, and the norm in front divides the inputs by 16; before rounding the model computes the same. Second frame: ask what the four bars do to the step of their groups. They make it three to five times as wide in a typical row. (Groups are 32 channels, so three of the four groups have a bar, and the last keeps its step.) Third frame: every channel is about three times as high as at first, and none stands out. "And the other way round?" Inputs times 16, weights divided by 16: the second planted model of the next slide.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the largest weight of each channel: as trained, with four planted channels, and rotated.
large = models["large weights"].blocks[2].up.weight
show.channels(bench.net.blocks[2].up.weight, large, large @ rounding.hadamard(128))

# %% [markdown] slideshow={"slide_type": "skip"}
# What does a planted channel do to its group? In each row the levels of the group have to reach as far as this one weight, or two of them, and the other weights share what is left. In a trial with the layer of the figure, the range of the three groups that contain such a channel became three to five times as wide in the median row, and the step with it. The fourth group, which has none, keeps its step. After the rotation no group is spared, but no step is that wide either. The bars are about three times as high as those of the trained layer.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Which remedy for which outlier?
#
# Two planted models, at 4 bits: four channels with 16 times larger **weights**, or with 16 times larger **inputs** (and the other 16 times smaller). Five ways to round.
#
# **Predict.** A rotation is followed by round-to-nearest. Which planted model does it help, and why: **A** the one with large weights, **B** the one with large inputs, **C** both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The five ways are those of the table: round-to-nearest, GPTQ, AWQ, a rotation with round-to-nearest behind it, a rotation with GPTQ behind it. Vote; then the table. The answer is A; to those who said C: with large inputs no weight is large, so no step is too wide. Ask who profits from how we planted: AWQ. "A factor for each channel is what it can undo." Then the last row against the second: a rotation before GPTQ helps both models, also the one that the rotation alone did not help.


# %% slideshow={"slide_type": "skip"}
def turned(name, w, seen):
    q = rounding.hadamard(w.shape[1])
    return rounding.to_nearest(w @ q, 4, 32) @ q.T


def turned_ahead(name, w, seen):
    q = rounding.hadamard(w.shape[1])
    return rounding.gptq(w @ q, q.T @ seen[name][0] @ q, 4, 32) @ q.T


ways = {"round-to-nearest": lambda name, w, seen: rounding.to_nearest(w, 4, 32)}
ways |= {"GPTQ": lambda name, w, seen: rounding.gptq(w, seen[name][0], 4, 32)}
ways |= {"AWQ": lambda name, w, seen: scaled(name, w, seen, 4), "rotated": turned, "rotated, then GPTQ": turned_ahead}


# %% slideshow={"slide_type": "skip"}
def each_way(title):
    """The rise of a planted model's perplexity, (way, title) -> per cent."""
    model, found = models[title], {}
    seen = bench.calibrate(bench.calibration_text(0), model)
    for way, rounded in show.progress(ways.items(), title):
        found[way, title] = bench.rise(lambda name, w, f=rounded: f(name, w, seen), model)
    return found


# %% slideshow={"slide_type": "skip"}
coped = each_way("large weights")

# %% slideshow={"slide_type": "skip"}
coped |= each_way("large inputs")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise for each way and each model.
show.outlier_table(coped, models)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The rotation helps the model with large weights (A): it takes away more than half of the rise there, and with large inputs nothing.** A rotation spreads what is large among the numbers that are rounded, and only the weights are rounded here.
#
# <!-- page -->
#
# With large *inputs* no weight is large, so a rotation has no wide step to repair. The four channels with large inputs keep their importance: after the rotation back, the errors of the weights are spread evenly over all channels, and the large inputs multiply their share. (In three plantings that were tried separately, the rise with the rotation was 10 to 36 % higher than with round-to-nearest alone.) QuaRot rounds the activations as well, and among *them* the large channels do widen the step. That is the case for which it was made, and we have not measured it.
#
# AWQ is the best or among the best in both planted models, and this answers the question of section 4: where some channels are far larger than others, scaling pays. But the comparison favours AWQ, because what we planted, one factor for each channel, is exactly what AWQ can undo. Real outliers need not have that form.
#
# The fifth row corrects the first impression. A rotation with GPTQ behind it is better than GPTQ alone in *both* planted models, also where the rotation alone brought nothing (this was so in all six of the plantings that were tried separately, three of each kind). Is GPTQ alone at its best? In a trial with a hundredth of the damping (*Deeper* explains it) it came to 2.6 % with large weights and to 1.0 % with large inputs, so the order stays. With large weights the two remedies add up: the rotation makes the step smaller, and GPTQ makes up for what is left. With large inputs the reason is probably another one: after the rotation a large input is a part of every channel, so all channels move together, and that is what GPTQ needs. (To test this, we gave GPTQ the rotated $H$ with wrong pairs, as in Exercise 1. The result stands in the answer to "What helps in our model?".) So "a rotation does not help here" was true of one way to round, and not of the rotation.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · What is it that helps?
# ★★ · 12 minutes · an investigation
#
# You get an instrument: `rise("gptq", draw=2)` rounds a model and returns the rise of its perplexity in per cent, with one draw of calibration text. Four ways: `"nearest"`, `"gptq"`, `"same levels"` (GPTQ, but each group keeps the levels of round-to-nearest), `"wrong pairs"` (GPTQ, but the products in $H$ belong to other pairs of inputs). The *gain* of a way is the mean rise of `"nearest"` minus its own mean rise.
#
# `what_helps(rise)` → `"nothing"` if the gain of GPTQ is less than a tenth of the mean rise of `"nearest"`; else `"levels"` if with the same levels less than half of GPTQ's gain is left; else `"any change"` if wrong pairs bring at least half of GPTQ's gain; else `"pairs"`
#
# <!-- page -->
#
# <details><summary>Hint</summary>
# Four means over the same draws, at least five. Then the three questions in their order.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several models. In some the gain comes from the levels, in some any change would do. Draws differ, and in some models a single draw is far from the others; the card asks for means over draws. It looks at how you make your experiment (all four ways, the same draws, five or more), and then at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop: which control answers which doubt? "Same levels" answers "Are the ranges of the moved weights the gain?", "wrong pairs" answers "Would any change have helped?". Then each pair writes four numbers for each conclusion. With 17 for nearest the gain of GPTQ must be 1.7 or more, so GPTQ at 16 says nothing. With GPTQ at 7 the gain is 10, and the halves are 5: same levels at 15 says levels; same levels at 7 and wrong pairs at 8 says any change; 7 and 60 says pairs. "Why five draws?" A single draw can lie far from the others.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_helps(rise):
    """Say what GPTQ's gain comes from: "nothing", "levels", "any change" or "pairs".

    Args:
        rise: the instrument; `rise("wrong pairs", draw=3)` gives the rise
            of the perplexity in per cent.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_helps(what_helps)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_helps_solution(rise):
    ways = ("nearest", "gptq", "same levels", "wrong pairs")
    mean = {way: sum(rise(way, draw=draw) for draw in range(6)) / 6 for way in ways}
    gain = {way: mean["nearest"] - mean[way] for way in ways}
    if gain["gptq"] < 0.1 * mean["nearest"]:
        return "nothing"
    if gain["same levels"] < 0.5 * gain["gptq"]:
        return "levels"
    return "any change" if gain["wrong pairs"] >= 0.5 * gain["gptq"] else "pairs"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What helps in our model?
#
# The four ways of Exercise 1, at 2 bits, with our model, and one more: $H$ without its products of *different* inputs.
#
# **Predict.** GPTQ gets the right numbers for the wrong pairs of inputs. Is it then **A** still better than round-to-nearest, **B** about the same, **C** worse? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; most say B. Show; the answer is C. "It makes up, with full confidence, for errors in inputs that have nothing to do with each other." On the board, the two weights of section 1 with ρ = 0: 0.7 in place of 0.3 is rounded to 1, and 0.16 + 0.49 = 0.65 stands against 0.16 + 0.09 = 0.25. Then the row with the same levels: as good as GPTQ, so the levels are not the gain. The line above the table is the way without any pairs: 0 weights differ, so it is round-to-nearest.

# %% slideshow={"slide_type": "skip"}
weights, seen = bench.weights, draws[0]
levels = {name: rounding.grid(w.unflatten(1, (-1, 32)), 2) for name, w in weights.items()}
helps = {"round-to-nearest": rises["round-to-nearest", 2], "GPTQ": rises["GPTQ, three draws", 2]}
helps["GPTQ, the same levels"] = [
    bench.rise(lambda name, w, s=seen: rounding.gptq(w, s[name][0], 2, 32, grids=levels[name])) for seen in draws
]
helps["GPTQ, wrong pairs"] = [
    bench.rise(lambda name, w, s=seen: rounding.gptq(w, show.wrong_pairs(s[name][0]), 2, 32)) for seen in draws
]
alone = {name: rounding.gptq(w, torch.diag(seen[name][0].diagonal()), 2, 32) for name, w in weights.items()}
other = sum((alone[name] != rounding.to_nearest(w, 2, 32)).sum().item() for name, w in weights.items())

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise for each control.
print(f"Without products of different inputs, {other} weights differ from round-to-nearest.")
show.list_of(helps, "Three draws of calibration text each.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With the wrong pairs GPTQ is much worse than round-to-nearest (C): the rise is more than three times as high.** So its gain comes from the pairs of inputs that really move together, and by the rule of the exercise our model is a case of "pairs".
#
# <!-- page -->
#
# A correction changes weights that were fine. If the inputs move together as $H$ says, the change cancels an error. If they do not, the change is one more error, and a large one, because strong correlations ask for large corrections. Look back at the two weights: with independent inputs ($\rho = 0$), 0.7 in place of 0.3 would be rounded to 1, and the mean squared error would be $0.16 + 0.49 = 0.65$ in place of 0.25.
#
# The gain does not come from the levels, because with those of round-to-nearest GPTQ is as good as with its own (a little better in the mean of three draws, but the ranges overlap). (The authors' code has this as an option, [`static_groups`](https://github.com/IST-DASLab/gptq/blob/main/gptq.py).) And if $H$ has no products of different inputs at all, there is nothing that one weight could do for another: in all 20 layers GPTQ gives exactly the weights of round-to-nearest. So the sizes of the inputs, which are all that is left in such an $H$, do not help GPTQ either. They can help AWQ, because AWQ uses them in another way.
#
# One question of section 5 was left open. With large inputs GPTQ gained much from a rotation; was it because of the pairs that the rotation makes? In a trial GPTQ got the rotated $H$ with wrong pairs. The perplexity rose by 5 %, and by 2.7 % with the rotation alone. So the gain does need the right pairs.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### What the fast version does
#
# `round_row` brings the inverse up to date after each weight, which for $d$ inputs costs about $d^3$ operations, for each row again. But the inverse does not depend on the weights, so all rows share it. Let $U$ be the upper triangular matrix with $U^\top U = H^{-1}$ (its Cholesky factor). Row $j$ of $U$ from place $j$ on is, up to a factor, the row of the inverse that `round_row` has reached after $j$ steps, and the factor cancels in `inverse[j, j:] / inverse[j, j]`. So one factorization replaces all updates. Before it, a hundredth of the mean of the diagonal is added to the diagonal of $H$, so that $H$ can be inverted even where two inputs are always equal (*damping*, as in [[scores]]). For our two weights with $\rho = 1$ the determinant of $H$ is $1 - \rho^2 = 0$, so there is no inverse. With 1.01 on the diagonal it is $1.01^2 - 1 = 0.02$. The price is small: the second weight takes over $0.4 / 1.01 = 0.396$ of the first one's error and not 0.4. But much larger numbers on the diagonal would make each weight take over less and less, until only round-to-nearest is left. (Calibration text with fewer characters than the layer has inputs also gives an $H$ without an inverse.)
#
# Finally, corrections of later groups are added up and made once for each group, because a product of two matrices is faster than 32 small steps.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The order of the columns
#
# A column far to the right has few others behind it that can make up for its error. Does it matter which columns come first? The largest inputs first is a common choice ("act order"). A new order also puts other weights together in a group, so the levels change, too; the control is round-to-nearest in the same groups.


# %% slideshow={"slide_type": "skip"}
def in_order(w, order, method):
    """Round with the columns in another order, and put them back."""
    return method(w[:, order], order)[:, order.argsort()]


def by_size(name, w, sign=1):
    return (sign * draws[0][name][0].diagonal()).argsort()


def ahead_in(name, sign):
    h = draws[0][name][0]
    return lambda w, order: rounding.gptq(w, h[order][:, order], 2, 32)


orders = {"GPTQ, as they stand": rises["GPTQ, three draws", 2][0]}
for words, sign in {"largest inputs first": -1, "smallest inputs first": 1}.items():
    orders[f"GPTQ, {words}"] = bench.rise(lambda name, w, s=sign: in_order(w, by_size(name, w, s), ahead_in(name, s)))
orders["to nearest, groups by size of the input"] = bench.rise(
    lambda name, w: in_order(w, by_size(name, w), lambda part, order: rounding.to_nearest(part, 2, 32))
)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the rise for each order.
show.list_of(orders, "One draw of calibration text.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Here the largest inputs first is better than the smallest first, as one would expect: few columns or none are left to make up for the errors of those that are rounded last, so these should be the ones that matter least. Against the order in which the columns happen to stand it gains 0.7 points in the run on this page; the three draws of section 3 differ by 0.5, so this is no more than a hint. All three orders are far better than round-to-nearest. So the gain of GPTQ does not depend on a lucky order.
#
# ### A clip that is better for the weights and worse for the model
#
# Round-to-nearest chose one clip for the whole model, by the perplexity. A tempting alternative is to choose a clip for each group, the one that leaves the smallest squared error of its *weights*.

# %% slideshow={"slide_type": "skip"}
clipped = {"round-to-nearest": rises["round-to-nearest", 2]}
clipped["one clip, chosen by perplexity"] = rises["round-to-nearest, best clip", 2]
clipped["a clip for each group, by its weights"] = bench.rise(
    lambda name, w: rounding.to_nearest(w, 2, 32, rounding.CLIPS)
)
by_weights, whole = (
    fmean(
        (rounding.to_nearest(w, 2, 32, clips) - w).square().sum().item() / w.square().sum().item()
        for w in bench.weights.values()
    )
    for clips in (rounding.CLIPS, (1.0,))
)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the rise for each clip, and the error of the weights.
print(f"Squared error of the weights, a clip for each group over the whole range: {by_weights / whole:.2f}")
show.list_of(clipped, "No clip: the levels go from the smallest weight of a group to the largest.")

# %% [markdown] slideshow={"slide_type": "skip"}
# The squared error of the weights falls, and the perplexity rises. This is the whole lesson in one example, because what counts is the error of the outputs and not that of the weights. The likely reason is the kind of error that a clip makes, but we have not isolated it. A clip moves the largest weights of a group, all of them towards 0, so their errors probably add up in the output more than those of the small weights. One test would be to give the clipped weights errors of the same size and of random sign. The table also shows that two tools which both say "2 bits, groups of 32" can differ just because one of them clips.
#
# ### What was not shown
#
# - One small model, one training, one text for the measurement. In large models the methods may come in another order; the papers measure on those.
# - $H$ was collected in the *float* model. One can also round block by block, and collect the inputs of each block from the model whose earlier blocks are rounded already.
# - The rotation was undone in float to be measured in the same model. QuaRot folds much of it into the neighbouring layers.
# - No time was measured. The rounded weights are stored and read as in [[weight_only]]. At run time GPTQ costs nothing more, and neither does AWQ where a norm can divide the inputs. A rotation that is not folded into a layer costs one more product.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("gptq")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The next layer sees sums, not weights. Errors of weights can cancel in a sum if their inputs move together.
# - GPTQ rounds column by column and lets the columns that are still free make up for each error. It needs the mean products of the inputs, and it needs the right ones: with those of wrong pairs it was far worse than round-to-nearest.
# - AWQ makes errors smaller in channels with large inputs, at the cost of their neighbours; on our model it paid where channels differ much. A rotation spreads large *weights* over all channels.
# - Calibrate on text of the kind that the model will meet, and bring the opponent to its best before you compare.
#
# **Going further**
#
# - E. Frantar et al., *GPTQ*, 2022, [arXiv:2210.17323](https://arxiv.org/abs/2210.17323)
# - J. Lin et al., *AWQ*, 2023, [arXiv:2306.00978](https://arxiv.org/abs/2306.00978)
# - S. Ashkboos et al., *QuaRot*, 2024, [arXiv:2404.00456](https://arxiv.org/abs/2404.00456)
# - T. Dettmers et al., *LLM.int8()*, 2022, [arXiv:2208.07339](https://arxiv.org/abs/2208.07339)
#
# **Project ideas**: collect the inputs of each block from the model that is rounded already; learn the rotation; find out which layers profit most from GPTQ.
#
# **Credits**: GPTQ, AWQ and QuaRot are by their authors, written anew here. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each: what does GPTQ need to know, and what AWQ? Pairs of inputs; sizes of inputs. Transition: "And if the loss is still too much: train a little beside the rounded weights. That is [[adapters]]."
