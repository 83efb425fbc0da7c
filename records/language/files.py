"""The weights of a shape in each engine's own form, made of a folder in the Hugging Face format."""

import importlib.util
import sys
from pathlib import Path

import torch

from records.language.shapes import CONTEXT, Shape, config, save

PREPARED = {  # by family: the file or folder of a kind
    "llama.cpp": "{kind}.gguf",
    "OpenVINO GenAI": "openvino-{kind}",
    "ONNX Runtime GenAI": "onnx-{kind}",
}


def prepare(shape: Shape, folder: Path, family: str, kind: str) -> None:
    """Write the weights in the form of a family; what is there, and marked as whole, stays."""
    hf = folder / "hf"  # which torch reads itself
    if not _done(hf).exists():
        save(shape, hf)
        _done(hf).touch()
    if family not in PREPARED:
        return
    to = folder / PREPARED[family].format(kind=kind)
    if _done(to).exists():
        return
    if family == "llama.cpp":
        write_gguf(shape, hf, to, kind)
    elif family == "OpenVINO GenAI":
        write_openvino(shape, hf, to, kind)
    else:
        write_onnx(hf, to, kind)
    _done(to).touch()


def _done(to: Path) -> Path:
    """The mark that a file or folder is whole."""
    return to.parent / f"{to.name}.done"


