# ---
# jupyter:
#   course:
#     promise: You will audit a model, and prove which of its parts run in int8, which stayed float, and what that costs.
#     seconds: 35
#     needs: [measuring, energy, integers, dynamic]
#     goals:
#       - Write an audit that watches which operators a model calls, and say which modules run in int8 and which stayed float.
#       - Say why a part stayed float, and which signs of int8 mislead.
#       - Repair a module that the line does not see, and prove the repair.
#       - Weigh what stayed float by its number, its multiplications and its time.
#       - Find out by an experiment with a control why a speed-up is missing.
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
# *For the lecturer, 1 min.* Ask: "After the line of the last lesson, how did you know that it worked?" Most say: the file got smaller. Write that answer in a corner of the board and keep it for the end.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import legacy_int8, models, runtime, training
from course_utils.int8_routes import networks
from course_utils.measure import int8_audit, timing
from course_utils.scorecard import claims
from lessons.audit import checks as check
from lessons.audit import show

legacy_int8.ignore_deprecations(remarks=True)  # this interface will go ([[dynamic]])
runtime.seed_all(0)
torch.set_num_threads(1)  # one thread for every measurement
device = runtime.best_device()  # for training; these int8 modules run on the CPU
cpu = torch.device("cpu")
print(f"int8 engine: {torch.backends.quantized.engine}; training on {device.type}, measurements on:")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. One line, four models
#
# A linear layer alone, an LSTM alone, PyTorch's attention, and a CNN get *the line*, `quantize_dynamic(model)` of [[dynamic]]. By default it replaces linear layers, LSTMs, GRUs, and the cells of RNNs.
#
# **Predict.** How many of the four files get at least 2 times smaller? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Collect a number from each bench before you run it. Expect two or three. Ask afterwards: "What told you? An error? A warning?" (Neither; only the file.) Do not explain the four yet: the next slide does.

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[dynamic]] one line of code made the linear layers of a Transformer int8: `quantize_dynamic(model)` gave back a model that was smaller and, where its layers were wide, faster. The line raised no error, and the smaller file was the sign that it had worked.
#
# Here it gets four small models. (The GRUs and RNNs on its list are relatives of the LSTM.) An int8 weight takes 1 byte where an fp32 weight takes 4, so a file in which all weights became int8 is nearly 4 times smaller. We ask only for half of that.

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
from torch.ao.quantization import quantize_dynamic

four = {"a linear layer": nn.Linear(256, 256), "an LSTM": nn.LSTM(256, 256)}
four |= {"attention": nn.Sequential(nn.MultiheadAttention(256, 4))}
four |= {"a CNN": models.SmallCNN()}
for name, model in four.items():
    factor = show.saved_bytes(model) / show.saved_bytes(quantize_dynamic(model))
    print(f"{name}: {factor:.2f} times smaller")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **None of the four files gets 2 times smaller, and neither an error nor a warning says so.**
#
# <!-- page -->
#
# The first file and the second did not change at all, although a linear layer and an LSTM are on the list. The third did not change although attention consists of linear layers, as many people would say. In the fourth, the CNN, only the last layer was replaced, which has $64 \cdot 10 = 640$ of the 56,224 weights ($32 \cdot 9 + 64 \cdot 32 \cdot 9 + 64 \cdot 64 \cdot 9 + 64 \cdot 10$). Each of the four has its reason, and all four reasons lie in how the line looks for layers, which comes next. (The setup cell hides two warnings of the line. They say that this interface will go, and nothing about what was replaced.) The four models were chosen to show this. A model of ordinary linear layers, such as that of [[dynamic]], is replaced as expected.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### How the line looks for layers
#
# `replace` is our own version of the line: a loop over the *children* of a model, the modules that it holds as attributes. It replaces a child whose type is in the set, and looks into any other.
#
# **Predict.** The model is a linear layer alone. How many times does the loop run? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw the tree of the page on the board: a `Sequential`, under it a `Linear` and a `Sequential`, under that a `ReLU` and a `MultiheadAttention` with its `out_proj`. Walk through it with the chalk, and let the room say at each node "replace", "look inside" or "nothing". (In this order: replace; look inside; nothing; look inside; nothing, because `out_proj` has a class of its own.) Then the vote on the layer alone.

# %% [markdown] slideshow={"slide_type": "skip"}
# A PyTorch model is a tree: a module can have children, and these can have children again. To replace a layer means to put another module into the attribute of its parent. So the line walks down the tree and asks for each child: is its type in the set?
#
# **A walk by hand.** The model is `Sequential(Linear, Sequential(ReLU, MultiheadAttention))`, and the set is `{Linear}`.
#
# | child | its type | in the set? | what happens |
# |---|---|---|---|
# | `0` | `Linear` | yes | replaced |
# | `1` | `Sequential` | no | look inside |
# | `1.0` | `ReLU` | no | it has no children: nothing |
# | `1.1` | `MultiheadAttention` | no | look inside |
# | `1.1.out_proj` | `NonDynamicallyQuantizableLinear` | no | it has no children: nothing |
#
# In the cell below, the line itself makes the int8 layer for a child that is in the set. All that is ours is the walk, and the walk is what decides.
#
# The last row of the table is a surprise. The output layer of PyTorch's attention has a class of its own. It is derived from `Linear`, and its long name says what happens: the line does not quantize it. The walk asks whether the type *is* in the set, not whether it is derived from one that is. (According to its source the class is there to avoid an error with quantized attention, which hands the weight of this layer to a function that wants a float tensor, not packed weights.) And the matrices that make queries, keys and values are not in the table at all. Attention keeps them in a parameter, and a parameter is not a child.


# %% slideshow={"slide_type": "-"} tags=["legacy"]
def replace(model, types):
    """Make the children of a model int8 whose type is in the set, at every depth."""
    for name, child in model.named_children():
        if type(child) in types:
            setattr(model, name, quantize_dynamic(nn.Sequential(child))[0])
        else:
            replace(child, types)


# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The loop runs zero times, because a linear layer alone has no children, and the line replaces only children.**
#
# <!-- page -->
#
# Such a layer is the root of the tree. The same holds for the LSTM. The line gives back a copy of it, unchanged. The remedy is to put the layer into a `Sequential`. Then it is a child, and its file gets nearly 4 times smaller. The next cell tests both: it gives the line and our loop the four models, compares the printed results, and then wraps the first two models. (To call the line twice does no harm: after the first call no child of a listed type is left. *Deeper* says what the file of such a model holds, and what it takes to load it.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
same = []
for model in four.values():
    by_hand = copy.deepcopy(model)
    replace(by_hand, {nn.Linear, nn.LSTM, nn.GRU})
    same.append(str(by_hand) == str(quantize_dynamic(model)))
print("our loop and the line replace the same modules:", same)

wrapped = {name: nn.Sequential(four[name]) for name in ("a linear layer", "an LSTM")}
for name, model in wrapped.items():
    factor = show.saved_bytes(model) / show.saved_bytes(quantize_dynamic(model))
    print(f"{name} in a Sequential: {factor:.2f} times smaller")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. An audit
