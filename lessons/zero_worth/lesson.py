# ---
# jupyter:
#   course:
#     promise: You will know which files and which kernels turn zeros into fewer bytes or less time, and from how many zeros on.
#     seconds: 40
#     needs: [measuring, baseline, energy, roofline, prune_module, prune_model]
#     goals:
#       - Count the bytes of a pruned layer in four forms, and find where each begins to pay.
#       - Say which zeros save time on your processor, and which do not.
#       - Find out by an experiment from which density on a sparse kernel pays.
#       - Read an energy estimate beside a measured time.
#     terms: [bit mask, CSR, kernel]
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
# board: *file*, *memory*, *time*, *energy*. Each gets its number when a note below says so.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, models, runtime
from course_utils.measure import timing
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims
from lessons.zero_worth import checks as check
from lessons.zero_worth import show

for message in ("Sparse CSR tensor support is in beta", "Sparse invariant checks are implicitly disabled"):
    warnings.filterwarnings("ignore", message)  # section 3 tests what we use of CSR
warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # a layer may lose all of its neurons
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
device = runtime.best_device()  # training runs here; bytes and latency are measured on the CPU
cpu = torch.device("cpu")
images, labels = (t.to(device) for t in data.load("mnist"))
test_set = tuple(t.to(device) for t in data.load("mnist", "test"))
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[prune_module]] and [[prune_model]] we set most weights of a network to zero and counted how many answers stayed right. Nobody has gained anything from this so far. A zero is a number like any other: it takes four bytes in a file and in memory, and a processor multiplies by it as it does by 0.37. This lesson asks what has to happen before somebody *pays less* for a zero: in bytes of the file, in time, in energy.
#
# The network is again LeNet-300-100: three linear layers with 784 · 300 + 300 · 100 + 100 · 10 = 266,200 weights. At 4 bytes each they make 1.06 MB.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Two promises
#
# "Sparse models are easier to compress, and we can skip the zeroes during inference for latency improvements." ([TensorFlow's
# guide](https://www.tensorflow.org/model_optimization/guide/pruning))
#
# Take LeNet-300-100, untrained. Set nine of ten weights to zero with `torch.nn.utils.prune`. Save it.
#
# **Predict.** The file becomes **A** a tenth, **B** a fifth, **C** as large as before, **D** twice as large? And one image takes less time, the same, or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes, counts on the board. Those who did [[prune_module]] can work out the first one: D, since `prune` stores the old numbers and the mask, 4 bytes a weight each. Ask what is computed before each call of a masked layer: weights times mask, 266,200 multiplications, as many as the network itself makes for one image. So the second answer is *more* time. Then: "And if we remove the masks?" Last row: file and time are those of the dense network again.
# To "the guide promised it!" say: it promises that the zeros *can* be used; somebody has to do it.

# %% [markdown] slideshow={"slide_type": "skip"}
# The sentence promises two things, easier compression and skipped zeros. About the second the guide says "in the future". We test both on three copies of the network: *dense* as it was made; *90 % masked* as `prune` leaves it; and *masks removed*, the same zeros in a plain network. Each is saved and loaded again, and answers one image.

