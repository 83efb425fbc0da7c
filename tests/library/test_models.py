"""Shapes and sizes of the networks, and what they say about wrong input."""

import pytest
import torch

from course_utils import models


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_lenet_300_100_has_the_published_size():
    model = models.LeNet300100()
    assert count(model) == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10 == 266_610
    images = torch.randn(2, 1, 28, 28)
    assert model(images).shape == (2, 10)
    assert torch.equal(model(images), model(images.flatten(1)))


@pytest.mark.parametrize(("kernel", "side"), [(3, 28), (5, 32)])
def test_lenet_fits_its_images(kernel, side):
    model = models.LeNet(kernel)
    assert model(torch.randn(2, 1, side, side)).shape == (2, 10)
    assert model.fc1.in_features == 400


def test_lstm_reads_images_row_by_row():
    model = models.LSTMClassifier(28, 16)
    images = torch.randn(3, 1, 28, 28)
    assert model(images).shape == (3, 10)
    assert torch.equal(model(images), model(images.squeeze(1)))
    changed = images.clone()
    changed[:, :, -1] += 1  # the last row is the last step
    assert not torch.equal(model(images), model(changed))


def test_an_encoder_layer_equals_pytorchs_own():
    torch.manual_seed(0)
    ours = models.EncoderLayer(8, 2, 32).eval()
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, activation="gelu", batch_first=True).train()
    theirs.self_attn.in_proj_weight.data, theirs.self_attn.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    for own, other in (
        (ours.out, theirs.self_attn.out_proj),
        (ours.up, theirs.linear1),
        (ours.down, theirs.linear2),
        (ours.norm1, theirs.norm1),
        (ours.norm2, theirs.norm2),
    ):
        other.load_state_dict(own.state_dict())
    x = torch.randn(2, 5, 8)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)
