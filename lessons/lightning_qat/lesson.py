# ---
# jupyter:
#   course:
#     promise: You will let a Trainer train a network for int8, find out why a callback without an error gives a wrong network, and ship what comes out.
#     seconds: 33
#     needs: [qat]
#     goals:
#       - put `prepare_qat` and `convert` into two hooks of a callback;
#       - let only training move the ranges, and test whether that is so;
#       - use a ready-made callback daily, and ship what comes out.
#     terms: [averaging constant, checkpoint, MAPE, Trainer]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Every layer is int8 and nothing fails: why is the answer wrong?*

# %% tags=["setup", "hide-input", "legacy"]
# Sets one thread and the int8 engine, hides advice and warnings of the older int8 interface, and imports the drawings.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch

from course_utils import legacy_int8
from course_utils.lightning import ignore_advice
from course_utils.scorecard import claims
from lessons.lightning_qat import checks as check
from lessons.lightning_qat import show

legacy_int8.ignore_deprecations()
ignore_advice()
torch.set_num_threads(1)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. Two hooks
#
# A camera sends 16 pixels of each garment that passes. A network shall say which share of the whole picture is not black, on a chip that computes in int8.
#
# A library runs the training. In Lightning you write a `LightningModule`: layers, loss, optimizer. A **Trainer** does the loop.
#
# The network is the one of Lightning's own documentation.

# %%
import lightning.pytorch as pl


class RegressionModel(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)  # the same first weights each time
        self.layer_0, self.layer_0a = torch.nn.Linear(16, 64), torch.nn.ReLU()
        self.layer_1, self.layer_1a = torch.nn.Linear(64, 64), torch.nn.ReLU()
        self.layer_end = torch.nn.Linear(64, 1)

    def forward(self, x):
        x = self.layer_0a(self.layer_0(x))
        return self.layer_end(self.layer_1a(self.layer_1(x)))

    def training_step(self, batch, index):
        return torch.nn.functional.mse_loss(self(batch[0]), batch[1])

    validation_step = training_step

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


# %%
from lessons.lightning_qat.task import QUIET, batches, load, mape

train = batches(*load("train", 6000))  # 47 batches
test_pixels, test_share = load("test", 2000)


def fit(model, *callbacks, validate=None):
    pl.Trainer(max_epochs=2, callbacks=list(callbacks), **QUIET).fit(model, train, validate)
    return model.eval()


def error(model):
    return mape(model(test_pixels), test_share)


float_error = error(fit(RegressionModel()))
print(f"float: off by {float_error:.0f} %")

# %% [markdown]
# The error is the **MAPE**, the mean absolute percentage error: a network that says 0.55 where the truth is 0.5 is off by 10 %.
#
# Now the same in int8. The loop is the Trainer's, so you cannot put a line into it.

# %% [markdown]
# ### Rounding in, int8 out
#
# At fixed moments the Trainer calls its **callbacks**: objects with methods of fixed names, the *hooks*.
#
# It hands them the model. `prepare_qat` puts the rounding in. It belongs before the first step, so that the weights learn to live with the rounding. `convert` makes integers of the weights. An integer has no gradient, so this comes after the last step.

# %%
from torch.ao import quantization as tq

engine = torch.backends.quantized.engine  # the library that computes in int8 on this processor


# %% rounding_in_int8_out tags=["legacy"]
class TwoHooks(pl.Callback):
    def __init__(self, qconfig=None):
        self.qconfig = qconfig or tq.get_default_qat_qconfig(engine)

    def on_fit_start(self, trainer, model):
        model.qconfig = self.qconfig
        tq.prepare_qat(model.train(), inplace=True)

    def on_train_end(self, trainer, model):
        tq.convert(model.eval(), inplace=True)


# %%
class WithStubs(RegressionModel):
    def __init__(self):  # the marks where floats become integers, and floats again
        super().__init__()
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()

    def forward(self, x):
        return self.dequant(super().forward(self.quant(x)))


# %% [markdown]
# ### Three layers in int8
#
# In float the answers are off by about 14 % of the truth, on average. With 8 bits one expects nearly the same.

# %%
net = fit(WithStubs(), TwoHooks())
print(net)

