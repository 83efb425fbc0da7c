"""The lesson `decoding`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from itertools import takewhile
from statistics import fmean

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


def half_as_much_again(rise):
    return by_factors(four_costs(rise), scales=1.5, keys=1.5)


def scales_two_and_a_half_times(rise):
    return by_factors(four_costs(rise), scales=2.5)


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


def worst_and_best_piece(rise):
    runs = {
        (t, a): [rise(t, channels=a, piece=piece) for piece in range(12)] for t in ("keys", "values") for a in (0, 1)
    }
    best = {t: min(runs[t, 0], runs[t, 1], key=sum) for t in ("keys", "values")}
    return named(sum(runs["keys", 0]) > 2 * sum(runs["keys", 1]), max(best["keys"]) > 2 * min(best["values"]))


def other_pieces_for_values(rise):
    cost = four_costs(rise)
    for channels in (0, 1):
        cost["values", channels] = sum(rise("values", channels=channels, piece=piece) for piece in range(8, 16)) / 8
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
        worst_and_best_piece,
        other_pieces_for_values,
        half_as_much_again,
        scales_two_and_a_half_times,
        scales_half_as_much_again,
        at_the_worse_scale,
        scales_of_the_values,
        the_first_piece,
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
