# ---
# jupyter:
#   course:
#     promise: You will be able to store the keys and values of a conversation in few bits, count their bytes, and say why keys and values want different levels.
#     seconds: 30
#     needs: [decoding, weight_only]
#     goals:
#       - count the bytes of a rounded cache, steps and minima included;
#       - choose which numbers share a step, and say why keys and values differ;
#       - compare two caches by their errors and by what the model then says.
#     values:
#       saved: f'{token_in_16_bits / token_bytes(8, 2):.1f}'
#     terms: [attention sink]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How many bits do the keys and values of a conversation need?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.keys_values import show
from lessons.keys_values import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. The same bytes, spent in two ways
#
# While you talk to a language model, it keeps a key and a value of every token, in every block: the KV cache of [[decoding]]. Can we round it, as [[weight_only]] rounded the weights? Here, the 64 numbers of a token in one head share a step and a minimum:

# %%
from course_utils import real_models

model, tokenizer = real_models.smollm2()
head = model.config.head_dim  # 64 numbers


# %% by_token


def rounded(x, bits, dim):  # the numbers along dim share a step and a minimum
    low, high = x.amin(dim, keepdim=True), x.amax(dim, keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-9)
    return low + step * torch.round((x - low) / step)


def by_token(x, bits):  # x: (1, tokens, 3 heads of 64 features)
    return rounded(x.unflatten(-1, (-1, head)), bits, dim=-1).flatten(-2)


# %%
def keep(keys=None, values=None):
    """From now on, the model keeps what these functions make of its keys and values."""
    for block in model.model.layers:
        for layer, function in ((block.self_attn.k_proj, keys), (block.self_attn.v_proj, values)):
            layer._forward_hooks.clear()
            if function:
                layer.register_forward_hook(lambda _, inputs, x, function=function: function(x))


# %% [markdown]
# Two caches of equal size: one has keys of 8 bits and values of 2 bits, the other keys of 2 bits and values of 8.
#
# **Predict.** With which does SmolLM2 still answer sensibly: **A** only with keys of 8 bits, **B** only with values of 8 bits, **C** with both?

# %% two_caches tags=["hide-input"]
# Asks once with a float cache, then with keys of 8 and values of 2 bits, then the other way round.
question = "What is the capital of France?"
print("float cache:          ", repr(real_models.ask(model, tokenizer, question, n=20)))
for k, v in ((8, 2), (2, 8)):
    keep(lambda x, k=k: by_token(x, k), lambda x, v=v: by_token(x, v))
    print(f"keys {k}, values {v} bits:", repr(real_models.ask(model, tokenizer, question, n=20)))
keep()

# %% [markdown] tags=["answer"]
# **Only with keys of 8 bits (A), because 2 bits do far more harm to the keys than to the values.** Why the keys?

# %% [markdown]
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A count and a ruler
#
# First, the bytes. A head has 64 numbers for a token. In 8 bits they take 64 bytes, and in 2 bits 16. A step and a minimum come on top. We count 16 bits for each, together 4 bytes. Our `rounded` keeps 32, but in 16 bits the levels would move by far less than a step. So keys of 8 bits and values of 2 take 68 + 20 = 88 bytes in each head.
#
# The model has 30 blocks with 3 heads of keys and values, so a token leaves 90 · 88 = **7,920 bytes**. In 16 bits it's 90 · 2 · 64 · 2 = 23,040. With 8,192 tokens, the most that SmolLM2 can take into account, that would be 189 MB, twice the model's file of 97 MB ([[real_model]]). Our 7,920 bytes make it 65 MB.


# %%
def token_bytes(k, v):  # of keys in k bits and values in v bits, by token
    return 30 * 3 * (64 * k / 8 + 4 + 64 * v / 8 + 4)


token_in_16_bits = 30 * 3 * 2 * 64 * 2

