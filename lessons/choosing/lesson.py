# ---
# jupyter:
#   course:
#     promise: You will choose a way to int8 from a count, a price and a measurement, and ship a model whose outputs you have checked.
#     seconds: 60
#     needs: [energy, roofline, dynamic, audit, static, depthwise, qat_cnn]
#     goals:
#       - Report a speed-up against two baselines and for one processor and one runtime.
#       - Count how often a network uses each number, and estimate what conversions would cost it.
#       - Follow an estimate to its measurement, and say which of its numbers was wrong.
#       - Choose between float, dynamic, static and quantization-aware training, and say what each costs.
#       - Find out by an experiment whether conversions are paid for each number or for each call.
#       - Export a model, and check its outputs and its accuracy in another runtime.
#     terms: [best fp32, ONNX, round trip, runtime, "U8S8, S8S8"]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Dynamic, static, quantization-aware: which one, in which runtime, and how much does it bring?*
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
# *For the lecturer, 1 min.* Ask: "You read that int8 makes a network five times faster. Which two questions do you ask?" Collect them without comment: over which baseline, and
# on which machine. If nobody says so, section 1 will. The boxes under the title are the three questions of section 5; say nothing about them yet.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import tempfile
import warnings
from pathlib import Path

import torch
import torchvision
from torch import nn

from course_utils import data, legacy_int8, models, runtime
from course_utils.data import checkpoints
from course_utils.int8_routes import compare, networks, torch_eager
from course_utils.int8_routes import record as int8_record
from course_utils.measure import timing
from course_utils.scorecard import claims
from lessons.choosing import checks as check
from lessons.choosing import onnx_graph, show, ways

legacy_int8.ignore_deprecations(remarks=True)  # [[dynamic]] says what follows
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement in this lesson
torch.set_grad_enabled(False)
engine = torch.backends.quantized.engine = legacy_int8.best()
records = int8_record.records()  # what the bench wrote, one a processor
here = int8_record.processor(runtime.provenance())
print(f"int8 engine: {engine}; this processor: {here}; records: {'; '.join(records)}")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One speed-up, two answers
#
# MobileNet-v2, one image, in static int8 as in [[static]]. It is compared with fp32 twice: with *eager* fp32, and with the **best fp32**: the *same* network, traced, batch norms folded, weights arranged beforehand.
#
# **Predict.** int8 is some factor faster than eager fp32. How much of this factor is left over the best fp32: **A** all of it, **B** more than half, **C** less than half? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say what the two words mean: *eager* calls one operator after the other from Python, *traced* runs the recorded calls as one program. Vote. Expect A from those who think that int8 is a matter of the numbers alone. After the table divide the two numbers of the last row; in the run on this page 2.2 / 3.6 is about 0.6, so B. Then read the second row: nothing was quantized there, and it is 1.6 times as fast. Write "3.6 ≈ 1.6 · 2.2" on the board (all three are rounded), "the better program" under the 1.6 and "the 8 bits" under the 2.2, and leave it there for section 6. Ask who would have noticed: the larger factor is the one that is easy to report. "Which of the two is wrong?" Neither; the first is what users of eager fp32 will notice, the second is what int8 is worth.

# %% [markdown] slideshow={"slide_type": "skip"}
# You have now met four ways to treat a network: leave it in float; *dynamic* int8, which finds the ranges of the activations at every call ([[dynamic]]); *static* int8, which fixes them beforehand by showing the network some images ([[static]]); and quantization-aware training, which trains the network with the rounding in it ([[qat_cnn]]). A colleague brings you a network and asks: which one? And how much faster will it be?
#
# The second question comes first, because a choice needs numbers that can be trusted. Here are four ways to run one network. Two are fp32, two int8. `show.least_ms` runs them in turn, 15 times, and takes the least time of each, because other programs hardly ever make a run faster ([[measuring]]). *Eager* means operator by operator, called from Python. *Traced* means that the calls were recorded once and run as one program without Python between them. (The large networks of this lesson have random weights. Times and bytes hardly depend on the weights. Accuracy does, and where a section needs one, it takes a trained network.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
mobile = networks.mobilenet_v2()
throughout = torch_eager.int8_model(mobile)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
with legacy_int8.quiet():
    best_fp32 = torch.jit.optimize_for_inference(show.in_a_trace(mobile.model, mobile.example))
    traced_int8 = show.in_a_trace(throughout, mobile.example)
four = {"fp32, eager": mobile.model, "fp32, traced": best_fp32}
four |= {"int8, eager": throughout, "int8, traced": traced_int8}
first = show.least_ms({name: lambda run=run: run(mobile.example) for name, run in four.items()})
left = first["fp32, traced"] / first["fp32, eager"]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the four routes over both baselines.
show.two_factors(first)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than half of the factor is left over the best fp32 in the run on this page (B), but not all of it, because fp32 itself got faster.** Both factors are true.
#
# <!-- page -->
#
# Read the row of traced fp32. Nothing was quantized there, and it is already well ahead of eager fp32, because folding, arranging and leaving Python out have nothing to do with 8 bits. The factor over eager fp32 is the product of two gains: what the better program brings, and what int8 brings on top of it. By hand: if traced fp32 is 1.6 times as fast as eager fp32 and int8 is 4.2 times as fast, int8 itself brought 4.2 / 1.6 = 2.6. The same 1.6 divides every row of the table.
#
# So report both: the first says what your users will notice if they run eager fp32 today, and the second says what the 8 bits are worth in this runtime. Where both are near 1 or below it, look at the engine (section 5).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. How often is a number used?
#
# A layer fetches each weight and each input at least once, and multiplies with it some number of times. One multiplication with its addition is a **MAC**.
#
# **Predict.** An LSTM with 1,024 units, the BERT shape with 128 tokens, ResNet-50, MobileNet-v2, one input at a time: which of the four uses each *input* the fewest times? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw the little layer of the page on the board: three circles on the left (inputs), two on the right (outputs), a line from each to each, which makes six weights, and beside it "4 rows". The room counts: 4 · 6 = 24 MACs, so each weight is used 24 / 6 = 4 times (once a row), and each of the 4 · 3 = 12 inputs 24 / 12 = 2 times (once an output). Then vote. Help: a pixel lies under a window of 3 by 3 at most nine times, and a depthwise convolution has one output channel for each input channel. To those who said LSTM: it uses each *weight* once, and each input 4,096 times; that is the left panel. In the figure a dot is a layer and a diamond is the average of the network, so point at the dots of MobileNet-v2 around 10: its depthwise layers. After the figure ask for the row of a
# Transformer that writes one token at a time: its weights are used once, like the LSTM's; its inputs as often as before.

# %% [markdown] slideshow={"slide_type": "skip"}
# Which method fits a network? Many pages answer with a table of names. It does not help with a network that is not in it, and it does not say why. The reason is in the work that each method adds. A dynamic layer *converts* each of its inputs to int8, at every call. Whether that costs much depends on how much work is done with an input once it is converted. So we count.
#
# **By hand.** A linear layer has 3 inputs and 2 outputs, so it has 6 weights. Give it 4 rows, for example four tokens. It makes 4 · 6 = 24 MACs.
#
# - There are 6 weights, so each is used 24 / 6 = 4 times: once for each row.
# - There are 4 · 3 = 12 inputs, so each is used 24 / 12 = 2 times: once for each output.
#
# So a *weight* is used as often as there are rows, and an *input* as often as there are outputs. Twice the rows (a larger batch, a longer text) use each weight twice as often, and each input as often as before. A Transformer that writes one token at a time has one row: it uses each weight once, like the LSTM, and each input as often as before. In a convolution the positions of the image take the part of the rows. An input is multiplied once for each place of the window in which it lies and for each output channel: with 3 by 3 and 64 output channels up to 9 · 64 = 576 times. A *depthwise* convolution has one output channel for each input channel ([[depthwise]]), so there it is at most nine times.
#
# The count takes two lines. `uses` is the number of rows, or of positions.


