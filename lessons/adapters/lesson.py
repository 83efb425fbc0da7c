# ---
# jupyter:
#   course:
#     promise: You will put a small trained bypass beside a frozen model, for a new task and to repair two bits, and know what to ship and what not to merge.
#     seconds: 50
#     needs: [weight_only, training_memory]
#     goals:
#       - Work out a bypass of low rank by hand, and say why one of its two matrices begins as zeros.
#       - Adapt a frozen model to a new text, and compare with training all weights, each at its best learning rate.
#       - Say what training a bypass saves, and what it does not save.
#       - Tell a repair from more training, with a twin.
#       - Merge a bypass, and say what a merge into the codes leaves of it.
#     terms: [adapter, LoRA, merging, QLoRA]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A model is good at one thing and should learn another. Must we change every weight?*
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
# *For the lecturer, 1 min.* Ask: "You have one model and ten customers, each with a task of their own. How many numbers would you train for each: all, a tenth, a hundredth?" Collect, and do not answer: the last slide does. The picture is the bypass of section 1: blue stays, orange is trained.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from course_utils import language
from course_utils.scorecard import claims
from lessons.adapters import checks as check
from lessons.adapters import show

torch.set_num_threads(1)
code = language.encode(language.source()[0])  # modules of the standard library: the model has learned them
unseen = language.encode(language.source(language.HELD_OUT)[0])  # modules that it never saw
# Steps of a training for the new task and of a repair, and pieces of 512 characters for each perplexity.
NEW_TASK, REPAIR, PIECES = show.sizes(code)
whole = language.trained().requires_grad_(False)


def perplexity(model, text=unseen, pieces=PIECES):
    return language.perplexity(model, text, pieces=pieces)


# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 1. A bypass of two numbers
#
# One weight, $w = 2$, is frozen. Beside it we put a **bypass** of two numbers, $a = 0.5$ and $b = 0$:
#
# $$y = w x + b \cdot a \cdot x$$
#
# For $x = 1$ the output is 2, and we want 3. Which of the two numbers does the first step of training change?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Let the room guess: a, b, or both? Draw an arrow from x through a box "w = 2" to a sum, and below it a second path through the boxes "a = 0.5" and "b = 0". Write on the board: loss ½ (y − 3)², e = y − 3, learning rate 1; the gradient of a is e · b · x, that of b is e · a · x. Work out step 0 together: y = 2, e = −1, so a gets 0 and b gets −0.5. Then b = 0.5, and a stays: the first step changes b alone. Let the room compute step 1 (y = 2.25, e = −0.75, both gradients −0.375, both numbers 0.875), then click: the table has it all. To those who said a: "By what is its gradient multiplied?" By b, which is 0.

# %% [markdown] slideshow={"slide_type": "skip"}
# Somebody who wants a trained model to do a new task has an obvious way: go on training all of its weights on texts of that task. This way has three prices. Each task gets a copy of *every* weight: ten tasks are ten models on the disk. The training needs a gradient and two averages of AdamW for every weight ([[training_memory]] counted them). And the weights that were there before are overwritten, so that the first task may suffer.
#
# The idea of this lesson is to leave the model alone. Think of a road that nobody may rebuild, with a footpath beside it: what comes out at the end is the sum of both. The frozen weights are the road. The footpath is a **bypass**, a few new numbers whose result is added to that of the layer. We train the path alone.
#
# **By hand: two steps with two numbers.** Let the loss be $\frac12 (y - 3)^2$, so its derivative with respect to $y$ is the error $e = y - 3$. The output is $y = wx + b \cdot a \cdot x$, so the gradient of $b$ is $e \cdot a \cdot x$, and the gradient of $a$ is $e \cdot b \cdot x$: each of the two is multiplied by the *other one*. With $x = 1$ and a learning rate of 1, plain gradient descent gives:

# %% [markdown] slideshow={"slide_type": "fragment"}
# | step | $a$ | $b$ | $y$ | $e$ | gradient of $a$ | gradient of $b$ |
# |---|---|---|---|---|---|---|
# | 0 | 0.5 | 0 | 2 | −1 | −1 · 0 = 0 | −1 · 0.5 = −0.5 |
# | 1 | 0.5 | 0.5 | 2.25 | −0.75 | −0.75 · 0.5 = −0.375 | −0.75 · 0.5 = −0.375 |
# | 2 | 0.875 | 0.875 | 2.77 | −0.23 | | |

# %% [markdown] slideshow={"slide_type": "skip"}
# Because $b$ begins as 0, the first output is exactly that of the frozen weight: the bypass does no harm before it has learned something. And in the first step only $b$ moves. From the second step on both learn. The weight $w$ is 2 all the time.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A whole layer
#
# **LoRA** ([Hu et al., 2021](https://arxiv.org/abs/2106.09685)): down to $r$ numbers (the *rank*), then up again: $y = W x + \frac{\alpha}{r}\, B A\, x$
#
# **Predict.** $W$ has 384 × 128 weights, and $r = 4$. How many numbers do $A$ and $B$ have together, and which part of $W$ is that? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* First frame: a layer as we know it. Second: the detour. Let the room count here, before the third frame: 4 · 128 and 384 · 4, together 2,048, one in 24. Ask: "Why alpha over r?" It scales the bypass; the authors say that it spares them tuning again for another rank. Here alpha is always 2r, so the factor is 2. Then a bypass of rank 1 on the board, with a factor of 1; leave it there for section 5. W has the rows (1, 0, 2) and (0, 1, 1), A is (1, 0, −1), B is the column (2, 1), x is (3, 1, 1). Wx = (5, 2); Ax = 2; B times 2 is (4, 2); the sum is (9, 4).

