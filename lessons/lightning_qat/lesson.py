# ---
# jupyter:
#   course:
#     promise: You will let a Trainer quantize while it trains, ship what comes out, and know what the callback did to the weights.
#     minutes: 45
#     seconds: 40
#     needs: [measuring, integers, observers, static, qat]
#     goals:
#       - Get an int8 model from one fit, call it in both ways, and say what fusing a ReLU saves.
#       - Test with a control who moves the observed ranges, and who must not.
#       - Test whether a resumed training is the uninterrupted one, and ship a file that was really loaded again.
#       - Say when the file of an int8 model is a quarter of the float one, and when it is larger.
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
# *For the lecturer, 2 min.* Ask who uses a Trainer (Lightning, Hugging Face, Keras), and who has looked at what its callbacks do to the weights. Keep the second number
# for the last slide.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import statistics
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import nn
from tqdm import tqdm

from course_utils import data, legacy_int8, runtime
from course_utils.callbacks import QuantizationAwareTraining, garments, ignore_advice
from course_utils.callbacks.garments import Layers, fit, mape
from course_utils.measure import int8_audit
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.lightning_qat import checks as check

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
ignore_advice()  # for large trainings, which these are not
card = claims.Scorecard("lightning_qat")
torch.set_num_threads(1)  # one thread for every measurement
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe("cpu")

# %% tags=["setup"] slideshow={"slide_type": "skip"}
rows, share = garments.load("train", 6000)
test_rows, test_share = garments.load("test", 2000)
train = garments.batches(rows, share)
few = garments.batches(rows[:1024], share[:1024])  # for short fits


class Trace(Callback):
    """Writes down, batch by batch, what the Trainer does and what the model's first fake quantization does."""

    def __init__(self):
        self.seen = []

    def note(self, stage, model):
        fake = model.quant.activation_post_process
        self.seen.append((stage, bool(fake.observer_enabled), bool(fake.fake_quant_enabled)))

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.note("train", pl_module)

    def on_validation_batch_end(self, trainer, pl_module, *_):
        self.note("check" if trainer.sanity_checking else "validate", pl_module)


def tensors(thing, name=""):
    """All tensors in a nested state, with the names that lead to them."""
    if isinstance(thing, torch.Tensor):
        return [(name, thing)]
    inner = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list | tuple) else ()
    return [found for key, value in inner for found in tensors(value, f"{name}.{key}")]


def n_bytes(found):
    return sum(t.numel() * t.element_size() for _, t in found)


