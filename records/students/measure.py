"""Train students that see no three, of answers, of a control and of labels, at several rates: lesson `students`."""

import torch
import torch.nn.functional as F

from course_utils import data
from course_utils.files import ROOT
from lessons.distillation.teaching import Arm, mlp, teach_all
from records import writing
from records.distillation.measure import large

REPEATS = range(6)  # each has its own teacher, its own first weights and its own order of the images
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04)
MISSING, T = 3, 8.0


def main(arguments):
    """Train all students of each repeat, and write the record: some minutes on one thread."""
    path = ROOT / "records" / "students" / "missing.json"
    writing.of_each(arguments, __doc__, path, REPEATS, runs_of, "repeats")


def runs_of(repeat):
    """All students of one repeat at all rates, with a bias and without."""
    images, labels = data.load("mnist")
    test_images, test_labels = data.load("mnist", "test")
    images, test_images = images.flatten(1), test_images.flatten(1)
    split = len(images) * 5 // 6  # the first 50,000 images teach; the other 10,000 choose rates and biases
    x, y = images[:split], labels[:split]
    judges = (images[split:], labels[split:]), (test_images, test_labels)
    teacher = large(repeat, x, y, 1000)
    often = max(1, (teacher(judges[0][0]).argmax(1) == MISSING).sum().item())
    yield {"repeat": repeat, "arm": "teacher", **verdict(teacher, often, *judges)}
    logits, seen = teacher(x), y != MISSING
    without, own = arms_of(logits[seen], y[seen]), F.one_hot(y, 10).float()
    with_all = {"soft, all ten": Arm(F.softmax(logits / T, 1), T)}
    for rate in RATES:
        for arms, rows in (without, seen), (with_all, torch.ones_like(seen)):
            nets = teach_all([mlp(100, repeat)], list(arms.values()), x[rows], own[rows], seeds=[repeat], lr=rate)
            for name, net in zip(arms, nets[0], strict=True):
                yield {"repeat": repeat, "arm": name, "rate": rate, **verdict(net, often, *judges)}


def arms_of(logits, y):
    """Name -> what a student is taught, from a teacher's logits and the labels."""
    soft = F.softmax(logits / T, 1)
    mean, column = soft[:, MISSING].mean(), F.one_hot(torch.tensor(MISSING), 10).bool()
    others = soft.masked_fill(column, 0)
    others = others / others.sum(1, keepdim=True)
    return {
        "labels": Arm(F.one_hot(y, 10).float()),
        "soft": Arm(soft, T),
        "a three in all alike": Arm(torch.where(column, mean, others * (1 - mean)), T),
        "soft, T = 1": Arm(F.softmax(logits, 1)),
    }


@torch.no_grad()
def verdict(net, often, held_out, test):
    """Errors on held-out images, and what the network says about test images: without a bias and with two.

    `often` is the count that finds the first bias, on held-out images without labels. The second has the fewest errors
    on held-out images, so it needs labels.
    """
    (x, y), (test_x, test_y) = held_out, test
    logits, tested = net(x), net(test_x)
    margins, test_margins = margin(logits), margin(tested)
    ordered = margins.sort(descending=True).values
    by_count = -(ordered[often - 1] + ordered[often]) / 2
    biases = torch.arange(-5, 30, 0.1)
    by_labels = biases[torch.stack([(says(logits, b) != y).sum() for b in biases]).argmin()]
    wrong, own = logits.argmax(1) != y, test_y == MISSING
    return {
        "held_out": wrong.sum().item(),
        "held_out_seen": wrong[y != MISSING].sum().item(),
        "margin_threes": round(test_margins[own].median().item(), 3),
        "margin_others": round(test_margins[~own].median().item(), 3),
        "zero": counts(says(tested, 0.0), test_y),
        "by_count": {"b": round(by_count.item(), 3), **counts(says(tested, by_count), test_y)},
        "by_labels": {"b": round(by_labels.item(), 3), **counts(says(tested, by_labels), test_y)},
    }


def margin(logits):
    """The logit of the missing class minus the highest other one."""
    return logits[:, MISSING] - logits.index_fill(1, torch.tensor(MISSING), -torch.inf).amax(1)


def says(logits, b):
    """The classes that logits name with a bias on the missing one."""
    moved = logits.clone()
    moved[:, MISSING] += b
    return moved.argmax(1)


def counts(said, y):
    """Threes recognized, false alarms, and all errors."""
    named, own = said == MISSING, y == MISSING
    found = {"threes": named & own, "false_alarms": named & ~own, "errors": said != y}
    return {name: which.sum().item() for name, which in found.items()}
