# ---
# jupyter:
#   course:
#     promise: You will let a large network teach a small one, and find out by controls what the small one learned from it.
#     seconds: 15
#     needs: []
#     values:
#       labels: f'{show.wrong("labels"):,.0f}'
#       soft: f'{show.wrong("soft"):,.0f}'
#       even: f'{show.wrong("even"):,.0f}'
#       named: f'{show.wrong("named"):,.0f}'
#     goals:
#       - soften a teacher's answers, and write the loss with which a student learns from them, with T and T²;
#       - build a control that takes one thing away from the answers;
#       - say what a student has learned from its teacher, by a fair comparison.
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

from course_utils import claims
from lessons.distillation import show
from lessons.distillation import tasks as check

torch.set_num_threads(1)

# %% [markdown]
# ## 1. A student without labels
#
# You need a small network that reads digits, and you have 1,000 images for its training. You also have a large network that has learned from 50,000 images.
#
# Can the large network teach the small one? This is called **distillation**, and the two are the **teacher** and the **student**. The 1,000 images are among those that the teacher has seen, but our student gets them without labels. For each image, it learns the teacher's *answer*, ten probabilities, one for each digit.
#
# Its twin has the same first weights and sees the same images in the same order, but learns their labels.
#
# **Predict.** The teacher makes mistakes, too. Compared with its twin, how many of the 10,000 test images does the student get wrong: **A** at least a fifth fewer, **B** about as many, **C** more?

# %%
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data
from course_utils.training import batches

images, labels = data.load("mnist")
images = images.flatten(1)
split = len(images) * 5 // 6  # the images from here on are held out: nobody learns from them


def network(first, second):
    torch.manual_seed(0)
    layers = [nn.Linear(784, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 10)]
    return nn.Sequential(*layers)


