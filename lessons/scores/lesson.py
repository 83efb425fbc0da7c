# ---
# jupyter:
#   course:
#     promise: You will predict what it costs to remove a weight, repair what a cut breaks, and find out what a score owes to itself.
#     seconds: 60
#     needs: [measuring, prune_module, prune_model, own_method]
#     goals:
#       - Predict from the gradient what the loss does when a weight is removed, and test the prediction against the truth.
#       - Score the weights of a layer by what the layer sees (Wanda).
#       - Tell the merit of a score from that of the group in which its weights compete.
#       - Change the weights that stay so that they make up for a removed one (OBS, SparseGPT).
#       - Compare scores on the same terms, with chance beside them.
#     terms: [comparison group, error compensation, oracle, Taylor score, Wanda]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Magnitude looks at the weight alone. Other scores look at the data, too. Does it pay?*
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
# *For the lecturer, 1 min.* Ask: "What would you have to know of a weight to be sure that the network can do without it?" Write the answers on the board: its size, its input, its gradient, what the others can do in its place. Each
# of them is a section today.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch.nn import functional as F

from course_utils import data, legacy_int8, runtime
from course_utils.scorecard import claims
from lessons.scores import checks as check
from lessons.scores import show

legacy_int8.ignore_deprecations()  # torchao's class, under *Deeper*, is built on torch.ao
torch.set_num_threads(1)
device = runtime.best_device()
images, labels = (t.to(device) for t in data.load("mnist"))
test_set = tuple(t[::2].to(device) for t in data.load("mnist", "test"))  # every second one: 5,000 digits
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "skip"}
# A parcel scale reads hand-written postcodes. The network for it, LeNet-300-100, has three linear layers (784 → 300 → 100 → 10) with 266,200 weights, and the scale has room for a part of them. [[prune_model]] removed the weights of smallest magnitude, because a small weight changes little. But what a network computes does not depend on its weights alone. A small weight may be multiplied by a large input, and a large one by an input that is always 0.
#
# So this lesson has one question: **how can we know what a weight is worth before we remove it?** A *score* gives a number to each weight, and the lowest are removed. Each section brings a score that looks at a little more than the one before. We ask what such a score promises, whether the promise is kept, and whether the score helps.
#
# The next cell trains three networks, each with one pass over the 60,000 digits, because a single network may mislead.

# %% slideshow={"slide_type": "skip"}
bench = show.Bench(images, labels, test_set)  # trains three networks; copies of them are cut below

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Weights that training never used
#
# LeNet-300-100 reads the 784 pixels of a digit. Some, at the border, are black in *every* training image. The weights behind such a pixel are multiplied by 0 all through the training: they are useless.
#
# Magnitude pruning removes the smallest *fifth* of the weights of `fc1` and `fc2`. That is room enough for all useless ones.
#
# **Predict.** How many of the useless weights does it *keep*, and why: **A** none, **B** about one in five, **C** more than half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; "useless must be small" speaks for A. Before the click ask what training did to these weights. (Nothing: the gradient of a weight is its input times what comes back, and the input is always 0.) So they are what PyTorch drew, evenly spread up to ±0.0357. Draw a line from 0 to 0.0357 and a stroke at 0.013, the threshold of the table: 0.36 of it lies below and is removed, 0.64 is kept. The answer is C. Ask what weight decay would do to them: it shrinks
# every weight, and nothing pulls these back; not measured here. "How does one know what a weight is worth?" Try it: for single weights 266 million images, too many; hence a guess. Transition: "A rule that looks at the data would find them all."


# %% slideshow={"slide_type": "skip"}
never_lit = (images.amax(0) == 0).flatten()  # of the 784 pixels


