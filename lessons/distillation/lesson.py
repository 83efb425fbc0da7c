# ---
# jupyter:
#   course:
#     promise: You will let a large network teach a small one, and find out by controls what the small one learned from it.
#     seconds: 60
#     needs: [measuring]
#     goals:
#       - Read a teacher's answers, and say what temperature does to them.
#       - Write the loss with which a student learns from probabilities, and say what T² and α are for.
#       - Build a control that takes one thing away from a teacher's answers, and find out by an experiment what the student learned from them.
#       - Name the budget of a comparison, steps and learning rate, before you believe it.
#     terms: [distillation, entropy, KL divergence, label smoothing, logit, soft targets, temperature]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A small network learns from a large one. What, exactly?*
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
# *For the lecturer, 1.5 min.* Say: "Until now we made one network smaller. Today a small network starts from nothing, and a large one teaches it." Ask: "What can a teacher tell a
# student that the label does not?" Take two answers, and write them on the board for the last slide. Do not judge them yet. Both "which other digit it looks like" and "how sure it is" will count.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import statistics
from math import comb

import torch
import torch.nn.functional as F

from course_utils import data, runtime
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from course_utils.training import batches
from lessons.distillation import checks as check
from lessons.distillation import show
from lessons.distillation.teaching import Arm, lenet, mlp, teach, teach_all

TASK = "mnist"  # or "fashion_mnist": the text above the scorecard says what changes
torch.set_num_threads(1)
device = runtime.best_device()
rows, labels = (t.to(device) for t in data.load(TASK))
test_x, test_y = (t.to(device) for t in data.load(TASK, "test"))
rows, test_x = rows.flatten(1), test_x.flatten(1)  # an image is a row of 784 pixels
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. A student without labels
#
# A large network learned 50,000 digits with their labels. Two small ones, alike to the last weight, get **1,000** of them, in the same batches:
#
# - one with their **labels**
# - one with **no label**, only with what the large network answers
#
# **Predict.** Of 10,000 test digits, the one without labels gets wrong **A** more than the other, **B** about as many (within a tenth), **C** at least a
# quarter fewer? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Make sure that everybody has the set-up: same small network, same thousand pictures, same 1,000 steps, and the second student is told no truth at all. Show of hands for A to C, and one
# reason for each; A and B get most hands ("it can at best know what the teacher knows, with its mistakes"). After the click read the rows from above: the large network saw 50,000 labels and makes the fewest errors, and the student without labels makes about 0.6 times as many as the other one. "Which part of the answer did it, and how would you prove it?" That question is the lesson.

# %% [markdown] slideshow={"slide_type": "skip"}
# Somebody has a network that reads digits well, but it is too large for the device on which it should run. The lessons before this one made such a network smaller: they rounded its weights or removed some of them. Here we do something else. We take a *small* network that knows nothing, and let the large one teach it. This is called **distillation**: the large network is the **teacher**, the small one the **student**. In the end the teacher is put aside, and only the student runs on the device.
#
# Our teacher is LeNet-300-100. Its layers have 300, 100 and 10 units, and 266,610 weights and biases. The student has two hidden layers of 30 units and 24,790 weights and biases, less than a tenth. The teacher learns from 50,000 images with their labels; 10,000 more images, the *held-out* ones, are kept for choices that we make later. The students get only the first 1,000 of the teacher's images, and both make 1,000 steps.
#
# For the student a label is a row of ten numbers: a 1 for the right class and nine zeros. What the teacher answers for an image is also a row of ten numbers: a probability for each class. So we can train a student with the teacher's rows in place of the labels. Everything else stays the same.

# %% slideshow={"slide_type": "skip"}
whole = len(rows) * 5 // 6  # 50,000 images to learn from
x, y, held = rows[:whole], labels[:whole], (rows[whole:], labels[whole:])
few = min(1_000, whole)  # what a student gets
taught_x, taught_y = x[:few], y[:few]
hard = F.one_hot(y, 10).float()  # the labels as rows of probabilities


@torch.no_grad()
def errors(net, x=test_x, y=test_y):
    """How many images a network gets wrong."""
    return (net(x).argmax(1) != y).sum().item()


# %% [markdown] slideshow={"slide_type": "skip"}
# `teach` trains a copy of a network for each `Arm`, and an arm is what this copy is taught. The copies have the same first weights, and see the same images in the same order. So they differ in what they are taught, and in nothing else. Section 3 opens the training loop.

# %% slideshow={"slide_type": "skip"}
my_guess = None  # your prediction: "A", "B" or "C"
(teacher,) = teach(lenet(seed=0), [Arm(hard)], x, hard, steps=1500, batch=100, lr=3e-3, desc="teacher")
with torch.no_grad():
    logits = teacher(x)  # what the teacher answers for its 50,000 images
own, soft = hard[:few], F.softmax(logits[:few] / 8, 1)  # section 2 says what the 8 is
by_labels, by_answers = teach(mlp(30, seed=0), [Arm(own), Arm(soft, T=8.0)], taught_x, own)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the test errors of the teacher and of the two students.
if my_guess is not None:
    print(f"your prediction: {my_guess}")
