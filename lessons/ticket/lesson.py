# ---
# jupyter:
#   course:
#     promise: You will find a lottery ticket in a new network with five steps, and test it against new values and other positions.
#     seconds: 30
#     needs: [prune_model]
#     goals:
#       - find a ticket with the five steps of the paper, in open code;
#       - rewind a network with a true copy, and test the rewind;
#       - test a ticket against new values and against a random mask.
#     terms: ["lottery ticket, winning ticket", rewinding, supermask]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Can a small part of a new network learn as well as the whole?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Say: "Until now we pruned a *trained* network and kept its numbers. Today we keep only the positions, and throw the training away." Ask: "What could be left?" Collect two or three guesses. Most people say "nothing", and the next slide answers.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets a seed, and one thread: the steps of a network this small gain nothing from more.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.ticket import checks as check
from lessons.ticket import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Zeros, and nothing else
#
# Here is LeNet-300-100, three linear layers with random weights. It has never seen a digit. You may set weights to **zero**, but you may change no other weight, and train nothing.
#
# To choose the zeros we ask a *copy*. The copy is trained for 200 steps. Then the untrained network keeps the weights that stand where the copy's weights are largest: a fifth of each hidden layer, and 60 % of the small output layer.
#
# **Predict.** How many of the test digits does this untrained network read correctly: **A** about 10 %, **B** about 30 %, **C** more than 70 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Make sure that everybody has understood: no value is ever changed, except to zero. The copy tells us one bit for each weight and nothing else. Vote; expect A and B. Then run the cell of the page: C, more than 80 %. Ask: "How can a mask know so much?" The next slide answers with four weights.

# %% slideshow={"slide_type": "skip"}
import torch

from course_utils import data, models

images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")


def make():
    net = models.LeNet300100()  # three linear layers, with 300, 100 and 10 outputs
    for layer in net.children():
        torch.nn.init.xavier_normal_(layer.weight)  # as in the paper
    return net


# %% slideshow={"slide_type": "skip"}
from torch.nn import functional as F


def train(net, steps=200):
    adam = torch.optim.Adam(net.parameters(), lr=0.0012, fused=True)
    for batch in torch.randint(len(images), (steps, 60)):
        adam.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        adam.step()


@torch.no_grad()
def accuracy(net):
    return 100 * (net(test_images).argmax(1) == test_labels).float().mean().item()


# %% [markdown] slideshow={"slide_type": "skip"}
# `cut` prunes each layer by magnitude, as in [[prune_model]]. `put_on` gives a network a mask that already exists.

# %% slideshow={"slide_type": "skip"}
import copy

from torch.nn.utils import prune


def cut(net, amounts):
    for layer, amount in zip(net.children(), amounts, strict=True):
        prune.l1_unstructured(layer, "weight", amount=amount)


def put_on(net, masks):
    for layer, mask in zip(net.children(), masks, strict=True):
        prune.custom_from_mask(layer, "weight", mask)
    return net


# %% slideshow={"slide_type": "skip"}
untrained = make()
trained = copy.deepcopy(untrained)
train(trained, steps=200)
cut(trained, (0.8, 0.8, 0.4))
masks = [layer.weight_mask for layer in trained.children()]
print(f"untrained, all weights: {accuracy(untrained):.0f} % right")
put_on(untrained, masks)
print(f"untrained, with zeros:  {accuracy(untrained):.0f} % right")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **More than 70 % (C), because a training chose the zeros, although it gave no value.** Each weight that is left is still the random number with which the network began.

# %% [markdown] slideshow={"slide_type": "skip"}
# So a random network already contains a network that reads digits. Can this part also *learn*, and as well as the whole? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown] slideshow={"slide_type": "slide", "layout": "big"}
# ## 2. Wrong votes, silenced
#
# | | | | | |
# |---|---|---|---|---|
# | untrained | 0.3 | −0.1 | 0.2 | −0.4 |
# | the copy, trained | **0.5** | −0.02 | 0.03 | **−0.6** |
# | mask | 1 | 0 | 0 | 1 |
# | untrained, masked | 0.3 | 0 | 0 | −0.4 |

