# ---
# jupyter:
#   course:
#     promise: You will take a language model from a folder, count what it stores and what a token reads, say how fast it can write on your laptop, and measure how fast it does.
#     seconds: 40
#     needs: [roofline, attention, decoding, weight_only]
#     goals:
#       - Open a model in the Hugging Face format, count its weights by kind, and say which folders you should refuse.
#       - Compute the bytes that one token must read, with a tied and an untied head, and from them the least time of a token.
#       - Compare engines and formats with that floor, and say what keeps a smaller format from being a faster one.
#       - Find out by an experiment whether the bytes or the operations decide the time.
#     terms: [memory floor, safetensors, tied head]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *You have downloaded a language model. How fast can it write on your laptop, and what would make it faster?*
#
# **Agenda**
#
# [[agenda]]
#
# [[promise]]
#
# **Goals**
#
# [[goals]]

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask who has a model on the laptop, how large its file is, and how many tokens a second it writes. Write the answers on the board with the names of the processors; section 3 comes back to them. If nobody has one, write "135 million weights, ? tokens a second" and let two people guess. Say: "All bytes and speeds today are real; the weights are random, so nothing about quality is."

# %% [markdown] slideshow={"slide_type": "skip"}
# The models of the last lessons were small enough to learn with: a million weights, and an alphabet of 96 characters. Most people who ask about efficient models have another kind in mind, one from a hub, with a hundred million weights or several billion. This lesson takes such a model and asks the questions of this part again, now with numbers that matter: what does it store, what must it read for each token, and how fast is it?
#
# **Which model?** The lesson works with a causal language model in the Hugging Face format that lies in a folder on your machine, if it is built like SmolLM2 and most models of today, as those of the Llama, Qwen, Gemma and Phi families: blocks of attention and of feed-forward layers, all of them linear layers of PyTorch. (What a token reads and what the cache keeps is seen in a pass of your model, so these counts hold for others as well: of a mixture of experts a token reads a few experts, a layer with a window, as in Gemma, keeps the last tokens alone, DeepSeek keeps a short vector from which the keys and values of all heads are made, and Mamba keeps a state of one size in their place. The sums that you find here in words are those of SmolLM2. What fits less well: torchao rounds linear layers only, so it leaves the matrices of GPT-2, and experts that are stored in one piece, in floats. The part on OpenVINO knows the architecture `llama` alone, which SmolLM2 has.) A small open one is SmolLM2-135M ([Allal et al., 2025](https://arxiv.org/abs/2502.02737)), 270 MB. Once, with a network, you get it with this line in a terminal, in the folder of the course with its environment activated: `hf download HuggingFaceTB/SmolLM2-135M --local-dir SmolLM2-135M`. Then write its path into `FOLDER` below. A relative path counts from the folder of this notebook, which lies two folders deeper than the folder of the course, so there it is `"../../SmolLM2-135M"`.
#
# **And without one?** Then the lesson goes on offline, with **random weights in the published shape** of SmolLM2-135M: as many layers, as wide, with as many tokens. What is computed and read does not depend on the values of the weights, so all bytes and all speeds are real. What such a model writes is nonsense, so no number about its quality is real, and the lesson says so at each of them. The page that you are reading was made in this way.
#
# The lesson needs the extra `llm` of the course: `pip install -c constraints.txt -e ".[llm]"`.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
from dataclasses import replace

import torch

from course_utils import runtime
from course_utils.measure import sizes, timing
from course_utils.scorecard import claims
from lessons.real_model import checks as check
from lessons.real_model import show
from lessons.real_model.llm import count, shapes, speed

FOLDER = None  # the path of a model's folder, for example "../../SmolLM2-135M"; None = random weights
torch.set_num_threads(1)  # one thread for every measurement in this lesson
runtime.seed_all(0)
loaded = show.load(FOLDER)  # in float32
model = loaded.model
print(loaded)
runtime.describe("cpu")

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. What is in the folder?
#
# A folder from a hub holds `config.json` (the shape), `tokenizer.json` (text to numbers) and `model.safetensors` (the weights).
#
# SmolLM2-135M knows 49,152 tokens. Each has a row of 576 numbers in the **embedding** table. Then come 30 blocks.
#
# **Predict.** How large a part of its 134.5 million weights is the embedding table: **A** about 2 %, **B** about 20 %, **C** about half? And why so much or so little?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote, then let the room multiply: 49,152 times 576 is 28.3 million, and 28.3 of 134.5 is 21 %. After the click: the orange part at the bottom. Ask for the same product in a model that is four times as wide: the table grows four times, to 113 million, a block sixteen times, so 30 blocks have 1,700 million and the table is 6 %. Why is it 21 % in the larger Llama, too? It knows 128,256 tokens. If somebody asks what safetensors are for: they hold numbers alone, where a pickled file is code that runs when it is opened.

