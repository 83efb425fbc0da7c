"""The exercise of the lesson bit_budget: odd but right answers, and wrong ones as patches of the solution."""


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
    return again(sizes, sensitivity, budget, best) if best else bits


again = recursive


def the_last_of_equal_steps(sizes, sensitivity, budget):
    """Takes the last of several steps that save as much."""
    bits, spent = {}, 2 * sum(sizes.values())
    offers = [((row[2] - row[4]) / sizes[name], place, name) for place, (name, row) in enumerate(sensitivity.items())]
    for saved, _, name in sorted(offers, reverse=True):
        fits = saved > 0 and spent + 2 * sizes[name] <= budget
        bits[name], spent = (4, spent + 2 * sizes[name]) if fits else (2, spent)
    return {name: bits[name] for name in sizes}


ODD = {"share_out": [the_last_of_equal_steps, step_by_step, recursive]}
WRONG = {
    "share_out": {
        "what it saves, at any price": ("(row[2] - row[4]) / sizes[name]", "row[2] - row[4]"),
        "the price of one bit": ("price = 2 * sizes[name]", "price = sizes[name]"),
        "the price of all four bits": ("price = 2 * sizes[name]", "price = 4 * sizes[name]"),
        "the first bits are free": ("budget - 2 * sum(sizes.values())", "budget"),
        "steps that save nothing are taken": ("saves[name] > 0 and price <= left", "price <= left"),
        "the budget itself is too much": ("price <= left", "price < left"),
        "the budget is never full": ("saves[name] > 0 and price <= left", "saves[name] > 0"),
        "it stops where the best step does not fit": (
            "        if saves[name] > 0 and price <= left:",
            "        if price > left:\n            break\n        if saves[name] > 0:",
        ),
        "the worst offer": (", reverse=True", ""),
        "by what is left, not by what is saved": ("(row[2] - row[4]) /", "row[2] /"),
        "by the ratio of two sensitivities": ("(row[2] - row[4]) / sizes", "(row[2] / (row[4] + 1e-9) - 1) / sizes"),
        "stops after one step": ("left -= price", "break"),
        "pays nothing": ("left -= price", "left -= 0"),
    }
}
EQUIVALENT = {"share_out": {}}
