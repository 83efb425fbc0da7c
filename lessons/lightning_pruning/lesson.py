# ---
# jupyter:
#   course:
#     promise: You will prune by a schedule inside of a Trainer, find out what a callback did to the weights, and say when to prune and when to quantize.
#     minutes: 45
#     seconds: 35
#     needs: [measuring, baseline, audit, choosing, depthwise, dynamic, observers, prune_module, qat, qat_cnn, scores, static, structured, students, ticket,
#       ticket_full, zero_worth, lightning_qat]
#     goals:
#       - Write a pruning schedule that ends at the density you meant, with or without rewind.
#       - Find two faults and two surprising defaults of a well-known callback by looking at weights.
#       - Prune and quantize in one fit, and say what each part brings.
#       - Choose between pruning and quantization from what hurts, by rows with fair twins.
#     terms: [pruning schedule]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A setting says what a callback should do. The weights say what it did.*
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
# *For the lecturer, 1 min.* Ask: "How would you notice that a callback prunes in another way than you think?" Keep two or three answers for the last slide.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, ModelPruning
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader
from tqdm import tqdm

from course_utils import data, legacy_int8, models, runtime, training
from course_utils.callbacks import PruningSchedule, QuantizationAwareTraining, garments, ignore_advice
from course_utils.callbacks.garments import Layers, fit, mape
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.lightning_pruning import checks as check

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
ignore_advice()  # for large trainings, which these are not
card = claims.Scorecard("lightning_pruning")
torch.set_num_threads(1)  # one thread for every measurement
torch.backends.quantized.engine = legacy_int8.best()
runtime.describe("cpu")

# %% tags=["setup"] slideshow={"slide_type": "skip"}
rows, share = garments.load("train", 3000)  # the task of [[lightning_qat]]: how large is a garment, from 16 pixels?
test_rows, test_share = garments.load("test", 2000)
few = garments.batches(rows[:1024], share[:1024])
one_batch = garments.batches(rows[:128], share[:128])


class Regression(Layers):  # the model of [[lightning_qat]]: 16 inputs, three hidden layers, one output
    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


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


def weights(net):
    """The three weights, int8 or float."""
    found = [getattr(net.net, f"fc{i}").weight for i in (1, 2, 3)]
    return [w().int_repr() if callable(w) else w for w in found]


def zeros(net):
    return sum(int((w == 0).sum()) for w in weights(net)) / sum(w.numel() for w in weights(net))


class Epochs(Callback):
    """Writes down at the start of each epoch, and as training ends: weights left, masks on, does the model round?"""

    def __init__(self):
        self.seen = []

    def look(self, net):
        fake = getattr(net, "quant", None) is not None
        self.seen.append((1 - zeros(net), prune.is_pruned(net), fake))

    def on_train_epoch_start(self, trainer, pl_module):
        self.look(pl_module)

    def on_train_end(self, trainer, pl_module):
        self.look(pl_module)


started = fit(Digits(2e-3), digit_batches(60_000), epochs=3).state_dict()  # LeNet-300-100 in float, for section 3

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. A schedule for pruning
#
# An example of Lightning's documentation prunes half after epoch 10, a quarter after epoch 50, one percent after each of the epochs 76 to 98. Its comment says that the sum of all amounts has to be
# "smaller than 1". It is 0.98.
#
# **Predict.** The course's callback gets this schedule. After 100 epochs this share of the weights is gone: **A** 98 %, **B** 90 %, **C** 70 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect A. After the number let somebody say it in words: our callback takes each amount from what is *left*; Lightning's is the next vote. A is the sum; B a guess in between. Click, and read: a half, times three quarters, times 0.99 twenty-three times. So 0.6 twice is no error either: 16 % stay.


# %% slideshow={"slide_type": "fragment"}
def schedule(epoch):
    if 76 <= epoch <= 98:
        return 0.01
    return {10: 0.5, 50: 0.25}.get(epoch)  # None: prune nothing


# on paper, without training (PruningSchedule: the course's callback):
left = PruningSchedule("l1_unstructured", schedule).densities(100)
total = sum(schedule(epoch) or 0 for epoch in range(100))
print(f"sum of the amounts {total:.2f}; gone {1 - left[-1]:.3f}, left {left[-1]:.3f}")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. C, by the rule of the course's callback:** an amount counts from the weights that are *left*, $0.5 \cdot 0.75 \cdot 0.99^{23}$ stay. Lightning's own comes next.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Does a fit do what was computed?
#
# **Predict.** Two fits of 100 epochs (the regression from 16 pixels of [[lightning_qat]]) count the weights that are not zero: with `PruningSchedule`, and with Lightning's own `ModelPruning(amount=schedule)`. On which line do they lie?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: the two lines that were computed. Ask for a vote on ModelPruning, whose comment speaks of the sum, then click. Both callbacks land on the solid line (ours calls theirs for the cut): the documentation's comment names a rule that the code does not have.

