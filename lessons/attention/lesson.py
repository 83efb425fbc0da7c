# ---
# jupyter:
#   course:
#     promise: You will work attention out by hand, and compute a Transformer block from its linear layers.
#     seconds: 20
#     needs: []
#     goals:
#       - compute by hand what attention finds for one query;
#       - say what the causal mask is for, and why it works before the softmax;
#       - name the parts of a Transformer block, and compute it from its linear layers.
#     terms: [attention, "attention mask", embedding, head, perplexity, "query, key, value", residual connection, rotary position embedding, softmax,
#       token, Transformer block]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How does a network look something up?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports what this lesson draws and trains, its check and the scorecard.
import torch

from course_utils import claims, runtime
from course_utils.tables import Table
from lessons.attention import show
from lessons.attention import tasks as check

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A phone book
#
# Here's a tiny phone book, and then somebody asks for a name:
#
# `Ada 7 · Ben 2 · Eva 5 · Max 4 · Ida 3 · Uwe 8 · Ada?`
#
# You find the 7 at once. Can a network learn to do that? Every book combines names and digits anew, so it can't learn them by heart.
#
# Two networks try. The first has two linear layers with a ReLU between them, and gets all entries and the question in one long vector. The second has one layer of *attention*.
#
# **Predict.** How often do the two linear layers give the right digit: **A** in about a third of the books, **B** half of the time, **C** nearly always?

# %%
from lessons.attention.show import Lookup, TwoLinearLayers, learn

linear, lookup = TwoLinearLayers(), Lookup()
right = {"two linear layers": learn(linear), "one layer of attention": learn(lookup)}

# %% looking_something_up tags=["hide-input"]
# Puts the two networks side by side.
parameters = [f"{sum(p.numel() for p in network.parameters()):,}" for network in (linear, lookup)]
Table(
    ["", "parameters", "right digits"],
    [[name, n, f"{part:.0%}"] for (name, part), n in zip(right.items(), parameters, strict=True)],
    caption="2,000 new phone books, after training on the same 1,000 batches.",
)

# %% [markdown] tags=["answer"]
# **In about a third (A), because you can reach that without looking at the names.** The most frequent digit of a random book usually appears at least twice. If you always answer with it, you're right in about two of six cases.

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# What does a lookup need? The 7 should only count if it's the right person's, so the *names* must decide how much each *digit* counts. But the weights of a linear layer are fixed, and a 7 in position 1 always adds the same. A ReLU can help, but not much within these batches; the project at the end gives it more. **Attention computes from its input how much each entry counts.**

# %% [markdown]
# ## 2. Three entries by hand
#
# Let's take the first three entries: `Ada 7 · Ben 2 · Eva 5 · Ada?`
#
# To compare names, a network needs numbers, so each name becomes a vector: Ada (1, 0), Ben (0, 1) and Eva (−1, 0). Three words go with the lookup:
#
# - The **query** is what we ask for, here (3, 0): Ada's vector times 3, so that a good fit stands out.
# - The **key** of an entry is what we compare the query with: the vector of its name.
# - The **value** of an entry is what we get from it: its digit.
#
# The dot product of a query and a key, the **score**, says how well they match. Ada's key gets 3 · 1 + 0 · 0 = 3, Ben's gets 0, and Eva's gets −3.
#
# We could now return the value with the highest score. But after a small change of the query, mostly the same entry would win, so the query and the keys would have no gradient to learn from. So attention takes a *mean* of all values, in which high scores count most. How much an entry counts is its **attention weight**.
#
# Attention weights are never negative, and they add up to 1. **Softmax** makes them from the scores: *e* to the power of each score, divided by the sum of these powers.
#
# | entry | score | *e* to the score | attention weight | value | weight · value |
# |---|---|---|---|---|---|
# | Ada | 3 | 20.09 | 20.09 / 21.14 = 0.9503 | 7 | 6.652 |
# | Ben | 0 | 1.00 | 0.0473 | 2 | 0.095 |
# | Eva | −3 | 0.05 | 0.0024 | 5 | 0.012 |
# | **sum** | | **21.14** | | | **6.759** |
#
# So attention returns 6.76, nearly Ada's 7.
#
# Scores, softmax, weighted mean. **That's attention**, and each of the three takes one line. `q`, `k` and `v` have a row for each query, key and value.

# %% by_hand tags=["nbval-check-output"]
import torch


def attention(q, k, v):
    scores = q @ k.mT  # mT exchanges rows and columns
    weights = scores.softmax(-1)  # each row adds up to 1
    return weights @ v


