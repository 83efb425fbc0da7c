"""the lesson `measuring`: plausible wrong answers and odd but right ones, as a learner would write them."""

import statistics

import numpy as np
import torch


def blames_the_warm_up():
    return {3, 8, 14}


def blames_taking_turns():
    return {2, 3, 10}


def blames_where_the_clock_is_read():
    return {3, 11, 14}


def misses_the_clock():
    return {3, 14}


def misses_the_mode():
    return {2, 14}


def misses_the_summary():
    return {2, 3}


def as_sorted_list():
    return sorted([14, 3, 2])


def as_array():
    return np.array([2, 3, 14])


def misses_a_wait_for_the_device():
    return {2, 3, 12, 14}


def no_buffers(model):
    return sum(p.numel() * p.element_size() for p in model.parameters())


def elements(model):
    count = 0
    for tensor in list(model.parameters()) + list(model.buffers()):
        count += tensor.numel()
    return count


def always_four_bytes(model):
    return 4 * elements(model)


def shared_twice(model):
    total = 0
    for tensor in model.state_dict().values():
        total += tensor.numel() * tensor.element_size()
    return total


def trained_only(model):
    trained = [p for p in model.parameters() if p.requires_grad]
    return sum(t.nbytes for t in [*trained, *model.buffers()])


def one_dtype(model):
    tensors = [*model.parameters(), *model.buffers()]
    if not tensors:
        return 0
    return sum(t.numel() for t in tensors) * tensors[0].element_size()


def saved_only(model):
    storages = {t.data_ptr(): t.untyped_storage().nbytes() for t in model.state_dict().values()}
    return sum(storages.values())


def shared_buffer_twice(model):
    total = sum(p.nbytes for p in model.parameters())
    for module in model.modules():
        total += sum(b.nbytes for b in module.buffers(recurse=False))
    return total


def by_storage(model):
    storages = {t.data_ptr(): t.untyped_storage().nbytes() for t in [*model.parameters(), *model.buffers()]}
    return sum(storages.values())


def by_module(model):
    seen, total = set(), np.int64(0)
    for module in model.modules():
        for tensor in [*module._parameters.values(), *module._buffers.values()]:
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                total += tensor.detach().numpy().nbytes
    return total


def ratio_of_means(base_seconds, own_seconds):
    return sum(base_seconds) / sum(own_seconds)


def mean_of_ratios(base_seconds, own_seconds):
    return float(np.mean(np.array(base_seconds) / np.array(own_seconds)))


def inverted(base_seconds, own_seconds):
    return statistics.median(o / b for b, o in zip(base_seconds, own_seconds, strict=True))


def ratio_of_medians(base_seconds, own_seconds):
    return statistics.median(base_seconds) / statistics.median(own_seconds)


def with_torch_median(base_seconds, own_seconds):
    return torch.median(torch.tensor(base_seconds) / torch.tensor(own_seconds)).item()


def best_ratio(base_seconds, own_seconds):
    return max(base / own for base, own in zip(base_seconds, own_seconds, strict=True))


def without_the_extremes(base_seconds, own_seconds):
    ratios = sorted(np.array(base_seconds) / np.array(own_seconds))
    middle = ratios[1:-1] if len(ratios) > 2 else ratios
    return float(np.mean(middle))


def time_saved(base_seconds, own_seconds):
    shares = [(b - o) / b for b, o in zip(base_seconds, own_seconds, strict=True)]
    return 1 + statistics.median(shares)


def with_numpy(base_seconds, own_seconds):
    return np.median(np.array(base_seconds) / np.array(own_seconds))


def by_sorting(base_seconds, own_seconds):
    ratios = sorted(base_seconds[i] / own_seconds[i] for i in range(len(base_seconds)))
    half = len(ratios) // 2
    return (ratios[half] + ratios[-half - 1]) / 2


def with_quantile(base_seconds, own_seconds):
    return torch.quantile(torch.tensor(base_seconds) / torch.tensor(own_seconds), 0.5)


