"""The lottery engine: equal to five plain steps, the same on every executor, and nothing lost when it is stopped."""

import json
import os
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import _lottery_run, lottery, models
from course_utils.lottery_results import Results
from tools import lottery as tool

SHORT = dict(task="mnist", densities=(0.5, 0.2), iterations=20, images=2000, held_out=500, validate_every=10)
HERE = lottery.InProcess()
RUN = lottery.run


def experiment(**changes):
    return lottery.Experiment(**{**SHORT, **changes})


def comparable(results):
    return [{k: v for k, v in record.items() if k != "seconds"} for record in results.records]


def final(results):
    return [(r["seed"], r["arm"], r["level"], round(r["final_test_accuracy"], 6)) for r in results.records]


def sweep(exp=None, seeds=(0,), **options):
    return lottery.sweep(exp or experiment(), seeds, executor=options.pop("executor", HERE), progress=False, **options)


def five_plain_steps(exp, seed):
    """The algorithm with autograd and a Module, as lesson 12 shows it; (accuracy, masks) of each level."""
    x, y, kept, *_, test_x, test_y = _lottery_run.load(exp.task, exp.images, exp.held_out, seed)
    start, model, found = _lottery_run.initial(exp.widths, seed), models.LeNet300100(), []
    masks = [torch.ones_like(weight) for weight in start[::2]]
    for level in range(len(exp.densities) + 1):
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), start, strict=True):
                parameter.copy_(value)
            for layer, mask in zip(model.children(), masks, strict=True):
                layer.weight *= mask
        optimizer = torch.optim.Adam(model.parameters(), lr=exp.lr, fused=True)
        order = _lottery_run.batches(kept, exp.batch, seed)
        for _ in range(exp.iterations):
            chosen = next(order)
            optimizer.zero_grad()
            F.cross_entropy(model(x[chosen]), y[chosen]).backward()
            for layer, mask in zip(model.children(), masks, strict=True):
                layer.weight.grad *= mask
            optimizer.step()
        found.append(((model(test_x).argmax(1) == test_y).float().mean().item(), masks))
        if level < len(exp.densities):
            new = []
            for layer, mask, density in zip(model.children(), masks, exp.layer_densities(level + 1), strict=True):
                size = torch.where(mask > 0, layer.weight.detach().abs(), -1.0).flatten()
                new.append(torch.zeros_like(size))
                new[-1][size.argsort(descending=True)[:round(density * size.numel())]] = 1
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
            assert all(map(torch.equal, _lottery_run.unpack(packed, exp.widths), masks))


def test_a_ticket_starts_from_its_first_weights_at_every_level(monkeypatch):
    """Lightning's rewind hands out the tensors themselves, so that its second round "rewinds" to trained values."""
    starts = []
    real = _lottery_run.Trainer

    def watched(values, masks, **options):
        starts.append([value.clone() for value in values])
        trainer = real(values, masks, **options)
        assert all(a.data_ptr() != b.data_ptr() for a, b in zip(values, trainer.values, strict=True))
        return trainer

    monkeypatch.setattr(_lottery_run, "Trainer", watched)
    sweep(controls={})
    assert len(starts) == 3
    for start in starts:
        assert all(map(torch.equal, start, _lottery_run.initial((784, 300, 100, 10), 0)))


def test_pruned_weights_stay_zero_and_kept_ones_move():
    exp = experiment()
    x, y, kept, *_ = _lottery_run.load(exp.task, exp.images, exp.held_out, 0)
    values = _lottery_run.initial(exp.widths, 0)
    thirds = [torch.arange(w.numel()).view_as(w).remainder(3).eq(0).float() for w in values[::2]]
    masks = _lottery_run.shuffled(thirds, 1)
    trainer = _lottery_run.Trainer(values, masks, batch=60, lr=1e-3)
    order = _lottery_run.batches(kept, 60, 0)
    for _ in range(5):
        chosen = next(order)
        trainer.step(x[chosen], y[chosen])
    for weight, start, mask in zip(trainer.values[::2], values[::2], masks, strict=True):
        assert not weight[mask == 0].any()
        assert (weight != start)[mask == 1].any()


def test_densities_are_the_papers():
    exp = lottery.Experiment()
    numbers = (784 * 300, 300 * 100, 100 * 10)
    overall = [100 * sum(n * d for n, d in zip(numbers, exp.layer_densities(level), strict=True)) / 266_200
               for level in range(1, 19)]
    published = [80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88, 13.52, 10.83, 8.68, 6.95, 5.57, 4.47, 3.58,
                 2.87, 2.31, 1.85]
    assert overall == pytest.approx(published, abs=0.011)


