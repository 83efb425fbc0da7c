# ---
# jupyter:
#   course:
#     promise: You will be able to say which blocks of a language model can go, heal the cut with one matrix, and compare it with fewer bits at the same bytes.
#     seconds: 30
#     needs: [keys_values, turn_it]
#     goals:
#       - rank blocks by leaving one out and by a cheap guess, and say where the guess fails;
#       - heal a cut by one linear map, in closed form;
#       - compare a cut with fewer bits at the same bytes.
#     values:
#       healed: f'{healed_kl:.2f}'
#     terms: [block influence, leave-one-out]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Can you cut a language model as you cut channels?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.blocks import show
from lessons.blocks import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Leave one out
#
# SmolLM2 is a stack of 30 blocks. Each of them reads the residual stream of [[turn_it]], and adds its own result to it. If you leave a block out, all shapes still fit, unlike with a channel. The stream passes by, and only what this block would have added is missing.

# %%
from torch import nn

from course_utils import real_models

model, tokenizer = real_models.smollm2()
blocks = list(model.model.layers)  # we count them from 1: blocks[11] is block 12

# %% two_answers tags=["hide-input"]
# Asks the whole model, then the model without block 18 and without block 12.
for gone in (None, 18, 12):
    model.model.layers = nn.ModuleList(block for number, block in enumerate(blocks, 1) if number != gone)
    answer = real_models.ask(model, tokenizer, "What is the capital of France?")
    print(f"without block {gone}:" if gone else "all blocks:      ", repr(answer))
model.model.layers = nn.ModuleList(blocks)

# %% [markdown]
# Without block 12, it no longer answers. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# ### How far does it move?
#
# We let the models read 128 tokens of Python's manual, and measure the KL divergence of the cut model from the whole one ([[the_same_model]]). It's 0 if nothing has changed, and rounding all blocks to 4 bits gave about 0.4 there.

# %% ruler
from pydoc_data.topics import topics

text = tokenizer(topics["execmodel"], return_tensors="pt")["input_ids"][:, :128]
log_p = model(text).logits[0].log_softmax(-1)


def kl(some):  # with these blocks only
    model.model.layers = nn.ModuleList(some)
    log_q = model(text, use_cache=False).logits[0].log_softmax(-1)
    model.model.layers = nn.ModuleList(blocks)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean().item()


for number in (18, 12):
    print(f"without block {number}: KL {kl(blocks[: number - 1] + blocks[number:]):.2f}")

# %% [markdown]
# **Try it.** Change the two numbers to others between 1 and 30. Which blocks cost least?
#
# <details><summary>What others found</summary>
#
# In the record, blocks 18 and 15 cost least.
#
# </details>
#
# Doing this for every block is called **leave-one-out**. We did it on three texts, two pieces of 128 tokens each: the manual, Python code, and a licence (`records/blocks`).

# %% thirty_bars tags=["hide-input"]
# Draws the KL divergence without each block in turn, from records/blocks.
show.thirty_bars()

# %% [markdown]
# If we allow what the 4 bits cost, 0.4, nearly two thirds of the blocks can go, one at a time, probably because each adds only a little to a sum to which all others add as well. The first and the last ones are needed. But in the middle, block 12 is missed far more than its neighbours.

# %% [markdown]
# ## 2. A guess from a single run
#
# Leave-one-out takes a run for each block. Could one run do for all? If a block hardly changes the stream, perhaps it isn't missed.
#
# Say a token's state, its vector in the stream, has two features, 3 and 4, and the block turns them into 4 and 3. Every reader of the stream first divides by the state's length. So how much has the *direction* changed? The cosine between the two is
#
# $$\frac{3 \cdot 4 + 4 \cdot 3}{5 \cdot 5} = 0.96.$$
#
# It's 1 if the direction stays, so 1 − 0.96 = 0.04 measures the change. In the mean over all tokens, it's called the **block influence** ([Men et al., 2024](https://arxiv.org/abs/2403.03853)).

# %% influence
from lessons.blocks.cutting import streams

stream = streams(model, text)  # a list: before each block, and behind the last one; (1, tokens, features)
for number in (18, 12):
    if number < len(stream):
        before, after = stream[number - 1][0], stream[number][0]
        print(f"block {number}: influence {1 - nn.functional.cosine_similarity(before, after, dim=-1).mean():.3f}")

# %% [markdown]
# Both look harmless. How good is the guess for all thirty? If it were perfect, the dots would rise from left to right.

# %% guess tags=["hide-input"]
# Draws, for each block, the KL divergence without it over its influence, from records/blocks.
show.guess()

