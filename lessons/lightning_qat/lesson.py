# ---
# jupyter:
#   course:
#     promise: You will let a Trainer train a network for int8, and ship what comes out.
#     seconds: 30
#     needs: [static, qat]
#     goals:
#       - put `prepare_qat` and `convert` into two hooks of a callback;
#       - find a range that comes too late, and mend it;
#       - let only training move the ranges, and test whether that is so.
#     terms: [averaging constant, checkpoint, MAPE, Trainer]
#     values:
#       float: "f'{float_error:.0f}'"
#       int8: "f'{int8_error:.0f}'"
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Every layer is int8 and nothing fails: why is the answer wrong?*

# %% tags=["setup", "hide-input", "legacy"]
# Sets one thread and the int8 engine, hides advice and warnings of the older int8, and imports the task and the drawings.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch
from torch import nn

from course_utils import claims, legacy_int8
from course_utils.callbacks import ignore_advice
from lessons.lightning_qat import show, watched
from lessons.lightning_qat import tasks as check
from lessons.lightning_qat.task import QUIET, batches, load, mape

legacy_int8.ignore_deprecations()
ignore_advice()
torch.set_num_threads(1)
torch.backends.quantized.engine = legacy_int8.best()

# %% [markdown]
# ## 1. The same network, twice
#
# A camera with only 16 pixels watches garments pass on a conveyor belt. From these pixels a small network has to estimate the true share: what fraction of the full 784-pixel picture isn't black. The camera's chip computes in int8, so the network has to as well.
#
# With the library Lightning, you don't write the training loop. You describe the network in a `LightningModule`, which is an `nn.Module` with a few more methods:

# %%
import lightning.pytorch as pl


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)  # the same first weights each time
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    validation_step = training_step

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


# %% [markdown]
# - **`training_step`** takes a batch, here pixels and true shares, and returns its loss.
# - **`validation_step`** does the same with a batch that isn't trained on.
#
# What's missing? The loops over epochs and batches, and in them `zero_grad`, `backward` and `step`. The **Trainer** has them:

# %%
train = batches(*load("train", 6000))  # 47 batches
test_pixels, test_share = load("test", 2000)


def fit(model, *callbacks, epochs=2, validate=None):
    trainer = pl.Trainer(max_epochs=epochs, callbacks=list(callbacks), **QUIET)  # on the CPU, without logs
    trainer.fit(model, train, validate)
    return model.eval()


# %% [markdown]
# `load`, `batches` and, below, `mape` belong to the task. Section 2 explains the callbacks.
#
# Let's train the network twice, with the same first weights, batches and learning rate: first in float, and then with a callback that takes it to int8. We measure the **MAPE**, the mean absolute percentage error: a network that says 0.55 where the truth is 0.50 is off by 10 %.

# %% in_int8 tags=["hide-input", "legacy"]
# Trains the network in float and for int8, counts the int8 layers, and prints both errors.
float_error = mape(fit(Net())(test_pixels), test_share)
print(f"float: off by {float_error:.0f} %")
net = fit(Net(), watched.TwoHooks())
linear = [layer for layer in net.modules() if isinstance(layer, nn.Linear | legacy_int8.nnq.Linear)]
n_int8 = sum(isinstance(layer, legacy_int8.nnq.Linear) for layer in linear)
int8_error = mape(net(test_pixels), test_share)
print(f"int8, {n_int8} of {len(linear)} layers: off by {int8_error:.0f} %")

# %% [markdown]
# Every layer is int8, and nothing failed. Yet the network is off by far more than in float, though 8 bits usually cost next to nothing ([[static]]). In about an hour you'll know why, and be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Two hooks around the training
#
# [[qat]] had two calls. They belong to `torch.ao.quantization`, which PyTorch has deprecated: it still works, but it will be removed. Its successor exports the network first ([[pt2e]]), with observers that move in the same way, and a callback that needs neither is under *Deeper*. What we find about ranges holds for all three. `prepare_qat` puts the rounding in before the training, so that the weights learn with it. `convert` turns the weights into integers after the training, because an integer has no gradient. But now the loop belongs to the Trainer. Where do we put the calls?
#
# A **callback** is an object with methods of fixed names, the **hooks**, and the Trainer calls each hook at a fixed point. The order is:
#
# ```text
# on_fit_start
# sanity check: two validation batches, to see that validation works
# for each epoch:
#     on_train_epoch_start
#     for each batch:
#         on_train_batch_start, a training step, on_train_batch_end
#     on_validation_start, validation, on_validation_end
#     on_train_epoch_end
# on_train_end
# ```
#
# So `prepare_qat` goes into `on_fit_start`, before any data pass: then the sanity check already tries the network with the rounding. And `convert` goes into `on_train_end`.

