# ---
# jupyter:
#   course:
#     promise: You will find a lottery ticket in a new network with five steps, and test it against new values and other positions.
#     seconds: 38
#     needs: [prune_model]
#     values:
#       untrained: round(sum(untrained_right['largest in\nthe copy']) / 3)
#     goals:
#       - find a ticket with the five steps of the paper, in open code;
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
# Sets a seed, and one thread.
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
# Here is LeNet-300-100, three linear layers with random weights. It has never seen a digit. You may only set its weights to **zero**.
#
# To choose the zeros we ask a *copy*. The copy is trained for 200 steps. Then the untrained network keeps the weights that stand where the copy's weights are largest in magnitude, about a fifth.
#
# **Predict.** How many of the test digits does this untrained network read correctly: **A** about 10 %, **B** about 30 %, **C** more than 70 %?

# %%
import torch

from course_utils import data, models, training

images, labels = data.load("mnist")
test_set = data.load("mnist", "test")


def make():
    net = models.LeNet300100()  # three linear layers, with 300, 100 and 10 outputs
    for layer in net.children():
        torch.nn.init.xavier_normal_(layer.weight)  # as in the paper
    return net


# %%
from torch.nn import functional as F


def train(net, steps=200):
    adam = torch.optim.Adam(net.parameters(), lr=0.0012, fused=True)  # fused: the same steps, faster
    for batch in torch.randint(len(images), (steps, 60)):
        adam.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        adam.step()


# %% [markdown]
# `cut` prunes each layer by magnitude. `put_on` gives a network a mask that already exists. Of each hidden layer a fifth stays, and of the small output layer 60 %.

# %%
import copy

from torch.nn.utils import prune


def cut(net, amounts):
    for layer, amount in zip(net.children(), amounts, strict=True):
        prune.l1_unstructured(layer, "weight", amount=amount)


def put_on(net, masks):
    for layer, mask in zip(net.children(), masks, strict=True):
        prune.custom_from_mask(layer, "weight", mask)
    return net


# %%
untrained = make()
trained = copy.deepcopy(untrained)
train(trained, steps=200)
cut(trained, (0.8, 0.8, 0.4))
masks = [layer.weight_mask for layer in trained.children()]

# %% zeros_and_nothing_else
put_on(untrained, masks)
right = training.evaluate(untrained, *test_set)
print(f"untrained, with zeros: {right:.0%} right")

# %% [markdown] tags=["answer"]
# **More than 70 % (C), because a training chose the zeros, although it gave no value.** Each weight that is left is still the random number with which the network began.

# %% [markdown]
# So a random network already contains a network that reads digits. Can this part also *learn*, and as well as the whole? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A vote, silenced
#
# | | | | | |
# |---|---|---|---|---|
# | untrained | 0.3 | −0.1 | 0.35 | −0.4 |
# | the copy, trained | **0.5** | −0.02 | 0.03 | **−0.6** |
# | mask | 1 | 0 | 0 | 1 |

# %% [markdown]
# Follow four weights by hand. In the trained copy the first and the last are the largest, so these two stay. They stay with their *first* values, 0.3 and −0.4. Nothing of 0.5 and −0.6 is taken over: the training gives us one bit for each weight.
#
# Now take the weights as votes. Training turned 0.3 into 0.5. It wanted more of this vote, and the random value already pointed the right way. It turned 0.35 into 0.03. It wanted less of this vote, and the mask takes it away.

# %% [markdown]
# Untrained, masked: **0.3, 0, 0, −0.4**
#
# **A mask cannot correct a wrong vote, but it can silence it.**
#
# A mask that makes a classifier of an untrained network is called a **supermask** ([Zhou et al., 2019](https://arxiv.org/abs/1905.01067)).

# %% [markdown]
# ### Is it really the choice?
#
# Other masks with as many ones: at random positions, where the weights are largest at the *start*, and where the magnitude *grew* most in the copy.

