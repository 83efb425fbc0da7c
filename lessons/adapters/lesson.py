# ---
# jupyter:
#   course:
#     promise: You will train a small adapter beside a frozen model of few bits, count what that keeps in memory, and decide what to ship.
#     seconds: 20
#     needs: [weight_only]
#     goals:
#       - attach a LoRA adapter to a frozen layer, and say how the gradient reaches it through rounded weights;
#       - count what training then keeps in memory;
#       - tell a repair from more training, and decide what to ship.
#     terms: [adapter, LoRA, merging, QLoRA]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Can you train a model whose weights are codes of 2 bits, and what do you ship then?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, and imports the drawings of this lesson, its check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.adapters import show
from lessons.adapters import tasks as check

torch.set_num_threads(1)
runtime.seed_all(0)

# %% [markdown]
# ## 1. A repair that vanishes
#
# Our small Transformer writes Python ([[attention]]). Rounding its 20 large matrices to 2 bits, four levels for each row, did it harm. Can training repair that?
#
# We could train the weights themselves, with rounding inside the training ([[qat]]), but that takes a float copy of each. Here the rounded weights stay as they are. We put an **adapter** beside each matrix, a few float numbers, and train only these. Then we add them to the matrices, which is called **merging**, and round to the same four levels again.
#
# We test every model on Python code that none of them was trained on. *KL*, the KL divergence, says how far a model's predictions have moved from the original's: 0 means the same predictions ([[the_same_model]] explains it). *Same* says how often both find the same character most probable.

# %%
from course_utils import language
from lessons.adapters.levels import attach, into_codes, logits, moved, on_levels, pieces, train

seen = language.encode(language.source()[0])  # modules of Python's library
unseen = pieces(language.encode(language.source(language.HELD_OUT)[0]))  # other modules, in pieces

# %% a_repair_that_vanishes
whole = language.trained()
base = on_levels(whole, bits=2)
repaired = train(attach(base), seen)
merged = into_codes(repaired)

original = logits(whole, unseen)[0]
changes = {}
for name, model in {"2 bits": base, "repaired": repaired, "merged": merged}.items():
    changes[name] = language.change(original, *logits(model, unseen))
    print(f"{name:8} KL {changes[name].kl.value:.2f}, same {changes[name].same.value:.2f}")
print("the merge moved {:,} of {:,} codes".format(*moved(merged, base)))

# %% [markdown]
# The adapters repaired about a third of the damage. Then the merge undid it, as far as two digits show. Where did the repair go? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. How do you train beside rounded weights?
#
# The codes stay **frozen**: they're used, but never changed. Instead, we add something to the output of their layer.
#
# Let's do it by hand, with two weights, one after the other. Both stand on the levels −1, 0, 1 and 2, and only their codes, 2 and 3, are stored. To read a code, we multiply it by the step, 1, and add the lowest level, −1. This is *dequantizing*: $w_1 = 2 \cdot 1 - 1 = 1$ and $w_2 = 3 \cdot 1 - 1 = 2$.
#
# Beside the *first* weight stands an adapter of two float numbers, $a = 0.5$ and $b = 0$:
#
# $$h = w_1 x + b \cdot a \cdot x \qquad\qquad y = w_2 h$$
#
# For the input $x = 1$ we get $h = 1$ and $y = 2$. But we want $y = 3$. With the loss $\frac12 (y - 3)^2$, the gradient of $y$ is just the error, $e = y - 3 = -1$.
#
# ### The gradient goes through a frozen weight
#
# To train $b$, the gradient has to come back from the loss, and $w_2$ is in its way, rounded and frozen. Rounding has the slope 0, and stops every gradient ([[qat]]).
#
# But nothing is rounded here. The rounding happened once, long before. The network that we train only dequantizes and multiplies, and a gradient passes through a multiplication, whatever the factor. Here's the chain rule, from the end to the beginning:
#
# - If $y$ grows by a little, the loss grows by $e = -1$ times as much.
# - If $h$ grows by a little, $y$ grows by $w_2 = 2$ times as much.
# - If $b$ grows by a little, $h$ grows by $a \cdot x = 0.5$ times as much.
#
# The gradient of $b$ is the product: $-1 \cdot 2 \cdot 0.5 = -1$. **The gradient passes through the frozen weight, as a factor.** Freezing only means that no gradient is computed *for* it.
#
# Likewise, the gradient of $a$ is $e \cdot w_2 \cdot b \cdot x$. With the learning rate 0.5, one training step goes like this:
#
# | | $a$ | $b$ | $h$ | $y$ | $e$ | gradient of $a$ | gradient of $b$ |
# |---|---|---|---|---|---|---|---|
# | before | 0.5 | 0 | 1 | 2 | −1 | −1 · 2 · 0 = 0 | −1 · 2 · 0.5 = −1 |
# | after | 0.5 | 0.5 | 1.25 | 2.5 | −0.5 | −0.5 | −0.5 |
#
# Half of the error is gone, and now $a$ has a gradient as well. PyTorch agrees with the first row:

