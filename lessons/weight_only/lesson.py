# ---
# jupyter:
#   course:
#     promise: You will store the weights of a language model in four bits or fewer, count every byte, and say when that makes the model faster and when it does not.
#     seconds: 45
#     needs: [roofline, integers, torchao, decoding]
#     goals:
#       - Say why a model that writes gains from fewer bytes of weights, and when it does not.
#       - Round weights in groups, and count the bits of a weight with its scales.
#       - Pack codes of 2, 3 and 4 bits into bytes, and weigh the file that was loaded again.
#       - Say what levels that are not evenly spaced can change, and what they cannot.
#     terms: [group of weights, round-to-nearest]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *To write one character, a language model reads every one of its weights from memory. How few bits for each weight can it live with?*
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
# *For the lecturer, 2 min.* Say: "In [[decoding]] the weights were most of what had to be moved for each character. Today they shrink, and only they." Let the room compute the two quotients of the page: 2 GB and 0.5 GB at 50 GB/s. Ask what could go wrong when a weight has four values to choose from, and keep the answers.

# %% [markdown] slideshow={"slide_type": "skip"}
# Take a language model with one billion weights, 16 bits each: 2 GB. To write one token, each weight is read once, multiplied by one number, and the product is added to a sum. A laptop's memory delivers, say, 50 GB a second. Then reading alone takes 2 / 50 = 0.04 seconds a token, so this model cannot write more than 25 tokens a second on this laptop, however fast its processor multiplies. Now store the same weights in 4 bits. They take 0.5 GB, which is read in 0.01 seconds, and the limit is 100 tokens a second.
#
# Is it really the reading that takes the time, and not the arithmetic? [[roofline]] taught how to find out: divide the operations by the bytes. With 16 bits each weight costs 2 bytes and takes part in 2 operations, one multiplication and one addition, so there is 1 operation for each byte. If the processor can do 500 billion operations a second, it could do 10 in the time in which the memory delivers one byte. Nine tenths of the time it waits. With 4 bits there are 4 operations for each byte, which is still below 10, so even then the bytes decide. This is why fewer bytes are the point, and not cheaper multiplications.
#
# Why only the weights? Because a layer of 4,096 × 4,096 reads 16.8 million weights and only 4,096 inputs. Rounding the inputs would save next to no bytes, and it would add an error. So the inputs stay in float, and each weight is turned back into a float when it is used. This is called *weight-only* quantization. In [[integers]] weights and inputs were both integers, because there the aim was cheaper multiplications.

# %% tags=["setup"] slideshow={"slide_type": "skip"}
import copy
from statistics import fmean

import torch
from torch import nn

from course_utils import language, runtime
from course_utils.scorecard import claims
from lessons.weight_only import checks as check
from lessons.weight_only import show

torch.set_num_threads(1)
runtime.seed_all(0)

