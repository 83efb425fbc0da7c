"""the lesson `students`: plausible wrong answers and odd but right ones, as a learner would write them."""

from statistics import mean, median

import numpy as np
import torch


def _margins(z, missing):
    others = torch.cat([z[:, :missing], z[:, missing + 1 :]], 1)
    return z[:, missing] - others.max(1).values


def the_sign_of_b(z_student, z_teacher, missing):
    k = (z_teacher.argmax(1) == missing).sum()
    margins = _margins(z_student, missing).sort(descending=True).values
    return (margins[k - 1] + margins[k]).item() / 2


def the_lowest_first(z_student, z_teacher, missing):
    k = (z_teacher.argmax(1) == missing).sum()
    margins = _margins(z_student, missing).sort().values
    return -(margins[k - 1] + margins[k]).item() / 2


def one_rank_too_far(z_student, z_teacher, missing):
    k = int((z_teacher.argmax(1) == missing).sum())
    margins = sorted(_margins(z_student, missing).tolist(), reverse=True)
    return -(margins[k] + margins[min(k + 1, len(margins) - 1)]) / 2


def one_rank_short(z_student, z_teacher, missing):
    k = int((z_teacher.argmax(1) == missing).sum())
    margins = sorted(_margins(z_student, missing).tolist(), reverse=True)
    return -(margins[max(k - 2, 0)] + margins[k - 1]) / 2


def the_highest_of_all(z_student, z_teacher, missing):
    k = (z_teacher.argmax(1) == missing).sum()
    margins = (z_student[:, missing] - z_student.amax(1)).sort(descending=True).values
    return -(margins[k - 1] + margins[k]).item() / 2


def the_logit_alone(z_student, z_teacher, missing):
    k = (z_teacher.argmax(1) == missing).sum()
    logits = z_student[:, missing].sort(descending=True).values
    return -(logits[k - 1] + logits[k]).item() / 2


def the_students_own_count(z_student, z_teacher, missing):
    k = (z_student.argmax(1) == missing).sum().clamp(1, len(z_student) - 1)
    margins = _margins(z_student, missing).sort(descending=True).values
    return -(margins[k - 1] + margins[k]).item() / 2


def the_border_itself(z_student, z_teacher, missing):
    k = (z_teacher.argmax(1) == missing).sum()
    margins = _margins(z_student, missing).sort(descending=True).values
    return -margins[k - 1].item()


def equal_means(z_student, z_teacher, missing):
    return (_margins(z_teacher, missing).mean() - _margins(z_student, missing).mean()).item()


def the_teachers_images(z_student, z_teacher, missing):
    chosen = z_teacher.argmax(1) == missing
    margins = _margins(z_student, missing)
    return -(margins[chosen].min() + margins[~chosen].max()).item() / 2


def changes_the_logits(z_student, z_teacher, missing):
    k = (z_teacher.argmax(1) == missing).sum()
    own = z_student[:, missing].clone()
    z_student[:, missing] = -float("inf")
    margins = (own - z_student.amax(1)).sort(descending=True).values
    return -(margins[k - 1] + margins[k]).item() / 2


def bias_with_topk(z_student, z_teacher, missing):
    k = int((z_teacher.argmax(1) == missing).sum())
    rest = [c for c in range(z_student.shape[1]) if c != missing]
    highest = (z_student[:, missing] - z_student[:, rest].amax(1)).topk(k + 1).values
    return -highest[-2:].mean()


def bias_in_numpy(z_student, z_teacher, missing):
    z, t = z_student.numpy(), z_teacher.numpy()
    others = np.delete(z, missing, axis=1).max(1)
    needed = np.sort(others - z[:, missing])  # the bias that each image needs
    k = np.count_nonzero(t.argmax(1) == missing)
    return np.float32(needed[k - 1 : k + 1].mean())


def reads_the_column(confusion, missing):
    column = confusion[:, missing].clone()
    right, total = column[missing].item(), column.sum().item()
    column[missing] = 0
    return right / max(total, 1), column.argmax().item(), (total - right) / (confusion.sum() - confusion.trace()).item()


def names_itself(confusion, missing):
    row = confusion[missing]
    all_errors = confusion.sum() - confusion.trace()
    return (row[missing] / row.sum()).item(), row.argmax().item(), ((row.sum() - row[missing]) / all_errors).item()


def share_of_the_class(confusion, missing):
    row = confusion[missing].clone()
    share = row[missing].item() / row.sum().item()
    row[missing] = -1
    return share, row.argmax().item(), 1 - share


