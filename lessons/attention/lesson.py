# ---
# jupyter:
#   course:
#     promise: You will work attention out by hand, and build a Transformer block from linear layers.
#     seconds: 20
#     needs: []
#     goals:
#       - compute by hand what attention finds for one query;
#       - say what the mask and the positions are for;
#       - name the parts of a Transformer block, and build it from linear layers.
#     terms: [attention, "attention mask", embedding, head, induction head, perplexity, "query, key, value", residual connection, rotary position embedding, softmax,
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

from course_utils import runtime
from course_utils.scorecard import claims
from course_utils.show.tables import Table
from lessons.attention import checks as check
from lessons.attention import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Looking something up
#
# A tiny phone book has six entries in any order. Then a name is asked for:
#
# `Eva 3 · Ida 7 · Ada 1 · Max 4 · Ben 8 · Uwe 2 · Ada?`
#
# A network of two linear layers learns to answer from 1,000 batches of such books.
#
# The network reads the entries side by side, as one long vector, so each of its first weights belongs to one position.
#
# **Predict.** How often does it then give the right digit: **A** nearly always, **B** half of the time, **C** less than half?

# %%
from lessons.attention import show

linear, lookup = show.TwoLinearLayers(), show.Lookup()
right = {"two linear layers": show.learn(linear), "one layer of attention": show.learn(lookup)}

# %% looking_something_up tags=["hide-input"]
# Puts the two networks side by side.
weights = [f"{sum(p.numel() for p in network.parameters()):,}" for network in (linear, lookup)]
Table(
    ["", "weights", "right digits"],
    [[name, n, f"{share:.0%}"] for (name, share), n in zip(right.items(), weights, strict=True)],
    caption="2,000 new phone books.",
)

# %% [markdown] tags=["answer"]
# **Less than half (C): each of its neurons mixes all six entries with the name that was asked for.**

# %% [markdown]
# Whoever reads no name at all, and says the digit that comes most often, is right in a third of the books, too.

# %% [markdown]
# You compared the name that was asked for, the **query**, with every name, the **keys**, and read the digit beside the one that fits, its **value**. **Attention** is this procedure.
#
# A network can learn it, and none of its weights belongs to a position.

# %% [markdown]
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Three keys with a pencil
#
# 1. **Score** of an entry: the dot product of *query* and *key*.
# 2. **Share**, by **softmax**: *e* to the power of the score, over the sum of all these powers.
# 3. **Result**: the mean of the *values*, weighted by the shares.
#
# | entry | key | value |
# |---|---|---|
# | 1 | (1, 0) | 10 |
# | 2 | (0, 1) | 20 |
# | 3 | (1, 1) | 60 |
#
# Query and key are vectors, which fit well if their dot product is large: (2, 0) and (1, 0) have the score 2 · 1 + 0 · 0 = 2. Softmax makes shares that are positive and add up to 1, and the higher the score, the larger the share. Others call the shares *attention weights*.

# %% [markdown]
# **Predict.** The query is (2, 0). Take a pencil: is the result nearest to 10, 20, 35 or 60?

# %% [markdown] tags=["answer"]
# **It is 34.05, nearest to 35, because the first and the third entry fit equally well, and the second one hardly counts.**

# %% [markdown]
# | entry | score | power | share | share · value |
# |---|---|---|---|---|
# | 1 | 2 | 7.39 | 0.4683 | 4.68 |
# | 2 | 0 | 1 | 0.0634 | 1.27 |
# | 3 | 2 | 7.39 | 0.4683 | 28.10 |
# | together | | 15.78 | 1 | **34.05** |

# %% [markdown]
# A dictionary hands over the value of the *one* key that is equal. Attention hands over a mean of all values, in which the best keys count most. That is less exact, and just what training needs: if the query changes a little, the result changes a little. So a network can learn its queries and keys by gradients.

# %% tags=["nbval-check-output"]
import torch


def attention(q, k, v):
    scores = q @ k.mT  # mT: rows and columns exchanged
    shares = scores.softmax(-1)
    return shares @ v


q = torch.tensor([[2.0, 0.0]])
k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
v = torch.tensor([[10.0], [20.0], [60.0]])
print(f"{attention(q, k, v).item():.2f}")

# %% [markdown]
# **Try it.** Change `q` to `[[20.0, 0.0]]` and run the cell again.
#
# <details><summary>What others found</summary>
#
# With (20, 0) the scores are 20, 0 and 20. The second share is next to nothing, and the result is 35.00.
#
# </details>

