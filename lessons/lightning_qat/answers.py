"""The lesson `lightning_qat`: plausible wrong answers and odd but right ones, as a learner would write them."""

import statistics

import numpy as np
import torch


def misses_batch_norm():
    return [("stem.0", "stem.2"), ("neck", "neck_act")]


def names_classes():
    return [("Conv2d", "BatchNorm2d", "ReLU"), ("Conv2d", "BatchNorm2d"), ("Linear", "ReLU")]


def in_alphabetical_order():
    return [("stem.0", "stem.1", "stem.2"), ("bn", "conv"), ("neck", "neck_act")]


def across_the_branch():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn", "act"), ("neck", "neck_act")]


def names_inside_the_sequential():
    return [("0", "1", "2"), ("conv", "bn"), ("neck", "neck_act")]


def names_with_self():
    return [("self.stem.0", "self.stem.1", "self.stem.2"), ("self.conv", "self.bn"), ("self.neck", "self.neck_act")]


def fuses_a_function():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("side", "relu"), ("neck", "neck_act")]


def only_convolutions():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn")]


def stops_at_batch_norm():
    return [("stem.0", "stem.1"), ("conv", "bn"), ("neck", "neck_act")]


def in_one_list():
    return ["stem.0", "stem.1", "stem.2", "conv", "bn", "neck", "neck_act"]


def ends_of_the_network():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("neck", "neck_act", "head")]


def sum_with_its_relu():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("plus", "act"), ("neck", "neck_act")]


def whole_stem():
    return [("stem",), ("conv", "bn"), ("neck", "neck_act")]


def one_after_the_other():
    return [("stem.0", "stem.1", "stem.2", "conv", "bn"), ("neck", "neck_act")]


def without_the_stem():
    return [("conv", "bn"), ("neck", "neck_act")]


def single_layers():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("neck",)]


def twice():
    return [("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("conv", "bn"), ("neck", "neck_act")]


def lists_backwards():
    return [["neck", "neck_act"], ["conv", "bn"], ["stem.0", "stem.1", "stem.2"]]


def built():
    return (*[tuple(f"stem.{i}" for i in range(3))], ("conv", "bn"), ("neck", "neck" + "_act"))


def without_rebuilding(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = make()
    loaded.load_state_dict(torch.load(path, weights_only=True), strict=False)
    return loaded, torch.equal(loaded(x), model(model.quant(x)))


def compares_nothing(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=True))
    return loaded, True


def compares_roughly(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=True))
    return loaded, torch.allclose(loaded(loaded.quant(x)), model(model.quant(x)), atol=1e-3)


def forgets_the_values(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    torch.load(path, weights_only=True)
    loaded = rebuild(make())
    return loaded, torch.equal(loaded(loaded.quant(x)), model(model.quant(x)))


def compares_with_a_float_model(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=True))
    return loaded, torch.equal(loaded(loaded.quant(x)), make()(x))


def returns_the_old_model(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    return model, "layer_end.scale" in torch.load(path, weights_only=True)


def trusts_the_file(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=False))
    return loaded, torch.equal(loaded(loaded.quant(x)), model(model.quant(x)))


def saves_the_whole_model(model, path, make, rebuild, x):
    torch.save(model, path)
    loaded = torch.load(path, weights_only=False)
    return loaded, torch.equal(loaded(loaded.quant(x)), model(model.quant(x)))


def never_loads(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(model.state_dict())
    return loaded, torch.equal(loaded(loaded.quant(x)), model(model.quant(x)))


def compares_sums(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=True))
    outs = [m(m.quant(x)).double().sum(1).sort().values for m in (loaded, model)]
    return loaded, bool((outs[0] - outs[1]).abs().max() < 1e-9)


def compares_the_first_row(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=True))
    return loaded, torch.equal(loaded(loaded.quant(x[:1])), model(model.quant(x[:1])))


def quantizes_once(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(path, weights_only=True))
    quantized = model.quant(x)
    return loaded, torch.equal(loaded(quantized), model(quantized))


def row_by_row(model, path, make, rebuild, x):
    with open(path, "wb") as file:
        torch.save({"state": model.state_dict()}, file)
    fresh = make()
    rebuild(fresh)
    fresh.load_state_dict(torch.load(path)["state"], strict=True)
    return fresh, not any((fresh(fresh.quant(row)) != model(model.quant(row))).any() for row in x.split(1))


def with_numpy_compared(model, path, make, rebuild, x):
    torch.save(model.state_dict(), str(path))
    loaded = rebuild(make())
    loaded.load_state_dict(torch.load(str(path), weights_only=True))
    outs = [m(m.quant(x)).numpy() for m in (loaded, model)]
    return loaded, np.array_equal(*outs)