net = language.trained().requires_grad_(False)
WEIGHTS = {name: m.weight for name, m in net.named_modules() if isinstance(m, nn.Linear) and name != "head"}
held = language.encode(language.source(language.HELD_OUT)[0])  # modules that the model never saw
held = held[: len(held) // 513 * 513].view(-1, 513)
exam = held[::17].flatten()  # every 17th piece
runtime.describe("cpu")


# %% slideshow={"slide_type": "skip"}
def perplexity(model, text=exam):
    return language.perplexity(model, text, pieces=len(text) // 513)


def with_weights(weights):
    """A copy of the model with other weights in some layers, {name: weight}."""
    model = copy.deepcopy(net)
    for name, weight in weights.items():
        model.get_submodule(name).weight.copy_(weight)
    return model


# %% [markdown] slideshow={"slide_type": "skip"}
# **A row of four weights by hand.** They are 0.6, −0.2, 0.1 and −0.3, and we have 2 bits for each, so four codes: 0, 1, 2, 3. The levels must reach from −0.3 to 0.6, and between four levels there are three steps. A step is the **scale**: 0.9 / 3 = 0.3. The levels are −0.3, 0, 0.3 and 0.6. The code of 0 is called the **zero point**; here it is 1. To store a weight, divide it by the scale, round, and add the zero point. 0.6 / 0.3 = 2, plus 1 is code 3. −0.2 / 0.3 = −0.67, rounded −1, plus 1 is code 0. 0.1 / 0.3 = 0.33, rounded 0, is code 1. −0.3 is code 0. To read a code, subtract the zero point and multiply by the scale: 0.6, −0.3, 0, −0.3. Two of the four weights are wrong by 0.1. Each weight went to the level next to it. This is called **round-to-nearest**, and it looks at nothing but the weight.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"} tags=["lecture"]
# ## 1. One language model, fewer and fewer bits
#
# The trained model of this part reads Python that it never saw. In each of its five blocks there are four linear layers: `qkv`, `out`, `up`, `down`. In these 20 layers we round each row of weights to $2^b$ evenly spaced levels. Embedding, head and norms stay in float, and so does all arithmetic.
#
# **Perplexity** ([[decoding]]): among how many equally likely characters the model hesitates. Lower is better.
#
# **Predict.** At which $b$ does it first grow by more than a tenth, **A** 8, **B** 4, **C** 3, **D** 2, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell", "lecture"]
# *For the lecturer, 2.5 min.* Say: "Nothing is trained again." Show of hands for A to D. Then do the row of four weights on the board. Ask what a row has in common that its weights should share a scale: nothing but its output. Transition: "Then let fewer weights share one."


# %% slideshow={"slide_type": "skip"}
def by_row(weight, bits):
    """Each row on 2**bits even levels, from its least to its largest weight, with 0."""
    low, high = weight.amin(1, keepdim=True).clamp(max=0), weight.amax(1, keepdim=True).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).half().float()  # 16 bits, as it will be stored
    zero = torch.round(-low / scale).clamp(0, 2**bits - 1)
    codes = (torch.round(weight / scale) + zero).clamp(0, 2**bits - 1)
    return (codes - zero) * scale


# %% slideshow={"slide_type": "fragment"} tags=["hide-input", "lecture"]
# Measures the model in float and with 8, 4, 3 and 2 bits.
float_perplexity = perplexity(net)
by_width = {b: perplexity(with_weights({k: by_row(w, b) for k, w in WEIGHTS.items()})) for b in (8, 4, 3, 2)}
show.width_table(float_perplexity, by_width)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer", "lecture"]
# **Perplexity first grows by more than a tenth with 2 bits (D): it rises by about 40 % in the run on this page, because a whole row then has only four levels.**
#
# <!-- page -->
#
# 8 bits cost nothing measurable here, 4 bits about 1 %, and 3 bits about 4 %. With each bit less the steps between the levels become about twice as wide, from 255 steps in a row to 15, to 7, to 3, and the errors of rounding grow with them. The loss does not grow evenly: small errors are hidden by the model's own uncertainty, large ones are not. This is one model on one test text. The rest of the lesson asks how the same number of bits can be used better.

# %% [markdown] slideshow={"slide_type": "skip"}
# What spoils a row? Put four smaller weights behind the four of our example: 0.06, −0.02, 0.01, −0.03. The scale of the row is still 0.3, because the largest weight decides it. All four new weights are nearer to 0 than to any other level, so all four become 0. They pay for large weights to which they have no relation but their row. The remedy is to cut the row into two halves, and to give each half a scale of its own. The scale of the second half is 0.09 / 3 = 0.03. Its weights become 0.06, −0.03, 0 and −0.03: wrong by 0.01 at most, ten times less than in the first half.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 2. A scale for each group
#
# Cut each row into **groups** of neighbours; each group gets a scale and a zero point of its own.
#
# `part` is the weight matrix cut into groups, with each group along the last dimension. A scale is stored in 16 bits, a zero point in as many bits as a weight.


# %% slideshow={"slide_type": "-"}
def grid_of(part, bits):
    low, high = part.amin(-1).clamp(max=0), part.amax(-1).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).clamp(min=1e-6).half().float()
    return scale, torch.round(-low / scale).clamp(0, 2**bits - 1)


def codes_of(part, scale, zero, bits):
    whole = torch.round(part / scale[..., None]) + zero[..., None]
    return whole.clamp(0, 2**bits - 1)


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Say: "First function: smallest and largest of each group, the step between levels, and the code of 0. Second: divide, round, add, clamp." Ask: "What happens with groups of 48 in a row of 128?" They do not fit: the function in the notebook refuses.

