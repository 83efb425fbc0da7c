"""A folder of the Hugging Face format as a model of OpenVINO that keeps its keys and values between calls."""

from pathlib import Path

from tools.benches._language.shapes import Shape, config


def graph(shape: Shape, folder: Path):
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


def write(shape: Shape, folder: Path, to: Path, kind: str) -> None:
    """Write `openvino_model.xml` to a folder, matrices in fp32, fp16, int8 (a scale a row) or int4 (groups of 32)."""
    import nncf
    import openvino as ov

    model = graph(shape, folder)
    if kind == "int8":
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    elif kind == "int4":
        mode = nncf.CompressWeightsMode.INT4_SYM
        model = nncf.compress_weights(model, mode=mode, group_size=32, ratio=1.0, all_layers=True)
    to.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, to / "openvino_model.xml", compress_to_fp16=kind == "fp16")
