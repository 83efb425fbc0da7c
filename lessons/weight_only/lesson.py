# ---
# jupyter:
#   course:
#     promise: You will store the weights of a language model in four bits or fewer, count every byte, and say when that makes the model faster and when it does not.
#     seconds: 40
#     needs: [roofline, integers, torchao, decoding]
#     goals:
#       - Say why a model that writes gains from fewer bytes of weights, and when it does not.
#       - Round weights in groups, and count the bits of a weight with its scales.
#       - Pack codes of 2, 3 and 4 bits into bytes, and weigh the file that was loaded again.
#       - Say what levels that are not evenly spaced can change, and what they cannot.
#     terms: [round-to-nearest]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *To write one character, a language model reads nearly all of its weights from memory. How few bits for each weight can it live with?*
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
# *For the lecturer, 3 min.* Say: "In [[decoding]] the weights were most of what had to be moved for each character. Today they shrink, and only they." Let the room compute the two quotients of the page: a billion weights of 16 bits are 2 GB, and at 50 GB/s that is 2 / 50 = 0.04 seconds a token, so 25 tokens a second at most; in 4 bits it is 0.5 / 50 = 0.01 seconds, so 100. If somebody says that the processor may be the slow part: a weight of 16 bits is 2 bytes and 2 operations, so 1 operation a byte, and a processor that makes 500 billion a second could make 10 in that time. "Why not the inputs, too?" A layer of 4,096 × 4,096 reads 16.8 million weights and 4,096 inputs. Ask what could go wrong when a weight has four values to choose from, and keep the answers for the end. The picture under the title comes again in section 2.

# %% [markdown] slideshow={"slide_type": "skip"}
# Take a language model with one billion weights, 16 bits each: 2 GB. Let it write one text, token by token. For each token, nearly every weight is read once (of the embedding only one row), multiplied by one number, and the product is added to a sum. A laptop's memory delivers, say, 50 GB a second. Then reading alone takes 2 / 50 = 0.04 seconds a token, so this model cannot write more than 25 tokens a second on this laptop, however fast its processor multiplies. Now store the same weights in 4 bits. They take 0.5 GB, which is read in 0.01 seconds, and the limit is 100 tokens a second.
#
# Is it really the reading that takes the time, and not the arithmetic? [[roofline]] taught how to find out: divide the operations by the bytes. With 16 bits each weight costs 2 bytes and takes part in 2 operations, one multiplication and one addition, so there is 1 operation for each byte (with one input at a time). If the processor can do 500 billion operations a second, it could do 10 in the time in which the memory delivers one byte. So it waits for nine tenths of the time. With 4 bits there are 4 operations for each byte, which is still below 10, so even then the bytes decide, if turning the codes into floats costs next to nothing. (Section 5 measures whether it does.) This is why fewer bytes are the point, and not cheaper multiplications.
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
# **A row of four weights by hand.** They are 0.6, −0.2, 0.1 and −0.3, and we have 2 bits for each, so four codes: 0, 1, 2, 3. The levels must reach from −0.3 to 0.6, and between four levels there are three steps. A step is the **scale**: 0.9 / 3 = 0.3. The levels are −0.3, 0, 0.3 and 0.6. The code of 0 is called the **zero point**; here it is 1. To store a weight, divide it by the scale, round, and add the zero point. 0.6 / 0.3 = 2, plus 1 is code 3. −0.2 / 0.3 = −0.67, rounded −1, plus 1 is code 0. 0.1 / 0.3 = 0.33, rounded 0, is code 1. −0.3 is code 0. To read a code, subtract the zero point and multiply by the scale: 0.6, −0.3, 0, −0.3. Two of the four weights are wrong by 0.1. Each weight was moved to the level nearest to it. This is called **round-to-nearest**, and it looks at nothing but the weight.
#
# Now a whole model. Each of its five blocks has four linear layers, `qkv`, `out`, `up` and `down`, so there are 20. We round these, and leave the embedding, the head and the norms in float.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. One language model, fewer and fewer bits
#
# The trained model of this part reads Python that it never saw. In its 20 linear layers we round each row of weights to $2^b$ evenly spaced levels. All arithmetic stays in float.
#
# **Perplexity** ([[decoding]]): among how many equally likely characters the model hesitates. Lower is better.
#
# **Predict.** At which $b$ does it first grow by more than a tenth, **A** 8, **B** 4, **C** 3, **D** 2, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 4 min.* Do the row of four weights first, on the board: 0.6, −0.2, 0.1, −0.3, with 2 bits. Four levels have three steps between them, from −0.3 to 0.6, so the step is 0.9 / 3 = 0.3. Draw a line with the marks −0.3, 0, 0.3, 0.6 and write the codes 0, 1, 2, 3 under them; the code of 0, here 1, is the *zero point*. The room gives the codes: 3, 0, 1, 0. Back they are 0.6, −0.3, 0, −0.3, so two of the four are wrong by 0.1. Say: "Now the whole model, and nothing is trained again." Show of hands for A to D; expect B and C. After the table write the steps in a row under the bits: 255, 15, 7, 3. With each bit less the steps are about twice as wide. "Why does it hurt so late and then so much?" In a trial twice the noise raised the loss nearly four times as far, as near a minimum. Ask what a row has in common that its weights should share a scale: nothing but its output. Transition: "Then let fewer weights share one."


