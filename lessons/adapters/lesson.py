# ---
# jupyter:
#   course:
#     promise: You will train a small adapter beside a frozen model of few bits, count what that keeps in memory, and know what to ship and what not to merge.
#     seconds: 20
#     needs: [weight_only]
#     goals:
#       - attach a LoRA adapter to a frozen layer, and say why it begins as nothing;
#       - count what training then keeps in memory;
#       - tell a repair from more training, and decide what to ship.
#     terms: [adapter, LoRA, merging, QLoRA]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *Can a small adapter repair what two bits broke, and may you merge it?*

# %% tags=["setup", "hide-input"]
# Sets one thread and a seed, and imports the drawings of this lesson, its check and the scorecard.
import copy

import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.adapters import checks as check
from lessons.adapters import show

torch.set_num_threads(1)
runtime.seed_all(0)

# %% [markdown]
# ## 1. The repair that vanished
#
# A small Transformer writes Python. Each weight of the 20 matrices in its blocks goes to one of four levels of its row: 2 bits.
#
# *Repair:* train an **adapter**, a few float numbers, beside each matrix. *Merge:* fold the adapters into the weights, and round again. A lower *perplexity* is better.
#
# You know the model from [[attention]], and rounding from [[weight_only]]. The perplexity is that of Python code that the model never saw.

# %%
from course_utils import language
from lessons.adapters.levels import into_codes, moved, on_levels, repair

seen = language.encode(language.source()[0])  # modules of Python's library: the model has learned them
unseen = language.encode(language.source(language.HELD_OUT)[0])  # modules that it never saw

# %% the_repair_that_vanished
whole = language.trained()
base = on_levels(whole, bits=2)
repaired = repair(base, seen)  # 32 short steps, in which the codes stay
merged = into_codes(repaired)  # each sum goes to the nearest of the same four levels

# %% the_repair_that_vanished_2
models = {"float": whole, "2 bits": base, "repaired": repaired, "merged": merged}
perplexities = {}
for name, model in models.items():
    perplexities[name] = language.perplexity(model, unseen)
    print(f"{name:8} perplexity {perplexities[name]:.2f}")
print("codes that the merge moved: {:,} of {:,}".format(*moved(merged, base)))

# %% [markdown]
# The adapters won back more than a quarter of what the rounding had cost. The merge lost it again: of almost a million codes only a few have moved. Where did the repair go, and what should we have shipped? In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ## 2. A few numbers beside a frozen layer
#
# One weight, $w = 2$, is frozen. Beside it stands an adapter of two numbers, $a = 0.5$ and $b = 0$:
#
# $$y = w x + b \cdot a \cdot x$$
#
# For $x = 1$ the output is 2, and we want 3.
#
# The error is $e = y - 3$, the gradient of $b$ is $e \cdot a \cdot x$, that of $a$ is $e \cdot b \cdot x$. Learning rate: 1.
#
# Why not train the codes themselves? Training moves each number by a little, and a code, 0, 1, 2 or 3, cannot move by a little. So we leave the layer alone, and add the output of an adapter to its own. Only the adapter is trained. All else is **frozen**: used as before, and never changed.
#
# **By hand.** The loss is $\frac12 (y - 3)^2$, so its slope in $y$ is the error $e$. In each gradient it is multiplied by the *other* number:

# %% [markdown]
# | step | $a$ | $b$ | $y$ | $e$ | gradient of $a$ | gradient of $b$ |
# |---|---|---|---|---|---|---|
# | 0 | 0.5 | 0 | 2 | −1 | −1 · 0 = 0 | −1 · 0.5 = −0.5 |
# | 1 | 0.5 | 0.5 | 2.25 | −0.75 | −0.75 · 0.5 = −0.375 | −0.75 · 0.5 = −0.375 |
# | 2 | 0.875 | 0.875 | 2.77 | −0.23 | | |

# %% [markdown]
# As $b$ begins as 0, the first output is that of the frozen weight. So the adapter does no harm before it has learned something. In the first step only $b$ moves, and from then on both do.

# %% [markdown]
# **Predict.** If $a$ begins as 0, too, which numbers will ever move: **A** both, **B** only $b$, **C** neither?

# %% [markdown] tags=["answer"]
# **Neither (C), because each gradient is multiplied by the other number.** Both products are 0 in the first step, so nothing moves, and they are 0 in every later step as well.

