# ---
# jupyter:
#   course:
#     promise: You will train in 16 bits with autocast, a gradient scaler and clipping, lose hardly any accuracy, and know when it saves time and when memory.
#     seconds: 18
#     needs: []
#     goals:
#       - write the training loop with `autocast`, `GradScaler` and clipping, with one switch, `enabled=`;
#       - work out the scale of the loss step by step, and say why clipping comes after `unscale_`;
#       - say when mixed precision saves time, and when it saves memory.
#     terms: [autocast, gradient scaler]
#   jupytext: {text_representation: {extension: .py, format_name: percent}}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # [[title]]
#
# *How does one train in 16 bits and lose next to nothing?*

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Ask what people hope for from half the bits: half the time? Half the memory? Write both on the board. The end of the lesson comes back to them.

# %% tags=["setup", "hide-input"] slideshow={"slide_type": "skip"}
# Sets a seed and one thread, and imports the drawings of this lesson and the scorecard.
import torch

from course_utils import runtime
from course_utils.scorecard import claims
from lessons.amp import checks as check
from lessons.amp import show

runtime.seed_all(0)
torch.set_num_threads(1)

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 1. Half the bits, half the memory?
#
# By default PyTorch computes in **fp32**, in numbers of 32 bits. Numbers of 16 bits take half the room, and many chips multiply them faster. With **automatic mixed precision**, AMP, PyTorch computes the products in 16 bits, and keeps the weights and their gradients in fp32.
#
# <!-- page -->
#
# This is lever 1 of [[energy]]. We take the network of PyTorch's own recipe for AMP, three linear layers with ReLU between them. There they are 4,096 wide and read 512 inputs at once; ours fit a laptop. The *peak of memory*, which `timing.peak_bytes` counts, is the most that a forward and a backward pass hold at any moment, beside the weights.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Three layers of 256 · 256 weights read 32 inputs. Is the peak of memory with AMP **A** about half of what fp32 needs, **B** about three quarters, or **C** more than fp32 needs?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Show of hands; most say A or B. It is C. Ask which tensors have as many bits as before: the gradients of the weights, 262 kB each, three of them, and one gradient is briefly there in 16 bits as well. One activation has only 33 kB. Do not go deeper. Yet on an H100 a very large step runs eight times as fast as in fp32.

# %% slideshow={"slide_type": "skip"}
import torch
from torch.nn import functional as F

from course_utils import data, models, training
from course_utils.measure import timing

device = "cuda" if torch.cuda.is_available() else "cpu"


# %% slideshow={"slide_type": "skip"}
def peak(batch, n_layers, autocast):
    net = models.make_mlp(n_in=256, n_out=256, n_layers=n_layers).to(device)
    x = torch.ones(batch, 256, device=device)

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
# **More than fp32 needs (C), because most of the memory goes to the gradients of the weights, which stay in fp32, and 16-bit copies come on top.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Each of the three gradients has 256 · 256 numbers of 4 bytes, 262 kB. An activation of 32 inputs has only 33 kB, so halving it saves next to nothing.
#
# A bad start. Yet AMP makes a very large training step on a data-centre GPU eight times as fast as PyTorch's usual fp32. In about [[minutes]] minutes you will be able to
#
# [[abilities]]
#
# [[builds_on]]

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2. What do 16 bits lose?
#
# - **fp16** has about three decimal digits. After 1 comes 1.001: a step of 0.0001 is *swallowed*.
# - Its least number above 0 is $6 \cdot 10^{-8}$: a gradient of $2 \cdot 10^{-8}$ *vanishes*.
# - **bfloat16** reaches as far as fp32, with fewer digits.
#
# <!-- page -->
#
# [[formats]] takes both types apart. In fp16 a weight of 1 is still 1 after a thousand steps of 0.0001, since each sum is rounded back. And fp16 ends at 65,504.

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
# The remedy for swallowed steps: weights are sums of many small steps, so they stay in fp32. Losses are sums, too. But most of the time goes into products, and products bear 16 bits well, since chips usually add them up in fp32. So `torch.autocast` gives each operation of the forward pass its type, and makes 16-bit copies of the weights where a product needs them.