# %% is_it_really_the_choice tags=["hide-input"]
# Draws how many digits untrained networks read, by the weights that they keep; three networks.
untrained_right = show.what_is_kept(make, train, put_on, test_set)

# %% [markdown]
# **Not any zeros, and not size alone.**
#
# With zeros at random positions the network only guesses. The weights that are largest at the *start* do no better, so their size alone does not do it. The network that keeps the weights that *grew* most reads far more digits than a guess would, although some of these weights are small. So a large part of the secret is the direction in which training pushed a weight.

# %% [markdown]
# **Try it.** In section 1 change `train(trained, steps=200)` to `steps=20` there, and run that cell and the next one again. The network is a new one each time. How long must the copy train before its mask is good?
#
# <details><summary>What others found</summary>
#
# With 20 steps the untrained network already read about two thirds of the digits. With 2,000 steps it read about as many as with 200. The first pushes contain most of what the mask needs.
#
# </details>

# %% [markdown]
# ## 3. The hypothesis
#
# J. Frankle and M. Carbin, 2018 ([arXiv:1803.03635](https://arxiv.org/abs/1803.03635)), in the words of 2019:
#
# > **The Lottery Ticket Hypothesis.** A randomly-initialized, dense neural network contains a subnetwork that is initialized such that—when trained in isolation—it can match the test accuracy of the original network after training for at most the same number of iterations.
#
# A **ticket** is a mask *together with* the first weights under it.
#
# Experience said that sparse networks which start from random weights usually end worse than networks that were pruned after training. The authors report an exception: a ticket that matches the whole network when it is trained without the other weights. They call it a **winning ticket**.
#
# Why a lottery? A large network contains very many small ones, as a crowd holds very many tickets. Some small network may have drawn lucky numbers.
#
# This is a hypothesis: the paper's experiments support it, and prove nothing. So we make the experiment.
#
# The paper looks for its tickets in rounds, because these find smaller winning tickets than one cut. Each round trains the network, and then removes a part of its weights.

# %% [markdown]
# ### How many rounds?
#
# **Predict.** Each round removes a fifth of the weights that are *left*. After how many rounds are about 7 % left: **A** 5, **B** 12, **C** 18?

# %% [markdown] tags=["answer"]
# **Twelve rounds (B), because each of them multiplies what is left by 0.8, and $0.8^{12} = 0.069$.** Three rounds leave $0.8^3 = 0.51$, about a half, and four halvings leave a sixteenth.

# %% [markdown]
# Twelve rounds are twelve trainings. Ours are shorter and fewer: each round removes *three* fifths of what is left, and three rounds leave $0.4^3 = 0.064$. The small output layer loses half as much, as in the paper. A round takes seconds on a laptop, since a training has 200 steps. The paper's have 50,000.

# %% [markdown]
# ## 4. Five steps to a ticket
#
# *Keep a copy* of the first weights; *train*; *prune* the smallest of the weights that are left; *rewind* the others to their first values; *repeat*.

# %% five_steps tags=["hide-input"]
# Draws the loop, with twenty weights of the second layer as they stand after each step.
show.five_steps(untrained.fc2.weight_orig, trained.fc2.weight_orig, masks[1])

# %% [markdown]
# To set the weights back to their first values is called **rewinding**. Without it we would have the pruning of [[prune_model]], where the weights bring along what they have learned. Here they forget it, and only the mask remembers.

# %% [markdown]
# ### Five steps in open code
#
# On a layer that has a mask, `l1_unstructured` removes a share of the weights that are left. It reads them from `weight`, as the last forward pass computed it; here that is the pass in `evaluate`. A pruned layer calls its parameter `weight_orig`, so `rewind` takes the end of that name off.


# %%
@torch.no_grad()
def rewind(net, first):
    for name, value in net.named_parameters():
        value.copy_(first.get_parameter(name.removesuffix("_orig")))


