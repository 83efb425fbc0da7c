# ---
# jupyter:
#   course:
#     promise: You will cut channels out of a trained network with all that belongs to them, test the result, and measure whether it paid.
#     seconds: 25
#     needs: [prune_module]
#     goals:
#       - cut a channel out of a network, with everything that belongs to it;
#       - test that the cut network computes what the masked one computes;
#       - measure what a cut has gained, and name the opponent that it has to beat.
#     terms: [channel, group, re-estimated statistics, shortcut, surgery]
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

from course_utils import claims
from lessons.structured import show
from lessons.structured import tasks as check

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Half of a network, please
#
# For each image, SmallResNet outputs ten scores, one for each type of clothing. A convolution in it gives a stack of maps, and each map is called a **channel**. In a linear layer, each output is a channel.
#
# We ask the package torch-pruning to remove half of the channels of every layer.
#
# **Predict.** How many numbers does the smaller network give for an image: **A** five, **B** ten, **C** none, because there is an error?

# %%
import copy

import torch_pruning as tp
from torch import nn

from course_utils import checkpoints, data

images, labels = data.load("fashion_mnist")
image = images[:1]  # an example, so that the package can follow the channels
dense = checkpoints.load("small_resnet")  # comes with the course, already trained
by_norm = tp.importance.GroupMagnitudeImportance(p=2)  # ranks channels by the size of their weights

# %% half_of_a_network_please tags=["nbval-check-output"]
small = copy.deepcopy(dense)
tp.pruner.BasePruner(small, image, by_norm, pruning_ratio=0.5).step()
print(dense(image).shape[1], "numbers before,", small(image).shape[1], "after")

# %% [markdown] tags=["answer"]
# **Five (A), because to the package the outputs of the last layer are channels like all others.** Five of the ten types of clothing are gone, and nothing warned us.

# %% [markdown]
# Before we use such a tool, let's cut by hand, and learn to test a cut. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Zeros have to fill whole rows
#
# In [[prune_module]] a mask set weights to zero, and the file didn't shrink. Which weights must go, so that a smaller matrix is left? Take a layer with two inputs and two outputs, and remove two of its four weights:
#
# $$\begin{pmatrix} 3 & 4 \\ 1 & 2 \end{pmatrix}$$
#
# A row holds the weights of one output, and a column those of one input. Suppose that the weights 1 and 4 go. Each row and each column still has a weight that we need, so the matrix stays as large as it was. Now suppose that 1 and 2 go. Then the second row is empty, and we can leave it out. The smaller matrix (3 4) is left, and the layer has one fewer output.
#
# So *structured* pruning takes whole rows or columns. In a convolution a row is a *filter*, all the weights of one output channel.
#
# Which filters should go? We take those with the smallest L2 norm, the root of the sum of squares, because small weights usually give a small output. That's a rule of thumb, since the layer that reads the output may multiply it by large weights. torch-pruning counts those, too, and the weights of batch norms. PyTorch's `ln_structured` looks at the filters alone: `n=2` means L2, and `dim=0` output channels. The first convolution of LeNet has six. Let's mask half of them, and count the zeros:

# %% zeros
from torch.nn.utils import prune

from course_utils.sparsity import sparsity_report

lenet = checkpoints.load("lenet_fashion_0")
masked = copy.deepcopy(lenet)
prune.ln_structured(masked.conv1, "weight", amount=0.5, n=2, dim=0)
sparsity_report(masked.conv1)

# %% [markdown]
# The zeros fill three whole filters. But look at the shape: its first number is still 6. The mask has only *said* which channels can go. Taking them out of the tensors is called **surgery**.

