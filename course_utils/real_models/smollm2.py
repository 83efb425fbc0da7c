"""SmolLM2-135M-Instruct out of its GGUF file, and a stand-in with random weights in a file of the same formats."""

from __future__ import annotations

import functools
import itertools
import os
import struct
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import torch

from course_utils.door import command
from course_utils.real_models import fetching

NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}  # GGUF's kinds of numbers, as struct calls them
TEXT, LIST = 8, 9
NAMES = {  # what llama.cpp calls a part -> what transformers calls it
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "blk": "model.layers",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class Missing(ImportError):
    """A package of the extra `llm` is not installed; a notebook shows the sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def smollm2() -> tuple[Any, Any]:
    """SmolLM2-135M-Instruct as its file has it, or its stand-in; every call opens the file anew, in seconds.

    Returns:
        (model, tokenizer): a transformers LlamaForCausalLM, float32, in evaluation mode, without gradients, with head
        and table in one tensor; and its tokenizer, with the template of a chat.
    Raises:
        Missing: transformers or gguf is not installed.
        FetchError: COURSE_MODELS asks for the real one, which cannot be fetched.
    """
    file = smollm2_file()
    transformers = _transformers()
    fields, tensors = read_gguf(file)
    return _llama(transformers, fields, tensors), _tokenizer(transformers, fields)


def ask(model: Any, tokenizer: Any, question: str, n: int = 12) -> str:
    """What a chat model answers: at most n tokens, the likeliest each time."""
    chat = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**ids, max_new_tokens=n, do_sample=False)
    return tokenizer.decode(written[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)


def smollm2_file() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct, or that of its stand-in: matrices in Q4_1, the table in Q8_0.

    Raises:
        FetchError: as `smollm2`.
    """
    if fetching.ready("smollm2"):
        return fetching.path("smollm2")
    folder = _folder()
    file = Path(folder.name, "small.Q4_1.gguf")
    if not file.exists():
        _write_small(file)
    return file


def read_gguf(file: str | os.PathLike) -> tuple[dict[str, Any], dict[str, tuple[str, np.ndarray]]]:
    """What stands in a GGUF file, as it stands there; in a fifth of a second, where `gguf.GGUFReader` takes four.

    Returns:
        (fields, tensors): name -> number, text or list; and name -> (format, bytes), a format such as "Q4_1", the
        bytes uint8 (rows, bytes of a row), read from the disk only when they are used.
    Raises:
        ValueError: no GGUF file, a big-endian one, or one that is not whole.
        Missing: gguf is not installed.

    The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    gguf = _gguf()
    with open(file, "rb") as content:
        if content.read(4) != b"GGUF":
            raise ValueError(f"{file} is no GGUF file")
        version, n_tensors, n_fields = (_value(content, kind) for kind in (4, 10, 10))
        if version >= 2**16:
            raise ValueError(f"{file} is big-endian, and only little-endian GGUF is read here: take the usual file")
        fields = {_value(content, TEXT): _value(content, _value(content, 4)) for _ in range(n_fields)}
        table = []
        for _ in range(n_tensors):
            name, rank = _value(content, TEXT), _value(content, 4)
            shape = [_value(content, 10) for _ in range(rank)][::-1]
            table.append((name, shape, gguf.GGMLQuantizationType(_value(content, 4)), _value(content, 10)))
        step = fields.get("general.alignment", 32)
        start = -(-content.tell() // step) * step
    data, tensors = np.memmap(file, np.uint8, "r"), {}
    for name, shape, kind, offset in table:
        shape = gguf.quant_shape_to_byte_shape(shape, kind)
        end = start + offset + int(np.prod(shape))
        if end > len(data):
            raise _cut_off(file, f"the tensor {name!r} ends at byte {end:,}")
        tensors[name] = (kind.name, data[start + offset : end].reshape(shape))
    return fields, tensors


def _cut_off(file: str | os.PathLike, why: str) -> ValueError:
    return ValueError(f"{file} is not whole: {why}, and it has {os.path.getsize(file):,} bytes. Download it again")


def _value(content: BinaryIO, kind: int) -> Any:
    """The next value of a GGUF file.

    Raises:
        ValueError: the file ends in it.
    """
    if kind == TEXT:
        return _read(content, _value(content, 10)).decode("utf-8")
    if kind == LIST:
        kind, n = _value(content, 4), _value(content, 10)
        return [_value(content, kind) for _ in range(n)]
    form = struct.Struct("<" + NUMBERS[kind])
    return form.unpack(_read(content, form.size))[0]


def _read(content: BinaryIO, n: int) -> bytes:
    at, found = content.tell(), content.read(min(n, os.fstat(content.fileno()).st_size))
    if len(found) < n:
        raise _cut_off(content.name, f"what begins at byte {at:,} takes {n:,}")
    return found


def _llama(transformers: ModuleType, fields: dict, tensors: dict) -> Any:
    """The model that a file holds; a head of its own, which SmolLM2 has not, is no part of it."""
    gguf = _gguf()
    of = {name.removeprefix("llama."): value for name, value in fields.items()}
    heads = {"attn_q": of["attention.head_count"], "attn_k": of["attention.head_count_kv"]}
    config = transformers.LlamaConfig(
        vocab_size=len(of["tokenizer.ggml.tokens"]),
        hidden_size=of["embedding_length"],
        intermediate_size=of["feed_forward_length"],
        num_hidden_layers=of["block_count"],
        num_attention_heads=heads["attn_q"],
        num_key_value_heads=heads["attn_k"],
        max_position_embeddings=of["context_length"],
        rms_norm_eps=of["attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": of["rope.freq_base"]},
        bos_token_id=of["tokenizer.ggml.bos_token_id"],
        eos_token_id=of["tokenizer.ggml.eos_token_id"],
        pad_token_id=of["tokenizer.ggml.padding_token_id"],
        tie_word_embeddings=True,
    )
    weights = {}
    for name, (kind, packed) in tensors.items():
        numbers = gguf.dequantize(packed, gguf.GGMLQuantizationType[kind])
        weight = torch.from_numpy(np.require(numbers, requirements="W"))
        parts = name.split(".")
        if n := heads.get(parts[-2]):  # llama.cpp turns neighbouring rows together, transformers a row of each half
            weight = weight.unflatten(0, (n, -1, 2)).transpose(1, 2).flatten(0, 2).contiguous()
        weights[".".join(NAMES.get(part, part) for part in parts)] = weight
    model = transformers.LlamaForCausalLM.from_pretrained(None, config=config, state_dict=weights, dtype=torch.float32)
    return model.eval().requires_grad_(False)


def _tokenizer(transformers: ModuleType, fields: dict) -> Any:
    """The tokenizer that a file holds: pairs of bytes, each digit alone, as SmolLM2 learned them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    of = {name.removeprefix("tokenizer.ggml."): value for name, value in fields.items()}
    merges = [tuple(pair.split(" ")) for pair in of["merges"]]
    core = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(of["tokens"])}, merges=merges))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    named = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        additional_special_tokens=[t for t, kind in zip(of["tokens"], of["token_type"], strict=True) if kind == 3],
        chat_template=of["tokenizer.chat_template"],
        model_max_length=of["llama.context_length"],
        clean_up_tokenization_spaces=False,
        **{f"{word}_token": of["tokens"][of[f"{key}_token_id"]] for word, key in named.items()},
    )


