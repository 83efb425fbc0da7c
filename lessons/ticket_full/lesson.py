# ---
# jupyter:
#   course:
#     promise: You will say what a ticket is worth, by fair races against its opponents and by its price.
#     seconds: 30
#     needs: [ticket]
#     goals:
#       - compare networks at each one's best learning rate, and say when a lead is more than luck;
#       - test how much of a ticket's first values lies in their signs, and how much in their sizes;
#       - name the price of a ticket in trainings and time.
#     terms: [learning-rate rewinding]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *What becomes of a ticket's lead when its opponents get a fair race, and what does the ticket cost?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.ticket_full import show
from lessons.ticket_full import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. One mask, three sets of weights
#
# In [[ticket]] you found a ticket: a mask that keeps few weights, together with their *first* values. Let's search for a smaller one, in three rounds of training and pruning. Before each new round we rewind. In the end, 6.5 % of the weights are left. That's more than 90 % compression.
#
# Look at the network after its last cut. It has just been trained for 200 steps. To get the ticket, we'd rewind once more, and throw away what these steps have taught it. Do we need this last rewind? Let's put three sets of weights under the same mask, and train each for 200 more steps:
#
# - **ticket**: the first values, so with the last rewind;
# - **new values**: newly drawn ones, the control that we called *reinit*;
# - **trained on**: the values that the last training left, so without the last rewind.
#
# **Predict.** Which of the three will read the most digits?

# %%
import copy

from torch.nn.utils import prune

from course_utils import training
from lessons.ticket.digits import make, put_on, test_set, train


# %% search_again
def search(first):
    net = copy.deepcopy(first)
    for round in range(3):
        if round > 0:  # rewind before a new round
            for name, value in net.named_parameters():
                value.data.copy_(first.get_parameter(name.removesuffix("_orig")))  # prune has renamed it weight_orig
        train(net, steps=200, rate=0.006)  # better tickets than at 0.0012, the only other rate that we tried
        for layer, amount in zip(net.children(), (0.6, 0.6, 0.3), strict=True):  # the last layer is small: cut less
            prune.l1_unstructured(layer, "weight", amount=amount)
    return net


# %% three_under_one_mask
torch.manual_seed(0)
first = make()
trained_on = search(first)
masks = [layer.weight_mask for layer in trained_on.children()]

rate = 0.0012
ticket, new_values = put_on(copy.deepcopy(first), masks), put_on(make(), masks)
for name, net in {"ticket": ticket, "new values": new_values, "trained on": trained_on}.items():
    torch.manual_seed(1)  # the same batches for all
    train(net, steps=200, rate=rate)
    print(f"{name}: {training.evaluate(net, *test_set):.1%} right")

# %% [markdown] tags=["answer"]
# **Trained on, because it goes on from what its weights have already learned.** After the same search, its weights have been trained for 400 steps, and those of the ticket, which begins anew, for 200.

# %% [markdown]
# That's one network, and one learning rate for all three, the paper's 0.0012. Was it a fair race? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# **Try it.** In the last cell, change `torch.manual_seed(1)` to `torch.manual_seed(2)`, so that all three get other batches. Does their order stay?
#
# <details><summary>What others found</summary>
#
# It stays. Each percentage moves by a few tenths at most.
#
# </details>

# %% [markdown]
# ## 2. What is a fair race?
#
# ### Each at its best
#
# The things that an experiment compares are its **arms**.
#
# We've repeated the race in six networks, each with its own first values, new values and mask, trained every arm at six rates, and kept a record. *New values* now get new weights only, and keep the first biases. Then each arm takes one rate for all six networks: the one at which they read the most **held-out** images, images we neither train on nor report.
#
# **Predict.** When each arm has its own best rate, does the lead of the ticket over *new values* **A** grow, **B** stay, **C** shrink?

# %% over_rates tags=["hide-input"]
# Draws the accuracy of two arms over the learning rate.
show.over_rates()

# %% [markdown] tags=["answer"]
# **It shrinks (C), because a higher rate helps *new values* more.** They probably have further to go: they begin by guessing, while the ticket reads three quarters of the digits before it's trained. The lead falls from 5.6 points to 2.3. So more than half of it came from a rate that doesn't suit the opponent.

