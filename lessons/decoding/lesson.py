# ---
# jupyter:
#   course:
#     promise: You will be able to say what a language model computes and reads for each token that it writes, and make it less.
#     seconds: 50
#     needs: [measuring, roofline, integers, attention]
#     goals:
#       - Say what decoding without a cache computes twice, how a KV cache avoids it, and how many bytes the cache takes.
#       - Find out where the time of a cached step goes.
#       - Count what a step reads, and say what a batch of texts shares and what it does not.
#       - Round a cache to fewer bits, and find out which choice makes the rounding expensive, each choice at its best.
#     terms: [context, decoding, draft, grouped-query attention, KV cache, perplexity, speculative decoding, token]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A language model writes one token at a time. What does it compute and read for each?*
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
# *For the lecturer, 1 min.* Say: "So far a network got an input and gave one answer. Today its answer becomes its next input, hundreds of times." Go straight on to the vote.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import itertools

import torch
from torch.nn import functional as F

from course_utils import language, runtime
from course_utils.measure import timing
from course_utils.scorecard import claims
from lessons.decoding import checks as check
from lessons.decoding import show

runtime.seed_all(0)
torch.set_num_threads(1)  # one thread, on the processor, but for training
text, missing = language.source()  # to learn from
held_out, missing_too = language.source(language.HELD_OUT)  # never learned
model = language.trained()
ids, unseen = language.encode(text), language.encode(held_out)
print(f"{len(text):,} characters to learn from; modules that are missing here: {missing + missing_too or 'none'}")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "skip"}
# [[attention]] built a language model from its parts. A text is cut into **tokens**, the pieces that the model takes in and puts out; in our model each token is a single character. The *embedding* turns each token into a vector. A stack of Transformer blocks, five in ours, lets each token look at those before it and works on each. A last linear layer gives the **logits**: a score for every character that may come next. We use the trained model of that lesson. It has 1,009,024 weights.
#
# Such a model *reads* a whole text in one pass, and its logits at the last place say what comes next. To *write*, one takes the likeliest character, puts it at the end of the text, and runs the model again. This is called **decoding**, and taking the likeliest one each time is *greedy* decoding. The largest number of characters that the model takes at once is called its **context**; our model has a context of 512.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Reading and writing
#
# Our language model knows the source code of Python's own library. Its **tokens** are single characters.
#
# It *reads* 256 characters in one pass. To *write*, it runs on the text so far, we put the likeliest character at the end, and it runs again: **greedy decoding**.
#
# **Predict.** It writes 224 characters after a beginning of 32. How many times as long does this take as reading all 256 characters once, and why: **A** less than 5 times, **B** between 5 and 50 times, **C** more than 50 times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; ask one of each letter why. The answer is C. Click, and let the room read the drawing from above: the thin line is the reading, and each line below it is a pass of the writing, to the same scale. "Which part of this work is done twice?" Let somebody say it: the beginning goes through the network again and again. Say: "One character more means one pass more,
# over everything so far." The code of `write` is on the page.


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def write(ids, count):
    """Add the likeliest, `count` times."""
    for _ in range(count):
        best_next = model(ids)[:, -1:].argmax(-1)
        ids = torch.cat([ids, best_next], dim=1)
    return ids


# %% slideshow={"slide_type": "skip"}
opening = unseen[None, :32]
with timing.Timer(device="cpu") as writing:
    page = write(opening, 224)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Times one pass over the whole text, and draws both to one scale.
with torch.no_grad():
    reading = timing.compare({"read": lambda: model(page)}, rounds=5, device="cpu")
slower = 1e3 * writing.seconds / reading.median_ms("read")
show.reading_and_writing(page, opening, slower)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Writing takes more than 50 times as long as reading (C), because each new character is a pass of its own over the whole text so far.**
#
# <!-- page -->
#
# Count the characters that go through the network (orange). To read, 256, one thin line. To write, 32 for the first new character, 33 for the second, and so on up to 255 for the last: together 32,144, or 126 times as many. The time need not be 126 times as long. In a short pass few characters share the calls of Python, so each character costs more.
#
# Why does reading need only one pass? All 256 characters are there from the beginning, and the causal mask lets each place see only what stands before it. So all places can be worked on side by side, and each gets the result that it would get if the text ended there. Writing is different: the 101st character is the *result* of the pass over the first 100, so the pass over 101 cannot begin before the other has ended. Writing is a chain of passes.
#
# To write the 100th character, the model computes the vectors of all 99 before it. A moment before, it computed those of the first 98. Are these the same numbers again, or did the new character change them?

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. One more character
#
# In each block a token has a **query**, a **key** and a **value**. The text `sel` gets a fourth character, `f`. The causal mask lets each place look at itself and at what stands before it.
#
# **Predict.** In which blocks do the keys of `s`, `e` and `l` change, and why: **A** in none, **B** in all but the first, **C** in all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote, then draw s, e, l, f in two rows (block 1, block 2), with arrows that go to the left only. "The key of *s* in block 1 comes from *s* alone. What block 1 gives out for *s* has looked at *s* alone, so block 2 finds the same."

# %% slideshow={"slide_type": "skip"}
changed = {}
for causal in (True, False):
    before = show.keys_of_blocks(model, "sel", causal)  # one tensor a block: (1, heads, tokens, features)
    after = show.keys_of_blocks(model, "self", causal)
    gaps = [(b - a[:, :, :3]).abs().max() / b.abs().max() for b, a in zip(before, after, strict=True)]
    changed[causal] = [gap.item() for gap in gaps]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes by how much the three keys change in each block, with the causal mask.
show.changed_table({"looks back only": changed[True]})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With the causal mask no key changes in any block (A), because nothing that an old character has looked at has changed.**
#
# <!-- page -->
#
# The reason goes from block to block. In the first block the key of `s` is computed from the embedding of `s`, and from nothing else. The causal mask lets `s` look at itself alone, `e` at `s` and `e`, and `l` at all three. None of them looks at `f`, so the first block returns the same three vectors as before. The second block starts from these vectors, so its keys are the same as well, and so on. Values and queries are the same for the same reason.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Without the mask
#
# Now each place may look at everything, also at what comes after it. The text `sel` gets its `f` again.
#
# **Predict.** In which blocks do the keys of `s`, `e` and `l` change now, and why: **A** in none, **B** in all but the first, **C** in all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Add arrows to the right in the drawing. "Now *s* sees *f*, and block 2 starts from another *s*." So what makes it possible to keep keys? The mask.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the same changes without the mask.
show.changed_table({"looks back only": changed[True], "looks at everything": changed[False]})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Without the mask the keys change in all blocks but the first (B), because `s` looks at `f`, and the second block starts from another vector of `s`.**
#
# <!-- page -->
#
# In the first block a key is computed from the embedding of its own character, with or without a mask. What the block returns for `s` is a mean over all that `s` looks at, and now `f` is among it. So the vector of `s` after the first block changes, and with it the key of `s` in the second block. A model without the causal mask can therefore keep nothing but the keys and values of its first block: from the second block on, whoever adds a character must compute all others again.