# %% [markdown] slideshow={"slide_type": "skip"}
# Follow four weights by hand. In the trained copy the first and the last are the largest, so these two stay. They stay with their *first* values, 0.3 and −0.4. Nothing of 0.5 and −0.6 is taken over: the training gives us one bit for each weight.
#
# Now take the weights as votes. Training turned 0.3 into 0.5. It wanted more of this vote, and the random value already pointed the right way. It turned 0.2 into 0.03. It wanted less of this vote, and the mask takes it away.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Do the four columns on the board, and cover the last row until somebody has said it. Then the sentence in bold, slowly.

# %% [markdown] slideshow={"slide_type": "fragment"}
# **A mask cannot correct a wrong vote, but it can silence it.**
#
# <!-- page -->
#
# A mask that makes a classifier of an untrained network is called a **supermask** ([Zhou et al., 2019](https://arxiv.org/abs/1905.01067)).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Is it really the choice?
#
# Other masks with as many ones: at random positions, where the weights are largest at the *start*, and where the magnitude *grew* most in the copy.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask what each bar is for: what would a sceptic say who had not seen it? *Random fifth*: "any zeros do." *Largest at the start*: "it is their size." *Grew most*: the direction of training counts, for some of these weights are small.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws how many digits untrained networks read, by the weights that they keep; three networks.
untrained_right = show.what_is_kept(make, train, accuracy, put_on)

# %% [markdown] slideshow={"slide_type": "skip"}
# With zeros at random positions the network only guesses. The weights that are largest at the *start* do no better, so it is not their size. The weights that *grew* most read most of the digits, although some of them are small. So a large part of the secret is the direction in which training pushed a weight.
#
# **Try it.** In section 1 change `steps=200` to `steps=20`, and run the cell again. The network is a new one each time. How long must the copy train before its mask is good?
#
# <details><summary>What others found</summary>
#
# With 20 steps the untrained network already read some 60 to 70 % of the digits. With 2,000 steps it read no more than with 200. The first pushes contain most of what the mask needs.
#
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. The hypothesis
#
# J. Frankle and M. Carbin, 2018 ([arXiv:1803.03635](https://arxiv.org/abs/1803.03635)):
#
# > **The Lottery Ticket Hypothesis.** A randomly-initialized, dense neural network contains a subnetwork that is initialized such that—when trained in isolation—it can match the test accuracy of the original network after training for at most the same number of iterations.
#
# <!-- page -->
#
# The subtitle of its first version was *Training Pruned Neural Networks*. Experience said that this fails: sparse networks that start from random weights usually end worse than networks that were pruned after training. The authors report an exception. A **winning ticket** is a mask *together with* the first weights under it, and it matches the whole network when it is trained without the others.
#
# Why a lottery? A large network contains very many small ones, as a crowd holds very many tickets. Some small network may have drawn lucky numbers.
#
# This is a hypothesis. The paper supports it with experiments, and proves nothing. So we make the experiment, and ask what would speak against it.
#
# The paper looks for its tickets in rounds. Each round trains the network, and then removes a part of its weights.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let somebody read the quotation aloud, and ask for its three conditions: smaller, as accurate, in no more iterations. Slides that date the paper to 2008, or say that it proves this, are wrong. Then: "I claim that these first values are special. How would you refute me?" Keep the proposals on the board for section 5.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How many rounds?
#
# **Predict.** Each round removes a fifth of the weights that are *left*. After how many rounds are about 7 % left: **A** 5, **B** 12, **C** 18?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Let them estimate: three rounds leave about a half, and 7 % is a little more than a half of a half of a half of a half.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Twelve rounds (B), because each of them multiplies what is left by 0.8, and $0.8^{12} = 0.069$.** Three rounds leave $0.8^3 = 0.51$, about a half, and four halvings leave a sixteenth.