# %% tags=["legacy"]
from torch.ao import quantization as tq

default = tq.get_default_qat_qconfig(torch.backends.quantized.engine)


# %% two_hooks
class TwoHooks(pl.Callback):
    def __init__(self, qconfig):
        self.qconfig = qconfig

    def on_fit_start(self, trainer, model):
        model.net = tq.QuantWrapper(model.net)
        model.qconfig = self.qconfig
        tq.prepare_qat(model.train(), inplace=True)

    def on_train_end(self, trainer, model):
        tq.convert(model.eval(), inplace=True)


# %% [markdown]
# - `QuantWrapper` puts the two stubs of [[static]] around the network, where floats become integers, and integers floats again.
# - The qconfig, here `default`, says how to round the weights and outputs of each layer.
# - `inplace=True` changes the model itself. `prepare_qat` replaces its layers with ones that round and keep the same parameters, which the Trainer's optimizer already holds. A copy would have parameters of its own, which nobody trains.

# %% default_error tags=["legacy"]
net = fit(Net(), TwoHooks(default))
print(f"int8: off by {mape(net(test_pixels), test_share):.0f} %")

# %% [markdown]
# **Try it.** Train the first of the two epochs in float: make the first line `net = fit(fit(Net(), epochs=1), TwoHooks(default), epochs=1)`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# Now int8 is about as good as float, after the same number of training steps. So it's probably neither the two hooks nor int8. Something goes wrong when the training *with rounding* starts from random weights.
#
# </details>

# %% [markdown]
# ## 3. A range that comes too late
#
# Nothing failed, so let's look at the answers. In training, each layer's outputs are rounded to levels between the two ends of a range, and whatever lies beyond an end is clipped ([[integers]]). To see that, we leave out `convert`, keep the network as it was trained, and show it 120 test garments. The figure has a dot for what the last layer computes for each of them, before anything is clipped. In a perfect network, all dots lie on the dotted line.

# %% ceiling tags=["hide-input", "legacy"]
# Trains the network without `convert`, and draws what its last layer computes, and where the range ends.
end = show.ceiling(fit(Net(), watched.TwoHooks(default, convert=False)), test_pixels[:120], test_share[:120])

# %% [markdown]
# The solid line is a ceiling: the range ends there, a little below 0.5. More than half of the 120 answers are above it, so they're clipped. That does harm twice. First, nothing above the ceiling can be said, and half of the true shares lie there. Cut off the answers of our float network in the same place, and it's off by 19 % in place of 14 %. Second, the training suffers: the loss sees every clipped answer *at* the ceiling, and the gradient stops there ([[qat]]), so nothing pulls an answer down that is far too high.
#
# You find this end, before `convert`, in `net.net.module[-1].activation_post_process.activation_post_process.max_val`. The first `activation_post_process` is the part that rounds, and the second is its observer, which follows the range.

# %% [markdown]
# ### Why does the range end there?
#
# The range follows the largest and the smallest output by a *moving average*. The first batch sets both ends. After each later batch, an end moves a part of the way to what this batch reached. This part is the **averaging constant**, and PyTorch's is 0.01.
#
# Say a range ends at 0.10, and the next batch reaches 0.60. With the constant 0.01 the new end is 0.99 · 0.10 + 0.01 · 0.60 = 0.105.
#
# So a single odd batch does little harm. But an old end fades slowly: 99 % of it remains after one batch, 0.99 · 0.99 after two, and so on.
#
# **Predict.** Our two epochs are 94 batches. How much of the last end still comes from the *first* batch: **A** nothing, **B** 6 %, **C** 39 %?

# %% [markdown] tags=["answer"]
# **39 % (C), because each of the 93 later batches leaves 0.99 of it, and $0.99^{93} = 0.39$.** The first batch reaches only −0.04, because all answers of the untrained network are below 0. The later batches reach 0.80 on average, each counted by how much of it is left. So the range ends near 0.39 · (−0.04) + 0.61 · 0.80 = 0.47: our ceiling.

# %% [markdown]
# With a constant of 0.3, each batch keeps 70 % of the old end, and after 93 batches practically nothing of the first is left. The price is that a single odd batch now moves an end by 30 % of the way. In the qconfig that's one argument:

# %% faster tags=["legacy"]
fast = default._replace(activation=default.activation.with_args(averaging_constant=0.3))

# %% faster_error tags=["hide-input", "legacy"]
# Trains with the larger constant, and prints the error.
fast_error = mape(fit(Net(), TwoHooks(fast))(test_pixels), test_share)
print(f"int8: off by {fast_error:.0f} %")

