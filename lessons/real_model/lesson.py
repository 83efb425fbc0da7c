# ---
# jupyter:
#   course:
#     promise: You will be able to say how fast a language model can write on your machine before you start it, and whether an engine makes use of small weights.
#     seconds: 40
#     needs: [decoding, weight_only]
#     goals:
#       - count the bytes that a model reads for each token;
#       - compute from them how fast it can write at best, before you measure;
#       - say why a smaller model may be slower, and find an engine that makes use of its bits.
#     terms: [memory floor, safetensors, tied head]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # [[title]]
#
# *How fast can it write here?*

# %% tags=["setup", "hide-input"]
# Sets a seed and one thread, switches gradients off, and imports the drawings, the check and the scorecard.
import course_utils  # noqa: F401  first, since it holds back what packages say of themselves when they are imported

# isort: split
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.real_model import checks as check
from lessons.real_model import show

torch.set_grad_enabled(False)  # the lesson only runs networks
runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Words and seconds
#
# SmolLM2-135M-Instruct answers *Why is the sky blue?* Beside each token stand the seconds that it took.
#
# The model comes from [Allal et al., 2025](https://arxiv.org/abs/2502.02737), and its file has 98 MB, tokenizer included. We write with a cache, as in [[decoding]], on one thread of your processor.

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
every = []
for word, seconds in write(model, 12):
    print(f"{seconds:.3f}  {word}")
    every.append(seconds)
took = {"float32": min(every)}

# %% [markdown]
# In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]
#
# The first token takes longest: the model reads the question before it. All others take about the same time, whatever the word is. Could you have told that time without running the model?
#
# **Try it.** Change `question` to one of your own, and run both cells again. Which of the two changes, the words or the seconds?
#
# <details><summary>What others found</summary>
#
# The words do. They read well, and are often wrong, since the model is small. After the first token the seconds hardly change: each token goes through the same weights.
#
# </details>

# %% [markdown]
# ## 2. What a token reads
#
# | SmolLM2 | weights | in float32 | in the file |
# |---|---|---|---|
# | table: 49,152 tokens × 576, also the head | 28.3 million | 113.2 MB | 30.1 MB |
# | 30 blocks | 106.2 million | 424.7 MB | 66.4 MB |
# | norms | 0.04 million | 0.1 MB | 0.1 MB |
# | together | 134.5 million | **538.1 MB** | **96.6 MB** |
#
# Each new token reads all of it.
#
# A token begins as a row of a table: 49,152 tokens, each with 576 numbers, make 28.3 million. Then come the 30 blocks. In attention, queries and output have 576 · 576 weights each, keys and values 576 · 192, together 0.88 million. The feed-forward layers have 3 · 576 · 1,536, which is 2.65 million. So a block has 3.54 million weights, and 30 of them have 106.2 million.
#
# At the end stands the **head**. It compares the result with a row of 576 numbers for each of the 49,152 tokens, and gives a score to each. In SmolLM2 that matrix *is* the table, used a second time and stored once: a **tied head** ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)).
#
# In float32 each weight takes 4 bytes. In the file a weight of the blocks takes 5 bits, and one of the table 8.5: [[weight_only]] counts them.

# %%
_, tensors = real_models.read_gguf(real_models.smollm2_file())
in_file = sum(packed.nbytes for _, packed in tensors.values())
in_float32 = sum(weight.nbytes for weight in model.parameters())  # a tied matrix comes once
print(f"{in_float32 / 1e6:.1f} MB in float32, {in_file / 1e6:.1f} MB in the file")

# %% [markdown]
# Why is all this read again for every token? A processor computes with numbers that lie in its caches, and in most processors these have room for some tens of megabytes. So the weights of the last blocks push out those of the first. When the next token comes, the first blocks must be fetched from the memory once more, and so must all others.

# %% [markdown]
# ### Untied
#
# Another model is like SmolLM2, but *untied*: table and head are two matrices, of 28.3 million numbers each.
#
# **Predict.** How many more numbers must it read for a token: **A** 28.3 million, **B** 576, **C** none?

