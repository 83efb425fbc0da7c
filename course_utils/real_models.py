"""Two real models for lessons: SmolLM2-135M-Instruct and EfficientNet-Lite0, or small stand-ins for them.

Their files are fetched once, after one question (`course_utils.fetching`). Without a file a lesson gets a stand-in of
the same kind with random weights, on which its cells run as well; the line that is printed says so.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from course_utils import fetching, runtime
from course_utils.door import command
from course_utils.fetching import FetchError, available, fetch

__all__ = ["EfficientNetLite0", "FetchError", "Missing", "available", "categories", "crops", "efficientnet_lite0"]
__all__ += ["fetch", "photos", "read_gguf", "smollm2", "smollm2_file"]

_SAID: set[str] = set()  # models of which this process has asked, and said that there is a stand-in


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


def smollm2_file() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct, or that of its stand-in: matrices in Q4_1, the table in Q8_0.

    Raises:
        FetchError: as `smollm2`.
    """
    if _is_real("smollm2"):
        return fetching.path("smollm2")
    folder = _folder()
    file = Path(folder.name, "small.Q4_1.gguf")
    if not file.exists():
        _write_small(file)
    return file


def efficientnet_lite0() -> EfficientNetLite0:
    """EfficientNet-Lite0 with the weights that learned ImageNet, or its stand-in; every call returns a new one.

    Returns:
        In evaluation mode, float32; takes images (batch, 3, 224, 224) as `crops` gives them, returns logits
        (batch, 1000) in the order of `categories`. The stand-in is the same network with random weights, so its bytes
        and times are real; its head is so steep that it is sure of an answer, whatever that says.
    Raises:
        FetchError: COURSE_MODELS asks for the real one, which cannot be fetched.
    """
    if not _is_real("efficientnet_lite0"):
        return _random_efficientnet()
    model = EfficientNetLite0()
    stored = torch.load(fetching.path("efficientnet_lite0"), weights_only=True)
    # The file has other names for the same tensors in the same order; a wrong pair would have another shape.
    model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
    return model.eval()


