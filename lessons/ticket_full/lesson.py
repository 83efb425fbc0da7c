# ---
# jupyter:
#   course:
#     promise: You will say whether a ticket is better than a network that is done, what it saves and costs, and what is contested.
#     seconds: 45
#     needs: [measuring, baseline, energy, prune_module, prune_model, zero_worth, ticket]
#     goals:
#       - Compare two trainings by a rule that is the same for both, and name the comparison that is not.
#       - Find out by an experiment whether a ticket is better, with each arm read at the moment that suits it.
#       - Set agreement and disagreement with a paper side by side, run by run.
#       - Say what a ticket saves, in weights, bytes, energy and time, and what it costs to find.
#       - Test whether the values of a ticket matter, or their signs.
#     terms: [early stopping, learning-rate rewinding]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *Is a ticket better than a network that is done? A record of 145 long trainings answers, if one asks it fairly.*
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
# *For the lecturer, 1 min.* Say: "A short run showed the order of the arms. It could not say whether a ticket beats a network that is *done*. Today we look at networks that are." Ask: "When is a network done?" Write two answers on the board, and leave them there: *when the loss on images that it was not trained on is least* (the paper's, early stopping), and *after the last iteration*. The record: 50,000 iterations, five seeds, 145 trainings, 20 % of the weights removed a round.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import functools
import itertools
from statistics import mean

import torch

from course_utils import data, runtime
from course_utils.lottery import Results, engine
from course_utils.measure import timing
from course_utils.scorecard import claims
from lessons.ticket_full import checks as check
from lessons.ticket_full import show

TASK = "mnist"  # or "fashion_mnist", for sections 4 and 5; the record is of MNIST
SEEDS = (0, 1, 2)
runtime.seed_all(0)
torch.set_num_threads(1)
cpu = torch.device("cpu")
images = data.load(TASK)[0]
record, about = Results.load(runtime.ROOT / "records" / "lottery" / "paper-mnist.json")
runtime.describe(cpu)

# %% [markdown] slideshow={"slide_type": "skip"}
# In [[ticket]] we looked for a **ticket**: a mask that pruning finds, together with the initial weights under it. We tested it with two controls. *Reinit* keeps the mask and draws new values; *random* moves the mask to other places. The ticket stayed ahead of both controls. But all of these networks were trained at one learning rate and for 200 iterations only, and after 200 iterations a network with all of its weights, the *dense* one, is still learning. So a ticket that kept up with it may only have been faster.
#
# The paper trains each network for 50,000 iterations. This takes hours, so a record comes with the course: the paper's own setting, LeNet-300-100 on MNIST, in which each round of pruning removes 20 % of the weights that are left. It holds five seeds. Each has a dense network, a ticket at 18 densities, and both controls at five of them: 5 · (1 + 18 + 10) = 145 trainings. One image in twelve was held out, and no network was trained on it.
#
# *On your way through the whole course you may leave this lesson out. Later ones only mention what it finds.*

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Ten trainings, two readers
#
# Five dense networks and five tickets with 80 % of the weights, 50,000 iterations each. Each is read twice on the test images: at its **stop**, where its loss on held-out images was least, and at its **end**.
#
# One reader finds the ticket better in all five seeds, another worse in all five.
#
# **Predict.** Can both have calculated correctly: **A** no, **B** only with other test images, **C** yes? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Remind them: a ticket is a mask and the first weights under it. Vote; most say A. Before you show the table, draw two rising lines on the board with two dots on each, "stop" and "end": dense 97.9 and 98.1, ticket 97.9 and 98.3. Ask which of the dots one may compare. (Stop with stop: level. End with end: +0.2. Crosswise: −0.2 or +0.4, and these contain what a network gains after its stop.) Click: C. Let the room name the two rows that no careful person would publish: the last two, in which two things differ. "But five of five seeds agree!" That excludes an accident of the training; it does not say what the difference is due to. The first row and the third differ in dense alone: 0.19 points are its gain after the stop.

# %% [markdown] slideshow={"slide_type": "skip"}
# When is a network done? There are two common answers. The paper looks at the loss on the held-out images, which falls and later rises again, and takes the network as it was when this loss was least. This is called **early stopping**. It is also how the paper measures the *speed* of learning: by the iteration of this stop. The other answer is simply: after the last iteration.
#
# The record has the test accuracy of each run at both moments. The function below subtracts the dense network of the *same seed*, because some seeds are better than others for every arm.


# %% slideshow={"slide_type": "skip"}
AT_STOP, AT_END = "test_accuracy", "final_test_accuracy"  # the record's names


