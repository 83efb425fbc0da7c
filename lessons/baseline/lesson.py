# ---
# jupyter:
#   course:
#     promise: You will be able to say how many bytes a copy of a network takes, and whether it is as good as the network.
#     seconds: 25
#     needs: []
#     values:
#       net: f'{100 * answers["network"].float().mean():.1f}'
#       fine: f'{100 * answers["fine copy"].float().mean():.1f}'
#       coarse: f'{100 * answers["coarse copy"].float().mean():.1f}'
#       sibling: f'{100 * answers["sibling"].float().mean():.1f}'
#     goals:
#       - count the bytes of a network, and check the file that holds it;
#       - say how sure an accuracy is;
#       - compare two networks on the same images, by what one wins and loses.
#     terms: [baseline, buffer, fp32, paired comparison, parameter, sign test, standard error]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *A copy takes a quarter of the bytes. Is it as good as the network?*

# %% tags=["setup", "hide-input"]
# Sets the seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.baseline import show
from lessons.baseline import tasks as check

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Four networks, and hardly a difference
#
# LeNet recognizes handwritten digits. Suppose that its file is too large for a device. So we make copies whose numbers take one byte each instead of four. PyTorch has two suitable floats: `float8_e4m3fn` rounds more finely, and `float8_e5m2` more coarsely. A colleague offers one more network, a *sibling*, which was trained in the same way, but from other first weights, and saw the images in another order.
#
# How much worse may a network be before we reject it? We decide **before we see any result**, because afterwards we'd be tempted to choose a limit that our favourite just meets. We'll accept ten more failures on the 10,000 test images, one in a thousand. We call this limit our **tolerance**.

# %%
import copy

import torch

from course_utils import checkpoints, data, models
from lessons.baseline.experiment import train_sibling

images, labels = data.load("mnist", "test")
net = checkpoints.load("lenet_mnist")  # comes with the course, already trained on 12,000 images
stored = copy.deepcopy(net).to(torch.float8_e4m3fn)  # each number in one byte
fine = copy.deepcopy(stored).float()  # the rounded numbers, in a type that can compute
coarse = copy.deepcopy(net).to(torch.float8_e5m2).float()
sibling = train_sibling(seed=1)  # on the same 12,000 images, by the same recipe


# %% four_networks
@torch.no_grad()
def right(model, images, labels):
    return model(images).argmax(1) == labels


networks = {"network": net, "fine copy": fine, "coarse copy": coarse, "sibling": sibling}
answers = {name: right(model, images, labels) for name, model in networks.items()}
for name, good in answers.items():
    print(f"{name:11} {good.float().mean():.1%} right")

# %% [markdown]
# The four accuracies look much alike. But do the networks also fail on the same images? In this lesson, two networks **disagree** on an image if exactly one of them is right.
#
# **Predict.** The network and its sibling each fail on about 300 of the 10,000 images. On how many do they disagree: **A** fewer than 20, **B** 100 to 500, or **C** more than 700?

# %% squares tags=["hide-input"]
# Draws a square for each test image, in random order, coloured where the network and another one disagree.
show.squares(answers, ["sibling", "fine copy"])

# %% [markdown] tags=["answer"]
# **B, because the hardest images are too hard for both, but each network also fails on some images of its own.** More than about 600 is impossible, since each disagreement is a failure of one of the two. As the squares show, the fine copy is nearly the same network, and the sibling is another one.

# %% [markdown]
# Which of the three is as good as our network? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Count all the bytes
#
# First, does the copy really need only a quarter of the bytes? What has to be counted?
#
# - A **parameter** is a tensor that training changes by its gradient: the weights and the biases. LeNet has 60,074 of these numbers. A float of 32 bits, **fp32** for short, takes 4 bytes, so that's 240,296 bytes.
# - A **buffer** is a tensor that the network also needs, but that has no gradient. LeNet has none. But take a *batch norm* over 8 channels. While it trains, it subtracts from each channel its mean over the batch, and divides by its standard deviation. Later a user may send a single image instead of a batch. So the layer keeps a running mean and a running variance for each channel. These are 16 floats, 64 bytes, and a counter of batches takes 8: 72 bytes of buffers. Its parameters, a factor and a shift for each channel, are another 16 floats, 64 bytes.


# %% all_the_bytes
def n_bytes(model):
    return sum(t.nbytes for t in [*model.parameters(), *model.buffers()])


