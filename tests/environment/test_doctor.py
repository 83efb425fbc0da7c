"""The doctor: what it finds, that every fault has a remedy, and that it tells nothing about the user."""

from types import SimpleNamespace

import pytest
import torch

from course_utils import data
from tools.environment import doctor


def only(name, check):
    """The finding `name` among those of one examination."""
    return next(finding for finding in check() if finding.name == name)


def test_here_every_point_is_examined_and_each_fault_has_a_remedy():
    findings = doctor.examine()
    names = "Python torch torchvision versions PyTorch threads JupyterLab int8 bf16 memory disk folder data models"
    assert set(names.split()) <= {finding.name for finding in findings}
    assert all(finding.status in ("ok", "warn", "fault") and finding.detail for finding in findings)
    assert all(finding.remedy for finding in findings if finding.status != "ok")
    assert {"torch", "jupyterlab", "psutil"} <= set(doctor._tested_versions())


def test_an_examination_that_raises_becomes_a_fault_that_names_no_user_and_the_others_go_on(monkeypatch, tmp_path):
    def fail():
        raise RuntimeError(f"/home/erika/x, C:\\Users\\erika\\x, '/Users/erika' {tmp_path} {doctor.ROOT}\nmore")

    monkeypatch.setattr(doctor.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(doctor, "EXAMINATIONS", [("odd", fail), ("Python", doctor.check_python)])
    odd, python = doctor.examine()
    assert (odd.name, odd.status, python.status) == ("odd", "fault", "ok") and odd.remedy
    assert "RuntimeError: " in odd.detail and "<home>" in odd.detail and "<course>" in odd.detail
    assert not any(text in odd.detail for text in ("erika", "\n", str(tmp_path), str(doctor.ROOT)))


@pytest.mark.parametrize(
    ("place", "name", "value", "check", "status"),
    [
        (torch.backends, "quantized", SimpleNamespace(supported_engines=["none"]), "int8", "warn"),
        (doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=0.1e9), "disk", "fault"),
        (data, "verify", lambda: [data.Problem("a.gz", "a.gz is truncated", "Fetch a.")], "data", "fault"),
        (doctor.os, "access", lambda path, mode: False, "folder", "fault"),
        (doctor, "ROOT", doctor.Path("/x/OneDrive - University/course"), "folder", "warn"),
    ],
)
def test_what_a_machine_lacks_is_told_with_a_remedy(monkeypatch, place, name, value, check, status):
    monkeypatch.setattr(place, name, value)
    finding = only(check, dict(doctor.EXAMINATIONS)[check])
    assert finding.status == status and bool(finding.remedy) == (status != "ok")
