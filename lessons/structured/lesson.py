# ---
# jupyter:
#   course:
#     promise: You will make a trained network really smaller and faster, and measure what it cost.
#     seconds: 40
#     needs: [measuring, prune_module]
#     goals:
#       - Say what dim and n mean in structured pruning, and why a mask over channels saves nothing.
#       - Cut channels out of chained layers by hand, with everything that belongs to them.
#       - Follow one channel through a residual network, and let torch-pruning cut all that must be cut together.
#       - Estimate the batch norm's statistics anew before you judge a cut.
#       - Find out by an experiment what made a cut network good.
#     terms: [channel, group, shortcut, statistics estimated anew, surgery]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *From zeros in a mask to a network that is really smaller and faster.*
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
# *For the lecturer, 1 min.* Say: "Who has pruned a network? And who has seen it become faster?" Write both counts on the board. Then the story of the page: "A laundry sorts clothes with a camera over a conveyor belt. The network is good enough, and the processor too slow for it. Somebody has set half of the network to zero. Does that help?" The exercise comes back to the laundry. "In two minutes we
# measure it."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch
import torch_pruning as tp
from torch import nn
from torch.nn.utils import prune

from course_utils import data, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims
from lessons.structured import checks as check
from lessons.structured import show

runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "skip"}
# A laundry sorts clothes with a camera over a conveyor belt. SmallResNet, a small convolutional network, tells the pieces apart well enough, but the processor beside the belt needs too long for an image, and its memory is nearly full. Somebody has read that networks can be pruned, sets half of the network to zero, and measures again.
#
# In [[prune_module]] a **mask** of zeros and ones was multiplied by the weights of one layer. The masked layer was still as large and as slow as before, because a zero is stored and multiplied like any number. This lesson takes the step from the zeros to a network that is really smaller. It removes whole **channels** (a convolution gives a stack of maps, and each of them is an output channel), looks for everything that must be removed with them, and asks at the end whether it was worth the trouble.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. A surprise in one minute
#
# SmallResNet comes trained on Fashion-MNIST. In one copy `ln_structured` masks the weaker half of the output **channels** of each convolution. In a second one `remove` makes these zeros permanent. A third copy is *cut*.
#
# **Predict.** How much smaller is the file of the *masked* network, how much faster is it, and why? **A** half the bytes, half the time. **B** the same bytes and
# time. **C** *more* bytes, similar time.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* A convolution gives a stack of maps, and each map is a channel. Show of hands for A, B, C. Show the picture: a block is a convolution, hatched channels are zero. It is C: the mask is one more tensor in the file. Where the rows *masked* and *mask removed* differ from 1 in speed,
# it is probably the clock, or the product with the mask. If somebody asks why half of the channels leave so much less than half of the file: a convolution loses inputs and outputs; section 6 counts. Then point at the last two rows: "Only these are smaller networks. How they are made is the rest of the lesson." The last row
# comes back in section 6.

# %% slideshow={"slide_type": "skip"}
images, labels = data.load("fashion_mnist")
test_set = data.load("fashion_mnist", "test")
one_image, many_images = (test_set[0][:n].to(device) for n in (1, 64))
dense = checkpoints.load("small_resnet").to(device)

masked, removed = copy.deepcopy(dense), copy.deepcopy(dense)
for conv in show.convolutions(masked):
    prune.ln_structured(conv, "weight", amount=0.5, n=2, dim=0)
for conv in show.convolutions(removed):
    prune.ln_structured(conv, "weight", amount=0.5, n=2, dim=0)
    prune.remove(conv, "weight")

# %% [markdown] slideshow={"slide_type": "skip"}
# The cut copies are made by the package torch-pruning. Read the next cell as "cut half of the channels out of a copy, and leave the last layer as it is"; section 4 explains its lines. `choose_by` rates the channels. We use two ratings all through the lesson: by the *norm* of the weights, and by *chance*. The second one is the opponent that a clever rating has to beat.


# %% slideshow={"slide_type": "skip"}
def cut(net, choose_by, ratio=0.5):
    """A copy of `net` without a share `ratio` of its channels, those that `choose_by` rates lowest."""
    small = copy.deepcopy(net)
    tp.pruner.BasePruner(small, one_image, importance=choose_by, pruning_ratio=ratio, ignored_layers=[small.fc]).step()
    return small.eval()


by_norm, by_chance = tp.importance.GroupMagnitudeImportance(p=2), tp.importance.RandomImportance()
cuts = {"cut, by norm": cut(dense, by_norm)}
for draw in range(2):
    runtime.seed_all(draw)
    cuts[f"cut, by chance {draw + 1}"] = cut(dense, by_chance)

# %% slideshow={"slide_type": "skip"}
small_one = cuts["cut, by norm"]
networks = {"dense": dense, "masked": masked, "mask removed": removed, "cut, by norm": small_one}
networks["cut, by chance"] = cuts["cut, by chance 1"]
with torch.no_grad():
    jobs = {name: lambda net=net: net(many_images) for name, net in networks.items()}
    batch_speed = timing.compare(jobs, rounds=9, device=device)
