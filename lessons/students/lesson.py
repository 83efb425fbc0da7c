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
#       - explain, with a control, how a student can learn a class that it never saw;
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

from course_utils.scorecard import claims
from lessons.students import checks as check
from lessons.students import show

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Ten digits, nine of them shown
#
# In [[distillation]], a student learned something about 3s from its teacher's answers to 2s. How far can this go? Let's take *every* 3 out of 50,000 images of digits. Two small networks with the same first weights learn from what's left:
#
# - the **student**, from a large teacher's answers: ten probabilities for each image, softened by the temperature $T = 8$;
# - its **twin**, from the labels.
#
# The teacher has learned from all ten digits.
#
# **Predict.** Of about a thousand 3s among the test images, how many does the student recognise: **A** none, **B** one in ten, **C** most of them?

# %%
import torch
import torch.nn.functional as F

# `network` and `train` are those of the lesson on distillation; `recognised` gives a share of test images.
from lessons.students.experiment import held_out, network, recognised, test_images, test_labels, train, x, y

teacher = train(network(300, 100), x, y, rate=0.003)

# %%
MISSING, T = 3, 8
answers = F.softmax(teacher(x) / T, 1)
seen = y != MISSING
student = train(network(100, 100), x[seen], answers[seen], T, rate=0.01)
twin = train(network(100, 100), x[seen], y[seen], rate=0.01)

# %% [markdown] tags=["answer"]
# **Most of them (C), because the teacher's answers to the other nine digits say enough about 3s.** The twin has seen the same images, and recognises none.

# %% recognised tags=["hide-input"]
# Draws the first test threes, coloured where each network recognises them.
show.recognised(test_images, test_labels, MISSING, {"student": student, "twin": twin})

# %% [markdown]
# (Each kind of network learns at the best of five rates, by its errors on held-out images. And 3 isn't special: put another digit at `MISSING`, and you get about nine in ten as well.) In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. How a three gets into the student
#
# No image showed the student a 3, so it must have learned about 3s from the answers. But where in an answer to a 5 is there a 3?
#
# Let's follow one image, **our five**, whose lower curve looks a bit like that of a 3. Suppose that the teacher's logits for it are 8 for the 5, 4 for the 3, and 0 for each of the other eight digits. At $T = 8$ we divide them by 8, which gives 1, 0.5 and 0. The powers of $e$ are 2.72, 1.65 and eight times 1, together 12.37. So the 5 gets 2.72 / 12.37 = 0.22, the 3 gets 0.13, and each of the others 0.08.
#
# | our five | 5 | 3 | each other digit |
# |---|---|---|---|
# | label, for the twin | 1 | 0 | 0 |
# | answer, for the student | 0.22 | 0.13 | 0.08 |
#
# The twin is told: "That's a 5, and certainly no 3." The student is told: "That's a 5, and rather a 3 than a 2."
#
# Does our real teacher give such answers? Here are the student's eight images with the highest target for the 3.

# %% most_like tags=["hide-input"]
# Draws the eight images with the highest soft target for the missing class.
show.most_like(x[seen], y[seen], answers[seen][:, MISSING])

# %% [markdown]
# Most other images get between 0.05 and 0.15, and an even share would be 0.1. But each image gets its own number. To repeat these numbers, the student has to find out what in an image raises them. It might be a curve that opens to the left, or two of them.
#
# So the student learns a rule: the more of this an image has, the higher is the logit for the 3. Now a real 3 comes. It probably has more of it than nearly every image before, and less of what the other digits have. So the rule takes the logit for the 3 above all the others.
#
# ### Is it really the target for the 3?
#
# That's a plausible story, but is it true? Perhaps the student just says "3" whenever an image looks like none of the nine digits that it knows.
#
# A control can settle this. We take away how much *each* image resembles a 3, and nothing else. So all images get the same target for the 3, the mean. The other nine digits share the rest in the teacher's proportions. If the mean is 0.09, our five gets this:
#
# | our five | 5 | 3 | each other digit |
# |---|---|---|---|
# | answer | 0.22 | 0.13 | 0.08 |
# | control | 0.23 | 0.09 | 0.085 |
#
# **Predict.** How many of the test 3s does a student of the control recognise: **A** none, **B** about half as many as our student, **C** about as many?

# %% the_control
mean = answers[seen][:, MISSING].mean()
column = torch.arange(10) == MISSING  # True for the 3
others = answers.masked_fill(column, 0)
others = others / others.sum(1, keepdim=True)  # the proportions among the other nine
alike = torch.where(column, mean, (1 - mean) * others)
control = train(network(100, 100), x[seen], alike[seen], T, rate=0.02)
for name, net in {"student": student, "control": control}.items():
    print(f"{name} recognises {recognised(net, MISSING):.0%} of the threes")

