"""Six checks of no lesson: a number, a tensor, a mask, a sequence, tensors in a dict, a file."""

import copy
import tempfile
from pathlib import Path

import torch
from _inputs import masks, numbers, shapes, tensors
from hypothesis import strategies as st
from torch import nn

from course_utils.checks import effects, exercise


@exercise("Energy of a linear layer", why="Each kind of operation has its own count and its own price.")
def linear_energy_pj(n_in, n_out, batch, mul_pj, add_pj):
    macs = batch * n_in * n_out  #: the number of MACs
    products = macs * mul_pj  #: the multiplications
    sums = macs * add_pj  #: the additions of the products
    biases = batch * n_out * add_pj  #: the additions of the biases
    return products + sums + biases


linear_energy_pj.tries(
    n_in=st.integers(1, 50),
    n_out=st.integers(1, 50),
    batch=st.integers(0, 20),
    mul_pj=numbers(0.25, 4, step=0.25),
    add_pj=numbers(0.25, 4, step=0.25),
    also=[(784, 300, 1, 3.7, 0.9), (784, 300, 0, 3.7, 0.9), (1, 1, 1, 0.0713, 0.0071)],
)
linear_energy_pj.ideas(
    {
        "biases = 0": "Each output of each input has a bias, and adding it costs one addition.",
        "sums = 0": "A MAC is two operations: a product is made, and then it is added to a sum.",
        "mul_pj, add_pj = 3.7, 0.9": "Take the prices that your function is given, not those of the lesson's list.",
    }
)


@exercise("A dynamic int8 linear layer", why="Integers are multiplied; one factor makes floats of the sums.")
def dynamic_linear(x, w_q, w_scale, bias):
    low = x.min().clamp(max=0)  #: the lower end of the range
    high = x.max().clamp(min=0)  #: the upper end of the range
    scale = (high - low) / 255  #: the scale
    zero_point = torch.round(-low / scale)  #: the zero point
    q = (torch.round(x / scale) + zero_point).clamp(0, 255)  #: the stored integers
    sums = (q - zero_point).int() @ w_q.int().T  #: the sums of integers
    return sums * (scale * w_scale) + bias


@st.composite
def _layers(draw):
    rows, n_in, n_out = (draw(st.integers(least, 3)) for least in (1, 2, 1))
    below = draw(st.integers(0, 1020)) / 4  # how many steps of the range lie below 0
    x = draw(tensors((rows, n_in), numbers(-below, 255 - below, step=0.25)))
    ends = torch.tensor([end for end in (-below, 255 - below) if end])
    x.view(-1)[: len(ends)] = ends
    x = draw(st.sampled_from([1.0, 0.5, 2.0])) * x.view(-1).roll(draw(st.integers(0, 8))).view(rows, n_in)
    weights = draw(tensors((n_out, n_in), st.integers(-127, 127), torch.int8))
    return x, weights, draw(numbers(0.125, 1)), draw(tensors((n_out,)))


_long_scale = (torch.tensor([[0.3, 1.1, 0.7]]), torch.tensor([[1, 2, -3]], dtype=torch.int8), 0.5, torch.zeros(1))
dynamic_linear.tries(_layers(), also=[_long_scale], atol=1e-4)
dynamic_linear.ideas(
    {
        "low = x.min(); high = x.max()": "A range without 0 cannot store a 0. Let it begin or end there.",
        "sums = (q.to(torch.uint8) - zero_point.to(torch.uint8)).int() @ w_q.int().T": "A difference q − zero point "
        "reaches from −255 to 255. In 8 bits it wraps around: convert to int32 before you subtract.",
        "return x @ (w_q * w_scale).T + bias": "You compute in floats. Asked is what the integers give, rounding too.",
    }
)


@exercise("A mask by magnitude", why="Infinity as the magnitude of what is gone puts it behind all others.")
def magnitude_mask(weight, mask, amount):
    goes = round(amount * int(mask.sum()))  #: how many weights go
    sizes = torch.where(mask == 1, weight.abs(), torch.inf).flatten()  #: the magnitudes, infinity where one is gone
    order = sizes.argsort()  #: the weights in the order of their magnitudes
    new = mask.clone().flatten()
    new[order[:goes]] = 0
    return new.reshape(weight.shape)


@st.composite
def _masked(draw):
    extents = st.one_of(shapes(dims=(1,), most=10), shapes(dims=(2,)), shapes(dims=(3, 4), most=2))
    shape, dtype = draw(extents), draw(st.sampled_from([torch.float32, torch.float64]))
    values = st.one_of(numbers(1, 4, step=0.5), numbers(-2, 2, step=1))
    weight = draw(tensors(shape, values, dtype)) * draw(st.sampled_from([1.0, 1.0, 1.0, 1000.0]))
    return weight, draw(masks(shape)).to(dtype), draw(numbers(0, 1))


def _sizes_where(goes, comes):
    """The magnitudes whose mask goes from one number to another: which of equal ones goes is free."""
    return lambda new, weight, mask, amount: weight.abs()[(mask == goes) & (new == comes)].sort().values


