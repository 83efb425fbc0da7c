"""The scripts beside the records: `bench` finds them, and each writes its record."""

import json
import os
from unittest import mock

import pytest

from course_utils.files import ROOT
from tools import bench

SLOW = (
    "blocks",
    "gptq",
    "keys_values",
    "language",
    "quantization",
    "shipping",
    "the_same_model",
    "turn_it",
)
# Not tried: minutes of a C++ compiler, what the tests of weigh do, and what the lesson amp runs.
LEFT_OUT = ("torchao", "weigh", "sixteen_bits")


@pytest.fixture(autouse=True)
def own_environment():
    """What a script sets in the environment is gone after a test; the real models have a stand-in."""
    with mock.patch.dict(os.environ, COURSE_MODELS="stand-in"):
        yield


def test_every_record_has_a_script_and_the_list_names_them(capsys):
    folders = {path.parent.name for path in (ROOT / "records").glob("*/*.json")}
    assert folders <= set(bench.scripts())
    assert bench.main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed and bench.title(path) in listed for name, path in bench.scripts().items())
    assert bench.main(["packages"]) == 2
    assert "torchao" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in bench.scripts() if n not in LEFT_OUT]
)
def test_a_smoke_run_writes_a_record_with_what_is_needed_to_understand_it(name, tmp_path):
    if name in ("blocks", "gptq", "keys_values", "language", "real_model", "the_same_model", "turn_it"):
        pytest.importorskip("transformers")
    path = tmp_path / "new" / "record.json"
    assert bench.main([name, "--quick", "--to", str(path)]) == 0
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["date"] and record["versions"]["torch"] and record["command"].endswith(f"bench {name}")
    known = [json.loads(one.read_text(encoding="utf-8")) for one in (ROOT / "records" / name).glob("*.json")]
    assert any(set(record) <= set(one) for one in known), "what a lesson reads has another name"
