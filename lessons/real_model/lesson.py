# ---
# jupyter:
#   course:
#     promise: You will be able to say how fast a language model can write on your machine before you download it, and whether a runtime makes use of small weights.
#     seconds: 40
#     needs: [decoding, weight_only]
#     goals:
#       - count the bytes that a language model reads for each token;
#       - compute from them how fast it can write at best, before you download it;
#       - tell from the time of a token whether a runtime makes use of small weights.
#     terms: [memory floor, safetensors, tied head]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How fast can a language model write on your laptop?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch

from course_utils import claims, runtime
from lessons.real_model import show
from lessons.real_model import tasks as check

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Words and seconds
#
# Let's start with a small model: SmolLM2-135M-Instruct ([Allal et al., 2025](https://arxiv.org/abs/2502.02737)), which you know from [[weight_only]]. It writes with a cache, as in [[decoding]], on one thread of your processor, and we time each token.

# %%
import time

import torch

from course_utils import real_models

model, tokenizer = real_models.smollm2()
question = "Why is the sky blue?"


def write(net, n):
    """Each of n tokens, as text, with the seconds that it took."""
    chat = [{"role": "user", "content": question}]
    new = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    cache = None
    for _ in range(n):
        start = time.perf_counter()
        out = net(new, cache=cache, use_cache=True)
        new, cache = out.logits[:, -1:].argmax(-1), out.cache
        yield tokenizer.decode(new[0]), time.perf_counter() - start


# %% words_and_seconds
words, seconds = zip(*write(model, 24), strict=True)
took = {"float32": min(seconds[1:])}
print("".join(words))
print(f"first token {seconds[0]:.2f} s, then from {took['float32']:.3f} to {max(seconds[1:]):.3f} s")

# %% [markdown]
# The first token takes longest, because before it the model processes the whole question. The later ones aren't all equal, since your computer has other things to do as well. So we keep the shortest time, the one that was disturbed least.
#
# Could you have known how short this time can be, without running the model? In about an hour you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# **Try it.** Change `question` to one of your own, and run both cells again. What changes: the words, the shortest time, or both?
#
# <details><summary>What others found</summary>
#
# The words do. The shortest time stays about the same, since each token goes through the same weights.
#
# </details>

# %% [markdown]
# ## 2. What a token reads
#
# From [[decoding]] we know what a token costs: the processor has to *read* the weights, which means to fetch them from memory, and for the next token it has to do so again.
#
# A token begins in the **embedding table**, which has a row of 576 numbers for each of the 49,152 tokens. Its row goes through 30 **blocks**. At the end, the **head** gives each of the 49,152 tokens a score, and for that it needs 576 weights for each of them, a matrix of the same shape as the table. In SmolLM2 it even *is* the table, used a second time and stored only once. This is called a **tied head** ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)).
#
# | SmolLM2 | weights | in the file | in float32 |
# |---|---|---|---|
# | table, also the head | 28.3 million | 30.1 MB | 113.2 MB |
# | 30 blocks | 106.2 million | 66.4 MB | 424.7 MB |
# | all, with the small norms | 134.5 million | **96.6 MB** | **538.1 MB** |
#
# Why two columns of bytes? In the file, the blocks have codes of 4 bits. Each group of 32 weights adds a step and a minimum of 16 bits each, so one bit more for each weight, together 5. The table has codes of 8 bits and no minimum, which makes 8.5 ([[weight_only]]). But PyTorch's ordinary layers multiply floats. So when we open the file, we unpack all codes, and from then on each weight takes 4 bytes. **Our float32 model is the 4-bit file, unpacked.**

# %%
_, tensors = real_models.read_gguf(real_models.smollm2_file())
in_file = sum(packed.nbytes for _, packed in tensors.values())
in_float32 = sum(weight.nbytes for weight in model.parameters())  # a tied matrix comes once
print(f"{in_file / 1e6:.1f} MB in the file, {in_float32 / 1e6:.1f} MB in float32")

# %% [markdown]
# ### Untied
#
# Another model is like SmolLM2, but *untied*: its table and its head are two matrices, of 28.3 million numbers each.
#
# **Predict.** How many numbers of its *table* must it read for a token: **A** 28.3 million, **B** 576, **C** none?

# %% [markdown] tags=["answer"]
# **576 (B), because the newest token is known, and only its row is looked up.** The head needs all its rows, since any token may be the next one.

