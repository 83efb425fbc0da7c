# ---
# jupyter:
#   course:
#     promise: You will choose a model by fronts, twins and budgets, say how sure the choice is, and put a network of your own through the course.
#     seconds: 25
#     needs: [measuring, baseline, energy, amp, dynamic, audit, static, depthwise, qat, qat_cnn, choosing, prune_module, prune_model, zero_worth,
#       structured, scores, ticket_full, students, lightning_qat, lightning_pruning, decoding, weight_only, adapters, deep_compression, bit_budget, real_model]
#     goals:
#       - Draw the Pareto front of measured models, and separate what a technique gained from what its network had before.
#       - Say how sure a front is, and what choosing a winner does to the winner's own figure.
#       - Choose a model for a budget that was written down first, and say so when none fits.
#       - Put a network of your own through files, audit, int8 and pruning, with a ruler that notices when a comparison says nothing.
#     terms: [dominate, ledger, Pareto front, top-1 agreement, twin]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *All rows of the course on one table. Which of them would you send to a customer?*
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
# *For the lecturer, 1.5 min.* Say: "For a whole course lessons wrote their models into one ledger. Today we read it." Ask: "What do you have to know before you can answer the question of the title?" Collect on the board: how small, how
# good, how fast, on which device, how sure. Each comes back today, and once more on the last slide.

# %% tags=["setup", "legacy"] slideshow={"slide_type": "skip"}
import copy

import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import data, legacy_int8, models, runtime
from course_utils.data import checkpoints
from course_utils.measure import int8_audit
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import claims
from lessons.shipping import checks as check
from lessons.shipping import show

legacy_int8.ignore_deprecations(remarks=True)  # [[static]] and [[torchao]] say what follows the older int8
engine = torch.backends.quantized.engine = legacy_int8.best()
torch.set_num_threads(1)
runtime.seed_all(0)
recorded = show.rows_with_accuracy()  # of every lesson; yours where you ran it
mnist, fashion = ([r for r in recorded if r.task == task] for task in ("mnist", "fashion_mnist"))
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "skip"}
# Every lesson of this course wrote the models that it measured into one **ledger**. A row of the ledger says what the network is (`model`), what was done to it (`technique`), how many test images it gets right (`accuracy`), how many bytes its file has, and, where somebody measured or estimated it, how fast it is and how much energy one image needs. Where you ran a lesson yourself, your own row stands in place of the one that came with the course. So your numbers may differ a little from those on this page.
#
# Now somebody wants *one* model from you. Each lesson ended with a winner of its own, but each asked for something else, such as the smallest file, the fewest operations, or the best accuracy after a short training. Which of the winners do you send? And when you have chosen one, how far do you trust the accuracy that made you choose it?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. All rows on one plane
#
# Each MNIST row of the ledger that has a file is a point: its bytes, its accuracy on 10,000 test images.
#
# One row **dominates** another when it is no larger, no less accurate, and better in one of the two. Rows that nobody dominates are the **Pareto front**.
#
# **Predict.** What share of the points is on the front, and why: **A** about half, **B** about a quarter, **C** clearly fewer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Draw a plane, kB to the right and per cent upwards, with four points: P (20, 97), Q (50, 98), R (50, 96), S (90, 98). Let the room say who dominates whom: P dominates R, Q dominates R and S, P and Q not each other; the front is P and Q. Leave it for section 4. Vote before the first click, because the line under the cloud already gives the number, 2 of 49. First click: the cloud. Second: the front, from a coded file at the left end to a float network at the right. The answer is C. Say: "All other points are answers to questions that somebody had; on this plane each has one that dominates it." "Why so few?" One good row in the right place dominates all rows to its right and below it. Ask who would still ship a point off the front: somebody with another resource in mind, which is section 4.

# %% [markdown] slideshow={"slide_type": "skip"}
# Why not simply take the best row? Because "best" needs one number, and we have two that pull in opposite directions: a smaller file usually costs accuracy. Before anybody decides how many bytes a point of accuracy is worth, one thing can be said without any opinion. If row X is no larger than row Y and no less accurate, and better in at least one of the two, then nobody who looks at these two numbers alone has a reason to take Y. We say that X **dominates** Y. What is left when all dominated rows are crossed out is the **Pareto front**. On the front, more of one thing must be paid for with less of the other.
#
# Take four rows by hand:
#
# | row | file | right |
# |---|---|---|
# | P | 20 kB | 97 % |
# | Q | 50 kB | 98 % |
# | R | 50 kB | 96 % |
# | S | 90 kB | 98 % |
#
# Compare pairs. P dominates R, because it is smaller *and* more accurate. Q dominates R as well, with equal bytes. Q also dominates S: their accuracies are equal, and Q is smaller. P and Q do not dominate each other, because Q is more accurate and P is smaller. So the front is P and Q. Note that S is one of the two most accurate rows, and still nobody should take it.
#
# In code, a comparison of two rows is two conditions, and the front is one line. The field that costs something is a parameter, because section 4 asks about energy in place of bytes. A row without a value in that field takes no part.


# %% slideshow={"slide_type": "skip"}
def dominates(a, b, cost="file_bytes"):
    """True when row `a` costs no more than `b`, is no less accurate, and is better in one of the two."""
    cost_a, cost_b = getattr(a, cost), getattr(b, cost)
    no_worse = cost_a <= cost_b and a.accuracy >= b.accuracy
    return no_worse and (cost_a < cost_b or a.accuracy > b.accuracy)


def front(rows, cost="file_bytes"):
    there = [row for row in rows if getattr(row, cost) is not None]
    return [row for row in there if not any(dominates(other, row, cost) for other in there)]


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws all rows of MNIST that have a file, and then their front.
weighed = [row for row in mnist if row.file_bytes]
on_bytes = front(weighed)
show.front_figure(weighed, on_bytes)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Clearly fewer than a quarter of the rows are on the front (C), because for nearly every row some other one is no larger and no less accurate.**
#
# <!-- page -->
#
# Most rows were never meant to win on this plane. Many come from controls, such as random pruning, from short trainings, or from files in which zeros are stored on purpose to show that they take space. One good row in the right place dominates all rows to its right and below it, so a few good ones are enough to cross out the rest. In the run on this page only two rows are left, which the table below lists: a deep-compressed network of some 24 kB, and the float network of [[baseline]]. (The network that was compressed is another one. Its float file is as large as that of [[baseline]] and gets two digits of 10,000 fewer right, and so it is dominated.) A front depends on the rows that took part, because one new row can remove several old ones from it. And the front is about these test images and these two numbers alone. Whoever cares about time or energy needs another plane.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Lists the rows on the front.
show.front_table(on_bytes)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Did the technique help, or the network?
#
# A row's **twin** is the float model of the same lesson with the nearest data and training. It shows what the technique itself gained and lost.
#
# A pruned network keeps a tenth of its weights, loses less than a point, and is not on the front.
#
# **Predict.** Who dominates it, and why: **A** only some int8 model, **B** only a larger network that was trained for longer, **C** its own float twin as well?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Why a twin: if a pruned network is more accurate than a quantized one, it may only have been trained for longer. By hand: a row with 0.2 of its twin's bytes, 97.2 % right, the twin 97.8: five times smaller, for 0.6 points. Vote. The answer is C. Ask what is in the file: four bytes for each weight, 0 or not. Point to rows whose file is as large as the twin's (1.00), and to the one with twice the bytes (weights and mask). With as many bytes, half a point less is enough to be dominated. Say: "Dominated on this plane is no verdict on the method: a zero has to be *stored* as nothing."

