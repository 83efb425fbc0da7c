"""Measure tokens a second and perplexity of SmolLM2 in torch and three other engines: for the lesson `real_model`."""

import gc
import importlib.util
import json
import math
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path
from statistics import median

import torch

from course_utils import real_models, runtime
from course_utils.files import ROOT, slug
from course_utils.tables import Table
from records import writing
from records.gptq.measure import CHAPTER, EXAM, texts

FILES = ROOT / "build" / "bench" / "language"  # the model in other forms, some 1.5 GB
QUESTION = "Why is the sky blue?"
NEW_TOKENS, WARM_TOKENS, RUNS = 32, 4, 5
PACKAGES = {  # its name on the index -> as it is imported
    "transformers": "transformers",
    "openvino-genai": "openvino_genai",
    "onnxruntime-genai": "onnxruntime_genai",
    "llama-cpp-python": "llama_cpp",
}
CONTEXT = 512  # tokens that a cache of fixed length holds
ROWS = (  # (engine, form of the weights, how)
    ("PyTorch", "float32", "eager"),
    ("PyTorch", "float32", "compiled"),
    ("PyTorch", "bfloat16", "eager"),
    ("PyTorch", "bfloat16", "compiled"),
    ("PyTorch", "int8, torchao", "eager"),
    ("PyTorch", "int8, torchao", "compiled"),
    ("OpenVINO GenAI", "Q4_1, the file", ""),
    ("OpenVINO GenAI", "Q8_0", ""),
    ("ONNX Runtime GenAI", "int8", ""),
    ("ONNX Runtime GenAI", "int4", ""),
    ("llama.cpp", "Q4_1, the file", ""),
    ("llama.cpp", "Q8_0", ""),
)


def main(arguments):
    """Measure, print the table, and write the record of this processor; a quarter of an hour."""
    own = runtime.provenance()
    own["versions"] |= {
        name: metadata.version(name) for name, module in PACKAGES.items() if importlib.util.find_spec(module)
    }
    parser = writing.options("language", __doc__, ROOT / "records" / "language" / f"{slug(own['cpu'])}.json")
    parser.add_argument("--with-peers", action="store_true", help="install the other engines first; llama.cpp is built")
    args = parser.parse_args(arguments)
    writing.need_smollm2()
    chosen, cores = ROWS, {1, runtime.physical_cores()}
    prompt, exam = tokens()
    if runtime.quick():
        chosen, cores, exam = ROWS[:1], {1}, exam[:, :8]
    else:
        prepare()
    rows, missing, perplexity, bandwidth = [], [], {}, {}
    for threads in sorted(cores):
        os.environ["OMP_NUM_THREADS"] = str(threads)  # of the processes that are started
        bandwidth[threads] = gigabytes_a_second(threads)
        rows += measured(chosen, threads, prompt, exam, perplexity, missing)
    for row in rows:
        row["floor_tokens_per_s"] = round(1e9 * bandwidth[row["threads"]] / row["bytes_per_token"], 1)
    record = {
        "command": "python3 course.py bench language",
        **own,
        "model": "SmolLM2-135M-Instruct, Q4_1 as downloaded",
        "prompt": QUESTION,
        "new_tokens": NEW_TOKENS,
        "exam": {"tokens": exam.numel(), "text": f"the beginning of the chapter {CHAPTER} of pydoc_data.topics"},
        "bandwidth_GB_per_s": {str(n): round(found, 1) for n, found in bandwidth.items()},
        "rows": rows,
        "missing": missing,
    }
    print(table(record))
    for row in missing:
        print(f"Not measured: {row['engine']}, {row['weights']}. {row['why']}")
    writing.write(args.to, record)
    return 0