# %% [markdown]
# One more thing is read: the KV cache of the text so far. In each of the 30 blocks, a token leaves a key and a value of 3 heads with 64 numbers. That's 2 · 30 · 3 · 64 = 11,520 numbers, or 46 kB in float32, and after 1,000 tokens 46 MB.
#
# So **for each token, SmolLM2 reads all its weights and the whole cache.**

# %% [markdown]
# ## 3. The memory floor
#
# We know the bytes that a token reads. But how fast does the memory deliver them? That's its **bandwidth**. Say it's 10 GB, or 10,000 MB, per second, and the text is so short that the cache hardly counts:
#
# - *In float32:* 538 MB take 538 / 10,000 = **0.054 seconds**. So SmolLM2 can't write more than 1 / 0.054, about 19 tokens, per second.
# - *As in the file:* 97 MB would take 97 / 10,000 = **0.0097 seconds**. That would allow 103 tokens per second.
#
# Bytes over bandwidth is the **memory floor** of a token. A *runtime*, the program that runs a model, may be as clever as it likes: if it reads these bytes from this memory for every token, it can't be faster.
#
# How much does *your* memory deliver? We multiply 67 million numbers by themselves and sum them up, which adds little work to the reading. They take up 268 MB, far more than a laptop's processor can keep inside. The model writes with one thread, so we use one here, too. With all threads, your memory may deliver more, and then the floor is lower.

# %% the_memory_floor
from timeit import repeat

setup = "import torch; numbers = torch.ones(2**26)"  # 4 bytes each
bandwidth = 2**28 / min(repeat("numbers @ numbers", setup, number=1, repeat=9))
floor = in_float32 / bandwidth
print(f"{bandwidth / 1e9:.0f} GB per second, so the floor is {floor:.3f} s a token")
print(f"measured: {took['float32']:.3f} s a token")

# %% [markdown]
# A model takes longer than its floor, because producing a token takes more than reading the weights. So the floor is a limit, not a forecast. And our dot product may miss a part of what the memory can deliver: on one machine, multiplying a matrix with rows of 4,096 numbers, also with one thread, read 1.3 times as fast. So the true floor may be about a quarter lower than the line above says.
#
# If a model reads all its weights for each token, you can compute its floor before you download or buy anything, from the size of the file, without the table if it's untied, and the bandwidth that a laptop's maker states. That's a peak, so the real floor can only be higher. A *mixture of experts* reads only some of its weights for a token: count these *active* ones.
#
# ### Seven billion
#
# Another model, built like SmolLM2, has 7 billion weights of 5 bits each. It writes one text, token by token, on a laptop whose memory delivers 20 GB per second.
#
# **Predict.** Somebody promises you ten tokens per second, with the right runtime. Is that: **A** easy, **B** just possible, **C** impossible?

# %% [markdown] tags=["answer"]
# **Impossible (C), because 7 billion · 5 / 8 = 4.4 GB take 4.4 / 20 = 0.22 seconds.** That allows fewer than five tokens per second.

# %% [markdown]
# ## 4. Does the runtime make use of small weights?
#
# The file's floor is 5.6 times lower than that of float32, but our unpacked model gains nothing from that.
#
# ### PyTorch with int8 weights
#
# torchao rounds the weights to codes of 8 bits. The codes take up 135 MB in place of 538, so their floor is a quarter.

# %%
import copy

from torchao.quantization import Int8WeightOnlyConfig, quantize_

int8 = copy.deepcopy(model)
quantize_(int8, Int8WeightOnlyConfig())
took["int8"] = min([seconds for _, seconds in write(int8, 24)][1:])

# %% int8_and_floats tags=["hide-input"]
# Times how long it takes only to make floats of all codes, in new memory or in memory that is already there.
codes = [layer.weight.qdata for layer in int8.modules() if isinstance(layer, torch.nn.Linear)]
there = {code.shape: torch.empty_like(code, dtype=torch.float32) for code in codes}


def make_floats():
    for code in codes:
        code.float()  # and drop them, as a layer does after its product


def fill_floats():
    for code in codes:
        there[code.shape].copy_(code)


to_floats, filled = (min(repeat(job, number=1, repeat=11)) for job in (make_floats, fill_floats))
print(f"a token in float32 {took['float32']:.3f} s, in int8 {took['int8']:.3f} s")
print(f"only converting all codes to floats: {to_floats:.3f} s, into memory already there {filled:.3f} s")

