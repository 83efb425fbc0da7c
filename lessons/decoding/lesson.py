# ---
# jupyter:
#   course:
#     promise: You will be able to say what a language model reads for each token that it writes, and make it read less.
#     minutes: 45
#     seconds: 45
#     needs: [measuring, roofline, integers, attention]
#     goals:
#       - Say what a step of decoding reads, and what a batch of texts shares.
#       - Write a KV cache, show that it changes nothing, and count its bytes.
#       - Shrink the cache, by int8 and by sharing heads, and say what that costs.
#       - Check a draft of several tokens in one pass, and get the same text.
#     terms: [context, decoding, draft, grouped-query attention, KV cache, perplexity, speculative decoding, token]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *A language model writes one piece at a time. What does it read for each?*
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
import copy
import itertools
import math
import tempfile
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import language, runtime
from course_utils.measure import timing
from course_utils.measure.sizes import size_report
from course_utils.scorecard import claims, ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si
from lessons.decoding import checks as check

card = claims.Scorecard("decoding")


def quartiles(values):
    return tuple(torch.tensor(values).quantile(torch.tensor([0.25, 0.75])).tolist())


runtime.seed_all(0)
torch.set_num_threads(1)  # one thread, on the processor, but for training
text, missing = language.source()  # to learn from
held_out, missing_too = language.source(language.HELD_OUT)  # never learned
model = language.trained()
ids, unseen = language.encode(text), language.encode(held_out)
print(f"{len(text):,} characters to learn from; modules that are missing here: {missing + missing_too or 'none'}")
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. Reading and writing
#
# A language model takes a text and says what comes next. Ours knows one thing: the source code of Python's own library. Its **tokens**, the pieces of a text that a model takes and gives, are single characters.
#
# It *reads* 256 characters in one pass. To *write*, it runs on the text so far, the likeliest character is put at the end, and it runs again: **greedy decoding**.
#
# **Predict.** It writes 224 characters after a beginning of 32. How many times longer does that take than to read all 256 once? **A** about as long, **B** 20 times, **C** more than 50 times.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 3 min.* Vote; ask one of each letter why. The answer is C. Then ask: "Which work is done twice?" Let somebody say it: the beginning goes through the network again and again. Say: "One character more means one pass more,
# over everything so far. Today we ask what a pass must read at the very least, and then remove that."


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
with torch.no_grad():
    reading = timing.compare({"read": lambda: model(page)}, rounds=5, device="cpu")
slower = 1e3 * writing.seconds / reading.median_ms("read")
card.record("writing-over-reading", slower)
Table(
    ["256 characters", "passes", "characters in all passes", "time"],
    [["read", 1, f"{page.shape[1]:,}", "1"], ["written", 224, f"{sum(range(32, 256)):,}", f"{slower:.0f}"]],
    caption="Time: over that of reading.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **What you saw. C.** Each new character is a pass of its own, over the whole text so far.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 2. A model that hesitates
#
# For each of 96 characters the model gives a number, its **logit**; softmax turns them into probabilities. Where the true next character had the probability $p$, the loss is $-\ln p$, in *nats*.
#
# **Perplexity** is $e$ to the mean loss over a text: among how many equally likely characters the model hesitates. Knowing nothing, $p = 1/96$, it is 96.
#
# **Predict.** After `for i in ra` and after `import `: where is the model surer?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room complete both lines aloud: the first in one voice ("n", for range), the second in many. That is the answer: surer after the first. Say: "One voice is a perplexity near 1; many voices are more. The perplexity of a text is the geometric mean of 1/p over its characters."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
canvas = diagrams.Canvas(height=370)
likely = {}
for left, (beginning, true) in zip((110, 710), (("for i in ra", "n"), ("import ", "s")), strict=True):
    with torch.no_grad():
        chances = model(language.encode(beginning)[None])[0, -1].softmax(-1)
    best = chances.topk(4)
    likely[beginning] = 1 / chances[language.encode(true)].item()
    shown = {repr(language.ALPHABET[i]): p for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)}
    canvas.text(left, 25, f"after {beginning!r}", align="left", bold=True)
    diagrams.bars(canvas, shown, x=left, y=60, width=440 * max(shown.values()), text="{:.2f}", meaning="activations")
plots.show(
    canvas.figure(),
    alt="Two sets of four bars: the probabilities of the four likeliest next characters after 'for i in ra' and after 'import '.",
    caption="The four likeliest next characters. Take n and s as true: then 1/p is "
    + " and ".join(f"{one_in:.1f} after `{name}`" for name, one_in in likely.items())
    + ".",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### A model learns, here and now
#
# The same network, 1,009,024 weights, five layers, twice: trained here and now, in 80 steps, and **shipped** with the course, after 2,400 steps of twice as many characters.
#
# **Predict.** Perplexity on text that neither has seen: what for each? At the start it is about 100.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Collect two numbers on the board. The answer stands in the figure: the live one fell below 20 here, the shipped one comes to a few characters. Read both lines of text aloud. Say: "The shipped one has words, and little meaning." Ask what a perplexity of 2 would mean: a fair coin for each character.

# %% slideshow={"slide_type": "skip"}
PIECES = 12  # of 512 characters of the unseen modules, for each perplexity
torch.manual_seed(0)
live = language.CharTransformer()
blank = language.perplexity(live, unseen, pieces=PIECES)
losses = language.fit(live, ids, steps=80)
perplexities = {"before": blank}
perplexities |= {
    name: language.perplexity(network, unseen, pieces=PIECES) for name, network in (("live", live), ("shipped", model))
}
card.record("live-perplexity", perplexities["live"])
card.record("shipped-perplexity", perplexities["shipped"])


@torch.no_grad()
def sampled(network, beginning, count):
    """A text in which each next character is drawn with its probability, sharpened a little."""
    generator, line = torch.Generator().manual_seed(1), language.encode(beginning)[None]
    for _ in range(count):
        chances = (network(line)[:, -1] / 0.6).softmax(-1)
        line = torch.cat([line, torch.multinomial(chances, 1, generator=generator)], dim=1)
    return language.decode(line[0])


samples = {name: sampled(network, "def ", 120) for name, network in (("live", live), ("shipped", model))}
for name, sample in samples.items():
    print(f"--- {name}\n{sample}\n")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(7.5, 3.2))
