# ---
# jupyter:
#   course:
#     promise: You will be able to say what attention computes, work it out by hand, and build a Transformer block from linear layers.
#     seconds: 40
#     needs: [measuring]
#     goals:
#       - Work attention out by hand for three tokens, from queries, keys and values.
#       - Say what the mask, the positions and the heads are for, and what goes wrong without the first two.
#       - Assemble a Transformer block, and find out what a head looks at.
#     terms: [attention, "attention mask", embedding, induction head, "query, key, value", residual connection, rotary position embedding, softmax,
#       Transformer block]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A linear layer always looks at the same places. What if the place depends on what stands there?*
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
# *For the lecturer, 1 min.* "Every layer that we have used so far looks at fixed places. Today we build one that looks things up." Go straight on to the phone book.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import math

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import language, runtime
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.attention import checks as check
from lessons.attention import show

runtime.seed_all(0)
torch.set_num_threads(1)  # one thread, on the processor: everything here is small
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Looking something up
#
# A tiny phone book has six entries, each a name and a digit, in any order. Then a name is asked for:
#
# `Eva 3 · Ida 7 · Ada 1 · Max 4 · Ben 8 · Uwe 2 · Ada?`
#
# A network of two linear layers sees all of it at once, as one long vector. It has 16,106 weights, and it learns from 1,000 batches of new phone books.
#
# **Predict.** How often does it then give the right digit? **A** nearly always, **B** half the time, **C** less than half. A blind guess is right in one case of ten.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let the room answer the example aloud, then ask how they did it: they *looked for* the name. Vote A to C; expect A. After the table: "It has twelve times as many weights as the winner. So what is it that the winner has?" Do not say it yet. Point at the last row: who always says the most frequent digit has a third right without reading the name, and the linear layers have learned hardly more.

# %% slideshow={"slide_type": "skip"}
generator = torch.Generator().manual_seed(0)
book = show.phone_books(1, generator)
fixed = show.FixedPlaces()  # two linear layers on all entries, side by side
share_fixed = show.learn(fixed)
share_lookup = show.learn(show.Lookup())  # what this lesson explains

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Puts the two networks side by side.
show.phone_table({"two linear layers": (fixed, share_fixed), "one layer of attention": (show.Lookup(), share_lookup)})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The two linear layers give the right digit in less than half of all cases (C). A layer of attention with about a twelfth of the weights gives it nearly always.**
#
# <!-- page -->
#
# A third is better than one in ten. But among six random digits one often occurs twice: on average the most frequent digit of a book occurs 2.02 times. A network that always names this digit, *without reading which name is asked for*, is right in 2.02 / 6 = 34 % of the cases. (The third row of the table counts it on new books.) The two linear layers do much the same: in a trial they named a most frequent digit in 99 of 100 new books. They have learned next to nothing about looking up a name.
#
# Think about what the linear layer has to do. Its weights belong to *places*: one weight for "the third entry is Ada", another for "the fourth entry is Ada". It multiplies each weight by what stands at its place and adds up the products. But to answer, it must take the digit from the third place if Ada stands there, and from the fourth place if she stands *there*. It
# has to learn this separately for every place and every name. What it would need is a product of two inputs, "who is asked for" times "who stands here". A sum of inputs, each times a fixed weight, contains no such product. (A second layer can approximate it. With more neurons and more examples the network improves, but slowly.)
#
# And a convolution? Its weights belong to *distances*: one for "one step to the left", one for "here". So it finds a pattern wherever it stands, but only within its window, and its weights are the same whatever stands there.
#
# You did it in another way. You took the name that is asked for, compared it with every name in the book, and read the digit beside the one that fits. Attention is that procedure, made of multiplications, so that a network can learn it. Nothing in it belongs to a place: with 6 entries or with 600 its layers have the same weights.
#
# Both networks were trained with three learning rates, and the table shows the best of each.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. Queries, keys and values
#
# The **query** $q$ says what is looked for. Each entry has a **key** $k$, with which the query is compared, and a **value** $v$, which is handed over.
#
# 1. **Score**: how well does an entry fit? That is the dot product $q \cdot k$.
# 2. **Share**: $e$ to the power of each score, divided by the sum of all (**softmax**).
# 3. The mean of the values, weighted by the shares.
#
# | | key | value |
# |---|---|---|
# | 1 | (1, 0) | 10 |
# | 2 | (0, 1) | 20 |
# | 3 | (1, 1) | 60 |
#
# **Predict.** For the query (2, 0): is the result nearest to 10, 20, 35 or 60? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* Let everybody work out the three dot products on paper: 2, 0, 2. Take guesses for the result. Then on the board: e² = 7.4, 1, 7.4; divide by 15.8; shares 0.47, 0.06, 0.47. Ask what happens with the query (20, 0): the second entry vanishes. The code is on the page; it also divides the scores by √d, which comes two slides on.


# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The result is 34.0, nearest to 35, the middle of 10 and 60, because the first and the third entry fit best, with a score of 2 each.** The second entry, with its score of 0, still counts a little.
#
# | | score | $e$ to its power | share |
# |---|---|---|---|
# | 1 | 2 | 7.39 | 0.468 |
# | 2 | 0 | 1 | 0.063 |
# | 3 | 2 | 7.39 | 0.468 |
#
# <!-- page -->
#
# Follow it with a pencil. **1. Scores.** Two vectors fit when their dot product is large: $q \cdot k_1 = 2 \cdot 1 + 0 \cdot 0 = 2$, then $q \cdot k_2 = 0$ and $q \cdot k_3 = 2$. **2. Shares.** We want shares that are positive and add up to 1, and a higher score should give a larger share. The softmax does this: the three powers add up to 15.78, and 7.39 / 15.78 = 0.468. **3. The mean.** $0.468 \cdot 10 + 0.063 \cdot 20 + 0.468 \cdot 60 = 34.0$.
#
# A dictionary in Python returns the value of the *one* key that is equal. Attention returns a mean of all values; the better a key fits, the more its value counts. That is less exact, but it has a great advantage: if the query changes a little, the result changes a little. So there are gradients, and a network can learn its queries and keys. (Other books call the shares **attention weights**.)

# %% [markdown] slideshow={"slide_type": "skip"}
# In code attention takes two lines. One piece is new: the function divides the scores by $\sqrt{d}$, where $d$ is the number of features of a query, that is, of the numbers in its vector. Why? Let the features be random numbers around 0 with a spread (standard deviation) of 1. Each product then has a spread of 1 as well. A sum of $d$ such products has a spread of $\sqrt{d}$ and not of $d$, because positive and negative ones partly cancel. With 64 features the scores scatter by about 8, $e^8$ is 2,981, and one entry takes most. Divided by $\sqrt{64} = 8$ they lie about 1 apart, whatever
# $d$ is. A share near 1 hardly changes when the scores change, so gradient descent has little to work with. (*Deeper* measures the shares. The phone book is too easy to need the division.)


# %% slideshow={"slide_type": "skip"}
def attention(q, k, v):
    scores = q @ k.mT / math.sqrt(q.shape[-1])  # mT: rows and columns exchanged
    return scores.softmax(-1) @ v


