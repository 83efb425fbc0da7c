"""the lesson `students`: plausible wrong answers and odd but right ones, as a learner would write them."""

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
}
ODD = {"missing_class": [with_fill_diagonal, with_numpy]}
# Mutants of the solution that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "missing_class": {
        "row[missing] = 0: 0 -> -1": "no count is below 0, and the row is used for its largest number alone",
    },
}
