"""The second engine writes what PyTorch writes, in float to the last digits and in few bits nearly."""

import pytest
import torch

pytest.importorskip("transformers", reason="not run: the extra `llm` is not installed")
pytest.importorskip("openvino", reason="not run: the extra `deploy` is not installed")

from lessons.real_model.llm import openvino_route, shapes, speed  # noqa: E402

TINY = shapes.Shape("tiny", width=64, layers=2, heads=4, kv_heads=2, inner=128, vocab=300)
PROMPT = torch.arange(5)[None]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def model():
    return shapes.random_model(TINY)


def logits_of(writer, count=12):
    return torch.stack([writer() for _ in range(count)])


def test_in_float_both_engines_write_the_same(model):
    ours, theirs = speed.Writer(model, PROMPT), openvino_route.Writer(model, PROMPT, room=32)
    assert torch.allclose(logits_of(ours), logits_of(theirs), atol=1e-5)
    assert ours.written == theirs.written


def test_fewer_bits_make_a_smaller_file_and_change_the_logits_a_little(model):
    exact = logits_of(openvino_route.Writer(model, PROMPT, room=32), 1)
    error, size = [], []
    for bits in (32, 8, 4):
        writer = openvino_route.Writer(model, PROMPT, room=32, bits=bits)
        error.append((logits_of(writer, 1) - exact).norm() / exact.norm())
        size.append(writer.file_bytes)
    assert error[0] == 0 and 0 < error[1] < 0.05 < error[2] < 0.9
    assert size[0] > size[1] > size[2]


def test_what_the_route_does_not_know_is_refused(model):
    with pytest.raises(ValueError, match="32, 8 or 4, got 2"):
        openvino_route.Writer(model, PROMPT, bits=2)
    with pytest.raises(IndexError, match="room for 4 tokens"):
        openvino_route.Writer(model, PROMPT, room=4)
    other = type("Model", (), {"config": type("Config", (), {"model_type": "gpt2"})})()
    with pytest.raises(ValueError, match="gpt2"):
        openvino_route.Step(other)
