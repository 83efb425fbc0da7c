"""The prices that are cited, and estimates against counts made by hand."""

import re
import tomllib

import pytest
import torch
import torchvision

from course_utils import models
from course_utils.files import ROOT
from course_utils.measure import energy


def test_prices_are_those_that_the_claim_cites():
    claims = tomllib.loads((ROOT / "lessons" / "energy" / "claims.toml").read_text(encoding="utf-8"))["claim"]
    (source,) = [c["source"] for c in claims if c["id"] == "lenet-dram-share"]
    cited = [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?= pJ)", source)]
    assert cited == pytest.approx([energy.READ_32_BIT_PJ["DRAM"], energy.MAC_PJ["fp32"]])


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
    bill = energy.estimate(models.LeNet300100(), torch.zeros(1, 784), mac="int8, int32 sum", bits=8)
    assert bill.compute_nj == pytest.approx(266_200 * 0.3 / 1000)
    assert bill.fetch_nj == pytest.approx(266_200 * 640 / 4 / 1000)
    assert bill.total_nj == bill.compute_nj + bill.fetch_nj


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (torch.zeros(2, 784), {}, "batch of 1, got 2"),
        (torch.zeros(1, 784), {"mac": "fp8"}, "got 'fp8'"),
        (torch.zeros(1, 784), {"bits": 0}, "bits 1 or more"),
    ],
)
def test_estimate_refuses(x, options, message):
    with pytest.raises(ValueError, match=message):
        energy.estimate(models.LeNet300100(), x, **options)
    with pytest.raises(ValueError, match="no matrix product"):  # its operations are hidden, and not free
        energy.estimate(torch.nn.ReLU(), torch.zeros(1, 4))
