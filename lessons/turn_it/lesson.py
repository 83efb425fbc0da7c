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
#     values:
#       closer: f'{kls["original"] / kls["rotated"]:.0f}'
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

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.turn_it import checks as check
from lessons.turn_it import show

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Other numbers, the same model
#
# In [[gptq]] you rounded weights. But a chip multiplies integers only if a layer's *inputs* are integers as well. So now we look at the inputs. The weights stay in float, so that nothing else moves the answer.
#
# Each block of SmolLM2 reads a running sum, the **residual stream**, and adds its own results to it. Five of its seven linear layers read this sum: `q_proj`, `k_proj`, `v_proj`, `gate_proj` and `up_proj`. `rounded_inputs` rounds the inputs of these five, and the other two keep theirs in float. In each layer, the inputs of all tokens go on levels that share one scale.
#
# Beside the original we'll need a second model, a *rotated* one, which section 3 makes.

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
            print(f"{name}, {f'{bits} bits' if bits else 'float':6}", repr(show.ask(one, tokenizer, question)))

# %% [markdown]
# In float, both write the same. With inputs of 5 bits, the original no longer answers, and the rotated one still names Paris.
#
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. Who sets the scale?
#
# If all inputs of a layer share one scale, then the largest of them sets it. Let's see how large it is, on 128 tokens of Python's manual. We look at two layers: `q_proj` of a block in the middle, and `gate_proj` of the last block.

# %% outliers
from pydoc_data.topics import topics

