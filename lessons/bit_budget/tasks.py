"""The task of the lesson bit_budget: a budget of bits, shared out greedily over layers of 2 or 4 bits."""

from torch import nn

from course_utils import check
from course_utils.checkpoints import load

page = check.page(globals())


def step_by_step(sizes, sensitivity, budget):
    """Looks for the best step that fits again and again."""
    wide = set()
    while True:
        paid = sum(sizes[name] * (4 if name in wide else 2) for name in sizes)
        offers = []
        for rank, name in enumerate(sizes):
            price = 4 * sizes[name] - 2 * sizes[name]
            saved = sensitivity[name][2] - sensitivity[name][4]
            if name not in wide and saved > 0 and paid + price <= budget:
                offers.append((saved / price, -rank, name))
        if not offers:
            return {name: 4 if name in wide else 2 for name in sizes}
        wide.add(max(offers)[2])


def recursive(sizes, sensitivity, budget, bits=None):
    """Takes a step and calls itself."""
    bits = bits or {name: 2 for name in sizes}

    def weighs(choice):
        return sum(b * sizes[name] for name, b in choice.items())

    best, gain = None, 0
    for name, row in sensitivity.items():
        if bits[name] < 4:
            more = {**bits, name: 4}
            each = (row[2] - row[4]) / (weighs(more) - weighs(bits))
            if weighs(more) <= budget and each > gain:
                best, gain = more, each
    return recursive(sizes, sensitivity, budget, best) if best else bits


def the_last_of_equal_steps(sizes, sensitivity, budget):
    """Takes the last of several steps that save as much."""
    bits, spent = {}, 2 * sum(sizes.values())
    offers = [((row[2] - row[4]) / sizes[name], place, name) for place, (name, row) in enumerate(sensitivity.items())]
    for saved, _, name in sorted(offers, reverse=True):
        fits = saved > 0 and spent + 2 * sizes[name] <= budget
        bits[name], spent = (4, spent + 2 * sizes[name]) if fits else (2, spent)
    return {name: bits[name] for name in sizes}


layers = [
    (name, part) for name, part in load("depthwise_cnn").named_modules() if isinstance(part, nn.Conv2d | nn.Linear)
]
SIZES = {name: part.weight.numel() for name, part in reversed(layers)}  # those that get most come last
# As the lesson measures them, from the last layer to the first:
AT_2 = [0.0501, 0.0151, 0.0042, 0.0186, 0.0064, 0.0362, 0.2268, 0.0148]
AT_4 = [0.0014, 0.0001, 0.0001, 0.0008, 0.0003, 0.0010, 0.0015, 0.0013]
MEASURED = {name: {2: two, 4: four} for name, two, four in zip(SIZES, AT_2, AT_4, strict=True)}


def table(**rows):
    """Name -> (size, sensitivity at 2 bits, at 4 bits), as the two dicts of the task."""
    sizes = {name: size for name, (size, *_) in rows.items()}
    return sizes, {name: {2: two, 4: four} for name, (_, two, four) in rows.items()}


def shared(answer, sizes, sensitivity, budget):
    bits = answer(sizes, sensitivity, budget)
    return {f"the number of bits of {name}": b for name, b in bits.items()} if isinstance(bits, dict) else bits


share_out = page.write(
    "share_out",
    "Share out a budget",
    cases={
        "one weight, 1 at 2 bits and 0 at 4; 4 bits": (*table(one=(1, 1.0, 0.0)), 4),
        "the same; 3 bits": (*table(one=(1, 1.0, 0.0)), 3),
        "one weight, which 4 bits make worse; 4 bits": (*table(one=(1, 1.0, 2.0)), 4),
        "one weight, to which 4 bits make no difference": (*table(one=(1, 1.0, 1.0)), 4),
        "small (1 weight) 1 to 0, large (4 weights) 2 to 0; 12 bits": (
            *table(small=(1, 1.0, 0.0), large=(4, 2.0, 0.0)),
            12,
        ),
        "the same; 18 bits": (*table(small=(1, 1.0, 0.0), large=(4, 2.0, 0.0)), 18),
        "the same; all the bits there can be": (*table(small=(1, 1.0, 0.0), large=(4, 2.0, 0.0)), 20),
        "large (4 weights) 8 to 0, small (1 weight) 1 to 0; 13 bits": (
            *table(large=(4, 8.0, 0.0), small=(1, 1.0, 0.0)),
            13,
        ),
        "much 4 to 2, most 1 to 0.25; 6 bits": (*table(much=(1, 4.0, 2.0), most=(1, 1.0, 0.25)), 6),
        "high 3 to 2, falls 2 to 0; 6 bits": (*table(high=(1, 3.0, 2.0), falls=(1, 2.0, 0.0)), 6),
        "three layers of one weight, 3, 2 and 1 to 0; 10 bits": (
            *table(a=(1, 1.0, 0.0), b=(1, 3.0, 0.0), c=(1, 2.0, 0.0)),
            10,
        ),
        "DepthwiseCNN as the lesson measures it; 2.25 bits a weight": (SIZES, MEASURED, 2.25 * sum(SIZES.values())),
    },
    run=shared,
    wrong={
        "Divide what a step saves by the bits of the file that it costs.": "(row[2] - row[4]) / sizes[name] -> row[2] - row[4]",
        "A step from 2 to 4 bits costs two bits for each weight.": [
            "price = 2 * sizes[name] -> price = sizes[name]",
            "price = 2 * sizes[name] -> price = 4 * sizes[name]",
        ],
        "You give 4 bits wherever that saves something. The budget pays for the first two bits of each weight, too, and "
        "then for each step that still fits.": [
            "budget - 2 * sum(sizes.values()) -> budget",
            "saves[name] > 0 and price <= left -> saves[name] > 0",
        ],
        "A step that saves nothing isn't taken, though the budget has room for it.": "saves[name] > 0 and price <= left -> price <= left",
        "A step saves the difference of two sensitivities.": [
            "(row[2] - row[4]) / -> row[2] /",
            "(row[2] - row[4]) / sizes -> (row[2] / (row[4] + 1e-9) - 1) / sizes",
        ],
        "Where the best step doesn't fit, another one may: look among those that fit.": "        if saves[name] > 0 and price <= left: ->         if price > left:\n            break\n        if saves[name] > 0:",
        "The best offer comes first, and yours begins with the worst.": ", reverse=True -> ",
        "A step is paid from the budget: what is left gets smaller.": "left -= price -> left -= 0",
        "After the first step there may be room for others.": "left -= price -> break",
        "": "price <= left -> price < left",
    },
    right=[the_last_of_equal_steps, step_by_step, recursive],
    steps={"left": "the bits that are left at the end"},
    passed="Each step is judged by what it saves for each bit of the file, so small layers in need come first.",
)
