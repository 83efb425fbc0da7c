"""The exercise of the lesson bit_budget: odd but right answers, and wrong ones as patches of the solution."""


def by_pairs(model, sensitivity, budget):
    """Sorts all offers, and takes the first that fits and saves."""
    place = dict.fromkeys(sensitivity, 0)
    widths = {name: sorted(row) for name, row in sensitivity.items()}
    count = {name: model.get_submodule(name).weight.nelement() for name in sensitivity}
    paid = sum(count[name] * widths[name][0] for name in sensitivity)
    while True:
        offers = []
        for rank, name in enumerate(sensitivity):
            if place[name] + 1 < len(widths[name]):
                now, then = widths[name][place[name] : place[name] + 2]
                price = count[name] * (then - now)
                offers.append(((sensitivity[name][now] - sensitivity[name][then]) / price, -rank, price, name))
        good = [offer for offer in offers if offer[0] > 0 and paid + offer[2] <= budget]
        if not good:
            return {name: widths[name][at] for name, at in place.items()}
        _, _, price, name = max(good)
        place[name], paid = place[name] + 1, paid + price


def recursive(model, sensitivity, budget, bits=None):
    """Takes a step and calls itself."""
    bits = bits or {name: next(iter(row)) for name, row in sensitivity.items()}
    modules = dict(model.named_modules())

    def weighs(choice):
        return sum(b * modules[name].weight.flatten().shape[0] for name, b in choice.items())

    best, gain = None, 0
    for name, row in sensitivity.items():
        widths = list(row)
        for width in widths[widths.index(bits[name]) + 1 :][:1]:
            more = {**bits, name: width}
            each = (row[bits[name]] - row[width]) / (weighs(more) - weighs(bits))
            if weighs(more) <= budget and each > gain:
                best, gain = more, each
    return share(model, sensitivity, budget, best) if best else bits


share = recursive


def by_pricelist(model, sensitivity, budget):
    """Keeps what is left of the budget, and removes layers that can have no more."""
    bits = {name: list(row)[0] for name, row in sensitivity.items()}  # noqa: RUF015
    n = {name: model.state_dict()[f"{name}.weight"].numel() for name in sensitivity}
    left = budget - sum(n[name] * b for name, b in bits.items())
    while True:
        scores = []
        for name in sensitivity:
            more = [b for b in sensitivity[name] if b > bits[name]][:1]
            fits = more and n[name] * (more[0] - bits[name]) <= left
            saved = sensitivity[name][bits[name]] - sensitivity[name][more[0]] if fits else 0
            scores.append(saved / n[name] / (more[0] - bits[name]) if fits else 0)
        if max(scores) <= 0:
            return bits
        name = list(sensitivity)[scores.index(max(scores))]
        wider = min(b for b in sensitivity[name] if b > bits[name])
        left -= n[name] * (wider - bits[name])
        bits[name] = wider


def the_last_of_equal_steps(model, sensitivity, budget):
    """Takes the last of several steps that save as much."""
    count = {layer: model.get_submodule(layer).weight.numel() for layer in sensitivity}
    widths = {layer: list(row) for layer, row in sensitivity.items()}
    spent = sum(count[layer] * of[0] for layer, of in widths.items())
    while True:
        offers = []
        for layer, (b, *wider) in widths.items():
            price = count[layer] * (wider[0] - b) if wider else 0
            saved = sensitivity[layer][b] - sensitivity[layer][wider[0]] if wider else 0
            if saved > 0 and spent + price <= budget:
                offers.append((saved / price, len(offers), layer, price))
        if not offers:
            return {layer: of[0] for layer, of in widths.items()}
        _, _, layer, price = max(offers)
        spent += price
        widths[layer] = widths[layer][1:]


ODD = {"share_out": [the_last_of_equal_steps, by_pairs, recursive, by_pricelist]}
WRONG = {
    "share_out": {
        "what it saves, at any price": ("saved / price, wider[0]", "saved, wider[0]"),
        "the price of one bit": ("counts[name] * (wider[0] - bits[name])", "counts[name]"),
        "for each bit, and not for each weight": (
            "saved / price, wider[0]",
            "saved / (wider[0] - bits[name]), wider[0]",
        ),
        "the bias is counted": (
            "model.get_submodule(name).weight.numel()",
            "sum(p.numel() for p in model.get_submodule(name).parameters())",
        ),
        "channels are counted": ("weight.numel()", "weight.shape[0]"),
        "steps that save nothing are taken": ("price <= left and saved > 0", "price <= left"),
        "the budget itself is too much": ("price <= left", "price < left"),
        "the budget is never full": ("price <= left and saved > 0", "saved > 0"),
        "as in greedy, no step from 6 bits on": ("if b > bits[name]]", "if b > bits[name] and bits[name] < 6]"),
        "it stops where the best step does not fit": (
            "price <= left and saved > 0:\n                    offers[name] = saved / price, wider[0]\n        if not offers:",
            "saved > 0:\n                    offers[name] = saved / price, wider[0], price\n"
            "        if not offers or max(offers.values())[2] > left:",
        ),
        "the worst offer": ("best = max(", "best = min("),
        "straight to the widest": ("if b > bits[name]]", "if b > bits[name]][-1:]"),
        "by what is left, not by what is saved": ("row[bits[name]] - row[wider[0]]", "row[bits[name]]"),
        "stops after one step": ("bits[best] = offers[best][1]", "return bits | {best: offers[best][1]}"),
    }
}
EQUIVALENT = {"share_out": {}}