GGUF_NAMES = {  # of a layer's tensors there, by their names in the Hugging Face format
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


def gguf_name(name: str) -> str:
    """The GGUF name of a tensor."""
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{GGUF_NAMES[rest.removesuffix('.weight')]}.weight"


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """The rows of a projection in the order in which llama.cpp rotates them: pairs side by side, not halves apart."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(shape: Shape, folder: Path, path: Path, kind: str) -> None:
    """Write a GGUF file: matrices in F32, BF16, Q8_0 or Q4_0, norms in F32, no vocabulary."""
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
            out.add_tensor(gguf_name(name), data, raw_dtype=to)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def openvino_graph(shape: Shape, folder: Path):
    """Build the decoder from operators; inputs and states are those that OpenVINO GenAI expects of a language model."""
    import numpy as np
    import openvino as ov
    from openvino import opset13 as op
    from openvino.op.util import Variable, VariableInfo
    from safetensors import safe_open

    file = safe_open(folder / "model.safetensors", "pt")

    def weight(name):
        return op.constant(file.get_tensor(f"model.{name}.weight").float().numpy(), name=name)

    def number(value, kind=np.float32):
        return op.constant(np.array(value, dtype=kind))

    def norm(x, name):
        spread = op.sqrt(op.add(op.reduce_mean(op.power(x, number(2)), number([-1], np.int64), True), number(eps)))
        return op.multiply(weight(name), op.multiply(x, op.divide(number(1), spread)))

    def linear(x, name):
        return op.matmul(x, weight(name), False, True)

    def heads(x, count):
        split = op.reshape(x, number([0, 0, count, shape.head], np.int64), True)
        return op.transpose(split, number([0, 2, 1, 3], np.int64))

    def part(x, start, stop):
        return op.slice(x, *(number([value], np.int64) for value in (start, stop, 1, 3)))

    def rotated(x):
        half = shape.head // 2
        turned = op.concat([op.multiply(part(x, half, shape.head), number(-1)), part(x, 0, half)], -1)
        return op.add(op.multiply(x, cos), op.multiply(turned, sin))

    def kept(new, name):
        """The states before and the new one; the state becomes both."""
        info = VariableInfo()
        info.data_shape = ov.PartialShape([-1, shape.kv_heads, -1, shape.head])
        info.data_type, info.variable_id = ov.Type.f32, name
        variable = Variable(info)
        empty = op.broadcast(number(0), op.concat([batch, number([shape.kv_heads, 0, shape.head], np.int64)], 0))
        before = op.gather(op.read_value(empty, variable), beam, number(0, np.int64))
        both = op.concat([before, new], 2)
        sinks.append(op.assign(both, variable))
        return both

    def repeated(x):
        """Each head of keys or values as often as heads of queries share it."""
        group = shape.heads // shape.kv_heads
        wide = op.broadcast(
            op.unsqueeze(x, number(2, np.int64)),
            number([1, 1, group, 1, 1], np.int64),
            broadcast_spec="BIDIRECTIONAL",
        )
        return op.reshape(wide, number([0, shape.heads, -1, shape.head], np.int64), True)

    eps, sinks = config(shape)["rms_norm_eps"], []
    ids, mask, places = (
        op.parameter([-1, -1], ov.Type.i64, name=name) for name in ("input_ids", "attention_mask", "position_ids")
    )
    beam = op.parameter([-1], ov.Type.i32, name="beam_idx")
    for one in (ids, mask, places, beam):
        one.output(0).get_tensor().set_names({one.get_friendly_name()})
    batch = op.slice(op.shape_of(ids), *(number([value], np.int64) for value in (0, 1, 1, 0)))
    length = op.gather(op.shape_of(mask), number(1, np.int64), number(0, np.int64))
    columns = op.range(number(0, np.int64), length, number(1, np.int64), output_type="i64")
    seen = op.less_equal(columns, op.unsqueeze(op.unsqueeze(places, number(1, np.int64)), number(-1, np.int64)))
    bias = op.select(seen, number(0), number(-65504))
    speeds = 1 / shape.rope_theta ** (np.arange(0, shape.head, 2, dtype=np.float32) / shape.head)
    angle = op.multiply(op.unsqueeze(op.convert(places, "f32"), number([1, 3], np.int64)), number(np.tile(speeds, 2)))
    cos, sin = op.cos(angle), op.sin(angle)
    table = weight("embed_tokens")
    x = op.gather(table, ids, number(0, np.int64))
    for i in range(shape.layers):
        at = f"layers.{i}"
        y = norm(x, f"{at}.input_layernorm")
        q = rotated(heads(linear(y, f"{at}.self_attn.q_proj"), shape.heads))
        k = kept(rotated(heads(linear(y, f"{at}.self_attn.k_proj"), shape.kv_heads)), f"past_key_values.{i}.key")
        v = kept(heads(linear(y, f"{at}.self_attn.v_proj"), shape.kv_heads), f"past_key_values.{i}.value")
        mixed = op.scaled_dot_product_attention(q, repeated(k), repeated(v), bias, causal=False)
        flat = op.reshape(
            op.transpose(mixed, number([0, 2, 1, 3], np.int64)), number([0, 0, shape.hidden], np.int64), True
        )
        x = op.add(x, linear(flat, f"{at}.self_attn.o_proj"))
        y = norm(x, f"{at}.post_attention_layernorm")
        gate = op.swish(linear(y, f"{at}.mlp.gate_proj"))
        x = op.add(x, linear(op.multiply(gate, linear(y, f"{at}.mlp.up_proj")), f"{at}.mlp.down_proj"))
    logits = op.matmul(norm(x, "norm"), table, False, True)
    logits.output(0).get_tensor().set_names({"logits"})
    return ov.Model([op.result(logits, name="logits")], sinks, [ids, mask, places, beam], shape.name)


def write_openvino(shape: Shape, folder: Path, to: Path, kind: str) -> None:
    """Write `openvino_model.xml` to a folder, matrices in fp32, fp16, int8 (a scale a row) or int4 (groups of 32)."""
    import nncf
    import openvino as ov

    model = openvino_graph(shape, folder)
    if kind == "int8":
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    elif kind == "int4":
        mode = nncf.CompressWeightsMode.INT4_SYM
        model = nncf.compress_weights(model, mode=mode, group_size=32, ratio=1.0, all_layers=True)
    to.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, to / "openvino_model.xml", compress_to_fp16=kind == "fp16")


def write_onnx(folder: Path, to: Path, kind: str) -> None:
    """Write a model of ONNX Runtime GenAI by the builder that comes with it: fp32, int8 or int4 (groups of 32)."""
    package = importlib.util.find_spec("onnxruntime_genai")
    if package is None:
        raise ModuleNotFoundError("No module named 'onnxruntime_genai'", name="onnxruntime_genai")
    sys.path.insert(0, str(Path(package.origin).parent / "models"))  # the builder imports its parts from there
    try:
        import builder
    finally:
        del sys.path[0]
    options = ["hf_token=false", *(["int4_block_size=32"] if kind == "int4" else [])]
    where = (None, str(folder), str(to), kind, "cpu", str(to / "cache"))
    builder.create_model(*where, **builder.parse_extra_options(*where, options))
