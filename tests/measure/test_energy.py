"""The prices that are cited, and estimates against counts made by hand."""

import pytest
import torch
import torchvision

from course_utils import energy, models


def test_macs_of_the_lenets_by_hand():
    assert energy.count_macs(models.LeNet300100(), torch.zeros(1, 784)) == 784 * 300 + 300 * 100 + 100 * 10
    convolutions = 6 * 26 * 26 * 9 + 16 * 11 * 11 * 6 * 9
    linear = 400 * 120 + 120 * 84 + 84 * 10
    assert energy.count_macs(models.LeNet(), torch.zeros(1, 1, 28, 28)) == convolutions + linear


def test_resnet50_has_the_known_size():
    bill = energy.estimate(torchvision.models.resnet50(), torch.zeros(1, 3, 224, 224))
    assert bill.weights == 25_502_912
    assert bill.macs == 4_089_184_256


def test_estimate_multiplies_counts_with_prices():
    bill = energy.estimate(models.LeNet300100(), torch.zeros(1, 784))
    assert bill.compute_nj == pytest.approx(266_200 * 4.6 / 1000)
    assert bill.fetch_nj == pytest.approx(266_200 * 640 / 1000)


def test_estimate_refuses():
    with pytest.raises(ValueError, match="batch of 1, got 2"):
        energy.estimate(models.LeNet300100(), torch.zeros(2, 784))
    with pytest.raises(ValueError, match="no matrix product"):  # its operations are hidden, and not free
        energy.estimate(torch.nn.ReLU(), torch.zeros(1, 4))


def test_fused_attention_and_recurrent_layers_count_as_what_they_multiply():
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    linear, attention = 5 * (4 * 16 * 16 + 2 * 16 * 32), 2 * 5 * 5 * 16
    assert energy.estimate(layer, torch.zeros(1, 5, 16)).macs == linear + attention
    assert energy.estimate(torch.nn.LSTM(16, 8, batch_first=True), torch.zeros(1, 5, 16)).macs == 5 * 32 * (16 + 8)
    vit = torchvision.models.VisionTransformer(32, 16, 2, 2, 16, 32).to("meta")
    one = energy.estimate(vit, torch.zeros(1, 3, 32, 32, device="meta")).macs
    assert one == 4 * 3 * 256 * 16 + 2 * (linear + attention) + 16 * 1000


def test_vectors_count_and_what_cannot_be_counted_is_named():
    assert energy.count_macs(torch.nn.Linear(8, 4, bias=False), torch.zeros(8)) == 32
    normed = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(8, 4))
    assert energy.estimate(normed, torch.zeros(1, 8)).weights == 32
    mixed = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Bilinear(8, 8, 2))
    mixed[1].forward = lambda x, forward=mixed[1].forward: forward(x, x)
    with pytest.raises(
        ValueError, match="'1' ran aten._trilinear.*If the model is quantized or fused, count it before"
    ):
        energy.estimate(mixed, torch.zeros(1, 8))
