# ---
# jupyter:
#   course:
#     promise: You will say what fills the memory during a step of training, when it is full, and which change makes it fit.
#     seconds: 25
#     needs: [baseline]
#     goals:
#       - Count weights, gradients, optimizer states and saved activations of a network, by hand and in PyTorch.
#       - Say in which phase of a step the peak is, and why.
#       - Place checkpoints, and count what they save and what they cost.
#       - Say when a batch in parts gives the same gradient, and when it does not.
#       - Find out by an experiment which change makes a training fit into memory.
#     terms: [activation checkpointing, gradient accumulation, liveness, master weights, optimizer state, saved tensor]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The weights take about one megabyte. And the training?*
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
# *For the lecturer, 1 min.* "Who has seen *out of memory*? What did you change first?" Collect three answers on the board: the batch, the model, the number format. At the end look for them in a table.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import logging

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, models, runtime
from course_utils.measure import timing
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.training_memory import checks as check
from lessons.training_memory import show

logging.disable(logging.WARNING)  # torchao says on import what it did not load
from torchao import optim as low_bit  # noqa: E402

logging.disable(logging.NOTSET)
runtime.seed_all(0)
torch.set_num_threads(1)
MIB = 2**20
images, labels = data.load("fashion_mnist", n=64)
print("Everything here is counted on the CPU: bytes, operations and differences of gradients, no seconds.")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One step
#
# A small Transformer reads an image of Fashion-MNIST row by row: 28 rows, six layers, 64 features wide. Its weights take about one megabyte.
#
# It trains with AdamW on batches of 64 images.
#
# **Predict.** How much memory is in use at the highest moment of a step, in units of the weights: **A** 2, **B** 4, **C** 10, **D** 40? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands, counts on the board; expect B from those who know Adam, C from the careful. After the number: "Four of these we can name at once. Which?"
# Then: "Who are the others?"

# %% [markdown] slideshow={"slide_type": "skip"}
# You start a training, and PyTorch answers *out of memory*. The file with the weights has one megabyte, and the machine has thousands. Who took them? And what has to change so that the training fits?
#
# We take a network that is small enough to count everything, and the optimizer AdamW, which keeps the same two averages as Adam. The network treats each row of the image (a small photograph of clothes) as one word of a sentence: 28 rows of 28 pixels become 28 rows of 64 numbers, which pass through six encoder layers. What happens inside such a layer is listed in section 2. Here it is enough that an encoder layer is a chain of linear layers, with a few other operations in between.


# %% slideshow={"slide_type": "skip"}
class RowReader(nn.Module):
    def __init__(self, n_layers=6, width=64):
        super().__init__()
        self.embed = nn.Linear(28, width)
        self.position = nn.Parameter(torch.randn(28, width) * 0.02)
        self.blocks = nn.Sequential(*(models.EncoderLayer(width, 4, 4 * width) for _ in range(n_layers)))
        self.head = nn.Linear(width, 10)

    def forward(self, x):  # (batch, 1, 28, 28)
        x = self.embed(x.squeeze(1)) + self.position
        return self.head(self.blocks(x).mean(1))


# %% [markdown] slideshow={"slide_type": "skip"}
# A step has three phases: *forward*, *backward*, and the optimizer's own. In [[baseline]] you saw the **peak**, the most bytes in use at any one moment; a device needs at least that much, or the step fails. Our timer reports the peak above the level at the start. What is in use already at the start is there for the whole step, namely the weights and what the optimizer keeps from step to step. We add both.