# %% slideshow={"slide_type": "skip"}
def by_row(weight, bits):
    """Each row on 2**bits even levels, from its least to its largest weight, with 0."""
    low, high = weight.amin(1, keepdim=True).clamp(max=0), weight.amax(1, keepdim=True).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).half().float()  # 16 bits, as it will be stored
    zero = torch.round(-low / scale).clamp(0, 2**bits - 1)
    codes = (torch.round(weight / scale) + zero).clamp(0, 2**bits - 1)
    return (codes - zero) * scale


# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Measures the model in float and with 8, 4, 3 and 2 bits.
float_perplexity = perplexity(net)
by_width = {b: perplexity(with_weights({k: by_row(w, b) for k, w in WEIGHTS.items()})) for b in (8, 4, 3, 2)}
show.width_table(float_perplexity, by_width)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Perplexity first grows by more than a tenth with 2 bits (D): it rises by about 40 % in the run on this page, because a whole row then has only four levels.**
#
# <!-- page -->
#
# 8 bits cost nothing measurable here, 4 bits about 1 %, and 3 bits about 4 %. With each bit less the steps between the levels become about twice as wide, from 255 steps in a row to 15, to 7, to 3, and the errors of rounding grow with them. The loss grows faster than the steps. In a trial we added random noise to the same weights, and twice the noise raised the loss nearly four times as far. This is what one expects of a trained model: its loss is near a minimum, where a small change costs in proportion to its square. This is one model on one test text.

# %% [markdown] slideshow={"slide_type": "skip"}
# What spoils a row? Put four smaller weights behind the four of our example: 0.06, −0.02, 0.01, −0.03. The scale of the row is still 0.3, because the largest weight decides it. All four new weights are nearer to 0 than to any other level, so all four become 0. They lose their values because of large weights with which they share nothing but the row. The remedy is to cut the row into two halves, and to give each half a scale of its own. The scale of the second half is 0.09 / 3 = 0.03. Its weights become 0.06, −0.03, 0 and −0.03. None of them is wrong by more than 0.01, a tenth of the largest error in the first half.

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
# *For the lecturer, 3 min.* Go on with the row on the board: put 0.06, −0.02, 0.01, −0.03 behind the four weights. With the scale 0.3 all four become 0. Draw a bar between the halves and give the second its own scale, 0.09 / 3 = 0.03: they become 0.06, −0.03, 0, −0.03. Then the code. Say: "First function: smallest and largest of each group, the step between levels, and the code of 0. Second: divide, round, add, clamp." Ask what the two inner `clamp` of the first line are for: they make the range reach from 0 or below to 0 or above: 0 must be a level. Ask: "What happens with groups of 48 in a row of 128?" 128 is 2 · 48 + 32, so they do not fit, and the function in the notebook refuses. "Do we need the zero point?" Without it the levels with the scale 0.3 are −0.6, −0.3, 0, 0.3: 0.6 is cut off, and nothing needs −0.6.

# %% [markdown] slideshow={"slide_type": "skip"}
# `grid_of` finds the smallest and the largest weight of each group, the step between two levels, and the code of 0. `codes_of` divides, rounds and adds, as we did by hand; `clamp` brings a code that would lie beyond the last level back to it. The zero point is stored as a code, so it takes no more bits than a weight. For this 0 has to be a level, so the levels may be shifted a little against the weights.
#
# What does the zero point buy? Without it, four codes usually stand for −2, −1, 0 and 1 times the scale. Take the row of four weights again, 0.6, −0.2, 0.1 and −0.3. With the scale of 0.3 the levels are −0.6, −0.3, 0 and 0.3, so 0.6 is cut off to 0.3, while nothing needs the level −0.6. With a scale of 0.6 the level 0.6 is there, but −0.2 and 0.1 both become 0. A zero point moves all four levels to where the weights are. With 4 bits this matters less, because then there are seven levels or more on each side of 0.


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
# *For the lecturer, 2.5 min.* First frame: ask the room where the levels waste most. At the top line: none of these 64 weights comes near it; it is there for a larger weight in the other half of the row. Second frame: two groups, two grids. A point above its top line goes to that line, because 0 must stay a level. Ask what a second grid costs at 2 bits: 16 for the scale, 2 for the zero point. Write it beside the codes: 32 · 2 = 64 bits of codes and 18 bits of grid are 82 bits for 32 weights, 2.56 for each. Let somebody do it for groups of 16: 2 + 18/16 = 3.125.