# %% [markdown] tags=["answer"]
# **576 (B), because looking a token up reads one row, and the head is read whole in both models.**

# %% [markdown]
# Any token may be the next one, so the head needs a score for each. A tied model reads its one matrix whole, as the head, and the row that it looked up is among what is read.

# %% [markdown]
# So this is the rule for such a model: **a token reads all weights, but only one row of a table used just for look-up.** On top comes the cache of the text so far: in SmolLM2 46 MB after 1,000 tokens.
#
# [[decoding]] counted it: a token leaves 2 · 30 · 192 = 11,520 numbers. In float32 that is little beside 538 MB.

# %% [markdown]
# ## 3. The memory floor
#
# The memory delivers, say, 10 GB (10,000 MB) a second. 538 MB take 538 / 10,000 = **0.054 seconds**. So in float32 SmolLM2 writes fewer than 19 tokens a second.
#
# This is its **memory floor**, the memory's time in [[roofline]]: bytes that must be read, over the bandwidth.
#
# No engine gets below it, as long as it reads these bytes from this memory. With the bytes of the file the floor is 97 / 10,000 = 0.0097 seconds, and at most 103 tokens are written in a second. Fewer bytes promise speed.
#
# How much does *your* memory deliver? Multiply a matrix that is far larger than the caches of a laptop with a vector, as a layer does for one token, and take the time. We read with one thread, because the model writes with one.

# %% the_memory_floor
from timeit import repeat

setup = "import torch; matrix, vector = torch.ones(2**14, 2**12), torch.ones(2**12)"
seconds = min(repeat("matrix @ vector", setup, number=1, repeat=9))
bandwidth = 2**28 / seconds  # the matrix has 268 MB
floor = in_float32 / bandwidth
print(f"{bandwidth / 1e9:.0f} GB a second, so the floor is about {floor:.3f} s")
print(f"measured: {took['float32']:.3f} s")

# %% [markdown]
# A token takes longer than its floor: many small steps lie between the matrices, and one large matrix is read faster than many smaller ones. The floor is the best case. What it is good for is a decision *before* you download or buy anything.

# %% [markdown]
# ### Seven billion
#
# A model like SmolLM2 has 7 billion weights, with 5 bits each. It writes one token after the other, on a laptop whose memory delivers 20 GB a second.
#
# **Predict.** Somebody promises ten tokens a second, with the right engine. Is that: **A** easy, **B** just possible, **C** impossible?

# %% [markdown] tags=["answer"]
# **Impossible (C), because 7 billion · 5 / 8 = 4.4 GB take 4.4 / 20 = 0.22 seconds.** That makes fewer than five tokens a second at best.

# %% [markdown]
# What helps is fewer bytes, in fewer weights or fewer bits, or a faster memory. That of a graphics card delivers hundreds of gigabytes a second. Or let one reading of the weights serve several tokens, as a batch or a draft does in [[decoding]].

# %% [markdown]
# ## 4. Who keeps the promise?
#
# Four ways to run SmolLM2, on one thread:
#
# - PyTorch in **float32**: 538 MB a token.
# - PyTorch in **bfloat16**, 16 bits: 269 MB.
# - PyTorch with **int8** weights, by torchao: 135 MB.
# - **OpenVINO**, an engine for inference, on the file with 4 bits: 97 MB in the file.

# %% [markdown]
# ### A quarter of the bytes
#
# The int8 weights have a quarter of the bytes of float32.
#
# **Predict.** Against float32, is PyTorch's int8 model: **A** nearly four times as fast, **B** a little faster, **C** slower?

# %%
import copy

from torchao.quantization import Int8WeightOnlyConfig, quantize_

bfloat16 = copy.deepcopy(model).to(torch.bfloat16)
int8 = copy.deepcopy(model)
quantize_(int8, Int8WeightOnlyConfig())
took["bfloat16"] = min(seconds for _, seconds in write(bfloat16, 12))
took["int8"] = min(seconds for _, seconds in write(int8, 12))