smooth = torch.tensor(losses).unfold(0, min(5, len(losses)), 1).mean(1).exp()
ax.plot(smooth, label="live, on what it learns")
for (name, height), colour in zip(perplexities.items(), ("black", "blue", "orange"), strict=True):
    ax.axhline(height, color=plots.COLOURS[colour], linestyle="--")
    ax.text(len(losses), height * 1.15, f"{name}: {height:.1f}", ha="right", color=plots.COLOURS[colour])
top = 1.6 * max(perplexities.values())
ax.set(xlabel="training step", ylabel="perplexity", yscale="log", xlim=(0, len(losses)), ylim=(2, top))
ax.set_yticks([3, 10, 30, 100], ["3", "10", "30", "100"])
ax.legend(loc="upper right", bbox_to_anchor=(1, 0.88))
first_lines = [" ".join(sample.split("\n")[0].split())[:60] for sample in samples.values()]
plots.show(
    fig,
    alt=f"Perplexity against training steps: it falls from {smooth[0]:.0f}. Dashed, on unseen modules: before {blank:.0f}, live {perplexities['live']:.1f}, shipped {perplexities['shipped']:.1f}.",
    caption=f"Dashed: on unseen modules. Live writes `{first_lines[0]}`, shipped writes `{first_lines[1]}`. What follows uses the shipped model: one training, one seed.",
)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. What one token must read
#
# **Decoding** is writing token by token. If nothing is computed twice, one step still needs: its own line of the table of characters, *all* weights of all layers, and what the layers keep of the text so far.
#
# **Predict.** Which is the largest, at 480 characters?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote, then click through the frames. The answer: the weights; and with 480 characters what is kept is already more than half of that. Say: "Each weight is read once and used once: one multiplication, one addition. That is half an operation a byte." Ask where that was in the roofline: far left of the ridge.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
width, n_layers, row_bytes = model.tokens.embedding_dim, len(model.blocks), model.tokens.weight[0].nbytes
layer_bytes = sum(weight.nbytes for weight in model.blocks[0].parameters())
kept_bytes = 2 * width * 4 * 480  # K and V of one layer, of 480 characters; section 4 writes them


def reads(layers, kept):
    canvas = diagrams.Canvas(height=420)
    above = canvas.box(20, 150, "one\ncharacter", width=150, height=90, fill="activations")
    for n, fill in enumerate(["activations"] * layers + ["white"] * (n_layers - layers)):
        box = canvas.box(270 + 170 * n, 150, f"layer {n + 1}", width=110, height=90, fill=fill)
        canvas.wire(above.right, box.left)
        if n < layers:
            canvas.wire((box.top[0], 60), box.top, meaning="fp32", thick=60, arrow=False)
        if n < layers and kept:
            canvas.wire((box.x + 55, 330), box.bottom, meaning="int8", thick=60 * kept_bytes / layer_bytes, arrow=False)
        above = box
    canvas.text(270, 28, f"weights: {si(layer_bytes, 'B')} a layer", align="left", colour="fp32")
    if kept:
        canvas.text(270, 360, f"kept of 480 characters: {si(kept_bytes, 'B')} a layer", align="left", colour="int8")
    total = si(row_bytes + layers * (layer_bytes + kept * kept_bytes), "B")
    canvas.text(600, 400, f"read so far for one character: {total}", bold=True)
    return canvas.figure()