# %% [markdown]
# Why did held-out images choose, and not the test images? Here's the rule by hand, with invented numbers, in % of the images:
#
# | rate | ticket: held out | ticket: test | new values: held out | new values: test |
# |---|---|---|---|---|
# | 0.001 | 91 | 92 | 87 | 88 |
# | 0.01 | **92** | 93 | **91** | 92 |
# | 0.1 | 88 | 89 | 90 | 92.5 |
#
# At the shared rate 0.001, the ticket leads by 92 − 88 = 4 points. By the held-out images both arms choose 0.01, and the lead is 93 − 92 = 1 point. By the test images, *new values* would choose 0.1. But the best of three results is partly luck with these very images, and we'd report this luck as if the arm had earned it.
#
# ### How much is luck?
#
# Are two points more than luck? Let's train *the same* ticket six times at the rate 0.012. Only the batches differ, so any difference between the results is luck.

# %% luck
again = []
for seed in range(6):
    torch.manual_seed(seed)
    net = put_on(copy.deepcopy(first), masks)
    train(net, steps=200, rate=0.012)
    again.append(100 * training.evaluate(net, *test_set))
print(*(f"{right:.1f}" for right in sorted(again)), "% right")

# %% [markdown]
# The best and the worst of the six are more than a point apart, and they're the same ticket. So a lead of half a point in one race means nothing.
#
# Two things help. We *pair* the arms: under a network's mask, all get the same batches, and we look at the lead in this network. And we ask in how many networks the lead has the same sign. If two arms were equally good, each network would be the toss of a coin. Six heads come up once in $2^6 = 64$ tries, and so do six tails. So equal arms show **a lead in all six networks** in 2 of 64 cases, or 3 %.
#
# Would five of six be enough? Any of the six can be the exception, so equal arms agree in five or more in 2 · (6 + 1) = 14 of 64 cases. That's 22 %, too often to rely on. And 3 % is the risk of *one* comparison: the more you make, the likelier is a false win.

# %% luck_or_not tags=["hide-input"]
# Prints by how much one arm leads another in the record, and in how many networks.
show.told(("ticket", "new values"), ("trained on", "ticket"))

# %% [markdown]
# Both leads count, though that of *trained on* has shrunk as well, from about two points at the paper's rate to less than one. So with these masks, the last rewind costs points, probably because it gives away 200 steps. The record also holds a second search in the same six networks, at the paper's rate of 0.0012, which found other masks. Whether the last rewind costs points there, you'll judge in the exercise.
#
# Now we have a rule:
#
# 1. All arms try the same rates, and held-out images choose one for each arm.
# 2. If a best rate is at the edge of those that we tried, a better one may lie beyond. Then we **widen the grid**.
# 3. The test images tell the lead, network by network. It counts if all six agree.

# %% [markdown]
# ## 3. Sizes or signs?
#
# The ticket and *new values* have the same mask. So what's so good about the first values?
#
# A weight has a *size*, its magnitude, and a *sign*. **Own signs** keeps the signs of the ticket's first values, and takes new sizes; **own sizes** does the opposite. Let the first values of three kept weights be 0.3, −0.1 and −0.4, and let a new draw give −0.2, 0.5 and −0.05:
#
# | arm | sizes | signs | the three weights |
# |---|---|---|---|
# | ticket | first | first | 0.3, −0.1, −0.4 |
# | own signs | new | first | 0.2, −0.5, −0.05 |
# | own sizes | first | new | −0.3, 0.1, −0.4 |
# | new values | new | new | −0.2, 0.5, −0.05 |
#
# *Own signs* and *new values* differ in the signs alone, *own sizes* and *new values* in the sizes alone. So we compare both with the last row.
#
# The record has both new arms as well, each at its own best rate.
#
# **Predict.** Which arms will beat *new values* in all six networks: **A** own sizes only, **B** own signs only, **C** both?

# %% sizes_or_signs tags=["hide-input"]
# Draws six networks in four arms, each at its best rate, and prints the leads.
show.race("ticket", "own signs", "own sizes", "new values")
show.told(("own signs", "new values"), ("own sizes", "new values"), ("ticket", "own signs"))

