# ---
# jupyter:
#   course:
#     promise: You will look for a winning ticket, and test it with the controls that make it an experiment.
#     seconds: 55
#     needs: [measuring, prune_module, prune_model]
#     goals:
#       - State the hypothesis in its authors' words, and say which control tests which half of it.
#       - Write iterative magnitude pruning with rewinding in five steps, and prove that the rewind is one.
#       - Find out by an experiment whether initial values matter when each arm has its own best learning rate.
#       - Run seeds and controls, and say what a short run can show.
#     terms: ["lottery ticket, winning ticket", rewinding, supermask]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Can a small part of a network, restarted from its first random weights, learn as well as the whole? We look for such a part, and test it.*
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
# *For the lecturer, 1 min.* Say: "Until now we pruned a *trained* network and kept its numbers. Today we keep only the places, and throw the training away." Ask: "What could be left?" Collect two or three guesses; most say "nothing", and the next slide answers.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
from statistics import mean

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, lottery, models, runtime, training
from course_utils.lottery import engine
from course_utils.scorecard import claims
from lessons.ticket import checks as check
from lessons.ticket import show

TASK = "mnist"  # or "fashion_mnist": Deeper says what changes
SEEDS = (0, 1, 2)
runtime.seed_all(0)
torch.set_num_threads(1)  # a network this small has short steps: more threads would mostly wait for each other
cpu = torch.device("cpu")
images, labels = data.load(TASK)
test_set = data.load(TASK, "test")
rows = images.flatten(1)
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[prune_model]] we trained a large network, removed nine tenths of its weights, and trained a little more. The small network that was left was nearly as good. So why do we train the large one at all? Nobody ships it. If a tenth of the weights is enough, we could begin with a tenth, and save most of the multiplications.
#
# Experience says that this does not go well: a sparse network that starts from random weights usually ends worse than one that was pruned after training. In 2018 J. Frankle and M. Carbin reported an exception. This lesson rebuilds their experiment, and then tests it as a referee would.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Zeros, and nothing else
#
# LeNet-300-100 has random initial weights. You may set weights to **zero**. You may not change any other weight, and you may not train.
#
# To choose the zeros, a *copy* is trained for 200 steps. The untrained network keeps the places where the copy's weights are largest: a fifth of each hidden layer.
#
# **Predict.** How many test digits does this untrained network get right, and why? **A** about 10 %. **B** about 30 %. **C** more than 70 %.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Draw four weights: 0.3, −0.1, 0.2, −0.4; below them the trained copy: 0.5, −0.02, 0.03, −0.6; the two largest are the first and the last; so the untrained layer becomes 0.3, 0, 0, −0.4. Nothing of 0.5 and −0.6 is taken over. Make sure that everybody has understood: no value of the network is ever changed, except to zero. Vote; expect A and B. Then show the figure: C, 83 % in the mean. Ask what each of the other bars
# is for: what would somebody say who had not seen it? *All weights*: "it was good before." *Random fifth*: "any zeros do." *Largest at the start*: "it is their size." *Grew most*: the direction of the training counts, for some of these weights are small. "How can a mask know so much?" Take weights as votes: the mask cannot correct a wrong vote, but it can silence it.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand, with four weights.** An untrained layer has the weights 0.3, −0.1, 0.2 and −0.4. We train a copy of it. Its weights become 0.5, −0.02, 0.03 and −0.6. The two largest of these, in magnitude, stand in the first and the last place. So the mask is 1, 0, 0, 1, and the *untrained* layer becomes 0.3, 0, 0, −0.4. Nothing of 0.5 and −0.6 is taken over. All that the training gives us is one bit for each weight: keep it, or set it to zero.
#
# The network has three layers with 235,200, 30,000 and 1,000 weights. We keep 20 % of the first two, and 60 % of the thin output layer. The cell makes four masks with as many ones: at random places, at the weights that are largest at the *start*, at those that are largest in the copy, and at those whose magnitude *grew* most in the copy.


# %% slideshow={"slide_type": "skip"}
def initialise(seed):
    """LeNet-300-100: Glorot normal weights as in the paper (mean 0, spread by the layer's width), biases zero."""
    net, generator = models.LeNet300100(), torch.Generator().manual_seed(seed)
    for layer in net.children():
        nn.init.xavier_normal_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
    return net


# %% slideshow={"slide_type": "skip"}
def largest(scores, share):
    """Masks, one a layer: 1 at the highest scores, so many that `share` of the layer stays."""
    masks = []
    for score, part in zip(scores, share, strict=True):
        mask = torch.zeros(score.numel())
        mask[score.flatten().topk(round(part * score.numel())).indices] = 1
        masks.append(mask.view_as(score))
    return masks


def right(net, masks):
    """Percent of the test images that `net` gets right with these masks on its weights."""
    for layer, mask in zip(net.children(), masks, strict=True):
        layer.weight.data *= mask
    return 100 * training.evaluate(net, *test_set)


