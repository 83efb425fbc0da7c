"""A Llama-shaped model in OpenVINO, in float or with weights in few bits (the extras "llm" and "deploy")."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from IPython.utils.capture import capture_output
from torch import Tensor, nn

GROUP = 64  # neighbours that share a scale, in 4 bits; it divides 576, 1536, 2048 and 8192
EXPECTED_WARNINGS = (".*torch.jit", "`is_gradient_checkpointing` is deprecated")  # of how OpenVINO reads a model


class Step(nn.Module):
    """What a model of the Llama family does for one token, in plain PyTorch: products, norms, and attention to a cache.

    The cache has room for a fixed number of tokens. (OpenVINO 2026.4 gave wrong numbers for one that grew by a token at
    each call: its results left PyTorch's at the eighth token, on a processor with AVX2.)

    Takes token (1, 1), cos and sin (1, head size), here (room, 1), which is 1 at the token's place and else 0, seen
    (1, room), which is 0 up to this place and minus infinity behind it, keys and values (layers, kv_heads, room, head
    size); gives logits (1, vocabulary), and keys and values with the token's own.

    Args:
        model: `LlamaForCausalLM` of transformers.
    Raises:
        ValueError: another architecture.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        if model.config.model_type != "llama":
            raise ValueError(f"this route knows the architecture llama, and the model is {model.config.model_type}")
        self.inner, self.head = model.model, model.lm_head
        self.kv_heads, self.size = model.config.num_key_value_heads, self.inner.layers[0].self_attn.head_dim

    def forward(
        self, token: Tensor, cos: Tensor, sin: Tensor, here: Tensor, seen: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, ...]:
        x, new_keys, new_values = self.inner.embed_tokens(token)[0], [], []
        for number, layer in enumerate(self.inner.layers):
            h, own = layer.input_layernorm(x), layer.self_attn
            q = _turn(own.q_proj(h).view(self.kv_heads, -1, self.size), cos, sin)  # heads that share keys, side by side
            k = _turn(own.k_proj(h).view(self.kv_heads, 1, self.size), cos, sin) * here + keys[number]
            v = own.v_proj(h).view(self.kv_heads, 1, self.size) * here + values[number]
            shares = (q @ k.transpose(1, 2) * self.size**-0.5 + seen).softmax(-1)
            x = x + own.o_proj((shares @ v).reshape(1, -1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
            new_keys.append(k)
            new_values.append(v)
        return self.head(self.inner.norm(x)), torch.stack(new_keys), torch.stack(new_values)


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, as Llama's files have them: feature i and feature i + half make a pair."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class Writer:
    """Writes token by token in OpenVINO on one thread; a call writes one. Like `speed.Writer`.

    Args:
        model: float32 `LlamaForCausalLM`.
        prompt: ids (1, n), given token by token.
        bits: 32 for float weights; 8 or 4: OpenVINO's own tool (nncf) rounds the weights, all of them to 8 bits, or the
            matrices of the layers to 4 in groups of 64 and the rest to 8. Inputs stay float.
        n_threads: of the engine.
        room: tokens that the cache holds at most.
        graph: of `converted`, with the same room, so that several writers share the conversion; None = convert.
    Attributes:
        written: ids so far, without the prompt.
        file_bytes: of the saved graph and its weights.
    Raises:
        ImportError: OpenVINO or nncf is not installed (the extra "deploy").
        ValueError: another architecture, or other bits.
        IndexError: the prompt is longer than the cache.
    """

    def __init__(
        self,
        model: nn.Module,
        prompt: Tensor,
        *,
        bits: int = 32,
        n_threads: int = 1,
        room: int = 256,
        graph: object = None,
    ):
        if bits not in (32, 8, 4):
            raise ValueError(f"bits must be 32, 8 or 4, got {bits}")
        graph = (graph or converted(model, room=room)).clone()
        self._rotary, self._room = model.model.rotary_emb, room
        self._keys = self._values = _no_cache(model, room)
        with _quietly(), tempfile.TemporaryDirectory() as folder:
            self._request, self.file_bytes = _built(graph, bits, n_threads, Path(folder))
        self.written: list[int] = []
        for place, token in enumerate(prompt[0].tolist()):
            logits = self._run(token, place)
        self._place = prompt.shape[1]
        self.written.append(int(logits.argmax()))

    def __call__(self) -> Tensor:
        """The logits after one more token, (vocabulary,).

        Raises:
            IndexError: the cache has no room for it.
        """
        logits = self._run(self.written[-1], self._place)
        self.written.append(int(logits.argmax()))
        self._place += 1
        return logits

    def _inputs(self, token: int, place: int) -> tuple[np.ndarray, ...]:
        if place >= self._room:
            raise IndexError(f"the cache has room for {self._room} tokens: pass a larger room")
        return (*_place_of(self._rotary, token, place, self._room), self._keys, self._values)

    def _run(self, token: int, place: int) -> Tensor:
        found = self._request.infer(dict(enumerate(self._inputs(token, place))))
        logits, self._keys, self._values = (found[output].copy() for output in range(3))
        return torch.from_numpy(logits[0])


def converted(model: nn.Module, *, room: int = 256) -> object:
    """The graph of a model's `Step` in float, for several writers with the same room.

    Raises:
        ImportError: OpenVINO is not installed.
        ValueError: another architecture.
    """
    step, cache = Step(model), _no_cache(model, room)
    example = tuple(map(torch.from_numpy, (*_place_of(model.model.rotary_emb, 0, 0, room), cache, cache)))
    with _quietly(), torch.no_grad():
        import openvino as ov

        graph = ov.convert_model(step, example_input=example)
        for port, given in zip(graph.inputs, example, strict=True):
            port.get_node().set_partial_shape(ov.PartialShape(list(given.shape)))
        graph.validate_nodes_and_infer_types()
    return graph


def _no_cache(model: nn.Module, room: int) -> np.ndarray:
    layers, config = model.model.layers, model.config
    return np.zeros((len(layers), config.num_key_value_heads, room, layers[0].self_attn.head_dim), np.float32)


def _place_of(rotary: nn.Module, token: int, place: int, room: int) -> tuple[np.ndarray, ...]:
    """What `Step` takes before the cache."""
    with torch.no_grad():
        cos, sin = rotary(torch.zeros(1, 1, 1), torch.tensor([[place]]))
    here, seen = np.zeros((room, 1), np.float32), np.zeros((1, room), np.float32)
    here[place], seen[:, place + 1 :] = 1, -np.inf
    return np.array([[token]]), cos[0].numpy(), sin[0].numpy(), here, seen


def _built(graph: object, bits: int, n_threads: int, folder: Path) -> tuple[object, int]:
    """A request of the compiled graph, and the bytes of its files."""
    import openvino as ov

    if bits < 32:
        import nncf

        modes = nncf.CompressWeightsMode
        how = {"mode": modes.INT8_SYM}
        if bits == 4:  # where the group does not divide a row, the largest smaller power of two that does
            spare = nncf.AdvancedCompressionParameters(group_size_fallback_mode=nncf.GroupSizeFallbackMode.ADJUST)
            how = {"mode": modes.INT4_SYM, "group_size": GROUP, "ratio": 1.0, "advanced_parameters": spare}
        graph = nncf.compress_weights(graph, **how)
    path = folder / "model.xml"
    ov.save_model(graph, str(path), compress_to_fp16=False)
    file_bytes = path.stat().st_size + path.with_suffix(".bin").stat().st_size
    options = {"INFERENCE_NUM_THREADS": n_threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    options |= {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}  # weights alone are rounded
    return ov.Core().compile_model(graph, "CPU", options).create_infer_request(), file_bytes


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hold back what these packages print about their own progress; errors still raise."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), capture_output(stderr=False):
            for message in EXPECTED_WARNINGS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logging.disable(level)
