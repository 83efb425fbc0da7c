"""The bench of language models: rows for what runs, a line for what does not, a record that says what was measured."""

import importlib.util
import json
import math
import subprocess
import sys

import pytest
import torch

from course_utils import runtime
from tools import bench as door
from tools.benches import language as bench
from tools.benches._language import engines, gguf_file, processes, shapes, worker

KEYS = {"processor", "versions", "date", "prompt_tokens", "new_tokens", "bandwidth_GBps", "rows"}
ROW_KEYS = {"shape", "engine", "threads", "tokens_per_s", "bytes_per_token", "floor_tokens_per_s", "note"}
TOKENS = list(range(bench.NEW_TOKENS + 1))
ALL = runtime.physical_cores()
NAMES = [row.name for rows in bench.GROUPS.values() for row in rows]


def names_of(text):
    return sorted(row.name for row in bench.rows_of(bench.TINY, bench.GROUPS[text]))


class Played:
    """Processes whose answers are looked up: seconds of a run by the row's name, an error in place of a number."""

    def __init__(self):
        self.seconds, self.tokens, self.asked, self.closed = {}, {}, [], []

    def process(self, shape, folder, row, *, prepare=False):
        return PlayedProcess(self, shape, bench.Row(**row).name, prepare)


class PlayedProcess:
    def __init__(self, played, shape, name, prepare):
        self.played, self.shape, self.name, self.prepare = played, shape, name, prepare

    def ask(self, **told):
        self.played.asked.append((self.shape.name, self.name, told))
        found = self.played.seconds.get(self.name, 0.5)
        if isinstance(found, BaseException) and (told.get("do") == "decode" or not told):
            raise found
        if told.get("do") == "decode":
            value = next(found) if hasattr(found, "__next__") else found
            return {"seconds": value, "tokens": self.played.tokens.get(self.name, TOKENS)}
        if told.get("do") == "profile":
            return {"profile": [("aten::mm", 0.75), ("aten::add", 0.25)]}
        return {} if told else {"bytes": 1_000_000, "note": ""}

    def close(self):
        self.played.closed.append(self.name)


@pytest.fixture
def played(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "HERE", tmp_path / "models")
    monkeypatch.setattr(bench, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(bench, "FOLDER", tmp_path / "records")
    monkeypatch.setattr(bench, "is_prepared", lambda *of: True)
    monkeypatch.setattr(shapes, "SHAPES", {name: shapes.SHAPES[name] for name in ("SmolLM2-135M", "Llama-3.2-1B")})
    play = Played()
    monkeypatch.setattr(bench, "Process", play.process)
    return play


def record_in(folder):
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text(encoding="utf-8"))


# ---- shapes and files --------------------------------------------------------------------------------------


def test_the_shapes_have_as_many_weights_as_published():
    assert {name: sum(shape.weights()) for name, shape in shapes.SHAPES.items()} == {
        "SmolLM2-135M": 134_515_008,
        "Llama-3.2-1B": 1_235_814_400,
    }


def test_the_tensors_are_those_that_were_counted_and_the_same_each_time():
    first, second = (dict(shapes.tensors(bench.TINY)) for _ in range(2))
    assert sum(value.numel() for value in first.values()) == sum(bench.TINY.weights())
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert len(set(shapes.prompt(bench.TINY))) > shapes.PROMPT / 2


def test_keys_and_values_of_a_token_are_counted():
    # 2 layers, keys and values, 2 heads of 16, 32 places and half of 16 new ones, 2 bytes each
    assert bench.TINY.cache_bytes(32, 16, 2) == 2 * 2 * 2 * 16 * 40 * 2


def test_every_tensor_has_a_name_in_a_gguf_file():
    names = [gguf_file.name_of(name) for name, _ in shapes.tensors(bench.TINY)]
    assert names[:2] == ["token_embd.weight", "blk.0.attn_q.weight"] and len(set(names)) == len(names)
    with pytest.raises(KeyError):
        gguf_file.name_of("model.layers.0.self_attn.q_proj.bias.unknown")


