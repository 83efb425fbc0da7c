# ---
# jupyter:
#   course:
#     promise: You will make a trained network really smaller and faster, and measure what it cost.
#     minutes: 45
#     seconds: 40
#     needs: [measuring, prune_module]
#     goals:
#       - Say what dim and n mean in structured pruning, and why a mask over channels saves nothing.
#       - Cut channels out of chained layers by hand, with everything that hangs on them.
#       - Follow one channel through a residual network, and let torch-pruning cut half of each group.
#       - Estimate the batch norm's statistics anew before you judge a cut.
#       - Judge the result by FLOPs, bytes, latency and accuracy, against networks that got the same training.
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
# *For the lecturer, 1 min.* Say: "Who has pruned a network? And who has seen it become faster?" Write both counts on the board, the second is smaller as a
# rule. "In two minutes you see why."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy

import torch
import torch_pruning as tp
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn.utils import prune

from course_utils import data, models, runtime, training
from course_utils.data import checkpoints
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.structured import checks as check

card = claims.Scorecard("structured")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()
runtime.describe(device)

# %% tags=["setup"] slideshow={"slide_type": "skip"}
images, labels = data.load("fashion_mnist")
test_set = data.load("fashion_mnist", "test")
one_image, many_images = (test_set[0][:n].to(device) for n in (1, 64))
dense = checkpoints.load("small_resnet").to(device)


def convolutions(net):
    return [module for module in net.modules() if isinstance(module, nn.Conv2d)]


def cut(net, ratio):
    """A copy of `net` in which a share `ratio` of the channels is gone; section 4 explains it."""
    small, by_norm = copy.deepcopy(net).to(device), tp.importance.GroupMagnitudeImportance(p=2)
    tp.pruner.BasePruner(small, one_image, importance=by_norm, pruning_ratio=ratio, ignored_layers=[small.fc]).step()
    return small.eval()


def percent_right(net, images_and_labels=test_set):
    return 100 * training.evaluate(net, *images_and_labels, batch_size=64)


def attempt(what):
    """Run `what`; give its result, or the first sentence of its error."""
    try:
        with torch.no_grad():
            return what()
    except (IndexError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).split('. ')[0]}"


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. A surprise in one minute
#
# SmallResNet comes trained on Fashion-MNIST. We *prune* half of the output **channels** of each convolution: `ln_structured` computes the norm of each
# channel's weights, and a **mask** sets the weaker half to zero. Then `remove` makes the zeros permanent. A fourth copy is *cut*.
#
# **Predict.** How much smaller is the file of the *masked* network, and how much faster is it? **A** half the bytes, half the time. **B** the same bytes and
# time. **C** *more* bytes, similar time.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for A, B, C; expect A and B. Show the table. Say: "It is C: the mask is one more tensor in the file. And a zero is
# multiplied like any number. What is off 1 is probably the clock, or the mask product." Then point at the last row: "Only this one is a smaller network. How it is made is the rest of the lesson."

# %% slideshow={"slide_type": "skip"}
masked, removed = copy.deepcopy(dense), copy.deepcopy(dense)
for conv in convolutions(masked):
    prune.ln_structured(conv, "weight", amount=0.5, n=2, dim=0)
for conv in convolutions(removed):
    prune.remove(prune.ln_structured(conv, "weight", amount=0.5, n=2, dim=0), "weight")
half_cut = cut(dense, 0.5)
four = {"dense": dense, "masked": masked, "mask removed": removed, "cut": half_cut}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
size = {name: size_report(net) for name, net in four.items()}
with torch.no_grad():
    jobs = {name: lambda net=net: net(many_images) for name, net in four.items()}
    batch_speed = timing.compare(jobs, rounds=9, device=device)