# %% slideshow={"slide_type": "-"} tags=["hide-input", "title-figure"]
# Draws the levels of a whole row, and those of two of its groups.
show.two_grids(WEIGHTS["blocks.2.up"][0], grid_of)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the first frame none of the 64 weights reaches the top line, because it is there for a larger weight in the other half of the row. In the second frame the levels lie closer, because each group's grid only has to reach its own largest and smallest weight. (A point above its top line is rounded down to that line; there the grid was shifted so that 0 is a level.)
#
# **What a group costs, by hand.** 32 weights of 2 bits have 64 bits of codes. Their scale takes 16 bits, their zero point 2. Together 82 bits for 32 weights, or $2 + (16 + 2)/32 = 2.56$ bits a weight. With groups of 16 the same 18 bits are shared by half as many weights: $2 + 18/16 = 3.125$ bits a weight. So a small group is not free: with 2 bits, scales and zero points of groups of 16 cost more than half as much as the codes themselves. If somebody says that a model has "4 bits", ask for the size of the group.


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
# *For the lecturer, 3.5 min.* Let somebody count the bits of 4 bits in groups of 32 first: 4 + 20/32 = 4.63. Then vote for the two; expect hands for both. In the figure show the two points over 3.1 on the lower axis: the blue dot (3 bits, one a row) lies below the pink triangle (2 bits, groups of 16), and below is better. On the board: the third bit turns 3 steps into 7, so a step becomes 7 / 3 = 2.3 times as narrow. "How much narrower does a group make it?" By as much as its range is narrower than that of the row, and here 16 neighbours still have more than half of it. "When is it the other way round?" When a row has a few huge weights: then a group without one becomes narrower by much more than 2.3. Last, point at the right end: with 4 bits all curves have arrived. Say: "Whoever quotes a model as 4-bit should be asked for the group."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds the model with 4, 3 and 2 bits and four sizes of groups, and draws its perplexity.
plain = show.sweep(lambda bits, group: perplexity(with_weights(rounded(bits, group))) if group else by_width[bits])
show.against_bits(plain, bits_a_weight, float_perplexity)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More levels win: with 3 bits and one scale a row the perplexity is 3.37 in the run on this page, with 2 bits in groups of 16 it is 3.61, because a third bit makes the steps narrower than groups of 16 do.**
#
# <!-- page -->
#
# The third bit turns 3 steps into 7, so each step becomes 7 / 3 = 2.3 times as narrow. A smaller group makes its steps narrower only as far as its own range is narrower than that of the row, and in this model even 16 neighbours have a range that is more than half as wide. The next cell measures the mean step of both. (In a trial the range of each group was cut to 0.9 of its width. That brought the 3.61 down to 3.58, and the order stayed.) Where a row has a few huge weights among many small ones this can be the other way round, because the steps of a group without a huge weight become narrower by much more than a factor of 2.3. Smaller groups help a lot with 2 bits and little with 4, where groups of 32 already come within 1 % of float.

# %% slideshow={"slide_type": "skip"}
steps = {}
for bits, group in ((3, None), (2, None), (2, 16)):
    scales = [quantize(w, bits, group or w.shape[1])[1] for w in WEIGHTS.values()]
    steps[bits, group] = torch.cat([scale.flatten() for scale in scales]).mean().item()
show.steps_table(steps, plain)

# %% [markdown] slideshow={"slide_type": "skip"}
# How large must a difference in perplexity be before it means something? We repeat three of the measurements on three other sets of pieces of the same modules.

# %% slideshow={"slide_type": "skip"}
others = [held[first::17].flatten() for first in (4, 8, 12)]
floats = [float_perplexity, *(perplexity(net, text) for text in others)]
by_text = {}
for bits, group in ((4, 32), (2, 32), (2, None)):
    model = with_weights(rounded(bits, group))
    measured = [plain[bits, group], *(perplexity(model, text) for text in others)]
    by_text[bits, group] = [value / of_float for value, of_float in zip(measured, floats, strict=True)]
show.texts_table(floats, by_text)