# %% [markdown] slideshow={"slide_type": "skip"}
# Twelve rounds are twelve trainings. Ours are shorter and fewer: each round removes *three* fifths of what is left, and three rounds leave $0.4^3 = 0.064$. The small output layer loses half as much, as in the paper. A round takes a second or two on a laptop, since a training has 200 steps. The paper's have 50,000.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Five steps in open code
#
# *Keep a copy* of the first weights; *train*; *prune* the smallest of the weights that are left; *rewind* the others to their first values; *repeat*.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Click through the frames, and ask at each: "Which numbers stand in the cells now?" At the last one compare with the first frame: the same numbers, and fewer of them. "And without the rewind?" That is the fine-tuning of the lesson before: a good method, and another one.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the loop, with a corner of the output layer as it stands after each step.
show.five_steps(untrained.fc3.weight_orig, trained.fc3.weight_orig, masks[2])

# %% [markdown] slideshow={"slide_type": "skip"}
# To set the weights that are left back to their first values is called **rewinding**. Without it we would have the pruning of [[prune_model]], where the weights bring along what they have learned. Here they forget it, and only the mask remembers.
#
# Two things help us. `l1_unstructured` on a layer that has a mask counts only the weights that are left. And a pruned layer calls its parameter `weight_orig`, so `rewind` takes the end of that name off.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def rewind(net, first):
    for name, value in net.named_parameters():
        value.copy_(first.get_parameter(name.removesuffix("_orig")))


# %% slideshow={"slide_type": "subslide", "layout": "code"}
def search(rewind):
    net = make()
    first = copy.deepcopy(net)  # 1. keep a copy
    for left in ("all", "40 %", "16 %"):  # 5. repeat
        train(net)  # 2. train
        print(f"{left:>4} of the weights: {accuracy(net):.1f} % right")
        cut(net, (0.6, 0.6, 0.3))  # 3. prune
        rewind(net, first)  # 4. rewind
    return first, [layer.weight_mask for layer in net.children()]


# %% slideshow={"slide_type": "skip"}
torch.manual_seed(0)
first, masks = search(rewind)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Find the five steps in the loop together. Then click: a sixth of the weights learns as well as all, in as many steps. Say: "Five sixths were not needed even to *learn* the digits."

# %% [markdown] slideshow={"slide_type": "fragment"}
# With a sixth of its weights the network learns the digits as well as with all of them.
#
# <!-- page -->
#
# Each line is a training of 200 steps that began with first values. So most of the weights were not needed even to *learn*.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two names, one memory
#
# ```python
# first = torch.tensor([1.0])
# weight = first  # another name, not a copy
# weight += 0.5  # "training"
# print(first)  # tensor([1.5000])
# ```
#
# <!-- page -->
#
# The whole experiment hangs on step 1. And it is easy to make a copy that is none, as these four lines show. `weight = first` copies no number. It gives the same memory a second name, and whoever trains one of them trains both. `net.state_dict()` hands out the network's own memory in the same way. `deepcopy`, `clone` and `copy_` copy numbers.
#
# Here is another rewind. It looks correct, and one like it stands in a well-known library ([[lightning_pruning]]).


# %% slideshow={"slide_type": "-"}
def other_rewind(net, first):
    for name, value in net.named_parameters():
        value.data = first.get_parameter(name.removesuffix("_orig")).data


# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** With this rewind, is the network with 16 % of the weights **A** worse than before, **B** as good, **C** better?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Give them a minute with the last line of code. Most vote A. Run: C. "Why is it better?" After the first rewind the parameter *is* the kept tensor, and the next training writes into it. The network with 16 % begins with 200 steps behind it. Ask which test would have caught it: one on the accuracy, or one on the copy?