# %% [markdown]
# It's as good as float. But that's one training, and perhaps 0.01 only needs another learning rate. So we've trained in five ways, each at five learning rates from six sets of first weights. Each row of the figure is one way, at the rate with the smallest mean error on held-out garments. For float that's a higher rate than in our own training, so its errors are below 14 %. The dots are its six errors on *other* garments, the test.

# %% six_trainings tags=["hide-input"]
# Draws the record of trainings from six sets of first weights.
found = show.six_trainings()

# %% [markdown]
# The second row is bad even at its best rate. The third row changes the constant in the last layer alone, and most of the damage is gone, so it was mainly *this* range. The fourth changes it for the outputs of all layers, and is as good as float. **In so short a training run from random weights, it was the slow range that ruined the network, not the integers.**
#
# The last row is what you tried: PyTorch's constant, but a first epoch in float, as the network of [[qat]] was trained in float first. When the rounding starts, the outputs are large already, so the first batch sets the range in the right place.

# %% [markdown]
# ## 4. Who may move the ranges?
#
# An observer looks at whatever passes through the model, in training, in the sanity check and in validation. For validation the Trainer calls `model.eval()`, but this switches only layers like dropout and batch norm. Observers have a switch of their own, which stays on. So validation moves the ranges, and changes the very model that it should judge.
#
# Ordinary validation data reach about as far as the training data, so the error won't tell you. Pictures from a brighter camera reach further, and then you ship ranges that no weight was trained with. To make the mistake *show*, let's validate with pixels a hundred times too large.
#
# We watch the range of the *input*, by which the first stub rounds the pixels. The constant is 0.3, so the 47 batches of the last epoch leave nothing of what came before, and the range ends at about 1. Then comes the last validation, with two batches that reach about 100.
#
# **Predict.** Where does this range end now: **A** at 1, **B** near 30, **C** near 50?

# %% absurd tags=["legacy"]
too_large = batches(100 * test_pixels[:256], test_share[:256])  # two batches
net = fit(Net(), TwoHooks(fast), validate=too_large)


# %% absurd_result tags=["hide-input"]
# Prints where the range of the input ends: its scale times 127 or 255 levels, depending on the engine; and the error.
def told(net):
    """The end of the range of the input, and the error."""
    end = default.activation().quant_max * net.net.quant.scale.item()
    error = mape(net(test_pixels), test_share)
    print(f"range to {end:.1f}, off by {error:.0f} %")
    return end, error


end_of_input, _ = told(net)

# %% [markdown] tags=["answer"]
# **Near 50 (C), because the first batch moves the end to 0.7 · 1 + 0.3 · 100 = 30.7, and the second to 0.7 · 30.7 + 0.3 · 100 = 51.5.** A little less is printed, because no pixel quite reaches 1.

# %% [markdown]
# The levels are far apart now, and only a handful of them lie between 0 and 1, where all true pixels are. So data that it never trained on have made the network worse.
#
# A second callback switches the observers off before validation, and on again after it:


# %% only_training
class OnlyTraining(pl.Callback):
    def on_validation_start(self, trainer, model):
        model.apply(tq.disable_observer)

    def on_validation_end(self, trainer, model):
        model.apply(tq.enable_observer)


# %% [markdown]
# `apply` reaches all observers. While they're off, the rounding goes on with the ranges found so far. The sanity check comes after `prepare`, but before any range is found. So it shows that validation works, and its loss means nothing.

# %% kept tags=["legacy"]
net = fit(Net(), TwoHooks(fast), OnlyTraining(), validate=too_large)

# %% kept_result tags=["hide-input"]
# Prints where the range of the input ends now, and the error.
kept_end, kept_error = told(net)

# %% [markdown]
# The range ends where training left it, and the error is that of float. **A test is worth something only if it fails when the code is wrong.** Ours does: without `OnlyTraining` you saw it fail. With ordinary data, look at the ranges themselves: train without `convert`, so that the observers are still there, and call the same Trainer's `validate(net, data)`. No `min_val` or `max_val` may change.

# %% [markdown]
# ## Exercise · Freeze the ranges
# ★★ · 10 minutes
#
# Towards the end of a training one often freezes the ranges, so that the weights can settle. A colleague adds a third hook to `OnlyTraining`: in `on_train_epoch_start` it calls `model.apply(tq.disable_observer)` if `trainer.current_epoch >= epochs`, counted from 0.
#
# But `Trainer(val_check_interval=0.5)` also validates in the middle of each epoch, and then frozen ranges move again.
#
# Repair it: `freeze_after(epochs)` returns one callback, listed after `TwoHooks`, that lets only training batches of the first `epochs` epochs move the ranges.
#
# <details><summary>Hint</summary>
#
# Which hook switches the observers on again, and when may it? A class inside a function is allowed: `class Freeze(pl.Callback):`, and at the end `return Freeze()`.
#
# </details>


