# ---
# jupyter:
#   course:
#     promise: You will be able to write with a key-value cache, and say what a language model reads for each token.
#     seconds: 20
#     needs: [attention]
#     values:
#       written: f'{writing / reading:.0f}'
#       cells: f'{sum(range(prompt.shape[1], page.shape[1])):,}'
#       step: f'{without / with_cache:.0f}'
#     goals:
#       - write with a key-value cache, and test it;
#       - count the bytes that a model reads for each token that it writes;
#       - say what a batch of texts shares, and what it does not.
#     terms: [context, decoding, draft, grouped-query attention, KV cache, prefill, speculative decoding]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Why is writing so much slower than reading?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.decoding import checks as check
from lessons.decoding import show

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Reading and writing
#
# Our language model *reads* 256 characters in one pass. To *write*, it runs on the text so far, we put the likeliest next character at the end, and it runs again.
#
# It is the small Transformer of [[attention]], which has learned the source code of Python's own library. Its tokens are single characters. After each token the model gives *logits*, a score for every character that may come next.
#
# **Predict.** It writes 224 characters after a beginning of 32. How many times as long does this take as reading all 256 once: **A** less than 5, **B** 5 to 50, **C** more than 50 times?

# %%
import time

import torch

from course_utils import language

model = language.trained()
prompt = language.encode("class Message:\n    def __init__(")[None]  # 32 numbers, one for each character


def write_slowly(ids, n):
    for _ in range(n):
        logits = model(ids)
        ids = torch.cat([ids, logits[:, -1:].argmax(-1)], dim=1)
    return ids


start = time.perf_counter()
page = write_slowly(prompt, 224)
writing = time.perf_counter() - start

start = time.perf_counter()
model(page)
reading = time.perf_counter() - start
print(f"{language.decode(page[0])}\nThis took {writing:.1f} seconds.")

# %% reading_and_writing tags=["hide-input"]
# Draws the passes of reading and of writing to one scale.
show.reading_and_writing(page, prompt, writing / reading)

# %% [markdown] tags=["answer"]
# **More than 50 times (C), because each new character is a pass of its own over the whole text so far.**

# %% [markdown]
# Writing token by token is called **decoding**, and taking the likeliest token each time is *greedy* decoding. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# Count the characters that go through the network. To read, 256. To write, 32 for the first new character, 33 for the second, and so on up to 255: together 32,144, or 126 times as many. The time need not grow by exactly this, since each pass has a fixed cost as well.
#
# Why does reading take only one pass? All characters are there from the beginning, so all positions are worked out side by side. When the model writes, the 101st character is the *result* of the pass over the first 100. The next pass cannot begin before this one has ended. Writing is a chain of passes.
#
# **Try it.** Change `224` to `112` and run the cell again. Does the writing take half of the time?
#
# <details><summary>What others found</summary>
#
# It takes less than half, since the passes that you left out were the longest ones. Change it back, and run the cell once more.
#
# </details>

# %% [markdown]
# ## 2. What is computed twice
#
# In each block a token has a *query*, a *key* and a *value*. The text `sel` gets a fourth character, `f`. The causal mask is on: each position looks at itself and at those before it.
#
# What has not changed need not be computed again.
#
# **Predict.** In which of the five blocks do the keys of `s`, `e` and `l` change: **A** in none, **B** in all but the first, **C** in all?

# %% changed_table tags=["hide-input"]
# Writes by how much the keys of s, e and l change in each block when f is added, with the causal mask and without it.
changed = show.changed_keys(model, "sel", "self")
show.changed_table(changed)

# %% [markdown] tags=["answer"]
# **In none (A), because nothing that the old characters look at has changed.**

# %% [markdown]
# Go from block to block. In the first one the key of `s` is computed from `s` alone. Attention lets `s` look at itself, `e` at two characters, and `l` at three. None of them sees `f`, so the first block gives out the same three vectors as before. The second block starts from these vectors, so its keys are the same again, and so on. The values stay for the same reason.
#
# The second row of the table is the control: the same model without the mask. Now `s` looks at `f`, so the first block gives out another vector for `s`, and from the second block on its key is another one. **It is the mask that lets us keep what we have computed.**
#
# What does the new character need of the old ones? Its own query is compared with all keys, and the answer is a weighted mean of all values. Nobody asks for the old queries any more. So the keys and values are all that we need to keep.

# %% [markdown]
# ### Rows to compute
#
# A **KV cache** keeps the keys and values of all tokens so far, in every block. The word `self` is written letter by letter. How many keys must a block compute, without a cache and with one?

