"""the lesson `distillation`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math

import numpy as np
import torch
import torch.nn.functional as F


def without_square(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


def swapped(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(teacher.detach() / T, 1), F.softmax(student / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def student_not_log(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(student, labels)


def teacher_not_detached(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def mean_over_all(student, teacher, labels, T, alpha):
    p, q = F.softmax(teacher.detach() / T, 1), F.softmax(student / T, 1)
    soft = (p * (p.log() - q.log())).mean()
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def weights_swapped(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return (1 - alpha) * T**2 * soft + alpha * F.cross_entropy(student, labels)


def labels_at_temperature(student, teacher, labels, T, alpha):
    student = student / T
    soft = F.kl_div(F.log_softmax(student, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def cross_entropy_with_targets(student, teacher, labels, T, alpha):
    soft = F.cross_entropy(student / T, F.softmax(teacher.detach() / T, 1))
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def student_cut_off(student, teacher, labels, T, alpha):
    with torch.no_grad():
        soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher / T, 1), reduction="batchmean")
        return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def labels_in_full(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + F.cross_entropy(student, labels)


def softmax_over_the_batch(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 0), F.softmax(teacher.detach() / T, 0), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def both_as_logarithms(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.log_softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(student, labels)


def softmax_twice(student, teacher, labels, T, alpha):
    soft = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="batchmean")
    return alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(F.softmax(student, 1), labels)


def by_hand(student, teacher, labels, T, alpha):
    with torch.no_grad():
        p = torch.softmax(teacher / T, dim=1)
    q = torch.softmax(student / T, dim=1)
    soft = (p * torch.log(p / q)).sum(dim=1).mean()
    own = -torch.log_softmax(student, 1)[torch.arange(len(labels)), labels].mean()
    return alpha * T * T * soft + (1 - alpha) * own


def with_log_target(student, teacher, labels, T, alpha):
    target = F.log_softmax(teacher.detach() / T, dim=-1)
    soft = F.kl_div(F.log_softmax(student / T, dim=-1), target, reduction="sum", log_target=True) / student.shape[0]
    return torch.lerp(F.cross_entropy(student, labels), T**2 * soft, alpha)


def row_entropies(p):
    return -(p * torch.log2(p.clamp_min(1e-30))).sum(1)


def halve(measure, bits, steps=60):
    low, high = 0.05, 500.0
    for _ in range(steps):
        middle = math.sqrt(low * high)
        if measure(middle) < bits:
            low = middle
        else:
            high = middle
    return middle


def multiplies(logits, bits):
    low, high = 0.002, 20.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        if row_entropies(F.softmax(logits * middle, 1)).mean() < bits:
            high = middle
        else:
            low = middle
    return middle


def in_nats(logits, bits):
    return halve(lambda T: torch.special.entr(F.softmax(logits / T, 1)).sum(1).mean(), bits)


def entropy_of_the_mean(logits, bits):
    return halve(lambda T: row_entropies(F.softmax(logits / T, 1).mean(0, keepdim=True)).mean(), bits)


def sum_of_rows(logits, bits):
    return halve(lambda T: row_entropies(F.softmax(logits / T, 1)).sum(), bits)


def softmax_over_images(logits, bits):
    return halve(lambda T: -(F.softmax(logits / T, 0) * F.log_softmax(logits / T, 0) / math.log(2)).sum(0).mean(), bits)


def wrong_way(logits, bits):
    low, high = 0.05, 500.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        if row_entropies(F.softmax(logits / middle, 1)).mean() > bits:
            low = middle
        else:
            high = middle
    return middle


def mean_over_classes(logits, bits):
    def measure(T):
        p = F.softmax(logits / T, 1)
        return -(p * torch.log2(p.clamp_min(1e-30))).mean()

    return halve(measure, bits)


def whole_temperatures(logits, bits):
    found = [row_entropies(F.softmax(logits / T, 1)).mean().item() for T in range(1, 101)]
    return 1 + int(np.abs(np.array(found) - bits).argmin())


def logarithm_of_zero(logits, bits):
    low, high = 0.05, 500.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        p = F.softmax(logits / middle, 1)
        if -(p * p.log2()).sum(1).mean() > bits:
            high = middle
        else:
            low = middle
    return middle


def on_a_grid(logits, bits):
    grid = np.geomspace(0.05, 500, 3000)
    found = [row_entropies(F.softmax(logits / T, 1)).mean().item() for T in grid]
    return grid[np.abs(np.array(found) - bits).argmin()]


def plain_halves(logits, bits):
    low, high = torch.tensor(0.05), torch.tensor(500.0)
    while high - low > 1e-3 * low:
        T = (low + high) / 2
        p = (logits.double() / T).softmax(-1)
        low, high = (T, high) if torch.distributions.Categorical(p).entropy().mean() / math.log(2) < bits else (low, T)
    return T


WRONG = {
    "distillation_loss": [
        without_square,
        swapped,
        student_not_log,
        teacher_not_detached,
        mean_over_all,
        weights_swapped,
        labels_at_temperature,
        cross_entropy_with_targets,
        student_cut_off,
        labels_in_full,
        softmax_over_the_batch,
        both_as_logarithms,
        softmax_twice,
    ],
    "temperature_for": [
        multiplies,
        in_nats,
        entropy_of_the_mean,
        sum_of_rows,
        softmax_over_images,
        wrong_way,
        mean_over_classes,
        whole_temperatures,
        logarithm_of_zero,
    ],
}
ODD = {"distillation_loss": [by_hand, with_log_target], "temperature_for": [on_a_grid, plain_halves]}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "temperature_for": {
        "for _ in range(40):: 40 -> 39": "ten halvings fewer would still give 1 %",
        "for _ in range(40):: 40 -> 41": "ten halvings fewer would still give 1 %",
        "low, high = (0.05, 500.0): 500.0 -> 499.0": "1 % is close enough, so 499 will do where 500 is right",
        "low, high = (0.05, 500.0): 500.0 -> 501.0": "the search still holds all temperatures from 0.05 to 500",
        "low, high = (middle, high) if mean_bits < bits else (low, middle): mean_bits < bits: Lt -> LtE": (
            "where both are equal, the middle is the temperature, and either half has it at its end"
        ),
    },
}
