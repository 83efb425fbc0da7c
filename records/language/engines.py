"""The engines: each opens its file of a model, and decodes greedily, a token at a time, for one reader."""

import gc
import importlib
import json
import time
from pathlib import Path

import torch

from course_utils import runtime
from records.language.shapes import CONTEXT, Shape


class Engine:
    """A model that is open.

    Attributes:
        bytes_read: of its weights, what a token reads, as far as files or tensors say.
        note: on how it computes.
    """

    bytes_read, note = 0, ""

    def set_threads(self, threads: int) -> None:
        """Compute with so many threads from here on."""
        raise NotImplementedError

    def decode(self, prompt: list[int], new: int) -> tuple[list[int], float]:
        """Read the prompt, then decode; gives new + 1 tokens, the first from the prompt, and the others' seconds."""
        raise NotImplementedError


class Torch(Engine):
    """transformers' model: eager with a cache that grows, or compiled with one of fixed length.

    Args:
        kind: "fp32", "bf16", "int8" or "int4", the latter two by torchao for the weights alone. The routine for int8
            weights takes inputs in bfloat16 alone; that for int4 takes both, and gets what the processor multiplies.
        how: "eager" or "compiled".
    """

    def __init__(self, shape: Shape, folder: Path, kind: str, how: str):
        from transformers import LlamaForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.kind, self.compiled = kind, how == "compiled"
        dtype = (
            torch.bfloat16
            if kind in ("bf16", "int8") or (kind == "int4" and runtime.has_fast_bf16())
            else torch.float32
        )
        self.model = LlamaForCausalLM.from_pretrained(folder / "hf", dtype=dtype).eval().requires_grad_(False)
        if kind in ("int8", "int4"):
            import torchao

            torchao.quantize_(self.model, weight_only(kind))
        gc.collect()
        self.bytes_read = sum(map(stored, weights_read(self.model)))
        self.note = f"computes in {str(dtype).removeprefix('torch.')}"
        self._step = torch.compile(self._next, fullgraph=True, dynamic=False) if self.compiled else self._next
        self._cache = None

    def set_threads(self, threads):
        torch.set_num_threads(threads)

    def _next(self, ids, places, cache):
        out = self.model(input_ids=ids, position_ids=places, cache=cache, use_cache=True, logits_to_keep=1)
        return out.logits[:, -1].argmax(-1, keepdim=True)

    def _start(self, prompt):
        """Read the prompt; gives the first token and the cache behind it."""
        from transformers import DynamicCache, StaticCache

        if not self.compiled:
            cache = DynamicCache(config=self.model.config)
        elif self._cache is None:
            cache = self._cache = StaticCache(config=self.model.config, max_cache_len=CONTEXT)
        else:
            cache = self._cache
            cache.reset()
        return self._next(torch.tensor([prompt]), torch.arange(len(prompt))[None], cache), cache

    @torch.no_grad()
    def decode(self, prompt, new):
        token, cache = self._start(prompt)
        found = [token]
        start = time.perf_counter()
        for place in range(len(prompt), len(prompt) + new):
            token = self._step(token, torch.tensor([[place]]), cache)
            found.append(token.clone())
        return [int(one) for one in found], time.perf_counter() - start


def weight_only(kind: str):
    """torchao's configuration for weights alone. Its int4 for CPUs is a prototype."""
    from torchao import quantization

    if kind == "int8":
        return quantization.Int8WeightOnlyConfig()
    module = importlib.import_module("torchao.prototype.quantization.int4")
    return module.PrototypeInt4WeightOnlyConfig(group_size=32)


def weights_read(model):
    """The tensors that a token reads: of all layers, and of the output, but not the table of the input."""
    table = model.get_input_embeddings()
    for module in model.modules():
        if module is not table:
            yield from module.parameters(recurse=False)


def stored(weight: torch.Tensor) -> int:
    """Bytes of a tensor, or of those that a quantized one is made of."""
    if hasattr(weight, "__tensor_flatten__"):
        return sum(stored(getattr(weight, name)) for name in weight.__tensor_flatten__()[0])
    return weight.numel() * weight.element_size()


def looked_up(folder: Path) -> int:
    """Bytes of the tables of an ONNX model of which a token reads one row: what `Gather` alone takes from.

    A builder that rounds the head to 8 bits leaves the table beside it in floats.
    """
    import onnx

    graph = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    tables = [one for one in graph.initializer if readers.get(one.name) == {"Gather"} and len(one.dims) == 2]
    return sum(
        one.dims[0] * one.dims[1] * onnx.helper.tensor_dtype_to_np_dtype(one.data_type).itemsize for one in tables
    )


