"""Language models in published shapes with random weights: bytes and speeds are real, what they say is not."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

SEED = 0
CONTEXT = 256  # room for prompt and new tokens in every cache


@dataclass(frozen=True)
class Shape:
    """Numbers of a decoder of Llama's kind with tied embeddings, and what is measured on it.

    Attributes:
        hidden, layers, heads, kv_heads, mlp, vocab, rope_theta: as published.
        runs: timed runs of each row.
    """

    name: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocab: int
    rope_theta: float
    runs: int

    @property
    def head(self) -> int:
        return self.hidden // self.heads

    def matrices(self) -> dict[str, tuple[int, int]]:
        """The matrices of one layer, (rows, columns), by the names of the Hugging Face format."""
        kv = self.kv_heads * self.head
        return {
            "self_attn.q_proj": (self.hidden, self.hidden),
            "self_attn.k_proj": (kv, self.hidden),
            "self_attn.v_proj": (kv, self.hidden),
            "self_attn.o_proj": (self.hidden, self.hidden),
            "mlp.gate_proj": (self.mlp, self.hidden),
            "mlp.up_proj": (self.mlp, self.hidden),
            "mlp.down_proj": (self.hidden, self.mlp),
        }

    def weights(self) -> tuple[int, int]:
        """How many weights a token reads: in matrices, the shared one of the output included, and in norms.

        The row of the embedding that a token picks is one of those of the output, and is read with them.
        """
        in_layers = self.layers * sum(rows * columns for rows, columns in self.matrices().values())
        return in_layers + self.vocab * self.hidden, (2 * self.layers + 1) * self.hidden

    def cache_bytes(self, prompt: int, new: int, element: float) -> int:
        """Bytes of keys and values that a token reads, in the middle of a run."""
        places = prompt + new / 2
        return round(2 * self.layers * self.kv_heads * self.head * places * element)


PROMPT = 32
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("SmolLM2-135M", 576, 30, 9, 3, 1536, 49_152, 1e5, runs=5),
        Shape("Llama-3.2-1B", 2048, 16, 32, 8, 8192, 128_256, 5e5, runs=3),
    )
}
TINY = Shape("tiny", 64, 2, 4, 2, 96, 512, 1e4, runs=2)


def prompt(shape: Shape) -> list[int]:
    """The tokens that every run begins with: random ones, the same for every engine."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(3, shape.vocab, (PROMPT,), generator=generator).tolist()


def config(shape: Shape) -> dict[str, object]:
    """What `config.json` of the Hugging Face format says of a shape.

    The rescaled rotation of Llama 3.2's long contexts is left out: it changes angles and no amount of work.
    """
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head,
        "intermediate_size": shape.mlp,
        "vocab_size": shape.vocab,
        "max_position_embeddings": CONTEXT,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "bfloat16",
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }


def tensors(shape: Shape) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (name, tensor) in bfloat16, in the order of the layers.

    Matrices keep the size of what passes through them, so that each layer counts and the token that follows is not the
    one that came: with the usual small weights a tied model would repeat its last token for ever.
    """
    generator = torch.Generator().manual_seed(SEED)

    def matrix(rows, columns, spread):
        return (torch.randn(rows, columns, generator=generator) * spread).to(torch.bfloat16)

    yield "model.embed_tokens.weight", matrix(shape.vocab, shape.hidden, 0.02)
    for i in range(shape.layers):
        for name, (rows, columns) in shape.matrices().items():
            yield f"model.layers.{i}.{name}.weight", matrix(rows, columns, 1 / math.sqrt(columns))
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"model.layers.{i}.{name}.weight", torch.ones(shape.hidden, dtype=torch.bfloat16)
    yield "model.norm.weight", torch.ones(shape.hidden, dtype=torch.bfloat16)


def save(shape: Shape, folder: Path) -> None:
    """Write a folder in the Hugging Face format: config, weights, a tokenizer of three words."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors(shape)), folder / "model.safetensors", metadata={"format": "pt"})
    files = {
        "config.json": config(shape),
        "generation_config.json": {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
        "tokenizer.json": TOKENIZER,
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


# Tokens are handed over as numbers. Two engines ask for a tokenizer all the same.
TOKENIZER = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2}, "unk_token": "<unk>"},
}