def tokens():
    """(ids of the question as a chat, a list; ids of the text whose perplexity is measured, (1, tokens))."""
    _, tokenizer = real_models.smollm2()
    chat = [{"role": "user", "content": QUESTION}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")["input_ids"][0]
    exam, _ = texts(tokenizer, 1, 8)
    return prompt.tolist(), exam[:, :EXAM]


def measured(chosen, threads, prompt, exam, perplexity, missing):
    """Open each row in a process of its own, and let them write in turn, each round in another order.

    Args:
        chosen: of `ROWS`.
        threads: that every engine computes with.
        prompt: ids, a list.
        exam: ids (1, tokens), for the perplexity.
        perplexity: (engine, form of the weights) -> perplexity, of those that are known; it is kept up.
        missing: gets what could not be measured, and why.
    Returns:
        A dict for each row that could.
    """
    pools, rows, seconds = {}, {}, {}
    spawn = multiprocessing.get_context("spawn")
    for row in chosen:
        engine, weights, how = row
        facts = {"engine": engine, "weights": weights, "how": how, "threads": threads}
        pool = ProcessPoolExecutor(1, spawn)
        try:
            facts["bytes_per_token"] = pool.submit(open_engine, row, threads).result()
            if (engine, weights) not in perplexity:
                perplexity[engine, weights] = pool.submit(perplexity_of, exam[0].tolist()).result()
            pool.submit(write, prompt, WARM_TOKENS).result()
        except Exception as error:  # engines raise what they like, and the other rows must still be measured
            pool.shutdown()
            missing.append(facts | {"why": f"{type(error).__name__}: {error}"[:300]})
            continue
        pools[row], seconds[row] = pool, []
        rows[row] = facts | {"perplexity": perplexity[engine, weights]}
        print(rows[row], flush=True)
    order, n = random.Random(0), WARM_TOKENS if runtime.quick() else NEW_TOKENS
    for _ in range(RUNS):
        for row in order.sample(list(pools), len(pools)):
            seconds[row].append(pools[row].submit(write, prompt, n).result())
    for row, pool in pools.items():
        pool.shutdown()
        speeds = sorted(1 / one for one in seconds[row])
        rows[row]["tokens_per_s"] = {
            "median": round(median(speeds), 1),
            "lowest": round(speeds[0], 1),
            "highest": round(speeds[-1], 1),
        }
    return list(rows.values())


def gigabytes_a_second(threads):
    """What the memory delivers: the fastest of nine sums of a tensor that is far larger than the caches."""
    with runtime.threads(threads):
        numbers, found = torch.ones(2**20 if runtime.quick() else 2**27), []
        for _ in range(9):
            start = time.perf_counter()
            numbers.sum()
            found.append(numbers.nbytes / 1e9 / (time.perf_counter() - start))
    return max(found)


# In the process of an engine


def open_engine(row, threads):
    """Open the model of a row for this process, and give the bytes of its weights that a token reads."""
    global ENGINE
    torch.set_num_threads(threads)
    kinds = {"PyTorch": Torch, "OpenVINO GenAI": OpenVino, "ONNX Runtime GenAI": OnnxRuntime, "llama.cpp": LlamaCpp}
    engine, weights, how = row
    ENGINE = kinds[engine](weights, how, threads)
    gc.collect()
    return ENGINE.bytes_read


def perplexity_of(ids):
    """exp of the mean loss of each token after those before it, which an engine reads one by one; rounded."""
    losses = []
    for logits, right in zip(ENGINE.scores(ids[:-1]), ids[1:], strict=True):
        losses.append(-torch.log_softmax(torch.as_tensor(logits).float().flatten(), -1)[right].item())
    return round(math.exp(sum(losses) / len(losses)), 2)


def write(prompt, n):
    """Seconds of a token, the mean of n that follow the first."""
    return ENGINE.write(prompt, n)


def next_of(logits):
    """The likeliest token."""
    return int(torch.as_tensor(logits).flatten().argmax())


class Stepwise:
    """An engine that reads some tokens and gives scores for the next one: `start()`, then `read(ids)`."""

    def scores(self, ids):
        self.start()
        for token in ids:
            yield self.read([token])

    def write(self, prompt, n):
        self.start()
        token = next_of(self.read(prompt))
        begin = time.perf_counter()
        for _ in range(n):
            token = next_of(self.read([token]))
        return (time.perf_counter() - begin) / n


class Torch(Stepwise):
    """transformers' model; compiled, with a cache of fixed length."""

    def __init__(self, weights, how, threads):
        from torchao.quantization import Int8WeightOnlyConfig, quantize_

        model, _ = real_models.smollm2()
        if weights != "float32":
            model = model.to(torch.bfloat16)  # torchao's int8 weights are multiplied fastest with inputs of 16 bits
        if weights.startswith("int8"):
            quantize_(model, Int8WeightOnlyConfig())
        self.model, self.fixed = model, how == "compiled"
        table = model.get_input_embeddings()
        layers = [layer for layer in model.modules() if layer is not table]  # a token looks up one row of the table
        read = [weight for layer in layers for weight in layer.parameters(recurse=False)]
        self.bytes_read = sum(map(stored, read))
        self.step = torch.compile(self.forward, dynamic=False) if self.fixed else self.forward
        self.cache = None

    @torch.no_grad()
    def scores(self, ids):
        return self.model(input_ids=torch.tensor([ids])).logits[0]

    def forward(self, ids, positions, cache):
        found = self.model(input_ids=ids, position_ids=positions, cache=cache, use_cache=True, logits_to_keep=1)
        return found.logits

    def start(self):
        from transformers import DynamicCache, StaticCache

        if self.fixed and self.cache is not None:
            self.cache.reset()
        elif self.fixed:
            self.cache = StaticCache(config=self.model.config, max_cache_len=CONTEXT)
        else:
            self.cache = DynamicCache(config=self.model.config)
        self.known = 0

    @torch.no_grad()
    def read(self, ids):
        positions = torch.arange(self.known, self.known + len(ids))[None]
        self.known += len(ids)
        step = self.step if len(ids) == 1 else self.forward  # the prompt is not compiled
        return step(torch.tensor([ids]), positions, self.cache)


def stored(weight):
    """Bytes of a tensor, or of those that a quantized one is made of."""
    if hasattr(weight, "__tensor_flatten__"):
        return sum(stored(getattr(weight, name)) for name in weight.__tensor_flatten__()[0])
    return weight.nbytes


class LlamaCpp(Stepwise):
    """llama.cpp by the functions of its C library."""

    def __init__(self, weights, how, threads):
        import llama_cpp

        self.lib, path = llama_cpp, gguf_file(weights)
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        how = llama_cpp.llama_context_default_params()
        how.n_ctx = how.n_batch = how.n_ubatch = CONTEXT
        how.n_threads = how.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, how)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.bytes_read = weights_in(path)

    def start(self):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def read(self, ids):
        import numpy as np

        array = (self.lib.llama_token * len(ids))(*ids)
        if self.lib.llama_decode(self.context, self.lib.llama_batch_get_one(array, len(ids))):
            raise RuntimeError("llama_decode failed")
        return np.ctypeslib.as_array(self.lib.llama_get_logits_ith(self.context, -1), shape=(self.vocabulary,))