card.record("resnet-speed-batch", batch_speed.ratio("cut"), batch_speed.ratio_quartiles("cut"))
card.record("masked-file", size["masked"].file_bytes / size["dense"].file_bytes)
Table(
    ["half of the channels", "zero weights", "file", "speed-up"],
    [
        [
            name,
            f"{sparsity_report(net).weights.sparsity:.0%}",
            si(size[name].file_bytes, "B"),
            f"{batch_speed.ratio(name):.2f}×",
        ]
        for name, net in four.items()
    ],
    caption="64 images at a time, one thread. Masked convolutions are half zero; batch norm and the linear layer are whole.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** The mask lies in the file beside the weights. Removed, it leaves the dense file: a zero takes four bytes, and is multiplied like any
# number. Only the last row is a smaller network.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. Weights, channels, heads, layers
#
# *Unstructured* pruning sets single weights to zero, wherever they stand. *Structured* pruning removes whole pieces:
#
# | what goes | a smaller dense matrix is left? |
# |---|---|
# | single weights | no: the shape stays, with holes |
# | channels (filters) of a convolution, neurons of a linear layer | yes |
# | heads of an attention layer | yes |
# | whole layers or blocks | yes, fewer of them |
#
# So "pruned" alone does not mean smaller or faster: a mask does neither. And to save memory no whole layer has to go: one channel will do.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say: "A shape without holes needs no special format and no special kernel. That is the whole point of structure." Ask for each
# row: "Which library must know about it?" Only the first row needs one that skips zeros. The next question is how PyTorch names the pieces.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### `dim` says along which axis the pieces lie
#
# The weight of a convolution has the shape (output channels, input channels, kernel height, kernel width); LeNet's `conv2` has 16 × 6 × 3 × 3.
#
# **Predict.** `ln_structured(conv2, "weight", amount=0.5, n=2, dim=…)`: how many of the 864 weights are zero with `dim=0`, with `dim=1`, with `dim=3`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room write three numbers. Then let three people draw what each dim leaves: rows, blocks or stripes. Click. Half
# of 3 must be a whole number: 2, so 576 with dim 3, and 432 with the other two. Ask: "Which could a smaller dense layer replace?" All but the first. The last one becomes a kernel of 3
# × 1; which column is kept decides how the input must be cropped.

# %% slideshow={"slide_type": "skip"}
ASKED = {
    "l1_unstructured": (prune.l1_unstructured, {}),
    "ln_structured, n=2, dim=0": (prune.ln_structured, {"n": 2, "dim": 0}),
    "ln_structured, n=2, dim=1": (prune.ln_structured, {"n": 2, "dim": 1}),
    "ln_structured, n=2, dim=3": (prune.ln_structured, {"n": 2, "dim": 3}),
}


def mask_of(method, options):
    """The mask that a pruning function makes for conv2 of an untrained LeNet."""
    runtime.seed_all(0)
    conv = models.LeNet().conv2
    method(conv, "weight", amount=0.5, **options)
    return conv.weight_mask


masks = {name: mask_of(*asked) for name, asked in ASKED.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, axes = plots.figure(columns=2, rows=2, size=(12, 4.4))
for ax, (name, mask) in zip(axes.flat, masks.items(), strict=True):
    ax.imshow(mask.flatten(1), cmap="Blues", vmin=-0.15, vmax=1.25, aspect="auto")
    for edge in range(1, 6):
        ax.axvline(9 * edge - 0.5, color="black", linewidth=1)
    ax.grid(False)
    ax.set(
        title=f"{name}: {(mask == 0).sum():,} zero",
        xticks=[4 + 9 * i for i in range(6)],
        yticks=[0, 15],
        xticklabels=[f"in {i}" for i in range(6)],
        yticklabels=["out 0", "out 15"],
    )
plots.show(
    fig,
    alt="Four panels of 16 rows and 54 columns, in six blocks of nine. Unstructured: holes everywhere. dim 0: eight whole "
    "rows are empty. dim 1: three whole blocks are empty. dim 3: two of three columns of each kernel are empty in all blocks.",
    caption="Row: output channel; block: input channel; pale: zero. n=2: ranked by L2 norm, n=1: by L1. dim=3: of 3 columns round(1.5) = 2 go.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **What you saw.** `dim=0` empties output channels: rows that a smaller layer does not need. `dim=1` empties input channels: the layer no longer reads them,
# so the layer *before* could stop computing them. `dim=3` takes the same kernel columns, here two, out of every kernel. In a linear layer `dim=0` are its neurons,
# `dim=1` its inputs.
#
# `random_structured` draws the channels. `ln_structured` ranks them by their Lₙ norm: `n=1` adds absolute values, `n=2` is the usual length, `n=inf` looks at
# the largest weight only. A norm sees the layer's weights alone. A channel of small weights can matter where its inputs are large, or where the batch norm
# behind it multiplies it; [[scores]] compares scores that see more.


# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. Surgery by hand
#
# LeNet: `conv1` (1 → 6) → ReLU, pool → `conv2` (6 → 16) → ReLU, pool → flatten → `fc1` (400 → 120). After the second pool each of the 16 channels is a map of
# 5 × 5. We keep the `strongest` channels (largest L2 norm), 3 of `conv1` and 8 of `conv2`, by hand: **surgery**.
#
# **Predict.** Which tensors must change? How many columns of `fc1` go with *one* channel of `conv2`: **A** 1, **B** 5, **C** 25?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two minutes in pairs, on paper: a list of tensors and a letter. Expect lists without a bias, and votes for A and C. The answer is
# C, and five tensors: two weights, two biases, and the columns of fc1. Read the code line by line: "rows and bias here, columns in the layer that reads
# them."

# %% slideshow={"slide_type": "skip"}
digits = data.load("mnist", n=10_000)  # LeNet was made for digits
test_digits = [half[:4000] for half in data.load("mnist", "test")]
MAPS = ("conv1: 6 × 9, bias", "conv2: 16 × (6 · 9), bias", "fc1: 120 × (16 · 25)")
COLOURS = ListedColormap(["#D9D9D9", plots.COLOURS["orange"], plots.COLOURS["blue"]])
runtime.seed_all(0)
lenet = models.LeNet().to(device)
training.fit(lenet, *digits, epochs=3, lr=3e-3, device=device)
lenet.eval()


def strongest(weight, n_keep):
    """Numbers of the output channels with the largest L2 norm, in their old order."""
    norms = weight.detach().flatten(1).norm(dim=1)
    return norms.topk(n_keep).indices.sort().values


# %% slideshow={"slide_type": "fragment"}
keep1, keep2 = strongest(lenet.conv1.weight, 3), strongest(lenet.conv2.weight, 8)
small = copy.deepcopy(lenet)
small.conv1.weight = nn.Parameter(lenet.conv1.weight[keep1])
small.conv1.bias = nn.Parameter(lenet.conv1.bias[keep1])
small.conv2.weight = nn.Parameter(lenet.conv2.weight[keep2][:, keep1])
small.conv2.bias = nn.Parameter(lenet.conv2.bias[keep2])
columns = lenet.fc1.weight.view(120, 16, 25)[:, keep2]  # 25 for each channel
small.fc1.weight = nn.Parameter(columns.flatten(1))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Answer.** C, and five tensors: flatten lays the 25 pixels of a channel side by side.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where the cut runs
#
# Three weights, two biases, and what leaves them: first with channels of `conv1`, then with channels of `conv2`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: name rows (outputs) and columns (inputs). Before each click ask: "What goes with it?" Second frame: orange rows, and
# orange *blocks* one layer later. Third frame: blue rows of conv2, and blue stripes of 25 columns in fc1. Say: "A row here is a column there."

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
gone1, gone2 = ([c for c in range(n) if c not in keep.tolist()] for n, keep in ((6, keep1), (16, keep2)))


def cut_map(stage):
    """conv1, conv2 and fc1 as maps: 0 stays, 1 goes with a channel of conv1, 2 with one of conv2."""
    first, second, reader = torch.zeros(6, 11), torch.zeros(16, 57), torch.zeros(120, 16, 25)
    if stage > 0:
        first[gone1] = 1
        second[:, :54].unflatten(1, (6, 9))[:, gone1] = 1
    if stage > 1:
        second[gone2], reader[:, gone2] = 2, 2
    first[:, 9], second[:, 54:56] = float("nan"), float("nan")  # a gap; behind it the bias
    fig, axes = plots.figure(columns=3, size=(12, 4))
    fig.get_layout_engine().set(wspace=0.08)
    for ax, title, values in zip(axes, MAPS, (first, second, reader.flatten(1)), strict=True):
        ax.imshow(values, cmap=COLOURS, vmin=0, vmax=2, aspect="auto", interpolation="none")
        ax.set_title(title)
        ax.set_axis_off()
    return fig


told = "Three maps, conv1, conv2 and fc1. Rows of conv1 with their bias, and the same blocks of nine columns in conv2, that are gone: {}."
more = " Rows of conv2 with their bias, each with 25 columns of fc1, that are gone: {}."
plots.show(
    [cut_map(stage) for stage in range(3)],
    alt=[(told + more).format(gone1 if stage else "none", gone2 if stage > 1 else "none") for stage in range(3)],
    caption="A row is an output, a column an input; behind a gap the bias. Orange: goes with a channel of conv1; blue: with one of conv2.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Is it the same network as the masked one?
#
# Mask the same channels instead, and compare the outputs on 64 images (of clothes: any will do).
#
# **Predict.** Are they equal, up to rounding? **A** Yes. **B** Only if the biases are masked too. **C** Not even then.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands, expect A. Before the click: "What does a channel without weights still give?" Its bias, a constant map; ReLU stops the negative ones, the others go on. So B. Ask
# what plays that part with batch norm: β − γ · mean / deviation.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
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
card.record("surgery-exact", exact)
Table(
    ["compared with the cut network", "largest difference of a logit"],
    [["weights masked", f"{weights_only:.2g}"], ["weights and biases masked", f"{exact:.1g}"]],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** A channel without weights still gives its *bias*: a constant map. Where it is positive it passes the ReLU, and the next layer reads
# it. Cutting takes that away as well.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What PyTorch says when you forget one
#
# Three mistakes: (1) `conv2` keeps its six inputs. (2) `fc1` keeps its 400 inputs. (3) `fc1` loses the right *number* of columns, but the wrong ones: as if
# column k belonged to channel k % 16.
#
# **Predict.** Which gives an error, and which a wrong network in silence?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room say for each mistake "error" or "silent". Before the click ask: "Which test of yours would catch a silent one?" The comparison of the slide before. Click.
# Let the room read the two errors aloud and say which layer each means: the one that *reads* the cut one. The last row runs, and is the dangerous one.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
forgot = {what: copy.deepcopy(small) for what in ("nothing", "conv2's inputs", "fc1's inputs", "fc1's order")}
forgot["conv2's inputs"].conv2.weight = nn.Parameter(lenet.conv2.weight[keep2])
forgot["fc1's inputs"].fc1.weight = lenet.fc1.weight
forgot["fc1's order"].fc1.weight = nn.Parameter(lenet.fc1.weight.view(120, 25, 16)[:, :, keep2].flatten(1))


def right_or_error(net):
    share = attempt(lambda: percent_right(net, test_digits))
    return share if isinstance(share, str) else f"{share:.1f} % of the test images right"


Table(["forgotten", "what happens"], [[name, right_or_error(net)] for name, net in forgot.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** (1) and (2) raise: PyTorch names both sizes. (3) fits, and nobody warns. So compare a cut network with the masked one *before* you train
# on. (The attributes `in_channels` and `in_features` keep their old numbers; `Conv2d` (of one group) and `Linear` compute with the
# tensors all the same, `LayerNorm` would refuse. torch-pruning sets them.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"} tags=["lecture"]
# ## 4. What hangs together
#
# In a chain a channel touches two layers. Here are batch norms and **shortcuts** past a block: a sum needs the same channels.
#
# **Predict.** One output channel of the *first* convolution goes. How many layers change, that one included: **A** 2, **B** 4, **C** 7?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 4 min.* Show of hands, expect A and B. Then click slowly, one wave a click, and let the room say before each: "Who reads it? Who is added to it? At the last click: who feeds it?" At the plus sign stop: "What must the other term do?" The sum is what most miss. At the end count the layers with a stripe, the plus not counted: seven, C. (ReLU and pooling are not drawn: they have no weights and pass channels on.) A stops at the first reader. B counts conv and the three
# convolutions that read it, but no norm, and not the other term of the sum.

# %% slideshow={"slide_type": "skip"}
graph = tp.DependencyGraph().build_dependency(dense, example_inputs=one_image)
layer_names = {module: name for name, module in dense.named_modules()}


def ends_touched(layer):
    """(name, end) of each layer that loses a channel, by torch-pruning, when `layer` loses output channel 5."""
    group, ends = graph.get_pruning_group(layer, tp.prune_conv_out_channels, idxs=[5]), set()
    for dependency, _ in group:
        if dependency.target.module in layer_names:
            end = "inputs" if "in_channels" in dependency.handler.__name__ else "outputs"
            ends.add((layer_names[dependency.target.module], end))
    return ends


LINES = (  # for the picture: names, and where the first of them stands
    ("conv bn", 15, 120),
    ("block1.conv1 block1.bn1 block1.conv2 block1.bn2", 345, 20),
    ("+1", 1035, 120),
    ("block2.conv1 block2.bn1 block2.conv2 block2.bn2", 70, 262),
    ("block2.shortcut.0 block2.shortcut.1", 235, 396),
    ("+2", 760, 329),
    ("fc", 880, 329),
)
IN_WORDS = {"+1": "+", "+2": "+", "block2.shortcut.0": "shortcut\nconv", "block2.shortcut.1": "shortcut\nbn"}

# %% slideshow={"slide_type": "skip"}
sums = [node for node in graph.module2node.values() if "AddBackward" in node.name]
sums.sort(key=lambda node: -int(node.name.split("_")[-1].split("(")[0]))  # traced from the output backwards
named = {node: layer_names[module] for module, node in graph.module2node.items() if module in layer_names}
named |= {node: f"+{i}" for i, node in enumerate(sums, start=1)}


def readers(node):
    """Names of the layers and sums that read `node`, through operations that only pass channels on."""
    return {name for after in node.outputs for name in ([named[after]] if after in named else readers(after))}


def passes_on(name):
    """Sums and norms: what goes in as channel k comes out as channel k."""
    return "+" in name or isinstance(dense.get_submodule(name), nn.BatchNorm2d)


def next_to(name):
    """What a lost output of `name` reaches: its readers; and what feeds it, where it only passes channels on."""
    reached = {(b, "outputs" if passes_on(b) else "inputs") for a, b in arrows if a == name}
    return reached | {(a, "outputs") for a, b in arrows if b == name and passes_on(name)}


arrows = sorted((name, reader) for node, name in named.items() for reader in readers(node))

# %% slideshow={"slide_type": "skip"}
waves, known, front = [], set(), {("conv", "outputs")}
while front:  # wave by wave, until nothing new is reached
    waves.append(front)
    known |= front
    front = {more for name, end in front if end == "outputs" for more in next_to(name)} - known
PLACES = {name: (x + 165 * i, y) for names, x, y in LINES for i, name in enumerate(names.split())}
BEND = [(1095, 159), (1145, 159), (1145, 230), (30, 230), (30, 435)]  # from the first sum to the second line


def spread(number):
    """The network, with the ends that the waves up to `number` reach."""
    canvas, boxes = diagrams.Canvas(), {}
    for name, (x, y) in PLACES.items():
        words = IN_WORDS.get(name, name.replace("block", "block ").replace(".", "\n", 1))
        boxes[name] = canvas.box(x, y, words, width=60 if "+" in name else 140, height=78, size=31)
    for start, end in arrows:
        canvas.wire((30, boxes[end].left[1]) if start == "+1" else boxes[start].right, boxes[end].left)
    for start, end in zip(BEND, BEND[1:], strict=False):
        canvas.wire(start, end, arrow=False)
    for wave, (name, end) in ((w, pair) for w in range(number + 1) for pair in waves[w]):
        box = boxes[name]
        left = box.x if end == "inputs" else box.x + box.width - 13
        colour = plots.COLOURS["purple" if wave == number else "black"]
        canvas.axes.add_patch(Rectangle((left, box.y + 3), 13, box.height - 6, facecolor=colour, zorder=3.5))
    return canvas.figure()


# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
by_walk = {(name, end) for name, end in known if "+" not in name}
same = by_walk == ends_touched(dense.conv)
card.record("group-of-conv", len(ends_touched(dense.conv)))
plots.show(
    [spread(number) for number in range(len(waves))],
    alt=[
        f"SmallResNet as boxes and arrows in two lines. A stripe marks an end that loses a channel. New in step {number}: "
        + ", ".join(f"{end} of {name}" for name, end in sorted(wave))
        for number, wave in enumerate(waves)
    ],
    caption=f"Stripe right: an output channel goes; left: an input channel; pink: new. torch-pruning finds the same: {same}.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer", "lecture"]
# **What you saw. C:** the plus is no layer. The sum ties `conv` to `block1.conv2`. What goes together is a **group** ([Fang et al., 2023](https://arxiv.org/abs/2301.12900)).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Cutting half of every group takes two calls
#
# A pruner of torch-pruning (`tp`), and its `step`. The *importance* of a channel: its squared weights, added up in each layer of its group, then averaged over these layers. Section
# 1 used `ignored_layers=[net.fc]`.
#
# **Predict.** What happens if you leave `ignored_layers` out?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them guess; most expect an error. After the line: "Ten classes went in, five came out, and nobody said a word." Outputs of
# the last layer are channels, too.

# %% slideshow={"slide_type": "fragment"}
careless = copy.deepcopy(dense)
by_norm = tp.importance.GroupMagnitudeImportance(p=2)
tp.pruner.BasePruner(careless, one_image, importance=by_norm, pruning_ratio=0.5).step()
for name, net in {"dense": dense, "careless": careless}.items():
    print(f"{name}: logits for one image {tuple(net(one_image).shape)}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Answer.** It cuts half of the *classes*, and nothing warns you.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. A step between cutting and training
#
# In evaluation mode batch norm subtracts a *stored* mean and divides by a *stored* deviation of each channel. Both were measured on the dense network. After
# a cut most sums it gets have fewer terms.
#
# **Statistics estimated anew**: run 2,000 images through in training mode. No label, no gradient; the weights stay.
#
# **Predict.** How many test images does the cut network get right before, how many after? And what does the step do for the *dense* one?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room write two numbers for the cut network. Show the table: about twice as many are right after the step, and most of
# the loss stays. Say: "Not one weight changed. Whoever judges a cut before this step judges old statistics, too." Then the dense row, the control: where
# nothing was cut, the step wins next to nothing. Ask: "So what is left to mend?" The weights; section 6.


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


anew = {"dense": estimated_anew(dense), "cut": estimated_anew(half_cut)}
stored = {"dense": percent_right(dense), "cut": percent_right(half_cut)}
fresh = {name: percent_right(net) for name, net in anew.items()}
weights_stay = all(torch.equal(a, b) for a, b in zip(half_cut.parameters(), anew["cut"].parameters(), strict=True))
card.record("dense-floor", stored["dense"])
card.record("anew-gain", fresh["cut"] - stored["cut"])
card.record("anew-dense", abs(fresh["dense"] - stored["dense"]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["right, %", "stored statistics", "estimated anew"],
    [[name, f"{stored[name]:.2f}", f"{fresh[name]:.2f}"] for name in stored],
    caption=f"SmallResNet, half of the channels cut, nothing trained; all weights unchanged: {weights_stay}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** With the same weights about twice as many are right; most of the loss stays. The dense network, whose statistics were its own, hardly
# changes. So judge a cut *after* this step; [B. Li et al., 2020](https://arxiv.org/abs/2007.02491), choose among cut networks by it. What it does for
# milder cuts: [[patterns]].

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the step changes in a norm
#
# The last batch norm before the linear layer, in the cut network: the mean and the standard deviation of twelve of its channels, as stored from the dense
# network and as estimated anew.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say: "Orange is what the layer subtracts and divides by before the step, blue after it. Which channel was hurt most?" Take one whose
# points lie far apart, as channel 7 here. Ask what came out of the norm there: a map that is shifted. Where the bars differ, one that is too flat or too steep. Then: "Training
# on measures them anew too, as it goes. But then you cannot tell what the weights had lost."

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(12, 4.2))
spans = {}
for (what, net), colour, shift in zip(
    {"stored": half_cut, "anew": anew["cut"]}.items(), ("orange", "blue"), (-0.13, 0.13), strict=True
):
    norm = net.block2.bn2
    mean, deviation = norm.running_mean[:12].cpu(), norm.running_var[:12].sqrt().cpu()
    spans[what] = deviation.mean().item()
    places = [channel + shift for channel in range(12)]
    ax.errorbar(places, mean, yerr=deviation, fmt="o", capsize=4, color=plots.COLOURS[colour], label=what)
ax.set(xlabel="channel of block2.bn2", ylabel="mean ± deviation", xticks=range(12))
ax.legend(loc="best")
plots.show(
    fig,
    alt="For twelve channels two points with bars, mean and standard deviation, stored and anew. The mean length of a bar, "
    f"to one side: stored {spans['stored']:.2f}, anew {spans['anew']:.2f}.",
    caption="Points: means; bars: one standard deviation to each side.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. Does it pay?
#
# The cut network is **fine-tuned**: trained on, for some steps of 64 images. The dense one gets the *same* steps.
#
# **Predict.** A convolution with half the inputs *and* half the outputs: what share of its FLOPs is left, **A** a half, **B** a quarter, **C** an eighth? How
# far behind the dense network is the cut one in the end?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Show of hands for A, B, C; then one number for the second question. B: half times half; the first and the last layer can only be
# halved. Ask why the time falls less than the work, least for one image. Probably because a call costs time, however small the layer; a profile would show
# it. Then the last row, the answer in points, and say: "The dense network trained on, too. It may gain or lose: take its better value, or the cut may look too good." Here it lost a little: against its value in the row above the cut network is almost half a point further behind.

# %% slideshow={"slide_type": "skip"}
STEPS = 150


def tuned(net):
    """A copy of `net` after STEPS steps of 64 images at a rate that falls to 0: the same for every network."""
    net = copy.deepcopy(net).to(memory_format=torch.channels_last)  # channels last
    training.fit(net, images, labels, steps=STEPS, lr=3e-3, schedule=lambda done: 1 - done, device=device)
    return net.to(memory_format=torch.contiguous_format).eval()


best = tuned(half_cut)
after = {"dense": percent_right(tuned(dense)), "cut": percent_right(best)}

# %% slideshow={"slide_type": "skip"}
macs = {"dense": energy.count_macs(dense, one_image), "cut": energy.count_macs(best, one_image)}
with torch.no_grad():
    jobs = {"dense": lambda: dense(one_image), "cut": lambda: best(one_image)}
    one_speed = timing.compare(jobs, rounds=9, device=device)
baseline = max(stored["dense"], after["dense"])  # the better of the two
card.record("resnet-flops", macs["cut"] / macs["dense"])
card.record("resnet-file", size["cut"].file_bytes / size["dense"].file_bytes)
card.record("resnet-speed-one", one_speed.ratio("cut"), one_speed.ratio_quartiles("cut"))
card.record("resnet-drop", baseline - after["cut"])
# To keep it: a state dict fits a network of its own shape only; here a class of half the width has it. Where no class does, save
# the whole module with torch.save, and load it with weights_only=False, from files that you trust.
rebuilt = models.SmallResNet(16).to(device).eval()
rebuilt.load_state_dict(best.state_dict())
print(f"largest difference after loading: {largest_difference(rebuilt, best):.1g}")
print(" ".join(str(attempt(lambda: models.SmallResNet().load_state_dict(best.state_dict()))).split())[:150], "…")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
rows = [["FLOPs for an image", *(f"{2 * macs[n]:,}" for n in macs), f"{macs['cut'] / macs['dense']:.3f}"]]
both = [size["dense"], size["cut"]]
share = both[1].file_bytes / both[0].file_bytes
rows += [["file", *(si(report.file_bytes, "B") for report in both), f"{share:.3f}"]]
for many, speed in (("one image", one_speed), ("64 images", batch_speed)):
    rows += [[f"time, {many}", "–", "–", f"{1 / speed.ratio('cut'):.2f}"]]
for when, found in (("right, estimated anew", fresh), (f"right, after {STEPS} steps", after)):
    rows += [[when, *(f"{found[n]:.2f} %" for n in macs), f"{found['cut'] - found['dense']:+.2f} pp"]]
Table(["SmallResNet", "dense", "half cut", "ratio, or pp"], rows, caption="One run each; pp: percentage points.")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B**, and nearly so for the network: most layers lost both halves. The time falls less than the work. A few steps win back most of what was lost; about
# four points are left, against a dense network that got the same steps.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Was it worth it? Two controls of the same shape
#
# - **new weights**: random ones, the same steps. Does the dense network pass on anything?
# - **never cut**: half the width from the start, trained by the *whole* recipe of the dense one, then the same steps.
#
# **Predict.** Put the three in order, the cut one included.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The two controls are the heart of the lesson. Let two people defend different orders. After the table: "The good start is real:
# new weights are far behind. But the small network that was trained in full is not beaten." Ask: "When would you still cut a trained network?" When it is
# there, and a full training is not to be had; or when you want to try several shapes.

# %% slideshow={"slide_type": "skip"}
runtime.seed_all(1)
never_cut = checkpoints.load("small_resnet_half").to(device)
never_cut_tuned = tuned(never_cut)
right = {
    "new weights": ("none", percent_right(tuned(models.SmallResNet(16)))),
    "cut": ("6, at full width", after["cut"]),
    "never cut": ("6, at this width", percent_right(never_cut_tuned)),
}
card.record("above-new-weights", right["cut"][1] - right["new weights"][1])
card.record("below-never-cut", right["never cut"][1] - right["cut"][1])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["half the width", "epochs before", "right, %"],
    [[name, passes, f"{share:.2f}"] for name, (passes, share) in right.items()],
    caption=f"After the same {STEPS} steps; one run each.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **New weights stay far behind: the dense network does pass on a good start.** (It is a good start whichever channels stay. In separate runs, not on this page, channels drawn at random reached 87.1 and 86.2 % in place of 87.3 %, so choosing them by their norm buys 0.2 to 1.1 points at this budget.) But the cut network does not beat the one that was trained at
# this width. [Z. Liu et al., 2018](https://arxiv.org/abs/1810.05270): for a shape chosen *beforehand*, as half of every group is, train the small network
# directly. Cutting pays where a trained network is there and few steps are left.

# %% slideshow={"slide_type": "skip"}
rows = [
    ("fp32", dense, stored["dense"], 1.0),
    ("half the channels cut, fine-tuned", best, after["cut"], one_speed.ratio("cut")),
    ("half the width, never cut", never_cut_tuned, right["never cut"][1], None),
]
ledger.table(
    [
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
        for technique, net, share, faster in rows
        for weight in [size_report(net)]
    ]
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Keep the strongest channels
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

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper: which tensor of a batch norm does the slide not name, and which has no channels? running_var; num_batches_tracked.
# The second card is homework in a lecture.


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


# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A mask saves neither bytes nor time. Cutting half of the channels leaves about a quarter of the work and of the file.
# - A channel seldom goes alone: bias, norm, the inputs of every reader, and what is added to it go with it.
# - Between cutting and judging: estimate the batch norm's statistics anew. And give the dense network the same training.
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
# **Project ideas**: rank channels by the batch norm's factor γ; cut all layers by one global ranking; replace a channel's constant by a bias of the next
# layer.
#
# **Credits**: the distinction of structured and unstructured pruning and the calls of `torch.nn.utils.prune` follow Michela Paganini's PyTorch pruning
# tutorial; torch-pruning is by Gongfan Fang and contributors (MIT); the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial
# 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for the three things that a report of a cut network must say: the baseline's training, the step between, the number of runs.
