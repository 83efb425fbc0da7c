"""The exercise of the lesson deep_compression: odd but right answers, and wrong ones as patches of the solution."""

import torch


def from_symbols(weight):
    """Writes all symbols one by one, as section 2 does, and counts them."""
    least, best = 4 * weight.numel(), 0
    for bits in range(1, 9):
        cost, zeros = 0, 0
        for number in weight.flatten().tolist():
            if number == 0:
                zeros += 1
                continue
            cost += 4 + bits
            while zeros >= 2**bits - 1:
                zeros -= 2**bits - 1
                cost += bits
            zeros = 0
        if cost < least:
            least, best = cost, bits
    return best


def from_positions(weight):
    """Takes the gaps from positions in rows and columns, and sorts pairs of cost and bits."""
    rows, columns = torch.where(weight != 0)
    places = [-1, *(rows * weight.shape[1] + columns).tolist()]
    gaps = [after - before - 1 for before, after in zip(places, places[1:], strict=False)]
    costs = [(4 * weight.numel(), 0)]
    costs += [(sum(bits * (1 + gap // (2**bits - 1)) + 4 for gap in gaps), bits) for bits in range(1, 9)]
    return sorted(costs)[0][1]


def all_at_once(weight):
    """Counts the symbols of all gaps and all numbers of bits in one table."""
    flat = torch.cat([torch.ones(1), weight.detach().flatten()])
    gaps = flat.nonzero().flatten().diff() - 1
    bits = torch.arange(1, 9)
    costs = bits * (gaps[:, None] // (2**bits - 1) + 1).sum(0) + 4 * len(gaps)
    return int(torch.cat([torch.tensor([4 * weight.numel()]), costs]).argmin())


ODD = {"gap_bits": [from_symbols, from_positions, all_at_once]}
WRONG = {
    "gap_bits": {
        "no symbol is left for the escape": ("2**bits - 1", "2**bits"),
        "one symbol too few": ("2**bits - 1", "2**bits - 2 + (bits == 1)"),
        "only escapes are counted": ("gaps // escape + 1", "gaps // escape"),
        "rounded up": ("gaps // escape + 1", "-(-gaps // escape)"),
        "rounded up, at least one": ("(gaps // escape + 1)", "(-(-gaps // escape)).clamp(min=1)"),
        "distances in place of gaps": (") - 1\n", ")\n"),
        "the first gap is forgotten": ("places.diff(prepend=torch.tensor([-1]))", "places.diff()"),
        "values are forgotten": (" + 4 * len(gaps)", ""),
        "zeros are forgotten": ("4 * weight.numel()", "4 * len(gaps)"),
        "never without gaps": ("costs = {0: 4 * weight.numel()}", "costs = {}"),
        "symbols, not bits": ("bits * symbols", "symbols"),
        "7 bits at most": ("range(1, 9)", "range(1, 8)"),
        "2 bits at least": ("range(1, 9)", "range(2, 9)"),
        "of equals the larger": ("min(costs, key=costs.get)", "min(reversed(costs), key=costs.get)"),
        "the cost in place of the bits": ("min(costs, key=costs.get)", "min(costs.values())"),
        "so that the longest gap fits": (
            "    return min(costs, key=costs.get)",
            "    return min(max(int(gaps.max()).bit_length(), 1), 8)",
        ),
        "gaps begin anew in each row": (
            "    places = weight.flatten().nonzero().flatten()\n    gaps = places.diff(prepend=torch.tensor([-1])) - 1\n",
            "    rows = [torch.cat([torch.tensor([-1]), row.nonzero().flatten()]) for row in weight]\n"
            "    gaps = torch.cat([row.diff() - 1 for row in rows])\n",
        ),
    }
}
EQUIVALENT = {
    "gap_bits": {
        "`int` left out": "a tensor of one number compares like the number",
        "gaps without its sign": "no gap is negative",
        "whole without its sign": "a number of bits is positive",
        "the result without its sign": "a number of bits is positive",
    }
}