# %% five_steps_in_open_code
def search(go_back, seed=0):
    torch.manual_seed(seed)
    net = make()
    first = copy.deepcopy(net)  # 1. keep a copy
    for left in ("all", "40 %", "16 %"):  # 5. repeat
        train(net)  # 2. train
        print(f"{left}: {training.evaluate(net, *test_set):.1%} right", end="   ")
        cut(net, (0.6, 0.6, 0.3))  # 3. prune
        go_back(net, first)  # 4. rewind
    return first, [layer.weight_mask for layer in net.children()]


# %% five_steps_in_open_code_2
first, masks = search(rewind)

# %% [markdown]
# Here a sixth of the weights learns the digits as well as all of them. Each training began with the first values. So most of the weights were not needed even to *learn*.

# %% [markdown]
# ### Two names, one memory
#
# The whole experiment hangs on step 1. And it is easy to make a copy that is none:
#
# ```python
# start = torch.tensor([1.0])
# weight = start  # another name, not a copy
# weight += 0.5  # "training"
# print(start)  # tensor([1.5000])
# ```
#
# `weight = start` copies no number. It gives the same memory a second name, and whoever trains one of them trains both. `net.state_dict()` hands out the network's own memory in the same way. `deepcopy`, `clone` and `copy_` copy numbers.
#
# Here is another rewind. It looks correct.


# %%
def other_rewind(net, first):
    for name, value in net.named_parameters():
        value.data = first.get_parameter(name.removesuffix("_orig")).data


# %% [markdown]
# | | |
# |---|---|
# | `rewind` | `value.copy_(…)` |
# | `other_rewind` | `value.data = ….data` |
#
# **Predict.** With `other_rewind`, is the network with 16 % of the weights **A** worse than with `rewind`, **B** as good, **C** better?

# %% two_names_one_memory
_ = search(other_rewind)

# %% [markdown] tags=["answer"]
# **Better (C), because its training goes on where another one ended.** The first rewind hands over the kept tensors themselves. The numbers are right, but the training with 40 % overwrites them. So the second rewind goes back to trained weights.

# %% [markdown]
# The accuracy does not reveal the mistake. It looks like a success. So test the rewind itself: rewind, train a little, and see whether the copy has moved. With `rewind` in place of `other_rewind` the cell prints True.


# %%
net, kept = make(), make()
before = kept.fc1.weight.detach().clone()
other_rewind(net, kept)
train(net, steps=5)
print("the copy is what it was:", torch.equal(kept.fc1.weight, before))

# %% [markdown]
# ## 5. Values or positions?
#
# After the third cut 6.5 % of the weights are left.
#
# | | positions | values |
# |---|---|---|
# | **ticket** | found by pruning | own first values |
# | **reinit** | found by pruning | new random values |
# | **random** | drawn by lot | first values at those positions |

# %% [markdown]
# Suppose that the ticket learns well. Perhaps its first values are lucky, as the hypothesis says. Perhaps the positions are good, and any values would do. Or perhaps any 6.5 % of a network learn as well. Two controls can tell, **reinit** and the **random mask**. Each of them takes something away from the ticket.

# %% [markdown]
# **Predict.** Which two must you compare to see what the *values* are worth, and which two for the *positions* alone: **A** ticket and reinit, **B** ticket and random, **C** reinit and random?

# %% [markdown] tags=["answer"]
# **A for the values, because both have the same positions; C for the positions, because in both the values are drawn by chance.** Between ticket and random both differ.


# %%
def arms(first, masks):
    shuffled = [mask.flatten()[torch.randperm(mask.numel())].view_as(mask) for mask in masks]
    return {
        "ticket": put_on(copy.deepcopy(first), masks),
        "reinit": put_on(make(), masks),
        "random": put_on(copy.deepcopy(first), shuffled),
    }


for name, net in arms(first, masks).items():
    train(net)
    print(f"{name}: {training.evaluate(net, *test_set):.1%} right")