# %% [markdown] slideshow={"slide_type": "skip"}
# The front compares whole models: the architecture, the number of training images, the length of the training, and what was done to the network afterwards. If a pruned network is more accurate than a quantized one, the reason may be that it was trained for longer before anybody pruned it. The front cannot tell these reasons apart.
#
# A comparison in which only one thing differs can do it. [[lightning_pruning]] trained a float model and a compressed one side by side and called the float one the **twin**. Here we look for the nearest row that we have: the float row of the same lesson, the same data set and the same architecture, trained on as many images. If there are several, we take the one whose description shares most words with the row. So "twin" on this page is found by words, and a twin may still differ in some detail of its training.
#
# By hand: row X has 0.2 of its twin's bytes and gets 97.2 % right, the twin 97.8 %. So the technique made the file 5 times smaller and cost 0.6 points. Whether 97.2 % is a good result for MNIST is another question, and the twin answers only the first.

# %% slideshow={"slide_type": "skip"}
pairs = [(row, found) for row in weighed if (found := show.twin(row, recorded))]
beaten = [(row, found) for row, found in pairs if dominates(found, row)]
pruned_and_beaten = sum(show.kind(row) == "fewer weights" for row, _ in beaten)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Lists rows that are dominated by the very model that they were made from.
show.twin_table(beaten, pairs)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Its own float twin dominates it as well (C), because the file stores a zero with as many bytes as any other number.**
#
# <!-- page -->
#
# A dense fp32 file takes four bytes for each weight, whether it is 0 or not, so the pruned file is exactly as large as the twin's (1.00 in the table). If the mask is stored beside the weights, the file even doubles. The accuracy is lower than the twin's, by half a point or by many, so the twin is no larger and more accurate, and that is all it takes to dominate. This is not a verdict on pruning, and it is not even a law, because in the run on this page three rows with stored zeros are more accurate than their twins, which do not dominate them. In a format that leaves zeros out ([[zero_worth]]) the same weights have smaller files. These are other rows of the ledger, and their twins do not dominate them. So before you call a technique useless on a plane, ask whether the row was stored in a format that can show what the technique does.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which file to send, and which method to use
#
# Left: rows of either front, and the twin of each at the tail of its arrow. Right: every row with a twin, as *times smaller* against *points lost*.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Left panel: follow one arrow with the finger, from the float twin to what was made of it: left is smaller, down is worse. The longest arrow is nearly level, so forty times smaller cost three tenths of a point. Right panel: to the right is smaller, and 0 points lost is at the top; the dots above 1 are the stored zeros of the slide before. Ask what would lift a row in the left panel and do nothing in the right one: a longer training, more images, a better architecture, where the twin has it too. Say: "Which method should I use? Look right. Which file do I send? Look left."

# %% slideshow={"slide_type": "skip"}
gains = [(twin.file_bytes / row.file_bytes, 100 * (twin.accuracy - row.accuracy)) for row, twin in pairs]
best_gains = [
    n
    for n, (smaller, lost) in enumerate(gains)
    if not any(s >= smaller and p <= lost and (s, p) != (smaller, lost) for s, p in gains)
]
smaller_within = max((smaller for smaller, lost in gains if lost <= 0.6), default=show.NOT_THERE)

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the front of models with their twins, and the front of what techniques gained.
show.gains_figure(pairs, gains, best_gains, on_bytes)

# %% [markdown] slideshow={"slide_type": "skip"}
# The two panels answer two questions. The left one says which *file* to send, and a longer training or a better architecture moves a row up there. The right one says which *method* to use, because what the twin has as well cancels out. Dots that are good on the right and far from the front on the left belong to methods that did well with a network that was trained for a short time or with few images. With a better network such a method may reach the front on the left. Somebody has to test this prediction, because a loss of half a point at 95 % may become a loss of a whole one at 98 %.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. How sure is a front?
#
# An accuracy $p$ from $n$ images has the standard error
#
# $$\sqrt{p\,(1 - p) / n}$$
#
# We draw the accuracy of every network anew with this error, 500 times, and take the front each time.
#
# **Predict.** Count the rows that are on the front in at least 5 % of the draws. Are they as many as the rows on the front of section 1, or more, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Work out one error together: p = 0.9 and n = 10,000 give √(0.09 / 10,000) = 0.003, or 0.3 points; p = 0.98 gives 0.14. One *draw* adds such a chance deviation to each accuracy, as if the test had been repeated with other images. By hand: X has 20 kB and 98.1 %, Y has 50 kB and 98.2 %. X is always on the front; Y only where it stays ahead, in some 69 of 100 draws. Vote; the answer is more, six rows in place of two. A bar near 100 stays on the front in nearly all draws; a short blue bar may owe its place to these images, and a grey one could have had it with others. "What do you report, then?" The tie. Say: "A difference of a tenth of a point between two rows is ten images."

# %% [markdown] slideshow={"slide_type": "skip"}
# Two rows of the ledger differ by 0.1 points. On 10,000 test images that is ten images. Would ten images still separate the two rows if somebody had collected another 10,000 digits?
#
# [[baseline]] taught how to answer this. Think of the test as a coin. For each image the network is right with probability $p$, and we throw $n$ times. The *share* of right answers then scatters around $p$ with the **standard error** $\sqrt{p(1-p)/n}$.
#
# For $p = 0.9$ and $n = 10{,}000$ it is $\sqrt{0.9 \cdot 0.1 / 10{,}000} = 0.003$, so an accuracy of 90 % has an error of 0.3 points. For $p = 0.98$ it is $\sqrt{0.98 \cdot 0.02 / 10{,}000} = 0.0014$, or 0.14 points. About two results in three lie within one standard error of the true value, and 19 in 20 within two.
#
# For the *difference* of two accuracies from different images the variances add up: $\sqrt{0.0014^2 + 0.0014^2} = 0.002$. A lead of 0.1 points at 98 % is then half a standard error, and could easily be luck. If both networks saw the same images, part of the luck is common to both, because an image that is hard for one is often hard for the other, and the error of the difference is smaller. Then only the images count on which the two disagree ([[baseline]], section 5). Say that only the first network is right on 30 images, and only the second on 20. The lead is ten images, 0.1 points. Each of the 50 is like one throw of a coin, so the lead has an error of about $\sqrt{50} = 7$ images, or 0.07 points, and not 0.2. The ledger keeps one accuracy a row and not the images, so this page takes the larger error, which is too careful.
#
# What does this mean for a front? Imagine that the test were repeated with other images. One *draw* imitates this. It adds to each accuracy a chance deviation whose typical size is the standard error, and then takes the front anew. **By hand**: X has 20 kB and 98.1 %, Y has 50 kB and 98.2 %. X is on the front of these two in every draw, because Y is never smaller. Y is on the front only in the draws in which it stays more accurate. Its lead is half a standard error of the difference, and a bell curve stays above minus half a standard error in 69 % of all cases. So Y is on the front in some 69 of 100 draws. Of the two places on the front one is safe, and the other is better than a coin, but not by much.