# %% [markdown]
# ## 3. Surgery, and how to test it
#
# What belongs to a channel? Let's find out on paper, with the inputs (1, 2), two neurons that read them, and one output that reads the neurons:
#
# | | weights | bias | gives |
# |---|---|---|---|
# | neuron 1 | (1, 1) | 0 | ReLU(1 · 1 + 1 · 2 + 0) = 3 |
# | neuron 2 | (1, −1) | 1.5 | ReLU(1 · 1 − 1 · 2 + 1.5) = 0.5 |
# | output | (2, 4) | 0 | 2 · 3 + 4 · 0.5 = 8 |
#
# We cut out neuron 2. Its weights, (1, −1), are a *row* of the first layer. This row goes, and so does the bias, 1.5. But the output still has two weights, 2 and 4, and only one neuron to read. The 4 has lost its input, so it goes as well: it's a *column* of the next layer. What is left gives 2 · 3 = 6.
#
# So three tensors change for one neuron: **a row here is a column there.**
#
# In LeNet, `conv2` reads the channels of `conv1`. The weight of a convolution has the axes output, input, height and width, so its rows are on the first axis, and its columns on the second.


# %% surgery
def surgery(net, keep):
    small = copy.deepcopy(net)
    small.conv1.weight = nn.Parameter(net.conv1.weight[keep])
    small.conv1.bias = nn.Parameter(net.conv1.bias[keep])
    small.conv2.weight = nn.Parameter(net.conv2.weight[:, keep])
    small.conv1.out_channels = small.conv2.in_channels = len(keep)  # what print(small) shows
    return small


keep = masked.conv1.weight_mask[:, 0, 0, 0].nonzero().flatten()  # the numbers of the channels that stay
cut_lenet = surgery(lenet, keep)
print(f"whole: {show.accuracy(lenet):.0f} % right   cut: {show.accuracy(cut_lenet):.0f} % right")
print(f"any three channels, on average: {show.any_three(lenet, surgery):.0f} % right")

# %% [markdown]
# The norm's choice is clearly better than the average of the 20 ways to keep three channels. But don't rely on it: in two of five other LeNets it was no better.
#
# ### The masked twin
#
# How do we know that this cut is right? The wrong three columns of `conv2` would fit as well, without an error. The accuracy can't tell us either, because a correct cut loses some, too. But we still have the masked LeNet, in which the same channels are only set to zero. This *masked twin* should give the same outputs as the cut network.
#
# **Predict.** So far the twin's mask covers the three filters, but not their biases. Are the outputs equal, up to rounding? **A** Yes. **B** Only if the biases of these channels are masked, too. **C** Not even then.


# %% a_test_the_masked_twin
def difference(a, b):
    return (a(images[:64]) - b(images[:64])).abs().max().item()


print(f"weights masked: {difference(cut_lenet, masked):.6f}")
prune.custom_from_mask(masked.conv1, "bias", masked.conv1.weight_mask[:, 0, 0, 0])
print(f"biases, too:    {difference(cut_lenet, masked):.6f}")

# %% [markdown] tags=["answer"]
# **Only if the biases are masked (B), because a channel without weights still gives its bias, where that is positive.** In our example, with only (1, −1) masked, neuron 2 still gives its bias, so the output is 2 · 3 + 4 · 1.5 = 12. With the bias masked as well it's 6, as after the cut.

# %% [markdown]
# So this is the test of a cut: put both networks into evaluation mode, and compare the outputs. Rounding may leave a difference far below 0.0001. Test right after the cut, because training would repair a part of the damage and hide a mistake. And check that in the twin, the next layer gets a 0 from this channel.
#
# **Try it.** Does the test catch a wrong cut? In `surgery`, change `[:, keep]` to `[:, :3]`, run that cell and the test again, and look at the second line. Then change it back, and run everything from section 2 on.
#
# <details><summary>What others found</summary>
#
# No error, but a difference of about 7, half of the largest output: `conv2` now reads some channels with weights that were meant for others.
#
# </details>

# %% [markdown]
# ## 4. Which layers must lose a channel together?
#
# Unlike LeNet, SmallResNet has **shortcuts**, paths that carry the input of a block past it and add it to the block's result.
#
# A sum ties channels together. Let the shortcut carry the channels $(a_1, a_2)$, and let the block give $(b_1, b_2)$. The sum is $(a_1 + b_1,\ a_2 + b_2)$. If only $a_2$ goes, the two terms no longer have the same shape. So $b_2$ has to go as well.
#
# A *batch norm* works on each channel by itself: it subtracts a mean, divides by a standard deviation, the root of the stored variance, multiplies by a weight and adds a bias. When a channel goes, these four numbers go.
#
# The figure follows one output channel of SmallResNet's first convolution, `conv`. A stripe marks where a layer loses an input or an output.

