"""the lesson `distillation`: plausible wrong answers and odd but right ones, as a learner would write them."""

import statistics

import numpy as np
import torch
import torch.nn.functional as F


def as_it_is(p):
    return p.clone()


def shared_by_all_classes(p):
    highest = p.amax(1, keepdim=True)
    return torch.where(p == highest, highest, (1 - highest) / p.shape[1])


def smoothed_on_top(p):
    highest = p.amax(1, keepdim=True)
    return F.one_hot(p.argmax(1), p.shape[1]) * highest + (1 - highest) / p.shape[1]


def made_a_label(p):
    return F.one_hot(p.argmax(1), p.shape[1]).float()


def others_to_zero(p):
    return torch.where(p == p.amax(1, keepdim=True), p, 0.0)


def one_highest_for_all(p):
    top = F.one_hot(p.argmax(1), p.shape[1]).bool()
    return torch.where(top, p.max(), (1 - p.max()) / (p.shape[1] - 1))


def highest_of_columns(p):
    highest = p.amax(0, keepdim=True)
    return torch.where(p == highest, highest, (1 - highest) / (p.shape[1] - 1))


def all_that_is_left(p):
    highest = p.amax(1, keepdim=True)
    return torch.where(p == highest, highest, 1 - highest)


def shuffled_again(p):
    out = p.clone()
    for row in out:
        places = [i for i in range(len(row)) if i != row.argmax()]
        row[places] = row[places].roll(1)
    return out


def mean_sureness(p):
    sure = p.amax(1).mean()
    return torch.where(p == p.amax(1, keepdim=True), sure, (1 - sure) / (p.shape[1] - 1))


def one_pot_for_all(p):
    highest = p.amax(1, keepdim=True)
    return torch.where(p == highest, p, (1 - highest).mean() / (p.shape[1] - 1))


def label_smoothed(p):
    return 0.9 * F.one_hot(p.argmax(1), p.shape[1]) + 0.1 / p.shape[1]


def mean_of_the_row(p):
    return torch.where(p == p.amax(1, keepdim=True), p, p.mean(1, keepdim=True))


def nine_others(p):
    highest = p.amax(1, keepdim=True)
    return torch.where(p == highest, p, (1 - highest) / 9)


def rows_for_classes(p):
    highest = p.amax(1, keepdim=True)
    return torch.where(p == highest, p, (1 - highest) / max(1, p.shape[0] - 1))


def above_a_half(p):
    return torch.where(p > 0.5, p, (1 - p.amax(1, keepdim=True)) / (p.shape[1] - 1))


def soft_once_more(p):
    return F.softmax(p / 8, dim=1)


def the_second_highest(p):
    first, second = p.topk(2, 1).values.split(1, 1)
    return torch.where(p == first, p, second)


def divided_by_the_sum(p):
    row = torch.where(p == p.amax(1, keepdim=True), p, 1 / (p.shape[1] - 1))
    return row / row.sum(1, keepdim=True)


def in_half_precision(p):
    highest = p.half().amax(1, keepdim=True)
    return torch.where(p.half() == highest, highest, (1 - highest) / (p.shape[1] - 1)).float()


def row_by_row(p):
    rows = []
    for row in p.tolist():
        top = max(row)
        rows.append([top if v == top else (1 - top) / (len(row) - 1) for v in row])
    return torch.tensor(rows)


def by_scatter(p):
    value, place = p.max(dim=1, keepdim=True)
    return ((1 - value) / (p.size(1) - 1)).repeat(1, p.size(1)).scatter(1, place, value)


def in_numpy(p):
    q = p.numpy().copy()
    top = q.argmax(1)
    best = q[np.arange(len(q)), top]
    q[:] = ((1 - best) / (q.shape[1] - 1))[:, None]
    q[np.arange(len(q)), top] = best
    return torch.from_numpy(q)


RATES = (0.001, 0.003, 0.01)


def _means(errors, rates=RATES, seeds=range(5)):
    """Kind of targets -> mean errors at each rate."""
    return {
        kind: [statistics.mean(errors(kind, seed=n, lr=rate) for n in seeds) for rate in rates]
        for kind in ("labels", "even", "soft")
    }


def _said(labels, even, soft, least=50):
    if labels - soft <= least:
        return "nothing"
    if even - soft <= least:
        return "sureness"
    return "both" if labels - even > least else "classes"


