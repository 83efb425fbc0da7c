# ---
# jupyter:
#   course:
#     promise: You will cut channels out of a trained network with all that belongs to them, test the result, and measure whether it paid.
#     seconds: 20
#     needs: [prune_module]
#     goals:
#       - cut a channel out of a network, with everything that belongs to it;
#       - test that the cut network computes what the masked one computes;
#       - find out, by a comparison with new weights of the same shape, whether a cut has paid.
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
# Phones, devices at the edge and servers in the cloud all want smaller networks. SmallResNet gives ten numbers for an image, one for each kind of clothes. A convolution in it gives a stack of maps, and each map is called a **channel**. In a linear layer, each output is a channel.
#
# We ask the package torch-pruning to remove half of the channels of every layer.
#
# **Predict.** How many numbers does the smaller network give for an image: **A** ten, **B** five, **C** none, because there is an error?

# %%
import copy

import torch_pruning as tp
from torch import nn
from torch.optim.swa_utils import update_bn

from course_utils import data, training
from course_utils.data import checkpoints

images, labels = data.load("fashion_mnist")
image = images[:1]  # an example, so that the package can follow the channels
dense = checkpoints.load("small_resnet")  # comes with the course, already trained
by_norm = tp.importance.GroupMagnitudeImportance(p=2)  # ranks channels by the size of their weights

# %% half_of_a_network_please tags=["nbval-check-output"]
small = copy.deepcopy(dense)
tp.pruner.BasePruner(small, image, by_norm, pruning_ratio=0.5).step()
print(dense(image).shape[1], "numbers before,", small(image).shape[1], "after")

# %% [markdown] tags=["answer"]
# **Five (B), because to the package the outputs of the last layer are channels like all others.**

# %% [markdown]
# Five kinds of clothes are gone, and nobody warned us. So before we use such a tool, let's cut by hand, and learn to test a cut. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Which zeros make a layer smaller?
#
# In [[prune_module]] a mask set weights to zero, and the file didn't shrink. Which weights must go, so that it does? Take a layer with two inputs and two outputs, and remove two of its four weights:
#
# $$\begin{pmatrix} 3 & 4 \\ 1 & 2 \end{pmatrix}$$
#
# If 1 and 4 go, each row and each column still has a weight, so the matrix needs all its rows and columns. But if 1 and 2 go, the second row is empty. We can leave it out, and a smaller matrix, (3 4), is left. The layer has one output fewer. In the same way, an empty column is one input fewer.
#
# So it isn't enough to have zeros. They have to fill whole rows or columns. *Unstructured* pruning takes single weights, wherever they are. *Structured* pruning takes whole pieces: the row of a neuron, or all the weights of one output channel of a convolution, which are called a *filter*.
#
# Which of the two rows should go? A common choice is the shorter one, because for the same inputs a neuron with small weights adds only little to what its inputs give. Its length is its **L2 norm**: $\sqrt{3^2 + 4^2} = 5$ for the first row, and $\sqrt{1^2 + 2^2} \approx 2.2$ for the second. So the second row goes.
#
# PyTorch's function for this is `ln_structured`, where `n=2` asks for the L2 norm. With `dim=0` the pieces are output channels, with `dim=1` input channels. Let's mask half of the output channels of `conv2` in LeNet, which has 16 of them, and count the zeros in `conv2`:

# %% zeros
from torch.nn.utils import prune

from course_utils.measure.sparsity import sparsity_report

lenet = checkpoints.load("lenet_fashion_0")
masked = copy.deepcopy(lenet)
prune.ln_structured(masked.conv2, "weight", amount=0.5, n=2, dim=0)
sparsity_report(masked.conv2)

# %% [markdown]
# Half of the weights are zero, and these zeros fill eight whole filters. But look at the shape: it's still 16 filters. The mask has only *said* which channels can go. Taking them out of the tensors is called **surgery**.

# %% [markdown]
# ## 3. Surgery, and how to test it
#
# What belongs to a channel? Let's find out on paper, with two inputs $x = (1, 2)$, two hidden neurons and one output:
#
# $$h = \mathrm{ReLU}\left(\begin{pmatrix} 1 & 1 \\ 1 & -1 \end{pmatrix} \begin{pmatrix} 1 \\ 2 \end{pmatrix} + \begin{pmatrix} 0 \\ 1.5 \end{pmatrix}\right) = \begin{pmatrix} 3 \\ 0.5 \end{pmatrix}, \qquad y = 2 \cdot 3 + 4 \cdot 0.5 = 8$$
#
# We cut out the second neuron. Its row of the first matrix goes, (1, −1), and its bias, 1.5. But the next layer still has two weights, 2 and 4, and only one neuron to read. The 4 has lost its input, so it goes as well: it's a *column* of the next layer. What is left gives $y = 2 \cdot 3 = 6$.
#
# So three tensors change for one neuron. Remember it like this: **a row here is a column there.**
#
# In LeNet, `fc1` reads the channels of `conv2`. After a pooling each of the 16 channels is a map of 5 × 5 pixels, and `flatten` lays them in one row, channel after channel. So with each channel of `conv2`, 25 of the 400 columns of `fc1` have to go.

