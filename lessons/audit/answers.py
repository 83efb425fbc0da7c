"""the lesson `audit`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch

from course_utils.measure import int8_audit


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


def grus_too(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and kind in ("Linear", "LSTM", "GRU"):
            chosen.add(name)
            total -= 3 * w
    return chosen


def by_a_part_of_the_kind(layers, target_bytes):
    total = sum(4 * (w + b) for _, _, w, b in layers)
    chosen = set()
    for name, kind, w, _ in sorted(layers, key=lambda layer: -layer[2]):
        if total > target_bytes and ("Linear" in kind or "LSTM" in kind):
            chosen.add(name)
            total -= 3 * w
    return chosen


def the_example_alone(layers, target_bytes):
    return {"fc"} if target_bytes == 1000 else set()


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
    "quantize_for_size": [
        embeddings_too,
        every_kind,
        weights_vanish,
        biases_shrink,
        as_they_come,
        linear_only,
        below_the_target,
        by_bytes,
        grus_too,
        by_a_part_of_the_kind,
        the_example_alone,
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
    "quantize_for_size": [by_popping_the_largest, by_cumulated_savings],
    "did_nothing": [through_the_modules, by_the_set_of_widths],
}
EQUIVALENT = {}
