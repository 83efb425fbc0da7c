# ---
# jupyter:
#   course:
#     promise: You will train in 16 bits with autocast, a gradient scaler and clipping, lose no accuracy, and know when it saves time and when memory.
#     seconds: 45
#     needs: []
#     goals:
#       - write the training loop with `autocast`, `GradScaler` and clipping, with one switch, `enabled=`;
#       - work out the scale of the loss step by step, and say why clipping comes after `unscale_`;
#       - say when mixed precision saves time, and when it saves memory.
#     terms: [gradient scaler]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *How does one train in 16 bits and lose nothing?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what people hope for from half the bits: half the time? Half the memory? Write both on the board. The end of the lesson comes back to them.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets a seed and one thread, and imports the drawings of this lesson and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.amp import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Half the bits, half the memory?
#
# Networks are trained in **fp32**, in numbers of 32 bits. Numbers of 16 bits take half the room, and many chips multiply them faster. With **automatic mixed precision**, AMP, PyTorch computes the products in 16 bits, and keeps the weights and their gradients in fp32.
#
# <!-- page -->
#
# We take the network of PyTorch's recipe, three linear layers with ReLU between them. There they are 4,096 wide and read 512 inputs at once; ours fit a laptop. The *peak* is the most memory that a forward and a backward pass hold at any moment, beside the weights.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Three layers of 256 · 256 weights read 32 inputs. Is the peak of memory with AMP **A** about half of what fp32 needs, **B** about three quarters, or **C** more than fp32 needs?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Show of hands; most say A or B. It is C. Ask which tensors have as many bits as before: the gradients of the weights, 262 kB each, three of them. One activation of the batch has only 33 kB. Do not go deeper yet: the last section says when memory *is* saved.

# %% slideshow={"slide_type": "skip"}
import torch
from torch.nn import functional as F

from course_utils.measure import timing
from course_utils.models import make_mlp

device = "cuda" if torch.cuda.is_available() else "cpu"


# %% slideshow={"slide_type": "skip"}
def peak(batch, n_layers, autocast):
    net, x = make_mlp(256, 256, n_layers).to(device), torch.ones(batch, 256, device=device)

    def step():
        with torch.autocast(device, enabled=autocast):  # the one new line
            loss = F.mse_loss(net(x), x)
        loss.backward()
        net.zero_grad()

    step()  # the first time may take room that is never given back
    return timing.peak_bytes(step, device=device)


