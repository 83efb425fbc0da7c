"""The lottery engine and its sweep: equal to five plain steps, the same on every executor."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from _lottery import comparable, experiment, sweep
from torch.nn import functional as F

from course_utils import lottery, models
from course_utils.lottery import engine
from course_utils.lottery.results import Results


def five_plain_steps(exp, seed):
    """The algorithm with autograd and a Module, as the lesson `ticket` shows it; (accuracy, masks) of each level."""
    sets = engine.load(exp.task, exp.held_out, seed)
    start, model, found = engine.initial(exp.widths, seed), models.LeNet300100(), []
    masks = [torch.ones_like(weight) for weight in start[::2]]
    for level in range(len(exp.densities) + 1):
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), start, strict=True):
                parameter.copy_(value)
            for layer, mask in zip(model.children(), masks, strict=True):
                layer.weight *= mask
        optimizer = torch.optim.Adam(model.parameters(), lr=exp.lr, fused=True)
        order = engine.batches(sets.chosen, exp.batch, seed)
        for _ in range(exp.iterations):
            picked = next(order)
            optimizer.zero_grad()
            F.cross_entropy(model(sets.rows[picked]), sets.labels[picked]).backward()
            for layer, mask in zip(model.children(), masks, strict=True):
                layer.weight.grad *= mask
            optimizer.step()
        found.append(((model(sets.test_rows).argmax(1) == sets.test_labels).float().mean().item(), masks))
        if level < len(exp.densities):
            new = []
            for layer, mask, density in zip(model.children(), masks, exp.layer_densities(level + 1), strict=True):
                size = torch.where(mask > 0, layer.weight.detach().abs(), -1.0).flatten()
                new.append(torch.zeros_like(size))
                new[-1][size.argsort(descending=True)[: round(density * size.numel())]] = 1
            masks = [n.view_as(m) for n, m in zip(new, masks, strict=True)]
    return found


def test_it_is_the_five_steps_to_the_last_bit():
    exp = experiment()
    plain, results = five_plain_steps(exp, 3), sweep(exp, (3,), controls={})
    for level, (accuracy, masks) in enumerate(plain):
        record = results.of("ticket", level)[0]
        assert record["final_test_accuracy"] == accuracy
        assert record["layer_densities"] == [mask.mean().item() for mask in masks]
        if level:
            packed = results.of("ticket", level - 1)[0]["next_masks"]
            assert all(map(torch.equal, engine.unpack(packed, exp.widths), masks))


def test_a_ticket_starts_from_its_first_weights_at_every_level(monkeypatch):
    """Lightning's rewind hands out the tensors themselves, so that its second round "rewinds" to trained values."""
    starts = []
    real = engine.Trainer

    def watched(values, masks, **options):
        starts.append([value.clone() for value in values])
        trainer = real(values, masks, **options)
        assert all(a.data_ptr() != b.data_ptr() for a, b in zip(values, trainer.values, strict=True))
        return trainer

    monkeypatch.setattr(engine, "Trainer", watched)
    sweep(controls={})
    assert len(starts) == 3
    for start in starts:
        assert all(map(torch.equal, start, engine.initial((784, 300, 100, 10), 0)))


def test_pruned_weights_stay_zero_and_kept_ones_move():
    exp = experiment()
    sets = engine.load(exp.task, exp.held_out, 0)
    values = engine.initial(exp.widths, 0)
    thirds = [torch.arange(w.numel()).view_as(w).remainder(3).eq(0).float() for w in values[::2]]
    masks = engine.shuffled(thirds, 1)
    trainer = engine.Trainer(values, masks, batch=60, lr=1e-3)
    order = engine.batches(sets.chosen, 60, 0)
    for _ in range(5):
        picked = next(order)
        trainer.step(sets.rows[picked], sets.labels[picked])
    for weight, start, mask in zip(trainer.values[::2], values[::2], masks, strict=True):
        assert not weight[mask == 0].any()
        assert (weight != start)[mask == 1].any()