# %% three_layers_in_int8
print(f"int8: off by {error(net):.0f} %")

# %% [markdown]
# All three linear layers are int8, and there was no error. Yet the network is off by far more. Many people would stop here and report that int8 costs too much on this task. In about [[minutes]] minutes you will know better, and be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** Give the callback a network that was trained before: change `fit(WithStubs(), TwoHooks())` to `fit(fit(WithStubs()), TwoHooks())` and run that cell and the next one again. Then change it back, and run both once more.
#
# <details><summary>What others found</summary>
#
# Now the int8 network is better than the float one of before, which trained for half as long. So int8 can do this task, and so can these two hooks. The fault shows where a short training begins with random weights.
#
# </details>

# %% [markdown]
# ## 2. A range that comes too late
#
# An observer follows the largest and the smallest output of each layer, by the *moving average* of [[static]]: after each batch each end of its range moves a part of the way to what it saw. This part is its **averaging constant**; PyTorch takes 0.01.
#
# Do it by hand first. A range ends at 0.10, and the next batch reaches 0.60.
#
# - With the constant 0.01 the new end is 0.99 · 0.10 + 0.01 · 0.60 = 0.105.
# - With the constant 0.3 it is 0.7 · 0.10 + 0.3 · 0.60 = 0.25.
#
# So of what was there, 0.99 is left after one batch, 0.99 · 0.99 after two, and so on. A small constant has a reason: one odd batch does little harm. It suits trainings of many hundred batches.
#
# **Predict.** Our two epochs are 94 batches. How much of the last range still comes from the *first* batch: **A** nothing, **B** 6 %, **C** 39 %?

# %% [markdown] tags=["answer"]
# **39 % (C), because 93 more batches each leave 0.99 of it, and $0.99^{93} = 0.39$.** With the constant 0.3 nothing is left: $0.7^{93}$ is practically 0.

# %% [markdown]
# The first batch meets an untrained network, whose outputs lie near 0. The true shares reach nearly 0.9. Is that the fault? We train with `TwoHooks(show.moving(constant))` for four constants, and change nothing else. It gives the activations `tq.FakeQuantize.with_args(observer=tq.MovingAverageMinMaxObserver, averaging_constant=constant, quant_min=0, quant_max=127)`, and the weights one scale per layer, so its error for 0.01 is not quite that of section 1. A second callback writes down where the range of the last layer ends.

# %% [markdown]
# ### Two ranges

# %% ranges tags=["hide-input"]
# Trains with four constants, and draws for two of them where the range of the output ends, batch by batch.
errors, ranges = {}, {}
for constant in (0.01, 0.1, 0.3, 1.0):
    ranges[constant] = show.RangeOfOutput()
    errors[constant] = error(fit(WithStubs(), TwoHooks(show.moving(constant)), ranges[constant]))
show.ranges({constant: ranges[constant] for constant in (0.01, 0.3)}, errors, test_share.max().item())

# %% [markdown]
# With 0.01 the range is still far too low when training ends. While the network trains, every output above its end is cut off, and the weights learn with outputs that are wrong.
#
# The three larger constants are about as good as float. They differ from the first in nothing else, so **it was the constant that ruined the network, and not the integers.** The constant 1 is no average at all: it keeps the range of the last batch alone, and one strange batch at the end would spoil it.
#
# A network that was trained before has large outputs from the first batch on, so even the slow range starts in the right place. That is what the *Try it* of section 1 shows.

# %% [markdown]
# ## 3. Who may move the ranges?
#
# ```python
# ...                    # on_fit_start
# ...                    # sanity check: validation, tried on two batches
# for epoch in range(2):
#     for batch in train:
#         ...            # on_train_batch_start, a step, on_train_batch_end
#     ...                # on_validation_start, validation, on_validation_end
# ...                    # on_train_end
# ```
#
# An observer looks at whatever passes through the model, in validation, too.
#
# This is the Trainer's loop with some of its hooks. `on_validation_start` and `on_validation_end` are called around the sanity check, too.
#
# For validation the Trainer calls `model.eval()`. That switches dropout and batch norm, and not the observers. So in `TwoHooks` the validation data move the ranges, and change the very model that they shall judge. How would you notice? With ordinary validation data you would not, since they reach as far as the training data. So we need data with which the mistake *shows*: pixels a hundred times too large.