# %% [markdown] slideshow={"slide_type": "skip"}
# The perplexity itself changes by more than a tenth from one set of pieces to another: some modules are harder to predict. The *ratio* to float on the same pieces changes much less. So compare two models only on the same text, and by their ratio. How large must a difference between two ratios be? For two ways to round, repeat *both* on the other texts, and see whether the difference keeps its sign. Section 4 does that.

# %% [markdown] slideshow={"slide_type": "skip"}
# Our codes are small numbers, but each is stored in a float of 32 bits. Nothing has been saved yet. Even the smallest integer type of PyTorch takes a whole byte, of which a 4-bit code wastes half.
#
# [[torchao]] packed two codes of 4 bits into one byte by hand. For the codes 7 and 12 the byte is $7 + 16 \times 12 = 199$, and a division by 16 gives them back. In bits: 12 is `1100`, 7 is `0111`, and 199 is `11000111`: the bits of both, side by side.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 3. Packed into bytes
#
# Memory and files are counted in bytes. So codes of a few bits are **packed**: their bits stand one after the other, eight of them in a byte.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* First 7 and 12 in one byte on the board: 7 + 16 · 12 = 199, and back: 199 / 16 is 12 with the remainder 7. In bits, 12 is 1100 and 7 is 0111, and 199 is both side by side. Then read the first byte of the figure aloud, lowest bit first: 7 is 1 1 1, 6 is 0 1 1, and two bits of the 4; 1 + 2 + 4 + 16 + 32 = 55. Ask which codes lie in two bytes: the third and the sixth. "Why so awkward, and not two codes of 3 bits in each byte?" Then 2 of 8 bits would carry nothing. "And negative codes?" `unpack` knows no sign, so codes from −8 to 7 need 8 added first.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws eight codes of three bits, and the three bytes that hold them.
show.three_bits_in_bytes(quantize(WEIGHTS["blocks.2.up"][:1], 3, 32)[0][0, :8])

# %% [markdown] slideshow={"slide_type": "skip"}
# With 3 bits the codes do not end where bytes end: eight codes fill three bytes, and two of the eight lie in two bytes. Read the first byte, lowest bit first: 7 is `1 1 1`, then 6 is `0 1 1` (that is 0 + 2 + 4), then come the first two bits of the next code. `pack` takes the codes apart into bits (`>>` shifts a number to the right, `& 1` keeps its lowest bit) and puts eight bits at a time into a byte. The codes must not be negative: `unpack` knows no sign, and in the cell below it would read −3 as 13. So codes from −8 to 7 would need 8 added first.


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
# *For the lecturer, 2.5 min.* Vote. To A say: 2 of 32 bits, but the scales are missing. To B: 2.56 of 32 bits is a twelfth, but the embedding and the head are missing, still in float. They are a fortieth of the weights and about a quarter of this file. Say: "In a model of this size what you leave alone soon counts." Ask why the files were loaded again before the perplexity was measured: in memory the rounded weights are floats, so only the loaded model shows that the bytes can be turned back. Remind them of [[torchao]], where 2 bits took the file of 8; here they are packed.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Saves the model in float and with 8, 4, 3 and 2 bits, loads it again, and measures it.
files = show.Files(net, WEIGHTS, quantize, to_floats, pack, unpack).weighed(bits_a_weight, perplexity, float_perplexity)
show.files_table(files)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The file with 2 bits is about a tenth of the float file (C), because scales and zero points are stored as well, and because embedding, head and norms are still in float.**
#
# <!-- page -->
#
# 2 bits of 32 would be a sixteenth. With scales and zero points it is 2.56 of 32, which is a twelfth. The rest is what we did not round: it is only a fortieth of the weights, but in float it makes up about a quarter of the file.
#
# Why did we load the files again? Because size and perplexity should belong to the same thing. In memory the rounded weights are still floats, so their perplexity does not show whether the packed bytes can be turned back into the right weights. And a size that was only computed does not show whether the file holds something that nobody counted, for example floats beside the codes. Here the files are as large as computed, up to some kilobytes for names and padding, and the loaded weights equal the rounded ones.
#
# Why were embedding and head left alone? Of the embedding a token reads one row only, so its bits cost space and hardly any time. The head is read whole for each token, but here it is small. In a small model with a vocabulary of 100,000 words the two can be a large part of all weights, and then they must be counted.

