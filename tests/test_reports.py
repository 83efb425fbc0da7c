"""size_report: every number from an independent count, and a file that is really read back."""

import io

import pytest
import torch
from torch import nn

from course_utils import models, reports


def saved_bytes(model):
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.tell()


def test_lenet():
    report = reports.size_report(models.LeNet300100())
    assert (report.parameters, report.buffers, report.memory_bytes) == (266_610, 0, 4 * 266_610)
    # The archive names its records after the file, so that two names give slightly different sizes.
    assert abs(report.file_bytes - saved_bytes(models.LeNet300100())) < 500
    assert report.load_ms > 0
    assert "266,610" in repr(report) and "1.07 MB" in report._repr_html_()


def test_buffers_and_dtypes_count_as_what_they_are():
    report = reports.size_report(nn.BatchNorm1d(10))
    assert (report.parameters, report.buffers) == (20, 21)
    assert report.memory_bytes == 4 * 40 + 8  # num_batches_tracked is an int64
    assert reports.size_report(nn.Linear(10, 10).half()).memory_bytes == 2 * 110


def test_a_shared_tensor_counts_once():
    model = nn.Sequential(nn.Linear(50, 50, bias=False), nn.Linear(50, 50, bias=False))
    model[1].weight = model[0].weight
    report = reports.size_report(model)
    assert (report.parameters, report.buffers, report.memory_bytes) == (2500, 0, 10_000)
    assert report.file_bytes < 2 * 10_000


def test_a_buffer_that_is_not_saved_is_not_counted():
    model = nn.Linear(2, 2)
    model.register_buffer("cache", torch.zeros(100), persistent=False)
    assert reports.size_report(model).buffers == 0


def test_an_empty_model_weighs_its_file_only():
    report = reports.size_report(nn.ReLU())
    assert (report.parameters, report.memory_bytes) == (0, 0)
    assert report.file_bytes > 0


def test_the_file_is_compared_with_the_model(monkeypatch):
    real = torch.load

    def damaged(*args, **kwargs):
        state = real(*args, **kwargs)
        state["weight"][0, 0] += 1
        return state

    monkeypatch.setattr(reports.torch, "load", damaged)
    with pytest.raises(ValueError, match="'weight' differs"):
        reports.size_report(nn.Linear(2, 2))


def test_nan_weights_are_not_a_difference():
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(float("nan"))
    assert reports.size_report(model).parameters == 6


def test_an_entry_that_is_no_tensor_is_named():
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"note": 1}

        def set_extra_state(self, state):
            pass

    with pytest.raises(ValueError, match="'_extra_state' is a dict"):
        reports.size_report(Extra(2, 2))
