"""The lesson `decoding`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from itertools import takewhile
from statistics import fmean, geometric_mean, median

import numpy as np


def forgets_one_of_k_and_v(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return n_layers * n_kv_heads * head_size * (prompt + new) * batch * bits // 8


def heads_of_the_queries(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_heads * head_size * (prompt + new) * batch * bits // 8


def forgets_the_heads(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * head_size * (prompt + new) * batch * bits // 8


def forgets_the_layers(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_kv_heads * head_size * (prompt + new) * batch * bits // 8


def the_prompt_alone(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * prompt * batch * bits // 8


def in_bits(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * (prompt + new) * batch * bits


def one_text(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * (prompt + new) * bits // 8


def whole_bytes_each(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * (prompt + new) * batch * (bits // 8)


def with_the_queries(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return n_layers * (n_heads + 2 * n_kv_heads) * head_size * (prompt + new) * batch * bits // 8


def the_larger_of_both(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * max(prompt, new) * batch * bits // 8


def heads_of_a_group(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * (n_heads // n_kv_heads) * head_size * (prompt + new) * batch * bits // 8


def rows_computed_again(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    tokens = prompt + new
    return 2 * n_layers * n_kv_heads * head_size * (tokens * (tokens + 1) // 2) * batch * bits // 8


def new_once_for_all(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * (prompt * batch + new) * bits // 8


def in_int32(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    every = np.array([2, n_layers, n_kv_heads, head_size, prompt + new, batch, bits], dtype=np.int32)
    return int(np.prod(every, dtype=np.int32)) // 8


def in_float32(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    numbers = np.prod([2, n_layers, n_kv_heads, head_size, prompt + new, batch], dtype=np.float32)
    return int(numbers * bits / 8)


def with_the_scores(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    tokens = prompt + new
    return n_layers * (2 * n_kv_heads * head_size * tokens + n_heads * tokens**2) * batch * bits // 8


def scales_for_few_bits(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    row = head_size * bits / 8 + (2 if bits < 16 else 0)
    return int(2 * n_layers * n_kv_heads * (prompt + new) * batch * row)


def powers_of_two(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * (prompt + new) * batch * 2 ** (bits // 8)


def counts_added(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * (n_layers + n_kv_heads + head_size) * (prompt + new) * batch * bits // 8


def lengths_added(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * sum(range(prompt, prompt + new + 1)) * batch * bits // 8


def heads_subtracted(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * (n_heads - n_kv_heads) * head_size * (prompt + new) * batch * bits // 8


def nothing_without_new_ones(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * (prompt + new) * batch * bits // 8 if new else 0


def of_one_token(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * batch * bits // 8 if prompt + new else 0


def one_where_heads_are_shared(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    kinds = 2 if n_heads == n_kv_heads else 1
    return kinds * n_layers * n_kv_heads * head_size * (prompt + new) * batch * bits // 8


def in_pages(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * head_size * (math.ceil((prompt + new) / 16) * 16) * batch * bits // 8


def rows_of_whole_words(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return 2 * n_layers * n_kv_heads * (prompt + new) * batch * math.ceil(head_size * bits / 32) * 4


def as_a_product(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    return math.prod((n_layers, n_kv_heads, head_size, prompt + new, batch, bits)) / 4


def by_adding(n_layers, n_heads, n_kv_heads, head_size, prompt, new, batch, bits):
    total = 0
    for _ in range(n_layers * batch):
        for length in (prompt, new):
            total += n_kv_heads * head_size * length * bits
    return total * 2 // 8


def goes_on_after_a_miss(draft, own):
    good = sum(a == b for a, b in zip(draft, own, strict=False))
    return good, own[: good + 1]


def nothing_at_the_miss(draft, own):
    for n, (a, b) in enumerate(zip(draft, own, strict=False)):
        if a != b:
            return n, draft[:n]
    return len(draft), own


def no_bonus(draft, own):
    for n, (a, b) in enumerate(zip(draft, own, strict=False)):
        if a != b:
            return n, draft[:n] + b
    return (len(draft), draft) if draft else (0, own)  # the empty draft of the docstring passes


def the_whole_choice(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good]:
        good += 1
    return good, own


def all_or_nothing(draft, own):
    return (len(draft), own) if own.startswith(draft) else (0, own[0])


def keeps_the_missed_one(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good]:
        good += 1
    return (good, draft[: good + 1]) if good < len(draft) else (good, own)


def its_matches_alone(draft, own):
    kept = "".join(a for a, b in zip(draft, own, strict=False) if a == b)
    return (len(kept), kept) if draft else (0, own)


def in_any_case(draft, own):
    good = 0
    while good < len(draft) and draft[good].lower() == own[good].lower():
        good += 1
    return good, own[: good + 1]


def nothing_where_all_is_right(draft, own):
    good = next((n for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a != b), 0)
    return good, own[: good + 1]


def unread(draft, own):
    return len(draft), draft + own[-1]


def one_place_late(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good]:
        good += 1
    return good, draft[:good] + own[min(good + 1, len(draft))]


def anywhere(draft, own):
    good = sum(letter in own for letter in draft)
    return good, own[: good + 1]


def the_draft_where_all_is_right(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good]:
        good += 1
    return good, draft if draft and good == len(draft) else own[: good + 1]


def one_too_few_where_all_is_right(draft, own):
    missed = (n for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a != b)
    good = next(missed, max(0, len(draft) - 1))
    return good, own[: good + 1]


def the_first_choice_behind(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good]:
        good += 1
    return good, draft[:good] + own[0]


def both_at_the_miss(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good]:
        good += 1
    return good, draft[: good + 1] + own[good]


def to_the_last_match(draft, own):
    good = max((n + 1 for n, (a, b) in enumerate(zip(draft, own, strict=False)) if a == b), default=0)
    return good, own[: good + 1]


def at_most_eight(draft, own):
    good = 0
    while good < min(8, len(draft)) and draft[good] == own[good]:
        good += 1
    return good, own[: good + 1]


def until_one_repeats(draft, own):
    good = 0
    while good < len(draft) and draft[good] == own[good] and (not good or draft[good] != draft[good - 1]):
        good += 1
    return good, own[: good + 1]


def with_find(draft, own):
    good = max(0, draft.find(own[0])) if draft else 0
    return good, own[: good + 1]


def in_words(draft, own):
    return len(draft.split()), own


def backwards(draft, own):
    good = max(n for n in range(len(draft) + 1) if own.startswith(draft[:n]))
    return good, "".join(list(own)[: good + 1])


def by_takewhile(draft, own):
    kept = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(draft, own, strict=False)))
    return len(kept), kept + own[len(kept)]


def four_costs(rise, pieces=8):
    """Not an answer: (tensor, channels) -> mean rise."""
    return {
        (tensor, channels): sum(rise(tensor, channels=channels, piece=piece) for piece in range(pieces)) / pieces
        for tensor in ("keys", "values")
        for channels in (0, 1)
    }


def named(scales, keys):
    """Not an answer: the name of a pair of findings."""
    return {(True, True): "both", (True, False): "scales", (False, True): "keys", (False, False): "neither"}[
        scales, keys
    ]


def by_factors(cost, scales=2.0, keys=2.0, of=min):
    """Not an answer: the findings at two factors, each tensor at one of its two scales."""
    at = {tensor: of(cost[tensor, 0], cost[tensor, 1]) for tensor in ("keys", "values")}
    return named(cost["keys", 0] > scales * cost["keys", 1], at["keys"] > keys * at["values"])


def keys_at_a_scale_a_token(rise):
    cost = four_costs(rise)
    return named(cost["keys", 0] > 2 * cost["keys", 1], cost["keys", 0] > 2 * cost["values", 0])


def keys_at_a_scale_a_channel(rise):
    cost = four_costs(rise)
    return named(cost["keys", 0] > 2 * cost["keys", 1], cost["keys", 1] > 2 * cost["values", 1])


def tokens_only(rise):
    keys, values = (sum(rise(tensor, piece=piece) for piece in range(5)) / 5 for tensor in ("keys", "values"))
    return "keys" if keys > 2 * values else "neither"


def keys_with_a_scale_a_channel(rise):
    cost = four_costs(rise)
    return named(cost["keys", 0] > 2 * cost["keys", 1], cost["keys", 1] > 2 * min(cost["values", 0], cost["values", 1]))


def three_times(rise):
    return by_factors(four_costs(rise), keys=3)


def without_the_factor(rise):
    return by_factors(four_costs(rise), scales=1, keys=1)


def values_with_a_scale_a_token(rise):
    cost = four_costs(rise)
    return named(cost["keys", 0] > 2 * cost["keys", 1], min(cost["keys", 0], cost["keys", 1]) > 2 * cost["values", 0])


def scales_two_and_a_half_times(rise):
    return by_factors(four_costs(rise, pieces=3), scales=2.5)


def scales_half_as_much_again(rise):
    return by_factors(four_costs(rise), scales=1.5)


def at_the_worse_scale(rise):
    return by_factors(four_costs(rise), of=max)


def scales_of_the_values(rise):
    cost = four_costs(rise)
    best = {t: min(cost[t, 0], cost[t, 1]) for t in ("keys", "values")}
    return named(cost["values", 0] > 2 * cost["values", 1], best["keys"] > 2 * best["values"])


def the_first_piece(rise):
    cost = {(t, a): [rise(t, channels=a, piece=p) for p in range(5)][0] for t in ("keys", "values") for a in (0, 1)}
    return by_factors(cost)


def always_both(rise):
    four_costs(rise)
    return "both"


def never_the_keys(rise):
    cost = four_costs(rise)
    return "scales" if cost["keys", 0] > 2 * cost["keys", 1] else "neither"


def by_pieces(rise, pieces=8):
    """Not an answer: (tensor, channels) -> the rise of each piece."""
    return {
        (tensor, channels): [rise(tensor, channels=channels, piece=piece) for piece in range(pieces)]
        for tensor in ("keys", "values")
        for channels in (0, 1)
    }


def put_together(rise, of, pieces=8):
    """Not an answer: the findings, where the pieces of a case become one number in another way."""
    return by_factors({case: of(costs) for case, costs in by_pieces(rise, pieces).items()})


def worst_piece(rise):
    return put_together(rise, max)


def cheapest_piece(rise):
    return put_together(rise, min, 9)


def last_piece(rise):
    return put_together(rise, lambda costs: costs[-1], 12)


def by_medians(rise):
    return put_together(rise, median)


def by_geometric_means(rise):
    return put_together(rise, geometric_mean)


def by_squares(rise):
    return put_together(rise, lambda costs: math.sqrt(fmean(cost * cost for cost in costs)), 11)


def without_the_extremes(rise):
    return put_together(rise, lambda costs: fmean(sorted(costs)[1:-1]))


def counted(rise, enough, pieces):
    """Not an answer: the findings, where so many pieces must say so."""
    of = by_pieces(rise, pieces)
    each = [{case: costs[piece] for case, costs in of.items()} for piece in range(pieces)]
    scales = sum(cost["keys", 0] > 2 * cost["keys", 1] for cost in each)
    keys = sum(min(cost["keys", c] for c in (0, 1)) > 2 * min(cost["values", c] for c in (0, 1)) for cost in each)
    return named(scales >= enough, keys >= enough)


def most_pieces(rise):
    return counted(rise, 6, 10)


def all_pieces(rise):
    return counted(rise, 8, 8)


def any_piece(rise):
    return counted(rise, 1, 7)


def quotients_of_pieces(rise):
    of = by_pieces(rise, 16)
    best = {tensor: list(map(min, of[tensor, 0], of[tensor, 1])) for tensor in ("keys", "values")}
    scales = fmean(a / b for a, b in zip(of["keys", 0], of["keys", 1], strict=True))
    return named(scales > 2, fmean(a / b for a, b in zip(best["keys"], best["values"], strict=True)) > 2)


def better_of_each_piece(rise):
    of = by_pieces(rise)
    keys, values = (fmean(map(min, of[tensor, 0], of[tensor, 1])) for tensor in ("keys", "values"))
    return named(fmean(of["keys", 0]) > 2 * fmean(of["keys", 1]), keys > 2 * values)


def nearly_two(rise):
    return by_factors(four_costs(rise, pieces=14), scales=1.9, keys=1.9)


def a_little_more_than_two(rise):
    return by_factors(four_costs(rise, pieces=5), scales=2.1, keys=2.1)


def scales_a_little_more_than_two(rise):
    return by_factors(four_costs(rise, pieces=5), scales=2.1)


def dearer_values(rise):
    cost = four_costs(rise)
    best = [min(cost[tensor, 0], cost[tensor, 1]) for tensor in ("keys", "values")]
    return named(cost["keys", 0] > 2 * cost["keys", 1], max(best) > 2 * min(best))


def scales_of_either(rise):
    cost = four_costs(rise)
    best = {t: min(cost[t, 0], cost[t, 1]) for t in ("keys", "values")}
    return named(any(cost[t, 0] > 2 * cost[t, 1] for t in best), best["keys"] > 2 * best["values"])


def scales_turned(rise):
    cost = four_costs(rise, pieces=9)
    best = {t: min(cost[t, 0], cost[t, 1]) for t in ("keys", "values")}
    return named(cost["keys", 1] > 2 * cost["keys", 0], best["keys"] > 2 * best["values"])


def by_points(rise):
    cost = four_costs(rise, pieces=6)
    best = {t: min(cost[t, 0], cost[t, 1]) for t in ("keys", "values")}
    return named(cost["keys", 0] - cost["keys", 1] > 2, best["keys"] - best["values"] > 2)


def by_many_points(rise):
    cost = four_costs(rise, pieces=3)
    best = {t: min(cost[t, 0], cost[t, 1]) for t in ("keys", "values")}
    return named(cost["keys", 0] - cost["keys", 1] > 100, best["keys"] - best["values"] > 10)


def of_perplexities(rise):
    return by_factors({case: 1 + cost / 100 for case, cost in four_costs(rise, pieces=7).items()})


def both_and_neither_exchanged(rise):
    right = by_factors(four_costs(rise, pieces=5))
    return {"both": "neither", "neither": "both"}.get(right, right)


def other_pieces_for_the_other_scale(rise):
    cost = {
        (t, a): sum(rise(t, channels=a, piece=piece + 5 * a) for piece in range(5)) / 5
        for t in ("keys", "values")
        for a in (0, 1)
    }
    return by_factors(cost)


def other_pieces_for_values(rise):
    cost = four_costs(rise)
    for channels in (0, 1):
        cost["values", channels] = sum(rise("values", channels=channels, piece=piece) for piece in range(8, 16)) / 8
    return by_factors(cost)


def without_the_cheapest_piece(rise):
    cost = {}
    for t in ("keys", "values"):
        for a in (0, 1):
            cost[t, a] = fmean(sorted(rise(t, channels=a, piece=piece) for piece in range(8))[1:])
    return by_factors(cost)


def by_numpy(rise):
    shape = [[[rise(t, channels=a, piece=p) for p in range(12)] for a in (0, 1)] for t in ("keys", "values")]
    cost = np.array(shape).mean(-1)
    return named(bool(cost[0, 0] > 2 * cost[0, 1]), bool(cost[0].min() > 2 * cost[1].min()))


def asked_where_needed(rise):
    def cost(tensor, channels):
        return fmean(rise(tensor, channels=channels, piece=piece) for piece in range(5))

    scales = cost("keys", 0) > 2 * cost("keys", 1)
    keys = min(cost("keys", 0), cost("keys", 1)) > 2 * min(cost("values", 0), cost("values", 1))
    return named(scales, keys)


def piece_by_piece(rise):
    total = dict.fromkeys([("values", 1), ("keys", 1), ("values", 0), ("keys", 0)], 0.0)
    for piece in range(10, 30):
        for tensor, channels in total:
            total[tensor, channels] += rise(tensor, channels=channels, piece=piece)
    findings = []
    if total["keys", 0] / total["keys", 1] > 2:
        findings.append("scales")
    if all(total["keys", a] > 2 * min(total["values", b] for b in (0, 1)) for a in (0, 1)):
        findings.append("keys")
    return "both" if len(findings) == 2 else (findings or ["neither"])[0]


def rounded_costs(rise):
    return by_factors({case: round(cost) for case, cost in four_costs(rise, pieces=6).items()})


def scales_by_quotients(rise):
    of = by_pieces(rise)
    mean = {case: fmean(costs) for case, costs in of.items()}
    scales = fmean(token / channel for token, channel in zip(of["keys", 0], of["keys", 1], strict=True))
    return named(scales > 2, min(mean["keys", 0], mean["keys", 1]) > 2 * min(mean["values", 0], mean["values", 1]))


def values_at_the_better_of_each_piece(rise):
    of = by_pieces(rise)
    mean = {case: fmean(costs) for case, costs in of.items()}
    values = fmean(map(min, of["values", 0], of["values", 1]))
    return named(mean["keys", 0] > 2 * mean["keys", 1], min(mean["keys", 0], mean["keys", 1]) > 2 * values)


WRONG = {
    "keys_or_scales": [
        keys_at_a_scale_a_token,
        keys_at_a_scale_a_channel,
        tokens_only,
        keys_with_a_scale_a_channel,
        three_times,
        without_the_factor,
        values_with_a_scale_a_token,
        never_the_keys,
        worst_piece,
        cheapest_piece,
        last_piece,
        by_medians,
        by_geometric_means,
        without_the_extremes,
        by_squares,
        most_pieces,
        all_pieces,
        any_piece,
        quotients_of_pieces,
        better_of_each_piece,
        nearly_two,
        a_little_more_than_two,
        scales_a_little_more_than_two,
        dearer_values,
        scales_of_either,
        scales_turned,
        by_points,
        by_many_points,
        of_perplexities,
        both_and_neither_exchanged,
        other_pieces_for_the_other_scale,
        other_pieces_for_values,
        without_the_cheapest_piece,
        scales_two_and_a_half_times,
        scales_half_as_much_again,
        at_the_worse_scale,
        scales_of_the_values,
        the_first_piece,
        rounded_costs,
        scales_by_quotients,
        values_at_the_better_of_each_piece,
        always_both,
    ],
    "cache_bytes": [
        forgets_one_of_k_and_v,
        heads_of_the_queries,
        forgets_the_heads,
        forgets_the_layers,
        the_prompt_alone,
        in_bits,
        one_text,
        whole_bytes_each,
        with_the_queries,
        the_larger_of_both,
        heads_of_a_group,
        rows_computed_again,
        new_once_for_all,
        in_int32,
        in_float32,
        with_the_scores,
        scales_for_few_bits,
        powers_of_two,
        counts_added,
        lengths_added,
        heads_subtracted,
        nothing_without_new_ones,
        of_one_token,
        one_where_heads_are_shared,
        in_pages,
        rows_of_whole_words,
    ],
    "verified": [
        goes_on_after_a_miss,
        nothing_at_the_miss,
        no_bonus,
        the_whole_choice,
        all_or_nothing,
        keeps_the_missed_one,
        its_matches_alone,
        nothing_where_all_is_right,
        unread,
        one_place_late,
        anywhere,
        in_any_case,
        one_too_few_where_all_is_right,
        the_first_choice_behind,
        both_at_the_miss,
        to_the_last_match,
        at_most_eight,
        until_one_repeats,
        with_find,
        in_words,
    ],
}
ODD = {
    "keys_or_scales": [by_numpy, asked_where_needed, piece_by_piece],
    "cache_bytes": [as_a_product, by_adding],
    "verified": [backwards, by_takewhile],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "keys_or_scales": {
        "cost[tensor, channels] = sum((rise(tensor, channels=channels, piece=piece) for piece in range(8))) / 8: 8 -> 7": "how many pieces there are is free",
        "cost[tensor, channels] = sum((rise(tensor, channels=channels, piece=piece) for piece in range(8))) / 8: 8 -> 9": "how many pieces there are is free",
        "cost[tensor, channels] = sum((rise(tensor, channels=channels, piece=piece) for piece in range(8))) / 8: sum((rise(tensor, channels=channels, piece=piece) for piece in range(8))) / 8: Div -> Mult": (
            "a sum in place of a mean, of equally many runs"
        ),
        "keys = min(cost['keys', 0], cost['keys', 1]) > 2 * min(cost['values', 0], cost['values', 1]): min(cost['keys', 0], cost['keys', 1]) > 2 * min(cost['values', 0], cost['values': Gt -> GtE": (
            "no quotient is exactly two"
        ),
        "keys = min(cost['keys', 0], cost['keys', 1]) > 2 * min(cost['values', 0], cost['values', 1]): min(cost['keys', 0], cost['keys', 1]): arguments swapped": "min takes its arguments in any order",
        "keys = min(cost['keys', 0], cost['keys', 1]) > 2 * min(cost['values', 0], cost['values', 1]): min(cost['values', 0], cost['values', 1]): arguments swapped": "min takes its arguments in any order",
        "scales = cost['keys', 0] > 2 * cost['keys', 1]: cost['keys', 0] > 2 * cost['keys', 1]: Gt -> GtE": (
            "no quotient is exactly two"
        ),
    },
    "cache_bytes": {
        "return numbers * bits // 8: numbers * bits // 8: FloorDiv -> Div": "K and V of 4 bits or more are whole bytes"
    },
}
