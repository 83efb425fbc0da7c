# ---
# jupyter:
#   course:
#     promise: You will be able to write with a key-value cache, and say why a single token costs bytes more than arithmetic.
#     seconds: 30
#     needs: [attention]
#     values:
#       written: f'{writing / processing:.0f}'
#       cells: f'{sum(range(prompt.shape[1], page.shape[1])):,}'
#       step: f'{without / with_cache:.0f}'
#     goals:
#       - write with a key-value cache, and say why it may keep old keys and values;
#       - count the bytes that a step reads and that a cache holds;
#       - say why a token of a large model costs bytes, and what a batch of texts shares.
#     terms: [context, decoding, draft, grouped-query attention, KV cache, prefill, speculative decoding]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Why does a language model take so much longer to write a text than to process one?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.decoding import show
from lessons.decoding import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. One pass for a text, or one for each character
#
# You paste ten pages into a chat, and soon the answer begins. Then it comes word by word. Why?
#
# Our model is the small Transformer of [[attention]], trained on the code of Python's library. Its tokens are single characters, and after each one it gives *logits*: a score for every character that may come next.
#
# To *process* a text that we have, it needs one pass. To *write*, it processes the text so far, we append the character with the highest score, and it starts again.
#
# **Predict.** It writes 224 characters after a beginning of 32. How many times longer does this take than processing all 256 in one pass: **A** less than 5, **B** 5 to 50, **C** more than 50 times?

# %%
from time import perf_counter

import torch

from course_utils import language

model = language.trained()
prompt = language.encode("class Message:\n    def __init__(")[None]  # 32 numbers, one for each character


def write_slowly(ids, n):
    for _ in range(n):
        logits = model(ids)
        ids = torch.cat([ids, logits[:, -1:].argmax(-1)], dim=1)
    return ids


start = perf_counter()
page = write_slowly(prompt, 224)
writing = perf_counter() - start

start = perf_counter()
model(page)
processing = perf_counter() - start
print(f"{language.decode(page[0])}\nwriting {writing:.2f} s, processing {processing:.3f} s")

# %% reading_and_writing tags=["hide-input"]
# Draws the pass that processes the text, and the passes that write it, to one scale.
show.reading_and_writing(page, prompt, writing / processing)

# %% [markdown] tags=["answer"]
# **More than 50 times (C), because each new character needs a pass of its own, over the whole text so far.** 32 characters go through the network in the first pass, 33 in the next, 255 in the last. Together that's **32,144**, or 126 times 256.

# %% [markdown]
# Writing token by token is called **decoding**, and always taking the highest score is *greedy* decoding. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# Processing needs only one pass, because all characters are there from the beginning, so the network works on them side by side. But in writing, the 101st character is the *result* of the pass over the first 100, so the next pass has to wait for this one.
#
# **Try it.** Change `224` to `112` and run the cell again. Does it take half as long?
#
# <details><summary>What others found</summary>
#
# Less than half, because the longest passes are left out. Change it back and run the cell again.
#
# </details>

# %% [markdown]
# ## 2. What changes from pass to pass?
#
# We can't avoid the chain of passes. But does every pass have to process the old characters again?
#
# Take the text `sel`, to which the model appends an `f`. In each of its five blocks, every character has a *query*, a *key* and a *value*. Under the causal mask, it looks at itself and at those before it.
#
# **Predict.** In which of the five blocks do the keys of `s`, `e` and `l` change when `f` comes: **A** in none, **B** in all but the first, **C** in all?

# %% changed_table tags=["hide-input"]
# Writes by how much the keys of s, e and l change in each block when f is added, with the causal mask and without it.
changed = show.changed_keys(model, "sel", "self")
show.changed_table(changed)

# %% [markdown] tags=["answer"]
# **In none (A), because nothing that the old characters look at has changed.** In the first block, a key depends on its own character and place. `s`, `e` and `l` don't look at `f`, so the block's results for them stay the same. The second block's keys and values come from these, so they stay, too, and so on.