# %% [markdown] slideshow={"slide_type": "skip"}
# So when a character is added to a text under the causal mask, only three things are new in each block: its query, its key and its value. Its query is compared with all keys so far, and the result is a weighted mean of all values so far. Of the old characters attention needs the keys and the values, unchanged, but not their queries, because the result of an old query is known already and nobody asks for it again.
#
# From this follows the remedy, the **KV cache**. It does not make the chain of passes shorter, but it makes each pass cheaper.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Rows to compute
#
# A **KV cache** keeps the keys and values of all characters so far, in every block. Only those of the new character are computed. Old queries are not needed.
#
# **Predict.** The word `self` is written letter by letter. How many rows of keys does a KV cache save one block, and why: **A** 4, **B** 6, **C** 10?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them count before the frames: 10 without a cache, 4 with one. Click through the four letters. Before the last frame ask: "And how does this look for the text of section 1?" Without a cache it is the orange area of the first drawing again, 32,144 rows; with a cache only its edge is left, 255. (The last character that is written never goes in.) The answer is a click of its own.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the keys of the four letters, step by step, and at last those of the long text.
show.keys_of_a_word(model, opening, page)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The cache saves 6 rows of keys (B): without a cache a block computes 1 + 2 + 3 + 4 = 10 rows; with a cache it computes 4.** For $n$ letters it is $n (n + 1) / 2$ against $n$.
#
# <!-- page -->
#
# The last frame shows the text of section 1. With a cache only the edge of the orange area is left, 255 rows instead of 32,144.
#
# The cache saves scores, too. In step $t$ the new query is compared with $t$ keys, so with a cache the four steps compute 1 + 2 + 3 + 4 = 10 scores in each head. Without a cache every step computes the scores of all its places under the mask: 1, 1 + 2, 1 + 2 + 3 and 1 + 2 + 3 + 4, together 20. For long texts this is about $n^3 / 6$ scores against $n^2 / 2$. So the cache takes away one power of $n$ from both, rows and scores, and the work of attention still grows with the square of the text.

# %% [markdown] slideshow={"slide_type": "skip"}
# In code the cache is a tensor with room for the whole context, and a number that says how many places are filled.


# %% slideshow={"slide_type": "skip"}
class Cache:
    def __init__(self, network, batch=1):
        block, self.steps = network.blocks[0], 0
        size = block.out.in_features // block.n_heads
        self.stored = torch.empty(len(network.blocks), 2, batch, block.n_heads, network.context, size)

    def add(self, layer, k, v):
        """Store keys and values of new tokens; return those of all tokens so far."""
        end = self.steps + k.shape[2]
        self.stored[layer, :, :, :, self.steps : end] = torch.stack([k, v])
        return self.stored[layer, :, :, :, :end]


# %% [markdown] slideshow={"slide_type": "skip"}
# Attention with a cache differs from that of [[attention]] in three ways. The keys and values come from the cache. The mask has a row for each *new* token only, and a column for every token so far. And RoPE, *rotary position embedding*, which turns each query and key by an angle that grows with its position in the text, must not begin at position 0 again.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Attention with a cache: angle and mask
#
# Three tokens are in the cache, at the positions 0, 1, 2. Two new ones come. **Angle**: turn their queries and keys by the positions 3 and 4. **Mask**: a row for each new token, a column for each token so far.
#
# | may look at → | 0 | 1 | 2 | 3 | 4 |
# |---|---|---|---|---|---|
# | new token, position 3 | yes | yes | yes | yes | no |
# | new token, position 4 | yes | yes | yes | yes | yes |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask: "A wrong angle, or no mask at all: which would you find late?" No mask. With one new token a row of "yes" is right, so it shows only when several come at once; a wrong angle spoils the second token already. Say: "So test with one, with several, and with the whole context."

# %% [markdown] slideshow={"slide_type": "skip"}
# **The mask.** `torch.ones(2, 5).tril(3)` is this table: row 0 keeps its first 4 columns, row 1 its first 5. (Here True means "may look"; in [[attention]] it meant "hidden".) Without the mask the first new token would see the second, which is its own answer. If a single token comes, its row is all "yes", and a missing mask does not show.
#
# **The angle.** Say that the hand of one pair of features turns by 1 radian (57°) for each position. Of the two angles only the difference matters for a score. The new token at position 3 is turned by 3, the stored key at position 2 was turned by 2, so they lie 1 apart: one position, as it should be. If the angles of new tokens began at 0, the new query would be turned by 0, and the difference would be 0 − 2 = −2: the key would seem to stand two positions *after* the token. No error is raised; the logits are wrong from the second token on. So the first new token is turned by the angle of position `cache.steps`, here 3. (The keys are stored after they were turned. A key keeps its position, so its angle never changes.)
#
# In the code `language.rotate` is RoPE, and `block.qkv` is one linear layer that gives queries, keys and values side by side.


# %% slideshow={"slide_type": "skip"}
def attend(block, x, cache, layer):
    """Attention of new tokens to themselves and to all in the cache."""
    every = block.qkv(block.norm1(x))  # queries, keys, values side by side
    q, k, v = every.unflatten(-1, (3, block.n_heads, -1)).permute(2, 0, 3, 1, 4)
    q, k = (language.rotate(part, cache.steps) for part in (q, k))
    k, v = cache.add(layer, k, v)
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(cache.steps)
    mixed = F.scaled_dot_product_attention(q, k, v, seen)
    return block.out(mixed.transpose(1, 2).flatten(2))


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def step(network, ids, cache):
    """Logits after each new token, ids (batch, tokens); the cache grows by them."""
    room = cache.stored.shape[4] - cache.steps
    if not 0 < ids.shape[1] <= room:
        raise ValueError(f"{ids.shape[1]} tokens for a cache that has room for {room} more; give at least 1")
    x = network.tokens(ids)
    for layer, block in enumerate(network.blocks):
        x = x + attend(block, x, cache, layer)
        x = x + block.down(F.gelu(block.up(block.norm2(x))))
    cache.steps += ids.shape[1]
    return network.head(network.norm(x))


# %% [markdown] slideshow={"slide_type": "skip"}
# A cache is an optimization, so it must give the same logits as before. We feed the whole context into a cache three times: character by character, in pieces of 100, and all at once. Each time we compare the logits with those of a single pass without a cache.

# %% slideshow={"slide_type": "skip"}
whole_text, largest_gap = unseen[None, : model.context], 0.0
with torch.no_grad():
    at_once = model(whole_text)
for length in (1, 100, 512):
    by_steps = Cache(model)
    parts = torch.cat([step(model, part, by_steps) for part in whole_text.split(length, dim=1)], dim=1)
    largest_gap = max(largest_gap, ((parts - at_once).abs().max() / (at_once.max() - at_once.min())).item())
print(f"largest difference of a logit: {largest_gap:.0e} of their range")
try:
    step(model, whole_text[:, :1], by_steps)