# %% slideshow={"slide_type": "-"}
torch.manual_seed(0)  # the same network as before
_ = search(other_rewind)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Better (C), because its training goes on where another one ended.** The first rewind hands over the kept tensors themselves. The numbers are right, but the training with 40 % overwrites them. So the second rewind goes back to trained weights.

# %% [markdown] slideshow={"slide_type": "skip"}
# The accuracy does not reveal the mistake. It looks like a success. So test the rewind itself: rewind, train a little, and see whether the copy has moved. With `rewind` in place of `other_rewind` the cell prints True.


# %% slideshow={"slide_type": "skip"}
net, kept = make(), make()
before = kept.fc1.weight.detach().clone()
other_rewind(net, kept)
train(net, steps=5)
print("the copy is what it was:", torch.equal(kept.fc1.weight, before))

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Values or positions?
#
# | | positions of the weights | their values |
# |---|---|---|
# | **ticket** | found by pruning | own first values |
# | **reinit** | found by pruning | new random values |
# | **random** | drawn by lot | own first values |

# %% [markdown] slideshow={"slide_type": "skip"}
# After the third round about 6 % of the weights are left. Perhaps they learn well because their first values are lucky, as the hypothesis says. Perhaps the positions are good, and any values would do. Or perhaps any 6 % of a network learn as well. Two controls can tell, **reinit** and the **random mask**. Each of them takes something away from the ticket.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Which two of the three must you compare to see what the *values* are worth? And which two for the *positions* alone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote by pointing. Many say ticket against random for the positions: there two things differ. Then let the room say by how many points the ticket will beat reinit, and write it on the board.

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Ticket against reinit for the values, because both have the same positions; reinit against random for the positions.** Random keeps values of its own network, but at other positions stand other values, which nobody chose. In both controls the values are drawn by chance.


# %% slideshow={"slide_type": "skip"}
def arms(first, masks):
    shuffled = [mask.flatten()[torch.randperm(mask.numel())].view_as(mask) for mask in masks]
    return {
        "all weights": copy.deepcopy(first),
        "ticket": put_on(copy.deepcopy(first), masks),
        "reinit": put_on(make(), masks),
        "random": put_on(copy.deepcopy(first), shuffled),
    }


right = {}
for name, net in arms(first, masks).items():
    train(net)
    right[name] = accuracy(net)
    print(f"{name:11} {right[name]:.1f} % right")

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Three networks
#
# <!-- page -->
#
# One network can be lucky. So we search for a ticket in two more, and train the same four each time.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Searches in two more networks, trains the four of each, and draws all three.
all_right = show.three_networks(right, search, rewind, arms, train, accuracy)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Ask which gap answers which question: ticket to reinit, the values; reinit to random, the positions. Compare with the number on the board. Do not celebrate; ask: "What else did the four have in common?" Steps, batches, and the learning rate. The next lesson gives each its own.

# %% [markdown] slideshow={"slide_type": "-"}
# The ticket is several points ahead of *reinit* in each of the three networks. So the mask alone is not the ticket: **mask and first values belong together.** From the whole network some two points separate it; with 16 % there was hardly a gap.
#
# <!-- page -->
#
# The gap between *reinit* and *random* is much smaller. At this learning rate the values are worth more than the positions.
#
# *At this learning rate*: all four were trained with the paper's 0.0012. The ticket starts as a supermask, and the controls start with guessing, so they probably have further to go in 200 steps. Would another rate help them more? [[ticket_full]] gives each its own best rate, and asks what is left of the lead.
#
# It also asks for the price. To find our ticket we trained three times, the first time with all the weights. The ticket tells us that a small network *could* have learned the task. It does not yet save a training.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise · Find a ticket
# ★★ · 10 minutes
#
# Write `find_ticket(make, train, rounds)`. Each call `make()` draws a new network, whose children are all `nn.Linear`; `train(net)` trains one. In each round every layer loses *half* of the weights that it has left. Return `masks` and `ticket`: of each round a list of masks, one a layer; and the network that `make` drew first, untrained, with the masks of the last round on.
#
# <details><summary>Hint</summary>
#
# Start from `search`. What does `net` hold after the last rewind? Rewind the biases as well.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* In pairs, on paper, with the four weights of section 2 and two rounds: what is returned? Masks (1, 0, 0, 1) and then one weight fewer; a ticket with first values. Who returns trained values has forgotten the last rewind. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def find_ticket(make, train, rounds):
    """The masks of each round, and the first network with the last masks on."""
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.find_ticket(find_ticket)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def find_ticket_solution(make, train, rounds):
    net, masks = make(), []
    first = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in range(rounds):
        train(net)
        for layer in net.children():
            prune.l1_unstructured(layer, "weight", amount=0.5)
        masks.append([layer.weight_mask for layer in net.children()])
        with torch.no_grad():
            for name, value in net.named_parameters():
                value.copy_(first[name.removesuffix("_orig")])
    return masks, net


