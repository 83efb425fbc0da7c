# ---
# jupyter:
#   course:
#     promise: You will compare a ticket with its opponents at each one's best learning rate, and say what it costs.
#     seconds: 32
#     needs: [ticket]
#     goals:
#       - compare networks at each one's best learning rate, chosen on held-out images;
#       - say how much of a ticket's first values lies in their signs, and test it;
#       - name the price of a ticket in trainings, time and bytes.
#     terms: [early stopping, learning-rate rewinding]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *What is left of a ticket's lead when every network is at its best, and what does the ticket cost?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.ticket_full import checks as check
from lessons.ticket_full import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. 800 steps for a small network
#
# You want a network with about 17,000 weights, and have 800 training steps.
#
# - **ticket**: three times train for 200 steps, prune and *rewind*; then train what is left for 200.
# - **trained on**: the same without the rewind.
# - **narrow**: 22 hidden units and no mask, one training of 800 steps.
#
# Ticket and *trained on* begin as the same LeNet-300-100, and both keep 6.5 % of its weights. *Narrow* has as many weights from the start. The functions are those of [[ticket]], with the learning rate as an argument.
#
# **Predict.** Which of the three reads most digits?

# %%
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models, training

images, labels = data.load("mnist")
test_set = data.load("mnist", "test")


def make():
    net = models.LeNet300100()
    for layer in net.children():
        nn.init.xavier_normal_(layer.weight)
    return net