# %% slideshow={"slide_type": "skip"}
p, n = torch.tensor([0.90, 0.98]), 10_000
100 * (p * (1 - p) / n).sqrt()  # in points

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws all accuracies anew, 500 times, and counts how often each row is on the front.
often = show.redrawn_fronts(weighed)
newcomers = sum(share >= 0.05 and row not in on_bytes for share, row in zip(often, weighed, strict=True))
show.draws_figure(weighed, often, on_bytes)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More rows are on a front in at least 5 % of the draws than were on the front of section 1, because some rows are closer to each other than one standard error.**
#
# <!-- page -->
#
# A bar near 100 % belongs to a row whose place is safe, because no row of its size or smaller comes near its accuracy. A short blue bar belongs to a row that was on the front of section 1 and might have missed it with other images. A grey bar belongs to a row that might have taken its place. Where such rows compete, report the tie. Two things are missing here. Most rows are *one* training, and another seed would move them as well, so the real doubt is larger. On the other hand all rows were tested on the same digits, which makes the doubt about their *order* smaller. Yadav and Bottou ([2019](https://arxiv.org/abs/1905.10498)) rebuilt the 50,000 digits of MNIST's test set that had never been distributed, and tested classifiers on them: the error rates were "slightly off", but the order of the classifiers and the choice of a model "remain broadly reliable", which they attribute to comparing on the same digits.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The winner was chosen
#
# Thirty networks differ in nothing but the seed of their training. We take the one that is best on some test images, and look at it again on *other* test images.
#
# **Predict.** What happens to the winner's accuracy on the other images, on average, and why: **A** it stays, **B** it falls, **C** it rises?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let everybody throw a coin five times, and send the "best thrower" to throw again. Vote. The answer is B. Read the first line of the table from left to right: the winner there 90.50, the same network on others 89.37, the mean of all 89.19. So it seemed 1.31 points ahead, and 1.13 of these were luck. Ask for the second line: ten times as many images, and still more than half of the lead is luck. "So is choosing wrong?" No; what is left is real. Wrong is to report the figure by which one chose. "What is the remedy?" Some images choose, others judge. Then ask: "Who of you has ever reported the best of several seeds?"

# %% [markdown] slideshow={"slide_type": "skip"}
# The standard error above is that of *one* network, chosen before anybody looked. A winner is different. Its accuracy is the largest of many, and the largest of many numbers is large for two reasons: its network is good, and it was lucky with these images.
#
# Take the extreme case by hand. Ten networks are equally good; each is right for 90 % of all images that exist. On 10,000 test images each gets 90 % and a deviation of about 0.3 points, up or down. Suppose that each network is tested on images of its own. The largest of ten such deviations is, on average, about one and a half standard errors. (A single deviation stays below one and a half with a probability of 0.933. All ten of them do so with $0.933^{10} = 0.50$, so in every second try at least one lies above it. Among 100 networks the largest would be about two and a half, because $0.9938^{100} = 0.54$.) So the winner shows some 90.5 %. On new images it will show 90 %, because nothing about the network was better. The half point was never there. (On the *same* images part of each deviation is common to all ten, and lifts no network above another, so the winner's half point becomes smaller.)
#
# The remedy costs images: one part of them *chooses*, and another part, which chose nothing, gives the figure that is reported. We measure what that changes. Thirty small networks (784-24-10) learned 5,000 digits with the same recipe and thirty seeds. `correct[k, i]` says whether network `k` gets test image `i` right.

# %% slideshow={"slide_type": "skip"}
correct = show.many_seeds()
found, draw = {}, torch.Generator().manual_seed(0)
for n in (500, 5000):
    splits = []
    for _ in range(300):
        order = torch.randperm(correct.shape[1], generator=draw)
        choosing, judging = (correct[:, part].double().mean(1) for part in (order[:n], order[n : 2 * n]))
        winner = choosing.argmax()
        splits.append((choosing[winner], judging[winner], judging.mean()))
    found[n] = torch.tensor(splits).mean(0).tolist()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the winner's accuracy on the images that chose it beside that on others.
luck_of_500, luck_of_5000 = ((there - others) / (there - every) for there, others, every in found.values())
show.winners_table(found)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The winner's accuracy falls on other images (B), because part of what made it the winner was luck with the images that chose it.**
#
# <!-- page -->
#
# Read the table from the left. In the run on this page 500 images choose a winner that seems to be more than a point ahead of the mean of all seeds; on 500 other images most of this lead is gone. With 5,000 images to choose by, the standard error is about three times smaller ($\sqrt{10}$), and less of the lead is luck, but still more than half of it. What is left is real: some seeds did give better networks. So choosing is not wrong. What is wrong is to report the figure by which the choice was made. How much a winner loses depends on how many took part and on how close they are. If one of them is ahead by many standard errors, it wins on any images, and it loses next to nothing.
#
# What does this say about the rows on this page? Every accuracy in the ledger comes from the test images, and we choose among them by those accuracies. So the figure of each winner below is optimistic, and we cannot say by how much, because the ledger does not keep the images. In your own work, keep some images apart that choose, and others that judge. Exercise 1 is about this.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 4. Which would you ship?
#
# A **budget** says what a model may cost and must give. Inside it, *one* goal decides. A row without a value keeps no promise about it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Read the two functions aloud. With P and Q on the board: at most 40 kB, only P fits; at most 100 kB, both fit, and "as accurate as can be" takes Q; at most 10 kB, nobody, and not "the nearest". Ask what `fits` says of a row whose speed nobody measured, and whether that is fair. It says no as soon as a limit names the speed. Say: "Not measured is not bad; but I cannot promise it."

# %% [markdown] slideshow={"slide_type": "skip"}
# The front leaves several rows, and each of them can be defended. To choose one you need something from outside, namely what the customer can afford and wants most. Write it down as limits and one goal. By hand, with the rows P (20 kB, 97 %) and Q (50 kB, 98 %) of section 1: with at most 40 kB only P fits; with at most 100 kB both fit, and the goal "as accurate as can be" takes Q; with at most 10 kB no row fits, and the honest answer is "nobody", and not "the nearest one", because 20 kB do not fit into 10. Then ask for another budget, or make another model.


# %% slideshow={"slide_type": "-"}
def fits(row, limits):  # each field is known, and between its two ends
    known = [(getattr(row, name), low, high) for name, (low, high) in limits.items()]
    return all(value is not None and low <= value <= high for value, low, high in known)


def ship(rows, limits, field, sign):
    """Rows inside the limits, best first: most of `field` (sign 1) or least (-1)."""
    inside = [row for row in rows if fits(row, limits)]
    return sorted(inside, key=lambda row: sign * getattr(row, field), reverse=True)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Another resource, another front