def at_our_rate_only(errors):
    return _said(*(means[2] for means in _means(errors).values()))


def mean_over_the_rates(errors):
    return _said(*map(statistics.mean, _means(errors).values()))


def at_the_rate_of_labels(errors):
    means = _means(errors)
    at = means["labels"].index(min(means["labels"]))
    return _said(*(of_kind[at] for of_kind in means.values()))


def any_gain_counts(errors):
    return _said(*map(min, _means(errors).values()), least=0)


def without_a_look_at_soft_and_even(errors):
    labels, even, soft = map(min, _means(errors).values())
    if labels - soft <= 50:
        return "nothing"
    return "both" if labels - even > 50 else "classes"


def soft_and_labels_alone(errors):
    means = _means(errors)
    return "classes" if min(means["labels"]) - min(means["soft"]) > 50 else "nothing"


def never_runs_even(errors):
    labels, soft = (
        min(errors(kind, seed=n, lr=rate) for n in range(5) for rate in RATES) for kind in ("labels", "soft")
    )
    return "classes" if labels - soft > 50 else "nothing"


def one_student(errors):
    return _said(*map(min, _means(errors, seeds=[0]).values()))


def other_students_for_each(errors):
    best = []
    for start, kind in enumerate(("labels", "even", "soft")):
        seeds = range(10 * start, 10 * start + 5)
        best.append(min(statistics.mean(errors(kind, seed=n, lr=rate) for n in seeds) for rate in RATES))
    return _said(*best)


def other_rates(errors):
    return _said(*map(min, _means(errors, rates=(0.003, 0.01, 0.03)).values()))


def labels_at_one_rate(errors):
    means = _means(errors)
    labels = statistics.mean(errors("labels", seed=n) for n in range(5))
    return _said(labels, min(means["even"]), min(means["soft"]))


def what_taught_with_more_rates(errors):
    return _said(
        *map(min, _means(errors, rates=(0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02), seeds=range(7, 27)).values())
    )


def what_taught_student_by_student(errors):
    best = {}
    for kind in ("labels", "even", "soft"):
        table = np.array([[errors(kind, seed=n, lr=rate) for rate in RATES] for n in range(100, 140)])
        best[kind] = table.mean(0).min()
    return _said(**best)


def by_medians(errors):
    best = {}
    for kind in ("labels", "even", "soft"):
        table = np.array([[errors(kind, seed=n, lr=rate) for rate in RATES] for n in range(9)])
        best[kind] = np.median(table, axis=0).min()
    return _said(**best)


def by_the_worst_student(errors):
    best = {}
    for kind in ("labels", "even", "soft"):
        best[kind] = min(max(errors(kind, seed=n, lr=rate) for n in range(5)) for rate in RATES)
    return _said(**best)


def without_the_extreme_students(errors):
    best = {}
    for kind in ("labels", "even", "soft"):
        table = np.sort([[errors(kind, seed=n, lr=rate) for rate in RATES] for n in range(5)], axis=0)
        best[kind] = table[1:-1].mean(0).min()
    return _said(**best)


def between_the_extreme_students(errors):
    best = {}
    for kind in ("labels", "even", "soft"):
        table = np.array([[errors(kind, seed=n, lr=rate) for rate in RATES] for n in range(5)])
        best[kind] = ((table.min(0) + table.max(0)) / 2).min()
    return _said(**best)


def _by_limits(errors, soft_over_labels=50, soft_over_even=50, even_over_labels=50):
    """Not an answer: the rule of the card with other limits."""
    labels, even, soft = map(min, _means(errors).values())
    if labels - soft <= soft_over_labels:
        return "nothing"
    if even - soft <= soft_over_even:
        return "sureness"
    return "both" if labels - even > even_over_labels else "classes"


def half_a_gain_over_labels(errors):
    return _by_limits(errors, soft_over_labels=25)


def twice_a_gain_over_labels(errors):
    return _by_limits(errors, soft_over_labels=100)


def half_a_gain_over_even(errors):
    return _by_limits(errors, soft_over_even=25)


def half_a_gain_of_even(errors):
    return _by_limits(errors, even_over_labels=25)


def twice_a_gain_of_even(errors):
    return _by_limits(errors, even_over_labels=100)


def _from_three(errors, word):
    """Not an answer: a word by the three errors, each at its best rate."""
    return word(*map(min, _means(errors).values()))