# %% slideshow={"slide_type": "-"}
net = models.make_mlp(n_in=512, n_out=512, n_layers=3).to(device)
x, y = torch.randn(2, 64, 512, device=device)
with torch.autocast(device, dtype=torch.float16):
    output = net(x)
    loss = F.mse_loss(output, y)
loss.backward()  # outside: it takes the types of the forward pass
print(output.dtype, loss.dtype, net[0].weight.grad.dtype)

# %% [markdown] slideshow={"slide_type": "skip"}
# A gradient is stored in the type of its weight. `net.half()` would convert the weights as well, and then steps are swallowed.
#
# Autocast works on CPUs as well. There it takes bfloat16 unless you ask for fp16. We do, to see the scaler at work, though most CPUs are slow in fp16. Older code says `torch.cuda.amp.autocast()` and `torch.cuda.amp.GradScaler()`; today both are in `torch.amp`, and take the device.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 1 min.* Point at the printed types: output, loss, gradient. The gradient is stored in the type of its weight.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "code"}
# ## 3. The training loop
#
# The remedy for vanished gradients: multiply the loss by a large number, the **loss scale**. By the chain rule each gradient becomes as many times larger: $2 \cdot 10^{-8} \cdot 65{,}536 = 0.0013$. Divide it again when it stands in fp32.
#
# <!-- page -->
#
# The **gradient scaler**, `torch.amp.GradScaler`, does both. Here is the whole loop, for a small network and 6,000 images of Fashion-MNIST.

# %% slideshow={"slide_type": "skip"}
images, labels = (t.to(device) for t in data.load("fashion_mnist", n=6_000))
test_images, test_labels = (t.to(device) for t in data.load("fashion_mnist", "test"))


# %% slideshow={"slide_type": "-"}
def train(scaler):
    torch.manual_seed(0)
    net = models.LeNet300100().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in zip(images.split(64), labels.split(64), strict=True):
        with torch.autocast(device, dtype=torch.float16, enabled=scaler.is_enabled()):
            loss = F.cross_entropy(net(2 * x - 1), y)  # pixels: -1 to 1
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
    return net


# %% [markdown] slideshow={"slide_type": "skip"}
# - **`scaler.scale(loss)`** multiplies the loss by the scale.
# - **`scaler.step(optimizer)`** divides the gradients by the scale. If all of them are finite, it calls `optimizer.step()`.
# - **`scaler.update()`** chooses the scale for the next step.
# - **`zero_grad(set_to_none=True)`** lets go of the gradients, which frees their memory.
# - **`enabled=False`**, in both tools, gives you the plain fp32 loop. When a training goes wrong, throw this switch first. If the fault stays, 16 bits are not the cause.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The slide to photograph. Read the lines aloud and ask for each: "What goes wrong without it?" Without `scale`, `step` fails. Without `update`, the next step fails. Then ask which lines a plain loop has as well.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### As good as fp32?
#
# One pass over 6,000 images of Fashion-MNIST, and the share of the test images that come out right. `enabled=` switches both tools. Each training has a scaler of its own.

# %% slideshow={"slide_type": "skip"}
right = {}
for on in (False, True):
    net = train(torch.amp.GradScaler(device, enabled=on))
    right[on] = training.evaluate(net, 2 * test_images - 1, test_labels)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 0.5 min.* Ask for a guess of the difference, then click. Six ImageNet networks were at most 0.3 points apart.

# %% tags=["hide-input"] slideshow={"slide_type": "fragment"}
# Prints the share of the test images that each network gets right.
for on, share in right.items():
    print(f"enabled={on}: {share:.1%} right")

