# ---
# jupyter:
#   course:
#     promise: You will let a Trainer quantize while it trains, find out why a short callback of your own fails at it, and ship what comes out.
#     seconds: 50
#     needs: [measuring, integers, observers, static, qat, qat_cnn]
#     goals:
#       - Write a callback that quantizes while a Trainer trains, and say at which moments it has to act.
#       - Say why a range that follows too slowly ruins a short training, with the sum by hand.
#       - Find out by an experiment which of the Trainer's stages move the observed ranges.
#       - Compare an int8 model with its float twin by a control that says what the distance is worth.
#       - Say what a checkpoint of the training and the state of a finished model hold, and when the int8 file is a quarter of the float one.
#     terms: [checkpoint, MAPE, Trainer]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *The loop is somebody else's. What happens to the weights is still yours.*
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
# *For the lecturer, 2 min.* Ask who uses a Trainer (Lightning, Hugging Face, Keras), and who has looked at what its callbacks do to the weights. Write both numbers on the board, and keep the second one
# for the last slide. Say: "You do not see the loop any more. Today we train for int8 in it, the first attempt fails without an error, and we find out why." If nobody knows a Trainer: it is a library that runs your training loop; the next slide shows what is left for you to write.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import tempfile
import warnings
from pathlib import Path

import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import nn
from torch.ao import quantization as tq

from course_utils import legacy_int8, runtime
from course_utils.callbacks import QuantizationAwareTraining, garments, ignore_advice
from course_utils.callbacks.garments import Layers, fit, mape
from course_utils.measure import int8_audit
from course_utils.scorecard import claims
from lessons.lightning_qat import checks as check
from lessons.lightning_qat import show

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
ignore_advice()  # about data loaders and devices: advice for large trainings, which these are not
torch.set_num_threads(1)  # one thread for every measurement
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[qat]] you wrote the training loop yourself, so you could put a line wherever you needed one: fake quantization in before the first step, the conversion after the last. In many projects there is no such loop to be seen. A *Trainer* of a library runs it, with checkpoints, validation, several devices and much else. Can such a Trainer train a network for int8 without our touching its loop? It can, and the first attempt fails in a way that teaches more than a success would.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. The Trainer does the loop
#
# [Lightning](https://lightning.ai/docs/pytorch/stable/) takes the training loop off your hands. You write a `LightningModule`: forward, the loss of a batch, the optimizer. A
# **Trainer** runs it, saves **checkpoints** (weights, optimizer, position), and calls **callbacks** at fixed moments.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask: "Which lines of your own loop are missing in this class?" (Both `for`, `zero_grad`, `backward`, `step`: the Trainer has them.) `Layers` holds the four layers and `forward`.


# %% slideshow={"slide_type": "-"}
class Regression(Layers):  # a LightningModule: four layers, and forward
    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


# %% [markdown] slideshow={"slide_type": "skip"}
# A `LightningModule` is an ordinary `nn.Module` with a few more methods. `training_step` says how large the loss of one batch is. `configure_optimizers` says who changes the weights. Nothing in the class says *when* these are called: the Trainer calls them.
#
# A **callback** is an object whose methods the Trainer calls at certain moments, the *hooks*. (A hook of PyTorch is something else: a function that is called, for example, before or after a module's forward pass.) In an ordinary loop the Trainer's hooks would stand here:
#
# ```python
# ...                                  # on_fit_start
# for epoch in range(epochs):          # on_train_epoch_start
#     for index, batch in enumerate(train):
#         optimizer.zero_grad()
#         model.training_step(batch, index).backward()
#         optimizer.step()             # on_train_batch_end
#     ...                              # on_validation_start, on_validation_batch_end
# ...                                  # on_train_end
# ```
#
# Each hook is handed the Trainer and the model, and may change both. That is the whole idea, and also the danger: a callback can change the weights while nobody looks.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where may a callback step in?
#
# The Trainer calls a callback at fixed moments, its *hooks*, and hands it the model.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* First frame, the loop alone: let the room say at which moments somebody would want to step in. Click: the hooks. A hook may change the model, weights included. Ask where the rounding of [[qat]] would have to go in (before the first step) and where it would become int8 (after the last one), and leave both open: section 2 tries it.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the loop of a Trainer, and then the hooks beside it.
show.hooks()

# %% [markdown] slideshow={"slide_type": "skip"}
# The figure shows the same loop as a drawing. It also shows a step that is easy to forget: before the first epoch the Trainer passes a few validation batches through the model, to find mistakes before hours of training and not after them. Section 3 comes back to it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The task: sixteen pixels
#
# A camera on a clothes rail sends 4 × 4 pixels, each the mean of 7 × 7. Which share of the full 784 is not black (> 0.1)? A number from 16 inputs: a **regression**.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Point at the second picture: "From these 16 numbers the network has to say the number above the first." Then read the two errors of the caption: a guess,
# and a linear model. The error by hand: the truth is 0.5 and 0.2, the network says 0.55 and 0.18; both are off by a tenth of the truth, so the MAPE is 10 %. Say: "15 % is to be beaten, that is what the network is for." If somebody asks why so small a task: each fit takes a second or two, so all of it can be repeated.

# %% slideshow={"slide_type": "skip"}
rows, share = garments.load("train", 6000)
test_rows, test_share = garments.load("test", 2000)
train = garments.batches(rows, share)  # 47 batches of 128 rows, always in the same order

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws two garments, and what the network sees of them.
show.sixteen_pixels(rows, share, test_rows, test_share)