def test_the_controls_differ_from_the_ticket_in_one_thing_each(monkeypatch):
    exp, begun = experiment(densities=(0.5,), iterations=20), []
    packed = sweep(exp, controls={}).of("dense", 0)[0]["next_masks"]
    real = _lottery_run.train

    def watched(trainer, *rest):
        begun.append(([v.clone() for v in trainer.values], list(trainer.masks)))
        return real(trainer, *rest)

    monkeypatch.setattr(_lottery_run, "train", watched)
    for arm in ("ticket", "reinit", "random"):
        lottery.run(exp, 0, arm, 1, packed)
    (ticket, mask), (reinit, same), (random, other) = begun
    assert all(map(torch.equal, mask, same)) and not torch.equal(ticket[0], reinit[0])
    assert [m.sum() for m in mask] == [m.sum() for m in other] and not torch.equal(mask[0], other[0])
    both = (mask[0] * other[0]) > 0
    assert torch.equal(ticket[0][both], random[0][both])


def test_global_pruning_compares_all_layers():
    results = sweep(experiment(scope="global", densities=(0.3,)), controls={})
    record = results.of("ticket", 1)[0]
    assert record["density"] == pytest.approx(0.3, abs=1e-4)
    assert len({round(d, 3) for d in record["layer_densities"]}) == 3  # each layer loses another share


def test_rewinding_to_an_early_iteration():
    late, first = sweep(experiment(rewind=10), controls={}), sweep(controls={})
    assert late.of("ticket", 0)[0]["final_test_accuracy"] == first.of("ticket", 0)[0]["final_test_accuracy"]
    assert late.of("ticket", 1)[0]["curve"][0][0] == 20  # trained from iteration 10 on
    assert late.of("ticket", 1)[0]["curve"] != first.of("ticket", 1)[0]["curve"]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_every_executor_gives_the_same_bits(executor):
    here = sweep(seeds=(0, 1))
    with ThreadPoolExecutor(2) if executor == "threads" else lottery.processes(2) as pool:
        assert comparable(sweep(seeds=(0, 1), executor=pool)) == comparable(here)


def test_a_stopped_sweep_goes_on_where_it_stopped(tmp_path, monkeypatch):
    whole, file, real = sweep(), tmp_path / "sweep.jsonl", lottery.run

    def stopped(exp, seed, arm, level, masks):
        if arm == "random":
            raise KeyboardInterrupt
        return real(exp, seed, arm, level, masks)

    monkeypatch.setattr(lottery, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        sweep(file=file)
    kept = len(file.read_text().splitlines()) - 1
    assert 0 < kept < len(whole.records)
    file.write_bytes(file.read_bytes() + b'{"seed": 0, "arm": "rei')  # torn while it was written
    again = []
    monkeypatch.setattr(lottery, "run", lambda *task: again.append(task[1:4]) or real(*task))
    assert comparable(sweep(file=file)) == comparable(whole)
    assert len(again) == len(whole.records) - kept
    assert len(file.read_text().splitlines()) == 1 + len(whole.records)


def test_a_file_torn_in_its_first_line_is_begun_anew(tmp_path):
    file = tmp_path / "sweep.jsonl"
    file.write_bytes(b'{"form')
    sweep(experiment(densities=(0.5,)), controls={}, file=file)
    assert json.loads(file.read_text().splitlines()[0])["format"] == 1


@pytest.mark.parametrize(("content", "sentence"), [
    ("seeds,accuracy\n1,0.9\n", "is damaged in line 1"),
    ("[1, 2]\n", "is damaged in line 1|not a file of a sweep"),
    ('{"rows": 3}\n', "is not a file of a sweep"),
    (None, r"another experiment \(iterations is 20 there and 50 here\)"),
])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content, sentence):
    file = tmp_path / "other"
    if content is None:
        sweep(experiment(densities=(0.5,)), controls={}, file=file)
    else:
        file.write_text(content)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=sentence):
        sweep(experiment(densities=(0.5,), iterations=50), controls={}, file=file)
    assert file.read_bytes() == before


class Dies(Executor):
    """Does two runs, then breaks, as a pool whose process was killed."""

    def __init__(self):
        self.done = 0

    def submit(self, fn, /, *args, **kwargs):
        self.done += 1
        if self.done > 2:
            future = Future()
            future.set_exception(BrokenProcessPool("a worker was killed"))
            return future
        return HERE.submit(fn, *args, **kwargs)


def test_an_executor_that_dies_loses_nothing(tmp_path):
    file = tmp_path / "sweep.jsonl"
    with pytest.raises(RuntimeError, match=r"executor died \(a worker was killed\). 2 runs are in .*start again"):
        sweep(executor=Dies(), file=file)
    assert comparable(sweep(file=file)) == comparable(sweep())
    with pytest.raises(RuntimeError, match="nothing is kept without a file"):
        sweep(executor=Dies())