# %% [markdown]
# On the whole, they do, and the nine blocks that it would cut first are all cheap.
#
# But the tenth isn't. The three orange dots stand far above others of the same influence. Block 3 has that of 5 and 8, and is missed about four times as much. Block 12 has about the influence of 22 and 23, and is missed seven times as much. Block 29 is missed about four times as much as 21 and 24. Why doesn't the guess see them? We look at 12 and 29.

# %% [markdown]
# ## 3. What can a mean hide?
#
# The influence is a mean over 128 tokens. If a block turned a single token by a right angle, and no other, this would add only 1/128 to the mean. Is there such a token? Here are the lengths of the first token's state, and the median of all others:

# %% lengths tags=["hide-input"]
# Prints the length of the first token's state and the median of the others, before and behind two blocks.
show.lengths(stream, numbers=(11, 12, 28, 29))

# %% [markdown]
# Block 12 makes the first token's state more than a hundred times as long. Its readers divide the length out. But what block 12 adds here has to be far longer than the state was, so the new state points where the addition points: the direction has changed, too. This is the massive activation of [[turn_it]]. The first token is the **attention sink** of [[keys_values]]: it takes the attention of heads that find nothing to look for.
#
# So is block 12 needed for this one token? We let a block work on the first token alone, and all others skip it. Then we do it the other way round.
#
# **Predict.** In the record, the KL divergence without block 12 is at least 2.0 on each text, over two pieces (you measured one). If the block works on the first token alone, is it **A** still about 2, **B** about half of that, or **C** less than a quarter?

# %% parts tags=["hide-input"]
# Prints the KL divergence if a block works on some of the tokens, on three texts, from records/blocks.
show.parts()

# %% [markdown] tags=["answer"]
# **C, less than a quarter, because what later blocks miss most is what block 12 does to the first token.**

# %% [markdown]
# Blocks 2 and 29 are needed for the other tokens. So for block 29, the mean isn't at fault. Its change is small, and it's needed all the same.
#
# **A small change can matter, and a mean of cosines hides a single token.** So leave a block out before you believe the guess.

# %% [markdown]
# ## 4. Heal the cut
#
# Could something small in a block's place *heal* the cut? Let's try a **linear map**: with one matrix $A$, a state $h$ becomes $h + hA$. With 576 features, that's 0.33 million weights, a tenth of a block.
#
# Which matrix? Take a single feature and three tokens. Before the block the feature is 1, 2 and 3, and the block adds 2, 4 and 7. We look for the number $a$ with which $a$, $2a$ and $3a$ come nearest to these. The sum of squared errors is smallest at
#
# $$a = \frac{1{\cdot}2 + 2{\cdot}4 + 3{\cdot}7}{1{\cdot}1 + 2{\cdot}2 + 3{\cdot}3} = \frac{31}{14} \approx 2.2.$$
#
# This is **least squares**. It needs no training, since there's a formula, a *closed form*. With many features, the products become matrices, and the division becomes `solve`.
#
# A matrix of 576 rows can also learn the accidents of its text. To prevent this, we add a penalty λ to the denominator: 31 / (14 + λ). The larger λ is, the closer $a$ comes to 0, which is the *bare* cut, without healing. We give λ as a multiple of the 14, the **ridge**.


# %% fit
def fit(before, after, ridge):  # (tokens, features)
    gram = before.T @ before
    more = ridge * gram.diagonal().mean() * torch.eye(len(gram))  # λ: a multiple of the mean diagonal
    return torch.linalg.solve(gram + more, before.T @ (after - before))


# %% [markdown]
# Let's heal block 29, the last but one. We leave the first token out of the fit and unchanged, because with a length of 20,000, its squares would outweigh those of all others. We choose the ridge on a chapter that wasn't used for the fit. The squared error of the bare cut is 100 %.

# %% heal
chapters = "\n".join(topics[name] for name in sorted(topics) if name not in ("execmodel", "specialnames"))[:20_000]
calibration = streams(model, tokenizer(chapters, return_tensors="pt")["input_ids"][0, :2048].view(16, 128))
held_out = streams(model, tokenizer(topics["specialnames"], return_tensors="pt")["input_ids"][:, :128])


def around(stream):  # before block 29 and behind it, without the first token of each piece
    return [h[:, 1:].flatten(0, 1) for h in stream[-3:-1]]


# %% ridges tags=["hide-input"]
# For five ridges, measures the squared error of what the block adds, on both texts.
show.ridges(fit, around(calibration), around(held_out))