# %% slideshow={"slide_type": "skip"}
few = images[:12_000], labels[:12_000]  # 200 batches of 60
SHARE = (0.2, 0.2, 0.6)
untrained = {way: [] for way in show.WAYS}
for seed in SEEDS:
    copy = initialise(seed)
    start = [layer.weight.detach().abs() for layer in copy.children()]
    training.fit(copy, *few, batch_size=60, lr=1.2e-3, seed=seed, device=cpu, progress=False)
    end = [layer.weight.detach().abs() for layer in copy.children()]
    ones, large, first_large = [torch.ones_like(w) for w in end], largest(end, SHARE), largest(start, SHARE)
    grew = largest([b - a for a, b in zip(start, end, strict=True)], SHARE)
    for way, masks in zip(show.WAYS, (ones, engine.shuffled(large, seed), first_large, large, grew), strict=True):
        untrained[way].append(right(initialise(seed), masks))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws how many digits the untrained networks get right, by the weights that they keep.
show.what_is_kept(untrained, alike=(large[0] * first_large[0]).sum() / large[0].sum())

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The untrained network gets most of the digits right (C).** With as many zeros at random places it stays near guessing.
#
# <!-- page -->
#
# No weight has learned anything: each one that is left is the random number with which the network began. All masks choose among the same numbers, so it is the choice of the zeros that makes a classifier. H. Zhou et al. ([2019](https://arxiv.org/abs/1905.01067)) call such a mask a **supermask**.
#
# How can a mask know so much? Look at the other bars. To keep the weights that are largest *at the start* is no better than guessing, although most of the kept weights are the same ones (the caption has the share). To keep those that *grew* most gives most of the supermask's right answers, although some of them are small. So what counts most is which way the training pushed a weight. Take the weights as votes. In the example by hand 0.3 became 0.5: the training wanted more of this vote, and its random first value already pointed the right way. 0.2 became 0.03: the training wanted less of it, and the mask takes it away. A mask cannot correct a wrong vote, but it can silence it.
#
# So the mere choice of the weights contains much of what training found. If we now *train* the network that is left, does this choice also help it to learn?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. The hypothesis
#
# J. Frankle and M. Carbin, 2018 ([arXiv:1803.03635](https://arxiv.org/abs/1803.03635), version 5, section 1; ICLR 2019):
#
# > **The Lottery Ticket Hypothesis.** A randomly-initialized, dense neural network contains a subnetwork that is initialized such that—when trained in isolation—it
# > can match the test accuracy of the original network after training for at most the same number of iterations.
#
# Such a subnetwork is a **winning ticket**: a mask $m$ *and* the initial weights $\theta_0$ under it.
#
# Why a lottery? A large network draws very many subnetworks at once. One of them may have drawn lucky numbers.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let somebody read the quotation aloud, and ask for its three conditions: smaller, as accurate, in no more iterations. Slides that date the paper to 2008 are wrong.
# Then: "I claim that these initial weights are special. How would you refute me?" Let the room find the controls before you turn the page. (New values in the same places; other places; the dense network. If somebody says "train a small network": which values, which places?) "Why a lottery?" A layer of four weights has six subnetworks with two; for a fifth of fc1 the number of ways has more than 50,000 digits.

# %% [markdown] slideshow={"slide_type": "skip"}
# The network starts as $m \odot \theta_0$, which means that each weight is multiplied by its mask. We call every mask that the search of section 3 finds, together with its initial weights, a **ticket**. It is a *winning* ticket only if the network that it leaves matches the original *dense* network, the one with all weights. "In isolation" means that the other weights are zero during the whole training, and not only at its end.
#
# **How many tickets does a network draw?** A layer of four weights has six subnetworks with two weights: the first and the second, the first and the third, and so on. The first layer of LeNet-300-100 has 235,200 weights. The number of ways to choose a fifth of them has more than 50,000 digits. Among so many there may be one whose few weights happened to be drawn well.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two halves of a claim
#
# A ticket is a mask *with* initial values. *Reinit* keeps the mask and draws new values. *Random* moves the mask, so that other values of the same network stay.
#
# **Predict.** Which two of these networks must you compare to see whether the *values* matter? And which two for the *places* alone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* The crops are live: five units of fc1, seven pixels each, the places from section 1's copy. Go through them: what did *reinit* keep (the places), what did *random* keep (neither: at new places stand other values)? As many ones means in the whole layer, not in each crop. A white cell that is not crossed out is a kept value near 0. Vote by pointing: ticket against reinit for the values; reinit against random for the places. Many say ticket against random: there two things differ, places *and* values. "Has *random* not its own values?" Other ones stand at the new places, and nobody chose them; for the same reason the fourth field was not run. Then let the
# room say by how many points ticket will beat reinit, and write it on the board until section 5.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws a crop of the first layer in the three arms, and in the dense network.
own, new = (initialise(seed).fc1.weight.detach() for seed in (SEEDS[-1], 1_000))
show.two_halves(own, new, large[0], engine.shuffled(large, 1)[0])

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Ticket against reinit tests the values, because both have the same places; reinit against random tests the places.**
#
# <!-- page -->
#
# The second half may surprise you, for *random* still has values of its own network. But at the new places stand other values, and nobody chose them. So in *reinit* and in *random* the values have nothing to do with the places, and only the places differ: found by pruning in one, by lot in the other.
#
# | compared | same | different | if there is no gap |
# |---|---|---|---|
# | ticket − reinit | places | values: own or new | the mask alone explains the ticket |
# | reinit − random | values drawn by chance | places: found or by lot | any sparse network would do |
# | ticket − dense | steps, data | number of weights | the ticket wins: that is the hypothesis |
#
# A network that is trained in such a comparison is called an **arm** of the experiment. The first two rows are its **controls**.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Five steps in open code
#
# **Iterative magnitude pruning** (IMP): *initialise* and keep a true copy $\theta_0$; *train*; *prune* the smallest of the weights that are left in each layer; *rewind* the others to $\theta_0$; *repeat*.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Click through the frames. Ask at each: "Which numbers stand in the cells now?" (As drawn; as trained; the trained ones that are large; the first ones again.) At the last one compare with the first frame: the same numbers, and fewer of them. Somebody will see that −0.06 was kept and 0.06 was not: the sizes are judged after the training, and not at the start. "And without the rewind?" That is fine-tuning, a good method and another one: there the weights bring along what they have learned. One crossed-out cell
# must stay crossed out in every later round.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the loop, with a corner of the output layer as it stands after each step.
first_and_last = [net.fc3.weight.detach() for net in (initialise(SEEDS[-1]), copy)]
show.five_steps(*first_and_last, large[2])