# %% keys_of_a_word tags=["hide-input"]
# Draws the keys of the four letters, step by step, and at last those of the text of section 1.
show.keys_of_a_word(model, prompt, page)

# %% [markdown]
# Without a cache 1 + 2 + 3 + 4 = **10** rows, with one **4**. For $n$ tokens it is $n (n + 1) / 2$ against $n$.
#
# The last picture shows the text of section 1. The triangle becomes an edge: 255 rows are left of 32,144. The chain of passes is as long as before, but each pass has become cheap.

# %% [markdown]
# ## 3. A cache, and its test
#
# For each block the cache keeps two tensors, and new rows are put behind the old ones.


# %% a_cache_and_its_test
class Cache:
    def __init__(self):
        self.kept = {}  # for each block its keys and values
        self.length = 0  # of how many tokens

    def add(self, block, k, v):
        if block in self.kept:
            old_k, old_v = self.kept[block]
            k, v = torch.cat([old_k, k], dim=2), torch.cat([old_v, v], dim=2)
        self.kept[block] = k, v
        return k, v


# %% [markdown]
# ### Attention with a cache
#
# Three tokens are in the cache, at the positions 0, 1 and 2. Two new ones come, and positions go on: 3 and 4. Who may look at whom?

# %% [markdown]
# | may look at → | 0 | 1 | 2 | 3 | 4 |
# |---|---|---|---|---|---|
# | new token, position 3 | yes | yes | yes | yes | no |
# | new token, position 4 | yes | yes | yes | yes | yes |
#
# Attention changes in three ways; all other lines are those of the block of [[attention]]. First, the positions go on where the cache ends: `language.rotate` must begin with position 3 here, and not with 0. Second, the keys and values come from the cache. Third, the mask has a row for each *new* token, and a column for every token so far.

# %%
from torch.nn import functional as F


def attend(block, x, cache):
    parts = block.qkv(block.norm1(x)).chunk(3, dim=-1)
    q, k, v = (part.unflatten(-1, (block.n_heads, -1)).transpose(1, 2) for part in parts)
    q, k = language.rotate(q, cache.length), language.rotate(k, cache.length)  # 1: positions go on
    k, v = cache.add(block, k, v)  # 2: from now on those of all tokens
    mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(cache.length)  # 3: a row for each new token
    found = F.scaled_dot_product_attention(q, k, v, mask)
    return block.out(found.transpose(1, 2).flatten(2))


def step(model, cache, ids):
    x = model.tokens(ids)  # the embedding
    for block in model.blocks:
        x = x + attend(block, x, cache)
        x = x + block.down(F.gelu(block.up(block.norm2(x))))
    cache.length += ids.shape[1]  # only now: all blocks begin at the same position
    return model.head(model.norm(x))  # a last norm, and the layer that gives the logits


# %% [markdown]
# For the table above, the mask is `torch.ones(2, 5).tril(3)`. The function `step` gives the logits after each *new* token.

# %% [markdown]
# **Test.** A cache must not change what the model says. So the page goes in token by token, then in pieces of 100, then at once, and we compare the logits with those of a plain pass.
#
# One token at a time is not enough as a test: a single new token may look at everything, so a missing mask would not show.

# %%
plain = model(page)
gaps = {}
for size in (1, 100, 256):
    cache = Cache()
    logits = torch.cat([step(model, cache, piece) for piece in page.split(size, dim=1)], dim=1)
    gaps[size] = (logits - plain).abs().max().item()
    print(f"pieces of {size:3}: largest difference of a logit {gaps[size]:.6f}")

# %% [markdown]
# ### Is it faster?
#
# The model has 479 characters, and the next one goes in. Without a cache all 480 go through the network, with one a single character does.

# %% is_it_faster tags=["hide-input"]
# Times the last step of a text of 480 characters, without the cache and with it.
from torch.utils.benchmark import Timer

text = language.encode(language.source(language.HELD_OUT)[0])[None, :480]
cache = Cache()
step(model, cache, text[:, :479])
last = text[:, 479:]  # each repeat below adds it once more
without = Timer("model(text)", globals=globals()).timeit(20).mean
with_cache = Timer("step(model, cache, last)", globals=globals()).timeit(20).mean
print(f"With a cache the step is {without / with_cache:.0f} times as fast")

# %% [markdown]
# It is several times as fast, but far from 480 times. So part of a step has a fixed cost.
#
# In our small model it is probably the calls from Python, which are as many for one character as for 480. In a large model it is something else.
#
# In practice the beginning of the text, the *prompt*, goes in with a single step, which fills the cache for all its tokens. This is called **prefill**. Then the tokens follow one by one. The most tokens that a model takes, prompt and answer together, are its **context**; ours takes 512.