# %% [markdown] slideshow={"slide_type": "skip"}
# *At a first reading you may go on to the paragraph above section 5. The next five minutes, about levels that are not evenly spaced, can wait.*
#
# So far the levels were evenly spaced. Are the weights? Most weights of a layer are small and few are large. Why should levels far out be as close as those near 0?
#
# **Two kinds of levels, by hand.** The largest weight of a group is 6. Evenly spaced, with 4 bits and no zero point: the largest weight lies half a step beyond level 7, as in [[integers]], so the scale is 6 / 7.5 = 0.8, and the levels are …, −0.8, 0, 0.8, 1.6, …, 5.6. The other kind is **E2M1**, a float of 4 bits with the levels 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives; its scale here is 1. A weight of 0.45 becomes 0.8 on the even levels, wrong by 0.35, and 0.5 on E2M1, wrong by 0.05. A weight of 4.9 becomes 4.8 on the even levels, wrong by 0.1, and 4 on E2M1, wrong by 0.9. E2M1 is finer near 0 and coarser far out. Which is better depends on where the weights are.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "figure"}
# ## 4. Four bits as floats
#
# A code need not stand for evenly spaced levels. **E2M1**, the element of MXFP4 and NVFP4 ([[torchao]]), is a float of 4 bits; each block has a scale. Which levels suit these weights?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The points are one block of the model's own weights, the same above both lines. Ask where the floats are denser, and where their gaps are wide: denser around 0, and the widest gap is the last one, from 4 to 6. Do 0.45 and 4.9 on the board, in a block whose largest weight is 6. Even levels have the step 6 / 7.5 = 0.8: 0.45 becomes 0.8 (wrong by 0.35), and 4.9 becomes 4.8 (wrong by 0.1). E2M1 has 0, 0.5, 1, 1.5, 2, 3, 4, 6: 0.45 becomes 0.5 (wrong by 0.05), and 4.9 becomes 4 (wrong by 0.9). Then ask which levels suit these weights, and keep the guesses for the next vote.

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
# MXFP4 and NVFP4 have the same levels, and differ in their blocks and in their scales. MXFP4 has blocks of 32, and its scale of 8 bits is a power of two ([OCP, 2023](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf)): $4 + 8/32 = 4.25$ bits a weight. NVFP4 has blocks of 16, and its scale is a float of 8 bits, E4M3: $4 + 8/16 = 4.5$ bits (and one fp32 number for the whole tensor, which hardly counts). For a fair race each gets an opponent with evenly spaced levels that takes as many bits. NF4, the format of [QLoRA](https://arxiv.org/abs/2305.14314), goes further in the same direction. Its 16 levels are taken from the quantiles of a normal distribution (section 3 of the paper). The aim is that about equally many weights go to each level, if the weights follow such a distribution. Most of them are near 0, so that is where the levels lie close together. We do not measure it here.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### At equal bits
#
# All formats are used without zero points and with round-to-nearest. With their scales they need 4.25 or 4.5 bits a weight.
#
# **Predict.** At 4.25 bits MXFP4 (blocks of 32) meets int4 in groups of 64, at 4.5 bits NVFP4 (blocks of 16) meets int4 in groups of 32. Does either float format win clearly, and why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3.5 min.* Say what makes the race fair: each float format gets an opponent with as many bits, because blocks and scales cost bits, too. Two votes, one for each pair. Read the table in pairs: the first row against the second at 4.25 bits, the fourth against the fifth at 4.5; the last column is the perplexity. On other sets of pieces MXFP4 and int4 at 4.25 bits changed places (the page says how). "Then what does matter?" The scale: in a trial E2M1 had an error of 10.1 % with scales of 16 bits, and the first row has the power of two. And the third row, int4 with a scale of 8 bits, has groups of 32 for the same 4.25 bits, and the smallest error of the three. Say: "Simulated: the numbers are rounded here and multiplied in float. What a GPU gains in speed from fp4 is another question, and nothing here measures it."

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Rounds the model to five formats of four bits.
FOUR = show.four_bit_formats(on_marks)
four_bits = show.tried(FOUR, WEIGHTS, lambda new: perplexity(with_weights(new)) / float_perplexity)
show.formats_table(FOUR, four_bits)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **No float format wins clearly: at equal bits the perplexities lie only one or two thousandths apart, because what E2M1 gains near 0 it loses far out, and on this model the two nearly cancel.**
#
# <!-- page -->
#
# Do such small differences keep their sign on other texts? In a trial on the four sets of pieces of section 2, MXFP4 was better than int4 at 4.25 bits on one of them, equal on another, and worse on two. NVFP4 was better than int4 at 4.5 bits on all four, by 0.0003 to 0.003 of the ratio: a small lead, and it belongs to the format as a whole, because not only the levels of the two differ but also their blocks and their scales.
#
# What do the *levels* alone do? In the same trial E2M1 and int4 had the same blocks of 32 and the same scales of 16 bits. For weights below a quarter of their block's largest, the error of E2M1 was about 40 % smaller; for those above three quarters it was about 80 % larger. Together the error of all weights was 10.1 % with E2M1 and 9.5 % with int4, and the perplexity was lower with each of them on two of the four texts. So the two effects nearly cancel here. (In groups of 64 E2M1 was ahead on all four texts, by 0.001 to 0.003, although its error of the weights was still the larger one. The error of the weights does not decide alone.)
#
# The *scale* does more to the error of the weights. With a power of two in place of the scale of 16 bits the error of E2M1 grew from 10.1 % to 11.7 %, which is the first row of the table. Why? Such a scale is between 3/4 and 3/2 of the one that would put the block's largest weight on the level 6. If it is too small, weights beyond 6 times the scale are cut off to 6; if it is too large, the outer levels may stay unused. And the third row of the table shows what a *cheaper* scale is worth: int4 with scales of 8 bits can afford groups of 32 at 4.25 bits, and it has the smallest error of the three. Other levels cannot change what these two decide: they move the few values of a group between its ends, but they add no value, and the largest weight of the group still sets how far the levels must reach. So before you change the levels, look at the scale and the group. On a model whose weights have longer tails the order may be another one.