class OnnxRuntime(Stepwise):
    """ONNX Runtime GenAI, with a model of its own builder."""

    def __init__(self, weights, how, threads):
        import onnxruntime_genai

        self.lib, folder = onnxruntime_genai, FILES / f"onnx-{weights}"
        config = onnxruntime_genai.Config(str(folder))
        options = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        self.model = onnxruntime_genai.Model(config)
        self.bytes_read = sum(file.stat().st_size for file in folder.glob("*.data")) - looked_up(folder)

    def start(self):
        how = self.lib.GeneratorParams(self.model)
        how.set_search_options(max_length=CONTEXT, do_sample=False)
        self.generator = self.lib.Generator(self.model, how)

    def read(self, ids):
        self.generator.append_tokens([ids])
        return self.generator.get_logits()


def looked_up(folder):
    """Bytes of the tables of an ONNX model of which a token reads one row: what `Gather` alone takes from."""
    import onnx

    graph = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    tables = [one for one in graph.initializer if readers.get(one.name) == {"Gather"} and len(one.dims) == 2]
    return sum(math.prod(t.dims) * onnx.helper.tensor_dtype_to_np_dtype(t.data_type).itemsize for t in tables)


class OpenVino(Stepwise):
    """OpenVINO GenAI's pipeline writes; the model that it makes of a file gives the scores."""

    def __init__(self, weights, how, threads):
        import openvino
        import openvino_genai

        path = gguf_file(weights)
        options = {"INFERENCE_NUM_THREADS": threads}
        self.pipeline = openvino_genai.LLMPipeline(str(path), "CPU", enable_save_ov_model=True, **options)
        model = openvino.Core().read_model(path.with_name("openvino_model.xml"))
        self.request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
        self.names = {name for one in model.inputs for name in one.names}
        self.bytes_read = weights_in(path)

    def start(self):
        self.request.reset_state()
        self.known = 0

    def read(self, ids):
        import numpy as np

        self.known += len(ids)
        given = {
            "input_ids": [ids],
            "attention_mask": np.ones((1, self.known)),
            "position_ids": [range(self.known - len(ids), self.known)],
        }
        given = {name: np.array(value, np.int64) for name, value in given.items()} | {"beam_idx": np.zeros(1, np.int32)}
        found = self.request.infer({name: value for name, value in given.items() if name in self.names})
        return next(iter(found.values()))[0, -1].copy()

    def write(self, prompt, n):
        import numpy as np
        import openvino
        import openvino_genai

        inputs = openvino_genai.TokenizedInputs(
            openvino.Tensor(np.array([prompt], np.int64)), openvino.Tensor(np.ones((1, len(prompt)), np.int64))
        )
        found = self.pipeline.generate(inputs, max_new_tokens=n + 1, ignore_eos=True, do_sample=False)
        times = found.perf_metrics.raw_metrics.m_new_token_times  # in milliseconds
        return (times[-1] - times[0]) / 1e3 / (len(times) - 1)


