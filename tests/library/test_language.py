"""The text of the language model, its network, how it learns, and how well it foretells."""

import math

import pytest
import torch

from course_utils import language
from course_utils.language import ALPHABET, CharTransformer


@pytest.fixture(scope="module")
def text():
    return language.source(["textwrap", "heapq"])[0]


@pytest.fixture
def small():
    torch.manual_seed(0)
    return CharTransformer(width=16, n_layers=2, n_heads=2, context=24).eval()


def test_every_module_of_the_lists_is_here_and_held_out_ones_are_not_learned():
    for modules in (language.TRAINING, language.HELD_OUT):
        text, missing = language.source(modules)
        assert not missing
        assert set(text) <= set(ALPHABET)
        assert len(text) > 100_000
    assert not set(language.TRAINING) & set(language.HELD_OUT)


def test_a_missing_module_is_named_and_the_others_are_read(tmp_path):
    (tmp_path / "one.py").write_text("a\tb\né\n", encoding="utf-8")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "__init__.py").write_text("x = 1", encoding="utf-8")
    assert language.source(["one", "none", "two"], folder=tmp_path) == ("a   b\n?\n\nx = 1", ["none"])
    with pytest.raises(FileNotFoundError, match=r"none of none, nil has its source .* Take one from python\.org"):
        language.source(["none", "nil"], folder=tmp_path)


def test_an_answer_does_not_depend_on_what_comes_later(small):
    ids = torch.randint(96, (2, 24))
    other = ids.clone()
    other[:, 10:] = 0
    assert small(ids).shape == (2, 24, 96)
    assert torch.allclose(small(ids)[:, :10], small(other)[:, :10], atol=1e-5)


def test_a_fit_learns_the_same_twice_and_leaves_the_model_ready(text):
    ids, runs = language.encode(text), []
    for _ in range(2):
        torch.manual_seed(0)
        model = CharTransformer(width=32, n_layers=1, n_heads=2, context=64)
        runs.append(language.fit(model, ids, steps=60, lr=1e-2, batch_size=4, length=64))
    assert runs[0] == runs[1]
    assert len(runs[0]) == 60
    assert runs[0][0] == pytest.approx(math.log(96), abs=0.5)
    assert sum(runs[0][-10:]) / 10 < 3.2
    assert not model.training
    assert all(p.grad is None for p in model.parameters())


def knowing(share):
    """A model that gives `share` to the right next character of 0, 1, 2, ... and the rest to the others."""

    def model(ids):
        logits = torch.full((*ids.shape, 96), math.log((1 - share) / 95))
        return logits.scatter(-1, ((ids + 1) % 96)[..., None], math.log(share))

    return model


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (1 / 96, 96.0), (0.999999, 1.0)])
def test_perplexity_is_among_how_many_characters_a_model_hesitates(share, expected):
    ids = torch.arange(2000) % 96
    assert language.perplexity(knowing(share), ids, length=32) == pytest.approx(expected, rel=1e-3)


def logits(*rows):
    """Logits (len(rows), 3) of these probabilities, shifted, as a head may give them."""
    return torch.tensor(rows).log() + torch.arange(len(rows))[:, None]


def test_a_change_is_that_of_the_example_by_hand():
    p, q = (0.5, 0.3, 0.2), (0.3, 0.5, 0.2)
    found = language.change(logits(p, p, p, p), logits(q, q, q, p), torch.tensor([0, 1, 2, 0]))
    gap = math.log(0.5 / 0.3)
    assert found.kl.value == pytest.approx(0.75 * 0.2 * gap, abs=1e-6)
    assert found.kl.error == pytest.approx(0.2 * gap * 0.5 / 2, abs=1e-6)  # deviation of 1, 1, 1, 0, over root 4
    assert found.same == pytest.approx((0.25, 0.25))
    assert found.loss.value == pytest.approx(0, abs=1e-6)
    assert found.loss.error == pytest.approx(gap * math.sqrt(2 / 3) / 2, abs=1e-6)


def test_a_change_has_its_direction_and_agrees_with_pytorch():
    one, other = torch.randn(2, 3, 50, 11)
    targets = torch.randint(11, (3, 50))
    found, back = language.change(one, other, targets), language.change(other, one, targets)
    assert found.loss.value == pytest.approx(-back.loss.value, abs=1e-6)
    losses = [torch.nn.functional.cross_entropy(x.flatten(0, 1), targets.flatten()).item() for x in (one, other)]
    assert found.loss.value == pytest.approx(losses[1] - losses[0], abs=1e-5)
    log_p, log_q = one.log_softmax(-1).flatten(0, 1), other.log_softmax(-1).flatten(0, 1)
    expected = torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction="batchmean").item()
    assert found.kl.value == pytest.approx(expected, abs=1e-5)
    assert found.kl.value != pytest.approx(back.kl.value, abs=1e-3)
    assert found.same.value == pytest.approx((one.argmax(-1) == other.argmax(-1)).double().mean().item())


def test_a_model_has_not_changed_from_itself_in_any_type():
    x = torch.randn(70, 11)
    assert language.change(x, x, torch.zeros(70, dtype=torch.int64)) == ((0, 0), (1, 0), (0, 0))
    half = language.change(x.bfloat16(), x.bfloat16(), torch.zeros(70, dtype=torch.int64))
    assert half == ((0, 0), (1, 0), (0, 0))


def test_a_change_refuses_what_does_not_belong_together():
    x, targets = torch.randn(5, 11), torch.zeros(5, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"\(5, 11\) and \(5, 11\) with targets \(4,\).* leave them out"):
        language.change(x, x, targets[1:])
    with pytest.raises(ValueError, match="expected"):
        language.change(x, x[:4], targets)
    with pytest.raises(ValueError, match="two tokens or more, got 1"):
        language.change(x[:1], x[:1], targets[:1])