file_bytes = {name: size_report(net).file_bytes for name, net in networks.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the channels and the zeros of each network, the bytes of its file, and its speed.
show.surprise(networks, batch_speed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The masked file is nearly twice as large as the dense one, and the network is not clearly faster (C), because the mask lies in the file beside the weights.** Only the last two rows are smaller networks.
#
# <!-- page -->
#
# The reason is that of [[prune_module]]: the mask is a second tensor of the same size, and after `remove` a zero still takes four bytes and a multiplication, like any number. (The speeds of *masked* and *mask removed* are not exactly 1, probably because of the clock, or for the first of them because of the product with the mask.)
#
# The cut networks have fewer numbers, fewer products, and a shorter time. Notice that the two of them have the same shape, and so the same bytes and the same products (their speeds differ somewhat, probably because the processor does not run equally fast all the time): *how many* channels are cut decides about bytes and time, and *which* ones are cut can only decide about accuracy. Does it? Sections 5 and 6 will tell.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Weights, channels, heads, layers
#
# *Unstructured* pruning sets single weights to zero, wherever they are. *Structured* pruning removes whole pieces:
#
# | what is removed | a smaller dense matrix is left? |
# |---|---|
# | single weights | no: the shape stays, with holes |
# | channels (filters) of a convolution, neurons of a linear layer | yes |
# | heads of an attention layer | yes |
# | whole layers or blocks | yes, fewer of them |
#
# So "pruned" alone does not mean smaller or faster. And to save memory nobody has to remove a whole layer: one channel will do.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say: "A shape without holes needs no special format and no special kernel." Ask for each
# row: "Which library must know about it?" Only the first row needs one that skips zeros. Draw the matrix with the rows 3 4 and 1 2, and remove two of its weights in three ways. Without 1 and 2 the second row is empty, and (3 4) does the work; without 3 and 1 the first column is, and one column does it; without 4 and 1 there are holes in both, and nothing gets smaller. Which row is weaker, by its length? √(9 + 16) = 5, √(1 + 4) = 2.2: the second. The next question is how PyTorch names the pieces.

# %% [markdown] slideshow={"slide_type": "skip"}
# (A *head* is one of the equal parts that work side by side in an attention layer. The networks of this lesson have no such layer.)
#
# Why do the pieces matter? Suppose a layer has two outputs and two inputs, and the weights
#
# $$W = \begin{pmatrix} 3 & 4 \\ 1 & 2 \end{pmatrix}.$$
#
# We may remove two of the four weights. If we remove the 1 and the 2, the second *row* is empty, so the second output is always 0 (as long as there is no bias). A matrix of one row, (3 4), computes all that is left, with ordinary code. If we remove the 3 and the 1, the first *column* is empty: the first input need not be read, and a matrix of one column is left. But if we remove the 4 and the 1, a 3 and a 2 are left on the diagonal, and each row and each column is still needed. That matrix has holes, and an ordinary product multiplies them like any number. So it is not the *number* of zeros that makes a matrix smaller, but whether they fill whole rows or columns.
#
# Which row is weaker? The **L2 norm** of a row is its length, the root of the sum of squares: $\sqrt{9 + 16} = 5$ for the first row, $\sqrt{1 + 4} = 2.2$ for the second. Of the columns the first has $\sqrt{9 + 1} = 3.2$ and the second $\sqrt{16 + 4} = 4.5$. So by the norm the second row is removed if we ask for rows, and the first *column* if we ask for columns.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### `dim` says along which axis the pieces lie
#
# The weight of a convolution has the shape (output channels, input channels, window height, window width); LeNet's `conv2` has 16 × 6 × 3 × 3.
#
# **Predict.** `ln_structured(conv2, "weight", amount=0.5, n=2, dim=…)`: how many of the 864 weights are zero with `dim=0`, with `dim=1`, with `dim=3`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room write three numbers. Then let three people draw what each dim leaves: rows, blocks or stripes. Click. The first panel is for comparison: single weights. With dim 0 it is 8 rows of 54 weights, 432; with dim 1 it is 3 inputs for 16 outputs of 9, 432 again. With dim 3 half
# of 3 must be a whole number: 2, so two thirds of 864, 576. Ask: "Which could a smaller dense layer replace?" All but the first panel. The last one becomes a kernel of 3
# × 1; which column is kept decides how the input must be cropped.

# %% slideshow={"slide_type": "skip"}
masks = show.masks_of_conv2()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the masks of four calls; a row is an output channel, a block of nine an input channel.
show.pieces(masks)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **432 weights are zero with `dim=0` and with `dim=1`, and 576 with `dim=3`, because half of three columns is rounded to two.**
#
# `dim=0` empties 8 of the 16 output channels, which are rows in the picture: $8 \cdot 54 = 432$. They are what the second row was in our little matrix. `dim=1` empties 3 of the 6 input channels: $3 \cdot 16 \cdot 9 = 432$. The layer no longer reads them, so the layer *before* it could stop computing them. `dim=3` removes the same columns from every window of 3 × 3 weights; a window has 3, `round(1.5)` is 2, and $864 \cdot 2/3 = 576$. A dense layer with windows of 3 × 1 could take its place; which column is kept decides how the input must be cropped for it. In a linear layer the rows (`dim=0`) are its neurons and the columns (`dim=1`) its inputs.
#
# `n` says by which norm the pieces are ranked: `n=1` adds absolute values, `n=2` is the length, `n=inf` takes the largest weight alone. `random_structured` draws the pieces. Remember what `ln_structured` does *not* look at: it sees only the weights of this one layer. A channel of small weights can matter, where its inputs are large, or where the batch norm behind it multiplies it by a large factor.


# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. Surgery by hand
#
# LeNet: `conv1` (1 → 6) → ReLU, pool → `conv2` (6 → 16) → ReLU, pool → flatten → `fc1` (400 → 120). After the second pool each of the 16 channels is a map of
# 5 × 5. We keep 3 channels of `conv1` and 8 of `conv2`, and cut the others out by hand: **surgery**.
#
# **Predict.** How many columns of `fc1` are removed with *one* channel of `conv2`: **A** 1, **B** 5, **C** 25? And how many tensors change in all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* First two neurons on the board: h = (3, 0.5), y = 2 · 3 + 4 · 0.5 = 8; the second neuron has the row (1, −1), the bias 1.5, and the 4. Strike out all three: y = 6. Then a minute in pairs, on paper: a list of tensors and a letter. The answer is
# C, 5 · 5 pixels side by side, and five tensors: two weights, two biases, and the columns of fc1. Read the code line by line: "rows and bias here, columns in the layer that reads
# them." conv2 is cut twice, and that is one tensor. The bias of fc1 stays, because fc1 keeps its 120 outputs. The `view` gives the 400 columns two axes, 16 channels of 25 pixels.

# %% [markdown] slideshow={"slide_type": "skip"}
# A case with two neurons, to be done with a pencil before the code. Two inputs, $x = (1, 2)$; two hidden neurons with ReLU, and one output:
#
# $$h = \mathrm{ReLU}\left(\begin{pmatrix} 1 & 1 \\ 1 & -1 \end{pmatrix} \begin{pmatrix} 1 \\ 2 \end{pmatrix} + \begin{pmatrix} 0 \\ 1.5 \end{pmatrix}\right) = \begin{pmatrix} 3 \\ 0.5 \end{pmatrix}, \qquad y = 2 \cdot 3 + 4 \cdot 0.5 = 8.$$
#
# Let us remove the second neuron. What belongs to it? Its row of the first matrix, $(1, -1)$. Its bias, 1.5. And the 4, the *column* of the next layer that reads it. What is left is $h = \mathrm{ReLU}(1 \cdot 1 + 1 \cdot 2 + 0) = 3$ and $y = 2 \cdot 3 = 6$. Three tensors changed for one neuron: a row here is a column there.
#
# The same holds for channels of a convolution. The only new thing is the flatten between `conv2` and `fc1`, which lays the pixels of a channel side by side.
#
# The LeNet comes trained: on the first 12,000 images of MNIST, with Adam, for four epochs (`python course.py checkpoints lenet_mnist` makes it).

# %% slideshow={"slide_type": "skip"}
test_digits = [half[:4000] for half in data.load("mnist", "test")]  # LeNet was made for digits
lenet = checkpoints.load("lenet_mnist").to(device)


def strongest(weight, n_keep):
    """Numbers of the output channels with the largest L2 norm, in their old order."""
    norms = weight.detach().flatten(1).norm(dim=1)
    return norms.topk(n_keep).indices.sort().values


# %% slideshow={"slide_type": "fragment"}
def surgery(net, keep1, keep2):
    net, old = copy.deepcopy(net), net
    net.conv1.weight = nn.Parameter(old.conv1.weight[keep1])
    net.conv1.bias = nn.Parameter(old.conv1.bias[keep1])
    net.conv2.weight = nn.Parameter(old.conv2.weight[keep2][:, keep1])
    net.conv2.bias = nn.Parameter(old.conv2.bias[keep2])
    columns = old.fc1.weight.view(120, 16, -1)[:, keep2]  # of each channel
    net.fc1.weight = nn.Parameter(columns.flatten(1))
    return net


# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **One channel of `conv2` owns 25 columns of `fc1` (C), because the flatten lays the 5 · 5 pixels of its map side by side; and five tensors change.**
#
# <!-- page -->
#
# They are the weight and the bias of `conv1`, the weight and the bias of `conv2`, and the weight of `fc1`. The weight of `conv2` is cut along two axes: it loses its own output channels, `[keep2]`, and the inputs that `conv1` no longer gives, `[:, keep1]`. The bias of `fc1` stays, because `fc1` still has its 120 outputs. In the line with `view` the 400 columns get two axes, 16 channels of 25 pixels, so that one index removes a whole channel.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where the cut runs
#
# Three weights, two biases, and what leaves them: first with channels of `conv1`, then with channels of `conv2`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: name rows (outputs) and columns (inputs). Before each click ask: "What is removed with it?" Second frame: orange rows, and
# orange *blocks* one layer later. Third frame: blue rows of conv2, and blue stripes of 25 columns in fc1. Say: "A row here is a column there."

# %% slideshow={"slide_type": "skip"}
keep1, keep2 = strongest(lenet.conv1.weight, 3), strongest(lenet.conv2.weight, 8)
small = surgery(lenet, keep1, keep2)

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the three weights and two biases, with what is removed from them.
show.where_the_cut_runs(keep1, keep2)

# %% [markdown] slideshow={"slide_type": "skip"}
# Read the second frame from left to right. An orange row of `conv1`, with its bias, is an output channel that is gone. In `conv2` the same channel was an *input*, so a block of nine columns is orange there. The third frame adds the rows of `conv2`, and for each of them 25 columns of `fc1`.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Is it the same network as the masked one?
#
# Mask the same channels in place of cutting them, and compare the outputs on 64 images (of clothes: any will do).
#
# **Predict.** Are they equal, up to rounding, and why? **A** Yes. **B** Only if the biases are masked too. **C** Not even then.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands. Before the click: "What does a channel without weights still give?" Its bias, a constant map; ReLU stops the negative ones, the others are read on. So B. With the two neurons on the board: masked row, bias left, h₂ = 1.5 and y = 2 · 3 + 4 · 1.5 = 12; bias masked too, y = 6, as after the cut. What is left in the second row of the table is rounding. Ask
# what plays that part with batch norm: β − γ · mean / deviation.


# %% slideshow={"slide_type": "skip"}
def with_zeros(net, *, bias):
    """A copy of `net` whose channels outside keep1 and keep2 have zero weights, and zero biases if asked."""
    net = copy.deepcopy(net)
    for conv, keep in ((net.conv1, keep1), (net.conv2, keep2)):
        mask = torch.zeros(len(conv.weight), device=device).index_fill(0, keep, 1)
        prune.custom_from_mask(conv, "weight", mask.view(-1, 1, 1, 1).expand_as(conv.weight).clone())
        if bias:
            prune.custom_from_mask(conv, "bias", mask)
    return net


@torch.no_grad()
def largest_difference(a, b):
    return (a(many_images) - b(many_images)).abs().max().item()


# %% slideshow={"slide_type": "skip"}
weights_only = largest_difference(small, with_zeros(lenet, bias=False))
exact = largest_difference(small, with_zeros(lenet, bias=True))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes both differences.
show.differences({"weights masked": weights_only, "weights and biases masked": exact})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **They are equal only if the biases are masked, too (B), because a channel without weights still gives its *bias*.**
#
# <!-- page -->
#
# (A *logit* is one of the ten outputs of the network, a class's score.) Our two neurons show what the bias does. Set the row $(1, -1)$ to zero and leave the bias: the second neuron gives $\mathrm{ReLU}(0 + 1.5) = 1.5$ for every input, and the output is $y = 2 \cdot 3 + 4 \cdot 1.5 = 12$, where the cut network gives 6. With the bias masked as well it is $6 + 4 \cdot 0 = 6$. In a convolution the bias is a map that is the same everywhere. Where it is positive it passes the ReLU, and the next layer reads it. Cutting takes that away as well. (With a negative bias the ReLU would give 0, and the two networks would agree.)
#
# So the masked network is a test for a cut one, if everything that belongs to the channel is masked. We need such a test at once.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What PyTorch says when you forget one
#
# Three mistakes: (1) `conv2` keeps its six inputs. (2) `fc1` keeps its 400 inputs. (3) `fc1` loses the right *number* of columns, but the wrong ones: as if
# column k belonged to channel k % 16.
#
# **Predict.** Which of them give an error, and which a wrong network in silence?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room say for each mistake "error" or "silent". Before the click ask: "Which test of yours would catch a silent one?" The comparison with the masked network. Click. The first two rows are right networks: channels by norm, and by chance, in five draws. The draws differ by tens of points, and the best comes within a few points of the norm. Do not praise the norm for that: in six other trainings it was better than two thirds of the draws, and once worse than 17 of 20.
# Let the room read the two errors aloud and say which layer each means: the one that *reads* the cut one. The last row runs, and is the dangerous one: 200 columns are 200 columns. (Right is that column k belongs to channel k // 25, since each map lies side by side.)

# %% slideshow={"slide_type": "skip"}
forgot = {what: copy.deepcopy(small) for what in ("nothing", "conv2's inputs", "fc1's inputs", "fc1's order")}
forgot["conv2's inputs"].conv2.weight = nn.Parameter(lenet.conv2.weight[keep2])
forgot["fc1's inputs"].fc1.weight = lenet.fc1.weight
wrong_columns = lenet.fc1.weight.view(120, -1, 16)[:, :, keep2]
forgot["fc1's order"].fc1.weight = nn.Parameter(wrong_columns.flatten(1))


def digits_right(net):
    return 100 * training.evaluate(net, *test_digits)


drawn = []
for draw in range(5):  # nothing forgotten, but other channels: as many of each layer, by chance
    runtime.seed_all(draw)
    drawn.append(digits_right(surgery(lenet, torch.randperm(6)[:3].sort()[0], torch.randperm(16)[:8].sort()[0])))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Evaluates each of these networks, or writes the error that it raises.
show.forgotten(forgot, digits_right, by_chance=drawn)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Mistakes 1 and 2 raise an error that names both sizes. Mistake 3 fits, runs, and is wrong, and nothing warns you.**
#
# <!-- page -->
#
# A layer that *reads* the cut one notices a wrong number of channels, because the shapes do not fit. Nothing can notice a wrong *order*: 200 columns are 200 columns. (The 25 pixels of a map lie side by side, so column k belongs to channel k // 25, and not k % 16.) So compare a cut network with the masked one *before* you train on. Training would repair a part of the damage and hide the mistake.
#
# Look at the first two rows as well. Nothing was forgotten in either of them, and nothing was trained. In the first the strongest channels are kept. In the second the channels are drawn by chance, as many of each layer, five times. The first row alone would let you believe that the norm had found the channels that matter. The second says how much of that to believe: the draws differ by tens of points. All five are below the norm here, and the best comes within a few points of it. But this is one LeNet. For this lesson we trained LeNet six times, outside this page (two epochs of 10,000 images), and made 20 draws for each training. The norm was better than two thirds of the draws. In one training it was better than all 20, and in another it was worse than 17 of them. So straight after the cut the norm is a little better than an average draw in LeNet, and you cannot rely on it for the LeNet that you have. Sections 5 and 6 ask the same of SmallResNet.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. What hangs together
#
# In a chain a channel touches two layers. SmallResNet has batch norms, and **shortcuts** past a block: both terms of a sum need the same channels.
#
# **Predict.** One output channel of the *first* convolution is cut. How many layers change, that one included, and why: **A** 2, **B** 4, **C** 7?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Draw the sum first: (a₁, a₂) + (b₁, b₂); strike out a₂, and there is nothing to add b₂ to. Show of hands. Then click slowly, one wave a click, and let the room say before each: "Who reads it? Who is added to it? At the last click: who feeds it?" At the plus sign stop: "What must the other term do?" At the end count the layers with a stripe, the plus not counted: seven, C. (ReLU and pooling are not drawn: they have no weights and pass channels on.) A stops at the first reader. B counts conv and the three
# convolutions that read it, but no norm, and not the other term of the sum.

# %% [markdown] slideshow={"slide_type": "skip"}
# SmallResNet is no chain. Behind each convolution there is a **batch norm**, which brings each channel to a common scale, with four numbers a channel: a stored mean and deviation, a factor γ and an offset β. It also plays the part that the bias played in LeNet. A masked channel gives 0 everywhere, and the batch norm makes β − γ · mean / deviation of it, which the next layer reads. And around each block there is a **shortcut**, a path that carries the input of the block past it and *adds* it to the block's result.
#
# A sum is the hard part. Let the path past the block carry the channels $(a_1, a_2)$, and the block itself give $(b_1, b_2)$. The sum is $(a_1 + b_1,\ a_2 + b_2)$. Now cut channel 2 out of $a$: what is left is $(a_1)$, and $(a_1) + (b_1, b_2)$ is not defined. The other term must lose its channel 2 as well. That does not depend on whether channel 2 of $b$ is weak or strong.
#
# In the drawing below a stripe on the right of a box means that the layer loses an output, a stripe on the left that it loses an input. Step from frame to frame, and ask each time: who reads this channel, who is added to it, who feeds it?

# %% slideshow={"slide_type": "skip"}
graph = show.Graph(dense, one_image)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the network, and wave by wave what must lose a channel with the first convolution.
graph.show()

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Seven layers change (C), because the sum ties `conv` to `block1.conv2`.** What is cut together is a **group**.
#
# <!-- page -->
#
# The name is that of [Fang et al., 2023](https://arxiv.org/abs/2301.12900), who wrote torch-pruning. Count them; the plus is no layer. `conv` and its norm `bn` lose an output. Three convolutions read that channel and lose an input: `block1.conv1`, `block2.conv1`, and the convolution in the second shortcut. The sum behind block 1 has that channel in one term, so `block1.conv2` and its norm `block1.bn2` lose an output in the other. That makes four layers that lose an output and three that lose an input.
#
# The second sum does not take part, because `block2` has a convolution in its shortcut: it mixes all its inputs into new channels, and so the group ends there. This is also why a whole group has to be rated together: one channel of it may be strong in `conv` and weak in `block1.conv2`. In a network whose sums have no such convolution a group can run through the whole network.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Cutting half of every group takes two calls
#
# A pruner of torch-pruning (`tp`), and its `step`. The *importance* of a channel: its squared weights, added up in each layer of its group, then averaged over these layers. Section
# 1 used `ignored_layers=[small.fc]`.
#
# **Predict.** What happens if you leave `ignored_layers` out: **A** an error, **B** the same network, **C** something is cut that you need?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The two calls are `BasePruner(…)`, which follows the graph and finds the groups, and `.step()`, which cuts. Let them guess. After the line: "Ten classes went in, five came out, and nobody said a word." It is C: to a pruner the outputs of
# the last layer are channels, too. Ask how one would notice: name the layers whose outputs must stay, and look at the shape of the output after each cut.

# %% slideshow={"slide_type": "fragment"}
careless = copy.deepcopy(dense)
tp.pruner.BasePruner(careless, one_image, importance=by_norm, pruning_ratio=0.5).step()
for name, net in {"dense": dense, "careless": careless}.items():
    print(f"{name}: logits for one image {tuple(net(one_image).shape)}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The pruner cuts half of the *classes* (C): five of ten are left, and nothing warns you.**
#
# <!-- page -->
#
# To a pruner the ten outputs of the last layer are channels like any others, since it cannot know that they are what you want. So name the layers whose outputs must stay, and look at the shape of the output after every cut.
#
# How does the pruner rate a channel? `GroupMagnitudeImportance` with `p=2` adds the squares of the weights that belong to the channel in one layer of the group: in a convolution those of its slice of the weight, in a batch norm the square of its factor γ. Then it takes the mean over these layers. So it looks at more than `ln_structured` does, which sees the weights of one convolution alone. It still does not look at any image. `RandomImportance` rates by chance.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. A step between cutting and training
#
# In evaluation mode batch norm subtracts a *stored* mean and divides by a *stored* deviation of each channel. Both were measured on the dense network.
#
# **Statistics estimated anew**: run 2,000 images through in training mode. No label, no gradient; the weights stay.
#
# **Predict.** What does the step do: **A** nothing, **B** it helps the cut networks much and the dense one hardly, **C** it helps all alike, **D** it repairs the cut?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* On the board: a channel adds up four terms of about 1. The batch norm behind it has stored the mean 4 and the deviation 1, so a typical image gives (4 − 4) / 1 = 0. Cut two terms: (2 − 4) / 1 = −2, and the ReLU makes 0 of it. With the mean measured anew: (2 − 2) / 1 = 0 again. Vote. Show the table: B. D is wrong, as most of the loss stays. Say: "Not one weight changed. Whoever judges a cut before this step judges old statistics, too." Then the dense row, the control: where
# nothing was cut, the step wins next to nothing. Then: "Compare the rows by norm and by chance." Let the room say what that means for the norm: before any training it is a little better than an average draw, and worse than a lucky one. (Here both draws are above it; of sixteen, outside the page, three were.) Ask: "So what is left to mend?" The weights; section 6.

# %% [markdown] slideshow={"slide_type": "skip"}
# Half of the channels of SmallResNet are gone, and the shapes fit. How good is the network now? Before we look, something else has to be put right.
#
# Take one channel of a convolution that adds up four terms, each about 1 on average. Its mean over many images is 4, and the batch norm behind it has stored a mean of 4 and, say, a deviation of 1. For a typical image the norm gives $(4 - 4) / 1 = 0$. Now two of the four terms are cut. The sum is about 2, and the norm, which still subtracts 4, gives $(2 - 4) / 1 = -2$ for a typical image. The ReLU behind it makes 0 of nearly everything. The channel is lost, although its own weights are as good as before.
#
# The remedy costs little. Batch norm measures mean and deviation itself when it is in training mode, so we let it see some images. With the new mean it gives $(2 - 2) / 1 = 0$ again. This is no training: there is no label and no gradient, and no weight changes.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def estimated_anew(net, seen=images[:2000]):
    """A copy of `net` whose batch norms have measured their statistics on `seen`; the weights stay."""
    net = copy.deepcopy(net).train()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    for batch in seen.split(500):
        net(batch.to(device))
    for norm in norms:
        norm.momentum = 0.1  # as before, for training
    return net.eval()


# %% slideshow={"slide_type": "skip"}
def percent_right(net, images_and_labels=test_set):
    net = copy.deepcopy(net).to(memory_format=torch.channels_last)  # a faster order in memory
    return 100 * training.evaluate(net, *images_and_labels)


part = [half[:4000] for half in test_set]  # enough for differences of many points
before = {"dense": dense} | cuts
anew = {name: estimated_anew(net) for name, net in before.items()}
stored = {name: percent_right(net, part) for name, net in before.items()}
fresh = {name: percent_right(net, part) for name, net in anew.items()}
pairs = zip(small_one.parameters(), anew["cut, by norm"].parameters(), strict=True)
weights_stay = all(torch.equal(a, b) for a, b in pairs)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what each network gets right, before and after the step.
show.statistics_table(stored, fresh, weights_stay)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The step makes the network that was cut by norm right more than twice as often, and changes the dense one by less than a point (B).** Most of the loss stays.
#
# <!-- page -->
#
# The cut networks had lost something in two ways: their weights are fewer, and their norms subtracted numbers that were measured on another network. The step repairs the second alone. The dense network is the control. Its statistics were its own, so measuring them again changes hardly anything. Had it gained as well, the gain of the cut networks would say nothing about the cut.
#
# So judge a cut *after* this step. [B. Li et al., 2020](https://arxiv.org/abs/2007.02491), compare many cut networks in this way before they train one of them. Training on would measure the statistics anew, too, as it goes; but then you cannot tell what the weights had lost.
#
# Now compare the rows. By norm the network gets about three images in ten right, and both drawn ones are above it. Two draws are not many. We tried sixteen draws for this lesson, outside this page: from 15 to 40 % were right, 27 % on average, and three of the sixteen were better than the norm. So at this point a careful choice is a little better than an average draw, and worse than a lucky one. Whoever shows the row *by norm* alone lets you believe that the norm had saved what is left. Most of what is left would have been there anyway.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the step changes in a norm
#
# The last batch norm before the linear layer, in the network cut by norm: the mean and the standard deviation of twelve of its channels, as stored from the dense
# network and as estimated anew.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two words sound alike: here *norm* is a batch norm, and "cut by norm" means the length of the weights. Say: "Orange is what the layer subtracts and divides by before the step, blue after it. Which channel was hurt most?" Take one whose
# points lie far apart, as channel 7 here. Ask what came out of the norm there: a map that is shifted. Where the bars differ, one that is too flat or too steep.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws mean and deviation of twelve channels, before and after the step.
show.what_changes(small_one.block2.bn2, anew["cut, by norm"].block2.bn2)

# %% [markdown] slideshow={"slide_type": "skip"}
# Where an orange and a blue point lie far apart, the norm subtracted a wrong mean, and the whole map behind it was shifted, as in the example with 4 and 2. Where the bars have different lengths, it divided by a wrong deviation, and the map was too flat or too steep.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Does it pay?
#
# The cut network is **fine-tuned**: trained on, for 150 steps of 32 images. The dense one gets the *same* steps.
#
# **Predict.** A convolution with half the inputs *and* half the outputs: what share of its multiplications is left, **A** a half, **B** a quarter, **C** an eighth? How
# far behind the dense network is the cut one in the end?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Show of hands for A, B, C; then one number for the second question. B: half times half. On the board: 9 · 32 · 32 = 9,216 products for each pixel, 9 · 16 · 16 = 2,304. The first layer reads one channel and the last one gives ten classes, so they can only be
# halved: that is why it is a little more than a quarter. Ask why the time falls less than the work, least for one image. Probably because a call costs time, however small the layer; a profile would show
# it. Then the last row, the answer in points: some 2 to 6, by the learning rate and the run. Why did the dense network get the steps as well? Else the cut one would be compared with a network of less training. The dense network trained on, too; it may gain or lose: take its better value, or the cut may look too good.


# %% slideshow={"slide_type": "skip"}
STEPS = 150


def tuned(net):
    """A copy of `net` after STEPS steps of 32 images at a rate that falls to 0: the same for every network."""
    net = copy.deepcopy(net).to(memory_format=torch.channels_last)
    options = {"steps": STEPS, "batch_size": 32, "lr": 3e-3, "schedule": lambda done: 1 - done}
    training.fit(net, images, labels, device=device, **options)
    return net.to(memory_format=torch.contiguous_format).eval()


best = tuned(small_one)
after = {"cut, by norm": percent_right(best)}

# %% slideshow={"slide_type": "skip"}
dense_right = percent_right(dense)
after = {"dense": percent_right(tuned(dense))} | after

# %% slideshow={"slide_type": "skip"}
pair = {"dense": dense, "cut": best}
macs = {name: energy.count_macs(net, one_image) for name, net in pair.items()}
with torch.no_grad():
    jobs = {"dense": lambda: dense(one_image), "cut": lambda: best(one_image)}
    one_speed = timing.compare(jobs, rounds=9, device=device)
    jobs = {"dense": lambda: dense(many_images), "cut": lambda: best(many_images)}
    many_speed = timing.compare(jobs, rounds=9, device=device)
dense_at_best = max(dense_right, after["dense"])  # the better of the two

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes work, bytes, time and accuracy of the dense and the cut network.
speeds = {"one image": one_speed, "64 images": many_speed}
show.what_it_pays(macs, pair, speeds, {f"after {STEPS} steps": after})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A quarter of the work is left (B), because half the inputs are multiplied for half the outputs; and after these steps the cut network is 2 to 6 points behind the dense one.**
#
# <!-- page -->
#
# (The code counts *MACs*, each of which is a multiplication with its addition. The table has two *FLOPs* for each MAC, so its quotient is that of the multiplications.) By hand: a 3 × 3 convolution from 32 channels to 32 multiplies $9 \cdot 32 \cdot 32 = 9{,}216$ times for each pixel, one from 16 to 16 $9 \cdot 16 \cdot 16 = 2{,}304$ times, a quarter. The first layer reads one channel, the image, and can only be halved, and so can the last one, which must give ten classes. Hence the share of the whole network is a little more than a quarter.
#
# The time falls less than the work, and for one image least. Two reasons are likely; a profile (the time of each operation), which we did not make, would show how much each of them counts. First, a call of a layer costs some time, however small the layer is. By hand, with made-up numbers: the calls take 60 µs, and the products of one image 40. A quarter of the products are left, so the cut network takes 60 + 10 = 70 µs in place of 100. With 64 images in one call the calls still take 60 µs and the products 64 · 40 = 2,560, so it is 60 + 640 = 700 in place of 2,620, which is 0.27. Second, batch norms, ReLUs and sums work on each number of a map, and of the maps a *half* are left, not a quarter.
#
# A few steps win back most of what was lost. The dense network got the same steps, because otherwise the cut one would be compared with a network that had less training. In the run on this page these steps did the dense network no good. Against its better value, without them, the cut one is some tenths of a point further behind. The learning rate belongs to the result: with a third of it, in other runs with 64 images a step, the cut network ended more than six points behind.
#
# These channels were chosen by their norm. What the same training makes of channels drawn by chance is the question of the rest of this section.

# %% [markdown] slideshow={"slide_type": "skip"}
# So the laundry gets a network with a quarter of the work, and some points are lost. And what made it as good as it is? Two explanations come to mind. *The choice*: the norm found the channels that matter. *The start*: the channels that stay, whichever they are, were trained for six epochs (passes over the images) in the dense network, and this training is worth a lot. One number after 150 steps cannot tell them apart, because the network has both. The experiment that can is Exercise 1.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · What earned it?
# ★★ · 12 minutes · an investigation
#
# You get an instrument, `right(network, steps, draw)`: it makes a network of half the width, trains it, and returns the percent of test images that it gets right. `network` is `"norm"`, `"random"` (cut, channels by norm or by chance) or `"new"` (new weights); `steps` the length of the training, `draw` the seed of what is random. The laundry uses the network after 150 steps.
#
# The start's share of the advantage is (random − new) / (norm − new), of means over draws.
#
# `what_earned_it(right)` → `"start"` if the share is above 0.8, `"choice"` if it is below 0.2, `"both"` between; `"nothing"` if norm is less than a point above new
#
# <details><summary>Hint</summary>
# Which of the two explanations does a network with random channels have, and which does one with new weights have? What does <code>right</code> do if you do not say how many steps?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several networks. It looks at how you make your experiment: each of the three after 150 steps and with the same draws, at least five of them. (If you leave `steps` out, it is 0: nothing is trained.) Then it looks at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: "What do random channels have in common with the channels by norm, and what with new weights? Which two numbers would be equal if only the start mattered? And if only the choice did?" Draw three bars, norm, random, new. Random channels share the trained start with those by norm, and with new weights that nothing was chosen. Only the start: random is as high as norm, a share of 1. Only the choice: random is as low as new, a share of 0. "Why means over draws?" One draw is one number, and the draws scatter by as much as the choice is worth. Warn that all runs need `steps=150`: left out, nothing is trained.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_earned_it(right):
    """Say what earned it: "start", "choice", "both" or "nothing".

    Args:
        right: the instrument; `right("random", steps=150, draw=3)` gives the
            percent of test images that this network gets right.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_earned_it(what_earned_it)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_earned_it_solution(right):
    networks = ("norm", "random", "new")
    mean = {name: sum(right(name, steps=150, draw=draw) for draw in range(10)) / 10 for name in networks}
    advantage = mean["norm"] - mean["new"]
    if advantage < 1:
        return "nothing"
    share = (mean["random"] - mean["new"]) / advantage
    if share > 0.8:
        return "start"
    return "choice" if share < 0.2 else "both"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What the experiment says of our SmallResNet
#
# Same shape, same 150 steps: *by norm*; *by chance*; *new weights*; *never cut*, trained at half the width from the start, by the whole recipe of the dense network.
#
# **Predict.** Put the four in order. Where is the largest gap?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Let two people defend different orders. The answer is never cut, by norm, by chance, new weights, and the largest gap is the last. After the table, first the new weights: "The start is real." Let somebody work out the share from the table, as on the card: it is above 0.8, so "start". Then by norm against by chance: about a point, with draws that differ by nearly as much. "So is the norm blind?" No: the channels of least norm, run outside the page, ended five points below. Last, never cut: not beaten. Ask: "When would you still cut a trained network?" When it is
# there, and a full training is not to be had; or when you want to try several shapes.

# %% slideshow={"slide_type": "skip"}
chosen_by_chance = [percent_right(tuned(net)) for name, net in cuts.items() if "chance" in name]

# %% slideshow={"slide_type": "skip"}
runtime.seed_all(1)
never_cut = tuned(checkpoints.load("small_resnet_half").to(device))
table = {
    "never cut": ("6, at this width", [percent_right(never_cut)]),
    "cut, by norm": ("6, at full width", [after["cut, by norm"]]),
    "cut, by chance": ("6, at full width", chosen_by_chance),
    "new weights": ("none", [percent_right(tuned(models.SmallResNet(16)))]),
}
at_the_end = {name: sum(found) / len(found) for name, (_, found) in table.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what each of the four gets right.
show.of_one_shape(table, STEPS)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The order is never cut, by norm, by chance, new weights, and the largest gap is the last one: the trained start earned most of the advantage over new weights, and the choice by norm a small part.**
#
# <!-- page -->
#
# Divide, as on the card: what random channels have over new weights, by what the norm has over new weights. In the run on this page that is more than eight tenths. Random channels share the trained start with those by norm and nothing else, so they isolate the start. New weights share the shape and the training of 150 steps with them, and not the start. **The dense network passes on a good start, whichever channels are kept.**
#
# And the choice? Over nine draws, made outside this page with 64 images a step, random channels ended between 83.9 and 87.1 %, 85.8 on average, and the norm between 87.3 and 87.5 over three orders of the images. So the norm was better than each draw, by 0.2 to 3.4 points. That is an advantage, but it is a tenth of what one reads into the row *by norm* without the row below it. That the norm is not blind shows in another arm, which we also ran outside this page: the *weakest* channels, those of least norm, end at about 82 %, five points below the norm and below every draw. In this network the norm tells bad channels from others better than it tells good ones from others.
#
# Then there is the first row. The network that was trained at half the width is about three points better than the cut one. [Z. Liu et al., 2018](https://arxiv.org/abs/1810.05270), found the same in larger networks: for a shape chosen *beforehand*, as half of every group is, train the small network directly. Cutting paid here for somebody who has the trained network and only a few steps left. That is one network, one ratio and one learning rate; all rows of the table had the same rate, and we have not looked for the best one of each. The laundry, which can train for six epochs, should do so.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Other budgets, other ratios
#
# How far do the three numbers of the exercise depend on the 150 steps and on the half? These are separate runs, not on this page, of 64 images a step, with one or two draws of each; all are percent right after training.
#
# | channels cut | steps | by norm | by chance | the weakest | new weights |
# |---|---|---|---|---|---|
# | half | 30 | 82.9, 82.2 | 80.1, 75.9 | 64.6, 66.4 | 18.0, 25.9 |
# | half | 150 | 87.3, 87.3 | 85.5, 83.9 | 81.9, 82.1 | 75.9, 75.4 |
# | half | 600 | 89.5, 89.7 | 88.2, 88.0 | 87.1, 87.1 | 85.1, 83.9 |
# | a quarter | 150 | 90.2 | 90.1, 89.4 | – | – |
# | three quarters | 150 | 76.6 | 74.3, 73.4 | – | – |
#
# The advantage of the norm over chance stays at one to three points from 150 to 600 steps, and shrinks to less than one where only a quarter is cut. The advantage of the start shrinks with the training: after 30 steps it is more than fifty points, after 600 about four. Had we run 600 steps alone, the start's share would have been about seven tenths, and the answer by the rule of the card "both". So the answer "start" belongs to a short training. Before training, with the statistics estimated anew, both draws at a quarter were *better* than the norm: 79.8 and 75.6 % against 72.7 %.
#
# ### How many channels of which group?
#
# We cut half of every group, because one number is easy to compare. Nothing says that all groups can spare as much. Three arguments of the pruner let you choose.
#
# - `pruning_ratio_dict` names a ratio for each layer. To find the ratios, cut *one* group at a time, estimate the statistics anew, and see how much is lost; [[bit_budget]] does the same with bits.
# - `global_pruning=True` ranks the channels of all groups together, as the global cut of [[prune_model]] does with weights. A trial with a ratio of 30 % kept 21 to 24 of the 32 channels of a layer, and 43 to 46 of 64, where the same share for all keeps 22 and 44. The warning of that lesson holds here, too: the importance of one group need not mean the same in another.
# - `round_to=8` leaves numbers of channels that can be divided by 8. A processor multiplies several numbers with one instruction, so 17 channels in vectors of 8 need three of them, as 24 do. But look at what you get: 30 % off 32 channels should leave 22, and the version of torch-pruning that this course was written with rounds that down to 16, which is half. With 64 channels 44 become 40.
#
# ### Which tensors tell their shape
#
# After the surgery of section 3 `small.conv2.in_channels` still says 6, and `small.fc1.in_features` 400: nobody has changed these attributes. `Conv2d` (if it is not a grouped convolution) and `Linear` compute with the tensors all the same, while `LayerNorm` would refuse, because it compares its input with the shape that it was made for. torch-pruning sets the attributes.

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
print("conv2 says", small.conv2.in_channels, "inputs; its weight has", small.conv2.weight.shape[1])
print("after torch-pruning:", small_one.block1.conv2.in_channels, small_one.block1.conv2.weight.shape[1])

# %% [markdown] slideshow={"slide_type": "skip"}
# ### To keep a cut network
#
# A state dict fits a network of its own shape only. Here a class of half the width has that shape, so the file of the cut network can be loaded into it. Where no class has it, save the whole module with `torch.save`, and load it with `weights_only=False`, from files that you trust.

# %% slideshow={"slide_type": "skip"}
rebuilt = models.SmallResNet(16).to(device).eval()
rebuilt.load_state_dict(best.state_dict())
print(f"largest difference after loading: {largest_difference(rebuilt, best):.1g}")
refused = show.attempt(lambda: models.SmallResNet().load_state_dict(best.state_dict()))
print(" ".join(str(refused).split())[:150], "…")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The rows of the ledger
#
# The table that most lessons write a row into gets the dense network, the cut one, and the one that was never cut.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes three rows into the ledger and shows them.
show.record_rows(
    [
        ("fp32", dense, dense_right, 1.0),
        ("half the channels cut, fine-tuned", best, after["cut, by norm"], one_speed.ratio("cut")),
        ("half the width, never cut", never_cut, at_the_end["never cut"], None),
    ],
    one_image,
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Two chained layers
# ★★ · 15 minutes
#
# Write `cut_pair`: a convolution, a flatten and a linear layer, with the output channels `keep` of the convolution left. `conv_weight` has the shape (out,
# in, height, width), `conv_bias` (out,), `linear_weight` (n, out · area): each channel is a map of `area` pixels when it is flattened. `keep` is a list of
# one or more numbers, in ascending order.
#
# `cut_pair(conv_weight, conv_bias, linear_weight, keep)` → three tensors
#
# <details><summary>Hint</summary>
# Find the area from the shapes. Give the columns of linear_weight two axes, (out, area), pick along the first, flatten them again.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def cut_pair(conv_weight, conv_bias, linear_weight, keep):
    """(conv_weight, conv_bias, linear_weight) with the channels `keep` only.

    >>> [tuple(t.shape) for t in cut_pair(torch.ones(1, 1, 3, 3), torch.ones(1), torch.ones(5, 1), [0])]
    [(1, 1, 3, 3), (1,), (5, 1)]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.cut_pair(cut_pair)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def cut_pair_solution(conv_weight, conv_bias, linear_weight, keep):
    by_channel = linear_weight.reshape(len(linear_weight), len(conv_weight), -1)
    return conv_weight[keep], conv_bias[keep], by_channel[:, keep].flatten(1)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Keep the strongest channels
# ★★ · 12 minutes
#
# Write `cut_block`: a convolution and its batch norm, cut to `n_keep` output channels, those whose weights have the largest L2 norm. `weight` has the shape
# (out, in, height, width); `norm` is a dict of tensors of shape (out,), such as its `weight`, `bias` and `running_mean`; it may have fewer or none. Channels
# stay in their old order. `n_keep` is at least 1, and no two channels have the same norm.
#
# `cut_block(weight, norm, n_keep)` → (weight, norm)
#
# <details><summary>Hint</summary>
# One norm for each output channel: flatten everything behind dim 0. topk gives numbers in the order of size: sort them. Then index every tensor with the same
# numbers.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def cut_block(weight, norm, n_keep):
    """(weight, norm) of the `n_keep` output channels with the largest L2 norm, in their old order.

    >>> cut_block(torch.ones(2, 2, 1, 1), {}, 2)[0].shape  # nothing to cut
    torch.Size([2, 2, 1, 1])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.cut_block(cut_block)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def cut_block_solution(weight, norm, n_keep):
    keep = weight.flatten(1).norm(dim=1).topk(n_keep).indices.sort().values
    return weight[keep], {name: tensor[keep] for name, tensor in norm.items()}


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("structured")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A mask saves neither bytes nor time. Cutting half of the channels leaves about a quarter of the work and of the file.
# - A channel is seldom cut alone: bias, norm, the inputs of every reader, and what is added to it are cut with it.
# - Estimate the batch norm's statistics anew before you judge a cut. Give the dense network the same training.
# - A rating of channels has to beat chance. Here it did so by about a point; the trained start did the rest.
#
# **Recommended videos** (they help, and do not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54), and *PyTorch Pruning: How it's Made*,
# [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw).
#
# **Going further**: H. Li et al., *Pruning filters for efficient ConvNets*, 2016, [arXiv:1608.08710](https://arxiv.org/abs/1608.08710); Z. Liu et al.,
# *Rethinking the value of network pruning*, 2018, [arXiv:1810.05270](https://arxiv.org/abs/1810.05270); G. Fang et al., *DepGraph: towards any structural
# pruning*, 2023, [arXiv:2301.12900](https://arxiv.org/abs/2301.12900); B. Li et al., *EagleEye*, 2020, [arXiv:2007.02491](https://arxiv.org/abs/2007.02491).
# Next here: [[patterns]].
#
# **Project ideas**: rank channels by the batch norm's factor γ, and run chance beside it; cut all layers by one global ranking; replace a channel's constant by a bias of the next
# layer.
#
# **Credits**: the distinction of structured and unstructured pruning and the calls of `torch.nn.utils.prune` follow Michela Paganini's PyTorch pruning
# tutorial; torch-pruning is by Gongfan Fang and contributors (MIT); the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial
# 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for the four things that a report of a cut network must say: the baseline's training, the step between, the arm by chance, the number of runs.
