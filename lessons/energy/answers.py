"""the lesson `energy`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch


def no_bias(n_in, n_out, batch, mul_pj, add_pj):
    return float(batch * n_in * n_out * (mul_pj + add_pj))


def mac_is_one_operation(n_in, n_out, batch, mul_pj, add_pj):
    energy = 0.0
    energy += batch * n_in * n_out * mul_pj
    energy += batch * n_out * add_pj
    return energy


def adds_at_the_price_of_multiplications(n_in, n_out, batch, mul_pj, add_pj):
    operations = 2 * batch * n_in * n_out
    return operations * mul_pj + batch * n_out * add_pj


def biases_once(n_in, n_out, batch, mul_pj, add_pj):
    if batch == 0:
        return 0.0
    return batch * n_in * n_out * (mul_pj + add_pj) + n_out * add_pj


def bias_as_a_mac(n_in, n_out, batch, mul_pj, add_pj):
    return batch * (n_in + 1) * n_out * (mul_pj + add_pj)


def one_bias_for_the_layer(n_in, n_out, batch, mul_pj, add_pj):
    return batch * (n_in * n_out * (mul_pj + add_pj) + add_pj)


def in_nanojoules(n_in, n_out, batch, mul_pj, add_pj):
    return batch * (n_in * n_out * (mul_pj + add_pj) + n_out * add_pj) / 1e3


def shared_over_the_batch(n_in, n_out, batch, mul_pj, add_pj):
    return (n_in * n_out * (mul_pj + add_pj) + n_out * add_pj) / batch if batch else 0.0


def at_the_prices_of_the_list(n_in, n_out, batch, mul_pj, add_pj):
    return 4.6 * batch * n_in * n_out + 0.9 * batch * n_out


def a_bias_for_each_input_too(n_in, n_out, batch, mul_pj, add_pj):
    return batch * (n_in * n_out * (mul_pj + add_pj) + (n_in + n_out) * add_pj)


def one_by_one(n_in, n_out, batch, mul_pj, add_pj):
    total = 0.0
    for _ in range(batch):
        for _ in range(n_out):
            total += n_in * mul_pj + (n_in + 1) * add_pj
    return total


def linear_as_numpy(n_in, n_out, batch, mul_pj, add_pj):
    counts = np.array([n_in * n_out, n_in * n_out + n_out], dtype=np.float64) * batch
    return counts @ np.array([mul_pj, add_pj])


def area_only(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = (side + 2 * padding - kernel) // stride + 1
    return c_out * side_out**2 * kernel**2


def input_size(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    return side * side * c_out * (c_in // groups) * kernel * kernel


def no_groups(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = (side + 2 * padding - kernel) // stride + 1
    return c_in * c_out * kernel**2 * side_out**2


def groups_twice(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = (side + 2 * padding - kernel) // stride + 1
    return (c_in // groups) * (c_out // groups) * kernel**2 * side_out**2


def no_stride(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = side + 2 * padding - kernel + 1
    return (c_in // groups) * c_out * kernel**2 * side_out**2


def without_brackets(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = side + 2 * padding - kernel // stride + 1
    return (c_in // groups) * c_out * kernel**2 * side_out**2


def stride_in_one_direction(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    height = (side + 2 * padding - kernel) // stride + 1
    width = side + 2 * padding - kernel + 1
    return (c_in // groups) * c_out * kernel**2 * height * width


def one_map_for_each_group(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = (side + 2 * padding - kernel) // stride + 1
    return (c_in if groups == 1 else 1) * c_out * kernel**2 * side_out**2


def cut_at_the_end(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = (side + 2 * padding - kernel) / stride + 1
    return int((c_in // groups) * c_out * kernel**2 * side_out**2)


def padded_to_the_same_size(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    side_out = -(-side // stride)
    return (c_in // groups) * c_out * kernel**2 * side_out**2


def by_running_it(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    conv = torch.nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups)
    with torch.no_grad():
        outputs = conv(torch.zeros(1, c_in, side, side))
    return outputs.numel() * conv.weight[0].numel()


def by_counting_positions(c_in, c_out, kernel, side, stride=1, padding=0, groups=1):
    positions = len(range(0, side + 2 * padding - kernel + 1, stride))
    return np.int64(positions) ** 2 * c_out * c_in * kernel**2 // groups


def without_the_first_input(n_in, n_out, batch, mul_pj, add_pj):
    energy = 0.0
    for _ in range(1, batch):
        energy += n_in * n_out * (mul_pj + add_pj) + n_out * add_pj
    return energy


def brackets_missing(n_in, n_out, batch, mul_pj, add_pj):
    return batch * (n_in * n_out * mul_pj + add_pj + n_out * add_pj)


def _savings(bill, uses):
    """What each half saves at each number of uses, and the bill without."""
    none = [bill("none", uses=n) for n in uses]
    return none, {
        half: [b - bill(half, uses=n) for b, n in zip(none, uses, strict=True)] for half in ("arithmetic", "fetch")
    }


def _winners(saved):
    return {("arithmetic", "fetch")[f > a] for a, f in zip(saved["arithmetic"], saved["fetch"], strict=True)}


def _concludes(bill, uses, least=0.05):
    none, saved = _savings(bill, uses)
    shares = [max(pair) / b for *pair, b in zip(saved["arithmetic"], saved["fetch"], none, strict=True)]
    if max(shares) <= least:
        return "neither"
    won = _winners(saved)
    return won.pop() if len(won) == 1 else "depends"


def weights_used_once(bill):
    return _concludes(bill, [1])


def begins_at_ten(bill):
    return _concludes(bill, [10, 100, 1000])


def stops_at_five_hundred(bill):
    return _concludes(bill, [1, 10, 100, 500])


def stops_at_nine_hundred(bill):
    return _concludes(bill, [1, 30, 900])


def stops_at_a_hundred(bill):
    return _concludes(bill, [1, 10, 100])


def always_buys_one(bill):
    return _concludes(bill, [1, 1000], least=0.0)


def sums_over_the_uses(bill):
    none, saved = _savings(bill, range(1, 1001, 50))
    total = {half: sum(values) for half, values in saved.items()}
    best = max(total, key=total.get)
    return best if total[best] > 0.05 * sum(none) else "neither"


def a_fetch_is_always_dearer(bill):
    none, saved = _savings(bill, [1, 1000])
    if max(saved["fetch"][0] / none[0], saved["arithmetic"][1] / none[1]) <= 0.05:
        return "neither"
    return "depends" if saved["arithmetic"][1] > saved["fetch"][1] else "fetch"


def many_uses_are_arithmetic(bill):
    none, saved = _savings(bill, [1, 1000])
    if max(saved["fetch"][0] / none[0], saved["arithmetic"][0] / none[0], saved["arithmetic"][1] / none[1]) <= 0.05:
        return "neither"
    return "depends" if saved["fetch"][0] > saved["arithmetic"][0] else "arithmetic"


def without_the_chip_as_it_is(bill):
    uses = (1, 1000)
    cheaper = {("arithmetic", "fetch")[bill("fetch", uses=n) < bill("arithmetic", uses=n)] for n in uses}
    return cheaper.pop() if len(cheaper) == 1 else "depends"


def other_uses_for_each(bill):
    return "fetch" if bill("none", uses=1) - bill("fetch", uses=1) > bill("arithmetic", uses=1000) else "arithmetic"


def says_where_it_changes(bill):
    none, saved = _savings(bill, [1, 1000])
    return _winners(saved)


def always_depends(bill):
    _savings(bill, [1, 1000])
    return "depends"


def the_half_that_saves_less(bill):
    said = _concludes(bill, [1, 1000])
    return {"arithmetic": "fetch", "fetch": "arithmetic"}.get(said, said)


def _worth(bill, enough, uses=(1, 10, 100, 1000)):
    """Concludes rightly which half is better, and says "neither" where the largest share at each use is not enough."""
    none, saved = _savings(bill, uses)
    shares = [max(a, f) / b for a, f, b in zip(saved["arithmetic"], saved["fetch"], none, strict=True)]
    won = _winners(saved)
    return "neither" if not enough(shares) else won.pop() if len(won) == 1 else "depends"


def worth_at_one_use(bill):
    return _worth(bill, lambda shares: shares[0] > 0.05)


def worth_at_a_thousand(bill):
    return _worth(bill, lambda shares: shares[-1] > 0.05)


def share_of_the_new_bill(bill):
    return _worth(bill, lambda shares: max(share / (1 - share) for share in shares) > 0.05)


def five_picojoules(bill):
    none, saved = _savings(bill, [1, 1000])
    if max(map(max, saved.values())) <= 5:
        return "neither"
    return _concludes(bill, [1, 1000], least=0.0)


def seven_per_cent(bill):
    return _concludes(bill, [1, 1000], least=0.07)


def share_of_the_least_bill(bill):
    none, saved = _savings(bill, [1, 1000])
    won = _winners(saved)
    return "neither" if max(map(max, saved.values())) <= 0.05 * min(none) else won.pop() if len(won) == 1 else "depends"


def halves_that_differ_little(bill):
    none, saved = _savings(bill, [1, 20, 1000])
    apart = [abs(a - f) / b for a, f, b in zip(saved["arithmetic"], saved["fetch"], none, strict=True)]
    won = _winners(saved)
    return "neither" if max(apart) <= 0.05 else won.pop() if len(won) == 1 else "depends"


def half_at_every_use(bill):
    return _concludes(bill, range(1, 1001))


def asks_for_the_control_each_time(bill):
    def share(half, uses):
        return 1 - bill(half, uses=uses) / bill("none", uses=uses)

    shares = {(half, n): share(half, n) for half in ("arithmetic", "fetch") for n in (1, 10, 100, 1000)}
    if max(shares.values()) <= 0.05:
        return "neither"
    won = {max(("arithmetic", "fetch"), key=lambda half, n=n: shares[half, n]) for n in (1, 10, 100, 1000)}
    return won.pop() if len(won) == 1 else "depends"


def half_by_many_uses(bill):
    return _concludes(bill, [1, 2, 5, 10, 20, 50, 100, 200, 500, 999, 1000])


def half_as_numpy(bill):
    uses = np.array([1, 30, 1000])
    bills = {half: np.array([bill(half, uses=n) for n in uses]) for half in ("none", "arithmetic", "fetch")}
    saved = bills["none"] - np.stack([bills["arithmetic"], bills["fetch"]])
    if (saved / bills["none"]).max() <= 0.05:
        return "neither"
    best = saved.argmax(0)
    return "depends" if np.ptp(best) else ("arithmetic", "fetch")[best[0]]


WRONG = {
    "linear_energy_pj": [
        no_bias,
        mac_is_one_operation,
        adds_at_the_price_of_multiplications,
        biases_once,
        bias_as_a_mac,
        one_bias_for_the_layer,
        in_nanojoules,
        shared_over_the_batch,
        at_the_prices_of_the_list,
        a_bias_for_each_input_too,
        without_the_first_input,
        brackets_missing,
    ],
    "which_half": [
        weights_used_once,
        begins_at_ten,
        stops_at_five_hundred,
        stops_at_a_hundred,
        always_buys_one,
        sums_over_the_uses,
        a_fetch_is_always_dearer,
        many_uses_are_arithmetic,
        without_the_chip_as_it_is,
        other_uses_for_each,
        says_where_it_changes,
        always_depends,
        the_half_that_saves_less,
        worth_at_one_use,
        worth_at_a_thousand,
        share_of_the_new_bill,
        five_picojoules,
        seven_per_cent,
        share_of_the_least_bill,
        halves_that_differ_little,
        stops_at_nine_hundred,
    ],
    "conv2d_macs": [
        area_only,
        input_size,
        no_groups,
        groups_twice,
        no_stride,
        without_brackets,
        stride_in_one_direction,
        one_map_for_each_group,
        cut_at_the_end,
        padded_to_the_same_size,
    ],
}
ODD = {
    "linear_energy_pj": [one_by_one, linear_as_numpy],
    "which_half": [half_by_many_uses, half_as_numpy, half_at_every_use, asks_for_the_control_each_time],
    "conv2d_macs": [by_running_it, by_counting_positions],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "which_half": {
        "best = max(best, max(saved.values()) / none): max(best, max(saved.values()) / none): arguments swapped": "the larger "
        "of two is the same in either order",
        "better, best = (set(), 0.0): 0.0 -> -1.0": "some half saves more than nothing on every chip",
        "for uses in (1, 1000):: 1000 -> 999": "no chip changes between 999 and 1,000 uses",
        "if best <= 0.05:: best <= 0.05: LtE -> Lt": "no half saves exactly 5 %",
    },
    "conv2d_macs": {
        "dot_product = c_in // groups * kernel * kernel: c_in // groups: FloorDiv -> Div": "groups divides c_in",
    },
}
