# ---
# jupyter:
#   course:
#     promise: You will make a trained network really smaller and faster, and measure what it cost.
#     minutes: 70
#     seconds: 110
#     needs: [measuring, prune_module]
#     goals:
#       - Say what dim and n mean in structured pruning, and why a mask over channels saves nothing.
#       - Cut channels out of chained layers by hand, with everything that hangs on them.
#       - Let torch-pruning find the dependencies of a residual network, cut half of its channels and fine-tune it.
#       - Judge the result by FLOPs, bytes, latency and accuracy, against a network of that shape that was never cut.
#       - Build a 2:4 mask, and say what it saves and on which hardware.
#     terms: ["2:4 sparsity", channel, group, shortcut, surgery]
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

# %% [markdown] slideshow={"slide_type": "skip"}
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask who has pruned a network, and who has seen it become faster. Keep the two counts. Section 1 explains the
# difference between them.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import statistics
import warnings

import torch
import torch_pruning as tp
from torch import nn
from torch.nn.utils import prune

from course_utils import data, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.structured import checks as check

card = claims.Scorecard("structured")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
images, labels = data.load("fashion_mnist")
test_set = data.load("fashion_mnist", "test")
one_image, many_images = (test_set[0][:n].to(device) for n in (1, 64))
dense = checkpoints.load("small_resnet").to(device)
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. A surprise in one minute
#
# SmallResNet comes trained on Fashion-MNIST. We *prune* half of the output **channels** of each convolution: PyTorch's
# `ln_structured` computes the norm of each channel's weights, and a **mask** sets the weights of the weaker half to zero. Then
# `remove` makes the zeros permanent.
#
# **Predict.** How much smaller is the file of the masked network, and how much faster is it?
# **A** half the bytes, half the time. **B** the same bytes, the same time. **C** *more* bytes, the same time.


# %% slideshow={"slide_type": "skip"}
def convolutions(net):
    return [module for module in net.modules() if isinstance(module, nn.Conv2d)]


def last_linear(net):
    return [module for module in net.modules() if isinstance(module, nn.Linear)][-1]


BY_NORM, AT_RANDOM = tp.importance.GroupMagnitudeImportance(p=2), tp.importance.RandomImportance()


def cut(net, ratio, importance=BY_NORM):
    """A copy of `net` in which a share `ratio` of the channels is gone; section 4 explains it."""
    small = copy.deepcopy(net).to(device)
    tp.pruner.BasePruner(
        small, one_image, importance=importance, pruning_ratio=ratio, ignored_layers=[last_linear(small)]
    ).step()
    return small.eval()


masked = copy.deepcopy(dense)
for conv in convolutions(masked):
    prune.ln_structured(conv, "weight", amount=0.5, n=2, dim=0)
removed = copy.deepcopy(dense)
for conv, with_mask in zip(convolutions(removed), convolutions(masked), strict=True):
    prune.custom_from_mask(conv, "weight", with_mask.weight_mask)
    prune.remove(conv, "weight")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
four = {"dense": dense, "masked": masked, "mask removed": removed, "cut": cut(dense, 0.5)}
size = {name: size_report(net) for name, net in four.items()}
with torch.no_grad():
    hook_speed = timing.compare({name: lambda net=net: net(many_images) for name, net in four.items()}, device=device)
