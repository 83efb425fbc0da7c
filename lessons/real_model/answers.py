"""The lesson `real_model`: plausible wrong answers and odd but right ones, as a learner would write them.

TO WRITE: three wrong answers and two odd ones for each exercise, or more.
"""


def rounded_down(n_numbers, bits):
    return n_numbers * bits // 8


def by_counting(n_numbers, bits):
    return len(range(0, n_numbers * bits, 8))


def one_seed(accuracy):
    return "new" if accuracy("new", seed=0) > accuracy("old", seed=0) else "no difference"


def other_seeds(accuracy):
    new, old = [accuracy("new", seed=s) for s in (0, 1, 3)], [accuracy("old", seed=s) for s in (1, 2, 4)]
    return "new" if min(new) > max(old) else "no difference"


def seed_by_seed(accuracy):
    pairs = [(accuracy("new", seed=s), accuracy("old", seed=s)) for s in (7, 8, 9, 10)]
    return "new" if all(n > o for n, o in pairs) else "old" if all(n < o for n, o in pairs) else "no difference"


WRONG = {"whole_bytes": [rounded_down], "better_recipe": [one_seed, other_seeds]}
ODD = {"whole_bytes": [by_counting], "better_recipe": [seed_by_seed]}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}