#
# Energy here is *estimated*: counted products, and each weight fetched once ([[energy]]). Rows without an estimate are left out of both planes.
#
# **Predict.** Fashion-MNIST. Are the rows on the front for bytes also on the front for energy, and why: all, some, or none?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote: all, some, none. The answer is some: four rows on the front of bytes, and three of them, the rings, on that of energy as well. Let the room find the row without a ring: the smallest file, on the left. Ask why the smallest file is not on the front of energy: the larger file beside it is the same architecture with a scale for each channel. The scales take bytes, but no further product, so both need the same energy by the estimate, and the more accurate of the two dominates the other. Bytes and products are two counts.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the rows of Fashion-MNIST on two planes, bytes and energy, each with its front.
estimated = [row for row in fashion if row.file_bytes and row.energy_nj]
by_bytes, by_energy = front(estimated), front(estimated, "energy_nj")
both = [row for row in by_bytes if row in by_energy]
on_one_only = len(by_bytes) + len(by_energy) - 2 * len(both)
show.both_fronts_figure(estimated, by_bytes, by_energy)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Some of the rows are on both fronts and others on one of them only, because bytes and energy count different things.**
#
# <!-- page -->
#
# A file holds each weight once. Energy depends also on how often a weight is used: a convolution uses the same few weights at every place of the image, so a network with a small file may need many products. Int8 makes both smaller, the bytes of a weight and the energy of a product. But int8 does not decide alone. In the run on this page three rows are on both fronts. Two of them are in int8, and the third is a float network, which is there for its accuracy. The smallest file is not among them: by the estimate a larger file of the same architecture, with a scale for each channel, needs as little energy and is more accurate, and so it dominates on that plane. A file that is packed or coded to be small, but whose weights are unpacked to float before they are used, gains nothing in products. Dehghani et al. ([2021](https://arxiv.org/abs/2110.12894)) discuss how cost indicators can contradict each other, and how a report of only some of them leads to partial conclusions. So whoever reports one resource has already chosen a part of the answer. And an estimate ranks well only what it counts: the energy here leaves out the caches, the calls of Python, and the display.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Three customers
#
# - **A web page** reads digits: at most 100 kB, as accurate as can be.
# - **A battery** sorts clothes: 89 % or more, as little energy as can be.
# - **A server** sorts clothes with SmallCNN: at least twice as fast as eager fp32, as accurate as can be.
#
# **Predict.** For each customer: has the winner fewer bits, fewer weights, both, or neither, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* One customer after the other: read the budget aloud, take the vote for this customer alone, click. Each picture shows one customer and names one winner, so the next vote is still open; shaded is what is inside the budget, the ring is the winner. First click, the web page: both (pruned, and sixteen values a layer). Then vote on the battery; second click: fewer bits, in a small architecture: few products, and each is cheap. Then vote on the server; third click: neither; the float model in the better runtime is 3.7 times as fast, which is enough, and speed beyond the limit earns nothing. To those who point at the blue dot to its right: it is faster, and a few images worse; a tie by section 3 would be a fair answer. Ask: "Who wanted to quantize at once?" The fourth click has all three in a sentence; say to it: "Write the budget down before you look at the rows." Then ask for a digit reader in 8 kB with 97 %: nobody fits, and that is an answer, too.

# %% slideshow={"slide_type": "skip"}
timed, where_timed = show.of_one_processor([row for row in fashion if row.model == "SmallCNN"])
CUSTOMERS = {  # rows, limits, the field that decides, its sign
    "web page": (mnist, {"file_bytes": (0, 100_000), "accuracy": (0, 1)}, "accuracy", 1),
    "battery": (fashion, {"energy_nj": (0, show.FAR), "accuracy": (0.89, 1)}, "energy_nj", -1),
    "server": (timed, {"speedup": (2, show.FAR), "accuracy": (0, 1)}, "accuracy", 1),
}
winners = {name: next(iter(ship(*wishes)), None) for name, wishes in CUSTOMERS.items()}
eight_kilobytes = ship(mnist, {"file_bytes": (0, 8_000), "accuracy": (0.97, 1)}, "accuracy", 1)
print(f"A digit reader in 8 kB with 97 %: {len(eight_kilobytes) or 'nobody'}. {where_timed}.")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws each customer's budget and winner, and says what was done to the winner.
won = {name: show.kind(row) if row else "nobody" for name, row in winners.items()}
show.scenes(CUSTOMERS, winners)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The web page's winner has both, the battery's has fewer bits, and the server's has neither.** Each budget limits another resource.
#
# <!-- page -->
#
# Write the budget down *before* you look at the rows, and let "nobody" be an answer. The web page limits bytes, and the most accurate file under 100 kB was pruned, and its weights share 16 values of 4 bits. Each of the two leaves out something that the other keeps, because pruning leaves out whole weights, and sharing leaves out most bits of those that stay. How much chance decides can be seen from the same network when it is only pruned. Its 105 kB are just above the limit, and with 97.86 % in place of 97.87 it gets one image fewer right. Had two images come out differently, then with a limit of 110 kB "fewer weights" alone would win. One image is far below the standard error of a difference (section 3), and so these images do not show which of the two is better. The battery limits energy, where a small architecture in int8 wins: it has few products, and each is cheap by the estimate. The server limits time, and there the float model in a better runtime is already fast enough; int8 in that runtime is faster still, but speed beyond the limit earns nothing, and the int8 model gets a few images fewer right. These two rows are closer than the standard error of section 3, so a tie would be a fair answer, and then the smaller file may decide. The accuracy that the picture shows took part in all three choices, so by section 3 their figures are slightly optimistic. The budget comes first for the same reason: whoever looks at the rows first can find a budget under which a favourite wins. With a limit of 2 MB, for example, the float network of [[baseline]] would win the web page.
#
# A speed belongs to the processor on which it was measured. The ledger's speed-up compares a model with itself in eager fp32 on one machine, and the same change can gain much on one processor and little on another (the scorecard's claim on ONNX Runtime says what we saw on two). So rows are compared only with rows of the same processor. The line above the figure says which one that is. If yours is another one, then the server's winner is the winner on that processor, and you would have to run [[choosing]] and [[static]] to know your own.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. A ruler for your own model
#
# Take a classifier of your own, an `nn.Module` from a batch to scores, and some batches. Each step works on a copy, and may refuse with a sentence; the rest goes on.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Follow one copy through the picture: a step makes it, a file holds it, the audit looks at its kernels, and its outputs are laid beside the float ones. Ask what each look would find in a model that a step did not change at all. The same bytes, float kernels, no zeros, and outputs that agree perfectly: the best line of the table, for nothing. Say: "A step that changes nothing has to say so; else you ship the float model and call it int8."

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws what happens to a model of your own.
show.template_diagram()

# %% [markdown] slideshow={"slide_type": "skip"}
# So far the models were ours. The cells of this section are a template for yours: it needs a trained classifier, some batches from which ranges are observed (calibration), some batches on which the copies are compared, and labels if you have them. Each step is one lesson of this course. A step that would change nothing raises an error on purpose, because a copy that is secretly still float would agree with the original perfectly.


# %% slideshow={"slide_type": "skip"} tags=["legacy"]
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_


def dynamic_int8(model, batches):  # linear layers by torchao: weights in int8, inputs rounded at each call
    if not any(isinstance(layer, nn.Linear) for layer in model.modules()):
        raise ValueError("no linear layer: this step would change nothing")
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return model


def static_int8(model, batches):  # PyTorch's older graph mode: convolutions too, ranges from the batches
    mapping = legacy_int8.tq.get_default_qconfig_mapping(engine)
    watched = legacy_int8.fx.prepare_fx(model, mapping, (batches[0],))
    for x in batches:
        watched(x)
    return nn.Sequential(legacy_int8.fx.convert_fx(watched))  # in a module: the audit then looks at its layers


# %% slideshow={"slide_type": "skip"}
def half_pruned(model, batches, amount=0.5):
    """Half of the weights are set to 0, the smallest of all layers together; nothing is trained after it."""
    layers = [(layer, "weight") for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=amount)
    for layer, name in layers:
        prune.remove(layer, name)
    return model