# %% [markdown]
# Without the mask (second row), `s` does look at `f`, so from the second block on its key changes.
#
# What does the new character need from the old ones? Its query is compared with all keys, and then it takes a weighted mean of all values. The old queries aren't needed any more. So we keep the keys and values of every block, in the **KV cache**. **It's the mask that allows this.**
#
# Suppose the text is `s`, then `se`, `sel` and `self`, with one pass for each. How many keys does one block compute? In the first four frames each row is a key, and in the last one each line is a pass.

# %% keys_of_a_word tags=["hide-input"]
# Draws the keys of the four letters, step by step, and at last those of the text of section 1.
show.keys_of_a_word(model, prompt, page)

# %% [markdown]
# Without a cache it's 1 + 2 + 3 + 4 = **10** keys, and with a cache **4**.
#
# For our text of section 1 it's 32,144 against 255, not 256, because the last character is written but never goes in.
#
# Without a cache, the number of keys grows with the *square* of the text's length. With a cache, it grows only *in proportion*.

# %% [markdown]
# ## 3. Write with a cache, and test it
#
# What changes in the model's code? Only attention, because everything else treats each character alone. Suppose the cache holds three characters, at positions 0, 1 and 2, and two new ones arrive.
#
# 1. *Positions.* The new ones are at 3 and 4. Queries and keys are rotated by their positions, so if the new ones began at 0, their distances to the old ones would be wrong. The old keys are kept rotated, because their positions don't change.
# 2. *Keys and values* of the new characters are appended to those in the cache.
# 3. *Mask.* It has a row for each *new* character, and a column for every character so far:
#
# | may look at → | 0 | 1 | 2 | 3 | 4 |
# |---|---|---|---|---|---|
# | new, position 3 | yes | yes | yes | yes | no |
# | new, position 4 | yes | yes | yes | yes | yes |
#
# Our cache is a dictionary with the keys and values of each block. `attend` begins as in [[attention]], and the comments 1 to 3 mark what is new. A pass with the cache is called a *step*.

# %% a_cache_and_its_test
from torch.nn import functional as F


def attend(block, x, cache):
    parts = block.qkv(block.norm1(x)).chunk(3, dim=-1)  # as before: queries, keys, values
    # unflatten cuts each into heads, (texts, characters, heads, numbers); transpose puts the heads before the
    # characters, so that each head has its own table, and dim=2 counts the characters
    q, k, v = (part.unflatten(-1, (block.n_heads, -1)).transpose(1, 2) for part in parts)
    old = cache[block][0].shape[2] if block in cache else 0  # how many are already in the cache
    q, k = language.rotate(q, old), language.rotate(k, old)  # 1: positions go on
    if old:  # 2: append the new ones
        k, v = torch.cat([cache[block][0], k], dim=2), torch.cat([cache[block][1], v], dim=2)
    cache[block] = k, v
    # 3: the table above is ones(2, 5).tril(3): with 3 old characters, row 0 keeps columns 0 to 3, row 1 one more
    mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(old)
    mixed = F.scaled_dot_product_attention(q, k, v, mask)
    return block.out(mixed.transpose(1, 2).flatten(2))


def step(model, cache, new):  # gives the logits after each new character
    x = model.tokens(new)
    for block in model.blocks:
        x = x + attend(block, x, cache)
        x = x + block.down(F.gelu(block.up(block.norm2(x))))
    return model.head(model.norm(x))


# %% [markdown]
# A cache must not change the logits. So our text goes in piece by piece, and we compare its logits with those of one plain pass. Pieces of one character aren't enough: a single new one may look at everything, so a missing mask wouldn't show.

# %% same_logits
plain, gaps = model(page), {}
for size in (1, 100, 256):
    cache = {}
    logits = torch.cat([step(model, cache, piece) for piece in page.split(size, dim=1)], dim=1)
    gaps[size] = (logits - plain).abs().max().item()
    print(f"pieces of {size:3}: largest difference of a logit {gaps[size]:.6f}")

# %% [markdown]
# These tiny differences are just rounding. In practice the whole prompt goes in with a single step, the **prefill**, and the new tokens follow, one step each.
#
# Is it faster? Suppose 479 characters have been processed, and the 480th arrives. With a cache it goes in alone. Without one, all 480 go in.

# %% is_it_faster tags=["hide-input"]
# Times the last step of a text of 480 characters, without the cache and with it.
from torch.utils.benchmark import Timer