except ValueError as error:
    print(error)

# %% [markdown] slideshow={"slide_type": "skip"}
# The logits agree up to rounding. So the cache does not change the results; it only saves computing the same keys and values again.
#
# In practice the beginning of the text, the *prompt*, is fed in with one step, which puts all its keys and values into the cache. This is called **prefill**, and what follows, token by token, are the decode steps. Prefill reads the weights once for many tokens, a decode step reads them for one. Count it: each weight has 4 bytes and does one multiplication and one addition for each token. A decode step therefore makes 2 operations for 4 bytes, an arithmetic intensity of 0.5; a prefill of 100 tokens makes 200 for the same 4 bytes, an intensity of 50.
#
# The cache is of use where something is added to a text that was read before: in decode steps, when a text is read in pieces, or when many texts begin with the same prompt. A model that is trained, or that judges one finished text in a single pass, has nothing to keep. And when the context is full? Then the oldest token must be dropped. But the keys that stay in the cache were computed from vectors that had looked at it. To get exactly what the model would say of the shorter text, one must run that text again and fill a new cache.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Where does the time go?
#
# The model has been given 479 characters, and now the 480th is fed in. Without a cache all 480 go through the network; with a cache a single character does.
#
# **Predict.** How many times as fast as the step without a cache is the step with one, and why: **A** 2 times, **B** about 10 times, **C** about 100 times, **D** nearly 480 times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote. The answer is B where this was written. Ask who voted D: "What does a step cost that does not grow with its characters?" Collect guesses on the board for the next table: reading weights, attention, the calls of Python.


# %% slideshow={"slide_type": "skip"}
def last(network, context, new=1):
    """The cached step of the last `new` of so many characters, to be run again and again."""
    cache = Cache(network)
    step(network, whole_text[:, : context - new], cache) if context > new else None

    def run():
        cache.steps = context - new
        return step(network, whole_text[:, context - new : context], cache)

    return run


CONTEXTS = (32, 120, 240, 480)
jobs = {("without", n): lambda n=n: model(whole_text[:, :n]) for n in CONTEXTS}
jobs |= {("with", n): last(model, n) for n in CONTEXTS}
with torch.no_grad():
    race = timing.compare(jobs, rounds=5, device="cpu")
sooner, spread = show.median_ratio(race, ("without", 480), ("with", 480))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the time of a character against the text so far.
show.cache_race(race, CONTEXTS, sooner)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With a cache the step is 10 times as fast in the run on this page (B) and far from 480 times, because something in a cached step does not shrink with the number of characters.**
#
# <!-- page -->
#
# Without a cache the curve grows with the text, because all characters are computed again. With a cache it hardly grows, but it does not start near zero: the one character of a cached step takes much more than 1/480 of the time of 480 characters without a cache. With a short text the cache wins little: look at the left end of the curves. On what does a cached step spend its time?

# %% [markdown] slideshow={"slide_type": "skip"}
# There are three suspects, and we measure each of them alone. *The products*: one vector is multiplied by each weight matrix of the model. *Attention*: in each block, each head compares one query with 480 keys, and takes the weighted mean of 480 values. *The calls* are a whole cached step of another model, which has as many blocks but only 8 features: it makes the same operations on tensors of a few numbers each, so nearly all its time passes in Python and PyTorch, which prepare each operation.
#
# The table also has two limits, the two times of [[roofline]], where we learned that a layer with one input reads 4 bytes of each weight for one multiplication and one addition, an *arithmetic intensity* of 0.5. With round numbers, by hand: to read 200 MB at 20 GB/s takes 10 ms, and 50 million multiplications and as many additions at 80 GFLOP/s take 1.3 ms. (The speed of reading is measured as one long product.) But a limit does not say how long the processor really waited. So the last row is a control: as many multiplications as in a model of 202 MB, but always with the same matrix of 4 MB, which can stay in the processor's cache. What the real products take beyond that is waiting for memory.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A cached step, taken apart
#
# Three suspects: the **products** of the new vector with all weights; **attention** to 480 characters; the **calls**, what Python and PyTorch do for each operation, however small its tensors are. Ours has 4 MB of weights, *wide* 202 MB.
#
# **Predict.** What takes most of a step, and why: **A** the products in both models, **B** the calls in both, **C** the calls in ours and the products in the wide one?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote, then the table, three rows only. First column: the calls; a model with 8 features makes the same calls on hardly any numbers. Second column: the products. Last row: as many multiplications with one small matrix, which stays in the processor, take about three fifths of the time of the products. "Which of the two models is a model of today like?" The second: its largest part is reading weights.