# %% [markdown] slideshow={"slide_type": "skip"}
# How does one find such a mask? The network itself has to tell us. We train it, see which of its weights became large, and then start again *from the first values* with only those. Setting the kept weights back to their first values is called **rewinding**. Without it we would have the pruning with fine-tuning of [[prune_model]], which is a good method, but a different one: there the kept weights bring along what they have learned.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How many rounds?
#
# The paper removes 20 % of what is *left* in each round; in the thin output layer only 10 %. So $0.8^n$ of a hidden layer are left after $n$ rounds.
#
# **Predict.** How many rounds does it take to get to 7 % of the weights: **A** 5, **B** 12, **C** 18?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let them estimate: 0.8³ is about a half, so three rounds halve. Half, quarter, eighth, sixteenth: four times three, so B. Who says A takes a fifth of *all* weights each time. The middle column of the table is what the paper prints; the last is computed from
# the two rates.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the densities of the paper beside those that follow from its rates.
show.schedule()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Twelve rounds (B), because three rounds leave about a half, and four halvings leave a sixteenth.**
#
# <!-- page -->
#
# $0.8 \cdot 0.8 \cdot 0.8 = 0.512$. After six rounds a quarter is left, after nine an eighth, after twelve a sixteenth, which is 6 %; more exactly $0.8^{12} = 0.069$. Five rounds would do if each took a fifth of *all* weights. [[prune_model]] showed that it pays to spare a thin last layer; with 10 % a round, $0.9^{12} = 28\,\%$ of it are left. The printed densities follow from these two rates.


# %% slideshow={"slide_type": "skip"}
def all_ones(net):
    """A mask of ones for each weight; biases are not pruned."""
    return {name: torch.ones_like(value) for name, value in net.named_parameters() if "weight" in name}


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Steps 1 and 2: keep a true copy, and train
#
# `clone()` makes a copy with memory of its own. A weight that has been pruned must stay zero: its gradient is multiplied by the mask.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Point at `clone()`: `state_dict()` would not do, as it hands out the network's own tensors; section 4 shows what comes of that. Ask why the gradient is masked and not the weight. (For the weight either works. But Adam keeps two running averages of each gradient; with the gradient masked they stay 0 too, and nothing is stored up.) Ask why the optimizer is new in each round. (The averages of the old one belong to weights that are thrown away.) Rate and batch size are the paper's; it trains for 50,000 iterations and we for 200. "Keep this in mind; it will matter."


# %% slideshow={"slide_type": "-"}
def copied(net):  # step 1: numbers of its own, in memory of its own
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def train(net, masks, steps, seed):  # step 2
    optimizer = torch.optim.Adam(net.parameters(), lr=1.2e-3, fused=True)
    for picked in show.batches(len(rows), steps, seed):
        optimizer.zero_grad()
        F.cross_entropy(net(rows[picked]), labels[picked]).backward()
        for name, mask in masks.items():
            net.get_parameter(name).grad *= mask  # a pruned weight stays 0
        optimizer.step()


# %% [markdown] slideshow={"slide_type": "skip"}
# Three details of these lines matter.
#
# `state_dict()` would not do for step 1. It copies nothing: it returns the network's own tensors, and training will overwrite them. Section 4 shows what comes of that.
#
# Why is the *gradient* multiplied by the mask, and not the weight after each step? Either way a removed weight stays 0. But Adam keeps two running averages of each gradient. With the gradient masked these averages stay 0 too, so nothing is stored up that would move the weight later.
#
# Each call makes a *new* optimizer. The averages of the old one belong to the trained weights of the round before, and these are thrown away.
#
# Learning rate (0.0012) and batch size (60) are those of the paper. It trains each network for 50,000 iterations, and we for 200, so that the whole search takes seconds. Keep this in mind; it will matter. One image in twelve is **held out**: no network is trained on it, so that it can serve for choices that we make later. The test images are for the result alone.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Steps 3 and 4: prune by magnitude, and rewind
#
# Among the weights that a layer still has, the largest stay: `largest(…)` makes the mask that keeps the share `density`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* `prune`: a weight that is gone gets the size −1. Point at it: with 0 in its place a kept weight of exactly 0 would tie with the pruned ones. `largest` makes the mask, layer by layer. `rewind`: ask which numbers are copied (the first ones, times the mask) and into which memory (that of the parameter, which stays its own). Then ask what `rewind` does to a bias (it has no mask: back to its first value).


# %% slideshow={"slide_type": "-"}
def prune(net, masks, densities):  # step 3
    new = {}
    for (name, mask), density in zip(masks.items(), densities, strict=True):
        size = torch.where(mask > 0, net.get_parameter(name).detach().abs(), -1)
        (new[name],) = largest([size], [density])
    return new


