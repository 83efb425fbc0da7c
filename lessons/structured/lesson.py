# ---
# jupyter:
#   course:
#     promise: You will cut channels out of a trained network with all that belongs to them, test the result, and measure whether it paid.
#     seconds: 45
#     needs: [prune_module]
#     goals:
#       - cut a channel out of a network, with everything that belongs to it;
#       - test that the cut network computes what the masked one computes;
#       - find out by opponents of the same shape whether a cut has paid.
#     terms: [channel, group, shortcut, statistics estimated anew, surgery]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How do you make a network really smaller?*

# %% tags=["setup", "hide-input"]
# Sets the seed and one thread, and imports the drawings of this lesson and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.structured import checks as check
from lessons.structured import show

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Half of a network, please
#
# SmallResNet gives ten numbers for an image, one for each kind of clothes. We ask the package torch-pruning to remove half of the channels of every layer.
#
# Phones, devices at the edge and servers in the cloud ask for a smaller network that loses little. A convolution gives a stack of maps, and each of them is a **channel**. The channels of a linear layer are its single outputs. We train nothing yet.

# %% [markdown]
# **Predict.** How many numbers does the smaller network give: **A** ten, **B** five, **C** none, because there is an error?

# %%
import copy

import torch
import torch_pruning as tp
from torch import nn
from torch.optim.swa_utils import update_bn

from course_utils import data, models, training
from course_utils.data import checkpoints

images, labels = data.load("fashion_mnist")
image = images[:1]  # an example, so that the package can follow the channels
dense = checkpoints.load("small_resnet")  # comes with the course, already trained
by_norm = tp.importance.GroupMagnitudeImportance(p=2)  # ranks channels by the size of their weights

# %% half_of_a_network_please tags=["nbval-check-output"]
small = copy.deepcopy(dense)
tp.pruner.BasePruner(small, image, by_norm, pruning_ratio=0.5).step()
print("before:", dense(image).shape[1], "numbers")
print("after: ", small(image).shape[1], "numbers")

# %% [markdown] tags=["answer"]
# **B: five, because to the package the outputs of the last layer are channels like all others.**

# %% [markdown]
# Five kinds of clothes are gone, and nobody was warned. Whoever cuts must know what belongs to a channel, and how to test the result. So we first cut by hand, and then come back to this call.
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Holes, rows and columns
#
# A layer has two outputs and two inputs, and the weights $\begin{pmatrix} 3 & 4 \\ 1 & 2 \end{pmatrix}$. Two of the four weights go.

# %% [markdown]
# | what goes | what is left |
# |---|---|
# | 1 and 2 | the row (3 4): a matrix of one row, one output fewer |
# | 3 and 1 | the column with 4 and 2: one input fewer |
# | 4 and 1 | 3 and 2, with holes: each row and column is still needed |
#
# So it is not the *number* of zeros that makes a matrix smaller, but whether they fill whole rows or columns. *Unstructured* pruning takes single weights, and leaves holes. *Structured* pruning takes whole pieces: the row of a neuron, the weights of one channel of a convolution, which are called a *filter*, or whole layers.
#
# Which row is the weaker one? As its size we take its length, the **L2 norm**: $\sqrt{3^2 + 4^2} = 5$ for the first row, $\sqrt{1^2 + 2^2} = 2.2$ for the second. So the second row goes.

# %% [markdown]
# ### `dim` says along which axis the pieces lie
#
# `conv2` of LeNet: 16 output channels, 6 input channels, windows of 3 × 3.
#
# PyTorch's function is called `ln_structured`, and `n=2` asks for the L2 norm. With `dim=0` the pieces are output channels, the rows of the picture below. With `dim=1` they are input channels, blocks of nine columns. `random_structured` draws the pieces by chance. With `importance_scores=…`, `ln_structured` takes the norm of your scores.

# %%
from torch.nn.utils import prune

lenet = checkpoints.load("lenet_fashion_0")
masked = copy.deepcopy(lenet)
prune.ln_structured(masked.conv2, "weight", amount=0.5, n=2, dim=0)
keep = masked.conv2.weight_mask[:, 0, 0, 0].nonzero().flatten()  # the numbers of the channels that stay