def train(net, rate, steps=200):
    adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    for batch in torch.randint(len(images) * 11 // 12, (steps, 60)):  # the last twelfth is held out
        adam.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        adam.step()


# %%
def search(rewinding, rate):
    torch.manual_seed(0)
    net = make()
    first = copy.deepcopy(net)
    for _ in range(3):
        train(net, rate)
        net(images[:1])  # computes the weights that the cut will read
        for layer, amount in zip(net.children(), (0.6, 0.6, 0.3), strict=True):
            prune.l1_unstructured(layer, "weight", amount=amount)
        if rewinding:
            for name, value in net.named_parameters():
                value.data.copy_(first.get_parameter(name.removesuffix("_orig")))
    return first, net


# %% [markdown] tags=["answer"]
# **The network that was simply trained on: its weights kept what 800 steps taught them.** Those of the ticket were rewound three times, and have learned for 200.

# %% [markdown]
# ### The three in a race

# %% the_three_in_a_race
rate = 0.0012
first, ticket = search(True, rate)
_, trained_on = search(False, rate)
narrow = nn.Sequential(nn.Flatten(), nn.Linear(784, 22), nn.ReLU(), nn.Linear(22, 10))

nets = {"ticket": ticket, "trained on": trained_on, "narrow": narrow}
right = {}
for name, net in nets.items():
    train(net, rate, steps=800 if net is narrow else 200)
    right[name] = 100 * training.evaluate(net, *test_set)
    print(f"{name}: {right[name]:.1f} % right")

# %% [markdown]
# So the ticket loses to its twin without a rewind, and has no clear lead over a network that was never pruned. What is it worth? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# **Try it.** In the last cell change `rate = 0.0012` to `rate = 0.0048`, and run it again. Who gains most? Then change it back, and run the cell once more.
#
# <details><summary>What others found</summary>
#
# All three read more digits. The ticket gained most, and now it was ahead of *narrow*. The network that was trained on stayed first.
#
# </details>

# %% [markdown]
# ## 2. Each at its best
#
# In [[ticket]], at the rate 0.0012, a ticket was ahead of *reinit*, its mask with new values. With 7 % of the weights it is about four points ahead.

# %% [markdown]
# Was that fair? A ticket starts as a supermask: it reads most of the digits untrained. *Reinit* starts by guessing. Both learned for 200 steps at the paper's rate, and we did not ask whether this rate suits *reinit* as well.
#
# The course keeps a record of three networks, each trained at four rates: with all weights, as a ticket with 7 % of them, and as *reinit*, its mask over new values. The masks were found at the rate 0.0012. `saved[arm][rate]` is a list with one pair for each network: held-out %, test %.

# %% [markdown]
# **Predict.** Now each may choose its own best of four learning rates. Does the lead **A** grow, **B** stay, **C** shrink?

# %%
saved = show.saved(steps=200)
print(saved["ticket"][0.0012])

# %% over_rates tags=["hide-input"]
# Draws the accuracy of three arms over the learning rate.
show.over_rates(saved)

# %% [markdown] tags=["answer"]
# **It shrinks (C), for these masks to about a point: *reinit* gains more from a higher rate, which moves weights further in the same 200 steps.**

# %% [markdown]
# ### A rule for a fair comparison
#
# | rate | ticket: held out | test | reinit: held out | test |
# |---|---|---|---|---|
# | 0.001 | 91 | 92 | 87 | 88 |
# | 0.01 | **92** | 93 | **91** | 92 |
# | 0.1 | 88 | 89 | 90 | 92.5 |

# %% [markdown]
# Do it by hand once, with numbers made up. At the shared rate 0.001 the ticket leads by 92 − 88 = 4 points. Now each may choose. Both have their best *held-out* accuracy at 0.01, and there the ticket leads on the test images by 93 − 92 = 1 point.
#
# Why not choose by the test images? There *reinit* looks best at 0.1, with 92.5. But 90 on the held-out images suggests that a part of this is luck. Of several rates, the one with the highest test accuracy may be a lucky one, and whoever picks it reports the luck as well. So some images choose the rate, and others report.
#
# The rule has a third part. In the figure two best rates are the highest of all that were tried. Perhaps the lines go on rising beyond. The black line, the whole network, has its best rate inside the grid. **A best rate at the edge of the grid means: widen the grid.** Until then "about a point" is what we know of these masks and this grid. The rate of the search is a choice, too: with masks that were found at 0.0048, 2.3 points are left. The exercise has a record in which no best rate lies at the edge.

# %% [markdown]
# 1. All try the same rates.
# 2. Held-out images choose, test images report.
# 3. A best rate at the edge: widen the grid.

# %% [markdown]
# ## 3. The values, or only their signs?
#
# | three kept weights | | | |
# |---|---|---|---|
# | the ticket's first values | 0.3 | −0.1 | −0.4 |
# | *new signs*: newly drawn | −0.2 | 0.5 | −0.05 |
# | *own signs*: the same sizes, the ticket's signs | 0.2 | −0.5 | −0.05 |

# %% [markdown]
# What do the first values bring? A weight has a sign and a size. The sign says whether the unit votes for or against, and the size how loudly. The table takes the two apart. *New signs* is *reinit*. *Own signs* has the same sizes and the signs of the ticket. So the last two rows differ in their signs alone.

# %% [markdown]
# **Predict.** How much of the gap between *new signs* and the ticket do the ticket's signs win back: **A** hardly any, **B** more than half?


# %%
def put_on(net, masks):
    for layer, mask in zip(net.children(), masks, strict=True):
        prune.custom_from_mask(layer, "weight", mask)
    return net


def redrawn(own_signs):
    net = make()
    for layer, old in zip(net.children(), first.children(), strict=True):
        if own_signs:
            layer.weight.data = layer.weight.data.abs() * old.weight.data.sign()
    return net


masks = [layer.weight_mask for layer in ticket.children()]

# %% the_values_or_only_their tags=["hide-input"]
# Trains the ticket, own signs and new signs at two rates, and writes what they get right.
signs = show.signs(first, redrawn, masks, put_on, train, test_set)

# %% [markdown] tags=["answer"]
# **More than half (B), at both rates. It is the signs, because the last two rows differ in nothing else.**

# %% [markdown]
# At the higher rate the gap is narrower, as in section 2, and again the signs close most of it.
#
# H. Zhou et al. ([2019](https://arxiv.org/abs/1905.01067)) also found that signs matter, with our network and with small convolutional ones.

# %% [markdown]
# ## 4. The price
#
# If a small part can learn as well as the whole, training should become cheaper: train only that part. We time 20 steps at a rate so small that they change next to nothing. The masks of our ticket leave 6.5 % of the weights.
#
# **Predict.** Compared with a step of the whole network, does a step of the ticket take **A** about a tenth of the time, **B** half, **C** about as long, or longer?

# %% [markdown] tags=["answer"]
# **About as long, or longer (C), because the products multiply the zeros like any number, and putting the mask on is work as well.** *Narrow* is faster: its matrices are really small.

# %% [markdown]
# ### A step, timed

# %% a_step_timed
from functools import partial

from course_utils.measure import timing

whole = copy.deepcopy(first)
timed = {"whole": whole, **nets}
steps = {name: partial(train, net, 1e-9, 20) for name, net in timed.items()}
race = timing.compare(steps, rounds=9, device="cpu")  # in turn
step_ms = {name: 1000 * min(race.samples[name]) / 20 for name in steps}
print(*(f"{name}: {ms:.2f} ms a step" for name, ms in step_ms.items()), sep="\n")

# %% [markdown]
# **Trainings.** Even with code that skips zeros, somebody must find the mask first. Our ticket took three trainings before its own. In the paper a round removes a fifth of what is left. Twelve rounds lead to $0.8^{12} = 0.07$, so the ticket with 7 % is the *thirteenth* training, and the first was that of the whole network. A ticket can only pay if its mask serves many trainings, and makes each of them cheaper. Ours does not.

# %% [markdown]
# ### "More than 90 % compression"
#
# 7 % of the weights are left. For each position a file holds
#
# | | bits |
# |---|---|
# | values: 0.07 · 32 | 2.2 |
# | mask: is there a value? | 1 |
# | together, of 32 | **3.2** |

# %% [markdown]
# Of the *weights* 93 % are gone. Of the bits 3.24 / 32 = 10.1 % are left in this format.
#
# So "more than 90 % compression" counts weights: of the *bytes* fewer are gone. And the saving is no merit of the ticket: *trained on* fills a file of the same size.

# %% [markdown]
# ## 5. What is contested, and what stands
#
# | who | network | what they report |
# |---|---|---|
# | Liu et al., [2018](https://arxiv.org/abs/1810.05270) | deeper, CIFAR-10 | at a well chosen rate no gain over new values |
# | Gale et al., [2019](https://arxiv.org/abs/1902.09574) | Transformer, ResNet-50 | sparse from the start is behind pruning while training |
# | Frankle et al., [2019](https://arxiv.org/abs/1903.01611) | deeper | tickets again, if one rewinds to an *early iteration* |
# | Renda et al., [2020](https://arxiv.org/abs/2003.02389) | several | trained weights with the learning rate rewound: as good as rewinding, or better |

# %% [markdown]
# The four reports speak of larger networks than ours, or of other opponents. So a sentence about tickets needs three things beside it: which network, which learning rate, which opponent.
#
# What stands for our network: after 50,000 steps the tickets of another record with 21 % of the weights are slightly ahead of the whole network, and those with 7 % still as good ([[ticket]]). A sparse network *can* learn this task as well as the whole, if it starts right. For large networks one rewinds to an early iteration, and the mask comes from a full training.
#
# What does not follow is a cheaper way to a small network. Here training on was better. Renda et al. keep the trained weights and go back in the schedule of the learning rate, which they call **learning-rate rewinding**. In our 200 steps the rewind costs points.

# %% [markdown]
# **A ticket answers a question about learning. It is no recipe for shipping a small network.**

# %% [markdown]
# ## Exercise · Each at its best
# ★★ · 10 minutes
#
# Write `lead(ticket, other)`. Both are like `saved["ticket"]`: rate → list of (held-out %, test %), one pair for each network, always in the same order. Read each arm at the rate at which *its* mean held-out accuracy is highest. Return two things: a list with the test accuracy of the ticket minus that of the other, network by network; and `True` if one of the two chosen rates is the lowest or the highest that was tried, else `False`.
#
# <details><summary>Hint</summary>
#
# `max(runs, key=…)` goes through the rates of `runs`. Its key is a mean over `held_out for held_out, test in runs[rate]`. The rates need not be sorted.
#
# </details>


# %% tags=["exercise"]
def lead(ticket, other):
    """The lead of each network in points, and whether a chosen rate lies at the edge."""
    raise NotImplementedError


# %% tags=["check"]
check.lead(lead)


# %% tags=["solution", "hide-cell"]
def lead_solution(ticket, other):
    points, edge, chosen = [], False, []
    for runs in (ticket, other):
        best = max(runs, key=lambda rate: sum(held_out for held_out, test in runs[rate]))
        edge = edge or best in (min(runs), max(runs))
        chosen.append(runs[best])
    for (_, mine), (_, theirs) in zip(*chosen, strict=True):
        points.append(mine - theirs)
    return points, edge


# %% [markdown]
# Then ask the longer record: `saved = show.saved(steps=5000)`, and `lead(saved["ticket"], saved["reinit"])`. What is left of the lead, and what of a lead over `saved["all weights"]`?
#
# <details><summary>What others found</summary>
#
# No best rate lies at the edge. Over *reinit* a little less than a point is left, in each of the three networks. At the shared rate 0.0012 it was a little more than one: after so many steps the choice of rates took little. Over all weights it is a quarter of a point in the mean, and most of it comes from one network.
#
# </details>

# %% [markdown]
# ## Remember
#
# - Compare at each one's best learning rate: held-out images choose, test images report, and a best rate at the edge asks for a wider grid. Here, after 200 steps, much of the ticket's lead over new values went when each chose its rate.
# - Here, after training, most of what the first values bring are their signs.
# - A ticket costs several trainings, and its steps are no faster. At the two rates that we tried, training on was better.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your run measured and what the record holds.

# %% tags=["scorecard"]
claims.show("ticket_full")

# %% [markdown]
# ## Deeper
#
# ### Two readers of ten trainings
#
# When is a network done? The paper takes each network as it was when its loss on held-out images was least. This is **early stopping**. Others take it after the last iteration. The course's record has both for five dense networks and five tickets with 80 % of the weights, 50,000 iterations each. The lead of the ticket on the test images, in points:
#
# | ticket read at its | dense read at its | mean lead |
# |---|---|---|
# | stop | stop | −0.04 |
# | end | end | +0.22 |
# | stop | end | −0.23 |
# | end | stop | +0.40 |
#
# Whoever sets the stopped ticket beside the finished dense network finds it behind in all five. The reverse reading puts it ahead in all five. Both have calculated correctly, from the same ten trainings. But the last two rows contain something else: what a network gains between its stop and its end. The first and the third row differ in this alone, by 0.19 points.
#
# Why is more right at the end, although the loss has risen? Take the probabilities that a network gives to the right one of two classes: 0.8, 0.8, 0.45, 0.4, and later 0.99, 0.99, 0.9, 0.02. Three are right in place of two. But −ln 0.02 = 3.9 alone nearly doubles the mean loss, from 0.54 to 1.01. The loss punishes one confident mistake more than it rewards several right answers.
#
# So read all arms at the same kind of moment, or let the held-out images choose the moment for each, like the rate.
#
# ### Rewinding later
#
# For large networks the first values are not enough. J. Frankle et al. ([2019](https://arxiv.org/abs/1912.05671)) train a network twice, with two orders of the data, and follow the error on the straight line between the two results. If a weight is 1 in one result and 3 in the other, it is 2 halfway, and so for all weights at once. Where the error does not rise on the way, the results are *connected*. Their tickets reach full accuracy only where the two are connected. On MNIST that was so from the first values on, for large networks from an early iteration $k$ on. So people rewind to $k$:
#
# | | weights from | learning rate from |
# |---|---|---|
# | rewind to the start | the start | the start |
# | rewind to $k$ | iteration $k$ | iteration $k$ |
# | learning-rate rewinding | the end | earlier |
# | fine-tuning | the end | the end |
#
# Fine-tuning goes on with the small rate with which a training has ended. Our *trained on* has one constant rate, so it is both of the last rows at once.
#
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis*, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635); H. Zhou et al., *Deconstructing Lottery Tickets*, [arXiv:1905.01067](https://arxiv.org/abs/1905.01067). The records are made by `python course.py lottery --paper` and `python course.py bench lottery`.
#
# **Going further.** E. Malach et al., *Proving the Lottery Ticket Hypothesis: Pruning is All You Need*, [arXiv:2002.00585](https://arxiv.org/abs/2002.00585). Projects: rewind to iteration 100; search at the rate 0.0048, and ask `lead` again.
#
# **Credits.** The experiment is J. Frankle and M. Carbin's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.
