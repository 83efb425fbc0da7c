# ---
# jupyter:
#   course:
#     promise: You will explain how a network can know a class that it never saw, and find the threshold that was hiding it.
#     seconds: 35
#     needs: [distillation]
#     goals:
#       - explain from a teacher's answers how a student can know a class that it never saw;
#       - tell a threshold that is off from knowledge that is missing;
#       - find a threshold without labels.
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

from course_utils.scorecard import claims
from lessons.students import checks as check
from lessons.students import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Ten digits, nine of them shown
#
# Take every **3** out of 50,000 digits. Two small networks with the same first weights learn from the rest:
#
# - one from their **labels**;
# - one from what a large **teacher** answers. The teacher saw all ten digits.
#
# As in [[distillation]], an answer is a row of ten probabilities, softened by the temperature $T = 8$. So every answer says something about *three*, though the image shows another digit.
#
# **Predict.** Of about a thousand test threes, how many does the teacher's student recognise: **A** none, **B** one in ten, **C** most?

# %%
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data
from course_utils.training import batches

images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")
images, test_images = images.flatten(1), test_images.flatten(1)
split = len(images) * 5 // 6  # 50,000 to learn from; the rest is held out
x, y, held_out = images[:split], labels[:split], images[split:]


def network(units):
    torch.manual_seed(0)
    layers = nn.Linear(784, units), nn.ReLU(), nn.Linear(units, 100), nn.ReLU()
    return nn.Sequential(*layers, nn.Linear(100, 10))


def train(net, images, targets, T=1, steps=1000, rate=0.01):
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)  # down to zero
    for batch in batches(len(images), 50, steps=steps, seed=0):
        logits = net(images[batch])
        loss = F.cross_entropy(logits / T, targets[batch])  # one loss, so no T²
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fade.step()
    return net.requires_grad_(False)


teacher = train(network(300), x, y, rate=0.003)

# %%
MISSING, T = 3, 8
seen = y != MISSING
answers = F.softmax(teacher(x) / T, 1)

student = train(network(100), x[seen], answers[seen], T)
twin = train(network(100), x[seen], y[seen])

for name, net in {"teacher's student": student, "its twin of labels": twin}.items():
    right = (net(test_images).argmax(1) == test_labels).float()
    threes = right[test_labels == MISSING]
    print(f"{name:18}  threes: {threes.mean():4.0%}   all digits: {right.mean():.0%}")

# %% [markdown] tags=["answer"]
# **Most of them (C), because the teacher's answers to the other digits say enough about threes.** The twin had the same images, and recognises none.

# %% [markdown]
# ### The same threes, read by both
#
# Neither student was shown a single 3.

# %% recognised tags=["hide-input"]
# Draws the first test threes, coloured where each student recognises them.
show.recognised(test_images, test_labels, MISSING, {"taught by answers": student, "taught by labels": twin})

# %% [markdown]
# How did a three get in, and what about those that are still lost? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** How far does this go? In the cell that trains both, change the line of `seen` to `seen = (y == 7) | (y == 8)`: now the student sees two digits out of ten. Look at the numbers for all digits. Then change it back, and run the cell once more.
#
# <details><summary>What others found</summary>
#
# The teacher's student reads about nine of ten test digits, and the twin two of ten. The paper that did this first ([Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531), section 3) found more errors, and most of them went away with the remedy of section 4.
#
# </details>

# %% [markdown]
# ## 2. What a five says about threes
#
# The teacher sees a five with the lower curve of a three. Its logits: **8** for 5, **4** for 3, **0** for each of the other eight.
#
# | | 5 | 3 | each other |
# |---|---|---|---|
# | label | 1 | 0 | 0 |
# | teacher, $T = 1$ | 0.98 | 0.02 | 0.0003 |
# | teacher, $T = 8$ | 0.22 | 0.13 | 0.08 |
#
# At $T = 8$ the logits become 1, 0.5 and 0. $e$ to the power of each is 2.72, 1.65 and 1, and with eight times 1 the sum is 12.37. So the five gets 2.72 / 12.37 = 0.22, the three 1.65 / 12.37 = 0.13, and each other digit 1 / 12.37 = 0.08.
#
# The twin of labels is told: "a five, and certainly no three". The student of the teacher is told: "a five, and rather a three than a two."

