# ---
# jupyter:
#   course:
#     promise: You will choose a model for somebody's limits, and say how far its accuracy can be trusted.
#     seconds: 15
#     needs: [baseline, static, structured]
#     values:
#       front: len(front(rows))
#       rows: len(rows)
#     goals:
#       - find the models that no other one beats in accuracy and bytes, or in accuracy and time;
#       - say what choosing a winner does to the winner's own accuracy, and prevent it;
#       - choose a model for limits that were written down first, and say so when none fits.
#     terms: [dominate, Pareto front]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Five networks, each in eleven forms. Which one do you send, and to whom?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils.scorecard import claims
from lessons.shipping import checks as check
from lessons.shipping import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. All models on one plane
#
# Five networks name pieces of clothing. Each comes in eleven forms. A model can go if another one is **no larger and no less accurate**, and better in one of the two.
#
# The forms are some of those that the course's worksheet tries on any network: 16 bits, int8 in several ways, half of the weights zero, half of the channels cut out, another runtime, and some of these together. All were measured by one program on one processor.
#
# **Predict.** What share of the models is left: **A** about two thirds, **B** about two fifths, **C** a fifth or so?

# %%
import json

from course_utils.files import ROOT

rows = json.loads((ROOT / "records/shipping/models.json").read_text(encoding="utf-8"))["rows"]
rows[0]

# %% all_models_on_one_plane tags=["hide-input"]
# Draws all models, and then those that are left.
left = show.front_figure(rows)

# %% [markdown] tags=["answer"]
# **A fifth or so (C), because one good model in the right place sends away all that are larger and less accurate.**

# %% [markdown]
# Each step of the staircase is a model that somebody may want. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. The Pareto front
#
# | model | file | right |
# |---|---|---|
# | P | 20 kB | 97 % |
# | Q | 50 kB | 98 % |
# | R | 50 kB | 96 % |
# | S | 90 kB | 98 % |
#
# X **dominates** Y if it is no larger, no less accurate, and better in one of the two.
#
# Why not simply take the best model? Because "best" needs one number, and we have two that pull in opposite directions. Nobody has told us yet what a point of accuracy may cost in bytes. But one thing can be said without any opinion: if X dominates Y, nobody who looks at these two numbers takes Y.
#
# Compare the pairs. P dominates R, since it is smaller *and* more accurate. Q dominates R as well: as large, and more accurate. Q dominates S: as accurate, and smaller. P and Q do not dominate each other. What is left, P and Q, is the **Pareto front**. On the front, whoever wants more of one thing pays with the other. Note that S is one of the two most accurate models, and still nobody who looks at these two numbers takes it.

# %% [markdown]
# ### In code
#
# One function compares two models, and another one keeps those that nobody dominates:


# %% in_code
def dominates(a, b, cost):
    no_worse = a[cost] <= b[cost] and a["accuracy"] >= b["accuracy"]
    return no_worse and (a[cost] < b[cost] or a["accuracy"] > b["accuracy"])


def front(rows, cost="file_bytes"):
    return [b for b in rows if not any(dominates(a, b, cost) for a in rows)]


# %%
for row in sorted(front(rows), key=lambda row: row["file_bytes"]):
    print(f"{row['file_bytes'] / 1000:6.0f} kB {row['accuracy']:8.1%}  {row['name']}")

# %% [markdown]
# **Try it.** Change the loop to the milliseconds of one image. Which models are on both fronts?
#
# ```python
# for row in front(rows, "ms"):
#     print(f"{row['ms']:6.2f} ms {row['accuracy']:8.1%}  {row['name']}")
# ```
#
# <details><summary>What others found</summary>
#
# Every model of this front is on the first one, too. But several of the first are gone: a small file need not be fast.
#
# </details>
#
# So a front belongs to the numbers that one looks at. Whoever reports one cost has already chosen a part of the answer. [Dehghani et al., 2021](https://arxiv.org/abs/2110.12894), show with many networks how the ranking turns when parameters, MACs and time change places.

# %% [markdown]
# ## 3. The winner was chosen
#
# Thirty small networks differ in nothing but the chance in their training. We take the one that is best on 500 test images. There it leads the mean of all thirty. Then we look at it again on 500 *others*.
#
# The front was drawn with the accuracy on some test images. Is that number what a customer will see? We ask networks that differ by a seed alone. `correct[k, i]` says whether network `k` reads the handwritten digit `i` rightly.
#
# **Predict.** On average over many such draws, how much of its lead is lost there: **A** nothing, **B** about a quarter, **C** most of it?

# %% tags=["hide-input"]
# Trains thirty small networks, and lets them read 10,000 test digits.
correct = show.many_seeds()


# %%
def winner_of(choosing):
    return choosing.mean(1).argmax()  # the network that is right most often


# %% luck_table tags=["hide-input"]
# Chooses a winner on some images and looks at it on as many others, many times.
found = show.luck(correct, winner_of)
few, many = found.values()  # (the winner there, the winner on others, the mean of all) for 500 and 5,000 images
show.luck_table(found)