def any_threads(rows, name):
    own = [row for row in rows if row["name"] == name][0]
    fit = [r for r in rows if r["dtype"] == "fp32" and r["device"] == own["device"] and r["batch"] == own["batch"]]
    return sorted(fit, key=lambda r: r["ms"])[0]["name"]


def any_batch(rows, name):
    own = [row for row in rows if row["name"] == name][0]
    fit = [r for r in rows if r["dtype"] == "fp32" and (r["device"], r["threads"]) == (own["device"], own["threads"])]
    return min(fit, key=lambda r: r["ms"])["name"]


def fastest_of_all(rows, name):
    return min((row["ms"], row["name"]) for row in rows if row["dtype"] == "fp32")[1]


def slowest(rows, name):
    fit = _fitting(rows, name)
    return max(fit, key=lambda row: row["ms"])["name"]


def first_that_fits(rows, name):
    return _fitting(rows, name)[0]["name"]


def first_in_the_list(rows, name):
    for row in rows:
        if row["dtype"] == "fp32":
            return row["name"]


def itself(rows, name):
    own = [row for row in rows if row["name"] == name][0]
    fit = [r for r in rows if all(r[key] == own[key] for key in ("device", "threads", "batch"))]
    return min(fit, key=lambda row: row["ms"])["name"]


def never_its_own(rows, name):
    others = [row for row in _fitting(rows, name) if row["name"] != name]
    return min(others, key=lambda row: row["ms"])["name"] if others else name


def anything_but_int8(rows, name):
    own = [row for row in rows if row["name"] == name][0]
    fit = [r for r in rows if all(r[key] == own[key] for key in ("device", "threads", "batch"))]
    return min((row for row in fit if row["dtype"] != "int8"), key=lambda row: row["ms"])["name"]


def _fitting(rows, name):
    own = [row for row in rows if row["name"] == name][0]
    keys = ("device", "threads", "batch")
    return [r for r in rows if r["dtype"] == "fp32" and all(r[key] == own[key] for key in keys)]


def by_sorting_rows(rows, name):
    return sorted(_fitting(rows, name), key=lambda row: row["ms"])[0]["name"]


def by_loop(rows, name):
    own = {row["name"]: row for row in rows}[name]
    best = None
    for row in rows:
        same = (row["device"], row["threads"], row["batch"]) == (own["device"], own["threads"], own["batch"])
        if row["dtype"] == "fp32" and same and (best is None or row["ms"] < best["ms"]):
            best = row
    return best["name"]


WRONG = {
    "flawed_lines": [
        blames_the_warm_up,
        blames_taking_turns,
        blames_where_the_clock_is_read,
        misses_the_clock,
        misses_the_mode,
        misses_the_summary,
        misses_a_wait_for_the_device,
    ],
    "model_bytes": [
        no_buffers,
        elements,
        always_four_bytes,
        one_dtype,
        shared_twice,
        shared_buffer_twice,
        saved_only,
        trained_only,
    ],
    "typical_speedup": [
        ratio_of_means,
        mean_of_ratios,
        inverted,
        ratio_of_medians,
        with_torch_median,
        best_ratio,
        without_the_extremes,
        time_saved,
    ],
    "fair_baseline": [
        any_threads,
        any_batch,
        fastest_of_all,
        slowest,
        first_that_fits,
        first_in_the_list,
        itself,
        never_its_own,
        anything_but_int8,
    ],
}
ODD = {
    "flawed_lines": [as_sorted_list, as_array],
    "model_bytes": [by_storage, by_module],
    "typical_speedup": [with_numpy, by_sorting, with_quantile],
    "fair_baseline": [by_sorting_rows, by_loop],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "typical_speedup": {
        "return median((base / own for base, own in zip(base_seconds, own_seconds, strict=True))): True -> False": (
            "the two lists have the same length"
        ),
    },
}