# %% [markdown]
# ## 4. What a step reads
#
# LLaMA-7B has 6.74 billion weights of 2 bytes: **13.5 GB**. A step reads nearly all of them, each once. From a memory of 50 GB a second, a token takes at least 13.5 / 50 = **0.27 seconds**.
#
# **Reading uses a weight for many tokens, and writing for one.**
#
# The cache does not help against this: with it a step computes one row, and still reads nearly every weight. In prefill the same 13.5 GB serve all tokens of the prompt. That is the second reason why reading is fast. So smaller weights can make a step faster: this is the subject of [[weight_only]].
#
# A step reads something else, too: the cache. How large is it? In each block a token leaves a key and a value.

# %% [markdown]
# Its cache for a token: 2 · blocks · numbers in a key · bytes of a number = 2 · 32 · 4,096 · 2 = **524 kB**.
#
# The 32 blocks and 4,096 numbers are those of [Touvron et al., 2023](https://arxiv.org/abs/2302.13971), in 16 bits. A text of 2,048 tokens has a cache of 2,048 · 524 kB = 1.07 GB. For a single text this is little beside the weights. But a server writes many texts at once, as a *batch*. It reads each weight once, and uses it for all of them.

# %% [markdown]
# ### Sixteen texts at once
#
# LLaMA-7B writes 16 texts at once, each of 2,048 tokens so far. Weights: 13.5 GB. Cache: 1.07 GB a text.
#
# **Predict.** Divide what a step reads by its 16 tokens. How much is it for each: **A** 0.9 GB, **B** 1.9 GB, **C** 14.6 GB?

# %% bytes_of_a_token tags=["hide-input"]
# Draws what is read for each token: its part of the weights, and its own cache.
show.bytes_of_a_token(weights=13.5, cache=1.07)

# %% [markdown] tags=["answer"]
# **1.9 GB (B), because all texts share one reading of the weights, but each has a cache of its own:** 13.5 / 16 + 1.07 = 1.9.

# %% [markdown]
# The weights are the same for every text. But a text attends to the keys and values of its own tokens, and nobody else needs those. So a larger batch makes the weights cheaper for each token, and the cache not at all: the caches of thirteen such texts are larger than the model. With many or long texts the cache can become what limits a server ([Kwon et al., 2023](https://arxiv.org/abs/2309.06180)).

# %% [markdown]
# ### Does sharing pay?
#
# Four layers with 16.8 million weights each, for 1 to 64 tokens: the next tokens of so many texts.

# %% does_sharing_pay tags=["hide-input"]
# Times four layers for 1, 4, 16 and 64 tokens.
layers = [torch.nn.Linear(4096, 4096, bias=False) for _ in range(4)]
taken = {}
for texts in (1, 4, 16, 64):
    x = torch.randn(texts, 4096)
    job = Timer("for layer in layers: layer(x)", globals=globals())
    taken[texts] = job.timeit(3).mean
    each = taken[texts] / texts / taken[1]
    print(f"{texts:2} texts: each needs {each:.2f} of the time of one alone")

# %% [markdown]
# With 64 texts each one takes a small part of the time that it takes alone. It does not fall to 1/64. One reason is that **reading is shared, arithmetic is not.** Another is that PyTorch may rearrange the weights in each call when there are several texts.

# %% [markdown]
# ### Fewer keys to keep
#
# SmolLM2-135M has 30 blocks. In each, nine heads of queries share **three** heads of keys and values, with 64 numbers a head. How many bytes does a token leave?

# %% shared_heads tags=["hide-input"]
# Draws nine heads of queries over three heads of keys and values.
show.shared_heads()

# %% [markdown]
# This is **grouped-query attention**. A key has 3 · 64 = 192 numbers, not 9 · 64 = 576. For each token the cache has 2 · 30 · 192 = 11,520 numbers: in float32 **46 kB**, in 16 bits **23 kB**.
#
# Three heads of queries ask the same keys, each with a question of its own ([Ainslie et al., 2023](https://arxiv.org/abs/2305.13245)). Queries are never kept, so only the heads of keys and values count, and the cache is three times smaller than with nine of them. For 2,048 tokens in 16 bits it takes 2,048 · 23 kB = 47 MB, beside 269 MB of weights.
#
# When you count for a model, look for its number of *key-value heads*. In the configuration of a model on Hugging Face it is often called `num_key_value_heads`.