# %% slideshow={"slide_type": "skip"}
wide = language.CharTransformer(width=1024, n_layers=4, n_heads=16)  # not trained: only its size counts here
models = {"ours": model, "wide": wide}
tiny = {name: language.CharTransformer(8, len(network.blocks), n_heads=4) for name, network in models.items()}
jobs = {(name, "step"): last(network, 480) for name, network in models.items()}
jobs |= {(name, "attention"): show.attention_alone(network, 480) for name, network in models.items()}
jobs |= {(name, "products"): show.products(network) for name, network in models.items()}
jobs |= {(name, "calls"): last(network, 1) for name, network in tiny.items()}
layers = torch.randn(4096, 4096).repeat(8, 1, 1)  # 0.5 GB, for the speed of the memory, and for section 4
jobs |= {"kept": show.products_kept(wide)} | show.limits(layers)
parts = timing.compare(jobs, rounds=3, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the share of each part in a cached step.
show.parts_table(parts, layers, models)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In our small model the calls take most of the step, and in the wide one the products with the weights do (C), because the calls cost the same however many numbers they work on, and the products grow with the weights.**
#
# <!-- page -->
#
# In our model the calls are the largest part. A smaller cache does not reduce it, but fewer calls do. One gets them from a compiler, or from a program without Python. Our `attend`, for example, makes more calls than it must, because `language.rotate` computes the same angles twice in every block. (Careful with our column: 4 MB may stay in the processor's own cache. Then nothing is read from memory, and the row of the reading is no limit.)
#
# In the wide model it is the products. In the run on this page, reading the weights once takes nearly all of the products' time, and the arithmetic at its peak less than a twentieth. With one matrix kept in the processor's cache the products take about three fifths as long. So about two fifths of their time is waiting for memory, because each weight is read, used for one multiplication and one addition, and not needed again until the next token. In the record that [[real_model]] shows, PyTorch on one thread, in float32 and with the shape of Llama-3.2-1B, reaches 0.86 of the speed that reading allows.
#
# *Attention* grows with the text, and it is small here.
#
# (The rows need not add up to 1: the calls of the products and of attention are in the row of the calls, too, and norms, GELU, RoPE and the copies into the cache have no row of their own.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. What a step reads, and for whom
#
# One step reads a row of the embedding, *all* weights (five blocks, width 128), and the keys and values so far.
#
# **Predict.** How many bytes has the KV cache of 480 characters, compared with the weights, and why: **A** less than a twentieth, **B** up to a half, **C** more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote, then the board. Query, key, value and output: 4 · 128². Up and down: 8 · 128². Together 196,608 numbers, 786 kB a block. Cache: a key and a value of 128 numbers, 1,024 bytes; times 480 is 492 kB a block. Then click through; the answer is a click of its own.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws what one step must read, with wires as thick as their bytes.
show.reads(model)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **At 480 characters the cache has more than half of the bytes of the weights (C), because each character adds 5,120 bytes.**
#
# <!-- page -->
#
# By hand, for one block. Its weights: queries, keys, values and the output layer have 128 · 128 numbers each, and the two layers of the feed-forward part 4 · 128 · 128 each. That is 12 · 128² = 196,608 numbers of 4 bytes, 786 kB. (The figure says 787, because it counts the norms, too.) Its part of the cache: for every character a key and a value of 128 numbers each, that is 2 · 128 · 4 = 1,024 bytes. For 480 characters these are 492 kB.
#
# For the whole model that is 5 · 1,024 = **5,120 bytes for each character**. The weights take 4.04 MB, so a cache of 790 characters would be as large as the weights, if our model could take that many. In a large model the cache of a single text of a few thousand tokens is small beside the weights; that of a very long text (*Deeper* has one), and those of many texts, are not. LLaMA-7B has 32 blocks of 4,096 features ([Touvron et al., 2023](https://arxiv.org/abs/2302.13971), table 2): with 16 bits a number, a token takes 2 · 32 · 4,096 · 2 bytes = 524 kB, and a text of 2,048 tokens 1.07 GB, beside 13.5 GB of weights. Thirteen such texts have about as many bytes as the weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Many texts at once
#
# A step for a **batch** of texts reads the weights once and uses them for all. We use eight layers of 4,096 by 4,096 (67 MB each) in turn, so that none is still in the processor's cache when its turn comes again.
#
# **Predict.** How much time does *one* token take with 64 texts at once, in parts of its time with a single text, and why: **A** the same, **B** about a half, **C** less than a fifth?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote, show, and take the letter that the label at 64 says; where this was written it was C. "With one text the point lies a little above the line of the bytes; with more it falls, but less steeply." Ask what a server gains from many users.

# %% slideshow={"slide_type": "skip"}
in_turn = itertools.cycle(layers)
batches = {batch: torch.randn(batch, 4096) for batch in (1, 4, 16, 64)}
jobs = {batch: lambda x=x: F.linear(x, next(in_turn)) for batch, x in batches.items()}
taken = timing.compare(jobs | show.limits(layers), rounds=3, device="cpu")
gain, gain_spread = show.median_ratio(taken, 1, 64, factor=64)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the time of a token against the number of texts.
show.batch_curves(taken, layers)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With 64 texts a token takes less than a fifth of the time (C), in the run on this page, because all 64 texts share one reading of the weights, and because a product with many vectors makes better use of the processor than one with a single vector.**
#
# <!-- page -->
#
# The second reason counts even if nothing has to come from memory: in a trial, a layer that stays in the processor's cache gained 3 to 4 times in the same way. So it makes a part of the gain. If reading the weights were all, the curve would be the dashed line. It begins a little below 1, because reading takes most of the time of one text, and falls to 1/64 of its first value. The measured curve lies above it, since each text still needs its own arithmetic, the dotted line, and the layer reaches neither of the two limits.
#
# Where does the gain end? Reading is shared, arithmetic is not. With the round numbers of section 3, reading takes 10 ms for a step, however many texts there are, and the arithmetic 1.3 ms for each text. With 8 texts both are about 10 ms. By these two limits another text costs nearly nothing up to there; beyond, each makes the step longer, and the time of a token stays at 1.3 ms. (Real layers bend less sharply.)
#
# That is why a server lets many users write at once.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The bytes of many texts
#
# All texts share the weights, 4 MB. A character of one text adds 5,120 bytes to the cache.
#
# **Predict.** 16 texts of 512 characters each are written at once. How large is the whole cache, compared with the weights, and why: **A** smaller, **B** between 1 and 5 times as large, **C** more than 5 times as large?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote, then the frames. "The weights once. The cache 5,120 bytes for each character *of each text*: 42 MB, ten times the weights. So make it smaller."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the bytes of the weights and of the cache for texts of several lengths, one and several at once.
weight_bytes = sum(weight.nbytes for weight in model.parameters())
token_bytes = Cache(model).stored[..., 0, :].nbytes
show.bytes_of_cases(weight_bytes, token_bytes)

# %% [markdown] slideshow={"slide_type": "fragment"} tags=["answer"]
# **The cache of 16 texts has ten times the bytes of the weights (C), because each text has keys and values of its own: 16 · 512 · 5,120 bytes = 42 MB.**
#
# <!-- page -->
#
# By hand, what does a step read for one token of one text? With one such text 4.0 MB of weights and 2.6 MB of cache. With 16 texts 4.0 / 16 = 0.25 MB of weights, and still 2.6 MB of cache. A larger batch makes the weights cheaper for each token, but not the cache. So with many or long texts the cache can become what limits a server ([Kwon et al., 2023](https://arxiv.org/abs/2309.06180)), and the next section makes it smaller.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Fewer bits for the cache
#
# We store keys and values as integers of 8 bits, with a **scale** for each token and head: $s = \max|x| / 127$. All later tokens read the rounded keys and values.
#
# **Perplexity** is $e$ to the mean loss: among how many equally likely characters the model hesitates.
#
# **Predict.** By how much does the perplexity rise in int8, and why: **A** less than 1 %, **B** between 1 and 10 %, **C** more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* First perplexity, with three characters on the board: probabilities 1/2, 1/4, 1/8, perplexity 4. Then vote; the answer is A. A change below zero is chance: rounding can help by luck. Ask before the click: "8 bits of 32, so 4 times smaller? What else must be kept?" A scale for each row: 32 · 4 = 128 bytes against 32 + 4 = 36.

# %% [markdown] slideshow={"slide_type": "skip"}
# To say what rounding costs we need a measure of how well a language model does. For each character of a text that it has never seen, the model gives the true next character a probability $p$, and the loss is $-\ln p$. Say that for three characters $p$ is 1/2, 1/4 and 1/8. The losses are 0.69, 1.39 and 2.08, their mean is 1.39, and $e^{1.39} = 4$. So on average the model hesitates as if it had to choose among 4 equally likely characters. This number is the **perplexity**. A model that knows nothing gives each of the 96 characters 1/96, and its perplexity is 96. The perplexity of our model is less than 4.
#
# Rounding works as in [[integers]] but for the divisor, 127. A head's key for one token is a row of 32 numbers. Say that the largest of them is 2.54. Then the scale is 2.54 / 127 = 0.02, and the number 0.513 becomes round(25.65) = 26, which is read as 0.52.


# %% slideshow={"slide_type": "skip"}
class Int8Cache(Cache):
    def __init__(self, network, batch=1):
        super().__init__(network, batch)
        self.scales = torch.empty(*self.stored.shape[:-1], 1)  # one for each token and head
        self.stored = self.stored.to(torch.int8)

    def add(self, layer, k, v):
        new, kv = slice(self.steps, self.steps + k.shape[2]), torch.stack([k, v])
        self.scales[layer, :, :, :, new] = kv.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 127
        self.stored[layer, :, :, :, new] = torch.round(kv / self.scales[layer, :, :, :, new]).to(torch.int8)
        return self.stored[layer, :, :, :, : new.stop] * self.scales[layer, :, :, :, : new.stop]


# %% slideshow={"slide_type": "skip"}
by_cache, sizes = {}, {}
for name, kind in {"fp32": Cache, "int8": Int8Cache}.items():
    by_cache[name] = language.perplexity(lambda x, c=kind: step(model, x, c(model, len(x))), unseen, pieces=show.PIECES)
    step(model, whole_text, full := kind(model))  # no room is left
    sizes[name] = show.file_bytes(full.stored, *([full.scales] if name == "int8" else []))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the bytes and the perplexity of both caches.
show.int8_table(sizes, by_cache)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In int8 the perplexity changes by far less than 1 % (A), because 255 levels lie close together: no number is off by more than 1/254 of the largest of its row.** The file is about 3.6 times smaller, and not 4 times, because each row has a scale of its own.
#
# <!-- page -->
#
# (A change below zero is chance, because rounding now and then moves the logits in the right direction.) In bytes: a row has 32 numbers. It takes 32 · 4 = 128 bytes in fp32, and 32 + 4 = 36 in int8; 128 / 36 = 3.56. A large model has 128 numbers in a head and a scale of 16 bits, so the scales hardly count; but its cache has 16 bits a number already, and int8 makes it 256 / 130 = 1.97 times smaller.
#
# The time was not measured. At each step our code turns the whole cache into floats and writes them to memory, so it cannot be faster. A program that wins time reads the integers from memory and turns them into floats inside the processor, on the way into the product (KIVI does this, [Liu et al., 2024](https://arxiv.org/abs/2402.02750)), or multiplies with the integers directly. And where attention is a small part of a step, as in the table of section 3, a rounded cache wins memory and hardly any time.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Down to 2 bits
#
# With 2 bits we use three levels: −1, 0 and 1 times the scale, which is the largest number of a token and head. (We leave the fourth level unused, so that the levels lie symmetrically around 0.) We round the keys alone, and then the values alone.
#
# **Predict.** What raises the perplexity more, and why: **A** rounding the keys, **B** rounding the values, **C** both about the same?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote; show. The keys cost many times more. "So keys are harder to round than values." Let that stand for a moment. "What else has this experiment fixed?" Collect; the next slides change it.


# %% slideshow={"slide_type": "skip"}
def rise(tensor, **how):
    """By how much the perplexity rises, in per cent, when "keys" or "values" are rounded to 2 bits."""
    rounded = show.rounded_perplexity(model, unseen, tensor, **how)
    return 100 * (rounded / by_cache["fp32"] - 1)


rises = {tensor: rise(tensor) for tensor in ("keys", "values")}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise of the perplexity for keys and for values.
show.rises_table(rises)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Rounding the keys costs many times more than rounding the values (A), and one is tempted to conclude that keys are harder to round. But the experiment does not say so yet, because it has fixed how both are rounded.**
#
# <!-- page -->
#
# Before you write this into a report, list what else the experiment has fixed: which numbers share a scale, how large the scale is, where the levels lie, how many they are, and that the keys were rounded after RoPE. Each of these may suit the values better than the keys. We begin with the first.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Which numbers share a scale?
#
# A column, one feature of all tokens, is called a **channel**. In the three made-up keys below, one channel is large for every token.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Rows are tokens, columns are features; a column is a *channel*. First frame: round with a scale for each token: everything but the 8 becomes 0. Second frame: with a scale for each channel nothing is lost. "Both are made up. Which one are our keys like?"

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws three made-up keys, with a scale for each token, and with a scale for each channel.
show.two_ways_to_share()

# %% [markdown] slideshow={"slide_type": "skip"}
# In the rounding of the table above, all numbers of *one token* share a scale, as in the first frame of the figure. That scale is 8: the large feature becomes 1 · 8, and all others are nearer to 0 than to 8, so they become 0. If instead all numbers of one *channel* share a scale, the large feature no longer spoils the small ones.
#
# So there are two explanations: the keys are harder to round, or one scale for all numbers of a token does not suit them. Exercise 1 lets you tell them apart.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · The keys or the scales?
# ★★ · 12 minutes · an investigation
#
# You get an instrument: `rise("keys", channels=0, piece=2)` rounds `"keys"` or `"values"` of a model to 2 bits, with a scale for each token (`channels=0`) or for each channel (`channels=1`), and returns the rise of the perplexity on one piece of text, in per cent. Pieces differ.
#
# `keys_or_scales(rise)` → `"scales"` if keys cost more than twice as much with a scale for each token as with a scale for each channel; `"keys"` if keys, with the better of the two kinds of scale, cost more than twice as much as values with theirs; `"both"` if both hold, and `"neither"` if neither does
#
# <details><summary>Hint</summary>
# Two things can be chosen, with two possibilities each. How many runs does that make, if only one thing may differ between two of them?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several models. All comparisons are of means over pieces of text. It looks at how you make your experiment (keys and values with both kinds of scales, on the same pieces, at least three), and then at what you conclude. The conclusions hold for the rounding of the instrument.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* In pairs, without a laptop: draw the table of two by two, and write into it four patterns that lead to the four conclusions. With values at 10 | 10 (token | channel), keys at 90 | 15 say scales; 90 | 80 keys; 300 | 80 both; 15 | 12 neither.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def keys_or_scales(rise):
    """Say what makes the rounding expensive: "keys", "scales", "both" or "neither".

    Args:
        rise: the instrument; `rise("keys", channels=1, piece=2)` gives the
            rise of the perplexity in per cent.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.keys_or_scales(keys_or_scales)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def keys_or_scales_solution(rise):
    cost = {}
    for tensor in ("keys", "values"):
        for channels in (0, 1):
            cost[tensor, channels] = sum(rise(tensor, channels=channels, piece=piece) for piece in range(8)) / 8
    scales = cost["keys", 0] > 2 * cost["keys", 1]
    keys = min(cost["keys", 0], cost["keys", 1]) > 2 * min(cost["values", 0], cost["values", 1])
    if scales:
        return "both" if keys else "scales"
    return "keys" if keys else "neither"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What the experiment says of our model
#
# Two tensors, two ways to share a scale: the four runs of Exercise 1, with our model.
#
# **Predict.** What does a scale for each channel do to the cost of the keys, and why: **A** nothing, or it rises, **B** it falls by less than a half, **C** it falls by more?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote, then the table. Let somebody conclude by the rule of the exercise: "both". "Was each arm at its best?" Lesson 3.1: what sets the scale?

# %% slideshow={"slide_type": "skip"}
costs = {}
for tensor in ("values", "keys"):
    costs[tensor, 0] = rises[tensor]  # a scale for each token: measured above
    costs[tensor, 1] = rise(tensor, channels=1)

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise of the perplexity in each of the four cases.
show.rises_table({f"{tensor}, a scale for each {show.SHARED[channels]}": v for (tensor, channels), v in costs.items()})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With three levels up to the largest number, a scale for each channel makes the cost of the keys fall by more than a half (C), probably because some channels of the keys are larger than the others.** By the rule of the exercise our model is a case of "both". But neither way to share is at its best yet.
#
# <!-- page -->
#
# In the run on this page, with a scale for each token, the keys cost 22 times as much as the values; with a scale for each channel the keys' own cost falls to less than a third. The scale was always the *largest* number that shares it, and [[integers]] showed what that does: one large weight makes the step of all others coarse.
#
# **Where we stand.** *Which numbers share a scale*: seems to explain a factor of three. *The size of the scale, the levels, RoPE*: not looked at yet.

# %% [markdown] slideshow={"slide_type": "skip"}
# By hand: the numbers 2, 0.9, −0.8 and 0.7 share a scale. With the largest number as the scale they become 2, 0, 0 and 0, and the squares of the errors add up to 0 + 0.81 + 0.64 + 0.49 = 1.94. With *half* of it, 1, the number 2 is clipped to 1, and the others become 1, −1 and 1; the squares add up to 1 + 0.01 + 0.04 + 0.09 = 1.14. So clipping the largest number can be the better choice with few levels, and how much it helps depends on the numbers.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Is each of the two at its best?
#
# A smaller scale: 0.7 times the largest number, or 0.5 times. What is larger is clipped.
#
# **Predict.** Each way to share now takes the best of its three scales. By how much is a scale for each channel still cheaper for the keys, and why: **A** by as much as before, **B** by half as much, **C** by hardly anything?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote, then read the table row by row, and let them mark the best of each row: about 55 and 58. "What is left of our conclusion?" Keys are still ten times as dear as values, but the way to share explains hardly anything any more.

# %% slideshow={"slide_type": "skip"}
SCALES = (1, 0.7, 0.5)  # in parts of the largest number that shares the scale
by_scale = {
    case: [cost, *(rise(case[0], channels=case[1], scale=s) for s in SCALES[1:])] for case, cost in costs.items()
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise of the perplexity with each scale, for both tensors and both ways to share.
show.scales_table(by_scale, SCALES)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **At their best scales the two ways to share cost the keys about the same (C), probably because clipping helps most where one large number had made the levels of a whole token coarse.**
#
# <!-- page -->
#
# In the run on this page the best of three is 55 % with a scale for each token and 58 % with one for each channel. (On the next 12 pieces of text a trial gave 59 and 66.)
#
# **Where we stand.** *Which numbers share a scale*: not the cause, once each way has its best scale. (By the rule of the exercise "both" was right for the largest number as the scale. With the best scales the same rule says "keys".) *The size of the scale*: with the best one for each way, that factor of three is gone. *The levels, RoPE*: not looked at yet. Keys still cost about ten times as much as values.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### One change at a time
#
# Each line changes one thing more: smaller groups that share a scale, other places for the levels, a fourth level, and the keys rounded *before* RoPE turns them. Each number is the best of the three scales.
#
# **Predict.** How much do keys cost in the last line, compared with values, and why: **A** about ten times as much, **B** about three times, **C** less than twice?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Vote, then the last column from top to bottom: 10.4 to 1.1. "Which single line helps the keys most?" The place of the levels, the fourth level and RoPE, by factors of 1.9, 2.6 and 3.3. Why RoPE does so is on the page.

# %% slideshow={"slide_type": "skip"}
best = {"a scale for each token": [min(by_scale[t, 0]) for t in ("keys", "values")]}  # both from the table above
best["for each channel"] = [min(by_scale[t, 1]) for t in ("keys", "values")]
groups = {"channels": 1, "group": 32}  # 32 characters share a scale, not the whole piece
between = groups | {"between": True}  # levels from the smallest number to the largest, not around 0
four = between | {"levels": 4}
chain = {"in groups of 32 characters": groups}
chain |= {"levels from smallest to largest": between, "four levels, not three": four}
for name, how in chain.items():
    best[name] = [min(rise(t, scale=s, **how) for s in SCALES) for t in ("keys", "values")]
before_rope = min(rise("keys", scale=s, before=True, **four) for s in SCALES)
best["keys before RoPE"] = [before_rope, best["four levels, not three"][1]]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the best rise for keys and for values, line by line.
show.chain_table(best)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the last line the keys cost less than twice as much as the values (C), because the last four changes help the keys more than the values.**
#
# <!-- page -->
#
# In the run on this page both cost about 2 %, where the table of *Down to 2 bits* said 276 and 12. (That flatters the keys. With six scales in place of three, a trial brought the values to 1.5 to 1.9 % and the keys to 2.2 to 2.7, on three sets of 12 pieces, so keys still cost a third to a half more.) So what looked like a property of keys was mostly a property of the rounding: the size of the scale, how many numbers share it, the place of the levels, their count, and RoPE. None of them is the whole cause. What remains true is narrower: under a coarse rounding the keys of our model suffer more than its values, above all after RoPE. (This is one model and one order of the changes. In a trial with ten scales in place of three the order of the lines stayed the same.)
#
# How to read the lines: a channel has 512 numbers in each piece of text, a group has 32, as many as share a scale for each token. Where the levels reach from the smallest number to the largest, a scale of 0.7 spreads them over 0.7 of that range, around its middle. RoPE does not turn the values, so their last number is that of the line before.
#
# In smaller groups the largest number is usually smaller, and so are the steps. A fourth level makes them a third narrower.
#
# Why do the levels from the smallest to the largest number help? Say that a channel holds 7, 8 and 9. Three levels around 0 are −9, 0 and 9, and all three numbers become 9. Three levels from the smallest to the largest are 7, 8 and 9, and nothing is lost. This is an asymmetric map ([[integers]]), and its levels need not include 0. It pays where the numbers of a channel do not lie around 0, and costs a second stored number for each group. In a trial our keys had such channels: in groups of 32 they lay off 0 by a half to three quarters of their spread, those of the values by a fifth.
#
# Why does RoPE matter? Think of a feature of the keys that is large for every token: in the picture of [[attention]], a hand that always points to the right, (8, 0). A scale for its channel is large, and that of its neighbour is small. RoPE turns this hand by another angle for each token: (8, 0), then (4.3, 6.7), (−3.3, 7.3), and so on. Now both channels contain large numbers, and small ones. Before RoPE the large feature stays in its channel. (This is the explanation of [Hooper et al., 2024](https://arxiv.org/abs/2401.18079), who round the keys of large models before RoPE for this reason; the line itself says only that it is so.) The price: whoever stores the keys before RoPE must turn all of them at every step.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Deeper
#
# ### Fewer heads for the cache
#
# **Grouped-query attention**: several heads of queries share one head of keys and values ([Ainslie et al., 2023](https://arxiv.org/abs/2305.13245)). The cache shrinks with the heads that it holds.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws four heads of queries with four, two and one head of keys and values.
show.shared_heads(token_bytes)

# %% [markdown] slideshow={"slide_type": "skip"}
# Why can heads share keys and values? Each head of queries still asks a question of its own and makes its own shares; the heads of a group only look at the same entries. By hand for our model: in five blocks four heads leave a key and a value of 32 numbers each, 5 · 4 · 2 · 32 · 4 = 5,120 bytes for each character, and two heads leave half of it. The queries are not in the cache, so their heads do not count. The price is that a token has only one key and one value to offer to all the heads of a group.
#
# Llama-3.1-8B has 32 heads of queries, and 8 heads of keys and values with 128 numbers each in its 32 blocks ([Grattafiori et al., 2024](https://arxiv.org/abs/2407.21783), table 3). With 16 bits a number, a token takes 2 · 32 · 8 · 128 · 2 bytes = 131 kB, a quarter of what LLaMA-7B takes in section 4. A text of 131,072 tokens has 17 GB, more than the 16 GB of the weights.
#
# A trained model is converted by the *mean* of the heads of a group, and trained a little. Nothing in the training made the keys of two heads alike. Is the mean of two of their keys a useful key at all? The next cell converts our model to two heads and trains it for 30 steps (nominal learning rate 0.002; the schedule rises over 40 steps and falls over the last three fifths of the training, so with 30 steps it gets no further than about half of that). (One head was tried as well: its perplexity was 55 at once, and 14 after 30 steps.) Four heads are the **control**: what do 30 steps do to a model that was not cut? (The *nats* in the caption are the unit of a loss that is computed with natural logarithms.)

# %% slideshow={"slide_type": "skip"}
sharing = {n_kv: show.grouped(model, n_kv) for n_kv in (4, 2)}
at_start = {n_kv: language.perplexity(network, unseen, pieces=show.PIECES) for n_kv, network in sharing.items()}
for network in sharing.values():
    language.fit(network, ids, steps=30, lr=2e-3, seed=1, length=256)
after_steps = {n_kv: language.perplexity(network, unseen, pieces=show.PIECES) for n_kv, network in sharing.items()}
show.grouped_table(at_start, after_steps, token_bytes)

# %% [markdown] slideshow={"slide_type": "skip"}
# Without further training, averaging two heads makes the perplexity several times as high. (In a trial the keys alone came to 11 and the values alone to 7: neither mean is a good one.) Thirty steps win a large part of that back. The control gets a little worse by the same steps, so the steps themselves do some harm, but far less than what is left. Nor is all of what is left the price of sharing, because more training wins more back: in a trial with 120 steps, which reach the full rate, two heads came to 4.7 and the control to 4.0. With half of this learning rate 65 % of the lost nats were won back, and not 75 %. Ainslie et al. train the converted model for a twentieth of the first training, and our 30 steps read less than a hundredth of the text of the first training. For a model that already exists, try int8 first: it needs no training. Whoever trains a model anew can choose fewer heads from the start (not tried here), and round them as well.
#
# The models as rows of the course's record, with the share of characters that are their first choice. The rows of [[weight_only]] and [[adapters]] hold the same float model with other shares, because each lesson counts on other pieces of the unseen modules: here on the first ones, in [[weight_only]] on every seventeenth. So compare rows of one lesson only:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes a row of the record for each model.
techniques = {"fp32, 4 heads of K and V": model}
techniques |= {f"heads of K and V: {n_kv}, 30 steps": network for n_kv, network in sharing.items()}
show.record_rows(techniques, unseen)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · The bytes of a cache
# ★ · 5 minutes
#
# Write `cache_bytes`: the bytes of a KV cache that has room for `prompt` tokens and `new` more, for each of `batch` texts. In each of `n_layers` layers Q has `n_heads` heads, K and V have `n_kv_heads` each; every head has `head_size` numbers of `bits` bits (4, 8, 16 or 32). Scales are not counted. All counts are whole numbers of at least 1; `prompt` and `new` may be 0.
#
# `cache_bytes(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits)` → a whole number
#
# <details><summary>Hint</summary>
# How many numbers does one token of one text leave in one layer? Which of the heads does the cache never hold?
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def cache_bytes(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    """Bytes of the keys and values of `batch` texts of prompt + new tokens.

    >>> cache_bytes(5, 4, 4, 32, 0, 0, 1, 32)  # no token yet
    0
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.cache_bytes(cache_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def cache_bytes_solution(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    numbers = 2 * n_layers * n_kv_heads * head_size * (prompt + new) * batch
    return numbers * bits // 8


# %% [markdown] slideshow={"slide_type": "skip"}
# ### A draft, checked in one pass
#
# A pass over a few tokens costs less than as many passes over one: in a large model because the weights are read once, in ours because the calls are made once. So let something cheap **draft** the next tokens, and let the model check all of them in *one* pass: **speculative decoding** ([Leviathan et al., 2023](https://arxiv.org/abs/2211.17192), with a small model as the draft). The model's own choice after each character of the draft is then known. The draft is kept as long as it is what the model would have written. At the first miss the model's own character is taken, and everything behind it is thrown away, because it was chosen after a wrong character.
#
# Our draft needs no model: it looks up where the last six characters stood before, and proposes what followed there.


# %% slideshow={"slide_type": "skip"}
def look_up(line, longest, match=6):
    """What followed the last `match` characters where they stood before."""
    at = line.rfind(line[-match:], 0, len(line) - 1)
    return line[at + match : at + match + longest] if at >= 0 else ""


def run():
    """A fresh cache, with two functions: the model's choices after each of some new characters, and to forget some."""
    cache = Cache(model)

    def forget(count):
        cache.steps -= count

    return lambda line: language.decode(step(model, language.encode(line)[None], cache)[0].argmax(-1)), forget


log = []
show.speculate(run, held_out[:128], 200, lambda line, longest: look_up(line, min(6, longest)), log)

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws one pass of the run above.
show.checked_draft(log)

# %% [markdown] slideshow={"slide_type": "skip"}
# How many characters does a pass give, and is the text the same, to the letter? Six beginnings of 128 characters, 80 more for each. Two controls: a draft that looks through all that the model has learned from, and one of random characters.

# %% slideshow={"slide_type": "skip"}
letters = torch.Generator().manual_seed(0)


def by_chance(line, longest):
    return language.decode(torch.randint(len(language.ALPHABET), (min(8, longest),), generator=letters))


drafts = {"none": lambda line, longest: ""}
drafts |= {"this text, up to 8": lambda line, longest: look_up(line, min(8, longest))}
drafts |= {"all it learned, up to 8": lambda line, longest: look_up(text + line, min(8, longest))}
drafts |= {"random, 8": by_chance}
beginnings = [held_out[start : start + 128] for start in range(0, 6 * 2400, 2400)]
outcomes = {name: [show.speculate(run, line, 80, drafted) for line in beginnings] for name, drafted in drafts.items()}

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Times a pass over nine characters, and writes what each draft has given.
passes = timing.compare({new: last(model, 400, new) for new in (1, 9)}, rounds=7, device="cpu")
drafted, a_pass, same_text = show.drafts_table(outcomes, passes.median_ms(9) / passes.median_ms(1), 80)
drafted

# %% [markdown] slideshow={"slide_type": "skip"}
# Each draft gives the same text, even the random one: a bad draft costs time, not quality. (A pass over several characters is rounded differently from a pass over one, so if two characters are equally likely up to the last digit, another one may win.) In the run on this page the draft that looks back gives 1.7 characters a pass, the draft that searches all the training text gives more than three, and a pass over nine characters takes 1.51 times as long as a pass over one. Is that a gain? It is, because 1.71 characters at 1.51 times the price make 1.71 / 1.51 = 1.1 characters for the price of one. The random draft makes 1.01 / 1.51 = 0.7, a loss. (Drafting takes time, too.) So a draft must be right often enough.
#
# How often is that, and how long should a draft be? By hand: say that each character of a draft is right in 8 of 10 cases, as long as all before it were. A draft of one gives 1 + 0.8 = 1.8 characters a pass on average, because the model's own character always comes on top. A draft of two gives 1 + 0.8 + 0.64 = 2.44, since the second counts only if both are right, and one of eight gives 4.3. Say also that each character of the draft makes the pass a tenth longer, so that a draft of eight costs 1.8 passes. Then a draft of one, two or eight gives 1.8 / 1.1 = 1.6, 2.44 / 1.2 = 2.0 or 4.3 / 1.8 = 2.4 characters for the price of one. If only 3 of 10 are right, it gives 1.3 / 1.1 = 1.2, 1.39 / 1.2 = 1.2 or 1.43 / 1.8 = 0.8. So a poor draft should be short: the characters behind a likely miss are paid for and thrown away.
#
# Further tokens must be cheap as well: with many texts at once, where arithmetic is the limit (section 4), nine tokens cost nearly nine times as much. The time of a whole text was not measured. Greedy text probably repeats itself more than sampled text, which would suit a draft that looks back; that was not measured either.
#
# ### Where is the model surer?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the four likeliest next characters after two beginnings of lines.
one_in = show.likeliest(model, {"for i in ra": "n", "import ": "s"})

# %% [markdown] slideshow={"slide_type": "skip"}
# After `for i in ra` the model gives `n` two thirds; after `import ` it hesitates among many, and its first choice gets 0.15. The perplexity of a text is the geometric mean of $1/p$ over its characters.
#
# ### Two bits elsewhere
#
# KIVI ([Liu et al., 2024](https://arxiv.org/abs/2402.02750)) rounds the cache of large models to 2 bits, after RoPE and with four levels from the smallest number to the largest: keys with a scale for each channel, in groups of tokens, and values with a scale for each token. With groups of 32 the two kinds of scale cost our values about the same, so our small model says nothing for or against the second choice. That RoPE mixes large channels with small ones fits our model. In a trial we compared the largest number of a head's keys with that of a typical channel of the same head: before RoPE it was 2.2 to 3.9 times as large, and after RoPE 1.7 to 2.8 times (means over a block; from the lowest to the highest of the five blocks). A scale for a channel has a price as well: whoever writes token by token does not know the largest number of a group before the group is full.
#
# ### What was left out
#
# - **Serving many users.** The texts of a batch end at different times; an engine lets the next one in (*continuous batching*, after Yu et al., 2022, [Orca](https://www.usenix.org/conference/osdi22/presentation/yu)), and keeps caches in pages, so that less room is reserved for text that never comes (*paged attention*, Kwon et al., 2023, [arXiv:2309.06180](https://arxiv.org/abs/2309.06180)).
# - **Attention that writes less.** *FlashAttention* computes the same attention without writing the table of all pairs to memory (Dao et al., 2022, [arXiv:2205.14135](https://arxiv.org/abs/2205.14135)).
# - **A draft model, and sampling.** With a rule for what to keep, the *distribution* of the text stays the same (Leviathan et al., section 2.3).
#
# None of the three changes the probabilities that the model gives, up to rounding. int8 and fewer heads change the numbers. Before you ask what a method costs in quality, ask whether it changes a number at all.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · What is kept of a draft
# ★★ · 8 minutes
#
# Write `verified`: `draft` is a text of 0 or more characters; `own` is one character longer: `own[i]` is the model's own choice when the text so far is followed by the first `i` characters of the draft. Greedy decoding must give the same text as without a draft.
#
# `verified(draft, own)` → a pair: how many characters of the draft are accepted, and the text that comes out of this pass
#
# <details><summary>Hint</summary>
# The model's choice at place i is worth something only if all the draft before place i was right. And a pass gives at least one character.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def verified(draft, own):
    """How many characters of the draft are accepted, and what comes out.

    >>> verified("", "a")
    (0, 'a')
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.verified(verified)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def verified_solution(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good]:
        good += 1
    return good, own[: good + 1]


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("decoding")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - The causal mask leaves the keys and values of old tokens as they are. A KV cache keeps them, and the logits stay the same.
# - In a cached step of a large model for a single, not very long text, reading the weights is the largest part. A batch of texts shares the weights; each text has its own cache.
# - int8 makes a cache of fp32 3.6 times smaller (one of 16 bits, as large models have, at most 2 times) and hardly changes the perplexity of our model.
# - With 2 bits the scale, how many numbers share it, the place and number of the levels, and RoPE all matter. Before you blame the keys, bring each way to round to its best, one change at a time.
#
# **Going further**
#
# - J. Ainslie et al., *GQA*, 2023, [arXiv:2305.13245](https://arxiv.org/abs/2305.13245)
# - C. Hooper et al., *KVQuant*, 2024, [arXiv:2401.18079](https://arxiv.org/abs/2401.18079) (keys before RoPE)
# - Y. Leviathan, M. Kalman, Y. Matias, *Fast inference from transformers via speculative decoding*, 2023, [arXiv:2211.17192](https://arxiv.org/abs/2211.17192)
# - Z. Liu et al., *KIVI*, 2024, [arXiv:2402.02750](https://arxiv.org/abs/2402.02750) (2 bits for the cache)
# - R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102)
#
# **Project ideas**: let a smaller model draft, and keep the distribution when the text is sampled; write a cache whose keys have a scale for each channel of 32 tokens; cache a prompt that many texts share, once.
#
# **Credits**: a draft by looking up the text so far after A. Saxena, *Prompt lookup decoding*, 2023. All code written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each: what is shared by a batch, what is not? The weights are, the cache is not. And: which control did our first conclusion lack? The scale of each arm at its best. Transition: "Next: the weights themselves, in fewer bits."