# %% [markdown] tags=["answer"]
# **Own signs only (B), probably because the first signs are mostly right already.** A kept weight was pushed away from zero, so it mostly ends with its first sign; of new signs, half are wrong. *Own signs* win back most of the ticket's lead, and even untrained they're far above guessing. The sizes alone can't be told from luck.

# %% [markdown]
# The ticket is ahead of *own signs*, too, by a few tenths. In one race that could be luck. Here both arms got the same batches under the same mask, and all six networks agree, so by our rule it counts.
#
# With the masks of the second search, *own signs* lead *new values* by 0.7 points, and the ticket leads *new values* by a little more than 1.0, both in all six networks. So the signs win back seven eighths of the lead with the masks of one search, and two thirds with those of the other.

# %% [markdown]
# ## 4. What does it cost?
#
# If we train only a small part of a network, training should become cheaper. Does it? Let's count.
#
# **Trainings.** Somebody must find the mask first. Our ticket needed three trainings before its own, and the first of them trained the whole network.
#
# **Time.** PyTorch's dense matrix product multiplies zeros like any other numbers, and applying the mask is extra work. So a masked training step can't be faster than one of the whole network. Without the mask, a call takes as long as one of the whole network, because the zeros are still multiplied. A network that's really smaller can be: *narrow* has only 22 hidden units, no mask, and about as many weights as the ticket keeps.

# %% a_step_timed tags=["hide-input"]
# Times steps of three networks in turn, at a rate so small that they change next to nothing.
from functools import partial

from torch import nn

from course_utils import timing

narrow = nn.Sequential(nn.Flatten(), nn.Linear(784, 22), nn.ReLU(), nn.Linear(22, 10))
nets = {"whole": make(), "ticket": ticket, "narrow": narrow}
race = timing.compare({name: partial(train, net, 20, 1e-9) for name, net in nets.items()}, rounds=9, device="cpu")
step_ms = {name: 1000 * min(race.samples[name]) / 20 for name in nets}
print(*(f"{name}: {ms:.2f} ms a step" for name, ms in step_ms.items()), sep="\n")

# %% [markdown]
# So the ticket costs four trainings, and at least four times the time that the whole network needs for one. In *Deeper*, it races against *narrow*, and who is ahead depends on the search.
#
# What is a ticket worth, then? In our six small networks, after 200 steps, **most of what the first values are worth lies in their signs.** But *trained on* has paid for the same search, and has the same mask. The ticket throws away what the last training has taught the weights, which is probably why it lost our race. So if you want a small network and have its mask, keep the trained weights as well. **A ticket answers a question about learning. It's no recipe for a small network.**

# %% [markdown]
# ## Exercise · A referee
# ★★ · 10 minutes
#
# Write `judge(one, other)`. Both are dicts from the record, like `show.trained("ticket")`: learning rate → list of (held-out %, test %), one pair a network, in the same order for all. The rates may come in any order. Return:
#
# - the leads of `one` on the test images, network by network, each arm at its best rate;
# - the verdict: `"widen the grid"` if a best rate is at the edge, else `"one"` or `"other"` if it leads in every network, else `"open"`.
#
# <details><summary>Hint</summary>
#
# `max(runs, key=…)` goes through the rates of `runs`. Its key is a sum over `held_out for held_out, test in runs[rate]`.
#
# </details>


# %% tags=["exercise"]
def judge(one, other):
    """The leads of `one` in points, and a verdict."""
    raise NotImplementedError


# %% tags=["check"]
check.judge(judge)


# %% tags=["solution", "hide-cell"]
def judge_solution(one, other):
    chosen, edge = [], False
    for runs in (one, other):
        best = max(runs, key=lambda rate: sum(held_out for held_out, test in runs[rate]))
        edge = edge or best in (min(runs), max(runs))
        chosen.append(runs[best])
    leads = []
    for (_, mine), (_, theirs) in zip(*chosen, strict=True):
        leads.append(mine - theirs)
    if edge:
        return leads, "widen the grid"
    if all(lead > 0 for lead in leads):
        return leads, "one"
    if all(lead < 0 for lead in leads):
        return leads, "other"
    return leads, "open"