text = language.encode(language.source(language.HELD_OUT)[0])[None, :480]
cache = {}
step(model, cache, text[:, :-1])
last = text[:, -1:]
without = Timer("model(text)", globals=globals()).timeit(20).mean
with_cache = Timer("step(model, dict(cache), last)", globals=globals()).timeit(20).mean
print(f"With a cache the step is {without / with_cache:.0f} times as fast.")

# %% [markdown]
# It's faster, but nowhere near 480 times as fast. So a step has costs that don't depend on how many new characters it gets, such as Python's calls of all the layers. Writing pays them for each character, processing only once. In a large model, one of these costs stands out.

# %% [markdown]
# ## 4. Why reading the weights takes longer than the arithmetic
#
# The weights are stored in the computer's memory, and to multiply with one, the processor first has to *read* it. A large model doesn't fit in the processor's own small memory: the weights of the last block push out those of the first. **So each step has to read all weights again.**
#
# Let's take one weight in float32, and imagine a memory that delivers 10 GB per second and a processor that does 50 billion operations per second:
#
# - *Reading:* 4 bytes take 4 / 10 = **0.4** nanoseconds.
# - *Arithmetic:* one multiplication and one addition take 2 / 50 = **0.04** nanoseconds.
#
# Both can go on at the same time ([[roofline]]), so a step takes at least as long as the slower of the two. With a single token, reading takes far longer, so decoding is *memory-bound*. With several tokens in a step, the weight is still read once, but used for each. At 10 tokens, both take equally long, and with more, as in the prefill of a long prompt, the step is *compute-bound*.
#
# Does this hold for a whole model? Ours, with 4 MB, may fit in the processor. So we take an untrained one, 12 times as wide, with 142 million weights, or **567 MB**.
#
# We time a step with one character, and a step with 256, whose time we divide by 256. The linear layers do the same multiplications for each character. So if only arithmetic counted, both times would be about equal. As a third job, we add up all weights, which is little more than reading them.

# %% bytes_not_arithmetic tags=["hide-input"]
# Times the wide model with one character and with 256 in one step, and then only adds up its weights.
wide = language.CharTransformer(width=1536, n_heads=12)
one, many = page[:, :1], page  # one character, and 256
times = {
    "one character in a step": Timer("step(wide, {}, one)", globals=globals()).timeit(5).mean,
    "one of 256 in a step": Timer("step(wide, {}, many)", globals=globals()).timeit(1).mean / many.shape[1],
    "adding up all weights": Timer("[w.sum() for w in wide.parameters()]", globals=globals()).timeit(5).mean,
}
for job, seconds in times.items():
    print(f"{job:23} {1e3 * seconds:6.1f} ms")

# %% [markdown]
# A character that comes alone takes many times as long as each of the 256, for the same multiplications. That alone doesn't prove that memory is the reason, because we saw it in a model of 16 MB, too, which may fit in the processor. But in the wide model, reading the weights (last line) explains about half of the time, or more. The rest includes Python's calls, and products that are less efficient with a single token.
#
# A KV cache saves none of this reading and even adds to it, because the new query is compared with every old key. In each block of the wide model, a token leaves a key and a value of 1,536 numbers each:
#
# $$2 \cdot \text{5 blocks} \cdot \text{1,536 numbers} \cdot \text{4 bytes} = 61{,}440 \text{ bytes}$$
#
# for a token, and **31.5 MB** for 512. That's the longest text that our models take into account: their **context**.
#
# A server writes many texts side by side, as a *batch*. They share one reading of the weights, but each attends to its own keys and values. With 16 texts of 512 characters, a step reads 567 / 16 + 31.5 = 67 MB for each new character, and with a single text 599 MB. **A batch shares the weights but not the cache.** More texts help until arithmetic takes longer than reading.
#
# The 16 caches, about 500 MB, also have to be stored, so on a server their memory often limits the batch ([Kwon et al., 2023](https://arxiv.org/abs/2309.06180)).
#
# So why does writing take so long? It's a chain of passes, and even with a cache, a large model reads all weights in each of them.

