# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your network: what would make it smaller or faster?
#
# Bring a model. This sheet weighs it, tries every way that fits, and says in one sentence what to ship. You need
#
# - **a module** of PyTorch, and **some batches** of real inputs, 60 or more; to be sure that 98 %
#   of the answers stay takes about 450. Each batch is one call as you will serve it: one
#   image at a time, if that is what your users send. The first third calibrates, and the second judges all forms ([[static]]
#   says why these must not be the same). On the last third the form that won is tried, because what chose it is too kind to it
#   ([[shipping]]).
# - Better: **labels**, so that you see accuracy, and not only which answers stay the same. Better still: **a function that
#   trains**, so that a pruned network gets the repair that it needs.
#
# Nothing of yours is changed: every step works on a copy. A step that cannot go on says why in one sentence, and the others go
# on; none takes much longer than a minute. The sheet runs as it is, on EfficientNet-Lite0. **Change the next cell, then run all.**
#
# Do you rarely open a notebook? In a terminal, in the folder of the course, `python3 course.py weigh my_model.py` does the same
# (`py` in place of `python3` on Windows; `weigh --help` says what stands in the file).

# %%
import weigh
from course_utils import real_models

model = real_models.efficientnet_lite0()  # yours: any torch.nn.Module
# parts of photos of which the network is sure; yours: a list of inputs, a tuple or a dict where it takes several
batches = real_models.crops(96, sure=True).split(1)
labels = None  # or a tensor with the right answer to each input
train = None  # or a function train(model) that trains a model in place for a while
limits = {}  # for example {"mb": 5, "ms": 20, "agreement": 0.99}


def answer(out):  # from what the model returns to what you read from it
    return out.argmax(-1)


# %%
sheet = weigh.look(model, batches, labels=labels, train=train, answer=answer)
sheet

# %%
weigh.bytes_of(sheet)

# %%
weigh.layers_of(sheet)

# %% [markdown]
# **How to read these two.** The bytes say what a smaller file can save: a weight takes four in float32, and one in int8. The time
# by layer says what int8 can win. It touches linear layers, recurrent ones and convolutions; everything else stays as slow as
# it is. If products take half of the time, the call gets at most twice as fast, whatever happens to a single layer ([[audit]]).
# A layer with few MACs and much time probably waits for memory ([[roofline]]).
#
# **How to read what follows.** *In int8* is what really ran: a way may give a smaller file and still compute in float.
# *Answers kept* is the share of the judging third on which this form answers as your model does. Outputs that are the same bit for
# bit have a remark: then the way probably found nothing to do.

# %%
for way in weigh.routes(sheet):
    print(f"{way.name:<30} {way.why_not or 'fits'}")

# %%
weigh.run(sheet)
weigh.table(sheet, clock=False)

# %%
again = weigh.blame(sheet)
again[0].name if again else "No route lost answers for which one layer could be blamed."

# %%
weigh.cut(sheet)
weigh.table(sheet, clock=False)

# %%
both = weigh.cut_then_int8(sheet)
both[0].name if both else "There is no cut network, or no int8 that keeps the answers, to put together."

# %%
table = weigh.table(sheet)  # all forms timed once more, in turn
weigh.figure(sheet)
table

# %% [markdown]
# **How to read the recommendation.** A ★ only says that no other form beats this one in everything. The sheet recommends one
# of the forms that keep your limits; if you set none for the answers, 98 % of them must stay. Whoever
# limits bytes may pay with time, and the other way round; what you don't limit may else become a twentieth
# slower or larger. Of what is left, it takes the fastest form, and of those that are as fast within a twentieth, the smallest. Its answers are then counted on the inputs that were kept back. Only the last table compares times, because there all forms were timed in turn.

# %%
print(weigh.recommend(sheet, limits))

# %% [markdown]
# **Before you ship it,** look at what no table shows: the answers of each class, and not their mean; the slowest call, and the
# first one; the peak of memory; your real preprocessing in front of it; and whether a fresh process, which has none of your
# code, opens the file. The next cell does that last one for you, and writes the file and `report.json` into the folder `yours`.
# It also holds a limit of megabytes against the file itself; where that is too large, it takes the next best form, and the
# recommendation changes. [[shipping]] has the whole checklist.

# %%
report = weigh.ship(sheet, limits, folder="yours")
print(report["recommendation"], report["file"], report["file_bytes"], report["opened_elsewhere"], sep="\n")
