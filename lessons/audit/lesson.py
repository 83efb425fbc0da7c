# ---
# jupyter:
#   course:
#     promise: You will audit a model, and prove which of its parts run in int8, which stayed float, and what that costs.
#     minutes: 45
#     seconds: 35
#     needs: [measuring, energy, integers, dynamic]
#     goals:
#       - Write an audit, and say which modules run in int8, which stayed float, and what would change that.
#       - Find out by a count and a control why a speed-up is missing.
#       - Weigh int8 against a file in 16 bits, by bytes, accuracy and load time.
#       - Say beforehand when dynamic quantization does not pay.
#     terms: [audit]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The call returned, nothing complained. Did it do anything?*
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
# *For the lecturer, 1 min.* Ask: "After last lesson's line, how did you know that it worked?" Most say: the file got smaller. Keep that answer for the end.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import contextlib
import copy
import pathlib
import statistics
import tempfile
import time
import warnings
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.int8_routes import networks
from course_utils.measure import energy, int8_audit, timing
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.audit import checks as check

legacy_int8.ignore_deprecations(remarks=True)  # this interface will go ([[dynamic]])
card = claims.Scorecard("audit")
runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()  # for training; these int8 modules run on the CPU
cpu = torch.device("cpu")


def saved_bytes(model):
    """Size of the saved state_dict of a model."""
    with tempfile.TemporaryDirectory() as folder:
        torch.save(model.state_dict(), pathlib.Path(folder) / "model.pt")
        return (pathlib.Path(folder) / "model.pt").stat().st_size


def reload(state, into, loads=3):
    """Save `state`, load it into the model `into`: bytes, ms to read the file, ms to put it into the model."""
    with tempfile.TemporaryDirectory() as folder:
        path, read_ms, put_ms = pathlib.Path(folder) / "model.pt", [], []
        torch.save(state, path)
        for _ in range(loads):
            start = time.perf_counter()
            found = torch.load(path, weights_only=False)  # our own file: it may hold classes of torch.ao
            read = time.perf_counter()
            into.load_state_dict(found)
            put_ms.append(1e3 * (time.perf_counter() - read))
            read_ms.append(1e3 * (read - start))
        return path.stat().st_size, statistics.median(read_ms), statistics.median(put_ms)


def in_dtype(model, dtype):
    """The state_dict with every float tensor in another type."""
    return {name: value.to(dtype) for name, value in model.state_dict().items()}


print(f"int8 engine: {torch.backends.quantized.engine}; training on {device.type}, measurements on:")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"} tags=["lecture"]
# ## 1. One line, four models
#
# Each gets the line of [[dynamic]], without a set of types: its default knows linear layers, LSTMs and GRUs.
#
# **Predict.** How many of the four files get at least 2 times smaller?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Collect a number from each bench before you run it. Expect two or three. Ask afterwards: "What told you? An error?"

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "lecture"]
from torch.ao.quantization import quantize_dynamic

four = {"a linear layer": nn.Linear(256, 256), "an LSTM": nn.LSTM(256, 256)}
four |= {"attention": nn.Sequential(nn.MultiheadAttention(256, 4))}
four |= {"a CNN": models.SmallCNN()}
for name, model in four.items():
    factor = saved_bytes(model) / saved_bytes(quantize_dynamic(model))
    print(f"{name}: {factor:.2f} times smaller")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw: none, and nobody said so.** The line replaces the *children* of a model: a layer that stands alone comes back as it was. (Put it into a
# `Sequential`.) Attention keeps its weights where the line does not look; of the CNN only the last layer changed.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. An audit
#
# An **audit** lists the modules of a model with what each one runs in. The evidence is what it *calls*: PyTorch lets us watch the operators that a module calls.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two tools. Hooks, in the function below the class in the notebook, write a module's name on the stack `inside` when it begins, and take it off when it ends; `__torch_dispatch__` is called for each operator. Draw the stack on the board: model, layer, linear. Let the room find where the two meet: the dictionary `called`.


# %% slideshow={"slide_type": "-"}
class Watch(TorchDispatchMode):
    """Writes down each operator that is called, under the module at work."""

    def __init__(self):
        super().__init__()
        self.inside, self.called = [""], {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.called.setdefault(self.inside[-1], []).append(str(func))
        return func(*args, **(kwargs or {}))


# %% slideshow={"slide_type": "skip"}
def audit(model, *example):
    """{name of a module: the operators that it called itself}, from one run of the model."""
    watch, hooks = Watch(), []

    def leave(*_):  # a hook that returned something would replace the module's output
        watch.inside.pop()

    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda *_, name=name: watch.inside.append(name)))
        hooks.append(module.register_forward_hook(leave, always_call=True))
    try:
        with torch.no_grad(), watch:
            model(*example)
    finally:
        for hook in hooks:
            hook.remove()
    return watch.called


