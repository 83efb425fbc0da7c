"""the lesson `ticket_full`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch

# ---- exercise 2 ----


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


# ---- exercise 1 ----

STOP, END = 0, 1
FIVE = range(5)


def average(values):
    return sum(values) / len(values)


def geometric(values):
    return np.exp(np.mean(np.log(values)))


def everything(right, seeds=FIVE):
    """(arm, finished, test) -> what each network got right."""
    return {
        (arm, finished, test): [right(arm, finished=finished, seed=seed, test=test) for seed in seeds]
        for arm in ("ticket", "dense")
        for finished in (STOP, END)
        for test in (0, 1)
    }


def place_of(found, arm, test=0, of=average):
    return max((STOP, END), key=lambda finished: of(found[arm, finished, test]))


def by_lead(lead, limit=0.2):
    return "ticket" if lead > limit else "dense" if lead < -limit else "neither"


def lead_at(found, ticket, dense, test=1, of=average):
    return of(found["ticket", ticket, test]) - of(found["dense", dense, test])


def stopped_beside_finished(right):
    found = everything(right)
    return by_lead(lead_at(found, STOP, END))


def finished_beside_stopped(right):
    found = everything(right)
    return by_lead(lead_at(found, END, STOP))


def both_finished(right):
    found = everything(right)
    return by_lead(lead_at(found, END, END))


def both_stopped(right):
    found = everything(right)
    return by_lead(lead_at(found, STOP, STOP))


def only_dense_at_its_best(right):
    found = everything(right)
    return by_lead(lead_at(found, END, place_of(found, "dense")))


def the_test_images_choose(right):
    found = everything(right)
    return by_lead(lead_at(found, place_of(found, "ticket", 1), place_of(found, "dense", 1)))


def lead_of_the_held_out(right):
    found = everything(right)
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense"), 0))


def half_the_limit(right):
    found = everything(right)
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense")), 0.1)


def all_by(of):
    def answer(right):
        found = everything(right)
        return by_lead(lead_at(found, place_of(found, "ticket", of=of), place_of(found, "dense", of=of), of=of))

    return answer


by_the_median = all_by(np.median)
by_the_best_network = all_by(max)
by_the_last_network = all_by(lambda values: values[-1])


def a_little_more_than_the_limit(right):
    found = everything(right)
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense")), 0.22)


def place_by(of):
    def answer(right):
        found = everything(right)
        return by_lead(lead_at(found, place_of(found, "ticket", of=of), place_of(found, "dense", of=of)))

    return answer


place_by_the_median = place_by(np.median)
place_by_the_best_network = place_by(max)


place_without_the_first_network = place_by(lambda values: average(values[1:]))
place_without_the_last_network = place_by(lambda values: average(values[:-1]))
place_by_rounded_means = place_by(lambda values: round(average(values), 1))
place_by_the_geometric_mean = place_by(geometric)


def reads_the_geometric_mean(right):
    found = everything(right)
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense"), of=geometric))


def a_little_less_than_the_limit(right):
    found = everything(right)
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense")), 0.19)


def per_cent_of_dense(right):
    found = everything(right)
    dense = place_of(found, "dense")
    return by_lead(100 * lead_at(found, place_of(found, "ticket"), dense) / average(found["dense", dense, 1]))


def the_test_images_choose_for_dense(right):
    found = everything(right)
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense", 1)))


def one_place_for_both(right):
    found = everything(right)
    stop, end = (average(found["ticket", place, 0] + found["dense", place, 0]) for place in (STOP, END))
    place = END if end > stop else STOP
    return by_lead(lead_at(found, place, place))


def only_the_finished(right):
    return by_lead(
        average(
            [right("ticket", finished=1, seed=s, test=1) - right("dense", finished=1, seed=s, test=1) for s in FIVE]
        )
    )


def mixed_runs(right):
    return by_lead(
        average(
            [right("ticket", finished=0, seed=s, test=1) - right("dense", finished=1, seed=s, test=1) for s in FIVE]
        )
    )


def never_held_out(right):
    at = {}
    for arm in ("ticket", "dense"):
        at[arm] = max(average([right(arm, finished=f, seed=s, test=1) for s in FIVE]) for f in (0, 1))
    return by_lead(at["ticket"] - at["dense"])


def three_networks(right):
    found = everything(right, range(3))
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense")))


def each_network_at_its_own_place(right):
    at = {}
    for arm in ("ticket", "dense"):
        at[arm] = []
        for seed in FIVE:
            place = max((0, 1), key=lambda f, arm=arm, seed=seed: right(arm, finished=f, seed=seed, test=0))
            at[arm].append(right(arm, finished=place, seed=seed, test=1))
    return by_lead(average(at["ticket"]) - average(at["dense"]))


def reads_all_of_it(right):
    found = everything(right, range(7, 16))
    return by_lead(lead_at(found, place_of(found, "ticket"), place_of(found, "dense")))


def with_arrays(right):
    shape = [[[right(a, finished=f, seed=s, test=0) for s in FIVE] for f in (0, 1)] for a in ("ticket", "dense")]
    places = np.array(shape).mean(axis=2).argmax(axis=1)
    ticket, dense = (
        np.mean([right(a, finished=int(p), seed=s, test=1) for s in FIVE])
        for a, p in zip(("ticket", "dense"), places, strict=True)
    )
    return str(np.array(["dense", "neither", "ticket"])[1 + (ticket - dense > 0.2) - int(ticket - dense < -0.2)])


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
    "better_than_done": [
        stopped_beside_finished,
        finished_beside_stopped,
        both_finished,
        both_stopped,
        only_dense_at_its_best,
        the_test_images_choose,
        lead_of_the_held_out,
        half_the_limit,
        by_the_median,
        by_the_best_network,
        by_the_last_network,
        a_little_more_than_the_limit,
        place_by_the_median,
        place_by_the_best_network,
        only_the_finished,
        mixed_runs,
        never_held_out,
        three_networks,
        each_network_at_its_own_place,
        a_little_less_than_the_limit,
        per_cent_of_dense,
        the_test_images_choose_for_dense,
        one_place_for_both,
        place_by_rounded_means,
        place_without_the_first_network,
        place_without_the_last_network,
        place_by_the_geometric_mean,
        reads_the_geometric_mean,
    ],
}
ODD = {
    "compare_runs": [with_argmin, with_tensors],
    "better_than_done": [reads_all_of_it, with_arrays],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_HELD_OUT = (
    "held_out = [mean((right(arm, finished=place, seed=seed, test=0) for seed in range(5))) for place in (0, 1)]"
)
_TEST = "best[arm] = mean((right(arm, finished=place, seed=seed, test=1) for seed in range(5)))"
_SAY = "return 'ticket' if gap > 0.2 else 'dense' if gap < -0.2 else 'neither'"
EQUIVALENT = {
    "better_than_done": {
        f"{_TEST}: 5 -> 6": "one network more",
        f"{_HELD_OUT}: 5 -> 6": "one network more",
        "place = int(held_out[1] > held_out[0]): held_out[1] > held_out[0]: Gt -> GtE": "no planted arm is equally good at both places",
        f"{_SAY}: gap < -0.2: Lt -> LtE": "no planted gap is exactly 0.2 points",
        f"{_SAY}: gap > 0.2: Gt -> GtE": "no planted gap is exactly 0.2 points",
    }
}