# %% what_hangs_together tags=["hide-input"]
# Asks torch-pruning what must go with channel 5 of conv, and draws it step by step.
graph = tp.DependencyGraph().build_dependency(dense, example_inputs=image)
group = graph.get_pruning_group(dense.conv, tp.prune_conv_out_channels, idxs=[5])
show.what_hangs_together(dense, group)

# %% [markdown]
# A layer that loses an input keeps its outputs, so here the search ends, with seven layers. Layers that must lose a channel together are called a **group** ([Fang et al., 2023](https://arxiv.org/abs/2301.12900)).

# %% [markdown]
# torch-pruning finds the groups, but it can't know that we need all ten outputs. So we repeat the call of section 1, and name the last layer in `ignored_layers`:

# %% cut_resnet
cut_resnet = copy.deepcopy(dense)
tp.pruner.BasePruner(cut_resnet, image, by_norm, pruning_ratio=0.5, ignored_layers=[cut_resnet.fc]).step()
print(f"dense: {show.accuracy(dense):.0f} % right   cut: {show.accuracy(cut_resnet):.0f} % right")

# %% [markdown]
# Is the cut wrong? A masked twin tells. Masking the filters isn't enough, because a batch norm turns a channel of zeros into a constant. With mean −2, standard deviation 1, weight 1 and bias 0.5, a 0 becomes $1 \cdot (0 - (-2)) / 1 + 0.5 = 2.5$. So we mask the weight and the bias of the batch norm. Then the channel is 0, whatever the filter gives.

# %% resnet_twin tags=["hide-input"]
# Masks the same channels in a copy of the dense network.
twin = show.masked_twin(dense, image, by_norm)
print(f"the cut and its masked twin differ by {difference(cut_resnet, twin):.6f}")

# %% [markdown]
# The cut is right. But half of the channels are gone in every layer except the last, so the network needs further training.

# %% [markdown]
# ## 5. Does it pay?
#
# A 3 × 3 convolution from 32 channels to 32 needs $9 \cdot 32 \cdot 32 = 9{,}216$ multiplications for each pixel. From 16 to 16 it needs $9 \cdot 16 \cdot 16 = 2{,}304$. **With half of the inputs and half of the outputs, a quarter of the work is left**, and a quarter of the weights.
#
# The file of a whole network shrinks a little less, because the first layer still reads one channel, the last one still gives ten outputs, and the names in the file stay. The time shrinks less, too, probably because the maps between layers only halve, and small convolutions use the processor less efficiently. To measure the time, we let both networks take turns on one thread, so that a busy moment of the machine hits both, and take the median of the ratios:

# %% does_it_pay tags=["hide-input"]
# Compares the files, and the time for 64 images.
file_bytes, speed = show.bytes_and_time(dense, cut_resnet, images[:64])
print(f"file: {file_bytes['dense'] / file_bytes['cut']:.1f} times smaller")
print(f"time: {speed.ratio('cut'):.1f} times as fast, with 64 images")

# %% [markdown]
# But how good must the cut network become? Its opponent is a network of the *same shape* that is trained *from scratch*: it begins with **new weights**, drawn at random. So we trained both for 100 and for 300 steps, six times each. Each got the best of three learning rates, chosen on images that the test doesn't use. The last line has only new weights, after six epochs, or 5,628 steps:

# %% opponent tags=["hide-input"]
# Shows the means of six trainings from a record, and tests the network that was trained for six epochs.
from statistics import mean

duel = show.duel()
for steps, right in duel.items():
    print(
        f"{steps:5,} steps: cut {mean(right['cut']):.0f} % right, new weights {mean(right['new weights']):.0f} % right"
    )
opponent = checkpoints.load("small_resnet_half")
print(f"5,628 steps:                  new weights {show.accuracy(opponent):.0f} % right")

# %% [markdown]
# After 100 steps the cut network leads by 13 points, because its weights have already learned. But after 300 steps, somewhat more than half of this **head start** is left. And after six epochs, new weights are nearly as good as the dense network.
#
# So has our cut paid? With 300 steps it has. With six epochs we can't tell, because we didn't train the cut network for that long. **Cut when you already have the large trained network, and can afford only little training.** If you have time for more, also train the small network from scratch, and keep the better one.