# %% [markdown]
# With 2 bits for both, a token takes 3,600 bytes. That's 6.4 times smaller than 16 bits, and not 8 times: **2 bits by token really cost 2.5 bits a number.**
#
# Second, a ruler, since one right answer shows little: on three texts of our record (`records/keys_values`), even the cache with keys of 8 and values of 2 bits has another likeliest next token after 23 to 31 % of the tokens. After every token of a text, the model has a probability for each token that may come next. Let $p$ be the probabilities with a float cache, and $q$ those with a rounded one. The **KL divergence** says how far $q$ is from $p$: it's the sum of $p \ln (p / q)$ over these tokens, averaged over the text. It's 0 if nothing has changed.

# %% ruler
from pydoc_data.topics import topics  # Python's manual

text = tokenizer(topics["execmodel"], return_tensors="pt")["input_ids"][:, :256]
log_p = model(text).logits[0].log_softmax(-1)


def kl(keys=None, values=None):
    keep(keys, values)
    log_q = model(text).logits[0].log_softmax(-1)
    keep()
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean().item()


# %% keys_or_values
bits = 2
print(f"keys alone in {bits} bits:   KL {kl(keys=lambda x: by_token(x, bits)):.2f}")
print(f"values alone in {bits} bits: KL {kl(values=lambda x: by_token(x, bits)):.2f}")

# %% [markdown]
# On this text, the keys do more than ten times as much harm as the values.
#
# **Try it.** Change `bits = 2` to 4, and run the cell again.
#
# <details><summary>What others found</summary>
#
# Both lose far less, and the keys still lose more than the values. Change it back to 2 before you go on.
#
# </details>

# %% [markdown]
# ## 3. What is special about keys?
#
# Here are 32 tokens of our text in one head: a row for each token, a column for each of the 64 features, and strong colours far from 0. The keys are those that our hook sees, before they're rotated by their positions (*Deeper* looks at them afterwards).

# %% stripes tags=["hide-input"]
# Draws the keys and the values of 32 tokens in one head of the real model (records/keys_values).
show.stripes()

# %% [markdown]
# The keys have stripes. In this head one feature is far larger than all others, with the same sign for nearly every token, and there are a few fainter ones. All 90 heads have a feature whose mean is large: in more than half of them it's above 10, while the median size of all numbers in the keys is 0.9.
#
# What does such a feature do to the other 63? Take a token with only four features, 12, 0.5, −0.5 and 1, in 2 bits. The levels go from −0.5 to 12 in three steps of 4.2: −0.5, 3.7, 7.8 and 12. So the key becomes **12, −0.5, −0.5, −0.5**. The small numbers are all equal now, and they are what tells one token from another. The 12 doesn't: it adds about the same to the scores of all tokens that have it, so the softmax weighs these against each other as if it weren't there.
#
# So let the numbers of one *feature* share a step, over several tokens. If the 12 stands beside the 13 and 11 of other tokens, their levels go from 11 to 13, and the small features have short steps of their own.


# %% by_feature
def by_feature(x, bits, group=32):  # 32 tokens in a row share the step of a feature
    return rounded(x.unflatten(-2, (-1, group)), bits, dim=-2).flatten(-3, -2)


print(f"keys alone in 2 bits, by feature: KL {kl(keys=lambda x: by_feature(x, 2)):.2f}")

# %% [markdown]
# That's a rescue. But was it the stripes? By feature, 32 numbers share 4 bytes, so a number costs 3 bits instead of 2.5, and perhaps it's the bytes that helped. More runs of the record settle it, on three texts: the manual, the code of Python's `textwrap`, and a licence.
#
# - By feature in groups of 64 tokens. A number costs 2.5 bits again.
# - By token, but before rounding we subtract from each feature its mean over the text, and add it afterwards. That takes out the stripes.
# - The same, but the text's first token stays float. In most heads the first token has little or nothing of the stripe, so subtracting the mean would give it a stripe of the opposite sign.

# %% keys_table tags=["hide-input"]
# Lists the KL divergence of keys in 2 bits on three texts, from records/keys_values.
show.table(
    "keys in 2 bits, values float",
    {
        "by token": "K2 by token",
        "by feature, 32 tokens": "K2 by feature",
        "by feature, 64 tokens": "K2 by feature, 64 tokens",
        "by token, means taken out": "K2 by token around the mean",
        "by token, means taken out, first token float": "K2 by token around the mean, but the first token",
        "by token, first token float": "K2 by token but the first token",
    },
)