# %% [markdown] slideshow={"slide_type": "skip"}
# **The files.** `config.json` says which architecture the model has and how wide and deep it is. `tokenizer.json` says how a text becomes numbers: each token is a piece of a word, and its number is a row of the embedding table. The weights lie in `model.safetensors`. If they are too many for one file, they lie in several, called *shards*, and `model.safetensors.index.json` says which weight is in which.
#
# **Why safetensors?** Older models come as `pytorch_model.bin`. Such a file is a *pickle*: a list of instructions for building Python objects, and an instruction may call any function. Whoever opens it may run code of a stranger. A file in the format [safetensors](https://github.com/huggingface/safetensors) begins with a table, the name, type, shape and place of each weight, and behind it there are only numbers. There is nothing to run. For the same reason the course refuses a folder whose `config.json` asks for Python code of its own. To open a folder, the course calls `AutoModelForCausalLM.from_pretrained` of transformers with `use_safetensors=True`, `trust_remote_code=False` and `local_files_only=True`. What else can be wrong with a folder? `lessons.real_model.llm.folder` looks before it loads, and says what to do:

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Makes four bad folders, tries to open each, and writes what was said.
show.refusals()

# %% [markdown] slideshow={"slide_type": "skip"}
# **The weights, by hand.** SmolLM2-135M is 576 wide. Its table has 49,152 · 576 = 28.3 million numbers. In a block the queries and the output of attention have 576 · 576 weights each. It has 9 heads of queries, and three of them share one head of keys and values ([[decoding]], *Deeper*), so keys and values have only 3 heads of 64 numbers: 576 · 192 weights each. Together that is 0.88 million. The feed-forward network has three matrices (two *up*, whose outputs are multiplied, and one *down*) of 576 · 1,536 weights, 2.65 million. So a block has 3.54 million, and 30 blocks have 106.2 million.

# %% slideshow={"slide_type": "skip"}
counted = {"this model": count.by_kind(model)}
for shape in (shapes.SMOLLM2_135M, shapes.LLAMA_32_1B):
    counted[shape.name] = count.by_kind(shapes.empty_model(shape))  # shapes without numbers: counting needs no memory
numbers = {name: {kind: part.numbers for kind, part in parts.items()} for name, parts in counted.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "title-figure"]
# Draws the weights of the two published shapes by kind.
show.kinds_figure({name: numbers[name] for name in ("SmolLM2-135M", "Llama-3.2-1B")})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The embedding table holds about 20 % of the weights (B), because the vocabulary is large and the model is narrow.**
#
# <!-- page -->
#
# 28.3 of 134.5 million is 21 %. The table grows with the width, a block with its square, so in a wide and deep model the table is a small part: at 4,096 wide and 32 blocks it would be a few per cent. Llama-3.2-1B is wider, but it also knows 128,256 tokens, so its share is 21 % as well.
#
# At the end of the model stands the **head**. It compares the last vector of a token with one row for each token of the vocabulary, and the results are the logits. So the head is a matrix of the same shape as the table: 49,152 · 576. In both models it *is* the table, used a second time. This is called a **tied head** ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)). Without it SmolLM2 would store 28.3 million weights more, a fifth of what it stores now. In the file the tied head saves bytes. Does it also save reading for each token? That is the next question.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 2. What must one token read?
#
# To write one token, the model takes the token before it, looks up its row of the table, sends it through all blocks, and the head gives the logits.
#
# **Predict.** An *untied* model stores table and head as two matrices of 28.3 million numbers each. How many more numbers does it read for a token than the tied one: **A** 28.3 million, **B** 576, **C** none? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; most say A. Draw the table at the left with one row marked, the head at the right with all rows marked. "Which of the two is read whole?" The head, because any token may be the next one; the look-up takes one row of 576 numbers. Then tie them: one matrix, one row at the left, all rows at the right. After the click: the last column differs by 576, the column before it by 28.3 million, a sixth of the untied file. So what a token must read is all weights, but only one row of a table that serves for look-ups alone: here 134.5 million · 4 bytes = 538 MB.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes what is stored and what a token reads, with a tied and with an untied head.
show.tied_table()

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **It reads 576 numbers more (B), the one row that is looked up, because a look-up reads one row and the head is read whole in both models.**
#
# <!-- page -->
#
# *Looking up* is not multiplying. The embedding takes row number 4,711 and leaves the other rows alone. The head must compare with *every* token, because any token may be the next. So a tied model reads its one matrix whole, as the head, and the row that it looked up is among what is read. An untied model reads its head whole and one row of the table besides. A tied head saves a sixth of the untied model's file (28.3 of 162.8 million numbers), and next to nothing of the reading.
#
# So the rule for what a token must read: **all weights, but only one row of a table that serves for look-ups alone.** For SmolLM2 in float32 this is 134.5 million · 4 bytes = 538 MB for each token. When one text is written token by token, there is no way around it: a processor's caches hold some tens of megabytes, so by the next token the first blocks are no longer in a cache. (The way around is to make fewer passes. In speculative decoding ([[decoding]]) a draft guesses several tokens, and the model checks all of them in one pass, which reads all weights once.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### With and without a cache
#
# The text so far has 1,000 tokens. With a KV cache ([[decoding]]) one pass is over one token, and it reads the keys and values of the 1,000 others. Without one, the pass is over all 1,001 tokens.
#
# **Predict.** Which of the two must read more bytes for the next token, and which makes more operations? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Two votes before the click, bytes first. Most say that the cache saves bytes. Let somebody count how often a weight is read in a pass over 1,001 tokens: once, if the layer takes all of them together. How much is the cache? On the board: 2 (key and value) · 30 layers · 3 heads · 64 numbers · 4 bytes = 46 kB a token, 46 MB after 1,000. Click: 538 and 584 MB. So a cache costs reading and saves arithmetic, here a thousandfold. If somebody asks when the cache is read more than the weights: 538 MB / 46 kB is 11,700 tokens, more than this model takes.