def classes_before_sureness(errors):
    def word(labels, even, soft):
        if labels - soft <= 50:
            return "nothing"
        if labels - even <= 50:
            return "classes"
        return "both" if even - soft > 50 else "sureness"

    return _from_three(errors, word)


def nothing_unless_a_part_gains(errors):
    def word(labels, even, soft):
        return {(1, 1): "both", (1, 0): "sureness", (0, 1): "classes", (0, 0): "nothing"}[
            labels - even > 50, even - soft > 50
        ]

    return _from_three(errors, word)


def distances_without_a_sign(errors):
    def word(labels, even, soft):
        if abs(labels - soft) <= 50:
            return "nothing"
        if abs(even - soft) <= 50:
            return "sureness"
        return "both" if abs(labels - even) > 50 else "classes"

    return _from_three(errors, word)


def even_without_a_sign(errors):
    def word(labels, even, soft):
        if labels - soft <= 50:
            return "nothing"
        if even - soft <= 50:
            return "sureness"
        return "both" if abs(labels - even) > 50 else "classes"

    return _from_three(errors, word)


def soft_and_even_without_a_sign(errors):
    def word(labels, even, soft):
        if labels - soft <= 50:
            return "nothing"
        if abs(even - soft) <= 50:
            return "sureness"
        return "both" if labels - even > 50 else "classes"

    return _from_three(errors, word)


def a_gain_from_45_on(errors):
    return _said(*map(min, _means(errors).values()), least=45)


def a_gain_from_60_on(errors):
    return _said(*map(min, _means(errors).values()), least=60)


def _summed_up(errors, of, read=None):
    """Not an answer: the rule of the card where `of` chooses the rate and `read` is read there."""
    best = []
    for kind in ("labels", "even", "soft"):
        rows = [[errors(kind, seed=n, lr=rate) for n in range(5)] for rate in RATES]
        best.append((read or of)(min(rows, key=of)))
    return _said(*best)


def without_the_first_student(errors):
    return _summed_up(errors, lambda row: statistics.mean(row[1:]))


def by_the_geometric_mean(errors):
    return _summed_up(errors, statistics.geometric_mean)


def the_median_chooses_the_rate(errors):
    return _summed_up(errors, statistics.median, statistics.mean)


def the_worst_student_chooses_the_rate(errors):
    return _summed_up(errors, max, statistics.mean)


def each_student_at_its_own_rate(errors):
    return _said(
        *(
            statistics.mean(min(errors(kind, seed=n, lr=rate) for rate in RATES) for n in range(5))
            for kind in ("labels", "even", "soft")
        )
    )


def even_at_our_rate(errors):
    means = _means(errors)
    return _said(min(means["labels"]), means["even"][2], min(means["soft"]))


def even_may_gain_for_soft(errors):
    def word(labels, even, soft):
        if labels - min(even, soft) <= 50:
            return "nothing"
        if even - soft <= 50:
            return "sureness"
        return "both" if labels - even > 50 else "classes"

    return _from_three(errors, word)


def soft_at_our_rate(errors):
    means = _means(errors)
    return _said(min(means["labels"]), min(means["even"]), means["soft"][2])