# %% slideshow={"slide_type": "skip"}
def count(layer, x, y):
    """MACs, weights, inputs and outputs of a linear layer or a convolution, for one input `x` with the result `y`."""
    uses = y[0, 0].numel() if isinstance(layer, nn.Conv2d) else y.numel() // layer.out_features
    return uses * layer.weight.numel(), layer.weight.numel(), x.numel(), y.numel()


step = (4 * 1024 * (28 + 1024), 4 * 1024 * (28 + 1024), 28 + 1024, 4 * 1024)  # of an LSTM that reads 28 rows
layers = {"LSTM": [step] * 28}  # its weights are read again at each step
with torch.device("meta"):  # shapes without numbers: counting needs no memory
    image = torch.zeros(1, 3, 224, 224)
    layers["BERT shape"] = show.traffic(models.Encoder(), torch.zeros(1, 128, dtype=torch.long), count)
    layers["ResNet-50"] = show.traffic(torchvision.models.resnet50(), image, count)
    layers["MobileNet-v2"] = show.traffic(torchvision.models.mobilenet_v2(), image, count)
total = {name: [sum(column) for column in zip(*rows, strict=True)] for name, rows in layers.items()}
uses = {name: (macs / weights, macs / inputs) for name, (macs, weights, inputs, _) in total.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws how often each layer uses a weight and an input.
show.uses_figure(layers, uses)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **MobileNet-v2 uses each input the fewest times, about 44 times on average; the BERT shape and the LSTM use theirs more than a thousand times.**
#
# <!-- page -->
#
# The depthwise convolutions of MobileNet-v2 use an input at most nine times, and its convolutions of 1 by 1 use it once for each output channel, of which the blocks with large images have few. A linear layer of BERT has 768, 2,304 or 3,072 outputs, and the LSTM has four times 1,024.
#
# The left panel is about something else. There the LSTM is the lowest, because it uses each weight once in a step (that is how we count) and has to read it again for the next step. What waits for its weights gains from smaller weights ([[dynamic]]). These are averages: the dots show that the layers of one network can differ by a factor of a hundred.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. What does a conversion cost?
#
# A dynamic layer does two things to each input that a static layer in the middle of an int8 network need not do: it looks at it to find the range, and it rounds it to int8.
#
# **Predict.** In the time that one number takes to be converted, how many int8 MACs could run: **A** fewer than 5, **B** 5 to 20, **C** more than 20? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; expect A and B, for "it is only a rounding". The run on this page has 572 GOP/s and 448 ps. Do the sum on the board: a MAC is two operations, so the peak is about 290 MACs in a nanosecond, and in 448 thousandths of one it is about 130. "Why so many?" One instruction multiplies 32 or 64 pairs of bytes, and a conversion takes several instructions on floats of 4 bytes: read for the range, compare, read again, divide, round, clip, pack. Say that the price is measured twice: as two operators (the row), and as the difference of a dynamic and a static layer with few outputs (the caption). They need not agree exactly. Ask: "Why is the int8 peak taken from static layers?" A dynamic layer would hide the price in the peak. On a processor with faster int8 (AMX, units that multiply small matrices) the price in MACs is higher, unless conversions are faster, too.

# %% [markdown] slideshow={"slide_type": "skip"}
# A count alone gives no time. We need a price, and we express it in the currency of the count: how many MACs could have been made in the time of one conversion?
#
# The next cell times three things: the two operators of a conversion (find the range, and round) on an array of 1 MB; a few large layers in fp32 and in int8, of which the fastest gives the *peak that was found*; and a plain reading of 256 MB, which gives the bandwidth ([[roofline]]). Each job is run 12 times, in turn with the others, and the least time counts, as in section 1. The time is *processor time*: the time during which our process had the processor. With one thread that is the time on the clock if nothing else runs, and where something else runs it is disturbed less.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
some = torch.randn(256, 1024)  # 1 MB
conversion = {
    "range": lambda: torch.aminmax(some),
    "to int8": lambda: torch.quantize_per_tensor(some, 0.05, 64, torch.quint8),
}
ms = show.least_ms(conversion | show.probe_jobs(), rounds=12)
peak, bandwidth, price_layers = show.probed(ms)
price = 1e-3 * (ms["range"] + ms["to int8"]) / some.numel()  # seconds for one number
in_macs = price * peak["int8"] / 2  # a MAC is two operations

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the peaks and the price of a conversion.
show.prices_table(peak, bandwidth, price, price_layers)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than 20 int8 MACs could run in the time of one conversion (C); the last row says how many on your machine.**
#
# <!-- page -->
#
# A processor with instructions for int8 multiplies 32 or 64 pairs of bytes in a single instruction. A conversion takes several instructions, and each of them works on floats of 4 bytes, of which only a quarter as many fit into a register: read for the range, compare; read again, divide by the scale, round, add the zero point, clip, and pack into bytes. So it is plausible that one conversion costs as much as dozens of MACs or more.
#
# The caption has the control: the same price, found as the difference between a dynamic and a static layer that has 16 outputs only. The two ways agreed within a factor of four in all our runs.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### From a count and a price to a share
#
# An input that is converted once and used 1,000 times pays its price back 1,000 times.
#
# $$\text{share} = \frac{\text{time of all conversions}}{\text{time of all int8 layers}} \approx \frac{\text{price in MACs}}{\text{MACs for each input}}$$
#
# **Predict.** Work out the share of MobileNet-v2 with its 44 MACs for each input: **A** below 10 %, **B** about 50 %, **C** about 100 % or more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Give them 130 for the price and let them divide: 130 / 44 is about 3, so C. Then read the last column of the table from below: the price is the same four times, and the uses grow from 44 to 4,096. Read from right to left: the division by hand, then the share by the roofline. Where do the two differ? In the LSTM, whose layers wait for their bytes (8.32 ms against 0.422 ms of arithmetic in the run on this page); the divisor is larger there, and the share even smaller. In MobileNet-v2 as well, 198 % in place of 289 %, for many of its layers wait for bytes, too. To those who said A: that would need 1,300 uses of each input or more, and the BERT shape with its 1,317 is just above that. Leave "MobileNet-v2: 198 %" on the board. If somebody asks about other processors: on an AMD EPYC with VNNI a conversion took 47 MACs and not 130, and the estimate was 92 % for MobileNet-v2 and 12 % for ResNet-50. Close with: "This is arithmetic with two measured prices. Do you believe it?"

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** Suppose that a conversion costs as much as 50 MACs. A layer of the BERT shape uses an input 1,317 times. So for each input there are 50 MACs' worth of converting and 1,317 MACs of work, and the conversions take 50 / 1,317 = 4 % of the time of the layers. If static int8 takes 100 ms, dynamic int8 takes about 104 ms.
#
# The division assumes that a layer takes as long as its arithmetic at the peak. A layer that waits for its bytes takes longer, and then the share is smaller. By the roofline a layer takes the longer of the two ([[roofline]]). That is the function `layer_s`: 2 operations a MAC at the peak, or 1 byte (in fp32: 4) for each weight, input and output at the bandwidth.


# %% slideshow={"slide_type": "skip"}
def layer_s(macs, numbers, kind="int8"):
    """Seconds of a layer by the roofline: the longer of its arithmetic and its bytes."""
    return max(2 * macs / peak[kind], {"fp32": 4, "int8": 1}[kind] * numbers / bandwidth)


estimate = {}  # network -> seconds: arithmetic, bytes, layers, conversions
for name, rows in layers.items():
    macs, _, inputs, _ = total[name]
    moved = sum(total[name][1:]) / bandwidth
    in_layers = sum(layer_s(row[0], sum(row[1:])) for row in rows)
    estimate[name] = (2 * macs / peak["int8"], moved, in_layers, inputs * price)
share = {name: converting / in_layers for name, (_, _, in_layers, converting) in estimate.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the estimate of each network.
show.shares_table(layers, uses, in_macs, estimate, share)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **By the estimate the conversions of MobileNet-v2 take longer than its int8 layers, about twice as long in the run on this page (C). Those of ResNet-50 take about a third of that time, those of the BERT shape about a tenth, and those of the LSTM less than a hundredth.**
#
# <!-- page -->
#
# The price is the same for all four, so the fewer the uses, the larger the share. The share by the roofline and the division by hand nearly agree wherever arithmetic is the longer part. In MobileNet-v2 the bytes take about as long as the arithmetic in all, so in many of its layers they are the longer part, and its share is smaller than by hand. In the LSTM the bytes are longer by far, and the share shrinks most. (How far is uncertain: the bandwidth was measured with an array that no cache holds, and the LSTM's 4 MB of weights may stay in one.)
#
# The shares belong to one processor. So far this is arithmetic with two measured prices. Does a measurement agree?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. An estimate meets its measurement
#
# MobileNet-v2 in static int8 once as usual, and once with a wrapper around *each* layer: float in, int8 inside, float out. That is a **round trip**.
#
# **Predict.** The network has 52 convolutions and one linear layer. How many conversions between float and int8 are on each of the two ways? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room compute: 52 + 1 = 53 layers, each rounds its input and converts its output back, so 106; as usual it is one at the entry and one at the exit. Expect 54 or 53 from those who forget the way back. Then show the picture: a tunnel and a saw. Ask which of the two a Transformer's dynamic int8 looks like: the saw; only its teeth are cheap. If somebody asks why we do not compare a dynamic network with a static one: PyTorch's dynamic convolution is another kernel, so two things would differ. Here weights and kernels are the same.

# %% [markdown] slideshow={"slide_type": "skip"}
# To test the estimate we need a network that converts at each layer and one that does not, and nothing else may differ. A dynamic and a static network would not do: PyTorch's dynamic convolution is another kernel with troubles of its own (*Deeper*). So we take *static* int8 twice. Weights and kernels are the same in both. In one of them each layer is wrapped, as [[static]] wrapped a whole network: `wrapped = tq.QuantWrapper(layer)`, then `wrapped.qconfig = …`, and only what is wrapped is converted. A stub at the entry rounds the float input, the layer computes in int8, and a stub at the exit gives floats.
#
# A round trip is like a dynamic layer in that it rounds its inputs and gives floats. It differs in two points: its ranges are fixed, so nobody searches for them, and its result was rounded to int8 on the way.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
nets = {"int8 throughout": throughout, "int8, round trips": ways.round_trips(mobile)}
steps = {name: ways.way(net, mobile.example) for name, net in nets.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the ways of one image through both networks.
conversions = show.way_figure(steps)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With round trips there are 106 conversions, and in int8 throughout there are 2.**
#
# <!-- page -->
#
# Int8 throughout rounds the image once and gives floats once, at the end. With round trips each of the 53 layers rounds its own input and turns its own output back into floats, and 2 · 53 = 106. The count says nothing about time yet, because a conversion of a small tensor takes little.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does the clock say?
#
# By the estimate, *one* conversion for each layer would make the network about three times as slow. Here each layer converts twice. Both networks are traced, so that no Python is between the operators.
#
# **Predict.** How many times as long as int8 throughout do the round trips take: **A** more than 2.5 times, **B** 2 to 2.5 times, **C** less than twice? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; whoever trusts section 3 says A. After the table read the column *longer than throughout*: +59 % in the run on this page. In other runs it was between 30 and 65 %, and 75 % in one that other programs disturbed. Write it on the board beside the estimated 198 %, and leave both there: they are the two ends of the next ladder. Then the other half of the message: the round trips are still 1.40 times as fast as fp32. Who concluded "conversions take as long as the layers, so int8 cannot pay" was wrong. The last column says that both networks compute the right thing; compare it with the 0.948 of two *different* images in the caption, for without that a 0.99 says nothing.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
with legacy_int8.quiet():
    traced_trips = show.in_a_trace(nets["int8, round trips"], mobile.example)
runs = {"fp32": best_fp32, "int8 throughout": traced_int8, "int8, round trips": traced_trips}
calls = {name: lambda run=run: run(mobile.example) for name, run in runs.items()}
whole = show.least_ms(calls)
cosines = {name: compare.cosine(call(), calls["fp32"]()) for name, call in calls.items()}
other_image = compare.control_cosine(mobile)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes time and output of fp32 and of the two ways.
show.speeds_table(whole, cosines, other_image)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The round trips take less than twice as long as int8 throughout (C): the estimated share is more than three times the measured one in the run on this page.**
#
# <!-- page -->
#
# The column *longer than throughout* has the measured share, in its last row: 59 % in the run on this page. In other runs it was between 30 and 65 % (75 % in a disturbed one). And the round trips are clearly faster than fp32. So "conversions take as long as the layers, int8 cannot pay" would have been wrong.
#
# The last column is a check that both networks compute the right thing. A cosine of 1 means that the outputs point in the same direction. It is worth something only beside the control in the caption: the outputs of fp32 for two *different* images.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which number was wrong?
#
# The share is a fraction: conversions over layers. PyTorch's profiler says how long each operator took *in place*, inside the running network.
#
# **Predict.** Which of the two did the estimate get wrong: the time of the conversions, or the time of the layers? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Vote on a show of hands: conversions, or layers? Then: "Name everything that is in the measurement and not in the estimate." Collect on the board: converting back, sums in float, calls, pooling; and the reverse, what the estimate has and the round trips do not: the search for the range. Then click, and walk down the ladder, one row at a time; cover the rest with your hand. Each time ask which number was exchanged. Row 1 is section 3, 3.03 / 1.53. Row 2 exchanges the divisor alone, 1.53 for 6.15, and the share falls from 198 to 49 %. Row 3 exchanges the conversions, and little moves: a search less, a way back more, and the two happen to cost about the same. Row 4 is the clock.
#
# Say the sentence of the lesson: the roofline is a *lower bound* for a time, and who divides by a number that is too small gets a share that is too large. "Which layers are so slow?" The depthwise ones miss the bound by the larger factor, and the many of 1 by 1 by about as many milliseconds; *Deeper* has the table. "Can something be faster than the bound?" Yes, where the peak or the bandwidth in it was too low: in a trial the call of the LSTM took half of its "bound".

# %% [markdown] slideshow={"slide_type": "skip"}
# When an estimate and a measurement differ, a good habit is to exchange one number of the estimate after the other for its measured value, and to watch where the result moves. For that we need the parts of the measurement. The profiler notes each operator that ran and how long it took; we profile each way 15 times and take the least time of each operator. From the same profile we learn what the sums cost (MobileNet-v2 adds ten pairs of tensors, in int8 on one way and in float on the other), and what is left over: pooling, and setting up and handing on tensors.

# %% slideshow={"slide_type": "skip"}
operators = show.operators_in_place({name: calls[name] for name in nets})
both = {name: show.parts(operators[name]) for name in nets}
estimated_ms = 1e3 * estimate["MobileNet-v2"][3], 1e3 * estimate["MobileNet-v2"][2]  # conversions, layers
ladder_shown, ladder = show.ladder(estimated_ms, both, whole)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the way from the estimated share to the measured one.
ladder_shown

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The time of the layers was wrong: in our runs it is three to four times the estimate. The conversions came out about right, partly by luck.**
#
# <!-- page -->
#
# Read the ladder from top to bottom. The first row is the estimate of section 3. In the second row only the divisor is exchanged: the time that the roofline gives the layers, each at the best peak that was found, for the time that they took. That one exchange leaves less than a third of the share. (Exchanged last, it does about the same.) In the third row the conversions are exchanged, and they move the share by less than ten points. The estimate counts a search and a rounding, and the round trips make no search but convert back; the two happen to cost about the same.
#
# The last row is the measurement: all that the round trips add, divided by the whole call. It also holds what no other row counts, in the numerator (larger tensors) and in the denominator (pooling). In our runs this moved the share by some ten points at most, up or down. The second row moved it by more than a hundred in the run on this page.
#
# So mostly one number made the estimate wrong, its divisor, because **the roofline is a lower bound for a time**, as long as nothing is faster than the peak and the bandwidth that went into it. Whoever divides by a number that is too small gets a share that is too large, if the number above the line is about right.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### All parts of both ways
#
# The same profile, part by part. *The rest* is all its other operators.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room compare part by part, from left to right. Which of them grew? *To int8*, *to float* and, a little, *the rest* (pooling, and handing on tensors). The blue part is the same kernels with the same weights; it grew a little in the run on this page, and in an earlier run it shrank by a tenth, so the profile does not tell. Which one did you expect to grow and did not? The sums. If somebody adds the parts up and compares with the clock: they come from other runs, under a profiler; here they are nearly half above it on both ways, and in an earlier run they were a sixth above it at most. "Then which number may you trust?" A quotient of two times from one profile, as in row 3 of the ladder, more than a time from the profile beside one from the clock.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws where the time of both ways lies, by the profiler.
show.parts_figure(both)

# %% [markdown] slideshow={"slide_type": "skip"}
# The layers should take about as long on both ways, for they are the same kernels with the same weights. In the run on this page they took 6.15 ms throughout and 6.41 ms with round trips. In an earlier run round trips took a tenth less. The two kinds of conversion make up most of what grew. The sums cost no more in float than in int8, so they are *not* the reason. What remains is "the rest": pooling, and setting up and handing on tensors.
#
# The parts need not add up to a call as it was timed before, because they are from other runs, with a profiler. Here they add up to nearly half more than the call. The second row moved the share by far more. (*Deeper* shows which layers stay behind the peak.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Two more networks
#
# For MobileNet-v2 the estimated share was more than three times the measured one. We measure two more: ResNet-50 with round trips, and the linear layers of the BERT shape, dynamic against static.
#
# **Predict.** Are their estimated shares too high as well? And why, or why not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; most will say yes. Ask what the int8 peak was found with: a convolution that could be one of ResNet-50. So its layers run near the peak, and the divisor is about right. After the table: why are both *too low*? The estimate counts the search and the rounding of the inputs, and no cost of float outputs and larger tensors; where the divisor is right, that error shows. "What is the estimate good for, then?" For the order, and for networks far from any line. Where a decision hangs on the number, measure it.

# %% slideshow={"slide_type": "skip"}
bert_share, resnet = show.share_of_bert(), networks.resnet50()

# %% slideshow={"slide_type": "skip"}
measured = {
    "BERT shape": (bert_share, "dynamic − static, linear layers"),
    "ResNet-50": (show.share_of_resnet(resnet), "round trips − throughout"),
    "MobileNet-v2": (whole["int8, round trips"] / whole["int8 throughout"] - 1, "round trips − throughout"),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the estimated and the measured share of three networks.
show.tested_table(share, measured)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No: in the run on this page they were estimated somewhat too low, 10 % in place of 13 % for the BERT shape and 33 % in place of 41 % for ResNet-50. The order of the three is right, and their distances are not.**
#
# <!-- page -->
#
# The layers of ResNet-50 and of BERT are large, like those that the peak was found with, and run near it: in a trial they took 0.99 and 1.03 times as long as their arithmetic at the peak. So the divisor is about right. Then the other error can show, which MobileNet-v2 had as well: the estimate counts the search and the rounding of the *inputs*, and no cost of float outputs, float pooling and larger tensors. In our runs so far the share of ResNet-50 was between 11 and 43 % (62 % in a disturbed one), and that of BERT between 3 and 17 %. Both are differences between two longer times, so do not read them to a digit.
#
# By the estimate the largest of these three shares is about twenty times the smallest. By the clock it was between three and thirteen times in the same runs. So use the estimate to put networks in order and to find those that are far from any line. If a decision hangs on the number, measure it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. The decision
#
# Three questions, in the order of what the ways cost.
#
# **Predict.** MobileNet-v2 and ResNet-50 have random weights; SmallCNN and DepthwiseCNN are trained ([[static]], [[depthwise]]). With one scale a layer DepthwiseCNN loses some 26 points. Which of them do the questions send to quantization-aware training (QAT)? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* First frame: let two students derive a network each, aloud. ResNet-50: int8 beats fp32, yes; a dynamic kernel for convolutions, in PyTorch no; so static, unless that loses more than a point. The BERT shape: yes; a kernel, yes, and conversions cost it less than a quarter (section 4: 13 %); so dynamic, if it loses at most a point. Vote now: who goes to QAT? Expect DepthwiseCNN. Second frame: the names, and the answer is none. Point at the last box: *before remedies* means that DepthwiseCNN would stand there if one scale a layer were all we could do. Ask for the remedies behind the word *still*: a scale for each channel (less than 0.2 points lost), emptied dead channels (0.4), moved statistics (within two points). *Drop?* stands where the weights are random and nobody knows an accuracy. Ask where the ¼ comes from: nowhere; it is a price that we chose for not having to calibrate. Let the room choose a line of its own: only BERT can change its place, with a line at 10 %.

# %% [markdown] slideshow={"slide_type": "skip"}
# The three questions are:
#
# 1. Does int8 beat the best fp32 on this device? If not, keep float.
# 2. Is there a dynamic kernel for these layers that takes at most a quarter longer than static int8 and loses at most a point? If so, take it.
# 3. Does static int8 lose more than a point even with the remedies that need no training: a scale for each channel or emptied dead channels ([[depthwise]]), or moved statistics ([[qat_cnn]])? If so, train (QAT); if not, take static int8.
#
# What does a share mean for them? Let static int8 take 1. Then dynamic int8, whose layers are the same, takes 1 + share. And fp32 takes $g$ if static int8 is $g$ times as fast. **By hand**, with round numbers for MobileNet-v2: static 1, with conversions at each layer 1.6, fp32 2.2. So there is one line that follows from arithmetic alone: as long as the share is below $g - 1$ (here 1.2), int8 with conversions still beats fp32. None of our networks reaches it. But $g$ itself may be below 1. In the records of section 6 `qnnpack`, whose kernels are made for ARM, runs ResNet-50 in static int8 at 0.6 and 0.3 times the speed of eager fp32 on two x86 processors. Hence the first question.
#
# Between "as fast as static" and "as slow as fp32" no arithmetic decides, because the two methods do not cost the same *work*. Dynamic int8 needs no data. Static int8 needs a few hundred representative inputs, stubs or a graph in which int8 begins and ends, and a test whether the fixed ranges hold for inputs that come later. So the question is how much longer you let a call take in exchange for not having to calibrate. **The quarter is such a price, chosen by this course, and nothing more.** For our networks it hardly matters, because the CNNs go on for want of a dynamic kernel. But with a line at 10 % BERT lay above it in the run on this page, and you might calibrate.
#
# The second question also asks for a kernel. For convolutions PyTorch has one that it leaves off its list by default, and *Deeper* measures it: it is slower than fp32 and its results are wrong. So in PyTorch a CNN goes on to the last question, whatever its share. And dynamic int8 can lose accuracy, because it rounds weights and activations, too.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the three questions, then the same with the networks of this part.
leaves = show.decision(share, measured)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **None of them is sent to quantization-aware training, as far as we know their accuracy: a remedy that needs no training brings DepthwiseCNN back to within a point of float.**
#
# SmallCNN loses about a tenth of a point in static int8. DepthwiseCNN loses less than 0.2 with a scale for each channel and 0.4 with its dead channels emptied ([[depthwise]]); moved statistics alone bring it to within two points ([[qat_cnn]]).
#
# The LSTM and the BERT shape leave at the second question: their layers have dynamic kernels, and conversions cost them little. But the four networks with random weights have no accuracy to lose, so each has a question mark behind its name. The published BERT lost 0.7 points of F1, its score, by dynamic int8 (section 6). In large trained Transformers a few channels are far larger than the others (T. Dettmers et al., [2022](https://arxiv.org/abs/2208.07339)), and one range for all then costs more. So measure the accuracy before you ship, on this way out, too. Nothing leaves at the first question: every network timed had some int8 that beat its best fp32. (DepthwiseCNN was not timed.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What each way costs, and when not to take it
#
# | way | fits | what you need | not if |
# |---|---|---|---|
# | float, in the best runtime | no int8 kernel beats it; first step for all | nothing | memory or time is still short |
# | dynamic | wide linear layers, LSTM, GRU: [[dynamic]] | a test of its accuracy | layers are narrow; convolutions |
# | static | CNNs: [[static]] | some hundred inputs, stubs | later inputs leave the range; a sum (+) in the graph without an int8 kernel |
# | static, a scale a channel | CNNs with depthwise layers: [[depthwise]] | the same | the engine has no such kernels |
# | quantization-aware training | static loses too much: [[qat_cnn]] | training data, hours | a cheaper remedy was not tried |
# | weights only | weights wait to be read: [[weight_only]] | a kernel | arithmetic is the longer part |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Ask for a network from the room's own work and send it through the table, aloud. If nobody has one, take a Transformer of narrow layers: it uses its inputs seldom, so it is no case for the row *dynamic*, whatever its name says. Ask what the table leaves out: large channels in trained Transformers, which our random BERT cannot show. One range for all channels then costs more, so measure the accuracy on this way out, too.

# %% [markdown] slideshow={"slide_type": "skip"}
# Others publish the same choice by names, PyTorch's post of 2020 (section 6) in a table, and the guide of ONNX Runtime in a sentence: dynamic for RNNs and Transformers, static for CNNs ([guide](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)). The names can be wrong: a Transformer of narrow layers uses its inputs seldom.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. The headline table
#
# A post of [2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) gives 1.86 for BERT and 2.08 for ResNet-50 (Xeon), and 5.7 for MobileNet-v2 (phone).
#
# **Predict.** Does MobileNet-v2 gain most of the three on one and the same processor, too? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. Read what the post says beside the phone's times: "Floating point numbers are based on Caffe2 run-time and are not optimized". Then ask: "How much of the 5.7 is int8?" Nobody can say; the runtime and the number of bits changed together. After the table compare within one column and one processor: over eager fp32 ResNet-50 gains most on both. Over the best fp32 MobileNet-v2 gains least on the AMD processor, and about as little as BERT on the Intel one. "Why so little?" Its int8 layers stay far behind the peak (section 4). Ask: "Which of these numbers would you put into a headline, and which words with it?" A good one has all its words: "ResNet-50 in static int8 is 3.4 times as fast as PyTorch's best fp32, one image, one thread, on an AMD EPYC with VNNI." The table is a record, made beforehand, since compiled routes take minutes. If somebody says that int8 needs the newest instructions: the Xeon of the post, as far as we know, lacks VNNI (one instruction for what otherwise takes three), and gained 1.86 and 2.08.

# %% [markdown] slideshow={"slide_type": "skip"}
# | published | fp32, ms | int8, ms | quotient | accuracy | measured on |
# |---|---|---|---|---|---|
# | BERT, dynamic | 581 | 313 | 1.86 | F1 .902 → .895 | Xeon-D2191, 1.6 GHz, one thread |
# | ResNet-50, static | 214 | 103 | 2.08 | top-1 76.1 → 75.9 | the same |
# | MobileNet-v2, static; accuracy by QAT | 97 | 17 | 5.7 | top-1 71.9 → 71.6 | Samsung S9, a phone |
#
# None of this was measured here. (The quotients are ours.) The source notes beside the phone's times: "Floating point numbers are based on Caffe2 run-time and are not optimized". So two things changed between 97 and 17 ms, the runtime and the number of bits, and the source does not say what each of them brought.
#
# Our own numbers come from *records*, one for each processor. Compiled routes take minutes and a C++ compiler, and other runtimes take packages, so they were measured beforehand, by `python course.py bench quantization --peers`: all routes of a network in turn, one input, one thread.
#
# The table's last column names PyTorch's fastest route in float, the baseline of the column before it: *packed* arranges the weights of linear layers beforehand ([[dynamic]]), *compiled and frozen* is `torch.compile`, PyTorch's compiler, with the weights as constants, *traced* is that of section 1. In the first column *onednn* is an engine of PyTorch, and *sums fused* means that a convolution computes the sum at the shortcut behind it, too.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what was published and what was recorded; counts the records, compares section 1 with them, and writes rows of the ledger.
fastest = show.fastest(records)
agreed = show.agrees_with_the_record(first, records, here)
recorded = show.recorded_facts(records)
show.into_the_ledger(records, here, total)
show.headline(records)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No: over eager fp32 ResNet-50 gains most on both processors (4.9, 5.7; MobileNet-v2: 4.3, 4.8).**
#
# <!-- page -->
#
# Compare the networks within one column and one processor. Over PyTorch's best fp32 MobileNet-v2 gains least on the AMD processor, and about as little as BERT on the Intel one. That fits section 4: its int8 layers stay far behind the peak. (Over the fastest fp32 of any runtime in the same record it is 1.7 and 1.6 times.) A number without its baseline, its processor and its number of threads (here one) says little.
#
# Do not compare the two processors by this table, because the Intel record has faster routes that the other one lacks (*Deeper*).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same networks in other runtimes
#
# **Predict.** A **runtime** is the program that runs a network. Split its factor as in section 1: its *fp32* over eager fp32, times its *int8* on top. In which network does ONNX Runtime's fp32 bring as much as its 8 bits, or more? And why?

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 7. The next two minutes, about what other runtimes bring, can wait.*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Point at "3.6 ≈ 1.6 · 2.2" on the board: the same split, for another runtime. Vote. Read the answer off panel by panel: is the way from the line at 1 to the grey mark as long as that from the grey to the blue one of the same runtime? (Equal factors are equally long.) For ONNX Runtime on the AMD processor it is 3.2 = 1.2 · 2.7 for BERT, 5.2 = 1.5 · 3.5 for ResNet-50, and 5.5 = 2.4 · 2.3 for MobileNet-v2. On the Intel one it is 2.3 = 1.0 · 2.4, 5.5 = 1.7 · 3.2 and 5.0 = 2.7 · 1.9. Then: compare a blue mark with the grey one of its own runtime, never with a grey one of another. "So what would you try first?" fp32 in a better program: it needs no data and loses no accuracy. Two processors are recorded; ask who will record a third one tonight.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the fastest recorded route of each runtime and kind.
show.by_runtime(records)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In MobileNet-v2 alone, on both processors. For the BERT shape and ResNet-50 the 8 bits bring more.**
#
# <!-- page -->
#
# By hand, for ONNX Runtime on the AMD processor: BERT 3.2 = 1.2 · 2.7, ResNet-50 5.2 = 1.5 · 3.5, MobileNet-v2 5.5 = 2.4 · 2.3. (Medians, so the products are right to a tenth.) A grey mark to the right of 1 is speed that int8 did not bring. The bf16 marks are half the bits without calibration ([[amp]]). On the Intel processor, which has no units for 16 bits, bf16 is slower than eager fp32. So a good first step is fp32 in a better program, PyTorch's own or another runtime: it loses no accuracy and needs no data. These are ratios of two processors and one thread, and the order of the runtimes is not the same on both.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 7. Ship it
#
# **ONNX** is a file format for networks ([onnx.ai](https://onnx.ai)), which runtimes without PyTorch read. To ship means: export, *check the outputs*, quantize there, *check the accuracy*, and time it.
#
# **Predict.** The trained SmallCNN goes that way. How far apart are its outputs before and after the export: **A** not at all, **B** by a hundred-thousandth or so, **C** by a hundredth? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. To those who said A: the export folds the batch norms into the weights, and floats round differently then. To C: outputs reach ten and more, and fp32 has about seven digits, so a hundredth would be a fault, such as pixels that were scaled twice. After the figure ask why there are two checks. If the exported file is wrong already, no accuracy of int8 tells where: outputs must agree after the export, and answers must stay after the quantization. And check with more than one batch size: an export records one path through the code. "What is *not* in the file?" Your code: scaling the pixels, and choosing the largest output.

# %% [markdown] slideshow={"slide_type": "skip"}
# The file that you hand over holds the graph (which operator follows which) and the weights. It does not hold your code: scaling the pixels, cutting the text into tokens and choosing the largest output stay your business, and they must be the same on both sides. A graph is recorded from one example, so whatever may differ later has to be declared. Without the line `dynamic_shapes` the file accepts batches of the size of the example and no others.


# %% slideshow={"slide_type": "skip"}
def export(model, x, path):
    """Write `model` as an ONNX file for any batch size."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.")  # PyTorch's own business
        batch = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
        torch.onnx.export(
            model, (x,), path, input_names=["x"], dynamo=True, external_data=False, verbose=False, **batch
        )


# %% [markdown] slideshow={"slide_type": "skip"}
# The file is quantized *there*, by the tools of the other runtime, from the float file. (A model that PyTorch has already quantized is not exported here, because its int8 kernels are PyTorch's own.) The recipe is the one of [[static]]: fold the batch norms, show some *training* images for the ranges, round the weights with a scale for each channel. The file then holds integers, scales and zero points, and whoever loads it needs the runtime and nothing else. Activations are stored without a sign; *Deeper* shows what a sign costs.


# %% slideshow={"slide_type": "skip"}
def ort_int8(source, path, x, activations="QUInt8"):
    """Quantize an ONNX file statically; weights are signed and have a scale a channel."""
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    folded, types = source.with_suffix(".folded"), {"activation_type": QuantType[activations]}
    if not folded.exists():
        quant_pre_process(source, folded)  # prepares the graph; the export has folded the batch norms
    types |= {"weight_type": QuantType.QInt8, "per_channel": True}
    quantize_static(folded, path, show.batches_of(x), **types)


# %% slideshow={"slide_type": "skip"}
cnn = checkpoints.load("small_cnn").requires_grad_(False)
images, labels = data.load("fashion_mnist", "test")
folder, shipped, gap = Path(tempfile.mkdtemp()), {}, None
try:
    export(cnn, images[:2], folder / "fp32.onnx")
    ort_int8(folder / "fp32.onnx", folder / "int8.onnx", data.load("fashion_mnist", n=256)[0])
    shipped = {"torch": cnn} | {kind: onnx_graph.session(folder / f"{kind}.onnx") for kind in ("fp32", "int8")}
except ImportError as error:
    print(f'{error.name} is not installed (pip install -c constraints.txt -e ".[deploy]"): recorded rows stand in.')
# %% slideshow={"slide_type": "skip"}
if shipped:
    accuracy, gap = show.try_shipped(shipped, images, labels, folder)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the three stations with accuracy, file and difference.
show.stations(gap)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The largest difference is about a hundred-thousandth (B): the export gives the same numbers up to the rounding of floats.** The int8 file gets about as many images right.
#
# <!-- page -->
#
# They are not exactly equal, because the export folds the batch norms into the weights (in a trial that alone moved them as far), and probably because the other runtime adds in another order. The outputs reach a size of ten and more, so this is the seventh digit, and fp32 has about seven. A hundredth would be a fault, such as pixels that were scaled twice.
#
# There are two checks because two things can go wrong. Comparing outputs is the check of the *export*, and it is sharp: every output must agree. Comparing accuracies is the check of the *quantization*, where outputs must differ, and the question is whether the answers stay. The factor of *ONNX Runtime fp32* in the caption is the runtime's own.
#
# Two more checks cost a minute. Run the file with a *second* batch size, because the graph was recorded from one example. And count how many layers compute in int8 in the graph as it runs: a layer that silently stayed float gives the right answers and no speed (*Deeper* has such a file).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Paid for each number, or for each call?
# ★★★ · 12 minutes · an investigation
#
# An instrument, `ms(way, batch=b, seed=k)`, gives the milliseconds of a network in int8 `"throughout"` or with `"round trips"`, for 1, 2 or 4 images.
#
# The *extra* is what the round trips take more than throughout. From 1 to 4 images it grows by some milliseconds an image; what does not grow is paid once a call.
#
# `what_is_paid(ms)` → `"cheap"`, `"per number"` or `"per call"`
#
# <!-- page -->
#
# It is `"cheap"` if the extra at one image is below a tenth of throughout; else `"per number"` if more than half of that extra grows with the images; otherwise `"per call"`. Run both ways with 1 and with 4 images, with at least five seeds. Other programs can only make a run slower, so what counts is the *least* time of each way at each batch.
#
# <details><summary>Hint</summary>
# First get the four least times, then two extras. Their difference belongs to three images, so a third of it belongs to one.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# Section 4 measured that round trips cost time, and a profile said where. But suppose that you have no profile, only a clock. What is paid for each *number* (rounding it, converting it back, adding in float, moving four bytes in place of one) and what is paid for each *call* of an operator, however small its tensors are? The remedies differ. What is paid per call becomes small with a larger batch, or in a compiled program. What is paid per number stays, and only fewer conversions help: static int8 throughout.
#
# **By hand.** Throughout takes 4 ms for one image and 13 for four, and the round trips take 6 and 18. The extra is 2 ms at one image and 5 at four. It grows by (5 − 2) / 3 = 1 ms an image. So at one image 1 ms is paid per number and 1 ms per call: just half. (The worlds of the check are not so close.)
#
# The check makes up several networks and machines. Their times come at once (up to 2,000 runs are allowed).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. The code is for home. Give them the four least times of the page: throughout 4 ms for one image and 13 for four, round trips 6 and 18. They find the extras, 2 and 5. Draw extra over images: the points (1, 2) and (4, 5), and the line through them back to zero images, which it meets at 1. Ask what its slope and its height at zero mean: 1 ms an image is paid per number, and 1 ms is paid once a call. So at one image it is just half, and the card would say "per call", for half is not *more* than half. Then: "Which of the two does a larger batch make harmless?" What is paid per call, for it is shared by all images. "And why the least of five seeds?" Other programs can only make a run slower.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_is_paid(ms):
    """Say what the round trips cost: "cheap", "per number" or "per call".

    Args:
        ms: the instrument; `ms("round trips", batch=4, seed=3)` gives milliseconds.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_is_paid(what_is_paid)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_is_paid_solution(ms):
    least = {}
    for way in ("throughout", "round trips"):
        for batch in (1, 4):
            least[way, batch] = min(ms(way, batch=batch, seed=seed) for seed in range(5))
    one, four = (least["round trips", batch] - least["throughout", batch] for batch in (1, 4))
    if one < least["throughout", 1] / 10:
        return "cheap"
    return "per number" if (four - one) / 3 > one / 2 else "per call"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on this machine
#
# MobileNet-v2 with one and with four images, in a trace and called from Python.
#
# **Predict.** In the trace there is no Python between the operators, but there are 104 more conversions to be called. Is most of the extra paid per call there, or per number? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; expect "per call", for 104 more calls sound like much. After the table: "What would a larger batch save here?" In the trace nothing: the extra of four images is even more than four times that of one. "And what helps?" Fewer conversions. Compare the rows in the first column: what the lower one has more is Python's, and a trace saves that. Somebody will ask how a price below 0 can be paid. It cannot: the straight line of the card goes through a curve that bends upwards, and begins too low (*Deeper*). So trust the first two columns.

# %% slideshow={"slide_type": "skip"}
extras = show.batches(nets, runs, mobile.example)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the extra of the round trips, taken apart.
show.extras_table(extras)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the trace most of the extra is paid per number, because it grows with the images.** Called from Python, the extra at one image is about twice as large.
#
# <!-- page -->
#
# The first of these sentences agrees with the profile of section 4. Both rows compute the same on the same image. What the lower row has more is Python's, and the reading of scales, which are constants in the trace: one to four milliseconds in our runs for 159 more modules (three around each of 53 layers), which is six to twenty-five microseconds for each. A trace saves that. What helps in both is fewer conversions.
#
# But in most of our runs the last column shows less than that, and in the trace it is often below 0, because the card draws a straight line, and the extra grows faster than the number of images (*Deeper*). So the first column is the better control. In the worlds of the exercise the line is straight.
#
# Where does it come out otherwise? In a network of many narrow layers, called from Python: there the price of a call is most of what int8 costs ([[dynamic]], section 3).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Exercise 2 · Choose, and say why
# ★★ · 6 minutes
#
# Write `choose(case)`. A case has `kind`, `int8_kernels` (has the device any that beat fp32?), `int8_ms` (its int8 layers, measured), `convert_ms` (conversions if each layer takes
# float, measured), `drop_pp` (accuracy that static int8 *still* costs with the cheaper remedies, in points). All these cases run in a runtime that has good dynamic kernels for their layers, convolutions too, and there dynamic int8 was measured to lose less than a point; so the card need not ask. (PyTorch is no such runtime: section 5.) Return method and reason, the first line that fits:
#
# | if | method | reason |
# |---|---|---|
# | no int8 kernels | `"float"` | `"no kernels"` |
# | conversions at most a quarter of the int8 layers | `"dynamic"` | `"conversions are cheap"` |
# | static costs more than 1 point | `"qat"` | `"static loses accuracy"` |
# | else | `"static"` | `"conversions are expensive"` |
#
# The quarter is the price of section 5, agreed upon beforehand. The check begins with six cases: `check.CASES` shows them.
#
# <details><summary>Hint</summary>
# Do not look at kind: a name decides nothing. "At most" includes equal, "more than" does not.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def choose(case):
    """Method and reason for a case.

    >>> choose({"kind": "CNN", "int8_kernels": True, "int8_ms": 9.0, "convert_ms": 20.0, "drop_pp": 0.0})
    ('static', 'conversions are expensive')
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.choose(choose)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def choose_solution(case):
    if not case["int8_kernels"]:
        return "float", "no kernels"
    if case["convert_ms"] <= case["int8_ms"] / 4:
        return "dynamic", "conversions are cheap"
    if case["drop_pp"] > 1:
        return "qat", "static loses accuracy"
    return "static", "conversions are expensive"


# %% [markdown] slideshow={"slide_type": "skip"}
# ### On paper: how much of it is int8?
#
# **On paper, 5 minutes.** A colleague reports: "MobileNet-v2 in int8 with ONNX Runtime is 5.5 times faster on our AMD server, so we shall quantize everything." From this page alone: how much of the 5.5 did int8 bring? For which of the three recorded networks would you expect the *smallest* gain of int8 itself, and from which count? Which three numbers do you ask the colleague for?
#
# <details><summary>One answer</summary>
# Int8 itself brought 2.3 of it, because 5.5 = 2.4 · 2.3, and the 2.4 is the runtime's fp32. The smallest gain is to be expected of MobileNet-v2 itself: its layers use an input 44 times on average, where those the peak was found with use one a thousand times, and they run far from the peak. Ask for the time of fp32 in the same runtime, for the processor with its number of threads, and for how many of the 52 convolutions ran in int8.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A line through a curve
#
# Why is the price of a call sometimes below 0 in the table of exercise 1? The card draws a straight line through one and four images. In truth the extra grows *faster* than the number of images here, probably because the float tensors of several images no longer fit into the caches: in two trials with the traced networks it was 11 and 21 times that of one image with 8 images, and 37 and 61 times with 16. A line through two points of a curve that bends upwards begins too low.
#
# ### Which layers stay behind the peak?
#
# By the profile the int8 layers of MobileNet-v2 take about four times their bound in the run on this page, and about three times in earlier runs. Here the profile says too much: by the clock the whole call, layers and all the rest, takes 3.1 times the bound of its layers (exercise 3). The profile of section 4 tells the kinds of layers apart.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the layers of MobileNet-v2 by kind: bound and time in place.
kinds_shown, over_bound = show.kinds_table(mobile.model, mobile.example, operators["int8 throughout"], layer_s)
kinds_shown

# %% [markdown] slideshow={"slide_type": "skip"}
# The depthwise convolutions have a small part of the MACs and a much larger part of the time. The peak was found with layers that use an input a thousand times or more (1,024 outputs, or a convolution of 3 by 3 with 256 channels). A depthwise convolution uses an input nine times, so probably it spends most of its time on other things than multiplying.
#
# But the layers of 1 by 1 miss the bound as well. In the run on this page the layers of 1 by 1 took 3.07 ms with a bound of 0.99 ms, and the depthwise layers took 2.60 ms with a bound of 0.42 ms. Subtract the bound from the time: the layers of 1 by 1 were 2.08 ms too slow, and the depthwise layers 2.18 ms. So the depthwise layers, though they miss the bound by the larger factor, are no more than about half of the story. Many layers of this network are small, and the call of an operator has a price of its own ([[dynamic]]), so this is a candidate that we did not test.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Predict the gain
# ★★★ · 12 minutes
#
# Write `predicted_gain`: by the roofline, how many times faster is a network in static int8 than in fp32? `layers` lists
# (MACs, weights, values) of each layer; *values* are its inputs and outputs together. A MAC is two operations. In fp32 every number takes 4 bytes, in int8
# one. A layer takes the longer of its arithmetic and its bytes; layers run one after the other.
#
# `predicted_gain(layers, peak_fp32, peak_int8, bandwidth)` → a number; peaks in operations a second, bandwidth in bytes a second
#
# <details><summary>Hint</summary>
# Write a helper for the seconds of all layers, given a peak and the bytes of a number. Take the maximum for each layer, then the sum.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def predicted_gain(layers, peak_fp32, peak_int8, bandwidth):
    """How many times faster static int8 can be, by the roofline.

    >>> predicted_gain([(0, 100, 0)], 1.0, 4.0, 1.0)  # no arithmetic: a quarter of the bytes
    4.0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.predicted_gain(predicted_gain)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def predicted_gain_solution(layers, peak_fp32, peak_int8, bandwidth):
    def seconds(peak, bytes_each):
        return sum(
            max(2 * macs / peak, bytes_each * (weights + values) / bandwidth) for macs, weights, values in layers
        )

    return seconds(peak_fp32, 4) / seconds(peak_int8, 1)


# %% [markdown] slideshow={"slide_type": "skip"}
# What does this estimate say for MobileNet-v2, and what came? The next cell divides the same way, with the peaks of section 3.

# %% slideshow={"slide_type": "skip"}
slow = sum(layer_s(row[0], sum(row[1:]), "fp32") for row in layers["MobileNet-v2"])
fast = sum(layer_s(row[0], sum(row[1:])) for row in layers["MobileNet-v2"])
print(f"predicted {slow / fast:.1f} times, measured {whole['fp32'] / whole['int8 throughout']:.1f} times")
print(
    f"over its bound: fp32 {whole['fp32'] / slow / 1e3:.1f} times, int8 {whole['int8 throughout'] / fast / 1e3:.1f} times"
)

# %% [markdown] slideshow={"slide_type": "skip"}
# This estimate is too high, too, and for the same reason. A quotient of two lower bounds is no bound at all: it is right only if both networks miss their bounds by the same factor, and by the second line the int8 network misses its own by more.
#
# ### Why are convolutions not quantized dynamically?
#
# PyTorch has a dynamic convolution. It is off the default list, and warns of "poor numerical accuracy" ([[audit]]). How poor, and is it fast at least?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
with legacy_int8.quiet():
    dynamic_cnn = show.in_a_trace(ways.dynamic_convolutions(mobile), mobile.example)
pair = show.least_ms({"fp32": calls["fp32"], "dynamic": lambda: dynamic_cnn(mobile.example)}, rounds=8)
dynamic_cosine = compare.cosine(dynamic_cnn(mobile.example), calls["fp32"]())
print(
    f"{pair['fp32'] / pair['dynamic']:.2f} times as fast as fp32; cosine {dynamic_cosine:.2f}, two images {other_image:.2f}"
)

# %% [markdown] slideshow={"slide_type": "skip"}
# It is slower than fp32. And its output is further from that of fp32 than the output for *another image* is. (Its ReLU is a layer of its own, as the dynamic convolution has none in it.) A convolution of 1 by 1 is a linear layer at each pixel, so we can compare the two. One set of weights goes into both, dynamic, and both see the same inputs, from 0 to 1. Then the weights become 20 times as large.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
runtime.seed_all(0)
pixels, weight, found = torch.rand(64, 8), torch.randn(8, 8) / 3, {}
for factor in (1, 20):
    linear, conv = nn.Linear(8, 8, bias=False), nn.Conv2d(8, 8, 1, bias=False)
    linear.weight.copy_(factor * weight)
    conv.weight.copy_(factor * weight[:, :, None, None])
    by_linear = ways.dynamic(nn.Sequential(linear))(pixels)
    by_conv = ways.dynamic(nn.Sequential(conv))(pixels[:, :, None, None])
    found[f"weights × {factor}"] = linear(pixels), by_linear, by_conv
show.spans_table(found, pixels)

# %% [markdown] slideshow={"slide_type": "skip"}
# The linear layer follows its weights. The outputs of the convolution stay on the grid of its *inputs*: negative ones become 0, and large ones stop where that grid ends. (With the engines for x86 the grid has 256 levels, and the step is 1/127 of the largest input, so it ends near 2.) By its [source](https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/quantized/cpu/qconv_dynamic.cpp) it calls the engine's static kernel after a search, between two conversions. So there is a dynamic convolution, and it cannot be recommended, for a reason that no roofline shows.
#
# ### Activations with a sign
#
# An activation is stored without a sign (**U8**; its zero point makes room for negative values) or with one (**S8**), which is the static default of ONNX Runtime: "S8S8 with QDQ is the default setting and balances performance and accuracy. It should be the first choice."
# ([guide](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html); QDQ is a pair of operators, quantize and dequantize, around each layer of the graph.) Weights are signed in both, so the two are called U8S8 and S8S8. MobileNet-v2 once as U8S8, once as S8S8, and S8S8 with its ten sums cut out, as a control: how many of the 52 convolutions compute in int8, on x86? (PyTorch's older exporter writes this file: it is deprecated, and takes a second in place of ten. With the newer one the counts are the same, but for two conversions.)

# %% slideshow={"slide_type": "skip"}
variants = {"U8S8": ("full", "QUInt8"), "S8S8": ("full", "QInt8"), "S8S8, no sums": ("cut", "QInt8")}
graphs = {}
if shipped:
    show.export_by_the_older(mobile.model, mobile.calibration[:2], folder / "full.onnx")
    onnx_graph.without_sums(folder / "full.onnx", folder / "cut.onnx")
    sessions = {"fp32": onnx_graph.session(folder / "full.onnx")}

# %% slideshow={"slide_type": "skip"}
if shipped:
    for name, (source, activations) in variants.items():
        path = folder / f"{name}.onnx"
        ort_int8(folder / f"{source}.onnx", path, mobile.calibration[:2], activations)
        sessions[name], graphs[name] = onnx_graph.session(path), onnx_graph.as_run(path)
    timed = {name: lambda run=run: run(mobile.example) for name, run in sessions.items()}
    signed, peers = graphs, timing.compare(timed, rounds=3, device="cpu")

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the graphs as they run, and the recorded speeds.
show.signed_table(graphs, peers if graphs else None, records, here)

# %% [markdown] slideshow={"slide_type": "skip"}
# On x86 all convolutions compute in int8 as U8S8, most of them as S8S8, and all of them again when the sums are cut out. The kernels for x86 multiply unsigned by signed bytes, so the runtime rewrites S8 to U8, but by its [source](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/optimizer/qdq_transformer/qdq_s8_to_u8.cc) only where a quantized tensor has *one* reader. At a shortcut there are two. So convolutions that read or write such a tensor, and the sums, run in float. The outputs do not show it, because float computes them as well, and an S8S8 model may pass every test of accuracy. The count in the graph as it runs is what tells.
#
# ### The records, and torch's distance to the others
#
# A *peer* is another runtime on the same processor. Is dynamic int8 the fastest way for every Transformer? Perhaps not: OpenVINO's int8, which is static, is ahead for BERT in both records, on the AMD processor (4.4 times eager fp32; PyTorch's two dynamic ways, traced and compiled, 3.8 both) by more than on the Intel one (3.2; PyTorch's dynamic way 3.1). But the runtime differs as well, and on the AMD processor OpenVINO's fp32 is ahead, too. The Intel record has a static way in PyTorch, compiled: 3.1, where the dynamic one compiled alike has 2.9.
#
# Why should the two processors not be compared by the table of section 6? The Intel record is newer and has routes that the other one lacks, and these won: with the engine `x86`, as in section 1, MobileNet-v2 gains 3.7 times on that processor, and with `onednn` 4.8 times. (`x86` leaves the depthwise convolutions with more than 100 groups to another engine, [[depthwise]], so that is probably the reason.) By such a route PyTorch is level with OpenVINO there for MobileNet-v2 in int8, and on the AMD processor it is the last of the three.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes PyTorch's best int8 beside the best of the other runtimes.
int8_record.gap_table(records)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Routes and devices
#
# A method is worth nothing where its operators do not exist. You may read that quantized models "only run on CPU": most that `torch.ao.quantization` converts do.
#
# | route | runs on | quantizes | try it |
# |---|---|---|---|
# | `torch.ao`, eager | x86; ARM by `qnnpack` | linear, LSTM, GRU, embedding, convolution | where it works already: deprecated |
# | torchao `quantize_` | x86, ARM and GPUs, by format ([[torchao]]) | linear by default, more by a filter | for Transformers and GPUs |
# | PT2E, compiled | x86, ARM, Intel's GPUs | linear, convolution | on a server with Python, or packaged |
# | PT2E, ExecuTorch | phones, ARM and x86: XNNPACK | linear, convolution | on a phone |
# | ONNX Runtime | x86, ARM; NVIDIA by TensorRT, S8S8 | linear, convolution, LSTM, Gather | without PyTorch; on x86 U8S8 |
# | OpenVINO | x86, ARM, Intel's GPUs | linear, convolution, embedding | without PyTorch |
# | fp32 there; bf16 where it has kernels | all of these | – | first: no calibration, part of the gain |
#
# The table is from the projects' documentation: torchao on [PT2E](https://docs.pytorch.org/ao/stable/pt2e_quantization/index.html), ExecuTorch on [XNNPACK](https://docs.pytorch.org/executorch/stable/backends-xnnpack.html), the [guide](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html) of ONNX Runtime, OpenVINO on its [CPU device](https://docs.openvino.ai/2024/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device.html). Lists of layers change from release to release, so look up the cell that you need. We measured x86 only.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures that this run can check, beside their source. Speed depends on the machine: a claim about speed may fail on yours; the table then names what may be the cause.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("choosing")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A speed-up has two baselines, eager and the best fp32, and belongs to one processor, one runtime and one number of threads.
# - The more often an input is used, the less its conversion weighs. Estimate to put networks in order, and measure where a decision hangs on the number: a lower bound as a divisor makes a share too large.
# - Dynamic where a kernel exists, conversions weigh little and the accuracy stays; else static, with a scale a channel; training where that still loses too much. The line between them is your price for calibrating.
# - Ship a file that you have checked: the outputs after the export, the accuracy after the quantization, the graph as it runs, the time on the device.
#
# **Recommended video** (it helps, and does not replace the lesson): Chris Gottbrath, *Deep Dive on PyTorch Quantization*,
# [youtube.com/watch?v=c3MT2qV5f9w](https://www.youtube.com/watch?v=c3MT2qV5f9w).
#
# **Going further**: H. Wu et al., *Integer quantization for deep learning inference: principles and empirical evaluation*, 2020,
# [arXiv:2004.09602](https://arxiv.org/abs/2004.09602); S. Williams, A. Waterman, D. Patterson, *Roofline*, 2009, [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785);
# D. Bailey, *Twelve ways to fool the masses when giving performance results on parallel computers*, 1991.
#
# **Project ideas**: run the bench on your own processor and add its record; add a row for TensorRT or ExecuTorch; make the ladder of section 4 for ResNet-50, and find out what its conversions cost beside the rounding.
#
# **Credits**: the published table is from *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; the lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* A last question: "A colleague reports 5 times. What do you ask?" Baseline, runtime, processor with its number of threads, and how many layers run in int8. The bars are the two files of section 7.