q = torch.tensor([[3.0, 0.0]])
k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
v = torch.tensor([[7.0], [2.0], [5.0]])
print(f"{attention(q, k, v).item():.2f}")

# %% [markdown]
# **Try it.** The query (3, 3) asks for both Ada and Ben. With pen and paper: what does it find? Then change `q` to `[[3.0, 3.0]]`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# 4.50. The scores are 3, 3 and −3, so Ada and Ben get half of the weight each.
#
# </details>

# %% [markdown]
# ## 3. Three linear layers make queries, keys and values
#
# By hand, we chose the vectors. A network begins with an **embedding**: a table with a learned vector for each name. A second table has a vector for each digit, and an entry is the sum of the two, say `Ada 7` = (1, 0, 0) + (0, 0, 7) = (1, 0, 7).
#
# To take the sum apart again, linear layers keep some features and drop the others. The *key layer* keeps the first two: (1, 0), which is Ada. The *value layer* keeps the third: 7. And the *query layer* keeps the first two, times 3: (3, 0).
#
# These three layers are the same for all entries, so what they've learned about Ada holds wherever she stands.
#
# Our trained network has 16 features instead of three. Its query is made from the name alone, but nobody told its key layer to drop the digits. Does it compare names? We give it the book of section 1.

# %%
from lessons.attention.show import phone_book

names, digits, asked = phone_book()  # each name has a number

entries = lookup.name(names) + lookup.digit(digits)  # (6, 16): six entries of 16 features
q = lookup.query(lookup.name(asked))  # (1, 16)
k, v = lookup.key(entries), lookup.value(entries)  # (6, 16) each
weights = (q @ k.mT / 16**0.5).softmax(-1)  # (1, 6)
answer = lookup.answer(weights @ v).argmax().item()  # a linear layer with an output for each digit
print("the digit:", answer)

# %% one_lookup tags=["hide-input"]
# Draws the attention weights of the six entries.
show.one_lookup((names, digits, asked), weights)

# %% [markdown]
# In this book it does: most of the weight goes to Ada.
#
# Why the √16, the root of the number of features? A score adds up a product for each feature, so more features would mean larger scores, and then hardly any gradient gets through (*Deeper*).

# %% [markdown]
# ## 4. In a text, every token asks, and a mask hides the future
#
# A language model predicts what comes next after *every* piece of a text, called a **token**. Here a whole entry is one token, so our text has four:
#
# `Ada 7 · Ben 2 · Ada? · 7`
#
# Every token makes a query, a key and a value, and its query is compared with the keys of all tokens (*self-attention*). So four tokens have a table of 4 × 4 scores, a row for each query. We follow one row, that of `Ada?`.
#
# After `Ada?`, the model should predict `7`, which it can find in the first entry. But in training the whole text is there, because then one pass trains the predictions after all its tokens. And the fourth token *is* the answer. Why compare names, if you can look ahead? Training could end up with the keys below, which don't tell the names apart: only the answer's fits the query. `Ada?` brings no digit, so its value is 0. To keep the numbers simple, we leave out the root, here and in section 5.
#
# | | Ada 7 | Ben 2 | Ada? | 7 |
# |---|---|---|---|---|
# | key | (0, 0) | (0, 0) | (0, 0) | (2, 0) |
# | score for the query (3, 0) of `Ada?` | 0 | 0 | 0 | 6 |
# | attention weight | 0.002 | 0.002 | 0.002 | 0.993 |
# | value | 7 | 2 | 0 | 7 |
#
# In training, `Ada?` finds 6.97, and all looks well. But when the model *writes*, nothing comes after `Ada?` yet. The three scores that are left are equal, so it finds the mean of 7, 2 and 0, which is 3.
#
# So a **causal mask** hides what comes later, in training as well: each token sees itself and what came before. Of the table, that leaves the diagonal and what lies below it. Now looking ahead doesn't help, so the keys have to tell the names apart.
#
# How do you hide a token? If we set its attention weight to 0, the others would add up to less than 0.01 and not to 1, because the softmax has already divided by a sum that contains the future. So we set its *score* to −∞, *before* the softmax. Since *e* to the power of −∞ is 0, the token drops out of that sum.
#
# **Predict.** With the mask, training changes two keys: `Ada 7` now has (1, 0), and `Ben 2` has (0, 1). With pen and paper: what does `Ada?` find?

