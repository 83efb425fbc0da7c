"""the lesson `depthwise`: plausible wrong answers and odd but right ones, as a learner would write them."""

from statistics import fmean, median

import torch
import torch.ao.quantization as tq
from torch import nn
from torch.ao.nn.quantized import FloatFunctional, QFunctional


class _WithParts(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.quant, self.dequant, self.conv, self.plus = tq.QuantStub(), tq.DeQuantStub(), conv, FloatFunctional()


def plain_plus(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant, self.conv = tq.QuantStub(), tq.DeQuantStub(), conv

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(torch.relu(x + self.conv(x)))

    return Block()


def no_dequant(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.conv, self.plus = tq.QuantStub(), conv, FloatFunctional()

        def forward(self, x):
            x = self.quant(x)
            return self.plus.add_relu(x, self.conv(x))

    return Block()


def no_quant(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.dequant, self.conv, self.plus = tq.DeQuantStub(), conv, FloatFunctional()

        def forward(self, x):
            return self.dequant(self.plus.add_relu(x, self.conv(x)))

    return Block()


def adds_in_float(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant, self.conv = tq.QuantStub(), tq.DeQuantStub(), conv

        def forward(self, x):
            return torch.relu(x + self.dequant(self.conv(self.quant(x))))

    return Block()


def relu_forgotten(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.plus.add(x, self.conv(x)))

    return Block(conv)


def relu_too_early(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.plus.add(x, torch.relu(self.conv(x))))

    return Block(conv)


def without_the_shortcut(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant, self.conv = tq.QuantStub(), tq.DeQuantStub(), conv

        def forward(self, x):
            return self.dequant(torch.relu(self.conv(self.quant(x))))

    return Block()


def wrapped(conv):
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.plus, self.relu = conv, FloatFunctional(), nn.ReLU()

        def forward(self, x):
            return self.relu(self.plus.add(self.conv(x), x))

    return tq.QuantWrapper(Inner())


def two_stubs(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.out = tq.QuantStub(), tq.QuantStub(), tq.DeQuantStub()
            self.conv, self.plus = conv, FloatFunctional()

        def forward(self, x):
            return self.out(self.plus.add(self.left(x), self.conv(self.right(x)))).clamp(min=0)

    return Block()


def relu_in_float_before(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(torch.relu(x))
            return self.dequant(self.plus.add_relu(x, self.conv(x)))

    return Block(conv)


def multiplies(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            return self.dequant(torch.relu(self.plus.mul(x, self.conv(x))))

    return Block(conv)


def convolved_twice(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            y = self.conv(x)
            return self.dequant(self.plus.add_relu(y, self.conv(y)))

    return Block(conv)


def makes_its_own_convolution(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding)
            self.quant, self.sum, self.dequant = tq.QuantStub(), FloatFunctional(), tq.DeQuantStub()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.conv(x)))

    return Block()


def convolution_in_a_list(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = [conv]
            self.quant, self.sum, self.dequant = tq.QuantStub(), FloatFunctional(), tq.DeQuantStub()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.parts[0](x)))

    return Block()


def int8_at_once(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.sum = conv, QFunctional()
            self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.conv(x)))

    return Block()


def all_parts_in_a_list(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = [tq.QuantStub(), conv, FloatFunctional(), tq.DeQuantStub()]

        def forward(self, x):
            quant, conv, plus, dequant = self.parts
            x = quant(x)
            return dequant(plus.add_relu(x, conv(x)))

    return Block()


def quantized_at_both_ends(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter, self.leave, self.conv, self.plus = tq.QuantStub(), tq.QuantStub(), conv, FloatFunctional()

        def forward(self, x):
            x = self.enter(x)
            return self.leave(self.plus.add_relu(x, self.conv(x)))

    return Block()


def clamped_at_6(conv):
    class Block(_WithParts):
        def __init__(self):
            super().__init__(conv)
            self.relu = nn.ReLU6()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.relu(self.plus.add(x, self.conv(x))))

    return Block()


SEEDS = range(5)


def means_of(lost, seeds=SEEDS, of=fmean):
    """(network, decay) -> what is taken for the typical loss."""
    return {(n, d): of([lost(n, decay=d, seed=s) for s in seeds]) for n in ("ordinary", "depthwise") for d in (0, 1)}


def by_the_card(mean, middle=3, corner=3):
    base = mean["ordinary", 0]
    if mean["depthwise", 1] - base <= corner:
        return "nothing"
    architecture, decayed = mean["depthwise", 0] - base > middle, mean["ordinary", 1] - base > middle
    if architecture:
        return "either" if decayed else "architecture"
    return "training" if decayed else "together"


def by_averages(lost):
    """What a factor costs on average over the other one."""
    mean = means_of(lost)
    if by_the_card(mean) == "nothing":
        return "nothing"
    architecture = (mean["depthwise", 0] + mean["depthwise", 1] - mean["ordinary", 0] - mean["ordinary", 1]) / 2 > 3
    decayed = (mean["ordinary", 1] + mean["depthwise", 1] - mean["ordinary", 0] - mean["depthwise", 0]) / 2 > 3
    return {(1, 1): "either", (1, 0): "architecture", (0, 1): "training"}.get((architecture, decayed), "together")


def from_the_corner(lost):
    """Whatever both together lose, both have done."""
    return "nothing" if by_the_card(means_of(lost)) == "nothing" else "together"


def asks_for_the_architecture(lost):
    found = by_the_card(means_of(lost))
    return {"training": "together", "either": "architecture"}.get(found, found)


def the_first_that_counts(lost):
    found = by_the_card(means_of(lost))
    return "architecture" if found == "either" else found


def from_two_points_on(lost):
    return by_the_card(means_of(lost), 2, 2)


def by_the_median(lost):
    return by_the_card(means_of(lost, of=median))


def by_the_largest(lost):
    return by_the_card(means_of(lost, of=max))


def the_loss_itself(lost):
    return by_the_card(means_of(lost) | {("ordinary", 0): 0})


def without_the_sign(lost):
    mean = means_of(lost)
    base = mean["ordinary", 0]
    return by_the_card({cell: base + abs(one - base) for cell, one in mean.items()})


def from_five_points_on(lost):
    return by_the_card(means_of(lost), 5, 5)


def the_larger_one(lost):
    mean = means_of(lost)
    found, base = by_the_card(mean), mean["ordinary", 0]
    if found == "either":
        architecture, decayed = mean["depthwise", 0] - base, mean["ordinary", 1] - base
        found = "architecture" if architecture > 2 * decayed else "training" if decayed > 2 * architecture else found
    return found


def middle_from_two_points_on(lost):
    return by_the_card(means_of(lost), middle=2)


def both_looked_at_last(lost):
    mean = means_of(lost)
    base = mean["ordinary", 0]
    architecture, decayed = mean["depthwise", 0] - base > 3, mean["ordinary", 1] - base > 3
    if architecture or decayed:
        return "either" if architecture and decayed else "architecture" if architecture else "training"
    return by_the_card(mean)


def with_one_training(lost):
    return by_the_card(means_of(lost, [0]))


def two_corners(lost):
    """The comparison of the two checkpoints."""
    ordinary = fmean(lost("ordinary", decay=0, seed=n) for n in SEEDS)
    both = fmean(lost("depthwise", decay=1, seed=n) for n in SEEDS)
    return "architecture" if both - ordinary > 3 else "nothing"


def never_with_decay(lost):
    more = fmean(lost("depthwise", seed=n) for n in SEEDS) - fmean(lost("ordinary", seed=n) for n in SEEDS)
    return "architecture" if more > 3 else "training"


def depthwise_alone(lost):
    with_it, without = (fmean(lost("depthwise", decay=d, seed=n) for n in SEEDS) for d in (1, 0))
    return "nothing" if with_it <= 3 else "architecture" if without > 3 else "training"


def says_recipe(lost):
    found = by_the_card(means_of(lost))
    return "recipe" if found == "training" else found


def _in_cells(lost, **changed):
    """By the card, with another number in a cell: `o0`, `d0`, `o1`, `d1`."""
    mean = means_of(lost)
    cells = {"o0": ("ordinary", 0), "d0": ("depthwise", 0), "o1": ("ordinary", 1), "d1": ("depthwise", 1)}
    own = {name: mean[cell] for name, cell in cells.items()}
    return by_the_card({**mean, **{cells[name]: of(own) for name, of in changed.items()}})


def any_difference_of_the_architecture(lost):
    return _in_cells(lost, d0=lambda own: own["o0"] + abs(own["d0"] - own["o0"]))


def any_difference_of_both(lost):
    return _in_cells(lost, d1=lambda own: own["o0"] + abs(own["d1"] - own["o0"]))


def the_loss_of_the_architecture_itself(lost):
    return _in_cells(lost, d0=lambda own: own["o0"] + own["d0"])


def together_where_both_lose_most(lost):
    mean = means_of(lost)
    found = by_the_card(mean)
    more = mean["depthwise", 1] - max(mean["depthwise", 0], mean["ordinary", 1])
    return "together" if found != "nothing" and more > 3 else found


def above_the_least(lost):
    return _in_cells(lost, o0=lambda own: min(own.values()))


def cut_off_at_zero(lost):
    return by_the_card(means_of(lost, of=lambda losses: fmean(max(one, 0) for one in losses)))


def _with_the_median(lost, network, decay):
    losses = [lost(network, decay=decay, seed=n) for n in SEEDS]
    return by_the_card({**means_of(lost), (network, decay): median(losses)})


def median_of_the_base(lost):
    return _with_the_median(lost, "ordinary", 0)


def median_of_the_architecture(lost):
    return _with_the_median(lost, "depthwise", 0)


def median_of_the_decay(lost):
    return _with_the_median(lost, "ordinary", 1)


def always_together(lost):
    means_of(lost)
    return "together"


def with_scattered_seeds(lost):
    return by_the_card(means_of(lost, (7, 42, 123, 1000, 31337)))


def with_twelve_seeds(lost):
    return by_the_card({cell: one for cell, one in reversed(means_of(lost, range(40, 52)).items())})


def as_tensors(lost):
    runs = [[[lost(network=n, decay=d, seed=s) for s in range(7)] for d in (0, 1)] for n in ("ordinary", "depthwise")]
    more = torch.tensor(runs).mean(-1)
    architecture, decayed, both = ((more - more[0, 0]) > 3).flatten().tolist()[2:0:-1] + [
        bool(more[1, 1] - more[0, 0] > 3)
    ]
    if not both:
        return "nothing"
    return {(True, True): "either", (True, False): "architecture", (False, True): "training"}.get(
        (architecture, decayed), "together"
    )


def seed_by_seed(lost):
    differences = {"o1": [], "d0": [], "d1": []}
    for seed in SEEDS:
        base = lost("ordinary", seed=seed)
        differences["d1"].append(lost("depthwise", decay=1, seed=seed) - base)
        differences["d0"].append(lost("depthwise", decay=0, seed=seed) - base)
        differences["o1"].append(lost("ordinary", decay=1, seed=seed) - base)
    o1, d0, d1 = (sum(found) / len(found) > 3 for found in differences.values())
    return "nothing" if not d1 else ("together", "training", "architecture", "either")[2 * d0 + o1]


WRONG = {
    "what_did_it": [
        any_difference_of_the_architecture,
        any_difference_of_both,
        the_loss_of_the_architecture_itself,
        together_where_both_lose_most,
        above_the_least,
        cut_off_at_zero,
        median_of_the_base,
        median_of_the_architecture,
        median_of_the_decay,
        by_averages,
        from_the_corner,
        asks_for_the_architecture,
        the_first_that_counts,
        from_two_points_on,
        by_the_median,
        by_the_largest,
        the_loss_itself,
        without_the_sign,
        from_five_points_on,
        the_larger_one,
        middle_from_two_points_on,
        both_looked_at_last,
        with_one_training,
        two_corners,
        never_with_decay,
        depthwise_alone,
        says_recipe,
        always_together,
    ],
    "residual_block": [
        plain_plus,
        no_dequant,
        no_quant,
        adds_in_float,
        relu_forgotten,
        relu_too_early,
        without_the_shortcut,
        relu_in_float_before,
        multiplies,
        convolved_twice,
        makes_its_own_convolution,
        convolution_in_a_list,
        int8_at_once,
        all_parts_in_a_list,
        quantized_at_both_ends,
        clamped_at_6,
    ],
}
ODD = {
    "what_did_it": [with_scattered_seeds, with_twelve_seeds, as_tensors, seed_by_seed],
    "residual_block": [wrapped, two_stubs],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_did_it": {
        "architecture, decayed = (mean['depthwise', 0] - base > 3, mean['ordinary', 1] - base > 3): mean['depthwise', 0] - base > 3: "
        "Gt -> GtE": "no difference is exactly three points",
        "architecture, decayed = (mean['depthwise', 0] - base > 3, mean['ordinary', 1] - base > 3): mean['ordinary', 1] - base > 3: "
        "Gt -> GtE": "no difference is exactly three points",
        "if mean['depthwise', 1] - base <= 3:: mean['depthwise', 1] - base <= 3: LtE -> Lt": "no difference is exactly three points",
        "mean[network, decay] = fmean((lost(network, decay=decay, seed=n) for n in range(5))): 5 -> 6": "one training more is allowed",
    },
    "residual_block": {
        "return self.dequant(self.sum.add_relu(x, self.conv(x))): self.sum.add_relu(x, self.conv(x)): arguments swapped": (
            "a sum does not depend on the order of its parts"
        ),
    },
}