# %% [markdown]
# ## Exercise · Write with the cache
# ★★ · 10 minutes
#
# Write `write(cached_step, prompt, n)`. `cached_step(ids)` is a step with an empty cache, as `functools.partial(step, model, Cache())` makes it: it takes the *new* tokens, of shape (1, tokens), and gives the logits after each. `prompt` has this shape, too, with one token or more. Return the prompt, followed by `n` tokens, each the likeliest next, in `n` calls of `cached_step`; `n` is 1 or more.
#
# <details><summary>Hint</summary>
#
# What goes in at the first call, and what at all later ones? Which of the logits say what comes next?
#
# </details>
#
# <details><summary>What others found</summary>
#
# `partial` fills in the first two arguments. With such a step, `write(…, prompt, 224)` gives the page of section 1, to the letter, in a fraction of its time.
#
# </details>


# %% tags=["exercise"]
def write(cached_step, prompt, n):
    """The prompt and n tokens after it, each the likeliest next, (1, tokens), in n cached steps."""
    raise NotImplementedError


# %% tags=["check"]
check.write(write)


# %% tags=["solution", "hide-cell"]
def write_solution(cached_step, prompt, n):
    ids, new = prompt, prompt
    for _ in range(n):
        logits = cached_step(new)
        new = logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], dim=1)
    return ids


# %% [markdown]
# ## Remember
#
# - Writing is a chain of passes; under the causal mask old keys and values never change, so a KV cache keeps them, and a step computes one row in place of all.
# - Each step still reads nearly all weights, for one token; a batch shares this reading, but each text has its own cache.
# - A token leaves 2 · blocks · key-value heads · head size numbers in the cache, so fewer heads of keys and values make it smaller.

# %% [markdown]
# ## Scorecard
#
# What your run measured.

# %% tags=["scorecard"]
claims.show("decoding")

# %% [markdown]
# ## Deeper
#
# ### A cache in 8 and in 2 bits
#
# The cache can be rounded as the weights were in [[integers]]. With 8 bits and a scale for each token and head, the 128 bytes of a head's 32 numbers become 32 and a scale of 4: 3.6 times smaller. With 8 bits, a cache of 16 bits gets at best 2 times smaller.
#
# With few levels it matters which numbers share a scale. In keys one feature is often large for all tokens. Take three keys whose first feature is 8, and only three levels: −1, 0 and 1 times the scale.

# %% tags=["hide-input"]
# Draws three made-up keys, with a scale for each token, and with a scale for each feature.
show.two_ways_to_share()

# %% [markdown]
# With a scale for each token the 8 swallows its neighbours. With a scale for each feature nothing is lost. KIVI ([Liu et al., 2024](https://arxiv.org/abs/2402.02750)) rounds keys in this way, values by token, both in 2 bits.
#
# ### A draft, checked in one pass
#
# A step over five tokens reads the weights once, as a step over one does. So let something cheap propose the next four tokens, and let the model check all of them in one step: this is **speculative decoding** ([Leviathan et al., 2023](https://arxiv.org/abs/2211.17192)), and the proposal is the **draft**. The logits after each token of the draft say what the model itself would have written there. Keep the draft up to the first difference, take the model's own token at that point, and throw away the rest, in the cache as well. Up to rounding, greedy decoding gives the same text as without a draft.
#
# By hand: let each token of the draft be right in 8 of 10 cases, if those before it were. A draft of two then gives 1 + 0.8 + 0.64 = 2.44 tokens a step, since the model's own token always comes on top. If only 3 of 10 are right, it gives 1.39, and the longer step may cost more than it brings.
#
# ### Prompt and answer are two kinds of work
#
# Count the operations for each byte that is read. A weight of 2 bytes makes one multiplication and one addition for each token. A decoding step makes 2 operations for 2 bytes, a prefill of 1,000 tokens 2,000. So a long prefill waits for arithmetic, and decoding a few texts waits for memory ([[roofline]] draws the line between them). Some systems run the two on different GPUs ([Zhong et al., 2024](https://arxiv.org/abs/2401.09670)).

# %% [markdown]
# **Sources.** R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102), counts the bytes of weights and cache.
#
# **Going further.** W. Kwon et al., *PagedAttention*, 2023, [arXiv:2309.06180](https://arxiv.org/abs/2309.06180); T. Dao et al., *FlashAttention*, 2022, [arXiv:2205.14135](https://arxiv.org/abs/2205.14135); Hugging Face on [caches](https://huggingface.co/docs/transformers/kv_cache). Projects: let a smaller model draft; keep the cache of a prompt that many texts share.
#
# **Credits.** All code was written for this course. Text CC BY 4.0, code MIT.
