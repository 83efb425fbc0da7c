# ---
# jupyter:
#   course:
#     promise: You will be able to say how many bytes a copy of a network takes, and whether it is as good as the network.
#     seconds: 35
#     needs: []
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
# Sets one thread, and imports the drawing of this lesson, its check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.baseline import checks as check
from lessons.baseline import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Three networks, one accuracy
#
# A network reads handwritten digits. Two others claim to be as good: a *copy*, whose numbers take one byte each in place of four, and a *sibling*, trained in the same way from another start.
#
# The network is LeNet-300-100: three linear layers, 784 → 300 → 100 → 10. We train it in three passes over 60,000 images, the last one at a smaller learning rate. The *seed* chooses its first weights and the order of the images.

# %%
import copy

import torch

from course_utils import data, models, training

images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")


def train(model, passes, rate, seed):
    training.fit(model, images, labels, epochs=passes, batch_size=128, lr=rate, seed=seed, device="cpu")
    return model.eval()


def new_network(seed):
    torch.manual_seed(seed)
    early = train(models.LeNet300100(), 2, 0.002, seed)
    return early, train(copy.deepcopy(early), 1, 0.0002, seed + 100)


early, net = new_network(0)  # after two passes, and after three
_, sibling = new_network(1)

# %% [markdown]
# The copy is stored as `float8_e4m3fn`, a float of one byte. PyTorch has no ReLU for this type on the CPU, so `.float()` brings the rounded numbers back into four bytes. What the rounding has lost stays lost.

# %% three_networks_one_accuracy
stored = copy.deepcopy(net).to(torch.float8_e4m3fn)  # one byte a number
small = copy.deepcopy(stored).float()  # the rounded numbers, to compute with


@torch.no_grad()
def right(model):
    return model(test_images).argmax(1) == test_labels


for name, model in {"network": net, "sibling": sibling, "copy": small}.items():
    print(f"{name}: {right(model).sum():,} of {len(test_images):,} right")

# %% [markdown]
# ### The same network?
#
# By their accuracy all three are alike. In this lesson two networks *disagree* on an image when exactly one of them is right.
#
# **Predict.** Each fails on about 200 of the 10,000 images. On how many do the network and its sibling disagree: **A** fewer than 10, **B** 50 to 500, **C** more than 500?

# %% the_same_network
for name, model in {"sibling": sibling, "copy": small}.items():
    print(f"network and {name} disagree on {(right(net) != right(model)).sum()} images")

# %% [markdown] tags=["answer"]
# **B, because both networks fail on the hardest images, and each fails on some of its own.** More than 500 is impossible, since each disagreement is a failure of one of the two.

# %% [markdown]
# The copy disagrees on a handful. So one accuracy hides two cases: the copy is nearly the same network, and the sibling is another one. Which of them is as good? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** In the cell that makes the copy, change `torch.float8_e4m3fn` to `torch.bfloat16`, a float of two bytes. Run it and the last cell again. Then change it back, and run both again.
#
# <details><summary>What others found</summary>
#
# Nearly all disagreements are gone. With two bytes a number is rounded by less. [[formats]] shows what such a float can say.
#
# </details>

# %% [markdown]
# ## 2. A quarter of which bytes?
#
# - A **parameter** is a tensor that training changes through its gradient: weights and biases.
# - A **buffer** belongs to the network as well, but has no gradient.
#
# *By hand.* The first layer of LeNet has 784 · 300 = 235,200 weights and 300 biases. A float32, **fp32** for short, takes 4 bytes, so the layer takes 942,000 bytes.
#
# A *batch norm* over 8 channels learns a factor and a shift for each. These are 16 parameters, 64 bytes. In training the layer subtracts the mean of the batch and divides by its spread. But a user may send a single image, which has no batch. So the layer keeps a running mean and a running variance of each channel for later: 16 more numbers. A counter of batches takes 8 bytes. That makes 72 bytes of buffers: more than half of this layer.

# %% a_quarter_of_which_bytes
from torch import nn


def n_bytes(model):
    return sum(t.nbytes for t in [*model.parameters(), *model.buffers()])


print(f"batch norm: {n_bytes(nn.BatchNorm2d(8))} bytes")
copies = {"network": net, "copy, stored": stored, "copy, computing": small}
for name, model in copies.items():
    print(f"{name}: {n_bytes(model):,} bytes")