#
# An **audit** lists the modules of a model with what each one runs in. Its evidence is what a module *calls*: an operator is a compiled function with a name, such as `aten.addmm` or `quantized.linear_dynamic`.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw three columns on the board, "what happens", "inside", "called", and play `Sequential(Linear, ReLU)`: enter the model, enter 0, call `aten.addmm`, leave 0, enter 1, call `aten.relu`, leave 1. Let the room say what is written in each column. The hooks are not on the slide: they put the name of a module on the list `inside` when it begins, and take it off when it ends. Ask where the two tools meet: in the dictionary `called`.

# %% [markdown] slideshow={"slide_type": "skip"}
# The size of the file did not tell what had happened inside. What would? Whatever a module does, in the end it calls **operators**: compiled functions, each with a name. (`aten` is the name of PyTorch's own library of them.) A float linear layer calls `aten.addmm`, which multiplies two float matrices and adds a vector. A dynamic int8 layer calls `quantized.linear_dynamic`. The arithmetic happens in the operator, so its name is the evidence that we want.
#
# Two tools of PyTorch let us collect the names.
#
# - A *dispatch mode* is a class with a method `__torch_dispatch__`. While the mode is switched on, PyTorch calls this method in place of each operator, and hands it the operator and its arguments. Our method writes down the name, calls the operator, and gives back the result.
# - A *hook* is a function that PyTorch calls when a module begins its work (a *pre-hook*) or ends it. Our hooks keep a list `inside` with the names of the modules that are at work just now, the innermost last.
#
# **Two modules by hand.** The model is `Sequential(Linear, ReLU)`; the name of the model itself is the empty text.
#
# | what happens | `inside` afterwards | added to `called` |
# |---|---|---|
# | the model begins | `""` | |
# | the linear layer begins | `""`, `"0"` | |
# | operator `aten.addmm` | `""`, `"0"` | `"0"`: `aten.addmm` |
# | the linear layer ends | `""` | |
# | the ReLU begins | `""`, `"1"` | |
# | operator `aten.relu` | `""`, `"1"` | `"1"`: `aten.relu` |
# | the ReLU ends, then the model | nothing | |
#
# The class below is the dispatch mode. It writes each operator under the last name in `inside`. (Its list begins with one more `""`, so that operators outside of every module have a name to stand under. Without any hooks, all stand there.)


