# ---
# jupyter:
#   course:
#     promise: You will be able to say what a language model computes and reads for each token that it writes, and make it less.
#     seconds: 45
#     needs: [measuring, roofline, integers, attention]
#     goals:
#       - Say what a step of decoding computes twice, and write the KV cache that avoids it.
#       - Find out where the time of a cached step goes.
#       - Count what a step reads, and say what a batch of texts shares and what it does not.
#       - Round a cache to fewer bits, and find out which numbers suffer from it and why.
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
# [[attention]] built a language model from its parts. A text is cut into **tokens**, the pieces that the model takes and gives; ours are single characters. The *embedding* turns each token into a vector. A stack of Transformer blocks, five in ours, lets each token look at those before it and works on each. A last linear layer gives the **logits**: a score for every character that may come next. The model of this lesson is the one that came with that lesson. It has 1,009,024 weights, and it learned the source code of Python's own library.
#
# Such a model *reads* a whole text in one pass, and its logits at the last place say what comes next. To *write*, one takes the likeliest character, puts it at the end of the text, and runs the model again. This is called **decoding**, and taking the likeliest one each time is *greedy* decoding. The **context**, the most characters that our model takes at once, is 512.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. Reading and writing
#
# A language model takes a text and says what comes next. Ours knows the source code of Python's own library, and its **tokens** are single characters.
#
# It *reads* 256 characters in one pass. To *write*, it runs on the text so far, the likeliest character is put at the end, and it runs again: **greedy decoding**.
#
# **Predict.** It writes 224 characters after a beginning of 32. How many times as long does that take as to read all 256 once, and why: **A** about as long, **B** 20 times, **C** more than 50 times?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Vote; ask one of each letter why. The answer is C. Then ask: "Which work is done twice?" Let somebody say it: the beginning goes through the network again and again. Say: "One character more means one pass more,
# over everything so far."


# %% slideshow={"slide_type": "fragment"} tags=["lecture"]
@torch.no_grad()
def write(ids, count):
    """Add the likeliest, `count` times."""
    for _ in range(count):
        best_next = model(ids)[:, -1:].argmax(-1)
        ids = torch.cat([ids, best_next], dim=1)
    return ids


opening = unseen[None, :32]
with timing.Timer(device="cpu") as writing:
    page = write(opening, 224)

# %% slideshow={"slide_type": "-"} tags=["hide-input", "lecture"]
# Times one pass over the whole text, and puts both beside each other.
with torch.no_grad():
    reading = timing.compare({"read": lambda: model(page)}, rounds=5, device="cpu")
slower = 1e3 * writing.seconds / reading.median_ms("read")
show.writing_table(page, opening, slower)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **Writing takes more than 50 times as long as reading (C), because each new character is a pass of its own over the whole text so far.**
#
# <!-- page -->
#
# Count the characters that go through the network. To read, 256. To write, 32 for the first new character, 33 for the second, and so on up to 255 for the last: together 32,144, or 126 times as many. The time can be even longer than that, because many short passes cost more for each character than a long one.
#
# Nearly all of this work has been done before. When the 100th character is written, the model computes what it thinks of the first 99, as it did a moment ago for the 99th. Section 2 asks which of these numbers are really the same.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. What stays the same
#
# In each block a token has a **query**, a **key** and a **value**. The text `sel` gets a fourth character, `f`.
#
# **Predict.** Do the keys of `s`, `e` and `l` change: in the first block, in the last? And if each place could also see what comes after it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for each of the questions. With the causal mask nothing changes, in any block. Without it the first block still keeps its keys, all later ones change. "So what makes a cache possible?" The mask.

# %% slideshow={"slide_type": "skip"}
changed = {}
for causal in (True, False):
    before = show.keys_of_blocks(model, "sel", causal)  # one tensor a block: (1, heads, tokens, features)
    after = show.keys_of_blocks(model, "self", causal)
    gaps = [(b - a[:, :, :3]).abs().max() / b.abs().max() for b, a in zip(before, after, strict=True)]
    changed[causal] = [gap.item() for gap in gaps]

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes by how much the three keys change in each block, with the causal mask and without.
show.changed_table(changed)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With the causal mask no key changes, in no block. If every place could see all others, the keys would stay the same in the first block only.**
#
# <!-- page -->
#
# (Changes of about one millionth are rounding: the same sum, added up in another order.) The reason goes from block to block. In the first block the key of `s` is computed from the embedding of `s`, and from nothing else. The causal mask lets `s` look at itself alone, `e` at `s` and `e`, and `l` at all three. None of them looks at `f`, so the first block returns the same three vectors as before. They are what the second block starts from, so its keys are the same as well, and so on. Values and queries are the same for the same reason.
#
# Without the mask `s` would look at `f`. Its vector behind the first block would change, and with it its key in the second.

