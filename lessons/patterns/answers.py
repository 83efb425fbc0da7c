"""the lesson `patterns`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch


def over_columns(weight):
    mask = torch.zeros_like(weight)
    for column in range(weight.shape[1]):
        for start in range(0, weight.shape[0], 4):
            group = weight[start : start + 4, column].abs()
            mask[start + group.topk(min(2, len(group))).indices, column] = 1
    return mask


def ties_give_three(weight):
    mask = torch.zeros_like(weight)
    for start in range(0, weight.shape[1], 4):
        group = weight[:, start : start + 4].abs()
        second = group.sort(dim=1, descending=True).values[:, min(2, group.shape[1]) - 1 :][:, :1]
        mask[:, start : start + 4] = (group >= second).float()
    return mask


def across_rows(weight):
    flat = weight.abs().flatten()
    mask = torch.zeros_like(flat)
    for start in range(0, len(flat), 4):
        group = flat[start : start + 4]
        mask[start + group.topk(min(2, len(group))).indices] = 1
    return mask.view_as(weight)


def signed(weight):
    mask = torch.zeros_like(weight)
    for row in range(len(weight)):
        for start in range(0, weight.shape[1], 4):
            group = weight[row, start : start + 4]
            mask[row, start + group.topk(min(2, len(group))).indices] = 1
    return mask


def half_of_all(weight):
    mask = torch.zeros_like(weight).flatten()
    mask[weight.abs().flatten().argsort(descending=True)[: weight.numel() // 2]] = 1
    return mask.view_as(weight)


def all_of_the_rest(weight):
    mask = torch.ones_like(weight)
    for row in range(len(weight)):
        for start in range(0, weight.shape[1] - 3, 4):
            mask[row, start : start + 4] = 0
            mask[row, start + weight[row, start : start + 4].abs().topk(2).indices] = 1
    return mask


def drops_the_rest(weight):
    mask = torch.zeros_like(weight)
    whole = weight.shape[1] // 4 * 4
    groups = weight[:, :whole].reshape(len(weight), whole // 4, 4).abs()
    mask[:, :whole] = torch.zeros_like(groups).scatter(2, groups.topk(2, dim=2).indices, 1).flatten(1)
    return mask


def padded_with_zeros(weight):
    rows, columns = weight.shape
    groups = torch.nn.functional.pad(weight.abs(), (0, -columns % 4)).reshape(-1, 4)
    return torch.zeros_like(groups).scatter_(1, groups.topk(2).indices, 1).reshape(rows, -1)[:, :columns]


def one_of_two_in_the_rest(weight):
    mask = torch.zeros_like(weight)
    for group, part in zip(weight.abs().split(4, dim=1), mask.split(4, dim=1), strict=True):
        part.scatter_(1, group.topk(group.shape[1] // 2, dim=1).indices, 1)
    return mask


def above_the_third(weight):
    mask = torch.ones_like(weight)
    for group, part in zip(weight.abs().split(4, dim=1), mask.split(4, dim=1), strict=True):
        if group.shape[1] > 2:
            part.copy_(group > group.sort(dim=1, descending=True).values[:, 2:3])
    return mask


def where_something_is_left(weight):
    left = torch.zeros_like(weight)
    for group, part in zip(weight.split(4, dim=1), left.split(4, dim=1), strict=True):
        places = group.abs().topk(min(2, group.shape[1]), dim=1).indices
        part.scatter_(1, places, group.gather(1, places))
    return (left != 0).float()


def half_of_each_row(weight):
    mask = torch.zeros_like(weight)
    return mask.scatter(1, weight.abs().topk(weight.shape[1] // 2, dim=1).indices, 1)


def two_of_each_row(weight):
    mask = torch.zeros_like(weight)
    for row, w in enumerate(weight):
        mask[row, w.abs().topk(min(2, len(w))).indices] = 1
    return mask


def a_group_at_every_column(weight):
    mask = torch.zeros_like(weight)
    for row in range(weight.shape[0]):
        for start in range(max(1, weight.shape[1] - 3)):
            group = weight[row, start : start + 4].abs()
            mask[row, start + group.topk(min(2, len(group))).indices] = 1
    return mask


def by_padding(weight):
    rows, columns = weight.shape
    padded = torch.nn.functional.pad(weight.abs(), (0, -columns % 4), value=-1.0).view(rows, -1, 4)
    mask = torch.zeros_like(padded).scatter_(2, padded.argsort(dim=2, descending=True)[..., :2], 1)
    return mask.view(rows, -1)[:, :columns]


def mask_in_numpy(weight):
    w = np.abs(weight.numpy())
    mask = np.zeros(w.shape, dtype=bool)
    for start in range(0, w.shape[1], 4):
        best = np.argsort(-w[:, start : start + 4], axis=1)[:, :2]
        np.put_along_axis(mask[:, start : start + 4], best, True, axis=1)
    return mask


def averaged(values):
    return torch.stack(values).mean(0)


def divides_by_all(batches):
    return averaged([b.mean((0, 2, 3)) for b in batches]), averaged([b.var((0, 2, 3), correction=0) for b in batches])


def mean_of_squares(batches):
    return averaged([b.mean((0, 2, 3)) for b in batches]), averaged([(b**2).mean((0, 2, 3)) for b in batches])


def deviation(batches):
    return averaged([b.mean((0, 2, 3)) for b in batches]), averaged([b.std((0, 2, 3)) for b in batches])


def for_each_pixel(batches):
    return averaged([b.mean(0) for b in batches]), averaged([b.var(0) for b in batches])


def one_for_all(batches):
    return averaged([b.mean() for b in batches]), averaged([b.var() for b in batches])


def in_evaluation_mode(batches):
    norm = torch.nn.BatchNorm2d(batches[0].shape[1], momentum=None).eval()
    for batch in batches:
        norm(batch)
    return norm.running_mean, norm.running_var


def last_batch(batches):
    for batch in batches:
        mean, variance = batch.mean((0, 2, 3)), batch.var((0, 2, 3))
    return mean, variance


def all_in_one(batches):
    everything = torch.cat(batches).transpose(0, 1).flatten(1)
    return everything.mean(1), everything.var(1)


def moving_average(batches):
    mean, variance = torch.zeros(batches[0].shape[1]), torch.ones(batches[0].shape[1])
    for batch in batches:
        mean = 0.9 * mean + 0.1 * batch.mean((0, 2, 3))
        variance = 0.9 * variance + 0.1 * batch.var((0, 2, 3))
    return mean, variance


def from_the_mean_of_all(batches):
    mean = sum(batch.mean((0, 2, 3)) for batch in batches) / len(batches)
    apart = [(batch - mean[:, None, None]).square() for batch in batches]
    return mean, sum(a.sum((0, 2, 3)) / (a[:, 0].numel() - 1) for a in apart) / len(batches)


def with_the_small_number(batches):
    means, variances = zip(*[(b.mean((0, 2, 3)), b.var((0, 2, 3)) + 1e-5) for b in batches], strict=True)
    return sum(means) / len(batches), sum(variances) / len(batches)


def images_less_one(batches):
    means = [batch.mean((0, 2, 3)) for batch in batches]
    spread = [
        (batch - mean[:, None, None]).square().sum((0, 2, 3)) / (len(batch) - 1)
        for batch, mean in zip(batches, means, strict=True)
    ]
    return sum(means) / len(batches), sum(spread) / len(batches)


def one_batch_less(batches):
    many = max(1, len(batches) - 1)
    return sum(b.mean((0, 2, 3)) for b in batches) / many, sum(b.var((0, 2, 3)) for b in batches) / many


def variance_first(batches):
    return averaged([b.var((0, 2, 3)) for b in batches]), averaged([b.mean((0, 2, 3)) for b in batches])


def the_start_as_a_batch(batches):
    means, variances = [torch.zeros(batches[0].shape[1])], [torch.ones(batches[0].shape[1])]
    for batch in batches:
        means.append(batch.mean((0, 2, 3)))
        variances.append(batch.var((0, 2, 3)))
    return averaged(means), averaged(variances)


def variance_of_image_means(batches):
    return averaged([b.mean((0, 2, 3)) for b in batches]), averaged([b.mean((2, 3)).var(0) for b in batches])


def with_torch_itself(batches):
    norm = torch.nn.BatchNorm2d(batches[0].shape[1], momentum=None)
    for batch in batches:
        norm(batch)
    return norm.running_mean, norm.running_var


def channel_by_channel(batches):
    means, variances = [], []
    for channel in range(batches[0].shape[1]):
        flat = [b[:, channel].flatten().tolist() for b in batches]
        centres = [sum(v) / len(v) for v in flat]
        around = [sum((x - c) ** 2 for x in v) / (len(v) - 1) for v, c in zip(flat, centres, strict=True)]
        means.append(sum(centres) / len(centres))
        variances.append(sum(around) / len(around))
    return means, variances


def statistics_in_numpy(batches):
    arrays = [b.numpy() for b in batches]
    mean = np.mean([a.mean((0, 2, 3)) for a in arrays], axis=0)
    return mean, np.mean([a.var((0, 2, 3), ddof=1) for a in arrays], axis=0)


def _rule(gaps, limits=(1.0, 1.0, 1.0)):
    for cost, gap, limit in zip(("pattern", "training", "statistics"), gaps, limits, strict=True):
        if gap > limit:
            return cost
    return "nothing"


def _three_gaps(right, picks=(np.mean, np.mean, np.mean), seeds=range(10)):
    moments = ({"anew": 1, "steps": 150}, {"anew": 1}, {})
    rows = [[[right(name, seed=s, **m) for s in seeds] for name in ("anywhere", "2:4")] for m in moments]
    return [pick(anywhere) - pick(pattern) for pick, (anywhere, pattern) in zip(picks, rows, strict=True)]


def believes_the_report(right):
    found = {name: np.mean([right(name, seed=s) for s in range(10)]) for name in ("anywhere", "2:4")}
    return "pattern" if found["anywhere"] - found["2:4"] > 1 else "nothing"


def trains_and_never_measures_anew(right):
    trained, stored = (
        np.mean([right("anywhere", steps=n, seed=s) - right("2:4", steps=n, seed=s) for s in range(10)])
        for n in (150, 0)
    )
    if trained > 1:
        return "pattern"
    return "training" if stored > 1 else "nothing"


def without_an_opponent(right):
    stored, fresh, trained = (
        np.mean([right("2:4", anew=a, steps=n, seed=s) for s in range(10)]) for a, n in ((0, 0), (1, 0), (1, 150))
    )
    if fresh - stored > 1:
        return "statistics"
    return "training" if trained - stored > 1 else "pattern"


def looks_at_the_gain_of_2_4(right):
    gaps = _three_gaps(right)
    stored, fresh, trained = (
        np.mean([right("2:4", anew=a, steps=n, seed=s) for s in range(10)]) for a, n in ((0, 0), (1, 0), (1, 150))
    )
    if max(gaps) <= 1:
        return "nothing"
    if fresh - stored > 1:
        return "statistics"
    return "training" if trained - stored > 1 else "pattern"


def only_2_4_is_treated(right):
    anywhere = np.mean([right("anywhere", seed=s) for s in range(10)])
    moments = ((1, 150), (1, 0), (0, 0))
    return _rule([anywhere - np.mean([right("2:4", anew=a, steps=n, seed=s) for s in range(10)]) for a, n in moments])


def one_network(right):
    return _rule(_three_gaps(right, seeds=[0]))


def from_the_front(right):
    trained, fresh, stored = _three_gaps(right)
    if stored <= 1:
        return "nothing"
    if fresh <= 1:
        return "statistics"
    return "training" if trained <= 1 else "pattern"


def whatever_its_sign(right):
    return _rule([abs(gap) for gap in _three_gaps(right)])


def two_points(right):
    return _rule(_three_gaps(right), (2, 2, 2))


def any_gap(right):
    return _rule(_three_gaps(right), (0, 0, 0))


def by_the_median(right):
    return _rule(_three_gaps(right, [np.median] * 3))


def stored_gap_left_out(right):
    trained, fresh, _ = _three_gaps(right)
    if trained > 1:
        return "pattern"
    return "training" if fresh > 1 else "statistics"


def fresh_gap_left_out(right):
    trained, _, stored = _three_gaps(right)
    return _rule([trained, 0, stored])


def nothing_if_the_report_shows_none(right):
    gaps = _three_gaps(right)
    return _rule(gaps) if gaps[-1] > 1 else "nothing"


def two_points_with_fresh_statistics(right):
    return _rule(_three_gaps(right), (1, 2, 1))


def two_points_in_the_report(right):
    return _rule(_three_gaps(right), (1, 1, 2))


def worst_of_the_trained(right):
    return _rule(_three_gaps(right, (min, np.mean, np.mean)))


def median_of_the_fresh(right):
    return _rule(_three_gaps(right, (np.mean, np.median, np.mean)))


def worst_of_the_fresh(right):
    return _rule(_three_gaps(right, (np.mean, min, np.mean)))


def best_of_the_report(right):
    return _rule(_three_gaps(right, (np.mean, np.mean, max)))


def worst_of_the_report(right):
    return _rule(_three_gaps(right, (np.mean, np.mean, min)))


def half_a_point_after_the_training(right):
    return _rule(_three_gaps(right), (0.5, 1, 1))


def without_best_and_worst(right):
    return _rule(_three_gaps(right, [lambda found: np.mean(sorted(found)[1:-1])] * 3))


def middle_between_best_and_worst(right):
    return _rule(_three_gaps(right, [lambda found: (min(found) + max(found)) / 2] * 3))


def without_the_best(right):
    return _rule(_three_gaps(right, [lambda found: np.mean(sorted(found)[:-1])] * 3))


def always_the_pattern(right):
    _three_gaps(right)
    return "pattern"


def all_gaps_first(right):
    return _rule(_three_gaps(right, seeds=range(40, 52)))


def with_the_training_alone_for_the_last_moment(right):
    def gap(anew, steps):
        settings = {"anew": anew, "steps": steps}
        return sum(right("anywhere", seed=s, **settings) - right("2:4", seed=s, **settings) for s in range(5)) / 5

    return _rule([gap(0, 150), gap(1, 0), gap(0, 0)])


def step_by_step(right):
    for answer, moment in (("pattern", (1, 150)), ("training", (1, 0)), ("statistics", (0, 0))):
        found = {}
        for removed in ("2:4", "anywhere"):
            found[removed] = [right(removed, anew=moment[0], steps=moment[1], seed=s) for s in range(6)]
        if sum(found["anywhere"]) - sum(found["2:4"]) > 6:
            return answer
    return "nothing"


def _by_each_mean(right, pick, networks=range(9)):
    """Not an answer: the rule of the card with another summary over networks."""

    def gap(**moment):
        anywhere, pattern = ([right(cut, seed=seed, **moment) for seed in networks] for cut in ("anywhere", "2:4"))
        return pick(anywhere) - pick(pattern)

    after, fresh, stored = gap(anew=1, steps=150), gap(anew=1, steps=0), gap(anew=0, steps=0)
    return "pattern" if after > 1 else "training" if fresh > 1 else "statistics" if stored > 1 else "nothing"


def without_the_first_network(right):
    return _by_each_mean(right, lambda own: np.mean(own[1:]))


def by_the_geometric_mean(right):
    return _by_each_mean(right, lambda own: np.exp(np.mean(np.log(own))))


def training_only_with_a_gap_in_the_report(right):
    def gap(**moment):
        return np.mean([right("anywhere", seed=s, **moment) - right("2:4", seed=s, **moment) for s in range(9)])

    stored, fresh, after = gap(anew=0, steps=0), gap(anew=1, steps=0), gap(anew=1, steps=150)
    if after > 1:
        return "pattern"
    return "nothing" if stored <= 1 else "training" if fresh > 1 else "statistics"


WRONG = {
    "what_it_cost": [
        believes_the_report,
        trains_and_never_measures_anew,
        without_an_opponent,
        looks_at_the_gain_of_2_4,
        only_2_4_is_treated,
        one_network,
        from_the_front,
        whatever_its_sign,
        two_points,
        any_gap,
        by_the_median,
        stored_gap_left_out,
        half_a_point_after_the_training,
        fresh_gap_left_out,
        nothing_if_the_report_shows_none,
        two_points_with_fresh_statistics,
        two_points_in_the_report,
        worst_of_the_trained,
        median_of_the_fresh,
        worst_of_the_fresh,
        best_of_the_report,
        worst_of_the_report,
        without_best_and_worst,
        without_the_best,
        middle_between_best_and_worst,
        without_the_first_network,
        by_the_geometric_mean,
        training_only_with_a_gap_in_the_report,
        always_the_pattern,
    ],
    "mask_2_4": [
        over_columns,
        ties_give_three,
        across_rows,
        signed,
        half_of_all,
        all_of_the_rest,
        drops_the_rest,
        padded_with_zeros,
        one_of_two_in_the_rest,
        above_the_third,
        where_something_is_left,
        half_of_each_row,
        two_of_each_row,
        a_group_at_every_column,
    ],
    "fresh_statistics": [
        divides_by_all,
        mean_of_squares,
        deviation,
        for_each_pixel,
        one_for_all,
        in_evaluation_mode,
        last_batch,
        all_in_one,
        moving_average,
        the_start_as_a_batch,
        variance_of_image_means,
        variance_first,
        from_the_mean_of_all,
        with_the_small_number,
        images_less_one,
        one_batch_less,
    ],
}
ODD = {
    "what_it_cost": [all_gaps_first, step_by_step, with_the_training_alone_for_the_last_moment],
    "mask_2_4": [by_padding, mask_in_numpy],
    "fresh_statistics": [with_torch_itself, channel_by_channel, statistics_in_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_it_cost": {
        "if gap(anew=1, steps=150) > 1:: 1 -> 0": "the training measures the statistics by itself, so anew is free there",
        "if gap(anew=1, steps=150) > 1:: gap(anew=1, steps=150) > 1: Gt -> GtE": "no gap is exactly one point",
        "if gap(anew=1, steps=0) > 1:: gap(anew=1, steps=0) > 1: Gt -> GtE": "no gap is exactly one point",
        "return 'statistics' if gap(anew=0, steps=0) > 1 else 'nothing': gap(anew=0, steps=0) > 1: Gt -> GtE": (
            "no gap is exactly one point"
        ),
        "pairs = [(right('anywhere', seed=seed, **moment), right('2:4', seed=seed, **moment)) for seed in range(10)]: 10 -> 11": (
            "how many networks there are is free"
        ),
        "pairs = [(right('anywhere', seed=seed, **moment), right('2:4', seed=seed, **moment)) for seed in range(10)]: 10 -> 9": (
            "how many networks there are is free"
        ),
    },
    "mask_2_4": {
        "mask[row, start + group.topk(min(2, len(group))).indices] = 1: min(2, len(group)): arguments swapped": (
            "min takes its arguments in any order"
        ),
    },
}
