"""The exercise of the lesson choosing: odd but right answers, and wrong ones as patches of the solution."""

from torch import nn


def _sums(rows):
    """MACs and inputs of linear layers, MACs of the others."""
    macs = inputs = others = 0
    for layer, here, given in rows:
        if isinstance(layer, nn.Linear):
            macs, inputs = macs + here, inputs + given
        else:
            others += here
    return macs, inputs, others


def in_one_walk(rows, fp32_ms, int8_ms, lost):
    """Sums everything in one walk, and looks at all times."""
    macs, inputs, others = _sums(rows)
    gain = min(time / int8_ms for time in fp32_ms)
    if not all(time > int8_ms for time in fp32_ms):
        return "float", gain
    pays = macs > others and macs / inputs >= 400 and lost["dynamic"] <= 1
    return "dynamic" if pays else ("static", "qat")[lost["static"] > 1], gain


def by_exclusion(rows, fp32_ms, int8_ms, lost):
    """Begins with the last way and goes back to the first."""
    way = "qat" if lost["static"] > 1.0 else "static"
    macs, inputs, others = _sums(rows)
    if lost["dynamic"] <= 1.0 and macs / (macs + others) > 0.5 and macs // max(inputs, 1) >= 400:
        way = "dynamic"
    best = sorted(fp32_ms)[0]
    return (way if int8_ms < best else "float"), best / int8_ms


def over_eager_first(rows, fp32_ms, int8_ms, lost):
    """Divides the speed-up over the first fp32 by that of the best, and knows linear layers by their class's name."""
    gain = (fp32_ms[0] / int8_ms) / max(fp32_ms[0] / time for time in fp32_ms)
    linear = [row[1:] for row in rows if type(row[0]).__name__ == "Linear"]
    macs, inputs = (sum(column) for column in zip(*linear, strict=True)) if linear else (0, 1)
    if min(fp32_ms) <= int8_ms:
        return "float", gain
    if macs / sum(row[1] for row in rows) > 0.5 and macs / inputs >= 400 and not lost["dynamic"] > 1:
        return "dynamic", gain
    return {True: "qat", False: "static"}[lost["static"] > 1], gain


ODD = {"choose": [in_one_walk, by_exclusion, over_eager_first]}
WRONG = {
    "choose": {
        "over eager fp32": ("min(fp32_ms)", "fp32_ms[0]"),
        "over the slowest fp32": ("min(fp32_ms)", "max(fp32_ms)"),
        "the gain upside down": ('return "static", gain', 'return "static", 1 / gain'),
        "equally fast is faster": ("if gain <= 1:", "if gain < 1:"),
        "convolutions count as linear": (" if isinstance(row[0], nn.Linear)]", "]"),
        "counts weights, not MACs": (
            "2 * macs > all_macs",
            "2 * sum(row[0].weight.numel() for row in linear) > sum(row[0].weight.numel() for row in rows)",
        ),
        "does not ask for uses": (" and macs >= 400 * inputs", ""),
        "does not ask what dynamic loses": (' and lost["dynamic"] <= 1', ""),
        "training whatever is lost": ('if lost["static"] > 1:', 'if lost["static"] > 0:'),
    }
}
EQUIVALENT = {
    "choose": {
        "best rounded to 2 digits": "no time has more digits",
        "best without its sign": "a time",
        "macs without its sign": "a count",
        "half rounded to 2 digits": "half of a whole number",
        "half without its sign": "half of a count",
        "inputs without its sign": "a count",
        "gain without its sign": "a quotient of times",
        "kernels without its sign": "a truth value",
        "kernels doubled": "a truth value",
        "often without its sign": "a truth value",
        "often doubled": "a truth value",
        "pays without its sign": "a truth value",
        "pays doubled": "a truth value",
    }
}
