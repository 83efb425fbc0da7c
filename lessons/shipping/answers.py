"""the lesson `shipping`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np


def _known(rows):
    return [(size, accuracy) for size, accuracy in rows if size is not None and accuracy is not None]


def equal_rows_go(rows):
    known = _known(rows)
    front = []
    for i, (size, accuracy) in enumerate(known):
        if not any(s <= size and a >= accuracy for j, (s, a) in enumerate(known) if j != i):
            front.append((size, accuracy))
    return front


def strictly_better_in_both(rows):
    known = _known(rows)
    return [(s, a) for s, a in known if not any(t < s and b > a for t, b in known)]


def as_a_set(rows):
    known = _known(rows)
    front = []
    for row in known:
        beaten = any(t <= row[0] and b >= row[1] and (t, b) != row for t, b in known)
        if not beaten and row not in front:
            front.append(row)
    return front


def more_bytes_are_better(rows):
    known = _known(rows)
    return [(s, a) for s, a in known if not any(t >= s and b >= a and (t, b) != (s, a) for t, b in known)]


def walk_without_ties(rows):
    best, kept = 0, set()
    for size, accuracy in sorted(_known(rows), key=lambda row: row[0]):
        if accuracy > best:
            kept.add((size, accuracy))
            best = accuracy
    return [row for row in rows if row in kept]


def walk_with_at_least(rows):
    best, kept = 0, set()
    for size, accuracy in sorted(_known(rows), key=lambda row: row[0]):
        if accuracy >= best:
            kept.add((size, accuracy))
            best = accuracy
    return [row for row in rows if row in kept]


def the_most_accurate(rows):
    best = max((a for _, a in _known(rows)), default=0)
    return [row for row in _known(rows) if row[1] == best]


def missing_is_zero(rows):
    def of(row):
        return [0 if value is None else value for value in row]

    def beats(a, b):
        return a[0] <= b[0] and a[1] >= b[1] and a != b

    return [row for row in rows if not any(beats(of(other), of(row)) for other in rows)]


def missing_stays(rows):
    front = all_pairs_in_a_loop(rows)
    return [row for row in rows if None in row or row in front]


def zero_is_missing(rows):
    known = [row for row in rows if all(row)]
    return [r for r in known if not any(o[0] <= r[0] and o[1] >= r[1] and o != r for o in known)]


def sorted_front(rows):
    return sorted(all_pairs_in_a_loop(rows))


def all_pairs_in_a_loop(rows):
    front = []
    for row in rows:
        if row[0] is None or row[1] is None:
            continue
        dominated = False
        for other in rows:
            if other[0] is None or other[1] is None:
                continue
            if other[0] <= row[0] and other[1] >= row[1] and (other[0] < row[0] or other[1] > row[1]):
                dominated = True
        if not dominated:
            front.append(row)
    return front


def with_numpy(rows):
    table = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float).reshape(-1, 2)
    size, accuracy = table[:, 0], table[:, 1]
    no_worse = (size[:, None] <= size) & (accuracy[:, None] >= accuracy)
    better = (size[:, None] < size) | (accuracy[:, None] > accuracy)
    keep = ~(no_worse & better).any(0) & ~np.isnan(table).any(1)
    return [row for row, kept in zip(rows, keep, strict=True) if kept]


def sorted_walk_done_right(rows):
    known = sorted(_known(rows), key=lambda row: (row[0], -row[1]))
    best, kept = float("-inf"), set()
    for row in known:
        if row[1] > best:
            kept.add(row)
            best = row[1]
    return tuple(row for row in rows if tuple(row) in kept)


def _fit(rows, most_bytes, least_speedup):
    known = [row for row in rows if None not in row]
    return [row for row in known if row[1] <= most_bytes and row[3] >= least_speedup]


def below_the_bytes(rows, most_bytes, least_speedup):
    fits = [row for row in _fit(rows, most_bytes, least_speedup) if row[1] < most_bytes]
    return min(fits, key=lambda r: (-r[2], r[1]))[0] if fits else "nobody"


def above_the_speed(rows, most_bytes, least_speedup):
    fits = [row for row in _fit(rows, most_bytes, least_speedup) if row[3] > least_speedup]
    return min(fits, key=lambda r: (-r[2], r[1]))[0] if fits else "nobody"


def the_smallest(rows, most_bytes, least_speedup):
    fits = _fit(rows, most_bytes, least_speedup)
    return min(fits, key=lambda r: r[1])[0] if fits else "nobody"


def the_fastest(rows, most_bytes, least_speedup):
    fits = _fit(rows, most_bytes, least_speedup)
    return max(fits, key=lambda r: r[3])[0] if fits else "nobody"


def ties_to_the_first(rows, most_bytes, least_speedup):
    fits = _fit(rows, most_bytes, least_speedup)
    return max(fits, key=lambda r: r[2])[0] if fits else "nobody"


def speed_forgotten(rows, most_bytes, least_speedup):
    fits = [r for r in rows if None not in r and r[1] <= most_bytes]
    return min(fits, key=lambda r: (-r[2], r[1]))[0] if fits else "nobody"


def unknown_speed_is_one(rows, most_bytes, least_speedup):
    filled = [(n, b, a, 1.0 if s is None else s) for n, b, a, s in rows]
    fits = _fit(filled, most_bytes, least_speedup)
    return min(fits, key=lambda r: (-r[2], r[1]))[0] if fits else "nobody"


def unknown_bytes_are_none(rows, most_bytes, least_speedup):
    filled = [(n, b or 0, a, s) for n, b, a, s in rows]
    fits = _fit(filled, most_bytes, least_speedup)
    return min(fits, key=lambda r: (-r[2], r[1]))[0] if fits else "nobody"


def zero_was_not_measured(rows, most_bytes, least_speedup):
    fits = _fit([row for row in rows if all(row)], most_bytes, least_speedup)
    return min(fits, key=lambda r: (-r[2], r[1]))[0] if fits else "nobody"


def ties_to_the_fastest(rows, most_bytes, least_speedup):
    fits = _fit(rows, most_bytes, least_speedup)
    return min(fits, key=lambda r: (-r[2], r[1], -r[3]))[0] if fits else "nobody"


def ties_by_name(rows, most_bytes, least_speedup):
    fits = sorted((-accuracy, size, name) for name, size, accuracy, _ in _fit(rows, most_bytes, least_speedup))
    return fits[0][2] if fits else "nobody"


def best_first_then_fits(rows, most_bytes, least_speedup):
    known = sorted((r for r in rows if None not in r), key=lambda r: (-r[2], r[1]))
    if known and known[0][1] <= most_bytes and known[0][3] >= least_speedup:
        return known[0][0]
    return "nobody"


def in_a_loop(rows, most_bytes, least_speedup):
    chosen = None
    for row in rows:
        name, size, accuracy, speedup = row
        if size is None or accuracy is None or speedup is None:
            continue
        if size > most_bytes or speedup < least_speedup:
            continue
        if chosen is None or accuracy > chosen[2] or (accuracy == chosen[2] and size < chosen[1]):
            chosen = row
    return "nobody" if chosen is None else chosen[0]


def by_sorting_twice(rows, most_bytes, least_speedup):
    fits = sorted(_fit(rows, most_bytes, least_speedup), key=lambda r: r[1])
    fits.sort(key=lambda r: r[2], reverse=True)  # stable: equal ones keep their order by bytes
    return np.str_(fits[0][0]) if fits else "nobody"


def _held_out(right):
    return {m: right("digits", model=m, test=0) for m in range(1, 7)}


def _best(right):
    found = _held_out(right)
    return max(found, key=found.get)


def _test(right, model):
    return right("digits", model=model, test=1) / 100


def _spread(p, q, n=10_000):
    return (p * (1 - p) / n + q * (1 - q) / n) ** 0.5


def _judged(right, errors=2.0, n=10_000):
    p, q = _test(right, 0), _test(right, _best(right))
    return "real" if q - p > errors * _spread(p, q, n) else "luck"


def any_lead(right):
    return _judged(right, errors=0)


def one_error(right):
    return _judged(right, errors=1)


def a_little_more_than_two(right):
    return _judged(right, errors=2.2)


def the_other_way_round(right):
    return {"real": "luck", "luck": "real"}[_judged(right)]


def three_errors(right):
    return _judged(right, errors=3)


def the_classic_limit(right):
    return _judged(right, errors=1.96)


def half_a_point_and_more(right):
    return "real" if _test(right, _best(right)) - _test(right, 0) > 0.0055 else "luck"


def a_whole_point(right):
    return "real" if _test(right, _best(right)) - _test(right, 0) > 0.01 else "luck"


def all_images_together(right):
    p, q = _test(right, 0), _test(right, _best(right))
    return "real" if q - p > 2 * _spread(p, q, 12_000) else "luck"


def the_winner_counted_twice(right):
    p, q = _test(right, 0), _test(right, _best(right))
    return "real" if q - p > 2 * _spread(q, q) else "luck"


def model_0_takes_part(right):
    found = {m: right("digits", model=m, test=0) for m in range(7)}
    best = max(found, key=found.get)
    p, q = _test(right, 0), _test(right, best)
    return "real" if q - p > 2 * _spread(p, q) else "luck"


def a_list_from_0(right):
    found = [right("digits", model=m, test=0) for m in range(1, 7)]
    p, q = _test(right, 0), _test(right, found.index(max(found)))
    return "real" if q - p > 2 * _spread(p, q) else "luck"


def without_the_sign(right):
    p, q = _test(right, 0), _test(right, _best(right))
    return "real" if abs(q - p) > 2 * _spread(p, q) else "luck"


def percent_as_shares(right):
    p, q = (100 * _test(right, model) for model in (0, _best(right)))
    return "real" if q - p > 2 * abs(_spread(p, q)) else "luck"


def the_choosers_judge(right):
    found = {m: right("digits", model=m, test=0) / 100 for m in range(7)}
    p, q = found[0], max(found[m] for m in range(1, 7))
    return "real" if q - p > 2 * _spread(p, q, 2_000) else "luck"


def the_choosers_lead_beside_the_test(right):
    own, p = right("digits", model=0, test=0) / 100, _test(right, 0)
    found = _held_out(right)
    best = max(found, key=found.get)
    q = _test(right, best)
    lead = (found[best] / 100 - own + q - p) / 2
    return "real" if lead > 2 * _spread(p, q) else "luck"


def leads_twice(right):
    own, found = right("digits", model=0, test=0) / 100, _held_out(right)
    best = max(found, key=found.get)
    p, q = _test(right, 0), _test(right, best)
    twice = found[best] / 100 - own > 2 * _spread(own, found[best] / 100, 2_000) and q - p > 2 * _spread(p, q)
    return "real" if twice else "luck"


def the_test_images_choose(right):
    found = {m: _test(right, m) for m in range(7)}
    q = max(found[m] for m in range(1, 7))
    return "real" if q - found[0] > 2 * _spread(found[0], q) else "luck"


def only_if_it_was_ahead(right):
    own, found = right("digits", model=0, test=0), _held_out(right)
    best = max(found, key=found.get)
    p, q = _test(right, 0), _test(right, best)
    return "real" if found[best] > own and q - p > 2 * _spread(p, q) else "luck"


def the_second_best(right):
    found = _held_out(right)
    second = sorted(found, key=found.get)[-2]
    p, q = _test(right, 0), _test(right, second)
    return "real" if q - p > 2 * _spread(p, q) else "luck"


def the_best_in_whole_percents(right):
    found = {m: round(percent) for m, percent in _held_out(right).items()}
    p, q = _test(right, 0), _test(right, max(found, key=found.get))
    return "real" if q - p > 2 * _spread(p, q) else "luck"


def no_lead_that_was_flattered(right):
    p, q = _test(right, 0), _test(right, _best(right))
    flattered = max(_held_out(right).values()) / 100 - q > 0.01
    return "real" if q - p > 2 * _spread(p, q) and not flattered else "luck"


def in_counts_of_images(right):
    found = [int(m) for m in np.argsort([right("digits", model=k) for k in range(7)]) if m > 0]
    wrong = [10_000 - 100 * right("digits", model=m, test=1) for m in (0, found[-1])]
    variance = sum(w * (1 - w / 10_000) for w in wrong)
    return np.str_("real") if wrong[0] - wrong[1] > 2 * np.sqrt(variance) else "luck"


def asks_twice(right):
    first = [right("digits", test=0, model=m) for m in (6, 5, 4, 3, 2, 1)]
    again = [right("digits", test=0, model=m) for m in (1, 2, 3, 4, 5, 6)]
    assert first == again[::-1]
    best = again.index(max(again)) + 1
    q, p = _test(right, best), _test(right, 0)
    z = (q - p) / _spread(p, q)
    return ["luck", "real"][z > 2]


WRONG = {
    "real_or_luck": [
        any_lead,
        one_error,
        a_little_more_than_two,
        the_other_way_round,
        three_errors,
        the_classic_limit,
        without_the_sign,
        percent_as_shares,
        the_choosers_judge,
        the_choosers_lead_beside_the_test,
        leads_twice,
        the_test_images_choose,
        only_if_it_was_ahead,
        the_second_best,
        half_a_point_and_more,
        a_whole_point,
        all_images_together,
        the_winner_counted_twice,
        model_0_takes_part,
        a_list_from_0,
        the_best_in_whole_percents,
        no_lead_that_was_flattered,
    ],
    "pareto": [
        equal_rows_go,
        strictly_better_in_both,
        as_a_set,
        more_bytes_are_better,
        walk_without_ties,
        walk_with_at_least,
        the_most_accurate,
        missing_is_zero,
        missing_stays,
        zero_is_missing,
        sorted_front,
    ],
    "pick": [
        below_the_bytes,
        above_the_speed,
        the_smallest,
        the_fastest,
        ties_to_the_first,
        speed_forgotten,
        unknown_speed_is_one,
        unknown_bytes_are_none,
        zero_was_not_measured,
        ties_to_the_fastest,
        ties_by_name,
        best_first_then_fits,
    ],
}
ODD = {
    "real_or_luck": [in_counts_of_images, asks_twice],
    "pareto": [all_pairs_in_a_loop, with_numpy, sorted_walk_done_right],
    "pick": [in_a_loop, by_sorting_twice],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
_ERROR = "error = (p * (1 - p) / 10000 + q * (1 - q) / 10000) ** 0.5: "
EQUIVALENT = {
    "real_or_luck": {
        f"{_ERROR}10000 -> 10001": "one image of ten thousand moves the error by a part in twenty thousand",
        f"{_ERROR}10000 -> 9999": "one image of ten thousand moves the error by a part in twenty thousand",
        "return 'real' if q - p > 2 * error else 'luck': q - p > 2 * error: Gt -> GtE": (
            "no planted lead is exactly two standard errors"
        ),
    },
}