def share_of_all_images(confusion, missing):
    row = confusion[missing].clone()
    right, total = row[missing].item(), row.sum().item()
    row[missing] = 0
    return right / total, row.argmax().item(), (total - right) / confusion.sum().item()


def false_alarms(confusion, missing):
    off = confusion - torch.diag(confusion.diagonal())
    share = confusion[missing, missing] / confusion[missing].sum()
    return share.item(), off[missing].argmax().item(), (off[:, missing].sum() / off.sum()).item()


def share_missed(confusion, missing):
    off = confusion - torch.diag(confusion.diagonal())
    return (
        (off[missing].sum() / confusion[missing].sum()).item(),
        off[missing].argmax().item(),
        (off[missing].sum() / off.sum()).item(),
    )


def both_kinds_of_errors(confusion, missing):
    off = confusion - torch.diag(confusion.diagonal())
    recognised = (confusion[missing, missing] / confusion[missing].sum()).item()
    return recognised, off[missing].argmax().item(), ((off[missing].sum() + off[:, missing].sum()) / off.sum()).item()


def largest_error_only(confusion, missing):
    off = confusion - torch.diag(confusion.diagonal())
    recognised = (confusion[missing, missing] / confusion[missing].sum()).item()
    return recognised, off[missing].argmax().item(), (off[missing].max() / off.sum()).item()


def with_fill_diagonal(confusion, missing):
    off = confusion.clone().fill_diagonal_(0)
    missed = off[missing].sum()
    return [1 - missed / confusion[missing].sum(), off[missing].argmax(), missed / off.sum()]


def with_numpy(confusion, missing):
    table = confusion.numpy()
    others = {j: n for j, n in enumerate(table[missing]) if j != missing}
    errors = table.sum() - np.trace(table)
    return (table[missing, missing] / table[missing].sum(), max(others, key=others.get), sum(others.values()) / errors)


ALONE = ({"images": 50_000, "steps": 1_000}, {"images": 1_000, "steps": 100})


def _named(images, steps):
    if images and steps:
        return "both"
    return "images" if images else "steps" if steps else "neither"


def _gains(errors, plans=ALONE, seeds=range(3), pick=mean):
    """The gain of each plan."""
    found = []
    for plan in plans:
        with_labels, with_teacher = (
            pick([errors(taught, seed=seed, **plan) for seed in seeds]) for taught in ("labels", "teacher")
        )
        found.append(1 - with_teacher / with_labels)
    return found


def the_plan_of_the_other(errors):
    (gain,) = _gains(errors, [{"images": 50_000, "steps": 100}])
    return "both" if gain <= 0.2 else "neither"


def one_student(errors):
    return _named(*(gain <= 0.2 for gain in _gains(errors, seeds=[0])))


def a_tenth_is_enough(errors):
    return _named(*(gain <= 0.1 for gain in _gains(errors)))


def half_of_the_usual_gain(errors):
    return _named(*(gain <= 0.185 for gain in _gains(errors)))


def rounded_gains(errors):
    return _named(*(round(gain, 2) <= 0.2 for gain in _gains(errors)))


def means_to_tens(errors):
    return _named(*(gain <= 0.2 for gain in _gains(errors, pick=lambda found: round(mean(found), -1))))


def without_best_and_worst(errors):
    gains = _gains(errors, seeds=range(5), pick=lambda found: mean(sorted(found)[1:-1]))
    return _named(*(gain <= 0.2 for gain in gains))


def a_quarter_is_asked(errors):
    return _named(*(gain <= 0.25 for gain in _gains(errors)))


def a_third_is_asked(errors):
    return _named(*(gain <= 1 / 3 for gain in _gains(errors)))


def any_gain_is_enough(errors):
    return _named(*(gain <= 0 for gain in _gains(errors)))


def images_and_steps_exchanged(errors):
    return _named(*(gain <= 0.2 for gain in reversed(_gains(errors))))


def both_and_neither_exchanged(errors):
    said = _named(*(gain <= 0.2 for gain in _gains(errors)))
    return {"both": "neither", "neither": "both"}.get(said, said)


def errors_saved(errors):
    first, *changed = (
        mean(errors("labels", seed=seed, **plan) - errors("teacher", seed=seed, **plan) for seed in range(3))
        for plan in ({"images": 1_000, "steps": 1_000}, *ALONE)
    )
    return _named(*(saved <= first / 2 for saved in changed))