def test_rows_of_a_projection_are_interleaved_head_by_head():
    rows = torch.arange(8.0)[:, None]
    assert gguf_file.interleaved(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_a_quantized_tensor_counts_the_tensors_that_it_is_made_of():
    class Packed:
        codes, scale = torch.zeros(4, 2, dtype=torch.uint8), torch.zeros(4, dtype=torch.float32)

        def __tensor_flatten__(self):
            return ["codes", "scale"], None

    assert engines.stored(Packed()) == 8 + 16
    assert engines.stored(torch.zeros(3, dtype=torch.bfloat16)) == 6


@pytest.mark.slow
def test_torch_decodes_and_a_gguf_file_has_the_bytes_of_its_types(tmp_path):
    for package in ("transformers", "gguf"):
        pytest.importorskip(package)
    for kind in gguf_file.TYPES:
        worker.prepare(bench.TINY, tmp_path, "llama.cpp", kind)
        assert worker.is_prepared(bench.TINY, tmp_path, "llama.cpp", kind)
    matrices, norms = bench.TINY.weights()
    sizes = {kind: (tmp_path / f"{kind}.gguf").stat().st_size for kind in gguf_file.TYPES}
    for kind, bits in (("F32", 32), ("BF16", 16), ("Q8_0", 8.5), ("Q4_0", 4.5)):
        assert sizes[kind] == pytest.approx(matrices * bits / 8 + 4 * norms, abs=5000)
    engine = engines.Torch(bench.TINY, tmp_path, "fp32", "eager")
    prompt = shapes.prompt(bench.TINY)
    tokens, seconds = engine.decode(prompt, 5)
    whole = engine.model(torch.tensor([prompt + tokens[:-1]])).logits[0, len(prompt) - 1 :].argmax(-1)
    assert whole.tolist() == tokens and seconds > 0 and len(set(tokens)) > 1
    assert engine.bytes_read == 4 * sum(bench.TINY.weights())


# ---- the process of a row ------------------------------------------------------------------------------------


def ask_worker(tmp_path, *lines, **row):
    told = {"shape": vars(bench.TINY), "folder": str(tmp_path), "kind": "", "how": "", **row}
    done = subprocess.run(
        [sys.executable, "-m", processes.WORKER, json.dumps(told)],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        cwd=bench.ROOT,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_process_answers_line_by_line_and_keeps_going_after_an_error(tmp_path):
    lines = ({"do": "threads", "n": 1}, {"do": "threads", "n": "none"}, {"do": "decode", "new": 1})
    start, threads, error, decoded = ask_worker(tmp_path, *lines, family="bandwidth")
    assert start == {"bytes": 0, "note": ""} and threads == {} and "Error" in error["error"]
    assert decoded["tokens"] == [] and decoded["seconds"] > 0


def test_a_process_that_ends_is_named_with_its_log(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "WORKER", "tools.benches._language.nowhere")
    process = processes.Process(bench.TINY, tmp_path / "tiny", bench.words(bench.BANDWIDTH))
    with pytest.raises(processes.Failed, match=r"ended with 1; .*log\.txt"):
        process.ask()
    process.close()
    assert "nowhere" in process.log.read_text(encoding="utf-8")


def test_a_process_that_never_answers_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "LIMIT", 0.2)
    process = processes.Process(bench.TINY, tmp_path / "tiny", bench.words(bench.BANDWIDTH))
    with pytest.raises(processes.Failed, match="gave no answer in"):
        process.ask()
    process.close()
    assert process.process.returncode


@pytest.mark.parametrize("name", ["llama_cpp", "openvino_genai", "onnxruntime_genai.models"])
def test_a_missing_package_names_the_extra(name):
    said = worker.why(ModuleNotFoundError(f"No module named {name!r}", name=name))
    assert said == f'The package {name.partition(".")[0]} is not installed; it belongs to the extra "bench-language".'


def test_the_door_installs_the_extra_only_where_it_is_asked_for():
    assert door.OPTION_REQUIRES["--with-peers"] == ("bench-language",)


# ---- a run ---------------------------------------------------------------------------------------------------


def test_a_run_writes_a_record_with_every_row(played, capsys):
    assert bench.main([]) == 0
    record = record_in(bench.FOLDER)
    assert set(record) >= KEYS and (record["prompt_tokens"], record["new_tokens"]) == (32, bench.NEW_TOKENS)
    threads = len({1, ALL})
    small = [row for row in record["rows"] if row["shape"] == "SmolLM2-135M"]
    large = [row for row in record["rows"] if row["shape"] == "Llama-3.2-1B"]
    assert len(small) == threads * len(NAMES) and len(large) == threads * (len(NAMES) - 3)
    for row in record["rows"]:
        assert set(row) >= ROW_KEYS
        speed = row["tokens_per_s"]
        assert speed["q1"] == speed["median"] == speed["q3"] == bench.NEW_TOKENS / 0.5 and speed["runs"] >= 3
        # a sum that takes half a second for 1 GB reads 2 GB/s
        assert math.isclose(row["floor_tokens_per_s"], 2e9 / row["bytes_per_token"], rel_tol=1e-3)
        assert row["bytes_per_token"] > 1_000_000, "keys and values are read, too"
    assert record["bandwidth_GBps"] == {"1": 2.0, "all": 2.0} and record["missing"] == []
    assert not bench.KEPT.exists() and len(played.closed) == 2 * 4 + len(small + large) // threads
    printed = capsys.readouterr().out
    assert "torchao compiled int4" in printed and "Random weights" in printed and "reached: SmolLM2-135M" in printed


def test_rows_of_a_group_are_measured_in_turn(played):
    bench.main(["--shape", "SmolLM2-135M", "--runs", "4"])
    timed = [name for _, name, told in played.asked if told == {"do": "decode", "new": bench.NEW_TOKENS}]
    rows = len(bench.GROUPS["32 bits"]) + 1
    rounds = [timed[i : i + rows] for i in range(0, 4 * rows, rows)]
    assert all(sorted(one) == sorted(rounds[0]) and len(set(one)) == rows for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1, "the order is the same each time"


def test_one_shape_alone_writes_no_record_but_to_a_file(played, tmp_path):
    bench.main(["--shape", "SmolLM2-135M", "--runs", "2"])
    assert not bench.FOLDER.exists()
    bench.main(["--shape", "SmolLM2-135M", "--runs", "2", "--json", str(tmp_path / "one" / "rows.json")])
    assert {row["shape"] for row in record_in(tmp_path / "one")["rows"]} == {"SmolLM2-135M"}


def test_an_engine_that_is_missing_is_named_once_a_shape_and_the_rest_goes_on(played, capsys):
    why = 'The package llama_cpp is not installed; it belongs to the extra "bench-language".'
    played.seconds = {name: processes.Failed(why) for name in NAMES if name.startswith("llama.cpp")}
    assert bench.main(["--runs", "2"]) == 0
    record = record_in(bench.FOLDER)
    assert {one["engine"] for one in record["missing"]} == set(played.seconds)
    assert not [row for row in record["rows"] if row["engine"].startswith("llama.cpp")]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Not measured")]
    assert len(lines) == 4 + 3 and all(why in line for line in lines)


def test_weights_that_cannot_be_written_are_a_row_that_is_missing(played, monkeypatch, capsys):
    monkeypatch.setattr(bench, "is_prepared", lambda shape, folder, family, kind: family != "ONNX Runtime GenAI")
    played.seconds = {
        f"ONNX Runtime GenAI {kind}": processes.Failed("No builder.") for kind in ("fp32", "int8", "int4")
    }
    assert bench.main(["--prepare"]) == 0
    assert capsys.readouterr().out.count("Not prepared: ") == 3 + 2
    assert bench.main(["--runs", "2"]) == 0
    record = record_in(bench.FOLDER)
    assert [one["why"] for one in record["missing"]] == ["No builder."] * 5


def test_a_row_that_fails_on_the_way_leaves_the_others(played):
    def dies():
        yield from [0.5] * 4
        raise processes.Failed("It died.")

    played.seconds = {"llama.cpp Q8_0": dies()}
    bench.main(["--shape", "SmolLM2-135M", "--runs", "5", "--json", str(bench.FOLDER / "x.json")])
    record = record_in(bench.FOLDER)
    assert [one["engine"] for one in record["missing"]] == ["llama.cpp Q8_0"]
    assert {row["engine"] for row in record["rows"]} == set(NAMES) - {"llama.cpp Q8_0"}


def test_an_unsteady_row_is_measured_again_and_named_if_it_stays_so(played, capsys):
    def calms(warm=1):
        yield from [9.0] * warm + [0.3, 0.9] * 2
        while True:
            yield 0.4

    played.seconds = {"torch eager fp32": calms()}
    words = ["--shape", "SmolLM2-135M", "--runs", "4", "--json", str(bench.FOLDER / "x.json")]
    assert bench.main(words) == 0
    first = record_in(bench.FOLDER)["rows"][0]
    assert first["engine"] == "torch eager fp32" and first["tokens_per_s"]["median"] == bench.NEW_TOKENS / 0.4

    def swings():
        while True:
            yield from (0.3, 0.9)

    played.seconds = {"torch eager fp32": swings()}
    assert bench.main(words) == 1
    rows = [row for row in record_in(bench.FOLDER)["rows"] if "unsteady" in row["note"]]
    assert {row["engine"] for row in rows} == {"torch eager fp32"}
    assert "Unsteady each time that it was measured: SmolLM2-135M, torch eager fp32" in capsys.readouterr().out


def test_an_unsteady_run_writes_no_record_of_the_processor_and_keeps_what_it_has(played):
    played.seconds = {"torch eager fp32": iter([0.3, 0.9, 0.3] * 100)}
    assert bench.main(["--runs", "3"]) == 1
    assert not bench.FOLDER.exists() and len(json.loads(bench.KEPT.read_text(encoding="utf-8"))["parts"]) == 8


@pytest.mark.parametrize("name", ["OpenVINO GenAI fp32", "llama.cpp F32"])
def test_another_first_token_in_32_bits_is_a_fault(played, capsys, name):
    played.tokens = {name: [500, *TOKENS[1:]], "llama.cpp Q4_0": [499] * len(TOKENS)}
    assert bench.main(["--shape", "SmolLM2-135M", "--runs", "1"]) == 1
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Wrong")]
    assert len(wrong) == len({1, ALL}) and all(name in line for line in wrong)


def test_tokens_are_counted_up_to_the_first_that_differs():
    assert bench.same_tokens([1, 2, 9, 4], [1, 2, 3, 4]) == 2
    assert bench.same_tokens([1, 2], [1, 2]) == 2 and bench.same_tokens([1], []) is None


def test_what_holds_torch_back_is_said_where_the_aim_is_missed(played, capsys):
    played.seconds = {"llama.cpp Q4_0": 0.1}
    bench.main(["--shape", "SmolLM2-135M", "--runs", "1"])
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("not reached")]
    assert said and "llama.cpp Q4_0): 5." in said[0] and "aten::mm 75%, aten::add 25%" in said[0]


# ---- a run that is stopped -----------------------------------------------------------------------------------


def test_a_run_that_was_stopped_goes_on_with_the_parts_that_are_missing(played, capsys):
    played.seconds = {"torch compiled bf16": KeyboardInterrupt()}
    assert bench.main(["--runs", "2"]) == 130
    assert "Kept: SmolLM2-135M, 32 bits" in (said := capsys.readouterr().err) and "--resume" in said
    assert set(played.closed) >= set(names_of("32 bits")) | {"torch eager bf16"}, "a process was left"
    played.seconds, played.asked = {}, []
    assert bench.main(["--runs", "2", "--resume"]) == 0
    again = {(shape, name) for shape, name, _ in played.asked}
    assert ("SmolLM2-135M", "torch eager fp32") not in again and ("Llama-3.2-1B", "torch eager fp32") in again
    assert len(record_in(bench.FOLDER)["rows"]) == len({1, ALL}) * (2 * len(NAMES) - 3)


def test_parts_that_were_measured_in_another_way_are_refused(played):
    with pytest.raises(SystemExit, match="no run was stopped"):
        bench.main(["--resume"])
    played.seconds = {"torch compiled bf16": KeyboardInterrupt()}
    assert bench.main(["--runs", "2"]) == 130
    with pytest.raises(SystemExit, match="had other runs"):
        bench.main(["--runs", "3", "--resume"])
    bench.KEPT.write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit, match="cannot be read"):
        bench.main(["--runs", "2", "--resume"])