# %% [markdown] slideshow={"slide_type": "skip"}
# **By hand.** One token leaves a key and a value in each of the 30 layers, with 3 heads of 64 numbers each: 2 · 30 · 3 · 64 = 11,520 numbers, 46 kB in float32. After 1,000 tokens these are 46 MB.

# %% slideshow={"slide_type": "fragment"}
for length in (0, 1000, 8000):
    cached = count.read_bytes(model, length=length) / 1e6
    whole = count.read_bytes(model, length=length, cache=False) / 1e6
    print(f"{length:5,} tokens: {cached:.0f} MB, {whole:.0f} MB without a cache")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The pass with the cache must read more bytes, and the pass without it makes about a thousand times the operations, because a weight is read once in a pass, however many tokens are in it, and is multiplied once for each of them.**
#
# <!-- page -->
#
# This is the same count as for a batch ([[weight_only]], section 5). A KV cache does not save reading; it *costs* reading, 46 kB for each token of the text, and it saves arithmetic. (The counts are lower bounds. A pass over 1,001 tokens also writes what it computes in between and reads it again, if that is more than the caches hold.)
#
# When does a token read more of the cache than of the weights? In float32 that would be beyond 538 MB / 46 kB = 11,700 tokens, which is more than the 8,192 that SmolLM2 takes. For a single user with a short text the weights decide.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 3. How fast can it be, and how fast is it?
#
# A token must read 538 MB. At 10 GB a second this takes 54 ms, so this model cannot write more than 19 tokens a second in float32. This is its **memory floor**: no engine gets below this time, as long as it reads these bytes from this memory.
#
# **Predict.** How much of the highest possible speed does PyTorch reach in float32, on one thread: **A** clearly less than all of it, **B** nearly all, **C** more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Compute the floor for the bandwidth of the room's own laptops first, from their data sheets (bytes of the file over bytes a second), and compare with the tokens a second on the board. Say that we measure the bandwidth with a long dot product and a sum, one thread. Vote. After the table: "What does the processor do in the rest of the time?" A token makes 211 products and many small operations, each called from Python. On the AMD processor of section 4 a token takes 100 ms, of which the products take 71 and everything else 29, and the floor is 40. If somebody has more than the floor: several threads, fewer bytes, or not one text alone.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Bandwidth, measured.** We read a vector of 268 MB, far more than the caches hold, in two simple ways, a dot product and a sum, and take the best of several runs. This is what *one thread* gets. Several threads get more, until the memory is busy; then the floor is lower, and the argument stays the same.

