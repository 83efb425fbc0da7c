"""The exercise of the lesson shipping: odd but right answers, and wrong ones as patches of the solution."""


def _keeps(row, limits):
    for name, (low, high) in limits.items():
        if row[name] is None or row[name] < low or row[name] > high:
            return False
    return True


def in_one_walk(rows, limits, best="accuracy"):
    """Keeps the best row so far."""
    champion = None
    for row in rows:
        if row[best] is None or not _keeps(row, limits):
            continue
        if champion is None or (row[best], -row["file_bytes"]) > (champion[best], -champion["file_bytes"]):
            champion = row
    return "nobody" if champion is None else champion["name"]


def by_sorting(rows, limits, best="accuracy"):
    """Sorts by bytes, then by what is best; both sorts are stable."""
    fit = [row for row in rows if row[best] is not None and _keeps(row, limits)]
    order = sorted(sorted(fit, key=lambda row: row["file_bytes"]), key=lambda row: row[best], reverse=True)
    return next((row["name"] for row in order), "nobody")


def with_an_exception(rows, limits, best="accuracy"):
    """Takes a missing value for one that is not a number, and asks for forgiveness."""
    nan = float("nan")
    inside = filter(
        lambda row: all(
            low <= (nan if row[name] is None else row[name]) <= high for name, (low, high) in limits.items()
        ),
        (row for row in rows if row[best] is not None),
    )
    try:
        return min(inside, key=lambda row: (-row[best], row["file_bytes"]))["name"]
    except ValueError:
        return "nobody"


ODD = {"pick": [in_one_walk, by_sorting, with_an_exception]}
WRONG = {
    "pick": {
        "one limit is enough": ("all(low", "any(low"),
        "the ends do not belong to a limit": ("low <= row[name] <= high", "low < row[name] < high"),
        "looks at the upper ends only": ("low <= row[name] <= high", "row[name] <= high"),
        "rows with anything missing go": ("[row[name] for name in [*limits, best]]", "row.values()"),
        "a 0 counts as missing": (
            "None not in [row[name] for name in [*limits, best]]",
            "all(row[name] for name in [*limits, best])",
        ),
        "always the accuracy": ("max(fit, key=lambda row: (row[best]", 'max(fit, key=lambda row: (row["accuracy"]'),
        "ties by the first": (', -row["file_bytes"]', ""),
        "ties by the largest file": ('-row["file_bytes"]', 'row["file_bytes"]'),
        "the nearest in place of nobody": ('return "nobody"', 'return rows[0]["name"] if rows else "nobody"'),
    }
}
EQUIVALENT = {
    "pick": {
        "measured doubled": "every row twice: the first of two equal rows wins",
        "fit doubled": "every row twice: the first of two equal rows wins",
        "ties doubled": "every row twice: the first of two equal rows wins",
    }
}
