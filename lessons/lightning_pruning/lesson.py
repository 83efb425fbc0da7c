# ---
# jupyter:
#   course:
#     promise: You will prune by a schedule inside of a Trainer, find a fault in a well-known callback by looking at weights, and say when to prune and when to quantize.
#     seconds: 45
#     needs: [measuring, baseline, audit, choosing, depthwise, dynamic, observers, prune_module, qat, qat_cnn, scores, static, structured, students, ticket,
#       ticket_full, zero_worth, lightning_qat]
#     goals:
#       - Write a pruning schedule that ends at the density you meant, and say what a rewind asks of a schedule.
#       - Find out by an experiment whether a callback goes back to the first weights, and say why one does not.
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
# *For the lecturer, 1.5 min.* Ask: "How would you notice that a callback prunes in another way than you think?" Write two or three answers on the board for the last slide. The usual one is "the accuracy drops"; in this lesson it never does, so keep that one above all. A Trainer runs the training loop, and a callback is called at fixed moments of it; that is all one needs of the lesson before.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch
from lightning.pytorch.callbacks import ModelPruning
from torch import nn
from torch.nn.utils import prune

from course_utils import data, legacy_int8, runtime, training
from course_utils.callbacks import PruningSchedule, QuantizationAwareTraining, garments, ignore_advice
from course_utils.callbacks.garments import Layers, fit, mape
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.lightning_pruning import checks as check
from lessons.lightning_pruning import show

legacy_int8.ignore_deprecations()  # [[static]] says what is deprecated
ignore_advice()  # about data loaders and devices: advice for large trainings, which these are not
torch.set_num_threads(1)  # one thread for every measurement
torch.backends.quantized.engine = legacy_int8.best()
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "skip"}
# In the lessons on pruning you called `prune` yourself, once or a few times, and looked at what it did. In a real training the cuts come in the middle, at certain epochs, with training in between. A Trainer's callback makes these cuts ([[lightning_qat]] explains Trainer, callback and hooks). You give it a **pruning schedule**, which says how much to cut, and when. This lesson asks three questions about such callbacks. Does the schedule mean what it seems to say? Does the callback do what its setting says? And, at the end of the course's part on single techniques: when does one prune, and when does one quantize?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. A schedule for pruning
#
# An example of Lightning's documentation prunes half after epoch 10, a quarter after epoch 50, one percent after each of the epochs 76 to 98. Its comment: the sum of all amounts has to be
# "smaller than 1". It is 0.98.
#
# **Predict.** The course's callback gets this schedule. After 100 epochs this share of the weights is gone: **A** 98 %, **B** 90 %, **C** 70 %?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; expect A. First the small example on the board: eight weights, "a half, then a quarter". If both count from all eight, 4 and then 2 go, and 2 stay; if each counts from what is left, 4 and then 1 go, and 3 stay. The schedule does not say which. After the number let somebody say it in words: a half, times three quarters, times 0.99 twenty-three times, 0.5 · 0.75 · 0.79 = 0.298. So 0.6 twice is no error either: 0.4 · 0.4, 16 % stay.

# %% [markdown] slideshow={"slide_type": "skip"}
# A schedule has a rule that is not written into it: *of what* is an amount the share? Take eight weights and the schedule "a half, then a quarter". If both count from all weights, first four go and then two, and two are left. If each counts from what is left, first four of eight go, then one of four, and three are left. Lightning's comment about the sum fits the first reading. The next cell works out the second one for the schedule above, without any training. It calls `densities`, a method of `PruningSchedule`, the course's callback.


# %% slideshow={"slide_type": "fragment"}
def schedule(epoch):
    if 76 <= epoch <= 98:
        return 0.01
    return {10: 0.5, 50: 0.25}.get(epoch)  # None: prune nothing


left = PruningSchedule("l1_unstructured", schedule).densities(100)
total = sum(schedule(epoch) or 0 for epoch in range(100))
print(f"sum of the amounts {total:.2f}; gone {1 - left[-1]:.3f}, left {left[-1]:.3f}")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **About 70 % are gone (C), by the rule of the course's callback: an amount counts from the weights that are *left*.**
#
# <!-- page -->
#
# So $0.5 \cdot 0.75 \cdot 0.99^{23}$ of the weights stay. Step by step: 0.5 after epoch 10; 0.5 · 0.75 = 0.375 after epoch 50; and 23 cuts of one per cent leave 0.79 of that, 0.298. The sum of the amounts has no meaning under this rule. [[prune_traps]] showed it with two cuts of 0.6, which leave 16 %.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Does a fit do what was computed?
#
# **Predict.** In two fits of 100 epochs we count the weights that are not zero: with `PruningSchedule`, and with Lightning's own `ModelPruning(amount=schedule)`. Which reading do the counts follow: *amounts add up*, or *each counts from what is left*?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: the two lines that were computed; at the end the dotted one is at 0.02, the solid one at 0.3. Ask for a vote on ModelPruning, whose comment speaks of the sum; most say the dotted line. Click: circles and crosses lie on the solid one. Ask how one would have noticed: no error is raised, and with 30 % of the weights the accuracy is good, too. By counting. (The course's callback calls Lightning's for the cut, so that the two agree is no surprise.)

