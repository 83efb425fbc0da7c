"""Arms that are taught side by side: each as if alone, from one start, and with the loss that they say."""

import pytest
import torch
import torch.nn.functional as F

from course_utils.training import batches
from lessons.distillation.teaching import Arm, teach_all

STEPS, BATCH, LR = 7, 5, 0.02


@pytest.fixture
def problem():
    """(inputs, labels as probabilities, soft targets)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 6, generator=generator)
    y = torch.randint(0, 3, (20,), generator=generator)
    return x, F.one_hot(y, 3).float(), torch.randn(20, 3, generator=generator).softmax(1)


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))


def by_hand(loss, x):
    """The weights after a plain loop over the same batches; `loss` takes logits and the positions of the batch."""
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    for step, picked in enumerate(batches(len(x), BATCH, steps=STEPS, seed=3)):
        optimizer.param_groups[0]["lr"] = LR * (1 - step / STEPS)
        optimizer.zero_grad()
        loss(net(x[picked]), picked).backward()
        optimizer.step()
    return net.state_dict()


def taught(arms, x, own):
    return teach_all([network()], arms, x, own, steps=STEPS, batch=BATCH, lr=LR, seeds=[3])[0]


def assert_equal(net, weights):
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, weights[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("T", "alpha", "squared"), [(1.0, 1.0, True), (4.0, 0.3, True), (4.0, 0.3, False)])
def test_an_arm_learns_what_a_plain_loop_with_its_loss_learns(problem, T, alpha, squared):
    x, own, soft = problem

    def loss(z, picked):
        from_teacher = F.kl_div(F.log_softmax(z / T, 1), soft[picked], reduction="batchmean")
        from_labels = F.cross_entropy(z, own[picked].argmax(1))
        return alpha * (T**2 if squared else 1) * from_teacher + (1 - alpha) * from_labels

    arms = [Arm(own), Arm(soft, T, alpha, squared), Arm(soft.flip(0))]
    assert_equal(taught(arms, x, own)[1], by_hand(loss, x))
