"""Train students of a teacher's answers, of controls and of labels at several rates: lesson `distillation`."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data, runtime
from course_utils.files import ROOT
from course_utils.training import batches
from lessons.distillation.teaching import Arm, mlp, teach_all
from records import writing

REPEATS = range(6)  # each has its own teacher, its own thousand images and its own first weights
RATES = (0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
SEEN, SHARE = 50_000, 1000  # images of a teacher and of a student; the other 10,000 choose rates
T = 8.0


def main(arguments):
    """Train all students of each repeat, and write the record: some minutes on one thread."""
    path = ROOT / "records" / "distillation" / "students.json"
    writing.of_each(arguments, __doc__, path, REPEATS, runs_of, "repeats")


def runs_of(repeat):
    """All students of one repeat at all rates: errors on held-out and on test images."""
    images, labels = data.load("mnist")
    test_images, test_labels = data.load("mnist", "test")
    images, test_images = images.flatten(1), test_images.flatten(1)
    mine = slice(SHARE * repeat, SHARE * (repeat + 1))
    x, y = images[mine], labels[mine]
    judges = {"held_out": (images[SEEN:], labels[SEEN:]), "test": (test_images, test_labels)}
    teacher = large(repeat, images[:SEEN], labels[:SEEN], 1000)
    arms = arms_of(teacher(x), y) | narrow_arms(repeat, x, y, softness(teacher(x) / T))
    yield {"repeat": repeat, "arm": "teacher", "sure": round(softness(teacher(x) / T), 4), **errors(teacher, judges)}
    for rate in RATES:
        nets = teach_all([mlp(30, repeat)], list(arms.values()), x, F.one_hot(y, 10).float(), seeds=[repeat], lr=rate)
        for (name, arm), net in zip(arms.items(), nets[0], strict=True):
            sure = round(arm.targets.amax(1).mean().item(), 4)
            yield {"repeat": repeat, "arm": name, "rate": rate, "sure": sure, **errors(net, judges)}


def arms_of(logits, y):
    """Name -> what a student is taught, from a teacher's logits and the labels."""
    own, soft = F.one_hot(y, 10).float(), F.softmax(logits / T, 1)
    highest, first = soft.max(1, keepdim=True)
    top, mean = F.one_hot(first[:, 0], 10).bool(), highest.mean()
    others = soft.masked_fill(top, 0)
    even = torch.where(top, highest, (1 - highest) / 9)
    named = torch.where(top, mean, others / others.sum(1, keepdim=True) * (1 - mean))
    alike = torch.where(top, mean, (1 - mean) / 9)
    arms = {"labels": Arm(own), "labels, T = 8": Arm(own, T), "first choice": Arm(top.float(), T)}
    arms |= {"alike": Arm(alike, T), "even": Arm(even, T), "named": Arm(named, T), "soft": Arm(soft, T)}
    arms |= {f"soft, T = {t}": Arm(F.softmax(logits / t, 1), float(t)) for t in (1, 2, 4, 20, 200)}
    for t in (8, 20):
        target = F.softmax(logits / t, 1)
        arms[f"half, T = {t}"] = Arm(target, float(t), 0.5)
        arms[f"half, T = {t}, without T²"] = Arm(target, float(t), 0.5, squared=False)
    return arms


def narrow_arms(repeat, x, y, sure):
    """The same for teachers that saw the student's images only; `sure` is the mean of the first teacher's highest."""
    few, many = (large(repeat, x, y, steps)(x) for steps in (100, 500))
    low, high = 0.5, 100.0
    for _ in range(30):  # the T at which the answers of 25 passes are as soft as the first teacher's
        middle = (low * high) ** 0.5
        low, high = (middle, high) if softness(many / middle) > sure else (low, middle)
    return {
        "narrow, 5 passes": Arm(F.softmax(few / T, 1), T),
        "narrow, 25 passes": Arm(F.softmax(many / T, 1), T),
        "narrow, 25 passes, as soft": Arm(F.softmax(many / low, 1), low),
    }


def softness(logits):
    """The mean of the highest probabilities."""
    return F.softmax(logits, 1).amax(1).mean().item()


def large(seed, x, y, steps):
    """A trained network with 300 and 100 units, without gradients."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    steps = 2 if runtime.quick() else steps
    for step, batch in enumerate(batches(len(x), 50, steps=steps, seed=seed)):
        optimizer.param_groups[0]["lr"] = 0.003 * (1 - step / steps)
        optimizer.zero_grad()
        F.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()
    return net.requires_grad_(False)


@torch.no_grad()
def errors(net, judges):
    """Wrong answers on each set of images."""
    return {name: (net(x).argmax(1) != y).sum().item() for name, (x, y) in judges.items()}