# %% [markdown] slideshow={"slide_type": "skip"}
# The opening promised speed from fewer bytes. We test it with one layer of 4,096 × 4,096 random weights. In float32 it takes 67 MB, in bfloat16 34 MB, and in 4 bits with groups of 32 about 10 MB (8.4 MB of codes, and for each group a scale and a zero point of 16 bits each, as the kernel below expects them). There are two ways to use the packed weights. The first way *unpacks first*: a few lines of PyTorch turn all codes into bfloat16, write them to memory, and multiply. Count the bytes: 10 MB are read, then 34 MB are written and read again, and the steps between write more. The other way is a **kernel**, a piece of compiled code that takes a few packed bytes, turns them into floats inside the processor, multiplies them at once, and forgets them. PyTorch has one for CPUs.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. When does it make a model faster?
#
# One layer, 4,096 × 4,096, in float, and packed in 4 bits. The codes are unpacked inside a kernel, or all of them are unpacked first, by PyTorch.
#
# **Predict.** With *one* input: is the packed layer faster than float32 when a kernel unpacks its codes? Is it when all are unpacked first? And why?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* Vote twice, once for each way. Let the room count the bytes of *unpacked first*: 10 read, 34 written, 34 read, so 78 MB, more than the 67 of float32; and the steps between write more. After the table: "Why is the kernel not six times as fast?" It reads a sixth of the bytes, but it has to turn codes into floats; probably this takes much of the difference. bfloat16 warns of the same: half of the bytes, and only a little faster (1.13 in the run on this page). Then ask: "And with 64 inputs?" The weights are read once for all 64, so there is 64 times as much arithmetic for the same bytes. In the last column the kernel is behind float32, 0.70 in the run on this page. (On an AMD EPYC the kernel had 1.8 with one input and 0.88 with 64.) The next slide draws all of this.

# %% slideshow={"slide_type": "fragment"} tags=["hide-input"]
# Times one layer in float and packed, with one input and with 64.
layer = show.Layer()
races = {1: layer.race(1), 64: layer.race(64, ["float32", show.KERNEL])}
kernel_one, kernel_many = (race.ratio(show.KERNEL) for race in races.values())
first_one = races[1].ratio(show.FIRST)
show.race_table(layer, races)

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **The packed layer is faster than float32 when the kernel unpacks it, and many times slower when all is unpacked first, because then large new matrices are written and read.**
#
# <!-- page -->
#
# The two rows of 4 bits read the same packed bytes from memory, so the difference between them comes from *where* and *how* the codes become floats. Is it the writing, or the arithmetic of unpacking? In a trial on another processor, an AMD EPYC, we copied the bfloat16 matrix into new memory and did nothing else. That alone took about eight times as long as the whole product in float32, and each of the four steps of unpacking (take the codes apart, make them bfloat16, subtract 8, multiply by the scale) took nearly as long as such a copy. So what costs so much is writing large new matrices. Their bytes alone do not explain it, because they are only some four times those of the float32 product. (Into memory already in use, the copy took a fifth of the time.)
#
# The kernel does not win as much as the bytes promise. It reads about a sixth of the bytes of float32, and in the run on this page it is 4.50 times as fast. In the same trial, merely adding up the float32 weights took as long as the product with them, so there the reading decides in float32. If it does so here as well, the packed bytes could be read in about seven tenths of the kernel's time. Turning the codes into floats probably takes much of the rest (a kernel that only reads the packed bytes would test it). bfloat16 is a warning of the same kind: it reads half of the bytes, and in the run on this page it is only 1.13 times as fast as float32. The bytes give an upper limit for the speed; they do not say that a product reaches it. Other processors, more threads and other kernels give other numbers.
#
# With 64 inputs float32 and the kernel each read their weights once for all inputs. Now the kernel is slower than float32: it is 0.70 times as fast in the run on this page. Compare the kernel's two columns: what fewer bytes are worth depends on the number of inputs, and on how well each of the two does its arithmetic.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### Under the roof
#
# White: where bfloat16 and 4 bits would be if their bytes alone decided.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* First frame, one input. float32 lies on the slope, because we drew the slope through it. Let the room work out the white points from the bytes: 67.1 / 33.6 = 2.0 and 67.1 / 10.5 = 6.4. Then point at a dotted line: "What is missing here?" For the kernel, probably the time that it needs to turn codes into floats. "Why does *unpacked first* lie so far below, with the same bytes in the file?" Because it writes large new matrices, and memory that was just asked for is slow to write. Second frame: with 64 inputs each byte serves 64 times as many operations, so the points move to the right. "And what do fewer bytes bring there?" Another step to the right, under a flat roof: nothing. Close with the three cases in which it is *not* faster: no kernel, many inputs at once, and something else that takes the time, such as the calls of Python in our small model. The model still needs less space.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
# Draws the four under a roof, with one input and with 64.
show.under_the_roof(layer, races)