# %% [markdown]
# ## Exercise · Cut a chain
# ★★ · 10 minutes
#
# `SmallCNN().features` is a chain of blocks, each an `nn.Sequential` of a convolution without bias, a batch norm and a ReLU.
#
# `cut(chain, keep)` returns a copy whose *first* convolution has only the output channels in `keep`, an ascending list. Everything that belongs to the others goes, too. Leave the rest as it is, training or evaluation mode included.
#
# <details><summary>Hint</summary>
#
# Six tensors change: the weight of two convolutions, and four of the first batch norm: `weight`, `bias`, `running_mean`, `running_var`. The last two are buffers, so assign plain tensors to them and no `nn.Parameter`.
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
    conv.out_channels = norm.num_features = reader.in_channels = len(keep)  # for print(small)
    return small


# %% [markdown]
# ## Remember
#
# - A row here is a column there: with a channel go its bias, its batch norm's numbers, the inputs of every layer that reads it, and whatever is added to it.
# - Compare a cut network with its masked twin before you train on, because a wrong cut can run without an error.
# - Half of the channels leave about a quarter of the work, but a cut has paid only if the network beats new weights of the same shape after the same training.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("structured")

# %% [markdown]
# ## Deeper
#
# ### Keep the cut network in a file
#
# What's left after surgery is an ordinary network, so it needs no special format or chip, in the cloud or at the edge. A state dict fits only a network of its own shapes. `models.SmallResNet(16)` has those of our cut network, so `load_state_dict` works there. If you cut each group by a different fraction, no class has these shapes. Then save the whole network with `torch.save(net, file)`, and load it with `weights_only=False`. Such a file can run code, so load only your own.
#
# ### Batch norms after a cut
#
# The stored means and variances of our cut ResNet were measured on the dense network. Say that a channel adds up four terms of about −1. Its stored mean is −4, and a typical image gives $-4 - (-4) = 0$. Now a cut removes two of the four terms. The sum is −2, but the batch norm still subtracts −4, and gets 2 in place of 0.
#
# So we send some training images through the cut network, and measure the means and variances again. These are called **re-estimated statistics** ([Li et al., 2020](https://arxiv.org/abs/2007.02491)). It takes neither labels nor gradients, so do it before you compare one cut with another:

# %% statistics_anew
from torch.optim.swa_utils import update_bn

again = copy.deepcopy(cut_resnet)
update_bn(images[:2000].split(500), again)
print(f"just cut: {show.accuracy(cut_resnet):.0f} % right   measured again: {show.accuracy(again):.0f} % right")

# %% [markdown]
# Did it matter *which* channels went? Draw them at random a few times, in place of the smallest, measure again, and compare. Don't rely on size alone to find the right channels.

# %% [markdown]
# **Sources.** H. Li et al., *Pruning filters for efficient ConvNets*, 2016, [arXiv:1608.08710](https://arxiv.org/abs/1608.08710). Z. Liu et al., *Rethinking the value of network pruning*, 2018, [arXiv:1810.05270](https://arxiv.org/abs/1810.05270): in larger networks, fully trained new weights became as good as fine-tuned cut networks, or better. G. Fang et al., *DepGraph: towards any structural pruning*, 2023, [arXiv:2301.12900](https://arxiv.org/abs/2301.12900). B. Li et al., *EagleEye*, 2020, [arXiv:2007.02491](https://arxiv.org/abs/2007.02491).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** If a linear layer reads flattened maps of 5 × 5 pixels, each channel fills 25 of its inputs, so 25 columns go with it. Cut a different fraction of each group: find it by cutting one group at a time, and pass it as `pruning_ratio_dict`. In `torch.nn.utils.prune`, `random_structured` picks whole channels at random.
#
# **Credits.** The calls of `torch.nn.utils.prune` follow Michela Paganini's PyTorch tutorial. torch-pruning is by Gongfan Fang and contributors (MIT). The lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** Could a few single weights, with the values that they had before any training, learn as well as all of them? And can a network become shallower instead of narrower, by losing whole blocks ([[blocks]])?
