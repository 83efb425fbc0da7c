"""the lesson `ticket_full`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch

# ---- exercise 1 ----


def least_loss(rows):
    return sorted(rows, key=lambda row: row[1])[0]


def stops_by_test(dense, ticket):
    d, t = (max(rows, key=lambda row: row[3]) for rows in (dense, ticket))
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])


def stops_by_validation_accuracy(dense, ticket):
    d, t = (max(rows, key=lambda row: row[2]) for rows in (dense, ticket))
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])


def last_rows(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (ticket[-1][3] - dense[-1][3])


def best_test(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (max(r[3] for r in ticket) - max(r[3] for r in dense))


def validation_gain(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[2] - d[2])


def of_tickets_iterations(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / t[0], 100 * (t[3] - d[3])


def relative_gain(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3]) / d[3]


def gain_as_share(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (d[0] - t[0]) / d[0], t[3] - d[3]


def later_not_sooner(dense, ticket):
    d, t = least_loss(dense), least_loss(ticket)
    return 100 * (t[0] - d[0]) / d[0], 100 * (t[3] - d[3])


def stops_at_the_first_rise(dense, ticket):
    def stop(rows):
        for row, after in zip(rows, rows[1:], strict=False):
            if after[1] > row[1]:
                return row
        return rows[-1]

    d, t = stop(dense), stop(ticket)
    return 100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])


def counts_rows(dense, ticket):
    d, t = (rows.index(least_loss(rows)) for rows in (dense, ticket))
    return 100 * (d - t) / (d + 1), 100 * (ticket[t][3] - dense[d][3])


def both_at_denses_stop(dense, ticket):
    i = dense.index(least_loss(dense))
    t = least_loss(ticket)
    return 100 * (dense[i][0] - t[0]) / dense[i][0], 100 * (ticket[i][3] - dense[i][3])


def with_argmin(dense, ticket):
    d, t = (np.array(rows)[np.argmin([row[1] for row in rows])] for rows in (dense, ticket))
    return [100 * (d[0] - t[0]) / d[0], 100 * (t[3] - d[3])]


def with_tensors(dense, ticket):
    d, t = (torch.tensor(rows, dtype=torch.float64) for rows in (dense, ticket))
    d, t = d[d[:, 1].argmin()], t[t[:, 1].argmin()]
    return (1 - t[0] / d[0]) * 100, (t[3] - d[3]) * 100


WRONG = {
    "compare_runs": [
        stops_by_test,
        stops_by_validation_accuracy,
        last_rows,
        best_test,
        validation_gain,
        of_tickets_iterations,
        relative_gain,
        gain_as_share,
        later_not_sooner,
        both_at_denses_stop,
        stops_at_the_first_rise,
        counts_rows,
    ],
}
ODD = {
    "compare_runs": [with_argmin, with_tensors],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}