# %% [markdown] slideshow={"slide_type": "skip"}
# The network is the small regression of [[lightning_qat]]. It reads 16 pixels of a picture of a garment, and estimates which share of the whole picture is not black. `AfterEpoch` is a callback that asks the model something after every epoch. It must stand behind the callback that prunes, because the Trainer calls them in the order of the list.
#
# What does `ModelPruning` do, and when? By default it acts at the end of each epoch of training, in three steps. First it finds the amount: a number holds for *every* epoch, and a function is called with the number of the epoch. If the amount is 0 or `None`, nothing else happens. Second, it cuts that share: it ranks the weights of all layers together by their absolute value, and puts masks over the smallest. Third, it goes back to the first weights, unless one switches that off, as the next cells do. Section 3 looks at the third step.
#
# The fits of this lesson go through one helper, `garments.fit`, which silences the progress bar and the log files. In a script of your own the callback stands where Lightning's documentation puts it:
#
# ```python
# trainer = lightning.Trainer(max_epochs=10, callbacks=[ModelPruning("l1_unstructured", amount=0.5)])
# trainer.fit(model, batches)
# ```

# %% slideshow={"slide_type": "skip"}
rows, share = garments.load("train", 3000)
test_rows, test_share = garments.load("test", 2000)
few = garments.batches(rows[:1024], share[:1024])
one_batch = garments.batches(rows[:128], share[:128])


class Regression(Layers):  # 16 inputs, three hidden layers, one output
    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


# %% slideshow={"slide_type": "skip"}
off_switch = {"parameter_names": ["weight"], "use_lottery_ticket_hypothesis": False}  # no rewind yet
both = {
    "PruningSchedule": PruningSchedule("l1_unstructured", schedule),
    "ModelPruning": ModelPruning("l1_unstructured", amount=schedule, **off_switch),
}
counted = {}
for name, callback in both.items():
    watch = show.AfterEpoch(show.weights_left)
    fit(Regression(), one_batch, callback, watch, epochs=100)
    counted[name] = watch.answers

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the weights left by both rules, and what the two callbacks did.
show.densities(schedule, left, counted)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Both lie on the solid line: each amount counts from what is left.**
#
# <!-- page -->
#
# So the comment in Lightning's documentation names a rule that its code does not have. (The course's callback calls Lightning's for the cut. So it is no surprise that the two agree, but it is one that neither adds up the amounts.) How would you have noticed? No error is raised, and the accuracy is good with 30 % of the weights as well. Only a count of the weights tells.

# %% [markdown] slideshow={"slide_type": "skip"}
# **From the density you want to the amounts.** So far we went from amounts to a density. One usually wants the opposite: one says how many weights shall be gone after each cut, and needs the amounts. Each amount is what has to be removed *now*, divided by what is left *now*.
#
# Take a curve that is often used, that of [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878). After the share $u$ of all cuts, $f\,(1 - (1-u)^3)$ of the weights are gone, and at the end it is $f$. With $f = 90$ % and four cuts:
#
# | after cut | gone, of all weights | left | amount to give |
# |---|---|---|---|
# | 1 | 0.9 · (1 − 0.75³) = 0.520 | 0.480 | 0.52 |
# | 2 | 0.9 · (1 − 0.5³) = 0.788 | 0.212 | (0.480 − 0.212) / 0.480 = 0.56 |
# | 3 | 0.9 · (1 − 0.25³) = 0.886 | 0.114 | (0.212 − 0.114) / 0.212 = 0.46 |
# | 4 | 0.900 | 0.100 | (0.114 − 0.100) / 0.114 = 0.12 |
#
# The first cut removes more than half of all weights, and the last one less than a fiftieth of them. The authors' reason: at first there are many weights that the network can do without, and later there are fewer and fewer. Whether this curve is better than equal cuts was not measured here; the project ideas at the end propose it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. A schedule with rewinds
#
# To find a **lottery ticket** ([[ticket]]), one goes back to the first weights after each pruning, and keeps the mask: `rewind_to=0`. The schedule of section 1 prunes 25 times.
#
# **Predict.** With rewind, how good is the network after 100 epochs: **A** better than without, for tickets win, **B** alike, **C** hardly trained? And with *two* cuts that leave as many weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Remind them: train, cut, put the weights that are left back to their first values, train again; everything but the mask is thrown away. Vote; expect A and B. Each jump of the orange line is a rewind. After epochs 10 and 50 there is time to recover, and at epoch 75 it is near 11 %; each of the last 23 cuts throws the training away, and one epoch follows. Let the room say how a schedule for a rewind should look before you point at the green line: a whole training behind the last cut (two cuts, after 20 and 45, then 54 epochs). The green and the orange line differ in two things, so ask which one decides; the page has a trial that takes them apart: 25 early cuts end as the two do, and two late cuts end as badly as the 25. If somebody asks whether the ticket wins: here it does not. Its twin with the same two cuts and no rewind has smaller errors, and has had nearly twice the training by then, so the comparison is not fair; that of [[ticket_full]] is.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why would one rewind at all? The lottery ticket hypothesis says that a large network holds a small one that would have trained as well by itself, from its own first weights ([[ticket]]). To look for it one trains, cuts, puts the weights that are left back to their first values, and trains again. Everything that the training did to the values is thrown away, and only the mask is kept.
#
# Four fits of 100 epochs, from the same first weights. The last three end with the same number of weights. The second and the third differ in the rewind alone; the third and the fourth both rewind, but not at the same epochs: 25 cuts, the last one after epoch 98, or two of equal share after epochs 20 and 45.
#
# How large are two cuts of equal share? If each leaves the share $q$ of what was there, both together leave $q \cdot q$. This shall be 0.298, so $q = \sqrt{0.298} = 0.546$, and each cut removes $1 - 0.546 = 45$ %. (Half of the 70 % each time would be too little: $0.65 \cdot 0.65$ leaves 42 %.)


