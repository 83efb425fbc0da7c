# ---
# jupyter:
#   course:
#     promise: You will find a lottery ticket in a new network with five steps, and test it against new values and other positions.
#     seconds: 40
#     needs: [prune_model]
#     values:
#       untrained: round(sum(untrained_right['largest in\nthe copy']) / 6)
#     goals:
#       - find a lottery ticket with the five steps of the paper, in open code;
#       - rewind a network with a true copy, and test the rewind;
#       - test a ticket against new values and against a random mask.
#     terms: ["lottery ticket, winning ticket", rewinding, supermask]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Can a small part of a new network learn as well as the whole?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.ticket import checks as check
from lessons.ticket import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Zeros, and nothing else
#
# Here's LeNet-300-100, three linear layers with random weights. It has never seen a digit. We won't train it. All that we do is set some of its weights to **zero**.
#
# Which ones? We ask a *copy*. The copy is trained for 200 steps, and then we look where its weights are largest in magnitude. There the untrained network keeps its own random weights: a fifth of each hidden layer, and 60 % of the small output layer. All others become zero.
#
# In the code `make` draws a new network, `train` trains it with Adam at the paper's learning rate, 0.0012, on batches of 60 digits, and `put_on` gives each layer a mask.
#
# **Predict.** How many of the test digits does the untrained network now get right: **A** about 10 %, **B** about 30 %, **C** more than 70 %?

# %%
import copy

import torch
from torch.nn.utils import prune

from course_utils import training
from lessons.ticket.digits import make, put_on, test_set, train


def cut(net, amounts):
    net(test_set[0][:1])  # computes the weights that are pruned next
    for layer, amount in zip(net.children(), amounts, strict=True):
        prune.l1_unstructured(layer, "weight", amount=amount)


# %% zeros_and_nothing_else
untrained = make()
trained = copy.deepcopy(untrained)
train(trained, steps=200)
cut(trained, (0.8, 0.8, 0.4))

masks = [layer.weight_mask for layer in trained.children()]
put_on(untrained, masks)
print(f"untrained, with zeros: {training.evaluate(untrained, *test_set):.0%} right")

# %% [markdown] tags=["answer"]
# **More than 70 % (C), because a training chose where the zeros go.** Each weight that's left is still the random one with which the network began.

# %% [markdown]
# So inside a network of random weights there's already a small one that reads digits. Can this small network *learn*, too, and as well as the whole? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# **Try it.** Change `steps=200` to `steps=20` in the last cell, and run it again. How long must the copy train before its mask is good? Then change it back and run it again.
#
# <details><summary>What others found</summary>
#
# With 20 steps the untrained network already read about two thirds of the digits. With 2,000 it read no more than with 200, and mostly some points fewer.
#
# </details>

# %% [markdown]
# ## 2. How can zeros make a classifier?
#
# Let's follow four weights of one unit by hand. The table shows what the copy's training made of them. The two that are largest in the copy stay, so the mask has a 1 there.
#
# | weight | first | second | third | fourth |
# |---|---|---|---|---|
# | untrained | 0.3 | −0.1 | 0.35 | −0.4 |
# | in the trained copy | **0.5** | −0.02 | 0.03 | **−0.6** |
# | mask | 1 | 0 | 0 | 1 |
# | untrained, with the mask | 0.3 | 0 | 0 | −0.4 |
#
# The values 0.5 and −0.6 themselves are thrown away: the training gives the network one bit for each weight. But this bit knows something. Take each weight as a vote: a positive one votes for its unit, a negative one against it. Training made the first vote stronger, from 0.3 to 0.5, so the random value already pointed the right way. It nearly took back the third, from 0.35 to 0.03, so this random vote was probably of no use. The mask removes it. A mask can't correct a wrong vote, but it can silence it.
#
# A mask that makes a classifier of an untrained network is called a **supermask** ([Zhou et al., 2019](https://arxiv.org/abs/1905.01067)).
#
# Is that really the reason? Let's try other masks with as many ones. The first is drawn at random. The second keeps the weights that are largest at the *start*. The third keeps those that *moved most* while the copy was trained, in whatever direction, and the fourth those that *grew most*, away from zero.

# %% is_it_really_the_choice tags=["hide-input"]
# Draws how many digits six untrained networks get right with five kinds of masks.
untrained_right = show.what_is_kept()

# %% [markdown]
# Zeros at random positions don't help, nor does keeping large weights. It isn't enough that training moved a weight. But if training moved it away from zero, its vote is mostly worth keeping. So a large part of the secret is the direction in which training pushed each weight.

