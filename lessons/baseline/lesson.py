# ---
# jupyter:
#   course:
#     promise: You will be able to weigh a model in memory and on disk, and to say what a gain is measured against.
#     seconds: 45
#     needs: [measuring]
#     goals:
#       - Say what a peak of memory means, and count by hand what a step of training adds to it.
#       - Count the bytes of a model and of its file.
#       - Say how large a difference in accuracy must be before it counts, between two networks and between two recipes of training.
#       - Name the fair baseline of a comparison.
#     terms: [baseline, buffer, fp32, ledger, paired comparison, parameter, peak memory, sign test, standard error]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *"A quarter of the size, and as good as before." A quarter of what, and how good?*
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
#
# <!-- page -->
#
# A good place for a break is the end of section 3, because sections 1 to 3 are about bytes, and sections 4 to 6 about comparisons.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* "A quarter of the size, as good as before. Which two numbers do you ask for?" Wanted: the
# size of what, in memory or on disk, and the accuracy on how many images. "Today a small network gets its passport:
# its weight, its accuracy, and how far we may trust both. It is the first row of the course's table."

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import math
import os
import tempfile
from statistics import fmean

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear

from course_utils import data, models, runtime, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show.tables import Table, si
from lessons.baseline import checks as check
from lessons.baseline import show

runtime.seed_all(0)
torch.set_num_threads(1)
device = runtime.best_device()
images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")
runtime.describe(device)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 1. One step of training
#
# LeNet-300-100 is a small network for digits. Its weights take about a megabyte. It gets a batch of 128 images and
# takes **one** step of training: the *gradient* says how the error changes with each weight, and the *optimizer*, here
# Adam, changes the weights.
#
# **Predict.** How much *extra* memory does this one step need at its worst moment, compared with the network's own megabyte: **A** half as much, **B** once as much, **C** three times as much, **D** nearly five times as much? (Guess. Section 2 counts.)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "The network takes one megabyte. It learns from 128 images, once. How many megabytes come
# on top?" Show of hands for A to D. Expect B, for the gradients, and C from those who know Adam. Show the number; *peak* in the
# output is the worst moment. Do not explain it yet: "We first need to know what a peak is."

# %% slideshow={"slide_type": "fragment"}
pupil = models.LeNet300100()
pupil_bytes = sum(p.nbytes for p in pupil.parameters())
adam = torch.optim.Adam(pupil.parameters())
step_timer = timing.Timer(device="cpu", memory=True)
with step_timer:
    cross_entropy(pupil(images[:128]), labels[:128]).backward()
    adam.step()