def lead(arm, level, ours, theirs):
    """By how many points an arm is above dense: `ours` and `theirs` say where each of the two is read."""
    pairs = zip(record.of(arm, level), record.of("dense", 0), strict=True)
    return [100 * (a[ours] - b[theirs]) for a, b in pairs]


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the lead of the ticket with 80 % of the weights, read in four ways.
show.four_readings(lead, level=1)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Both have calculated correctly (C): the same ten trainings put the ticket ahead in all five seeds, or behind in all five.** It depends on where each arm is read.
#
# <!-- page -->
#
# **By hand.** Suppose that the dense network has 97.9 % at its stop and 98.1 % at its end, and the ticket 97.9 % and 98.3 %. At their stops the two are level. At their ends the ticket leads by 0.2 points. Whoever sets the *stopped* ticket beside the *finished* dense network finds it 0.2 points behind, and whoever does the reverse finds it 0.4 points ahead. The last two numbers contain something that has nothing to do with tickets: what a network gains between its stop and its end. In the mixed rows one arm has it and the other has not.
#
# So the first two rows of the table are comparisons, and the last two are not: in these, two things differ at once. The mixed rows agree in all five seeds, and this makes them no better. That five seeds agree makes it unlikely that the difference is an accident of the training. It does not say what the difference is due to.
#
# The table also tells how much a dense network gains after its stop. The first row and the third differ in this alone: from −0.04 to −0.23, it is 0.19 points.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### After the stop
#
# At the end of the dense networks the loss on the held-out images is nearly three times what it was at their stop.
#
# **Predict.** How many of the same images are right at the end: fewer than at the stop, as many, or more? And how can that be?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Nearly everybody says fewer. Click: slightly more, 98.07 against 97.98 %. After the figure write four probabilities of the right one of two classes on the board, 0.8, 0.8, 0.45, 0.4, and below them 0.99, 0.99, 0.9, 0.02. Let the room count what is right (above a half: two, then three), and look for the image that makes the loss: it is the last, −ln 0.02 = 3.91, nearly all of the sum; the mean rises from 0.54 to 1.01. A network that trains on becomes surer of everything, of its mistakes too. Somebody will see that the caption says 0.070 and the line 0.08: the caption reads each run at its *own* stop, the line is the mean at one iteration. Say: "Where the loss is least and where most images are right are two moments."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws loss and accuracy of the dense networks on held-out images.
show.loss_and_accuracy(record)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Slightly more images are right at the end, although the loss has nearly tripled.** The loss punishes one confident mistake more than it rewards many right answers.
#
# <!-- page -->
#
# **By hand.** Four images, each with the probability that the network gives to the right one of two classes. The loss is the mean of −ln of these numbers.
#
# | | image 1 | 2 | 3 | 4 | right | loss |
# |---|---|---|---|---|---|---|
# | earlier | 0.8 | 0.8 | 0.45 | 0.4 | 2 of 4 | 0.54 |
# | later | 0.99 | 0.99 | 0.9 | 0.02 | 3 of 4 | 1.01 |
#
# Earlier the four terms are 0.22, 0.22, 0.80 and 0.92; their sum is 2.16, and a quarter of it is 0.54. Later they are 0.01, 0.01, 0.11 and 3.91, with the sum 4.04 and the mean 1.01. One more image is right, for 0.9 is above a half. But on the fourth image the network has become sure of the wrong class, and this one term, −ln 0.02 = 3.91, is nearly all of the sum. A network that trains on and on becomes surer of everything, also of its mistakes.
#
# Why does the caption say 0.070 and 97.98 %, when the lines are at about 0.08 and below 97.8 % at the dashed one? The caption reads each run at its *own* stop, and a least value is in part a lucky one. The line is the mean of five runs at the same iteration. For the same reason the gain in the caption, 0.09 points or four to five images of 5,000, is probably too small, because these held-out images have chosen the stop. The test images have chosen nothing, and on them the gain is 0.19 points.
#
# So *where the loss is least* and *where most images are right* are two moments. Here the accuracy was still rising a little at the stop. Whether it does so in other networks has to be measured. Early stopping is a good rule, but it is *a* rule, and "the network at its stop" is not the best that the network can be.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. Is it better than a network that is done?
#
# A ticket and a dense network, each trained for 50,000 iterations, both read at the *end*. The ticket has 80 % of the weights, or fewer, down to 1.9 %.
#
# **Predict.** Is the ticket more accurate: **A** never, **B** with many weights and not with few, **C** always? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* If you show this slide alone: a ticket is a pruned network that starts again from its first weights; its stop is where the loss on held-out images is least. Vote. Click: B. Read the blue line first, then the orange one. Ask: "Which of the three lines would you not publish?" (The grey one: it compares the stopping, too, and would make losers of the tickets with 80 and 64 %.) Then: a tenth of a point is ten digits of 10,000; the lead is nowhere above 0.4. "Why should fewer weights be better?" The usual guess is that they fit less of what is peculiar to the training images. But at 21.1 % reinit and random have as few, and are behind dense, by 0.20 and 0.16. So there it takes the right places with the right values; why, the record cannot tell.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the lead of the ticket over the weights left, both at their end, both at their stop, and mixed.
show.fair_and_unfair(record, lead)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With many weights yes, by up to 0.4 points; with few weights no (B).** Both at their end, the ticket leads from 80 to 5.6 % of the weights in the mean, is level at 4.5 %, and is behind from 3.6 % on.
#
# <!-- page -->
#
# [[ticket]] asked whether a small part can learn as well as the whole. Here the answer is yes: the dense networks have had all the iterations of the experiment, and the tickets are still a little better. At nine of the densities from 80 to 8.7 % all five seeds agree, at 64.1 and 51.3 % four of five. The lead is small. At 21.1 % it is 0.35 points, which are 35 digits of 10,000, and it is nowhere above 0.4 in the mean.
#
# The paper says the same: at iteration 50,000 its winning tickets are *up to 0.35 points* better (section 2, quoted here from a summary of it; look it up before you cite it). It adds that nearly all networks have 100 % of the *training* images right by then. So the tickets are not better because they fit the training images better.
#
# Why should a network with fewer weights be better? The usual guess is that it cannot fit so much of what is peculiar to the training images. But then any sparse network should gain. At 21.1 %, at their end, *reinit* and *random* have as few weights as the ticket, and are *behind* the dense network, by 0.20 and 0.16 points (the table under *Deeper*). With fewer weights they are further behind. So there, at this rate, a sparse network needs the right places with the right values to be ahead. Why these help at the end, and not only at the start, the record cannot tell. At 51.3 % the controls do not refute the guess: on the test images they too are a little above dense, by 0.07 and 0.04 points, and the ticket's own lead of 0.11 is hardly larger.
#
# The other two lines show what the choice of the moment does. Both at their stop (orange), the ticket looks better with few weights, and level at 80 %. The grey line is the mixed comparison: it lies below the blue one wherever tickets gain after their stop, and it would have made tickets with 80 and 64 % losers.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Two fair rules that disagree
#
# At 3.6 % of the weights the ticket leads by 0.15 points if both are at their stop. It is 0.16 points behind if both are at their end.
#
# **Predict.** Dense gains 0.19 points between stop and end. What does the ticket do in that time: **A** gain less, **B** stay as it is, **C** lose? And why does it matter?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Let them calculate on paper first: from +0.15 to −0.16 are 0.31 points, and 0.19 of them are dense's; so the ticket loses 0.12, C. Who says A has subtracted the wrong way. It matters, for each rule holds one arm back: at the stop dense is not yet at its best, at the end the ticket no longer is. Then ask who may choose the moment: the test images? (No, who chooses by them is lucky on them; the held-out images choose, for both arms.) After the table: in which rows does *each where it is better* equal *both at stop*, *both at end*, or neither? (At 80, 51.3, 10.8, 7.0 and 4.5 % the end; in the others, *ticket at its stop*, neither; never *both at stop*, as dense is better at its end.) "Is that not the mixed row of the first table?" There a reader had *decided* to mix; here each arm was free to choose. At 21.1 % an honest choice was wrong: 0.22 in place of 0.35.

# %% [markdown] slideshow={"slide_type": "skip"}
# A third rule gives each arm what is best for *it*: each is read where it is better, at its stop or at its end. But this is a choice, and whoever chooses by the test images will be lucky on the test images. So the *held-out* images choose, for each arm by the mean of its five seeds, and both arms may choose between the same two moments.


# %% slideshow={"slide_type": "skip"}
HELD_OUT = {AT_STOP: "validation_accuracy", AT_END: "final_validation_accuracy"}  # the record's names again


