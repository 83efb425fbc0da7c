# ---
# jupyter:
#   course:
#     promise: You will know which files and which kernels turn zeros into fewer bytes or less time, and from how many zeros on.
#     minutes: 45
#     seconds: 35
#     needs: [measuring, baseline, energy, prune_module, prune_model]
#     goals:
#       - Count the bytes of a pruned layer in four forms, and find where each begins to pay.
#       - Say which zeros save time on your processor, and which do not.
#       - Read an energy estimate beside a measured time.
#       - Test a rule about wide and deep networks in percent and in weights.
#     terms: [bit mask, CSR]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Nine of ten weights are gone. What has become smaller, and what faster?*
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
# *For the lecturer, 1 min.* Say: "We threw nine of ten weights away, and most answers stayed right. Who pays less now?" Collect what might shrink: the file, the memory, the time, the energy. Write the four words on the
# board, and put a number to each as the lesson goes.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import sys
import warnings
from statistics import mean

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import data, models, runtime, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range, si
from lessons.zero_worth import checks as check

for message in ("Sparse CSR tensor support is in beta", "Sparse invariant checks are implicitly disabled"):
    warnings.filterwarnings("ignore", message)  # section 3 tests what we use of CSR
card = claims.Scorecard("zero_worth")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()  # training runs here; bytes and latency are measured on the CPU
cpu = torch.device("cpu")
images, labels = (t.to(device) for t in data.load("mnist"))
test_set = tuple(t.to(device) for t in data.load("mnist", "test"))
runtime.describe(device)


# %% tags=["setup"] slideshow={"slide_type": "skip"}
def layers_of(net):
    """The layers with weights, with the name of what to prune, as `global_unstructured` wants them."""
    return [(m, "weight") for m in net.modules() if isinstance(m, nn.Linear)]


def cut_to(net, keep):
    """Global magnitude pruning: `keep` weights stay."""
    pairs = layers_of(net)
    amount = sum(m.weight.numel() for m, _ in pairs) - keep
    prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=amount)
    return net


def permanent(net):
    """A plain LeNet-300-100 on the CPU with the weights that a masked one computes with: zeros, and no masks."""
    plain = models.LeNet300100()
    with torch.no_grad():
        for new, old in zip(plain.children(), net.children(), strict=True):
            new.weight.copy_(old.weight_orig * old.weight_mask)
            new.bias.copy_(old.bias)
    return plain.requires_grad_(False)


def accuracy_percent(net, every=2):
    """Percent right of the test digits, of every second one unless told."""
    return 100 * training.evaluate(net, *(t[::every] for t in test_set))


def train(net, x, y, *, lr=1.2e-3, batch=50, **options):
    """The network, after one pass (or `epochs`) with Adam over shuffled batches; `options` as in `training.fit`."""
    adam = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    training.fit(net, x, y, batch_size=batch, optimizer=adam, device=device, progress=False, **options)
    return net


# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Two promises
#
# "Sparse models are easier to compress, and we can skip the zeroes during inference for latency improvements." ([TensorFlow's
# guide](https://www.tensorflow.org/model_optimization/guide/pruning), the second part "in the future".)
#
# Take LeNet-300-100, untrained. Set nine of ten weights to zero with `torch.nn.utils.prune`. Save it.
#
# **Predict.** The file becomes **A** a tenth, **B** a fifth, **C** as large as before, **D** twice as large? And one image takes less time, the same, or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two votes, counts on the board. Those who did [[prune_module]] can work out the first one: D, twice as large, for the weights *and* a mask are saved, each 4 bytes a weight. The masked network is slower as well:
# two tensors are multiplied before each call. Removing the masks brings the file back to where it was, no further, and the time near it.


