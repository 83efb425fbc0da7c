# ---
# jupyter:
#   course:
#     promise: You will quantize an LSTM and a Transformer in one line each, and prove what became int8 and what did not.
#     minutes: 60
#     seconds: 115
#     needs: [measuring, energy, integers]
#     goals:
#       - Quantize a model dynamically in one line, with the old interface and with the current one.
#       - Audit a model, and say which modules run in int8, which stayed float, and why.
#       - Measure accuracy, file, load time and speed, against the usual fp32 and against a better one.
#       - Say beforehand when dynamic quantization does not pay.
#     terms: [audit, cosine, dynamic quantization, eager, packed weights, weight-only quantization]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *One line of code, a smaller and faster model. What did the line really do?*
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
# *For the lecturer.* Ask: "Who has quantized a model with one line? How did you know that it worked?" Most will say: the file got smaller.
# Keep that answer. Section 3 shows models where the line did nothing at all, without a word.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy
import inspect
import pathlib
import statistics
import tempfile
import time
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.int8_routes import networks, packed
from course_utils.int8_routes.record import recorded
from course_utils.measure import energy, int8_audit, ranking, timing
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.dynamic import checks as check

legacy_int8.ignore_deprecations()  # section 7 shows the first of them, and says what follows
card = claims.Scorecard("dynamic")
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement; training takes more
device = runtime.best_device()  # for training; the int8 modules of this lesson are measured on the CPU
cpu = torch.device("cpu")
print(f"int8 engine: {torch.backends.quantized.engine}; training on {device.type}, measurements on:")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]
# ## 1. One line, one large model
#
# The model has the shape of BERT-base ([Devlin et al., 2019](https://arxiv.org/abs/1810.04805)): 12 Transformer layers,
# 768 wide, 12 heads. Its weights are random: neither its speed nor its size depends on them. It reads a text of 128 tokens.
#
# One line makes it an int8 model. **Eager** means: operation by operation, as PyTorch runs by default.
#
# **Predict.** How much faster than eager fp32 does it answer? **A** not at all **B** 1 to 2 times **C** more than 2 times.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "lecture"]
from torch.ao.quantization import quantize_dynamic

network = networks.bert()
bert, ids = network.model, network.example  # ids: one text, (batch, tokens)

bert_int8 = quantize_dynamic(bert, {nn.Linear}, dtype=torch.qint8)  # the line

first = timing.compare({"fp32": lambda: bert(ids), "int8": lambda: bert_int8(ids)}, rounds=3, device=cpu)
print(f"int8 answers {first.ratio('int8'):.1f} times as fast as eager fp32")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["lecture"]
# **What you saw.** No training, no data, no change of the model's code. The blog post that made this line known reports a
# factor that it calls 1.8 ([PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/)).

# %% [markdown] slideshow={"slide_type": "skip"}
# Your factor depends on the processor. One with instructions for int8 products (VNNI or AMX on x86, dot-product
# instructions on ARM) gains most. Near or below 1, it lacks them, or PyTorch's engine does not use them. It also
# depends on how good the *baseline* is, and section 5 will not let this number stand alone.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer.* Vote, then run. If nobody asks "compared with what?", ask it yourself, and promise section 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. What the line did
#
# **Dynamic quantization** treats a linear layer's two inputs differently.
#
# | | when | how |
# |---|---|---|
# | weights | ahead of time, once | rounded to int8 with a fixed scale, and **packed**: arranged for the fast kernel |
# | activations | on the fly, at every call | the range of *this* call gives scale and zero point ([[integers]]) |
# | product | at every call | int8 × int8, added in int32 |
# | result | at every call | converted back, *stored in float* for the next module |
#
# So no data is needed beforehand. The price is a search for the range and two conversions, at every call.
#
# **Predict.** A layer gets an input, then ten times that input. Which changes: the scale or the zero point?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Every call has its own scale


# %% slideshow={"slide_type": "-"}
def on_the_fly(x, levels=255):
    """Scale and zero point for the range of one call; the range always contains 0."""
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / levels
    return scale, torch.round(-low / scale)