# %% [markdown]
# `nbytes` is the number of elements times the bytes of one. Quantized tensors of a library may name the float type that they stand for; then weigh the file. The stored copy is four times smaller. The copy that computes is as large as the network, because each rounded number has 4 bytes again. So say which bytes you mean: those of the file, or those of the running network.
#
# What you ship is a file. It holds the `state_dict`, a dictionary from the names of the parameters and buffers to their tensors.

# %%
from pathlib import Path

torch.save(stored.state_dict(), "copy.pt")
again = models.LeNet300100()
again.load_state_dict(torch.load("copy.pt"))  # becomes fp32 on the way
same = torch.equal(again(test_images), small(test_images))
print(f"{Path('copy.pt').stat().st_size:,} bytes; the same outputs: {same}")

# %% [markdown]
# The file is a little larger than the tensors, since it is an archive, which also says what each of them is called, its type and its shape.

# %% [markdown]
# ### Parameters alone
#
# SmallResNet, a trained network of the course, names pieces of clothing, and has batch norms. We save its *parameters* alone, and load them into a new network with `strict=False`, which accepts a file that lacks something.
#
# **Predict.** How many pieces does the loaded network name rightly: **A** as many as before, **B** a little fewer, **C** about as many as by guessing?

# %%
from course_utils.data import checkpoints

resnet = checkpoints.load("small_resnet")
torch.save(dict(resnet.named_parameters()), "resnet.pt")
loaded = models.SmallResNet().eval()
loaded.load_state_dict(torch.load("resnet.pt"), strict=False)
clothes, kinds = data.load("fashion_mnist", "test", n=1000)

# %% parameters_alone
for name, model in {"before": resnet, "loaded": loaded}.items():
    print(f"{name}: {(model(clothes).argmax(1) == kinds).float().mean():.0%} right")

# %% [markdown] tags=["answer"]
# **About as many as by guessing (C), because the new batch norms still have the mean 0 and the variance 1 of an untrained network.** The file lacks the buffers.

# %% [markdown]
# Without `strict=False`, PyTorch refuses, and lists the missing names. But a file can be complete and hold wrong numbers. So compare the *outputs* after loading. **A file that does not give the network back has no size worth quoting.**

# %% [markdown]
# ## 3. How sure is 98 %?
#
# Somebody tests a network on 100 images, and 90 are right. With 100 other images it would be a few more or fewer, by luck. The **standard error** says how far such a share $p$ of $n$ images typically lies from that of very many:
#
# $$\sqrt{p\,(1-p)\,/\,n} = \sqrt{0.9 \cdot 0.1 / 100} = 0.03$$
#
# So this accuracy is 90 %, give or take 3 points.
#
# The formula treats each image as the toss of a coin that falls on *right* with the probability $p$. The factor $p\,(1-p)$ says how much one toss scatters: not at all if $p$ is 1, and most if it is ½. And why the root? Lucky and unlucky images partly cancel, the better the more there are. With four times as many images, the standard error is half as large.
#
# Is luck really so large? We shuffle the 10,000 images, and cut them into 20 parts of 500.

# %% how_sure_is_98
answers = right(net).float()
p, n = answers.mean(), len(answers) // 20
parts = answers[torch.randperm(len(answers))].view(20, n).mean(1)
scatter, formula = 100 * parts.std(), 100 * (p * (1 - p) / n) ** 0.5
print(f"20 parts: from {parts.min():.1%} to {parts.max():.1%}")
print(f"they scatter by {scatter:.2f} points; the formula says {formula:.2f}")

# %% [markdown]
# It is the same network, and its best and its worst part lie some points apart. The scatter is the standard deviation of the 20 shares, and the formula foresees about as much.
#
# For all 10,000 images it gives $\sqrt{0.98 \cdot 0.02 / 10{,}000}$ = 0.0014, or 14 images. About 95 of 100 samples lie within two standard errors of the truth. So 98 % means 97.7 to 98.3 %, and the second digit after the point of a single accuracy means nothing.
#
# Now another network is tested on 10,000 *other* images. Both errors count, but seldom fully add up, so the difference scatters by $\sqrt{14^2 + 14^2}$ = 20 images. A lead counts beyond two standard errors: here beyond **40 images**. That is a coarse test.

# %% [markdown]
# ## 4. The same images
#
# In a **paired comparison** both networks see the *same* images. An image that is hard for both then lowers both accuracies, and drops out of the difference.
#
# *By hand.* Of ten images the network fails on 7, 8 and 9, and another one on 9 and 10. The other *won* 7 and 8, and *lost* 10. Its lead is 2 − 1 = 1.

