# ---
# jupyter:
#   course:
#     promise: You will be able to rotate a language model without changing what it says, so that its layers' inputs can be rounded to few bits.
#     seconds: 30
#     needs: [gptq, the_same_model]
#     goals:
#       - find the outlier among a layer's inputs, with its token and its feature;
#       - fold the gains of the norms, merge a rotation into the weights, and test that the float model says the same;
#       - say where a rotation doesn't help.
#     terms: [residual stream, rotation, SmoothQuant]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Can a model be made easier to round without changing what it says?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.turn_it import show
from lessons.turn_it import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Other numbers, the same model
#
# In [[gptq]] you rounded weights. But a chip multiplies integers only if a layer's *inputs* are integers as well. So now we leave SmolLM2's weights in float, and round inputs: in each block, those of five of its seven layers. Section 2 shows which.
#
# We put one question to SmolLM2, and to a *rotated* copy with other weights.

# %%
from course_utils import real_models
from lessons.turn_it import rotating

model, tokenizer = real_models.smollm2()
width = model.config.hidden_size  # 576 features
rotated = rotating.rotated_copy(model, rotating.random_rotation(width, seed=0))

# %% two_models tags=["hide-input"]
# Counts the layers' weights that are the same, and asks both models, in float and with inputs of 5 bits.
from contextlib import nullcontext

print(f"weights that are the same: {show.same_weights(model, rotated):.2%}")
question = "What is the capital of France?"
for name, one in (("original", model), ("rotated", rotated)):
    for bits in (None, 5):
        with rotating.rounded_inputs(one, bits) if bits else nullcontext():
            print(f"{name}, {f'{bits} bits' if bits else 'float':6}", repr(real_models.ask(one, tokenizer, question)))

# %% [markdown]
# In float, both give the same answer. With inputs of 5 bits, only the rotated one still names Paris. How can different weights give the same model, and why are its inputs easier to round?
#
# In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. The largest input sets the step
#
# Here's one of SmolLM2's thirty blocks:

# %% block tags=["hide-input"]
# Draws a block of SmolLM2, and colours the layers that read the residual stream and those that write to it.
show.block()

# %% [markdown]
# The line at the top is the **residual stream**: for each token, a running sum of 576 numbers, to which each half of a block adds its result. The five blue layers, whose inputs we rounded, read it through a norm. The two orange ones write to it.
#
# The feed-forward half has one layer more than in [[attention]]: the outputs of `gate_proj` go through the nonlinearity, and multiply those of `up_proj`, number by number.
#
# ### A feature that is too large
#
# All inputs of a layer go on the same evenly spaced levels. That's the simplest choice, and ours. Others, such as QuaRot (*Deeper*), give each token levels of its own. Then a huge token can't harm the others, and less is lost. The distance between two neighbouring levels is the **step**, which [[integers]] called the scale. With 5 bits there are 15 levels on each side of 0, so the step is a fifteenth of the largest input. Let's look for the largest input of `q_proj` in a middle block, on 128 tokens of Python's manual.

# %% outliers
from pydoc_data.topics import topics