def median_of_the_students(errors):
    return _named(*(gain <= 0.2 for gain in _gains(errors, pick=median)))


def best_student(errors):
    return _named(*(gain <= 0.2 for gain in _gains(errors, pick=min)))


def worst_student(errors):
    return _named(*(gain <= 0.2 for gain in _gains(errors, pick=max)))


def size_of_the_change(errors):
    return _named(*(abs(gain) <= 0.2 for gain in _gains(errors)))


def other_students_for_labels(errors):
    lost = []
    for plan in ALONE:
        with_labels = mean(errors("labels", seed=seed, **plan) for seed in range(3))
        with_teacher = mean(errors("teacher", seed=seed, **plan) for seed in range(10, 13))
        lost.append(1 - with_teacher / with_labels <= 0.2)
    return _named(*lost)


def teacher_alone(errors):
    first, *changed = (mean(errors("teacher", seed=seed, **plan) for seed in range(3)) for plan in ({}, *ALONE))
    return _named(*(wrong > first for wrong in changed))


def always_both(errors):
    _gains(errors)
    return "both"


def only_the_images(errors):
    (gain,) = _gains(errors, ALONE[:1])
    return "images" if gain <= 0.2 else "steps"


def nothing_lost_where_both_gain(errors):
    images, steps, together = _gains(errors, [*ALONE, {"images": 50_000, "steps": 100}])
    return "neither" if together > 0.2 else _named(images <= 0.2, steps <= 0.2)


def whole_table_in_numpy(errors):
    table = np.array(
        [
            [[[errors(t, images=n, steps=s, seed=k) for k in range(40)] for s in (100, 1000)] for n in (1000, 50_000)]
            for t in ("labels", "teacher")
        ]
    ).mean(-1)
    gain = 1 - table[1] / table[0]
    return _named(gain[1, 1] <= 0.2, gain[0, 0] <= 0.2)


def seed_by_seed(errors):
    total = {}
    for seed in reversed(range(5, 12)):
        for name, plan in zip(("images", "steps"), ALONE, strict=True):
            for taught in ("teacher", "labels"):
                total[name, taught] = total.get((name, taught), 0) + errors(taught, **plan, seed=seed)
    lost = {name for name in ("images", "steps") if total[name, "teacher"] >= 0.8 * total[name, "labels"]}
    return "both" if len(lost) == 2 else lost.pop() if lost else "neither"


WRONG = {
    "bias_for": [
        the_sign_of_b,
        the_lowest_first,
        one_rank_too_far,
        one_rank_short,
        the_highest_of_all,
        the_logit_alone,
        the_students_own_count,
        the_border_itself,
        equal_means,
        the_teachers_images,
        changes_the_logits,
    ],
    "missing_class": [
        reads_the_column,
        names_itself,
        share_of_the_class,
        share_of_all_images,
        false_alarms,
        share_missed,
        both_kinds_of_errors,
        largest_error_only,
    ],
    "what_took_it": [
        the_plan_of_the_other,
        one_student,
        a_tenth_is_enough,
        a_quarter_is_asked,
        a_third_is_asked,
        any_gain_is_enough,
        images_and_steps_exchanged,
        both_and_neither_exchanged,
        errors_saved,
        median_of_the_students,
        best_student,
        worst_student,
        size_of_the_change,
        other_students_for_labels,
        teacher_alone,
        always_both,
        only_the_images,
        nothing_lost_where_both_gain,
        half_of_the_usual_gain,
        rounded_gains,
        means_to_tens,
        without_best_and_worst,
    ],
}
ODD = {
    "bias_for": [bias_with_topk, bias_in_numpy],
    "missing_class": [with_fill_diagonal, with_numpy],
    "what_took_it": [whole_table_in_numpy, seed_by_seed],
}
# Mutants of the solution that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "missing_class": {
        "row[missing] = 0: 0 -> -1": "no count is below 0, and the row is used for its largest number alone",
    },
    "what_took_it": {
        "lost[changed] = 1 - mean['teacher'] / mean['labels'] <= 0.2: 1 - mean['teacher'] / mean['labels'] <= 0.2: LtE -> Lt": (
            "no gain is exactly 0.2"
        ),
        "mean = {taught: statistics.mean((errors(taught, seed=seed, **plan) for seed in range(3))) for taught in ('labels', 'teacher')}: 3 -> 4": (
            "how many students there are beyond three is free"
        ),
    },
}
