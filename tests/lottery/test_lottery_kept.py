"""What a sweep has finished is kept and not trained again, and records are written as the lesson reads them."""

from dataclasses import asdict

import pytest

from records import lottery
from records.lottery import engine, experiment
from records.lottery import measure as tool
from records.lottery.results import Results

RUN = experiment.run
SHORT = lottery.Experiment(densities=(0.5, 0.2), iterations=10, held_out=100, validate_every=5)


@pytest.fixture(autouse=True)
def smoke_run(monkeypatch):
    """Few images in this file alone: the engine keeps what it has read, and a later test would find these few."""
    monkeypatch.setenv("COURSE_QUICK", "1")
    engine._rows.cache_clear()
    yield
    engine._rows.cache_clear()


def watch(monkeypatch, stop_at=None):
    """A list that gets the seed of every run from now on; a run of the seed `stop_at` is interrupted."""
    trained = []

    def watched(plan, seed, *rest):
        if seed == stop_at:
            raise KeyboardInterrupt
        trained.append(seed)
        return RUN(plan, seed, *rest)

    monkeypatch.setattr(experiment, "run", watched)
    return trained


def outcomes(results):
    return [(r["seed"], r["arm"], r["level"], round(r["final_test_accuracy"], 6)) for r in results.records]


def test_a_stopped_sweep_goes_on_with_the_seeds_that_are_missing(tmp_path, monkeypatch, capsys):
    whole, file = lottery.sweep(SHORT, (2, 0, 1)), tmp_path / "new" / "sweep.json"
    watch(monkeypatch, stop_at=1)
    capsys.readouterr()
    with pytest.raises(KeyboardInterrupt):
        lottery.sweep(SHORT, (2, 0, 1), file=file)
    assert capsys.readouterr().out.count("% of the test images") == 14  # two seeds: dense, and three arms twice
    trained = watch(monkeypatch)
    again = lottery.sweep(SHORT, (2, 0, 1), file=file)
    assert outcomes(again) == outcomes(whole) == outcomes(Results.load(file)[0])
    assert trained == [1] * 7
    assert outcomes(lottery.sweep(SHORT, (0,), controls={"random": [2]}, file=file)) == [
        run for run in outcomes(whole) if run[0] == 0 and (run[1] in ("dense", "ticket") or run[1:3] == ("random", 2))
    ]
    assert len(trained) == 7 and len(Results.load(file)[0].records) == 21  # nothing trained, nothing lost


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("seeds,accuracy\n1,0.9\n", "holds something else"),
        ('{"rows": 3}\n', "holds something else"),
        (None, r"another experiment \(batch is 60 there and 30 here\)"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content, sentence):
    file = tmp_path / "other.json"
    if content is None:
        lottery.sweep(SHORT, (0,), controls={}, file=file)
    else:
        file.write_text(content)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=sentence):
        lottery.sweep(lottery.Experiment(**{**asdict(SHORT), "batch": 30}), (0,), controls={}, file=file)
    assert file.read_bytes() == before


def test_the_task_can_be_stopped_and_goes_on_and_writes_a_record(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "FOLDER", tmp_path / "build")
    monkeypatch.setattr(tool, "KEPT", tmp_path / "records")
    monkeypatch.setattr(tool, "CONTROL_LEVELS", (3,))
    words = ["--paper", "--seeds", "2", "--workers", "1"]
    watch(monkeypatch, stop_at=1)
    assert tool.main(words) == 130 and "the same command goes on" in capsys.readouterr().out
    trained = watch(monkeypatch)
    assert tool.main(words) == 0
    assert trained == [1] * 21
    results, about = Results.load(tmp_path / "records" / "paper-mnist.json")
    assert about["command"] == "python course.py bench lottery --paper --seeds 2 --workers 1"
    assert about["runs"] == 42 == len(results.records)