# %% [markdown]
# ### Rather a three than anything else
#
# Of all images without a three: those in which the teacher sees most of one.

# %% most_like tags=["hide-input"]
# Draws the eight images with the highest soft target for the missing class.
show.most_like(x[seen], y[seen], answers[seen][:, MISSING])

# %% [markdown]
# The figure shows the extremes. Most of the 45,000 images get a number between 0.05 and 0.15, near an even share, and each gets its own.
#
# To repeat these numbers, the student must find out what in an image raises them: a curve that opens to the left, say, or two of them. Most true threes have more of this than nearly all images that the student has seen. So the student gives them a higher logit of 3. The twin has nothing to find out. For its images the right answer for *three* is always 0.

# %% [markdown]
# ## 3. Where do the lost threes lie?
#
# The **margin** of an image: its logit of 3, less the highest of its other logits. Above 0 the network says "3".
#
# | image | logit of 3 | highest other | margin |
# |---|---|---|---|
# | a three | 4.1 | 5.0 | −0.9 |
# | a three | 1.0 | 6.0 | −5.0 |
# | a five | 4.8 | 6.0 | −1.2 |
#
# The student still misses some threes. A three can be lost in two ways. Perhaps the student does not see the three in it. Then its margin is like that of any other digit. Or the student does see it, and says "3" a little too rarely. The margins show which of the two it is.


# %%
def margin(logits):
    others = logits.index_fill(1, torch.tensor(MISSING), -torch.inf)
    return logits[:, MISSING] - others.amax(1)


margins = {"answers": margin(student(test_images)), "labels": margin(twin(test_images))}

# %% [markdown]
# ### Two hills, or one
#
# Right of the line at 0 a network says "3".
#
# **Predict.** The threes that the teacher's student misses: do most of their margins lie **A** just left of the line, or **B** far left, among the other digits?

# %% hills tags=["hide-input"]
# Draws the margins of threes and of the other digits, for both students.
show.hills(margins, test_labels == MISSING)

# %% [markdown] tags=["answer"]
# **Just left of 0 (A), because the threes have a hill of their own, and the line at 0 cuts off its left foot.**

# %% [markdown]
# The student of the teacher tells most threes from the rest. Its threshold is a little off.
#
# The lower half is the control. The twin's threes lie far from the line. Their margins are higher on the whole, but the two hills overlap widely, and there are nine times as many other digits. This is the difference between **a threshold that is off** and **knowledge that is missing**, and an accuracy alone does not show it.

# %% [markdown]
# ## 4. Move the line
#
# Add a number $b$, a **bias**, to the logit of 3 of every image. With $b = 1.5$ the margins become:
#
# | image | margin | with $b$ | |
# |---|---|---|---|
# | a three | −0.9 | +0.6 | won |
# | a three | −5.0 | −3.5 | lost, as before |
# | a five | −1.2 | +0.3 | a **false alarm** |
#
# All images with a margin between $-b$ and 0 now count as threes. Those that are threes are won, and the others are the price. So a bias pays where the lost threes are close to the line and the other digits are not.
#
# At work, too, a line can stand wrong. A network learns from as many broken parts as sound ones, and in the factory one part in a hundred is broken. So it says "broken" too often. Nobody has to train it anew, and nobody has to label a part. If the two hills lie well apart, it is enough to know how often the class occurs.
#
# Here the teacher knows this. It says "3" for about a tenth of the held-out images, so we take the $b$ with which the student says "3" **as often as the teacher**. The student need not agree with it on a single image.


# %%
def says(logits, b):
    moved = logits.clone()
    moved[:, MISSING] += b
    return moved.argmax(1)


biases = [n / 10 for n in range(201)]  # 0.0, 0.1, … 20.0
often = (teacher(held_out).argmax(1) == MISSING).sum()


def find_bias(net):
    logits = net(held_out)
    off = [((says(logits, b) == MISSING).sum() - often).abs() for b in biases]
    return biases[torch.stack(off).argmin()]


# %% [markdown]
# ### As often as the teacher
#
# **Predict.** With a bias the *twin* of labels says "3" as well. Can one believe it?

