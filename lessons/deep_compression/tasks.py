"""The task of the lesson deep_compression: how many bits the gaps of a layer should have, or whether it needs none."""

import torch

from course_utils import check
from course_utils.checkpoints import load

page = check.page(globals())


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


def layer(gaps, behind=0):
    """A layer in a column with these gaps before its weights and so many zeros behind the last."""
    flat = torch.zeros(sum(gaps) + len(gaps) + behind)
    flat[torch.tensor(gaps).add(1).cumsum(0) - 1] = torch.linspace(-1, 1.1, len(gaps))
    return (flat.view(-1, 1),)


def cut(weight, left):
    """The weight with its largest entries only."""
    least = weight.abs().flatten().kthvalue(int((1 - left) * weight.numel())).values
    return (torch.where(weight.abs() > least, weight, 0.0),)


FC1 = load("lenet_mnist").fc1.weight.detach()


gap_bits = page.write(
    "gap_bits",
    "How should a layer say where its weights are?",
    cases={
        "four weights, none of them 0": (torch.tensor([[0.5, -0.5], [0.2, 0.1]]),),
        "four weights, the first is 0": (torch.tensor([[0.0, 0.4], [0.2, 0.1]]),),
        "four weights, the first two are 0": (torch.tensor([[0.0, 0.0], [0.2, 0.1]]),),
        "five weights, the first two are 0": (torch.tensor([[0.0, 0.0, 0.2, 0.1, 0.3]]),),
        "the row of the page": (torch.tensor([[0, 0, 0.7, 0, -1.0, 0.6, 0, 0, 0, 1.4, 0, 0.7, -0.3]]),),
        "six gaps of 1": layer([1] * 6),
        "six gaps of 3": layer([3] * 6),
        "the gaps 0, 0, 0, 7, 7": layer([0, 0, 0, 7, 7]),
        "two rows of five, whose gap goes over the end of the row": (
            torch.tensor([[0.3, 0, 0, 0, 0], [0, 0, 0, 0.5, 0.2]]),
        ),
        "the gaps 30, 31, 30, 31": layer([30, 31, 30, 31]),
        "the gaps 130 and 60": layer([130, 60], behind=9),
        "two gaps of 600": layer([600, 600]),
        "fc1 of LeNet with 8 % of its weights": cut(FC1, 0.08),
        "fc1 of LeNet with 30 % of its weights": cut(FC1, 0.3),
        "fc1 of LeNet with 90 % of its weights": cut(FC1, 0.9),
    },
    wrong={
        "With 2 bits there are four symbols: the gaps 0, 1 and 2, and the escape, which means 3 zeros.": "2**bits - 1 -> 2**bits",
        "Behind the escapes a symbol always says how many zeros are left, and be it 0: with 2 bits, the gap 3 is written as 3, 0.": [
            "gaps // escape + 1 -> gaps // escape",
            "gaps // escape + 1 -> -(-gaps // escape)",
            "(gaps // escape + 1) -> (-(-gaps // escape)).clamp(min=1)",
        ],
        "Compare whole layers: gaps and 4 bits for each weight that is left, with 4 bits for every weight, zeros as well.": [
            " + 4 * len(gaps) -> ",
            "4 * weight.numel() -> 4 * len(gaps)",
            "bits * symbols -> symbols",
            "costs = {0: 4 * weight.numel()} -> costs = {}",
        ],
        "Not every gap has to fit into one symbol. A few escapes can cost less than longer symbols for all.": "    return min(costs, key=costs.get) ->     return min(max(int(gaps.max()).bit_length(), 1), 8)",
        "A gap counts the zeros between two weights, and not the distance of their places.": ") - 1\n -> )\n",
        "The zeros before the first weight are a gap, too.": "places.diff(prepend=torch.tensor([-1])) -> places.diff()",
        "The gaps go on over the end of a row: the weights are counted as one long list.": "    places = weight.flatten().nonzero().flatten()\n    gaps = places.diff(prepend=torch.tensor([-1])) - 1\n ->     rows = [torch.cat([torch.tensor([-1]), row.nonzero().flatten()]) for row in weight]\n    gaps = torch.cat([row.diff() - 1 for row in rows])\n",
        "The number of bits should come back, and not what the layer costs with it.": "min(costs, key=costs.get) -> min(costs.values())",
        "": [
            "2**bits - 1 -> 2**bits - 2 + (bits == 1)",
            "range(1, 9) -> range(1, 8)",
            "range(1, 9) -> range(2, 9)",
            "min(costs, key=costs.get) -> min(reversed(costs), key=costs.get)",
        ],
    },
    right=[from_symbols, from_positions, all_at_once],
    steps={"costs": "the bits of the layer, with 0 to 8 bits for a gap"},
    passed="Few bits need many escapes, many bits make every gap dear, and where hardly a weight is 0 a place costs more than it saves.",
)
