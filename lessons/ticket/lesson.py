# ---
# jupyter:
#   course:
#     promise: You will find a lottery ticket in a new network, and test it with controls.
#     seconds: 55
#     needs: [prune_model]
#     values:
#       untrained: round(sum(untrained_right['largest in\nthe copy']) / 6)
#     goals:
#       - find a lottery ticket with the five steps of the paper;
#       - rewind a network to its first values, and test the rewind;
#       - test a ticket against new values and a random mask.
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

from course_utils import claims, runtime
from lessons.ticket import show
from lessons.ticket import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Zeros, and nothing else
#
# Here's LeNet-300-100, three linear layers with random weights. It has never seen a digit, and we won't train it. All we do is set most of its weights to **zero**.
#
# Which ones? We train a *copy* of the network for 200 steps, and look where its weights are largest in magnitude. At these positions the untrained network keeps its own random weights: a fifth of each hidden layer, and 60 % of the small output layer.
#
# In the code, `make` draws a new network, `train` trains it for 200 steps unless told otherwise, and `put_on` gives each layer a mask.
#
# **Predict.** How many of the test digits does the untrained network now get right: **A** more than 70 %, **B** about 30 %, **C** about 10 %?

# %%
import copy

from torch.nn.utils import prune

from course_utils import training
from lessons.ticket.digits import make, put_on, test_set, train


def cut(net, amounts):
    for layer, amount in zip(net.children(), amounts, strict=True):
        prune.l1_unstructured(layer, "weight", amount=amount)


# %% zeros_and_nothing_else
untrained = make()
trained = copy.deepcopy(untrained)
train(trained, steps=200)
cut(trained, (0.8, 0.8, 0.4))

put_on(untrained, [layer.weight_mask for layer in trained.children()])
print(f"untrained, with zeros: {training.evaluate(untrained, *test_set):.0%} right")

# %% [markdown] tags=["answer"]
# **More than 70 % (A), because training chose where the zeros go.** So inside a network of random weights there's already a small one that reads digits.

# %% [markdown]
# Can such a small network *learn*, and as well as the whole? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# **Try it.** How good is the mask from a much shorter training? Run the last cell with `steps=20`. Then put the 200 back and run it again.
#
# <details><summary>What others found</summary>
#
# With 20 steps the untrained network already read half to three quarters of the digits.
#
# </details>

# %% [markdown]
# ## 2. What does a mask know?
#
# Let's follow four weights of one unit by hand. The two that are largest in the copy stay, so the mask has a 1 there.
#
# | weight | first | second | third | fourth |
# |---|---|---|---|---|
# | untrained | 0.3 | −0.1 | 0.35 | −0.4 |
# | in the trained copy | **0.5** | −0.02 | 0.03 | **−0.6** |
# | mask | 1 | 0 | 0 | 1 |
# | untrained, with the mask | 0.3 | 0 | 0 | −0.4 |
#
# The values 0.5 and −0.6 are thrown away. All that the training hands over is one bit for each weight: stay or go. But this bit knows something. Training pushed the first weight from 0.3 to 0.5. So the random value already had the right sign, and it's worth keeping. The third weight was pushed from 0.35 almost to zero. So its random value was of little use, or did harm. The mask can't correct it, but it can remove it.
#
# A mask that turns an untrained network into a classifier is called a **supermask** ([Zhou et al., 2019](https://arxiv.org/abs/1905.01067)).
#
# Is this explanation right? If it is, what matters must be the *direction* in which training pushed each weight: away from zero, or towards it. So let's compare four masks with the same number of ones:
#
# - *random* keeps randomly chosen positions;
# - *moved most* keeps the weights that moved furthest in either direction. Of our four that's the third, which moved by 0.32, though towards zero;
# - *grew most* keeps those that moved furthest *away* from zero, as the first weight did;
# - *largest in the copy* is our own mask.

# %% is_it_really_the_choice tags=["hide-input"]
# Draws how many digits six untrained networks get right with four kinds of masks.
untrained_right = show.what_is_kept()

# %% [markdown]
# Zeros at random positions don't help: such a network only guesses. Keeping the weights that moved most hardly helps either. But if we keep what grew most, the untrained network reads most of the digits. So a large part of the secret is the direction in which training pushed each weight.
#
# Most of what our own mask keeps grew, too. It does better still, probably because its first values are large, while *grew most* also keeps tiny ones, which add little to a sum.

