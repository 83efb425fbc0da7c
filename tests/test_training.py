"""fit and evaluate on a small problem that can be solved, and on input that cannot be used."""

import pytest
import torch

from course_utils import runtime, training


def two_clouds(n=200):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    return torch.randn(n, 4, generator=generator) + 4 * labels[:, None], labels


def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 2)


def test_fit_learns_and_reports_each_epoch():
    x, y = two_clouds()
    model = linear()
    history = training.fit(model, x, y, epochs=5, batch_size=20, lr=0.05, validation=(x, y), device="cpu")
    assert len(history.loss) == len(history.accuracy) == 5
    assert history.loss[-1] < history.loss[0]
    assert history.accuracy[-1] == training.evaluate(model, x, y) > 0.95
    assert model.training
    assert len(history.plot().axes) == 2


def test_fit_repeats_with_a_seed_and_leaves_the_global_generator_alone():
    x, y = two_clouds()
    models = [linear() for _ in range(3)]
    before = torch.get_rng_state()
    for model, seed in zip(models, (1, 1, 2), strict=True):
        training.fit(model, x, y, batch_size=7, seed=seed, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(models[0].weight, models[1].weight)
    assert not torch.equal(models[0].weight, models[2].weight)


def test_fit_trains_on_the_last_batch_too():
    seen = []

    class Counts(torch.nn.Linear):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    x, y = two_clouds(25)
    training.fit(Counts(4, 2), x, y, batch_size=10, device="cpu")
    assert seen == [10, 10, 5]


def test_fit_uses_the_optimizer_it_is_given():
    x, y = two_clouds()
    model = linear()
    before = model.weight.clone()
    training.fit(model, x, y, optimizer=torch.optim.SGD(model.parameters(), lr=0.0), device="cpu")
    assert torch.equal(model.weight, before)


def test_a_quick_fit_takes_five_steps(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    calls = []
    model = linear()
    model.register_forward_hook(lambda *_: calls.append(1))
    x, y = two_clouds()
    training.fit(model, x, y, batch_size=1, device="cpu")
    assert len(calls) == training.QUICK_STEPS


def test_fit_stops_at_a_loss_that_is_not_finite():
    x, y = two_clouds()
    with pytest.raises(RuntimeError, match="not finite after 4 steps"):
        training.fit(linear(), x * float("nan"), y, batch_size=50, device="cpu")


def test_fit_restores_the_threads(monkeypatch):
    monkeypatch.setattr(training, "training_threads", lambda: torch.get_num_threads() + 1)
    before = torch.get_num_threads()
    x, y = two_clouds()
    with pytest.raises(RuntimeError):
        training.fit(linear(), x * float("nan"), y, device="cpu")
    assert torch.get_num_threads() == before
    assert runtime.physical_cores() >= 1


@pytest.mark.parametrize(("n_images", "n_labels"), [(0, 0), (5, 4)])
def test_data_that_does_not_match_is_refused(n_images, n_labels):
    x, y = torch.zeros(n_images, 4), torch.zeros(n_labels, dtype=torch.int64)
    for call in (training.fit, training.evaluate):
        with pytest.raises(ValueError, match=f"got {n_images} images and {n_labels} labels"):
            call(linear(), x, y)


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"batch_size": 0}])
def test_fit_refuses_nothing_to_do(bad):
    with pytest.raises(ValueError, match="1 or more"):
        training.fit(linear(), *two_clouds(), **bad)


def test_evaluate_uses_evaluation_mode_and_restores_the_mode():
    model = torch.nn.Sequential(torch.nn.Dropout(0.99), torch.nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.eye(2))
    x = torch.eye(2).repeat(50, 1)
    y = torch.arange(2).repeat(50)
    assert training.evaluate(model, x, y, batch_size=7) == 1.0
    assert model.training
    model.eval()
    training.evaluate(model, x, y)
    assert not model.training


def test_evaluate_counts_by_hand():
    class FirstClass(torch.nn.Module):
        def forward(self, x):
            return torch.tensor([[1.0, 0.0]]).expand(len(x), 2)

    assert training.evaluate(FirstClass(), torch.zeros(4, 1), torch.tensor([0, 1, 0, 0])) == 0.75