INT8 = ("quantized.", "aten.quantized_", "aten._int_mm", "onednn.q")
FLOAT = "addmm mm. bmm baddbmm convolution linear embedding lstm mkldnn_ _scaled_dot scaled_dot _native_multi_head"
PRODUCTS = (*INT8, *(f"aten.{name}" for name in FLOAT.split()))


def products(operators):
    """Those on these lists (they multiply or look up), without their overload: "quantized.linear_dynamic"."""
    return [".".join(op.split(".")[:2]) for op in operators if op.startswith(PRODUCTS)]


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A layer of our encoder
#
# The encoder layer of [[dynamic]] has four linear layers: query, key and value in one (`qkv`), the output of the attention, and two of the feed-forward half.
#
# **Predict.** All four are int8 after the line. Which product of the layer is still float?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw queries times keys, then shares times values. Neither has a weight, so a line that replaces linear layers does not meet them. Point at the orange box.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
block = nn.Sequential(models.EncoderLayer(768, 12, 3072).eval().requires_grad_(False))
block_int8, text = quantize_dynamic(block, {nn.Linear}), torch.randn(1, 32, 768)
found = {name: products(ops) for name, ops in audit(block_int8, text).items() if products(ops)}
canvas, told, before = diagrams.Canvas(height=240), [], (10, 75)
for left, (name, ops) in zip(range(45, 1200, 235), found.items(), strict=False):
    words = "(the layer\nitself)" if name == "0" else name.removeprefix("0.")
    kind = "int8" if ops[0].startswith(INT8) else "fp32"
    box = canvas.box(left, 25, words, width=150, height=100, fill=kind)
    canvas.wire(before, box.left, meaning="fp32")
    before = box.right
    operator = "\n".join(ops).replace("quantized.", "quantized.\n").removeprefix("aten.").replace("_flash", "\n_flash")
    canvas.text(left + 75, 180, operator.replace("_for", "\n_for"), size=22)
    told.append(f"{words} {ops[0]}")