@pytest.mark.parametrize("widths", [(784, 300, 100, 10), (784, 30, 10)])
def test_adam_over_the_weights_that_are_left_gives_the_same_bits(widths):
    sets, values = engine.load("mnist", 500, 0), engine.initial(widths, 0)
    masks = engine.keep_largest(values, [torch.ones_like(w) for w in values[::2]], (0.23,) * (len(widths) - 1))
    both = [engine.Trainer(values, masks, batch=60, lr=1e-3, few=few) for few in (0, engine.FEW)]
    order = engine.batches(sets.chosen, 60, 0)
    for _ in range(10):
        picked = next(order)
        for trainer in both:
            trainer.step(sets.rows[picked], sets.labels[picked])
    whole, few = ([p.numel() for p in trainer.adam.tensors] for trainer in both)
    assert sum(few) < 0.3 * sum(whole)
    assert all(map(torch.equal, both[0].values, both[1].values))


def test_numbers_too_small_to_matter_are_zero_in_a_run_and_nowhere_after_it(monkeypatch):
    seen, real = [], engine.train

    def watched(*args):
        seen.append(torch.tensor(1e-30).mul(1e-10).item())
        return real(*args)

    monkeypatch.setattr(engine, "train", watched)
    lottery.run(experiment(), 0, "dense", 0, "")
    monkeypatch.setattr(engine, "train", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lottery.run(experiment(), 0, "dense", 0, "")
    assert seen == [0] or not torch.set_flush_denormal(False)  # some processors cannot
    assert torch.tensor(1e-30).mul(1e-10).item() > 0


def test_densities_are_those_that_the_paper_prints():
    exp = lottery.Experiment()
    numbers = (784 * 300, 300 * 100, 100 * 10)
    printed = {3: 51.3, 7: 21.1, 9: 13.5, 12: 7.0, 15: 3.6, 16: 2.9}  # in its text, to one decimal
    for level, percent in printed.items():
        overall = 100 * sum(n * d for n, d in zip(numbers, exp.layer_densities(level), strict=True)) / sum(numbers)
        assert overall == pytest.approx(percent, abs=0.06)


def test_the_controls_differ_from_the_ticket_in_one_thing_each(monkeypatch):
    exp, begun = experiment(densities=(0.5,), iterations=20), []
    packed = sweep(exp, controls={}).of("dense", 0)[0]["next_masks"]
    real = engine.train

    def watched(trainer, *rest):
        begun.append(([v.clone() for v in trainer.values], list(trainer.masks)))
        return real(trainer, *rest)

    monkeypatch.setattr(engine, "train", watched)
    for arm in ("ticket", "reinit", "random"):
        lottery.run(exp, 0, arm, 1, packed)
    (ticket, mask), (reinit, same), (random, other) = begun
    assert all(map(torch.equal, mask, same)) and not torch.equal(ticket[0], reinit[0])
    assert [m.sum() for m in mask] == [m.sum() for m in other] and not torch.equal(mask[0], other[0])
    both = (mask[0] * other[0]) > 0
    assert torch.equal(ticket[0][both], random[0][both])


def test_rewinding_to_an_early_iteration():
    late, first = sweep(experiment(rewind=10), controls={}), sweep(controls={})
    assert late.of("ticket", 0)[0]["final_test_accuracy"] == first.of("ticket", 0)[0]["final_test_accuracy"]
    assert late.of("ticket", 1)[0]["curve"][0][0] == 20  # trained from iteration 10 on
    assert late.of("ticket", 1)[0]["curve"] != first.of("ticket", 1)[0]["curve"]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_every_executor_gives_the_same_bits(executor):
    here = sweep(seeds=(0, 1))
    with ThreadPoolExecutor(2) if executor == "threads" else lottery.processes(2) as pool:
        assert comparable(sweep(seeds=(0, 1), executor=pool)) == comparable(here)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"densities": (0.5, 0.6)}, r"densities must fall.*\(0.5, 0.6\)"),
        ({"densities": (1.0,)}, "densities must fall"),
        ({"densities": (0.5, 0.0)}, "densities must fall"),
        ({"densities": ()}, "densities must fall"),
        ({"rewind": 20}, r"rewind must lie in 0 … iterations - 1 \(19\), got 20"),
        ({"batch": 0}, "batch must be 1 or more"),
        ({"held_out": 0}, "held_out must be 1 or more"),
        ({"widths": (784,)}, "widths needs an input and an output"),
    ],
)
def test_no_experiment(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        experiment(**changes)


def test_bad_requests():
    with pytest.raises(ValueError, match="seeds is empty"):
        sweep(seeds=())
    with pytest.raises(ValueError, match="unknown control 'lucky'"):
        sweep(controls={"lucky": [1]})
    with pytest.raises(ValueError, match="random: no level 3; there are 1 to 2"):
        sweep(controls={"random": [3]})
    with pytest.raises(ValueError, match="leaves nothing of 60000 images"):
        sweep(experiment(held_out=60_000), controls={})
    with pytest.raises(ValueError, match="keeps no weight"):
        sweep(experiment(densities=(0.5, 1e-5)), controls={})


def test_results_show_and_keep_themselves(tmp_path):
    results = sweep(seeds=(0, 1), controls={"reinit": [2]})
    text = repr(results)
    assert "ticket" in text and "reinit" in text and "random" not in text and "–" in text and "n=2" in text
    alone = repr(Results(results.experiment, results.of("ticket", 1)[:1]))
    assert "n=1" in alone and "(" not in alone  # one run has no range
    mean, least, most = results.summary("test_accuracy", "ticket", 2)
    assert least <= mean <= most and len(results.of("ticket", 2)) == 2
    with pytest.raises(ValueError, match="no run of 'reinit' at level 1"):
        results.summary("test_accuracy", "reinit", 1)
    with pytest.raises(ValueError, match="no run at level 7"):
        results.density(7)
    results.save(tmp_path / "kept.json", command="python course.py lottery", date="2026-01-01")
    again, about = Results.load(tmp_path / "kept.json")
    (made,) = about.pop("provenance")
    assert about == {"command": "python course.py lottery", "date": "2026-01-01"}
    assert all(record["provenance"] == made for record in again.records)
    assert all("next_masks" not in record for record in again.records) and len(again.records) == len(results.records)
    assert again.summary("test_accuracy", "ticket", 2) == pytest.approx((mean, least, most), abs=1e-6)


def test_every_record_says_what_it_is():
    record = sweep(controls={}).of("ticket", 1)[0]
    assert {
        "seed",
        "arm",
        "level",
        "density",
        "layer_densities",
        "iterations",
        "early_stop",
        "test_accuracy",
        "validation_accuracy",
        "final_test_accuracy",
        "curve",
        "seconds",
    } <= record.keys()
    assert record["provenance"]["versions"]["torch"] == torch.__version__ and record["provenance"]["threads"] == 1


def test_validation_points():
    assert list(engine.validation_points(0, 25, 10)) == [10, 20, 25]
    far = list(engine.validation_points(0, 3000, 10))
    assert far[:3] == [10, 20, 30] and far[199:202] == [2000, 2050, 2100] and far[-1] == 3000


def test_equal_masks_have_one_digest_and_others_another():
    masks = [torch.ones(3, 2), torch.eye(2)]
    other = [masks[0], 1 - masks[1]]
    assert engine.digest(engine.pack(masks)) == engine.digest(engine.pack([m.clone() for m in masks]))
    assert engine.digest(engine.pack(masks)) != engine.digest(engine.pack(other))
    assert all(map(torch.equal, engine.unpack(engine.pack(masks), (2, 3)), masks[:1]))


def test_the_held_out_images_are_not_trained_on():
    sets = engine.load("mnist", 500, 0)
    assert sets.rows.shape == (60_000, 784) and len(sets.chosen) == 59_500 == len(set(sets.chosen.tolist()))
    aside = torch.ones(60_000, dtype=torch.bool)
    aside[sets.chosen] = False
    for held, whole in ((sets.validation_rows, sets.rows), (sets.validation_labels, sets.labels)):
        assert torch.equal(held.sort(0).values, whole[aside].sort(0).values)
    assert len(sets.test_rows) == len(sets.test_labels) == 10_000
