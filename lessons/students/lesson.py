# ---
# jupyter:
#   course:
#     promise: You will explain how a network can know a class that it never saw, and find the threshold that hides a part of it.
#     seconds: 20
#     needs: [distillation]
#     values:
#       won: f'{show.won():.0f}'
#       alarms: f'{show.alarms():.0f}'
#     goals:
#       - say, with a control, what a student can learn about a class that it never saw;
#       - tell a threshold that is off from knowledge that is missing;
#       - find a threshold without labels, and say what it costs.
#     terms: [margin]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Can a network know a three that nobody ever showed it?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims
from lessons.students import show
from lessons.students import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Ten digits, nine of them shown
#
# In [[distillation]], a student learned something about 3s from its teacher's answers to 2s. Now let's take *every* 3 out of 50,000 images. Two small networks with the same first weights learn from the rest:
#
# - the **student**, from a large teacher's answers: ten probabilities for each image, softened by the temperature $T = 8$;
# - its **twin**, from the labels.
#
# The teacher has learned from all ten digits.
#
# **Predict.** Of about a thousand test 3s, how many does the student recognize: **A** most of them, **B** one in ten, **C** none?

# %%
import torch
import torch.nn.functional as F

# `network` and `train` are those of the lesson on distillation; `recognized` gives a share of test images.
from lessons.students.experiment import held_out, network, recognized, test_images, test_labels, train, x, y

teacher = train(network(300, 100), x, y, rate=0.003)

# %%
MISSING, T = 3, 8
answers = F.softmax(teacher(x) / T, 1)
seen = y != MISSING
student = train(network(100, 100), x[seen], answers[seen], T, rate=0.01)
twin = train(network(100, 100), x[seen], y[seen], rate=0.01)

# %% [markdown] tags=["answer"]
# **Most of them (A), because the teacher's answers to other digits tell how much each of them looks like a 3.** The twin has seen the same images, but its labels tell nothing about 3s, and it recognizes none.

# %% recognized tags=["hide-input"]
# Draws the first test threes, coloured where each network recognizes them.
show.recognized(test_images, test_labels, MISSING, {"student": student, "twin": twin})

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. What the answer to a 5 says about 3s
#
# No image showed the student a 3, so it can have learned about 3s only from the answers.
#
# Let's follow one image, **our 5**, whose lower curve looks a bit like that of a 3. Suppose that the teacher's logits for it are 8 for the 5, 4 for the 3, and 0 for each of the other eight digits. At $T = 8$ we divide them by 8, which gives 1, 0.5 and 0. The softmax turns these into the answer:
#
# | our 5 | 5 | 3 | each other digit |
# |---|---|---|---|
# | label, for the twin | 1 | 0 | 0 |
# | answer, for the student | 0.22 | 0.13 | 0.08 |
#
# The twin is told: "That's a 5, and certainly no 3." The student is told: "That's a 5, but it looks more like a 3 than a 2."
#
# Does our teacher really give such answers? Here are the eight images with the highest target for the 3.

# %% most_like tags=["hide-input"]
# Draws the eight images with the highest soft target for the missing class.
show.most_like(x[seen], y[seen], answers[seen][:, MISSING])

# %% [markdown]
# Most other images get between 0.05 and 0.15, and each gets its own number. To repeat these numbers, the student has to find out what in an image raises them. Suppose it's a curve that opens to the left. Then the student would learn a rule: the more of these curves an image has, the higher is the logit for the 3. Now a real 3 comes. It probably has more of these curves than almost any training image, and less of what marks the other digits. So its logit for the 3 could rise above all others.
#
# ### Is it really the target for the 3?
#
# Here is a rival explanation: perhaps the student says "3" whenever an image looks like none of the nine digits that it knows.
#
# So we train a **control**. Its images all get the same target for the 3, the mean, so this target doesn't tell it what resembles a 3. But it can still notice that an image looks like none of the nine. The other digits share the rest in the teacher's proportions. If the mean is 0.09, our 5 gets this:
#
# | our 5 | 5 | 3 | each other digit |
# |---|---|---|---|
# | answer | 0.22 | 0.13 | 0.08 |
# | control | 0.23 | 0.09 | 0.085 |
#
# Each of our networks learns at its best of five rates (*Six networks*, below). For the control that's 0.02, for the others 0.01.
#
# **Predict.** How many of the test 3s does a student trained on these targets recognize: **A** about as many as our student, **B** about half as many, **C** none?

# %% the_control
mean = answers[seen][:, MISSING].mean()
column = torch.arange(10) == MISSING  # True for the 3
others = answers.masked_fill(column, 0)
others = others / others.sum(1, keepdim=True)  # the proportions among the other nine
alike = torch.where(column, mean, (1 - mean) * others)
control = train(network(100, 100), x[seen], alike[seen], T, rate=0.02)
for name, net in {"student": student, "control": control}.items():
    print(f"{name} recognizes {recognized(net, MISSING):.0%} of the threes")