# %% [markdown]
# The first row repeats section 2's run, and differs a little because a model so badly broken reacts to the last digits of its sums.
#
# It wasn't the bytes. In groups of 64 tokens a number costs as much as by token, and nearly all of the rescue stays: the keys now lose about as much as the values by token on two texts, and half as much again on the manual (section 4). It's mostly the stripes: with them taken out, less than half of the KL divergence is left, and with the first token in float as well about a quarter or less. The first token in float alone (last row) helps little. **Keys have features that are large for nearly every token. Give each feature a step of its own.** The stripes may not be all. An error in a key changes a score, and by the softmax the weights of all tokens, while an error in a value is only averaged into the output. How much that adds, our runs don't tell.

# %% [markdown]
# ## 4. And the values?
#
# Why not a step for each feature in the values, too? First, how far off are they? We divide the norm of the errors by that of the values, and average over the blocks.

# %% value_errors tags=["hide-input"]
# Measures how far off values of 2 bits are, by token and by feature.
off = show.errors(model, text, {"by token": lambda x: by_token(x, 2), "by feature": lambda x: by_feature(x, 2)})
for way, error in off.items():
    print(f"values, {way:10}: off by {error:.0%}")

# %% [markdown]
# By feature, the values stay closer, though they also cost 3 bits a number, and by token 2.5.
#
# **Predict.** And the KL divergence, by feature instead of by token: **A** smaller as well, **B** the same, **C** larger?

# %% worse_answers
for way in (by_token, by_feature):
    print(f"values, {way.__name__:10}: KL {kl(values=lambda x, way=way: way(x, 2)):.2f}")

# %% [markdown] tags=["answer"]
# **C, larger, because some errors matter more than others.** Which ones?

# %% [markdown]
# A head's output is the mean of all values, weighted by attention. In 17 of this model's 30 blocks, more than a third of the attention goes to the first token (so says the record). Attention weights must add up to 1, and a head that finds nothing relevant puts its weight there, as [Xiao et al., 2023](https://arxiv.org/abs/2309.17453), explain it: the first token is an **attention sink**. Its values add little to the mean, since in most heads they have less than a third of the others' length.
#
# By token, small values have small steps. By feature, the first token shares its steps with 31 others whose values are larger, so its error becomes as large as theirs, and enters the output with the first token's weight, a large one in more than half of the blocks.
#
# If that's the cause, it should help to leave the first token in float. As a control, we leave another one in float, the eleventh.

# %% values_table tags=["hide-input"]
# Lists the KL divergence of values in 2 bits on three texts, from records/keys_values.
show.table(
    "values in 2 bits, keys float",
    {
        "by token": "V2 by token",
        "by feature": "V2 by feature",
        "by feature, first token float": "V2 by feature but the first token",
        "by feature, eleventh token float": "V2 by feature but the eleventh token",
        "by feature, 64 tokens, first token float": "V2 by feature, 64 tokens, but the first token",
    },
    error="error_values",
)

# %% [markdown]
# *Off by* is now the mean of the three texts. One token of 256 makes the difference. With the first one in float, less than a third of the KL divergence is left on each text. With the eleventh in float, it hardly changes on two texts, once up and once down, and on the licence nearly three quarters of it stays. **The error counts all tokens alike, and attention doesn't.**
#
# So for values, a step for each token lets a token with small values keep its short steps. By feature, at about the same bytes (last row), they lose about as much, but only with one token in float. And by token, a value can be rounded as soon as its token arrives, instead of waiting for 63 others.

# %% [markdown]
# ## 5. How many bits, then?
#
# Keys by feature, values by token: this is the rule of KIVI ([Liu et al., 2024](https://arxiv.org/abs/2402.02750)). *All counted* means codes, steps and minima. The last column is the share of tokens after which the likeliest next token isn't the one of a float cache.

# %% bits_table tags=["hide-input"]
# Lists keys by feature and values by token in 4, 3 and 2 bits, from records/keys_values.
show.of_bits()

