"""The lesson `amp`: odd but right answers, and wrong ones as patches of the solution."""

import torch
from torch.nn import functional as F


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
            answers = model(x)
        loss = F.cross_entropy(answers.float(), y)
        scaler.scale(loss).backward()
        total += loss.detach()
    scaler.unscale_(optimizer)
    for p in model.parameters():
        p.grad /= len(parts)
    scaler.step(optimizer)
    scaler.update()
    for p in model.parameters():
        p.grad = None
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


ODD = {"train_step": [empties_the_gradients_first, divides_the_gradients, one_graph_in_two_branches]}
WRONG = {
    "train_step": {
        "goes round the scaler": ("scaler.step(optimizer)", "scaler.unscale_(optimizer)\n    optimizer.step()"),
        "takes the scaled gradients": ("scaler.step(optimizer)\n    scaler.update()", "optimizer.step()"),
        "the scale stays for ever": ("    scaler.update()\n", ""),
        "gradients of the step before are added": ("    optimizer.zero_grad(set_to_none=True)\n", ""),
        "in fp16 though the scaler is off": (", enabled=scaler.is_enabled()", ""),
        "adds the losses of the parts": (" / len(parts)", ""),
        "returns the scaled loss": ("total += loss.item()", "total += scaler.scale(loss).item()"),
        "returns the loss of the last part": ("total += loss.item()", "total = loss.item()"),
        "returns the sum of the losses": ("total += loss.item()", "total += loss.item() * len(parts)"),
        "backward for the last part alone": (
            "        scaler.scale(loss).backward()\n        total += loss.item()\n",
            "        total += loss.item()\n    scaler.scale(loss).backward()\n",
        ),
        "divides by the scale twice": (
            "    scaler.step(optimizer)",
            "    [p.grad.div_(scaler.get_scale()) for p in model.parameters()]\n    scaler.step(optimizer)",
        ),
        "all parts at once in memory": (
            "    total = 0.0\n",
            "    parts = [tuple(torch.cat(both) for both in zip(*parts))]\n    total = 0.0\n",
        ),
        "a step for each part": (
            "        total += loss.item()\n    scaler.step(optimizer)\n    scaler.update()\n    optimizer",
            "        total += loss.item()\n        scaler.step(optimizer)\n        scaler.update()\n        optimizer",
        ),
        "divides at every part": (
            "        total += loss.item()\n",
            "        scaler.unscale_(optimizer)\n        total += loss.item()\n",
        ),
        "keeps the last part's gradient alone": (
            "        scaler.scale(loss)",
            "        optimizer.zero_grad()\n        scaler.scale(loss)",
        ),
    }
}
EQUIVALENT = {
    "train_step": {
        "optimizer.zero_grad(set_to_none=True): True -> False": "gradients of 0 add nothing to those of the next step",
        "loss without its sign": "a loss of cross-entropy is never below 0",
        "the result without its sign": "a loss of cross-entropy is never below 0",
    }
}
