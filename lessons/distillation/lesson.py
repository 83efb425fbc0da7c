# ---
# jupyter:
#   course:
#     promise: You will let a large network teach a small one, and find out by controls what the small one learned from it.
#     seconds: 60
#     needs: []
#     goals:
#       - write the loss with which a student learns from a teacher, with T and T²;
#       - design a control that takes one thing away from a teacher's answers;
#       - train students, and say where their gain comes from.
#     terms: [distillation, entropy, KL divergence, label smoothing, logit, soft targets, temperature]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *A small network learns from a large one. What, exactly?*

# %% tags=["setup", "hide-input"]
# Sets one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.distillation import checks as check
from lessons.distillation import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. A student without labels
#
# A large network has learned to read digits from 50,000 images. Two small ones, alike to the last weight, get 1,000 of these images:
#
# - one learns their **labels**;
# - one never sees a label. It learns what the **large network answers**.
#
# Letting a large network teach a small one is called **distillation**. The large one is the **teacher**, the small one the **student**. An answer of the teacher is a row of ten probabilities, one for each digit. In the end the teacher is put aside, and only the student runs in the product.
#
# **Predict.** Of 10,000 test digits, how many does the one without labels get wrong, compared with the other: **A** more, **B** about as many, **C** at least a fifth fewer?

# %%
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data
from course_utils.training import batches

images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")
images, test_images = images.flatten(1), test_images.flatten(1)


def network(first, second):
    torch.manual_seed(0)
    layers = [nn.Linear(784, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 10)]
    return nn.Sequential(*layers)