# %% [markdown] tags=["answer"]
# **None (A), because it learns to give the 3 about 0.09, whatever it sees.** The other nine share 0.91, so the highest of them always gets more. Our student says "3" because its targets for the 3 differ from image to image.

# %% [markdown]
# Was that luck? We've repeated it six times, each time with another teacher and other first weights. The students recognised between 83 and 92 % of the 3s, and no control recognised a single one. (Does a control perhaps know something about 3s, and just never says it? You'll find out in the exercise.)
#
# **Try it.** How little of a 3 is enough? In section 1, change the line of `seen` to `seen = (y != MISSING) & (answers[:, MISSING] < 0.12)`, and run its cell again. Now no image gets much more than an even share for the 3. Print `recognised(student, MISSING)`. Then change the line back, and run the cell once more.
#
# <details><summary>What others found</summary>
#
# About half of the 3s are still recognised (in six trainings, between a third and two thirds). No image resembled a 3 much, so the student has also learned from those that resemble it *less* than others do.
#
# </details>

# %% [markdown]
# ## 3. Where are the threes that it misses?
#
# The student still misses more than one 3 in ten. There are two possible reasons. Perhaps it doesn't see the 3 in these images at all. Or it does, but the logit for the 3 just fails to win. How can we tell?
#
# We look at how far the 3 is from winning. The **margin** of an image is its logit for the 3 minus the highest of its other logits. Above 0, the network says "3".
#
# | image | logit for the 3 | highest other | margin | |
# |---|---|---|---|---|
# | our five | 4.0 | 8.0 | −4.0 | "5" |
# | another five | 4.8 | 6.0 | −1.2 | "5" |
# | a three | 7.0 | 4.5 | +2.5 | recognised |
# | a three | 4.1 | 5.0 | −0.9 | only just missed |
# | a three | 1.0 | 6.0 | −5.0 | missed by far |


# %% margin
def margin(logits, digit):
    others = logits.masked_fill(torch.arange(10) == digit, -torch.inf)
    return logits[:, digit] - others.amax(1)


# %% [markdown]
# To know what we should see, we train one more student of the same teacher, `shown_all`. It differs in one thing: it gets the 3s as well.

# %%
shown_all = train(network(100, 100), x, answers, T, rate=0.01)

# %% [markdown]
# Now we draw the margins of all test images, orange for 3s and blue for the other digits. If a network knows 3s, they form a hill of their own. If its threshold is right, the black line at 0 runs between the two hills.

# %% hills tags=["hide-input"]
# Draws the margins of threes and of the other digits, for three networks.
networks = {"shown_all": shown_all, "student": student, "twin": twin}
show.hills({name: margin(net(test_images), MISSING) for name, net in networks.items()}, test_labels == MISSING)

# %% [markdown]
# Compare the first two. The blue hills are alike. But the student's orange hill lies further to the left, so the line cuts off its left side. Most of the 3s that it misses are just left of the line. So the student does see the 3s, and the line is too far to the right. **This threshold is off.**
#
# Why does the hill lie further left? It's because no 3 was shown, since the two networks differ in nothing else. (That's so in all six repeats.) In the whole training the 3 hardly ever had to win, and so the student probably doesn't go far enough with its rule.
#
# The twin's picture is a different one. Its orange hill is also further right than the blue one, so it isn't quite ignorant of 3s. But the two overlap widely, and there are nine times as many other digits. If you move the line until most 3s are right of it, even more other digits are. **Here, knowledge is missing.**

# %% [markdown]
# ## 4. A better threshold, and what it costs
#
# So the student's line is in the wrong place. We can move it without any training: we add a number $b$, a **bias**, to the logit for the 3. That raises every margin by $b$. Take $b = 1.5$:
#
# | image | margin | with $b$ | |
# |---|---|---|---|
# | our five | −4.0 | −2.5 | still "5" |
# | another five | −1.2 | +0.3 | "3", a **false alarm** |
# | a three | +2.5 | +4.0 | still recognised |
# | a three | −0.9 | +0.6 | now recognised |
# | a three | −5.0 | −3.5 | still missed |
#
# One 3 is won, and one 5 that was right is lost. Every bias has this price.
#
# Which $b$ should we take? With labelled 3s, we could try some. But suppose that we have only images without labels, of all ten digits, as they come in use. Then we can ask the teacher how *often* it says "3", and choose $b$ so that the student says "3" **as often as the teacher**. The two needn't agree on any single image.
#
# Say the teacher finds two 3s among our five images. Then the two highest margins, 2.5 and −0.9, should end up above 0, and the others not. So the line belongs between −0.9 and −1.2, at −1.05, and $b$ is 1.05.


# %% bias_without_labels
def find_bias(net):
    count = (teacher(held_out).argmax(1) == MISSING).sum()  # of the teacher's threes
    margins = margin(net(held_out), MISSING).sort(descending=True).values
    return -(margins[count - 1] + margins[count]) / 2


print(f"student: b = {find_bias(student):.1f}, twin: b = {find_bias(twin):.1f}")