# %% [markdown] tags=["answer"]
# **Most of it (C), because what made it the winner was mostly luck with the images that chose it.** On other images that luck is gone.

# %% [markdown]
# Here is the extreme case by hand. Ten networks are equally good: each is right on 90 % of all images that exist. On 10,000 test images the standard error is 0.3 points ([[baseline]]), and each network has images of its own. A single one stays below 90.45 %, one and a half standard errors up, with a probability of 0.933. All ten stay below it with 0.933¹⁰, which is 0.50. So in every second try the winner shows 90.45 % or more, and on new images it has 90 %. The half point was never there.
#
# More images make the luck smaller, and more candidates make it larger. A part of the lead is real: some seeds did give better networks. So choosing is not wrong. It is wrong to report the number by which one chose.
#
# **The remedy: some images choose, and others judge.** Our record is made that way. `accuracy` comes from the first 5,000 test images, and chooses; `others` comes from the other 5,000, and is reported.

# %% [markdown]
# ## 4. Three customers
#
# - An **app** is downloaded: at most 200 kB.
# - A **camera** wants speed: at most 0.2 ms an image.
# - A **watch** has 20 kB, and wants 90 % right or more.
#
# Within the limits, each wants the most accurate model.
#
# The front leaves several models, and each can be defended. To choose one you need something from outside: what the customer can afford, and what the customer wants most. By hand, with P (20 kB, 97 %) and Q (50 kB, 98 %): with at most 40 kB only P fits. With at most 100 kB both fit, and the wish for accuracy takes Q. With at most 10 kB none fits. Then the answer is "nobody", and not "P, which comes nearest", since 20 kB do not go into 10.

# %%
customers = {  # lowest and highest value of what is limited
    "app": {"file_bytes": (0, 200_000)},
    "camera": {"ms": (0, 0.2)},
    "watch": {"file_bytes": (0, 20_000), "accuracy": (0.9, 1)},
}

# %% [markdown]
# ### Who gets which model?
#
# **Predict.** App (200 kB), camera (0.2 ms), watch (20 kB, 90 %): one of them gets nobody. Which one?

# %% who_gets_which_model tags=["hide-input"]
# Draws the limits of each customer and the winner within them.
winners = show.customers_figure(rows, customers)

# %% [markdown] tags=["answer"]
# **The watch, because even the smallest file on the front is too large for it.**

# %% [markdown]
# Why write the limits down *before* you look? Because whoever looks first finds limits under which a favourite wins.
#
# The accuracies in the picture chose the winners. So we look at the other images before we promise anything, and put the second best model beside each winner.

# %% [markdown]
# ### What do we promise?
#
# The two best models for each customer.

# %% promises_table tags=["hide-input"]
# Lists the two best models for each customer, on the images that chose them and on the others.
show.promises_table(rows, customers)

# %% [markdown]
# The last column is what we promise. A lead of less than half a point may well be luck. Then both models are good answers, and you may send the smaller file.

# %% [markdown]
# ## 5. Where do you begin?
#
# | what hurts | try first | then |
# |---|---|---|
# | the file is too large | int8, or 16 bits: [[static]], [[weight_only]] | prune and train on, in a format without zeros: [[deep_compression]] |
# | a CNN is too slow | a better program in float: [[choosing]] | static int8: [[pt2e]]; fewer channels: [[structured]] |
# | a Transformer is too slow | a better program in float: [[choosing]] | dynamic int8: [[dynamic]], [[audit]] |
# | a text is written too slowly | weights in 4 bits, with a kernel that unpacks them: [[weight_only]] | measure an engine: [[real_model]] |
# | the battery is empty | int8: [[energy]] | fewer weights, really cut out: [[structured]] |
# | training does not fit | see what fills the memory: [[training_memory]] | 16 bits, if it is the activations: [[amp]]; train adapters alone: [[adapters]] |
# | int8 loses answers | a scale a channel, one layer in float: [[depthwise]] | train with the rounding: [[qat]] |
# | a small network is too weak | a teacher: [[distillation]] | look at each class: [[students]] |
#
# **Prune or quantize?** Try int8 first. It makes a file up to four times smaller within minutes, and it needs no labels. Half of the weights make a file at best two times smaller, only in a format that leaves zeros out ([[zero_worth]]), and most networks must be trained on. Cutting *channels* is the exception: it leaves a smaller dense network, which needs no special format. But there a network that was small from the start is a hard rival ([[structured]]). In our record the ResNet with half of its channels has exactly the bytes of the one born half as wide, and after its short training it is some points behind.
#
# If you do both, prune first, train, and round last. Training in float would move the weights off their levels again. After each step compare with the model before it, on images that did not train.

