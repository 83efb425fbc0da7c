"""The lesson `weight_only`: plausible wrong answers and odd but right ones, as a learner would write them.

TO WRITE: three wrong answers and two odd ones for each exercise, or more.
"""


def rounded_down(n_numbers, bits):
    return n_numbers * bits // 8


def by_counting(n_numbers, bits):
    return len(range(0, n_numbers * bits, 8))


WRONG = {"whole_bytes": [rounded_down]}
ODD = {"whole_bytes": [by_counting]}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}