canvas.wire(before, (before[0] + 55, 75), meaning="fp32")
plots.show(
    canvas.figure(),
    alt="Boxes in a row, in the order of their calls: "
    + ", ".join(told).replace("\n", " ")
    + ". The arrows between them are fp32.",
    caption="What each module multiplies with. Blue int8, orange fp32; the arrows are what flows between them.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the products inside the attention are float.** They are a function, not a module: a replacement of the linear layers does not see them.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The whole encoder, and a graph
#
# An exported graph needs no run: its nodes name their operators (and each remembers its module). So the same count can be made of it.
#
# **Predict.** The shape of BERT has 12 such layers. How many int8 products does the audit count?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Twelve times four. BERT as published has six linear layers in each, 72 in the twelve: query, key and value are three there. Then show that the graph says the same of the float model. The int8 model cannot be exported: its packed weights are refused.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
network = networks.bert()
bert, ids = network.model, network.example
bert_int8 = quantize_dynamic(bert, {nn.Linear})
graph = torch.export.export(bert, (ids,)).graph
forms = {
    "float, run": audit(bert, ids),
    "float, read as a graph": {"graph": [str(n.target) for n in graph.nodes if n.op == "call_function"]},
    "int8, run": audit(bert_int8, ids),
}
counts = {form: Counter(op for ops in called.values() for op in products(ops)) for form, called in forms.items()}
card.record("bert-linear-int8", counts["int8, run"]["quantized.linear_dynamic"])
kinds = {"linear layers": ("linear", "addmm"), "attention's products": ("scaled_dot",), "tables": ("embedding",)}
rows = []
for form, found in counts.items():
    of_kind = [[(op, n) for op, n in found.items() if any(word in op for word in words)] for words in kinds.values()]
    rows.append(
        [
            form,
            *(
                ", ".join(f"{op.removeprefix('aten.').lstrip('_').partition('_flash')[0]}: {n}" for op, n in ops)
                for ops in of_kind
            ),
        ]
    )
Table(["BERT shape", *kinds], rows, caption="operators and how often they ran, or stand in the graph")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: 48; and of the float model a graph counts as well as a run.** (`torch.export` refuses the older int8 layers: there, run it.) Of the products and look-ups the attention's own and the two tables stay float; so do norms, softmax and sums, which the count leaves out.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. What stays float
#
# The line has a list of types.
#
# **Predict.** Which of these eight does the default replace: `Linear`, `LSTM`, `GRU`, `RNN`, `LSTMCell`, `Conv2d`, `Embedding`, `MultiheadAttention`? And when you list `nn.Conv2d`: **A** int8, **B** an error, **C** nothing?


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room mark eight names, then show. For the last column vote A, B, C: expect A or B. Add how a replaced module is known: its class lives in another package.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
zoo = nn.ModuleDict(
    {
        "Linear": nn.Linear(64, 64),
        "LSTM": nn.LSTM(64, 64),
        "GRU": nn.GRU(64, 64),
        "RNN": nn.RNN(64, 64),
        "LSTMCell": nn.LSTMCell(64, 64),
        "Conv2d": nn.Conv2d(4, 4, 3),
        "Embedding": nn.Embedding(64, 64),
        "MultiheadAttention": nn.MultiheadAttention(64, 4),
    }
)
asked = {
    "no set": quantize_dynamic(zoo),
    "{Linear}": quantize_dynamic(zoo, {nn.Linear}),
    "{Conv2d}": quantize_dynamic(zoo, {nn.Conv2d}),
}
now = {how: {name: type(m).__module__ for name, m in made.items()} for how, made in asked.items()}
Table(
    ["module", *asked],
    [[name, *("int8" if ".quantized" in now[how][name] else "float" for how in asked)] for name in zoo],
    caption=f"replaced: class of {now['no set']['Linear'].rpartition('.modules')[0]}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: `RNN`, convolutions, embeddings and attention stayed float; for `Conv2d` C.** No error, and no warning about them.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Looked up, then run
#
# The line has two lists: the set of types, and a
# [dictionary](https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/quantization_mappings.py) from a type to its int8 class. You can give both:
# `quantize_dynamic(model, types, mapping=...)`. A table wants `dtype=torch.quint8`.
#
# **Predict.** Which of these six requests run with 8-bit weights: `{Conv2d}`, the same with a longer list, `{Embedding}`, the same with `quint8`, `{RNN}`, `{GRU}`?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Go through the six with hands. The point: "It has no int8 convolution" is wrong, "its list has none" is right. So look up the list, then run and audit.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
from torch.ao.quantization.quantization_mappings import get_default_dynamic_quant_module_mappings as default_list

more = default_list() | {nn.Conv2d: torch.ao.nn.quantized.dynamic.Conv2d}
image, tokens, steps = torch.randn(1, 4, 8, 8), torch.arange(8)[None], torch.randn(1, 8, 64)
requests = {
    "{Conv2d}": ("Conv2d", image, {}),
    "{Conv2d}, longer list": ("Conv2d", image, {"mapping": more}),
    "{Embedding}": ("Embedding", tokens, {}),
    "{Embedding}, quint8": ("Embedding", tokens, {"dtype": torch.quint8}),
    "{RNN}": ("RNN", steps, {}),
    "{GRU}": ("GRU", steps, {}),
}
rows = []
for request, (name, example, how) in requests.items():
    model, ran = nn.Sequential(zoo[name]).requires_grad_(False), "AssertionError"
    with warnings.catch_warnings(record=True) as said, contextlib.suppress(AssertionError):
        warnings.simplefilter("always")
        called = audit(quantize_dynamic(model, {type(zoo[name])}, **how), example)
        ran = next(op for ops in called.values() for op in products(ops) if op != "aten.linear")
    poor = [str(w.message) for w in said if "numerical accuracy" in str(w.message)]
    rows.append([request, ran + " *" * bool(poor)])
Table(
    ["request", "what ran"], rows, caption="* PyTorch warns of its accuracy" if any("*" in r[1] for r in rows) else ""
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: three.** A longer list makes an int8 convolution, another type an 8-bit table. Of that convolution PyTorch itself says "poor numerical accuracy … not recommended". `RNN` stays float.

# %% [markdown] slideshow={"slide_type": "skip"}
# The package of a class tells its kind: modules of `torch.ao.nn.quantized.dynamic` take and give floats; the linear layers and convolutions of `torch.ao.nn.quantized` are static and take and give
# integers ([[static]]). The 8-bit `Embedding` lives there too, and gives floats. Older code and pages say `torch.nn.quantized` and `torch.nn.quantized.dynamic`: the same classes under their first names.
#
# Other interfaces have other lists. ONNX Runtime's dynamic quantization knows LSTM, Gather (a table's look-up), convolution and a fused attention
# ([its registry](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/python/tools/quantization/registry.py), looked up, not run here). PyTorch's current interface, the package torchao, has a lesson of its
# own. The parts left in float are ordinary PyTorch: they could run on a GPU, where these int8 modules cannot; every border would then cost a copy (not measured here).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### PyTorch's own Transformer layer
#
# `nn.TransformerEncoderLayer` holds a `MultiheadAttention` and two linear layers. Quantize it, put it into evaluation mode, run it.
#
# **Predict.** **A** All of it is int8. **B** A part is. **C** It crashes.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote. Expect A. In evaluation mode the layer takes a fast path, one fused operation that wants the float weights as tensors; a quantized layer has a method in their place. The
# switch turns that path off; so would the hooks of our audit.

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
theirs = nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True).eval()
half_done = quantize_dynamic(theirs.requires_grad_(False), {nn.Linear})
try:
    half_done(text)
except AttributeError as error:
    print("AttributeError:", error)
torch.backends.mha.set_fastpath_enabled(False)  # the switch
agree = F.cosine_similarity(half_done(text).flatten(), theirs(text).flatten(), dim=0)
torch.backends.mha.set_fastpath_enabled(True)
print(f"with the switch: cosine with float {agree:.4f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: C, then B.** Which part?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two encoder layers as they lie in memory
#
# As many weights in both, and both went through the line.
#
# **Predict.** Which one is larger now, by which factor?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them guess the factor. The course's encoder writes each projection as an `nn.Linear`. Point at the orange parts: `MultiheadAttention` keeps the weights of query, key and value in one parameter of its own, and its output layer is
# of a class of its own, NonDynamicallyQuantizableLinear, which is not in the set.


# %% slideshow={"slide_type": "skip"}
def weights_of(layer, names):
    """{words: (MB in memory, its colour)} of the parts of a layer, the lowest first."""
    parts = {}
    for words, place in names.items():
        owner, _, last = place.rpartition(".")
        held = getattr(layer.get_submodule(owner), last)
        weight = held.weight() if callable(getattr(held, "weight", None)) else getattr(held, "weight", held)
        kind = "int8" if weight.is_quantized else "fp32"
        parts[words] = weight.numel() * weight.element_size() / 1e6, kind
    return parts


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
ours = weights_of(block_int8[0], {"qkv": "qkv", "out": "out", "up": "up", "down": "down"})
own = weights_of(
    half_done,
    {"q, k, v": "self_attn.in_proj_weight", "output": "self_attn.out_proj", "first": "linear1", "second": "linear2"},
)
canvas = diagrams.Canvas(height=300)
for x_at, name, parts in ((130, "the course's layer", ours), (680, "nn.TransformerEncoderLayer", own)):
    diagrams.stack(canvas, parts, x=x_at, bottom=256, width=300, pixels_each=17.5, size=22)
    total = sum(mb for mb, _ in parts.values())
    canvas.text(x_at + 150, 280, f"{name}: {total:.1f} MB", size=22)
plots.show(
    canvas.figure(),
    alt="Two stacks, area is bytes. "
    + " ".join(
        f"{name}, from the ground: "
        + ", ".join(f"{words} {mb:.1f} MB {kind}" for words, (mb, kind) in parts.items())
        + "."
        for name, parts in (("The course's layer", ours), ("PyTorch's own", own))
    ),
    caption="Area: bytes of the weights. Blue int8, orange fp32. The attention's own products have no weights.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: PyTorch's own layer is twice as large: its attention stayed float.**

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Why was the narrow LSTM slower?
#
# In [[dynamic]], as published, int8 did not make an LSTM of 128 units faster. A guess: the search for the range in each of 28 steps. First we count what runs.
#
# **Predict.** For one image, how many operators does fp32 start, and how many int8: **A** about as many, **B** a few more, **C** ten times as many, or more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask for a reason for the slow-down first, and write it down. Then the count. The profiler sees also what an operator starts inside itself, which our audit does not.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
image = torch.randn(1, 1, 28, 28)


def without_fused(model):
    """The same fp32 model, kept from oneDNN's fused LSTM: then PyTorch runs a loop over the steps."""

    def call():
        before = torch.backends.mkldnn.set_flags(_enabled=False)[0]
        try:
            return model(image)
        finally:
            torch.backends.mkldnn.set_flags(_enabled=before)

    return call


def lstm_jobs(width):
    net = models.LSTMClassifier(n_hidden=width).eval().requires_grad_(False)
    small = quantize_dynamic(net)
    return {"fp32": lambda: net(image), "fp32, a loop": without_fused(net), "int8": lambda: small(image)}


def operators_of(job):
    """All operators that one call starts, those inside other operators too."""
    job()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        job()
    return Counter({event.key: event.count for event in seen.key_averages() if "::" in event.key})


started = {name: operators_of(job) for name, job in lstm_jobs(128).items()}
fused = [op for op in started["fp32"] if "rnn_layer" in op]
card.record("lstm-operators", started["int8"].total() / started["fp32"].total())

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
print("fp32 has one operator for all steps:" if fused else "no fused LSTM in this PyTorch", *fused)
Table(["LSTM, 128 units, 28 steps", "operators"], [[name, f"{ops.total():,}"] for name, ops in started.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: C, where fp32 is fused.** Then the two differ in more than their bits. The loop in fp32 is the *control*: the same steps and gates; what differs is how each product is made, its bits and its helpers.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The control
#
# Three bars: fp32 fused, fp32 as a loop, int8 as a loop.
#
# **Predict.** With 128 units, is int8 slower than the *loop* in fp32? And with 1,024?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First frame: 128 units. Ask which two bars may be compared if only the product shall differ. Second frame: 1,024 units. If the loop beats the fused call here, say that the two are near each other and that this run does not tell why. Then the caption: "What do 28 searches cost? So what was the reason?" Mostly the
# better fp32.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
lstm_times = {width: timing.compare(lstm_jobs(width), rounds=9, device=cpu) for width in (128, 1024)}
paired = timing.Comparison({job: lstm_times[128].samples[job] for job in ("fp32, a loop", "int8")}, 1, "cpu")
card.record("lstm-over-loop", paired.ratio("int8"), paired.ratio_quartiles("int8"))
state, int8_call = torch.randn(1, 128), lstm_jobs(128)["int8"]
jobs = {"int8": int8_call, "searches": lambda: [torch.aminmax(state) for _ in range(28)]}
share = 1 / timing.compare(jobs, rounds=9, device=cpu).ratio("searches")
frames, told = [], []
for width, times in lstm_times.items():
    bars = {name: 1 / times.ratio(name) for name in times.samples}
    canvas = diagrams.Canvas(height=330)
    canvas.text(60, 30, f"{width:,} units, 28 steps: time over that of fp32", align="left", bold=True)
    colours = dict(zip(bars, ("fp32", "fp32", "int8"), strict=True))
    diagrams.bars(canvas, bars, x=260, y=70, width=700, text="{:.2f}", meaning=colours)
    frames.append(canvas.figure())
    told.append(f"Bars of {width} units: " + ", ".join(f"{name} {length:.2f}" for name, length in bars.items()) + ".")
plots.show(
    frames,
    alt=told,
    caption=f"Orange fp32{', the upper bar fused' if fused else ''}; blue int8. 28 searches for a range alone: {share:.0%} of the int8 call of 128 units.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw here: at 1,024 units int8 is far faster than the same loop in fp32; at 128 no slower, within noise, and it loses to the *fused* fp32, where PyTorch has it.** Narrower ones may lose to the loop, too.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. The rival: 16 bits in the file
#
# Store the weights in 16 bits, convert them back while loading: the same computation, no new kernel. A small Transformer
# ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)), two layers of 64, reads an image as 16 patches.
#
# **Predict.** Which file is smallest? And what does `quantize_dynamic(model, dtype=torch.float16)` save?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote on the old switch: half the file? Then the table. Ask when a 16-bit file is enough: where nobody waits for the arithmetic, only for the download.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def patches(images, side=7):
    """(N, 1, 28, 28) images as (N, 16, 49) patches."""
    return F.unfold(images, side, stride=side).transpose(1, 2).contiguous()


images, labels = data.load("fashion_mnist", n=30_000)
test_images, test_labels = data.load("fashion_mnist", "test")
pixels, test_pixels = (patches(x.sub(0.286).div(0.353)) for x in (images, test_images))
runtime.seed_all(0)
vit = models.Encoder(n_layers=2, width=64, n_heads=4, n_tokens=1, max_steps=16, n_classes=10)
vit.tokens = nn.Linear(49, 64)  # patches in place of words
half = len(pixels) // 2
training.fit(vit, pixels[:half], labels[:half], lr=2e-3, device=device)
training.fit(vit, pixels[half:], labels[half:], lr=5e-4, device=device)
vit = vit.cpu().eval().requires_grad_(False)
vit_int8 = quantize_dynamic(vit, {nn.Linear})
old_half = quantize_dynamic(vit, {nn.Linear}, dtype=torch.float16)
kinds = {
    "fp32": (vit.state_dict(), copy.deepcopy(vit)),
    "float16 file": (in_dtype(vit, torch.float16), copy.deepcopy(vit)),
    "bfloat16 file": (in_dtype(vit, torch.bfloat16), copy.deepcopy(vit)),
    "the old switch": (old_half.state_dict(), copy.deepcopy(old_half)),
    "int8 dynamic": (vit_int8.state_dict(), copy.deepcopy(vit_int8)),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
stored = {kind: reload(*pair) for kind, pair in kinds.items()}
accuracy = {kind: training.evaluate(net, test_pixels, test_labels, device=cpu) for kind, (_, net) in kinds.items()}
vit_speed = timing.compare(
    {"fp32": lambda: vit(test_pixels[:1]), "int8": lambda: vit_int8(test_pixels[:1])}, rounds=9, device=cpu
)
card.record("transformer-drop", 100 * (accuracy["fp32"] - accuracy["int8 dynamic"]))
card.record("transformer-half-file", stored["fp32"][0] / stored["float16 file"][0])
card.record("transformer-half-drop", 100 * (accuracy["fp32"] - accuracy["float16 file"]))
Table(
    ["stored", "file", "smaller", "right"],
    [
        [k, si(size, "B"), f"{stored['fp32'][0] / size:.2f}×", f"{accuracy[k]:.2%}"]
        for k, (size, _, _) in stored.items()
    ],
    caption=f"reloaded; int8 answers {vit_speed.ratio('int8'):.2f} times as fast as fp32, one image",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: 16 bits halve the file and cost hardly any accuracy; int8 is smaller still.** The old switch saves nothing on disk: its file holds fp32. Layers of 64 are narrow: see the caption for the speed.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Switching between models
#
# A service recognises speech in many languages, with one model a language. Whoever calls in another language waits until that model is loaded. Our stand-in: the BERT shape, its file in the cache of the disk.
#
# **Predict.** Rank by load time: fp32, float16 file, int8. Does the smallest file win?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let them rank, and name a reason. Then read the two columns: reading, and putting into the model. From a slow disk or a network the first column grows with the bytes.

# %% slideshow={"slide_type": "fragment"} tags=["legacy", "hide-input"]
loading = {
    "fp32": reload(bert.state_dict(), bert),
    "float16 file": reload(in_dtype(bert, torch.float16), bert),
    "int8 dynamic": reload(bert_int8.state_dict(), bert_int8),
}
pairs = [(m.weight(), m.bias()) for m in bert_int8.modules() if callable(getattr(m, "weight", None))]
taken_ms, unit = [], sum(loading["fp32"][1:])
for _ in range(3):
    start = time.perf_counter()
    for weight, bias in pairs:
        torch.ops.quantized.linear_prepack(weight, bias)  # the control: packing alone
    taken_ms.append(1e3 * (time.perf_counter() - start))
Table(
    ["BERT shape", "file", "reading", "into the model", "both"],
    [
        [kind, si(size, "B"), *(f"{ms / unit:.2f}" for ms in (read, put, read + put))]
        for kind, (size, read, put) in loading.items()
    ],
    caption=f"loading fp32 = 1; packing the int8 weights alone: {statistics.median(taken_ms) / unit:.2f}",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: the smallest file is not the fastest to load here.** The line's weights are *packed* anew at each load. The caption times the packing alone: here most of *into the model*.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 6. When does it not pay?
#
# One linear layer, square, at several widths and batches. Above the dotted line int8 is faster than eager fp32.
#
# **Predict.** Sketch the curves for batches of 1, 16 and 256. You may have read that dynamic quantization is for batch 1: which curve crosses the line first?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let two students draw on the board. The fixed price of a call from Python ([[dynamic]], section 6) explains the left end; ask what a larger batch does to its share, and which parts of the call grow with the rows. At the left end the curves are close: noise may cross them.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
widths, batches = [32, 64, 128, 256, 512, 1024], [1, 16, 256]
grid = {batch: [] for batch in batches}
for width in widths:
    square = nn.Sequential(nn.Linear(width, width)).requires_grad_(False)
    square_int8 = quantize_dynamic(square)
    for batch in batches:
        v = torch.randn(batch, width)
        jobs = {"fp32": lambda m=square, v=v: m(v), "int8": lambda m=square_int8, v=v: m(v)}
        grid[batch].append(timing.compare(jobs, rounds=7, sample_seconds=0.01, device=cpu).ratio("int8"))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.4, 3.9))
for batch, colour, style in zip(batches, ("blue", "orange", "green"), ("o-", "s-", "^-"), strict=True):
    ax.plot(widths, grid[batch], style, color=plots.COLOURS[colour], label=f"batch {batch}")
ax.axhline(1, color="black", linestyle=":")
ax.set(xscale="log", yscale="log", xlabel="width", ylabel="speed-up of int8")
ax.set_xticks(widths, [str(width) for width in widths])
ax.set_yticks([0.25, 0.5, 1, 2, 4, 8], ["¼", "½", "1", "2", "4", "8"])
ax.minorticks_off()
ax.legend()
plots.show(
    fig,
    alt="Speed-up of dynamic int8 over eager fp32 against the width of a square layer. "
    + "; ".join(f"batch {b}: from {c[0]:.2f} at width 32 to {c[-1]:.1f} at 1,024" for b, c in grid.items())
    + ".",
    caption="Below the dotted line int8 is slower. Both axes are logarithmic.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw here: narrow layers lose, wide ones win; batch 1 crosses last.** More rows enlarge product, search and rounding, not a call's fixed price.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A rule of thumb
#
# From this lesson and [[dynamic]], with the older line, on one processor. Which of your own models is in which row?
#
# | your model | dynamic int8 |
# |---|---|
# | wide linear layers, a wide Transformer | smaller, and faster here; audit the attention |
# | a wide LSTM or GRU | smaller; the LSTM was faster here |
# | narrow layers, a small LSTM | for the file; a 16-bit file may do |
# | mostly convolutions | not in the default list: static quantization ([[static]]) |
# | mostly embeddings | one line of their own, for the bytes |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask two students for a model of theirs each, and add "measure it" to every row.

# %% slideshow={"slide_type": "skip"}
# Into the ledger. Energy is an estimate ([[energy]]): only the linear layers count as int8; one fetch of the weights is priced.
all_weights = sum(p.numel() for p in vit.parameters() if p.dim() > 1)
all_macs = energy.count_macs(vit, test_pixels[:1])
linear = [m.weight.numel() for m in vit.modules() if isinstance(m, nn.Linear)]
linear_macs = 16 * (sum(linear) - vit.head.weight.numel()) + vit.head.weight.numel()  # the head runs once


def bill_nj(macs, weights, mac="fp32", bits=32):
    """Arithmetic, and one fetch of the weights from DRAM, in nJ."""
    return (macs * energy.MAC_PJ[mac] + weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3


in_int8 = bill_nj(linear_macs, sum(linear), "int8, int32 sum", 8)
bills = {"fp32": bill_nj(all_macs, all_weights)}
bills["int8 dynamic"] = in_int8 + bill_nj(all_macs - linear_macs, all_weights - sum(linear))
speeds = {"fp32": 1.0, "int8 dynamic": vit_speed.ratio("int8")}
ledger.table(
    [
        ledger.record(
            lesson="audit", task="fashion_mnist", model="Transformer", technique=kind, accuracy=accuracy[kind],
            file_bytes=stored[kind][0], load_ms=sum(stored[kind][1:]), speedup=speeds[kind], energy_nj=bills[kind],
        )
        for kind in ("fp32", "int8 dynamic")
    ]
)  # fmt: skip

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · What to quantize for a size target
# ★★ · 12 minutes
#
# Write `quantize_for_size`. `layers` is a list of `(name, kind, n_weights, n_biases)`. In fp32 every number takes 4 bytes. Here
# only the kinds `"Linear"` and `"LSTM"` are quantized: then a weight takes 1 byte, a bias still 4. All other kinds stay float.
# Return the *set of names* of the fewest layers after which all layers together take at most `target_bytes`: take those that save most
# first, of equal ones any. If the target is met already, that is the empty set. If it cannot be reached, return all that can be quantized.
#
# `quantize_for_size(layers, target_bytes)` → set of names
#
# <details><summary>Hint</summary>
# Start with the bytes of all layers in fp32. Sort the layers that can be quantized by their weights, largest first. Each saves 3 bytes a
# weight. Stop as soon as the target is met.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; alone it takes 12. The mistake to wait for: a weight that saves 4 bytes instead of 3. The other card is homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def quantize_for_size(layers, target_bytes):
    """Names of the fewest layers after which all take at most `target_bytes`.

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


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · The model that did not change
# ★★★ · 15 minutes
#
# Write `did_nothing`. `quantize` is a function that takes a model and returns "the quantized one": by the line of this lesson with some set of types, or
# by torchao, PyTorch's current package, to int8; or it changes nothing. Return `True` when *no weight* of the returned model is stored in 8 bits, `False` as soon as one is, also one that
# was so before.
#
# `did_nothing(model, quantize)` → True or False
#
# <details><summary>Hint</summary>
# The name of a class says little: torchao leaves the modules as they are, and PyTorch has a class NonDynamicallyQuantizableLinear. The course's
# own audit needs no run: int8_audit.audit(model).rows has a row for each module with weights, each with its weight_bits.
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
# The figures that this run can check, beside their source. Speed depends on the machine: a claim about speed may fail on yours; the table then names what may be the cause.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The line changes what is on its list, and is silent about the rest: audit the model, do not trust the call.
# - "It has none" is a question to a list: look it up, then run it.
# - A missing speed-up may be a better baseline: count what runs, and build the control.
#
# And the opening question: a smaller file tells that something changed, and not what. The audit tells.
#
# **Going further**: A. Vaswani et al., *Attention is all you need*, 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762); T. Dettmers et al., *LLM.int8()*, 2022,
# [arXiv:2208.07339](https://arxiv.org/abs/2208.07339), a Transformer with some columns kept in 16 bits, on purpose.
#
# **Project ideas**: write a dynamic int8 `nn.RNN`; replace `MultiheadAttention` by linear layers with the same weights, and audit again; audit a model that you did not write.
#
# **Credits**: half-precision storage and the load time of speech models come from notes on model compression; the course's idea in part from Tal Daniel (Technion, EE 046211, tutorial 10). Text CC BY 4.0,
# code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Come back to the first answer: the smaller file would have caught the bare layer, and not the half-float Transformer layer.
