"""The check of the lesson amp: steps on batches in parts are played on a model of two weights, and on LeNet."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils import checkpoints, runtime
from course_utils.checks import effects, exercise
from course_utils.checks.values import is_number

DEVICE = runtime.best_device()
LABELS = [
    "what the model reads, part by part as the whole batch does not fit into memory, and the type of what it gives",
    "the losses that came back",
    "the weights afterwards",
    "the scale of `scaler` afterwards",
]


def _step(model, parts, optimizer, scaler):
    total = 0.0
    for x, y in parts:
        with torch.autocast(x.device.type, dtype=torch.float16, enabled=scaler.is_enabled()):
            loss = F.cross_entropy(model(x), y) / len(parts)  #: a part's share in the mean
        scaler.scale(loss).backward()
        total += loss.item()
    stepped = scaler.step(optimizer)  # noqa: F841 (a name, so that the ideas below can write the line otherwise)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return total


@exercise(
    "A batch in parts",
    of=[_step],
    why="Your function takes the step in fp16 and in fp32, as if the batch had come whole. It is left out where a gradient "
    "overflows in any part, and the next step begins without gradients. LeNet was trained by your function as well.",
)
def train_step(step, model, inputs, scaler_on):
    model = copy.deepcopy(model).to(DEVICE)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler(DEVICE.type, init_scale=1024.0, growth_interval=2, enabled=scaler_on)
    runs, losses, weights, scales = notes = [{} for _ in LABELS]
    model.register_forward_hook(lambda _, x, out: read.append(f"{x[0].max():g}, {out.dtype}"))
    shape = (1, 1) if isinstance(model, nn.Linear) else (1, 1, 28, 28)
    for number, batch in enumerate(inputs, 1):
        now, read = f"step {number}", []
        parts = [(torch.full(shape, float(x)).to(DEVICE), torch.tensor([0]).to(DEVICE)) for x in batch]
        loss = step(model, parts, optimizer, scaler)
        runs[now] = effects.Said("; ".join(read))
        weights[now] = nn.utils.parameters_to_vector(model.parameters()).detach().cpu()
        plain = is_number(loss) and not isinstance(loss, torch.Tensor)
        losses[now] = loss if plain else effects.Said(f"of the type {type(loss).__name__}, and no float")
        scales[now] = scaler.get_scale()
    return dict(zip(LABELS, notes, strict=True))


# Every part but the last loses its gradient.
_LAST = "total += (loss.item(), x is parts[-1][0] or optimizer.zero_grad())[0]"
_two, _more = effects.linear(torch.zeros(2, 1)), effects.linear(torch.zeros(2, 1), torch.zeros(2))
_lenet, _batch = checkpoints.load("lenet_mnist"), st.lists(st.sampled_from([0.5, 1, 4]), min_size=1, max_size=3)
_few, _overflows = st.lists(_batch, max_size=2), st.sampled_from([[], [[1, -1000]]])
_inputs = st.tuples(_few, _overflows, _few).map(lambda steps: sum(steps, [])).filter(bool)
_also = [
    (_lenet, [[1, 1], [1, 1e6]], True),
    *((_two, [[1, 4], [1], [4, 1], [-1000, 1], [1]], on) for on in (True, False)),
]
train_step.tries(st.tuples(st.sampled_from([_two, _more]), _inputs, st.booleans()), also=_also, rtol=5e-3, atol=1e-6)
train_step.looks({label: lambda notes, *_, label=label: notes[label] for label in LABELS})
train_step.ideas(
    {
        "stepped = (scaler.unscale_(optimizer), optimizer.step())": "Here a gradient overflows. The scaler's step skips such a "
        "step, and the optimizer's own takes it.",
        (
            "loss = F.cross_entropy(model(x), y)",
            "total += loss.item() * len(parts)",
            _LAST,
            "loss = F.cross_entropy(model(x), y);" + _LAST.replace("loss.item()", "loss.item() - total"),
        ): "The loss that comes back and the gradient are both means over all parts: divide each part's loss by the number of "
        "parts, and call `backward` for each part, because gradients add up.",
        "stepped = [weight.grad.div_(scaler.get_scale()) for weight in model.parameters()] and scaler.step(optimizer)": "The "
        "gradients are divided by the scale twice: `scaler.step` does it as well.",
    }
)