# %%
test_images, test_labels = data.load("fashion_mnist", "test")
keep = masked.conv2.weight_mask[:, 0, 0, 0].nonzero().flatten()  # the numbers of the channels that stay


def accuracy(net):
    return 100 * training.evaluate(net, test_images, test_labels)


# %% surgery
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
# Half of the channels of `conv2` are really gone, and LeNet has lost only a few points.
#
# **Try it.** Suppose that somebody mixes up the order, as if the 16 channels of a pixel lay side by side. Change `view(120, 16, 25)[:, keep]` to `view(120, 25, 16)[:, :, keep]`, and run the cell again. Then change it back, and run it once more.
#
# <details><summary>What others found</summary>
#
# There is no error, since 200 columns are 200 columns. But now LeNet gets only about a quarter of the images right. Wrong *sizes* stop the program. A wrong *order* runs in silence.
#
# </details>
#
# ### The masked twin
#
# If a wrong cut can run in silence, how do we know that ours is right? The accuracy can't tell us, because a correct cut loses some, too. But the masked LeNet, its *masked twin*, should give the same outputs as the cut one.
#
# **Predict.** Look at `weight` and `bias` in the table above. Are the outputs equal, up to rounding? **A** Yes. **B** Only if the biases of these channels are masked, too. **C** Not even then.


# %%
def difference(a, b):
    return (a(images[:64]) - b(images[:64])).abs().max().item()


# %% a_test_the_masked_twin
print(f"weights masked: {difference(cut_lenet, masked):.6f}")
prune.custom_from_mask(masked.conv2, "bias", masked.conv2.weight_mask[:, 0, 0, 0])
print(f"biases, too:    {difference(cut_lenet, masked):.6f}")

# %% [markdown] tags=["answer"]
# **Only if the biases are masked (B), because a channel without weights still gives its bias, where that is positive.**

# %% [markdown]
# The two neurons show it. Mask the row (1, −1) alone, and the second neuron still gives its bias, 1.5, for every input. So $y = 2 \cdot 3 + 4 \cdot 1.5 = 12$. Mask the bias as well, and it gives 0, so $y = 6$, as after the cut.
#
# So this is the test of a cut: mask *everything* that makes a channel, and compare the outputs on a few images. Do it right after the cut, before you measure any statistics again or train on, because training repairs a part of the damage and would hide the mistake.

# %% [markdown]
# ## 4. Which layers must lose a channel together?
#
# LeNet is a chain. SmallResNet isn't: it has batch norms, and **shortcuts**, paths that carry the input of a block past it and add it to the block's result.

# %% network tags=["hide-input"]
# Draws the layers of SmallResNet.
show.network()

# %% [markdown]
# A *batch norm* has four numbers for each channel: it subtracts a stored mean, divides by a stored standard deviation (it keeps the square, the variance), multiplies by a weight and adds a bias. When a channel goes, its four numbers go. The masked twin needs care here. With the mean 3, the standard deviation 2, the weight 1 and the bias 2, the batch norm makes $(0 - 3) / 2 \cdot 1 + 2 = 0.5$ out of a channel of zeros. So in the twin its weight and bias have to be masked, too.
#
# A *sum* ties channels together. Let the shortcut carry the channels $(a_1, a_2)$, and let the block give $(b_1, b_2)$. The sum is $(a_1 + b_1,\ a_2 + b_2)$. If $a_2$ goes, there's nothing to add $b_2$ to, so $b_2$ has to go as well.
#
# **Predict.** One output channel of the first convolution, `conv`, goes. How many layers change, with `conv`: **A** 2, **B** 4, **C** 7?

# %% [markdown]
# torch-pruning can follow the arrows for us, and list every layer that changes:

# %% tags=["hide-input", "nbval-check-output"]
# Asks torch-pruning what must go with channel 5 of conv, and prints the names of these layers.
graph = tp.DependencyGraph().build_dependency(dense, example_inputs=image)
group = graph.get_pruning_group(dense.conv, tp.prune_conv_out_channels, idxs=[5])
touched = [step.target.module for step, _ in group]  # a step of the cut changes one layer
tied = [name for name, module in dense.named_modules() if module in touched]
print(len(tied), "layers:", *tied)

# %% [markdown] tags=["answer"]
# **Seven (C), because the sum ties `conv` to `block1.conv2`, whose result is added to it, and all layers that read the channel lose an input.**

# %% [markdown]
# Here is the way there, in four steps.

# %% what_hangs_together tags=["hide-input"]
# Draws SmallResNet, and step by step the ends of layers that lose a channel together.
show.what_hangs_together(dense, group)

# %% [markdown]
# Layers that must lose a channel together are called a **group** ([Fang et al., 2023](https://arxiv.org/abs/2301.12900)). In ours, `conv`, `block1.conv2` and their two batch norms lose an output, and three convolutions lose an input.
#
# ### Cut, and measure the batch norms again
#
# Back to the call of section 1. The package finds the groups by itself. It can't know which outputs you need, so we name the last layer in `ignored_layers`.
#
# The means and variances in the batch norms, however, were measured on the dense network. Say that a channel adds up four terms of about −1. Its stored mean is −4, and a typical image gives $-4 - (-4) = 0$. Now a cut removes two of the four terms. The sum is −2, but the batch norm still subtracts −4, and gets 2 in place of 0. So we send some images through the cut network, and measure the means and variances again. These are **statistics estimated anew** ([Li et al., 2020](https://arxiv.org/abs/2007.02491)), and `update_bn` does it without labels or gradients.


# %% cut_and_measure_the_batch
cut_resnet = copy.deepcopy(dense)
options = {"pruning_ratio": 0.5, "ignored_layers": [cut_resnet.fc]}
tp.pruner.BasePruner(cut_resnet, image, by_norm, **options).step()
just_cut = accuracy(cut_resnet)
update_bn(images[:2000].split(500), cut_resnet)

# %% cut_and_measure_the_batch_2 tags=["hide-input"]
# Writes how many images are right.
print(f"dense:                      {accuracy(dense):.0f} % right")
print(f"just cut:                   {just_cut:.0f} % right")
print(f"batch norms measured again: {accuracy(cut_resnet):.0f} % right")

# %% [markdown]
# Just cut, the network is little better than guessing. The new statistics bring back a part, so judge a cut only after this step. The rest takes training.

# %% [markdown]
# ## 5. Does it pay?
#
# What have we gained? A 3 × 3 convolution from 32 channels to 32 needs $9 \cdot 32 \cdot 32 = 9{,}216$ multiplications for each pixel. From 16 to 16 it needs $9 \cdot 16 \cdot 16 = 2{,}304$. **With half of the inputs and half of the outputs, a quarter of the work is left**, and a quarter of the weights.
#
# A whole network gains a little less, because its first layer still reads one channel, its last one still gives ten outputs, and a file has packaging that doesn't shrink. And the time? It shrinks less than the work, probably because each layer also has a price for its call, whatever its size.

# %% does_it_pay tags=["hide-input"]
# Compares the files, and the time for 64 images.
file_bytes, speed = show.bytes_and_time(dense, cut_resnet, images[:64])
print(f"file: {file_bytes['dense'] / file_bytes['cut']:.1f} times smaller")
print(f"time: {speed.ratio('cut'):.1f} times as fast, with 64 images")

# %% [markdown]
# No special format was needed for that, and no special chip: what's left is an ordinary, smaller network.
#
# ### When is a cut worth the trouble?
#
# The cut network has to be trained on. But then, why not train new weights in the smaller shape? So we compare the cut with two opponents of the *same shape*, with the same training:
#
# - **cut by chance**: which channels stay is drawn at random. It shares the trained weights with the cut by norm, but not the choice.
# - **new weights**: the shape alone, as if the large network had never been trained.
#
# That takes many trainings, so the table comes from a record. Three networks with four hidden layers of 200 neurons had learned to read digits, and were cut to 107 neurons a layer. Each way got three learning rates, and images outside the test set chose the best.

# %% when_a_cut_pays tags=["hide-input"]
# Shows the record: three networks, each way at its best learning rate.
show.when_a_cut_pays()