# %% [markdown]
# Int8 is slower than float32 here, where it isn't compiled. For every token, each layer first converts all its codes to floats, and then it multiplies them, much as the float32 layer does. The last line shows how long the conversion takes, and how much of that goes into getting new memory for the floats ([[torchao]]).
#
# The codes aren't to blame. Compiled with `torch.compile`, they let the model write 1.8 times as fast as float32 in our record (`records/language`), probably because a compiled layer converts and multiplies in one go.
#
# ### A runtime that you can't see into
#
# OpenVINO is a runtime that opens our file by itself. Does it keep the weights small, or does it unpack them first?
#
# **Predict.** Suppose that a runtime takes 0.024 seconds for a token of SmolLM2, and the memory delivers 10 GB per second. How many bytes does it read for each weight: **A** 4, as in float32, **B** certainly fewer, **C** impossible to tell?

# %% [markdown] tags=["answer"]
# **Certainly fewer (B), because in 0.024 seconds this memory delivers at most 0.024 · 10,000 = 240 MB.** Four bytes for each weight would be 538 MB. We've turned the floor around: seconds times bandwidth is the most that can have been read. That can't tell 5 bits from 8, since 97 MB and 135 MB both fit into 240.

# %% [markdown]
# Now for OpenVINO on your machine, with one thread, as we measured the memory:

# %% in_openvino tags=["hide-input"]
# Opens the file in OpenVINO, if it's installed, lets it answer, and keeps the shortest time of a token.
from course_utils.files import command

try:
    import openvino_genai
except ImportError:
    print(f"OpenVINO is left out. To install it, in a terminal: {command('fetch')}")
else:
    engine = openvino_genai.LLMPipeline(str(real_models.smollm2_file()), "CPU", INFERENCE_NUM_THREADS=1)
    said = engine.generate([question], max_new_tokens=24, ignore_eos=True, do_sample=False)
    in_openvino = min(said.perf_metrics.raw_metrics.m_durations[1:]) / 1e6  # from microseconds
    took["OpenVINO"] = in_openvino
    print(said.texts[0])

# %% floors tags=["hide-input"]
# Draws the time of a token in each runtime, the floor of its bytes, and the floor of float32 as a line.
show.floors(took, {"float32": in_float32, "int8": in_float32 / 4, "OpenVINO": in_file}, bandwidth)

# %% [markdown]
# Does OpenVINO's bar end far left of the dashed line, the floor of float32, say at half of it? Then it can't have read four bytes for each weight, even if our dot product has missed a quarter of the bandwidth. If it ends near the line or on its right, the question stays open.
#
# **A small file allows speed, but the runtime has to make use of it.**
#
# ### Fast, but is it still the same model?
#
# OpenVINO has opened the same file as we have, and yet its answer is worded differently. Our float32 model has exactly the weights of the file. But when OpenVINO opens the file, it [rounds](https://github.com/openvinotoolkit/openvino.genai/blob/0f3a5db45ff70ce41559837a48ebdd3605a660ba/src/cpp/src/gguf_utils/building_blocks.cpp) each group's minimum to a whole number of steps. Is that the cause? As a control, we rounded just the minima, in PyTorch.
#
# The **KL divergence** says how far a model's predictions have moved from the original's: 0 means the same predictions ([[the_same_model]] explains it). Each row compares two models by it, and by how often they think the same token likeliest, their *first choice* (`records/real_model`). The third row is the control:

# %% still_the_same tags=["hide-input"]
# Shows the record: how far each copy has moved from the weights of the file, on a text of a thousand tokens.
show.still_the_same()

# %% [markdown]
# OpenVINO has moved much further than int8. The control has moved as far as OpenVINO. That alone proves little, because two models can move equally far to different places. But in the last row the two are close. So the rounding of the minima is the cause. It's probably not the price of speed: on the same file, llama.cpp was as fast in `records/language`, with a perplexity of 17.18 where float32 has 17.23 and OpenVINO 20.40. Its KL divergence we haven't measured. Before you trust a fast runtime, compare it with one that you know.

