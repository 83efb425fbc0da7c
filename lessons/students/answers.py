"""the lesson `students`: plausible wrong answers and odd but right ones, as a learner would write them."""

from statistics import mean, median

import numpy as np
import torch


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
    ],
}
ODD = {
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