# %% [markdown]
# ### A whole layer
#
# **LoRA** ([Hu et al., 2021](https://arxiv.org/abs/2106.09685)): down to $r$ numbers and up again; $r = 4$ is the *rank*: $y = W x + \frac{\alpha}{r}\, B A\, x$, $\alpha = 8$
#
# A layer has a matrix $W$ in place of one weight, so its adapter gets two matrices. $A$ takes the inputs *down* to $r$ numbers, and $B$ takes these *up* to the outputs. LoRA is short for low-rank adaptation: every row of $B A$ is a mixture of the four rows of $A$. So an adapter cannot make every change of $W$. Hu et al. report that on many tasks it does as well as training all weights.
#
# How many numbers is that? $A$ has a column for each input, and $B$ a row for each output, which makes $r \cdot (\text{rows} + \text{columns})$. For 384 × 128 weights that is $4 \cdot 512 = 2{,}048$ beside 49,152, one in 24.
#
# The factor $\frac{\alpha}{r}$ scales the adapter.

# %% layer tags=["hide-input"]
# Draws a layer with its adapter, and counts its numbers.
show.layer(repaired.blocks[0].qkv)

# %% [markdown]
# ### In PyTorch
#
# The last line multiplies the inputs first by $A$ and then by $B$, so that the large matrix $B A$ is never built.

# %%
import copy

import torch
from torch import nn


# %%
class LoRA(nn.Module):
    def __init__(self, layer, rank=4, alpha=8):
        super().__init__()
        rows, columns = layer.weight.shape
        self.layer, self.scale = layer, alpha / rank
        self.a = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)


# %%
frozen = base.blocks[0].qkv  # a layer of 2 bits
adapted = LoRA(frozen)
x = torch.randn(8, 128)
y = adapted(x)
y.square().mean().backward()
print("the output is that of the frozen layer:", torch.equal(y, frozen(x)))
print(f"size of the gradient: A {adapted.a.grad.norm():.3f}, B {adapted.b.grad.norm():.3f}")

# %% [markdown]
# As by hand, only $B$ has a gradient at first. The frozen layer here has 2 bits, and the class does not mind: it only asks the layer for its shape and an output.
#
# **Try it.** In the class, change `torch.zeros(rows, rank)` to `torch.randn(rows, rank)` and run both cells again. Then change it back, and run them once more.
#
# <details><summary>What others found</summary>
#
# Both matrices have a gradient. But the output is no longer that of the frozen layer, so training would begin with a changed model.
#
# </details>

# %% [markdown]
# ## 3. What training keeps
#
# A step of training needs more than the weights: a **gradient** for each trained number, and AdamW's two **averages**.
#
# SmolLM2-135M has 134.5 million weights: 106.2 in 210 matrices, 28.3 in its table of tokens. Its adapters of rank 4 have 1.2 million numbers: 4 · (rows + columns) for each matrix. In 32 bits each weight takes 4 bytes, its gradient 4, and its averages 8: training all weights keeps 2,152 MB.
#
# **Predict.** Only the adapters are trained, all in 32 bits. What is kept shrinks **A** to about half, **B** to a quarter, **C** to a hundredth?

# %% [markdown]
# | what is trained, in MB | weights | gradients | averages | together |
# |---|---|---|---|---|
# | all weights, in 32 bits | 538 | 538 | 1,076 | 2,152 |
# | adapters, base in 32 bits | 538 + 5 | 5 | 10 | 558 |
# | adapters, base in 16 bits | 269 + 5 | 5 | 10 | 289 |
# | adapters, matrices in 4 bits | 116 + 5 | 5 | 10 | 136 |

# %% [markdown] tags=["answer"]
# **To a quarter (B), because the 538 MB of the frozen weights stay, and gradients and averages nearly go.**

# %% [markdown]
# Each of an adapter's numbers costs 16 bytes, too, but there are only 1.2 million. In the last row a weight of the matrices takes 4.5 bits, with its share of one 16-bit scale, and no minimum, for 32 weights. That is 59.7 MB, and the table in 16 bits takes 56.6.
#
# So adapters shrink what belongs to *trained* numbers. The largest part that is left is the frozen base, and rounding shrinks that. This is **QLoRA** ([Dettmers et al., 2023](https://arxiv.org/abs/2305.14314)): a base of 4 bits, and float adapters beside it. With it they fine-tuned a model of 65 billion weights on one GPU of 48 GB.

