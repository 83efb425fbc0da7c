"""The scripts beside the records: `bench` finds them, and each writes its record."""

import json
import os
from unittest import mock

import pytest
import torch

from course_utils.files import ROOT
from course_utils.measure import timing
from records.zero_worth import measure as zero_worth
from tools import bench

SLOW = ("depthwise", "language", "lottery", "qat_cnn", "quantization", "sixteen_bits")
COMPILED = "torchao"  # minutes of a C++ compiler: asked for its options alone
ELSEWHERE = {"ledger", "lottery"}  # made by `build`, and by `lottery`


@pytest.fixture(autouse=True)
def own_environment():
    """What a script sets in the environment is gone after a test."""
    with mock.patch.dict(os.environ):
        yield


def test_every_record_has_a_script_and_the_list_names_them(capsys):
    folders = {path.parent.name for path in (ROOT / "records").glob("*/*.json")}
    assert folders <= set(bench.scripts()) | ELSEWHERE
    assert bench.main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed and bench.title(path) in listed for name, path in bench.scripts().items())
    assert bench.main(["packages"]) == 2
    assert "torchao" in capsys.readouterr().out


@pytest.mark.parametrize("name", bench.scripts())
def test_a_script_says_where_its_record_goes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main([name, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and f"records/{name}/" in "".join(said.split()) and "--quick" in said


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in bench.scripts() if n != COMPILED]
)
def test_a_smoke_run_writes_a_record_with_what_is_needed_to_understand_it(name, tmp_path):
    if name == "language":
        pytest.importorskip("transformers")
    path = tmp_path / "new" / "record.json"
    assert bench.main([name, "--quick", "--to", str(path)]) == 0
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["date"] and record["versions"]["torch"] and record["command"].endswith(f"bench {name}")
    known = [json.loads(one.read_text(encoding="utf-8")) for one in (ROOT / "records" / name).glob("*.json")]
    assert any(set(record) <= set(one) for one in known), "what a lesson reads has another name"


def test_a_smoke_run_leaves_the_record_alone(monkeypatch, tmp_path):
    monkeypatch.setattr("records.writing.ROOT", tmp_path)
    monkeypatch.setattr("records.zero_worth.measure.of_a_network", lambda *of: [{"arm": "whole"}])
    monkeypatch.setattr("course_utils.data.load", lambda *of: None)
    before = (ROOT / "records" / "zero_worth" / "width_and_depth.json").read_bytes()
    assert bench.main(["zero_worth", "--quick"]) == 0
    assert (tmp_path / "build" / "bench" / "zero_worth.json").exists()
    assert (ROOT / "records" / "zero_worth" / "width_and_depth.json").read_bytes() == before


def test_times_that_are_too_far_apart_are_said_in_a_sentence(monkeypatch, capsys):
    swings = timing.Comparison({"the loop": [0.5, 0.9, 0.9, 0.5]}, 1, "cpu")
    unsteady = mock.Mock(side_effect=timing.Unsteady(swings, ["the loop"]))
    monkeypatch.setattr("records.sixteen_bits.measure.main", unsteady)
    assert bench.main(["sixteen_bits"]) == 1
    assert "Not measured: 'the loop'" in capsys.readouterr().out


def test_a_unit_that_stays_takes_its_weights_along():
    """With units that hear nothing removed, four layers answer as before."""
    torch.manual_seed(0)
    whole = zero_worth.network((6, 5, 4, 3))
    with torch.no_grad():
        for layer, silent in ((whole[1], [0, 2]), (whole[3], [4]), (whole[5], [1]), (whole[7], [0])):
            layer.weight[silent] = 0
            layer.bias[silent] = 0
    small = zero_worth.cut(whole, (4, 4, 3, 2))
    digits = torch.rand(7, 1, 28, 28)
    torch.testing.assert_close(small(digits), whole(digits))