# %% [markdown] slideshow={"slide_type": "-"}
# Here mixed precision learns about as well as fp32. So did six networks trained on ImageNet: at most 0.3 points lay between the two ways ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740)). With **bfloat16** autocast alone is enough, since its range is that of fp32. Choose it where the chip multiplies it fast.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4. The search for the scale
#
# A gradient of 0.3, at a scale of 262,144, becomes 78,643. fp16 ends at 65,504, so this gradient becomes infinite: it *overflows*. A step with it would destroy the weights. Nobody knows the largest gradient of the next batch, so the scaler searches:
#
# 1. Begin with 65,536.
# 2. A gradient is infinite? Skip the step, and halve the scale.
# 3. 2,000 good steps in a row? Double the scale, and count anew. This number is called `growth_interval`.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Six steps by hand
#
# Let the scale double after *two* good steps in a row.
#
# | step | gradient | good steps in a row | scale afterwards |
# |---|---|---|---|
# | 1 | finite | 1 | 65,536 |
# | 2 | finite | 2, so double | 131,072 |
# | 3 | **infinite** | 0 | ? |
# | 4, 5 and 6 | finite | ? | ? |

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** What is the scale after step 6: **A** 262,144, **B** 131,072, or **C** 65,536?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* Let everybody write the table to the end. B: step 3 halves, steps 4 and 5 double, step 6 is the first of a new pair. In the output the weight stands still in step 3: it is skipped.