# %% slideshow={"slide_type": "skip"}
dense, masked = models.LeNet300100().requires_grad_(False), models.LeNet300100().requires_grad_(False)
show.cut_to(masked, 26_620)  # global magnitude pruning: a tenth of the weights stays
first = {"dense": dense, "90 % masked": masked, "masks removed": show.permanent(masked)}
digit = torch.rand(1, 1, 28, 28)
hook = timing.compare({name: lambda net=net: net(digit) for name, net in first.items()}, device=cpu)
sizes = {name: size_report(net).file_bytes for name, net in first.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes zeros, file and speed of the three copies.
show.first_table(first, sizes, hook)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The masked file is twice as large as the dense one (D), and the masked network is slower. With the masks removed, file and time are about those of the dense network.**
#
# <!-- page -->
#
# A masked layer stores the old weights and the mask, both with 4 bytes a weight ([[prune_module]]): 2 · 1.06 MB. Before each call `prune` multiplies the two, 266,200 multiplications that the dense network does not make. For one image the dense layers themselves multiply no more than that, which is why the slowdown is so large. (In the run on this page the masked network takes about five times as long, so the second multiplication is not all. The product of weight and mask is probably the slower one, because it reads two tensors and writes a third, where a layer only reads one.) With more images the dense layers have more to do, and the masks are multiplied once a call as before: in a trial elsewhere, with 64 images, the masked network took about one and a half times the time of the dense one.
#
# Removing the masks takes both away again, and no more. Each zero is still written out as four bytes, and the product of a layer with its input still multiplies by it. So zeros alone keep neither promise. The first one needs a *format*, a way to write the file without the zeros. The second one needs another **kernel**: that is the routine that computes a layer, and it has to leave the zeros out.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "number"}
# ### The price of a zero
#
# **4** bytes for a zero
#
# A zero is a number like any other. A file writes it out, and a layer multiplies by it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 0.5 min.* Let the number stand for a moment, then ask: "What would you write down instead of the zeros?" Expect: the places of the others, a yes or no for each weight, the length of each run of zeros. Keep the proposals on the board; section 2 counts the bytes of the first two.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. Where are the weights that are left?
#
# A file shrinks when it stores *where* the weights are that are left. A **bit mask** takes one bit a weight. **CSR** (compressed sparse row)
# lists the column of each value, and for every row where it begins.
#
# **Predict.** A block of 4 × 8 weights, 6 left; dense 128 bytes. Which is smallest: PyTorch's mask, a bit mask, CSR with 4-byte indices?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* First a matrix of two rows on the board: 0 5 0 3, and under it 0 0 0 −2. Dense: eight numbers, 32 bytes. Bit mask: 0101 0001, one byte, and the values 5, 3, −2, so 13 bytes. CSR: values 5, 3, −2; columns 1, 3, 3, counted from 0; row begins 0, 2, 3; nine numbers, 36 bytes. Now take a guess on the slide's question, and let them count before each click: dense 128 bytes; masked 256; bit mask 4 + 24 = 28, the smallest; CSR 20 + 24 + 24 = 68. At the last frame read the row list aloud with the room; the empty row begins where the next one does. Ask why there are five row positions for four rows: the last one says where everything ends, so each row runs from its position to the next.
# To "why CSR at all, then?" say: one can multiply with it directly, and the bit mask is unpacked first.

# %% [markdown] slideshow={"slide_type": "skip"}
# Whoever leaves the zeros out must say where the other numbers belong. There are many ways to say it. Two are enough to see what it costs.
#
# **By hand.** A matrix of two rows and four columns, three weights left:
#
# $$\begin{pmatrix} 0 & 5 & 0 & 3 \\ 0 & 0 & 0 & -2 \end{pmatrix}$$
#
# Dense it has eight numbers of 4 bytes, 32 bytes.
#
# - *Bit mask*: the bits 0101 0001 say which of the eight are left, one byte in all. Then come the values 5, 3 and −2, twelve bytes. Together 13 bytes.
# - *CSR*: the values 5, 3, −2; their columns 1, 3, 3 (counted from 0); and the list 0, 2, 3. Read it in this way: the values of row 0 begin at number 0, those of row 1 at number 2, and everything ends at number 3. With 4 bytes for each number that makes 12 + 12 + 12 = 36 bytes.
#
# CSR is the largest here, larger even than dense, but it makes something easy that is hard with a bit mask: one can multiply with it directly. The first output is 5 times input number 1 plus 3 times input number 3, the second is −2 times input number 3. Three multiplications in place of eight, and no zero is touched. With the bit mask one first has to count bits to know where a value belongs. The class in this lesson therefore unpacks it to a dense matrix before each call. (Kernels that count the bits while they multiply do exist: [SpInfer](https://doi.org/10.1145/3689031.3717481), 2025, has one for GPUs.)
#
# The next cell trains LeNet-300-100 for two passes over 60,000 digits, cuts copies of it to 50, 20, 10, 5 and 1 % of the weights, and fine-tunes them, as [[prune_model]] did. From here on these are our networks.

# %% slideshow={"slide_type": "skip"}
trained = show.Trained(images, labels, test_set, device)
tuned = trained.nets  # density -> masked network
right = {density: trained.right(tuned[density]) for density in (1.0, 0.1)}
print(f"right answers: all weights {right[1.0]:.2f} %, a tenth of them {right[0.1]:.2f} %")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws a block of the first layer in four forms.
show.forms_of_a_block(tuned[0.1])

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The bit mask is smallest: 28 bytes, against 68 in CSR, 128 dense and 256 with PyTorch's mask.**
#
# <!-- page -->
#
# Count along: 32 weights make 32 bits, which are 4 bytes; six values make 24. In CSR each value comes with a column, 6 · (4 + 4) = 48 bytes, and four rows need five positions, 20 bytes. (Each row reaches from its own position to the next one, and the fifth position says where the last row ends. An empty row begins where the next one does.) PyTorch's mask is made for training and not for storing: it spends 32 bits on each yes or no.
#
# If very few weights are left, CSR wins. One bit for *every* weight then costs more than a column for each of the few that stay. Where does that begin?

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
# *For the lecturer, 3 min.* On the board, without the row list: d (4 + i) = 4. Let them solve it for 8 and for 4: d = 4/12 = 1/3 and d = 4/8 = 1/2. In zeros, 1 − d: C, two thirds, and one half. Who says A has found the density, and the question was about zeros. The bit mask: 4 d + 1/8 = 4, so d = 31/32, and it pays from 1/32 of zeros. The
# table is found by trying: real files, saved and loaded, and an interval that is halved nine times.

# %% [markdown] slideshow={"slide_type": "skip"}
# The two formulas only add up what we have just counted. In CSR each of the $d\,r\,c$ weights that are left costs a value and an index, and $r$ rows need $r + 1$ positions. The bit mask costs a bit (an eighth of a byte) for each of the $r\,c$ weights, and 4 bytes for those that are left. An index of 8 bytes (int64) could number far more columns than any layer has; it is merely what PyTorch takes if nobody asks for less.
#
# The two classes below are such layers: what they register as a buffer is what their file holds.


# %% slideshow={"slide_type": "skip"}
class CSRLinear(nn.Module):
    def __init__(self, weight, bias, index=torch.int32):
        super().__init__()
        sparse = weight.to_sparse_csr()
        self.register_buffer("crow", sparse.crow_indices().to(index))
        self.register_buffer("col", sparse.col_indices().clone().to(index))  # clone: the file holds whole storages
        self.register_buffer("values", sparse.values())
        self.register_buffer("bias", bias)
        self.matrix = torch.sparse_csr_tensor(self.crow, self.col, self.values, weight.shape, check_invariants=True)

    def forward(self, x):
        return (self.matrix @ x.T).T + self.bias


# %% slideshow={"slide_type": "skip"}
class BitLinear(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.shape, left = weight.shape, weight != 0
        eights = F.pad(left.flatten().int(), (0, -left.numel() % 8)).view(-1, 8)
        self.register_buffer("bits", (eights << torch.arange(8)).sum(1).to(torch.uint8))  # eight to a byte
        self.register_buffer("values", weight[left])
        self.register_buffer("bias", bias)

    def forward(self, x):
        bits = (self.bits.int()[:, None] >> torch.arange(8)) & 1
        weight = torch.zeros(self.shape)
        weight[bits.flatten()[: weight.numel()].view(self.shape).bool()] = self.values
        return F.linear(x, weight, self.bias)


# %% slideshow={"slide_type": "skip"}
FORMS = {
    "CSR, int64": lambda w, b: CSRLinear(w, b, torch.int64),
    "CSR, int32": CSRLinear,
    "bit mask": BitLinear,
}
PAYS = {"CSR, int64": 1 - 4 / (4 + 8), "CSR, int32": 1 - 4 / (4 + 4), "bit mask": 1 / 32}
zeros_needed = {name: show.break_even(make, sizes["dense"]) for name, make in FORMS.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the share of zeros from which each form pays, by the formula and by trying.
show.zeros_table(zeros_needed, PAYS)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 8 bytes an index CSR pays from 2/3 of zeros on (C), with 4 bytes from 1/2 (B), and the bit mask from 1/32.**
#
# <!-- page -->
#
# Leave the row list out, which is short. A weight that is left costs $4 + i$ bytes in CSR, and every weight costs 4 bytes dense. The two are equal when $d\,(4 + i) = 4$, so $d = 4 / (4 + i)$: one third for 8 bytes, one half for 4. The question was about the zeros, which are the rest: two thirds and one half. (Where does a third of zeros suffice, answer A? With 2 bytes an index, since 4 / 6 of the weights may be left then. Columns below 784 fit into 2 bytes, so a file could store them in this way; the classes above do not.) The bit mask costs a 32nd of a dense weight for the place, and saves a whole one with each zero; so one zero in 32 pays for it.
#
# And where do CSR with 4 bytes and the bit mask meet? Where an index of 32 bits for each weight that is left costs as much as one bit for every weight: with 1/32 of the weights left, about 3 %. These are counts, so they hold for any values. (The last column is exact to 0.002; files also hold names, and those cost a little.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Bytes: which file is smallest?
#
# LeNet-300-100, trained on digits, cut to 50, 20, 10, 5 and 1 %, and fine-tuned as in [[prune_model]]. Every file is written, loaded again and compared. **gzip** knows nothing of networks: it
# compresses the file with plain zeros, *masks removed*.
#
# **Predict.** With a tenth of the weights left, which file is smallest: **A** CSR with int32, **B** plain zeros under gzip, **C** the bit mask?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; the formulas of section 2 decide between A and C. The answer is C, then B, then A. Both axes go in equal factors. Follow one line at a time: masked flat at 2, removed flat at 1, CSR in proportion to what is left. Ask where CSR overtakes the bit
# mask: with int32, where an index of 32 bits for each weight left costs as much as a bit for every weight, at 1/32, about 3 %. Ask why gzip beats CSR here: it finds the long runs of zero bytes, and can do nothing for the weights that are left. Put the *file* on the board: about a seventh of the dense one, by the bit mask.

# %% slideshow={"slide_type": "skip"}
weighed = show.weigh(tuned, FORMS, digit)  # (density, form) -> (network, its sizes)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the file of each form over the weights left.
show.files_over_density(weighed, FORMS, sizes["dense"], sizes["90 % masked"])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With a tenth of the weights left the bit mask is smallest (C), then plain zeros under gzip, then CSR with int32.**
#
# <!-- page -->
#
# With very few weights left CSR overtakes the bit mask. By hand for a tenth: the bit mask takes 266,200 / 8 bytes, 33 kB, and 26,620 values, 106 kB; together about 140 kB. CSR with int32 takes 26,620 · 8 bytes, 213 kB, and the row lists. A general compressor such as gzip does better than CSR here, although nobody told it about weights: it finds the long runs of zero bytes. But it hardly shortens the numbers that are left, because the digits of a trained weight look like chance.
#
# *Masks removed* has the same size at all six densities: without a format a zero saves no byte, however many there are.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And gzip on top?
#
# gzip looks for what repeats. Each file of the network with a tenth of its weights, compressed once more.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 4. The next two minutes, about compressing each file once more, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** The *masked* file has nine tenths of zeros in its mask. Under gzip, does it become **A** as small as the one without masks, **B** about half of the dense file, **C** about as large as the dense file?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. The answer is C: the mask shrinks to nearly nothing, and the old weights beside it do not, because nothing in them repeats. Say: "Compress after remove, never before." Then let them find the smallest cell of the right column, the bit mask, and compare the two
# rows of CSR: under gzip they are nearly equal, because at least six of the 8 bytes of such an index are zero. Fill in *memory* on the board: with gzip all of it, since the file is unpacked to compute; CSR about as much as its file; the bit mask little, until a call unpacks it.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes each file of the network with a tenth of its weights, plain and under gzip.
show.under_gzip(weighed, sizes["dense"])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The masked file is about as large as the dense one, even under gzip (C): it still holds the old weights, and these do not repeat.**
#
# <!-- page -->
#
# So remove the masks first, and compress then. Two more things can be read from the table. Under gzip the bit mask is the smallest again. And the two rows of CSR have come close to each other: an index below 784 that is stored in 8 bytes has at least six bytes of zeros, and these repeat.
#
# gzip saves bytes of the *file* alone. To compute, the file is unpacked again, so the memory holds all zeros. CSR computes in its own form, and needs about as many bytes in memory as in its file. The bit mask lies between the two: it is small in memory until a call unpacks it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Time: what gets faster?
#
# A dense kernel multiplies zeros like all numbers. A CSR kernel skips them; for each other weight it reads a column, then fetches that input.
#
# **Predict.** At which density does CSR become faster than dense on your CPU: 50 %, 20 %, 10 %, 1 %, or not at all? Is it the same for a small and a large layer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Draw the caricature first: 8 weights side by side take one instruction of a dense kernel; CSR takes, say, 2 for each weight left. A row of 800: 100 instructions dense, and CSR does 50 weights in them, 6 %. Let them bet; write the bets down, then read off where each line crosses the dotted one: the dashed ones, with 64 images, on the left, at more weights than the solid ones; the solid blue one, the small network with one image, hardly or not at all. Ask why 64 images help CSR: a column is read once, and the weight is then multiplied with that input of all images. Why does the small network not gain? Its layers take so little time that the fixed cost of a call counts most, and CSR makes more calls. Say that these are explanations, and only the crossings were measured. Put *time* on the board: "by layer and batch". Then: "At the density
# where CSR pays, is the network still good?" The last table of section 5 has its share of right answers: much the same at 10 %, far lower at 1 %.

# %% [markdown] slideshow={"slide_type": "skip"}
# Half of the multiplications should take half of the time. Why might they not? Follow what the processor does for *one* weight.
#
# A dense kernel goes through a row from left to right. It never asks where a weight belongs, since the weights lie side by side, and so do the inputs. Therefore one instruction of a vector unit can multiply eight or sixteen pairs of fp32 numbers at once ([[roofline]]).
#
# A CSR kernel has three things to do for each weight that is left: read its column, fetch the input that stands there, multiply. The inputs lie anywhere, so it can hardly take eight at a time.
#
# **By hand**, as a caricature: suppose that the dense kernel handles 8 weights with an instruction, and CSR needs 2 instructions for each weight that is left. A row of 800 weights costs 100 instructions dense. In CSR the same 100 instructions handle 50 weights. So CSR would be ahead below 50 / 800, about 6 % of the weights, and far behind with a half of them left.
#
# Memory sets a limit of its own. With one image each weight is used once, and a large layer mostly waits for its weights to arrive. CSR must read 8 bytes for each weight that is left, dense 4 for each weight, so by that alone CSR breaks even at one half.
#
# With many images at once things change: the column is read once, and then the weight is multiplied with that input of *all* images. These can lie side by side, so the vector unit helps again. (All of this is an explanation, and not a measurement. What can be measured is where CSR begins to pay.)

# %% slideshow={"slide_type": "skip"}
taken = {(d, batch): show.times_of_forms(weighed, d, batch) for d in show.DENSITIES for batch in (1, 64)}
large = {batch: show.layer_speed(CSRLinear, batch) for batch in (1, 64)}  # one layer of 2048 × 2048
worse = min(large.values(), key=lambda measured: measured.ratio(0.01))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the speed-up of CSR over dense for two layers and two batches.
show.speed_over_density(taken, large)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It depends on the layer and on the batch. With half of the weights left CSR is slower than dense in each of the four lines; with 1 % left the large layer is many times faster, and one image through the small network gains little or nothing.**
#
# <!-- page -->
#
# Look for the place at which each line crosses the dotted one. With 64 images it lies further to the left than with one, as the explanation above predicts. The small network with one image is a case of its own, and in the run on this page it stays below the dotted line even with 1 % left: its three layers take so little time that the fixed cost of their calls ([[measuring]]) is a large part of it, and a CSR layer makes more calls than a dense one. A trial, not part of this run, shows how much: with one output for each dense layer, so that hardly a multiplication was left, the network still took between a quarter and two fifths of its time, and a CSR network without a single weight took between two fifths and a half of the dense network's time. So even if its multiplications cost nothing, CSR could not have gained much more than a factor of two there.
#
# And one more question belongs to each crossing: is the network still good there? The last table of section 5 has its share of right answers. With a tenth of the weights left it is much the same as before, and with one in a hundred it is far lower. So a kernel that pays only at 1 % is of little use to this network, however fast it is there.
#
# So "90 % fewer multiplications" is no statement about time. Exercise 1 makes the experiment that is.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A fifth of the energy?
#
# The estimate of [[energy]] counts multiplications and additions, and each weight fetched once from DRAM. CSR fetches a value and an index for each weight left, and multiplies those alone.
#
# With a tenth of the weights that is a fifth of the energy.
#
# **Predict.** With a tenth of the weights the last figure showed no such gain in time for one image. What does the estimate leave out?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Where does the fifth come from? A tenth of the weights, 8 bytes in place of 4 for each: 2 · 0.1 = 0.2, and fetching is nearly all of the estimate. Collect answers, then the table: CSR is slower than dense here or about as fast. Wanted: instructions cost energy too, about 70 pJ each; the weights may lie in a cache and not in DRAM; an energy is not a time. Which of the answers in the room could be tested, and how? The cache by a layer too large for it, the instructions by a profiler that counts them, the energy by a meter; the table itself tests none. Put *energy* on the board: "estimated only". (Masked fetches two tensors here; [[prune_module]] leaves the mask out.) Say: "An estimate of counted work is no stopwatch."

# %% [markdown] slideshow={"slide_type": "skip"}
# Where does the fifth come from? A tenth of the weights is left. For each of them CSR fetches 8 bytes in place of 4, so it fetches 2 · 0.1 = 0.2 of the bytes. Fetching makes up nearly all of the estimate, as [[energy]] showed, and so the sum is about a fifth.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes estimated energy beside measured speed, and four rows of the course's ledger.
share_left = 1 - sparsity_report(tuned[0.1]).weights.sparsity
show.energy_and_time(weighed, taken, share_left, right, digit)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The estimate leaves out the instructions and the detour over the index, it counts every fetch as one from DRAM, and it is an energy and not a time.**
#
# <!-- page -->
#
# Each of these is a candidate, and the table does not show which of them makes the difference. Each could be tested. A layer that is too large for any cache takes the cache away, a profiler counts the instructions, and a meter measures joules in place of seconds. An instruction costs about 70 pJ to fetch and decode, far more than the multiplication that it starts ([[energy]]), and CSR has several for each weight. A megabyte of weights can lie in a cache, where a fetch is much cheaper than from DRAM. And time is not energy: a vector unit that multiplies eight pairs at once saves time, and not the energy of the multiplications.
#
# So take the estimate for what it is: a count of work that a machine made for such zeros might save. On your CPU the stopwatch decides.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Zeros that a dense kernel can leave out
#
# A *whole column* of `fc1` that is zero belongs to a pixel that nobody reads; a whole row to a neuron without inputs. Such columns can be left out of the tensor, and a dense kernel computes the same.
#
# **Predict.** With a tenth of all weights left, how many of 784 columns are empty: **A** none, **B** one in ten to one in four, **C** more than half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Draw what a column is: the rows 3 0 and 1 0, times x₀ and x₁; nobody reads x₁, so the second column can be left out. Vote. The answer is B, about one in seven, nearly all at the rim. Ask why: what gradient has the weight of a pixel that is always black? Input times what comes back, so 0: it keeps the small value that it began with, others grow, and magnitude takes the small ones. To "why are the outputs 1e-06 apart?" say: probably rounding, since a shorter sum is added up in another order. Then: "Nobody chose these columns. What if we choose whole columns from the
# start?" That is structured pruning ([[structured]]); patterns that hardware knows lie between the two.

# %% [markdown] slideshow={"slide_type": "skip"}
# There is a way without any format and without any new kernel: make the tensor itself smaller. Write a layer of two inputs and two outputs as a matrix, and let its second column be zero:
#
# $$\begin{pmatrix} 3 & 0 \\ 1 & 0 \end{pmatrix} \begin{pmatrix} x_0 \\ x_1 \end{pmatrix} = \begin{pmatrix} 3 \\ 1 \end{pmatrix} x_0$$
#
# The input $x_1$ is never read. Leave the column out, and do not even hand $x_1$ over: the result is the same, and an ordinary dense layer with half as many weights computes it. The cell below does that with `fc1`, and compares the outputs.

# %% slideshow={"slide_type": "skip"}
fc1 = weighed[0.1, "masks removed"][0].fc1
used = (fc1.weight != 0).any(0)  # a bool for each of the 784 pixels
smaller = nn.Linear(int(used.sum()), 300).requires_grad_(False)
smaller.weight.copy_(fc1.weight[:, used])
smaller.bias.copy_(fc1.bias)
pixels = test_set[0][:100].flatten(1).cpu()
apart = (smaller(pixels[:, used]) - fc1(pixels)).abs().max().item()
digits = images.flatten(1).cpu()
dark = digits.amax(0) == 0  # pixels that are 0 in each of the training digits

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws how many weights each pixel has left.
show.columns_without_weights(fc1, used, dark, apart)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **About one column in seven is empty (B), nearly all of them at the rim; if the zeros lay at random places, none would be.**
#
# <!-- page -->
#
# Most of these pixels are 0 in each training digit; the caption has the count. The gradient of a weight is its input times what comes back from the output. Where the input is always 0, so is the gradient. Such a weight keeps the small value that it began with, while others grow, and magnitude pruning takes the small ones.
#
# The smaller layer gives the same outputs up to rounding. (A shorter sum is probably added up in another order.) These columns were found and not chosen. The gain is small: most of the layer stays. Whoever wants many empty columns has to choose whole columns, which [[structured]] does. Between single zeros and whole columns lie patterns that some hardware has kernels for ([[own_method]]).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### And whole neurons?
#
# A neuron that no later weight reads can be removed: its row here, its column in the next layer. So can a *silent* one, which answers 0 to each of 60,000 training digits.
#
# What is left is a smaller *dense* network.
#
# **Predict.** With a tenth of the weights left, how much smaller is the file: **A** a tenth remains, **B** more than half? How many of 10,000 test digits get another answer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Draw a neuron as one row of `fc1` and the column of `fc2` that reads it: both go together. Two shows of hands: B, and none or hardly any. Say how the second column of the table is read: the network had 784 pixels, 300 neurons and 100 neurons. Ask why another answer is possible at all: who is silent on all training digits may fire on a test digit. Read the first row aloud: the *uncut* network, too, has neurons that are silent. Then the last: with 1 % left most neurons are gone. Say: "Scattered
# zeros seldom empty a whole neuron. To save time with a dense kernel, choose neurons."

# %% [markdown] slideshow={"slide_type": "skip"}
# The same idea for the layers inside: row number 7 of `fc1` and column number 7 of `fc2` belong to one neuron. If the column is empty, nobody reads what the neuron computes. If the neuron is silent, everybody reads a 0. In both cases row and column can be removed together. (A neuron whose own *row* is empty is a third case. It gives the same number for every image: its bias, or 0 if the bias is negative. With 0 it is silent. Otherwise one could multiply its number by the column that reads it and add the result to the biases of the next layer. The cell below does not do this, and keeps such a neuron.) One doubt is left with the silent ones: nobody promises that they stay silent for a digit that they have not seen. So we count.


# %% slideshow={"slide_type": "skip"}
def part_of(layer, rows, columns):
    """A dense layer with these rows and columns of another one."""
    small = nn.Linear(int(columns.sum()), int(rows.sum())).requires_grad_(False)
    small.weight.copy_(layer.weight[rows][:, columns])
    small.bias.copy_(layer.bias[rows])
    return small


def shrunk(net, digits):
    fc1, fc2, fc3 = net.children()
    hidden = fc1(digits).relu()
    second = (fc2(hidden) > 0).any(0) & (fc3.weight != 0).any(0)  # fires for some digit, and is read
    first = (hidden > 0).any(0) & (fc2.weight[second] != 0).any(0)
    pixels, answers = (fc1.weight[first] != 0).any(0), torch.ones(10, dtype=torch.bool)
    layers = part_of(fc1, first, pixels), part_of(fc2, second, first), part_of(fc3, answers, second)
    return nn.Sequential(show.Chosen(pixels), layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


# %% slideshow={"slide_type": "skip"}
plain_nets = {d: weighed[d, "masks removed"][0] for d in (1.0, 0.1, 0.05, 0.01)}
small_nets = {d: shrunk(net, digits) for d, net in plain_nets.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes layers, files, speeds and answers of the smaller networks.
table, timed, changed = show.shrunk_table(small_nets, plain_nets, dense, *(t.cpu() for t in test_set))
table

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With a tenth of the weights left more than half of the file remains (B), and hardly an answer is another one.**
#
# <!-- page -->
#
# Nine of ten weights were removed, and yet most neurons stay, because scattered zeros seldom empty a whole neuron. With 1 % left most neurons can be removed, and then a plain dense kernel gains. But look at the last column, where far fewer answers are right. (The uncut network in the first row has silent neurons, too, so a part of what the files lose has nothing to do with pruning. The time of that row gained nothing, probably because the smaller networks first have to pick their pixels.)
#
# That is the answer to the question of this lesson. A zero is worth something if somebody leaves it out: a format, a kernel, or whoever makes the tensor smaller. The more scattered the zeros are, the less it is worth.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · From where does it pay?
# ★★★ · 12 minutes · an investigation
#
# You get an instrument, `seconds(kernel, density, batch)`: the time of one call of the `"dense"` or the `"sparse"` kernel. `density` is 0.5, 0.2, 0.1 or 0.01, `batch` is 1 or 64. Somebody wants to answer *one* image at a time. From which density on does the sparse kernel pay?
#
# `pays_from(seconds)` → `"50 %"`, `"20 %"`, `"10 %"` or `"1 %"`: the largest of these densities at which the sparse kernel typically takes at least 5 % less time than the dense one; `"never"` if there is none
#
# <details><summary>Hint</summary>
# For each density take turns, as in a fair race: dense, sparse, dense, sparse. Collect the times of each, and compare medians.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check runs your experiment on several machines that it has made up. What a kernel *typically* takes is the time that half of its calls stay below, and the 5 % are a share of what the dense kernel takes. A machine may have other code for another density, so fewer weights need not always mean less time. The check wants at least ten runs of each kernel at each density that you try, the same number for both. Then it looks at what you conclude. You need not try every density if you can conclude without it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: "What do you run, how often, in which order, and which two numbers do you compare?" Wanted: dense and sparse in turns, with *one* image, at least ten times at each density; then the medians of the two, density by density. Then: "Think of a machine that fools somebody who counts multiplications." One whose sparse kernel has a fixed cost in each call, so that it never pays with one image; or one that pays with 64 images, and not with one. "And one that fools a mean?" One on which a call is now and then very slow. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def pays_from(seconds):
    """Say from which density on the sparse kernel pays, for one image at a time.

    Args:
        seconds: the instrument; `seconds("sparse", density=0.2, batch=1)` takes
            one call.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.pays_from(pays_from)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def pays_from_solution(seconds):
    for density, name in ((0.5, "50 %"), (0.2, "20 %"), (0.1, "10 %"), (0.01, "1 %")):
        rounds = [[seconds(k, density=density, batch=1) for k in ("dense", "sparse")] for _ in range(31)]
        quotients = sorted(sparse / dense for dense, sparse in rounds)
        if quotients[15] < 0.95:
            return name
    return "never"


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever wants to compute break-even points, count zeros of any model, or test a rule about wide and deep networks.
#
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
# ### Exercise 3 · How sparse is this model?
# ★★ · 12 minutes
#
# Write `weight_sparsity`: the share of zeros among all weights of a model, from its `state_dict`. A plain layer has an entry whose name ends in `.weight`, of any shape; a
# masked one has `….weight_orig` and `….weight_mask` instead. Nothing else counts: no bias, masked or not, no running mean. −0.0 is a zero.
#
# `weight_sparsity(state)` → a number from 0 to 1
#
# <details><summary>Hint</summary>
# Add up zeros and elements over all layers and divide once, at the end. For a masked layer, what the layer computes with is
# weight_orig times weight_mask. A mask is not a weight.
# </details>


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
        if name.endswith(".weight_orig"):
            tensor = tensor * state[name.replace("weight_orig", "weight_mask")]
        elif not name.endswith(".weight"):
            continue
        zeros += (tensor == 0).sum().item()
        elements += tensor.numel()
    return zeros / elements


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Which network has zeros to spare?
#
# A rule that one often hears: *wide layers can be pruned more; take care with deep, narrow networks.* We test it on four networks for digits, with one or four hidden layers of 50 or 200 units. Each is trained for one pass over 20,000 digits, cut globally, and fine-tuned for 100 steps. "More" can mean two things, so the table has both: an *equal share*, where each network keeps 5 % of its weights, and an *equal size*, where each keeps 30,000 or 4,000.

# %% slideshow={"slide_type": "skip"}
grid = show.WideAndDeep(trained)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes what each network loses at an equal share, and gets right at an equal size.
grid.table()

# %% [markdown] slideshow={"slide_type": "skip"}
# In *percent* the rule holds: the deep narrow network loses most. But five per cent of a wide network are simply more weights than five per cent of a narrow one. With 30,000 weights left, three quarters of the smallest network, the wide ones are still a little ahead, which is near the comparison of "large-sparse" with "small-dense" of Zhu and Gupta (2017). With 4,000 left the narrow ones are far ahead.
#
# The last column must be read with care, since 100 steps are few. In runs outside of this lesson, with 1,200 steps over 20,000 digits, the lead of 50 over 200 units with one hidden layer fell from 15 points to about one, and most of what the deep wide network lacked came back as well. So most of that column is a statement about a short fine-tuning, and little of it about width.
#
# The lecture behind this course gives a reason for the rule: the width of a network stands for the content of the input, and its depth for the non-linearity. That is a picture, and our table can only test what follows from it. If width held content and nothing else did, then the narrow networks should lose most when weights are scarce. With 4,000 weights left they lose least. So the table does not support the picture, and with 100 steps of fine-tuning it cannot refute it either. The lecture also shows a figure in which pruning *width and depth together* does better than pruning the neurons of one layer. For this there is a record (`records/zero_worth/width_and_depth.json`; `python3 course.py bench zero_worth` makes it anew). Three networks with four hidden layers of 200 units have 278,800 weights each, and 94.8 % of the test digits right. They were cut to at most 90,000 weights. What was removed were the units of smallest norm, or whole layers and units. (One layer alone has to be the first: without any unit of another one, at least 198,800 weights would be left.) Each was then trained for 1,200 steps, at the best of three rates on held-out digits:
#
# | what was cut | units that are left | right, % |
# |---|---|--:|
# | the first layer alone | 8, 200, 200, 200 | 92.5 |
# | all four layers | 85, 85, 85, 85 | 97.0 |
# | one whole layer, and units of the other three | 92, 92, 92 | 97.0 |
# | two whole layers, and units of the others | 100, 100 | 97.0 |
# | three whole layers, and units of the last one | 113 | 96.6 |
#
# The figure is right that one layer alone is a poor place to cut: to reach this size it has to shrink to 8 units, and all that the network learns about an image must pass through them. But fewer layers do not help beyond that. Narrower layers alone come as far as narrower and fewer ones: down to two hidden layers the depth makes no difference here, and with a single one it costs 0.4 points. (When the units to keep were drawn by chance, the last four rows lost 0.3 points at most. The first row *gained* a point, so the norm was no good guide there. And the largest of the three rates was best in the mean in each of these rows, so a larger one might do better still.)
#
# Do not read 97.0 beside 94.8 as a gain by cutting: the whole network was not trained for the 1,200 steps more. And how much of the last column is owed to the weights that were kept? The control stands in the same file: the same five shapes from *random* weights, trained for the same 1,200 steps, at the best of the same rates. They come to 92.7, 96.5, 96.4, 96.4 and 96.0. So the kept weights are worth about half a point in the last four rows and nothing in the first, and the table compares mostly *shapes*.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Claims of speed depend on the machine; the table names what may be the cause where one fails on yours.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("zero_worth")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A mask made the model larger and slower; plain zeros saved no byte. A format that stores places saves bytes from a share of zeros on that you can compute.
# - A CSR kernel saved time only with few weights left. An energy estimate is no measured time.
# - Empty columns and silent neurons can be cut out. Scattered zeros make few of them.
# - Measure with your own layer, batch and density, because how many zeros it takes before they save time depends on the layer and on the batch.
#
# **Recommended video** (it helps, and does not replace the lesson): Michela Paganini, *Neural Network Pruning for Compression and Understanding*,
# [youtube.com/watch?v=f86hkOGoX54](https://www.youtube.com/watch?v=f86hkOGoX54).
#
# **Going further**: M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878): large and sparse against small and dense; S. Han et al.,
# *Deep compression*, 2015, [arXiv:1510.00149](https://arxiv.org/abs/1510.00149): zeros, shared values and Huffman codes in one file. Next here: [[structured]].
#
# **Project ideas**: repeat the experiment on wide and deep networks (*Deeper*) with rounds of cutting, or with 1,200 steps, and find how much of the narrow networks' lead is left; store column *distances* in few bits in place of columns, as deep compression does.
#
# **Credits**: the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on Tivadar Danka's [*How to Compress a Neural Network*](https://towardsdatascience.com/how-to-compress-a-neural-network-427e8dddcc34).
# Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the four words on the board: file, memory, time, energy. Ask for the one sentence each: which zeros pay for it, and from how many on? (File: from 1/32, 1/2 or 2/3 of zeros on, by format. Memory: CSR, as its file. Time: CSR by layer and batch; or whole columns and neurons. Energy: only estimated.)
