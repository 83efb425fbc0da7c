"""The task of the lesson integers: a model is saved as integers of one byte, and read again."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from course_utils import check, checkpoints

page = check.page(globals())


def with_a_buffer():
    made = check.linear([[1, 3]])
    made.register_buffer("mean", torch.tensor([-1.0]))
    return made


def save_and_load(save, model):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "small.bin")
        save(model, file)
        if not file.exists():
            raise check.Mistake("Your function doesn't write the file. Put the dict into it with torch.save.")
        saved = torch.load(file)
    if missing := [name for name in model.state_dict() if name not in saved]:
        raise check.Mistake(f"The file lacks the tensor {missing[0]}. Save all tensors of model.state_dict().")
    seen = {}
    for name, weight in model.state_dict().items():
        integers, scale, zero = saved[name]
        if integers.is_quantized:
            raise check.Mistake("The file holds quantized tensors. Save the plain integers: int_repr gives them.")
        if integers.element_size() > 1:
            said = (
                f"The integers of {name} are {str(integers.dtype)[6:]}, and take {integers.element_size()} bytes each."
            )
            raise check.Mistake(f"{said} The integers 0 to 255 fit into torch.uint8.")
        ends, zero = torch.iinfo(integers.dtype), float(zero)
        if zero != round(zero):
            raise check.Mistake(
                f"The zero point is {zero:g}. Round it, because the 0 of {name} must become an integer."
            )
        if not ends.min <= zero <= ends.max:
            said = (
                f"The zero point is {zero:g}, and the integers end at {ends.min} and {ends.max}. So none stands for 0."
            )
            raise check.Mistake(f"{said} Widen the range until it holds 0.")
        step = (weight.max().clamp(min=0) - weight.min().clamp(max=0)) / 255
        back = (integers.float() - zero) * scale
        good = (back - weight).abs() <= (weight != 0) * step * 0.5005  # half a step, and nothing where it is 0
        seen[f"what comes back of {name}"] = torch.where(good, weight, back)
    return seen


def as_in_section_5(model, file):
    small = {}
    for name, weight in model.state_dict().items():
        scale = weight.abs().max().item() / 127
        small[name] = torch.round(weight / scale).to(torch.int8), scale, 0
    torch.save(small, file)


def by_pytorch(model, file):
    small = {}
    for name, weight in model.state_dict().items():
        low, high = weight.clamp(max=0).min(), weight.clamp(min=0).max()
        scale = ((high - low) / 255).item() or 0.5
        zero = round(-low.item() / scale)
        integers = torch.quantize_per_tensor(weight, scale, zero, torch.quint8).int_repr()
        small[name] = integers, torch.tensor(scale), torch.tensor(zero)
    torch.save(small, file)


def in_numpy_from_minus_128(model, file):
    small = {}
    for name, weight in model.state_dict().items():
        numbers = weight.numpy().astype(np.float64)
        low, high = min(0.0, numbers.min()), max(0.0, numbers.max())
        scale = float(high - low) / 255 or 1.0
        zero = int(np.clip(-128 - np.rint(low / scale), -128, 127))
        integers = np.clip(np.rint(numbers / scale) + zero, -128, 127).astype(np.int8)
        small[name] = [torch.from_numpy(integers), scale, zero]
    torch.save(small, file)


def by_aminmax(model, file):
    def packed(weight):
        low, high = (end.item() for end in torch.cat([weight.flatten(), torch.zeros(1)]).aminmax())
        scale = max(high - low, 1e-30) / 255
        zero = int(-low / scale + 0.5)
        return (weight.double() / scale + zero).round().clamp(0, 255).byte(), scale, zero

    with open(file, "wb") as opened:
        torch.save({name: packed(weight) for name, weight in model.state_dict().items()}, opened)


LOW, HIGH = "min(weight.min().item(), 0)", "max(weight.max().item(), 0)"
save_int8 = page.write(
    "save_int8",
    "A byte a weight",
    cases={
        "the weights -1, 0, 3": (check.linear([[-1, 0, 3]]),),
        "the weights -0.75, 0.75": (check.linear([[-0.75, 0.75]]),),
        "the weights 0, 0": (check.linear([[0, 0]]),),
        "the weights 1, 3": (check.linear([[1, 3]]),),
        "the weights -3, -1": (check.linear([[-3, -1]]),),
        "the weights 0.3, 0, -0.7": (check.linear([[0.3, 0, -0.7]]),),
        "the weights -1, 3 and the bias 0.01": (check.linear([[-1, 3]], [0.01]),),
        "the weights 1, 3, and a buffer of -1": (with_a_buffer(),),
        "200 weights between -1 and 3": (check.linear(torch.linspace(-1, 3, 200)[None]),),
        "LeNet": (checkpoints.load("lenet_fashion_0"),),
    },
    run=save_and_load,
    wrong={
        "A tensor of zeros has a range of 0, and your scale is 0.": " or 1.0 -> ",
        "A byte has no 256, it becomes 0. Clamp before you convert.": ".clamp(0, 255) -> ",
        "0 to 255 are 256 integers, with 255 steps between them. Divide the range by 255.": "/ 255 or -> / 256 or",
        "An int8 ends at 127, so 128 to 255 become negative. The integers from 0 to 255 need torch.uint8.": "uint8 -> int8",
        "The zero point has the wrong sign. It's the integer on which the number 0 falls.": "round(-low -> round(low",
        "The numbers are cut off, and not rounded to the nearest integer.": "torch.round(weight -> torch.trunc(weight",
        "The zero point is cut off. Round it to the nearest integer.": "round(-low / scale) -> int(-low / scale)",
        "A symmetric range is too wide for numbers that lie mostly on one side of 0.": [
            (f"{LOW} -> -weight.abs().max().item()", f"{HIGH} -> weight.abs().max().item()"),
            as_in_section_5,
        ],
        "": [
            f"{LOW} -> weight.min().item()",
            f"{HIGH} -> weight.max().item()",
            ".to(torch.uint8) -> ",
            "round(-low / scale) -> -low / scale",
            "model.state_dict() -> dict(model.named_parameters())",
            "torch.save(small, file) -> return small",
        ],
    },
    right=[by_pytorch, in_numpy_from_minus_128, by_aminmax],
    steps={"low": "the low end", "high": "the high end", "scale": "the scale", "zero_point": "the zero point"},
    passed="Each tensor has a scale and a zero point of its own, so no number is off by more than half a step, and 0 by none.",
)