# %% [markdown] slideshow={"slide_type": "skip"}
# `grid_of` finds the smallest and the largest weight of each group, the step between two levels, and the code of 0. `codes_of` divides, rounds and adds, as we did by hand; `clamp` brings a code that would lie beyond the last level back to it. (0 must stay a level, so the levels may be shifted a little against the weights.)


# %% slideshow={"slide_type": "skip"}
def quantize(weight, bits, group):
    """(codes, scale, zero) of a weight (rows, columns): a scale and a zero point for each `group` neighbours in a row."""
    if weight.shape[-1] % group:
        raise ValueError(f"groups of {group} do not fit: a row has {weight.shape[-1]} weights; take a divisor of that")
    part = weight.unflatten(-1, (-1, group))
    scale, zero = grid_of(part, bits)
    return codes_of(part, scale, zero, bits).flatten(-2), scale, zero


def to_floats(codes, scale, zero):
    part = codes.unflatten(-1, (scale.shape[-1], -1))
    return ((part - zero[..., None]) * scale[..., None]).flatten(-2)


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### One grid or two
#
# A row of 128 weights, of which 64 are shown; 2 bits are four levels.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame: ask the room where the levels waste most. Second frame: two groups, two grids. A point above its top line goes to that line, because 0 must stay a level. Ask what a second grid costs at 2 bits: 16 for the scale, 2 for the zero point.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the levels of a whole row, and those of two of its groups.
show.two_grids(WEIGHTS["blocks.2.up"][0], grid_of)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the first frame none of the 64 weights reaches the top line: a larger weight in the other half of the row needs it. In the second frame the levels lie closer, because each group's grid only has to reach its own largest and smallest weight.
#
# **What a group costs, by hand.** 32 weights of 2 bits have 64 bits of codes. Their scale takes 16 bits, their zero point 2. Together 82 bits for 32 weights, or $2 + (16 + 2)/32 = 2.56$ bits a weight. With groups of 16 the same 18 bits are shared by half as many weights: $2 + 18/16 = 3.125$ bits a weight. So a small group is not free, and with 2 bits it costs half as much as the codes themselves. Whoever says that a model has "4 bits" should be asked for the size of the group.


# %% slideshow={"slide_type": "skip"}
def rounded(bits, group):
    """Round-to-nearest for all layers; a group of None is the whole row."""
    return {name: to_floats(*quantize(w, bits, group or w.shape[1])) for name, w in WEIGHTS.items()}