# %% [markdown]
# ## 3. Who makes queries, keys and values?
#
# Three linear layers make them. They begin at random, and are trained on phone books and right digits. Nobody tells them to compare names. We follow one book:
#
# `Eva 6 · Ida 9 · Jan 8 · Tom 6 · Uwe 6 · Nia 8 · Jan?`
#
# An **embedding** turns names into vectors: it is a table with a row of 16 numbers for each name, learned like weights. Another one does so for digits, and an entry is the sum of its two rows.
#
# How can a linear layer take the name out of a sum? Let Ada be (1, 0, 0, 0) and the digit 7 be (0, 0, 1, 0). Then "Ada 7" is (1, 0, 1, 0). A layer that keeps the first two numbers makes the *key* (1, 0), which is Ada. One that keeps the last two makes the *value* (1, 0), which is 7.

# %%
book = show.phone_book()
names, digits, asked = book

entries = lookup.name(names) + lookup.digit(digits)  # (6, 16): six entries, 16 features each
q = lookup.query(lookup.name(asked))  # (1, 16)
k, v = lookup.key(entries), lookup.value(entries)  # (6, 16) each
shares = (q @ k.mT / 16**0.5).softmax(-1)
digit = lookup.answer(shares @ v).argmax().item()  # a linear layer with ten outputs; the largest is at the digit
print("the digit:", digit)

# %% one_lookup tags=["hide-input"]
# Draws the shares that the entries of this phone book get.
show.one_lookup(book, shares)

# %% [markdown]
# One entry gets nearly all: the one with the name that was asked for.

# %% [markdown]
# One thing is new: the scores are divided by √*d*, where *d* is the number of features of a query.
#
# A dot product adds up *d* products, and a sum of *d* random numbers scatters √*d* times as far as one of them. With 64 features that scatter by 1, scores would scatter by about 8. As *e*⁸ is 2,981, one entry would take most, and shares close to 1 have hardly any gradient. Divided by √64 the scores scatter by about 1.

# %% [markdown]
# ### Every token asks
#
# A text is cut into pieces, its **tokens**; here each character is one. *Every* token makes a query, a key and a value: this is *self-attention*. Let three tokens be the numbers 1, 2 and 0, their queries and keys the numbers themselves, and the values ten times as large.

# %% [markdown]
# | token | query · keys | shares | result |
# |---|---|---|---|
# | 1 | 1, 2, 0 | 0.245, 0.665, 0.090 | **15.8** |
# | 2 | 2, 4, 0 | 0.117, 0.867, 0.016 | **18.5** |
# | 0 | 0, 0, 0 | 0.333, 0.333, 0.333 | **10.0** |
#
# Each row has a softmax of its own, and √*d* is 1 here. The weights of the three layers are learned, and are the same for every text. The shares are computed anew for each text.
#
# Query and key are the same number here, so token 2 mostly finds itself. That is why they get a layer each. Let an adjective be (1, 0) and a noun (0, 1). If the query layer turns the adjective into (0, 1), it finds the noun rather than itself.

# %% [markdown]
# ## 4. The mask
#
# | reads | `i` | `m` | `p` | `o` | `r` |
# |---|---|---|---|---|---|
# | is to say | `m` | `p` | `o` | `r` | `t` |
#
# A language model predicts the next character, one of 96, at every position at once. In one model each token sees itself and what came **before**, in the other the whole piece of text.
#
# So a short line gives many examples. But each answer stands in plain sight, one position further on. We train both on the source code of Python's library. Each is an embedding, the block of section 5, a norm, and a linear layer that gives a number, a *logit*, for each character. When a model writes, nothing stands behind the last character yet.

# %% [markdown]
# **Predict.** Which one is better while the whole piece is visible, and which one when it writes?

# %%
with_mask = show.small_model(causal=True)
without_mask = show.small_model(causal=False)

# %% the_mask tags=["hide-input"]
# Shows among how many characters each model hesitates, while it sees the piece and when it writes.
perplexities = [show.perplexities(model) for model in (with_mask, without_mask)]
Table(
    ["may look at", "perplexity, whole piece visible", "when it writes"],
    [
        [name, *(f"{one:.1f}" for one in row)]
        for name, row in zip(("what came before", "the whole piece"), perplexities, strict=True)
    ],
    caption="Perplexity: among how many characters the model hesitates. The beginning of a file that neither has learned.",
)

# %% [markdown] tags=["answer"]
# **The one that sees everything is far better while the piece is visible, and far worse when it writes, because the answer that it read is gone.**

# %% [markdown]
# The numbers are **perplexities**, from `language.perplexity`: *e* to the power of the mean loss, which is the number of equally likely characters among which the model hesitates. A perfect model has 1, one that knows nothing has 96, and one that is sure and wrong may have more. For the model with the mask both columns agree, since it never saw what comes later.
#
# A measurement that is too good may see the answer somewhere. Measure a model as it will be used.