# %% two_weights_by_hand tags=["nbval-check-output"]
import torch

codes = torch.tensor([2, 3])  # whole numbers, which have no gradient
w1, w2 = codes * 1.0 - 1
a, b = torch.tensor(0.5, requires_grad=True), torch.tensor(0.0, requires_grad=True)
y = w2 * (w1 * 1 + b * a * 1)
(0.5 * (y - 3) ** 2).backward()
print(f"y {y.item():g}, gradient of a {a.grad + 0:g}, of b {b.grad + 0:g}, of w2 {w2.grad}")  # + 0 makes −0 a 0

# %% [markdown]
# **Try it.** Change the codes to `[2, 1]` and run the cell again. What happens to the gradient of $b$, and why?
#
# <details><summary>What others found</summary>
#
# It's 0, because $w_2$ is 1 · 1 − 1 = 0 now. A gradient that is multiplied by 0 is gone, whether the factor is frozen or not.
#
# </details>
#
# Why should $b$ begin as 0? Because then the adapter adds nothing at first, and training starts from the model that we have. But $a$ mustn't begin as 0 as well. Each gradient is multiplied by the other number, so both would be 0, and nothing would ever move.

# %% [markdown]
# ### From one weight to a matrix
#
# A layer has a matrix $W$ in place of $w_1$, so its adapter has matrices in place of $a$ and $b$. $A$ takes the inputs *down* to $r$ numbers, and $B$ takes these *up* to the outputs:
#
# $$y = W x + \frac{\alpha}{r}\, B A\, x$$
#
# This is **LoRA**, short for low-rank adaptation ([Hu et al., 2021](https://arxiv.org/abs/2106.09685)). The small number $r$ is the *rank*, here 4. $\alpha$, here 8, sets how strongly the adapter counts.
#
# $A$ has $r$ numbers for each input, and $B$ has $r$ for each output. Beside 384 × 128 weights that's 4 · (384 + 128) = 2,048 numbers, one for every 24 weights. Why can so few be enough? The authors expect a new task to change a trained matrix in a few directions only, and their adapters did about as well as training all weights.

# %% layer tags=["hide-input"]
# Draws a layer with its adapter, and counts its numbers.
show.layer(repaired.blocks[0].qkv)

# %% [markdown]
# $A$ begins at random:

# %%
import copy

from torch import nn


class LoRA(nn.Module):
    def __init__(self, layer, rank=4, alpha=8):
        super().__init__()
        rows, columns = layer.weight.shape
        self.layer, self.scale = layer, alpha / rank
        self.a = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)


# %% [markdown]
# ## 3. What does training keep in memory?
#
# In section 1, `attach` froze a copy of the whole model with `model.requires_grad_(False)`, and put a `LoRA` beside each matrix. So only the adapters ask for a gradient, and `train` gives AdamW only these.
#
# Each number that's trained in 32 bits takes 16 bytes: 4 for the number itself, 4 for its gradient, and 8 for the two averages of the optimizer AdamW ([[training_memory]]). A frozen weight takes only its own 4.
#
# Take SmolLM2, the real model of [[weight_only]]. Training all its 134.5 million weights takes 134.5 million · 16 bytes = 2,152 MB. Adapters of rank 4 beside the matrices of its blocks have only 1.22 million numbers.
#
# **Predict.** All weights stay in 32 bits, but only the adapters are trained. The memory shrinks **A** to about half, **B** to a quarter, **C** to a hundredth?

# %% memory tags=["hide-input"]
# Works out the memory of each choice.
show.memory()

# %% [markdown] tags=["answer"]
# **To a quarter (B), because 4 of the 16 bytes per weight remain: the weight itself.** The *activations* come on top in every row, and adapters hardly shrink them (*Deeper*).

# %% [markdown]
# Frozen weights don't have to take small steps, so we may round them, as in the last row. Float adapters beside a rounded model are called **QLoRA** ([Dettmers et al., 2023](https://arxiv.org/abs/2305.14314)).

# %% [markdown]
# ## 4. Was it a repair, or only more training?
#
# Our small Transformer got better with adapters. But perhaps *any* model does if it's trained for longer? As a control, we put the same adapters beside the matrices of the *float* model, which has nothing to repair. If its loss falls as much, it was only more training. Each model was trained with six seeds, for 32 steps, at the best of six learning rates, which was chosen on other text (`records/adapters`). The table shows how far each loss lies above the float model's: with adapters, from the lowest of the six to the highest.
#
# **Predict.** The float model has learned from this text before. How much does its loss fall with adapters: **A** as much as that of the 2-bit model, **B** half as much, **C** hardly at all?