# %% slideshow={"slide_type": "skip"}
def errors(*callbacks):
    """The error on the test rows after each of 100 epochs."""
    watch = show.AfterEpoch(lambda net: mape(net(test_rows), test_share))
    fit(Regression(), few, *callbacks, watch, epochs=100)
    return watch.answers


curves = {"not pruned": errors(), "25 cuts": errors(PruningSchedule("l1_unstructured", schedule))}

# %% slideshow={"slide_type": "skip"}
equal = 1 - left[-1] ** 0.5  # two cuts of this share leave as much as the 25
curves["25 cuts, rewinds"] = errors(PruningSchedule("l1_unstructured", schedule, rewind_to=0))
curves["2 cuts, rewinds"] = errors(PruningSchedule("l1_unstructured", {20: equal, 45: equal}, rewind_to=0))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the error after each epoch.
show.rewinds_over_epochs(curves)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 25 cuts and rewinds the network is hardly trained after 100 epochs (C); with two cuts and rewinds it ends near the others.**
#
# <!-- page -->
#
# A rewind throws away everything but the mask, so a network needs *all* of its training once more. The last cut of the long schedule comes after epoch 98, and the network that you see at the end has had one epoch of training. Before that, from epoch 76 on, there was a rewind after each single epoch. At epoch 75, with 25 epochs since the last rewind, it was at about 11 %. The network with two cuts has trained for 54 epochs since its last rewind.
#
# Is it the *number* of cuts, then? The two schedules with rewinds differ in two things: how many cuts there are, and how much training follows the last one. A trial outside this page, with three seeds, took the two apart, and all networks ended with the same number of weights. With 25 cuts of equal share after epochs 21 to 45, each with a rewind, and 54 epochs behind the last one, the error was 7.9 to 8.7 %, about as with two cuts. With two cuts after epochs 72 and 98, and one epoch behind the last one, it was 49 to 55 %, nearly as bad as with 25. So the training behind the last cut decides, and the number of cuts hardly matters for the error.
#
# Without rewinds the 25 cuts do hardly any harm. So a schedule that is good for pruning may be useless for rewinding, because a rewind needs a whole training behind the last cut. And is a ticket better, then, than a network that was not rewound? Not here: in a trial outside this page, with three seeds, the error with two cuts and rewinds was 7.5 to 8.2 %, with the same two cuts and no rewind 6.7 to 7.2 %. But the second has had nearly twice the training by then. [[ticket_full]] makes that comparison in a fair way.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Does a rewind rewind?
#
# `ModelPruning` rewinds by default (`use_lottery_ticket_hypothesis=True`): it keeps a copy of the first weights, and is meant to go back to them after each pruning.
#
# **Predict.** Four prunings, one after each epoch. After the first one the weights are the first weights again, exactly. After the *second* pruning, how far are they from the first ones?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say what is measured: one layer, directly after each pruning, the parameter under the mask, so that the zeros of the mask do not count. Expect "not at all". The second number is not 0. "Is 0.008 much?" An epoch here has eight batches, and Adam moves a weight by about 0.001 a step: 8 · 0.001 is the whole training of an epoch, so nothing was taken back. Let the room guess the reason ([[ticket]] had it: two names for one tensor); the third row is the control: one line of the callback replaced, and the distance is gone. Do not explain the line: the next slide draws it.

# %% [markdown] slideshow={"slide_type": "skip"}
# The setting is on, and it has a long name. Neither says that the rewind takes place, so we look at the weights. `how_far` gives the largest distance of a weight of `layer_1` from its first value, directly after each pruning. We take the parameter under the mask (`weight_orig`), because a zero that the mask makes would count as a distance, although no training moved that weight.
#
# The third callback is Lightning's own with a single method replaced. It is a control: if the distance is gone with it, this method is the cause.