# %% [markdown]
# ## 3. How to find a ticket
#
# J. Frankle and M. Carbin claim that such a small network can also *learn* as well as the whole ([2019](https://arxiv.org/abs/1803.03635)):
#
# > **The Lottery Ticket Hypothesis.** A randomly-initialized, dense neural network contains a subnetwork that is initialized such that—when trained in isolation—it can match the test accuracy of the original network after training for at most the same number of iterations.
#
# *In isolation* means without the other weights: they're zero, and stay zero. A **ticket** is a mask *together with* the first random values under it. If it learns as well as the whole network, it's a **winning ticket**.
#
# The authors find it in five steps: (1) keep a copy of the first values; (2) train; (3) prune the weights that end up smallest; (4) give the others their first values again; (5) repeat from step 2.
#
# We do two rounds. Each removes 60 % of what's left, but, as in the paper, only half as much of the small last layer. So $0.4 \cdot 0.4 = 0.16$ of the weights remain, about a sixth.

# %% five_steps tags=["hide-input"]
# Draws the first round, with twenty weights of the second layer as they stand after each step.
show.five_steps(untrained.fc2.weight_orig, trained.fc2.weight_orig)

# %% [markdown]
# Step 4 is called **rewinding**. In [[prune_model]] the weights that were left kept what they had learned. Here they forget everything, and only the mask remembers. We want to know whether the small network could have learned *from the start*, so that's where it must begin.
#
# Why several rounds, and not one deep cut? Which weights a network needs depends on which others it has left. So after each cut the smaller network trains again, and shows which of its weights it needs *now*. The paper reports that this finds smaller winning tickets than a single cut.
#
# Under a mask, PyTorch trains a parameter called `weight_orig`, and each forward pass multiplies it by the mask to get `weight`. So the zeros stay zero, and it's `weight_orig` that we rewind. But pruning looks at `weight`, which doesn't know of the last training step yet. That's why our `train` ends with a forward pass.


# %%
def rewind(net, first):
    for name, value in net.named_parameters():
        value.data.copy_(first.get_parameter(name.removesuffix("_orig")))  # in first it's called weight


# %% five_steps_in_open_code
def search(seed=0):
    torch.manual_seed(seed)
    net = make()
    first = copy.deepcopy(net)  # 1. keep a copy
    for _ in range(2):  # 5. repeat
        train(net)  # 2. train
        cut(net, (0.6, 0.6, 0.3))  # 3. prune
        rewind(net, first)  # 4. rewind
    return first, net


# %% ticket_learns
_, ticket = search()
train(ticket)
print(f"ticket: {training.evaluate(ticket, *test_set):.1%} right")

# %% [markdown]
# ### Does the rewind do what it should?
#
# That looks good. But everything depends on the rewind. If it went back to weights that have been trained already, the "ticket" would have a head start, and its accuracy would only look better. So the accuracy can't reveal such a mistake.
#
# That's why we test the rewind itself: after both rounds, every weight and bias must have its first value again. But what do we compare with? Our copy isn't safe. A well-known library puts the copy's own tensors into the network, and not just their numbers ([[lightning_pruning]]). Then the second training changes both, and they still agree. So we draw the network again, from the same seed.


# %% test_the_rewind
_, net = search(seed=0)
torch.manual_seed(0)
drawn = make()  # as in search
named = net.named_parameters()
back = all(torch.equal(value, drawn.get_parameter(name.removesuffix("_orig"))) for name, value in named)
print("back at its first values:", back)

# %% [markdown]
# ## 4. Is it the values, or the positions?
#
# Our ticket learns well. But why? Perhaps its first values are lucky, as the hypothesis says. Perhaps only the positions are good, and any values would do there. Or perhaps any sixth of a network learns this task.
#
# Two controls can tell.
#
# - **Reinit** has the mask of the ticket, and new random values. So it differs from the ticket in the *values* alone.
# - The **random mask** has the same number of ones in each layer, in randomly chosen positions, and keeps the first values there. Nobody looked at these values when the positions were drawn, so they're as random as new ones. So reinit and random differ in one thing alone: training chose reinit's *positions*, and chance those of random.


# %% controls
def controls(first, masks):
    shuffled = [mask.flatten()[torch.randperm(mask.numel())].view_as(mask) for mask in masks]
    return {"reinit": put_on(make(), masks), "random": put_on(copy.deepcopy(first), shuffled)}


# %% [markdown]
# One network can be lucky. So we search for tickets in six new networks, and from each we train four versions for 200 steps, at the paper's learning rate of 0.0012: the whole network, the ticket, and both controls.
#
# **Predict.** The ticket ends ahead of the random mask. How far ahead is *reinit*: **A** hardly at all, **B** half as far as the ticket, or **C** nearly as far?

# %% six_networks tags=["hide-input"]
# Searches for tickets in six networks, trains the four of each, and draws them.
all_right = show.six_networks(search, controls)

# %% [markdown] tags=["answer"]
# **Hardly at all (A), probably because the positions were found for the first values, and not for others.**