peak = step_timer.peak_bytes / pupil_bytes
print(f"peak / network: {peak:.1f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **At its worst moment the step needed, in addition to the network, nearly five times the network's own memory (D): 4.8 times in the run on this page.**
#
# <!-- page -->
#
# So a computer whose memory is just large enough for the network cannot train it. Where do the bytes come from? There is one gradient for each weight, so all gradients together are as large as the network. Something else must take nearly four times its size. Does it stay in memory, or is it there for a moment only? To see that, we look at the memory while the step runs.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. The level of memory
#
# While code runs, tensors are created and released, and the memory in use rises and falls like the water in a basin.
# The **peak of memory** is the highest level that is reached while the code runs, counted from the level at its start.
#
# **Predict.** Three tensors a, b and c of 4, 12 and 4 MiB (1 MiB is 1,048,576 bytes) are made, one after the other. The line `del b` deletes the second before the third is made. What is the peak: **A** 20 MiB, **B** 16, **C** 12, **D** 8? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw an empty axis on the board, time to the right, memory upwards. Votes for 20, 16, 12, 8; expect
# some for each. Let the room dictate the steps: up 4, up 12, down 12, up 4. "Where is the peak?" Show the drawing. Then: "And without the line that deletes?" Go to the second frame. Transition: "Now the same drawing for our
# step of training."

# %% [markdown] slideshow={"slide_type": "skip"}
# A megabyte (MB) is 1,000,000 bytes, a **mebibyte** (MiB) is 1,024 · 1,024 bytes. A tensor of 1,048,576 float32 numbers takes exactly 4 MiB, because each of these numbers takes 4 bytes.
#
# The course's `timing.Timer` notes every change of the level. In the next cell it watches three lines of code, once with the line that deletes and once without it.

# %% slideshow={"slide_type": "skip"}
MIB = 2**20


def three_tensors(delete):
    with timing.Timer(device="cpu", memory=True) as timer:
        kept = [torch.empty(MIB)]  # float32: 4 bytes each
        b = torch.empty(3 * MIB)
        if delete:
            del b
        kept.append(torch.empty(MIB))
    return [level / MIB for level in timer.levels]


levels = {"with del b": three_tensors(True), "without del b": three_tensors(False)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the levels that the timer saw.
show.levels(levels)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The peak is 16 MiB (B), because a and b are in memory at the same time, and c is made only after b has been released.** Without `del b` it is 20 MiB.
#
# <!-- page -->
#
# The level goes 0, 4, 16, 4, 8. The peak is the highest of these numbers. It is less than the sum of all tensors, 20, because they need not exist at the same time. It is more than what is left at the end, 8, because b was in memory for a while and has been released. The code without `del b` computes the same and needs 4 MiB more: the level goes 0, 4, 16, 20.
#
# A device needs at least as much free memory as the peak, or the program stops with *out of memory*.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What a step of training keeps, by hand
#
# Take a very small network: one linear layer with 2 inputs and 3 outputs. It has 2 · 3 = 6 weights and 3 biases, that is 9 numbers, and in float32 36 bytes. A step of training adds four things to them.
#
# - **Gradients.** The optimizer has to know for each of the 9 numbers in which direction the error falls. That is one number for each: 36 bytes.
# - **The optimizer's averages.** The gradient of a single batch is noisy, so Adam does not follow it directly. For each weight it keeps a running average of the gradients, and one of their *squares*, which says how large they usually are. (*Deeper* works a step by hand.) Both averages must survive until the next step. They are two numbers for each weight: 72 bytes. SGD with momentum keeps one such number (a decaying sum), and plain SGD none.
# - **Activations.** These are the values that the layers compute on the way. Why does training keep them? Suppose that $y = w \cdot x$ with $x = 3$, and that the error grows by 2 for each 1 by which $y$ grows. Then, by the chain rule, the error grows by $2 \cdot 3 = 6$ for each 1 by which $w$ grows. To compute the gradient of a weight, one needs the *input* by which the weight was multiplied. So the forward pass keeps the inputs of each layer until the backward pass has used them. For a batch of 4 inputs our layer makes 4 · 3 = 12 outputs. If another layer follows, these are its inputs: 48 bytes. For a batch of 128 it would be 1,536 bytes. (The batch itself was in memory before, so the step does not add it.) Gradients and averages stay the same when the batch grows; activations grow with it. A network that only answers needs no gradients, so it can release the input of each layer as soon as the layer's output is there.
# - **Temporaries** are results that an operation needs for a moment, and then releases. To compute the step of the 6 weights, Adam on a CPU uses two temporaries of their size, 2 · 24 = 48 bytes.
#
# Weights, gradients and averages together take 36 + 36 + 72 = 144 bytes. If the activations have been released when Adam begins, the peak of our layer, counted above its weights, is 36 + 72 + 48 = 156 bytes.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same drawing for the step of training
#
# Training adds gradients, Adam's two running averages for each weight, *activations* (what the layers compute on the way, and the backward pass needs), and *temporaries* (results that live for a moment).
#
# **Predict.** When the step is over, how much is still in memory beyond the network itself: **A** nothing, **B** once its size, **C** twice, **D** three times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "What is still there when the step ends?" Let the room go through the four kinds, and write on the board how large each is and when it is
# released: gradients, once the network, until `zero_grad`; averages, twice, as long as the training lasts; activations, a fifth here, until the backward pass has used them;
# temporaries, 1.76 here, a moment. Then the drawing: point at the dotted line, and at what rises above it: two temporaries as large as the largest tensor, 0.88 each,
# 3 + 1.76 = 4.76. "What could be done without?" Plain SGD keeps no averages, a smaller batch has fewer activations, Adam with `fused=True` needs no temporaries.
# Transition: "So training is dear in memory. What does the model itself weigh?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws the level during the step of section 1, and where Adam begins.
show.training_step(step_timer, models.LeNet300100(), images[:128], labels[:128])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Three times the network's size is still there (D): once for the gradients, and twice for Adam's averages.** What made up the rest of the peak has been released.
#
# <!-- page -->
#
# The averages must stay, because the next step needs them. The gradients stay until the program releases them with `optimizer.zero_grad()`, in most loops at the beginning of the next step. The activations are gone, because the backward pass has used them: the level comes back to once the network's size before Adam begins.
#
# How large were the activations? The first layer makes 300 numbers, and its ReLU makes 300 more. Are both kept? No. The next layer needs its *input*, and that is what the ReLU gives out. The backward pass of the ReLU only has to know which numbers were above 0, and that can be seen there, too. So 300 are kept; in the same way 100 after the second layer, and 10 for the loss: 410 for one image. For 128 images these are 52,480 numbers, a fifth of the network. They form the low hill on the left, together with the temporaries of the two passes and, towards its end, the gradients.
#
# What is the peak, then? On a CPU, PyTorch's Adam goes through the tensors one after the other, and for each it needs two temporaries of the tensor's own size. The largest tensor, the weight of the first layer, is 0.88 of the network (section 3 counts it). Two of these are 1.76, and 3 + 1.76 = 4.76: the dashed line.
#
# This is the *first* step. Count the second in the same way, in sizes of the network. It finds Adam's averages (2) and the old gradients (1) in memory. If the loop calls `zero_grad()` first, the level falls to 2, and new gradients bring it back to 3. Adam makes its averages no second time, but it needs its temporaries again, and so the peak is 3 + 1.76 = 4.76 once more. If the loop does *not* call `zero_grad()`, the passes begin at 3. What is worse, `backward()` *adds* to the gradients that it finds, so the step would follow the sum of two batches.
#
# Where this stops being true: the factor of three holds for Adam in float32. And the batch was small. With a larger one, or with convolutions, the activations may take many times the weights; *Deeper* counts such a network, and [[training_memory]] takes it up.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What does a model weigh?
#
# A model holds **parameters**: the tensors that an optimizer may change. How many bytes an element takes depends on its **dtype**, the kind of
# number that it is: 4 in float32 (**fp32** for short), 2 in float16, 1 in int8, 8 in int64.
#
# **Predict.** LeNet-300-100 has three linear layers, 784 → 300 → 100 → 10. A layer $n$ → $m$ has $n \cdot m$ weights
# and $m$ biases. How many bytes do its parameters take in fp32?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Give a minute for the sum on paper: 784 times 300, and so on. Ask where nearly all of it
# lies. Show the chart: the first layer. "Remember that one: it is where the bytes are." Transition: "Is that all that a
# model holds?"

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Counts the elements of each parameter, and draws them.
net = models.LeNet300100()
n_parameters = sum(p.numel() for p in net.parameters())
show.elements_of(net)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The parameters take 1,066,440 bytes: 266,610 numbers of 4 bytes each.**
#
# <!-- page -->
#
# Layer by layer: 784 · 300 = 235,200 weights and 300 biases; 300 · 100 = 30,000 and 100; 100 · 10 = 1,000 and 10. Together 266,610, and times 4 that is 1.07 MB, or 1.02 MiB. Nearly nine tenths of the bytes belong to one tensor, the weight of the first layer. If you want to make this network smaller, begin there.
#
# This is what the model weighs at rest, on every machine. A tensor that is used in two places is in memory once. Many language models use one table of, say, 50,000 words · 512 numbers to turn words into vectors and, in the last layer, vectors into words (*weight tying*). In fp32 it takes 102 MB; whoever adds up layer by layer counts 205. `model.parameters()` gives it once.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Buffers
#
# A **buffer** is a tensor that belongs to the model too, but that no optimizer changes. A batch norm, for example, scales each channel
# (one map of its input). It learns two numbers for that, and keeps running statistics.
#
# **Predict.** A convolution and a batch norm have seven tensors together. How many of them does an optimizer never see: **A** none, **B** one, **C** two, **D** three?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* "Seven tensors in two layers. Which of them does the optimizer see?" Show it. Let the room find the two mistakes that one can make with this table.
# Right are 1,032 bytes. Parameters only: 960. Elements times four: 1,028, because the counter has 8 bytes. In a quantized model, where int8 weights often are buffers, the mistakes are nearly everything. Transition: "What we ship is a file."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Lists what a convolution and a batch norm hold.
block = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
learned = dict(block.named_parameters())
Table(
    ["tensor", "is a", "dtype", "bytes"],
    [
        [name, "parameter" if name in learned else "buffer", str(t.dtype).removeprefix("torch."), t.nbytes]
        for name, t in block.state_dict().items()
    ],
    caption="0: the convolution; 1: the batch norm",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **An optimizer never sees three of the seven tensors (D): they are the buffers of the batch norm.** The batch norm needs two of them to answer for a single image, which has no batch.
#
# <!-- page -->
#
# While it trains, a batch norm shifts and scales each channel by the mean and the variance of the current batch. When the trained model has to answer for a single image, there is no batch. So the layer keeps running averages of both, `running_mean` and `running_var`, and uses these. The third buffer, `num_batches_tracked`, counts the batches while training; it is an int64 with 8 bytes.
#
# Add up the table: 864 + 32 for the convolution (8 windows over 3 channels, 3 · 3 weights each, are 216 numbers; and 8 biases), and 4 · 32 + 8 for the batch norm: 1,032 bytes. If you count only the parameters, you get 960; if you count all elements and multiply by 4, you get 1,028. Here the difference is small. In a quantized model it is nearly the whole model: there the weights are int8, often stored as buffers. 1,000 such weights take 1,000 bytes. Elements times 4 would give 4,000, and parameters alone would give 0.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The file
#
# What you ship is a file. Save it, **load it again** and compare, before you quote its size.
#
# **Predict.** How large is the file, compared with the 1,066,440 bytes in memory: **A** smaller, **B** exactly as large, **C** less than a hundredth larger, **D** half as large again?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Show of hands for A to D. Expect most for B. Show it. "Which line of this cell
# would you leave out in a hurry? And which mistake would you then not see?" Wanted: the comparison after loading.
# Transition: "Weighed. Is it any good?"

# %% [markdown] slideshow={"slide_type": "skip"}
# What should go into the file? A **state_dict** is a dictionary that gives, for the name of each parameter and of each saved buffer, the tensor; for our network the names are `fc1.weight`, `fc1.bias` and four more. It holds no code: to use the file, a program makes the network anew and puts the tensors into it. (`weights_only=True` reads tensors and plain values, and refuses other objects; *Deeper* says why.)

# %% slideshow={"slide_type": "fragment"}
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "lenet.pt")
    torch.save(net.state_dict(), path)
    loaded = torch.load(path, weights_only=True)
    file_bytes = os.path.getsize(path)
same = all(torch.equal(loaded[name], t) for name, t in net.state_dict().items())
print(f"the same after loading: {same}; in memory: {4 * n_parameters:,} bytes")
print(f"in the file: {file_bytes:,} bytes, {file_bytes / n_parameters:.3f} a parameter")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file is a little larger than the tensors, by less than a hundredth (C).** It holds the bytes of the tensors, and in addition a description of what these bytes are.
#
# <!-- page -->
#
# The file is a ZIP archive. Its first entry lists the name, the dtype and the shape of each tensor. Some tiny entries follow, and one for each of the six tensors, with nothing in it but the bytes of its numbers. At the end stands a list of contents. Everything in the file that is not a number of a tensor we call its *frame*. Here the frame takes 2 to 3 kB, about a four-hundredth of the file. Nothing is compressed: a tensor full of zeros takes as many bytes as any other ([[zero_worth]] comes back to that).
#
# A file can also be much larger than the model, for two reasons. It may hold more than the model: a training that is to go on later needs Adam's two averages as well, and so about three times the bytes. Or a tensor in it is a *slice* of a larger one, and then the whole larger tensor is written. *Deeper* shows both.
#
# A file that does not give the model back has no size worth quoting: if you forget the buffers, or save half of the layers, you get a small file, too. To load the file shows that something is missing; the comparison after it shows also whether a number has changed.
#
# Where this stops being true: in a small model the frame is most of the file (*Deeper* weighs one).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. How good is it?
#
# A **baseline** is what a gain is measured against. The first one of this course: LeNet-300-100 in fp32, trained on the
# digits of MNIST.
#
# **Predict.** The three linear layers get the 784 pixels as one long list. Nothing tells them which pixels are neighbours. How many of 100 unseen digits
# will they classify correctly: **A** 80, **B** 90, **C** 98?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Cover the labels and show the digits. "Could you read them all?" Then: "The network does not know that two
# pixels are neighbours. How many of a hundred does it get?" Hands for 80, 90, 98. Then
# show the printed line. Transition: "The number has two decimals. Do we believe them?"

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws some of the training images.
show.digits(images, labels, len(test_images))

# %% [markdown] slideshow={"slide_type": "skip"}
# We train in three passes over the 60,000 training images with a learning rate of 0.002, and in one more with a tenth of it. The **seed** is the number from which the computer makes its random numbers. It decides from which weights the network starts, and in which order the images come. The test images take no part in the training itself. (But the rates are those of the better of two settings, by the test images. *Deeper* says what is wrong with that.)


# %% slideshow={"slide_type": "skip"}
def trained(seed):
    runtime.seed_all(seed)
    model = models.LeNet300100()
    for epochs, lr in ((3, 2e-3), (1, 2e-4)):
        training.fit(model, images, labels, epochs=epochs, batch_size=128, lr=lr, seed=seed, device=device)
    return model


baseline = trained(0)

# %% slideshow={"slide_type": "fragment"}
accuracy = training.evaluate(baseline, test_images, test_labels)
print(f"{accuracy:.2%} of the test images are classified correctly")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Of 100 unseen digits the network classifies about 98 correctly (C).**
#
# <!-- page -->
#
# It need not know which pixels are neighbours, probably because all digits of MNIST lie in the middle of the image and have about the same size. Then a pixel means nearly the same in every image, and 60,000 examples are enough to learn what it means. (We did not test this reason: one would have to move the digits about and train again.)
#
# Han, Mao and Dally report 98.36 % for a network with these layers (see *Going further*). The next question is how many of these four digits we may believe.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Another network, other images
#
# Our network got 98.2 % of 10,000 test images; a tenth of a percentage point (a *point*, in scorecards *pp*) is ten of them. With other images it would get a few more or fewer, by luck alone. Let $p$ be the share of $n$ test images that are classified correctly. Its **standard error**, $\sqrt{p\,(1-p)/n}$, says how far $p$ typically lies from the share that one would find with very many images. A lead below two standard errors may be luck.
#
# **Predict.** A second network is tested on *another* sample of 10,000 images. From which lead on may we believe that it is better: **A** 1 image, **B** 10 images, **C** about 40, **D** about 200? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw a line with 98.20 in the middle, one standard error to each side, 98.07 and 98.33, and two, 97.93 and 98.47. With 90 % of 100 images it is 3 points.
# Two networks on different images: both errors count, and now and then they cancel, so the error of the difference is not twice but √2 times as large.
# Vote for A to D; expect many for B. Show the numbers. Transition: "And if both networks saw the same ten thousand images?"

# %% [markdown] slideshow={"slide_type": "skip"}
# **How much does luck do?** The formula takes each image as an independent trial, like the toss of a coin that shows heads with the probability $p$. Try it with small numbers. With $p = 0.9$ and $n = 100$ it is $\sqrt{0.9 \cdot 0.1 / 100} = \sqrt{0.0009} = 0.03$: three points. So 100 images cannot tell a network with 90 % from one with 92 %. The formula, which *Deeper* derives, also tells you what you gain from more images: with a hundred times as many, the standard error is a tenth as large.
#
# If two networks were tested on *different* images, both errors enter the **difference** of their accuracies. Two equal errors make one that is $\sqrt 2$ times as large, and not twice as large, because now and then they cancel.
#
# About two thirds of all samples lie within one standard error of the truth, and 95 of 100 within two; hence the rule of the two standard errors.

# %% slideshow={"slide_type": "fragment"}
error = (accuracy * (1 - accuracy) / len(test_images)) ** 0.5
print(f"standard error of one network: {100 * error:.2f} points")
print(f"of a difference of two:        {2**0.5 * 100 * error:.2f} points")
print(f"twice that:                    {2 * 2**0.5 * 100 * error:.2f} points")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **We may believe a lead of about 0.4 points, some 40 images (C), because that is two standard errors of the difference.** Ten images, 0.1 points, are less than one such error.
#
# <!-- page -->
#
# By hand: $p = 0.98$ and $n = 10{,}000$ give $\sqrt{0.98 \cdot 0.02 / 10{,}000} = 0.0014$, that is 0.14 points or 14 images. For the difference it is $1.4 \cdot 0.14 = 0.2$ points, and two of these are 0.4 points. With a lead of 0.1 points, it could well be the other way round on other images. That does not show that the two are equal, either. It shows that this test cannot see the difference, if there is one.
#
# Which digits of our accuracy count, then? Two standard errors on either side of 98.20 % reach from about 97.9 to 98.5 %. The 98 is nearly safe; the first digit after the decimal point could be anything from 0 to 5; and the second digit after it means nothing. So this test cannot tell our accuracy and the 98.36 % of the paper apart, although ours names 16 images fewer correctly.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Two networks, the same images
#
# In a **paired comparison** both networks get the *same* images. Images that both classify correctly, or both wrongly, say nothing about which is better. Only those on which they *disagree* do.
#
# Three opponents meet the baseline: a *sibling*, trained in the same way from other random initial weights, and two copies of the baseline, whose numbers are rounded to 255 evenly spaced values (8 bits) or to 7 (3 bits).
#
# **Predict.** On how many of the 10,000 images is one of the two right and the other one wrong, if the opponent is the copy with 8 bits: **A** fewer than 50, **B** about 200, **C** about 1,000?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* "The same network with rounded weights: on how many of ten thousand images does the verdict
# change?" Hands for A to C; expect B. Read the row of the sibling aloud: the images that it won from the baseline, those that it lost, the difference. Transition: "Which of these three rows is more than luck?"

# %% [markdown] slideshow={"slide_type": "skip"}
# Why does it help to use the same images? Some images are hard and some are easy. If one network happens to get a sample with more hard images, it looks worse than it is. With the same images for both, this part of the luck affects both networks alike, and drops out of the comparison.
#
# **By hand.** Two networks see the same ten images. The first fails on the images 7, 8 and 9, and the second on 9 and 10. They disagree on three images: the second *won* the images 7 and 8 from the first, and *lost* image 10 to it. Its lead is 2 − 1 = 1 image. Image 9, which is hard for both, and the six easy ones say nothing about which is better.
#
# For the copies we round the numbers of each tensor to evenly spaced values, from minus the largest magnitude in the tensor to plus that magnitude. If the largest magnitude is 0.6, the 7 values of 3 bits are −0.6, −0.4, −0.2, 0, 0.2, 0.4 and 0.6, and 0.27 becomes 0.2. With the 255 values of 8 bits it becomes 0.269.


# %% slideshow={"slide_type": "skip"}
def rounded(model, bits):
    rough = copy.deepcopy(model)
    with torch.no_grad():
        for p in rough.parameters():
            step = p.abs().max() / (2 ** (bits - 1) - 1)
            p.copy_((p / step).round() * step)
    return rough


@torch.no_grad()
def is_right(model):
    return model.eval()(test_images.to(device)).argmax(1).cpu() == test_labels


# %% slideshow={"slide_type": "skip"}
sibling = trained(1)

# %% slideshow={"slide_type": "skip"}
opponents = {"sibling": sibling, "8 bits": rounded(baseline, 8), "3 bits": rounded(baseline, 3)}
base, duels = is_right(baseline), {}
for name, other in opponents.items():
    right = is_right(other)
    duels[name] = (int((right & ~base).sum()), int((base & ~right).sum()))  # images won, images lost

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Lists the images that each opponent won from the baseline, and those that it lost.
Table(
    ["opponent", "won", "lost", "difference, points"],
    [[name, won, lost, f"{100 * (won - lost) / len(base):+.2f}"] for name, (won, lost) in duels.items()],
    caption="Of 10,000 images. Won: only the opponent is right; lost: only the baseline is right",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The copy with 8 bits and the baseline disagree on fewer than 50 of the 10,000 images (A): in runs for this lesson, won and lost together were 2 to 8.**
#
# <!-- page -->
#
# The copy with 8 bits is nearly the same network. The sibling has nearly the same accuracy as the baseline, and yet it disagrees on many more images, about a hundred in the run on this page. It started from other weights and saw the images in another order. The baseline has 98.20 % of 10,000 right, so it failed on 180 images. The sibling won 50 of these, so both failed on the other 130, and the sibling alone failed on the 54 that it lost. So 130 of the sibling's 184 errors are errors of both. The copy with 3 bits lost many images and won few.
#
# So the same accuracy can hide two networks that are nearly the same, or two that differ in more than a quarter of their failures. A lead of ten images means much in the first case and little in the second, as the next test shows.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which lead is more than luck?
#
# If two networks are equally good, each disagreement is like a fair coin. A *trial* tosses one coin for each disagreement. The **sign test** asks in what share of the trials the coins fall at least as one-sidedly as the disagreements that we saw. This share is the **p-value**.
#
# **Predict.** Won and lost are 10 : 0, 14 : 4, or 4 : 4. For which of these are fewer than 5 of 100 trials at least as one-sided: **A** the first, **B** the first and the second, **C** all three?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* Toss a real coin five times, and ask the room how surprised it is. Do 4 : 1 on the board: five coins fall in 32 ways; all heads is 1 way, four heads are 5,
# together 6; the same for tails: 12 of 32, 38 %. Then hands for A to C, and the three numbers. Come back to the vote about other images: ten images were luck there, and here
# 10 : 0 and 14 : 4 are also leads of ten images.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** Two networks disagree on 5 images, and one of them wins 4 : 1. How often do five fair coins fall at least as one-sidedly? [[measuring]] counted it: in 12 of 32 equally likely cases, 38 %, if four *tails* or more count as well, since we would have been as impressed by 1 : 4. Nobody should be impressed by 4 : 1.
#
# The 38 % are the p-value of 4 : 1. If a p-value is below 0.05, many fields say that the difference is *significant*: luck is then a bad explanation. In [[measuring]] the coins were the rounds of a race, here they are the images on which two networks disagree. Used in this way the sign test is also called the *exact McNemar test*. The p-value is not the probability that the two networks are equally good: it is worked out as if they were. Nor does it say how large the difference is.
#
# In the next cell, `math.comb(n, k)` is the number of ways in which $k$ of $n$ coins show heads.


# %% slideshow={"slide_type": "skip"}
def sign_test(won, lost):
    n, most = won + lost, max(won, lost)
    ways = sum(math.comb(n, heads) for heads in range(most, n + 1))
    return min(1.0, 2 * ways / 2**n)


# %% slideshow={"slide_type": "fragment"} tags=["nbval-check-output"]
for won, lost in ((10, 0), (14, 4), (4, 4), (4, 1)):
    print(f"{won} : {lost}  p = {sign_test(won, lost):.3f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Fair coins give results at least as one-sided as 10 : 0 and 14 : 4 in fewer than 5 of 100 trials (B): in 0.2 and in 3.1 of 100. The result 4 : 4 says nothing.**
#
# <!-- page -->
#
# All 10 coins fall on one side in 2 of 1,024 trials, so $p = 0.002$. With 14 : 4 the share is 0.031. With 4 : 4 every trial is at least as one-sided, so $p = 1$.
#
# Both 10 : 0 and 14 : 4 are leads of ten images, which is 0.1 points of 10,000. If the two networks were tested on different images, such a lead is less than one standard error. If both were tested on the same images, it is significant when they disagree on 10 or 18 images, but not when they disagree on a hundred: 55 : 45 has $p = 0.37$. *The fewer images two networks disagree on, the smaller is the lead that counts.*
#
# How large must the lead be? With $m$ fair coins, the heads typically lead or trail the tails by about $\sqrt m$. (*Deeper* says why the root.) As with the standard error, a lead counts from about twice that on. With 100 disagreements that is 20 images or 0.2 points (60 : 40 has $p = 0.057$, 61 : 39 has 0.035). With fewer than about twenty disagreements this rule is too rough: work out $p$. (Nor is every lead that counts a large one. With 10,000 disagreements on a million images, 200 images count, and that is 0.02 points. So report the lead beside its $p$.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where do the three opponents stand?
#
# If an opponent and the baseline were equally good, the number of disagreements that the opponent wins would be like the number of heads of as many fair coins.
#
# **Predict.** Which opponents differ from the baseline by more than luck, with p below 0.05: **A** none, **B** the copy with 3 bits, **C** both copies, **D** all three?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Write won : lost on the board, from the table of two slides ago: 50 : 54, 1 : 1, 51 : 457. Hands for A to D. "Where is the dashed line, among the bars or outside?" Let the room read one panel after the other: in the first most trials are orange (p = 0.77), in the second all of them (p = 1),
# in the third none that one can see. Then: "Twelve images more for the sibling, or for the copy with 8 bits: which would be a finding?" The sibling would have 62 : 54, p = 0.52, luck; the copy 13 : 1, p = 0.002, a finding.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws how fair coins would fall, beside what each opponent won.
show.coins(duels, sign_test)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only the copy with 3 bits differs from the baseline by more than luck (B): it is worse.**
#
# <!-- page -->
#
# In the run on this page the dashed lines of the sibling and of the copy with 8 bits stand where coins often fall, because the sibling won about as many images as it lost, and the copy exactly as many. The copy with 3 bits stands far outside. (On your machine a few images may differ.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### "As good as before"
#
# How, then, can one say that a network is as good as before? A large p-value does not say so. Say instead how much worse the network could still be. Suppose that a network won 51 images and lost 50. That is a lead of 1 image, and two standard errors are $2 \cdot \sqrt{101}$, about 20 images. So the true difference lies, as far as these images can tell, between 19 images worse and 21 better: the network is at most about 0.2 points worse. A reader can use such a claim.
#
# And a copy that won 2 images and lost 1? With so few disagreements the root is no guide, so look at the losses alone. If the copy lost 2 of 10,000 images on average, a sample with one loss or none would be common (41 of 100). With 4 it would be rare (9 of 100), and with 6 very rare: 2 of 100 (*Deeper* does the sum). So, as far as these images can tell, it loses fewer than 6, and is at most 0.06 points worse. With fewer disagreements the claim becomes stronger. (And if you test many copies? Of twenty that are all as good as the baseline, up to one on average gets a p below 0.05. So ask for 0.05 divided by their number.)
#
# ### Two networks, or two methods?
#
# A p-value of images speaks about *two files*: on other images of this kind, this network would probably be better again. It does not say that the **recipe** by which the first network was made (optimizer, learning rate, number of passes and so on) is the better one. Train both again from another seed and the order may change. If you claim that a *recipe* is better, you must therefore repeat the training with several seeds. Each seed then takes the place of one coin.
#
# Here, too, compare pairs. Suppose that three seeds give
#
# | seed | old recipe | new recipe | difference |
# |---|---|---|---|
# | 0 | 91.0 | 91.4 | +0.4 |
# | 1 | 93.0 | 93.5 | +0.5 |
# | 2 | 92.0 | 92.3 | +0.3 |
#
# Look at the columns: 91 to 93 against 91.4 to 93.5, which could be the same. Look at the rows: each seed gains about 0.4. The same seed gives both recipes the same initial weights and the same order of images. So if a seed is lucky, it is lucky for both, and this luck drops out of the difference. In this made-up table nearly all of the scatter from seed to seed is of this kind. In real trainings it may be little or nothing (*Deeper* has numbers), so use enough seeds. Three coins are too few: three heads have $p = 0.25$. With ten seeds, 9 : 1 has $p = 0.021$, and 8 : 2 has $p = 0.11$. Exercise 1 runs such an experiment.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. Faster than what?
#
# Three ways to run the *same* fp32 network on one digit: (1) as it is after training, with PyTorch recording what it needs for gradients; (2) without
# recording; (3) without recording, and with plain functions in place of the layer objects. Nothing is rounded and no weight is removed.
#
# **Predict.** How many times as fast as the first is the third: **A** as fast, **B** 1.05 times, **C** 1.2 times, **D** more than 1.3 times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* "The same weights, the same arithmetic. Can one way be faster than another?" Hands for A to D. Show it. The third way has less bookkeeping around the same arithmetic: nothing is recorded for gradients, and no layer objects are called; with 1,000 digits at once the three are alike.
# "Somebody's new technique is 1.3 times as fast as the first bar. What do you say?" That it is slower than the third bar, where nothing was invented. Ask for more ways to make a baseline look bad: a debug build, another batch, fewer threads, a slow library, a badly chosen learning rate.

# %% slideshow={"slide_type": "skip"}
one_digit = test_images[:1].to(device)
layers = [(layer.weight.detach(), layer.bias.detach()) for layer in (baseline.fc1, baseline.fc2, baseline.fc3)]


@torch.inference_mode()
def bare():
    x = one_digit.flatten(1)
    for weight, bias in layers[:-1]:
        x = linear(x, weight, bias).relu_()
    return linear(x, *layers[-1])


@torch.inference_mode()
def not_recording():
    return baseline(one_digit)


# %% slideshow={"slide_type": "skip"}
ways = {"records gradients": lambda: baseline(one_digit), "does not record": not_recording, "plain functions": bare}
print("the same answers:", all(torch.allclose(bare(), way()) for way in ways.values()))
raced = timing.compare(ways, rounds=11, device=device)
raced

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the three speeds.
show.speed_of(raced)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The third way is more than 1.3 times as fast as the first (D), before any technique: the arithmetic is the same, and so is the answer.** A baseline is **fair** when it is the best that can be done *without* the technique. Of these three it is the third bar.
#
# <!-- page -->
#
# In runs for this lesson it was 1.4 to 1.9 times as fast. What differs is what PyTorch does *around* the arithmetic. The first way notes for each operation how its gradient would be computed. The second way does not. The third also skips the bookkeeping of the layer objects (the modules), and writes the results of the ReLU over its inputs in place of making new tensors. A network this small, with one digit at a time, spends much of its time on such things. (Nor is the third way the fastest, because in a trial the same arithmetic in NumPy took about half of its time. So a "best" baseline is the best that somebody has looked for. Say which ways you tried.) In the run on this page the second way is 1.21 times as fast as the first (quartiles 1.08 and 1.34); in another run no gain was shown. With 1,000 digits at once the three ways were within five per cent of each other in a trial, because there the arithmetic takes nearly all the time.
#
# Suppose that the first way takes 0.070 ms and the third 0.046 ms, and that a new technique, which happens to remove this overhead as well, needs 0.040 ms. Its author compares it with the first bar and reports 0.070 / 0.040 = 1.75 times as fast. Compared with the third way, the technique is 0.046 / 0.040 = 1.15 times as fast. Only this factor of 1.15 is due to the technique; the rest could be had without it.
#
# The fair baseline must be the best *under the same conditions*: for a time the same device, threads and batch. A slow baseline flatters every technique. In the same way a baseline that was trained for fewer passes, or with a badly chosen learning rate, flatters every new method of training. When you read "5 times faster", ask: faster than *what*?
#
# A size has a fair baseline, too. "A quarter of the size, and as good as before": a quarter of *what*? Compared with float32, int8 takes a quarter of the bytes. But float16 takes half, and in a trial a float16 copy of our network was right exactly when the original was, for every one of the 10,000 images. Compared with *that* copy, int8 saves one half. And if a technique removes three quarters of the weights, ask how good a network is that was made small from the start. In a trial, one with less than a quarter of our parameters got within a few tenths of a point of ours (*Deeper* has the numbers). So suppose that a technique removes three quarters of our weights, and the accuracy stays the same. Compared with the small network, what remains is a few tenths of a point better, and that is the technique's gain.
#
# The course's table of results, the **ledger**, compares each model with the same model in *eager* fp32, which is how PyTorch usually runs it. That is not the best baseline for speed; *Deeper* says why we use it.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · A better recipe?
# ★★ · 10 minutes · an investigation
#
# Somebody has a new recipe of training. Is it better than the old one? You get an instrument, `accuracy(recipe, seed=n, epochs=e)`: it trains a network by `"old"` or `"new"` from
# the seed `n`, with `e` passes over the images (1 to 100), and returns the accuracy in %. Without `epochs` each recipe trains for as long as its author
# chose to.
#
# Take the differences, new minus old, seed by seed, for at least ten seeds. Both recipes are judged by the same rule: `better_recipe(accuracy)` returns `"new"` or `"old"` if
#
# 1. the mean of all differences is in favour of this recipe by 0.3 points or more, and
# 2. the seeds are in its favour, too: a sign test over all of them, which counts both sides as in section 5, has p < 0.05 (with ten seeds: at least nine are for it).
#
# Otherwise it returns `"no difference"`. There are no ties: no seed gives both the same accuracy.
#
# <!-- page -->
#
# <details><summary>Hint</summary>
# Collect new minus old, seed by seed. The mean says how large the difference is, the number of seeds in which it is above 0 says how sure. What else may differ
# between two recipes than the recipe?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several pairs of recipes. It looks at how you make your experiment (the same seeds and the same passes for both, ten seeds or more), and then at what you conclude. Decide on the number of seeds before you look: somebody who adds seeds until the test agrees gives luck many chances. The made-up trainings take no time, so use as many as you like (up to 2,000 are allowed for each experiment). `"no difference"` means that the experiment has shown no difference large enough to matter; it does not mean that both are equal.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop; alone it takes 10. "Your colleague has trained the new recipe with five seeds, and shows you the best. What do you ask for?" Collect: the same seeds, the same passes,
# the mean, the number of seeds that agree, and the old recipe at its best. Write the list on the board; the next slide needs its last item.


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def better_recipe(accuracy):
    """Say which recipe is better: "new", "old" or "no difference".

    Args:
        accuracy: the instrument; `accuracy("new", seed=3, epochs=5)` trains
            from seed 3 for 5 passes and gives the test accuracy in %.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.better_recipe(better_recipe)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def better_recipe_solution(accuracy):
    gains = [accuracy("new", seed=n, epochs=10) - accuracy("old", seed=n, epochs=10) for n in range(10)]
    wins = sum(gain > 0 for gain in gains)
    if fmean(gains) >= 0.3 and wins >= 9:
        return "new"
    if fmean(gains) <= -0.3 and wins <= 1:
        return "old"
    return "no difference"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The same experiment on real networks
#
# The recipe *constant* keeps the learning rate throughout. The recipe *falling* keeps it for three quarters of the steps, and uses a tenth of it for the rest. We train a small network with both, in four passes over 6,000 digits, with ten seeds and two rates, 0.002 and 0.016.
#
# **Predict.** With which rate does the rule of exercise 1 say that *falling* is better: **A** both, **B** only 0.002, **C** only 0.016, **D** neither?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Hands for A to D. Read one panel together: a line is a seed. Then ask: "Somebody compares the *left* dots of the first panel with the *right* dots of the
# second. What would they report?" With the numbers of our run: from 91.2 to 93.8, 2.6 points. Let the room find out how much of that is the learning rate: *constant* at 0.016 has 92.9, so 1.7 of the 2.6 points come from the rate alone.

# %% [markdown] slideshow={"slide_type": "skip"}
# Nothing but the learning rate in the last quarter differs between the two recipes: for one seed they have the same initial weights, the same images in the same order, the same number of steps, and up to three quarters of the way they are the same training. Why should the rate fall? A large rate covers the distance quickly, but in the end the weights keep jumping around the place to which they should go; smaller steps let them settle.


# %% slideshow={"slide_type": "skip"}
def trained_accuracy(recipe, rate, seed):
    runtime.seed_all(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    falling = (lambda done: 1.0 if done < 0.75 else 0.1) if recipe == "falling" else None
    few = {"epochs": 4, "batch_size": 128, "lr": rate, "schedule": falling, "seed": seed}
    training.fit(net, images[:6000], labels[:6000], device="cpu", progress=seed == 0, **few)
    return 100 * training.evaluate(net, test_images, test_labels)


# %% slideshow={"slide_type": "skip"}
results = {
    (recipe, 0.002): [trained_accuracy(recipe, 0.002, seed) for seed in range(10)] for recipe in ("constant", "falling")
}

# %% slideshow={"slide_type": "skip"}
results |= {
    (recipe, 0.016): [trained_accuracy(recipe, 0.016, seed) for seed in range(10)] for recipe in ("constant", "falling")
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws both recipes, seed by seed.
show.seeds(results)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Works out the mean difference within the seeds, and the sign test over the seeds.
gains = {
    rate: [new - old for old, new in zip(results["constant", rate], results["falling", rate], strict=True)]
    for rate in (0.002, 0.016)
}
signs = {rate: (sum(gain > 0 for gain in own), sum(gain < 0 for gain in own)) for rate, own in gains.items()}
Table(
    ["rate", "constant, %", "falling, %", "difference, points", "better : worse", "p"],
    [
        [
            f"{rate:g}",
            *(f"{fmean(results[recipe, rate]):.2f}" for recipe in ("constant", "falling")),
            f"{fmean(own):+.2f}",
            "{} : {}".format(*signs[rate]),
            f"{sign_test(*signs[rate]):.3f}",
        ]
        for rate, own in gains.items()
    ],
    caption="Means of ten seeds; differences within the seeds",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The rule says so only for the rate 0.016 (C): there the falling rate gains 0.9 points in the run on this page, in every seed.** At 0.002 it gains nothing.
#
# <!-- page -->
#
# At 0.002 the network is probably still on its way after four passes, and smaller steps take it less far (*Deeper* has a trial, and thirty more seeds).
#
# **Now the trap.** Compare *constant at 0.002* with *falling at 0.016*, as an author does who takes the old recipe "with its usual rate" and tunes the new one. On average the difference is more than two points, all seeds agree, and no statistical test would object. But in the run on this page about two thirds of it come from the rate alone: the old recipe gains them too, as soon as somebody gives it the rate 0.016. So ask whether *each* side is at its best. With both at the better of these two rates, the falling one is ahead by 0.9 points in the run on this page. That is what the recipe is worth here, for one small network and four short passes.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### How does the timer know the level of memory?
#
# - On a **CPU** it adds up what PyTorch's profiler reports, each allocation and each release. That slows the code down, so take the
#   seconds from a second run without `memory=True`. If a tensor existed before the measurement
#   began, the timer does not notice its release, unless an earlier measurement saw the tensor being made.
#   The system gives a program real memory only when the program first writes to it. `torch.empty` does not write; a step of training does.
# - On **CUDA** PyTorch's allocator keeps count of the peak. (This lesson measures memory on the CPU, where each change can be seen.)
# - **Not in it** are Python's own objects, the code of libraries, and on CUDA memory that the allocator keeps in reserve.
#   The system's monitor shows more.
#
# ### Adam's first step, by hand
#
# A weight has the gradient 6. Both averages start at 0. In the first average the new gradient gets the weight 0.1, which gives 0.1 · 6 = 0.6; in the second its square gets the weight 0.001, which gives 0.001 · 36 = 0.036. Averages that start at 0 are too small at first. Adam corrects this: in the first step it divides the first average by 0.1 and the second by 0.001. That gives 6 and 36, and the step is the learning rate times $6 / \sqrt{36} = 1$. With the gradient 0.06 it would be $0.06 / \sqrt{0.0036}$, again 1. (A tiny number is added to the root, so that nothing is divided by 0.)
#
# ### Other ways of computing Adam's step
#
# The 1.76 temporaries belong to the loop over the tensors, one after the other. With `foreach=True`, which PyTorch prefers on a GPU, Adam works on all tensors at the same time; in a trial with our network on a CPU the peak was then 4.00 times the network. With `fused=True`, which does all in one operation and needs no temporaries, it was 3.00. The weights come out nearly the same, up to rounding.
#
# ### When the activations are large
#
# Our LeNet is another network for digits. Its model is LeNet-5, which LeCun et al. (1998) describe in the same paper as LeNet-300-100. It has *convolutions*, here of 3 × 3 weights. A convolution uses the same few weights at every place of the image. So it has few weights and gives out many numbers. Count its first layer: 6 small windows of 3 × 3 weights with a bias each, 60 numbers in all. Each window gives out a map of 26 × 26 numbers, so there are 6 · 676 = 4,056 numbers for one image, and 519,168 for a batch of 128. In float32 that is 2.1 MB, while all of LeNet takes 0.24 MB: the outputs of the first layer alone are more than eight times the network.

# %% slideshow={"slide_type": "skip"}
few_weights = models.LeNet().to("cpu")
with timing.Timer(device="cpu", memory=True) as activations:
    cross_entropy(few_weights(images[:128]), labels[:128]).backward()
times_the_network = activations.peak_bytes / sum(p.nbytes for p in few_weights.parameters())
print(f"LeNet, the same batch, forward and backward alone: a peak of {times_the_network:.0f} times the network")

# %% [markdown] slideshow={"slide_type": "skip"}
# So "about five times the weights", as in section 1, is not a general rule. For LeNet-300-100 with 128 images Adam determines the peak; for LeNet the activations and the temporaries of the convolutions do.
#
# Why is the peak so high, when the first layer's outputs are only eight times the network? After each of the two convolutions, three tensors are kept for the backward pass: what the ReLU gives out, what pooling gives out, and, as an int64 for each of the pooled numbers, the place from which it came. In the backward pass the gradients come on top. In a trial without oneDNN, the library with which PyTorch computes convolutions on our CPUs, all of this together reached a peak of 28 times the network. With oneDNN the highest moment is another one, in the backward pass of the first convolution. By then nearly everything has been released, but the library makes temporaries of 23 to 25 times the network, probably because it pads the 6 maps to 8 or 16, which suits the vector instructions of the processor. So this peak depends on the machine: with AVX2 instructions it was 35 in our trials, with AVX-512 it was 33.
#
# With LeNet-300-100, too, the activations take over in the end. In a trial the forward and the backward pass alone needed 1.8 times the network with 512 images, and 3.6 times with 1,024. From the second step on, Adam's averages, twice the network, are in memory as well during these passes: that makes 3.8 and 5.6. Adam's own peak is 4.8. So with 512 images Adam decides, and with 1,024 the activations do. Which of the two decides tells you what to change when memory runs out: the batch or the optimizer. [[training_memory]] takes this up.
#
# ### A small network from the start
#
# In a trial with three seeds, a network 784 → 77 → 50 → 10 with 64,855 parameters, less than a quarter of ours, got 97.7 to 98.0 % with a longer form of the recipe of section 4 (five passes, and two more). Our network got 98.3 to 98.5 % with it, over five seeds. But is the small one at its best with the recipe of the large one? With twice the passes at twice the rate it got 97.9 to 98.2 %, and the large one 98.3 to 98.4 %. So the difference is three to five tenths of a point, by the recipe; other shapes and recipes were not tried.
#
# ### Why not save the model itself?
#
# A state_dict can still be read when the code around the network has changed. `torch.save(net)` would save the Python object itself. Such a file holds the path of its class, and can be loaded only where that class is found at the same place. To load it can also run code that somebody has hidden in it. `weights_only=True` reads tensors and plain values (numbers, strings, lists, dictionaries and the like), and refuses other objects, unless somebody has allowed their class.
#
# A file from which a training can *go on* must hold Adam's two averages as well: for our network 3.21 MB in a trial, three times as much. So before you compare two files, see that both hold the same kind of thing.
#
# And how small can a file be? The layer with 2 inputs and 3 outputs has 36 bytes of numbers. `size_report` saves a model, loads it again and compares, and it also times the loading (of a file that the system has just written and probably still holds in memory).

# %% slideshow={"slide_type": "skip"}
size_report(nn.Linear(2, 3))

# %% [markdown] slideshow={"slide_type": "skip"}
# Nearly all of this file is frame. So do not judge a way of saving by a toy model.
#
# ### Why can the file of a part be as large as the whole?
#
# We save one row of the first layer's weight, 784 of its 235,200 numbers, which should take about 3 kB.
#
# **Predict.** The slice `weight[:1]` is saved, and then a copy of it, `weight[:1].clone()`. How large are the two files: **A** both about 5 kB, **B** both nearly a megabyte, **C** the first nearly a megabyte and the second about 5 kB? And why?

# %% slideshow={"slide_type": "skip"}
weight = net.fc1.weight.detach()
with tempfile.TemporaryDirectory() as folder:
    for name, tensor in {"slice": weight[:1], "copy": weight[:1].clone()}.items():
        path = os.path.join(folder, name + ".pt")
        torch.save(tensor, path)
        print(f"{name}: {tuple(tensor.shape)}, {si(os.path.getsize(path), 'B')}")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **The file of the slice takes nearly a megabyte, and that of the copy about 5 kB (C), because a slice has no memory of its own.**
#
# A slice is a *view*: it looks at a part of the memory (the *storage*) of the tensor from which it was cut. `torch.save` writes whole storages, so that tensors which share memory still share it after loading. So the file holds all of the layer, though only one row of it can be reached. `clone()` makes a tensor with a storage of its own. If a pruned or shortened model has a file as large as before, look for a slice.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Where does the standard error come from?
#
# One image counts 1 with the probability $p$, else 0, so its mean is $p$. Its *variance* is the mean squared distance from that mean: the distance is $1-p$ with the probability $p$, and $p$ otherwise, which gives $p\,(1-p)^2 + (1-p)\,p^2 = p\,(1-p)$. With $p = 0.9$ that is $0.9 \cdot 0.01 + 0.1 \cdot 0.81 = 0.09$. The variances of $n$ independent images add up to $n\,p\,(1-p)$. We divide the sum of the images by $n$, and so the variance by $n^2$; and the root of it is the formula of section 4. Variances also add up for the difference of two networks, hence the $\sqrt 2$.
#
# For many disagreements there is a shortcut: of $m$ coins the difference between heads and tails is typically $\sqrt m$. Why the root? Let heads count +1 and tails −1. Each further coin moves the sum from $s$ to $s + 1$ or $s - 1$, and the mean of $(s+1)^2$ and $(s-1)^2$ is $s^2 + 1$. So each coin adds 1 to the average square; after $m$ coins it is $m$, and a typical lead is $\sqrt m$. So with $m$ disagreements the standard error of a paired difference is $\sqrt m / n$: for 100 of 10,000 images it is 10 images or 0.1 points, and two of them are 0.2. For fewer than about twenty disagreements take the sign test, which needs no approximation.
#
# The next cell does both sums for our three opponents: two standard errors of the paired difference, and what they would be with other images for each network.

# %% slideshow={"slide_type": "skip"}
rows = []
for name, (won, lost) in duels.items():
    n, difference = len(base), (won - lost) / len(base)
    paired = ((won + lost) / n - difference**2) ** 0.5 / n**0.5
    share = accuracy + difference
    unpaired = ((accuracy * (1 - accuracy) + share * (1 - share)) / n) ** 0.5
    rows.append([name, f"{100 * difference:+.2f}", f"{200 * paired:.2f}", f"{200 * unpaired:.2f}"])
Table(["opponent", "difference, points", "two standard errors, paired", "as if unpaired"], rows)

# %% [markdown] slideshow={"slide_type": "skip"}
# On each image the difference is 1 (won), −1 (lost) or 0. Its variance is the share of the disagreements, less the square of the mean; where the two networks are about equally good, that is the $\sqrt m / n$ above. In the run on this page the paired error of the copy with 8 bits is less than a tenth of the unpaired one (a rough figure for so few disagreements), that of the sibling is about half of it, and for 3 bits the difference is far outside both. The fewer the disagreements, the smaller the paired error. The unpaired error does not depend on the disagreements, because its formula contains only the two accuracies: it is the same for the sibling and for 8 bits, whose accuracies are nearly alike, and larger for 3 bits, whose accuracy is lower.
#
# ### Few losses
#
# A copy loses each image with a small probability, so that it loses 6 of 10,000 on average. How often does it then lose one image or none? For many tries and a small probability, $k$ losses have the probability $6^k e^{-6} / k!$ (the distribution of Poisson). None and one together have $e^{-6} (1 + 6) = 0.0025 \cdot 7 = 0.017$: 2 of 100.
#
# ### The falling rate: other rates, more passes
#
# With thirty more seeds, ten at a time, the gain at 0.016 was about 0.8 points, 10 : 0 each time. At the rate 0.002 they gave differences of −0.2 to 0.0 points, with 2 : 8, 5 : 5 and 3 : 7; over all forty seeds the falling rate loses about a tenth of a point (12 : 28, $p = 0.017$). If the network is still on its way there, more passes should help. In a trial with 16 and with 32 passes (five seeds each) the disadvantage was gone, and there was no gain either: with so small a rate, a smaller one has little to improve.
#
# And is 0.016 the best rate for both? We tried 0.004, 0.008, 0.012, 0.024 and 0.032 with the same ten seeds. The constant recipe was best at 0.016 with 92.9 %, the falling one at 0.024 with 93.9 %: a lead of 1.0 points, each at its best. At 0.032 both were worse.
#
# ### How much do the pairs of seeds help?
#
# In a trial we repeated the two recipes of *The same experiment on real networks* with other rates and seeds, and compared the scatter (the standard deviation) of the differences within the seeds with what it would be if the seeds did not belong together. At the rate 0.002 it was 0.20 points in place of 0.26 (seeds 0 to 9) and 0.26 in place of 0.33 (seeds 10 to 39); at 0.016 it was 0.59 in place of 0.73 and 0.37 in place of 0.42. So pairs took 12 to 23 % off the scatter, though both recipes are the same training for three quarters of the way. At five other rates, with ten seeds each, they took off at most 16 %, and at two of these the pairs scattered a little *more*. For *constant at 0.002* and *falling at 0.016*, which differ from the first step on, the accuracies of a seed had no positive correlation: −0.18 and −0.10.
#
# ### Which rule for how many trainings?
#
# The lessons compare trainings with three to ten seeds, and they use more than one rule to say that a difference is more than luck. The rules ask for different things. Here they are side by side, for two recipes that are equally good. Two columns say how often luck alone meets the rule. The one in the middle says how large the mean difference must be so that luck meets it one time in 20:
#
# | seeds | all differences have the same sign: how often by luck | standard errors that the mean paired difference must exceed (95 %) | all values of one arm lie above all of the other: how often by luck |
# |--:|--:|--:|--:|
# | 3 | 1 time in 4 | 4.3 | 1 time in 10 |
# | 4 | 1 in 8 | 3.2 | 1 in 35 |
# | 5 | 1 in 16 | 2.8 | 1 in 126 |
# | 6 | 1 in 32 | 2.6 | 1 in 462 |
# | 10 | 1 in 512 | 2.3 | 1 in 92,378 |
#
# The second column treats each seed as a fair coin, as the sign test does: with $n$ seeds luck gives $n$ equal signs in two of $2^n$ cases. The third is *Student's t*, with $n - 1$ degrees of freedom. With many seeds it comes down to the 2 of the rule of thumb. With few it is larger, because the spread of the differences was itself estimated from few numbers. For the last column, sort all $2n$ values. Any $n$ of them could be the first arm's; in two of these choices, the top half or the bottom half, one arm lies above the other. For three seeds that is 2 of 20. From four seeds on luck meets this rule less often than the others.
#
# So three seeds with one sign are a hint and not a proof, and a lesson that has no more says so. What helps most costs nothing: say before you look which rule you will use, and use it once. Whoever makes twenty comparisons must expect one of "1 in 20" among them.
#
# ### What is wrong with choosing by the test images?
#
# We chose the rates of section 4, and the rate 0.016 of the experiment on real networks, by the test images. The best of many tries is partly the luckiest on just these images, so its accuracy is a little too high. In the experiment the differences are far larger than that. For a report, keep some of the *training* images apart, choose by them, and use the test images once, at the end.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The first row of the ledger
#
# Most lessons write a row into one table, the **ledger**: the model, its accuracy, the bytes of its file, how long the file takes to load, how much faster the model is than its baseline, and its estimated energy for one input ([[energy]] explains the estimate). At the end of the course you can compare all of them. Here is the first row:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the row of the baseline into the ledger and shows it.
size = size_report(baseline)
row = ledger.record(
    lesson="baseline",
    task="mnist",
    model="LeNet-300-100",
    technique="fp32",
    accuracy=accuracy,
    file_bytes=size.file_bytes,
    load_ms=size.load_ms,
    speedup=1.0,
    energy_nj=energy.estimate(baseline, one_digit).total_nj,
)
ledger.table([row])

# %% [markdown] slideshow={"slide_type": "skip"}
# Its speed-up is 1 by definition, because the ledger compares each model with *the same model* in **eager** fp32. In section 6 that is the first or the second bar, and never the third. The ledger uses this baseline because everybody can repeat such a measurement. So read the speed-ups of the ledger as "faster than PyTorch as it comes". For larger networks and other runtimes, [[choosing]] puts both baselines side by side. *Eager* is the way in which PyTorch usually runs: it carries out each operation as soon as Python reaches it, one after the other. (A compiler would look at all of them first and could join some.) The lesson that wrote a row says whether gradients were recorded meanwhile.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Bytes of a model
# ★★ · 6 minutes
#
# Write `model_bytes`: the bytes of all parameters and buffers of a model in memory. A tensor object that is used in two
# places is in memory once, so it counts once. The dtypes may differ from tensor to tensor. Buffers that a file leaves out
# (`persistent=False`) are in memory, too. Leave the numbers in the model as they are.
#
# <details><summary>Hint</summary>
# A tensor knows its numel() and its element_size(). Iterate over what gives each tensor once.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def model_bytes(model):
    """Bytes of the parameters and buffers of `model`.

    >>> model_bytes(torch.nn.ReLU())  # it holds no tensor
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.model_bytes(model_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def model_bytes_solution(model):
    tensors = [*model.parameters(), *model.buffers()]  # both give a shared tensor once
    return sum(t.numel() * t.element_size() for t in tensors)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Name the baseline
# ★★ · 10 minutes
#
# A report lists measured rows, each a dict:
# `{"name": "eager", "dtype": "fp32", "device": "cpu", "threads": 1, "batch": 1, "ms": 2.0}`.
# Write `fair_baseline`: given all rows and the name of one, return the name of the row that it must be compared
# with. That is the best fp32 to be had, the one with the smallest `ms`, under the same conditions: same device, threads
# and batch. The rows always contain such a row. No two times are equal, and no two names. Where the named row is the best fp32, it is its
# own baseline. Leave `rows` as it is.
#
# <details><summary>Hint</summary>
# First keep the rows that differ from yours in nothing but the technique. Then choose the row that somebody would name who wants your technique to look bad.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def fair_baseline(rows, name):
    """Name of the fair fp32 baseline for the row called `name`.

    >>> row = dict(name="eager", dtype="fp32", device="cpu", threads=1, batch=1, ms=2.0)
    >>> fair_baseline([row], "eager")
    'eager'
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.fair_baseline(fair_baseline)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def fair_baseline_solution(rows, name):
    mine = next(row for row in rows if row["name"] == name)
    alike = [row for row in rows if all(row[key] == mine[key] for key in ("device", "threads", "batch"))]
    return min((row for row in alike if row["dtype"] == "fp32"), key=lambda row: row["ms"])["name"]


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# The figures of this lesson that your run can check, beside what it counted or measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("baseline")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A peak of memory is the highest level on the way. Between steps, Adam keeps averages that are twice as large as the model; the gradients bring this to three times.
#   Activations, which grow with the batch, and temporaries come on top.
# - Quote the bytes of a file that you loaded again, and count buffers and dtypes.
# - An accuracy has a standard error. Two networks are compared on the same images, and only the disagreements count.
# - Two recipes are compared with the same seeds and the same training, each at its best.
# - A ratio has a baseline: name it, and make it the best one that you can find.
#
# **Going further**
#
# - S. Han, H. Mao and W. J. Dally, *Deep compression*, 2016, [arxiv.org/abs/1510.00149](https://arxiv.org/abs/1510.00149). Table 1 has this very network,
#   its error and its bytes.
# - T. G. Dietterich, *Approximate statistical tests for comparing supervised classification learning algorithms*, 1998,
#   [doi.org/10.1162/089976698300017197](https://doi.org/10.1162/089976698300017197). Which test for which question; McNemar's is among them.
# - D. P. Kingma and J. Ba, *Adam: a method for stochastic optimization*, 2015,
#   [arxiv.org/abs/1412.6980](https://arxiv.org/abs/1412.6980). The two running averages.
#
# **Project idea.** Draw the level of memory for a network of your own, and name each step.
#
# **Credits.** MNIST: Y. LeCun, C. Cortes, C. Burges. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Read the sentences. "Each later speed-up has a baseline like this one, of its own model."
# Ask for one published gain whose baseline somebody would like to know.