plots.show(
    [reads(*frame) for frame in ((0, False), (1, False), (n_layers, False), (n_layers, True))],
    alt="One character goes through five layers. A wire as thick as its bytes brings the weights to each layer from above; in the last frame another, thinner, brings what is kept of the text from below.",
    caption=f"Bytes of our model. Its line of the table: {row_bytes} B; the last layer, which gives the logits ({si(model.head.weight.nbytes, 'B')}), is left out.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Many texts at once
#
# A step for a **batch** of texts reads the weights once and uses them for all. Our model's 4 MB may stay in a cache of the processor, the weights of large models cannot. So take a layer of 4,096 by 4,096, 67 MB, eight in turn ([[roofline]]).
#
# **Predict.** 64 texts at once. One step takes longer. How much time is that for *one* token, over a token of a single text: **A** the same, **B** a half, **C** less than a fifth?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote, show, and take the letter that the label at 64 says; where this was written it was C. Go along the points: "With one text the point lies near the line of the bytes; with more it falls, but less steeply than that line." Where points lie well above both, say that neither bound is reached. Ask what a server gains from many users: one reading of the weights serves them all (section 7).

# %% slideshow={"slide_type": "skip"}
wide = 4096
many = {batch: torch.randn(batch, wide) for batch in (1, 4, 16, 64)}


def timed_layers():
    """A layer answers a batch, eight layers in turn; a dot product reads all eight; a product of matrices computes."""
    layers, square = torch.randn(8, wide, wide), torch.randn(1024, 1024)  # 0.5 GB
    in_turn, long = itertools.cycle(layers), layers.view(-1)
    jobs = {batch: lambda x=x: F.linear(x, next(in_turn)) for batch, x in many.items()}
    jobs |= {"read": lambda: torch.dot(long, long), "product": lambda: square @ square}
    return timing.compare(jobs, rounds=5, device="cpu")


taken = timed_layers()
a_token = {batch: taken.median_ms(batch) / batch for batch in many}
by_bytes = taken.median_ms("read") / 8  # to read one layer once
by_arithmetic = taken.median_ms("product") * wide**2 / 1024**3  # to compute with one layer, for one token
gains = [64 * one / all_64 for one, all_64 in zip(taken.samples[1], taken.samples[64], strict=True)]
card.record("batch-64-a-token", median(gains), quartiles(gains))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.8, 4.1))
one_text, place = a_token[1], (64, a_token[64] / a_token[1])
CURVES = {"bytes alone": ("--", "orange", [by_bytes / batch for batch in many])}
CURVES |= {"arithmetic alone": (":", "green", [by_arithmetic] * len(many))}
CURVES |= {"measured": ("o-", "blue", list(a_token.values()))}
for name, (style, colour, times) in CURVES.items():
    ax.plot(list(many), [time / one_text for time in times], style, color=plots.COLOURS[colour], label=name)