# %% [markdown]
# ### How it is done
#
# The **causal mask** works before the softmax: it sets the scores of later tokens to −∞, and *e* to the power of −∞ is 0.

# %% [markdown]
# | token | scores | shares | result |
# |---|---|---|---|
# | 1 | 1, −∞, −∞ | 1, 0, 0 | **10.0** |
# | 2 | 2, 4, −∞ | 0.119, 0.881, 0 | **18.8** |
# | 0 | 0, 0, 0 | 0.333, 0.333, 0.333 | **10.0** |
#
# These are the tokens of section 3, and their shares still add up to 1; they would not if we set shares to 0 *after* the softmax. A score of 0 in place of −∞ would hide nothing, as *e*⁰ is 1.

# %% tags=["nbval-check-output"]
from torch.nn import functional as F

x = torch.tensor([[1.0], [2.0], [0.0]])  # three tokens of one feature
allowed = torch.ones(3, 3, dtype=torch.bool).tril()  # True on the diagonal and below
found = F.scaled_dot_product_attention(x, x, 10 * x, attn_mask=allowed)
print([round(one, 1) for one in found.flatten().tolist()])

# %% [markdown]
# PyTorch's function divides by the root, too. Its True means *may be seen*; `nn.MultiheadAttention` has it the other way round. In PyTorch's function, `is_causal=True` is short for the causal mask.

# %% [markdown]
# ## 5. Positions, heads, and a block
#
# Without a mask, attention gives "dog" the same result in "dog bites man" and in "man bites dog".
#
# Shuffle the entries of a phone book, and the answer is the same, too: a sum does not depend on the order of its terms. Therefore RoFormer turns queries and keys by their position ([Su et al., 2021](https://arxiv.org/abs/2104.09864)).

# %% [markdown]
# Take two features as the hand of a clock that points to 12. **Rotary position embedding** (RoPE) turns it by an angle for each position, here 30°. At position 2 the query stands at 60°, at position 1 the key at 30°: dot product cos 30° = 0.87.
#
# Both hands have length 1, so their dot product is the cosine of the angle between them.

# %% [markdown]
# **Predict.** The same query at position 12, the same key at position 11: what is their dot product?

# %% clock_hands tags=["hide-input"]
# Draws the hands of a query and a key at three pairs of positions.
show.clock_hands()

# %% [markdown] tags=["answer"]
# **It is 0.87 again, because turning both hands by the same angle leaves the angle between them as it was.**

# %% [markdown]
# So the score depends on how far two tokens are *apart*, and not on where they stand, and a layer can learn to look one token back. For this hand alone, 12 positions apart look like none. Therefore a query has many hands, and each turns at a speed of its own. The function `language.rotate` turns them.

# %% [markdown]
# ### Heads
#
# One mean forgets its parts: 10 and 60 make 35, and so do 30 and 40.
#
# So the features are divided among **heads**, each with a softmax and a mean of its own.
#
# | | whole | head 1 | head 2 |
# |---|---|---|---|
# | query | (2, 0, 0, 1) | (2, 0) | (0, 1) |
# | key | (1, 0, 0, 3) | (1, 0) | (0, 3) |
# | score | 5 | 2 | 3 |

# %% [markdown]
# Values are cut in the same way, and what the heads find stands side by side again. Heads cost no weights.

# %% [markdown]
# ### The block
#
# A **Transformer block** has two halves. In the first the tokens look at each other; in the second each works for itself.

# %% block tags=["hide-input"]
# Draws the block.
show.block()

# %% [markdown]
# | part | what it does | what for |
# |---|---|---|
# | norm | divides each vector by its root mean square: (3, 4) and (300, 400) both become (0.85, 1.13) | gives each half inputs of one size |
# | q, k, v; attention | three linear layers, then the heads | the only place where tokens meet |
# | out | a linear layer | mixes what the heads found |
# | up, GELU, down | four times as wide, a bend like ReLU's, and back: the *feed-forward* part, or MLP | without a bend, two linear layers are one |
# | + | a **residual connection**: adds what came in | the token keeps what it was; the half learns what to change |


# %%
from torch import nn

from course_utils import language


class Block(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)  # the three layers in one
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):  # (texts, tokens, width)
        parts = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        # each head gets its slice: (texts, heads, tokens, width / heads)
        q, k, v = (part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts)
        q, k = language.rotate(q), language.rotate(k)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(found.transpose(1, 2).flatten(2))  # the slices side by side again
        return x + self.down(F.gelu(self.up(self.norm2(x))))


# %% [markdown]
# The course has a trained language model of five such blocks. We put ours in place of its own, with its weights.