# %% pieces tags=["hide-input"]
# Draws the masks of three calls for conv2: l1_unstructured, and ln_structured with dim 0 and dim 1.
show.pieces(lenet.conv2)

# %% [markdown]
# The masked layer is no smaller and no faster ([[prune_module]]). The mask has only *said* which channels are not needed. To take them out of the tensors is called **surgery**.

# %% [markdown]
# ## 3. Surgery
#
# First a case for pencil and paper: two inputs $x = (1, 2)$, two hidden neurons, one output.
#
# $$h = \mathrm{ReLU}\left(\begin{pmatrix} 1 & 1 \\ 1 & -1 \end{pmatrix} \begin{pmatrix} 1 \\ 2 \end{pmatrix} + \begin{pmatrix} 0 \\ 1.5 \end{pmatrix}\right) = \begin{pmatrix} 3 \\ 0.5 \end{pmatrix}, \qquad y = 2 \cdot 3 + 4 \cdot 0.5 = 8$$
#
# What belongs to the second neuron?

# %% [markdown]
# Its row of the first matrix, (1, −1). Its bias, 1.5. And the 4, which is the *column* of the next layer that reads it. Without all three, $h = 3$ is left, and $y = 2 \cdot 3 = 6$. Three tensors have changed for one neuron: **a row here is a column there.**
#
# Channels of a convolution are cut in the same way. In LeNet `fc1` reads `conv2`. Between them a pooling leaves 5 × 5 pixels of each of the 16 maps, and `flatten` lays the 25 pixels of a map side by side. So each channel of `conv2` owns 25 of the 400 columns of `fc1`.

# %%
test_images, test_labels = data.load("fashion_mnist", "test")


def accuracy(net):
    return 100 * training.evaluate(net, test_images, test_labels)


def surgery(net, keep):
    small = copy.deepcopy(net)
    small.conv2.weight = nn.Parameter(net.conv2.weight[keep])
    small.conv2.bias = nn.Parameter(net.conv2.bias[keep])
    columns = net.fc1.weight.view(120, 16, 25)[:, keep]  # 120 outputs read 16 channels of 25 pixels
    small.fc1.weight = nn.Parameter(columns.flatten(1))
    return small


cut_lenet = surgery(lenet, keep)
print(f"whole: {accuracy(lenet):.0f} % right   cut: {accuracy(cut_lenet):.0f} % right")

# %% [markdown]
# **Try it.** Suppose that somebody mixes up the order, as if the 16 channels of a pixel lay side by side. Change `view(120, 16, 25)[:, keep]` to `view(120, 25, 16)[:, :, keep]`, and run the cell again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# There is no error, since 200 columns are 200 columns. But LeNet now gets only about a quarter of the images right. Wrong *sizes* stop the program; a wrong *order* runs in silence.
#
# </details>

# %% [markdown]
# ### A test: the masked twin
#
# The twin is LeNet whole, with the same channels of `conv2` masked. Its outputs are compared with those of the cut network.
#
# **Predict.** Are they equal, up to rounding? **A** Yes. **B** Only if the biases of these channels are masked, too. **C** Not even then.


# %%
@torch.no_grad()
def difference(a, b):
    return (a(images[:64]) - b(images[:64])).abs().max().item()


weights_alone = difference(cut_lenet, masked)
prune.custom_from_mask(masked.conv2, "bias", masked.conv2.weight_mask[:, 0, 0, 0])  # a mask of our own choice

# %% a_test_the_masked_twin
print(f"weights masked: {weights_alone:.6f}")
print(f"biases, too:    {difference(cut_lenet, masked):.6f}")

# %% [markdown] tags=["answer"]
# **B: only if the biases are masked, because a channel without weights still gives its bias, where that is positive.**