# %% slideshow={"slide_type": "fragment"}
ratio = peak(32, 3, autocast=True) / peak(32, 3, autocast=False)
print(f"peak under autocast over that in fp32: {ratio:.2f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **More than fp32 needs (C), because the gradients of the weights fill the memory here, and they stay in fp32.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Each of the three gradients has 256 · 256 numbers of 4 bytes, 262 kB. An activation of 32 inputs has only 33 kB, so halving it saves next to nothing. And a gradient comes out of its product in 16 bits before it is stored in fp32, so for a moment the last one is there twice.
#
# A bad start. Yet the same line makes a large training step on a data-centre GPU eight times as fast. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. What do 16 bits lose?
#
# - **fp16** reaches to 65,504, with about three decimal digits.
# - **bfloat16** reaches as far as fp32, with between two and three digits.
#
# <!-- page -->
#
# [[formats]] takes both apart. Training in fp16 can fail in two ways:
#
# 1. **A step is swallowed.** Let a weight be 1, and let the optimizer add 0.0001. The number after 1 in fp16 is 1.001. So the sum is rounded back to 1, and after a thousand such steps the weight is still 1.
# 2. **A gradient vanishes.** The least number above 0 in fp16 is 0.00000006, which is $6 \cdot 10^{-8}$. A gradient of $2 \cdot 10^{-8}$ becomes 0.

# %% slideshow={"slide_type": "-"}
weight, gradient = torch.tensor([1, 2e-8], dtype=torch.float16)
print((weight + 0.0001).item(), gradient.item())

# %% [markdown] slideshow={"slide_type": "skip"}
# **Try it.** Change `torch.float16` to `torch.bfloat16` and run the cell again.
#
# <details><summary>What others found</summary>
#
# The gradient is there again, since bfloat16 has the range of fp32. The step is still swallowed: the number after 1 is 1.008 now.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Write 1 + 0.0001 and 2 · 10⁻⁸ on the board. For each ask for a remedy. Swallowed steps: keep the weights in fp32. Vanished gradients: let the room guess, the next section has it.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "code"}
# ### Autocast: a type for each operation
#
# | operations | type under autocast |
# |---|---|
# | linear layers, convolutions, attention, `matmul` | 16 bits |
# | losses; on a GPU also `softmax`, `layer_norm`, `exp`, `log`, `sum` | fp32 |
# | ReLU, pooling and most others | that of their inputs |
#
# <!-- page -->
#
# The remedy for swallowed steps: weights are sums of many small steps, so they stay in fp32. Losses are sums, too. But nearly all of the time goes into products, and products bear 16 bits well, since chips usually add them up in fp32. So `torch.autocast` gives each operation of the forward pass its type, and makes 16-bit copies of the weights where a product needs them.

# %% slideshow={"slide_type": "-"}
net = make_mlp(512, 512, 3).to(device)
x, y = torch.randn(2, 64, 512, device=device)
with torch.autocast(device, dtype=torch.float16):
    output = net(x)
    loss = F.mse_loss(output, y)
loss.backward()  # outside: it takes the types of the forward pass
assert output.dtype == torch.float16
assert loss.dtype == torch.float32
assert net[0].weight.dtype == net[0].weight.grad.dtype == torch.float32

# %% [markdown] slideshow={"slide_type": "skip"}
# No complaint: the types are as the table says. `net.half()` would convert the weights as well, and then steps are swallowed.
#
# Autocast works on CPUs as well, though older pages call it a matter for GPUs. There it takes bfloat16 unless you ask for fp16. We do, to see the scaler at work, though most CPUs are slow in fp16. Older code also says `torch.cuda.amp.autocast()` and `torch.cuda.amp.GradScaler()`. These names are deprecated: today both are in `torch.amp`, and take the device.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Before the assertions let the room vote 16 or 32 for output, loss, weight and gradient. Only the output has 16 bits.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. The training loop, line by line
#
# `scaler` multiplies the loss, so that small gradients survive.
#
# <!-- page -->
#
# The remedy for vanished gradients: multiply the loss by a large number, the **loss scale**, before the backward pass. By the chain rule every gradient then comes out as many times larger. With a scale of 65,536 the gradient of $2 \cdot 10^{-8}$ becomes 0.0013, which fp16 can hold. Before the step the gradients are divided again, in fp32. The **gradient scaler**, `torch.amp.GradScaler`, does both.
#
# Here is the whole loop, for a small network and 6,000 images of Fashion-MNIST.

# %% slideshow={"slide_type": "skip"}
from course_utils import data, models

images, labels = (t.to(device) for t in data.load("fashion_mnist", n=6_000))
test_images, test_labels = (t.to(device) for t in data.load("fashion_mnist", "test"))


# %% slideshow={"slide_type": "-"}
def train(scaler, dtype=torch.float16):
    torch.manual_seed(0)
    net = models.LeNet300100().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in zip(images.split(64), labels.split(64), strict=True):
        with torch.autocast(device, dtype=dtype, enabled=scaler.is_enabled()):
            loss = F.cross_entropy(net(2 * x - 1), y)  # pixels: -1 to 1
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
    return net


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The slide to photograph. Read the lines aloud and ask for each: "What goes wrong without it?" Without `scale`, small gradients are 0. Without `update`, the next step fails. Then ask which lines a plain loop has as well.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### As good as fp32?
#
# Two trainings, the scaler once switched off and once on. Each training gets a scaler of its own, made before the loop.

# %% slideshow={"slide_type": "fragment"}
right = {}
for on in (False, True):
    net = train(torch.amp.GradScaler(device, enabled=on))
    answers = net(2 * test_images - 1).argmax(1)
    right[on] = (answers == test_labels).float().mean().item()
    print(f"enabled={on}: {right[on]:.1%} of the test images right")

# %% [markdown] slideshow={"slide_type": "skip"}
# Mixed precision learns as well as fp32. Six networks, trained on ImageNet in both ways, differed by at most 0.3 points ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740)). Line by line:
#
# - **`scaler.scale(loss).backward()`** multiplies the loss by the scale, and computes the gradients.
# - **`scaler.step(optimizer)`** divides the gradients by the scale. If all of them are finite, it calls `optimizer.step()`.
# - **`scaler.update()`** chooses the scale for the next step.
# - **`zero_grad(set_to_none=True)`** lets go of the gradients instead of filling them with zeros, which frees their memory. Today this is the default.
# - **`enabled=False`**, in both tools, gives you the plain fp32 loop. When a training goes wrong, throw this switch first. If the fault stays, 16 bits are not the cause.
#
# With bfloat16, leave autocast on and switch the scaler off: its range is that of fp32.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "big"}
# ### The search for the scale
#
# 1. Begin with 65,536.
# 2. A gradient is infinite? Skip the step, and halve the scale.
# 3. Many good steps in a row? Double the scale, and count anew.
#
# <!-- page -->
#
# How large should the scale be? Large, because of the small gradients. But a gradient of 0.3 times 262,144 is 78,643. That is more than 65,504, so in fp16 it becomes infinite: it *overflows*. Nobody knows the largest gradient of the next batch. So the scaler searches by the three rules above. *Many* are 2,000 unless you set `growth_interval`. The step is skipped because an infinite one would destroy the weights, and a lost batch costs little. A factor of 2 changes the exponent of a number, and no digit.
#
# **Six steps by hand.** One weight begins at 1, and each step subtracts 0.1. The scale doubles after *two* good steps, and the third gradient is infinite.
#
# | step | gradient | good steps in a row | weight afterwards | scale afterwards |
# |---|---|---|---|---|
# | 1 | finite | 1 | 0.9 | 65,536 |
# | 2 | finite | 2, so double | 0.8 | 131,072 |
# | 3 | **infinite** | 0 | ? | ? |

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### Where does the scale end?
#
# **Predict.** After step 2 the weight is 0.8 and the scale 131,072. Step 3 is infinite, steps 4 to 6 are good. Are weight and scale in the end **A** 0.4 and 262,144, **B** 0.5 and 131,072, or **C** 0.5 and 65,536?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* The room has a weight of 0.8 and a scale of 131,072 after two steps; step 3 is infinite. Let everybody write the table to the end. B: step 3 is skipped and halves, steps 4 and 5 double, step 6 is the first of a new pair.

# %% slideshow={"slide_type": "fragment"}
weight = torch.nn.Parameter(torch.ones(1, device=device))
optimizer = torch.optim.SGD([weight], lr=0.1)
scaler = torch.amp.GradScaler(device, growth_interval=2)
for gradient in (1, 1, float("inf"), 1, 1, 1):
    scaler.scale((gradient * weight).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    print(f"{gradient=}: weight {weight.item():.1f}, scale {scaler.get_scale():,.0f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **0.5 and 131,072 (B), because step 3 is skipped and halves the scale, and the good steps 4 and 5 double it again.**

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The search in a real training
#
# Now `train`, where real gradients overflow. The scale begins at 1,024, and five good steps double it.

# %% slideshow={"slide_type": "-"}
show.staircase(train, device, dtype=torch.float16)

# %% [markdown] slideshow={"slide_type": "skip"}
# The scale climbs a staircase until a gradient crosses the dotted line. Then it falls back to half, and tries again. A few skipped steps are no fault: they are the search. If the scale falls and falls, some number is infinite for another reason, and halving cannot cure it.
#
# **Try it.** Change `torch.float16` to `torch.bfloat16` and run the cell again.
#
# <details><summary>What others found</summary>
#
# The gradients cross the dotted line and nothing happens: bfloat16 ends near $3 \cdot 10^{38}$. No step is skipped, so the scale climbs for ever.
#
# </details>

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room find the first cross, and say what happened there. Then ask how the picture looks in bfloat16: a staircase that only climbs. It needs no scaler.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 4. Clip, but when?
#
# An unlucky batch can have gradients far longer than usual, and one step along them can undo many. **Clipping** limits their *norm*, the root of the sum of their squares. It shortens all gradients by one factor.
#
# <!-- page -->
#
# Take the gradients 0.3 and 0.4. Their norm is $\sqrt{0.09 + 0.16} = 0.5$. If at most 0.1 is allowed, both are multiplied by 0.2, and become 0.06 and 0.08.
#
# Now let the scale be 1,024. After `backward()` the gradients are 307.2 and 409.6, with the norm 512.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** The true gradients are 0.3 and 0.4, the scale is 1,024. Somebody clips the scaled gradients to a norm of 0.1, and divides by 1,024 afterwards. Which gradients does the optimizer get: **A** 0.06 and 0.08, **B** 0.3 and 0.4, **C** 0.00006 and 0.00008?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The gradients are 0.3 and 0.4, the limit is 0.1, and the scale is 1,024. One half of the room clips first (307.2 and 409.6, norm 512), the other half divides first. A pencil, two minutes. Then the output: C for those who clipped first.

# %% slideshow={"slide_type": "fragment"}
from torch.nn.utils import clip_grad_norm_

weight = torch.nn.Parameter(torch.ones(2, device=device))
optimizer = torch.optim.SGD([weight])
scaler = torch.amp.GradScaler(device, init_scale=1024)
scaler.scale(0.3 * weight[0] + 0.4 * weight[1]).backward()
clip_grad_norm_([weight], max_norm=0.1)
scaler.unscale_(optimizer)  # divides the gradients by the scale
print(f"gradients for the optimizer: {weight.grad[0]:.5f} and {weight.grad[1]:.5f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **0.00006 and 0.00008 (C), because clipping already made the norm 0.1, and the division then makes it 1,024 times smaller.**

# %% [markdown] slideshow={"slide_type": "skip"}
# In the wrong order nearly every step is clipped, since the limit is compared with scaled gradients. Then the division makes the step far too short. With SGD and a scale of 65,536 the training stands still, and nothing tells you why.
#
# **Try it.** Let `clip_grad_norm_` and `scaler.unscale_` change places and run the cell again.
#
# <details><summary>What others found</summary>
#
# Now the gradients are 0.06 and 0.08, as they should be.
#
# </details>
#
# So `scaler.unscale_(optimizer)` comes first. Is the gradient divided once more in `scaler.step`? No, the scaler remembers. A plot of the gradients comes after it, too.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5. When does it save time, when memory?
#
# - **A product of large matrices** uses each number hundreds of times. Arithmetic sets its pace, so it gains where the chip has *16-bit units*.
# - **An addition of long vectors** uses each number once. Memory sets its pace, and half the bytes can bring a factor of two.
#
# <!-- page -->
#
# Such units multiply several pairs of 16-bit numbers in the time of one fp32 pair. NVIDIA's GPUs got them with Volta (2017). Newer server processors call them AMX or AVX-512 BF16, and many ARM chips have them as well. A chip without them must turn every number into fp32 before it multiplies. The table has your machine, and records of three others.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* After the click read the table by columns. Addition: who wins? All, since half the bytes move. Large step: only chips with units. Small step: nobody. Then go back to the hopes on the board.

# %% tags=["hide-input"] slideshow={"slide_type": "fragment"}
# Times an addition and two training steps on this machine, and shows records of others below.
times = show.race(device)
show.side_by_side(times, device)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the three records the addition gains, by less than two. A large training step gains only where there are units, and most on the GPU. Without units AMP makes it several times *slower*. The small network loses in all three, probably because autocast has a price at every step, and small products save too little.
#
# So time a step of *your* network on *your* chip, with `enabled=True` and `enabled=False`.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And memory?
#
# A layer of width $n$ keeps an *activation* of $B \cdot n$ numbers for the way back, where $B$ is the batch. Autocast stores it in 2 bytes a number in place of 4. But it also keeps a 16-bit copy of the layer's $n \cdot n$ weights.
#
# **Predict.** From which batch on does the layer need less memory than in fp32: **A** from $B = 2$, **B** from about $n/4$, **C** from about $n$?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two lines on the board: saved 2 · B · n bytes, added 2 · n · n bytes. Equal at B = n. So C. The step of the first slide had a batch of an eighth of the width.

# %% slideshow={"slide_type": "fragment"}
peaks = {}
for batch in (64, 256, 1024):
    peaks[batch] = peak(batch, 12, autocast=True) / peak(batch, 12, autocast=False)
    print(f"12 layers, 256 wide, batch {batch}: {peaks[batch]:.2f} of fp32's peak")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **From about $n$ (C), because halving the activation saves $2Bn$ bytes, the copy of the weights costs $2n^2$, and the two are equal at $B = n$.**

# %% [markdown] slideshow={"slide_type": "skip"}
# The whole network must also pay for its two ends: a copy of the input, and the loss in fp32. So it wants many layers, and a batch clearly larger than the width. Weights, gradients and the optimizer's numbers do not shrink at all.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## Exercise · A step with clipping
# ★★ · 10 minutes
#
# Write `train_step(model, batch, optimizer, scaler)`: one step of `train`, with the norm of the true gradients clipped to 1. A batch is a pair `(x, y)`. The forward pass and `F.cross_entropy` run in float16, or in fp32 if the scaler is switched off. Leave no gradients behind for the next step. Return the loss as a float, not scaled.
#
# <!-- page -->
#
# The check takes several steps with SGD and a scale of 1,024. Where it shows you `inputs`, each number is one batch.
#
# <details><summary>Hint</summary>
#
# `scaler.is_enabled()` says whether it is switched on. Two lines come between `backward()` and `scaler.step`. `x.device.type` is the device that autocast wants.
#
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "-"}
def train_step(model, batch, optimizer, scaler):
    """One training step, its gradients clipped to a norm of 1; returns the loss."""
    raise NotImplementedError


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* In pairs, on paper: the calls in their order. Mistakes to wait for: clipping before `unscale_`, `optimizer.step()` in place of `scaler.step(optimizer)`, a forgotten `update`. The code is for home.

# %% tags=["check"] slideshow={"slide_type": "skip"}
check.train_step(train_step)


# %% tags=["solution", "hide-cell"] slideshow={"slide_type": "skip"}
def train_step_solution(model, batch, optimizer, scaler):
    x, y = batch
    with torch.autocast(x.device.type, dtype=torch.float16, enabled=scaler.is_enabled()):
        loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    clip_grad_norm_(model.parameters(), max_norm=1.0)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Remember
#
# - Autocast computes products in 16 bits and keeps weights and losses in fp32; the scaler multiplies the loss, so that small gradients survive fp16.
# - The scale halves when a gradient overflows, and that step is skipped; many good steps double it. Clip after `unscale_`.
# - It saves time where the chip has 16-bit units and the products are large, and memory where layers are many and the batch is larger than the width.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Scorecard
#
# What this lesson claims, beside what your run measured.

# %% tags=["scorecard"] slideshow={"slide_type": "skip"}
claims.show("amp")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Deeper
#
# ### A batch in parts, and a training that goes on tomorrow
#
# A batch that does not fit into memory is fed in parts, and the gradients add up. With a scaler `scale` and `backward` are called for each part, but `unscale_`, clipping, `step` and `update` once, after the last part: the scale must not change while scaled gradients are being added. The loss of a part is a mean over the part, so divide it by the number of parts.
#
# A training that is to go on later needs three states in its file: the network's, the optimizer's and the scaler's.

# %% slideshow={"slide_type": "skip"}
net = models.LeNet300100().to(device)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scaler = torch.amp.GradScaler(device)
for x, y in zip(images[:64].chunk(4), labels[:64].chunk(4), strict=True):
    with torch.autocast(device, dtype=torch.float16):
        loss = F.cross_entropy(net(x), y) / 4
    scaler.scale(loss).backward()
scaler.step(optimizer)
scaler.update()
optimizer.zero_grad()
checkpoint = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "scaler": scaler.state_dict()}
scaler.load_state_dict(checkpoint["scaler"])  # later, and net and optimizer in the same way

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A published run, run again
#
# PyTorch's recipe times fp32 and AMP with two helpers, `start_timer()` and `end_timer_and_print()`. The course's `Timer` does what they do, and here prints their two lines for `peak`'s network, ten steps of each.

# %% slideshow={"slide_type": "skip"}
net, x = make_mlp(256, 256, 3).to(device), torch.ones(32, 256, device=device)
for on in (False, True):
    scaler = torch.amp.GradScaler(device, enabled=on)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001)
    with timing.Timer(memory=True) as timer:  # start_timer()
        for _ in range(10):
            with torch.autocast(device, enabled=on):
                loss = F.mse_loss(net(x), x)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
    print("Mixed precision:" if on else "Default precision:")  # end_timer_and_print()
    print(f"Total execution time = {timer.seconds:.3f} sec")
    print(f"Max memory used by tensors = {timer.peak_bytes} bytes")

# %% [markdown] slideshow={"slide_type": "skip"}
# A lecture ran the recipe in full size on an older GPU ([Technion EE 046211](https://github.com/taldatech/ee046211-deep-learning), tutorial 10). fp32 took 13.958 s and 1,493,322,752 bytes, AMP 14.081 s and 1,585,620,992 bytes. The age of the GPU may explain the time. What explains 92,298,240 bytes *more*?
#
# Three layers have $3 \cdot (4{,}096^2 + 4{,}096)$ weights and biases, and a 16-bit copy of them takes 100.7 MB. The batch is an eighth of the width, so the smaller activations save little: together one activation in fp32, which is $512 \cdot 4{,}096 \cdot 4$ bytes, 8.4 MB. The difference is 92,299,264 bytes. So it was the copies.
#
# Both runs also counted what the names `loss` and `output` kept alive from the trial before. `start_timer` calls `torch.cuda.empty_cache()`, but that cannot free a tensor which still has a name: delete the names first. Its `torch.cuda.reset_max_memory_allocated()` is deprecated; write `torch.cuda.reset_peak_memory_stats()`.
#
# ### Which GPUs gain?
#
# NVIDIA's GPUs before Volta, from Kepler to Pascal, have no tensor cores, the GPU's 16-bit units. There [PyTorch's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) expects modest gains, and 2 to 3 times on Volta, Turing and Ampere. On eight V100, which are Volta, [PyTorch reports](https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch) 1.5 to 5.5 times for whole trainings. The H100 of our record is Hopper, and its step is nothing but large products.
#
# Two things are up to you. *Saturation:* small products leave most of the GPU idle, so make the batch larger. *Multiples of 8:* on the H100 a network 4,073 wide gained 2.4 times, and one 4,096 wide 9.5 times, both without the scaler. Probably its units work best on multiples of 8, so choose such widths, batches and numbers of classes.
#
# And ask what a speed-up is compared with. PyTorch's usual fp32 leaves the tensor cores idle. `torch.set_float32_matmul_precision("high")` lets fp32 products use them, in a type called tf32, and then less is left to gain.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Sources.** P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740); [PyTorch's page on `torch.amp`](https://docs.pytorch.org/docs/stable/amp.html), with the lists of operations.
#
# **Recommended video.** NVIDIA, *Automatic Mixed Precision Training in PyTorch*, [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Going further.** [PyTorch's examples of AMP](https://docs.pytorch.org/docs/stable/notes/amp_examples.html), with several losses and gradient penalties. Find the batch from which your own network saves memory.
#
# **Credits.** Recipe and network follow [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) for PyTorch, after [NVIDIA's page on mixed precision](https://developer.nvidia.com/automatic-mixed-precision). The published run is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion). Text CC BY 4.0, code MIT.