# %%
model, x = language.trained(), language.encode("import os\nimport sys\n")[None]
before = model(x)
for n, theirs in enumerate(model.blocks):
    ours = Block(128, n_heads=4)
    ours.load_state_dict(theirs.state_dict())
    model.blocks[n] = ours
apart = (model(x) - before).abs().max().item()
print(f"largest difference of the logits: {apart:.0e}")

# %% [markdown]
# ## Exercise · Attention of your own
# ★★ · 10 minutes
#
# Write `attend`: causal attention without PyTorch's function. The last two dimensions of `q`, `k` and `v` are tokens and features; others may stand in front. Divide the scores by the root of the number of features of a query. Return the result of each token. The check also hands over the queries, keys and values of the trained model's blocks.
#
# <details><summary>Hint</summary>
#
# Begin with `attention` of section 2. `torch.where(allowed, scores, -torch.inf)` keeps the scores where `allowed` is True.
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
    shares = torch.where(allowed, scores, -torch.inf).softmax(-1)
    return shares @ v


# %% [markdown]
# ## Remember
#
# - Attention compares a query with every key, turns the scores into shares by a softmax, and hands over the mean of the values.
# - The mask hides what comes later, or a model learns to read the answer; rotary positions make a score depend on how far two tokens are apart.
# - A block is attention in several heads and two linear layers with a bend, each half behind a norm and added to what came in.

# %% [markdown]
# ## Scorecard
#
# What your run measured.

# %% tags=["scorecard"]
claims.show("attention")

# %% [markdown]
# ## Deeper
#
# ### What does a trained head look at?
#
# The model of section 5 has five blocks of four heads. It reads two lines, in which a name comes twice. We draw the shares of one head of its last block: a row for each character of the second name, and a column for each character that it may look at.

# %%
line = "value_of_x = 1\nprint(value_of_x)"
head = show.shares_of_head(language.trained(), line, block=5, head=1)

# %% tags=["hide-input"]
# Draws to which earlier characters this head looks.
show.one_head(line, head)

# %% [markdown]
# The frames mark what followed the same character in the first name. In about half of the rows the largest share lies in the frame: the `l` looks at the `u` that followed an `l` last time. A head that finds where the same text has occurred, and what came next there, is called an *induction head* ([Olsson et al., 2022](https://arxiv.org/abs/2209.11895)).
#
# A picture shows where a head looks, and not what the model does with it. To find that out, switch a head off, so that what it found becomes 0, and measure:

# %%
whole, off = show.without_each_head(language.trained(), line)  # perplexity of the second name
print(
    f"all heads: {whole:.1f}; without this one: {off[4, 0]:.1f}; without another one: {off.flatten().sort()[0][-2]:.1f} at most"
)

# %% [markdown]
# On this line no other head is missed as much. We chose this one of twenty since it is easy to read.
#
# ### Does the root matter?
#
# Random queries, and 20 random keys for each. How large is the largest share, on average?

# %%
for d in (4, 64, 1024):
    scores = (torch.randn(500, 1, d) @ torch.randn(500, 20, d).mT).squeeze(1)
    largest = [s.softmax(-1).amax(-1).mean().item() for s in (scores, scores / d**0.5)]
    print(f"{d:5} features: {largest[0]:.2f} undivided, {largest[1]:.2f} divided")

# %% [markdown]
# Undivided, the largest share grows towards 1, although the keys mean nothing. Why does that hurt learning? A share *p* of two changes with its score at the rate *p* (1 − *p*). For the scores 1 and 0 this is 0.73 · 0.27 = 0.20, and for 8 and 0 it is 0.0003.
#
# ### How much of a Transformer is attention?
#
# For a width *w*, `qkv` has 3*w*² weights, `out` *w*², and `up` and `down` 4*w*² each. That is 12*w*² for a block, and a third of it belongs to attention. The scores and the shares have no weights at all. With *w* = 128 it makes 196,608, to which the two norms add 256.
#
# The linear layers therefore make 12*w*² multiplications for each token, however long the text is. Attention compares a token with all *n* before it and takes the mean of their values, which is 2*nw* multiplications. Both are equal at *n* = 6*w*. For *w* = 4,096, a common width, that is 24,576 tokens. What it costs to *write* is another question, and [[decoding]] begins with it.

# %% [markdown]
# **Sources.** A. Vaswani et al., *Attention is all you need*, 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762); J. Su et al., *RoFormer*, 2021, [arXiv:2104.09864](https://arxiv.org/abs/2104.09864).
#
# **Going further.** C. Olsson et al., *In-context learning and induction heads*, 2022, [arXiv:2209.11895](https://arxiv.org/abs/2209.11895). Projects: give the two linear layers of section 1 ten times the neurons and steps; find a head of the trained model that looks at the last line end from an indentation.
#
# **Credits.** Text CC BY 4.0, code MIT.