# %% [markdown]
# ## Exercise · Several texts, one cache
# ★★ · 10 minutes
#
# Write `write(cached_step, prompts, n, token_bytes)` for a batch of prompts, (texts, tokens). `cached_step(new)` takes the *new* tokens of all texts and gives the logits after each. It remembers what it got, and its cache is empty before your first call. Call it `n` times.
#
# Return the prompts, each followed by `n` tokens of greedy decoding, and the bytes that the cache then holds, if one token of one text leaves `token_bytes`.
#
# <details><summary>Hint</summary>
#
# What goes in at the first call, and what at each later one?
#
# </details>


# %% tags=["exercise"]
def write(cached_step, prompts, n, token_bytes):
    """The prompts with n tokens after each, (texts, tokens + n), and the bytes in the cache at the end."""
    raise NotImplementedError


# %% tags=["check"]
check.write(write)


# %% tags=["solution", "hide-cell"]
def write_solution(cached_step, prompts, n, token_bytes):
    ids, new = prompts, prompts
    for _ in range(n):
        logits = cached_step(new)
        new = logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], dim=1)
    kept = ids.shape[1] - 1
    return ids, len(prompts) * kept * token_bytes


# %% [markdown]
# ## Remember
#
# - Under the causal mask, old keys and values never change, so a KV cache keeps them.
# - In a large model each step reads all weights, and for a single text uses each only once, so reading takes longer than the arithmetic: decoding is memory-bound.
# - A batch of texts shares one reading of the weights, but each text has its own cache, and all have to fit in memory.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("decoding")

# %% [markdown]
# ## Deeper
#
# ### Fewer keys to keep
#
# How can a model have a smaller cache? SmolLM2-135M has 30 blocks with nine heads of queries each. But three query heads at a time share one head of keys and values, so there are only three of those, with 64 numbers each.

# %% shared_heads tags=["hide-input"]
# Draws nine heads of queries over three heads of keys and values.
show.shared_heads()

# %% [markdown]
# This is **grouped-query attention** ([Ainslie et al., 2023](https://arxiv.org/abs/2305.13245)). Since queries are never kept, only the heads of keys and values count, and the cache is three times smaller than with nine of them. A token leaves 2 · 30 · 3 · 64 = 11,520 numbers, or 23 kB in 16 bits. When you count for another model on Hugging Face, look for `num_key_value_heads` in its configuration.
#
# ### A draft, checked in one step
#
# A step over five tokens reads the weights once, as a step over one token does. So let something cheap propose the next four tokens, and feed them in right after the last token, all in one step. This is **speculative decoding** ([Leviathan et al., 2023](https://arxiv.org/abs/2211.17192)), and the proposal is the **draft**. The logits after the last token of the text say what the model itself would have written first, and so check the first token of the draft. Those after the first token of the draft check the second, and so on. Keep the draft up to the first difference, take the model's own token at that point, and throw away the rest, in the cache as well. Up to rounding, greedy decoding gives the same text as without a draft.
#
# By hand: let each token of a draft be right in 8 of 10 cases, if those before it were. A draft of two then gives 1 + 0.8 + 0.64 = 2.44 tokens a step, because each step also yields one token from the model itself. If only 3 of 10 are right, it gives 1.39. That may not make up for the time of the draft and of the longer step.
#
# ### Where the cache is in a real program
#
# In Hugging Face's Transformers, `generate` uses a cache unless you say `use_cache=False`. If you call the model yourself, `out = model(new, cache=cache, use_cache=True)` gives `out.logits` and the longer cache, `out.cache`. Older versions call both `past_key_values`. Start with `cache=None` and the whole prompt. An easy mistake is to put the whole text in again at the second step: nothing complains, but the model then sees its prompt twice.

# %% [markdown]
# **Sources.** R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102), counts the bytes of weights and cache.
#
# **Going further.** W. Kwon et al., *PagedAttention*, 2023, [arXiv:2309.06180](https://arxiv.org/abs/2309.06180); Hugging Face on [caches](https://huggingface.co/docs/transformers/kv_cache). Projects: let a smaller model draft; keep the cache of a prompt that many texts share.
#
# **Credits.** Text CC BY 4.0, code MIT.
#
# If a single token costs the bytes of all weights, then weights of a quarter of the bytes could write four times as fast. Do they? [[weight_only]] runs the race.