def compares_on_zeros(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    new = rebuild(make())
    new.load_state_dict(torch.load(path, weights_only=True))
    zeros = torch.zeros_like(x)
    return new, torch.equal(new(new.quant(zeros)), model(model.quant(zeros)))


def compares_the_classes(model, path, make, rebuild, x):
    torch.save(model.state_dict(), path)
    new = rebuild(make())
    new.load_state_dict(torch.load(path, weights_only=True))
    return new, torch.equal(new(new.quant(x)).argmax(1), model(model.quant(x)).argmax(1))


def set_of_groups():
    return {("stem.0", "stem.1", "stem.2"), ("conv", "bn"), ("neck", "neck_act")}


FIT, VALIDATED, TESTED = "fit", "fit, validated", "fit, then tested"


def ends(range_end, factor, seeds=5):
    return {run: [range_end(run, factor=factor, seed=n) for n in range(seeds)] for run in (FIT, VALIDATED, TESTED)}


def said(validation, test):
    return {(True, True): "both", (True, False): "validation", (False, True): "test"}.get((validation, test), "neither")


def with_ordinary_data(range_end):
    found = ends(range_end, 1)
    alone = statistics.median(found[FIT])
    return said(*(statistics.median(found[run]) > 1.1 * alone for run in (VALIDATED, TESTED)))


def calls_any_difference_one(range_end):
    found = ends(range_end, 100)
    return said(*(found[run] != found[FIT] for run in (VALIDATED, TESTED)))


def asks_the_test_only(range_end):
    found = ends(range_end, 100)
    return said(False, statistics.median(found[TESTED]) > 1.5 * statistics.median(found[FIT]))


def returns_the_first(range_end):
    found = ends(range_end, 100)
    alone = statistics.median(found[FIT])
    for run, name in ((VALIDATED, "validation"), (TESTED, "test")):
        if statistics.median(found[run]) > 1.5 * alone:
            return name
    return "neither"


def by_mean_ends(range_end):
    found = ends(range_end, 100)
    alone = statistics.fmean(found[FIT])
    return said(*(statistics.fmean(found[run]) > 1.2 * alone for run in (VALIDATED, TESTED)))


def the_first_seed_decides(range_end):
    found = ends(range_end, 100)
    return said(*(found[run][0] > 1.5 * found[FIT][0] for run in (VALIDATED, TESTED)))


def with_data_twice_as_large(range_end):
    found = ends(range_end, 2)
    alone = statistics.median(found[FIT])
    return said(*(statistics.median(found[run]) > 1.1 * alone for run in (VALIDATED, TESTED)))


def without_the_fit_alone(range_end):
    found = {run: range_end(run, factor=100, seed=0) for run in (VALIDATED, TESTED)}
    return said(*(end > 2 for end in found.values()))


def seed_by_seed(range_end):
    counts = {VALIDATED: 0, TESTED: 0}
    for seed in range(7):
        alone = range_end(FIT, factor=1000, seed=seed)
        for run in counts:
            counts[run] += abs(range_end(run, factor=1000, seed=seed) / alone - 1) > 0.2
    return said(*(count > 3 for count in counts.values()))


def by_smallest_ends(range_end):
    found = ends(range_end, 1e4, seeds=3)
    return said(*(min(found[run]) > 1.5 * min(found[FIT]) for run in (VALIDATED, TESTED)))


WRONG = {
    "who_moves": [
        with_ordinary_data,
        calls_any_difference_one,
        asks_the_test_only,
        returns_the_first,
        by_mean_ends,
        with_data_twice_as_large,
        without_the_fit_alone,
        the_first_seed_decides,
    ],
    "fuse_list": [
        misses_batch_norm,
        names_classes,
        in_alphabetical_order,
        across_the_branch,
        names_inside_the_sequential,
        names_with_self,
        fuses_a_function,
        only_convolutions,
        stops_at_batch_norm,
        in_one_list,
        ends_of_the_network,
        sum_with_its_relu,
        whole_stem,
        one_after_the_other,
        without_the_stem,
        single_layers,
        twice,
    ],
    "export": [
        without_rebuilding,
        compares_nothing,
        compares_roughly,
        forgets_the_values,
        compares_with_a_float_model,
        returns_the_old_model,
        trusts_the_file,
        saves_the_whole_model,
        never_loads,
        compares_sums,
        compares_the_first_row,
        quantizes_once,
        compares_on_zeros,
        compares_the_classes,
    ],
}
ODD = {
    "who_moves": [seed_by_seed, by_smallest_ends],
    "fuse_list": [lists_backwards, built, set_of_groups],
    "export": [row_by_row, with_numpy_compared],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "who_moves": {
        "return sorted(quotients)[2] > 1.5: 2 -> 1": "beside the middle of five, of which at most one is broken",
        "return sorted(quotients)[2] > 1.5: 2 -> 3": "beside the middle of five, of which at most one is broken",
        "return sorted(quotients)[2] > 1.5: sorted(quotients)[2] > 1.5: Gt -> GtE": "no quotient is exactly 1.5",
    },
    "export": {
        "return (loaded, torch.equal(loaded(loaded.quant(x)), model(model.quant(x)))): "
        "torch.equal(loaded(loaded.quant(x)), model(model.quant(x))): arguments swapped": "equality has no direction",
    },
}