q = torch.tensor([[2.0, 0.0]]) * math.sqrt(2)  # so that the division by √2 in the function cancels
k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
v = torch.tensor([[10.0], [20.0], [60.0]])
by_hand = attention(q, k, v).item()
print(f"{by_hand:.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# We multiplied the query by $\sqrt{2}$ beforehand, so that the function gives the number that you got by hand.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Who makes queries, keys and values?
#
# Three linear layers make them: here the query from the name that is asked for, keys and values from the entries. At first their weights are random; training changes them like all others. The trained network reads
#
# `Eva 6 · Ida 9 · Jan 8 · Tom 6 · Uwe 6 · Nia 8 · Jan?`
#
# **Predict.** How will it divide the shares among the six entries: one gets nearly all, the two with the digit 8 get half each, or all get something? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Read the six entries aloud, ask for Jan, let the room point. Show the bars. "Nobody told it to compare names. It was told digits only." Ask what the value vectors must carry: the digit. And the keys: the name.

# %% [markdown] slideshow={"slide_type": "skip"}
# A name is not a vector yet. An **embedding** is a table with one row of numbers for each name, and the row stands for the name; at first the rows are random too, and they are learned. Each entry of the phone book becomes the sum of two rows, one for its name and one for its digit. Then
#
# - the linear layer `key` has to extract the *name* from this sum, because that is what an entry is found by,
# - the linear layer `value` has to extract the *digit*, because that is what is wanted,
# - and the linear layer `query` looks at the name that is asked for.
#
# How can a linear layer take a name out of a sum? With small numbers: let Ada be (1, 0, 0, 0), Ben (0, 1, 0, 0), the digit 7 (0, 0, 1, 0) and 8 (0, 0, 0, 1). "Ada 7" is then (1, 0, 1, 0). A layer that keeps the first two numbers makes the key (1, 0), which is Ada; one that keeps the last two makes the value (1, 0), which is 7.


# %% slideshow={"slide_type": "skip"}
class PhoneBook(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.name, self.digit = nn.Embedding(12, width), nn.Embedding(10, width)
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.answer = nn.Linear(width, 10)

    def forward(self, names, digits, asked):
        entries = self.name(names) + self.digit(digits)  # (books, 6, width)
        q = self.query(self.name(asked))[:, None]  # (books, 1, width)
        return self.answer(attention(q, self.key(entries), self.value(entries))[:, 0])


reader = PhoneBook()
share_right = show.learn(reader, rates=[3e-3])
shares = show.shares_of(reader, book)  # the softmax of the scores, for one phone book

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the shares that the entries of one phone book get.
show.one_lookup(book, shares)

# %% [markdown] slideshow={"slide_type": "skip"} tags=["answer"]
# **One entry gets nearly all: the one with the name that was asked for. In the run on this page it got more than nine tenths.** The other entry with the digit 8 gets hardly anything, because its name does not fit.
#
# Nobody told the network to compare names. It was shown phone books and correct digits only, and comparing names makes the loss small.
#
# The shares are this clear because the task is. In the language model of section 6 the largest share of a head, averaged over the text, is 0.2 to 0.8. And a share is no proof that an entry *mattered* for the answer, because what counts is the share times the value.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Every token asks
#
# A text is cut into pieces, its **tokens**; in this lesson each character is one. In a text **every** token asks, and every token can be asked: three linear layers make a query, a key and a value from each. This is
# **self-attention**.
#
# Attention divides each score by $\sqrt{d}$, with $d$ features in a query, because a sum of $d$ random products scatters about $\sqrt{d}$ times as much as one product.
#
# Let a token be a single number, $x$ = 1, 2, 0 (so $d$ = 1), and let query = $x$, key = $x$, value = $10\,x$.
#
# **Predict.** Token 2 asks ($q$ = 2). From which token does most of its result come? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* First √d, because Exercise 1 uses it: 64 features, scores of about 8, $e^8$ = 2,981, and one entry takes all; divided by 8 they lie about 1 apart. Then one minute on paper, √1 = 1: scores 2, 4, 0; powers 7.4, 54.6, 1. The result: 18.5. Ask for the row of token 3 (all scores 0, so the plain mean, 10).

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **Most of the result, 18.5, comes from token 2 itself, because its own score is the highest: the three scores are 2, 4 and 0.**
#
# | asks ↓ | scores | $e$ to the power | shares | result |
# |---|---|---|---|---|
# | token 1, $q$ = 1 | 1, 2, 0 | 2.72, 7.39, 1 | 0.245, 0.665, 0.090 | 15.8 |
# | token 2, $q$ = 2 | 2, 4, 0 | 7.39, 54.6, 1 | 0.117, 0.867, 0.016 | 18.5 |
# | token 3, $q$ = 0 | 0, 0, 0 | 1, 1, 1 | 0.333, 0.333, 0.333 | 10.0 |
#
# <!-- page -->
#
# The scores are a table of 3 × 3, one row for each token that asks, and each row gets a softmax of its own. (The values are 10, 20 and 0.) For token 2 the powers add up to 63.0, so the shares are 7.39 / 63.0 = 0.117, 0.867 and 0.016, and the result is 0.117 · 10 + 0.867 · 20 = 18.5.
#
# Why three layers, and not the vector itself three times? Let an adjective be (1, 0) and a noun (0, 1). The dot product of the two is 0, and that of each with itself is 1, so each would fit itself best. Now let the query layer turn the adjective into (0, 1) and the noun into (0, 0), and leave the keys as they are. The adjective's query fits the noun with 1 and itself with 0, while the noun looks for nothing. If one layer made both, every score would be the same in both directions: the noun would look for the adjective as much as the adjective looks for the noun.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. The mask
#
# A language model learns to say which character comes next. So that it learns from a whole line at once, it predicts the next character *at every place* of the line.
#
# We train two small models on the source code of Python's library. In the first, each place may look only at itself and what came **before**: a **mask** sets the scores of all later places to $-\infty$, so that their shares are $e^{-\infty} = 0$. In the second, every place may look at all others.
#
# **Predict.** Which of the two will be better with the whole line in front of it, and which when it has to *write*, one character after the other? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Write "i m p o r t" on the board, and under each letter the one that is to be predicted. Draw the table of scores, 6 × 6, and shade what lies above the diagonal. Ask what the place under "i" may look at. Vote twice. After the table: "What does the second model do? It copies. And what does it copy when nothing follows yet?" Be ready for "106 is worse than knowing nothing": yes, it is sure and wrong.

# %% [markdown] slideshow={"slide_type": "skip"}
# The mask works before the softmax, so the shares that are left still add up to 1. Three places with these scores, by hand:
#
# | looks at → | 1 | 2 | 3 | | shares | 1 | 2 | 3 |
# |---|---|---|---|---|---|---|---|---|
# | place 1 | 0 | $-\infty$ | $-\infty$ | | | 1 | 0 | 0 |
# | place 2 | 1 | 1 | $-\infty$ | | | 0.5 | 0.5 | 0 |
# | place 3 | 0 | 0 | 2 | | | 0.107 | 0.107 | 0.787 |
#
# In the last row $e^0 = 1$, $e^0 = 1$ and $e^2 = 7.39$, together 9.39. Why not a score of 0 in place of $-\infty$? Then the third place of row 2 would still get $e^0$ / (2.72 + 2.72 + 1) = 0.16. This mask is called **causal**, because what comes later has no influence on what comes before. In the example with the tokens 1, 2, 0 the mask changes the results 15.8, 18.5 and 10.0 into 10.0, 18.8 and 10.0: token 1 sees only itself, token 2 divides its shares among the first two, and nothing is hidden from token 3.


# %% slideshow={"slide_type": "skip"}
def masked_attention(q, k, v, causal=True):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)  # True above the diagonal
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(-1) @ v


with_mask, without_mask = show.two_models(masked_attention)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Shows among how many characters each model hesitates, while it sees the line and when it writes.
show.mask_table({"looks back only": with_mask, "may look at everything": without_mask})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The model without a mask hesitates among fewer than two characters as long as the whole line is in front of it, and it is useless when it has to write.** It has learned to look at the next place and to copy what stands there.
#
# <!-- page -->
#
# The line that the model reads contains the answers: the next character stands one place further on. So it is enough to look there.
#
# The numbers in the table are **perplexities**: among how many equally likely characters the model hesitates. In the run on this page the model without a mask comes to 1.6, near to 1, as long as the line lies in front of it. (It does not reach 1, because after so short a training it does not copy without a mistake, as *Deeper* says, and at the last place of a line there is nothing to copy.) When it writes, the next character is not there yet, and it does worse than if it knew nothing. How can that be? A model that says "each of the 96 equally" gives the right character 1/96, a perplexity of 96. A model that is *sure and wrong* gives it perhaps 1/1,000, a perplexity of 1,000 at this place. (See [[decoding]] for how several places become one number.)
#
# For the model with the mask both columns ask the same question. Its two numbers differ a little, because for the second column only 14 places of each line are counted.
#
# A measurement that is too good usually sees the answer somewhere. The control is to measure as the model will be *used*: here, with nothing behind the last character.
#
# Not every model writes, and not every model needs this mask. A model that only reads, such as BERT, may look in both directions, for example to say whether a text is friendly.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Positions
#
# We shuffle the six entries of a phone book and ask once more.
#
# **Predict.** Does the answer of the attention layer change? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* For a phone book it is a blessing, for a sentence a disaster. Show the difference of the outputs, which is rounding. Then write "dog bites man" and "man bites dog": without a mask and without positions, "dog" gets the same result in both.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Asks the same question twice, with the entries in two orders.
names, digits, asked, _ = book
order = torch.randperm(6, generator=generator)
with torch.no_grad():
    before = reader(names, digits, asked)
    after = reader(names[:, order], digits[:, order], asked)
apart = (before - after).abs().max().item()
print(f"largest difference between the outputs: {apart:.1e}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The answer does not change, because attention adds up the values, each times its share, and a sum does not depend on the order of its terms.** Without a mask, "dog" would get the same result in "dog bites man" and in "man bites dog".
#
# <!-- page -->
#
# Swap entries 1 and 3 of section 2: each takes its share along, and 0.468 · 60 + 0.063 · 20 + 0.468 · 10 = 34.0 again. With the causal mask a little of the order shows: "man" in "dog bites man" sees all three words, and "dog" only itself. But for "man", *in one layer*, the words before it are still an unordered heap, so "bites dog man" would look the same to it. (In a stack of layers a little more shows, because "dog" is another vector there if "bites" stood before it. Language models have even been trained without being told the places, [Haviv et al., 2022](https://arxiv.org/abs/2203.16634).) The tiny difference in the output comes from rounding: the same numbers are added up in another order. For a phone book this is just right. For a text it helps to tell the network where each token stands.

# %% [markdown] slideshow={"slide_type": "skip"}
# To tell a network where each token stands, many of today's language models use **rotary position embedding**, **RoPE** for short ([Su et al., 2021](https://arxiv.org/abs/2104.09864)). (A *position* is what we called a *place*. We counted places from 1. RoPE counts *steps*: the first token is at step 0.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Clock hands
#
# **Rotary position embedding (RoPE)** tells attention where a token stands: it takes two features of a query or a key as the hand of a clock, and turns the
# hand by a fixed angle for every step of the text. Here both hands point to the right, (1, 0), before they are turned by 30° for every step.
#
# The query at step 2 stands at 60°, the key at step 1 at 30°. Their dot product is $\cos 30° = 0.87$.
#
# **Predict.** What is the dot product for the same query at step 12 and the same key at step 11? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Hold two pencils at the board like the hands of a clock, 30° apart. Turn both by the same angle: what stays? Then ask for a key three steps back: 90°, and the product is 0.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws both pairs of hands.
show.clock_hands()

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The dot product is 0.87 again, because there are 30° between the two hands in both cases.**
#
# <!-- page -->
#
# The query at step 12 is turned by 360°, the key at step 11 by 330°. Ten more steps turn both by a further 300°, and turning two hands together does not change the angle between them. A dot product of two hands of length 1 is the cosine of that angle. So for the same query and key the score depends on how far the two tokens are **apart**, and not on where they stand. A key three steps back would be 90° away, and
# the dot product would be $\cos 90° = 0$.
#
# So attention can learn to look a fixed number of steps back (*Deeper* works it out). A query has many pairs of features, and each pair turns at a speed of its own: pairs that turn fast distinguish neighbouring tokens, pairs that turn slowly distinguish near tokens from far ones. The function `language.rotate` turns the hands, and the next cell checks it with a single pair, which turns by one radian (57°) a step.

# %% slideshow={"slide_type": "skip"}
hand = torch.tensor([1.0, 0.0]).expand(1, 1, 20, 2)  # the same vector at 20 steps
turned = language.rotate(hand)[0, 0]
products = turned @ turned.T
print(f"steps 2 and 1: {products[2, 1]:.4f}, steps 12 and 11: {products[12, 11]:.4f}, cos(1): {math.cos(1):.4f}")
rotary_error = (products.diagonal(-1) - math.cos(1)).abs().max().item()

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. Heads, and a Transformer block
#
# One weighted mean answers one question. To ask several at once, the features are divided among **heads**: each head works on its own slice of the queries, keys and values, with its own softmax. A last linear layer,
# *out*, mixes what the heads found.
#
# **Predict.** We take two heads in place of one, with the same 128 features. What becomes twice as large: the number of weights, the multiplications of the scores, or the tables of scores? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote first; expect the weights. Then the drawing: one vector, cut into two slices, each slice attends by itself, and the results stand side by side again. "A slice costs no weights. A table of scores for each head it does cost."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws how two heads divide the features of a token.
show.two_slices()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only the tables of scores become twice as large. The number of weights stays the same, because the heads divide the features between them.** With 128 features and two heads, each head has queries and keys of 64.
#
# <!-- page -->
#
# The 64 features are cut from the same 128 outputs of the same linear layers, so heads cost no weights. Nor do they cost multiplications, because two dot products of 64 features take as many as one of 128. What heads do cost, in code as plain as ours, is memory for the scores: each head has a table of its own, with a row and a column for every place. (PyTorch's own function usually works on pieces of the table: in a trial with 2,048 places and four heads it needed 1.6 MB where our two lines needed more than 130.)
#
# Why several heads? Suppose a token needs two values: that of the character before it, and that of another one further back. If it has only one head, that head must give each of the two a share of 0.5, for example. If the two values are 10 and 60, the mean is 35; if they are 30 and 40, it is 35 as well, and the two cases can no longer be told apart. Two heads return (10, 60) and (30, 40). (*Deeper* shows what a second head is worth in the small model of section 3, section 6 heads that do different things.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A Transformer block
#
# Two halves, each behind a norm, and each added to what came in:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Follow the arrows with the finger: norm (brings each token's vector to the same size), q, k, v, attention, out, add. Then norm, up (four times as wide), GELU (a smooth relative of ReLU), down, add. Ask why each half is *added*: the token keeps what it was, and the block learns only what to change.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the block.
show.block()

# %% [markdown] slideshow={"slide_type": "skip"}
# The first half lets the tokens look at each other (attention). The second half works on each token alone: a linear layer that makes the vector four times as wide, a nonlinear function (GELU, a smooth relative of ReLU), and a linear layer that brings it back to the old width. This half is also called the **feed-forward network** or MLP. It helps because the mean and the layer *out* only add things up. From what two heads have collected, $a$ and $b$, a linear layer can make $a + b$, but not "$a$ if $b$ is positive".
#
# In front of each half stands a normalization. `RMSNorm` divides each token's vector by its root mean square: (3, 4) has √((9 + 16) / 2) = 3.54 and becomes (0.85, 1.13), and (300, 400) becomes the same. (Then it multiplies each feature by a learned weight.) Without the norm, vectors might grow from block to block. A score is a product of two of them, so it would grow with the square, and the softmax would give nearly everything to one token.
#
# Each half *adds* its result to what came in. This is a **residual connection**. Without it a token would be replaced by a mean in which it is one of many, and what it was could get lost. With it, the token keeps what it was, and the block only has to learn what to change: if the token is (3, 4) and the half returns (0.1, −0.2), then (3.1, 3.8) goes on. The gradient benefits as well, because in a sum $x + f(x)$ it flows back through the $x$ unchanged, past every block.
#
# In the code `x` has a vector for each place of each text. The line with `unflatten` cuts the features into slices: four features 1, 2, 3, 4 and two heads make (1, 2) and (3, 4).


# %% slideshow={"slide_type": "skip"}
class Block(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):  # (texts, places, width)
        y = self.norm1(x)
        # (texts, places, width) -> (texts, heads, places, width / heads): each head gets its own slice of the features
        q, k, v = (f(y).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        found = masked_attention(language.rotate(q), language.rotate(k), v)
        x = x + self.out(found.transpose(1, 2).flatten(2))  # the slices side by side again
        return x + self.down(F.gelu(self.up(self.norm2(x))))


# %% slideshow={"slide_type": "skip"}
one, two = (sum(p.numel() for p in Block(128, n_heads).parameters()) for n_heads in (1, 2))
theirs = language.trained().blocks[0]  # a block of a model that ships with the course
mine = show.with_weights_of(Block(128, n_heads=4), theirs)
x = torch.randn(1, 40, 128)
with torch.no_grad():
    block_error = (mine(x) - theirs(x)).abs().max().item()
print(
    f"weights with one head {one:,}, with two {two:,}; largest difference from the block that ships {block_error:.0e}"
)

# %% [markdown] slideshow={"slide_type": "skip"}
# The cell gave our block the weights of a block that ships with the course, which calls PyTorch's `scaled_dot_product_attention`. The outputs agree up to rounding, so these few lines compute what PyTorch's attention computes. A language model is an embedding, a stack of such blocks (5 in ours, 32 in Llama-3.1-8B), and a linear layer which gives a score for every token that may come next. These scores are called
# **logits**.
#
# **What it costs.** The linear layers of a block of width $w$ have $12 w^2$ weights (*Deeper* counts them), so they need $12 w^2$ multiplications for each token, however long the text is. For each token attention computes $n$ dot products with keys, which is $n w$ multiplications over all heads, and the mean of the $n$ values takes another $n w$. The two costs are equal where $2 n w = 12 w^2$, at $n = 6 w$: for $w = 128$ that is a text of 768 tokens, for $w = 4096$ one of 24,576. In shorter texts most of the work is in the
# linear layers. In longer ones attention takes over, because its work for the whole text grows with $n^2$. In our code the tables of scores grow as fast.
#
# **When not?** Where the place alone decides, attention pays for comparisons that nobody needs. To average each value with its two neighbours, a convolution takes three products at each place; with 1,000 places attention compares each place with 1,000 keys. And twice the text is four times the comparisons. So attention is worth its price where *what stands there* decides where to look, as in the phone book.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. What does a trained head look at?
#
# The course's own small language model, five blocks with four heads each, has learned Python's source code. It reads `value_of_x = 1` ⏎ `print(val`
#
# **Predict.** To which earlier character should a head look, if it is to help most in predicting the next one? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Cover the end of the line and let the room continue it aloud: "val… ue_of_x!" Ask how they knew. They looked where the same letters stood before, and read on. Frame 1: most dark squares lie just before the letters themselves, so this head looks one step back. Frame 2: row *l* is darkest at the *u* of the first name, *e* at *_*, *o* at *f*: what followed the same letter last time. Six of ten rows do so; it is called an induction head. We chose these two of twenty.

# %% slideshow={"slide_type": "skip"}
line = "value_of_x = 1\nprint(value_of_x)"
heads = show.shares_of_heads(language.trained(), line)  # (blocks, heads, steps, steps)
first, second = heads[1, 2], heads[4, 0]
first_share = first.diagonal(-1).mean().item()
second_share = show.share_after_the_same(second, line)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws to which earlier characters two heads look.
show.two_heads(line, {"block 2, head 3": first, "block 5, head 1": second})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The `u` of the first `value_of_x` would help most, because it followed the same letters last time.**
#
# <!-- page -->
#
# One head of the last block looks at such places. The figure shows the whole second name; the row of its `l` is where `print(val` ends. In the first frame most dark squares lie just before the letters themselves: in eight of the ten rows the largest share goes one step back, in the others two. This head goes mostly by *place*, which RoPE makes possible, but not by place alone: in a trial it gave the character before a share of 0.63 on code and 0.38 on random characters. In the second frame the dark squares lie far to the left: from six of the ten characters (`l`, `e`, both `_`, `o` and `x`) the largest share goes to the character *after* the same one in the first name; the others look
# elsewhere. This head goes by *content*. It finds where the same text occurred before, and what came next there. Such a head is called an **induction head** ([Olsson et al., 2022](https://arxiv.org/abs/2209.11895)).
#
# We chose these two heads out of twenty, because they are easy to read. Most of the others are not. And a picture shows where a head looks, not what the model does with it. To find that out, switch the head off (its output becomes 0) and measure:

# %% slideshow={"slide_type": "skip"}
switched_off = show.without_each_head(language.trained(), line)  # (blocks, heads): perplexity of the second name
whole = show.perplexity_of_the_second(language.trained(), line)
print(f"all heads: {whole:.1f};  without head 1 of block 5: {switched_off[4, 0]:.1f}")
print(f"without any other one, at most: {switched_off.flatten().sort().values[-2]:.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# Without this head the perplexity of the name's second occurrence is clearly higher, in the run on this page by more than half. Switching off any other head costs less. So on this line the head matters. But this is a single line. In a trial with eight other names, on 16 lines, the same head was the one that was missed most, each time.

# %% [markdown] slideshow={"slide_type": "skip"}
# When a model *writes*, every new token wants to look at the keys and values of all tokens before it. Must they all be computed again each time? That question is where [[decoding]] begins.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# ### Exercise 1 · One query
# ★★ · 8 minutes
#
# Write `look_up`: attention of a single query, in plain Python. `query` is a list of numbers, `keys` a list of such lists, all of the same length; `values` is a list of numbers, one for each key. Return the weighted mean of the values.
# The scores are divided by the square root of the number of features.
#
# A key may be `None`: this place is masked, and gets a share of 0. At least one key is not `None`.
#
# <details><summary>Hint</summary>
# Scores, then e to the power of each, then divide by their sum. What share has a masked place, and does it count in the sum? You may use math.exp.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, on paper first: the three entries of section 2, with the second one masked. The result is 35, with or without √2, because the two scores that are left are equal. Then in code.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def look_up(query, keys, values):
    """Attention of one query.

    >>> look_up([1.0], [[5.0]], [10.0])  # one place gets everything
    10.0

    The entries of section 2 with the second one masked, and the query (2, 0), give 35.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.look_up(look_up)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def look_up_solution(query, keys, values):
    parts = []
    for key in keys:
        if key is None:
            parts.append(0.0)
        else:
            score = sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(len(query))
            parts.append(math.exp(score))
    return sum(part * value for part, value in zip(parts, values, strict=True)) / sum(parts)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Exercise 2 · What does this head look at?
# ★★★ · 10 minutes · an investigation
#
# You are given a head of an unknown model as an instrument. `share(token, distance=d)` makes a text in which one token stands `d` steps back (1 to 8) and all others are fillers, and returns the share of attention that this token gets. `token` is `"same"` for a copy of the token from which the head looks, or `"other"` for a different one.
#
# Write `looks_at`. Return `"place"` if what counts is how far away the token stands, `"content"` if what counts is whether it is the same token (whichever of the two gets the larger share), and `"neither"` if neither matters. Where both matter the answer is `"content"`: one distance at which the token makes a clear difference is enough. The instrument is a little noisy, by 0.02 or less. A share is clearly larger than another one if it is larger by 0.2.
#
# <details><summary>Hint</summary>
# Change one thing at a time. How does the share depend on the distance when the token stays what it is? And on the token when the distance stays?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check hands your function several heads. Ask the instrument for both tokens at the same distances, at four at least, and for one as often as for the other. A head may look at any of the eight distances, so try them all.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, no code: "Which table would you fill in before you say what the head looks at?" Wanted: two rows, same and other, and a column for each distance. What does each of the three heads look like in that table? Place: both rows alike, one column high. Content: one row high, the other low. Neither: flat.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def looks_at(share):
    """Say what a head looks at: "place", "content" or "neither".

    Args:
        share: an instrument; `share("same", distance=3)` gives a number from 0 to 1.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.looks_at(looks_at)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def looks_at_solution(share):
    same = [share("same", distance=d) for d in range(1, 9)]
    other = [share("other", distance=d) for d in range(1, 9)]
    by_content = max(abs(s - o) for s, o in zip(same, other, strict=True))  # the distance stays
    by_place = max(max(row) - min(row) for row in (same, other))  # the token stays
    if by_content >= 0.2:
        return "content"
    return "place" if by_place >= 0.2 else "neither"


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Why does dividing by √d matter?
#
# Each product in $q \cdot k$ has a variance of 1 if the features have; variances of independent terms add up to $d$, and the standard deviation is the root, $\sqrt{64} = 8$. Why can a network learn badly when one share is nearly 1? The slope of a share $p$ is $p (1 - p)$: for scores of 1 and 0 it is 0.73 · 0.27 = 0.20, for 8 and 0 it is 0.0003. Here it is measured: random queries and keys of 4, 64 and 1,024 features, 20 keys each, and the largest share that a key gets, on average.

# %% slideshow={"slide_type": "skip"}
rows = []
for d in (4, 64, 1024):
    q, k = torch.randn(500, 1, d), torch.randn(500, 20, d)
    scores = (q @ k.transpose(1, 2))[:, 0]
    rows.append([f"{d:,}", *(f"{s.softmax(-1).max(-1).values.mean():.2f}" for s in (scores, scores / math.sqrt(d)))])
Table(["features", "largest share, undivided", "divided by √d"], rows)

# %% [markdown] slideshow={"slide_type": "skip"}
# Without the division, the largest share grows towards 1 with the number of features, although the keys are random. With it, the share stays nearly the same.
#
# ### How much of a Transformer is attention?
#
# A block of width $w$ has four linear layers of $w \cdot w$ weights for attention, and two of $4 w \cdot w$ for the second half: $4 w^2$ and $8 w^2$. So a third of a block's weights belong to attention, and two thirds to the two linear layers that work on each token alone. The scores themselves have no weights at all. With $w$ = 128 this makes 12 · 128² = 196,608; the two norms have a weight for each feature, 256 more, which gives the 196,864 of section 5.
#
# ### How does a head ask for "the token one step back"?
#
# With two equal hands the score is largest at the query's own step ($\cos 0° = 1$). But the layers that make the hands are learned. Let the query start 30° behind the key. At step 2 it stands at 60° − 30° = 30°. The key at step 2 stands at 60°, that at step 1 at 30°, that at step 0 at 0°. The scores are 0.87, **1** and 0.87: now the token one step back scores highest, at every place of the text. (Longer hands make the difference
# clear: if the product of their lengths is 30, the scores are 26, 30 and 26.)
#
# One pair of features is not enough, because after 12 steps of 30° the hand has gone once around, and a key 13 steps back looks like one that is 1 step back.
#
# ### Other ways to tell places
#
# The first Transformer added a fixed pattern of sines and cosines to the embeddings ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)). Other models learn a vector for each place; then there is no vector for places beyond the longest text of the training. RoPE turns queries and keys and leaves the values alone.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What is each part worth?
#
# The small model of section 3 with the mask, trained again with one part left out or changed at a time:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Trains the small model four times more, and shows the perplexity of each.
worth = show.worth_of_parts(masked_attention, with_mask[0])
show.worth_table(worth)

# %% [markdown] slideshow={"slide_type": "skip"}
# Without positions the model hesitates among clearly more characters. It still reads: each place knows its own character (with this alone, without any attention, the perplexity was 11.6 in a trial with 400 batches) and which characters stand before it, but not in which order. It also hesitates more without the residual connections, and without the second half. One head in place of two also does worse here. After 400 batches, in an earlier run, the two were level, so one head perhaps only learns more slowly; more blocks were not tried. All were trained with the same learning rate, and one seed each: differences of a few tenths may be luck.
#
# And the model without a mask? In a trial with 400 batches its two heads gave the next place 0.32 and 0.67 of their shares. With 1,000 batches in place of 250 its perplexity was 1.14 with the whole line visible, so a longer training brings it nearer to 1.
#
# ### Which heads does the induction head need?
#
# How can the induction head find its place? The query of the second `l` says "I am an l". The `u` of the first name can answer only if its key says "an l stands before me". A `u` does not know that by itself: a head of an earlier block has to look one step back and add what it finds to the vector of the `u`. Heads such as the first one of section 6 can do this.
#
# We switch the heads of the blocks before it off, one at a time, and look at the share that the induction head of section 6 then gives to the right places.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Switches off each head of blocks 1 to 4, and shows what is left of the induction head's share.
show.partners(language.trained(), line)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page no single head is the partner. The share falls a little without the head that looks one step back, and more without head 1 or head 3 of block 3. In a trial those two and heads 2 and 3 of block 2 all looked one step back (0.44 to 0.60 of their shares on this line), and with all four off 0.06 was left of 0.37. (With four of the other twelve heads off, drawn at random 60 times, 0.33 or more was left.) So several heads pass on which character came before.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What can be counted or computed exactly, and what this run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("attention")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Attention compares a query with every key, turns the scores into shares by a softmax, and gives the weighted mean of the values.
# - The mask hides what comes later. Without it, a model that should learn to write learns to copy the next character.
# - Attention itself knows no order. Rotary position embedding (RoPE) turns queries and keys, so that scores depend on how far tokens are apart.
# - A block is attention and two linear layers, each behind a norm and added to what came in. Heads ask several questions at once, and cost no weights.
#
# **Going further**
#
# - A. Vaswani et al., [*Attention is all you need*](https://arxiv.org/abs/1706.03762), 2017. The Transformer.
# - J. Su et al., [*RoFormer*](https://arxiv.org/abs/2104.09864), 2021. Rotary position embedding.
# - C. Olsson et al., [*In-context learning and induction heads*](https://arxiv.org/abs/2209.11895), 2022.
#
# **Project ideas**: take the mask away from the shipped model and see what it writes; find the head of the shipped model that looks at the last line end; give the two linear layers of section 1 ten times the neurons and the steps.
#
# **Credits.** Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask the first question again: "Why could the linear layers not read the phone book?" Next time: a model writes, one token after the other. What must it read for each?
