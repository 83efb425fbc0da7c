"""A folder of the Hugging Face format as one GGUF file, for llama.cpp."""

from pathlib import Path

import torch

from tools.benches._language.shapes import CONTEXT, Shape, config

NAMES = {  # of a layer's tensors there, by their names in the Hugging Face format
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
TYPES = ("F32", "BF16", "Q8_0", "Q4_0")


def name_of(name: str) -> str:
    """The GGUF name of a tensor.

    Raises:
        KeyError: no tensor of a model of Llama's kind has that name.
    """
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """The rows of a projection in the order in which llama.cpp rotates them: pairs side by side, not halves apart."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write(shape: Shape, folder: Path, path: Path, kind: str) -> None:
    """Write the weights of `folder` to `path`, matrices in one of `TYPES`, norms in float32, and no vocabulary."""
    import gguf
    from safetensors import safe_open

    told, kind_of = config(shape), gguf.GGMLQuantizationType
    out = gguf.GGUFWriter(path, "llama", use_temp_file=False)
    out.add_context_length(CONTEXT)
    out.add_embedding_length(shape.hidden)
    out.add_block_count(shape.layers)
    out.add_feed_forward_length(shape.mlp)
    out.add_head_count(shape.heads)
    out.add_head_count_kv(shape.kv_heads)
    out.add_rope_dimension_count(shape.head)
    out.add_rope_freq_base(shape.rope_theta)
    out.add_layer_norm_rms_eps(told["rms_norm_eps"])
    out.add_vocab_size(shape.vocab)
    out.add_tokenizer_model("no_vocab")
    with safe_open(folder / "model.safetensors", "pt") as file:
        for name in file.keys():  # noqa: SIM118 - the file is no dict
            value = file.get_tensor(name).float()
            if "q_proj" in name or "k_proj" in name:
                value = interleaved(value, shape.heads if "q_proj" in name else shape.kv_heads)
            to = kind_of[kind] if value.dim() == 2 else kind_of.F32
            data = value.numpy() if to is kind_of.F32 else gguf.quants.quantize(value.numpy(), to)
            out.add_tensor(name_of(name), data, raw_dtype=to)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
