"""Language models: the weights that are counted, an engine that fails, and the table that the lesson shows."""

import pytest
import torch

from records.language import engines, files, measure, processes, shapes

TOKENS = list(range(measure.NEW_TOKENS + 1))


def test_the_shapes_have_as_many_weights_as_published():
    assert {name: sum(shape.weights()) for name, shape in shapes.SHAPES.items()} == {
        "SmolLM2-135M": 134_515_008,
        "Llama-3.2-1B": 1_235_814_400,
    }
    tiny = dict(shapes.tensors(shapes.TINY))
    assert sum(value.numel() for value in tiny.values()) == sum(shapes.TINY.weights())
    # 2 layers, keys and values, 2 heads of 16, 32 places and half of 16 new ones, 2 bytes each
    assert shapes.TINY.cache_bytes(32, 16, 2) == 2 * 2 * 2 * 16 * 40 * 2


def test_bytes_that_a_token_reads_are_counted(tmp_path):
    class Packed:
        codes, scale = torch.zeros(4, 2, dtype=torch.uint8), torch.zeros(4)

        def __tensor_flatten__(self):
            return ["codes", "scale"], None

    assert engines.stored(Packed()) == 8 + 16
    onnx = pytest.importorskip("onnx")
    make, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = [make.make_tensor(name, floats, (5, 4), [0.0] * 20) for name in ("table", "head")]
    nodes = [make.make_node("Gather", ["table", "tokens"], ["x"]), make.make_node("MatMul", ["x", "head"], ["y"])]
    given = [make.make_tensor_value_info("tokens", onnx.TensorProto.INT64, [1])]
    graph = make.make_graph(nodes, "g", given, [make.make_tensor_value_info("y", floats, None)], weights)
    onnx.save(make.make_model(graph), tmp_path / "model.onnx")
    assert engines.looked_up(tmp_path) == 5 * 4 * 4, "of the table a token reads one row"


def test_rows_of_a_projection_are_interleaved_head_by_head_for_llama_cpp():
    rows = torch.arange(8.0)[:, None]
    assert files.interleaved(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    names = [files.gguf_name(name) for name, _ in shapes.tensors(shapes.TINY)]
    assert names[:2] == ["token_embd.weight", "blk.0.attn_q.weight"] and len(set(names)) == len(names)


@pytest.fixture
def played(monkeypatch, tmp_path):
    """Processes that are not started: seconds of each run by the row's name, or an error."""
    seconds, closed = {}, []

    class Played:
        def __init__(self, shape, folder, *row):
            self.name = measure.Row(*row).name

        def ask(self, what, *values):
            found = seconds.get(self.name, 0.5)
            if isinstance(found, Exception) and what == "open":
                raise found
            if what == "decode":
                return TOKENS, next(found) if hasattr(found, "__next__") else found
            return (1_000_000, "") if what == "open" else None

        def close(self):
            closed.append(self.name)

    monkeypatch.setattr(measure, "Process", Played)
    monkeypatch.setattr(measure, "MODELS", tmp_path)
    return seconds, closed


def test_an_engine_that_is_missing_is_named_and_the_others_are_measured(played):
    seconds, closed = played
    seconds["llama.cpp F32"] = processes.Failed("The package llama_cpp is not installed.")
    missing, bandwidth = [], {1: 0.0}
    rows = measure.measured(shapes.TINY, measure.GROUPS[0], missing, bandwidth)
    assert missing == [{"shape": "tiny", "engine": "llama.cpp F32", "why": "The package llama_cpp is not installed."}]
    assert [row["engine"] for row in rows] == [one.name for one in measure.GROUPS[0] if one.family != "llama.cpp"]
    assert bandwidth == {1: 2.0} and len(closed) == len(measure.GROUPS[0]) + 1, "a process was left"
    told = measure.told(rows[0], 2.0, TOKENS)
    assert told["tokens_per_s"] == {"median": 32.0, "q1": 32.0, "q3": 32.0, "runs": 2}
    assert told["floor_tokens_per_s"] == round(2e9 / told["bytes_per_token"], 2) and told["same_tokens"] == 17
    assert "wrong tokens" in measure.told({**rows[0], "tokens": [9, *TOKENS[1:]]}, 2.0, TOKENS)["note"]


def test_a_row_that_swings_is_measured_again(played):
    seconds, _ = played
    seconds["torch eager fp32"] = iter([9.0, 0.3, 0.9, *[0.4] * 10])
    (row,) = measure.measured(shapes.TINY, measure.GROUPS[0][:1], [], {1: 0.0})
    assert row["seconds"] == [0.4, 0.4]


def test_the_lesson_shows_the_best_of_both_for_each_width(monkeypatch):
    from lessons.real_model import show

    def row(engine, median, threads=1, floor=20.0):
        about = {"engine": engine, "threads": threads, "floor_tokens_per_s": floor}
        return {"shape": "S", **about, "tokens_per_s": {"median": median}}

    rows = [
        row("torch eager fp32", 5),
        row("torch compiled fp32", 10),
        row("llama.cpp F32", 12),
        row("torchao int8", 4),
    ]
    monkeypatch.setattr(show, "records", lambda: [{"processor": "P", "date": "2026-01-01", "rows": rows}])
    assert show.records_table().rows == [
        ["S", "1", "32", "torch compiled fp32", "10.0", "0.50", "llama.cpp F32", "12.0", "0.60"],
        ["S", "1", "8", "torchao int8", "4.0", "0.20", "–", "–", "–"],
    ]
    assert {one.kind for group in measure.GROUPS for one in group} == set(show.WIDTHS)