# %% [markdown]
# ## 3. How to find a ticket
#
# Now let's see whether the small network can learn. J. Frankle and M. Carbin stated the hypothesis in 2018 ([arXiv:1803.03635](https://arxiv.org/abs/1803.03635)); these are their words of 2019:
#
# > **The Lottery Ticket Hypothesis.** A randomly-initialized, dense neural network contains a subnetwork that is initialized such that—when trained in isolation—it can match the test accuracy of the original network after training for at most the same number of iterations.
#
# *In isolation* means without the other weights: they're zero, and stay zero. A **ticket** is a mask *together with* the first random values under it. If it matches the whole network, it's a **winning ticket**.
#
# Why a lottery? A large network contains very many small ones. With so many tickets, one of them has probably drawn lucky numbers.
#
# The paper finds its tickets in five steps: (1) keep a copy of the first values; (2) train; (3) prune the smallest of the weights that are left; (4) set the others back to their first values; (5) repeat from step 2.

# %% five_steps tags=["hide-input"]
# Draws the loop, with twenty weights of the second layer as they stand after each step.
show.five_steps(untrained.fc2.weight_orig, trained.fc2.weight_orig, masks[1])

# %% [markdown]
# Step 4 is called **rewinding**. Without it we'd have the pruning of [[prune_model]], where the weights keep what they've learned. Here they forget everything, and only the mask remembers.
#
# Why several rounds? The paper reports that they find smaller winning tickets than one cut does. Each of its rounds removes a fifth of what's left, and each training has 50,000 steps. Ours has 200, and we do two rounds. Each removes three fifths, so that $0.4 \cdot 0.4 = 0.16$ of the weights are left, about a sixth. The small output layer loses half as much, as in the paper.
#
# PyTorch calls the parameter of a pruned layer `weight_orig`. So `rewind` takes the end of this name off to find the first values.


# %%
def rewind(net, first):
    for name, value in net.named_parameters():
        value.data.copy_(first.get_parameter(name.removesuffix("_orig")))


# %% five_steps_in_open_code
def search(go_back, seed=0):
    torch.manual_seed(seed)
    net = make()
    first = copy.deepcopy(net)  # 1. keep a copy
    for _ in range(2):  # 5. repeat
        train(net)  # 2. train
        cut(net, (0.6, 0.6, 0.3))  # 3. prune
        go_back(net, first)  # 4. rewind
    return first, net


# %% ticket_learns
_, ticket = search(rewind)
train(ticket)
print(f"ticket: {training.evaluate(ticket, *test_set):.1%} right")

# %% [markdown]
# Before we compare it with others, let's make sure that it really is a ticket.

# %% [markdown]
# ### A copy that isn't one
#
# Everything hangs on step 1, and it's easy to write something that only looks like a copy:
#
# ```python
# start = torch.tensor([1.0])
# weight = start
# weight += 0.5  # "training"
# print(start)  # tensor([1.5000])
# ```
#
# `weight = start` gives the same memory a second name, so whoever trains `weight` changes `start` as well. `net.state_dict()` hands out the network's own memory, too. `deepcopy`, `clone` and `copy_` copy the numbers.
#
# Here's another rewind. It differs from ours in the last line.


# %%
def other_rewind(net, first):
    for name, value in net.named_parameters():
        value.data = first.get_parameter(name.removesuffix("_orig")).data


# %% [markdown]
# **Predict.** If we search with `other_rewind`, will the "ticket" end **A** worse, **B** just the same, or **C** better than ours?

# %% two_names_one_memory tags=["hide-input"]
# Searches with other_rewind, trains what it finds, and prints how many digits come out right.
_, no_ticket = search(other_rewind)
train(no_ticket)
print(f"with other_rewind: {training.evaluate(no_ticket, *test_set):.1%} right")

# %% [markdown] tags=["answer"]
# **Better (C), because it had a head start.** After the first rewind the network and the copy share their memory, so the second training overwrites the copy. The second rewind then goes back to *trained* weights.

# %% [markdown]
# So the accuracy doesn't reveal the mistake: it looks like a success. That's why we test the rewind itself. Rewind, train for a few steps, and see whether the copy has moved. With `rewind` the cell prints True. (A rewind that does nothing would pass this test, too. So also compare the surviving weights with the first values, right after it.)

# %% test_the_rewind
net, kept = make(), make()
before = copy.deepcopy(kept)
other_rewind(net, kept)
train(net, steps=5)
print("the copy is what it was:", torch.equal(kept.fc1.weight, before.fc1.weight))

# %% [markdown]
# ## 4. Is it the values, or the positions?
#
# Our ticket with a sixth of the weights learns well. But do we know why? Perhaps its first values are lucky, as the hypothesis says. Perhaps only the positions are good, and any values would do there. Or perhaps any sixth of a network learns this task.
#
# Two controls can tell. **Reinit** has the mask of the ticket, and new random values. The **random mask** has as many ones in each layer, but in positions drawn by lot. It keeps the first values of these positions, which no training has selected.


# %% controls
def controls(first, masks):
    by_lot = [mask.flatten()[torch.randperm(mask.numel())].view_as(mask) for mask in masks]
    return {"reinit": put_on(make(), masks), "random": put_on(copy.deepcopy(first), by_lot)}


# %% [markdown]
# **Predict.** Which two do you compare to see what the ticket's *values* are worth: **A** ticket and reinit, **B** ticket and random, **C** reinit and random? And which two for the *positions* alone?