def train(net, images, targets, T=1, steps=1000, rate=0.01):
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)  # the rate falls to zero
    for batch in batches(len(images), 50, steps=steps, seed=0):
        loss = F.cross_entropy(net(images[batch]) / T, targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fade.step()
    return net


def errors(net):
    return (net(test_images).argmax(1) != test_labels).sum().item()


# %% [markdown]
# The teacher has layers of 300, 100 and 10 units, and more than ten times as many weights as a student. What the `T = 8` does, section 2 says.

# %%
teacher = train(network(300, 100), images[:50_000], labels[:50_000], rate=0.003)
x, y = images[:1000], labels[:1000]  # what the students get
with torch.no_grad():
    logits = teacher(x)

# %%
T = 8
answers = F.softmax(logits / T, 1)
by_labels = train(network(30, 30), x, y)
by_answers = train(network(30, 30), x, answers, T)

# %% [markdown] tags=["answer"]
# **At least a fifth fewer (C), because this teacher's answers say more than the labels.**

# %% [markdown]
# ### Teacher and students
#
# The same image goes two ways.

# %% teacher_and_students tags=["hide-input"]
# Draws one image, the teacher, and the two students with their test errors.
twos = show.two_of_a_class(logits, y, 2, 3, 7)
show.teacher_and_students(x[twos[0]], answers[twos[0]], "2", [errors(net) for net in (teacher, by_answers, by_labels)])

# %% [markdown]
# What more does the teacher's answer say, and which part of it helped? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Small numbers, made large
#
# The last layer of a network gives **logits**, any numbers. The softmax makes probabilities of them. First divide by a **temperature** $T$:
#
# $$p_i = \frac{e^{v_i / T}}{\sum_j e^{v_j / T}}$$
#
# | logits $v$ | 6 | 2 | −2 |
# |---|---|---|---|
# | $p$ at $T = 1$ | 0.982 | 0.018 | 0.0003 |
# | $p$ at $T = 4$ | 0.67 | 0.24 | 0.09 |
#
# On most images that it has learned, our teacher is nearly sure of its first choice. What it thinks of the other nine digits is tiny, for example 0.3 % for one, 0.001 % for another. That is a factor of 300, but as targets for a student both are nearly zero.
#
# The table shows a way out. At $T = 1$, the usual softmax, $e$ to the power of each logit is 403.4, 7.4 and 0.14. Together they make 410.9, and 403.4 / 410.9 = 0.982.
#
# Now divide the logits by 4: 1.5, 0.5 and −0.5. The powers are 4.482, 1.649 and 0.607, together 6.737, and 4.482 / 6.737 = 0.665. The order is the same. Temperature adds no knowledge. It works like a magnifying glass for the small numbers, at the price of the large one.
#
# Such probabilities are the **soft targets** of the student. While it learns, its own logits are divided by the same $T$. When it is used, $T$ is 1 again.

# %% [markdown]
# ### Same label, two answers
#
# Two images of a 2, and what the teacher says of them.
#
# They were picked: among the twos of which the teacher is rather sure, the one most like a 3 rather than a 7, and the reverse. The example is that of [Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531).

# %% two_answers tags=["hide-input"]
# Draws two images of one class, and the teacher's answers for them.
show.two_answers(x[twos], logits[twos], 2, 3, 7)

# %% [markdown]
# At $T = 1$ both answers look like the label. At $T = 8$ the first 2 has something of a 3, and the second something of a 7. A label cannot say that.
#
# Which temperature is best? If it is too low, the small probabilities do not count. One chooses it like a learning rate, by the errors on images that nobody trained on.
#
# **Try it.** In the cell of section 1, change `T = 8` to `T = 1`, and run it and the next cell again. Try 50, too. Then change it back, and run both once more.
#
# <details><summary>What others found</summary>
#
# At 1 the student is still ahead of the one with labels, but by less. At 50 it did about as well as at 8.
#
# </details>

# %% [markdown]
# ## 3. Target minus answer
#
# An image of class 1. Class 2 is *wrong*.
#
# | | class 1 | class 2 | class 3 |
# |---|---|---|---|
# | label | 1 | 0 | 0 |
# | teacher | 0.67 | 0.24 | 0.09 |
# | student | 0.60 | 0.10 | 0.30 |
#
# The loss pushes each logit by **target − answer**, times a factor.
#
# A student that gives the right class the probability $q$ has the loss $-\ln q$. What is the loss if the target is itself a row of probabilities? Imagine that the label is drawn by lot: in 67 of 100 draws it is class 1, in 24 class 2, in 9 class 3. On average the loss is
#
# $$-(0.67 \ln q_1 + 0.24 \ln q_2 + 0.09 \ln q_3).$$
#
# This is the **cross-entropy** of target and answer. `F.cross_entropy` takes such rows in place of labels, and so our loop could train on both.
#
# **Predict.** Does the step raise or lower the student's logit of class 2: with the label as target? With the teacher's answer?

# %% tags=["nbval-check-output"]
label, target, said = torch.tensor([[1.0, 0, 0], [0.67, 0.24, 0.09], [0.6, 0.1, 0.3]])
z = said.log().requires_grad_()  # logits with which the student says 0.60, 0.10, 0.30
for name, row in {"label": label, "teacher": target}.items():
    (gradient,) = torch.autograd.grad(F.cross_entropy(z, row), z)
    print(f"{name:8}", [f"{-g:+.2f}" for g in gradient])

# %% [markdown] tags=["answer"]
# **The label lowers it, and the teacher raises it, because the student says 0.10, the label asks for 0 and the teacher for 0.24.** The step follows the gradient with its sign turned: 0 − 0.10 and 0.24 − 0.10.

# %% [markdown]
# A label asks for every other class as low as possible, and it is never satisfied. The teacher asks for a certain amount of each class, and the student can reach that.
#
# Even then its cross-entropy is not 0, because the teacher itself is undecided. With $q = p$ it is $0.67 \cdot 0.40 + 0.24 \cdot 1.43 + 0.09 \cdot 2.41 = 0.828$, the teacher's **entropy**. Our student has 1.003. The difference, about 0.175, is the **KL divergence**: 0 when both agree. The 0.828 does not depend on the student, so both losses have the same gradient.

# %% [markdown]
# ### Teacher and labels together
#
# Where there are labels as well, $\alpha$ says how much the teacher weighs:


# %% teacher_and_labels_together
def distillation_loss(student, teacher, labels, T, alpha):
    target = F.softmax(teacher.detach() / T, 1)
    soft = F.kl_div(F.log_softmax(student / T, 1), target, reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


# %% [markdown]
# `student` and `teacher` are logits. `F.kl_div` wants the student's *log*-probabilities first, and then the teacher's probabilities. `detach` keeps the gradient away from the teacher, which is not to be trained.
#
# **Why T²?** Take the logits 6, 2, −2 once more, and a student that still says a third for each class. At $T = 10$ the target is 0.472, 0.316, 0.212, and target minus answer is 0.4718 − 0.3333 = 0.1385 for the first class. At $T = 100$ it is 0.3468 − 0.3333 = 0.0135: **a tenth**, since all targets draw near a third. And the student's logits are divided by $T$, so moving one of them moves the answer **a tenth** as much. A tenth of a tenth is a hundredth: the gradient shrinks like $1/T^2$. The gradient of the labels does not shrink. Without $T^2$ it would be nearly alone.

# %% [markdown]
# ### T² forgotten
#
# $T = 20$: without T² the teacher's gradient is 400 times smaller than with it. Labels and teacher weigh half each.

# %% t_forgotten tags=["hide-input"]
# Trains three students of each kind, and draws their mean test errors.
mixed = show.with_and_without_T2(x, y, logits, (test_images, test_labels))

# %% [markdown]
# Without T² most of what the teacher gives is lost. The last bar has no T² either, and there it does no harm: nothing stands beside the teacher's part, and Adam ignores a constant factor ([Kingma and Ba, 2014](https://arxiv.org/abs/1412.6980), section 2.1). So the mistake hides until labels are mixed in.

# %% [markdown]
# ## 4. Which part of the answer did it?
#
# A **control** takes one thing away. If it teaches as well, that thing was not needed.
#
# | targets | the other nine | softer than a label? | how sure, on this image? | which others? |
# |---|---|---|---|---|
# | *labels* | 0 | | | |
# | *smoothed* | alike, for all images | yes | | |
# | *even* | alike, for this image | yes | yes | |
# | *soft* | as the teacher says | yes | yes | yes |
#
# Three things could be the reason for the gain. The targets are *softer*, and perhaps a softer target stops a student from learning its images by heart. For that no teacher is needed: **label smoothing** spreads a share of each label evenly over the other classes. We make *smoothed* as soft as the teacher's answers are on average. Or it helps to know *how sure* the teacher is: a clear 2 and a doubtful one have the same label, and not the same answer. Or *which other digits* the image resembles.
#
# To take away only the last, keep the highest probability of each row, and spread the rest evenly: 0.7, 0.2, 0.1 becomes 0.7, 0.15, 0.15. We call these targets *even*.
#
# Why not shuffle the small ones? "This 2 looks like a 4" would be *false*, and the student might suffer from the lie. A good control takes away, and puts in as little as it can.

# %%
own = F.one_hot(y, 10).float()
highest = answers.amax(1, keepdim=True)  # how sure the teacher is of each image
sure = highest.mean()
smoothed = torch.where(own == 1, sure, (1 - sure) / 9)
even = torch.where(answers == highest, highest, (1 - highest) / 9)
kinds = {"labels": (own, 1), "smoothed": (smoothed, T), "even": (even, T), "soft": (answers, T)}

# %% [markdown]
# ### A fair race
#
# Each kind of targets gets three students and four learning rates. The 10,000 *held-out* images choose its best rate; the test images judge.
#
# One rate for all could suit one kind better, and the errors would tell us about the rate. The three students differ in their first weights and in the order of the images.
#
# **Predict.** At its best, is *even* near **A** the labels, **B** *soft*, or **C** clearly between the two? What would each mean?

# %% a_fair_race tags=["hide-input"]
# Trains 48 students, and draws their test errors over the learning rate.
held_out, test = (images[50_000:], labels[50_000:]), (test_images, test_labels)
best = show.errors_by_rate(show.race(kinds, x, held_out, test))

# %% [markdown] tags=["answer"]
# **Clearly between the two (C), because *even* keeps one part of the answer, how sure the teacher is, and lacks the other, which digits it names.** Both count.

# %% [markdown]
# Compare the rings. *Smoothed* is about as bad as *labels*, so softness alone is not it. From there to *even* a good part of the gain is won. What *even* adds is mostly how sure the teacher is of *this* image.

# %% [markdown]
# ## 5. A teacher that saw no more
#
# Is it enough that the teacher is *large*? A second one, *narrow*, has the same layers and the same first weights. It learned from the labels of the student's own 1,000 images, in 25 passes; the first teacher made one pass.
#
# **Predict.** How much of the first teacher's gain over labels do the students of *narrow* get: **A** nearly all, **B** about half, **C** hardly any?

# %%
narrow = train(network(300, 100), x, y, steps=500, rate=0.003)
with torch.no_grad():
    of_narrow = F.softmax(narrow(x) / T, 1)

# %% a_teacher_that_saw_no tags=["hide-input"]
# Trains the students of the narrow teacher, and writes the errors of both teachers and of their students.
best |= show.at_best(show.race({"narrow": (of_narrow, T)}, x, held_out, test))
Table(
    ["teacher learned from", "its errors", "its students' errors"],
    [
        ["50,000 labels", errors(teacher), show.counts(best["soft"])],
        ["the students' 1,000 labels", errors(narrow), show.counts(best["narrow"])],
        ["no teacher: labels", "–", show.counts(best["labels"])],
    ],
    caption="Mean of three students, lowest to highest; each row at its best rate",
)

# %% [markdown] tags=["answer"]
# **Hardly any (C), probably because the narrow teacher has seen nothing that its students do not see.**

# %% [markdown]
# *Narrow* is as large as the first teacher, and its answers are softened by the same $T$. So what crossed over in section 4 is here probably mostly what the teacher had learned from the *other* 49,000 images.
#
# Before you distil, ask what your teacher has seen that your student will not see. If the answer is "nothing", expect less. A larger teacher is not always a better one, as *Deeper* tells.

# %% [markdown]
# ## Exercise · A teacher who names a few
# ★★ · 10 minutes
#
# *Even* names no other class, *soft* names all nine. Build what lies between. `names(logits, T, k)` returns soft targets in which the teacher gives the `k` most probable classes their probabilities; the rest is spread evenly over the other classes.
#
# On paper: 0.5, 0.3, 0.15, 0.05 with k = 2?
#
# `logits` is (images, classes); k goes from 1 to the number of classes.
#
# <details><summary>Hint</summary>
#
# On paper: 0.5, 0.3, 0.1, 0.1. `p.topk(k)` returns values and positions. `p.shape[1] - k` classes share what is left of a row. Make a tensor of the share with `expand_as(p)`, and put the values in with `scatter(1, positions, values)`.
#
# </details>


# %% names tags=["exercise"]
def names(logits, T, k):
    """Soft targets at T; the k most probable classes keep their probabilities."""
    raise NotImplementedError


# %% tags=["check"]
check.names(names)


# %% tags=["solution", "hide-cell"]
def names_solution(logits, T, k):
    p = F.softmax(logits / T, 1)
    values, positions = p.topk(k)
    rest = 1 - values.sum(1, keepdim=True)
    share = rest / (p.shape[1] - k)
    return share.expand_as(p).scatter(1, positions, values)


# %% [markdown]
# Now train with it: `errors(train(network(30, 30), x, names(logits, T, k), T))` for k = 1, 2, 4 and 10. How many names must a teacher give?
#
# <details><summary>What others found</summary>
#
# On average the errors fall as k grows. Four names bring most of what lies between *even* and *soft*.
#
# </details>

# %% [markdown]
# ## Remember
#
# - Soft targets are a teacher's probabilities at a temperature that makes the small ones count; beside labels their loss needs the factor T².
# - A good control takes one thing away and puts in as little as it can: here both counted, how sure the teacher is of each image and which other classes it names.
# - Here, what crossed over was probably mostly what the teacher had seen and the student had not.

# %% [markdown]
# ## Scorecard
#
# What this lesson claims, beside what your computer measured.

# %% tags=["scorecard"]
claims.show("distillation")

# %% [markdown]
# ## Deeper
#
# ### Which way round, and which mean?
#
# KL(teacher ‖ student) is $\sum_i p_i \ln (p_i / q_i)$, with $p$ of the teacher. The teacher's probabilities weigh the sum, so the student pays where the teacher gives a class much and it gives little. The other way round, the student's probabilities weigh it, and it pays most where it says much and the teacher little. The two have different gradients. `F.kl_div(input, target)` computes the first if `input` is the student's; its order is the reverse of the way KL is written.
#
# It also expects logarithms. Probabilities raise no error, and the student learns something wrong. `reduction="batchmean"` divides the sum by the number of images. The default, `"mean"`, divides by images times classes, so with ten classes the teacher's part is ten times too small.
#
# ### Is a better teacher better?
#
# Not always. [Müller, Kornblith and Hinton, 2019](https://arxiv.org/abs/1906.02629) trained teachers with smoothed labels. The teachers were as good or better, and their students were worse. Their explanation: smoothing draws the images of a class together, and what a single image resembles is lost. That is just what the two twos differed in. [Cho and Hariharan, 2019](https://arxiv.org/abs/1910.01348) found that a teacher can be too large for its student, and that one stopped early teaches better. So choose a teacher by the errors of its *students* on held-out images.
#
# In the paper of 2015 a teacher made 67 errors on MNIST. A student with two layers of 800 units made 146 with labels, and 74 with the teacher's help. Both saw all 60,000 images, but the teacher was trained with dropout and on images shifted by up to two pixels.
#
# ### At a high temperature distilling is copying the logits
#
# At a high $T$, $e^{v/T}$ is nearly $1 + v/T$. So a soft target is nearly an even share plus a multiple of the logit less the mean of its row, and target minus answer is nearly a multiple of the difference between the two networks' logits. The student then learns by least squares to give its teacher's logits. At a lower $T$ it cares less about very negative logits, which the teacher was hardly trained to get right. The paper derives this in its section 2.1.

# %% [markdown]
# ## Further
#
# **Sources.** G. Hinton, O. Vinyals, J. Dean, *Distilling the knowledge in a neural network*, 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531).
#
# **Going further.** S. Stanton et al., *Does knowledge distillation really work?*, 2021, [arXiv:2106.05945](https://arxiv.org/abs/2106.05945). Next here: [[students]].
#
# **Credits.** The method and the example of the twos are Geoffrey Hinton's, Oriol Vinyals' and Jeff Dean's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
