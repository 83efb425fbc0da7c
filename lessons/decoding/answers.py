"""The lesson `decoding`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from itertools import takewhile

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


def backwards(draft, own):
    good = max(n for n in range(len(draft) + 1) if own.startswith(draft[:n]))
    return good, "".join(list(own)[: good + 1])


def by_takewhile(draft, own):
    kept = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(draft, own, strict=False)))
    return len(kept), kept + own[len(kept)]


WRONG = {
    "cache_bytes": [
        forgets_one_of_k_and_v,
        heads_of_the_queries,
        forgets_the_heads,
        forgets_the_layers,
        the_prompt_alone,
        in_bits,
        one_text,
        whole_bytes_each,
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
        in_any_case,
    ],
}
ODD = {"cache_bytes": [as_a_product, by_adding], "verified": [backwards, by_takewhile]}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "cache_bytes": {
        "return numbers * bits // 8: numbers * bits // 8: FloorDiv -> Div": "K and V of 4 bits or more are whole bytes"
    }
}