# %% [markdown] tags=["answer"]
# **6.46, because `Ada 7` fits best of what `Ada?` may see.** The scores are 3, 0, 0 and −∞, so the powers of *e* are 20.09, 1, 1 and 0, with the sum 22.09. It finds (20.09 · 7 + 1 · 2 + 1 · 0 + 0 · 7) / 22.09 = 6.46.

# %% [markdown]
# Does this happen on a real text? Two small language models, identical except for the mask, are trained on the source code of Python's library. Each character is a token, one of 96.
#
# We measure their **perplexity** on a piece of other code: *e* to the power of the mean loss. It's as if the model chose among that many equally likely characters: 1 if it's sure and right, 96 if all seem equally likely, and more if it's sure and wrong. We measure it twice: with the whole piece visible, and with only what came before each character, as when the model writes.

# %%
from lessons.attention.show import small_model

with_mask, without_mask = small_model(causal=True), small_model(causal=False)

# %% the_mask tags=["hide-input"]
# Measures the perplexity of both models, while they see the whole piece and when they write.
perplexities = [show.perplexities(model) for model in (with_mask, without_mask)]
Table(
    ["trained", "perplexity, whole piece visible", "perplexity, when it writes"],
    [
        [name, *(f"{one:.1f}" for one in row)]
        for name, row in zip(("with the mask", "without a mask"), perplexities, strict=True)
    ],
    caption="The beginning of a file that neither model has learned. When it writes, a model sees only what came before.",
)

# %% [markdown]
# Without the mask, the model is far better while it can look ahead, and far worse when it writes. With it, both columns agree, because the rest is hidden anyway.

# %% [markdown]
# ## 5. Two questions need two heads, and a block has two halves
#
# Now we ask for two names: `Ada 7 · Ben 2 · Eva 5 · Ada and Ben?` The query (3, 3) finds 4.50. That's useless, since 4 and 5 have the same mean as 7 and 2. **One softmax makes one mean, and a mean doesn't say what came from where.**
#
# So we run attention twice. Each run is a **head**, with its own queries, keys and values:
#
# | | query | finds |
# |---|---|---|
# | head 1 | (3, 0) | **6.76** |
# | head 2 | (0, 3) | **2.36** |
#
# A language model is an embedding, a stack of **Transformer blocks**, and a last norm and linear layer that say what comes next. A block has two halves. In the first, tokens exchange information. These are its parts in our trained model, which has 128 features and four heads:
#
# 1. `block.qkv`, one linear layer, makes the queries, keys and values of all heads. `into_heads` cuts them into pieces of 32 features. It also turns queries and keys by an angle for each position, which tells the order of the tokens (*Deeper*).
# 2. PyTorch's `scaled_dot_product_attention` does the rest in each head: scores, root, mask, softmax, weighted mean.
# 3. `side_by_side` joins what the heads have found, and `block.out`, another linear layer, mixes the features of different heads.
#
# Attention only takes means, and what has been found must be *processed*. So the second half, the **feed-forward** part, treats each token on its own: `block.up`, a linear layer to four times as many features, a nonlinearity (GELU, a smooth relative of ReLU), and `block.down`, a linear layer back.
#
# In section 4, attention found 6.46 for `Ada?`. If that *replaced* the token, it would forget that it was asking for Ada. So we *add* what a half has found to what came in, by a *shortcut*, in Transformers called the **residual connection**. Sums can get large, so before each half a **norm** divides each vector by its features' typical size.

# %% block tags=["hide-input"]
# Draws the block.
show.block()

# %% attention_half
from torch.nn import functional as F

from lessons.attention.show import into_heads, side_by_side


def attention_half(block, x):
    q, k, v = into_heads(block.qkv(x), 4)  # (texts, 4 heads, tokens, 32 features) each
    found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return block.out(side_by_side(found))


def feed_forward(block, x):
    return block.down(F.gelu(block.up(x)))


def transformer_block(block, x):
    x = x + attention_half(block, block.norm1(x))
    return x + feed_forward(block, block.norm2(x))


# %% [markdown]
# Does the model's own block give the same?

# %%
from course_utils import language

model, ids = language.trained(), language.encode("Ada = 7\nBen = 2\n")[None]  # [None]: one text
block, x = model.blocks[0], model.tokens(ids)  # the embedding: (1, 16, 128)
print("the same:", torch.allclose(transformer_block(block, x), block(x), atol=1e-4))

# %% [markdown]
# **Predict.** Which half has more weights in its linear layers, and how many times as many?