# %% [markdown]
# On the text of the fit, the smallest ridge is always the best. On other text, 0.01 and 0.1 are the best.

# %% healed
from lessons.blocks.cutting import Instead  # in the place of a block, it computes a function of the stream

before, after = around(calibration)
vector = (after - before).mean(0)  # as a control: the same for all tokens
constant = Instead(lambda h: torch.cat([h[:, :1], h[:, 1:] + vector], dim=1))
a = fit(before, after, ridge=0.1)
healing = Instead(lambda h: torch.cat([h[:, :1], h[:, 1:] + h[:, 1:] @ a], dim=1))  # h: (pieces, tokens, features)
constant_kl, healed_kl = (kl(blocks[:-2] + [new] + blocks[-1:]) for new in (constant, healing))
print(
    f"without block 29: KL {kl(blocks[:-2] + blocks[-1:]):.2f}, a vector: {constant_kl:.2f}, a matrix: {healed_kl:.2f}"
)

# %% [markdown]
# A tenth of its weights does most of what the block did. But a vector, the same for all tokens, does about nine tenths of that: without this control, the matrix would get all the credit.
#
# **Predict.** We heal each block in this way. For which of blocks 2, 12 and 29 does the KL divergence fall to less than half: **A** 2 and 29, **B** none but 29, **C** all three?

# %% healed_bars tags=["hide-input"]
# Draws the KL divergence without each block, and with a matrix in its place, from records/blocks.
show.healed_bars()

# %% [markdown] tags=["answer"]
# **A, because blocks 2 and 29 are needed for the tokens that the matrix sees.** Block 12 is needed for the first token, and there the matrix does nothing.

# %% [markdown]
# **What is missed most isn't always hard to replace.**
#
# But all matrices were fitted to the manual. There, about half of most cheap blocks' loss is healed, and on the other texts less. On both of these, a matrix in the place of block 4 or 5 even does harm.

# %% [markdown]
# ## 5. Fewer blocks, or fewer bits?
#
# Fewer bits make a model smaller, too ([[weight_only]]). Suppose a tenth of our file has to go. What is better at the same bytes, fewer blocks or fewer bits?
#
# Mind the yardstick: we measure the KL divergence from the downloaded file, whose blocks already have 5 bits a weight. So each rounding in the next figure is a second one, and what lies right of 5 bits is larger *and* worse than the file. Nobody would make it. It only shows how the two losses grow.
#
# With 8 bits and a step of 16 bits for 32 weights, a weight takes 8.5 bits. With one matrix in the place of six blocks, 80 % of the weights are left, so it's 8.5 · 0.80 = **6.8 bits for each weight of the thirty blocks**. All thirty in 5 bits take 5.5.
#
# We cut blocks 17 to 19, or 14 to 19. Left out together, these six cost 0.6 to 1.0, less than their six single losses added up. One matrix replaces them all, with a vector for the first token. That leaves 0.4 to 0.9: it wins back far less than for block 29. *Deeper* tells how the test texts crept into our choice.

# %% bits_or_blocks tags=["hide-input"]
# Draws the KL divergence over the bits for each weight of the thirty blocks, for 30, 27 and 24 blocks, from records/blocks.
show.bits_or_blocks()

# %% [markdown]
# Begin at the right. 24 blocks, healed and rounded to 8 bits, have a KL divergence of 0.4 to 0.9. All thirty in 5 bits take fewer bytes, and have 0.1 to 0.2. At the left, the curves cross: at about the same bytes, all thirty in 3 bits have 1.7 to 2.1, and 24 blocks in 4 bits 0.7 to 1.2. Our rounding is probably partly to blame, because at 3 bits it uses only seven of its eight levels.
#
# And the tenth? If we keep 27 of the file's blocks as they are, healed, they take about 4.5 bits, and have 0.2 to 0.4. All thirty in 4 bits take as much, and have 0.4 to 0.6.
#
# **So from this file, leaving out three blocks did less harm than a second rounding.** If you have the weights before the first rounding, compare again: then 4 bits are a first one.