x = torch.randn(5, 64) + 0.5
calls = {"x": x, "10 x": 10 * x, "x + 2": x + 2, "|x|": x.abs()}
Table(
    ["input of the call", "lowest", "highest", "scale", "zero point"],
    [
        [name, f"{v.min():.2f}", f"{v.max():.2f}", f"{s:.4f}", int(z)]
        for name, v in calls.items()
        for s, z in [on_the_fly(v)]
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Ten times the input: ten times the scale, the same zero point. A shift moves it.

# %% [markdown] slideshow={"slide_type": "skip"}
# A fixed range would have to fit all four calls, and would waste most of its steps on some of them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### By hand, and the same numbers as PyTorch?
#
# Take the int8 weights out of a quantized layer, quantize the input on the fly, multiply integers, convert back.
#
# **Predict.** Does the result equal PyTorch's, with 255 steps for the input? It has 8 bits, after all.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
layer = nn.Sequential(nn.Linear(64, 32)).requires_grad_(False)
layer_int8 = quantize_dynamic(layer)[0]
weight, bias = layer_int8.weight(), layer_int8.bias()  # int8 with one scale, and float


def layer_by_hand(x, levels):
    """The layer's result in integers, with `levels` steps for the range of `x`."""
    scale, zero_point = on_the_fly(x, levels)
    q = (torch.round(x / scale) + zero_point).clamp(0, levels)
    sums = (q - zero_point).int() @ weight.int_repr().int().T  # int32
    return sums * (scale * weight.q_scale()) + bias


gaps = {levels: (layer_by_hand(x, levels) - layer_int8(x)).abs().max().item() for levels in (127, 255)}
card.record("by-hand", min(gaps.values()) / layer_int8(x).abs().max().item())

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(["steps for the input", "largest difference to PyTorch's layer"], [[n, f"{gap:.1e}"] for n, gap in gaps.items()])

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** One of the two agrees up to the rounding of floats. On x86 it is 127: PyTorch uses only *7 bits* of the
# activation there. On an ARM processor (engine `qnnpack`) it is 255.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why 7 bits? Older x86 processors add two neighbouring products in 16 bits. $2 \cdot 255 \cdot 127 = 64{,}770$ does not fit below
# $2^{15} = 32{,}768$, but $2 \cdot 127 \cdot 127 = 32{,}258$ does. PyTorch calls it `reduce_range` and keeps it on newer processors too. It
# costs one bit of precision. An **engine** is the library that PyTorch calls for int8 (`torch.backends.quantized.engine`).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. Which modules became int8? The audit
#
# `quantize_dynamic(model, {nn.Linear})` replaces the modules of the listed types. Without a set it takes its own default.
#
# **Predict.** Which of these does the default replace: `Linear`, `LSTM`, `GRU`, `RNN`, `LSTMCell`, `Conv2d`, `Embedding`,
# `MultiheadAttention`? And what happens if you list `nn.Conv2d`: **A** int8 convolution **B** an error **C** nothing?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
class Zoo(nn.Module):
    """One module of each kind; it is looked at, never run."""

    def __init__(self):
        super().__init__()
        self.linear, self.conv, self.embedding = nn.Linear(64, 64), nn.Conv2d(4, 4, 3), nn.Embedding(64, 64)
        self.lstm, self.gru, self.rnn, self.cell = (kind(64, 64) for kind in (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell))
        self.attention = nn.MultiheadAttention(64, 4)


def runs_in(model, *example):
    """{module: type that it computes in}, by the audit of the course."""
    return {row.name: row.runs_in for row in int8_audit.audit(model, *example).rows}


old = {
    "float": Zoo(),
    "no set": quantize_dynamic(Zoo()),
    "{Linear}": quantize_dynamic(Zoo(), {nn.Linear}),
    "{Conv2d}": quantize_dynamic(Zoo(), {nn.Conv2d}),
}
seen = {name: runs_in(model) for name, model in old.items()}

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The default knows linear and most recurrent layers

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(["module", *seen], [[name, *(seen[how].get(name, "–") for how in seen)] for name in seen["float"]])

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** `RNN`, convolutions, embeddings and attention stayed float. For `Conv2d` the answer is **C**: no error, no
# warning, nothing. (Listing `nn.Embedding` does raise: it needs another kind of map.)

# %% [markdown] slideshow={"slide_type": "skip"}
# The **audit** (`int8_audit.audit`) reads what each module *is*. Given an example input it also runs the model and reads which kernels
# each module called. It gives a reason for every module that stayed float. Here is a model in which nothing changed.
# `MultiheadAttention` keeps the projections of query, key and value in one parameter of its own, and PyTorch names its last linear layer
# `NonDynamicallyQuantizableLinear`, so that nobody replaces it. The same holds for work done by functions: the two products
# inside attention are no modules, so no replacement sees them.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
int8_audit.audit(quantize_dynamic(Zoo(), {nn.Conv2d}))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A layer that stands alone comes back unchanged
#
# The line replaces *children* of a model. **Predict.** What of a model that is itself a `Linear` or an `LSTM`?

# %% slideshow={"slide_type": "-"} tags=["legacy"]
alone = {
    "nn.Linear(64, 64)": nn.Linear(64, 64),
    "nn.LSTM(64, 64)": nn.LSTM(64, 64),
    "nn.Sequential(nn.Linear(64, 64))": nn.Sequential(nn.Linear(64, 64)),
}
Table(
    ["model", "modules in int8 after the line"],
    [[name, int8_audit.audit(quantize_dynamic(model)).count("int8")] for name, model in alone.items()],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** A bare layer has no children, so it comes back as it was. The remedy is to put it into a `Sequential`.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### PyTorch's own Transformer layer
#
# `nn.TransformerEncoderLayer` holds a `MultiheadAttention` and two linear layers. Quantize it, put it into evaluation mode, run it.
#
# **Predict.** **A** All runs in int8. **B** Half of it does. **C** It crashes.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
torch_layer = nn.TransformerEncoderLayer(64, 4, batch_first=True).eval().requires_grad_(False)
half_done, tokens = quantize_dynamic(torch_layer, {nn.Linear}), torch.randn(1, 16, 64)
try:
    half_done(tokens)
except AttributeError as error:
    print("AttributeError:", error)

torch.backends.mha.set_fastpath_enabled(False)  # the switch
try:
    agree = F.cosine_similarity(half_done(tokens).flatten(), torch_layer(tokens).flatten(), dim=0)
    print(f"with the switch it runs; cosine with the float layer: {agree:.4f}")
    print(f"int8 modules: {int8_audit.audit(half_done, tokens).count('int8')}")
finally:
    torch.backends.mha.set_fastpath_enabled(True)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** C, then B. In evaluation mode the layer takes a *fast path*, one fused operation that wants the float weights
# as tensors. A quantized layer has a method in their place. With the switch it runs, and its attention is still float.

# %% [markdown] slideshow={"slide_type": "skip"}
# The **cosine** between two outputs is the usual measure of agreement: 1 means the same direction. For our own encoder we wrote the
# attention with plain `nn.Linear` modules (`course_utils/models.py`), so that the line sees all of them: query, key and value in one,
# the output projection, and two of the feed-forward half. That makes four in each of the twelve layers. The audit runs the
# model and counts.

# %% slideshow={"slide_type": "skip"}
bert_audit = int8_audit.audit(bert_int8, ids)
card.record("bert-linear-int8", bert_audit.count("int8", "Linear"))
Table(["what runs in", "modules"], [[kind, bert_audit.count(kind)] for kind in ("int8", "float32", "unknown")])

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* This is the section to remember. Ask after the bare layer: "How would you have noticed?" File size, time, or the audit.
# Not by an error. Exercise 3 is about that.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. An LSTM, trained here
#
# The model reads an image of Fashion-MNIST row by row: 28 steps of 28 pixels
# (LSTM: [Hochreiter, Schmidhuber, 1997](https://doi.org/10.1162/neco.1997.9.8.1735)). One pass over the 60,000 training images, the second
# half of it with a smaller learning rate. Then the one line, without a set.
#
# **Predict.** It has 128 hidden units. What does the line do to its accuracy, its file, and its speed for one image?

# %% slideshow={"slide_type": "skip"}
MEAN, STD = 0.286, 0.353  # of the training images' pixels; an LSTM learns faster on centred inputs


def train(model, inputs, labels, *, lr):
    """One pass over the data: the first half at `lr`, the second at a quarter of it."""
    half = len(inputs) // 2
    training.fit(model, inputs[:half], labels[:half], lr=lr, device=device)
    training.fit(model, inputs[half:], labels[half:], lr=lr / 4, device=device)
    return model.cpu().eval().requires_grad_(False)


images, labels = data.load("fashion_mnist")
test_images, test_labels = data.load("fashion_mnist", "test")
for pixels in (images, test_images):
    pixels.sub_(MEAN).div_(STD)
runtime.seed_all(0)
lstm = train(models.LSTMClassifier(), images, labels, lr=4e-3)

# %% [markdown] slideshow={"slide_type": "skip"}
# A file counts only after it was saved, loaded and tried. `reload` does that, and measures the time until a
# model that stands ready has taken the file in: that is what a program waits for when it switches models.


# %% slideshow={"slide_type": "skip"}
def reload(state, into, *, loads=5):
    """Save `state`, load it into the model `into`; (bytes of the file, median ms to load)."""
    with tempfile.TemporaryDirectory() as folder:
        path, taken_ms = pathlib.Path(folder) / "model.pt", []
        torch.save(state, path)
        for _ in range(loads):
            start = time.perf_counter()
            # A packed LSTM is not among the types that weights_only=True admits. We wrote this file ourselves.
            into.load_state_dict(torch.load(path, weights_only=False))
            taken_ms.append(1e3 * (time.perf_counter() - start))
        return path.stat().st_size, statistics.median(taken_ms)


def saved_bytes(state):
    """Size of a saved state_dict."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.pt"
        torch.save(state, path)
        return path.stat().st_size


def accuracy_of(model, inputs):
    """Accuracy on the test images, on the CPU."""
    return training.evaluate(model, inputs, test_labels, device=cpu)


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
lstm_int8 = quantize_dynamic(lstm)
lstm_reloaded = quantize_dynamic(models.LSTMClassifier())  # other random weights, until the file is loaded
lstm_files = {
    "fp32": reload(lstm.state_dict(), copy.deepcopy(lstm)),
    "int8": reload(lstm_int8.state_dict(), lstm_reloaded),
}
lstm_accuracy = {"fp32": accuracy_of(lstm, test_images), "int8": accuracy_of(lstm_reloaded, test_images)}
one = test_images[:1]
lstm_speed = timing.compare({"fp32": lambda: lstm(one), "int8": lambda: lstm_int8(one)}, device=cpu)
card.record("lstm-accuracy", 100 * lstm_accuracy["fp32"])
card.record("lstm-drop", 100 * (lstm_accuracy["fp32"] - lstm_accuracy["int8"]))
card.record("lstm-cosine", F.cosine_similarity(lstm(test_images), lstm_int8(test_images), dim=1).mean().item())
card.record("lstm-file", lstm_files["fp32"][0] / lstm_files["int8"][0])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The same accuracy, a smaller file, and…

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["LSTM, 128 units", "accuracy", "file", "times smaller", "speed-up, 1 image"],
    [
        [
            kind,
            f"{lstm_accuracy[kind]:.2%}",
            si(lstm_files[kind][0], "B"),
            f"{lstm_files['fp32'][0] / lstm_files[kind][0]:.2f}",
            f"{lstm_speed.ratio(kind):.2f}×",
        ]
        for kind in lstm_files
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Accuracy and file are as promised. The speed may not be: a value below 1 means that int8 is *slower*. In each
# of the 28 steps the module searches a range and converts, and the product itself is too small to win that back.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How wide must an LSTM be?
#
# Language models with LSTMs had a thousand units and more. Random weights will do: only the time is asked.
#
# **Predict.** At which width does int8 begin to win for one sequence?

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
rows = []
for width in (128, 256, 512, 1024):
    wide = models.LSTMClassifier(n_hidden=width).eval().requires_grad_(False)
    small = quantize_dynamic(wide)
    jobs = {"fp32": lambda m=wide: m(one), "int8": lambda m=small: m(one)}
    rows.append(
        [
            width,
            si(4 * sum(p.numel() for p in wide.parameters()), "B"),
            f"{timing.compare(jobs, rounds=5, device=cpu).ratio('int8'):.2f}×",
        ]
    )
Table(["hidden units", "fp32 weights", "speed-up of int8, 1 sequence"], rows)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The overhead of a step grows with the width, its work with the width *squared*. A wide LSTM also reads all its
# weights in each step, and 8-bit weights are a quarter of the bytes ([[energy]]).

# %% [markdown] slideshow={"slide_type": "skip"}
# The largest factors, above 4, are possible where the fp32 weights do not fit into a cache and the int8 ones do. If all your ratios are
# below 1, the engine of your processor has no fast kernel. If the first one is above 1, its overhead is smaller than on the
# machine where this was written.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let them predict three numbers, then show the table. Nobody expects the slow-down. Ask what would have to be true
# for int8 to win: more work for each conversion. Wider layers, or larger batches. Section 9 draws both.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. The large model: bytes
#
# An int8 weight takes one byte where fp32 takes four.
#
# **Predict.** By which factor does the file of the BERT-shaped encoder shrink? **A** 4.0 **B** 3.5 **C** 2.4.

# %% slideshow={"slide_type": "skip"}
linear_names = tuple(f"{name}." for name, module in bert.named_modules() if isinstance(module, nn.Linear))
rest = saved_bytes({key: value for key, value in bert.state_dict().items() if not key.startswith(linear_names)})
bert_files = {
    kind: reload(model.state_dict(), model, loads=2)  # into the model itself: twice 436 MB would be much
    for kind, model in (("fp32", bert), ("int8", bert_int8))
}
on_disk = {
    "embeddings, norms": {kind: rest for kind in bert_files},
    "linear layers": {kind: size - rest for kind, (size, _) in bert_files.items()},
    "whole file": {kind: size for kind, (size, _) in bert_files.items()},
}
smaller = {name: part["fp32"] / part["int8"] for name, part in on_disk.items()}
bert_cosine = F.cosine_similarity(bert(ids).flatten(), bert_int8(ids).flatten(), dim=0).item()
card.record("bert-file", smaller["whole file"])
card.record("bert-linear-file", smaller["linear layers"])
card.record("bert-cosine", bert_cosine)
print(f"cosine between the outputs of fp32 and int8: {bert_cosine:.5f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The linear layers shrink, the embeddings do not

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["on disk", "fp32", "int8", "times smaller"],
    [[name, *(si(size, "B") for size in part.values()), f"{smaller[name]:.2f}"] for name, part in on_disk.items()],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** C. The linear layers shrink nearly fourfold. The embeddings, a table with a row for each of 30,522 tokens, stay
# float and are now more than half of the file. What is not touched bounds the gain, for bytes as for time.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Faster than *what*?
#
# "Eager fp32" is how everybody runs a model. It is not the fastest fp32: it hands the weights to its library as they
# lie in memory, at every call. Some libraries are quicker if the weights were **packed** once. int8 was allowed to do that!
#
# **Predict.** How much of the speed-up is left over the better fp32: all of it, most, or none?


# %% slideshow={"slide_type": "skip"}
print(inspect.getsource(packed.PackedLinear))


# %% slideshow={"slide_type": "skip"}
def compare_baselines():
    """fp32 in two ways, bfloat16 where the processor multiplies it, and int8, in turn."""
    runs = {"fp32, eager": bert}
    if packed.can_pack():
        runs["fp32, packed"] = packed.pack(bert, ids.numel())
    if runtime.has_fast_bf16(cpu):
        runs["bfloat16, eager"] = copy.deepcopy(bert).bfloat16()
    runs["int8, dynamic"] = bert_int8
    return timing.compare({name: lambda m=m: m(ids) for name, m in runs.items()}, rounds=5, device=cpu)


baselines = compare_baselines()
best_fp32 = max(baselines.ratio(name) for name in baselines.samples if name.startswith("fp32"))
over_eager = baselines.ratio("int8, dynamic")
card.record("bert-speed", over_eager)
card.record("bert-over-best-fp32", over_eager / best_fp32)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two baselines, two speed-ups

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["BERT shape, 1 text", "times eager fp32", "times the best fp32 here"],
    [[name, f"{baselines.ratio(name):.2f}", f"{baselines.ratio(name) / best_fp32:.2f}"] for name in baselines.samples],
    caption="" if packed.can_pack() else packed.NOT_HERE,
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The second column is the honest one, and it depends on your processor's library. Say both whenever you
# publish a speed-up. (*bfloat16*, [[amp]], needs no quantization at all.)

# %% [markdown] slideshow={"slide_type": "skip"}
# If both columns agree, eager fp32 is already good on your machine. If they differ much, you have seen the commonest lie of this
# field: a speed-up over a slow baseline. Compiling makes fp32 faster still on some machines. That takes a C++ compiler, so
# the course shows it as a record, made by `python course.py bench quantization`. The table below shows the part about BERT. [[choosing]] has the whole of it.

# %% slideshow={"slide_type": "skip"}
record, rows = recorded()
kept = {row.variant: row for row in rows if (row.model, row.runtime, row.why) == ("BERT-base shape", "torch", None)}
same = {"fp32, packed": "fp32, packed", "int8, dynamic": "int8 dynamic, x86"}  # here, and in the record
ranking.reversed_pairs(  # stops a build whose timings contradict the record
    {same[name]: baselines.ratio(name) for name in same if name in baselines.samples},
    {variant: row.speedup_over_eager for variant, row in kept.items()},
)
shown = (
    "fp32, packed",
    "fp32, compiled and frozen",
    "bf16, compiled and frozen",
    "int8 dynamic, x86",
    "int8 torchao, compiled",
)
Table(
    ["recorded, BERT shape", "times eager fp32", "times torch's best fp32"],
    [
        [name, f"{kept[name].speedup_over_eager:.2f}", f"{kept[name].speedup_over_best_fp32:.2f}"]
        for name in shown
        if name in kept
    ],
    caption=f"{record['date']}, {record['cpu']}, one thread, torch {record['versions']['torch']}",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What was published
#
# | BERT-base, [PyTorch, 2020](https://pytorch.org/blog/introduction-to-quantization-on-pytorch/) | fp32 | int8, dynamic |
# |---|---|---|
# | latency (Xeon-D2191, 1.6 GHz) | 581 ms | 313 ms |
# | F1 score of the answers | .902 | .895 |
#
# The source calls it 1.8×. Its own milliseconds give 581 / 313 = 1.86. The F1 score is cited: a model with random weights
# has no accuracy, so ours says nothing about that. For an accuracy you can trust, train the model. Next section.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask for the two questions to put to any published speed-up: over which baseline, and with how many threads? The F1
# fell by seven thousandths. Whether that matters depends on the use.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. A Transformer, trained here
#
# A small encoder of the same kind: two layers, 64 wide. Its "words" are patches: each image is cut into 16 squares of 7 by 7 pixels, and a
# linear layer stands in place of the table of words
# (Transformers: [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)).
#
# **Predict.** How much accuracy does int8 cost: none, a tenth of a point, a point? And is it faster?


# %% slideshow={"slide_type": "skip"}
def patches(images, side=7):
    """(N, 1, 28, 28) images as (N, 16, 49) patches."""
    return F.unfold(images, side, stride=side).transpose(1, 2).contiguous()


runtime.seed_all(0)
vit = models.Encoder(n_layers=2, width=64, n_heads=4, n_tokens=1, max_steps=16, n_classes=10)
vit.tokens = nn.Linear(49, 64)  # patches in place of words
vit = train(vit, patches(images), labels, lr=2e-3)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
vit_int8 = quantize_dynamic(vit, {nn.Linear})
vit_reloaded = copy.deepcopy(vit_int8)
vit_files = {"fp32": reload(vit.state_dict(), copy.deepcopy(vit)), "int8": reload(vit_int8.state_dict(), vit_reloaded)}
test_patches = patches(test_images)
vit_accuracy = {"fp32": accuracy_of(vit, test_patches), "int8": accuracy_of(vit_reloaded, test_patches)}
vit_speed = timing.compare(
    {"fp32": lambda: vit(test_patches[:1]), "int8": lambda: vit_int8(test_patches[:1])}, device=cpu
)
card.record("transformer-drop", 100 * (vit_accuracy["fp32"] - vit_accuracy["int8"]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["Transformer, 64 wide", "accuracy", "file", "times smaller", "speed-up, 1 image"],
    [
        [
            kind,
            f"{vit_accuracy[kind]:.2%}",
            si(vit_files[kind][0], "B"),
            f"{vit_files['fp32'][0] / vit_files[kind][0]:.2f}",
            f"{vit_speed.ratio(kind):.2f}×",
        ]
        for kind in vit_files
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The accuracy stays within a few tenths of a point. The file shrinks less than fourfold: in so small a model
# the names and headers inside the file count too. Where your speed-up is below 1, layers of 64 by 64 are too small for it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. The current interface: torchao
#
# > **Marked box: which one to use.** `torch.ao.quantization`, with `quantize_dynamic`, is *deprecated*: it still works
# > here, it gets no more work, and it will go. Its successor is the package **torchao**. Learn to read the first, write new code with
# > the second. But measure: in eager mode on a CPU the old one often still has the faster kernels.
#
# `quantize_(model, config)` changes a model in place: it swaps the *weights* of linear layers, not the modules.
#
# - `Int8DynamicActivationInt8WeightConfig`: what you know, with a scale for each output channel and each input row
# - `Int8WeightOnlyConfig`: **weight-only** quantization. Weights are int8 in memory, converted at each call, computed in float.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    quantize_dynamic(nn.Sequential(nn.Linear(2, 2)))
for text in {f"{w.category.__name__}: {str(w.message).splitlines()[0][:100]}" for w in caught}:
    print(text)

# %% [markdown] slideshow={"slide_type": "skip"}
# These are the warnings that the setup cell filters, by their text. The version that the first one names for the removal is past. What
# a warning announces is a plan.
#
# **Predict.** Which modules of the zoo does torchao quantize? And what does it do with a bare `nn.Linear`?

# %% slideshow={"slide_type": "skip"}
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_


def with_torchao(model, config):
    """A copy of `model` whose linear weights torchao has replaced."""
    model = copy.deepcopy(model)
    quantize_(model, config)  # it changes the model in place
    return model


dynamic, weight_only = Int8DynamicActivationInt8WeightConfig(), Int8WeightOnlyConfig()
new = {"torchao, dynamic": dynamic, "torchao, weight-only": weight_only}
support = {"quantize_dynamic": seen["no set"]}
for name, config in new.items():
    rows = int8_audit.audit(with_torchao(Zoo(), config)).rows
    support[name] = {
        r.name: f"{r.runs_in}, from int8" if r.runs_in != "int8" and r.weight_bits == 8 else r.runs_in for r in rows
    }
print("a bare nn.Linear:", runs_in(with_torchao(nn.Linear(64, 64), dynamic)))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### torchao: linear layers, and nothing else

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(["computes in", *support], [[name, *(support[how].get(name, "–") for how in support)] for name in seen["float"]])

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** torchao takes linear layers only, the bare one too. For an LSTM on a CPU the old line is still the only one.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Old and new on the large model
#
# **Predict.** Rank them by speed, in eager mode: fp32, old int8, torchao dynamic, torchao weight-only.


# %% slideshow={"slide_type": "skip"}
def compare_interfaces():
    """(speed, cosines, files) of the encoder, quantized in three ways."""
    made = {"fp32": bert, "quantize_dynamic": bert_int8}
    made |= {name: with_torchao(bert, config) for name, config in new.items()}
    speed = timing.compare({name: lambda m=m: m(ids) for name, m in made.items()}, rounds=3, device=cpu)
    expected = bert(ids).flatten()
    cosines = {name: F.cosine_similarity(expected, m(ids).flatten(), dim=0).item() for name, m in made.items()}
    files = {name: reload(made[name].state_dict(), made[name], loads=2) for name in new}
    return speed, cosines, {"fp32": bert_files["fp32"], "quantize_dynamic": bert_files["int8"], **files}


interfaces, cosines, encoder_files = compare_interfaces()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["BERT shape", "times eager fp32", "cosine", "file"],
    [
        [name, f"{interfaces.ratio(name):.2f}", f"{cosines[name]:.5f}", si(encoder_files[name][0], "B")]
        for name in encoder_files
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The same file, and outputs at least as close: torchao has a scale for each channel and row, and all 8 bits. Weight-only
# still multiplies in float, so here it mainly saves memory.

# %% [markdown] slideshow={"slide_type": "skip"}
# torchao in eager mode runs several small operations for each layer, driven from Python. It is made to be *compiled*, which fuses
# them; the recorded table of section 5 shows what that brings. It also runs on GPUs, which the old line never did. For weight-only
# quantization the gain lies elsewhere: where one input at a time meets very large weights, reading a quarter of the bytes can pay,
# if the kernel converts them on the way.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* If somebody asks why the course teaches the old interface at all: it is in most code they will meet, it is the only one
# for LSTMs on a CPU, and in eager mode it was the fastest int8 here. Read the table aloud, with the date.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. The cheaper cousin: 16-bit files, and load time
#
# Store the weights in 16 bits, convert them back to fp32 while loading. Half the file, the same computation, no new kernels.
#
# **Predict.** What does it cost the LSTM in accuracy, in float16 and in bfloat16? And what does
# `quantize_dynamic(lstm, dtype=torch.float16)` save?


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def in_dtype(model, dtype):
    """The state_dict with every float tensor in another type."""
    return {name: value.to(dtype) for name, value in model.state_dict().items()}


stored = {}
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    loaded = copy.deepcopy(lstm)  # fp32: load_state_dict converts back
    size, load_ms = reload(in_dtype(lstm, dtype), loaded)
    stored[str(dtype).removeprefix("torch.")] = size, load_ms, accuracy_of(loaded, test_images)
stored["int8, dynamic"] = *lstm_files["int8"], lstm_accuracy["int8"]
old_half = quantize_dynamic(lstm, dtype=torch.float16)
stored["quantize_dynamic, float16"] = (
    *reload(old_half.state_dict(), copy.deepcopy(lstm_int8)),
    accuracy_of(old_half, test_images),
)
card.record("half-file", stored["float32"][0] / stored["float16"][0])
card.record("half-drop", 100 * (stored["float32"][2] - stored["float16"][2]))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["LSTM stored in", "file", "times smaller", "accuracy"],
    [
        [name, si(size, "B"), f"{stored['float32'][0] / size:.2f}", f"{accuracy:.2%}"]
        for name, (size, _, accuracy) in stored.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** Half the file, at no cost in accuracy worth a name. And an old switch that looks the same saves nothing: its
# *file* still holds fp32.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Does a smaller file load faster?
#
# A program that switches between models waits for each of them. The encoder stands ready and takes in a file from the disk's
# cache.
#
# **Predict.** Rank by load time: fp32, float16, int8 of the old line, int8 of torchao.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
half_file = reload(in_dtype(bert, torch.float16), copy.deepcopy(bert), loads=2)
loading = {
    "fp32": bert_files["fp32"],
    "float16 file": half_file,
    "int8, quantize_dynamic": bert_files["int8"],
    "int8, torchao": encoder_files["torchao, dynamic"],
}
Table(
    ["BERT shape", "file", "loads, times as fast as fp32"],
    [[kind, si(size, "B"), f"{loading['fp32'][1] / ms:.2f}"] for kind, (size, ms) in loading.items()],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** Bytes are not all. The old line *packs* its weights again at each load, and that takes time. torchao stores plain int8
# tensors and only reads them. From a slow disk or a network, where the bytes decide, all the small files win.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9. When it does not pay
#
# You have met small layers. Two more suspects: large batches, and convolutions. One linear layer, square, at several widths and
# batches. Above the dotted line int8 is faster than eager fp32.
#
# **Predict.** Sketch three curves over the width, for batches of 1, 16 and 256. Where do they cross the line? Which one ends highest?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
widths, batches = [32, 64, 128, 256, 512, 1024, 2048], [1, 16, 256]
grid = {batch: [] for batch in batches}
for width in widths:
    square = nn.Sequential(nn.Linear(width, width)).requires_grad_(False)
    square_int8 = quantize_dynamic(square)
    for batch in batches:
        v = torch.randn(batch, width)
        jobs = {"fp32": lambda m=square, v=v: m(v), "int8": lambda m=square_int8, v=v: m(v)}
        grid[batch].append(timing.compare(jobs, rounds=9, sample_seconds=0.01, device=cpu).ratio("int8"))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Narrow layers lose; where the gain begins depends on the batch

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, ax = plots.figure(size=(12, 4.5))
for batch, colour, style in zip(batches, ("blue", "orange", "green"), ("o-", "s-", "^-"), strict=True):
    ax.plot(widths, grid[batch], style, color=plots.COLOURS[colour], label=f"batch {batch}")
ax.axhline(1, color="black", linestyle=":")
ax.set(xscale="log", yscale="log", xlabel="width of the layer", ylabel="speed-up of int8")
ax.set_xticks(widths, [str(width) for width in widths])
ax.set_yticks([0.25, 0.5, 1, 2, 4, 8], ["0.25", "0.5", "1", "2", "4", "8"])
ax.minorticks_off()
ax.legend()
plots.show(
    fig,
    alt="Speed-up of dynamic int8 over eager fp32 against the width of a square linear layer, one curve each for batches of 1, 16 "
    "and 256. All rise from below 1 at narrow widths to well above 1 at wide ones; the largest batch crosses 1 first.",
    caption="Below the dotted line int8 is slower. Both axes are logarithmic.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Width decides first. Each call pays for a range and two conversions, in proportion to the width. The product that it
# speeds up grows with the width squared.

# %% [markdown] slideshow={"slide_type": "skip"}
# *Small layers, narrow tensors.* Below some width int8 loses at every batch. The packed kernel also works in blocks, of 16 or 32 or
# more columns, and a narrower tensor leaves part of each block empty. The fixed cost of the call weighs the more the less there is to
# do. For torchao in eager mode it is larger still.
#
# *Large batches.* You may have read that dynamic quantization is for batch 1. Look at your own curves. A larger batch makes the product larger
# while the fixed cost of a call stays, so on narrow layers it *helps*. On wide ones it can take something away: in a small batch the layer waits for its
# weights, and there a quarter of the bytes can bring more than fourfold (with a cache that holds the small ones). At batch 256 it
# waits for arithmetic, and only faster arithmetic helps. Where the processor has no int8 instructions, that part is missing, and
# then the old advice is right.
#
# *Convolutions.* They are not touched. The table below shows a CNN before and after the line.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
cnn = models.SmallCNN().eval().requires_grad_(False)
cnn_int8 = quantize_dynamic(cnn)
cnn_speed = timing.compare({"fp32": lambda: cnn(one), "int8": lambda: cnn_int8(one)}, rounds=7, device=cpu)
Table(
    ["SmallCNN after the line", ""],
    [
        ["modules in int8", int8_audit.audit(cnn_int8).count("int8")],
        ["convolutions in int8", int8_audit.audit(cnn_int8).count("int8", "Conv")],
        ["speed-up, 1 image", f"{cnn_speed.ratio('int8'):.2f}×"],
        ["file, times smaller", f"{saved_bytes(cnn.state_dict()) / saved_bytes(cnn_int8.state_dict()):.2f}"],
    ],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A rule of thumb
#
# | your model | dynamic int8 |
# |---|---|
# | wide linear layers, a Transformer, on a CPU | yes: smaller, and faster where the processor has int8 instructions |
# | a wide LSTM or GRU | yes, with the old line |
# | narrow layers, a small LSTM | for the file only; a 16-bit file may do |
# | mostly convolutions | no: static quantization ([[static]]) |
# | mostly embeddings | little: they stay float |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Let two students draw their curves before the figure comes. Then: "Which of your own models is in which row?"

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Into the ledger
#
# Energy is an estimate ([[energy]]). An LSTM multiplies each of its weights 28 times for an image; we price one fetch of the weights. A
# file in 16 bits that is computed in fp32 saves bytes on disk, not energy. In the Transformer only the linear layers count as int8.


# %% slideshow={"slide_type": "skip"}
def bill_nj(macs, weights, mac="fp32", bits=32):
    """Arithmetic, and one fetch of the weights from DRAM, in nJ."""
    return (macs * energy.MAC_PJ[mac] + weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3


INT8 = ("int8, int32 sum", 8)
lstm_weights = sum(p.numel() for p in lstm.parameters() if p.dim() > 1)
lstm_macs = 28 * (lstm_weights - lstm.fc.weight.numel()) + lstm.fc.weight.numel()
vit_weights = sum(p.numel() for p in vit.parameters() if p.dim() > 1)
vit_macs = energy.count_macs(vit, test_patches[:1])
layers = [m for m in vit.modules() if isinstance(m, nn.Linear)]
linear_weights = sum(m.weight.numel() for m in layers)
linear_macs = 16 * (linear_weights - vit.head.weight.numel()) + vit.head.weight.numel()  # the head runs once
bills = {
    ("LSTM", "fp32"): bill_nj(lstm_macs, lstm_weights),
    ("LSTM", "int8"): bill_nj(lstm_macs, lstm_weights, *INT8),
    ("Transformer", "fp32"): bill_nj(vit_macs, vit_weights),
    ("Transformer", "int8"): bill_nj(linear_macs, linear_weights, *INT8)
    + bill_nj(vit_macs - linear_macs, vit_weights - linear_weights),
}

# %% slideshow={"slide_type": "skip"}
FIELDS = ("model", "technique", "accuracy", "file_bytes", "load_ms", "speedup", "energy_nj")
half_bytes, half_ms, half_accuracy = stored["float16"]
found = [
    (name, technique, accuracy[kind], *files[kind], speed.ratio(kind), bills[name, kind])
    for name, files, accuracy, speed in (
        ("LSTM", lstm_files, lstm_accuracy, lstm_speed),
        ("Transformer", vit_files, vit_accuracy, vit_speed),
    )
    for kind, technique in (("fp32", "fp32"), ("int8", "int8 dynamic"))
]
found.append(("LSTM", "float16 file", half_accuracy, half_bytes, half_ms, 1.0, bills["LSTM", "fp32"]))
ledger.table(
    ledger.record(lesson="dynamic", task="fashion_mnist", **dict(zip(FIELDS, row, strict=True))) for row in found
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it. The check
# tries inputs that you do not see here, and tells you what a wrong answer usually means.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1 · A dynamic int8 linear layer
# ★★ · 15 minutes
#
# Write `dynamic_linear`. Quantize the input `x` (batch, n_in), float32, to whole numbers from 0 to 255, with *one* scale and *one* zero
# point for the call, from the lowest and highest value of the call. The range always contains 0. A number is `torch.round(x / scale)` plus the
# zero point, clamped to 0 and 255. Multiply with the int8 weights `w_q` (n_out, n_in), which have the one scale `w_scale` and no zero point. Convert
# back and add `bias`. No input is all zeros.
#
# `dynamic_linear(x, w_q, w_scale, bias)` → float tensor (batch, n_out)
#
# <details><summary>Hint</summary>
# low = min(0, lowest), high = max(0, highest), scale = (high − low) / 255, zero point = round(−low / scale). A stored number q stands for
# (q − zero point) · scale. int8 times a number up to 255 does not fit into int8: convert both to int32 first.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def dynamic_linear(x, w_q, w_scale, bias):
    """Linear layer with int8 weights `w_q * w_scale` and an input quantized on the fly to 0..255.

    >>> x = torch.tensor([[0.0, 1.0]])
    >>> dynamic_linear(x, torch.tensor([[2, 3]], dtype=torch.int8), 0.5, torch.tensor([1.0]))
    tensor([[2.5000]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.dynamic_linear(dynamic_linear)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def dynamic_linear_solution(x, w_q, w_scale, bias):
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    q = (torch.round(x / scale) + zero_point).clamp(0, 255)
    sums = (q - zero_point).int() @ w_q.int().T
    return sums * (scale * w_scale) + bias


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · What to quantize for a size target
# ★★ · 12 minutes
#
# Write `quantize_for_size`. `layers` is a list of `(name, kind, n_weights, n_biases)`. In fp32 every number takes 4 bytes. Here
# only the kinds `"Linear"` and `"LSTM"` are quantized: then a weight takes 1 byte, a bias still 4. All other kinds stay float, a GRU too.
# Return the *set of names* of the fewest layers after which all layers together take at most `target_bytes`: take those that save most
# first, of equal ones any. If the target is met already, that is the empty set. If it cannot be reached, return all that can be quantized.
#
# `quantize_for_size(layers, target_bytes)` → set of names
#
# <details><summary>Hint</summary>
# Start with the bytes of all layers in fp32. Sort the layers that can be quantized by their weights, largest first. Each saves 3 bytes a
# weight. Stop as soon as the target is met.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def quantize_for_size(layers, target_bytes):
    """Names of the fewest layers to quantize so that all layers take at most `target_bytes`.

    >>> quantize_for_size([("fc", "Linear", 1000, 0)], 1000)
    {'fc'}
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.quantize_for_size(quantize_for_size)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def quantize_for_size_solution(layers, target_bytes):
    total = sum(4 * (n_weights + n_biases) for _, _, n_weights, n_biases in layers)
    candidates = [layer for layer in layers if layer[1] in ("Linear", "LSTM")]
    chosen = set()
    for name, _, n_weights, _ in sorted(candidates, key=lambda layer: layer[2], reverse=True):
        if total <= target_bytes:
            break
        chosen.add(name)
        total -= 3 * n_weights
    return chosen


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · The model that did not change
# ★★★ · 15 minutes
#
# Write `did_nothing`. `quantize` is a function that takes a model and returns "the quantized one": by the old line with some set of types, or
# by torchao to int8. Return `True` when *no weight* of the returned model is stored in 8 bits, `False` as soon as one is, also one that
# was so before.
#
# `did_nothing(model, quantize)` → True or False
#
# <details><summary>Hint</summary>
# The name of a class says little: torchao leaves the modules as they are, and PyTorch has a class NonDynamicallyQuantizableLinear. The course's
# audit gives a row for each module with weights: int8_audit.audit(model).rows, each with its weight_bits.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def did_nothing(model, quantize):
    """True when `quantize(model)` stores no weight in 8 bits.

    >>> did_nothing(nn.Linear(2, 2), lambda model: model)
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.did_nothing(did_nothing)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def did_nothing_solution(model, quantize):
    return all(row.weight_bits != 8 for row in int8_audit.audit(quantize(model)).rows)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# Every figure that this lesson takes from a source, and every bound it sets, beside what your run measured. Speed depends on the
# machine, so a claim about speed may fail on yours. The table then says why.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Dynamic quantization rounds the weights once and the activations at every call; it needs no data and no training.
# - The line changes only what it knows, and never says what it left alone: audit the model, do not trust the call.
# - It pays on wide linear and recurrent layers; name the baseline whenever you name the speed-up.
#
# And the opening question, how did you know that it worked? Now you have four answers: the audit, the reloaded file, the time beside
# a good baseline, and the accuracy.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Come back to the answers of the first minute. A smaller file was one of them: it would have caught the bare layer, and not
# the half-float Transformer layer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - O. Zafrir et al., *Q8BERT*, 2019, [arXiv:1910.06188](https://arxiv.org/abs/1910.06188). BERT in int8, with its accuracy on many tasks.
# - T. Dettmers et al., *LLM.int8()*, 2022, [arXiv:2208.07339](https://arxiv.org/abs/2208.07339). A scale for each row, and what a few
#   outlier features do to it.
# - D. Khudia et al., *FBGEMM*, 2021, [arXiv:2101.05615](https://arxiv.org/abs/2101.05615). The library under the x86 engine: packing,
#   and products in 8 bits.
# - The video recommended in [[integers]] (C. Gottbrath) helps here as well, and does not replace the lesson.
#
# **Project ideas**: quantize the embeddings by hand and win back the missing factor; draw the figure of section 9 for torchao,
# compiled; measure on a phone or a small ARM board.
#
# ## Credits
#
# The LSTM and the BERT example follow *Introduction to Quantization on PyTorch* by Raghuraman Krishnamoorthi, James Reed, Min Ni, Chris
# Gottbrath and Seth Weidman; the idea of the course in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0,
# code MIT.
