"""The published table as published, and estimates against counts made by hand."""

import pytest
import torch
import torchvision

from course_utils import energy, models


def test_the_table_is_the_published_one():
    assert energy.ADD_PJ == {"int8": 0.03, "int32": 0.1, "fp16": 0.4, "fp32": 0.9}
    assert energy.MUL_PJ == {"int8": 0.2, "int32": 3.1, "fp16": 1.1, "fp32": 3.7}
    assert list(energy.READ_64_BIT_PJ.values()) == [10, 20, 100, 1300, 2600]
    assert energy.READ_32_BIT_PJ == {"SRAM": 5, "DRAM": 640}
    assert energy.MAC_PJ == pytest.approx({"fp32": 4.6, "fp16": 1.5, "fp16, fp32 sum": 2.0,
                                           "int8": 0.23, "int8, int32 sum": 0.3})


def test_macs_of_the_lenets_by_hand():
    assert energy.count_macs(models.LeNet300100(), torch.zeros(1, 784)) == 784 * 300 + 300 * 100 + 100 * 10
    convolutions = 6 * 26 * 26 * 9 + 16 * 11 * 11 * 6 * 9
    linear = 400 * 120 + 120 * 84 + 84 * 10
    assert energy.count_macs(models.LeNet(), torch.zeros(1, 1, 28, 28)) == convolutions + linear


def test_macs_grow_with_the_batch():
    model = models.LeNet300100()
    assert energy.count_macs(model, torch.zeros(5, 784)) == 5 * energy.count_macs(model, torch.zeros(1, 784))


def test_resnet50_has_the_known_size():
    bill = energy.estimate(torchvision.models.resnet50(), torch.zeros(1, 3, 224, 224))
    assert bill.weights == 25_502_912
    assert bill.macs == 4_089_184_256


def test_estimate_multiplies_counts_with_prices():
    bill = energy.estimate(models.LeNet300100(), torch.zeros(1, 784), mac="int8, int32 sum", bits=8)
    assert bill.compute_nj == pytest.approx(266_200 * 0.3 / 1000)
    assert bill.fetch_nj == pytest.approx(266_200 * 640 / 4 / 1000)
    assert bill.total_nj == bill.compute_nj + bill.fetch_nj


def test_a_model_whose_operations_are_hidden_is_not_free():
    with pytest.raises(ValueError, match="no matrix product"):
        energy.estimate(torch.nn.ReLU(), torch.zeros(1, 4))


def test_estimate_leaves_the_model_as_it_was():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4)).train()
    mean = model[1].running_mean.clone()
    energy.estimate(model, torch.ones(1, 4))
    assert model.training and torch.equal(model[1].running_mean, mean)


@pytest.mark.parametrize(("x", "options", "message"), [
    (torch.zeros(2, 784), {}, "batch of 1, got 2"),
    (torch.zeros(1, 784), {"mac": "fp8"}, "got 'fp8'"),
    (torch.zeros(1, 784), {"bits": 0}, "bits 1 or more")])
def test_estimate_refuses(x, options, message):
    with pytest.raises(ValueError, match=message):
        energy.estimate(models.LeNet300100(), x, **options)