# %% [markdown]
# The two neurons show it. If the row (1, −1) is zero and the bias stays, the second neuron gives 1.5 for every input, and $y = 2 \cdot 3 + 4 \cdot 1.5 = 12$. With the bias masked it gives 0, and $y = 6$, as after the cut.
#
# So here is a test for a cut in a network such as this one, where a channel of zeros stays zero: mask *all* that makes the channel, here its weights and its bias, and compare the outputs on a few images. Do it before you train on. Training would repair a part of the damage, and hide the mistake.

# %% [markdown]
# ## 4. What hangs together
#
# SmallResNet has batch norms, and **shortcuts**: paths that carry the input of a block past it, and add it to the block's result.

# %% network tags=["hide-input"]
# Draws the layers of SmallResNet.
show.network()

# %% [markdown]
# A *batch norm* shifts and scales each channel, so it loses the numbers of that channel. In a masked twin its weight and bias for that channel are zero. A sum is harder. Let the shortcut carry the channels $(a_1, a_2)$, and the block itself give $(b_1, b_2)$. The sum is $(a_1 + b_1,\ a_2 + b_2)$. Without $a_2$ it is not defined, unless $b_2$ goes as well.

# %% [markdown]
# **Predict.** One output channel of the first convolution, `conv`, goes. How many layers change, with `conv`: **A** 2, **B** 4, **C** 7?

# %% [markdown]
# Who reads this channel, what is added to it, and who makes that? We ask torch-pruning for everything that must go with channel 5.

# %% tags=["nbval-check-output"]
graph = tp.DependencyGraph().build_dependency(dense, example_inputs=image)
group = graph.get_pruning_group(dense.conv, tp.prune_conv_out_channels, idxs=[5])
touched = [step.target.module for step, _ in group]
tied = [name for name, module in dense.named_modules() if module in touched]
print(len(tied), "layers:", *tied)

# %% [markdown] tags=["answer"]
# **C: seven layers, because the sum ties `conv` to `block1.conv2`, which makes the other term.**

# %% [markdown]
# ### Step by step

# %% what_hangs_together tags=["hide-input"]
# Draws SmallResNet, and step by step the ends of layers that lose a channel together.
show.what_hangs_together(dense, group)

# %% [markdown]
# Layers that must lose a channel together are called a **group** ([Fang et al., 2023](https://arxiv.org/abs/2301.12900)). `conv`, `block1.conv2` and their two batch norms lose an output. Three convolutions read the channel, and lose an input. The second sum stays out: both its terms are new channels.
#
# torch-pruning follows the arrows for you, and ranks a channel by its norms in all layers of its group. What it cannot know is which outputs you need. So we name the last layer in `ignored_layers`.

# %% [markdown]
# ### Cut, and measure the batch norms again
#
# `ignored_layers` keeps the ten outputs. The means and variances in the batch norms were measured on the dense network. `update_bn` measures them again.


# %% cut_and_measure_the_batch
def half(net, importance):
    small = copy.deepcopy(net)
    options = {"pruning_ratio": 0.5, "ignored_layers": [small.fc]}
    tp.pruner.BasePruner(small, image, importance, **options).step()
    return small.eval()


# %% cut_and_measure_the_batch_2
cut_resnet = half(dense, by_norm)
just_cut = accuracy(cut_resnet)
update_bn(images[:2000].split(500), cut_resnet)  # no label, no gradient

# %% cut_and_measure_the_batch_3 tags=["hide-input"]
# Writes how many images are right.
print(f"dense:                      {accuracy(dense):.0f} % right")
print(f"just cut:                   {just_cut:.0f} % right")
print(f"batch norms measured again: {accuracy(cut_resnet):.0f} % right")

# %% [markdown]
# Training brings back most of what is missing.
#
# Why does measuring again help? Take the mean. Let a channel add up four terms of about −1. Its batch norm has stored the mean −4, and a typical image gives $-4 + 4 = 0$. Now two of the terms are cut. The batch norm still subtracts −4, so it gives $-2 + 4 = 2$, and the ReLU lets it through. With **statistics estimated anew** it gives $-2 + 2 = 0$ again. Take this step before you judge a cut ([Li et al., 2020](https://arxiv.org/abs/2007.02491)).