# %% slideshow={"slide_type": "-"}
class Watch(TorchDispatchMode):
    """Writes down each operator that is called, under the module at work."""

    def __init__(self):
        super().__init__()
        self.inside, self.called = [""], {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.called.setdefault(self.inside[-1], []).append(str(func))
        return func(*args, **(kwargs or {}))


# %% [markdown] slideshow={"slide_type": "skip"}
# The function `audit` sets the hooks, runs the model once on an example, and takes the hooks off again, also when the model stops with an error. (What a hook returns would replace the module's output, so `leave` returns nothing.)


# %% slideshow={"slide_type": "skip"}
def audit(model, *example):
    """{name of a module: the operators that it called itself}, from one run of the model."""
    watch, hooks = Watch(), []

    def leave(*_):
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


# %% [markdown] slideshow={"slide_type": "skip"}
# We try it on the two modules of the table, before the line and after it. (`aten.t` transposes the weights; it computes nothing.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
tiny, row = nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.randn(1, 3)
print("float:", audit(tiny, row))
print("int8: ", audit(quantize_dynamic(tiny), row))

# %% [markdown] slideshow={"slide_type": "skip"}
# A large model calls hundreds of operators, and most of them only arrange numbers. Nearly all the work of a network lies in its *products*: matrix products, convolutions, and the two products of attention. So we sort the names by two lists: products in float, and products in int8. The part before the first dot is the library. Products of `aten.` are mostly float and those of `quantized.` mostly int8, but the library alone does not decide. `aten._int_mm` multiplies integers, and one operator of `quantized.` multiplies floats, as its last part says.
#
# What is on neither list gets the empty text. That says "not on my lists", and not "multiplies nothing". `aten.relu` multiplies nothing. But a `forward` that computes `(weight * x).sum(-1)` calls `aten.mul` and `aten.sum`, and that is a product written out. No list can know it, since other modules call the same two for other things. So nothing may vanish: the function `unlisted` names what is on neither list. Read these names, above all where a module has weights and the audit names no product for it.
#
# (Later lessons use the course's own audit, `int8_audit`. It watches in the same way, and adds how many bits each weight is stored in.)

# %% slideshow={"slide_type": "skip"}
FLOAT = ("quantized.linear_dynamic_fp16", "aten.addmm.", "aten.mm.", "aten.bmm.", "aten.baddbmm.")
FLOAT += ("aten.linear.", "aten.convolution.", "aten.lstm.", "aten.mkldnn_", "aten._scaled_dot", "aten.scaled_dot")
FLOAT += ("aten._native_multi_head_attention", "aten._transformer_encoder_layer")
FLOAT += ("aten.mv.", "aten.addmv.", "aten.dot.", "aten._trilinear.")
INT8 = ("quantized.linear", "quantized.conv", "aten.quantized_", "aten._int_mm", "onednn.q")


def kind_of(operator):
    """Say "float" or "int8" for an operator of the two lists, and "" for one that they do not know."""
    if operator.startswith(FLOAT):
        return "float"
    return "int8" if operator.startswith(INT8) else ""


def unlisted(called):
    """The operators that are on neither list, each once."""
    return sorted({op for ops in called.values() for op in ops if not kind_of(op)})


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A layer of our encoder
#
# The encoder layer of [[dynamic]] has four linear layers: query, key and value in one (`qkv`), the output of the attention, and two of the feed-forward half.
#
# **Predict.** After the line all four are int8. Which product of the layer is still float? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw queries times keys, then shares times values, as two small matrices. Ask: "Which of the two factors is a weight?" Neither is. Then show the figure and point at the orange box.

# %% [markdown] slideshow={"slide_type": "skip"}
# Here is what attention does, in short, because we need it twice ([[attention]] takes its time for it). Every token of the text gets three vectors, its *query*, its *key* and its *value*, from a linear layer. The query of a token is multiplied with the keys of all tokens, which gives one number for each of them. A softmax turns these numbers into shares that add up to 1. The values of all tokens, each multiplied by its share, are added up, and a last linear layer takes the sum. (Between its linear layers attention works in equal slices of the vectors, the *heads*.) Write down which of these steps are modules of the model.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
block = nn.Sequential(models.EncoderLayer(768, 12, 3072).eval().requires_grad_(False))
block_int8, text = quantize_dynamic(block, {nn.Linear}), torch.randn(1, 32, 768)
called = audit(block_int8, text)
print("on neither list:", *unlisted(called))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws the modules of the layer in the order of their calls, with what they multiply with.
show.calls_in_a_row(called, kind_of)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The products inside the attention are still float, queries times keys and shares times values, because they are a call of a function and not a module.**
#
# <!-- page -->
#
# The walk of section 1 meets modules. The layer calls `F.scaled_dot_product_attention(q, k, v)` in its own `forward`, so the audit finds this operator under the layer itself, which has no child for it. The two products have no weights either: both factors are activations, which differ with each text. So there is nothing to round beforehand. The figure shows the products alone. What is on neither list stands above it, and none of these is a product: norms, GELU (an activation function) and sums, in float, and steps that only arrange numbers. And the figure shows one run with one text. A model that takes another branch for another input can call other operators there, and an audit sees only what ran.

# %% [markdown] slideshow={"slide_type": "skip"}
# Look at the arrows of the figure as well. A dynamic layer takes floats and gives floats, and converts at its own entrance and exit. So a float part between two of them costs no extra conversion here. In a *static* model, where integers flow from layer to layer, every float part in the middle needs a conversion before it and one behind it ([[static]]).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which sign can be trusted?
#
# Six models of one linear layer: untouched; after the line, also with float16; after torchao, also with int8 weights only; prepared for QAT.
#
# **Predict.** Three signs need no run: a smaller file, the printed class ("Quantized"), parameters that are not `float32`. Which is right for all six about what *multiplies* in int8? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Let everybody choose one sign before the table, and defend it. Then go down the table sign by sign: "Find the row in which yours lies." The third row is the trap for those who read names quickly: let the room find the two letters and two digits in its last column. (The file is wrong in row 5, the class in rows 3 and 4, the parameters in row 4, where they say `float32`.)

# %% [markdown] slideshow={"slide_type": "skip"}
# An audit needs an example and a run, so one would like something simpler. Three signs are at hand: the *file* got smaller; the printed *class* of the module says "Quantized"; the *parameters* are no longer `float32`. We try them on six models, beside the operator. "The line, float16" is the same line with `dtype=torch.float16`. torchao is the package that replaces the line ([[torchao]]); here it quantizes once with int8 arithmetic, and once "weights only", which stores int8 weights. The last model is prepared for quantization-aware training, QAT ([[qat]]): it rounds its weights while it trains.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
six = show.suspects(quantize_dynamic)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes four signs of int8 for each of the six models.
show.evidence(six, audit, kind_of)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **None of the three signs is right for all six models, because none looks at the arithmetic. The operator does.**
#
# <!-- page -->
#
# Each sign is wrong at least once:
#
# - *The file* shrinks with "weights only" as much as with int8 arithmetic, because it tells what is *stored*. There the int8 weights are turned back into floats at each call, and what multiplies is `aten.mm`, in float. Stored in 8 bits and computed in 8 bits are two questions, and the second is the one of this lesson. And a whole model's file shrinks also if half of its layers stayed float.
# - *The class* is wrong in both directions. torchao exchanges the weights and leaves the class `Linear` as it is. The line with float16 gives a module that is printed as `DynamicQuantizedLinear`, and multiplies floats.
# - *The parameters* tell little. Packed weights ([[dynamic]]) are no parameters, and torchao's weights say `float32`, the type that they have for the outside.
#
# On the model prepared for QAT all three signs are right: it keeps float weights, rounds a copy of them to the int8 grid at each call, and multiplies in float.

# %% [markdown] slideshow={"slide_type": "skip"}
# The operator is where the arithmetic is, so its name says what was computed. But read the whole name: that of the third row begins with `quantized.`, and its end, `fp16`, says that it multiplies floats. What it cannot say is whether the int8 result is any good; that takes a test set. An audit costs one run, and this run is slower than usual. So never time a model while it is watched.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Why does a part stay float?
#
# The set says which types you want. A dictionary inside PyTorch says which int8 class takes the place of each type. It has no entry for `nn.Conv2d`.
#
# **Predict.** You ask for it: `quantize_dynamic(zoo, {nn.Conv2d})`. **A** It becomes int8. **B** An error. **C** Nothing happens. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote A, B, C: expect A or B. After the table, let the room say for each "float" under {Linear} why. (LSTM, GRU, LSTMCell, Embedding: not in the set. RNN and Conv2d: not in the dictionary either. Attention and the derived class: types of their own, though they are linear inside.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
zoo = show.zoo()
made = {
    "no set": quantize_dynamic(zoo),
    "{Linear}": quantize_dynamic(zoo, {nn.Linear}),
    "{Conv2d}": quantize_dynamic(zoo, {nn.Conv2d}),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes which of nine modules were replaced, for three calls of the line.
show.replaced(zoo, made)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Nothing happens (C): the convolution stays float, and the line says nothing, because a type without an entry in the dictionary is left alone.**
#
# <!-- page -->
#
# Without a set the line takes its default, which has linear layers, LSTMs, GRUs and the cells of RNNs. The whole `RNN` is not in it, nor are convolutions, tables of embeddings and attention. The last row is a class of our own, derived from `Linear`, with nothing added: it stays float even where `Linear` is in the set, because the types must be equal. So whoever derives a layer to log something, or to add an adapter (a small layer beside it), loses int8 without a word. "PyTorch has no int8 for it" would be too strong in most of these cases. *Deeper* extends the list, and then runs a convolution with int8 weights.

# %% [markdown] slideshow={"slide_type": "skip"}
# So far a part stayed float for one of three reasons. Each has its remedy:
#
# | reason | example | remedy |
# |---|---|---|
# | it is not a child | a layer alone; the root of the model | put it into a `Sequential` |
# | its type is not in the set, or not in the dictionary | an LSTM where `{Linear}` was asked for; `Conv2d`, `RNN`, a derived class | another set, dictionary or method ([[static]] for convolutions); the plain class |
# | it is not a module | attention's products; a parameter that `forward` multiplies with | write it with a module, if it has weights |
#
# And sometimes float is what one wants. Norms, GELU and sums make few operations beside the products: section 4 finds them at a few per cent of the time of a layer with 2,048 tokens, so int8 could win little there. LLM.int8() ([Dettmers et al., 2022](https://arxiv.org/abs/2208.07339)) keeps some columns of a Transformer's products in 16 bits on purpose, because single features are far larger than all others. An audit does not ask for int8 everywhere. It asks whether you *know* what runs.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### PyTorch's own Transformer layer
#
# `nn.TransformerEncoderLayer` holds a `MultiheadAttention` and two linear layers. We quantize it and run it in evaluation mode.
#
# **Predict.** **A** All of it is int8. **B** A part is. **C** It crashes. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. Expect B, after section 1. Run it, and let the room read the error: "Who asks a function for its device?" (The fast path for evaluation reads `linear1.weight`, which is a method after the line.) Then ask whether our audit would have seen the crash. It would not, because its hooks switch the fast path off. The one switch of the answer does the same.

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
theirs = nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True).eval()
half_done = quantize_dynamic(theirs.requires_grad_(False), {nn.Linear})
try:
    half_done(text)
except AttributeError as error:
    print("AttributeError:", error)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The quantized layer crashes in evaluation mode (C).** With one switch it runs, and then a part of it is int8 (B).
#
# <!-- page -->
#
# In evaluation mode this layer takes a *fast path*: one fused operator for the whole layer, which reads the weights of all its parts as float tensors. After the line, `linear1.weight` is no longer a tensor but a method that gives the weights back, and the fast path asks this method for its device. The switch `torch.backends.mha.set_fastpath_enabled(False)` turns the fast path off. (The line puts its copy into evaluation mode by itself. Back in training mode the layer would run, because the fast path is for evaluation only.)

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to "Two encoder layers". The next two minutes, about how far to trust an audit, can wait.*
#
# **Can the audit be trusted here?** The next cell audits the same layer with the fast path switched *on*, which has just crashed.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
seen = audit(half_done, text)
print("the audit of the layer that crashes:", [op for ops in seen.values() for op in ops if kind_of(op)])

fused = Watch()  # the float layer, watched without hooks
with torch.no_grad(), fused:
    theirs(text)
print("the float layer without hooks:", fused.called)

torch.backends.mha.set_fastpath_enabled(False)  # the switch
agree = F.cosine_similarity(half_done(text).flatten(), theirs(text).flatten(), dim=0)
torch.backends.mha.set_fastpath_enabled(True)
print(f"with the switch: cosine with float {agree:.6f}")

own = [name for name, module in half_done.named_modules() if list(module.parameters(recurse=False))]
print("parameters of its own, and no operator:", [name for name in own if name not in seen])

# %% [markdown] slideshow={"slide_type": "skip"}
# The audit does not crash. PyTorch takes the fast path only if no module of the layer has a hook, and our audit is made of hooks. *So the instrument changes what it measures.* It reports two int8 products and a float one, on a path that the model does not take without the hooks. (That is the fast path of the whole layer. The attention inside has a fast path of its own, and that one does not ask for hooks: hence the float operator `_native_multi_head_attention`. It does not crash, because the weights that it reads stayed float.) The second line of the output is the control: the mode alone, without any hook, sees the one fused operator that really runs in the float layer.
#
# The last line shows what is easy to overlook in an audit: what is *not* in it. The output layer of the attention has weights, and never ran as a module, because the fused operator reads them from the outside. Exercise 2 makes the audit say so.
#
# So after an audit, call the model once more without hooks, and compare its output with that of the float model (here by the cosine of the two). If in doubt, watch with the mode alone. It knows no names of modules, but it sets no hooks.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two encoder layers as they lie in memory
#
# Both have equally many weights, and both went through the line.
#
# **Predict.** How many times the bytes of the course's layer does PyTorch's layer take now? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them guess the factor. In units of 768 · 768 weights: 12 become 3 in the course's layer; in PyTorch's 4 stay and 8 become 2, so 6. The course's encoder writes each projection as an `nn.Linear`. Point at the orange parts, and ask for the two reasons: a parameter, and a class with a long name.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the weights of the course's layer and of PyTorch's own as areas.
show.two_layers_in_memory(block_int8[0], half_done)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **PyTorch's own layer takes twice as many bytes, because its whole attention, a third of the weights, stayed float.**
#
# <!-- page -->
#
# By hand, in units of 768 · 768 weights: queries, keys and values are 3 units, the output 1, and the two linear layers 4 each. That is 12. In int8 each unit takes a quarter of its bytes. In the course's layer all 12 units became int8, which is 12 / 4 = 3. In PyTorch's layer the 4 units of the attention stayed, and 8 became int8: 4 + 8 / 4 = 6. So a third of the weights, left in float, doubles the layer.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A repair, and its proof
#
# The same attention, written with two linear layers that hold the same weights. Then the line.
#
# **Predict.** Which check has to come first? **A** The output in int8 is close to the old attention's in float. **B** In float both compute the same. **C** The audit sees int8 products. And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Draw the parameter `in_proj_weight` as a column of three squares, Q, K and V, and beside it one linear layer from w to 3w. Vote A, B, C. Ask what each of the other two would say if a weight had been copied wrongly, or if the line had done nothing. (A passes best where nothing was quantized. C passes with wrong weights.) Then the table: two int8 products around the float ones, and a file nearly four times smaller.

# %% [markdown] slideshow={"slide_type": "skip"}
# The third reason, "not a module", has a remedy where weights are concerned: write the attention with linear layers, and copy the weights into them. `MultiheadAttention` keeps the three matrices for queries, keys and values one below the other in `in_proj_weight`, and so does one linear layer from $w$ to $3w$ numbers.


# %% slideshow={"slide_type": "skip"}
class SplitAttention(nn.Module):
    """The self-attention of a `MultiheadAttention`, with linear layers that the line can see."""

    def __init__(self, theirs):
        super().__init__()
        width, self.heads = theirs.embed_dim, theirs.num_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.qkv.load_state_dict({"weight": theirs.in_proj_weight, "bias": theirs.in_proj_bias})
        self.out.load_state_dict(theirs.out_proj.state_dict())

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
attention = theirs.self_attn
split = SplitAttention(attention).eval().requires_grad_(False)
expected = attention(text, text, text, need_weights=False)[0]
print(f"in float, largest difference: {(split(text) - expected).abs().max():.0e}, of {expected.abs().max():.2f}")

pair = [quantize_dynamic(nn.Sequential(module), {nn.Linear}) for module in (attention, split)]
int8_cosine = F.cosine_similarity(pair[1](text).flatten(), expected.flatten(), dim=0).item()
print(f"in int8: cosine with float {int8_cosine:.4f}")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what both multiply with after the line, and their files.
show.repair_table(pair[0][0], pair[1], text, audit, kind_of)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **First both are compared in float (B), because otherwise wrongly copied weights and the rounding to int8 could not be told apart.**
#
# <!-- page -->
#
# There are three checks, in this order. *In float* (B) the new module computes the same as the old one, up to the rounding of fp32. *The audit* (C) finds two int8 products, one on either side of the attention's own, where one fused float operator did everything, and the file is nearly four times smaller. (The products of queries, keys and values stay float, since they have no weights.) *The output* in int8 (A) is close to that in float. Without the audit the last check would pass best of all for a module that was never quantized. (The cosine that was printed for the whole layer is no rival of this one: there the input was added to the output, and the attention had stayed float.) This version serves attention of a sequence to itself, without masks and dropout; weights here are random, so the accuracy of a task is not tested.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. What does the float part cost?
#
# One layer of BERT after the line: the audit says 4 products int8, 1 float. In a text of 2,048 tokens less than a third of the multiplications are float.
#
# **Predict.** Which share of the layer's *time* is float: **A** about a fifth, **B** less than a third, **C** more than half? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Before the vote do ten milliseconds on the board: 8 in linear layers become 2, and 2 in attention stay. Ask for the share of the 2, before (a fifth) and after (a half). Then vote, show the figure, and follow the orange line from left to right. The black line is the audit's count, 1 of 5, whatever the text.

# %% [markdown] slideshow={"slide_type": "skip"}
# "One product of five stayed float" sounds as if a fifth were missing. But products differ in size. (And the two of the attention are one operator, which the audit counts once.) What do we weigh them with?
#
# **By multiplications.** The four linear layers have $12 w^2$ weights together, with the width $w = 768$, and each token is multiplied with each weight once. In the attention each of $n$ tokens is compared with $n$ keys, which are $w$ numbers long, and then adds up $n$ values of $w$ numbers. So for each token
#
# $$\text{linear layers: } 12 w^2 \qquad \text{attention: } 2 n w \qquad \text{share of the attention: } \frac{2 n w}{12 w^2 + 2 n w} = \frac{n}{6 w + n}.$$
#
# With 128 tokens that is 128 / (4,608 + 128) = 2.7 %. The longer the text, the larger the share: the linear layers do the same work for every token, and the attention does more for each if there are more of them.
#
# **By time.** A multiplication in int8 takes less time than one in float. **By hand:** a layer takes 10 ms in float, 8 of them in linear layers and 2 in attention, so the attention has a share of 2 / 10, a fifth. The line makes the linear layers four times as fast, so they take 2 ms, and the attention still takes 2. Its share is 2 / 4, a half. Nothing about the attention has changed, and yet it has become the largest item. The whole layer got 10 / 4 = 2.5 times faster, not 4. Even with linear layers that take no time at all it could only get 10 / 2 = 5 times faster. That is Amdahl's law, which you met in [[measuring]] with threads in place of int8.
#
# For the figure we time each operator of the layer by PyTorch's profiler, for texts of three lengths, and add up what is float. (The profiler lengthens every operator a little; ours are long enough for that not to count.)

# %% slideshow={"slide_type": "skip"}
lengths = [128, 512, 2048]
spent = {n: {"fp32": show.time_by_part(block, n), "int8": show.time_by_part(block_int8, n)} for n in lengths}
multiplications = [n / (6 * 768 + n) for n in lengths]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the share that stays float by three rulers.
show.share_by_ruler(lengths, 1 / 5, multiplications, {n: spent[n]["int8"] for n in lengths})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than half of the time is float at 2,048 tokens (C) in the run on this page.**
#
# <!-- page -->
#
# And yet less than a third of the multiplications are. The reason is the one of the hand calculation: only the linear layers got faster. The table after this box has the parts, in percent of the whole layer in fp32. Attention takes about as long after the line as before. GELU, norms and sums, which multiply next to nothing, are float as well and add a little.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the time of the parts at 2,048 tokens, in percent of the whole fp32 layer.
show.parts_table(spent[2048])

# %% slideshow={"slide_type": "skip"}
whole_ms = {kind: sum(spent[2048][kind].values()) for kind in ("fp32", "int8")}
left = whole_ms["int8"] - spent[2048]["int8"][show.LINEAR]  # float, in the int8 layer
float_share = left / whole_ms["int8"]
print(f"the int8 layer is {whole_ms['fp32'] / whole_ms['int8']:.1f} times as fast at 2,048 tokens")
print(f"with linear layers of no time it would be {whole_ms['fp32'] / left:.1f} times as fast")

# %% [markdown] slideshow={"slide_type": "skip"}
# At 128 tokens the float share of the time was 7 to 22 % in all our runs, on two kinds of processors. (If it meets the line of the count in the figure, that is chance.) Without that part the layer could be at most 1 / (1 − 0.22) = 1.28 times as fast. At 2,048 tokens, where more than half is float, it could be more than 1 / (1 − 0.5) = 2 times as fast. So the same audit, four int8 and one float, is good news for short texts and bad news for long ones. Count first, then weigh, and weigh with the input that you will have.
#
# What can one do about it? Shorter texts, if the task allows them. Attention in 16 bits, where the processor multiplies 16-bit floats ([[formats]]; not measured here). A better int8 linear layer helps only up to a limit, which the second line of the output states.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. Why was the narrow LSTM slower?
#
# In [[dynamic]], int8 made an LSTM of 128 units slower. A guess: it searches the range of its input in each of the 28 steps.
#
# **Predict.** How many operators does int8 start for one image, compared with fp32: **A** about as many, **B** twice, **C** ten times as many or more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask for a reason for the slow-down first, and write it down. Then the vote and the count. Ask: "In how many things do the two differ now?" (Two: their bits, and loop against routine.) So the comparison says nothing about the bits yet.

# %% [markdown] slideshow={"slide_type": "skip"}
# Before we judge the guess we count what runs. So far the audit told *what* stayed float. Here everything did become int8: the LSTM and the linear layer behind it. And still the model is slower than in fp32. An audit helps here, too, because it can look at *both* sides of the comparison. A speed-up is one time divided by another. What the audit of int8 cannot explain may lie in the time of fp32.
#
# We take the profiler, which also sees the operators that are started inside other operators. (Our dispatch mode sees the whole int8 LSTM as one operator, `aten.quantized_lstm`, and stops there.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
image = torch.randn(1, 1, 28, 28)
ways = show.lstm_jobs(128, image, quantize_dynamic)
started = {name: show.operators_of(job) for name, job in ways.items() if name != "fp32 loop"}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes how many operators each way starts.
show.operators_table(started)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **int8 starts more than ten times as many operators (C), because fp32 runs all its steps inside one fused operator.**
#
# <!-- page -->
#
# oneDNN, the library that PyTorch uses for this, has a routine that was written for LSTMs: it takes all 28 steps at once. The int8 LSTM is a loop. In every step it computes a product (compiled into the LSTM, so that the profiler does not list it), takes four slices of the result, and calls sigmoid, tanh, products and sums one by one. So fp32 and int8 differ in *two* things: in their bits, and in loop against routine. As long as both differ, the comparison says nothing about the bits. On a processor for which PyTorch has no such routine, fp32 runs a loop as well, and the count comes out as A.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The control
#
# Three bars: fp32 by its routine, fp32 forced into a loop, int8 in a loop.
#
# **Predict.** At 128 units, is int8 slower than the *loop* in fp32? And why, or why not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Show the frame of 128 units. Ask which two bars may be compared if only the product shall differ (the two loops, fp32 and int8). Then the other two frames, 64 and 1,024 units: the same question for each. At 128 units int8 beats the loop by the least times, and by the median of the same rounds as well (the scorecard, 1.27): draw the conclusion there. At 64 units the two loops lie close together. In an earlier run the least times and the median contradicted each other at 128 units (*Deeper*): ask which of the two a single lucky sample can change. (The least time.)

# %% [markdown] slideshow={"slide_type": "skip"}
# What we need is a **control**: a third way that differs from one side in one thing only. We switch oneDNN off for the fp32 LSTM. Then PyTorch should run it as a loop, with the same steps and the same operators for the gates as int8. (A switch is a call that returns without a word, so we audit the control as well, below the figure.) Now fp32 and its loop differ in the routine alone (which brings a product of its own), and the loop and int8 in the product alone, with everything that belongs to it: its bits, its library, search and rounding of the input, and the operators that it takes to start it.
#
# **By hand.** Suppose fp32 takes 2 ms and int8 4 ms. The *gap* to explain is 4 − 2 = 2 ms. If the loop takes 3 ms, giving up the routine costs 3 − 2 = 1 ms, half of the gap, and the int8 product the other 4 − 3 = 1 ms. If the loop takes 2.2 ms, the routine explains 0.2 / 2 = 10 % and the product 90 %: int8 is to blame. If it takes 5 ms, the routine explains 3 / 2 = 150 %, and the product (4 − 5) / 2 = −50 %. Then int8 wins a part of the gap back, and without it the gap would be larger. The two shares are always 100 % together, and one can be more than the whole if the other is negative.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
lstm_times = {
    width: timing.compare(show.lstm_jobs(width, image, quantize_dynamic), rounds=10, sample_seconds=0.005, device=cpu)
    for width in (128, 64, 1024)
}
loops = timing.Comparison({way: lstm_times[128].samples[way] for way in ("fp32 loop", "int8")}, 1, "cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the time of the three ways, for each width.
show.lstm_bars(lstm_times)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **No: at 128 units int8 is faster than the loop in the run on this page, but both loops lose to the fused routine.**
#
# <!-- page -->
#
# The loop takes 2.09 times as long as the routine, and int8 1.68 times. So it is not the int8 product that makes this narrow LSTM slow. It is the good routine on the other side. The bars show the least times; in the median of the ten rounds int8 is faster than the loop, too (1.27 times, see the scorecard). In an earlier run the two readings contradicted each other, and *Deeper* says how they can.
#
# At 64 units the two loops lie close together, 2.71 and 2.60, so there the product hardly counts in this run. In the earlier one int8 was clearly the faster of the two.
#
# At 1,024 units int8 beats both by far, since there the product is nearly all of the time, and reading a quarter of the bytes counts ([[dynamic]]).
#
# A remedy suggests itself: leave a narrow LSTM in fp32, where the routine is, and make only the linear layers int8. But first the control itself.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
gates = ["aten::sigmoid_", "aten::tanh", "aten::tanh_", "aten::mul", "aten::add_"]
for way, ops in {**started, "fp32 loop": show.operators_of(ways["fp32 loop"])}.items():
    print(f"{way}: {ops.total():,} operators, {sum(ops[op] for op in gates)} of them for the gates")

# %% [markdown] slideshow={"slide_type": "skip"}
# It is a control, because for its gates the loop starts as many operators as int8 does, and fp32 by its routine starts none. Altogether the loop starts even *more* than int8, because the product of fp32 is started by several operators (`linear`, `t`, `addmm` and others), and that of int8 is compiled into its LSTM, where the profiler lists none. So where int8 wins against the loop, as at 128 units, this need not come from its bits alone.
#
# And the remedy? The next cell measures whether it helps, against int8 everywhere and against no int8 at all.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
net = models.LSTMClassifier().eval().requires_grad_(False)  # 128 units
everywhere, around = quantize_dynamic(net), quantize_dynamic(net, {nn.Linear})
jobs = {"everywhere": lambda: everywhere(image), "around": lambda: around(image), "fp32": lambda: net(image)}
remedy = timing.compare(jobs, rounds=9, sample_seconds=0.005, device=cpu)
print(f"LSTM left in fp32: {remedy.ratio('around'):.2f} times as fast as int8 everywhere")
print(f"fp32: {remedy.ratio('fp32'):.2f} times as fast as int8 everywhere")
print(f"its file: {show.saved_bytes(around) / show.saved_bytes(everywhere):.1f} times as large")
print(f"fp32's file: {show.saved_bytes(net) / show.saved_bytes(everywhere):.1f} times as large")

# %% [markdown] slideshow={"slide_type": "skip"}
# The remedy wins most of the gap back in the run on this page. But compare it with the third way, to do nothing: the model that is fp32 throughout is faster still, and its file is about as large, because nearly all weights are in the LSTM. What is left for int8 is a small layer, called with one row, and there a call in int8 probably costs more than it wins ([[dynamic]] measured the price of a call). So the better remedy here is plain fp32. The half-way model may pay where the linear layers are wide; that was not tried. For this narrow model int8 pays in bytes, and not in time. For the wide LSTM int8 wins both.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
searches = show.share_of_searches(ways["int8"])
print(f"28 searches for a range, called from Python: at most {searches:.0%} of the int8 call of 128 units")

# %% [markdown] slideshow={"slide_type": "skip"}
# And the guess, the 28 searches? Timed alone they take the share that stands above. It is an upper bound, because here each search is called from Python, which costs more than the search. Inside the int8 LSTM it is part of a compiled product. So the searches are a small part of the int8 call, and the gap to fp32 is much larger than that.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries cases that you do not see here.
#
# ### Exercise 1 · Why is it slower?
# ★★★ · 12 minutes · an investigation
#
# One LSTM runs in three ways: `"fp32"` (the routine), `"fp32 loop"` and `"int8"`. The *least* time of each counts.
#
# If int8 takes at most 1.1 times as long as fp32, it is `"not slower"`. If it takes longer, the gap is int8 − fp32, and the share of the routine is (fp32 loop − fp32) / gap. Above 0.75 the answer is `"routine"`, below 0.25 `"product"`, between them `"both"`.
#
# <!-- page -->
#
# The share is what giving up the routine explains of the gap. You get an instrument, `ms(way, seed=k)`: the milliseconds of one LSTM, run in one of the three ways. Run each way with the same ten seeds or more. The least time counts because other programs can only make a run slower, and here we ask what each way *can* do. (The median of [[measuring]] asks what is typical, which is another question.) And these machines do not keep their speed: let the three ways *take turns*.
#
# `why_slower(ms)` → `"not slower"`, `"routine"`, `"product"` or `"both"`
#
# <details><summary>Hint</summary>
# Two loops, one in the other: the outer one over the seeds, the inner one over the three ways. Keep the least time of each way. The share can be above 1 or below 0; the rule is the same.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# Why *turns*? Suppose a processor runs fast for the first second and then gets warm and slows down. Whoever measures all runs of fp32 first gives the fast second to fp32 alone. In turns, every way gets its part of it ([[measuring]]).
#
# The check makes up several machines. On some the routine makes the gap, on some the product, on one there is none, and several of them disturb the runs in a way of their own. The made-up machines answer at once.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. Write three made-up times on the board (fp32 2, loop 5, int8 4), and let the pairs work out the share and the answer (3 / 2 = 1.5, "routine"). Then change the loop to 2.3 (0.3 / 2 = 0.15, "product"). Then ask: "All of fp32 first, then all of int8: what can go wrong?" (The machine may slow down in between; so the ways take turns.) The other exercises are homework.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def why_slower(ms):
    """Say why int8 is slower: "routine", "product", "both", or "not slower".

    Args:
        ms: the instrument; `ms("fp32 loop", seed=3)` gives milliseconds.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.why_slower(why_slower)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def why_slower_solution(ms):
    least = {"fp32": float("inf"), "fp32 loop": float("inf"), "int8": float("inf")}
    for seed in range(10):
        for way in least:
            least[way] = min(least[way], ms(way, seed=seed))
    fp32, loop, int8 = least.values()
    if int8 <= 1.1 * fp32:
        return "not slower"
    routine = (loop - fp32) / (int8 - fp32)
    return "routine" if routine > 0.75 else "product" if routine < 0.25 else "both"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on this machine
#
# The LSTMs of section 5: three widths, three ways, ten turns, the least times.
#
# **Predict.** What does the rule of Exercise 1 say at 64, at 128 and at 1,024 units? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show the frames of the control once more while they answer. Say the rule again: int8 at most 1.1 times fp32 is "not slower", a share above 0.75 "routine". Ask what a share above 1 means: the product wins a part of the gap back.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Applies the rule of Exercise 1 to the times of section 5.
show.why_table(lstm_times)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The rule says "routine" at 64 and at 128 units, and "not slower" at 1,024, in the run on this page.**
#
# <!-- page -->
#
# At 128 units the share is far above 1: the loop alone would cost more than the whole gap, and int8's product wins a part of it back. At 64 units it is about 1, so the loop alone explains the gap. Do not build on the answer at 128 units: an earlier run gave a share of 0.38 there, which is "both" (*Deeper* says why). The second column shows what the fused routine is worth to fp32; at 1,024 units it is worth nothing here.
#
# What the experiment cannot say is *why* the routine is better. Fewer operators to start is the likely reason, since a loop starts hundreds of them for an image, as the counts say, but counting is not timing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### An audit without a run
#
# An exported graph needs no run: its nodes name their operators. Of the float BERT shape, run and graph must say the same.

# %% [markdown] slideshow={"slide_type": "skip"}
# `torch.export` follows a model once and keeps what it saw as a list of nodes. Each node remembers its module as well. We count in three forms of the BERT shape, which has 12 of our layers: run in float, read as a graph, and run in int8. (The older int8 layers cannot be exported, since `torch.export` refuses their packed weights. They have to be run.)

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
network = networks.bert()
bert, ids = network.model, network.example
bert_int8 = quantize_dynamic(bert, {nn.Linear})
graph = torch.export.export(bert, (ids,)).graph
forms = {
    "float, run": audit(bert, ids),
    "float, read as a graph": {"graph": [str(n.target) for n in graph.nodes if n.op == "call_function"]},
    "int8, run": audit(bert_int8, ids),
}
in_int8 = sum(kind_of(op) == "int8" for ops in forms["int8, run"].values() for op in ops)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes what multiplies and what is looked up, in three forms of one model.
show.forms_table(forms, kind_of)

# %% [markdown] slideshow={"slide_type": "skip"}
# 12 layers with four linear layers each are 48 products, and all 48 are int8 after the line. BERT as published has six linear layers in each, because queries, keys and values are three there. The graph has the linear layers under another name, `linear` in place of `addmm`, and the same number of them. The attention's own products and the two tables stay float.
#
# ### "It has none" is a question to a list
#
# The line has the set of types, and a [dictionary](https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/quantization_mappings.py) from a type to its int8 class. Both can be given: `quantize_dynamic(model, types, mapping=...)`. (The set may also hold the name of a module, or the type of a container, which then counts for everything in it. We give it types of layers only.) A table of embeddings wants `dtype=torch.quint8`. Which of six requests run with 8-bit weights? Look up, then run, then audit.

# %% slideshow={"slide_type": "skip"} tags=["legacy", "hide-input"]
# Writes what runs after six requests.
show.requests_table(zoo, audit, quantize_dynamic)

# %% [markdown] slideshow={"slide_type": "skip"}
# Three do: the convolution with a longer list, the table with another type, and the GRU. Of that convolution PyTorch itself says "poor numerical accuracy … not recommended". `RNN` stays float, since the dictionary has no class for it, and the first request for a table is refused with an error that names the right type. (An `RNN` calls `linear`, which calls `addmm`. That is one product under two names, and the table shows the second.) So "PyTorch has no int8 convolution" is wrong, and "its default list has none" is right.
#
# The package of a class tells its kind. Modules of `torch.ao.nn.quantized.dynamic` take and give floats; the linear layers and convolutions of `torch.ao.nn.quantized` are static and take and give integers ([[static]]). The 8-bit `Embedding` lives there too, and gives floats. Older code says `torch.nn.quantized` and `torch.nn.quantized.dynamic`, which are the same classes under their first names.
#
# Other interfaces have other lists. ONNX Runtime's dynamic quantization knows LSTM, Gather (a table's look-up), convolution and a fused attention ([its registry](https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/python/tools/quantization/registry.py), looked up, not run here). The parts that are left in float are ordinary PyTorch. They could run on a GPU, where these int8 modules cannot; every border would then cost a copy (not measured here).
#
# ### When the least time and the median disagree
#
# At 128 units section 5 reads the same samples in two ways. The bars and the rule of Exercise 1 take the least time of each way. The scorecard divides the times within each round and takes the median of the ten rounds. In the run on this page both say that int8 is faster than the loop. In an earlier run on the same kind of processor they contradicted each other: the bars stood at 1.27 for the loop and 1.72 for int8, and in the median int8 was 1.10 times as fast as the loop. How can that be? The least time is that of a single sample. If the processor ran faster than usual for a few milliseconds while it timed the loop, the least time of the loop is too good, and the median hardly notices. This would also explain why the loop cost so much less at 128 units than at 64 in that run (3.26). We have not tested it.
#
# In a third run, on another kind of processor, the bars at 128 units stood at 2.60 and 1.90, and the rule said "routine" at both narrow widths, too. The rule assumes that nothing can make a run faster than it should be. A processor that changes its speed can. Run the cell of section 5 again when the machine has nothing else to do, and see whether your answer stays the same. Widths below 64 were not tried.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The rival: 16 bits in the file
#
# Where only the bytes count, int8 has a rival that needs no audit: store the weights in 16 bits, and convert them back while loading. It is the same computation with no new kernel. A small Transformer ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)), two layers of 64, reads an image of Fashion-MNIST as 16 patches, and we store it in five ways. "The old switch" is the line with `dtype=torch.float16` of section 2.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
vit, test_pixels, test_labels = show.train_small_transformer(device)
vit_int8 = quantize_dynamic(vit, {nn.Linear})
old_half = quantize_dynamic(vit, {nn.Linear}, dtype=torch.float16)


def in_dtype(model, dtype):
    """The state_dict with every tensor in another type."""
    return {name: value.to(dtype) for name, value in model.state_dict().items()}


kinds = {
    "fp32": (vit.state_dict(), copy.deepcopy(vit)),
    "float16 file": (in_dtype(vit, torch.float16), copy.deepcopy(vit)),
    "bfloat16 file": (in_dtype(vit, torch.bfloat16), copy.deepcopy(vit)),
    "the old switch": (old_half.state_dict(), copy.deepcopy(old_half)),
    "int8 dynamic": (vit_int8.state_dict(), copy.deepcopy(vit_int8)),
}

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
stored = {kind: show.reload(*states) for kind, states in kinds.items()}
accuracy = {kind: training.evaluate(net, test_pixels, test_labels, device=cpu) for kind, (_, net) in kinds.items()}
one = test_pixels[:1]
vit_speed = timing.compare({"fp32": lambda: vit(one), "int8": lambda: vit_int8(one)}, rounds=9, device=cpu)
print(f"int8 answers {vit_speed.ratio('int8'):.2f} times as fast as fp32, one image")

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes file and accuracy of the five.
show.files_table(stored, accuracy)

# %% [markdown] slideshow={"slide_type": "skip"}
# 16 bits halve the file and cost hardly any accuracy, and int8 is smaller still. The old switch saves nothing on disk: it packs 16-bit weights in memory, and its file holds fp32. Layers of 64 are narrow, so this int8 model is the slower one in the run on this page (the output above the table). A 16-bit file is enough where nobody waits for the arithmetic, only for the download.
#
# **What does the int8 file hold, and what does it take to load it?** Its `state_dict` holds the int8 weights with their scales, the biases in float, and what stayed float. The float model does not know these names. So one builds the float model, sends it through the same line with the same set, and loads the file into the result. Into a float model it does not fit: `load_state_dict` stops with an error about missing and unexpected keys. With `strict=False` it does not stop, and leaves all quantized layers as they were, which is worse: an audit and a test image would tell. `torch.load` needs `weights_only=False` where the file holds the packed object of an LSTM. That can run code from the file, so do it with your own files alone.
#
# ### Switching between models
#
# A service recognises speech in many languages, with one model a language. Whoever calls in another language waits until that model is loaded. Our stand-in is the BERT shape, its file in the cache of the disk. Does the smallest file load fastest?

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
loading = {
    "fp32": show.reload(bert.state_dict(), bert),
    "float16 file": show.reload(in_dtype(bert, torch.float16), bert),
    "int8 dynamic": show.reload(bert_int8.state_dict(), bert_int8),
}
packing = show.packing_ms(bert_int8)  # the control: packing alone

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the time to load, by reading and by putting into the model.
show.loading_table(loading, packing)

# %% [markdown] slideshow={"slide_type": "skip"}
# The smallest file is not the fastest to load: in the run on this page it takes longer than either of the others. (In an earlier run, where reading took most of the time of the fp32 file, int8 needed two thirds of that file's time, and float16 about a quarter.) The weights of the line are *packed* anew at each load, and the caption times the packing alone: it is most of the time *into the model*. From a slow disk or a network the column *reading* grows with the bytes, and then the small file wins.
#
# ### When does it not pay?
#
# One linear layer, square, at several widths, with batches of 1, 16 and 256 rows. You may have read that dynamic quantization is for batch 1.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
widths = [32, 64, 128, 256, 512, 1024]
gains = show.gains_by_batch(widths, [1, 16, 256], quantize_dynamic)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the speed-up of int8 over the width, a curve for each batch.
show.batch_curves(widths, gains)

# %% [markdown] slideshow={"slide_type": "skip"}
# Narrow layers lose and wide ones win, and batch 1 crosses the dotted line *last* in the run on this page. A call from Python has a fixed price ([[dynamic]]). More rows enlarge the product, the search and the rounding, and not that price, so its share shrinks. "For batch 1" probably comes from another comparison: int8 reads a quarter of the weights' bytes, and that counts most where the layers are so wide that reading takes the time and each weight is used once.
#
# A rule of thumb from this lesson and [[dynamic]], with the older line, on the processors that we tried. Which of your own models is in which row? Measure it.
#
# | your model | dynamic int8 |
# |---|---|
# | wide linear layers, a wide Transformer | smaller, and faster here; audit the attention, weigh it by your length of text |
# | a wide LSTM | smaller, and faster here |
# | narrow layers, a small LSTM | for the file; a 16-bit file may do |
# | mostly convolutions | not on the default list: static quantization ([[static]]) |
# | mostly embeddings | a call of their own, for the bytes |
#
# ### Into the ledger
#
# Energy is an estimate ([[energy]]). Only the linear layers count as int8, and one fetch of the weights is priced.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the two rows into the ledger and shows them.
show.into_the_ledger(vit, one, stored, accuracy, vit_speed.ratio("int8"))

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · An audit that says what it did not see
# ★★ · 12 minutes
#
# `audit` lists what ran. A module that did not run is not in the list, and one whose operators are on neither list has nothing to show. Both are easy to overlook. Write `verdicts`. `called` is what
# `audit` gave back for `model`, and `kind_of` is a function like that of section 2. Give an entry for every module, also for the model itself, that holds a weight *itself*: a parameter of two or more dimensions, or a *method* `weight`, as the
# int8 linear layers have. (No model has an LSTM here.) The entry is
#
# - `"not run"` if the module called no operator,
# - `"unknown"` if it called some, and `kind_of` gives `""` for all of them,
# - `"float"` or `"int8"` if all that `kind_of` knows are of this kind, and `"both"` if there are both.
#
# `verdicts(model, called, kind_of)` → {name of a module: text}
#
# <details><summary>Hint</summary>
# <code>model.named_modules()</code> gives every module with its name, also the model itself under the empty text. <code>module.parameters(recurse=False)</code> gives a module's own parameters alone.
# <code>called.get(name, [])</code> is a list for a module that did not run, too.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def verdicts(model, called, kind_of):
    """A verdict for each module that holds a weight itself.

    >>> verdicts(nn.Linear(2, 2), {"": ["aten.addmm.default"]}, lambda operator: "float")
    {'': 'float'}
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.verdicts(verdicts)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def verdicts_solution(model, called, kind_of):
    said = {}
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if p.dim() > 1]
        if not own and not callable(getattr(module, "weight", None)):
            continue
        kinds = {kind_of(op) for op in called.get(name, [])} - {""}
        if name not in called:
            said[name] = "not run"
        elif not kinds:
            said[name] = "unknown"
        else:
            said[name] = "both" if len(kinds) == 2 else kinds.pop()
    return said


# %% [markdown] slideshow={"slide_type": "skip"}
# Try it on the layer of section 3, with `verdicts(half_done, seen, kind_of)`. The attention is `"float"`, its output layer `"not run"`, and the two linear layers are `"int8"`.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The model that did not change
# ★★★ · 15 minutes
#
# Write `did_nothing`. `quantize` is a function that takes a model and returns "the quantized one": by the line of this lesson with some set of types, or
# by torchao, PyTorch's current package, to int8; or it changes nothing. Return `True` when *no weight* of the returned model is stored in 8 bits, `False` as soon as one is, also one that
# was so before.
#
# `did_nothing(model, quantize)` → True or False
#
# <details><summary>Hint</summary>
# Here the question is what is *stored*, so no run is needed. The name of a class says little: torchao leaves the modules as they are, and PyTorch has a class NonDynamicallyQuantizableLinear. The course's
# own audit reads a model: int8_audit.audit(model).rows has a row for each module with weights, each with its weight_bits.
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
claims.show("audit")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The line replaces children whose type is in its set and in its dictionary, and is silent about the rest. Audit the model, do not trust the call.
# - What runs in int8 is told by the operators. File, class and parameter type can each mislead.
# - An audit's hooks can change what runs (section 3): call the model once more without them.
# - Weigh what stayed float with the input that you will have. In time it counts for more after int8 than before.
# - A missing speed-up may come from a better opponent: look at both sides, build the control, and audit it, too.
#
# And the opening question: a smaller file tells that something changed, and not what. It would have caught the bare layer, and not the Transformer layer with its attention in float. The audit tells.
#
# **Going further**: A. Vaswani et al., *Attention is all you need*, 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762); T. Dettmers et al., *LLM.int8()*, 2022,
# [arXiv:2208.07339](https://arxiv.org/abs/2208.07339), a Transformer with some columns kept in 16 bits, on purpose.
#
# **Project ideas**: write a dynamic int8 `nn.RNN`; repair a whole `nn.TransformerEncoder` and audit it; audit a model that you did not write.
#
# **Credits**: half-precision storage and the load time of speech models come from notes on model compression; the course's idea in part from Tal Daniel (Technion, EE 046211, tutorial 10). Text CC BY 4.0,
# code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Come back to the answer in the corner of the board: which of today's models would it have caught?
