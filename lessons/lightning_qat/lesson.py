# ---
# jupyter:
#   course:
#     promise: You will prune and quantize inside a Trainer, resume and ship the result, and know which of the two helps where.
#     minutes: 70
#     seconds: 30
#     needs: [measuring, baseline, energy, amp, integers, dynamic, audit, static, depthwise, qat, qat_cnn, choosing, prune_module, prune_model,
#       structured, patterns, own_method, ticket, ticket_full, distillation, students]
#     goals:
#       - Choose between pruning and quantization from what hurts, with measured rows.
#       - Get an int8 model from one fit, call it, export it, and resume its training to the same bits.
#       - Say when the file of an int8 model is a quarter of the float one, and when it is larger.
#       - Write a pruning schedule that ends at the density you meant, with or without rewind.
#       - Find four faults of a well-known pruning callback by looking at weights instead of settings.
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

# %% [markdown] slideshow={"slide_type": "skip"}
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer.* Ask who uses a Trainer (Lightning, Hugging Face, Keras), and who has looked at what its callbacks do to the weights. Keep
# the second number for section 8. There, ask how one would have noticed the fault of the rewind: the tickets are no better than pruning without
# it, and nobody knows why. The lesson is not "do not use Lightning". It is "measure what a setting did".

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, ModelPruning
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.callbacks import PruningSchedule, QuantizationAwareTraining, ignore_advice
from course_utils.measure import int8_audit
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import plots
from course_utils.show.tables import Table, si
from lessons.lightning_qat import checks as check

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
ignore_advice()  # for large trainings, which these are not
card = claims.Scorecard("lightning_qat")
torch.set_num_threads(1)  # one thread for every measurement
engine = torch.backends.quantized.engine = legacy_int8.best()
print(f"int8 engine: {engine}")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1. Where does it hurt?
#
# Nobody needs a small network as such. Something hurts:
#
# - a **cloud endpoint** pays for the time of every request,
# - an **edge device** runs on a battery, a **mobile app** has to be downloaded,
# - a **large model** does not fit a **small memory**,
# - a service that **switches between models** waits until the next one is loaded.
#
# The ledger of this course has measured both cures. Take the best row for each pain, at most one point of accuracy below its float model.
#
# **Predict.** How many of the five go to quantization, how many to pruning?

# %% slideshow={"slide_type": "skip"}
measured = [row for row in ledger.rows() if row.lesson != "lightning_qat"]


def float_of(row):  # of the same lesson where there is one
    same = [r for r in measured if (r.task, r.model) == (row.task, row.model)]
    found = [r for r in same if r.technique.startswith("fp32") and "Runtime" not in r.technique]
    return min(found, key=lambda r: (r.lesson != row.lesson, len(r.technique)), default=None)


def times_less(row, field):  # than in fp32; 0 where it was not measured
    before, after = getattr(float_of(row), field, None), getattr(row, field)
    return before / after if before and after else 0.0


def drop(row):  # points of accuracy lost to fp32
    known = float_of(row) and float_of(row).accuracy and row.accuracy
    return 100 * (float_of(row).accuracy - row.accuracy) if known else None


# %% slideshow={"slide_type": "skip"}
PAINS = {
    "cloud endpoint": ("time, batch 1", lambda row: row.speedup or 0.0),
    "edge device": ("energy, estimated", lambda row: times_less(row, "energy_nj")),
    "mobile app": ("bytes of the file", lambda row: times_less(row, "file_bytes")),
    "large model, small memory": ("bytes of the file", lambda row: times_less(row, "file_bytes")),
    "switching between models": ("time to read the file", lambda row: times_less(row, "load_ms")),
}