# %% [markdown] slideshow={"slide_type": "skip"}
# Then try it on the digits: `masks, ticket = find_ticket(make, train, 4)` and `train(ticket)`. How far is its `accuracy` ahead of *reinit*, which is `put_on(make(), masks[-1])` after a training?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A mask that a training has chosen makes a classifier of an untrained network: it silences the wrong votes.
# - A ticket is a mask *with* the first weights under it; one finds it by five steps: keep a copy, train, prune, rewind, repeat. Test that the copy is one, since a false rewind looks like a success.
# - New values in the same positions test the values, and a random mask tests the positions. At the paper's learning rate and after 200 steps the ticket is ahead of both.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("ticket")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### Why prune at all?
#
# Pruning is older than deep networks. A *decision tree* asks one question after another, and a tree that may grow freely learns its training examples by heart, noise included. So one lets it grow, and then cuts back the branches that do not help on examples it has not seen (Breiman et al., *Classification and Regression Trees*, 1984). The gain there is better answers, and not fewer bytes. LeCun et al. (*Optimal Brain Damage*, 1990) hoped for both when they pruned networks.
#
# Research prunes to understand. [PyTorch's tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) names two such uses. The first compares the **learning dynamics** of networks that have more parameters than they need with those that have too few: does a large network learn something that a small one cannot, or does it only learn more easily? In this lesson the small part could learn nearly as well, once somebody knew which part. The second takes lucky subnetworks as a **search for an architecture**: in place of building many small networks one trains a large one, and removes what it does not need. Whether the network that is found is worth more than another one of its size must be tested with controls, as in section 5.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The record of 145 trainings
#
# The course has made the paper's experiment in the paper's setting: 50,000 iterations a training, a fifth a round, five networks, 145 trainings. The table gives the accuracy at the end in %, the mean of the five.
#
# | weights left | ticket | reinit | random |
# |---|---|---|---|
# | 51 % | 98.20 | 98.16 | 98.13 |
# | 21 % | 98.44 | 97.89 | 97.93 |
# | 7 % | 98.23 | 97.58 | 96.85 |
# | 3.6 % | 97.93 | 96.99 | 95.94 |
#
# The whole network reads 98.09 % of the test digits. With 21 % of the weights the ticket is *above* the whole network, and with 7 % still as good. The order is that of our short run. But the gaps are fractions of a point where we saw several points. So after 200 steps we probably measured, for the most part, who learns *sooner*. `python course.py lottery --paper` makes the experiment again, in a few hours.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Further
#
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks*, ICLR 2019, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635); H. Zhou et al., *Deconstructing Lottery Tickets*, 2019, [arXiv:1905.01067](https://arxiv.org/abs/1905.01067).
#
# **Going further.** V. Ramanujan et al., *What's Hidden in a Randomly Weighted Neural Network?*, [arXiv:1911.13299](https://arxiv.org/abs/1911.13299), on supermasks; next here: [[ticket_full]].
#
# **Credits.** The lecture that this course grew from is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.