def better_place(arm, level):
    """Where more held-out images are right, in the mean over the seeds: at the stop or at the end."""
    return max((AT_STOP, AT_END), key=lambda place: mean(run[HELD_OUT[place]] for run in record.of(arm, level)))


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the lead of the ticket by three rules, each of them the same for both arms.
show.three_rules(record, lead, better_place)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The ticket loses 0.12 points after its stop (C). Read where it is better, at its stop, it is level with a dense network at its end.**
#
# <!-- page -->
#
# From +0.15 to −0.16 the lead falls by 0.31 points. Dense gains 0.19 of them, so the ticket loses the other 0.12. It matters because both rules hold one arm back here: at the stop dense is not yet at its best, and at the end the ticket is no longer at its best.
#
# The third rule does neither. At 3.6 % it takes the stopped ticket and the finished dense network, which in section 1 was a fault. What is the difference? There one reader had *decided* to mix. Here each arm was free to choose, by images on which no result is reported, and at 80 % the same rule reads both arms at their end. So a comparison is not fair because two words are equal. It is fair when both arms had the same choice, and neither was held back.
#
# Look at the row of 21.1 %. *Each where it is better* gives 0.22 there, and *both at end* 0.35. Was the worse place chosen? By the test images, yes. But the held-out images chose, and they preferred the stop, by 0.02 points, which is one image of 5,000. An honest choice can be wrong. Whoever corrects it by the test images has chosen by the test images after all. (The stop was found on the same held-out images, by their loss, so they probably flatter it a little.)
#
# All three rules agree on most of the answer: from 51.3 to 7.0 % the ticket leads, and at 1.9 % it is behind. Where they disagree, at 80 % and from 4.5 to 2.9 % (the table leaves out 2.9 %), say which rule you used.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Does the ruler matter?
#
# All five seeds are judged by the *same* 10,000 test images. The 5,000 held-out images are other ones for each seed.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to section 3. The next three minutes, about another set of images, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** With both arms at their end: will the lead on held-out images be smaller than on test images, the same, or larger? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Take a vote, and collect reasons. Most say "the same": no network was trained on either. Click: smaller, 0.15 in place of 0.26. After the table: what of the blue line survives on both rulers? (The ticket leads from 80 to 10.8 %, by less than half a point, and is behind from 3.6 % on.) What does not? (The lead at 7.0 % and its neighbours: +0.14 against 0.00.) Ask what the five seeds have in common, and let somebody say: the test images. If a few dozen of them suit sparse networks, they do so in every seed. How large is such luck? On the board: two networks that differ in, say, 150 images of 10,000; √150 is about 12; that is 0.12 points. "And the learning rate?" One for all; with 5,000 iterations dense is best at just this one of four, so it is not held back.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the lead at the end, by two rulers.
show.two_rulers(record, lead)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **On held-out images the lead is little more than half as large: 0.15 points in place of 0.26, in the mean from 80 to 8.7 % of the weights.**
#
# <!-- page -->
#
# No network was trained on either set, and at the end neither set has chosen anything, so both are honest rulers. Why do they differ? Five seeds tell how far *trainings* differ. They do not tell how far *sets of images* differ, because on the test set all five seeds meet the same 10,000 images. If a few dozen of these happen to suit sparse networks, they do so in every seed, and the mean over seeds does not remove it. For the held-out images a new set is drawn with each seed, so that such luck averages out in part; but they are half as many, and their ranges are wider.
#
# A second reason is possible. Those who made MNIST (Y. LeCun, C. Cortes and C. Burges) state that other people wrote its test digits than its training digits, and our held-out images were taken from among the training digits. If sparse networks did better with handwritings that they have never met, only the test images could show it. The record cannot tell this from luck.
#
# **By hand.** How large can such luck be? Only images count on which one network is right and the other wrong ([[baseline]]). If there are $d$ of them among $n$, the standard error of the lead is about $\sqrt d / n$. Each network has some 180 of 10,000 images wrong, so two networks differ in at most 360. Say that there are 150: $\sqrt{150}$ is about 12, so luck moves the lead by some 12 images of 10,000, or 0.12 points. So a single set of images easily moves a lead by a tenth of a point, and this is the distance of the two rulers.
#
# What survives on both rulers: the ticket leads in the mean at each density from 80 to 10.8 %, by less than half a point, and it is behind from 3.6 % on. What does not survive: the lead from 8.7 to 5.6 %, where the held-out images see none.
#
# **Is each arm at its best?** All arms were trained at the learning rate 0.0012, and [[ticket]] left open whether another one suits some of them better. Nobody has run 50,000 iterations at other rates here. But another record of the course has 5,000 iterations at the four rates 0.0003, 0.0012, 0.0048 and 0.0192, with 7 % of the weights:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes ticket − dense at one rate, and each at its best of four.
show.at_all_rates()

# %% [markdown] slideshow={"slide_type": "skip"}
# For the dense network the best of the four rates *is* 0.0012, and a lower one was tried, too. So it is not held back, and the lead of the ticket hardly depends on the rate. It is likely, and not tested, that this holds for 50,000 as well.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Does it learn sooner?
#
# How fast a network learns is read from its early stop. Each run is divided by the dense run of its own seed.
#
# **Predict.** With 21.1 % of the weights, who stops sooner than dense: **A** the ticket and its mask with new values (*reinit*), **B** the ticket alone, **C** neither? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; A is common. Ask first why we divide within a seed: the stops of the five dense networks alone lie between 4,200 and 6,600 iterations. On the board, seed 0: dense 4,300, ticket 2,800, reinit 11,300; the quotients are 0.65 and 2.63. Click: B. The axis doubles from line to line; below the dashed line is sooner. So the places alone do not do it: with new values the same mask takes longer than dense, in four seeds of five. In the paper the ticket needs as long as dense again at 3.6 %: let the room look for it (the second blue bar right of the 5 is near it, 1.05). "Sooner" speaks of the first tenth of the training, "better at the end" of what comes long after.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the early stop of each arm, over that of dense.
show.when_they_stop(record)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The ticket alone (B): it stops after 0.58 times the iterations of dense, and the same mask with new values after 1.75 times.**
#
# <!-- page -->
#
# So, at one rate for all, the places alone do not make a network learn sooner; with new values it takes *longer* than the dense one, in four seeds of five. With fewer weights the controls fall further behind, to more than three times dense at 3.6 %. The ticket stays below 1 in the mean down to 5.6 %, and then slows down, too.
#
# **By hand.** With seed 0 the dense network stops after 4,300 iterations, the ticket with 21.1 % of the weights after 2,800, and its reinit after 11,300. 2,800 / 4,300 is 0.65, and 11,300 / 4,300 is 2.63. The figure shows the means of five such quotients. The five dense networks stop after 4,200 to 6,600 iterations, about a tenth of the 50,000. So "sooner" speaks of the beginning of the training, and "better at the end", in section 2, of what comes long after it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The paper's figures, and ours
#
# The text of the paper (section 2) gives ratios and differences. The last column counts the seeds whose *direction* is the paper's.
#
# **Predict.** What will a re-run with other seeds more easily miss: the paper's times, or its accuracies? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Expect *the times*, since a stop is the place of a minimum on a flat curve. Click: neither is safe. What we compare are small *differences* of accuracies. Let the room judge the columns *paper* and *record* first, the last column after (a weak test: a direction has two outcomes); then the range in the row *above reinit*: 0.12 to 0.62. In the row of reinit the divisor is the ticket, not dense as in the figure before. Say what is different here: one re-initialisation a seed where the paper has three, other draws, perhaps images of another scale.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the figures of the paper beside those of the record.
show.beside_the_paper(record, lead)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A re-run can miss either: one seed disagrees in two of the four rows of times, and in one of the five rows of accuracies.**
#
# <!-- page -->
#
# Most people expect the times, because a stop is the place of a minimum on a curve that is nearly flat there (section 1), while an accuracy is an average over 10,000 images. But what we compare are small *differences* of accuracies. At 21.1 % reinit takes 2.0 to 4.4 times as long as the ticket, depending on the seed, and is 0.12 to 0.62 points behind: in relation to its mean the second range is wider. On another kind of processor the stop of the same run moves by a tenth in the median, and its accuracy by 0.11 points, a third of such a lead (*Deeper*). So trust no single ratio or difference. In the mean all nine directions are those of the paper, a weak test, because a direction has only two outcomes. The sizes agree less well: 3.08 times in place of 2.51, and 0.38 points above reinit in place of 0.5. (Where the paper says "about", we count a seed as agreeing if it is within a third of the iterations, or within 0.3 points.)
#
# The last row needs care. "Up to 0.35" is the *highest* of many densities, and so is our number. The highest of eighteen means is a little too high by luck, since the luckiest of them wins. To avoid that, let the held-out images choose the density, and read the test images there. Here they choose the same density, 41.1 %, so the number stays.
#
# One figure disagrees, and the table leaves it out: in the paper the accuracy of reinit is below that of dense from 21.1 % on. In the record, at their stops, it is level there, below in four seeds of five at 13.5 %, and in all five at 7.0 %.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. What a ticket saves, and what it costs
#
# "A sparse network is cheaper to train." With 7 % of the weights a step should need 7 % of the work.
#
# **Predict.** A training step of the ticket with 7 % takes, compared with dense: **A** about as long, **B** half as long, **C** a tenth? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; expect B and C. Click: A. After the table: the zeros are multiplied like any number, and the optimizer reads and writes 28 bytes for each weight, zeros too. And the network of 24 hidden units, with as many weights? It is what a smaller *shape* brings: several times as fast. "And with a sparse kernel?" Step and later rounds would be cheaper, but the *search* would still cost more than one dense training: its first training is of the dense network, at the full price.