def best_for(pain):
    # the ledger has no accuracy of the large models: their weights are random
    cures = [row for row in measured if float_of(row) and not row.technique.startswith("fp32")]
    if pain.startswith("large"):
        cures = [row for row in cures if (float_of(row).file_bytes or 0) > 2e8]
    else:
        cures = [row for row in cures if drop(row) is not None and drop(row) <= 1]
    if pain.startswith("switching"):  # of files of equal size only noise is faster
        cures = [row for row in cures if times_less(row, "file_bytes") > 1.5]
    return max(cures, key=PAINS[pain][1])


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The best row of the ledger for each pain

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
chosen = {pain: best_for(pain) for pain in PAINS}
Table(
    ["where", "what hurts", "model", "cure", "times less", "points lost"],
    [
        [
            pain,
            PAINS[pain][0],
            row.model,
            row.technique,
            f"{PAINS[pain][1](row):.2f}",
            "not measured" if drop(row) is None else f"{drop(row):.1f}",
        ]
        for pain, row in chosen.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** In the shipped ledger time, energy and bytes go to int8: it needs no kernel that skips zeros. Reading a *small* file gets little faster,
# whatever you do: opening it takes the time. Section 6 tries a large one.

# %% [markdown] slideshow={"slide_type": "skip"}
# A speed-up by another runtime is partly the runtime's own ([[choosing]]). Pruning comes in where int8 is not enough, or on top of it:
#
# | what hurts | first | then | measured in |
# |---|---|---|---|
# | time of a request, server CPU | static int8 (CNN), dynamic int8 (Transformer) | whole channels, by surgery | [[static]], [[dynamic]], [[structured]] |
# | time of a request, GPU | 16 bits (AMP) | 2:4 sparsity where the kernel has it | [[amp]], [[patterns]] |
# | energy, battery | int8 | whole channels | [[energy]], [[static]], [[structured]] |
# | bytes to download | int8 | magnitude pruning *and* compression (gzip, Huffman) | 09, 16, section 9 here |
# | memory for a large model | weight-only few bits | – | 06, 15 |
# | switching between models | keep both in memory as int8 | a smaller file, if storage is slow | section 6 here |
#
# A mask alone is in no row of this table: [[prune_model]] measured a larger file and a slower model.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. The Trainer does the loop
#
# [Lightning](https://lightning.ai/docs/pytorch/stable/) takes the training loop off your hands. You write a `LightningModule`: forward, the
# loss of one batch, the optimizer. A `Trainer` runs it, saves **checkpoints** (weights, optimizer, position), and calls **callbacks** at fixed
# moments.
#
# Our task: a camera on a clothes rail sends only 4 × 4 pixels. *How large is the garment?* More exactly: which share of the full 784 pixels
# is not black? A number to predict, a **regression**, from 16 inputs.


# %% slideshow={"slide_type": "skip"}
def thumbnails(split, n):
    """(N, 16) mean brightness of blocks of 7 × 7 pixels; (N, 1) share of the 784 pixels brighter than a tenth."""
    images, _ = data.load("fashion_mnist", split, n=n)
    return nn.functional.avg_pool2d(images, 7).flatten(1), (images > 0.1).float().mean((1, 2, 3))[:, None]


rows, share = thumbnails("train", 6000)
test_rows, test_share = thumbnails("test", 2000)


def mape(predicted, expected):
    """Mean absolute percentage error, in %."""
    return 100 * ((predicted - expected) / expected).abs().mean().item()


ones = [torch.cat([x, torch.ones(len(x), 1)], 1) for x in (rows, test_rows)]
linear = ones[1] @ torch.linalg.lstsq(ones[0], share).solution
print(
    f"shares from {test_share.min():.2f} to {test_share.max():.2f}; a guess of the mean is "
    f"{mape(share.mean(), test_share):.0f} % off (mean absolute percentage error, MAPE), the best linear model "
    f"{mape(linear, test_share):.1f} %"
)


# %% slideshow={"slide_type": "skip"}
def batches(n=6000, size=128, order=None):
    """The first n rows in batches, in the same order every epoch: a resumed fit must see what it would have seen."""
    picked = torch.randperm(len(rows[:n]), generator=torch.Generator().manual_seed(order)) if order else slice(n)
    return DataLoader(list(zip(rows[picked].split(size), share[picked].split(size), strict=True)), batch_size=None)


def trainer(*callbacks, epochs=6, **options):
    """A Trainer that prints and writes nothing; on the CPU, where the same fit gives the same bits."""
    quiet = dict(
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=tempfile.gettempdir(),
        accelerator="cpu",
        devices=1,
    )
    return Trainer(max_epochs=epochs, callbacks=list(callbacks), **(quiet | options))


def fit(model, *callbacks, epochs=6, on=None, validate=None, **options):  # by default on all rows
    trainer(*callbacks, epochs=epochs, **options).fit(model, on or batches(), validate)
    return model.eval().requires_grad_(False)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The whole model, in plain sight


# %% slideshow={"slide_type": "-"}
class Regression(LightningModule):
    """layer_0 … layer_end: 16 inputs, three hidden layers, one output."""

    def __init__(self, width=64, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layer_0, self.layer_0a = nn.Linear(16, width), nn.ReLU()
        self.layer_1, self.layer_1a = nn.Linear(width, width), nn.ReLU()
        self.layer_2, self.layer_2a = nn.Linear(width, width), nn.ReLU()
        self.layer_end = nn.Linear(width, 1)

    def forward(self, x):
        x = self.layer_1a(self.layer_1(self.layer_0a(self.layer_0(x))))
        return self.layer_end(self.layer_2a(self.layer_2(x)))

    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Does the Trainer train differently?
#
# **Predict.** The same model, once in a loop of five lines, once by the Trainer. The weights at the end: **A** equal to the last bit,
# **B** nearly equal, **C** different, for it shuffles, clips or scales something?


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def by_hand(model, epochs=6):
    optimizer = model.configure_optimizers()
    for _ in range(epochs):
        for index, batch in enumerate(batches()):
            optimizer.zero_grad()
            model.training_step(batch, index).backward()
            optimizer.step()
    return model


start = time.perf_counter()
own = by_hand(Regression())
middle = time.perf_counter()
lightning_time, own_time = -middle, middle - start
floats = {0: fit(Regression())}
lightning_time += time.perf_counter()
differ = sum(int((a != b).sum()) for a, b in zip(own.parameters(), floats[0].parameters(), strict=True))
card.record("trainer-is-the-loop", differ)
print(
    f"{differ} weights differ; the Trainer took {lightning_time / own_time:.1f} times as long; "
    f"{mape(floats[0](test_rows), test_share):.1f} % off"
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** A. It is the same loop. It costs a fixed time a step, for hooks and progress: much beside this tiny network, little
# beside a large one. And the network beats the best linear model by far.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3. One callback, and the fit ends in int8
#
# Lightning had a callback for quantization-aware training (QAT, [[qat]]). Version 2.0 removed it. `course_utils.callbacks` has one again:
#
# ```python
# QuantizationAwareTraining(qconfig="fbgemm", observer_type="average", collect_quantization=None,
#     modules_to_fuse=None, input_compatible=True, quantize_on_fit_end=True, observer_enabled_stages=("train",))
# ```
#
# When the fit starts, it fuses, adds `model.quant` and `model.dequant`, and puts fake-quantized layers in. When the fit ends, it converts.
#
# **Predict.** Our model has four linear layers and three ReLUs. After the fit, how many modules run in int8, with each
# `(layer_i, layer_ia)` fused: 4, 7, 8?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Nothing in the model changes, one argument of the Trainer does

# %% slideshow={"slide_type": "-"}
PAIRS = [("layer_0", "layer_0a"), ("layer_1", "layer_1a"), ("layer_2", "layer_2a")]


def aware(**options):
    """The callback for this machine's engine, ReLUs fused."""
    return QuantizationAwareTraining(**({"qconfig": engine, "modules_to_fuse": PAIRS} | options))


model = fit(Regression(), aware(observer_type="histogram"), epochs=2)
audit = int8_audit.audit(model, test_rows)
print(
    f"{audit.count('int8')} modules in int8, {audit.count('float32', 'Linear')} linear layers in float; "
    f"weights are {model.layer_1.weight().dtype}, outputs {model(test_rows).dtype}"
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** Four: a fused ReLU is part of its layer's kernel. Without `modules_to_fuse` the three ReLUs are int8 modules of their own, and round
# once more. The model gives float: `dequant` comes last. The audit ([[audit]]) watched the kernels run.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two ways to call it
#
# `input_compatible=True`: call it as before, `model(x)`. `False`: quantize first, `model(model.quant(x))`. The second is for
# programs that hold int8 already, a camera for example.
#
# **Predict.** Give the second model plain floats: does it **A** quantize them anyway, **B** compute in float, **C** raise an error?

# %% slideshow={"slide_type": "fragment"}
strict = aware(input_compatible=False).rebuild(Regression(seed=9))  # int8 parts, no useful values yet
strict.load_state_dict(model.state_dict())
same = torch.equal(strict(strict.quant(test_rows)), model(test_rows))
try:
    said = strict(test_rows)
except NotImplementedError as error:
    said = f"{type(error).__name__}: {str(error)[:70]} …"
print(f"model(model.quant(x)) equals the compatible model: {same}\nmodel(x): {said}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** C: the int8 kernel does not exist for floats. `rebuild` gives a *new* model the int8 parts, so that the state of the
# finished one fits in. Without it the names of the entries would not even agree.

# %% [markdown] slideshow={"slide_type": "skip"}
# `quantize_on_fit_end=False` leaves the model fake-quantized, and `callback.quantize(model)` converts it later. `qconfig` takes an engine's name or a
# `QConfig` that fake-quantizes. A wrong name of an engine, observer, stage or module is refused, and the model stays as it was.
#
# The callback runs on a GPU too: it trains there, and converts on the CPU, where torch's int8 kernels are. It refuses several devices, because each would
# watch its own ranges.
#
# `collect_quantization` says in the same way which *training* batches are looked at: all (`None`), the first so many (a count), or those for which a
# function of the trainer is true. Until the first one the model trains in float. A small count is a trap: the ranges stand still after it,
# while the activations go on growing.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How far from float?
#
# Train three seeds, each four ways from the same first weights: float; float with the batches in another order; int8 with the `average` observer;
# int8 with the `histogram` observer, which looks at every tenth batch only (`collect_quantization`, a function of the trainer).
#
# **Predict.** The outputs of the int8 model are a few percent away from its float twin. How far is the second *float* model: **A** not at all,
# **B** a tenth of that, **C** about as far?


# %% slideshow={"slide_type": "skip"}
def every_tenth(trainer):
    return trainer.global_step % 10 == 0


ARMS = {
    "float, other order": lambda seed: fit(Regression(seed=seed), on=batches(order=1)),
    "int8, average": lambda seed: fit(Regression(seed=seed), aware()),
    "int8, histogram": lambda seed: fit(
        Regression(seed=seed), aware(observer_type="histogram", collect_quantization=every_tenth)
    ),
}
SEEDS = (0, 1, 2)
away, error = {}, {}
for seed in tqdm(SEEDS, desc="seeds", file=sys.stdout, leave=False):
    floats[seed] = fit(Regression(seed=seed))
    error[seed, "float"] = mape(floats[seed](test_rows), test_share)
    for arm, train in ARMS.items():
        net = train(seed)
        away[seed, arm] = mape(net(test_rows), floats[seed](test_rows))
        error[seed, arm] = mape(net(test_rows), test_share)


def mean(table, arm):
    return statistics.mean(table[seed, arm] for seed in SEEDS)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
card.record("int8-near-float", max(mean(away, arm) for arm in ("int8, average", "int8, histogram")))
card.record("other-order", mean(away, "float, other order"))
card.record("int8-as-good", mean(error, "int8, histogram") - mean(error, "float"))
Table(
    ["mean of three seeds", "away from the float model, %", "seeds", "MAPE, %", "seeds"],
    [
        [
            arm,
            f"{mean(away, arm):.1f}" if arm in ARMS else "–",
            ", ".join(f"{away[s, arm]:.1f}" for s in SEEDS) if arm in ARMS else "–",
            f"{mean(error, arm):.1f}",
            ", ".join(f"{error[s, arm]:.1f}" for s in SEEDS),
        ]
        for arm in ("float", *ARMS)
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** C, or near it. Two fits that differ in anything go different ways. So "int8 is a few percent away from float" says little
# about rounding. Compare both with the truth: there the arms are within a fraction of a point.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Who may move the ranges?
#
# Observers move when data pass. A Trainer passes data for other reasons too: the **sanity check** before training, validation after
# every epoch, `trainer.test`, `trainer.predict`. If those moved the ranges, the test data would change the model.
#
# Below, validation gets inputs a hundred times too large, which no observer would forget.
#
# **Predict.** Two fits, one with that validation, one without. The int8 models: **A** equal, **B** different?

# %% slideshow={"slide_type": "skip"}
absurd = DataLoader([(100 * test_rows[:256], test_share[:256])], batch_size=None)


class Evaluated(Regression):
    """With the other steps of a Trainer."""

    def validation_step(self, batch, index):
        return self(batch[0])

    test_step = predict_step = validation_step


def ranges(model):
    return {
        name: value.clone() for name, value in model.state_dict().items() if name.endswith((".min_val", ".max_val"))
    }


def moved_by(stage, enabled):
    """How many observed ranges a stage of the Trainer moves in a fake-quantized model."""
    model = fit(Evaluated(), aware(quantize_on_fit_end=False), epochs=1, on=batches(1024))
    before = ranges(model)
    run = trainer(aware(observer_enabled_stages=("train", stage) if enabled else ("train",)))
    getattr(run, stage)(model, absurd, **({} if stage == "predict" else {"verbose": False}))
    return sum(not torch.equal(before[name], value) for name, value in ranges(model).items())


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
alone = fit(Evaluated(), aware(), epochs=2, on=batches(1024))
watched = fit(Evaluated(), aware(), epochs=2, on=batches(1024), validate=absurd)
validation_changed = int((alone(test_rows) != watched(test_rows)).sum())
stages = {stage: (moved_by(stage, False), moved_by(stage, True)) for stage in ("validate", "test", "predict")}
card.record("stages-move-nothing", validation_changed + sum(default for default, _ in stages.values()))
print(f"a fit with absurd validation data: {validation_changed} of {len(test_rows):,} int8 outputs differ")
Table(
    ["stage", "ranges moved", "ranges moved, with the stage in observer_enabled_stages"],
    [[stage, default, asked] for stage, (default, asked) in stages.items()],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** A. The right column shows that the test could fail: when asked, observers do look.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. Export and resume
#
# | file | for | made by |
# |---|---|---|
# | TorchScript | a program without your Python code | `model.to_torchscript()` |
# | `state_dict` of the finished model | your code: `rebuild`, then `load_state_dict` | `torch.save` |
# | checkpoint of the training | the Trainer: `fit(ckpt_path=…)` | `ModelCheckpoint` |
#
# **Predict.** TorchScript compiles the model. Its outputs and those of the model in Python: **A** equal, **B** within a step?

# %% slideshow={"slide_type": "fragment"} tags=["legacy"]
scripted, strict_scripted = model.to_torchscript(), strict.to_torchscript()
with tempfile.TemporaryDirectory() as folder:
    torch.jit.save(scripted, Path(folder) / "model.pt")
    loaded = torch.jit.load(Path(folder) / "model.pt")
outs = scripted(test_rows), loaded(test_rows), strict_scripted(strict_scripted.quant(test_rows))
gap = max((out - model(test_rows)).abs().max().item() for out in outs)
card.record("torchscript-equal", gap)
print(f"largest difference, scripted, loaded, and with quant(x): {gap}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** A: the same kernels run. But TorchScript is on its way out ([[depthwise]]).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Stop, go home, resume
#
# Four epochs with *both* callbacks of this lesson: QAT, and pruning by half after epochs 0 and 2. Then a new process would
# take the checkpoint of epoch 1 and go on. Here a new model with other first weights stands for it.
#
# **Predict.** After the resumed fit, how many of the int8 outputs differ from those of the uninterrupted fit?


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def four_epochs(model, *more, **options):
    """Prune and quantize in one fit on 1,024 rows; gives the model and what was pruned."""
    pruning = PruningSchedule("l1_unstructured", {0: 0.5, 2: 0.5})
    run = trainer(pruning, aware(observer_type="histogram"), *more, epochs=4, enable_checkpointing=bool(more))
    run.fit(model, batches(1024), weights_only=True, **options)
    return model, pruning.history


with tempfile.TemporaryDirectory() as folder:
    every_epoch = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)
    whole, cuts = four_epochs(Regression(), every_epoch)
    path = Path(folder) / "epoch=1.ckpt"
    inside = torch.load(path, weights_only=True)
    resumed, cuts_again = four_epochs(Regression(seed=9), ckpt_path=path)
differ = int((whole(test_rows) != resumed(test_rows)).sum()) + (cuts != cuts_again)
card.record("resume-exact", differ)
print(f"{differ} of {len(test_rows):,} int8 outputs differ; (epoch, density) of each pruning: {cuts_again}")
print(
    "of layer_1 in the file:",
    ", ".join(name.partition(".")[2] for name in list(inside["state_dict"]) if "layer_1.weight" in name)[:70],
    "…",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** None. The file holds masks, ranges and switches beside the weights, and tensors and numbers only: it loads with
# `weights_only=True`, which runs no code from the file. Two conditions: the batches come in the order in which they would have come (Lightning does not save
# where a shuffler was), and on a GPU "equal" becomes "nearly equal".

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. A quarter of the file, or twice the file?
#
# An int8 weight takes one byte, a float four. So the file shrinks to a quarter. This is so for LeNet-300-100 (below).
#
# **Predict.** Our regression model is 64 units wide, about 9,000 weights. Its int8 file, times the float one: **A** 0.25, **B** 0.5, **C** 1?
# And with 16 units?

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Small models do not shrink, they may grow

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
sizes = {
    w: (size_report(Regression(width=w), loads=1), size_report(aware().rebuild(Regression(width=w)), loads=1))
    for w in WIDTHS
}
file_ratio = {w: quantized.file_bytes / plain.file_bytes for w, (plain, quantized) in sizes.items()}
tensor_ratio = {w: quantized.memory_bytes / plain.memory_bytes for w, (plain, quantized) in sizes.items()}
card.record("small-file", file_ratio[64])
float_64, int8_64 = sizes[64]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(11, 4.0))
ax.plot(WIDTHS, list(file_ratio.values()), "o-", label="file")
ax.plot(WIDTHS, list(tensor_ratio.values()), "s--", color=plots.COLOURS["grey"], label="weights and biases alone")
ax.axhline(0.25, color=plots.COLOURS["black"], linestyle=":", label="a quarter")
ax.plot(
    [64], [file_ratio[64]], "o", markersize=14, markerfacecolor="none", color=plots.COLOURS["orange"], label="our model"
)
ax.set(xscale="log", xlabel="width of the regression model", ylabel="int8, times float", ylim=(0, 2.1))
ax.set_xticks(WIDTHS, [str(w) for w in WIDTHS])
ax.set_xticks([], minor=True)
ax.legend()
plots.show(
    fig,
    alt="Size of int8 over float against width from 8 to 1024. The file falls from about 2 at width 8 to near one quarter at 1024; "
    "our model, 64 wide, lies near one half. Weights and biases alone lie much lower, below 0.4 throughout.",
    caption=f"Our model: float {float_64.memory_bytes:,} bytes of weights and biases + {float_64.file_bytes - float_64.memory_bytes:,} of the rest; "
    f"int8 {int8_64.memory_bytes:,} + {int8_64.file_bytes - int8_64.memory_bytes:,}.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** B. The rest does not shrink, it grows: for each row a scale and a zero point (16 bytes together), for each tensor a name and a place in
# the file. Narrow layers cannot pay for that.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Switching between models
#
# A service has ten models and keeps one in memory. A request for another: read the file, `load_state_dict`, answer. Take four layers of 2048 × 2048.
#
# **Predict.** Files come from the disk cache here, so reading is as fast as it gets. Which switch is faster, float or int8?


# %% slideshow={"slide_type": "skip"}
class Wide(LightningModule):
    """Four linear layers; 64 MiB in float."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(4)))

    def forward(self, x):
        return self.net(x)


def switch_times(model, fresh, rounds=7):
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


def rebuilt():
    return QuantizationAwareTraining(engine).rebuild(Wide())


wide = {"float": (Wide(), Wide()), "int8": (rebuilt(), rebuilt())}
switch = {name: switch_times(*pair) for name, pair in wide.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
(big, read_f, put_f), (small, read_q, put_q) = switch["float"], switch["int8"]
extra = put_q - put_f
even = f"slower than {si((big - small) / extra, 'B')} a second" if extra > 0 else "of any speed"
card.record("reading-is-shorter", read_f / read_q)
card.record("packing-is-longer", put_q / put_f)
print(f"int8 switches sooner from storage {even}")
Table(
    ["", "file", "read, ms", "load_state_dict, ms", "together, ms"],
    [
        [name, si(size, "B"), *(f"{1e3 * t:.1f}" for t in (read, put, read + put))]
        for name, (size, read, put) in switch.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** A quarter of the bytes is read in less time. But the kernel wants its weights **packed**, and `load_state_dict` packs them again, each
# time. What wins depends on how slow your storage is: the printed line says where they are even. The better use of
# the quarter: keep four models in memory where one was.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. A schedule for pruning
#
# A schedule as examples for Lightning show it: half after epoch 10, a quarter after epoch 50, one percent after each of the epochs 76 to 98, else nothing.
#
# ```python
# def schedule(epoch):
#     return (0.5 if epoch == 10 else 0.25 if epoch == 50
#             else 0.01 if 76 <= epoch <= 98 else None)
# ```
#
# Beside it often stands: "the amounts must add up to less than 1". They add up to 0.98.
#
# **Predict.** So after 100 epochs this share of the weights is gone: **A** 98 %, **B** 90 %, **C** 70 %?


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def schedule(epoch):
    return 0.5 if epoch == 10 else 0.25 if epoch == 50 else 0.01 if 76 <= epoch <= 98 else None


callback = PruningSchedule("l1_unstructured", schedule)
left = callback.densities(100)  # on paper: no training
print(
    f"sum of the amounts {sum(schedule(e) or 0 for e in range(100)):.2f}; gone {1 - left[-1]:.3f}, left {left[-1]:.3f}"
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** C. An amount counts the weights that are *left*: $0.5 \cdot 0.75 \cdot 0.99^{23}$ stay. So no sum matters, and 0.6 twice is no error
# either: 16 % stay.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What it takes: names, classes, fractions, counts
#
# Every method of `torch.nn.utils.prune` by name, and classes of your own ([[own_method]]). Below each cuts once, after epoch 2 of 6. `targets` names the parameters; by default it is all weights,
# without biases and norm layers. A `float` is a share, an `int` a count (of weights, or of rows for structured methods), `True` means "now" for a method
# that takes no amount.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
class BelowThreshold(prune.BasePruningMethod):
    """Takes no amount: everything smaller than 0.05 goes."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask * (t.abs() >= 0.05)


HIDDEN = [f"layer_{i}.weight" for i in range(3)]
REQUESTS = [
    ("l1_unstructured", 0.5, {}),
    ("l1_unstructured", 4000, {}),
    ("l1_unstructured", 0.5, {"scope": "local"}),
    ("random_unstructured", 0.5, {}),
    ("ln_structured", 0.5, {"norm": 2, "dim": 0}),
    ("random_structured", 32, {"dim": 0}),
    ("identity", True, {}),
    (BelowThreshold, True, {}),
]


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def cut_once(method, amount, options):
    """A line of the table: density, whole rows gone, error after the fit."""
    pruning = PruningSchedule(method, {2: amount}, targets=HIDDEN, **options)
    net = fit(Regression(), pruning, epochs=6, on=batches(3000))
    gone = sum(int((getattr(net, f"layer_{i}").weight == 0).all(1).sum()) for i in range(3))
    named = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return [
        getattr(method, "__name__", method),
        amount,
        named or "–",
        f"{pruning.history[0][1]:.1%}",
        gone,
        f"{mape(net(test_rows), test_share):.1f}",
    ]


Table(
    ["method", "amount", "options", "left", "neurons gone, of 192", "MAPE, %"],
    [cut_once(*request) for request in REQUESTS],
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### 100 epochs, with and without rewind
#
# A **lottery ticket** ([[ticket]]) goes back to its first weights after each pruning, and keeps the mask: `rewind_to=0`.
#
# **Predict.** This schedule prunes 25 times. With rewind, how good is the network at the end: **A** better than without, for tickets win, **B** alike,
# **C** hardly trained?


# %% slideshow={"slide_type": "skip"}
class AfterEpoch(Callback):
    """Keeps what a function says of the model after every epoch; list it behind the callback that prunes."""

    def __init__(self, ask):
        self.ask, self.answers = ask, []

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        self.answers.append(self.ask(pl_module))


def hundred_epochs(*callbacks):
    watch = AfterEpoch(lambda net: mape(net(test_rows), test_share))
    fit(Regression(), *callbacks, watch, epochs=100, on=batches(1024))
    return watch.answers


plain_schedule = PruningSchedule("l1_unstructured", schedule)
kinds = {
    "not pruned": (),
    "schedule": (plain_schedule,),
    "with rewind": (PruningSchedule("l1_unstructured", schedule, rewind_to=0),),
}
curves = {
    name: hundred_epochs(*callbacks)
    for name, callbacks in tqdm(kinds.items(), desc="100 epochs", file=sys.stdout, leave=False)
}
card.record("schedule-compounds", plain_schedule.history[-1][1])
card.record("schedule-costs", curves["schedule"][-1] - curves["not pruned"][-1])
card.record("rewind-needs-time", curves["with rewind"][-1] - curves["schedule"][-1])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The rewind needs time after it

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
fig, (left_ax, right_ax) = plots.figure(columns=2, size=(12, 4.4))
summed = [1 - sum(schedule(i) or 0 for i in range(e + 1)) for e in range(100)]
left_ax.plot(summed, ":", color=plots.COLOURS["grey"], label="if amounts added up")
left_ax.plot(left, color=plots.COLOURS["blue"], label="computed")
epochs_cut, found = zip(*plain_schedule.history, strict=True)
left_ax.plot(epochs_cut, found, "o", color=plots.COLOURS["orange"], markersize=5, label="in the fit")
left_ax.set(xlabel="epoch", ylabel="weights left", ylim=(0, 1.05))
for (name, curve), colour in zip(curves.items(), ("grey", "blue", "orange"), strict=True):
    right_ax.plot(curve, label=name, color=plots.COLOURS[colour], linewidth=2)
right_ax.set(xlabel="epoch", ylabel="MAPE, %", yscale="log")
right_ax.set_yticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
left_ax.legend(loc="upper right", fontsize=14)
right_ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=14)
plots.show(
    fig,
    alt="Left: the density falls in steps to 0.5, 0.375 and slowly to 0.3; the dotted line of added amounts ends at 0.02. Right: the error of the schedule jumps "
    "at each large cut and recovers to that of the dense network; with rewind it jumps back to the start, recovers twice, and stays high from epoch 76 on.",
    caption="Regression model, 100 epochs on 1,024 rows. Dots: what was counted in the fit.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** C. A rewind throws the training away; the 23 small cuts leave one epoch each. Rewind with few, widely spaced cuts. Without
# rewind the network ends near the dense one, at 30 % of the weights.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8. What goes wrong in Lightning's own callback
#
# Lightning still has a callback for pruning, `ModelPruning`. Ours lets it do the cut itself, and does the rest on its own. Why? Four
# observations, with Lightning as installed here.
#
# **Predict.** `use_lottery_ticket_hypothesis=True` (its default) keeps a copy of the first weights and goes back to them after each
# pruning. After the *second* pruning, how far are the weights from the first ones?


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def distances(pruning):
    """Largest distance of layer_1's weights, under the mask, from the first ones, after each of four prunings."""
    net = Regression()
    first = net.layer_1.weight.detach().clone()
    watch = AfterEpoch(lambda net: (net.layer_1.weight_orig - first).abs().max().item())
    fit(net, pruning, watch, epochs=4, on=batches(1024))
    return watch.answers


away_from_first = {
    "ModelPruning": distances(ModelPruning("l1_unstructured", parameter_names=["weight"], amount=0.3)),
    "PruningSchedule": distances(PruningSchedule("l1_unstructured", 0.3, rewind_to=0)),
}
card.record("upstream-rewind", away_from_first["ModelPruning"][1])
card.record("our-rewind", max(away_from_first["PruningSchedule"]))
Table(
    ["distance from the first weights, after pruning", "1", "2", "3", "4"],
    [[name, *(f"{d:.3f}" for d in found)] for name, found in away_from_first.items()],
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** The first rewind is right. It hands out the tensor of its copy itself, so training goes on *in the copy*
# (`dst.data = src.data.to(device)`, the same storage on a CPU). From the second round on it "rewinds" to trained weights. A copy of the *values*
# (`dst.data.copy_(src.data)`) mends it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three more
#
# **Predict.** (1) Resume from a checkpoint while masks are on. (2) Prune half of a network with batch norm, all else by default. (3) `amount=0.5`, five
# epochs, no rewind. What happens?


# %% slideshow={"slide_type": "skip"}
class Normed(Regression):
    """With batch norm before the second ReLU."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(64)

    def forward(self, x):
        x = self.layer_1a(self.norm(self.layer_1(self.layer_0a(self.layer_0(x)))))
        return self.layer_end(self.layer_2a(self.layer_2(x)))


def resume(make):
    """Save after two epochs, resume to four; what happens."""
    with tempfile.TemporaryDirectory() as folder:
        saver = ModelCheckpoint(folder, filename="{epoch}")
        fit(Regression(), make(), saver, epochs=2, on=batches(1024), enable_checkpointing=True)
        try:
            trainer(make(), epochs=4).fit(
                Regression(), batches(1024), ckpt_path=Path(folder) / "epoch=1.ckpt", weights_only=True
            )
        except RuntimeError as error:
            return str(error).split("\n")[1].strip()[:52] + " …"
        return "goes on"


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def touched(pruning):
    """Kinds of parameters with zeros after one epoch, of a network with batch norm."""
    net = fit(Normed(), pruning, epochs=1, on=batches(1024))
    cut = {name: p.dim() > 1 for name, p in net.named_parameters() if (p == 0).any()}
    kinds = {"weights" if wide else "batch norm" if "norm" in name else "biases" for name, wide in cut.items()}
    return ", ".join(sorted(kinds))


def share_left(pruning):
    net = fit(Regression(), pruning, epochs=5, on=batches(1024))
    weights = [p for p in net.parameters() if p.dim() > 1]
    return sum(int((p != 0).sum()) for p in weights) / sum(p.numel() for p in weights)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
off_switch = {"parameter_names": ["weight"], "use_lottery_ticket_hypothesis": False}
observed = {
    "ModelPruning": (
        resume(lambda: ModelPruning("l1_unstructured", amount=0.3, make_pruning_permanent=False, **off_switch)),
        touched(ModelPruning("l1_unstructured", amount=0.5)),
        share_left(ModelPruning("l1_unstructured", amount=0.5, **off_switch)),
    ),
    "PruningSchedule": (
        resume(lambda: PruningSchedule("l1_unstructured", 0.3)),
        touched(PruningSchedule("l1_unstructured", 0.5)),
        share_left(PruningSchedule("l1_unstructured", {0: 0.5})),
    ),
}
card.record("half-every-epoch", observed["ModelPruning"][2])
Table(
    ["", "(1) resume", "(2) what has zeros", "(3) weights left"],
    [[name, *found[:2], f"{found[2]:.1%}"] for name, found in observed.items()],
    caption="(3): amount=0.5 and amount={0: 0.5}",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **What you saw.** (1) The new model has no masks, so the names in the file do not fit. (2) Biases, and the shifts of batch norm, which begin at 0, count as
# small weights. (3) Half of what is left, *every* epoch: $0.5^5$. Ours means the same by `amount=0.5`, but also takes `{0: 0.5}`: once.

# %% [markdown] slideshow={"slide_type": "skip"}
# The rewind is on by default too, which throws away every epoch of (3) unless you look. None of this is an error message. You find it by counting zeros and
# comparing weights, as here. With `make_pruning_permanent=True`, its default, (1) goes on, but the file has no masks: the zeros learn again. If your table shows other things, your Lightning is newer and something was mended: good.
#
# Ours makes masks before a checkpoint is read, copies values for the rewind and lets the optimizer forget its moments, and prunes weights of two or more dimensions unless
# told otherwise. It writes one line to the log and the metric `pruning_sparsity` for each pruning.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9. Both in one fit
#
# LeNet-300-100 on MNIST, trained in float. Then three epochs more, on 20,000 digits, four ways: float, int8, 90 % pruned in two cuts, and both at once:
#
# ```python
# Trainer(callbacks=[PruningSchedule("l1_unstructured", {0: 0.684, 1: 0.684}),
#                    QuantizationAwareTraining("x86")])
# ```
#
# **Predict.** Pruning alone does not shrink the file; int8 makes it a quarter. What do both give, and what under gzip?

# %% slideshow={"slide_type": "skip"}
digits, digit_labels = data.load("mnist")
digit_test = data.load("mnist", "test")


class Digits(LightningModule):
    """LeNet-300-100 for a Trainer."""

    def __init__(self, lr, state=None):
        super().__init__()
        torch.manual_seed(0)
        self.net, self.lr = models.LeNet300100(), lr
        if state:
            self.load_state_dict(state)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def digit_batches(n):
    return DataLoader(list(zip(digits[:n].split(200), digit_labels[:n].split(200), strict=True)), batch_size=None)


with tqdm(total=3, desc="LeNet-300-100 in float", file=sys.stdout, leave=False) as bar:
    started = fit(Digits(2e-3), AfterEpoch(lambda net: bar.update()), epochs=3, on=digit_batches(60_000)).state_dict()


# %% slideshow={"slide_type": "skip"}
twice = {epoch: 1 - 0.1**0.5 for epoch in (0, 1)}  # two equal cuts that leave a tenth
FITS = {"float": (), "int8": ("quantize",), "10 % left": ("prune",), "10 % left, int8": ("prune", "quantize")}
made = {
    "prune": lambda: PruningSchedule("l1_unstructured", twice),
    "quantize": lambda: QuantizationAwareTraining(engine),
}
nets = {}
for name, wanted in tqdm(FITS.items(), desc="four ways on", file=sys.stdout, leave=False):
    nets[name] = fit(Digits(1e-3, started), *(made[what]() for what in wanted), epochs=3, on=digit_batches(20_000))
right = {name: training.evaluate(net, *digit_test) for name, net in nets.items()}
weighed = {name: size_report(net, compressed=True) for name, net in nets.items()}


def zeros(net):
    """Share of zeros among the weights, int8 or float."""
    found = [w().int_repr() if callable(w) else w for w in (getattr(net.net, f"fc{i}").weight for i in (1, 2, 3))]
    return sum(int((w == 0).sum()) for w in found) / sum(w.numel() for w in found)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A quarter by int8, a twentieth with pruning and gzip

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
float_file = weighed["float"].file_bytes
card.record("lenet-floor", 100 * right["float"])
card.record("lenet-file", weighed["int8"].file_bytes / float_file)
card.record("lenet-int8-drop", 100 * (right["float"] - right["int8"]))
card.record("both-zeros", zeros(nets["10 % left, int8"]))
card.record("both-drop", 100 * (right["float"] - right["10 % left, int8"]))
card.record("both-gzip", float_file / weighed["10 % left, int8"].compressed_bytes)
for name in nets:
    ledger.record(
        lesson="lightning_qat",
        task="mnist",
        model="LeNet-300-100",
        technique=f"{name}, Lightning" if name != "float" else "fp32, Lightning",
        accuracy=right[name],
        file_bytes=weighed[name].file_bytes,
        load_ms=weighed[name].load_ms,
    )
ledger.record(
    lesson="lightning_qat",
    task="mnist",
    model="LeNet-300-100",
    technique="10 % left, int8, gzip, Lightning",
    accuracy=right["10 % left, int8"],
    file_bytes=weighed["10 % left, int8"].compressed_bytes,
)

# %% slideshow={"slide_type": "skip"}
large = {"lesson": "lightning_qat", "task": "none, random weights", "model": "4 × 2048 linear"}
for name, technique in (("float", "fp32"), ("int8", "static int8")):
    file_bytes, read_s, _ = switch[name]
    ledger.record(**large, technique=technique, file_bytes=file_bytes, load_ms=1e3 * read_s)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
Table(
    ["three epochs more", "right, %", "zeros", "file", "times float", "gzip", "times float"],
    [
        [
            name,
            f"{100 * right[name]:.2f}",
            f"{zeros(net):.1%}",
            si(weighed[name].file_bytes, "B"),
            f"{weighed[name].file_bytes / float_file:.3f}",
            si(weighed[name].compressed_bytes, "B"),
            f"{weighed[name].compressed_bytes / float_file:.3f}",
        ]
        for name, net in nets.items()
    ],
)

# %% [markdown] slideshow={"slide_type": "-"}
# **What you saw.** The cures multiply, once something writes the zeros in fewer bits. The masked weights are zeros of the int8 model too: the map of
# weights is symmetric, so 0 stays exactly 0 ([[integers]]).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## Exercises
#
# Three cards. Write your answer into the cell with the stub, run it, then run the check below it.
#
# ### Exercise 1 · Ninety percent in five prunings
# ★★ · 10 minutes
#
# Write `even_schedule`: what to give `PruningSchedule` as `amount`, so that it prunes after each of the `epochs` with the *same* share, and at the
# end the share `sparsity` of all weights is gone.
#
# `even_schedule(epochs, sparsity)` → a dictionary, epoch → amount. `epochs` are different whole numbers in ascending order, `sparsity` is more than 0 and less than 1.
#
# <details><summary>Hint</summary>
# Each pruning leaves the same share q of what was left. After n prunings q multiplied n times is left: that must be 1 − sparsity.
# What is the amount for a given q?
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def even_schedule(epochs, sparsity):
    """Amounts for PruningSchedule: equal shares after each epoch of `epochs`, in all `sparsity`.

    >>> even_schedule([7], 0.5)
    {7: 0.5}
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.even_schedule(even_schedule)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def even_schedule_solution(epochs, sparsity):
    left_each_time = (1 - sparsity) ** (1 / len(epochs))
    return {epoch: 1 - left_each_time for epoch in epochs}


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2 · The fuse list of a model
# ★★ · 10 minutes
#
# ```python
# self.stem = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
# self.conv, self.bn, self.act = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
# self.side = nn.Linear(8, 8)
# self.neck, self.neck_act, self.head = nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 10)
#
# def forward(self, x):
#     x = self.stem(x)
#     x = self.act(self.plus.add(x, self.bn(self.conv(x))))  # plus: FloatFunctional
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


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3 · Export and reload
# ★★★ · 15 minutes
#
# A file that was never loaded is no export. Write `export`: save the state of the finished int8 `model` to `path`, load it with `weights_only=True` into a
# *new* model, and give back that model and whether *all* outputs on `x` are equal to those of the old one.
#
# `make()` gives a new float model, `rebuild(net)` gives such a model its int8 parts and returns it. Some models here are input compatible, some are not.
# The file or the rebuilt model may go wrong on the way: then say so.
#
# `export(model, path, make, rebuild, x)` → the loaded model, True or False
#
# <details><summary>Hint</summary>
# Section 3 loads a state into a rebuilt model. A call that works for both kinds is m(m.quant(x)): a compatible model leaves what is quantized
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
# - Ask what hurts first. int8 helps with time, energy and bytes at once; zeros help with bytes, and only when something writes them in fewer bits.
# - A callback is code that changes your weights: count zeros, compare with the first weights, resume once and compare bits, before you trust it.
# - Amounts compound on what is left, and a float twin is no ruler finer than its own spread: compute the density, and compare with the truth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Going further
#
# - J. Frankle and M. Carbin, *The lottery ticket hypothesis*, 2018, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635). What the rewind is for.
# - M. Zhu and S. Gupta, *To prune, or not to prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878). A schedule that prunes much at first and little later.
# - B. Jacob et al., *Quantization and training of neural networks for efficient integer-arithmetic-only inference*, 2018,
#   [arXiv:1712.05877](https://arxiv.org/abs/1712.05877). What the quantization callback simulates.
# - Lightning's documentation on [pruning and quantization](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html) and on
#   [callbacks](https://lightning.ai/docs/pytorch/stable/extensions/callbacks.html).
#
# **Project ideas**: write a callback that stops pruning when validation error rises; find the largest width at which the int8 file is still above
# 0.3; let `collect_quantization` look only in the last epoch, and compare.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Credits
#
# The regression model, the schedule and the calls of both callbacks follow the documentation of Lightning, whose team wrote the first versions of both. The callbacks here were
# written anew from the behaviour described there. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
