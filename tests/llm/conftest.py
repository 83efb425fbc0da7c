"""Tiny models, saved as a hub would have them."""

import pytest
import torch


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A function that saves a tiny model with a tokenizer of its own: ``saved(tied=..., shard="20KB", dtype=...)``."""
    transformers = pytest.importorskip("transformers", reason="not run: the extra `llm` is not installed")
    tokenizers = pytest.importorskip("tokenizers")

    from lessons.real_model.llm import shapes

    def save(*, tied=True, shard="1GB", dtype=torch.float32, tokens=300):
        folder = tmp_path_factory.mktemp("model")
        shape = shapes.Shape("tiny", width=16, layers=2, heads=4, kv_heads=2, inner=32, vocab=tokens, tied=tied)
        shapes.random_model(shape, dtype=dtype).save_pretrained(folder, max_shard_size=shard)
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=280, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        tokenizer.train_from_iterator(["a model on a laptop writes a token at a time"], trainer)
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
        return folder

    return save