# %% [markdown]
# Then be the referee: under the masks of the second search, does the last rewind still cost points? Ask `judge(show.trained("trained on", 0.0012), show.trained("ticket", 0.0012))`. Here 0.0012 names the search.
#
# <details><summary>What others found</summary>
#
# It's open. *Trained on* is ahead in five of six: that looks like a win, but our rule asks for all six. Open doesn't mean that nothing is lost: more networks might tell.
#
# </details>
#
# ## Remember
#
# - A race is fair if each arm has its own learning rate, chosen on held-out images and not at the edge of the grid. Here the ticket's lead over new values shrank to less than half.
# - The same ticket, trained twice with other batches, often differs by half a point. So compare the arms network by network, and believe a lead if all six agree, because equal arms rarely do.
# - In our small networks, after 200 steps, signs were worth seven eighths of a ticket's lead over new values with one search's masks, and two thirds with the other's. But finding it takes several trainings, and its steps are no faster. Training on from the trained weights was better with the masks of one search; with those of the other, it's open.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("ticket_full")

# %% [markdown]
# ## Deeper
#
# ### What others report
#
# Our networks are tiny, and 200 steps are few. What do larger ones say?
#
# | who | networks | what they report |
# |---|---|---|
# | Liu et al., [2018](https://arxiv.org/abs/1810.05270) | deeper, CIFAR-10 | at a well chosen rate no gain over new values |
# | Gale et al., [2019](https://arxiv.org/abs/1902.09574) | Transformer, ResNet-50 | sparse from the start is behind pruning while training |
# | Frankle et al., [2019](https://arxiv.org/abs/1903.01611) | deeper | tickets again, if one rewinds to an *early iteration* |
# | Renda et al., [2020](https://arxiv.org/abs/2003.02389) | several | **learning-rate rewinding**, which keeps the trained weights and only sets the rate back: as good as rewinding, or better |
#
# They don't contradict each other, because they speak of different networks, learning rates and opponents. So any claim about tickets should name all three.
#
# ### Against a network that was small from the start
#
# How far does *narrow* get in 800 steps, as many as search and ticket took together?

# %% narrow_or_ticket tags=["hide-input"]
# Draws six networks in three arms, each at its best rate, and prints the leads.
show.race("trained on", "ticket", "narrow")
show.told(("ticket", "narrow"), ("trained on", "narrow"))

# %% [markdown]
# Not as far as the ticket: every ticket is above every *narrow*. But *narrow* leads the tickets found at the rate 0.0012 in five of the six networks, and in the sixth they're level. We haven't run the race with equal *times*.
#
# ### Rewinding later
#
# For large networks the first values aren't enough. J. Frankle et al. ([2019](https://arxiv.org/abs/1912.05671)) train a network twice from the same values, with two orders of the data. Then they move in a straight line from the weights of one result to those of the other, and watch the error. Where it doesn't rise on the way, the two results are *connected*. Their tickets reach full accuracy only where the two are connected. On MNIST that was so from the first values on, for large networks from an early iteration $k$ on. So people rewind to $k$, the learning rate as well.
#
# Learning-rate rewinding goes back in the schedule only. Our trainings have no schedule: the search ran at 0.006, and *trained on* then chose 0.003. So *trained on* is close to it, but not the same.
#
# **Sources.** J. Frankle and M. Carbin, *The Lottery Ticket Hypothesis*, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635), in 2018 still called *Training Pruned Neural Networks*; H. Zhou et al., *Deconstructing Lottery Tickets*, [arXiv:1905.01067](https://arxiv.org/abs/1905.01067). The record is made by `python course.py bench ticket_full`.
#
# **Going further.** E. Malach et al., *Proving the Lottery Ticket Hypothesis: Pruning is All You Need*, [arXiv:2002.00585](https://arxiv.org/abs/2002.00585). Project: give the ticket 400 steps as well, at 0.006 and then at 0.003. Does *trained on* still lead?
#
# **Credits.** The experiment is J. Frankle and M. Carbin's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.
#
# **What's still open.** Signs tell a small network which way to go. But a large trained network knows much more: how sure it is, and which digits look alike. Can it teach that to a small one ([[distillation]])?