def _dies(*_):
    os._exit(1)


def test_a_killed_process_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(lottery, "run", _dies)
    with lottery.processes(1) as pool, pytest.raises(RuntimeError, match="the executor died"):
        sweep(executor=pool)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"densities": (0.5, 0.6)}, r"densities must fall.*\(0.5, 0.6\)"),
    ({"densities": (1.0,)}, "densities must fall"),
    ({"densities": (0.5, 0.0)}, "densities must fall"),
    ({"densities": ()}, "densities must fall"),
    ({"scope": "neuron"}, "scope must be"),
    ({"rewind": 20}, r"rewind must lie in 0 … iterations - 1 \(19\), got 20"),
    ({"batch": 0}, "batch must be 1 or more"),
    ({"held_out": 0}, "held_out must be 1 or more"),
    ({"widths": (784,)}, "widths needs an input and an output"),
])
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
    with pytest.raises(ValueError, match="leaves nothing of 2000 images"):
        sweep(experiment(held_out=2000), controls={})
    with pytest.raises(ValueError, match="keeps no weight"):
        sweep(experiment(densities=(0.5, 1e-4), output_rate=1), controls={})


def test_widths_are_read_from_a_model():
    assert lottery.widths_of(models.LeNet300100()) == (784, 300, 100, 10)
    assert lottery.widths_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))) == (4, 3, 2)
    with pytest.raises(ValueError, match="the last layer is a Softmax"):
        lottery.widths_of(nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)))
    with pytest.raises(ValueError, match="the model has a Conv2d"):
        lottery.widths_of(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Linear(4, 3)))
    with pytest.raises(ValueError, match="3 outputs stands before one of 4 inputs"):
        lottery.widths_of(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(4, 2)))


def test_results_show_and_keep_themselves(tmp_path):
    results = sweep(seeds=(0, 1), controls={"reinit": [2]})
    text = repr(results)
    assert "ticket" in text and "reinit" in text and "random" not in text and "–" in text
    mean, least, most = results.summary("test_accuracy", "ticket", 2)
    assert least <= mean <= most and len(results.of("ticket", 2)) == 2
    with pytest.raises(ValueError, match="no run of 'reinit' at level 1"):
        results.summary("test_accuracy", "reinit", 1)
    with pytest.raises(ValueError, match="no run at level 7"):
        results.density(7)
    results.save(tmp_path / "kept.json", command="python course.py lottery", date="2026-01-01")
    again, about = Results.load(tmp_path / "kept.json")
    assert about == {"command": "python course.py lottery", "date": "2026-01-01"}
    assert "next_masks" not in again.records[0] and len(again.records) == len(results.records)
    assert again.summary("test_accuracy", "ticket", 2) == pytest.approx((mean, least, most), abs=1e-6)


def test_a_kept_part_is_gone_on_with(tmp_path, monkeypatch):
    part, kept = tmp_path / "part.jsonl", tmp_path / "kept.json"
    with pytest.raises(RuntimeError):
        sweep(executor=Dies(), file=part)
    tool._keep(part, kept, "python course.py lottery", total=7)
    file = tmp_path / "here.jsonl"
    tool._begin_with(kept, file)
    ran = []
    monkeypatch.setattr(lottery, "run", lambda *task: ran.append(task[1:4]) or RUN(*task))
    whole = sweep(file=file)
    assert len(ran) == len(whole.records) - 2
    assert final(whole) == final(sweep())
    tool._keep(file, kept, "python course.py lottery", total=len(whole.records))
    assert all("next_masks" not in record for record in Results.load(kept)[0].records)


def test_an_unfinished_file_can_be_looked_at(tmp_path):
    file = tmp_path / "sweep.jsonl"
    with pytest.raises(RuntimeError):
        sweep(executor=Dies(), file=file)
    part = Results.collected(file)
    assert len(part.records) == 2 and part.experiment["iterations"] == 20
    with pytest.raises(FileNotFoundError):
        Results.collected(tmp_path / "none.jsonl")


def test_every_record_says_what_it_is():
    record = sweep(controls={}).of("ticket", 1)[0]
    assert {"seed", "arm", "level", "density", "layer_densities", "iterations", "early_stop", "test_accuracy",
            "validation_accuracy", "final_test_accuracy", "curve", "seconds", "versions"} <= record.keys()
    assert record["versions"]["torch"] == torch.__version__


def test_validation_points():
    assert list(_lottery_run.validation_points(0, 25, 10)) == [10, 20, 25]
    far = list(_lottery_run.validation_points(0, 3000, 10))
    assert far[:3] == [10, 20, 30] and far[199:202] == [2000, 2050, 2100] and far[-1] == 3000