def bits_a_weight(bits, group):
    """With scales of 16 bits and zero points of `bits`, over all layers."""
    n_groups = sum(w.numel() // (group or w.shape[1]) for w in WEIGHTS.values())
    return bits + n_groups * (16 + bits) / sum(w.numel() for w in WEIGHTS.values())


# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### What does a group cost, and what does it buy?
#
# In groups of 32 a weight of 2 bits takes $2 + (16 + 2)/32 = 2.56$ bits.
#
# **Predict.** Should one spend bits on *more levels* or on *smaller groups*: 3 bits with one scale a row, or 2 bits in groups of 16, which both take about 3.1 bits? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Let somebody count the bits of 4 bits in groups of 32 first: 4 + 20/32 = 4.63. Then vote for the two. Say: "Whoever quotes a model as 4-bit should be asked for the group."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds the model with 4, 3 and 2 bits and four sizes of groups, and draws its perplexity.
plain = show.sweep(lambda bits, group: perplexity(with_weights(rounded(bits, group))))
show.against_bits(plain, bits_a_weight, float_perplexity)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More levels win: with 3 bits and one scale a row the perplexity is 3.37 in the run on this page, with 2 bits in groups of 16 it is 3.61, because a third bit makes the steps narrower than groups of 16 do.**
#
# <!-- page -->
#
# The third bit turns 3 steps into 7, so each step becomes 2.3 times as narrow. A smaller group makes its steps narrower only as far as its own range is narrower than that of the row, and in this model even 16 neighbours have a range that is more than half as wide. The next cell measures the mean step of both. Where a row has a few huge weights among many small ones this can be the other way round: then a group without them gains much more than a factor of 2.3. Smaller groups help a lot with 2 bits and little with 4, where groups of 32 already come within 1 % of float.

# %% slideshow={"slide_type": "skip"}
steps = {}
for bits, group in ((3, None), (2, None), (2, 16)):
    scales = [quantize(w, bits, group or w.shape[1])[1] for w in WEIGHTS.values()]
    steps[bits, group] = torch.cat([scale.flatten() for scale in scales]).mean().item()
show.steps_table(steps, plain)

# %% [markdown] slideshow={"slide_type": "skip"}
# How large must a difference in perplexity be before it means something? We repeat three of the measurements on three other sets of pieces of the same modules.

# %% slideshow={"slide_type": "skip"}
texts = [held[first::17].flatten() for first in (0, 4, 8, 12)]
floats = [perplexity(net, text) for text in texts]
by_text = {}
for bits, group in ((4, 32), (2, 32), (2, None)):
    model = with_weights(rounded(bits, group))
    by_text[bits, group] = [perplexity(model, text) / of_float for text, of_float in zip(texts, floats, strict=True)]
show.texts_table(floats, by_text)

# %% [markdown] slideshow={"slide_type": "skip"}
# The perplexity itself changes by more than a tenth from one set of pieces to another: some modules are harder to foretell. The *ratio* to float on the same pieces changes much less. So compare two models only on the same text, and by their ratio. A difference of a few thousandths of the ratio, as between two 4-bit rows, lies within what the choice of the text does.

# %% [markdown] slideshow={"slide_type": "skip"}
# Our codes are small numbers, but each is stored in a float of 32 bits. Nothing has been saved so far. Even the smallest integer type of PyTorch takes a whole byte, so a 4-bit code in it wastes half of the bits.
#
# **Two codes in a byte, by hand.** The codes are 7 and 12. A byte has 256 values, and $16 \times 16 = 256$, so two codes of 4 bits fit exactly: store $7 + 16 \times 12 = 199$. To get them back, divide by 16: $199 = 12 \times 16 + 7$. The quotient is the second code, the remainder is the first. In bits: 12 is `1100`, 7 is `0111`, and 199 is `11000111`: the bits of both, side by side. This is called **packing**.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Packed into bytes
#
# Memory and files are counted in bytes. So codes of a few bits are **packed**: their bits stand one after the other, eight of them in a byte.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First 7 and 12 in one byte on the board: 199. Then read the first byte of the figure aloud, lowest bit first. Ask which codes lie in two bytes: the third and the sixth.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws eight codes of three bits, and the three bytes that hold them.
show.three_bits_in_bytes(quantize(WEIGHTS["blocks.2.up"][:1], 3, 32)[0][0, :8])

# %% [markdown] slideshow={"slide_type": "skip"}
# With 3 bits the codes do not end where bytes end: eight codes fill three bytes, and two of the eight lie in two bytes. Read the first byte, lowest bit first: 7 is `1 1 1`, then 6 is `0 1 1` (that is 0 + 2 + 4), then come the first two bits of the next code. `pack` takes the codes apart into bits (`>>` shifts a number to the right, `& 1` keeps its lowest bit) and puts eight bits at a time into a byte.


# %% slideshow={"slide_type": "skip"}
def pack(codes, bits):
    """Bytes: the bits of all codes, lowest first, one after the other; their number must be a multiple of 8."""
    ones = codes.flatten().to(torch.uint8)[:, None] >> torch.arange(bits) & 1
    return (ones.view(-1, 8) << torch.arange(8)).sum(1).to(torch.uint8)


def unpack(packed, bits):
    ones = packed[:, None] >> torch.arange(8) & 1
    return (ones.view(-1, bits) << torch.arange(bits)).sum(1).float()


print(pack(torch.tensor([7, 12]), 4), unpack(pack(torch.tensor([7, 12]), 4), 4))

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### The file
#
# We round in groups of 32, pack the codes, save the file, load it again, and measure the perplexity of the loaded model.
#
# **Predict.** How large is the file with 2 bits, against the float file, **A** a sixteenth, **B** about a twelfth, **C** about a tenth, and why? What else is in it?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let them compute: 2.56 bits of 32; then the embedding and the head, still in float. Say: "In a model of this size what you leave alone soon counts." Remind them of [[torchao]], where 2 bits took the file of 8.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Saves the model in float and with 8, 4, 3 and 2 bits, loads it again, and measures it.
files = show.Files(net, WEIGHTS, quantize, to_floats, pack, unpack).weighed(bits_a_weight, perplexity, float_perplexity)
show.files_table(files)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file with 2 bits is about a tenth of the float file (C), because scales and zero points are stored as well, and because embedding, head and norms are still in float.**
#
# <!-- page -->
#
# 2 bits of 32 would be a sixteenth. With scales and zero points it is 2.56 of 32, which is a twelfth. The rest is what we did not round: it is only a fortieth of the weights, but in float it makes about a quarter of the file. The files are as large as computed, up to some kilobytes for names and padding, and the loaded weights equal the rounded ones. Why were embedding and head left alone? Of the embedding a token reads one row only, so its bits cost space and hardly any time. The head is read whole for each token, but here it is small. In a small model with a vocabulary of 100,000 words the two can be a large part of all weights, and then they must be counted.

# %% [markdown] slideshow={"slide_type": "skip"}
# So far the levels were evenly spaced. Are the weights? Most weights of a layer are small and few are large. Why should levels far out be as close as those near 0?
#
# **Two kinds of levels, by hand.** The largest weight of a group is 6. Evenly spaced, with 4 bits and no zero point: the scale is 6 / 7.5 = 0.8, and the levels are …, −0.8, 0, 0.8, 1.6, …, 5.6. The other kind is **E2M1**, a float of 4 bits with the levels 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives; its scale here is 1. A weight of 0.45 becomes 0.8 on the even levels, wrong by 0.35, and 0.5 on E2M1, wrong by 0.05. A weight of 4.9 becomes 4.8 on the even levels, wrong by 0.1, and 4 on E2M1, wrong by 0.9. E2M1 is finer near 0 and coarser far out. Which is better depends on where the weights are.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Four bits as floats
#
# A code need not stand for evenly spaced levels. **E2M1**, the element of MXFP4 and NVFP4 ([[torchao]]), is a float of 4 bits; each block has a scale. Which levels suit these weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* The points are one block of the model's own weights, the same above both lines. Ask where the floats are denser, and where their gaps are wide. Do 0.45 and 4.9 on the board. Keep the guesses.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws 32 weights over evenly spaced levels, and over those of E2M1.
show.over_levels(WEIGHTS["blocks.2.up"][0, :32])


# %% slideshow={"slide_type": "skip"}
def on_marks(weight, block, marks, scale_of):
    """Each weight on the nearest of the marks times the scale of its block."""
    part = weight.unflatten(1, (-1, block))
    scale = scale_of(part.abs().amax(-1, keepdim=True).clamp(min=1e-12))
    between = (marks[1:] + marks[:-1]) / 2
    return (marks[torch.bucketize(part / scale, between)] * scale).flatten(1)


# %% [markdown] slideshow={"slide_type": "skip"}
# The two formats differ in their scales. MXFP4 has blocks of 32, and its scale of 8 bits is a power of two ([OCP, 2023](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf)): $4 + 8/32 = 4.25$ bits a weight. NVFP4 has blocks of 16, and its scale is a float of 8 bits, E4M3: $4 + 8/16 = 4.5$ bits. For a fair race each gets an opponent with evenly spaced levels that takes as many bits. NF4, the format of [QLoRA](https://arxiv.org/abs/2305.14314), goes further on the same way: its 16 levels are made for weights that follow a normal distribution. We do not measure it here.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### At equal bits
#
# All formats are used without zero points and with round-to-nearest. With their scales they need 4.25 or 4.5 bits a weight.
#
# **Predict.** At 4.25 bits MXFP4 (blocks of 32) meets int4 in groups of 64, at 4.5 bits NVFP4 (blocks of 16) meets int4 in groups of 32. Does either float format win clearly, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Two votes. On three other sets of pieces MXFP4 and int4 at 4.25 bits changed places. Say: "Simulated: the numbers are rounded here and multiplied in float. What a GPU gains in speed from fp4 is another question, and nothing here measures it."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds the model to five formats of four bits.
FOUR = show.four_bit_formats(on_marks)
four_bits = show.tried(FOUR, WEIGHTS, lambda new: perplexity(with_weights(new)) / float_perplexity)
show.formats_table(FOUR, four_bits)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No float format wins clearly: at equal bits the perplexities lie only a few thousandths apart, because what E2M1 gains near 0 it loses far out, and on this model the two nearly cancel.**
#
# <!-- page -->
#
# The differences are as small as those between two texts (section 2), so this table ranks nobody. By the error of the weights MXFP4 is last. Its scale is a power of two, so it can miss the best scale by up to a factor of two, and weights above 6 times the scale are cut off to 6. The third row says how much a good scale is worth: int4 with scales of 8 bits affords groups of 32 at 4.25 bits, and has the smallest error of the three. So before you change the levels, look at the scale and the group. On a model whose weights have longer tails the order may be another one.

# %% [markdown] slideshow={"slide_type": "skip"}
# The opening promised speed from fewer bytes. We test it with one layer of 4,096 × 4,096 random weights. In float32 it takes 67 MB, in bfloat16 34 MB, and in 4 bits with groups of 32 about 10 MB, with a scale and a zero point of 16 bits each, as the kernel below wants them. There are two ways to use the packed weights. The first way *unpacks first*: a few lines of PyTorch turn all codes into bfloat16, write them to memory, and multiply. Count the bytes: 10 MB are read, then 34 MB are written and read again, and the steps between write more. The other way is a **kernel**, a piece of compiled code that takes a few packed bytes, turns them into floats inside the processor, multiplies them at once, and forgets them. PyTorch has one for CPUs.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. When does it make a model faster?
#
# One layer, 4,096 × 4,096, in float, and packed in 4 bits. The codes are unpacked inside a kernel, or all of them are unpacked first, by PyTorch.
#
# **Predict.** With *one* input, against float32: is a packed layer faster when its kernel unpacks, and when all is unpacked first, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Let the room count the bytes of *unpacked first*: 10 read, 34 written, 34 read. Then ask: "And with 64 inputs?" The weights are read once for all 64, so there is 64 times as much arithmetic for the same bytes. Draw the roof: at one input left of the ridge, at 64 on its right or near it.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Times one layer in float and packed, with one input and with 64.
layer = show.Layer()
races = {1: layer.race(1), 64: layer.race(64, ["float32", show.KERNEL])}
kernel_one, kernel_many = (race.ratio(show.KERNEL) for race in races.values())
first_one = races[1].ratio(show.FIRST)
show.race_table(layer, races)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The packed layer is faster than float32 when the kernel unpacks it, and many times slower when all is unpacked first, because then more bytes are written and read than the packing has saved.**
#
# <!-- page -->
#
# The two rows of 4 bits read the same packed bytes from memory, so the difference between them comes from *where* the codes become floats. The kernel does not win as much as the bytes promise: it reads about a sixth of the bytes of float32 and is far from six times as fast in the run on this page. Reading is no longer the longest part. On one thread turning the codes into floats now probably takes most of the time (a kernel that only reads the packed bytes would test it). The limit from the bytes is a limit; it does not say that a kernel reaches it. Other processors and other kernels give other numbers.
#
# With 64 inputs both read their weights once for all of them. Compare the kernel's two columns: what fewer bytes are worth depends on the number of inputs, and on how well each of the two does its arithmetic.

# %% [markdown] slideshow={"slide_type": "skip"}
# From the count follows when fewer bits for the weights do *not* make a model faster:
#
# - **No kernel.** If nothing unpacks the codes inside the processor, more bytes move than before. The file is small, and the model is slow.
# - **Many inputs at once.** A batch of 64 texts, or a prompt of 64 tokens, reads each weight once and uses it 64 times: 64 operations for each byte in bfloat16 instead of 1. Beyond the ridge of the roofline the arithmetic decides. It is still done in float, and unpacking comes on top.
# - **Something else takes the time.** In our small model the calls of Python take most of a step ([[decoding]]), and with a long text the KV cache may be larger than the weights.
#
# What remains in all three cases is the space: a model that did not fit into the memory may fit now.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · A smaller group, or only more bits?
# ★★ · 12 minutes · an investigation
#
# Codes of 3 bits without zero points. An instrument, `rise(group, scale_bits, piece)`, gives by how many percent the perplexity of a model rises on a piece of text: weights in groups of `"32"` or `"16"`, each group with a scale of 16 or of 8 bits. Run all four cases on the same pieces. By the mean over five pieces or more, is the smaller group better by more than 0.5 points
#
# - where both take *equally many bits a weight*? Then the conclusion is `"group"`.
# - if not: where both have scales of 16 bits? Then it helps only because it takes more bits: `"bits"`.
# - if neither: `"neither"`.
#
# `smaller_group(rise)` → `"group"`, `"bits"` or `"neither"`
#
# <details><summary>Hint</summary>
# Count the bits of a weight in all four cases first.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, without a laptop: "Which two of the four cases take equally many bits?" Let them count: 3.5, 3.25, 4, 3.5. Then: "Invent a model that fools somebody who compares both with scales of 16 bits." The code is for home.


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def smaller_group(rise):
    """Say what the smaller group owes its result to: "group", "bits" or "neither".

    Args:
        rise: the instrument, for example
            rise("16", scale_bits=8, piece=3)
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.smaller_group(smaller_group)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
# Solution: smaller_group
def smaller_group_solution(rise):
    cost = {}
    for group in ("32", "16"):
        for scale_bits in (16, 8):
            rises = [rise(group, scale_bits=scale_bits, piece=piece) for piece in range(5)]
            cost[group, scale_bits] = fmean(rises)
    if cost["32", 16] - cost["16", 8] > 0.5:  # both 3.5 bits a weight
        return "group"
    return "bits" if cost["32", 16] - cost["16", 16] > 0.5 else "neither"


# %% [markdown] slideshow={"slide_type": "skip"}
# When your function has passed, ask it about our model: `smaller_group(rise_of_ours)`. The scales of 8 bits are floats, E4M3.

# %% slideshow={"slide_type": "skip"}
rise_of_ours = show.Instrument(3, WEIGHTS, on_marks, with_weights, perplexity, held)
ours = {
    (group, scale_bits): fmean(rise_of_ours(group, scale_bits, piece) for piece in range(5))
    for group in ("32", "16")
    for scale_bits in (16, 8)
}
print({case: round(rise, 2) for case, rise in ours.items()})

# %% [markdown] slideshow={"slide_type": "skip"}
# <details><summary>Compare</summary>
# For our model the answer hangs on the text, and that is the lesson. `Instrument` takes three or four pieces of 512 characters for each `piece`, 17 in all. On them groups of 16 with short scales are *worse* than groups of 32 with scales of 16 bits, by about 0.2 points, so the answer is not "group". In a trial with twice as many pieces, the same ones and as many others, they were *better* by 0.8 points, and the answer was "group". A model with 3 bits rises by 3 % or so, and half a point of that is too fine for so little text. The rule of the card asks for the mean over five pieces; it does not ask whether five are enough. Before you believe such a difference, double the text and see whether it stays.
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2 · Every bit counted
# ★ · 6 minutes
#
# Write `stored_bits`: how many bits a weight takes, on average, in a matrix of `rows` × `columns`. Each weight has a code of `bits` bits. Each group of `group` neighbours in a row has a scale of 16 bits and a zero point of `bits` bits; where `group` does not divide the row, the last group of each row is shorter, and pays as much.
#
# `stored_bits(rows, columns, bits, group)` → a number; all are whole numbers, at least 1
#
# <details><summary>Hint</summary>
# Count the groups of one row first, rounded up. All bits of a row, over its columns.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def stored_bits(rows, columns, bits, group):
    """Bits a weight, with scales and zero points.

    >>> stored_bits(128, 128, 4, 32) >= 4
    True
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.stored_bits(stored_bits)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def stored_bits_solution(rows, columns, bits, group):
    n_groups = -(-columns // group)
    return bits + n_groups * (16 + bits) / columns


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### Floats of eight bits
#
# fp8 comes in two kinds: E4M3 has 3 bits for the fraction, E5M2 has 2, and one bit more for the exponent. With a scale for each row the range of the exponent is hardly needed. One bit of fraction less makes the steps twice as wide.

# %% slideshow={"slide_type": "skip"}
EIGHT = show.eight_bit_formats(on_marks)
eight_bits = show.tried(EIGHT, WEIGHTS, lambda new: perplexity(with_weights(new)) / float_perplexity)
show.formats_table(EIGHT, eight_bits)

# %% [markdown] slideshow={"slide_type": "skip"}
# Of the three formats int8 has the smallest error, and E5M2 has twice the error of E4M3, as its missing bit says. For the perplexity all three are good enough here.
#
# ### What torchao does with it
#
# torchao ([[torchao]]) has configs for weights alone. The audit of the course says what each layer computes in.

# %% slideshow={"slide_type": "skip"}
few = exam[:513]  # one of these kernels takes its time
theirs = show.by_torchao(net, WEIGHTS, few, perplexity)
size, _, four_bit_model, _ = files["4 bits"]
show.torchao_table(theirs, size, perplexity(four_bit_model, few) / perplexity(net, few))

# %% [markdown] slideshow={"slide_type": "skip"}
# By the audit int8 and the unpacked 4 bits compute in float; the packed prototype runs a kernel that the audit does not know; the stable int4 ends in an error where its kernel library is missing. If the 4-bit codes are not packed, each still occupies a whole byte, and the file is as large as with 8 bits, or larger. The column "× float" ranks nobody: it stands on one piece of text, and torchao maps a group to its levels in another way than we do ([[torchao]] shows what that alone can change). On another machine other configs may run.
#
# ### Into the ledger
#
# The ledger of the course measures quality as a share of correct answers; here it is the share of characters for which the model's first choice was right.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes a row of the ledger for each file.
show.record_rows(files, exam)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Groups, symmetric
# ★★ · 8 minutes
#
# Write `in_groups`: the weights after rounding in groups of `group` neighbours *within a row*, without zero points. In each group the scale is $s = \max|w| / 2^{b-1}$ (smaller than that of [[integers]]), the integer of a weight is $w/s$, rounded and clamped to $-2^{b-1} \ldots 2^{b-1} - 1$, and what you return is integer times scale. A group of zeros stays zero, and `weight` as it is. `bits` goes from 2 to 4; `group` divides the row; no $w/s$ lies half-way.
#
# `in_groups(weight, bits, group)` → a float tensor in the shape of `weight`, (rows, columns)
#
# <details><summary>Hint</summary>
# Give the groups a dimension of their own: reshape(-1, group). amax with keepdim=True keeps a place for the scale.
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def in_groups(weight, bits, group):
    """The weights on symmetric grids, one for each `group` neighbours in a row.

    >>> in_groups(torch.zeros(1, 2), 2, 2).abs()
    tensor([[0., 0.]])
    """
    raise NotImplementedError


# %% tags=["check"] slideshow={"slide_type": "skip"}
check.in_groups(in_groups)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def in_groups_solution(weight, bits, group):
    part, half = weight.reshape(-1, group), 2 ** (bits - 1)
    scale = part.abs().amax(1, keepdim=True) / half
    whole = torch.round(part / scale).nan_to_num().clamp(-half, half - 1)  # 0 / 0 is no number
    return (whole * scale).reshape(weight.shape)


# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson takes from a source or says of its own runs, beside what this run gave.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("weight_only")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - A model that writes one text reads all weights for each token. Fewer bytes make it faster, if a kernel unpacks them inside the processor and few inputs come at once.
# - Weight-only: what is stored shrinks, the arithmetic stays float. Count scales, zero points and what is left in float before you quote a width.
# - In groups of 32 this model lost little with 4 bits and much with 2. At equal bits the scale and the group mattered more than the kind of levels.
# - How to round with less loss, by looking at the inputs of a layer, is the subject of the next lesson.
#
# **Going further.** OCP, *Microscaling formats specification* 1.0, 2023; T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314) (NF4).
#
# **Project ideas**: round embedding and head too; find the best bits and group at 3.5 bits in all; make a table of 16 levels from the model's own weights.
#
# **Credits**: text CC BY 4.0, code MIT; written for this course.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Go back to the first question: what goes wrong with four values to choose from? One large weight widens the steps for all that share its grid. The cure of today: groups. Transition: "In the next lesson the rounding looks ahead."
