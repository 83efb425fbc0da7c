"""The exercise of the lesson integers: a model is saved as integers of one byte, and loaded again."""

import tempfile
from pathlib import Path

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checkpoints import load
from course_utils.checks import Mistake, effects, exercise


def _save(model, file):
    small = {}
    for name, weight in model.state_dict().items():
        low = min(weight.min().item(), 0)  #: the low end of the range
        high = max(weight.max().item(), 0)  #: the high end of the range
        scale = (high - low) / 255 or 1.0  #: the scale
        zero_point = round(-low / scale)  #: the zero point
        integers = (torch.round(weight / scale) + zero_point).clamp(0, 255)  #: the integers
        small[name] = integers.to(torch.uint8), scale, zero_point
    torch.save(small, file)


def _load(model, file):
    saved = torch.load(file).items()
    model.load_state_dict({name: (integers.float() - zero) * scale for name, (integers, scale, zero) in saved})


@exercise(
    "A byte a weight",
    of=[_save],
    why="Each tensor has a scale and a zero point of its own, so no number is off by more than half a step, and 0 by none.",
)
def save_int8(save, model):
    stands_for_0 = {}

    def loads(fresh, file):
        _load(fresh, file)
        for name, (integers, _, zero) in torch.load(file).items():
            ends = (torch.finfo if integers.is_floating_point() else torch.iinfo)(integers.dtype)
            if not ends.min <= zero <= ends.max:
                raise Mistake(
                    f"The zero point of `{name}` is {zero:g}, no integer of {ends.min} to {ends.max}.",
                    "So no integer stands for 0. Widen the range until it holds 0, and work out scale and zero point again.",
                )
            stands_for_0[name] = round(float(zero)) == zero

    fresh = effects.filled(model, 9.0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "small.bin")
        save(model, file)
        if any(integers.is_quantized for integers, _, _ in torch.load(file).values()):
            raise Mistake("The file holds quantized tensors.", "Save the plain integers: `q.int_repr()`.")
        loads(fresh, file)
        return effects.Reloaded(fresh.state_dict(), file.stat().st_size), stands_for_0


def _half_a_step(weight):
    """What a number may be off by: half a step of its tensor, and nothing where it is 0."""
    width = weight.max().clamp(min=0) - weight.min().clamp(max=0)
    return (weight != 0) * width * 0.5005 / 255


def _most(model):
    return 4000 + sum(1000 + weight.numel() for weight in model.state_dict().values())


_value = st.sampled_from([-2.0, -1.0, 0.0, 0.25, 0.5, 1.0, 3.0])
_rows = [[-0.75, 0.75], [0.0, 0.0], [1.0, 3.0], [-3.0, -1.0], [0.0, 0.001], [0.3, 0.0, -0.7], [-1.0, 0.0, 3.0]]
_models = [effects.linear(torch.tensor([row])) for row in _rows]
_buffered = effects.linear(torch.tensor([[1.0, 3.0]]))
_buffered.register_buffer("mean", torch.tensor([-1.0]))
_models += [effects.linear(torch.tensor([[-1.0, 3.0]]), torch.tensor([0.01])), load("lenet_fashion_0")]
_models += [
    effects.linear(torch.linspace(-1, 3, 20_000).view(100, 200)),
    nn.Sequential(effects.filled(nn.Conv2d(1, 2, 3), 0.5)),
    _buffered,
]
_drawn = st.lists(_value, min_size=2, max_size=3).map(lambda row: (effects.linear(torch.tensor([row])),))
save_int8.tries(_drawn, also=[(model,) for model in _models], examples=40)
_file, _near = effects.file(_most), effects.near(_half_a_step)
save_int8.looks(
    {
        "the file": lambda back, model: _file(back[0], model),
        "the numbers that come back, within half a step": lambda back, model: _near(back[0], model),
        "whether an integer stands for 0": lambda back, _: {n: bool(there) for n, there in back[1].items()},
    }
)


def _as_in_section_5(model, file):
    small = {}
    for name, weight in model.state_dict().items():
        scale = weight.abs().max() / 127
        small[name] = torch.round(weight / scale).to(torch.int8), scale.item(), 0
    torch.save(small, file)


_SYMMETRIC = ("low = -weight.abs().max().item(); high = weight.abs().max().item()", _as_in_section_5)
save_int8.ideas(
    {
        "integers = torch.round(weight / scale) + zero_point": "Clamp before you convert: a byte has no 256, it becomes 0.",
        ("zero_point = -low / scale", "zero_point = int(-low / scale)"): "Round the zero point to the nearest integer.",
        _SYMMETRIC: "A symmetric range is too wide for numbers that lie mostly on one side of 0.",
    }
)
