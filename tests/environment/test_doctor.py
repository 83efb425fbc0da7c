"""The doctor: what it finds, that every fault has a remedy, and that it tells nothing about the user."""

import builtins
import json
import sys
from types import SimpleNamespace

import pytest
import torch

from course_utils import browser, data, doctor, runtime
from course_utils.doctor import Finding
from tools import doctor as task


@pytest.fixture
def healthy(monkeypatch):
    """Examinations that find nothing wrong, quickly; a test puts its own in."""
    monkeypatch.setattr(doctor, "EXAMINATIONS", [("Python", doctor.check_python)])
    return doctor.EXAMINATIONS


def only(name, check):
    """The finding `name` among those of one examination."""
    return next(finding for finding in check() if finding.name == name)


def refuse_import(monkeypatch, name):
    real = builtins.__import__

    def refuse(module, *args, **kwargs):
        if module.partition(".")[0] == name:
            raise ImportError(f"DLL load failed while importing {name}\nmore lines")
        return real(module, *args, **kwargs)

    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)


def test_here_every_point_is_examined_and_each_fault_has_a_remedy():
    findings = doctor.examine()
    names = {finding.name for finding in findings}
    assert {
        "Python",
        "torch",
        "torchvision",
        "versions",
        "PyTorch",
        "threads",
        "JupyterLab",
        "int8",
        "bf16",
        "C++ compiler",
        "memory",
        "disk",
        "data",
        "browser",
    } <= names
    assert all(finding.status in ("ok", "warn", "fault") and finding.detail for finding in findings)
    assert all(finding.remedy for finding in findings if finding.status != "ok")


def test_an_examination_that_raises_becomes_a_fault_and_the_others_go_on(healthy):
    healthy.insert(0, ("odd", lambda: 1 / 0))
    odd, python = doctor.examine()
    assert odd.name == "odd" and odd.status == "fault" and odd.remedy
    assert "ZeroDivisionError: division by zero" in odd.detail and "\n" not in odd.detail
    assert python.status == "ok"


def test_a_torch_that_cannot_be_imported_is_a_fault_with_a_remedy(monkeypatch):
    refuse_import(monkeypatch, "torchvision")
    (finding,) = doctor.check_torch()
    assert (finding.name, finding.status) == ("PyTorch", "fault")
    assert "DLL load failed" in finding.detail and "\n" not in finding.detail and finding.remedy
    monkeypatch.setattr(doctor.sys, "platform", "win32")
    (finding,) = doctor.check_torch()
    assert "Visual C++ Redistributable" in finding.remedy


def test_a_python_without_lzma_is_a_fault_that_names_one_that_has_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    (finding,) = doctor.check_python()
    assert (finding.name, finding.status) == ("Python", "fault") and "has no module lzma" in finding.detail
    assert "python.org" in finding.remedy and "liblzma-dev" in finding.remedy and doctor.START in finding.remedy


def test_without_torch_its_fault_is_told_once(monkeypatch):
    refuse_import(monkeypatch, "torchvision")
    findings = doctor.examine()
    assert [finding.name for finding in findings if finding.status == "fault"] == ["PyTorch"]
    assert {"disk", "browser"} <= {finding.name for finding in findings}


def test_versions_are_held_against_the_pins(monkeypatch):
    versions = {"torch": "1.0", "torchvision": "0.29.1", "numpy": "2.3.0"}
    project = {"dependencies": ["torch==2.14.1", "torchvision==0.29.1", "numpy>=2", "tqdm>=4"]}
    monkeypatch.setattr(doctor, "_version", versions.get)
    monkeypatch.setattr(doctor, "_project", lambda: project)
    monkeypatch.setattr(doctor, "_tested_versions", lambda: {"numpy": "2.4.6", "not-here": "1"})
    found = {finding.name: finding for finding in doctor.check_packages()}
    assert found["torch"].status == "fault" and "needs 2.14.1" in found["torch"].detail
    assert found["torchvision"].status == "ok"
    assert found["tqdm"].status == "fault" and "not installed" in found["tqdm"].detail
    assert found["versions"].status == "warn" and "numpy 2.3.0 (tested: 2.4.6)" in found["versions"].detail
    assert "not-here" not in found["versions"].detail  # not needed on this system