STEPS = {
    "as it is": lambda model, batches: model,
    "dynamic int8": dynamic_int8,  # [[torchao]]
    "static int8": static_int8,  # [[static]]
    "half pruned": half_pruned,  # [[prune_model]]
}

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How far is a copy from its original?
#
# *Decibels* need no labels. They say how many times larger the signal is than the error.
#
# SmallCNN, half of the weights set to 0, nothing trained after it: one copy of the *trained* network, three of networks with *random* weights.
#
# **Predict.** Measured in plain decibels, which copy seems closer to its original, and why: that of the trained network, or those of the random ones?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* 10 dB are ten times the power of the error, 20 dB a hundred times. Vote. By plain decibels the random ones, by far. Ask what their outputs look like: one constant vector, and hardly anything that depends on the input (first column: 0.2 %). Do the hand case on the board. To two images the float network says (10, 0.1) and (10, −0.1), the copy (10, 0) to both. Nothing is left that tells the images apart, and yet the signal is 10,001 times the error: 40 dB. Take away the mean, (10, 0): (0, 0.1) and (0, −0.1) against (0, 0) twice; signal and error are equal, 0 dB. The next column does this, and the lead of the random ones is gone: two have about half as many decibels as the trained one, the third is level with it. "So do trained networks survive pruning better?" This table cannot say, because the cut lies in other layers, too; and the last column refuses all three. Say: "Look at the ruler before you measure with it."

# %% [markdown] slideshow={"slide_type": "skip"}
# Two numbers compare a copy with its original and need no labels. The **top-1 agreement** is the share of inputs to which both give the same class; we come back to it below. The other one is measured in decibels.
#
# The signal-to-noise ratio divides the mean square of the float outputs by the mean square of the error, and takes ten times the logarithm of it: 10 dB means that the signal has ten times the power of the error, 20 dB a hundred times. Is it a good ruler for a classifier?
#
# Take two images and two classes. The float network answers (10, 0.1) to the first image and (10, −0.1) to the second. A copy answers (10, 0) to both. The copy has lost everything by which the two images could be told apart. Compute the decibels. The mean square of the signal is $(100 + 0.01)/2$, that of the error is $0.01/2$, so the ratio is 10,001, and that is 40 dB: excellent, by this ruler. The ruler is wrong, because the constant 10 counts as signal although it says nothing about the images.
#
# The remedy: compute the mean output over the images, here (10, 0), and subtract it. What is left of the float outputs is (0, 0.1) and (0, −0.1), and of the copy's (0, 0) and (0, 0). Now signal and error are equal, the ratio is 1, and that is 0 dB: nothing left. We remove the mean of each network's own outputs, so that a shift which is the same for every image does not count as an error. (Such a shift can still change which class wins. That is why the agreement stands beside the decibels.)
#
# With the same means we can ask whether there is any signal: what share of the power differs from image to image? For the two images it is $0.01/100.01$, one part in ten thousand. `silent` refuses a comparison where this share is below 5 %. The limit is ours. It lies between the random SmallCNNs and SqueezeNets that we tried (the most is 2.3 %, a SqueezeNet) and the trained networks (the least is 40 %, the SmallCNN below); a network of yours that lies in between deserves a look at its outputs. The share alone does not tell trained from random: a random EfficientNet under *Deeper* has 40 % as well, and `silent` refuses it by its first line, because its outputs are nearly 0.
#
# And what does the *agreement* see that an accuracy does not? By hand: of 100 images the original gets 90 right. A copy breaks five of these and repairs five others. Its accuracy is 90 % again, as if nothing had happened. But it gives another class to at least ten images, so the agreement is at most 90 %. A customer whose software relies on the old answers would notice. The agreement says nothing about quality, though: a copy that agrees on every image with a poor original is as poor.


# %% slideshow={"slide_type": "skip"}
def differing(out):
    return out - out.mean(0)  # without the constant: what differs from image to image


def decibels(expected, out):
    signal, error = differing(expected), differing(out) - differing(expected)
    return 10 * torch.log10(signal.square().mean() / error.square().mean()).item()


def silent(out):
    """Why a comparison with these float outputs would say nothing; empty when it may say something."""
    if out.abs().max() < 1e-6:
        return "all outputs are nearly 0"
    if len(out.argmax(1).unique()) == 1:
        return "every input gets the same class"
    share = differing(out).square().mean() / out.square().mean()
    return f"{1 - share:.1%} of the outputs' power is one constant" if share < 0.05 else ""


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def outputs(model, batches):
    return torch.cat([model(x) for x in batches]).float()


def compared(net, copied):
    """Two rulers for a copy: (share of the power that differs, plain dB, dB without the mean, verdict)."""
    said, copy_says = outputs(net, clothes), outputs(copied, clothes)
    share = differing(said).square().mean() / said.square().mean()
    plain = 10 * torch.log10(said.square().mean() / (copy_says - said).square().mean())
    return share.item(), plain.item(), decibels(said, copy_says), silent(said)


clothes, labels = data.load("fashion_mnist", "test", n=1000)
clothes, seen = clothes.split(100), data.load("fashion_mnist", n=512)[0].split(64)
nets = {"trained": checkpoints.load("small_cnn").eval()}
for seed in range(3):
    torch.manual_seed(seed)
    nets[f"random, seed {seed}"] = models.SmallCNN().eval()

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Prunes half of the weights of each network, and measures the copy with both rulers.
rulers = {name: compared(net, half_pruned(copy.deepcopy(net), seen)) for name, net in nets.items()}
born = [found for name, found in rulers.items() if name != "trained"]
plain_lead = sum(found[1] for found in born) / 3 - rulers["trained"][1]
trained_dB, mute = rulers["trained"][2], sum(bool(found[3]) for found in born)
show.rulers_table(rulers)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In plain decibels the copies of the random networks seem closer to their originals, because more than 99 % of what a random network says is one constant vector, and the copy keeps the constant.**
#
# <!-- page -->
#
# In the run on this page the plain ruler gives the random copies 10 dB and more above the trained one, which would mean a tenth of the relative error. With the mean removed the trained copy has 9.6 dB, two of the three random ones have about half as many, and the third is level with the trained one. So the plain ruler had measured the constant. How large the error of the trained copy is can be read now: 9.6 dB is a ratio of about nine, so the error has a ninth of the power of what differs from image to image.
#
# Does it follow that trained networks survive pruning better than random ones? Not from this table, because two things differ: the weights, and where the half was cut. Global pruning takes the smallest weights of *all* layers together, and these lie in other layers of a random network. The control under *Deeper* gives the random networks the trained one's cut in each layer. And there is a simpler reason not to draw conclusions from the random rows: `silent` refuses all three. A comparison with something that says nothing is no comparison, whatever the number.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The template
#
# A refusal is kept as a sentence. *agree*, the top-1 agreement: the share of inputs that get the same class.
#
# <!-- page -->
#
# Where the float outputs carry no signal, agreement and decibels stay empty.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Point to the line with `except`, and ask why it does not stop there: the other steps may still work. Say: "A refusal is a result: it gets a line of its own in the table." (Here no step refuses.) Click. "as it is" is the control. Let the room read one oddity in each line: the dynamic copy has one layer in int8 and is no smaller; the static one has a little more than a quarter of the bytes; the pruned one is half zeros and as large as before, and only gzip finds them. Which of the copies would they ship, and what would they have to know? The limit: with bytes the static one, which agrees on 98 %. Close with the bound: of 1,000 images two models disagree on 50; in the worst case one of them is right on all 50. So an agreement of 95 % means at most 5 points, and the 82 % of the pruned copy at most 18; it lost 11.