# %% [markdown] slideshow={"slide_type": "skip"}
# The drawing reads like the roof of [[roofline]]. Upwards: operations a second. To the right: operations for each byte of the weights. With one input a weight takes part in 2 operations, so float32 has 2 / 4 = 0.5 for each byte, bfloat16 2 / 2 = 1, and 4 bits (5 with scale and zero point, 0.625 bytes) 2 / 0.625 = 3.2. If the bytes alone decided, all points would lie on the slope, which we drew through float32. The white points are this promise, 2 and 6.4 times the speed of float32; the dotted lines are what is missing.
#
# With 64 inputs each byte serves 64 times as many operations, so the points move to the right, under the flat part. There a point further right is no higher: fewer bytes bring nothing. The kernel's point lies below the roof, probably because its work on the codes comes on top. (No limit was measured here. The roof goes through two measured points, so the arithmetic's true limit may lie higher.)
#
# From this follows when fewer bits for the weights do *not* make a model faster:
#
# - **No kernel.** If nothing unpacks the codes inside the processor, more bytes move than before. The file is small, and the model is slow.
# - **Many inputs at once.** A batch or a prompt reads each weight once and uses it many times. With the opening's numbers, weights of 16 bits reach the ridge of the roofline, 10 operations a byte, with 10 inputs. From there the arithmetic decides. It is still done in float, and unpacking comes on top.
# - **Something else takes the time.** In our small model the calls of Python are the largest part of a step ([[decoding]]), and with a long text the KV cache may be larger than the weights.
#
# In all three cases the packed model still needs less space, so a model that did not fit into the memory may fit now. (Where the codes are unpacked first, it fits only if one layer is unpacked at a time.)

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ## Exercises
#
# Write your answer into the stub, run it, then the check below it. It tries inputs that you do not see here.
#
# ### Exercise 1 · A smaller group, or only more bits?
# ★★ · 12 minutes · an investigation
#
# Codes of 3 bits without zero points. An instrument, `rise(group, scale_bits, piece)`, gives by how many percent the perplexity of a model rises on a piece of text: weights in groups of `"32"` or `"16"`, each group with a scale of 16 or of 8 bits.
#
# `smaller_group(rise)` → `"group"`, `"bits"` or `"neither"`
#
# <!-- page -->
#
# Run all four cases on the same pieces, and compare means over five pieces or more. *Better* means by more than 0.5 points.
#
# - Is the smaller group better where both take *equally many bits a weight*? Then return `"group"`.
# - If not, is it better where both have scales of 16 bits? Then it helps only because it takes more bits: `"bits"`.
# - Otherwise return `"neither"`.
#
# <details><summary>Hint</summary>
# Count the bits of a weight in all four cases first.
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 6 min.* In pairs, without a laptop; the code is for home. Draw a table of two rows (groups of 32 and 16) and two columns (scales of 16 and of 8 bits), and let them fill in the bits of a weight: 3 + 16/32 = 3.5 and 3.25; 3 + 16/16 = 4 and 3.5. "Which two of the four cases take equally many bits?" Groups of 32 with 16 bits, and groups of 16 with 8: circle these two. Say the rule: better at these two is "group"; better only in the first column is "bits"; else "neither". Then: "Invent a model that fools somebody who compares both with scales of 16 bits." For example rises of 3.0 % in groups of 32 and 2.0 % in groups of 16, both with scales of 16 bits, and again 3.0 % in groups of 16 with scales of 8 bits. The smaller group seems to help by a point; at equal bits it brings nothing, so the answer is "bits". If a pair asks about our model: on the page it is "neither", and with twice as much text it became "group", so five pieces were not enough to tell.


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
# For our model the answer depends on the text, and that is the lesson. `Instrument` takes three or four pieces of 512 characters for each `piece`, 17 in all. On them groups of 16 with short scales are *worse* than groups of 32 with scales of 16 bits, a rise of 2.67 % against 2.51 % in the run on this page, so the answer is not "group"; and with scales of 16 bits both groups are equally good, so by the rule of the card it is "neither". In a trial with twice as many pieces, the same ones and as many others, they were *better* by 0.8 points, and the answer was "group". With 3 bits the perplexity rises by about 3 %, and so little text cannot tell whether half a point of that is real. Before you believe such a difference, double the text and see whether it stays.
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
# Count the groups of one row first, rounded up. Then divide all bits of a row by its number of columns.
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
# fp8 comes in two kinds. E4M3 has 4 bits for the exponent and 3 for the fraction; E5M2 has 5 and 2. If each row has a scale of its own, the long range of E5M2's exponent is hardly needed, while its steps are twice as wide because the fraction has one bit less.

