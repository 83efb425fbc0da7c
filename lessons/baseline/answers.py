"""The lesson `baseline`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from statistics import fmean, median, stdev, variance

import numpy as np


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


def four_bytes_of_parameters(model):
    return 4 * sum(p.numel() for p in model.parameters())


def parameters_and_state(model):
    return sum(t.nbytes for t in [*model.parameters(), *model.state_dict().values()])


def each_module_with_its_parts(model):
    return sum(t.nbytes for module in model.modules() for t in [*module.parameters(), *module.buffers()])


def in_mib(model):
    return by_storage(model) // 2**20


def weights_and_biases(model):
    total = sum(p.nbytes for name, p in model.named_parameters() if name.split(".")[-1] in ("weight", "bias"))
    return total + sum(b.nbytes for b in model.buffers())


def buffers_of_four_bytes(model):
    return sum(p.nbytes for p in model.parameters()) + 4 * sum(b.numel() for b in model.buffers())


def direct_parts_only(model):
    return sum(t.nbytes for part in model.children() for t in [*part._parameters.values(), *part._buffers.values()])


def the_largest(model):
    return max((t.nbytes for t in [*model.parameters(), *model.buffers()]), default=0)


def whole_numbers_of_four_bytes(model):
    tensors = [*model.parameters(), *model.buffers()]
    return sum(t.numel() * (t.element_size() if t.is_floating_point() else 4) for t in tensors)


def equal_numbers_once(model):
    seen = []
    for tensor in [*model.parameters(), *model.buffers()]:
        if not any(tensor.shape == other.shape and tensor.equal(other) for other in seen):
            seen.append(tensor)
    return sum(t.nbytes for t in seen)


def one_of_each_shape(model):
    return sum({tuple(t.shape): t.nbytes for t in [*model.parameters(), *model.buffers()]}.values())


def mean_element(model):
    tensors = [*model.parameters(), *model.buffers()]
    return round(elements(model) * fmean(t.element_size() for t in tensors)) if tensors else 0


def rows_only(model):
    return sum(len(t) * t.element_size() for t in [*model.parameters(), *model.buffers()] if t.dim())


def by_storage(model):
    storages = {t.data_ptr(): t.untyped_storage().nbytes() for t in [*model.parameters(), *model.buffers()]}
    return sum(storages.values())


def by_module(model):
    seen, total = set(), np.int64(0)
    for module in model.modules():
        for tensor in [*module._parameters.values(), *module._buffers.values()]:
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                total += tensor.numel() * tensor.element_size()
    return total


def _gains(accuracy, seeds=range(10), **budget):
    budget = budget or {"epochs": 10}
    return [accuracy("new", seed=n, **budget) - accuracy("old", seed=n, **budget) for n in seeds]


def _by_the_card(gains, points=0.3, share=0.9, of=fmean):
    """Not an answer: what the rule says at these limits; those of the card where none are given."""
    wins = sum(gain > 0 for gain in gains)
    if of(gains) >= points and wins >= share * len(gains):
        return "new"
    return "old" if of(gains) <= -points and len(gains) - wins >= share * len(gains) else "no difference"


def one_seed(accuracy):
    gain = accuracy("new", seed=0, epochs=10) - accuracy("old", seed=0, epochs=10)
    return "new" if gain >= 0.3 else "old" if gain <= -0.3 else "no difference"


def other_seeds_for_the_new(accuracy):
    return _by_the_card([accuracy("new", seed=n + 10, epochs=5) - accuracy("old", seed=n, epochs=5) for n in range(10)])


def the_new_one_only(accuracy):
    return "new" if fmean(accuracy("new", seed=n, epochs=5) for n in range(10)) > 90 else "no difference"


def old_minus_new(accuracy):
    return _by_the_card([-gain for gain in _gains(accuracy)])


def the_higher_mean(accuracy):
    return "new" if fmean(_gains(accuracy, range(12))) > 0 else "old"


def the_best_run(accuracy):
    best = {recipe: max(accuracy(recipe, seed=n, epochs=10) for n in range(10)) for recipe in ("old", "new")}
    if best["new"] - best["old"] >= 0.3:
        return "new"
    return "old" if best["old"] - best["new"] >= 0.3 else "no difference"


def never_the_old(accuracy):
    return "new" if _by_the_card(_gains(accuracy)) == "new" else "no difference"


def ranges_that_do_not_touch(accuracy):
    old, new = ([accuracy(recipe, seed=n, epochs=10) for n in range(10)] for recipe in ("old", "new"))
    if min(new) <= max(old) and min(old) <= max(new):
        return "no difference"
    return "new" if fmean(new) - fmean(old) >= 0.3 else "old" if fmean(new) - fmean(old) <= -0.3 else "no difference"


def the_signs_only(accuracy):
    gains = _gains(accuracy)
    wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    return "new" if wins >= 9 else "old" if losses >= 9 else "no difference"


def as_the_authors_trained(accuracy):
    return _by_the_card([accuracy("new", seed=n) - accuracy("old", seed=n) for n in range(10)])


def always_new(accuracy):
    _gains(accuracy)
    return "new"


def one_point(accuracy):
    gain = fmean(_gains(accuracy, range(20)))
    return "new" if gain >= 1 else "old" if gain <= -1 else "no difference"


def a_fifth_of_a_point(accuracy):
    return _by_the_card(_gains(accuracy, range(20)), points=0.2, share=0.75)


def half_a_point(accuracy):
    return _by_the_card(_gains(accuracy, range(20, 40)), points=0.5, share=0.75)


def not_below_the_threshold_for_the_old(accuracy):
    gains = _gains(accuracy, range(12))
    wins = sum(gain > 0 for gain in gains)
    return "new" if fmean(gains) >= 0.3 and wins >= 10 else "old" if wins <= 2 else "no difference"


def eight_are_enough(accuracy):
    return _by_the_card(_gains(accuracy), share=0.8)


def all_must_agree(accuracy):
    return _by_the_card(_gains(accuracy), share=1)


def the_median(accuracy):
    return _by_the_card(_gains(accuracy), of=median)


def nine_of_twenty(accuracy):
    return _by_the_card(_gains(accuracy, range(20)), share=0.45)


def the_best_ten_of_many(accuracy):
    return _by_the_card(sorted(_gains(accuracy, range(100)))[-10:])


def _p(wins, losses):
    """Not an answer: the p of the sign test."""
    throws = wins + losses
    return min(1.0, 2 * sum(math.comb(throws, heads) for heads in range(max(wins, losses), throws + 1)) / 2**throws)


def _at(mean, sure, points=0.3):
    return "new" if sure and mean >= points else "old" if sure and mean <= -points else "no difference"


def _by_test(gains, *, below=0.05, points=0.3, sides=2):
    """Not an answer: the rule of the card, for any number of seeds."""
    p = _p(sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains))
    return _at(fmean(gains), p * sides / 2 < below, points)


def nine_of_ten_of_thirty(accuracy):
    return _by_the_card(_gains(accuracy, range(30)))


def fourteen_of_twenty(accuracy):
    return _by_the_card(_gains(accuracy, range(20)), share=0.7)


def a_majority_of_a_hundred(accuracy):
    return _by_the_card(_gains(accuracy, range(100)), share=0.501)


def one_side_of_eleven(accuracy):
    return _by_test(_gains(accuracy, range(11)), sides=1)


def p_below_a_hundredth(accuracy):
    return _by_test(_gains(accuracy, range(13)), below=0.01)


def small_ones_left_out(accuracy):
    gains = _gains(accuracy, range(22))
    large = [gain for gain in gains if abs(gain) >= 0.3]
    return _at(fmean(gains), _p(sum(gain > 0 for gain in large), sum(gain < 0 for gain in large)) < 0.05)


def the_first_ten_of_thirty(accuracy):
    return _by_test(_gains(accuracy, range(30))[:10])


def without_best_and_worst(accuracy):
    return _by_test(sorted(_gains(accuracy, range(20)))[1:-1])


def a_third_of_a_point(accuracy):
    return _by_test(_gains(accuracy, range(16)), points=0.35)


def the_mean_or_the_test(accuracy):
    gains = _gains(accuracy, range(17))
    sure = _p(sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)) < 0.05
    return _at(fmean(gains), sure or abs(fmean(gains)) >= 0.3, 0)


def standard_errors_of_the_gains(accuracy):
    gains = _gains(accuracy, range(18))
    return _at(fmean(gains), abs(fmean(gains)) > 2 * stdev(gains) / 18**0.5)


def the_mean_alone_for_the_old(accuracy):
    gains = _gains(accuracy)
    return "old" if fmean(gains) <= -0.3 else _by_the_card(gains)


def no_seed_against_the_old(accuracy):
    gains = _gains(accuracy)
    said = _by_the_card(gains)
    return "no difference" if said == "old" and max(gains) > 0 else said


def the_largest_difference(accuracy):
    gains = _gains(accuracy)
    return _by_the_card(gains, of=lambda own: max(own, key=abs))


def the_mean_without_the_first(accuracy):
    return _by_the_card(_gains(accuracy), of=lambda own: fmean(own[1:]))


def standard_errors_of_both(accuracy):
    old, new = ([accuracy(recipe, seed=n, epochs=10) for n in range(20)] for recipe in ("old", "new"))
    error = ((variance(old) + variance(new)) / 20) ** 0.5
    return _at(fmean(new) - fmean(old), abs(fmean(new) - fmean(old)) > 2 * error)


def better_with_fifteen_of_twenty(accuracy):
    gains = _gains(accuracy, range(40, 60), epochs=4)
    wins = sum(gain > 0 for gain in gains)
    return _at(fmean(gains), wins >= 15 or wins <= 5)


def better_with_sixty_seeds(accuracy):
    return _by_test(_gains(accuracy, range(-30, 30)))


def better_asking_twice(accuracy):
    def gain(seed):
        return accuracy("new", seed=seed, epochs=5) - accuracy("old", seed=seed, epochs=5)

    sizes = [gain(seed) for seed in range(10)]
    return _by_the_card(sizes) if sum(gain(seed) > 0 for seed in range(10)) in (0, 1, 9, 10) else "no difference"


def better_over_several_passes(accuracy):
    return _by_the_card([fmean(_gains(accuracy, [seed], epochs=e)[0] for e in (1, 5, 20)) for seed in range(10)])


def better_by_coins(accuracy):
    gains = np.array(_gains(accuracy, range(100, 160), epochs=3))
    throws = np.random.default_rng(0).binomial(60, 0.5, 20_000)
    lead = abs(int((gains > 0).sum()) - 30)
    if (abs(throws - 30) >= lead).mean() >= 0.05 or abs(gains.mean()) < 0.3:
        return "no difference"
    return "new" if gains.mean() > 0 else "old"


def better_one_recipe_after_the_other(accuracy):
    results = {recipe: [accuracy(recipe, seed=7 * n, epochs=50) for n in range(12)] for recipe in ("new", "old")}
    gains = np.subtract(results["new"], results["old"])
    for name, sign in (("old", -1), ("new", 1)):
        if (sign * gains > 0).sum() >= 10 and (sign * gains).mean() >= 0.3:
            return name
    return "no difference"


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


def with_a_sentinel(rows, name):
    best, best_ms = None, 100
    for row in _fitting(rows, name):
        if row["ms"] < best_ms:
            best, best_ms = row["name"], row["ms"]
    return best or rows[0]["name"]


def whole_milliseconds(rows, name):
    return min(_fitting(rows, name), key=lambda row: int(row["ms"]))["name"]


def by_part_of_the_name(rows, name):
    own = [row for row in rows if name in row["name"]][0]
    return min(_fitting(rows, own["name"]), key=lambda row: row["ms"])["name"]


def one_condition(rows, name):
    own = [row for row in rows if row["name"] == name][0]
    fit = [
        r for r in rows if r["dtype"] == "fp32" and any(r[key] == own[key] for key in ("device", "threads", "batch"))
    ]
    return min(fit, key=lambda row: row["ms"])["name"]


def second_best(rows, name):
    fit = sorted(_fitting(rows, name), key=lambda row: row["ms"])
    return fit[min(1, len(fit) - 1)]["name"]


def all_names(rows, name):
    return [row["name"] for row in sorted(_fitting(rows, name), key=lambda row: row["ms"])]


def from_the_first_row(rows, name):
    best = rows[0]
    for row in _fitting(rows, name):
        if row["ms"] < best["ms"]:
            best = row
    return best["name"]


def own_dtype(rows, name):
    own = [row for row in rows if row["name"] == name][0]
    fit = [r for r in rows if all(r[key] == own[key] for key in ("dtype", "device", "threads", "batch"))]
    return min(fit, key=lambda row: row["ms"])["name"]


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
    "model_bytes": [
        no_buffers,
        elements,
        always_four_bytes,
        one_dtype,
        shared_twice,
        shared_buffer_twice,
        saved_only,
        trained_only,
        four_bytes_of_parameters,
        parameters_and_state,
        each_module_with_its_parts,
        in_mib,
        weights_and_biases,
        buffers_of_four_bytes,
        direct_parts_only,
        the_largest,
        whole_numbers_of_four_bytes,
        equal_numbers_once,
        one_of_each_shape,
        mean_element,
        rows_only,
    ],
    "better_recipe": [
        one_seed,
        other_seeds_for_the_new,
        the_new_one_only,
        old_minus_new,
        the_higher_mean,
        the_best_run,
        never_the_old,
        ranges_that_do_not_touch,
        the_signs_only,
        as_the_authors_trained,
        always_new,
        one_point,
        a_fifth_of_a_point,
        half_a_point,
        not_below_the_threshold_for_the_old,
        eight_are_enough,
        all_must_agree,
        the_median,
        nine_of_twenty,
        the_best_ten_of_many,
        nine_of_ten_of_thirty,
        fourteen_of_twenty,
        a_majority_of_a_hundred,
        one_side_of_eleven,
        p_below_a_hundredth,
        small_ones_left_out,
        the_first_ten_of_thirty,
        without_best_and_worst,
        a_third_of_a_point,
        the_mean_or_the_test,
        standard_errors_of_the_gains,
        standard_errors_of_both,
        the_mean_alone_for_the_old,
        no_seed_against_the_old,
        the_largest_difference,
        the_mean_without_the_first,
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
        with_a_sentinel,
        whole_milliseconds,
        by_part_of_the_name,
        one_condition,
        second_best,
        from_the_first_row,
        own_dtype,
    ],
}
ODD = {
    "model_bytes": [
        by_storage,
        by_module,
    ],
    "better_recipe": [
        better_by_coins,
        better_one_recipe_after_the_other,
        better_asking_twice,
        better_over_several_passes,
        better_with_fifteen_of_twenty,
        better_with_sixty_seeds,
    ],
    "fair_baseline": [
        by_sorting_rows,
        by_loop,
    ],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
NOT_EXACTLY = "no mean is exactly 0.3"
EQUIVALENT = {
    "better_recipe": {
        "if fmean(gains) <= -0.3 and wins <= 1:: fmean(gains) <= -0.3: LtE -> Lt": NOT_EXACTLY,
        "if fmean(gains) >= 0.3 and wins >= 9:: fmean(gains) >= 0.3: GtE -> Gt": NOT_EXACTLY,
        "wins = sum((gain > 0 for gain in gains)): gain > 0: Gt -> GtE": "no seed gives the same accuracy to both",
    },
}