# %% slideshow={"slide_type": "skip"}
def step(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def peaks(model, optimizer, x, y, n_steps=2):
    """Bytes in use at the highest moment of each step."""
    found = []
    for _ in range(n_steps):
        level = sum(p.nbytes for p in model.parameters()) + show.state_bytes(optimizer)
        found.append(level + timing.peak_bytes(lambda: step(model, optimizer, x, y), device="cpu"))
    return found


# %% slideshow={"slide_type": "skip"}
reader = RowReader()
n_weights = sum(p.numel() for p in reader.parameters())
optimizer = torch.optim.AdamW(reader.parameters())
first, second = peaks(reader, optimizer, images, labels)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares the peaks of the first two steps with the weights.
Table(
    ["", "MiB", "times the weights"],
    [
        [name, f"{n / MIB:.1f}", f"{n / (4 * n_weights):.0f}"]
        for name, n in {"weights": 4 * n_weights, "step 1": first, "step 2": second}.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **At its highest moment a step has about forty times the bytes of the weights in memory (D).**
#
# <!-- page -->
#
# Four times would be weights, gradients and Adam's two averages, as [[baseline]] counted them. So at least nine tenths of this memory is something else. It is what the forward pass keeps for the backward pass, and the next section counts it.
#
# Look at the two steps: the first one needs less. Adam's averages do not exist before the first step ends, because the optimizer makes them when it first needs them. From the second step on they are there all the time. So a training can survive its first step, and run out of memory in the second. Measure a later one.
#
# Forty is no law. It belongs to this network and to 64 images. Other networks need four times, or a hundred times.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. What is in memory
#
# - **weights**, and a **gradient** for each
# - **states** of the optimizer: for AdamW two averages for each weight
# - **activations**: what the forward pass saves for the backward pass
#
# **Predict.** A batch of 8 in place of 64: which of the four shrink? SGD in place of AdamW: which? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes by name: "Whoever thinks that the gradients shrink with the batch, hand up." Then show the stacks. Ask: "For which network would the picture be the other way round?"
# (Many weights, each used once or few times, and a small batch.)

# %% [markdown] slideshow={"slide_type": "skip"}
# **The first three by hand.** The row reader has about 304,000 parameters (weights and biases; we call them all weights here). In fp32 each takes 4 bytes. Its gradient takes 4 more. AdamW keeps an average of the gradients and an average of their squares from step to step, 4 bytes each. Such a memory of the optimizer is called **optimizer state**. Together that is 4 + 4 + 8 = 16 bytes a parameter, 304,000 · 16 = 4.9 million bytes, or 4.6 MiB. (A language model of 7 billion parameters would need 7 · 16 = 112 GB in the same way, before the first activation.)
#
# **Why activations?** Take one weight, $y = w \cdot x$. If the loss grows by 2 for each 1 that $y$ grows, then it grows by $2 \cdot x$ for each 1 that $w$ grows. So the gradient of $w$ is made of the *input* $x$. The backward pass comes to this layer much later than the forward pass did, and somebody has to keep $x$ until then. This somebody is *autograd*, PyTorch's machinery for gradients: in the forward pass each operation hands it the tensors that its own derivative will need. They are called **saved tensors**.
#
# **What an encoder layer does, in short.** It has two halves. In the first, *attention*, a linear layer makes three vectors from each row: a *query*, a *key* and a *value*. Each row multiplies its query with the keys of all rows, number by number, and adds up, which gives one product for each row; these products become shares that add up to 1, and the row takes the mean of all values, weighted with its shares. A second linear layer follows. The other half looks at each row alone: a linear layer to four times the width, then GELU (an activation function like ReLU), then a linear layer back. The result of each half is added to its input, and a *layer norm* then brings each row to the mean 0 and the deviation 1. Why anybody would build such a layer is the subject of [[attention]]; to count its memory you need no more than this list of operations.
#
# **An encoder layer by hand.** Its input is 64 images of 28 rows of 64 numbers: 114,688 numbers, or 0.44 MiB. We take that as the unit. What does the layer have to keep?
#
# | operation | what its gradient needs | units |
# |---|---|---|
# | linear layer to queries, keys and values (three outputs in one) | its input | 1 |
# | attention | its three inputs and its result | 3 + 1 |
# | linear layer | its input, which is the result of attention: kept already | 0 |
# | layer norm | its input | 1 |
# | linear layer, four times as wide | its input | 1 |
# | GELU (an activation function like ReLU) | its input, four times as wide | 4 |
# | linear layer back to the old width | its input, four times as wide | 4 |
# | layer norm | its input | 1 |
# | **together** | | **16** |
#
# Six layers of 16 units of 0.44 MiB are 42 MiB. That is the missing part: 36 times the weights.
#
# PyTorch lets us look. `saved_tensors_hooks` takes a function that is called with each saved tensor. Here we send one batch through one layer, and count each piece of memory once, because two operations may keep the same tensor.

# %% slideshow={"slide_type": "skip"}
h = torch.randn(64, 28, 64, requires_grad=True)
layer = models.EncoderLayer(64, 4, 256)
weights = {p.data_ptr() for p in layer.parameters()}
saved = {}  # address -> tensor


def keep(tensor):
    saved[tensor.untyped_storage().data_ptr()] = tensor
    return tensor


with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
    layer(h)
units = [t.untyped_storage().nbytes() / h.nbytes for address, t in saved.items() if address not in weights]
print(f"{sum(units):.2f} units:", *(f"{n:.2g}" for n in units))

# %% [markdown] slideshow={"slide_type": "skip"}
# The sum is a little more than 16, because a layer norm also keeps a mean and a deviation for each row, and attention one number for each row and *head* (attention works in four equal slices of the features, its heads).

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts what a step has in memory, for three settings, and draws it.
settings = {}
for kind, batch in [("AdamW", 64), ("AdamW", 8), ("SGD", 64)]:
    fresh = RowReader()
    chosen = getattr(torch.optim, kind)(fresh.parameters(), lr=1e-3)
    step(fresh, chosen, images[:batch], labels[:batch])  # from now on there are states
    settings[f"{kind}, batch {batch}"] = show.tenants(fresh, chosen, images[:batch].clone(), labels[:batch])
show.stacks(settings)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A smaller batch shrinks the activations alone, in proportion; SGD removes the states alone.**
#
# <!-- page -->
#
# Every image has its own $x$ at every layer, so an eighth of the images makes an eighth of the saved tensors. The gradients keep their size: the gradients of all images are added up into one number for each weight, however many images there are. SGD without momentum needs nothing from one step to the next, so it has no states; with momentum it keeps one running sum.
#
# At which batch are the activations as large as all the rest? The first bar has 42 MiB for 64 images, which is 0.66 MiB for each image. The other three kinds take 4.6 MiB together, and 4.6 / 0.66 = 7. So up to seven images weights, gradients and states are the larger part, and from eight on the activations are.
#
# Which change is worth more depends on which of the four is largest. Here the activations take nine tenths, and SGD in place of AdamW saves a twentieth. A network with many weights, each of which is used only once for an image, shows the opposite picture. Section 3 has one.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does each layer keep?
#
# A linear layer keeps its input, because the gradient of its weight is made of it.
#
# **Predict.** One of these keeps nothing, and one keeps half as much again as its input: linear, ReLU, layer norm, max pooling (2 × 2), addition. Which, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask for the derivative of each: what does it need? Go through them one by one, addition last. A bonus question: ReLU is followed by a linear layer. Who of the two pays?

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts what five layers save for their backward pass.
layers = {
    "linear": nn.Linear(28, 28),
    "ReLU": nn.ReLU(),
    "layer norm": nn.LayerNorm(28),
    "max pooling": nn.MaxPool2d(2),
    "addition": lambda v: v + v,
}
show.kept_by_layers(layers, torch.randn(16, 8, 28, 28))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **An addition keeps nothing, and max pooling keeps one and a half times its input.**
#
# <!-- page -->
#
# The derivative of $a + b$ is 1 for each of the two, whatever their values are. So there is nothing to remember. Max pooling has to send each gradient back to the pixel that was the largest. It notes the place of that pixel for each output, as an integer of 64 bits. There is one output for four inputs, and 8 bytes for an output are half of the 16 bytes that the four inputs take. PyTorch keeps the input as well.
#
# ReLU keeps its output; the sign of it tells where the gradient passes. One bit would be enough for a sign, and PyTorch keeps 32. It costs nothing more where a linear layer follows, since this layer keeps the same tensor as its input. Layer norm needs its input, and a mean and a deviation for each row of 28.
#
# These are choices of an implementation. Another library, or a compiler that fuses operations, may save less. So count.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. When is the memory full?
#
# The *row reader* saves many activations. The *wide* network has 4 million weights, four hidden layers of 1,024.
#
# **Predict.** AdamW, 64 images. In which phase is the highest moment of each: **F** forward, **B** backward, **O** the optimizer's step? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room fill the small table (three layers) on the board, column by column. Then vote F, B, O for the reader, and again for the wide network. In the figure walk along
# the time axis with a finger: what comes, what is released.

# %% [markdown] slideshow={"slide_type": "skip"}
# In section 2 we added up four numbers. But a sum is a peak only if all of it is in memory at the same time. Is it? Gradients come while activations are released.
#
# **Three layers by hand.** Let each layer have weights of 1 byte, and save 10 bytes in the forward pass. Above the weights and states, which are always there, the level is:
#
# | after | F1 | F2 | F3 | B3 | B2 | B1 |
# |---|---|---|---|---|---|---|
# | weights 1, saved 10 | 10 | 20 | 30 | 21 | 12 | 3 |
# | weights 10, saved 1 | 1 | 2 | 3 | 12 | 21 | 30 |
#
# F1 is the forward pass of layer 1, B3 the backward pass of layer 3. After B3 the 10 bytes of layer 3 are released, and its gradient, 1 byte, has come: 30 − 10 + 1 = 21. The level of the first row is highest in the middle, where the forward pass ends and the backward pass begins. In the second row it rises to the end, and then the optimizer comes.
#
# (While an operation runs it needs a little more, its *temporaries*. The backward pass of layer 3, for instance, also makes the gradient of its input.)


# %% slideshow={"slide_type": "skip"}
def wide():
    """784 → 1,024, three times 1,024 → 1,024, then 10 outputs."""
    hidden = [part for _ in range(3) for part in (nn.Linear(1024, 1024), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), *hidden, nn.Linear(1024, 10))


networks, phases = {"row reader": reader, "wide": wide()}, {}
for name, model in networks.items():
    own = torch.optim.AdamW(model.parameters())
    step(model, own, images, labels)  # from now on there are states
    phases[name] = show.step_levels(model, own, images, labels)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the level of memory during one step of each network.
show.two_steps(phases, {name: sum(p.nbytes for p in model.parameters()) for name, model in networks.items()})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The row reader's memory is fullest at the beginning of the backward pass (B), and that of the wide network in the optimizer's step (O).**
#
# <!-- page -->
#
# Both curves begin at 3 times the weights: these are the weights and two states for each. There are no gradients yet, because `zero_grad()` at the end of the step before has released them. (It sets them to `None`. With `set_to_none=False` it would fill them with zeros, and they would stay in memory.)
#
# The row reader is the first row of the small table. When the forward pass ends, all saved tensors are there. The backward pass needs temporaries on top, the gradients of the last layer's activations, and then it releases faster than it adds. When AdamW begins, all saved tensors are gone, and its own temporaries are small.
#
# The wide network is the second row. Its activations are hardly to be seen, for two reasons. It is wide: a layer from 1,024 to 1,024 has 1,024 · 1,024 weights, and of each image it saves 1,024 numbers, which is 65,536 for the batch, one for 16 weights. And each weight is used only once for an image. In the row reader the layer to queries, keys and values has 64 · 192 = 12,288 weights and uses them 28 times, once for each row. Of 64 images it saves 64 · 28 · 64 = 114,688 numbers, nine for each weight. The gradients pile up in the backward pass, and all of them are there when AdamW begins. AdamW needs two temporaries of the size of the tensor that it works on, as [[baseline]] saw.
#
# What follows? A method that shrinks activations lowers the peak of the first network, and cannot lower that of the second. With `fused=True` AdamW does all in one operation, and the temporaries are gone. (In a trial with the wide network the memory then never rose above the level at the start of AdamW's step.) On a GPU AdamW by default works on all tensors at once (`foreach`), and then its temporaries are about as large as all weights together, by [PyTorch's documentation](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html). The peak of the optimizer's step is higher there.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Compares the sum of the four kinds with the peak.
rows = []
for name, model in networks.items():
    own = torch.optim.AdamW(model.parameters())
    step(model, own, images, labels)
    added = sum(show.tenants(model, own, images.clone(), labels).values())
    phase, most = show.highest(phases[name])
    rows.append([name, f"{added / MIB:.1f}", f"{most / MIB:.1f}", phase])
Table(["", "sum of the four, MiB", "peak, MiB", "phase of the peak"], rows)

# %% [markdown] slideshow={"slide_type": "skip"}
# How good was the sum? For both networks it is within about a tenth of the peak. It adds up things that are never in memory together (the last gradients and the first activations to be released), and it leaves out the temporaries. Here the second mistake is the larger one. So the sum is good for an estimate on paper, and to find out which of the four is largest. What the device must have is the peak, and that has to be measured.
#
# On a GPU one asks PyTorch for it: `torch.cuda.max_memory_allocated()` gives the peak of all tensors. The number of `nvidia-smi` is larger, because PyTorch keeps released memory for its next tensors and does not hand it back at once ([notes on CUDA](https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management)). This was not measured here.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Forget, and compute again
#
# **Activation checkpointing** keeps the *input* of a block and forgets what is inside. The backward pass runs the block forward again, and then backward.
#
# **Predict.** Three blocks: the insides of how many are in memory at once, without it and with it? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame: read upward from the end of the forward pass. Second frame: grey is the input, small; blue the inside, large. "How many blue ones in one column?" Then: "How many steps more?"

# %% [markdown] slideshow={"slide_type": "skip"}
# The saved tensors are large, but nobody gave them to us: they were *computed*, from the input of the layer. So there is no need to keep them. If you forget the working of a sum but remember where it began, you can do it again. That takes time, and it needs the paper only at the moment when you do it.
#
# For an encoder layer this is a good bargain. It saves 16 units, and 1 unit, its own input, is enough to compute the other 15 again. The small input that is kept is called a *checkpoint*. (The word also means a file with weights. Here it never does.)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws which block's inside is in memory when, without checkpoints and with them.
show.block_lives()

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Three insides are in memory at once without checkpoints, and only one with them.**
#
# <!-- page -->
#
# Without checkpoints the inside of block 1 waits through the whole forward pass and most of the backward pass. With checkpoints block 1 keeps its input (grey). Its inside is released as soon as its output is there. When the backward pass comes to block 1, the block runs forward once more, its inside comes back, is used, and is released. By then the insides of blocks 2 and 3 are gone already. The price is one more forward pass for each block.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One call for each block
#
# ```python
# for block in blocks:
#     x = checkpoint(
#         block, x,
#         use_reentrant=False)
# ```
#
# **Predict.** For the six layers of the row reader: how many times lower is the *peak*? How many more operations has a step? Are the gradients equal in every bit? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Three votes. For the operations, let somebody say how many matrix products a linear layer has in the forward pass, and how many in the backward pass. Ask last what dropout would do to the bits.

# %% [markdown] slideshow={"slide_type": "skip"}
# **The operations by hand.** A linear layer has one matrix product in its forward pass. Its backward pass has two of the same size: one makes the gradient of the weight, the other one the gradient of the input, which the layer before needs. So forward is 1, backward is 2, and a step is 3.
#
# To use it, we wrap each block, so that `forward` calls `checkpoint`. The argument `use_reentrant=False` chooses the newer of two implementations, which PyTorch recommends.


# %% slideshow={"slide_type": "skip"}
class Checkpointed(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return checkpoint(self.block, x, use_reentrant=False)


def with_checkpoints(model):
    """A copy of a row reader with a checkpoint for each block."""
    light = copy.deepcopy(model)
    light.blocks = nn.Sequential(*map(Checkpointed, light.blocks))
    return light


# %% slideshow={"slide_type": "skip"}
flops, gradients, kept, on_top = {}, {}, {}, {}
for name, model in {"plain": copy.deepcopy(reader), "checkpoints": with_checkpoints(reader)}.items():
    model.zero_grad()
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(model(images), labels).backward()
    flops[name], gradients[name] = counter.get_total_flops(), [p.grad.clone() for p in model.parameters()]
    kept[name] = show.saved_by_step(model, images, labels)
    model.zero_grad()
    on_top[name] = timing.peak_bytes(lambda m=model: F.cross_entropy(m(images), labels).backward(), device="cpu")
same = all(torch.equal(a, b) for a, b in zip(gradients["plain"], gradients["checkpoints"], strict=True))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts saved bytes, peak and operations into a table.
Table(
    ["", "saved, MiB", "peak, MiB", "GFLOP"],
    [[name, f"{kept[name] / MIB:.1f}", f"{on_top[name] / MIB:.1f}", f"{flops[name] / 1e9:.2f}"] for name in kept],
    caption=f"above weights and states; operations of the linear layers; gradients equal in every bit: {same}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The peak is about four times lower, a step has a third more operations, and the gradients are equal in every bit.**
#
# <!-- page -->
#
# What is *saved* at the end of the forward pass falls to about a sixteenth, one unit for each layer in place of 16. But the peak comes later: when the backward pass begins, the 16 units of one layer come back, and the six inputs are beside them. That is 6 + 16 units, and with the temporaries of the backward pass about a quarter of what it was.
#
# The operations go from 3 to 4: one more forward pass. (It is a little less than a third more, since the first and last linear layers, `embed` and `head`, have no checkpoint.) Seconds were not measured here.
#
# The gradients are the same, because the second forward pass does the same operations on the same numbers. Where could that fail? Dropout draws random numbers; so `checkpoint` keeps the state of the random generator and restores it. Batch norm updates its running means in each forward pass, and so it updates them twice in a step; the gradients do not change, but the network that is evaluated later does. And some *kernels* (routines) of a GPU choose another order of addition from one call to the next; there the last bits may differ.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How many checkpoints?
#
# A chain of 36 equal layers, cut into $k$ segments, with a checkpoint for each segment. In memory: $k$ inputs, and the inside of one segment.
#
# **Predict.** Which $k$ has the lowest peak: 1, 6, 18 or 36? And for 64 *encoder* layers, whose insides are 16 times their inputs: 8, 32 or 64? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* On the board first nine layers with k = 1, 3, 9. Then let the room compute 36 in groups, each group another k. For the encoder layers give a minute. "What would you do if one layer were still too much?"

# %% [markdown] slideshow={"slide_type": "skip"}
# One checkpoint for each layer is not always best, because the inputs have to be kept, too. **Nine layers by hand**, each of which saves as much as its input, 1 unit:
#
# | segments | inputs kept | inside of one segment | together |
# |---|---|---|---|
# | 1 | 1 | 9 | 10 |
# | 3 | 3 | 3 | 6 |
# | 9 | 9 | 1 | 10 |
#
# Few segments have large insides, many segments have many inputs. In general, with $n$ layers, $k$ segments and $r$ units inside a layer, it is $k + r\,n/k$. The first addend grows with $k$, the second one shrinks, and the sum is least where the two are equal: $k = \sqrt{r\,n}$.

# %% slideshow={"slide_type": "skip"}
chain = nn.Sequential(*(nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(36)))
encoder = nn.Sequential(*(models.EncoderLayer(64, 4, 256) for _ in range(64)))
x_chain, x_encoder = torch.randn(512, 64), torch.randn(8, 28, 64)
curves = {"36 layers": {k: show.segment_peak(chain, x_chain, k) for k in (1, 2, 4, 6, 9, 18, 36)}}
curves["64 encoder layers"] = {k: show.segment_peak(encoder, x_encoder, k) for k in (8, 16, 32, 64)}
best = {name: min(curve, key=curve.get) for name, curve in curves.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the measured peak over the number of segments.
show.segments(curves)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The chain has its lowest peak at about six segments, and the encoder at 32.**
#
# <!-- page -->
#
# For the chain $r$ is 1, and $\sqrt{36} = 6$: six inputs and six insides, 12 in place of 37. The curve is flat around its lowest point (4 and 9 are nearly as good). For the encoder $\sqrt{16 \cdot 64} = 32$: two layers in a segment. There 32 + 16 · 2 = 64, while one checkpoint a layer gives 64 + 16 = 80, and 8 segments give 8 + 16 · 8 = 136. The measured peaks are higher than these sums, because temporaries come on top.
#
# What about the row reader, with six layers? $\sqrt{16 \cdot 6}$ is about 10, more segments than layers. So one checkpoint for each layer is the best there. If that is still too much, put checkpoints inside the layer, or send fewer images.
#
# The memory then grows with the *root* of the number of layers. [Chen et al., 2016](https://arxiv.org/abs/1604.06174) proposed this, and trained a network of 1,000 layers in 7 GB in place of 48, for 30 % more time (abstract).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The batch in parts
#
# A smaller batch needs less memory, and has noisier gradients. **Gradient accumulation** feeds a batch of 64 in eight parts, adds up the gradients, and then takes one step.
#
# **Predict.** For which network is it the same gradient as that of the whole batch: the row reader (layer norm), SmallCNN (batch norm), both, or none? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First the sum with 2 and 6 on the board, with and without the division. Then vote: reader, CNN, both, none. Ask what a mean over 64 images has to do with means over 8. After the table let somebody explain the last row.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Two images by hand.** One image alone gives a weight the gradient 2, the other one gives 6. The loss of a batch is a *mean*, so the batch of both has the gradient (2 + 6) / 2 = 4. Now in two parts. `backward()` *adds* to the gradient that is there already, until `zero_grad()` clears it. So the two calls leave 2 + 6 = 8, twice too much. We divide each loss by the number of parts before `backward()`, and get 2/2 + 6/2 = 4. The saved tensors of the first part are released before the second part begins. So only one part is in memory at a time.
#
# (If the parts are not equally large, weight each by its share, `len(part) / len(batch)`.)
#
# Is it always so? The two networks differ in their norm. Layer norm scales each row of an image by the mean and deviation of this row. Batch norm scales each channel by the mean and deviation over all pixels of this channel, in all images of the batch.


# %% slideshow={"slide_type": "skip"}
def accumulated(model, n_parts):
    """The gradient of the batch in `n_parts` parts, as one row."""
    model.zero_grad()
    for x, y in zip(images.chunk(n_parts), labels.chunk(n_parts), strict=True):
        loss = F.cross_entropy(model(x), y)
        loss = loss / n_parts
        loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


cnn = models.SmallCNN().train()
nets = {"row reader": reader, "SmallCNN": cnn, "SmallCNN, eval": copy.deepcopy(cnn).eval()}
apart, in_parts = {}, {}
for name, net in nets.items():
    whole, parts = accumulated(net, 1), accumulated(net, 8)
    apart[name] = ((whole - parts).norm() / whole.norm()).item()
    in_parts[name] = [show.saved_by_step(net, images[:n], labels[:n]) for n in (64, 8)]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the saved bytes and the differences of the gradients into a table.
Table(
    ["", "1 part", "8 parts", "apart"],
    [[n, *(f"{b / MIB:.1f}" for b in in_parts[n]), f"{apart[n]:.1g}"] for n in nets],
    caption="saved at once, MiB; gradients apart, relative",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The gradient is the same for the row reader, but for rounding, and another one for SmallCNN.** One part keeps an eighth of the activations.
#
# <!-- page -->
#
# What happens to one image in the row reader does not depend on the other images. So its part of the gradient is the same in any company, and the two gradients differ in the seventh digit only, because the same numbers are added in another order.
#
# In SmallCNN the images of a batch depend on each other. By hand, with one pixel for each image: two images with the values 1 and 3 in some channel have the mean 2, and batch norm turns them into −1 and 1. If each of them comes alone, its mean is itself, and it becomes 0. Here the means were taken over 8 images in place of 64, so this was another function, and its gradient differs by some tens of per cent.
#
# The last row is the control. In evaluation mode batch norm uses fixed means, everything else is as before, and the difference is gone. So batch norm was the cause.
#
# Does another gradient harm the training? Not necessarily, because many people train with a batch norm over 8 images. But the run is not the one that you meant to repeat.
#
# Accumulation does the same operations in smaller passes. It lowers the activations only. Weights, gradients and states remain, and the gradients even stay in memory during the forward passes of all parts but the first.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Bytes of a training
# ★ · 6 minutes
#
# Write `training_bytes`: weights, gradients and optimizer states of a model, all in fp32. `tensors` lists (name, how many numbers, is it trained?). A tensor that several
# layers *share* stands there once for each of them, under one name, and exists once. A tensor that is not trained has no gradient and no state. The optimizer keeps `n_states` states of the tensor's size.
#
# `training_bytes(tensors, n_states)` → a whole number
#
# <details><summary>Hint</summary>
# Go through the names that you have not seen before. A trained number is kept 2 + n_states times, another one once. By hand: five numbers that are trained with two states, and three that are not, take 4 · (5 · 4 + 3) = 92 bytes.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Together, in words: `[("w", 5, True), ("b", 3, False)]` with two states? 4 · (5 · 4 + 3) = 92 bytes. The code is for the lab or for home. Shared tensors are no oddity: many language models use one matrix for the first and the last layer.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def training_bytes(tensors, n_states):
    """Bytes of weights, gradients and states.

    >>> training_bytes([], 2)  # no tensor, no bytes
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.training_bytes(training_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def training_bytes_solution(tensors, n_states):
    total = 0
    for n_numbers, trained in {name: rest for name, *rest in tensors}.values():
        total += 4 * n_numbers * (2 + n_states if trained else 1)
    return total


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · What makes it fit?
# ★★ · 12 minutes · an investigation
#
# A training runs out of memory on a device with 100 MiB. You get an instrument, `peak(arm, step=n)`, which starts the training and returns the MiB in use at the highest moment of step `n`, from 1 to 8. The arm `"plain"` is the
# training as it is, `"checkpoints"` adds checkpoints, `"SGD"` has an optimizer without states, `"both"` does both. An arm *fits* if none of its eight steps needs more than 100. Which is the least that has to change?
#
# `what_fits(peak)` → `"plain"` if this fits already; `"checkpoints"` or `"SGD"` if this change alone is enough; `"both"` if only both together are; `"neither"` if not even those are
#
# <details><summary>Hint</summary>
# Measure all four arms, and all eight steps of each. Memory is full at one moment, not on average.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several trainings. In some the activations are large, in some the states, and in some the batches are not equally long. (Where something has to change, it never happens that each of the two changes is enough alone.) It looks at how you make your experiment, and then at what you conclude. Up to 2,000 runs are allowed for each experiment.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. Write four numbers on the board, plain 140, checkpoints 120, SGD 130, both 95, and ask for the conclusion. Then: "Which step would you measure, and why not only that one?" The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_fits(peak):
    """Say what fits: "plain", "checkpoints", "SGD", "both" or "neither".

    Args:
        peak: the instrument; `peak("SGD", step=3)` gives the MiB in use
            at the highest moment of the third step.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_fits(what_fits)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_fits_solution(peak):
    arms = ("plain", "checkpoints", "SGD", "both")
    most = {arm: max(peak(arm, step=n) for n in range(1, 9)) for arm in arms}
    for arm in arms:
        if most[arm] <= 100:
            return arm
    return "neither"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on real networks
#
# Four arms, three trainings: the row reader with 64 images and with 8, and the wide network with 64. The device has half of what the plain arm needs.
#
# **Predict.** Which of your conclusions fits each of the three trainings? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room say for each column who is the largest, before the table. Then column by column. Ask what one would have concluded from the first column alone.

# %% slideshow={"slide_type": "skip"}
trainings = {"reader, 64": (RowReader, 64), "reader, 8": (RowReader, 8), "wide, 64": (wide, 64)}
needs = {}
for name, (make, batch) in trainings.items():
    for arm in ("plain", "checkpoints", "SGD", "both"):
        model = make()
        if arm in ("checkpoints", "both") and make is RowReader:
            model = with_checkpoints(model)
        elif arm in ("checkpoints", "both"):  # one for each hidden layer but the first
            model = nn.Sequential(*model[:3], *(Checkpointed(model[i : i + 2]) for i in (3, 5, 7)), model[9])
        kind = torch.optim.SGD if arm in ("SGD", "both") else torch.optim.AdamW
        needs[name, arm] = peaks(model, kind(model.parameters(), lr=1e-3), images[:batch], labels[:batch])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the peaks into a table, beside what the device has.
Table(
    ["peak, MiB", *trainings],
    [
        [arm, *(f"{max(needs[name, arm]) / MIB:.1f}" for name in trainings)]
        for arm in ("plain", "checkpoints", "SGD", "both")
    ]
    + [["the device has", *(f"{max(needs[name, 'plain']) / MIB / 2:.1f}" for name in trainings)]],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 64 images checkpoints make the row reader fit, with 8 images only both changes together do, and the wide network fits with SGD alone.**
#
# <!-- page -->
#
# With 64 images the activations of the row reader take nine tenths, so checkpoints are enough and SGD saves a twentieth. With 8 images the *same* network has an eighth of the activations, and its states are no longer small beside them. Each change lowers one of the two, and neither alone is enough. The wide network has hardly any activations. Checkpoints change nothing at all, because its peak is in the optimizer's step, when the activations are gone. Without states more than half of the memory is free.
#
# So no method is good or bad in itself. Find out first what is in memory at the highest moment. And measure more than the first step: for the row reader with 8 images the first step of the plain arm needs a quarter less than the second, because there are no states yet.
#
# SGD in place of AdamW is a change of the training, too. Whether a network learns as well with it was not measured here. It often needs another learning rate, and Transformers are known to learn worse with it ([Zhang et al., 2020](https://arxiv.org/abs/1912.03194)). *Deeper* has an optimizer that keeps its states and stores them in fewer bits.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ### What to try first
#
# Measure first what is in memory at the peak.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Go back to the answers of the first minute on the board, and look for each of them in the table: what does it make smaller, at which price? Ask why a smaller model has no row.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Collects what each method lowers, for the row reader, and its price.
norm = nn.BatchNorm1d(64)
checkpoint(norm, torch.randn(8, 64, requires_grad=True), use_reentrant=False).sum().backward()
was = f"{kept['plain'] / MIB:.1f} → "
states = settings["AdamW, batch 64"]["states"] / MIB
rows = [
    ["batch of 8", "activations", f"{was}{settings['AdamW, batch 8']['activations'] / MIB:.1f}", "noisier gradients"],
    ["8 parts", "activations", f"{was}{in_parts['row reader'][1] / MIB:.1f}", "batch norm sees the parts"],
    [
        "checkpoints",
        "activations",
        f"{was}{kept['checkpoints'] / MIB:.1f}, and one inside",
        f"a third more work; {norm.num_batches_tracked} updates of batch norm",
    ],
    ["SGD", "states", f"{states:.1f} → 0", "another training"],
]
Table(["method", "makes smaller", "here, MiB", "price"], rows, caption="the row reader, 64 images")

# %% [markdown] slideshow={"slide_type": "skip"}
# A smaller model has no row, because it lowers everything. Two more rows belong to this table and stand in *Deeper*: states of few bits, and layers that are not trained (*frozen*). Mixed precision, which computes products in 16 bits ([[amp]]), lowers activations, and *Deeper* shows what it does to the rest. Where several GPUs train together, each can hold a part of the states, gradients and weights: that is what ZeRO does ([Rajbhandari et al., 2019](https://arxiv.org/abs/1910.02054)). It is not shown in this course.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever wants to know what 16 bits, 8-bit states and frozen layers change, and how little memory a network needs when no backward pass follows.
#
# ### What do 16 bits save?
#
# Mixed precision ([[amp]]) computes in bf16, 2 bytes a number. There are two ways to do so.
#
# - *autocast*: the weights stay in fp32, and each matrix product casts what it gets.
# - *bf16*: weights and gradients are bf16 tensors. Small updates would be rounded away there ([[formats]]), so the optimizer works on a copy in fp32, the **master weights**, and the network's weights are a rounded copy of those.
#
# **Predict.** fp32 has 16 bytes a parameter, without activations. How many have the two others? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Takes a step in three formats and counts what is in memory.
counts = {kind: show.step_in(kind, reader, images, labels) for kind in ("fp32", "autocast", "bf16")}
show.bytes_a_parameter(counts, n_weights)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Both have 16 bytes a parameter, too. What shrinks is the activations.**
#
# With autocast weights, gradients and both states are fp32, as before: 4 + 4 + 8. In the other case weights and gradients take 2 bytes each, the master weights 4 and the two states 8: 2 + 2 + 4 + 8 = 16. This is the account of [Rajbhandari et al., 2019](https://arxiv.org/abs/1910.02054), section 3.1. It is why GPT-2 with 1.5 billion parameters, whose fp16 weights take 3 GB, needs at least 24 GB before the first activation. The account has no fp32 copy of the gradients. PyTorch's AdamW wants one while it steps, 4 bytes more.
#
# With autocast the activations do not even halve. Each of the twelve layer norms saves its input in fp32: 12 units of the table in section 2. And the bf16 copies of the weights are kept as well.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### States of few bits
#
# `torchao.optim.AdamW8bit` keeps both states in 8 bits, with one scale for each block of 256 numbers ([Dettmers et al., 2021](https://arxiv.org/abs/2110.02861), have the idea). `AdamW4bit` has 4 bits and blocks of 128. By hand: 1 byte a number and a scale of 4 bytes for 256 numbers are 1.016 bytes in place of 4, a little more than a quarter. A tensor is quantized only if it has 4,096 numbers or more and the blocks divide it.
#
# **Predict.** LeNet-300-100 has 784 · 300, 300 · 100 and 100 · 10 weights. How much of its AdamW states is left with 8 bits? And of the row reader's? Why?


# %% slideshow={"slide_type": "skip"}
def lenet_256_128():
    """LeNet-300-100 with hidden layers of 256 and 128."""
    parts = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(nn.Flatten(), *parts)


KINDS = {"AdamW": torch.optim.AdamW, "8 bits": low_bit.AdamW8bit, "4 bits": low_bit.AdamW4bit}
makers = {"row reader": RowReader, "LeNet-300-100": models.LeNet300100, "LeNet-256-128": lenet_256_128, "wide": wide}
# torchao compiles its step; this runs the same code without a compiler
eager = torch.compiler.set_stance("force_eager")

# %% slideshow={"slide_type": "skip"}
share, whole_step = {}, {}
for name, make in makers.items():
    for kind, optimizer_of in KINDS.items():
        model = make()
        own = optimizer_of(model.parameters(), lr=1e-3)
        with eager:
            whole_step[name, kind] = peaks(model, own, images, labels, 2 if name == "wide" else 1)[-1]
        share[name, kind] = show.state_bytes(own)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the bytes of the states into a table.
Table(
    ["", *KINDS],
    [[name, *(f"{share[name, kind] / MIB:.2f}" for kind in KINDS)] for name in makers],
    caption="MiB of optimizer state",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Nothing is saved for LeNet-300-100; for the row reader less than a third is left.**
#
# 784 · 300 = 235,200 is not a multiple of 256, and 300 · 100 = 30,000 is not either; nor of 128. The last matrix is too small. So all states stay in fp32, and no warning says so. LeNet-256-128 is the control: its two large matrices have sizes that the blocks divide, and a little more than a quarter is left. In the row reader biases and layer norms stay in fp32, and each quantized tensor brings a table of 1 kB along.
#
# Always count, after one step.

# %% [markdown] slideshow={"slide_type": "skip"}
# **And the peak?** States are in memory all the time, so the peak should fall by as much as they shrink. We measured the step of the wide network as well.
#
# **Predict.** Its states shrink by 22 MiB with 8 bits. By how much does the peak of its step fall? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the peak of a step of the wide network into a table.
Table(
    ["the wide network, MiB", *KINDS],
    [
        ["states", *(f"{share['wide', kind] / MIB:.1f}" for kind in KINDS)],
        ["peak of a step", *(f"{whole_step['wide', kind] / MIB:.1f}" for kind in KINDS)],
    ],
    caption="without a compiler",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The peak does not fall. In the run on this page it is higher than with AdamW in fp32.**
#
# To make its step, the optimizer turns the states of a tensor back into fp32, updates them, and rounds them again. Done operation by operation, as here, the rounding makes temporaries of many times the tensor's size, and the peak of this network is in the optimizer's step. torchao compiles this step where there is a compiler, and then most of the temporaries are never stored. In a trial with the same network and a compiler the peak fell by all that the states had lost with 8 bits (22 MiB), and by about a third of it with 4 bits.
#
# So "the states shrink to a quarter" and "the peak falls" are two statements, and each needs its own measurement.
#
# Whether states of few bits learn as well was not measured here. For 8 bits [Dettmers et al., 2021](https://arxiv.org/abs/2110.02861) report the performance of 32 (abstract). For 4 bits, compare the loss on a network of yours, over several seeds.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Frozen layers
#
# If the first layers of a network are not trained, no gradient has to come to them. So the backward pass ends before it reaches them, and nothing has to be saved there.
#
# **Predict.** The embedding and the first three of the six blocks of the row reader are frozen. What is left of the saved activations? And what would be left if the *last* three were frozen in their place?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Counts the saved activations with the first half frozen, and with the last half frozen.
left = {"none": kept["plain"]}
for which, few in {"the first three": slice(0, 3), "the last three": slice(3, 6)}.items():
    frozen = copy.deepcopy(reader)
    early = [frozen.position, *frozen.embed.parameters()] if which == "the first three" else []
    for tensor in (*early, *frozen.blocks[few].parameters()):
        tensor.requires_grad_(False)
    left[which] = show.saved_by_step(frozen, images, labels)
Table(["frozen blocks", "saved, MiB"], [[name, f"{n / MIB:.1f}"] for name, n in left.items()])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **With the first three blocks frozen half of the activations are left; with the last three frozen more than that.**
#
# A frozen last block has no gradients of weights, so its linear layers need not keep their inputs. But the gradient has to pass through it on its way to the first blocks, and attention, GELU and layer norm still need what they saved. Gradients and states of frozen weights are gone in both cases. (Adapters have the second problem: [[adapters]].)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### When no backward pass follows
#
# A step has so much in memory because a backward pass follows. When none can come (`torch.no_grad()`, or a runtime for inference), an activation can be released after its last use. From when to when a tensor is needed is called its **liveness**. While a layer runs, its input and its output are there. So the peak of a chain is the largest *pair* of neighbours.
#
# **Predict.** SmallCNN in int8, batch norm and ReLU fused into the convolutions, one image. The activations have the shapes 28 × 28 × 1, 28 × 28 × 32, 14 × 14 × 64, 7 × 7 × 64. At which convolution is the peak? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws input and output of each step of SmallCNN; in int8 a number is a byte.
cnn.eval()
sizes = show.outputs_of(cnn, images[:1])
sizes.insert(4, cnn.fc.in_features)  # the mean over each map
show.pairs(sizes, ["conv 1", "conv 2", "conv 3", "mean", "linear"])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The peak is at the second convolution: its input and its output together take 36.8 KiB.**
#
# The largest activation is the output of the first convolution, 28 · 28 · 32 = 25,088 bytes. But this convolution has a small input, 784 bytes. The second one has the 25,088 bytes for its input and 14 · 14 · 64 = 12,544 for its output: 37,632 bytes. Without fusion batch norm 1 would have the 25,088 bytes as input and, unless it writes in place, once more as output, and the peak would be there. Such sums decide what runs on a microcontroller, which has two to three orders of magnitude less memory than a phone ([Lin et al., 2020](https://arxiv.org/abs/2007.10319), abstract).

# %% [markdown] slideshow={"slide_type": "skip"}
# **A shortcut.** In SmallResNet's first block a shortcut adds the block's input $x$ to its result. The chain is $x$ → convolution → $y$ → convolution → $z$, and then $z + x$, written over $z$.
#
# **Predict.** All three have the same size. How many of them are in memory at the peak, without the shortcut and with it? And why?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws from when to when x, y and z are needed.
show.shortcut(show.outputs_of(models.SmallResNet().eval(), images[:1])[1])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Two are in memory without the shortcut, and three with it.**
#
# Without the shortcut $x$ is released when $y$ is there. With it $x$ has to wait through the second convolution, beside $y$ and $z$. The addition costs hardly an operation, and half as much memory again. In *training* nothing more is kept in this block, because the first convolution keeps $x$ anyway.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Where to cut
# ★★★ · 10 minutes
#
# Write `checkpointed_peak`. Layer $i$ has an input of `inputs[i]` bytes and saves `inside[i]` bytes for its backward pass (its output included, its input not). `starts` lists the first layer of each segment, in order, from 0. A segment's input is kept from the forward pass until its backward
# pass is done. The backward pass takes the segments from the last to the first, and computes the inside of the whole segment again. What was the most that was kept at any time of the backward pass?
#
# `checkpointed_peak(inputs, inside, starts)` → a whole number
#
# <details><summary>Hint</summary>
# When it is a segment's turn, its own input and those of all segments before it are there, and the insides of its layers.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def checkpointed_peak(inputs, inside, starts):
    """The most bytes kept in a backward pass with checkpoints.

    >>> checkpointed_peak([0], [0], [0])  # one layer that keeps nothing
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.checkpointed_peak(checkpointed_peak)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def checkpointed_peak_solution(inputs, inside, starts):
    ends = [*starts[1:], len(inputs)]
    kept = [sum(inputs[start] for start in starts[: turn + 1]) for turn in range(len(starts))]
    return max(kept[turn] + sum(inside[starts[turn] : ends[turn]]) for turn in range(len(starts)))


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# Counts, beside their sources. Cited numbers were not measured here.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("training_memory")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Weights, gradients, states, activations: with AdamW in fp32 16 bytes a parameter, and activations that grow with the batch.
# - The peak is where the backward pass begins, if activations are large, and in the optimizer's step, if weights are. Measure it, and not only in the first step.
# - Checkpoints keep inputs and compute insides again: one more forward pass, the same gradients.
# - A batch in parts gives the same gradient, unless a layer mixes the images, as batch norm does.
# - Shrink what is in memory at the peak, the largest first. What is not there at that moment does not count.
#
# **Going further**
#
# - T. Chen et al., [*Training deep nets with sublinear memory cost*](https://arxiv.org/abs/1604.06174), 2016. Checkpoints, and the root of the number of layers.
# - S. Rajbhandari et al., [*ZeRO*](https://arxiv.org/abs/1910.02054), 2019. The account of 16 bytes, and how to share them out.
# - T. Dettmers et al., [*8-bit optimizers via block-wise quantization*](https://arxiv.org/abs/2110.02861), 2021. Blocks, and how it learns.
# - J. Lin et al., [*MCUNet*](https://arxiv.org/abs/2007.10319), 2020. Networks for microcontrollers.
#
# **Project ideas**: checkpoint only the attention, and count; find the batch at which the activations of a network of yours pass its states.
#
# **Credits**: text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* A last question for the way home: "A model of 7 billion parameters, Adam, mixed precision: how many GB before the first activation?" (112.)
