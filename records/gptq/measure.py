"""All blocks of SmolLM2 at 3 bits, to the nearest level and by GPTQ, beside the model as downloaded: lesson `gptq`."""

import sys

import torch
from torch import nn
from tqdm import tqdm

from course_utils import language, runtime
from course_utils.files import ROOT
from lessons.gptq import rounding
from records import writing

BITS, GROUP, DAMP = 3, 32, 0.01
PIECES, LENGTH = 32, 256  # of the calibration text, in tokens; as long as the exam
EXAM = 256  # tokens on which the copies are held against the model as downloaded
CHAPTER = "execmodel"  # of Python's manual, as help("EXECUTION") prints it; the other chapters calibrate
QUESTIONS = ("What is the capital of France?", "Why is the sky blue?")
SHARED = {"k_proj": "q_proj", "v_proj": "q_proj", "up_proj": "gate_proj"}  # layers with the same inputs as another


@torch.no_grad()
def main(arguments):
    """Round the model in each way, and write the record: ten minutes on one thread."""
    path = ROOT / "records" / "gptq" / "three_bits.json"
    args = writing.options("gptq", __doc__, path).parse_args(arguments)
    with runtime.threads(1):
        record = measured(*writing.smollm2(), *((1, 2, 64) if runtime.quick() else (30, PIECES, LENGTH)))
    writing.write(args.to, {"command": "python3 course.py bench gptq", **runtime.provenance(), **record})
    return 0


def measured(model, tokenizer, n_blocks, n_pieces, length):
    """The record, but for where and when it was made; `n_blocks` of the model are rounded."""
    exam, pieces = texts(tokenizer, n_pieces, length)
    blocks, n_new = model.model.layers[:n_blocks], 40 if n_blocks > 1 else 2
    stored = [weights(block) for block in blocks]
    original, arms = model(exam).logits[:, :-1], []

    def examine(way):
        found = {question: answer(model, tokenizer, question, n_new) for question in QUESTIONS}
        moved = language.change(original, model(exam).logits[:, :-1], exam[:, 1:])._asdict()
        told = {what: [round(mean.value, 4), round(mean.error, 4)] for what, mean in moved.items()}
        arms.append({"way": way, **told, "answers": found})
        print(arms[-1], flush=True)

    examine("as downloaded")
    for block, own in zip(blocks, stored, strict=True):
        for name, weight in own.items():
            new = rounding.nearest(weight, *rounding.grid(weight, BITS, GROUP), BITS)
            block.get_submodule(name).weight.copy_(new)
    examine("to the nearest level")
    for block, own in zip(blocks, stored, strict=True):
        for name, weight in own.items():
            block.get_submodule(name).weight.copy_(weight)
    block_by_block(model, blocks, pieces)
    examine("GPTQ")
    return {
        "model": "SmolLM2-135M-Instruct, Q4_1 as downloaded",
        "rounded": {"blocks": len(blocks), "weights": sum(w.numel() for own in stored for w in own.values())},
        "bits": BITS,
        "group": GROUP,
        "calibrated": {
            "pieces": len(pieces),
            "tokens": pieces.numel(),
            "text": f"all chapters of pydoc_data.topics but {CHAPTER}",
        },
        "exam": {"tokens": exam.numel(), "text": f"the beginning of the chapter {CHAPTER}"},
        "arms": arms,
    }


def texts(tokenizer, n, length):
    """(ids of the exam (1, tokens), ids of n pieces of the calibration text (n, length))."""
    from pydoc_data.topics import topics

    def ids(text):
        return tokenizer(text, return_tensors="pt")["input_ids"][0]

    rest = ids("\n\n".join(topics[name] for name in sorted(topics) if name != CHAPTER))
    starts = torch.linspace(0, len(rest) - length, n).long()
    return ids(topics[CHAPTER])[None, :EXAM], torch.stack([rest[i : i + length] for i in starts])


def weights(block):
    """Name -> weight of the linear layers of a block, copied."""
    return {name: layer.weight.clone() for name, layer in block.named_modules() if isinstance(layer, nn.Linear)}


def block_by_block(model, blocks, pieces):
    """Round by GPTQ, each block with the inputs that it gets from the blocks before it, which are rounded already."""
    given = []
    hook = blocks[0].register_forward_pre_hook(lambda _, args, known: given.append((args[0], known)), with_kwargs=True)
    for piece in tqdm(pieces, desc="to the first block", file=sys.stdout):
        model.model.layers, kept = model.model.layers[:1], model.model.layers
        model.model(piece[None], use_cache=False)
        model.model.layers = kept
    hook.remove()
    states, known = [x for x, _ in given], given[0][1]
    for block in tqdm(blocks, desc="GPTQ, block by block", file=sys.stdout):
        seen = products(block, lambda block=block, states=states: [block(x, **known) for x in states])
        for name, weight in weights(block).items():
            where, _, kind = name.rpartition(".")
            H = seen[f"{where}.{SHARED.get(kind, kind)}"]
            new = rounding.gptq(weight, H, *rounding.grid(weight, BITS, GROUP), BITS, damp=DAMP)
            block.get_submodule(name).weight.copy_(new)
        states = [block(x, **known) for x in states]


def products(block, run):
    """Name of a layer -> H, the mean products of its inputs while `run()` runs; once for layers that share them."""
    sums, hooks = {}, []

    def look(name):
        def hook(_, inputs):
            x = inputs[0].flatten(0, -2)
            total, n = sums.get(name, (0.0, 0))
            sums[name] = total + x.T @ x, n + len(x)

        return hook

    for name, layer in block.named_modules():
        if isinstance(layer, nn.Linear) and name.split(".")[-1] not in SHARED:
            hooks.append(layer.register_forward_pre_hook(look(name)))
    run()
    for hook in hooks:
        hook.remove()
    return {name: total / n for name, (total, n) in sums.items()}


def answer(model, tokenizer, question, n):
    """What the model answers, at most n tokens, the likeliest each time."""
    chat = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**ids, max_new_tokens=n, do_sample=False)
    return tokenizer.decode(written[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