def installed(folder, name, version):
    """Put the metadata of a package into a folder, as an installer does."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    return folder


def test_a_local_label_is_no_other_version(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(installed(tmp_path / "site-packages", "torch", "2.14.1+cpu"))])
    monkeypatch.setattr(doctor, "_project", lambda: {"dependencies": ["torch==2.14.1"]})
    monkeypatch.setattr(doctor, "_tested_versions", lambda: {"torch": "2.14.1"})
    assert {finding.status for finding in doctor.check_packages()} == {"ok"}


def test_what_another_package_carries_inside_itself_is_not_installed(monkeypatch, tmp_path):
    folder = installed(tmp_path / "site-packages", "numpy", "2.4.6")
    inside = installed(folder / "setuptools" / "_vendor", "importlib-metadata", "8.7.1")
    monkeypatch.setattr(sys, "path", [str(folder), str(inside)])
    monkeypatch.setattr(doctor, "_project", lambda: {"dependencies": ["numpy>=2"]})
    monkeypatch.setattr(doctor, "_tested_versions", lambda: {"numpy": "2.4.6", "importlib-metadata": "10.2.0"})
    assert [finding.detail for finding in doctor.check_packages()] == ["all packages are as tested"]
    installed(folder, "importlib-metadata", "9.0")
    assert "importlib-metadata 9.0 (tested: 10.2.0)" in only("versions", doctor.check_packages).detail


def test_an_environment_inside_the_course_is_looked_at(monkeypatch, tmp_path):
    folder = installed(tmp_path / ".venv" / "lib" / "python3.11" / "site-packages", "numpy", "2.0")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(folder)])
    assert doctor._version("numpy") == "2.0"


def test_tested_versions_are_those_for_this_system_and_python(monkeypatch, tmp_path):
    (tmp_path / "constraints.txt").write_text(
        "# tested\nnumpy==2.4.6\ncolorama==0.4 ; sys_platform == 'no-such-system'\n"
        "soupsieve==2.10 ; python_full_version < '3'\nsoupsieve==4.1.1 ; python_full_version >= '3'\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert doctor._tested_versions() == {"numpy": "2.4.6", "soupsieve": "4.1.1"}


def test_every_line_of_the_constraints_is_understood():
    assert {"torch", "jupyterlab", "psutil"} <= set(doctor._tested_versions())


def test_the_remedy_is_a_command_that_a_learner_can_type(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "0.1")
    monkeypatch.setattr(doctor, "_tested_versions", lambda: {"numpy": "2.4.6"})
    remedy = only("versions", doctor.check_packages).remedy
    assert "in the folder of the course" in remedy and ": pip install" not in remedy


def test_without_the_repository_the_library_is_still_examined(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert only("Python", doctor.check_python).status == "ok"
    assert "not there" in only("versions", doctor.check_packages).detail


def test_a_python_that_does_not_fit_is_a_fault(monkeypatch):
    monkeypatch.setattr(doctor, "_project", lambda: {"requires-python": ">=3.97,<3.99"})
    finding = only("Python", doctor.check_python)
    assert finding.status == "fault" and "3.98" in finding.remedy


def test_threads_and_device_are_those_of_torch():
    before = torch.get_num_threads()
    with runtime.threads(1):
        assert only("threads", doctor.check_torch).detail.startswith("1 thread, ")
    with runtime.threads(2):
        assert only("threads", doctor.check_torch).detail.startswith("2 threads, ")
    assert torch.get_num_threads() == before
    assert only("PyTorch", doctor.check_torch).detail.startswith(f"{torch.__version__} computes on ")


def test_a_build_without_int8_engines_is_a_note(monkeypatch):
    monkeypatch.setattr(torch.backends, "quantized", SimpleNamespace(supported_engines=["none"]))
    finding = only("int8", doctor.check_int8)
    assert finding.status == "warn" and finding.remedy


@pytest.mark.parametrize(("fast", "said"), [(True, "in hardware"), (False, "not in hardware")])
def test_bf16_is_told_as_the_library_sees_it(monkeypatch, fast, said):
    monkeypatch.setattr(runtime, "has_fast_bf16", lambda: fast)
    assert only("bf16", doctor.check_bf16).detail.startswith(said)


@pytest.mark.parametrize(("free", "status"), [(50e9, "ok"), (0.5e9, "warn"), (0.1e9, "fault")])
def test_a_disk_that_is_nearly_full_is_told(monkeypatch, free, status):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    finding = only("disk", doctor.check_disk)
    assert finding.status == status and bool(finding.remedy) == (status != "ok")


def test_each_damaged_data_file_is_a_fault_with_its_own_remedy(monkeypatch):
    problems = [
        data.Problem("mnist/a.gz", "mnist/a.gz is truncated", "Fetch a."),
        data.Problem("mnist/b.gz", "mnist/b.gz is missing", "Fetch b."),
    ]
    monkeypatch.setattr(data, "verify", lambda: problems)
    found = list(doctor.check_data())
    assert [(f.status, f.detail, f.remedy) for f in found] == [
        ("fault", "mnist/a.gz is truncated.", "Fetch a."),
        ("fault", "mnist/b.gz is missing.", "Fetch b."),
    ]


def test_a_machine_without_a_browser_is_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "find_browser", lambda: None)
    assert only("browser", doctor.check_browser).status == "warn"


def test_a_browser_on_the_path_is_found(monkeypatch, tmp_path):
    program = str(tmp_path / "msedge.exe")
    monkeypatch.delenv("COURSE_BROWSER", raising=False)
    monkeypatch.setattr(browser.shutil, "which", lambda name: program if name == "msedge" else None)
    assert browser.find_browser() == tmp_path / "msedge.exe"


def test_a_browser_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_BROWSER", str(tmp_path / "mine"))
    assert browser.find_browser() is None
    (tmp_path / "mine").touch()
    assert browser.find_browser() == tmp_path / "mine"


def test_an_installed_browser_that_is_not_on_the_path_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_BROWSER", raising=False)
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    monkeypatch.setattr(browser.sys, "platform", "win32")
    monkeypatch.setenv("PROGRAMFILES", str(tmp_path))
    edge = tmp_path / "Microsoft" / "Edge" / "Application" / "msedge.exe"
    edge.parent.mkdir(parents=True)
    edge.touch()
    assert browser.find_browser() == edge


@pytest.mark.parametrize(
    "text",
    [
        "cannot read /home/erika/course/x",
        r"cannot read C:\Users\erika\x",
        "'C:\\\\Users\\\\erika\\\\x'",
        "cannot read /Users/erika/x",
        "c:/users/Erika/x",
    ],
)
def test_nothing_tells_who_the_user_is(healthy, text):
    def fail():
        raise RuntimeError(text)

    healthy.append(("odd", fail))
    assert "erika" not in json.dumps(doctor.examine()).lower()


def test_the_home_folder_and_the_course_are_not_named(healthy, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.Path, "home", lambda: tmp_path / "erika")
    healthy.append(("odd", lambda: [Finding("odd", "ok", f"{tmp_path / 'erika' / 'x'} {doctor.ROOT / 'data'}")]))
    detail = doctor.examine()[-1].detail
    assert str(tmp_path) not in detail and str(doctor.ROOT) not in detail
    assert "<home>" in detail and "<course>" in detail


# The task


def test_the_table_has_a_line_for_each_finding_and_the_remedy_below(monkeypatch, capsys):
    monkeypatch.setattr(
        task.doctor,
        "examine",
        lambda: [Finding("Python", "ok", "3.11"), Finding("data", "fault", "a.gz is missing.", "Fetch it.")],
    )
    assert task.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "Python", "3.11"]
    assert lines[1].startswith("FAULT data") and lines[2].strip() == "-> Fetch it."
    assert "1 fault." in lines[3]


def test_notes_are_no_faults(monkeypatch, capsys):
    monkeypatch.setattr(task.doctor, "examine", lambda: [Finding("browser", "warn", "none.", "Install one.")])
    assert task.main([]) == 0
    assert "no faults" in capsys.readouterr().out


def test_json_is_for_machines(monkeypatch, capsys):
    monkeypatch.setattr(task.doctor, "examine", lambda: [Finding("data", "fault", "Ł.gz is missing.", "Fetch it.")])
    assert task.main(["--json"]) == 1
    said = capsys.readouterr().out
    assert said.isascii(), "a console of any code page prints it"
    answer = json.loads(said)
    assert answer["faults"] == 1
    assert answer["findings"] == [
        {"name": "data", "status": "fault", "detail": "Ł.gz is missing.", "remedy": "Fetch it."}
    ]