# %% [markdown] tags=["answer"]
# **None (C), because it learns to give the 3 about 0.09, in images of a 3 as well.** The other nine share 0.91, so the highest of them gets more, and the 3 can't win.

# %% [markdown]
# Does this rule out the rival? Not yet, because a network may *know* more than it *says*. We'll judge the rival when we can tell the two apart.
#
# **Try it.** How little of a 3 is enough? In a new cell, train a student only on images that get less than 0.12 for it:
#
# ```python
# few = seen & (answers[:, MISSING] < 0.12)
# recognized(train(network(100, 100), x[few], answers[few], T, rate=0.01), MISSING)
# ```
#
# <details><summary>What others found</summary>
#
# About half of the 3s are still recognized, where it had been more than eight in ten. So the images most like a 3 teach the student a good part, and the others teach it some of it, too.
#
# </details>

# %% [markdown]
# ## 3. Where are the threes that it misses?
#
# Our student still misses more than one 3 in ten. Perhaps it doesn't see the 3 in these images at all. Or it does, but the logit for the 3 just fails to win. By how much? The **margin** of an image is its logit for the 3 minus the highest of its other logits. Above 0, the network says "3". Five images:
#
# | image | logit for the 3 | highest other | margin | |
# |---|---|---|---|---|
# | our 5 | 4.0 | 8.0 | −4.0 | "5" |
# | another 5 | 4.8 | 6.0 | −1.2 | "5" |
# | a 3 | 7.0 | 4.5 | +2.5 | recognized |
# | a 3 | 4.1 | 5.0 | −0.9 | only just missed |
# | a 3 | 1.0 | 6.0 | −5.0 | missed by far |


# %% margin
def margin(logits, digit):
    others = logits.masked_fill(torch.arange(10) == digit, -torch.inf)
    return logits[:, digit] - others.amax(1)


# %% [markdown]
# To know what we should see, we train one more student, `shown_all`. It differs in one thing: it gets the 3s as well.

# %%
shown_all = train(network(100, 100), x, answers, T, rate=0.01)

# %% [markdown]
# Here are the margins of all test images: one hill of 3s, in orange, and one of other digits. If a network knows 3s, the hills hardly overlap. If its **threshold**, the black line at 0, is right, it runs between them.

# %% hills tags=["hide-input"]
# Draws the margins of threes and of the other digits, for three networks.
networks = {"shown_all": shown_all, "student": student, "twin": twin}
show.hills({name: margin(net(test_images), MISSING) for name, net in networks.items()}, test_labels == MISSING)

# %% [markdown]
# Compare the first two. The blue hills are alike, and the orange ones hardly overlap with them. But the student's orange hill lies further left, so part of it falls on the wrong side of the line. **This threshold is off.** Why? In the images that our student saw, the target for the 3 is hardly ever the highest. So hardly anything taught it how far the logit for the 3 should rise in a real 3.
#
# The twin's orange hill is also further right than its blue one, so the twin does know something about 3s. But the two overlap widely, and there are nine times as many other digits. If you move the line until most 3s are on its right, you let in even more images of other digits. **Here, knowledge is missing.**

# %% [markdown]
# ## 4. A better threshold, and what it costs
#
# We can move the student's line without any training: we add a number $b$, a **bias**, to the logit for the 3. That raises every margin by $b$. With $b = 1.5$, the 3 that was only just missed goes from −0.9 to +0.6, and is recognized. But the other 5 goes from −1.2 to +0.3. It's now called a 3, a **false alarm**, the usual price of a bias.
#
# Which $b$ should we take? Suppose that we have images without labels, of all ten digits, as they'd arrive in practice. Our held-out images play this part. If you can, train the student on the teacher's answers to them. A bias needs only a count: we ask the teacher how *often* it says "3", and choose $b$ so that the student says it **as often as the teacher**.
#
# Say the teacher finds two 3s among the five images of the table. Then the two highest margins should end up above 0, and the rest below. So the line belongs between −0.9 and −1.2, at −1.05, and $b$ is 1.05.


# %% bias_without_labels
def find_bias(net):
    count = (teacher(held_out).argmax(1) == MISSING).sum()  # of the teacher's threes
    margins = margin(net(held_out), MISSING).sort(descending=True).values
    return -(margins[count - 1] + margins[count]) / 2


print(f"student: b = {find_bias(student):.1f}, twin: b = {find_bias(twin):.1f}")

# %% [markdown]
# The twin's margins are all below 0, and nearly all of them far below, so its $b$ is large.
#
# **Predict.** With its bias, a student recognizes about 50 more of the 3s. How many of its errors on all 10,000 test images disappear? **A** About 50, **B** about half as many, **C** none.

# %% price tags=["hide-input"]
# Reads the record: threes recognized, false alarms and all errors, with a bias and without.
show.price()

# %% [markdown] tags=["answer"]
# **About half as many (B), because the false alarms take the rest back.** The bias gains 52 of the 3s, and adds 36 false alarms. About 24 of these images had been classified correctly before, so 52 − 24 = 28 errors disappear.

