"""the lesson `static`: plausible wrong answers and odd but right ones, as a learner would write them."""

from statistics import geometric_mean, median

import torch
import torch.ao.quantization as tq

MODELS = ("float", "int8", "anew")


def only_reader(reads, name):
    readers = [reader for reader, sources in reads.items() if name in sources]
    return readers[0] if len(readers) == 1 else None


def by_following(kinds, reads):
    found = []
    for name, kind in kinds.items():
        if kind == "conv":
            chain, after = [name], only_reader(reads, name)
            if after and kinds[after] == "bn":
                chain, after = [*chain, after], only_reader(reads, after)
            if after and kinds[after] == "relu":
                chain = [*chain, after]
            if len(chain) > 1:
                found.append(chain)
    return found


def also_while_training(kinds, reads, training):
    return by_following(kinds, reads)


def across_a_branch(kinds, reads, training):
    if training:
        return []
    found = []
    for name, kind in kinds.items():
        if kind != "conv":
            continue
        chain = [name]
        for wanted in ("bn", "relu"):
            for reader, sources in reads.items():
                if chain[-1] in sources and kinds[reader] == wanted:
                    chain.append(reader)
                    break
        if len(chain) > 1:
            found.append(chain)
    return found


def in_order_of_the_alphabet(kinds, reads, training):
    return [] if training else [sorted(chain) for chain in by_following(kinds, reads)]


def without_the_relu(kinds, reads, training):
    if training:
        return []
    return [
        [name, only_reader(reads, name)]
        for name, kind in kinds.items()
        if kind == "conv" and kinds.get(only_reader(reads, name)) == "bn"
    ]


def only_threes(kinds, reads, training):
    return [] if training else [chain for chain in by_following(kinds, reads) if len(chain) == 3]


def as_listed(kinds, reads, training):
    if training:
        return []
    names, found = list(kinds), []
    for i in range(len(names)):
        if [kinds[n] for n in names[i : i + 3]] == ["conv", "bn", "relu"]:
            found.append(names[i : i + 3])
        elif [kinds[n] for n in names[i : i + 2]] in (["conv", "bn"], ["conv", "relu"]):
            found.append(names[i : i + 2])
    return found


def readers_in_a_dictionary(kinds, reads, training):
    reader = {source: name for name, sources in reads.items() for source in sources}
    chains = []
    for name in kinds:
        chain = [name]
        for kind in ("bn", "relu"):
            after = reader.get(chain[-1])
            if after and kinds[after] == kind:
                chain.append(after)
        if kinds[name] == "conv" and len(chain) > 1 and not training:
            chains.append(chain)
    return chains


def one_reader_behind_the_convolution(kinds, reads, training):
    found = []
    for name, kind in kinds.items():
        if training or kind != "conv":
            continue
        chain, after = [name], only_reader(reads, name)
        if kinds.get(after) == "bn":
            chain.append(after)
            relus = [reader for reader, sources in reads.items() if after in sources and kinds[reader] == "relu"]
            chain += relus[:1]
        elif kinds.get(after) == "relu":
            chain.append(after)
        if len(chain) > 1:
            found.append(chain)
    return found


def one_reader_for_all_of_a_chain(kinds, reads, training):
    def readers(name):
        return sum(name in sources for sources in reads.values())

    return [] if training else [chain for chain in by_following(kinds, reads) if readers(chain[-1]) < 2]


def single_ones_too(kinds, reads, training):
    if training:
        return []
    found = by_following(kinds, reads)
    inside = {name for chain in found for name in chain}
    return found + [[name] for name, kind in kinds.items() if kind == "conv" and name not in inside]


def no_norm_no_chain(kinds, reads, training):
    return [] if training else [chain for chain in by_following(kinds, reads) if kinds[chain[1]] == "bn"]


def in_tuples(kinds, reads, training):
    return [] if training else tuple(tuple(chain) for chain in reversed(by_following(kinds, reads)))


def from_the_end(kinds, reads, training):
    """Starts at the last module of a chain and walks back."""

    def source(name):
        before = reads.get(name, [])
        return before[0] if len(before) == 1 and only_reader(reads, before[0]) == name else None

    found = {}
    for name, kind in kinds.items():
        chain = [name]
        if kind == "relu" and kinds.get(source(name)) == "bn":
            chain.insert(0, source(name))
        if kind in ("bn", "relu") and kinds.get(source(chain[0])) == "conv":
            chain.insert(0, source(chain[0]))
            if len(chain) > len(found.get(chain[0], [])):
                found[chain[0]] = chain
    return [] if training else list(found.values())