# %% [markdown]
# ## 5. Does it pay?
#
# A 3 × 3 convolution from 32 channels to 32 multiplies $9 \cdot 32 \cdot 32 = 9{,}216$ times for each pixel. From 16 to 16 it multiplies $9 \cdot 16 \cdot 16 = 2{,}304$ times: **half of the channels, a quarter of the work.**
#
# Each of these products has a weight of its own, so the file shrinks nearly as much. How much the time shrinks, your computer says.

# %% does_it_pay tags=["hide-input"]
# Compares the files, and the time for 64 images.
file_bytes, speed = show.bytes_and_time(dense, cut_resnet, images[:64])
print(f"file: {file_bytes['dense'] / file_bytes['cut']:.1f} times smaller")
print(f"time: {speed.ratio('cut'):.1f} times as fast, with 64 images")

# %% [markdown]
# ### What does the cut itself bring?
#
# The cut network is trained for 150 steps. So are three opponents of its shape:
#
# - *by chance*: cut, channels drawn by lot (twice)
# - *new weights*: never trained before
# - *trained small*: half as wide from its first day, for as many epochs as the dense network
#
# **Predict.** Which of the four ends highest, and which lowest? Where is the largest gap?


# %%
def trained(net):
    net = copy.deepcopy(net).to(memory_format=torch.channels_last)  # faster to train
    training.fit(net, images, labels, steps=150, batch_size=32, lr=3e-3, schedule=lambda done: 1 - done, device="cpu")
    return net


by_chance = tp.importance.RandomImportance()
start = {
    "dense": dense,
    "trained small": checkpoints.load("small_resnet_half"),
    "cut by norm": cut_resnet,
    "cut by chance": half(dense, by_chance),
    "cut by chance, again": half(dense, by_chance),
    "new weights": models.SmallResNet(16),
}
right = {name: accuracy(trained(net)) for name, net in start.items()}

# %% opponents tags=["hide-input"]
# Draws what each network gets right after the same 150 steps.
show.opponents(right)

# %% [markdown] tags=["answer"]
# **The network that was trained small ends highest, new weights end lowest, and the largest gap lies above the new weights, because after so few steps a trained start is worth more than a clever choice.**

# %% [markdown]
# The networks cut by chance have one thing that new weights lack, the trained start. It brings most of the lead. What the norm adds is small beside it. Without this opponent we would have praised the norm for all of it.
#
# After 150 steps the network that was trained small, for six epochs, is ahead. [Liu et al., 2018](https://arxiv.org/abs/1810.05270) found in larger networks that a cut network is no better than one trained small. **So compare both, each with all the training that you can afford.**

# %% [markdown]
# ## Exercise · Cut a chain
# ★★ · 10 minutes
#
# `SmallCNN().features` is a chain: an `nn.Sequential` of blocks, each an `nn.Sequential` of a convolution without bias, a batch norm and a ReLU.
#
# `cut(chain, keep)` returns a copy whose *first* convolution has only the output channels `keep`, a list in ascending order. Everything that belongs to the others goes, too. All else stays, modes too; attributes such as `out_channels` need not follow.
#
# On paper: two blocks, `Conv2d(1, 2, 1)` and `Conv2d(2, 1, 1)`. How many tensors change for `keep=[1]`?
#
# <details><summary>Hint</summary>
#
# Six: the weight of each convolution, and four tensors of the first batch norm: `weight`, `bias`, `running_mean`, `running_var`. The last two are buffers, and stay buffers: no `nn.Parameter`. `chain[0]` is a block, and `chain[0][0]` its convolution.
#
# </details>


# %% tags=["exercise"]
def cut(chain, keep):
    """A copy of chain whose first convolution has only the output channels keep."""
    raise NotImplementedError


# %% tags=["check"]
check.cut(cut)


# %% tags=["solution", "hide-cell"]
def cut_solution(chain, keep):
    small = copy.deepcopy(chain)
    conv, norm, _ = small[0]
    reader = small[1][0]
    conv.weight = nn.Parameter(conv.weight[keep])
    norm.weight, norm.bias = nn.Parameter(norm.weight[keep]), nn.Parameter(norm.bias[keep])
    norm.running_mean, norm.running_var = norm.running_mean[keep], norm.running_var[keep]
    reader.weight = nn.Parameter(reader.weight[:, keep])
    return small