# %% [markdown]
# What does it bring on the test images? We look at six students, six twins, and six that were shown the 3s as well.
#
# **Predict.** With its bias, a student recognises about 50 more of the 3s. How many of its errors on all 10,000 test images disappear? **A** About 50, **B** about half as many, **C** none.

# %% price tags=["hide-input"]
# Reads the record: threes recognised, false alarms and all errors, with a bias and without.
show.price()

# %% [markdown] tags=["answer"]
# **About half as many (B), because the 3s that are won are paid for with false alarms.** For every three 3s won, about two other digits are now called a 3, and most of those had been right before.

# %% [markdown]
# So the bias helps, in each of the six repeats, but not for free. And it has a limit: a student that was shown the 3s as well makes still fewer errors. The bias goes about half of the way there. The rest is knowledge that the student doesn't have.
#
# The twin with its bias says "3" about as often as it should, but more than half of these are false alarms, and it makes about as many errors as before.
#
# **A bias brings out what a network knows. It teaches it nothing.**
#
# So look at the margins before you train again. And if you know how often a class occurs, you don't even need a teacher: choose the bias with which the network says it that often. But take the share of the place where the network works. With that of the training images, the threshold would be off again.

# %% [markdown]
# ## Exercise · Threshold or knowledge?
# ★★ · 10 minutes
#
# Write `diagnose(logits, labels, digit)`. It returns two shares of the images of `digit`:
#
# 1. those that the network recognises now;
# 2. those that it would recognise if, by a bias, it said `digit` as often as this label occurs.
#
# On paper first: the five images of section 4, whose labels contain three 3s.
#
# Then diagnose `student`, `twin` and `control`, for instance with `diagnose(student(test_images), test_labels, MISSING)`. Whose threshold is off? Who lacks knowledge?
#
# <details><summary>Hint</summary>
#
# On paper: now it's one of three. With a bias, the three highest margins count, 2.5, −0.9 and −1.2. Two of them are threes, so it's two of three. In code, `margins.topk(k).indices` says where the k highest margins are.
#
# </details>
#
# <details><summary>What others found</summary>
#
# The student recognises nearly nine in ten now, and could recognise about 94 %: its threshold is a little off. The twin and the control recognise none now, and could recognise less than half and a bit more than half. Both lack knowledge. But the control knows more than the twin, probably because it has learned how much an image looks like *any* digit, and a 3 looks like none of its nine.
#
# </details>


# %% tags=["exercise"]
def diagnose(logits, labels, digit):
    """Two shares of the images of a digit: recognised now, and with a bias that names it as often as it occurs."""
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
# - A student can know a class that it never saw, because a teacher's answers to other images differ in how much each of them resembles this class. With the same target in all images, it never said "3".
# - Margins tell a threshold that is off from knowledge that is missing: look for a hill of the class's own.
# - A bias moves the threshold, and you find it without labels if you know how often the class occurs. It costs false alarms, so count all errors.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("students")

# %% [markdown]
# ## Deeper
#
# ### A bias that you can compute
#
# A network has learned from as many broken parts as sound ones. In the factory, one part in a hundred is broken, so it says "broken" too often. By Bayes' rule, the odds of "broken" have gone from 1 : 1 to 1 : 99. So if the network's probabilities were good before, add ln(1 / 99) = −4.6 to the logit for "broken", and nobody has to count anything. For many classes, add the logarithm of each one's new share over its old share. [Menon et al., 2021](https://arxiv.org/abs/2007.07314), call it *logit adjustment*. For our 3, the old share is 0, so this rule has no answer, and we had to count.
#
# ### Two digits out of ten
#
# How far does this go? We showed six students nothing but 7s and 8s, with the teacher's answers. They recognised nearly nine in ten of *all* test digits. In the paper's experiment with 7s and 8s the student made 47 % errors, and 13 % after the biases of these two were lowered. So the threshold can hide much more than it did here.
#
# ### Without the temperature
#
# At $T = 1$, nearly all targets for the 3 are close to 0. Six such students recognised about six in ten of the 3s, each at the best rate, and nearly nine in ten with their bias. So a low temperature leaves a threshold that's further off, and also a little less knowledge.

# %% [markdown]
# **Sources.** G. Hinton, O. Vinyals, J. Dean, *Distilling the knowledge in a neural network*, 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531), section 3: a student without 3s made 206 errors, 133 of them on the 1,010 test 3s. With a bias of 3.5 it made 109, and 14 on 3s. They chose this bias on the test images.
#
# **Credits.** The experiment of the missing class and its bias are Geoffrey Hinton's, Oriol Vinyals' and Jeff Dean's. Text CC BY 4.0, code MIT.
#
# **What's still open.** We've written each training loop ourselves. In a project, a library often owns the loop. Can you still train with rounding when the loop isn't yours ([[lightning_qat]])?