# %% slideshow={"slide_type": "skip"}
class Copying(ModelPruning):
    """ModelPruning with one line changed: the rewind copies values."""

    @staticmethod
    def _copy_param(new, old, name):
        dst = getattr(new, f"{name}_orig", None)
        dst = getattr(new, name) if dst is None else dst
        dst.data.copy_(getattr(old, name).data)  # theirs: dst.data = src.data.to(dst.device)


def how_far(pruning):
    net = Regression()
    first = net.layer_1.weight.detach().clone()
    watch = show.AfterEpoch(lambda net: (net.layer_1.weight_orig - first).abs().max().item())
    fit(net, few, pruning, watch, epochs=4)
    return watch.answers


# %% slideshow={"slide_type": "skip"}
usual = {"parameter_names": ["weight"], "amount": 0.3}
away = {
    "ModelPruning": how_far(ModelPruning("l1_unstructured", **usual)),
    "PruningSchedule": how_far(PruningSchedule("l1_unstructured", 0.3, rewind_to=0)),
    "ModelPruning, values copied": how_far(Copying("l1_unstructured", **usual)),
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the distance from the first weights after each pruning.
show.distances_table(away)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **After the second pruning the weights of `ModelPruning` are not the first ones: only its first rewind is right, and later ones hand back trained weights.** That is a fault.
#
# <!-- page -->
#
# The distance grows with each pruning. It looks small, about 0.008 after the second one. But an epoch here has eight batches, and Adam moves a weight by about 0.001 a step. So 0.008 is as far as the training of a whole epoch moves a weight, and nothing at all was taken back.
#
# With values copied the distance is 0 each time. So the line that was replaced is the cause. (If your first row is all zeros, your Lightning is newer and has mended it: good. This is version 2.6.6.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where do the weights lie after a rewind?
#
# The rewind of `ModelPruning`: `dst.data = src.data.to(dst.device)`, dst: the weights, src: the copy. On a CPU `.to` does nothing.
#
# **Predict.** Before the first pruning, weights and copy lie in two places. After the first rewind?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Remind them of [[ticket]]: two names for one memory. First frame: four boxes, four arrows that do not meet. Vote on the second frame, then click: the arrows of ModelPruning meet. Say: "From here on the Trainer trains the copy." So the second rewind goes back to trained weights. And the network is good, even better than with a true rewind, so nobody looks. On a GPU `.to` would copy from the CPU if the first copy was made there; that was not measured here.

# %% [markdown] slideshow={"slide_type": "skip"}
# [[ticket]] showed what two names for one memory do to a rewind. Here `dst.data = src.data` makes `dst` *be* the memory of `src`, while `dst.copy_(src)` moves the numbers over, and each tensor keeps its own memory. `data_ptr()`, the address where a tensor's memory begins, tells the two apart.

# %% slideshow={"slide_type": "skip"}
shared = {}
for pruning in (ModelPruning("l1_unstructured", **usual), PruningSchedule("l1_unstructured", 0.3, rewind_to=0)):
    places = show.Places(pruning)
    fit(Regression(), one_batch, pruning, places, epochs=1)
    shared[type(pruning).__name__] = places.seen

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws where weights and copy lie.
show.memory(shared)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **With `ModelPruning` weights and copy lie in one place after the first rewind: what is trained next *is* the copy.** `PruningSchedule` copies values.
#
# <!-- page -->
#
# So the second rewind goes back to the copy, and the copy has been trained meanwhile. Follow one weight. Its first value is 0.30, and so is the copy. The first rewind makes weight and copy one number in memory. The next epoch trains this number to 0.31, and the "copy" is 0.31 as well. The second rewind then replaces 0.31 by 0.31.
#
# No error is raised. After the first rewind the network keeps all of its training, so it may well be more accurate than after true rewinds. (In a trial outside this page, with the schedule of section 1 and three seeds, its error was 7.0 to 8.1 %. With values copied it was 29 to 31 %. That is less than the 62 % of section 2, probably because `ModelPruning` takes back only what it prunes, here the weights without the biases, and leaves the optimizer's memory as it is.) Somebody who looks at the accuracy alone would be pleased. That makes this kind of fault dangerous, because one reports a ticket that was never one. (On a GPU `.to` makes a copy if the first weights were kept on the CPU, and then the two would not share memory. That was not measured here.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Both in one fit
#
# LeNet-300-100 on MNIST, trained in float. Then three epochs more, four ways: float, int8, a tenth left in two cuts, and both at once, with two callbacks in one list.
#
# **Predict.** Pruning alone does not shrink the file, int8 makes it a quarter. What do both give, and what under gzip?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask for two numbers before the click: the file of both, and that file under gzip. Then multiply on the board: gzip of "10 % left", 0.181, times file of "int8", 0.263, is 0.048, near the last cell, 0.053. Ask why "10 % left" alone has a file of 1.000: a zero costs 4 bytes like any number, until something writes it shorter. Ask which stored integer a zero weight becomes: 0, since the
# map of weights is symmetric. (In an asymmetric one it would be the zero point: just as exact.) So a pruned network stays pruned. Where did most of the accuracy go? Compare the rows: five or six tenths of a point with the pruning, less than two with int8. A tenth or two say nothing with one seed.

# %% [markdown] slideshow={"slide_type": "skip"}
# The two techniques take bytes away at different places. int8 writes each weight with 8 bits in place of 32. Pruning makes nine of ten weights zero, and a zero costs as much as any number until something writes it shorter ([[zero_worth]]); here gzip does. Do they get in each other's way? In a symmetric map the integer is $w / s$, rounded, and $0 / s$ is 0 for every step $s$. In an asymmetric map it would be the zero point, which stands for 0 exactly, too ([[integers]]). So a pruned network stays pruned when it is quantized.
#
# All four start from the same network, and get the same three epochs more over 15,000 digits. So *float* is the fair twin of the other three.

# %% slideshow={"slide_type": "skip"}
digits, digit_labels = data.load("mnist")
digit_test = data.load("mnist", "test")
longer, shorter = (show.digit_batches(digits, digit_labels, n) for n in (60_000, 15_000))
started = fit(show.Digits(2e-3), longer, epochs=2).state_dict()  # LeNet-300-100 in float

# %% slideshow={"slide_type": "skip"}
twice = {epoch: 1 - 0.1**0.5 for epoch in (0, 1)}  # two equal cuts that leave a tenth
watched = show.Epochs()
WAYS = {
    "float": [],
    "int8": [QuantizationAwareTraining()],
    "10 % left": [PruningSchedule("l1_unstructured", twice)],
    "10 % left, int8": [PruningSchedule("l1_unstructured", twice), QuantizationAwareTraining(), watched],
}


def trained_on(name):
    return fit(show.Digits(1e-3, started), shorter, *WAYS[name], epochs=3)


nets = {name: trained_on(name) for name in ("float", "int8")}

# %% slideshow={"slide_type": "skip"}
nets |= {name: trained_on(name) for name in ("10 % left", "10 % left, int8")}

# %% slideshow={"slide_type": "skip"}
right = {name: training.evaluate(net, *digit_test) for name, net in nets.items()}
weighed = {name: size_report(net, compressed=True) for name, net in nets.items()}
float_file, last = weighed["float"].file_bytes, "10 % left, int8"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes accuracy, zeros and files of the four networks.
show.four_ways(nets, right, weighed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Both give the file of int8, and under gzip about a nineteenth of the float file.** So the gains nearly multiply, once something writes zeros in fewer bits.
#
# <!-- page -->
#
# Multiply two cells of the table: the file of *int8*, about 0.26, times gzip of *10 % left*, about 0.18, is 0.05, and the last cell is near it. This need not be so, because two techniques may take away the same bytes. Here one shortens the numbers and the other one makes zeros of them. (How near the product comes depends on the program that shortens. By the table gzip spends more bits on a zero of four bytes than on a zero of one byte.)
#
# The masked weights are zeros of the int8 model, too. There are even a few more, since small weights that are left may round to 0. Here the pruning costs 0.5 or 0.6 points of accuracy, and int8 less than 0.2, with the pruning or without. And gzip alone does little for the float file, because the last digits of trained weights look like chance: in them gzip finds little that repeats, and no byte that is much more frequent than others. One seed: differences of a tenth of a point or two say nothing.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. When to prune, when to quantize?
#
# The **ledger**, the course's table of measured models, has rows of pruning and of quantization. A row alone says little: each needs its fair **twin**, the float model with the same training.
#
# **Predict.** A ticket ([[ticket_full]]) has 20 % of its weights, and 200 steps of training. Does it lose accuracy beside the float model of [[baseline]]? And beside its twin?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* A row of the ledger is one measured model; its twin is the float model that was trained as it was. Show of hands, once for each ruler. The same row loses about five points by one, and nothing by the other (below 0: it is ahead by a hair; read no gain from that). Ask what differs: the baseline was trained far longer than 200 steps, so the first ruler charges the short training to the pruning. "Which of the two would a seller print, and which one an opponent?"

# %% slideshow={"slide_type": "skip"}
recorded = show.Rows()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what one ticket loses beside two rulers.
recorded.of_a_ticket()

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Beside the float model of the baseline it loses accuracy; beside its twin it loses nothing, or hardly anything.**
#
# <!-- page -->
#
# The float model of the baseline was trained far longer. By the first ruler the short training is charged to the pruning. The twin had the same short training, so what is left beside it is the price of the pruning in accuracy. (The trainings that it took to find the ticket are in neither number.) Such a twin is a fair baseline in the sense of [[baseline]], because its conditions are the same. For each row the ledger has to know its twin.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where does it hurt?
#
# Nobody needs a small network as such. A **cloud endpoint** pays for time, an **edge device** for energy, a **mobile app** for bytes to download, a **large model** for memory.
#
# **Predict.** For each: fewer bits, fewer weights, or both? Rows with a twin, at most one point lost.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Four votes, then the table, row by row. A number is how many times better than the row's own twin; a dash says that no row of this course gains a tenth within one point, not that there is none. Where the networks of a row differ, its numbers do not rank the columns; in the row of the app all three are LeNet-300-100, so there they may be compared: 4.3, 5.5, both 18.9. Ask for the reason in the column of fewer weights: somebody leaves the zeros out, CSR when it fetches them, gzip when it writes them. Then let the room say when zeros save time: where a whole channel is gone, or where a kernel skips enough of them. A mask alone is in no cell. The page has a table of what to try first.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the row of the ledger that gains most, for each of the four and in each column.
recorded.table()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **For each of the four there is a row in which fewer bits bring a gain; for the app's bytes both together gain most.**
#
# <!-- page -->
#
# Each number is a gain over the row's own twin. A dash says that no row *here* gains a tenth or more within one point, not that there is none. For time it is the best of several: others in int8 are slower than their twins ([[dynamic]]).
#
# Fewer weights help where somebody leaves the zeros out. A zero that is not fetched saves energy, as it is estimated here. It saves time where a whole channel is gone, or where a kernel skips enough zeros.
#
# What this course would try, in this order (rows without a twin, or that lose more than a point, stand in no cell above):
#
# | what hurts | first | then | measured in |
# |---|---|---|---|
# | time of a request, server CPU | static int8 (CNN), dynamic int8 (*wide* recurrent networks and Transformers; narrow ones get slower), a good runtime | whole channels, by surgery | [[static]], [[dynamic]], [[choosing]], [[structured]] |
# | energy, battery | int8 | whole channels | [[static]], [[depthwise]], [[structured]]; estimated |
# | bytes to download | int8 | magnitude pruning *and* something that writes zeros in fewer bits | [[zero_worth]], section 4 here |
# | memory for a large model | int8 weights | fewer bits yet | [[choosing]]; fewer bits: [[weight_only]], small |
# | switching between models | keep more models in memory, as int8 | a smaller file, if storage is slow | [[lightning_qat]] |
#
# A mask alone is in no line: [[zero_worth]] measures a larger file and a slower model. On a GPU other rules hold (16 bits, [[amp]]; 2:4 sparsity, [[patterns]]); no row here was measured on one.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Ninety percent in five prunings
# ★★ · 8 minutes
#
# Write `even_schedule`: what to give `PruningSchedule` as `amount`, so that it prunes after each of the `epochs` with the *same* share, and at the
# end the share `sparsity` of all weights is gone.
#
# <!-- page -->
#
# `even_schedule(epochs, sparsity)` → a dictionary, epoch → amount. `epochs` are different whole numbers in ascending order, `sparsity` is more than 0 and less than 1.
#
# <details><summary>Hint</summary>
# Each pruning leaves the same share q of what was left. After n prunings q multiplied n times is left: that must be 1 − sparsity.
# What is the amount for a given q?
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* At home it takes 8. Here alone, on paper, for 75 % in two prunings (a half each), then in general: each pruning leaves the share q, and q multiplied n times is 1 − sparsity; the amount is 1 − q. For the title: the fifth root of 0.1 is 0.63, so the amount is 0.37 each time. The mistake to wait for: amounts that add up to the sparsity, 0.18 five times. Let somebody check it: 0.82 multiplied five times is 0.37, so only 63 % would be gone.


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


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · Does it rewind?
# ★★★ · 12 minutes · an investigation
#
# Somebody gives you a callback that prunes four times and promises to rewind each time. Does it?
#
# You get an instrument, `distance(setting, pruning=k, steps=n)`: how far the weights are from the first ones, directly after pruning number `k`, with `setting` `"rewind"` or `"no rewind"`.
#
# <!-- page -->
#
# There are four prunings, so `k` is 1 to 4. Before each of them there are `n` steps of training (0 to 100; 0 if you say nothing).
#
# `rewinds(distance)` → `"always"` if each of the four rewinds goes back to the first weights, `"never"` if none does, else `"not always"`
#
# <details><summary>Hint</summary>
# Where nothing was trained, everybody is at the first weights. And sums in floating point may leave a distance of 0.0000001: beside "no rewind" you see what is small.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up callbacks. It wants the same numbers of prunings and steps with and without rewind, and looks at each of the four prunings. What rounding leaves is less than a thousandth of the distance without a rewind, at the same pruning and after the same steps; where a tenth of that distance or more is left, the rewind did not go back. A made-up fit takes no time.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop: "Which runs do you make? With how many steps? What would a callback have to do to pass your test and still be wrong?" Collect: each of the four prunings, with and without rewind, the same number of steps for both, and not 0 steps, where nobody has left the first weights. Then two tests that pass what is wrong: whoever looks at pruning 1 alone passes `ModelPruning`; whoever looks at 0 steps passes everything. How small is "back"? Beside the distance without rewind: 0.0000001 beside 0.008 is rounding. On the board: 0, 0.008, 0.018, 0.027 is "not always". The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def rewinds(distance):
    """Say whether a callback rewinds: "always", "not always" or "never".

    Args:
        distance: the instrument; `distance("rewind", pruning=2, steps=10)` gives
            the distance from the first weights after the second pruning.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.rewinds(rewinds)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def rewinds_solution(distance):
    back = []
    for k in (1, 2, 3, 4):
        without = distance("no rewind", pruning=k, steps=50)
        back.append(distance("rewind", pruning=k, steps=50) < 0.01 * without)
    return "always" if all(back) else "not always" if any(back) else "never"


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever uses such callbacks in a project: other methods, a second fault, two defaults that surprise, and the order in which two callbacks act.
#
# ### Half of the weights, how many neurons?
#
# `PruningSchedule` takes methods of `torch.nn.utils.prune`, or your own ([[own_method]]). Four methods each remove half of the weights that lead into 192 neurons: the smallest ones or random ones, as single weights or as whole rows.
#
# **Predict.** How many neurons lose *all* their incoming weights with each of the four?


# %% slideshow={"slide_type": "skip"}
class BelowThreshold(prune.BasePruningMethod):
    """Takes no amount: everything smaller than 0.05 goes."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask * (t.abs() >= 0.05)


def cut_once(method, amount, **options):
    """Share of the weights left, neurons with no weight left, error: after one pruning in a fit of six epochs."""
    pruning = PruningSchedule(method, {2: amount}, targets=[f"layer_{i}.weight" for i in range(3)], **options)
    net = fit(Regression(), garments.batches(rows, share), pruning)
    gone = sum(int((getattr(net, f"layer_{i}").weight == 0).all(1).sum()) for i in range(3))
    return f"{pruning.history[0][1]:.1%}", gone, f"{mape(net(test_rows), test_share):.1f}"


# %% slideshow={"slide_type": "skip"}
FOUR = {
    "l1_unstructured": {},
    "random_unstructured": {},
    "ln_structured": {"norm": 2, "dim": 0},
    "random_structured": {"dim": 0},
}
half = {name: cut_once(name, 0.5, **options) for name, options in FOUR.items()}
Table(
    ["amount 0.5", "left", "neurons gone", "MAPE, %"],
    [[name, *found] for name, found in half.items()],
    caption="Six epochs, one seed",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The two structured methods take whole rows, so 96 neurons of 192 lose all their incoming weights; with the two methods for single weights no neuron does here.**
#
# All four remove as many weights, but in other places. A dense kernel can use whole rows, once they are removed ([[structured]]); with single zeros it can do nothing. One seed is no ranking of the errors.

# %% [markdown] slideshow={"slide_type": "skip"}
# An amount can be asked for in other ways, too. A float is a share, an int is a count, and `True` stands for a method that takes no amount.

# %% slideshow={"slide_type": "skip"}
MORE = {
    "l1_unstructured, 4000 (a count)": ("l1_unstructured", 4000, {}),
    'l1_unstructured, 0.5, scope="local"': ("l1_unstructured", 0.5, {"scope": "local"}),
    "random_structured, 32 (rows)": ("random_structured", 32, {"dim": 0}),
    "identity, True": ("identity", True, {}),
    "BelowThreshold, True": (BelowThreshold, True, {}),
}
Table(
    ["method, amount", "left", "neurons gone, of 192", "MAPE, %"],
    [[words, *cut_once(method, amount, **options)] for words, (method, amount, options) in MORE.items()],
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Resume while masks are on
#
# A checkpoint after two epochs; a new model and a new callback go on from it, to four epochs. `ModelPruning` comes twice: with masks in the file, and by default, without.
#
# **Predict.** What does each callback do: **A** go on to the same bits, **B** go on, differently, **C** stop with an error?


# %% slideshow={"slide_type": "skip"}
def upstream(permanent):
    return ModelPruning("l1_unstructured", amount=0.3, make_pruning_permanent=permanent, **off_switch)


def ours():
    return PruningSchedule("l1_unstructured", {0: 0.5, 2: 0.5})


resumed = {
    "ModelPruning, masks in the file": show.resumed(lambda: upstream(False), few, test_rows, model=Regression),
    "ModelPruning, none in it (default)": show.resumed(lambda: upstream(True), few, test_rows, model=Regression),
    "PruningSchedule": show.resumed(ours, few, test_rows, model=Regression),
    "PruningSchedule and int8": show.resumed(ours, few, test_rows, QuantizationAwareTraining, model=Regression),
}
Table(
    ["", "outputs", "weights left"],
    [[name, *found] for name, found in resumed.items()],
    caption="of 2,000 outputs; left: uninterrupted / resumed. Cuts: ModelPruning 0.3 an epoch, ours 0.5 twice. –: not counted.",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **`ModelPruning` stops with masks in the file (C) and goes another way without them (B); `PruningSchedule` goes on to the same bits (A).** That is a second fault.
#
# The error names missing keys: the new model has no masks yet when the file is read, so the names do not fit. By default the file holds no masks. Then the fit goes on, and the weights that were zero learn again: 49 % is 0.7 · 0.7, only the cuts after the checkpoint are left. Ours makes the masks before the file is read. In the last row the callback of [[lightning_qat]] stands in the same list.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Two defaults that surprise
#
# Both defaults are documented, so neither is a fault. The rewind is switched off here. (1) Prune half of a network with batch norm, all else by default. (2) `amount=0.5`, five epochs, weights alone.
#
# **Predict.** (1) Which kinds of parameters have zeros? (2) How many weights are left?


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
    zero = {name: p.dim() > 1 for name, p in net.named_parameters() if (p == 0).any()}
    kinds = {"weights" if wide else "batch norm" if "norm" in name else "biases" for name, wide in zero.items()}
    return ", ".join(sorted(kinds))


# %% slideshow={"slide_type": "skip"}
def left_after_five(pruning):
    return show.weights_left(fit(Regression(), few, pruning, epochs=5))


by_default = ModelPruning("l1_unstructured", amount=0.5, use_lottery_ticket_hypothesis=False)
half_each_epoch = left_after_five(ModelPruning("l1_unstructured", amount=0.5, **off_switch))
schedule_half = left_after_five(PruningSchedule("l1_unstructured", 0.5))
once = left_after_five(PruningSchedule("l1_unstructured", {0: 0.5}))
Table(
    ["", "(1) zeros in", "(2) weights left"],
    [
        ["ModelPruning", touched(by_default), f"{half_each_epoch:.1%}"],
        ["PruningSchedule", touched(PruningSchedule("l1_unstructured", 0.5)), f"{schedule_half:.1%}"],
        ["… with {0: 0.5}", "", f"{once:.1%}"],
    ],
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Lightning's default puts zeros into biases and batch norm, too (1), and after five epochs 3 % of the weights are left (2).**
#
# Biases count as weights for it, and so do the shifts of batch norm, which begin at 0 and are therefore among the smallest. An amount alone means: half of what is left, *every* epoch, with either callback, and $0.5^5$ is 3 %. A dictionary cuts only where it says: `{0: 0.5}` once.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### In which order do two callbacks act?
#
# In section 4 two callbacks changed the same weights.
#
# **Predict.** At the end of the fit: masks off first, or int8 first?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws what the two callbacks of section 4 did, from the first epoch to the end.
show.hand_over(watched, nets[last])

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The masks come off first, as training ends, with their zeros in the weights; then the fit ends, and the weights become int8.**
#
# A mask is a float tensor beside a float weight, and what is converted should hold the product of the two. The pruning callback acts as training ends, the quantizing one as the fit ends. So their order in the list does not matter for that. (With masks still on, the quantizing callback takes them off itself before it converts.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("lightning_pruning")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Amounts compound on what is left: compute the density before you train.
# - A rewind throws the training away, so it needs a whole training behind the last cut.
# - A callback is code that changes your weights. Count zeros, compare with the first weights, resume once and compare bits, before you trust it.
# - Ask what hurts first, and compare with the fair twin. Fewer bits help with energy and bytes, and with time where layers are wide or the runtime is good; zeros help where something leaves them out or writes them in fewer bits.
#
# **Going further**: J. Frankle and M. Carbin, *The lottery ticket hypothesis*, 2018, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635), what the rewind is for; M. Zhu and S. Gupta, *To prune, or not to
# prune*, 2017, [arXiv:1710.01878](https://arxiv.org/abs/1710.01878), a schedule that prunes much at first and little later; Lightning's documentation on
# [pruning and quantization](https://lightning.ai/docs/pytorch/stable/advanced/pruning_quantization.html), and [the announcement](https://medium.com/pytorch/pytorch-lightning-v1-2-0-43a032ade82b) of the release, 1.2, in which both callbacks appeared.
#
# **Project ideas**: write a callback that stops pruning when the validation error rises; prune on the schedule of Zhu and Gupta and compare with two equal cuts.
#
# **Credits**: the regression model and the schedule follow the documentation of Lightning, whose team wrote `ModelPruning`. The callbacks here were written anew; global cuts call `ModelPruning`. The lecture that this course grew
# from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Come back to the opening question: how would you notice? Let the room name three tests: count zeros, compare with the first weights, resume and compare bits. If "the accuracy drops" is on the board: it did not, in the schedule that counted otherwise, nor with the rewind that was none. The bars are the files of section 4.