# %% [markdown] slideshow={"slide_type": "skip"}
# We time one step of three networks: dense, the same under a mask that leaves 7 % of the hidden weights, and a small dense network with one hidden layer of 24 units. This has 784 · 24 + 24 · 10 = 19,056 weights, about as many as the mask leaves. (The learning rate is tiny, so that the timing changes no weight.)

# %% slideshow={"slide_type": "skip"}
plan = show.plan_of(TASK)  # from here on short runs: 200 iterations, rounds that leave 50, 20, 7 and 3.6 %
SMALL = (784, 24, 10)
sets = engine.load(TASK, plan.held_out, 0)
picked = next(engine.batches(sets.chosen, plan.batch, 0))
x, y = sets.rows[picked], sets.labels[picked]


def first(seed, widths=plan.widths):
    """The first weights and biases of a seed, and masks of ones."""
    values = engine.initial(widths, seed)
    return values, [torch.ones_like(weight) for weight in values[::2]]


# %% slideshow={"slide_type": "skip"}
values, ones = first(0)
mask = engine.keep_largest(values, ones, plan.layer_densities(3))
steppers = {
    "dense": engine.Trainer(values, ones, batch=plan.batch, lr=1e-12),
    "ticket, 7 %": engine.Trainer(values, mask, batch=plan.batch, lr=1e-12, few=0),  # Adam gets the zeros, too
    "24 hidden units, dense": engine.Trainer(*first(0, SMALL), batch=plan.batch, lr=1e-12),
}
taken = timing.compare({n: lambda t=t: t.step(x, y) for n, t in steppers.items()}, rounds=9, device=cpu)
weights = {n: int(sum(m.sum() for m in one.masks)) for n, one in steppers.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the times of a training step.
show.step_table(taken, weights)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The step of the ticket takes about as long as that of the dense network (A), because the matrix products multiply the zeros like any other number.** The small dense network is several times as fast.
#
# <!-- page -->
#
# This is what [[zero_worth]] found for a single image: a zero saves time only where a kernel leaves it out. A training step has a second part besides, the optimizer, which reads and writes 28 bytes for each weight, zeros too; *Deeper* takes it apart. And even with a perfect sparse kernel the *search* would cost more than a dense training, because its first training is one, at the full price.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### "More than 90 % compression"
#
# 7 % of the weights are left. Store the values that are left, and one bit for each place that says whether it has a value.
#
# **Predict.** How many times smaller is the file than the dense one: **A** 5, **B** 10, **C** 14? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them compute: 7 % of 32 bits is 2.2 bits a place, and the mask adds 1: 3.2 of 32, a tenth, B. (9.4 in the table, for the file has headers.) Who says C has forgotten the mask. Then ask for 3.6 %: 1.2 + 1 bits, the mask begins to weigh as much as the values. The last column: gzip alone shrinks stored zeros; beside it the format is only about twice as small. "Is that a merit of the ticket?" No: a network that was pruned and trained on has a file of the same size.

# %% [markdown] slideshow={"slide_type": "skip"}
# The next cells make the tickets. `learn` is a training of 200 iterations. `found` trains what `begin` gives it; `begin` takes the network of the round before, keeps the largest weights of each layer, and sets them back to their first values. With `rewind=False` they stay as they were trained; the next question needs that.


# %% slideshow={"slide_type": "skip"}
def learn(values, masks, seed, rate=plan.lr, times=1):
    """Train from these values under these masks, `times` times through the same 200 batches."""
    sets = engine.load(TASK, plan.held_out, seed)
    one = engine.Trainer(values, masks, batch=plan.batch, lr=rate)
    batches = list(itertools.islice(engine.batches(sets.chosen, plan.batch, seed), plan.iterations))
    for picked in batches * times:
        one.step(sets.rows[picked], sets.labels[picked])
    return one


# %% slideshow={"slide_type": "skip"}
@functools.cache
def begin(seed, rounds, rewind=True):
    """The values and the masks with which the training after so many rounds begins."""
    if rounds == 0:
        return first(seed)
    one = found(seed, rounds - 1, rewind or rounds == 1)  # the first training is the same with and without rewind
    masks = engine.keep_largest(one.values, one.masks, plan.layer_densities(rounds))
    return (first(seed)[0] if rewind else one.values), masks


@functools.cache
def found(seed, rounds, rewind=True):
    """The network that comes of this training; it is kept, so that no training is made twice."""
    return learn(*begin(seed, rounds, rewind), seed)


# %% slideshow={"slide_type": "skip"}
ROUNDS = {"dense": 0, "ticket, 20 %": 2, "ticket, 7.0 %": 3, "ticket, 3.6 %": 4}
trained = {n: found(0, rounds) for n, rounds in show.alive(ROUNDS.items(), "tickets")}
files = show.Files(trained)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes how much smaller the files of the tickets are.
files.table()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **About 10 times (B): the values that are left take 7 % of the bytes, and the mask takes another 3 %.**
#
# <!-- page -->
#
# **By hand.** A dense weight has 32 bits. With 7 % left there are 0.07 · 32 = 2.2 bits of values for each place, and 1 bit of mask: 3.2 of 32, a tenth. With 3.6 % left it is 1.15 + 1 = 2.15 bits, and nearly half of them are mask. That is nearly fifteen times smaller before the headers of the file.
#
# So "more than 90 % compression" is true of the *weights* and only just true of the *bytes*. Where everything is put through gzip, the stored zeros shrink by themselves, and at 7 % the format with bits and values is only about twice as small as that.
#
# Fewer bytes also take less energy to fetch. By the prices of [[energy]] it takes 640 pJ to fetch 32 bits from the main memory, and 4.6 pJ to multiply and add. The dense network has 266,200 weights. So an image costs 170 µJ for the fetches and 1.2 µJ for the arithmetic. Packed, a tenth of the bits is fetched, for 17 µJ, and the arithmetic stays, because the zeros are multiplied. Together it is about a tenth, as long as the weights stay packed until they are used (the ledger under *Deeper*).
#
# None of this is a merit of the ticket. A network that was pruned and trained on ([[zero_worth]]) has a file of the same size.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Is the rewind worth it?
#
# Four trainings of 200 steps lead to the ticket with 7 %: three find its mask, the fourth trains it. Now do the same *without* the rewind: after each cut train on from the trained weights.
#
# **Predict.** After the fourth training, is this network worse than the ticket, as good, or better? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. Click: better, by about two points. The bars begin at 85 %, so read the numbers. After the figure ask what each bar has in common with the ticket: the trainings (trained on), the number of weights (24 units), the price (all of them: 800 steps). "Why is *trained on* better?" The rewind throws away what three of four trainings have taught the weights. "Would better search not save the ticket?" It is the second bar, and still behind. Then: who would pay for the rewind, and what do they learn by it? (Not who ships a small network: train on. Who asks about learning: that the weights which are left could have been enough from the beginning.) By the paper's schedule the price is 13 trainings. With long trainings the loss should become small.

# %% [markdown] slideshow={"slide_type": "skip"}
# A ticket is an answer to a question about learning. If somebody only wants a small network, what are its opponents? *Trained on* has as many weights, by the same four trainings; only the rewind is missing. *24 hidden units* has as many weights as well, all of them in a dense network that needs no search. *Dense* has fourteen times as many. All get the same price: 800 steps in all, through the same 200 batches.
#
# For its last training each arm is given its own best learning rate, chosen on held-out images. The three trainings before it, of the ticket and of *trained on*, are made at 0.0012. A ticket is better when these have a better rate as well. A record of the course has such a ticket, searched at 0.0048, and we put it beside the others.


# %% slideshow={"slide_type": "skip"}
RATES = (0.0012, 0.0048, 0.0192)


def at_rates(start, what, rates=RATES, times=1):
    """Train from `start(seed)` at each of the rates: percent of the held-out and of the test images right."""
    results = {rate: [] for rate in rates}
    for rate, seed in show.alive(itertools.product(results, SEEDS), what):
        one, sets = learn(*start(seed), seed, rate, times), engine.load(TASK, plan.held_out, seed)
        held_out = one.score(sets.validation_rows, sets.validation_labels)[1]
        results[rate].append((100 * held_out, 100 * one.score(sets.test_rows, sets.test_labels)[1]))
    return show.Tried(results)


# %% slideshow={"slide_type": "skip"}
rivals = {
    "ticket": at_rates(lambda seed: begin(seed, 3), "ticket"),
    "ticket, better search": show.searched_at(0.0048),  # from the record of the lesson ticket
}

# %% slideshow={"slide_type": "skip"}
rivals["trained on"] = at_rates(lambda seed: begin(seed, 3, rewind=False), "trained on")

# %% slideshow={"slide_type": "skip"}
rivals["24 hidden units"] = at_rates(lambda seed: first(seed, SMALL), "24 hidden units", times=4)

# %% slideshow={"slide_type": "skip"}
rivals["dense"] = at_rates(first, "dense", RATES[:2], times=4)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws the accuracy of the ticket and of its opponents.
show.bill(rivals, plan.iterations)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It is better, by about two points: 95.1 % against 93.3 % in the run on this page.** A ticket that was searched at a better rate comes within half a point of it.
#
# <!-- page -->
#
# (With three other seeds it was 1.4 points. The bars begin at 85 %, so compare the numbers and not the lengths.) Both have as many weights, and both have made the same four trainings through the same batches. Only the rewind differs, and it throws away what three of the four trainings have taught the weights; the mask is all that is kept. Trained on, the weights have learned for 800 steps. The rewound ones have learned for 200.
#
# So for somebody who wants a small and accurate network the rewind brings no gain. *Trained on* is as good as the dense network at the same price, with 7 % of its weights. And the ticket itself? A dense network of 24 hidden units, with as many weights and as many steps, is a few tenths behind it (with three other seeds 0.8). The ticket with the better search is well ahead of that one, by nearly two points. But each step of the small network takes a fraction of the time, and it needs no mask in its file. (In this run the ticket is best at the highest rate that was tried, and dense at the lower of its two. So the best of either may lie beyond, and a few tenths should not be argued about.)
#
# **By the paper's schedule** the price is higher. It leads to 7 % in twelve rounds, because it removes 20 % at a time, and so to 13 trainings of 50,000 iterations each; to 3.6 % it is 15 rounds and 16 trainings.
#
# **By hand.** Does the earlier stop of section 3 pay this back? At 21.1 % the ticket needs 0.58 of dense's iterations, so each training of it saves 0.42 of one. Seven trainings come before it. Suppose that each of these is stopped early, too, and costs as much as a dense one up to its stop. Then the ticket has to be trained 7 / 0.42, or about 17 times, before anything is saved. (With the seven stops of the record it is about 12 times. Whether masks of stopped networks are as good was not tested.) Who trains the same network so often? Only somebody who uses a mask again and again, for example for other data, and whether it wins there would have to be tested first.
#
# This was measured with 200 steps a training, where 600 steps more are a great deal. With long trainings the last one alone can teach the weights nearly everything, and the loss should become small. A. Renda et al. ([2020](https://arxiv.org/abs/2003.02389)) trained larger networks to the end. They keep the trained weights, begin the schedule of the learning rate anew, call it **learning-rate rewinding**, and find it as good as rewinding the weights, or better.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. The values, or only their signs?
#
# H. Zhou et al., *Deconstructing lottery tickets*, 2019 ([arXiv:1905.01067](https://arxiv.org/abs/1905.01067)), report: keep the *signs* of the initial weights, and other sizes do nearly as well.
#
# Test it: the ticket's mask at 7 %, new random sizes, signs from $\theta_0$.
#
# **Predict.** New values cost accuracy. How much of that gap do the signs win back: **A** a tenth, **B** more than half, **C** all of it? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* On the board three kept weights: first values 0.3, −0.1, −0.4; newly drawn −0.2, 0.5, −0.05; *new sizes, own signs* is 0.2, −0.5, −0.05. Vote; many say A. Click: B. Point out the fairness: rows two and three have the *same* new sizes, and differ in their signs alone. "How can one bit do so much?" A sign says for or against, a size how loudly; the mask has kept the weights whose first sign was the one that the training wanted, and a newly drawn sign is wrong half of the time. The 80 % at the best rates are a share of a small gap, about a point (other processors gave 91 and 107 %), and all are best at the highest rate tried: keep "more than half", and forget the digits. After the table look at the column *untrained*: which are classifiers before any training? The first, and the second in part; new signs are at guessing.

# %% [markdown] slideshow={"slide_type": "skip"}
# A weight has a sign and a size. The sign says whether the unit votes for or against; the size says how strongly. **By hand.** Let the first values of three kept weights be 0.3, −0.1 and −0.4, and let the newly drawn ones be −0.2, 0.5 and −0.05. *New sizes, own signs* takes 0.2, −0.5 and −0.05: the magnitudes are those of the new draw, the signs those of the first. *The same sizes, new signs* takes −0.2, 0.5 and −0.05, the new draw as it is, which is *reinit*. So these two rows have the same magnitudes at the same places, and differ in at most one bit for each weight.
#
# A control that shares a learning rate with the ticket can look worse than it is. So each of the three starts gets its own best of three rates here, too.


# %% slideshow={"slide_type": "skip"}
def newly_drawn(seed, own_signs):
    """The start of the ticket with newly drawn sizes: with the signs of its own first weights, or with new signs too."""
    (own, masks), (new, _) = begin(seed, 3), first(1_000 + seed)
    signed = [b.abs() * a.sign() if a.dim() == 2 else b for a, b in zip(own, new, strict=True)]
    return (signed if own_signs else new), masks


starts = {
    "its own (the ticket)": rivals["ticket"],
    "new sizes, own signs": at_rates(lambda seed: newly_drawn(seed, True), "own signs"),
    "the same sizes, new signs": at_rates(lambda seed: newly_drawn(seed, False), "new signs"),
}

# %% slideshow={"slide_type": "skip"}
beginnings = (lambda seed: begin(seed, 3), lambda seed: newly_drawn(seed, True), lambda seed: newly_drawn(seed, False))
untrained = {name: [] for name in starts}
for name, start in zip(starts, beginnings, strict=True):
    for seed in SEEDS:
        one = engine.Trainer(*start(seed), batch=plan.batch, lr=plan.lr)
        untrained[name].append(100 * one.score(sets.test_rows, sets.test_labels)[1])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what the three starts come to.
show.signs_table(starts, untrained, plan.lr)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than half (B): in the run on this page 71 % of the gap if all share the rate of the search. At the best rates the gap is too small to tell (80 %).**
#
# <!-- page -->
#
# One bit for each weight, which way it points, carries most of what the initial values bring. The column *untrained* shows it before any training: with its own signs the network gets most of the digits right, and with new signs it guesses.
#
# How can it, when it has learned nothing? Its mask has learned. In [[ticket]] the choice of the weights alone made a classifier of an untrained network, because a mask cannot correct a wrong vote, but can silence it. **By hand.** Two weights begin at 0.3 and −0.1, and training moves both by +0.2, to 0.5 and 0.1. The mask keeps the larger one. Its first sign was the one that the training wanted; the other pointed the wrong way, and is silenced. We counted this outside this page: after the dense training that begins the search, 100.0 % of the weights that are kept in the end have their first sign, and 88 % of the others. Another size only makes a vote louder or softer, but a newly drawn sign is wrong half of the time.
#
# At the shared rate new signs cost about four points, at the best rates about one. A higher rate moves the weights further in the same number of steps, so that they depend less on where they began. What is won back is therefore a share of a small number, and three seeds tell it only roughly: on two other processors the same run gave 91 and 107 % at the best rates, and three other seeds 61 %. So keep "more than half", and forget the digits. All three are best at the highest rate that was tried; at twice that rate, outside this page, all three were worse.
#
# Zhou et al. found the same with LeNet-300-100 on MNIST, our network, and with three small convolutional networks on CIFAR-10. Whether signs are enough with 50,000 iterations was not tested here.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What is contested, and what stands
#
# | who | network | what they report |
# |---|---|---|
# | Z. Liu et al., [2018](https://arxiv.org/abs/1810.05270) | deeper ones, CIFAR-10 | with a well chosen learning rate no gain over new values |
# | T. Gale et al., [2019](https://arxiv.org/abs/1902.09574) | Transformer, ResNet-50 | sparse from the start is behind pruning while training |
# | J. Frankle et al., [2019](https://arxiv.org/abs/1903.01611) | deeper ones | tickets again, if one rewinds to an *early iteration* |
# | A. Renda et al., [2020](https://arxiv.org/abs/2003.02389) | several | trained weights, schedule of the rate begun anew: as good or better |
#
# A ticket is evidence about *learning*: a sparse network learns this, if it starts right.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask which of the papers contradict each other, and which only speak of other networks, rates and budgets. (None contradicts the record of today, a small network at one rate. The first and the third speak of deeper networks: from the first values no ticket at a good rate, from an *early iteration* one again. The second and the fourth have other opponents: pruning while training, and training on.) A good answer names, for each claim, the network, the learning rate and the control. Then let the last sentence be attacked: "What would change your mind?" For example: another control that ends as high, at its own best rate; or the same leads gone on new test images.

# %% [markdown] slideshow={"slide_type": "skip"}
# None of these reports contradicts the record, because they speak of other networks, other learning rates and other opponents.
#
# *Small networks*, such as ours: winning tickets from the first values exist. To *win*, a ticket has to be as accurate as the dense network in no more iterations ([[ticket]]). In the record tickets with 51.3 to 7.0 % of the weights do, by all three rules for the accuracy on the test images and in the mean for the stops, with five seeds and an opponent that is done. On the held-out images (section 2), at the end, they lead down to 10.8 %, and at 8.7 and 7.0 % they are about level. Both controls were trained at four of these densities. What one learning rate for all arms does was tested with 5,000 iterations, and not with 50,000.
#
# *Large networks*: winning tickets were found by rewinding to an early iteration of a training that has already begun, and the mask was that of a full training. What wins there are *early* values and no longer *initial* ones (more in *Deeper*).
#
# *As a way to ship a small network*: train on, without the rewind. The ticket pays for its search just the same, and in our short runs the network that it ships is worse. The rewind is there for the question: it shows that the weights which are left could have been enough from the beginning.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here. Your function must leave what it is given as it is.
#
# ### Exercise 1 · Is it better than a network that is done?
# ★★ · 12 minutes · an investigation
#
# Read each arm where *it* is better, at its stop or at its end: the held-out images say where that is, and the test images say how good it is there. Which one is then ahead by more than 0.2 points, in the mean over five seeds or more?
#
# `better_than_done(right)` → `"ticket"`, `"dense"` or `"neither"`
#
# <!-- page -->
#
# An instrument, `right(arm, finished, seed, test)`, gives the percent of images that the `"ticket"` or the `"dense"` network of a seed gets right: at its stop (`finished=0`) or at its end (`1`), of the held-out images (`test=0`) or of the test images (`1`).
#
# <details><summary>Hint</summary>
# For each arm you make two decisions with different images: first where it is read, then how good it is there. One place for all networks of an arm.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function the instruments of several made-up experiments. In some of them an arm gets better after its stop, in others worse; some sets of test images are luckier than the held-out ones; and some seeds are unlike the others. Both arms must be run in the same way.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* In pairs, without a laptop: "Which numbers do you ask for, and in which order?" (For each arm the held-out mean at the stop and at the end, over five seeds; the better one says where it is read; then the test mean there; the difference last. One place for all networks of an arm.) Who lets the test images choose is lucky on them. Then: "Invent an experiment that fools somebody who reads both arms at their end." For example dense 98.0 at both, ticket 98.4 at its stop and 97.7 at its end, on both sets: the ends say dense, each where it is better says ticket. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def better_than_done(right):
    """Say which arm is better: "ticket", "dense" or "neither".

    Args:
        right: the instrument, for example
            right("ticket", finished=0, seed=3, test=1)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.better_than_done(better_than_done)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def better_than_done_solution(right):
    best = {}
    for arm in ("ticket", "dense"):
        held_out = [mean(right(arm, finished=place, seed=seed, test=0) for seed in range(5)) for place in (0, 1)]
        place = int(held_out[1] > held_out[0])
        best[arm] = mean(right(arm, finished=place, seed=seed, test=1) for seed in range(5))
    gap = best["ticket"] - best["dense"]
    return "ticket" if gap > 0.2 else "dense" if gap < -0.2 else "neither"


# %% [markdown] slideshow={"slide_type": "skip"}
# When your function has passed, hand it the real record: `better_than_done(of_level(7))` asks about the tickets with 21.1 % of the weights. The record has the seeds 0 to 4. At which of the levels from 1 (80 %) to 18 (1.9 %) does the answer change?


# %% slideshow={"slide_type": "skip"}
def of_level(level):
    """The instrument of Exercise 1, for the tickets of the record after so many rounds."""

    def right(arm, finished=0, seed=0, test=0):
        place = (AT_STOP, AT_END)[finished]
        return 100 * record.of(arm, level if arm == "ticket" else 0)[seed][place if test else HELD_OUT[place]]

    return right


# %% [markdown] slideshow={"slide_type": "skip"}
# <details><summary>Compare</summary>
# The answer is "ticket" at level 1, "neither" at 2 and 3, "ticket" from 4 (41.1 %) to 11 (8.7 %), "neither" from 12 (7.0 %) to 16 (2.9 %), and "dense" at 17 and 18. The changes at the beginning tell little: at level 1 the lead is 0.22 points, and the bar is at 0.2. Move the bar to 0.25, and see which answers stay.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# What follows is for whoever wants to use the record, to write early stopping down, to know where the time of a training step is spent, or to read on about large networks.
#
# ### What the record holds
#
# All arms at the five densities at which both controls were trained. Accuracy at the stop is that of the paper. The record was validated every 100 iterations, and after iteration 20,000 every 500 (the paper: every 100 throughout).

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the accuracies of all arms, and who made the record.
show.made(record, about)
show.controls_table(record)

# %% [markdown] slideshow={"slide_type": "skip"}
# Both controls are below the ticket at each of these densities, at the stop and at the end. At 51.3 % and at the end it is less than a tenth of a point.
#
# Anyone can make the record, stop it, and go on: `python course.py lottery --paper` keeps each seed that is finished. Every run uses one thread and the seed of its trial. On a cluster it is one call with another `map`, which the page *Your sweep on many machines* (`docs/sweeps.md`) explains; this has both controls at all 18 densities:
#
# ```python
# lottery.sweep(lottery.Experiment(), seeds=range(5), file="paper.json", map=on_the_cluster)
# ```

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Read the curves
# ★★ · 8 minutes
#
# `dense` and `ticket` are lists of rows (iteration, validation loss, validation accuracy, test accuracy), one for each validation, in order; accuracies from 0 to 1. Both runs are validated at the same iterations, and no two losses of a run are equal. Stop each run where its own validation *loss* is least. Return by how many *percent* of dense's stop the ticket stops sooner (negative if later), and how many *points* better the test accuracy of the stopped ticket is.
#
# For example: dense (100, 0.30, …, 0.90), (200, 0.20, …, 0.93), (300, 0.25, …, 0.94) and ticket (100, 0.22, …, 0.92), (200, 0.24, …, 0.93), (300, 0.30, …, 0.94) give 50 % and −1 point.
#
# `compare_runs(dense, ticket)` → (percent sooner, points better)
#
# <details><summary>Hint</summary>
# First find one row in each run, then compare the two rows. You may not look at the test accuracy to choose them. Points are differences of percentages.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def compare_runs(dense, ticket):
    """(percent of dense's stop that the ticket stops sooner, points that its test accuracy is better there).

    >>> compare_runs([(100, 0.3, 0.9, 0.9)], [(100, 0.3, 0.9, 0.9)])
    (0.0, 0.0)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.compare_runs(compare_runs)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def compare_runs_solution(dense, ticket):
    d, t = (min(run, key=lambda row: row[1]) for run in (dense, ticket))
    return 100 * (1 - t[0] / d[0]), 100 * (t[3] - d[3])


# %% [markdown] slideshow={"slide_type": "skip"}
# ### How much of a run is luck?
#
# Another kind of processor takes sums in another order. A seed has the same initial weights and the same batches there, but after some steps the last digits differ, and from there everything does, masks too. So the same run on two processors tells how much a single run is worth.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes how far two runs of the same seed are apart.
elsewhere = show.Elsewhere(record)
elsewhere.table()

# %% [markdown] slideshow={"slide_type": "skip"}
# A stop moves by a tenth in the median, before any seed has changed. Compare means over seeds, and count the seeds that agree.
#
# **Why the sizes differ from the paper's.** For the ratios of section 3 we can only name candidates. Our seeds are other draws. For each ticket the paper draws new values three times and takes the mean, and we draw them once, so our *reinit* scatters more. For example, if single draws take 2.0, 3.0 and 4.3 times as long as the ticket, their mean is 3.1, and a single one may say anything from 2.0 to 4.3.
#
# **The absolute numbers.** The text of the paper gives no iterations of an early stop. They stand in its figures alone, and we could not read them well enough to set numbers beside ours. One difference that could matter: in a [re-implementation](https://github.com/google-research/lottery-ticket-hypothesis) each image is scaled to length 1. The next table tries that on dense networks, same seeds and batches.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the stops of dense networks on images of two scales.
show.unit_length(record)

# %% [markdown] slideshow={"slide_type": "skip"}
# All three stop later, by factors below two. It may explain a part of a difference, and the rest is open. (These runs were made on another kind of processor than the record's.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What else is in a training step?
#
# A kernel that skips zeros would shrink the products. Adam keeps two running means for each parameter: it reads weight, gradient and both means, and writes weight and means, for the zeros too. These are 7 numbers of 4 bytes for each of 266,610 parameters.
#
# **Predict.** How many times the bytes of a batch of 60 images does Adam move in a step: **A** half, **B** 4 times, **C** 40 times? And why?

# %% slideshow={"slide_type": "skip"}
dense = steppers["dense"]
alone = engine.Trainer(values, mask, batch=plan.batch, lr=1e-12)  # Adam gets the weights that are left, side by side
parts = timing.compare(
    {
        "dense, the whole step": lambda: dense.step(x, y),
        "dense, its matrix products": show.products(plan.widths, plan.batch, dense.values[::2]),
        "dense, Adam": dense.adam.step,
        "ticket, 7 %: Adam on what is left": alone.adam.step,
        "ticket, 7 %: the whole step with that Adam": lambda: alone.step(x, y),
    },
    rounds=9,
    device=cpu,
)
adam_bytes = 7 * 4 * sum(value.numel() for value in dense.values)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the time of each part, over that of the dense step.
show.parts_table(parts, adam_bytes, x.numel() * x.element_size())

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **Adam moves about 40 times the bytes of the batch (C), and a mask does not change that.** 7 · 4 · 266,610 bytes are 7.5 MB, and 60 images of 784 pixels in float32 are 0.19 MB.
#
# The products and Adam do not add up to the whole step. The rest is what else a step does (bias sums, activations, the loss, the masks on the gradients, the calls themselves). Besides, each part is timed alone and finds its numbers in a warm cache, so the parts probably look a little cheaper than they are. In the last two rows Adam gets only the weights that are left, side by side. It treats each number by itself, so this should change no bit of the result. The course's engine trains in this way, and the next cell tests it: the same ticket is trained for 50 steps in both ways.

# %% slideshow={"slide_type": "skip"}
equal, of_all = show.trained_everywhere(plan, mask)
print(f"after 50 steps {equal} of {of_all} tensors of weights and biases are equal in every bit")

# %% [markdown] slideshow={"slide_type": "skip"}
# So a cheap sparse step needs *two* things, sparse products and an optimizer that leaves the zeros out; and it needs the mask from the start, which the dense training has yet to find.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The rows of the ledger
#
# Other lessons compare with these tickets. The rows are of seed 0, with 200 iterations at the rate 0.0012. The first, *fp32, 200 iterations*, is the dense network of the same seed and as many steps, so that a later comparison is fair. The energy of a packed ticket is estimated: fetching the values that are left and one bit for every place, then the same products as dense; the unpacking is not counted. So it falls without any kernel that skips zeros.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes the rows of the ledger.
accuracy = {name: one.score(sets.test_rows, sets.test_labels)[1] for name, one in trained.items()}
files.ledger(plan, accuracy, images[:1])

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Rewinding later, or not at all
#
# "A good initialisation achieves more than 90 % compression" is too short a summary of the paper. What it shows is a *pair*, mask and initial values, for small networks on MNIST and CIFAR-10, and for deeper ones with a lower learning rate or warm-up. It states a hypothesis and a way to find tickets. It does not prove that every network has one.
#
# Why should rewinding to an early iteration $k$ help, where rewinding to 0 fails? J. Frankle et al., *Linear mode connectivity and the lottery ticket hypothesis*, ICML 2020 ([arXiv:1912.05671](https://arxiv.org/abs/1912.05671)), train a network twice with other orders of the data, and look at the error on the straight line between the two results. If a weight is 1 in one result and 3 in the other, it is 2 halfway, and so for all weights at once. Where the error does not rise on the way, the two are *connected*. Their subnetworks reach full accuracy only where the two are connected; on MNIST that is so from initialisation on, for their large networks from an early iteration on. They observed that the two occur together. The usual reading, which we have not tested, is this. Before that iteration the order of the batches still decides where the training ends, and a mask that fits one end need not fit another. After it every order ends in the same region, so the mask fits again.
#
# | | weights from | learning rate from |
# |---|---|---|
# | rewind to 0 | first | first |
# | rewind to $k$, `Experiment(rewind=k)` | iteration $k$ | $k$ |
# | learning-rate rewinding | trained | earlier |
# | fine-tuning | trained | last |
#
# Fine-tuning goes on with the small rate at which a training has ended. In our short runs the rate is constant, so *trained on* in section 4 is learning-rate rewinding and fine-tuning at once.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured. The bounds are for MNIST. Claims of speed depend on the machine.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("ticket_full")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - With both finished, tickets with 80 to 10 % of the weights were better than dense networks, by some tenths of a point; with 3.6 % and fewer they were not (section 2).
# - Read both arms by one rule. A stopped network beside a finished one compares the stopping, too; and if one arm may choose its moment, both may, on images on which no result is reported.
# - A ticket saves weights, and the bytes of a packed file. It saves no training and, with dense products, hardly any time.
# - Without the rewind the same four short trainings gave a better small network. The rewind is there for the question whether a sparse network could have *learned* it; and most of what its initial values bring are their signs.
#
# **Going further**: J. Frankle and M. Carbin, [arXiv:1803.03635](https://arxiv.org/abs/1803.03635), figures 3 and 4 with section 1 in mind;
# E. Malach et al., *Proving the lottery ticket hypothesis: pruning is all you need*, 2020, [arXiv:2002.00585](https://arxiv.org/abs/2002.00585). Next here: [[distillation]].
#
# **Project ideas**: rewind to iteration 100 (`Experiment(rewind=100)`); draw three re-initialisations a seed, as the paper did; scale each image to length 1, and run all arms.
#
# **Credits**: the experiment is J. Frankle and M. Carbin's. The lecture that this course grew from is Tal Daniel's (Technion, EE 046211, tutorial 10), which builds on
# Tivadar Danka's *How to Compress a Neural Network*. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Back to the two answers on the board: when is a network done? Ask for one number of today that would look different with a single seed (the stop of the ticket with 51.3 %, 0.59 to 1.14 times dense), and for one that would with other test images (the mean lead, 0.26 or 0.15 points). The bars below show files of short runs, 200 iterations, so do not compare their accuracies with those of the record.
