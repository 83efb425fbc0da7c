"""A sweep that was stopped, whose executor died, or of which only a record without masks is left: nothing is lost."""

import json
import os
from dataclasses import asdict

import pytest
from _lottery import Dies, comparable, experiment, sweep

from course_utils import lottery
from course_utils.lottery import experiment as module
from course_utils.lottery.experiment import to_train
from course_utils.lottery.results import Results
from tools import lottery as tool

RUN = lottery.run
pytestmark = pytest.mark.slow  # sweeps that train, one after the other


def keys(results):
    return {(r["seed"], r["arm"], r["level"]) for r in results.records}


def final(results):
    return [(r["seed"], r["arm"], r["level"], round(r["final_test_accuracy"], 6)) for r in results.records]


def watch(monkeypatch):
    """A list that gets the key of every run that is trained from now on."""
    trained = []
    monkeypatch.setattr(module, "run", lambda *task: trained.append(task[1:4]) or RUN(*task))
    return trained


def stop_at(monkeypatch, key):
    def run(*task):
        if task[1:4] == key:
            raise KeyboardInterrupt
        return RUN(*task)

    monkeypatch.setattr(module, "run", run)


def test_a_stopped_sweep_is_resumed_where_it_stopped(tmp_path, monkeypatch):
    whole, file = sweep(), tmp_path / "sweep.jsonl"
    stop_at(monkeypatch, (0, "random", 1))
    with pytest.raises(KeyboardInterrupt):
        sweep(file=file)
    kept = len(file.read_text().splitlines()) - 1
    assert 0 < kept < len(whole.records)
    file.write_bytes(file.read_bytes() + b'{"seed": 0, "arm": "rei')  # torn while it was written
    again = watch(monkeypatch)
    assert comparable(sweep(file=file)) == comparable(whole)
    assert len(again) == len(whole.records) - kept
    assert len(file.read_text().splitlines()) == 1 + len(whole.records)


def test_a_file_torn_in_its_first_line_is_begun_again(tmp_path):
    file = tmp_path / "sweep.jsonl"
    file.write_bytes(b'{"form')
    sweep(experiment(densities=(0.5,)), controls={}, file=file)
    assert json.loads(file.read_text().splitlines()[0])["format"] == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("seeds,accuracy\n1,0.9\n", "is damaged in line 1"),
        ("[1, 2]\n", "is damaged in line 1|not a file of a sweep"),
        ('{"rows": 3}\n', "is not a file of a sweep"),
        (None, r"another experiment \(iterations is 20 there and 50 here\)"),
    ],
)
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
    monkeypatch.setattr(module, "run", _dies)
    with lottery.processes(1) as pool, pytest.raises(RuntimeError, match="the executor died"):
        sweep(executor=pool)


def test_a_record_is_resumed_and_only_what_its_masks_would_save_is_trained_again(tmp_path, monkeypatch, capsys):
    """The record has no masks: the dense network and level 1 found those that level 2 needs."""
    part, kept, file = tmp_path / "part.jsonl", tmp_path / "kept.json", tmp_path / "here.jsonl"
    exp = experiment(densities=(0.5, 0.2, 0.1))
    controls = {"reinit": [1], "random": [1]}
    whole = sweep(exp, (0, 1), controls=controls)
    stop_at(monkeypatch, (0, "ticket", 2))
    with pytest.raises(KeyboardInterrupt):
        sweep(exp, (0, 1), controls=controls, file=part)
    tool.export(part, kept, "python course.py lottery", total=len(whole.records))
    record = keys(Results.load(kept)[0])
    tool.begin_with(kept, file, len(whole.records))
    assert "holds no masks" in capsys.readouterr().out
    trained = watch(monkeypatch)
    assert final(sweep(exp, (0, 1), controls=controls, file=file)) == final(whole)
    needed = {(seed, arm, level) for seed in (0, 1) for arm, level in (("dense", 0), ("ticket", 1))}
    assert set(trained) == needed | (keys(whole) - record)
    assert (0, "random", 1) in record  # and it was not trained again
    assert len(trained) == len(set(trained))
    tool.export(file, kept, "python course.py lottery", total=len(whole.records))
    again, _ = Results.load(kept)
    assert keys(again) == keys(whole) and len(again.records) == len(whole.records)


