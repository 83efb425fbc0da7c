"""The task of the lesson amp: a training step on a batch in parts, played on a model of two weights, and on LeNet."""

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import check, checkpoints, runtime

page = check.page(globals())
DEVICE = runtime.best_device()
TWO = check.linear([[0], [0]])


def train(step, model, batches, scaler_on):
    """What becomes of a model: a step with each batch, which comes in parts of one input each."""
    model, shape, seen = model.to(DEVICE), (1, 1) if isinstance(model, nn.Linear) else (1, 1, 28, 28), {}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler(DEVICE.type, init_scale=1024.0, growth_interval=2, enabled=scaler_on)
    model.register_forward_hook(lambda _, x, out: read.append(f"{x[0].max():g} in {str(out.dtype)[6:]}"))
    for n, batch in enumerate(batches, 1):
        read = []
        parts = [(torch.full(shape, float(x)).to(DEVICE), torch.tensor([0]).to(DEVICE)) for x in batch]
        loss = step(model, parts, optimizer, scaler)
        if not isinstance(loss, float):
            raise check.Mistake(
                f"What comes back is of the type {type(loss).__name__}, and should be a float, the loss."
            )
        seen[f"what the model reads in step {n}, part by part,"] = ", ".join(read)
        seen[f"the loss of step {n}"] = loss
        seen[f"the first weights after step {n}"] = nn.utils.parameters_to_vector(model.parameters())[:2].detach()
        seen[f"the scale after step {n}"] = scaler.get_scale()
    return seen


def empties_the_gradients_first(model, parts, optimizer, scaler):
    optimizer.zero_grad()
    losses = []
    for x, y in parts:
        with torch.autocast(x.device.type, torch.float16, scaler.is_enabled()):
            losses += [F.cross_entropy(model(x), y)]
        scaler.scale(losses[-1] / len(parts)).backward()
    scaler.step(optimizer)
    scaler.update()
    return float(sum(losses).detach()) / len(parts)


def divides_the_gradients(model, parts, optimizer, scaler):
    total = 0
    for x, y in parts:
        with torch.autocast(x.device.type, dtype=torch.half, enabled=scaler.is_enabled()):
            loss = F.cross_entropy(model(x).float(), y)
        scaler.scale(loss).backward()
        total += loss.detach()
    scaler.unscale_(optimizer)
    for p in model.parameters():
        p.grad /= len(parts)
    scaler.step(optimizer)
    scaler.update()
    model.zero_grad()
    return float(total) / len(parts)


def one_graph_in_two_branches(model, parts, optimizer, scaler):
    def loss_of():
        return torch.stack([F.cross_entropy(model(x), y) for x, y in parts]).mean()

    if not scaler.is_enabled():
        loss = loss_of()
        loss.backward()
        optimizer.step()
    else:
        loss = torch.autocast(parts[0][0].device.type, torch.float16)(loss_of)()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    model.zero_grad(set_to_none=False)
    return loss.item()


BACKWARD, ADD, STEP = "scaler.scale(loss).backward()", "total += loss.item()", "scaler.step(optimizer)"
train_step = page.write(
    "train_step",
    "A batch in parts",
    cases={
        "a model of two weights, one part, scaler on": (TWO, [[1]], True),
        "a model of two weights, parts of 1 and 4, scaler on": (TWO, [[1, 4]], True),
        "a model of two weights, one part, scaler off": (TWO, [[1]], False),
        "two steps, one part each": (TWO, [[1], [1]], True),
        "a first step in which a gradient overflows, in the first of two parts": (TWO, [[-1000, 1], [1]], True),
        "a step, then one that overflows in the last part": (TWO, [[1], [1, -1000], [1, 4], [1]], True),
        "LeNet, two steps": (checkpoints.load("lenet_mnist"), [[1, 1], [1, 1e6]], True),
    },
    run=train,
    same=lambda one, other: check.same(one, other, rtol=5e-3),
    wrong={
        "Your step goes past the scaler. Where a gradient overflows, scaler.step leaves the step out, and the optimizer's "
        "own takes it.": f"{STEP} -> scaler.unscale_(optimizer); optimizer.step()",
        "The gradients are still multiplied by the scale. scaler.step divides them, optimizer.step doesn't.": (
            f"{STEP}\n    scaler.update() -> optimizer.step()"
        ),
        "The scale never changes. Call scaler.update() once in each step.": "    scaler.update()\n -> ",
        "The gradients of the step before are still there, and are added.": (
            "    optimizer.zero_grad(set_to_none=True)\n -> "
        ),
        "The scaler is off, and you compute in fp16. Hand its state to autocast.": ", enabled=scaler.is_enabled() -> ",
        "The loss and the gradient are means over all parts. Divide each part's loss by the number of parts.": (
            " / len(parts) -> "
        ),
        "The loss that comes back is still multiplied by the scale.": (f"{ADD} -> total += scaler.scale(loss).item()"),
        "The loss that comes back is the last part's alone.": f"{ADD} -> total = loss.item()",
        "The loss that comes back is the sum of the parts, and should be their mean.": f"{ADD} -> {ADD} * len(parts)",
        "Only the last part leaves a gradient. Call backward for each part, since gradients add up.": [
            f"        {BACKWARD}\n        {ADD}\n ->         {ADD}\n    {BACKWARD}\n",
            f"        {BACKWARD} ->         optimizer.zero_grad()\n        {BACKWARD}",
        ],
        "The gradients are divided by the scale twice. scaler.step does it as well.": (
            f"{STEP} -> [p.grad.div_(scaler.get_scale()) for p in model.parameters()]; {STEP}"
        ),
        "The parts are put together again, and that's the batch that doesn't fit into memory.": (
            "    total = 0.0\n ->     parts = [tuple(torch.cat(both) for both in zip(*parts))]\n    total = 0.0\n"
        ),
        "There is a step for each part, and it should be one for the whole batch.": (
            f"    {STEP}\n    scaler.update()\n    optimizer ->         {STEP}\n        scaler.update()\n        optimizer"
        ),
        "unscale_ may be called once in a step, and yours calls it for each part.": (
            f"{ADD}\n -> {ADD}\n        scaler.unscale_(optimizer)\n"
        ),
    },
    right=[empties_the_gradients_first, divides_the_gradients, one_graph_in_two_branches],
    passed="Your function takes the step in fp16 and in fp32, as if the batch had come whole. It is left out where a gradient "
    "overflows in any part, and the next step begins without gradients.",
)
