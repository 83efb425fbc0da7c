# ---
# jupyter:
#   course:
#     promise: You will prune whole networks, see what one threshold does to each layer, and train again in fair races.
#     seconds: 50
#     needs: [measuring, prune_module]
#     goals:
#       - Prune a model by layer type, layer by layer and globally, and prove what was pruned.
#       - Work out by hand which layers global pruning hits in an untrained network.
#       - Measure accuracy before and after fine-tuning, against a control and a fair baseline.
#       - Find out whether pruning has improved a network, or only the training that came with it.
#     terms: [fan-in, fine-tuning, "global, local pruning", "one-shot, iterative pruning"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *From one layer to a whole network: which weights are removed, and what training gives back.*
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
# *For the lecturer, 1 min.* Say: "In 4.1 we cut one layer and trained nothing afterwards. Today we cut the whole network, and train on." Ask: "If I may keep a twentieth
# of all weights, how would you share them out among the layers?" Write two answers on the board; the end comes back to them.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import math
from statistics import mean

import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import data, models, runtime
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.prune_model import checks as check
from lessons.prune_model import show

runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
images, labels = (t.to(device) for t in data.load("mnist"))
test_set = tuple(t[::2].to(device) for t in data.load("mnist", "test"))  # every second one: 5,000 digits
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "skip"}
# [[prune_module]] removed weights from one layer and trained nothing afterwards: half of the layer cost nothing, and 90 % cost five points. In practice one prunes the whole network, and one trains it a little more, to repair the damage. To train on after a change to a trained network is called **fine-tuning**. This lesson asks what it repairs, how the cut should be shared out among the layers, and how one knows that a gain comes from pruning and not from the additional training.
#
# The network is LeNet-300-100, three linear layers (784 → 300 → 100 → 10) with 266,200 weights. It reads 60,000 digits once. Three such networks, from three seeds, are trained in the next cell, because one network may be lucky.

# %% slideshow={"slide_type": "skip"}
bench = show.Bench(images, labels, test_set, device)  # trains three dense networks; copies of them are cut below

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. A twentieth of the weights
#
# LeNet-300-100 has read 60,000 digits, once. Now 19 of 20 weights become zero, the smallest of the whole network.
#
# Then 200 steps of training follow, on 25 digits each. The zeros stay zero.
#
# **Predict.** How many test digits are right just after the cut, and how many after the 200 steps: **A** below 25 %, **B** 25 to 75 %, **C** 75 to 90 %, **D** above 90 %?
# Guessing gives 10 %.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two shows of hands, first for the moment after the cut, then for the end. Right after the cut it is less than a half here, and in the trainings of section 3 up to about 54 %, so B; after the 200 steps more than 90 %, D. To "why does so little training repair so much?" say what is usually said, and not tested here: the weights that stay still compute nearly the right features, and only too weakly, because a neuron that has lost 19 of 20 inputs adds up to a much smaller sum. Say: "The 200 steps saw a twelfth of the digits that the first training had seen." To "would *any* twentieth do?" say: good question, section 3 has that control. Transition: "Which weights were those?"