class LlamaCpp(Engine):
    """llama.cpp through the functions of its C library; the sampler in front of them is left out."""

    def __init__(self, shape, folder, kind):
        import llama_cpp

        self.lib, self.vocab, path = llama_cpp, shape.vocab, folder / f"{kind}.gguf"
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise RuntimeError(f"llama.cpp does not open {path.name}")
        how = llama_cpp.llama_context_default_params()
        how.n_ctx = how.n_batch = how.n_ubatch = CONTEXT
        self.context = llama_cpp.llama_init_from_model(self.model, how)
        self.bytes_read = path.stat().st_size

    def set_threads(self, threads):
        self.lib.llama_set_n_threads(self.context, threads, threads)

    def _next(self, tokens):
        import numpy as np

        array = (self.lib.llama_token * len(tokens))(*tokens)
        if self.lib.llama_decode(self.context, self.lib.llama_batch_get_one(array, len(tokens))):
            raise RuntimeError("llama_decode failed")
        logits = self.lib.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self.vocab,)).argmax())

    def decode(self, prompt, new):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        found = [self._next(prompt)]
        start = time.perf_counter()
        for _ in range(new):
            found.append(self._next(found[-1:]))
        return found, time.perf_counter() - start


class OpenVino(Engine):
    """The pipeline of OpenVINO GenAI, which is handed tokens and asks for no tokenizer then."""

    def __init__(self, shape, folder, kind):
        self.folder, self.exact = folder / f"openvino-{kind}", kind == "fp32"
        self.bytes_read = (self.folder / "openvino_model.bin").stat().st_size

    def set_threads(self, threads):
        import openvino_genai

        how = {"INFERENCE_NUM_THREADS": threads}
        if self.exact:  # else it computes in bfloat16 where the processor has it, and keeps its cache in 8 bits
            how |= {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
        self.pipeline = None  # one at a time
        gc.collect()
        self.pipeline = openvino_genai.LLMPipeline(str(self.folder), "CPU", **how)

    def decode(self, prompt, new):
        import numpy as np
        import openvino
        import openvino_genai

        tensors = (np.array([prompt], np.int64), np.ones((1, len(prompt)), np.int64))
        inputs = openvino_genai.TokenizedInputs(*map(openvino.Tensor, tensors))
        how = openvino_genai.GenerationConfig(
            max_new_tokens=new + 1, do_sample=False, ignore_eos=True, eos_token_id=2, stop_token_ids={2}
        )
        found = self.pipeline.generate(inputs, how)
        times = found.perf_metrics.raw_metrics.m_new_token_times
        if len(times) != new + 1:  # they are in milliseconds
            raise RuntimeError(f"OpenVINO GenAI decoded {len(times)} tokens, asked for {new + 1}")
        return list(map(int, found.tokens[0])), (times[-1] - times[0]) / 1e3


class OnnxRuntime(Engine):
    """ONNX Runtime GenAI, with a model of its own builder."""

    def __init__(self, shape, folder, kind):
        self.folder = folder / f"onnx-{kind}"
        self.bytes_read = sum(file.stat().st_size for file in self.folder.glob("*.data")) - looked_up(self.folder)

    def set_threads(self, threads):
        import onnxruntime_genai

        config = onnxruntime_genai.Config(str(self.folder))
        options = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        self.model = None  # one at a time
        gc.collect()
        self.model = onnxruntime_genai.Model(config)

    def decode(self, prompt, new):
        import onnxruntime_genai

        how = onnxruntime_genai.GeneratorParams(self.model)
        how.set_search_options(max_length=CONTEXT, do_sample=False)
        generator = onnxruntime_genai.Generator(self.model, how)
        generator.append_tokens([prompt])
        found = []
        for i in range(new + 1):
            generator.generate_next_token()
            found.append(int(generator.get_next_tokens()[0]))
            if i == 0:
                start = time.perf_counter()
        return found, time.perf_counter() - start


class Bandwidth(Engine):
    """No model: the sum of an array that is far larger than any cache. It gives no tokens, and the seconds of 1 GB."""

    GIGABYTES = 0.5

    def __init__(self):
        self.array = torch.ones(int(self.GIGABYTES * 1e9 / 4))

    def set_threads(self, threads):
        torch.set_num_threads(threads)

    def decode(self, prompt, new):
        start = time.perf_counter()
        self.array.sum()
        return [], (time.perf_counter() - start) / self.GIGABYTES


def opened(shape: Shape, folder: Path, family: str, kind: str, how: str) -> Engine:
    """The engine of a row."""
    if family == "bandwidth":
        return Bandwidth()
    if family == "torch":
        return Torch(shape, folder, kind, how)
    made = {"llama.cpp": LlamaCpp, "OpenVINO GenAI": OpenVino, "ONNX Runtime GenAI": OnnxRuntime}
    return made[family](shape, folder, kind)