codes = [layer.weight.qdata for layer in int8.modules() if isinstance(layer, torch.nn.Linear)]


def make_floats():
    for code in codes:
        code.float()


to_floats = min(repeat(make_floats, number=1, repeat=5))
print(f"int8: {took['int8']:.3f} s a token; to make floats of all codes takes {to_floats:.3f} s")

# %%
from course_utils.door import command

try:
    import openvino_genai
except ImportError:
    print(f"OpenVINO is left out. To install it, in a terminal: {command('fetch')}")
else:
    engine = openvino_genai.LLMPipeline(str(real_models.smollm2_file()), "CPU", INFERENCE_NUM_THREADS=1)
    said = engine.generate([question], max_new_tokens=24, ignore_eos=True, do_sample=False)
    in_openvino = min(said.perf_metrics.raw_metrics.m_durations) / 1e6  # microseconds of each later token
    took["OpenVINO"] = in_openvino
    print(said.texts[0])

# %% floors tags=["hide-input"]
# Draws the seconds of a token in each way, and the part of them that the floor of its bytes explains.
show.floors(
    took, {"float32": in_float32, "bfloat16": in_float32 / 2, "int8": in_float32 / 4, "OpenVINO": in_file}, bandwidth
)

# %% [markdown] tags=["answer"]
# **Slower (C), because for every token each layer first makes floats of all its codes.**

# %% [markdown]
# Look at the dark parts of the bars. They shrink from top to bottom, as the bytes do. The light parts tell who profits.
#
# - **bfloat16** has half of the bytes. How much that brings depends on the kernel that PyTorch has for your processor.
# - **int8** has a quarter of the bytes, and loses to float32 here, where nothing is compiled. Look at what the cell printed: to make floats of all codes, without multiplying anything, takes a large part of its time.
# - **OpenVINO** has the fewest bytes. It can keep the weights packed, as the kernel of [[weight_only]] did.
#
# The floor is also a detective. Does the bar of OpenVINO end well before the dark part of float32 does? Then it needs less time for a whole token than reading 32 bits for each weight would take. So it reads fewer, and you know this without having seen its code. **A small file is a promise, and the engine has to keep it.**

# %% [markdown]
# ### What to ask of an engine
#
# - Which **bytes** does a token read, and what is their floor here?
# - How far above the floor is it? Near it, fewer bytes help; far above it, another engine, or a compiler.
# - Does it write what it should? Ask it your own questions.

# %% [markdown]
# ### Why other words?
#
# Asked about the sky, PyTorch begins with *The answer to this question*, and OpenVINO with *The sky blue phenomenon*. One cause: when it opens the file, OpenVINO stores how far below 0 the minimum of each group lies, as a whole number of steps.
#
# The first group of a layer has the step 0.0497 and the minimum −0.490:
#
# 0.490 / 0.0497 = 9.86 steps below 0, stored as **10**. So each of its 32 weights moves by 0.14 steps.
#
# This is a second rounding, as in [[weight_only]]: the levels of a group move by up to half a step. *Deeper* tells what it costs, and how to avoid it. You find such a thing by asking an engine your own questions, beside an engine that you trust.

# %% [markdown]
# ## Exercise · The bytes of a token
# ★★ · 10 minutes
#
# Write `token_bytes(model, positions)`: the bytes that a model like SmolLM2 must read for one token, a whole number. Its cache holds `positions` tokens. Weights and cache have one type. The model may be tied or untied.
#
# The table is `model.model.embed_tokens.weight`, the head `model.lm_head.weight`. In `model.config` stand `num_hidden_layers` (blocks), `num_key_value_heads` and `head_dim`.
#
# <details><summary>Hint</summary>
#
# `head is table` is true if they are one tensor. Every tensor has `nbytes`, and so has one row of it. One number has `element_size()` bytes.
#
# </details>
#
# <details><summary>What others found</summary>
#
# `token_bytes(model, 0)` is `in_float32`. With 8,000 positions, nearly the longest text that SmolLM2 takes, the cache adds 369 MB. Then a token takes longer, and weights of fewer bits help less.
#
# </details>