magnitude_mask.tries(
    _masked(),
    also=[
        (torch.tensor([0.1, 0.2, 5.0, 6.0, 7.0, 8.0]), torch.tensor([0.0, 0, 1, 1, 1, 1]), 0.5),
        (torch.tensor([1.0, 2.0]), torch.ones(2), 0.5),
        (torch.tensor([1.0001, -1.0]), torch.ones(2), 0.5),  # alike in half precision
    ],
)
magnitude_mask.looks(
    {
        "the shape of the mask": lambda new, *_: tuple(new.shape),
        "the numbers in the mask": lambda new, *_: sorted({0.0, 1.0, *new.unique().tolist()}),
        "the magnitudes of the weights that stay": _sizes_where(1, 1),
        "the magnitudes of the weights that are brought back": _sizes_where(0, 1),
    }
)
magnitude_mask.ideas({"mask = torch.ones_like(mask)": "What the old mask has removed stays so, and does not count."})


@exercise("A dynamic loss scaler", why="It doubles after enough good steps, and an inf halves it.")
def dynamic_scale(scale, found_infs, growth_interval):
    scales, good_steps = [], 0
    for found_inf in found_infs:
        good_steps = 0 if found_inf else good_steps + 1  #: the count of good steps
        if found_inf:
            scale = scale * 0.5  #: the scale after an inf
        elif good_steps == growth_interval:
            scale, good_steps = scale * 2, 0  #: the growth
        scales.append(scale)
    return scales, [not found_inf for found_inf in found_infs]


_bad, _ok = True, False
dynamic_scale.tries(
    scale=st.sampled_from([8.0, 1.0, 1024.0, 65536.0, 6.0]),
    found_infs=st.lists(st.sampled_from([_ok, _ok, _bad]), max_size=10),
    growth_interval=st.integers(1, 4),
    also=[(1024.0, [], 2), (8.0, [_ok, _ok, _bad, _ok, _ok, _ok, _bad, _ok, _ok, _ok, _ok], 3)],
)
dynamic_scale.ideas({"good_steps = good_steps + 1": "Good steps must come in a row: an inf starts the count anew."})


def _rewound(trained, first, masks):
    start = {name: value.clone() for name, value in first.items()}  #: copies of the first numbers
    for name, mask in masks.items():
        start[name] *= mask
    return start


@exercise("A rewind that is one", of=[_rewound], why="Weights and biases go back to their first values, in new memory.")
def rewound(rewound, trained, first, masks):
    given = copy.deepcopy((trained, first, masks))
    start = rewound(*given)
    numbers = copy.deepcopy(start)
    with torch.no_grad():
        for value in start.values():
            value += 1.0  # as training does
    held = dict(zip(("trained", "first", "masks"), given, strict=True))
    return {"the parameters": numbers, "what the caller holds when yours are trained": held}


@st.composite
def _rounds(draw):
    trained, first, zeros, small = {}, {}, {}, numbers(-2, 2, step=0.5)
    for layer in draw(st.sampled_from([("fc",), ("fc1", "fc2")])):
        shape = draw(shapes(dims=(2, 1, 4), most=2))
        parts = {"weight": shape, "bias": (shape[0],)}
        for part in draw(st.sampled_from([("weight", "bias"), ("weight",), ("bias",)])):
            name = f"{layer}.{part}"
            trained[name], first[name] = draw(tensors(parts[part], small)), draw(tensors(parts[part], small))
            if part == "weight":
                zeros[name] = draw(masks(parts[part]))
    return trained, first, dict(draw(st.permutations(list(zeros.items()))))


rewound.tries(_rounds())
rewound.ideas(
    {
        "start = {name: value.clone() for name, value in trained.items()}": "Rewinding means the numbers from before "
        "the training.",
        "start = dict(first)": "A dict is new, and its tensors are the old ones: clone() gives one its own memory.",
    }
)


def _save(model, file):
    packed = {}
    for name, weight in model.state_dict().items():
        largest = weight.abs().max().item()  #: the largest size
        step = largest / 127 or 1.0  #: the step
        packed[name] = torch.round(weight / step).to(torch.int8), step  #: the integers and their step
    torch.save(packed, file)


def _load(model, file):
    model.load_state_dict({name: q * step for name, (q, step) in torch.load(file).items()})


@exercise("A byte a weight", of=[_save, _load], why="An integer takes one byte, and is at most half a step off.")
def int8_file(save, load, model):
    with tempfile.TemporaryDirectory() as folder:
        first, second, fresh = Path(folder, "first.bin"), Path(folder, "second.bin"), effects.filled(model, 9.0)
        save(model, first)
        save(effects.filled(model, 5.0), second)
        load(fresh, first)
        return effects.Reloaded(fresh.state_dict(), first.stat().st_size)


int8_file.tries(
    model=st.builds(effects.linear, tensors((1, 2)), tensors((1,))),
    also=[(effects.linear(torch.zeros(1, 2), torch.ones(1)),), (nn.Linear(200, 100),), (nn.Conv2d(1, 2, 3),)],
    examples=40,
)
int8_file.looks(
    {
        "the file": effects.file(lambda model: 4000 + sum(weight.numel() for weight in model.parameters())),
        "the weights that come back": effects.near(lambda weight: weight.abs().max() / 253.9),
    }
)
int8_file.ideas(
    {
        "largest = max(w.abs().max().item() for w in model.state_dict().values())": "Each tensor needs a step of its "
        "own: the largest weight of the model makes a step that is too long for the others.",
    }
)