text = tokenizer(topics["execmodel"], return_tensors="pt")["input_ids"][:, :128]
blocks = model.model.layers
middle = blocks[2 * len(blocks) // 5]  # 12 blocks are before it


def look(layer, x):  # x: (1, tokens, features)
    size = x[0].abs()
    token, feature = divmod(size.argmax().item(), size.shape[1])
    print(f"largest {size.max():.1f} (token {token}, feature {feature}), median {size.median():.2f}")


with rotating.watched([middle.self_attn.q_proj, blocks[-1].mlp.gate_proj], look):  # calls look with their inputs
    model(text)

# %% [markdown]
# The largest input is more than a hundred times the median. We call such a number an **outlier**. With 5 bits there are 15 levels on each side of 0. If the largest number is 11, they're more than 0.7 apart, and a median input of less than 0.1 becomes 0.
#
# There are two kinds of outliers here. In the middle block, it's a *feature*: we counted, and 247 is the largest at 127 of the 128 tokens. In the last block, it's the *first token*, and only its feature 507 is large.
#
# Is the second kind only there? Let's look at the residual stream itself, as the middle block gets it.

# %% stream tags=["hide-input"]
# Looks at the residual stream before the middle block.
look(None, model(text, output_hidden_states=True).hidden_states[2 * len(blocks) // 5])

# %% [markdown]
# It's there already: more than 20,000, where a typical number is about 2. [Sun et al., 2024](https://arxiv.org/abs/2402.17762), found such **massive activations** in many language models, mostly at the first token.
#
# So why was it not the largest input of `q_proj`? Before a layer reads the stream, a norm (`RMSNorm`) divides each token by its root mean square. Take a token in which one feature is huge, and all others are nearly 0: its mean square is the huge number's square over 576. So the huge number becomes √576 = 24.
#
# After this division, the norm multiplies each feature by a learned number, its **gain**. In the middle block, the gain of feature 507 is about 0.1 before the attention and 0.00 before the MLP: the model has learned to hide its own outlier. Before the last MLP this gain is 1.4, and there it shows.

# %% [markdown]
# ## 3. Turn the numbers, and turn the weights back
#
# Let's take four inputs, 9, 1, −1 and 1, and round them to 3 bits: three levels on each side of 0. The step is 3, so they become 9, 0, 0, 0. The small ones are lost.
#
# Now we multiply by a matrix first:

# %% by_hand
q4 = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
x = torch.tensor([9.0, 1, -1, 1])
on_levels = rotating.to_levels(x @ q4, bits=3)
print("turned:     ", x @ q4)
print("rounded:    ", on_levels)
print("turned back:", on_levels @ q4.T)

# %% [markdown]
# The four numbers are 5, 3, 5 and 5 now. The outlier was spread over all of them, so the largest number is smaller, the step is shorter, and after turning back the small ones are there again.
#
# The columns of this matrix have length 1 and are perpendicular to each other. So it keeps lengths (81 + 1 + 1 + 1 = 25 + 9 + 25 + 25), and its transpose turns everything back: $QQ^\top = I$. We'll call any such matrix a **rotation**. Ours is a *Hadamard* matrix, whose numbers all have the same size, 1/√4. With 576 features that's 1/√576 = 1/24, so a lone 24 becomes 576 numbers of size 1. A random rotation does nearly the same.
#
# **Try it.** Set all four numbers of `x` to 1, and run the cell again.
#
# <details><summary>What others found</summary>
#
# The turned numbers are 2, 0, 0, 0: a rotation can also make an outlier. For a random one, that's improbable.
#
# </details>
#
# ### Merged into the weights, it takes no time
#
# A layer needn't turn anything back. It computes $xW^\top$, and if we turn its weights as well,
#
# $$(xQ)(WQ)^\top = x\,QQ^\top W^\top = xW^\top.$$
#
# So let's turn the whole residual stream. What *writes* to it has to write turned numbers: the embedding and the layers `o_proj` and `down_proj`. What *reads* it gets the weights $WQ$: our five layers, and the head. Between stream and reader there's only the norm. Its root mean square doesn't change, since a rotation keeps lengths. But its gains belong to single features, and after turning there are no such features any more. So before we turn, we **fold** the gains: we multiply each reader's columns by them, and set them to 1.
#
# There's one trap. In SmolLM2 the head *is* the embedding ([[real_model]]), and folding the last norm into the head would change the embedding as well. So give the head its own copy first. That's the price: in this small model, a fifth more weights.


# %% rotate
def rotate(model, q):
    head, embedding = model.lm_head, model.model.embed_tokens
    head.weight = torch.nn.Parameter(head.weight.clone())  # untied
    read = [(model.model.norm, [head])]  # each norm, with the layers that read what it gives out
    for block in model.model.layers:
        read += rotating.readers(block)
        for layer in rotating.writers(block):
            layer.weight.copy_(q.T @ layer.weight)
    embedding.weight.copy_(embedding.weight @ q)
    for norm, layers in read:
        for layer in layers:
            layer.weight.copy_((layer.weight * norm.weight) @ q)  # folded, then turned
        norm.weight.fill_(1)


# %% [markdown]
# Always test it in float. If you've forgotten a single layer, the logits change by far more than their last digits.

# %% same_logits
import copy

from course_utils import language

original = model(text).logits[:, :-1]  # at each place but the last, for each token that could come next
rotated = copy.deepcopy(model)
rotate(rotated, rotating.random_rotation(width, seed=0))
logits = rotated(text).logits[:, :-1]
print(f"largest change of a logit: {(logits - original).abs().max():.0e}")

# %% [markdown]
# Only the rounding errors of float arithmetic are left. Are the outliers gone?

# %% features tags=["hide-input"]
# Draws, for the inputs of the middle block's q_proj, the largest size of each feature over all tokens, in both models.
show.features({"original": model, "rotated": rotated}, text)

# %% [markdown]
# ## 4. Folding or rotating?
#
# The outliers are gone. Does this help the model? Let's measure it with the ruler of [[the_same_model]], the KL divergence from the float model.

# %% rounded_kl tags=["hide-input"]
# Rounds the inputs of both models to 8 bits, and measures the KL divergence on our text.
kls = {}
for name, one in (("original", model), ("rotated", rotated)):
    with rotating.rounded_inputs(one, bits=8):
        kls[name] = language.change(original, one(text).logits[:, :-1], text[:, 1:]).kl.value
    print(f"{name}, inputs of 8 bits: KL {kls[name]:.4f}")

# %% [markdown]
# But we've folded and rotated, and folding changes these inputs, too. Which of the two helped? And would any rotation do, even a **permutation**, which puts the features in another order?
#
# The table below is a record with more text, three times 256 tokens: Python's manual, code, and a licence.
#
# **Predict.** Fold the gains, and permute the features. With inputs of 8 bits, is the KL divergence **A** about as small as with a random rotation, **B** halfway, or **C** about as large as with folding alone?

# %% ways tags=["hide-input"]
# Lists the KL divergence of each way on three texts, from records/turn_it.
show.of_inputs()

# %% [markdown] tags=["answer"]
# **C, as large as with folding alone, because a permutation moves an outlier to another place and leaves it as large as it is.** So a rotation helps by mixing.

# %% [markdown]
# With inputs of 8 bits, the KL divergence of a random rotation is more than twenty times smaller than the original's, on each text and with each seed. Folding alone doesn't help much. With 5 bits it even does harm, probably because the gains no longer hide the 24.
#
# The table has two other ways to deal with an outlier:
#
# - **The first token in float** takes away the massive activations. The large features stay.
# - **SmoothQuant** ([Xiao et al., 2022](https://arxiv.org/abs/2211.10438)) divides each feature by a factor of its own, and multiplies the weights that read it by the same factor. The factors come from a calibration text, and an exponent α says how much of an outlier goes over to the weights. With 0.8, it's as good as a rotation on these inputs.
#
# %% [markdown]
# ## 5. And what else is rounded?
#
# Now let's leave the inputs in float, and round the weights: each to its nearest level, in all linear layers of the blocks, to 4 bits in groups of 32. In our file they have 4 bits already, on other levels (`Q4_1`), so this is a second rounding. That's the last column below. The other one comes afterwards.
#
# **Predict.** Is the KL divergence of the rotated model **A** several times smaller than that of the original, **B** about the same, or **C** larger?

# %% where_not tags=["hide-input"]
# Lists the KL divergence with other things rounded, on three texts, from records/turn_it.
show.where_not()

# %% [markdown] tags=["answer"]
# **C, larger, because the folding already costs that much, and the rotation doesn't win it back.**

# %% [markdown]
# Why does folding cost so much? Folded weights have left the levels of the file. But so have those of SmoothQuant, which loses nothing. So it's probably the gains. In SmolLM2 as it is, a gain close to 0 makes the outlier small before it meets its weights, so their rounding errors hardly matter. Folded, these weights are small instead. But each shares its step with the larger neighbours of its group, so in the attention its error is about as large as theirs, and it meets an input of 24.
#
# This is an explanation, not a measurement. Deeper has one for why turning doesn't help.
#
# So is SmoothQuant the better choice here? We never rounded inputs and weights together, so test that, on your own model.
#
# Now the other column. The inputs of `down_proj` aren't part of the residual stream, so turning it leaves them as they are. Most of the harm comes from the first token, as the second row shows. Could `gate_proj` and `up_proj` write turned numbers? No. Behind them comes a nonlinearity, and if that's $f$, then $f(xQ)$ isn't $f(x)Q$.
#
# **A rotation passes through $f$ only if $f(xQ) = f(x)Q$.**

# %% [markdown]
# ## Exercise · Turn the values
# ★★ · 10 minutes
#
# `v_proj` writes values, attention takes weighted means of them over tokens, and `o_proj` reads these. The mean of turned values is the turned mean, so one matrix `q` can turn the values of all heads.
#
# Write `turn_values(w_v, w_o, q)`: both layers' new weights, so that a value `v` becomes `v @ q`, and the output stays. The rows of `w_v` and the columns of `w_o` are features, head after head.
#
# Then test it in float, in `middle.self_attn`.
#
# <details><summary>Hint</summary>
#
# `w_v.unflatten(0, (-1, len(q)))` has the shape (heads, features of a head, inputs), and `@` works on each head. For the test, write both into the layers with `copy_`.
#
# </details>
#
# <details><summary>What you should find</summary>
#
# With `rotating.random_rotation(model.config.head_dim, 0)` as `q`, the logits change in their last digits only, and the inputs of `o_proj` are turned, too.
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
# - If all inputs of a layer share one scale, the largest sets it; in language models that's a large feature, or the first token.
# - Untie the head, fold the gains, turn what writes and what reads the residual stream, and test in float that the model still says the same.
# - A rotation helps because it mixes features, so a permutation does nothing. It passes through $f$ only if $f(xQ) = f(x)Q$.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("turn_it")

# %% [markdown]
# ## Deeper
#
# ### Four rotations
#
# [QuaRot](https://arxiv.org/abs/2404.00456) (Ashkboos et al., 2024) turns a model in four places. The first rotation is ours, of the residual stream. The second turns the values in each head, as in the exercise, for the cache and for the inputs of `o_proj`. Both are merged, so they take no time. Before `o_proj`, QuaRot mixes the heads as well, and that can't be merged. The third turns queries and keys after the positions, for the cache, and the fourth the inputs of `down_proj`. These have to be computed while the model runs, which costs time. With a Hadamard matrix that's fast: if n is a power of two, about n log n additions replace n² multiplications. Our 576 is 12 · 12 · 4, so we build its matrix from those with 12 rows and with 2. A seed draws random signs.
#
# [SpinQuant](https://arxiv.org/abs/2405.16406) (Liu et al., 2024) found that some random rotations make a model much easier to round than others: by up to 13 points in tests of reasoning. So it learns the first two.
#
# ### A scale for each token
#
# Why not give each token its own scale? Then the first token's outlier harms no other token. For Llama-3-8B, [torchao measured](https://github.com/pytorch/ao/pull/1030) a perplexity of 279 with scales that were fixed for each layer, and 8.4 with a scale for each token, found at run time. That's two changes at once, so we can't tell what each of them brought. And the large feature of section 2 is in nearly every token, and there it still sets the scale for all others.
#
# ### Other models
#
# Why doesn't turning help our weights? Probably because 576 inputs of size 1 now meet 576 errors. These partly cancel, so their sum grows with the root of their number, and √576 is 24 again. In some models, rotations do help to round weights ([Gadhikar et al., 2025](https://arxiv.org/abs/2512.24124)).
#
# SmolLM2 has no biases and no `LayerNorm`. In another model, a writer's bias is added to the residual stream, so it has to be turned, too. A norm's bias $b$ is folded into its readers, as $Wb$. And `LayerNorm` also subtracts each token's mean, which a rotation doesn't keep. So subtract it earlier: whatever a writer adds to the stream, take its own mean away. This is linear, so it can be merged into the writer's weights. The stream then has mean 0, and what's left of `LayerNorm` is an `RMSNorm`.

# %% [markdown]
# **Sources.** S. Ashkboos et al., *QuaRot*, 2024, [arXiv:2404.00456](https://arxiv.org/abs/2404.00456); M. Sun et al., *Massive activations in large language models*, 2024, [arXiv:2402.17762](https://arxiv.org/abs/2402.17762); G. Xiao et al., *SmoothQuant*, 2022, [arXiv:2211.10438](https://arxiv.org/abs/2211.10438).
#
# **Going further.** Project: a scale for each token, with and without a rotation, by the KL divergence.
#
# **Credits.** SmolLM2 is by Hugging Face, under Apache-2.0. All code was written for this course. Text CC BY 4.0, code MIT.
#
# Now the weights, the cache and most inputs of a language model can be rounded. How small can a file get before it's another network? Find out in [[deep_compression]].