def without_square(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


def swapped(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(teacher.detach() / T, 1), F.softmax(student / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def student_not_log(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(student, labels)


def teacher_not_detached(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def mean_over_all(student, teacher, labels, T, alpha):
    p, q = F.softmax(teacher.detach() / T, 1), F.softmax(student / T, 1)
    soft = (p * (p.log() - q.log())).mean()
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def weights_swapped(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return (1 - alpha) * T**2 * soft + alpha * F.cross_entropy(student, labels)


def labels_at_temperature(student, teacher, labels, T, alpha):
    student = student / T
    soft = F.kl_div(F.log_softmax(student, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def cross_entropy_with_targets(student, teacher, labels, T, alpha):
    soft = F.cross_entropy(student / T, F.softmax(teacher.detach() / T, 1))
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def student_cut_off(student, teacher, labels, T, alpha):
    with torch.no_grad():
        soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher / T, 1), reduction="batchmean")
        return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def labels_in_full(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + F.cross_entropy(student, labels)


def softmax_over_the_batch(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 0), F.softmax(teacher.detach() / T, 0), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def both_as_logarithms(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.log_softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def softmax_twice(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(F.softmax(student, 1), labels)


def by_hand(student, teacher, labels, T, alpha):
    with torch.no_grad():
        p = torch.softmax(teacher / T, dim=1)
    q = torch.softmax(student / T, dim=1)
    soft = (p * torch.log(p / q)).sum(dim=1).mean()
    own = -torch.log_softmax(student, 1)[torch.arange(len(labels)), labels].mean()
    return alpha * T * T * soft + (1 - alpha) * own


def with_log_target(student, teacher, labels, T, alpha):
    target = F.log_softmax(teacher.detach() / T, dim=-1)
    soft = F.kl_div(F.log_softmax(student / T, dim=-1), target, reduction="sum", log_target=True) / student.shape[0]
    return torch.lerp(F.cross_entropy(student, labels), T**2 * soft, alpha)


WRONG = {
    "even_targets": [
        as_it_is,
        shared_by_all_classes,
        smoothed_on_top,
        made_a_label,
        others_to_zero,
        one_highest_for_all,
        highest_of_columns,
        all_that_is_left,
        shuffled_again,
        mean_sureness,
        one_pot_for_all,
        label_smoothed,
        mean_of_the_row,
        nine_others,
        rows_for_classes,
        above_a_half,
        soft_once_more,
        the_second_highest,
        divided_by_the_sum,
        in_half_precision,
    ],
    "what_taught": [
        soft_and_labels_alone,
        any_gain_counts,
        without_a_look_at_soft_and_even,
        at_our_rate_only,
        mean_over_the_rates,
        at_the_rate_of_labels,
        never_runs_even,
        one_student,
        other_students_for_each,
        other_rates,
        labels_at_one_rate,
        by_medians,
        by_the_worst_student,
        without_the_extreme_students,
        between_the_extreme_students,
        half_a_gain_over_labels,
        twice_a_gain_over_labels,
        half_a_gain_over_even,
        half_a_gain_of_even,
        twice_a_gain_of_even,
        classes_before_sureness,
        nothing_unless_a_part_gains,
        distances_without_a_sign,
        even_without_a_sign,
        soft_and_even_without_a_sign,
        a_gain_from_45_on,
        a_gain_from_60_on,
        without_the_first_student,
        by_the_geometric_mean,
        the_median_chooses_the_rate,
        the_worst_student_chooses_the_rate,
        each_student_at_its_own_rate,
        even_at_our_rate,
        even_may_gain_for_soft,
        soft_at_our_rate,
    ],
    "distillation_loss": [
        without_square,
        swapped,
        student_not_log,
        teacher_not_detached,
        mean_over_all,
        weights_swapped,
        labels_at_temperature,
        cross_entropy_with_targets,
        student_cut_off,
        labels_in_full,
        softmax_over_the_batch,
        both_as_logarithms,
        softmax_twice,
    ],
}
ODD = {
    "even_targets": [row_by_row, by_scatter, in_numpy],
    "what_taught": [what_taught_with_more_rates, what_taught_student_by_student],
    "distillation_loss": [by_hand, with_log_target],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_taught": {
        "if best['labels'] - best['soft'] <= 50:: best['labels'] - best['soft'] <= 50: LtE -> Lt": "no gain is exactly 50",
        "if best['even'] - best['soft'] <= 50:: best['even'] - best['soft'] <= 50: LtE -> Lt": "no gain is exactly 50",
        "return 'both' if best['labels'] - best['even'] > 50 else 'classes': best['labels'] - best['even'] > 50: Gt -> GtE": (
            "no gain is exactly 50"
        ),
        "if best['labels'] - best['soft'] <= 50:: 50 -> 51": "no gain lies there",
        "if best['labels'] - best['soft'] <= 50:: 50 -> 49": "no gain lies there",
        "if best['even'] - best['soft'] <= 50:: 50 -> 51": "no gain lies there",
        "if best['even'] - best['soft'] <= 50:: 50 -> 49": "no gain lies there",
        "return 'both' if best['labels'] - best['even'] > 50 else 'classes': 50 -> 51": "no gain lies there",
        "return 'both' if best['labels'] - best['even'] > 50 else 'classes': 50 -> 49": "no gain lies there",
        "means = [statistics.mean((errors(kind, seed=n, lr=rate) for n in range(5))) for rate in (0.001, 0.003, 0.01)]: 5 -> 6": (
            "how many students there are beyond five is free"
        ),
    },
}
