"""The doctor: what it finds, that every fault has a remedy, and that it tells nothing about the user."""

import builtins
import json
import sys
from types import SimpleNamespace

import pytest
import torch

from course_utils import data
from tools import doctor as task
from tools.environment import doctor
from tools.environment.doctor import Finding


def only(name, check):
    """The finding `name` among those of one examination."""
    return next(finding for finding in check() if finding.name == name)


@pytest.fixture
def packages(monkeypatch, tmp_path):
    """Ask for packages and tested versions, and install others, as folders with their metadata."""

    def packages(wanted, tested, **installed):
        (tmp_path / "pyproject.toml").write_text(f"[project]\ndependencies = {wanted}\n", encoding="utf-8")
        (tmp_path / "constraints.txt").write_text("# tested\n" + "\n".join(tested), encoding="utf-8")
        for name, version in installed.items():
            info = tmp_path / "site-packages" / f"{name}-{version}.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        monkeypatch.setattr(doctor, "ROOT", tmp_path)
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site-packages")])
        return {finding.name: finding for finding in doctor.check_packages()}

    return packages


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


def test_a_torch_that_cannot_be_imported_is_told_once_with_a_remedy(monkeypatch):
    real = builtins.__import__

    def refuse(module, *args, **kwargs):
        if module.partition(".")[0] == "torchvision":
            raise ImportError("DLL load failed\nmore lines")
        return real(module, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "torchvision")
    monkeypatch.setattr(builtins, "__import__", refuse)
    findings = doctor.examine()
    assert [finding.name for finding in findings if finding.status == "fault"] == ["PyTorch"]
    assert "disk" in {finding.name for finding in findings}
    monkeypatch.setattr(doctor.sys, "platform", "win32")
    (finding,) = doctor.check_torch()
    assert "DLL load failed" in finding.detail and "Visual C++ Redistributable" in finding.remedy


def test_a_python_that_does_not_fit_or_lacks_lzma_is_a_fault(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    (finding,) = doctor.check_python()
    assert finding.status == "fault" and "liblzma-dev" in finding.remedy
    monkeypatch.setattr(doctor, "_project", lambda: {"requires-python": ">=3.97,<3.99"})
    (finding,) = doctor.check_python()
    assert finding.status == "fault" and "3.98" in finding.remedy


def test_versions_are_held_against_the_pins_and_those_that_were_tested(packages):
    wanted = ["pinned==2.14.1", "older==2", "range>=2", "gone-x>=4"]
    tested = ["range==2.4.6", "absent==1", "range==1 ; python_full_version < '3'", "other==1"]
    found = packages(wanted, tested, pinned="2.14.1+cpu", older="1.0", range="2.3.0", other="1")
    assert (found["pinned"].status, found["older"].status, found["gone-x"].status) == ("ok", "fault", "fault")
    assert "needs 2" in found["older"].detail and "not installed" in found["gone-x"].detail
    assert found["versions"].status == "warn" and "1 differ" in found["versions"].detail
    assert "range 2.3.0 (tested: 2.4.6)" in found["versions"].detail and ": pip install" not in found["older"].remedy


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


def test_the_task_prints_a_line_for_each_finding_and_the_remedy_below_or_json(monkeypatch, capsys):
    findings = [Finding("Python", "ok", "3.11"), Finding("data", "fault", "Ł.gz is missing.", "Fetch it.")]
    monkeypatch.setattr(task.doctor, "examine", lambda: findings)
    assert task.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "Python", "3.11"] and lines[1].startswith("FAULT data")
    assert lines[2].strip() == "-> Fetch it." and "1 fault." in lines[3]
    assert task.main(["--json"]) == 1
    said = capsys.readouterr().out
    assert said.isascii() and json.loads(said)["findings"][1] == findings[1]._asdict()
    monkeypatch.setattr(task.doctor, "examine", lambda: [Finding("browser", "warn", "none.", "Install one.")])
    assert task.main([]) == 0 and "no faults" in capsys.readouterr().out