# %% slideshow={"slide_type": "fragment"}
net = bench.copy(seed=0)
right = {"dense": bench.right(net)}
pairs = show.layers_of(net)  # [(layer, "weight"), ...]
prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=0.95)
right["19 of 20 weights zero"] = bench.right(net)
bench.train(net, *bench.tune, seed=100)  # 5,000 digits once, in batches of 25
right["200 steps later"] = bench.right(net)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Writes the accuracy at the three moments.
Table(["LeNet-300-100", "test digits right, %"], [[when, f"{value:.1f}"] for when, value in right.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Just after the cut 25 to 75 % are right (B), after 200 steps more than 90 % (D): fine-tuning gave back most of what this cut took.**
#
# <!-- page -->
#
# Why can so little training repair so much? The weights that are left still compute nearly the right features, only with the wrong strength: a neuron that has lost 19 of 20 of its inputs adds up to a much smaller sum, and the next layer expects larger ones. To correct that, the remaining weights have to move a little, and not to learn the task anew. (This is an explanation that is usually given; we do not test it here.)
#
# How do the zeros stay zero, while all else is trained? A pruned layer computes with the product of its trained numbers and the mask, `weight_orig` × `weight_mask` ([[prune_module]]). Where the mask is 0 the product is 0, whatever a step does to `weight_orig`. Do not expect a smaller or a faster network from this, because the tensors keep their shapes, and an ordinary product multiplies by a zero as by any number. This lesson is about accuracy alone; [[zero_worth]] asks what zeros save, and [[structured]] cuts a network that is really smaller.
#
# Two doubts should remain. It is one network. And we do not know what we would have got by removing *any* 19 of 20 weights and training for 200 steps. Section 3 adds both: more seeds, and a control.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. One amount, many layers
#
# Layers need not all lose the same share. A simple rule goes by *type*: 20 % of each convolution, 40 % of each linear layer of LeNet, the smallest $|w|$ (L1).
#
# **Predict.** LeNet has two convolutions and three linear layers, so the mean of the five shares is 32 %. Of all weights together, is it **A** less, **B** the same, **C** more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The code is a loop over the modules that asks `isinstance` for the type. Show of hands. The answer is C: the layer `fc1` has four fifths of all weights. Write the sum with the numbers of the bars: (11 + 173 + 19,200 + 4,032 + 336) / 59,838 is nearly 0.4. Who voted B has given `conv1` with its 54 weights as much to say as `fc1`. Why 11 of 54, which is more than 20 %? An amount is rounded to whole weights. Say: "A share of a model is zeros over
# weights, added up first and divided once." Then ask how one would prove that nothing else was pruned: by the list of masks, five of them, none for a bias.

# %% slideshow={"slide_type": "skip"}
lenet = models.LeNet()  # 3 × 3 windows, for images of 28 × 28
for module in lenet.modules():
    if isinstance(module, nn.Conv2d):
        prune.l1_unstructured(module, "weight", 0.2)
    elif isinstance(module, nn.Linear):
        prune.l1_unstructured(module, "weight", 0.4)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the zeros of each layer and of the model.
show.zeros_by_layer(lenet)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than 32 %: nearly 40 % of all weights are 0 (C), because `fc1`, which loses 40 %, holds four fifths of them.**
#
# <!-- page -->
#
# The share of a model is a quotient: add up the zeros, add up the weights, and divide once. The mean of five quotients gives `conv1` with its 54 weights as much to say as `fc1` with 48,000.
#
# Two details of the figure. In `conv1` 11 of 54 weights are 0, which is 20.37 %: an amount is rounded to whole weights. And how do we know that nothing else was pruned? The caption counts the masks: five, one for each layer, none for a bias. You can list them yourself. A mask is a buffer with a name such as `fc1.weight_mask`, so `[name for name, _ in lenet.named_buffers() if name.endswith("_mask")]` names all that was pruned; a pruned bias would be there as `fc1.bias_mask`. And `float((lenet.fc1.weight == 0).sum())` counts the zeros with which the layer computes.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One share for each layer, or one for the model
#
# - **Local**: each layer loses the share that you name.
# - **Global**: the weights of all layers are sorted together, and the smallest are removed.
#
# **Predict.** Global, 20 %, an *untrained* LeNet. Which layer loses most, which one least, or do all lose about 20 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw two layers, [4, −3] and [0.5], and let the room remove one weight of three: by global it is the 0.5, and the second layer is empty; a third of each layer takes the −3, and nothing of the second. Then ask: "In an untrained LeNet all weights are random. From which range?" From another one in each layer; the next slide says which. Hands for a layer, or for "all about 20 %". First frame: five lines, one a layer, each at its own
# smallest fifth: that is local. Second frame: one line for all. fc1 loses most, 22 %, conv1 least, 4 % in this draw: its weights are spread over a much longer range. Transition: "Can we work out these
# numbers without drawing a single weight?"

# %% [markdown] slideshow={"slide_type": "skip"}
# By hand, with two layers: [4, −3] and [0.5]. One of the three weights is to be removed. Globally it is the smallest of all, 0.5, so the second layer loses everything and the first one nothing. Locally, with a third of each layer, the first layer would lose one weight (0.67, rounded) and the second none. So *global* means that the layers compete with each other, and nobody says in advance which of them loses what.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the weights of an untrained LeNet by size, with five thresholds, then with one.
torch.manual_seed(0)
show.one_line_or_five(models.LeNet())

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **`fc1` loses most, 22 %, and `conv1` least: one threshold cuts different shares from different layers.**
#
# <!-- page -->
#
# The network is untrained, so all weights are random numbers, and none of them matters more than another. Still the layers lose different shares, because their random numbers come from different ranges. What looks like a judgement on the importance of layers is a consequence of how they were initialized. It can be worked out.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Where the shares come from
#
# PyTorch draws these weights evenly between $-1/\sqrt{f}$ and $1/\sqrt{f}$. $f$ is the **fan-in**: how many weights each output sums over, 9 in `conv1`, 400 in `fc1`.
#
# **Predict.** One threshold $t$ for all layers. Which share does a layer lose: **A** $t\,f$, **B** $t\sqrt{f}$, **C** $t/\sqrt{f}$? And what is it for `fc1`, if $t = 0.011$?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Draw two lines from 0, one for `fc1` that ends at 1/√400 = 0.05, one for `conv1` that ends at 1/√9 = 0.33, and through both one upright line at t = 0.011. Give them a minute: the part of a line that lies left of t is t / (1/√f) = t√f, so B, 22 % and about 3 %. By C fc1 would lose least; by A 44 times as much as conv1, more than all of it.
# Where does t come from? A layer of n weights loses n t √f of them, and all layers together lose 20 % of all N weights: write Σ n t √f = 0.2 N, in which t alone is unknown; it is 0.011. In the table compare the first two rows. The third one says that `conv1` scatters most: 3 % of 54 weights are less than two, so a weight more or less counts for much.

# %% slideshow={"slide_type": "skip"}
lenet = models.LeNet()
layers = {name: getattr(lenet, name).weight for name in show.LAYERS}
fan_in = {name: weight[0].numel() for name, weight in layers.items()}
count = {name: weight.numel() for name, weight in layers.items()}
t = 0.2 * sum(count.values()) / sum(count[n] * math.sqrt(fan_in[n]) for n in layers)
expected = {name: 100 * t * math.sqrt(fan_in[name]) for name in layers}
print(f"threshold {t:.4f}; fc1 loses {t:.4f} · √400 = {expected['fc1']:.1f} %")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Prunes 100 untrained LeNets globally, and writes the mean beside what was derived.
draws = {kernel: show.hundred(kernel) for kernel in (3, 5)}
show.derived_and_drawn(fan_in, expected, draws[3])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A layer loses the share $t\sqrt{f}$ (B), and `fc1` loses $0.011 \cdot \sqrt{400} = 0.011 \cdot 20 = 22\ \%$.**
#
# <!-- page -->
#
# If the weights lie evenly between $-1/\sqrt{f}$ and $1/\sqrt{f}$, their magnitudes lie evenly between 0 and $1/\sqrt{f}$. The share below $t$ is then $t$ divided by $1/\sqrt{f}$, which is $t\sqrt{f}$. For `fc1` the range ends at 1/20 = 0.05, and 0.011 of 0.05 is 22 %. For `conv1` it ends at 1/3, and 0.011 of that is 3.3 %: less than two of its 54 weights. So its share jumps from draw to draw, as the standard deviation in the table shows.
#
# And where does $t = 0.011$ come from? All layers together must lose a fifth of all weights. Layer $l$ has $n_l$ weights and loses $n_l\,t\sqrt{f_l}$ of them, and the sum of these must be $0.2\,N$. The only unknown is $t$, and the cell above solves for it. The means of 100 draws agree with what was derived.
#
# A trained network is another matter: its weights have moved. *Deeper* shows that a cut of 20 % still follows the ranges of the start, nearly, and that a cut of 90 % does not.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Train, cut, measure, train again
#
# Three trained networks; copies are cut once, then fine-tuned for *200 steps of 25 digits*. **Control**: the same share of each layer, at random.
#
# **Predict.** At 5 % left and fine-tuned, how far is random behind global magnitude: **A** under 5 points, **B** 5 to 20, **C** over 20? And is local as good as global?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Two votes. Still before the click: "What will fine-tuning do to the curve of random cuts?" Let somebody draw both on the board. Click. The axis goes down from all weights to 1 %, in equal factors. (Random climbs far at 10 % left, and stays near guessing at 1 %.) The first answer is C, almost 40 points; and at 5 % local is clearly behind
# global. If somebody sees that the dense network on the right is a little worse than on the left: section 4 has the reason. Say: "The control cuts each layer alike, at random: against *local* it tells how much is due to *which* weights go." Transition: "Why should
# local be worse?"


# %% slideshow={"slide_type": "skip"}
def global_magnitude(net, density, spare=0):
    """Cut to this share of all weights that the network began with; the last `spare` layers stay whole."""
    pairs = show.layers_of(net)
    too_many = sum(show.left_in(m) for m, _ in pairs) - round(density * sum(m.weight.numel() for m, _ in pairs))
    cut = pairs[: len(pairs) - spare]
    prune.global_unstructured(cut, pruning_method=prune.L1Unstructured, amount=too_many)


# %% slideshow={"slide_type": "skip"}
def local_magnitude(net, density, spare=0, method=prune.l1_unstructured):
    """The same share in each layer that is cut, and as many weights left in all."""
    pairs = show.layers_of(net)
    cut = pairs[: len(pairs) - spare]
    total = sum(m.weight.numel() for m, _ in pairs)
    whole = sum(m.weight.numel() for m, _ in pairs[len(cut) :])
    share = (density * total - whole) / (total - whole)
    for module, name in cut:
        method(module, name, amount=show.left_in(module) - round(share * module.weight.numel()))


def local_random(net, density):
    local_magnitude(net, density, method=prune.random_unstructured)


# %% slideshow={"slide_type": "skip"}
methods = {"magnitude, global": global_magnitude, "magnitude, local": local_magnitude, "random": local_random}
one_cut = bench.one_cut(methods, [("magnitude, global", d) for d in (1.0, 0.2)])  # cuts copies, 200 steps, evaluates

# %% slideshow={"slide_type": "skip"}
one_cut |= bench.one_cut(methods, [("magnitude, global", d) for d in show.DENSITIES])

# %% slideshow={"slide_type": "skip"}
one_cut |= bench.one_cut(methods, [("magnitude, local", d) for d in show.DENSITIES])

# %% slideshow={"slide_type": "skip"}
one_cut |= bench.one_cut(methods, [("random", d) for d in show.DENSITIES])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the accuracy just after the cut and after fine-tuning.
show.cut_and_tuned(one_cut, methods)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **At 5 % left random is more than 20 points behind (C), and local is clearly behind global.** Which weights are removed matters, and so does where.
#
# <!-- page -->
#
# The control answers the second doubt of section 1. Networks that were cut at random recover, too, with as much fine-tuning: at 10 % left they get most of the digits right again. So fine-tuning alone does a great deal, even for weights that nobody chose. (It has a limit: at 1 % left the random cuts stay near guessing.) What global magnitude adds is the distance between the curves, and it grows as less is left.
#
# Compare the random cuts with *local* magnitude, and not with global. Both remove the same share from each layer, so only the choice *within* the layers differs. In the run on this page local magnitude has 94, 66 and 16 % right after fine-tuning, and random 78, 55 and 11 %. So that choice is worth some 16, 11 and 5 points at the three densities: it shrinks as less is left. Between local and global the shares of the layers differ as well, and that turns out to matter at 5 %.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Why does local fall behind?
#
# `fc3`, the last layer, has 1,000 of 266,200 weights. At 5 % global leaves a quarter of it or more, local a twentieth.
#
# **Predict.** At 5 %: cut locally, but leave `fc3` *whole*, with as many weights left in all. How much of the gap to global is gone: **A** a tenth, **B** half, **C** nearly all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask first for other explanations: "global ranks all weights together, so it must know better". Then vote. The answer is C. Why is `fc3` thin? Draw one of its ten outputs with 100 arrows into it; a twentieth leaves five arrows to decide on a digit. And to keep it whole costs little: 950 of the 13,310 weights that stay go to it from the other layers.
# Say: "One row of a table replaces an explanation." Only the last layer was changed, so nothing is left for "knows better" to explain. Ask which layer of their own network they would spare: try the small ones at the ends first.

# %% slideshow={"slide_type": "skip"}
spared = {"local, fc3 whole": lambda net, density: local_magnitude(net, density, spare=1)}
one_cut |= bench.one_cut(spared, [("local, fc3 whole", 0.05)])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what is left of fc3 and the accuracy, in three ways to cut.
show.with_the_last_layer_whole(one_cut, ("magnitude, local", "local, fc3 whole", "magnitude, global"))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Nearly all of the gap is gone (C): with `fc3` whole, local is about as good as global here.**
#
# <!-- page -->
#
# One might have said that global pruning "knows which layers matter". The experiment changes one thing, the last layer, and nothing is left to explain. `fc3` is thin: ten outputs with 100 weights each. Cut to a twentieth, each digit is decided by five weights. And sparing it costs little: it has less than half a per cent of all weights. The other two layers give up some 950 of their weights for it, of the 13,310 that stay. In other networks another layer may be the thin one. The pattern is worth trying before anything cleverer: leave the small layers at the ends whole.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. How much training?
#
# With a tenth of the weights left, the lead of global magnitude over random cuts is large just after the cut, and far smaller after 200 steps. Now the same runs after 40.
#
# **Predict.** After 40 of the 200 steps, is the lead **A** no smaller than just after the cut, **B** a fifth of the way down, as on a straight line, **C** nearly that of the end?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody draw two straight lines between the ends that section 3 showed: global from about 80 % to about 95 %, random from about 10 % to about 80 %. Then vote. The answer is A: after 40 steps magnitude has arrived at its end, and random has hardly begun to climb. Ask what that does to a paper that reports "our method is so many points
# better": without the budget of training the number says little.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the accuracy after 0, 40 and 200 steps.
leads = show.leads_over_steps(one_cut)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **After 40 steps the lead is no smaller than just after the cut (A). It shrinks only later, when random goes on climbing while magnitude has little left to win.**
#
# <!-- page -->
#
# In the run on this page the same two methods are about eighty points apart after 40 steps, and seventeen after 200. Both numbers are true. "So many points better" says little without the budget of training that follows. State yours, and ask for it when you read a paper.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Has pruning improved the network?
#
# "Cut to 20 %, trained for 200 steps more, and as good as before!" But the dense network might use 200 more steps, too.
#
# **Predict.** Give both the same 200 steps. Which of the two is ahead then? And would it be the same if the learning rate *fell to zero* over the 200 steps, for both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Ask: "Why should a dense network get 200 steps, too?" Because the pruned ones had them. Then vote twice, for the constant and for the falling rate: dense, sparse, or level. At the constant rate the sparse network is ahead; at the falling rate the two are level. Read the column of the dense network downwards: the constant rate has made it *worse*, since it pushes a network around whose first training ended with a falling rate. So compare each at its best, the dense one without a step or at the falling rate. To "is half a point anything?" say: it is a mean of three seeds, and the ranges in brackets touch; do not make more of it. Say: "Which baseline you name decides whether pruning *improves* anything." Exercise 1 is this experiment.

# %% slideshow={"slide_type": "skip"}
falling = {}
for density in (1.0, 0.2):
    runs = [bench.fine_tuned(s, global_magnitude, [density] * 5, falling=True, look=()) for s in show.SEEDS]
    falling[density] = show.tuned(runs)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the accuracy of both networks before and after 200 steps, at two kinds of learning rate.
show.the_dense_network_too(one_cut, falling)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **At a constant rate the sparse networks are ahead on average, because the dense ones *lose* by training on. With a falling rate the two are level: neither is ahead by as much as a point.**
#
# <!-- page -->
#
# Read the table by its rows. *Constant rate*: with the same steps for both, the sparse network is ahead of the dense one. Whoever stops here reports that pruning improves the network. But look at the dense column: these steps made it worse than it was. A constant rate pushes a network around that has already been trained with a falling one. *Falling rate*: now the steps do no harm, and nothing is left of the gain.
#
# *Each at its best* is therefore the comparison to make. For the dense network the first row, no further step at all, is about as good as the last. So a fair comparison needs two things: the same budget for both, and for each the setting that suits it. The literature on pruning often lacks one of them ([Blalock et al., 2020](https://arxiv.org/abs/2003.03033)).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. One cut or several?
#
# - **One-shot**: one cut to the final *density*, the share that stays.
# - **Iterative**: cut a part, train, cut again.
#
# The same 200 steps: one cut before the first step, or three, before steps 1, 41 and 81.
#
# **Predict.** By how much are three cuts ahead of one, with 5 % left in the end, and with 1 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Let the room work out the three shares first: three cuts that each keep k end at k³, and the third root of 0.01 is 0.215. Draw the stairs: 100 %, 21.5 %, 4.6 %, 1 %. Vote for both densities: a point or less, up to ten, more than ten. The answers are the first for 5 % and the last for 1 %: one cut to 1 % leaves a network close to guessing, and three let it recover in between. "One Adam" means that the optimizer is not made anew at a cut. Both arms train for as long, so more training is not the reason. After the table ask for a case in which rounds are not worth the effort: wherever one cut does little harm, as at 5 % here. Transition to the exercise: "Now somebody sells you a pruned network."

# %% [markdown] slideshow={"slide_type": "skip"}
# Han et al. (2015, section 3.4) pruned AlexNet in rounds, and kept a ninth of the weights where one cut had allowed a fifth. Two explanations come to mind. The first: rounds choose better. When the first part is gone, training moves the weights that stay; some of them grow, because they take over what the removed ones did, and the next cut sees that. The second: rounds simply contain more training. To separate the two, each arm of our race gets the same 200 steps, with the same digits in the same order. *One Adam*, in the name of an arm, says that the optimizer, Adam, keeps its averages of the gradients through all cuts.
#
# **By hand.** How large is each of three cuts? An `amount` is of what is *left* ([[prune_traps]]), so three cuts that keep the share $k$ each end at $k^3$. For 1 % in the end $k = 0.01^{1/3} = 0.215$, and the network has 100 %, then 21.5 %, then 4.6 %, then 1 % of its weights. The table below writes these densities as powers of the final one: $d^{1/3}$, $d^{2/3}$, $d$.

# %% slideshow={"slide_type": "skip"}
PLANS = {  # density in each fifth of the 200 steps, as a power of the final one; and whether each has a new Adam
    "one cut": ([1, 1, 1, 1, 1], False),
    "three cuts, one Adam": ([1 / 3, 2 / 3, 1, 1, 1], False),
}


def race(plan, density, method=global_magnitude):
    """A result of `bench.fine_tuned` for each seed."""
    powers, fresh = PLANS[plan]
    return [bench.fine_tuned(s, method, [density**p for p in powers], fresh=fresh, look=()) for s in show.SEEDS]


# %% slideshow={"slide_type": "skip"}
runs = {("one cut", d): one_cut["magnitude, global", d] for d in (0.05, 0.01)}
runs |= {("three cuts, one Adam", d): race("three cuts, one Adam", d) for d in (0.05, 0.01)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the accuracy at the end of the race.
show.race_table({key: show.tuned(of_key) for key, of_key in runs.items()}, PLANS)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 5 % left three cuts gain a point or less; with 1 % left, at this learning rate, they are more than ten points ahead of one cut.**
#
# <!-- page -->
#
# Where one cut does little harm, there is little to save. At 1 % the single cut leaves a network that is close to guessing, and 200 steps at this rate do not bring it back. In three cuts it passes through 21.5 % and 4.6 %, where it can recover each time before it loses more. Both arms had the same training, so the second explanation is out: the rounds themselves help here. *By how much* is mostly a matter of the learning rate, 0.0012 for both arms, which suits one cut less. In a trial outside this page with 50 digits a step and three times that rate, one cut to 1 % had 82 % right and three cuts 89 %. That is a lead of 7 points. With 50 digits a step and the rate of this page it was 22 to 24. At 5 % three cuts gained nothing there. None of this shows *why* they help. *Deeper* follows the question a little further, and finds the last layer again.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Does pruning improve it?
# ★★★ · 12 minutes · an investigation
#
# Somebody claims that their pruned network is better than the dense one. You get an instrument, `right(network, steps, falling, seed)`: per cent right of the `"dense"` or the `"pruned"` network after so many `steps` of further training (0 or 200), at a constant (`falling=0`) or a falling rate (`falling=1`). Seeds scatter by about half a point.
#
# `does_it_improve(right)` → `"yes"` if the pruned network at its best setting is more than a point ahead of the dense one at its best, `"no"` if the dense one is, `"level"` otherwise
#
# <details><summary>Hint</summary>
# Three settings make sense: no steps, 200 at a constant rate, 200 at a falling one. Try all three for both networks, with the same seeds. Then take the best mean of each.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several pairs of networks. It looks at how you make your experiment (the same settings and seeds for both, at least five seeds), and then at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper: "Which runs do you need, and which two numbers do you compare in the end?" Draw the table: two columns, dense and pruned, and three rows, no steps, 200 at a constant rate, 200 at a falling rate; at least five seeds in each of the six places, the same ones for both. Then take the largest mean of each column, and compare these two. Then: "How would you cheat, if you wanted to sell the pruned one?" Train it on and the dense one not, or both at the constant rate alone, which harms the dense one; or show the best seed.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def does_it_improve(right):
    """Say whether pruning improves it: "yes", "no" or "level".

    Args:
        right: the instrument; `right("dense", steps=200, falling=1, seed=3)`
            gives per cent right.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.does_it_improve(does_it_improve)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def does_it_improve_solution(right):
    best = {}
    for network in ("dense", "pruned"):
        means = []
        for steps, falling in ((0, 0), (200, 0), (200, 1)):
            means.append(mean(right(network, steps=steps, falling=falling, seed=seed) for seed in range(8)))
        best[network] = max(means)
    gain = best["pruned"] - best["dense"]
    if gain > 1:
        return "yes"
    return "no" if gain < -1 else "level"


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### And a trained network?
#
# The shares of an untrained network follow from how PyTorch initializes its layers. Does training change them? LeNet-300-100 has fan-ins of 784, 300 and 100. The table cuts it globally, before and after training.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts what one threshold cuts from each layer, untrained and trained.
table, fc2_more = show.before_and_after_training(bench.bases)
table

# %% [markdown] slideshow={"slide_type": "skip"}
# At 20 % the shares move by a few points. At 90 % `fc2` and `fc3` lose far more than they would untrained, and `fc1`, the largest layer, less: some of its weights have grown.
#
# ### How far do weights move?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws 4,000 weights of fc1, after training against before.
unmoved, kept_has_moved = show.how_far_weights_move(bench.bases[0], images)

# %% [markdown] slideshow={"slide_type": "skip"}
# Magnitude pruning bets on size *after* training. A weight that has not moved lies on the black line, which looks flat because the axes differ. About 15 % did not move at all. Some cannot: the gradient of a weight is its input times what comes back, and 67 pixels are black in all training digits. The other unmoved ones sit at pixels that few digits light, where their neuron probably never fired. The dotted lines, between which a cut to 10 % removes everything, lie outside of the range in which all weights of `fc1` were drawn, ±1/28. So to be kept, a weight of this layer had to move. Of the weights that are kept, the part that was in the largest tenth before training is hardly more than chance would give. That says where training worked, and not yet what the network needs: a small weight on a large input can matter more than a large one on a small input. [[scores]] tries scores that see both.
#
# ### When is one threshold for all a bad idea?
#
# A global cut compares the weights of different layers, as if the size of a weight meant the same in each of them. Two cases show where it does not.
#
# *A batch norm behind the layer.* It divides each channel by the spread of that channel. Multiply all weights of a convolution by 10: its channels spread ten times as far, the batch norm (with statistics measured anew) divides by ten times as much, and the network computes what it computed before, but for a tiny constant that batch norm adds to the variance. By hand with two layers again, [4, −3] and [0.5, 0.6], half of the four weights to be removed: globally the second layer loses both. Write the second layer ten times as large, [5, 6], with a batch norm behind it that takes the factor out again. The function is the same, and now the first layer loses both. A local cut removes the −3 and the 0.5 (or the 5) in either case, because a common factor does not change the order within a layer.
#
# *A layer that is emptied.* A layer without weights gives its bias, whatever comes in. In a chain of layers the output is then the same for every image, which is guessing, and no gradient reaches the layers before the empty one, because each gradient on its way back is multiplied by the weights of the empty layer, all 0. So no fine-tuning can repair it. This is called *layer collapse* ([Tanaka et al., 2020](https://arxiv.org/abs/2006.05467)), and it threatens small layers first. So after a global cut look at what is left of *each* layer, and leave a layer out of the cut if too little is left, as we did with `fc3`.
#
# ### Somebody else's table
#
# PyTorch's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) prunes an untrained LeNet globally by 20 %, sets no seed, and prints the sparsity of each layer. A reader noted such a row in public notes. Does it fit the network of this lesson?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Compares the noted row with 100 draws, for windows of 3 × 3 and of 5 × 5.
table, away = show.somebody_elses_table(draws)
as_much = (draws[3][:, 0] > 7.4).float().mean().item()
table

# %% [markdown] slideshow={"slide_type": "skip"}
# It fits one more draw of a LeNet with windows of 3 × 3 weights (PyTorch calls them *kernels*), and not of one with 5 × 5, which the tutorial has today ([earlier: 3 × 3](https://github.com/pytorch/tutorials/blob/0a7e68666de5faceafa90276ad2b7874cd32c5e0/intermediate_source/pruning_tutorial.py)). 7.41 % of `conv1` are 4 of 54 weights; as many or more came in about 10 of 100 draws. It is `conv2` that tells the two networks apart: with 5 × 5 windows its fan-in is 150, and it would lose nearly 14 %.
#
# ### Why does the other LeNet want 32 × 32 pixels?
#
# The LeNet with 5 × 5 windows cannot take the images of this lesson. A convolution without a border makes a side shorter by the window's side less one, and a pooling halves it. With 5 × 5 windows 32 pixels become 28, then 14, then 10, then 5. So 16 maps of 5 × 5 are left, the 400 inputs that `fc1` has. From 28 pixels, 4 × 4 would be left, and `fc1` would refuse them. With 3 × 3 windows it is 28, 26, 13, 11 and, rounded down, 5: the same 400. So a digit needs a border of two black pixels before the larger windows can read it:
#
# ```python
# digit = nn.functional.pad(test_images[:1], (2, 2, 2, 2))  # 28 × 28 becomes 32 × 32
# models.LeNet(kernel=5)(digit).shape  # torch.Size([1, 10])
# ```
#
# ### Which part of the rounds helps?
#
# The race of section 5 with two more arms. Five cuts keep $d^{1/5}$ each, and one of these arms begins each round with a *new* Adam, as a loop does that calls a training function again and again. Adam divides each step by a running mean of the squared gradients; a new one has to learn these means anew.

# %% slideshow={"slide_type": "skip"}
PLANS |= {
    "five cuts, one Adam": ([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1], False),
    "five cuts, a new Adam each": ([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1], True),
}
runs |= {(plan, d): race(plan, d) for d in (0.05, 0.01) for plan in PLANS if (plan, d) not in runs}

# %% slideshow={"slide_type": "skip"} tags=["hide-input", "title-figure"]
# Draws the weights left over the 200 steps, for the four arms.
show.stairs(runs, PLANS, [m.weight.numel() for m, _ in show.layers_of(bench.bases[0])])

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the accuracy at the end of the race, for the four arms.
ended = {key: show.tuned(of_key) for key, of_key in runs.items()}
show.race_table(ended, PLANS)

# %% [markdown] slideshow={"slide_type": "skip"}
# A new Adam in each round costs about two and a half points at 5 % in the run on this page, in the mean. At 1 % the seeds of the arm with one Adam lie so far apart that the difference of their means says nothing. So at 5 %, with the first row and the last one alone, we would have said that rounds lose more than three points, and most of that is the new Adam. At 1 % three cuts beat five by far. These two arms differ in two things, the number of cuts and the steps at the final density, so this race does not say which of them it is.
#
# What do the cuts save at 1 %? One global cut leaves less than a tenth of `fc3`. So keep `fc3` *whole*, with as many weights left in all: with one cut, and with three.


# %% slideshow={"slide_type": "skip"}
def global_whole(net, density):
    global_magnitude(net, density, spare=1)


cuts = ("one cut", "three cuts, one Adam")
whole = {plan: show.tuned(race(plan, 0.01, global_whole)) for plan in cuts}
left_of_fc3 = [100 * mean(left[-1][2] for _, left in runs[plan, 0.01]) for plan in cuts]

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes both numbers of cuts, with fc3 cut and with fc3 whole.
table, gains = show.cuts_and_the_last_layer(ended, whole, left_of_fc3, cuts)
table

# %% [markdown] slideshow={"slide_type": "skip"}
# With `fc3` whole the lead of three cuts over one is about half as large. A whole `fc3` helps one cut much, and three cuts hardly or not: they leave more of `fc3` by themselves. So a part of what rounds save here is probably again the last layer. One cut that keeps as much of it as three do would test that.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · One threshold for all
# ★★ · 12 minutes
#
# Write `global_masks`: for a list of weight tensors, a list of masks (1 keep, 0 prune) of the same shapes, which prune the share `amount` of *all* weights
# together: those with the smallest absolute value. Of N weights prune `round(amount * N)`, as Python rounds (an exact half to the even neighbour); amount
# is from 0 (prune nothing) to 1 (prune everything). No two weights have the same absolute value here.
#
# `global_masks(weights, amount)` → a list of tensors
#
# <details><summary>Hint</summary>
# Put the absolute values of all tensors into one row, sort it, and read off the threshold. Then compare each tensor with it.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def global_masks(weights, amount):
    """Masks that prune the share `amount` of all weights together, smallest absolute value first.

    >>> global_masks([torch.tensor([1.0, 2.0])], 0.5)
    [tensor([0., 1.])]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.global_masks(global_masks)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def global_masks_solution(weights, amount):
    sizes = torch.cat([w.abs().flatten() for w in weights]).sort().values
    pruned = round(amount * len(sizes))
    if pruned == 0:
        return [torch.ones_like(w) for w in weights]
    return [(w.abs() > sizes[pruned - 1]).float() for w in weights]


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("prune_model")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - One threshold cuts different shares from different layers; in a new network the share is $t\sqrt{f}$, whatever the weights are worth.
# - Fine-tuning gives back much, after a random cut, too (but not with 1 % left). State the budget, keep a control, and give the dense network the same steps, at its best setting.
# - Here sparing one thin layer made up for the lead of global over local pruning.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: S. Han et al., *Learning both weights and connections for efficient neural networks*, 2015, [arXiv:1506.02626](https://arxiv.org/abs/1506.02626): train,
# prune, train again; A. Renda et al., *Comparing rewinding and fine-tuning in neural network pruning*, 2020, [arXiv:2003.02389](https://arxiv.org/abs/2003.02389), on what to
# train with after the cut; D. Blalock et al., *What is the state of neural network pruning?*, 2020, [arXiv:2003.03033](https://arxiv.org/abs/2003.03033), on why papers on pruning
# can hardly be compared. Pruning is also used to *understand* networks (how large ones learn in comparison with small ones, and which connections training needs, [[ticket]]), and to search for architectures, because what structured pruning leaves is a smaller architecture that may be trained from new weights (Z. Liu et al., *Rethinking the value of network pruning*, 2018, [arXiv:1810.05270](https://arxiv.org/abs/1810.05270)). Next here: [[zero_worth]], on what the zeros save.
#
# **Project ideas**: give each layer its own density by trying which one hurts least; run the race with rewound learning rates.
#
# **Credits**: pruning by type and globally follows Michela Paganini's [pruning tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) for PyTorch. The
# lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the two answers on the board: how should a twentieth be shared out? (Global left `fc3` far more than `fc1`; alike, with `fc3` whole, did about as well.) Ask what the lesson did *not* show: that anything got smaller or faster. That is the next one.