def rewind(net, first, masks):  # step 4
    with torch.no_grad():
        for name, value in net.named_parameters():
            value.copy_(first[name] * masks.get(name, 1))  # numbers into place


# %% [markdown] slideshow={"slide_type": "skip"}
# In `prune` a weight that is gone already gets the size −1. So it is smaller than any weight that is left, even than one that happens to be exactly 0, and it can never come back. In `rewind` the biases have no mask; they are multiplied by 1 and go back to their first values like the weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Step 5: repeat
#
# **Predict.** Three rounds, each with a new training from the first values. Will a fifth of the weights do as well as all of them? And 3.6 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* We cut deeper than the paper, about half to two thirds a round, and train 200 steps, to see it work within seconds. Walk through the loop: train, write down, prune, rewind. The last entry
# of the list of densities is None: train once more, and prune no more. Two votes, then click: yes for a fifth, 93.2 against 93.0; no for 3.6 %, 90.5. Say: "Four fifths were not needed to *learn* the digits." (One seed. The table has 20.1, 7.1 and 3.7, since the thin output layer keeps more.)


# %% slideshow={"slide_type": "-"}
def five_steps(seed, steps, levels, rewind):
    net, found = initialise(seed), []
    first, masks = copied(net), all_ones(net)
    for densities in [*levels, None]:
        start = copied(net)
        train(net, masks, steps, seed)
        found.append((100 * training.evaluate(net, *test_set), masks, start))
        if densities:
            masks = prune(net, masks, densities)
            rewind(net, first, masks)
    return found


# %% slideshow={"slide_type": "skip"}
plan = lottery.Experiment(task=TASK, densities=(0.5, 0.2, 0.07, 0.036), iterations=200, validate_every=25)
levels = [plan.layer_densities(level) for level in (1, 2, 3, 4)]
opened = five_steps(0, plan.iterations, levels, rewind)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the weights left and the accuracy of each round.
show.rounds(opened)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A fifth of the weights does as well as all of them after as many steps, in this run; a thirtieth does not.**
#
# <!-- page -->
#
# No step of the procedure is difficult, and yet the result is remarkable: with the mask known, four fifths of the network were not needed even to *learn* the digits. Pruning after the training had shown this only for *recognising* them. It is one seed, and 200 steps; section 5 has more. (`five_steps` keeps of each round the percent right, the masks, and the parameters that the round began with. The shares 20, 7 and 3.6 % are those of the hidden layers. The output layer keeps more, so the table has a tenth of a point more.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Many trainings
#
# For many seeds and arms we use the course's engine, `course_utils.lottery`. It computes the same steps with fewer detours: it writes gradients into memory that stays, and needs no autograd graph (the notes of [[measuring]]). What an arm begins with, and what distinguishes the arms, are these few lines:


# %% slideshow={"slide_type": "skip"}
def beginning(arm, seed, found):
    """(values, masks) with which an arm begins; `found` are the masks that the search of this seed found."""
    own, new = (engine.initial(plan.widths, number) for number in (seed, 1_000 + seed))
    if arm == "reinit":
        return new, found
    if arm == "random":
        return own, engine.shuffled(found, seed)
    return own, found  # the ticket; dense, where all masks are ones