# %% arms tags=["hide-input"]
# Lists the record: each model without adapters, and with them at the best rate.
show.arms()

# %% [markdown] tags=["answer"]
# **C, hardly at all, probably because it had learned from this text until there was little more to gain.** Each higher rate was worse. And adapters brought the 2-bit model *back*: its KL to the original fell from 0.34 to 0.21. So it was a repair.

# %% [markdown]
# (At 0.003, the best rate for the 2-bit model, the float model's loss on the text that chose the rates ended 0.016 higher than at 0.0001.)
#
# But were adapters the best way to spend a few more bytes? Look at the row with 3 bits, where nothing was trained. A third bit for each of the 983,040 weights takes 123 kB, and the adapters' 40,960 numbers take 82 kB in 16 bits. **For a task that the model already knew, the third bit was the better buy in our narrow layers:** it costs 50 % more bytes than the adapters, but leaves less than a quarter of the damage that they leave. Try better levels before both, because they cost no byte. *Deeper* shows what they bring.
#
# So what are adapters good for? For something *new*.

# %% [markdown]
# ## 5. Merge, or ship two files?
#
# A customer writes Python IN CAPITALS, which our model has hardly seen. So we keep its codes, train other adapters on capitals, and count how often the most probable character is the one that really comes.

# %%
from lessons.adapters.levels import LoRA, in_float  # LoRA as it stood in section 2

capitals = language.encode(language.source()[0].upper())
writer = train(attach(base), capitals, rate=0.01)  # the same codes, other adapters

# %% new_task tags=["hide-input"]
# Counts the right answers of each model on unseen modules in capitals, and lists the six trainings of the record.
models = {"2 bits": base, "3 bits": on_levels(whole, bits=3), "float": whole, "2 bits and adapters": writer}
right = show.right({**models, "merged": into_codes(writer), "merged, 4 bits": on_levels(in_float(writer), bits=4)})
show.new_task(right)

# %% [markdown]
# More bits alone can only bring us back to the float model. The 2-bit model with adapters is ahead of it because it was trained on capitals; the float model could have learned them from adapters as well. So a new task needs training.
#
# But after the merge into the 2-bit codes, two thirds of the gain are gone. Why?
#
# ### A change of less than half a step is lost
#
# Our first weight would become $w_1 + b \cdot a = 1 + 0.5 \cdot 0.5 = 1.25$. But on the levels −1, 0, 1 and 2, the nearest to 1.25 is 1. The code stays 2, and what was learned is gone. **A code changes only if its weight moves by more than half a step.** Look at the repair of section 1:

# %% nine_weights tags=["hide-input"]
# Draws nine weights on their levels, and where the adapter of section 1 moves them.
show.nine_weights(repaired)

# %% [markdown]
# And the adapters for capitals, trained at a higher rate? With 4 bits, 15 steps take the place of 3, so half a step is a fifth as long, a tenth of a 2-bit step:

# %% how_far
for task, model in {"repair": repaired, "capitals": writer}.items():
    sizes = show.steps_moved(model).abs()  # in steps of 2 bits
    far = [f"{(sizes > half).float().mean():.1%}" for half in (1 / 2, 1 / 10)]
    print(f"{task:8}  median {sizes.median():.3f} of a step; beyond half a step of 2 bits {far[0]}, of 4 bits {far[1]}")

# %% [markdown]
# In capitals, a typical weight moved three times as far. Still fewer than one in a hundred changed its 2-bit code, and with them a third of the gain survived. In 4 bits more than a third of the weights move to another level, and as the list above shows, in this training the gain stays.
#
# So ship two files: the codes, and the adapters' numbers in 16 bits. At run time, they add about one multiplication for every 24. And ten customers with ten tasks share one file of codes. If it must be a single file, add the adapters in float and round to 4 bits. But then each customer has a whole file, with twice as many bits.

# %% [markdown]
# ## Exercise · The largest rank that fits
# ★★ · 10 minutes
#
# Write `within(model, names, budget)`. It returns a copy of the float `model` with frozen weights and a `LoRA` beside each layer in `names`, all of the same rank: the largest for which weights, gradients and averages together take at most `budget` bytes, in 32 bits. At least rank 1 fits. `model` itself stays as it is.
#
# <details><summary>Hint</summary>
#
# `copy.deepcopy` copies, `get_submodule(name)` finds a layer, and `set_submodule(name, new)` puts another in its place. First count: what does the frozen model keep, and what does one more rank keep in all layers together?
#
# </details>


# %% tags=["exercise"]
def within(model, names, budget):
    """A copy with adapters beside the named layers, of the largest rank that keeps at most `budget` bytes in training."""
    raise NotImplementedError


# %% tags=["check"]
check.within(within)