def useless_kept(net):
    """The threshold of the cut, and the percent of the useless weights that lie above it."""
    sizes = torch.cat([layer.weight.detach().abs().flatten() for layer in show.cut_layers(net).values()])
    threshold = sizes.kthvalue(len(sizes) // 5).values
    kept = (net.fc1.weight[:, never_lit].abs() > threshold).float().mean()
    return threshold.item(), 100 * kept.item()


found = [useless_kept(net) for net in bench.nets]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes how many pixels and weights these are, and how many the cut keeps.
show.useless_table(bench, never_lit, found)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Magnitude keeps almost two thirds of the useless weights (C), because training never moved them: they still have their random initial values.**
#
# <!-- page -->
#
# The gradient of a weight is its input times what comes back from behind ([[prune_module]]). Where the input is 0, the gradient is 0, in every step. So these weights are what PyTorch drew for a layer of 784 inputs, evenly spread between $-1/\sqrt{784}$ and $1/\sqrt{784}$, which is ±0.0357.
#
# By hand: in the run on this page the threshold is about 0.013. Of numbers that are evenly spread from 0 to 0.0357 the part $0.013 / 0.0357 = 0.36$ lies below it and is removed, and the remaining 0.64 are kept. A cut of the same size that removed all useless weights could keep as many others in their place, which have learned something.
#
# This stops being true where something else shrinks the weights. With weight decay they would get smaller in every step; we have not measured how far.
#
# Magnitude has answered the question "how large is this weight?". We wanted to know something else: **what do we lose without it?**

# %% [markdown] slideshow={"slide_type": "skip"}
# The honest answer is to try. Remove something, compute the loss again, and write down the change. Such a list of true answers is called an **oracle** ([Molchanov et al., 2017](https://arxiv.org/abs/1611.06440)). For the 300 units of `fc1` we can afford it, and we shall. For single weights we cannot: with 1,000 images for each of the 266,200 weights the network would have to read 266 million images, as many as in 4,400 passes over the training digits. So we need a guess that costs less.
#
# Here is one. Think of the loss as a landscape in which you stand. To remove a weight of 0.8 is to walk by 0.8 until the weight is 0. You cannot see the end of the walk from where you are. But you can feel the slope under your feet, which is the gradient. Slope times distance is a first guess of how much higher or lower you will end.
#
# **By hand.** A single weight $w$, the input 1, the target 1, and the squared error $L = (w - 1)^2$.
#
# | $w$ | $L$ | gradient $g = 2(w - 1)$ | guess: $-w \cdot g$ | truth: $L(0) - L$ |
# |---|---|---|---|---|
# | 0.8 | 0.04 | −0.4 | +0.32 | +0.96 |
# | 1 | 0 | 0 | 0 | +1 |
#
# In the first row the guess has the right sign, and is a third of the truth. Draw the parabola, and ask yourself why. In the second row the guess is useless: at the bottom of a valley the ground is level in all directions.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. A guess from the gradient
#
# Weights $w_i$ with gradients $g_i = \partial L / \partial w_i$ become 0. Slope times distance, the first-order Taylor expansion, says
#
# $$L(w = 0) - L \approx -\sum_i w_i\,g_i$$
#
# The **Taylor score** is the square of that: $(w g)^2$ for one weight, $\left(\sum_i w_i g_i\right)^2$ for a unit ([Molchanov et al., 2019](https://arxiv.org/abs/1906.10771)).
#
# **Predict.** The row of one unit of `fc1` shrinks from 1 to 0 times itself. Where does the true loss end, and why: **A** above the tangent, **B** on it, **C** below?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* On the board the parabola $L = (w - 1)^2$, and a dot at $w = 0.8$, where $L = 0.04$ and the slope is −0.4. Slope times distance says +0.32; the truth at 0 is +0.96. A dot at $w = 1$: the guess is 0, the truth +1. Then draw the axis of the figure that will come: at 1 the whole unit, at 0 none of it. Vote. The first click shows the true loss alone; let somebody lay a ruler along it at the black dot, the whole unit, and say where the ruler meets 0. The second click draws that tangent. The third sets two bars beside each other at 0: green is what the slope says, blue what happens. The fourth opens the answer, A, for this unit and for most that fire: the loss gets steeper on the way. (It is the unit whose loss grows most.) "Is a guess that is too small any good?" For a ranking it is, if all are too small in a similar way. "Why the square?" A loss that would fall shows a weight that matters as well as one that would rise. For a unit the sum comes first: +0.3 and −0.3 give 0. Then one call for a useless weight of section 1: its gradient is 0, so its score is 0, and the rule finds it.

# %% [markdown] slideshow={"slide_type": "skip"}
# One backward pass gives the gradients of all weights at once, and so a guess for each of them. The square makes the score large for a loss that would fall as well as for one that would rise: it is a measure of how much a weight matters. (D1 shows what happens with the sign.)
#
# For a unit the sum comes before the square, because its weights are removed in one walk. Two weights with $w g$ of +0.3 and −0.3 have the scores 0.09 and 0.09, each by itself. As a unit they have $(0.3 - 0.3)^2 = 0$: what one costs the other gives back.


# %% slideshow={"slide_type": "skip"}
def weight_times_gradient(net, x, y):
    """For each layer that is cut weight × gradient of the mean loss, with its sign."""
    net.zero_grad()
    F.cross_entropy(net(x), y).backward()
    return {name: (layer.weight * layer.weight.grad).detach() for name, layer in show.cut_layers(net).items()}


def taylor(net, n=2000, batch=64):
    """(weight × gradient)² of each weight, averaged over the batches of n training images."""
    scores = {name: torch.zeros_like(layer.weight.data) for name, layer in show.cut_layers(net).items()}
    for x, y in zip(images[:n].split(batch), labels[:n].split(batch), strict=True):
        for name, product in weight_times_gradient(net, x, y).items():
            scores[name] += product**2 * len(x) / n
    return scores


# %% [markdown] slideshow={"slide_type": "skip"}
# Why does `taylor` square batch by batch, and not once at the end? Because of the second row of our little table. A trained network stands near the bottom of the *mean* loss, and there the mean gradient is close to 0 for weights that matter, too. The single batches pull in different directions. With $w = 0.8$ and two batches whose gradients are +0.4 and −0.4 the square of the mean is 0, and the mean of the squares is $0.8^2 \cdot 0.4^2 = 0.10$.

# %% slideshow={"slide_type": "skip"}
by_gradient = [taylor(net) for net in bench.nets]
of_useless = max(scores["fc1"][:, never_lit].max().item() for scores in by_gradient)
products = [weight_times_gradient(net, images[:1000], labels[:1000])["fc1"] for net in bench.nets]
units = [bench.of_units(*pair) for pair in zip(bench.nets, products, strict=True)]  # removes each unit alone
above = [100 * (u["truth"] > u["promise"])[u["fires"]].float().mean().item() for u in units]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the loss of one unit; then the tangent; then what both say of its removal.
unit = show.tangent(bench, units, above)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The true loss ends above the tangent (A), for this unit and for about nine in ten of those that fire, because the loss gets steeper on the way.** A useless weight has the score 0.
#
# <!-- page -->
#
# In the third frame the two bars at 0 are the guess and the truth. The tangent knows the slope at the place where we stand, and not the bend. It is the first row of the little table again: the slope is −0.4 where the walk begins and −2 where it ends, so the guess has the right direction and is too small. That need not harm a *ranking*. If all guesses are too small in a similar way, their order is still right.
#
# The next term of the expansion knows the bend: half the second derivative times the square of the distance. In the table the second derivative is 2 everywhere. The first row becomes $0.32 + \frac{1}{2} \cdot 2 \cdot 0.8^2 = 0.96$ and the second $0 + \frac{1}{2} \cdot 2 \cdot 1^2 = 1$, the truth in both, because this loss is a parabola. Why not use it, then? There is a second derivative for each *pair* of weights, for ours a matrix (the *Hessian*) of 266,200 × 266,200, some 71 billion numbers. *Optimal brain damage* (LeCun et al., 1990) keeps only its diagonal. Section 4 takes one layer at a time, and there the matrix is small.
#
# The weights of section 1 have a gradient of exactly 0 in each batch, so their score is exactly 0 and they are removed first. Nobody told the rule about pixels; the gradient contains it.
#
# Why "of those that fire"? Between 20 and 34 of the 300 units, depending on the network, give 0 for each of the 1,000 images. For these *silent* units the guess is 0 and the truth is 0, so they lie on the tangent and say nothing about its quality.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Does the guess rank the units as the truth does?
#
# Each unit of `fc1` that fires is removed alone: that many true changes of the loss. The Taylor score is one guess of their order, the norm of the unit's row is another.
#
# **Predict.** Which of the two has the higher rank correlation with the truth (1 is the same order, 0 no relation), by how much, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room bet on two numbers. Click: read the axes first, the truth upwards, the guess to the right, a point for each unit. The answer: above 0.8 for the Taylor score, about 0.4 for the norm. Ask what the norm does not see: the pixels before the unit, and the layers behind it. "Why only units that fire?" Silent ones have a guess of 0 and a truth of 0; they would raise both correlations without anything to rank. Say: "One unit at a time. We shall remove thousands of weights at once."

# %% slideshow={"slide_type": "skip"}
ranks = show.of_scores(bench, units)
taylor_ranks, norm_ranks = ranks["Taylor, |Σ w·g|"]["fires"], ranks["norm of the row"]["fires"]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws score against truth, for two scores.
show.clouds(bench, units, ranks)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the rank correlations, with silent units left out and with them.
show.rank_table(units, ranks)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The Taylor score ranks the units better, with a rank correlation above 0.8 against about 0.4 for the norm of the row, because it sees what comes before a unit and what comes behind it.**
#
# <!-- page -->
#
# A unit with large weights on dark pixels has a large norm and gives hardly anything. A unit whose result the next layer hardly uses may have a large norm, too. The gradient contains both, the inputs of the unit and all that lies behind it. (Score and truth are both taken by their size. The units' score comes from one backward pass over the same 1,000 images, without the batches of `taylor`: after one pass over the digits the mean slope is probably not yet near 0. Longer training would test that.)
#
# The last column of the table shows a trap in this kind of measurement. If the silent units are counted as well, both scores look better, the norm most of all: silent units have smaller norms and a true change of 0, so they raise the correlation without having anything to rank. So we leave them out. ([Molchanov et al., 2019](https://arxiv.org/abs/1906.10771), report correlations above 0.93 for networks on ImageNet; their abstract does not say of which kind, so do not compare the digits.)
#
# Where does it stop being true? The promise is about *one* unit, removed from a network that is otherwise whole. We are going to remove most weights together, and then each of them is missing from a network that lacks most of the others, too. *Deeper* measures how far apart the two are.

# %% [markdown] slideshow={"slide_type": "skip"}
# The Taylor score needs much: labels, a loss, a backward pass, and memory for the gradient of every weight. For a large language model one often has less, a few texts and just enough memory to run the model forward. So let us ask for less. We no longer try to keep the *loss*. We try to keep the *outputs of each layer*, one layer at a time. If every layer gives what it gave before, the loss stays as well.
#
# **By hand.** A unit has two inputs and the weights 0.5 and 0.3. Here are three samples.
#
# | | $x_1$ | $x_2$ | $y = 0.5\,x_1 + 0.3\,x_2$ | change without the 0.5 | change without the 0.3 |
# |---|---|---|---|---|---|
# | sample 1 | 0.2 | 1 | 0.4 | −0.1 | −0.3 |
# | sample 2 | 0 | 1 | 0.3 | 0 | −0.3 |
# | sample 3 | 0.2 | 0 | 0.1 | −0.1 | 0 |
# | sum of squares | 0.08 | 2 | | 0.02 | 0.18 |
#
# To remove the larger weight costs 0.02, and to remove the smaller one costs nine times as much. And we need not compute the changes one by one: $0.5^2 \cdot 0.08 = 0.02$ and $0.3^2 \cdot 2 = 0.18$. The square of the weight times the sum of squares of its input is the squared change of the output.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What a layer sees: Wanda
#
# Without $w_j$ the output of a row changes by $w_j x_j$; squared and added up over 2,000 digits that is $w_j^2\,\lVert x_j \rVert^2$.
#
# **Wanda** ([Sun et al., 2023](https://arxiv.org/abs/2306.11695)) ranks by its root, $|w_j| \cdot \lVert x_j \rVert$: no gradient, no label, no training.
#
# **Predict.** One unit of `fc1`, a fifth of its row stays. Where in the image do magnitude and Wanda keep different weights, and why there?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First the two weights on the board, 0.5 and 0.3, with the sums of squares of their inputs, 0.08 and 2: without the 0.5 the squared change is 0.25 · 0.08 = 0.02, without the 0.3 it is 0.09 · 2 = 0.18. The larger weight is the cheaper one. Let somebody come to the board and mark the place in an empty square. Then click, and read the four pictures from left to right: weight, input, what each score keeps. They differ far out, at the border: behind the 310 darkest pixels magnitude keeps about 14 %, Wanda none. In the middle the norms are nearly alike, and there the two agree. "Is it exact, then?" For one weight at a time: without both weights it would be 0.26 in the table of the page, and not 0.20. Say: "Magnitude looks at one half of a product, Wanda at both." Point out that Wanda needs forward passes alone.


# %% slideshow={"slide_type": "skip"}
def wanda(weight, inputs):
    """|w| · ‖x‖: one norm for each input, over all samples."""
    return weight.detach().abs() * inputs.norm(dim=0)


# %% slideshow={"slide_type": "skip"}
fc1 = bench.nets[0].fc1.weight
by_two = {"magnitude": fc1.detach().abs(), "Wanda": wanda(fc1, bench.seen.flatten(1))}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the weights of one unit, the norms of its inputs, and what the two scores keep.
dark_kept = show.what_stays(bench, unit, by_two)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **They differ at the border of the image, because its pixels are hardly ever lit: magnitude keeps more weights there than Wanda does.** Behind a pixel that is dark in all 2,000 images Wanda keeps none.
#
# <!-- page -->
#
# A pixel that is always 0 has the norm 0, so the product is 0, whatever the weight. A pixel that is faint in a few images has a small norm, and needs a large weight to be kept. In the middle of the image the norms are nearly alike, and there the two scores agree: **magnitude is Wanda's score where all inputs have the same norm.**
#
# The promise holds for one weight at a time here, too. If two weights are removed together, their changes may add up or cancel, and the score does not look at that. In the table of three samples the single costs add up to $0.02 + 0.18 = 0.20$. Without both weights the outputs 0.4, 0.3 and 0.1 are all lost, and $0.16 + 0.09 + 0.01 = 0.26$. The rest, 0.06, comes from sample 1, where both inputs are lit. Section 4 looks at such pairs.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Who competes with whom?
#
# A score ranks. *Among which weights* is a second decision, the **comparison group**: the weights of *each row*, of *each layer*, or of *all layers* together.
#
# Two units have the scores 9, 8 and 3, 2. Half of these weights stay: which two over the layer, and which two in each row?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let the room fill in the two columns on the board, then click. "What has unit 2 left over the layer?" Nothing: it gives the same number for every image. "Which is better?" 17 points of score stay over the layer and 12 in the rows; whether the 3 is needed no score says. Then the report: "How many things differ between its two numbers? Which runs are missing?" Two: the score and the group. Missing are magnitude in each row and Wanda over the layer. Do not solve it: Exercise 1 is this experiment.

# %% [markdown] slideshow={"slide_type": "fragment"}
# | scores | half stays, over the layer | half stays, in each row |
# |---|---|---|
# | unit 1: 9, 8 | 9, 8 | 9, – |
# | unit 2: 3, 2 | –, – | 3, – |
#
# A report says: **"Wanda beats magnitude."** In its table Wanda ranks in each row, as its authors do, and magnitude over the whole layer. Whose merit is the advantage?

# %% [markdown] slideshow={"slide_type": "skip"}
# Over the layer the scores 9 and 8 stay. Unit 2 loses all its inputs and gives the same number for every image. In each row the larger score stays, so both units keep an input, but the 8 makes room for the 3. Which is better? The sum of the scores that are kept is larger over the layer: 17 against 12. If scores of different units can be compared with each other, that is the better cut. If they cannot, because unit 2 works with small numbers and is needed all the same, rows protect it. No score says which of the two is the case.
#
# So the report compares two things that differ in two ways. The authors of Wanda rank in each row and found that better for language models than ranking over the layer. `l1_unstructured` ranks over the layer, and [[prune_model]] ranked over all layers together. Before you believe that a *score* is better, you need the runs in which only the score differs, and those in which only the group does. **Exercise 1 is this experiment.**

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Let the others make up for it
#
# So far a removed weight leaves a hole, and the others stay as they are. Nothing forces them to.
#
# A unit has two inputs, with the weights 0.5 and 0.3. The second weight is removed. The first may take any new value.
#
# **Predict.** What should the 0.5 become, so that the output changes least, and why: if the two inputs are *always equal*; if they are *independent*, with mean 0; if they are *neighbouring pixels*?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Take the three cases one by one, and let somebody say a number for each before the click: 0.8, 0.5, and about 0.8. (Equal: $0.5x + 0.3x = 0.8x$. Independent: every change only adds an error of its own.) First click the table, second click the sentence. Ask for the rule behind the three: a part ρ of the 0.3 is taken over, where ρ is the mean of the product of the two inputs, each with the mean square 1. Then $0.3^2\,(1 - \rho^2)$ is left: with 0.93 some 13 %, the last column. Somebody will work out 0.5 + 0.3 · 0.93 = 0.78 and see 0.80 in the table: the two pixels do not have the same mean square. "And on other data?" Where $x_1 = 1$ and $x_2 = 0$ the output should be 0.5, and the repaired weight gives 0.8: the repair is best for the inputs that were looked at. The formula for many inputs comes next.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the best new weight and the error that is left, for three pairs of inputs.
took_over = show.two_inputs(bench)
show.two_inputs_table(took_over)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The 0.5 should become 0.8 where the inputs are equal, stay 0.5 where they are independent, and become about 0.8 for neighbouring pixels, because it can do the other's work as far as the two inputs go together.**
#
# <!-- page -->
#
# If $x_1 = x_2$, the output $0.5\,x_1 + 0.3\,x_2$ is $0.8\,x_1$, and one weight of 0.8 computes it without any error. If the inputs are independent and of mean 0, nothing that the first weight does can imitate $x_2$: every change of it would only add an error of its own, so it is best left alone. In between it takes over a part. Let both inputs have the mean square 1, and let $\rho$ be the mean of their product. If the first weight takes over $\delta$, the mean squared error is
#
# $$0.3^2 - 2 \cdot 0.3\,\delta\,\rho + \delta^2 ,$$
#
# since the error in one sample is $0.3\,x_2 - \delta\,x_1$. It is least for $\delta = 0.3\,\rho$, and then $0.3^2\,(1 - \rho^2)$ is left. For the two pixels $\rho$ is 0.93, so about $1 - 0.93^2$ of the error, some 13 %, should remain, as the table says. Its new weight is a little more than $0.5 + 0.3 \cdot 0.93 = 0.78$, because the two pixels do not have the same mean square: in general the mean of $x_1 x_2$, divided by the mean of $x_1^2$, takes the place of $\rho$.
#
# Why "of mean 0"? Let two inputs be 0 or 1 by the toss of two coins. They are independent, too, but the mean of $x_1 x_2$ is 0.25 and that of $x_1^2$ is 0.5. So $0.3 \cdot 0.25 / 0.5 = 0.15$ is taken over. Pixels are never negative, so some of this is in every pair of them that is ever lit together.
#
# It stops being true for other data. The new weight is best for the inputs that were looked at. Where the two are not alike, it makes things worse: with $x_1 = 1$ and $x_2 = 0$ the output should be 0.5, which it is without a repair, and with the 0.8 it is 0.8.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### For many inputs: the optimal brain surgeon
#
# $X$ holds the inputs of a layer, a column for each weight of a row, and $H = X^\top X$. Weight $j$ is removed. The best change of the row, and the squared error that is left, are
#
# $$\delta w = -\frac{w_j}{[H^{-1}]_{jj}}\,H^{-1}_{:,j} \qquad\qquad \frac{w_j^2}{[H^{-1}]_{jj}}$$
#
# This is **error compensation**: here *optimal brain surgeon*, OBS (Hassibi and Stork, 1993; theirs uses the Hessian of the loss).
#
# | score | is the error … |
# |---|---|
# | $w_j^2\,H_{jj}$: Wanda's, squared | without repair |
# | $w_j^2 / [H^{-1}]_{jj}$ | with repair |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Left formula: column j of the inverse, scaled. Right formula: what is left. Check both with the two weights, on the board: $H$ has the rows (1, ρ) and (ρ, 1); its inverse has (1, −ρ) and (−ρ, 1), divided by 1 − ρ². Weight 2 is removed: the column is (−ρ, 1), the change −0.3 · (−ρ, 1) = (0.3ρ, −0.3). Ask: "What happens to the second weight?" It becomes exactly 0, and the first takes over 0.3ρ, as on the slide before. Then the table: "Why is $H_{jj}$ Wanda's?" It is the sum of squares of input $j$, $\lVert x_j \rVert^2$. So Wanda asks for the error if nobody helps, the second row if all help. "If $H$ has no inverse?" A hundredth of the diagonal's mean is added to the diagonal; two equal inputs then take over 0.297 and not 0.3. Exercise 2 is the left formula.

# %% [markdown] slideshow={"slide_type": "skip"}
# Check it with our two weights. With mean squares of 1 and the mean product $\rho$,
#
# $$H = \begin{pmatrix} 1 & \rho \\ \rho & 1 \end{pmatrix}, \qquad H^{-1} = \frac{1}{1 - \rho^2} \begin{pmatrix} 1 & -\rho \\ -\rho & 1 \end{pmatrix}.$$
#
# (That is $X^\top X$ divided by the number of samples, which leaves $\delta w$ as it is.) Weight 2 is removed, $w_2 = 0.3$. Its entry on the diagonal of the inverse is $1/(1 - \rho^2)$, its column is $(-\rho, 1)/(1 - \rho^2)$. So $\delta w = -0.3 \cdot (-\rho, 1) = (0.3\,\rho,\ -0.3)$: the first weight takes over $0.3\,\rho$, and the second becomes 0. The error that is left is $0.3^2\,(1 - \rho^2)$. Both are what we found without a matrix.
#
# Why a column of the inverse? The outputs of the row change by $X\,\delta w$, so the squared error is $\lVert X\,\delta w \rVert^2 = \delta w^\top H\,\delta w$. At the best change no *other* weight can lower it by moving a little. The slopes are the entries of $2H\,\delta w$, so $H\,\delta w$ is 0 everywhere but at $j$. $H$ times column $j$ of $H^{-1}$ is just such a vector (1 at $j$, else 0), so $\delta w$ is a multiple of that column. Which multiple? The one that makes weight $j$ 0: $\delta w_j = -w_j$. In $\delta w^\top H\,\delta w$ only entry $j$ is left then, $-w_j$ times $-w_j / [H^{-1}]_{jj}$, which is the second formula.
#
# The formula is exact for *one* weight that is removed. We remove nine of ten. One could remove them one by one and invert a new matrix each time. **SparseGPT** ([Frantar and Alistarh, 2023](https://arxiv.org/abs/2301.00774)) takes a shorter way. It goes through the columns of the weight matrix once, from left to right. What it removes in a column, the columns *behind* it make up for, and a column that is done does not change any more. Then all rows can share one matrix, because at column $j$ the same columns are left in each of them. That makes it fast enough for large models. The price is that a weight far to the right has few others left that can make up for it.
#
# And if $H$ has no inverse? A pixel that is dark in all 2,000 images gives a row of zeros, and two inputs that are always equal give $1 - \rho^2 = 0$ in a denominator. So SparseGPT's code, and ours, puts a 1 on the diagonal in place of a 0, and then adds a hundredth of the diagonal's mean to all of it (*damping*). That costs little: for two equal inputs $0.3 / 1.01 = 0.297$ is taken over and not 0.3.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def made_up_for(weight, factor, mask):
    """Where the mask is 0 a weight is removed; the columns behind it make up for it.

    `factor[j, j:]` is column j of the inverse of H without the columns before j, up to a factor that cancels.
    """
    new = weight.clone()
    for j in range(new.shape[1]):
        removed = torch.where(mask[:, j] > 0, 0, new[:, j])
        new[:, j:] -= torch.outer(removed / factor[j, j], factor[j, j:])
        new[mask[:, j] == 0, j] = 0  # exactly
    return new


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A whole layer, from left to right
#
# A layer of three units with six inputs that are alike. Half of its weights are removed, column by column, and the columns behind make up for them.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Before each click ask: "Which numbers change now?" What is crossed out is removed, what lies left of the line does not change any more, and right of it each row that lost a weight changes. Follow the first row: in the third frame its −0.45 is gone, −0.78 has become −0.88, −0.63 has become −0.80, and −0.81 stays. The second row lost nothing there, and stays. "Why only to the right?" Then all rows have the same columns left and can share one matrix, which makes it fast enough for large models. Ask what happens to the error of the last column. (It stays: nothing stands behind it. In the last frame only one weight was left to take over, and −1.02 became −1.59.)

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the layer after 0, 1, 2, 4 and 6 columns.
show.left_to_right(made_up_for)

# %% [markdown] slideshow={"slide_type": "skip"}
# Follow the first row from frame to frame. Each time one of its weights is crossed out, the weights to its right move, and those to its left stay. In the third frame its −0.45 is gone: −0.78 has become −0.88, −0.63 has become −0.80, and the −0.81 on the left is as before. The second row lost nothing in this column, so it did not change (the arrow means all that lies right of the line, and not this row). In the last frame the first row has lost its −0.79, and only one weight was left to take over: −1.02 has become −1.59. Nothing stands behind the last column, so what is removed there stays an error.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which weights, or what becomes of the rest?
#
# SparseGPT does two things that Wanda does not: it *chooses* by the error after repair, block of columns by block, and it *repairs*. `fc1` alone, a tenth of its weights, four choices, each **not repaired**, **repaired** column by column, and by **least squares**, the best of all repairs on the 2,000 images.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 5. The next three minutes, about choice and repair taken apart, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Not repaired, SparseGPT's choice is worse than Wanda's. How will the two compare when both are repaired, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Vote: still worse, level, or better. Read the table along a row first: the same weights are removed, the repair differs. Then down the columns, slowly: the order of the choices changes from the first column to the second. Wanda 19.4 and SparseGPT 27.4 not repaired; repaired 9.8 and 6.4. Last the fourth row, the control: the same cost and the same blocks, but chosen before anything was repaired. It is 21.8, and repaired only 11.0: so what counts is that SparseGPT ranks weights which have already taken over. Say: "Whoever judges a choice before the repair throws the best one away." Somebody will look at the last column: the fourth row has a larger error than Wanda's and gets *more* digits right. That is so: error and accuracy do not have the same order. We asked for less than the loss, as it is cheaper, and this is its price.


# %% slideshow={"slide_type": "skip"}
def four_choices(net):
    """What each choice of a tenth of fc1 costs this network, with each repair."""
    weight = net.fc1.weight.detach()
    by_row = {"magnitude": weight.abs(), "Wanda": wanda(weight, bench.seen.flatten(1))}
    return show.errors_of(bench, net, show.choices_of_fc1(bench, net, by_row, made_up_for), made_up_for)


errors = [four_choices(bench.nets[0])]

# %% slideshow={"slide_type": "skip"}
errors.append(four_choices(bench.nets[1]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the error of fc1's output for each choice and each repair.
show.errors_table(errors)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Repaired, SparseGPT's choice leaves the least error of the four, although it was worse than Wanda's before: a choice has to be judged together with the repair that follows.**
#
# <!-- page -->
#
# In each row of the table the repair takes away more than two fifths of the error. Least squares, which may change all that is left and not only the columns behind, does better still. So the repair is worth a lot, whatever was chosen.
#
# Why does SparseGPT's place in the order change? Its cost, $w_j^2 / [H^{-1}]_{jj}$, is the error *after* repair. A weight that others can replace well is cheap, however large its error is before they do. And SparseGPT looks at the weights as they are *by then*: when the second block of 128 columns is chosen, its weights have already taken over what the first block lost. The fourth row is the control for that. It has the same cost and the same blocks, and ranks the weights as they were at the beginning. It is better than SparseGPT's choice as long as nothing is repaired, and worse after the repair. So what makes SparseGPT's choice poor by itself and good with its repair is that it ranks weights which have already taken over. (The first two rows rank in each row and the last two in blocks, so do not read Wanda against SparseGPT as a comparison of scores alone.)
#
# Now look at the last column, the digits that the network gets right with this `fc1`. The fourth row leaves a larger error than Wanda's row, and gets *more* digits right. **The error of the outputs and the accuracy do not have the same order.** (In a trial outside this page this was so in six of six networks.) We asked for less than the loss because it is cheaper, and this is its price. Probably the reason is that the error counts every output alike, while the digits need some of them more than others; we have not tested that. *Deeper* has another case.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. The same terms for all
#
# `fc1` and `fc2` of three networks are cut, then trained on for 100 steps: the same density, group and digits for each arm.
#
# **Predict.** With *half of each row* left, as in the paper, Wanda was far ahead of magnitude in a language model. How far is it here, just pruned, and why: **A** more than five points, **B** one to five, **C** less than one?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Vote, then five clicks, a rule each; the numbers are those of the newest. First *random*, the control: orange just pruned, blue after the steps. In the left panel even chance is near the grey line, so what can a score win there? In the language model half was a hard cut. Before each further click let somebody say where the next row will be in the middle panel. With Wanda, the fourth, the left panel has settled the vote, C. The last row has the repair. Now look down the columns of dots: at 5 % the arms are far apart before the steps, and near each other after them, all but random; from middle to right only the group changes. The sixth click opens the answer. "Taylor looks at the loss itself; why is it behind Wanda?" Its promise is for one weight that is missing in a whole network. Cut in ten rounds it is far ahead, Deeper has the trial. Ask: "Which dots do you look at if you have to ship a model?" The filled ones if there is a budget to train, the hollow ones if there is none.

# %% [markdown] slideshow={"slide_type": "skip"}
# By now we have four ways to choose, and one way to repair. To compare them, everything else has to be equal. Each arm keeps the same number of weights in the same group, and gets the same 100 steps at the same rate with the same digits in the same order. All scores that look at data look at the same 2,000 digits.
#
# We run them under three terms, and only one thing differs between neighbours: half of each row, which is the density and the group that Sun et al. report; 5 % of each row; and 5 % of both layers together.

# %% slideshow={"slide_type": "skip"}
by_size = [{name: layer.weight.detach().abs() for name, layer in show.cut_layers(net).items()} for net in bench.nets]
by_input = []
for net in bench.nets:
    layers = show.cut_layers(net).items()
    by_input.append({name: wanda(layer.weight, show.inputs_of(net, name, bench.seen)) for name, layer in layers})
scores = {"random": show.by_chance(bench), "magnitude": by_size, "Taylor": by_gradient, "Wanda": by_input}
arms = {name: (of_nets, False) for name, of_nets in scores.items()} | {"Wanda, repaired": (by_input, True)}
terms = {(0.5, "each row"): "half of each row", (0.05, "each row"): "5 % of each row"}
terms |= {(0.05, "both layers"): "5 % of both layers"}
dense = show.dense_too(bench)
half_row, of_row, of_both = terms

# %% slideshow={"slide_type": "skip"}
outcomes = show.race(bench, arms, [half_row], made_up_for)

# %% slideshow={"slide_type": "skip"}
outcomes |= show.race(bench, arms, [of_row], made_up_for)

# %% slideshow={"slide_type": "skip"}
outcomes |= show.race(bench, arms, [of_both], made_up_for)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws what each arm gets right just pruned and after the steps, one arm more in each frame.
show.race_figure(outcomes, terms, dense)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the same numbers.
show.race_table(outcomes)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **With half of each row left Wanda is less than a point from magnitude (C), because this network has weights to spare.**
#
# <!-- page -->
#
# It has so many of them that a good choice has hardly anything to save. Each frame adds one rule, from chance to the one that is best just pruned.
#
# Look at *random* in the left panel. It removes half of the weights without looking at anything, and a few points are lost. Where chance does so little harm, no score can be much better. In a language model half of the weights is a hard cut, and there the choice shows: Sun et al. report for LLaMA-7B a perplexity (a measure of error: lower is better) of 17.3 with magnitude over the layer and 7.3 with Wanda in each row. (From memory: look the figures up before you cite them.) That is the report of section 3 again, in which two things differ. With magnitude in each row, too, they have 13.4, so more than half of the distance remains.
#
# At 5 % the cut is hard for our network, too, and just pruned the arms are far apart: random gets the fewest digits right, then come magnitude and Taylor (level in each row), then Wanda, and Wanda with the repair gets the most. Taylor looks at the loss itself and is behind Wanda all the same, because its promise was about one weight that is missing in a network which is otherwise whole. (Cut in ten rounds, it is far ahead: D1.) From the middle panel to the right one only the group changes. This gives magnitude, Taylor and Wanda some 17 to 24 points more, about as much as a better score does; random gains nothing.
#
# After 100 steps magnitude, Taylor and Wanda end within two points of each other in each row, and within half a point over both layers. Only random stays far behind. The training probably does what the repair does, and looks at the labels, too: the weights that are left learn the work of the others. So what a score is worth depends on what follows it. **Without a step the choice and the repair count. After 100 steps all choices that are not random lie within about two points.**

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What does the race not show?
#
# **Predict.** "So which score is best?" What is missing in this question, and why does it matter?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room complete the question, "best for what, after what, among what?", and write the words on the board; then click. Go back one slide for density, group and budget, and let somebody point at the two panels or dots that show each. Two words are not in the figure: the network, and the rate. All arms were trained on at one rate; with another one the order after the steps is another, and random stays last.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The question lacks the density, the group, the budget of training, the network and the number of runs, because with other values of these another score may be first.**
#
# - *Density*: left panel against middle. *Group*: middle against right. *Budget*: hollow against filled.
# - *Network and size*: the authors of Wanda and SparseGPT report on billions of weights, at about half density and without a step.
# - *Runs*: three networks here. Where two ranges overlap, do not name a winner.
#
# <!-- page -->
#
# The number of rounds belongs to this list (D1), and so does the learning rate. All arms were trained on at 0.002. In trials outside this page, with 5 % of both layers, we also took 0.001, 0.004 and 0.008. At 0.001 magnitude was the last of the three (93.0 % right, Wanda 93.9, Taylor 94.2), and at 0.008 the first (95.6, Wanda 95.1, Taylor 93.8). With the best of these for each it is magnitude 95.6, Wanda 95.1 and Taylor 94.9. So it is the rate, and not the score, that decides their order after the steps. *Random* was five points or more behind at every rate.
#
# This lesson names two causes without testing them. That the arms end close together because the rest learns the work of the others is probable; masks with the *same* loss just pruned, trained on, would test it. And that half density is easy *because* the network has weights to spare could be tested with a network that is just large enough.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Score or group?
# ★★★ · 12 minutes · an investigation
#
# The report of section 3 compares Wanda in each row with magnitude over the layer.
#
# - The *score's part* is Wanda − magnitude in the same group, the mean of the two groups.
# - The *group's part* is rows − layer with the same score, the mean of the two scores.
# - A part counts from one point on, in means over networks.
#
# `whose_merit(right)` → `"score"`, `"group"`, `"both"` or `"neither"`: the parts that count
#
# <!-- page -->
#
# You get an instrument, `right(score, rows, seed)`: it prunes a network and returns the percent of test images that it gets right. `score` is `"magnitude"` or `"wanda"`, `rows` is 1 if each row ranks its own weights and 0 for the whole layer, `seed` says which network.
#
# <details><summary>Hint</summary>
# Draw a table with a row for each score and a column for each group. The report fills two of its four cells. Which are missing? What has to be the same in all four?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# Why means over the two groups? Because the order would matter otherwise. Suppose these are the four cells:
#
# | | over the layer | in each row |
# |---|---|---|
# | magnitude | 80 | 80 |
# | Wanda | 80 | 86 |
#
# Change the score first and it gains 0, then the rows gain 6. Change the rows first and they gain 0, then the score gains 6. The mean gives 3 to each, and the two parts always add up to the advantage of the report. (A table in which two causes meet, each with and without the other, is a *crossed experiment*; [[depthwise]] made one.)
#
# Why the same networks in all four cells? Say that network 3 is five points weaker than the others. If it is in all four, its five points drop out of each difference. If it is in one cell alone, they look like somebody's merit.
#
# The check makes up several reports. It looks at how you make your experiment (all four cells, with the same networks, at least five of them), and then at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper: a table with the rows magnitude and Wanda, the columns layer and rows, and 80, 80 and 80, 86 in it. "Whose merit are the six points?" Let two people defend the two orders: the score first gains 0, then the rows 6; the rows first gain 0, then the score 6. Then give the rule of the card: the mean of both, 3 to each, so "both". Who takes the report's two cells alone cannot tell. Then: "Why the same networks in all cells?" If one is five points weaker and is in all four, its five points drop out of each difference; in one cell alone they look like somebody's merit.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def whose_merit(right):
    """Say whose merit the advantage is: "score", "group", "both" or "neither".

    Args:
        right: the instrument; `right("wanda", rows=1, seed=3)` gives the
            percent of test images that network 3 gets right after this cut.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.whose_merit(whose_merit)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def whose_merit_solution(right):
    def cell(score, rows):
        return sum(right(score, rows=rows, seed=seed) for seed in range(8)) / 8

    (m, m_rows), (w, w_rows) = ([cell(score, rows) for rows in (0, 1)] for score in ("magnitude", "wanda"))
    score = ((w - m) + (w_rows - m_rows)) / 2
    group = ((m_rows - m) + (w_rows - w)) / 2
    if score >= 1 and group >= 1:
        return "both"
    return "score" if score >= 1 else "group" if group >= 1 else "neither"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the experiment says of our networks
#
# The four cells for our three networks, just pruned, and what they make of the report.
#
# **Predict.** With a tenth of the weights left, Wanda in each row is a little ahead of magnitude over the layer. Whose merit is that, and why: **A** the score's, **B** the group's, **C** both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. It is A, and the group costs: 0.9 is 5.1 for the score less 4.2 for the rows. Then the row of 5 %: "What would the report have said?" That Wanda is about one point worse, although its score gains twelve. In runs on two other processors, with other networks, it said two points worse and five points better, and in both the score gained more than ten. "Why do the rows cost so much?" Largely the silent units, 20 to 34 of 300: over the layer they get next to nothing, and in each row every one keeps 78 weights, for nothing. "So rows are bad?" Not as a rule: in the language model of the paper they helped magnitude. Run the four cells on the network that you have.

# %% slideshow={"slide_type": "skip"}
two = {name: scores[name] for name in ("magnitude", "Wanda")}
tables = {density: show.grouped(bench, two, density) for density in (0.5, 0.1, 0.05)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the advantage of the report and its two parts.
show.parts_table(tables)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the four cells for each density, and a control.
show.grouped_table(tables)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It is the score's merit alone (A): the score gains several points in either group, and the rows cost a good part of them again.**
#
# <!-- page -->
#
# In the run on this page the advantage at a tenth of the weights is 0.9 points. It is the sum of a gain of 5.1 points by the score and a loss of 4.2 by the rows. With 5 % left both are more than ten points, and the report shows only their difference. In this run that is about one point *against* Wanda, and a reader would turn away from the better score. (On two other processors, with other networks, it was two points against Wanda and about five points for it.) At half density nothing can be seen, because all four cells are alike. (*Both layers* in section 5 ranks the two layers together, so its numbers differ.)
#
# Why do the rows cost so much here? Largely because some units need nothing. Between 20 and 34 units of `fc1` are silent. Over the layer they are left with less than a hundredth of the weights that stay, by Wanda's score. In each row every unit keeps 78 of its 784 weights at a tenth, so the silent ones together get about 9 % of all, for nothing. The last column of the second table is the control: each row ranks its own weights again, but rows of silent units get none, and the others share what is saved. At a tenth that gives back most of what the rows had cost Wanda's score, and at 5 % more than half. The rest is probably the same thing in a weaker form: units that fire do not all need the same number of weights.
#
# This is not a rule for other networks. Sun et al. varied both things, too. For LLaMA-7B at half density the rows lowered the perplexity of magnitude from 17.3 to 13.4, so there the group itself is a merit. They add (section 3) that they saw no such trend in image classifiers. Run the four cells on the network that you have.


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### D1. One at a time, or many together
#
# Section 2 removed each unit alone, and the Taylor score ranked these true costs well. Now remove *half* of the units of `fc1` at once, the lowest by several scores. Two of them are the oracle itself: the true cost of a unit by its size, so that units come first whose removal changes nothing, and the true cost with its sign, so that units come first whose removal makes the loss *smaller*.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Removes 150 firing units together, by six scores.
at_once = show.together(bench, units)
show.together_table(at_once)

# %% [markdown] slideshow={"slide_type": "skip"}
# Read the two rows of the oracle. By their signs, the units of the last row ought to make the loss fall when they are removed. Together they make it rise, about as far as units drawn by chance do (with six networks, outside this page, further in two and less far in four). The units of the row above it have costs near 0, and they are the best choice of the table. The two rows of the Taylor score show it more clearly: with the sign the loss rises further than by chance, in each of those six networks too. So what counts for many removals is the *size* of the effect, and not whether a single removal would be welcome. A unit whose removal lowers the loss a little is a unit that changes the outputs; 150 of these changes do not add up as single ones do. This is a second reason for the square in the Taylor score.
#
# And compare the first two columns: even for the best rows the cost together is several times the sum of the costs alone. Units stand in for each other. Each can be spared while the others are there, and together they are missed. So a high rank correlation for single units is a good sign and no guarantee. The norm, whose rank correlation is half as high, comes close to Taylor here. This is also why repair and training help so much after a cut: both look at all removed weights together.
#
# **In rounds.** Another remedy is to remove a part at a time and to compute the scores anew for what is left, as Molchanov et al. do with units. Section 5 makes one cut. In a trial outside this page, with the networks of another processor, we reached its 5 % in ten rounds, each of which keeps the same share, with the same 2,000 digits and without any training between. Percent right, means of three networks:
#
# | score | each row: one cut | ten rounds | both layers: one cut | ten rounds |
# |---|---|---|---|---|
# | Taylor | 48.5 | 72.0 | 74.2 | 91.2 |
# | Wanda | 66.4 | 57.0 | 82.0 | 79.7 |
#
# Taylor gains some twenty points, and over both layers it passes even the arm with the repair. So it was behind because the single cut applied a promise about one weight to 95 % of them at once. Wanda loses by the rounds. Where each row is a group, the rounds change nothing in `fc1`, because its inputs are always the pixels; they do change the choice in `fc2`, whose inputs come from an `fc1` that has been cut. Why the norms that are computed anew make worse choices there, we have not found out. So the order in section 5 holds for a single cut only.
#
# ### D2. Movement, and an order that the output error does not have
#
# Magnitude, Taylor and Wanda look at a network when its training is over. [[own_method]] brought a score that watches the training itself, the movement score of [Sanh et al., 2020](https://arxiv.org/abs/2005.07683):
#
# $$-\sum_t w_t\,g_t$$
#
# $g_t$ is the gradient of step $t$, and $w_t$ is the weight *before* that step, at which the gradient was taken. The score grows where training moves a weight away from 0. By hand: a weight of 0.5 whose gradient is −0.2 adds $-0.5 \cdot (-0.2) = +0.1$, because plain SGD will make it larger; with the gradient +0.2 it adds −0.1.
#
# Our three networks were watched while they learned (`show.Movement`). When a step is over, the watcher subtracts *weight before the step × gradient* and then keeps the new weight for the next step. To multiply by the weight *after* the step would be another sum. In a trial outside this page it made little difference: 98 % of the weights that are kept were the same.
#
# Movement has seen all 60,000 digits with their labels, the other scores 2,000. So Taylor gets an arm with five times as many, and movement one without its sign and one that is repaired.

# %% slideshow={"slide_type": "skip"}
by_many_digits = [taylor(net, n=10_000) for net in bench.nets]

# %% slideshow={"slide_type": "skip"}
unsigned = [{name: score.abs() for name, score in of_net.items()} for of_net in bench.moves]
more = {"Taylor, 10,000 digits": (by_many_digits, False), "movement": (bench.moves, False)}
more |= {"movement, unsigned": (unsigned, False), "movement, repaired": (bench.moves, True)}
deeper = show.race(bench, more, [(0.05, "both layers")], made_up_for)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes these arms below those of section 5 on the same terms.
show.race_table({key: of_key for key, of_key in (outcomes | deeper).items() if key[1:] == (0.05, "both layers")})

# %% [markdown] slideshow={"slide_type": "skip"}
# Movement's choice, repaired, is first before the steps and after them, and movement alone is next after the steps. Taylor gains with five times as many digits, and stays behind; with all 60,000 (outside this page) 77 % are right just pruned. So it is not the number of digits alone that makes the difference. On this network and task the sign makes little difference: without it movement is a few points behind just pruned, and within half a point after the steps. In [[own_method]] the same score, with its sign, was the worst of all. So its rank is not a property of the score alone; D3 looks for what differs, and tries another task.
#
# Does movement win because it keeps the outputs of the layer best? The table of section 4 with two more rows answers that.

# %% slideshow={"slide_type": "skip"}
for net, moved, tied, own in zip(bench.nets, bench.moves, by_gradient, errors, strict=False):
    masks = {"Taylor, by row": show.in_each_row(tied["fc1"], 0.1)}
    masks["movement, the whole layer"] = show.largest(moved["fc1"], 0.1)
    own |= show.errors_of(bench, net, masks, made_up_for)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes errors and digits right again, with two more choices.
show.errors_table(errors)

# %% [markdown] slideshow={"slide_type": "skip"}
# It does not. Repaired, movement's choice leaves almost twice the output error of SparseGPT's, and gets *more* digits right (in a trial outside this page in five of six networks). So the error of a layer's outputs does not order the accuracy here. A score that saw the labels may keep other outputs than the largest ones. That is the price of asking for less than the loss.
#
# ### D3. The sign, raced
#
# [[own_method]] shows that PyTorch's `l1_unstructured` ranks scores by their absolute value, and so drops the sign of a movement score. Is that a mistake? Sanh et al. found movement better than magnitude where a network learns a *new* task and few weights are left. So let networks that learned digits learn clothes (Fashion-MNIST) for 100 steps, while they are cut every 20 steps until step 80, along a cubic curve ([Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878)). All three layers are ranked together. Only the score differs.

# %% slideshow={"slide_type": "skip"}
fashion = [tuple(t.to(device) for t in data.load("fashion_mnist"))]
fashion += [tuple(t[::2].to(device) for t in data.load("fashion_mnist", "test"))]
kinds = "magnitude", "movement", "movement, unsigned"
clothes = show.to_clothes(bench, *fashion, kinds, densities=[0.1])

# %% slideshow={"slide_type": "skip"}
clothes |= show.to_clothes(bench, *fashion, kinds, densities=[0.03])

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes how many clothes are right.
show.clothes_table(clothes)

# %% [markdown] slideshow={"slide_type": "skip"}
# With its sign movement is last at both densities (at 3 % its range overlaps that of magnitude). Without it, movement is far ahead at 3 %, and close to magnitude at 10 %. So what looked like a misreading of the score is the better score here.
#
# This does not refute the paper. Sanh et al. train BERT for thousands of steps, and in their method a removed weight still receives updates of its score and may come back. Here the training is 100 steps long, and what is removed stays removed. Which of these differences matters we have not tested, and each arm had the same learning rate, which need not be the best one of each.
#
# ### D4. A class of that name
#
# torchao 0.18 has a `WandaSparsifier`. (Its main branch has since deleted `torchao.sparsity`: [pull request 4728](https://github.com/pytorch/ao/pull/4728).) Does it do what the paper says? Compare its mask of `fc1`, at a tenth of the weights, with three rules of our own.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torchao.sparsity import WandaSparsifier


def by_torchao(net, density):
    net, sparsifier = copy.deepcopy(net), WandaSparsifier(sparsity_level=1 - density)
    sparsifier.prepare(net, [{"tensor_fqn": "fc1.weight"}])
    with torch.no_grad():
        net(bench.seen)
    sparsifier.step()
    return net.fc1.parametrizations.weight[0].mask


theirs, norm = by_torchao(bench.nets[0], 0.1), bench.seen.flatten(1).norm(dim=0)

# %% slideshow={"slide_type": "skip"}
size = bench.nets[0].fc1.weight.detach().abs()
ours = {"|w| · ‖x‖, each row: the paper": show.in_each_row(size * norm, 0.1)}
ours |= {"|w| · ‖x‖, the whole layer": show.largest(size * norm, 0.1)}
ours |= {"|w| · ‖x‖², the whole layer": show.largest(size * norm**2, 0.1)}
differ = {name: 100 * (mask != theirs).float().mean().item() for name, mask in ours.items()}
print("weights of fc1 that torchao treats otherwise:")
for name, percent in differ.items():
    print(f"{percent:5.2f} %  {name}")

# %% [markdown] slideshow={"slide_type": "skip"}
# It ranks the whole layer, and by the *square* of the norm. So two things differ from the paper, the group and the score. A name is no specification: compare a mask with one that you have made yourself.
#
# ### D5. Half of the weights in a pattern
#
# [[own_method]] keeps two of each four neighbours (2:4), because some processors can skip the other two. What does the pattern cost, against half of the weights anywhere in the row, in a network without batch norm?

# %% slideshow={"slide_type": "skip"}
pattern = show.in_the_pattern(bench, by_size)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the pattern beside half of each row, from section 5.
half = "magnitude", 0.5, "each row"
show.race_table({half: outcomes[half]} | pattern)

# %% [markdown] slideshow={"slide_type": "skip"}
# Just pruned, the pattern costs about a point, and after 100 steps hardly anything.
#
# ### D6. The rows of the ledger
#
# The first network of each kind, after the steps. The zeros are stored like any other number, so all files have one size.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the rows into the ledger and shows them.
show.record_rows(bench, [t.to(device) for t in data.load("mnist", "test")])

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · One weight is removed, the others make up for it
# ★★ · 8 minutes
#
# Write `repaired`: the row `w` after weight number `i` was removed and all others were changed by the formula of section 4. You get $H^{-1}$, which is symmetric; leave `w` as it is.
#
# `repaired(w, h_inverse, i)` → the new row, of the shape of `w`, with 0 at `i`
#
# <details><summary>Hint</summary>
# Take column i of the inverse, and scale it so that its entry i becomes w[i]. Subtract that from the row.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def repaired(w, h_inverse, i):
    """The row without weight `i`, and with the others changed so that the output changes least.

    >>> repaired(torch.zeros(2), torch.eye(2), 0).abs()  # nothing to repair
    tensor([0., 0.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.repaired(repaired)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def repaired_solution(w, h_inverse, i):
    return w - w[i] / h_inverse[i, i] * h_inverse[:, i]


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The movement score
# ★ · 5 minutes
#
# Write `movement_scores`: from the weights and the gradients of one or more training steps (two lists of tensors, one tensor a step) the score $-\sum_t w_t\,g_t$ of D2. `weights[t]` is the weight *before* step t, and `gradients[t]` is the gradient taken there.
#
# `movement_scores(weights, gradients)` → a tensor in the shape of the weights
#
# <details><summary>Hint</summary>
# Each step has its own weights and its own gradient. Multiply them pair by pair, then add up, then turn the sign.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def movement_scores(weights, gradients):
    """Minus the sum over the steps of weight × gradient.

    >>> movement_scores([torch.zeros(2)], [torch.zeros(2)]).abs()  # nothing moves
    tensor([0., 0.])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.movement_scores(movement_scores)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def movement_scores_solution(weights, gradients):
    return -sum(w * g for w, g in zip(weights, gradients, strict=True))


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("scores")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Magnitude sees the weight. Wanda sees the input, too, and needs a forward pass; the Taylor score sees the loss, and needs a backward pass.
# - Which weights are removed and what becomes of the rest are two decisions. Judge a choice together with its repair (section 4).
# - A score and its comparison group are two decisions as well. Here the score gained, and the rows cost.
# - Compare scores at one density, in one group, with one budget, beside chance, and say on which network.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: P. Molchanov et al., 2017 and 2019, [arXiv:1611.06440](https://arxiv.org/abs/1611.06440) (by a filter's output times the gradient of that output), [arXiv:1906.10771](https://arxiv.org/abs/1906.10771) (by its weights);
# M. Sun et al., *A simple and effective pruning approach for large language models* (Wanda), 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695); E. Frantar and D. Alistarh, *SparseGPT*, 2023,
# [arXiv:2301.00774](https://arxiv.org/abs/2301.00774); E. Frantar et al., *Optimal brain compression*, 2022, [arXiv:2208.11580](https://arxiv.org/abs/2208.11580); B. Hassibi and D. Stork, *Second order derivatives for network pruning*, 1993.
#
# **Project ideas**: repeat the race with units in place of weights, ten at a time, with training between; give SparseGPT a 2:4 pattern.
#
# **Credits**: the idea of a course on efficient networks from Tal Daniel (Technion, EE 046211, tutorial 10). The repair follows the published code of SparseGPT ([github.com/IST-DASLab/sparsegpt](https://github.com/IST-DASLab/sparsegpt)), written anew. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the list on the board: size, input, gradient, what the others can do in its place. For each let somebody name the score. (Magnitude; Wanda; Taylor; the error after repair of OBS and SparseGPT.) The bars are equally long: these zeros are stored like any other number. Transition: "Next part: is there a small network inside that could have learned alone?"