# %% slideshow={"slide_type": "skip"}
LAYERS = ("layer_0", "layer_1", "layer_2", "layer_end")


class AfterEpoch(Callback):
    """Keeps what a function says of the model after every epoch; list it behind the callback that prunes."""

    def __init__(self, ask):
        self.ask, self.answers = ask, []

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        self.answers.append(self.ask(pl_module))


def weights_left(net):
    """Share of the weights that are not zero, under the masks that are on."""
    masks = [getattr(getattr(net, n), "weight_mask", None) for n in LAYERS]
    parts = [getattr(net, n).weight if mask is None else mask for n, mask in zip(LAYERS, masks, strict=True)]
    return sum(int((part != 0).sum()) for part in parts) / sum(part.numel() for part in parts)


off_switch = {"parameter_names": ["weight"], "use_lottery_ticket_hypothesis": False}
counted = {}
for name, callback in (
    ("PruningSchedule", PruningSchedule("l1_unstructured", schedule)),
    ("ModelPruning", ModelPruning("l1_unstructured", amount=schedule, **off_switch)),
):
    watch = AfterEpoch(weights_left)
    fit(Regression(), one_batch, callback, watch, epochs=100)
    counted[name] = watch.answers
card.record("schedule-compounds", counted["PruningSchedule"][-1])
card.record("upstream-compounds", counted["ModelPruning"][-1])


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def densities(answered):
    fig, ax = plots.figure(size=(11.5, 3.9))
    added = [1 - sum(schedule(i) or 0 for i in range(e + 1)) for e in range(100)]
    ax.plot(added, ":", color=plots.COLOURS["grey"], lw=3, label="if amounts added up")
    ax.plot(left, color=plots.COLOURS["blue"], lw=2, label="if each counts from what is left")
    if answered:
        for (name, found), look in zip(counted.items(), (("o", "orange"), ("x", "black")), strict=True):
            ax.plot(range(0, 100, 6), found[::6], look[0], color=plots.COLOURS[look[1]], ms=9, label=name)
    ax.set(xlabel="epoch", ylabel="weights left", ylim=(0, 1.05), xlim=(-1, 101))
    ax.legend(loc="upper right", ncols=2)
    return fig