# %% [markdown]
# Four bits change the likeliest token in about one of ten cases. With 2 bits it's four to five.
#
# One thing is missing. All runs of our tables read a text in one go, and rounded even its newest keys. But text comes token by token, and a feature of *one* token has no neighbours: minimum and maximum are the number itself. A careless cache that rounds each new token alone, by feature, has no error at all, and saves nothing: it stores a step and a minimum of 16 bits each for every number, more than the number itself took. **An error of 0 can be a mistake, too.** So new keys wait as floats until their group is full, and the table doesn't count these bytes.

# %% [markdown]
# ## Exercise · Keys that wait
# ★★ · 10 minutes
#
# Write `round_keys(keys, bits, group)` for `keys` of shape (tokens, features). Each full group of `group` tokens, counted from the first, is rounded by feature; `rounded` of section 1 does that. The tokens after the last full group wait as they are. Return all keys in their order, and the bytes: the codes, 4 bytes for each step with its minimum, and 2 bytes for each number that waits.
#
# <details><summary>Hint</summary>
#
# `tokens // group * group` tokens are in full groups. Seen as (groups, group, features), their numbers share a step along `dim=1`.
#
# </details>


# %% tags=["exercise"]
def round_keys(keys, bits, group):
    """The keys (tokens, features), full groups rounded by feature, and the bytes of all that is kept."""
    raise NotImplementedError


# %% tags=["check"]
check.round_keys(round_keys)


# %% tags=["solution", "hide-cell"]
def round_keys_solution(keys, bits, group):
    tokens, features = keys.shape
    full = tokens // group * group
    parts = keys[:full].view(-1, group, features)
    low, high = parts.amin(1, keepdim=True), parts.amax(1, keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-9)
    new = (low + step * torch.round((parts - low) / step)).view(full, features)
    n_bytes = full * features * (bits / 8 + 4 / group) + 2 * (tokens - full) * features
    return torch.cat([new, keys[full:]]), n_bytes


# %% [markdown]
# ## Remember
#
# - Count the step and the minimum: 2 bits really cost 2.5 bits a number when 64 numbers share them, and 3 when 32 do.
# - A few features of the keys are large for nearly every token and stretch a step that others share, so give each feature its own.
# - Judge a cache by what the model then says: an error on the first token can do more harm than larger ones elsewhere.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("keys_values")

# %% [markdown]
# ## Deeper
#
# ### Before or after the positions
#
# Our hook rounds a key before it's rotated by its position ([[attention]]), and most programs keep it afterwards. Turning mixes two features of a pair, by an angle that grows with the position, so a stripe could fade into a wave. In the record, keys of 2 bits by feature lose about half as much again when they are rounded afterwards. That's still at least seven times less than by token, with the keys rounded afterwards as well.
#
# ### Other models
#
# Don't take our numbers for yours. Another model needs its own table. KIVI's authors lose hardly any accuracy with 2 bits, but on models that are about fifty times as large, and their newest tokens stay in float. Measure the KL divergence on your own text. In llama.cpp you can begin with keys in 8 bits and values in 4, `-ctk q8_0 -ctv q4_0`. There, 32 features of a token share a scale. Since 2026 it first multiplies queries and keys by a rotation ([its author's note](https://github.com/ggml-org/llama.cpp/pull/21038)). That leaves their products as they are, and spreads a stripe over many features.

# %% [markdown]
# **Sources.** Z. Liu et al., *KIVI*, 2024, [arXiv:2402.02750](https://arxiv.org/abs/2402.02750); G. Xiao et al., *Efficient streaming language models with attention sinks*, 2023, [arXiv:2309.17453](https://arxiv.org/abs/2309.17453).
#
# **Going further.** C. Hooper et al., *KVQuant*, 2024, [arXiv:2401.18079](https://arxiv.org/abs/2401.18079), rounds keys before the positions; Z. Su and K. Yuan, *KVSink*, 2025, [arXiv:2508.04257](https://arxiv.org/abs/2508.04257), looks for the tokens that must stay floats.
#
# **Credits.** SmolLM2 is by Hugging Face, under Apache-2.0. All code was written for this course. Text CC BY 4.0, code MIT.
#
# The weights are rounded, and now the conversation, too. The layers' inputs are still floats, and a few of them are far larger than all others. In [[turn_it]] a rotation spreads these over all features before anything is rounded.
