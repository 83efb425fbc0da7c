"""The check of the lesson amp: a step is played on a model of two weights, and on LeNet, over several batches."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils import models, runtime
from course_utils.checks import exercise

DEVICE = runtime.best_device()
TYPES, LOSSES, WEIGHTS, SCALES = LABELS = (
    "the types of the model's output",
    "the losses that came back",
    "the weights afterwards",
    "the scales afterwards",
)


def _step(model, batch, optimizer, scaler):
    x, y = batch
    with torch.autocast(x.device.type, dtype=torch.float16, enabled=scaler.is_enabled()):
        loss = F.cross_entropy(model(x), y)  #: the loss
    scaler.scale(loss).backward()
    unscaled = scaler.unscale_(optimizer)  # noqa: F841 (a name, so that the ideas below can write the line otherwise)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    stepped = scaler.step(optimizer)  # noqa: F841
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


@exercise(
    "A step with clipping",
    of=[_step],
    trust="it trains the model that it is given",
    why="In fp16 and in fp32 the same lines take the step. It is clipped by its true length, it is left out where a "
    "gradient overflows, and the next step begins without gradients. LeNet was trained by your function as well.",
)
def train_step(step, model, inputs, scaler_on):
    """Play: SGD with a rate of 1, a scale of 1,024 that doubles after two good steps; each input is one batch."""
    model = copy.deepcopy(model).to(DEVICE)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler(DEVICE.type, init_scale=1024.0, growth_interval=2, enabled=scaler_on)
    notes, y = {label: {} for label in LABELS}, torch.zeros(1, dtype=torch.long, device=DEVICE)
    model.register_forward_hook(lambda _, given, out: notes[TYPES].update({now: str(out.dtype)[6:]}))
    for number, x in enumerate(inputs, 1):
        now, shape = f"step {number}", (1, 1) if isinstance(model, nn.Linear) else (1, 1, 28, 28)
        loss = step(model, (torch.full(shape, float(x), device=DEVICE), y), optimizer, scaler)
        notes[LOSSES][now] = "a tensor, and no float: loss.item()" if isinstance(loss, torch.Tensor) else loss
        notes[WEIGHTS][now] = nn.utils.parameters_to_vector(model.parameters()).detach().cpu()
        notes[SCALES][now] = scaler.get_scale()
    return notes


def _two_weights(bias=False):
    model = nn.Linear(1, 2, bias)
    for weight in model.parameters():
        nn.init.zeros_(weight)
    return model


with torch.random.fork_rng():
    torch.manual_seed(0)
    LENET = models.LeNet()
train_step.tries(
    st.tuples(
        st.builds(_two_weights), st.lists(st.sampled_from([0.5, 1, 4, 200]), min_size=1, max_size=4), st.booleans()
    ),
    also=[
        (_two_weights(bias=True), [4], True),
        (LENET, [1, 1e6], True),
        *((_two_weights(), [1, 1, 4, 200, 1], on) for on in (True, False)),
    ],
    rtol=2e-3,
    atol=1e-6,
)
train_step.looks({label: lambda notes, *_, label=label: notes[label] for label in LABELS})
train_step.ideas(
    {
        "unscaled = None": "After backward() the gradients are 1,024 times too long. Clip them when they are "
        "unscaled, or the step comes out far too short.",
        "stepped = optimizer.step()": "Here a gradient overflows. The scaler's step skips such a step, and the "
        "optimizer's own takes it.",
    }
)
