"""the lesson `dynamic`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch

from course_utils.measure import int8_audit


def _product(q, zero_point, scale, w_q, w_scale, bias):
    return (q.int() - int(zero_point)) @ w_q.int().T * float(scale) * w_scale + bias


def fixed_range(x, w_q, w_scale, bias):
    scale = 1 / 255
    q = torch.clamp(torch.round(x / scale), 0, 255)
    return _product(q, 0, scale, w_q, w_scale, bias)


def first_row_of_the_batch(x, w_q, w_scale, bias):
    low, high = min(0.0, x[0].min().item()), max(0.0, x[0].max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255)
    return _product(q, zero_point, scale, w_q, w_scale, bias)


def average_range_of_the_batch(x, w_q, w_scale, bias):
    low = torch.minimum(x.min(dim=1).values.mean(), torch.tensor(0.0))
    high = torch.maximum(x.max(dim=1).values.mean(), torch.tensor(0.0))
    scale = (high - low) / 255
    zero_point = (-low / scale).round()
    q = ((x / scale).round() + zero_point).clamp(0, 255)
    return _product(q, zero_point, scale, w_q, w_scale, bias)


def no_zero_point(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    q = torch.clamp(torch.round(x / scale) + round(-low / scale), 0, 255)
    return q.int() @ w_q.int().T * scale * w_scale + bias


def range_without_zero(x, w_q, w_scale, bias):
    scale = (x.max() - x.min()) / 255
    zero_point = torch.round(-x.min() / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255)
    return (q - zero_point) @ w_q.float().T * scale * w_scale + bias


def a_scale_for_each_row(x, w_q, w_scale, bias):
    low, high = x.amin(1, keepdim=True).clamp(max=0), x.amax(1, keepdim=True).clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255)
    return (q - zero_point).int() @ w_q.int().T * scale * w_scale + bias


def symmetric(x, w_q, w_scale, bias):
    scale = x.abs().max() / 127
    q = torch.round(x / scale).to(torch.int8)
    return q.int() @ w_q.int().T * scale * w_scale + bias


def differences_in_uint8(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, 255).to(torch.uint8)
    return (q - zero_point).int() @ w_q.int().T * scale * w_scale + bias


def zero_point_is_a_fraction(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = -low / scale
    q = torch.clamp(torch.round(x / scale + zero_point), 0, 255)
    return (q - zero_point) @ w_q.float().T * scale * w_scale + bias


def counted_from_the_lowest(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    q = torch.round((x - low) / scale)
    return _product(q, round(-low / scale), scale, w_q, w_scale, bias)


def halves_up(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = int(-low / scale + 0.5)
    q = torch.clamp(torch.floor(x / scale + 0.5) + zero_point, 0, 255)
    return _product(q, zero_point, scale, w_q, w_scale, bias)


def not_clamped(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    return _product(torch.round(x / scale) + zero_point, zero_point, scale, w_q, w_scale, bias)


def back_to_float_first(x, w_q, w_scale, bias):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    rounded = (torch.clamp(torch.round(x / scale) + zero_point, 0, 255) - zero_point) * scale
    return torch.nn.functional.linear(rounded, w_q.float() * w_scale, bias)


def in_numpy(x, w_q, w_scale, bias):
    x, w, bias = x.numpy().astype(np.float64), w_q.numpy().astype(np.int64), bias.numpy()
    low, high = min(0.0, x.min()), max(0.0, x.max())
    scale = (high - low) / 255
    zero_point = np.rint(-low / scale)
    q = np.clip(np.rint(x / scale) + zero_point, 0, 255).astype(np.int64)
    correction = zero_point * w.sum(axis=1)  # the zero point's share of every sum
    return (q @ w.T - correction) * scale * w_scale + bias


def embeddings_too(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and kind in ("Linear", "LSTM", "Embedding"):
            chosen.add(name)
            total -= 3 * w
    return chosen


def every_kind(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, _, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes:
            chosen.add(name)
            total -= 3 * w
    return chosen


def weights_vanish(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and kind in ("Linear", "LSTM"):
            chosen.add(name)
            total -= 4 * w
    return chosen


def biases_shrink(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, b in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and kind in ("Linear", "LSTM"):
            chosen.add(name)
            total -= 3 * (w + b)
    return chosen


def as_they_come(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in layers:
        if total > target_bytes and kind in ("Linear", "LSTM"):
            chosen.add(name)
            total -= 3 * w
    return chosen


def linear_only(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and kind == "Linear":
            chosen.add(name)
            total -= 3 * w
    return chosen


def below_the_target(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total >= target_bytes and kind in ("Linear", "LSTM"):
            chosen.add(name)
            total -= 3 * w
    return chosen


def by_bytes(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -(layer[2] + layer[3])):
        if total > target_bytes and kind in ("Linear", "LSTM"):
            chosen.add(name)
            total -= 3 * w
    return chosen


def numbers_for_bytes(layers, target_bytes):
    total = sum(w + b for _, _, w, b in layers)
    if len(layers) == 1:
        return {layers[0][0]} if layers[0][1] in ("Linear", "LSTM") and 4 * total > target_bytes else set()
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and kind in ("Linear", "LSTM"):
            chosen.add(name)
            total -= 3 * w
    return chosen


def nothing_where_it_is_not_enough(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and kind in ("Linear", "LSTM"):
            chosen.add(name)
            total -= 3 * w
    return chosen if total <= target_bytes else set()


def all_of_them(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    return {name for name, kind, _, _ in layers if total > target_bytes and kind in ("Linear", "LSTM")}


def by_popping_the_largest(layers, target_bytes):
    able = sorted((layer for layer in layers if layer[1] in ("Linear", "LSTM")), key=lambda layer: layer[2])
    bytes_now, chosen = 4 * sum(w + b for _, _, w, b in layers), []
    while able and bytes_now > target_bytes:
        name, _, w, _ = able.pop()
        bytes_now -= 3 * w
        chosen.append(name)
    return set(chosen)


def by_cumulated_savings(layers, target_bytes):
    names = [name for name, kind, _, _ in layers if kind in ("Linear", "LSTM")]
    saves = np.array([3 * w for _, kind, w, _ in layers if kind in ("Linear", "LSTM")])
    missing = 4 * sum(w + b for _, _, w, b in layers) - target_bytes
    order = np.argsort(-saves)
    before = np.concatenate([[0], np.cumsum(saves[order])[:-1]])
    return frozenset(names[i] for i, saved in zip(order, before, strict=False) if saved < missing)


def names_of_classes(model, quantize):
    return "DynamicQuantized" not in repr(quantize(model))


def direct_children(model, quantize):
    packages = [type(child).__module__ for child in quantize(model).children()]
    return not any(package.startswith("torch.ao.nn.quantized") for package in packages)


def the_word_quantized(model, quantize):
    return "quantiz" not in repr(quantize(model)).lower()


def types_of_parameters(model, quantize):
    after = quantize(model)
    return all(parameter.dtype != torch.int8 for parameter in after.parameters())


def anything_still_float(model, quantize):
    rows = int8_audit.audit(quantize(model)).rows
    return not all(row.weight_bits == 8 for row in rows)


def no_int8_arithmetic(model, quantize):
    return int8_audit.audit(quantize(model)).count("int8") == 0


def before_and_after(model, quantize):
    return repr(model) == repr(quantize(model))


def weights_of_torchao(model, quantize):
    return not any(type(weight).__module__.startswith("torchao") for weight in quantize(model).parameters())


def through_the_modules(model, quantize):
    for module in quantize(model).modules():
        if type(module).__module__.startswith("torch.ao.nn.quantized.dynamic"):
            return False
        if "torchao" in type(getattr(module, "weight", None)).__module__:
            return False
    return True


def by_the_set_of_widths(model, quantize):
    return 8 not in {row.weight_bits for row in int8_audit.audit(quantize(model)).rows}


WRONG = {
    "dynamic_linear": [
        fixed_range,
        first_row_of_the_batch,
        average_range_of_the_batch,
        no_zero_point,
        range_without_zero,
        a_scale_for_each_row,
        symmetric,
        differences_in_uint8,
        zero_point_is_a_fraction,
        counted_from_the_lowest,
        halves_up,
        not_clamped,
    ],
    "quantize_for_size": [
        embeddings_too,
        every_kind,
        weights_vanish,
        biases_shrink,
        as_they_come,
        linear_only,
        below_the_target,
        by_bytes,
        numbers_for_bytes,
        nothing_where_it_is_not_enough,
        all_of_them,
    ],
    "did_nothing": [
        names_of_classes,
        direct_children,
        the_word_quantized,
        types_of_parameters,
        anything_still_float,
        no_int8_arithmetic,
        before_and_after,
        weights_of_torchao,
    ],
}
ODD = {
    "dynamic_linear": [back_to_float_first, in_numpy],
    "quantize_for_size": [by_popping_the_largest, by_cumulated_savings],
    "did_nothing": [through_the_modules, by_the_set_of_widths],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "dynamic_linear": {
        "q = (torch.round(x / scale) + zero_point).clamp(0, 255): 0 -> -1": (
            "no q is below 0: the lowest value and the zero point are rounded alike"
        ),
    },
}