# %% [markdown]
# ### Three networks
#
# One network can be lucky. So we search for a ticket in three more, and train the whole network beside its parts.

# %% three_networks tags=["hide-input"]
# Searches in three more networks, trains the four of each, and draws them.
all_right = show.three_networks(search, rewind, arms, train, test_set)

# %% [markdown]
# At this learning rate, after 200 steps, **mask and first values belong together.** With 16 % of the weights the ticket matched the whole; with 6.5 % it does not.
#
# The ticket is several points ahead of *reinit* in each of the three networks, so the mask alone is not the ticket. The gap between *reinit* and *random* is much smaller.
#
# Can the small part learn as well as the whole? At this learning rate, after 200 steps, our last ticket is one or two points below the whole network, so it is not a winning one. There are winning tickets of this size: 7 % of the weights end as good as the whole, in the paper and in our record (*Deeper*).
#
# *At this learning rate*: all four were trained with the paper's 0.0012. The ticket starts as a supermask, and the controls start with guessing, so they probably have further to go in 200 steps. Would another rate help them more? [[ticket_full]] goes on from here.
#
# To find our ticket we trained three times, the first time with all the weights. The ticket tells us that a small network *could* have learned the task. It does not yet save a training.

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
# Then try it on the digits: `masks, ticket = find_ticket(make, train, 4)` and `train(ticket)`. How far is it ahead of *reinit*, which is `put_on(make(), masks[-1])` after a training?
#
# <details><summary>What others found</summary>
#
# Several points, with about as few weights as in section 5.
#
# </details>

# %% [markdown]
# ## Remember
#
# - A mask that a training has chosen makes a classifier of an untrained network.
# - A ticket is a mask *with* the first weights under it: keep a copy, train, prune, rewind, repeat. Test that training leaves the copy unchanged. A small part can learn as well as the whole: a sixth of the weights in our 200 steps, 7 % in the record.
# - New values in the same positions test the values, and a random mask tests the positions. At the paper's learning rate and after 200 steps the ticket is ahead of both.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"]
claims.show("ticket")

# %% [markdown]
# ## Deeper
#
# ### Why prune at all?
#
# Pruning is older than deep networks. A *decision tree* that may grow freely learns its training examples by heart, noise included. So one lets it grow, and then cuts back the branches that do not help on examples it has not seen (Breiman et al., *Classification and Regression Trees*, 1984). The gain there is better answers, and not fewer bytes. LeCun et al. (*Optimal Brain Damage*, 1990) hoped for better answers and for speed when they pruned networks.
#
# Research prunes to understand. [PyTorch's tutorial](https://docs.pytorch.org/tutorials/intermediate/pruning_tutorial.html) names two such uses. One compares the **learning dynamics** of networks that have more parameters than they need with those that have too few. The other takes lucky subnetworks as a **search for an architecture**: in place of building many small networks one trains a large one, and removes what it does not need. Whether the network that is found is worth more than another one of its size must be tested with controls, as in section 5.

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
# The whole network reads 98.09 % of the test digits. With 21 % of the weights the ticket is *above* the whole network, and with 7 % still as good. But at 7 % the gaps are 0.65 and 1.4 points where we saw several. So after 200 steps we probably measured, for the most part, who learns *sooner*. `python course.py lottery --paper` makes the experiment again, in a few hours.

# %% [markdown]
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks*, ICLR 2019, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635); H. Zhou et al., *Deconstructing Lottery Tickets*, 2019, [arXiv:1905.01067](https://arxiv.org/abs/1905.01067).
#
# **Going further.** V. Ramanujan et al., *What's Hidden in a Randomly Weighted Neural Network?*, [arXiv:1911.13299](https://arxiv.org/abs/1911.13299), on supermasks; next here: [[ticket_full]].
#
# **Credits.** The lecture that this course grew from is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.