WATCHED = [(arm, level, rate) for arm, level in (("dense", 0), ("ticket", 2)) for rate in (0.0012, 0.0048)]
lab = show.Lab(plan, beginning, SEEDS, watched=WATCHED)
same_masks, same_right = lab.same_as(opened)
print(
    f"engine and open code, seed 0: masks equal in {same_masks} of 4 rounds, accuracies in {same_right} of 5 networks"
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Is it really the same algorithm? Then masks and accuracies must be *equal*, and not similar: the two programs must agree for thousands of weights on whether each is kept or pruned. If your run shows fewer, your PyTorch probably adds numbers in a different order in one of the two.
#
# Within a seed the held-out images, the order of the batches and the number of steps are the same for all arms.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Why rounds?
#
# One could also train once, and cut from all weights to 7 % in one go.
#
# **Predict.** After one cut, is the network with 7 % of the weights better, worse, or as good as after three rounds? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote: better, worse, as good. Click: worse by 0.8 points, in each seed. Rounds cost more: four trainings in place of two. Ask what the later rounds know that the first does not. (Which weights grew when the others were gone. After one training a size tells what mattered to the dense network.) This is the idea; the table shows the gain, and not its reason. The paper finds the same.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Trains the networks of one cut and of three rounds with three seeds, and writes their accuracies.
cuts = {"one cut": lab.test("one cut", 3), "three rounds": lab.test("ticket", 3)}
show.cuts_table(cuts)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **After one cut the network is worse, in each of the three seeds.**
#
# <!-- page -->
#
# After one training the sizes of the weights tell which of them mattered *to the dense network*. Remove half of them, and the others have to do the work of those that are gone, so some that were small grow now. The next round sees this and can choose among them. One cut from all weights to 7 % never sees it. This is the idea behind the rounds; the table measures what they bring here, and not whether this is the reason. The rounds have a price: one cut takes two trainings, and three rounds take four. The paper (section 2) also finds smaller winning tickets with rounds than with one cut.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. A second way to rewind
#
# It looks correct, and a well-known library contains an assignment like it.
#
# **Predict.** In which round does it go wrong, if at all? And will the accuracy be **A** lower, **B** the same, **C** higher?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Give them a minute with the third line, `p.data = first[name]`. Vote on the round and on A to C; most say A. Click: from round 2 on, and C. Read the second row of the table: 0.000 in round 1, then 0.018 and 0.049. "Why is round 1 right?" The numbers are; but the parameter has taken over the tensor `first[name]`, so the training of round 1 writes into the kept copy. On the board: first = 1.0; p is another name for it; p += 0.5; first is 1.5. "Why is the accuracy higher?" Probably the training simply goes on: 400 steps in round 2, 600 in round 3, where a true ticket has 200. So the accuracy looks like a success. A library that does this, from version 2.6.0 on: Lightning ([[lightning_pruning]]).


# %% slideshow={"slide_type": "-"}
def second_rewind(net, first, masks):
    for name, p in net.named_parameters():
        p.data = first[name]
        p.data.mul_(masks.get(name, 1))


# %% slideshow={"slide_type": "skip"}
other = five_steps(0, plan.iterations, levels[:3], second_rewind)
away = show.distances(opened, other, dict(initialise(0).named_parameters()))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes how far the weights are from the first ones, and the accuracy, for both rewinds.
show.distance_table(opened, other, away)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **From round 2 on it "rewinds" to values that have already been trained, and the accuracy is higher (C).**
#
# <!-- page -->
#
# In round 1 nothing is wrong: the parameter gets the right numbers. But it gets them by taking over the *tensor* `first[name]`. From then on the parameter and the kept copy are two names for one memory, and the training of round 1 writes into both. A small example:
#
# ```python
# first = torch.tensor([1.0])
# p = first        # another name, no copy
# p += 0.5         # "training"
# print(first)     # tensor([1.5000])
# ```
#
# Why is the accuracy higher? Probably because the training simply goes on: at its end the network of round 2 has had 400 steps, that of round 3 has had 600, and a true ticket has 200. So the accuracy does not reveal the mistake; it even looks like a success. But what was trained is no ticket, and nothing follows from it about initial weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two names, one memory
#
# Test the rewind itself: equal numbers, *and* memory of its own.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* First frame: a true copy, after five steps of training. Second frame: the assignment, after the same five steps: one row under both names. Ask which test would have caught it: one on the accuracy, or one on the memory? (The memory: compare `data_ptr()` of both, or train five steps and see whether `first` has moved. The accuracy was higher.)


# %% slideshow={"slide_type": "skip"}
def after_five_steps(how):
    """The kept copy and the parameter of the output layer, after a rewind and five steps of training."""
    net = initialise(0)
    first = copied(net)
    how(net, first, {})
    train(net, {}, 5, 0)
    return first["fc3.weight"], net.fc3.weight


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws which memory the two names stand for.
show.two_names({"rewind": after_five_steps(rewind), "second_rewind": after_five_steps(second_rewind)})

# %% [markdown] slideshow={"slide_type": "skip"}
# PyTorch tells you where the numbers of a tensor begin: `data_ptr()`. If it is the same for both names, there is one memory. The library is Lightning, which runs training loops (not needed here): from 2.6.0 on, `ModelPruning` with `use_lottery_ticket_hypothesis=True` hands the kept tensors back by such an assignment on a CPU. [[lightning_pruning]] measures it, and has a callback without the fault. In Exercise 1 you write a rewind that passes both tests.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Values or places?
#
# The rounds of section 3, three seeds, both controls. All arms: 200 steps, learning rate 0.0012.
#
# **Predict.** With 7 % of the weights, how many points will the *ticket* be ahead of *reinit* (right places, new values): less than one, one to three, more? And *reinit* of *random* (other places)?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Point at the number on the board, and vote again on both gaps. After the figure ask which curve answers which question: blue against orange are the values, orange against green the places. At 7 %: more than three points, and about one. The bands do not touch. "How does one compare seeds?" Within each seed first, then the mean: 92.1 − 88.0 = 4.1 and 91.4 − 87.5 = 3.9 are nearly equal, though each arm differs from itself by more than half a point. Do not celebrate; ask: "What else did the arms have in common?" Steps, batches, and the learning rate. That is the next slide. (7 and 3.6 % are of the hidden layers; with the output layer a little more is left.)

# %% slideshow={"slide_type": "skip"}
ARMS = ("ticket", "reinit", "random")
lab.train([(arm, level, plan.lr) for level in (2, 3, 4) for arm in ARMS])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the accuracy of the arms over the weights left.
show.one_rate(lab, levels=(2, 3, 4))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The ticket is ahead of *reinit* by more than three points, and *reinit* of *random* by about one.** So the values matter more than the places?
#
# <!-- page -->
#
# It looks clear. The bands of the three seeds do not even touch. With 3.6 % of the weights the two gaps are still larger.
#
# **How should one compare seeds?** Not by the means of the arms alone. A seed fixes the initial weights and the batches, and some draws are better for every arm. Say the ticket gets 92.1 % with one seed and 91.4 % with another, and reinit 88.0 and 87.5 %. Each arm differs from itself by more than half a point. But the *differences* within a seed are 4.1 and 3.9, and these are nearly equal. So take the difference within each seed first, and average then. We call a gap shown when it has the same sign in every seed. With three seeds that is a modest standard, since three fair coins fall alike in one case of four.
#
# Before we believe this result we ask what else the arms had in common. They had the same steps, the same batches, and the same learning rate. Is the same rate *fair*?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Is each arm at its best?
#
# The learning rate 0.0012 is the paper's, for 50,000 iterations. We made 200. Now each arm with 7 % of the weights is trained at three rates.
#
# **Predict.** Which arm gains most from a higher rate? What will be left of the ticket's lead over *reinit*, if each has its own best rate?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* If you show this slide alone: the ticket has the right places and its own first values, reinit new values, random other places. Vote on the arm. After the figure let somebody read the gap between blue and orange at the left end, and then between the two highest points. Ask: "Which of the two is the lead of the ticket?" (The second: an arm at a rate that does not suit it tells of the rate.) On the board: A gets 92, 93, 92 at three rates, B 88, 91, 92; the gap is 4, or 2, or, each at its best, 1. "Why do the controls gain most?" Probably they start at guessing and have to move their weights much further in 200 steps. "Is choosing the best rate not cheating?" The axis says held-out digits: the rate is chosen there, with as many trials for each arm, and the test is read once.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** Suppose that arm A gets 92, 93 and 92 % right at a low, a middle and a high rate, and arm B gets 88, 91 and 92 %. Whoever trains both at the low rate reports a gap of 4 points. Whoever trains both at the middle rate reports 2. But nobody has to train B at a rate that does not suit it. A at its best gets 93 and B at its best 92, so the gap is 1. The rest was the learning rate.
#
# To choose a rate is to make a choice, and a choice must not be made on the images on which the result is reported. So the rate of each arm is chosen on the 5,000 held-out images, in the mean over the seeds. The test images are read at that rate. Each arm may try the same three rates, for who tries more often has better chances to find a good one.

# %% slideshow={"slide_type": "skip"}
RATES = (0.0012, 0.0048, 0.0192)  # each four times the one before
lab.train([(arm, 3, rate) for rate in RATES for arm in ARMS] + [("dense", 0, rate) for rate in RATES])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the accuracy of the four arms over the learning rate.
show.over_rates(lab, RATES)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The two controls gain most, several points each; of the ticket's lead over *reinit* less than half is left.** At one rate we had measured the learning rate, too.
#
# <!-- page -->
#
# At 0.0012 the ticket was between one and two points below its own best, and the controls were about five points below theirs. Why? Probably because the ticket starts as a classifier (section 1) and has only a little to learn in 200 steps, while the others start at guessing and have to move their weights much further. A test is to give all of them more steps: then the low rate should be less of a handicap. The record under *Deeper* did that. With 5,000 iterations the low rate costs *reinit* only 0.6 points on the held-out images (and 0.2 on the test images).
#
# If the best rate of an arm is the highest that was tried, its true best may lie beyond, and the lead may be another one there. We looked: at 0.0384, outside this page, each of the three arms was worse than at 0.0192 on the held-out images. With the function of Exercise 2 you can do the same.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What is left of the lead?
#
# Three conditions: one rate for all; each arm at its best rate; the same with masks that were *searched* at 0.0048.
#
# **Predict.** One of the three differences changes its *sign* from the first condition to the last. Which one, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Say what the three rows are: values, places, the hypothesis itself. Vote on the row, then click: the third, −1.1, −0.2, +1.3. Read the table by columns. Let the room say for each column what they would have published. (First: "four points by the values, and still behind dense." Second: "one point by the values, places hardly, level with dense." Third: "the ticket beats the dense network with 7 % of the weights." The same code.) Then ask why the last column belongs to "each arm at its best": a ticket is made by trainings, and these have a rate, too.

# %% [markdown] slideshow={"slide_type": "skip"}
# The third condition needs an explanation. A ticket is the result of a search, and the search consists of trainings: train, prune, rewind, train again. These were all made at 0.0012. Is that a good rate to *find* a mask? An arm is at its best only if its search is. So somebody searched once more, at 0.0048, and then trained the three arms under the new masks, again at the three rates. It takes as long as everything before it, so we read it from a record that came with the course. (The seeds are ours; the new values and the random masks were drawn anew. To train the networks here, use `lab.train(…, found=0.0048)` and `lab.gaps(…, found=0.0048)`.)

# %% slideshow={"slide_type": "skip"}
recorded = show.Recorded()
conditions = {
    "one rate": lab.gaps(show.PAIRS, 3, [plan.lr]),
    "each its best": lab.gaps(show.PAIRS, 3, RATES),
    "the search, too": recorded.gaps(200, 0.07, found=0.0048, rates=RATES),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the differences between the arms under the three conditions.
show.what_is_left(conditions)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# ***Ticket − dense* changes its sign: the ticket is behind the dense network at one rate, and ahead of it when the search has a good rate as well.**
#
# <!-- page -->
#
# Read the table by its rows.
#
# **The values** (*ticket − reinit*): the ticket leads in every seed and in every column. This half of the claim stands. But the lead in the first column is more than three times as large as in the second.
#
# **The places** (*reinit − random*): with each arm at its best rate a lead of 0.7 points is left in the run on this page, and it is not above 0 in every seed. With other draws of the two arms 0.1 points were left (the record under *Deeper*). So from 200 iterations we cannot say that the places alone help. With 1,000 and with 5,000 they do, in every seed of the record.
#
# **The hypothesis itself** (*ticket − dense*): under masks of the better search a network with 7 % of the weights beats the dense one, and the dense one had its best rate, too.
#
# The same code, and three different conclusions. The last column is the fairest of the three, because its search has a better rate as well. (Better than one other: nobody has looked for the best one.) Others, too, have found that learning rates decide about tickets: X. Ma et al. ([2021](https://arxiv.org/abs/2107.00166)) report tickets that win in deeper networks at low rates, and may fail to appear at higher ones.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Who learns sooner?
#
# The hypothesis also says: *in at most the same number of iterations*.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to "What a short run can show". The next minute, about who learns sooner, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** With 20 % of the weights, after the first 25 iterations: is the ticket behind dense, level with it, or ahead? Does it depend on the rate?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote on the left panel and on the rate. Click: ahead at both rates, about 90 against 84 after 25 iterations, and close at the end. The right panel has the rate that is best for *dense*, so the choice does not favour the ticket. After the figure ask for a reason. It starts as a classifier (section 1); whether that is *why* it learns sooner is not tested here. How would one test it? For example: train a random one until it starts as good, and count from there.

# %% slideshow={"slide_type": "skip"}
BEST = lab.best("dense", 0, RATES)  # of the dense network, so that the choice does not favour the ticket
lab.train([("ticket", 2, rate) for rate in (plan.lr, BEST)])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws how the ticket and the dense network learn, at two rates.
show.sooner(lab, BEST)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The ticket is ahead, most at the start, and at either rate.** At the end the two are close.
#
# <!-- page -->
#
# This part of the claim holds at both rates that we tried, and the right panel has the rate that is best for the *dense* network. That the ticket starts as a classifier is probably a part of the reason; it was not tested here.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What a short run can show
#
# | statement | does a short run show it? |
# |---|---|
# | the ticket is above reinit | yes, in every seed and under all three conditions |
# | *by how much* | no: it depends on the learning rate and on the search |
# | the places alone help | hardly, once each arm has its own rate; with 1,000 iterations they do |
# | the ticket with 20 % learns sooner than dense | yes, at either rate |
# | the ticket matches dense, or beats it | only a dense network that is not *done* |
#
# The paper trains for 50,000 iterations: [[ticket_full]].

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Cover the right column with your hand, go through the rows, and ask each time for the evidence: rows 1 to 3 and 5 are the rows of *What is left of the lead?*, row 4 is the last figure. "Done" means that more steps would not raise it: after 200 iterations dense is still learning, so a ticket that is ahead may only be faster. Then ask what a referee would still miss: more seeds, longer trainings, other networks.

# %% [markdown] slideshow={"slide_type": "skip"}
# A short training favours networks that learn quickly, whether or not they would end higher. After 200 iterations the dense network is still learning, so a ticket that is ahead of it may only be faster. And LeNet-300-100 is a small network. For deeper ones J. Frankle and others report winning tickets when the kept weights go back to an early *iteration* of the training, in place of the very first values; [lesson 5.2](2_ticket_full.ipynb) says what that changes.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · A rewind that is one
# ★★ · 8 minutes
#
# Write `rewound`: the tensors with which the next round begins.
# Return a *new* dict, with memory of its own: the caller will train what you return, and needs `first` in the next round.
#
# `rewound(trained, first, masks)` → a dict of tensors
#
# <!-- page -->
#
# `trained` and `first` are dicts of all parameters: as trained, and as they were initialised. `masks` are
# those of the next round, with an entry for each weight and none for a bias: 1.0 is kept, 0.0 pruned. What is pruned only now is not 0 in `trained`.
#
# <details><summary>Hint</summary>
# Which numbers does a weight that was kept get, one that was pruned, and a bias? Then ask for every tensor that you return: would the kept copy change if somebody wrote into it?
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say what comes in: all parameters as trained, and as they were initialised, and the masks of the next round, none for a bias. In pairs, on paper: one weight that is kept, one that is pruned, one bias. Three sentences are enough: the kept one gets its first value, the pruned one 0, the bias its first value; and each in a new tensor. Who takes the pruned one from `trained` gets a number that is not 0. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def rewound(trained, first, masks):
    """The parameters with which the next round begins, as new tensors.

    >>> one = {"fc.weight": torch.ones(1)}
    >>> rewound({"fc.weight": torch.zeros(1)}, {"fc.weight": torch.zeros(1)}, one)
    {'fc.weight': tensor([0.])}
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.rewound(rewound)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def rewound_solution(trained, first, masks):
    start = {name: value.clone() for name, value in first.items()}
    for name, mask in masks.items():
        start[name] *= mask
    return start


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Each at its best
# ★★★ · 12 minutes · an investigation
#
# You get an instrument, `right(arm, rate, seed)`: it trains the `"ticket"` or `"reinit"` with a learning rate (0.0001 to 1) and a seed, and gives the percent of the held-out images right. Give each arm its own best rate. Which one is better by more than half a point, in the mean over the seeds?
#
# `better_arm(right)` → `"ticket"`, `"reinit"` or `"neither"`
#
# <details><summary>Hint</summary>
# For each arm and each rate take the mean over the seeds; the best of these means is the arm at its best. If the best rate is the lowest or the highest that you tried, the true best may lie beyond.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up experiments, in which a training takes no time. It wants at least three rates and three seeds, the same for both arms.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop: "Which runs do you make, and which two numbers do you compare?" (Both arms, the same rates, three or more, the same seeds, three or more; for each arm the best mean over seeds.) If the best rate is at an end, go on in that direction. Then: "Invent an experiment that fools somebody who uses one rate for both." For example 92, 93, 92 and 88, 91, 93.2: the low rate says ticket, each at its best says neither. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def better_arm(right):
    """Say which arm is better, each at its best rate: "ticket", "reinit" or "neither".

    Args:
        right: the instrument; `right("ticket", rate=0.0012, seed=0)` trains a
            network and gives the percent of the held-out images right.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.better_arm(better_arm)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def better_arm_solution(right):
    best = {}
    for arm in ("ticket", "reinit"):
        rates = [0.0003 * 4**k for k in range(6)]  # up to 0.3
        best[arm] = max(mean(right(arm, rate=rate, seed=seed) for seed in range(3)) for rate in rates)
    gap = best["ticket"] - best["reinit"]
    return "ticket" if gap > 0.5 else "reinit" if gap < -0.5 else "neither"


# %% [markdown] slideshow={"slide_type": "skip"}
# When your function has passed, hand it the real networks of this lesson, with 7 % of the weights: `better_arm(real)`. A training takes about half a second.


# %% slideshow={"slide_type": "skip"}
def real(arm, rate=0.0012, seed=0):
    return lab.run(arm, 3, rate, seed).held_out


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever asks what longer trainings change, or wants to run the experiment on a larger machine.
#
# ### More iterations
#
# Does the unfair rate stay unfair when the training is longer? The record of section 6 has the four arms at four rates from 0.0003 to 0.0192, with three seeds, and 200, 1,000 and 5,000 iterations. A search has as many iterations as the trainings. The conditions are those of section 6.

# %% slideshow={"slide_type": "skip"}
recorded.table(left=0.07)

# %% slideshow={"slide_type": "skip"}
recorded.table(left=0.036)

# %% [markdown] slideshow={"slide_type": "skip"}
# **One rate for all becomes fairer with time.** With 7 % left and at one rate, the lead of the ticket over *reinit* shrinks from 4 points with 200 iterations to about 1 with 5,000. With each arm at its best it is about 1 point for *every* budget. So most of what a short run shows at one rate is a matter of the rate, and the rest is there to stay, as far as 5,000 iterations go.
#
# **The places need time.** With 200 iterations *reinit* and *random* are level, each at its best. With more iterations *reinit* is ahead in every seed.
#
# **Is the best search the one with the higher rate?** With 200 and 1,000 iterations the ticket of the search at 0.0048 is further ahead of the dense network than that of the search at 0.0012. With 5,000 iterations it is not, probably because the search at 0.0012 has had time enough.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · How much a round?
# ★ · 5 minutes
#
# You want to reach `density` (the share of weights that is left, more than 0) after `rounds` rounds, and every round removes the same share of what is *left*. Write
# `share_per_round`.
#
# `share_per_round(density, rounds)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# What a round keeps, multiplied by itself once for each round, is the density.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def share_per_round(density, rounds):
    """Share of the remaining weights that each round removes, to reach `density` after `rounds` rounds.

    >>> share_per_round(0.5, 1)
    0.5
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.share_per_round(share_per_round)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def share_per_round_solution(density, rounds):
    return 1 - density ** (1 / rounds)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### On several cores, or a cluster
#
# Within a seed the rounds must run one after the other, because each needs the result of the last; different seeds can run in parallel. `lottery.sweep` looks for the tickets of all seeds and trains the controls. With `executor=lottery.processes(n)` it uses n fresh Python
# processes; any `concurrent.futures.Executor` does. With `file="runs.jsonl"` each result is kept as it comes, and the same call goes on after a stop.
#
# ### On Fashion-MNIST
#
# `TASK` in the first cell; restart and run all. The ticket with 20 % led dense at one rate by 2.5 to 3.3 points when we ran it with three seeds, probably because dense is further from
# its end there. The order of the arms at one rate was the same at 7 and 3.6 %; at 20 % reinit led random by less than half a point.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. The bounds are for MNIST.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("ticket")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A winning ticket is a mask *with* the initial weights under it. *Reinit* takes the values away, *random* the places and with them the values.
# - A rewind must be tested as a rewind: equal numbers, memory of its own. The accuracy of a wrong one may look better.
# - One learning rate for all arms is a choice for one of them. Compare each arm at its best, chosen on images that are not the test, with equal numbers of trials.
# - The ticket stayed ahead of new values in every seed. How far ahead, and whether it beats the dense network, depended on rates that had nothing to do with the question.
#
# **Going further**: J. Frankle and M. Carbin, *The lottery ticket hypothesis: finding sparse, trainable neural networks*, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635) (its first version of 2018 had the subtitle *Training pruned neural networks*);
# V. Ramanujan et al., *What's hidden in a randomly weighted neural network?*, [arXiv:1911.13299](https://arxiv.org/abs/1911.13299), on supermasks; X. Ma et al., *Sanity checks for lottery tickets*, 2021, [arXiv:2107.00166](https://arxiv.org/abs/2107.00166). Next here: [[ticket_full]].
#
# **Project ideas**: make the experiment of section 6 with 20 % of the weights; rank the weights of all layers together (`lottery.engine.keep_largest` ranks layer by layer); use a
# ticket found on MNIST for Fashion-MNIST.
#
# **Credits**: the experiment is J. Frankle and M. Carbin's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on
# Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Back to the number on the board: how much of it was the learning rate? More than half. Then ask what the lesson did not show: dense networks that are done, other architectures, more seeds.