print([n_bytes(model) for model in (torch.nn.BatchNorm2d(8), net, stored, fine)])

# %% [markdown]
# These are the bytes of the batch norm, of the network, of the fine copy as it is stored, and of the fine copy when it computes.
#
# **Try it.** How many bytes would a batch norm over 64 channels take? Work it out, then change `8` to `64`.
#
# <details><summary>What others found</summary>
#
# 64 · 16 + 8 = 1,032 bytes: eight times as many floats, but still one counter.
#
# </details>
#
# As it is stored, the copy is four times smaller than the network. But this lesson runs on a CPU, where PyTorch has no convolution for these floats. That's why `.float()` has brought the rounded numbers back to 4 bytes, and the copy that computes is as large as the network. So say which bytes you mean: those of the file, or those of the running network.
#
# ### Does the file give the network back?
#
# What you ship is a file, usually with the `state_dict`, a dictionary of the parameters and buffers by their names. To check the file, load it into a *new* network, and compare its outputs with those of the old one.
#
# LeNet has no buffers, so our example is SmallResNet, a network with batch norms that classifies photos of clothing. We save it twice, once with its parameters alone. `strict=False` tells PyTorch to accept a file that lacks something.
#
# **Predict.** With the parameters alone, how many photos does the loaded network get right: **A** about as many as by guessing, **B** a little fewer than before, or **C** as many as before?

# %% parameters_alone
from pathlib import Path

resnet = checkpoints.load("small_resnet")
photos, kinds = data.load("fashion_mnist", "test", n=1000)
path = Path("resnet.pt")
for content in (resnet.state_dict(), dict(resnet.named_parameters())):
    torch.save(content, path)
    loaded = models.SmallResNet().eval()
    loaded.load_state_dict(torch.load(path), strict=False)
    same = torch.equal(loaded(photos), resnet(photos))
    score = right(loaded, photos, kinds).float().mean()
    print(f"{path.stat().st_size:,} bytes, same outputs: {same}, {score:.0%} right")

# %% [markdown] tags=["answer"]
# **About as many as by guessing (A), because the file lacks the buffers.** The new batch norms still have the mean 0 and the variance 1 of an untrained network, so the layers behind them get values that they've never seen.

# %% [markdown]
# There was no error. `load_state_dict` returns a list of what is missing, but our code threw it away. And even a complete file can hold wrong numbers, so compare the outputs.
#
# The first file is about 3 % larger than the 311,512 bytes that `n_bytes` counts, because it also holds each tensor's name, type and shape, and some padding.

# %% [markdown]
# ## 3. How sure is an accuracy?
#
# The copies are small. Are they as good? With other test images, each accuracy would be a little higher or lower, by luck. How much?
#
# Suppose that a network gets 90 of 100 images right. With very many images, we'd find out its true share. The **standard error** says how far the share $p$ that we see on $n$ images typically lies from it:
#
# $$\sqrt{\frac{p\,(1-p)}{n}} = \sqrt{\frac{0.9 \cdot 0.1}{100}} = 0.03$$
#
# That's 3 points. The formula treats each image as the toss of a coin that shows *right* with probability $p$. The variance of a single toss is $p\,(1-p)$, which is largest if $p$ is ½. Lucky and unlucky images partly cancel, and that's where the root comes from: with four times as many images, the standard error is half as large.
#
# In about 95 of 100 tests, the result lies within *two* standard errors of the true share. But if the result is that close to the true share, then the true share is just as close to the result. So 90 of 100 images means 84 to 96 %.
#
# Is luck really so large? Let's shuffle our 10,000 images, and cut them into 20 tests of 500.

# %% twenty_tests
good = answers["network"].float()
tests = good[torch.randperm(len(good))].view(20, -1).mean(1)  # the accuracies of 20 tests
error = (0.971 * 0.029 / 500) ** 0.5
within = ((tests - 0.971).abs() <= 2 * error).sum()
print(f"{tests.min():.1%} to {tests.max():.1%}, standard error {error:.2%}, {within} tests within two of them")

# %% [markdown]
# It's the same network each time, and yet its best test is a few points above its worst.
#
# For all 10,000 images, the formula gives √(0.971 · 0.029 / 10,000) = 0.0017. Two of these are 0.34 points, or 34 images: far too coarse for our tolerance of ten.