told = f"Weights left over 100 epochs, two lines: if amounts added up it ends at {1 - total:.2f}, if each counts from what is left at {left[-1]:.2f}"
plots.show(
    [densities(False), densities(True)],
    alt=[
        f"{told}.",
        f"{told}. Marks of both callbacks, ending at {' and '.join(f'{c[-1]:.2f}' for c in counted.values())}.",
    ],
    caption="Marks: counted in a fit, every sixth epoch.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. The solid line, both:** each amount counts from what is left. The sum of the amounts has no meaning.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Half of the weights, how many neurons?
#
# `PruningSchedule` takes methods of `torch.nn.utils.prune`, or your own ([[own_method]]). Of 192 neurons' incoming weights half goes: the smallest or random ones, singly or by rows.
#
# **Predict.** How many neurons lose *all* their incoming weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Name the four: smallest single weights, random ones, smallest rows, random rows. Let the room guess a number for each. Single weights: none here. The structured methods cut rows, and half of 192 is 96. Ask what a dense kernel can use, single zeros or whole rows: rows, once removed
# ([[structured]]).

# %% slideshow={"slide_type": "skip"}
HIDDEN = [f"layer_{i}.weight" for i in range(3)]


class BelowThreshold(prune.BasePruningMethod):
    """Takes no amount: everything smaller than 0.05 goes."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask * (t.abs() >= 0.05)


def cut_once(method, amount, **options):
    """Share of the weights left, neurons with no weight left, error: after one pruning in a fit of six epochs."""
    pruning = PruningSchedule(method, {2: amount}, targets=HIDDEN, **options)
    net = fit(Regression(), garments.batches(rows, share), pruning)
    gone = sum(int((getattr(net, f"layer_{i}").weight == 0).all(1).sum()) for i in range(3))
    return f"{pruning.history[0][1]:.1%}", gone, f"{mape(net(test_rows), test_share):.1f}"


more = {
    "l1_unstructured, 4000 (a count)": ("l1_unstructured", 4000, {}),
    'l1_unstructured, 0.5, scope="local"': ("l1_unstructured", 0.5, {"scope": "local"}),
    "random_structured, 32 (rows)": ("random_structured", 32, {"dim": 0}),
    "identity, True": ("identity", True, {}),
    "BelowThreshold, True": (BelowThreshold, True, {}),
}
Table(
    ["method, amount", "left", "neurons gone, of 192", "MAPE, %"],
    [[words, *cut_once(method, amount, **options)] for words, (method, amount, options) in more.items()],
    caption="Further requests. A float is a share, an int a count, True stands for a method that takes no amount.",
)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
FOUR = {
    "l1_unstructured": {},
    "random_unstructured": {},
    "ln_structured": {"norm": 2, "dim": 0},
    "random_structured": {"dim": 0},
}
half = {name: cut_once(name, 0.5, **options) for name, options in FOUR.items()}
card.record("rows-go-whole", half["ln_structured"][1])
Table(
    ["amount 0.5", "left", "neurons gone", "MAPE, %"],
    [[name, *found] for name, found in half.items()],
    caption="MAPE: mean absolute percentage error. Six epochs, one seed.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** The same half, in other places: structured methods take whole rows, 96 neurons; single weights here none. One seed: no ranking of the errors.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### 100 epochs, with and without rewind
#
# To find a **lottery ticket** ([[ticket]]), one goes back to the first weights after each pruning, and keeps the mask: `rewind_to=0`. The schedule of section 1 prunes 25 times.
#
# **Predict.** With rewind, how good is the network at the end: **A** better than without, for tickets win, **B** alike, **C** hardly trained?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; expect A and B. C: each jump of the orange line is a rewind. After epochs 10 and 50 there is time to recover; each of the last 23 cuts throws the training away, and one epoch follows. Ask how a schedule for a rewind should look: few cuts, many epochs between them.


# %% slideshow={"slide_type": "skip"}
def hundred_epochs(*callbacks):
    watch = AfterEpoch(lambda net: mape(net(test_rows), test_share))
    fit(Regression(), few, *callbacks, watch, epochs=100)
    return watch.answers


KINDS = {
    "not pruned": lambda: (),
    "without rewind": lambda: (PruningSchedule("l1_unstructured", schedule),),
    "with rewind": lambda: (PruningSchedule("l1_unstructured", schedule, rewind_to=0),),
}
curves = {
    name: hundred_epochs(*made()) for name, made in tqdm(KINDS.items(), desc="100 epochs", file=sys.stdout, leave=False)
}
at_end = {name: statistics.mean(curve[-10:]) for name, curve in curves.items()}
card.record("schedule-costs", at_end["without rewind"] - at_end["not pruned"])
card.record("rewind-needs-time", at_end["with rewind"] - at_end["without rewind"])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(7, 4.2))
for (name, curve), colour in zip(curves.items(), ("grey", "blue", "orange"), strict=True):
    ax.plot(curve, label=f"{name}: {at_end[name]:.1f}", color=plots.COLOURS[colour], linewidth=2)
ax.set(xlabel="epoch", ylabel="MAPE, %", yscale="log", ylim=(5, 800))
ax.set_yticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
ax.legend(loc="upper left", title="mean of the last ten epochs")
plots.show(
    fig,
    alt="Error over 100 epochs. Mean of the last ten: " + ", ".join(f"{n} {e:.1f} %" for n, e in at_end.items()) + ".",
    caption="One seed, 1,024 rows.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With rewind the network is hardly trained at the end (C), because a rewind throws the training away, and each epoch from 76 to 98 ends in one.** Without it the network with 30 % of its weights ends near the dense one.
#
# <!-- page -->
#
# The number in the legend is the mean of the last ten epochs, and nine of these ten were measured straight after a rewind, when the weights are untrained by construction; the last epoch alone, with one epoch of training, is a little better. Before epoch 76 the rewound network had time to recover. A schedule for a rewind therefore has few cuts, with many epochs between them.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. What Lightning's own callback does
#
# `ModelPruning` rewinds by default (`use_lottery_ticket_hypothesis=True`): it keeps a copy of the first weights, and is meant to go back to them after each pruning.
#
# **Predict.** After the *second* pruning, how far are the weights from the first ones?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Expect "0". The second number is not 0. Second row: `rewind_to=0`. Let the room guess the reason (lesson 5.1 had it); the third row is the control: one line of the callback replaced. Do not explain the line: the next slide draws it.


# %% slideshow={"slide_type": "skip"}
class Copying(ModelPruning):
    """ModelPruning with one line changed: the rewind copies values."""

    @staticmethod
    def _copy_param(new, old, name):
        dst = getattr(new, f"{name}_orig", None)
        dst = getattr(new, name) if dst is None else dst
        dst.data.copy_(getattr(old, name).data)  # theirs: dst.data = src.data.to(dst.device)


def distances(pruning):
    """Largest distance of layer_1's weights, under the mask, from the first ones, after each of four prunings."""
    net = Regression()
    first = net.layer_1.weight.detach().clone()
    watch = AfterEpoch(lambda net: (net.layer_1.weight_orig - first).abs().max().item())
    fit(net, few, pruning, watch, epochs=4)
    return watch.answers


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
usual = {"parameter_names": ["weight"], "amount": 0.3}
away_from_first = {
    "ModelPruning": distances(ModelPruning("l1_unstructured", **usual)),
    "PruningSchedule": distances(PruningSchedule("l1_unstructured", 0.3, rewind_to=0)),
    "ModelPruning, values copied": distances(Copying("l1_unstructured", **usual)),
}
card.record("upstream-rewind", away_from_first["ModelPruning"][1])
card.record("our-rewind", max(away_from_first["PruningSchedule"]))
card.record("copying-mends", max(away_from_first["ModelPruning, values copied"]))
Table(
    ["after pruning", "1", "2", "3", "4"],
    [[name, *(f"{d:.3f}" for d in found)] for name, found in away_from_first.items()],
    caption=f"Lightning {version('lightning')}, 0.3 cut each epoch: largest distance of a weight of layer_1 from its first value",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A fault: the first rewind is right, later ones hand back trained weights.** With values copied (last row) it is gone. If your first row is all zeros, your Lightning is newer and has it mended: good.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where do the weights lie after a rewind?
#
# The rewind of `ModelPruning`: `dst.data = src.data.to(dst.device)`, dst: the weights, src: the copy. On a CPU `.to` does nothing.
#
# **Predict.** Before the first pruning, weights and copy lie in two places. After the first rewind?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Click: the arrows of ModelPruning meet. Say: "From here on the Trainer trains the copy." The second rewind goes to what was trained. On a GPU `.to` would copy from the CPU if the first copy was made there; that was not measured here.


# %% slideshow={"slide_type": "skip"}
class Places(Callback):
    """Where layer_1's weights and the callback's copy of the first ones lie, before and after the first pruning."""

    def __init__(self, pruning):
        self.pruning, self.seen = pruning, []

    def look(self, net):
        layer = net.layer_1
        now = getattr(layer, "weight_orig", layer.weight)
        if isinstance(self.pruning, ModelPruning):
            kept = self.pruning._original_layers[id(layer)]["data"].weight
        else:
            kept = next(t for n, t in self.pruning.state_dict()["values"].items() if n.startswith("layer_1.weight"))
        self.seen.append(kept.data_ptr() == now.data_ptr())

    def on_train_batch_start(self, trainer, pl_module, batch, index):
        if trainer.global_step == 0:
            self.look(pl_module)

    def on_train_epoch_end(self, trainer, pl_module):
        self.look(pl_module)


shared = {}
for pruning in (ModelPruning("l1_unstructured", **usual), PruningSchedule("l1_unstructured", 0.3, rewind_to=0)):
    places = Places(pruning)
    fit(Regression(), one_batch, pruning, places, epochs=1)
    shared[type(pruning).__name__] = places.seen


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def memory(moment):
    canvas = diagrams.Canvas(height=300)
    for place, (name, seen) in enumerate(shared.items()):
        x = 40 + 600 * place
        canvas.text(x, 25, name, align="left", bold=True)
        weights = canvas.box(x, 60, "weights", width=190, height=80)
        copy = canvas.box(x, 190, "copy of the\nfirst weights", width=190, height=90)
        one = canvas.box(x + 340, 60, "memory", width=150, height=80, colour="fp32")
        two = canvas.box(x + 340, 190, "memory", width=150, height=90, colour="fp32")
        canvas.wire(copy.right, two.left)
        canvas.wire(weights.right, two.left if seen[moment] else one.left)
    return canvas.figure()


told = "For each callback, the weights and the copy of the first weights, with an arrow to the memory where each lies"
plots.show(
    [memory(0), memory(1)],
    alt=[
        f"{told}, {when}: "
        + ", ".join(f"{name} {'one place' if seen[moment] else 'two places'}" for name, seen in shared.items())
        + "."
        for moment, when in enumerate(("before the first pruning", "after the first rewind"))
    ],
    caption="From data_ptr() of both tensors, in a fit: before the first step, then after the first pruning.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** `ModelPruning` hands out its copy: what is trained next *is* the copy. `PruningSchedule` copies values.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Resume while masks are on
#
# A checkpoint after two epochs; a new model and a new callback go on from it, to four epochs. `ModelPruning` twice: with masks in the file, and by default, without.
#
# **Predict.** What does each callback do: **A** go on to the same bits, **B** go on, differently, **C** stop with an error?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two shows of hands for `ModelPruning` (masks in the file; default), one for `PruningSchedule`. The error of the first row names missing keys: the new model has no masks yet when the file is read, so the names
# do not fit. Second row, its default: the file holds no masks, so it goes on, and zeros learn again. 49 % is 0.7 times 0.7: only the cuts after the checkpoint are left. The fourth row has the callback of
# [[lightning_qat]] beside ours.


# %% slideshow={"slide_type": "skip"}
def resumed(make, *more):
    """What a resumed fit does: it stops, or how many outputs differ from an uninterrupted fit; weights left in both."""
    with tempfile.TemporaryDirectory() as folder:
        saver = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)
        whole = fit(Regression(), few, make(), *(one() for one in more), saver, epochs=4, enable_checkpointing=True)
        again = Regression(seed=9)
        try:
            run = garments.trainer(make(), *(one() for one in more), epochs=4)
            run.fit(again, few, ckpt_path=Path(folder) / "epoch=1.ckpt", weights_only=True)
        except RuntimeError as error:
            return f"error: {str(error).split(chr(10))[1].strip()[:14]}", "–"
        differ = int((whole(test_rows) != again.eval()(test_rows)).sum())
        shares = [] if more else [f"{weights_left(net):.0%}" for net in (whole, again)]
        return f"{differ:,} differ", " / ".join(shares) or "–"


def upstream(permanent):
    return ModelPruning("l1_unstructured", amount=0.3, make_pruning_permanent=permanent, **off_switch)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
ours = resumed(lambda: PruningSchedule("l1_unstructured", {0: 0.5, 2: 0.5}))
both = resumed(lambda: PruningSchedule("l1_unstructured", {0: 0.5, 2: 0.5}), QuantizationAwareTraining)
card.record("resume-exact", int(ours[0].startswith("0 ")) + int(both[0].startswith("0 ")))
Table(
    ["", "outputs", "weights left"],
    [
        ["ModelPruning, masks in the file", *resumed(lambda: upstream(False))],
        ["ModelPruning, none in it (default)", *resumed(lambda: upstream(True))],
        ["PruningSchedule", *ours],
        ["PruningSchedule and int8", *both],
    ],
    caption=f"of {len(test_rows):,} outputs; left: uninterrupted / resumed. Cuts: ModelPruning 0.3 an epoch, ours 0.5 twice. –: not counted.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A second fault: `ModelPruning` C, or B by default; `PruningSchedule` A.** With masks in the file it stops; without them it goes another way, and the weights that were zero count as weights again. Ours makes the masks before the file is read.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Two defaults that surprise
#
# No faults, neither is hidden; no rewind. (1) Prune half of a network with batch norm, all else by default. (2) `amount=0.5`, five epochs.
#
# **Predict.** (1) Which kinds of parameters have zeros? (2) How many weights are left?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Collect one guess for each; expect "weights"; for (2) the slide before helps those who listened. Then click. (1) Biases count as weights, and so do the shifts of batch norm, which begin at 0. (2) Half of what is left, every epoch: $0.5^5$. `PruningSchedule(amount=0.5)` means the same; `{0: 0.5}` cuts once.


# %% slideshow={"slide_type": "skip"}
class Normed(Regression):
    """With batch norm before the second ReLU."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(64)

    def forward(self, x):
        x = self.layer_1a(self.norm(self.layer_1(self.layer_0a(self.layer_0(x)))))
        return self.layer_end(self.layer_2a(self.layer_2(x)))


def touched(pruning):
    """Kinds of parameters with zeros after one epoch, of a network with batch norm."""
    net = fit(Normed(), few, pruning, epochs=1)
    cut = {name: p.dim() > 1 for name, p in net.named_parameters() if (p == 0).any()}
    kinds = {"weights" if wide else "batch norm" if "norm" in name else "biases" for name, wide in cut.items()}
    return ", ".join(sorted(kinds))


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
def left_after_five(pruning):
    return weights_left(fit(Regression(), few, pruning, epochs=5))


found = {
    "ModelPruning": (
        touched(ModelPruning("l1_unstructured", amount=0.5, use_lottery_ticket_hypothesis=False)),
        left_after_five(ModelPruning("l1_unstructured", amount=0.5, **off_switch)),
    ),
    "PruningSchedule": (
        touched(PruningSchedule("l1_unstructured", 0.5)),
        left_after_five(PruningSchedule("l1_unstructured", 0.5)),
    ),
}
once = left_after_five(PruningSchedule("l1_unstructured", {0: 0.5}))
card.record("half-every-epoch", found["ModelPruning"][1])
Table(
    ["", "(1) zeros in", "(2) weights left"],
    [[name, kinds, f"{left:.1%}"] for name, (kinds, left) in found.items()] + [["… with {0: 0.5}", "", f"{once:.1%}"]],
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** (1) Lightning's default prunes biases and batch norm, too. (2) Half of what is left, *every* epoch: $0.5^5$, with either callback. A dictionary cuts only where it says: `{0: 0.5}` once.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Both in one fit
#
# LeNet-300-100 on MNIST, trained in float. Then three epochs more, four ways: float, int8, a tenth left in two cuts, and both at once, with two callbacks in one list.
#
# **Predict.** Pruning alone does not shrink the file, int8 makes it a quarter. What do both give, and what under gzip?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask for two numbers before the click: the file of both, and that file under gzip. The file of both is that of int8; gzip then writes the zeros in fewer bits. Multiply on the board: gzip of "10 % left" times file of "int8" is near the last cell. Ask which stored integer a zero weight becomes: 0, since the
# map of weights is symmetric. (In an asymmetric one it would be the zero point: just as exact.)

# %% slideshow={"slide_type": "skip"}
twice = {epoch: 1 - 0.1**0.5 for epoch in (0, 1)}  # two equal cuts that leave a tenth
WAYS = {"float": (), "int8": ("int8",), "10 % left": ("prune",), "10 % left, int8": ("prune", "int8")}
made = {"prune": lambda: PruningSchedule("l1_unstructured", twice), "int8": QuantizationAwareTraining}
nets, watched = {}, Epochs()
for name, wanted in tqdm(WAYS.items(), desc="four ways on", file=sys.stdout, leave=False):
    callbacks = [made[what]() for what in wanted] + ([watched] if len(wanted) == 2 else [])
    nets[name] = fit(Digits(1e-3, started), digit_batches(20_000), *callbacks, epochs=3)
right = {name: training.evaluate(net, *digit_test) for name, net in nets.items()}
weighed = {name: size_report(net, compressed=True) for name, net in nets.items()}
float_file = weighed["float"].file_bytes
lenet = {"lesson": "lightning_pruning", "task": "mnist", "model": "LeNet-300-100"}
for name, report in weighed.items():
    technique = "fp32, Lightning" if name == "float" else f"{name}, Lightning"
    ledger.record(
        **lenet, technique=technique, accuracy=right[name], file_bytes=report.file_bytes, load_ms=report.load_ms
    )
last = "10 % left, int8"
for name in ("int8", "10 % left", last):
    squeezed = {"accuracy": right[name], "file_bytes": weighed[name].compressed_bytes}
    written = ledger.record(**lenet, technique=f"{name}, gzip, Lightning", **squeezed)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
card.record("lenet-floor", 100 * right["float"])
card.record("lenet-file", weighed["int8"].file_bytes / float_file)
card.record("lenet-int8-drop", 100 * (right["float"] - right["int8"]))
card.record("both-zeros", zeros(nets[last]))
card.record("both-drop", 100 * (right["float"] - right[last]))
card.record("both-gzip", float_file / weighed[last].compressed_bytes)
Table(
    ["", "right, %", "zeros", "file", "gzip"],
    [
        [
            name,
            f"{100 * right[name]:.2f}",
            f"{zeros(net):.0%}",
            f"{weighed[name].file_bytes / float_file:.3f}",
            f"{weighed[name].compressed_bytes / float_file:.3f}",
        ]
        for name, net in nets.items()
    ],
    caption=f"sizes over the float file, {si(float_file, 'B')}; one seed",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. The file of int8; with gzip about a nineteenth.** So the gains nearly multiply, once something writes zeros in fewer bits. Masked weights are zeros of the int8 model, too. Most of the accuracy lost goes with the pruning here. (gzip alone does little for the float file.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### What the fit hands over
#
# **Predict.** Two callbacks change the same weights. In which order do they act at the end: masks off first, or int8 first?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: the Trainer's moments. Masks first: a mask is a float tensor beside a float weight; what is converted should hold the product. (With masks still on, the quantizing callback takes them off itself before it converts.) The pruning callback acts as training ends, the quantizing one as the fit ends. The order in the list does not matter
# for that.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def hand_over(answered):
    canvas = diagrams.Canvas(height=390)
    moments = ["epoch 0", "epoch 1", "epoch 2", "training ends", "fit ends"]
    turned = None if callable(nets[last].net.fc1.weight) else True  # looked up in the model that came back
    state = [*watched.seen, (1 - zeros(nets[last]), prune.is_pruned(nets[last]), turned)][: len(moments)]
    lanes = {"Trainer": [(i, i + 1, word, "plain") for i, word in enumerate(moments[: len(state)])]}
    lanes["left"] = [(i, i + 1, f"{left:.0%}", "activations") for i, (left, _, _) in enumerate(state)]
    lanes["masks"] = [(i, i + 1, "on", "mask") for i, (_, on, _) in enumerate(state) if on]
    kind = {True: ("rounded", "fp32"), False: ("float", "fp32"), None: ("int8", "int8")}
    lanes["model"] = [(i, i + 1, *kind[fake]) for i, (_, _, fake) in enumerate(state)]
    shown = lanes if answered else {name: lane if name == "Trainer" else [] for name, lane in lanes.items()}
    diagrams.time_line(canvas, shown, x=140, y=20, width=1040, height=64, gap=26, size=22)
    return canvas.figure()


told = "A time line: three epochs, training ends, fit ends"
plots.show(
    [hand_over(False), hand_over(True)],
    alt=[
        f"{told}; the other lanes are empty.",
        f"{told}. Weights left: {', '.join(f'{left:.0%}' for left, _, _ in watched.seen)}. Masks on: "
        f"{', '.join('yes' if on else 'no' for _, on, _ in watched.seen)}. At the end the model is int8.",
    ],
    caption="Looked at as each epoch starts, as training ends, and after the fit. Left: weights. Rounded: fake-quantized.",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw.** Masks come off as training ends, with their zeros in the weights; then the fit ends, and the weights become int8.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. When to prune, when to quantize?
#
# The **ledger**, the course's table of measured models, has rows of pruning and of quantization. A row alone says little: each needs its fair **twin**, the float model with the same training.
#
# **Predict.** A ticket ([[ticket_full]]) has 20 % of its weights, and 200 steps of training. Does it lose accuracy beside the float model of [[baseline]]? And beside its twin?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands, once for each ruler. The same row loses points by one, and nothing by the other (below 0: it is ahead by a hair; read no gain from that). Ask what differs: the float model of the baseline was trained far longer. Say: "Short training is not the price of pruning."

# %% slideshow={"slide_type": "skip"}
SOURCES = [
    "baseline",
    "audit",
    "choosing",
    "depthwise",
    "dynamic",
    "observers",
    "prune_module",
    "qat",
    "qat_cnn",
    "scores",
]
SOURCES += ["static", "structured", "students", "ticket_full", "zero_worth", "lightning_pruning"]
recorded = ledger.rows(SOURCES)


def words(row):
    return set(row.technique.split(", "))


def twin(row):
    """The float row of the same lesson, task and model that shares most words: same images, steps, runtime. Or None."""
    same = [r for r in recorded if (r.lesson, r.task, r.model) == (row.lesson, row.task, row.model)]
    floats = [r for r in same if r.technique.startswith("fp32")]
    return max(floats, key=lambda r: (len(words(r) & words(row)), -len(words(r))), default=None)


# %% slideshow={"slide_type": "skip"}
def lost(row, ruler):
    known = ruler and ruler.accuracy and row.accuracy
    return 100 * (ruler.accuracy - row.accuracy) if known else None


def cure(row):
    """Which of the two was done to it, by its technique."""
    bits = any(word in row.technique for word in ("int8", "-bit", "float16"))
    cut = any(word in row.technique for word in (" left", "% of fc", " cut", "fc1 cut", "dense", "weights, CSR"))
    cut = cut and "never cut" not in row.technique
    return "both" if bits and cut else "fewer bits" if bits else "fewer weights" if cut else None


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
tickets = [r for r in recorded if r.lesson == "ticket_full" and "20 % left" in r.technique][:1]
long_trained = next((r for r in recorded if r.lesson == "baseline" and r.technique == "fp32"), None)
rulers = {"fp32 of the baseline": long_trained, "its twin": twin(tickets[0]) if tickets else None}
Table(
    ["ticket, 20 % left, beside", "points lost"],
    [[name, f"{lost(tickets[0], ruler):.1f}"] for name, ruler in rulers.items() if tickets and ruler],
    caption="points: percentage points of accuracy; below 0: the ticket is better",
)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **What you saw. Yes; and no, or hardly.** By the first ruler the short training is charged to the pruning. By the second it is not.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where does it hurt?
#
# Nobody needs a small network as such. A **cloud endpoint** pays for time, an **edge device** for energy, a **mobile app** for bytes to download, a **large model** for memory.
#
# **Predict.** For each: fewer bits, fewer weights, or both? Rows with a twin, at most one point lost.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Four votes, then the table. Answers among the rows here: time, fewer bits; energy, fewer bits or fewer weights (other networks, so no winner); app, both; large model (a file of 200 MB or more in float), fewer bits. Each number is over its own twin. Where the networks of a row differ, its numbers do not rank the columns; in the row of the app all three are LeNet-300-100, so there they may be compared. A dash says that no row here gains 10 % or more within one point, not that there is none. Ask for the reason in the column of fewer weights: a zero that is not fetched saves energy, as it is estimated here; time is saved where a whole channel is gone, or where a kernel skips enough zeros: that of the row with CSR skips them and is slower than the dense one ([[zero_worth]]).

# %% slideshow={"slide_type": "skip"}
FIELDS = {
    "cloud endpoint: time of one input": ("speedup", False),
    "edge device: energy, estimated": ("energy_nj", False),
    "mobile app: bytes of the file": ("file_bytes", False),
    "large model: bytes, from 200 MB": ("file_bytes", True),
}
LEAST = 1.1  # a smaller gain may be luck: zeros that nothing leaves out, the same work, have come to 1.06


def times_less(row, field):
    own, other = getattr(row, field), getattr(twin(row), field)
    if not own or not other:
        return 0.0
    return own / other if field == "speedup" else other / own


def best(kind, field, large):
    fair = [r for r in recorded if cure(r) == kind and twin(r)]
    if large:  # their weights are random: no accuracy
        fair = [r for r in fair if (twin(r).file_bytes or 0) >= 2e8]
    else:
        fair = [r for r in fair if lost(r, twin(r)) is not None and lost(r, twin(r)) <= 1]
    row = max(fair, key=lambda r: times_less(r, field), default=None)
    if row is None or times_less(row, field) < LEAST:
        return "–"
    how = row.technique.removesuffix(", Lightning").replace(" %", "\u00a0%")
    return f"{times_less(row, field):.1f} ×: {row.model}, {how}"


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
CURES = ("fewer bits", "fewer weights", "both")
chosen = {pain: [best(kind, *field) for kind in CURES] for pain, field in FIELDS.items()}
card.record("bits-help", sum(line[0] != "–" for line in chosen.values()))
Table(
    ["what hurts", *CURES],
    [[pain, *line] for pain, line in chosen.items()],
    caption=f"The row that gains most; its twin is never gzipped. –: none here gains {LEAST - 1:.0%} or more within one point. Large models: random weights, no accuracy.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw.** For each of the four there is a row in fewer bits that gains. (For time it is the best of several: others are slower than their twins, [[dynamic]].) For the app's bytes both together go farthest.

# %% [markdown] slideshow={"slide_type": "skip"}
# What this course would try, in this order (rows without a twin, or that lose more than a point, stand in no cell above):
#
# | what hurts | first | then | measured in |
# |---|---|---|---|
# | time of a request, server CPU | static int8 (CNN), dynamic int8 (*wide* recurrent networks and Transformers; narrow ones get slower), a good runtime | whole channels, by surgery | [[static]], [[dynamic]], [[choosing]], [[structured]] |
# | energy, battery | int8 | whole channels | [[static]], [[depthwise]], [[structured]]; estimated |
# | bytes to download | int8 | magnitude pruning *and* something that writes zeros in fewer bits | [[zero_worth]], section 3 here |
# | memory for a large model | int8 weights | fewer bits yet | [[choosing]]; fewer bits: [[weight_only]], small |
# | switching between models | keep more models in memory, as int8 | a smaller file, if storage is slow | [[lightning_qat]] |
#
# A mask alone is in no line: [[zero_worth]] measures a larger file and a slower model. On a GPU other rules hold (16 bits, [[amp]]; 2:4 sparsity, [[patterns]]); no row here was measured on one.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercise
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
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

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* At home it takes 10. Here alone, on paper, for 75 % in two prunings (a half each), then in general. The mistake to wait for: amounts that add up to the sparsity. Answer: 1 − (1 − sparsity)^(1/n); for the heading 0.37 each.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def even_schedule(epochs, sparsity):
    """Amounts for PruningSchedule: equal shares after `epochs`, in all `sparsity`.

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


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Amounts compound on what is left: compute the density before you train. Rewind with few, widely spaced cuts.
# - A callback is code that changes your weights: count zeros, compare with the first weights, resume once and compare bits, before you trust it.
# - Ask what hurts first, and compare with the fair twin. Fewer bits help with energy and bytes, and with time where layers are wide or the runtime is good; zeros help where something leaves them out or writes them in fewer bits.
#
# **Going further**: J. Frankle and M. Carbin, *The lottery ticket hypothesis*, 2018, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635), what the rewind is for; M. Zhu and S. Gupta, *To prune, or not to
# prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), a schedule that prunes much at first and little later; Lightning's documentation on
# [pruning and quantization](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html).
#
# **Project ideas**: write a callback that stops pruning when the validation error rises; prune on the schedule of Zhu and Gupta and compare with two equal cuts.
#
# **Credits**: the regression model and the schedule follow the documentation of Lightning, whose team wrote `ModelPruning`. The callbacks here were written anew; global cuts call `ModelPruning`. The lecture that this course grew
# from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Come back to the opening question: how would you notice? Let the room name three tests: count zeros, compare with the first weights, resume and compare bits.
