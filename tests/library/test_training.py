"""fit and evaluate on a small problem that can be solved, and on input that cannot be used."""

import pytest
import torch

from course_utils import training


def two_clouds(n=200):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    return torch.randn(n, 4, generator=generator) + 4 * labels[:, None], labels


def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 2)


def test_the_loss_is_the_mean_over_the_steps_of_a_pass():
    x, y = two_clouds(30)
    model, seen = linear(), []
    frozen = torch.optim.SGD(model.parameters(), lr=0.0)
    model.register_forward_hook(lambda _, args, out: seen.append(len(args[0])))
    losses = training.fit(model, x, y, steps=5, batch_size=10, optimizer=frozen, device="cpu")
    assert seen == [10] * 5 and len(losses) == 2  # a pass of three steps, and two steps of the next
    assert model.training and all(p.grad is None for p in model.parameters())
    with torch.no_grad():
        whole = torch.nn.functional.cross_entropy(model(x), y).item()
    assert losses[0] == pytest.approx(whole, rel=1e-5)  # nothing moves: the mean over batches of equal size


def test_fit_takes_the_steps_of_a_plain_loop():
    """Written out with torch alone: the same batches, the same learning rates, the same bits."""
    x, y = two_clouds(50)
    ours, plain, rates = linear(), linear(), []
    adam = torch.optim.Adam(ours.parameters(), lr=0.01)
    ours.register_forward_hook(lambda *_: rates.append(adam.param_groups[0]["lr"]))
    training.fit(
        ours,
        x,
        y,
        steps=12,
        batch_size=16,
        seed=3,
        optimizer=adam,
        schedule=lambda done: 1 - done,
        device="cpu",
        progress=False,
    )
    other, shuffler = torch.optim.Adam(plain.parameters(), lr=0.01), torch.Generator().manual_seed(3)
    order = [part for _ in range(3) for part in torch.randperm(50, generator=shuffler).split(16)]
    for i, picked in enumerate(order):
        other.param_groups[0]["lr"] = 0.01 * (1 - i / 12)
        other.zero_grad()
        torch.nn.functional.cross_entropy(plain(x[picked]), y[picked]).backward()
        other.step()
    assert len(order) == 12 and torch.equal(ours.weight, plain.weight) and torch.equal(ours.bias, plain.bias)
    assert rates == pytest.approx([0.01 * (1 - i / 12) for i in range(12)])


def test_a_quick_fit_takes_five_steps_however_many_passes(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    calls = []
    model = linear()
    model.register_forward_hook(lambda *_: calls.append(1))
    x, y = two_clouds()
    training.fit(model, x, y, epochs=3, batch_size=1, device="cpu")
    assert len(calls) == training.QUICK_STEPS == len(list(training.batches(100, 1, steps=50, seed=0)))


def test_fit_stops_at_a_loss_that_is_not_finite():
    x, y = two_clouds()
    model = linear()
    with torch.no_grad():
        model.weight.fill_(1e38)
    with pytest.raises(RuntimeError, match="loss of step 1 is not finite"):
        training.fit(model, x, y, batch_size=50, device="cpu")


def test_fit_restores_the_threads(monkeypatch):
    monkeypatch.setattr(training, "training_threads", lambda: torch.get_num_threads() + 1)
    before, during, model = torch.get_num_threads(), [], linear()
    model.register_forward_hook(lambda *_: during.append(torch.get_num_threads()))
    x, y = two_clouds()
    training.fit(model, x, y, steps=1, device="cpu")
    with pytest.raises(RuntimeError):
        training.fit(linear(), x * float("nan"), y, device="cpu")
    assert torch.get_num_threads() == before and during == [before + 1]


@pytest.mark.parametrize(("n_images", "n_labels"), [(0, 0), (5, 4)])
def test_data_that_does_not_match_is_refused(n_images, n_labels):
    x, y = torch.zeros(n_images, 4), torch.zeros(n_labels, dtype=torch.int64)
    for call in (training.fit, training.evaluate):
        with pytest.raises(ValueError, match=f"got {n_images} images and {n_labels} labels"):
            call(linear(), x, y)


@pytest.mark.parametrize("bad", [lambda y: y[:, None], lambda y: y.float(), torch.nn.functional.one_hot])
def test_labels_that_would_be_miscounted_are_refused(bad):
    x, y = two_clouds()
    for call in (training.fit, training.evaluate):
        with pytest.raises(ValueError, match=r"integers of shape \(200,\)"):
            call(linear(), x, bad(y))


def test_evaluate_uses_evaluation_mode():
    model = torch.nn.Sequential(torch.nn.Dropout(0.99), torch.nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.eye(2))
    x = torch.eye(2).repeat(50, 1)
    y = torch.arange(2).repeat(50)
    assert training.evaluate(model, x, y, batch_size=7) == 1.0


def test_evaluate_counts_by_hand():
    class FirstClass(torch.nn.Module):
        def forward(self, x):
            return torch.tensor([[1.0, 0.0]]).expand(len(x), 2)

    assert training.evaluate(FirstClass(), torch.zeros(4, 1), torch.tensor([0, 1, 0, 0])) == 0.75


def normed():
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), linear())


def test_fit_keeps_what_was_frozen_in_a_model_that_trains():
    model, (x, y) = normed(), two_clouds(9)
    model[1].eval()
    training.fit(model, x, y, batch_size=4, device="cpu")  # and so a last batch of one is no matter
    assert model.training and not model[1].training and model[1].num_batches_tracked == 0
    model.eval()
    training.fit(model, x, y, batch_size=3, device="cpu")
    assert model[1].training and model[1].num_batches_tracked == 3