# %% tags=["hide-input"] slideshow={"slide_type": "fragment"}
# Takes the six steps with a scaler, and prints the scale, and a weight from which a step subtracts 0.1.
weight = torch.nn.Parameter(torch.ones(1, device=device))
optimizer = torch.optim.SGD([weight], lr=0.1)
scaler = torch.amp.GradScaler(device, growth_interval=2)
for step, gradient in enumerate((1, 1, float("inf"), 1, 1, 1), 1):
    scaler.scale((gradient * weight).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    print(f"step {step}: scale {scaler.get_scale():,.0f}, weight {weight.item():.1f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **131,072 (B), because step 3 halves the scale, and the good steps 4 and 5 double it again.** The weight, from which a good step subtracts 0.1, stands still in step 3.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "figure"}
# ### The search in a real training
#
# Now `train`, where real gradients overflow. The scale begins at 1,024, and five good steps double it.

# %% slideshow={"slide_type": "-"} tags=["title-figure"]
show.staircase(train, device)

# %% [markdown] slideshow={"slide_type": "skip"}
# The scale climbs a staircase until a gradient crosses the dotted line. Then it falls back to half, and tries again. A few skipped steps are no fault: they are the search. If the scale falls and falls, some number is infinite for another reason, and halving cannot cure it.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Let the room find the first cross, and say what happened there. Then ask how the picture looks in bfloat16: a staircase that only climbs. It needs no scaler.

# %% [markdown] slideshow={"slide_type": "slide", "layout": "split"}
# ## 5. Clip, but when?
#
# An unlucky batch can have gradients far longer than usual, and one such step can undo many others. **Clipping** limits their *norm*, the root of the sum of their squares. It shortens all gradients by one factor.
#
# <!-- page -->
#
# Take the gradients 0.3 and 0.4. Their norm is $\sqrt{0.09 + 0.16} = 0.5$. If at most 0.1 is allowed, both are multiplied by 0.2, and become 0.06 and 0.08.
#
# Now let the scale be 1,024. After `backward()` the gradients are 307.2 and 409.6, with the norm 512.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Somebody clips these scaled gradients to a norm of 0.1, and divides by 1,024 afterwards. Which gradients does the optimizer get: **A** 0.06 and 0.08, **B** 0.3 and 0.4, **C** 0.00006 and 0.00008?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 3 min.* The gradients are 0.3 and 0.4, the limit is 0.1, and the scale is 1,024. One half of the room clips first (307.2 and 409.6, norm 512), the other half divides first. A pencil, two minutes. Then the output: C for those who clipped first.

# %% slideshow={"slide_type": "skip"}
from torch.nn.utils import clip_grad_norm_

weight = torch.nn.Parameter(torch.ones(2, device=device))
optimizer = torch.optim.SGD([weight])
scaler = torch.amp.GradScaler(device, init_scale=1024)
scaler.scale(0.3 * weight[0] + 0.4 * weight[1]).backward()

# %% slideshow={"slide_type": "fragment"}
# wrong: too early
clip_grad_norm_([weight], max_norm=0.1)
scaler.unscale_(optimizer)
print(f"{weight.grad[0]:.5f}, {weight.grad[1]:.5f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **0.00006 and 0.00008 (C), because clipping already made the norm 0.1, and the division then makes it 1,024 times smaller.** So `unscale_` first, then clip: 0.06 and 0.08.

# %% [markdown] slideshow={"slide_type": "skip"}
# In the wrong order nearly every step is clipped, since the limit is compared with scaled gradients. With SGD and a scale of 65,536 the training nearly stands still, and nothing tells you why.
#
# Is the gradient divided once more in `scaler.step`? No, the scaler remembers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6. When does it save time, when memory?
#
# A product of large matrices uses each number hundreds of times, so arithmetic sets its pace. It can gain where the chip has *16-bit units*, which multiply several 16-bit pairs in the time of one fp32 pair, and PyTorch has a fast routine for them.
#
# The table has your machine, and records of three others. A number below 1 says that 16 bits are slower. The large step has layers 1,024 wide (on a GPU 4,096) and a scaler, the small one layers 128 wide, and a batch of 16.
#
# <!-- page -->
#
# NVIDIA's *tensor cores* (2017) are such units.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* After the click read the table row by row: what does each chip gain? The large step wins only with units, the small one nowhere. The GPU's large step is larger. Then go back to the hopes on the board.

# %% tags=["hide-input"] slideshow={"slide_type": "fragment"}
# Times two training steps on this machine, and shows records of others below.
times = show.race(device)
show.side_by_side(times, device)

# %% [markdown] slideshow={"slide_type": "skip"}
# In the three records a large training step gains only where there are units, and most on the GPU. On the Xeon without units it takes several times as long. The small step loses in all three.
#
# So time a step of *your* network on *your* chip, with `enabled=True` and `enabled=False`.

# %% [markdown] slideshow={"slide_type": "subslide", "layout": "split"}
# ### And memory?
#
# For the backward pass a layer of width $n$ keeps an *activation* of $B \cdot n$ numbers, where $B$ is the batch. The pass frees it, and makes a gradient of $n \cdot n$ numbers. With many layers the larger of the two sets the peak. Autocast halves the activations, adds a 16-bit copy of the weights, and leaves the gradients in fp32.
#
# **Predict.** From which batch on do twelve such layers need less memory than in fp32: **A** from $B = 2$, **B** from about $n/4$, **C** only above $n$?

# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2 min.* Two lines on the board: activation B · n numbers, gradient n · n numbers. Equal at B = n. Below it the gradients set the peak, and they do not shrink. So C.

# %% slideshow={"slide_type": "skip"}
peaks = {}
for batch in (256, 512, 1024):
    peaks[batch] = peak(batch, 12, autocast=True) / peak(batch, 12, autocast=False)

# %% tags=["hide-input"] slideshow={"slide_type": "fragment"}
# Prints the peak under autocast over that in fp32, for each batch.
print("n = 256, peak over fp32's:")
for batch, times_fp32 in peaks.items():
    print(f"batch {batch}: {times_fp32:.2f}")

# %% [markdown] slideshow={"slide_type": "-"} tags=["answer"]
# **Only above $n$ (C), because up to there the gradients set the peak, and autocast does not halve them.**

# %% [markdown] slideshow={"slide_type": "skip"}
# Autocast also makes a 16-bit copy of the input, and an fp32 copy of the output for the loss. So these twelve layers save only from a batch somewhat larger than the width. The weights and the optimizer's numbers do not shrink at all.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercise · A step with clipping
# ★★ · 10 minutes
#
# Write `train_step(model, batch, optimizer, scaler)`: one step as in `train`, with the norm of the true gradients clipped to 1. A batch is `(x, y)`, and `x` goes in as it is. Return the loss, unscaled, as a float.
#
# <!-- page -->
#
# The check trains with SGD, a rate of 1 and a scale of 1,024. The label is always 0. In its verdicts `inputs` are the values of `x`.
#
# <details><summary>Hint</summary>
#
# Copy the lines inside the loop of `train`. Two new ones come between `backward()` and `scaler.step`. `x.device.type` is the device that autocast wants.
#
# </details>


# %% tags=["exercise"] slideshow={"slide_type": "skip"}
def train_step(model, batch, optimizer, scaler):
    """One training step, its gradients clipped to a norm of 1; returns the loss."""
    raise NotImplementedError


# %% [markdown] slideshow={"slide_type": "notes"} tags=["remove-cell"]
# *For the lecturer, 2.5 min.* In pairs, on paper: six calls in their order. `scale(loss).backward()`, `unscale_`, `clip_grad_norm_`, `step`, `update`, `zero_grad`. Mistakes to wait for: clipping before `unscale_`, `optimizer.step()` in place of `scaler.step(optimizer)`, a forgotten `update`.

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
# - Mixed precision saves time where the products are large and PyTorch multiplies 16 bits faster on your chip: time it. It saves memory where the activations of many layers outweigh the weights.

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
    with torch.autocast(device, dtype=torch.float16, enabled=scaler.is_enabled()):
        loss = F.cross_entropy(net(2 * x - 1), y) / 4
    scaler.scale(loss).backward()
scaler.step(optimizer)
scaler.update()
optimizer.zero_grad(set_to_none=True)
checkpoint = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "scaler": scaler.state_dict()}
scaler.load_state_dict(checkpoint["scaler"])  # later, and net and optimizer in the same way

# %% [markdown] slideshow={"slide_type": "skip"}
# ### A published run
#
# PyTorch's recipe times fp32 and AMP with two helpers, `start_timer()` and `end_timer_and_print()`. The course's `Timer` is like them, and here prints the peak of `peak`'s network in ten steps of each.

# %% slideshow={"slide_type": "skip"}
net, x = models.make_mlp(n_in=256, n_out=256, n_layers=3).to(device), torch.ones(32, 256, device=device)
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
    kind = "Mixed" if on else "Default"
    print(f"{kind} precision: peak above the start {timer.peak_bytes:,} bytes")  # end_timer_and_print()
    del loss

# %% [markdown] slideshow={"slide_type": "skip"}
# A lecture ran the recipe in full size on a GPU that it does not name ([Technion EE 046211](https://github.com/taldatech/ee046211-deep-learning), tutorial 10). fp32 took 13.958 s and 1,493,322,752 bytes, AMP 14.081 s and 1,585,620,992 bytes.
#
# Both runs also counted what the names `loss` and `output` kept alive from a trial before. `start_timer` calls `torch.cuda.empty_cache()`, but that cannot free a tensor which still has a name: delete the names first. In place of its `torch.cuda.reset_max_memory_allocated()` write `torch.cuda.reset_peak_memory_stats()`.
#
# ### Which GPUs gain?
#
# NVIDIA's GPUs before Volta, from Kepler to Pascal, have no tensor cores. There [PyTorch's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) expects modest gains, and 2 to 3 times on Volta, Turing and Ampere. On eight V100, which are Volta, [PyTorch reports](https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch) 1.5 to 5.5 times for whole trainings. The H100 of our record is Hopper, and its step is mostly large products.
#
# Two things are up to you. *Saturation:* small products leave most of the GPU idle, so larger layers gain more. *Multiples of 8:* on the H100 a network 4,073 wide, with a batch of 4,093, gained 2.4 times, and one of 4,096, with a batch of 4,096, 9.5 times, both without the scaler. Probably its units work best on multiples of 8, so choose such widths and numbers of classes.
#
# And ask what a speed-up is compared with. PyTorch's usual fp32 products of matrices leave the tensor cores idle. On the H100 `torch.set_float32_matmul_precision("high")` lets fp32 products use them, in a type called tf32, and then less is left to gain.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Sources.** P. Micikevicius et al., *Mixed precision training*, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740); [PyTorch's page on `torch.amp`](https://docs.pytorch.org/docs/stable/amp.html), with the lists of operations.
#
# **Recommended video.** NVIDIA, *Automatic Mixed Precision Training in PyTorch*, [youtube.com/watch?v=b5dAmcBKxHg](https://www.youtube.com/watch?v=b5dAmcBKxHg).
#
# **Going further.** [PyTorch's examples of AMP](https://docs.pytorch.org/docs/stable/notes/amp_examples.html), with several losses and gradient penalties. Find the batch from which your own network saves memory.
#
# **Credits.** Recipe and network follow [Michael Carilli's recipe](https://docs.pytorch.org/tutorials/recipes/recipes/amp_recipe.html) for PyTorch, after [NVIDIA's page on mixed precision](https://developer.nvidia.com/automatic-mixed-precision). The published run is [Tal Daniel's](https://github.com/taldatech/ee046211-deep-learning) (Technion). Text CC BY 4.0, code MIT.