Table(
    ["network", "taught with", "test errors"],
    [
        ["large", f"{whole:,} labels", errors(teacher)],
        ["small", f"{few:,} labels", errors(by_labels)],
        ["small", f"{few:,} answers of the large one", errors(by_answers)],
    ],
    caption="One student of each kind; section 4 has three.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The student without a single label makes at least a quarter fewer errors than the one with labels (C).** What is in those answers?
#
# <!-- page -->
#
# A label names one class. The teacher's answer also says how much the image looks like each of the other nine digits, and how sure the teacher is. And the teacher has seen 49,000 labelled images that the student will never see, so its answers may hold some of what it learned there. Nothing is free here: the labels were needed, only not by the student.
#
# Which of these differences does the work? The table cannot say, because the two students differ in all of them at once. The lesson takes them apart.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Teacher and students
#
# The same image goes two ways. Only one of the students is told something about the other nine digits.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Follow one image along both ways with your finger. Ask: "Which way holds more numbers?" One against ten. Then: "More numbers, or better ones? That is the
# question of today."

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws one image, the teacher, and the two students with their errors.
SHOWN, ONE, OTHER = {"mnist": (2, 3, 7), "fashion_mnist": (6, 0, 4)}[TASK]
CLASSES = data.CLASSES[TASK]
pair = show.two_of_a_class(logits[:few], taught_y, SHOWN, ONE, OTHER)
show.teacher_and_students(x[pair[0]], soft[pair[0]], CLASSES[SHOWN], (errors(by_labels), errors(by_answers)))

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. What a teacher says beside the answer
#
# A label is one class. A teacher's answer is a probability for each class.
#
# **Predict.** The teacher sees an image on which it was trained. How sure is it of its first choice, on average: **A** about 60 %, **B** about 80 %, **C** above 95 %? What is then left for the other nine?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B. After the number ask: "Then how can its answer say more than the label?" Let them work out what is left: 2 % for nine classes, 0.2 % each on average. But these nine are not alike: 0.3 % for one class and 0.001 % for another is a factor of 300. As targets both are nearly zero. Lead over: "Small numbers can be
# made large. That is the next slide."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes how sure the teacher is of its first choice, and what is left for the others.
certain = F.softmax(logits[:few], 1).amax(1)
print(f"first choice:           {certain.mean():.1%}")
print(f"the nine others, each: {(1 - certain.mean()) / 9:.2%}")
print(f"(means over the student's {few:,} images)")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The teacher is more than 95 % sure of its first choice (C), and each of the other nine classes gets a fraction of one per cent.**
#
# <!-- page -->
#
# A network that is trained with labels is asked for probabilities of 1 and 0 on these very images, and comes close. So at first sight its answers are hardly more than the labels. What they say of the other classes stands behind the decimal point: 0.3 % for one of them and 0.001 % for another is a large difference, by a factor of 300, but as a target for a student both are nearly zero.

# %% [markdown] slideshow={"slide_type": "skip"}
# How can such small numbers be made to count? Let us follow where they come from. The outputs of the last layer are called **logits**; they can be any numbers. The softmax turns them into probabilities: it takes $e$ to the power of each, and divides by the sum.
#
# **Three classes by hand.** Let the logits be 6, 2 and −2. Then $e^6 = 403$, $e^2 = 7.4$ and $e^{-2} = 0.14$, together 411. The probabilities are 0.982, 0.018 and 0.0003. The first logit is only 4 larger than the second, but $e^4 = 55$ times as much probability comes of it.
#
# Now divide all logits by 4 before the softmax: 1.5, 0.5 and −0.5. $e$ to the power of these is 4.48, 1.65 and 0.61, together 6.74, and the probabilities are 0.67, 0.24 and 0.09. Class 2 and class 3 can be told apart now, and the order is still the same. The number by which we divided is the **temperature**:
#
# $$p_i = \frac{e^{v_i / T}}{\sum_j e^{v_j / T}}.$$
#
# Here $v$ are the teacher's logits, and $T = 1$ is the usual softmax. The probabilities at the chosen temperature are the **soft targets** of the student. The student's own logits are divided by the same $T$ while it learns; when it is used, it runs at $T = 1$.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Temperature
#
# The logits $v$ are divided by a **temperature** $T$ before the softmax: $\; p_i = e^{v_i / T} \,/\, \sum_j e^{v_j / T}$, the **soft targets**. $T = 1$ is the usual softmax.
#
# **Predict.** As $T$ grows, what changes in these bars, and what does not?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First three classes on the board: the logits 6, 2, −2 give 0.982, 0.018, 0.0003. Divide them by 4: 1.5, 0.5, −0.5 give 0.67, 0.24, 0.09. The order is the same, and the small ones can be told apart. Then stand at T = 1, and let the room predict the bars at 8 and at 50, and whether two of them can change places. (They cannot: the larger logit stays the larger one, whatever it is divided by.) Click through the six frames and then to the answer. Ask: "Is this only a blurred two, or does it
# say something about this picture?" Leave it open; the next slide answers.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the teacher's answer for one image at six temperatures.
show.answer_by_temperature(x[pair[0]], logits[pair[0]])

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The bars draw together, and none overtakes another: at $T = 50$ each is near a tenth.**
#
# <!-- page -->
#
# The quotient of two probabilities is $p_i / p_j = e^{(v_i - v_j) / T}$. In the example by hand it is $e^4 = 55$ at $T = 1$, and $e^1 = 2.7$ at $T = 4$. The larger logit keeps the larger probability at every $T$, because $e$ to the power of a positive number is above 1; but the quotient comes nearer and nearer to 1. So temperature adds no knowledge. It works like a magnifying glass for the small numbers, at the price of the large one.
#
# Which temperature is best cannot be said beforehand. It has to be so high that the small probabilities count, and not so high that all bars look alike. *Deeper* measures it. In the core of this lesson $T$ is 8.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Same label, same neighbours?
#
# **Predict.** Two images of one class. Does the teacher put the *other* classes in the same order for both?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* If you show this slide alone, first say: "A large network was trained; we divide its last outputs by a temperature before the softmax, so that small probabilities show." Show of hands, yes or no. After the figure let
# somebody say what each two looks like, from the right column: in the upper row bar 3 is higher than bar 7, in the lower row it is the other way round. The pictures were picked by a rule: the two extremes among the surer half. Whether it matters for learning is section 4. This is the example of the paper of 2015.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws two images of one class, and the teacher's answers for them.
show.two_answers(x[pair], logits[pair], CLASSES, SHOWN, ONE, OTHER)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No: at $T = 8$ the answers say what each image *also* looks like, and that differs from image to image** (the example is that of [Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531)).
#
# <!-- page -->
#
# At $T = 1$ both answers look like the label. At $T = 8$ you see that the first two has something of a three, and the second something of a seven. A label cannot say that: it is the same row of numbers for both. The two images are no chance finds. They are the two ends of a rule: of those twos of which the teacher is rather sure, the one with the largest difference between the logits of three and seven, and the one with the smallest.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. How a student learns from probabilities
#
# An image of class 1. The teacher says 0.67, 0.24, 0.09; the student says 0.60, 0.10, 0.30.
#
# **Predict.** One training step moves the student's three logits. Class 2 is a *wrong* class. Does the step raise or lower its logit: with the label as target? With the teacher's answer? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Write the three rows on the board: label 1, 0, 0; teacher 0.67, 0.24, 0.09; student 0.60, 0.10, 0.30. Say the rule: a step moves each logit by a multiple of target minus answer. Two votes, raise or lower class 2, one for each target. Many say "lower" twice, because class 2 is wrong. Then let the room subtract: label +0.40, −0.10, −0.30; teacher +0.07, +0.14, −0.21. The figure
# shows these differences. Ask: "When does the step become zero?" With the teacher's answer when the student says the same; with the label never.

# %% [markdown] slideshow={"slide_type": "skip"}
# With a label the loss is simple. If the student gives the right class the probability $q$, the loss is $-\ln q$: 0 when $q$ is 1, and large when $q$ is small. But what is the loss when the target itself is a row of probabilities?
#
# Imagine that the label is drawn by lot from the teacher's probabilities. In 67 of 100 draws it is class 1, in 24 it is class 2, in 9 it is class 3. For each draw we know the loss, and on average it is
#
# $$-(0.67 \ln q_1 + 0.24 \ln q_2 + 0.09 \ln q_3).$$
#
# This is the **cross-entropy** of the target $p$ and the answer $q$, $\;-\sum_i p_i \ln q_i$. A label is the special case in which one $p_i$ is 1.
#
# How does a step change the student? A gradient step moves each logit of the student by some multiple of
#
# $$\text{target} - \text{answer} = p_i - q_i.$$
#
# (That is the derivative of the cross-entropy with the softmax put in, with its sign turned. The next cell checks it.) So a step raises the logits of those classes to which the student gives too little, and lowers the others. When the student says exactly what the target says, nothing moves any more.

# %% slideshow={"slide_type": "skip"} tags=["nbval-check-output"]
p = torch.tensor([0.67, 0.24, 0.09])  # the teacher
z = torch.tensor([0.60, 0.10, 0.30]).log().requires_grad_()  # logits with which the student says 0.60, 0.10, 0.30
loss = -(p * F.log_softmax(z, 0)).sum()
loss.backward()
print("cross-entropy:     ", f"{loss:.2f}")
print("gradient, turned:  ", [f"{-g:+.2f}" for g in z.grad])
print("teacher − student: ", [f"{d:+.2f}" for d in p - z.detach().exp()])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the differences for the label and for the teacher's answer.
show.pushes(z.detach().exp(), {"label": torch.tensor([1.0, 0.0, 0.0]), "teacher": p})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The label lowers the logit of class 2 by 0.10 times the step, and the teacher's answer raises it by 0.14 times the step.**
#
# <!-- page -->
#
# For the label the differences are $1 - 0.60 = +0.40$, $0 - 0.10 = -0.10$ and $0 - 0.30 = -0.30$. A label asks for every other class as low as possible, whatever it is. It is never satisfied, because the student's answer cannot reach 1, so the step is never quite zero.
#
# For the teacher's answer they are $+0.07$, $+0.14$ and $-0.21$. It says *how much* of each class the student should see in the image, and the student can reach it. In this image class 2 is a wrong answer, but the student saw too little of it.

# %% [markdown] slideshow={"slide_type": "skip"}
# This is the loop with which the second student of section 1 learned. The loss is the cross-entropy at the temperature $T$. In front of it stands a factor $T^2$, which the rest of the section explains. The optimizer is Adam; its learning rate begins at 0.01 and fades to zero.


# %% slideshow={"slide_type": "skip"}
def soft_loss(z, targets, T):
    """T² times the cross-entropy of soft targets and the student's answer at T; mean over the batch."""
    return -(T**2) * (targets * F.log_softmax(z / T, 1)).sum(1).mean()


def learn(student, images, targets, T, steps=1000, rate=0.01):
    optimizer = torch.optim.Adam(student.parameters(), lr=rate)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for picked in batches(len(images), 50, steps=steps, seed=0):
        loss = soft_loss(student(images[picked]), targets[picked], T)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fade.step()


# %% slideshow={"slide_type": "skip"}
one_student = mlp(30, seed=0)
learn(one_student, taught_x, soft, T=8.0)
print(f"{errors(one_student):,} errors by this loop, {errors(by_answers):,} by `teach`")

# %% [markdown] slideshow={"slide_type": "skip"}
# (On another machine the two numbers may differ a little: where sums are added up in another order, a difference in the last bit can grow over a thousand steps.) `teach` and `teach_all` do the same for many students at once, which saves time. From here on we use them.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How large is the push at a temperature T?
#
# An untrained student and the real teacher, all 1,000 images.
#
# **Predict.** *Without* the factor T²: from $T = 10$ to $T = 100$ the gradient of the soft part falls by a factor of **A** 10, **B** 100, **C** not at all? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; expect A. Ask who can name one factor 1/T, and then who can name another. The first: the student's logits are divided by T, so moving a logit moves the answer only 1/T as much. The second: at a high temperature target and answer are both near an even share, so their difference is small, too. On the board, for the logits 6, 2, −2 and a student that says a third for each: at T = 10 the first difference is 0.472 − 0.333 = 0.139, at T = 100 it is 0.347 − 0.333 = 0.013. A tenth times a tenth. In the figure follow the blue line, then the orange one: that is the factor T². The dashed line is how large the part of the labels is, if both are
# mixed; keep it for the slide after the next.

# %% slideshow={"slide_type": "skip"}
start = mlp(30, seed=0)


def gradient(loss):
    """The gradients of all weights of a student as one row."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(start.parameters()))])


span = [1, 2, 4, 8, 10, 20, 50, 100]
without = {T: gradient(soft_loss(start(taught_x), F.softmax(logits[:few] / T, 1), T) / T**2) for T in span}
norms = {T: g.norm().item() for T, g in without.items()}
label_norm = gradient(F.cross_entropy(start(taught_x), taught_y)).norm().item()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the size of the gradient over the temperature.
show.gradient_by_temperature(norms, label_norm)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **From $T = 10$ to $T = 100$ the gradient falls by a factor of about 100 (B): it goes with $1/T^2$.** The factor T² makes up for it.
#
# <!-- page -->
#
# Two things shrink. First, the student's logits are divided by $T$ before the softmax, so moving a logit moves the answer only $1/T$ as much. Second, the differences $p_i - q_i$ shrink, because at a high temperature all probabilities lie near an even share. Take the logits 6, 2, −2 once more, and a student that still says one third for each. At $T = 10$ the target is 0.472, 0.316, 0.212, and the first difference is $0.472 - 0.333 = 0.139$. At $T = 100$ the target is 0.347, 0.333, 0.320, and the first difference is 0.0134, a tenth of it. A tenth times a tenth is a hundredth. [The paper](https://arxiv.org/abs/1503.02531) derives it in its section 2.
#
# At low temperatures the second factor is missing: there the differences are as large as they can be, and the curve is flatter. So "$1/T^2$" is a rule for temperatures that are large beside the logits.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Teacher and labels together
#
# Student logits $z$, teacher logits $v$, label $y$, share $\alpha$; CE: cross-entropy, KL: Kullback–Leibler divergence:
# $\;L = \alpha\, T^2\, \mathrm{KL}\big(\mathrm{softmax}(v/T)\,\|\,\mathrm{softmax}(z/T)\big) + (1 - \alpha)\, \mathrm{CE}(z, y)$

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: follow one image along both ways. The KL is the cross-entropy less a number that does not depend on the student, so it has the same gradient. With the numbers of section 3: the cross-entropy is 1.00, a perfect student would still have 0.83, and the KL is 0.17. Second frame: the way back, in green. Ask why no arrow
# leads to the teacher: the loss would also shrink if the teacher moved towards the student, and it must not. So its logits are detached.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the way from an image to the loss, and the way of the gradients.
show.loss_graph()

# %% [markdown] slideshow={"slide_type": "skip"}
# Often the student has both, the teacher's answers and the labels. Then the loss is a mixture, and $\alpha$ says how much the teacher weighs. This is the usual form of the loss, and two of its parts need a word.
#
# **KL in place of the cross-entropy.** Even a perfect student has a cross-entropy above 0. If the target is 0.67, 0.24, 0.09 and the student says the same, the cross-entropy is $0.67 \cdot 0.40 + 0.24 \cdot 1.43 + 0.09 \cdot 2.41 = 0.83$. That is the least there is. The **KL divergence** subtracts it: it is the cross-entropy less this least value, so it is 0 when student and teacher agree. For the student who says 0.60, 0.10, 0.30 the cross-entropy was 1.00, so its KL divergence is about 0.17. What is subtracted does not depend on the student. So the gradient is the same, and a student learns the same with either.
#
# **No arrow to the teacher.** The loss would also become smaller if the *teacher* moved towards the student. The teacher must not do that. Its logits are *detached*: the gradient stops there.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does forgetting T² do harm?
#
# $T = 20$. Four kinds of students: with and without T², with $\alpha = 1$ (teacher alone) and with $\alpha = 0.5$ (the labels weigh half).
#
# **Predict.** Which of the four suffers? And why not the others?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let each person name one or two of the four. Most name both without T². Click. A bar is the mean of three students, which differ in their first weights and in the order of their images; the black stroke goes from the best to the worst of them, so differences within a stroke say nothing. Begin with the two bars of the teacher alone: they are equally high, and whoever named the second one was wrong. Then the last two: without T² the bar stands near the line of labels alone. "A bug that hides at alpha 1 and bites at 0.5." Ask why. At α = 0.5 the soft part is 20² = 400 times too small beside the labels (the dashed line of the figure before), so the students learn nearly the labels alone. At α = 1 there is nothing beside it, and Adam divides a gradient by its own usual size, so a constant factor cancels; with plain SGD it would not. The dashed line is the mean of three students of labels, the grey band goes from the best to the worst; section 4 meets the same three again. Is 0.5 the better alpha? We did not tune it.

# %% slideshow={"slide_type": "skip"}
SEEDS = range(3)  # three students of each kind


def student_errors(arms, rate=0.01, x=taught_x, own=own, **options):
    """Test errors of three 2×30 students for each arm, alike but for what they are taught."""
    starts = [mlp(30, seed) for seed in SEEDS]
    nets = teach_all(starts, list(arms.values()), x, own, seeds=SEEDS, lr=rate, desc="students", **options)
    return {name: [errors(of_seed[i]) for of_seed in nets] for i, name in enumerate(arms)}


# %% slideshow={"slide_type": "skip"}
at_20 = F.softmax(logits[:few] / 20, 1)
four = {(alpha, squared): Arm(at_20, 20.0, alpha, squared) for alpha in (1.0, 0.5) for squared in (True, False)}
mixed = student_errors(four | {"labels": Arm(own)})  # and, to compare with, labels alone
mixed_mean = {which: statistics.mean(counts) for which, counts in mixed.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the mean errors of the four kinds of students, beside those of labels alone.
show.mixtures(mixed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The mixture without T² suffers: in the run on this page it keeps only a small part of what the teacher gives. With $\alpha = 1$ the factor makes hardly a difference.**
#
# <!-- page -->
#
# Each bar is the mean of three students, and the black stroke goes from the best of them to the worst. They differ in their first weights and in the order of their images. The two bars of the teacher alone differ by less than the strokes are long, so that difference says nothing. The last bar stands near the dashed line, the mean of three students of labels alone.
#
# At $T = 20$ the soft part's gradient is about $20^2 = 400$ times smaller without T². Beside it the gradient of the labels has its full size. So the sum of the two is nearly the gradient of the labels alone, and the student learns nearly what a student of labels learns.
#
# And why does it do no harm at $\alpha = 1$? Because the optimizer is Adam. It divides each gradient by its own usual size, so a constant factor cancels ([Kingma and Ba, 2014](https://arxiv.org/abs/1412.6980), section 2.1). With plain SGD the steps would be 400 times smaller. So this is a mistake that hides as long as the teacher teaches alone, and shows itself as soon as labels are mixed in.
#
# And which $\alpha$? With T² the ranges of $\alpha = 1$ and $\alpha = 0.5$ overlap in the run on this page, so here the choice matters little. Probably that is because a label corrects the teacher only where it is wrong, and ours seldom is. [The paper](https://arxiv.org/abs/1503.02531) (section 2) found a considerably lower weight for the labels best.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. Softness, the class, or this image?
#
# Why did the answers teach more than the labels? Each arm but *soft* takes something away:
#
# - **labels**: the right class alone
# - **smoothed**: a tenth of the label is spread over all classes
# - **shuffled**: *soft*, with all but the highest probability dealt out by lot
# - **class mean**: the mean of *soft* over the class
# - **another image**: *soft* of another image with this label
# - **soft**: the teacher's soft targets at $T = 8$

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Say: "A good control is one that could destroy the claim." Three things could have helped: the target is soft; it says something about the class; it says something about this image. Go through the arms and ask each time which of the three is kept. *Labels*: none. *Smoothed*: the first. *Shuffled*: the first, and how sure the teacher is, with false names. *Class mean*: the first two. *Another image*: the first two, with the row of another picture. *Soft*: all. Do not ask yet which one teaches best:
# that is the vote two slides on.

# %% [markdown] slideshow={"slide_type": "skip"}
# A soft target differs from a label in several ways at once, and each of them could be the reason for the gain:
#
# 1. *It is soft.* A target that never asks for certainty may keep a student from learning its 1,000 images by heart. For this no teacher is needed. **Label smoothing** takes a share ε of the label, here a tenth, and spreads it evenly over all classes: with ten classes the right one gets 0.91, and each other one 0.01.
# 2. *It says something about the class.* Threes look more like fives than like ones, and that is true of all threes.
# 3. *It says something about this image.* This three looks like a five, and that one like an eight.
#
# A **control** keeps some of these and takes the others away. If it teaches as well as the soft targets, then what it lacks was not needed. *Smoothed* keeps the first alone. *Class mean* gives all images of a class the same row, the mean of their soft targets, and so keeps the first and the second: what a 3 is like, and not what *this* 3 is like. *Shuffled* and *another image* keep even all the numbers of the soft targets, but put them in the wrong places: *shuffled* gives them to the wrong classes, and *another image* gives the whole row to the wrong image, one with the same label that is drawn by lot.


# %% slideshow={"slide_type": "skip"}
def shuffled(p, seed=0):
    """The same numbers in each row, the largest in its place, the others dealt out by lot."""
    values, order = p.sort(1, descending=True)
    lot = torch.rand(len(p), 9, generator=torch.Generator().manual_seed(seed)).argsort(1).to(p.device) + 1
    return torch.zeros_like(p).scatter(1, order, torch.cat([values[:, :1], values.gather(1, lot)], 1))


mean_of_class, of_another = torch.zeros_like(soft), torch.zeros_like(soft)
for c in taught_y.unique():
    members = (taught_y == c).nonzero()[:, 0]
    members = members[torch.randperm(len(members), generator=torch.Generator().manual_seed(0)).to(device)]
    mean_of_class[members] = soft[members].mean(0)
    of_another[members] = soft[members.roll(1)]  # each image gets the answer for the one before it

# %% slideshow={"slide_type": "skip"}
arms = {
    "labels": Arm(own),
    "smoothed": Arm(0.9 * own + 0.1 / 10),
    "shuffled": Arm(shuffled(soft), T=8.0),
    "class mean": Arm(mean_of_class, T=8.0),
    "another image": Arm(of_another, T=8.0),
    "soft": Arm(soft, T=8.0),
}

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Six targets for one image
#
# A digit of section 2, as each arm teaches it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Let the room compare *soft* at the lower right with each of the others and say what is gone. *Labels* and *smoothed* (blue): the nine other bars are alike. *Shuffled*: the same bars at other digits. *Class mean*: what is common to all twos. *Another image*: some other two. Point at the scale: the upper row's first two reach 1, the other four end at 0.6.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws what each of the six arms says of one image.
show.targets_of(arms, pair[0])

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which arm comes near *soft*?
#
# **Predict.** Six kinds of targets, three students each. Does one of the five others come near *soft*, and which? What would it mean?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Collect two orders on the board; expect the class mean near the top, "because a three is like a five". After the click read the column *÷ labels*: only *soft* is far below 1. Read the last column as the reply to a sceptic who says that the
# others were only trained too long: each arm may stop where held-out images say, and none comes near. If somebody objects that *shuffled* and *another image* put something false into the target, praise that and write it on the board: two of our controls lie. Exercise 1 builds one that does not, and its result is another one.

# %% slideshow={"slide_type": "skip"}
way = show.OnTheWay(held, (test_x, test_y))
at_end = student_errors(arms, watch=way)
curves = {name: way.of(i) for i, name in enumerate(arms)}
mean = {name: statistics.mean(counts) for name, counts in at_end.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the errors of the six arms after the last step and at their best stops.
show.arms_table(at_end, curves, len(test_x))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **None of the five comes near: every student of *soft* makes at least a tenth fewer errors than the best student of any other arm.** So what the teacher says of *this* image counts.
#
# <!-- page -->
#
# Softness without a teacher (*smoothed*) wins little or nothing, and neither does what is true of the whole class (*class mean*). The answer for another image of the same class is worse than no teacher at all at this learning rate. Only when the row of numbers belongs to the image does it teach much.
#
# Were the others only trained too long? The last column lets each arm stop where it makes the fewest errors on the held-out images. Some of them gain from that, *another image* most of all, and none comes near.
#
# But two of these controls, *shuffled* and *another image*, do two things at once. They take the teacher's knowledge away, and they put something false in its place: "this two looks like a four". So if they teach badly, that may be because they lie, and not because something is missing. A better control takes away and puts nothing in. You will build one in Exercise 1. Its result is not the one that this table suggests.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How long does it take?
#
# The same runs, looked at on the way.
#
# **Predict.** After 50 steps, two and a half passes over the images: is *soft* ahead of *labels*? And later?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room draw two curves in the air: labels and soft. After the figure follow the black line (labels) and the orange one (soft): the black one is lower at 50 steps, they cross before 100, and from 200 on the black one hardly falls. Why? The labels of 1,000 images are soon learned; a soft target has ten numbers. Ask: "What would somebody have written who had stopped at 50?" That distillation does not work. Then: "State the budget."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the errors of the six arms over the steps.
show.errors_by_steps(curves)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No: after 50 steps the students of labels are ahead of those of *soft*, who learn longest and are far ahead at the end.** Stopped at 50 we would say that distillation does not work.
#
# <!-- page -->
#
# A student of labels has soon learned what the labels of 1,000 images say: at the end it classifies all or nearly all of them correctly, its loss is near 0, and nothing more can be learned. The soft targets have ten numbers for each image in place of one, and the student needs more steps to come near all of them. So the same comparison has different winners at different **budgets**, and whoever reports a gain must say how many steps were made. The learning rate belongs to the budget, too; Exercise 2 looks into it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. Whose knowledge crosses over?
#
# A third network, *narrow*, is as large as the teacher, but was trained on *the student's own 1,000 images*.
#
# **Predict.** Beside what the first teacher won over labels: does *narrow* win nearly as much, half as much, or hardly anything? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; expect "half". Compare each row with the last one, the students of labels. The first teacher takes away about four tenths of their errors, *narrow* less than a tenth, and a little more where it answers for all 50,000 images. Why does the answer say *probably*? *Narrow* is also a worse network, so two things differ; the clean control is a network as good as the teacher that saw 1,000 images only. The third row is the honest case of few labels and many images: ask who has that at work; it is worth a try.

# %% slideshow={"slide_type": "skip"}
(narrow,) = teach(lenet(seed=1), [Arm(own)], taught_x, own, steps=500, lr=3e-3)
with torch.no_grad():
    said = Arm(F.softmax(narrow(x) / 8, 1), T=8.0)  # for all images

# %% slideshow={"slide_type": "skip"}
narrow_few = student_errors({"": said})[""]
narrow_many = student_errors({"": said}, x=x, own=hard)[""]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the errors of both teachers and of their students.
Table(
    ["teacher learned from", "its errors", "it answers for", "its students' errors"],
    [
        [f"{whole:,} labels", errors(teacher), f"{few:,} images", show.counts(at_end["soft"])],
        [f"the students' {few:,} labels", errors(narrow), f"{few:,} images", show.counts(narrow_few)],
        [f"the students' {few:,} labels", errors(narrow), f"{whole:,} images", show.counts(narrow_many)],
        ["no teacher: labels", "–", "–", show.counts(at_end["labels"])],
    ],
    caption="2×30 students, 1,000 steps, T = 8; mean of three (lowest to highest)",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Hardly anything on the same 1,000 images: about a seventh of what the first teacher won, in the run on this page. With answers for all 50,000 it is more than a quarter.** What crossed over in section 4 is probably mostly what the teacher learned from the *other* 49,000 images.
#
# <!-- page -->
#
# A large network alone is no good teacher. *Narrow* is as large as the first teacher and answers with soft targets at the same temperature. But it has seen nothing that the student does not see, and makes only somewhat fewer errors than its students. So it has little to tell. We say *probably* because *narrow* differs from the first teacher in two ways: in what it saw, and in how good it is. One would have to find a network that is as good as the teacher and has seen the 1,000 images only.
#
# The third row is a case that is common in practice: few labels, and many images without one. Here *narrow* answers for all 50,000 images, and its students see each of them once. They do a little better than the second row. If this is your case, it is worth a try; it does not replace the labels.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · A control that does not lie
# ★ · 7 minutes
#
# *Shuffled* takes away which other classes the teacher names, and puts false names in their place. Write `even_targets`: the control that only takes away. Each row keeps its highest probability, in its place;
# what is left of the row is spread evenly over all other classes.
#
# <!-- page -->
#
# `even_targets(p)` → a tensor in the shape of `p`, exact to float32; `p` has a row of probabilities for each image, (images, classes), with two classes or more. No row has two highest ones.
#
# <details><summary>Hint</summary>
# Work out by hand what becomes of 0.7, 0.2, 0.1. The others share one minus the highest, and there is one class less than columns. <code>p.amax(1, keepdim=True)</code> is the highest of each row;
# <code>torch.where</code> chooses between two tensors, element by element.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs; alone it takes 7. First by hand: 0.7, 0.2, 0.1 becomes 0.7, 0.15, 0.15. Ask what this target still says of the image (how sure the teacher is) and what not (which other classes). Mistakes to wait for: the even share is
# added to the highest as well; one row's highest for all rows; a division by all columns: the row then falls short of 1.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def even_targets(p):
    """Keep the highest probability of each row; spread the rest evenly over the others.

    >>> even_targets(torch.tensor([[0.75, 0.25]])).shape
    torch.Size([1, 2])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.even_targets(even_targets)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def even_targets_solution(p):
    highest = p.amax(1, keepdim=True)
    return torch.where(p == highest, highest, (1 - highest) / (p.shape[1] - 1))


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · What did the student learn?
# ★★ · 12 minutes · an investigation
#
# *Labels*, *even* and *soft*, each at three learning rates: what counts of a kind is its lowest mean of errors, at *its own* best rate. One kind *gains* over another if it has more than 50 errors fewer.
#
# - `"nothing"` if soft does not gain over labels. Else:
# - `"sureness"` if soft does not gain over even
# - `"classes"` if even does not gain over labels
# - `"both"` if soft gains over even, and even over labels
#
# <!-- page -->
#
# You get an instrument, `errors(targets, seed=n, lr=rate)`. It trains student number `n` with `"labels"`, with the `"even"` targets of Exercise 1 or with the `"soft"` ones, at a learning rate, and returns its errors. Run all
# three with at least five students, the same ones for all, each at the rates 0.001, 0.003 and 0.01. Take the mean over the students at each rate.
#
# `what_taught(errors)` → the first of the four words above whose condition holds
#
# <details><summary>Hint</summary>
# Two loops, over the three kinds and over the three rates, collect the means. Three numbers are left, one for each kind. Compare them in the order of the card.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# *Sureness* is what *even* keeps: how sure the teacher is of each image. *Classes* is what it lacks: which other classes the teacher names. Why three rates? So far every student learned at 0.01, and nobody chose this rate for the labels. If a kind of targets only suffers from the rate that it was given, then its errors say something about the rate, and nothing about the targets.
#
# The check makes up several families of students. In some the soft targets help, in some only one part of them does, and in some only the learning rate makes it look as if they did. The made-up students answer at once, so you need not be sparing with runs (up to 2,000 are allowed for each experiment).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop; alone it takes 12. "Draw a table of three rows and three columns, kinds of targets and rates. Which cells may be compared with each other?" Let them find that the best of each row is compared, and not one column. Then an invented table on the board, at 0.001, 0.003, 0.01: labels 900, 700, 640; even 880, 600, 500; soft 870, 590, 480. The best are 640, 500 and 480. Soft gains over labels (160), and not over even (20), so the word is "sureness". The column of 0.001 alone would say "nothing". The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_taught(errors):
    """Say what helped: "nothing", "sureness", "classes" or "both".

    Args:
        errors: the instrument; `errors("soft", seed=3, lr=0.001)` gives the
            errors of student 3, taught with soft targets at this rate.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_taught(what_taught)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def what_taught_solution(errors):
    best = {}
    for kind in ("labels", "even", "soft"):
        means = [statistics.mean(errors(kind, seed=n, lr=rate) for n in range(5)) for rate in (0.001, 0.003, 0.01)]
        best[kind] = min(means)
    if best["labels"] - best["soft"] <= 50:
        return "nothing"
    if best["even"] - best["soft"] <= 50:
        return "sureness"
    return "both" if best["labels"] - best["even"] > 50 else "classes"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on real students
#
# *Labels*, *even* and *soft* at three learning rates, three students each.
#
# **Predict.** Which of the four conclusions fits: nothing, sureness, classes, or both? And what would you conclude from the lowest rate alone?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote for one of the four words; after section 4 many will say "classes". After the click let the room read the lowest point of each line first: *even* lies about a third of the way down from labels to soft, and the names of the other classes earn the rest. Then the left end alone: three points within 100 errors, and the word would be "nothing". So why did *shuffled* look worthless in section 4? It keeps the sureness, but its false names undid what that had won. Three students of each kind are few; the claim rests on bands that do not touch.

# %% slideshow={"slide_type": "skip"}
highest = soft.amax(1, keepdim=True)
even = torch.where(soft == highest, highest, (1 - highest) / 9)
three = {"labels": arms["labels"], "even": Arm(even, T=8.0), "soft": arms["soft"]}
by_rate = {rate: student_errors(three, rate) for rate in (0.001, 0.003)}

# %% slideshow={"slide_type": "skip"}
by_rate[0.01] = at_end | student_errors({"even": three["even"]})
best = {kind: min(statistics.mean(by_rate[rate][kind]) for rate in by_rate) for kind in three}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the errors of the three arms over the learning rate.
show.errors_by_rate(by_rate)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Both: how sure the teacher is of each image earns about a third of the gain in the run on this page, and which other classes it names earns the rest. At the lowest rate alone you would say "nothing".**
#
# <!-- page -->
#
# Read the lowest point of each line. *Even* knows nothing of resemblances; it says of each image only how clear it is to the teacher. At its best rate that alone beats labels at any of theirs. In section 4 *shuffled* looked as if softness were worth nothing, because its false names undid what the sureness had won. And is it the sureness of *this* image? In two trials at 0.01 we took that away. Each image got the *even* row of another image of its class: the students made more errors than students of labels. And all rows got the same sureness, the mean of all: the errors were those of labels, within 2 %.
#
# Now read the left ends. At a rate of 0.001, a tenth of ours, a thousand steps are too few for the soft targets, and the gain nearly vanishes. So "distillation helps" is a sentence about a budget: **1,000 images, 1,000 steps, a learning rate of 0.01**, each kind of targets at its best of three rates. The best rate was read off the test images, for all three alike. The gaps are much larger than what such a choice can win.
#
# What the experiment cannot say: it has one teacher, one size of student and three students of each kind, fewer than the five that the exercise asks for. The ranges of the three kinds do not touch, and that is what the conclusion rests on.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Are the other controls at their best?
#
# Section 4 compared all arms at a learning rate of 0.01. The experiment above has taught us to ask for more. The next cell repeats the four other controls at 0.003.

# %% slideshow={"slide_type": "skip"}
CONTROLS = ("smoothed", "shuffled", "class mean", "another image")
at_low = student_errors({name: arms[name] for name in CONTROLS}, 0.003)
Table(
    ["taught with", "errors at 0.01", "errors at 0.003"],
    [[name, show.counts(at_end[name]), show.counts(at_low[name])] for name in CONTROLS],
    caption=f"Mean of three students (lowest to highest). Best mean of labels: {best['labels']:.0f}, of soft: {best['soft']:.0f}",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# Look at *another image*: at 0.01 its students make about a quarter more errors than students of labels, at 0.003 about as many. So "the answer for another image does harm" was a sentence about a learning rate, too. Probably a small rate follows a contradiction less closely: two threes with exchanged rows are averaged, and what is left comes nearer to the *class mean*. (We have not tested that.) *Shuffled* and *class mean* gain a little at 0.003. None comes near *even* and *soft*. (At 0.001, in a trial, label smoothing was at its best, some 5 % below labels; the other three had more errors than labels.) The conclusion of section 4 stands: no control comes near. The order among the controls does not.
#
# ### How many other classes must the teacher name?
#
# *Even* names none, *soft* names all nine. In between one can let the teacher name the second best class, or the second and the third, and spread the rest evenly over the others. In a trial with another run of the teacher and three students each, at a rate of 0.01, none named gave 1,139 errors, one 1,001, two 948, and all nine 804. So each of the first names earns a part, and the small probabilities together about as much as a single large one.
#
# ### How undecided is an answer?
#
# How soft is a target, in one number? The least cross-entropy of section 3, the one that a student reaches when it says exactly what the target says, is the **entropy** of the target, $H = -\sum_i p_i \log p_i$. With the logarithm to the base 2 its unit is the *bit*. A certain answer has 0 bits. An answer that spreads evenly over ten classes has $\log_2 10 \approx 3.32$ bits, the most there is.


# %% slideshow={"slide_type": "skip"}
def entropy(p):
    """Mean entropy in bits of the rows of p (n, classes); a probability of 0 adds nothing."""
    return torch.special.entr(p).sum(1).mean().item() / torch.log(torch.tensor(2.0)).item()


bits = {T: entropy(F.softmax(logits[:few] / T, 1)) for T in show.TEMPERATURES}
Table(
    ["temperature", "mean entropy, bits"],
    [[T, f"{b:.2f}"] for T, b in bits.items()],
    caption=f"The teacher's answers; *even* at T = 8 has {entropy(even):.2f} bits",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# At $T = 1$ the teacher's answers hold a small part of a bit, at 8 they are most of the way to 3.32, and at 50 nearly there. The targets of *even* have about the same entropy as the soft ones, since the highest probability is the same. So softness in this sense does not tell them apart.
#
# ### The higher the temperature, the better?
#
# This is a rule of thumb that one hears. The next cell trains students at $T = 1$; those at 8 and 20 were trained above, at the same rate of 0.01.

# %% slideshow={"slide_type": "skip"}
by_T = student_errors({1: Arm(F.softmax(logits[:few], 1))}) | {8: at_end["soft"], 20: mixed[1.0, True]}
by_T_mean = {T: statistics.mean(counts) for T, counts in by_T.items()}
Table(["temperature", "students' errors"], [[T, show.counts(counts)] for T, counts in by_T.items()])

# %% [markdown] slideshow={"slide_type": "skip"}
# From 1 to 8 the errors fall clearly, and from 8 to 20 they hardly change. In trials $T = 50$ was like 20. So the rule holds up to a point, and the point depends on the budget: with 100 steps $T = 1$ was best when we tried, with 300 steps 8; and with 1,000 steps at a learning rate of 0.001 it was $T = 2$. Probably targets at a low temperature are learned faster, because they hold little but the large differences, and the small ones take more steps. The paper found everything above 8 alike for students with 300 units a layer or more, and 2.5 to 4 best for one with 30, on all images.
#
# ### The better the teacher, the better the student?
#
# A second teacher is trained from the same first weights, with smoothed labels (ε = 0.1).
#
# **Predict.** It makes about as many test errors as ours. Will its students do as well?

# %% slideshow={"slide_type": "skip"}
smooth = 0.9 * hard + 0.1 / 10
(other_teacher,) = teach(lenet(seed=0), [Arm(smooth)], x, hard, steps=1500, batch=100, lr=3e-3, desc="teacher")
with torch.no_grad():
    other_logits = other_teacher(taught_x)
of_other = student_errors({"": Arm(F.softmax(other_logits / 8, 1), T=8.0)})[""]

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Compares the two teachers by their own errors, and by those of their students.
miss = [net(test_x).argmax(1) != test_y for net in (teacher, other_teacher)]
alone = [(miss[0] & ~miss[1]).sum().item(), (miss[1] & ~miss[0]).sum().item()]
p_tie = min(1.0, 2 * sum(comb(sum(alone), k) for k in range(min(alone) + 1)) / 2 ** sum(alone))  # two-sided sign test
Table(
    ["teacher trained with", "its errors", "only it gets wrong", "students at T = 8"],
    [
        ["labels", errors(teacher), alone[0], show.counts(by_T[8])],
        ["smoothed labels", errors(other_teacher), alone[1], show.counts(of_other)],
    ],
    caption=f"One pair of teachers; sign test on the images that only one of them gets wrong: p = {p_tie:.2f}. Students: mean of three (lowest to highest).",
)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **No: two teachers whose own errors are nearly a tie, and the one with smoothed labels has clearly worse students.**
#
# The column in the middle counts the images that only one of the two gets wrong. If a fair coin were thrown for each of these images, a split at least as uneven as this one would come with the probability $p$ of the caption. So the errors do not tell the teachers apart, or hardly. Their students do.
#
# Its students were worse in each pair of teachers that we tried, in four of them also at T = 20; the table has one pair. But once more it is a sentence about a budget: in a trial at a learning rate of 0.001, where no student gains much, those of the smoothed teacher were the better ones. Each teacher at its best rate and temperature, the plain one had the better students. The reason that [Müller, Kornblith and Hinton, 2019](https://arxiv.org/abs/1906.02629) give: with smoothed labels the logits lose resemblances between *instances* of different classes, just what section 2 showed for two twos. We measured the effect, and not the reason.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### At a high temperature distilling is copying the logits
#
# At a high temperature $e^{v/T}$ is nearly $1 + v/T$, so a soft target is nearly an even share plus a multiple of the logits, *centred*: less the mean of their row. The difference of target and answer is then a multiple of the difference of the centred logits. So the student learns by least squares to give the same logits as the teacher. The next cell compares the directions of the two gradients; a cosine of 1 means that they are the same.


# %% slideshow={"slide_type": "skip"}
def centred(logits):
    return logits - logits.mean(1, keepdim=True)


copying = gradient((centred(start(taught_x)) - centred(logits[:few])).square().sum(1).mean())
alike = {T: F.cosine_similarity(without[T], copying, dim=0).item() for T in (1, 8, 20, 100)}
print(", ".join(f"T = {T}: cosine {c:.3f}" for T, c in alike.items()))

# %% [markdown] slideshow={"slide_type": "skip"}
# At $T = 100$ distilling is copying; at 8 an untrained student's gradient is not yet quite that. The paper derives it in its section 2.1. It also says when it matters: at lower temperatures the student cares less about very negative logits, which the teacher was hardly taught to get right.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · The loss
# ★★ · 12 minutes
#
# Write `distillation_loss`, the mixture of section 3: α times T² times KL(teacher ‖ student) of the soft answers, plus 1 − α times the cross-entropy with
# the labels. Both are means over the batch. No gradient may reach the teacher's logits.
#
# `distillation_loss(student, teacher, labels, T, alpha)` → a tensor of one number, from which `backward()` reaches the student. `student` and
# `teacher` are logits (batch, classes).
#
# <details><summary>Hint</summary>
# <code>F.kl_div(input, target, reduction="batchmean")</code> wants <code>input</code> as log-probabilities, of the student, and <code>target</code> as probabilities, of the teacher.
# It sums over classes and divides by the batch. <code>.detach()</code> stops a gradient.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def distillation_loss(student, teacher, labels, T, alpha):
    """alpha · T² · KL(teacher ‖ student) at T, plus (1 - alpha) · cross-entropy.

    >>> z = torch.zeros(1, 2)
    >>> distillation_loss(z, z, torch.tensor([0]), 1.0, 1.0).dim()
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.distillation_loss(distillation_loss)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def distillation_loss_solution(student, teacher, labels, T, alpha):
    targets = F.softmax(teacher.detach() / T, 1)
    from_teacher = F.kl_div(F.log_softmax(student / T, 1), targets, reduction="batchmean")
    return alpha * T**2 * from_teacher + (1 - alpha) * F.cross_entropy(student, labels)


# %% [markdown] slideshow={"slide_type": "skip"}
# KL(teacher ‖ student) is $\sum_i p_i \log (p_i / q_i)$, with $p$ of the teacher. The order matters: the teacher's probabilities weigh the sum, so the student is punished where the teacher gives probability and it gives little. The other way round it is another number, with another gradient. Mistakes in this loss are easy to make and hard to see, because a student learns something from most of them: no T², another reduction than the mean over the batch, the two arguments exchanged, probabilities in place of their logarithms, a teacher that is not detached.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Beside the paper
#
# In the [paper](https://arxiv.org/abs/1503.02531), section 3, the teacher (two layers of 1,200 units, with dropout, on images shifted by up to two pixels) makes 67 test errors. A student of two layers of 800 units makes 146 with labels, and 74 when it also matches the teacher's soft targets at $T = 20$. Both saw all 60,000 images. So there student and teacher saw the *same* images. By section 5 the student should then gain hardly anything, but it makes half of the errors. Why?
#
# One explanation offers itself: the paper's teacher saw something that its student never saw, namely the *shifted* images. We tested this in a trial outside this page, with all 50,000 images. A LeNet-300-100 that learned from images shifted by up to two pixels made 133 test errors in place of 189.
#
# | student | labels | teacher of the same images | teacher of shifted images |
# |---|---|---|---|
# | 2×800 units, 12 passes, rate 0.001, T = 20 (two students) | 149 | 196 | 136 |
# | 2×30 units, 9 passes, rate 0.003, T = 2 (two students) | 316 | 305 | 288 |
# | the same at T = 8 | 316 | 352 | 326 |
#
# For the large student the explanation fits in kind: a teacher of the same images does harm, and a teacher of shifted images helps. It does not fit in size, since a tenth fewer errors is not a half. For the small student the gain is at most a tenth, at the best of five temperatures, and at $T = 8$ there is none. So the shifted images are a part of the answer at best. What else it may be was not tried here: the paper's teacher is much better than ours, and it was trained with dropout. [[students]] comes back to the question.
#
# ### Is it only MNIST?
#
# Set `TASK = "fashion_mnist"` and run again. When we did, at the rate of 0.01 and without the arms *class mean*, *another image* and *even*: *soft* beat labels, smoothed and shuffled, by less; T² mattered in the mixture; but $T = 1$ taught as well
# as 8, and the smoothed teacher as well as the plain one. That teacher is less sure of its answers. So no figure of this lesson is a law. The controls are what you take along.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. The bounds leave room for other seeds, and are set for MNIST.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("distillation")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A teacher's answer holds a probability for each class. Temperature makes the small ones count, and the student's logits are pushed by target minus answer.
# - With labels mixed in, the soft part needs the factor T².
# - The student gained from what the teacher says of *each image*: how sure it is, and which other classes it names. Softness alone, or the class alone, did not do it.
# - A control should take away and put nothing in. One that lies can hide what you look for.
# - A gain belongs to a budget: images, steps, and the learning rate. And a teacher that saw no more data had little to give.
#
# **Going further**: G. Hinton, O. Vinyals, J. Dean, *Distilling the knowledge in a neural network*, 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531); R. Müller, S. Kornblith, G. Hinton, *When does
# label smoothing help?*, 2019, [arXiv:1906.02629](https://arxiv.org/abs/1906.02629); S. Stanton et al., *Does knowledge distillation really work?*, 2021, [arXiv:2106.05945](https://arxiv.org/abs/2106.05945).
# Next here: [[students]].
#
# **Project ideas**: name the teacher's two best other classes, and store the soft targets in few bits; distil from three teachers at once; repeat the paper's experiment with your own larger student, and find out what the shifted images are good for.
#
# **Credits**: the method and the example of the twos are Geoffrey Hinton's, Oriol Vinyals' and Jeff Dean's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10).
# Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Take up the answers from the first slide: what can a teacher tell that the label does not? How sure it is of this image, and which other classes the image looks like. Tick what the board already has. Ask what we did not test: other students, the good teacher on all 50,000 images in several passes, and a class that the student never saw. That is the next lesson.
