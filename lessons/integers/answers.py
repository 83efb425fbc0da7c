"""The exercise of the lesson integers: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np
import torch


def by_pytorch(model, file):
    """PyTorch's own integers, and scales as tensors."""
    small = {}
    for name, weight in model.state_dict().items():
        low, high = weight.clamp(max=0).min(), weight.clamp(min=0).max()
        scale = ((high - low) / 255).item()
        if scale == 0:
            scale = 0.5
        zero = round(-low.item() / scale)
        integers = torch.quantize_per_tensor(weight, scale, zero, torch.quint8).int_repr()
        small[name] = integers, torch.tensor(scale), torch.tensor(zero)
    torch.save(small, file)


def from_minus_128(model, file):
    """The integers -128 to 127, in numpy."""
    small = {}
    for name, weight in model.state_dict().items():
        numbers = weight.numpy().astype(np.float64)
        low, high = min(0.0, numbers.min()), max(0.0, numbers.max())
        scale = float(high - low) / 255 if high > low else 1.0
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

    with torch.no_grad(), open(file, "wb") as opened:
        torch.save({name: packed(weight) for name, weight in model.state_dict().items()}, opened)


ODD = {"save_int8": [by_pytorch, from_minus_128, by_aminmax]}
WRONG = {
    "save_int8": {
        "the range need not hold 0": ("min(weight.min().item(), 0)", "weight.min().item()"),
        "the high end need not reach 0": ("max(weight.max().item(), 0)", "weight.max().item()"),
        "zeros are divided by 0": (" or 1.0", ""),
        "256 becomes 0": (".clamp(0, 255)", ""),
        "levels are counted for steps": ("/ 255 or", "/ 256 or"),
        "integers in floats": ("integers.to(torch.uint8)", "integers"),
        "from 0 to 255 in int8": ("integers.to(torch.uint8)", "integers.to(torch.int8)"),
        "the zero point has the wrong sign": ("round(-low", "round(low"),
        "rounded towards zero": ("torch.round(weight / scale)", "torch.trunc(weight / scale)"),
        "symmetric, as in section 5": (
            "low = min(weight.min().item(), 0)\n        high = max(weight.max().item(), 0)",
            "high = weight.abs().max().item()\n        low = -high",
        ),
        "buffers are left out": ("model.state_dict()", "dict(model.named_parameters())"),
        "the zero point is cut off": ("round(-low / scale)", "int(-low / scale)"),
        "the zero point is no integer": ("round(-low / scale)", "-low / scale"),
    }
}
EQUIVALENT = {
    "save_int8": {
        "low = min(weight.min().item(), 0): min(": "a minimum has no order",
        "high = max(weight.max().item(), 0): max(": "a maximum has no order",
        "scale = (high - low) / 255 or 1.0: 1.0 -> 2.0": "any scale serves a tensor of zeros",
        "1 doubled in the scale": "any scale serves a tensor of zeros",
        "integers = (torch.round(weight / scale) + zero_point).clamp(0, 255): 0 -> -1": "nothing falls below 0",
        "-1 in place of 0 in the integers": "nothing falls below 0",
        "integers rounded to 2 digits": "they are whole",
        "* without its sign": "never negative",
    }
}
