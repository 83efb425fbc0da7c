"""What pip and uv say, what the reader is told of it, and how uv is asked."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tools.environment import causes
from tools.environment import uv as _uv
from tools.environment.env import project, python_of

# As pip 23 to 26 and uv 0.13 really print it; uv's lines were provoked one by one.
SAID = [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk"),
    ("OSError: [WinError 112] There is not enough space on the disk", "disk"),
    ("  cause: failed to write to file `/x/y.so`: No space left on device (os error 28)", "disk"),
    ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: 'x'", "permission"),
    ("error: Failed to initialize cache at `/x`\n  cause: failed to create directory `/x`: Read-only file system "
     "(os error 30)", "permission"),
    ("  cause: failed to remove file `x\\torch.dll`: Access is denied. (os error 5)", "permission"),
    ("[WinError 32] The process cannot access the file: it is being used by another process", "in use"),
    ("The process cannot access the file because it is being used by another process. (os error 32)", "in use"),
    ("  cause: failed to copy file: The filename or extension is too long. (os error 206)", "long path"),
    ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication Required'))"
     "\nERROR: No matching distribution found for torch", "proxy"),
    ("  cause: error sending request for url (https://x/)\n  cause: client error (Connect)\n  cause: tunnel error: "
     "proxy authorization required", "proxy"),
    ("  cause: client error (Connect)\n  cause: tunnel error: failed to create underlying connection\n  cause: tcp "
     "connect error\n  cause: Connection refused (os error 111)", "proxy"),
    ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed "
     "certificate in chain'))\nERROR: No matching distribution found for torch", "tls"),
    ("error: Failed to fetch: https://x/simple/six/\n  cause: error sending request for url (https://x/simple/six/)\n"
     "  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer", "tls"),
    ("NewConnectionError('<...>: Failed to establish a new connection: [Errno -3] Temporary failure in name "
     "resolution')\nERROR: No matching distribution found for torch", "network"),
    ("pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(...): Read timed out.", "network"),
    ("error: Request failed after 3 retries in 6.4s\n  cause: Failed to fetch: https://x/simple/six/\n  cause: client "
     "error (Connect)\n  cause: dns error", "network"),
    ("error: Request failed after 3 retries in 18.4s\n  cause: operation timed out", "network"),
    ("  cause: Because six was not found in the cache and you require six, we can conclude that your requirements are "
     "unsatisfiable.\n\nhint: Packages were unavailable because the network was disabled.", "network"),
    ("ERROR: Could not find a version that satisfies the requirement torch==2.14.1 (from versions: 2.2.0, 2.2.2)\n"
     "ERROR: No matching distribution found for torch==2.14.1", "platform"),
    ("  cause: Because torch==2.14.1 has no wheels with a matching platform tag (e.g., `macosx_13_0_x86_64`) and you "
     "require torch==2.14.1, we can conclude that your requirements are unsatisfiable.", "platform"),
    ("  cause: Because the requested Python version (>=3.9) does not satisfy Python>=3.11 and numpy==2.4.0 depends on "
     "Python>=3.11, we can conclude that numpy==2.4.0 cannot be used.", "platform"),
    ("ERROR: Could not find a version that satisfies the requirement torch==2.14.1 (from versions: none)\n"
     "ERROR: No matching distribution found for torch==2.14.1", "missing"),
    ("  cause: Because x was not found in the package registry and you require x, we can conclude", "missing"),
    ("  cause: Because there is no version of six==99 and you require six==99, we can conclude", "missing"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "hashes"),
    ("error: Failed to download `six==1.17.0`\n  cause: Hash mismatch for `six==1.17.0`", "hashes"),
    ("error: subprocess-exited-with-error", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "kind"), SAID)
def test_the_words_of_pip_and_uv_are_turned_into_cause_and_remedy(said, kind):
    failure = causes.explain(said, "Installing PyTorch")
    assert failure.kind == kind
    assert failure.cause.startswith("Installing PyTorch failed") and len(failure.remedy) > 20


def test_an_old_arm_linux_is_told_what_openvino_needs():
    failure = causes.explain("Because openvino==1 has no wheels with a matching platform tag (e.g., `x`)", "It")
    assert "glibc 2.35" in failure.cause


# A run: in sight, with a second try where that may help


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run Python code as uv is run; `n` is the number of the try, from 1."""
    monkeypatch.setattr(_uv, "PAUSE_S", 0)

    def run(code, **more):
        count = f"import os, sys\nopen('tries', 'a').write('x')\nn = os.path.getsize('tries')\n{code}"
        monkeypatch.setattr(_uv, "ROOT", tmp_path)
        more = {"doing": "Testing", "log": tmp_path / "log", "env": os.environ, **more}
        return _uv.run([sys.executable, "-c", count], **more), (tmp_path / "tries").stat().st_size

    return run