# %% [markdown]
# ### Before you ship
#
# - **Every class.** An accuracy that falls by one point may be ten points of one class in ten.
# - **The slowest call, and the first one.** A user who waits does not wait for the median.
# - **The peak of memory**, and not only the file.
# - **Your real preprocessing** in front of it: another resizing, another order of colours.
# - **A fresh process** that has none of your code opens the file, and gives the same answers.
#
# **Your own network.** The worksheet [Your network](../8_capstone/your_network.ipynb) tries the same forms on any model that you bring, and writes `report.json`. Its rows are such rows as ours. Without labels they have no accuracy. Then take the *agreement*, the share of inputs on which a form answers as your model does. In a terminal, `python3 course.py weigh my_model.py` does the same (`py` in place of `python3` on Windows).

# %% [markdown]
# ## Exercise · The model for the limits
# ★★ · 10 minutes
#
# Write `pick(rows, limits, best="accuracy")`.
#
# - A row is a dict like those above. `None` says that nobody measured it.
# - `limits`: name → (lowest, highest); both ends belong to it.
# - A row fits if it keeps *all* limits. It must have a value for each of them, and for `best`.
# - Return the name of the fitting row with most of `best`. Among equals take the smallest file, then the first in the list.
# - If none fits, return `"nobody"`.
#
# <details><summary>Hint</summary>
#
# Make a list of the rows that fit; `all(...)` over `limits.items()` helps. Then `max` with a key of two parts: the value of `best`, and minus the bytes. `max` gives the first of equal ones.
#
# </details>


# %% pick tags=["exercise"]
def pick(rows, limits, best="accuracy"):
    """The name of the row for these limits, or "nobody"."""
    raise NotImplementedError


# %% tags=["check"]
check.pick(pick)


# %% tags=["solution", "hide-cell"]
def pick_solution(rows, limits, best="accuracy"):
    fit = []
    for row in rows:
        measured = None not in [row[name] for name in [*limits, best]]
        if measured and all(low <= row[name] <= high for name, (low, high) in limits.items()):
            fit.append(row)
    if not fit:
        return "nobody"
    return max(fit, key=lambda row: (row[best], -row["file_bytes"]))["name"]


# %% [markdown]
# Now ask it: `pick(rows, customers["app"])` gives the winner of the picture. How many bytes does the watch need, so that somebody fits? And your own network, once you have a report? At most half of the bytes of float:
#
# ```python
# mine = json.loads(open("yours/report.json", encoding="utf-8").read())["rows"]
# pick(mine, {"file_bytes": (0, mine[0]["file_bytes"] / 2)}, best="agreement")
# ```

# %% [markdown]
# ## Remember
#
# - A model that another one dominates can go; the front that is left belongs to the costs that you looked at.
# - A winner owes part of its lead to luck: choose on some images, and report what it has on others.
# - Write the limits down first, choose within them by one wish, and let "nobody" be an answer.

# %% [markdown]
# ## Scorecard
#
# What this lesson says of its models, beside what your run gave.

# %% tags=["scorecard"]
claims.show("shipping")

# %% [markdown]
# ## Deeper
#
# ### Blame the format
#
# Half of the weights are zero, and gzip finds them. Still the file is less than two times smaller, since gzip can hardly pack the digits of the other half ([[deep_compression]]), and must also write down where the zeros are. Only the pruned files were packed: gzip would halve the int8 file of the half-wide ResNet, too. Int8 on the other hand should make a file four times smaller. Here it is less, since an ONNX file also holds the graph and the scales, which take ten kilobytes and more. In a network with millions of weights they hardly count. So a front of files is a front of formats as well.
#
# The colours do not say *why* a model is accurate, either. The pruned networks were trained on after the cut. Their **twin** is the row "float, the same training": the same network, treated alike but for the cut. For most networks it gained as well. So the zeros brought the bytes, and the additional training may have brought the points. A pruned model is compared with its twin, and not with the network from before the training.
#
# ### A task without a solution
#
# Make the smallest folder that names clothes: above 88 % of Fashion-MNIST's test images right. It holds `predict.py` with two functions, `load(folder)` and `predict(model, images)`; the images are uint8, (N, 28, 28). All bytes of all files count, those of the code too; torch and numpy are free. Everything of the course may be combined: fewer weights, fewer bits, shared values, codes, a teacher, another architecture.
#
# Is it cheating to write the weights as a string into `predict.py`? No: those bytes are counted as well. To put them into the *names* of files would be, since no byte is counted there. And whoever makes twenty folders and reports the best one has let the test images choose. Judge on half of them.

# %% [markdown]
# ## Further
#
# **Sources.** M. Dehghani et al., *The efficiency misnomer*, 2021, [arXiv:2110.12894](https://arxiv.org/abs/2110.12894).
#
# **Going further.** C. Banbury et al., *MLPerf Tiny benchmark*, 2021, [arXiv:2106.07597](https://arxiv.org/abs/2106.07597): four tasks for devices of a few hundred kilobytes, and how to measure there. Project: the record of your own processor, by `python3 course.py bench shipping`.
#
# **Credits.** Part of the course's idea is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