# %% slideshow={"slide_type": "skip"}
def facts(model, batches, expected, labels=None):
    """What the ledger says of one model, and how near it is to `expected`, the float outputs."""
    out, size = outputs(model, batches), size_report(model, loads=1, compressed=True)
    layers = [row for row in int8_audit.audit(model, batches[0][:1]).rows if row.weight_bits]
    tells = not silent(expected)
    return {
        "file": size.file_bytes,
        "gzip": size.compressed_bytes,
        "int8": sum(row.runs_in == "int8" for row in layers) / max(1, len(layers)),
        "zeros": sparsity_report(model).weights.sparsity,
        "agree": (out.argmax(1) == expected.argmax(1)).float().mean().item() if tells else None,
        "dB": decibels(expected, out) if tells else None,
        "right": None if labels is None else (out.argmax(1) == labels).float().mean().item(),
    }


# %% slideshow={"slide_type": "-"}
def own_ledger(model, calibration, held_out, labels=None):
    model, found, refused = copy.deepcopy(model).eval(), {}, {}
    expected = outputs(model, held_out)
    for name, step in STEPS.items():
        try:
            made = step(copy.deepcopy(model), calibration).eval()
            found[name] = facts(made, held_out, expected, labels)
        except Exception as error:  # whatever a step says to this model
            refused[name] = f"{type(error).__name__}: {error}".splitlines()[0][:90]
    return found, refused, silent(expected)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Lets the template loose on the trained SmallCNN, with labels.
mine, refused, nothing_said = own_ledger(nets["trained"], seen, clothes, labels)
show.own_table(mine, refused, f"SmallCNN, trained; 1,000 test images. {nothing_said}")

# %% [markdown] slideshow={"slide_type": "skip"}
# The static int8 copy has a little more than a quarter of the bytes, and all of its layers run in int8. The dynamic copy has one layer in int8, because this step takes linear layers only. The pruned copy is half zeros, its file is as large as before, and gzip finds the zeros. Its agreement shows that half of the weights at once is too much for this network without any training afterwards.
#
# Agreement also bounds the accuracy, and this needs no labels. Suppose that two models give the same class to 95 % of the images. On these images they are right or wrong together. Only on the other 5 % can one be right and the other wrong. So their accuracies differ by at most 5 points. By hand: of 1,000 images they disagree on 50; in the worst case the original is right on all 50 and the copy on none, and that is 50 images of 1,000. For the pruned copy of the table the agreement is 82 %, so it can lose at most 18 points; the labels say that it lost 11. The bound says how much you can lose at most. It does not say how good the original was.
#
# To use the template: `own_ledger(model, calibration_batches, held_out_batches)`, with labels as a fourth argument if you have them. Choose between its lines on one set of images, and report the chosen one's accuracy on another.
#
# **Where do you begin?** The template tries each step alone. What your customer limits says which lesson to try first:
#
# | the limit | begin with | because |
# |---|---|---|
# | bytes of the file | int8 ([[static]]) or fewer bits ([[weight_only]]), then pruning and coding ([[deep_compression]]) | int8 needs no training, and a pruned weight saves bytes only in a format that leaves zeros out ([[zero_worth]]) |
# | time of a CNN for one image | a better runtime in float, then static int8 in it ([[choosing]]), or fewer channels ([[structured]]) | the server above needed no rounding, and channels that are cut leave a smaller dense network |
# | time of a language model for one text | weights in few bits, with a kernel that unpacks them ([[weight_only]]) | a step of a large model mostly waits for its weights ([[decoding]]) |
# | energy for one image | an architecture with few products, then int8 ([[energy]]) | both the number of products and the bits of each enter the estimate |
#
# If you combine steps, do as a rule first what trains the float weights (pruning with training in between, a teacher), and round last, because training in float moves the weights off their levels. (How to train with the rounding in the loop is the subject of [[qat]].) After each step compare with the model before it, on the same images, because the losses of two steps need not add up ([[bit_budget]] has seen this with layers).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 6. The bar to beat
#
# **The smallest folder above 97.5 %** on MNIST's test set; above 88 % on Fashion-MNIST.
#
# - A folder with `predict.py`. `images` are uint8, (N, 28, 28), at most 1,000 a call; 60 seconds for all.
# - **What counts:** all bytes of all files, code too. torch and numpy are free.
# - **What is cheating:** test labels in the folder, weights where no byte is counted, a download.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to the exercises. The next two minutes, about a task without a solution, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Somebody writes the weights as a string into `predict.py`. Is this cheating, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the rules aloud. Vote on the string, and keep the votes. Before the first click let the room guess, too, what the simplest model gets, the mean image of each digit, where the nearest of the ten wins: guesses from 50 to 90. First click: the whole submission, 8 kB and 82 %. Second click: the string is not cheating, its bytes count like all others, and as text it needs more of them. Then ask for a cheat that counting bytes would not find: weights in the *names* of files, or in a package that is installed beforehand. "And twenty folders, the best of them reported?" The test images have chosen, as in section 3. Say: "A model must be made from training images alone; who uses test images to choose, says so."

# %% [markdown] slideshow={"slide_type": "skip"}
# The capstone ends with a task that has no solution cell. Everything of the course may be combined: fewer weights, fewer bits, shared values, codes, a teacher, another architecture. A folder (or a zip of it) holds `predict.py` with two functions, `load(folder)`, which gives an object, and `predict(model, images)`, which gives labels. The cell below is a whole submission, as small as one can be: the mean image of each digit, and the nearest of the ten wins.