ax.annotate(f"{place[1]:.2f}", place, xytext=(0, 14), textcoords="offset points", ha="center")
ax.set(xscale="log", yscale="log", xlabel="texts at once", ylabel="time of a token", ylim=(4e-3, 2.5))
ax.set_xticks(list(many), [str(batch) for batch in many])
ax.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
ax.legend(loc="lower left")
plots.show(
    fig,
    alt=f"Time of a token against texts at once, on logarithmic axes: 1 for one text, {place[1]:.2f} for 64. A dashed line falls in proportion, a dotted one is flat.",
    caption="A single text is 1. Dashed: the time to read the layer, shared. Dotted: the arithmetic at its measured peak.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw: a token costs less and less.** With one text the layer takes about as long as its bytes; with more it lies above both lines here. For one text that leaves fewer bytes ([[weight_only]]), or more tokens in a pass (section 6).

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Compute nothing twice
#
# In each layer attention asks with the new character's **query** Q, compares it with the **key** K of each character so far, and mixes their **values** V. A character sees itself and what stands before it, nothing behind. So when the text grows, K and V of the old characters stay as they are.
#
# **Predict.** Four characters, one layer. How many rows of K must be computed with a memory for them, and how many without?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let them count: with a memory 4, without 1 + 2 + 3 + 4 = 10. Click through. Ask: "Why need we not keep Q?" Nobody asks again with an old query. Ask: "Would this hold if a character could see what comes after it?" No: then each old K would change with each new character, from the second layer on. Say: "This memory is the KV cache."


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
word, first_layer = "self", model.blocks[0]
with torch.no_grad():
    states = first_layer.norm1(model.tokens(language.encode(word)))
    keys = first_layer.qkv(states).chunk(3, dim=-1)[1][:, :6]


def after(count):
    """The keys of the first `count` characters: computed anew without a cache, the last row alone with one."""
    canvas = diagrams.Canvas(height=400)
    for left, name, first in ((130, "without", 0), (720, "with a KV cache", count - 1)):
        canvas.text(left, 30, name, align="left", bold=True)
        for row in range(count):
            diagrams.grid(
                canvas, keys[row], left, 60 + 66 * row, cell=60, text="", meaning="fp32" if row >= first else "int8"
            )
            canvas.text(left - 25, 90 + 66 * row, word[row])
        rows = sum(range(1, count + 1)) if first == 0 and name == "without" else count
        canvas.text(left, 370, f"rows computed so far: {rows}", align="left")
    return canvas.figure()


plots.show(
    [after(count) for count in range(1, 5)],
    alt="The keys of the word self, a row for each letter, twice. Left all rows are computed in each frame; right the last one alone, the others are kept.",
    caption="Six features of the keys of one head of layer 1, before they are turned by their places. Orange: computed in this step; blue: kept.",
)


# %% slideshow={"slide_type": "skip"}
def heads(block, x, first):
    """Q, K, V of a layer, (batch, heads, steps, features); Q and K turned by their places, from `first` on."""
    size = block.out.in_features // block.n_heads
    every = block.qkv(block.norm1(x)).unflatten(-1, (-1, size)).transpose(1, 2)
    n_kv = (every.shape[1] - block.n_heads) // 2  # K and V may have fewer heads than Q
    turned = language.rotate(every[:, :-n_kv], first)
    return turned[:, : block.n_heads], turned[:, block.n_heads :], every[:, -n_kv:]


def cache_shape(network, batch):
    """(layers, K and V, batch, heads of K and V, most steps, features of a head)."""
    block = network.blocks[0]
    size = block.out.in_features // block.n_heads
    return len(network.blocks), 2, batch, (block.qkv.out_features // size - block.n_heads) // 2, network.context, size


class Cache:
    def __init__(self, network, batch=1):
        self.steps, self.shape = 0, cache_shape(network, batch)
        self.stored = torch.empty(self.shape)  # room for the whole context

    def add(self, layer, k, v):
        """Store K and V of new characters; return those of all."""
        end = self.steps + k.shape[2]
        self.stored[layer, :, :, :, self.steps : end] = torch.stack([k, v])
        return self.stored[layer, :, :, :, :end]


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### The cache in code
#
# `cache.add` stores K and V of the new characters and gives back all. `heads` turns Q and K by their *place* in the text: new ones begin behind those in the cache.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Read the function aloud, line by line; say of `enable_gqa`: "Section 5: K and V may have fewer heads than Q." Ask: "`first=0`, or no mask at all: which would you find late?" The answer: no mask. With one new character a row of ones is right, so it shows only when several come at once, as in the prompt or in section 6; `first=0` spoils the second character already. Say: "So test with one, with several, and with the whole context."


# %% slideshow={"slide_type": "-"}
def attend(block, x, cache, layer):
    """Attention of new characters to themselves and to all in the cache."""
    q, k, v = heads(block, x, first=cache.steps)  # of the new ones
    k, v = cache.add(layer, k, v)  # of all so far
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(cache.steps)
    mixed = F.scaled_dot_product_attention(q, k, v, seen, enable_gqa=True)
    return block.out(mixed.transpose(1, 2).flatten(2))


# %% slideshow={"slide_type": "skip"}
@torch.no_grad()
def step(network, ids, cache):
    """Logits after each new character, ids (batch, steps); the cache grows by them."""
    if ids.shape[1] == 0:
        raise ValueError("the prompt is empty: give at least one character to go on from")
    if (needed := cache_shape(network, len(ids))) != cache.shape:
        raise ValueError(f"the cache was made for {cache.shape}, this model and batch need {needed}")
    if (length := cache.steps + ids.shape[1]) > network.context:
        raise ValueError(f"{length} characters are more than the context of {network.context}")
    x = network.tokens(ids)
    for layer, block in enumerate(network.blocks):
        x = x + attend(block, x, cache, layer)
        x = x + block.down(F.gelu(block.up(block.norm2(x))))
    cache.steps += ids.shape[1]
    return network.head(network.norm(x))


other = Cache(language.CharTransformer(width=64, n_layers=2, n_heads=2))
for wrong_ids, given in ((unseen[None, :0], Cache(model)), (unseen[None, :513], Cache(model)), (opening, other)):
    try:
        step(model, wrong_ids, given)
    except ValueError as error:
        print(error)
try:
    language.encode("naïve")
except ValueError as error:
    print(error)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same numbers, sooner?
#
# The cached step must give the **same logits**, up to rounding: character by character, over the whole **context** of 512, the most characters that this model takes at once.
#
# **Predict.** The text has 479 characters, the 480th comes. With the cache 1 character goes through the network in place of 480. How many times sooner is the step done: **A** 2, **B** between 4 and 100, **C** nearly 480?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote. Then first the line under the figure: the logits agree to a tiny part of their range. "We changed no number, only when it is computed." Then the right end of both curves. The answer is B where this was written. Ask who voted C: "What does a step cost that does not grow with its characters?" The end of the caption tells a part: the products with the weights take well below the whole step. Say: "Probably they weigh more in a model of billions of weights; that would have to be measured there."

# %% slideshow={"slide_type": "skip"}
whole_text, by_steps = unseen[None, : model.context], Cache(model)
with torch.no_grad():
    at_once = model(whole_text)
one_by_one = torch.cat([step(model, one, by_steps) for one in whole_text.split(1, dim=1)], dim=1)
largest_gap = ((one_by_one - at_once).abs().max() / (at_once.max() - at_once.min())).item()
card.record("same-logits", largest_gap)


def last(context, new=1):
    """The cached step of the last `new` of so many characters, ready to be run again and again."""
    cache = Cache(model)
    step(model, whole_text[:, : context - new], cache)
    return lambda: (setattr(cache, "steps", context - new), step(model, whole_text[:, context - new : context], cache))


CONTEXTS, weights = (32, 120, 240, 480), [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
inputs = {width: torch.randn(1, 1, width) for width in (128, 512)}
jobs = {("without", n): lambda n=n: model(whole_text[:, :n]) for n in CONTEXTS} | {
    ("with", n): last(n) for n in CONTEXTS
}
jobs |= {"products": lambda: [F.linear(inputs[weight.shape[1]], weight) for weight in weights]}
with torch.no_grad():
    race = timing.compare(jobs, rounds=9, device="cpu")
sooner = [a / b for a, b in zip(race.samples["without", 480], race.samples["with", 480], strict=True)]
card.record("cache-sooner", median(sooner), quartiles(sooner))

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
fig, ax = plots.figure(size=(6.8, 4.2))
unit = race.median_ms(("with", 480))
for name, colour in (("without", "orange"), ("with", "blue")):
    times = [race.median_ms((name, n)) / unit for n in CONTEXTS]
    ax.plot(CONTEXTS, times, "o-", color=plots.COLOURS[colour], label=f"{name} cache")
ax.set(xlabel="characters so far", ylabel="time of a token", ylim=(0, None))
ax.legend(loc="upper left")
share = race.median_ms("products") / unit
plots.show(
    fig,
    alt=f"Time of one character against the text so far: without a cache it grows, with one it hardly does. At 480 characters the ratio is {median(sooner):.0f}.",
    caption=f"Time over that with a cache at 480; median ratio there: {median(sooner):.0f}. Largest difference of a logit over 512 steps: {largest_gap:.0e} of their range. Products with the weights: {share:.2f} of a cached step.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B. The same logits, many times sooner**, but far less than 480. The products with the weights are a part of a cached step; the rest, attention, norms and the calls of Python and PyTorch, was not taken apart.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 5. A smaller cache
#
# For each character the cache holds K and V, in each layer, for each head.
#
# **Predict.** The weights are 4 MB. At which length of text, for one text and for 16, does the cache of this model outgrow them?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them multiply on the board: 5 layers times 2 times 128 numbers times 4 bytes is 5,120 bytes a character. Click through. The answer for one text comes with the second frame: at some 790 characters, beyond this model's context; for 16 texts with the last: at about 50. Say: "The weights are shared by all texts. The cache is not: it is what a batch costs."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
weight_bytes = sum(weight.nbytes for weight in model.parameters())
character_bytes = Cache(model).stored[..., 0, :].nbytes


def bytes_of(steps, batch):
    """The weights and the cache of a batch of texts as bars, to the scale of the largest cache shown."""
    canvas = diagrams.Canvas(height=300)
    canvas.text(40, 40, f"{steps} characters, {batch} text{'s' * (batch > 1)}", align="left", bold=True)
    sizes = {"weights": weight_bytes / 1e6, "KV cache": steps * batch * character_bytes / 1e6}
    scale = 700 * max(sizes.values()) / (512 * 16 * character_bytes / 1e6)
    diagrams.bars(
        canvas, sizes, x=190, y=90, width=scale, text="{:.1f} MB", meaning={"weights": "fp32", "KV cache": "int8"}
    )
    if steps == 512:
        as_many = weight_bytes / character_bytes / batch
        canvas.text(40, 270, f"as many bytes at {as_many:.0f} characters a text", align="left")
    return canvas.figure()


cases = [(128, 1), (512, 1), (512, 4), (512, 16)]
plots.show(
    [bytes_of(*case) for case in cases],
    alt=[
        f"Two bars: weights {weight_bytes / 1e6:.1f} MB, cache of {n} characters of {b} text(s) {n * b * character_bytes / 1e6:.1f} MB."
        for n, b in cases
    ],
    caption=f"{character_bytes:,} B a character and text.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Fewer bits for the cache
#
# K and V as integers, with a **scale** ([[integers]]) for each character and head; here, in int8, $s = \max|x| / 127$, and −128 stays unused. All later characters read the rounded ones.
#
# **Predict.** The perplexity rises. By how much in int8: **A** less than 1 %, **B** 5 %, **C** 50 %? And with 4 bits, with 2?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for int8, then for 2 bits, then: "Which minds 2 bits more, K or V?" Show. The answer for int8 is A. Read the bytes with their scales: not 4 times fewer. At 2 bits the perplexity is some four times as high, and the last two rows say why: it is K. Say: "The file was saved and loaded again; the 4 and 2 bits are counted, not packed." KIVI (Liu et al., 2024, arXiv:2402.02750) gives K a scale a channel; not measured here.


# %% slideshow={"slide_type": "skip"}
def on_grid(x, bits):
    """Integers of so many bits, and a scale for each character and head."""
    most = 2 ** (bits - 1) - 1
    scales = x.abs().amax(-1, keepdim=True).clamp(min=1e-12) / most
    return torch.round(x / scales).to(torch.int8), scales


class Int8Cache(Cache):
    def __init__(self, network, batch=1):
        super().__init__(network, batch)
        self.stored, self.scales = self.stored.to(torch.int8), torch.empty(*self.shape[:-1], 1)

    def add(self, layer, k, v):
        new = slice(self.steps, self.steps + k.shape[2])
        self.stored[layer, ..., new, :], self.scales[layer, ..., new, :] = on_grid(torch.stack([k, v]), 8)
        return self.stored[layer, ..., : new.stop, :] * self.scales[layer, ..., : new.stop, :]


def simulated(k_bits, v_bits):
    """A cache of floats that lie on the grids of so many bits; None rounds nothing."""

    class Simulated(Cache):
        def add(self, layer, k, v):
            pairs = ((k, k_bits), (v, v_bits))
            return super().add(layer, *(math.prod(on_grid(x, bits)) if bits else x for x, bits in pairs))

    return Simulated


KINDS = {"fp32": Cache, "int8": Int8Cache, "4 bits": simulated(4, 4), "2 bits": simulated(2, 2)}
KINDS |= {"2 bits, K alone": simulated(2, None), "2 bits, V alone": simulated(None, 2)}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
by_cache, sizes = {}, {}
for name, make in KINDS.items():
    through = lambda some_ids, make=make: step(model, some_ids, make(model, len(some_ids)))  # noqa: E731
    by_cache[name] = language.perplexity(through, unseen, pieces=PIECES)
for name in ("fp32", "int8"):
    step(model, whole_text, full := KINDS[name](model))  # no room is left
    tensors = [full.stored, full.scales] if name == "int8" else [full.stored]
    with tempfile.TemporaryDirectory() as folder:
        torch.save(tensors, path := Path(folder) / "cache.pt")
        assert all(map(torch.equal, torch.load(path), tensors))
        sizes[name] = path.stat().st_size
sizes |= {f"{bits} bits": Cache(model).stored.numel() * (bits / 8 + 4 / 32) for bits in (4, 2)}
rise = {name: 100 * (value / by_cache["fp32"] - 1) for name, value in by_cache.items()}
card.record("int8-cache-bytes", sizes["fp32"] / sizes["int8"])
card.record("int8-cache-perplexity", rise["int8"])
card.record("keys-mind-more", rise["2 bits, K alone"] / rise["2 bits, V alone"])
Table(
    ["cache", "512 characters", "perplexity", "rise, %"],
    [
        [k, si(sizes[k], "B") if k in sizes else "", f"{by_cache[k]:.3f}", f"{round(rise[k], 1) + 0.0:.1f}"]
        for k in KINDS
    ],
    caption="fp32, int8: files, loaded again; 4 bits and 2 (−1, 0, 1) counted; all with their scales.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. A.** In int8 the file shrinks about 3.5 times, and the rise is hardly to be seen. At 2 bits it is plain, and K minds far more than V. (Time was not measured: at each step this code turns all of it back into floats.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Fewer heads for the cache
#
# **Grouped-query attention**: several heads of Q share one head of K and V ([Ainslie et al., 2023](https://arxiv.org/abs/2305.13245)). A trained model is converted by the *mean* of the K heads of a group, the same for V, and some training steps.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* The first frame stands there. Before each click ask: "How many bytes a character will be left?" The answers: a half, then a quarter. Ask: "Our heads have learned apart from each other. Is a mean of two keys a key of anything?" Leave it open; the next slide measures it.


# %% slideshow={"slide_type": "-"} tags=["hide-input"]
def shared(n_kv):
    """Four heads of Q and `n_kv` of K and V, with what a character takes in the cache."""
    canvas = diagrams.Canvas(height=330)
    canvas.text(30, 80, "Q", align="left", bold=True)
    canvas.text(30, 230, "K, V", align="left", bold=True)
    places = [300 + 220 * n for n in range(4)]
    below = [sum(places[n * 4 // n_kv : (n + 1) * 4 // n_kv]) * n_kv / 4 for n in range(n_kv)]
    kept = [canvas.box(x - 60, 195, "kept", width=120, height=70, fill="int8") for x in below]
    for n, x in enumerate(places):
        box = canvas.box(x - 60, 45, f"head {n + 1}", width=120, height=70, fill="activations")
        canvas.wire(kept[n * n_kv // 4].top, box.bottom)
    canvas.text(630, 305, f"{character_bytes * n_kv // 4:,} B a character")
    return canvas.figure()


plots.show(
    [shared(n_kv) for n_kv in (4, 2, 1)],
    alt="Four heads of queries above, heads of keys and values below, joined by wires: first four, then two, then one that all share.",
    caption="Four heads of K and V, two (grouped-query), one (multi-query).",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What training brings back
#
# The shipped model with 4, 2 and 1 heads of K and V; then 30 training steps, the same for all three. Four heads are the **control**: what do 30 steps do to a model that was not cut?
#
# **Predict.** What does the mean of two heads cost at once? And how much of that loss do 30 steps win back: **A** hardly any, **B** 30 to 80 %, **C** nearly all?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Vote; read the row of 2 heads, and then the caption, which has the share in nats. The answers: at once the perplexity is several times as high; of that loss a part comes back, B. Compare with the first row, not with the model before: the control had the same 30 steps. Say: "Ainslie and colleagues give it a twentieth of the first training; ours read less than a hundredth of its text, one seed." Ask which of int8 and 2 heads they would take first: int8, it needs no training; bytes saved multiply.


# %% slideshow={"slide_type": "skip"}
class GroupedBlock(language.Block):
    def __init__(self, block, n_kv):  # the means of n_kv groups of neighbouring heads of K and V
        super().__init__(width, block.n_heads)
        self.load_state_dict(block.state_dict())
        q, *kv = block.qkv.weight.detach().chunk(3)
        kv = [weight.view(n_kv, -1, width // block.n_heads, width).mean(1).flatten(0, 1) for weight in kv]
        self.qkv = nn.Linear(width, len(q) + 2 * len(kv[0]), bias=False)
        self.qkv.weight = nn.Parameter(torch.cat([q, *kv]))

    def forward(self, x):
        q, k, v = heads(self, x, first=0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


sharing, at_start, after_steps = {n_kv: copy.deepcopy(model) for n_kv in (4, 2, 1)}, {}, {}
for n_kv, network in sharing.items():
    network.blocks = nn.ModuleList(GroupedBlock(block, n_kv) for block in model.blocks)
    at_start[n_kv] = language.perplexity(network, unseen, pieces=PIECES)
    language.fit(network, ids, steps=30, lr=1e-3, seed=1)
    after_steps[n_kv] = language.perplexity(network, unseen, pieces=PIECES)
won_back = {n: math.log(at_start[n] / after_steps[n], at_start[n] / after_steps[4]) for n in (2, 1)}
card.record("two-heads-won-back", 100 * won_back[2])

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["heads of K, V", "cache, B a character", "at once", "after 30 steps"],
    [
        [
            n_kv,
            f"{Cache(sharing[n_kv]).stored[..., 0, :].nbytes:,}",
            f"{at_start[n_kv]:.2f}",
            f"{after_steps[n_kv]:.2f}",
        ]
        for n_kv in sharing
    ],
    caption="Perplexity on unseen modules; one seed. Of the loss (nats) above the control, won back: "
    + ", ".join(f"{100 * share:.0f} % with {n_kv} head{'s' * (n_kv > 1)}" for n_kv, share in won_back.items())
    + ".",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. Several times the perplexity at once; then B.** With one head more is lost and a smaller part won back. The control hardly changed, so at so few steps what is left belongs to the sharing. Whether more steps win back the rest was not measured here.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 6. A draft, checked in one pass
#
# A pass over a few characters costs here little more than one over a single one (next slide). So let something cheap **draft** the next characters, and let the model check all of them in *one* pass: **speculative decoding** ([Leviathan et al., 2023](https://arxiv.org/abs/2211.17192), with a small model as the draft).
#
# **Predict.** The model's own choice after each character of the draft is known. Which characters may be kept?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Click twice: the draft, and below it the model's own choices. Ask: "Which may be kept?" Take two proposals, then click. The answer: keep the draft as long as it is what the model would have written; at the first miss take the model's own character, and throw the rest away. Where both agree behind the miss: that was chosen after a wrong character, so it counts for nothing. Ask: "And if all are right?" Then the model's choice after the last one comes for free. So a pass gives from 1 to draft + 1 characters. Say: "Greedy decoding gives the same text, ties apart, whatever the draft says. A bad draft costs time, not quality."


# %% slideshow={"slide_type": "skip"}
def look_up(line, longest, match=6):
    """A draft that costs no model: what followed the last `match` characters where they stood before."""
    at = line.rfind(line[-match:], 0, len(line) - 1)
    return line[at + match : at + match + longest] if at >= 0 else ""


def accepted(draft, own):
    """How many characters of the draft are the model's own choices, up to the first miss."""
    return next((n for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a != b), len(draft))


def speculate(beginning, count, drafted, log=None):
    """(`count` characters, passes): greedy decoding in which `drafted(line, longest)` proposes what may come next."""
    cache, line, passes = Cache(model), beginning, 1
    own = language.decode(step(model, language.encode(line)[None], cache)[0, -1:].argmax(-1))
    line += own
    while len(line) < len(beginning) + count:
        draft = drafted(line, len(beginning) + count - len(line) - 1)
        logits = step(model, language.encode(line[-1] + draft)[None], cache)
        own = language.decode(logits[0].argmax(-1))
        good = accepted(draft, own)
        cache.steps -= len(draft) - good  # forget what was wrong
        if log is not None:
            log.append((line, draft, own, good))
        line, passes = line + own[: good + 1], passes + 1
    return line[len(beginning) :], passes


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
TEXTS = 6
BEGINNINGS = [held_out[start : start + 128] for start in range(0, TEXTS * 2400, 2400)]
seen_passes = []
speculate(BEGINNINGS[0], 200, lambda line, longest: look_up(line, min(6, longest)), seen_passes)
_, draft, own, good = max(seen_passes, key=lambda seen: (1 < seen[3] < len(seen[1]), len(seen[1]), seen[3]))


def checked(frame):
    """A pass that was seen: the draft, the model's own choices, and what is kept."""
    canvas = diagrams.Canvas(height=380)
    rows = {"draft": draft, "model's own": own, "kept": own[: good + 1]}
    for row, (name, letters) in list(enumerate(rows.items()))[: frame + 1]:
        canvas.text(300, 75 + 110 * row, name, align="right")
        for n, letter in enumerate(letters.replace("\n", "↵").replace(" ", "␣")):
            right = n < good or (n == good and row > 0)
            fill = "white" if frame < 2 else "activations" if right else "plain"
            canvas.box(330 + 110 * n, 35 + 110 * row, letter, width=90, height=80, fill=fill, size=32)
    return canvas.figure()


plots.show(
    [checked(frame) for frame in range(3)],
    alt="Boxes with the characters of a draft; below them the model's own choice after each character before it; below both what is kept.",
    caption="One pass, as it was seen. Blue: kept; grey: thrown away.",
)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### How many characters a pass?
#
# Our draft: it looks up where the last six characters stood before, and proposes what followed there. Six beginnings of 128 characters, 80 more for each.
#
# **Predict.** Characters a pass, on average, when up to 8 are drafted: **A** 1.1, **B** 2, **C** 6? And is the text the same, to the letter?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote for both. The answers: about 2, B, in the row "this text, up to 8"; and yes, the same text. Then the third column: a pass over 9 characters takes little longer than one over 1; the time of a whole text was not measured. Then the two controls: where the draft looks (the text so far, or all that the model learned from), and a draft of random characters, which gives about one a pass and still the same text. Say: "Greedy text probably repeats itself more than sampled text, which would suit a draft that looks back; not measured."

# %% slideshow={"slide_type": "skip"}
LETTERS = torch.Generator().manual_seed(0)


def by_chance(line, longest):
    return language.decode(torch.randint(len(language.ALPHABET), (min(8, longest),), generator=LETTERS))


def in_all(line, longest):
    return look_up(text + line, min(8, longest))


DRAFTS = {"none": lambda line, longest: ""}
DRAFTS |= {"this text, up to 8": lambda line, longest: look_up(line, min(8, longest))}
DRAFTS |= {"all it learned, up to 8": in_all, "random, 8": by_chance}
outcomes = {name: [speculate(beginning, 80, drafted) for beginning in BEGINNINGS] for name, drafted in DRAFTS.items()}
plain = [page for page, _ in outcomes["none"]]
a_pass = {name: [80 / passes for _, passes in pages] for name, pages in outcomes.items()}
same_text = {name: sum(a == b for (a, _), b in zip(pages, plain, strict=True)) for name, pages in outcomes.items()}
mean_a_pass = {name: TEXTS * 80 / sum(passes for _, passes in pages) for name, pages in outcomes.items()}
card.record("tokens-a-pass", mean_a_pass["this text, up to 8"])
card.record("same-text", min(same_text.values()))
with torch.no_grad():
    passes_of = timing.compare({new: last(400, new) for new in (1, 9)}, rounds=7, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
Table(
    ["draft", "characters a pass", "a full pass costs", "same text"],
    [
        [
            name,
            f"{mean_a_pass[name]:.2f} ({min(a_pass[name]):.1f} to {max(a_pass[name]):.1f})",
            f"{passes_of.median_ms(1 if name == 'none' else 9) / passes_of.median_ms(1):.2f}",
            f"{same_text[name]} of {TEXTS}",
        ]
        for name in DRAFTS
    ],
    caption="Over six texts (least to most). Cost: time of a pass with that many characters, over one with 1.",
)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **What you saw. B.** And the same text with each draft, random too. All that was learned gives more a pass (looking not timed).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7. What was left out
#
# - **Serving many users.** The texts of a batch end at different times; an engine lets the next one in (*continuous batching*, after Yu et al., 2022, [Orca](https://www.usenix.org/conference/osdi22/presentation/yu)), and keeps caches in pages, so that less room is reserved for text that never comes (*paged attention*, Kwon et al., 2023, [arXiv:2309.06180](https://arxiv.org/abs/2309.06180)).
# - **Attention that writes less.** *FlashAttention* computes the same attention without writing the table of all pairs to memory (Dao et al., 2022, [arXiv:2205.14135](https://arxiv.org/abs/2205.14135)).
# - **A draft model, and sampling.** With a rule for what to keep, the *distribution* of the text stays the same (Leviathan et al., section 2.3).

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Ask: "Which of these changes what is computed, and which only when and where?" The answer: all three keep it (sampling: its distribution), up to rounding; int8 and fewer heads, in section 5, change the numbers. Say: "Before you ask what it costs in quality, ask whether it changes a number at all."


# %% slideshow={"slide_type": "skip"}
def share_right(network):
    """Share of the characters of unseen modules that are the model's first choice, in the pieces of the perplexity."""
    right = total = 0
    with torch.no_grad():
        for piece in unseen[: len(unseen) // 513 * 513].view(-1, 513)[:PIECES].split(8):
            right += (network(piece[:, :-1]).argmax(-1) == piece[:, 1:]).sum().item()
            total += piece[:, 1:].numel()
    return right / total


rows = []
for kind, network in {"fp32, 4 heads of K and V": model, **sharing}.items():
    size = size_report(network)
    rows.append(
        ledger.record(
            lesson="decoding",
            task="python_source",
            model="CharTransformer",
            technique=kind if network is model else f"heads of K and V: {kind}, 30 steps",
            accuracy=share_right(network),
            file_bytes=size.file_bytes,
            load_ms=size.load_ms,
        )
    )
ledger.table(rows)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · The bytes of a cache
# ★ · 5 minutes
#
# Write `cache_bytes`: the bytes of a KV cache that has room for `prompt` tokens and `new` more, for each of `batch` texts. In each of `n_layers` layers Q has `n_heads` heads, K and V have `n_kv_heads` each; every head has `head_size` numbers of `bits` bits (4, 8, 16 or 32). Scales are not counted. All counts are whole numbers of at least 1; `prompt` and `new` may be 0.
#
# `cache_bytes(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits)` → a whole number
#
# <details><summary>Hint</summary>
# How many numbers does one token of one text leave in one layer? Which of the heads does the cache never hold?
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs; the hint stays closed for the first two minutes. Two slips to expect: the 2 of K and V, and heads of Q in place of those of K and V. Then a number for the room, LLaMA-7B (32 layers, 32 heads of 128; Touvron et al., 2023, arXiv:2302.13971, table 2), 16 bits, 2,048 tokens, one text: 2 · 32 · 32 · 128 · 2,048 · 2 bytes, about 1.07 GB. Exercise 2, in the notebook, is homework.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
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
# ### Exercise 2 · What is kept of a draft
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
card.show()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - One text: each step reads all weights for one token. Many texts share that reading: here a token cost them less.
# - With a KV cache no key and no value is computed twice; the logits stay the same up to rounding. Its bytes grow with the text and with the batch.
# - int8, and heads that share K and V, make it smaller; both change numbers, so measure what that costs.
# - A draft can save passes, and greedy decoding gave the same text.
#
# **Going further**: J. Ainslie et al., *GQA*, 2023, [arXiv:2305.13245](https://arxiv.org/abs/2305.13245); Y. Leviathan, M. Kalman, Y. Matias, *Fast inference from transformers via speculative decoding*, 2023, [arXiv:2211.17192](https://arxiv.org/abs/2211.17192); Z. Liu et al., *KIVI*, 2024, [arXiv:2402.02750](https://arxiv.org/abs/2402.02750) (2 bits for the cache); R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102).
#
# **Project ideas**: let a smaller model draft, and keep the distribution when the text is sampled; give the keys a scale a channel at 2 bits; cache a prompt that many texts share, once.
#
# **Credits**: a draft by looking up the text so far after A. Saxena, *Prompt lookup decoding*, 2023. All code written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask for one sentence each: what is shared by a batch, what is not? The weights are, the cache is not. Transition: "Next: the weights themselves, in fewer bits."