# %% [markdown] slideshow={"slide_type": "skip"}
# So when a character is added, only three things are new in each block: its query, its key and its value. The query asks all keys so far; the answer is a mean of all values so far. Of the old characters attention needs the keys and the values, and it needs them unchanged. It does not need their queries: nobody asks again with an old query.
#
# The remedy follows: keep the keys and values of all characters, in every block, and compute those of the new one alone. This is the **KV cache**.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Rows to compute
#
# **Predict.** The word `self` is written letter by letter. How many rows of keys does one block compute in all: without a KV cache, and with one?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let them count before the frames: 10 and 4. Click through. "And for 256 letters?" 32,896 against 256.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws the keys of the four letters, step by step.
show.keys_of_a_word(model)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Without a cache a block computes 1 + 2 + 3 + 4 = 10 rows, with one it computes 4.** For $n$ letters it is $n (n + 1) / 2$ against $n$.

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
# Attention with a cache differs from that of [[attention]] in three places. The keys and values come from the cache. The mask has a row for each *new* token only, and a column for every token so far. And there is RoPE, *rotary position embedding*, which turns each query and key by an angle that grows with its step. A new token stands behind those in the cache, so its angle must begin at `cache.steps`, and not at 0. (The keys are stored after they were turned: a key keeps its step, so its angle never changes.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Attention with a cache
#
# `language.rotate` is RoPE: it turns queries and keys by their steps. New tokens begin behind those in the cache.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Read the function aloud, line by line. Ask: "`rotate(q)` without its second argument, or no mask at all: which would you find late?" No mask. With one new token a row of ones is right, so it shows only when several come at once; a wrong angle spoils the second token already. Say: "So test with one, with several, and with the whole context."


# %% slideshow={"slide_type": "-"}
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
# A cache is an optimization, so it must give the same logits as before. The test goes over the whole context three times, character by character, in pieces of 100, and at once (with one character alone a missing mask would not show), and compares with a single pass over all 512.

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
# The logits agree up to rounding. So the cache changes nothing of what is computed, only when.
#
# In practice the beginning, the *prompt*, goes through in one step: all its keys and values enter the cache at once. This is called **prefill**, and what follows, token by token, are the decode steps. Prefill reads the weights once for many tokens, a decode step reads them for one. Section 4 shows what that means.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. Where does the time go?
#
# The text has 479 characters, the 480th comes. Without a cache all 480 go through the network, with one a single character does.
#
# **Predict.** How many times as fast is the step with a cache: **A** 2 times, **B** between 4 and 100 times, **C** nearly 480 times? What might hold it back?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. The answer is B where this was written. Ask who voted C: "What does a step cost that does not grow with its characters?" Collect guesses on the board for the next table: reading weights, attention, the calls of Python.


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
# **With a cache the step is several times as fast, but far from 480 times (B).** Something in a cached step does not shrink with the number of characters.
#
# <!-- page -->
#
# Without a cache the curve grows with the text, because all characters are computed again. With one it hardly grows. But it does not start near zero: 1 character takes much more than 1/480 of the time of 480. What is it spent on?

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### A cached step, taken apart
#
# Three suspects: the **products** with all weights; **attention** to 479 characters; the **calls**, what Python and PyTorch do for each operation, however small its tensors are.
#
# **Predict.** Which takes most of the step in our model of 4 MB? And in one of 200 MB?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for each model. Then the table, first column: the calls. Second: the products, and more than half of their time is what reading the weights takes. "So which of the two is a model of today like?"