# %% slideshow={"slide_type": "fragment"}
PREDICT = """
import numpy as np

def load(folder):
    return np.load(f"{folder}/means.npy").astype("float32").reshape(10, 784)

def predict(model, images):
    x = images.reshape(len(images), 784).astype("float32")
    return ((model**2).sum(1) - 2 * x @ model.T).argmin(1)
"""

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Judges the ten mean images and this code as a submission.
n_bytes, score = show.judge(PREDICT)
print(f"{n_bytes:,} bytes, {score:.1%}")

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **A string of weights in `predict.py` is not cheating, because all bytes of the code are counted. It does not pay either, because text mostly holds fewer bits a byte than a binary file.**
#
# <!-- page -->
#
# Weights in the *names* of files, or in a package that is installed beforehand, would be cheating, because no byte is counted there. The bar is a rule of the game, and section 3 says what it is worth: at 97.5 % the standard error is $\sqrt{0.975 \cdot 0.025 / 10{,}000}$, or 0.16 points, so a folder with 97.6 % may well have a true accuracy below the bar. Section 3 has measured another thing: whoever makes twenty folders and reports the best has let the test images choose. Say so if you did. The ten mean images need some 8 kB and get about 82 % right in the run on this page: ten images of 784 bytes each, a header of the file and the code. That leaves more than fifteen points to gain.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Is the lead luck?
# ★★ · 10 minutes · an investigation
#
# Model 0 is in use; models 1 to 6 want its place. The instrument `right("digits", model=3, test=0)` gives the percent that a model gets right, on 2,000 held-out images (`test=0`) or on 10,000 others (`test=1`). Choose the best of 1 to 6 by the held-out images. Judge it against model 0 on the test images, which may be asked about these two models only. The lead is "real" if it is more than two standard errors of a difference, $\sqrt{p(1-p)/n + q(1-q)/n}$; else it is "luck".
#
# `real_or_luck(right)` → `"real"` or `"luck"`
#
# <!-- page -->
#
# <details><summary>Hint</summary>
# The percent of the test images are p and q, as shares, and n is their number. A lead below zero is no real lead.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up experiments. In some of them one of the six is really better than model 0. In others all are alike, and the held-out images make one of them look good. Each set of images gives the same number when it is asked again. The two sets of images differ, so treat the two models as tested with the error of the card.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop: "Which numbers do you ask for, and in which order? Which may you not ask for, and why?" First the six on the held-out images; the best of them and model 0 on the test images; nothing else there, or the test images would choose, too. One error on the board: with p and q near 0.9 and n = 10,000 it is √(2 · 0.09 / 10,000) = 0.0042, so a lead must be more than 0.85 points. Then: "Invent an experiment that fools somebody who chooses by the test images." Six models as good as model 0, whose luck differs: on the images that chose it the best one leads, and on others it does not. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def real_or_luck(right):
    """Say whether the chosen model's lead over model 0 is "real" or "luck".

    Args:
        right: the instrument, for example
            right("digits", model=3, test=0)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.real_or_luck(real_or_luck)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def real_or_luck_solution(right):
    held_out = [right("digits", model=m, test=0) for m in range(1, 7)]
    chosen = 1 + held_out.index(max(held_out))
    p, q = (right("digits", model=m, test=1) / 100 for m in (0, chosen))
    error = (p * (1 - p) / 10_000 + q * (1 - q) / 10_000) ** 0.5
    return "real" if q - p > 2 * error else "luck"


# %% [markdown] slideshow={"slide_type": "skip"}
# When your function has passed, hand it the thirty seeds of section 3: `real_or_luck(of_seeds(0))` puts seven of them into the places 0 to 6, with 2,000 digits that choose and the other 8,000 that judge. Try the beginnings 0, 7, 14 and 21.


# %% slideshow={"slide_type": "skip"}
def of_seeds(begin):
    """The instrument of Exercise 1, for seven of the thirty networks."""

    def right(images, model=0, test=0):
        part = correct[begin + model, 2000:] if test else correct[begin + model, :2000]
        return 100 * part.double().mean().item()

    return right


# %% [markdown] slideshow={"slide_type": "skip"}
# <details><summary>Compare</summary>
# In a trial with the networks of this page the answer was "luck" for 0, 7 and 14, and "real" for 21, where the lead was 1.1 points. Network 21 is one of the poorer seeds, so the best of six others is really ahead of it. At the other beginnings the chosen one is ahead by 0.3 to 0.6 points on the images that judge, and two errors are 0.85 points. Your function takes n = 10,000, and here 8,000 images judge, so its error is a little too small: with 8,000 two errors are 0.95 points, and the four answers stay the same. On the other hand all networks saw the same images, so this error, which is made for two separate samples, is too careful. In a trial we computed it from the images on which the two disagree ([[baseline]]). Two errors are then about 0.5 points, and the leads at 0 and 14, 0.55 and 0.56 points, are just above them. So "luck" means here that this ruler cannot tell, and not that there is no lead.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever wants the control to section 5, the speeds, a front of three numbers, what has to be beaten, what the template says about networks that were never trained, or two more exercises.
#
# ### The same cut for all
#
# In section 5 the trained network and the random ones were pruned by one rule, the smallest half of all weights. That rule cuts each of them in other layers. Here the random networks get the trained one's cut, layer by layer: if the trained network lost half of the weights of a layer, they lose the smallest half of that layer.


# %% slideshow={"slide_type": "skip"}
def layers_of(net):
    return [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


pruned_copy = half_pruned(copy.deepcopy(nets["trained"]), seen)
cut = [(layer.weight == 0).float().mean().item() for layer in layers_of(pruned_copy)]
same_cut = {"trained": rulers["trained"]}
for seed in range(3):
    net = copy.deepcopy(nets[f"random, seed {seed}"])
    for layer, amount in zip(layers_of(net), cut, strict=True):
        prune.l1_unstructured(layer, "weight", amount=amount)
    same_cut[f"random, seed {seed}, the trained one's cut"] = compared(nets[f"random, seed {seed}"], net)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the copies with equal cuts in each layer side by side.
trained_lead = trained_dB - sum(found[2] for name, found in same_cut.items() if name != "trained") / 3
print("Cut in the four layers:", ", ".join(f"{100 * share:.0f} %" for share in cut))
show.rulers_table(same_cut)

# %% [markdown] slideshow={"slide_type": "skip"}
# Now each layer loses the same share in all four networks, and only the weights differ. The trained copy has more decibels, with the mean removed, than each of the three random ones. (The third random network, which was level in section 5, falls behind. Why was not found: in a trial the three random networks had nearly the same cut of their own, 7 to 9, 40, 56 and 20 to 22 % of the four layers, and yet the trained one's cut is better for the first of them and worse for the two others.) So for this architecture and this cut the trained network keeps more of what it says about the images. Why? Probably because training makes some weights large and important, so that the small ones carry less; to test this one would permute the trained weights within each layer and prune again. `silent` refuses the random networks all the same: what they say about the images is less than a hundredth of their output.
#
# ### And time?
#
# SmallCNN was measured in PyTorch and in ONNX Runtime ([[choosing]]), each in float and in int8. The table holds the rows of one processor; its caption says which.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Lists the speeds of SmallCNN that were measured on one processor.
speed = {row.technique: row.speedup for row in timed}
in_torch = [row.speedup for row in timed if "Runtime" not in row.technique and show.kind(row) == "fewer bits"]
float_in_runtime = speed.get("fp32, ONNX Runtime")
runtime_over_bits = float_in_runtime / max(in_torch) if float_in_runtime and in_torch else show.NOT_THERE
show.speeds_table(timed, where_timed)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the rows that come with the course the float model in the better runtime is ahead of int8 in the slower one. So the runtime and the bits are two levers, and a report that compares "int8" with "fp32" without naming the runtimes can say anything. How much each of them brings depends on the processor. Eager fp32 is the baseline, and where it is slow, everything else looks fast.
#
# ### A front of three numbers
#
# The fronts above compare two numbers. If time counts as well, then a row dominates another only if it is no worse in all three numbers, and better in one. By hand, with the four rows of section 1: let one image take P 4 ms, Q 3 ms, R 2 ms and S 5 ms. Q still dominates S, because it is as accurate, smaller and faster. But nobody dominates R any more, because no other row is as fast. So the front is P, Q and R. A further number can take a row off the front only if another row equals it in all the others; mostly it brings rows back. So the more numbers a front has, the fewer rows it crosses out, and the more is left for the budget to decide.
#
# ### What has to be beaten
#
# The smallest rows of the ledger above the two bars.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Lists the smallest rows above the bar of each data set.
BARS = {"MNIST": (mnist, 0.975), "Fashion-MNIST": (fashion, 0.88)}
leaders = {
    task: ship(rows, {"accuracy": (bar, 1), "file_bytes": (0, show.FAR)}, "file_bytes", -1)
    for task, (rows, bar) in BARS.items()
}
ends = [row.file_bytes for row in leaders["MNIST"]]
first_below_last = ends[-1] / ends[0] if ends else show.NOT_THERE
show.leaders_table(leaders)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the rows that come with the course both levers lead on MNIST. The first place is deep compression: it prunes, then shares few values, then codes them, and each step works on what the one before left. (The third place has only fewer weights.) On Fashion-MNIST a small residual network with weights of 3 bits on average leads. That is no verdict on pruning, because nobody in this course has pruned that network and then given it few bits. These are files of weights; the code that reads them, which counts as well, is not in them.
#
# ### SqueezeNet, with random weights
#
# What can the template say about an architecture whose trained weights are not at hand? Its files and its kernels.

# %% slideshow={"slide_type": "skip"}
calibration, held_out = show.pictures("train", 32, 128), show.pictures("test", 32, 128)
squeezed, squeezed_not, why_not = own_ledger(show.newborn("SqueezeNet"), calibration, held_out)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Shows what the template found, and writes it into the ledger.
show.record_own(squeezed)
floats, ints, halves = (squeezed[step]["file"] for step in ("as it is", "static int8", "half pruned"))
show.own_table(squeezed, squeezed_not, f"SqueezeNet 1.1, random weights, 32 enlarged digits: {why_not}.")

# %% [markdown] slideshow={"slide_type": "skip"}
# Dynamic int8 refuses, because this network has convolutions only. The bytes of the files and the audit hold for any weights of this architecture. What gzip saves holds for these weights only. Agreement and decibels stay empty, because the float outputs are nearly the same for every image.
#
# ### When does agreement say nothing?
#
# Three architectures of torchvision with random weights, some digits. What does the *float* model say? A Vision Transformer that was never trained agrees to 100 % with its pruned copy: torchvision sets its last layer to zero at the start, so each output is 0 and each class the first.

# %% slideshow={"slide_type": "skip"}
few = show.pictures("test", 16, 112)
said = {f"SqueezeNet, seed {seed}": outputs(show.newborn("SqueezeNet", seed), held_out) for seed in range(3)}
said |= {name: outputs(show.newborn(name), few) for name in ("EfficientNet-B0", "Vision Transformer")}
verdicts = {name: silent(out) for name, out in said.items()}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Lists what networks say that were never trained.
refused_newborn = sum(bool(verdict) for verdict in verdicts.values())
show.silent_table(said, verdicts)

# %% [markdown] slideshow={"slide_type": "skip"}
# Counting classes is not enough. One of the seeds of SqueezeNet gives three different classes, so a test that asks "does every input get the same class?" lets it through, although nearly all of its output is one constant. The share of the power that differs finds it. EfficientNet's outputs are nearly nothing, because its batch norms have seen no data. A trial confirms this reason: one pass over the 16 digits in training mode gave the batch norms statistics, and the largest output rose from 2e-14 to 0.4.
#
# ### Exercise 2 · The front
# ★★ · 8 minutes
#
# Write `pareto`: the rows that no other row dominates, *in the order in which they came*. A row is a pair `(bytes, accuracy)`. It dominates another when it takes at most as many bytes, is at least as accurate, and is better in one of the two.
# Equal rows do not dominate each other: if one stays, all stay. A value may be `None`, not measured (0 is measured): such a row is not on the front, and dominates nobody.
#
# `pareto(rows)` → a list of rows; `rows` may be empty
#
# <details><summary>Hint</summary>
# Leave out the rows with None first. Then ask for each row whether any of the others dominates it; all pairs are good enough.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def pareto(rows):
    """The rows (bytes, accuracy) that no other dominates, in their order.

    >>> pareto([(10, 0.75)])
    [(10, 0.75)]
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.pareto(pareto)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def pareto_solution(rows):
    there = [row for row in rows if None not in row]
    return [b for b in there if not any(a[0] <= b[0] and a[1] >= b[1] and a != b for a in there)]


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · A model for the budget
# ★★ · 7 minutes
#
# Write `pick`: the name of the row to ship. A row is `(name, bytes, accuracy, speedup)`; names differ, and each of the three values may be `None`, not measured (0 is measured). A row fits when it takes at most `most_bytes` *and* is at least `least_speedup` times as fast.
# Of those that fit, take the most accurate; of equally accurate ones the one with the fewest bytes; of those that are equal there too, the first in the list. A row with a `None` is never chosen. If no row fits, return `"nobody"`.
#
# `pick(rows, most_bytes, least_speedup)` → a name, or `"nobody"`; `rows` may be empty
#
# <details><summary>Hint</summary>
# First make the list of rows that fit. Then max with a key of two parts: the accuracy, and minus the bytes. max returns the first of equal ones.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def pick(rows, most_bytes, least_speedup):
    """The name of the most accurate row within the budget, or "nobody".

    >>> pick([("float", 40, 0.5, 1.0), ("int8", 10, 0.75, 2.0)], 20, 1.5)
    'int8'
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.pick(pick)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def pick_solution(rows, most_bytes, least_speedup):
    there = [row for row in rows if None not in row]
    inside = [row for row in there if row[1] <= most_bytes and row[3] >= least_speedup]
    return max(inside, key=lambda row: (row[2], -row[1]))[0] if inside else "nobody"


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson says of the ledger and of its own runs, beside what this run gave. Claims on the ledger hold for whatever rows are in it.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("shipping")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember: the course in ten lines
#
# 1. Measure in turn, on one thread, beside a baseline: [[measuring]].
# 2. Know what a layer waits for, arithmetic or bytes ([[roofline]]), and in training what memory holds: [[training_memory]].
# 3. An integer needs a scale, and a scale needs a range: [[static]].
# 4. Look which layers really run in int8: [[audit]].
# 5. A zero is worth nothing until something leaves it out: [[zero_worth]].
# 6. Compare scores at the same budget, each at its best, and with chance ([[scores]]); a Trainer's callback does what its code does, so test it: [[lightning_pruning]].
# 7. A teacher helped where images were few: [[students]].
# 8. A language model reads nearly all its weights for each token ([[decoding]]): give them fewer bits, [[weight_only]].
# 9. Prune, share and code into one file: [[deep_compression]].
# 10. Write the budget down first, choose on some images and judge on others, and let "nobody" be an answer: this lesson.
#
# **Going further**: M. Dehghani et al., *The efficiency misnomer*, 2021, [arXiv:2110.12894](https://arxiv.org/abs/2110.12894); C. Yadav and L. Bottou, *Cold case: the lost MNIST digits*, 2019, [arXiv:1905.10498](https://arxiv.org/abs/1905.10498);
# C. Banbury et al., *MLPerf Tiny benchmark*, 2021, [arXiv:2106.07597](https://arxiv.org/abs/2106.07597).
#
# **Project ideas**: the smallest folder above the bar of section 6; your own trained model by `own_ledger(model, calibration_batches, held_out_batches)`; the front with paired errors.
#
# **Credits**: the idea of a course on efficient networks from Tal Daniel (Technion, EE 046211, tutorial 10). Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go back to the list on the board, and let the room name the line that answers each: how small, lines 5 and 9; how good, 6 and 7; how fast, 1, 2 and 8; on which device, 3 and 4; how sure, 10. The bars below are the template's files of another network, SqueezeNet: half of it pruned is as large as all of it, in int8 it is a quarter. Close with: "Of the ten lines, which would you have denied on the first day?"
