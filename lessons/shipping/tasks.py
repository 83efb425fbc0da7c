"""The task of the lesson shipping: some images choose the model to send, and others say what to promise."""

import math

import torch

from course_utils import check

page = check.page(globals())


def in_tensors(right, kilobytes, most):
    """Squares both sides, and lets sorting find the smallest."""
    sizes = torch.tensor(kilobytes)
    inside = sizes <= most
    if not inside.any():
        return "none"
    choosing, reporting = right.chunk(2, dim=1)
    count = choosing.long().sum(1)
    best = torch.where(inside, count, -1).argmax()
    apart = (choosing ^ choosing[best]).sum(1)
    passing = inside & ((count[best] - count) ** 2 <= 4 * apart)
    number = next(k for k in sizes.argsort().tolist() if passing[k])
    return number, reporting[number].float().mean().item()


def in_one_walk(right, kilobytes, most):
    """Walks from the smallest file to the largest, and stops at the first that passes."""
    n = right.shape[1]
    order = sorted((kb, k) for k, kb in enumerate(kilobytes) if kb <= most)
    best = max(order, key=lambda pair: int(right[pair[1], : n // 2].sum()), default=(0, 0))[1]
    for _, k in order:
        won = int((right[best] & ~right[k])[: n // 2].sum())
        lost = int((right[k] & ~right[best])[: n // 2].sum())
        if won - lost <= 2 * math.sqrt(won + lost):
            return k, int(right[k, n // 2 :].sum()) / (n - n // 2)
    return "none"


def with_numpy(right, kilobytes, most):
    """Turns the rows into lists, and drops what doesn't fit."""
    lines = {k: line.tolist() for k, line in enumerate(right) if not kilobytes[k] > most}
    if len(lines) == 0:
        return "none"
    half = right.size(1) // 2
    best = max(lines.values(), key=lambda line: sum(line[:half]))
    small = [
        (kilobytes[k], k)
        for k, line in lines.items()
        if sum(best[:half]) - sum(line[:half])
        <= 2 * sum(a is not b for a, b in zip(line[:half], best[:half], strict=True)) ** 0.5
    ]
    number = min(small)[1]
    return number, sum(lines[number][half:]) / len(lines[number][half:])


def rows(*texts):
    """A line of `right` for each text of 0 and 1, the choosing half before the space."""
    return torch.tensor([[sign == "1" for sign in text.replace(" ", "")] for text in texts])


def promised(answer, right, kilobytes, most):
    found = answer(right, kilobytes, most)
    if isinstance(found, str):
        return {"the answer": found}
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise check.Mistake(
            f"The number of a model and its share of right answers should come back, or none as a word, and not {check.tell(found)}."
        )
    return {"the number of the model to send": found[0], "the share that is promised": found[1]}


LARGE_LEADS, SMALL_PASSES = rows("111111 110000", "000000 111111"), rows("111111 000000", "111000 110000")


promise = page.write(
    "promise",
    "Choose and promise",
    cases={
        "one model of 10 kB": (rows("111 100"), [10], 10),
        "two models, the small one passes": (SMALL_PASSES, [40, 10], 40),
        "two models, the large one leads by more than luck": (LARGE_LEADS, [40, 10], 40),
        "the same, but only the small one fits": (LARGE_LEADS, [40, 10], 20),
        "the same, and none fits": (LARGE_LEADS, [40, 10], 5),
        "4 behind, and two roots of 4 are 4": (rows("11111 11100", "10000 10000"), [40, 10], 40),
        "5 behind, and two roots of 5 are less": (rows("11111 11100", "00000 11111"), [40, 10], 40),
        "5 behind; 7 differ, 6 of them one way": (rows("1111110 0000000", "0000001 1111100"), [40, 10], 40),
        "three models, the largest doesn't fit": (
            rows("11111111 11111111", "11111100 11000000", "11110000 10000000"),
            [40, 20, 10],
            30,
        ),
        "two models that the reporting images would choose otherwise": (
            rows("1100000 1111111", "0000000 0000001"),
            [40, 10],
            40,
        ),
        "three models, the best doesn't fit": (
            rows("11111111 11111111", "00000001 00000001", "00000000 11110000"),
            [40, 20, 10],
            20,
        ),
        "the best is the second one": (rows("000000 111111", "111111 110000"), [10, 40], 40),
        "three models, the best of middle size": (
            rows("000000 111111", "111111 110000", "000000 111000"),
            [40, 20, 10],
            40,
        ),
        "two models, the best is the smaller one": (rows("111110 110000", "111111 111000"), [40, 20], 40),
        "three models, each with a d of its own": (rows("11111 11100", "11100 00000", "00000 11111"), [40, 20, 10], 40),
        "9 behind, 9 differ on the choosing images, and 25 in all": (
            rows("1111111110000000 1111111111111111", "0000000000000000 0000000000000000"),
            [40, 10],
            40,
        ),
    },
    run=promised,
    wrong={
        "The images that chose are too kind to the winner. Report the other half.": [
            "reporting[number].double() -> choosing[number].double()",
            "reporting[number].double() -> right[number].double()",
        ],
        "The choosing images choose, and the others take no part in it.": [
            "right[:, :half], right[:, half:] -> right, right[:, half:]",
            "(choosing[k] != choosing[best]) -> (right[k] != right[best])",
        ],
        "A file of just this size still fits: at most 20 kB includes 20.": "kilobytes[k] <= most -> kilobytes[k] < most",
        "A model that doesn't fit can't be the best one.": "max(fits, key -> max(range(len(right)), key",
        "The best isn't always sent: a smaller model that passes goes first.": "min(passing, key=lambda k: kilobytes[k]) -> best",
        "A model has to pass before its size counts: the best may lead by more than luck.": [
            "min(passing, key -> min(fits, key",
            "2 * d**0.5 -> 2 * d",
        ],
        "d counts the images on which the two disagree, either way.": [
            "choosing[k] != choosing[best] -> choosing[k] == choosing[best]",
            "(choosing[k] != choosing[best]) -> (choosing[best] & ~choosing[k])",
        ],
        "Luck reaches two roots of d.": "2 * d**0.5 -> d**0.5",
        "The first half of the images chooses, and the second reports.": "right[:, :half], right[:, half:] -> right[:, half:], right[:, :half]",
        "The number of the model comes back, and not its bytes.": "return number,  -> return kilobytes[number], ",
        "": [
            "min(passing, key -> max(passing, key",
            "<= 2 * d**0.5 -> < 2 * d**0.5 or k == best",
            'return "none" -> fits = list(range(len(right)))',
        ],
    },
    right=[in_tensors, in_one_walk, with_numpy],
    steps={"count": "right answers on the choosing images", "passing": "the models that pass"},
    passed="The limit comes first, and only leads beyond chance count. The images that report took no part in the choice.",
)