# %% [markdown] slideshow={"slide_type": "skip"}
# A layer has a matrix in place of one weight. Its bypass gets two matrices: $A$ takes the input *down* to a few numbers, and $B$ takes these *up* to the outputs. This is **LoRA**, low-rank adaptation.
#
# **By hand: a bypass of rank 1.** A layer with three inputs and two outputs gets a bypass with one number in the middle. (The factor $\frac{\alpha}{r}$ is 1 here.)
#
# $$W = \begin{pmatrix} 1 & 0 & 2 \\ 0 & 1 & 1 \end{pmatrix}, \quad A = \begin{pmatrix} 1 & 0 & -1 \end{pmatrix}, \quad B = \begin{pmatrix} 2 \\ 1 \end{pmatrix}, \quad x = \begin{pmatrix} 3 \\ 1 \\ 1 \end{pmatrix}$$
#
# The layer gives $W x = (5, 2)$. The bypass goes down, $A x = 3 - 1 = 2$, and up, $B \cdot 2 = (4, 2)$. Together the output is $(9, 4)$. One can also ask which matrix would have done that at once. The product $B A$ has the rows $(2, 0, -2)$ and $(1, 0, -1)$. The second row is half of the first, and that is what **rank 1** says: all rows are multiples of one row, the row of $A$. With a rank of 4 all rows are mixtures of four rows. So a bypass of low rank cannot make every change of $W$. It can make many, and one hopes that those which a new task needs are among them. Hu et al. state this as a hypothesis: that "the change in weights during model adaptation also has a low 'intrinsic rank'" (section 1 of their paper).
#
# The factor $\frac{\alpha}{r}$ scales the bypass. The authors say that it helps to reduce the need to tune again for another rank (section 4.1). This lesson always sets $\alpha = 2 r$, so the factor is 2. (*Deeper* says why one divides.)


# %% slideshow={"slide_type": "skip"}
class LoRA(nn.Module):
    def __init__(self, layer, rank=4, alpha=8):
        super().__init__()
        rows, columns = show.checked(layer, rank)  # the shape of the weight; refuses a rank without room
        self.layer, self.scale = layer, alpha / rank
        self.a = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws one layer of the model with its bypass, in three frames.
lora = LoRA(whole.blocks[0].qkv)
show.bypass(lora)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **$A$ and $B$ have 2,048 numbers together, a twenty-fourth of the 49,152 weights of $W$.**
#
# <!-- page -->
#
# $A$ is 4 × 128 and $B$ is 384 × 4, because $A$ needs a column for each input and $B$ a row for each output: $r \cdot (\text{rows} + \text{columns})$ numbers, where the layer has rows · columns. The sum grows more slowly than the product, so the bypass is relatively cheaper in a wide layer. In a tiny one it saves next to nothing: the example with three inputs and two outputs had 5 numbers beside 6 weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The start, in code
#
# ```python
# self.a = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
# self.b = nn.Parameter(torch.zeros(rows, rank))
# ...
# return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)
# ```
#
# **Predict.** What goes wrong if *both* begin as zeros, and what if *both* begin at random? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the last line from left to right: first A, then B; nobody builds the matrix B A. Two votes, one for each question, then click. Two zeros: no gradient arrives, in no step. The reason is in the table of section 1, where each gradient is multiplied by the other number. Two random matrices: they learn, but the output is another one before the first step; the row says that it changes by 3.4 times its norm. "Could A be the zero one?" Yes, for the same two reasons; the paper takes B.

# %% [markdown] slideshow={"slide_type": "skip"}
# The class `LoRA` above takes any linear layer, keeps it, and adds two parameters. Its last line multiplies the input first by $A$ and then by $B$, so that the large matrix $B A$ is never built. The next cell builds the bypass of one layer three times: as above, with two matrices of zeros, and with two random ones. It asks how much the output changes before any step, and what gradients come back.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Tries three starts of a bypass, and looks at the first output and the first gradients.
show.starts(lora, torch.randn(64, 128, generator=torch.Generator().manual_seed(0)))

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With two zeros no gradient arrives, so the bypass can never learn. With two random matrices the model is another one before it has seen a single text.**
#
# <!-- page -->
#
# The gradient of each matrix is multiplied by the other one, as in the table of section 1. So of two zero matrices neither gets a gradient, in the first step or in any later one. Two random ones get gradients, but they add a random matrix to a trained one. One zero matrix is the way between: the first output is exactly the old one, and $B$ learns at once, $A$ from the second step on. (It does not have to be $B$ that begins as zeros. With $A$ in its place the same two reasons hold; the paper takes $B$.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. A new task
#
# Our model has read Python *code*. The new text is Python's *manual*: English. We train for 40 steps, once **all weights**, once **bypasses** of rank 4 beside the 20 linear layers of the blocks, 4 % of the numbers.
#
# **Predict.** Of what all weights gain, how much do the bypasses gain: **A** a tenth, **B** half, **C** three quarters or more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Vote for A, B or C. Before the table ask what a fair race needs: rates for each way, since all weights want a smaller one; a text to choose them on; a third text for the exam; the same steps and pieces. "Why do we not choose on the exam?" Whoever does has seen the questions. Click; the answer is C. The gain is the difference of the logarithms of two perplexities, in nats a character; the last column says which share of the mean gain of all weights each way has. If somebody asks why so little is enough: probably the task needs no arbitrary change of each matrix, which is the hypothesis of the paper; 40 steps may also be too few to use more.

# %% [markdown] slideshow={"slide_type": "skip"}
# Our language model has learned 68 modules of Python's standard library, character by character. The new text is the manual that Python's `help()` shows: several hundred thousand characters of English with some examples. It lies on your machine already, and the model has never seen it.
#
# **Perplexity** ([[decoding]] explains it) says among how many equally likely characters the model hesitates. Its logarithm is the loss in **nats** a character. Differences of losses can be compared and divided; so a *gain* is measured in nats.
#
# Three things make the race fair.
#
# - **Each way gets its own learning rate.** All weights want a smaller rate than the bypasses (*Deeper* says why), so a shared rate would favour one of them. Each gets three rates, a factor of about three apart.
# - **Three texts.** The first eight tenths of the manual are for learning. On the next tenth we choose the rate, because whoever chooses on the exam has seen the questions. The exam is the last tenth.
# - **The same steps and the same pieces** for both.
#
# The usual loop, which also clips (shortens) long gradients, trains all parameters that want a gradient.