# %% [markdown] slideshow={"slide_type": "skip"}
# The error of this lesson is the **MAPE**, the mean absolute percentage error. By hand: the true shares are 0.5 and 0.2, and the network says 0.55 and 0.18. It is off by 0.05 of 0.5, which is 10 %, and by 0.02 of 0.2, also 10 %. So the MAPE is 10 %. Each error is divided by the true value, so rows with a small truth count most: to be 0.05 off where the truth is 0.01 is an error of 500 %, and one such row outweighs many good ones. A task whose truth can be 0 needs another measure.
#
# The network is small, so that each fit takes a second or two. You can repeat everything here, also with other seeds.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does the Trainer train differently?
#
# **Predict.** The same model, once in a loop of five lines, once by the Trainer. The weights at the end: **A** equal to the last bit, **B** nearly equal, **C** different, because
# it shuffles, clips or scales something?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect B. The answer is A here: the same operations in the same order, on one thread. The second line says that the network beats the 15 % of the linear model; keep 7.5 % on the board as *float*. Say: "So the loop adds nothing of its own here. What does a callback add?" If somebody does not believe it: ask the Trainer for clipping, mixed precision or several devices, and the bits differ.


# %% slideshow={"slide_type": "skip"}
def by_hand(model, epochs=6):
    optimizer = model.configure_optimizers()
    for _ in range(epochs):
        for index, batch in enumerate(train):
            optimizer.zero_grad()
            model.training_step(batch, index).backward()
            optimizer.step()
    return model


own, by_trainer = by_hand(Regression()), fit(Regression(), train)
weights_that_differ = sum(int((a != b).sum()) for a, b in zip(own.parameters(), by_trainer.parameters(), strict=True))
float_error = mape(by_trainer(test_rows), test_share)

