"""The exercise of the lesson real_model: odd but right answers, and wrong ones as patches of the solution."""

import torch


def by_names(model, positions, bandwidth):
    """Goes through the parameters by name, and asks the config whether the head is tied."""
    read = 0
    for name, weight in model.named_parameters():
        size = weight.dtype.itemsize
        alone = "embed_tokens" in name and not model.config.tie_word_embeddings
        read += size * (weight.shape[1] if alone else weight.numel())
    kept = model.config.num_hidden_layers * model.config.num_key_value_heads * model.config.head_dim
    return bandwidth / (read + size * kept * 2 * positions)


def by_parts(model, positions, bandwidth):
    """Blocks, last norm, head, and one row if it is a tensor of its own; the seconds first, then their inverse."""
    inner, head = model.model, model.lm_head.weight
    read = sum(p.numel() for part in (inner.layers, inner.norm) for p in part.parameters()) + head.numel()
    if inner.embed_tokens.weight.data_ptr() != head.data_ptr():
        read += head.shape[1]
    kept = sum(layer.self_attn.k_proj.out_features + layer.self_attn.v_proj.out_features for layer in inner.layers)
    seconds = (read + kept * positions) * head[0, 0].nbytes / bandwidth
    return 1 / seconds


def by_a_pass(model, positions, bandwidth):
    """Runs a token and weighs what the model keeps of it."""
    out = model(torch.tensor([[0]]), use_cache=True)
    one = sum(layer.keys.nbytes + layer.values.nbytes for layer in out.cache.layers)
    stored = model.num_parameters() * model.dtype.itemsize
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    rows = 0 if tied else model.get_input_embeddings().weight[1:].nbytes
    return torch.tensor(bandwidth / (stored - rows + one * positions))


ODD = {"fastest": [by_names, by_parts, by_a_pass]}
WRONG = {
    "fastest": {
        "the whole table of an untied model": ("read = read - table.nbytes + table[0].nbytes", "pass"),
        "one row of a tied one as well": ("if head is not table:", "if True:"),
        "the row that is looked up forgotten": ("- table.nbytes + table[0].nbytes", "- table.nbytes"),
        "a row too many of an untied model": ("read - table.nbytes + table[0].nbytes", "read + table[0].nbytes"),
        "keys without values": ("numbers = 2 * config", "numbers = config"),
        "all heads are kept": ("num_key_value_heads", "num_attention_heads"),
        "the cache of one block": ("2 * config.num_hidden_layers * config", "2 * config"),
        "one number of each head": (" * config.head_dim", ""),
        "no cache": ("read = read + positions * numbers * table.element_size()", "pass"),
        "the cache of one position": ("positions * numbers", "numbers"),
        "four bytes, whatever the type": ("table.element_size()", "4"),
        "numbers in place of bytes": ("weight.nbytes for", "weight.numel() for"),
        "seconds of a token": ("bandwidth / read", "read / bandwidth"),
        "bits": ("bandwidth / read", "bandwidth / (8 * read)"),
    }
}
BYTES = "counts of bytes are never negative"
ROWS = "all rows have equally many bytes"
EQUIVALENT = {
    "fastest": {
        "left_out = 0 if head is table else table.nbytes - table[0].nbytes: 0 -> 1": ROWS,
        "left_out = 0 if head is table else table.nbytes - table[0].nbytes: 0 -> -1": ROWS,
        "-1 in place of 0 in the bytes of the table's rows that are not read": ROWS,
        "1 in place of 0 in the bytes of the table's rows that are not read": ROWS,
        "weights without its sign": BYTES,
        "left_out without its sign": BYTES,
        "numbers without its sign": BYTES,
        "cache without its sign": BYTES,
        "read without its sign": BYTES,
        "the result without its sign": BYTES,
    }
}