# %% [markdown]
# ## 4. Only the disagreements count
#
# But we've left something out: all four networks saw the *same* images. An image that is too hard for two networks lowers both accuracies, and doesn't say which is better. So we compare image by image, which is called a **paired comparison**.
#
# Suppose that our network fails on images 7, 8 and 9, and another one fails on 9 and 10. Then the other one has *won* images 7 and 8, and *lost* image 10. Its **lead** is 2 − 1 = 1.
#
# Could a lead be luck? If both networks are equally good, each disagreement is like the toss of a fair coin: heads it's won, tails it's lost. So we toss 16 coins, note the lead, heads minus tails, and do this 10,000 times. Then we do the same with 100 coins.
#
# **Predict.** One network has won 13 images and lost 3. Another has won 55 and lost 45. Both lead by ten. Which of these leads would surprise you if only luck were at work: **A** both, **B** the second one's, or **C** the first one's?

# %% toss
tosses = torch.randint(2, (10_000, 100)) * 2 - 1  # 1: won, -1: lost
leads = {d: tosses[:, :d].sum(1) for d in (16, 100)}

# %% coins tags=["hide-input"]
# Draws how often each lead came up, with 16 coins and with 100.
show.coins(leads)

# %% [markdown] tags=["answer"]
# **The first one's (C), because a lead of ten is rare with 16 tosses, and common with 100.** A typical lead is 4 with 16, and 10 with 100.

# %% [markdown]
# With $d$ coins, a lead is typically about $\sqrt d$. It's a root again, because heads and tails partly cancel. As in section 3, we allow luck two of these:
#
# $$\text{a lead counts if it is larger than } 2\sqrt d$$
#
# In the picture, these leads are orange. Luck alone makes them in only a few of a hundred tests.

# %% [markdown]
# ## 5. How much worse could it be?
#
# If a lead doesn't count, are the two networks equally good? No: in a test of four images, no lead ever counts, and you've shown nothing. So let's turn the question round, and ask how much worse the other network *could* be.
#
# Suppose that of 10,000 images it won 40 and lost 60. Its lead is 40 − 60 = −20, and luck alone could shift it by about 2 · √100 = 20 in either direction. That root was for a fair coin, and this one may not be fair. But a fair coin's toss has the largest variance (section 3), so luck shifts the lead no further. So on very many images of this kind, its lead is probably somewhere from −40 to 0 for each 10,000. We compare this **range** with our tolerance of ten images:
#
# - If the whole range is at −10 or above, the network is **as good**, within our tolerance.
# - If the whole range is below −10, it's **worse**.
# - Otherwise, as with −40 to 0, we **can't tell** without more test images.
#
# One exception: a test without any disagreement would leave no room for luck. So **if there are fewer than five disagreements, we count five**. With four, no lead can count, since 4 isn't larger than 2 · √4, but 5 is larger than 2 · √5 = 4.5.
#
# Now for our three.


# %% won_and_lost
def won_and_lost(base, other):  # where each is right
    return (other & ~base).sum().item(), (base & ~other).sum().item()


results = {name: won_and_lost(answers["network"], answers[name]) for name in list(networks)[1:]}

# %% ranges tags=["hide-input"]
# Draws the lead of each network with its range, and the tolerance.
show.ranges(results, tolerance=10)

# %% [markdown]
# The dot is the lead, and the bar is the range. The **fine copy** is as good, because its bar lies to the right of the dashed line. The **coarse copy** is worse, although its accuracy is only about a quarter of a point lower: it disagrees on so few images that luck can hardly explain this. These verdicts are about our network, and not about the two floats, as *Deeper* shows. **The fewer images two networks disagree on, the smaller a lead you can trust.** The **sibling** disagrees on many more, so its bar is far longer, about 30 images to either side. If it crosses the dashed line, as ours does, we can't tell.
#
# How many images would settle it? With ten times as many, the tolerance is 100, but about 2,500 disagreements leave luck only 2 · √2,500 = 100. So a sibling with a lead of 0 needs about 100,000 images to be as good.