@pytest.mark.slow
def test_a_smoke_run_measures_torch_alone(monkeypatch, tmp_path, capsys):
    pytest.importorskip("transformers")
    monkeypatch.setattr(bench, "HERE", tmp_path)
    assert bench.main(["--quick", "--json", str(tmp_path / "out" / "rows.json")]) in (0, 1)  # a busy machine swings
    record = record_in(tmp_path / "out")
    assert {row["engine"] for row in record["rows"]} == {"torch eager fp32"} and record["missing"] == []
    assert all(row["same_tokens"] == bench.NEW_TOKENS + 1 for row in record["rows"])


def test_records_of_the_course_are_whole():
    for path in (bench.ROOT / "records" / "language").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert set(record) >= KEYS and record["rows"] and all(set(row) >= ROW_KEYS for row in record["rows"])
        assert {row["shape"] for row in record["rows"]} == set(shapes.SHAPES)
        assert not [row for row in record["rows"] if "unsteady" in row["note"] or "wrong" in row["note"]]


def test_the_engines_need_nothing_until_they_are_asked():
    """The modules are read where the extra is not installed: none of its packages is imported at the top."""
    heavy = {"transformers", "gguf", "llama_cpp", "openvino_genai", "onnxruntime_genai"}
    code = f"import sys, tools.benches.language, tools.benches._language.worker; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=bench.ROOT)
    assert done.stdout.strip() == "set()", done.stderr
    assert importlib.util.find_spec("tools.benches._language.worker")