# %% [markdown]
# Look at 300 steps first. Both cut networks are two to three points ahead of the new weights. The one whose channels were picked at random has most of that lead. So most of it comes from the trained weights, and after this training the choice by norm adds less than a point.
#
# Now look at 1,200 steps. The new weights are only about half a point behind. In larger networks, [Liu et al., 2018](https://arxiv.org/abs/1810.05270) found that cut networks end no better than new weights of the same shape that are trained long enough.
#
# So when does a cut pay? **When you already have the large trained network, and can afford only little training.** Then its weights are a head start. If you can train for long, train the small shape from new weights as well, and keep the better one.

# %% [markdown]
# ## Exercise · Cut a chain
# ★★ · 10 minutes
#
# `SmallCNN().features` is a chain of blocks, each an `nn.Sequential` of a convolution without bias, a batch norm and a ReLU.
#
# `cut(chain, keep)` returns a copy whose *first* convolution has only the output channels in `keep`, an ascending list. Everything that belongs to the others goes, too. The rest stays, also each layer's mode, training or evaluation. Attributes such as `out_channels` may stay.
#
# On paper: blocks with `Conv2d(1, 2, 1)` and `Conv2d(2, 1, 1)`. Which tensors change?
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
# - Half of the channels leave about a quarter of the work. A cut pays when a large trained network is there and little training can be afforded, because with more training new weights of that shape nearly catch up.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("structured")

# %% [markdown]
# ## Deeper
#
# ### Narrower or shallower?
#
# A common rule says that the width of a network stands for the content of its input, and the depth for the non-linearity. The record of section 5 tried this. Its networks were cut from 278,800 weights to at most 90,000, by the norm of the units or by whole layers, and then trained for 1,200 steps. Each row is the mean of three networks:
#
# | what was cut | units left | right, % | new weights of that shape, % |
# |---|---|--:|--:|
# | the first layer alone | 8, 200, 200, 200 | 92.5 | 92.7 |
# | all four layers | 85, 85, 85, 85 | 97.0 | 96.5 |
# | one whole layer, and units | 92, 92, 92 | 97.0 | 96.4 |
# | two whole layers, and units | 100, 100 | 97.0 | 96.4 |
# | three whole layers, and units | 113 | 96.6 | 96.0 |
#
# Cut in the first layer alone, everything about an image must pass through 8 units. But narrower layers alone came as far as narrower and fewer ones.
#
# ### Keep the cut network in a file
#
# A state dict fits only a network of its own shapes. `models.SmallResNet(16)` has those of our cut network, so `load_state_dict` works there. If you cut each group by another share, no class has these shapes. Then save the whole network with `torch.save(net, file)`, and load it with `weights_only=False`. Such a file can run code, so load only your own.
#
# After surgery by hand, `conv2.out_channels` still says 16. `nn.Conv2d` and `nn.Linear` compute with their tensors and ignore it, but an export may read it. torch-pruning sets these attributes.
#
# ### The constant that a masked channel gives
#
# A channel whose weights alone are masked still gives a constant, as section 3 showed. Surgery throws this constant away. You can keep it: let the channel give the constant $c = \mathrm{ReLU}(\text{bias})$, and let the next linear layer read it with the column $w$. Then add $c \cdot w$ to the bias of that layer. The cut network now equals the twin whose biases are *not* masked. In the example $c = 1.5$ and $w = 4$, so the output gets a bias of 6, and $y = 6 + 6 = 12$. If the next layer is a convolution with padding, this is exact only inside of the map, because the padding holds zeros and not $c$.

# %% [markdown]
# **Sources.** H. Li et al., *Pruning filters for efficient ConvNets*, 2016, [arXiv:1608.08710](https://arxiv.org/abs/1608.08710). Z. Liu et al., *Rethinking the value of network pruning*, 2018, [arXiv:1810.05270](https://arxiv.org/abs/1810.05270). G. Fang et al., *DepGraph: towards any structural pruning*, 2023, [arXiv:2301.12900](https://arxiv.org/abs/2301.12900). B. Li et al., *EagleEye*, 2020, [arXiv:2007.02491](https://arxiv.org/abs/2007.02491).
#
# **Recommended video.** Michela Paganini, *Neural Network Pruning for Compression and Understanding*, [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further.** Cut another share of each group: find it by cutting one group at a time, and pass it as `pruning_ratio_dict`. In `torch.nn.utils.prune`, `random_structured` draws whole channels by chance.
#
# **Credits.** The calls of `torch.nn.utils.prune` follow Michela Paganini's PyTorch tutorial. torch-pruning is by Gongfan Fang and contributors (MIT). The lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** `ln_structured` ranks channels by a norm. What if you want to cut by a rule that no library has, and still let PyTorch keep the masks ([[own_method]])?