def _transformers() -> ModuleType:
    """The package, offline and silent.

    Raises:
        Missing: it is not installed, or what it needs.
    """
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"  # read when the package is imported
    try:
        import tokenizers  # noqa: F401  the message names what is missing
        import transformers
    except ImportError as error:
        raise _missing(error, "transformers") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _gguf() -> ModuleType:
    """The package that knows GGUF's formats; raises `Missing`."""
    try:
        import gguf
    except ImportError as error:
        raise _missing(error, "gguf") from None
    return gguf


def _missing(error: ImportError, package: str) -> Missing:
    name = (error.name or package).partition(".")[0]
    how = command("fetch")
    if "--here" in how:
        how = 'pip install -c constraints.txt -e ".[llm]"'
    return Missing(f"{name} is not installed. In a terminal in the folder of the course: {how}", name=name)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory:
    """A folder that goes when this process ends."""
    return tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)


def _write_small(file: Path) -> None:
    """Write the stand-in: two blocks, three heads that share one, 260 tokens, random weights."""
    gguf = _gguf()
    width, wide, heads, blocks = 96, 256, 3, 2
    letters, others = [*range(33, 127), *range(161, 173), *range(174, 256)], itertools.count(256)
    letters = [chr(i if i in letters else next(others)) for i in range(256)]  # the spelling of bytes that GPT-2 began
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters, "th"]
    template = (
        "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{'<|im_start|>assistant\n'}}{% endif %}"
    )
    llama = {"block_count": blocks, "context_length": 8192, "embedding_length": width, "feed_forward_length": wide}
    llama |= {"attention.head_count": heads, "attention.head_count_kv": 1, "rope.dimension_count": width // heads}
    llama |= {"rope.freq_base": 100_000.0, "attention.layer_norm_rms_epsilon": 1e-5, "vocab_size": len(tokens)}
    text = {"model": "gpt2", "pre": "smollm", "tokens": tokens, "merges": ["t h"], "token_type": [3] * 3 + [1] * 257}
    text |= {"unknown_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "padding_token_id": 2}
    writer = gguf.GGUFWriter(file, "llama")
    fields = {"general.file_type": 3, "tokenizer.chat_template": template}
    fields |= {f"llama.{name}": value for name, value in llama.items()}
    fields |= {f"tokenizer.ggml.{name}": value for name, value in text.items()}
    add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string, list: writer.add_array}
    for name, value in fields.items():
        add[type(value)](name, value)
    shapes = {"token_embd": (len(tokens), width), "output_norm": (width,)}
    for i in range(blocks):
        shapes |= {f"blk.{i}.{name}": (width,) for name in ("attn_norm", "ffn_norm")}
        shapes |= {f"blk.{i}.{name}": (width, width) for name in ("attn_q", "attn_output")}
        shapes |= {f"blk.{i}.{name}": (width // heads, width) for name in ("attn_k", "attn_v")}
        shapes |= {f"blk.{i}.{name}": (wide, width) for name in ("ffn_gate", "ffn_up")}
        shapes[f"blk.{i}.ffn_down"] = (width, wide)
    rng = np.random.default_rng(0)
    for name, shape in shapes.items():
        kind = "F32" if len(shape) == 1 else "Q8_0" if name == "token_embd" else "Q4_1"
        kind = gguf.GGMLQuantizationType[kind]
        numbers = rng.normal(0, 0.1, shape) if len(shape) == 2 else np.ones(shape)
        writer.add_tensor(f"{name}.weight", gguf.quantize(numbers.astype(np.float32), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
