"""The record of the lesson depthwise, architectures crossed with recipes: how it is made, and what the lesson reads."""

import json

from course_utils.lottery import executors
from lessons.depthwise import show
from tools.benches import depthwise_recipes


def test_each_architecture_has_each_recipe_and_a_stopped_bench_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    cells = [("SmallCNN", "Adam", 2, 200), ("DepthwiseCNN", "SGD, decay", 2, 200)]
    monkeypatch.setattr(depthwise_recipes, "SMALL", cells)
    monkeypatch.setattr(depthwise_recipes, "LARGE", [])
    path, trained = tmp_path / "recipes.json", []

    def train(job):
        trained.append(job)
        return of_a_training(job)

    of_a_training = depthwise_recipes.of_a_training
    monkeypatch.setattr(depthwise_recipes, "of_a_training", train)
    monkeypatch.setattr(executors, "processes", lambda n: executors.InProcess())  # where the patches are
    for seeds in ("1", "2"):
        assert depthwise_recipes.main(["--seeds", seeds, "--to", str(path)]) == 0
    content = json.loads(path.read_text(encoding="utf-8"))
    assert trained == [(*cell, seed) for seed in (0, 1) for cell in cells]
    assert [depthwise_recipes.key(run) for run in content["runs"]] == trained
    assert content["command"].endswith(f"--seeds 2 --to {path}") and content["versions"]["torch"]
    assert [sum(block["depthwise"] for block in run["blocks"]) for run in content["runs"]] == [0, 3, 0, 3]


def test_the_record_of_the_course_is_whole():
    """Each cell has each seed. Whoever loses has a dead channel that is the widest, and emptied loses nothing."""
    runs = show.Recorded().runs
    seeds = sorted({run["seed"] for run in runs})
    jobs = [(*job, seed) for seed in seeds for job in depthwise_recipes.SMALL] + depthwise_recipes.LARGE
    assert [depthwise_recipes.key(run) for run in runs] == jobs and len(seeds) >= 2
    assert all(abs(run["float"] - run["dead emptied, float"]) < 0.5 for run in runs)
    for run in runs:
        lost = run["float"] - run["per tensor"] > 2
        assert lost == any(block["widest is dead"] for block in run["blocks"] if block["depthwise"])
        assert run["float"] - run["dead emptied, per tensor"] < 1