# %% [markdown] tags=["answer"]
# **A for the values, because both have the same positions. C for the positions, because in both no training has selected the values.** Between ticket and random both differ.

# %% [markdown]
# One network can be lucky. So we search for tickets in six new networks, and train all four of each for 200 steps.

# %% six_networks tags=["hide-input"]
# Searches for tickets in six networks, trains the four of each, and draws them.
all_right = show.six_networks(search, rewind, controls)

# %% [markdown]
# Compare the ticket with all weights first. With a sixth of them it does as well. So after 200 steps at this learning rate it's a winning ticket, so the answer to our question is yes.
#
# Now the explanations. *Random* stays behind, so it isn't true that any sixth of the network will do. *Reinit* has the mask of the ticket, and yet it does hardly better than *random*. So at this size the positions alone are worth little. They need the first values for which they were found: mask and values belong together.
#
# How far does this carry? The ticket probably has a head start, as the supermask had. So 200 steps show, above all, who learns *sooner*. But after the paper's 50,000 steps, a ticket of about this size is even ahead of the whole network, and both controls are half a point behind the ticket (*Deeper*).
#
# And what did it cost? We trained twice before the ticket's own training, the first time with all the weights. So the ticket tells us that a small network *could* have learned the task alone. It doesn't save a training.

# %% [markdown]
# ## Exercise · Find a ticket
# ★★ · 10 minutes
#
# Write `find_ticket(make, train, rounds)`. Each call `make()` draws a new network, whose children are all `nn.Linear`, some without a bias; `train(net)` trains it, and ends with a forward pass. In each round every layer, the last one too, loses *half* of the weights that it has left. Return `masks`, a list of lists, and `ticket`: `masks[round][layer]` is a mask; `ticket` is the first network, untrained, with the last masks on.
#
# <details><summary>Hint</summary>
#
# Start from `search`. What does `net` hold after the last rewind? Rewind the biases as well.
#
# </details>


# %% tags=["exercise"]
def find_ticket(make, train, rounds):
    """The masks of each round, and the first network with the last masks on."""
    raise NotImplementedError


# %% tags=["check"]
check.find_ticket(find_ticket)


# %% tags=["solution", "hide-cell"]
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


# %% [markdown]
# Try it on the digits: `masks, ticket = find_ticket(make, train, 4)` and `train(ticket)`. How far is it ahead of *reinit*, which is `put_on(make(), masks[-1])` after a training?
#
# <details><summary>What others found</summary>
#
# Several points: a sixteenth of the weights is left.
#
# </details>

# %% [markdown]
# ## Remember
#
# - A mask that a training has chosen makes a classifier of an untrained network.
# - A ticket is a mask *with* the first values under it: keep a copy, train, prune, rewind, repeat. Test that training leaves the copy unchanged, because the accuracy doesn't show the mistake.
# - New values under the same mask test the values, and new values against a random mask test the positions: here a sixth of the weights learns as well as the whole, and both controls stay behind.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what you measured.

# %% tags=["scorecard"]
claims.show("ticket")

# %% [markdown]
# ## Deeper
#
# ### Why prune at all?
#
# Pruning is older than deep networks. A *decision tree* that may grow freely learns its training examples by heart, noise included. So one lets it grow, and then cuts back the branches that do not help on examples it has not seen (Breiman et al., *Classification and Regression Trees*, 1984). The gain there is better answers, and not fewer bytes. LeCun et al. (*Optimal Brain Damage*, 1990) hoped for better answers and for speed when they pruned networks.
#
# Research prunes to understand. [PyTorch's tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) names two such uses. One compares the **learning dynamics** of networks that have more parameters than they need with those that have too few. The other takes lucky subnetworks as a **search for an architecture**: in place of building many small networks one trains a large one, and removes what it does not need. Whether the network that is found is worth more than another one of its size must be tested with controls, as in section 4.

# %% [markdown]
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
# The whole network gets 98.09 % of the test digits right. With 21 % of the weights the ticket is *above* the whole network, and with 7 % still as good. Both controls stay behind the ticket, as after 200 steps, but the gaps are smaller: half a point at 21 %. At 7 % the positions begin to count, because *reinit* is ahead of *random* there. `python course.py lottery --paper` makes the experiment again, in a few hours.

# %% [markdown]
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks*, ICLR 2019, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635); H. Zhou et al., *Deconstructing Lottery Tickets*, 2019, [arXiv:1905.01067](https://arxiv.org/abs/1905.01067).
#
# **Going further.** V. Ramanujan et al., *What's Hidden in a Randomly Weighted Neural Network?*, [arXiv:1911.13299](https://arxiv.org/abs/1911.13299), on supermasks.
#
# **Credits.** The lecture that this course grew from is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.
#
# **What's still open.** All four networks learned at one learning rate, the paper's. Perhaps another one suits the controls better. What's left of the ticket's lead when each of them is at its best, and would you have done better without the rewind ([[ticket_full]])?