def test_a_file_that_a_scanner_holds_is_tried_once_more(run, capsys):
    held = "if n == 1: sys.exit('Access is denied. (os error 5)')\nprint('good')"
    assert run(held) == ("good\n", 2)
    assert "Trying once more" in capsys.readouterr().out


def test_a_file_that_stays_in_use_is_told_after_the_second_try(run):
    with pytest.raises(causes.Failure, match="Close JupyterLab"):
        run("sys.exit('used by another process: it is being used by another process')")


def test_what_a_second_try_cannot_help_is_not_tried_again(run, tmp_path):
    with pytest.raises(causes.Failure, match="cannot be reached"):
        run("sys.exit('dns error')")
    assert (tmp_path / "tries").stat().st_size == 1


def test_in_a_terminal_the_program_draws_its_own_progress_and_a_second_try_finds_the_cause(run, monkeypatch, tmp_path):
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert run("print('drawn')") == ("", 1)
    (tmp_path / "tries").unlink()
    with pytest.raises(causes.Failure, match="the disk is full"):
        run("sys.exit('os error 28')")
    assert (tmp_path / "tries").stat().st_size == 2


def test_without_a_terminal_lines_are_shown_as_they_come_but_for_the_list_of_packages(run, capsys, tmp_path):
    run("print('Downloading torch (183.0MiB)')\nprint(' + six==1.17.0')\nprint(' - six==1.16.0')")
    assert capsys.readouterr().out.split("\n") == ["      Downloading torch (183.0MiB)", ""]
    assert "+ six==1.17.0" in (tmp_path / "log").read_text(encoding="utf-8")


# uv's settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The settings that follow from what pip and uv print of theirs."""

    def settings(pip="", cache=tmp_path / "cache"):
        answers = {"pip": pip, "uv": f"{cache}\n"}
        asked = SimpleNamespace(run=lambda words, **rest: SimpleNamespace(stdout=answers[words[2]]))
        monkeypatch.setattr(_uv, "subprocess", asked)
        return _uv.settings("python", tmp_path)

    for name in [name for name in os.environ if name.startswith(("UV_", "SSL_CERT", "ALL_PROXY"))]:
        monkeypatch.delenv(name)
    return settings


def test_pips_settings_hold_for_uv_too(settings):
    env = settings(
        "global.index-url='https://a.example/simple'\n:env:.cert='/c.pem'\nglobal.cert='/not-this.pem'\n"
        "global.extra-index-url='\\nhttps://b.example/s\\nhttps://c.example/s'\nglobal.find-links='/w /v'\n"
        "global.timeout='60'\n"
    )
    assert env["UV_DEFAULT_INDEX"] == "https://a.example/simple"
    assert env["UV_INDEX"] == "https://b.example/s https://c.example/s"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert env["UV_FIND_LINKS"] == "/w,/v" and env["SSL_CERT_FILE"] == "/c.pem"