# %% slideshow={"slide_type": "skip"}
dense, masked = models.LeNet300100().requires_grad_(False), models.LeNet300100().requires_grad_(False)
cut_to(masked, 26_620)
first = {"dense": dense, "90 % masked": masked, "masks removed": permanent(masked)}
digit = torch.rand(1, 1, 28, 28)
hook = timing.compare({name: lambda net=net: net(digit) for name, net in first.items()}, device=cpu)
sizes = {name: size_report(net).file_bytes for name, net in first.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
card.record("masked-file", sizes["90 % masked"] / sizes["dense"])
card.record("removed-file", sizes["masks removed"] / sizes["dense"])
card.record("masked-speed", hook.ratio("90 % masked"), hook.ratio_quartiles("90 % masked"))
card.record("removed-speed", hook.ratio("masks removed"), hook.ratio_quartiles("masks removed"))
Table(
    ["LeNet-300-100", "zeros", "file", "over dense", "speed-up"],
    [
        [
            name,
            f"{sparsity_report(net).weights.sparsity:.0%}",
            si(sizes[name], "B"),
            f"{sizes[name] / sizes['dense']:.2f}×",
            f"{hook.ratio(name):.2f}×",
        ]
        for name, net in first.items()
    ],
    caption="files loaded again and compared; one image, one thread",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. D, and slower.** With masks, two tensors are saved, and multiplied before each call. Without them a zero takes four bytes, and here about the time of any number.
#
# So both promises need something more: a format, or a **kernel** (the routine that computes a layer), that skips zeros.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. Where are the weights that are left?
#
# A file shrinks when it stores *where* the weights are that are left, in place of the zeros. A **bit mask** takes one bit a weight. **CSR** (compressed sparse row)
# lists the column of each value, and for every row where it begins.
#
# **Predict.** A block of 4 × 8 weights, 6 left; dense 128 bytes. Which is smallest: PyTorch's mask, a bit mask, CSR with 4-byte indices?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let them count before each click. Dense 128 bytes; masked 256; a bit mask 4 bytes for 32 bits, and 24 for six values: 28, the smallest; CSR 24 + 24 + 20 = 68. At the last frame read the row list aloud with the room: row 0 begins at value 0,
# and so on; the empty row begins where the next one does. Ask why there are five row positions for four rows: the last says where it all ends.


# %% slideshow={"slide_type": "skip"}
def trained_dense():
    """LeNet-300-100 after three passes over 60,000 digits."""
    torch.manual_seed(0)
    net = models.LeNet300100().to(device)
    return train(net, images, labels, epochs=3, lr=3e-3, batch=100, schedule=lambda done: 1 - done)


DENSITIES = [0.5, 0.2, 0.1, 0.05, 0.01]
state, tuned = trained_dense().state_dict(), {}  # density -> masked network, fine-tuned
for density in [1.0, *DENSITIES]:
    net = models.LeNet300100().to(device)
    net.load_state_dict(state)
    tuned[density] = train(cut_to(net, round(density * 266_200)), images[:10_000], labels[:10_000], seed=100)
right = accuracy_percent(tuned[0.1], every=1)
print(f"10 % left: {right:.2f} % of the test digits right")

# %% slideshow={"slide_type": "skip"}
fc1 = tuned[0.1].fc1
blocks = fc1.weight_mask.cpu().view(75, 4, 98, 8).transpose(1, 2).reshape(-1, 4, 8)
wanted = (blocks.sum((1, 2)) - 6).abs() + ((blocks.sum(2) == 0).sum(1) != 1)  # 6 left, one row empty
row, column = divmod(wanted.argmin().item(), 98)
place = (slice(4 * row, 4 * row + 4), slice(8 * column, 8 * column + 8))
block_orig, block_mask = fc1.weight_orig.detach().cpu()[place], fc1.weight_mask.cpu()[place]
block = block_orig * block_mask + 0.0  # no negative zeros to read
csr = block.to_sparse_csr()
n_left = int(block_mask.sum())


def frame(title, grids):
    """The block on the left; on the right the grids of one form: (words, values, x, y, side of a cell, text, colour)."""
    canvas = diagrams.Canvas(height=376)
    canvas.text(236, 30, "4 × 8 weights of fc1")
    diagrams.grid(canvas, block, 60, 62, cell=44, mask=block_mask, text="")
    canvas.text(560, 30, title, align="left", bold=True)
    for words, values, x, y, cell, text, meaning in grids:
        box = diagrams.grid(canvas, values, x, y, cell=cell, text=text, meaning=meaning)
        canvas.text(x, y + box.height + 22, words, align="left")
    return canvas.figure()


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
values = (f"values: {4 * n_left} bytes", csr.values(), 560, 168, 66, "{:.2f}", "fp32")
forms = {
    "dense: 128 bytes": [("32 values: 128 bytes", block, 560, 62, 66, "{:.2f}", "fp32")],
    "masked: 256 bytes": [
        ("weight_orig: 128 bytes", block_orig, 560, 62, 34, "", "fp32"),
        ("weight_mask: 128 bytes", block_mask, 880, 62, 34, "", "mask"),
    ],
    f"bit mask: {4 + 4 * n_left} bytes": [
        ("bits: 4 bytes", block_mask.reshape(2, 16), 550, 48, 40, "{:g}", "plain"),
        values,
    ],
    f"CSR: {8 * n_left + 20} bytes": [
        ("row begins: 20 bytes", csr.crow_indices(), 560, 62, 62, "{:g}", "int8"),
        values,
        (f"columns: {4 * n_left} bytes", csr.col_indices(), 560, 274, 62, "{:g}", "int8"),
    ],
}
plots.show(
    [frame(title, grids) for title, grids in forms.items()],
    alt=[
        f"A block of four by eight weights in which {n_left} are left; beside it its form, {title}: {', '.join(grid[0] for grid in grids)}."
        for title, grids in forms.items()
    ],
    caption="A block of the fine-tuned network with a tenth of its weights; each value and each index of CSR takes 4 bytes.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. The bit mask** (28 bytes; CSR 68), unless very few are left. With CSR PyTorch can also *multiply*.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### From how many zeros on?
#
# A matrix of $r \times c$ at density $d$, with 4 bytes a value and $i$ bytes an index:
#
# $$\text{CSR: } d\,r\,c\,(4 + i) + (r + 1)\,i$$
#
# $$\text{bits: } 4\,d\,r\,c + r\,c/8$$
#
# Dense it is $4\,r\,c$ bytes.
#
# **Predict.** PyTorch's default index has 8 bytes. From which share of zeros is CSR smaller than dense: **A** 1/3, **B** 1/2, **C** 2/3? With 4 bytes (int32)? And the bit mask?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* On the board, without the row list: d (4 + i) = 4, so d = 4/(4 + i): a third of the weights may stay at 8 bytes an index, half at 4. In zeros: C, two thirds, and one half. The bit mask pays from 1/32 of zeros. The
# table is found by trying: real files, saved and loaded, and an interval that is halved nine times.


# %% slideshow={"slide_type": "skip"}
class CSRLinear(nn.Module):
    """A linear layer that stores and multiplies its weight in CSR form; the file holds crow, col, values, bias."""

    def __init__(self, weight, bias, index=torch.int32):
        super().__init__()
        sparse = weight.to_sparse_csr()
        self.register_buffer("crow", sparse.crow_indices().to(index))
        # clone: col_indices is half of a larger storage, and torch.save writes whole storages
        self.register_buffer("col", sparse.col_indices().clone().to(index))
        self.register_buffer("values", sparse.values())
        self.register_buffer("bias", bias)
        self.matrix = torch.sparse_csr_tensor(self.crow, self.col, self.values, weight.shape, check_invariants=True)

    def forward(self, x):
        return (self.matrix @ x.T).T + self.bias


# %% slideshow={"slide_type": "skip"}
class BitLinear(nn.Module):
    """A linear layer that stores its values and one bit a weight, and unpacks them for each call."""

    def __init__(self, weight, bias):
        super().__init__()
        self.shape, left = weight.shape, weight != 0
        eights = F.pad(left.flatten().int(), (0, -left.numel() % 8)).view(-1, 8)
        self.register_buffer("bits", (eights << torch.arange(8)).sum(1).to(torch.uint8))
        self.register_buffer("values", weight[left])
        self.register_buffer("bias", bias)

    def forward(self, x):
        bits = (self.bits.int()[:, None] >> torch.arange(8)) & 1
        weight = torch.zeros(self.shape)
        weight[bits.flatten()[: weight.numel()].view(self.shape).bool()] = self.values
        return F.linear(x, weight, self.bias)


def in_form(net, make):
    """A plain LeNet-300-100 on the CPU with layers of another form."""
    fc1, fc2, fc3 = (make(m.weight.detach(), m.bias.detach()) for m in net.children())
    return nn.Sequential(nn.Flatten(), fc1, nn.ReLU(), fc2, nn.ReLU(), fc3)


# %% slideshow={"slide_type": "skip"}
FORMS = {
    "CSR, int64": lambda w, b: CSRLinear(w, b, torch.int64),
    "CSR, int32": CSRLinear,
    "bit mask": BitLinear,
}
PAYS = {"CSR, int64": 2 / 3, "CSR, int32": 1 / 2, "bit mask": 1 / 32}


def break_even(make):
    """Share of zeros at which the file of LeNet-300-100 is as large as the dense one, by trying."""
    low, high, net = 0.0, 1.0, models.LeNet300100().requires_grad_(False)
    scores = [torch.arange(m.weight.numel()).view_as(m.weight) / m.weight.numel() for m in net.children()]
    for _ in range(9):
        density = (low + high) / 2
        for m, score in zip(net.children(), scores, strict=True):
            m.weight.copy_((score < density).float())
        larger = size_report(in_form(net, make), loads=1).file_bytes > sizes["dense"]
        low, high = (low, density) if larger else (density, high)
    return 1 - (low + high) / 2


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
zeros_needed = {name: break_even(make) for name, make in FORMS.items()}
card.record("csr-int64", zeros_needed["CSR, int64"])
card.record("csr-int32", zeros_needed["CSR, int32"])
card.record("bit-mask", zeros_needed["bit mask"])
rows = [[name, f"{PAYS[name]:.3f}", f"{zeros:.3f}"] for name, zeros in zeros_needed.items()]
Table(
    ["form", "zeros needed, formula", "by trying"],
    rows,
    caption="formula without the row list; whole files of LeNet-300-100",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C, then B; the bit mask pays from 1/32 on.** These are counts: they hold for any values. (The last column is exact to 0.002.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"} tags=["lecture"]
# ## 3. Bytes: which file is smallest?
#
# LeNet-300-100, trained on digits, cut to 50, 20, 10, 5 and 1 %, and fine-tuned as in [[prune_model]]. Every file is written, loaded again and compared. **gzip** knows nothing of networks: it
# compresses the file with plain zeros, *masks removed*.
#
# **Predict.** With a tenth of the weights left, which file is smallest: **A** CSR with int32, **B** plain zeros under gzip, **C** the bit mask?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Vote; the formula of the last slide decides between A and C. The answer is C, then B, then A. Follow one line at a time: masked flat at 2, removed flat at 1, CSR in proportion to what is left. Ask where CSR overtakes the bit
# mask: where an index of 32 bits for each value left costs less than one bit for every weight, below 1/32 left.

# %% slideshow={"slide_type": "skip"}
weighed = {}  # (density, form) -> (network, its sizes)
for density, net in tuned.items():
    plain = permanent(net)
    nets = {"masks removed": plain} | {name: in_form(plain, make) for name, make in FORMS.items()}
    for form, model in nets.items():
        zipped = form == "masks removed" or density == 0.1
        weighed[density, form] = model, size_report(model, loads=3, compressed=zipped)
    apart = max((model(digit) - plain(digit)).abs().max().item() for model in nets.values())
    assert apart < 1e-3, f"a form of density {density} computes something else"
masked_net = models.LeNet300100()
for module, name in layers_of(masked_net):
    prune.identity(module, name)  # masks of ones, for the state to be loaded into
masked_net.load_state_dict(tuned[0.1].state_dict())
weighed[0.1, "masked"] = masked_net.requires_grad_(False), size_report(masked_net, loads=3, compressed=True)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
fig, ax = plots.figure(size=(11, 4.2))
percents = [100 * d for d in tuned]
for form, colour in zip(("masks removed", *FORMS), ("black", "sky", "blue", "orange"), strict=True):
    of_form = [weighed[d, form][1].file_bytes / sizes["dense"] for d in tuned]
    ax.plot(percents, of_form, "o-", color=plots.COLOURS[colour], label=form)
ax.axhline(sizes["90 % masked"] / sizes["dense"], color=plots.COLOURS["purple"], label="masked")
zipped = [weighed[d, "masks removed"][1].compressed_bytes / sizes["dense"] for d in tuned]
ax.plot(percents, zipped, "s--", color=plots.COLOURS["black"], label="masks removed, gzip")
ax.set(xscale="log", yscale="log", xlabel="weights left, %", ylabel="file, times dense", xlim=(120, 0.85))
ax.set_xticks([100, 50, 20, 10, 5, 2, 1], ["100", "50", "20", "10", "5", "2", "1"])
ax.set_yticks([0.03, 0.1, 0.3, 1, 3], ["0.03", "0.1", "0.3", "1", "3"])
ax.minorticks_off()
ax.legend(ncols=2, loc="lower left")
card.record("gzip-at-10", sizes["dense"] / weighed[0.1, "masks removed"][1].compressed_bytes)
of_tenth = {form: weighed[0.1, form][1].file_bytes for form in FORMS}
of_tenth["removed, gzip"] = weighed[0.1, "masks removed"][1].compressed_bytes
told = ", ".join(f"{form} {si(n, 'B')}" for form, n in of_tenth.items())
plots.show(
    fig,
    alt=f"File size over weights left, six lines. With 10 % left: {told}.",
    caption=f"LeNet-300-100. With 10 % left: {told}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. C.** With few weights left CSR overtakes it. *Masks removed* has the same size at all six densities.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And gzip on top?
#
# gzip looks for what repeats. Each file of the network with a tenth of its weights, compressed once more.
#
# **Predict.** The *masked* file has nine tenths of zeros in its mask. Under gzip, does it become **A** as small as the one without masks, **B** about half of the dense file, **C** about as large as the dense file?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. The answer is C: `weight_orig` still holds the numbers that were pruned, and those do not repeat. Say: "Compress after remove, never before." Fill in *memory* on the board: gzip saves none of it; CSR computes in its own form, so it
# needs about as many bytes as its file; the bit mask is unpacked to a dense weight for each call. Then let them find the smallest cell of the right column, the bit mask, and compare the two
# rows of CSR: nearly the same under gzip, for an index below 784 in 8 bytes is mostly zeros.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["a tenth left", "file", "under gzip"],
    [
        [form, si(size.file_bytes, "B"), si(size.compressed_bytes, "B")]
        for (density, form), (_, size) in weighed.items()
        if density == 0.1
    ],
    caption=f"The dense file has {si(sizes['dense'], 'B')}.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** The masked file still holds the old weights: compress after `remove`. Under gzip the bit mask is smallest here too, and int64 costs CSR little more than int32. gzip saves bytes of the file alone: to compute, it is unpacked again.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Time: what gets faster?
#
# A dense kernel multiplies zeros like all numbers. A CSR kernel skips them; for each other weight it reads a column, then fetches that input.
#
# **Predict.** At which density does CSR become faster than dense on your CPU: 50 %, 20 %, 10 %, 1 %, or not at all? Is it the same for a small and a large layer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let them bet; write the bets down, then read off where each line crosses the dotted one: with 64 images earlier than with one, for LeNet-300-100 and one image not clearly at all, so small and large differ. With half of the weights left CSR wins nothing in any of the four lines; at 1 % the large layer is many times faster; one image through the small network gains little or nothing even there. Ask: "At the density
# where CSR pays, is the network still good?" The last table of this section has its share of right answers: much the same at 10 %, far lower at 1 %.


# %% slideshow={"slide_type": "skip"}
def times_dense(density, batch):
    """Speed-up over dense of LeNet-300-100 on `batch` images, in its forms."""
    x = torch.rand(batch, 1, 28, 28)
    nets = {"dense": weighed[1.0, "masks removed"][0]}
    nets |= {
        form: weighed[density, form][0]
        for form in ("masks removed", "CSR, int32", "masked")
        if (density, form) in weighed
    }
    calls = {name: lambda net=net: net(x) for name, net in nets.items()}
    return timing.compare(calls, rounds=5, sample_seconds=0.01, device=cpu)


def layer_speed(batch, side=2048):
    """Speed-up over dense of one linear layer, side × side, in CSR form, by density."""
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(side, side, generator=generator), torch.randn(batch, side)
    jobs = {"dense": nn.Linear(side, side).requires_grad_(False)}
    for d in DENSITIES:
        jobs[d] = CSRLinear(weight * (torch.rand(side, side, generator=generator) < d), torch.zeros(side))
    calls = {name: lambda net=net: net(x) for name, net in jobs.items()}
    return timing.compare(calls, rounds=9, sample_seconds=0.01, device=cpu)


taken = {(d, batch): times_dense(d, batch) for d in DENSITIES for batch in (1, 64)}
large = {batch: layer_speed(batch) for batch in (1, 64)}
card.record("csr-half-slower", large[1].ratio(0.5), large[1].ratio_quartiles(0.5))
worse = min(large.values(), key=lambda measured: measured.ratio(0.01))
card.record("csr-hundredth-faster", worse.ratio(0.01), worse.ratio_quartiles(0.01))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.6, 3.7))
x = [100 * d for d in DENSITIES]
lines = {}
for batch, style in ((1, "o-"), (64, "s--")):
    what = "1 image" if batch == 1 else "64 images"
    lines[f"LeNet-300-100, {what}"] = [taken[d, batch].ratio("CSR, int32") for d in DENSITIES], "blue", style
    lines[f"2048 × 2048, {what}"] = [large[batch].ratio(d) for d in DENSITIES], "purple", style
for name, (ratios, colour, style) in lines.items():
    ax.plot(x, ratios, style, color=plots.COLOURS[colour], label=name)
ax.axhline(1, color="black", linestyle=":")
ax.set(
    xscale="log", yscale="log", xlabel="weights left, %", ylabel="speed-up over dense", xlim=(60, 0.85), ylim=(4e-3, 40)
)
ax.set_xticks([50, 20, 10, 5, 2, 1], ["50", "20", "10", "5", "2", "1"])
ax.set_yticks([0.1, 0.3, 1, 3, 10, 30], ["0.1", "0.3", "1", "3", "10", "30"])
ax.minorticks_off()
ax.legend(loc="lower right")
told = "; ".join(f"{name} {', '.join(f'{ratio:.2f}' for ratio in ratios)}" for name, (ratios, *_) in lines.items())
plots.show(
    fig,
    alt=f"Speed-up of CSR over dense with {', '.join(f'{d:.0%}' for d in DENSITIES)} of the weights left: {told}.",
    caption="CSR with int32, one thread. Above the dotted line: faster than dense.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Where a line crosses the dotted one, if at all, depends on layer and batch.** With half of the weights left CSR gained nothing here. At 1 % the large layer is many times faster; one image through the small network gains little or nothing.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A fifth of the energy?
#
# The estimate of [[energy]] counts multiplications and additions, and each weight fetched once from DRAM. CSR fetches a value and an index for each weight left, and multiplies those alone.
#
# With a tenth of the weights that is a fifth of the energy.
#
# **Predict.** At a tenth the last figure had no such gain for one image. What does the estimate leave out?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Collect answers, then the table: CSR is slower than dense here or about as fast. What the estimate leaves out: fetching and decoding instructions, about 70 pJ each in [[energy]]; the detour over the index; and that
# a megabyte of weights may lie in a cache, where a fetch is cheaper than from DRAM. (Masked fetches two tensors here; [[prune_module]] leaves the mask out.) Say: "An estimate of counted work is no stopwatch."

# %% slideshow={"slide_type": "skip"}
bill = energy.estimate(weighed[1.0, "masks removed"][0], digit)
share = 1 - sparsity_report(tuned[0.1]).weights.sparsity
entries = {  # technique -> density, form, which bytes, nanojoules: masked fetches two tensors, CSR a value and an index each
    "fp32, fine-tuned": (1.0, "masks removed", "file_bytes", bill.total_nj),
    "magnitude, 10 % left, masked": (0.1, "masked", "file_bytes", bill.compute_nj + 2 * bill.fetch_nj),
    "magnitude, 10 % left, gzip": (0.1, "masks removed", "compressed_bytes", bill.total_nj),
    "magnitude, 10 % left, CSR int32": (0.1, "CSR, int32", "file_bytes", share * (bill.compute_nj + 2 * bill.fetch_nj)),
}
rights = {0.1: right, 1.0: accuracy_percent(tuned[1.0], every=1)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
written = {
    technique: ledger.record(
        lesson="zero_worth",
        task="mnist",
        model="LeNet-300-100",
        technique=technique,
        accuracy=rights[density] / 100,
        load_ms=weighed[density, form][1].load_ms,
        file_bytes=getattr(weighed[density, form][1], which),
        speedup=taken[0.1, 1].ratio(form) if density < 1 else 1.0,
        energy_nj=nj,
    )
    for technique, (density, form, which, nj) in entries.items()
}
SHOWN = ("dense", "10 % left, masked", "10 % left, unpacked", "10 % left, CSR int32")
named = [
    [name, si(row.energy_nj * 1e-9, "J"), f"{row.speedup:.2f}×"]
    for name, row in zip(SHOWN, written.values(), strict=True)
]
Table(
    ["LeNet-300-100", "energy, estimated", "speed-up, measured"],
    named,
    caption="one image; unpacked: plain zeros; masked fetches two tensors; speed-up over dense",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The estimate leaves out instructions (about 70 pJ each, [[energy]]) and the detour over the index, and it counts every fetch as one from DRAM.** Besides, time is not energy: a dense kernel uses vector units on numbers that lie side by side. Which of these makes the difference, the table does not show.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Which zeros could a dense kernel skip?
#
# A *whole column* of `fc1` that is zero belongs to a pixel that nobody reads; a whole row to a neuron without inputs. Such columns can be left out of the tensor, and a dense kernel computes the same.
#
# **Predict.** With a tenth of all weights left, how many of 784 columns are empty: **A** none, **B** one in ten to one in four, **C** more than half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. The answer is B, about one in seven, nearly all at the rim. Ask why: many are pixels that are 0 in each training digit; they give their weights no gradient, so these keep the small values that they began with, and small weights go. Then: "Nobody chose these columns. What if we choose whole columns from the
# start?" That is structured pruning ([[structured]]); patterns that hardware knows lie between the two.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fc1 = weighed[0.1, "masks removed"][0].fc1
used = (fc1.weight != 0).any(0)
smaller = nn.Linear(int(used.sum()), 300).requires_grad_(False)
smaller.weight.copy_(fc1.weight[:, used])
smaller.bias.copy_(fc1.bias)
pixels = test_set[0][:100].flatten(1).cpu()
apart = (smaller(pixels[:, used]) - fc1(pixels)).abs().max().item()
of_fc1 = sparsity_report(weighed[0.1, "masks removed"][0])["fc1.weight"]
digits = images.flatten(1).cpu()
dark = digits.amax(0) == 0  # pixels that are 0 in each of the 60,000 digits
by_chance = 784 * of_fc1.sparsity**300
fig, ax = plots.figure(size=(5.2, 3.9))
shown = ax.imshow((fc1.weight != 0).sum(0).view(28, 28).numpy(), cmap="viridis", vmin=0, vmax=100)
ax.plot(*reversed((~used.view(28, 28)).nonzero().T.tolist()), "x", color="white", markersize=5)
ax.set(xticks=[], yticks=[])
ax.grid(False)
fig.colorbar(shown, ax=ax, label="weights left, of 300", extend="max")
plots.show(
    fig,
    alt=f"The 28 by 28 pixels with the weights of fc1 that are left at each: many in the middle; crosses at {of_fc1.zero_columns} pixels without any.",
    caption=f"A square for each pixel. Crosses, no weight left: {of_fc1.zero_columns} of 784; with zeros at random places {by_chance:.0f}. Of the {int(dark.sum())} "
    f"pixels that are 0 in each training digit, {int((dark & ~used).sum())} have a cross. Without the crosses: {smaller.weight.numel() / fc1.weight.numel():.0%} of fc1, outputs {apart:.0e} apart at most.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B, and none of them chosen.** Many are pixels 0 in each training digit: no gradient, so their weights stay as small as they began, and are cut. To choose whole rows and columns: [[structured]].

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### And whole neurons?
#
# A neuron that no later weight reads can go: its row here, its column in the next layer. So can a *silent* one, which answers 0 to each of 60,000 training digits; nobody promises that it stays silent for a new one.
#
# What is left is a smaller *dense* network.
#
# **Predict.** With a tenth of the weights left, how much smaller is the file: **A** a tenth remains, **B** more than half? How many of 10,000 test digits get another answer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two shows of hands: B, and none or hardly any. Read the first row aloud: the *uncut* network, too, has neurons that are silent. Then the last: with 1 % left most neurons are gone, and a dense kernel is faster, at a price in right answers. Say: "Scattered
# zeros seldom empty a whole neuron. To save time with a dense kernel, choose neurons."


# %% slideshow={"slide_type": "skip"}
class Chosen(nn.Module):
    """Of each image the pixels that are read."""

    def __init__(self, read):
        super().__init__()
        self.register_buffer("places", read.nonzero().flatten())

    def forward(self, x):
        return x.flatten(1).index_select(1, self.places)


def part_of(layer, rows, columns):
    """A dense layer with these rows and columns of another one."""
    small = nn.Linear(1, 1)
    small.weight = nn.Parameter(layer.weight[rows][:, columns].clone(), requires_grad=False)
    small.bias = nn.Parameter(layer.bias[rows], requires_grad=False)
    small.out_features, small.in_features = small.weight.shape
    return small


def shrunk(net, digits):
    """A smaller dense network: without neurons that are silent for `digits`, and without neurons and pixels that nobody reads."""
    fc1, fc2, fc3 = net.children()
    hidden = fc1(digits).relu()
    second = (fc2(hidden) > 0).any(0) & (fc3.weight != 0).any(0)
    first = (hidden > 0).any(0) & (fc2.weight[second] != 0).any(0)
    pixels, answers = (fc1.weight[first] != 0).any(0), torch.ones(10, dtype=torch.bool)
    layers = part_of(fc1, first, pixels), part_of(fc2, second, first), part_of(fc3, answers, second)
    return nn.Sequential(Chosen(pixels), layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
unseen, answers = (t.cpu() for t in test_set)
small_nets = {d: shrunk(weighed[d, "masks removed"][0], digits) for d in (1.0, 0.1, 0.05, 0.01)}
timed = {}
for n in (1, 64):
    calls = {d: lambda net=net, x=unseen[:n]: net(x) for d, net in {"dense": dense, **small_nets}.items()}
    timed[n] = timing.compare(calls, device=cpu)
rows, changed = [], {}
for d, net in small_nets.items():
    told = net(unseen).argmax(1)
    changed[d] = int((told != weighed[d, "masks removed"][0](unseen).argmax(1)).sum())
    shapes = " → ".join(str(m.in_features) for m in net if isinstance(m, nn.Linear))
    file = f"{size_report(net, loads=1).file_bytes / sizes['dense']:.2f}×"
    speeds = [f"{timed[n].ratio(d):.2f}×" for n in timed]
    right_now = 100 * (told == answers).float().mean().item()
    rows.append([f"{d:.0%}", shapes, file, *speeds, changed[d], f"{right_now:.1f}"])
card.record("shrunk-answers", changed[0.1])
card.record("shrunk-speed", timed[64].ratio(0.01), timed[64].ratio_quartiles(0.01))
Table(
    ["weights left", "pixels → neurons", "file", "speed-up, 1 image", "64 images", "other answers", "right, %"],
    rows,
    caption="file and speed over LeNet-300-100; other answers than with those neurons, of 10,000 test digits",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B, and hardly an answer changed.** Nine of ten weights went, yet most neurons stay: scattered zeros seldom empty a whole one. With 1 % left most neurons go, and a dense kernel gains; fewer answers are right then. Silent neurons stand in the *uncut* network, too.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Which network has zeros to spare?
#
# A rule to test: *wide layers can be pruned more; take care with deep, narrow networks.* Four networks for digits: one or four hidden layers of 50 or 200 units, trained for one pass over 20,000 digits, cut globally, fine-tuned for 100 steps.
#
# - **Equal share**: each keeps 5 % of its weights. What does it lose?
# - **Equal size**: each keeps 30,000, or 4,000. How good is it?
#
# **Predict.** Do the wide ones win each time?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room state the rule in its own words first, with the unit: "more" of what? Vote. The answer is no: in percent the wide ones lose less at equal depth, with 4,000 weights left the narrow ones are better, after these 100 steps (with many more most of the lead goes). Five percent of a wide network are simply more weights. Then the
# column "30,000": with 30,000 left the wide ones are ahead again, near what Zhu and Gupta found for large models, against small *dense* ones.


# %% slideshow={"slide_type": "skip"}
def mlp(width, depth):
    """`depth` hidden layers of `width` units with ReLU, for digits of 28 × 28."""
    ends = [784, *[width] * depth]
    hidden = [part for n, m in zip(ends, ends[1:], strict=False) for part in (nn.Linear(n, m), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, 10)).to(device)


def cut_and_tuned(width, depth, state, keep, last=0, even=False):
    """Percent right with `keep` weights and 100 steps more, and how many are left in each layer: `last` in the output layer, or as many in each (`even`)."""
    net = mlp(width, depth)
    net.load_state_dict(state)
    pairs = layers_of(net)
    shares = {m: keep // len(pairs) for m, _ in pairs} if even else {pairs[-1][0]: last} if last else {}
    for m, n in shares.items():
        prune.l1_unstructured(m, "weight", m.weight.numel() - n)
    if rest := [pair for pair in pairs if pair[0] not in shares]:
        amount = sum(m.weight.numel() for m, _ in rest) + last - keep
        prune.global_unstructured(rest, pruning_method=prune.L1Unstructured, amount=amount)
    train(net, images[:5_000], labels[:5_000], seed=1)
    return accuracy_percent(net), [int((m.weight != 0).sum()) for m, _ in pairs]


# %% slideshow={"slide_type": "skip"}
grid, states = {}, {}
for width, depth in tqdm([(w, d) for w in (50, 200) for d in (1, 4)], desc="networks", file=sys.stdout, leave=False):
    for seed in range(2):
        torch.manual_seed(seed)
        net = train(mlp(width, depth), images[:20_000], labels[:20_000], lr=2e-3, seed=seed)
        total = sum(m.weight.numel() for m, _ in layers_of(net))
        dense_right, states[width, depth, seed] = accuracy_percent(net), net.state_dict()
        kept = {n: cut_and_tuned(width, depth, net.state_dict(), n)[0] for n in (total // 20, 30_000, 4_000)}
        row = {"weights": total, "lost": dense_right - kept[total // 20], "30,000": kept[30_000], "4,000": kept[4_000]}
        grid.setdefault((width, depth), []).append(row)


def over_seeds(width, depth, key):
    return mean(row[key] for row in grid[width, depth])


card.record("wide-loses-less", over_seeds(50, 4, "lost") - over_seeds(200, 4, "lost"))
card.record("deep-loses-more", over_seeds(50, 4, "lost") - over_seeds(50, 1, "lost"))
card.record("narrow-wins-at-equal-size", over_seeds(50, 1, "4,000") - over_seeds(200, 1, "4,000"))
card.record("wide-wins-at-30000", over_seeds(200, 1, "30,000") - over_seeds(50, 1, "30,000"))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["hidden", "weights", "5 % left: lost", "30,000: right", "4,000: right"],
    [
        [
            f"{d} × {w}",
            f"{of[0]['weights']:,}",
            *(mean_and_range([row[key] for row in of], "{:.0f}") for key in ("lost", "30,000", "4,000")),
        ]
        for (w, d), of in grid.items()
    ],
    caption="hidden: layers × units; points lost, and % right; mean of two seeds (lower to higher)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. No: the unit decides.** In *percent* the deep narrow network loses most: the rule holds. With 4,000 *left* narrow wins, after 100 steps (more shrink the lead). With 30,000 left, three quarters of the smallest network, the wide ones are ahead again, near Zhu and Gupta's (2017) "large-sparse" over "small-dense".

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Where does the deep one break?
#
# Four hidden layers of 200, cut to 4,000 of 278,800 weights. Each path from a pixel to an answer passes every layer, and the last one keeps a few dozen weights. A bottleneck, one would say.
#
# **Predict.** Two repairs, with 4,000 weights in all as before: the last layer keeps 400 of them; or each layer keeps 800. Do they bring back the points that are missing to the narrow network of the same depth? **A** nearly all, **B** about half, **C** few.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; many expect A. The answer is C: a few points for the wider last layer, some more for equal layers, of about 60 that are missing. Say: "A bottleneck is a guess until you widen it and look." What it is instead, these rows do not say.
# Runs outside of this lesson do: with 1,200 steps over 20,000 digits most of the missing points came back, without a repair. So 100 steps were too few.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
repairs = {"one global cut": {}, "400 in the last": {"last": 400}, "800 in each": {"even": True}}
ends = {
    words: [cut_and_tuned(200, 4, states[200, 4, seed], 4_000, **options) for seed in range(2)]
    for words, options in repairs.items()
}
before, wider, level = (mean(points for points, _ in runs) for runs in ends.values())
card.record("repaired-share", (max(wider, level) - before) / (over_seeds(50, 4, "4,000") - before))
Table(
    ["4 × 200, 4,000 left", "left in each layer", "right, %"],
    [
        [words, " · ".join(f"{n:,}" for n in runs[0][1]), mean_and_range([r for r, _ in runs], "{:.0f}")]
        for words, runs in ends.items()
    ],
    caption=f"layers of the first seed; % right: mean of two seeds (lower to higher). 4 × 50 with 4,000: {over_seeds(50, 4, '4,000'):.0f}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C.** The last layer looks like the bottleneck, and widening it brings few points; equal layers bring back a part, far from all. So these rows leave the cause open: probably 100 steps are too few here, which a longer fine-tuning tests (a project below).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · How sparse is this model?
# ★★ · 12 minutes
#
# Write `weight_sparsity`: the share of zeros among all weights of a model, from its `state_dict`. A plain layer has an entry `….weight`, of any shape; a
# masked one has `….weight_orig` and `….weight_mask` instead. Nothing else counts: no bias, masked or not, no running mean. −0.0 is a zero.
#
# `weight_sparsity(state)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# Add up zeros and elements over all layers and divide once, at the end. For a masked layer, what the layer computes with is
# weight_orig times weight_mask. A mask is not a weight.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, on paper: two layers, 1 of 2 zeros and 0 of 8. Half of them will say 25 %, the mean of the shares; it is 1 of 10. Then: "And if one layer is masked?" The mask is multiplied in,
# and not counted. The other card is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def weight_sparsity(state):
    """Share of zeros among the weights of a state_dict, masks applied, biases left out.

    >>> weight_sparsity({"fc.weight": torch.tensor([[0.0, 2.0]])})
    0.5
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.weight_sparsity(weight_sparsity)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def weight_sparsity_solution(state):
    zeros = elements = 0
    for name, tensor in state.items():
        if name.endswith("weight_orig"):
            tensor = tensor * state[name.replace("weight_orig", "weight_mask")]
        elif not name.endswith("weight"):
            continue
        zeros += (tensor == 0).sum().item()
        elements += tensor.numel()
    return zeros / elements


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · When does a sparse file pay?
# ★★ · 10 minutes
#
# Write `break_even_density`: the density at which a matrix of `rows` × `columns` takes as many bytes in CSR form as dense. CSR stores a value
# (`value_bytes`) and a column index (`index_bytes`) for each weight that is left, and rows + 1 row positions of `index_bytes` each. The number of weights
# that are left need not be whole. Where CSR is larger even with no weight left, the answer is 0.
#
# `break_even_density(rows, columns, value_bytes, index_bytes)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# Let k be the number of weights that are left. Write both sizes in bytes, set them equal, solve for k, and divide by rows · columns.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def break_even_density(rows, columns, value_bytes, index_bytes):
    """Share of weights left at which CSR takes as many bytes as the dense matrix; 0 where it never pays.

    >>> 0 <= break_even_density(300, 784, 4, 8) < 1
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.break_even_density(break_even_density)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def break_even_density_solution(rows, columns, value_bytes, index_bytes):
    dense_bytes = rows * columns * value_bytes
    row_bytes = (rows + 1) * index_bytes
    left = (dense_bytes - row_bytes) / (value_bytes + index_bytes)
    return max(0.0, left / (rows * columns))


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Claims of speed depend on the machine; the table names what may be the cause where one fails on yours.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A mask made the model larger and slower; plain zeros saved no byte. A format that stores places saves bytes from a share of zeros on that you can compute.
# - A CSR kernel saved time only with few weights left; how few depends on layer and batch. An energy estimate is no measured time.
# - Empty columns and silent neurons can leave the dense tensors. Scattered zeros make few of them, and little gain, until nearly all weights are gone.
# - Say *percent* or *weights*, and how long you fine-tuned, when you compare networks; count what is left in each layer.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878): large and sparse against small and dense; S. Han et al.,
# *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149): zeros, shared values and Huffman codes in one file. Next here: [[structured]].
#
# **Project ideas**: repeat section 5 with rounds of cutting, or with 1,200 steps, and find how much of the narrow networks' lead is left; store column *distances* in few bits in place of columns, as deep compression does.
#
# **Credits**: the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's *How to Compress a Neural Network*.
# Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the four words on the board: file, memory, time, energy. Ask for the one sentence each: which zeros pay for it, and from how many on? (File: from 1/32, 1/2 or 2/3 of zeros on, by format. Memory: CSR, as its file. Time: CSR by layer and batch; or whole columns and neurons. Energy: only estimated.)