def _is_real(name: str) -> bool:
    """True when the real model is used, after fetching it where that is wanted; says once when it is not."""
    model, wish = fetching.MODELS[name], runtime.models()
    if wish != "stand-in" and available(name):
        return True
    if wish == "fetch":
        fetch(name)
        return True
    if name not in _SAID:
        _SAID.add(name)
        megabytes = round(model.size / 1e6)
        question = f"{model.title}: {megabytes} MB from your package index, kept in data/models. Fetch now? [Y/n] "
        if not wish and not runtime.quick() and _yes(question):
            try:
                fetch(name)
                return True
            except FetchError as error:
                print(error)
        print(
            f"{model.title} is not in data/models, so here is a stand-in: its weights are random, its answers mean "
            f"nothing. The published page shows the real one. To fetch it ({megabytes} MB): {command('fetch')}"
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


# ---- SmolLM2 and its file -------------------------------------------------------------------------------------------

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


def read_gguf(file: str | os.PathLike) -> tuple[dict[str, Any], dict[str, tuple[str, np.ndarray]]]:
    """What stands in a GGUF file, as it stands there; in a fifth of a second, where `gguf.GGUFReader` takes four.

    Returns:
        (fields, tensors): name -> number, text or list; and name -> (format, bytes), a format such as "Q4_1", the
        bytes uint8 (rows, bytes of a row), read from the disk only when they are used.
    Raises:
        ValueError: no GGUF file.
        Missing: gguf is not installed.

    The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    gguf = _gguf()
    with open(file, "rb") as content:
        if content.read(4) != b"GGUF":
            raise ValueError(f"{file} is no GGUF file")
        _, n_tensors, n_fields = (_value(content, kind) for kind in (4, 10, 10))
        fields = {_value(content, TEXT): _value(content, _value(content, 4)) for _ in range(n_fields)}
        table = []
        for _ in range(n_tensors):
            name, rank = _value(content, TEXT), _value(content, 4)
            shape = [_value(content, 10) for _ in range(rank)][::-1]
            table.append((name, shape, gguf.GGMLQuantizationType(_value(content, 4)), _value(content, 10)))
        start = -(-content.tell() // 32) * 32  # the tensors begin at the next multiple of 32 bytes
    data, tensors = np.memmap(file, np.uint8, "r"), {}
    for name, shape, kind, offset in table:
        shape = gguf.quant_shape_to_byte_shape(shape, kind)
        tensors[name] = (kind.name, data[start + offset :][: np.prod(shape)].reshape(shape))
    return fields, tensors


def _value(content: BinaryIO, kind: int) -> Any:
    """The next value of a GGUF file."""
    if kind == TEXT:
        return content.read(_value(content, 10)).decode("utf-8")
    if kind == LIST:
        kind, n = _value(content, 4), _value(content, 10)
        return [_value(content, kind) for _ in range(n)]
    form = struct.Struct("<" + NUMBERS[kind])
    return form.unpack(content.read(form.size))[0]


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


@functools.cache
def _folder() -> tempfile.TemporaryDirectory:
    """A folder that goes when this process ends."""
    return tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)


def _write_small(file: Path) -> None:
    """Write the stand-in for SmolLM2: two blocks, three heads that share one, 260 tokens, random weights."""
    gguf = _gguf()
    rng, width, hidden = np.random.default_rng(0), 96, 256
    letters = [chr(i) if 33 <= i < 127 or 161 <= i < 256 and i != 173 else None for i in range(256)]
    others = iter(range(256, 512))
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(c or chr(next(others)) for c in letters), "th"]
    special = gguf.TokenType.CONTROL
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("A stand-in with random weights")
    writer.add_block_count(2)
    writer.add_context_length(8192)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(3)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(width // 3)
    writer.add_rope_freq_base(100_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([special] * 3 + [gguf.TokenType.NORMAL] * 257)
    writer.add_token_merges(["t h"])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(
        "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{'<|im_start|>assistant\n'}}{% endif %}"
    )
    matrices = {"attn_q": (width, width), "attn_k": (width // 3, width), "attn_v": (width // 3, width)}
    matrices |= {"attn_output": (width, width), "ffn_down": (width, hidden)}
    matrices |= dict.fromkeys(("ffn_gate", "ffn_up"), (hidden, width))
    shapes = {"token_embd": (len(tokens), width), "output_norm": (width,)}
    for block in range(2):
        shapes |= {f"blk.{block}.{name}": shape for name, shape in matrices.items()}
        shapes |= {f"blk.{block}.{name}": (width,) for name in ("attn_norm", "ffn_norm")}
    for name, shape in shapes.items():
        kind = "F32" if len(shape) == 1 else "Q8_0" if name == "token_embd" else "Q4_1"
        kind = gguf.GGMLQuantizationType[kind]
        numbers = rng.normal(0, 0.1, shape) if len(shape) == 2 else np.ones(shape)
        writer.add_tensor(f"{name}.weight", gguf.quantize(numbers.astype(np.float32), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---- EfficientNet-Lite0 and photos ----------------------------------------------------------------------------------

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


@functools.cache
def categories() -> list[str]:
    """The 1,000 names of ImageNet's classes, in the order of the logits, as torchvision has them."""
    from torchvision.models import EfficientNet_B0_Weights

    return list(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])


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


def crops(n: int, *, seed: int = 0) -> Tensor:
    """Random parts of the `photos`, in turn, float32 (n, 3, 224, 224), as EfficientNet-Lite0 wants them.

    Args:
        n: how many; the first ones are the same for every n.
        seed: of the places; torch's global generator is not touched.
    """
    generator, pictures, found = torch.Generator().manual_seed(seed), list(photos().values()), []
    for i in range(n):
        photo = pictures[i % len(pictures)]
        side, y, x = torch.rand(3, generator=generator).tolist()
        height, width = (int(length * (0.5 + side / 2)) for length in photo.shape[1:])
        top, left = int(y * (photo.shape[1] - height)), int(x * (photo.shape[2] - width))
        found.append(prepared(photo[:, top : top + height, left : left + width]))
    return torch.stack(found)