def test_uvs_own_settings_come_before_those_of_pip(settings, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    assert (
        settings("global.index-url='https://a.example/simple'\n")["UV_DEFAULT_INDEX"] == "https://mine.example/simple"
    )


def test_without_settings_of_pip_uv_has_none(settings):
    new = {name for name in settings() if name.startswith("UV_")}
    assert new <= {"UV_SYSTEM_CERTS", "UV_COMPILE_BYTECODE"}


def test_where_links_fail_uv_copies_without_its_warning(settings, monkeypatch, tmp_path):
    def refuse(source, target):
        raise OSError(396, "The cloud operation cannot be performed on a file with incompatible hardlinks")

    monkeypatch.setattr(_uv.os, "link", refuse)
    assert settings()["UV_LINK_MODE"] == "copy"
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_done_without(settings, tmp_path):
    (tmp_path / "file").touch()
    env = settings(cache=tmp_path / "file" / "cache")
    assert env["UV_NO_CACHE"] == "1" and "UV_LINK_MODE" not in env


# The build of PyTorch, the disk


@pytest.fixture
def tries(monkeypatch, tmp_path):
    """Install into an empty environment; gives the backends that were asked for, in order, with what was done.

    `fails` maps (backend, dry run) to the kind of failure.
    """

    def install(fails=(), plan=" + torch==2.14.1", chosen="", torch="", whole=True):
        made = []

        def run(command, *, doing, log, env, show=True):
            backend, dry = env.get("UV_TORCH_BACKEND"), "--dry-run" in command
            made.append((backend, "plan" if dry else "install"))
            if (backend, dry) in dict(fails):
                raise causes.Failure("It failed.", "Do something.", dict(fails)[backend, dry])
            return plan

        given = {"UV_TORCH_BACKEND": chosen} if chosen else {}
        if torch:
            folder = tmp_path / "lib" / "site-packages" / f"torch-{torch}.dist-info"
            folder.mkdir(parents=True)
            (folder / ("INSTALLER" if whole else "METADATA")).touch()
        monkeypatch.setattr(_uv, "settings", lambda python, venv: given)
        monkeypatch.setattr(_uv, "run", run)
        monkeypatch.setattr(_uv, "need", lambda plan, venv: None)
        _uv.install(["torch"], into=tmp_path, log=tmp_path / "log")
        return made

    return install


def test_uv_chooses_the_build_of_pytorch(tries):
    assert tries() == [("auto", "plan"), ("auto", "install")]


@pytest.mark.parametrize("dry", [True, False])
def test_an_index_of_pytorch_that_fails_is_told_and_the_default_one_serves(tries, capsys, dry):
    made = tries({("auto", dry): "network"})
    assert made[-2:] == [(None, "plan"), (None, "install")]
    assert capsys.readouterr().out.count("\n") == 1


def test_a_full_disk_does_not_lead_to_the_larger_download(tries):
    with pytest.raises(causes.Failure) as caught:
        tries({("auto", False): "disk", (None, True): "other"})
    assert caught.value.kind == "disk"


def test_a_default_index_that_fails_too_ends_it(tries):
    with pytest.raises(causes.Failure):
        tries({("auto", True): "network", (None, True): "network"})


def test_a_build_that_the_user_chose_is_the_only_one(tries):
    assert tries(chosen="cu130") == [("cu130", "plan"), ("cu130", "install")]


PIN = next(line for line in project()["dependencies"] if line.startswith("torch==")).partition("==")[2]


@pytest.mark.parametrize("version", [PIN, f"{PIN}+cpu"])
def test_a_pytorch_that_is_there_stays_and_its_index_is_not_asked(tries, version):
    assert tries(torch=version) == [(None, "plan"), (None, "install")]


@pytest.mark.parametrize(("version", "whole"), [("1.0.0+cpu", True), (f"{PIN}9", True), (PIN, False)])
def test_for_another_pytorch_or_one_that_was_cut_off_the_build_is_chosen_anew(tries, version, whole):
    assert tries(torch=version, whole=whole) == [("auto", "plan"), ("auto", "install")]


@pytest.mark.parametrize(
    ("plan", "needed"),
    [
        (" + six==1.17.0", 0.8),
        (" + torch==2.14.1+cpu", 2),
        (" + torch==2.14.1", 2),
        (" + nvidia-cublas==13\n + torch==2.14.1", 7),
        (" + torch==2.14.1+cu130", 7),
    ],
)
def test_too_little_disk_is_told_before_the_download_with_both_figures(monkeypatch, tmp_path, plan, needed):
    monkeypatch.setattr(_uv.shutil, "disk_usage", lambda path: SimpleNamespace(free=needed * 1e9))
    _uv.need(plan, tmp_path)
    monkeypatch.setattr(_uv.shutil, "disk_usage", lambda path: SimpleNamespace(free=0.5e9))
    with pytest.raises(causes.Failure, match=rf"0\.5 GB free; this step needs about {needed:g} GB") as caught:
        _uv.need(plan, tmp_path)
    assert caught.value.kind == "disk" and "Free " in caught.value.remedy


@pytest.mark.skipif(not subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True).stdout,
                    reason="uv is not in this environment")  # fmt: skip
def test_a_package_whose_installation_was_cut_off_is_installed_again(tmp_path):
    """With the real uv, and a package of one file."""
    wheel = tmp_path / "one_file-1-py3-none-any.whl"
    write_wheel(wheel)
    uv = [sys.executable, "-m", "uv", "--offline", "--quiet"]
    subprocess.run([*uv, "venv", str(tmp_path / "venv"), "--python", sys.executable], check=True)
    install = [*uv, "pip", "install", "--python", str(python_of(tmp_path / "venv")), str(wheel)]
    subprocess.run(install, check=True)
    module = next(tmp_path.glob("venv/[lL]ib*/**/one_file.py"))
    module.unlink()
    next(tmp_path.glob("venv/[lL]ib*/**/one_file-1.dist-info/INSTALLER")).unlink()
    subprocess.run(install, check=True)
    assert not module.exists()  # uv by itself takes it for installed
    _uv.forget_half_installed(tmp_path / "venv")
    subprocess.run(install, check=True)
    assert module.exists()


def write_wheel(path):
    """Write a wheel of one module."""
    import zipfile

    records = {
        "METADATA": "Metadata-Version: 2.1\nName: one-file\nVersion: 1\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "one_file.py,,\none_file-1.dist-info/METADATA,,\none_file-1.dist-info/WHEEL,,\n"
        "one_file-1.dist-info/RECORD,,\n",
    }
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("one_file.py", "")
        for name, text in records.items():
            file.writestr(f"one_file-1.dist-info/{name}", text)