# %% [markdown]
# Only the three *disagreements* tell which network is better. If both are equally good, each is the toss of a fair coin.
#
# How large a lead do coins give? Take 18 disagreements. By the formula of section 3 the share of heads scatters by $\sqrt{0.5 \cdot 0.5 / 18}$ = 0.118, which is 2.1 of 18 coins. One more head is also one tail fewer, so the lead scatters by twice as much, 4.2. That is $\sqrt{18}$.

# %% [markdown]
# ### Ahead by ten
#
# With $d$ disagreements luck makes a lead of about $\sqrt d$. We ask for more than two of these, as before: **a lead counts if it is larger than $2 \sqrt d$.** For 18 that is 8.5. So 14 : 4, a lead of ten, counts.
#
# **Predict.** Two other networks disagree on 100 images, 55 : 45. Ten ahead again. Does this lead count?

# %% [markdown] tags=["answer"]
# **No, because a hundred fair coins often lead by ten:** $\sqrt{100}$ = 10, and it takes more than 20.

# %% [markdown]
# *The fewer images two networks disagree on, the smaller is the lead that counts.*
#
# Now we can answer the question of this lesson, and "the lead does not count" is not the answer. A test with four images never finds a lead that counts, and proves nothing. Say instead **how much worse the network could be**.
#
# *By hand.* Won 50, lost 55: behind by 5, and luck makes $2 \sqrt{105}$ = 20. So this network may be worse by about 25 images, a quarter of a point. If they never disagree on many images, we say 3: a network that loses 3 on average loses none in only 5 of 100 tests. Say *before* the test how much worse you would accept. We accept ten images, a tenth of a point.


# %%
def duel(a, b):
    """Images that b wins from a, and images that it loses."""
    won = (right(b) & ~right(a)).sum().item()
    lost = (right(a) & ~right(b)).sum().item()
    luck = 2 * (won + lost) ** 0.5
    worse = max(0, lost - won + luck) if won + lost else 3
    print(f"won {won}, lost {lost}, lead {won - lost}; it counts beyond {luck:.1f}; may be worse by {worse:.0f}")
    return won, lost


by_sibling = duel(net, sibling)
by_copy = duel(net, small)

# %% [markdown]
# ### Ten thousand images
#
# Each square is one test image, in the order of the file.

# %% squares tags=["hide-input"]
# Draws a square for each test image, coloured where the two networks disagree.
show.squares(right(net), {"sibling": right(sibling), "copy": right(small)})

# %% [markdown]
# In our run the copy may be worse by less than the ten images that we accept: by this measure it is as good. The sibling may be worse by more. All this is luck of the images; another seed is luck again, as *Deeper* says.

# %% [markdown]
# ## 5. Better than what?
#
# A colleague stores the network in one byte *before* its last pass. Then she trains that pass, and stores it in one byte again. Her copy wins against the network before that pass: "One byte is *better* than four!"

# %% [markdown]
# Before its last pass the network is our `early`, after two passes.


# %% better_than_what
def in_one_byte(model):
    return copy.deepcopy(model).to(torch.float8_e4m3fn).float()


hers = in_one_byte(train(in_one_byte(early), 1, 0.0002, 100))

# %% better_than_what_2
her_claim = duel(early, hers)

# %% [markdown]
# ### What did the byte do?
#
# The lead counts, by far, so luck does not explain it.
#
# **Predict.** Now her copy meets the network *after* the same last pass. How large is its lead: **A** as large as before, **B** about half, **C** about 0?

# %% what_did_the_byte_do
the_pass = duel(early, net)  # the pass, without the byte
the_byte = duel(net, hers)  # the byte; both had the pass

# %% [markdown] tags=["answer"]
# **About 0 (C), because now the two networks differ in nothing but the byte.** In her claim they differed in a pass of training as well.

# %% [markdown]
# The first line is the control: the pass without the byte. It brings about as much as she gained.
#
# What a gain is measured against is called the **baseline**. It is fair if it got all that the new network got, but for the one thing under test: the same images, the same training, the same care in choosing the learning rate. A poor baseline makes a method look good, and that holds for speed as well ([[choosing]]). Whenever you read *better*, *smaller* or *faster*, ask: *than what?*

