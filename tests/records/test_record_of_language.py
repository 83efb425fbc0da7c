"""Language models: the weights that are counted, an engine that fails, and the table that the lesson shows."""

import pytest
import torch

from records.language import engines, shapes


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