# Files


def gguf_file(weights):
    """The GGUF file of a row, in a folder of its own, where OpenVINO writes its model beside it."""
    return FILES / slug(weights) / "model.gguf"


def weights_in(path):
    """Bytes of the tensors in a GGUF file."""
    return sum(packed.nbytes for _, packed in real_models.read_gguf(path)[1].values())


def prepare():
    """Write the model in the forms that other engines read: GGUF in Q8_0, and ONNX in int8 and int4."""
    FILES.mkdir(parents=True, exist_ok=True)
    file = real_models.smollm2_file()
    for weights, make in (("Q4_1, the file", link), ("Q8_0", write_q8_0)):
        path = gguf_file(weights)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            make(file, path)
    model, tokenizer = real_models.smollm2()
    model.save_pretrained(FILES / "hf")
    tokenizer.save_pretrained(FILES / "hf")
    for weights in ("int8", "int4"):
        build_onnx(weights)


def link(file, path):
    """The file itself, under another name."""
    path.symlink_to(file.resolve())


def write_q8_0(file, path):
    """The same model with every matrix in Q8_0: 32 weights share a step of 16 bits, and each has 8 bits."""
    import gguf

    reader = gguf.GGUFReader(file)
    writer = gguf.GGUFWriter(path, "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    for tensor in reader.tensors:
        numbers = gguf.dequantize(tensor.data, tensor.tensor_type)
        kind = gguf.GGMLQuantizationType["Q8_0" if numbers.ndim == 2 else "F32"]
        writer.add_tensor(tensor.name, gguf.quantize(numbers, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def build_onnx(weights):
    """Let ONNX Runtime GenAI's own builder round the saved floats; a failure is named when the row is opened."""
    folder = FILES / f"onnx-{weights}"
    if not (folder / "model.onnx").exists():
        try:
            package = importlib.util.find_spec("onnxruntime_genai")
            sys.path.insert(0, str(Path(package.origin).parent / "models"))  # the builder imports its parts from there
            import builder

            options = ["hf_token=false", *(["int4_block_size=32"] if weights == "int4" else [])]
            where = (None, str(FILES / "hf"), str(folder), weights, "cpu", str(FILES / "cache"))
            builder.create_model(*where, **builder.parse_extra_options(*where, options))
        except Exception as error:
            print(f"ONNX Runtime GenAI has no model in {weights}: {type(error).__name__}: {error}")


def table(record):
    """The rows of a record: the floor is the speed that bytes and bandwidth allow."""
    head = ["engine", "weights", "threads", "tokens/s", "floor", "MB a token", "perplexity"]
    rows = [
        [
            f"{row['engine']} {row['how']}".strip(),
            row["weights"],
            row["threads"],
            f"{row['tokens_per_s']['median']:.3g}",
            f"{row['floor_tokens_per_s']:.3g}",
            f"{row['bytes_per_token'] / 1e6:.0f}",
            row["perplexity"],
        ]
        for row in record["rows"]
    ]
    return Table(head, rows, caption=record["cpu"])
