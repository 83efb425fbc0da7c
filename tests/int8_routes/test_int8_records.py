"""One record a processor: named, listed, loaded, whole; and torch beside the best other runtime."""

import json
from dataclasses import asdict, replace

import pytest

from course_utils.int8_routes import networks
from course_utils.int8_routes import record as int8_record
from course_utils.int8_routes.record import EAGER, Row
from course_utils.scorecard import claims
from tools.benches import quantization as task

KNOWN = int8_record.records()


@pytest.mark.parametrize("name", KNOWN)
def test_each_shipped_record_is_whole(name):
    one = KNOWN[name]
    record, rows = one.head, one.rows
    assert one.processor == name and one.path == int8_record.own_path(record), "a record is named after its processor"
    assert not record["tiny"] and record["cpu"] in one.at and record["threads"] == 1
    packages = {"torch", "torchvision", "torchao", "onnx", "onnxruntime", "openvino", "nncf"}
    assert packages <= set(record["versions"]) and all(record["versions"].values()), "recorded with a package missing"
    assert {row.model for row in rows} == set(networks.NETWORKS) == set(record["control_cosine"])
    for name in networks.NETWORKS:
        mine = [row for row in rows if row.model == name]
        assert {row.runtime for row in mine if row.why is None} == {"torch", "ONNX Runtime", "OpenVINO"}
        agree = claims.read("choosing")["recorded-cosine"]
        assert all(row.why or agree.met_by(row.cosine) for row in mine)
    assert set(asdict(rows[0])) == set(Row.__dataclass_fields__)
    assert set(record["profile"]) == {task.PROFILED}
    assert list(one.gaps()) == list(networks.NETWORKS)
    for gap in one.gaps().values():
        quotient = gap.peer.speedup_over_eager / gap.torch.speedup_over_eager
        assert gap.ratio == pytest.approx(quotient, rel=0.25), "the paired ratio and the two speed-ups disagree"


@pytest.mark.parametrize("name", [name for name in KNOWN if KNOWN[name].spent])
def test_a_record_says_where_the_time_of_both_lies(name):
    one = KNOWN[name]
    for model, gap in one.gaps().items():
        ours, theirs = (each for each in one.spent if each.model == model)
        assert (ours.variant, theirs.runtime, theirs.variant) == (gap.torch.variant, gap.peer.runtime, gap.peer.variant)
        for each in (ours, theirs):
            parts = each.int8_ms + each.float_ms + each.convert_ms + each.between_ms
            assert parts == pytest.approx(each.total_ms, rel=0.1) and each.int8_ms > 0 and each.longest


# ---- one record a processor -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "flags", "file"),
    [
        ("AMD EPYC", ["avx2", "avx512_f", "avx512_vnni", "avx512_bf16"], "amd-epyc-avx-512-vnni.json"),
        ("Intel Xeon", ["avx512_vnni", "amx_int8", "amx_bf16"], "intel-xeon-amx.json"),
        ("Intel Xeon 2.50GHz", ["avx512_vnni"], "intel-xeon-2-50ghz-avx-512-vnni.json"),
        ("Apple M1", ["neon", "dotprod"], "apple-m1-dot-product.json"),
        ("CPU", [], "cpu-no-int8-instructions.json"),
    ],
)
def test_a_record_is_named_after_its_processor(cpu, flags, file):
    assert int8_record.own_path({"cpu": cpu, "flags": flags}).name == file


def test_without_a_path_the_record_is_this_processors_or_the_first(monkeypatch, tmp_path):
    head = {"cpu": "Some CPU", "flags": ["amx_int8"]}
    monkeypatch.setattr(int8_record, "FOLDER", tmp_path)
    monkeypatch.setattr(int8_record.runtime, "provenance", lambda: head)
    own = int8_record.own_path(head, tmp_path)
    monkeypatch.setattr(int8_record, "own_path", lambda: own)
    with pytest.raises(FileNotFoundError, match="bench quantization --peers"):
        int8_record.recorded()
    (tmp_path / "a.json").write_text(json.dumps({"cpu": "A", "rows": []}), encoding="utf-8")
    assert int8_record.recorded()[0]["cpu"] == "A"
    own.write_text(json.dumps({"cpu": "Own", "rows": []}), encoding="utf-8")
    assert int8_record.recorded()[0]["cpu"] == "Own"


def rows_of(name="ResNet-50", **changes):
    """A network's rows of a machine on which the peer is twice as fast; `changes` by variant."""
    rows = [
        Row(name, "torch", EAGER, 100.0, 1.0, 1.0, 0.5, "fp32, traced", 4000, 1.0),
        Row(name, "torch", "fp32, traced", 50.0, 1.0, 2.0, 1.0, "fp32, traced", 4000, 1.0),
        Row(name, "torch", "int8 static, x86", 20.0, 1.0, 5.0, 2.5, "fp32, traced", 1000, 0.995),
        Row(name, "OpenVINO", "int8", 10.0, 1.0, 10.0, None, None, 1000, 0.999),
    ]
    return [replace(row, **changes.get(row.variant, {})) for row in rows]


def test_torch_is_put_beside_the_best_peer():
    rows = rows_of()
    gap = int8_record.gaps(rows)["ResNet-50"]
    assert (gap.torch.variant, gap.peer.runtime, gap.ratio) == ("int8 static, x86", "OpenVINO", 2.0)
    paired = rows_of(**{"int8 static, x86": {"behind": 1.9}})
    assert int8_record.gaps(paired)["ResNet-50"].ratio == 1.9, "the median over rounds comes first"
    assert not int8_record.gaps(rows[:-1]), "without a peer there is no gap"


def test_a_gap_is_told_and_judged_as_an_aim():
    sentences, good = task.judge(rows_of(), fast_int8=True)
    told = [s for s in sentences if "of the best peer (OpenVINO, int8): 2." in s]
    assert good and len(told) == 1 and told[0].startswith("not reached: ResNet-50")
    near = rows_of(**{"int8 static, x86": {"behind": 1.1}})
    assert any(s.startswith("holds: ResNet-50: torch's best") for s in task.judge(near, fast_int8=True)[0])


def test_with_the_other_runtimes_the_bench_writes_the_record_of_its_processor(monkeypatch, tmp_path, capsys):
    made = {"rows": [asdict(row) for row in rows_of()], "spent": []}
    monkeypatch.setattr(task, "measure", lambda names, rounds, peers, quick, parts: dict(made))
    monkeypatch.setattr(task, "missing_peers", lambda: [])
    monkeypatch.setattr(task, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(int8_record, "own_path", lambda head: tmp_path / "own.json")
    task.main(["--peers", "--network", "ResNet-50"])
    assert not (tmp_path / "own.json").exists(), "a record of one network is none of the processor"
    task.main(["--peers"])
    assert json.loads((tmp_path / "own.json").read_text(encoding="utf-8")) == made
    assert "of the best peer" in capsys.readouterr().out