# %% bias_table tags=["hide-input"]
# Finds the bias of both students, and writes what each brings on the test images.
cases = {
    "answers": (student, 0.0),
    "answers, with b": (student, find_bias(student)),
    "labels, with b": (twin, find_bias(twin)),
}
found = show.count(cases, says, test_images, test_labels, MISSING)
show.bias_table(found)

# %% [markdown] tags=["answer"]
# **No, because its threes lie among the other digits: more than half of its "3"s are false alarms.** With the student of the teacher it is about one in ten, and half of its lost threes are won back.

# %% [markdown]
# So look at the margins before you decide that a network has to learn anew. A bias brings out what it knows, and teaches it nothing.

# %% [markdown]
# ## Exercise · A threshold without labels
# ★★ · 10 minutes
#
# Section 4 tried 201 biases. Find $b$ directly. `threshold(student, teacher, missing)` takes the logits of both for the same images. The teacher says `missing` for k of them. Sort the student's margins: $-b$ lies in the middle between the k-th highest and the next.
#
# On paper: margins 2, −1, −3, and the teacher says it twice?
#
# `student` and `teacher` are (images, classes). k is at least 1, and less than the number of images.
#
# <details><summary>Hint</summary>
#
# On paper: the line stands between −1 and −3, at −2, so $b = 2$. `(teacher.argmax(1) == missing).sum()` is k. `margin` of section 3 shows how to get the margins; there the class was `MISSING`. After `sort(descending=True).values` the k-th highest is number `k - 1`.
#
# </details>


# %% threshold tags=["exercise"]
def threshold(student, teacher, missing):
    """The bias with which the student says `missing` as often as the teacher."""
    raise NotImplementedError


# %% tags=["check"]
check.threshold(threshold)


# %% tags=["solution", "hide-cell"]
def threshold_solution(student, teacher, missing):
    k = (teacher.argmax(1) == missing).sum()
    others = student.index_fill(1, torch.tensor(missing), -torch.inf)
    margins = student[:, missing] - others.amax(1)
    ordered = margins.sort(descending=True).values
    line = (ordered[k - 1] + ordered[k]) / 2
    return -line


# %% [markdown]
# Now use it on the real student: `threshold(student(held_out), teacher(held_out), MISSING)` is the bias of the table, with more decimals.

# %% [markdown]
# ## Remember
#
# - A student can know a class that it never saw, because a teacher's answers to other images say how much each of them resembles it.
# - The margins tell a threshold that is off from knowledge that is missing: look for a hill of the class's own.
# - A bias on one logit moves the threshold; find it on held-out images, and without labels by saying the class as often as the teacher does.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your computer measured.

# %% tags=["scorecard"]
claims.show("students")

# %% [markdown]
# ## Deeper
#
# ### When does a teacher help?
#
# Our student had nine digits in plenty. Suppose that no class is missing: how much does a teacher help then? The next cell teaches the small student of [[distillation]] with labels and with answers, for few images and for many, in few steps and in many. Each kind has the learning rate that the held-out images chose.

# %% tags=["hide-input"]
# Trains small students by labels and by answers, for two numbers of images and of steps, and writes their errors.
plans = show.plans(x, y, answers, T, (held_out, labels[split:]), (test_images, test_labels))
show.plans_table(plans)

# %% [markdown]
# The teacher, who learned from all 50,000, helps a lot in one of the four cells: few images *and* many steps.
#
# **Sources.** G. Hinton, O. Vinyals, J. Dean, *Distilling the knowledge in a neural network*, 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531), section 3. There a student without threes made 206 errors, 133 of them on the 1,010 threes; with a bias of 3.5 it made 109, and 14 on threes.
#
# **Going further.** J. H. Cho, B. Hariharan, *On the efficacy of knowledge distillation*, 2019, [arXiv:1910.01348](https://arxiv.org/abs/1910.01348). A. Polino, R. Pascanu, D. Alistarh, *Model compression via distillation and quantization*, 2018, [arXiv:1802.05668](https://arxiv.org/abs/1802.05668). Next here: [[lightning_qat]].
#
# **Project ideas.** A student whose answers are exchanged at random among images of the same digit: what do its margins show? A student without threes in 8 bits: does rounding move its line?
#
# **Credits.** The experiment of the missing class and its bias are Geoffrey Hinton's, Oriol Vinyals' and Jeff Dean's. Text CC BY 4.0, code MIT.