# %% [markdown]
# ## Exercise · Is it as good?
# ★★ · 10 minutes
#
# Write `compare(a, b, images, labels)`. `a` is the network that you have, `b` the new one, both in evaluation mode. Either may be stored in another type that it computes in, such as float16: give it the images in that type.
#
# Return five values: the bytes of `a`, the bytes of `b`, how many images `b` won, how many it lost, and whether the lead counts (True or False), whoever is ahead. Then try `compare(net, sibling, test_images, test_labels)`.
#
# <details><summary>Hint</summary>
#
# A network's type is that of its parameters: `next(model.parameters()).dtype`, and `images.to(dtype)` converts. Bytes are those of section 2, won and lost those of section 4.
#
# </details>


# %% tags=["exercise"]
def compare(a, b, images, labels):
    """Bytes of a, bytes of b, images that b won, images that b lost, and whether the lead counts."""
    raise NotImplementedError


# %% tags=["check"]
check.compare(compare)


# %% tags=["solution", "hide-cell"]
def compare_solution(a, b, images, labels):
    def size(model):
        return sum(t.nbytes for t in [*model.parameters(), *model.buffers()])

    def answers_rightly(model):
        x = images.to(next(model.parameters()).dtype)
        with torch.no_grad():
            return model(x).argmax(1) == labels

    right_a, right_b = answers_rightly(a), answers_rightly(b)
    won = (right_b & ~right_a).sum().item()
    lost = (right_a & ~right_b).sum().item()
    counts = abs(won - lost) > 2 * (won + lost) ** 0.5
    return size(a), size(b), won, lost, counts


# %% [markdown]
# ## Remember
#
# - Count the bytes of parameters and buffers, and quote the size of a file only after it has given the network back.
# - An accuracy scatters by √(p(1 − p) / n). On the same images only the disagreements count, and a lead must be larger than twice their root; if it is not, say how much worse the network could be.
# - A baseline gets all that the new network got, but for the one thing under test.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("baseline")

# %% [markdown]
# ## Deeper
#
# ### Two networks, or two methods?
#
# Won and lost on images speak of *two networks*: on other images of this kind, the one whose lead counts would probably win again. They do not say that the *method* behind it is the better one. Train both once more, and the order may change. To compare methods, train each with several seeds, and let both have the same seeds and the same number of steps, each at its best learning rate.
#
# Then a seed takes the place of an image: is the new method ahead with this seed, or behind? The **sign test** asks how often coins fall at least as one-sidedly, to one side or the other. Five coins fall in 2⁵ = 32 ways. All heads or all tails are 2 of them, so luck alone gives 5 : 0 or 0 : 5 in 6 of 100 cases. Six of six are 2 of 64, 3 of 100. By their signs alone three seeds that agree are a hint, and six are evidence. The rule $2 \sqrt d$ is an approximation of this test. `scipy.stats.binomtest(won, won + lost)` counts exactly; for two networks it is also called the exact McNemar test.
#
# And choose rates on images that were kept apart from the training images. Whoever takes the best of many tries by the *test* images also takes the luckiest.
#
# ### Why is the file of a part as large as the whole?
#
# We save one row of the first layer, 784 of its 235,200 numbers.

# %%
weight = net.fc1.weight.detach()
for name, row in {"slice": weight[:1], "its clone": weight[:1].clone()}.items():
    torch.save(row, "row.pt")
    print(f"{name}: {Path('row.pt').stat().st_size:,} bytes")

# %% [markdown]
# A slice has no memory of its own. It is a *view* into the memory of the whole layer, the *storage*, and `torch.save` writes whole storages. `clone()` makes a tensor with a storage of its own. If you have cut a network, and its file is as large as before, look for a slice.
#
# ### Why not save the network itself?
#
# `torch.save(net)` writes a Python object. Such a file can be read only where the class of the network is found at the same place. Loading it may run code that somebody has hidden in it. So `torch.load` reads tensors and plain values alone, unless you say `weights_only=False`. Do that for a file that you trust, and ship a `state_dict`.

# %% [markdown]
# **Sources.** S. Han, H. Mao and W. J. Dally, *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149): table 1 has this network, its error and its bytes. T. G. Dietterich, *Approximate statistical tests for comparing supervised classification learning algorithms*, 1998, [doi:10.1162/089976698300017197](https://doi.org/10.1162/089976698300017197).
#
# **Going further.** P. Micikevicius et al., *FP8 formats for deep learning*, 2022, [arXiv:2209.05433](https://arxiv.org/abs/2209.05433). Project: take two networks from a model hub, and say on how many images they disagree.
#
# **Credits.** MNIST: Y. LeCun, C. Cortes and C. Burges. Text CC BY 4.0, code MIT.
