"""The sweep of the lottery experiment: the paper's algorithm, controls that differ in one thing each, a file that is
kept."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from records.lottery import measure as lottery

SHORT = lottery.Experiment(densities=(0.5, 0.2), iterations=10, held_out=100, validate_every=5)


@pytest.fixture(autouse=True)
def smoke_run(monkeypatch):
    """Few images in this file alone: they are kept, and a later test would find these few."""
    monkeypatch.setenv("COURSE_QUICK", "1")
    lottery._images.cache_clear()
    yield
    lottery._images.cache_clear()


@pytest.fixture
def begun(monkeypatch):
    """A list that gets, of every training that begins, its arm, its weights under the masks, and the masks."""
    seen, train, run = [], lottery.train, lottery.run

    def watched_run(experiment, seed, arm, level=0, masks=None):
        seen.append([(seed, arm, level)])
        return run(experiment, seed, arm, level, masks)

    def watched(experiment, net, masks, seed):
        seen[-1] += [[w.detach().clone() for w in lottery.weights_of(net)], [m.clone() for m in masks]]
        found = train(experiment, net, masks, seed)
        seen[-1].append([w.detach().clone() for w in lottery.weights_of(net)])
        return found

    monkeypatch.setattr(lottery, "run", watched_run)
    monkeypatch.setattr(lottery, "train", watched)
    return seen


def test_a_ticket_keeps_the_largest_and_rewinds_and_a_control_differs_in_one_thing(begun):
    lottery.sweep(SHORT, (3,))
    runs = {key[1:]: rest for key, *rest in begun}
    first, _, trained = runs["dense", 0]
    for level in (1, 2):
        start, masks, after = runs["ticket", level]
        for layer, share in enumerate(SHORT.layer_densities(level)):
            assert torch.equal(start[layer], first[layer]), "not rewound"
            mask, size = masks[layer], trained[layer].abs()
            assert mask.sum() == round(share * mask.numel()) and not after[layer][mask == 0].any()
            assert size[mask > 0].min() >= size[(mask == 0) & (size > 0)].max()
        new, same, _ = runs["reinit", level]
        assert all(map(torch.equal, same, masks)) and not torch.equal(new[0], first[0])
        kept, other, _ = runs["random", level]
        assert all(map(torch.equal, kept, first)) and not torch.equal(other[0], masks[0])
        assert [m.sum() for m in other] == [m.sum() for m in masks]
        trained = after


def test_densities_are_those_that_the_paper_prints_and_seeds_can_be_added_to_the_record():
    numbers = (784 * 300, 300 * 100, 100 * 10)
    printed = {3: 51.3, 7: 21.1, 9: 13.5, 12: 7.0, 15: 3.6, 16: 2.9}  # in its text, to one decimal
    for level, percent in printed.items():
        shares = lottery.Experiment().layer_densities(level)
        overall = 100 * sum(n * d for n, d in zip(numbers, shares, strict=True)) / sum(numbers)
        assert overall == pytest.approx(percent, abs=0.06)
    record = json.loads(lottery.PATH.read_text(encoding="utf-8"))
    ours = asdict(lottery.Experiment(control_levels=lottery.CONTROL_LEVELS))
    full = {"iterations": 50_000, "held_out": 5_000, "validate_every": 100}  # no smoke run
    assert record["experiment"] == json.loads(json.dumps(ours | full))
    said = repr(lottery.table(record["runs"]))
    assert "n=5" in said and "reinit" in said and "–" in said and len(record["runs"]) == 145


def test_a_stopped_sweep_goes_on_with_the_seeds_that_are_missing(tmp_path, monkeypatch):
    file, trial, trained = tmp_path / "new" / "sweep.json", lottery.trial, []

    def stopping(experiment, seed):
        if seed == 1:
            raise KeyboardInterrupt
        return trial(experiment, seed)

    def watched(experiment, seed):
        trained.append(seed)
        return trial(experiment, seed)

    monkeypatch.setattr(lottery, "trial", stopping)
    with pytest.raises(KeyboardInterrupt):
        lottery.sweep(SHORT, (2, 0, 1), file=file)
    monkeypatch.setattr(lottery, "trial", watched)
    found = lottery.sweep(SHORT, (2, 0, 1), file=file)
    assert trained == [1] and [run["seed"] for run in found] == [2] * 7 + [0] * 7 + [1] * 7
    assert json.loads(file.read_text(encoding="utf-8"))["runs"] == found


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("seeds,accuracy\n1,0.9\n", "holds something else"),
        (None, r"another experiment \(batch is 60 there and 30 here"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content, sentence):
    file = tmp_path / "other.json"
    if content is None:
        lottery.writing.write_runs(file, "", [], experiment=asdict(SHORT))
    else:
        file.write_text(content)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=sentence):
        lottery.sweep(replace(SHORT, batch=30), (0,), file=file)
    assert file.read_bytes() == before