Table(
    ["half of the channels", "parameters", "zeros among the weights", "file", "speed-up, 64 images"],
    [
        [
            name,
            f"{size[name].parameters:,}",
            f"{sparsity_report(net).weights.sparsity:.0%}",
            si(size[name].file_bytes, "B"),
            f"{hook_speed.ratio(name):.2f}×",
        ]
        for name, net in four.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** C. The mask makes the file *larger*: it is stored beside the weights. Removed, it leaves the
# dense file. A zero takes four bytes, and is multiplied like any number. Only the last row is a smaller network.

# %% [markdown] slideshow={"slide_type": "skip"}
# Half of every convolution is zero; batch norm and the linear layer were left alone. So two statements that you may read are wrong. "Pruning reduces model size and inference time": a mask does neither. "To
# save memory you must prune a whole layer at least": the last row removed no layer, only channels, and one channel would do.
#
# Before each forward pass a hook multiplies weights and mask; for 64 images that is little beside the convolutions. The first and the
# third row run the very same operations: how far their ratio is from 1 shows how unsteady your machine is just now. If your ratio of the
# cut network is near 1, the time goes into calling layers, not into arithmetic. Try more images at a time.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Weights, channels, heads, layers
#
# *Unstructured* pruning sets single weights to zero, wherever they stand. *Structured* pruning removes whole pieces:
#
# | what goes | a smaller matrix is left? |
# |---|---|
# | single weights | no: the shape stays, with holes |
# | channels (filters) of a convolution, neurons of a linear layer | yes |
# | heads of an attention layer | yes |
# | whole layers or blocks | yes, fewer of them |
#
# A shape without holes needs no special format and no special kernel. That is the whole point.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### `dim` says along which axis the pieces lie
#
# The weight of a convolution has the shape (output channels, input channels, kernel height, kernel width).
# LeNet's `conv2` has 16 × 6 × 3 × 3.
#
# **Predict.** `ln_structured(conv2, "weight", amount=0.5, n=2, dim=…)`: how many of the 864 weights are zero with
# `dim=0`? With `dim=1`? And with `dim=3`, where half of 3 must be a whole number?


# %% slideshow={"slide_type": "skip"}
def mask_of(method, **options):
    """The mask that a pruning function makes for conv2 of an untrained LeNet."""
    runtime.seed_all(0)
    conv = models.LeNet().conv2
    method(conv, "weight", amount=0.5, **options)
    return conv.weight_mask


masks = {
    "l1_unstructured": mask_of(prune.l1_unstructured),
    "ln_structured, n=2, dim=0": mask_of(prune.ln_structured, n=2, dim=0),
    "ln_structured, n=2, dim=1": mask_of(prune.ln_structured, n=2, dim=1),
    "ln_structured, n=2, dim=3": mask_of(prune.ln_structured, n=2, dim=3),
}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Rows for `dim=0`, blocks for `dim=1`, columns of every kernel for `dim=3`

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, rows=2, size=(12, 4.8))
for ax, (name, mask) in zip(axes.flat, masks.items(), strict=True):
    ax.imshow(mask.flatten(1), cmap="Blues", vmin=-0.15, vmax=1.25, aspect="auto")
    for edge in range(1, 6):
        ax.axvline(9 * edge - 0.5, color="black", linewidth=1)
    ax.grid(False)
    ax.set(
        title=f"{name}: {(mask == 0).sum():,} of {mask.numel()} zero",
        xticks=[4 + 9 * i for i in range(6)],
        yticks=[0, 15],
        xticklabels=[f"in {i}" for i in range(6)],
        yticklabels=["out 0", "out 15"],
    )
plots.show(
    fig,
    alt="Four panels of 16 rows and 54 columns, in six blocks of nine. Unstructured: holes everywhere. dim 0: eight whole "
    "rows are empty. dim 1: three whole blocks are empty. dim 3: two of three columns of each kernel are empty in all blocks.",
    caption="conv2 of LeNet: a row is an output channel, a block an input channel. Pale is zero.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# **What you saw.** `dim=0` empties output channels: rows that a smaller layer does not need. `dim=1` empties input channels: the
# layer no longer reads them, so the layer *before* could stop computing them. `dim=3` takes the same kernel column out of every
# kernel; the amount is a share of 3 columns, rounded: `round(1.5)` is 2. In a linear layer `dim=0` are its neurons, `dim=1` its inputs.
#
# `random_structured` draws the channels. `ln_structured` ranks them by their Lₙ norm: `n=1` adds absolute values, `n=2` is the
# usual length, `n=inf` looks at the largest weight only. Does the choice matter?


# %% slideshow={"slide_type": "skip"}
def zeroed(net, method=prune.ln_structured, **options):
    """Numbers of the output channels of conv1 of block1 that a pruning function masks."""
    conv = copy.deepcopy(net.block1.conv1)
    method(conv, "weight", amount=0.5, dim=0, **options)
    return {i for i, kept in enumerate(conv.weight_mask.flatten(1).any(1)) if not kept}


runtime.seed_all(0)
chosen = {f"ln_structured, n={n}": zeroed(dense, n=n) for n in (1, 2, float("inf"))}
chosen["random_structured"] = zeroed(dense, prune.random_structured)
Table(
    ["method", "channels pruned", "the same as with n=2"],
    [[name, len(gone), len(gone & chosen["ln_structured, n=2"])] for name, gone in chosen.items()],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The norms mostly agree; a random choice shares about half with any other. All norms look at the weights alone. A channel of small weights can matter if its inputs are large; so
# can one whose batch norm or next layer multiplies it. [[own_method]] writes scores that look at more.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Cover the titles and let the room name the dim of each panel. Question: which of the four could a smaller
# dense layer replace? All but the first; the last one becomes a kernel of 3 × 1.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Surgery by hand
#
# LeNet: `conv1` (1 → 6) → ReLU, pool → `conv2` (6 → 16) → ReLU, pool → flatten → `fc1` (400 → 120). After the
# pool each of the 16 channels is a map of 5 × 5.
#
# We train three LeNets (three seeds) on 10,000 digits of MNIST, for which LeNet was made, and cut the first one: it keeps 3 of the 6
# channels of `conv1` and 8 of the 16 of `conv2`.
#
# **Predict.** Which tensors must change besides `conv1.weight` and `conv2.weight`? And how many columns of `fc1` go with *one* channel
# of `conv2`: **A** 1, **B** 5, **C** 25?

# %% slideshow={"slide_type": "skip"}
SEEDS = (0, 1, 2)
digits = data.load("mnist", n=10_000)
test_digits = [half[:4000] for half in data.load("mnist", "test")]
lenets = []
for seed in SEEDS:
    runtime.seed_all(seed)
    lenets.append(models.LeNet().to(device))
    training.fit(lenets[-1], *digits, epochs=3, lr=3e-3, seed=seed, device=device)
    lenets[-1].eval()
lenet = lenets[0]


# %% slideshow={"slide_type": "skip"}
def strongest(weight, n_keep):
    """Numbers of the output channels with the largest L2 norm, in their old order."""
    norms = weight.detach().flatten(1).norm(dim=1)
    return norms.topk(n_keep).indices.sort().values


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Five tensors change

# %% slideshow={"slide_type": "-"}
keep1, keep2 = strongest(lenet.conv1.weight, 3), strongest(lenet.conv2.weight, 8)
small = copy.deepcopy(lenet)
small.conv1.weight = nn.Parameter(lenet.conv1.weight[keep1])
small.conv1.bias = nn.Parameter(lenet.conv1.bias[keep1])
small.conv2.weight = nn.Parameter(lenet.conv2.weight[keep2][:, keep1])  # outputs, then inputs
small.conv2.bias = nn.Parameter(lenet.conv2.bias[keep2])
columns = lenet.fc1.weight.view(120, 16, 25)[:, keep2]  # 25 columns for each channel
small.fc1.weight = nn.Parameter(columns.flatten(1))

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["parameter", "before", "after"],
    [
        [name, str(tuple(old.shape)), str(tuple(new.shape))]
        for (name, old), new in zip(lenet.named_parameters(), small.parameters(), strict=True)
        if old.shape != new.shape
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# Rows and bias here, columns in the layer that reads them. Flatten lays the 25 pixels of a channel side by side: C.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is it the same network as the masked one?
#
# Mask the same channels instead, and compare the outputs on the test images.
#
# **Predict.** Are they equal, up to rounding? **A** Yes. **B** Only if the biases are masked too. **C** Never.


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


weights_only = largest_difference(small, with_zeros(lenet, bias=False))
exact = largest_difference(small, with_zeros(lenet, bias=True))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["compared with the cut network", "largest difference of a logit"],
    [["weights masked", f"{weights_only:.2g}"], ["weights and biases masked", f"{exact:.2g}"]],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** B. A channel without weights still gives its *bias*: a constant map, which the next layer reads. In a network
# with batch norm the shift β does the same. Cutting takes the constant away as well.

# %% slideshow={"slide_type": "skip"}
card.record("surgery-exact", exact)

# %% [markdown] slideshow={"slide_type": "skip"}
# If you cut to save a network that was trained with masks, mask the biases too, or add the constant to the next layer's
# bias. With padding even that is not exact: at the border the padded zeros stand in for the constant.
#
# The attributes `in_channels` and `out_channels` still hold the old numbers. PyTorch computes with the tensors and only prints the attributes;
# set them too, or the printout misleads. torch-pruning, below, does so.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What PyTorch says when you forget one
#
# **Predict.** Three mistakes. Which gives an error, and which gives a wrong network in silence?
# (1) `conv2` keeps its six inputs. (2) `fc1` keeps its 400 inputs. (3) `fc1` loses the right *number* of columns, but
# counted as if the channel ran fastest.


# %% slideshow={"slide_type": "skip"}
def attempt(what):
    """Run `what`; give its result, or the first sentence of its error."""
    try:
        with torch.no_grad():
            return what()
    except (IndexError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).split('. ')[0]}"


forgot = {
    "conv2's inputs": copy.deepcopy(small),
    "fc1's inputs": copy.deepcopy(small),
    "fc1's order": copy.deepcopy(small),
}
forgot["conv2's inputs"].conv2.weight = nn.Parameter(lenet.conv2.weight[keep2])
forgot["fc1's inputs"].fc1.weight = lenet.fc1.weight
forgot["fc1's order"].fc1.weight = nn.Parameter(lenet.fc1.weight.view(120, 25, 16)[:, :, keep2].flatten(1))


def right_or_error(net, images_and_labels):
    share = attempt(lambda: training.evaluate(net, *images_and_labels))
    return share if isinstance(share, str) else f"{share:.1%} of the test images right"


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["forgotten", "what happens"],
    [[name, right_or_error(net, test_digits)] for name, net in {"nothing": small, **forgot}.items()],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** Where sizes clash, PyTorch names both. Where they fit, nobody warns. So compare a cut network with the masked one, as
# above, before you fine-tune: training can hide the mistake.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let the room read the two errors aloud and say which layer each means. The third row is the dangerous one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. What hangs together
#
# In a chain, one channel touches two layers. SmallResNet has batch norm and **shortcuts**: a block adds its input to
# its result. Terms of a sum must have the same channels.
#
# **Predict.** You remove one output channel of the *first* convolution. How many layers must change, that one included?
# **A** 2, **B** 4, **C** 7.

# %% slideshow={"slide_type": "skip"}
graph = tp.DependencyGraph().build_dependency(dense, example_inputs=one_image)
group = graph.get_pruning_group(dense.conv, tp.prune_conv_out_channels, idxs=[5])
layer_names = {module: name for name, module in dense.named_modules()}


def ends_touched(group):
    """{name of a layer: the ends at which it loses a channel}, inputs or outputs."""
    ends = {}
    for dependency, _ in group:
        if dependency.target.module in layer_names:
            end = "inputs" if "in_channels" in dependency.handler.__name__ else "outputs"
            ends.setdefault(layer_names[dependency.target.module], set()).add(end)
    return ends


touched = ends_touched(group)
Table(
    ["layer", "class", "loses a channel of its"],
    [[name, type(dense.get_submodule(name)).__name__, ", ".join(sorted(ends))] for name, ends in touched.items()],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# `DependencyGraph` runs the network once, follows the gradient graph backwards, and notes which channel of which layer becomes which
# channel of the next. `get_pruning_group` collects all that must go together
# ([Fang et al., 2023](https://arxiv.org/abs/2301.12900)). Drawn from that graph:

# %% slideshow={"slide_type": "skip"}
PLACES = {
    "conv": (0, 1),
    "bn": (1, 1),
    "block1.conv1": (2, 0),
    "block1.bn1": (3, 0),
    "block1.conv2": (4, 0),
    "block1.bn2": (5, 0),
    "+ (1)": (6, 1),
    "block2.conv1": (7, 0),
    "block2.bn1": (8, 0),
    "block2.conv2": (9, 0),
    "block2.bn2": (10, 0),
    "block2.shortcut.0": (8, 1),
    "block2.shortcut.1": (9, 1),
    "+ (2)": (11, 1),
    "fc": (12, 1),
}


def drawn_nodes(graph):
    """{node of the graph: name in PLACES}, for layers and sums; other operations pass channels on unchanged."""
    sums = [node for node in graph.module2node.values() if "AddBackward" in node.name]
    sums.sort(key=lambda node: -int(node.name.split("_")[-1].split("(")[0]))  # traced from the output backwards
    named = {node: layer_names[module] for module, node in graph.module2node.items() if module in layer_names}
    return named | {node: f"+ ({i})" for i, node in enumerate(sums, start=1)}


# %% slideshow={"slide_type": "skip"}
def readers(node, named):
    """Names of the drawn nodes that read `node`, through operations that are not drawn."""
    return {name for after in node.outputs for name in ([named[after]] if after in named else readers(after, named))}


named = drawn_nodes(graph)
arrows = sorted((name, reader) for node, name in named.items() for reader in readers(node, named))

# %% slideshow={"slide_type": "skip"}
from matplotlib.patches import Rectangle


def draw_group(ax, touched, arrows):
    colours = {"outputs": plots.COLOURS["sky"], "inputs": plots.COLOURS["yellow"]}
    for start, end in arrows:
        style = {"arrowstyle": "->", "color": plots.COLOURS["grey"], "lw": 2, "shrinkA": 26, "shrinkB": 29}
        ax.annotate("", PLACES[end], PLACES[start], zorder=1, arrowprops=style)
    for name, (x, y) in PLACES.items():
        ends = touched.get(name, set())
        for side, offset in (("inputs", -0.42), ("outputs", 0.0)):
            fill = colours[side] if side in ends else "white"
            ax.add_patch(Rectangle((x + offset, y - 0.22), 0.42, 0.44, facecolor=fill, edgecolor="none", zorder=2))
        frame = {"fill": False, "edgecolor": "black", "linewidth": 2 if ends else 0.8}
        ax.add_patch(Rectangle((x - 0.42, y - 0.22), 0.84, 0.44, zorder=3, **frame))
        label = name.partition(" (")[0].replace("shortcut.", "short-\ncut.").replace(".", "\n", 1)
        ax.text(x, y, label, ha="center", va="center", fontsize=13, zorder=4)
    ax.set(xlim=(-0.6, 12.6), ylim=(-0.4, 1.6))
    ax.axis("off")


# %% [markdown] slideshow={"slide_type": "subslide"} tags=["lecture"]
# ### One channel of the first layer: seven layers change

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(12.4, 4.2))
draw_group(ax, touched, arrows)
plots.show(
    fig,
    alt="SmallResNet as a graph of boxes. Blue right halves, where an output channel goes: conv, bn, block1.conv2, block1.bn2. "
    "Yellow left halves, where an input channel goes: block1.conv1, block2.conv1, block2.shortcut.0. The others are white.",
    caption="Blue: an output channel goes. Yellow: an input channel goes. White: unchanged. Found by torch-pruning.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["lecture"]
# **What you saw.** C. The sum after block 1 ties `conv` to `block1.conv2`: both must lose the *same* channel, and with them both
# batch norms and all readers. The channels *inside* a block are tied to nothing else.

# %% slideshow={"slide_type": "skip"}
inside = ends_touched(graph.get_pruning_group(dense.block1.conv1, tp.prune_conv_out_channels, idxs=[5]))
print(f"a channel inside block 1 changes {len(inside)} layers: {', '.join(sorted(inside))}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Cutting half of every group takes two calls
#
# ```python
# pruner = tp.pruner.BasePruner(net, image, pruning_ratio=0.5, ignored_layers=[net.fc],
#                               importance=tp.importance.GroupMagnitudeImportance(p=2))
# pruner.step()
# ```
#
# The *importance* of a channel: its squared weights, added up in each layer of its group, then averaged over these layers.
# `ignored_layers` protects the last layer.
#
# **Predict.** What happens if you leave `ignored_layers` out?

# %% slideshow={"slide_type": "fragment"}
careless = copy.deepcopy(dense)
tp.pruner.BasePruner(
    careless, one_image, pruning_ratio=0.5, importance=tp.importance.GroupMagnitudeImportance(p=2)
).step()
print("logits for one image:", *(tuple(net(one_image).shape) for net in (dense, careless)))

# %% [markdown] slideshow={"slide_type": "fragment"}
# It cuts half of the *classes*. Nothing warns you: outputs are channels too.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Before the figure, let the room follow the channel with a finger: who reads conv? Who is added to it? The
# sum is what most people miss.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Does it pay?
#
# SmallResNet, half of its channels cut, then **fine-tuned**: trained on for one pass over the training images.
#
# **Predict.** A convolution with half the inputs *and* half the outputs:
#
# - What share of its FLOPs is left: **A** a half, **B** a quarter, **C** an eighth?
# - What share of the test images is right before fine-tuning, and what share after?


# %% slideshow={"slide_type": "skip"}
def tuned(net):
    """A copy of `net` after one pass over the training images, with steps that grow smaller and smaller."""
    net = copy.deepcopy(net).to(memory_format=torch.channels_last)  # a layout with which the steps take less time
    optimizer = torch.optim.Adam(net.parameters())
    for tenth, part in enumerate(torch.arange(len(images)).chunk(10)):
        optimizer.param_groups[0]["lr"] = 8e-3 * (0.95 - tenth / 10)
        training.fit(net, images[part], labels[part], optimizer=optimizer, seed=tenth, device=device)
    return net.to(memory_format=torch.contiguous_format).eval()


def percent_right(net, images_and_labels=test_set):
    return 100 * training.evaluate(net, *images_and_labels)


half_cut = cut(dense, 0.5)
best = tuned(half_cut)

# %% slideshow={"slide_type": "skip"}
macs = {"dense": energy.count_macs(dense, one_image), "cut": energy.count_macs(best, one_image)}
weigh = {"dense": size_report(dense), "cut": size_report(best)}
right = {"dense": percent_right(dense), "cut": percent_right(best)}
bare = percent_right(half_cut)
with torch.no_grad():
    speed = {
        n: timing.compare({"dense": lambda x=x: dense(x), "cut": lambda x=x: best(x)}, device=device)
        for n, x in ((1, one_image), (64, many_images))
    }

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A quarter of the work, a quarter of the bytes


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def dense_and_cut(what, shown, dense, cut):
    return [what, shown(dense), shown(cut), f"{cut / dense:.3f}"]


def right_row(when, cut):
    return [f"right, {when}", f"{right['dense']:.2f} %", f"{cut:.2f} %", f"{cut - right['dense']:+.2f} pp"]


both = weigh["dense"], weigh["cut"]
times = [
    [f"time for {n} image{'s' * (n > 1)}", *(f"{s.median_ms(k):.3g} ms" for k in weigh), f"{1 / s.ratio('cut'):.2f}"]
    for n, s in speed.items()
]
Table(
    ["SmallResNet", "dense", "cut, fine-tuned", "ratio"],
    [
        dense_and_cut("FLOPs for an image", "{:,}".format, 2 * macs["dense"], 2 * macs["cut"]),
        dense_and_cut("parameters", "{:,}".format, *(report.parameters for report in both)),
        dense_and_cut("file, reloaded", lambda size: si(size, "B"), *(report.file_bytes for report in both)),
        *times,
        right_row("not yet fine-tuned", bare),
        right_row("fine-tuned", right["cut"]),
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** B: both sides of nearly every layer were halved. The time falls less, least for one image: calling a layer takes its time,
# however small the layer is. The bare cut leaves little accuracy; one pass wins nearly all of it back (*pp* are percentage points).

# %% [markdown] slideshow={"slide_type": "skip"}
# The first convolution has one input and can only be halved; so can the last layer, whose ten outputs stay. That is why the share of
# FLOPs is not exactly a quarter. FLOPs are those that PyTorch's counter sees: matrix products and convolutions. If your
# ratio of time for one image is near 1, calling dominates there; the batch tells what the arithmetic saved.

# %% [markdown] slideshow={"slide_type": "skip"}
# **To keep it.** A state dict of a cut network fits only a network of that shape. Here a class of half the width has it. Where
# no class does, save the whole module with `torch.save`, and load it with `weights_only=False`, from files that you trust only.

# %% slideshow={"slide_type": "skip"}
rebuilt = models.SmallResNet(16).to(device).eval()
rebuilt.load_state_dict(best.state_dict())
print(f"largest difference after loading: {largest_difference(rebuilt, best):.1g}")
print(" ".join(str(attempt(lambda: models.SmallResNet().load_state_dict(best.state_dict()))).split())[:150], "…")

# %% slideshow={"slide_type": "skip"}
card.record("dense-floor", right["dense"])
card.record("resnet-flops", macs["cut"] / macs["dense"])
card.record("resnet-file", weigh["cut"].file_bytes / weigh["dense"].file_bytes)
card.record("resnet-speed-batch", speed[64].ratio("cut"), speed[64].ratio_quartiles("cut"))
card.record("resnet-speed-one", speed[1].ratio("cut"), speed[1].ratio_quartiles("cut"))
card.record("resnet-drop", right["dense"] - right["cut"])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Was it worth it? Two controls of the same shape
#
# - **new weights**: the same shape with random weights, the same single pass. Does the dense network pass on anything?
# - **never cut**: half the width from the start, trained by the *whole* recipe of the dense network, then the same pass.
#
# **Predict.** Put the three in order, the cut one included.

# %% slideshow={"slide_type": "skip"}
runtime.seed_all(1)
new_weights = models.SmallResNet(16).to(device).eval()
new_tuned = tuned(new_weights)

# %% slideshow={"slide_type": "skip"}
never_cut = checkpoints.load("small_resnet_half").to(device)
never_cut_tuned = tuned(never_cut)
passes = {"cut": "6, at full width", "new weights": "none", "never cut": "6, at this width"}
before = {"cut": bare, "new weights": percent_right(new_weights), "never cut": percent_right(never_cut)}
after = {"cut": right["cut"], "new weights": percent_right(new_tuned), "never cut": percent_right(never_cut_tuned)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["half the width", "passes beforehand", "right before the pass, %", "after it, %"],
    [[name, passes[name], f"{before[name]:.2f}", f"{after[name]:.2f}"] for name in after],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** At the same extra pass cutting beats new weights by several points: the dense network passes on a good start. But the network that was
# never cut is as good as the cut one, or better.

# %% [markdown] slideshow={"slide_type": "skip"}
# That agrees with [Liu et al., 2018](https://arxiv.org/abs/1810.05270): they found that for structured pruning a fine-tuned network is not
# better than one of the small shape, trained from random weights with a full budget. What you win by cutting is the *shape*, not the weights.
#
# The pass gained the network that was never cut next to nothing: its training was complete. So was that of the dense one, which is
# therefore compared as it is.
#
# What speaks for cutting all the same: you have a trained network and one pass to spend, or you do not know yet which shape you need and want to
# try several. This table is one draw. The scorecard's notes (`lessons/structured/claims.toml`) say what other seeds and a second pair of
# networks gave: the cut ones lay at the level of those never cut or some tenths below. Do not read meaning into a single tenth.

# %% slideshow={"slide_type": "skip"}
card.record("scratch-difference", after["cut"] - after["never cut"])
card.record("above-new-weights", after["cut"] - after["new weights"])

# %% slideshow={"slide_type": "skip"}
written = []
for technique, net, share, faster in (
    ("fp32", dense, right["dense"], 1.0),
    ("half the channels cut, fine-tuned", best, right["cut"], speed[1].ratio("cut")),
    ("half the width, never cut", never_cut_tuned, after["never cut"], None),
):
    weight = size_report(net)
    written.append(
        ledger.record(
            lesson="structured",
            task="fashion_mnist",
            model="SmallResNet",
            technique=technique,
            accuracy=share / 100,
            file_bytes=weight.file_bytes,
            load_ms=weight.load_ms,
            speedup=faster,
            energy_nj=energy.estimate(net, one_image).total_nj,
        )
    )
ledger.table(written)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* The two controls are the heart of the lesson. Let the room defend its order before the table. Then ask:
# when would you still cut a trained network instead of training a small one?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. How far can you go?
#
# The three LeNets of section 3, which have *no* batch norm. Cut a quarter, a half, three quarters of the channels *and* of the neurons of `fc1`
# and `fc2`; then one pass over the 10,000 digits on which they were trained.
#
# **Predict.** Where does choosing by norm beat choosing at random: **A** before and after fine-tuning, **B** only before, **C** only
# after, **D** nowhere?


# %% slideshow={"slide_type": "skip"}
def tuned_lenet(net, seed):
    net = copy.deepcopy(net)
    training.fit(net, *digits, seed=100 + seed, device=device)
    return net.eval()


RATIOS = (0.25, 0.5, 0.75)
CHOICES = {"by norm": BY_NORM, "at random": AT_RANDOM}
curves = {}  # (choice, ratio, "before" or "after") -> percent right, one a seed
for choice, importance in CHOICES.items():
    for ratio in RATIOS:
        for seed, net in zip(SEEDS, lenets, strict=True):
            runtime.seed_all(seed)
            smaller = cut(net, ratio, importance)
            curves.setdefault((choice, ratio, "before"), []).append(percent_right(smaller, test_digits))
            curves.setdefault((choice, ratio, "after"), []).append(
                percent_right(tuned_lenet(smaller, seed), test_digits)
            )
longer = [percent_right(tuned_lenet(net, seed), test_digits) for seed, net in zip(SEEDS, lenets, strict=True)]
untouched = [percent_right(net, test_digits) for net in lenets]

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The norm helps most before fine-tuning

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, size=(12, 4.6))
for ax, when in zip(axes, ("before", "after"), strict=True):
    for (choice, marker), colour in zip((("by norm", "o"), ("at random", "s")), ("blue", "orange"), strict=True):
        samples = [untouched if when == "before" else longer] + [curves[choice, r, when] for r in RATIOS]
        low, middle, high = ([f(s) for s in samples] for f in (min, statistics.mean, max))
        ax.plot((0, *RATIOS), middle, marker=marker, color=plots.COLOURS[colour], label=choice)
        ax.fill_between((0, *RATIOS), low, high, alpha=0.2, color=plots.COLOURS[colour], linewidth=0)
    limits = {"before": (0, 100), "after": (50, 100)}[when]
    ax.set(title=f"{when} fine-tuning", xlabel="share of channels and neurons cut", xticks=(0, *RATIOS), ylim=limits)
axes[0].set(ylabel="test images right, %")
axes[0].legend(loc="lower left")
plots.show(
    fig,
    alt="Two panels, accuracy over the share cut, 0 to 0.75, with bands over three seeds. Before fine-tuning cutting by norm "
    "lies far above cutting at random at a quarter and a half; both fall to chance at three quarters. After it both stay high "
    "up to a half and fall at three quarters; by norm lies a little above.",
    caption="Bands: least and largest of three seeds. After: one pass for every point, the uncut network too. The right axis begins at 50.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** A, but not alike. Before fine-tuning the norm is far better than chance, until both break down. One pass wins most of it back and
# shrinks the lead to a few points.

# %% [markdown] slideshow={"slide_type": "skip"}
# So how much the choice matters depends on the budget of fine-tuning, as [[prune_model]] showed for single weights. Before you believe that
# a new importance score is better, ask how long both were fine-tuned, and look at the bands.

# %% slideshow={"slide_type": "skip"}
halved = cut(lenet, 0.5)
lenet_macs = [energy.count_macs(net, one_image) for net in (lenet, halved)]
lenet_bytes = [size_report(net).file_bytes for net in (lenet, halved)]
card.record("lenet-flops", lenet_macs[1] / lenet_macs[0])
card.record("lenet-file", lenet_bytes[1] / lenet_bytes[0])
card.record("lenet-drop", statistics.mean(longer) - statistics.mean(curves["by norm", 0.5, "after"]))
lead = {
    when: statistics.mean(curves["by norm", 0.5, when]) - statistics.mean(curves["at random", 0.5, when])
    for when in ("before", "after")
}
card.record("norm-lead-before", lead["before"])
card.record("norm-lead-after", lead["after"])
Table(
    ["LeNet", "FLOPs", "file", "right, %: mean of 3", "least", "largest"],
    [
        ["dense", "1", "1", *(f"{f(untouched):.1f}" for f in (statistics.mean, min, max))],
        ["dense, one more pass", "1", "1", *(f"{f(longer):.1f}" for f in (statistics.mean, min, max))],
        [
            "half cut, one more pass",
            f"{lenet_macs[1] / lenet_macs[0]:.3f}",
            f"{lenet_bytes[1] / lenet_bytes[0]:.3f}",
            *(f"{f(curves['by norm', 0.5, 'after']):.1f}" for f in (statistics.mean, min, max)),
        ],
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The middle row is the fair baseline: the dense networks were not done with learning either. These LeNets saw 10,000 digits three times, so that three
# of them fit into a lesson; they are not trained to the end.
#
# [[prune_model]] compared one cut with several small ones. torch-pruning does the latter with `iterative_steps=3`: call `step()` and fine-tune, three times.
# Make a *new* optimizer after each step: the old one holds tensors that are no longer in the network.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask where a new importance score would look best: before fine-tuning. Then ask what a report must state so that two scores
# can be compared: passes, data, seeds.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. Heads and layers
#
# **Heads.** Each head of an attention layer has its own rows in the projections to queries, keys and values, and its own columns in the
# output projection ([Michel et al., 2019](https://arxiv.org/abs/1905.10650), removed many with little loss).
#
# **Layers.** A block whose shortcut is its input can be replaced by that input.
#
# **Predict.** Six of twelve heads go. What share of the layer's weights? And removing block 1 of SmallResNet, without
# fine-tuning: harmless or fatal?


# %% slideshow={"slide_type": "skip"}
class Attention(nn.Module):
    """Self-attention for (batch, steps, width); the width of a head is kept apart, so that heads can go."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads, self.head_width = n_heads, width // n_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        qkv = self.qkv(x).unflatten(2, (3, self.n_heads, self.head_width))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, steps, width of a head)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))


@torch.no_grad()
def cut_heads(attention, keep):
    small = copy.deepcopy(attention)
    by_head = (3, attention.n_heads, attention.head_width)
    small.qkv.weight = nn.Parameter(attention.qkv.weight.unflatten(0, by_head)[:, keep].flatten(0, 2))
    small.qkv.bias = nn.Parameter(attention.qkv.bias.unflatten(0, by_head)[:, keep].flatten(0, 2))
    small.out.weight = nn.Parameter(attention.out.weight.unflatten(1, by_head[1:])[:, keep].flatten(1))
    small.n_heads = len(keep)
    return small


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Half of the heads, half of the weights

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
runtime.seed_all(0)
whole, tokens, keep = Attention(768, 12).to(device).eval(), torch.randn(1, 128, 768, device=device), [0, 2, 3, 6, 7, 11]
fewer, silenced = cut_heads(whole, keep), copy.deepcopy(whole)
gone = [head for head in range(12) if head not in keep]
with torch.no_grad():
    silenced.out.weight.unflatten(1, (12, 64))[:, gone] = 0
    heads_exact = (fewer(tokens) - silenced(tokens)).abs().max().item()
    heads_speed = timing.compare(
        {"12 heads": lambda: whole(tokens), "6 heads": lambda: fewer(tokens)}, rounds=9, device=device
    )
heads_weights = sum(p.numel() for p in fewer.parameters()) / sum(p.numel() for p in whole.parameters())
Table(
    ["attention, 768 wide, 128 steps", "parameters", "times as fast", "largest difference to six silenced heads"],
    [["6 of 12 heads", f"{heads_weights:.1%}", f"{heads_speed.ratio('6 heads'):.2f}", f"{heads_exact:.1g}"]],
)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
thousands = [half[:4000] for half in test_set]  # enough to tell what is lost without fine-tuning
shallow = copy.deepcopy(dense)
shallow.block1 = nn.Identity()
nets_without = {"nothing": dense, "half of the channels": half_cut, "block 1": shallow}
by_piece = {name: percent_right(net, thousands) for name, net in nets_without.items()}
Table(
    ["what goes, no fine-tuning", "FLOPs left", "file left", "right, %"],
    [
        [
            name,
            f"{energy.count_macs(net, one_image) / macs['dense']:.2f}",
            f"{size_report(net).file_bytes / weigh['dense'].file_bytes:.2f}",
            f"{by_piece[name]:.1f}",
        ]
        for name, net in nets_without.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Half of the heads are half of the weights: every projection loses one side only. The result equals that of a layer in which
# the six heads are silenced. Removing a block is simple, and without fine-tuning it costs most of the accuracy, as cutting channels does.

# %% [markdown] slideshow={"slide_type": "skip"}
# This attention layer is untrained: the cell shows the algebra and the time, not an accuracy. torch-pruning cuts heads too
# (`num_heads=`, `prune_num_heads=True`), and the number of heads in your own code must then follow.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. 2:4, a pattern that hardware knows
#
# Between single weights and whole channels lies a compromise: in every group of four neighbours along a row, two are zero. NVIDIA GPUs from Ampere on (2020)
# have units that skip them ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)). Stored are the two kept values and, for each, its
# place in the group: 2 bits.
#
# **Predict.** Bytes for each dense byte: **A** 50 %, **B** more, **C** less? And in int8, is the share larger or smaller than in fp16?


# %% slideshow={"slide_type": "skip"}
def keep_n_of_m(weight, n, m):
    """Mask of the n largest magnitudes in each group of m neighbouring inputs (for a convolution: input channels)."""
    inputs_last = weight.detach().abs().movedim(1, -1)
    groups = inputs_last.reshape(-1, m)
    mask = torch.zeros_like(groups).scatter_(1, groups.topk(n, dim=1).indices, 1)
    return mask.reshape(inputs_last.shape).movedim(-1, 1)


small_row = torch.tensor([[0.9, -0.1, 0.2, -0.8, 0.3, 0.5, 0.5, 0.1]])
Table(
    ["", *range(8)],
    [["weight", *(f"{w:g}" for w in small_row[0])], ["mask", *(f"{k:g}" for k in keep_n_of_m(small_row, 2, 4)[0])]],
)

# %% slideshow={"slide_type": "skip"}
from torch.sparse import _semi_structured_conversions as packing  # private: torch's own 2:4 tensors are packed with it


def packed(dtype):
    """(bytes for each dense byte, share of the nonzero values that do not come back) of a real packed 2:4 tensor."""
    weight = torch.randn(128, 256, generator=torch.Generator().manual_seed(0))
    weight = ((30 * weight).round() if dtype == torch.int8 else weight) * keep_n_of_m(weight, 2, 4)
    weight = weight.to(dtype)
    values, places = packing.sparse_semi_structured_from_dense_cutlass(weight)
    n_bytes = sum(t.numel() * t.element_size() for t in (values, places))
    back = packing.sparse_semi_structured_to_dense_cutlass(values, places)
    lost = ((back != weight) & (weight != 0)).sum().item()
    return n_bytes / (weight.numel() * weight.element_size()), lost / (weight != 0).sum().item()


packs = {
    str(dtype).removeprefix("torch."): packed(dtype)
    for dtype in (torch.float16, torch.bfloat16, torch.int8, torch.float32)
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["packed by torch, on a CPU", "bytes for each dense byte", "nonzero values that are lost"],
    [[name, f"{share:.2%}", f"{lost:.1%}"] for name, (share, lost) in packs.items()],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** B: the places cost extra, and weigh more beside smaller values. And a trap: in fp32 the hardware's pattern is **1:2**, one of two. A
# 2:4 mask does not survive that conversion, and nothing says so.

# %% slideshow={"slide_type": "skip"}
card.record("bytes-fp16", 100 * packs["float16"][0])
card.record("bytes-int8", 100 * packs["int8"][0])
card.record("fp32-damaged", packs["float32"][1])

# %% [markdown] slideshow={"slide_type": "skip"}
# By arithmetic: four fp16 values are 64 bits; two of them and two places are 32 + 4 = 36 bits. Four int8 values are 32 bits; 16 + 4 = 20 are left.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The stricter the pattern, the more it costs
#
# Half of the weights of SmallResNet go, each time without fine-tuning: anywhere in a layer, 2 of 4, 1 of 2, whole channels.
#
# **Predict.** How many points does 2:4 lose against "anywhere": **A** less than one, **B** a few, **C** more than ten?


# %% slideshow={"slide_type": "skip"}
def half_anywhere(weight):
    flat = weight.detach().abs().flatten()
    return torch.zeros_like(flat).index_fill_(0, flat.topk(flat.numel() // 2).indices, 1).view_as(weight)


@torch.no_grad()
def thinned(net, mask_for):
    """A copy of `net` with masked convolutions; the first one stays: it has one input channel."""
    net = copy.deepcopy(net)
    for conv in convolutions(net)[1:]:
        conv.weight.mul_(mask_for(conv.weight))
    return net


patterns = {
    "half, anywhere": thinned(dense, half_anywhere),
    "2:4": thinned(dense, lambda w: keep_n_of_m(w, 2, 4)),
    "1:2": thinned(dense, lambda w: keep_n_of_m(w, 1, 2)),
}
by_pattern = {name: percent_right(net, thousands) for name, net in patterns.items()}
counted = {name: f"{sparsity_report(net).weights.sparsity:.0%}" for name, net in patterns.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["pattern", "zeros among the weights", "right, no fine-tuning, %"],
    [
        ["none", "0%", f"{by_piece['nothing']:.2f}"],
        *[[name, counted[name], f"{share:.2f}"] for name, share in by_pattern.items()],
        ["half of the channels", "cut out", f"{by_piece['half of the channels']:.2f}"],
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** C. Single weights cost least; 2:4 costs a lot more; 1:2 more again; channels cost nearly everything. What a machine can *use* goes the
# other way round. The makers of 2:4 train on with the mask held, and report that accuracy is kept ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)).

# %% slideshow={"slide_type": "skip"}
card.record("pattern-24", by_pattern["half, anywhere"] - by_pattern["2:4"])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The kernel, where there is one


# %% slideshow={"slide_type": "skip"}
def speed_24(device):
    """Times of a linear layer in fp16, dense against 2:4, on a GPU that has the units; else the reason why not."""
    if device.type != "cuda" or torch.version.hip:
        return Table(["the 2:4 kernel"], [["Not here: this machine has no NVIDIA GPU that torch can use."]])
    if torch.cuda.get_device_capability(device) < (8, 0):
        return Table(["the 2:4 kernel"], [["Not here: this GPU is older than compute capability 8.0."]])
    warnings.filterwarnings("ignore", "The PyTorch API of SparseSemiStructuredTensor")
    weight = torch.randn(4096, 4096, device=device, dtype=torch.float16)
    weight *= keep_n_of_m(weight, 2, 4)
    sparse, x = (
        torch.sparse.to_sparse_semi_structured(weight),
        torch.randn(2048, 4096, device=device, dtype=torch.float16),
    )
    with torch.no_grad():
        return timing.compare(
            {
                "dense fp16": lambda: nn.functional.linear(x, weight),
                "2:4 fp16": lambda: nn.functional.linear(x, sparse),
            },
            device=device,
        )


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
speed_24(device)

# %% [markdown] slideshow={"slide_type": "-"}
# The units do twice the multiplications in the same time, so 2 is the bound, not the promise
# ([Mishra et al., 2021](https://arxiv.org/abs/2104.08378)). The gain needs large matrices, and sides that are multiples of 16 to 128, which depends on the type. Where there is no kernel, a 2:4
# mask saves bytes at most, and no time. On a CPU PyTorch refuses:

# %% slideshow={"slide_type": "-"}
half_precision = torch.eye(64, dtype=torch.float16)
print(attempt(lambda: torch.sparse.to_sparse_semi_structured(half_precision)))

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask for the bits of one group before the table: two values of 16 bits and two places of 2 bits. Then let the room compute int8
# and int4.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9. When it goes wrong
#
# **Predict.** Which of these requests are refused, and which give you something else in silence?
#
# 1. `ln_structured` with a `dim` that the weight does not have
# 2. `ln_structured` on a bias
# 3. `ln_structured` with `amount=1.0`: all channels
# 4. torch-pruning with `pruning_ratio=1.0`
# 5. `get_pruning_group` with all channels of a layer, pruned
# 6. a weight that is NaN


# %% slideshow={"slide_type": "skip"}
def fresh():
    return copy.deepcopy(dense)


def all_by_hand(net):
    """Cut every channel of a layer, without asking first, and run the network."""
    with torch.enable_grad():  # the graph is read from what autograd records
        graph = tp.DependencyGraph().build_dependency(net, example_inputs=one_image)
    graph.get_pruning_group(net.block1.conv1, tp.prune_conv_out_channels, idxs=list(range(32))).prune()
    return net(one_image)


def with_nan(conv):
    conv.weight.data[7, 0, 0, 0] = float("nan")
    prune.ln_structured(conv, "weight", amount=31, n=2, dim=0)
    return f"no error: of 32 channels only number {conv.weight_mask.flatten(1).any(1).nonzero().item()} is kept, the NaN one"


all_masked = fresh()
prune.ln_structured(all_masked.block1.conv1, "weight", amount=1.0, n=2, dim=0)
left = all_masked.block1.conv1.weight.count_nonzero()
answers = {
    "1. dim=4": attempt(lambda: prune.ln_structured(fresh().conv, "weight", amount=0.5, n=2, dim=4)),
    "2. a bias": attempt(lambda: prune.ln_structured(fresh().fc, "bias", amount=0.5, n=2, dim=0)),
    "3. amount=1.0": f"no error: {left} weights of the layer left, {right_or_error(all_masked, thousands)}",
    "4. pruning_ratio=1.0": f"no error: {sum(p.numel() for p in cut(dense, 1.0).parameters()):,} parameters, as before",
    "5. all channels by hand": attempt(lambda: all_by_hand(fresh())),
    "6. a NaN": attempt(lambda: with_nan(fresh().block1.conv1)),
}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two are refused, one breaks when it runs, three pass in silence

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(["request", "answer"], [[name, text if len(text) < 140 else text[:137] + " …"] for name, text in answers.items()])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The remedies
#
# | request | what to do |
# |---|---|
# | a dim that is not there | 0 for outputs, 1 for inputs, 2 and 3 within the kernel; negative ones count from the end |
# | a bias | it has no slices: prune the weight, and let the surgery take the bias along |
# | everything | leave one channel at least; `course_utils.prune_request.validate_request` refuses it |
# | everything, torch-pruning | ratios that leave no channel are *skipped*: compare the parameters before and after |
# | everything, by hand | ask `graph.check_pruning_group(group)` first: it says False |
# | NaN | a NaN counts as the largest norm: check `weight.isfinite().all()` before you prune |

# %% [markdown] slideshow={"slide_type": "skip"}
# And the layer whose inputs are not cut, of section 3: "expected input to have 6 channels, but got 3" means that the layer *reading* the cut one still has its old
# inputs. Cut its dimension 1, times the pixels of a channel where a flatten lies between. `validate_request`
# of this course looks at a request before anything is changed, and answers in one sentence. Beside it what PyTorch says:

# %% slideshow={"slide_type": "skip"}
from course_utils import prune_request

sick = copy.deepcopy(dense.block1.conv1)
sick.weight.data[7, 0, 0, 0] = float("nan")
asked = [
    ("dim=4", dense.conv, "weight", 0.5, 4),
    ("a bias", dense.fc, "bias", 0.5, 0),
    ("amount=1.5", dense.conv, "weight", 1.5, 0),
    ("amount=33, of 32", dense.conv, "weight", 33, 0),
    ("amount=1.0", dense.conv, "weight", 1.0, 0),
    ("a NaN", sick, "weight", 0.5, 0),
]


def accepted_or_error(prune_it, *args, **options):
    answer = attempt(lambda: prune_it(*args, **options))
    return answer if isinstance(answer, str) else "accepted"


all_of_them = graph.get_pruning_group(dense.block1.conv1, tp.prune_conv_out_channels, idxs=list(range(32)))
print("all channels by hand, check_pruning_group:", graph.check_pruning_group(all_of_them))
both_answers = [
    [
        request,
        accepted_or_error(prune.ln_structured, copy.deepcopy(m), p, amount=a, n=2, dim=d),
        accepted_or_error(prune_request.validate_request, [(m, p)], a, dim=d),
    ]
    for request, m, p, a, d in asked
]
Table(["request", "PyTorch", "validate_request"], both_answers)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · Keep the strongest channels
# ★★ · 12 minutes
#
# Write `cut_block`: a convolution and its batch norm, cut to `n_keep` output channels, those whose weights have the largest L2 norm. `weight` has the shape
# (out, in, height, width); `norm` is a dict of tensors of shape (out,), such as its `weight`, `bias` and `running_mean`; it may have fewer or
# none. Channels stay in their old order. `n_keep` is at least 1, and no two channels have the same norm.
#
# `cut_block(weight, norm, n_keep)` → (weight, norm)
#
# <details><summary>Hint</summary>
# One norm for each output channel: flatten everything behind dim 0. topk gives numbers in the order of size: sort them. Then index every
# tensor with the same numbers.
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · Two chained layers
# ★★ · 15 minutes
#
# Write `cut_pair`: a convolution, a flatten and a linear layer, with the output channels `keep` of the convolution left.
# `conv_weight` has the shape (out, in, height, width), `conv_bias` (out,), `linear_weight` (n, out · area): each channel is a map
# of `area` pixels when it is flattened. `keep` is a list of one or more numbers, in ascending order.
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · A 2:4 mask
# ★★ · 15 minutes
#
# Write `mask_2_4`: for a matrix, a mask of the same shape that keeps the two largest magnitudes in each group of four neighbours *along a row*,
# neither more nor fewer, even if they are 0. A row whose length is no multiple of four ends in a shorter group: it keeps its two largest as well, or the
# only one that it has. Among equal magnitudes any choice is right.
#
# `mask_2_4(weight)` → a tensor of zeros and ones
#
# <details><summary>Hint</summary>
# For each group: the positions of its two largest, by topk on the absolute values. A loop over rows and groups is fine. A threshold ("keep what is at
# least the second largest") goes wrong where values are equal.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def mask_2_4(weight):
    """Zeros and ones of the shape of `weight` (rows, columns): two kept in each group of four along a row.

    >>> mask_2_4(torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)))  # keeps the ones
    tensor([[1., 1., 0., 0.],
            [1., 1., 0., 0.],
            [0., 0., 1., 1.],
            [0., 0., 1., 1.]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.mask_2_4(mask_2_4)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def mask_2_4_solution(weight):
    mask = torch.zeros_like(weight)
    for row in range(weight.shape[0]):
        for start in range(0, weight.shape[1], 4):
            group = weight[row, start : start + 4].abs()
            mask[row, start + group.topk(min(2, len(group))).indices] = 1
    return mask


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Speed depends on the machine. Accuracy after fine-tuning varies with the order of
# sums on your processor; the bounds leave room for that.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A mask saves neither bytes nor time. Cutting half of the channels saves about three quarters of the work and of the file.
# - A channel never goes alone: its bias, its batch norm, the inputs of every reader, and everything that is added to it go with it.
# - Compare with a network of the small shape that was never cut: here it was as good or better, if you can afford to train it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Recommended videos
#
# They help, and do not replace the lesson.
#
# - Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
#   [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54)
# - Michela Paganini, *PyTorch Pruning: How it's Made*, [youtube.com/watch?v=TaOwEa3m5dw](https://www.youtube.com/watch?v=TaOwEa3m5dw)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - H. Li et al., *Pruning filters for efficient ConvNets*, 2016, [arXiv:1608.08710](https://arxiv.org/abs/1608.08710). Filters by norm, with surgery.
# - Z. Liu et al., *Rethinking the value of network pruning*, 2018, [arXiv:1810.05270](https://arxiv.org/abs/1810.05270). The controls of section 5, at scale.
# - G. Fang et al., *DepGraph: towards any structural pruning*, 2023, [arXiv:2301.12900](https://arxiv.org/abs/2301.12900). Behind torch-pruning.
# - A. Mishra et al., *Accelerating sparse deep neural networks*, 2021, [arXiv:2104.08378](https://arxiv.org/abs/2104.08378). 2:4 and its hardware.
# - P. Michel et al., *Are sixteen heads really better than one?*, 2019, [arXiv:1905.10650](https://arxiv.org/abs/1905.10650).
#
# **Project ideas**: rank channels by the batch norm's factor γ; cut all layers by one global ranking; fine-tune the 2:4 network with its mask held;
# remove block 1 and fine-tune.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Credits
#
# The distinction of structured and unstructured pruning and the calls of `torch.nn.utils.prune` follow Michela Paganini's PyTorch pruning tutorial. torch-pruning
# is by Gongfan Fang and contributors (MIT). The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