class Wide(LightningModule):
    """Four linear layers; 64 MiB in float."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(4)))

    def forward(self, x):
        return self.net(x)


def switch_times(model, fresh, rounds=5):
    """Bytes of the file; median seconds to read it, and to put its contents into a model that stands ready."""
    with tempfile.TemporaryDirectory() as folder:
        path, seconds = Path(folder) / "model.pt", []
        torch.save(model.state_dict(), path)
        for _ in range(rounds):
            start = time.perf_counter()
            state = torch.load(path, weights_only=True)
            read = time.perf_counter()
            fresh.load_state_dict(state)
            seconds.append((read - start, time.perf_counter() - read))
        return path.stat().st_size, *(statistics.median(part) for part in zip(*seconds, strict=True))


PAIRS = [("layer_0", "layer_0a"), ("layer_1", "layer_1a"), ("layer_2", "layer_2a")]


def aware(**options):
    """The callback of this lesson, with each ReLU fused to its layer."""
    return QuantizationAwareTraining(**({"modules_to_fuse": PAIRS} | options))


# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. The Trainer does the loop
#
# [Lightning](https://lightning.ai/docs/pytorch/stable/) takes the training loop off your hands. You write a `LightningModule`: forward, the loss of a batch, the optimizer. A
# **Trainer** runs it, saves **checkpoints** (weights, optimizer, position), and calls **callbacks** at fixed moments.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask: "Which lines of your own loop are missing in this class?" (Both `for`, `zero_grad`, `backward`, `step`: the Trainer has them.) `Layers` holds the four layers and `forward`.


# %% slideshow={"slide_type": "-"}
class Regression(Layers):  # a LightningModule: four layers, forward
    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The task: sixteen pixels
#
# A camera on a clothes rail sends 4 × 4 pixels, each the mean of 7 × 7. Which share of the full 784 is not black (> 0.1)? A number from 16 inputs: a **regression**.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Point at the second picture: "From these 16 numbers the network has to say the number above the first." Then read the two errors of the caption: a guess,
# and a linear model. Say: "The second one is to be beaten, that is what the network is for."

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
ones = [torch.cat([x, torch.ones(len(x), 1)], 1) for x in (rows, test_rows)]
linear = ones[1] @ torch.linalg.lstsq(ones[0], share).solution
pictures, _ = data.load("fashion_mnist", "test", n=8)
fig, axes = plots.figure(columns=4, size=(12, 3.4))
for ax, number in zip(axes, (0, 0, 1, 1), strict=True):
    whole = ax in (axes[0], axes[2])
    ax.imshow(pictures[number, 0] if whole else test_rows[number].reshape(4, 4), cmap="gray", vmin=0, vmax=1)
    ax.set(title=f"{test_share[number].item():.2f} not black" if whole else "what is sent", xticks=[], yticks=[])
plots.show(
    fig,
    alt="Two garments of 28 × 28 pixels, each beside its 4 × 4 mean brightnesses; above each the share of pixels that is not black.",
    caption=f"Mean absolute percentage error (MAPE): guess the mean, {mape(share.mean(), test_share):.0f} %; least squares, "
    f"{mape(linear, test_share):.0f} %.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does the Trainer train differently?
#
# **Predict.** The same model, once in a loop of five lines, once by the Trainer. The weights at the end: **A** equal to the last bit, **B** nearly equal, **C** different, for
# it shuffles, clips or scales something?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect B. The answer is A here. Say: "So the loop adds nothing of its own here. What does a callback add?"


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def by_hand(model, epochs=6):
    optimizer = model.configure_optimizers()
    for _ in range(epochs):
        for index, batch in enumerate(train):
            optimizer.zero_grad()
            model.training_step(batch, index).backward()
            optimizer.step()
    return model


own, by_trainer = by_hand(Regression()), fit(Regression(), train)
differ = sum(int((a != b).sum()) for a, b in zip(own.parameters(), by_trainer.parameters(), strict=True))
card.record("trainer-is-the-loop", differ)
print(f"{differ} of {sum(p.numel() for p in own.parameters()):,} weights differ")
print(f"MAPE {mape(by_trainer(test_rows), test_share):.1f} %")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A: it is the same loop.** And the error is well below that of least squares.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. One callback, and the fit ends in int8
#
# Lightning had a callback for quantization-aware training (QAT, [[qat]]). Version 2.0 removed it. `course_utils.callbacks` has one again. As the fit starts, it adds
# `model.quant` and `model.dequant` and puts fake-quantized layers in. At its end, it converts.
#
# ```python
# fit(Regression(), train,
#     QuantizationAwareTraining())
# ```
#
# **Predict.** Four linear layers, three ReLUs. How many int8 modules does the fit make: **A** 4, **B** 7, **C** 8?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; expect B. The audit says 4. B would count the ReLUs as well, C also `quant`, which only converts. Ask what a ReLU has to compute on integers (nothing new: it clips codes at the zero point). The next slide asks what it
# costs all the same.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
unfused = fit(Regression(), train, QuantizationAwareTraining(), epochs=2)
audit = int8_audit.audit(unfused, test_rows)
print(f"{audit.count('int8')} modules in int8, {audit.count('float32', 'Linear')} linear layers in float")
print(f"weights {unfused.layer_1.weight().dtype}\noutput {unfused(test_rows).dtype}")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. A.** Only the linear layers become int8 modules: a ReLU works on the integers as they are. The output is float, since `dequant` comes last. The audit
# ([[audit]]) watched the kernels run.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does fusing save, then?
#
# `modules_to_fuse` joins each layer with its ReLU. Then its range is observed *behind* the ReLU.
#
# **Predict.** Without it, what is lost: **A** a second rounding in the ReLU, **B** half of the integers, more or less, **C** nothing?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw a range from −1 to 1 and cut it at 0. B: the codes below the zero point are spent on what the ReLU throws away, so the step is coarser. The line above the table tests A: no code
# changed but those that the ReLU clips.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def below_zero(net, name):
    """Share of the codes in use that lie below the zero point, and the step."""
    layer, low, high = getattr(net, name), 0, 255 if engine == "qnnpack" else 127
    return (layer.zero_point - low) / (high - low), layer.scale


model = fit(Regression(), train, aware(), epochs=2)
found = [(name, *below_zero(unfused, name), *below_zero(model, name)) for name, _ in PAIRS]
before = unfused.layer_0(unfused.quant(test_rows))
after = unfused.layer_0a(before)
clipped = before.int_repr().clamp(min=unfused.layer_0.zero_point)
card.record("fusing-saves-codes", statistics.mean(wide / narrow for _, _, wide, _, narrow in found))
print(f"codes that the unfused ReLU changes beyond clipping: {int((after.int_repr() != clipped).sum())}")
Table(
    ["", "unfused: codes below 0", "unfused: step", "fused: codes below 0", "fused: step"],
    [[name, f"{lost:.0%}", f"{wide:.4f}", f"{now:.0%}", f"{narrow:.4f}"] for name, lost, wide, now, narrow in found],
    caption="codes below 0: share of the layer's output codes for negative values; step: one code, as a number",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** The unfused layer keeps codes for negative values, and the ReLU throws them away: a coarser step for the rest.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Two ways to call it
#
# `input_compatible=True`: as before, `model(x)`. `False`: quantize first, `model(model.quant(x))`, for programs that hold 8-bit integers already, such as a camera's.
#
# **Predict.** Give the second kind plain floats: does it **A** quantize them anyway, **B** compute in float, **C** raise an error?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; C. `model` in the code is the fused model of the slide before; `strict` gets its state. Read the error aloud: "from the 'CPU' backend" means a plain tensor ([[static]]). Then point at `rebuild`: a state needs a model whose entries have the same
# names.

# %% slideshow={"slide_type": "fragment"}
strict = aware(input_compatible=False).rebuild(Regression(seed=9))  # aware: ours, fused
strict.load_state_dict(model.state_dict())
same = torch.equal(strict(strict.quant(test_rows)), model(test_rows))
print(f"equal to the compatible one: {same}")
try:
    print(strict(test_rows))
except NotImplementedError as error:
    print(f"error: {str(error)[:76]} …")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. C: its int8 kernels take no floats.** `rebuild` gives a *new* model the int8 parts, so that the state of the finished one fits in.

# %% [markdown] slideshow={"slide_type": "skip"}
# All arguments of the callback, with their defaults:
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
# After its first batch the callback converts the model for a trial, runs it, and puts it back: what has no int8 kernel is named then, and not after the fit. It trains on a GPU too, and converts on
# the CPU, where these int8 kernels are (not measured here). Several devices it refuses, because each would watch its own ranges.
#
# Of section 4: torch's own `DataLoader` does not say where its shuffler was, so a resumed fit shuffles anew; a loader that has a `state_dict` Lightning saves.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How far from float?
#
# Three seeds, four epochs (section 1: six), four ways from the same first weights: float; float with the rows in another order; int8 with the `average` observer; int8 with the `histogram` observer, at
# every tenth batch.
#
# **Predict.** The int8 outputs are a few percent away from their float twin. How far is the second *float* model: **A** not at all, **B** a tenth of that, **C** about as far?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Show of hands; expect B. After the table: "So what does 'int8 is a few percent away from float' tell you?" Little: a float model that saw the rows in another order is about as far. Click. The right
# column compares with the truth. If somebody asks why int8 is ahead there: four epochs are a short fit, and with six the sign changes from seed to seed. Read no gain from it.


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
SEEDS = (0, 1, 2)
away, error = {}, {}
for seed in tqdm(SEEDS, desc="seeds", file=sys.stdout, leave=False):
    outputs = {arm: way(Regression(seed=seed))(test_rows) for arm, way in ARMS.items()}
    for arm, out in outputs.items():
        away[seed, arm], error[seed, arm] = mape(out, outputs["float"]), mape(out, test_share)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def mean(table, arm):
    return statistics.mean(table[seed, arm] for seed in SEEDS)


def cells(table, arm):
    single = ", ".join(f"{table[seed, arm]:.1f}" for seed in SEEDS)
    return f"{mean(table, arm):.1f} ({single})"


card.record("int8-near-float", max(mean(away, arm) for arm in ("int8, average", "int8, histogram")))
card.record("other-order", mean(away, "float, other order"))
card.record("int8-as-good", mean(error, "int8, histogram") - mean(error, "float"))
Table(
    ["", "from the float model, %", "from the truth, %"],
    [[arm, "–" if arm == "float" else cells(away, arm), cells(error, arm)] for arm in ARMS],
    caption="MAPE: mean of three seeds (single seeds)",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. C, or near it.** Two fits that differ in the order of the rows end apart as well. So the distance from one float twin says little about rounding. Compare
# both with the truth: there the means lie within about a point of each other here.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Who may move the ranges?
#
# A Trainer passes data for more than training: a **sanity check** first (a few validation batches, before any training), validation after every epoch.
#
# **Predict.** Below is a real fit of two epochs, batch by batch. In which spans should the observers look, and when does the model become int8?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The first picture has the Trainer's spans only: let somebody point. Then click. The observers look while it trains; sanity check and validation use what they found. int8 comes once, at the end.
# Ask why the sanity check runs in float: no batch has been seen, so there are no ranges yet.


# %% slideshow={"slide_type": "skip"}
class Evaluated(Regression):
    """With the other steps of a Trainer."""

    def validation_step(self, batch, index):
        return self(batch[0])

    test_step = validation_step


trace, ordinary = Trace(), garments.batches(test_rows[:256], test_share[:256])
four = garments.batches(rows[:512], share[:512])
traced = fit(Evaluated(), four, aware(), trace, epochs=2, validate=ordinary)
trace.seen += [("after the fit", False, None if int8_audit.audit(traced, test_rows[:8]).count("int8") else True)] * 3


def spans(word):
    """Runs of batches with the same word and colour; a batch with none is left out."""
    found, at = [], 0
    for look, group in groupby(map(word, trace.seen)):
        end = at + len(list(group))
        found += [(at, end, *look)] if look else []
        at = end
    return found


STAGE = {"check": "plain", "train": "activations", "validate": "plain", "after the fit": "plain"}
lanes = {
    "Trainer": spans(lambda batch: (batch[0], STAGE[batch[0]])),
    "observers": spans(lambda batch: ("look", "gradient") if batch[1] else None),
    "model": spans(
        lambda batch: {None: ("int8", "int8"), True: ("rounded", "fp32"), False: ("float", "fp32")}[batch[2]]
    ),
}


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def time_of(shown):
    canvas = diagrams.Canvas(height=300)
    kept = {name: lane if name in shown else [] for name, lane in lanes.items()}
    diagrams.time_line(canvas, kept, x=150, y=25, width=1030, height=64, gap=28, size=22)
    return canvas.figure()


told = "A time line of a fit: sanity check, training, validation, training, validation, after the fit"
plots.show(
    [time_of(["Trainer"]), time_of(list(lanes))],
    alt=[
        f"{told}; the lanes of observers and model are empty.",
        f"{told}. "
        + " ".join(
            f"{name}: {', '.join(f'{words} in batches {start + 1} to {end}' for start, end, words, _ in lane)}."
            for name, lane in lanes.items()
            if name != "Trainer"
        ),
    ],
    caption="Width: batches, as a second callback saw them; the last box: after the fit, audited. Rounded: fake-quantized.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** Here observers look while the Trainer trains, and not while it checks or validates. The check before the first batch runs in float, the rest rounded, and int8 comes at the end.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A test that could fail
#
# If a test moved the ranges, the test data would change the model. So: inputs 100 times too large, and for comparison ordinary ones. Once as set by default, once with "test" in
# `observer_enabled_stages`.
#
# **Predict.** After training the input's range reaches up to about 1. How far up after each test?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Draw two rows (default, stage enabled) and two columns (ordinary, 100 × too large) on the board; the room fills in the four cells before the click. The line above the table is another test: the same fit with and without absurd validation data, and no output differs.
# Default: the same in both columns. With the stage enabled: near 1 for ordinary inputs, tens for the absurd ones; the range is a moving average, about half of the way after two batches. Say: "The lower right cell is the control: it shows
# that this test can fail."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def input_range_ends(factor, *enabled):
    """Where the range of the model's input ends after a test with inputs this many times too large."""
    net = fit(Evaluated(), few, aware(quantize_on_fit_end=False), epochs=1)
    run = garments.trainer(aware(observer_enabled_stages=("train", *enabled)))
    run.test(net, garments.batches(factor * test_rows[:256], test_share[:256]), verbose=False)
    return net.quant.activation_post_process.activation_post_process.max_val.item()