# %% [markdown]
# ### A test that can fail
#
# After training, the range of the *input* ends at about 1. Then two validation batches pass, which reach about 100. The constant is 0.3.
#
# **Predict.** Where does the range end now: **A** at 1, **B** near 30, **C** near 50?

# %% a_test_that_can_fail
for factor in (1, 100):
    too_large = batches(factor * test_pixels[:256], test_share[:256])  # two batches
    net = fit(WithStubs(), TwoHooks(show.moving(0.3)), validate=too_large)
    end = 127 * net.quant.scale.item()  # 127 steps
    print(f"× {factor}: range to {end:.0f}, off by {error(net):.0f} %")

# %% [markdown] tags=["answer"]
# **Near 50 (C), because the first batch moves the end to 0.7 · 1 + 0.3 · 100 = 30.7, and the second to 0.7 · 30.7 + 0.3 · 100 = 51.5.**

# %% [markdown]
# A quantization step is now about 50 / 127 = 0.4, so pixels between 0 and 1 have hardly more than three values left, and the ranges of the layers behind have grown, too. The network has become much worse through data that it never trained on.
#
# Compare the two rows. The first is a test that cannot fail: the range ends at 1 whether validation moves it or not. **A promise is tested only by a case in which a broken promise shows.**
#
# After `model.apply(tq.disable_observer)` the rounding goes on with the ranges found so far. `model.apply(tq.enable_observer)` lets the observers look again. Into which hooks these belong is the exercise.

# %% [markdown]
# ## 4. For daily use
#
# Lightning had a callback for all this. It was *beta*, and version 2.0 removed it. `course_utils` has one with the same arguments.
#
# Ours adds the stubs itself, lets only training move the ranges, and has an averaging constant of 0.3. It refuses layers that cannot become int8. So the network is the one of section 1 again, without stubs, and it is validated on the pixels that are too large.

# %% for_daily_use tags=["legacy"]
from course_utils.lightning import QuantizationAwareTraining

qat = QuantizationAwareTraining()
qmodel = fit(RegressionModel(), qat, validate=too_large)
answers = qmodel(test_pixels)
print(f"int8: off by {mape(answers, test_share):.0f} %")

# %% [markdown]
# It is about as good as float, and the absurd validation has done no harm.

# %% [markdown]
# ### Ship it
#
# A new `RegressionModel()` has float layers, and the file has int8 ones. `rebuild` gives a new model the int8 parts, and the file fills them.

# %% ship_it tags=["legacy"]
torch.save(qmodel.state_dict(), "regression_int8.pt")
shipped = qat.rebuild(RegressionModel())
shipped.load_state_dict(torch.load("regression_int8.pt"))
print("equal:", torch.equal(shipped(test_pixels), answers))

# %% [markdown]
# This file holds integers and scales, and nobody can train on with it. For that keep a **checkpoint**, which the Trainer writes during the training: it holds the float weights, two averages of Adam for each of them, and the ranges. With this callback `Trainer.fit(..., ckpt_path=...)` resumes from it; `TwoHooks` would come too late.

# %% [markdown]
# ## Exercise · Only training may look
# ★★ · 10 minutes
#
# Write `training_only()`. It returns a callback that stands *beside* `TwoHooks` in any network. Only training batches may move the ranges: no validation, even when it interrupts an epoch, and no sanity check. The rounding stays on.
#
# `model.apply(tq.disable_observer)` switches all observers of a model off, and `model.apply(tq.enable_observer)` on again.
#
# Then try it: `fit(WithStubs(), TwoHooks(show.moving(0.3)), training_only(), validate=too_large)`. The error should be near that of float.
#
# <details><summary>Hint</summary>
#
# A class inside a function is allowed: `class TrainingOnly(pl.Callback):` with two hooks, and at the end `return TrainingOnly()`. Section 3 has the hooks around validation, and the two functions. What must happen before training goes on?
#
# </details>


# %% tags=["exercise"]
def training_only():
    """Return a callback that lets only training batches move the ranges."""
    raise NotImplementedError