text = tokenizer(topics["execmodel"], return_tensors="pt")["input_ids"][:, :128]
blocks = model.model.layers
middle = blocks[2 * len(blocks) // 5]  # 12 blocks are before it


def look(layer, x):  # x: (1, tokens, features)
    size = x[0].abs()
    token, feature = divmod(size.argmax().item(), size.shape[1])
    print(f"largest {size.max():.1f} (token {token}, feature {feature}), median {size.median():.2f}")


with rotating.watched([middle.self_attn.q_proj], look):  # calls look with the layer's inputs
    model(text)

# %% [markdown]
# The largest input, an **outlier**, is more than a hundred times the median. The step is 11.1 / 15 = 0.74, so each input below 0.37 becomes 0, and that's nearly all of them. We've counted: feature 247 is the largest at nearly every token, so it's the *feature* that is too large.
#
# ### A token that is too large
#
# A second kind shows in the residual stream before the norm:

# %% stream tags=["hide-input"]
# Looks at the residual stream before the middle block.
states = model(text, output_hidden_states=True).hidden_states[2 * len(blocks) // 5]
look(None, states)

# %% [markdown]
# That's a **massive activation**: more than 20,000 at the first *token*. A typical number of the stream is about 2. But `q_proj` reads it through a norm, an `RMSNorm`, which first divides each token by its root mean square.
#
# **Predict.** Say a token has only four features: 1000, 0, 0 and 0. What becomes of the 1000: **A** 1, **B** 2, or **C** 4?

# %% [markdown] tags=["answer"]
# **2 (B), because the mean square is 1000² / 4, and its root is 1000 / 2.**

# %% [markdown]
# So a lone huge number becomes the root of the number of features, here √576 = **24**.
#
# Then the norm multiplies each feature by a learned number, its **gain**. Here that of feature 507 is about 0.1, which shrinks the 24 to 2.4. So the model hides its own outlier.
#
# **Try it.** Let `rotating.watched` watch `blocks[-1].mlp.gate_proj` instead. Is its outlier one of these two?
#
# <details><summary>What others found</summary>
#
# The massive activation: 31.0, at token 0 and feature 507. There, the gain is larger than 1, so it hides nothing.
#
# </details>

# %% [markdown]
# ## 3. Turn the inputs, and turn the weights
#
# Can we get rid of an outlier without changing what a layer computes? Take the inputs 9, 1, −1 and 1, and the weights 1, 1, −1 and 1. The output is 9 + 1 + 1 + 1 = 12. With 3 bits, there are three levels on each side of 0. The step is 9 / 3 = 3, so the inputs become 9, 0, 0 and 0, and the output is only 9.
#
# Now we multiply inputs and weights by a matrix before we round:

# %% by_hand
q4 = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
x = torch.tensor([9.0, 1, -1, 1])
w = torch.tensor([1.0, 1, -1, 1])
print("turned inputs and weights:", (x @ q4).tolist(), (w @ q4).tolist())
print(f"output in float: {x @ w:.1f}, if turned: {(x @ q4) @ (w @ q4):.1f}")
print(f"inputs of 3 bits: {rotating.to_levels(x, bits=3) @ w:.1f}, ", end="")
print(f"if turned: {rotating.to_levels(x @ q4, bits=3) @ (w @ q4):.1f}")

# %% [markdown]
# In float, the output is still 12. But the inputs are 5, 3, 5 and 5 now, so the step is shorter, and the rounded layer gives 11.7 in place of 9.
#
# Why does the output stay? The columns of this matrix have length 1, and are perpendicular. So its transpose undoes it: $QQ^\top = I$. We'll call any such matrix a **rotation**. In PyTorch, a layer's weights $W$ have a row for each output, so it computes $xW^\top$ from its inputs $x$. If both are turned, it still does:
#
# $$(xQ)(WQ)^\top = x\,QQ^\top W^\top = xW^\top.$$
#
# Where has the outlier gone? A rotation keeps lengths, 81 + 1 + 1 + 1 = 25 + 9 + 25 + 25, so a large number can't vanish, but it can be spread. A lone 24, spread evenly, becomes 576 numbers of size 1, because 24² = 576 · 1². A random rotation spreads it less evenly. And a rotation can also *make* an outlier: our matrix turns 4, 4, 4 and 4 into 8, 0, 0 and 0.

# %% [markdown]
# ## 4. Turn the whole model
#
# Multiplying by $Q$ while the model runs would take time. Instead, we change the weights once, so that the residual stream itself is turned. It's a sum, so it's turned if everything that's added to it is turned.
#
# - A **reader** of the stream, a blue layer or the model's head, gets the weights $WQ$.
# - A **writer**, an orange layer, computes $hV^\top$ from its inputs $h$. Now it should write $hV^\top Q$. Since $V^\top Q = (Q^\top V)^\top$, it gets the weights $Q^\top V$. The embedding writes as well, and its rows are multiplied by $Q$.
#
# Between stream and reader stands a norm. Its division is no problem, because a rotation keeps lengths. But a gain belongs to one feature, and after turning, each number mixes all features. So first we **fold** the gains: each weight of a reader is multiplied by the gain of its feature, and the gain becomes 1.
#
# There's one trap. In SmolLM2 the head *is* the embedding ([[real_model]]), and folding would change both. So we give the head its own copy, which costs a fifth more weights.


# %% rotate
def rotate(model, q):
    head, embedding = model.lm_head, model.model.embed_tokens
    head.weight = torch.nn.Parameter(head.weight.clone())  # its own copy
    for norm, layers in rotating.norms(model):  # each norm, with the layers that read its output
        for layer in layers:
            layer.weight.copy_((layer.weight * norm.weight) @ q)  # folded, then turned
        norm.weight.fill_(1)
    embedding.weight.copy_(embedding.weight @ q)
    for block in model.model.layers:
        for layer in rotating.writers(block):
            layer.weight.copy_(q.T @ layer.weight)


# %% [markdown]
# Always test it in float, because one forgotten layer changes the logits by far more than their last digits.

# %% same_logits
import copy

from course_utils import language

original = model(text).logits[:, :-1]  # at each place but the last, whose next token isn't known
rotated = copy.deepcopy(model)
rotate(rotated, rotating.random_rotation(width, seed=0))
logits = rotated(text).logits[:, :-1]
print(f"largest change of a logit: {(logits - original).abs().max():.0e}")

# %% [markdown]
# Some logits are as large as 37, so that's only float's own rounding, and it's the same model. Is it easier to round? Here are the inputs of our `q_proj` as they are, folded, and also rotated.

# %% features tags=["hide-input"]
# Draws, for the inputs of the middle block's q_proj, the largest size of each feature over all tokens, in three models.
folded = copy.deepcopy(model)
rotate(folded, torch.eye(width))  # a rotation that turns nothing
show.features({"original": model, "folded": folded, "rotated": rotated}, text)

# %% [markdown]
# In the second row, the 24 is back, because no gain hides it any more. So the step doubles, but the typical input grows even more, and the *ratio* of the largest to the typical one falls from 143 to 80. The rotation, which spreads both outliers, brings it to 7.

# %% [markdown]
# ## 5. Was it the rotation, and is it enough?
#
# Is the rotation the reason? Perhaps folding is enough, or any rotation would do, even a **permutation**, which only puts the features in another order.
#
# We measure the KL divergence of [[the_same_model]], which is 0 if nothing has changed. In our record, the blue layers get inputs of 8 bits, on three texts, because 5 bits break the original.
#
# **Predict.** Fold the gains, and permute the features. Is the KL divergence **A** about as large as with folding alone, **B** about halfway, or **C** about as small as with a random rotation?

# %% ways tags=["hide-input"]
# Lists the KL divergence of each way on three texts, from records/turn_it.
show.ways()

# %% [markdown] tags=["answer"]
# **About as large as with folding alone (A), because a permutation moves an outlier to another place and leaves it as large as it is.**

# %% [markdown]
# So a rotation helps because it mixes the features. On each text and with each of three random rotations, the KL divergence is less than a twentieth of the original's. SmoothQuant can do equally well (*Deeper*).
#
# Folding alone helps a little on two texts. And with 5 bits, in the same record, the KL divergence is above 4 on each text for the original, and 0.2 to 0.5 for the rotated models.
#
# ### The layers that we left out
#
# Now we round only the inputs of the orange `down_proj`, to 8 bits. We don't round those of `o_proj` in this lesson.
#
# **Predict.** Is the KL divergence of the rotated model **A** at least ten times smaller than the original's, **B** about half as large, or **C** about the same?

# %% down_proj tags=["hide-input"]
# Rounds the inputs of all down_proj to 8 bits in both models, and measures the KL divergence on our text.
for name, one in (("original", model), ("rotated", rotated)):
    with rotating.watched([b.mlp.down_proj for b in one.model.layers], lambda _, x: rotating.to_levels(x, bits=8)):
        kl = language.change(original, one(text).logits[:, :-1], text[:, 1:]).kl.value
    print(f"{name}, inputs of down_proj with 8 bits: KL {kl:.2f}")

# %% [markdown] tags=["answer"]
# **About the same (C), because the inputs of `down_proj` aren't part of the residual stream.** Inside `gate_proj` and `up_proj` the rotation cancels, so they give out the same numbers as before.

# %% [markdown]
# The small difference, like that between folded and permuted above, comes from adding in another order: that changes last digits, and pushes a few inputs to the next level. But on each text of the record, `down_proj` alone costs more than four times what all blue layers cost before the rotation. A step for each token is the remedy: with it, `down_proj` costs less than 0.02 on each text, rotated or not (*Deeper*).
#
# Could we turn these inputs, too? Then `gate_proj` and `up_proj` would have to write turned numbers, and a nonlinearity and a product come next. A ReLU sets negative numbers to 0, and turning changes which these are.
#
# **A rotation can be merged into the weights around a function $f$ if $f(xQ) = f(x)R$, with a matrix $R$ that we know beforehand.** For RMSNorm, $R$ is $Q$. For a ReLU there's none if $Q$ mixes features: it has to be computed while the model runs, as QuaRot does for these inputs (*Deeper*).

# %% [markdown]
# ## Exercise · Turn the values
# ★★ · 10 minutes
#
# `v_proj` writes values, attention takes weighted means of them over tokens, and `o_proj` reads these. The mean of turned values is the turned mean, so one matrix `q` can turn the values of all heads.
#
# Write `turn_values(w_v, w_o, q)`: both layers' new weights, so that a value `v` becomes `v @ q`, and the output stays. The rows of `w_v` and the columns of `w_o` are features, head after head.
#
# Then test it in float.
#
# <details><summary>Hint</summary>
#
# `w_v.unflatten(0, (-1, len(q)))` has the shape (heads, features of a head, inputs), and `@` works on each head.
#
# </details>
#
# <details><summary>How to test it</summary>
#
# ```python
# turned, q = copy.deepcopy(model), rotating.random_rotation(model.config.head_dim, 0)
# for block in turned.model.layers:
#     v, o = block.self_attn.v_proj.weight, block.self_attn.o_proj.weight
#     new_v, new_o = turn_values(v, o, q)
#     v.copy_(new_v), o.copy_(new_o)
# (turned(text).logits[:, :-1] - original).abs().max()
# ```
#
# The logits change in their last digits only.
#
# </details>


# %% tags=["exercise"]
def turn_values(w_v, w_o, q):
    """The weights of v_proj and o_proj, with each head's values turned by q."""
    raise NotImplementedError


# %% tags=["check"]
check.turn_values(turn_values)


# %% tags=["solution", "hide-cell"]
def turn_values_solution(w_v, w_o, q):
    d = len(q)
    new_v = (q.T @ w_v.unflatten(0, (-1, d))).flatten(0, 1)
    new_o = (w_o.unflatten(1, (-1, d)) @ q).flatten(1)
    return new_v, new_o


# %% [markdown]
# ## Remember
#
# - If all inputs of a layer share one step, as here, the largest sets it: in language models a large feature, or the first token.
# - Give the head its own copy, fold the gains, turn what writes and what reads the residual stream, and test in float.
# - A rotation helps because it mixes features, so a permutation doesn't help. It can be merged around a function $f$ if $f(xQ) = f(x)R$ with a known matrix $R$, so not around a ReLU.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("turn_it")

# %% [markdown]
# ## Deeper
#
# ### Two other ways to deal with an outlier
#
# Many language models have massive activations ([Sun et al., 2024](https://arxiv.org/abs/2402.17762)). If each token has its own step, the first token can't harm the others. Then the blue layers in 8 bits cost about six times less without any rotation, and a random rotation makes that eight to twelve times smaller still (`records/turn_it`).
#
# **SmoothQuant** ([Xiao et al., 2022](https://arxiv.org/abs/2211.10438)) divides each feature by its own factor, and multiplies the weights that read it by the same factor. The factor grows with a power of the feature's largest input on a calibration text. With the exponent 0.8, most of an outlier goes over to the weights. Then SmoothQuant is as good as a random rotation on the inputs of the blue layers. With the paper's 0.5, its KL divergence is three to five times as large.
#
# ### Rounding the weights
#
# The weights of this model become harder to round. Here those of all blocks get 4 bits, in groups of 32, and the inputs stay in float. Our floats were unpacked from a file of 4 bits, so this rounds them a second time. In the record, the KL divergence is one and a half to two times the original's if we fold, and 1.4 to 2.6 times if we also rotate. SmoothQuant doesn't raise it.
#
# Why does folding cost so much? It's mostly the 24 again. In the original, the gain makes it small before it meets its weights, so their rounding errors hardly matter. Folded, the weights are small instead. But the larger neighbours in their group set the step, so the errors stay large. And now they meet the whole 24.
#
# As a test, the record leaves the weights that read feature 507, that of the 24, in float, in both models: then about three quarters of what folding costs are gone. In some models, rotations do help to round weights ([Gadhikar et al., 2025](https://arxiv.org/abs/2512.24124)).
#
# ### More rotations
#
# [QuaRot](https://arxiv.org/abs/2404.00456) turns more than the stream. Two rotations are merged: that of the stream, and that of the values in each head, as in the exercise. The rest is computed while the model runs: queries and keys are turned after the positions, the inputs of `down_proj` are turned, and before `o_proj` the heads are mixed. *Hadamard* matrices make this fast: all entries have the same size, and a product with such a matrix can be done by a few rounds of additions.

# %% [markdown]
# **Sources.** S. Ashkboos et al., *QuaRot*, 2024, [arXiv:2404.00456](https://arxiv.org/abs/2404.00456); M. Sun et al., *Massive activations in large language models*, 2024, [arXiv:2402.17762](https://arxiv.org/abs/2402.17762); G. Xiao et al., *SmoothQuant*, 2022, [arXiv:2211.10438](https://arxiv.org/abs/2211.10438).
#
# **Going further.** Project: a step for each token and 4 bits, with and without a rotation, by the KL divergence.
#
# **Credits.** SmolLM2 is by Hugging Face, under Apache-2.0. All code was written for this course. Text CC BY 4.0, code MIT.
#
# Each block only adds something to the residual stream. So without one, the model would still run. Which block would it miss least? Find out in [[blocks]].