def calibrated_after_convert(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    converted = tq.convert(tq.prepare(model))
    for batch in batches:
        converted(batch)
    return converted


def in_training_mode(model, batches, qconfig):
    model.qconfig = qconfig
    observed = tq.prepare(model)
    with torch.no_grad():
        for batch in batches:
            observed(batch)
    return tq.convert(observed)


def without_data(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    return tq.convert(tq.prepare(model))


def with_clamped_pixels(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    observed = tq.prepare(model)
    for batch in batches:
        observed(batch.clamp(0, 1))
    return tq.convert(observed)


def with_shuffled_pixels(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    observed = tq.prepare(model)
    generator = torch.Generator().manual_seed(0)
    for batch in batches:
        order = torch.randperm(batch.numel(), generator=generator)
        observed(batch.flatten()[order].view(batch.shape))
    return tq.convert(observed)


def with_the_first_batch(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    observed = tq.prepare(model)
    observed(batches[0])
    return tq.convert(observed)


def with_a_setting_of_its_own(model, batches, qconfig):
    model.eval()
    model.qconfig = tq.default_qconfig
    observed = tq.prepare(model)
    for batch in batches:
        observed(batch)
    return tq.convert(observed)


def wrapped_once_more(model, batches, qconfig):
    ready = tq.QuantWrapper(model).eval()
    ready.qconfig = qconfig
    observed = tq.prepare(ready)
    for batch in batches:
        observed(batch)
    return tq.convert(observed)


def never_converted(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    observed = tq.prepare(model)
    for batch in batches:
        observed(batch)
    tq.convert(observed)
    observed.dequant = tq.convert(observed).dequant  # what the learner looked at
    return observed


def with_one_large_batch(model, batches, qconfig):
    ready = model.eval()
    ready.qconfig = qconfig
    observed = tq.prepare(ready)
    observed(torch.cat(batches))
    return tq.convert(observed)


def with_quantize(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    return tq.quantize(model, lambda observed, data: [observed(batch) for batch in data], [batches])


def fuses_relu_to_any(kinds, reads, training):
    """Also batch norm with its ReLU, as fuse_modules could."""
    found = by_following(kinds, reads)
    inside = {name for chain in found for name in chain}
    for name, kind in kinds.items():
        after = only_reader(reads, name)
        if kind in ("bn", "fc") and name not in inside and after and kinds[after] == "relu":
            found.append([name, after])
    return [] if training else found


def nothing(kinds, reads, training):
    return []


def only_while_training(kinds, reads, training):
    return by_following(kinds, reads) if training else []


def with_the_last_batch(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    observed = tq.prepare(model)
    observed(batches[-1])
    return tq.convert(observed)


def with_pixels_to_255(model, batches, qconfig):
    model.eval()
    model.qconfig = qconfig
    observed = tq.prepare(model)
    for batch in batches:
        observed(255 * batch)
    return tq.convert(observed)


def no_relu_no_chain(kinds, reads, training):
    return [] if training else [chain for chain in by_following(kinds, reads) if kinds[chain[-1]] == "relu"]


def of_the_first_source(kinds, reads, training):
    return [] if training else by_following(kinds, {name: sources[:1] for name, sources in reads.items()})


SEEDS = range(5)


def mean_right(right, model, at_work, seeds=SEEDS):
    return sum(right(model, at_work=at_work, seed=n) for n in seeds) / len(seeds)


def all_means(right, seeds=SEEDS):
    return {(m, w): mean_right(right, m, w, seeds) for m in ("float", "int8", "anew") for w in (0, 1)}


def by_the_card(mean, least=2, place=1):
    if mean["float", place] - mean["int8", place] > least:
        return "rounding" if mean["float", place] - mean["anew", place] > least else "calibration"
    return "images" if mean["float", 0] - mean["float", 1] > least else "nothing"


def with_one_draw(right):
    return by_the_card(all_means(right, [0]))


def without_float(right):
    """What int8 loses between the lab and work."""
    fell = mean_right(right, "int8", 0) - mean_right(right, "int8", 1)
    back = mean_right(right, "anew", 1) - mean_right(right, "int8", 1)
    return "nothing" if fell <= 2 else "calibration" if back > 2 else "rounding"


def only_at_work(right):
    mean = {m: mean_right(right, m, 1) for m in ("float", "int8", "anew")}
    if mean["float"] - mean["int8"] > 2:
        return "calibration" if mean["float"] - mean["anew"] <= 2 else "rounding"
    return "images" if mean["float"] < 85 else "nothing"


def only_in_the_lab(right):
    mean = {m: mean_right(right, m, 0) for m in ("float", "int8", "anew")}
    return "nothing" if mean["float"] - mean["int8"] <= 2 else "rounding"


def other_draws_for_int8(right):
    names = [(m, w) for m in ("float", "int8", "anew") for w in (0, 1)]
    return by_the_card({(m, w): mean_right(right, m, w, range(5, 10) if m == "int8" else SEEDS) for m, w in names})


def compares_in_the_lab(right):
    return by_the_card(all_means(right), place=0)


def int8_with_itself(right):
    mean = all_means(right)
    if mean["int8", 0] - mean["int8", 1] > 2:
        return "calibration" if mean["anew", 1] - mean["int8", 1] > 2 else "rounding"
    return "nothing"


def worse_than_in_the_lab(right):
    mean = all_means(right)
    if mean["int8", 0] - mean["int8", 1] <= 2:
        return "nothing"
    return by_the_card(mean)


def from_one_point_on(right):
    mean = all_means(right)
    if mean["float", 1] - mean["int8", 1] > 1:
        return "rounding" if mean["float", 1] - mean["anew", 1] > 2 else "calibration"
    return "images" if mean["float", 0] - mean["float", 1] > 1 else "nothing"


def large_falls_only(right):
    """Takes a fall of float for one only if it is plain to see."""
    mean = all_means(right)
    found = by_the_card(mean)
    return "nothing" if found == "images" and mean["float", 0] - mean["float", 1] < 5 else found


def images_first(right):
    mean = all_means(right)
    return "images" if mean["float", 0] - mean["float", 1] > 2 else by_the_card(mean)


def better_is_cured(right):
    mean = all_means(right)
    if mean["float", 1] - mean["int8", 1] > 2:
        return "calibration" if mean["anew", 1] - mean["int8", 1] > 2 else "rounding"
    return by_the_card(mean)


def in_either_place(right):
    mean = all_means(right)
    if max(mean["float", w] - mean["int8", w] for w in (0, 1)) > 2:
        return "calibration" if mean["float", 1] - mean["anew", 1] <= 2 else "rounding"
    return by_the_card(mean)


def by_the_median_draw(right):
    return by_the_card({(m, w): median(right(m, at_work=w, seed=n) for n in SEEDS) for m in MODELS for w in (0, 1)})


def by_the_worst_draw(right):
    return by_the_card({(m, w): min(right(m, at_work=w, seed=n) for n in SEEDS) for m in MODELS for w in (0, 1)})


def one_and_a_half_points(right):
    mean = {key: value * 2 / 1.5 for key, value in all_means(right).items()}
    return by_the_card(mean)


def three_points(right):
    mean = {key: value * 2 / 2.5 for key, value in all_means(right).items()}
    return by_the_card(mean)


def _pick(right, pick, least=2):
    cells = {(m, w): sorted(right(m, at_work=w, seed=n) for n in SEEDS) for m in MODELS for w in (0, 1)}
    return by_the_card({key: pick(own) for key, own in cells.items()}, least)


def without_best_and_worst(right):
    return _pick(right, lambda own: sum(own[1:-1]) / 3)


def without_the_best(right):
    return _pick(right, lambda own: sum(own[:-1]) / 4)


def middle_of_best_and_worst(right):
    return _pick(right, lambda own: (own[0] + own[-1]) / 2)


def _asks(right, lost=None, left=None, harder=None, limits=(2, 2, 2)):
    m = all_means(right)
    if (lost(m) if lost else m["float", 1] - m["int8", 1]) > limits[0]:
        return "rounding" if (left(m) if left else m["float", 1] - m["anew", 1]) > limits[1] else "calibration"
    return "images" if (harder(m) if harder else m["float", 0] - m["float", 1]) > limits[2] else "nothing"


def cured_at_one_and_a_half(right):
    return _asks(right, limits=(2, 1.5, 2))


def cured_at_two_and_a_half(right):
    return _asks(right, limits=(2, 2.5, 2))


def harder_from_one_and_a_half_on(right):
    return _asks(right, limits=(2, 2, 1.5))


def images_by_int8(right):
    return _asks(right, harder=lambda m: m["int8", 0] - m["int8", 1])


def any_difference_of_int8(right):
    return _asks(right, lost=lambda m: abs(m["float", 1] - m["int8", 1]))


def any_difference_of_anew(right):
    return _asks(right, left=lambda m: abs(m["float", 1] - m["anew", 1]))


def any_difference_of_the_images(right):
    return _asks(right, harder=lambda m: abs(m["float", 0] - m["float", 1]))


def in_percent_of_float(right):
    return _asks(right, lost=lambda m: 100 * (1 - m["int8", 1] / m["float", 1]))


def anew_is_asked_about_first(right):
    mean = all_means(right)
    return "rounding" if mean["float", 1] - mean["anew", 1] > 2 else by_the_card(mean)


def int8_must_fall_as_well(right):
    mean = all_means(right)
    said = by_the_card(mean)
    return "nothing" if said == "images" and mean["int8", 0] - mean["int8", 1] <= 2 else said


def worse_anew_is_calibration(right):
    mean = all_means(right)
    return "calibration" if mean["float", 1] - 2 > mean["int8", 1] > mean["anew", 1] + 0.5 else by_the_card(mean)


def the_median_of_anew(right):
    mean = all_means(right)
    return by_the_card({**mean, ("anew", 1): median(right("anew", at_work=1, seed=n) for n in SEEDS)})


def the_median_of_float_for_the_images(right):
    mean = all_means(right)
    if by_the_card(mean) in ("calibration", "rounding"):
        return by_the_card(mean)
    at_work = median(right("float", at_work=1, seed=n) for n in SEEDS)
    return "images" if mean["float", 0] - at_work > 2 else "nothing"


def by_the_geometric_mean(right):
    return by_the_card(
        {(m, w): geometric_mean(right(m, at_work=w, seed=n) for n in SEEDS) for m in MODELS for w in (0, 1)}
    )


def says_ranges(right):
    return "ranges" if by_the_card(all_means(right)) == "calibration" else by_the_card(all_means(right))


def lost_as_tensors(right):
    table = torch.tensor(
        [[[right(m, at_work=w, seed=n) for n in range(20, 32)] for w in (0, 1)] for m in ("float", "int8", "anew")]
    ).mean(-1)
    lost, left, harder = table[0, 1] - table[1, 1], table[0, 1] - table[2, 1], table[0, 0] - table[0, 1]
    return ("rounding" if left > 2 else "calibration") if lost > 2 else "images" if harder > 2 else "nothing"


def lost_draw_by_draw(right):
    pairs = []
    for n in range(7):
        lab, work = ({m: right(m, at_work=w, seed=n) for m in ("anew", "float", "int8")} for w in (0, 1))
        pairs.append((work["float"] - work["int8"], work["float"] - work["anew"], lab["float"] - work["float"]))
    lost, left, harder = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    if lost <= 2:
        return "images" if harder > 2 else "nothing"
    return "calibration" if left <= 2 else "rounding"


WRONG = {
    "fuse_list": [
        also_while_training,
        across_a_branch,
        in_order_of_the_alphabet,
        without_the_relu,
        only_threes,
        as_listed,
        one_reader_behind_the_convolution,
        readers_in_a_dictionary,
        one_reader_for_all_of_a_chain,
        single_ones_too,
        no_norm_no_chain,
        fuses_relu_to_any,
        only_while_training,
        nothing,
        of_the_first_source,
        no_relu_no_chain,
    ],
    "static_int8": [
        calibrated_after_convert,
        in_training_mode,
        without_data,
        with_clamped_pixels,
        with_shuffled_pixels,
        with_the_first_batch,
        with_a_setting_of_its_own,
        wrapped_once_more,
        never_converted,
        with_the_last_batch,
        with_pixels_to_255,
    ],
    "who_lost": [
        anew_is_asked_about_first,
        int8_must_fall_as_well,
        worse_anew_is_calibration,
        the_median_of_anew,
        the_median_of_float_for_the_images,
        by_the_geometric_mean,
        with_one_draw,
        without_float,
        only_at_work,
        only_in_the_lab,
        other_draws_for_int8,
        compares_in_the_lab,
        int8_with_itself,
        worse_than_in_the_lab,
        from_one_point_on,
        large_falls_only,
        images_first,
        better_is_cured,
        in_either_place,
        says_ranges,
        by_the_median_draw,
        by_the_worst_draw,
        one_and_a_half_points,
        three_points,
        without_best_and_worst,
        without_the_best,
        middle_of_best_and_worst,
        cured_at_one_and_a_half,
        cured_at_two_and_a_half,
        harder_from_one_and_a_half_on,
        images_by_int8,
        any_difference_of_int8,
        any_difference_of_anew,
        any_difference_of_the_images,
        in_percent_of_float,
    ],
}
ODD = {
    "fuse_list": [in_tuples, from_the_end],
    "static_int8": [with_one_large_batch, with_quantize],
    "who_lost": [lost_as_tensors, lost_draw_by_draw],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "who_lost": {
        "if at_work - mean['int8', 1] > 2:: at_work - mean['int8', 1] > 2: Gt -> GtE": "no loss is exactly two points",
        "mean[model, place] = fmean((right(model, at_work=place, seed=n) for n in range(5))): 5 -> 6": "one draw more is allowed",
        "return 'images' if mean['float', 0] - at_work > 2 else 'nothing': mean['float', 0] - at_work > 2: Gt -> GtE": "no loss is "
        "exactly two points",
        "return 'rounding' if at_work - mean['anew', 1] > 2 else 'calibration': at_work - mean['anew', 1] > 2: Gt -> GtE": "no loss "
        "is exactly two points",
    },
    "fuse_list": {
        "chain.append(readers[0]): 0 -> -1": "there is one reader: the first is the last",
        "if len(readers) == 1 and kinds[readers[0]] == wanted:: 0 -> -1": "there is one reader: the first is the last",
    },
}