# %% [markdown]
# ## Exercise · Heal block 12
# ★★ · 10 minutes
#
# What block 12 adds to a first token is nearly the same in all our texts. Write `heal(before, after, new, ridge)`. It learns from the stream `before` and `after` a block, (pieces, tokens, features), and returns what should come out for the stream `new`. A first token gets the mean of what the block added to first tokens. All others get the matrix of `fit`, from all but first tokens.
#
# Then heal block 12, with `calibration[11]` and `calibration[12]`.
#
# <details><summary>Hint</summary>
#
# `(after - before)[:, 0]` is what was added to the first tokens. `fit` of section 4 wants (tokens, features), so flatten the pieces.
#
# </details>
#
# <details><summary>What you should find</summary>
#
# On the three texts of the record, the KL divergence falls from 2.0 to 2.6 down to 0.1 to 0.3.
#
# ```python
# new_block = Instead(lambda h: heal(calibration[11], calibration[12], h, ridge=0.1))
# kl(blocks[:11] + [new_block] + blocks[12:])
# ```
#
# </details>


# %% tags=["exercise"]
def heal(before, after, new, ridge):
    """What comes out for `new` (pieces, tokens, features): a vector for first tokens, a matrix for all others."""
    raise NotImplementedError


# %% tags=["check"]
check.heal(heal)


# %% tags=["solution", "hide-cell"]
def heal_solution(before, after, new, ridge):
    added = after - before
    x, d = before[:, 1:].flatten(0, 1), added[:, 1:].flatten(0, 1)
    gram = x.T @ x
    more = ridge * gram.diagonal().mean() * torch.eye(len(gram))
    a = torch.linalg.solve(gram + more, x.T @ d)
    first, others = new[:, :1], new[:, 1:]
    return torch.cat([first + added[:, 0].mean(0), others + others @ a], dim=1)


# %% [markdown]
# ## Remember
#
# - Most blocks can go, one at a time; one run guesses which, by how much a block turns the stream, but its mean hides a block that works on one token.
# - By least squares, a matrix can replace a block, and sometimes a vector can: fit on one text, choose the ridge on a second, and judge on a third that decides nothing.
# - Compare cuts at the same bytes, and from what you have: our file has 5 bits, and leaving out three of its blocks did less harm than rounding it a second time, to 4.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("blocks")

# %% [markdown]
# ## Deeper
#
# ### Narrower or shallower?
#
# Cutting channels makes a network *narrower*, and leaving out blocks makes it *shallower*. You may hear that width stands for content and depth for non-linearity; we have no source for it. Which of the two *your* model can spare, you find out by cutting both ways down to the same number of weights.
#
# For language models, with small batches, [Kim et al., 2024](https://arxiv.org/abs/2402.02834), made Llama models faster by leaving out blocks, where narrower layers brought nothing. A block less also saves its part of the KV cache.
#
# ### Healing, here and in larger models
#
# Of all runs of three consecutive blocks, and of six, section 5 cuts the one that a calibration chapter missed least. At first we chose after healing. When we saw that this suited the manual alone, we changed the rule. So the cuts look a bit better than they should.
#
# In ReplaceMe ([Shopkhoev et al., 2025](https://arxiv.org/abs/2505.02819)), one matrix replaces several blocks, and adds no weights at all: it can be merged into a block that stays. Its authors leave out up to a quarter of several large models, and keep about 90 % of their scores in tests. [Gromov et al., 2024](https://arxiv.org/abs/2403.17887), train adapters after a cut. Some large models then answer questions hardly worse than before, until up to half of their blocks are gone. You can't compare this with our figures: a model may still pick the right answer while its probabilities have moved far.
#
# ### A state that is always the same
#
# Lengths would have shown block 12 to a cheap guess: one state that becomes 150 times as long lifts a mean over 128 tokens by more than 1. The cosine fails on the other side, too: block 25 turns the stream about as much as block 2, and leaving it out costs a fifth.
#
# Why can a vector stand in for block 12 at the first token? [Sun et al., 2024](https://arxiv.org/abs/2402.17762), found that massive activations stay much the same whatever the input is, and that models use them as biases, which they can't do without.

# %% [markdown]
# **Sources.** X. Men et al., *ShortGPT*, 2024, [arXiv:2403.03853](https://arxiv.org/abs/2403.03853); D. Shopkhoev et al., *ReplaceMe*, 2025, [arXiv:2505.02819](https://arxiv.org/abs/2505.02819); M. Sun et al., *Massive activations in large language models*, 2024, [arXiv:2402.17762](https://arxiv.org/abs/2402.17762).
#
# **Going further.** Projects: leave out only the attention of a block, or only its MLP; fit the matrix on another kind of text, and see for which texts it still heals.
#
# **Credits.** SmolLM2 is by Hugging Face, under Apache-2.0. All code was written for this course. Text CC BY 4.0, code MIT.
#
# You've made weights, cache, inputs and now whole blocks smaller, each of them alone. What happens if one way follows the other? [[deep_compression]] goes back to a small network, and counts every byte.