# %% tags=["exercise"]
def token_bytes(model, positions):
    """Bytes that are read for one token, with a cache of so many positions: a whole number."""
    raise NotImplementedError


# %% tags=["check"]
check.token_bytes(token_bytes)


# %% tags=["solution", "hide-cell"]
def token_bytes_solution(model, positions):
    table, head = model.model.embed_tokens.weight, model.lm_head.weight
    read = sum(weight.nbytes for weight in model.parameters())
    if head is not table:
        read = read - table.nbytes + table[0].nbytes
    config = model.config
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return read + positions * numbers * table.element_size()


# %% [markdown]
# ## Remember
#
# - In a model like SmolLM2 a token reads all weights, but only one row of a table used just for look-up, and the cache on top.
# - Bytes over bandwidth is the memory floor: compute it before you download, since no engine that reads these bytes gets far below it.
# - Fewer bits can make a model write faster in an engine that keeps them packed until they are inside the processor; one that first makes whole float matrices can be slower than float32.

# %% [markdown]
# ## Scorecard
#
# What your run measured, beside what follows from the count.

# %% tags=["scorecard"]
claims.show("real_model")

# %% [markdown]
# ## Deeper
#
# ### Another file for the engine
#
# What does that second rounding cost? On 256 tokens of Python's manual the perplexity rises from 17 to 20 (`records/language/`).
#
# Another form of file is Q8_0: 8 bits for each weight, a step for each group, and no minimum that could be rounded. With it OpenVINO's perplexity is that of PyTorch. Its floor is higher by a half, 143 MB in place of 97, and still far below that of float32. Many models are published in both forms. If you can choose, take the larger one first, ask both the same questions, and see whether the smaller is as good *in your engine*. The name of a form does not tell what a reader makes of it.
#
# ### A tied head is untied by rounding
#
# How large is the int8 model, saved as a file? A quarter of 538 MB would be 135 MB. It has 249 MB. torchao rounds linear layers, and the head is one. The table is none, so it stays in float32. What was one matrix is two now: the blocks take 107 MB, the head 29, the table 113. In 16 bits the whole model has 269 MB. A token hardly notices, since it looks up one row of the table. But look at the file when you round a model with a tied head.
#
# ### Does it fit, and which file may I open?
#
# A model needs room for its weights, for the cache of the longest text, and for what the system and other programs take. 7 billion weights have 14 GB in 16 bits and 4.4 GB in 5: the second fits into a laptop with 8 GB. If they do not fit, some of the weights come from the disk at every token, and for these the bandwidth is that of the disk.
#
# A long prompt is another matter. Its tokens go through the model together, so the weights are read once for all of them, and arithmetic decides how long it takes.
#
# Weights from strangers come in several kinds of files. A file in the form **safetensors** has a table of names, types and shapes, and then numbers; GGUF is of a similar kind. Opening such a file runs no code from it. A file that ends in `.bin`, `.pt` or `.ckpt` is mostly a *pickle*: instructions for building Python objects, which may call any function when the file is opened. Take the other form, or open it with `torch.load(file, weights_only=True)`. And leave `trust_remote_code` off, which would run Python code that comes with a model.

# %% [markdown]
# **Sources.** L. Ben Allal et al., *SmolLM2*, 2025, [arXiv:2502.02737](https://arxiv.org/abs/2502.02737); R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102), counts what a token reads.
#
# **Going further.** [llama.cpp](https://github.com/ggml-org/llama.cpp), from which the form GGUF comes; [OpenVINO GenAI](https://openvinotoolkit.github.io/openvino.genai/); [safetensors](https://github.com/huggingface/safetensors). `python3 course.py bench language` measures four engines on your machine. Projects: the same bars with all threads; a file in Q8_0, written with the package `gguf`.
#
# **Credits.** SmolLM2 is by Hugging Face, under Apache-2.0. All code was written for this course. Text CC BY 4.0, code MIT.