# %% slideshow={"slide_type": "fragment"}
n_weights = sum(p.numel() for p in own.parameters())
print(f"{weights_that_differ} of {n_weights:,} weights differ")
print(f"MAPE {float_error:.1f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The weights are equal to the last bit (A): it is the same loop.**
#
# <!-- page -->
#
# The Trainer does the same operations in the same order, and on one thread of a CPU that gives the same bits. (`fit` is a short function of the course: it makes a quiet `Trainer`, calls its `fit`, and gives the model back in evaluation mode.) The error is far below that of a linear model fitted by least squares (the caption of the two garments has its number), so the network is worth its cost.
#
# This is worth knowing, because it is a control for everything that follows: whatever a callback changes is its own doing, and not the Trainer's. It stops being true where you ask the Trainer for more, such as accumulated gradients, clipping, mixed precision or several devices.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. A callback of your own
#
# Fake quantization in before the first step, int8 after the last one: two hooks.
#
# **Predict.** Six epochs with this callback; the float fit had an error of about 7.5 %. The int8 model has **A** about the same, **B** a point or two more, **C** several times as much?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room name what stands where in the loop of [[qat]]: `prepare_qat`, which puts rounding into each layer, before the first step; `convert`, which makes real int8 layers, after the last one. Those are the two hooks. Then vote: most say A or B. It is C. The 4 modules say that it really computes in int8, and nothing raised an error; 31.8 % is twice the linear model's 15 %. Do not explain: "Every line is right. Let us look for what is wrong."

# %% [markdown] slideshow={"slide_type": "skip"}
# A short reminder of [[static]], [[qat]] and [[qat_cnn]]. `QuantStub` and `DeQuantStub` mark where numbers become integers, and where integers become numbers again. `prepare_qat` puts **fake quantization** into each layer: it rounds weights and outputs to the values that int8 could hold, and goes on computing in float, so that gradients flow. A **moving-average observer** finds the range of the outputs while it trains. `convert` replaces each layer by one that computes in int8 with the ranges found. Here each of these stands at its hook.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
class WithStubs(Regression):
    """The same network, with the two marks between which it will compute in int8."""

    def __init__(self, **options):
        super().__init__(**options)
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()

    def forward(self, x):
        return self.dequant(super().forward(self.quant(x)))


# %% slideshow={"slide_type": "-"} tags=["legacy"]
class TwoHooks(Callback):
    def __init__(self, qconfig=None):
        self.qconfig = qconfig or tq.get_default_qat_qconfig(engine)

    def on_fit_start(self, trainer, model):
        model.qconfig = self.qconfig
        tq.prepare_qat(model.train(), inplace=True)

    def on_train_end(self, trainer, model):
        tq.convert(model.eval(), inplace=True)


# %% slideshow={"slide_type": "skip"}
first_try = fit(WithStubs(), train, TwoHooks())
first_error, in_int8 = mape(first_try(test_rows), test_share), int8_audit.audit(first_try, test_rows).count("int8")

# %% slideshow={"slide_type": "fragment"}
print(f"{in_int8} modules in int8, MAPE {first_error:.1f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The int8 model has several times the error of the float model (C): about four times in the run on this page.**
#
# <!-- page -->
#
# The audit ([[audit]]) says that the model really computes in int8, so the two hooks did what they should. Nothing was forgotten, and nothing raised an error. And yet the model is useless: the linear model of the figure above, with one multiplication for each pixel, has half its error (the caption of that figure has the number).
#
# Many people would stop here and report that "int8 costs 24 points on this task". Let us look at what the observers saw before we believe it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What went wrong?
#
# PyTorch's observer moves the end of its range by a *hundredth* of the distance to what it sees, batch by batch: its **averaging constant** is 0.01.
#
# **Predict.** Two epochs have 94 batches. Which part of the range then still comes from the *first* batch: **A** nothing, **B** 6 %, **C** 39 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* On the board: a range ends at 0.10, and the next batch reaches 0.60. With 0.01 the new end is 0.99 · 0.10 + 0.01 · 0.60 = 0.105, with 0.3 it is 0.25. After one more batch 0.99 of the first is left, after two 0.99 · 0.99. Who has a phone: 0.99 to the power of 93 is 0.39. Then vote and click. Follow the orange line: it has hardly moved in 94 batches. "The network is supposed to say numbers up to the dotted line. How can it, with this range?" It cannot: what lies above the range is cut off, and what is cut off gets no gradient, so the outputs do not grow either, and the observer sees only these. If somebody asks why PyTorch takes 0.01: one odd batch does little harm then, in a training of tens of thousands of steps.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** A range ends at 0.10, and the largest output of the next batch is 0.60. With the constant 0.01 the new end is 0.99 · 0.10 + 0.01 · 0.60 = 0.105. With the constant 0.3 it is 0.7 · 0.10 + 0.3 · 0.60 = 0.25. A small constant averages over about a hundred batches, and so one odd batch does little harm. That suits a training of tens of thousands of steps. Our fit has 6 · 47 = 282.
#
# The next cell lets a second callback watch the range of the model's *output*, for the constant 0.01 and for 0.3. A *qconfig* says with which observers and which rounding a layer is prepared; `moving` makes one with the constant that it is given, and nothing else differs.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
def moving(constant):
    """PyTorch's fake quantization for this engine, with another averaging constant."""
    codes = {"quant_min": 0, "quant_max": 255 if engine == "qnnpack" else 127}
    observer = tq.MovingAverageMinMaxObserver
    rounds = tq.FakeQuantize.with_args(observer=observer, averaging_constant=constant, **codes)
    return tq.QConfig(activation=rounds, weight=tq.get_default_qat_qconfig(engine).weight)


# %% slideshow={"slide_type": "skip"}
watched = {0.01: show.RangeOfOutput(), 0.3: show.RangeOfOutput()}
for constant, watch in watched.items():
    fit(WithStubs(), train, TwoHooks(moving(constant)), watch, epochs=2)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws where the range of the output ends, batch by batch.
show.ranges(watched, share.max().item())

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With the slow observer 39 % still come from the first batch (C).**
#
# <!-- page -->
#
# Every further batch leaves 0.99 of it. After 93 further batches that is 0.99 multiplied by itself 93 times, 0.39. With 0.3 nothing is left of it: 0.7 multiplied by itself 93 times is practically 0. But the range stays even lower than these 39 % explain. The outputs of the untrained network in the first batch are small, below 0.1, and with the slow observer the range has hardly left this place after 94 batches, while the network should say numbers up to the dotted line.
#
# Why is it so low? Two things hold each other down. What lies above the end of the range is cut off by the fake quantization, and for an output that was cut off the gradient is 0: moving the output a little changes nothing, so the loss cannot tell the weights to make it larger ([[qat]]). So the outputs before the cut do not grow either. And the observer sees only these outputs, so its range grows by little more than a hundredth of a small distance. (This is an explanation. That the constant is the cause is shown by the next table, in which nothing else differs.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One number repaired
#
# The same callback, the same six epochs. Nothing but the averaging constant differs.
#
# **Predict.** Which constants are near the float model: **A** only 0.3, **B** 0.1, 0.3 and 1, **C** none: the rest is the price of int8?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. B. The first row is the fault again, with the error of the first try. "So the 24 points were the price of a default." Then: "For which training was 0.01 a good choice?" A long one. Say that with twenty epochs all four are alike, which is why nobody notices. If somebody would now take 1: that is the range of the last batch alone, and one strange batch at the end would spoil it.

# %% slideshow={"slide_type": "skip"}
errors = {0.01: first_error}  # the first try
for constant in (0.1, 0.3, 1.0):
    errors[constant] = mape(fit(WithStubs(), train, TwoHooks(moving(constant)))(test_rows), test_share)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the error for each constant, beside float.
show.constants_table(errors, float_error)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **All constants but the smallest give an int8 model about as good as the float one (B).**
#
# <!-- page -->
#
# So nearly all of the loss was made by a default that does not fit a short training. (The first row is not a new fit but the first try of this section, made with the default; in a trial a fit with `moving(0.01)` had the same error.) Given more time the slow observer arrives as well: after twenty epochs, in a trial, the errors were 6.4, 6.5, 6.5 and 6.6 %, and the float model had 6.3 %. That is why the fault is so hard to see: whoever tests a callback in a long fit sees nothing, and whoever trains from random weights for a few epochs gets a bad model and blames int8. (Fine-tuning, for which QAT is mostly used, hides the fault as well. A network that was trained in float first starts with large outputs, and so its first batch already gives a good range. In a trial we trained this network in float for six epochs, and then for two more with `TwoHooks` as it stands: over three seeds the int8 models had errors of 6.8 to 7.1 %, and their float models had 7.1 to 7.5 %. [[qat_cnn]] has both cases.)
#
# The constant 1 is no average at all: the range is that of the last batch. Here it does as well as the others. With one strange batch at the end it would not.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What a callback for daily use has to do besides
#
# `QuantizationAwareTraining` of this course takes 0.3, puts `quant` and `dequant` in by itself, refuses what it cannot do, and keeps validation from moving the ranges.
#
# ```python
# fit(Regression(), train,
#     QuantizationAwareTraining())
# ```
#
# **Predict.** Four linear layers, three ReLUs. How many int8 modules does the fit make: **A** 4, **B** 7, **C** 8?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect B. The audit says 4. B would count the ReLUs as well, C also `quant`, which only converts. Ask what a ReLU has to compute on integers (nothing new: it raises each code below the zero point to the zero point). And why is the output float? `dequant` comes last. Somebody may ask why one should write `TwoHooks` at all: to know what the ready-made one does.

# %% [markdown] slideshow={"slide_type": "skip"}
# Lightning had a callback of this kind, and version 2.0 removed it. `course_utils.callbacks` has one again. It does what `TwoHooks` does, at other hooks (section 3), and most of its lines are about what may go wrong: a model that has a `quant` of its own, a layer for which there is no int8 kernel, a fit that stops half-way, a validation that moves ranges. *Deeper* lists its arguments.

# %% slideshow={"slide_type": "fragment"}
unfused = fit(Regression(), train, QuantizationAwareTraining(), epochs=2)
audit = int8_audit.audit(unfused, test_rows)
print(audit.count("int8"), "modules in int8")
print(audit.count("float32", "Linear"), "linear layers in float")
print(f"weights {unfused.layer_1.weight().dtype}, output {unfused(test_rows).dtype}")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The fit makes four int8 modules (A), the linear layers.** A ReLU works on the integers as they are.
#
# <!-- page -->
#
# A ReLU makes a 0 of every negative number. On integers with a zero point $z$ it makes a $z$ of each code below $z$, and for that no int8 module is needed, because the ordinary `nn.ReLU` takes the codes as they are. The output is float, because `dequant` comes last.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does fusing save, then?
#
# `modules_to_fuse` joins each layer with its ReLU. Then its range is observed *behind* the ReLU.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 3. The next minute, about what fusing is for, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Without it, what is lost: **A** a second rounding in the ReLU, **B** half of the integers, more or less, **C** nothing?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw a range from −1 to 1 with 127 steps: one step is 2 / 127 = 0.016. Cut it at 0: what is left has half of the steps. Observed behind the ReLU the range is 0 to 1, and the step 1 / 127 = 0.008. Vote and click. B: the codes below the zero point are spent on what the ReLU throws away, so the step is coarser; compare the two columns *step*, and the rounding error goes with them. The line above the table tests A: no code
# changed but those that the ReLU clips.

# %% slideshow={"slide_type": "skip"}
PAIRS = [("layer_0", "layer_0a"), ("layer_1", "layer_1a"), ("layer_2", "layer_2a")]


def aware(**options):
    """The callback of this lesson, with each ReLU fused to its layer."""
    return QuantizationAwareTraining(**({"modules_to_fuse": PAIRS} | options))


model = fit(Regression(), train, aware(), epochs=2)
before = unfused.layer_0(unfused.quant(test_rows))  # int8 codes before the ReLU, and behind it
after, zero = unfused.layer_0a(before).int_repr(), unfused.layer_0.zero_point

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Compares the codes of the model without fusing with those of the model with it.
print(f"codes that the unfused ReLU changes beyond clipping: {int((after != before.int_repr().clamp(min=zero)).sum())}")
saved, wider = show.fusing(unfused, model, [name for name, _ in PAIRS], engine)
saved

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **About half of the integers are lost (B), because the unfused layer keeps codes for negative values, and the ReLU throws them away.**
#
# <!-- page -->
#
# By hand: the outputs of a layer lie between −1 and 1, and there are 127 steps (the integers 0 to 127, which the engine `x86` uses for outputs; [[observers]] says why). One step is then 2 / 127 = 0.016. Behind the ReLU only 0 to 1 is left. With all 127 steps for this half, one step is 0.008, half as wide, and the rounding error halves with it. The line above the table says that A is not the reason: the ReLU changes no code but those below the zero point.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Who may move the ranges?
#
# A Trainer passes data for more than training: a **sanity check** first (a few validation batches, before any training), validation after every epoch.
#
# **Predict.** Below is a real fit of two epochs, batch by batch. In which spans should the observers look, and when does the model become int8?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The first picture has the Trainer's spans only: let somebody point, and ask where in the loop of section 1 each span lies. Then click. The observers look while it trains; sanity check and validation use what they found. int8 comes once, at the end.
# Ask why the sanity check runs in float: no batch has been seen, so there are no ranges yet. Ask what goes wrong if validation moves the ranges: the validation data then change the model that they are to judge. *Rounded* means fake-quantized: the values of int8, computed in float.

# %% [markdown] slideshow={"slide_type": "skip"}
# `TwoHooks` has a second fault, which our fits could not show, because they had no validation data. An observer looks at whatever passes through it. If validation data pass, its range moves, and so the validation data change the model that they are meant to judge. In a fit of your own loop you decide this with one line. Under a Trainer the callback has to know in which stage the model is being called.


# %% slideshow={"slide_type": "skip"}
class Evaluated(Regression):
    """With the other steps of a Trainer."""

    def validation_step(self, batch, index):
        return self(batch[0])

    test_step = validation_step


trace, ordinary = show.Trace(), garments.batches(test_rows[:256], test_share[:256])
four_batches = garments.batches(rows[:512], share[:512])
traced = fit(Evaluated(), four_batches, aware(), trace, epochs=2, validate=ordinary)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws what Trainer, observers and model did, batch by batch.
show.time_of_a_fit(trace, traced, test_rows[:8])

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Observers should look only while the Trainer trains, and the model becomes int8 once, after the last batch.** The check before the first batch runs in float.
#
# <!-- page -->
#
# It has to run in float, because before the first training batch no observer has seen anything, so there is no range with which to round. After that, validation runs with the rounding of the training, and the ranges stand still meanwhile. So validation says how good the int8 model would be if the fit ended now.

# %% [markdown] slideshow={"slide_type": "skip"}
# In which hooks does the callback of this course act? It prepares the model in `setup`, before Lightning makes the optimizer. It lets the observers look when a training batch starts, and holds them still when validation starts. It converts in `on_fit_end`, a moment after `on_train_end`.
#
# Why these hooks, and not the two of `TwoHooks`? Lightning calls `on_fit_start` after it has read a checkpoint and made the optimizer. A checkpoint of such a training holds ranges, and a model that has no observers yet has no place for them. So `TwoHooks` cannot resume a fit: in a trial outside this page it stopped with an error that lists the ranges as unexpected entries. (The optimizer is no problem in our network, because the fake-quantized layers keep the parameters of the float ones.) The observers are switched batch by batch, because a Trainer can also be told to validate in the middle of an epoch. And the conversion waits for `on_fit_end`, because in `on_train_end` another callback may still write a last checkpoint, which should be one that can be trained on. By `on_fit_end` this is over, and Lightning has moved the model to the CPU, where these int8 kernels are.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the loop of section 1 once more, with what the callback does in it.
show.acts()

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A test that could fail
#
# If a test moved the ranges, the test data would change the model. So: inputs 100 times too large, and for comparison ordinary ones. Once as set by default, once with "test" in
# `observer_enabled_stages`.
#
# **Predict.** After training the input's range reaches up to about 1. How far up after each of the four tests?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw two rows (default, stage enabled) and two columns (ordinary, 100 × too large) on the board; the room fills in the four cells before the click. Three cells are about 1. The fourth can be worked out: two batches pass, and the constant is 0.3, so 0.7 · 1 + 0.3 · 100 = 30.7, and then 0.7 · 30.7 + 0.3 · 100 = 51.5. (The largest input is a little below 100, hence a little less.) Most write 100. The line above the table is another test: the same fit with and without absurd validation data, and no output differs.
# Say: "The lower right cell is the control: it shows that this test can fail." Ask what the left column alone would have told: nothing, its two rows agree whether the observers look or not.

# %% [markdown] slideshow={"slide_type": "skip"}
# "Observers stand still while testing" is a promise. How would one notice that it is broken? Not with ordinary test data: they look like the training data, so the range would stay where it is even if the observer did look. The inputs must be such that a broken promise *shows*. And there has to be a case in which it does show, or nobody knows whether the experiment can notice anything at all.


# %% slideshow={"slide_type": "skip"}
few = garments.batches(rows[:1024], share[:1024])


def input_range_ends(factor, *enabled):
    """Where the range of the model's input ends after a test with inputs this many times too large."""
    net = fit(Evaluated(), few, aware(quantize_on_fit_end=False), epochs=1)
    run = garments.trainer(aware(observer_enabled_stages=("train", *enabled)))
    run.test(net, garments.batches(factor * test_rows[:256], test_share[:256]), verbose=False)
    return net.quant.activation_post_process.activation_post_process.max_val.item()


# %% slideshow={"slide_type": "skip"}
ends = {kind: [input_range_ends(factor, *kind) for factor in (1, 100)] for kind in ((), ("test",))}
absurd = garments.batches(100 * test_rows[:256], test_share[:256])
alone = fit(Evaluated(), few, aware(), epochs=2)
validated = fit(Evaluated(), few, aware(), epochs=2, validate=absurd)
changed = int((alone(test_rows) != validated(test_rows)).sum())

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes where the range ends after each test.
print(f"a fit validated on absurd inputs: {changed} of {len(test_rows):,} outputs differ")
show.ends_table(ends)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **By default neither test moved the range: it stays near 1. With the stage enabled the ordinary test leaves it near 1 as well, and the absurd one moves it to about 50.**
#
# <!-- page -->
#
# The 50 can be worked out. Two batches pass, with inputs up to 100, and the constant is 0.3. After the first one the range ends at 0.7 · 1 + 0.3 · 100 = 30.7, after the second one at 0.7 · 30.7 + 0.3 · 100 = 51.5. (The largest input of a batch is a little below 100.)
#
# Read the table by columns. The left column is a test that cannot fail: both rows say about 1, whether the observers look or not. The right column tells them apart. The line above the table is the test for validation: not one output of the finished model differs. It has no second row on this page; in a trial with "validate" enabled as well, all 2,000 outputs differed, so this test could have failed, too.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. How far from float?
#
# Three seeds, four ways from the same first weights: float; float with the rows in another order; int8 with the `average` observer; int8 with the `histogram` observer.
#
# **Predict.** The int8 outputs are a few percent away from their float twin. How far is the second *float* model: **A** not at all, **B** a tenth of that, **C** about as far?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say: four epochs each, and the histogram observer looks at every tenth batch. Show of hands; expect B. After the table read the left column: "So what does 'int8 is a few percent away from float' tell you?" Little: a float model that saw the rows in another order is about as far. Click. The right
# column compares with the truth, and there the means lie within a point of each other. If somebody asks why int8 is ahead there: four epochs are a short fit, and with six the sign changes from seed to seed. Read no gain from it.

# %% [markdown] slideshow={"slide_type": "skip"}
# How does one report what quantization costs? A common way is the distance between the outputs of the int8 model and those of its *float twin*, which started from the same weights, saw the same rows in the same order, and did not round. The number alone says little, since nobody knows how large it would be for two models of which neither is quantized. So we add such a pair: the same float network with the same first weights, which sees the same rows in another order. Nobody would call one of these two "damaged". Each fit has four epochs. The `histogram` observer counts how often values occur, and leaves rare large ones out where that lowers the rounding error. That costs more time, so it looks at every tenth batch only.


# %% slideshow={"slide_type": "skip"}
def every_tenth(trainer):
    return trainer.global_step % 10 == 0


ARMS = {
    "float": lambda net: fit(net, train, epochs=4),
    "float, other order": lambda net: fit(net, garments.batches(rows, share, order=1), epochs=4),
    "int8, average": lambda net: fit(net, train, aware(), epochs=4),
    "int8, histogram": lambda net: fit(
        net, train, aware(observer_type="histogram", collect_quantization=every_tenth), epochs=4
    ),
}
distances = show.Distances(ARMS, Regression, test_rows, test_share)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes how far each way is from its float twin, and from the truth.
distances.table()

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The second float model is about as far from the first as the int8 models are (C).** So the distance from one float twin says little about rounding.
#
# <!-- page -->
#
# Two fits that differ in nothing but the order of the rows end apart as well. What one wants to know is in the right column: how far is each model from the *truth*? There the means lie within about a point of each other. Where int8 is ahead in it, do not read a gain from that: four epochs are a short fit, three seeds are few, and in trials with six epochs the sign changed from seed to seed.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Stop, go home, resume
#
# A fit of four epochs writes a checkpoint after each. Then a new process takes the second one and goes on; here a new model with *other* first weights stands for it.
#
# **Predict.** After the resumed fit, how many int8 outputs differ from those of the uninterrupted one: **A** none, **B** a few, **C** nearly all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B. Then let the room list what must be in the file for "none": weights; Adam's two averages for each weight; the ranges of the observers; whether observers and rounding are switched on; the position. Click. The conditions: nothing random in the model (no dropout), the batches in the same order, sums in the same order. So a shuffled `DataLoader` or a GPU may break it. The next picture opens the file.

# %% [markdown] slideshow={"slide_type": "skip"}
# What would a file have to hold so that nobody can tell the difference? The weights, of course. Adam's two averages for each weight, or the first steps after the pause would differ ([[baseline]]). The ranges of the observers: if they began anew, the range of the first batch after the pause would count for everything, as in section 2. Whether observers and rounding are switched on. And the position: which epoch, which step.


# %% slideshow={"slide_type": "skip"}
def four_epochs(net, *more, **options):
    run = garments.trainer(aware(observer_type="histogram"), *more, epochs=4, enable_checkpointing=bool(more))
    run.fit(net, few, weights_only=True, **options)
    return net


with tempfile.TemporaryDirectory() as folder:
    whole = four_epochs(Regression(), ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1))
    path = Path(folder) / "epoch=1.ckpt"
    halfway = torch.load(path, weights_only=True)
    resumed = four_epochs(Regression(seed=9), ckpt_path=path)

# %% slideshow={"slide_type": "fragment"}
outputs_that_differ = int((whole(test_rows) != resumed(test_rows)).sum())
print(f"{outputs_that_differ} of {len(test_rows):,} int8 outputs differ")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Not one output differs (A).** The checkpoint holds all of it.
#
# <!-- page -->
#
# This holds under three conditions: nothing in the model is random (no dropout), the batches come in the same order, and sums are taken in the same order. A GPU may add in another order; we did not measure that. PyTorch's own `DataLoader` does not say where its shuffler was, so with shuffled batches a resumed fit shuffles anew. (Lightning saves the state of a loader that has a `state_dict`.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What is in the two files
#
# **Predict.** One is for the Trainer, `fit(ckpt_path=…)`; one for your program, `rebuild` and then `load_state_dict`. Which is larger, and what does each one lack?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: the two users. Collect guesses, then click. Let the room check two bars: 9,473 weights and biases times 4 bytes are 37.9 kB, and Adam keeps two numbers for each, 75.8 kB. On the right a weight takes one byte. Ask which of the two you would put on a device, and which one you can train on: the right one, and the left one. Nobody gets from the right to the left, so keep the checkpoint if you may want to train on.

# %% [markdown] slideshow={"slide_type": "skip"}
# A state can be loaded only into a model whose entries have the same names and kinds. A new `Regression()` has float layers, and the finished state has int8 ones. So `rebuild` first gives a new model the int8 parts, without any training, and then `load_state_dict` fills them.

# %% slideshow={"slide_type": "skip"}
with tempfile.TemporaryDirectory() as folder:
    torch.save(model.state_dict(), Path(folder) / "state.pt")
    finished = torch.load(Path(folder) / "state.pt", weights_only=True)
second = aware().rebuild(Regression(seed=9))
second.load_state_dict(finished)
print("the same outputs:", torch.equal(second(test_rows), model(test_rows)))

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the bytes in both files, part by part.
show.two_files(halfway, finished)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The checkpoint of the training is much larger, and it lacks the integers; the finished state lacks whatever one needs to train on.**
#
# <!-- page -->
#
# The checkpoint has the float weights, two averages of Adam for each, and what the observers saw. The finished state has integers and scales, and no float weights, no observers, no averages. So it cannot be trained on: keep the checkpoint if you may want to. Both load with `weights_only=True`, which refuses code in a file.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. A quarter of the file?
#
# An int8 weight takes one byte, a float four.
#
# **Predict.** Our model is 64 units wide, about 9,000 weights. Its int8 file, divided by the float one: **A** 0.25, **B** 0.5, **C** 1? And with 16 units?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote, and let somebody draw the curve into the empty frame before the click. Most say A. B for 64 units, and above 1 at 16. Do the sum with the numbers in the figure: float has 37.9 kB of weights and biases and 3.2 kB beside them, int8 some 10 kB and 10.8 kB beside them; 20.9 / 41.1 is 0.51. Beside them stand scales, zero points, and a name and a place for each tensor. (Whoever divides the bars of the slide before gets less: those were bytes of tensors, without names and places.) Ask where the curve must end: at a quarter, because weights grow with the square of the width, and rows only with the width. So why int8 for so small a model? For a device without a unit for floats; for the bytes, not.

# %% slideshow={"slide_type": "skip"}
widths = show.Widths(Regression, aware().rebuild)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the int8 file over the float file, for networks of seven widths.
widths.draw()

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **With 64 units the int8 file has about half the bytes (B), and with 16 units it is the larger one.**
#
# <!-- page -->
#
# Beside its weights the int8 file has scales and zero points, here one of each for every row, and a name and a place in the file for each tensor. These do not shrink, and there are more of them than in the float file (the figure has the numbers). **By hand.** With 64 units the network has 9,280 weights and 193 biases, which are 37.9 kB in float. In int8 the weights take 9.3 kB, and the biases, which stay float, 0.8 kB. If the files held nothing else, the quotient would be 10.1 / 37.9 = 0.27. But in the run on this page 3.2 kB lie beside them in the float file, and 10.8 kB in the int8 file. So the quotient is 20.9 / 41.1 = 0.51. (PyTorch stores a scale and a zero point with 8 bytes each, so the 193 rows take 3.1 of the 10.8 kB.) In a wide network scales and names no longer count, since weights grow with the square of the width and rows only with the width. So the curve comes down to a quarter.
#
# For this very model, then, int8 is not worth the trouble for the sake of bytes. It stands here because you can repeat each of its fits in seconds. A model for which one would do all this is a convolutional network for images ([[qat_cnn]]) or anything with millions of weights, and the callback takes those in the same way. A device without a unit for floats is another reason: it can compute in integers alone, however small the model is.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Who moves the ranges?
# ★★ · 10 minutes · an investigation
#
# Somebody gives you a callback. Does *testing* move the ranges of its observers, does *validating*, do both, or neither?
#
# You get an instrument, `range_end(run, factor=f, seed=n)`: it fits a model and says where the range of its input ends. `run` is `"fit"` alone, `"fit, validated"` or `"fit, then tested"`.
#
# <!-- page -->
#
# The fit begins from the seed `n`, and the data for validation and test are `factor` times as large as those for training.
#
# `who_moves(range_end)` → `"validation"`, `"test"`, `"both"` or `"neither"`
#
# <details><summary>Hint</summary>
# With factor=1 nobody moves anything. And two runs of the same thing differ a little as well: see by how much before you put a difference down to a stage.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up callbacks. It wants the same seeds and factors for all three runs, and at least three seeds. A made-up fit takes no time.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: "Which runs do you make, with which data, and when do you call a difference one?" The data for validation and test are `factor` times as large as those for training. Collect: `"fit"` alone as the control; both other runs with a large factor, such as 100, because with 1 nobody moves anything; the same factor and seeds for all three, at least three seeds. Then invented numbers on the board, three seeds each: fit 0.93, 0.96, 0.91; validated 0.95, 0.92, 0.94; tested 48, 51, 49. The word is "test": the validated ones lie within what seeds do to the control. A mistake to wait for: one seed each, and 0.93 is not 0.95, so "both". The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def who_moves(range_end):
    """Say which stages move the range: "validation", "test", "both" or "neither".

    Args:
        range_end: the instrument; `range_end("fit, then tested", factor=1, seed=3)`
            gives the end of the input's range.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.who_moves(who_moves)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def who_moves_solution(range_end):
    def moved(run):
        quotients = [range_end(run, factor=100, seed=n) / fit_alone[n] for n in range(5)]
        return sorted(quotients)[2] > 1.5

    fit_alone = [range_end("fit", factor=100, seed=n) for n in range(5)]
    validation, test = moved("fit, validated"), moved("fit, then tested")
    if validation and test:
        return "both"
    return "validation" if validation else "test" if test else "neither"


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever uses the callback in a project: its arguments, what an export looks like today, what loading costs, and two more exercises.
#
# ### All arguments of the callback
#
# ```python
# QuantizationAwareTraining(qconfig=None, observer_type="average", collect_quantization=None,
#     modules_to_fuse=None, input_compatible=True, quantize_on_fit_end=True, observer_enabled_stages=("train",))
# ```
#
# - `qconfig`: the name of an engine (`None`: the one that is best here), or a `QConfig` that fake-quantizes. What this machine does not have is refused, and the model stays as it was.
# - `collect_quantization`: which *training* batches the observers see: all (`None`), the first so many (a count), or those for which a function of the trainer is true. Until the first one
#   the model trains in float. A small count is a trap: ranges stand still after it, while activations may go on growing.
# - `quantize_on_fit_end=False` leaves the model fake-quantized; `callback.quantize(model)` converts it later.
#
# After its first batch the callback converts the model for a trial, runs it, and puts it back. What has no int8 kernel is named then, and not after the fit. It trains on a GPU too, and converts on
# the CPU, where these int8 kernels are (not measured here). It refuses several devices, because each would watch its own ranges.
#
# ### The model of the documentation
#
# Lightning's documentation shows the callback on a network with *two* hidden layers; ours has a third one. There the pairs to fuse are written as a loop over the layers' numbers, and the callback is handed to the Trainer directly, where this lesson uses the helper `fit`. Both forms work with the callback of this course. With `train` from section 1:
#
# ```python
# class RegressionModel(lightning.LightningModule):  # 16, 64, 64 and 1 units
#     def __init__(self):
#         super().__init__()
#         self.layer_0, self.layer_0a = nn.Linear(16, 64), nn.ReLU()
#         self.layer_1, self.layer_1a = nn.Linear(64, 64), nn.ReLU()
#         self.layer_end = nn.Linear(64, 1)
#
#     def forward(self, x):
#         x = self.layer_0a(self.layer_0(x))
#         return self.layer_end(self.layer_1a(self.layer_1(x)))
#
#     def training_step(self, batch, index):
#         return nn.functional.mse_loss(self(batch[0]), batch[1])
#
#     def configure_optimizers(self):
#         return torch.optim.Adam(self.parameters(), lr=1e-3)
#
#
# qat = QuantizationAwareTraining(
#     observer_type="histogram",
#     modules_to_fuse=[(f"layer_{i}", f"layer_{i}a") for i in range(2)],
# )
# qmodel = RegressionModel()
# trainer = lightning.Trainer(max_epochs=2, callbacks=[qat], logger=False, enable_checkpointing=False)
# trainer.fit(qmodel, train)
# ```
#
# After the fit `qmodel` has three layers in int8: the two pairs, each as one module, and `layer_end`. (Type `import lightning` first. The last two arguments keep the Trainer from writing files.)
#
# ### Two ways to call the model
#
# `input_compatible=True`: as before, `model(x)`. `False`: quantize first, `model(model.quant(x))`, for programs that hold 8-bit integers already, such as a camera's.
#
# **Predict.** Give the second kind plain floats: does it **A** quantize them anyway, **B** compute in float, **C** raise an error?

# %% slideshow={"slide_type": "skip"}
strict = aware(input_compatible=False).rebuild(Regression(seed=9))
strict.load_state_dict(model.state_dict())
print(f"equal to the compatible one: {torch.equal(strict(strict.quant(test_rows)), model(test_rows))}")
try:
    print(strict(test_rows))
except NotImplementedError as error:
    print(f"error: {str(error)[:76]} …")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **It raises an error (C), because its int8 kernels take no floats.** "From the 'CPU' backend" in the message means an ordinary tensor ([[static]]).

# %% [markdown] slideshow={"slide_type": "skip"}
# ### An export that is going away
#
# For a long time one exported such a model with TorchScript, which compiles it for a program without your Python code. The call is still there, and the next cell catches what it says.

# %% slideshow={"slide_type": "skip"} tags=["legacy"]
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    scripted = model.to_torchscript()
    with tempfile.TemporaryDirectory() as folder:
        torch.jit.save(scripted, Path(folder) / "model.pt")
        loaded = torch.jit.load(Path(folder) / "model.pt")
largest_gap = max((net(test_rows) - model(test_rows)).abs().max().item() for net in (scripted, loaded))
print(f"largest difference, scripted and loaded from its file: {largest_gap:g}")
print(next(str(w.message) for w in said if "to_torchscript" in str(w.message)))

# %% [markdown] slideshow={"slide_type": "skip"}
# The outputs are equal, because both call the same kernels with the same integers. But do not build on this. Lightning has deprecated `to_torchscript()` in 2.7 and will remove it in 2.8, because PyTorch itself gives TorchScript up ([[depthwise]]).
#
# What follows it is `torch.export`. Does it take our models?

# %% slideshow={"slide_type": "skip"}
example = (test_rows[:128],)
exported = torch.export.export(by_trainer, example)
print("float: the same outputs:", torch.equal(exported.module()(*example), by_trainer(*example)))
try:
    torch.export.export(model, example)
except Exception as error:  # which kind it is has changed between versions of PyTorch
    print(f"int8: {type(error).__name__}: …{str(error)[-60:]}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The float model can be exported. The int8 model of this lesson cannot, because its layers keep their weights in packed objects that `torch.export` does not know. So whoever needs an exported int8 model goes the other way round today: export the *float* model first, and let a quantizer work on the exported graph, as [[torchao]] does. (A model whose weights torchao has quantized could be exported in a trial, too.) The `state_dict` with `rebuild`, as in section 5, remains for programs that have your Python code.
#
# ### Switching between models
#
# A service has ten models and keeps one in memory. For another one it reads a file and calls `load_state_dict`. Take four layers of 2048 × 2048. The file comes from the disk cache, so
# the measurement waits for no disk.
#
# **Predict.** Which part is faster in int8: reading, loading, both?

# %% slideshow={"slide_type": "skip"}
switching = show.Switching()

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes how long reading and loading take, in float and in int8.
switching.table()

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Only reading is faster in int8: there are a quarter of the bytes. Loading is slower.**
#
# The kernel wants its weights **packed**, that is in the order in which it reads them, and `load_state_dict` packs them each time. The caption has the time for packing alone, as a control: it takes about as long as the loading. (The two are timed apart, so it can even come out as the longer one.) A disk adds its own time to reading, and float has four times the bytes to bring. From storage slower than the caption names, int8 is faster together.
#
# (How much faster the reading is depends on the machine: in runs for this lesson it was 1.9 to 7.2 times as fast in int8. Where it is more than four times as fast, the quarter of the bytes cannot be the only reason. The smaller file may lie in a nearer cache of the processor; we have not looked into it.) A service could also use the quarter otherwise, and keep four models in memory where it kept one. Then it need not load at all.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · The fuse list of a model
# ★★ · 10 minutes
#
# ```python
# self.stem = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
# self.conv, self.bn = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
# self.act, self.plus = nn.ReLU(), FloatFunctional()
# self.side, self.neck, self.neck_act = nn.Linear(8, 8), nn.Linear(8, 16), nn.ReLU()
# self.head = nn.Linear(16, 10)
# def forward(self, x):
#     x = self.stem(x)
#     x = self.act(self.plus.add(x, self.bn(self.conv(x))))
#     x = torch.relu(self.side(x.mean((2, 3))))
#     return self.head(self.neck_act(self.neck(x)))
# ```
#
# Write `fuse_list`: all groups for `modules_to_fuse`, each as long as it can be without changing what the network computes.
#
# `fuse_list()` → a list of groups, each a list or tuple of names; the order of the groups is free
#
# <details><summary>Hint</summary>
# A group is a list of the names that model.named_modules() shows, in the order in which the modules run. Between two members no other
# operation may stand. A function such as torch.relu has no name.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def fuse_list():
    """Groups of module names for QuantizationAwareTraining(modules_to_fuse=...).

    >>> len(fuse_list()) > 0
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.fuse_list(fuse_list)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def fuse_list_solution():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("neck", "neck_act")]


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Export and reload
# ★★★ · 15 minutes
#
# A file that was never loaded is no export. Write `export`: save the state of the finished int8 `model` to `path`, load it with `weights_only=True` into a
# *new* model, and give back that model and whether *all* outputs on `x` are equal to those of the old one.
#
# `make()` gives a new float model, `rebuild(net)` gives such a model its int8 parts and returns it. Some models here are input compatible, some are not.
# The file or the rebuilt model may go wrong on the way. If outputs differ then, return the loaded model with `False`.
#
# `export(model, path, make, rebuild, x)` → the loaded model, True or False
#
# <details><summary>Hint</summary>
# Section 5 loads a state into a rebuilt model. A call that works for both kinds is m(m.quant(x)): a compatible model leaves what is quantized
# already as it is. Compare with torch.equal.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def export(model, path, make, rebuild, x):
    """Save an int8 model, load it into a new one; return the new one, and whether it equals the old one.

    >>> callable(export)
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.export(export)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def export_solution(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=True))
    return loaded, torch.equal(loaded(loaded.quant(x)), model(model.quant(x)))


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. Claims of speed depend on the machine; the table names what may be the cause where one fails on yours.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("lightning_qat")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A Trainer does the same loop. What is different afterwards was done by a callback, at a hook.
# - A moving range needs time: with the constant 0.01 a short training ends before the range arrives, and the loss is blamed on int8.
# - Fusing a ReLU to its layer saves the codes that it would throw away (section 2).
# - Observers look in training only. A test of this needs data that would show it, and a case in which it does show.
# - "A few percent away from float" means little without a second float model. Compare with the truth.
# - A checkpoint is for training on, the finished state for shipping. Load whatever you ship.
#
# **Going further**: B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
# [arXiv:1712.05877](https://arxiv.org/abs/1712.05877), what the callback simulates; Lightning's documentation on
# [callbacks](https://lightning.ai/docs/pytorch/stable/extensions/callbacks.html).
#
# **Project ideas**: find the largest width at which the int8 file is still above 0.3; let `collect_quantization` look only in the last epoch, and compare.
#
# **Credits**: the regression model and the calls of the callback follow the documentation of Lightning 1.9, whose team wrote the first version. The callback here was written anew from the behaviour described
# there. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask the opening question again: who would now look, and at what? Ranges after a short fit, a resumed fit against an uninterrupted one, the file loaded again. The bars at the foot are a wider network, four layers of 2,048 units: there the file is a quarter.
