"""The lottery engine and its sweep: equal to five plain steps, with controls that differ in one thing each."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils import models
from records import lottery
from records.lottery import engine
from records.lottery import measure as tool
from records.lottery.results import Results

SHORT = dict(task="mnist", densities=(0.5, 0.2), iterations=20, held_out=500, validate_every=10)


def short(**changes):
    return lottery.Experiment(**{**SHORT, **changes})


def sweep(exp=None, seeds=(0,), **options):
    return lottery.sweep(exp or short(), seeds, **options)


def comparable(results):
    """The records without what differs from run to run."""
    return [{k: v for k, v in r.items() if k not in ("seconds", "provenance")} for r in results.records]


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
    exp, records, masks = short(), [], None
    for level, (accuracy, expected) in enumerate(five_plain_steps(exp, 3)):
        assert not level or all(map(torch.equal, masks, expected))
        record, masks = lottery.run(exp, 3, "ticket" if level else "dense", level, masks)
        assert record["final_test_accuracy"] == accuracy
        assert record["layer_densities"] == [mask.mean().item() for mask in expected]
        records.append(record)
    assert masks is None
    assert comparable(sweep(exp, (3,), controls={})) == comparable(Results({}, records))


def test_densities_are_those_that_the_paper_prints():
    exp = lottery.Experiment()
    numbers = (784 * 300, 300 * 100, 100 * 10)
    printed = {3: 51.3, 7: 21.1, 9: 13.5, 12: 7.0, 15: 3.6, 16: 2.9}  # in its text, to one decimal
    for level, percent in printed.items():
        overall = 100 * sum(n * d for n, d in zip(numbers, exp.layer_densities(level), strict=True)) / sum(numbers)
        assert overall == pytest.approx(percent, abs=0.06)
    record, _ = Results.load(tool.KEPT / "paper-mnist.json")
    assert record.experiment == json.loads(json.dumps(asdict(exp)))  # so seeds can be added to it


def test_the_controls_differ_from_the_ticket_in_one_thing_each(monkeypatch):
    exp, begun = short(densities=(0.5,)), []
    _, masks = lottery.run(exp, 0, "dense")
    real = engine.train

    def watched(trainer, *rest):
        begun.append(([v.clone() for v in trainer.values], list(trainer.masks)))
        return real(trainer, *rest)

    monkeypatch.setattr(engine, "train", watched)
    for arm in ("ticket", "reinit", "random"):
        lottery.run(exp, 0, arm, 1, masks)
    (ticket, mask), (reinit, same), (random, other) = begun
    assert all(map(torch.equal, mask, same)) and not torch.equal(ticket[0], reinit[0])
    assert [m.sum() for m in mask] == [m.sum() for m in other] and not torch.equal(mask[0], other[0])
    both = (mask[0] * other[0]) > 0
    assert torch.equal(ticket[0][both], random[0][both])


def test_results_show_and_keep_themselves(tmp_path):
    results = sweep(seeds=(0, 1), controls={"reinit": [2]})
    text = repr(results)
    assert "ticket" in text and "reinit" in text and "random" not in text and "–" in text and "n=2" in text
    alone = repr(Results(results.experiment, results.of("ticket", 1)[:1]))
    assert "n=1" in alone and "(" not in alone  # one run has no range
    with pytest.raises(ValueError, match="no run at level 7"):
        results.density(7)
    results.save(tmp_path / "kept.json", command="python course.py bench lottery")
    again, about = Results.load(tmp_path / "kept.json")
    assert about.pop("command") == "python course.py bench lottery" and len(about["provenance"]) == 1
    for kept, run in zip(again.records, results.records, strict=True):
        assert kept["test_accuracy"] == pytest.approx(run["test_accuracy"], abs=1e-6)
        assert kept["provenance"] == run["provenance"] and kept["provenance"]["threads"] == 1
        assert kept["iterations"] == 20 and kept["seconds"] > 0


def test_the_held_out_images_are_not_trained_on():
    sets = engine.load("mnist", 500, 0)
    assert sets.rows.shape == (60_000, 784) and len(sets.chosen) == 59_500 == len(set(sets.chosen.tolist()))
    aside = torch.ones(60_000, dtype=torch.bool)
    aside[sets.chosen] = False
    for held, whole in ((sets.validation_rows, sets.rows), (sets.validation_labels, sets.labels)):
        assert torch.equal(held.sort(0).values, whole[aside].sort(0).values)
    assert len(sets.test_rows) == len(sets.test_labels) == 10_000


def test_a_batch_larger_than_what_is_left_is_refused_before_anything_is_trained():
    with pytest.raises(ValueError, match="batch=1001, and 1000 images are left"):
        sweep(short(held_out=59_000, batch=1001), controls={})


def test_numbers_of_numpy_are_as_good_as_python_s(tmp_path):
    given = short(densities=np.float32([0.5]), iterations=np.int64(20), widths=np.array([784, 20, 10]))
    found = sweep(given, seeds=np.arange(1), controls={}, file=tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["records"] and found.records[0]["seed"] == 0
    with pytest.raises(TypeError, match=r"seeds=3 is one number.*seeds=range\(3\)"):
        sweep(seeds=3)