def train(net, images, targets, T=1, steps=1000, rate=0.02):
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)  # the rate falls to zero
    for batch in batches(len(images), 50, steps=steps, seed=0):
        loss = F.cross_entropy(net(images[batch]) / T, targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fade.step()
    return net.requires_grad_(False)


def errors(net, images, labels):
    return (net(images).argmax(1) != labels).sum().item()


# %% [markdown]
# The learning rate, 0.02, is the best of seven for both student and twin, on held-out images. Section 2 explains `T`.

# %%
teacher = train(network(300, 100), images[:split], labels[:split], rate=0.003)
x, y = images[:1000], labels[:1000]  # what the students get
logits = teacher(x)

# %%
T = 8
answers = F.softmax(logits / T, 1)
student = train(network(30, 30), x, answers, T)
twin = train(network(30, 30), x, y)

# %% [markdown] tags=["answer"]
# **At least a fifth fewer (A), probably because its ten probabilities carry some of what the teacher learned from 49,000 other images.** Was this pair just lucky? We've trained five more, and the student was ahead in all of them.

# %% teacher_and_students tags=["hide-input"]
# Draws one image on its way to both, with the errors on test images.
test_images, test_labels = data.load("mnist", "test")
twos = show.two_of_a_class(logits, y, 2, 3, 7)
wrong = [errors(net, test_images.flatten(1), test_labels) for net in (teacher, student, twin)]
show.teacher_and_students(x[twos[0]], answers[twos[0]], "2", wrong)

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Making the small probabilities count
#
# What does an answer say that a label doesn't? Let's follow one image of a 2, and pretend that there are only three digits: 2, 3 and 7.
#
# The last layer of a network gives a number for each class, its **logit**. For our image, the teacher's logits are 6, 2 and −2. The softmax turns them into the probabilities 0.982, 0.018 and 0.0003.
#
# The teacher says: "It's a 2. If it isn't, it's more likely a 3 than a 7." But a student hardly notices the difference, because as targets both are close to 0.
#
# So we divide all logits by a number $T$ before the softmax, the **temperature**:
#
# $$p_i = \frac{e^{v_i / T}}{\sum_j e^{v_j / T}}$$
#
# With $T = 4$, our logits become 1.5, 0.5 and −0.5. The powers of $e$ are 4.48, 1.65 and 0.61, together 6.74, so the 2 gets 4.48 / 6.74 = 0.67.
#
# | | 2 | 3 | 7 |
# |---|---|---|---|
# | label | 1 | 0 | 0 |
# | teacher's logits $v$ | 6 | 2 | −2 |
# | $p$ at $T = 1$ | 0.982 | 0.018 | 0.0003 |
# | $p$ at $T = 4$ | 0.67 | 0.24 | 0.09 |
#
# The order hasn't changed. **Temperature adds no knowledge. It makes the small probabilities large enough to count.**
#
# A teacher's probabilities at a temperature are called **soft targets**, and a label is a *hard* one. While the student learns, its own logits are divided by the same $T$. Once it's trained, we read its answers at $T = 1$ again.
#
# Does our real teacher see such differences? Here are two images with the label 2, after an example of [Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531). We picked them to show it clearly.

# %% two_answers tags=["hide-input"]
# Draws two images of one class, and the teacher's answers for them.
show.two_answers(x[twos], logits[twos], 2, 3, 7)

# %% [markdown]
# At $T = 1$ both answers look like the label. At $T = 8$ you can see which other digit each of them resembles most: the first 2 a 3, and the second a 7.
#
# **Try it.** Which temperature is best? You choose it like a learning rate, by the errors on held-out images. At the end of the cell that trains the student, add `print(errors(student, images[split:], labels[split:]))`. Run it with `T = 8`, 1 and 50, and then with 8 again, because the cells below need those answers.
#
# <details><summary>What others found</summary>
#
# At 1 the student is already ahead of its twin, because even there the teacher isn't sure of every image. Higher temperatures help more, but in the mean over six students it hardly matters from about 4 on. *Deeper* says why even 200 does no harm.
#
# </details>

# %% [markdown]
# ## 3. What a training step does with a soft target
#
# How does a student learn from soft targets? With a label, the loss is $-\ln q$, where $q$ is the student's probability for the right class. A soft target says of each class how right it is. So we take $-\ln q$ of each class, and weight it by the target:
#
# $$-(0.67 \ln q_2 + 0.24 \ln q_3 + 0.09 \ln q_7)$$
#
# This is the **cross-entropy** of target and answer.
#
# What does a training step do? Let $z_i$ be the student's logits divided by $T$, and $p_i$ the targets, which add up to 1. Then $\ln q_i = z_i - \ln \sum_j e^{z_j}$, so the loss is $\ln \sum_j e^{z_j} - \sum_i p_i z_i$. The slope of the first term in $z_i$ is the student's answer $q_i$, and that of the second is the target $p_i$. A step goes against the gradient, so **it pushes each logit by target minus answer**, times some factor.
#
# To compare, let the student learn the label at $T = 4$ as well, and suppose that its own answer there is 0.60 for 2, 0.10 for 3, and 0.30 for 7.
#
# **Predict.** The image is a 2, so 3 is wrong. Which way does the step push the student's logit for 3? **A** Down, with either target. **B** Up with either. **C** Down with the label, up with the teacher's answer.

# %% target_minus_answer tags=["nbval-check-output"]
said = torch.tensor([0.60, 0.10, 0.30]).log().requires_grad_()  # logits whose softmax is this answer
for target in [1.0, 0.0, 0.0], [0.67, 0.24, 0.09]:  # the label, the teacher
    (gradient,) = torch.autograd.grad(F.cross_entropy(said, torch.tensor(target)), said)
    print(target, "pushes the logits by", [f"{-g:+.2f}" for g in gradient])

# %% [markdown] tags=["answer"]
# **C, because the label asks for 0 and the teacher for 0.24, and the student says 0.10.**

# %% [markdown]
# So from an image of a 2, the student learns something about 3s.
#
# ### With labels, the teacher's part needs a factor
#
# If you have labels, why not use both? We give the teacher's part of the loss the weight $\alpha$, and the labels' part the rest. But the temperature makes the teacher's part small. To see how small, take a student that knows nothing yet and says 1/3 for each digit. How strongly is its logit for the 2 pushed?
#
# The label pushes with 1 − 0.333 = 0.667. At $T = 4$, target minus answer is 0.665 − 0.333 = 0.332. And the loss sees the student's logits divided by $T$, so the chain rule divides the gradient by $T$ as well.
#
# | $T$ | soft target for the 2 | minus 0.333 | then divided by $T$ | then times $T^2$ |
# |---|---|---|---|---|
# | 4 | 0.665 | 0.332 | 0.083 | 1.33 |
# | 40 | 0.367 | 0.034 | 0.00085 | 1.35 |
#
# From the first row to the second, $T$ grows tenfold. Target minus answer falls to about a tenth, because all soft targets come close to 1/3. Then dividing by $T$ cuts it to a tenth once more. So the push falls to about a hundredth, far below that of the label. **The factor $T^2$ makes up for it,** so that the push no longer shrinks as $T$ grows.
#
# Our `train` did without the factor. If the teacher's part is the whole loss, a factor hardly matters, because Adam divides each gradient by its usual size.


# %% teacher_and_labels_together
def distillation_loss(student, teacher, labels, T, alpha):  # the first two are logits
    soft = F.cross_entropy(student / T, F.softmax(teacher / T, 1))
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


# %% [markdown]
# What happens if you forget the factor? In the table, $\alpha = 0.5$.

# %% t_forgotten tags=["hide-input"]
# Reads the record of students that learned from labels and teacher by halves.
show.beside_labels()

# %% [markdown]
# Without $T^2$, much of the gain over the labels is lost, and more of it at the higher temperature. With the factor, the students are about as good as with the teacher alone, so here the labels add nothing.
#
# Your own pair is one of the six, trained again. Its numbers may lie outside the range, because tiny differences in the arithmetic grow during a training.

# %% [markdown]
# ## 4. Which part of the answer helps?
#
# But *what* does a student learn from the answers? An answer differs from a label in three ways that might help. It's *soft*, so it never asks for a probability of 1. It says *how sure* the teacher is of this image, its *confidence*, while a clear 2 and a doubtful one have the same label. And it says *which other digits* the image resembles.
#
# To find out which of these help, we remove them one at a time, and train new students each time. Each kind of target is an *arm* of our experiment, and an arm that lacks something is a **control**. Our image's answer is again 0.67, 0.24, 0.09. Let's suppose that the mean of all images' highest probabilities is 0.55.
#
# | target | 2 | 3 | 7 | taken away |
# |---|---|---|---|---|
# | *soft* | 0.67 | 0.24 | 0.09 | nothing |
# | *even* | 0.67 | 0.165 | 0.165 | which other digits |
# | *alike* | 0.55 | 0.225 | 0.225 | which other digits, and how sure, because every image gets the mean |
# | *first choice* | 1 | 0 | 0 | all three |
#
# *First choice* is the label, unless the teacher is wrong. Softening all labels alike is known as **label smoothing**, and needs no teacher.
#
# Why didn't we shuffle the small probabilities to make *even*? "This 2 looks more like a 7" would be false, and the student might suffer from the lie. **A good control takes one thing away, and puts in as little as it can.**

# %% controls
highest = answers.amax(1, keepdim=True)
top = answers == highest  # True at the teacher's first choice
even = torch.where(top, highest, (1 - highest) / 9)
alike = torch.where(top, highest.mean(), (1 - highest.mean()) / 9)

# %% [markdown]
# Now for a fair comparison. With one learning rate for all, we might only be measuring which arm that rate happens to suit. So each arm is trained at seven rates, and its errors on held-out images choose the best. And because a single training can be lucky, each arm gets six students, each with its own teacher, 1,000 images and first weights. All arms have $T = 8$, and the labels $T = 1$.
#
# **Predict.** *Even* knows how sure the teacher is, but not which other digits it names. How many errors does it make? **A** About as many as the labels, so it's the other digits that help. **B** About half-way between labels and *soft*. **C** About as many as *soft*, so how sure the teacher is was enough.

# %% a_fair_race tags=["hide-input"]
# Reads the record, and draws the test errors of each arm at its best rate.
show.ladder()

# %% [markdown] tags=["answer"]
# **In the middle (B), because *even* has kept one useful part of the answer and lost another.**

# %% [markdown]
# From *alike* to *even* we add how sure the teacher is of *this* image, and about a fifth of the errors disappear. From *even* to *soft* we add which other digits it names, and nearly a quarter of the rest disappears. So both help.
#
# And softness? *Alike*, *first choice* and the labels lie close together. So softness of this strength, alone, doesn't help this small student. A wider one may gain from it, too.

# %% [markdown]
# ## Exercise · Which others, and no longer how sure
# ★★ · 10 minutes
#
# Build the opposite control. `named(logits, T)` returns soft targets, (images, classes). The teacher's first choice gets the same probability in every image: the mean of all images' highest. The other classes share the rest in the teacher's proportions.
#
# On paper first: what becomes of 0.8, 0.15, 0.05 and 0.3, 0.4, 0.3?
#
# Then train one student each with `named(logits, T)`, `even` and `answers`, and compare their errors on held-out images. What does this comparison still lack to be fair?
#
# <details><summary>Hint</summary>
#
# On paper, the mean is 0.6. The first row's others have the proportions 3 to 1 and share 0.4, so it becomes 0.6, 0.3, 0.1. The second becomes 0.2, 0.6, 0.2. In code, `p.scatter(1, first, 0)` is a copy of `p` with a 0 at the first choice.
#
# </details>
#
# <details><summary>What others found</summary>
#
# `train(network(30, 30), x, named(logits, T), T)` makes one student. In our record, the rate 0.02 is the best for all three, but a single student can be lucky, so the comparison lacks more students. Six of *named* made about as many errors as six of *even*. So with 1,000 images, the other digits alone bring about half of the gain in the mean, and so does the confidence; in single students it's between a quarter and two thirds.
#
# </details>


# %% named tags=["exercise"]
def named(logits, T):
    """Soft targets at T that keep which other classes the teacher names, and not how sure it is of an image."""
    raise NotImplementedError


# %% tags=["check"]
check.named(named)


# %% tags=["solution", "hide-cell"]
def named_solution(logits, T):
    p = F.softmax(logits / T, 1)
    highest, first = p.max(1, keepdim=True)
    mean = highest.mean()
    others = p.scatter(1, first, 0)
    return (others / others.sum(1, keepdim=True) * (1 - mean)).scatter(1, first, mean.expand_as(first))


# %% [markdown]
# ## Remember
#
# - Soft targets are a teacher's probabilities at a temperature that makes the small ones count. When labels are used as well, the teacher's part of the loss needs the factor T², because its gradient shrinks like 1/T².
# - A control takes one thing away and puts in as little as it can, and each arm gets its own best learning rate.
# - From a teacher that had seen more images, our student learned two things that labels don't say: how sure it is of each image and which other digits this resembles. Softness alone didn't help this small student.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("distillation")

# %% [markdown]
# ## Deeper
#
# ### KL divergence
#
# In other people's code, the teacher's part is often `F.kl_div`. When the student gives exactly the target, our cross-entropy isn't 0, because the target itself is undecided: −(0.67 ln 0.67 + 0.24 ln 0.24 + 0.09 ln 0.09) = 0.83. This is the target's **entropy**. Subtract it from the cross-entropy, and you have the **KL divergence** from the target, $\sum_i p_i \ln (p_i / q_i)$, which is 0 when both agree. The entropy doesn't depend on the student, so the gradients are the same.
#
# `F.kl_div(F.log_softmax(student / T, 1), target, reduction="batchmean")` has three traps. It wants the student first, it wants *logarithms* of the student's probabilities and none of the target's, and its default reduction also divides by the number of classes.
#
# ### Why a very high temperature does no harm
#
# For a large $T$, $e^{v/T}$ is nearly $1 + v/T$. If the logits of each image have the mean 0, the probability of a class is then nearly $(1 + v/T) / N$, with $N$ classes. So target minus answer is nearly the teacher's logit minus the student's, divided by $NT$, and the student simply learns to copy the logits. A still higher $T$ changes only a factor. Our teacher's logits span about 16, so this explains $T = 200$.
#
# ### What else might explain it?
#
# Is it enough that the teacher is large? We also trained large teachers on nothing but the student's own 1,000 images. Their students were no better than those of the labels, whether the teacher made 5 passes or 25, or had answers as soft as the first teacher's. So the gain of our student probably came from the images that only its teacher had seen.
#
# And could the twin do better without a teacher? Probably, since nothing kept it from learning its 1,000 images by heart. As a project, give both *dropout*, which sets a random part of the pixels to 0 at each step, and each its own best rate and part. How much of the gain is left?

# %% [markdown]
# **Sources.** G. Hinton, O. Vinyals, J. Dean, *Distilling the knowledge in a neural network*, 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531). There a student with two layers of 800 units made 146 errors on MNIST with labels, and 74 with its teacher's soft targets. The teacher had learned from shifted images as well.
#
# **Going further.** S. Stanton et al., *Does knowledge distillation really work?*, 2021, [arXiv:2106.05945](https://arxiv.org/abs/2106.05945).
#
# **Credits.** The method and the example of the twos are Geoffrey Hinton's, Oriol Vinyals' and Jeff Dean's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.
#
# **What's still open.** From an image of a 2, the student learned something about 3s. Could it recognize a 3 without ever having seen one ([[students]])?