# %% [markdown] tags=["answer"]
# **The feed-forward half, twice as many.** With *w* features, `qkv` has 3*w*² weights, `out` has *w*², and `up` and `down` have 4*w*² each. That's 12*w*², here 196,608.

# %% [markdown]
# ## Exercise · Attention of your own
# ★★ · 10 minutes
#
# Write `attend`: causal attention without PyTorch's function. The last two dimensions of `q`, `k` and `v` are tokens and features; others may stand in front. Divide the scores by the root of the number of features of a query. Return what each token finds.
#
# <details><summary>Hint</summary>
#
# `torch.ones_like(scores, dtype=torch.bool).tril()` is True on the diagonal and below, and `torch.where(allowed, scores, -torch.inf)` keeps the scores where `allowed` is True.
#
# </details>


# %% tags=["exercise"]
def attend(q, k, v):
    """Causal attention; q, k, v: float (..., tokens, features)."""
    raise NotImplementedError


# %% tags=["check"]
check.attend(attend)


# %% tags=["solution", "hide-cell"]
def attend_solution(q, k, v):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    allowed = torch.ones_like(scores, dtype=torch.bool).tril()
    weights = torch.where(allowed, scores, -torch.inf).softmax(-1)
    return weights @ v


# %% [markdown]
# ## Remember
#
# - Attention compares a query with every key, turns the scores into attention weights by a softmax, and returns the mean of the values with these weights.
# - The causal mask hides later tokens, because a model that can read the answer doesn't learn to predict it. It sets their scores to −∞ before the softmax, so that the other attention weights still add up to 1.
# - A Transformer block is attention in several heads, and then a feed-forward part. Each half has a norm before it, and adds its result to what came in.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("attention")

# %% [markdown]
# ## Deeper
#
# ### How a rotation tells the order
#
# If Ada and Ben change places in our book, attention adds up the same products, and finds 6.76 again. Attention doesn't know the order of the tokens that it sees.
#
# So take two features of a query as the hand of a clock. **Rotary position embedding** (RoPE, [Su et al., 2021](https://arxiv.org/abs/2104.09864)) turns it by an angle for each position, say 30°. A key is turned in the same way. Let both point to 0° before. A query at position 2 then stands at 60°, and a key at position 1 at 30°. Both have length 1, so their dot product is the cosine of the angle between them: cos 30° = 0.87. And at positions 12 and 11? 360° and 330°, so it's 0.87 again. The score depends on how far two tokens are *apart*, and not on where they stand. A query has many such pairs of features, and each pair turns at a speed of its own, or tokens 12 positions apart would look the same.
#
# ### What the root is for
#
# We take random queries, and 20 random keys for each. How large is the largest attention weight, on average?

# %%
for d in (4, 64, 1024):
    scores = (torch.randn(500, 1, d) @ torch.randn(500, 20, d).mT).squeeze(1)
    largest = [s.softmax(-1).amax(-1).mean().item() for s in (scores, scores / d**0.5)]
    print(f"{d:5} features: {largest[0]:.2f} undivided, {largest[1]:.2f} divided")

# %% [markdown]
# Undivided, it grows towards 1, although these keys mean nothing. A sum of *d* independent random products with mean 0 has √*d* times the standard deviation of one, so the scores lie further apart, and the highest takes most.
#
# Why does it hurt? With two keys, the attention weight *p* of one changes with its score at the rate *p* (1 − *p*). For the scores 1 and 0, *p* is 0.73, and the rate is 0.73 · 0.27 = 0.20. For 8 and 0 it's 0.0003, so hardly any gradient gets through.
#
# ### When attention costs more than the linear layers
#
# The linear layers of a block make 12*w*² multiplications for each token, one for each weight, however long the text is. Comparing a token with *n* others takes *nw* more, and the mean of their values takes *nw* again. So the two are equal at 2*nw* = 12*w*², which is *n* = 6*w*. For *w* = 4,096, that's 24,576 tokens.

# %% [markdown]
# **Sources.** A. Vaswani et al., *Attention is all you need*, 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762); J. Su et al., *RoFormer*, 2021, [arXiv:2104.09864](https://arxiv.org/abs/2104.09864).
#
# **Going further.** C. Olsson et al., *In-context learning and induction heads*, 2022, [arXiv:2209.11895](https://arxiv.org/abs/2209.11895). Project: give the two linear layers of section 1 ten times the batches, or the neurons, or both.
#
# **Credits.** Text CC BY 4.0, code MIT.
#
# **What's still open.** Our model gives logits after every token at once. But when it writes, each new token has to wait for the one before. What does that cost ([[decoding]])?