# %% slideshow={"slide_type": "skip"}
def train(model, text, lr, seed=0, steps=REPAIR):
    numbers = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(numbers, lr=lr, betas=(0.9, 0.95), weight_decay=0, fused=True)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 5, 1 - step / steps))
    pieces = language.batches(text, steps=steps, length=128, seed=seed)
    for piece in tqdm(pieces, desc=f"rate {lr:g}", file=sys.stdout, leave=False):
        loss = F.cross_entropy(model(piece[:, :-1]).flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(numbers, 1.0)
        optimizer.step()
        rate.step()
    return model


# %% slideshow={"slide_type": "skip"}
def adapted(model, rank=4, seed=0):
    """A frozen copy with a new bypass beside each linear layer of the blocks."""
    torch.manual_seed(seed)
    frozen = copy.deepcopy(model).requires_grad_(False)
    return show.on_all(frozen, lambda layer: LoRA(layer, rank, alpha=2 * rank))


manual = show.manual()
tenth = len(manual) // 10
learn, choose, exam = manual[: 8 * tenth], manual[8 * tenth : 9 * tenth], manual[9 * tenth :]


def marks(model):
    return {"exam": perplexity(model, exam), "code": perplexity(model)}


def best_rate(models, text):
    """Of {rate: model}, the rate whose model is best on a text to choose on; half as many pieces as in the exam."""
    return min(models, key=lambda rate: perplexity(models[rate], text, pieces=(PIECES + 1) // 2))


# %% slideshow={"slide_type": "skip"}
start = {"bypasses": lambda seed: adapted(whole, seed=seed)}
start["all weights"] = lambda seed: copy.deepcopy(whole).requires_grad_(True)
rates = {"bypasses": (2e-3, 6e-3, 2e-2), "all weights": (3e-4, 1e-3, 3e-3)}
frozen, tried, best, results = marks(whole), {}, {}, {}


def race(way):
    """Trains at three rates, and once more, with another seed, at the best of them."""
    models = {rate: train(start[way](0), learn, rate, steps=NEW_TASK) for rate in rates[way]}
    tried[way], best[way] = {rate: marks(model) for rate, model in models.items()}, best_rate(models, choose)
    second = train(start[way](1), learn, best[way], seed=1, steps=NEW_TASK)
    results[way] = [tried[way][best[way]]["exam"], perplexity(second, exam)]
    return second


# %% slideshow={"slide_type": "skip"}
writer = race("bypasses")

# %% slideshow={"slide_type": "skip"}
_ = race("all weights")  # its numbers stand in `tried` and `results`

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the exam of the new task into a table.
show.new_task(frozen, tried, best, results)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The bypasses gain about three quarters or more of what all weights gain on the new text (C), with 4 % of the numbers.**
#
# <!-- page -->
#
# In the run on this page the frozen model has a perplexity of 4.17 on the exam. All weights bring it to 3.90 and the bypasses to 3.93, each at its own best rate, and these rates differ by a factor of six. Why is so little enough? Probably because the new text needs no arbitrary change of each matrix, as the hypothesis of Hu et al. says. In a trial on a slightly longer exam, with rank 1 (one seed, the rate of rank 4) the bypasses learned 0.047 nats, where rank 4 learned 0.054. That supports the hypothesis. But perhaps 40 steps are too few to use more directions; longer trainings would tell. All weights still gain more in the mean, as they do in the standard settings of [Biderman et al., 2024](https://arxiv.org/abs/2405.09673) (abstract). Be careful: the gain of 40 short steps is small, two seeds differ by as much as a quarter of it, and this is one model and one text.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### And what is forgotten?
#
# After the new task we look at *code* once more, at modules that no model here was trained on.
#
# **Predict.** Who forgets more code for the same gain on the manual: **A** all weights, **B** the bypasses, **C** no clear difference? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; most people say A, since the bypasses are so small. Show the figure: to the right is learned more, upwards is forgotten more. Ask for a circle and a diamond at about the same place of the horizontal axis: the two lowest ones, near 0.05. They have about the same height, so the answer is C. The highest rates, at the top, forget most and learn less. Then ask the question that matters in practice: what can one do with a bypass, and not with a trained weight? One can take it out, and the model is the old one to the last digit, because no frozen weight has changed.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws each training of section 2: what it learned of the manual, and what it forgot of code.
show.learned_and_forgotten(frozen, tried)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **There is no clear difference (C): at the same gain, both ways have forgotten about the same amount of code.**
#
# <!-- page -->
#
# Compare two points at the same place of the horizontal axis. In the run on this page all weights at 0.0003 learned 0.056 nats and forgot 0.067; the bypasses at 0.002 learned 0.050 and forgot 0.072. A higher rate learns a little more and forgets clearly more, and the highest one forgets most and learns less, for both. Each point is one training, so small distances mean nothing. Biderman et al. trained models thousands of times larger. There LoRA learns less and forgets less than full training (abstract). On the question asked here, who forgets more at the same gain, they write that the two "seem to occupy the same Pareto curve" (section 4.3 of the first version), with exceptions in favour of LoRA.
#
# So the bypass does not protect the old task *while it is used*. But unlike a trained weight, it can be taken out again. The next cell does that for the second training of the bypasses, and compares the perplexity on code with that of the model before. They are equal to the last digit, because no frozen weight has ever changed. The model that was trained whole has no such way back, unless somebody kept a copy of all its weights.

# %% slideshow={"slide_type": "skip"}
without = copy.deepcopy(writer)  # a copy of the second training, with every bypass taken out again
for block, name in show.places(without):
    setattr(block, name, getattr(block, name).layer)
without_bypasses = perplexity(without)
print(without_bypasses == frozen["code"])

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What is kept for training
#
# [[training_memory]] counted what a training step keeps beside the weights: **gradients**, **optimizer states**, **saved activations**.
#
# **Predict.** All weights are trained, or the bypasses alone. Which of the three become small? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote item by item: gradients, states, activations. Then click. Gradients and states belong to the numbers that are trained, and shrink with them; activations hardly do, because the backward pass goes through all frozen layers and A needs the input of its layer. Add up the legend with the room: 39 MiB against 25, so a third is saved, and not 96 %. Point at the batch: two short pieces. "And with a longer batch?" Only the blue parts grow, so the share that is saved becomes smaller. "What helps against the blue?" Checkpointing.

# %% [markdown] slideshow={"slide_type": "skip"}
# LoRA is said to "need less memory". Less of what? The **gradients** are one number for each trained weight. The **states** of AdamW are two numbers for each trained weight. The **saved activations** are what the forward pass has to keep for the backward pass.
#
# **By hand.** Take the layer with 384 × 128 weights. If all are trained, the two averages have 2 · 4 bytes for each of 49,152 weights: 393,216 bytes. For the 2,048 numbers of the bypass they have 16,384 bytes. What about the activations? The gradient of $A$ is an error multiplied by the *input of the layer*, and the gradient has to pass through every frozen layer on its way to the first bypass. The next cell counts all three, tensor by tensor, for one step.

# %% slideshow={"slide_type": "skip"}
everything = show.kept(copy.deepcopy(whole).requires_grad_(True), code)
bypasses = show.kept(adapted(whole), code)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws what one step of training keeps, for both ways.
show.bills({"all weights": everything, "bypasses": bypasses})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Gradients and states shrink to a twenty-fifth. The saved activations hardly shrink.**
#
# <!-- page -->
#
# Gradients and states belong to the numbers that are trained, so they shrink with them. The activations belong to the batch: the backward pass goes through all frozen layers, and $A$ needs the input of its layer. (The counter on the page finds about nine tenths of the bytes.) For two short pieces, as here, the sum of the three falls from 39 to 25 MiB, by about a third. With a longer batch only the activations grow, and the share that is saved becomes smaller; with a larger model on a short batch it becomes larger. What helps against activations is checkpointing ([[training_memory]]), and it can be combined with bypasses.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. A repair
#
# Now the frozen model has **2 bits** a weight, with one grid a row. The text is the *old* one: modules that the model knows. Bypasses of rank 4, 32 steps.
#
# **Predict.** How much of the loss do they win back: **A** next to nothing, **B** about a third, **C** all of it? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Say: "Each weight has four values left." What "won back" means, on the board first: float has a perplexity of 4, rounded 8, repaired 5.66. The rounding cost ln (8 / 4) = 0.69, the repair won ln (8 / 5.66) = 0.35, so half is won back. Vote for A, B or C. A is tempting, for the damage sits in a million weights. Click; the answer is B. The bypass need not undo each error, since the loss depends on outputs alone. Do not go on yet. Ask: "Is this a repair? Two things have happened to the model. Which second experiment would convince you?" Let the room invent the twin of the next slide: the same training where there is nothing to repair.

# %% [markdown] slideshow={"slide_type": "skip"}
# A frozen layer need not be a float layer. `LoRA` asks its layer for an output and nothing else, so the layer may store codes of a few bits. Codes are whole numbers and cannot move by a little, so they get no gradient; the error passes back through the floats that they stand for. That is the idea of **QLoRA** ([Dettmers et al., 2023](https://arxiv.org/abs/2305.14314)): a base of 4 bits, and float bypasses beside it, so that a large model can be adapted in little memory. Here we take 2 bits, because we want to see something else: can the bypass make up for what the *rounding* has destroyed?
#
# Each row of a weight gets its own grid of four levels: a lowest value and a step. In [[weight_only]] you saw that smaller groups would do less harm. Here the harm is wanted.
#
# **By hand: what "won back" means.** Let the float model have a perplexity of 4, the rounded one 8, and the repaired one 5.66. In nats the rounding cost $\ln (8 / 4) = 0.69$, and the repair won $\ln (8 / 5.66) = 0.35$. So half of the loss is won back. The base has 0 %, the float model 100 %.
#
# The rate is again the best of three, chosen on another piece of the unseen modules. (The exam is short, about 3,100 characters as in section 2: nearly all of one module. The piece to choose on is half as long, and comes from the next module.)

# %% slideshow={"slide_type": "skip"}
base = show.on_grid(whole, bits=2)
others = unseen[PIECES * 513 :]  # unseen modules behind the pieces of the exam, to choose the rate on
repair_rates = (1e-3, 3e-3, 1e-2)
repairs = {rate: train(adapted(base), code, rate) for rate in repair_rates}

# %% slideshow={"slide_type": "skip"}
repair_rate = best_rate(repairs, others)
mended = [repairs[repair_rate], *(train(adapted(base, seed=seed), code, repair_rate, seed) for seed in (1, 2))]
before, broken, after = frozen["code"], perplexity(base), [perplexity(model) for model in mended]


def won_back(value):
    """Percent of the lost nats that are won back."""
    return 100 * math.log(broken / value) / math.log(broken / before)


won = [won_back(value) for value in after]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts float, base and repaired base into a table.
show.repaired(before, broken, after, won)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The bypasses win back about a third of the loss (B), with each of three seeds, and no frozen weight has moved.**
#
# <!-- page -->
#
# The damage sits in almost a million rounded weights, so the bypass cannot undo the errors one by one: the matrix of rank 4 that comes nearest to the rounding error leaves more than nine tenths of its square (*Deeper*). It need not undo them, because the loss depends on outputs alone. Are the outputs of the layers less wrong, then? In a trial each layer alone got the inputs of the float model: with the bypass, the squared error of its outputs was 0.98 to 1.08 times what it was without. So the bypass does not repair the layers one by one. What it changes instead is not known. The rest of the loss stays after these 32 steps. More steps win more: in a trial with 200 (one seed, a slightly longer exam) the bypasses won back 44 %. And nothing so far says that this is a repair at all, because the model has also been trained for 32 steps more. That is the next question.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The bypass, or only more training?
#
# The bypass has read 64 more pieces of the text. Perhaps *any* model would have gained from them.
#
# A **twin** tells: the same bypass, seed and pieces on the *float* model, at each of the three rates.
#
# **Predict.** Does the twin gain **A** as much as the low-bit model, **B** less than half, **C** nothing? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Read the twin as the room's own idea: only the base differs. By hand: if the low-bit model gains 0.10 nats and the twin 0.08, then 0.02 are left for the repair; if the twin gains nothing, all of it. Vote; most say A or B. Click; the answer is C. "Why three rates, and not one?" A rate that suits one base may damage the other; here the float row is below 0 at all three, so it is no accident of the rate. "When would the twin gain?" Where the base has not finished learning; Exercise 2 has such models.

# %% [markdown] slideshow={"slide_type": "skip"}
# Two things have happened to the repaired model at once: it got a bypass that could make up for the rounding, and it was trained on 64 more pieces of text. A model that has not finished learning becomes better with more text, rounded or not.
#
# **By hand.** Suppose that the low-bit model gains 0.10 nats, and that a twin on the float model, where there is no rounding to repair, gains 0.08. Then 0.08 of the gain needs no rounding error to explain it, and 0.02 are left for the repair. If the twin gains nothing, all of it is left. So the twin differs from the experiment in the base alone.
#
# At one learning rate this could be an accident, because a rate that suits one base may damage the other. So the twin gets all three rates, too.

# %% slideshow={"slide_type": "skip"}
twins = {rate: train(adapted(whole), code, rate) for rate in repair_rates}
on_unseen = {rate: after[0] if rate == repair_rate else perplexity(model) for rate, model in repairs.items()}
gains = {"2 bits": {rate: math.log(broken / value) for rate, value in on_unseen.items()}}
gains["float"] = {rate: math.log(before / perplexity(model)) for rate, model in twins.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the gains of both bases into a table.
show.twins(gains)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The twin gains nothing at any of the three rates (C), so the gain on 2 bits is a repair.**
#
# <!-- page -->
#
# The base is the only thing that differs between the two rows of the table, and each row has the same three rates. On the float base even the best of them gains nothing, and the highest one loses. So 32 more steps explain none of the gain on 2 bits. The float model had been trained on this text for 2,400 steps, and its learning rate had come down to a fiftieth by then; 32 short steps more find nothing to gain. Where a base has *not* finished learning, the twin gains as well, and then the difference of the two gains is what the repair has won. Exercise 2 has such models. (One seed for each rate. In trials the twin gained nothing at 0.0001, at 0.0003 or with 200 steps, either.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Merge, or ship two files?
#
# **Merging** adds the bypass to the weight, $W + \frac{\alpha}{r} B A$. Then there is one matrix, and nothing more to compute.
#
# **Predict.** Merged *into the codes*, each weight goes to its nearest level. What is left of the gain: **A** all, **B** half, **C** next to nothing? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* First merge the rank-1 example that stands on the board: B A has the rows (2, 0, −2) and (1, 0, −1), so W + B A has (3, 0, 0) and (1, 1, 0), and with x = (3, 1, 1) it gives (9, 4) once more, with one matrix. "So why do we need a second file?" The sum is a matrix of floats; a small file wants codes. Vote, then click; the answer is C. The caption counts it: of 983,040 codes none has moved. Let the room guess the reason before the next slide, and do not say it: each change is too small to reach the next level.

# %% [markdown] slideshow={"slide_type": "skip"}
# A bypass costs two small products for each layer and each character. Can one get rid of it after the training? In the example of section 1 the matrix was
#
# $$W + B A = \begin{pmatrix} 1 + 2 & 0 & 2 - 2 \\ 0 + 1 & 1 & 1 - 1 \end{pmatrix} = \begin{pmatrix} 3 & 0 & 0 \\ 1 & 1 & 0 \end{pmatrix},$$
#
# and with $x = (3, 1, 1)$ it gives $(9, 4)$ as before. Both paths are linear in the same input, so their matrices can be added before the input comes. In float nothing is lost but the last digits.
#
# A base of 2 bits has a difficulty. The sum is a matrix of floats, sixteen times as large as the codes. If we want a small file, each weight of the sum has to go back to one of its four levels. The next cell does both: `merged` makes the float layer, `into_codes` puts the sum on the old grid.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def merged(lora):
    layer = nn.Linear(*reversed(lora.layer.weight.shape), bias=False)
    layer.weight.copy_(lora.layer.weight + lora.scale * lora.b @ lora.a)
    return layer


@torch.no_grad()
def into_codes(lora):
    layer = copy.deepcopy(lora.layer)
    low, step = layer.low.float(), layer.scale.float()
    codes = ((merged(lora).weight - low) / step).round().clamp(0, 2**layer.bits - 1)
    layer.weight = codes * step + low
    return layer


# %% slideshow={"slide_type": "skip"}
adapter = mended[0]
one_matrix, same_grid = show.on_all(adapter, merged), show.on_all(adapter, into_codes)
merges = {
    "base + bypasses": after[0],
    "merged, float": perplexity(one_matrix),
    "merged, same grid": perplexity(same_grid),
}
left = {name: (value, won_back(value)) for name, value in merges.items()}
with torch.no_grad():
    logits = adapter(unseen[None, :512])
    float_error = ((logits - one_matrix(unseen[None, :512])).abs().max() / logits.abs().max()).item()
moved = show.codes_moved(same_grid, base)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the merges into a table.
show.merges(left, moved, float_error)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Next to nothing is left when the bypass is merged into the codes of the same grid (C). In float the merge changes only the last digits.**
#
# <!-- page -->
#
# Merged into the codes, the model is the base again: of almost a million codes at most a few have moved (in the run on this page none). Training tools warn of this at 4 bits, too: PEFT says that a merge into a 4-bit layer "may get different generations due to rounding errors" ([issue 2321](https://github.com/huggingface/peft/issues/2321)). A *new* grid for each row, fitted to base and bypass, does not save the gain either; *Deeper* shows why.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Where does it go?
#
# A weight on a grid gets another code only if it moves by more than *half a step* (and not outwards, at an end of the grid).
#
# **Predict.** How large is the median change of a weight by the bypass: **A** one or two hundredths of a step, **B** one or two tenths, **C** nearly half a step? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The first frame is there: all points stand on levels. To change its code a point must pass a dotted line. By hand: a weight with the code 1 that moves by 0.3 of a step to 1.3 goes back to 1; one that moves by 0.6 goes to 2, further than it wanted. Vote before you click. Second frame: the orange points are moved. Ask: "Who sees it from the back?" Third: all are back, and the line below says the median, 0.012 of a step: the answer is A. "But then how could these changes win back a third?" An output is a sum over hundreds of inputs, and training moves the weights of a row together; rounding looks at each weight alone.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** A row has the levels 0, 1, 2 and 3, in steps. A weight has the code 1, and the bypass moves it by 0.3 of a step, to 1.3. The nearest level is 1: the change is gone. Had the bypass moved it by 0.6, to 1.6, then the new code would be 2, and the change would be *larger* than wanted. Codes can change only by whole steps.

# %% slideshow={"slide_type": "skip"}
steps_moved = show.steps_moved(adapter)

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws nine weights of one row on their levels, in three frames.
show.rows_of_levels(adapter.blocks[0].qkv, steps_moved)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The median change is one or two hundredths of a step (A), and hardly any weight moves by half a step (in the run on this page none).**
#
# <!-- page -->
#
# So rounding takes nearly all of the changes back, because each is too small to reach the next level. Together they had won back nearly a third of the loss. That is no contradiction: an output is a sum over hundreds of inputs, and the training moves the weights of a row together, so that many small changes add up. (In a trial the same changes were shuffled within each row: they won back 1 %.) Rounding looks at each weight alone. On a finer grid, with a smaller step, or after longer training, more changes would exceed half a step; neither was measured here.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Two files
#
# So the base ships in codes, and beside it the **adapter**: the numbers of all bypasses, in fp16.
#
# **Predict.** For the same bytes one could have *3 bits* a weight and no adapter. Which is nearer to float? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for the third bit or the adapter, then click. The last two rows answer: 3.77 against 4.41, where float has 3.62, so the third bit is nearer. "Is it the same number of bytes?" Nearly: 6 % more. After the table ask when the other one would be right. In wide layers: the caption says that rank 4 costs a whole bit a weight in a layer of 128, and three hundredths in one of 4,096. And for many tasks: one base on the disk, and a small adapter for each; a third bit learns no new task.

# %% slideshow={"slide_type": "skip"}
numbers = {name: p.detach().half() for name, p in adapter.named_parameters() if name.endswith((".a", ".b"))}
contents = {"float": whole.state_dict(), "2 bits": base.state_dict(), "adapter": numbers}
contents["3 bits"] = show.on_grid(whole, 3).state_dict()
n_bytes, reloaded, shipped = show.saved_and_loaded(contents, perplexity, adapted)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts bytes and perplexities of the saved files into a table.
show.files(n_bytes, reloaded, before, after[0])

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **For this one model and its old task the third bit is nearer to float, for 6 % more bytes.**
#
# <!-- page -->
#
# The adapter is about a fifth of the two files, because the layers are narrow: rank 4 beside a square layer of 128 costs a whole bit a weight. In a square layer of 4,096 it costs three hundredths of a bit (see the caption). How much it would win there was not measured. (In the trial with 200 steps, too, base and adapter were further from float than 3 bits were.) What a third bit cannot do is learn *another* task (section 2). One base on the disk can serve many small adapters, and they can be exchanged while the program runs.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · Merge a bypass
# ★ · 5 minutes
#
# Write `merged_weight`: the one weight that does what `weight` and its bypass do together, $W + \frac{\alpha}{r} B A$, in float. The rank $r$ is the number of rows of `a`. Leave `weight` as it is.
#
# `merged_weight(weight, a, b, alpha)` → the new weight; `weight` is (rows, columns), `a` (rank, columns), `b` (rows, rank)
#
# <details><summary>Hint</summary>
# Only one order of the two matrices gives the shape of the weight, where it is not square.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; the hint stays closed for the first two minutes. Expect `weight +=`, which changes the argument, and B A without its scale. Ask: "Which test would have found it?" Any alpha that is not the rank. The other two cards are homework in a lecture.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def merged_weight(weight, a, b, alpha):
    """One weight for a layer and its bypass.

    >>> merged_weight(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 1), 2)
    tensor([[0., 0.]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.merged_weight(merged_weight)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
# Solution: merged_weight
def merged_weight_solution(weight, a, b, alpha):
    return weight + alpha / len(a) * (b @ a)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · The bypass, or only more training?
# ★★ · 9 minutes · investigation
#
# A colleague trains a bypass on a quantized model, and its loss falls. Was the rounding repaired, or did the model only train on? In section 4 it was a repair. The models here are made-up, and each may be different.
#
# `gain(base, rate=…, seed=…)` trains a bypass on a base, `"2 bits"` or `"float"`, and returns by how many *thousandths of a nat* the loss falls (below 0: it rises). The rates are 0.0003, 0.001, 0.003, 0.01 and 0.03.
#
# The rule:
#
# - Train each base at all five rates, with the same five seeds or more. What a base *wins* is its best mean over the seeds, each base at its own best rate. A base whose means are all below 0 wins 0, because nobody has to train it.
# - More training counts if the float base wins more than 20.
# - The repair counts if the 2-bit base wins more than 20 *beyond* what the float base wins.
#
# Write `what_won(gain)` → `"repair"`, `"training"`, `"both"` or `"nothing"`, by what counts.
#
# <details><summary>Hint</summary>
# First make two numbers, what each base wins. A function <code>wins(base)</code> that does it for one of them keeps the rest short.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def what_won(gain):
    """What a bypass on a quantized model has won.

    Args:
        gain: gain("2 bits", rate=0.003, seed=0) -> thousandths of a nat; the bases are "2 bits" and "float".
    Returns:
        "repair", "training", "both" or "nothing".
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_won(what_won)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
# Solution: what_won
def what_won_solution(gain):
    def wins(base):
        means = [
            sum(gain(base, rate=rate, seed=seed) for seed in range(5)) / 5 for rate in (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
        ]
        return max(0, *means)

    trained = wins("float")
    repaired = wins("2 bits") - trained
    if trained > 20:
        return "both" if repaired > 20 else "training"
    return "repair" if repaired > 20 else "nothing"


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Merge into the codes
# ★★ · 6 minutes
#
# A weight is *lowest value + scale × code*, with whole codes from 0 to $2^{bits} - 1$. Write `merged_codes`: the codes of the levels nearest to *weight + change*, on the same grid. The tests have no change that ends half-way between two codes.
#
# `merged_codes(codes, scale, change, bits)` → the new codes; `codes` and `change` are tensors of one shape, of one or two dimensions, and stay as they are; `scale` is one positive number
#
# <details><summary>Hint</summary>
# Count the change in steps of the scale. Then two things can happen to code + steps: rounding, and the end of the grid.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def merged_codes(codes, scale, change, bits):
    """The codes nearest to weight + change, on the same grid.

    >>> merged_codes(torch.tensor([0, 1]), 1.0, torch.zeros(2), 2).tolist() == [0, 1]
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.merged_codes(merged_codes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
# Solution: merged_codes
def merged_codes_solution(codes, scale, change, bits):
    return (codes + change / scale).round().clamp(0, 2**bits - 1)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# What follows is for those who want more than one sitting.
#
# ### Why does a new grid not save the merge?
#
# In section 5 the sum of base and bypass was put on the *old* grid, and the changes were rounded away. Why not give each row a new grid of four levels, fitted to the sum? Then the levels move with the weights.
#
# **By hand.** A row has weights on the levels 0, 1, 2 and 3. The bypass moves its largest weight to 3.3 and leaves the others alone. The new grid reaches from 0 to 3.3, so its step is 1.1, and its levels are 0, 1.1, 2.2 and 3.3. Every weight that was exactly 1 is now 1.1, and every 2 is 2.2, although nothing had moved them. Two weights of a row set the grid, and all others pay for it.
#
# **Predict.** Does a new grid win back **A** more than the old one, **B** the same, **C** less? And why?

# %% slideshow={"slide_type": "skip"}
new_grid = show.on_all(one_matrix, show.LowBits)
base_again = show.on_all(base, show.LowBits)  # the control: a new grid, and no bypass
on_new_grid = perplexity(new_grid)
new_grid_won = won_back(on_new_grid)
distances, distance = show.grids_compared(adapter, same_grid, new_grid, base_again)
print(f"new grid: perplexity {on_new_grid:.2f}, won back {new_grid_won:.0f} %")
distances

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **A new grid wins back next to nothing, too (B): the merged model is about as bad as the base that nobody has repaired.**
#
# Is there a fault in how the new grids are made? The control says no: a new grid for the base *alone* changes no weight at all (see the caption). So what happens comes from what the bypass does to a row's two extreme weights, which set the lowest value and the step. In nearly all rows it moves at least one of them by a little, and then the other levels of the row move, too. The table shows the result: with the new grid the weights lie *farther* from base + bypass than with the old one, which has simply ignored the bypass. The two merges differ in the lowest values and the steps, and in nothing else. In a trial with longer pieces of text the model with new grids was even a little worse than the base, by four percent of the lost nats. All this should stop where the bypass moves weights by whole steps, which was not measured here.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Is it the rank? Is it the bypass?
#
# Other numbers could have learned in the 32 steps of section 4. The **scales** of the rows stand in the file anyway, and could be trained while all codes are fixed. All weights could be trained as floats. A bypass can have another rank. And one bypass needs no training at all: the one of rank 4 that comes nearest to the *error* $W - \hat W$ of the rounding. The singular value decomposition finds it.
#
# **Predict.** Order them by what they win back: scales, rank 4, rank 16, all weights, best for the error. And why?

# %% slideshow={"slide_type": "skip"}
by_svd = adapted(base)
error_left = show.best_for_error(by_svd, whole)
ways = {  # what is trained, and its rate
    "scales of the rows": (show.with_scales(base), 1e-3),
    "rank 16": (adapted(base, 16), repair_rate),
    "all weights, as floats": (show.as_floats(base), 3e-4),
}
spent = {name: sum(p.numel() for p in model.parameters() if p.requires_grad) for name, (model, _) in ways.items()}
raced = {name: won_back(perplexity(train(model, code, rate))) for name, (model, rate) in ways.items()}
raced |= {"best for the error": won_back(perplexity(by_svd)), "rank 4": won[0]}
spent |= {"best for the error": bypasses["trained"], "rank 4": bypasses["trained"]}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws what each way wins back.
show.race(raced, spent, won, error_left)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **All weights and the bypasses of both ranks win back three tenths or a little less, and lie too close together to be ordered; the scales win about a quarter, and the bypass that fits the error best wins least.**
#
# The best bypass for the error wins least because the rounding error is no matrix of low rank: nine tenths of its square are left (see the caption). The trained bypass has the same size and wins more, so it is another matrix. The trained scales do most of the work with a seventh of the numbers, and stand in the file anyway (as in PEQA, [Kim et al., 2023](https://arxiv.org/abs/2305.14152)). Read small gaps with care: only rank 4 has three seeds, which are the dots, and a gap no larger than those between these dots tells nothing: the scales and rank 16 are not ordered, either. Rank 16 trains at the rate of rank 4, and the rates of the others are near the best of a few that were tried.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### The factor, the rate, the rank, the time
#
# **Why divide by the rank?** An entry of $B A$ is a sum of $r$ products, a number of $B$ times a number of $A$. Suppose that these products have the same size at every rank. Then from rank 4 to rank 16 the sum becomes up to four times as large (if all have the same sign), and a learning rate that suited rank 4 may be too high. Dividing by $r$ counters this. It is our reading of what the authors say, and nothing here tests it, because with $\alpha = 2 r$ the factor is 2 at every rank. For the same reason somebody who compares ranks should choose the rate for each of them. The race above did not do this for rank 16.
#
# **Why do the bypasses want a larger rate?** By hand: the first step of AdamW moves each trained number by about the learning rate $\eta$, however large its gradient is. If all weights are trained, each weight moves by $\eta$. In a bypass of rank 4 only $B$ moves in the first step, so a weight changes by 2 (the factor) times a sum of four terms $\pm \eta\,a$. In a layer with 128 inputs a number $a$ of $A$ has a typical size of $1 / \sqrt{128} = 0.09$. Four such terms with random signs add up to about $\sqrt 4 \cdot 0.09\,\eta = 0.18\,\eta$, and twice that is $0.35\,\eta$. So at the same rate the weights of such a layer begin with steps about a third as large. This is probably a part of the reason. Another $\alpha$ changes the factor alone, so one could test whether the best rate falls when $\alpha$ grows.
#
# **How large a rank?** The numbers, the bytes and the two small products grow in proportion to the rank, and so does the largest number of independent rows that $B A$ can have. Whether a task needs so many can only be tried. Begin small, double the rank, choose the rate anew, and stop when the text *to choose on* gains no more. In the trial of section 2 rank 1 learned nearly as much of the manual as rank 4 (0.047 and 0.054 nats, one seed). In the run on this page rank 16 repaired about as much as rank 4 (the figure above has both).
#
# **What about the time of a training step?** By the count: if all weights are trained, a linear layer needs three products of about the same size, one for its output, one for the gradient of its input, and one for the gradient of its weights. A frozen layer does not need the third. So a bypass saves at most about a third of this arithmetic, and its own small products come on top. The forward pass and the way back through all layers remain. We did not measure any times.
#
# **When is a bypass the wrong choice?** If there is one task and nobody needs the old model, training all weights won a little more here in the mean. If the activations fill the memory, a bypass alone hardly helps. And if a model of few bits only has to be good at its old task, compare first with one more bit, which was nearer to float in section 5.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### And pruning this model?
#
# [[scores]] cut a network for digits with three rules. Magnitude removes the smallest weights. Wanda multiplies each weight by the size of its input before it compares. SparseGPT chooses with the inverse of the inputs' matrix, and repairs what is left. Here the same three cut the float language model, without a training step: **half** of the weights in the blocks stay, with or without the pattern **2:4**, two of each four neighbours in a row ([[patterns]]). All but magnitude see 2,048 characters of the learned text.
#
# **Predict.** Which rule loses least, and does 2:4 cost more than half without a pattern? And why?

# %% slideshow={"slide_type": "skip"}
cut = {
    name: [perplexity(show.pruned(whole, rule, code, min(4, PIECES))) for rule in pair]
    for name, pair in show.METHODS.items()
}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Puts the perplexities of the cut models into a table.
show.pruned_table(before, cut)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **SparseGPT's choice with its repair loses least in both columns, and by far in the pattern. Under each rule 2:4 costs more than half without a pattern.**
#
# A pattern leaves less choice, so it cannot keep the same weights, and it costs more. Magnitude and Wanda lie close together here; one model does not order them. One thing is not the same for all: SparseGPT chooses its half among blocks of 128 columns of *all* rows, the other two within each row. The lead does not come from that freedom, because in an extra run with half of each row SparseGPT was a little better still. For the digits of [[scores]] 2:4 cost about a point, but there networks, tasks and measures differ at once. Most models of the papers are thousands of times larger.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What the functions refuse
#
# Some requests cannot be met, for example an adapter for other layers, or a rank for which the weight has no room. A function should refuse them with a sentence that helps.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Makes requests that cannot be met, and shows what is said to them.
narrow = {name: p[:, :-1] if name.endswith(".a") else p for name, p in numbers.items()}
show.refusals(
    {
        "rank 0": lambda: LoRA(base.blocks[0].qkv, rank=0),
        "rank 200": lambda: LoRA(base.blocks[0].qkv, rank=200),
        "an adapter for narrower layers": lambda: show.load_adapter(shipped, narrow),
        "a model without bypasses": lambda: show.load_adapter(base, numbers),
    }
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What this lesson left out
#
# - **A new task on a base of few bits.** Section 2 had a float base, and section 4 the old task. QLoRA does both at once; here nobody measured it.
# - **A start that knows the error.** LoftQ ([Li et al., 2023](https://arxiv.org/abs/2310.08659)) begins with a bypass like *best for the error*, and trains from there.
# - **DoRA** ([Liu et al., 2024](https://arxiv.org/abs/2402.09353)) trains the size of the weights apart from their direction.
# - **Preference tuning**, for example DPO ([Rafailov et al., 2023](https://arxiv.org/abs/2305.18290)): this is often done with adapters, too, but it needs a model that can answer.
# - **Activations in 8 bits.** In large models a few features of the activations are far larger than the rest: LLM.int8() ([Dettmers et al., 2022](https://arxiv.org/abs/2208.07339)) keeps these in 16 bits; SmoothQuant ([Xiao et al., 2022](https://arxiv.org/abs/2211.10438)) moves the difficulty into the weights.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Into the ledger
#
# Three rows for the course's ledger. Their accuracy is the share of unseen characters to which the model gives the largest logit, counted on the short exam of this lesson. [[weight_only]] and [[decoding]] count on other pieces of the same modules, so the same float model has other shares there; compare rows of one lesson only.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes float, base, and base with its adapter into the course's ledger.
ledger_rows = {"fp32, before its adapter": (whole, n_bytes["float"])}
ledger_rows["2 bits, one grid a row, before its adapter"] = (base, n_bytes["2 bits"])
ledger_rows["2 bits, one grid a row, with LoRA of rank 4"] = (shipped, n_bytes["2 bits + adapter"])
show.rows_of_the_ledger(ledger_rows, unseen, PIECES)

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("adapters")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A bypass of low rank beside a frozen layer begins as nothing, because one of its matrices is zero. Gradients and optimizer states are kept for its own numbers alone; activations hardly shrink.
# - On a new task it learned most of what all weights learn. It can be taken out again, and a trained weight cannot.
# - A repair is the part of a gain that an undamaged twin lacks.
# - In float a merge is exact up to rounding. Codes rounded it away here: then ship two files.
#
# <!-- page -->
#
# **Going further**: E. Hu et al., *LoRA*, 2021, [arXiv:2106.09685](https://arxiv.org/abs/2106.09685); T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314); D. Biderman et al., *LoRA learns less and forgets less*, 2024, [arXiv:2405.09673](https://arxiv.org/abs/2405.09673); J. Kim et al., *Memory-efficient fine-tuning of compressed large language models via sub-4-bit integer quantization* (PEQA: the scales alone),
# 2023, [arXiv:2305.14152](https://arxiv.org/abs/2305.14152); for the pruning M. Sun et al., *Wanda*, 2023, [arXiv:2306.11695](https://arxiv.org/abs/2306.11695), and E. Frantar and D. Alistarh, *SparseGPT*, 2023, [arXiv:2301.00774](https://arxiv.org/abs/2301.00774).
#
# **Project ideas**: start from *best for the error* and train; train an adapter on your own code, and see what the model forgets; train a bypass for the manual on the base of 2 bits, and take the repair and the new task apart.
#
# **Credits**: LoRA and its start from $B = 0$ after Hu et al. The repair of the pruned model follows the published code of SparseGPT ([github.com/IST-DASLab/sparsegpt](https://github.com/IST-DASLab/sparsegpt)), written anew. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the first question: all, a tenth, a hundredth? Let somebody give the number of this lesson, four in a hundred, and what it won on the new task. Ask which file they would ship: for this one model and its old task the third bit, for many tasks one base and its adapters. The bars under the list are files to scale, with the share of unseen characters that the model guesses right: the adapter adds 93 kB to 391, and two points of the eight that 2 bits cost.