# %% slideshow={"slide_type": "skip"}
prompt = loaded.encode(show.TEXT)[None, :16]
bandwidth = speed.bandwidth()  # bytes a second, one thread
floor_ms = 1e3 * count.read_bytes(model, length=32) / bandwidth
writers = {"fp32": speed.Writer(model, prompt)}  # each call writes one token, with a KV cache
first = timing.compare(writers, rounds=3, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes floor and measurement beside each other.
show.floor_table(bandwidth, floor_ms, first)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **In the run on this page PyTorch reaches clearly less than the highest possible speed (A), probably because between two products it does other things, and because the products themselves take longer than the reading of their weights.**
#
# <!-- page -->
#
# A token makes 211 products with matrices (seven in each of the 30 blocks, and the head), and many more small operations around them: norms, RoPE ([[attention]]), the softmax, copying. Each is called from Python, which takes some microseconds even if there is hardly anything to compute. In the run on this page a token took 64 ms, and its floor is 36. How this time is divided was measured only for the record in section 4, on another processor, an AMD with AVX2. There eager PyTorch needs 100 ms for a float32 token on one thread, and the floor is 40 ms. The products take 71 of the 100, and everything else 29. So there the products, too, take longer than the floor. In a model that is four times as wide each product is sixteen times as long, while the number of calls depends on the depth alone, so larger models are nearer to their floor, as the record shows.
#
# The floor is worth computing *before* you measure. If a blog post reports 100 tokens a second and your floor allows 19, then its machine has more bandwidth (or more threads were used), or its model fewer bytes, or its number is not for one text that is written token by token. And if you reach nine tenths of your floor, no better kernel will make your model twice as fast. Only fewer bytes or more bandwidth will.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Half the bytes
#
# The published file holds **bfloat16**, 2 bytes for each weight. If the weights keep this format in memory, a token reads 269 MB in place of 538, so its floor takes half the time.
#
# **Predict.** How much faster than float32 does the same model write in bfloat16 on the machine of this page: **A** about twice as fast, **B** clearly less than that, perhaps even slower? And what decides it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Say that the processor of this page has no units for products of 16 bits. Ask who has one with them, and where one can look it up: the doctor of the course says it (`course.py doctor`, the line bf16). Then vote. After the table do the sum: of 56 ms the reading needs 36; without half of it 38 are left, and 56 / 38 is 1.5; the table has 0.99, so bfloat16 gains nothing. Ask where the saving went: each weight becomes a float32 before it is multiplied, which probably takes it back; it was not measured alone. Ask what would have to hold for twice as fast: the whole time would have to be reading, and nothing could be added. An AMD with AVX2 had a factor of 1.34, where the shorter reading alone would have given 1.25. (fp32 is measured anew for each table, so its time changes, here from 64 to 56 ms.)

# %% slideshow={"slide_type": "skip"}
half = copy.deepcopy(model).bfloat16()
writers |= {"bf16": speed.Writer(half, prompt)}
second = timing.compare(writers, rounds=3, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes bytes, floor and speed of both formats.
show.formats_table(second, {"fp32": model, "bf16": half}, bandwidth)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Half the bytes do not make it twice as fast on the machine of this page (B), because they halve the reading alone, and because something else takes longer in bfloat16, probably the conversion of each weight.**
#
# <!-- page -->
#
# Check it by hand. In the run on this page a token took 56 ms in float32, of which the reading needs 36 ms at the measured bandwidth. Without half of these 36 ms about 38 ms are left, so bfloat16 would be 1.5 times as fast as float32. In the table it is not faster at all, at 0.99. (Its 540 MB are the weights and the cache of 32 tokens.) So all of the 18 ms that the shorter reading can save are lost again elsewhere. To get twice as fast, the whole time of a float32 token would have to be reading, and nothing could be added to it.
#
# Whether an engine comes near its floor also depends on its kernel. `runtime.has_fast_bf16()` asks PyTorch whether the processor multiplies bfloat16 in hardware (AVX-512 BF16, AMX, or the extension of ARM). The processor of this page does not, so each weight is turned into a float32 before it is multiplied, and this conversion can eat up what the shorter reading has saved. In trials beside other programs bfloat16 was 0.8 to 1.6 times as fast as float32. It always halves the *space*.
#
# The lesson does not measure what the conversion costs. [[amp]] has a record of a processor with such units and of one without.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. A quarter of the bytes
#
# torchao rounds the weights of all linear layers to int8, with a scale for each row. Inputs stay in float ([[weight_only]]). A token then reads 135 MB in place of 538.
#
# **Predict.** Run as it is, without a compiler: is the int8 model faster than float32, as fast, or slower? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Remind the room of the two ways in [[weight_only]]: a kernel that unpacks inside the processor, and a line of PyTorch that unpacks first. Ask which of them a library can use that is nothing but PyTorch's own operators: the second. Vote; most say faster. After the table count the bytes of one weight on the board: 1 is read, 4 are written, 4 are read again, 9 where float32 moves 4. The last column says how far it is from its own floor: it reaches less than a tenth of that speed. What would help? `torch.compile`, which joins conversion and product; it takes minutes here. If somebody asks whether int8 is useless: it saves space in memory, and in another engine time, as the next slide shows.

# %% slideshow={"slide_type": "skip"}
from torchao.quantization import Int8WeightOnlyConfig, quantize_

int8 = copy.deepcopy(model)
quantize_(int8, Int8WeightOnlyConfig())  # every linear layer, the head too
writers |= {"int8, torchao": speed.Writer(int8, prompt)}
third = timing.compare(writers, rounds=3, device="cpu")

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes bytes, floor and speed of the three formats.
show.formats_table(third, {"fp32": model, "bf16": half, "int8, torchao": int8}, bandwidth)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The int8 model is slower than the float model in the run on this page, although it stores a quarter of the bytes, because without a compiler each layer first turns all of its int8 weights into a matrix of floats, and multiplies then.**
#
# <!-- page -->
#
# Count the bytes of one layer: 1 byte a weight is read, 4 are written, and 4 are read again. So 9 bytes are moved where float32 moves 4. How many of them pass through the memory depends on the size of the matrix. As floats the largest matrix of a block has 3.5 MB, and can stay in a cache until the product reads it. The floats of the head have 113 MB, and cannot. In a trial on an AMD processor with AVX2, beside other programs, the matrices of the blocks took as long in int8 as in float32, and the head several times as long. In the run on this page the whole model is 0.45 times as fast (the scorecard has the quartiles), where the bytes alone would have promised a clear gain. [[weight_only]] calls this *unpacked first*. torchao is made to be used together with `torch.compile`, which can join the conversion and the product in one kernel, so that the floats never reach the memory. To compile 30 blocks takes minutes on a laptop, so it is not done here; the record at the end of this section has it. In this state int8 saves space in memory, and no time.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same weights in another engine
#
# **OpenVINO** is an engine for inference on CPUs. Its tool `nncf` rounds the weights to int8, or to 4 bits in groups of 64. Its kernels convert inside the processor. We take 4 of the 30 blocks, and the head.
#
# **Predict.** Against its own float32: how many times as fast is OpenVINO with int8 weights, **A** less than 1, **B** between 1 and 4, **C** 4 or more? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let them compute both floors from the one of float32 first: a quarter, and, since the head stays in 8 bits, about a fifth. Ask: "Which layers does nncf leave in 8 bits when we ask for 4?" The table and the head. Then vote; most say C. After the table: 1.83. Why not 4? The floor is 0.79 of the time in 32 bits (last column, second row). A quarter of that is 0.20, the other 0.21 stay, 0.41 in all, and 1 / 0.41 is 2.4. What is missing from 2.4 to 1.83 is probably the conversion. The last column is above 1 with 8 bits: it is faster than floats could come from this memory, so floats are not what it reads. PyTorch's row shows that in 32 bits the two are nearly level here; the factors are against OpenVINO's own 32 bits.

# %% slideshow={"slide_type": "skip"}
part = show.first_blocks(model, 4)  # 4 of its blocks, and the head
engine = show.in_openvino(part, prompt, bits=(32, 8, 4))  # {} and one line where the extra "deploy" is missing
fourth = timing.compare({"PyTorch": speed.Writer(part, prompt), **engine}, rounds=5, device="cpu")
part_floor_ms = 1e3 * count.read_bytes(part, length=32) / bandwidth

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes speed and files in OpenVINO beside PyTorch's float32.
show.engine_table(fourth, engine, part_floor_ms)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With int8 weights OpenVINO is faster than with its own floats, but by less than the four times of the bytes (B), because the reading has become shorter, the small operations have not, and the conversion is added.** Whether 4 bits are faster than 8 changed from run to run.
#
# <!-- page -->
#
# (To convert all 30 blocks takes most of a minute.) The difference to torchao is not the format. Both store int8 with a scale for each row. It is *where* the integers become floats: inside the processor, a few at a time, or as a whole matrix before the product. With 8 bits OpenVINO is faster than the floor of float32 (about one and a half times as fast in the run on this page), so it does not read floats of 4 bytes from memory. And why 1.83 times, and not 4? In the run on this page the floor is 0.79 of OpenVINO's time in 32 bits. If this part alone is divided by four, about 0.20 + 0.21 = 0.41 of the time is left, which is 2.4 times as fast. So what does not shrink explains about half of the time beyond a quarter, and the rest is probably the conversion. With 4 bits the bytes of the blocks are halved again, but two thirds of this short model are its head, and nncf leaves table and head in 8 bits, so a fifth of the float32 bytes is left. In the record OpenVINO has all 30 blocks, and writes on one thread 20 tokens a second with 32 bits, 47 with 8 and 39 with 4. A weight of 4 bits also takes more work to unpack. (OpenVINO also has fewer calls around its products than PyTorch. We compare it with its own float32, so this does not count as a gain of the integers.)
#
# Are these two engines computing the same? A test of the course compares their logits: in float32 they agree to the fifth digit on a small model; with 8 bits they differ by less than 5 %.

# %% [markdown] slideshow={"slide_type": "skip"}
# More engines and formats, with one thread and with all, need more time than a lesson has. The course has a bench for it, `python course.py bench language`, and its records are shown here if there are any for this or another processor.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Shows the records of the bench, if there are any.
show.records_table()

# %% [markdown] slideshow={"slide_type": "skip"}
# **How to read it.** The record that comes with the course (`records/language/amd-epyc-avx2.json`) comes from another processor, an AMD with AVX2. It has no instructions for products of bfloat16, and none of those made for products in int8 (VNNI). "Of its floor" divides a speed by the speed that reading the engine's own bytes, weights and cache, would allow at the bandwidth of that run: 13.4 GB a second with one thread, 20.9 with two. Threads, prompt and new tokens are the same for all engines. The record says three things about one thread.
#
# - *The floor is near for engines that do little else.* In 32 bits ONNX Runtime, another engine, reaches 0.93 of its floor with the small shape, and PyTorch's compiled model 0.54. Eager PyTorch reaches 0.40 of it with the small shape and 0.86 with the large one, where the products take 93 % of the time and not 71 %.
# - *PyTorch falls further behind where the weights have few bits.* With the small shape the best other engine is 1.7 times as fast as PyTorch in 32 bits, 2.0 times in 16 and 3.3 times in 8. Where does torchao lose it with 8 bits? At 17.9 tokens a second a token takes 56 ms, of which the products take 59 %, 33 ms. ONNX Runtime needs 17 ms for the whole token. So torchao's products alone take twice as long as all that ONNX Runtime does.
# - *Fewer bits can be slower.* With the small shape torchao's 4 bits write 2.9 tokens a second, where its 8 bits write 18 and ONNX Runtime's 4 bits write 84. Nine tenths of torchao's time lie in one routine, `_weight_int4pack_mm_for_cpu`. We did not look for the cause inside it. On a processor with other instructions the order may be another one, and so you measure before you choose.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. On disk, and on a text
#
# torchao has rounded every linear layer of the model to int8, the head too. We save the model, load it again, and compare.
#
# **Predict.** The float32 file has 538 MB. How large is the int8 file: **A** a quarter, 135 MB, **B** about 250 MB, **C** about 400 MB? And why? (Which matrix is used twice?)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote; most say A. If nobody finds the reason: the table and the head were one matrix. torchao rounds linear layers. Is the look-up a linear layer? No, so it stays in float32, and the rounded head is another matrix. Let somebody add 113 and 135 on the board, and a megabyte of scales: 249. In the table the first two rows say "the same" for the head, the last one does not. Ask for the remedy: store the table in 16 bits or in int8, too; a token reads one row of it, so it costs no time. Why did the speed not tell us? The table is not read.

# %% slideshow={"slide_type": "skip"}
files = {
    name: sizes.size_report(m, loads=1) for name, m in {"fp32": model, "bf16": half, "int8, torchao": int8}.items()
}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the files, and what is in them.
show.files_table(files, {"fp32": model, "bf16": half, "int8, torchao": int8})

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The int8 file has about 250 MB (B), because rounding the head unties it from the table, and the table stays in floats of 4 bytes.**
#
# <!-- page -->
#
# As long as head and table were one matrix, the file held it once. The int8 head is another matrix, 28 MB without its scales, and the look-up still needs its own, 113 MB in float32. The file holds 135 MB of int8 weights, 113 MB of table, and a megabyte of scales and zero points. So it is hardly smaller than the published one in bfloat16. The remedy is to store the table in bfloat16 or int8 as well. A token reads one row of the table, so the table's bits cost space and hardly any time. OpenVINO's tool rounds the table to int8 and keeps table and head as one matrix, so its file needs neither the second matrix nor floats of 4 bytes.
#
# Check the file whenever you quantize a tied head. The speed tells nothing about it, because only one row of the table is read.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Does it still predict a text?
#
# **Perplexity** ([[decoding]]): among how many equally likely tokens the model hesitates. Put a text of your own into `TEXT`.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to the exercises. The next three minutes, about the perplexity of random weights, can wait.*

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Our weights are random, and the model knows 49,152 tokens. What is its perplexity on a text: **A** near 1, **B** about 49,152, **C** many times 49,152? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Ask first: what does somebody say who knows nothing and admits it? The same probability for each token, 1 in 49,152, so the perplexity is 49,152: B. Then: what makes it worse than that? To be sure of something wrong. Random weights are a little sure by chance, hence 1.11. Ask what the ratio in the last column says of int8: nothing, a model that knows nothing has nothing to lose. What is the number good for, then? It checks the program, coarsely: far from 49,152 something is wrong. And a downloaded model that shows 49,152 has probably not loaded its weights.

# %% slideshow={"slide_type": "skip"}
TEXT = show.TEXT  # put a text of your own here, in triple quotation marks: a page of it, or more
ids, vocabulary = loaded.encode(TEXT), model.config.get_text_config().vocab_size
perplexity = {name: speed.perplexity(m, ids) for name, m in {"fp32": model, "int8, torchao": int8}.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the perplexities, and says whether they are a quality.
show.perplexity_table(perplexity, len(ids), loaded)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **With random weights the perplexity is about the size of the vocabulary (B), a little above it, because a model that knows nothing gives each token about the same probability.**
#
# <!-- page -->
#
# With the same probability for each of $V$ tokens, $p = 1/V$, the loss is $\ln V = \ln 49{,}152 = 10.80$ nats for each token, and $e^{10.80} = 49{,}152$. Random weights do not give quite the same probability to each: some logits are higher and some lower by chance. The loss is a logarithm, and a logarithm loses more where the next token has a smaller probability than it gains where the next token has a larger one, so the perplexity lies a little above $V$. (Logits with a spread of 0.48 give $e^{0.48^2 / 2} = 1.12$ times $V$ on average.)
#
# This number says **nothing about quality**. It is a check of the program, and a coarse one. If a model with random weights as small as these has a perplexity far from $V$, something is wrong with the measurement. In a trial with the softmax over the wrong dimension it came out at less than a hundredth of $V$. Other mistakes stay hidden: with targets that were shifted by one place it was 0.9 $V$, because random weights predict the wrong token as badly as the right one. (Larger random weights are another case. They are sure of something by chance, and their perplexity lies far above $V$.)
#
# And if a *downloaded* model shows a perplexity near $V$, its weights were probably not loaded. With another model's tokenizer the perplexity was 2 to 8 times $V$ in a trial with a small trained model.
#
# For the same reason the ratio of int8 to float32 says nothing here. A model that knows nothing has nothing to lose. Only with the real weights in `FOLDER` does the ratio, on the same text, say what int8 costs, as in [[weight_only]].

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · The bytes or the operations?
# ★★ · 10 minutes · an investigation
#
# What decides the time of a layer? An instrument times a product:
#
# - `ms("as it is", seed=3)`: one matrix with 4 inputs
# - `"half the bytes"`: half of the matrix with 8 inputs, as many operations
# - `"twice the operations"`: the whole matrix with 8 inputs, as many bytes of weights
#
# Half the bytes *help* if they take less than 0.75 of the time as it is. Twice the operations *cost* if they take more than 1.25 of it.
#
# <!-- page -->
#
# The times are milliseconds. Other programs can only make a run slower, so what counts is the *least* time of each, over the same five seeds or more.
#
# `what_decides(ms)` → `"bytes"` if half the bytes help and twice the operations do not cost; `"operations"` if it is the other way round; `"both"` if half the bytes help and twice the operations cost; else `"neither"`
#
# <details><summary>Hint</summary>
# Three least times over the same seeds, then two quotients, then two questions with yes or no.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# Why not simply compare float32 with bfloat16? Because two things differ then: the bytes, and the instructions that multiply. In section 3 that comparison could not say which of them made the time. Here all numbers are float32 and only one thing changes at a time. Half of the matrix with twice the inputs makes the same number of multiplications and reads half as many weights. The whole matrix with twice the inputs reads the same weights and makes twice the multiplications. (One thing more may differ behind your back: a library can multiply 8 inputs in another way than 4.)
#
# **By hand.** As it is 10 ms, half the bytes 6 ms, twice the operations 11 ms. Then 6 / 10 = 0.6 is below 0.75, so half the bytes help. 11 / 10 = 1.1 is not above 1.25, so twice the operations do not cost. The conclusion is `"bytes"`.
#
# The check makes up several machines. On some of them another program slows single runs, and on some the calls take the time, so that neither matters.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 5 min.* In pairs, without a laptop: "Design an experiment in which only the bytes differ." Let somebody propose float32 against bfloat16, and ask what else differs there: the instructions that multiply. Then draw three rectangles on the board: the whole matrix with 4 inputs; half of it with 8 (half the bytes, as many operations); the whole with 8 (the same bytes, twice the operations). Numbers to try the rule on: 10 ms, 6 ms, 11 ms. 0.6 is below 0.75, so half the bytes help; 1.1 is not above 1.25, so the operations do not cost: "bytes". With 10, 10, 10 it is "neither": the call takes the time. Ask why the least time and not the mean: other programs only make a run slower. The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def what_decides(ms):
    """Say what decides the time: "bytes", "operations", "both" or "neither".

    Args:
        ms: the instrument; `ms("half the bytes", seed=3)` gives milliseconds.
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.what_decides(what_decides)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
# Solution: what_decides
def what_decides_solution(ms):
    arms = ("as it is", "half the bytes", "twice the operations")
    least = {arm: min(ms(arm, seed=seed) for seed in range(7)) for arm in arms}
    helps = least["half the bytes"] < 0.75 * least["as it is"]
    costs = least["twice the operations"] > 1.25 * least["as it is"]
    if helps:
        return "both" if costs else "bytes"
    return "operations" if costs else "neither"


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The same experiment on this machine
#
# The instrument of Exercise 1, now with a clock: a matrix of 134 MB, and one of 4 kB, which stays in the nearest cache.
#
# **Predict.** For each of the two: which of the four conclusions would you bet on, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Ask for bets on both before you show the table; for the large one most bet on the bytes, for the small one on the operations. For the small matrix ask what its few microseconds are: a call from Python takes as long, and 1,024 weights with 4 inputs are 4,096 multiplications, which are done before it is over. For the large one: 0.58 and 1.59 in the run on this page, so "both". The memory alone would give 0.5 and 1.0, the arithmetic alone 1.0 and 2.0: the first quotient is near the memory's, the second lies half-way. Is the memory at its limit? No: 134 MB are read in about 9 ms, and the product took 17. The word says what the time grows with.

# %% slideshow={"slide_type": "skip"}
ours = {name: show.product_ms(width, rows) for name, (rows, width) in show.MATRICES.items()}

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Writes the least times of both matrices, and the two quotients of the exercise.
show.decides_table(ours)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **For the small matrix neither decides, because a call from Python takes longer than the multiplications with 1,024 weights that are in the cache. For the large one both count in the run on this page. Other processors gave other answers, and your machine's table has yours.**
#
# <!-- page -->
#
# Read the two quotients of the large matrix. If memory alone decided, half the bytes would take 0.5 of the time, and twice the operations 1.0. If the arithmetic alone decided, they would take 1.0 and 2.0. In the run on this page they are 0.58 for half the bytes, near the memory's, and 1.59 for twice the operations, about half-way. So the time grows with the weights *and* with the multiplications. (Quotients change from run to run. In an earlier run the first one was 0.75, on its bound, and just beyond it the answer is `"operations"`.)
#
# Is it the *memory* that takes this time? Compare with the floor. At the bandwidth of section 3 a matrix of 134 MB is read in about 9 ms, and the product took 17 ms. The kernel for 4 or 8 inputs spends more on each weight than it takes to read it in order. So a conclusion of the card says what the time grows with, and not that the memory is at its limit.
#
# Where twice the operations cost something, the arithmetic is not hidden behind the reading, although 8 inputs may lie left of the ridge of the roofline on one thread (some twenty inputs in [[roofline]]). When a model writes one text, a weight is used once, so the model lies further to the left of the ridge than this experiment.
#
# Where this stops being true: many texts at once, a prompt that is read (*Deeper* has the numbers), and small models, whose calls take the time.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · The bytes of a token
# ★ · 6 minutes
#
# Write `token_bytes`: the least bytes that a model reads for one token, with a KV cache, one text. The file holds `stored` numbers in all. `table` of them are the embedding table, with `rows` rows of the same length. If the head is `tied`, it is the table, stored once; else the head is a matrix of its own and is among `stored`. One token leaves `kv` numbers in the cache, and `length` tokens come before. Every number has `size` bytes. All counts are whole numbers; `length` may be 0, `tied` is True or False, and `rows` divides `table`.
#
# `token_bytes(stored, table, rows, tied, kv, length, size)` → a whole number
#
# <details><summary>Hint</summary>
# Which rows of the table are read if the head is another matrix? And which if the table is the head?
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def token_bytes(stored, table, rows, tied, kv, length, size):
    """Bytes that one token reads: weights, keys and values.

    >>> token_bytes(10, 4, 2, True, 3, 0, 1)  # no token before it
    10
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.token_bytes(token_bytes)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
# Solution: token_bytes
def token_bytes_solution(stored, table, rows, tied, kv, length, size):
    weights = stored if tied else stored - table + table // rows
    return (weights + kv * length) * size


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### Into the ledger
#
# The rows of the ledger hold the files and the times to load them. Where weights are random, the row says so in the name of the model, and it has no quality.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes a row of the ledger for each file.
show.record_rows(files, loaded)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A model of a billion weights
#
# Before the question how fast a model is comes the question whether it fits into the memory. Multiply the weights by the bytes of each: 7 billion weights take 14 GB in 16 bits, and 3.9 GB in 4 bits with 0.5 bits a weight for scales ($7 \cdot 4.5 / 8$). The KV cache comes on top, and so does what all other programs need. Llama-3.2-1B has 1.24 billion weights: 4.9 GB in float32 and 2.5 GB in bfloat16. Together with the models above that is more memory than a lesson may take. So we build 4 of its 16 blocks with table and head, in bfloat16 and with random weights. Bytes and speed are real, quality is not. How near to its floor is it, compared with the small model in the same format (section 3)?

# %% slideshow={"slide_type": "skip"}
few_blocks = replace(shapes.LLAMA_32_1B, layers=4)
large = {"Llama-3.2-1B, 4 blocks, bf16": shapes.random_model(few_blocks, dtype=torch.bfloat16)}
fifth = timing.compare({name: speed.Writer(m, prompt) for name, m in large.items()}, rounds=3, device="cpu")
show.formats_table(fifth, large, bandwidth)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the run on this page the four blocks in bfloat16 reach 0.49 of the speed that their own floor allows, and the small model in bfloat16 reached 0.32 (section 3). The calls from Python are a smaller part of a token in the large model, because its products are longer. But the calls are not the main reason why the large model stays at half. In the record, from another processor, eager PyTorch with all 16 blocks on one thread reaches 0.86 of its floor in float32 and 0.44 in bfloat16, with the same calls, and in bfloat16 the products take 91 % of the time. So these products are slow for their bytes. The form of a matrix counts as well: in a trial beside other programs the float32 products of the small model with 576 inputs and 1,536 outputs took about 1.7 times as long as dot products over the same weights, and those with 1,536 inputs and 576 outputs 1.2 times. In trials with all 16 blocks, on an AMD processor with AVX2 beside other programs, a token in bfloat16 took about 0.4 seconds, twice as long as its floor.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### When the floor says little
#
# The floor of section 3, 36 ms in the run on this page, is for *one* token in a pass. A prompt of 1,000 tokens goes through the model in one pass. The weights are read once, so the floor of this pass is still about 36 ms. But each of the 106 million weights of the blocks is multiplied and added once for each token: 2 · 106 million · 1,000 = 212 billion operations, without attention and the head. If a thread makes 50 billion operations a second, they take more than 4 seconds, so the floor is true and does not help. Here the operations decide, and a format with fewer bytes shortens the time only if its kernel also multiplies faster. The same holds for many texts at once. At the other end stands a model that fits into a cache of the processor. It is not read from memory for each token, so it can be faster than a floor from the bandwidth of the memory.
#
# A product can also be far from its floor although its time grows with the bytes. The large matrix after exercise 1 showed this on an AMD processor with AVX2. The quotients were 0.44 and 1.22 there (0.38 and 0.99 in another run), so `"bytes"` by the card, and yet the product took 33 ms, where the reading needs 8. Probably the kernel first copies the weights into another order, which counters of the processor could tell. That half of the matrix took *less* than half of the time shows as well that more than the reading had changed. With one input, as when one text is written, the product was about as fast as a dot product over the same bytes in a trial on that processor.
#
# Which bandwidth belongs into the floor? A data sheet gives that of the memory. A module of DDR5-5600 moves 8 bytes 5.6 billion times a second, $8 \cdot 5.6 = 44.8$ GB, and two of them side by side move 90 GB a second. A floor from this number is true, but perhaps no program reaches it. In the record at the end of section 4 one thread got 13.4 GB a second, and two threads together got 20.9. So compare a measured speed with a bandwidth that was measured with as many threads. The data sheet is for a machine that you have not bought yet.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### What was left out
#
# - **Four bits in PyTorch.** torchao's stable int4 wants a kernel library that is not a part of the course, and its prototype for CPUs is shown in [[weight_only]].
# - **llama.cpp** and its GGUF files, an engine that many people use on a laptop. The bench `language` has it, where it can be built.
# - **All cores.** With more threads the bandwidth grows until the memory is busy, and the floor sinks with it. Measure both with the same number of threads.
# - **Quality after rounding.** That needs real weights, and a text that is long enough ([[gptq]] says what can be won back).

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("real_model")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A token reads all weights, but only one row of a table that serves for look-ups alone. Bytes over bandwidth is the memory floor: compute it before you measure.
# - A KV cache saves operations and costs bytes. A tied head saves space, and no reading.
# - Fewer bytes lower the floor. How much faster the model gets depends on how much of its time was reading, and on the kernel: integers must become floats inside the processor.
# - Quantizing a tied head unties it: look at the file.
# - Random weights in a published shape have real bytes and real speed, and a perplexity near the size of the vocabulary (section 5).
# - Weights in safetensors are numbers. Pickled weights are code: refuse them.
#
# **Going further**
#
# - L. Ben Allal et al., *SmolLM2*, 2025, [arXiv:2502.02737](https://arxiv.org/abs/2502.02737)
# - O. Press, L. Wolf, *Using the output embedding to improve language models*, 2017, [arXiv:1608.05859](https://arxiv.org/abs/1608.05859) (tied heads)
# - R. Pope et al., *Efficiently scaling transformer inference*, 2022, [arXiv:2211.05102](https://arxiv.org/abs/2211.05102)
#
# **Project ideas**: round the table, too, and measure the file and the perplexity of a real model; compile the int8 model and compare it with its floor; measure floor and speed with one, two and all threads.
#
# **Credits**: shapes after the published `config.json` of SmolLM2-135M and Llama-3.2-1B. All code written for this course. Text CC BY 4.0, code MIT.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Go back to the board with the room's own tokens a second. For which of these machines do you now know the floor? For each with a data sheet: bytes that a token reads, divided by the bandwidth. Ask one of them what they would try first: fewer bytes, if the speed is near that of the floor; another engine, if it is far from it. Transition: "The capstone puts all of it into one file."