# %% tags=["check"]
check.training_only(training_only)


# %% tags=["solution", "hide-cell"]
def training_only_solution():
    class TrainingOnly(pl.Callback):
        def on_validation_start(self, trainer, model):
            model.apply(tq.disable_observer)

        def on_validation_end(self, trainer, model):
            model.apply(tq.enable_observer)

    return TrainingOnly()


# %% [markdown]
# ## Remember
#
# - Two hooks make an int8 network of a Trainer's training: `prepare_qat` before the first step, `convert` after the last.
# - A moving range needs time. With the constant 0.01 a short training from random weights ends before the range has arrived, and int8 gets the blame. Train in float first, or take a larger constant.
# - Only training may move the ranges, and only data with which a mistake would show can test that.

# %% [markdown]
# ## Scorecard
#
# What the lesson claims, and what your run measured.

# %% tags=["scorecard"]
claims.show("lightning_qat")

# %% [markdown]
# ## Deeper
#
# ### The arguments of the callback

# %% tags=["legacy"]
with_arguments = QuantizationAwareTraining(
    observer_type="histogram",
    modules_to_fuse=[(f"layer_{i}", f"layer_{i}a") for i in range(2)],
    input_compatible=False,
)
camera = fit(RegressionModel(), with_arguments, validate=too_large)
print(f"int8: off by {mape(camera(camera.quant(test_pixels)), test_share):.0f} %")

# %% [markdown]
# `"histogram"` is the observer of [[static]]; it is slower than the moving average, the default. `modules_to_fuse` joins each layer with its ReLU, so that no range is spent on numbers that the ReLU throws away. By default you call the model as before, `qmodel(x)`. With `input_compatible=False` it takes integers, `qmodel(qmodel.quant(x))`, for a program that holds 8-bit integers already. Plain floats raise an error there.
#
# ### TorchScript, and what follows it
#
# For a long time one exported such a model with TorchScript, to run it without its Python code.

# %% tags=["legacy"]
scripted = qmodel.to_torchscript()
print("equal:", torch.equal(scripted(test_pixels), answers))

# %% [markdown]
# The outputs are equal, because the script calls the same int8 functions. But do not build on this: PyTorch has deprecated TorchScript, and Lightning gives `to_torchscript` up with it. The successor is `torch.export`.

# %% tags=["legacy"]
torch.export.export(RegressionModel(), (test_pixels,))
print("float: exported")
try:
    torch.export.export(qmodel, (test_pixels,))
except Exception as error_of_export:
    print("int8: refused by", type(error_of_export).__name__)

# %% [markdown]
# It takes the float model. It does not take the int8 one. So today the order is turned round: export the *float* model first, and quantize the graph, as [[pt2e]] does.
#
# ### Switching between models
#
# A service for speech has one model for each of many languages, and too little memory to keep them all. So it loads one when somebody speaks. Do smaller files load faster? Here are four layers of 2,048 × 2,048; the file has just been written, so no disk has to be waited for.

# %% tags=["hide-input"]
# Writes how long it takes to read the file and to load it into a model, in float and in int8.
switching = show.Switching()
switching.table()

# %% [markdown]
# *Reading* is faster in int8: there is a quarter of the bytes. With the engines for x86 *loading* is slower: `load_state_dict` has to **pack** the weights, that is to put them into the order in which the int8 functions read them, and the caption says how long packing alone takes. So "int8 loads faster" is wrong there. Often there is a better use for the quarter: keep up to four models in memory in place of one, and do not load at all.

# %% [markdown]
# **Sources.** B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877).
#
# **Going further.** Lightning on [callbacks](https://lightning.ai/docs/pytorch/stable/extensions/callbacks.html) and on the [Trainer](https://lightning.ai/docs/pytorch/stable/common/trainer.html); its [post on version 1.2](https://medium.com/pytorch/pytorch-lightning-v1-2-0-43a032ade82b), which brought the callback. A project: give the callback `collect_quantization`, a function that lets the observers look in the last epoch only, and compare.
#
# **Credits.** The network and the calls of the callback follow the documentation of Lightning 1.9, whose team wrote the first version; the callback here was written anew from the behaviour described there. The idea of this course in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