# %% slideshow={"slide_type": "skip"}
wide = language.CharTransformer(width=1024, n_layers=4, n_heads=16)  # not trained: only its size counts here
tiny = language.CharTransformer(width=8, n_layers=5, n_heads=4)  # as many operations, hardly a number in them
models = {"ours": model, "wide": wide}
jobs = {(name, "step"): last(network, 480) for name, network in models.items()}
jobs |= {(name, "attention"): show.attention_alone(network, 480) for name, network in models.items()}
jobs |= {(name, "products"): show.products(network) for name, network in models.items()}
layers = torch.randn(8, 4096, 4096)  # 0.5 GB, for the speed of the memory, and for section 4
jobs |= {"calls": last(tiny, 1)} | show.limits(layers)
parts = timing.compare(jobs, rounds=3, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the share of each part in a cached step.
show.parts_table(parts, layers, models)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In our small model the calls take most of the step, in the wide one the products with the weights do, and more than half of that is the time that it takes to read the weights.**
#
# <!-- page -->
#
# *The calls* are measured with a third model. It has as many blocks as ours, but only 8 features, so it makes the same operations on tensors of a few numbers each. Nearly all the time it needs is spent around the arithmetic, in Python and in PyTorch. In our model this is the largest part, and a smaller cache does not make it smaller. Fewer calls do: a compiler, a program without Python, or simply code that works out the angles of RoPE once and not twice in every block (in a trial that took a third to a half off the step).
#
# *The products* are timed alone: a vector times each weight matrix. In the wide model they are most of the step. Compare the row with the two limits below. In the run on this page, to read each weight once takes more than half of the time of the products; the arithmetic at its peak would need a tenth of it. So a decode step of a large model *waits for its weights*, as a layer with one input did in [[roofline]]: each weight is read, used for one multiplication and one addition, and is not needed again until the next token.
#
# *Attention* is timed alone, too: one query a head against 480 keys, and the mean of as many values, in each block. It grows with the text, and it is small here.
#
# (The rows were measured one by one. They need not add up to 1: the calls of the products and of attention are in the third row, too, and norms, GELU, RoPE and the copies into the cache are in none at their full size.)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. What a step reads, and for whom
#
# One step needs a row of the embedding, *all* weights of all blocks, and the keys and values of the text so far.
#
# **Predict.** Which of the three is the largest in our model, at 480 characters? And the KV cache in parts of the weights: **A** a hundredth, **B** a tenth, **C** more than a half?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Work it out on the board before the frames: 12 · 128² weights a block, 2 · 128 numbers a character and block. Then click through.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Draws what one step must read, with wires as thick as their bytes.
show.reads(model)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The weights are the largest, and at 480 characters the KV cache has already more than half of their bytes (C).**
#
# <!-- page -->
#
# By hand, for one block. Its weights: queries, keys, values and the output layer have 128 · 128 numbers each, and the two layers of the feed-forward part 4 · 128 · 128 each. That is 12 · 128² = 196,608 numbers of 4 bytes, 786 KB. Its part of the cache: a key and a value of 128 numbers each for every character, 2 · 128 · 4 = 1,024 bytes; at 480 characters 492 KB.
#
# For the whole model that is 5 · 1,024 = **5,120 bytes for each character**. The weights take 4 MB, so at 790 characters the cache would have outgrown them, if our model could take so many. In a large model one text weighs less, and many weigh as much. LLaMA-7B has 32 blocks of 4,096 features ([Touvron et al., 2023](https://arxiv.org/abs/2302.13971), table 2): with 16 bits a number, a token takes 2 · 32 · 4,096 · 2 bytes = 524 KB, and a text of 2,048 tokens 1.07 GB, beside 13.5 GB of weights: thirteen such texts have as many bytes as the weights.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Many texts at once
#
# A step for a **batch** of texts reads the weights once and uses them for all. Take a layer of 4,096 by 4,096, 67 MB, eight of them in turn.
#
# **Predict.** 64 texts at once. How much time does *one* token take, over a token of a single text: **A** the same, **B** a half, **C** less than a fifth?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote, show, and take the letter that the label at 64 says; where this was written it was C. "With one text the point lies less than a factor of two above the line of the bytes; with more it falls, but less steeply." Ask what a server gains from many users.

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
# **With 64 texts a token takes less than a fifth of the time (C), in the run on this page.** All of them share one reading of the weights, and a product with many vectors uses the processor better than one with a single vector, even where nothing has to come from memory.
#
# <!-- page -->
#
# If reading were all, a token of 64 texts would take 1/64 of the time, the dashed line. It takes more, since each text still needs its own arithmetic, the dotted line, and the layer reaches neither of the two bounds.
#
# That is why a server lets many users write at once. But look at what they share of all that is read: the weights. (They share the calls of Python and PyTorch as well, which in our small model is the larger gain.) Each text has keys and values of its own. So the cache grows with the number of texts:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the bytes of the weights and of the cache for texts of several lengths, one and several at once.
weight_bytes = sum(weight.nbytes for weight in model.parameters())
token_bytes = Cache(model).stored[..., 0, :].nbytes
show.bytes_of_cases(weight_bytes, token_bytes)

# %% [markdown] slideshow={"slide_type": "skip"}
# With 16 texts of 512 characters the cache has ten times the bytes of the weights, and a step reads all of it. A larger batch makes the weights cheaper for each token, and not the cache. So with many or long texts the cache can become what limits a server ([Kwon et al., 2023](https://arxiv.org/abs/2309.06180)), and the next section makes it smaller.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Fewer bits for the cache
#
# Keys and values as integers, with a **scale** for each token and head: $s = \max|x| / 127$. All later tokens read the rounded ones.
#
# **Perplexity** is $e$ to the mean loss: among how many equally likely characters the model hesitates.
#
# **Predict.** By how much does the perplexity rise in int8: **A** less than 1 %, **B** 5 %, **C** 50 %? And how many times smaller is the file, scales included?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* First perplexity, with three characters on the board: probabilities 1/2, 1/4, 1/8, perplexity 4. Then vote. The answer is A, and 3.6 times. Ask where the missing 0.4 went.

# %% [markdown] slideshow={"slide_type": "skip"}
# To say what rounding costs we need a measure of how well a language model does. For each character of a text that it has never seen, the model gives the true next character a probability $p$, and the loss is $-\ln p$. Say that for three characters $p$ is 1/2, 1/4 and 1/8. The losses are 0.69, 1.39 and 2.08, their mean is 1.39, and $e^{1.39} = 4$. So on average the model hesitates as if it had to choose among 4 equally likely characters. This number is the **perplexity**. A model that knows nothing gives each of the 96 characters 1/96, and its perplexity is 96. Ours comes to less than 4.
#
# Rounding works as in [[integers]]. A head's key for one token is a row of 32 numbers. Say that the largest of them is 2.54. Then the scale is 2.54 / 127 = 0.02, and the number 0.513 becomes round(25.65) = 26, which is read as 0.52.


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
# **The rise is far below 1 % (A), and the file is about 3.6 times smaller: not 4 times, because each row of numbers has a scale of its own.**
#
# <!-- page -->
#
# In bytes: a row has 32 numbers. It takes 32 · 4 = 128 bytes in fp32, and 32 + 4 = 36 in int8; 128 / 36 = 3.56. (A large model has 128 numbers in a head, and a scale of 16 bits; then the scales hardly count.)
#
# One thing was not measured: the time. Our code writes the whole cache back to memory as floats at each step, so no gain is to be expected. A program that wins time reads the integers from memory and turns them into floats inside the processor, on the way into the product (KIVI, which the next part meets, does this), or multiplies with the integers directly.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Down to 2 bits
#
# We give 2 bits three values: −1, 0 or 1 times the scale. (The fourth is not used, so that 0 stays in the middle.) We round the keys alone, and then the values alone.
#
# **Predict.** Which rounding costs more: **A** that of the keys, **B** that of the values, **C** about the same?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; show. The keys cost many times more. "So keys are harder to round than values." Let that stand for a moment. "What else has this experiment fixed?" Wanted: the way in which the scales run. That is Exercise 1.

# %% slideshow={"slide_type": "skip"}
rounded = {
    "keys": show.rounded_perplexity(model, unseen, bits_k=2),
    "values": show.rounded_perplexity(model, unseen, bits_v=2),
}
rises = {name: 100 * (value / by_cache["fp32"] - 1) for name, value in rounded.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise of the perplexity for keys and for values.
show.rises_table(rises)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Rounding the keys costs many times more than rounding the values (A).** One is tempted to conclude that keys are harder to round.
#
# <!-- page -->
#
# Before you write this into a report, ask what else the experiment has fixed. Every row had one scale: the numbers of *one token* shared it. Suppose that one feature of the keys is large for every token, say 8, and the others are around 1. With one scale for a token, 8 becomes 1 · 8, and all the others are nearer to 0 than to 8 and become 0: nothing is left of them. If instead each *feature* has a scale of its own, shared by all tokens (a scale for a *channel*), the large feature no longer spoils the small ones.
#
# So there are two explanations: keys are harder to round, or this way of sharing scales does not suit them. Exercise 1 lets you find out.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · The keys or the scales?
# ★★ · 12 minutes · an investigation
#
# You get an instrument, `rise(tensor, channels, piece)`: it rounds `"keys"` or `"values"` of a model to 2 bits, with a scale for each token (`channels=0`) or for each channel (`channels=1`), and returns the rise of the perplexity on one piece of text, in per cent. Pieces differ.
#
# `keys_or_scales(rise)` → `"scales"` if keys with a scale a token cost more than twice what they cost with a scale a channel; `"keys"` if keys at their better scale cost more than twice what values cost at theirs; `"both"` or `"neither"`
#
# <details><summary>Hint</summary>
# Two things can be chosen, with two possibilities each. How many runs does that make, if only one thing may differ between two of them?
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# The check makes up several models. All comparisons are of means over pieces of text. It looks at how you make your experiment (keys and values with both kinds of scales, on the same pieces, at least three), and then at what you conclude.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: draw the table of two by two, and write into it the four patterns that would lead to the four conclusions.


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
# Two tensors, two ways to share a scale. A fifth row rounds the keys *before* RoPE turns them.
#
# **Predict.** What does a scale for each channel do to the cost of the keys: **A** nothing, **B** it falls to less than a half? And is the rest the same before RoPE?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The table. "Which sentence of ten minutes ago was too simple?" Keys are harder to round here, seven times; but a factor of three was the scale. Then the last row: turn a hand of a clock that always points to the right, and it points everywhere.

# %% slideshow={"slide_type": "skip"}
table = {
    "values, a scale a token": rounded["values"],
    "values, a scale a channel": show.rounded_perplexity(model, unseen, bits_v=2, along=-2),
    "keys, a scale a token": rounded["keys"],
    "keys, a scale a channel": show.rounded_perplexity(model, unseen, bits_k=2, along=-2),
    "keys before RoPE, a scale a channel": show.rounded_perplexity(model, unseen, bits_k=2, along=-2, before=True),
}
costs = {name: 100 * (value / by_cache["fp32"] - 1) for name, value in table.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the rise of the perplexity in each of the five cases.
show.rises_table(costs)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **A scale for each channel makes the cost of the keys fall to less than a half (B), and before RoPE it is smaller still. So a part of what looked like a property of keys was the way in which they shared a scale; the keys are another part.**
#
# <!-- page -->
#
# In the words of the exercise it is "both": in the run on this page the keys cost 22 times as much as the values with a scale a token. The scales explain a factor of about three of that, and at their better scale the keys still cost seven times as much. (With four levels in place of three, a scale and a smallest value, a trial gave 28 % for the keys with a scale a token and 32 % with one a channel: what helps depends on the levels, too.)
#
# Why does RoPE matter? Think of a feature of the keys that is large for every token: in the picture of [[attention]], a hand that always points to the right, (8, 0). A scale for its channel is large, and that of its neighbour is small. RoPE turns this hand by another angle for each token: (8, 0), then (4.3, 6.7), (−3.3, 7.3), and so on. Now both channels contain large numbers, and small ones. Before RoPE the large feature stays in its channel. (This is our explanation of the last row; the row itself says only that it is so.) The price: whoever stores the keys before RoPE must turn all of them at every step.
#
# KIVI ([Liu et al., 2024](https://arxiv.org/abs/2402.02750)) goes this way for large models, after RoPE and with four levels: keys with a scale for each channel, in groups of tokens, values with a scale for each token. Our experiment takes the scale of a channel over a whole piece of text, which a program that writes token by token does not know in advance. And 512 numbers share such a scale, where 32 share that of a token, so two things differ between our rows. In groups of 32 characters, with as many scales, a trial gave 37 % for the keys and 9 % for the values: there a scale a channel was the better one for both.

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
# A trained model is converted by the *mean* of the heads of a group, and trained a little. Our heads have learned apart from each other, so is the mean of two keys a key of anything? The next cell converts our model to two heads and trains it for 30 steps, with a learning rate of 0.002. (One head was tried as well: its perplexity was 55 at once, and 14 after 30 steps.) Four heads are the **control**: what do 30 steps do to a model that was not cut?

# %% slideshow={"slide_type": "skip"}
sharing = {n_kv: show.grouped(model, n_kv) for n_kv in (4, 2)}
at_start = {n_kv: language.perplexity(network, unseen, pieces=show.PIECES) for n_kv, network in sharing.items()}
for network in sharing.values():
    language.fit(network, ids, steps=30, lr=2e-3, seed=1, length=256)
after_steps = {n_kv: language.perplexity(network, unseen, pieces=show.PIECES) for n_kv, network in sharing.items()}
show.grouped_table(at_start, after_steps, token_bytes)

# %% [markdown] slideshow={"slide_type": "skip"}
# At once the mean of two heads costs several times the perplexity. (In a trial the keys alone came to 11 and the values alone to 7: neither mean is a good one.) Thirty steps win a large part of that back. The control gets a little worse by the same steps, so the steps themselves do some harm, but far less than what is left. And what is left is not all the price of sharing: in a trial with 120 steps two heads came to 4.7 and the control to 4.0. With half of this learning rate 65 % of the lost nats were won back, and not 75 %. Ainslie et al. give it a twentieth of the first training, ours reads less than a hundredth of its text. For a model that exists int8, which needs no training, comes first. Whoever trains a model anew can choose fewer heads from the start (not tried here), and round them as well.
#
# The models as rows of the course's record, with the share of characters that are their first choice:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes a row of the record for each model.
techniques = {"fp32, 4 heads of K and V": model}
techniques |= {f"heads of K and V: {n_kv}, 30 steps": network for n_kv, network in sharing.items()}
show.record_rows(techniques, unseen)

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
# Each draft gives the same text, even the random one: a bad draft costs time, not quality. (A pass over several characters rounds otherwise than one over a single one, so two characters that are equally likely to the last digit could change places.) The draft that looks back gives 1.7 characters a pass in the run on this page, that which looks through all that was learned more than three, and a pass over nine characters takes about half as long again as one over a single one. The time of a whole text was not measured. Greedy text probably repeats itself more than sampled text, which would suit a draft that looks back; that was not measured either.
#
# ### Where is the model surer?

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Draws the four likeliest next characters after two beginnings of lines.
one_in = show.likeliest(model, {"for i in ra": "n", "import ": "s"})

# %% [markdown] slideshow={"slide_type": "skip"}
# After `for i in ra` the model gives `n` two thirds; after `import ` it hesitates among many, and its first choice gets 0.15. The perplexity of a text is the geometric mean of $1/p$ over its characters.
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
# - A cached step of a large model for a single text waits mostly for its weights. A batch of texts shares the weights; each text has its own cache.
# - int8 makes the cache 3.6 times smaller and changes hardly anything. With fewer bits it matters which numbers share a scale.
#
# **Going further**: J. Ainslie et al., *GQA*, 2023, [arXiv:2305.13245](https://arxiv.org/abs/2305.13245); Y. Leviathan, M. Kalman, Y. Matias, *Fast inference from transformers via speculative decoding*, 2023, [arXiv:2211.17192](https://arxiv.org/abs/2211.17192); Z. Liu et al., *KIVI*, 2024, [arXiv:2402.02750](https://arxiv.org/abs/2402.02750) (2 bits for the cache); R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102).
#
# **Project ideas**: let a smaller model draft, and keep the distribution when the text is sampled; write a cache whose keys have a scale for each channel of 32 tokens; cache a prompt that many texts share, once.
#
# **Credits**: a draft by looking up the text so far after A. Saxena, *Prompt lookup decoding*, 2023. All code written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each: what is shared by a batch, what is not? The weights are, the cache is not. Transition: "Next: the weights themselves, in fewer bits."