# %% [markdown]
# Now we can judge the rival. With their biases, student and control say "3" about equally often. So the one that finds more 3s also has fewer false alarms, and knows more. **The student recognizes 94 % of the 3s, with about 70 false alarms. The control recognizes a bit more than half, with about six times as many.** So the rival explains a good part of what a student finds: in an image that looks like none of the nine, no other logit is high, so with a bias the 3 can win. For most of that, labels suffice: the twin, with its bias, finds more than four in ten, with about 600 false alarms. To find the rest, a student needs the targets for the 3. (The control's targets for the other nine come from a teacher that knows 3s, so they may hold a hint as well.)
#
# Counted in errors, the bias takes our student about half the way to one that was shown the 3s. Even a bias chosen *with* the held-out labels gets no further: in the record, 409 errors instead of 406. The rest is knowledge that our student doesn't have.
#
# **A bias brings out what a network knows, and teaches it nothing.**

# %% [markdown]
# ## Exercise · Threshold or knowledge?
# ★★ · 10 minutes
#
# Write `diagnose(logits, labels, digit)`. It returns two shares of the images of `digit`:
#
# 1. those that the network recognizes now;
# 2. those that it would recognize with the bias that makes it say `digit` as often as it occurs in `labels`.
#
# On paper first: the five images of section 3. Then diagnose `shown_all`, `student` and `control`, with `diagnose(student(test_images), test_labels, MISSING)`. Whose threshold is off? Who lacks knowledge?
#
# <details><summary>Hint</summary>
#
# `margins.topk(k).indices` says where the k highest margins are.
#
# </details>
#
# <details><summary>What others found</summary>
#
# On paper: one of three now. With a bias the three highest margins count, and two of them are of 3s.
#
# `shown_all` recognizes about 96 % either way: its threshold is right. The student recognizes nearly nine in ten, and could recognize more, but not as many as `shown_all`: its threshold is a bit off, and it lacks a little knowledge. The control recognizes none, and could recognize a bit more than half: its threshold is far off, and it also lacks knowledge.
#
# </details>


# %% tags=["exercise"]
def diagnose(logits, labels, digit):
    """Two shares of the images of a digit: recognized now, and with a bias that names it as often as it occurs."""
    raise NotImplementedError


# %% tags=["check"]
check.diagnose(diagnose)


# %% tags=["solution", "hide-cell"]
def diagnose_solution(logits, labels, digit):
    own = labels == digit
    others = logits.index_fill(1, torch.tensor(digit), -torch.inf)
    margins = logits[:, digit] - others.amax(1)
    now = (margins[own] > 0).float().mean()
    highest = margins.topk(int(own.sum())).indices
    possible = own[highest].float().mean()
    return now, possible


# %% [markdown]
# ## Remember
#
# - A student can know a class that it never saw, because a teacher's answers to other images differ in how much each of them resembles this class. Without these differences, even with a bias, our control found only a bit more than half of the 3s, with many false alarms.
# - Margins tell a threshold that is off from knowledge that is missing: where the two hills overlap, no threshold separates them.
# - A bias moves the threshold, and you find it without labels if a teacher says how often the class occurs. It costs false alarms, so count all errors.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("students")

# %% [markdown]
# ## Deeper
#
# ### Two digits out of ten
#
# How few digits are enough? In the paper, a student saw nothing but 7s and 8s, with the teacher's answers to them. It made 47 % errors on the test images of all ten digits. Then the biases of the 7 and the 8 were lowered by 7.6, a number that was chosen on the test images, and it made 13 %. So the threshold can hide much more than it did here.
#
# ### Without the temperature
#
# At $T = 1$, nearly all targets for the 3 are close to 0. Six such students recognized about six in ten of the 3s, each at the best rate, and nearly nine in ten with their bias, with about 110 false alarms in place of 70. So a low temperature leaves a threshold that's further off, and also a little less knowledge.

# %% [markdown]
# **Sources.** G. Hinton, O. Vinyals, J. Dean, *Distilling the knowledge in a neural network*, 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531), section 3: a student without 3s made 206 errors, 133 of them on the 1,010 test 3s. With a bias of 3.5 it made 109, and 14 on 3s. They chose this bias on the test images.
#
# **Six networks.** The table of section 4 is from six repeats, each with another teacher, other first weights and another order of the images. In none of them did a control without a bias recognize a 3. Each kind of student learns at the best of five rates, judged by its errors on held-out images of the nine digits other than 3.
#
# **Credits.** The experiment of the missing class and its bias are Geoffrey Hinton's, Oriol Vinyals' and Jeff Dean's. Text CC BY 4.0, code MIT.
#
# **What's still open.** So far, every training loop was our own: we could put rounding, a mask or a teacher's answers into any line of it. In a project, a library often owns the loop. How do you train with rounding when you can't change its lines ([[lightning_qat]])?