def test_a_finished_record_needs_no_masks(tmp_path, monkeypatch):
    kept, file = tmp_path / "kept.json", tmp_path / "here.jsonl"
    whole = sweep()
    whole.save(kept)
    tool.begin_with(kept, file, len(whole.records))
    trained = watch(monkeypatch)
    assert final(sweep(file=file)) == final(whole)
    assert not trained


def test_other_masks_than_the_record_has_make_the_later_levels_train_again(tmp_path, monkeypatch):
    """As on another kind of processor, where sums have another order: no level may stand on masks that are gone."""
    kept, file = tmp_path / "kept.json", tmp_path / "here.jsonl"
    exp = experiment(densities=(0.5, 0.2, 0.1))
    whole = sweep(exp, (0, 1), controls={"random": [1, 2]})
    elsewhere = [dict(r) for r in whole.records if (r["seed"], r["level"]) != (0, 3)]
    for record in elsewhere:  # the dense network of seed 0 had found other masks there
        if record["seed"] == 0 and record["arm"] == "dense":
            record["next_masks_digest"] = "elsewhere"
        if record["seed"] == 0 and record["level"] == 1:
            record["masks_digest"] = "elsewhere"
    Results(whole.experiment, elsewhere).save(kept)
    tool.begin_with(kept, file, len(whole.records))
    trained = watch(monkeypatch)
    assert final(sweep(exp, (0, 1), controls={"random": [1, 2]}, file=file)) == final(whole)
    assert set(trained) == {(0, "dense", 0), (0, "ticket", 1), (0, "random", 1), (0, "ticket", 2), (0, "ticket", 3)}


def test_a_sweep_stopped_after_other_masks_were_found_does_not_keep_the_old_levels(tmp_path, monkeypatch):
    file = tmp_path / "here.jsonl"
    whole = sweep(file=file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:  # the dense network was trained again before the sweep was stopped
        if line.get("level") == 1:
            line["masks_digest"] = "elsewhere"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    trained = watch(monkeypatch)
    assert comparable(sweep(file=file)) == comparable(whole)
    assert set(trained) == {(0, arm, 1) for arm in ("ticket", "reinit", "random")}


def test_files_of_before_some_settings_were_retired_are_resumed(tmp_path, monkeypatch):
    file = tmp_path / "sweep.jsonl"
    whole = sweep(file=file)
    head, *lines = file.read_text().splitlines(keepends=True)
    retired = {"scope": "layer", "output_rate": 0.5, "images": None}

    def rewrite(**changes):
        old = json.loads(head)
        old["experiment"].update({**retired, **changes})
        records = [json.loads(line) for line in lines]
        for record in records:
            del record["masks_digest"], record["provenance"]
            record.pop("next_masks_digest", None)
        file.write_text("".join(json.dumps(line) + "\n" for line in [old, *records]))

    rewrite()
    trained = watch(monkeypatch)
    assert final(sweep(file=file)) == final(whole)
    assert not trained
    rewrite(scope="global")
    with pytest.raises(ValueError, match="another experiment .scope is 'global' there"):
        sweep(file=file)


def test_the_record_of_the_course_can_be_resumed():
    """Its settings are those of the experiment, it holds no masks, and each of its runs names those it had."""
    path = tool.KEPT / "paper-mnist.json"
    record, about = Results.load(path)
    assert record.experiment == json.loads(json.dumps(asdict(lottery.Experiment())))
    assert len(record.records) == about["runs"]
    assert path.stat().st_size < 2000 * about["runs"] + 5000
    for run in record.records:
        assert "next_masks" not in run and run["provenance"]["versions"]["torch"]
        assert len(run["masks_digest"]) == (0 if run["arm"] == "dense" else 16)
    wanted = keys(record)
    assert not to_train(wanted, {(r["seed"], r["arm"], r["level"]): r for r in record.records})


def test_an_unfinished_file_can_be_looked_at(tmp_path):
    file = tmp_path / "sweep.jsonl"
    with pytest.raises(RuntimeError):
        sweep(executor=Dies(), file=file)
    part = Results.collected(file)
    assert len(part.records) == 2 and part.experiment["iterations"] == 20
    with pytest.raises(FileNotFoundError):
        Results.collected(tmp_path / "none.jsonl")