# %% tags=["solution", "hide-cell"]
def within_solution(model, names, budget):
    adapted = copy.deepcopy(model).requires_grad_(False)
    frozen = 4 * sum(p.numel() for p in adapted.parameters())
    numbers = sum(sum(adapted.get_submodule(name).weight.shape) for name in names)
    rank = (budget - frozen) // (16 * numbers)
    for name in names:
        adapted.set_submodule(name, LoRA(adapted.get_submodule(name), rank))
    return adapted


# %% [markdown]
# ## Remember
#
# - An adapter is trained beside frozen, rounded weights: the gradient passes through them as through any factor. One of its matrices begins as zeros, so the model begins unchanged.
# - Gradients and averages are kept for the adapters alone. Leaving activations aside, what remains is mostly frozen weights, which may be rounded (QLoRA).
# - A change of less than half a step is lost when you round to the same levels again, so ship codes and adapters as two files. If the model knew the task, try better levels and one more bit first.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("adapters")

# %% [markdown]
# ## Deeper
#
# ### QLoRA at work
#
# The library `peft` attaches adapters to models of Hugging Face. `target_modules` names the layers:
#
# ```python
# from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
# from transformers import AutoModelForCausalLM, BitsAndBytesConfig
#
# four_bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
# name = "HuggingFaceTB/SmolLM2-135M"
# model = AutoModelForCausalLM.from_pretrained(name, quantization_config=four_bits)
# model = prepare_model_for_kbit_training(model)
# model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
# ...  # train the model here
# model.save_pretrained("adapter")
# ```
#
# The 4 bits are those of bitsandbytes, which is mostly for GPUs. Their 16 levels, called *nf4*, lie closer together near zero, where most weights are. `merge_and_unload()` merges, and on such a base it warns of rounding errors ([PEFT, issue 2321](https://github.com/huggingface/peft/issues/2321)).
#
# The *activations* come on top of the table in section 3, and adapters hardly shrink them. The gradient of $a$ is $e \cdot w_2 \cdot b \cdot x$, so the forward pass must still keep $x$, the whole input of the layer.
#
# ### How can such tiny changes repair anything?
#
# An output adds up many of them, and training has made them fit together. When we put the same changes at random places of their matrices, in float, nothing was repaired in any of the six trainings of the record. But rounding looks at each weight alone.
#
# ### How large a rank?
#
# The formula divides $\alpha$ by the rank $r$, which is meant to spare you a new learning rate for each rank. What a rank costs depends on the width of the layers. Beside a square layer of width 128, rank 4 has 4 · 256 numbers of 16 bits for 16,384 weights, which is a whole bit for each weight. In a layer of width 4,096, it's three hundredths of a bit. So in a wide model, the comparison with one more bit may end otherwise.
#
# Begin small, double the rank, and stop when held-out text no longer improves.
#
# Better levels cost nothing. Ours reach from the lowest weight of a row to its highest. Let's narrow each row's range by the factor with the smallest squared error, without any training:


# %% better_levels
def on_better_levels(weight, bits=2):
    low, high = weight.aminmax(dim=1, keepdim=True)
    best, least = weight, torch.full_like(low, torch.inf)
    for part in torch.arange(0.5, 1.01, 0.05):  # of the range
        step = part * (high - low) / (2**bits - 1)
        rounded = ((weight - part * low) / step).round().clamp(0, 2**bits - 1) * step + part * low
        error = (rounded - weight).square().sum(1, keepdim=True)
        best, least = torch.where(error < least, rounded, best), torch.minimum(error, least)
    return best


from lessons.adapters.levels import matrices

narrowed = copy.deepcopy(whole).requires_grad_(False)
for name in matrices(narrowed):
    weight = narrowed.get_submodule(name).weight
    weight.copy_(on_better_levels(weight))
print(f"2 bits, better levels: KL {language.change(original, *logits(narrowed, unseen)).kl.value:.2f}")

# %% [markdown]
# That brings back most of what the adapters repaired, and costs no byte.

# %% [markdown]
# **Sources.** E. Hu et al., *LoRA*, 2021, [arXiv:2106.09685](https://arxiv.org/abs/2106.09685); T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314).
#
# **Going further.** Y. Li et al., *LoftQ*, 2023, [arXiv:2310.08659](https://arxiv.org/abs/2310.08659), begins with an adapter fitted to the rounding error; J. Kim et al., *PEQA*, 2023, [arXiv:2305.14152](https://arxiv.org/abs/2305.14152), trains the scales alone. Project: give the float model adapters for capitals as well.
#
# **Credits.** LoRA and its start from zeros after Hu et al. Text CC BY 4.0, code MIT.
#
# Our model has become small, and it has learned something new. But does a small model also write *faster*? In [[real_model]] we measure a real one, and the smaller one loses.