# %% [markdown]
# ## Exercise · Is it as good?
# ★★ · 10 minutes
#
# Write `judge(net, other, images, labels, tolerance)`. It returns two values: how many bytes fewer `other` has than `net`, and the verdict on `other` by the rules of section 5, which is `"as good"`, `"worse"` or `"can't tell"`.
#
# Then let SmallResNet meet a narrower one, which takes about half a minute: `judge(resnet, checkpoints.load("small_resnet_half"), *data.load("fashion_mnist", "test"), tolerance=10)`.
#
# <details><summary>Hint</summary>
#
# Luck can shift the lead by `2 * max(won + lost, 5) ** 0.5`. The range reaches from lead − luck to lead + luck.
#
# </details>
#
# <details><summary>What others found with SmallResNet</summary>
#
# It saves three quarters of the bytes, but it's worse.
#
# </details>


# %% tags=["exercise"]
def judge(net, other, images, labels, tolerance):
    """The bytes that `other` saves, and "as good", "worse" or "can't tell"; the tolerance is a number of images."""
    raise NotImplementedError


# %% tags=["check"]
check.judge(judge)


# %% tags=["solution", "hide-cell"]
def judge_solution(net, other, images, labels, tolerance):
    def size(model):
        return sum(t.nbytes for t in [*model.parameters(), *model.buffers()])

    with torch.no_grad():
        base, new = (model(images).argmax(1) == labels for model in (net, other))
    won, lost = (new & ~base).sum().item(), (base & ~new).sum().item()
    lead, luck = won - lost, 2 * max(won + lost, 5) ** 0.5
    if lead - luck >= -tolerance:
        verdict = "as good"
    elif lead + luck < -tolerance:
        verdict = "worse"
    else:
        verdict = "can't tell"
    return size(net) - size(other), verdict


# %% [markdown]
# ## Remember
#
# - Count the bytes of parameters and buffers, and load a file before you quote its size.
# - The standard error of an accuracy is √(p(1 − p)/n), but on the same images only the disagreements count, and luck alone rarely makes a lead of more than twice the square root of their number.
# - Choose the tolerance before you test: a network is as good if the whole range of its lead stays within the tolerance.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("baseline")

# %% [markdown]
# ## Deeper
#
# ### Two networks, or two methods?
#
# If the bar of the fine copy lies to the right of 0, this copy may be a little better than its network. But a test like ours speaks of *two networks*, on images of one kind. Whether rounding to `float8_e4m3fn` helps or hurts is a question about a *method*, and a network trained from another seed may answer it differently. So train several networks, round each, and note how often the copy is ahead. Now a network takes the place of an image.
#
# With so few tosses you can count exactly. Five coins fall in 2⁵ = 32 ways, and in two of them all fall alike. So luck alone gives 5 : 0 or 0 : 5 in 6 of 100 cases, and 6 : 0 or 0 : 6 in 3. This is the **sign test**, and `scipy.stats.binomtest(won, won + lost).pvalue` works it out for any numbers. For two networks on the same images it's the exact form of McNemar's test, which [Dietterich, 1998](https://doi.org/10.1162/089976698300017197), recommends where each method is trained only once. Our $2\sqrt d$ approximates it: from five disagreements on, luck passes it in no more than about 7 of 100 tests.
#
# ### Better than what?
#
# A colleague rounds a network to one byte, and trains it for another epoch. Suppose that her copy now beats the network that she started from: "One byte is better than four!" But two things have changed, the bytes and an epoch of training. To see what the bytes did, give the network in four bytes the same epoch, and compare with *that*.
#
# What a gain is measured against is called the **baseline**. It's fair if it got everything that the new network got, except the one thing under test: the same images, the same training, and the same care in choosing the learning rate.
#
# ### Why not save the network itself?
#
# `torch.save(net, path)` writes a Python object. Reading it needs the class of the network at the same place, and may run code that somebody has hidden in it. That's why `torch.load` reads only tensors and plain values, unless you say `weights_only=False`. Do that for files that you trust, and ship a `state_dict`.

# %% [markdown]
# **Sources.** P. Micikevicius et al., *FP8 formats for deep learning*, 2022, [arXiv:2209.05433](https://arxiv.org/abs/2209.05433): the two floats of one byte.
#
# **Going further.** In medicine, a test with a tolerance, there called a *margin*, is a *non-inferiority test*. Project: take two networks from a model hub, and say on how many images they disagree.
#
# **Credits.** MNIST: Y. LeCun, C. Cortes and C. Burges. Text CC BY 4.0, code MIT.
#
# **What's next.** A copy that is a quarter as large and as good: does it also need a quarter of the energy? In [[energy]], arithmetic at half the price saves less than one per cent.