# %% [markdown]
# ## Remember
#
# - A row here is a column there: with a channel go its bias, its batch norm's numbers, the inputs of every layer that reads it, and whatever is added to it.
# - Compare a cut network with its masked twin before you train on, and measure the batch norms again before you judge it.
# - Half of the channels make a quarter of the work; after 150 steps the cut network owed most of its lead to the trained start and little to the clever choice, and a network trained small was better still.

# %% [markdown]
# ## Scorecard
#
# What the lesson claims, and what your run measured.

# %% tags=["scorecard"]
claims.show("structured")

# %% [markdown]
# ## Deeper
#
# ### Narrower or shallower?
#
# A common rule says that the width of a network stands for the content of its input, and the depth for the non-linearity. The course tried this once (`records/zero_worth/width_and_depth.json`), on networks with four hidden layers of 200 units that read digits. They were cut from 278,800 weights to at most 90,000, by the norm of the units or by whole layers, and then trained for 1,200 steps. Three networks in each row:
#
# | what was cut | units left | right, % | new weights of that shape, % |
# |---|---|--:|--:|
# | the first layer alone | 8, 200, 200, 200 | 92.5 | 92.7 |
# | all four layers | 85, 85, 85, 85 | 97.0 | 96.5 |
# | one whole layer, and units | 92, 92, 92 | 97.0 | 96.4 |
# | two whole layers, and units | 100, 100 | 97.0 | 96.4 |
# | three whole layers, and units | 113 | 96.6 | 96.0 |
#
# Cut this far, the first layer alone is a poor place to cut: everything about an image must pass through 8 units. But narrower layers alone came as far as narrower and fewer ones.
#
# ### Keep the cut network in a file
#
# A state dict fits only a network of its own shapes. `models.SmallResNet(16)` has those of our cut network, so `load_state_dict` works there. If you cut each group by another share, no class has these shapes. Then save the whole network with `torch.save(net, file)`, and load it with `weights_only=False`. Such a file can run code when it is opened, so load only files that you wrote yourself.
#
# After surgery by hand, `conv2.out_channels` still says 16. `nn.Conv2d` and `nn.Linear` compute with their tensors and ignore it, but an export may read it. torch-pruning sets these attributes.
#
# ### The constant that a masked channel gives
#
# A masked channel still gives a constant, as section 3 showed: its bias, or what the batch norm makes of 0. Surgery throws this constant away. You can keep it: let the channel give the constant $c = \mathrm{ReLU}(\text{bias})$, and let the next linear layer read it with the column $w$. Then add $c \cdot w$ to the bias of that layer. The cut network now equals the twin whose biases are *not* masked. In the example $c = 1.5$ and $w = 4$, so the output gets a bias of 6, and $y = 6 + 6 = 12$. If the next layer is a convolution with padding, this is exact only inside of the map, because the padding holds zeros and not $c$.

# %% [markdown]
# ## Further
#
# **Sources.** H. Li et al., *Pruning filters for efficient ConvNets*, 2016, [arXiv:1608.08710](https://arxiv.org/abs/1608.08710). Z. Liu et al., *Rethinking the value of network pruning*, 2018, [arXiv:1810.05270](https://arxiv.org/abs/1810.05270). G. Fang et al., *DepGraph: towards any structural pruning*, 2023, [arXiv:2301.12900](https://arxiv.org/abs/2301.12900). B. Li et al., *EagleEye*, 2020, [arXiv:2007.02491](https://arxiv.org/abs/2007.02491).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** Cut another share of each group: find it by cutting one group at a time, and pass it as `pruning_ratio_dict`. Write a ranking of your own in [[own_method]].
#
# **Credits.** The calls of `torch.nn.utils.prune` follow Michela Paganini's PyTorch tutorial. torch-pruning is by Gongfan Fang and contributors (MIT). The lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