# %% tags=["exercise"]
def freeze_after(epochs):
    """Return a callback that lets only training batches of the first `epochs` epochs move the ranges."""
    raise NotImplementedError


# %% tags=["check"]
check.freeze_after(freeze_after)


# %% tags=["solution", "hide-cell"]
def freeze_after_solution(epochs):
    class Freeze(pl.Callback):
        def on_train_batch_start(self, trainer, model, batch, index):
            looks = trainer.current_epoch < epochs
            model.apply(tq.enable_observer if looks else tq.disable_observer)

        def on_validation_start(self, trainer, model):
            model.apply(tq.disable_observer)

    return Freeze()


# %% [markdown]
# ## Remember
#
# - With PyTorch's older interface, two hooks take a Trainer's network to int8: `prepare_qat` in `on_fit_start`, before any data pass, and `convert` in `on_train_end`, because integers can't be trained.
# - A moving range needs time. With PyTorch's constant of 0.01, two epochs of 47 batches from random weights end before the ranges have caught up. Train in float first, or take a larger constant.
# - Only training may move the ranges: switch the observers off around validation, because `model.eval()` doesn't. Test it with data that would expose a mistake.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("lightning_qat")

# %% [markdown]
# ## Deeper
#
# ### A ready-made callback
#
# [Version 1.2](https://medium.com/pytorch/pytorch-lightning-v1-2-0-43a032ade82b) of Lightning brought a callback for all this, which was *beta*, and which version 2.0 removed. `course_utils` has one. It needs neither stubs nor `torch.ao.quantization`: its layers hold plain tensors. It has the constant 0.3, and lets only training move the ranges.
#
# To ship the network, save its state, which holds integers and scales. A new `Net()` has float layers, so the file doesn't fit. `rebuild` puts int8 layers in their place, and then the file fills them.

# %% ship
from course_utils.callbacks import QuantizationAwareTraining

qat = QuantizationAwareTraining()
qmodel = fit(Net(), qat, validate=too_large)
torch.save(qmodel.state_dict(), "int8.pt")
shipped = qat.rebuild(Net())
shipped.load_state_dict(torch.load("int8.pt"))
print("equal:", torch.equal(shipped(test_pixels), qmodel(test_pixels)))
print(f"int8: off by {mape(qmodel(test_pixels), test_share):.0f} %")
print("first weights:", qmodel.net[0].weight[0, :4].tolist())

# %% [markdown]
# `docs/lightning.md` says what else the callback takes.
#
# The one that Lightning removed took more. Its documentation fused the pairs `(f"layer_{i}", f"layer_{i}a")` of a network, chose `QuantizationAwareTraining(observer_type="histogram", input_compatible=False)`, and then called `qmodel(qmodel.quant(x))`, because the input had to be made integers by hand. For a long time such a network was exported with TorchScript, to run it without its Python code. PyTorch has deprecated that, and its successor is `torch.export`.
#
# ### Resuming a training run
#
# To resume, you need another file, a **checkpoint**, which the Trainer can write while it trains, with the float weights, the ranges and the optimizer's state. But with `TwoHooks` you can't resume from one. The Trainer fills the network *before* `on_fit_start`, when it has its float layers still, and stops with an error, because the names in the file are those of the prepared network. The ready-made callback prepares the network in `setup`, an earlier hook. With this callback in the list, `trainer.fit(Net(), train, ckpt_path="last.ckpt")` goes on.

# %% [markdown]
# **Sources.** *PyTorch Lightning V1.2.0: DeepSpeed, Pruning, Quantization, SWA*, [2021](https://medium.com/pytorch/pytorch-lightning-v1-2-0-43a032ade82b), which announced Lightning's callbacks for quantization and pruning. B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877). [torchvision's script for quantization-aware training](https://github.com/pytorch/vision/blob/main/references/classification/train_quantization.py) freezes the ranges after some epochs, as the exercise does.
#
# **Going further.** Lightning on [callbacks](https://lightning.ai/docs/pytorch/stable/extensions/callbacks.html) and on the [Trainer](https://lightning.ai/docs/pytorch/stable/common/trainer.html).
#
# **Credits.** The first callback of this kind was Lightning's, and its team documented it for version 1.9; the one here was written anew. The idea of this course in one lecture is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** Lightning's callback for int8 is gone, but its callback for *pruning* is still there, with an example in the documentation. Does it do what its settings say? [[lightning_pruning]] looks at the weights, and finds a fault.