def test_the_lesson_shows_the_best_of_both_for_each_width(monkeypatch):
    from lessons.real_model import show

    def row(engine, median, floor=20.0, threads=1):
        about = {"engine": engine, "threads": threads, "floor_tokens_per_s": floor}
        return {"shape": "S", **about, "tokens_per_s": {"median": median}}

    rows = [
        row("torch eager fp32", 5),
        row("torch compiled fp32", 10),
        row("llama.cpp F32", 12),
        row("torchao int8", 4),
    ]
    record = {"processor": "P", "date": "2026-01-01", "rows": [*rows, row("llama.cpp Q8_0", 30, threads=2, floor=0)]}
    monkeypatch.setattr(show, "records", lambda: [record])
    shown = show.records_table()
    assert shown.rows == [
        ["S", "1", "32", "torch compiled fp32", "10.0", "0.50", "llama.cpp F32", "12.0", "0.60"],
        ["S", "1", "8", "torchao int8", "4.0", "0.20", "–", "–", "–"],
        ["S", "2", "8", "–", "–", "–", "llama.cpp Q8_0", "30.0", "–"],
    ]
    kinds = {one.name.split()[-1] for group in bench.GROUPS.values() for one in group}
    assert kinds == set(show.WIDTHS)


def test_a_table_that_is_only_looked_up_is_not_read_whole(tmp_path):
    onnx = pytest.importorskip("onnx")
    make, floats = onnx.helper, onnx.TensorProto.FLOAT

    def weight(name, *dims):
        return make.make_tensor(name, floats, dims, [0.0] * (dims[0] * dims[1]))

    nodes = [
        make.make_node("Gather", ["table", "tokens"], ["x"]),
        make.make_node("Gather", ["tied", "tokens"], ["z"]),
        make.make_node("MatMul", ["x", "head"], ["y"]),
        make.make_node("Transpose", ["tied"], ["t"]),
    ]
    inputs = [make.make_tensor_value_info("tokens", onnx.TensorProto.INT64, [1])]
    outputs = [make.make_tensor_value_info("y", floats, None)]
    weights = [weight("table", 5, 4), weight("tied", 5, 4), weight("head", 4, 5)]
    onnx.save(make.make_model(make.make_graph(nodes, "g", inputs, outputs, weights)), tmp_path / "model.onnx")
    assert engines.looked_up(tmp_path) == 5 * 4 * 4
