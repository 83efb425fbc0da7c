"""The lesson `amp`: odd but right answers, and wrong ones as patches of the solution."""

import torch
from torch.nn import functional as F


def empties_the_gradients_first(model, batch, optimizer, scaler):
    optimizer.zero_grad()
    with torch.autocast(batch[0].device.type, torch.float16, scaler.is_enabled()):
        loss = F.cross_entropy(model(batch[0]), batch[1])
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
    scaler.step(optimizer)
    scaler.update()
    return float(loss.detach())


def clips_by_hand(model, batch, optimizer, scaler):
    x, y = batch
    with torch.autocast(x.device.type, dtype=torch.half, enabled=scaler.is_enabled()):
        answers = model(x)
    loss = F.cross_entropy(answers.float(), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = sum((p.grad**2).sum() for p in model.parameters()) ** 0.5
    for p in model.parameters():
        p.grad *= 1 / max(norm, torch.ones_like(norm))
    scaler.step(optimizer)
    scaler.update()
    for p in model.parameters():
        p.grad = None
    return float(loss.detach())


def in_two_branches(model, batch, optimizer, scaler):
    def loss_of(x, y):
        return F.cross_entropy(model(x), y)

    if not scaler.is_enabled():
        loss = loss_of(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    else:
        loss = torch.autocast(batch[0].device.type, torch.float16)(loss_of)(*batch)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    model.zero_grad(set_to_none=False)
    return loss.item()


ODD = {"train_step": [empties_the_gradients_first, clips_by_hand, in_two_branches]}
WRONG = {
    "train_step": {
        "clips while the gradients are scaled": ("    scaler.unscale_(optimizer)\n", ""),
        "goes round the scaler": ("scaler.step(optimizer)", "optimizer.step()"),
        "the scale stays for ever": ("    scaler.update()\n", ""),
        "gradients of the step before are added": ("    optimizer.zero_grad(set_to_none=True)\n", ""),
        "in fp16 though the scaler is off": (", enabled=scaler.is_enabled()", ""),
        "returns the scaled loss": ("return loss.item()", "return scaler.scale(loss).item()"),
    }
}
EQUIVALENT = {
    "train_step": {
        "optimizer.zero_grad(set_to_none=True): True -> False": "gradients of 0 add nothing to those of the next step",
        "the result without its sign": "a loss of cross-entropy is never below 0",
    }
}