# %% [markdown]
# The **activations** come on top: what the way forward computes and the way back needs. Most of them must still be kept: the gradient of $A$ needs the input of its layer, just as that of $a$ needed $x$.
#
# Where a large batch or a long text makes them fill the memory, checkpointing helps, which computes them a second time ([[training_memory]]).

# %% [markdown]
# ## 4. A repair, or more training?
#
# In section 1 the model got adapters, but it was also trained for longer. Perhaps *any* model gains from that.
#
# A **twin** tells: the same adapters, seed, text, steps and learning rate on the *float* model.
#
# The twin has no rounding to repair. If the 2-bit model gains more than its twin, longer training alone does not explain it.
#
# The loop is the one of section 1. Only the list of what it trains is special. `attach` puts a `LoRA` beside each matrix of a frozen copy, so the adapters alone ask for a gradient.

# %% [markdown]
# **Predict.** The float model learned this text in 2,400 steps, with a rate that fell almost to zero. With 32 more steps the twin gains **A** as much as the 2-bit model, **B** half as much, **C** nothing?

# %%
from torch.nn import functional as F

from lessons.adapters.levels import LoRA, attach  # LoRA as it stood in section 2


def train(model):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.003)
    for piece in language.batches(seen, steps=32, length=128):
        logits = model(piece[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %%
twin = attach(whole, LoRA)
train(twin)
perplexities["twin"] = language.perplexity(twin, unseen)

# %% a_repair_or_more_training tags=["hide-input"]
# Compares both bases before the training and after it.
for name, trained in {"2 bits": "repaired", "float": "twin"}.items():
    print(f"{name:6} perplexity {perplexities[name]:.2f}, with adapters {perplexities[trained]:.2f}")

# %% [markdown] tags=["answer"]
# **Nothing (C): it even gets a little worse.** The 2-bit model gains by the same training.

# %% [markdown]
# So we may call the gain on 2 bits a repair. Where the base has not finished learning, the twin may gain as well.

# %% [markdown]
# ## 5. Merge, or ship two files?
#
# **Merging** adds the adapter to the weight, $W + \frac{\alpha}{r} B A$. Then one matrix is left, and nothing more to compute.
#
# In section 2 after one step: $w + b \cdot a = 2 + 0.5 \cdot 0.5 = 2.25$. In float a whole layer loses only the last digits.
#
# An adapter adds two small products a token. It reads the same input as its layer, and both are linear, so their matrices can be added beforehand.

# %%
lora = repaired.blocks[0].qkv
change = (lora.scale * lora.b @ lora.a).detach()
one_matrix = nn.Linear(128, 384, bias=False)
one_matrix.weight.data = lora.layer.weight + change

difference = (one_matrix(x) - lora(x)).abs().max()

# %% merge_or_ship_two_files tags=["hide-input"]
# Compares the merge in float with layer and adapter.
print(f"largest difference of an output: {difference:.0e}")

# %% [markdown]
# But floats are sixteen times as large as codes of 2 bits. For a small file each sum must go back to one of four levels.

# %% [markdown]
# On the levels 0, 1, 2, 3 the sum 2.25 goes back to 2, and the change is gone. After the second step 2.77 goes to 3. **A code moves only where its weight has moved by more than half a step.**

# %% [markdown]
# ### Where did it go?
#
# Nine weights of one row, and where the adapter moves them.

# %% nine_weights tags=["hide-input"]
# Draws nine weights on their levels, and where the adapter moves them.
show.nine_weights(repaired)

# %% [markdown]
# A typical change is hundredths of a step. An output adds up many of them, and training made them work together. But rounding looks at each weight alone, and takes nearly all of them back. So we ship two files: the base in codes, and the numbers of the adapters in 16 bits.

# %% [markdown]
# ### What to ship
#
# One base in codes serves many tasks, and each task is a small file beside it.
#
# If there is only the old task, a third bit for the base does better here, for about the same bytes.

# %% files tags=["hide-input"]
# Puts bytes and perplexities of what could be shipped into a table.
models["3 bits"] = on_levels(whole, bits=3)
models["2 bits and adapter"] = show.in_16_bits(repaired)
for name in ("2 bits and adapter", "3 bits"):
    perplexities[name] = language.perplexity(models[name], unseen)
show.files(models, perplexities)

# %% [markdown]
# A merge in float is the way where you want one plain matrix and have the memory. Who merges and rounds again gets no error message, so *measure again*.

# %% [markdown]
# ## Exercise · A repair in a file of its own
# ★★ · 10 minutes
#
# Write `adapt(model, names, train, path)`. Freeze a copy of `model`, and put a `LoRA` beside each layer in `names`, such as `"blocks.0.qkv"`. Then call `train` on it, save the adapters' numbers, and no others, to `path` as a dict of tensors, and return the copy.
#
# After the check, run `adapt(base, matrices(base), train, "adapter.pt")`, with `matrices` from `lessons.adapters.levels`. Is its perplexity near that of the repaired model?
#
# <details><summary>Hint</summary>
#
# `copy.deepcopy` copies, `get_submodule(name)` finds a layer, and `set_submodule(name, new)` puts another into its place. Freeze with `requires_grad_(False)` before you attach: then only what is new asks for a gradient. `named_parameters()` gives names and numbers for `torch.save`.
#
# </details>


# %% tags=["exercise"]
def adapt(model, names, train, path):
    """A copy of model with trained adapters beside the named layers; their numbers are saved to path."""
    raise NotImplementedError


# %% tags=["check"]
check.adapt(adapt)


# %% tags=["solution", "hide-cell"]
def adapt_solution(model, names, train, path):
    adapted = copy.deepcopy(model).requires_grad_(False)
    for name in names:
        adapted.set_submodule(name, LoRA(adapted.get_submodule(name)))
    train(adapted)
    numbers = {name: p.detach() for name, p in adapted.named_parameters() if p.requires_grad}
    torch.save(numbers, path)
    return adapted


# %% [markdown]
# ## Remember
#
# - An adapter of low rank stands beside a frozen layer and begins as nothing, because one of its two matrices begins as zeros.
# - Gradients and averages are kept for the adapters alone. The base is frozen, so it may be rounded (QLoRA); the activations stay.
# - A merge in float loses only the last digits; rounded to the same levels, changes of less than half a step are gone, so ship base and adapter as two files.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("adapters")

# %% [markdown]
# ## Deeper
#
# ### What is forgotten
#
# While an adapter for a new task is in use, the model may do worse at what it knew. But the base is frozen: take the adapter out, and the old model is back. A model that was trained as a whole has no way back, unless somebody kept a copy of all its weights.
#
# ### QLoRA in practice
#
# At work, the library `peft` attaches adapters to models of Hugging Face; `target_modules` plays the part of `names` in the exercise:
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
# The 4 bits here are those of bitsandbytes, which is mostly for GPUs. Their 16 levels, called *nf4*, lie closer together near zero, where most weights are. `merge_and_unload()` merges, and on such a base it warns of rounding errors ([PEFT, issue 2321](https://github.com/huggingface/peft/issues/2321)).
#
# ### How large a rank?
#
# Numbers, bytes and the two small products grow in proportion to the rank. What a rank costs depends on the width. Rank 4 beside a square layer of 128 has $4 \cdot 256$ numbers of 16 bits for 16,384 weights, a whole bit a weight. In a layer of 4,096 it is three hundredths of a bit. So in a wide model the comparison with a third bit may end otherwise.
#
# Begin small, double the rank, choose the learning rate anew, and stop when held-out text gains no more.

# %% [markdown]
# **Sources.** E. Hu et al., *LoRA*, 2021, [arXiv:2106.09685](https://arxiv.org/abs/2106.09685); T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314).
#
# **Going further.** Y. Li et al., *LoftQ*, 2023, [arXiv:2310.08659](https://arxiv.org/abs/2310.08659), begins with an adapter fitted to the rounding error; J. Kim et al., *PEQA*, 2023, [arXiv:2305.14152](https://arxiv.org/abs/2305.14152), trains the scales alone. Projects: train an adapter on your own code, and see what the model forgets; repair a base of 3 bits, and compare with the fourth bit.
#
# **Credits.** LoRA and its start from zeros after Hu et al. Text CC BY 4.0, code MIT.