# %% [markdown]
# ## Exercise · How fast at best?
# ★★ · 10 minutes
#
# Write `fastest(model, positions, bandwidth)`: how many tokens per second a model like SmolLM2 can write at best, when its cache holds `positions` tokens and the memory delivers `bandwidth` bytes per second. Weights and cache share one data type. The model may be tied or untied.
#
# The table is `model.model.embed_tokens.weight`, and the head `model.lm_head.weight`. In `model.config` you find `num_hidden_layers` (blocks), `num_key_value_heads` and `head_dim`.
#
# <details><summary>Hint</summary>
#
# `head is table` is true if they are one tensor. Every tensor has `nbytes`, and so has one row of it. One number takes `element_size()` bytes.
#
# </details>
#
# <details><summary>What you should find</summary>
#
# `fastest(model, 0, bandwidth)` is `1 / floor`. With 8,000 positions, the cache adds 369 MB, so float32 is at most 0.6 times as fast.
#
# </details>


# %% tags=["exercise"]
def fastest(model, positions, bandwidth):
    """The most tokens per second, with a cache of so many positions."""
    raise NotImplementedError


# %% tags=["check"]
check.fastest(fastest)


# %% tags=["solution", "hide-cell"]
def fastest_solution(model, positions, bandwidth):
    table, head = model.model.embed_tokens.weight, model.lm_head.weight
    read = sum(weight.nbytes for weight in model.parameters())
    if head is not table:
        read = read - table.nbytes + table[0].nbytes
    config = model.config
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    read = read + positions * numbers * table.element_size()
    return bandwidth / read


# %% [markdown]
# ## Remember
#
# - For each token, a model like SmolLM2 reads all its weights and the whole cache, but only one row of a table that is only looked up.
# - Bytes over bandwidth is the memory floor: compute it before you download, from the weights that a token reads, because no runtime that reads these bytes from this memory for every token can be faster.
# - A small file makes writing faster only if the runtime makes use of it: seconds times bandwidth is the most that it can have read.

# %% [markdown]
# ## Scorecard

# %% tags=["scorecard"]
claims.show("real_model")

# %% [markdown]
# ## Deeper
#
# ### A file that OpenVINO takes as it is
#
# In the group that [[weight_only]] took apart, the step is 0.0497 and the minimum −0.490. That's 0.490 / 0.0497 = 9.86 steps below 0, and OpenVINO rounds that to 10, so all 32 weights move by 0.14 steps.
#
# GGUF has another form, Q8_0, with codes of 8 bits and a step for each group, but no minimum that could be rounded. We wrote SmolLM2's weights into such a file. In OpenVINO, its KL divergence from our float32 model is 0.005, and 96 % of the first choices are the same. The floor is about one and a half times as high (143 MB in place of 97), but on the machine of our record (`records/language`), where neither comes near its floor, it was hardly slower: 39 tokens per second in place of 42.
#
# ### Does it fit, and which file may I open?
#
# A model needs room for its weights, for the cache of the longest text, and for all else that runs. In 16 bits, 7 billion weights take 14 GB, and in 5 bits 4.4 GB. If they don't all fit, some of them come from the disk for every token, and then the bandwidth that counts is that of the disk.
#
# Weights from strangers come in several kinds of files. A **safetensors** file holds a table of names, types and shapes, and then numbers. Opening it runs no code. GGUF is of a similar kind, but also holds a chat template, a small program: runtimes have been [attacked through it](https://kb.cert.org/vuls/id/915947), so keep yours up to date. A file that ends in `.bin`, `.pt` or `.ckpt` is mostly a *pickle*: instructions for building Python objects, which may call any function while the file is opened. Take another form, or open it with `torch.load(file, weights_only=True)`. And leave `trust_remote_code` off, because it runs Python code that comes with a model.

# %% [markdown]
# **Sources.** L. Ben Allal et al., *SmolLM2*, 2025, [arXiv:2502.02737](https://arxiv.org/abs/2502.02737); R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102), counts what a token reads.
#
# **Going further.** [llama.cpp](https://github.com/ggml-org/llama.cpp), from which GGUF comes; [OpenVINO GenAI](https://openvinotoolkit.github.io/openvino.genai/); [safetensors](https://github.com/huggingface/safetensors). `python3 course.py bench language` measures four runtimes on your machine. Projects: the same bars with all threads; the KL divergence of another runtime.
#
# **Credits.** SmolLM2 is by Hugging Face, under Apache-2.0. All code was written for this course. Text CC BY 4.0, code MIT.
#
# **What's next.** Here, a different answer made us look closer. But suppose that the answer is the same, and the perplexity as well. Is it still the same model? [[the_same_model]] has a case where many first choices have changed, and neither the answer nor the perplexity shows it.