absurd = garments.batches(100 * test_rows[:256], test_share[:256])
alone = fit(Evaluated(), few, aware(), epochs=2)
watched = fit(Evaluated(), few, aware(), epochs=2, validate=absurd)
changed = int((alone(test_rows) != watched(test_rows)).sum())
ends = {kind: [input_range_ends(factor, *kind) for factor in (1, 100)] for kind in ((), ("test",))}
card.record("stages-move-nothing", changed + (ends[()][0] != ends[()][1]))
print(f"a fit validated on absurd inputs: {changed} of {len(test_rows):,} outputs differ")
Table(
    ["observers look in", "ordinary inputs", "100 × too large"],
    [[" and ".join(("train", *kind)), *(f"{end:.2f}" for end in found)] for kind, found in ends.items()],
    caption="where the range of the input ends after a test",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** By default neither test moved it, and absurd validation data left the finished model as it was. When asked, the observer looks, and one absurd test ruins the range.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Export and resume
#
# TorchScript compiles the model, for a program without your Python code: `model.to_torchscript()`.
#
# **Predict.** Its outputs and those of the model in Python: **A** equal, **B** within a step?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands; A here. The third row is the strict kind of section 2, given quantized inputs: it exports too. Say that TorchScript is on its way out ([[depthwise]]) and that [[torchao]] shows what comes instead.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "legacy"]
scripted, strict_scripted = model.to_torchscript(), strict.to_torchscript()
with tempfile.TemporaryDirectory() as folder:
    script_path, state_path = Path(folder) / "model.pt", Path(folder) / "state.pt"
    torch.jit.save(scripted, script_path)
    loaded = torch.jit.load(script_path)
    torch.save(model.state_dict(), state_path)
    finished = torch.load(state_path, weights_only=True)
outs = {
    "scripted": scripted(test_rows),
    "loaded from its file": loaded(test_rows),
    "input_compatible=False": strict_scripted(strict_scripted.quant(test_rows)),
}
gaps = {name: (out - model(test_rows)).abs().max().item() for name, out in outs.items()}
card.record("torchscript-equal", max(gaps.values()))
Table(["TorchScript", "largest difference"], [[name, f"{gap:g}"] for name, gap in gaps.items()])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The outputs are equal (A), because both compute with the same integers.** Do not build on the call: Lightning has deprecated `to_torchscript()` in 2.7 and removes it in 2.8, in favour of `torch.export`, because TorchScript itself is on its way out ([[depthwise]]). (The course's set-up hides that warning.) [[torchao]] shows what comes instead.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Stop, go home, resume
#
# A fit of four epochs writes a checkpoint after each. Then a new process takes the second one and goes on; here a new model with *other* first weights stands for it.
#
# **Predict.** After the resumed fit, how many int8 outputs differ from those of the uninterrupted one?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote: none, a few, or nearly all? Then let the room list what must be in the file for "none": weights, Adam's moments, ranges, switches, position. The next picture opens the file. Name the conditions of the text.


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def four_epochs(net, *more, **options):
    run = garments.trainer(aware(observer_type="histogram"), *more, epochs=4, enable_checkpointing=bool(more))
    run.fit(net, few, weights_only=True, **options)
    return net


with tempfile.TemporaryDirectory() as folder:
    whole = four_epochs(Regression(), ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1))
    path = Path(folder) / "epoch=1.ckpt"
    halfway = torch.load(path, weights_only=True)
    resumed = four_epochs(Regression(seed=9), ckpt_path=path)
differ = int((whole(test_rows) != resumed(test_rows)).sum())
card.record("resume-exact", differ)
print(f"{differ} of {len(test_rows):,} int8 outputs differ")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. None.** Conditions: nothing random in the model (no dropout), batches and sums in the same order (a GPU may not; not
# measured here).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What is in the two files
#
# **Predict.** One is for the Trainer, `fit(ckpt_path=…)`; one for your program, `rebuild` and then `load_state_dict`. Which is larger, and what does each one lack?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: the two users. Collect guesses, then click. The checkpoint is the larger by far: floats, and two moments of Adam for each. Ask which of the two you would put on a device, and which one you can train on.


# %% slideshow={"slide_type": "skip"}
learned = [(n, t) for n, t in tensors(halfway["state_dict"]) if n.endswith((".weight", ".bias"))]
seen = [(n, t) for n, t in tensors(halfway["state_dict"]) if not n.endswith((".weight", ".bias"))]
moments = tensors(halfway["optimizer_states"])
packed = tensors(finished)
codes = [(n, t) for n, t in packed if t.dtype == torch.qint8]
rest = [(n, t) for n, t in packed if t.dtype != torch.qint8]
per_row = sum(t.q_per_channel_scales().numel() if t.qscheme() == torch.per_channel_affine else 1 for _, t in codes)
FILES = {
    "checkpoint of the training": [
        ("weights, biases", n_bytes(learned), "fp32"),
        ("histograms, ranges", n_bytes(seen), "plain"),
        ("Adam's moments", n_bytes(moments), "gradient"),
    ],
    "state after the fit": [
        ("int8 weights", n_bytes(codes), "int8"),
        ("scales, zero points", 16 * per_row, "plain"),
        ("biases and the rest", n_bytes(rest), "fp32"),
    ],
}


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def opened(answered):
    canvas = diagrams.Canvas(height=300)
    for place, (name, parts) in enumerate(FILES.items()):
        x = 60 + 590 * place
        canvas.text(x, 30, name, align="left", bold=True)
        canvas.text(x, 275, ("fit(ckpt_path=…)", "rebuild, load_state_dict")[place], align="left", size=22)
        most = max(size for listed in FILES.values() for _, size, _ in listed)
        for row, (words, size, meaning) in enumerate(parts if answered else []):
            y = 62 + 64 * row
            canvas.box(x, y, width=max(4, 250 * size / most), height=50, colour=meaning, fill=meaning)
            canvas.text(x + 20 + 250 * size / most, y + 25, f"{words}: {si(size, 'B')}", align="left")
    return canvas.figure()


told = "Two files side by side, the checkpoint of the training and the state after the fit"
plots.show(
    [opened(False), opened(True)],
    alt=[
        f"{told}, not opened yet.",
        f"{told}: "
        + "; ".join(", ".join(f"{words} {si(size, 'B')}" for words, size, _ in parts) for parts in FILES.values())
        + ".",
    ],
    caption="Bytes of the tensors, counted in the two files; bars to one scale.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. The checkpoint.** It has all to train on, but no integers. The finished state has integers and scales, but no float weights, observers or moments. Both load with `weights_only=True`, which refuses code in the file.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. A quarter of the file?
#
# An int8 weight takes one byte, a float four.
#
# **Predict.** Our model is 64 units wide, about 9,000 weights. Its int8 file, divided by the float one: **A** 0.25, **B** 0.5, **C** 1? And with 16 units?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote, and let somebody draw the curve into the empty frame before the click. B for 64 units. (Whoever divides the numbers of the slide before gets less: those were bytes of tensors. A file also has a name and a place for each of them, and int8 has more of these.) Narrow models grow: at the left the int8 file is the larger one. Ask what does not shrink (names, one scale and one zero point a
# row), and where the curve must end (at a quarter: one scale a row no longer counts).

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
WIDTHS = (8, 16, 32, 64, 128, 256, 512)
sizes = {
    w: [size_report(net, loads=1) for net in (Regression(width=w), aware().rebuild(Regression(width=w)))]
    for w in WIDTHS
}
ratio = {w: quantized.file_bytes / plain.file_bytes for w, (plain, quantized) in sizes.items()}
card.record("small-file", ratio[64])


def against_width(answered):
    fig, ax = plots.figure(size=(11, 3.7))
    if answered:
        ax.plot(WIDTHS, list(ratio.values()), "o-", label="file")
        ax.text(58, 0.8, f"64: beside weights and biases\nfloat {beside[0]:,} bytes, int8 {beside[1]:,}")
    ax.axhline(0.25, color=plots.COLOURS["black"], linestyle=":", label="a quarter")
    ax.set(xscale="log", xlabel="width", ylabel="int8 ÷ float", ylim=(0, 2.1), xlim=(7, 600))
    ax.set_xticks(WIDTHS, [str(w) for w in WIDTHS])
    ax.minorticks_off()
    ax.legend(loc="upper right")
    return fig


told = "Size of the int8 file over the float file against width from 8 to 512, with a line at a quarter"
beside = [r.file_bytes - r.memory_bytes for r in sizes[64]]
plots.show(
    [against_width(False), against_width(True)],
    alt=[f"{told}; no curve yet.", f"{told}: {', '.join(f'{times:.2f} at {w}' for w, times in ratio.items())}."],
    caption="Bytes of the files, as `torch.save` writes them.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. B here; with 16 units int8 is larger.** Beside its weights it has scales and zero points (here one a row), and a name and a place for each tensor: more than the float file has (figure).

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Switching between models
#
# A service has ten models and keeps one in memory. For another it reads a file and calls `load_state_dict`. Four layers of 2048 × 2048; the file comes from the disk cache, so
# no disk is waited for.
#
# **Predict.** Which part is faster in int8: reading, loading, both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Expect "both". Reading is faster, a quarter of the bytes; loading is slower: the weights are packed again for the kernel, each time. Which sum is smaller depends on the storage.
# Explain the caption: "Here the file came from memory. A disk adds its own time, and float has four times the bytes to bring. Below this rate that costs more than packing." Ask what else a service could do with the
# quarter: keep four models in memory where one was.


# %% slideshow={"slide_type": "skip"}
def rebuilt():
    return QuantizationAwareTraining().rebuild(Wide())


wide = {"float": (Wide(), Wide()), "int8": (rebuilt(), rebuilt())}
switch = {name: switch_times(*pair) for name, pair in wide.items()}
layers = [(layer.weight(), layer.bias()) for layer in wide["int8"][0].net]
took = []
for _ in range(5):
    start = time.perf_counter()
    for weight, bias in layers:
        torch.ops.quantized.linear_prepack(weight, bias)  # a control: packing, and nothing else
    took.append(time.perf_counter() - start)
packing = statistics.median(took)
large = {"lesson": "lightning_qat", "task": "none, random weights", "model": "4 × 2048 linear"}
for name, technique in (("float", "fp32"), ("int8", "static int8")):
    ledger.record(**large, technique=technique, file_bytes=switch[name][0], load_ms=1e3 * switch[name][1])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
(big, read_f, put_f), (small, read_q, put_q) = switch["float"], switch["int8"]
late = (read_q + put_q) - (read_f + put_f)
card.record("reading-is-shorter", read_f / read_q)
card.record("packing-is-longer", put_q / put_f)
Table(
    ["", "file", "read, ms", "load, ms", "together, ms"],
    [
        [name, si(size, "B"), *(f"{1e3 * t:.1f}" for t in (read, put, read + put))]
        for name, (size, read, put) in switch.items()
    ],
    caption=f"Packing the int8 weights alone: {1e3 * packing:.0f} ms. "
    + (f"Break-even: storage of {si((big - small) / late, 'B')} a second." if late > 0 else ""),
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Only reading.** A quarter of the bytes is read faster. Loading is slower: the kernel wants its weights **packed**, and `load_state_dict` packs them each time (time in the caption). From storage slower than the caption names, int8 is faster together.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# On paper here; in the notebook into the stub, then run the check below it.
#
# ### Exercise 1 · The fuse list of a model
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

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, on paper; alone it takes 10 minutes. Answer: (stem.0, stem.1, stem.2), (conv, bn), (neck, neck_act). The mistakes to wait for: `act` fused with `conv` and `bn` across the sum, names inside of the Sequential without `stem.`, and `side` with the function behind it. The second card is homework.


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
# ### Exercise 2 · Export and reload
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
# Section 2 loads a state into a rebuilt model. A call that works for both kinds is m(m.quant(x)): a compatible model leaves what is quantized
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
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - One callback, and a fit ends in int8. Fuse each ReLU with its layer: else codes go to values that it throws away.
# - A callback is code that changes your weights. Test it so that the test could fail: absurd data, a resumed fit compared bit by bit.
# - A float twin is no ruler finer than its own spread: compare with the truth.
# - The checkpoint is for training on, the finished state is for shipping. A narrow model's int8 file may be the larger one.
#
# Next here: [[lightning_pruning]].
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
# *For the lecturer, 1 min.* Ask the opening question again: who would now look, and at what? Ranges, a resumed fit, the file loaded again.