# %% slideshow={"slide_type": "skip"}
EIGHT = show.eight_bit_formats(on_marks)
eight_bits = show.tried(EIGHT, WEIGHTS, lambda new: perplexity(with_weights(new)) / float_perplexity)
show.formats_table(EIGHT, eight_bits)

# %% [markdown] slideshow={"slide_type": "skip"}
# Of the three formats int8 has the smallest error, and E5M2 has twice the error of E4M3, as one expects from the missing bit. For the perplexity all three are good enough here.
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
# The audit says that int8 and the unpacked 4 bits compute in float. The packed prototype runs a kernel that the audit does not know. The stable int4 ends in an error where its kernel library is missing. If the 4-bit codes are not packed, each still occupies a whole byte, and the file is as large as with 8 bits, or larger. The column "× float" ranks nobody, because it was measured on one piece of text, and because torchao maps a group to its levels in another way than we do ([[torchao]] shows what that alone can change). On another machine other configs may run.
#
# ### Into the ledger
#
# The ledger of the course measures quality as a share of correct answers; here it is the share of characters for which the model's first choice was right. It is counted on this lesson's text, every seventeenth piece of the unseen modules. The same float model has other shares in the rows of [[decoding]] and [[adapters]], which count on other pieces, so compare rows of one lesson only.

# %% slideshow={"slide_type": "skip"} tags=["hide-input"]
# Writes a row of the ledger for each file.
show.record_rows(files, exam)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3 · Groups, symmetric
# ★★ · 8 minutes
#
# Write `in_groups`: the weights after rounding in groups of `group` neighbours *within a row*, without zero points. In each group the scale is $s = \max|w| / 2^{b-1}$ (smaller than that of [[integers]]), the integer of a weight is $w/s$, rounded and clamped to $-2^{b-1} \ldots 2^{b-1} - 1$, and what you return is integer times scale. A group of zeros stays zero. Leave `weight` as it is. `bits` goes from 2 to 4; `group` divides the row; no $w/s$ lies half-way.
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
# - A model that writes one text reads nearly all weights for each token. Fewer bytes make it faster, if a kernel unpacks them inside the processor and few inputs come at once.
# - Weight-only: what is stored shrinks, the arithmetic stays float. Count scales, zero points and what is left in float before you quote a width.
# - In groups of 32 this model lost little with 4 bits and much with 2. For the error of its weights, the scale and the group mattered more than the kind of levels (section 4).
# - How to round with less loss, by looking at the inputs of a layer, is the subject of [[gptq]].
#
# **Going further.** OCP, *Microscaling formats specification* 1.0, 2023; T. Dettmers et al., *QLoRA*, 2023, [arXiv:2305.14314](https://arxiv.org/abs/2305.14314) (NF4).
#
# **Project ideas**: round embedding and head too; find the best bits and group at 3.5 bits in all; make a table of 16 levels from the model's own weights.
#
# **Credits**: text CC BY 4.0, code MIT; written for this course.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1.5 min.* Go back to the first question: what goes wrong with four values to choose from? One large weight widens the steps for all that share its grid. The cure of today: groups. Compare with the answers that you kept. The bars are the files of section 3. Transition: "In the next lesson the rounding looks ahead."