# %% [markdown]
# First compare the ticket with the whole network. With a sixth of the weights it does as well on average, though in a single network either can be ahead by a point. So after 200 steps, it's a winning ticket.
#
# But the ticket reads most digits before its first step, and the others begin by guessing. Is it only quicker? Partly: when both train for 1,000 steps, the whole network ends ahead. That's probably because we found our ticket by training runs of only 200. With the paper's 50,000 in each training, tickets with a fifth of the weights are no worse than the whole network, and half a point ahead of both controls (*Deeper*).
#
# And what did the ticket cost? Two trainings before the ticket's own, the first of them with all the weights. So a ticket doesn't spare you the training. It tells us that a small network *could* have learned the task alone.
#
# Now the explanations. *Random* stays behind, so not every sixth of the network learns as well. *Reinit* has the mask of the ticket, and yet it does hardly better than *random*. Section 2 suggests why: the mask keeps first values on which training could build, and new values are as random there as anywhere else. So here the positions alone are worth little: **mask and values belong together.**
#
# But we drew all four at one learning rate, and it suits the ticket better than the controls. With each at the best of five, chosen on other images, the ticket's lead over both controls is one point and no longer three (`records/ticket`). And in deeper networks, [Liu et al., 2018](https://arxiv.org/abs/1810.05270), found no lead over new values once each had a good rate.

# %% [markdown]
# ## Exercise · Find a ticket
# ★★ · 10 minutes
#
# Write `find_ticket(make, train, rounds)`. Each call `make()` draws a new network, whose layers `net.children()` are all `nn.Linear`, some without a bias. `train(net)` trains it, and ends with a forward pass. In each round every layer loses *half* of the weights that it has left. Return `masks`, where `masks[round][layer]` is a mask, and `ticket`, the first network with the last masks on, its weights and biases *untrained*.
#
# <details><summary>Hint</summary>
#
# Start from `search`. What does `net` hold after the last rewind?
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
# ## Remember
#
# - A mask chosen by training turns an untrained network into a classifier, because it mostly keeps weights that training pushed away from zero.
# - A ticket is a mask *with* the first values under it: keep a copy, train, prune, rewind, repeat. Test the rewind, because a head start looks like a success.
# - Compare the ticket with new values under its mask to test the values, and these with a random mask to test the positions. Give each its best learning rate: then, after few steps, our ticket led both controls by one point, and the positions alone were worth next to nothing.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("ticket")

# %% [markdown]
# ## Deeper
#
# ### Why prune at all?
#
# Pruning is older than deep networks. A *decision tree* that may grow freely learns its training examples by heart, noise included. So you let it grow, and then cut back the branches that don't help on examples it hasn't seen (Breiman et al., *Classification and Regression Trees*, 1984). The aim there is better answers, not fewer bytes.
#
# Researchers also prune to find an architecture: instead of building many small networks you train a large one, and remove what it doesn't need.

# %% [markdown]
# ### The record of the paper's experiment
#
# We reran the paper's experiment at its own learning rate: 50,000 iterations per run, each round removes a fifth of what's left, five networks, 145 trainings. The table gives the accuracy at the end in %, the mean of the five.
#
# | weights left | ticket | reinit | random |
# |---|---|---|---|
# | 51 % | 98.20 | 98.16 | 98.13 |
# | 21 % | 98.44 | 97.89 | 97.93 |
# | 7 % | 98.23 | 97.58 | 96.85 |
# | 3.6 % | 97.93 | 96.99 | 95.94 |
#
# The whole network gets 98.09 % of the test digits right. With 21 % of the weights the ticket is *above* the whole network, and with 7 % still as good. Both controls stay behind the ticket, but the gaps are smaller than after 200 steps: almost nothing at 51 %, and half a point at 21 %. At 7 % and below the positions matter, too: *reinit* is ahead of *random* there, by half as much as the ticket is. `python course.py bench lottery` repeats the experiment, in a few hours.

# %% [markdown]
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks*, ICLR 2019, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635), whose [first version](https://arxiv.org/abs/1803.03635v1) of 2018 was called *The Lottery Ticket Hypothesis: Training Pruned Neural Networks*; H. Zhou et al., *Deconstructing Lottery Tickets*, 2019, [arXiv:1905.01067](https://arxiv.org/abs/1905.01067).
#
# **Going further.** V. Ramanujan et al., *What's Hidden in a Randomly Weighted Neural Network?*, [arXiv:1911.13299](https://arxiv.org/abs/1911.13299), on supermasks. J. Frankle et al., *Stabilizing the Lottery Ticket Hypothesis*, 2019, [arXiv:1903.01611](https://arxiv.org/abs/1903.01611): much larger networks have to be rewound to the values after a short piece of training.
#
# **Credits.** The lecture that this course grew from is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34). Text CC BY 4.0, code MIT.
#
# **What's still open.** The ticket leads with its first values. Does it need their numbers, or would their signs do? And for the price of so many trainings, would you do better without the rewind ([[ticket_full]])? The trainings, by the way, needn't be loops of your own: a Trainer can run them, and round or prune on the way ([[lightning_qat]]).
